/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Builds with assertions notice locks that are taken in another order than that of fastmem_lock.h.
 */

#include <pthread.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

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
	TEST_CASE(locks_of_the_library_taken_the_wrong_way_round_are_found),
	TEST_CASE(each_two_locks_have_one_order),
	TEST_CASE(what_is_taken_under_a_lock_that_was_tried_comes_after_it),
	TEST_CASE(a_lock_of_a_dead_holder_is_taken_in_order_as_well),
	TEST_CASES_END
};

const struct test_suite suite_lock = {
	.name = "lock",
	.about = "the order of locks",
#ifdef RTE_ENABLE_ASSERT
	.setup = lock_up,
	.teardown = lock_down,
	.rescue = lock_rescue,
#endif
	.cases = cases,
};
