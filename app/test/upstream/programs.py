#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Runs a program of DPDK without and with rte_malloc and mempools replaced: it has to say the same.

What varies from run to run without the replacement, too, is replaced in what it says: see VARIES
and the "varies" of each program. The library's report has to show that it served the program.
"""

import argparse
import difflib
import glob
import ipaddress
import os
import random
import re
import signal
import socket
import stat
import struct
import sys
import time

from console import PATIENCE, Program

# (what, with what), in this order
VARIES = (
    (r"\x1b\[[0-9;]*[A-Za-z]|\r", ""),  # what a terminal is told
    (r"FASTMEM\w*: .*\n", ""),  # what the replacement tells of itself
    (r"fastmem-\d+", "fastmem-PID"),  # tools/with-eal.sh names EAL's files so
    (r"0x[0-9a-f]{6,}", "ADDRESS"),
    (r"(?i)[0-9a-f]{2}(:[0-9a-f]{2}){5}", "MAC"),  # some vdevs draw theirs
)

ATTEMPTS = 4  # of what another load of the machine can make fail


class Run:
    """One run of a program's scenario, without or with the replacement."""

    def __init__(self, args, preload):
        self.args = args
        self.preload = preload
        self.programs = []
        self.said = []
        # Those of the run before.
        for report in self.reports():
            os.remove(report)

    def wrapper(self, name, preload):
        """A script that is the program: only it is preloaded, not what launches it."""
        path = "%s/%s.%d" % (self.args.scratch, name, len(self.programs))
        report = ""
        if preload:
            report = "export LD_PRELOAD='%s'\n" % self.args.library
            report += "export RTE_FASTMEM_MALLOC=on\n"
            report += "export RTE_FASTMEM_MALLOC_REPORT='%s'\n" % self.report()
        with open(path, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n%sexec %s \"$@\"\n" % (report, name))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return path

    def start(self, name, options, launcher=None, preload=None):
        """Starts a program with these options, of EAL first."""
        preload = self.preload if preload is None else preload
        command = self.args.launcher if launcher is None else launcher
        program = Program(command + [self.wrapper(name, preload)] + options)
        self.programs.append(program)
        return program

    def ended(self, program, status):
        if status != 0:
            raise ValueError("it ended with status %d" % status)
        self.said.append(program.said)

    def expects(self, pattern, program):
        """Of its log."""
        if not re.search(pattern, program.said):
            raise ValueError("it has not said " + pattern)

    def no_huge(self):
        return "--no-huge" in self.args.launcher

    def path(self, name):
        return "%s/%s" % (self.args.scratch, name)

    def give_up(self):
        for program in self.programs:
            if program.process.poll() is None:
                program.give_up()

    def report(self):
        """Where the library shall report to: of each process, a file."""
        return self.path("replaced.%p.report")

    def reports(self):
        return glob.glob(glob.escape(self.args.scratch) + "/replaced.*.report")

    def reported(self, key):
        """A number that the library reports, of all processes together."""
        numbers = []
        for report in self.reports():
            with open(report, encoding="utf-8", errors="replace") as f:
                numbers += re.findall(r"(?m)^%s (\d+)$" % key, f.read())
        return sum(map(int, numbers))


# --- dpdk-testpmd: forwards, is reconfigured, forwards again

def testpmd_forward(pmd, port):
    pmd.ask("start", r"io packet forwarding[^$]*testpmd> ")
    deadline = time.monotonic() + PATIENCE
    while True:
        since = len(pmd.said)
        sent = pmd.ask("show port stats %d" % port, r"TX-packets: *(\d+)[^>]*testpmd> ").group(1)
        if int(sent) >= 1000:
            break
        # How often it has to be asked varies.
        pmd.said = pmd.said[:since]
        if time.monotonic() > deadline:
            raise TimeoutError("it sent %s packets only" % sent)
    pmd.ask("stop", r"Done\.\s+testpmd> ")


