/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The mempool driver: any process can make a mempool, and use that of another.
 */

#include "mempool_calls.h"
#include "test_calls.h"
#include "test_fastmem.h"
#include "test_mempools.h"

#define NAME "shared_mempool"

/* What processes do. Objects are known by their numbers in struct shared. */

/* n, size, cache. 0, or an errno. */
static int64_t
call_mempool_make(const uint64_t *args)
{
	rte_errno = 0;
	return mempool_make(NAME, args[0], args[1], args[2], 0) != NULL ? 0 :
		rte_errno != 0 ? -rte_errno : REMOTE_FAILED;
}

static int64_t
call_mempool_free(const uint64_t *args __rte_unused)
{
	struct rte_mempool *mp = rte_mempool_lookup(NAME);

	rte_mempool_free(mp);
	return mp != NULL ? 0 : -ENOENT;
}

/* first, n. Number of objects that could be had. */
static int64_t
call_mempool_get(const uint64_t *args)
{
	struct rte_mempool *mp = rte_mempool_lookup(NAME);
	struct item *items = &shared_get()->items[args[0]];
	unsigned int i;

	for (i = 0; mp != NULL && i < args[1]; i++) {
		if (mempool_get(mp, &items[i].ptr) != 0)
			break;
		items[i].size = mp->elt_size;
		items[i].tag = args[0] + i;
		pattern_fill(items[i].ptr, items[i].size, items[i].tag);
	}
	return i;
}

/* first, n. Number of objects that are not as they were left. */
static int64_t
call_mempool_put(const uint64_t *args)
{
	struct rte_mempool *mp = rte_mempool_lookup(NAME);
	const struct item *items = &shared_get()->items[args[0]];
	unsigned int i, wrong = 0;

	for (i = 0; i < args[1]; i++) {
		wrong += mp == NULL || rte_mempool_from_obj(items[i].ptr) != mp ||
			!pattern_holds(items[i].ptr, items[i].size, items[i].tag);
		if (mp != NULL)
			mempool_put(mp, items[i].ptr);
	}
	return wrong;
}

static int64_t
call_mempool_is_whole(const uint64_t *args __rte_unused)
{
	struct rte_mempool *mp = rte_mempool_lookup(NAME);

	return mp != NULL ? mempool_is_whole(mp) : -ENOENT;
}

const remote_t mempool_calls[] = {
	call_mempool_make,
	call_mempool_free,
	call_mempool_get,
	call_mempool_put,
	call_mempool_is_whole,
	NULL,
};

static struct process second;

static int
processes_up(void)
{
	TEST_CALL(shared_make());
	TEST_CALL(fastmem_up());
	return process_start(&second);
}

static int
processes_down(void)
{
	if (second.pid != 0)
		TEST_CALL(process_stop(&second));
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
processes_end(void)
{
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

#define N 1000

static int
objects_pass_both_ways(void)
{
	unsigned int cache, n;

	for (cache = 0; cache <= 64; cache += 64) {
		TEST_ASSERT_EQUAL(HERE(call_mempool_make, N, 200, cache), 0);
		TEST_ASSERT_EQUAL(HERE(call_mempool_get, 0, N / 2), N / 2);
		n = ASK(&second, call_mempool_get, N / 2, N);
		/* The mempool's own caches keep their objects. */
		TEST_ASSERT(n >= N / 2 - cache && n <= N / 2, "%u", n);
		TEST_ASSERT(cache != 0 || HERE(call_mempool_get, N, 1) == 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_mempool_put, 0, N / 2), 0);
		TEST_ASSERT_EQUAL(HERE(call_mempool_put, N / 2, n), 0);
		TEST_ASSERT_EQUAL(rte_mempool_avail_count(rte_mempool_lookup(NAME)), N);
		TEST_ASSERT_EQUAL(HERE(call_mempool_free, 0), 0);
	}
	return TEST_SUCCESS;
}

/* However many the other process's thread has put last. */
static int
no_process_keeps_free_objects_from_another(void)
{
	unsigned int round;

	TEST_ASSERT_EQUAL(HERE(call_mempool_make, N, 64, 0), 0);
	for (round = 0; round < 5; round++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_mempool_is_whole), TEST_SUCCESS);
		TEST_ASSERT_EQUAL(HERE(call_mempool_is_whole, 0), TEST_SUCCESS);
	}
	TEST_ASSERT_EQUAL(HERE(call_mempool_free, 0), 0);
	return TEST_SUCCESS;
}

/* Who has made it frees it: rte_mempool notes by the address of a function how that is done. */
static int
what_a_secondary_makes_the_primary_uses(void)
{
	unsigned int round;

	for (round = 0; round < 3; round++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_mempool_make, N, 300, 32), 0);
		TEST_ASSERT_EQUAL(HERE(call_mempool_is_whole, 0), TEST_SUCCESS);
		TEST_ASSERT_EQUAL(ASK(&second, call_mempool_get, 0, 10), 10);
		TEST_ASSERT_EQUAL(HERE(call_mempool_put, 0, 10), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_mempool_free), 0);
		TEST_ASSERT(rte_mempool_lookup(NAME) == NULL);
	}
	return TEST_SUCCESS;
}

static int
what_a_secondary_had_cached_when_it_ended_can_be_had(void)
{
	TEST_ASSERT_EQUAL(HERE(call_mempool_make, N, 300), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_mempool_is_whole), TEST_SUCCESS);
	TEST_CALL(process_stop(&second));
	TEST_ASSERT_EQUAL(HERE(call_mempool_is_whole, 0), TEST_SUCCESS);
	TEST_ASSERT_EQUAL(HERE(call_mempool_free, 0), 0);
	return TEST_SUCCESS;
}

/* What it had in its caches; of what it had in use, nobody knows that it is not any more. */
static int
what_a_killed_secondary_had_cached_can_be_had(void)
{
	TEST_ASSERT_EQUAL(HERE(call_mempool_make, N, 300), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_mempool_is_whole), TEST_SUCCESS);
	TEST_CALL(process_kill(&second));
	TEST_ASSERT_EQUAL(HERE(call_mempool_is_whole, 0), TEST_SUCCESS);
	TEST_ASSERT_EQUAL(HERE(call_mempool_free, 0), 0);
	return TEST_SUCCESS;
}

static int
a_secondary_cannot_start_fastmem_and_says_so(void)
{
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(ASK(&second, call_log_begin), 0);
	TEST_ASSERT(ASK(&second, call_mempool_make, N, 64) < 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_ANY) > 0, 1);
	TEST_ASSERT(rte_mempool_lookup(NAME) == NULL);
	/* The primary's first mempool does. */
	TEST_ASSERT_EQUAL(HERE(call_mempool_make, N, 64), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_mempool_is_whole), TEST_SUCCESS);
	TEST_ASSERT_EQUAL(HERE(call_mempool_free, 0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_mempool_make, N, 64), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_mempool_free), 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(objects_pass_both_ways),
	TEST_CASE(no_process_keeps_free_objects_from_another),
	TEST_CASE(what_a_secondary_makes_the_primary_uses),
	TEST_CASE(what_a_secondary_had_cached_when_it_ended_can_be_had),
	TEST_CASE(what_a_killed_secondary_had_cached_can_be_had),
	TEST_CASE(a_secondary_cannot_start_fastmem_and_says_so),
	TEST_CASES_END,
};

const struct test_suite suite_mempool_processes = {
	.name = "mempool_processes",
	.about = "such mempools in several processes",
	.setup = processes_up,
	.teardown = processes_down,
	.rescue = processes_end,
	.cases = cases,
	.with_secondaries = true,
};
