#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Build, and compare fastmem with the other allocators, on synthetic and on recorded input.

. "$(dirname "$0")/common.sh"

case "${1:-}" in
'') ;;
-h|--help) sed -n '5s/^# //p' "$0"; echo 'No arguments. Environment: HUGE=auto|yes|no (huge pages), BUILD=dir.'; exit ;;
*) echo "$0: no arguments, see --help" >&2; exit 2 ;;
esac

tools/setup.sh demo
say "building into $BUILD/demo"
mkdir -p "$BUILD"
build_in "$BUILD/demo" --buildtype=release

if huge_setup 512; then
	pages=--huge
else
	say "running on ordinary pages (--no-huge)"
	pages=--no-huge
fi

say "comparing, in less than 20 seconds"
tools/with-eal.sh $pages --memory 1024 "$BUILD/demo/app/test-fastmem-perf/dpdk-fastmem-perf" -- \
	--quick --json "$BUILD/fastmem.json" --plot "$BUILD/fastmem.svg"

say "the plot is in $BUILD/fastmem.svg, the figures are in $BUILD/fastmem.json"
