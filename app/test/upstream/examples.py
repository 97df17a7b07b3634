#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Runs examples of DPDK on capture files: what comes out has to be the same, byte by byte,

  replaced  with RTE_FASTMEM_MEMPOOL=on in the preloaded library
  checked   the same with RTE_FASTMEM_DEBUG=full
  compiled  with both drop-in names, instead of the library

as by itself. Ports are vdevs net_pcap; where several threads forward, the order of packets may vary.
Prints a line for each example.
"""

import argparse
import glob
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import time

import pcap

PATIENCE = 60  # seconds: far more than anything takes
PACKETS = 2048  # bursts of 32: some examples keep a burst that is not full
WAYS = ("plain", "replaced", "checked", "compiled")


# --- packets

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(i, dst, payload, flags_offset=0, port=0):
    """An Ethernet frame to this address."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), i & 0xffff, flags_offset, 64, 17,
                       0, bytes([10, 1, i >> 8 & 255, i & 255]), bytes(dst))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    ethernet = bytes([0x02, 0x70, 0x63, 0x61, 0x70, port]) + bytes.fromhex("0200000000aa" "0800")
    return (ethernet + head + payload).ljust(60, b"\0")


def udp(i, size):
    return struct.pack("!HHHH", 1000 + i % 500, 2000 + i % 7, 8 + size, 0) + bytes(
        (i + k) % 251 for k in range(size))


def routed(base):
    """Frames of many sizes, to networks base[0] and base[1] in turn."""
    return lambda port: (ipv4(i, base[(i + port) % 2] + (i % 200 + 1,), udp(i, i * 37 % 1400), port=port)
                         for i in range(PACKETS))


def multicast(port):
    return (ipv4(i, (224, 0, 0, 101 + i % 3), udp(i, i * 37 % 1400), port=port) for i in range(PACKETS))


def large(port):
    """To be cut into pieces of 1500 bytes."""
    return (ipv4(i, (100, 10 if (i + port) % 2 == 0 else 20, 0, i % 200 + 1), udp(i, large_size(i)),
                 port=port) for i in range(PACKETS))


def large_size(i):
    return 1200 + i * 37 % 700


def n_pieces(i):
    return 1 + (20 + 8 + large_size(i) > 1500)


