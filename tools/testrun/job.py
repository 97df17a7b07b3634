# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""One program of the run: a build, or a test, whose output tells case by case how it goes."""

import errno
import os
import re
import signal
import subprocess
import threading
import time

from .report import NO_SUCH_CASE

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed\b")
CASE = re.compile(r"^\s*([\w-]+\.\S.*?): (ok|FAILED|skipped)(?:: (.*)|\b.*)$")
UNITTEST = re.compile(r"^(test_\w+) \(.*\) \.\.\. (ok|FAIL|ERROR|skipped(?: .*)?)$")
NOT_RUN = re.compile(r"^([\w-]+): not run: (.*)$")
SKIPPED = 77  # exit status
SHOWN_LINES = 60
GRACE = 5  # seconds that a program has to clean up
TIMEOUT_FACTOR = 3  # tests run side by side, and on slower machines than their author's


class Case:
    def __init__(self, name, result, seconds, why=""):
        self.name, self.result, self.seconds, self.why = name, result, seconds, why


class Process:
    """A command in a process group of its own, that is read line by line and ends in time."""

    def __init__(self, command, env, cwd, log, timeout):
        self.command, self.env, self.cwd = command, env, cwd
        self.log, self.timeout = log, timeout
        self.timed_out = False
        self.process, self.status, self.cpu = None, None, 0.0
        self.ended = threading.Event()

    def run(self, on_line):
        """Returns the status, as the shell has it."""
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(
                    self.command, env={**os.environ, **self.env}, cwd=self.cwd,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    start_new_session=True)
            except OSError as error:
                on_line(str(error))
                return 127
            watch = threading.Timer(self.timeout, self.out_of_time)
            watch.daemon = True
            watch.start()
            threading.Thread(target=self.wait, daemon=True).start()
            with self.process.stdout:
                for line in self.process.stdout:
                    log.write(line)
                    log.flush()
                    on_line(line.decode(errors="replace").rstrip("\n"))
            self.ended.wait()
            watch.cancel()
        return self.status

    def wait(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        status = os.waitstatus_to_exitcode(status)
        self.status = 128 - status if status < 0 else status
        self.process.returncode = status
        self.cpu = usage.ru_utime + usage.ru_stime
        self.ended.set()
        # What it has left behind may hold its output open.
        time.sleep(GRACE)
        self.signal(signal.SIGKILL)

    def out_of_time(self):
        self.timed_out = True
        self.stop()

    def stop(self):
        self.signal(signal.SIGTERM)
        time.sleep(GRACE)
        self.signal(signal.SIGKILL)

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def ending(status):
    if status > 128 and status - 128 in set(signal.Signals):
        return "was ended by %s" % signal.Signals(status - 128).name
    return "ended with status %d" % status


class Job:
    """What the scheduler knows of. Its thread writes it until it is done."""

    needs = None  # a job that has to be done well before
    huge = exclusive = False
    counts = True  # whether it has cases
    weight = 1

    def __init__(self, name, expected):
        self.name, self.expected = name, expected
        self.started = self.seconds = 0.0
        self.priority = 0
        self.cases, self.problem, self.not_run = [], "", ""
        self.passed = self.failed = 0
        self.output, self.process = [], None

    def begin(self, on_event):
        self.started = time.monotonic()
        threading.Thread(target=self.run, args=(on_event,), daemon=True).start()

    def end(self, on_event):
        self.seconds = time.monotonic() - self.started
        on_event(self)

    def signal(self, number):
        if self.process and self.process.process:
            self.process.signal(number)

    def stopped(self, why="stopped"):
        """It was ended from outside: what it has passed is no verdict, what has failed is."""
        self.problem, self.passed = "", 0
        self.failed = sum(case.result == "FAILED" for case in self.cases)
        self.not_run = why + (" after %d cases" % len(self.cases) if self.cases else "")


class Build(Job):
    counts = False

    def __init__(self, variant, files, jobs):
        super().__init__("%s: build" % variant.name, 60)
        self.variant, self.weight = variant, jobs
        command = ["ninja", "-C", variant.folder, "-j", str(jobs), *files]
        self.process = Process(command, {}, None, variant.folder + ".build.log", 3600)

    def run(self, on_event):
        status = self.process.run(self.output.append)
        if status != 0:
            text = "\n".join(self.output)
            if os.strerror(errno.ENOSPC) in text:
                self.not_run = "no disk left for %s" % self.variant.folder
            else:
                self.failed, self.problem = 1, "%s does not build" % self.variant.name
        self.end(on_event)

    def shown(self):
        wrong = [i for i, line in enumerate(self.output) if "FAILED" in line or "error" in line]
        return self.output[wrong[0] if wrong else 0:][:SHOWN_LINES]


class Test(Job):
    """A test program. Named cases are all that it is asked for, if there are some."""

    def __init__(self, variant, test, suite, has_huge, named=()):
        super().__init__("%s:%s" % (variant.name, test["name"]), test["timeout"] / 10)
        self.variant, self.test, self.named = variant, test, named
        self.huge = "huge" in test["suite"] or has_huge and "either" in test["suite"]
        self.exclusive = not test["is_parallel"]
        self.priority = test.get("priority", 0)
        pages = "--huge" if has_huge else "--no-huge"
        command = [pages if word == "--either" else word for word in test["cmd"]]
        env = {**variant.env, **test["env"]}
        if named and suite is None:  # of dpdk-fastmem-test
            command = command[:command.index("--")] if "--" in command else command
            command += ["--", *named]
        elif named:
            env["FASTMEM_TEST_ONLY"] = "\n".join(name.partition(".")[2] for name in named)
        log = os.path.join(os.path.dirname(variant.folder), "logs",
                           "%s.%s.log" % (variant.name, test["name"]))
        self.process = Process(variant.wrapper + command, env, test["workdir"] or variant.folder,
                               log, test["timeout"] * TIMEOUT_FACTOR * variant.patience)
        self.summary, self.since, self.failures, self.left_out = None, [], [], []
        self.case_began = 0.0

    def run(self, on_event):
        def on_line(line):
            if self.read(line):
                on_event(None)
        self.case_began = self.started
        os.makedirs(os.path.dirname(self.process.log), exist_ok=True)
        self.judge(self.process.run(on_line))
        self.end(on_event)

    def read(self, line):
        """Returns whether a case has ended."""
        self.since.append(line)
        summary = SUMMARY.match(line)
        if summary:
            self.summary = tuple(map(int, summary.groups()))
            return False
        left_out = NOT_RUN.match(line)
        if left_out:
            self.left_out.append(Case(left_out[1], "skipped", 0, left_out[2]))
            return False
        found = CASE.match(line)
        if found:
            name, result, why = found[1], found[2], found[3] or ""
        else:
            found = UNITTEST.match(line)
            if not found:
                return False
            name = "%s.%s" % (self.test["name"], found[1])
            result, _, why = found[2].partition(" ")
            result = {"FAIL": "FAILED", "ERROR": "FAILED"}.get(result, result)
        now = time.monotonic()
        case = Case(name, result, now - self.case_began, why)
        self.case_began = now
        self.cases.append(case)
        if result == "FAILED":
            self.failures.append((case, self.since))
        elif result == "skipped":
            self.left_out.append(case)
        self.since = []
        return True

    def judge(self, status):
        """What its end says: a program that tells nothing has not shown that anything holds."""
        failures = sum(case.result == "FAILED" for case in self.cases)
        if status == SKIPPED and not self.cases:
            self.not_run = next((l for l in reversed(self.since) if l.strip()), "no reason given")
            return
        if self.named and self.summary == (0, 0):
            self.not_run = NO_SUCH_CASE
            return
        if self.summary:
            self.passed, self.failed = self.summary
        else:  # what it has said before it ended
            self.passed = sum(case.result == "ok" for case in self.cases)
            self.failed = failures
        last = "; the last case that ended was %s" % self.cases[-1].name if self.cases else ""
        if self.process.timed_out:
            self.problem = "did not end within %d s%s" % (self.process.timeout, last)
        elif self.summary is None:
            self.problem = "printed no summary, and %s%s" % (ending(status), last)
        elif status != 0 and self.failed == 0:
            self.problem = "%s, though it says that nothing failed" % ending(status)
        elif status == 0 and self.failed != 0:
            self.problem = "ended with status 0, though cases failed"
        elif self.passed + self.failed == 0 and not self.left_out:
            self.problem = "ran no case"
        if self.problem:
            self.failed += 1

    def shown(self):
        """The output that belongs to what failed."""
        lines = []
        for case, output in self.failures:
            lines += output[-SHOWN_LINES:]
        if self.problem or not self.failures:
            lines += self.since[-SHOWN_LINES:]
        return lines

    def again(self, case=None):
        """The name by which tools/test.sh runs it once more."""
        name = "%s:%s" % (self.variant.name, self.test["name"])
        return "%s:%s" % (name, case) if case else name
