/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Typed pools of which several processes get objects, and processes that are killed.
 */

#include <pthread.h>

#include <rte_fastmem_pool.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define N 2000
#define SIZE 200

enum kind {
	KIND_BOUNDED, /* all objects are there */
	KIND_GROWING, /* none is */
	KIND_MADE, /* the same, with a constructor */
	KIND_READ, /* as the first, with an RCU variable: by whoever has made that */
};

static struct rte_rcu_qsbr *qsbr; /* with one reader */

static void
write_index(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(iova);
	*(uint32_t *)obj = index;
}

/* kind. 0, or an errno. */
static int64_t
call_pool_make(const uint64_t *args)
{
	const struct rte_fastmem_pool_params params = {
		.name = "shared",
		.size = SIZE,
		.socket_id = SOCKET_ID_ANY,
		.min = args[0] == KIND_BOUNDED || args[0] == KIND_READ ? N : 0,
		.max = N,
		.ctor = args[0] == KIND_MADE ? write_index : NULL,
		.qsbr = args[0] == KIND_READ ? qsbr : NULL,
	};

	return rte_fastmem_pool_create(&params) != NULL ? 0 : -rte_errno;
}

static struct rte_fastmem_pool *
pool_find(void)
{
	return rte_fastmem_pool_lookup("shared");
}

/* first, n. Number of objects that could be had. */
static int64_t
call_pool_get(const uint64_t *args)
{
	struct rte_fastmem_pool *pool = pool_find();
	struct item *items = &shared_get()->items[args[0]];
	unsigned int i;

	for (i = 0; pool != NULL && i < args[1]; i++) {
		items[i].ptr = rte_fastmem_pool_get(pool);
		if (items[i].ptr == NULL)
			break;
		items[i].size = SIZE;
		items[i].tag = args[0] + i;
		pattern_fill(items[i].ptr, SIZE, items[i].tag);
	}
	return i;
}

/* first, n. Number of objects that are not as they were left. */
static int64_t
call_pool_put(const uint64_t *args)
{
	struct rte_fastmem_pool *pool = pool_find();
	const struct item *items = &shared_get()->items[args[0]];
	unsigned int i, wrong = 0;

	for (i = 0; i < args[1]; i++) {
		wrong += !pattern_holds(items[i].ptr, items[i].size, items[i].tag);
		rte_fastmem_pool_put(pool, items[i].ptr);
	}
	return wrong;
}

/* first, n. 0, or an errno. */
static int64_t
call_pool_defer(const uint64_t *args)
{
	struct rte_fastmem_pool *pool = pool_find();
	const struct item *items = &shared_get()->items[args[0]];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < args[1] && ret == 0; i++)
		ret = rte_fastmem_pool_put_deferred(pool, &(void *){ items[i].ptr }, 1);
	return ret;
}

static int64_t
call_pool_reclaim(const uint64_t *args __rte_unused)
{
	return rte_fastmem_pool_reclaim(pool_find());
}

static int64_t
call_pool_free(const uint64_t *args __rte_unused)
{
	struct rte_fastmem_pool *pool = pool_find();

	rte_fastmem_pool_free(pool);
	return pool != NULL ? 0 : -ENOENT;
}

static int64_t
call_pool_in_use(const uint64_t *args __rte_unused)
{
	return rte_fastmem_pool_in_use_count(pool_find());
}

/* Threads that get and put without end, a few objects at a time. */

#define HELD 6
#define HAMMERS 2

static void *
hammer(void *arg)
{
	struct rte_fastmem_pool *pool = pool_find();
	void *objs[HELD];
	struct rng rng;

	rng_init(&rng, (uintptr_t)arg);
	for (;;) {
		unsigned int i, got, n = 1 + rng_below(&rng, HELD);

		if (n % 2 == 0) {
			if (rte_fastmem_pool_get_bulk(pool, objs, n) == 0)
				rte_fastmem_pool_put_bulk(pool, objs, n);
			continue;
		}
		for (got = 0; got < n; got++)
			if ((objs[got] = rte_fastmem_pool_get(pool)) == NULL)
				break;
		for (i = 0; i < got; i++)
			rte_fastmem_pool_put(pool, objs[i]);
		if (rng_below(&rng, 64) == 0)
			rte_fastmem_cache_flush();
	}
	return NULL;
}

/* seed, whether the threads have caches. 0, or an errno. */
static int64_t
call_pool_hammer(const uint64_t *args)
{
	pthread_t thread;
	unsigned int i;
	int ret = 0;

	pool_find(); /* attaches */
	if (args[1] == 0)
		fastmem_process.can_steal = false; /* as where membarrier() is not to be had */
	for (i = 0; i < HAMMERS && ret == 0; i++)
		ret = pthread_create(&thread, NULL, hammer, (void *)(args[0] * HAMMERS + i));
	return -ret;
}

