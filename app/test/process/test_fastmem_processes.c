/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Secondary processes: whatever the primary can do, they can.
 */

#include <rte_lcore.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

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
	/* What has been killed is found to be gone. */
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

static const size_t sizes[] = { 8, 64, 100, 1000, 5000, 40000, 300000, 1 << 20 };

/* Life cycle. */

static int
shared_state_is_found_by_the_first_call(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_init), 0, "attached before it was asked for");
	TEST_ASSERT_EQUAL(ASK(&second, call_init), -EBUSY, "asked for twice");
	TEST_CALL(check_live(1));
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

static int
any_function_can_be_the_first_call(void)
{
	remote_t firsts[] = { call_flush, call_maintain, call_trim, call_backing, call_init };
	struct shared *s = shared_get();
	unsigned int i;

	TEST_ASSERT_EQUAL(HERE(call_alloc, 0, RTE_DIM(firsts) + 2, 500), RTE_DIM(firsts) + 2);
	/* In a process that knows nothing of it yet. */
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	for (i = 0; i < RTE_DIM(firsts); i++) {
		TEST_CALL(process_stop(&second));
		TEST_CALL(process_start(&second));
		ASK(&second, firsts[i]);
		TEST_ASSERT_EQUAL(ASK(&second, call_free, i + 1, 1), 0);
	}
	TEST_CALL(process_stop(&second));
	TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(ASK(&second, call_usable_size, i + 1), 512);
	TEST_CALL(process_stop(&second));
	TEST_CALL(process_start(&second));
	TEST_ASSERT(s->items[i + 1].ptr != NULL);
	TEST_ASSERT_EQUAL(ASK(&second, call_iova, i + 1),
		rte_fastmem_virt2iova(s->items[i + 1].ptr));
	TEST_ASSERT_EQUAL(HERE(call_free, i + 1, 1), 0);
	return TEST_SUCCESS;
}

static int
before_init_there_is_no_device(void)
{
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(ASK(&second, call_init), -ENODEV);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_errno), ENODEV);
	TEST_ASSERT_EQUAL(ASK(&second, call_maintain), -ENODEV);
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), -EINVAL);

	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_check_live, 0), TEST_SUCCESS);
	return TEST_SUCCESS;
}

static int
another_layout_is_refused_with_one_line(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;

	ctl->version++;
	ASK(&second, call_log_begin);
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_errno), ENODEV);
		TEST_ASSERT_EQUAL(ASK(&second, call_init), -ENODEV);
	}
	TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_LAYOUT), 1);
	ctl->version--;
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

/*
 * In the second process, which cannot attach: whether frees find no object, and one that has seen
 * the map while the call was at attaching may still read it.
 */
static int64_t
call_map_is_hidden(const uint64_t *args)
{
	const volatile RTE_ATOMIC(uint16_t) *bins = rte_fastmem_map.bins;

	RTE_SET_USED(args);
	return rte_atomic_load_explicit(&rte_fastmem_map.n_granules, rte_memory_order_acquire) ==
		0 && bins != NULL && bins[0] == 0;
}

const remote_t processes_calls[] = { call_map_is_hidden, NULL };

static int
frees_go_on_while_the_process_cannot_attach(void)
{
	static struct fastmem_peer before[FASTMEM_MAX_PEERS];
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;
	int64_t n = 0, hidden = 0;

	/* All numbers are of this process, which lives. */
	memcpy(before, ctl->peers, sizeof(before));
	for (i = 1; i < FASTMEM_MAX_PEERS; i++)
		ctl->peers[i] = ctl->peers[0];
	for (i = 0; i < 3; i++) {
		n += ASK(&second, call_alloc, 0, 1, 100);
		hidden += ASK(&second, call_map_is_hidden);
	}
	memcpy(ctl->peers, before, sizeof(before));
	TEST_ASSERT_EQUAL(n, 0);
	TEST_ASSERT_EQUAL(hidden, 3);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

static int
a_secondary_detaches_and_attaches_again(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1000, 200, HOW_BULK), 1000);
		/* All but the first: cached there. */
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 1, 999), 0);
		ASK(&second, call_deinit);
		TEST_CALL(check_live(1));
		/* It has taken nothing with it. */
		TEST_ASSERT_EQUAL(HERE(call_check, 0, 1), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	}
	return TEST_SUCCESS;
}

