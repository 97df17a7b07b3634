#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Checks that each function of a DPDK's rte_malloc.h is replaced, or left to EAL on purpose."""

import re
import sys

USAGE = """usage: malloc_family.py RTE_MALLOC_H RTE_FASTMEM_REPLACE_H EXPORTED...

A function that RTE_MALLOC_H declares needs a macro of its name in RTE_FASTMEM_REPLACE_H, and has to
be among those that the preloaded library exports, or in LEFT_TO_EAL of this script. Otherwise a
program passes an object of fastmem to a function of EAL, which looks for its own header in front
of the object.
"""

# They take no object.
LEFT_TO_EAL = {
    "rte_malloc_heap_create",
    "rte_malloc_heap_destroy",
    "rte_malloc_heap_get_socket",
    "rte_malloc_heap_memory_add",
    "rte_malloc_heap_memory_attach",
    "rte_malloc_heap_memory_detach",
    "rte_malloc_heap_memory_remove",
    "rte_malloc_heap_socket_is_external",
}


def declared(header):
    """The functions that a header of DPDK declares: a name at the begin of a line, or behind a type."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    return set(re.findall(r"^(?:\w[\w \t]*[ \t*]+)?(rte_\w+)[ \t\n]*\(", text, flags=re.M))


def unhandled(header, replacements, exported):
    """A line for each function that is neither replaced nor left to EAL."""
    macros = set(re.findall(r"^#define (rte_\w+) rte_fastmem_replace_\w+$", replacements, flags=re.M))
    for name in sorted(declared(header) - LEFT_TO_EAL):
        if name not in macros:
            yield f"{name}() is not replaced by rte_fastmem_replace.h"
        if name not in exported:
            yield f"{name}() is not replaced by the preloaded library"


def main(args):
    """Returns an exit status."""
    if len(args) < 3:
        sys.stderr.write(USAGE)
        return 2
    path, replace_path, *exported = args
    with open(path, encoding="utf-8") as header, open(replace_path, encoding="utf-8") as replace:
        text = header.read()
        wrong = list(unhandled(text, replace.read(), {name.rstrip("?") for name in exported}))
    if not {"rte_malloc", "rte_free"} <= declared(text):
        wrong.append("it does not declare rte_malloc() and rte_free() as expected")
    for line in wrong:
        sys.stderr.write(f"{path}: {line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
