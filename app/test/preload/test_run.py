#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests fastmem-run: what it runs and how, what it refuses, and what it says then.

usage: test_run.py PROGRAM LIBRARY STATIC_FASTMEM

The programs are test-preload, which knows nothing of fastmem, and one that has fastmem linked in.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "run"
FASTMEM_RUN = os.path.join(TOP, "usertools/fastmem-run")
PROGRAM, LIBRARY, WITH_FASTMEM = map(os.path.abspath, sys.argv[1:])
CORE_FOLDER = os.path.normpath(os.path.join(os.path.dirname(LIBRARY), "../.."))
EAL = ["--no-huge", "-m", "64", "--no-pci", "--no-telemetry", "-l", "0", "--"]
PATIENCE = 60  # seconds


class Run(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.scratch)
        self.environment = {n: v for n, v in os.environ.items()
                            if n not in ("LD_PRELOAD", "LD_LIBRARY_PATH") and not n.startswith("RTE_FASTMEM")}
        self.environment["RUNTIME_DIRECTORY"] = self.scratch

    def file(self, name, text="", mode=0o755):
        path = os.path.join(self.scratch, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def build(self, name, source, *options):
        path = os.path.join(self.scratch, name)
        subprocess.run(["gcc", "-x", "c", "-", "-o", path, *options], input=source, text=True,
                       check=True, timeout=PATIENCE)
        return path

    def start(self, *arguments, program=FASTMEM_RUN, **environment):
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False,
                              env={**self.environment, **environment}, timeout=PATIENCE,
                              cwd=self.scratch)

    def run_with(self, *arguments, **environment):
        return self.start("--library", LIBRARY, *arguments, **environment)

    def printed(self, *arguments, **options):
        done = self.start("--print", *arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, status, pattern, *arguments, **options):
        done = self.start(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (status, ""))
        self.assertRegex(done.stderr, r"^fastmem-run: [^\n]*%s[^\n]*\n$" % pattern)

    def served(self, who, *arguments, **environment):
        done = self.run_with(*arguments, PROGRAM, *EAL, "plain", **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(who, done.stdout.splitlines())
        return done

    def test_a_program_is_served_by_fastmem(self):
        done = self.served("fastmem")
        self.assertNotIn("calls.malloc", done.stderr)

    def test_off_has_the_heap_of_EAL_serve(self):
        self.served("EAL", "--off")

    def test_a_report_goes_to_stderr_or_a_file(self):
        self.assertRegex(self.served("fastmem", "--report").stderr, r"(?m)^served_by fastmem$")
        self.served("EAL", "--off", "--report=report.%p")
        reports = [name for name in os.listdir(self.scratch) if name.startswith("report.")]
        self.assertEqual(len(reports), 1)
        with open(os.path.join(self.scratch, reports[0]), encoding="utf-8") as f:
            self.assertIn("served_by eal\n", f.read())

    def test_a_trace_is_written(self):
        self.served("fastmem", "--trace", "a.log")
        self.assertGreater(os.path.getsize(os.path.join(self.scratch, "a.log")), 0)

    def test_check_sets_a_level(self):
        self.assertIn("RTE_FASTMEM_DEBUG=light ", self.printed("--library", LIBRARY, "--check", PROGRAM))
        for level in "full", "light", "sample=100", "full,leaks=no":
            self.assertRegex(self.printed("--library", LIBRARY, "--check=" + level, PROGRAM),
                             r"RTE_FASTMEM_DEBUG='?%s'? " % level)
        self.served("fastmem", "--check=full,leaks=no")

    def test_mempools_are_replaced_if_asked_for(self):
        self.assertNotIn("RTE_FASTMEM_MEMPOOL", self.printed("--library", LIBRARY, PROGRAM))
        for option, value in (("--mempools", "on"), ("--mempools=grow", "grow"), ("--mempools=mbufs", "mbufs,"),
                              ("--mempools=mbufs,sess*", "'mbufs,sess*'"), ("--mempools=s?", "'s?'")):
            self.assertIn("RTE_FASTMEM_MEMPOOL=%s " % value, self.printed("--library", LIBRARY, option, PROGRAM))
        self.served("fastmem", "--mempools")

    def test_check_without_the_library_that_checks_is_refused(self):
        folder = os.path.join(self.scratch, "alone")
        os.mkdir(folder)
        shutil.copy(LIBRARY, folder)
        for library in "librte_fastmem.so.26", "librte_fastmem_replace.so.26":
            shutil.copy(os.path.join(CORE_FOLDER, library), folder)
        alone = os.path.join(folder, os.path.basename(LIBRARY))
        self.refused(125, r"librte_fastmem_debug\.so\.26, .*package librte-fastmem-debug26",
                     "--library", alone, "--check", PROGRAM, LD_LIBRARY_PATH=folder)

    def test_the_program_gets_its_arguments_and_its_environment(self):
        done = self.run_with("--force", "sh", "-c", 'echo "$LD_PRELOAD $A $#"; printf "<%s>" "$@"', "0",
                             "--off", "a b", "", A="1")
        self.assertEqual(done.stdout, "%s 1 3\n<--off><a b><>" % LIBRARY)
        self.assertEqual(self.run_with("--force", "--", "sh", "-c", "exit 3").returncode, 3)

    def test_it_takes_the_place_of_fastmem_run(self):
        with subprocess.Popen([FASTMEM_RUN, "--library", LIBRARY, "--force", "sh", "-c", "echo $$; read x"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env=self.environment) as process:
            self.assertEqual(int(process.stdout.readline()), process.pid)
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), -15)

    def test_the_exit_status_is_that_of_the_program(self):
        for status in 0, 1, 7, 125, 255:
            self.assertEqual(self.run_with("--force", "sh", "-c", "exit %d" % status).returncode, status)

    def test_what_is_preloaded_already_stays(self):
        out = self.printed("--library", LIBRARY, PROGRAM, LD_PRELOAD="libc.so.6")
        self.assertIn("LD_PRELOAD='libc.so.6 %s'" % LIBRARY, out)

    def test_a_runtime_of_ASan_comes_first(self):
        program = self.build("asan", "extern void rte_free(void *); int main(void) { rte_free(0); }",
                             "-fsanitize=address", "-l:librte_eal.so.%s" % self.abi())
        out = self.printed("--library", LIBRARY, program, LD_PRELOAD="libc.so.6")
        self.assertRegex(out, r"LD_PRELOAD='\S*libasan\.so\S* libc\.so\.6 %s'" % LIBRARY)

    @staticmethod
    def abi():
        out = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        return out.partition("librte_eal.so.")[2].split()[0]

    def test_a_static_program_is_refused(self):
        program = self.build("static", "int main(void) { return 0; }", "-static")
        self.refused(125, "linked statically.*rte_fastmem_replace.h", "--library", LIBRARY, program)
        self.refused(125, "linked statically", "--library", LIBRARY, "--force", program)

    def test_a_program_with_DPDK_in_it_is_refused(self):
        program = self.build("inside", 'int main(void) { return *(volatile const char *)"RTE Version: \'%s\'"; }')
        self.refused(125, "DPDK is linked into .* statically", "--library", LIBRARY, program)

    def test_a_program_with_fastmem_in_it_is_refused(self):
        self.refused(125, "has fastmem linked in.*librte_fastmem.so", "--library", LIBRARY, WITH_FASTMEM)

    def test_a_program_without_DPDK_is_refused_unless_forced(self):
        program = self.build("plain", "int main(void) { return 9; }")
        self.refused(125, "not linked with DPDK.*--force", "--library", LIBRARY, program)
        self.assertEqual(self.run_with("--force", program).returncode, 9)

    def test_a_script_is_refused_unless_forced(self):
        script = self.file("script", "#!/bin/sh\nexit 8\n")
        self.refused(125, "script: name the program.*--force", "--library", LIBRARY, script)
        self.assertEqual(self.run_with("--force", script).returncode, 8)

    def test_a_program_for_another_DPDK_is_refused(self):
        self.build("librte_eal.so.99", "int rte_other(void) { return 0; }", "-shared", "-fPIC",
                   "-Wl,-soname,librte_eal.so.99")
        program = self.build("other", "int rte_other(void); int main(void) { return rte_other(); }",
                             "-L" + self.scratch, "-l:librte_eal.so.99", "-Wl,-rpath," + self.scratch)
        self.refused(125, r"uses librte_eal\.so\.99, but .* was built for librte_eal\.so\.", "--library",
                     LIBRARY, program)
        os.unlink(os.path.join(self.scratch, "librte_eal.so.99"))
        self.refused(126, r"not found: librte_eal\.so\.99; LD_LIBRARY_PATH", "--library", LIBRARY, program)

    @unittest.skipIf(os.getuid() != 0, "needs root")
    def test_a_program_with_more_rights_is_refused(self):
        program = os.path.join(self.scratch, "rights")
        shutil.copy(PROGRAM, program)
        for mode, kind in (0o4755, "user"), (0o2755, "group"):
            os.chown(program, 65534, 65534)
            os.chmod(program, mode)
            self.refused(125, "has the set-%s-ID bit.*rte_fastmem_replace.h" % kind, "--library", LIBRARY,
                         program)
        os.chown(program, 0, 0)
        os.chmod(program, 0o4755)
        self.printed("--library", LIBRARY, program)

    def test_what_is_no_program_is_named(self):
        self.refused(127, "no-such-program: not found in PATH", "no-such-program")
        self.refused(127, "./nothing: not found", "./nothing")
        self.refused(127, "/no/file: not found; .* follows a '=': --report=/no/file", "--report", "/no/file", PROGRAM)
        self.refused(126, "it is a folder", self.scratch)
        self.refused(126, r"chmod \+x", self.file("data", mode=0o644))
        self.refused(126, "no program of this machine", self.file("broken", "\x7fELF\1\1"))
        self.refused(126, "Exec format error", "--library", LIBRARY, "--force", self.file("text", "text"))

    def test_wrong_arguments_are_named(self):
        for pattern, *arguments in (
                ["no PROGRAM"], ["no PROGRAM", "--report"], ["no option --x", "--x", "p"],
                ["no option -r", "-r", "p"], ["--trace needs a value", "--trace"],
                ["--off takes no value", "--off=1", "p"], ["--report needs a value", "--report=", "p"],
                ["--check=most: expected light, full or sample=N", "--check=most", "p"],
                ["exclude each other", "--off", "--check", "p"]):
            self.refused(2, pattern, *arguments)
        for word in "yes", "ON", "gorw":
            self.refused(2, r"--mempools=%s: expected on, off, grow or names.*--mempools=%s,$" % (word, word),
                         "--mempools=" + word, "p")
        self.refused(125, "no such library: /no/library", "--library", "/no/library", PROGRAM)
        self.refused(125, "%s cannot be preloaded into .*: it is no library" % FASTMEM_RUN, "--library", FASTMEM_RUN,
                     PROGRAM)

    def test_the_library_is_found_where_it_was_built_or_installed(self):
        for tool, library in (("usertools/fastmem-run", "build/lib/fastmem_malloc"),
                              ("bin/fastmem-run", "lib/x86_64-linux-gnu"), ("bin/fastmem-run", "lib64"),
                              ("fastmem-run", ".")):
            with tempfile.TemporaryDirectory(dir=self.scratch) as root:
                os.makedirs(os.path.join(root, os.path.dirname(tool)), exist_ok=True)
                shutil.copy(FASTMEM_RUN, os.path.join(root, tool))
                folder = os.path.join(root, library)
                os.makedirs(folder, exist_ok=True)
                shutil.copy(LIBRARY, folder)
                out = self.printed(PROGRAM, program=os.path.join(root, tool), BUILD="build",
                                   LD_LIBRARY_PATH=CORE_FOLDER)
                self.assertEqual(os.path.dirname(out.split()[0].partition("=")[2]), os.path.normpath(folder))

    def test_a_library_that_only_the_loader_finds_will_do(self):
        alone = os.path.join(self.scratch, "fastmem-run")
        shutil.copy(FASTMEM_RUN, alone)
        self.assertIn("LD_PRELOAD=" + os.path.basename(LIBRARY) + " ", self.printed(
            PROGRAM, program=alone, BUILD="none",
            LD_LIBRARY_PATH=os.path.dirname(LIBRARY) + ":" + CORE_FOLDER))

    def test_without_a_library_it_says_how_to_get_one(self):
        if subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL('%s')" % os.path.basename(LIBRARY)],
                          env=self.environment, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            self.skipTest("one is installed")
        alone = os.path.join(self.scratch, "fastmem-run")
        shutil.copy(FASTMEM_RUN, alone)
        self.refused(125, "no librte_fastmem_malloc.so: install the package librte-fastmem-malloc26",
                     PROGRAM, program=alone, BUILD="none")

    def test_it_has_help_and_a_version(self):
        self.assertIn("--report[=FILE]", self.start("--help").stdout)
        self.assertRegex(self.start("--version").stdout, r"^fastmem-run \d")


if __name__ == "__main__":
    del sys.argv[1:]
    sys.exit(unit.main())
