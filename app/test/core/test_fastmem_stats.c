/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Statistics are exact: of one thread, for known sequences.
 */

#include <rte_lcore.h>

#include "test_fastmem.h"

#define MANY 3000

static void *ptrs[MANY];

static struct rte_fastmem_class_stats
class_stats(size_t size)
{
	struct rte_fastmem_class_stats stats;

	if (rte_fastmem_stats_class(size, &stats) != 0)
		memset(&stats, 0xff, sizeof(stats));
	return stats;
}

/* Figures of class 256 since the last reset; hits and misses add up to objects. */
static int
check_256(uint64_t allocs, uint64_t frees, uint64_t in_use)
{
	struct rte_fastmem_class_stats c = class_stats(256);
	struct rte_fastmem_lcore_class_stats lc;
	struct rte_fastmem_lcore_stats l;
	struct rte_fastmem_stats s;

	TEST_ASSERT_EQUAL(c.class_size, 256);
	TEST_ASSERT_EQUAL(c.in_use, in_use);
	TEST_ASSERT_EQUAL(c.alloc_cache_hits + c.alloc_cache_misses, allocs);
	TEST_ASSERT_EQUAL(c.free_cache_hits + c.free_cache_misses, frees);

	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.alloc_total, allocs);
	TEST_ASSERT_EQUAL(s.free_total, frees);
	TEST_ASSERT_EQUAL(s.bytes_in_use, in_use * 256);
	TEST_ASSERT_EQUAL(s.n_classes, rte_fastmem_classes(NULL));
	TEST_ASSERT(s.bytes_backing >= s.bytes_in_use);
	TEST_ASSERT(s.bytes_metadata > 0);

	/* All was done by this lcore, and all in this class. */
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(rte_lcore_id(), 256, &lc), 0);
	TEST_ASSERT_EQUAL(lc.class_size, 256);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(rte_lcore_id(), &l), 0);
	TEST_ASSERT_EQUAL(lc.alloc_cache_hits, c.alloc_cache_hits);
	TEST_ASSERT_EQUAL(lc.alloc_cache_misses, c.alloc_cache_misses);
	TEST_ASSERT_EQUAL(lc.alloc_nomem, c.alloc_nomem);
	TEST_ASSERT_EQUAL(lc.free_cache_hits, c.free_cache_hits);
	TEST_ASSERT_EQUAL(lc.free_cache_misses, c.free_cache_misses);
	TEST_ASSERT_EQUAL(l.alloc_cache_hits, c.alloc_cache_hits);
	TEST_ASSERT_EQUAL(l.alloc_cache_misses, c.alloc_cache_misses);
	TEST_ASSERT_EQUAL(l.alloc_nomem, c.alloc_nomem);
	TEST_ASSERT_EQUAL(l.free_cache_hits, c.free_cache_hits);
	TEST_ASSERT_EQUAL(l.free_cache_misses, c.free_cache_misses);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(rte_lcore_id(), 320, &lc), 0);
	TEST_ASSERT_EQUAL(lc.alloc_cache_hits + lc.alloc_cache_misses, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&l), 0);
	TEST_ASSERT_EQUAL(l.alloc_cache_hits + l.alloc_cache_misses + l.free_cache_hits +
		l.free_cache_misses, 0);
	return TEST_SUCCESS;
}

static int
after_init_all_figures_are_0(void)
{
	TEST_CALL(check_256(0, 0, 0));
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	TEST_ASSERT_EQUAL(stats_nomem(), 0);
	return TEST_SUCCESS;
}

static int
single_calls_are_counted(void)
{
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		ptrs[i] = rte_fastmem_alloc(200, 0, 0);
		TEST_ASSERT(ptrs[i] != NULL);
		if (i % 97 == 0)
			TEST_CALL(check_256(i + 1, 0, i + 1));
	}
	for (i = 0; i < MANY; i++) {
		if (i % 2 == 0)
			rte_fastmem_free(ptrs[i]);
		else
			rte_fastmem_free_sized(ptrs[i], 200, 0);
		if (i % 97 == 0)
			TEST_CALL(check_256(MANY, i + 1, MANY - i - 1));
	}
	return check_256(MANY, MANY, 0);
}

