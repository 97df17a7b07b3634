/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * One in N objects is checked, with N as in production: the others take the fast path. The
 * timer decides which, so that cases go on until what they wait for has come, or a minute is over.
 */

#include <stdlib.h>

#include <rte_cycles.h>

#include "fastmem_private.h"
#include "test_debug.h"

#define SIZE 100 /* of a class of 128 bytes: to write to byte 100 harms nobody */
#define N 1000
#define PATIENCE_SECONDS 60

static int
sample_up(void)
{
	const struct rte_fastmem_conf conf = {
		.debug = RTE_FASTMEM_DEBUG_SAMPLE, .sample = N, .keep_running = true,
		.no_leaks = true,
	};

#ifdef __SANITIZE_THREAD__
	return test_skip("the fast path reads plainly what the timer writes");
#endif
	reports_take();
	return debug_init(&conf);
}

static uint64_t
patience_ends(void)
{
	return rte_rdtsc() + PATIENCE_SECONDS * rte_get_tsc_hz();
}

/* Sampled objects alone are as large as was asked for. */
static bool
is_sampled(const void *obj)
{
	return rte_fastmem_usable_size(obj) == SIZE;
}

/* A wrong use of object after object, of which one is sampled at some time. */
static int
until_found(void (*misuse)(char *obj), enum rte_fastmem_error error)
{
	uint64_t end = patience_ends(), n = 0;

	while (rte_rdtsc() < end && reports_of(error) == 0) {
		char *obj = rte_fastmem_alloc(SIZE, 0, 0);

		TEST_ASSERT(obj != NULL);
		misuse(obj);
		n++;
	}
	TEST_ASSERT_EQUAL(reports_of(error), 1, "of %" PRIu64 " objects", n);
	TEST_ASSERT(n >= N, "the first to be checked was number %" PRIu64, n);
	TEST_ASSERT_EQUAL(reports_take(), 1, "%s", report_seen.text);
	TEST_ASSERT(strstr(report_seen.text, "allocated ") != NULL, "%s", report_seen.text);
	return TEST_SUCCESS;
}

static void
write_behind(char *obj)
{
	spoil(obj + SIZE);
	rte_fastmem_free(obj);
}

static int
an_overrun_of_a_sampled_object_is_found(void)
{
	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	return until_found(write_behind, RTE_FASTMEM_ERROR_OVERFLOW);
}

static void
free_with_the_wrong_size(char *obj)
{
	bool sampled = is_sampled(obj);

	/* Of the same class, so that it is right for all others. */
	rte_fastmem_free_sized(obj, SIZE + 1, 0);
	if (sampled)
		rte_fastmem_free_sized(obj, SIZE, 0);
}

static int
a_wrong_size_of_a_sampled_object_is_found(void)
{
	return until_found(free_with_the_wrong_size, RTE_FASTMEM_ERROR_WRONG_SIZE);
}

/* An object that is sampled, however long it takes to get one. NULL: none has come. */
static void *
get_sampled(void)
{
	uint64_t end = patience_ends();

	while (rte_rdtsc() < end) {
		void *obj = rte_fastmem_alloc(SIZE, 0, 0);

		if (obj == NULL || is_sampled(obj))
			return obj;
		rte_fastmem_free(obj);
	}
	return NULL;
}

static int
a_double_free_of_a_sampled_object_is_found(void)
{
	void *obj = get_sampled();

	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	EXPECT_NO_REPORT();
	rte_fastmem_free(obj);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, SIZE, NULL);
	return check_live(0);
}

/* However it is freed, a sampled object is not taken for one of its class. */
static int
a_sampled_object_can_be_freed_in_each_way(void)
{
	rte_fastmem_handle_t handle;
	void *obj, *two[2];

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(SIZE, 0, SOCKET_ID_ANY, &handle), 0);
	TEST_ASSERT((obj = get_sampled()) != NULL);
	rte_fastmem_free_sized(obj, SIZE, 0);
	TEST_ASSERT((obj = get_sampled()) != NULL);
	rte_fastmem_hfree(handle, obj);
	TEST_ASSERT((two[0] = get_sampled()) != NULL);
	TEST_ASSERT((two[1] = rte_fastmem_alloc(SIZE, 0, 0)) != NULL);
	rte_fastmem_free_bulk(two, 2);
	TEST_ASSERT((two[1] = get_sampled()) != NULL);
	TEST_ASSERT((two[0] = rte_fastmem_alloc(SIZE, 0, 0)) != NULL);
	rte_fastmem_hfree_bulk(handle, two, 2);
	TEST_ASSERT((obj = get_sampled()) != NULL);
	memset(obj, 0x5a, SIZE);
	TEST_ASSERT((obj = rte_fastmem_realloc(obj, 3 * SIZE, 0)) != NULL);
	TEST_ASSERT_EQUAL(((char *)obj)[SIZE - 1], 0x5a);
	rte_fastmem_free(obj);
	EXPECT_NO_REPORT();
	return check_live(0);
}

