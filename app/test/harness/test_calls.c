/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What processes do when a test asks them to: see test_calls.h.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

static struct shared *shared;

int
shared_make(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve(SHARED_ZONE, sizeof(*shared),
			SOCKET_ID_ANY, 0);

	TEST_ASSERT(mz != NULL);
	shared = mz->addr;
	memset(shared, 0, sizeof(*shared));
	return TEST_SUCCESS;
}

void
shared_free(void)
{
	rte_memzone_free(rte_memzone_lookup(SHARED_ZONE));
	shared = NULL;
}

struct shared *
shared_get(void)
{
	const struct rte_memzone *mz;

	if (shared == NULL) {
		mz = rte_memzone_lookup(SHARED_ZONE);
		shared = mz != NULL ? mz->addr : NULL;
	}
	return shared;
}

/* Objects. */

static unsigned int
alloc_one_by_one(struct item *items, unsigned int n, size_t size, enum how how,
		unsigned int flags)
{
	rte_fastmem_handle_t handle = RTE_FASTMEM_HANDLE_INVALID;
	unsigned int i;

	if (how == HOW_HANDLE && rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle) != 0)
		return 0;
	for (i = 0; i < n; i++) {
		void *ptr = how == HOW_HANDLE ? rte_fastmem_halloc(handle, flags) :
			rte_fastmem_alloc(size, 0, flags);

		if (ptr == NULL)
			break;
		items[i].ptr = ptr;
	}
	return i;
}

static unsigned int
alloc_bulk(struct item *items, unsigned int n, size_t size, enum how how, unsigned int flags)
{
	rte_fastmem_handle_t handle = RTE_FASTMEM_HANDLE_INVALID;
	void **ptrs = calloc(n, sizeof(ptrs[0]));
	unsigned int i;
	int ret;

	if (ptrs == NULL)
		return 0;
	if (how == HOW_BULK) {
		ret = rte_fastmem_alloc_bulk(ptrs, n, size, 0, flags);
	} else {
		ret = rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle);
		if (ret == 0)
			ret = rte_fastmem_halloc_bulk(handle, ptrs, n, flags);
	}
	for (i = 0; ret == 0 && i < n; i++)
		items[i].ptr = ptrs[i];
	free(ptrs);
	return ret == 0 ? n : 0;
}

int64_t
call_alloc(const uint64_t *args)
{
	struct item *items = &shared_get()->items[args[0]];
	unsigned int i, got, n = args[1], flags = args[4];
	enum how how = args[3];
	size_t size = args[2];

	if (how == HOW_BULK || how == HOW_HANDLE_BULK)
		got = alloc_bulk(items, n, size, how, flags);
	else
		got = alloc_one_by_one(items, n, size, how, flags);
	for (i = 0; i < got; i++) {
		items[i].size = size;
		items[i].tag = (args[0] + i) * 2654435761u + size;
		pattern_fill(items[i].ptr, size, items[i].tag);
	}
	return got;
}

int64_t
call_check(const uint64_t *args)
{
	const struct item *items = &shared_get()->items[args[0]];
	unsigned int i, wrong = 0;

	for (i = 0; i < args[1]; i++)
		if (!pattern_holds(items[i].ptr, items[i].size, items[i].tag))
			wrong++;
	return wrong;
}

static void
free_bulk(const struct item *items, unsigned int n, enum how how, size_t size)
{
	rte_fastmem_handle_t handle = RTE_FASTMEM_HANDLE_INVALID;
	void *ptrs[64];
	unsigned int i, j;

	if (how == HOW_HANDLE_BULK)
		rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle);
	for (i = 0; i < n; i += j) {
		for (j = 0; j < RTE_DIM(ptrs) && i + j < n; j++)
			ptrs[j] = items[i + j].ptr;
		if (how == HOW_BULK)
			rte_fastmem_free_bulk(ptrs, j);
		else
			rte_fastmem_hfree_bulk(handle, ptrs, j);
	}
}

int64_t
call_free(const uint64_t *args)
{
	rte_fastmem_handle_t handle = RTE_FASTMEM_HANDLE_INVALID;
	struct item *items = &shared_get()->items[args[0]];
	unsigned int i, n = args[1];
	enum how how = args[2];
	size_t size = args[3];
	int64_t wrong = call_check(args);

	if (how == HOW_BULK || how == HOW_HANDLE_BULK) {
		free_bulk(items, n, how, size);
		return wrong;
	}
	if (how == HOW_HANDLE)
		rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle);
	for (i = 0; i < n; i++) {
		if (how == HOW_HANDLE)
			rte_fastmem_hfree(handle, items[i].ptr);
		else if (how == HOW_SIZED)
			rte_fastmem_free_sized(items[i].ptr, items[i].size, 0);
		else
			rte_fastmem_free(items[i].ptr);
	}
	return wrong;
}

