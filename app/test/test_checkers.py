#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Run-time checkers find the errors in wrong programs, and none in right ones.

Each program of wrong/ is built as a user builds it, with the ordinary library, and run with each
level of checking and under each tool. It is caught if the run reports the error and, where the tool
has the notion, names the line that has allocated the object. wrong/runtime.tsv tells which tool
finds which error, and why the others cannot.

With programs of right/, no tool may report anything.

The table in the guide is made of wrong/runtime.tsv and wrong/static.tsv, which test_static.py
compares with what static analysers say: --write writes it, otherwise it must be as it would be
written.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
RUNTIME = os.path.join(HERE, "wrong/runtime.tsv")
STATIC = os.path.join(HERE, "wrong/static.tsv")
TABLE = os.path.join(TOP, "doc/guides/prog_guide/fastmem_checking_table.rst")
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
TIMEOUT = 900
SUITE = "checkers"
# cases: *_catches_* *_does_not_see_* *_does_not_object_to_*
ONLY = os.environ.get("FASTMEM_TEST_ONLY", "").split("\n")  # cases; none: all

# The start of a report of fastmem's own, by kind of error.
OWN = {
    "overflow-after": "write behind an object",
    "overflow-before": "write in front of an object",
    "read-after-free": None,
    "write-after-free": "write after free",
    "double-free": "double free",
    "double-free-after-reuse": "double free",
    "free-interior": "free of an address that is not where its object begins",
    "free-stack": "free of an address that was never allocated by fastmem",
    "free-foreign": "free of an address that was never allocated by fastmem",
    "wrong-pool": "put to the wrong pool",
    "wrong-size-free": "free with the wrong size",
    "wrong-deallocator": None,
    "leak": "live: ",
    "leak-init-again": "live: ",
    "uninitialised-read": None,
    "realloc-misuse": "write after free",
    "pool-after-free": "use of 0x[0-9a-f]+, which is no pool",
    "lcore-overflow": "write behind an object",
    "lcore-read-after-free": None,
    "lcore-double-free": "double free",
    "process-overflow": "write behind an object",
    "process-double-free": "double free",
    "process-write-after-free": "write after free",
    "process-leak": "live: ",
    "lcore-data-race": None,
}
OWN_REPORT = r"FASTMEM: (ERROR: )?%s"

# Kinds of error that are not about an object: there is no line that has allocated it.
NO_SITE = {"free-stack", "free-foreign", "pool-after-free"}

ALLOCATES = re.compile(r"\brte_fastmem_(alloc|pool_get)\w*\(")


class Tool:
    """A way to run a program: what it is built with, and what a report looks like."""

    def __init__(self, name, title, cc="gcc", flags=(), extra=(), env=None, wrapper=(), own=True,
                 native=None, sites=True, what=None):
        self.name = name
        self.title = title
        self.cc = cc
        self.flags = list(flags)
        self.extra = list(extra)  # sources and linker options
        self.env = env or {}
        self.wrapper = list(wrapper)
        self.own = own  # whether fastmem's checks are on
        self.native = native  # what begins a report of the tool's own
        self.sites = sites  # whether it knows who has allocated
        self.what = what  # the wrong program that it is run with; None: all; "-": none

    def build_key(self):
        return self.cc, tuple(self.flags), tuple(self.extra)

    def caught_by(self, kind, output, site):
        """How a wrong program was caught: "tool", "fastmem", or "", and what is amiss."""
        by = ""
        if self.native and re.search(self.native, output):
            by = "tool"
        elif self.own and OWN.get(kind) and re.search(OWN_REPORT % OWN[kind], output):
            by = "fastmem"
        # MSan only knows where memory was freed, or what is no address of its own.
        if by == "tool" and self.name == "msan" and (
                "after-free" in kind or kind == "wrong-deallocator"):
            return by, ""
        if by and self.sites and site and site not in output:
            return "", "the report does not name %s" % site
        return by, ""


VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]
MSAN = ["-fsanitize=memory", "-fsanitize-memory-track-origins", "-fno-omit-frame-pointer"]
MSAN_EAL = [os.path.join(HERE, "wrong/msan_eal.c"),
            "-Wl,--wrap=rte_eal_init,--wrap=rte_eal_cleanup"]