#define BULK 8

/* One of a bulk is sampled at a time, and each place in it has its turn. */
static int
each_object_of_a_bulk_is_sampled_at_some_time(void)
{
	uint64_t end = patience_ends();
	unsigned int i, seen = 0;
	void *objs[BULK];

	while (rte_rdtsc() < end && seen != (1u << BULK) - 1) {
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(objs, BULK, SIZE, 0, 0), 0);
		for (i = 0; i < BULK; i++)
			seen |= (unsigned int)is_sampled(objs[i]) << i;
		rte_fastmem_free_bulk(objs, BULK);
	}
	TEST_ASSERT_EQUAL(seen, (1u << BULK) - 1);
	EXPECT_NO_REPORT();
	return check_live(0);
}

#define EVERY 10
#define BULKS 100
#define LARGE_BULK 32

static unsigned int
count_sampled(void **objs, unsigned int n)
{
	unsigned int i, n_sampled = 0;

	for (i = 0; i < n; i++)
		n_sampled += is_sampled(objs[i]);
	return n_sampled;
}

static int
one_of_each_n_objects_of_bulks_is_sampled(void)
{
	const struct rte_fastmem_conf conf = {
		.debug = RTE_FASTMEM_DEBUG_SAMPLE, .sample = EVERY, .no_leaks = true,
	};
	unsigned int i, n = 0, n_by_handle = 0;
	rte_fastmem_handle_t handle;
	void *objs[LARGE_BULK];

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(debug_init(&conf), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(SIZE, 0, SOCKET_ID_ANY, &handle), 0);
	for (i = 0; i < BULKS; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(objs, LARGE_BULK, SIZE, 0, 0), 0);
		n += count_sampled(objs, LARGE_BULK);
		rte_fastmem_free_bulk(objs, LARGE_BULK);
	}
	for (i = 0; i < BULKS; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(handle, objs, LARGE_BULK, 0), 0);
		n_by_handle += count_sampled(objs, LARGE_BULK);
		rte_fastmem_hfree_bulk(handle, objs, LARGE_BULK);
	}
	TEST_ASSERT_EQUAL(n, BULKS * LARGE_BULK / EVERY);
	TEST_ASSERT_EQUAL(n_by_handle, BULKS * LARGE_BULK / EVERY);
	EXPECT_NO_REPORT();
	return check_live(0);
}

/* How often each of two places that take turns was sampled. */
struct turns {
	unsigned int first, second;
};

static __rte_noinline bool
first_place(void)
{
	void *obj = rte_fastmem_alloc(SIZE, 0, 0);
	bool sampled = is_sampled(obj);

	rte_fastmem_free(obj);
	return sampled;
}

static __rte_noinline bool
second_place(void)
{
	void *obj = rte_fastmem_alloc(SIZE, 0, 0);
	bool sampled = is_sampled(obj);

	rte_fastmem_free(obj);
	return sampled;
}

static void
take_turns(struct turns *turns, unsigned int rounds)
{
	while (rounds-- > 0) {
		turns->first += first_place();
		turns->second += second_place();
	}
}

static int
check_turns(const struct turns *turns)
{
	TEST_ASSERT(turns->first <= 2 * turns->second && turns->second <= 2 * turns->first,
		"%u, %u", turns->first, turns->second);
	EXPECT_NO_REPORT();
	return check_live(0);
}

#define CHOICES 8 /* rounds until one of the allocations after a tick was drawn */
#define ENOUGH 400 /* with fair draws, one place has twice as many once in 10 ** 10 times */

/* Beginning with the same one after each tick, as after a pause. */
static int
places_that_take_turns_are_sampled_alike(void)
{
	struct turns turns = { 0 };
	uint64_t end = patience_ends();

	while (rte_rdtsc() < end && turns.first + turns.second < ENOUGH) {
		take_turns(&turns, N / 2);
		fastmem_threads_disarm();
		take_turns(&turns, 1);
	}
	TEST_ASSERT(turns.first + turns.second >= ENOUGH, "%u, %u", turns.first, turns.second);
	return check_turns(&turns);
}

#define SLOW_FREES 4096 /* enough for some that miss the cache */

/* Frees that came to the slow path before a tick do not end what begins with it. */
static int
frees_before_a_tick_favour_no_place(void)
{
	static void *objs[SLOW_FREES];
	struct turns turns = { 0 };
	uint64_t end = patience_ends();
	unsigned int i;

	while (rte_rdtsc() < end && turns.first + turns.second < ENOUGH) {
		for (i = 0; i < SLOW_FREES; i++)
			TEST_ASSERT((objs[i] = rte_fastmem_alloc(SIZE, 0, 0)) != NULL);
		for (i = 0; i < SLOW_FREES; i++)
			rte_fastmem_free(objs[i]);
		fastmem_threads_disarm();
		take_turns(&turns, CHOICES);
	}
	TEST_ASSERT(turns.first + turns.second >= ENOUGH, "%u, %u", turns.first, turns.second);
	return check_turns(&turns);
}

