/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* In DPDK's tree: see test_fastmem_groups.h. */

#include <rte_common.h>

#include "suites.h"
#include "test_fastmem_groups.h"
#include "test_processes.h"

/* dpdk-test serves no calls of the suites with secondary processes, which are not here. */
const remote_t *const remote_functions[] = { NULL };

static int
run(const struct test_suite *const *suites, unsigned int n)
{
	struct suite_totals before = suite_totals;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!suites[i]->on_request)
			suite_run(suites[i], NULL);
	if (suite_totals.failed != before.failed)
		return TEST_FAILED;
	return suite_totals.passed != before.passed ? TEST_SUCCESS : TEST_SKIPPED;
}

#define SUITE(name) &suite_##name,
#define GROUP(function, group) \
	int \
	function(void) \
	{ \
		static const struct test_suite *const suites[] = { group(SUITE) }; \
		return run(suites, RTE_DIM(suites)); \
	}

GROUP(test_fastmem_core, TEST_SUITES_CORE)
GROUP(test_fastmem_threads, TEST_SUITES_THREADS)
GROUP(test_fastmem_pool, TEST_SUITES_POOL)
GROUP(test_fastmem_mempool, TEST_SUITES_MEMPOOL)
GROUP(test_fastmem_debug, TEST_SUITES_DEBUG)