def pieces(port):
    """What was cut into two pieces."""
    for i in range(PACKETS // 2):
        data = udp(i, 600 + i % 500)
        cut = 8 * (10 + i % 50)
        dst = (100, 10 if (i + port) % 2 == 0 else 20, 0, i % 200 + 1)
        yield ipv4(i, dst, data[:cut], 0x2000, port)
        yield ipv4(i, dst, data[cut:], cut // 8, port)


# --- examples

class Example:
    """What to build and how to run it. expected: packets that come out of all ports."""

    def __init__(self, options="", frames=routed(((10, 2, 0), (10, 3, 0))), ports=2, lcores=1, ordered=True,
                 expected=None, eal="", memory=512):
        self.options = options
        self.frames = frames
        self.ports = ports
        self.lcores = lcores
        self.ordered = ordered
        self.expected = ports * PACKETS if expected is None else expected
        self.eal = eal
        self.memory = memory  # MiB


LPM = ((198, 18, 0), (198, 18, 1))
EXAMPLES = {
    "skeleton": Example(),
    "rxtx_callbacks": Example(),
    "l2fwd": Example("-p 3 -q 2 -T 0"),
    "l2fwd-jobstats": Example("-p 3 -q 2"),
    "l2fwd-event": Example("-p 3 -q 2 --mode=poll", lcores=2),
    "l3fwd": Example("-p 3 --config (0,0,0),(1,0,0) -P --parse-ptype "
                     "--rule_ipv4=@/l3fwd/lpm_default_v4.cfg --rule_ipv6=@/l3fwd/lpm_default_v6.cfg", routed(LPM)),
    "ip_fragmentation": Example("-p 3 -q 2", large, expected=2 * sum(map(n_pieces, range(PACKETS)))),
    "ip_reassembly": Example("-p 3 -q 2 --maxflows=512", pieces, expected=PACKETS, memory=1024),
    # A third of them goes to both ports.
    "ipv4_multicast": Example("-p 3 -q 2", multicast, expected=2 * (PACKETS + PACKETS // 3)),
    "packet_ordering": Example("-p 3", lcores=3),
}


class Failure(Exception):
    """What was not as it should be."""


class Bench:
    """What all runs need."""

    def __init__(self, args):
        self.args = args
        self.top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

    def path(self, *names):
        return os.path.join(self.args.scratch, *names)

    def config(self, *options):
        said = subprocess.run(("pkg-config",) + options + ("libdpdk",), check=True, capture_output=True, text=True)
        return shlex.split(said.stdout)

    def build(self, name, names):
        """The program; names: with the drop-in names."""
        folder = os.path.join(self.args.examples, name)
        program = self.path(name + (".compiled" if names else ".plain"))
        command = ["gcc", "-O1", "-w", "-DALLOW_EXPERIMENTAL_API", *self.config("--cflags"),
                   "-I" + folder, "-I" + os.path.join(self.args.examples, "common")]
        if names:
            command += ["-D_GNU_SOURCE=", "-DRTE_FASTMEM_REPLACE_MALLOC", "-DRTE_FASTMEM_REPLACE_MEMPOOL"]
            command += ["-I%s/lib/%s" % (self.top, lib) for lib in ("fastmem", "fastmem_replace", "fastmem_debug")]
            command += ["-include", "rte_fastmem_replace.h"]
        # Those are included by others.
        command += sorted(set(glob.glob(folder + "/*.c")) - set(glob.glob(folder + "/*_route_parse.c")))
        command += ["-o", program]
        if names:
            command += ["-L" + self.args.build, "-lrte_fastmem_replace", "-lrte_fastmem",
                        "-Wl,-rpath," + self.args.build]
        command += self.config("--libs") + ["-lpthread", "-lm"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise Failure("it does not compile: " + built.stderr[-2000:])
        return program

    def offloads(self):
        """What lets them run on vdevs that lack offloads."""
        library = self.path("offloads.so")
        if not os.path.exists(library):
            subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", *self.config("--cflags"),
                            self.top + "/app/test/upstream/offloads.c", "-o", library,
                            *self.config("--libs")], check=True)
        return library

    def environment(self, way, program):
        env = dict(os.environ, PRELOAD_PROGRAM=program, PRELOAD_LIBRARY=self.offloads())
        if way in ("replaced", "checked"):
            env.update(PRELOAD_LIBRARY=self.offloads() + ":" + self.args.library, RTE_FASTMEM_MEMPOOL="on",
                       RTE_FASTMEM_MALLOC_REPORT=self.path("report"))
        if way == "checked":
            env.update(RTE_FASTMEM_DEBUG="full")
        return env

    def run(self, name, example, way, program):
        """What comes out of each port, and what it says."""
        for path in glob.glob(self.path("out*.pcap")) + glob.glob(self.path("report")):
            os.remove(path)
        vdevs = ["--vdev=net_pcap%d,rx_pcap=%s,tx_pcap=%s" % (
            i, self.path("in%d.pcap" % i), self.path("out%d.pcap" % i)) for i in range(example.ports)]
        options = [word.replace("@", self.args.examples) for word in example.options.split()]
        command = self.args.launcher + ["--lcores", str(example.lcores), "--memory", str(example.memory),
                                        self.top + "/app/test/preload/with_preload.sh"]
        command += vdevs + example.eal.split() + ["--"] + options
        with open(self.path("said"), "wb") as said:
            running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                       env=self.environment(way, program), cwd=self.top, start_new_session=True)
        try:
            outputs = self.await_packets(example, running)
        finally:
            self.end(running)
        return outputs

    def outputs(self, example):
        return [pcap.read(self.path("out%d.pcap" % i), unfinished=True) for i in range(example.ports)]

    def await_packets(self, example, running):
        deadline = time.monotonic() + PATIENCE
        while True:
            outputs = self.outputs(example)
            if sum(map(len, outputs)) >= example.expected:
                return outputs
            if running.poll() is not None or time.monotonic() > deadline:
                raise Failure("%s packets instead of %d" % ([len(frames) for frames in outputs], example.expected))
            time.sleep(0.05)

    def end(self, running):
        """By the signal that a user sends; then by one that no program ignores."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(running.pid, number)
                running.wait(10)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                pass
        running.wait()

    def said(self):
        with open(self.path("said"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def check_report(self):
        """The library reports when the program ends in order; not all of them do."""
        said = self.said()
        if re.search(r"FASTMEM: .*(damaged|overrun|freed twice|leak)", said):
            raise Failure("checking has found something")
        if os.path.exists(self.path("report")):
            with open(self.path("report"), encoding="utf-8") as f:
                report = f.read()
            if not re.search(r"(?m)^mempools_by_fastmem [1-9]", report):
                raise Failure("no mempool was replaced")
            return True
        return False

    def compare(self, name):
        example = EXAMPLES[name]
        for i in range(example.ports):
            pcap.write(self.path("in%d.pcap" % i), example.frames(i))
        wanted = None
        programs = {names: self.build(name, names) for names in (False, True)}
        for way in WAYS:
            outputs = self.run(name, example, way, programs[way == "compiled"])
            if not example.ordered:
                outputs = [sorted(frames) for frames in outputs]
            if wanted is None:
                wanted = outputs
            elif outputs != wanted:
                raise Failure("%s: what comes out differs: %s packets and %s" % (
                    way, [len(frames) for frames in outputs], [len(frames) for frames in wanted]))
            if way in ("replaced", "checked"):
                self.check_report()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", required=True, help="the folder of DPDK's examples")
    parser.add_argument("--build", required=True, help="the folder of the libraries")
    parser.add_argument("--library", required=True, help="what is preloaded")
    parser.add_argument("--scratch", required=True, help="a folder for programs and capture files")
    parser.add_argument("--launcher", required=True, type=shlex.split, help="with-eal.sh and its options")
    parser.add_argument("--list", action="store_true", help="only print the names of the examples")
    parser.add_argument("names", nargs="*", help="examples; default: all of %s" % ", ".join(EXAMPLES))
    args = parser.parse_args()
    if args.list:
        print("\n".join(EXAMPLES))
        return 0
    bench = Bench(args)
    # Whoever ends this ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed = 0
    for name in args.names or EXAMPLES:
        try:
            bench.compare(name)
            print("%s: ok" % name, flush=True)
        except Failure as failure:
            failed += 1
            said = bench.said() if os.path.exists(bench.path("said")) else ""
            print("%s\n%s: FAILED: %s" % (said, name, failure), flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
