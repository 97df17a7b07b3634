/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that are killed after each so many instructions of an operation on a pool.
 *
 * After each death the primary gets all objects that there are, wherever they are, before
 * anything is taken back from the dead: so it steals from the caches of the dead as they are.
 * Each object must be one, of its own number, and of none that the dead has.
 */

#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_log.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_private.h"
#include "test_fastmem.h"
#include "test_steps.h"

#define MAGAZINE 32
#define LEFT 20u /* objects in the cache of the primary */
#define LEFT_BY_DEAD 130u
#define FIRST_DEATH_WITHIN 1500 /* instructions */

static struct rte_fastmem_pool *pool;
static void *got[2 * STEPS_POOL_MAX];
static unsigned int n_got;
static uint64_t seen[2 * STEPS_POOL_MAX / 64 + 1]; /* numbers */

static int
make_pool(enum steps_pool_kind kind)
{
	struct steps_state *state = steps_state_get();
	struct rte_rcu_qsbr *readers = (void *)state->readers;
	const bool grows = kind == STEPS_POOL_GROWING || kind == STEPS_POOL_SHRINKING;
	struct rte_fastmem_pool_params params = {
		.name = STEPS_POOL,
		.size = 1000,
		.socket_id = SOCKET_ID_ANY,
		.min = grows ? 0 : STEPS_POOL_MAX,
		.max = STEPS_POOL_MAX,
		.cache_size = MAGAZINE,
		.flags = kind == STEPS_POOL_SHRINKING ? RTE_FASTMEM_POOL_F_SHRINK : 0,
		.qsbr = kind == STEPS_POOL_READ ? readers : NULL,
	};
	unsigned int i;

	if (kind == STEPS_POOL_EXTERNAL) {
		params.min = 0;
		params.size = sizeof(state->external[0]);
		params.flags = RTE_FASTMEM_POOL_F_EXTERNAL;
	}
	TEST_ASSERT(rte_rcu_qsbr_get_memsize(1) <= sizeof(state->readers));
	TEST_ASSERT_EQUAL(rte_rcu_qsbr_init(readers, 1), 0);
	pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(pool != NULL, "%s", rte_strerror(rte_errno));
	for (i = 0; kind == STEPS_POOL_EXTERNAL && i < STEPS_POOL_MAX; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, &(void *){ state->external[i] }, 1),
			0);
	return TEST_SUCCESS;
}

/* Get all that there is. */
static void
get_all(void)
{
	while (n_got < RTE_DIM(got) && (got[n_got] = rte_fastmem_pool_get(pool)) != NULL)
		n_got++;
}

static void
put_all(void)
{
	while (n_got > 0)
		rte_fastmem_pool_put(pool, got[--n_got]);
}

static uint32_t
number_of(const void *obj, enum steps_pool_kind kind)
{
	const struct steps_state *state = steps_state_get();

	return kind != STEPS_POOL_EXTERNAL ? rte_fastmem_pool_index(pool, obj) :
		((uintptr_t)obj - (uintptr_t)state->external) / sizeof(state->external[0]);
}

/* Each of these is an object, and no one is seen twice. */
static int
check_see(void *const *objs, unsigned int n, enum steps_pool_kind kind)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t number = number_of(objs[i], kind);

		/* The numbers of memory that has left are not used again. */
		TEST_ASSERT(number < (kind == STEPS_POOL_SHRINKING ? 2 : 1) * STEPS_POOL_MAX,
			"%p has number %u", objs[i], number);
		TEST_ASSERT((seen[number / 64] >> number % 64 & 1) == 0, "%p, number %u: twice",
			objs[i], number);
		seen[number / 64] |= UINT64_C(1) << number % 64;
	}
	return TEST_SUCCESS;
}

static bool
is_got(const void *obj)
{
	unsigned int i;

	for (i = 0; i < n_got; i++)
		if (got[i] == obj)
			return true;
	return false;
}

/* What the dead one was about to put, and has not, is put. */
static unsigned int
put_in_call(const struct steps_state *state)
{
	void *objs[STEPS_IN_CALL];
	unsigned int i, n = 0;

	for (i = 0; i < state->freeing; i++)
		if (!is_got(state->in_call[i]))
			objs[n++] = state->in_call[i];
	rte_fastmem_pool_put_bulk(pool, objs, n);
	return n;
}

