/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What idle threads, of this process and of others, have cached is not lost to
 * those who need it.
 */

#include <rte_cycles.h>

#include "fastmem_failure.h"
#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define LIMIT (8 * MIB)
#define SIZE ((size_t)4096)
#define N (unsigned int)(LIMIT / SIZE)
#define MANY (2 * N) /* more than there are: EAL gives whole pages */
#define MAGAZINE FASTMEM_MAGAZINE_LARGE_CAPACITY

static struct process second;
static void *ptrs[MANY];
static unsigned int min_us, max_us; /* of refusals */

static int
reclaim_up(void)
{
	min_us = fastmem_refusal_min_us;
	max_us = fastmem_refusal_max_us;
	TEST_CALL(shared_make());
	TEST_CALL(fastmem_up());
	TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT, SOCKET_ID_ANY), 0);
	return rte_fastmem_set_limit(SOCKET_ID_ANY, LIMIT);
}

/* What has failed is tried again after a time: in this one, nothing is. */
static void
refuse_for_long(void)
{
	fastmem_refusal_min_us = UINT32_C(3600000000);
	fastmem_refusal_max_us = UINT32_C(3600000000);
}

static void
refuse_as_usual(void)
{
	fastmem_refusal_min_us = min_us;
	fastmem_refusal_max_us = max_us;
}

static int
reclaim_down(void)
{
	refuse_as_usual();
	if (second.pid != 0)
		TEST_CALL(process_stop(&second));
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
reclaim_end(void)
{
	struct shared *s = shared_get();

	refuse_as_usual();
	rte_atomic_store_explicit(&s->stop, 1, rte_memory_order_release);
	call_sleeper_end(NULL);
	call_hammer_end(NULL);
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

/* How many objects can be had? They are given back to the slabs. */
static unsigned int
count_available(size_t size)
{
	unsigned int n = fill_up(ptrs, MANY, size);

	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_cache_flush();
	return n;
}

/*
 * A thread that has used all memory, and given it back, has a full spare
 * magazine and something in the loaded one: the latter is its own.
 */
static int
check_hoard_is_found(unsigned int all, bool idle)
{
	unsigned int n = count_available(SIZE);

	if (idle)
		TEST_ASSERT_EQUAL(n, all);
	else
		TEST_ASSERT(n >= all - MAGAZINE && n < all, "%u of %u", n, all);
	return TEST_SUCCESS;
}

static int
spare_magazines_of_sleeping_threads_serve_others(void)
{
	unsigned int all = count_available(SIZE), idle;

	TEST_ASSERT(all > 4 * MAGAZINE);
	for (idle = 0; idle < 2; idle++) {
		TEST_CALL(HERE(call_sleeper_begin, all, SIZE, idle));
		TEST_CALL(check_hoard_is_found(all, idle));
		TEST_CALL(HERE(call_sleeper_end, 0));
		TEST_ASSERT_EQUAL(count_available(SIZE), all, "the thread has left it all");
	}
	return TEST_SUCCESS;
}

static int
spare_magazines_of_other_processes_serve_as_well(void)
{
	unsigned int all = count_available(SIZE), idle, n;

	for (idle = 0; idle < 2; idle++) {
		TEST_CALL(ASK(&second, call_sleeper_begin, all, SIZE, idle));
		TEST_CALL(check_hoard_is_found(all, idle));
		TEST_CALL(ASK(&second, call_sleeper_end));
		/* The other way round: what is here serves there. */
		TEST_CALL(HERE(call_sleeper_begin, all, SIZE, idle));
		n = ASK(&second, call_alloc, 0, MANY, SIZE);
		TEST_ASSERT(n >= all - (idle ? 0 : MAGAZINE) && n <= all, "%u of %u", n, all);
		TEST_CALL(HERE(call_sleeper_end, 0));
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, n, HOW_BULK), 0);
		ASK(&second, call_flush);
	}
	return TEST_SUCCESS;
}

