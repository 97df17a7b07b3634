# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Recorded traces, replayed by the names of rte_malloc, with and without the library.

The time is taken in one process, in which the library has the names and EAL's own functions are
called beside it: rounds in turn, no clock between calls. The peak is taken in two processes, one
on each side. A replay does nothing but allocate, so its wall time is the time in allocation.
"""

import glob
import json
import os
import re
import subprocess

from side import COUNT, SERVE, Failed, Figure, peak_bytes, report, turn, wrapper

PATIENCE = 300
GOAL = "rte_malloc_over_rte_malloc_eal"


def replay(args, trace, path, allocators):
    """What dpdk-fastmem-perf has measured."""
    out = path + ".json"
    options = ["--", "--scenario", "replay", "--trace", trace, "--allocator", allocators,
               "--json", out] + (["--quick"] if args.quick else [])
    done = subprocess.run(args.launcher + ["--memory", "1024", path] + options,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise Failed("%s is not replayed:\n%s" % (trace, (done.stdout + done.stderr)[-2000:]))
    with open(out, encoding="utf-8") as f:
        return json.load(f)


def count_calls(args, trace):
    """Of the trace, and of the part that is replayed: what is too large, say, is left out."""
    done = subprocess.run([args.trace_tool, "info", trace], capture_output=True, text=True, check=True)
    return int(re.search(r"operations +(\d+)", done.stdout).group(1))


def measure_time(args, trace, scratch, figures, seconds):
    """seconds: what a cycle of each call takes, for all calls of the trace."""
    path = wrapper(scratch + ".time", args.perf, SERVE, args.library)
    found = replay(args, trace, path, "rte_malloc,rte_malloc_eal")
    cycles = {r["allocator"]: r["median"] for r in found["results"] if r["metric"] == "cycles_per_op"}
    goal = [g for g in found["goals"] if g["goal"] == GOAL]
    if not goal:
        raise Failed("%s: the library has not taken the names of rte_malloc" % trace)
    figures["time in allocation"].add(*(cycles[a] * seconds for a in ("rte_malloc_eal", "rte_malloc")))
    figures["time in allocation"].known_ratio = goal[0]["median"]


def measure_peaks(args, trace, scratch, figures):
    peaks = {}
    for mode in turn(0, (COUNT, SERVE)):
        path = wrapper("%s.%s" % (scratch, mode), args.perf, mode, args.library,
                       to="%s.%s.report" % (scratch, mode))
        replay(args, trace, path, "rte_malloc")
        peaks[mode] = report(path + ".report")
    figures["peak memory"].add(*(peak_bytes(peaks[m], args.no_huge) for m in (COUNT, SERVE)))
    figures["  used in EAL's heap"].add(*(peaks[m]["peak_heap_allocated_bytes"] for m in (COUNT, SERVE)))
    return peaks[SERVE]["tsc_hz"]


def measure_trace(args, trace, scratch):
    calls = count_calls(args, trace)
    figures = {
        "calls": Figure("calls"),
        "time in allocation": Figure("s", 0.1),
        "peak memory": Figure("bytes", 1),
        "  used in EAL's heap": Figure("bytes"),
    }
    figures["calls"].add(calls, calls)
    tsc_hz = measure_peaks(args, trace, scratch, figures)
    measure_time(args, trace, scratch, figures, calls / tsc_hz)
    return figures


def measure(args, table):
    table.section("traces", "recorded calls of real programs, replayed by the names of rte_malloc")
    for trace in sorted(glob.glob(os.path.join(args.traces, "*.trace"))):
        name = os.path.splitext(os.path.basename(trace))[0]
        table.add(name, measure_trace(args, trace, os.path.join(args.scratch, name)))
