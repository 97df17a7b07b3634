#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests fastmem-gdb.py: what it tells of a program that knows the answers.

test-gdb-program says what it has done; gdb looks at it while it waits, and at its core files. It
runs as it was built, linked with the shared library, and stripped of all symbols.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = "gdb"
ONLY = os.environ.get("FASTMEM_TEST_ONLY", "").split("\n")  # cases; none: all
PATIENCE = 600  # seconds: far more than anything takes
PROMPT = "===="
# See "Core files" in fastmem_checking.rst.
DEFAULT_FILTER, WHOLE_FILTER = "0x33", "0x7f"


def has(text, *parts):
    for part in parts:
        assert part in text, "no \"%s\" in:\n%s" % (part, text)


def has_not(text, part):
    assert part not in text, "\"%s\" in:\n%s" % (part, text)


class Program:
    """A program that waits at its stages, and the facts that it has told so far."""

    def __init__(self, test, path, env=None):
        self.path, self.facts, self.dump = path, {}, ""
        self.process = subprocess.Popen(
            [test.with_eal, test.pages, "--memory", "64", path], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=open(test.scratch + "/program.err", "ab"), text=True,
            env={**os.environ, "RTE_FASTMEM_DEBUG": "off", **(env or {})})
        self.read_stage()

    def read_stage(self):
        dump = None
        for line in self.process.stdout:
            words = line.split()
            if words[:1] == ["stage"]:
                self.stage = words[1]
                return
            if words[:1] == ["fact"]:
                self.facts[words[1]] = words[2]
            elif line == "dump begins\n":
                dump = ""
            elif line == "dump ends\n":
                self.dump, dump = dump, None
            elif dump is not None and words[:1] not in (["kept:"], ["thread"]):
                dump += line # what keeps memory, and what threads have cached, is not gdb's
        raise AssertionError("the program has ended with status %s" % self.process.wait())

    def go_on(self, stage):
        while self.stage != stage:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            self.read_stage()
        return self

    def number(self, name):
        return int(self.facts[name], 0)

    def end(self):
        self.process.stdin.close()
        for _ in self.process.stdout:
            pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.end()


