/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Objects of a bounded pool that are taken out of the cache of a thread at work: two
 * lcores, one of which passes all it has to the other, and always has to take it back
 * from that one's cache. models/take.pml has the same without real time.
 */

#include <sched.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define OBJECTS 8
#define PASSED 5 /* the owner keeps 2 in hand, 1 is spare */
#define KEPT 2
#define ROUNDS 1500
#define TURNS 16 /* of the owner between two looks into the box */

struct object {
	uint32_t in_use; /* atomic: by anybody */
};

enum box_state {
	BOX_EMPTY,
	BOX_FULL,
	BOX_CLOSED, /* by either side */
};

static struct {
	struct rte_fastmem_pool *pool;
	void *box[PASSED];
	uint32_t box_state; /* enum box_state; atomic */
} stage;

static void
object_init(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	struct object *o = obj;

	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
	o->in_use = 0;
}

/* Get n objects, one by one or in bulk. */
static int
get(void **objs, unsigned int n, bool bulk)
{
	unsigned int i;

	if (bulk)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, n), 0);
	for (i = 0; i < n; i++) {
		struct object *o;

		if (!bulk)
			objs[i] = rte_fastmem_pool_get(stage.pool);
		o = objs[i];
		TEST_ASSERT(o != NULL, "object %u of %u: errno %d", i, n, rte_errno);
		TEST_ASSERT_EQUAL(rte_atomic_exchange_explicit(&o->in_use, 1,
			rte_memory_order_acquire), 0, "%p is in two hands", (void *)o);
	}
	return TEST_SUCCESS;
}

static void
put(void **objs, unsigned int n, bool bulk)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		rte_atomic_store_explicit(&((struct object *)objs[i])->in_use, 0,
				rte_memory_order_release);
		if (!bulk)
			rte_fastmem_pool_put(stage.pool, objs[i]);
	}
	if (bulk)
		rte_fastmem_pool_put_bulk(stage.pool, objs, n);
}

static void
box_set(enum box_state state)
{
	rte_atomic_store_explicit(&stage.box_state, state, rte_memory_order_release);
}

static enum box_state
box_state(void)
{
	return rte_atomic_load_explicit(&stage.box_state, rte_memory_order_acquire);
}

static int
owner_turns(bool bulk)
{
	void *objs[KEPT];
	unsigned int i;

	while (box_state() != BOX_CLOSED) {
		if (box_state() == BOX_FULL) {
			put(stage.box, PASSED, bulk);
			box_set(BOX_EMPTY);
		}
		for (i = 0; i < TURNS; i++) {
			TEST_CALL(get(objs, KEPT, bulk));
			put(objs, KEPT, bulk);
		}
		sched_yield();
	}
	return TEST_SUCCESS;
}

static int
taker_rounds(bool bulk)
{
	void *objs[PASSED];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		TEST_CALL(get(objs, PASSED, bulk));
		memcpy(stage.box, objs, sizeof(objs));
		box_set(BOX_FULL);
		while (box_state() == BOX_FULL)
			sched_yield(); /* there may be one CPU for both */
		TEST_ASSERT(box_state() == BOX_EMPTY, "the other one has failed");
	}
	return TEST_SUCCESS;
}

static int
owner(void *arg)
{
	int ret = owner_turns(*(const bool *)arg);

	box_set(BOX_CLOSED);
	return ret;
}

static int
taker(void *arg)
{
	int ret = taker_rounds(*(const bool *)arg);

	box_set(BOX_CLOSED);
	return ret;
}

static int
play(bool bulk)
{
	const struct rte_fastmem_pool_params params = {
		.name = "stage",
		.size = sizeof(struct object),
		.socket_id = SOCKET_ID_ANY,
		.min = OBJECTS,
		.max = OBJECTS,
		.cache_size = OBJECTS,
		.ctor = object_init,
	};
	struct worker workers[2] = {
		{ .kind = WORKER_LCORE, .run = owner, .arg = &bulk },
		{ .kind = WORKER_LCORE, .run = taker, .arg = &bulk },
	};

	if (workers_lcores() < RTE_DIM(workers))
		return test_skip("too few lcores");
	box_set(BOX_EMPTY);
	stage.pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(stage.pool != NULL);
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(stage.pool), 0);
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(stage.pool);
	return TEST_SUCCESS;
}

static int
objects_are_taken_from_a_thread_at_work(void)
{
	return play(false);
}

static int
objects_are_taken_from_a_thread_at_work_in_bulk(void)
{
	return play(true);
}

/* What a thief leaves, or is pushed as it comes, is not lost: here it leaves all. */
static int
what_is_left_in_a_cache_can_be_had(void)
{
	const struct rte_fastmem_pool_params params = {
		.name = "left",
		.size = 64,
		.socket_id = SOCKET_ID_ANY,
		.min = OBJECTS,
		.max = OBJECTS,
		.cache_size = OBJECTS,
	};
	void *objs[OBJECTS + 1];
	struct rte_fastmem_cache *c;
	unsigned int round;

	stage.pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(stage.pool != NULL);
	for (round = 0; round < 4; round++) {
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), 0);
		rte_fastmem_pool_put_bulk(stage.pool, objs, OBJECTS - 1);
		/* As forbid() does. */
		c = rte_fastmem_pool_cache(stage.pool);
		TEST_ASSERT(c->top > c->base);
		c->end = c->base;
		c->base += FASTMEM_MAGAZINE_LARGE_CAPACITY + 1;
		if (round % 2 == 0)
			rte_fastmem_pool_put(stage.pool, objs[OBJECTS - 1]);
		else
			rte_fastmem_free(objs[OBJECTS - 1]);
		TEST_ASSERT(c->base <= c->end);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(stage.pool), OBJECTS);
		TEST_CALL(check_live(0));
	}
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), 0);
	rte_fastmem_pool_put_bulk(stage.pool, objs, OBJECTS);
	c->end = c->base;
	c->base += FASTMEM_MAGAZINE_LARGE_CAPACITY + 1;
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(stage.pool, objs, OBJECTS), 0);
	rte_fastmem_pool_put_bulk(stage.pool, objs, OBJECTS);
	rte_fastmem_pool_free(stage.pool);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(what_is_left_in_a_cache_can_be_had),
	TEST_CASE(objects_are_taken_from_a_thread_at_work),
	TEST_CASE(objects_are_taken_from_a_thread_at_work_in_bulk),
	TEST_CASES_END
};

const struct test_suite suite_pool_steal = {
	.name = "pool_steal",
	.about = "objects of a pool in caches of threads at work",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