TESTPMD_RECONFIGURE = (
    "port stop all",
    "port config all rxq 2",
    "port config all txq 2",
    "port config mtu 0 3000",
    "set fwd io",
    "port start all",
    "show config fwd",
    "show port summary all",
    "show port info 0",
    "show rxq info 0 1",
)
TESTPMD_FLOWS = tuple(
    "flow create 2 ingress pattern eth / ipv4 src is 10.0.0.%d / udp dst is %d / end "
    "actions mark id %d / queue index 0 / end" % (i, 1000 + i, i)
    for i in range(100)
) + tuple(
    "flow destroy 2 rule %d" % i for i in range(0, 100, 3)
) + ("flow list 2", "flow flush 2", "flow list 2")
TESTPMD_HOTPLUG = (
    "port attach net_null3",
    "port attach net_ring4",
    "show port summary all",
    "port stop 3",
    "port close 3",
    "port detach 4",
    "create bonded device 1 0",
    "port stop all",
    "add bonding slave 0 3",
    "add bonding slave 1 3",
    "set bonding mode 0 3",
    "port start 3",
    "show bonding config 3",
    "port stop 3",
    "remove bonding slave 1 3",
    "remove bonding slave 0 3",
    "port start all",
    "show port summary all",
    "set verbose 1",
    "dump_devargs",
)


def testpmd(run):
    pmd = run.start("dpdk-testpmd", [
        "--vdev=net_null0", "--vdev=net_null1",
        "--vdev=net_failsafe0,mac=02:00:00:00:00:01,exec(echo)",
        "--", "-i", "--total-num-mbufs=8192", "--portlist=0,1"])
    pmd.wait_for("testpmd> ")
    testpmd_forward(pmd, 1)
    for command in TESTPMD_RECONFIGURE + TESTPMD_FLOWS:
        pmd.ask(command, r"\n.*testpmd> ")
    testpmd_forward(pmd, 1)
    for command in TESTPMD_HOTPLUG:
        pmd.ask(command, r"\n.*testpmd> ")
    run.ended(pmd, pmd.quit())


# --- dpdk-test-eventdev: ends by itself

STARVED = "No schedules for seconds, deadlock"


def eventdev(options):
    """Its threads poll, more of them than there may be CPUs: it says so if they have starved."""
    def scenario(run):
        for _ in range(ATTEMPTS):
            program = run.start("dpdk-test-eventdev", options + [
                "--wlcores=3,4", "--nb_flows=64"])
            status = program.end()
            if STARVED not in program.said:
                break
        run.ended(program, status)
    return scenario


# --- dpdk-test-fib: looks up what a table of routes has, and compares it with rte_lpm

def addresses(bits, n, shortest, longest):
    """The same routes of all runs: (address, length, hop, an address in it), each once."""
    draw = random.Random(bits)
    routes = {}
    while len(routes) < n:
        length = draw.randint(shortest, longest)
        routes[draw.getrandbits(length) << bits - length, length] = draw.randrange(1000)
    return [(a, length, hop, a | draw.getrandbits(bits - length) if length < bits else a)
            for (a, length), hop in routes.items()]


def fib(bits, options):
    kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address

    def scenario(run):
        table = addresses(bits, 2000, 8, min(bits, 64))
        with open(run.path("routes"), "w", encoding="ascii") as f:
            f.writelines("%s/%d %d\n" % (kind(a), n, hop) for a, n, hop, _ in table)
        with open(run.path("lookup"), "w", encoding="ascii") as f:
            f.writelines("%s\n" % kind(ip) for _, _, _, ip in table)
        program = run.start("dpdk-test-fib", ["--"] + options + [
            "-f", run.path("routes"), "-t", run.path("lookup")])
        status = program.end()
        if "-c" in options and "FIB and LPM lookup returns same values" not in program.said:
            raise ValueError("nothing was compared")
        run.ended(program, status)
    return scenario


# --- dpdk-test-crypto-perf: operations and sessions of a software device

