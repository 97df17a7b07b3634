/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Checks and reports, and what other threads do meanwhile. A report takes as long as its callback
 * likes, and nobody else waits for it: the callback here waits for a thread that does what the
 * locks of checking are for.
 */

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "fastmem_debug.h"
#include "test_debug.h"

#define PATIENCE_SECONDS 20

/* What the helper does while a report is made. */
static struct {
	int (*run)(void);
	sem_t begin, end;
	int result; /* of the last run; TEST_FAILED: it did not come to its end */
} helper;

static void *
helper_main(void *arg)
{
	RTE_SET_USED(arg);
	for (;;) {
		sem_wait(&helper.begin);
		if (helper.run == NULL)
			return NULL;
		helper.result = helper.run();
		sem_post(&helper.end);
	}
}

static int
wait_for(sem_t *sem)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_SECONDS;
	while (sem_timedwait(sem, &end) != 0)
		if (errno != EINTR)
			return TEST_FAILED;
	return TEST_SUCCESS;
}

static unsigned int n_waits, n_in_vain;

static void
wait_in_report(void)
{
	n_waits++;
	if (n_in_vain > 0)
		return;
	sem_post(&helper.begin);
	if (wait_for(&helper.end) != TEST_SUCCESS || helper.result != TEST_SUCCESS)
		n_in_vain++;
}

/* Runs what makes one report, while run() waits to be called by another thread in it. */
static int
with_helper(int (*run)(void), int (*wrong)(void))
{
	pthread_t thread;
	int ret;

	n_waits = n_in_vain = 0;
	helper.run = run;
	sem_init(&helper.begin, 0, 0);
	sem_init(&helper.end, 0, 0);
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, helper_main, NULL), 0);
	report_hook = wait_in_report;
	ret = wrong();
	report_hook = NULL;
	/* Without a wait that was in vain, it has nothing left to do. */
	if (n_in_vain > 0)
		TEST_ASSERT_EQUAL(wait_for(&helper.end), 0, "the helper is stuck for good");
	helper.run = NULL;
	sem_post(&helper.begin);
	pthread_join(thread, NULL);
	TEST_CALL(ret);
	TEST_ASSERT(n_waits > 0, "nothing was reported");
	TEST_ASSERT_EQUAL(n_in_vain, 0, "a thread waits for the report");
	return TEST_SUCCESS;
}

/* Through the quarantine, slabs that come and go, a pool, and a walk over all records. */
static int
use_all_locks(void)
{
	struct rte_fastmem_pool *pool = debug_pool("other", 100, 0, 0, 0);
	struct rte_fastmem_leaks *leaks;
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < 100; i++) {
		void *obj = rte_fastmem_alloc(100000, 0, 0);

		TEST_ASSERT(obj != NULL);
		rte_fastmem_free(obj);
		obj = rte_fastmem_pool_get(pool);
		TEST_ASSERT(obj != NULL);
		rte_fastmem_pool_put(pool, obj);
	}
	rte_fastmem_pool_free(pool);
	leaks = rte_fastmem_leaks_snapshot();
	TEST_ASSERT(leaks != NULL);
	rte_fastmem_leaks_free(leaks);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	return TEST_SUCCESS;
}

static int
write_after_free_and_reuse(void)
{
	char *obj = rte_fastmem_alloc(200, 0, 0);
	unsigned int i;

	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	spoil(obj);
	for (i = 0; i < 100000 && n_waits == 0; i++)
		rte_fastmem_free(rte_fastmem_alloc(200, 0, 0));
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, obj, obj, 200, NULL);
	return TEST_SUCCESS;
}

static int
nobody_waits_for_the_report_of_an_object_in_quarantine(void)
{
	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	TEST_CALL(debug_again(64 << 10));
	return with_helper(use_all_locks, write_after_free_and_reuse);
}

static int
write_after_free_and_flush(void)
{
	char *obj = rte_fastmem_alloc(200, 0, 0);

	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	spoil(obj + 7);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, obj + 7, obj, 200, NULL);
	return TEST_SUCCESS;
}

