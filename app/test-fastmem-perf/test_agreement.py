#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Benchmarks of the same thing agree: 30 processes, each allocator the first in turn.

Of each process the best round counts: what else the machine does makes rounds slower, and what a
wrong calibration does, it does to all rounds of a process. A CPU whose other hyperthread is busy is
slower for seconds; so figures are parts of those of an array used as a stack, in the same process.
"""

import json
import subprocess
import sys
import tempfile

PROCESSES = 30
REFERENCE = "floor"
ALLOCATORS = ["fastmem", "fastmem_handle", "mempool", REFERENCE]
SCENARIOS = ["tight", "bulk8", "bulk32"]
WORST_OVER_BEST = 1.3
EAL = ["--no-huge", "-m", "256", "--no-pci", "--no-shconf", "--no-telemetry", "-l", "0"]


def measure(program, order):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([program, *EAL, "--", "--quick", "--size", "256", "--scenario",
                        ",".join(SCENARIOS), "--allocator", ",".join(order), "--json", out.name],
                       check=True, timeout=100, capture_output=True)
        best = {(r["scenario"], r["allocator"]): r["min"] for r in json.load(out)["results"]}
    return {(s, a): cycles / best[s, REFERENCE] for (s, a), cycles in best.items()}


def main():
    seen = {(s, a): [] for s in SCENARIOS for a in ALLOCATORS if a != REFERENCE}
    for i in range(PROCESSES):
        first = i % len(ALLOCATORS)
        for key, ratio in measure(sys.argv[1], ALLOCATORS[first:] + ALLOCATORS[:first]).items():
            seen.get(key, []).append(ratio)
    failed = 0
    for (scenario, allocator), ratios in seen.items():
        agree = len(ratios) == PROCESSES and max(ratios) <= WORST_OVER_BEST * min(ratios)
        failed += not agree
        print("perf_agreement.%s_%s: %s  %.2f to %.2f times %s"
              % (scenario, allocator, "ok" if agree else "FAILED", min(ratios), max(ratios), REFERENCE))
    print("%d passed, %d failed" % (len(seen) - failed, failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