ASAN_ENV = {"LSAN_OPTIONS": "suppressions=%s:print_suppressions=0"
            % os.path.join(TOP, "tools/lsan.supp")}

TOOLS = [
    Tool("light", "``light``", env={"RTE_FASTMEM_DEBUG": "light"}, sites=False),
    Tool("full", "``full``", env={"RTE_FASTMEM_DEBUG": "full"}),
    Tool("sample", "``sample=1``", env={"RTE_FASTMEM_DEBUG": "sample=1"}),
    Tool("asan-gcc", "ASan, gcc", flags=["-fsanitize=address"], env=ASAN_ENV,
         native=r"ERROR: AddressSanitizer"),
    Tool("asan-clang", "ASan, clang", cc="clang", flags=["-fsanitize=address"], env=ASAN_ENV,
         native=r"ERROR: AddressSanitizer"),
    Tool("valgrind", "Valgrind", wrapper=VALGRIND,
         native=r"==\d+== (Invalid|Mismatched|Conditional jump|Use of uninit|[\d,]+ bytes in [\d,]+ blocks)"),
    Tool("msan", "MSan", cc="clang", flags=MSAN, extra=MSAN_EAL,
         env={"MSAN_OPTIONS": "fast_unwind_on_malloc=0"}, native=r"(WARNING: MemorySanitizer|MemorySanitizer: bad pointer)"),
    # Tools are told nothing then, and must not object to what they do not know.
    Tool("asan-sample", "ASan", flags=["-fsanitize=address"], what="-",
         env={**ASAN_ENV, "RTE_FASTMEM_DEBUG": "sample=3"}, native=r"ERROR: AddressSanitizer"),
    Tool("asan-off", "ASan", flags=["-fsanitize=address"], what="-",
         env={**ASAN_ENV, "RTE_FASTMEM_DEBUG": "off"}, native=r"ERROR: AddressSanitizer"),
    Tool("tsan-gcc", "TSan, gcc", flags=["-fsanitize=thread"], what="lcore-data-race", sites=False,
         native=r"WARNING: ThreadSanitizer"),
    Tool("tsan-clang", "TSan, clang", cc="clang", flags=["-fsanitize=thread"], what="lcore-data-race", sites=False,
         native=r"WARNING: ThreadSanitizer"),
]


def kinds(folder):
    return sorted(f[:-2] for f in os.listdir(os.path.join(HERE, folder))
                  if f.endswith(".c") and f != "msan_eal.c")


def source(folder, kind):
    return os.path.join(HERE, folder, kind + ".c")


