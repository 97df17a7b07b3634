#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Watches Open vSwitch while it forwards, with rte_malloc and all mempools replaced.

usage: watch_openvswitch.py BUILD

Nothing of Open vSwitch is changed. fastmem-top, fastmem-map, telemetry, the endpoint of the exporter
and EAL's trace tell of it while packets go through, and agree to the byte when none do.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
from console import Program  # noqa: E402  pylint: disable=wrong-import-position
from sides import Sides  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "watch_openvswitch"
BUILD = os.path.abspath(sys.argv[1])
DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
RUNTIME = os.environ.get("RUNTIME_DIRECTORY") or "/var/run"


class Watch(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        os.environ["RTE_FASTMEM_MEMPOOL"] = "on"
        # Its bridges are network interfaces: those of this machine may have the same names.
        self.ovs = Program(["unshare", "--net", os.path.join(HERE, "openvswitch.sh"), "--no-huge",
                            "--preload", os.path.join(
                                BUILD, "lib/fastmem_malloc/librte_fastmem_malloc.so"),
                            "--report", os.path.join(self.dir, "report"), "--trace", self.dir,
                            "--steps"])
        self.sides = None

    def tearDown(self):
        if self.sides is not None:
            self.sides.close()
        if self.ovs.process.poll() is None:
            self.ovs.give_up()
        shutil.rmtree(self.dir)

    def wait_for(self, step):
        """Until it is there, and stays there."""
        prefix = self.ovs.wait_for(r"step %s (\S+)\r?\n" % step).group(1)
        if self.sides is None:
            self.sides = Sides(self, os.path.join(RUNTIME, "dpdk", prefix))

    def go_on(self):
        self.ovs.process.stdin.write(b"\n")
        self.ovs.process.stdin.flush()

    def packets(self, which):
        """Of all ports."""
        return sum(self.sides.cmd("/ethdev/stats", port)[which]
                   for port in self.sides.cmd("/ethdev/list"))

    def goes_on_while_watched(self, which):
        before = self.packets(which)
        told, metrics = self.sides.watch()
        self.assertGreater(self.packets(which), before)
        pools = {row["name"]: row for row in told["pools"]["pools"]}
        self.assertGreater(sum(row["in_use"] for row in pools.values()), 0)
        self.assertEqual({key[1] for key in metrics if key[0] == "pool_objects"}, set(pools))

    def has_traced(self):
        """It does not end EAL, which would save the trace: gdb has it do so."""
        if shutil.which("babeltrace2") is None or shutil.which("gdb") is None:
            return
        subprocess.run(["gdb", "--batch", "-nx", "-iex", "set debuginfod enabled off", "-p",
                        str(self.sides.pid), "-ex", "print ((int (*)(void))rte_trace_save)()"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120)
        said = subprocess.run(["babeltrace2", self.dir], check=True, stdout=subprocess.PIPE,
                              text=True).stdout
        # EAL keeps the last MiB of a thread's: what came first is gone.
        events = set(re.findall(r" lib\.fastmem\.(\S+): ", said))
        self.assertLessEqual({"slab.acquired", "pool.created", "cache.refilled", "cache.spilled"}, events)

    def test_it_forwards_while_it_is_watched(self):
        self.wait_for("start")
        self.go_on()
        self.wait_for("traffic")  # is dropped
        self.goes_on_while_watched("ipackets")
        self.go_on()
        self.wait_for("replaced")  # goes to the other port
        self.goes_on_while_watched("opackets")
        self.go_on()
        self.wait_for("removed")
        self.assertTrue(self.sides.agree()["pools"]["pools"])
        self.has_traced()
        self.go_on()
        self.wait_for("deleted")
        self.go_on()
        self.assertEqual(self.ovs.end(), 0, self.ovs.said)


if __name__ == "__main__":
    del sys.argv[1:]
    if not os.path.exists(DAEMON) or os.geteuid() != 0:
        print("left out: %s" % ("it needs root" if os.path.exists(DAEMON) else
                                "there is no Open vSwitch with DPDK"))
        sys.exit(77)
    sys.exit(unit.main())
