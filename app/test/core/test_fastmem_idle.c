/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Threads that sleep, that come and go, and that are robbed of what they have
 * cached: all in one process, where ThreadSanitizer sees them. Other processes
 * are in test_fastmem_reclaim.c.
 */

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>

#include <rte_fastmem_pool.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define LIMIT (8 * MIB)
#define SIZE ((size_t)4096)
#define MANY (unsigned int)(2 * LIMIT / SIZE)
#define MAGAZINE FASTMEM_MAGAZINE_LARGE_CAPACITY

static void *ptrs[MANY];

static int
idle_up(void)
{
	TEST_CALL(shared_make());
	return fastmem_up();
}

static int
idle_down(void)
{
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
idle_end(void)
{
	rte_atomic_store_explicit(&shared_get()->stop, 1, rte_memory_order_release);
	call_sleeper_end(NULL);
	call_hammer_end(NULL);
	fastmem_rescue();
	shared_free();
}

static int
all_memory_is_limited(void)
{
	TEST_CALL(limit_in_all(LIMIT));
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT, SOCKET_ID_ANY), 0);
	return TEST_SUCCESS;
}

static unsigned int
count_available(void)
{
	unsigned int n = fill_up(ptrs, MANY, SIZE);

	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_cache_flush();
	return n;
}

/* It has used all memory, and given it back: now its spare magazine is full. */
static int
a_sleeping_thread_keeps_its_loaded_magazine_at_most(void)
{
	unsigned int all, n;

	TEST_CALL(all_memory_is_limited());
	all = count_available();
	TEST_ASSERT(all > 4 * MAGAZINE);
	TEST_CALL(HERE(call_sleeper_begin, all, SIZE, false));
	n = count_available();
	TEST_ASSERT(n >= all - MAGAZINE && n < all, "%u of %u", n, all);
	TEST_CALL(HERE(call_sleeper_end, 0));
	TEST_ASSERT_EQUAL(count_available(), all, "the thread has left it all");
	return TEST_SUCCESS;
}

static uint64_t
cached_by_others(void)
{
	struct rte_fastmem_thread list[64];
	unsigned int i, n = RTE_MIN(rte_fastmem_threads(list, RTE_DIM(list)), RTE_DIM(list));
	uint64_t sum = 0;

	for (i = 0; i < n; i++)
		if (list[i].tid != (uint32_t)rte_gettid())
			sum += list[i].bytes_cached;
	return sum;
}

/* The dump says the same, with the thread and the process that cache something. */
static int
check_dump(const struct rte_fastmem_kept *kept)
{
	struct rte_fastmem_thread list[64];
	unsigned int i, n = RTE_MIN(rte_fastmem_threads(list, RTE_DIM(list)), RTE_DIM(list));
	char *text = NULL, line[200];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	TEST_ASSERT(f != NULL);
	rte_fastmem_dump(f);
	fclose(f);
	snprintf(line, sizeof(line), "kept: %" PRIu64 " KiB live, %" PRIu64 " KiB cached by threads, %"
		PRIu64 " KiB by pools (%" PRIu64 " by their minima)", kept->bytes_live >> 10,
		kept->bytes_cached >> 10, kept->bytes_pools >> 10, kept->bytes_pools_min >> 10);
	TEST_ASSERT(strstr(text, line) != NULL, "no '%s' in:\n%s", line, text);
	for (i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "thread %u of process %u, lcore %d: %" PRIu64 " KiB cached",
			list[i].tid, list[i].pid, list[i].lcore_id, list[i].bytes_cached >> 10);
		TEST_ASSERT(list[i].bytes_cached == 0 || strstr(text, line) != NULL,
			"no '%s' in:\n%s", line, text);
	}
	free(text);
	return TEST_SUCCESS;
}

static int
it_is_told_what_keeps_memory(void)
{
	struct rte_fastmem_pool_params params = { .name = "kept", .size = 1000, .min = 3000,
		.socket_id = rte_socket_id_by_idx(0) };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	struct rte_fastmem_kept kept;
	unsigned int i, n = 3000;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, SIZE, 0, 0), 0);
	TEST_CALL(HERE(call_sleeper_begin, 100, SIZE, false));
	rte_fastmem_free_bulk(ptrs, n - 5);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(rte_fastmem_kept(&kept), 0);
	TEST_ASSERT_EQUAL(kept.bytes_live, 5 * SIZE);
	TEST_ASSERT(kept.bytes_cached > 0);
	TEST_ASSERT_EQUAL(kept.bytes_cached, cached_by_others());
	TEST_ASSERT(kept.bytes_pools_min >= 3000 * 1000 &&
		kept.bytes_pools >= kept.bytes_pools_min);
	TEST_ASSERT_EQUAL(kept.bytes_backing, stats_backing());
	TEST_ASSERT_EQUAL(kept.bytes_backing, kept.bytes_live + kept.bytes_cached +
		kept.bytes_pools + kept.bytes_around + kept.bytes_empty);
	TEST_ASSERT_EQUAL(kept.n_chunks, zones_chunks());
	TEST_CALL(check_dump(&kept));
	TEST_CALL(HERE(call_sleeper_end, 0));
	rte_fastmem_pool_free(pool);
	for (i = n - 5; i < n; i++)
		rte_fastmem_free(ptrs[i]);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(4 * MIB, SOCKET_ID_ANY), 0);
	rte_fastmem_trim(4 * MIB, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(rte_fastmem_kept(&kept), 0);
	TEST_ASSERT_EQUAL(kept.bytes_live + kept.bytes_cached + kept.bytes_pools, 0);
	TEST_ASSERT(kept.bytes_empty >= 4 * MIB);
	TEST_ASSERT_EQUAL(kept.bytes_reserved, 4 * MIB);
	return TEST_SUCCESS;
}

