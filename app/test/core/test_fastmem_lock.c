/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Locks in shared memory; and builds with assertions notice locks that are taken in another order
 * than that of fastmem_lock.h.
 */

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#ifndef RTE_FASTMEM_TSAN

#define PATIENCE_S 20

static pthread_mutex_t shared;
static uint32_t is_taken; /* atomic */

static void *
take_once(void *arg)
{
	fastmem_mutex_lock(&shared, FASTMEM_LOCK_META);
	fastmem_mutex_unlock(&shared);
	rte_atomic_store_explicit(&is_taken, 1, rte_memory_order_release);
	return arg;
}

/*
 * As when a process is killed that was woken up, after another thread has taken the lock: that
 * others wait is noted in the word no more.
 */
static int
a_wake_up_that_a_dead_process_had_is_not_missed(void)
{
	RTE_ATOMIC(int) *word = (RTE_ATOMIC(int) *)&shared.__data.__lock;
	uint64_t end = rte_get_timer_cycles() + PATIENCE_S * rte_get_timer_hz();
	pthread_t thread;
	bool in_time;

	fastmem_mutex_init(&shared);
	is_taken = 0;
	fastmem_mutex_lock(&shared, FASTMEM_LOCK_META);
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, take_once, NULL), 0);
	while ((rte_atomic_load_explicit(word, rte_memory_order_relaxed) & (int)FUTEX_WAITERS) == 0)
		sched_yield();
	rte_atomic_fetch_and_explicit(word, ~(int)FUTEX_WAITERS, rte_memory_order_relaxed);
	fastmem_mutex_unlock(&shared);
	while (rte_atomic_load_explicit(&is_taken, rte_memory_order_acquire) == 0 &&
			rte_get_timer_cycles() < end)
		sched_yield();
	in_time = rte_atomic_load_explicit(&is_taken, rte_memory_order_acquire) != 0;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	TEST_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	TEST_ASSERT(in_time, "it sleeps, and the lock is free");
	return TEST_SUCCESS;
}

#else

static int
a_wake_up_that_a_dead_process_had_is_not_missed(void)
{
	return test_skip("ThreadSanitizer knows nothing of robust locks with a time limit");
}

#endif

#ifdef RTE_ENABLE_ASSERT

static void (*stop)(const char *held, const char *taken); /* what the library does */
static __thread unsigned int n_found; /* by the calling thread */
static pthread_mutex_t locks[FASTMEM_LOCK_RANKS];

static void
count(const char *held, const char *taken)
{
	(void)held;
	(void)taken;
	n_found++;
}

static int
lock_up(void)
{
	unsigned int i;

	for (i = 0; i < FASTMEM_LOCK_RANKS; i++)
		fastmem_mutex_init(&locks[i]);
	TEST_CALL(fastmem_up());
	stop = fastmem_lock_misordered;
	fastmem_lock_misordered = count;
	n_found = 0;
	return TEST_SUCCESS;
}

static void
lock_rescue(void)
{
	fastmem_lock_misordered = stop;
	fastmem_rescue();
}

static int
lock_down(void)
{
	fastmem_lock_misordered = stop;
	return fastmem_down();
}

static int
locks_of_the_library_taken_the_wrong_way_round_are_found(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	fastmem_bin_lock(&ctl->bins[1]);
	fastmem_arena_lock(&ctl->arenas[0]);
	TEST_ASSERT_EQUAL(n_found, 0);
	fastmem_mutex_unlock(&ctl->bins[1].lock);
	fastmem_bin_lock(&ctl->bins[1]);
	TEST_ASSERT_EQUAL(n_found, 1);
	fastmem_mutex_unlock(&ctl->arenas[0].lock);
	fastmem_mutex_unlock(&ctl->bins[1].lock);
	fastmem_bin_lock(&ctl->bins[1]);
	TEST_ASSERT_EQUAL(n_found, 1);
	fastmem_mutex_unlock(&ctl->bins[1].lock);
	return TEST_SUCCESS;
}