static int
they_serve_other_sizes_and_bulks(void)
{
	unsigned int all = count_available(MIB / 4), n;

	TEST_CALL(HERE(call_sleeper_begin, N * 3 / 4, SIZE, true));
	TEST_CALL(ASK(&second, call_sleeper_begin, N * 3 / 4, 1000, true));
	/* What is taken before all has come back may cut a run at another place. */
	n = count_available(MIB / 4);
	TEST_ASSERT(n >= all - 2, "%u of %u", n, all);
	TEST_CALL(HERE(call_sleeper_end, 0));
	TEST_CALL(ASK(&second, call_sleeper_end));

	TEST_CALL(ASK(&second, call_sleeper_begin, N * 3 / 4, SIZE, false));
	n = N - MAGAZINE - 32; /* a slab's slots in use keep its others from other sizes */
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, SIZE, 0, RTE_FASTMEM_F_NOGROW), 0);
	rte_fastmem_free_bulk(ptrs, n);
	return ASK(&second, call_sleeper_end);
}

static int
trim_gets_at_them(void)
{
	unsigned int where;

	for (where = 0; where < 2; where++) {
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		TEST_ASSERT_EQUAL(stats_backing(), 0);
		if (where == 0)
			TEST_CALL(HERE(call_sleeper_begin, N / 2, SIZE, true));
		else
			TEST_CALL(ASK(&second, call_sleeper_begin, N / 2, SIZE, true));
		TEST_ASSERT(stats_backing() >= LIMIT / 2);
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		TEST_ASSERT_EQUAL(stats_backing(), 0, "nothing is in use");
		if (where == 0)
			TEST_CALL(HERE(call_sleeper_end, 0));
		else
			TEST_CALL(ASK(&second, call_sleeper_end));
	}
	return TEST_SUCCESS;
}

static uint32_t
slabs_of(size_t size)
{
	struct rte_fastmem_class_stats c;

	return rte_fastmem_stats_class(size, &c) == 0 ? c.slabs_partial + c.slabs_full :
		UINT32_MAX;
}

/* Each slab is one object here, and each magazine has room for four. */
static int
trim_gets_at_spare_magazines_of_threads_that_are_not_idle(void)
{
	TEST_CALL(ASK(&second, call_sleeper_begin, 24, MIB / 4, false));
	TEST_ASSERT(slabs_of(MIB / 4) >= 2 * 4);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(slabs_of(MIB / 4) <= 4, "%u", slabs_of(MIB / 4));
	TEST_CALL(check_live(0));
	TEST_CALL(ASK(&second, call_sleeper_end));
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(slabs_of(MIB / 4), 0);
	return TEST_SUCCESS;
}

/* Threads that are robbed while they work lose nothing. */
static int
stealing_disturbs_no_one(void)
{
	struct shared *s = shared_get();
	unsigned int i, n;

	TEST_ASSERT_EQUAL(ASK(&second, call_hammer_begin, 3, WORKER_PTHREAD), 0);
	TEST_ASSERT_EQUAL(HERE(call_hammer_begin, 3, WORKER_PTHREAD), 0);
	for (i = 0; i < 300 || rte_atomic_load_explicit(&s->n_rounds, rte_memory_order_relaxed) <
			30000; i++) {
		n = fill_up(ptrs, MANY, 100 + i % 7 * 3000);
		rte_fastmem_free_bulk(ptrs, n);
		if (i % 3 == 0)
			rte_fastmem_trim(4 * MIB, SOCKET_ID_ANY);
	}
	rte_atomic_store_explicit(&s->stop, 1, rte_memory_order_release);
	TEST_ASSERT_EQUAL(HERE(call_hammer_end, 0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_hammer_end), 0);
	TEST_CALL(check_magazines());
	return check_live(0);
}

/* Threads of other processes, too, leave nothing behind, and no table grows. */
static int
ask_for_short_threads(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_short_threads, 1, 1000, WORKER_PTHREAD), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_short_threads, 256, 4, WORKER_PTHREAD), 0);
	return TEST_SUCCESS;
}