static uint64_t
in_use_of_class(size_t size)
{
	struct rte_fastmem_class_stats stats = { 0 };

	rte_fastmem_stats_class(size, &stats);
	return stats.in_use;
}

#define LARGER 1024 /* a class; an object of it stays there when it is made a bit smaller, */
#define SMALLER 900
#define SMALLER_CLASS 960 /* and would be of this one otherwise */

static int
free_by_size_in_the_second(void)
{
	/* So that it has caches of the size. */
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 10, 2, SMALLER), 2);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 10, 2), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 2, HOW_SIZED), 0);
	TEST_ASSERT_EQUAL(in_use_of_class(LARGER), 0);
	TEST_ASSERT_EQUAL(in_use_of_class(SMALLER_CLASS), 0);
	return TEST_SUCCESS;
}

static int
what_stays_in_its_slot_is_freed_by_size_by_who_attaches_later(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 2, LARGER), 2);
	TEST_ASSERT_EQUAL(ASK(&second, call_realloc, 0, 2, SMALLER), 2);
	ASK(&second, call_deinit);
	TEST_CALL(free_by_size_in_the_second());

	TEST_ASSERT_EQUAL(HERE(call_alloc, 0, 2, LARGER), 2);
	TEST_ASSERT_EQUAL(HERE(call_realloc, 0, 2, SMALLER), 2);
	TEST_CALL(process_stop(&second));
	TEST_CALL(process_start(&second));
	return free_by_size_in_the_second();
}

static int
a_secondary_that_ends_gives_its_caches_back(void)
{
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < RTE_DIM(sizes); i++) {
			TEST_ASSERT_EQUAL(ASK(&second, call_alloc, i * 20, 20, sizes[i]), 20);
			TEST_ASSERT_EQUAL(ASK(&second, call_free, i * 20, 20), 0);
		}
		TEST_CALL(process_stop(&second));
		rte_fastmem_maintain();
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		TEST_CALL(check_live(0));
		TEST_ASSERT_EQUAL(zones_chunks(), 0);
		TEST_CALL(process_start(&second));
	}
	return TEST_SUCCESS;
}

/* Objects. */

static int
objects_pass_both_ways(void)
{
	unsigned int how, i, n = 60;

	for (how = 0; how < HOW_ALL; how++) {
		for (i = 0; i < RTE_DIM(sizes); i++) {
			unsigned int k = sizes[i] > 50000 ? 3 : n;

			TEST_ASSERT_EQUAL(HERE(call_alloc, 0, k, sizes[i], how), k);
			TEST_ASSERT_EQUAL(ASK(&second, call_alloc, n, k, sizes[i], how), k);
			TEST_ASSERT_EQUAL(HERE(call_check, n, k), 0);
			TEST_CALL(check_live(2 * k));
			TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, k, how, sizes[i]), 0);
			TEST_ASSERT_EQUAL(HERE(call_free, n, k, how, sizes[i]), 0);
			TEST_CALL(check_live(0));
		}
	}
	return TEST_SUCCESS;
}

static int
realloc_moves_what_another_process_allocated(void)
{
	unsigned int i;

	for (i = 0; i + 1 < RTE_DIM(sizes); i++) {
		TEST_ASSERT_EQUAL(HERE(call_alloc, 0, 10, sizes[i]), 10);
		TEST_ASSERT_EQUAL(ASK(&second, call_realloc, 0, 10, sizes[i + 1]), 10);
		TEST_ASSERT_EQUAL(HERE(call_check, 0, 10), 0);
		TEST_ASSERT_EQUAL(HERE(call_realloc, 0, 10, sizes[i]), 10);
		TEST_ASSERT_EQUAL(ASK(&second, call_check, 0, 10), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 10), 0);
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static int
addresses_mean_the_same(void)
{
	struct shared *s = shared_get();
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		struct item *item = &s->items[i];

		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, i, 1, sizes[i]), 1);
		TEST_ASSERT(rte_fastmem_contains(item->ptr));
		TEST_ASSERT_EQUAL(ASK(&second, call_usable_size, i),
			rte_fastmem_usable_size(item->ptr));
		TEST_ASSERT_EQUAL(ASK(&second, call_iova, i), rte_fastmem_virt2iova(item->ptr));
		TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(item->ptr),
			rte_mem_virt2iova(item->ptr));
	}
	TEST_ASSERT_EQUAL(HERE(call_free, 0, RTE_DIM(sizes)), 0);
	return TEST_SUCCESS;
}

