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

status=0
say "comparing, in less than 30 seconds if the CPUs are idle"
tools/with-eal.sh $pages --memory 1024 "$BUILD/demo/app/test-fastmem-perf/dpdk-fastmem-perf" -- \
	--quick --table "$BUILD/fastmem.txt" --json "$BUILD/fastmem.json" || status=$?
app/test-fastmem-perf/dpdk-fastmem-perf-plot "$BUILD/fastmem.json" --svg "$BUILD/fastmem.svg" \
	--html "$BUILD/fastmem.html"

say "the whole table: $BUILD/fastmem.txt; the picture: $BUILD/fastmem.svg; a page with a panel for"
say "each scenario: $BUILD/fastmem.html; for programs: $BUILD/fastmem.json"
[ $status = 0 ] || say "a scenario could not be measured: see the notes above"
exit $status
