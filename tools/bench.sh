#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The whole benchmark; arguments are options of dpdk-fastmem-perf, as: tools/bench.sh --size 64,256
# NATIVE=1: built for the CPU of this machine, as in a DPDK tree, instead of that of the installed DPDK.

. "$(dirname "$0")/common.sh"

tools/setup.sh demo
mkdir -p "$BUILD"
case "${NATIVE:-0}" in
0) build=$BUILD/demo native=false ;;
1) build=$BUILD/native native=true ;;
*) echo "NATIVE=$NATIVE: must be 0 or 1" >&2; exit 2 ;;
esac
build_in "$build" --buildtype=release -Dnative=$native

if huge_setup 768; then
	pages=--huge
else
	say "running on ordinary pages (--no-huge)"
	pages=--no-huge
fi

tools/with-eal.sh $pages --memory 1536 "$build/app/test-fastmem-perf/dpdk-fastmem-perf" -- \
	--table "$BUILD/bench.txt" --json "$BUILD/bench.json" "$@"
app/test-fastmem-perf/dpdk-fastmem-perf-plot "$BUILD/bench.json" --svg "$BUILD/bench.svg" \
	--html "$BUILD/bench.html"
say "the whole table: $BUILD/bench.txt; the picture: $BUILD/bench.svg; the page: $BUILD/bench.html"
