#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests what EAL's trace of a process has, as babeltrace2 reads it.

usage: test_trace.py --huge|--no-huge PROGRAM

The program is test_telemetry_program.c. With huge pages, a secondary is killed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "app/test/harness"))
from watched import Watched  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "trace_points"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
PAGES, PROGRAM = sys.argv[1], os.path.abspath(sys.argv[2])


class Event:
    """A line of babeltrace2: the name, and fields as numbers or text."""

    def __init__(self, line):
        self.name, fields = re.search(r"\) lib\.fastmem\.(\S+): .*\{(.*)\}", line).groups()
        self.fields = {}
        for name, text in re.findall(r'(\w+) = ("[^"]*"|[-\w]+)', fields):
            self.fields[name] = text.strip('"') if text.startswith('"') else int(text, 0)

    def __getitem__(self, name):
        return self.fields[name]


class Trace(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.process = None

    def tearDown(self):
        if self.process is not None:
            self.process.end()
        shutil.rmtree(self.dir)

    def start(self, pattern=r"lib\.fastmem\..*", level="off"):
        self.process = Watched(
            ["env", "RTE_FASTMEM_DEBUG=" + level, WITH_EAL, PAGES, "--memory", "64", PROGRAM,
             "--trace=" + pattern, "--trace-dir=" + self.dir])

    def events(self):
        """What there is when the process has ended."""
        self.assertEqual(self.process.end(), 0)
        self.process = None
        out = subprocess.run(["babeltrace2", self.dir], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
        return [Event(line) for line in out.splitlines() if " lib.fastmem." in line]

    def named(self, events, name):
        return [event for event in events if event.name == name]

    def test_begin_growth_and_end_are_there_in_order(self):
        self.start()
        names = [event.name for event in self.events()]
        for name in ("init", "growth.asked", "growth.granted", "slab.acquired", "cache.refilled",
                     "deinit"):
            self.assertIn(name, names)
        self.assertEqual((names[0], names[-1]), ("init", "deinit"))
        self.assertLess(names.index("growth.asked"), names.index("growth.granted"))

    def test_growth_is_as_much_as_there_is(self):
        self.start()
        self.process.tell("take 4096 1000")
        stats = self.process.tell("stats")
        granted = self.named(self.events(), "growth.granted")
        self.assertEqual(sum(event["bytes"] for event in granted),
                         int(re.search(r'"bytes_backing": (\d+)', stats)[1]))
        self.assertEqual({event["socket_id"] for event in granted}, {0})

    def test_what_a_limit_refuses_says_so(self):
        self.start()
        self.process.tell("limit 1")
        n = int(self.process.tell("take 65536 5000"))
        events = self.events()
        failed, = self.named(events, "alloc.failed")
        self.assertEqual([failed[name] for name in ("size", "n", "flags", "socket_id", "reason")],
                         [65536, 1, 0, 0, "limit"])
        self.assertLess(n, 5000)
        self.assertEqual(self.named(events, "growth.refused"), [])

    def test_a_limit_that_leaves_too_little_is_told(self):
        self.start()
        backing = int(re.search(r'"bytes_backing": (\d+)', self.process.tell("stats"))[1])
        self.process.tell("limit %d" % (backing + 65536))
        self.process.tell("take 1000000 100")
        limit = self.named(self.events(), "limit")
        self.assertGreater(len(limit), 0)
        self.assertEqual({event["bytes_limit"] for event in limit}, {backing + 65536})
        self.assertGreater(limit[0]["bytes"], 65536)

    def test_what_eal_refuses_says_so(self):
        self.start()
        n = int(self.process.tell("take 1000000 500"))
        self.process.tell("give")
        events = self.events()
        self.assertLess(n, 500)
        failed, = self.named(events, "alloc.failed")
        self.assertEqual(failed["reason"], "EAL")
        refused = self.named(events, "growth.refused")
        self.assertGreater(len(refused), 0)
        self.assertLess(max(event["us"] for event in refused), 60 * 1000 * 1000)

    def test_slabs_and_caches_come_and_go(self):
        self.start()
        self.process.tell("take 512 5000")
        self.process.tell("give")
        self.process.tell("trim")
        events = [event for event in self.events() if event.fields.get("size") == 512]
        acquired, released = (self.named(events, "slab." + name) for name in
                              ("acquired", "released"))
        self.assertGreaterEqual(sum(event["bytes"] for event in acquired), 512 * 5000)
        self.assertEqual(sorted(event["slab"] for event in acquired),
                         sorted(event["slab"] for event in released))
        self.assertGreaterEqual(sum(event["n"] for event in self.named(events, "cache.refilled")),
                                5000)
        self.assertGreater(len(self.named(events, "cache.spilled")), 0)

    def test_trim_tells_what_it_gives(self):
        self.start()
        self.process.tell("take 4096 2000")
        self.process.tell("give")
        given = int(self.process.tell("trim"))
        self.assertGreater(given, 0)
        self.assertEqual(sum(event["bytes_given"] for event in self.named(self.events(), "trim")),
                         given)

    def test_a_pool_lives(self):
        self.start()
        self.assertEqual(self.process.tell("elastic 3000"), "0")
        events = [event for event in self.events() if event.fields.get("name") == "elastic"]
        created, freed = (self.named(events, "pool." + name)[0] for name in ("created", "freed"))
        self.assertEqual([created[name] for name in ("size", "min", "max")], [1024, 0, 10000])
        self.assertGreaterEqual(self.named(events, "pool.grown")[-1]["objects"], 3000)
        self.assertGreaterEqual(self.named(events, "pool.shrunk")[0]["bytes"], 1000 * 1024)
        self.assertEqual(freed["in_use"], 0)

    def test_a_spare_magazine_of_another_thread_is_recycled(self):
        self.start()
        self.assertEqual(self.process.tell("idle"), "0")
        self.process.tell("trim")
        recycled, = self.named(self.events(), "recycled")
        self.assertEqual([recycled[name] for name in ("size", "lcore")], [128, -1])
        self.assertGreater(recycled["n"], 0)

    def test_an_error_that_checking_reports_is_there(self):
        self.start(level="full,on-error=continue,leaks=no")
        self.process.tell("twice")
        error, = self.named(self.events(), "error")
        self.assertEqual([error[name] for name in ("error", "size", "pool")], [3, 100, ""])
        self.assertEqual(error["ptr"], error["object"])

    def test_what_is_not_enabled_is_not_there(self):
        self.start(pattern=r"lib\.fastmem\.pool\..*")
        self.assertEqual({event.name.partition(".")[0] for event in self.events()}, {"pool"})

    @unittest.skipIf(PAGES == "--no-huge", "no secondaries without huge pages")
    def test_a_process_that_was_killed_is_told(self):
        self.start()
        secondary = Watched([PROGRAM, "--proc-type=secondary", "--file-prefix",
                             self.process.prefix, "--no-pci"])
        secondary.process.kill()
        secondary.end()
        self.process.tell("trim")
        ended, = self.named(self.events(), "process.ended")
        self.assertEqual([ended[name] for name in ("pid", "objects", "bytes")],
                         [secondary.pid, 5, 1280])


if __name__ == "__main__":
    del sys.argv[1:]
    if shutil.which("babeltrace2") is None:
        print("left out: there is no babeltrace2")
        sys.exit(77)
    sys.exit(unit.main())
