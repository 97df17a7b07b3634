#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""What dpdk-fastmem-perf promises its users: scenarios, table, JSON, picture and errors."""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "perf_autotest"
PROGRAM = sys.argv.pop(1)
PLOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dpdk-fastmem-perf-plot")
EAL = ["--no-huge", "-m", "640", "--no-pci", "--no-shconf", "--no-telemetry"]
ONE_LCORE = {"tight", "batch_fifo", "batch_lifo", "bulk8", "bulk32", "alternate", "large", "mixed",
             "latency", "types", "churn", "threads", "oversubscribed", "load", "exhausted", "survivors", "waiting"}
CONDITIONS = ("without", "busy", "with", "polled", "asked")  # of "load"
TWO_LCORES = {"pipeline", "pipeline_bulk32", "fan", "exchange"}
HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
THREADS = {"lcore", "pthread", "registered", "control"}
KEYS = {"scenario": str, "allocator": str, "size": int, "lcores": int, "metric": str,
        "median": (int, float), "min": (int, float), "max": (int, float), "rounds": int}


def run(*options, eal=(), env=None, base=EAL):
    return subprocess.run([PROGRAM, *base, *eal, "--", *options], capture_output=True, text=True,
                          env=env, check=False, timeout=200)


def has_huge_pages():
    try:
        with open(HUGE_PAGES, encoding="ascii") as f, open("/proc/mounts", encoding="ascii") as m:
            return os.geteuid() == 0 and int(f.read()) >= 64 and "hugetlbfs" in m.read()
    except OSError:
        return False


