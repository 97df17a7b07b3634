/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Typed pools with readers that hold references without a lock: threads of their own,
 * which tell an rte_rcu_qsbr variable when they have none.
 */

#include <sched.h>
#include <semaphore.h>

#include <rte_cycles.h>
#include <rte_fastmem_pool.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "test_fastmem.h"

#define READERS 2u
#define WRITERS 2u
#define PLACES 8u /* where readers find objects */
#define OBJECTS 32u
#define REPLACED 3000u /* by each writer */
#define SIZE 1000u
#define LOOKS 6u /* of a reader at one object */
#define OF_POOL UINT64_C(0x706f6f6c20706f6f)

/* All fields: atomic. */
struct object {
	uint64_t type; /* OF_POOL, from its constructor on */
	uint64_t key; /* of its present user */
};

static struct {
	struct rte_fastmem_pool *pool;
	struct rte_rcu_qsbr *qsbr;
	struct object *places[PLACES]; /* atomic */
	uint64_t next_key; /* atomic */
	uint32_t reading; /* readers that are online, ever; atomic */
	uint32_t seen; /* objects that readers have looked at; atomic */
	uint32_t end; /* readers: atomic */
	sem_t shown, taken, pass; /* of the reader that holds references */
} stage;

static void
object_make(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	struct object *o = obj;

	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
	rte_atomic_store_explicit(&o->type, OF_POOL, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&o->key, 0, rte_memory_order_relaxed);
}

static int
stage_up(uint32_t min, uint32_t max, uint32_t flags)
{
	struct rte_fastmem_pool_params params = {
		.name = "readers",
		.size = SIZE,
		.socket_id = SOCKET_ID_ANY,
		.min = min,
		.max = max,
		.flags = flags,
		.ctor = object_make,
	};

	memset(&stage, 0, sizeof(stage));
	sem_init(&stage.shown, 0, 0);
	sem_init(&stage.taken, 0, 0);
	sem_init(&stage.pass, 0, 0);
	stage.qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(READERS), RTE_CACHE_LINE_SIZE);
	TEST_ASSERT(stage.qsbr != NULL);
	TEST_ASSERT_EQUAL(rte_rcu_qsbr_init(stage.qsbr, READERS), 0);
	params.qsbr = stage.qsbr;
	stage.pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(stage.pool != NULL, "%d", rte_errno);
	return TEST_SUCCESS;
}

static int
stage_down(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(stage.pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(stage.pool), 0);
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(stage.pool);
	rte_free(stage.qsbr);
	return TEST_SUCCESS;
}

/* Readers: their numbers are the threads' in the RCU variable. */

static void
reader_begin(unsigned int id)
{
	rte_rcu_qsbr_thread_register(stage.qsbr, id);
	rte_rcu_qsbr_thread_online(stage.qsbr, id);
	rte_atomic_fetch_add_explicit(&stage.reading, 1, rte_memory_order_release);
}

static void
reader_end(unsigned int id)
{
	rte_rcu_qsbr_thread_offline(stage.qsbr, id);
	rte_rcu_qsbr_thread_unregister(stage.qsbr, id);
}

static void
wait_for_readers(unsigned int n)
{
	while (rte_atomic_load_explicit(&stage.reading, rte_memory_order_acquire) < n)
		sched_yield();
}

/* As long as a reader has a reference, the object is of its type, and nobody else's. */
static int
look_at(const struct object *o, bool same_user)
{
	uint64_t key = rte_atomic_load_explicit(&o->key, rte_memory_order_relaxed);
	unsigned int i;

	for (i = 0; i < LOOKS; i++) {
		TEST_ASSERT(rte_atomic_load_explicit(&o->type, rte_memory_order_relaxed) == OF_POOL,
			"memory has left with a reader in it");
		if (same_user)
			TEST_ASSERT_EQUAL(rte_atomic_load_explicit(&o->key,
				rte_memory_order_relaxed), key,
				"an object with a reader has a new user");
		sched_yield();
	}
	rte_atomic_fetch_add_explicit(&stage.seen, 1, rte_memory_order_relaxed);
	return TEST_SUCCESS;
}

