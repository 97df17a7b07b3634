#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Static analysers find the errors in wrong programs, and none in right ones.

The programs are in wrong/ and right/; a line of a wrong one that says "WRONG" has its error.
wrong/static.tsv tells for each kind of error which tool finds it, and why the others cannot.
wrong/static/ has the same errors made by other functions, "WRONG: kind".
"""

import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
TABLE = HERE / "wrong" / "static.tsv"
SUITE = "static"
ONLY = os.environ.get("FASTMEM_TEST_ONLY", "").split()  # cases; none: all

# file:line:column: message [name] or message [CWE-1] [name]
DIAGNOSTIC = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+):\d+: (?:warning|error|style|portability|performance): "
    r"(?P<message>.*?)(?: \[(?P<name>[^][]+)\])?$")
# What a compiler says of where an inlined function was inlined: the place that matters.
INLINED = re.compile(r"^\s+inlined from .* at (?P<file>[^:\n]+):(?P<line>\d+):\d+[:,]$")


class Diagnostic:
    def __init__(self, file, line, name, text):
        self.file, self.line, self.name, self.text = file, int(line), name or "", text

    def __str__(self):
        return self.text


def diagnostics(output, program):
    """What a tool objects to; of what is in a header, the line of the program that it is for."""
    found = []
    inlined = []
    for line in output.splitlines():
        if re.match(r"In (?:function|member)", line):
            inlined = []
        match = INLINED.match(line)
        if match:
            inlined.append(match)
            continue
        match = DIAGNOSTIC.match(line)
        if match:
            places = [match, *inlined]
            where = next((p for p in places if p["file"] == str(program)), match)
            found.append(Diagnostic(where["file"], where["line"], match["name"], line))
            inlined = []
    return found


class Tools:
    """The command lines of each tool, as users have them."""

    def __init__(self, fastmem):
        dpdk = subprocess.run(["pkg-config", "--cflags", "libdpdk"], check=True,
                              capture_output=True, text=True).stdout
        # What DPDK's and fastmem's own headers do is theirs: as if installed.
        headers = [re.sub(r"^-I", "-isystem", flag) for flag in shlex.split(dpdk)]
        self.cflags = ["-DALLOW_EXPERIMENTAL_API", "-D_GNU_SOURCE", *("-isystem" + str(folder) for folder in fastmem), *headers]
        self.cppcheck_library = fastmem[0] / "fastmem.cfg"
        self.names = ["gcc-warnings", "gcc-fanalyzer", "clang-analyzer", "clang-tidy", "cppcheck"]

    def command(self, tool, program):
        gcc = ["gcc", *self.cflags, "-c", "-o", os.devnull, program]
        clang = [*self.cflags, program]
        return {
            "gcc-warnings": [*gcc, "-O2", "-DRTE_FASTMEM_NO_INLINE", "-Wall", "-Wextra", "-Wmismatched-dealloc",
                             "-Wfree-nonheap-object", "-Wstringop-overflow",
                             "-D_FORTIFY_SOURCE=3"],
            # It sees most before the optimiser has seen it.
            "gcc-fanalyzer": [*gcc, "-O0", "-fanalyzer"],
            "clang-analyzer": ["clang", "--analyze", "--analyzer-output", "text",
                               "-Xclang", "-analyzer-checker=alpha.security.ArrayBoundV2",
                               *clang],
            "clang-tidy": ["clang-tidy", "--quiet", f"--config-file={TOP / '.clang-tidy'}",
                           program, "--", *self.cflags],
            "cppcheck": ["cppcheck", "--quiet", f"--library={self.cppcheck_library}",
                         "--enable=warning,portability",
                         "--template={file}:{line}:{column}: {severity}: {message} [{id}]",
                         program],
        }[tool]

    def run(self, tool, program):
        """What a tool objects to in a program, or None and its output if it does not work."""
        env = {**os.environ, "LC_ALL": "C"}
        try:
            done = subprocess.run(self.command(tool, str(program)), capture_output=True, text=True,
                                  env=env, timeout=120)
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, str(error)
        output = done.stdout + done.stderr
        if done.returncode != 0:
            return None, output
        found = diagnostics(output, program)
        if tool == "gcc-fanalyzer":
            found = [d for d in found if d.name.startswith("-Wanalyzer")]
        return found, output

    @staticmethod
    def versions():
        """As in the table: name and version, of gcc and clang the first number."""
        found = []
        for tool, pattern in (("gcc", r"\) (\d+)"), ("clang", r"version (\d+)"),
                              ("cppcheck", r"(\d+\.\d+)")):
            try:
                output = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
            except OSError:
                output = ""
            match = re.search(pattern, output)
            found.append(f"{tool} {match[1] if match else 'is not there'}")
        return found


class Table:
    """What is known of kinds of error and tools, and the versions of tools that this is about."""

    def __init__(self):
        self.entries, self.versions = [], None
        for line in TABLE.read_text().splitlines():
            fields = line.split("\t")
            if fields[0] == "#versions":
                self.versions = fields[1:]
            elif not line.startswith("#"):
                kind, tool, verdict, text = fields
                if verdict not in ("caught", "cannot"):
                    sys.exit(f"{TABLE.name}: {line}")
                self.entries.append((kind, tool, verdict, text))

    def get(self, of_kind, of_tool):
        """Verdict, and name of the diagnostic or reason, by the first line that is about them."""
        for kind, tool, verdict, text in self.entries:
            if fnmatch.fnmatch(of_kind or "", kind) and fnmatch.fnmatch(of_tool, tool):
                return verdict, text
        return None, None

    def unused(self, kinds, tools):
        """Lines that are about nothing."""
        return [entry for entry in self.entries
                if not fnmatch.filter(kinds, entry[0]) or not fnmatch.filter(tools, entry[1])]


# A tool may name the end of the statement before or after, for what is lost there.
def objection(found, program, line, pattern="."):
    for d in found:
        if d.file == str(program) and abs(d.line - line) <= 1 and \
                re.search(pattern, d.name):
            return d
    return None


def wrong_lines(program):
    """Where errors are: (line, kind or None, tools that do not find this one)."""
    for number, line in enumerate(program.read_text().splitlines(), 1):
        match = re.search(r"/\* WRONG(?:: (?P<kind>[a-z-]+))?(?:, not (?P<but>[a-z, -]+))? \*/", line)
        if match:
            yield number, match["kind"], (match["but"] or "").split(", ")


def may_be_wanted(program, tool):
    return not ONLY or any(program.stem in name.split(".") and name.endswith("." + tool)
                           for name in ONLY)


class Suite:
    def __init__(self, tools):
        self.tools = tools
        self.table = Table()
        self.as_listed = self.table.versions == tools.versions()
        self.results = []
        self.passed = self.failed = 0

    # cases: *
    def check(self, name, ok, why="", output=""):
        if ONLY and name not in ONLY:
            return
        print(f"{SUITE}.{name}: {'ok' if ok else 'FAILED: ' + why}", flush=True)
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(output)

    def program(self, program, tool, found, output):
        """A program of a kind of its own."""
        kind = program.stem
        name = f"{kind}.{tool}"
        verdict, text = self.table.get(kind, tool)
        lines = [line for line, _, _ in wrong_lines(program)]
        if verdict is None or len(lines) != 1:
            self.check(name, False, f"not in {TABLE.name}, or not one line that is WRONG")
            return
        if verdict == "caught":
            d = objection(found, program, lines[0], text)
            self.check(name, d is not None, f"no {text} in line {lines[0]}", output)
            self.results.append((kind, tool, "caught" if d else "missed", d.name if d else text))
            return
        # That an object seems to be lost, for another process frees it, is not what is wrong.
        d = objection(found, program, lines[0], "." if kind.endswith("leak") else "^(?!.*-leak$)")
        # Another version may know more.
        self.check(name, d is None or not self.as_listed,
                   f"it can, which {TABLE.name} does not know", output)
        self.results.append((kind, tool, "caught", d.name) if d else
                            (kind, tool, "cannot", text))

    def variants(self, program, tool, found, output):
        """Many errors in one program: those of kinds that the tool finds, it finds in each place."""
        for line, kind, but in wrong_lines(program):
            verdict, text = self.table.get(kind, tool)
            name = f"{program.stem}.{line}.{kind}.{tool}"
            if verdict is None:
                self.check(name, False, f"not in {TABLE.name}")
            elif verdict == "caught" and tool not in but:
                self.check(name, objection(found, program, line, text) is not None,
                           f"no {text}", output)

    def right(self, program, tool, found, output):
        self.check(f"right.{program.stem}.{tool}", not found,
                   f"objects to what is right: {found[0] if found else ''}", output)

    def run(self, jobs):
        work = [(program, tool, judge)
                for judge, folder in ((self.program, "wrong"), (self.variants, "wrong/static"),
                                      (self.right, "right"))
                for program in sorted((HERE / folder).glob("*.c"))
                for tool in self.tools.names]
        work = [item for item in work if item[2] == self.right or any(wrong_lines(item[0]))]
        kinds = {program.stem for program, _, judge in work if judge == self.program}
        work = [item for item in work if may_be_wanted(*item[:2])]
        unused = self.table.unused(kinds, self.tools.names)
        self.check("table", not unused, f"{TABLE.name} has what there is not: {unused}")
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            done = pool.map(lambda item: self.tools.run(item[1], item[0]), work)
            for (program, tool, judge), (found, output) in zip(work, done):
                if found is None:
                    self.check(f"{program.stem}.{tool}", False, "does not work", output)
                else:
                    judge(program, tool, found, output)

    def sizes(self):
        """Compilers know the size of what is allocated, also when only the program does."""
        source = HERE / "right" / "sizes.c"
        for cc in (cc for cc in ("gcc", "clang") if not ONLY or f"sizes.{cc}" in ONLY):
            with tempfile.TemporaryDirectory() as folder:
                obj = f"{folder}/sizes.o"
                done = subprocess.run(
                    [cc, "-O2", "-D_FORTIFY_SOURCE=3", "-DRTE_FASTMEM_NO_INLINE", "-DEXPECT_SIZES",
                     *self.tools.cflags, "-c", str(source), "-o", obj],
                    capture_output=True, text=True)
                ok = done.returncode == 0
                output = done.stderr
                if ok:
                    output = subprocess.run(["nm", "-u", obj], capture_output=True, text=True).stdout
                    ok = "__memset_chk" in output
                self.check(f"sizes.{cc}", ok, "does not know the size of an object", output)

    def coverity_model(self):
        """The functions of the model are those of the headers, and all of it compiles."""
        flags = [flag for flag in self.tools.cflags if flag != "-D_GNU_SOURCE"]
        done = subprocess.run(
            ["clang", "-fsyntax-only", "-D__COVERITY__", "-DRTE_FASTMEM_REPLACE_MALLOC", *flags,
             "-include", "rte_fastmem_pool.h", "-include", "rte_fastmem_replace.h",
             "-Wall", "-Wextra", "-Werror", "-Wno-uninitialized", "-Wno-unused-parameter",
             "-Wno-macro-redefined", "-Wno-typedef-redefinition",
             str(TOP / "tools" / "coverity-model.c")], capture_output=True, text=True)
        self.check("coverity-model", done.returncode == 0, "does not compile", done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tsv", type=pathlib.Path,
                        help="write what was found here: kind, tool, verdict, reason")
    parser.add_argument("--fastmem", type=pathlib.Path, nargs="+",
                        default=[TOP / "lib" / folder for folder in
                                 ("fastmem", "fastmem_debug", "fastmem_replace")],
                        help="folders of fastmem's headers")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()

    suite = Suite(Tools(args.fastmem))
    suite.run(args.jobs)
    suite.sizes()
    suite.coverity_model()
    if args.tsv:
        args.tsv.write_text("".join("\t".join(result) + "\n" for result in suite.results))
    print(f"{suite.passed} passed, {suite.failed} failed")
    return 0 if suite.failed == 0 and suite.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
