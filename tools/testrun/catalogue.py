# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""What tests there are, by the sources: nothing needs to be built or configured for it.

A suite is declared where its cases are: in C by a struct test_suite and an array of TEST_CASE()s,
in shell by "suite=NAME" and calls of promise or step, in Python by SUITE = "NAME" and calls of
promise(), say() or check(), or by methods of unittest; in both also by a comment, "# cases: PATTERN...".
What a name is computed from, stands for anything: such a case is a pattern. A meson.build declares
tests by test('NAME' or, where no name stands there, by a comment, "# tests: PATTERN...".
"""

import difflib
import fnmatch
import os
import re

FOLDERS = ("app", "examples", "tools", "lib", "drivers")
CASES = re.compile(r"static const struct test_case (\w+)\[\] = \{(.*?)\n\};", re.DOTALL)
CASE = re.compile(r"\bTEST_CASE(?:_UNCHECKED)?\((\w+)\)")
SUITE = re.compile(r"^const struct test_suite suite_(\w+) = \{(.*?)\n\};", re.DOTALL | re.MULTILINE)
SHELL_SUITE = re.compile(r"^suite=([\w-]+)$", re.MULTILINE)
SHELL_CASE = re.compile(r"^\s*(?:\[.*?\] (?:\|\||&&) )?(?:promise|step) ('[^']+'|\"[^\"]+\"|[^\s'\"]+)", re.MULTILINE)
PYTHON_SUITE = re.compile(r"^SUITE = \"([\w-]+)\"$", re.MULTILINE)
PYTHON_CASE = re.compile(r"\.(?:promise|say|check)\(\s*f?\"([^\"]+)\"|^    def (test_\w+)\(",
                         re.MULTILINE)
DECLARED = re.compile(r"^\s*# cases: (.*)$", re.MULTILINE)
COMPUTED = re.compile(r"\$\{[^}]*\}|\$\w+|%[sd]|\{[^}]*\}")
UNNAMED = re.compile(r"[^A-Za-z0-9+.=*-]+")
MESON_TESTS = re.compile(r"^\s*# tests: (.*)$", re.MULTILINE)
MESON_TEST = re.compile(r"^\s*(?:test|benchmark)\('([\w-]+)'( \+)?", re.MULTILINE)


class Suite:
    def __init__(self, name, path, cases, group=""):
        self.name, self.path, self.cases = name, path, cases
        self.group = group  # of dpdk-fastmem-test: its argument that has it run; None: its name
        self.is_c = path.endswith(".c")

    def has(self, case):
        return any(case == c or fnmatch.fnmatchcase(case, c) for c in self.cases)


def group(body):
    if ".on_request = true" in body:
        return None
    if ".long_run = true" in body:
        return "--long"
    if ".deaths = true" in body:
        return "--deaths"
    return "--secondaries" if ".with_secondaries = true" in body else ""


def c_suites(path, text):
    arrays = {name: CASE.findall(body) for name, body in CASES.findall(text)}
    for name, body in SUITE.findall(text):
        cases = re.search(r"\.cases = (\w+)", body)
        yield Suite(name, path, arrays.get(cases[1], []) if cases else [], group(body))


def script_suites(path, text):
    shell = path.endswith(".sh")
    declared = (SHELL_SUITE if shell else PYTHON_SUITE).search(text)
    if not declared:
        return
    names = [name for line in DECLARED.findall(text) for name in line.split()]
    for found in (SHELL_CASE if shell else PYTHON_CASE).finditer(text):
        name = COMPUTED.sub("*", next(filter(None, found.groups())).strip("'\""))
        name = UNNAMED.sub("_", name)  # as promise.sh has it
        if name not in names:
            names.append(name)
    if names:
        yield Suite(declared[1], path, names)


def files(top):
    for folder in FOLDERS:
        for path, folders, names in os.walk(os.path.join(top, folder)):
            folders.sort()
            for name in sorted(names):
                yield os.path.join(path, name)


class Catalogue:
    def __init__(self, top):
        self.suites, self.test_patterns = {}, []
        for path in files(top):
            if not path.endswith((".c", ".sh", ".py", "meson.build")):
                continue
            with open(path, encoding="utf-8") as f:
                text = f.read()
            if path.endswith("meson.build"):
                self.test_patterns += [name + ("*" if more else "")
                                       for name, more in MESON_TEST.findall(text)]
                self.test_patterns += [name for line in MESON_TESTS.findall(text)
                                       for name in line.split()]
                continue
            for suite in (c_suites if path.endswith(".c") else script_suites)(path, text):
                self.suites[suite.name] = suite

    def suite_of_test(self, test):
        """Of a test program: the longest suite that its name begins with."""
        names = [n for n, s in self.suites.items()
                 if not s.is_c and (test == n or test.startswith(n + "_"))]
        return self.suites[max(names, key=len)] if names else None

    def knows_case(self, name):
        suite, _, case = name.partition(".")
        return suite in self.suites and self.suites[suite].has(case)

    def knows_test(self, name):
        return any(fnmatch.fnmatchcase(name, p) for p in self.test_patterns)

    def names(self):
        """All that can be named, and is known without a build."""
        yield from self.suites
        yield from (p for p in self.test_patterns if "*" not in p)
        for suite in self.suites.values():
            yield from ("%s.%s" % (suite.name, case) for case in suite.cases if "*" not in case)


def nearest(name, names, limit=3):
    """The names that are most like this one; of cases, also those of other suites."""
    names = sorted(set(names))
    found = difflib.get_close_matches(name, names, limit, 0.6)
    case = name.partition(".")[2]
    if case:
        by_case = {n.partition(".")[2]: n for n in names if "." in n}
        found += [by_case[c] for c in difflib.get_close_matches(case, by_case, limit, 0.6)]
    else:
        found += [n for n in names if name and "." not in n and (name in n or n in name)]
    return list(dict.fromkeys(found))[:limit] or difflib.get_close_matches(name, names, limit, 0)