static int
bulk_calls_count_objects(void)
{
	rte_fastmem_handle_t handle;
	unsigned int n, total = 0;

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(256, 0, SOCKET_ID_ANY, &handle), 0);
	for (n = 1; n <= MANY; n = n * 2 + 1) {
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 250, 0, 0), 0);
		TEST_CALL(check_256(total + n, total, n));
		rte_fastmem_free_bulk(ptrs, n);
		total += n;
		TEST_CALL(check_256(total, total, 0));
		TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(handle, ptrs, n, 0), 0);
		TEST_CALL(check_256(total + n, total, n));
		rte_fastmem_hfree_bulk(handle, ptrs, n);
		total += n;
		TEST_CALL(check_256(total, total, 0));
	}
	return TEST_SUCCESS;
}

static int
realloc_counts_when_it_moves(void)
{
	void *ptr = rte_fastmem_alloc(200, 0, 0);

	ptr = rte_fastmem_realloc(ptr, 256, 0);
	TEST_ASSERT(ptr != NULL);
	TEST_CALL(check_256(1, 0, 1));
	ptr = rte_fastmem_realloc(ptr, 300, 0);
	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT_EQUAL(class_stats(256).in_use, 0);
	TEST_ASSERT_EQUAL(class_stats(320).in_use, 1);
	ptr = rte_fastmem_realloc(ptr, 200, 0);
	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT_EQUAL(class_stats(256).in_use, 1);
	TEST_ASSERT_EQUAL(class_stats(320).in_use, 0);
	rte_fastmem_free(ptr);
	return TEST_SUCCESS;
}

static int
hits_are_what_the_cache_served(void)
{
	struct rte_fastmem_class_stats before, after;
	unsigned int i;
	void *ptr;

	ptr = rte_fastmem_alloc(256, 0, 0);
	TEST_ASSERT(ptr != NULL);
	before = class_stats(256);
	TEST_ASSERT_EQUAL(before.alloc_cache_misses, 1, "the first one");
	rte_fastmem_free(ptr);
	for (i = 0; i < 100; i++) {
		ptr = rte_fastmem_alloc(256, 0, 0);
		rte_fastmem_free(ptr);
	}
	after = class_stats(256);
	TEST_ASSERT_EQUAL(after.alloc_cache_hits - before.alloc_cache_hits, 100);
	TEST_ASSERT_EQUAL(after.free_cache_hits - before.free_cache_hits, 101);
	TEST_ASSERT_EQUAL(after.alloc_cache_misses, before.alloc_cache_misses);
	TEST_ASSERT_EQUAL(after.free_cache_misses, before.free_cache_misses);
	for (i = 0; i < MANY; i++)
		ptrs[i] = rte_fastmem_alloc(256, 0, 0);
	after = class_stats(256);
	TEST_ASSERT(after.alloc_cache_misses - before.alloc_cache_misses >= MANY / 1000);
	TEST_ASSERT(after.alloc_cache_misses - before.alloc_cache_misses <= MANY / 50,
		"%" PRIu64 " misses", after.alloc_cache_misses);
	for (i = 0; i < MANY; i++)
		rte_fastmem_free(ptrs[i]);
	after = class_stats(256);
	TEST_ASSERT(after.free_cache_misses > 0 && after.free_cache_misses <= MANY / 50,
		"%" PRIu64 " misses", after.free_cache_misses);
	return TEST_SUCCESS;
}

static int
what_was_refused_is_counted_by_object(void)
{
	unsigned int n;

	TEST_CALL(limit_in_all(64 * KIB));
	n = fill_up(ptrs, MANY, 256);
	TEST_ASSERT_EQUAL(n, 256);
	TEST_ASSERT_EQUAL(class_stats(256).alloc_nomem, 1);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs + n, 10, 256, 0, 0), -ENOMEM);
	TEST_ASSERT(rte_fastmem_alloc(1000, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(class_stats(256).alloc_nomem, 11);
	TEST_ASSERT_EQUAL(class_stats(1024).alloc_nomem, 1);
	TEST_ASSERT_EQUAL(stats_nomem(), 12);
	TEST_CALL(check_live(n));
	rte_fastmem_stats_reset();
	TEST_ASSERT_EQUAL(stats_nomem(), 0);
	TEST_ASSERT_EQUAL(class_stats(256).alloc_nomem, 0);
	rte_fastmem_free_bulk(ptrs, n);
	return check_256(0, n, 0);
}

static int
reset_starts_counters_anew_and_keeps_the_present(void)
{
	uint64_t backing;
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 1000, 256, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs + 400, 600);
	backing = stats_backing();
	rte_fastmem_stats_reset();
	TEST_CALL(check_256(0, 0, 400));
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	TEST_ASSERT_EQUAL(class_stats(256).slab_acquires, 0);
	TEST_ASSERT(class_stats(256).slabs_partial + class_stats(256).slabs_full > 0);
	rte_fastmem_free_bulk(ptrs, 100);
	TEST_CALL(check_256(0, 100, 300));
	for (i = 0; i < 50; i++)
		ptrs[i] = rte_fastmem_alloc(256, 0, 0);
	TEST_CALL(check_256(50, 100, 350));
	rte_fastmem_stats_reset();
	rte_fastmem_free_bulk(ptrs, 50);
	rte_fastmem_free_bulk(ptrs + 100, 300);
	return check_256(0, 350, 0);
}

