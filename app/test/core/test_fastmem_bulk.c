/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Bulk calls: all or nothing, for any number and any mixture.
 */

#include <stdlib.h>

#include <rte_lcore.h>

#include "test_fastmem.h"

#define MANY 5000

/* Around the capacities of caches and magazines, and far above. */
static const unsigned int numbers[] = { 1, 2, 7, 8, 9, 23, 24, 25, 31, 32, 33, 63, 64, 65, 127,
	128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, MANY };

static void *ptrs[MANY + 2]; /* with a guard at each end */

enum way { BY_SIZE, BY_SOCKET, BY_HANDLE, N_WAYS };

static int
alloc_by(enum way way, void **objs, unsigned int n, size_t size)
{
	rte_fastmem_handle_t handle;

	switch (way) {
	case BY_SIZE:
		return rte_fastmem_alloc_bulk(objs, n, size, 0, 0);
	case BY_SOCKET:
		return rte_fastmem_alloc_bulk_socket(objs, n, size, 0, 0, socket_with_memory());
	default:
		if (rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle) != 0)
			return -1;
		return rte_fastmem_halloc_bulk(handle, objs, n, 0);
	}
}

static int
free_by(enum way way, void **objs, unsigned int n, size_t size)
{
	rte_fastmem_handle_t handle;

	if (way == BY_HANDLE) {
		TEST_ASSERT_EQUAL(rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle), 0);
		rte_fastmem_hfree_bulk(handle, objs, n);
	} else {
		rte_fastmem_free_bulk(objs, n);
	}
	return TEST_SUCCESS;
}

static int
one_bulk(enum way way, unsigned int n, size_t size)
{
	unsigned int i;

	ptrs[0] = ptrs[n + 1] = &ptrs;
	TEST_ASSERT_EQUAL(alloc_by(way, ptrs + 1, n, size), 0, "%u of %zu", n, size);
	TEST_ASSERT(ptrs[0] == &ptrs && ptrs[n + 1] == &ptrs, "%u of %zu", n, size);
	for (i = 1; i <= n; i++)
		pattern_fill(ptrs[i], size, i);
	for (i = 1; i <= n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], size, i), "%u of %u of %zu", i, n, size);
	TEST_ASSERT_EQUAL(stats_live(), n);
	TEST_CALL(free_by(way, ptrs + 1, n, size));
	TEST_ASSERT_EQUAL(stats_live(), 0, "after %u of %zu", n, size);
	return TEST_SUCCESS;
}

static int
any_number_is_served(void)
{
	size_t sizes[] = { 8, 64, 1500 };
	enum way way;
	unsigned int i, j;

	for (way = BY_SIZE; way < N_WAYS; way++) {
		for (j = 0; j < RTE_DIM(sizes); j++)
			for (i = 0; i < RTE_DIM(numbers); i++)
				TEST_CALL(one_bulk(way, numbers[i], sizes[j]));
		TEST_CALL(check_live(0));
		rte_fastmem_cache_flush();
		for (i = RTE_DIM(numbers); i-- > 0;) {
			rte_fastmem_cache_flush();
			TEST_CALL(one_bulk(way, numbers[i], 200));
		}
	}
	TEST_CALL(one_bulk(BY_SIZE, 40, 200 * KIB));
	return TEST_SUCCESS;
}

static int
none_is_a_number_too(void)
{
	rte_fastmem_handle_t handle;

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(64, 0, SOCKET_ID_ANY, &handle), 0);
	ptrs[0] = &ptrs;
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 0, 64, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 0, 64, 0, RTE_FASTMEM_F_ZERO), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs, 0, 64, 0, 0, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(handle, ptrs, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(handle, ptrs, 0, RTE_FASTMEM_F_ZERO), 0);
	TEST_ASSERT(ptrs[0] == &ptrs);
	rte_fastmem_free_bulk(ptrs, 0);
	rte_fastmem_hfree_bulk(handle, ptrs, 0);
	rte_fastmem_free_bulk(NULL, 0);
	TEST_ASSERT_EQUAL(stats_live(), 0);
	return TEST_SUCCESS;
}