def allocation_site(kind):
    """FILE:LINE of the first line that allocates; None: there is none to be named."""
    if kind in NO_SITE:
        return None
    with open(source("wrong", kind), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if ALLOCATES.search(line):
                return "%s.c:%d" % (kind, number)
    return None


def pkg_config(*args):
    done = subprocess.run(["pkg-config", *args, "libdpdk"], check=True, capture_output=True,
                          text=True)
    return shlex.split(done.stdout)


class Bench:
    """Builds and runs programs. Thread-safe."""

    def __init__(self, args, scratch):
        self.args = args
        self.scratch = scratch
        self.cflags = ["-g", "-O2", "-w", "-DALLOW_EXPERIMENTAL_API", "-D_GNU_SOURCE",
                       *("-I" + os.path.join(TOP, "lib", folder)
                         for folder in ("fastmem", "fastmem_debug", "fastmem_replace")),
                       *pkg_config("--cflags")]
        ours = ["-lrte_fastmem_replace", "-lrte_fastmem", "-Wl,-rpath," + args.build]
        if args.static:
            ours = ["-Wl,-u,fastmem_debug_hooks", "-l:librte_fastmem_debug.a",
                    "-l:librte_fastmem_replace.a", "-l:librte_fastmem.a", "-ldw"]
        self.libraries = ["-L" + args.build, *ours, *pkg_config("--libs")]

    def build(self, tool, folder, kind):
        name = "%s-%s-%s" % (folder, kind, abs(hash(tool.build_key())))
        program = os.path.join(self.scratch, name)
        command = [tool.cc, *self.cflags, *tool.flags, "-o", program, source(folder, kind),
                   *tool.extra, *self.libraries, "-pthread"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("%s does not build:\n%s" % (kind, done.stderr))
        return program

    def wrap(self, tool, program):
        """with-eal.sh puts EAL's options behind the program."""
        if not tool.wrapper:
            return program
        path = "%s.%s" % (program, tool.name)
        wrapper = list(tool.wrapper)
        # It takes half as long again, and only tells where what is read so has come from.
        if tool.name == "valgrind" and "uninitialised" in program:
            wrapper.append("--track-origins=yes")
        with open(path, "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\nexec %s %s "$@"\n' % (shlex.join(wrapper), program))
        os.chmod(path, 0o755)
        return path

    def run(self, tool, program, pages):
        command = [WITH_EAL, "--" + pages, "--memory", "64", "--lcores", "2",
                   self.wrap(tool, program)]
        if pages == "huge" and "-fsanitize=address" in tool.flags:
            # It leaves addresses free there, in each process.
            command += ["--base-virtaddr=0x200000000000"]
        if "thread" in str(tool.flags) and shutil.which("setarch"):
            command = ["setarch", os.uname().machine, "-R", *command]
        env = dict(tool.env)
        if tool.name == "msan" and pages == "huge":
            # EAL's thread for messages has no checks that could be disabled.
            env["MSAN_OPTIONS"] += ":poison_in_malloc=0"
        return self.execute(command, env)

    @staticmethod
    def execute(command, env, stdin=b""):
        """Status and output."""
        env = {**{k: v for k, v in os.environ.items() if k != "RTE_FASTMEM_DEBUG"}, **env}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=env, start_new_session=True) as process:
            try:
                output = process.communicate(stdin, timeout=TIMEOUT)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output = process.communicate()[0] + b"\nit did not end in time\n"
        return process.returncode, output.decode(errors="replace")


def judge_wrong(bench, tool, kind, program, pages):
    """Verdict of a run: "tool", "fastmem" or "", and the output with what is amiss."""
    status, output = bench.run(tool, program, pages)
    if status in (2, 77) or "Cannot init memory" in output:
        return "", "the program did not get as far as its error\n" + output
    by, amiss = tool.caught_by(kind, output, allocation_site(kind))
    return by, "status %d %s\n%s" % (status, amiss, output)


def judge_right(bench, tool, program, pages):
    status, output = bench.run(tool, program, pages)
    objects = re.search(OWN_REPORT % "", output) or (
        tool.native and re.search(tool.native, output))
    return status == 0 and not objects, "status %d\n%s" % (status, output)


class Verdicts:
    """What tools are known to find or not: lines of kind, tool, "caught" or "cannot", by or why."""

    def __init__(self, path):
        self.lines = []
        with open(path, encoding="utf-8") as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    self.lines.append(line.rstrip("\n").split("\t"))

    def of(self, kind, tool):
        for kind_pattern, tool_pattern, verdict, detail in self.lines:
            if fnmatch.fnmatch(kind, kind_pattern) and fnmatch.fnmatch(tool, tool_pattern):
                return verdict, detail
        return None, None


class Report:
    """Promises kept and broken, printed as they come."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = 0
        self.failed = 0

    @staticmethod
    def wants(name):
        return ONLY == [""] or name in ONLY

    def say(self, name, good, log=""):
        if not self.wants(name):
            return
        if good:
            self.passed += 1
        else:
            self.failed += 1
        if not good or self.verbose:
            print("%s.%s: %s" % (SUITE, name, "ok" if good else "FAILED"), flush=True)
        if not good:
            lines = [line for line in log.splitlines() if not line.startswith("EAL: ")]
            print("\n".join("    | " + line for line in lines[:60]), flush=True)


def pages_of(kind):
    """EAL shares ordinary pages with nobody."""
    return "huge" if kind.startswith("process-") else "no-huge"


def run_wrong(bench, report, pool, tools, names):
    verdicts = Verdicts(RUNTIME)
    jobs = []
    builds = {}
    for kind in names:
        for tool in tools:
            if (tool.what or kind) != kind or (tool.wrapper and pages_of(kind) == "huge"):
                continue
            verdict, detail = verdicts.of(kind, tool.name)
            name = ("%s_catches_%s" if verdict == "caught" else "%s_does_not_see_%s") % (
                tool.name, kind)
            if not report.wants(name):
                continue
            key = (tool.build_key(), kind)
            if key not in builds:
                builds[key] = pool.submit(bench.build, tool, "wrong", kind)
            jobs.append((name, verdict, detail, pool.submit(
                lambda t, k, b: judge_wrong(bench, t, k, b.result(), pages_of(k)),
                tool, kind, builds[key])))
    for name, verdict, detail, job in jobs:
        by, log = job.result()
        if verdict == "caught":
            report.say(name, by == detail,
                       "caught by: %s, and not by: %s\n%s" % (by or "nobody", detail, log))
        else:
            report.say(name, by == "", log)


def run_right(bench, report, pool, tools, names):
    builds = {}
    jobs = []
    for kind in names:
        for tool in tools:
            name = "%s_does_not_object_to_%s" % (tool.name, kind)
            if not report.wants(name):
                continue
            key = (tool.build_key(), kind)
            if key not in builds:
                builds[key] = pool.submit(bench.build, tool, "right", kind)
            jobs.append((name, pool.submit(
                lambda t, b: judge_right(bench, t, b.result(), pages_of(kind)),
                tool, builds[key])))
    for name, job in jobs:
        good, log = job.result()
        report.say(name, good, log)


# What a program of Debian's does that knows nothing of fastmem, with mbufs of the mempool driver.
TESTPMD_ARGS = ["--mbuf-pool-ops-name=fastmem", "--vdev=net_null0", "--vdev=net_null1",
                "--no-telemetry", "--", "-i", "--total-num-mbufs=2048"]


def testpmd(bench, tool):
    """Whether it forwards packets, and the tool has nothing to say but of others' leaks."""
    driver = os.path.join(bench.args.build, "drivers/librte_mempool_fastmem.so")
    program = os.path.join(bench.scratch, "testpmd")
    with open(program, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nexport LD_PRELOAD=%s\nexec %s dpdk-testpmd "$@"\n'
                % (driver, shlex.join(tool.wrapper)))
    os.chmod(program, 0o755)
    status, output = bench.execute(
        [WITH_EAL, "--no-huge", "--memory", "128", "--lcores", "2", program, *TESTPMD_ARGS],
        tool.env, b"start\nstop\nshow port stats all\nquit\n")
    forwarded = [int(n) for n in re.findall(r"TX-packets: (\d+)", output)]
    good = status == 0 and any(forwarded) and not re.search(tool.native, output)
    return good, "status %d, forwarded %s\n%s" % (status, forwarded, output)


# Columns of the table: heading, tools that must agree, of which file.
COLUMNS = [
    ("light", ["light"], RUNTIME),
    ("full", ["full"], RUNTIME),
    ("sample", ["sample"], RUNTIME),
    ("ASan", ["asan-gcc", "asan-clang"], RUNTIME),
    ("Valgrind", ["valgrind"], RUNTIME),
    ("MSan", ["msan"], RUNTIME),
    ("gcc", ["gcc-warnings"], STATIC),
    ("analyzer", ["gcc-fanalyzer"], STATIC),
    ("clang", ["clang-analyzer"], STATIC),
    ("tidy", ["clang-tidy"], STATIC),
    ("cppcheck", ["cppcheck"], STATIC),
]
ROWS = [
    "overflow-after", "overflow-before", "read-after-free", "write-after-free", "double-free",
    "double-free-after-reuse", "free-interior", "free-stack", "free-foreign", "wrong-deallocator",
    "wrong-pool", "wrong-size-free", "leak", "uninitialised-read", "realloc-misuse",
    "pool-after-free", "lcore-overflow", "lcore-read-after-free", "lcore-double-free",
    "process-overflow", "process-write-after-free", "process-double-free", "process-leak",
]
NO_ROW = {"lcore-data-race", "leak-init-again"}
HEAD = """\
..  SPDX-License-Identifier: BSD-3-Clause
    Copyright(c) 2026 The fastmem authors

..  Made by "app/test/test_checkers.py --write": do not edit.

Each row is a program, ``app/test/wrong/KIND.c``; each cell is a run of it, or a reason.
"yes": the tool finds the error. "on": fastmem's own checks find it, which are on with this tool.
A number: it cannot, for the reason that is given below.

"""


def table_cell(verdicts, kind, column, reasons):
    heading, tools, path = column
    found = {verdicts[path].of(kind, tool) for tool in tools}
    if len(found) != 1 or (None, None) in found:
        raise ValueError("%s, %s: no verdict, or more than one" % (kind, heading))
    verdict, detail = found.pop()
    if verdict == "caught":
        own = path == RUNTIME and tools[0] not in ("light", "full", "sample")
        return "on" if own and detail == "fastmem" else "yes"
    if detail not in reasons:
        reasons.append(detail)
    return "(%d)" % (reasons.index(detail) + 1)


def table():
    """The table of the guide."""
    verdicts = {RUNTIME: Verdicts(RUNTIME), STATIC: Verdicts(STATIC)}
    reasons = []
    rows = [["Kind"] + [c[0] for c in COLUMNS]]
    rows += [[kind] + [table_cell(verdicts, kind, c, reasons) for c in COLUMNS] for kind in ROWS]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = "  ".join("=" * w for w in widths)
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    out = [rule, lines[0], rule, *lines[1:], rule, ""]
    out += ["(%d) %s.\n" % (i + 1, reason) for i, reason in enumerate(reasons)]
    return HEAD + "\n".join(out).rstrip() + "\n"


def check_table(report, write):
    if write:
        with open(TABLE, "w", encoding="utf-8") as f:
            f.write(table())
    with open(TABLE, encoding="utf-8") as f:
        report.say("the_table_of_the_guide_is_up_to_date", f.read() == table(),
                   "app/test/test_checkers.py --write makes it anew")
    unnamed = sorted(set(kinds("wrong")) - set(ROWS) - NO_ROW)
    report.say("each_kind_has_a_row", not unnamed, "no row: %s" % unnamed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="\n".join(__doc__.splitlines()[2:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=os.path.abspath,
                        help="build folder, with librte_fastmem.so; without, nothing is run")
    parser.add_argument("--kind", default="*", help="only programs of this name (a pattern)")
    parser.add_argument("--not-kind", default="", help="without these (a pattern)")
    parser.add_argument("--tool", default="*", help="only these tools (patterns, by commas)")
    parser.add_argument("--not-tool", default="", help="without these (patterns, by commas)")
    parser.add_argument("--pages", choices=["huge", "no-huge"],
                        help="only programs that need such pages (default: all)")
    parser.add_argument("--static", action="store_true",
                        help="link the static libraries (default: the shared one)")
    parser.add_argument("--write", action="store_true", help="write the table into the guide")
    parser.add_argument("-v", "--verbose", action="store_true", help="also name what is kept")
    args = parser.parse_args()

    def wanted(kind):
        return fnmatch.fnmatch(kind, args.kind) and not fnmatch.fnmatch(kind, args.not_kind) and \
            args.pages in (None, pages_of(kind))

    def among(tool, patterns):
        return any(fnmatch.fnmatch(tool.name, p) for p in patterns.split(","))

    tools = [t for t in TOOLS if among(t, args.tool) and not among(t, args.not_tool)]
    report = Report(args.verbose)
    check_table(report, args.write)
    if args.build:
        with tempfile.TemporaryDirectory() as scratch, \
                concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            bench = Bench(args, scratch)
            run_wrong(bench, report, pool, tools, [k for k in kinds("wrong") if wanted(k)])
            run_right(bench, report, pool, tools, [k for k in kinds("right") if wanted(k)])
            for tool in tools:
                name = "%s_does_not_object_to_testpmd" % tool.name
                if tool.wrapper and wanted("testpmd") and report.wants(name):
                    report.say(name, *testpmd(bench, tool))
    print("%d passed, %d failed" % (report.passed, report.failed))
    return report.failed != 0 or report.passed == 0


if __name__ == "__main__":
    sys.exit(main())
