#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Watches dpdk-testpmd while it forwards, with the preloaded library and the mempool driver.

usage: watch.py BUILD

Nothing of testpmd is changed. fastmem-top, fastmem-map, the endpoint of the exporter and EAL's trace
tell of it, and their figures agree to the byte.
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
from console import Program  # noqa: E402  pylint: disable=wrong-import-position
from programs import testpmd_forward  # noqa: E402  pylint: disable=wrong-import-position
from sides import Sides  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "watch_testpmd"
BUILD = os.path.abspath(sys.argv[1])
MBUFS = 8192


class Watch(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.prefix = "watch-%d" % os.getpid()
        script = os.path.join(self.dir, "testpmd")
        with open(script, "w", encoding="ascii") as file:
            # EAL takes no path below a folder that anybody may write to: the driver goes by its name.
            file.write("#!/bin/sh\nexport LD_PRELOAD='%s' RTE_FASTMEM_MALLOC=on\n"
                       "export LD_LIBRARY_PATH='%s'\nexec dpdk-testpmd \"$@\"\n" % (
                           os.path.join(BUILD, "lib/fastmem_malloc/librte_fastmem_malloc.so"),
                           os.path.join(BUILD, "drivers")))
        os.chmod(script, 0o755)
        self.pmd = Program([
            script, "--no-huge", "-m", "512", "--no-pci", "-l", "0,1", "--file-prefix", self.prefix,
            "-d", "librte_mempool_fastmem.so",
            "--mbuf-pool-ops-name=fastmem", r"--trace=lib\.fastmem\..*", "--trace-dir=" + self.dir,
            "--vdev=net_null0", "--vdev=net_null1", "--", "-i", "--total-num-mbufs=%d" % MBUFS])
        self.pmd.wait_for("testpmd> ")
        self.sides = Sides(self, re.search(r"(\S+)/mp_socket", self.pmd.said)[1])

    def tearDown(self):
        self.sides.close()
        if self.pmd.process.poll() is None:
            self.pmd.give_up()
        shutil.rmtree(self.dir)

    def test_all_sides_tell_the_same(self):
        testpmd_forward(self.pmd, 1)
        top = self.sides.agree()
        self.assertIn(MBUFS, [row["objects"] for row in top["pools"]["pools"]])

    def test_it_forwards_while_it_is_watched(self):
        self.pmd.ask("start", r"io packet forwarding[^$]*testpmd> ")
        sent = []
        for _ in range(3):
            self.sides.watch()
            sent.append(int(self.pmd.ask("show port stats 1",
                                         r"TX-packets: *(\d+)[^>]*testpmd> ").group(1)))
        self.assertTrue(0 < sent[0] < sent[1] < sent[2], sent)
        self.pmd.ask("stop", r"Done\.\s+testpmd> ")

    @unittest.skipIf(shutil.which("babeltrace2") is None, "there is no babeltrace2")
    def test_the_trace_has_its_pool(self):
        self.assertEqual(self.pmd.quit(), 0)
        out = subprocess.run(["babeltrace2", self.dir], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
        self.assertTrue(re.search(r"lib\.fastmem\.init: ", out))
        self.assertTrue(re.search(r"lib\.fastmem\.pool\.created: .*max = (0x%x|%d)\b" % (
            MBUFS, MBUFS), out))


if __name__ == "__main__":
    del sys.argv[1:]
    if shutil.which("dpdk-testpmd") is None:
        print("left out: there is no dpdk-testpmd")
        sys.exit(77)
    sys.exit(unit.main())
