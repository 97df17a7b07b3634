#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Lets dpdk-testpmd forward packets, with mbufs of mempool ops "fastmem".

Port 0 is the first of the two vdevs, port 1 the second. It has to send PACKETS packets out of
port 1; what a capture file holds that it has read has to be in the one that it has written.
"""

import argparse
import struct
import sys
import time

import pcap
from console import PATIENCE, Program

PACKETS = 20000
KINDS = ("null", "ring", "pcap")


def packets():
    """Ethernet frames that differ, of 60 to 1500 bytes."""
    for i in range(PACKETS):
        head = bytes.fromhex("020000000001" "020000000002" "88b5") + struct.pack("!I", i)
        yield head + bytes([i % 251]) * (60 - len(head) + i * 37 % 1441)


def vdev(number, kinds, scratch):
    kind = kinds[number]
    if kind != "pcap":
        return "--vdev=net_%s%d" % (kind, number)
    if number == 0:
        return "--vdev=net_pcap0,rx_pcap=%s/in.pcap" % scratch
    # What a ring sends out of port 1 has come from there.
    source = ",rx_pcap=%s/in.pcap" % scratch if kinds[0] == "ring" else ""
    return "--vdev=net_pcap1%s,tx_pcap=%s/out.pcap" % (source, scratch)


def forward(pmd, kinds, mode):
    # Rings are empty until something is sent to them.
    first = " tx_first" if kinds[0] == "ring" else ""
    pmd.wait_for("testpmd> ")
    pmd.ask("set fwd " + mode, r"Set %s packet forwarding mode" % mode)
    pmd.ask("start" + first, mode + r" packet forwarding[^$]*testpmd> ")
    deadline = time.monotonic() + PATIENCE
    sent = 0
    while sent < PACKETS:
        if time.monotonic() > deadline:
            raise TimeoutError("%d packets sent, of %d" % (sent, PACKETS))
        sent = int(pmd.ask("show port stats 1", r"TX-packets: *(\d+)").group(1))
    pmd.ask("stop", r"Done\.")
    used = pmd.ask("dump_mempool", r"mempool <mb_pool_\d+>@[^<]*<(\w+)>").group(1)
    if used != "fastmem":
        raise ValueError("the mbufs come from mempool ops " + used)
    return sent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--testpmd", required=True, help="the program")
    parser.add_argument("--scratch", required=True, help="a folder for capture files")
    parser.add_argument("--fwd", default="io", help="how it forwards")
    parser.add_argument("--preloaded", action="store_true", help="a library makes its mempools, not the driver")
    parser.add_argument("--mp-alloc", help="how testpmd allocates its mempools")
    parser.add_argument("kinds", nargs=2, choices=KINDS, help="the vdevs")
    parser.add_argument("launcher", nargs="+", help="what starts testpmd, after --")
    args = parser.parse_args()

    if "pcap" in args.kinds:
        pcap.write(args.scratch + "/in.pcap", packets())
    driver = [] if args.preloaded else ["-d", "librte_mempool_fastmem.so", "--mbuf-pool-ops-name=fastmem"]
    command = args.launcher + [
        args.testpmd, *driver,
        vdev(0, args.kinds, args.scratch), vdev(1, args.kinds, args.scratch),
        # Else it first reads, and drops, all that a capture file has.
        "--", "-i", "--no-flush-rx", "--total-num-mbufs=8192"]
    if args.mp_alloc:
        command.append("--mp-alloc=" + args.mp_alloc)
    pmd = Program(command)
    try:
        sent = forward(pmd, args.kinds, args.fwd)
        status = pmd.quit()
    except (TimeoutError, ValueError, OSError) as error:
        print(pmd.said, error, sep="\n", flush=True)
        pmd.give_up()
        return 1
    print("%d packets" % sent)
    if status != 0:
        print(pmd.said, "testpmd ended with status %d" % status, sep="\n")
        return 1
    if args.kinds == ["pcap", "pcap"] and pcap.read(args.scratch + "/out.pcap") != \
            list(packets()):
        print("what was written is not what was read")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
