#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests fastmem-map: its picture of a process whose memory is known.

usage: test_map.py PROGRAM

The program is test_telemetry_program.c.
"""

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position
sys.path.insert(0, os.path.join(TOP, "app/test/harness"))
from watched import Watched  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "map"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
FASTMEM_MAP = os.path.join(TOP, "usertools/fastmem-map")
PROGRAM = os.path.abspath(sys.argv[1])
SVG = "{http://www.w3.org/2000/svg}"
GRANULE, CELL = 65536, 14


def run(*arguments):
    return subprocess.run([FASTMEM_MAP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)


class Tables(html.parser.HTMLParser):
    """The rows of a page's tables."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.cell = [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[-1][-1].append(self.cell)
            self.cell = None


def runs(svg):
    """(owner, taken slots, pixels, title) of each run of granules in a picture."""
    for group in xml.etree.ElementTree.fromstring(svg).iter(SVG + "g"):
        if group.get("class") == "run":
            yield (group.get("data-owner"), int(group.get("data-taken")),
                   sum(int(rect.get("width")) for rect in group.iter(SVG + "rect")),
                   group.find(SVG + "title").text)


class Map(unittest.TestCase):
    def setUp(self):
        self.process = Watched([WITH_EAL, "--no-huge", "--memory", "128", PROGRAM])
        self.prefix = ["-f", self.process.prefix]

    def tearDown(self):
        self.assertEqual(self.process.end(), 0)

    def drawn(self, *arguments):
        done = run(*self.prefix, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def expect_objects(self, svg):
        """Those of the program, and 100 of 16 KiB. Caches are empty after a trim."""
        found = {}
        for owner, taken, _, _ in runs(svg):
            found[owner] = found.get(owner, 0) + taken
        del found[""]
        self.assertEqual(found, {"64 bytes": 1000, "4096 bytes": 10, "16384 bytes": 100,
                                 "pool sessions": 7})

    def test_the_cells_are_the_objects(self):
        self.process.tell("take 16384 100")
        self.process.tell("trim")
        self.expect_objects(self.drawn("--svg"))

    def test_the_cells_are_as_wide_as_the_memory(self):
        self.process.tell("take 16384 100")
        pixels = sum(width for _, _, width, _ in runs(self.drawn("--svg")))
        backing = json.loads(self.process.tell("stats"))["bytes_backing"]
        self.assertEqual(pixels, backing // GRANULE * CELL)

    def test_a_title_tells_of_a_slab(self):
        titles = [title for owner, _, _, title in runs(self.drawn("--svg")) if owner == "4096 bytes"]
        self.assertGreater(len(titles), 0)
        for title in titles:
            self.assertRegex(title, r"^0x[0-9a-f]+: slab of 4096 bytes, \d+ KiB, \d+ of \d+ slots")

    def test_a_fuller_slab_is_darker(self):
        def brightness(n):
            """Of the first slab, with so many objects of 128 bytes."""
            self.process.tell("take 128 %d" % n)
            root = xml.etree.ElementTree.fromstring(self.drawn("--svg"))
            self.process.tell("give")
            colour = next(group.find(SVG + "rect").get("fill") for group in root.iter(SVG + "g")
                          if group.get("data-owner") == "128 bytes")
            return sum(int(colour[i:i + 2], 16) for i in (1, 3, 5))

        self.assertGreater(brightness(20), brightness(400))

    def test_the_tables_say_the_same(self):
        self.process.tell("trim")
        text = self.drawn()
        owners, chunks = Tables(text).tables
        self.assertEqual(owners[0], ["size or pool", "slabs", "bytes", "slots in use or cached", "slots"])
        rows = {row[0]: row for row in owners[1:]}
        self.assertEqual(rows["64 bytes"][3], "1000")
        self.assertEqual(rows["pool sessions"][3], "7")
        backing = json.loads(self.process.tell("stats"))["bytes_backing"]
        self.assertEqual(sum(int(row[2]) for row in chunks[1:]), backing)
        pinned = ", ".join(row[4] for row in chunks[1:])
        for what in ("1000 of 64 bytes", "10 of 4096 bytes", "7 of pool sessions"):
            self.assertIn(what, pinned)

    def test_the_page_needs_nothing_else(self):
        text = self.drawn()
        self.assertNotRegex(text, r"<script|<link|src=|href=|@import|url\(")

    def test_each_colour_is_in_the_legend(self):
        text = self.drawn("--svg")
        for owner in {owner for owner, _, _, _ in runs(text)} - {""}:
            self.assertIn("<text", text)
            self.assertRegex(text, r">%s, empty to full</text>" % re.escape(owner))

    def test_many_slabs_come_in_parts(self):
        # Each of these has a slab of its own.
        self.assertEqual(self.process.tell("take 65536 300"), "300")
        found = [taken for owner, taken, _, _ in runs(self.drawn("--svg")) if owner == "65536 bytes"]
        self.assertEqual(sum(found), 300)

    def test_a_dump_is_drawn_as_the_process_was(self):
        with tempfile.TemporaryDirectory() as folder:
            dump, page = (os.path.join(folder, name) for name in ("dump.json", "map.html"))
            self.assertEqual(self.drawn("--json", "-o", dump), "")
            live = self.drawn()
            done = run("--dump", dump, "-o", page)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            with open(page, encoding="utf-8") as file:
                self.assertEqual(file.read(), live)

    def core(self, folder, mask):
        path = os.path.join(folder, "core." + mask)
        with open("/proc/%d/coredump_filter" % self.process.pid, "w", encoding="ascii") as file:
            file.write(mask)
        subprocess.run(["gdb", "--batch", "-nx", "-iex", "set debuginfod enabled off",
                        "-p", str(self.process.pid), "-ex", "gcore " + path], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return ["--core", path, "--program", PROGRAM]

    @unittest.skipIf(shutil.which("gdb") is None, "there is no gdb")
    def test_a_core_is_drawn_as_the_process_was(self):
        # Slabs and free runs side by side, a chunk that is held back in part, a pool.
        self.process.tell("take 16384 100")
        self.process.tell("take 300 1000")
        self.process.tell("give")
        self.process.tell("pools 3")
        self.process.tell("take 65536 30")
        self.process.tell("limit 1000000")
        self.process.tell("trim")
        with tempfile.TemporaryDirectory() as folder:
            core = self.core(folder, "0x7f")
            live = json.loads(self.drawn("--json"))
            done = run(*core, "--json")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(json.loads(done.stdout), live)
            kinds = [set(run) for place in live["sockets"] for chunk in place["chunks"]
                     for run in chunk["runs"]]
            for kind in ({"address", "bytes"}, {"address", "bytes", "size", "slots", "slots_free"},
                         {"address", "bytes", "pool", "size", "slots", "slots_free"}):
                self.assertIn(kind, kinds)
            done = run(*core)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, self.drawn(), ""))

    @unittest.skipIf(shutil.which("gdb") is None, "there is no gdb")
    def test_of_a_core_without_its_memory_it_says_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            core = self.core(folder, "0x33")  # the default: without shared memory
            done = run(*core)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"^fastmem-map: [^\n]*memory of fastmem is not in it\. "
                             r"Before it is written: echo 0x7f >/proc/PID/coredump_filter\n$")
            for arguments, pattern in (
                    (["--core", core[1], "--program", "/bin/sh"], "none in this program"),
                    (["--core", FASTMEM_MAP, "--program", PROGRAM], "no process"),
                    (["--core", "/no/such/core", "--program", PROGRAM], "cannot be read")):
                done = run(*arguments)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"^fastmem-map: [^\n]*(%s)[^\n]*\n$" % pattern)

    def test_what_is_wrong_is_one_line(self):
        with tempfile.NamedTemporaryFile(mode="w", suffix=".json") as file:
            file.write('{"version": 1, "sockets": [{}]}')
            file.flush()
            for arguments, pattern in (
                    (["-f", "no-such-prefix"], "no process with file prefix"),
                    (["--dump", "/no/such/file"], "No such file"),
                    (["--dump", file.name], "no dump of fastmem-map"),
                    (["--dump", FASTMEM_MAP], "no dump of fastmem-map"),
                    (self.prefix + ["-o", "/no/such/folder/map"], "No such file")):
                done = run(*arguments)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"^fastmem-map: [^\n]*%s[^\n]*\n$" % pattern)

    @unittest.skipIf(shutil.which("chromium") is None, "there is no chromium: tools/setup.sh check installs it")
    def test_a_browser_shows_the_cells(self):
        self.process.tell("take 16384 100")
        self.process.tell("trim")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "map.html")
            self.drawn("-o", path)
            shown = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu",
                 "--user-data-dir=" + folder, "--dump-dom", "file://" + path],
                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                timeout=200).stdout
        svg = re.search(r"<svg.*</svg>", shown, re.DOTALL)[0]
        self.expect_objects(svg)
        self.assertEqual(list(runs(svg)), list(runs(self.drawn("--svg"))))
        owners, chunks = Tables(shown).tables
        self.assertIn(["16384 bytes", "100"], [[row[0], row[3]] for row in owners])
        self.assertIn("100 of 16384 bytes", ", ".join(row[4] for row in chunks))


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(unit.main())