static int
short_lived_threads_of_a_secondary_leave_nothing_behind(void)
{
	TEST_CALL(check_metadata_stays(ask_for_short_threads, 1000 + 4 * 256));
	TEST_CALL(process_stop(&second));
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	return check_live(0);
}

/* Exhaustion. */

/* See that calls fail: returns how many do not. */
static unsigned int
exhaust_more(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < 8; i++)
		n += rte_fastmem_alloc(SIZE, 0, i % 2 == 0 ? 0 : RTE_FASTMEM_F_NOGROW) != NULL;
	return n;
}

/* Take all that is left, and see that calls fail. Returns how many objects are taken, or 0. */
static unsigned int
exhaust(void)
{
	unsigned int n = fill_up(ptrs, MANY, SIZE);

	return exhaust_more() == 0 ? n : 0;
}

static uint32_t
drains(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	uint32_t n = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		n += ctl->arenas[i].n_drains;
	return n;
}

static int
calls_that_fail_look_for_memory_once(void)
{
	unsigned int n = exhaust(), i;
	uint32_t before = drains();

	TEST_ASSERT(n > 0);
	for (i = 0; i < 100; i++)
		TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, i % 2 == 0 ? 0 :
			RTE_FASTMEM_F_NOGROW) == NULL);
	TEST_ASSERT_EQUAL(drains(), before);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static uint64_t
missed(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		n += ctl->arenas[i].n_missed;
	return n;
}

/* Each of these looks for a run otherwise, under the locks of the bin and of the arena. */
static int
calls_that_fail_in_a_row_take_no_locks(void)
{
	uint64_t before, nomem;
	void *objs[2];
	unsigned int n, i;

	refuse_for_long();
	n = exhaust();
	TEST_ASSERT(n > 0);
	before = missed();
	nomem = stats_nomem();
	for (i = 0; i < 1000; i++)
		TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, i % 2 == 0 ? 0 :
			RTE_FASTMEM_F_NOGROW) == NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(objs, 2, SIZE, 0, 0), -ENOMEM);
	TEST_ASSERT_EQUAL(missed(), before);
	TEST_ASSERT_EQUAL(stats_nomem(), nomem + 1002);
	/* Another size is another matter. */
	TEST_ASSERT(rte_fastmem_alloc(2 * SIZE, 0, 0) == NULL);
	TEST_ASSERT(missed() > before);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static int
calls_that_fail_in_a_row_look_again_after_a_time(void)
{
	uint64_t end = rte_get_timer_cycles() + 30 * rte_get_timer_hz();
	unsigned int n = exhaust();
	uint64_t before = missed();

	TEST_ASSERT(n > 0);
	while (missed() == before) {
		TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, RTE_FASTMEM_F_NOGROW) == NULL);
		TEST_ASSERT(rte_get_timer_cycles() < end);
	}
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* Of two threads that drain, the first may be the last to complete it. */
static int
memory_that_comes_changes_the_epoch_of_failures(void)
{
	const struct fastmem_bin *bin = &fastmem_ctl()->bins[1];
	struct fastmem_arena *arena = &fastmem_ctl()->arenas[bin->socket];
	uint32_t delayed = fastmem_drain_begin(arena), ticket = fastmem_drain_begin(arena);
	uint64_t before;
	unsigned int i;

	fastmem_drain_end(arena, ticket);
	before = fastmem_failure_epoch(arena, bin);
	TEST_ASSERT(before != 0);
	fastmem_drain_undo(arena);
	TEST_ASSERT_EQUAL(fastmem_failure_epoch(arena, bin), 0);
	rte_atomic_store_explicit(&arena->drain, delayed, rte_memory_order_relaxed);
	fastmem_drain_end(arena, delayed);
	for (i = 0; i < 4; i++) {
		uint32_t head = fastmem_run_alloc(arena, 1, 1);

		TEST_ASSERT(head != 0);
		TEST_ASSERT(fastmem_failure_epoch(arena, bin) != before, "run %u taken", i);
		fastmem_run_free(arena, head);
		TEST_ASSERT(fastmem_failure_epoch(arena, bin) != before, "run %u given", i);
	}
	return TEST_SUCCESS;
}

