#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""The most memory that a recorded trace takes, with rte_malloc preloaded, over EAL's own heap.

As "make ab" has it: ordinary memory and huge pages of the whole process, in which one page more or
less is some 7 % of the smaller traces. Counts, no times: any machine will do. Traces of several
threads differ by a page from run to run, as threads meet.
"""

import argparse
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path[:0] = [os.path.join(TOP, "tools"), os.path.join(TOP, "app/test-fastmem-perf/ab")]
from side import Figure  # noqa: E402  pylint: disable=wrong-import-position
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
import traces  # noqa: E402  pylint: disable=wrong-import-position

AT_MOST = 1.10  # the goal
parser = argparse.ArgumentParser()
parser.add_argument("perf", help="dpdk-fastmem-perf")
parser.add_argument("library", help="librte_fastmem_malloc.so")
parser.add_argument("launcher", nargs="+", help="what starts a program on EAL")


class Peaks(unittest.TestCase):
    """One case for each trace."""

    def check(self, name, at_most=AT_MOST):
        figures = {"peak memory": Figure("bytes"), "  used in EAL's heap": Figure("bytes")}
        with tempfile.TemporaryDirectory(prefix="fastmem-peaks.") as scratch:
            traces.measure_peaks(ARGS, os.path.join(TRACES, name + ".trace"),
                                 os.path.join(scratch, name), figures)
        ratio = figures["peak memory"].ratio()
        print("%s: %.3f" % (name, ratio), file=sys.stderr)
        self.assertLessEqual(ratio, at_most)

    def test_the_hash_suites_take_little_more_than_on_eal(self):
        self.check("dpdk-test-hash")

    def test_random_sizes_take_little_more_than_on_eal(self):
        # Of 60 sizes, few objects each, in the caches of two threads: two pages more than on EAL's
        # heap, or three, as threads meet.
        self.check("dpdk-test-malloc", 1.20)

    def test_open_vswitch_takes_little_more_than_on_eal(self):
        self.check("openvswitch")

    def test_sqlite_takes_little_more_than_on_eal(self):
        self.check("sqlite3")

    def test_testpmd_takes_little_more_than_on_eal(self):
        self.check("testpmd")

    def test_testpmd_with_malloc_takes_little_more_than_on_eal(self):
        self.check("testpmd-libc")


if __name__ == "__main__":
    ARGS = parser.parse_args()
    ARGS.quick = True
    ARGS.no_huge = False
    TRACES = os.path.join(TOP, "app/test-fastmem-perf/traces")
    sys.exit(unit.main())