static int
nobody_waits_for_the_report_of_a_trim(void)
{
	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	return with_helper(use_all_locks, write_after_free_and_flush);
}

#define MANY 100

static int
write_behind_and_check(void)
{
	char *objs[MANY];
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk((void **)objs, MANY, 300, 0, 0), 0);
	for (i = 0; i < MANY; i++)
		spoil(objs[i] + 300);
	TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), MANY, "each is told");
	TEST_ASSERT_EQUAL(reports_of(RTE_FASTMEM_ERROR_OVERFLOW), MANY);
	TEST_ASSERT_EQUAL(reports_take(), MANY);
	TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 0, "and once");
	rte_fastmem_free_bulk((void **)objs, MANY);
	return TEST_SUCCESS;
}

static int
nobody_waits_for_the_reports_of_a_check(void)
{
	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	return with_helper(use_all_locks, write_behind_and_check);
}

static void *shared_obj;

static int
free_it_rightly(void)
{
	rte_fastmem_free_sized(shared_obj, 200, 0);
	return TEST_SUCCESS;
}

static int
free_it_wrongly(void)
{
	shared_obj = rte_fastmem_alloc(200, 0, 0);
	TEST_ASSERT(shared_obj != NULL);
	rte_fastmem_free_sized(shared_obj, 201, 0);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_SIZE, shared_obj, shared_obj, 200, NULL);
	return TEST_SUCCESS;
}

static int
an_object_can_be_freed_while_a_wrong_free_is_reported(void)
{
	return with_helper(free_it_rightly, free_it_wrongly);
}

/* Another thread goes through all records, again and again. */
static int walks_on; /* atomic */

static void *
walk_all(void *arg)
{
	RTE_SET_USED(arg);
	while (rte_atomic_load_explicit(&walks_on, rte_memory_order_relaxed))
		rte_fastmem_leaks_free(rte_fastmem_leaks_snapshot());
	return NULL;
}

#define LIMIT (8 << 20)
#define LIVE 20000
#define ROUNDS 200

/* All memory by turns for objects of two sizes: what one has given up, the other gets. */
static unsigned int
use_all_memory(unsigned int round)
{
	static void *objs[LIMIT >> 10];
	unsigned int n = fill_up(objs, RTE_DIM(objs), round % 2 ? 30000 : 6000);

	rte_fastmem_free_bulk(objs, n);
	return n;
}

static int
use_as_much_as(const unsigned int *quiet)
{
	unsigned int i, n;

	for (i = 0; i < ROUNDS; i++) {
		n = use_all_memory(i);
		TEST_ASSERT(n * 10 > quiet[i % 2] * 9, "%u of %u objects in round %u", n,
			quiet[i % 2], i);
	}
	return TEST_SUCCESS;
}

static int
memory_is_given_back_while_all_records_are_walked(void)
{
	static void *live[LIVE];
	unsigned int quiet[2];
	pthread_t thread;
	int ret;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(live, LIVE, 100, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, stats_backing() + LIMIT), 0);
	quiet[0] = use_all_memory(0);
	quiet[1] = use_all_memory(1);
	rte_atomic_store_explicit(&walks_on, 1, rte_memory_order_relaxed);
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, walk_all, NULL), 0);
	ret = use_as_much_as(quiet);
	rte_atomic_store_explicit(&walks_on, 0, rte_memory_order_relaxed);
	pthread_join(thread, NULL);
	rte_fastmem_free_bulk(live, LIVE);
	return ret;
}

#if defined(__x86_64__)
/*
 * A slot at the end of its granule, in front of one that nobody may access: so a check that reads
 * on behind the slot is the end of the test.
 */
#define EDGE_SLOT (16 << 10)
#define EDGE_FRONT 64
#define EDGE_SIZE (EDGE_SLOT - EDGE_FRONT - 16)
#define EDGE_SLOTS 256

struct edge {
	char *objs[EDGE_SLOTS]; /* the last one is the one */
	unsigned int n;
	char *guard;
};

