#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The whole benchmark; arguments are options of dpdk-fastmem-perf, as: tools/bench.sh --size 64,256

. "$(dirname "$0")/common.sh"

tools/setup.sh demo
mkdir -p "$BUILD"
build_in "$BUILD/demo" --buildtype=release

if huge_setup 768; then
	pages=--huge
else
	say "running on ordinary pages (--no-huge)"
	pages=--no-huge
fi

tools/with-eal.sh $pages --memory 1536 "$BUILD/demo/app/test-fastmem-perf/dpdk-fastmem-perf" -- \
	--json "$BUILD/bench.json" --plot "$BUILD/bench.svg" "$@"
