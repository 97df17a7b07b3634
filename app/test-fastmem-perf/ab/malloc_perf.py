# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""malloc_perf_autotest of dpdk-test, line by line, with and without the library."""

import os
import re
import subprocess

from side import PLAIN, SERVE, Failed, Figure, turn, wrapper

SUITE = "malloc_perf_autotest"
LARGEST = 1 << 20  # rte_fastmem_max_size(): what is larger is EAL's on both sides
# It asks for 1 GiB, and then for as many objects of each size as there are, up to 10000.
MEMORY_MB = 1536
PATIENCE = 300
FREE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

HEADING = re.compile(r"Performance: (rte_\w+)")
LINE = re.compile(r"USER1: +(\d+) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)\s*$")


class Absent(Exception):
    """This dpdk-test does not have the suite."""


def parse(text):
    """Microseconds of an alloc and a free, by (function, size)."""
    function, lines = None, {}
    for line in text.splitlines():
        heading = HEADING.search(line)
        if heading:
            function = heading.group(1)
        found = LINE.search(line)
        if found and function:
            lines[function, int(found.group(1))] = float(found.group(5))
    return lines


def has_pages():
    try:
        with open(FREE_PAGES, encoding="ascii") as f:
            return 2 * int(f.read()) >= MEMORY_MB
    except OSError:
        return False


def launch(args, program):
    """On huge pages if there are as many; bounded, as it would take all there are."""
    if not args.no_huge and has_pages():
        return args.launcher + [program, "--socket-limit=%d" % MEMORY_MB]
    launcher = [a for a in args.launcher if a not in ("--huge", "--no-huge")]
    return launcher + ["--no-huge", program, "-m", str(MEMORY_MB)]


def run(args, mode):
    path = os.path.join(args.scratch, "malloc_perf." + mode)
    done = subprocess.run(launch(args, wrapper(path, args.dpdk_test, mode, args.library)),
                          env=dict(os.environ, DPDK_TEST=SUITE), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=PATIENCE,
                          check=False)
    said = done.stdout + done.stderr
    if "invalid test command" in said:
        raise Absent(SUITE)
    if done.returncode != 0 or "Test OK" not in said:
        raise Failed("%s has not passed (%s):\n%s" % (SUITE, mode, said[-2000:]))
    return parse(said)


def make_figure(key):
    figure = Figure("us", 1 if key[1] <= LARGEST else None)
    figure.note = "" if key[1] <= LARGEST else "  EAL's heap on both sides"
    return figure


def measure(args, table):
    table.section("malloc_perf_autotest", "microseconds of an alloc and a free, by dpdk-test"
                  + ("" if args.no_huge or has_pages() else "; on ordinary pages, huge ones are short"))
    figures = {}
    for number in range(args.rounds):
        try:
            lines = {mode: run(args, mode) for mode in turn(number, (PLAIN, SERVE))}
        except Absent:
            table.add("", {SUITE: "not run: this dpdk-test does not have it"})
            return
        for key, without in lines[PLAIN].items():
            figure = figures.setdefault(key, make_figure(key))
            if key in lines[SERVE]:
                figure.add(without, lines[SERVE][key])
            else:
                figure.fail("no memory with the library")
    for (function, size), figure in figures.items():
        if function != "rte_memzone_reserve":  # which the library leaves alone
            table.add(function, {"%d B" % size: figure})