int64_t
call_realloc(const uint64_t *args)
{
	struct item *items = &shared_get()->items[args[0]];
	unsigned int i;

	for (i = 0; i < args[1]; i++) {
		void *ptr;

		pattern_fill(items[i].ptr, RTE_MIN(items[i].size, args[2]), items[i].tag);
		ptr = rte_fastmem_realloc(items[i].ptr, args[2], 0);
		if (ptr == NULL)
			break;
		items[i].ptr = ptr;
		if (!pattern_holds(ptr, RTE_MIN(items[i].size, args[2]), items[i].tag))
			break;
		items[i].size = args[2];
		pattern_fill(ptr, args[2], items[i].tag);
	}
	return i;
}

int64_t
call_iova(const uint64_t *args)
{
	return rte_fastmem_virt2iova(shared_get()->items[args[0]].ptr);
}

int64_t
call_usable_size(const uint64_t *args)
{
	return rte_fastmem_usable_size(shared_get()->items[args[0]].ptr);
}

/* Administration and figures. */

int64_t
call_init(const uint64_t *args)
{
	RTE_SET_USED(args);
	return rte_fastmem_init();
}

int64_t
call_deinit(const uint64_t *args)
{
	RTE_SET_USED(args);
	rte_fastmem_deinit();
	return 0;
}

int64_t
call_maintain(const uint64_t *args)
{
	RTE_SET_USED(args);
	return rte_fastmem_maintain();
}

int64_t
call_reserve(const uint64_t *args)
{
	return rte_fastmem_reserve(args[0], SOCKET_ID_ANY);
}

int64_t
call_trim(const uint64_t *args)
{
	RTE_SET_USED(args);
	return rte_fastmem_trim(0, SOCKET_ID_ANY);
}

int64_t
call_flush(const uint64_t *args)
{
	RTE_SET_USED(args);
	rte_fastmem_cache_flush();
	return 0;
}

int64_t
call_errno(const uint64_t *args)
{
	RTE_SET_USED(args);
	return rte_errno;
}

int64_t
call_backing(const uint64_t *args)
{
	RTE_SET_USED(args);
	return stats_backing();
}

int64_t
call_metadata(const uint64_t *args)
{
	struct rte_fastmem_stats s;

	RTE_SET_USED(args);
	return rte_fastmem_stats(&s) == 0 ? (int64_t)s.bytes_metadata : REMOTE_FAILED;
}

int64_t
call_check_live(const uint64_t *args)
{
	return check_live(args[0]);
}

int64_t
call_log_begin(const uint64_t *args)
{
	RTE_SET_USED(args);
	log_begin();
	return 0;
}

int64_t
call_log_end(const uint64_t *args)
{
	static const char *const texts[LOG_TEXTS] = { "FASTMEM", "layout" };

	return log_end(texts[args[0]]);
}

/* Threads. */

#define MAX_THREADS 256
static struct worker workers[MAX_THREADS];
static unsigned int n_workers;

/* Counts what cannot be: what it was not given for another reason than that there is none. */
static int
hammer(void *arg)
{
	struct shared *s = shared_get();
	unsigned int i, n, impossible = 0;
	void *ptrs[40];
	struct rng rng;

	rng_init(&rng, (uintptr_t)arg);
	while (rte_atomic_load_explicit(&s->stop, rte_memory_order_acquire) == 0) {
		size_t size = 8 + rng_below(&rng, (uint64_t)16 << rng_below(&rng, 12));

		rte_errno = 0;
		for (n = 0; n < RTE_DIM(ptrs); n++) {
			ptrs[n] = rte_fastmem_alloc(size, 8, 0);
			if (ptrs[n] == NULL)
				break;
			memset(ptrs[n], n, 8);
		}
		if (n < RTE_DIM(ptrs) && rte_errno != ENODEV && rte_errno != ENOMEM)
			impossible++;
		for (i = 0; i < n; i++)
			rte_fastmem_free(ptrs[i]);
		rte_atomic_fetch_add_explicit(&s->n_rounds, 1, rte_memory_order_relaxed);
	}
	TEST_ASSERT_EQUAL(impossible, 0);
	return TEST_SUCCESS;
}

int64_t
call_hammer_begin(const uint64_t *args)
{
	unsigned int i;

	n_workers = args[0];
	for (i = 0; i < n_workers; i++)
		workers[i] = (struct worker){ .kind = args[1], .run = hammer,
			.arg = (void *)(uintptr_t)(i + 1) };
	return workers_start(workers, n_workers);
}

int64_t
call_hammer_end(const uint64_t *args)
{
	unsigned int n = n_workers;

	RTE_SET_USED(args);
	n_workers = 0;
	return workers_join(workers, n);
}

static pthread_barrier_t at_once;

