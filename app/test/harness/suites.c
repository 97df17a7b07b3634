/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Runs the cases of a suite: for dpdk-fastmem-test, and in DPDK's tree for dpdk-test.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "suites.h"

struct suite_totals suite_totals;

static const char *why_skipped;

int
test_skip(const char *why)
{
	why_skipped = why;
	return TEST_SKIPPED;
}

/* One write per report: cases have threads. */
void
test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...)
{
	char message[4096]; /* reports of fastmem are long */
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	fprintf(stderr, "%s:%d: %s(): not so: %s%s%s\n", file, line, function, what,
		message[1] != '\0' ? "," : "", message);
}

#define CHECKING "RTE_FASTMEM_DEBUG"

static int
case_run_checked(const struct test_suite *suite, const struct test_case *c)
{
	int ret = suite->setup != NULL ? suite->setup() : TEST_SUCCESS;

	if (ret == TEST_SUCCESS)
		ret = c->run();
	else if (ret == TEST_SKIPPED)
		return ret;
	if (ret == TEST_FAILED) {
		if (suite->rescue != NULL)
			suite->rescue();
	} else if (suite->teardown != NULL && suite->teardown() != TEST_SUCCESS) {
		ret = TEST_FAILED;
	}
	return ret;
}

static int
case_run(const struct test_suite *suite, const struct test_case *c)
{
	const char *before = getenv(CHECKING);
	char *copy;
	int ret;

	if (!c->unchecked)
		return case_run_checked(suite, c);
	copy = before != NULL ? strdup(before) : NULL;
	setenv(CHECKING, "off", 1);
	ret = case_run_checked(suite, c);
	if (copy != NULL)
		setenv(CHECKING, copy, 1);
	else
		unsetenv(CHECKING);
	free(copy);
	return ret;
}

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif

const char *
suite_cannot_run(const struct test_suite *suite)
{
	if (!suite->with_secondaries)
		return NULL;
#ifdef HAS_TSAN
	return "ThreadSanitizer does not see what other processes do";
#endif
	return rte_eal_has_hugepages() != 0 ? NULL :
		"EAL shares only huge pages with other processes";
}

void
suite_run(const struct test_suite *suite, const char *only)
{
	const struct test_case *c;

	if (suite_cannot_run(suite) != NULL) {
		printf("%s: not run: %s\n", suite->name, suite_cannot_run(suite));
		return;
	}
	for (c = suite->cases; c->name != NULL; c++) {
		const char *result = "ok", *why = "";

		if (only != NULL && strcmp(only, c->name) != 0)
			continue;
		switch (case_run(suite, c)) {
		case TEST_SUCCESS:
			suite_totals.passed++;
			break;
		case TEST_SKIPPED:
			suite_totals.skipped++;
			result = "skipped: ";
			why = why_skipped;
			break;
		default:
			suite_totals.failed++;
			result = "FAILED";
		}
		printf("%s.%s: %s%s\n", suite->name, c->name, result, why);
		fflush(stdout);
	}
}
