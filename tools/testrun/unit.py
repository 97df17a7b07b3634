# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Runs the cases of the unittest module that calls it, and prints what the runner reads."""

import os
import sys
import unittest


def main(names=()):
    """Only the cases of FASTMEM_TEST_ONLY or of these names, if there are some. Returns the exit status."""
    only = os.environ.get("FASTMEM_TEST_ONLY", "").split() or names
    options = [word for name in only for word in ("-k", name)]
    result = unittest.main(argv=[sys.argv[0], *options], exit=False, verbosity=2).result
    # A test and what follows it, as tearDown(), may both fail: it is one.
    failed = len({test.id() for test, _ in result.failures + result.errors})
    print("%d passed, %d failed" % (result.testsRun - failed - len(result.skipped), failed))
    return failed != 0
