# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""A program of DPDK that runs on a terminal, is told what to do, and answers."""

import os
import pty
import re
import select
import signal
import subprocess
import time

PATIENCE = 60  # seconds: far more than anything takes


class Program:
    """A program, and all that it has said so far."""

    def __init__(self, command, cwd=None):
        # A terminal, as what is written to a pipe is held back.
        self.terminal, end = pty.openpty()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=end, stderr=end,
                                        cwd=cwd, start_new_session=True)
        os.close(end)
        self.said = ""
        self.heard = []  # (time, how much it had said by then)

    def read(self):
        """What it says next; b"" when it has ended."""
        try:
            return os.read(self.terminal, 65536)
        except OSError:
            return b""

    def hear(self, deadline):
        """Adds to what it has said; False when it has ended, or says nothing for too long."""
        left = max(deadline - time.monotonic(), 0)
        ready = select.select([self.terminal], [], [], left)[0]
        text = self.read() if ready else b""
        self.said += text.decode(errors="replace")
        self.heard.append((time.time(), len(self.said)))
        if not ready:
            raise TimeoutError("it took too long")
        return bool(text)

    def wait_for(self, pattern, since=0):
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.compile(pattern).search(self.said, since)
            if found:
                return found
            try:
                alive = self.hear(deadline)
            except TimeoutError as error:
                raise TimeoutError("%s to say %s" % (error, pattern)) from None
            if not alive:
                raise TimeoutError("it ended before it said %s; its last words:\n%s" % (
                    pattern, self.said[-2000:]))

    def when(self, pattern):
        """The time at which it had said this; None if it never did."""
        found = re.search(pattern, self.said)
        return found and next(when for when, length in self.heard if length >= found.end())

    def ask(self, command, pattern):
        since = len(self.said)
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.wait_for(pattern, since)

    def end(self):
        """Its status, once it has ended by itself."""
        deadline = time.monotonic() + 2 * PATIENCE
        while self.hear(deadline):
            pass
        return self.process.wait(PATIENCE)

    def quit(self):
        self.process.stdin.write(b"quit\n")
        self.process.stdin.close()
        return self.end()

    def interrupt(self):
        """As from the keyboard: its launcher, which cleans up, gets the signal as well."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def give_up(self):
        """Without its input it ends, or on a signal, and what has started it cleans up; or else
        it is killed."""
        for way in (self.quit, self.interrupt):
            try:
                way()
                return
            except (OSError, subprocess.TimeoutExpired, TimeoutError):
                pass
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def runtime(self):
        """The folder where EAL has its sockets."""
        return self.wait_for(r"Multi-process socket (\S+)/mp_socket").group(1)

    def prefix(self):
        """The --file-prefix that it runs with."""
        return os.path.basename(self.runtime())
