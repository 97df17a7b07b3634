#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests what a process tells by DPDK's telemetry socket.

usage: test_telemetry.py --huge|--no-huge PROGRAM

The program is test_telemetry_program.c.
"""

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "app/test/harness"))
from watched import Watched  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "telemetry"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
PAGES, PROGRAM = sys.argv[1], os.path.abspath(sys.argv[2])
LONGEST = 1 << 20


class Process(Watched):
    """A process with fastmem, and perhaps a client of its telemetry."""

    socket = None

    def client(self, folder=None):
        found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        found.connect(os.path.join(folder or self.runtime, "dpdk_telemetry.v2"))
        return found

    def connect(self, folder=None):
        self.socket = self.client(folder)
        self.socket.recv(LONGEST)  # EAL's greeting

    def figures(self, line):
        return json.loads(self.tell(line))

    def ask(self, command):
        """What is the answer to a command: EAL names the command in it."""
        self.socket.send(command.encode())
        answer = json.loads(self.socket.recv(LONGEST))
        return answer[command.partition(",")[0]]

    def end(self):
        if self.socket is not None:
            self.socket.close()
        return super().end()


def primary(level="off"):
    process = Process(["env", "RTE_FASTMEM_DEBUG=" + level, WITH_EAL, PAGES, "--memory", "128", PROGRAM])
    process.connect()
    return process


class Telemetry(unittest.TestCase):
    def setUp(self):
        self.primary = primary()

    def tearDown(self):
        self.assertEqual(self.primary.end(), 0)

    def agrees(self, told, figures):
        self.assertTrue(figures)
        self.assertEqual({name: told[name] for name in figures}, figures)

    def test_each_command_has_a_help_text(self):
        listed = [name for name in self.primary.ask("/") if name.startswith("/fastmem/")]
        self.assertEqual(sorted(listed), sorted("/fastmem/" + name for name in (
            "info", "classes", "class", "pools", "pool", "threads", "thread", "processes",
            "chunks", "slabs", "leaks")))
        for name in listed:
            # Before 23.03 the answer is the text, then an object with it.
            text = self.primary.ask("/help," + name)
            self.assertIn("arameters", text if isinstance(text, str) else text[name])

    def test_info_has_the_totals(self):
        told = self.primary.ask("/fastmem/info")
        self.agrees(told, self.primary.figures("stats"))
        self.assertEqual(told["debug_level"], "off")
        self.assertEqual(told["alloc_total"], 1017)
        self.assertRegex(told["version"], r"^\d+\.\d+")
        sockets = [told[name] for name in told if name.startswith("socket_")]
        for name in ("backing", "in_use", "free", "cached"):
            name = "bytes_" + name
            self.assertEqual(sum(s[name] for s in sockets), told[name], name)
        self.assertGreater(sum(s["n_growths"] for s in sockets), 0)
        self.assertNotIn("bytes_limit", sockets[0])

    def test_info_tells_the_level_of_checking(self):
        for level in ("light", "full", "sample=1000", "off"):
            checked = primary(level)
            self.assertEqual(checked.ask("/fastmem/info")["debug_level"], level.partition("=")[0])
            self.assertEqual(checked.end(), 0)

    def test_info_has_the_limit(self):
        self.assertEqual(self.primary.tell("limit 50000000"), "0")
        told = self.primary.ask("/fastmem/info")
        limits = [told[n]["bytes_limit"] for n in told if n.startswith("socket_")]
        self.assertTrue(all(0 < limit <= 50000000 for limit in limits), limits)

    def test_a_class_has_its_statistics(self):
        sizes = self.primary.ask("/fastmem/classes")
        self.assertEqual(sizes[0], 8)
        self.assertIn(4096, sizes)
        for size, in_use in ((64, 1000), (4096, 10), (128, 0)):
            told = self.primary.ask("/fastmem/class,%d" % size)
            self.agrees(told, self.primary.figures("class %d" % size))
            self.assertEqual(told["in_use"], in_use)

    def test_a_pool_has_its_statistics(self):
        self.assertEqual(self.primary.ask("/fastmem/pools"), ["sessions"])
        told = self.primary.ask("/fastmem/pool,sessions")
        self.agrees(told, self.primary.figures("pool sessions"))
        self.assertEqual([told[n] for n in ("size", "min", "max", "in_use")], [200, 100, 500, 7])
        self.assertEqual(told["in_use"], told["get_total"] - told["put_total"])

    def test_a_long_list_comes_in_parts(self):
        self.assertEqual(self.primary.tell("pools 100"), "100")
        names, part = [], None
        while part is None or part:
            part = self.primary.ask("/fastmem/pools,%d" % len(names))
            self.assertLessEqual(len(part), 64)
            names += part
        self.assertEqual(names, ["sessions"] + ["extra-%d" % i for i in range(100)])

    def test_a_thread_has_what_it_has_cached(self):
        threads = self.primary.ask("/fastmem/threads")
        self.assertEqual(threads, [self.primary.pid])
        told = self.primary.ask("/fastmem/thread,%d" % threads[0])
        self.assertEqual(told["pid"], self.primary.pid)
        cached = {int(n.rpartition("_")[2]): told[n] for n in told if n.startswith("objects_of_")}
        self.assertEqual(set(cached), {64, 4096})
        self.assertEqual(sum(size * n for size, n in cached.items()), told["bytes_cached"])
        self.assertEqual(cached[64], self.primary.ask("/fastmem/class,64")["in_caches"])
        self.assertEqual(told["bytes_cached"], self.primary.ask("/fastmem/info")["bytes_cached"])
        self.assertEqual([told["alloc_total"], told["free_total"]], [1010, 0])
        self.primary.tell("take 512 30")
        self.primary.tell("give")
        told = self.primary.ask("/fastmem/thread,%d" % threads[0])
        self.assertEqual([told["alloc_total"], told["free_total"]], [1040, 30])

    def test_the_processes_are_there(self):
        told = self.primary.ask("/fastmem/processes")
        self.assertEqual(list(told), ["process_0"])
        told, = told.values()
        self.assertEqual([told[n] for n in ("pid", "alive", "n_threads", "n_objects")],
                         [self.primary.pid, 1, 1, 1017])
        self.assertEqual(told["n_bytes"], self.primary.figures("stats")["bytes_in_use"])

    def test_the_chunks_are_all_of_the_memory(self):
        info = self.primary.ask("/fastmem/info")
        for name in (n for n in info if n.startswith("socket_")):
            chunks = self.primary.ask("/fastmem/chunks,%s" % name.rpartition("_")[2]).values()
            self.assertEqual(len(chunks), info[name]["n_chunks"])
            self.assertEqual(sum(c["bytes"] for c in chunks), info[name]["bytes_backing"])
            self.assertEqual(sum(c["bytes"] - c["bytes_used"] for c in chunks),
                             info["bytes_free"])

    def test_the_slabs_are_all_of_a_chunk(self):
        found = {}
        for chunk in self.primary.ask("/fastmem/chunks,0").values():
            at = int(chunk["address"], 16)
            for run in self.primary.ask("/fastmem/slabs,%#x" % at).values():
                self.assertEqual(int(run["address"], 16), at)
                at += run["bytes"]
                if "size" in run:
                    key = run.get("pool", run["size"])
                    found[key] = found.get(key, 0) + run["slots"] - run["slots_free"]
            self.assertEqual(at, int(chunk["address"], 16) + chunk["bytes"])
        for size in (64, 4096):
            told = self.primary.ask("/fastmem/class,%d" % size)
            self.assertEqual(found[size], told["in_use"] + told["in_caches"] + told["in_depots"])
        told = self.primary.ask("/fastmem/pool,sessions")
        self.assertEqual(found["sessions"], told["in_use"] + told["in_caches"])

    def test_leaks_are_told_by_place(self):
        checked = primary("full,leaks=no")
        lines, part = [], None
        while part is None or part:
            part = checked.ask("/fastmem/leaks,%d" % len(lines))
            self.assertLessEqual(len(part), 64)
            lines += part
        self.assertLess(max(map(len, lines)), 128)
        text = "\n".join(lines)
        # main() has called what allocates them.
        self.assertRegex(text, r"\d+ bytes in 1010 objects of 64 to 4096, process %d[^#]*"
                               r"(    #[^\n]*\n(      [^\n]*\n)?)*    #\d+ main" % checked.pid)
        self.assertRegex(text, r"1400 bytes in 7 objects of 200, pool sessions")
        self.assertEqual(checked.end(), 0)

    def test_the_dump_has_the_same_figures(self):
        lines = [self.primary.tell("dump")]
        while lines[-1] != "end":
            lines.append(self.primary.process.stdout.readline().rstrip("\n"))
        told = self.primary.ask("/fastmem/class,64")
        row = next(line.split() for line in lines if line.split()[:1] == ["64"])
        self.assertEqual([int(row[i]) for i in (1, 2)], [told["in_use"], told["in_caches"]])

    def test_a_bad_parameter_is_named(self):
        for command, named in (
                ("/fastmem/class", "'size'"), ("/fastmem/class,", "'size'"), ("/fastmem/class,63", "'63'"),
                ("/fastmem/class,64x", "'64x'"), ("/fastmem/class,-64", "'-64'"),
                ("/fastmem/class,99999999999999999999", "99999999999999999999"),
                ("/fastmem/pool", "'name'"), ("/fastmem/pool,none", "'none'"),
                ("/fastmem/pools,x", "'x'"), ("/fastmem/threads,1x", "'1x'"),
                ("/fastmem/thread", "'thread id'"), ("/fastmem/thread,0", "'0'"),
                ("/fastmem/thread,4294967295", "4294967295"),
                ("/fastmem/chunks", "'socket'"), ("/fastmem/chunks,77", "'77'"),
                ("/fastmem/chunks,0,x", "'x'"), ("/fastmem/slabs", "'address'"),
                ("/fastmem/leaks,x", "'x'"), ("/fastmem/leaks", "RTE_FASTMEM_DEBUG"),
                ("/fastmem/slabs,64", "'64'"), ("/fastmem/slabs,0x", "'0x'"),
                ("/fastmem/slabs,0x1000", "'0x1000'"), ("/fastmem/slabs,0x0", "'0x0'"),
                ("/fastmem/slabs,0xffffffffffffffff", "'0xffffffffffffffff'"), ("/fastmem/info,x", "'x'"),
                ("/fastmem/classes,x", "'x'"), ("/fastmem/processes,x", "'x'")):
            told = self.primary.ask(command)
            self.assertEqual(list(told), ["error"], command)
            self.assertIn(named, told["error"], command)

    def test_after_deinit_there_is_an_error_and_after_init_an_answer(self):
        self.assertEqual(self.primary.tell("deinit"), "0")
        told = self.primary.ask("/fastmem/info")
        self.assertEqual(list(told), ["error"])
        self.assertIn("not initialised", told["error"])
        self.assertEqual(self.primary.tell("init"), "0")
        self.assertEqual(self.primary.ask("/fastmem/info")["alloc_total"], 0)

    @contextlib.contextmanager
    def asked(self):
        """Four clients ask all the time."""
        answers, stop = [], threading.Event()

        def keep_asking(command):
            with self.primary.client() as client:
                client.recv(LONGEST)
                while not stop.is_set():
                    client.send(command)
                    answers.append(len(client.recv(LONGEST)))

        askers = [threading.Thread(target=keep_asking, args=(command,)) for command in (
            b"/fastmem/info", b"/fastmem/class,64", b"/fastmem/processes", b"/fastmem/chunks,0")]
        for asker in askers:
            asker.start()
        try:
            while len(answers) < len(askers):
                self.assertEqual(self.primary.process.poll(), None)
            yield
        finally:
            stop.set()
            for asker in askers:
                asker.join()
        self.assertGreater(min(answers), 0)

    def test_it_ends_and_begins_while_it_is_asked(self):
        with self.asked():
            for _ in range(300):
                self.assertEqual(self.primary.tell("deinit"), "0")
                self.assertEqual(self.primary.tell("init"), "0")

    def test_eal_ends_while_it_is_asked(self):
        for _ in range(10):
            with self.asked():
                self.assertEqual(self.primary.tell("cleanup"), "0")
            self.assertIn("not initialised", self.primary.ask("/fastmem/info")["error"])
            self.assertEqual(self.primary.end(), 0)
            self.primary = primary()

    @unittest.skipIf(PAGES == "--no-huge", "no secondaries without huge pages")
    @unittest.skipIf("TSAN_OPTIONS" in os.environ,
                     "ThreadSanitizer does not see that another process hands memory on")
    def test_the_primary_tells_of_its_secondaries(self):
        prefix = self.primary.prefix
        secondary = Process([PROGRAM, "--proc-type=secondary", "--file-prefix", prefix, "--no-pci"])
        try:
            self.assertEqual(self.primary.ask("/fastmem/class,256")["in_use"], 5)
            self.assertIn(secondary.pid, self.primary.ask("/fastmem/threads"))
            told = self.primary.ask("/fastmem/thread,%d" % secondary.pid)
            self.assertEqual(told["pid"], secondary.pid)
            self.assertGreater(told["objects_of_256"], 0)
            told, = [p for p in self.primary.ask("/fastmem/processes").values()
                     if p["pid"] == secondary.pid]
            self.assertEqual([told[n] for n in ("alive", "n_threads", "n_objects", "n_bytes")],
                             [1, 1, 5, 1280])
            self.answers_agree(secondary)
        finally:
            self.assertEqual(secondary.end(), 0)

    def answers_agree(self, secondary):
        """EAL opens no socket in a secondary by itself, so the program does."""
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(secondary.tell("telemetry " + folder), "0")
            secondary.connect(folder)
            ask = self.primary.ask
            slabs = ask("/fastmem/chunks,0")["chunk_0"]["address"]
            commands = ["/fastmem/" + name for name in (
                "info", "classes", "pools", "pool,sessions", "threads", "processes", "chunks,0",
                "slabs," + slabs, "leaks", "class,63")]
            commands += ["/fastmem/class,%d" % size for size in ask("/fastmem/classes")]
            commands += ["/fastmem/thread,%d" % tid for tid in ask("/fastmem/threads")]
            for command in commands:
                self.assertEqual(secondary.ask(command), ask(command), command)
            self.assertEqual(self.primary.tell("deinit"), "0")
            self.assertIn("not initialised", secondary.ask("/fastmem/info")["error"])


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(unit.main())
