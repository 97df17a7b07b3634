/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Several sockets, of which some have no memory; and what EAL has refused. The machine may
 * have one socket only: a second one is made up, and a thread is told to be there.
 */

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define SIZE 192
#define MANY 4000

static void *ptrs[MANY];
static int (*eal_socket)(void);
static int socket_here;
static unsigned int min_us, max_us;

/* EAL is asked once, however slow the machine is: the time to ask again does not come. */
static void
remember_refusals(void)
{
	fastmem_refusal_min_us = UINT32_C(3600000000);
	fastmem_refusal_max_us = UINT32_C(3600000000);
}

static int
told_socket(void)
{
	return socket_here;
}

static int
absent_socket(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();

	return ctl->arenas[ctl->n_sockets - 1].socket_id;
}

static int
sockets_up(void)
{
	min_us = fastmem_refusal_min_us;
	max_us = fastmem_refusal_max_us;
	eal_socket = fastmem_socket_of_thread;
	fastmem_absent_sockets = 1;
	TEST_CALL(fastmem_up());
	socket_here = absent_socket();
	return TEST_SUCCESS;
}

static void
sockets_restore(void)
{
	fastmem_socket_of_thread = eal_socket;
	fastmem_absent_sockets = 0;
	fastmem_refusal_min_us = min_us;
	fastmem_refusal_max_us = max_us;
}

static int
sockets_down(void)
{
	sockets_restore();
	return fastmem_down();
}

static void
sockets_rescue(void)
{
	sockets_restore();
	fastmem_rescue();
}

/* The socket of an object. */
static int
socket_of(const void *obj)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();

	return ctl->arenas[ctl->bins[rte_fastmem_bin_of(obj)].socket].socket_id;
}

static int
a_thread_on_a_socket_without_memory_takes_that_of_another(void)
{
	unsigned int i, j;

	remember_refusals();
	refuse_socket(absent_socket());
	fastmem_socket_of_thread = told_socket;
	for (i = 0; i < 5; i++) {
		for (j = 0; j < MANY; j++) {
			ptrs[j] = rte_fastmem_alloc(SIZE, 0, 0);
			TEST_ASSERT(ptrs[j] != NULL);
			TEST_ASSERT(socket_of(ptrs[j]) != socket_here);
		}
		/* It is in the fast path's caches. */
		TEST_ASSERT_EQUAL(rte_fastmem_tls.socket_id, socket_of(ptrs[0]));
		for (j = 0; j < MANY; j++)
			rte_fastmem_free(ptrs[j]);
		rte_fastmem_cache_flush();
	}
	TEST_ASSERT(refuse_refused() > 0 && refuse_refused() < 30, "%u requests are refused",
		refuse_refused());
	TEST_ASSERT_EQUAL(stats_nomem(), 0);
	return TEST_SUCCESS;
}

/* No caches and depots there, which would be memory for what cannot come. */
static int
a_socket_without_memory_has_no_classes_of_its_own(void)
{
	const struct fastmem_arena *arena = &fastmem_ctl()->arenas[fastmem_ctl()->n_sockets - 1];
	void *bulk[100];
	unsigned int i;

	remember_refusals();
	refuse_socket(absent_socket());
	/* The other socket has enough free objects for what follows: nothing grows. */
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, MANY, SIZE, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs, MANY);
	rte_fastmem_cache_flush();
	fastmem_socket_of_thread = told_socket;
	for (i = 0; i < MANY / 2; i++) {
		ptrs[i] = rte_fastmem_alloc(SIZE, 0, 0);
		TEST_ASSERT(ptrs[i] != NULL);
	}
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(bulk, RTE_DIM(bulk), SIZE, 0, 0), 0);
	for (i = 0; i < FASTMEM_BINS_PER_SOCKET; i++)
		TEST_ASSERT(fastmem_ctl()->bins[arena->first_bin + i].full == NULL);
	rte_fastmem_free_bulk(ptrs, MANY / 2);
	rte_fastmem_free_bulk(bulk, RTE_DIM(bulk));
	return TEST_SUCCESS;
}

/* Objects of which no cache holds two, so that each allocation is a miss. */
#define LARGE ((size_t)1 << 20)
#define LESS ((size_t)700 << 10) /* another class */
#define AT_HOME 8 /* of the large ones, at most */
#define ELSEWHERE 8

