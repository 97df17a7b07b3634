# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Runs jobs side by side: as many as CPUs and huge pages allow, the longest first."""

import queue
import signal
import time

from .job import GRACE

HUGE_EACH = 256  # pages of 2 MiB that a test may use


class Scheduler:
    def __init__(self, jobs, slots, huge_slots, report, later=(), until=None):
        self.waiting = sorted(jobs, key=lambda job: (job.exclusive, -job.priority, -job.expected))
        self.slots, self.huge_slots, self.report = slots, huge_slots, report
        self.later = later  # jobs that others will run: they count for the time that is left
        self.until = until  # by time.monotonic(): what has not ended by then is not run
        self.running, self.done = [], []
        self.events = queue.SimpleQueue()

    def fits(self, job):
        if job.exclusive or any(other.exclusive for other in self.running):
            return not self.running
        if job.huge and sum(other.huge for other in self.running) >= self.huge_slots:
            return False
        used = sum(other.weight for other in self.running)
        return not self.running or used + job.weight <= self.slots

    def give_up(self, job):
        """A job whose build has failed. Returns whether this is one."""
        if job.needs is None or job.needs not in self.done:
            return False
        job.not_run = job.needs.not_run or job.needs.problem
        return bool(job.not_run)

    def start(self):
        for job in list(self.waiting):
            if self.give_up(job):
                self.waiting.remove(job)
                self.done.append(job)
            elif (job.needs is None or job.needs in self.done) and self.fits(job):
                self.waiting.remove(job)
                self.running.append(job)
                job.begin(self.events.put)

    def stop(self, why="stopped"):
        """Ends what runs, and has it and what waits listed as not run."""
        ending = list(self.running)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for job in ending:
                job.signal(number)
            self.wait(time.monotonic() + GRACE)
        for job in ending:
            job.stopped(why)
            self.report.ended(job)
        for job in [*self.waiting, *self.later]:
            job.not_run = why + " before it began"
        self.done += [*ending, *self.waiting, *self.later]
        self.running, self.waiting = [], []

    def out_of_time(self):
        return self.until is not None and time.monotonic() >= self.until

    def wait(self, until):
        """For what has been told to end."""
        while self.running and time.monotonic() < until:
            try:
                job = self.events.get(timeout=0.2)
            except queue.Empty:
                continue
            if job is not None:
                self.running.remove(job)

    def run(self):
        self.start()
        try:
            while self.running:
                if self.out_of_time():
                    self.stop("no time was left")
                    break
                try:
                    job = self.events.get(timeout=1)
                except queue.Empty:
                    job = None
                if job is not None:
                    self.running.remove(job)
                    self.done.append(job)
                    self.start()
                    self.report.ended(job, self)
                self.report.progress(self)
        except KeyboardInterrupt:
            self.stop()
            raise
        finally:
            self.report.clear()
        return self.done
