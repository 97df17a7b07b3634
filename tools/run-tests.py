#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Builds what tests need and runs them side by side. tools/test.sh calls it: see there."""

import argparse
import concurrent.futures
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tools"))

from testrun import catalogue, job, report, schedule, variants  # noqa: E402

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ON_REQUEST = "on-request"  # the suite of meson's for what only runs when it is named


class Unknown(Exception):
    """A name of nothing."""


class Selection:
    """What is asked for: names of variants, tests, suites and cases; joined by ":", all must fit."""

    def __init__(self, names, known, all_variants):
        self.known = known
        self.names = [name.split(":") for name in names]
        self.variant_names = [v.name for v in all_variants]
        self.check(lambda part: known.knows_test(part), known.names())

    def check(self, is_test, names):
        for part in (part for parts in self.names for part in parts):
            if not (part in self.variant_names or part in self.known.suites or
                    self.known.knows_case(part) or is_test(part)):
                self.unknown(part, names)

    def unknown(self, name, names):
        # What a build at hand lacks may be known of others.
        near = catalogue.nearest(name, {*names, *self.variant_names, "test", "check"} - {name})
        raise Unknown("no variant, test, suite or case '%s'; nearest: %s. tools/test.sh --list lists all"
                      % (name, ", ".join(near)))

    def fits(self, parts, variant, test):
        """Cases or suites of dpdk-fastmem-test to run; None: the test as it is; False: not meant."""
        cases = []
        suite = self.known.suite_of_test(test["name"])
        for part in parts:
            if part in (variant.name, test["name"]):
                continue
            name = part.partition(".")[0]
            if name not in self.known.suites:
                return False
            wanted = self.known.suites[name]
            if not (runs_suite(test, wanted) if wanted.is_c else suite is wanted):
                return False
            if "." in part or wanted.is_c:
                cases.append(part)
        return cases or None

    def wanted(self, parts, tests):
        """The tests that fit a name, of (variant, test): (variant, test, cases or None)."""
        found = [(v, t, self.fits(parts, v, t)) for v, t in tests]
        found = [(v, t, cases) for v, t, cases in found if cases is not False and
                 (ON_REQUEST not in t["suite"] or t["name"] in parts)]
        if any(part in self.variant_names or part == t["name"] for _, t, _ in found
               for part in parts):
            return found
        # Once is enough: the modes of "make test", if it is in one of them.
        return [f for f in found if f[0].quick is None and is_quick(*f[:2])] or found


def runs_suite(test, suite):
    """Whether a test is of dpdk-fastmem-test and has it run this suite."""
    if os.path.basename(test["cmd"][0]) != "with-eal.sh" or \
            not any(os.path.basename(word) == "dpdk-fastmem-test" for word in test["cmd"]):
        return False
    arguments = test["cmd"][test["cmd"].index("--") + 1:] if "--" in test["cmd"] else [""]
    return suite.name in arguments or suite.group in arguments


def is_quick(variant, test):
    """Whether it runs in "make test"."""
    if variant.quick is not None:
        return test["name"] in variant.quick
    return not {"check", ON_REQUEST} & set(test["suite"])