def crypto_perf(run):
    program = run.start("dpdk-test-crypto-perf", [
        "--vdev=crypto_openssl", "--", "--ptest=throughput", "--devtype=crypto_openssl", "--optype=cipher-then-auth",
        "--cipher-algo=aes-cbc", "--cipher-op=encrypt", "--cipher-key-sz=16", "--cipher-iv-sz=16",
        "--auth-algo=sha1-hmac", "--auth-op=generate", "--auth-key-sz=64", "--digest-sz=20",
        "--total-ops=2000", "--silent", "--csv-friendly"])
    status = program.end()
    run.expects(r"(?m)^\d+,64,32,2000,2000,", program)
    run.ended(program, status)


# --- dpdk-test-bbdev: operations of the null device; and pools that cannot be made

def bbdev(run):
    with open(run.path("vector"), "w", encoding="ascii") as f:
        f.write("op_type =\nRTE_BBDEV_OP_NONE\n")
    for case in ("unittest", "validation", "throughput", "latency"):
        program = run.start("dpdk-test-bbdev", [
            "--vdev=baseband_null0", "--", "-n", "64", "-b", "8", "-l", "1", "-c", case,
            "-v", run.path("vector")])
        status = program.end()
        run.expects(r"Tests Passed : +[1-9]", program)
        run.expects(r"Tests Failed : +0\s", program)
        run.ended(program, status)


# --- dpdk-test-pipeline: has packets of one tap go through a table to the other

def checksum(words):
    total = sum(words)
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def udp4(i):
    """A frame to 0.128.0.0/9, that the tables have for port 1."""
    head = [0x4500, 46, 0, 0, 0x4011, 0, 0x0a00, i, 0x0080, i]
    head[5] = checksum(head)
    return (bytes.fromhex("020000000001" "020000000002" "0800") + struct.pack("!10H", *head)
            + struct.pack("!4H", 1024 + i, 53, 26, 0) + struct.pack("!I", i) + bytes(14))


