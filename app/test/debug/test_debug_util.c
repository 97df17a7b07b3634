/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What the suites of run-time checking share: see test_debug.h.
 */

#include <stdlib.h>

#include "fastmem_stack_private.h"
#include "test_debug.h"

#define VARIABLE "RTE_FASTMEM_DEBUG"

struct report_seen report_seen;
void (*report_hook)(void);
static unsigned int seen_of[RTE_FASTMEM_ERROR_POOL_IN_USE + 1];
static enum rte_fastmem_debug_level level;
static char environment[256]; /* what there was */

/* Reports come one at a time. */
static void
note_report(const struct rte_fastmem_report *report, void *arg)
{
	struct report_seen *seen = arg;

	seen->error = report->error;
	seen->ptr = report->ptr;
	seen->object = report->object;
	seen->size = report->size;
	snprintf(seen->pool, sizeof(seen->pool), "%s", report->pool != NULL ? report->pool : "");
	snprintf(seen->text, sizeof(seen->text), "%s", report->text);
	if (report->error < RTE_DIM(seen_of))
		rte_atomic_fetch_add_explicit(&seen_of[report->error], 1, rte_memory_order_relaxed);
	/* Pairs with the acquire in reports_take(). */
	rte_atomic_fetch_add_explicit(&seen->n, 1, rte_memory_order_release);
	if (report_hook != NULL)
		report_hook();
}

unsigned int
reports_of(enum rte_fastmem_error error)
{
	return rte_atomic_load_explicit(&seen_of[error], rte_memory_order_relaxed);
}

unsigned int
reports_take(void)
{
	memset(seen_of, 0, sizeof(seen_of));
	/* Pairs with the release in note_report(). */
	return rte_atomic_exchange_explicit(&report_seen.n, 0, rte_memory_order_acquire);
}

int
report_check(enum rte_fastmem_error error, const void *ptr, const void *object, size_t size,
		const char *pool)
{
	TEST_ASSERT_EQUAL(reports_take(), 1, "reports; the last one: %s", report_seen.text);
	TEST_ASSERT_EQUAL(report_seen.error, error, "%s", report_seen.text);
	TEST_ASSERT(report_seen.ptr == ptr, "%p instead of %p: %s", report_seen.ptr, ptr,
		report_seen.text);
	TEST_ASSERT(report_seen.object == object, "%p instead of %p: %s", report_seen.object,
		object, report_seen.text);
	TEST_ASSERT_EQUAL(report_seen.size, size, "%s", report_seen.text);
	TEST_ASSERT(strcmp(report_seen.pool, pool != NULL ? pool : "") == 0, "pool %s: %s",
		report_seen.pool, report_seen.text);
	TEST_ASSERT(strncmp(report_seen.text, "FASTMEM: ERROR: ", 16) == 0, "%s",
		report_seen.text);
	return TEST_SUCCESS;
}

static int patience_before; /* of the other suites */

int
debug_init(const struct rte_fastmem_conf *conf)
{
	struct rte_fastmem_conf c = *conf;
	const char *before = getenv(VARIABLE);

	if (before != NULL)
		snprintf(environment, sizeof(environment), "%s", before);
	unsetenv(VARIABLE);
	if (fastmem_symbol_patience_ms != 0)
		patience_before = fastmem_symbol_patience_ms;
	fastmem_symbol_patience_ms = 0; /* of hundreds of reports, few have their lines read */
	reports_take();
	report_hook = NULL;
	report_seen.text[0] = '\0';
	c.report = note_report;
	c.report_arg = &report_seen;
	return rte_fastmem_init_conf(&c);
}

/* What was set is for the other suites. */
static void
environment_restore(void)
{
	if (patience_before != 0)
		fastmem_symbol_patience_ms = patience_before;
	if (environment[0] != '\0')
		setenv(VARIABLE, environment, 1);
	environment[0] = '\0';
}

int
debug_again(size_t quarantine)
{
	const struct rte_fastmem_conf conf = { .debug = level, .quarantine = quarantine };

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(debug_init(&conf), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_debug_level(), level);
	return TEST_SUCCESS;
}

enum rte_fastmem_debug_level
debug_level(void)
{
	return level;
}

int
debug_up_light(void)
{
	level = RTE_FASTMEM_DEBUG_LIGHT;
	return debug_again(0);
}

int
debug_up_full(void)
{
	level = RTE_FASTMEM_DEBUG_FULL;
	return debug_again(0);
}

int
debug_down(void)
{
	TEST_CALL(check_live(0));
	TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 0);
	EXPECT_NO_REPORT();
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_fastmem(), 0, "memzones are left behind");
	environment_restore();
	return TEST_SUCCESS;
}

void
debug_rescue(void)
{
	fastmem_rescue();
	environment_restore();
}

__rte_noinline __rte_no_sanitize("address", "thread", "undefined")
void
spoil(void *ptr)
{
	volatile uint8_t *byte = ptr;

	*byte ^= 0x5a;
}

struct rte_fastmem_pool *
debug_pool(const char *name, size_t size, uint32_t min, uint32_t max, uint32_t flags)
{
	const struct rte_fastmem_pool_params params = {
		.name = name,
		.size = size,
		.socket_id = SOCKET_ID_ANY,
		.min = min,
		.max = max,
		.flags = flags,
	};

	return rte_fastmem_pool_create(&params);
}
