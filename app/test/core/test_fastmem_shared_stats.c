/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Statistics of several threads: each figure is found with who caused it.
 */

#include <pthread.h>

#include <rte_lcore.h>

#include "test_fastmem.h"

#define N 500

struct job {
	unsigned int allocs, frees; /* this many of each */
	unsigned int lcore; /* out: the lcore id it ran with */
	void **ptrs;
};

/* Allocates and frees its objects; what it does not free is left in ptrs. */
static int
do_job(void *arg)
{
	struct job *job = arg;
	unsigned int i;

	job->lcore = rte_lcore_id();
	for (i = 0; i < job->allocs; i++) {
		job->ptrs[i] = rte_fastmem_alloc(500, 0, 0);
		TEST_ASSERT(job->ptrs[i] != NULL);
	}
	for (i = 0; i < job->frees; i++)
		rte_fastmem_free(job->ptrs[i]);
	return TEST_SUCCESS;
}

static int
check_lcore(unsigned int lcore, uint64_t allocs, uint64_t frees)
{
	struct rte_fastmem_lcore_class_stats lc;
	struct rte_fastmem_lcore_stats l;

	if (lcore == LCORE_ID_ANY) {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&l), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_stats_shared_class(512, &lc), 0);
	} else {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(lcore, &l), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(lcore, 512, &lc), 0);
	}
	TEST_ASSERT_EQUAL(l.alloc_cache_hits + l.alloc_cache_misses, allocs, "lcore %d",
		(int)lcore);
	TEST_ASSERT_EQUAL(l.free_cache_hits + l.free_cache_misses, frees, "lcore %d", (int)lcore);
	TEST_ASSERT_EQUAL(lc.class_size, 512);
	TEST_ASSERT_EQUAL(lc.alloc_cache_hits, l.alloc_cache_hits);
	TEST_ASSERT_EQUAL(lc.alloc_cache_misses, l.alloc_cache_misses);
	TEST_ASSERT_EQUAL(lc.free_cache_hits, l.free_cache_hits);
	TEST_ASSERT_EQUAL(lc.free_cache_misses, l.free_cache_misses);
	return TEST_SUCCESS;
}

static void *ptrs[4 * N];

static int
figures_are_with_the_thread_that_caused_them(void)
{
	struct job job = { .allocs = N, .frees = 100, .ptrs = ptrs };
	struct worker worker = { .kind = WORKER_REGISTERED, .run = do_job, .arg = &job };

	TEST_CALL(workers_run(&worker, 1));
	TEST_ASSERT(job.lcore != LCORE_ID_ANY && job.lcore != rte_lcore_id());
	/* The thread has ended, and what it did is still known. */
	TEST_CALL(check_lcore(job.lcore, N, 100));
	TEST_CALL(check_lcore(rte_lcore_id(), 0, 0));
	TEST_CALL(check_lcore(LCORE_ID_ANY, 0, 0));
	rte_fastmem_free_bulk(ptrs + 100, N - 100);
	TEST_CALL(check_lcore(job.lcore, N, 100));
	TEST_CALL(check_lcore(rte_lcore_id(), 0, N - 100));
	return TEST_SUCCESS;
}

static int
threads_without_an_lcore_id_share_their_figures(void)
{
	struct job jobs[3];
	struct worker workers[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		jobs[i] = (struct job){ .allocs = N, .frees = N - i, .ptrs = ptrs + i * N };
		workers[i] = (struct worker){ .kind = i == 0 ? WORKER_CONTROL : WORKER_PTHREAD,
			.run = do_job, .arg = &jobs[i] };
	}
	TEST_CALL(workers_run(workers, 3));
	TEST_CALL(check_lcore(LCORE_ID_ANY, 3 * N, 3 * N - 3));
	TEST_CALL(check_lcore(rte_lcore_id(), 0, 0));
	TEST_ASSERT_EQUAL(stats_live(), 3);
	rte_fastmem_free(jobs[1].ptrs[N - 1]);
	rte_fastmem_free(jobs[2].ptrs[N - 1]);
	rte_fastmem_free(jobs[2].ptrs[N - 2]);
	return TEST_SUCCESS;
}

static int
worker_lcores_have_figures_of_their_own(void)
{
	unsigned int i, n = RTE_MIN(workers_lcores(), 3u);
	struct worker workers[3];
	struct job jobs[3];

	if (n == 0)
		return test_skip("no lcore beside the main one");
	for (i = 0; i < n; i++) {
		jobs[i] = (struct job){ .allocs = N - i, .frees = N - i, .ptrs = ptrs + i * N };
		workers[i] = (struct worker){ .kind = WORKER_LCORE, .run = do_job,
			.arg = &jobs[i] };
	}
	TEST_CALL(workers_run(workers, n));
	for (i = 0; i < n; i++)
		TEST_CALL(check_lcore(jobs[i].lcore, N - i, N - i));
	TEST_CALL(check_lcore(rte_lcore_id(), 0, 0));
	TEST_CALL(check_lcore(LCORE_ID_ANY, 0, 0));
	rte_fastmem_stats_reset();
	for (i = 0; i < n; i++)
		TEST_CALL(check_lcore(jobs[i].lcore, 0, 0));
	return TEST_SUCCESS;
}

