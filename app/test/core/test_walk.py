#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests what the chapter "Watching fastmem" finds in examples/watched, and how.

usage: test_walk.py PROGRAM
"""

import json
import os
import socket
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "app/test/harness"))
from watched import Watched  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "walk"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
FASTMEM_TOP = os.path.join(TOP, "usertools/fastmem-top")
PROGRAM = os.path.abspath(sys.argv[1])
PATIENCE = 60  # seconds


class Walk(unittest.TestCase):
    def start(self, *arguments, level="off"):
        process = Watched(["env", "RTE_FASTMEM_DEBUG=" + level, WITH_EAL, "--no-huge", "--memory",
                           "128", PROGRAM, *arguments])
        self.addCleanup(process.end)
        return process

    def rows(self, process, view):
        done = subprocess.run([FASTMEM_TOP, "-f", process.prefix, "--json", "-v", view], check=True,
                              stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)[view]

    def sessions(self, process):
        return next(row for row in self.rows(process, "sizes") if row["class_size"] == 320)

    def wait_for(self, process, served):
        """So many sessions, which fastmem counts."""
        end = time.monotonic() + PATIENCE
        while True:
            row = self.sessions(process)
            if row["alloc_cache_hits"] + row["alloc_cache_misses"] >= served:
                return row
            self.assertLess(time.monotonic(), end)

    def test_the_leak_is_of_one_size(self):
        process = self.start()
        before = self.wait_for(process, 20000)["in_use"]
        after = self.wait_for(process, 100000)["in_use"]
        self.assertGreaterEqual(after - before, 50)
        for row in self.rows(process, "sizes"):
            if row["class_size"] != 320:
                self.assertLess(row["in_use"], 2)

    def test_a_sample_tells_who_allocates_it(self):
        # Not in step with the sessions that leak.
        process = self.start(level="sample=97,leaks=no")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(os.path.join(process.runtime, "dpdk_telemetry.v2"))
            client.recv(1 << 20)
            end, text = time.monotonic() + PATIENCE, ""
            while "session_begin" not in text and time.monotonic() < end:
                client.send(b"/fastmem/leaks")
                text = "\n".join(json.loads(client.recv(1 << 20))["/fastmem/leaks"])
        self.assertIn("session_begin", text)

    def test_the_pool_is_too_small(self):
        process = self.start()
        self.wait_for(process, 20000)
        row, = self.rows(process, "pools")
        self.assertEqual((row["name"], row["max"]), ("timers", 64))
        self.assertGreaterEqual(row["get_failed"], 64)

    def test_the_fixed_program_has_neither(self):
        process = self.start("--", "--fixed")
        row = self.wait_for(process, 100000)
        self.assertLess(row["in_use"], 2)
        row, = self.rows(process, "pools")
        self.assertEqual((row["max"], row["get_failed"]), (128, 0))


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(unit.main())