/* With an even N. */
static int
places_in_step_with_n_are_sampled_alike(void)
{
	const struct rte_fastmem_conf conf = {
		.debug = RTE_FASTMEM_DEBUG_SAMPLE, .sample = 100, .no_leaks = true,
	};
	struct turns turns = { 0 };

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(debug_init(&conf), 0);
	take_turns(&turns, 50 * ENOUGH);
	TEST_ASSERT_EQUAL(turns.first + turns.second, ENOUGH);
	return check_turns(&turns);
}

static int
others_take_the_fast_path(void)
{
	struct rte_fastmem_class_stats before, after;
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(128, &before), 0);
	for (i = 0; i < 1000000; i++)
		rte_fastmem_free(rte_fastmem_alloc(SIZE, 0, 0));
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(128, &after), 0);
	/* Far more than half of them, whatever else the machine does meanwhile. */
	TEST_ASSERT(after.alloc_cache_hits - before.alloc_cache_hits > 900000, "%" PRIu64,
		after.alloc_cache_hits - before.alloc_cache_hits);
	EXPECT_NO_REPORT();
	return check_live(0);
}

/* Threads that allocate, hand over, resize and free, while the timer takes their caches. */
#define RIGHT_OPERATIONS 200000
#define RIGHT_PLACES 64

static int
use_rightly(void *arg)
{
	rte_fastmem_handle_t handle;
	struct { char *obj; unsigned int size; bool by_handle; } held[RIGHT_PLACES] = { 0 };
	struct rng rng;
	unsigned int i;

	rng_init(&rng, (uintptr_t)arg);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(SIZE, 0, SOCKET_ID_ANY, &handle), 0);
	for (i = 0; i < RIGHT_OPERATIONS; i++) {
		unsigned int k = rng_below(&rng, RIGHT_PLACES), way = rng_below(&rng, 4);
		void *obj = held[k].obj;

		if (obj == NULL) {
			held[k].by_handle = way == 0;
			held[k].size = way == 0 ? SIZE : 1 + rng_below(&rng, 3000);
			held[k].obj = way == 0 ? rte_fastmem_halloc(handle, 0) :
				rte_fastmem_alloc(held[k].size, 0, 0);
			TEST_ASSERT(held[k].obj != NULL);
			memset(held[k].obj, k, held[k].size);
			continue;
		}
		TEST_ASSERT_EQUAL(held[k].obj[held[k].size - 1], k);
		held[k].obj = NULL;
		if (held[k].by_handle && way < 2)
			rte_fastmem_hfree(handle, obj);
		else if (way == 2)
			rte_fastmem_free_sized(obj, held[k].size, 0);
		else if (way == 3)
			rte_fastmem_free_bulk(&obj, 1);
		else
			rte_fastmem_free(obj);
	}
	for (i = 0; i < RIGHT_PLACES; i++)
		rte_fastmem_free(held[i].obj);
	return TEST_SUCCESS;
}

static int
right_use_by_many_threads_is_not_reported(void)
{
	struct worker workers[4] = { 0 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(workers); i++) {
		workers[i].kind = WORKER_PTHREAD;
		workers[i].run = use_rightly;
		workers[i].arg = (void *)(uintptr_t)i;
	}
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	EXPECT_NO_REPORT();
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(an_overrun_of_a_sampled_object_is_found),
	TEST_CASE(a_wrong_size_of_a_sampled_object_is_found),
	TEST_CASE(a_double_free_of_a_sampled_object_is_found),
	TEST_CASE(a_sampled_object_can_be_freed_in_each_way),
	TEST_CASE(each_object_of_a_bulk_is_sampled_at_some_time),
	TEST_CASE(one_of_each_n_objects_of_bulks_is_sampled),
	TEST_CASE(places_that_take_turns_are_sampled_alike),
	TEST_CASE(frees_before_a_tick_favour_no_place),
	TEST_CASE(places_in_step_with_n_are_sampled_alike),
	TEST_CASE(others_take_the_fast_path),
	TEST_CASE(right_use_by_many_threads_is_not_reported),
	TEST_CASES_END
};

const struct test_suite suite_debug_sample = {
	.name = "debug_sample",
	.about = "one in 1000 objects is checked, with RTE_FASTMEM_DEBUG_SAMPLE",
	.setup = sample_up,
	.teardown = debug_down,
	.rescue = debug_rescue,
	.cases = cases,
};
