#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests that the benchmark does what it says: it ends, and reports each scenario. Not how fast
# anything is: that depends on the machine.

usage() {
	cat <<-END
	usage: tools/test-perf.sh BUILD_DIR [option of with-eal.sh...]
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
suite=benchmark
. tools/promise.sh
eal=("$@" --memory 1024)

perf=$build/app/test-fastmem-perf/dpdk-fastmem-perf

runs_quick() {
	tools/with-eal.sh "${eal[@]}" "$perf" -- --quick --json "$scratch/perf.json" &&
		app/test-fastmem-perf/dpdk-fastmem-perf-plot "$scratch/perf.json" \
			--svg "$scratch/perf.svg" --html "$scratch/perf.html"
}

scenarios() { "$perf" --list | awk '/^scenarios:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'; }

# Scenarios of two lcores are left out on a machine of one CPU.
reports_each_scenario() {
	scenarios >"$scratch/scenarios"
	[ -s "$scratch/scenarios" ] || { echo "--list lists no scenario"; return 1; }
	python3 - "$scratch/perf.json" "$scratch/scenarios" <<-'END'
	import json, os, sys
	results = json.load(open(sys.argv[1]))["results"]
	names = {r["scenario"].split()[0] for r in results}
	wanted = set(open(sys.argv[2]).read().split())
	if len(os.sched_getaffinity(0)) < 2:
	    wanted = {w for w in wanted if not w.startswith(("pipeline", "fan"))}
	missing = wanted - names
	assert not missing, "no result of %s" % ", ".join(sorted(missing))
	END
}

reports_sane_numbers() {
	python3 - "$scratch/perf.json" <<-'END'
	import json, sys
	for r in json.load(open(sys.argv[1]))["results"]:
	    for key in ("scenario", "allocator", "size", "lcores", "metric", "rounds"):
	        assert key in r, (key, r)
	    assert 0 <= r["min"] <= r["median"] <= r["max"], r
	    # Where EAL has the pages already, no more are kept; whatever else is measured is something.
	    assert r["min"] > 0 or r["metric"] in ("bytes_kept", "kept_over_live"), r
	    assert r["rounds"] >= 7, r
	END
}

draws_svg() { python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$scratch/perf.svg"; }

refuses_nonsense() { ! tools/with-eal.sh "${eal[@]}" "$perf" -- --scenario nonsense; }

step 'the quick run ends well' runs_quick
promise 'the JSON file has results of each scenario' reports_each_scenario
promise 'each result is complete: median between min and max, >= 7 rounds' reports_sane_numbers
promise 'the plot is well-formed SVG' draws_svg
promise 'a scenario that does not exist is refused' refuses_nonsense

promises_end