static void *at_home[AT_HOME];
static void *elsewhere[ELSEWHERE];
static unsigned int n_home, n_elsewhere;

/*
 * The thread is on a socket that is at its limit, and all that it has is in use. The other one has
 * enough: where that would have to grow, the first one would be asked once more.
 */
static int
sockets_up_with_one_at_its_limit(void)
{
	remember_refusals();
	n_elsewhere = 0;
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(absent_socket(), 4 * LARGE), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(2 * ELSEWHERE * LARGE, rte_socket_id_by_idx(0)), 0);
	fastmem_socket_of_thread = told_socket;
	for (n_home = 0; n_home < AT_HOME; n_home++) {
		at_home[n_home] = rte_fastmem_alloc_socket(LARGE, 0, 0, absent_socket());
		if (at_home[n_home] == NULL)
			break;
	}
	TEST_ASSERT(n_home > 1 && n_home < AT_HOME, "%u objects", n_home);
	return TEST_SUCCESS;
}

static int
expect_elsewhere(size_t size)
{
	void *obj = rte_fastmem_alloc(size, 0, 0);

	TEST_ASSERT(obj != NULL && n_elsewhere < ELSEWHERE);
	elsewhere[n_elsewhere++] = obj;
	TEST_ASSERT(socket_of(obj) != socket_here);
	return TEST_SUCCESS;
}

/* What has come back serves the next call, and then there is nothing again. */
static int
expect_at_home(size_t size)
{
	void *obj = rte_fastmem_alloc(size, 0, 0);

	TEST_ASSERT(obj != NULL);
	TEST_ASSERT_EQUAL(socket_of(obj), socket_here);
	at_home[n_home++] = obj;
	return expect_elsewhere(size);
}

static int
free_all(void)
{
	rte_fastmem_free_bulk(elsewhere, n_elsewhere);
	rte_fastmem_free_bulk(at_home, n_home);
	return TEST_SUCCESS;
}

static int
what_comes_back_to_a_socket_that_had_nothing_is_taken_at_once(void)
{
	if (rte_eal_has_hugepages() != 0)
		return test_skip("only without huge pages, memory of an absent socket can be had");
	TEST_CALL(sockets_up_with_one_at_its_limit());
	TEST_CALL(expect_elsewhere(LARGE));
	/* To the thread's cache. */
	rte_fastmem_free(at_home[--n_home]);
	TEST_CALL(expect_at_home(LARGE));
	/* To the depot. */
	rte_fastmem_free(at_home[--n_home]);
	rte_fastmem_thread_idle();
	TEST_CALL(expect_at_home(LARGE));
	/* To its slab. */
	rte_fastmem_free(at_home[--n_home]);
	rte_fastmem_cache_flush();
	TEST_CALL(expect_at_home(LARGE));
	return free_all();
}

/* Memory of one size goes to another, by a call that fails and so has the arena drained. */
static int
what_other_sizes_give_back_is_found_before_a_call_fails(void)
{
	const struct fastmem_arena *arena = &fastmem_ctl()->arenas[0];
	unsigned int n = 0;
	void *other, *more;

	TEST_CALL(limit_in_all(2 * MIB));
	remember_refusals();
	other = rte_fastmem_alloc(4096, 0, 0);
	TEST_ASSERT(other != NULL);
	while (n < MANY && (ptrs[n] = rte_fastmem_alloc(32768, 0, 0)) != NULL)
		n++;
	TEST_ASSERT(n > 0 && n < MANY);
	rte_fastmem_free(other);
	rte_fastmem_cache_flush();
	TEST_ASSERT(rte_fastmem_alloc(1 << 20, 0, 0) == NULL);
	more = rte_fastmem_alloc(32768, 0, 0);
	TEST_ASSERT(more != NULL, "%" PRIu64 " granules are free", arena->n_free);
	rte_fastmem_free(more);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static int
a_socket_that_had_nothing_is_asked_again_after_a_while(void)
{
	if (rte_eal_has_hugepages() != 0)
		return test_skip("only without huge pages, memory of an absent socket can be had");
	TEST_CALL(sockets_up_with_one_at_its_limit());
	while (n_home < AT_HOME &&
			(at_home[n_home] = rte_fastmem_alloc_socket(LESS, 0, 0, socket_here)) != NULL)
		n_home++;
	fastmem_refusal_min_us = 0; /* which is over at once */
	TEST_CALL(expect_elsewhere(LESS));
	rte_fastmem_free(at_home[0]);
	rte_fastmem_cache_flush();
	at_home[0] = rte_fastmem_alloc(LESS, 0, 0);
	TEST_ASSERT(at_home[0] != NULL);
	TEST_ASSERT_EQUAL(socket_of(at_home[0]), socket_here);
	return free_all();
}

static int
what_another_socket_has_is_taken_before_growth(void)
{
	unsigned int i;

	/* Some 700 KiB of free objects elsewhere. */
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, MANY, SIZE, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs, MANY);
	rte_fastmem_cache_flush();
	fastmem_socket_of_thread = told_socket;
	refuse_all();
	for (i = 0; i < MANY; i++) {
		ptrs[i] = rte_fastmem_alloc(SIZE, 0, 0);
		TEST_ASSERT(ptrs[i] != NULL);
	}
	TEST_ASSERT_EQUAL(refuse_seen(), 0, "EAL was asked for memory");
	rte_fastmem_free_bulk(ptrs, MANY);
	return TEST_SUCCESS;
}