/* Threads that free what another one has allocated, and wait then. */
#define N_WAITING 400
#define WAITING_BATCH 32
#define WAITING_SIZES 4

static struct {
	void *objs[WAITING_SIZES * WAITING_BATCH]; /* of the thread whose turn it is */
	unsigned int n_objs; /* 0: the thread ends */
	sem_t turns[N_WAITING]; /* wakes one thread only */
	sem_t done;
} waiting;

static void
sem_wait_uninterrupted(sem_t *sem)
{
	while (sem_wait(sem) != 0 && errno == EINTR)
		;
}

static void *
free_and_wait(void *arg)
{
	sem_t *turn = arg;

	for (;;) {
		sem_wait_uninterrupted(turn);
		if (waiting.n_objs == 0)
			return NULL;
		rte_fastmem_free_bulk(waiting.objs, waiting.n_objs);
		sem_post(&waiting.done);
	}
}

/* Each thread in turn frees a batch of each size. */
static int
feed_all(unsigned int n, const size_t *sizes, unsigned int n_sizes)
{
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < n_sizes; j++)
			TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(&waiting.objs[j * WAITING_BATCH],
				WAITING_BATCH, sizes[j], 0, 0), 0);
		waiting.n_objs = n_sizes * WAITING_BATCH;
		sem_post(&waiting.turns[i]);
		sem_wait_uninterrupted(&waiting.done);
	}
	return TEST_SUCCESS;
}

/* Nothing counts twice: what was taken from a thread's cache is no longer in it. */
static int
check_kept(const struct rte_fastmem_kept *kept)
{
	TEST_ASSERT(kept->bytes_cached > 0);
	TEST_ASSERT_EQUAL(kept->bytes_backing, kept->bytes_live + kept->bytes_cached +
		kept->bytes_pools + kept->bytes_around + kept->bytes_empty);
	TEST_ASSERT_EQUAL(kept->bytes_backing, stats_backing());
	return TEST_SUCCESS;
}

static int
waiting_threads_keep(const size_t *sizes, unsigned int n_sizes, struct rte_fastmem_kept *kept)
{
	pthread_t threads[N_WAITING];
	unsigned int n, round, i;
	int ret = TEST_SUCCESS;

	sem_init(&waiting.done, 0, 0);
	for (n = 0; n < N_WAITING; n++) {
		sem_init(&waiting.turns[n], 0, 0);
		if (pthread_create(&threads[n], NULL, free_and_wait, &waiting.turns[n]) != 0)
			break;
	}
	for (round = 0; round < 3 && ret == TEST_SUCCESS; round++)
		ret = feed_all(n, sizes, n_sizes);
	rte_fastmem_maintain();
	rte_fastmem_maintain();
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	rte_fastmem_kept(kept);
	ret = ret == TEST_SUCCESS ? check_kept(kept) : ret;
	waiting.n_objs = 0;
	for (i = 0; i < n; i++)
		sem_post(&waiting.turns[i]);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	TEST_ASSERT_EQUAL(n, N_WAITING);
	return ret;
}

static int
hundreds_of_waiting_threads_keep_little(void)
{
	static const size_t large[] = { 32 * KIB };
	static const size_t small[WAITING_SIZES] = { 64, 256, 1024, 4096 };
	struct rte_fastmem_kept kept;

	TEST_CALL(waiting_threads_keep(large, 1, &kept));
	TEST_ASSERT(kept.bytes_backing <= 16 * MIB, "%" PRIu64 " KiB of 32 KiB",
		kept.bytes_backing >> 10);
	TEST_CALL(check_live(0));
	TEST_CALL(waiting_threads_keep(small, RTE_DIM(small), &kept));
	TEST_ASSERT(kept.bytes_backing <= 16 * MIB, "%" PRIu64 " KiB of small ones",
		kept.bytes_backing >> 10);
	return check_live(0);
}