/* Growth. */

static int
a_secondary_can_grow_the_memory(void)
{
	int64_t before = HERE(call_backing, 0);
	unsigned int n = 24;

	TEST_ASSERT_EQUAL(before, 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, n, MIB), n);
	TEST_ASSERT(stats_backing() >= n * MIB);
	TEST_ASSERT_EQUAL(HERE(call_check, 0, n), 0);
	/* Each grows when the other has used up what there was. */
	while (stats_backing() < 100 * MIB) {
		TEST_ASSERT_EQUAL(HERE(call_alloc, n, 7, MIB), 7);
		TEST_ASSERT_EQUAL(ASK(&second, call_check, n, 7), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, n + 7, 7, MIB), 7);
		TEST_ASSERT_EQUAL(HERE(call_check, n + 7, 7), 0);
		n += 14;
	}
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, 120 * MIB), 0);
	TEST_ASSERT(stats_backing() >= 120 * MIB);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, n), 0);
	TEST_ASSERT(ASK(&second, call_trim) > 0);
	TEST_CALL(check_live(0));
	return TEST_SUCCESS;
}

static int
a_secondary_does_not_grow_where_it_must_not(void)
{
	unsigned int n;
	uint64_t full;

	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 1000, HOW_SINGLE,
		RTE_FASTMEM_F_NOGROW), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_errno), ENOMEM);
	TEST_ASSERT_EQUAL(stats_backing(), 0);

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(4 * MIB, SOCKET_ID_ANY), 0);
	full = stats_backing();
	n = ASK(&second, call_alloc, 0, 100, MIB, HOW_SINGLE, RTE_FASTMEM_F_NOGROW);
	TEST_ASSERT(n > 0 && n <= full / MIB, "%u", n);
	TEST_ASSERT_EQUAL(stats_backing(), full);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, n), 0);

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, full), 0);
	n = ASK(&second, call_alloc, 0, 100, MIB);
	TEST_ASSERT(n > 0 && n <= full / MIB, "%u", n);
	TEST_ASSERT_EQUAL(ASK(&second, call_errno), ENOMEM);
	TEST_ASSERT_EQUAL(stats_backing(), full);
	TEST_ASSERT_EQUAL(stats_nomem(), 3);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, n), 0);
	return TEST_SUCCESS;
}

/* Statistics. */

static uint64_t
shared_ops(size_t size)
{
	struct rte_fastmem_lcore_class_stats lc;

	if (rte_fastmem_stats_shared_class(size, &lc) != 0)
		return UINT64_MAX;
	return lc.alloc_cache_hits + lc.alloc_cache_misses + lc.free_cache_hits +
		lc.free_cache_misses;
}