const remote_t pool_calls[] = {
	call_pool_hammer,
	call_pool_make,
	call_pool_get,
	call_pool_put,
	call_pool_free,
	call_pool_in_use,
	call_pool_defer,
	call_pool_reclaim,
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

static int
free_pool(void)
{
	TEST_CALL(check_live(0));
	TEST_ASSERT_EQUAL(HERE(call_pool_free, 0), 0);
	return check_live(0);
}

static int
objects_pass_both_ways(void)
{
	enum kind kind;

	for (kind = KIND_BOUNDED; kind <= KIND_MADE; kind++) {
		TEST_ASSERT_EQUAL(HERE(call_pool_make, kind), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, N / 2), N / 2, "kind %u", kind);
		TEST_ASSERT_EQUAL(HERE(call_pool_get, N / 2, N), N / 2);
		TEST_ASSERT_EQUAL(rte_errno, ENOBUFS);
		TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, N / 2), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_put, N / 2, N / 2), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_in_use), 0);
		TEST_CALL(free_pool());
	}
	return TEST_SUCCESS;
}

/* As much as fits has been put there last; its thread sleeps. */
static int
no_process_keeps_free_objects_from_another(void)
{
	unsigned int round;

	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_BOUNDED), 0);
	for (round = 0; round < 5; round++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 2 * N), N);
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_put, 0, N), 0);
		TEST_ASSERT_EQUAL(HERE(call_pool_get, 0, 2 * N), N);
		TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, N), 0);
	}
	return free_pool();
}

static int
what_a_killed_process_had_cached_can_be_had(void)
{
	unsigned int round;

	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_BOUNDED), 0);
	for (round = 0; round < 3; round++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, N - 10 * round), N - 10 * round);
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_put, 10, N - 10 * (round + 1)), 0);
		TEST_CALL(process_kill(&second));
		/* It had 10 in use, which nobody else knows anything about. */
		TEST_ASSERT_EQUAL(HERE(call_pool_get, 0, 2 * N), N - 10 * (round + 1));
		TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, N - 10 * (round + 1)), 0);
		TEST_ASSERT_EQUAL(HERE(call_pool_in_use, 0), 10 * (round + 1));
		TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
		TEST_CALL(process_start(&second));
	}
	TEST_ASSERT_EQUAL(HERE(call_pool_free, 0), 0);
	return TEST_SUCCESS;
}

static int
what_a_process_has_made_outlives_it(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_make, KIND_BOUNDED), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_make, KIND_BOUNDED), -EEXIST);
	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_BOUNDED), -EEXIST);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 10), 10);
	TEST_CALL(process_kill(&second));
	TEST_ASSERT_EQUAL(HERE(call_pool_get, 10, N), N - 10);
	TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, N), 0);
	return free_pool();
}

/* Its constructor is there no more. */
static int
a_pool_with_the_functions_of_another_process_does_not_grow(void)
{
	struct rte_fastmem_pool *pool;
	unsigned int n;

	TEST_ASSERT_EQUAL(ASK(&second, call_pool_make, KIND_MADE), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_get, 0, 1), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 1), 1);
	pool = pool_find();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), -ENOTSUP);
	n = HERE(call_pool_get, 1, N);
	TEST_ASSERT(n > 0 && n < N / 2, "what has been made can be had: %u", n);
	TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, n + 1), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_free), 0);
	TEST_ASSERT(pool_find() == NULL);
	return check_live(0);
}

#define SMALL 64u
#define KILLS 40u

static const struct rte_fastmem_pool_params small_pool = {
	.name = "shared",
	.size = SIZE,
	.socket_id = SOCKET_ID_ANY,
	.min = SMALL,
	.max = SMALL,
	.cache_size = SMALL / 2,
};

static unsigned int
take(struct rte_fastmem_pool *pool, void **objs, unsigned int most)
{
	unsigned int n;

	for (n = 0; n < most; n++)
		if ((objs[n] = rte_fastmem_pool_get(pool)) == NULL)
			break;
	return n;
}

/* lost: objects so far, and with the one that has just been killed. */
static int
check_small_pool(struct rte_fastmem_pool *pool, unsigned int *lost)
{
	void *objs[SMALL + 1];
	unsigned int n = take(pool, objs, RTE_DIM(objs));

	rte_fastmem_pool_put_bulk(pool, objs, n);
	TEST_ASSERT(n <= SMALL - *lost && n + *lost + HAMMERS * HELD >= SMALL,
		"%u of %u, %u were lost before", n, SMALL, *lost);
	*lost = SMALL - n;
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), *lost);
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	return TEST_SUCCESS;
}

static int
kill_at_work(bool caches)
{
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&small_pool);
	unsigned int i, lost = 0, turn;
	void *objs[SMALL];
	struct rng rng;

	TEST_ASSERT(pool != NULL);
	rng_init(&rng, 0);
	for (i = 0; i < KILLS; i++) {
		TEST_ASSERT_EQUAL(ASK(&second, call_pool_hammer, i, caches), 0);
		for (turn = rng_below(&rng, 2000); turn > 0; turn--)
			rte_fastmem_pool_put_bulk(pool, objs, take(pool, objs, SMALL / 2));
		TEST_CALL(process_kill(&second));
		TEST_CALL(check_small_pool(pool, &lost));
		if (lost > SMALL / 2) { /* begin anew */
			rte_fastmem_pool_free(pool);
			TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
			pool = rte_fastmem_pool_create(&small_pool);
			TEST_ASSERT(pool != NULL);
			lost = 0;
		}
		TEST_CALL(process_start(&second));
	}
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/*
 * It had few objects in its hands, and is killed while this process takes what it has
 * cached, and it what this one has.
 */
