/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The begin and the end of fastmem in a process, and of threads that are cancelled.
 */

#include <pthread.h>
#include <sched.h>

#include <rte_cycles.h>
#include <rte_fastmem_debug.h>
#include <rte_fastmem_pool.h>
#include <rte_log.h>
#include <rte_memory.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

/* Begin. */

#define N_INITS 8
#define N_ROUNDS 20

struct inits {
	pthread_barrier_t barrier;
	unsigned int n_good, n_busy; /* atomic */
};

static void *
init_at_once(void *arg)
{
	struct inits *inits = arg;
	int ret;

	pthread_barrier_wait(&inits->barrier);
	ret = rte_fastmem_init();
	rte_atomic_fetch_add_explicit(&inits->n_good, ret == 0, rte_memory_order_relaxed);
	rte_atomic_fetch_add_explicit(&inits->n_busy, ret == -EBUSY, rte_memory_order_relaxed);
	return NULL;
}

static int
of_many_inits_at_once_one_succeeds(void)
{
	pthread_t threads[N_INITS];
	unsigned int round, i;

	for (round = 0; round < N_ROUNDS; round++) {
		struct inits inits = { .n_good = 0 };

		rte_fastmem_deinit();
		pthread_barrier_init(&inits.barrier, NULL, N_INITS);
		for (i = 0; i < N_INITS; i++)
			TEST_ASSERT_EQUAL(pthread_create(&threads[i], NULL, init_at_once, &inits),
				0);
		for (i = 0; i < N_INITS; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&inits.barrier);
		TEST_ASSERT_EQUAL(inits.n_good, 1);
		TEST_ASSERT_EQUAL(inits.n_busy, N_INITS - 1);
		rte_fastmem_free(rte_fastmem_alloc(100, 0, 0));
	}
	return TEST_SUCCESS;
}

struct looker {
	bool stop; /* atomic */
	unsigned int n_found;
};

/* As the first calls of a thread are, that frees what is not fastmem's. */
static void *
look(void *arg)
{
	struct looker *looker = arg;

	while (!rte_atomic_load_explicit(&looker->stop, rte_memory_order_relaxed))
		looker->n_found += rte_fastmem_bin_of(looker);
	return NULL;
}

/* ThreadSanitizer tells, and on some machines, a crash. */
static int
a_map_that_appears_is_seen_whole(void)
{
	unsigned int round;
	pthread_t thread;

	for (round = 0; round < N_ROUNDS; round++) {
		struct looker looker = { .stop = false };

		rte_fastmem_deinit();
		TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, look, &looker), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
		rte_atomic_store_explicit(&looker.stop, true, rte_memory_order_relaxed);
		pthread_join(thread, NULL);
		TEST_ASSERT_EQUAL(looker.n_found, 0);
	}
	return TEST_SUCCESS;
}

static FILE *log_of_points; /* to write to it is a cancellation point */

/* Cancellation. Each of these would end the thread if it met a cancellation point. */

static void
alloc_and_free(void)
{
	rte_fastmem_free(rte_fastmem_alloc(100, 0, 0));
}

static void
alloc_and_grow(void)
{
	void *objs[8];
	unsigned int i;

	for (i = 0; i < RTE_DIM(objs); i++)
		objs[i] = rte_fastmem_alloc(MIB, 0, 0);
	for (i = 0; i < RTE_DIM(objs); i++)
		rte_fastmem_free(objs[i]);
}

static void
reserve_and_trim(void)
{
	rte_fastmem_reserve(16 * MIB, SOCKET_ID_ANY);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
}

static void
maintain(void)
{
	rte_fastmem_maintain();
}

static void
init_again(void)
{
	rte_fastmem_init();
}

static void
end_and_begin(void)
{
	rte_fastmem_deinit();
	rte_fastmem_init();
}

static void
list_processes(void)
{
	rte_fastmem_processes(NULL, 0);
}

static void
dump(void)
{
	rte_fastmem_dump(log_of_points);
	rte_fastmem_leaks_dump(log_of_points);
	rte_fastmem_object_dump(log_of_points, log_of_points);
	rte_fastmem_pool_dump(log_of_points, NULL);
}

static void
log_a_line(void)
{
	FASTMEM_LOG(ERR, "a line");
}

static void
callback_point(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(obj);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
	pthread_testcancel();
}

static void
use_a_pool(void)
{
	const struct rte_fastmem_pool_params params = { .name = "cancel", .size = 64,
		.ctor = callback_point, .dtor = callback_point, .socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	void *obj;

	if (pool == NULL)
		return;
	obj = rte_fastmem_pool_get(pool);
	rte_fastmem_pool_grow(pool, 100);
	rte_fastmem_pool_obj_iter(pool, callback_point, NULL);
	rte_fastmem_pool_used_iter(pool, callback_point, NULL);
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_pool_trim(pool);
	rte_fastmem_pool_free(pool);
}

static void (*const actions[])(void) = { alloc_and_free, alloc_and_grow, reserve_and_trim, maintain,
	init_again, list_processes, dump, log_a_line, use_a_pool, end_and_begin };

struct cancelled {
	void (*action)(void);
	bool returned;
};

static void *
act_cancelled(void *arg)
{
	struct cancelled *c = arg;

	pthread_cancel(pthread_self());
	c->action();
	c->returned = true;
	pthread_testcancel();
	return NULL;
}

/* EAL maps or unmaps memory; a line is written. */
static void
point_of_eal(enum rte_mem_event type, const void *addr, size_t len, void *arg)
{
	RTE_SET_USED(type);
	RTE_SET_USED(addr);
	RTE_SET_USED(len);
	RTE_SET_USED(arg);
	pthread_testcancel();
}

static ssize_t
point_of_log(void *cookie, const char *text, size_t n)
{
	RTE_SET_USED(cookie);
	RTE_SET_USED(text);
	pthread_testcancel();
	return n;
}

static int
run_cancelled(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(actions); i++) {
		struct cancelled c = { .action = actions[i] };
		pthread_t thread;
		void *result;

		TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, act_cancelled, &c), 0);
		TEST_ASSERT_EQUAL(pthread_join(thread, &result), 0);
		TEST_ASSERT(c.returned, "action %u", i);
		TEST_ASSERT(result == PTHREAD_CANCELED, "action %u", i);
	}
	return TEST_SUCCESS;
}