static int
figures_include_threads_of_all_processes(void)
{
	struct rte_fastmem_class_stats c;
	struct rte_fastmem_lcore_stats l;
	struct rte_fastmem_stats s;
	unsigned int i;

	/* 50 of 16 bytes, by threads without an lcore id: 3 here, 5 and 4 there. */
	for (i = 0; i < 3; i++)
		TEST_ASSERT_EQUAL(HERE(call_short_threads, 1, 1, WORKER_PTHREAD), 0);
	TEST_ASSERT_EQUAL(shared_ops(16), 3 * 100);
	for (i = 0; i < 5; i++)
		TEST_ASSERT_EQUAL(ASK(&second, call_short_threads, 1, 1, WORKER_PTHREAD), 0);
	TEST_ASSERT_EQUAL(shared_ops(16), 8 * 100);
	for (i = 0; i < 4; i++)
		TEST_ASSERT_EQUAL(ASK(&second, call_short_threads, 1, 1, WORKER_CONTROL), 0);
	TEST_ASSERT_EQUAL(shared_ops(16), 12 * 100);
	/* And by lcores: 7 objects there, 9 here; 6 freed there. */
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 7, 16), 7);
	TEST_ASSERT_EQUAL(HERE(call_alloc, 7, 9, 16), 9);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 10, 6), 0);

	TEST_ASSERT_EQUAL(shared_ops(16), 12 * 100);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&l), 0);
	TEST_ASSERT_EQUAL(l.alloc_cache_hits + l.alloc_cache_misses, 12 * 50);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(64, &c), 0);
	TEST_ASSERT_EQUAL(c.alloc_cache_hits + c.alloc_cache_misses, 16, "alignment 64");
	TEST_ASSERT_EQUAL(c.in_use, 10);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.alloc_total, 12 * 50 + 16);
	TEST_ASSERT_EQUAL(s.free_total, 12 * 50 + 6);
	TEST_ASSERT_EQUAL(s.bytes_in_use, 10 * 64);

	/* They stay when the process ends. */
	TEST_ASSERT_EQUAL(ASK(&second, call_check_live, 10), TEST_SUCCESS);
	TEST_CALL(process_stop(&second));
	TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(ASK(&second, call_check_live, 10), TEST_SUCCESS);
	TEST_ASSERT_EQUAL(shared_ops(16), 12 * 100);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.alloc_total, 12 * 50 + 16);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 10), 0);
	return TEST_SUCCESS;
}

/* Many at once. */

#define AT_ONCE 4

static int
processes_work_at_the_same_time(void)
{
	struct process others[AT_ONCE];
	struct shared *s = shared_get();
	unsigned int i;

	for (i = 0; i < AT_ONCE; i++) {
		TEST_CALL(process_start(&others[i]));
		TEST_ASSERT_EQUAL(ASK(&others[i], call_hammer_begin, 2, WORKER_PTHREAD), 0);
	}
	TEST_ASSERT_EQUAL(HERE(call_hammer_begin, 2, WORKER_PTHREAD), 0);
	/* Meanwhile. */
	for (i = 0; i < 20 || rte_atomic_load_explicit(&s->n_rounds, rte_memory_order_relaxed) <
			20000; i++) {
		unsigned int size = sizes[i % RTE_DIM(sizes)];

		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 10, size), 10);
		TEST_ASSERT_EQUAL(HERE(call_free, 0, 10), 0);
	}
	rte_atomic_store_explicit(&s->stop, 1, rte_memory_order_release);
	TEST_ASSERT_EQUAL(HERE(call_hammer_end, 0), 0);
	for (i = 0; i < AT_ONCE; i++) {
		TEST_ASSERT_EQUAL(ASK(&others[i], call_hammer_end), 0);
		TEST_CALL(process_stop(&others[i]));
	}
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(shared_state_is_found_by_the_first_call),
	TEST_CASE_UNCHECKED(any_function_can_be_the_first_call),
	TEST_CASE(before_init_there_is_no_device),
	TEST_CASE(another_layout_is_refused_with_one_line),
	TEST_CASE(frees_go_on_while_the_process_cannot_attach),
	TEST_CASE(a_secondary_detaches_and_attaches_again),
	TEST_CASE_UNCHECKED(what_stays_in_its_slot_is_freed_by_size_by_who_attaches_later),
	TEST_CASE(a_secondary_that_ends_gives_its_caches_back),
	TEST_CASE(objects_pass_both_ways),
	TEST_CASE(realloc_moves_what_another_process_allocated),
	TEST_CASE(addresses_mean_the_same),
	TEST_CASE(a_secondary_can_grow_the_memory),
	TEST_CASE(a_secondary_does_not_grow_where_it_must_not),
	TEST_CASE_UNCHECKED(figures_include_threads_of_all_processes),
	TEST_CASE(processes_work_at_the_same_time),
	TEST_CASES_END
};

const struct test_suite suite_processes = {
	.name = "processes",
	.about = "secondary processes",
	.setup = processes_up,
	.teardown = processes_down,
	.rescue = processes_end,
	.cases = cases,
	.with_secondaries = true,
};
