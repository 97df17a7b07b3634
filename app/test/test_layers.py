#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests that the code keeps to its layers, and that tools/check-layers finds what does not.

usage: test_layers.py BUILD [case...]
"""

import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "layers"
CHECK = os.path.join(TOP, "tools/check-layers")
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""

SVG = "{http://www.w3.org/2000/svg}"
LAYERS = "layer top: top*.c\nlayer middle: a.c b.c c.c\nlayer bottom: bottom.c\n"
# Each file calls the functions named, and has one of its own name.
CALLS = {"top.c": ["a", "bottom"], "a.c": ["b", "bottom"], "b.c": ["a"], "c.c": [], "bottom.c": []}


class Planted(unittest.TestCase):
    """A small tree, in which one thing is wrong."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = folder.name

    def check(self, calls=None, layers=LAYERS, code=None):
        pairs = []
        for file, called in {**CALLS, **(calls or {})}.items():
            name = file[:-2]
            body = "".join("extern int %s(void);\n" % other for other in called)
            body += "int\n%s(void)\n{\n\treturn 0%s;\n}\n" % (
                name, "".join(" + %s()" % other for other in called))
            path = os.path.join(self.top, file)
            with open(path, "w", encoding="utf-8") as source:
                source.write(body + (code or {}).get(file, ""))
            # The same symbols, in much less time than a compiler takes.
            subprocess.run(["as", "-o", path + ".o", "-"], check=True, text=True,
                           input=".globl %s\n%s:\n%s" % (name, name, "".join(
                               ".quad %s\n" % other for other in called)))
            pairs.append("%s=%s.o" % (file, path))
        with open(os.path.join(self.top, "layers"), "w", encoding="utf-8") as file:
            file.write(layers)
        done = subprocess.run([CHECK, "--top", self.top, "--layers", "layers", *pairs],
                              capture_output=True, text=True, check=False)
        self.errors = done.stderr
        return done.returncode, sorted(done.stdout.splitlines()[:-1])

    def finds(self, line, also=(), **planted):
        self.assertEqual(self.check(**planted), (1, sorted([line, *also])))

    def test_nothing_is_found_where_nothing_is_wrong(self):
        self.assertEqual(self.check(), (0, []))

    def test_a_reference_upward_is_found(self):
        self.finds("bottom.c: upward, refers to a of a.c, which is of layer middle",
                   calls={"bottom.c": ["a"]})

    def test_a_reference_upward_that_is_listed_is_known(self):
        self.assertEqual(self.check(calls={"bottom.c": ["a"]},
                                    layers=LAYERS + "upward bottom.c a.c: a\n"), (0, []))

    def test_another_reference_beside_one_that_is_listed_is_found(self):
        self.finds("bottom.c: upward, refers to b of b.c, which is of layer middle",
                   calls={"bottom.c": ["a", "b"]}, layers=LAYERS + "upward bottom.c a.c: a\n")
        self.finds("bottom.c: upward, refers to a of a.c, which is of layer middle",
                   calls={"bottom.c": ["a"]}, layers=LAYERS + "upward bottom.c a.c: other\n", also=[
                       "bottom.c a.c: other: listed, and not so any more"])

    def test_a_circle_of_three_files_is_found(self):
        self.finds("layer middle: a circle of 3 files: a.c, b.c, c.c",
                   calls={"b.c": ["c"], "c.c": ["a"]})

    def test_a_cut_that_cuts_no_circle_is_found(self):
        self.finds("a.c b.c: listed, and not so any more", layers=LAYERS + "upward a.c b.c: b\n")
        self.assertEqual(self.check(calls={"b.c": ["c"], "c.c": ["a"]},
                                    layers=LAYERS + "upward c.c a.c: a\n"), (0, []))

    def test_a_symbol_for_one_file_alone_is_found_elsewhere(self):
        layers = LAYERS + "only bottom.c *.c: eal_* read\n"
        self.assertEqual(self.check(calls={"bottom.c": ["eal_zone", "read"], "c.c": ["write"]},
                                    layers=layers), (0, []))
        self.finds("c.c: uses eal_zone, read, which is for bottom.c alone",
                   calls={"c.c": ["eal_zone", "read", "write"]}, layers=layers)
        self.assertEqual(self.check(calls={"c.c": ["eal_zone"]},
                                    layers=LAYERS + "only bottom.c a*.c: eal_*\n"), (0, []))

    def test_a_symbol_of_ours_is_for_all(self):
        self.assertEqual(self.check(calls={"a.c": ["b", "eal"], "eal.c": []},
                                    layers=LAYERS + "layer eal: eal.c\nonly bottom.c *.c: eal*\n"),
                         (0, []))

    def test_an_exception_is_made_and_found_when_nothing_needs_it(self):
        layers = LAYERS + "only bottom.c *.c: eal_*\nexcept eal_log*: it is no call\n"
        self.assertEqual(self.check(calls={"c.c": ["eal_log_it"]}, layers=layers), (0, []))
        self.finds("except eal_log*: listed, and not so any more", layers=layers)
        self.finds("c.c: uses eal_zone, which is for bottom.c alone",
                   calls={"c.c": ["eal_zone", "eal_log_it"]}, layers=layers)

    def test_a_file_in_no_layer_is_found(self):
        self.finds("other.c: in no layer", calls={"other.c": []})

    def test_a_long_file_is_found(self):
        self.finds("c.c: 605 lines, more than 600", code={"c.c": "/* */\n" * 600})

    def test_a_long_function_is_found(self):
        self.finds("c.c: long_one: 62 lines, more than 60",
                   code={"c.c": "static int\nlong_one(int n)\n{\n%s\treturn n;\n}\n" % ("\tn++;\n" * 58)})

    def test_what_is_listed_and_not_so_any_more_is_found(self):
        self.finds("bottom.c a.c: listed, and not so any more",
                   layers=LAYERS + "upward bottom.c a.c: a\n")
        self.finds("c.c: listed, and not so any more", layers=LAYERS + "long c.c: it was once\n")

    def test_the_picture_has_each_layer_and_file_and_what_goes_upward(self):
        self.check(layers=LAYERS + "upward bottom.c a.c: a\n")
        path = os.path.join(self.top, "layers.svg")
        subprocess.run([CHECK, "--top", self.top, "--layers", "layers", "--svg", path], check=True)
        drawn = xml.etree.ElementTree.parse(path).getroot()
        words = {word for text in drawn.iter(SVG + "text") for word in text.text.split()}
        self.assertLess({"top", "middle", "bottom", *CALLS}, words)
        self.assertEqual(len(list(drawn.iter(SVG + "rect"))), 1 + 3)
        self.assertEqual(len(list(drawn.iter(SVG + "path"))), 2)  # an arrow: its line, its head

    def test_a_line_that_says_nothing_is_refused(self):
        planted = {"calls": {"bottom.c": ["a"]}, "layers": LAYERS + "upward bottom.c a.c\n"}
        self.assertEqual(self.check(**planted)[0], 1)
        self.assertIn("nothing behind the colon", self.errors)


class Real(unittest.TestCase):
    def test_the_library_keeps_to_its_layers(self):
        done = subprocess.run([CHECK, "--top", TOP, "--build", BUILD], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if not BUILD:
        sys.exit(__doc__)
    sys.exit(unit.main(sys.argv[2:]))
