#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Checks that run-time checking costs the fast path nothing.

Compiles a function for each inline call, and looks at its machine code up to the first return:

- It refers to nothing but caches, the granule map and the slow path.
- By the compilers of Debian 12 on x86-64, it has as many instructions as it had in the release
  before there was checking: see BEFORE.
- Calls that tell the slow path more for the sake of checking (size, handle) are compiled once
  more without that: it takes at most one move of a register.

usage: check_fast_path.py CC HEADER_DIR
"""

import os
import re
import subprocess
import sys
import tempfile

CALLS = """
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>
void *call_alloc(size_t s) { return rte_fastmem_alloc(s, 0, 0); }
void *call_alloc_256(void) { return rte_fastmem_alloc(256, 0, 0); }
void *call_alloc_socket(size_t s, int n) { return rte_fastmem_alloc_socket(s, 0, 0, n); }
void call_free(void *p) { rte_fastmem_free(p); }
int call_alloc_bulk(void **p, size_t s) { return rte_fastmem_alloc_bulk(p, 32, s, 0, 0); }
void call_free_bulk(void **p) { rte_fastmem_free_bulk(p, 32); }
void *call_halloc(rte_fastmem_handle_t h) { return rte_fastmem_halloc(h, 0); }
int call_halloc_bulk(rte_fastmem_handle_t h, void **p) { return rte_fastmem_halloc_bulk(h, p, 32, 0); }
void *call_pool_get(struct rte_fastmem_pool *pool) { return rte_fastmem_pool_get(pool); }
int call_pool_get_bulk(struct rte_fastmem_pool *pool, void **p) { return rte_fastmem_pool_get_bulk(pool, p, 32); }
void call_pool_put(struct rte_fastmem_pool *pool, void *p) { rte_fastmem_pool_put(pool, p); }
void call_pool_put_bulk(struct rte_fastmem_pool *pool, void **p) { rte_fastmem_pool_put_bulk(pool, p, 32); }
void sized_free(void *p, size_t s) { rte_fastmem_free_sized(p, s, 0); }
void sized_free_256(void *p) { rte_fastmem_free_sized(p, 256, 0); }
void sized_hfree(rte_fastmem_handle_t h, void *p) { rte_fastmem_hfree(h, p); }
void sized_hfree_bulk(rte_fastmem_handle_t h, void **p) { rte_fastmem_hfree_bulk(h, p, 32); }
"""

# What the slow path is told for the sake of checking, and what it would be told without.
WITHOUT = [
    (r"rte_fastmem_free_sized_slow\(ptr, size, align\);", "rte_fastmem_free_slow(ptr);"),
    (r"rte_fastmem_hfree_slow\(handle, ptr\);", "rte_fastmem_free_slow(ptr);"),
    (r"rte_fastmem_hfree_bulk_slow\(handle, ptrs, n\);", "rte_fastmem_free_bulk_slow(ptrs, n);"),
]

# Instructions of the fast path in the release without checking, by the compiler's name and version.
# That a sized free and a free by handle mask or keep what they are given is all that has come. Bulk
# calls are counted as they are since their copy is a loop of 16-byte moves by every compiler.
CALLS_BEFORE = ("alloc", "alloc_256", "alloc_bulk", "alloc_socket", "free", "free_bulk", "halloc",
                "halloc_bulk", "pool_get", "pool_get_bulk", "pool_put", "pool_put_bulk")
BEFORE = {
    "gcc 12": dict(zip(CALLS_BEFORE, (24, 12, 38, 26, 22, 102, 13, 27, 16, 30, 13, 25))),
    "clang 14": dict(zip(CALLS_BEFORE, (30, 12, 45, 35, 22, 102, 13, 27, 16, 30, 15, 24))),
}

# All that the fast path may refer to; the compiler's own calls included.
KNOWN = re.compile(r"^(rte_fastmem_(tls|map|\w+_slow|usable_size)|memset|memcpy|\.rodata.*|\.text.*)$")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compile_calls(cc, headers, scratch, name):
    source = os.path.join(scratch, "calls.c")
    with open(source, "w") as f:
        f.write(CALLS)
    flags = run("pkg-config", "--cflags", "libdpdk").split()
    out = os.path.join(scratch, name + ".o")
    subprocess.run([cc, "-O3", "-DALLOW_EXPERIMENTAL_API", *flags, "-I", headers, "-c", source,
                    "-o", out], check=True)
    return out


def functions(obj):
    """By name: the instructions, with addresses taken out, and the symbols referred to."""
    found, name = {}, None
    for line in run("objdump", "-dr", "--no-show-raw-insn", obj).splitlines():
        start = re.match(r"^[0-9a-f]+ <(\w+)>:$", line)
        if start:
            name = start.group(1)
            found[name] = ([], set())
            continue
        reloc = re.match(r"^\s+[0-9a-f]+: R_\S+\s+(\S+?)([-+]0x[0-9a-f]+)?$", line)
        if reloc and name:
            found[name][1].add(reloc.group(1))
            found[name][0].append("-> " + reloc.group(1))
            continue
        insn = re.match(r"^\s+[0-9a-f]+:\s+(.*?)\s*(#.*)?$", line)
        if insn and name and not re.match(r"(data16 |cs )*(nop|xchg\s+%ax,%ax)", insn.group(1)):
            # Where a jump goes to within the function, its number would tell of padding.
            found[name][0].append(re.sub(r"[0-9a-f]+ <\w+(\+0x[0-9a-f]+)?>", "<place>",
                                         insn.group(1)))
    return found


def hot(instructions):
    """Up to the first return: what runs if there is an object, or room for one."""
    ends = [i for i, insn in enumerate(instructions) if insn.split()[0] in ("ret", "retq")]
    return instructions[:ends[0] + 1]


def compiler(cc):
    """Its name and major version, as in BEFORE; on x86-64 only."""
    macros = dict(line.split()[1:3] for line in
                  run(cc, "-dM", "-E", "-x", "c", "/dev/null").splitlines()
                  if len(line.split()) > 2)
    if "__x86_64__" not in macros:
        return None
    if "__clang_major__" in macros:
        return "clang " + macros["__clang_major__"]
    return "gcc " + macros["__GNUC__"]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    cc, headers = sys.argv[1:]
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        bare = os.path.join(scratch, "headers")
        os.mkdir(bare)
        replaced = 0
        for name in os.listdir(headers):
            if not name.endswith(".h"):
                continue
            with open(os.path.join(headers, name)) as f:
                text = f.read()
            for pattern, replacement in WITHOUT:
                text, n = re.subn(pattern, replacement, text)
                replaced += n
            with open(os.path.join(bare, name), "w") as f:
                f.write(text)
        if replaced != len(WITHOUT):
            wrong.append(f"{replaced} calls of the slow path found, instead of {len(WITHOUT)}")
        with_checking = functions(compile_calls(cc, headers, scratch, "with"))
        without = functions(compile_calls(cc, bare, scratch, "without"))
    for name, (instructions, symbols) in sorted(with_checking.items()):
        before = without[name][0]
        reference = BEFORE.get(compiler(cc), {}).get(name.replace("call_", ""))
        for symbol in symbols:
            if not KNOWN.match(symbol):
                wrong.append(f"{name} refers to {symbol}")
        if name.startswith("call_"):
            if reference is not None and len(hot(instructions)) > reference:
                wrong.append(f"{name} takes {len(hot(instructions))} instructions, "
                             f"{reference} before there was checking")
        elif len(hot(instructions)) > len(hot(before)) + 1:
            wrong.append(f"{name} takes {len(hot(instructions))} instructions, "
                         f"{len(hot(before))} without checking")
        print(f"{name}: {len(hot(instructions))} on the fast path, "
              f"{reference if name.startswith('call_') else len(hot(before))} without checking")
    for line in wrong:
        print("not so:", line)
    print(f"{len(with_checking)} passed, 0 failed" if not wrong else f"0 passed, {len(wrong)} failed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
