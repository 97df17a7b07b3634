#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Tests that checking is a library of its own, as drop-in names are: what librte_fastmem has of it, and
when it is loaded.

usage: test_debug_library.py BUILD SHARED STATIC PLAIN

The programs are test_debug_library_program.c with the shared library, with both static ones, and
with that of librte_fastmem alone.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
sys.path.insert(0, os.path.join(TOP, "tools"))
from testrun import unit  # noqa: E402  pylint: disable=wrong-import-position

SUITE = "debug_library"
WITH_EAL = os.path.join(TOP, "tools/with-eal.sh")
BUILD, SHARED, STATIC, PLAIN = (os.path.abspath(path) for path in sys.argv[1:5])
CORE = "librte_fastmem.so.26"
LIBRARY = "librte_fastmem_debug.so.26"
REPLACE = "librte_fastmem_replace.so.26"
# A library that plugs in what no release has.
OTHER_BUILD = """
struct hooks { unsigned int version, size; };
extern void fastmem_hooks_register(const struct hooks *hooks);
static const struct hooks hooks = { 1, 8 };
__attribute__((constructor)) static void plug_in(void) { fastmem_hooks_register(&hooks); }
"""

# Begins fastmem, when the thread that does so as well waits for what this one has: the loader's lock.
PLUGIN = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int rte_fastmem_init(void);

__attribute__((constructor)) static void begin(void)
{
    char path[64];
    int call = -1;

    snprintf(path, sizeof(path), "/proc/self/task/%s/syscall", getenv("WAIT_FOR_TID"));
    write(atoi(getenv("WRITE_TO_FD")), "", 1);
    while (call != 202) { /* futex() */
        FILE *f = fopen(path, "r");

        if (f == NULL)
            _exit(3);
        if (fscanf(f, "%d", &call) != 1)
            call = -1;
        fclose(f);
    }
    rte_fastmem_init();
}
"""

# What has to be loaded with the library begins fastmem as well: LIBRARY is the true one.
FIRST = """
#include <dlfcn.h>
#include <stdio.h>

int rte_fastmem_init(void);

