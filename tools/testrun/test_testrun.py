#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""What tools/run-tests.py makes of tests that fail, hang, crash, tell nothing or do not exist.

usage: test_testrun.py [dpdk-fastmem-test] [case...]
"""

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))

from testrun import catalogue, job, report, schedule, unit, variants  # noqa: E402

SUITE = "runner"
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else None
RUN = os.path.join(TOP, "tools/run-tests.py")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Planted(unittest.TestCase):
    """Runs shell scripts as if they were tests."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name
        self.variant = variants.Variant("planted", "", "cc", [])
        self.variant.folder, self.variant.wrapper = self.scratch + "/planted", []
        os.mkdir(self.variant.folder)

    def planted(self, name, script, timeout=60, suites=(), alone=False, has_huge=True):
        return job.Test(self.variant, {
            "name": name, "cmd": ["sh", "-c", script], "env": {}, "workdir": None,
            "timeout": timeout, "suite": list(suites), "is_parallel": not alone}, None, has_huge)

    def run_jobs(self, *jobs, out=None, slots=3, huge_slots=3, left_out=()):
        """Whether all is well, and what a person sees."""
        out = out or io.StringIO()
        shown = report.Report(out)
        done = schedule.Scheduler(list(jobs), slots, huge_slots, shown).run()
        good = shown.summary(done, left_out, lambda name: "make test T=" + name)
        return good, out.getvalue()

    def failed(self, script, *parts, timeout=60, passed=0, failed=1):
        good, text = self.run_jobs(self.planted("a_test", script, timeout))
        self.assertFalse(good)
        self.assertEqual(text.splitlines()[-1], "%d passed, %d failed" % (passed, failed))
        for part in parts:
            self.assertIn(part, text)
        return text

    def test_a_case_that_fails_is_shown_with_its_output_and_how_to_run_it_again(self):
        text = self.failed("echo s.before: ok; echo what it said; echo s.wrong: FAILED;"
                           "echo s.after: ok; echo 2 passed, 1 failed; exit 1",
                           "    | what it said", "make test T=planted:a_test:s.wrong",
                           "output: %s/logs/planted.a_test.log" % self.scratch, passed=2)
        self.assertNotIn("    | s.before", text)
        with open(self.scratch + "/logs/planted.a_test.log", encoding="utf-8") as log:
            self.assertIn("s.before: ok", log.read())

    def test_a_program_that_hangs_is_ended_and_its_last_case_named(self):
        job.TIMEOUT_FACTOR, before = 1, job.TIMEOUT_FACTOR
        self.addCleanup(setattr, job, "TIMEOUT_FACTOR", before)
        began = time.monotonic()
        self.failed("echo s.one: ok; sleep 1000 & sleep 1000", "did not end within 1 s",
                    "the last case that ended was s.one", timeout=1, passed=1)
        self.assertLess(time.monotonic() - began, 60)

    def test_what_a_program_leaves_behind_does_not_hold_up_the_run(self):
        began = time.monotonic()
        good, _ = self.run_jobs(self.planted("a_test", "sleep 1000 & echo 1 passed, 0 failed"))
        self.assertTrue(good)
        self.assertLess(time.monotonic() - began, 60)

    def test_a_program_that_crashes_has_failed(self):
        self.failed("echo s.one: ok; kill -SEGV $$", "ended by SIGSEGV", passed=1)

    def test_a_program_that_crashes_after_its_summary_has_failed(self):
        self.failed("echo 1 passed, 0 failed; kill -ABRT $$", "ended by SIGABRT", passed=1)

    def test_a_program_without_a_summary_has_failed(self):
        self.failed("echo s.one: ok", "printed no summary", passed=1)

    def test_a_program_that_runs_nothing_has_failed(self):
        self.failed("echo 0 passed, 0 failed", "ran no case")

    def test_a_program_whose_status_denies_its_failures_has_failed(self):
        self.failed("echo s.one: FAILED; echo 0 passed, 1 failed", "ended with status 0", failed=2)

    def test_a_program_that_is_not_there_has_failed(self):
        wrong = self.planted("a_test", "")
        wrong.process.command = [self.scratch + "/none"]
        self.assertFalse(self.run_jobs(wrong)[0])

    def test_what_is_left_out_is_listed_and_not_counted(self):
        good, text = self.run_jobs(
            self.planted("absent", "echo no such device; exit 77"),
            self.planted("partly", "echo s.one: ok; echo s.two: skipped: no device;"
                                   "echo t: not run: no pages; echo 1 passed, 0 failed"),
            left_out=["huge: there are none"])
        self.assertTrue(good)
        self.assertEqual(text.splitlines()[-1], "1 passed, 0 failed")
        listed = text[text.index("==> not run"):]
        for part in ("huge: there are none", "planted:absent: no such device",
                     "planted:partly: no device: s.two", "planted:partly: no pages: t"):
            self.assertIn(part, listed)

    def test_a_run_in_which_nothing_passes_is_not_well(self):
        self.assertFalse(self.run_jobs(self.planted("absent", "exit 77"))[0])

    def build_of(self, command):
        build = job.Build(self.variant, [], 1)
        build.process.command = ["sh", "-c", command]
        test = self.planted("a_test", "echo s.one: ok; echo 1 passed, 0 failed")
        test.needs = build
        return build, test

    def test_tests_of_a_build_that_fails_are_not_run(self):
        good, text = self.run_jobs(*self.build_of("echo error: wrong code; exit 1"))
        self.assertFalse(good)
        self.assertEqual(text.splitlines()[-1], "0 passed, 1 failed")
        self.assertIn("    | error: wrong code", text)
        self.assertIn("planted:a_test: planted does not build", text)

    def test_a_full_disk_is_named_and_its_tests_not_run(self):
        good, text = self.run_jobs(*self.build_of("echo cannot write: No space left on device; exit 1"))
        self.assertFalse(good)
        self.assertIn("planted:a_test: no disk left for " + self.variant.folder, text)

    def test_a_build_begins_only_with_disk_to_spare(self):
        self.variant.disk = 1 << 40
        error = self.variant.configure(self.scratch)
        self.assertRegex(error, "^no disk left: .* takes .* MiB, of which .* are free$")
        self.assertFalse(os.path.exists(self.variant.folder + "/build.ninja"))

    def test_a_run_that_is_stopped_ends_what_runs_and_lists_what_has_not_run(self):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stops = self.planted("stops", "echo s.one: ok; kill -INT %d; exec sleep 1000" % os.getpid())
        jobs = [stops, self.planted("waits", "echo 1 passed, 0 failed", alone=True)]
        shown = report.Report(io.StringIO())
        scheduler = schedule.Scheduler(jobs, 3, 3, shown, [self.planted("later", "")])
        with self.assertRaises(KeyboardInterrupt):
            scheduler.run()
        with self.assertRaises(ProcessLookupError):
            os.killpg(stops.process.process.pid, 0)
        self.assertFalse(shown.summary(scheduler.done, [], str))
        text = shown.out.getvalue()
        self.assertEqual(text.splitlines()[-1], "0 passed, 0 failed")
        listed = text[text.index("==> not run"):]
        for part in ("stops: stopped after 1 cases", "waits: stopped before it began",
                     "later: stopped before it began"):
            self.assertIn("planted:" + part, listed)

    def test_what_has_not_ended_in_time_is_listed_as_not_run(self):
        jobs = [self.planted("ended", "echo s.one: ok; echo 1 passed, 0 failed"),
                self.planted("runs", "echo t.one: ok; exec sleep 1000"),
                self.planted("waits", "echo 1 passed, 0 failed", alone=True)]
        shown = report.Report(io.StringIO())
        scheduler = schedule.Scheduler(jobs, 3, 3, shown, [self.planted("later", "")],
                                       time.monotonic() + 3)
        self.assertTrue(shown.summary(scheduler.run(), [], str))
        text = shown.out.getvalue()
        self.assertEqual(text.splitlines()[-1], "1 passed, 0 failed")
        listed = text[text.index("==> not run"):]
        for part in ("runs: no time was left after 1 cases",
                     "waits: no time was left before it began",
                     "later: no time was left before it began"):
            self.assertIn("planted:" + part, listed)

    def test_a_limit_of_time_that_is_no_number_is_refused(self):
        for wrong in ("soon", "0", "-1", "nan", "inf"):
            done = subprocess.run([RUN, "--check-names", "--minutes=" + wrong], check=False,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--minutes", done.stderr)

    def test_what_has_failed_before_a_run_is_stopped_has_failed(self):
        wrong = self.planted("wrong", "")
        wrong.cases = [job.Case("s.one", "ok", 1), job.Case("s.two", "FAILED", 1)]
        wrong.stopped()
        self.assertEqual((wrong.passed, wrong.failed), (0, 1))

    def side_by_side(self, jobs, **limits):
        """The most that ran at a time, of names that began and ended."""
        for each in jobs:
            each.process.command = ["sh", "-c", each.process.command[-1].replace(
                "LOG", self.scratch + "/log")]
        self.run_jobs(*jobs, **limits)
        now, most, alone = set(), 0, True
        with open(self.scratch + "/log", encoding="utf-8") as log:
            for line in log:
                word, name = line.split()
                (now.add if word == "begin" else now.discard)(name)
                most = max(most, len(now))
                alone = alone and ("alone" not in now or len(now) == 1)
        return most, alone

    def sleepers(self, n, **kwargs):
        return [self.planted("t%d" % i, "echo begin t%d >>LOG; sleep 0.3; echo end t%d >>LOG;"
                             "echo 1 passed, 0 failed" % (i, i), **kwargs) for i in range(n)]

    def test_tests_run_side_by_side_but_no_more_than_there_is_room_for(self):
        self.assertEqual(self.side_by_side(self.sleepers(6))[0], 3)

    def test_few_huge_pages_have_few_tests_side_by_side(self):
        self.assertEqual(self.side_by_side(self.sleepers(4, suites=["huge"]), huge_slots=1)[0], 1)

    def test_what_needs_the_machine_for_itself_runs_alone(self):
        alone = self.planted("alone", "echo begin alone >>LOG; sleep 0.3; echo end alone >>LOG;"
                             "echo 1 passed, 0 failed", alone=True)
        self.assertEqual(self.side_by_side(self.sleepers(3) + [alone]), (3, True))

    def test_a_terminal_has_one_line_that_says_where_the_run_is(self):
        good, text = self.run_jobs(self.planted(
            "slow", "echo s.one: ok; sleep 2.5; echo s.two: ok; echo 2 passed, 0 failed"),
            out=Terminal())
        self.assertTrue(good)
        before = text[:text.index("==>")]
        self.assertNotIn("\n", before)
        self.assertRegex(before, r"\r\033\[K\[0/1\] 1 passed, 0 failed, \S+ (s|min) left: planted:slow s")

    def test_elsewhere_there_is_a_plain_line_for_each_test(self):
        _, text = self.run_jobs(*self.sleepers(2))
        self.assertNotIn("\033", text)
        self.assertNotIn("\r", text)
        self.assertEqual(len(re.findall(r"^  planted:t\d +1 passed, 0 failed +\d", text, re.MULTILINE)), 2)

    def test_the_slowest_cases_are_listed(self):
        _, text = self.run_jobs(self.planted(
            "slow", "echo s.quick: ok; sleep 0.3; echo s.slow: ok; echo 2 passed, 0 failed"))
        listed = text[text.index("==> the slowest cases"):].splitlines()
        self.assertRegex(listed[1], r"0\.\d s  s\.slow \(planted:slow\)")


class Names(unittest.TestCase):
    def refused(self, name, *near):
        with tempfile.TemporaryDirectory() as build:
            done = subprocess.run([RUN, "--build", build, name], capture_output=True, text=True,
                                  check=False, stdin=subprocess.DEVNULL)
            self.assertEqual(os.listdir(build), [], "something was built")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("'%s'" % name, done.stderr)
        for other in near:
            self.assertIn(other, done.stderr)

    def test_an_unknown_suite_is_named_with_the_nearest(self):
        self.refused("pol", "pool")

    def test_an_unknown_case_is_named_with_the_nearest(self):
        self.refused("pool.pools_are_found_by_their_nams", "pool.pools_are_found_by_their_names")
        self.refused("api.pools_are_found_by_their_names", "pool.pools_are_found_by_their_names")

    def test_an_unknown_variant_is_named_with_the_nearest(self):
        self.refused("claang", "clang")
        done = subprocess.run([RUN, "gcc:claang"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)

    @unittest.skipIf(PROGRAM is None, "needs dpdk-fastmem-test")
    def test_the_list_has_all_cases_of_the_test_program(self):
        text = subprocess.run([PROGRAM, "--list"], capture_output=True, text=True, check=True).stdout
        known = catalogue.Catalogue(TOP)
        listed = {"%s.%s" % (name, case) for name, suite in known.suites.items() if suite.is_c
                  for case in suite.cases}
        self.assertEqual(set(re.findall(r"^  (\S+\.\S+)$", text, re.MULTILINE)), listed)

    def test_each_test_in_shell_and_python_declares_its_suite_by_the_name_of_a_test(self):
        known = catalogue.Catalogue(TOP)
        for name, suite in known.suites.items():
            if not suite.is_c:
                self.assertTrue(any(p.split("*")[0].rstrip("_") == name or p.startswith(name + "_")
                                    for p in known.test_patterns), name)


if __name__ == "__main__":
    threading.excepthook = lambda hook: os._exit(3)  # no thread of the runner's may fail unseen
    sys.exit(unit.main(sys.argv[1:]))