static int
a_limit_that_rises_serves_the_next_call(void)
{
	unsigned int n;

	refuse_for_long();
	n = exhaust();
	TEST_ASSERT(n > 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 2 * LIMIT), 0);
	TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, RTE_FASTMEM_F_NOGROW) == NULL);
	ptrs[n] = rte_fastmem_alloc(SIZE, 0, 0);
	TEST_ASSERT(ptrs[n] != NULL);
	rte_fastmem_free_bulk(ptrs, n + 1);
	return TEST_SUCCESS;
}

static int
what_is_reserved_serves_the_next_call(void)
{
	unsigned int n;

	refuse_for_long();
	n = exhaust();
	TEST_ASSERT(n > 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 2 * LIMIT), 0);
	TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, RTE_FASTMEM_F_NOGROW) == NULL);
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, 2 * LIMIT), 0);
	ptrs[n] = rte_fastmem_alloc(SIZE, 0, RTE_FASTMEM_F_NOGROW);
	TEST_ASSERT(ptrs[n] != NULL);
	rte_fastmem_free_bulk(ptrs, n + 1);
	return TEST_SUCCESS;
}

/* Its slab has no other free slot, nor becomes empty: nothing but this size can use it. */
static int
one_slot_of_a_slab_in_use_serves_the_next_call(void)
{
	unsigned int i, n;

	refuse_for_long();
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, SIZE), 1);
	ASK(&second, call_flush);
	n = exhaust();
	TEST_ASSERT(n > 0);
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
		TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, RTE_FASTMEM_F_NOGROW) == NULL,
			"in a cache of another process");
		ASK(&second, call_flush);
		ptrs[n] = rte_fastmem_alloc(SIZE, 0, i % 2 == 0 ? 0 : RTE_FASTMEM_F_NOGROW);
		TEST_ASSERT(ptrs[n] != NULL);
		TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, 0) == NULL);
		rte_fastmem_free(ptrs[n]);
		rte_fastmem_cache_flush();
		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, SIZE), 1);
		TEST_ASSERT_EQUAL(exhaust_more(), 0);
	}
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 1), 0);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* One object can be allocated, as something has come back. */
static int
check_served(unsigned int n)
{
	void *obj = rte_fastmem_alloc(SIZE, 0, RTE_FASTMEM_F_NOGROW);

	TEST_ASSERT(obj != NULL, "nothing, after a free");
	rte_fastmem_free(obj);
	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_cache_flush();
	return TEST_SUCCESS;
}

static int
what_this_thread_frees_serves_its_next_call(void)
{
	static const size_t sizes[] = { SIZE, MIB / 4, 64, 1000 };
	unsigned int i, k, n, few;

	refuse_for_long();
	for (i = 0; i < RTE_DIM(sizes); i++) {
		few = 2 * FASTMEM_GRANULE / sizes[i] + 2; /* a slab among them is whole */
		TEST_ASSERT_EQUAL(HERE(call_alloc, 0, few, sizes[i]), few);
		rte_fastmem_cache_flush();
		n = exhaust();
		TEST_ASSERT(n > 0);
		/* A part of a slab does not help, until the rest comes back as well. */
		for (k = 0; k + 1 < few && sizes[i] < SIZE; k++) {
			TEST_ASSERT_EQUAL(HERE(call_free, k, 1), 0);
			if (k == 0)
				TEST_ASSERT(rte_fastmem_alloc(SIZE, 0, 0) == NULL);
		}
		TEST_ASSERT_EQUAL(HERE(call_free, k, few - k), 0);
		TEST_CALL(check_served(n));
	}
	return TEST_SUCCESS;
}

