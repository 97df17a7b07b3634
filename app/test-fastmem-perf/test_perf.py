#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""What dpdk-fastmem-perf promises its users: scenarios, table, JSON, plot and errors."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = sys.argv.pop(1)
EAL = ["--no-huge", "-m", "640", "--no-pci", "--no-shconf", "--no-telemetry"]
ONE_LCORE = {"tight", "batch_fifo", "batch_lifo", "bulk8", "bulk32", "mixed", "latency", "types",
             "churn"}
TWO_LCORES = {"pipeline", "pipeline_bulk32"}
KEYS = {"scenario": str, "allocator": str, "size": int, "lcores": int, "metric": str,
        "median": (int, float), "min": (int, float), "max": (int, float), "rounds": int}


def run(*options, eal=(), env=None):
    return subprocess.run([PROGRAM, *EAL, *eal, "--", *options], capture_output=True, text=True,
                          env=env, check=False)


class Perf(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.json = os.path.join(self.dir, "out.json")

    def measure(self, *options, eal=()):
        done = run("--quick", "--json", self.json, *options, eal=eal)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.json, encoding="utf-8") as f:
            return json.load(f)["results"], done

    def refused(self, text, *options, **kwargs):
        done = run(*options, **kwargs)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(text, done.stderr)

    def test_every_result_has_the_documented_keys_and_ordered_figures(self):
        results, _ = self.measure("--scenario", "tight,latency,types", "--size", "64")
        self.assertGreater(len(results), 0)
        for r in results:
            for key, kind in KEYS.items():
                self.assertIsInstance(r[key], kind, r)
            self.assertLessEqual(r["min"], r["median"], r)
            self.assertLessEqual(r["median"], r["max"], r)
            self.assertGreaterEqual(r["rounds"], 7, r)

    def test_every_scenario_of_one_lcore_measures_fastmem(self):
        results, done = self.measure("--allocator", "fastmem", "--size", "64", eal=["-l", "0"])
        measured = {r["scenario"] for r in results if r["median"] > 0}
        self.assertLessEqual(ONE_LCORE, measured)
        for scenario in TWO_LCORES:
            self.assertNotIn(scenario, measured)
            self.assertIn(scenario + ": left out, it needs 2 lcores", done.stdout)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_a_pipeline_runs_on_two_lcores(self):
        results, _ = self.measure("--scenario", ",".join(TWO_LCORES), "--size", "64",
                                  "--allocator", "fastmem,mempool")
        self.assertEqual(len(results), 4)
        self.assertEqual({r["lcores"] for r in results}, {2})

    def test_sizes_and_allocators_are_those_asked_for(self):
        results, _ = self.measure("--scenario", "bulk8", "--size", "128,192",
                                  "--allocator", "mempool_stack,libc")
        self.assertEqual({(r["size"], r["allocator"]) for r in results},
                         {(s, a) for s in (128, 192) for a in ("mempool_stack", "libc")})

    def test_the_rounds_are_those_asked_for(self):
        results, _ = self.measure("--scenario", "tight", "--allocator", "floor", "--rounds", "9")
        self.assertEqual({r["rounds"] for r in results}, {9})

    def test_pools_for_the_worst_case_hold_more_than_is_ever_live(self):
        results, _ = self.measure("--scenario", "types", "--allocator", "mempool")
        ratio = [r["median"] for r in results if r["metric"] == "backing_over_live"]
        self.assertEqual(len(ratio), 1)
        self.assertGreater(ratio[0], 2)

    def test_a_missing_allocator_leaves_the_others(self):
        results, done = self.measure("--scenario", "tight", "--size", "1048576",
                                     "--allocator", "mempool,libc")
        self.assertEqual({r["allocator"] for r in results}, {"libc"})
        self.assertIn("Cannot allocate memory", done.stdout)

    def test_the_table_compares_with_fastmem(self):
        _, done = self.measure("--scenario", "tight", "--size", "64",
                               "--allocator", "fastmem,mempool")
        self.assertRegex(done.stdout, r"fastmem +[\d.]+ +[\d.]+ +[\d.]+ +1\.00")
        self.assertRegex(done.stdout, r"tight 64 B +cycles_per_pair +[\d.]+ +[\d.]+x")

    @unittest.skipIf(shutil.which("gnuplot") is None, "needs gnuplot")
    def test_the_plot_is_a_picture(self):
        plot = os.path.join(self.dir, "it's.svg")
        self.measure("--scenario", "tight,churn", "--size", "64", "--plot", plot)
        root = xml.etree.ElementTree.parse(plot).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        self.assertGreater(len(list(root.iter())), 50)

    def test_a_plot_without_gnuplot_is_refused_at_once(self):
        self.refused("gnuplot", "--plot", os.path.join(self.dir, "p.svg"),
                     env=dict(os.environ, PATH="/nonexistent"))

    def test_wrong_options_are_refused_with_the_reason(self):
        self.refused("no scenario 'x'", "--scenario", "tight,x")
        self.refused("no allocator 'x'", "--allocator", "x")
        self.refused("'7k' is not a number of bytes", "--size", "7k")
        self.refused("'1048577' is not a number of bytes", "--size", "1048577")
        self.refused("'6' is not a number from 7", "--rounds", "6")
        self.refused("cannot write", "--json", "/nonexistent/file")
        self.refused("unrecognized option '--bogus'", "--bogus")
        self.refused("what is 'word'", "word")

    def test_a_file_that_is_no_trace_is_refused_with_the_reason(self):
        self.refused("nothing was measured", "--scenario", "replay", "--trace", sys.argv[0])

    def test_list_and_help_need_no_eal(self):
        for options in (["--list"], ["--", "--list"]):
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=True)
            for name in ONE_LCORE | TWO_LCORES | {"replay", "fastmem_handle", "rte_malloc"}:
                self.assertIn(name, done.stdout)
        done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True)
        for option in ("--scenario", "--allocator", "--size", "--rounds", "--quick", "--trace",
                       "--json", "--plot", "--list", "--help"):
            self.assertIn(option, done.stdout)


def main():
    result = unittest.main(exit=False, verbosity=2).result
    failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - failed - len(result.skipped), failed))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