static int
a_thread_that_moves_takes_memory_of_its_new_socket(void)
{
	void *here, *there, *back;

	if (rte_eal_has_hugepages() != 0)
		return test_skip("only without huge pages, memory of an absent socket can be had");
	fastmem_socket_of_thread = told_socket;
	socket_here = (int)rte_socket_id_by_idx(0);
	here = rte_fastmem_alloc(1 << 20, 0, 0); /* no cache holds a second one */
	TEST_ASSERT(here != NULL && socket_of(here) == socket_here);
	socket_here = absent_socket();
	rte_fastmem_cache_flush();
	there = rte_fastmem_alloc(1 << 20, 0, 0);
	/* That socket has no memory yet, and the other has some left: both are right. */
	TEST_ASSERT(there != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(4 << 20, socket_here), 0);
	back = rte_fastmem_alloc(1 << 20, 0, 0);
	TEST_ASSERT(back != NULL && socket_of(back) == socket_here);
	TEST_ASSERT_EQUAL(rte_fastmem_tls.socket_id, socket_here);
	rte_fastmem_free(here);
	rte_fastmem_free(there);
	rte_fastmem_free(back);
	return TEST_SUCCESS;
}

/* Memory of another socket that nobody had reserved is part of a reservation on any. */
static int
what_another_socket_has_of_a_reservation_stays(void)
{
	const unsigned int n = 8;
	struct rte_fastmem_kept kept;

	if (rte_eal_has_hugepages() != 0)
		return test_skip("only without huge pages, memory of an absent socket can be had");
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs, n, MIB, 0, 0, absent_socket()), 0);
	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(n / 2 * MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_kept(&kept), 0);
	TEST_ASSERT_EQUAL(kept.bytes_reserved, n / 2 * MIB);
	/* The second call finds what was free all the time. */
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT(stats_backing() >= n / 2 * MIB, "%" PRIu64 " bytes", stats_backing());
	return TEST_SUCCESS;
}

static int
a_thread_without_a_socket_is_where_eal_has_memory(void)
{
	struct rte_malloc_socket_stats stats = { 0 };
	unsigned int i, n = rte_socket_count();
	void *obj;

	for (i = 0; i < n && stats.heap_totalsz_bytes == 0; i++)
		rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats);
	TEST_ASSERT(stats.heap_totalsz_bytes != 0);
	fastmem_socket_of_thread = told_socket;
	socket_here = SOCKET_ID_ANY;
	obj = rte_fastmem_alloc(SIZE, 0, 0);
	TEST_ASSERT(obj != NULL);
	TEST_ASSERT_EQUAL(socket_of(obj), rte_socket_id_by_idx(i - 1));
	rte_fastmem_free(obj);
	return TEST_SUCCESS;
}

