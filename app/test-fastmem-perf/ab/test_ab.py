#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""What the comparison makes of what it is told: ratios, goals, reports, tables, figures of DPDK's."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../../tools")]

import malloc_perf  # noqa: E402  pylint: disable=wrong-import-position
import side  # noqa: E402  pylint: disable=wrong-import-position
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "ab_autotest"
REPORT = """program dpdk-testpmd
tsc_hz 2000000000
calls 400
cycles 6000000
calls.small 399
cycles.small 1000000
peak_pages_bytes 2097152
peak_rss_bytes 1048576
peak_heap_allocated_bytes 123456
"""

MALLOC_PERF = """USER1: Reference: memset
USER1: Result: 13.140158.3 GiB/s <=> 74.32 us/MiB
USER1: Performance: rte_malloc
USER1:     Size (B)    Runs  Alloc (us)   Free (us)  Total (us)      memset (us)
USER1:           64   10000        0.05        0.02        0.07             0.01
USER1:      1048576    1534        3.22       40.85       44.07           318.84
USER1:   1073741824 Interrupted: out of memory.
USER1: Performance: rte_memzone_reserve
USER1:     Size (B)    Runs  Alloc (us)   Free (us)  Total (us)  est.memset (us)
USER1:           64    2559       16.85        0.07       16.92             0.00
"""


def figure(pairs, goal=None):
    made = side.Figure("s", goal)
    for pair in pairs:
        made.add(*pair)
    return made


class Ab(unittest.TestCase):
    def setUp(self):
        self.dir = self.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(self.dir, "program")

    def report(self, text):
        with open(self.path, "w", encoding="ascii") as f:
            f.write(text)

    def table(self, *rows):
        table = side.Table()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            table.section("section", "what")
            for subject, figures in rows:
                table.add(subject, figures)
            table.summary()
        return table, said.getvalue()

    def test_the_ratio_is_the_median_of_the_rounds_ratios(self):
        # The ratio of the medians would be 2 / 10.
        self.assertEqual(figure([(10, 2), (100, 1), (1, 3)]).ratio(), 0.2)
        self.assertEqual(figure([(10, 1), (2, 2), (4, 8)]).ratio(), 1)

    def test_a_goal_is_met_up_to_its_bound_and_not_beyond(self):
        self.assertTrue(figure([(10, 1)], 0.1).is_met())
        self.assertFalse(figure([(10, 1.1)], 0.1).is_met())
        self.assertTrue(figure([(10, 10)], 1).is_met())
        self.assertFalse(figure([(10, 10.2)], 1).is_met())
        self.assertIsNone(figure([(10, 10)]).is_met())

    def test_what_is_not_met_is_printed_as_that_in_the_table_and_in_the_end(self):
        _, said = self.table(("program", {"good": figure([(10, 1)], 0.1),
                                          "bad": figure([(10, 2)], 0.1)}))
        self.assertRegex(said, r"good +10 s +1 s +0\.10 +at most 0\.1: met")
        self.assertRegex(said, r"bad +10 s +2 s +0\.20 +at most 0\.1: NOT met")
        self.assertIn("1 of 2 goals are met; not these:", said)
        self.assertIn("section, program, bad: 0.20, goal at most 0.1", said)

    def test_what_the_library_could_not_do_is_a_goal_not_met(self):
        failed = figure([], 1)
        failed.fail("no memory with the library")
        table, said = self.table(("program", {"line": failed}))
        self.assertRegex(said, "line +no memory with the library: NOT met")
        self.assertIn("0 of 1 goals are met", said)
        table.write(self.path)
        with open(self.path, encoding="utf-8") as f:
            self.assertEqual(json.load(f)[0]["met"], False)

    def test_every_row_is_in_the_file_for_machines(self):
        table, _ = self.table(("a", {"x": figure([(4, 1), (4, 2), (4, 3)], 1), "y": "not run: why"}))
        table.write(self.path)
        with open(self.path, encoding="utf-8") as f:
            rows = json.load(f)
        self.assertEqual(rows, [
            {"section": "section", "subject": "a", "figure": "x", "unit": "s", "without": 4,
             "with": 2, "ratio": 0.5, "rounds": 3, "at_most": 1, "met": True},
            {"section": "section", "subject": "a", "figure": "y", "why": "not run: why"}])

    def test_a_report_is_read(self):
        self.report(REPORT)
        report = side.report(self.path)
        self.assertEqual(report["calls"], 400)
        self.assertEqual(side.seconds(report), 0.003)
        self.assertEqual(side.seconds(report, "cycles.small"), 0.0005)
        self.assertEqual(side.peak_bytes(report, False), 3 << 20)
        self.assertEqual(side.peak_bytes(report, True), 1 << 20)

    def test_a_library_that_reports_nothing_or_no_call_is_an_error(self):
        with self.assertRaisesRegex(side.Failed, "has not reported"):
            side.report(self.path)
        self.report(REPORT.replace("calls 400", "calls 0"))
        with self.assertRaisesRegex(side.Failed, "no call"):
            side.report(self.path)
        self.report(REPORT.replace("peak_pages", "other"))
        with self.assertRaisesRegex(side.Failed, "says no peak_pages_bytes"):
            side.report(self.path)

    def test_only_the_program_is_preloaded_and_only_on_the_side_that_is(self):
        for mode, said in ((side.PLAIN, "|||"), (side.COUNT, "lib.so|count|%s.report|"),
                           (side.SERVE, "lib.so|on|%s.report|")):
            side.wrapper(self.path, "/bin/sh", mode, "lib.so", to=self.path + ".report")
            with open(self.path, encoding="ascii") as f:
                script = f.read().replace("exec '/bin/sh' \"$@\"", 'echo "%s|"' % "|".join(
                    "$" + name for name in ("LD_PRELOAD", "RTE_FASTMEM_MALLOC",
                                            "RTE_FASTMEM_MALLOC_REPORT")))
            script = script.replace("LD_PRELOAD=", "PRELOAD=").replace("$LD_PRELOAD", "$PRELOAD")
            done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": os.environ["PATH"]},
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout.strip(), said.replace("%s", self.path), mode)
            self.assertGreater(side.began(self.path), 1e9)

    def test_each_mode_is_first_in_turn(self):
        self.assertEqual([side.turn(i, side.MODES)[0] for i in range(3)], list(side.MODES))
        self.assertEqual(set(side.turn(1, side.MODES)), set(side.MODES))

    def test_each_line_of_malloc_perf_autotest_is_read(self):
        self.assertEqual(malloc_perf.parse(MALLOC_PERF), {
            ("rte_malloc", 64): 0.07, ("rte_malloc", 1048576): 44.07,
            ("rte_memzone_reserve", 64): 16.92})

    def test_only_lines_that_fastmem_serves_have_a_goal(self):
        self.assertEqual(malloc_perf.make_figure(("rte_malloc", 1 << 20)).goal, 1)
        self.assertIsNone(malloc_perf.make_figure(("rte_malloc", 1 << 21)).goal)


if __name__ == "__main__":
    sys.exit(unit.main())
