#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The whole benchmark; arguments are options of dpdk-fastmem-perf, as: tools/bench.sh --size 64,256

. "$(dirname "$0")/common.sh"

tools/setup.sh demo
mkdir -p "$BUILD"
build_in "$BUILD/demo" --buildtype=release

eal=(--no-pci -l "$(lcores 2)" --file-prefix "fastmem-bench-$$")
if huge_setup 768; then
	eal+=(--huge-unlink)
else
	say "running on ordinary pages (--no-huge)"
	eal+=(--no-huge -m 1536)
fi

"$BUILD/demo/app/test-fastmem-perf/dpdk-fastmem-perf" "${eal[@]}" -- \
	--json "$BUILD/bench.json" --plot "$BUILD/bench.svg" "$@"
