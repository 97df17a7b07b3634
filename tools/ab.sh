#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Programs of DPDK with and without the library that replaces rte_malloc: builds, and compares.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/ab.sh [option of app/test-fastmem-perf/ab/ab.py...]

	Compares unmodified programs, recorded traces and malloc_perf_autotest with and without
	librte_fastmem_malloc.so, an lcore's calls beside a control thread, and mempools of testpmd; a
	few minutes.
	  --quick             one round: shows that it runs
	  --rounds N          rounds of each comparison (3)
	  --section NAME      only programs, traces, malloc_perf_autotest, load or mempools; can be
	                      repeated
	  --program NAME      of the programs only testpmd, eventdev-perf, pipeline-lpm, fib, proc-info
	                      or openvswitch; can be repeated

	Environment: HUGE=auto|yes|no (huge pages), BUILD=dir. Figures: BUILD/ab.json.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac

tools/setup.sh test
mkdir -p "$BUILD"
build_in "$BUILD/demo" --buildtype=release

# Of which malloc_perf_autotest wants the most: 1 GiB at once, and some more.
if huge_setup 800; then
	pages=--huge
else
	say "running on ordinary pages (--no-huge)"
	pages=--no-huge
fi

app/test-fastmem-perf/ab/ab.py --build "$BUILD/demo" --json "$BUILD/ab.json" "$@" -- \
	tools/with-eal.sh $pages
