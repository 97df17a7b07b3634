/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_H
#define TEST_H

/*
 * The frame of the functional tests, in the style of DPDK's app/test: suites of
 * cases, each a function that returns 0 or stops at its first failed assertion.
 * The name of a case is what it promises.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_common.h>

#include "test_suites.h"

#define TEST_SUCCESS 0
#define TEST_FAILED (-1)
#define TEST_SKIPPED 77

struct test_case {
	const char *name;
	int (*run)(void);
	bool unchecked; /* runs without checking, whatever RTE_FASTMEM_DEBUG says */
};

#define TEST_CASE(function) { #function, function, false }
/* It promises what checking changes: about sizes of slots, caches and their figures, or errors. */
#define TEST_CASE_UNCHECKED(function) { #function, function, true }
#define TEST_CASES_END { NULL, NULL, false }

struct test_suite {
	const char *name;
	const char *about;
	int (*setup)(void); /* before each case; may be NULL */
	int (*teardown)(void); /* after each case that held; may be NULL */
	void (*rescue)(void); /* after each case that did not; may be NULL */
	const struct test_case *cases; /* up to TEST_CASES_END */
	bool on_request; /* only runs when named: needs, or does, something special */
	/*
	 * Runs only when named, and only on huge pages, as EAL shares no others. In a
	 * program run of its own: once a thread was registered, EAL lets no secondary attach.
	 */
	bool with_secondaries;
	bool deaths; /* of those, one in which processes die at any time: takes most of theirs */
	/* Takes minutes: runs only when named and in "make check", by dpdk-fastmem-test --long. */
	bool long_run;
};

#define SUITE(name) extern const struct test_suite suite_##name;
TEST_SUITES(SUITE)
#undef SUITE

/* For "return test_skip(why)": why, a text that stays, is listed with the case that did not run. */
int test_skip(const char *why);

void test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...) __rte_format_printf(5, 6);

/* TEST_ASSERT(condition [, format, ...]) */
#define TEST_ASSERT(condition, ...) do { \
	if (!(condition)) { \
		test_report(__FILE__, __LINE__, __func__, #condition, " " __VA_ARGS__); \
		return TEST_FAILED; \
	} \
} while (0)

/* TEST_ASSERT_EQUAL(actual, expected [, format, ...]), of integers */
#define TEST_ASSERT_EQUAL(actual, expected, ...) do { \
	int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected); \
	if (actual_ != expected_) { \
		fprintf(stderr, "%" PRId64 " instead of %" PRId64 ": ", actual_, expected_); \
		test_report(__FILE__, __LINE__, __func__, #actual " == " #expected, \
			" " __VA_ARGS__); \
		return TEST_FAILED; \
	} \
} while (0)

/* Pass on the failure of a function that has already reported it. */
#define TEST_CALL(call) do { \
	int ret_ = (call); \
	if (ret_ != TEST_SUCCESS) \
		return ret_; \
} while (0)

#endif /* TEST_H */
