#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Compare what the headers declare with what the shared library exports: other languages can only
call what is exported. Functions that exist inline only, for the fast path, are no part of the API;
nor are the drop-in names of DPDK's own functions."""

import argparse
import re
import subprocess

INLINE_ONLY = "__rte_fastmem_always_inline"
# What only analysers of the source are shown.
MODEL = re.compile(r"_(un)?model(led)?$")
FUNCTION = re.compile(r"\b(rte_fastmem_\w+)\s*\(")
DATA = re.compile(r"^extern [^;(]*\b(rte_fastmem_\w+)\b[^;(]*(?:\(\([^;]*)?;", re.M)


def without_bodies(text):
    """Comments, directives and all that is in braces are gone."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', "", text, flags=re.M)
    text = re.sub(r'extern "C"\s*\{', "", text)
    depth, out = 0, []
    for char in text:
        if char == "{":
            depth += 1
            out.append(";" if depth == 1 else "")
        elif char == "}":
            depth = max(depth - 1, 0)
        elif depth == 0:
            out.append(char)
    return "".join(out)


def declared(path):
    """Names of functions and data, and of functions that are inline only."""
    public, inline = set(), set()
    with open(path, encoding="utf-8") as f:
        text = without_bodies(f.read())
    public.update(DATA.findall(text))
    for statement in text.split(";"):
        match = FUNCTION.search(statement)
        if match is None or re.search(r"\b(typedef|static)\b", statement):
            continue
        if MODEL.search(match.group(1)) is None:
            (inline if INLINE_ONLY in statement else public).add(match.group(1))
    return public, inline


def exported(library):
    nm = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                        capture_output=True, text=True).stdout
    names = (line.split()[-1].split("@") for line in nm.splitlines())
    return {name[0] for name in names if name[-1] != "INTERNAL" and
            name[0].startswith("rte_fastmem_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("headers", nargs="+")
    args = parser.parse_args()

    public, inline = set(), set()
    for header in args.headers:
        more_public, more_inline = declared(header)
        public |= more_public
        inline |= more_inline
    # Some are declared as functions, and defined inline further on.
    names = exported(args.library)
    results = {
        "all_that_is_declared_is_exported": public - inline - names,
        "all_that_is_exported_is_declared": names - public - inline,
    }
    for name, wrong in results.items():
        print(f"exports.{name}: {'FAILED' if wrong or not public else 'ok'}")
        for symbol in sorted(wrong):
            print(f"  {symbol}")
    failed = sum(bool(wrong) or not public for wrong in results.values())
    print(f"{len(results) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    raise SystemExit(main())
