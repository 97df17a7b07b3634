# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""A process with fastmem, test_telemetry_program.c, for tests that look at it from outside."""

import os
import subprocess


class Watched:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        words = []
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 2 and words[0].isdigit() and words[1].startswith("/"):
                break
        else:
            raise RuntimeError("%s has ended with %d before it was ready" % (
                " ".join(command), self.process.wait(60)))
        self.pid, self.runtime = int(words[0]), words[1]
        self.prefix = os.path.basename(self.runtime)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        """The exit status."""
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(60)
