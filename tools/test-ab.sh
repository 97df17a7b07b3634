#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests that the comparison with and without the replacement of rte_malloc runs, and that its table is
# complete. Not how fast anything is: that depends on the machine.

usage() {
	cat <<-END
	usage: tools/test-ab.sh BUILD_DIR [option of with-eal.sh...]
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
suite=ab
. tools/promise.sh
eal=("$@")

# ab OPTION...: of ab.py
ab() {
	app/test-fastmem-perf/ab/ab.py --build "$build" --quick "$@" -- tools/with-eal.sh \
		${eal[@]+"${eal[@]}"}
}

# section NAME: its figures go to a file
section() { ab --section "$1" --json "$scratch/$1.json"; }

# has SECTION: python statements on its rows in `figures`, {subject: {figure: row}}
has() {
	python3 - "$scratch/$1.json" "$(cat)" <<-'END'
	import json, sys
	figures = {}
	for row in json.load(open(sys.argv[1])):
	    figures.setdefault(row["subject"], {})[row["figure"]] = row
	def measured(row):
	    assert row["without"] > 0 and row["with"] > 0 and row["rounds"] >= 1, row
	def judged(row, bound):
	    measured(row)
	    assert row["at_most"] == bound and row["met"] == (round(row["ratio"], 2) <= bound), row
	exec(sys.argv[2])
	END
}

# Left out may be what cannot run here; not all of it.
programs_are_complete() {
	has programs <<-'END'
	assert set(figures) == {"dpdk-testpmd", "dpdk-test-eventdev", "dpdk-test-pipeline",
	                        "dpdk-test-fib", "dpdk-proc-info", "Open vSwitch"}, figures.keys()
	n = 0
	for subject, rows in figures.items():
	    if "all" in rows:
	        assert rows["all"]["why"].startswith("not run: "), rows
	        assert subject in ("dpdk-test-pipeline", "dpdk-proc-info"), subject
	        continue
	    n += 1
	    judged(rows["time in allocation"], 0.1)
	    judged(rows["peak memory"], 1)
	    if "why" not in rows["start-up"]:
	        judged(rows["start-up"], 1)
	    measured(rows["calls"])
	    measured(rows["wall time"])
	assert n >= 4, n
	END
}

traces_are_complete() {
	has traces <<-'END'
	import glob, os
	traces = glob.glob("app/test-fastmem-perf/traces/*.trace")
	assert traces and set(figures) == {os.path.basename(t)[:-len(".trace")] for t in traces}
	for rows in figures.values():
	    measured(rows["calls"])
	    judged(rows["time in allocation"], 0.1)
	    judged(rows["peak memory"], 1)
	END
}

# Each size of 22.11's, by either function. The first few are fastmem's.
malloc_perf_is_complete() {
	has malloc_perf_autotest <<-'END'
	if list(figures) != [""]:
	    assert set(figures) == {"rte_malloc", "rte_zmalloc"}, figures.keys()
	    for rows in figures.values():
	        assert len(rows) >= 8, rows.keys()
	        for size in (64, 128, 1024, 4096, 65536, 1048576):
	            assert rows["%d B" % size]["at_most"] == 1
	            assert rows["%d B" % size]["met"] is not None
	else:
	    assert figures[""]["malloc_perf_autotest"]["why"].startswith("not run: ")
	END
}

load_is_complete() {
	has load <<-'END'
	assert len(figures) == 5, figures.keys()
	for subject, rows in figures.items():
	    measured(rows["p50 cycles"])
	    measured(rows["p99.9 cycles"])
	    if subject in ("preloaded library", "drop-in header", "rte_fastmem_alloc"):
	        judged(rows["p99.9 cycles"], 1.2)
	END
}

mempools_are_complete() {
	has mempools <<-'END'
	assert set(figures) == {"dpdk-testpmd"}, figures.keys()
	rows = figures["dpdk-testpmd"]
	for mode in ("io", "macswap", "rxonly", "txonly"):
	    judged(rows[mode], 1.02)
	judged(rows["memory"], 1)
	measured(rows["start-up"])
	END
}

# What is preloaded is a library, but not this one.
no_library=$(gcc -print-file-name=libm.so.6)
finds_out_that_nothing_is_replaced() {
	! ab --library "$no_library" --section "$1" --program fib >"$scratch/refused" 2>&1 &&
		grep -q "$2" "$scratch/refused"
}

for s in programs traces malloc_perf_autotest load mempools; do
	step "$s: the quick comparison ends well" section $s
done
promise 'programs: each has calls, times and peak memory, and goals' programs_are_complete
promise 'traces: each has them, too' traces_are_complete
promise 'malloc_perf_autotest: each line that there is' malloc_perf_is_complete
promise 'load: by each name, with and without' load_is_complete
promise 'mempools: memory, and each way to forward' mempools_are_complete
promise 'programs: that nothing is replaced is found out' \
	finds_out_that_nothing_is_replaced programs 'has not reported'
promise 'traces: that nothing is replaced is found out' \
	finds_out_that_nothing_is_replaced traces 'has not reported'
promise 'load: that nothing is replaced is found out' \
	finds_out_that_nothing_is_replaced load 'has not taken the names'

promise 'mempools: that nothing is replaced is found out' \
	finds_out_that_nothing_is_replaced mempools 'its mempools are of ops'

promises_end