/* Failing calls cost no request each. */
static int
what_is_refused_is_not_asked_for_again_at_once(void)
{
	unsigned int i, n;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 100, SIZE, 0, 0), 0);
	remember_refusals();
	refuse_all();
	n = 100 + fill_up(ptrs + 100, MANY - 100, 60000);
	TEST_ASSERT(n < MANY);
	for (i = 0; i < 1000; i++)
		TEST_ASSERT(rte_fastmem_alloc(60000, 0, 0) == NULL);
	/* By the first that fails, and for what it needs beside its memory. */
	TEST_ASSERT(refuse_seen() < 60, "%u requests", refuse_seen());
	TEST_ASSERT_EQUAL(stats_nomem(), 1001);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static int
a_refusal_ends_with_time(void)
{
	uint64_t end = rte_get_timer_cycles() + 30 * rte_get_timer_hz();
	void *obj;

	refuse_all();
	TEST_ASSERT(rte_fastmem_alloc(1 << 20, 0, 0) == NULL);
	TEST_ASSERT(rte_fastmem_alloc(1 << 20, 0, 0) == NULL);
	refuse_no_more();
	do {
		obj = rte_fastmem_alloc(1 << 20, 0, 0);
	} while (obj == NULL && rte_get_timer_cycles() < end);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	return TEST_SUCCESS;
}

static int
a_refusal_ends_when_memory_is_given_back(void)
{
	struct fastmem_arena *arena = &fastmem_ctl()->arenas[0];
	void *obj;

	obj = rte_fastmem_alloc(1 << 20, 0, 0);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	refuse_all();
	/* Far more than is there. */
	TEST_ASSERT_EQUAL(fastmem_arena_grow(arena, 2000, 1), -ENOMEM);
	TEST_ASSERT(fastmem_refusal_is_known(&arena->refusal));
	TEST_ASSERT(rte_fastmem_trim(0, SOCKET_ID_ANY) > 0);
	TEST_ASSERT(!fastmem_refusal_is_known(&arena->refusal));
	return TEST_SUCCESS;
}

/* Small objects get what comes, however often large ones are refused. */
static int
a_refusal_of_much_does_not_prolong_one_of_little(void)
{
	void *obj;

	/* So that only memory for objects is refused. */
	obj = rte_fastmem_alloc(64, 0, 0);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(fastmem_meta_stock(), 0);
	refuse_all();
	fastmem_refusal_min_us = 0;
	fastmem_refusal_max_us = 0;
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, MANY, SIZE, 0, 0), -ENOMEM);
	TEST_ASSERT(fastmem_refusal_is_known(&fastmem_ctl()->arenas[0].refusal));
	/* That one is over. */
	remember_refusals();
	TEST_ASSERT(rte_fastmem_alloc(1 << 20, 0, 0) == NULL);
	refuse_no_more();
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, MANY, SIZE, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs, MANY);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(a_thread_on_a_socket_without_memory_takes_that_of_another),
	TEST_CASE_UNCHECKED(a_socket_without_memory_has_no_classes_of_its_own),
	TEST_CASE_UNCHECKED(what_comes_back_to_a_socket_that_had_nothing_is_taken_at_once),
	TEST_CASE_UNCHECKED(what_other_sizes_give_back_is_found_before_a_call_fails),
	TEST_CASE_UNCHECKED(a_socket_that_had_nothing_is_asked_again_after_a_while),
	TEST_CASE_UNCHECKED(what_another_socket_has_is_taken_before_growth),
	TEST_CASE_UNCHECKED(a_thread_that_moves_takes_memory_of_its_new_socket),
	TEST_CASE_UNCHECKED(what_another_socket_has_of_a_reservation_stays),
	TEST_CASE_UNCHECKED(a_thread_without_a_socket_is_where_eal_has_memory),
	TEST_CASE_UNCHECKED(what_is_refused_is_not_asked_for_again_at_once),
	TEST_CASE_UNCHECKED(a_refusal_ends_with_time),
	TEST_CASE_UNCHECKED(a_refusal_ends_when_memory_is_given_back),
	TEST_CASE_UNCHECKED(a_refusal_of_much_does_not_prolong_one_of_little),
	TEST_CASES_END
};

const struct test_suite suite_sockets = {
	.name = "sockets",
	.about = "sockets with and without memory, and what EAL has refused",
	.setup = sockets_up,
	.teardown = sockets_down,
	.rescue = sockets_rescue,
	.cases = cases,
};
