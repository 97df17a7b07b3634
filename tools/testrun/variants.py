# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""The builds that tests run in, and the tests that they have, as meson knows them."""

import json
import os
import shutil
import subprocess

MIB = 1 << 20
PLUG_IN = "rte_fastmem_debug"  # programs load it when they are told to check: no test depends on it


class Variant:
    def __init__(self, name, about, cc, options, patience=1, env=None, only=None, quick=None,
                 without=(), disk=300):
        self.name, self.about, self.cc, self.options = name, about, cc, options
        self.patience = patience  # how much longer tests may take than meson.build says
        self.env = env or {}
        self.only = only  # the only suite of meson's that runs here
        self.quick = quick  # tests that "make test" runs; None: all but those of suite "check"
        self.without = without  # suites of meson's that make no sense here
        self.disk = disk  # MiB that the build takes
        self.folder = None
        self.error = None  # why there are no tests

    def configure(self, build):
        """Configures once, and again what has changed since. Returns None, or what is wrong."""
        self.folder = os.path.join(os.path.abspath(build), "test", self.name)
        if os.path.exists(os.path.join(self.folder, "build.ninja")):
            return self.run(["meson", "configure", self.folder, *self.options]) or \
                self.run(["ninja", "-C", self.folder, "build.ninja"])
        os.makedirs(self.folder, exist_ok=True)
        free = shutil.disk_usage(self.folder).free // MIB
        if free < self.disk:
            return "no disk left: %s takes %d MiB, of which %d are free" % (
                self.folder, self.disk, free)
        if shutil.which(self.cc) is None:
            return "no %s" % self.cc
        return self.run(["meson", "setup", self.folder, *self.options])

    def run(self, command):
        done = subprocess.run(command, env={**os.environ, "CC": self.cc},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)
        return done.stdout if done.returncode != 0 else None

    def introspect(self, what):
        return json.loads(subprocess.run(["meson", "introspect", what, self.folder], check=True,
                                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout)

    def tests(self):
        """As meson introspects them, with the files that each needs to be built: none means all."""
        built, plugged_in = {}, []
        for target in self.introspect("--targets"):
            files = [os.path.relpath(f, self.folder) for f in target["filename"]]
            built[target["id"]] = files
            if target["name"] == PLUG_IN and target["type"] == "shared library":
                plugged_in += files
        for test in self.introspect("--tests"):
            test["suite"] = [s.split(":")[-1] for s in test["suite"]]
            if self.only and self.only not in test["suite"] or \
                    set(self.without) & set(test["suite"]):
                continue
            test["files"] = [f for target in test["depends"] for f in built.get(target, [])]
            if test["files"]:
                test["files"] += plugged_in
            test["all"] = not test["files"] and self.folder in " ".join(test["cmd"])
            yield test


def variants(top):
    # At -O1, which is what sanitizers are made for, such a build takes half as long as at -O2.
    # Reports name functions and lines: where variables are, takes a tenth of the rest.
    sanitized = ["-Ddebug=true", "-Doptimization=1", "-Dasserts=true",
                 "-Dc_args=-fno-var-tracking"]
    fixed = ["setarch", os.uname().machine, "-R"] if shutil.which("setarch") else []
    found = [
        Variant("gcc", "release build", "gcc", ["--buildtype=release", "--prefix", "/usr/local"]),
        Variant("asan", "AddressSanitizer, UndefinedBehaviorSanitizer and assertions", "gcc",
                [*sanitized, "-Db_sanitize=address,undefined"],
                5, {
                    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
                    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
                    # Leaks of EAL are EAL's: the suppressions name no function of fastmem.
                    "LSAN_OPTIONS": "suppressions=%s/tools/lsan.supp:print_suppressions=0" % top,
                }, quick=["functional_no_huge"]),
        Variant("clang", "release build with assertions", "clang",
                ["--buildtype=release", "-Dasserts=true"], quick=[]),
        # The benchmark hands over by rte_ring and compares mempools: their order is made by fences,
        # or in libraries, that ThreadSanitizer does not see.
        Variant("tsan", "ThreadSanitizer and assertions", "gcc",
                [*sanitized, "-Db_sanitize=thread"], 10,
                {"TSAN_OPTIONS": "suppressions=%s/tools/tsan.supp:second_deadlock_stack=1:"
                 "history_size=5" % top},  # suppressions need both stacks of a report
                quick=[], without=["benchmark"]),
        Variant("fuzz", "libFuzzer harness, with AddressSanitizer", "clang",
                ["--buildtype=debugoptimized", "-Dasserts=true", "-Dfuzz=true",
                 "-Db_sanitize=address,undefined", "-Db_lundef=false"], quick=[], only="fuzz"),
    ]
    for variant in found:
        # ThreadSanitizer of older compilers does not start where addresses are randomised widely.
        variant.wrapper = fixed if variant.name == "tsan" else []
    return found