static int
read_all(unsigned int id)
{
	unsigned int i = id;

	while (!rte_atomic_load_explicit(&stage.end, rte_memory_order_acquire)) {
		const struct object *o = rte_atomic_load_explicit(&stage.places[i++ % PLACES],
				rte_memory_order_acquire);

		if (o != NULL)
			TEST_CALL(look_at(o, true));
		else
			sched_yield();
		rte_rcu_qsbr_quiescent(stage.qsbr, id);
	}
	return TEST_SUCCESS;
}

static int
reader(void *arg)
{
	unsigned int id = (uintptr_t)arg;
	int ret;

	reader_begin(id);
	ret = read_all(id);
	reader_end(id);
	return ret;
}

static int
start_readers(struct worker *workers)
{
	unsigned int i;

	for (i = 0; i < READERS; i++)
		workers[i] = (struct worker){
			.kind = i % 2 == 0 ? WORKER_PTHREAD : WORKER_REGISTERED,
			.run = reader,
			.arg = (void *)(uintptr_t)i,
		};
	TEST_CALL(workers_start(workers, READERS));
	wait_for_readers(READERS);
	return TEST_SUCCESS;
}

static int
end_readers(struct worker *workers)
{
	rte_atomic_store_explicit(&stage.end, 1, rte_memory_order_release);
	return workers_join(workers, READERS);
}

static int
replace(unsigned int place)
{
	struct object *o, *old;

	while ((o = rte_fastmem_pool_get(stage.pool)) == NULL) {
		TEST_ASSERT_EQUAL(rte_errno, ENOBUFS);
		rte_fastmem_pool_reclaim(stage.pool);
		sched_yield();
	}
	rte_atomic_store_explicit(&o->key,
		rte_atomic_fetch_add_explicit(&stage.next_key, 1, rte_memory_order_relaxed) + 1,
		rte_memory_order_relaxed);
	old = rte_atomic_exchange_explicit(&stage.places[place], o, rte_memory_order_acq_rel);
	if (old != NULL)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(stage.pool, (void **)&old, 1), 0);
	return TEST_SUCCESS;
}

static int
writer(void *arg)
{
	struct rng rng;
	unsigned int i;

	rng_init(&rng, 100 + (uintptr_t)arg);
	for (i = 0; i < REPLACED; i++)
		TEST_CALL(replace(rng_below(&rng, PLACES)));
	return TEST_SUCCESS;
}

static int
an_object_with_a_reader_gets_no_new_user(void)
{
	struct worker readers[READERS], writers[WRITERS];
	unsigned int i;
	int ret;

	TEST_CALL(stage_up(OBJECTS, OBJECTS, 0));
	for (i = 0; i < WRITERS; i++)
		writers[i] = (struct worker){
			.kind = i < workers_lcores() ? WORKER_LCORE : WORKER_PTHREAD,
			.run = writer,
			.arg = (void *)(uintptr_t)i,
		};
	TEST_CALL(start_readers(readers));
	ret = workers_run(writers, WRITERS);
	TEST_CALL(end_readers(readers));
	TEST_CALL(ret);
	TEST_ASSERT(stage.seen > 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(stage.pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(stage.pool), PLACES);
	rte_fastmem_pool_put_bulk(stage.pool, (void **)stage.places, PLACES);
	return stage_down();
}

/* A reader that has a reference until it is told to give it up; number 1 goes on and on. */

static int
holder(void *arg)
{
	RTE_SET_USED(arg);
	reader_begin(0);
	sem_wait(&stage.pass);
	rte_rcu_qsbr_quiescent(stage.qsbr, 0);
	sem_post(&stage.taken);
	sem_wait(&stage.pass);
	reader_end(0);
	return TEST_SUCCESS;
}

static int
start_holder(struct worker *workers, int (*run)(void *arg))
{
	workers[0] = (struct worker){ .kind = WORKER_PTHREAD, .run = run };
	workers[1] = (struct worker){ .kind = WORKER_PTHREAD, .run = reader, .arg = (void *)1 };
	TEST_CALL(workers_start(workers, READERS));
	wait_for_readers(READERS);
	return TEST_SUCCESS;
}

static void
let_holder_pass(void)
{
	sem_post(&stage.pass);
	sem_wait(&stage.taken);
}

/* Reader 1 is running, and may need a moment. */
static void
reclaim_all(void)
{
	while (rte_fastmem_pool_reclaim(stage.pool) != 0)
		sched_yield();
}

static int
objects_wait_for_the_last_reader(void)
{
	struct worker readers[READERS];
	void *objs[OBJECTS];
	unsigned int i;

	TEST_CALL(stage_up(OBJECTS, OBJECTS, 0));
	TEST_CALL(start_holder(readers, holder));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(stage.pool, objs, OBJECTS - 1), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(stage.pool, objs, 0), 0);
	for (i = 0; i < 100; i++) {
		sched_yield();
		TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(stage.pool), OBJECTS - 1);
		TEST_ASSERT(rte_fastmem_pool_get(stage.pool) == NULL && rte_errno == ENOBUFS);
	}
	let_holder_pass();
	reclaim_all();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS - 1), 0);
	/* The holder has not passed since then. */
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(stage.pool, objs, OBJECTS), 0);
	for (i = 0; i < 100; i++) {
		sched_yield();
		TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(stage.pool), OBJECTS);
	}
	sem_post(&stage.pass);
	TEST_CALL(end_readers(readers));
	return stage_down();
}

