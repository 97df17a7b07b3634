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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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
};

extern const struct test_suite suite_api;
extern const struct test_suite suite_bulk;
extern const struct test_suite suite_contents;
extern const struct test_suite suite_debug_full;
extern const struct test_suite suite_debug_light;
extern const struct test_suite suite_debug_model;
extern const struct test_suite suite_debug_sample;
extern const struct test_suite suite_departure;
extern const struct test_suite suite_depot;
extern const struct test_suite suite_errors;
extern const struct test_suite suite_growth;
extern const struct test_suite suite_handles;
extern const struct test_suite suite_idle;
extern const struct test_suite suite_iova;
extern const struct test_suite suite_kill;
extern const struct test_suite suite_leaks;
extern const struct test_suite suite_limits;
extern const struct test_suite suite_memory;
extern const struct test_suite suite_mempool;
extern const struct test_suite suite_mempool_memory;
extern const struct test_suite suite_mempool_processes;
extern const struct test_suite suite_model;
extern const struct test_suite suite_one_page;
extern const struct test_suite suite_pool;
extern const struct test_suite suite_pool_growth;
extern const struct test_suite suite_pool_promises;
extern const struct test_suite suite_pool_processes;
extern const struct test_suite suite_pool_readers;
extern const struct test_suite suite_pool_steal;
extern const struct test_suite suite_processes;
extern const struct test_suite suite_reclaim;
extern const struct test_suite suite_shared_stats;
extern const struct test_suite suite_sizes;
extern const struct test_suite suite_stack;
extern const struct test_suite suite_stack_cost;
extern const struct test_suite suite_stack_processes;
extern const struct test_suite suite_stack_shapes;
extern const struct test_suite suite_stats;
extern const struct test_suite suite_steps;
extern const struct test_suite suite_threads;
extern const struct test_suite suite_wild;

void test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/* TEST_ASSERT(condition [, format, ...]) */
#define TEST_ASSERT(condition, ...) do { \
	if (!(condition)) { \
		test_report(__FILE__, __LINE__, __func__, #condition, " " __VA_ARGS__); \
		return TEST_FAILED; \
	} \
} while (0)

/* TEST_ASSERT_EQUAL(actual, expected [, format, ...]), of integers */
#define TEST_ASSERT_EQUAL(actual, expected, ...) do { \
	long long actual_ = (long long)(actual), expected_ = (long long)(expected); \
	if (actual_ != expected_) { \
		fprintf(stderr, "%lld instead of %lld: ", actual_, expected_); \
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