enum way { WAY_FLUSH, WAY_SPARE, WAY_END, WAY_KILL, WAYS };

static int
what_another_process_frees_serves_the_next_call(void)
{
	const unsigned int many = 16; /* of a size whose magazines have room for four */
	unsigned int way, n;

	for (way = 0; way < WAYS; way++) {
		/* That a process is gone is found after the usual time. */
		if (way == WAY_END || way == WAY_KILL)
			fastmem_refusal_min_us = 0;
		else
			refuse_for_long();
		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, many, MIB / 4), many);
		n = exhaust();
		TEST_ASSERT(n > 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, way == WAY_SPARE ? many : 1), 0);
		if (way == WAY_FLUSH)
			ASK(&second, call_flush);
		else if (way == WAY_END)
			TEST_CALL(process_stop(&second));
		else if (way == WAY_KILL)
			TEST_CALL(process_kill(&second));
		TEST_CALL(check_served(n));
		if (second.pid == 0)
			TEST_CALL(process_start(&second));
		if (way != WAY_SPARE)
			TEST_ASSERT_EQUAL(HERE(call_free, 1, many - 1), 0);
		ASK(&second, call_flush);
	}
	return TEST_SUCCESS;
}

/* What all threads together may hold that are no lcores. */
static int64_t
shared_bytes(void)
{
	return rte_atomic_load_explicit(&fastmem_ctl()->shared_bytes, rte_memory_order_relaxed);
}

static int
the_share_of_a_killed_process_is_others_when_it_is_taken_back(void)
{
	int64_t before = shared_bytes();

	TEST_ASSERT_EQUAL(ASK(&second, call_sleeper_begin, 1000, 64, 0), TEST_SUCCESS);
	TEST_ASSERT(shared_bytes() > before);
	TEST_CALL(process_kill(&second));
	/* Which does not count anew, as maintain does. */
	rte_fastmem_trim(LIMIT, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(shared_bytes(), before);
	rte_fastmem_maintain();
	TEST_ASSERT_EQUAL(shared_bytes(), before);
	return process_start(&second);
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(calls_that_fail_look_for_memory_once),
	TEST_CASE_UNCHECKED(calls_that_fail_in_a_row_take_no_locks),
	TEST_CASE_UNCHECKED(calls_that_fail_in_a_row_look_again_after_a_time),
	TEST_CASE_UNCHECKED(memory_that_comes_changes_the_epoch_of_failures),
	TEST_CASE(a_limit_that_rises_serves_the_next_call),
	TEST_CASE(what_is_reserved_serves_the_next_call),
	TEST_CASE_UNCHECKED(one_slot_of_a_slab_in_use_serves_the_next_call),
	TEST_CASE(what_this_thread_frees_serves_its_next_call),
	TEST_CASE(what_another_process_frees_serves_the_next_call),
	TEST_CASE(spare_magazines_of_sleeping_threads_serve_others),
	TEST_CASE(spare_magazines_of_other_processes_serve_as_well),
	TEST_CASE_UNCHECKED(they_serve_other_sizes_and_bulks),
	TEST_CASE_UNCHECKED(the_share_of_a_killed_process_is_others_when_it_is_taken_back),
	TEST_CASE(trim_gets_at_them),
	TEST_CASE_UNCHECKED(trim_gets_at_spare_magazines_of_threads_that_are_not_idle),
	TEST_CASE(stealing_disturbs_no_one),
	TEST_CASE_UNCHECKED(short_lived_threads_of_a_secondary_leave_nothing_behind),
	TEST_CASES_END
};

const struct test_suite suite_reclaim = {
	.name = "reclaim",
	.about = "what idle threads and processes have cached",
	.setup = reclaim_up,
	.teardown = reclaim_down,
	.rescue = reclaim_end,
	.cases = cases,
	.with_secondaries = true,
};
