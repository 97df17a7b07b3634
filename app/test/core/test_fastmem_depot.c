/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The depot's queue by itself: threads that take and put magazines far more
 * often than allocations would make them.
 */

#include <sched.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define THREADS 6
#define MAGAZINES 8
#define ROUNDS 100000

static struct fastmem_depot depot;
static struct fastmem_magazine *magazines[MAGAZINES];

/* Magazines of a thread cache that does not exist. */
static int
depot_fill(unsigned int n)
{
	unsigned int i;

	fastmem_depot_init(&depot);
	for (i = 0; i < n; i++) {
		magazines[i] = fastmem_magazine_get(&fastmem_ctl()->bins[1], 1, true);
		TEST_ASSERT(magazines[i] != NULL);
		magazines[i]->objs[0] = NULL;
	}
	return TEST_SUCCESS;
}

/* Each of them must be in the depot, or is in the caller's hands already. */
static int
depot_drain(unsigned int n)
{
	struct fastmem_magazine *m;
	unsigned int i, found = 0;

	while ((m = fastmem_depot_take(&depot, 1)) != NULL && found <= n)
		found++;
	TEST_ASSERT_EQUAL(found, n, "magazines in the depot");
	for (i = 0; i < n; i++)
		fastmem_magazine_put(magazines[i]);
	return TEST_SUCCESS;
}

static int
magazines_come_out_in_the_order_they_went_in(void)
{
	unsigned int i, round;

	TEST_CALL(depot_fill(MAGAZINES));
	for (i = 0; i < MAGAZINES; i++)
		TEST_ASSERT(fastmem_depot_put(&depot, magazines[i], 1, FASTMEM_DEPOT_SLOTS));
	/* More than once around. */
	for (round = 0; round < 3 * FASTMEM_DEPOT_SLOTS; round++) {
		for (i = 0; i < MAGAZINES; i++) {
			TEST_ASSERT(fastmem_depot_take(&depot, 2) == magazines[i]);
			TEST_ASSERT(fastmem_depot_put(&depot, magazines[i], 2,
				FASTMEM_DEPOT_SLOTS));
		}
	}
	return depot_drain(MAGAZINES);
}

static int
a_depot_holds_no_more_than_its_limit(void)
{
	unsigned int i;

	TEST_CALL(depot_fill(MAGAZINES));
	for (i = 0; i < 5; i++)
		TEST_ASSERT(fastmem_depot_put(&depot, magazines[i], 1, 5));
	TEST_ASSERT_EQUAL(fastmem_depot_count(&depot), 5);
	TEST_ASSERT(!fastmem_depot_put(&depot, magazines[5], 1, 5));
	TEST_ASSERT(fastmem_depot_take(&depot, 1) == magazines[0]);
	TEST_ASSERT(fastmem_depot_put(&depot, magazines[5], 1, 5));
	TEST_ASSERT(!fastmem_depot_put(&depot, magazines[6], 1, 5));
	for (i = 1; i < 6; i++)
		TEST_ASSERT(fastmem_depot_take(&depot, 1) == magazines[i]);
	TEST_ASSERT(fastmem_depot_take(&depot, 1) == NULL);
	for (i = 0; i < MAGAZINES; i++)
		fastmem_magazine_put(magazines[i]);
	return TEST_SUCCESS;
}

/* As threads leave them that stop, for a while or for good, before they have written them. */
static int
positions_that_are_set_back_lose_no_magazine(void)
{
	static const int back[][2] = {
		{ 0, 1 }, { 0, 3 }, { 1, 0 }, { 2, 0 }, { 2, 2 }, { 3, 7 }, { 7, 3 },
		{ FASTMEM_DEPOT_SLOTS, 0 }, { 0, FASTMEM_DEPOT_SLOTS }, { 200, 200 },
	};
	const unsigned int first = 4 * FASTMEM_DEPOT_SLOTS, n = MAGAZINES - 1;
	struct fastmem_magazine *m;
	unsigned int i, j, found;

	for (i = 0; i < RTE_DIM(back); i++) {
		TEST_CALL(depot_fill(MAGAZINES));
		depot.head = first;
		depot.tail = first;
		for (j = 0; j < n; j++)
			TEST_ASSERT(fastmem_depot_put(&depot, magazines[j], 1, FASTMEM_DEPOT_SLOTS));
		TEST_ASSERT(fastmem_depot_take(&depot, 1) == magazines[0]);
		depot.head -= back[i][0];
		depot.tail -= back[i][1];
		TEST_ASSERT_EQUAL(fastmem_depot_count(&depot), n - 1);
		TEST_ASSERT(fastmem_depot_put(&depot, magazines[n], 1, FASTMEM_DEPOT_SLOTS));
		TEST_ASSERT_EQUAL(fastmem_depot_count(&depot), n);
		for (found = 0; (m = fastmem_depot_take(&depot, 1)) != NULL; found++)
			/* In order, unless both were set back. */
			TEST_ASSERT((back[i][0] != 0 && back[i][1] != 0) ||
				m == magazines[found + 1], "%u: magazine %u", i, found);
		TEST_ASSERT_EQUAL(found, n, "%u: %u of %u", i, found, n);
		/* And all is well again. */
		for (j = 0; j < n; j++)
			TEST_ASSERT(fastmem_depot_put(&depot, magazines[j], 1, n));
		TEST_ASSERT(!fastmem_depot_put(&depot, magazines[n], 1, n));
		for (j = 0; j < n; j++)
			TEST_ASSERT(fastmem_depot_take(&depot, 1) == magazines[j], "%u", i);
		TEST_ASSERT(fastmem_depot_take(&depot, 1) == NULL);
		for (j = 0; j < MAGAZINES; j++)
			fastmem_magazine_put(magazines[j]);
	}
	return TEST_SUCCESS;
}

