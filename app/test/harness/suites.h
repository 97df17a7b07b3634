/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef SUITES_H
#define SUITES_H

/* Running suites: see test.h for what they are. */

#include "test.h"

/* Cases that were run, or skipped, since the program began. */
extern struct suite_totals {
	unsigned int passed, failed, skipped;
} suite_totals;

/* NULL, or why not: such a suite is neither passed nor skipped. */
const char *suite_cannot_run(const struct test_suite *suite);

/* Run its cases, or the one that is named, and print what becomes of each. */
void suite_run(const struct test_suite *suite, const char *only);

#endif /* SUITES_H */