static int
the_totals_are_the_sum_over_all_threads(void)
{
	struct rte_fastmem_class_stats c;
	struct rte_fastmem_lcore_stats l;
	struct rte_fastmem_stats s;
	struct worker workers[4];
	struct job jobs[4];
	uint64_t allocs, frees;
	unsigned int i, id;

	for (i = 0; i < 4; i++) {
		jobs[i] = (struct job){ .allocs = N, .frees = N / (i + 1), .ptrs = ptrs + i * N };
		workers[i] = (struct worker){ .run = do_job, .arg = &jobs[i],
			.kind = i % 2 == 0 ? WORKER_PTHREAD : WORKER_REGISTERED };
	}
	TEST_CALL(workers_run(workers, 4));
	for (i = 0; i < 4; i++)
		rte_fastmem_free_bulk(ptrs + i * N + N / (i + 1), N - N / (i + 1));

	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&l), 0);
	allocs = l.alloc_cache_hits + l.alloc_cache_misses;
	frees = l.free_cache_hits + l.free_cache_misses;
	for (id = 0; id < RTE_MAX_LCORE; id++) {
		if (rte_fastmem_stats_lcore(id, &l) != 0)
			continue;
		allocs += l.alloc_cache_hits + l.alloc_cache_misses;
		frees += l.free_cache_hits + l.free_cache_misses;
	}
	TEST_ASSERT_EQUAL(allocs, 4 * N);
	TEST_ASSERT_EQUAL(frees, 4 * N);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.alloc_total, 4 * N);
	TEST_ASSERT_EQUAL(s.free_total, 4 * N);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(512, &c), 0);
	TEST_ASSERT_EQUAL(c.alloc_cache_hits + c.alloc_cache_misses, 4 * N);
	TEST_ASSERT_EQUAL(c.free_cache_hits + c.free_cache_misses, 4 * N);
	TEST_ASSERT_EQUAL(c.in_use, 0);
	return TEST_SUCCESS;
}

#define AT_ONCE 700 /* more than a magazine, so that magazines move */

static uint32_t stop;

static int
go_up_and_down(void *arg)
{
	static __thread void *mine[AT_ONCE];
	unsigned int i, ret = TEST_SUCCESS;

	RTE_SET_USED(arg);
	while (rte_atomic_load_explicit(&stop, rte_memory_order_acquire) == 0) {
		for (i = 0; i < AT_ONCE; i++) {
			mine[i] = rte_fastmem_alloc(64, 0, 0);
			if (mine[i] == NULL)
				ret = TEST_FAILED;
		}
		for (i = 0; i < AT_ONCE; i++)
			rte_fastmem_free(mine[i]);
	}
	return ret;
}

/* Read while they change, figures may be late, but not absurd. */
static int
figures_read_while_threads_run_are_possible_ones(void)
{
	struct worker workers[2] = {
		{ .kind = WORKER_PTHREAD, .run = go_up_and_down },
		{ .kind = workers_lcores() > 0 ? WORKER_LCORE : WORKER_PTHREAD,
			.run = go_up_and_down },
	};
	struct rte_fastmem_class_stats c;
	uint64_t last = 0, now = 0, most = 0;
	unsigned int i, backward = 0, absurd = 0;

	stop = 0;
	TEST_CALL(workers_start(workers, 2));
	/* Until there was something to see. */
	for (i = 0; i < 3000 || (now < 1000000 && i < 300000); i++) {
		if (rte_fastmem_stats_class(64, &c) != 0)
			break;
		now = c.alloc_cache_hits + c.alloc_cache_misses;
		backward += now < last;
		last = now;
		absurd += c.in_use > 2 * AT_ONCE + 1024; /* a torn read: a few magazines */
		absurd += c.alloc_cache_hits > UINT64_MAX / 2;
		absurd += c.free_cache_hits > UINT64_MAX / 2;
		most = RTE_MAX(most, c.in_use);
	}
	rte_atomic_store_explicit(&stop, 1, rte_memory_order_release);
	TEST_CALL(workers_join(workers, 2));
	TEST_ASSERT_EQUAL(backward, 0, "counters went backward");
	TEST_ASSERT_EQUAL(absurd, 0, "at most %" PRIu64 " in use", most);
	TEST_ASSERT(most > 0);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(64, &c), 0);
	TEST_ASSERT_EQUAL(c.alloc_cache_hits + c.alloc_cache_misses,
		c.free_cache_hits + c.free_cache_misses);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(figures_are_with_the_thread_that_caused_them),
	TEST_CASE_UNCHECKED(threads_without_an_lcore_id_share_their_figures),
	TEST_CASE_UNCHECKED(worker_lcores_have_figures_of_their_own),
	TEST_CASE_UNCHECKED(the_totals_are_the_sum_over_all_threads),
	TEST_CASE_UNCHECKED(figures_read_while_threads_run_are_possible_ones),
	TEST_CASES_END
};

const struct test_suite suite_shared_stats = {
	.name = "shared_stats",
	.about = "figures of several threads",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