static int
live_shortly(void *arg)
{
	size_t size = (size_t)16 << (uintptr_t)arg % 8;
	void *ptrs[50];
	unsigned int i;

	pthread_barrier_wait(&at_once);
	for (i = 0; i < RTE_DIM(ptrs); i++) {
		ptrs[i] = rte_fastmem_alloc(size, 8, 0);
		TEST_ASSERT(ptrs[i] != NULL);
		pattern_fill(ptrs[i], size, (uintptr_t)arg + i);
	}
	/* All have a cache now. */
	pthread_barrier_wait(&at_once);
	for (i = 0; i < RTE_DIM(ptrs); i++) {
		TEST_ASSERT(pattern_holds(ptrs[i], size, (uintptr_t)arg + i));
		rte_fastmem_free(ptrs[i]);
	}
	return TEST_SUCCESS;
}

int64_t
call_short_threads(const uint64_t *args)
{
	unsigned int n = args[0], round, i;
	int ret = TEST_SUCCESS;

	pthread_barrier_init(&at_once, NULL, n);
	for (round = 0; ret == TEST_SUCCESS && round < args[1]; round++) {
		for (i = 0; i < n; i++)
			workers[i] = (struct worker){ .kind = args[2], .run = live_shortly,
				.arg = (void *)(uintptr_t)(round + i) };
		ret = workers_run(workers, n);
	}
	pthread_barrier_destroy(&at_once);
	return ret;
}

static struct {
	size_t size;
	unsigned int n;
	bool idle, sleeps;
	pthread_barrier_t barrier;
	struct worker worker;
} sleeper;

static int
hoard_and_sleep(void *arg)
{
	void **ptrs = calloc(sleeper.n, sizeof(ptrs[0]));
	unsigned int i, got;

	RTE_SET_USED(arg);
	TEST_ASSERT(ptrs != NULL);
	got = fill_up(ptrs, sleeper.n, sleeper.size);
	for (i = 0; i < got; i++)
		rte_fastmem_free(ptrs[i]);
	free(ptrs);
	if (sleeper.idle)
		rte_fastmem_thread_idle();
	pthread_barrier_wait(&sleeper.barrier);
	pthread_barrier_wait(&sleeper.barrier);
	TEST_ASSERT_EQUAL(got, sleeper.n);
	return TEST_SUCCESS;
}

int64_t
call_sleeper_begin(const uint64_t *args)
{
	sleeper.n = args[0];
	sleeper.size = args[1];
	sleeper.idle = args[2] != 0;
	sleeper.worker = (struct worker){ .kind = WORKER_PTHREAD, .run = hoard_and_sleep };
	pthread_barrier_init(&sleeper.barrier, NULL, 2);
	TEST_CALL(workers_start(&sleeper.worker, 1));
	pthread_barrier_wait(&sleeper.barrier);
	sleeper.sleeps = true;
	return TEST_SUCCESS;
}

int64_t
call_sleeper_end(const uint64_t *args)
{
	RTE_SET_USED(args);
	if (!sleeper.sleeps)
		return TEST_SUCCESS;
	sleeper.sleeps = false;
	pthread_barrier_wait(&sleeper.barrier);
	TEST_CALL(workers_join(&sleeper.worker, 1));
	pthread_barrier_destroy(&sleeper.barrier);
	return TEST_SUCCESS;
}

#define PATIENCE_S 15 /* of whoever is held up: less than a process waits for an answer */

static uint32_t held_up; /* atomic */

static void
hold_up(void *arg)
{
	uint64_t end = rte_get_timer_cycles() + PATIENCE_S * rte_get_timer_hz();

	RTE_SET_USED(arg);
	while (rte_atomic_load_explicit(&held_up, rte_memory_order_acquire) != 0 &&
			rte_get_timer_cycles() < end)
		rte_delay_us_sleep(100);
	rte_atomic_store_explicit(&held_up, 0, rte_memory_order_release);
}

int
hold_up_begin(void)
{
	rte_atomic_store_explicit(&held_up, 1, rte_memory_order_release);
	TEST_ASSERT_EQUAL(rte_eal_alarm_set(1, hold_up, NULL), 0);
	return TEST_SUCCESS;
}

int
hold_up_await(unsigned int n)
{
	while (fastmem_mp_pending() < n) {
		TEST_ASSERT(rte_atomic_load_explicit(&held_up, rte_memory_order_acquire) != 0,
				"nobody asks");
		sched_yield();
	}
	return TEST_SUCCESS;
}

bool
hold_up_end(void)
{
	return rte_atomic_exchange_explicit(&held_up, 0, rte_memory_order_acq_rel) != 0;
}

const remote_t calls[] = {
	call_alloc, call_free, call_check, call_realloc, call_iova, call_usable_size,
	call_init, call_deinit, call_maintain, call_reserve, call_trim, call_flush,
	call_errno, call_backing, call_metadata, call_check_live, call_log_begin, call_log_end,
	call_hammer_begin, call_hammer_end, call_short_threads,
	call_sleeper_begin, call_sleeper_end, NULL
};
