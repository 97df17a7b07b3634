# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""The two sides that are compared, and a third that only the clock on the wall sees.

PLAIN is the program as it is. COUNT preloads the library, which counts and times the calls and
leaves them to EAL's heap. SERVE has it serve them. So what is compared of the allocation calls is
COUNT with SERVE, measured by the same code, and of the whole program PLAIN with SERVE.
"""

import json
import os
import stat
import statistics

PLAIN, COUNT, SERVE = "plain", "count", "on"
MODES = (PLAIN, COUNT, SERVE)
# What is needed of a report. Cycles are without those of the clock.
KEYS = ("calls", "cycles", "cycles.small", "tsc_hz", "peak_heap_allocated_bytes", "peak_pages_bytes",
        "peak_rss_bytes")


class Failed(Exception):
    """Something could not be measured."""


def turn(number, modes):
    """The modes in the order of a round: none is always first."""
    at = number % len(modes)
    return modes[at:] + modes[:at]


def wrapper(path, program, mode, library, to=None):
    """A script that is the program on that side: only it is preloaded, not what launches it.

    It says in path.began when the program began. The library reports to a file, where one is given;
    else it is without the clock that this takes.
    """
    lines = ["#!/bin/sh", "date +%%s.%%N >'%s.began'" % path]
    if mode != PLAIN:
        lines.append("export LD_PRELOAD='%s' RTE_FASTMEM_MALLOC=%s" % (library, mode))
        if to:
            lines.append("export RTE_FASTMEM_MALLOC_REPORT='%s'" % to)
    lines.append("exec '%s' \"$@\"\n" % program)
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


def began(path):
    """When a wrapper's program began, in seconds since the epoch."""
    with open(path + ".began", encoding="ascii") as f:
        return float(f.read())


def report(path):
    """What the library says of a program, by key."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            words = [line.split() for line in f]
    except OSError as error:
        raise Failed("the library has not reported: %s" % error) from None
    said = {w[0]: int(w[1]) for w in words if len(w) == 2 and w[0] in KEYS}
    missing = [key for key in KEYS if key not in said]
    if missing:
        raise Failed("%s says no %s" % (path, ", ".join(missing)))
    if said["calls"] == 0:
        raise Failed("%s: the library has seen no call" % path)
    return said


def seconds(rep, key="cycles"):
    return rep[key] / rep["tsc_hz"]


def peak_bytes(rep, no_huge):
    """Most memory that the machine had to give: ordinary pages, and those that EAL has mapped.

    Without huge pages EAL maps all it may ever need, which is taken from the machine when touched.
    """
    return rep["peak_rss_bytes"] + (0 if no_huge else rep["peak_pages_bytes"])


class Figure:
    """What was measured on both sides, by round."""

    def __init__(self, unit, goal=None):
        self.unit = unit
        self.goal = goal  # the most that the ratio may be, or None
        self.without = []
        self.with_it = []
        self.known_ratio = None  # where the rounds are another program's
        self.why = None  # it was not to be had with the library
        self.note = ""  # instead of a goal

    def add(self, without, with_it):
        self.without.append(without)
        self.with_it.append(with_it)

    def fail(self, why):
        self.why = why

    def ratio(self):
        """The median of the rounds' ratios; None where there is nothing to divide by."""
        if self.known_ratio is not None:
            return self.known_ratio
        ratios = [w / b for b, w in zip(self.without, self.with_it) if b > 0]
        return statistics.median(ratios) if ratios else None

    def medians(self):
        return statistics.median(self.without), statistics.median(self.with_it)

    def is_met(self):
        """Whether the goal is; None without one."""
        if self.why:
            return False
        ratio = self.ratio()
        return None if self.goal is None or ratio is None else round(ratio, 2) <= self.goal

    def as_json(self):
        if self.why:
            return {"unit": self.unit, "at_most": self.goal, "met": False, "why": self.why}
        without, with_it = self.medians()
        return {"unit": self.unit, "without": without, "with": with_it, "ratio": self.ratio(),
                "rounds": len(self.without), "at_most": self.goal, "met": self.is_met()}


UNITS = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")),
    "bytes": ((1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")),
}


def shown(value, unit):
    """As people read it: 3 digits and a unit; counts and cycles as they are."""
    for scale, name in UNITS.get(unit, ()):
        if value >= scale:
            return "%.3g %s" % (value / scale, name) if value < 1000 * scale else \
                "%.0f %s" % (value / scale, name)
    return "%.0f" % value if value == int(value) or value >= 100 else "%.3g" % value


class Table:
    """Rows of figures, printed as they come, and kept for the summary and for machines."""

    HEAD = ("", "", "without", "with", "ratio", "goal")

    def __init__(self):
        self.rows = []  # (section, subject, name, figure or why there is none)

    def section(self, name, what):
        self.current = name
        print("\n%s: %s\n" % (name, what))
        print("  %-22s %-22s %12s %12s %8s  %s" % self.HEAD, flush=True)

    def add(self, subject, figures):
        """figures: by name; each a Figure, or the reason why there is none."""
        shown_subject = subject
        for name, figure in figures.items():
            self.rows.append((self.current, subject, name.strip(), figure))
            print("  %-22s %-22s %s" % (shown_subject, name, self.line(figure)), flush=True)
            shown_subject = ""

    @staticmethod
    def line(figure):
        if not isinstance(figure, Figure):
            return figure
        if figure.why:
            return figure.why + ": NOT met"
        without, with_it = figure.medians()
        ratio = figure.ratio()
        text = "%12s %12s %8s" % (shown(without, figure.unit), shown(with_it, figure.unit),
                                  "" if ratio is None else "%.2f" % ratio)
        if figure.goal is not None:
            text += "  at most %g: %s" % (figure.goal, "met" if figure.is_met() else "NOT met")
        return text + figure.note

    def summary(self):
        """How many goals are met, and each that is not."""
        goals = [r for r in self.rows if isinstance(r[3], Figure) and r[3].is_met() is not None]
        missed = [r for r in goals if not r[3].is_met()]
        print("\n%d of %d goals are met%s" % (len(goals) - len(missed), len(goals),
                                             "; not these:" if missed else ""))
        for section, subject, name, figure in missed:
            print("  %s, %s, %s: %s" % (section, subject, name, figure.why or
                                        "%.2f, goal at most %g" % (figure.ratio(), figure.goal)))

    def write(self, path):
        rows = [dict({"section": s, "subject": subject, "figure": name},
                     **(f.as_json() if isinstance(f, Figure) else {"why": f}))
                for s, subject, name, f in self.rows]
        with open(path, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)
            f.write("\n")