class Perf(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.json = os.path.join(self.dir, "out.json")

    def measure(self, *options, eal=(), base=EAL):
        done = run("--quick", "--json", self.json, *options, eal=eal, base=base)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.json, encoding="utf-8") as f:
            return json.load(f)["results"], done

    def goals(self):
        with open(self.json, encoding="utf-8") as f:
            return {g["goal"]: g for g in json.load(f)["goals"]}

    def huge(self):
        """EAL options for huge pages, of which nothing is left after the test."""
        prefix = "fastmem-perf-%d" % os.getpid()
        self.addCleanup(shutil.rmtree, "/var/run/dpdk/" + prefix, True)
        self.addCleanup(lambda: [os.unlink(f) for f in glob.glob("/dev/hugepages/%smap_*" % prefix)])
        return ["--no-pci", "--no-telemetry", "--file-prefix", prefix]

    def check_threads(self, results, allocator, kinds):
        """Each kind of thread has figures that a call can have, in both patterns."""
        cycles = {r["metric"]: r["median"] for r in results if r["allocator"] == allocator}
        self.assertEqual(set(cycles), {"%s_cycles_%s" % (pattern, kind)
                                       for pattern in ("tight", "batch") for kind in kinds})
        for metric, median in cycles.items():
            self.assertGreater(median, 0.5, metric)
            self.assertLess(median, 100000, metric)

    def refused(self, text, *options, status=2):
        done = run(*options)
        self.assertEqual(done.returncode, status)
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
        self.assertEqual(len(results), 10)
        self.assertEqual({r["lcores"] for r in results}, {2})

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_a_fan_and_an_exchange_have_all_lcores(self):
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))
        # Lcores that share a CPU wait for each other, but lose nothing: that takes long.
        results, _ = self.measure("--scenario", "fan", "--size", "64", "--allocator", "fastmem_pool",
                                  eal=["--lcores", "(0-2)@(%s)" % cpus])
        self.assertEqual({(r["metric"], r["lcores"]) for r in results},
                         {("one_to_all_cycles_per_object", 3), ("all_to_one_cycles_per_object", 3)})
        allocators = ("fastmem", "fastmem_pool", "mempool")
        results, _ = self.measure("--scenario", "exchange", "--size", "64", "--allocator",
                                  ",".join(allocators), eal=["-l", cpus])
        self.assertEqual({(r["metric"], r["allocator"], r["lcores"]) for r in results},
                         {("cycles_per_pair", a, 2) for a in allocators})

    def test_sizes_alternate_in_each_way(self):
        allocators = ("floor", "fastmem", "fastmem_sized", "fastmem_handle", "fastmem_pool", "mempool",
                      "libc")
        results, done = self.measure("--scenario", "alternate", "--allocator", ",".join(allocators))
        self.assertEqual({(r["metric"], r["input"], r["allocator"]) for r in results},
                         {(p + "_cycles_per_pair", "%d %s" % (n, how), a) for n in (2, 8)
                          for p in ("tight", "batch32") for how in ("in turn", "at random")
                          for a in allocators})
        self.assertRegex(done.stdout, r"8 at random +floor +[\d.]+")

    def test_large_objects_have_sizes_of_their_own(self):
        results, _ = self.measure("--scenario", "large", "--allocator", "fastmem,fastmem_pool")
        self.assertEqual({(r["size"] >> 10, r["allocator"]) for r in results},
                         {(s, a) for s in (16, 64, 256, 1024) for a in ("fastmem", "fastmem_pool")})
        results, _ = self.measure("--scenario", "large", "--allocator", "fastmem", "--size", "32768")
        self.assertEqual({r["size"] for r in results}, {32768})

    def test_each_kind_of_thread_is_measured_and_a_secondary_said_to_be_impossible(self):
        results, done = self.measure("--scenario", "threads", "--size", "64",
                                     "--allocator", "fastmem,mempool,rte_malloc")
        for allocator in ("fastmem", "mempool", "rte_malloc"):
            self.check_threads(results, allocator, THREADS)
        self.assertRegex(done.stdout, "fastmem +not possible here: no huge pages")
        goals = self.goals()
        self.assertEqual(len(goals), 6)
        for pattern in ("tight", "batch"):
            goal = goals[pattern + "_secondary_over_lcore"]
            self.assertIsNone(goal["median"])
            self.assertIsNone(goal["met"])
            self.assertIn("not possible here", goal["why"])
            goal = goals[pattern + "_pthread_over_lcore"]
            self.assertEqual(goal["at_most"], 1.05)
            self.assertEqual(goal["met"], goal["median"] <= 1.05)
            goal = goals[pattern + "_pthread_mempool_over_fastmem"]
            self.assertEqual(goal["at_least"], 3)
            self.assertEqual(goal["met"], goal["median"] >= 3)

    @unittest.skipUnless(has_huge_pages(), "needs root and huge pages")
    def test_a_secondary_process_is_measured(self):
        # AddressSanitizer is where EAL would map memory by itself, in one process or the other.
        results, _ = self.measure("--scenario", "threads", "--size", "64", "--allocator",
                                  "fastmem,fastmem_handle,mempool,rte_malloc", base=self.huge(),
                                  eal=["--base-virtaddr=0x200000000000"])
        self.check_threads(results, "mempool", THREADS)
        for allocator in ("fastmem", "fastmem_handle", "rte_malloc"):
            self.check_threads(results, allocator, THREADS | {"secondary"})
        for pattern in ("tight", "batch"):
            self.assertGreater(self.goals()[pattern + "_secondary_over_lcore"]["median"], 0)

    @unittest.skipUnless(has_huge_pages(), "needs root and huge pages")
    def test_a_secondary_is_not_possible_in_memory(self):
        base = self.huge()
        run("--scenario", "tight", "--quick", "--allocator", "floor", base=base)
        self.assertTrue(os.path.exists("/var/run/dpdk/%s/config" % base[-1]))
        results, done = self.measure("--scenario", "threads", "--allocator", "rte_malloc",
                                     eal=["--in-memory"], base=base)
        self.check_threads(results, "rte_malloc", THREADS)
        self.assertIn("not possible here: EAL shares nothing", done.stdout)

    @unittest.skipUnless(has_huge_pages(), "needs root and huge pages")
    def test_a_secondary_that_does_not_start_is_an_error_beside_the_other_figures(self):
        done = run("--scenario", "threads", "--quick", "--allocator", "rte_malloc",
                   "--json", self.json, eal=["--huge-unlink=always"], base=self.huge())
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("note: threads, secondary: its process ended", done.stdout)
        with open(self.json, encoding="utf-8") as f:
            self.check_threads(json.load(f)["results"], "rte_malloc", THREADS)

    def test_without_telemetry_the_load_is_not_asked(self):
        results, done = self.measure("--scenario", "load", "--allocator", "floor")
        self.assertEqual({r["metric"].rpartition("_")[2] for r in results},
                         {"without", "busy", "with"})
        self.assertIn('conditions "polled" and "asked" left out', done.stdout + done.stderr)

    def test_more_threads_than_cpus_all_get_on(self):
        results, _ = self.measure("--scenario", "oversubscribed")
        counts = {}
        for r in results:
            counts.setdefault(r["allocator"], set()).add(r["metric"])
            self.assertAlmostEqual(r["ops_per_second"] * r["median"], 1e9, delta=10)
        few = {"ns_per_op_%d_threads" % n for n in (1, 2, 4)}
        self.assertEqual(counts, {
            "fastmem": few | {"ns_per_op_%d_threads" % n for n in (8, 16, 32)},
            "mempool": few, "rte_malloc": few})
        for r in results:
            if r["allocator"] == "fastmem":
                self.assertGreater(r["ops_per_second"], 1e5, r)
                self.assertLess(r["ops_per_second"], 1e12, r)
        goal = self.goals()["ns_per_op_16_threads_over_2_threads"]
        self.assertEqual(goal["at_most"], 2)
        self.assertGreater(goal["median"], 0)

    def test_an_lcores_calls_are_measured_with_and_without_a_control_thread(self):
        allocators = {"floor", "fastmem", "rte_malloc", "rte_malloc_header"}
        prefix = "fastmem-perf-%d" % os.getpid()
        self.addCleanup(shutil.rmtree, "/var/run/dpdk/" + prefix, True)
        results, _ = self.measure(
            "--scenario", "load", "--allocator", ",".join(allocators),
            base=["--no-huge", "-m", "640", "--no-pci", "--file-prefix", prefix])
        figures = {(r["allocator"], r["metric"]): r["median"] for r in results}
        self.assertEqual(set(figures), {
            (a, "%s_cycles_%s" % (q, condition)) for a in allocators
            for q in ("p50", "p99_9", "max") for condition in CONDITIONS})
        for allocator in allocators:
            for condition in CONDITIONS:
                p50, p99_9, most = (figures[allocator, "%s_cycles_%s" % (q, condition)]
                                    for q in ("p50", "p99_9", "max"))
                self.assertLessEqual(p50, p99_9, (allocator, condition))
                self.assertLessEqual(p99_9, most, (allocator, condition))
        # A lock costs more than an array, and a goal is said for what fastmem serves.
        self.assertGreater(figures["rte_malloc", "p50_cycles_without"],
                           figures["floor", "p50_cycles_without"])
        goals = self.goals()
        self.assertEqual(set(goals), {
            "%s_p99_9_%s" % (allocator, conditions) for allocator in ("fastmem", "rte_malloc_header")
            for conditions in ("with_over_without", "asked_over_polled")})
        for name, goal in goals.items():
            self.assertEqual(goal["at_most"], 1.05 if "asked" in name else 1.2)
            self.assertEqual(goal["met"], goal["median"] <= goal["at_most"])

    def test_other_names_of_an_allocator_run_only_if_named(self):
        results, _ = self.measure("--scenario", "tight", "--size", "64")
        self.assertFalse({r["allocator"] for r in results} & {"rte_malloc_header",
                                                              "rte_malloc_eal"})
        results, _ = self.measure("--scenario", "tight", "--size", "64", "--allocator",
                                  "rte_malloc,rte_malloc_header,rte_malloc_eal")
        cycles = {r["allocator"]: r["median"] for r in results}
        self.assertEqual(len(cycles), 3)
        # Where nothing is preloaded, these are the same.
        self.assertGreater(cycles["rte_malloc_eal"], cycles["rte_malloc"] / 2)
        self.assertLess(cycles["rte_malloc_eal"], cycles["rte_malloc"] * 2)

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

    def test_few_objects_and_waiting_threads_keep_little(self):
        results, _ = self.measure("--scenario", "survivors,waiting", "--allocator", "fastmem")
        kept = {r["scenario"]: r["max"] for r in results if r["metric"] == "bytes_kept"}
        self.assertLessEqual(kept["survivors"], 64 << 20)
        self.assertLessEqual(kept["waiting"], 16 << 20)

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
    def test_the_picture_has_four_panels_and_the_page_each_scenario(self):
        svg, page = os.path.join(self.dir, "it's.svg"), os.path.join(self.dir, "page.html")
        scenarios = "tight,bulk32,oversubscribed,types,latency,alternate,large"
        results, _ = self.measure("--scenario", scenarios, "--size", "64,1024",
                                  "--allocator", "fastmem,mempool")
        done = subprocess.run([PLOT, self.json, "--svg", svg, "--html", page],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        texts = "".join(xml.etree.ElementTree.parse(svg).getroot().itertext())
        for title in ("One object", "Threads that share", "32 types", "Latency"):
            self.assertIn(title, texts)
        self.assertNotIn("not measured", texts)
        self.assertIn("mempool tight", texts)
        self.assertIn("GHz counter", texts)
        self.assertIn("dpdk-fastmem-perf", texts)
        with open(page, encoding="utf-8") as f:
            text = f.read()
        for scenario in scenarios.split(","):
            self.assertIn("<h2>%s</h2>" % scenario, text)
        self.assertGreater(text.count("<svg"), len({r["scenario"] for r in results}))
        for label in ("8 at random", "1024 B"):
            self.assertTrue(label in text, label)

    def test_a_picture_of_nothing_is_refused_with_the_reason(self):
        svg = os.path.join(self.dir, "p.svg")
        for arguments, env, reason in (
                ((self.json, "--svg", svg), os.environ, "no results of dpdk-fastmem-perf"),
                ((self.json, "--svg", svg), dict(os.environ, PATH="/nonexistent"), "gnuplot-nox")):
            done = subprocess.run([sys.executable, PLOT, *arguments], capture_output=True,
                                  text=True, check=False, env=env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(reason, done.stderr)

    def test_one_screen_is_printed_where_the_table_goes_to_a_file(self):
        table = os.path.join(self.dir, "table.txt")
        _, done = self.measure("--scenario", "tight,types", "--allocator",
                               "fastmem,mempool,rte_malloc,libc", "--table", table)
        self.assertRegex(done.stdout, r"alloc, free +cycles( +[\d.]+){4} +[\d.]+ #")
        self.assertRegex(done.stdout, r"memory for these 32 types +MiB( +[\d.]+){3} +[\d.]+ #")
        self.assertNotIn("Goals", done.stdout)
        self.assertLess(len(done.stdout.splitlines()), 25)
        with open(table, encoding="utf-8") as f:
            self.assertRegex(f.read(), r"tight 64 B +cycles_per_pair +[\d.]+ +[\d.]+x")

    def test_goals_are_printed_if_asked_for(self):
        for options, wanted in ((("--goals",), True), ((), False)):
            _, done = self.measure("--scenario", "tight", "--size", "64", "--allocator",
                                   "fastmem_pool,mempool", *options)
            self.assertEqual("Goals" in done.stdout, wanted)

    def test_memory_over_time_is_as_long_for_each_allocator(self):
        results, _ = self.measure("--scenario", "types", "--allocator", "fastmem,mempool")
        series = {r["allocator"]: r for r in results if "series" in r}
        self.assertEqual(set(series), {"fastmem", "mempool"})
        for r in series.values():
            self.assertEqual(r["metric"], "bytes_backing")
            self.assertEqual(len(r["series"]), len(r["live"]))
            self.assertEqual(r["live"], series["fastmem"]["live"])
            self.assertTrue(all(s >= l for s, l in zip(r["series"], r["live"])), r)
        self.assertEqual(len(set(series["mempool"]["series"])), 1)

    def test_wrong_options_are_refused_with_the_reason(self):
        self.refused("no scenario 'x'", "--scenario", "tight,x")
        self.refused("no allocator 'x'", "--allocator", "x")
        self.refused("'7k' is not a number of bytes", "--size", "7k")
        self.refused("'1048577' is not a number of bytes", "--size", "1048577")
        self.refused("'6' is not a number from 7", "--rounds", "6")
        self.refused("cannot write", "--json", "/nonexistent/file", status=1)
        self.refused("unrecognized option '--bogus'", "--bogus")
        self.refused("what is 'word'", "word")

    def test_a_file_that_is_no_trace_is_refused_with_the_reason(self):
        self.refused("nothing was measured", "--scenario", "replay", "--trace", sys.argv[0], status=1)

    def test_list_and_help_need_no_eal(self):
        for options in (["--list"], ["--", "--list"]):
            done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=True)
            for name in ONE_LCORE | TWO_LCORES | {"replay", "fastmem_handle", "rte_malloc"}:
                self.assertIn(name, done.stdout)
        done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True)
        for option in ("--scenario", "--allocator", "--size", "--rounds", "--quick", "--trace",
                       "--json", "--table", "--goals", "--list", "--help"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    sys.exit(unit.main())
