# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""An lcore's calls beside a control thread that allocates, too: dpdk-fastmem-perf --scenario load.

The library has the names of rte_malloc, and EAL's own functions are called beside it, in turn.
"""

import json
import os
import subprocess

from side import SERVE, Failed, Figure, wrapper

ALLOCATORS = {
    "floor": "no allocator",
    "rte_malloc_eal": "EAL's rte_malloc",
    "rte_malloc": "preloaded library",
    "rte_malloc_header": "drop-in header",
    "fastmem": "rte_fastmem_alloc",
}
# Rounds of 50 ms for each of the 5 allocators in 3 conditions: two minutes, 30 seconds of them with
# all four threads on fastmem by whatever name.
ROUNDS = 160
QUICK_ROUNDS = 7
PATIENCE = 900


def measure(args, table):
    table.section("load", "p99.9 of an lcore's call, without and with a control thread that allocates")
    path = wrapper(os.path.join(args.scratch, "load"), args.perf, SERVE, args.library, reports=False)
    options = ["--", "--scenario", "load", "--allocator", ",".join(ALLOCATORS),
               "--json", path + ".json"]
    options += ["--quick"] if args.quick else ["--rounds", str(ROUNDS)]
    done = subprocess.run(args.launcher + [path] + options, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=PATIENCE,
                          check=False)
    if done.returncode != 0:
        raise Failed("the load does not run:\n%s" % (done.stdout + done.stderr)[-2000:])
    with open(path + ".json", encoding="utf-8") as f:
        found = json.load(f)
    cycles = {(r["allocator"], r["metric"]): r["median"] for r in found["results"]}
    goals = {g["goal"]: g for g in found["goals"]}
    for allocator, title in ALLOCATORS.items():
        figures = {}
        for quantile in ("p50", "p99_9"):
            goal = goals.get("%s_%s_with_over_without" % (allocator, quantile))
            figure = Figure("cycles", goal and goal["at_most"])
            figure.add(*(cycles[allocator, "%s_cycles_%s" % (quantile, condition)]
                         for condition in ("without", "with")))
            figure.known_ratio = goal and goal["median"]
            figures[quantile.replace("_", ".") + " cycles"] = figure
        table.add(title, figures)