static int
an_idle_thread_keeps_nothing(void)
{
	unsigned int all;

	TEST_CALL(all_memory_is_limited());
	all = count_available();
	TEST_CALL(HERE(call_sleeper_begin, all, SIZE, true));
	TEST_ASSERT_EQUAL(count_available(), all);
	return HERE(call_sleeper_end, 0);
}

/* More threads than CPUs, of which one takes all it can get, wherever it is. */
static int
threads_that_are_robbed_lose_nothing(void)
{
	struct shared *s = shared_get();
	unsigned int i, n, theft = 0;

	TEST_CALL(all_memory_is_limited());
	TEST_ASSERT_EQUAL(HERE(call_hammer_begin, 5, WORKER_PTHREAD), 0);
	for (i = 0; i < 300 || rte_atomic_load_explicit(&s->n_rounds, rte_memory_order_relaxed) <
			5000; i++) {
		n = fill_up(ptrs, MANY, 100 + i % 7 * 3000);
		theft += n < MANY;
		rte_fastmem_free_bulk(ptrs, n);
		if (i % 3 == 0)
			rte_fastmem_trim(LIMIT / 2, SOCKET_ID_ANY);
		if (i % 5 == 0)
			rte_fastmem_thread_idle();
	}
	rte_atomic_store_explicit(&s->stop, 1, rte_memory_order_release);
	TEST_ASSERT_EQUAL(HERE(call_hammer_end, 0), 0);
	TEST_ASSERT(theft > 0, "memory was never scarce");
	TEST_CALL(check_magazines());
	return check_live(0);
}

static int
run_short_threads(void)
{
	TEST_ASSERT_EQUAL(HERE(call_short_threads, 1, 1000, WORKER_PTHREAD), 0);
	TEST_ASSERT_EQUAL(HERE(call_short_threads, 256, 3, WORKER_PTHREAD), 0);
	return TEST_SUCCESS;
}

static int
many_threads_at_once_leave_nothing_behind(void)
{
	TEST_CALL(check_metadata_stays(run_short_threads, 1000 + 3 * 256));
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(stats_backing(), 0, "objects are still cached");
	return check_live(0);
}

/* It is noticed when the thread leaves the fast path: until then, its old caches serve. */
static int
register_late(void *arg)
{
	void *before[50], *within[50], *after[50];
	unsigned int i;

	RTE_SET_USED(arg);
	for (i = 0; i < RTE_DIM(before); i++)
		TEST_ASSERT((before[i] = rte_fastmem_alloc(300, 0, 0)) != NULL);
	TEST_ASSERT_EQUAL(rte_thread_register(), 0);
	for (i = 0; i < RTE_DIM(within); i++)
		TEST_ASSERT((within[i] = rte_fastmem_alloc(300, 0, 0)) != NULL);
	rte_fastmem_free_bulk(before, RTE_DIM(before));
	rte_thread_unregister();
	for (i = 0; i < RTE_DIM(after); i++)
		TEST_ASSERT((after[i] = rte_fastmem_alloc(300, 0, 0)) != NULL);
	rte_fastmem_free_bulk(within, RTE_DIM(within));
	rte_fastmem_free_bulk(after, RTE_DIM(after));
	return TEST_SUCCESS;
}

static int
a_thread_may_register_after_its_first_call(void)
{
	struct worker worker = { .kind = WORKER_PTHREAD, .run = register_late };
	uint64_t shared, by_lcores = 0;
	struct rte_fastmem_lcore_stats l;
	struct rte_fastmem_stats s;
	unsigned int i;

	for (i = 0; i < 5; i++)
		TEST_CALL(workers_run(&worker, 1));
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.alloc_total, 5 * 150);
	TEST_ASSERT_EQUAL(s.free_total, 5 * 150);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&l), 0);
	shared = l.alloc_cache_hits + l.alloc_cache_misses;
	for (i = 0; i < RTE_MAX_LCORE; i++)
		if (rte_fastmem_stats_lcore(i, &l) == 0)
			by_lcores += l.alloc_cache_hits + l.alloc_cache_misses;
	TEST_ASSERT_EQUAL(shared + by_lcores, 5 * 150);
	TEST_ASSERT(shared >= 5 * 50 && by_lcores > 0, "%" PRIu64 " shared", shared);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(a_sleeping_thread_keeps_its_loaded_magazine_at_most),
	TEST_CASE_UNCHECKED(it_is_told_what_keeps_memory),
	TEST_CASE_UNCHECKED(hundreds_of_waiting_threads_keep_little),
	TEST_CASE_UNCHECKED(an_idle_thread_keeps_nothing),
	TEST_CASE(threads_that_are_robbed_lose_nothing),
	TEST_CASE(many_threads_at_once_leave_nothing_behind),
	TEST_CASE(a_thread_may_register_after_its_first_call),
	TEST_CASES_END
};

const struct test_suite suite_idle = {
	.name = "idle",
	.about = "threads that sleep, and whose caches others need",
	.setup = idle_up,
	.teardown = idle_down,
	.rescue = idle_end,
	.cases = cases,
};
