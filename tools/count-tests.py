#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Counts the cases of the test programs that meson has run.

Each program ends its output with a line "N passed, N failed". A program that
does not, or that fails though it says nothing of it, counts as one failed
case: what it would have tested is not known to hold.
"""

import argparse
import json
import re
import sys

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed\b", re.MULTILINE)
SHOWN_LINES = 80


def count(test):
    """The cases that one program passed and failed, and what is wrong with it."""
    found = SUMMARY.findall(test.get("stdout", ""))
    passed, failed = map(int, found[-1]) if found else (0, 0)
    problem = ""
    if test["result"] == "SKIP":
        return 0, 0, test["stdout"].strip()
    if test["result"] == "TIMEOUT":
        problem = "did not end in time"
    elif test["returncode"] != 0 and failed == 0:
        problem = "ended with status %d" % test["returncode"]
    elif not found:
        problem = "printed no summary"
    elif passed + failed == 0:
        problem = "ran no case"
    return passed, failed + (1 if problem else 0), problem


def show_output(test):
    for stream in ("stdout", "stderr"):
        lines = test.get(stream, "").splitlines()
        if len(lines) > SHOWN_LINES:
            print("    | ... the last %d lines of %s:" % (SHOWN_LINES, stream))
        for line in lines[-SHOWN_LINES:]:
            print("    | " + line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", help="testlog.json, as meson writes it")
    args = parser.parse_args()

    all_passed = all_failed = 0
    with open(args.log, encoding="utf-8") as log:
        tests = [json.loads(line) for line in log]
    for test in tests:
        passed, failed, problem = count(test)
        name = re.split(r" / |:", test["name"])[-1]
        print("  %-28s %5d passed, %d failed  %5.1f s  %s"
              % (name, passed, failed, test["duration"], problem))
        if failed:
            show_output(test)
        all_passed += passed
        all_failed += failed
    print("%d passed, %d failed" % (all_passed, all_failed))
    return all_failed != 0 or not tests


if __name__ == "__main__":
    sys.exit(main())