static int
a_process_that_is_killed_at_work_leaves_the_pool_whole(void)
{
	return kill_at_work(true);
}

/* Each of its gets and puts goes to the slabs, and is counted there. */
static int
a_process_without_caches_that_is_killed_leaves_the_pool_whole(void)
{
	return kill_at_work(false);
}

/* Grace periods: this process is the reader. */

static int
qsbr_make(void)
{
	qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	TEST_ASSERT(qsbr != NULL);
	TEST_ASSERT_EQUAL(rte_rcu_qsbr_init(qsbr, 1), 0);
	TEST_ASSERT_EQUAL(rte_rcu_qsbr_thread_register(qsbr, 0), 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	return TEST_SUCCESS;
}

static void
qsbr_free(void)
{
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	rte_rcu_qsbr_thread_unregister(qsbr, 0);
	rte_free(qsbr);
	qsbr = NULL;
}

/* Both put deferred, and each takes back its own. */
static int
check_deferred(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 200), 200);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_defer, 0, 100), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_defer, 100, 100), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_reclaim), 100, "the reader has not passed");
	TEST_ASSERT_EQUAL(HERE(call_pool_reclaim, 0), 100);
	TEST_ASSERT_EQUAL(HERE(call_pool_in_use, 0), 200);
	rte_rcu_qsbr_quiescent(qsbr, 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_reclaim), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_in_use, 0), 100);
	TEST_ASSERT_EQUAL(HERE(call_pool_reclaim, 0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_in_use), 0);
	return TEST_SUCCESS;
}

static int
each_process_waits_for_the_readers(void)
{
	TEST_CALL(qsbr_make());
	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_READ), 0);
	TEST_CALL(check_deferred());
	/* Those that a killed process had on their way are lost, and not handed out. */
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 50), 50);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_defer, 0, 50), 0);
	TEST_CALL(process_kill(&second));
	rte_rcu_qsbr_quiescent(qsbr, 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_get, 0, 2 * N), N - 50);
	TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, N - 50), 0);
	/* The next one of its number has a queue of its own. */
	TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 60), 60);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_defer, 0, 60), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_reclaim), 60);
	rte_rcu_qsbr_quiescent(qsbr, 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_reclaim), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_in_use, 0), 50);
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_free, 0), 0);
	qsbr_free();
	return TEST_SUCCESS;
}

/* Another process has freed the pool; the next one in its place has other readers. */
static int
a_queue_ends_with_its_pool(void)
{
	struct rte_rcu_qsbr *first;

	TEST_CALL(qsbr_make());
	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_READ), 0);
	TEST_CALL(check_deferred());
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_free, 0), 0);
	first = qsbr; /* it would be found out of use */
	TEST_CALL(qsbr_make());
	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_READ), 0);
	TEST_CALL(check_deferred());
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_free, 0), 0);
	qsbr_free();
	rte_free(first);
	return TEST_SUCCESS;
}

/* What the second process has on its way when the pool is freed is nothing to the next one. */
static int
a_queue_is_not_the_next_pool_s(void)
{
	TEST_CALL(qsbr_make());
	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_READ), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_get, 0, 70), 70);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_defer, 0, 70), 0);
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_free, 0), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_make, KIND_READ), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_get, 0, 2 * N), N);
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_reclaim), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_flush), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_in_use, 0), N);
	TEST_ASSERT_EQUAL(HERE(call_pool_get, N, 1), 0);
	TEST_ASSERT_EQUAL(HERE(call_pool_put, 0, N), 0);
	TEST_CALL(free_pool());
	qsbr_free();
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_process_that_is_killed_at_work_leaves_the_pool_whole),
	TEST_CASE(a_process_without_caches_that_is_killed_leaves_the_pool_whole),
	TEST_CASE(objects_pass_both_ways),
	TEST_CASE(no_process_keeps_free_objects_from_another),
	TEST_CASE(what_a_killed_process_had_cached_can_be_had),
	TEST_CASE(what_a_process_has_made_outlives_it),
	TEST_CASE(a_pool_with_the_functions_of_another_process_does_not_grow),
	TEST_CASE(each_process_waits_for_the_readers),
	TEST_CASE(a_queue_ends_with_its_pool),
	TEST_CASE(a_queue_is_not_the_next_pool_s),
	TEST_CASES_END
};

const struct test_suite suite_pool_processes = {
	.name = "pool_processes",
	.about = "typed pools that processes share",
	.setup = processes_up,
	.teardown = processes_down,
	.rescue = processes_end,
	.cases = cases,
	.with_secondaries = true,
};
