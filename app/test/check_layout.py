#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""The layout of what processes share changes with FASTMEM_LAYOUT_VERSION, and not without: by the
version, processes of different builds refuse each other. layout.txt has the structures of the version
that it names."""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, "..", "..", "lib")
RECORD = os.path.join(HERE, "layout.txt")
# Headers, and the structures of them that are meant; None: all.
SHARED = [
    ("fastmem/fastmem_shared.h", None),
    ("fastmem/rte_fastmem_cache.h", None),
    ("fastmem/rte_fastmem_core.h", None),
    ("fastmem/rte_fastmem_pool.h", ["rte_fastmem_pool"]),
    ("fastmem/fastmem_process.h", ["fastmem_ask"]),
    ("fastmem/fastmem_hooks.h", ["fastmem_hooks"]),
    ("fastmem_debug/fastmem_debug.h", ["fastmem_debug", "fastmem_record"]),
    ("fastmem_debug/fastmem_stack_private.h", None),
]
# What arrays have as their length, and may differ between builds of DPDK.
CONFIGURATION = ["RTE_CACHE_LINE_SIZE", "RTE_MAX_NUMA_NODES"]

# Run by gdb. Its own "ptype /o" differs from version to version.
LISTING = r"""
import gdb

def fields(of, base, prefix):
    for field in of.fields():
        kind = field.type.strip_typedefs()
        at = base + field.bitpos // 8
        name = prefix + (field.name or "")
        if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) and kind.tag is None:
            yield from fields(kind, at, name + "." if field.name else prefix)
            continue
        bits = " bits %%d+%%d" %% (field.bitpos %% 8, field.bitsize) if field.bitsize else ""
        yield "  %%6d %%6d  %%s%%s" %% (at, kind.sizeof, name, bits)

for name in %r:
    of = gdb.lookup_type("struct " + name)
    print("struct %%s %%d" %% (name, of.sizeof))
    for line in fields(of, 0, ""):
        print(line)
"""


def names():
    for header, wanted in SHARED:
        with open(os.path.join(LIB, header), encoding="utf-8") as f:
            found = re.findall(r"^struct (\w+) \{$", f.read(), re.M)
        assert found and set(wanted or []) <= set(found), header
        yield from wanted or found


def compile_headers(compiler, scratch):
    """All structures in the debug information of one object; returns that, and the constants."""
    source, obj = os.path.join(scratch, "layout.c"), os.path.join(scratch, "layout.o")
    constants = ["FASTMEM_LAYOUT_VERSION"] + CONFIGURATION
    with open(source, "w", encoding="utf-8") as f:
        f.write("#include <rte_config.h>\n#include <rte_common.h>\n#include <rte_memory.h>\n")
        f.writelines('#include "%s"\n' % header for header, _ in SHARED)
        f.writelines("const long constant_%s = %s;\n" % (c, c) for c in constants)
    folders = ["-I" + os.path.join(LIB, d) for d in ("", "fastmem", "fastmem_debug", "fastmem_replace")]
    flags = subprocess.run(["pkg-config", "--cflags", "libdpdk"], check=True, capture_output=True,
                           text=True).stdout.split()
    subprocess.run([compiler, "-g", "-O0", "-w", "-fno-eliminate-unused-debug-types", "-std=gnu11",
                    "-D_GNU_SOURCE", "-DALLOW_EXPERIMENTAL_API", "-DALLOW_INTERNAL_API", *folders,
                    *flags, "-c", source, "-o", obj], check=True)
    return obj, constants


def gdb(scratch, obj, commands):
    script = os.path.join(scratch, "listing.py")
    with open(script, "w", encoding="utf-8") as f:
        f.write(commands)
    return subprocess.run(["gdb", "--batch", "-nx", "-x", script, obj], check=True,
                          capture_output=True, text=True).stdout


def listing(compiler):
    """Version, configuration and lines of all structures."""
    with tempfile.TemporaryDirectory() as scratch:
        obj, constants = compile_headers(compiler, scratch)
        values = gdb(scratch, obj, "\n".join(
            'print(int(gdb.parse_and_eval("constant_%s")))' % c for c in constants)).split()
        lines = gdb(scratch, obj, LISTING % list(names())).splitlines()
    return values[0], " ".join(map("=".join, zip(CONFIGURATION, values[1:]))), lines


def recorded(path):
    with open(path, encoding="utf-8") as f:
        lines = [line for line in f.read().splitlines() if not line.startswith("#")]
    return lines[0].split()[1], lines[1], lines[2:]


def write(path, version, configuration, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("# SPDX-License-Identifier: BSD-3-Clause\n"
                "# Copyright(c) 2026 The fastmem authors\n"
                "# Offset, size and name of what processes share: written by check_layout.py --record.\n")
        f.write("\n".join(["version %s" % version, configuration, *lines]) + "\n")


def objection(now, then):
    """None, or what is wrong."""
    if now == then:
        return None
    if now[0] == then[0]:
        return "".join(line + "\n" for line in difflib.unified_diff(
            then[2], now[2], "version %s" % then[0], "now", lineterm="", n=2)) + (
            "what processes share has changed: raise FASTMEM_LAYOUT_VERSION, and run "
            "app/test/check_layout.py --record")
    return "FASTMEM_LAYOUT_VERSION is %s, recorded is %s: run app/test/check_layout.py --record" % (
        now[0], then[0])


def self_test(now):
    """What it is to object to, it does. Yields the name of each case and whether it holds."""
    moved = (now[0], now[1], [line.replace("  0 ", "  8 ", 1) for line in now[2]])
    newer = (str(int(now[0]) + 1), now[1], moved[2])
    yield "a_change_without_a_version_is_found", "raise FASTMEM" in (objection(moved, now) or "")
    yield "a_version_that_is_not_recorded_is_found", "--record" in (objection(newer, now) or "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true",
                        help="write layout.txt, once the version has been raised")
    parser.add_argument("compiler", nargs="?", default="gcc")
    args = parser.parse_args()

    now = listing(args.compiler)
    if args.record:
        if os.path.exists(RECORD):
            then = recorded(RECORD)
            if then[1:] != now[1:] and then[0] == now[0]:
                sys.exit(objection(now, then))
        write(RECORD, *now)
        return 0
    then = recorded(RECORD)
    if then[1] != now[1]:
        print("left out: DPDK is built with %s, and recorded is %s" % (now[1], then[1]))
        return 77
    text = objection(now, then)
    if text is not None:
        print(text)
    results = [("what_processes_share_changes_with_its_version", text is None), *self_test(now)]
    for name, holds in results:
        print("layout.%s: %s" % (name, "ok" if holds else "FAILED"))
    failed = sum(not holds for _, holds in results)
    print("%d passed, %d failed" % (len(results) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