/* unknown: objects of those that have died before that one, at most. lost: that nobody has. */
static int
check_pool(const struct steps_operation *op, unsigned int unknown, uint64_t *lost)
{
	const struct steps_state *state = steps_state_get();
	unsigned int i, known;

	memset(seen, 0, sizeof(seen));
	get_all();
	for (i = 0; i < n_got; i++)
		steps_mark(got[i], op->size);
	TEST_CALL(check_see(got, n_got, op->pool));
	TEST_CALL(check_see(state->held, state->n_held, op->pool));
	for (i = 0; i < n_got; i++)
		TEST_ASSERT(steps_is_marked(got[i], op->size), "objects overlap");
	for (i = 0; i < state->n_held; i++)
		TEST_ASSERT(steps_is_marked(state->held[i], op->size), "of the dead");
	known = n_got + state->n_held;
	TEST_ASSERT(known <= STEPS_POOL_MAX, "%u objects", known);
	TEST_ASSERT(known + state->freeing + state->allocating + unknown >= STEPS_POOL_MAX,
		"%u got, %u held, %u and %u in a call: of %u", n_got, state->n_held,
		state->freeing, state->allocating, STEPS_POOL_MAX);
	known += put_in_call(state);
	*lost += STEPS_POOL_MAX - known;
	put_all();
	rte_fastmem_pool_put_bulk(pool, state->held, state->n_held);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), STEPS_POOL_MAX - known);
	if (op->pool != STEPS_POOL_EXTERNAL)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_used_iter(pool, steps_see, NULL),
			STEPS_POOL_MAX - known);
	return TEST_SUCCESS;
}

/* What the child was making or freeing is there, or is not. */
static int
check_pools(void)
{
	struct rte_fastmem_pool *new;

	/* Not before it is taken back: it may be half made. */
	rte_fastmem_maintain();
	new = rte_fastmem_pool_lookup(STEPS_NEW_POOL);
	if (new != NULL)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(new), 100);
	rte_fastmem_pool_free(new);
	if (rte_fastmem_pool_lookup(STEPS_POOL) == NULL)
		pool = NULL;
	return TEST_SUCCESS;
}

/* Another child dies, and leaves in its cache much of what is free. */
static int
die_before(struct rng *rng, unsigned int *unknown)
{
	const struct steps_state *state = steps_state_get();
	int64_t reached;

	while (n_got < STEPS_POOL_MAX - LEFT_BY_DEAD)
		got[n_got++] = rte_fastmem_pool_get(pool);
	rte_fastmem_cache_flush();
	TEST_CALL(steps_die(&steps_pool_operations[rng_below(rng, STEPS_POOL_DEATHS)],
		rng_below(rng, FIRST_DEATH_WITHIN), &reached));
	*unknown = state->n_held + state->freeing + state->allocating;
	return TEST_SUCCESS;
}

/* What is free is in the cache of this thread. */
static void
hoard(void)
{
	get_all();
	while (n_got > STEPS_POOL_MAX - LEFT)
		rte_fastmem_pool_put(pool, got[--n_got]);
}

/* All memory is free, and nothing else is left. */
static int
check_nothing_is_left(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;

	rte_fastmem_cache_flush();
	rte_fastmem_trim(SIZE_MAX, SOCKET_ID_ANY);
	TEST_CALL(check_live(0));
	TEST_CALL(check_magazines());
	for (i = 0; i < ctl->n_sockets; i++)
		TEST_ASSERT_EQUAL(ctl->arenas[i].n_free, ctl->arenas[i].n_granules);
	return TEST_SUCCESS;
}

static int
die_at(const struct steps_operation *op, uint64_t step, struct rng *rng, uint64_t *lost,
		int64_t *reached)
{
	unsigned int unknown = 0;

	n_got = 0;
	TEST_CALL(make_pool(op->pool));
	if (op->before == AFTER_DEATH)
		TEST_CALL(die_before(rng, &unknown));
	if (op->before == AFTER_HOARDING)
		hoard();
	TEST_CALL(steps_die(op, step, reached));
	/* Before anything is taken back from the dead. */
	if (fastmem_pool(pool)->state == FASTMEM_POOL_LIVE) {
		put_all();
		TEST_CALL(check_pool(op, unknown, lost));
	} else {
		rte_fastmem_cache_flush(); /* what was half forgotten is left alone */
	}
	TEST_CALL(check_pools());
	/* While the pool is there: each object is free, cached, or counted as in use. */
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	rte_fastmem_pool_free(pool);
	return check_nothing_is_left();
}

int
death_at_any_instruction_of_a_pool_is_repaired(void)
{
	const struct steps_operation *op;

	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_ERR); /* pools are freed with what is lost */
	for (op = steps_pool_operations; op->name != NULL; op++) {
		TEST_CALL(steps_memory_renew());
		TEST_CALL(steps_die_everywhere(op, die_at));
	}
	return TEST_SUCCESS;
}