static bool
is_at_edge(const struct edge *e)
{
	uintptr_t end = (uintptr_t)e->objs[e->n - 1] + EDGE_SLOT - EDGE_FRONT;
	const void *behind = (const void *)end;

	return (end & (FASTMEM_GRANULE - 1)) == 0 &&
		fastmem_state(fastmem_granule(fastmem_granule_index(behind))) == FASTMEM_FREE;
}

static int
edge_make(struct edge *e)
{
	/* What is freed can be had again at once. */
	TEST_CALL(debug_again(1));
	e->n = 0;
	do {
		TEST_ASSERT(e->n < EDGE_SLOTS);
		e->objs[e->n] = rte_fastmem_alloc(EDGE_SIZE, 0, 0);
		TEST_ASSERT(e->objs[e->n++] != NULL);
	} while (!is_at_edge(e));
	e->guard = e->objs[e->n - 1] + EDGE_SLOT - EDGE_FRONT;
	if (mprotect(e->guard, getpagesize(), PROT_NONE) != 0)
		return test_skip("a part of a huge page cannot be protected");
	return TEST_SUCCESS;
}

static void
edge_end(struct edge *e)
{
	mprotect(e->guard, getpagesize(), PROT_READ | PROT_WRITE);
	rte_fastmem_free_bulk((void **)e->objs, e->n);
	rte_fastmem_debug_check();
	reports_take();
}

/*
 * What other threads might do between any two instructions of a check, the handler of single steps
 * does: so it is as likely between two reads as anywhere else.
 */
#define CHECKS 20
#define STEPS 5000 /* more than a check takes before it reports something */

static struct {
	struct rng rng;
	uint8_t *byte; /* NULL, or one that is changed and put right */
	RTE_ATOMIC(uint32_t) *size; /* the same of the object's size */
	unsigned int n_steps;
} other;

static void
on_step(int signal, siginfo_t *info, void *arg)
{
	uint64_t random = rng_next(&other.rng);
	ucontext_t *context = arg;

	RTE_SET_USED(signal);
	RTE_SET_USED(info);
	if (++other.n_steps == STEPS)
		context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	if (other.byte != NULL)
		*(volatile uint8_t *)other.byte = random & 1 ? FASTMEM_ZONE_BYTE : 0;
	if (other.size != NULL)
		rte_atomic_store_explicit(other.size, random & 1 ? EDGE_SIZE : EDGE_SIZE - 64,
			rte_memory_order_relaxed);
}

static void
check_once(void)
{
	rte_fastmem_debug_check();
}

static int
check_beside(bool change_byte, bool change_size)
{
	static struct edge e;
	unsigned int i;
	char *obj;
	int ret;

	if (HAS_OWN_HEAP)
		return test_skip("the build has an allocator of its own that checks");
	ret = edge_make(&e);
	obj = e.objs[e.n - 1];
	rng_init(&other.rng, change_byte);
	other.byte = change_byte ? (uint8_t *)obj + EDGE_SIZE : NULL;
	other.size = change_size ? &fastmem_record_of(&fastmem_ctl()->bins[rte_fastmem_bin_of(obj)],
		fastmem_slab_of(obj), obj)->size : NULL;
	for (i = 0; ret == TEST_SUCCESS && i < CHECKS; i++) {
		other.n_steps = 0;
		call_in_steps(check_once, on_step);
	}
	if (other.size != NULL)
		*other.size = EDGE_SIZE;
	edge_end(&e);
	return ret;
}

static int
a_check_stays_in_a_slot_that_is_written_to(void)
{
	return check_beside(true, false);
}

static int
a_check_stays_in_a_slot_whose_object_changes(void)
{
	return check_beside(false, true);
}
#endif

/* What a callback calls. */

static struct {
	unsigned int n;
	int init; /* what rte_fastmem_init() returned */
	bool served, lives;
} in_callback;

