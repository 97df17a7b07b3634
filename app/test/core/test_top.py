#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests fastmem-top: what it prints, what it shows on a terminal, and what it says is wrong.

usage: test_top.py PROGRAM

The program is test_telemetry_program.c.
"""

import contextlib
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "app/test/harness"))
from watched import Watched  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "top"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
FASTMEM_TOP = os.path.join(TOP, "usertools/fastmem-top")
PROGRAM = os.path.abspath(sys.argv[1])
PATIENCE = 60  # seconds
SYSTEM_PYTHON = "/usr/bin/python3"  # which others may run


def watched():
    return Watched([WITH_EAL, "--no-huge", "--memory", "128", PROGRAM])


class Terminal:
    """fastmem-top on a terminal of 24 lines with 100 columns."""

    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", LINES="24", COLUMNS="100", LC_ALL="C.UTF-8")
            os.execv(FASTMEM_TOP, [FASTMEM_TOP, *arguments])
        self.text = ""

    def read(self):
        """False: there is nothing more."""
        if not select.select([self.fd], [], [], 0.1)[0]:
            return True
        try:
            part = os.read(self.fd, 1 << 16)
        except OSError:
            part = b""
        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\(B", " ", part.decode(errors="replace"))
        return bool(part)

    def shows(self, pattern):
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            if time.monotonic() > end or not self.read():
                return False
        return True

    def press(self, key):
        self.text = ""
        os.write(self.fd, key.encode())

    def end(self):
        """The exit status."""
        while self.read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def run(*arguments, **environment):
    return subprocess.run([FASTMEM_TOP, *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment}, timeout=PATIENCE)


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.watched = watched()

    @classmethod
    def tearDownClass(cls):
        if cls.watched.end() != 0:
            raise AssertionError("the process that was watched failed")

    def once(self, *arguments):
        done = run("-f", self.watched.prefix, "--once", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, pattern, *arguments, **environment):
        done = run(*arguments, **environment)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^fastmem-top: [^\n]*%s[^\n]*\n$" % pattern)

    def test_once_prints_the_sizes(self):
        out = self.once()
        self.assertRegex(out, r"(?m)^process %d: " % self.watched.pid)
        self.assertRegex(out, r"(?m)^socket 0: 104 KiB in use, \d+ KiB free, of \d+ KiB; cached \d+ KiB; "
                              r".*limit none")
        self.assertRegex(out, r"(?m)^64 +1000 ")
        self.assertRegex(out, r"(?m)^4096 +10 ")

    def test_each_view_has_its_table(self):
        self.assertRegex(self.once("-v", "pools"), r"(?m)^sessions +200 +7 +\d+ +500 ")
        self.assertRegex(self.once("-v", "threads"), r"(?m)^%d +%d " % ((self.watched.pid,) * 2))
        self.assertRegex(self.once("-v", "processes"), r"(?m)^%d +1 +1 +1017 " % self.watched.pid)

    def test_a_pool_shows_what_is_deferred(self):
        other = watched()
        try:
            self.assertEqual(other.tell("defer 30"), "0")
            out = run("-f", other.prefix, "--once", "-v", "pools").stdout
            self.assertRegex(out, r"(?m)^pool .* cached  deferred ")
            row, = re.findall(r"(?m)^deferred +256 +30 +\d+ +- +\d+ +30 ", out)
            self.assertTrue(row)
        finally:
            self.assertEqual(other.end(), 0)

    def test_a_table_is_sorted_by_a_column(self):
        def order(*arguments):
            return re.findall(r"(?m)^(64|4096) ", self.once(*arguments))
        self.assertEqual(order(), ["64", "4096"])
        self.assertEqual(order("-r"), ["4096", "64"])
        self.assertEqual(order("-s", "in use"), ["4096", "64"])

    def test_json_has_the_figures_as_they_are(self):
        told = json.loads(run("-f", self.watched.prefix, "--json").stdout)
        figures = json.loads(self.watched.tell("stats"))
        self.assertEqual({name: told["info"][name] for name in figures}, figures)
        self.assertEqual({row["class_size"]: row["in_use"] for row in told["sizes"]},
                         {64: 1000, 4096: 10})

    def test_rates_are_of_two_samples(self):
        told = json.loads(run("-f", self.watched.prefix, "--json", "-s", "allocs/s", "-d",
                              "0.1").stdout)
        self.assertEqual([row["rate"] for row in told["sizes"]], [0, 0])
        for view, column in (("pools", "gets/s"), ("threads", "allocs/s"), ("processes", "objects/s")):
            told = json.loads(run("-f", self.watched.prefix, "--json", "-v", view, "-s", column, "-d",
                                  "0.1").stdout)
            self.assertEqual([row["rate"] for row in told[view]], [0], view)

    def test_what_becomes_less_has_a_rate_below_0(self):
        other = watched()
        try:
            other.tell("take 512 1000")
            terminal = Terminal("-f", other.prefix, "-d", "0.1", "-v", "processes")
            self.assertTrue(terminal.shows(r"2017 .* 0 "), terminal.text)
            other.tell("give")
            self.assertTrue(terminal.shows(r"1017 .* -\d+ "), terminal.text)
            terminal.press("q")
            self.assertEqual(terminal.end(), 0)
        finally:
            self.assertEqual(other.end(), 0)

    def test_a_terminal_shows_the_tables(self):
        terminal = Terminal("-f", self.watched.prefix, "-d", "0.2")
        self.assertTrue(terminal.shows(r"64 .*1000"), terminal.text)
        self.assertTrue(terminal.shows("█"), terminal.text)
        for key, shown in (("2", "sessions"), ("3", "bytes cached"), ("4", "alive"),
                           ("1", r"sizes by size"), ("s", r"by in use"), ("r", "reverse"),
                           ("p", "paused"), ("p", "every 0.2 s"), ("+", "every 0.4 s")):
            terminal.press(key)
            self.assertTrue(terminal.shows(shown), "%s: %s" % (key, terminal.text))
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_what_ends_is_told(self):
        other = watched()
        terminal = Terminal("-f", other.prefix, "-d", "0.2")
        self.assertTrue(terminal.shows(r"64 .*1000"), terminal.text)
        self.assertEqual(other.end(), 0)
        self.assertTrue(terminal.shows(r"fastmem-top: the process has ended"), terminal.text)
        self.assertEqual(terminal.end(), 1)

    def test_fastmem_that_has_ended_is_told(self):
        other = watched()
        try:
            self.assertEqual(other.tell("deinit"), "0")
            self.refused("process %d has ended its use of fastmem" % other.pid, "-f", other.prefix,
                         "--once")
        finally:
            self.assertEqual(other.end(), 0)

    def test_no_socket_is_told_with_those_there_are(self):
        self.refused("'none'.*there are: .*%s" % self.watched.prefix, "-f", "none", "--once")
        self.refused("'none'", "-f", "none", "--once", RUNTIME_DIRECTORY="/nowhere")
        self.refused("dpdk_telemetry.v2:7", "-f", self.watched.prefix, "-i", "7", "--once")

    @contextlib.contextmanager
    def bound_socket(self):
        """In a folder as EAL makes it."""
        folder = os.path.join(os.path.dirname(self.watched.runtime), "test-top-%d" % os.getpid())
        os.mkdir(folder)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bound:
                bound.bind(folder + "/dpdk_telemetry.v2")
                yield bound, os.path.basename(folder)
        finally:
            os.remove(folder + "/dpdk_telemetry.v2")
            os.rmdir(folder)

    def test_a_socket_that_nobody_serves_is_told(self):
        with self.bound_socket() as (bound, prefix):
            bound.close()
            self.refused("nobody answers", "-f", prefix, "--once")

    def test_a_process_without_fastmem_is_told(self):
        def serve():
            with bound.accept()[0] as client:
                client.send(b'{"version": "DPDK", "pid": 4711, "max_output_len": 16384}')
                client.recv(100)
                client.send(b'{"/": ["/", "/eal/params", "/info"]}')
        with self.bound_socket() as (bound, prefix):
            bound.listen()
            server = threading.Thread(target=serve)
            server.start()
            try:
                self.refused("process 4711 has no fastmem", "-f", prefix, "--once")
            finally:
                server.join()

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    @unittest.skipIf(not os.path.exists(SYSTEM_PYTHON), "there is no " + SYSTEM_PYTHON)
    def test_no_permission_is_told(self):
        base = os.path.dirname(os.path.dirname(self.watched.runtime))
        with open(FASTMEM_TOP, encoding="utf-8") as program:  # which others may not reach
            done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                   SYSTEM_PYTHON, "-", "-f", self.watched.prefix, "--once"],
                                  stdin=program, capture_output=True, text=True, check=False,
                                  timeout=PATIENCE, env={**os.environ, "RUNTIME_DIRECTORY": base})
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^fastmem-top: no permission for [^\n]*: run as the user of the "
                                      r"process\n$")

    def test_a_wrong_argument_is_named(self):
        self.refused("no column 'x': it has size", "-f", self.watched.prefix, "--once", "-s", "x")
        for arguments in (["-v", "x"], ["-d", "0"], ["--x"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(arguments[-1], done.stderr.replace("not within 0.1", "0 0.1"))

    def test_without_a_terminal_it_says_what_to_do(self):
        self.refused("no terminal: --once", "-f", self.watched.prefix)

    def test_it_has_help_and_a_version(self):
        self.assertIn("--file-prefix", run("--help").stdout)
        self.assertRegex(run("--version").stdout, r"^fastmem-top \d")


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(unit.main())