__attribute__((constructor)) static void begin(void)
{
    printf("within: %d\\n", rte_fastmem_init());
    if (dlopen(LIBRARY, RTLD_NOW | RTLD_NODELETE) == NULL)
        puts(dlerror());
}
"""


def nm(*arguments):
    return subprocess.run(["nm", *arguments], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def names(archive, *kinds):
    """Symbols of an archive, of these kinds: capital letters are global, small ones local."""
    lines = (line.split()[-2:] for line in nm(os.path.join(BUILD, archive)))
    return {words[1] for words in lines if len(words) == 2 and words[0] in kinds}


def needed(library):
    """The libraries that it says it needs."""
    out = subprocess.run(["readelf", "-d", os.path.join(BUILD, library)], check=True,
                         capture_output=True, text=True).stdout
    return set(re.findall(r"NEEDED.*\[([a-z_]+)", out))


def run(program, *arguments, debug=None, libraries=None, cwd=None):
    """What the program says, and logs."""
    env = {k: v for k, v in os.environ.items() if k not in ("RTE_FASTMEM_DEBUG", "LD_LIBRARY_PATH")}
    if debug is not None:
        env["RTE_FASTMEM_DEBUG"] = debug
    if libraries is not None:
        env["LD_LIBRARY_PATH"] = libraries
    done = subprocess.run([WITH_EAL, "--no-huge", "--memory", "64", program, "--", *arguments], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          timeout=120, cwd=cwd)
    return done.stdout


class Symbols(unittest.TestCase):
    def test_librte_fastmem_has_no_code_of_checking(self):
        checking = names("librte_fastmem_debug.a", *"TDBR")
        self.assertIn("fastmem_debug_hooks", checking)
        core = names("librte_fastmem.a", *"TDBRU")
        self.assertIn("rte_fastmem_init", core)
        self.assertEqual(core & checking, set())

    def test_librte_fastmem_has_none_of_its_data(self):
        # Static names: what a report says, what an unwinder knows.
        local = names("librte_fastmem.a", *"tdbr")
        self.assertTrue(local)
        self.assertEqual([name for name in local if re.search(
            r"backtrace|unwind|symbol|addr2line|quarantine|redzone|report|leak", name)], [])

    def test_what_only_checking_needs_librte_fastmem_does_not(self):
        self.assertIn("libdw", needed(LIBRARY))
        self.assertIn("librte_fastmem", needed(LIBRARY))
        self.assertEqual(needed(CORE) & {"libdw", "libelf", "libunwind", "libgcc_s",
                                         "librte_fastmem_debug"}, set())

    def test_what_only_drop_in_names_need_librte_fastmem_does_not(self):
        only = {"librte_mempool", "librte_mbuf"}
        self.assertLess(only | {"librte_fastmem"}, needed(REPLACE))
        self.assertEqual(needed(CORE) & (only | {"librte_fastmem_replace"}), set())
        self.assertEqual(needed(LIBRARY) & only, set())

    def test_librte_fastmem_refers_to_nothing_of_mempools_mbufs_and_drop_in_names(self):
        # What the linker drops from what is needed, a static program would have to have.
        for name in names("librte_fastmem.a", *"TDBRU"):
            self.assertNotRegex(name, r"^rte_(mempool|mbuf|pktmbuf)|_replace_")

    def test_librte_fastmem_debug_exports_its_hooks_and_nothing_else(self):
        lines = nm("-D", "--defined-only", os.path.join(BUILD, LIBRARY))
        exported = {line.split()[-1].split("@")[0] for line in lines}
        self.assertEqual(exported - {"INTERNAL"}, {"fastmem_debug_hooks"})


class Loading(unittest.TestCase):
    def says(self, output, *patterns):
        for pattern in patterns:
            self.assertRegex(output, re.compile(pattern, re.MULTILINE))

    def says_not(self, output, pattern):
        self.assertNotRegex(output, re.compile(pattern, re.MULTILINE))

    def folder(self, *files):
        """One that has these libraries, and nothing of what belongs beside them."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for file in files:
            shutil.copy(os.path.join(BUILD, file), folder.name)
        return folder.name

    def compile(self, folder, output, source, *arguments):
        path = os.path.join(folder, output)
        with open(path + ".c", "w", encoding="utf-8") as file:
            file.write(source)
        subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", path, path + ".c", *arguments], check=True)
        return path

    def without_library(self):
        installed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False,
                                   env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin"})
        if LIBRARY in installed.stdout:
            self.skipTest("%s is installed on this machine" % LIBRARY)
        return self.folder(CORE)

    def test_what_checks_nothing_does_not_load_it(self):
        for debug in None, "", "off":
            output = run(SHARED, debug=debug)
            self.says(output, "^init: 0$", "^level: 1$", "^library: not loaded$")

    def test_it_is_loaded_when_the_environment_asks(self):
        for debug, level in ("light", 2), ("full", 3), ("sample=1", 4):
            output = run(SHARED, debug=debug + ",on-error=continue,leaks=no")
            self.says(output, "^init: 0$", "^level: %d$" % level, "^library: loaded$",
                      "write behind an object of 100 bytes: to the first byte behind it")

    def test_a_report_to_no_file_goes_where_the_log_goes(self):
        folder = self.folder()
        output = run(SHARED, debug="full,on-error=continue,report=-", cwd=folder)
        self.says(output, "write behind an object of 100 bytes")
        self.assertEqual(os.listdir(folder), [])

    def test_it_is_loaded_when_the_program_asks(self):
        output = run(SHARED, "conf")
        self.says(output, "^init: 0$", "^level: 3$", "^library: loaded$", "write behind an object")

    def test_the_environment_overrides_the_program(self):
        output = run(SHARED, "conf", debug="off")
        self.says(output, "^init: 0$", "^level: 1$", "^library: not loaded$")

    def test_a_list_of_what_is_live_loads_it_and_checks_nothing(self):
        output = run(SHARED, "leaks")
        self.says(output, "^level: 1$", "^leaks: 1$", "^library: loaded$",
                  "nothing more is known without checking")
        self.says_not(output, "write behind")

    def test_where_it_is_missing_init_fails_and_names_it(self):
        folder = self.without_library()
        for arguments, debug, who in ((), "full", "RTE_FASTMEM_DEBUG"), (
                ("conf",), None, r"rte_fastmem_init_conf\(\)"):
            output = run(SHARED, *arguments, debug=debug, libraries=folder)
            self.says(output, "^init: -2$", "%s asks for checking, and %s cannot be loaded: %s" % (
                who, re.escape(LIBRARY), re.escape(os.path.join(folder, LIBRARY))))

    def test_where_it_is_missing_others_run(self):
        folder = self.without_library()
        for debug in None, "off":
            output = run(SHARED, "leaks", debug=debug, libraries=folder)
            self.says(output, "^init: 0$", "^level: 1$", "^leaks: -2$",
                      "a list of what is live asks for .*cannot be loaded")

    def test_one_of_another_build_is_refused(self):
        folder = self.folder(CORE)
        self.compile(folder, LIBRARY, OTHER_BUILD, os.path.join(folder, CORE))
        output = run(SHARED, debug="full", libraries=folder)
        self.says(output, "^init: -2$", "librte_fastmem_debug is of another build")

    def test_it_is_loaded_while_a_plugin_that_begins_as_well_is_loaded(self):
        plugin = self.compile(self.folder(), "plugin.so", PLUGIN)
        output = run(SHARED, "plugin", plugin, debug="full,leaks=no")
        self.says(output, "^plugin: loaded$", "^init: (0|-16)$")

    def test_what_begins_while_it_is_loaded_is_told_so_and_spoils_nothing(self):
        folder, library = self.folder(CORE), os.path.join(self.folder(LIBRARY), LIBRARY)
        self.compile(folder, LIBRARY, FIRST, '-DLIBRARY="%s"' % library)
        output = run(SHARED, debug="full,on-error=continue", libraries=folder)
        self.says(output, "^within: -16$", "^init: 0$", "^level: 3$", "write behind an object")
        self.says_not(output, "cannot be loaded")

    def test_what_was_missing_is_loaded_at_the_next_init(self):
        folder = self.without_library()
        output = run(SHARED, "again", os.path.join(BUILD, LIBRARY), os.path.join(folder, LIBRARY),
                     debug="full,leaks=no", libraries=folder)
        self.says(output, "^init: -2$", "^init again: 0$", "^level: 3$")

    def plugin_with_checking(self):
        """It plugs into the librte_fastmem of the program."""
        return self.compile(self.folder(), "plugin.so", "", "-Wl,--whole-archive",
                            os.path.join(BUILD, "librte_fastmem_debug.a"), "-Wl,--no-whole-archive",
                            "-ldw", "-lelf")

    def test_a_plugin_that_contains_it_takes_it_along_when_it_is_closed(self):
        output = run(SHARED, "closed", self.plugin_with_checking(), debug="full,on-error=continue")
        self.says(output, "^plugin: loaded$", "^plugin: unloaded$", "^init: 0$", "^level: 3$",
                  "^library: loaded$", "write behind an object")

    def test_a_plugin_that_contains_it_does_not_take_the_place_of_what_is_there(self):
        output = run(SHARED, "between", self.plugin_with_checking(), debug="full,on-error=continue")
        self.says(output, "^plugin: loaded$", "^plugin: unloaded$", "^init: 0$", "^level: 3$",
                  "^library: loaded$", "write behind an object")

    def test_a_relative_path_is_not_taken_for_one_of_another_folder(self):
        folder, other = self.folder(CORE, LIBRARY), self.folder()
        self.compile(other, LIBRARY, OTHER_BUILD, os.path.join(folder, CORE))
        program = os.path.join(folder, "program")
        with open(program, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nLD_PRELOAD=./%s exec %s "$@"\n' % (CORE, SHARED))
        os.chmod(program, 0o755)
        output = run(program, "folder", other, debug="full,on-error=continue", libraries=folder,
                     cwd=folder)
        self.says(output, "^init: 0$", "^level: 3$", "^library: loaded$", "write behind an object")

    def test_a_static_program_checks_if_it_contains_it(self):
        output = run(STATIC, debug="full,on-error=continue")
        self.says(output, "^init: 0$", "^level: 3$", "^library: not loaded$", "write behind an object")
        output = run(STATIC)
        self.says(output, "^init: 0$", "^level: 1$", "^library: not loaded$")
        self.says_not(output, "write behind")

    def test_constructors_of_a_static_program_find_it(self):
        output = run(STATIC, "constructor", debug="full,leaks=no")
        self.says(output, "^early: 0$", "^level: 3$")

    def test_a_static_program_without_it_says_how_to_link_it(self):
        output = run(PLAIN, debug="full")
        self.says(output, "^init: -2$", "^library: not loaded$",
                  'RTE_FASTMEM_DEBUG asks for checking, and this program contains librte_fastmem '
                  'without librte_fastmem_debug.a: .*pkg-config --libs librte_fastmem_debug')
        output = run(PLAIN)
        self.says(output, "^init: 0$", "^level: 1$")


if __name__ == "__main__":
    sys.exit(unit.main(sys.argv[5:]))