static int
each_two_locks_have_one_order(void)
{
	unsigned int i, j;

	for (i = 0; i < FASTMEM_LOCK_RANKS; i++)
		for (j = 0; j < FASTMEM_LOCK_RANKS; j++) {
			pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

			n_found = 0;
			fastmem_mutex_lock(&locks[i], i);
			fastmem_local_lock(&other, j);
			fastmem_mutex_unlock(&locks[i]);
			fastmem_local_unlock(&other);
			TEST_ASSERT_EQUAL(n_found, i >= j, "lock %u after %u", j, i);
		}
	return TEST_SUCCESS;
}

static int
what_is_taken_under_a_lock_that_was_tried_comes_after_it(void)
{
	TEST_ASSERT(fastmem_local_trylock(&locks[FASTMEM_LOCK_BIN], FASTMEM_LOCK_BIN));
	TEST_ASSERT(fastmem_local_trylock(&locks[FASTMEM_LOCK_LIFE], FASTMEM_LOCK_LIFE));
	TEST_ASSERT_EQUAL(n_found, 0);
	fastmem_local_lock(&locks[FASTMEM_LOCK_THREADS], FASTMEM_LOCK_THREADS);
	TEST_ASSERT_EQUAL(n_found, 1);
	fastmem_local_unlock(&locks[FASTMEM_LOCK_THREADS]);
	fastmem_local_unlock(&locks[FASTMEM_LOCK_LIFE]);
	fastmem_local_unlock(&locks[FASTMEM_LOCK_BIN]);
	return TEST_SUCCESS;
}

static void *
end_with_a_lock(void *arg)
{
	(void)arg;
	fastmem_mutex_lock(&locks[FASTMEM_LOCK_META], FASTMEM_LOCK_META);
	return NULL;
}

static int
a_lock_of_a_dead_holder_is_taken_in_order_as_well(void)
{
	pthread_t thread;
	bool died;

	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, end_with_a_lock, NULL), 0);
	TEST_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	died = fastmem_mutex_lock(&locks[FASTMEM_LOCK_META], FASTMEM_LOCK_META);
	fastmem_mutex_repaired(&locks[FASTMEM_LOCK_META]);
	fastmem_mutex_lock(&locks[FASTMEM_LOCK_BIN], FASTMEM_LOCK_BIN);
	fastmem_mutex_unlock(&locks[FASTMEM_LOCK_BIN]);
	fastmem_mutex_unlock(&locks[FASTMEM_LOCK_META]);
	TEST_ASSERT(died);
	TEST_ASSERT_EQUAL(n_found, 1);
	return TEST_SUCCESS;
}

#else

#define NOT_IN_THIS_BUILD(name) \
	static int \
	name(void) \
	{ \
		return test_skip("the order of locks is checked in builds with assertions"); \
	}

NOT_IN_THIS_BUILD(locks_of_the_library_taken_the_wrong_way_round_are_found)
NOT_IN_THIS_BUILD(each_two_locks_have_one_order)
NOT_IN_THIS_BUILD(what_is_taken_under_a_lock_that_was_tried_comes_after_it)
NOT_IN_THIS_BUILD(a_lock_of_a_dead_holder_is_taken_in_order_as_well)

#endif

static const struct test_case cases[] = {
	TEST_CASE(a_wake_up_that_a_dead_process_had_is_not_missed),
	TEST_CASE(locks_of_the_library_taken_the_wrong_way_round_are_found),
	TEST_CASE(each_two_locks_have_one_order),
	TEST_CASE(what_is_taken_under_a_lock_that_was_tried_comes_after_it),
	TEST_CASE(a_lock_of_a_dead_holder_is_taken_in_order_as_well),
	TEST_CASES_END
};

const struct test_suite suite_lock = {
	.name = "lock",
	.about = "locks in shared memory, and the order of locks",
#ifdef RTE_ENABLE_ASSERT
	.setup = lock_up,
	.teardown = lock_down,
	.rescue = lock_rescue,
#endif
	.cases = cases,
};
