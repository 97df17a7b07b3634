#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Compares programs of DPDK with and without the library that replaces rte_malloc.

For unmodified programs and their mempools, for recorded traces, and by DPDK's own measurement of rte_malloc: time
inside allocation, number of calls, peak memory, start-up and wall time. Rounds are interleaved, and
ratios are medians of the rounds' ratios. A goal that is not met is printed as that: the exit status
only says whether all could be measured.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile

import drive
import load
import malloc_perf
import mempools
import traces
from side import Failed, Table

SECTIONS = {"programs": drive, "traces": traces, "malloc_perf_autotest": malloc_perf, "load": load,
            "mempools": mempools}
HERE = os.path.dirname(os.path.abspath(__file__))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="meson build directory with the library")
    parser.add_argument("--library", help="librte_fastmem_malloc.so (that of the build directory)")
    parser.add_argument("--quick", action="store_true", help="one round: shows that it runs")
    parser.add_argument("--rounds", type=int, help="rounds of each comparison (3)")
    parser.add_argument("--section", action="append", choices=sorted(SECTIONS),
                        help="only this one (all); can be repeated")
    parser.add_argument("--program", action="append", choices=sorted(drive.PROGRAMS),
                        help="of the programs only this one; can be repeated")
    parser.add_argument("--json", help="write the figures for machines")
    parser.add_argument("launcher", nargs="+", help="what starts programs on EAL, after --")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 3)
    args.no_huge = "--no-huge" in args.launcher
    build = os.path.abspath(args.build)
    args.library = args.library or os.path.join(build, "lib/fastmem_malloc/librte_fastmem_malloc.so")
    args.perf = os.path.join(build, "app/test-fastmem-perf/dpdk-fastmem-perf")
    args.trace_tool = os.path.join(build, "app/test-fastmem-perf/recorder/dpdk-fastmem-trace")
    args.dpdk_test = os.environ.get("DPDK_TEST_PROGRAM") or shutil.which("dpdk-test")
    args.traces = os.path.join(HERE, "../traces")
    return args


def check(args):
    """What would otherwise be found out after a long time."""
    for path in (args.library, args.perf, args.trace_tool):
        if not os.path.exists(path):
            raise Failed("not built: %s" % path)
    if not args.dpdk_test:
        raise Failed("no dpdk-test: apt-get install dpdk-dev")
    if args.json:
        with open(args.json, "a", encoding="utf-8"):
            pass


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    table = Table()
    status = 0
    with tempfile.TemporaryDirectory(prefix="fastmem-ab.") as args.scratch:
        try:
            check(args)
            for name, section in SECTIONS.items():
                if not args.section or name in args.section:
                    section.measure(args, table)
        except (Failed, OSError) as error:
            print("error: %s" % error, file=sys.stderr)
            status = 1
    if status == 0:
        table.summary()
        if args.json:
            table.write(args.json)
            print("wrote %s" % args.json)
    return status


if __name__ == "__main__":
    sys.exit(main())
