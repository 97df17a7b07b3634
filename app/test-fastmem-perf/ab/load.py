# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""An lcore's calls beside a control thread that allocates, too: dpdk-fastmem-perf --scenario load.

Once with the library, which has the names of rte_malloc, and EAL's own functions beside it in turn;
once without, by the drop-in header's names and fastmem's own, as that program has fastmem linked in.
"""

import json
import os
import subprocess

from side import PLAIN, SERVE, Failed, Figure, wrapper

RUNS = (
    (SERVE, {
        "floor": "no allocator",
        "rte_malloc_eal": "EAL's rte_malloc",
        "rte_malloc": "preloaded library",
    }),
    (PLAIN, {
        "rte_malloc_header": "drop-in header",
        "fastmem": "rte_fastmem_alloc",
    }),
)
# Of 50 ms, for each allocator in 5 conditions: fastmem, by whatever name, is under load for a minute.
ROUNDS = 80
QUICK_ROUNDS = 7
PATIENCE = 900


def run(args, mode, allocators):
    """The cycles by (allocator, metric), and the goals by name."""
    path = wrapper(os.path.join(args.scratch, "load." + mode), args.perf, mode, args.library)
    options = ["--", "--scenario", "load", "--allocator", ",".join(allocators),
               "--json", path + ".json"]
    options += ["--quick", "--rounds", str(QUICK_ROUNDS)] if args.quick else ["--rounds", str(ROUNDS)]
    done = subprocess.run(args.launcher + [path] + options, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=PATIENCE,
                          check=False)
    if done.returncode != 0:
        raise Failed("the load does not run:\n%s" % (done.stdout + done.stderr)[-2000:])
    with open(path + ".json", encoding="utf-8") as f:
        found = json.load(f)
    return ({(r["allocator"], r["metric"]): r["median"] for r in found["results"]},
            {g["goal"]: g for g in found["goals"]})


def figures_of(allocator, cycles, goals):
    figures = {}
    for quantile in ("p50", "p99_9"):
        goal = goals.get("%s_%s_with_over_without" % (allocator, quantile))
        figure = Figure("cycles", goal and goal["at_most"])
        figure.add(*(cycles[allocator, "%s_cycles_%s" % (quantile, condition)]
                     for condition in ("without", "with")))
        figure.known_ratio = goal and goal["median"]
        figures[quantile.replace("_", ".") + " cycles"] = figure
    return figures


def measure(args, table):
    table.section("load", "cycles of an lcore's call, without and with a control thread that allocates")
    for mode, allocators in RUNS:
        cycles, goals = run(args, mode, allocators)
        if not any(goal.startswith("rte_malloc") for goal in goals):
            raise Failed("load: the library has not taken the names of rte_malloc")
        for allocator, title in allocators.items():
            table.add(title, figures_of(allocator, cycles, goals))
