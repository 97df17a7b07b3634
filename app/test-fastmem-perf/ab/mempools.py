# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""All mempools of testpmd between null vdevs, with and without the library: RTE_FASTMEM_MEMPOOL=on.

rte_malloc is EAL's on both sides. Nothing is counted while packets are: memory is that of a run of its
own, whose report says what the same mempools take without fastmem.
"""

import os
import re
import sys
import time

from side import PLAIN, Failed, Figure, began, turn, wrapper

UPSTREAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/upstream")
sys.path.insert(0, UPSTREAM)
from console import Program  # noqa: E402  pylint: disable=wrong-import-position

REPLACED = "off"  # as for rte_malloc
# Of each way to forward: the port and the counter that tell how many packets it has had.
MODES = {"io": (1, "TX"), "macswap": (1, "TX"), "rxonly": (0, "RX"), "txonly": (0, "TX")}
ROUNDS = 7
WINDOW = 1.0  # seconds
OPTIONS = ["--vdev=net_null0", "--vdev=net_null1", "--", "-i", "--total-num-mbufs=16384"]


class Testpmd:
    """Ready to forward."""

    def __init__(self, args, mode, report=None):
        path = wrapper(os.path.join(args.scratch, "mempools." + mode), "dpdk-testpmd", mode, args.library,
                       to=report)
        os.environ["RTE_FASTMEM_MEMPOOL"] = "on"
        self.program = Program(args.launcher + ["--lcores", "2", path] + OPTIONS)
        del os.environ["RTE_FASTMEM_MEMPOOL"]
        try:
            self.program.wait_for("testpmd> ")
            self.startup = self.program.when("testpmd> ") - began(path)
            ops = self.program.ask("dump_mempool", r"mempool <mb_pool_\d+>@[^<]*<(\w+)>").group(1)
        except (TimeoutError, OSError) as error:
            self.give_up(error)
        if (ops == "fastmem") != (mode != PLAIN):
            self.give_up("its mempools are of ops " + ops)

    def give_up(self, why):
        said = self.program.said[-2000:]
        self.program.give_up()
        raise Failed("testpmd: %s\n%s" % (why, said))

    def packets(self, port, counter):
        """How many it has had, and when."""
        found = self.program.ask("show port stats %d" % port, r"%s-packets: *(\d+)" % counter)
        return int(found.group(1)), time.monotonic()

    def nanoseconds(self, mode):
        """Of a packet that is forwarded."""
        try:
            self.program.ask("set fwd " + mode, "Set %s packet forwarding mode" % mode)
            self.program.ask("start", mode + r" packet forwarding[^$]*testpmd> ")
            before, begin = self.packets(*MODES[mode])
            time.sleep(WINDOW)
            after, end = self.packets(*MODES[mode])
            self.program.ask("stop", r"Done\.\s+testpmd> ")
        except (TimeoutError, OSError) as error:
            self.give_up(error)
        if after == before:
            self.give_up("no packets by " + mode)
        return (end - begin) * 1e9 / (after - before)

    def quit(self):
        if self.program.quit() != 0:
            self.give_up("it does not end well")


def memory(args):
    """Bytes of all mempools, without and with the library."""
    path = os.path.join(args.scratch, "mempools.report")
    Testpmd(args, REPLACED, report=path).quit()
    try:
        with open(path, encoding="utf-8") as f:
            said = dict(re.findall(r"(?m)^(mempool\w*) (\d+)$", f.read()))
        return int(said["mempool_bytes_without"]), int(said["mempool_bytes"])
    except (OSError, KeyError):
        raise Failed("mempools: the library has not reported") from None


def measure(args, table):
    table.section("mempools", "all mempools of testpmd between null vdevs; ns of a packet")
    # As many packets a second as 0.98 of those without.
    figures = {mode: Figure("ns", 1.02) for mode in MODES}
    figures["start-up"] = Figure("s")
    figures["memory"] = Figure("bytes", 1)
    figures["memory"].add(*memory(args))
    for number in range(1 if args.quick else max(args.rounds, ROUNDS)):
        found = {}
        for side in turn(number, (PLAIN, REPLACED)):
            pmd = Testpmd(args, side)
            found[side] = {mode: pmd.nanoseconds(mode) for mode in MODES}
            found[side]["start-up"] = pmd.startup
            pmd.quit()
        for name in found[PLAIN]:
            figures[name].add(found[PLAIN][name], found[REPLACED][name])
    table.add("dpdk-testpmd", figures)