static void
call_from_report(void)
{
	void *obj;

	in_callback.n++;
	in_callback.init = rte_fastmem_init();
	rte_fastmem_deinit();
	in_callback.lives = rte_fastmem_contains(shared_obj);
	obj = rte_fastmem_alloc(100000, 0, 0);
	in_callback.served = obj != NULL;
	rte_fastmem_free(obj);
}

static int
a_callback_may_allocate_and_cannot_end_fastmem(void)
{
	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	memset(&in_callback, 0, sizeof(in_callback));
	shared_obj = rte_fastmem_alloc(200, 0, 0);
	TEST_ASSERT(shared_obj != NULL);
	log_begin();
	report_hook = call_from_report;
	rte_fastmem_free((char *)shared_obj + 8);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_INTERIOR, (char *)shared_obj + 8, shared_obj, 200,
		NULL);
	TEST_CALL(write_after_free_and_flush());
	report_hook = NULL;
	TEST_ASSERT_EQUAL(log_end("rte_fastmem_deinit()"), 2);
	TEST_ASSERT_EQUAL(in_callback.n, 2);
	TEST_ASSERT_EQUAL(in_callback.init, -EBUSY);
	TEST_ASSERT(in_callback.lives);
	TEST_ASSERT(in_callback.served);
	rte_fastmem_free(shared_obj);
	return TEST_SUCCESS;
}

/* The last check finds what is damaged. */
static int
a_callback_within_the_end_begins_nothing(void)
{
	char *obj;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	obj = rte_fastmem_alloc(200, 0, 0);
	TEST_ASSERT(obj != NULL);
	memset(&in_callback, 0, sizeof(in_callback));
	shared_obj = obj;
	spoil(obj + 200);
	report_hook = call_from_report;
	rte_fastmem_deinit();
	report_hook = NULL;
	TEST_ASSERT(in_callback.n >= 1);
	TEST_ASSERT_EQUAL(in_callback.init, -EBUSY);
	TEST_ASSERT(in_callback.lives);
	TEST_ASSERT_EQUAL(rte_fastmem_contains(obj), 0);
	reports_take();
	return debug_again(0);
}

/* As EAL's thread of messages does, in a secondary. */
static int
hear_of_the_end(void)
{
	fastmem_close_attached();
	return TEST_SUCCESS;
}

static int
end_with_damage(void)
{
	char *obj = rte_fastmem_alloc(200, 0, 0);

	TEST_ASSERT(obj != NULL);
	spoil(obj + 200);
	rte_fastmem_deinit();
	EXPECT_REPORT(RTE_FASTMEM_ERROR_OVERFLOW, obj + 200, obj, 200, NULL);
	return debug_again(0);
}

/* A process that begins waits for an answer which that thread hears. */
static int
the_thread_of_messages_waits_for_no_begin_or_end(void)
{
	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	return with_helper(hear_of_the_end, end_with_damage);
}

static const struct test_case cases[] = {
	TEST_CASE(nobody_waits_for_the_report_of_an_object_in_quarantine),
	TEST_CASE(nobody_waits_for_the_report_of_a_trim),
	TEST_CASE(nobody_waits_for_the_reports_of_a_check),
	TEST_CASE(an_object_can_be_freed_while_a_wrong_free_is_reported),
	TEST_CASE(memory_is_given_back_while_all_records_are_walked),
	TEST_CASE(a_callback_may_allocate_and_cannot_end_fastmem),
	TEST_CASE(a_callback_within_the_end_begins_nothing),
	TEST_CASE(the_thread_of_messages_waits_for_no_begin_or_end),
#if defined(__x86_64__)
	TEST_CASE(a_check_stays_in_a_slot_that_is_written_to),
	TEST_CASE(a_check_stays_in_a_slot_whose_object_changes),
#endif
	TEST_CASES_END
};

const struct test_suite suite_debug_reports = {
	.name = "debug_reports",
	.about = "checks and reports beside other threads, with RTE_FASTMEM_DEBUG_FULL",
	.setup = debug_up_full,
	.teardown = debug_down,
	.rescue = debug_rescue,
	.cases = cases,
};