/* While a thread has a magazine, it is the only one: plain accesses will do. */
static int
take_and_put(void *arg)
{
	uint32_t me = *(unsigned int *)arg + 2;
	struct fastmem_magazine *m;
	unsigned int i, idle = 0;

	for (i = 0; i < ROUNDS; i++) {
		m = fastmem_depot_take(&depot, me);
		if (m == NULL) {
			idle++;
			sched_yield();
			continue;
		}
		TEST_ASSERT(m->objs[0] == NULL, "magazine %u is taken twice", m->id);
		m->objs[0] = m;
		if (i % 64 == 0)
			sched_yield();
		TEST_ASSERT(m->objs[0] == m, "magazine %u is taken twice", m->id);
		m->objs[0] = NULL;
		TEST_ASSERT(fastmem_depot_put(&depot, m, me, FASTMEM_DEPOT_SLOTS));
	}
	TEST_ASSERT(idle < ROUNDS, "there was never one");
	return TEST_SUCCESS;
}

static int
a_magazine_is_taken_by_one_thread_only(void)
{
	unsigned int i, n, numbers[THREADS];
	struct worker workers[THREADS];

	/* Few, so that threads want the same one; then many. */
	for (n = 1; n <= MAGAZINES; n *= 2) {
		TEST_CALL(depot_fill(n));
		for (i = 0; i < n; i++)
			TEST_ASSERT(fastmem_depot_put(&depot, magazines[i], 1,
				FASTMEM_DEPOT_SLOTS));
		for (i = 0; i < THREADS; i++) {
			numbers[i] = i;
			workers[i] = (struct worker){ .kind = WORKER_PTHREAD,
				.run = take_and_put, .arg = &numbers[i] };
		}
		TEST_CALL(workers_run(workers, THREADS));
		TEST_CALL(depot_drain(n));
	}
	return TEST_SUCCESS;
}

/* It would wait for that one's line, which its owners write. */
static int
a_magazine_is_found_without_a_look_at_another(void)
{
	struct fastmem_magazine *m, *first;
	unsigned int i, n = 0;
	uint32_t id;

	TEST_CALL(depot_fill(MAGAZINES));
	for (i = 0; i < MAGAZINES; i++) {
		m = magazines[i];
		id = m->id - (m->id - 1) % FASTMEM_MAGAZINES_PER_BLOCK;
		first = fastmem_magazine_by_id(id);
		TEST_ASSERT_EQUAL(first->id, id);
		if (first == m)
			continue;
		first->kind = !first->kind;
		n += fastmem_magazine_by_id(m->id) == m;
		first->kind = !first->kind;
	}
	TEST_ASSERT(n >= MAGAZINES - 1, "%u found", n);
	for (i = 0; i < MAGAZINES; i++)
		fastmem_magazine_put(magazines[i]);
	return TEST_SUCCESS;
}

/* As a process does that empties depots without memory for a thread cache, and dies. */
static int
what_a_dead_process_took_without_a_cache_goes_back(void)
{
	static void *ptrs[4096];
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_peer *peer = &ctl->peers[FASTMEM_MAX_PEERS - 1];
	struct fastmem_magazine *m;
	struct fastmem_bin *bin;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, RTE_DIM(ptrs), 256, 0, 0), 0);
	bin = &ctl->bins[rte_fastmem_bin_of(ptrs[0])];
	rte_fastmem_free_bulk(ptrs, RTE_DIM(ptrs));
	m = fastmem_depot_take(bin->full, FASTMEM_OWNER_PEER + FASTMEM_MAX_PEERS - 1);
	TEST_ASSERT(m != NULL && m->n > 0);

	peer->pid = 1;
	peer->state = FASTMEM_PEER_ATTACHED; /* and nobody holds its lock */
	fastmem_peers_take_back(ctl);
	TEST_ASSERT_EQUAL(peer->state, FASTMEM_PEER_GONE);
	TEST_ASSERT_EQUAL(m->n, 0);
	TEST_ASSERT_EQUAL(m->owner & FASTMEM_OWNER_MASK, FASTMEM_OWNER_UNUSED);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(magazines_come_out_in_the_order_they_went_in),
	TEST_CASE(a_depot_holds_no_more_than_its_limit),
	TEST_CASE(positions_that_are_set_back_lose_no_magazine),
	TEST_CASE(a_magazine_is_taken_by_one_thread_only),
	TEST_CASE(a_magazine_is_found_without_a_look_at_another),
	TEST_CASE_UNCHECKED(what_a_dead_process_took_without_a_cache_goes_back),
	TEST_CASES_END
};

const struct test_suite suite_depot = {
	.name = "depot",
	.about = "the lock-free queue of magazines by itself",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