static int
a_flush_keeps_the_figures(void)
{
	struct rte_fastmem_class_stats before, after;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 1000, 256, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs + 400, 600);
	before = class_stats(256);
	rte_fastmem_cache_flush();
	TEST_CALL(check_256(1000, 600, 400));
	after = class_stats(256);
	TEST_ASSERT_EQUAL(after.alloc_cache_hits, before.alloc_cache_hits);
	TEST_ASSERT_EQUAL(after.alloc_cache_misses, before.alloc_cache_misses);
	TEST_ASSERT_EQUAL(after.free_cache_hits, before.free_cache_hits);
	TEST_ASSERT_EQUAL(after.free_cache_misses, before.free_cache_misses);
	rte_fastmem_free_bulk(ptrs, 400);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	return check_256(1000, 1000, 0);
}

static int
slabs_are_counted(void)
{
	struct rte_fastmem_class_stats c;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 1024, 256, 0, 0), 0);
	c = class_stats(256);
	TEST_ASSERT_EQUAL(c.slab_acquires - c.slab_releases, c.slabs_partial + c.slabs_full);
	TEST_ASSERT(c.slabs_partial + c.slabs_full >= 4, "256 to a slab");
	TEST_ASSERT(c.slabs_full >= 4 - 1);
	rte_fastmem_free_bulk(ptrs, 1024);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	c = class_stats(256);
	TEST_ASSERT_EQUAL(c.slabs_partial + c.slabs_full, 0);
	TEST_ASSERT_EQUAL(c.slab_acquires, c.slab_releases);
	TEST_ASSERT(c.slab_acquires >= 4);
	rte_fastmem_stats_reset();
	c = class_stats(256);
	TEST_ASSERT_EQUAL(c.slab_acquires, 0);
	TEST_ASSERT_EQUAL(c.slab_releases, 0);
	return TEST_SUCCESS;
}

static int
overaligned_objects_are_counted_in_the_class_of_their_size(void)
{
	void *ptr = rte_fastmem_alloc(100 * KIB, 128 * KIB, 0);

	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT_EQUAL(class_stats(128 * KIB).in_use, 1);
	TEST_ASSERT_EQUAL(stats_live(), 1);
	TEST_ASSERT_EQUAL(stats_in_use(), 128 * KIB);
	rte_fastmem_free(ptr);
	TEST_ASSERT_EQUAL(class_stats(128 * KIB).in_use, 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(after_init_all_figures_are_0),
	TEST_CASE_UNCHECKED(single_calls_are_counted),
	TEST_CASE_UNCHECKED(bulk_calls_count_objects),
	TEST_CASE_UNCHECKED(realloc_counts_when_it_moves),
	TEST_CASE_UNCHECKED(hits_are_what_the_cache_served),
	TEST_CASE_UNCHECKED(what_was_refused_is_counted_by_object),
	TEST_CASE_UNCHECKED(reset_starts_counters_anew_and_keeps_the_present),
	TEST_CASE_UNCHECKED(a_flush_keeps_the_figures),
	TEST_CASE_UNCHECKED(slabs_are_counted),
	TEST_CASE(overaligned_objects_are_counted_in_the_class_of_their_size),
	TEST_CASES_END
};

const struct test_suite suite_stats = {
	.name = "stats",
	.about = "exact figures of one thread",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