/* Nobody puts deferred any more, or reclaims: who gets finds what has waited long enough. */
static int
a_get_finds_what_readers_have_passed(void)
{
	struct worker readers[READERS];
	uint64_t end;
	void *objs[OBJECTS];
	void *obj;

	TEST_CALL(stage_up(OBJECTS, OBJECTS, 0));
	TEST_CALL(start_holder(readers, holder));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(stage.pool, objs, OBJECTS), 0);
	TEST_ASSERT(rte_fastmem_pool_get(stage.pool) == NULL && rte_errno == ENOBUFS);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), -ENOBUFS);
	let_holder_pass();
	/* Reader 1 is running, and may need a moment. */
	end = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	do {
		sched_yield();
		obj = rte_fastmem_pool_get(stage.pool);
	} while (obj == NULL && rte_get_timer_cycles() < end);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_pool_put(stage.pool, obj);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), 0);
	rte_fastmem_pool_put_bulk(stage.pool, objs, OBJECTS);
	sem_post(&stage.pass);
	TEST_CALL(end_readers(readers));
	return stage_down();
}

/* Get, and put deferred one by one, until the queue is full. arg: how many it took. */
static int
fill_queue(void *arg)
{
	uint32_t *n = arg;
	void *obj;
	int ret;

	for (;;) {
		obj = rte_fastmem_pool_get(stage.pool);
		TEST_ASSERT(obj != NULL, "%d", rte_errno);
		ret = rte_fastmem_pool_put_deferred(stage.pool, &obj, 1);
		if (ret != 0)
			break;
		++*n;
	}
	TEST_ASSERT_EQUAL(ret, -ENOSPC);
	rte_fastmem_pool_put(stage.pool, obj);
	return TEST_SUCCESS;
}

/* By three threads at once: the last one of them fills it to the end. */
static int
fill_queue_by_all(unsigned int *sum)
{
	struct worker fillers[3];
	uint32_t n[RTE_DIM(fillers)] = { 0 };
	struct rte_fastmem_pool_stats stats;
	unsigned int i;

	for (i = 0; i < RTE_DIM(fillers); i++)
		fillers[i] = (struct worker){ .kind = i < workers_lcores() ? WORKER_LCORE :
			WORKER_PTHREAD, .run = fill_queue, .arg = &n[i] };
	TEST_CALL(workers_run(fillers, RTE_DIM(fillers)));
	for (i = 0, *sum = 0; i < RTE_DIM(fillers); i++)
		*sum += n[i];
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(stage.pool, &stats), 0);
	TEST_ASSERT(*sum > 0 && stats.deferred == *sum && stats.in_use == *sum, "%u, %u, %u",
		*sum, stats.deferred, stats.in_use);
	return TEST_SUCCESS;
}