class Run:
    def __init__(self, args, known):
        self.args, self.known = args, known
        self.report = report.Report()
        self.cpus = len(os.sched_getaffinity(0))
        self.left_out, self.done = list(args.not_run), []
        self.until = time.monotonic() + 60 * args.minutes if args.minutes else None

    def configure(self, wanted):
        """Side by side. Returns the variants that can be built."""
        with concurrent.futures.ThreadPoolExecutor(self.cpus) as pool:
            errors = list(pool.map(lambda v: v.configure(self.args.build), wanted))
        good = []
        for variant, error in zip(wanted, errors):
            if error is None:
                good.append(variant)
            elif "\n" in error:
                self.report.say(error)
                self.report.failed += 1
                self.left_out.append("%s: cannot be configured" % variant.name)
            else:
                self.report.say("==> " + error)
                self.left_out.append("%s: %s" % (variant.name, error))
        return good

    def jobs(self, variant, selected, builds_on):
        """A build and its tests."""
        tests, files, need_all = [], [], False
        for test, named in selected:
            if "huge" in test["suite"] and self.args.huge_pages == 0:
                self.left_out.append("%s:%s: no huge pages" % (variant.name, test["name"]))
                continue
            suite = self.known.suite_of_test(test["name"])
            tests.append(job.Test(variant, test, suite, self.args.huge_pages > 0, named or ()))
            files += test["files"]
            need_all = need_all or test["all"]
        if not tests:
            return []
        build = job.Build(variant, [] if need_all else sorted(set(files)),
                          1 if builds_on else self.cpus)
        if not (files or need_all):
            return tests
        for test in tests:
            test.needs = build
        build.priority = 100 + max(test.priority for test in tests)
        return [build, *tests]

    def phase(self, jobs, later=()):
        slots = self.cpus + 1
        huge_slots = max(1, self.args.huge_pages // schedule.HUGE_EACH)
        scheduler = schedule.Scheduler(jobs, slots, huge_slots, self.report, later,
                                       self.until)
        try:
            scheduler.run()
        finally:
            self.done += scheduler.done

    def command(self, name):
        return "make test T=%s" % (name if " " not in name else "'%s'" % name)

    def all(self, all_variants, everything):
        """What "make test" runs, and then, if wanted, the rest of "make check"."""
        wanted = [v for v in all_variants if everything or v.quick is None or v.quick]
        tests = [(v, t) for v in self.configure(wanted) for t in v.tests()
                 if ON_REQUEST not in t["suite"]]
        first, rest = [], []
        for variant in wanted:
            of_variant = [(t, None) for v, t in tests if v is variant]
            first += self.jobs(variant, [s for s in of_variant if is_quick(variant, s[0])],
                               bool(first))
            # As many builds side by side as there are, each of which has a CPU at most.
            rest += self.jobs(variant, [s for s in of_variant if everything and
                                        not is_quick(variant, s[0])], True)
        self.phase(first, rest)
        # Where no time was left, they are done, as not run.
        if everything and rest and rest[0] not in self.done:
            self.report.say("==> make test: %d passed, %d failed; now the rest of make check" %
                            (self.report.passed, self.report.failed))
            self.phase(rest)

    def selected(self, selection, all_variants):
        """What is named; only variants that it needs are configured."""
        found = {}
        for parts in selection.names:
            named = [v for v in all_variants if v.name in parts]
            for group in [named] if named else [all_variants[:1], all_variants[1:]]:
                tests = [(v, t) for v in self.configure(group) for t in v.tests()]
                fitting = selection.wanted(parts, tests)
                for variant, test, cases in fitting:
                    key = (variant, test["name"])
                    before = found.get(key, (variant, test, []))[2]
                    found[key] = (variant, test, before + cases if None not in (before, cases)
                                  else None)
                if fitting or self.left_out:
                    break
            else:
                names = {t["name"] for _, t in tests}
                selection.check(names.__contains__, [*self.known.suites, *names])
                raise Unknown("no test fits all of '%s'" % ":".join(parts))
        jobs = []
        for variant in all_variants:
            jobs += self.jobs(variant, [f[1:] for f in found.values() if f[0] is variant],
                              bool(jobs))
        self.phase(jobs)


def interrupted(_number, _frame):
    """Ends what runs, once."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def print_list(known, all_variants):
    print("Variants (builds):")
    for variant in all_variants:
        print("  %-8s %s" % (variant.name, variant.about))
    print("Tests (a * stands for the pages, IO addresses or level they run with):")
    for name in sorted(set(known.test_patterns)):
        print("  " + name)
    print("Suites and cases (a * is computed when it runs):")
    for name, suite in sorted(known.suites.items()):
        print("  %s (%s)" % (name, os.path.relpath(suite.path, TOP)))
        for case in suite.cases:
            print("    %s.%s" % (name, case))


def minutes(text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("a number above 0 is needed (MINUTES), not '%s'" % text)
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--build", default="build", help="the folder for builds and logs")
    parser.add_argument("--huge-pages", type=int, default=0, metavar="N", help="that may be used")
    parser.add_argument("--not-run", action="append", default=[], metavar="TEXT",
                        help="what the caller has left out, and why")
    parser.add_argument("--minutes", type=minutes, help="what has not ended by then is not run")
    parser.add_argument("--list", action="store_true", help="list all that can be named")
    parser.add_argument("--check-names", action="store_true", help="only look whether all is known")
    args = parser.parse_args()
    known, all_variants = catalogue.Catalogue(TOP), variants.variants(TOP)
    if args.list:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        print_list(known, all_variants)
        return 0
    for number in STOPPING:
        signal.signal(number, interrupted)
    names = [name for name in args.names if name not in ("test", "check")]
    run = Run(args, known)
    try:
        selection = Selection(names, known, all_variants)
        if args.check_names:
            return 0
        if names:
            run.selected(selection, all_variants)
        else:
            run.all(all_variants, "check" in args.names)
    except Unknown as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if not run.done:
            run.left_out.append("everything: stopped before it began")
        run.report.summary(run.done, run.left_out, run.command)
        print("stopped", file=sys.stderr)
        return 130
    return 0 if run.report.summary(run.done, run.left_out, run.command) else 1


if __name__ == "__main__":
    sys.exit(main())
