/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that end, one way or another, and a primary that gives fastmem up
 * while others use it.
 */

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"
#include "test_steps.h"

static struct process second;
static unsigned int zones_before;

static int
departure_up(void)
{
	TEST_CALL(shared_make());
	zones_before = zones_all();
	TEST_CALL(fastmem_up());
	return process_start(&second);
}

static int
departure_down(void)
{
	if (second.pid != 0)
		TEST_CALL(process_stop(&second));
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
departure_end(void)
{
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

/* What fastmem knows of a process. */
static int
find_process(pid_t pid, struct rte_fastmem_process *found)
{
	struct rte_fastmem_process list[80];
	unsigned int i, n = rte_fastmem_processes(list, RTE_DIM(list));

	TEST_ASSERT(n <= RTE_DIM(list));
	for (i = 0; i < n; i++) {
		if (list[i].pid == (uint32_t)pid) {
			*found = list[i];
			return TEST_SUCCESS;
		}
	}
	TEST_ASSERT(i < n, "process %d is not listed", pid);
	return TEST_SUCCESS;
}

static int
processes_are_listed_with_what_they_have(void)
{
	int64_t objects[MAX_CLASSES];
	struct rte_fastmem_process p;
	unsigned int i, n = rte_fastmem_classes(NULL);
	size_t sizes[MAX_CLASSES];
	pid_t pid = second.pid;

	TEST_ASSERT_EQUAL(rte_fastmem_processes(NULL, 0), 1, "the primary");
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 10, 1000), 10);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 10, 5, 64), 5);
	TEST_ASSERT_EQUAL(ASK(&second, call_sleeper_begin, 300, 200, false), 0);
	TEST_ASSERT_EQUAL(HERE(call_alloc, 15, 3, 5000), 3);
	TEST_ASSERT_EQUAL(rte_fastmem_processes(NULL, 0), 2);
	TEST_CALL(find_process(pid, &p));
	TEST_ASSERT_EQUAL(p.alive, 1);
	TEST_ASSERT_EQUAL(p.n_threads, 2);
	TEST_ASSERT_EQUAL(p.n_objects, 15);
	TEST_ASSERT_EQUAL(p.n_bytes, 10 * 1024 + 5 * 64);
	TEST_CALL(find_process(getpid(), &p));
	TEST_ASSERT_EQUAL(p.alive, 1);
	TEST_ASSERT_EQUAL(p.n_objects, 3);

	TEST_CALL(process_kill(&second));
	rte_fastmem_maintain();
	TEST_CALL(check_live(18));
	TEST_CALL(find_process(pid, &p));
	TEST_ASSERT_EQUAL(p.alive, 0);
	TEST_ASSERT_EQUAL(p.n_threads, 0);
	TEST_ASSERT_EQUAL(p.n_objects, 15);
	TEST_ASSERT_EQUAL(p.n_bytes, 10 * 1024 + 5 * 64);
	TEST_ASSERT_EQUAL(rte_fastmem_process_classes(pid, objects), 0);
	rte_fastmem_classes(sizes);
	for (i = 0; i < n; i++)
		TEST_ASSERT_EQUAL(objects[i], sizes[i] == 1024 ? 10 : sizes[i] == 64 ? 5 : 0);
	TEST_ASSERT_EQUAL(rte_fastmem_process_classes(1, objects), -ENOENT);
	/* What it held can be freed by those who know where it is. */
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 18), 0);
	return check_live(0);
}

static int
a_process_that_freed_all_is_forgotten(void)
{
	pid_t pid = second.pid;
	int64_t objects[MAX_CLASSES];

	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 500, 700, HOW_BULK), 500);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 500), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_processes(NULL, 0), 2);
	TEST_CALL(process_kill(&second));
	rte_fastmem_maintain();
	TEST_ASSERT_EQUAL(rte_fastmem_processes(NULL, 0), 1);
	TEST_ASSERT_EQUAL(rte_fastmem_process_classes(pid, objects), -ENOENT);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	return TEST_SUCCESS;
}

/* Kill the second process with an object of its own. Returns how many lines say what it had cached. */
static int
kill_and_count_lines(uint32_t every_ms, unsigned int *lines)
{
	struct rte_fastmem_thread threads[80];
	unsigned int i, n;
	uint64_t cached = 0;
	char text[160];

	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 500, 700, HOW_BULK), 500);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 1, 499), 0);
	n = rte_fastmem_threads(threads, RTE_DIM(threads));
	TEST_ASSERT(n <= RTE_DIM(threads));
	for (i = 0; i < n; i++)
		if (threads[i].pid == (uint32_t)second.pid)
			cached += threads[i].bytes_cached;
	TEST_ASSERT(cached >= 704, "nothing to take back");
	snprintf(text, sizeof(text), "process %d has ended: %" PRIu64 " bytes of its caches are taken "
		"back. It has allocated 1 objects, %u bytes,", second.pid, cached,
		(unsigned int)rte_fastmem_usable_size(shared_get()->items[0].ptr));
	TEST_CALL(process_kill(&second));
	log_begin();
	fastmem_log_every_ms = every_ms;
	rte_fastmem_maintain();
	*lines = log_end(text);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

static int
a_dead_process_is_logged_with_what_is_taken_back(void)
{
	unsigned int often, seldom;

	TEST_CALL(kill_and_count_lines(0, &often));
	TEST_CALL(process_start(&second));
	TEST_CALL(kill_and_count_lines(3600 * 1000, &seldom));
	TEST_ASSERT_EQUAL(often, 1);
	TEST_ASSERT_EQUAL(seldom, 0, "one line in an hour");
	return TEST_SUCCESS;
}