class Test:
    def __init__(self, args):
        self.script = os.path.join(args.source, "lib/fastmem_debug/gdb/fastmem-gdb.py")
        self.with_eal = os.path.join(args.source, "tools/with-eal.sh")
        self.program, self.shared = args.program, args.shared
        self.pages = "--no-huge" if args.no_huge else "--huge"
        self.scratch = args.scratch
        self.passed = self.failed = 0

    def promise(self, name, function, *args):
        if ONLY != [""] and name not in ONLY:
            return
        try:
            function(*args)
            result = "ok"
            self.passed += 1
        except Exception:
            traceback.print_exc(file=sys.stdout)
            result = "FAILED"
            self.failed += 1
        print("%s.%s: %s" % (SUITE, name, result), flush=True)

    def gdb(self, target, commands, script=True, before=(), env=None):
        """The output of each command, all by one gdb, which may not write to the process."""
        command = ["gdb", "--batch", "-nx", "-iex", "set debuginfod enabled off"]
        for line in before:
            command += ["-iex", line]
        command += target
        for line in ["set may-write-memory off", "set may-write-registers off",
                     "set pagination off"] + (["source " + self.script] if script else []):
            command += ["-ex", line]
        for line in commands:
            command += ["-ex", "echo %s\\n" % PROMPT, "-ex", line]
        command += ["-ex", "echo %s\\n" % PROMPT]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, text=True, check=False,
                              env={**os.environ, **(env or {})})
        parts = done.stdout.split(PROMPT + "\n")
        assert len(parts) == len(commands) + 2, done.stdout
        return parts[1:-1]

    def live(self, program, commands, **options):
        return self.gdb(["-p", program.facts["pid"]], commands, **options)

    # What is known of a program at its stage "busy".

    def expect_stats(self, program, text):
        assert program.dump.count("\n") > 10, program.dump
        assert text == program.dump, "not the same as rte_fastmem_dump():\n%s\n%s" % (
            program.dump, text)

    def state_questions(self, program):
        mine = "thread %s (lcore " % program.facts["tid"]
        answers = {
            "live": ("object of 128 bytes", "size 128", "state: live"),
            "cached": ("size 64", "state: free, in the cache of " + mine),
            "depot": ("size 64", "state: free, in the depot"),
            "slab": ("size 1024", "state: free, in its slab"),
            "thread_free": ("size 320", "in the cache of thread " + program.facts["thread_tid"]),
            "tail": ("behind the last object",),
            "pool_live": ("pool conns", "state: live",
                          "number in the pool: " + program.facts["pool_number"]),
            "pool_free": ("pool conns", "state: free, in the cache of " + mine),
            "external_free": ("pool mine", "state: free, in the cache of " + mine),
            "external_live": ("no object of fastmem's",),
            "deferred": ("pool readers", "state: free, but for a grace period"),
            "stack": ("no object of fastmem's",),
        }
        if "secondary_pid" in program.facts:
            answers["secondary_free"] = ("in the cache of thread %s (lcore " %
                                         program.facts["secondary_pid"],
                                         "of process " + program.facts["secondary_pid"])
            answers["secondary_live"] = ("size 448", "state: live")
        return answers

    def expect_leaks(self, program, text):
        rows = {}
        for line in text.splitlines():
            words = line.split(None, 2)
            if words[0].isdigit():
                rows[words[2]] = (int(words[0]), int(words[1]))
        expected = {"size 128": (program.number("live_count"), 1280), "size 1024": (1, 1024),
                    "pool conns": (program.number("pool_count"), 6 * 320),
                    "pool mine": (program.number("external_count"), 128),
                    "pool readers": (3, 192)}
        if "secondary_pid" in program.facts:
            expected["size 448"] = (5, 5 * 448)
        total = tuple(map(sum, zip(*expected.values())))
        expected["in all"] = total
        assert rows == expected, "%s\n%s" % (rows, expected)

    def expect_all(self, program, target, **options):
        states = self.state_questions(program)
        stats, leaks, *answers = self.gdb(
            target, ["fastmem stats", "fastmem leaks"] +
            ["fastmem object " + program.facts[name] for name in states], **options)
        self.expect_stats(program, stats)
        self.expect_leaks(program, leaks)
        for (name, parts), answer in zip(states.items(), answers):
            has(answer, *parts)

    # The promises.

    def before_and_after(self):
        with Program(self, self.program) as program:
            has(self.live(program, ["fastmem stats"])[0], "not initialised in this process")
            program.go_on("initialised")
            stats, leaks = self.live(program, ["fastmem stats", "fastmem leaks"])
            has(stats, "fastmem: 0 KiB in use, 0 KiB backing")
            has(leaks, "0              0  in all")
            program.go_on("over")
            has(self.live(program, ["fastmem object 0x1000"])[0],
                "not initialised in this process")

    def details(self, program):
        live = program.facts["live"]
        inside, missing, nonsense, listed, pool, no_such, limited = self.live(program, [
            "fastmem object (char *)%s + 17" % live, "fastmem object", "fastmem object $sp",
            "fastmem leaks 128", "fastmem leaks conns", "fastmem leaks nosuch",
            "with print elements 4 -- fastmem leaks 128"])
        has(inside, "17 bytes into an object of 128", "object: " + live)
        has(missing, "which address?")
        has(nonsense, "no object of fastmem's")
        has(listed, live, "10 live")
        has(pool, program.facts["pool_live"], "6 live")
        has_not(pool, program.facts["pool_free"])
        has(no_such, "no size and no pool")
        has(limited, "6 more", "10 live")

    def damaged(self):
        """The command that writes is gdb's own, and the last that anybody sees of the program."""
        with Program(self, self.program) as program:
            program.go_on("busy")
            damage = "python fm = Fastmem(); gdb.selected_inferior().write_memory(" \
                "next(fm.slabs())[1].at(\"%s\"), b\"\\xff\" * %d)"
            texts = self.live(program, [
                "set may-write-memory on", damage % ("bits", 8), "fastmem leaks",
                "fastmem object " + program.facts["live"], damage % ("bin", 2), "fastmem stats",
                "kill"])
        for text in texts[1:6]:
            has_not(text, "Traceback")
            has_not(text, "Python Exception")
        has(texts[2], "fastmem: ")
        has(texts[3], "fastmem: ")

    def secondary(self, program):
        target = ["-p", program.facts["secondary_pid"]]
        states = {name: parts for name, parts in self.state_questions(program).items()
                  if name in ("live", "depot", "slab", "pool_live", "secondary_live")}
        stats, *answers = self.gdb(target, ["fastmem stats"] + [
            "fastmem object " + program.facts[name] for name in states])
        # What waits for a grace period, each process has for itself.
        self.expect_stats(program, stats.replace("got 3, put 0, refused 0, deferred 0",
                                                 "got 3, put 0, refused 0, deferred 3"))
        for (name, parts), answer in zip(states.items(), answers):
            has(answer, *parts)

    def save_core(self, program, mask):
        path = os.path.join(self.scratch, "core." + mask)
        with open("/proc/%s/coredump_filter" % program.facts["pid"], "w", encoding="ascii") as f:
            f.write(mask)
        answer, = self.gdb(["-p", program.facts["pid"]], ["gcore " + path], script=False)
        assert os.path.exists(path), answer
        return path

    def cores(self):
        with Program(self, self.program) as program:
            program.go_on("busy")
            part = self.save_core(program, DEFAULT_FILTER)
            whole = self.save_core(program, WHOLE_FILTER)
            self.promise("what_a_core_lacks_and_gdb_reads_from_a_file_is_warned_of",
                         self.core_and_files, program, part)
        self.promise("a_whole_core_tells_the_same_as_the_process_did", self.expect_all, program,
                     [self.program, whole])
        self.promise("of_a_core_without_fastmem_s_memory_it_says_what_to_do", self.core_lacks,
                     program, part)
        self.promise("a_core_without_its_program_says_so", self.core_alone, whole)

    def core_and_files(self, program, core):
        text, = self.gdb([self.program, core], ["fastmem stats"])
        has(text, "is not in the core file", "coredump_filter", "as that is now", program.dump)

    def core_lacks(self, program, core):
        for text in self.gdb([self.program, core], [
                "fastmem stats", "fastmem object " + program.facts["live"], "fastmem leaks"]):
            has(text, "is not in the core file", "echo 0x7f >/proc/PID/coredump_filter")
            has_not(text, "Traceback")
            has_not(text, "KiB in use")

    def core_alone(self, core):
        text, = self.gdb(["/bin/sh", core], ["fastmem stats"])
        has(text, "fastmem: ", "program")
        has_not(text, "Traceback")

    def no_fastmem(self):
        text, = self.gdb(["/bin/sh"], ["fastmem stats"])
        has(text, "no process")
        with subprocess.Popen(["sleep", "1000"]) as other:
            try:
                text, = self.gdb(["-p", str(other.pid)], ["fastmem stats"])
            finally:
                other.kill()
        has(text, "there is none in this program")

    def strip(self, path, folder):
        copy = os.path.join(self.scratch, folder, os.path.basename(path))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(os.path.realpath(path), copy)
        subprocess.run(["strip", "--strip-all", copy], check=True)
        return copy

    def library(self):
        """Path of the shared library that the program is linked with."""
        text = subprocess.run(["ldd", self.shared], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return os.path.realpath(re.search(r"librte_fastmem\S* => (\S+)", text).group(1))

    def program_of(self, path, env=None):
        with Program(self, path, env) as program:
            program.go_on("busy")
            self.expect_all(program, ["-p", program.facts["pid"]])

    def stripped_shared(self):
        library = self.strip(self.library(), "lib")
        program = self.strip(self.shared, "bin")
        env = {"LD_LIBRARY_PATH": os.path.dirname(library)}
        with Program(self, program, env) as p:
            with open("/proc/%s/maps" % p.facts["pid"], encoding="ascii") as maps:
                has(maps.read(), library)
        self.program_of(program, env)

    def auto_load(self):
        folder = os.path.join(self.scratch, "auto-load")
        library = self.library()
        os.makedirs(folder + os.path.dirname(library))
        shutil.copy(self.script, folder + library + "-gdb.py")
        with Program(self, self.shared) as program:
            program.go_on("busy")
            self.expect_all(program, ["-p", program.facts["pid"]], script=False, before=[
                "add-auto-load-scripts-directory " + folder,
                "add-auto-load-safe-path " + folder])

    def stories(self, program):
        """What there is to tell of objects where all calls are checked."""
        tid, pid = program.facts["tid"], program.facts["pid"]
        stories = {
            "live": ("object of 100 bytes", "state: live",
                     "allocated by thread %s of process %s" % (tid, pid), "have_live"),
            "cached": ("object of 64 bytes", "state: free, in quarantine",
                       "freed by thread %s of process %s" % (tid, pid), "have_free"),
            "thread_free": ("object of 320 bytes", "state: free, in quarantine", "hoard",
                            "freed by thread " + program.facts["thread_tid"]),
            "pool_live": ("object of 200 bytes", "pool conns", "state: live", "have_pool"),
            "pool_free": ("object of 200 bytes", "state: free, in quarantine", "have_pool"),
        }
        if "secondary_pid" in program.facts:
            stories["secondary_live"] = (
                "object of 448 bytes", "state: live", "be_secondary",
                "allocated by thread {0} of process {0}".format(program.facts["secondary_pid"]))
        return stories

    def expect_stories(self, program, target, **options):
        stories = self.stories(program)
        live = program.facts["live"]
        stats, leaks, before, behind, *answers = self.gdb(target, [
            "fastmem stats", "fastmem leaks", "fastmem object %s - 2" % live,
            "fastmem object %s + 100" % live] +
            ["fastmem object " + program.facts[name] for name in stories], **options)
        self.expect_stats(program, stats)
        has(before, "2 bytes in front of an object of 100", "object: " + live)
        has(behind, "0 bytes behind an object of 100", "object: " + live)
        for (name, parts), answer in zip(stories.items(), answers):
            has(answer, *parts)
        has(answers[0], "test_gdb_program.c:")
        has_not(answers[0], "fastmem_alloc")  # what is within the library
        place = leaks[leaks.index("1000 bytes in 10 objects of 100, process %s\n" %
                                  program.facts["pid"]):]
        has(place.split("bytes in", 2)[1], "have_live", "test_gdb_program.c:")
        has(leaks, "1200 bytes in %s objects of 200, pool conns" % program.facts["pool_count"])
        if "secondary_pid" in program.facts:
            has(leaks, "2240 bytes in 5 objects of 448, process " + program.facts["secondary_pid"])

    def checked(self):
        with Program(self, self.program, {"RTE_FASTMEM_DEBUG": "full,leaks=no"}) as program:
            program.go_on("busy")
            target = ["-p", program.facts["pid"]]
            self.promise("with_checking_it_tells_who_has_allocated_and_freed",
                         self.expect_stories, program, target)
            self.promise("it_does_so_without_addr2line", self.without_addr2line, program)
            core = self.save_core(program, WHOLE_FILTER)
        self.promise("a_core_tells_who_has_allocated_and_freed", self.expect_stories, program,
                     [self.program, core])

    def without_addr2line(self, program):
        folder = os.path.join(self.scratch, "path")
        os.makedirs(folder)
        os.symlink(shutil.which("gdb"), os.path.join(folder, "gdb"))
        text, = self.live(program, ["fastmem object " + program.facts["pool_live"]],
                          env={"PATH": folder})
        has(text, "have_pool", "test_gdb_program.c:")

    def sampled(self):
        with Program(self, self.program, {"RTE_FASTMEM_DEBUG": "sample=10,leaks=no"}) as program:
            program.go_on("busy")
            stats, leaks, live = self.live(program, [
                "fastmem stats", "fastmem leaks", "fastmem object " + program.facts["live"]])
        self.expect_stats(program, stats)
        # Every tenth of ten, in a slot of its own kind.
        has(leaks, "a sample of one in 10", "100 bytes in 1 object of 100", "have_live",
            "         9           1152  size 128")
        has(live, "state: live")

    def stepped(self, how, level="off"):
        """See test_gdb_step.py."""
        wrapper = os.path.join(self.scratch, "wrapper")
        with open(wrapper, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexec gdb --batch -nx -iex 'set debuginfod enabled off' "
                    "-ex 'source %s' -x %s --args %s \"$@\" -- %s\n" % (
                        self.script, os.path.join(HERE, "test_gdb_step.py"), self.program, how))
        os.chmod(wrapper, 0o755)
        done = subprocess.run([self.with_eal, self.pages, "--memory", "64", wrapper],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
                              env={**os.environ, "RTE_FASTMEM_DEBUG": level})
        tail = "\n".join(done.stdout.splitlines()[-30:])
        assert done.returncode == 0 and "looked" in done.stdout, tail

    def run(self):
        self.promise("without_fastmem_or_a_process_it_says_so", self.no_fastmem)
        self.promise("before_init_and_after_deinit_it_says_so", self.before_and_after)
        with Program(self, self.program) as program:
            program.go_on("busy")
            target = ["-p", program.facts["pid"]]
            self.promise("statistics_states_and_leaks_are_what_the_program_knows",
                         self.expect_all, program, target)
            self.promise("insides_arguments_and_lists_are_understood", self.details, program)
            if "secondary_pid" in program.facts:
                self.promise("a_secondary_process_tells_the_same", self.secondary, program)
        self.promise("of_a_damaged_state_it_says_so", self.damaged)
        self.cores()
        self.checked()
        self.promise("with_sampling_it_tells_what_is_known", self.sampled)
        self.promise("a_stripped_program_tells_the_same", self.program_of,
                     self.strip(self.program, "bin"))
        self.promise("a_stripped_shared_library_tells_the_same", self.stripped_shared)
        self.promise("gdb_loads_the_script_with_the_library", self.auto_load)

    def run_steps(self):
        self.promise("at_each_instruction_what_the_program_has_is_live", self.stepped, "step")
        self.promise("the_same_holds_for_objects_of_a_pool", self.stepped, "step_pool")
        self.promise("the_same_holds_with_checking", self.stepped, "step", "full,leaks=no")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="top of the source tree")
    parser.add_argument("program", help="test-gdb-program")
    parser.add_argument("shared", help="the same, linked with the shared library")
    pages = parser.add_mutually_exclusive_group()
    pages.add_argument("--huge", action="store_true", help="on huge pages (the default)")
    pages.add_argument("--no-huge", action="store_true", help="on ordinary pages")
    parser.add_argument("--step", action="store_true", help="only step through the program")
    args = parser.parse_args()

    if shutil.which("gdb") is None:
        sys.exit("no gdb: tools/setup.sh test installs it")
    with tempfile.TemporaryDirectory(prefix="fastmem-gdb-") as args.scratch:
        test = Test(args)
        (test.run_steps if args.step else test.run)()
    print("%d passed, %d failed" % (test.passed, test.failed))
    sys.exit(test.failed != 0)


if __name__ == "__main__":
    main()