/* With some of a bulk to be had, but not all: nothing happens. */
static int
a_bulk_that_fails_takes_nothing(void)
{
	const size_t size = 4096;
	unsigned int i, j, live, round;
	enum way way;

	TEST_CALL(limit_in_all(4 * MIB));
	for (way = BY_SIZE; way < N_WAYS; way++) {
		live = 4 * MIB / size - 100; /* of 1024 that fit */
		TEST_ASSERT_EQUAL(alloc_by(way, ptrs, live, size), 0);
		for (i = 0; i < live; i++)
			pattern_fill(ptrs[i], size, i);
		for (round = 0; round < 3; round++) {
			for (j = live; j < live + 200; j++)
				ptrs[j] = &ptrs[j];
			TEST_ASSERT_EQUAL(alloc_by(way, ptrs + live, 200, size), -ENOMEM);
			for (j = live; j < live + 200; j++)
				TEST_ASSERT(ptrs[j] == &ptrs[j], "written to on failure");
			TEST_CALL(check_live(live));
		}
		/* What the failed call had found is there for the next. */
		TEST_ASSERT_EQUAL(alloc_by(way, ptrs + live, 90, size), 0);
		for (i = 0; i < live; i++)
			TEST_ASSERT(pattern_holds(ptrs[i], size, i), "object %u", i);
		TEST_CALL(free_by(way, ptrs, live + 90, size));
	}
	TEST_ASSERT_EQUAL(stats_nomem(), 3 * 3 * 200);
	return TEST_SUCCESS;
}

static int
a_bulk_larger_than_all_memory_is_enomem(void)
{
	static void *many[3 * MANY];
	unsigned int i;

	for (i = 0; i < RTE_DIM(many); i++)
		many[i] = many;
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 2 * MIB), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(many, RTE_DIM(many), 4096, 0, 0), -ENOMEM);
	for (i = 0; i < RTE_DIM(many); i++)
		TEST_ASSERT(many[i] == many);
	TEST_CALL(check_live(0));
	return TEST_SUCCESS;
}

/* Sizes, alignments and order at random, freed in bulks at random. */
static int
objects_of_all_kinds_are_freed_together(void)
{
	unsigned int i, n, round;
	struct rng rng;

	rng_init(&rng, 1);
	for (round = 0; round < 30; round++) {
		n = 1 + rng_below(&rng, 1500);
		for (i = 0; i < n; i++) {
			size_t size = rng_below(&rng, round % 3 == 0 ? 20000 : 2000);
			size_t align = rng_below(&rng, 4) == 0 ?
				(size_t)1 << rng_below(&rng, 13) : 0;

			/* Runs of one kind, as well as mixtures. */
			if (i > 0 && rng_below(&rng, 4) != 0)
				size = rte_fastmem_usable_size(ptrs[i - 1]);
			ptrs[i] = rte_fastmem_alloc(size, align, 0);
			TEST_ASSERT(ptrs[i] != NULL, "size %zu align %zu", size, align);
		}
		for (i = 0; i < n / 4; i++) {
			unsigned int a = rng_below(&rng, n), b = rng_below(&rng, n);

			RTE_SWAP(ptrs[a], ptrs[b]);
		}
		TEST_ASSERT_EQUAL(stats_live(), n);
		for (i = 0; i < n;) {
			unsigned int k = RTE_MIN(n - i, 1 + (unsigned int)rng_below(&rng, 300));

			rte_fastmem_free_bulk(ptrs + i, k);
			i += k;
			TEST_ASSERT_EQUAL(stats_live(), n - i);
		}
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static int
null_within_a_bulk_is_skipped(void)
{
	void *some[9] = { NULL };

	some[1] = rte_fastmem_alloc(64, 0, 0);
	some[3] = rte_fastmem_alloc(64, 0, 0);
	some[4] = rte_fastmem_alloc(640, 0, 0);
	some[7] = rte_fastmem_alloc(64, 0, 0);
	log_begin();
	rte_fastmem_free_bulk(some, RTE_DIM(some));
	TEST_ASSERT_EQUAL(log_end("FASTMEM"), 0);
	TEST_ASSERT_EQUAL(stats_live(), 0);
	return TEST_SUCCESS;
}

static int
objects_of_a_bulk_are_ordinary_objects(void)
{
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 600, 300, 0, 0), 0);
	for (i = 0; i < 600; i++)
		rte_fastmem_free(ptrs[i]);
	TEST_CALL(check_live(0));
	for (i = 0; i < 600; i++)
		ptrs[i] = rte_fastmem_alloc(300, 0, 0);
	rte_fastmem_free_bulk(ptrs, 600);
	TEST_CALL(check_live(0));
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(any_number_is_served),
	TEST_CASE(none_is_a_number_too),
	TEST_CASE_UNCHECKED(a_bulk_that_fails_takes_nothing),
	TEST_CASE(a_bulk_larger_than_all_memory_is_enomem),
	TEST_CASE(objects_of_all_kinds_are_freed_together),
	TEST_CASE(null_within_a_bulk_is_skipped),
	TEST_CASE(objects_of_a_bulk_are_ordinary_objects),
	TEST_CASES_END
};

const struct test_suite suite_bulk = {
	.name = "bulk",
	.about = "bulk calls: all or nothing",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