class Tap:
    """The system's end of a tap."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((name, 0x0800))

    def close(self):
        self.socket.close()


def through(source, sink, n):
    """Sends frames 0 to N - 1 over and over until each has arrived at the other tap."""
    frames = [udp4(i) for i in range(n)]
    missing = set(frames)
    deadline = time.monotonic() + PATIENCE
    while missing:
        if time.monotonic() > deadline:
            raise TimeoutError("%d frames of %d have not arrived" % (len(missing), n))
        for frame in frames:
            source.socket.send(frame)
        sink.socket.settimeout(0.1)
        try:
            while missing:
                missing.discard(sink.socket.recv(2048))
        except socket.timeout:
            pass


def pipeline(table):
    def scenario(run):
        names = ["fm%dt%d" % (os.getpid(), i) for i in range(2)]
        program = run.start("dpdk-test-pipeline", [
            "--vdev=net_tap%d,iface=%s" % (i, name) for i, name in enumerate(names)] + [
                "--", "-p", "3", "--" + table])
        program.wait_for(r"is doing TX")
        program.wait_for(r"is doing work")
        taps = [Tap(name) for name in names]
        through(taps[0], taps[1], 640)
        run.ended(program, program.interrupt())
        for tap in taps:
            tap.close()
    return scenario


# --- dpdk-proc-info: beside a dpdk-testpmd

PROC_INFO = ("--stats", "--xstats", "--show-port", "--show-mempool=mb_pool_0", "--show-ring",
             "--iter-mempool=mb_pool_0", "--version", "-m", "--stats-reset")


def proc_info(primary, secondary):
    """With the replacement in one of them, or both."""
    def scenario(run):
        pmd = run.start("dpdk-testpmd", [
            "--vdev=net_null0", "--vdev=net_null1", "--", "-i", "--total-num-mbufs=4096"],
            preload=run.preload and primary)
        pmd.wait_for("testpmd> ")
        testpmd_forward(pmd, 1)
        for option in PROC_INFO:
            info = run.start(
                "dpdk-proc-info", ["--file-prefix", pmd.prefix(), "--no-pci", "--", option],
                launcher=[], preload=run.preload and secondary)
            run.ended(info, info.end())
        testpmd_forward(pmd, 1)
        run.ended(pmd, pmd.quit())
        if run.preload and primary and not secondary:
            run.expects(r"FASTMEM_MALLOC: secondary process \d+ \(dpdk-proc-info\) has no", pmd)
        if run.preload and secondary and not primary:
            run.expects(r"FASTMEM_MALLOC: the primary process has no fastmem", info)
    return scenario


# --- openvswitch

def openvswitch(run):
    options = ["--no-huge"] if run.no_huge() else []
    if run.preload:
        options += ["--preload", run.args.library, "--report", run.report()]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openvswitch.sh")
    # Its bridges are network interfaces: those of this machine may have the same names.
    program = Program(["unshare", "--net", script] + options)
    run.programs.append(program)
    run.ended(program, program.end())


# --- all of them

COUNTERS = ((r"((?:packets|bytes|total|pps|bps|dropped)\w*:) *\d+ *", r"\1 N "),)
# Said by another thread.
LINKS = ((r"(?m)^\n?Port \d+: link state change event\n", ""),)
# Threads tell of themselves in any order, and the rate is printed once a second.
THREADS = ((r"[\d.]+ mpps avg [\d.]+ mpps", ""), (r"(?m)^\d+(?=\D)", ""),
           (r"(packets: *)\w+ (percentage: *)[\d.]+", r"\1N \2N"), (r"latency = [\d.]+", ""))
# Operations that were enqueued and dequeued; not how fast.
CRYPTO = ((r"(?m)^((\d+,){5}).*$", r"\1"),)
LATENCY = ((r"(avg|min|max): .*", r"\1"), (r"(Tests Lasted : +)[\d.]+", r"\1N"), (r"GHz: [\d.]+", "GHz"),
           (r"(?i)(throughput for .*: )[\d.]+(?:e\+\d+)?( M?ops)", r"\1N\2"))
CYCLES = ((r"(AVG \w+ \w+) [\d.]+", r"\1 N"),)
# fastmem's zones are among EAL's, and what lies in other zones moves.
MEMORY = ((r"(?s)(--- MEMORY_SEGMENTS ---).*(--- END_MEMORY_SEGMENTS)", r"\1\n\2"),
          (r"(?m)^(Zone|Tailq) \d+: (q?name:<\w*>).*$", r"\1 \2"),
          (r"(?m)^\w+ q?name:<\w*(?i:fastmem)\w*>\n", ""),
          (r"(?m)^(physical segments used:|  addr: ).*\n", ""),
          (r"(?m)^( *(ct|ch|pt|ph|used|avail)=)\d+", r"\1N"),
          # A mempool of fastmem's has no ring.
          (r"ops_index \d+ ops_name \w+", "ops_index N ops_name NAME"),
          (r"(?m)^ring <MP_\w+>.*\n(  \w+=.*\n)+", ""),
          (r"(?m)^Zone name:<RG_MP_\w+>\n", ""),
          (r"avail \(\d+\), in use \(\d+\)", "avail (N), in use (N)"),
          (r"(?m)^[0-9A-F]{8}: [^|]* \| .*\n", ""))
SW = ["--vdev=event_sw0", "-s", "0x2", "--"]


class Scenario:
    def __init__(self, run, lcores=2, varies=(), ordered=True, huge=False, needs=None, serves=True,
                 mempools=True, all_mempools=False):
        self.run = run
        self.lcores = lcores
        self.varies = VARIES + tuple(varies)
        self.ordered = ordered  # else: threads speak in any order
        self.huge = huge  # has two processes
        self.needs = needs  # a file
        self.serves = serves  # fastmem does, if the library is there
        self.mempools = mempools  # it has some, and all who use them the library
        self.all_mempools = all_mempools  # none of them is of hardware, or has memory of its own

    def why_not(self, launcher):
        """The reason why it cannot run here; None if it can."""
        if self.huge and "--no-huge" in launcher:
            return "as processes share huge pages only"
        if self.needs and not os.path.exists(self.needs):
            return "as there is no " + self.needs
        return None

    def same(self, said):
        """Of what it has said, what has to be the same in each run."""
        for what, with_what in self.varies:
            said = re.sub(what, with_what, said)
        lines = [line.rstrip() + "\n" for line in said.splitlines()]
        return lines if self.ordered else sorted(line for line in lines if line.strip())


def eventdev_scenario(*options):
    return Scenario(eventdev(SW + list(options) + ["--plcores=2"]), 5, THREADS, ordered=False)


def pipeline_scenario(table):
    return Scenario(pipeline(table), 3, ((r"fm\d+t", "fmPIDt"),), ordered=False,
                    needs="/dev/net/tun")


def proc_info_scenario(primary, secondary):
    return Scenario(proc_info(primary, secondary), 2, COUNTERS + MEMORY, huge=True,
                    serves=primary, mempools=primary and secondary)


SCENARIOS = {
    "testpmd": Scenario(testpmd, 2, COUNTERS + LINKS),
    "eventdev-order": eventdev_scenario("--test=order_queue", "--nb_pkts=500"),
    "eventdev-perf": eventdev_scenario("--test=perf_queue", "--nb_pkts=500", "--stlist=p,a,o"),
    "eventdev-timer": eventdev_scenario("--test=perf_queue", "--prod_type_timerdev_burst",
                                        "--nb_timers=500", "--stlist=a"),
    "pipeline-none": pipeline_scenario("none"),
    "pipeline-stub": pipeline_scenario("stub"),
    "pipeline-lpm": pipeline_scenario("lpm"),
    "pipeline-acl": pipeline_scenario("acl"),
    "bbdev": Scenario(bbdev, 2, LATENCY),
    "crypto-perf": Scenario(crypto_perf, 2, CRYPTO),
    "fib": Scenario(fib(32, ["-c", "-a"]), 2, CYCLES, mempools=False),
    "fib-rib": Scenario(fib(32, ["-b", "rib", "-e", "8"]), 2, CYCLES),
    "fib6": Scenario(fib(128, ["-6", "-c"]), 2, CYCLES),
    "proc-info": proc_info_scenario(True, True),
    "proc-info-primary": proc_info_scenario(True, False),
    "proc-info-secondary": proc_info_scenario(False, True),
    "openvswitch": Scenario(openvswitch, all_mempools=True),
}


def run_once(args, scenario, preload):
    """What it has said in one run; ends what it has started, in any case."""
    run = Run(args, preload)
    try:
        scenario.run(run)
        if preload and scenario.serves and run.reported("allocations_by_fastmem") == 0:
            raise ValueError("fastmem has served nothing")
        replaced, mempools = run.reported("mempools_by_fastmem"), run.reported("mempools")
        if preload and scenario.serves and scenario.mempools and replaced == 0:
            raise ValueError("no mempool was replaced")
        if preload and scenario.all_mempools and replaced != mempools:
            raise ValueError("%d of %d mempools were replaced" % (replaced, mempools))
        return scenario.same("".join(run.said))
    except (TimeoutError, ValueError, OSError):
        print("%s:" % ("with the replacement" if preload else "without the replacement"))
        print("\n".join(program.said for program in run.programs), flush=True)
        raise
    finally:
        run.give_up()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", help="librte_fastmem_malloc.so; else both runs are without")
    parser.add_argument("--scratch", required=True, help="a folder for files")
    parser.add_argument("--why-not", action="store_true", help="only print why it cannot run here")
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("launcher", nargs="+", help="what starts programs, after --")
    args = parser.parse_args()
    scenario = SCENARIOS[args.scenario]
    if args.why_not:
        print(scenario.why_not(args.launcher) or "")
        return 0
    args.launcher += ["--lcores", str(scenario.lcores)]
    os.environ["RTE_FASTMEM_MEMPOOL"] = "on" if scenario.mempools else "off"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        without, replaced = (run_once(args, scenario, preload)
                             for preload in (False, args.library is not None))
    except (TimeoutError, ValueError, OSError) as error:
        print("%s: %s" % (args.scenario, error))
        return 1
    differs = list(difflib.unified_diff(without, replaced, "without", "with", n=1))
    print("".join(differs) or "%d lines are the same" % len(without))
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