static int
no_call_is_a_cancellation_point(void)
{
	int ret;

	log_of_points = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = point_of_log });
	TEST_ASSERT(log_of_points != NULL);
	setvbuf(log_of_points, NULL, _IONBF, 0);
	rte_openlog_stream(log_of_points);
	rte_log_set_level(fastmem_logtype, RTE_LOG_DEBUG);
	rte_mem_event_callback_register("test_cancel", point_of_eal, NULL);
	ret = run_cancelled();
	rte_mem_event_callback_unregister("test_cancel", NULL);
	rte_log_set_level(fastmem_logtype, RTE_LOG_NOTICE);
	rte_openlog_stream(NULL);
	fclose(log_of_points);
	TEST_CALL(ret);
	return check_live(0);
}

#define N_GROWERS 16
#define N_SLOTS 24

struct grower {
	void *slots[N_SLOTS]; /* what the thread has when it is cancelled */
	unsigned int stream;
	uint32_t n; /* rounds so far. Atomic */
};

static void *
grow_until_cancelled(void *arg)
{
	struct grower *g = arg;
	struct rng rng;

	rng_init(&rng, g->stream);
	for (;;) {
		unsigned int i = rng_below(&rng, N_SLOTS);

		rte_fastmem_free(g->slots[i]);
		g->slots[i] = rte_fastmem_alloc((size_t)1 << rng_below(&rng, 19), 0, 0);
		if (rng_below(&rng, 50) == 0)
			rte_fastmem_trim(0, SOCKET_ID_ANY);
		rte_atomic_fetch_add_explicit(&g->n, 1, rte_memory_order_relaxed);
		pthread_testcancel();
	}
	return NULL;
}

static int
threads_that_are_cancelled_leave_no_lock(void)
{
	static struct grower growers[N_GROWERS];
	pthread_t threads[N_GROWERS];
	unsigned int round, i, slot;
	struct rng rng;

	rng_init(&rng, N_GROWERS);
	for (round = 0; round < 4; round++) {
		memset(growers, 0, sizeof(growers));
		for (i = 0; i < N_GROWERS; i++) {
			growers[i].stream = round * N_GROWERS + i;
			TEST_ASSERT_EQUAL(pthread_create(&threads[i], NULL, grow_until_cancelled,
				&growers[i]), 0);
		}
		for (i = 0; i < N_GROWERS; i++) {
			uint32_t until = rng_below(&rng, 60);

			while (rte_atomic_load_explicit(&growers[i].n, rte_memory_order_relaxed) <
					until)
				sched_yield();
			pthread_cancel(threads[i]);
		}
		for (i = 0; i < N_GROWERS; i++)
			pthread_join(threads[i], NULL);
		for (i = 0; i < N_GROWERS; i++)
			for (slot = 0; slot < N_SLOTS; slot++)
				rte_fastmem_free(growers[i].slots[slot]);
		TEST_CALL(check_live(0));
	}
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	return TEST_SUCCESS;
}

/* End: caches are taken from threads that may be within a call. */

#if defined(__x86_64__) && !defined(RTE_FASTMEM_TSAN)

static struct {
	unsigned int n; /* steps */
	unsigned int n_wrong; /* of these: the fast path would find no place of caches */
} steps;

/* What the fast path of the thread begins with, between any two instructions of who takes them. */
static void
look_for_caches(int signal, siginfo_t *info, void *arg)
{
	RTE_SET_USED(signal);
	RTE_SET_USED(info);
	RTE_SET_USED(arg);
	steps.n++;
	steps.n_wrong += rte_atomic_load_explicit(&rte_fastmem_tls.caches,
			rte_memory_order_relaxed) == NULL ||
		rte_atomic_load_explicit(&rte_fastmem_tls.classes, rte_memory_order_relaxed) == NULL;
}

static int
a_thread_within_a_call_has_caches_or_sees_that_it_has_none(void)
{
	memset(&steps, 0, sizeof(steps));
	rte_fastmem_free(rte_fastmem_alloc(64, 0, 0));
	rte_fastmem_cache_flush();
	call_in_steps(fastmem_threads_forget, look_for_caches);
	/* Nobody else may have the caches that it had. */
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT(steps.n > 10);
	TEST_ASSERT_EQUAL(steps.n_wrong, 0, "after that many of %u steps", steps.n);
	return TEST_SUCCESS;
}

#else

static int
a_thread_within_a_call_has_caches_or_sees_that_it_has_none(void)
{
	return test_skip("single steps are those of x86, and ThreadSanitizer delays signals");
}

#endif

static const struct test_case cases[] = {
	TEST_CASE(of_many_inits_at_once_one_succeeds),
	TEST_CASE(a_map_that_appears_is_seen_whole),
	TEST_CASE(no_call_is_a_cancellation_point),
	TEST_CASE(threads_that_are_cancelled_leave_no_lock),
	TEST_CASE(a_thread_within_a_call_has_caches_or_sees_that_it_has_none),
	TEST_CASES_END
};

const struct test_suite suite_life = {
	.name = "life",
	.about = "the begin and the end, and threads that are cancelled",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
