/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_DEBUG_H
#define TEST_DEBUG_H

/*
 * What the suites of run-time checking share: a fixture for each level, the reports that
 * come, and errors that are made on purpose.
 */

#include <rte_fastmem_debug.h>
#include <rte_fastmem_pool.h>

#include "test_fastmem.h"

/* Memory checkers object to wrong accesses by themselves, and end the program. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_MEMORY_CHECKER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_MEMORY_CHECKER 1
#endif
#endif
#ifndef HAS_MEMORY_CHECKER
#define HAS_MEMORY_CHECKER 0
#endif

/* Why cases are skipped. */
#define SANITIZER_CHECKS "a sanitizer of the compiler finds this by itself, and ends the program"
#define FULL_CHECKS "only full checking finds this"

/* Sanitizers have a heap, and some a stack, of their own. */
#if defined(__SANITIZE_THREAD__)
#define HAS_OWN_HEAP 1
#else
#define HAS_OWN_HEAP HAS_MEMORY_CHECKER
#endif

/* Fixtures. Cases find fastmem initialised with this level, and leave no report unread. */
int debug_up_light(void);
int debug_up_full(void);
int debug_down(void);
void debug_rescue(void);
enum rte_fastmem_debug_level debug_level(void); /* of the running case */

/* Initialise with that, and a callback that notes reports; the environment has no say. */
int debug_init(const struct rte_fastmem_conf *conf);

/* Anew, within a case: with so many bytes of quarantine; 0: the default. */
int debug_again(size_t quarantine);

#define REPORT_TEXT 32768

/* The last report, copied. */
struct report_seen {
	unsigned int n; /* reports since they were last checked. Atomic */
	enum rte_fastmem_error error;
	const void *ptr;
	const void *object;
	size_t size;
	char pool[RTE_FASTMEM_POOL_NAMESIZE]; /* empty: none */
	char text[REPORT_TEXT];
};
extern struct report_seen report_seen;

/* Called by each report, when it is noted. NULL: nothing. */
extern void (*report_hook)(void);

unsigned int reports_take(void); /* how many there were; none is left */
unsigned int reports_of(enum rte_fastmem_error error); /* of those since the last take */

/* There was one report, and it says that. pool NULL: none. Then there is none. */
int report_check(enum rte_fastmem_error error, const void *ptr, const void *object, size_t size,
		const char *pool);
#define EXPECT_REPORT(...) do { \
	int expected_ = report_check(__VA_ARGS__); \
	if (expected_ != TEST_SUCCESS) { \
		test_report(__FILE__, __LINE__, __func__, #__VA_ARGS__, " "); \
		return expected_; \
	} \
} while (0)
#define EXPECT_NO_REPORT() TEST_ASSERT_EQUAL(reports_take(), 0, "%s", report_seen.text)

/* Change a byte that is not the caller's. No tool is to see it. */
void spoil(void *ptr);

/* A pool of so many objects. */
struct rte_fastmem_pool *debug_pool(const char *name, size_t size, uint32_t min, uint32_t max,
		uint32_t flags);

#endif /* TEST_DEBUG_H */
