/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Growth that EAL refuses is ENOMEM to that caller and nothing else.
 */

#include <pthread.h>

#include <rte_lcore.h>

#include "test_fastmem.h"

#define MAX_OBJECTS 4000

static void *ptrs[MAX_OBJECTS];
static size_t sizes[MAX_OBJECTS];

/* Allocate what can be had, in many sizes, one by one and in bulk. */
static int
work_alloc(unsigned int n, unsigned int *live, unsigned int *refused)
{
	unsigned int i, k = 1;

	*live = 0;
	*refused = 0;
	for (i = 0; *live + 40 < n; i++) {
		size_t size = (size_t)17 << (i * 7 % 15);
		int ret;

		if (i == n)
			break;
		k = i % 10 == 9 ? 40 : 1;
		rte_errno = 0;
		if (k == 1) {
			void *ptr = rte_fastmem_alloc(size, 8, 0);

			ret = ptr != NULL ? 0 : -rte_errno;
			if (ptr != NULL)
				ptrs[*live] = ptr;
		} else {
			size = RTE_MIN(size, (size_t)5000);
			ret = rte_fastmem_alloc_bulk(ptrs + *live, k, size, 8, 0);
		}
		if (ret != 0) {
			TEST_ASSERT_EQUAL(ret, -ENOMEM);
			*refused += k;
			continue;
		}
		for (; k > 0; k--) {
			pattern_fill(ptrs[*live], size, *live);
			sizes[(*live)++] = size;
		}
	}
	return TEST_SUCCESS;
}

static int
work_check(unsigned int live)
{
	unsigned int i;

	for (i = 0; i < live; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], sizes[i], i), "object %u of %zu", i, sizes[i]);
	return check_live(live);
}

static int
init_refused_is_enomem_and_leaves_nothing(void)
{
	unsigned int zones;

	rte_fastmem_deinit();
	zones = zones_all();
	refuse_all();
	log_begin();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -ENOMEM);
	TEST_ASSERT(log_end("no memory") > 0, "the log says so");
	TEST_ASSERT_EQUAL(zones_all(), zones);
	TEST_ASSERT(rte_fastmem_alloc(8, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	refuse_nth(0);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0, "with less memory than it asked for");
	return TEST_SUCCESS;
}

static int
a_refused_growth_is_enomem_and_nothing_else(void)
{
	unsigned int i, live, refused;

	TEST_CALL(work_alloc(300, &live, &refused));
	TEST_ASSERT_EQUAL(refused, 0);
	refuse_all();
	for (i = live; i < MAX_OBJECTS; i++) {
		ptrs[i] = rte_fastmem_alloc(100000, 0, 0);
		if (ptrs[i] == NULL)
			break;
		sizes[i] = 100000;
		pattern_fill(ptrs[i], sizes[i], i);
	}
	TEST_ASSERT(i < MAX_OBJECTS);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT(refuse_refused() > 0);
	TEST_ASSERT_EQUAL(stats_nomem(), 1);
	TEST_CALL(work_check(i));

	/* Not once refused, refused for ever. */
	refuse_nothing();
	ptrs[i] = rte_fastmem_alloc(100000, 0, 0);
	TEST_ASSERT(ptrs[i] != NULL);
	rte_fastmem_free_bulk(ptrs, i + 1);
	TEST_ASSERT_EQUAL(stats_nomem(), 1);
	return TEST_SUCCESS;
}

/* Whichever reservation fails, alone or with all that follow. */
static int
refusal_at_any_point_is_survived(void)
{
	unsigned int k, live, refused, seen, mode;
	const unsigned int n = 500;

	for (mode = 0; mode < 2; mode++) {
		for (k = 0;; k++) {
			rte_fastmem_deinit();
			TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
			if (mode == 0)
				refuse_nth(k);
			else
				refuse_from(k);
			TEST_CALL(work_alloc(n, &live, &refused));
			seen = refuse_refused();
			TEST_CALL(work_check(live));
			TEST_ASSERT_EQUAL(stats_nomem(), refused);
			TEST_ASSERT(refused == 0 || seen > 0, "ENOMEM without a reason");
			refuse_nothing();
			rte_fastmem_free_bulk(ptrs, live);
			TEST_CALL(check_live(0));
			TEST_CALL(work_alloc(n, &live, &refused));
			TEST_ASSERT_EQUAL(refused, 0, "after memory came free");
			TEST_CALL(work_check(live));
			rte_fastmem_free_bulk(ptrs, live);
			TEST_CALL(check_live(0));
			if (seen == 0)
				break;
		}
		TEST_ASSERT(k > 3, "there was little to refuse");
	}
	return TEST_SUCCESS;
}

