/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Wrong frees: what is no object is reported and changes nothing; what only
 * looks like one is dropped when the cache goes back to the slabs.
 */

#include <stdlib.h>

#include <rte_lcore.h>
#include <rte_memzone.h>

#include "test_fastmem.h"

static int
a_foreign_address_is_reported_and_ignored(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve("test_wild", 100, SOCKET_ID_ANY, 0);
	char on_stack[64], *on_heap = malloc(64);
	unsigned int i;
	void *live;

	TEST_ASSERT(mz != NULL && on_heap != NULL);
	live = rte_fastmem_alloc(64, 0, 0);
	TEST_ASSERT(live != NULL);
	pattern_fill(live, 64, 1);
	{
		void *wild[] = { on_stack, on_heap, mz->addr, (void *)(uintptr_t)1,
			(void *)UINTPTR_MAX, (void *)(uintptr_t)0x123456789abcdef0 };

		for (i = 0; i < RTE_DIM(wild); i++) {
			log_begin();
			rte_fastmem_free(wild[i]);
			TEST_ASSERT_EQUAL(log_end("not an object"), 1, "%p", wild[i]);
		}
		log_begin();
		rte_fastmem_free_bulk(wild, RTE_DIM(wild));
		TEST_ASSERT_EQUAL(log_end("not an object"), RTE_DIM(wild));
	}
	TEST_CALL(check_live(1));
	rte_fastmem_cache_flush();
	TEST_CALL(check_live(1));
	TEST_ASSERT(pattern_holds(live, 64, 1));
	rte_fastmem_free(live);
	free(on_heap);
	rte_memzone_free(mz);
	return TEST_SUCCESS;
}

static int
wild_addresses_among_objects_hurt_none(void)
{
	void *ptrs[60];
	unsigned int i;
	char foreign[8];

	for (i = 0; i < RTE_DIM(ptrs); i++) {
		ptrs[i] = i % 7 == 3 ? foreign : i % 11 == 5 ? NULL :
			rte_fastmem_alloc(100 + i / 10 * 500, 0, 0);
	}
	log_begin();
	rte_fastmem_free_bulk(ptrs, RTE_DIM(ptrs));
	TEST_ASSERT_EQUAL(log_end("not an object"), 9);
	TEST_CALL(check_live(0));
	rte_fastmem_cache_flush();
	return check_live(0);
}

/* What was not freed must not be taken off a figure that did not count it. */
static int
no_figure_is_negative(void)
{
	struct rte_fastmem_lcore_stats own, shared;
	struct rte_fastmem_stats all;

	TEST_ASSERT_EQUAL(rte_fastmem_stats(&all), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(rte_lcore_id(), &own), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&shared), 0);
	TEST_ASSERT(all.bytes_in_use <= INT64_MAX);
	TEST_ASSERT_EQUAL(all.alloc_total - all.free_total, stats_live());
	TEST_ASSERT(own.free_cache_hits <= INT64_MAX && own.free_cache_misses <= INT64_MAX);
	TEST_ASSERT(shared.free_cache_hits <= INT64_MAX && shared.free_cache_misses <= INT64_MAX,
		"%" PRIu64 " %" PRIu64, shared.free_cache_hits, shared.free_cache_misses);
	return TEST_SUCCESS;
}

/* The statistics are right again as soon as the wrong ones are dropped. */
static int
a_pointer_into_an_object_is_dropped_on_flush(void)
{
	size_t sizes[] = { 8, 64, 100, 1000, 5000, 70000, MIB };
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		char *ptr = rte_fastmem_alloc(sizes[i], 8, 0);

		TEST_ASSERT(ptr != NULL);
		pattern_fill(ptr, sizes[i], i);
		log_begin();
		rte_fastmem_free(ptr + sizes[i] / 2);
		rte_fastmem_cache_flush();
		TEST_ASSERT_EQUAL(log_end("inside an object"), 1, "size %zu", sizes[i]);
		TEST_CALL(no_figure_is_negative());
		TEST_ASSERT(pattern_holds(ptr, sizes[i], i));
		TEST_CALL(check_live(1));
		rte_fastmem_free(ptr);
		rte_fastmem_cache_flush();
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static int
a_second_free_is_dropped_on_flush(void)
{
	size_t sizes[] = { 8, 64, 1000, 5000, 70000, MIB };
	unsigned int i, j, k;
	void *others[20];

	for (i = 0; i < RTE_DIM(sizes); i++) {
		void *ptr = rte_fastmem_alloc(sizes[i], 8, 0);
		void *keep = rte_fastmem_alloc(sizes[i], 8, 0);

		TEST_ASSERT(ptr != NULL && keep != NULL);
		rte_fastmem_free(ptr);
		log_begin();
		rte_fastmem_free(ptr);
		rte_fastmem_cache_flush();
		TEST_ASSERT_EQUAL(log_end("double"), 1, "size %zu", sizes[i]);
		TEST_CALL(no_figure_is_negative());
		TEST_CALL(check_live(1));
		/* Nobody gets it twice. */
		for (j = 0; j < RTE_DIM(others); j++) {
			others[j] = rte_fastmem_alloc(sizes[i], 8, 0);
			TEST_ASSERT(others[j] != NULL && others[j] != keep);
			for (k = 0; k < j; k++)
				TEST_ASSERT(others[j] != others[k]);
		}
		rte_fastmem_free_bulk(others, RTE_DIM(others));
		rte_fastmem_free(keep);
		rte_fastmem_cache_flush();
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static int
a_free_after_the_slab_has_gone_is_reported(void)
{
	void *ptr = rte_fastmem_alloc(5000, 0, 0);

	TEST_ASSERT(ptr != NULL);
	rte_fastmem_free(ptr);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	log_begin();
	rte_fastmem_free(ptr);
	TEST_ASSERT_EQUAL(log_end("not an object"), 1);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(a_foreign_address_is_reported_and_ignored),
	TEST_CASE_UNCHECKED(wild_addresses_among_objects_hurt_none),
	TEST_CASE_UNCHECKED(a_pointer_into_an_object_is_dropped_on_flush),
	TEST_CASE_UNCHECKED(a_second_free_is_dropped_on_flush),
	TEST_CASE_UNCHECKED(a_free_after_the_slab_has_gone_is_reported),
	TEST_CASES_END
};

const struct test_suite suite_wild = {
	.name = "wild",
	.about = "frees of what is no object",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