/* The caches of the dead come back when memory is scarce, without a call that asks for it. */
static int
caches_of_the_dead_serve_the_living(void)
{
	unsigned int n, all;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 8 * MIB), 0);
	all = HERE(call_alloc, 0, 8 * MIB / 4096, 4096);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, all, HOW_BULK), 0);
	rte_fastmem_cache_flush();
	TEST_CALL(ASK(&second, call_sleeper_begin, all, 4096, false));
	TEST_CALL(process_kill(&second));
	n = HERE(call_alloc, 0, 8 * MIB / 4096, 4096);
	TEST_ASSERT_EQUAL(n, all);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, all, HOW_BULK), 0);
	return check_live(0);
}

static int
a_new_process_takes_the_place_of_the_dead(void)
{
	unsigned int i;
	int64_t metadata = 0;

	for (i = 0; i < 70; i++) { /* more than there may be at once */
		TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 200, 300), 200);
		TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 200), 0);
		if (i == 5)
			metadata = HERE(call_metadata, 0);
		TEST_CALL(process_kill(&second));
		TEST_CALL(process_start(&second));
	}
	TEST_ASSERT_EQUAL(HERE(call_metadata, 0), metadata);
	rte_fastmem_maintain();
	return check_live(0);
}

/* As many as there is room for, and the others are told; twice, as they leave room again. */
static int
there_is_a_limit_of_processes(void)
{
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
	for (i = 0; i < 2; i++) {
		TEST_ASSERT_EQUAL(ASK(&second, steps_crowd, FASTMEM_MAX_PEERS + 3),
			FASTMEM_MAX_PEERS - 1);
		TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	}
	/* What each of them allocated is not known to anybody. */
	TEST_ASSERT_EQUAL(stats_live(), 2 * (FASTMEM_MAX_PEERS - 1));
	rte_fastmem_deinit();
	return rte_fastmem_init();
}

/* Deinit in the primary. */

static int
wait_for_rounds(unsigned int n)
{
	struct shared *s = shared_get();
	uint32_t from = rte_atomic_load_explicit(&s->n_rounds, rte_memory_order_relaxed), done;
	uint64_t until = rte_get_timer_cycles() +
		rte_get_timer_hz() * (PROCESS_PATIENCE_MS / 1000);

	do {
		sched_yield();
		done = rte_atomic_load_explicit(&s->n_rounds, rte_memory_order_relaxed) - from;
	} while (done < n && rte_get_timer_cycles() < until);
	if (done < n)
		process_tell(&second, false);
	TEST_ASSERT(done >= n, "the secondary is stuck: %u rounds of %u", done, n);
	return TEST_SUCCESS;
}

enum way { BY_DEINIT, BY_EXIT, BY_KILL };

static int
check_deinit_with_a_secondary(enum way way)
{
	struct shared *s = shared_get();

	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 10, 3000), 10);
	TEST_ASSERT_EQUAL(HERE(call_alloc, 10, 10, 3000), 10);
	s->stop = 0;
	TEST_ASSERT_EQUAL(ASK(&second, call_hammer_begin, 3, WORKER_PTHREAD), 0);
	TEST_CALL(wait_for_rounds(1000));
	rte_fastmem_deinit();
	TEST_CALL(wait_for_rounds(1000));
	TEST_ASSERT(rte_fastmem_alloc(100, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 20, 1, 100), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_errno), ENODEV);
	TEST_ASSERT_EQUAL(ASK(&second, call_maintain), -ENODEV);
	/* Its objects are still there, for it to look at. */
	TEST_ASSERT_EQUAL(ASK(&second, call_check, 0, 20), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -EBUSY);
	rte_atomic_store_explicit(&s->stop, 1, rte_memory_order_release);
	TEST_ASSERT_EQUAL(ASK(&second, call_hammer_end), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -EBUSY);

	if (way == BY_DEINIT)
		ASK(&second, call_deinit);
	else if (way == BY_EXIT)
		TEST_CALL(process_stop(&second));
	else
		TEST_CALL(process_kill(&second));
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	if (second.pid == 0)
		TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 10, 3000), 10);
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 10), 0);
	TEST_CALL(check_live(0));
	TEST_CALL(process_stop(&second));
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_fastmem(), 0);
	TEST_ASSERT_EQUAL(zones_all(), zones_before);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	return TEST_SUCCESS;
}

static int
after_deinit_in_the_primary_secondaries_have_no_device(void)
{
	return check_deinit_with_a_secondary(BY_DEINIT);
}

static int
after_deinit_the_end_of_a_secondary_is_enough(void)
{
	return check_deinit_with_a_secondary(BY_EXIT);
}

static int
after_deinit_the_death_of_a_secondary_is_enough(void)
{
	return check_deinit_with_a_secondary(BY_KILL);
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(processes_are_listed_with_what_they_have),
	TEST_CASE(a_process_that_freed_all_is_forgotten),
	TEST_CASE_UNCHECKED(a_dead_process_is_logged_with_what_is_taken_back),
	TEST_CASE(caches_of_the_dead_serve_the_living),
	TEST_CASE_UNCHECKED(a_new_process_takes_the_place_of_the_dead),
	TEST_CASE_UNCHECKED(there_is_a_limit_of_processes),
	TEST_CASE(after_deinit_in_the_primary_secondaries_have_no_device),
	TEST_CASE(after_deinit_the_end_of_a_secondary_is_enough),
	TEST_CASE(after_deinit_the_death_of_a_secondary_is_enough),
	TEST_CASES_END
};

const struct test_suite suite_departure = {
	.name = "departure",
	.about = "processes that end, and deinit while others use fastmem",
	.setup = departure_up,
	.teardown = departure_down,
	.rescue = departure_end,
	.cases = cases,
	.with_secondaries = true,
};