/* A single large reservation that fails is not the end: smaller ones may succeed. */
static int
large_chunks_refused_fall_back_to_smaller_ones(void)
{
	size_t most[] = { 8 * MIB, 2 * MIB, MIB, 512 * KIB, 256 * KIB };
	unsigned int i, j, n;

	for (i = 0; i < RTE_DIM(most); i++) {
		/* Bookkeeping comes in smaller pieces than this as well. */
		refuse_above(most[i]);
		n = 24 * MIB / 8192;
		for (j = 0; j < n; j++) {
			ptrs[j] = rte_fastmem_alloc(8192, 0, 0);
			TEST_ASSERT(ptrs[j] != NULL, "object %u with chunks of %zu", j, most[i]);
		}
		TEST_ASSERT(zones_largest_chunk() <= most[i]);
		rte_fastmem_free_bulk(ptrs, n);
		TEST_ASSERT_EQUAL(rte_fastmem_reserve(40 * MIB, SOCKET_ID_ANY), 0);
		TEST_ASSERT(zones_largest_chunk() <= most[i]);
		TEST_CALL(check_live(0));
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		TEST_ASSERT(zones_chunks() <= rte_socket_count());
	}
	return TEST_SUCCESS;
}

static int
what_does_not_fit_a_small_chunk_fails_alone(void)
{
	void *small;

	refuse_above(512 * KIB);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc(MIB, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT_EQUAL(stats_nomem(), 1);
	small = rte_fastmem_alloc(64, 0, 0);
	TEST_ASSERT(small != NULL);
	rte_fastmem_free(small);
	TEST_ASSERT_EQUAL(stats_nomem(), 1);
	return TEST_SUCCESS;
}

static int
reserve_refused_is_enomem(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MIB, SOCKET_ID_ANY), 0);
	refuse_all();
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MIB, SOCKET_ID_ANY), 0, "it is there already");
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(64 * MIB, SOCKET_ID_ANY), -ENOMEM);
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	refuse_nothing();
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(64 * MIB, SOCKET_ID_ANY), 0);
	return TEST_SUCCESS;
}

#define N_THREADS 48
static pthread_barrier_t barrier;

/* A thread that gets no memory for a cache works without one. */
static int
work_without_bookkeeping(void *arg)
{
	size_t size[] = { 8, 100, 700, 3000, 20000, 150000 };
	void *mine[RTE_DIM(size)], *bulk[64];
	unsigned int i, k = *(unsigned int *)arg;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < RTE_DIM(size); i++) {
		mine[i] = rte_fastmem_alloc(size[i], 8, RTE_FASTMEM_F_ZERO);
		if (mine[i] == NULL)
			TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
		else
			pattern_fill(mine[i], size[i], k);
	}
	if (rte_fastmem_alloc_bulk(bulk, RTE_DIM(bulk), 200, 0, 0) == 0)
		rte_fastmem_free_bulk(bulk, RTE_DIM(bulk));
	pthread_barrier_wait(&barrier);
	for (i = 0; i < RTE_DIM(size); i++) {
		TEST_ASSERT(mine[i] == NULL || pattern_holds(mine[i], size[i], k));
		rte_fastmem_free(mine[i]);
	}
	rte_fastmem_cache_flush();
	return TEST_SUCCESS;
}

static int
without_memory_for_bookkeeping_threads_are_still_served(void)
{
	struct worker workers[N_THREADS];
	struct rte_fastmem_stats stats;
	unsigned int number[N_THREADS], i;
	void *ptr;

	/* Backing memory there is, and its descriptors. */
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(64 * MIB, SOCKET_ID_ANY), 0);
	refuse_named("fastmem_meta");
	pthread_barrier_init(&barrier, NULL, N_THREADS);
	for (i = 0; i < N_THREADS; i++) {
		number[i] = i;
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD,
			.run = work_without_bookkeeping, .arg = &number[i] };
	}
	TEST_CALL(workers_run(workers, N_THREADS));
	pthread_barrier_destroy(&barrier);
	TEST_ASSERT(refuse_refused() > 0, "there was memory for all");
	TEST_CALL(check_live(0));
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&stats), 0);
	TEST_ASSERT_EQUAL(stats.alloc_total, stats.free_total);
	TEST_ASSERT(stats.alloc_total > N_THREADS * 3);
	refuse_nothing();
	ptr = rte_fastmem_alloc(5000, 0, 0);
	TEST_ASSERT(ptr != NULL);
	rte_fastmem_free(ptr);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(init_refused_is_enomem_and_leaves_nothing),
	TEST_CASE(a_refused_growth_is_enomem_and_nothing_else),
	TEST_CASE(refusal_at_any_point_is_survived),
	TEST_CASE(large_chunks_refused_fall_back_to_smaller_ones),
	TEST_CASE(what_does_not_fit_a_small_chunk_fails_alone),
	TEST_CASE(reserve_refused_is_enomem),
	TEST_CASE_UNCHECKED(without_memory_for_bookkeeping_threads_are_still_served),
	TEST_CASES_END
};

const struct test_suite suite_growth = {
	.name = "growth",
	.about = "growth that EAL refuses",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
