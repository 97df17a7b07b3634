# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""What a person sees of a run: where it is, what failed, what was not run, what took longest."""

import shutil
import sys
import time

SLOWEST = 10
NO_SUCH_CASE = "it has no such case"


class Report:
    def __init__(self, out=sys.stdout):
        self.out, self.terminal = out, out.isatty()
        self.began, self.shown = time.monotonic(), 0.0
        self.passed = self.failed = 0

    def say(self, line=""):
        self.clear()
        print(line, file=self.out, flush=True)

    def clear(self):
        if self.terminal:
            self.out.write("\r\033[K")
            self.out.flush()

    def progress(self, schedule):
        """On a terminal, a line that is kept up to date."""
        now = time.monotonic()
        if not self.terminal or now - self.shown < 0.2:
            return
        self.shown = now
        all_jobs = sum(map(len, (schedule.waiting, schedule.running, schedule.done, schedule.later)))
        cases = sum(len(job.cases) for job in schedule.running)
        line = "[%d/%d] %d passed, %d failed, %s left: %s" % (
            len(schedule.done), all_jobs, self.passed + cases, self.failed,
            time_left(schedule, now), ", ".join(where(job) for job in schedule.running))
        width = shutil.get_terminal_size().columns
        self.out.write("\r\033[K" + line[:width - 1])
        self.out.flush()

    def ended(self, job, schedule=None):
        self.passed += job.passed
        self.failed += job.failed
        if job.failed:
            for line in job.shown():
                self.say("    | " + line)
        if job.failed or not self.terminal:
            counts = "%d passed, %d failed" % (job.passed, job.failed) if job.counts else ""
            problem = "not run: " + job.not_run if job.not_run else job.problem
            left = ", %s left" % time_left(schedule, time.monotonic()) if schedule else ""
            self.say(("  %-34s %24s %6.1f s, CPU %6.1f s%s  %s" % (
                job.name, counts, job.seconds, job.process.cpu, left, problem)).rstrip())

    def summary(self, jobs, left_out, command):
        """The end of a run. Returns whether all is well."""
        cases = [(case.seconds, job, case) for job in jobs for case in job.cases]
        slowest = sorted(cases, key=lambda c: -c[0])[:SLOWEST]
        if len(cases) > 1:
            self.say("==> the slowest cases")
            for seconds, job, case in slowest:
                self.say("  %6.1f s  %s (%s)" % (seconds, case.name, job.name))
        missing, reasons = dict.fromkeys(left_out), {}
        for job in jobs:
            if job.not_run and (job.not_run != NO_SUCH_CASE or not self.passed + self.failed):
                missing["%s: %s" % (job.name, job.not_run)] = None
            for case in getattr(job, "left_out", ()):
                reasons.setdefault((job.name, case.why or "skipped"), []).append(case.name)
        for (name, why), names in reasons.items():
            missing["%s: %s: %s" % (name, why, ", ".join(names))] = None
        if missing:
            self.say("==> not run")
            for line in missing:
                self.say("  " + line)
        wrong = [job for job in jobs if job.failed]
        if wrong:
            self.say("==> what failed, and how to run it again")
            for job in wrong:
                self.failures(job, command)
        self.say("==> took %d min %d s" % divmod(time.monotonic() - self.began, 60))
        self.say("%d passed, %d failed" % (self.passed, self.failed))
        return self.failed == 0 and self.passed > 0

    def failures(self, job, command):
        for case, _ in getattr(job, "failures", ()):
            self.say("  %s (%s): %s" % (case.name, job.name, command(job.again(case.name))))
        if job.problem:
            self.say("  %s: %s%s" % (job.name, job.problem, ": " + command(job.again())
                                     if hasattr(job, "again") else ""))
        self.say("    output: %s" % job.process.log)


def where(job):
    return job.name + (" " + job.cases[-1].name.partition(".")[0] if job.cases else "")


def time_left(schedule, now):
    """By what the done and the running took of what was expected of them."""
    done = sum(job.expected for job in schedule.done if not job.not_run)
    took = sum(job.seconds for job in schedule.done)
    left = sum(job.expected for job in [*schedule.waiting, *schedule.later])
    scale = min(max(took / done, 0.1), 10) if done else 1
    left = left * scale
    for job in schedule.running:
        left += max(job.expected * scale - (now - job.started), 1)
    jobs = len(schedule.running) + len(schedule.waiting) + len(schedule.later)
    seconds = left / max(1, min(schedule.slots, jobs))
    return "%d min" % round(seconds / 60) if seconds >= 90 else "%d s" % seconds