static int
a_full_queue_is_refused_to_all_threads(void)
{
	struct worker readers[READERS];
	unsigned int first, second;

	TEST_CALL(stage_up(0, 0, 0));
	TEST_CALL(start_holder(readers, holder));
	TEST_CALL(fill_queue_by_all(&first));
	let_holder_pass();
	reclaim_all();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(stage.pool), 0);
	/* What was refused has taken no room. */
	TEST_CALL(fill_queue_by_all(&second));
	TEST_ASSERT_EQUAL(second, first);
	sem_post(&stage.pass);
	TEST_CALL(end_readers(readers));
	return stage_down();
}

/* Memory that readers may be in: others want it as soon as it has left the pool. */

#define ROUNDS 20u
#define MANY 2000u
#define OTHERS 64u /* more memory than the pool has */

/* Looks at what is shown from taken to pass. */
static int
type_holder(void *arg)
{
	unsigned int round, i;
	int ret = TEST_SUCCESS;

	RTE_SET_USED(arg);
	reader_begin(0);
	for (round = 0; round < ROUNDS; round++) {
		const struct object *mine[PLACES];

		sem_wait(&stage.shown);
		for (i = 0; i < PLACES; i++)
			mine[i] = rte_atomic_load_explicit(&stage.places[i],
					rte_memory_order_acquire);
		sem_post(&stage.taken);
		sem_wait(&stage.pass);
		for (i = 0; i < PLACES && ret == TEST_SUCCESS; i++)
			ret = look_at(mine[i], false);
		rte_rcu_qsbr_quiescent(stage.qsbr, 0);
		sem_post(&stage.taken);
	}
	reader_end(0);
	return ret;
}

static int
let_others_write(void)
{
	void *others[OTHERS];
	unsigned int i;

	for (i = 0; i < OTHERS; i++) {
		others[i] = rte_fastmem_alloc(64 * KIB, 0, 0);
		TEST_ASSERT(others[i] != NULL);
		memset(others[i], 0xff, 64 * KIB);
	}
	rte_fastmem_free_bulk(others, OTHERS);
	rte_fastmem_cache_flush(); /* it shall be the pool's next time */
	return TEST_SUCCESS;
}

static void
show(void *const *objs, struct rng *rng)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		rte_atomic_store_explicit(&stage.places[i], objs[rng_below(rng, MANY)],
				rte_memory_order_release);
	sem_post(&stage.shown);
	sem_wait(&stage.taken);
	for (i = 0; i < PLACES; i++)
		rte_atomic_store_explicit(&stage.places[i], NULL, rte_memory_order_release);
}

/* Show objects, take them back, and let their memory leave. */
static int
show_and_shrink(struct rng *rng)
{
	static void *objs[MANY];
	unsigned int i;

	for (i = 0; i < MANY; i++)
		TEST_ASSERT((objs[i] = rte_fastmem_pool_get(stage.pool)) != NULL);
	show(objs, rng);
	rte_fastmem_pool_put_bulk(stage.pool, objs, MANY);
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_pool_trim(stage.pool), 0);
		TEST_CALL(let_others_write());
	}
	let_holder_pass();
	while (rte_fastmem_pool_trim(stage.pool) == 0)
		sched_yield(); /* the other reader */
	return let_others_write();
}

static int
memory_with_a_reader_does_not_leave(void)
{
	struct worker readers[READERS];
	struct rng rng;
	unsigned int i;

	TEST_CALL(stage_up(0, 0, RTE_FASTMEM_POOL_F_SHRINK));
	TEST_CALL(start_holder(readers, type_holder));
	rng_init(&rng, 200);
	for (i = 0; i < ROUNDS; i++)
		TEST_CALL(show_and_shrink(&rng));
	TEST_CALL(end_readers(readers));
	return stage_down();
}

static const struct test_case cases[] = {
	TEST_CASE(an_object_with_a_reader_gets_no_new_user),
	TEST_CASE(objects_wait_for_the_last_reader),
	TEST_CASE(a_get_finds_what_readers_have_passed),
	TEST_CASE(a_full_queue_is_refused_to_all_threads),
	TEST_CASE(memory_with_a_reader_does_not_leave),
	TEST_CASES_END
};

const struct test_suite suite_pool_readers = {
	.name = "pool_readers",
	.about = "typed pools with readers in other threads, and grace periods",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
