/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a child does to a pool until it is killed: see test_steps.h.
 */

#include <stdlib.h>

#include <rte_fastmem_pool.h>

#include "fastmem_private.h"
#include "test_fastmem.h"
#include "test_steps.h"

#define BULK 100u /* more than a magazine */
#define ENOUGH 120u /* that a cache has its full size and two magazines */

/* Building blocks. */

static struct rte_fastmem_pool *
pool_find(void)
{
	struct rte_fastmem_pool *pool = rte_fastmem_pool_lookup(STEPS_POOL);

	if (pool == NULL)
		abort(); /* the supervisor sees how it ended */
	/* It cannot ask for memory: the answer would go to its parent. */
	fastmem_growth_held = 1;
	return pool;
}

static const struct fastmem_bin *
bin_of(const struct rte_fastmem_pool *pool)
{
	return fastmem_pool_bin(fastmem_pool(pool));
}

static void
get_many(struct steps_state *s, size_t size, unsigned int n)
{
	struct rte_fastmem_pool *pool = pool_find();

	while (n-- > 0) {
		void *obj = rte_fastmem_pool_get(pool);

		if (obj == NULL)
			abort();
		steps_mark(obj, size);
		s->held[s->n_held++] = obj;
	}
}

static void
put_many(struct steps_state *s, unsigned int n)
{
	struct rte_fastmem_pool *pool = pool_find();

	while (n-- > 0)
		rte_fastmem_pool_put(pool, s->held[--s->n_held]);
}

/* The next n objects are put by the operation. */
static void
will_put(struct steps_state *s, unsigned int n)
{
	while (s->freeing < n)
		s->in_call[s->freeing++] = s->held[--s->n_held];
}

/* The next get finds the loaded magazine empty, and the spare one if that is so as well. */
static void
empty_cache(struct steps_state *s, size_t size, bool spare_too)
{
	const struct rte_fastmem_cache *c = rte_fastmem_pool_cache(pool_find());

	while (c->top != c->base || (spare_too && c->spare_n > 0))
		get_many(s, size, 1);
}

/* The next put finds both magazines full. */
static void
fill_cache(struct steps_state *s)
{
	const struct rte_fastmem_cache *c = rte_fastmem_pool_cache(pool_find());
	const struct fastmem_bin *bin = bin_of(pool_find());

	while (c->top != c->end || c->capacity < bin->magazine_size ||
			c->spare_n < bin->magazine_size)
		put_many(s, 1);
}

static unsigned int
in_depot(void)
{
	return fastmem_depot_count(bin_of(pool_find())->full);
}

/* Preparations. */

static void
prepare_found(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	pool_find();
	s->allocating = 1;
}

static void
prepare_empty(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 10);
	empty_cache(s, op->size, true);
	s->allocating = 1;
}

static void
prepare_spare(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, ENOUGH);
	fill_cache(s);
	empty_cache(s, op->size, false);
	s->allocating = 1;
}

static void
prepare_depot(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 400);
	fill_cache(s);
	while (in_depot() < 1)
		put_many(s, 1);
	empty_cache(s, op->size, true);
	s->allocating = 1;
}

static void
prepare_full(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, ENOUGH);
	fill_cache(s);
	will_put(s, 1);
}

/* The next magazine goes back to its slabs. */
static void
prepare_full_depot(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 700);
	while (in_depot() < bin_of(pool_find())->max_full)
		put_many(s, 1);
	fill_cache(s);
	will_put(s, 1);
}

static void
prepare_bulk_get(const struct steps_operation *op, struct steps_state *s)
{
	prepare_empty(op, s);
	s->allocating = BULK;
}

static void
prepare_bulk_put(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 3 * BULK);
	will_put(s, BULK);
}

/* All that is there is in the cache of another, dead or alive. */
static void
prepare_theft(const struct steps_operation *op, struct steps_state *s)
{
	const struct rte_fastmem_cache *c = rte_fastmem_pool_cache(pool_find());
	const struct fastmem_bin *bin = bin_of(pool_find());

	while (bin->slabs != 0 || in_depot() > 0 || c->top != c->base) {
		get_many(s, op->size, 1);
		c = rte_fastmem_pool_cache(pool_find()); /* the first one has made it */
	}
	s->allocating = 1;
}

/* Nothing in the depot, and a few objects in the cache. */
static void
prepare_some(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, ENOUGH);
	put_many(s, ENOUGH / 3);
}

/* The pool has more memory than it needs. */
static void
prepare_unused(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 300);
	put_many(s, 290);
}

static void
prepare_deferred(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 60);
	will_put(s, 40);
	if (rte_fastmem_pool_put_deferred(pool_find(), s->in_call, 20) != 0)
		abort();
}

/* As where membarrier() is not to be had: the thread has no cache of the pool. */
static void
prepare_without_cache(const struct steps_operation *op, struct steps_state *s)
{
	pool_find(); /* attaches */
	fastmem_process.can_steal = false;
	get_many(s, op->size, 10);
	s->allocating = 1;
}

static void
prepare_put_without_cache(const struct steps_operation *op, struct steps_state *s)
{
	pool_find(); /* attaches */
	fastmem_process.can_steal = false;
	get_many(s, op->size, 10);
	will_put(s, 1);
}

/* Operations. */

static void
act_get(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_pool_get(pool_find()) == NULL)
		abort();
}

static void
act_put(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	rte_fastmem_pool_put(pool_find(), s->in_call[0]);
}

static void
act_bulk_get(const struct steps_operation *op, struct steps_state *s)
{
	static void *objs[BULK];

	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_pool_get_bulk(pool_find(), objs, BULK) != 0)
		abort();
}

static void
act_bulk_put(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	rte_fastmem_pool_put_bulk(pool_find(), s->in_call, s->freeing);
}

static void
act_grow(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_pool_grow(pool_find(), STEPS_POOL_MAX / 2) != 0)
		abort();
}

static void
act_trim(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_pool_trim(pool_find()) == 0)
		abort();
}

static void
act_free(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	rte_fastmem_pool_free(pool_find());
}

static void
act_create(const struct steps_operation *op, struct steps_state *s)
{
	const struct rte_fastmem_pool_params params = {
		.name = STEPS_NEW_POOL,
		.size = op->size,
		.socket_id = SOCKET_ID_ANY,
		.min = 100,
		.max = 100,
		.flags = RTE_FASTMEM_POOL_F_CONTIG,
	};

	RTE_SET_USED(s);
	if (rte_fastmem_pool_create(&params) == NULL)
		abort();
}

static void
act_put_deferred(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	if (rte_fastmem_pool_put_deferred(pool_find(), s->in_call + 20, 20) != 0)
		abort();
}

static void
act_reclaim(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_pool_reclaim(pool_find()) != 0)
		abort();
}

static void
act_flush(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	rte_fastmem_cache_flush();
}

static void
act_detach(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	rte_fastmem_deinit();
}

/* There may be none. */
static void
act_steal(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_pool_get(pool_find()) == NULL && rte_errno != ENOBUFS)
		abort();
}

void
steps_see(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(obj);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
}

static void
act_iterate(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	if (rte_fastmem_pool_used_iter(pool_find(), steps_see, NULL) < (int64_t)s->n_held)
		abort();
}

#define SIZE 1000

const struct steps_operation steps_pool_operations[] = {
	/* Those that what is stolen from the dead is left by: see STEPS_POOL_DEATHS. */
	{ "pool: get, magazines swapped", SIZE, prepare_spare, act_get, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: put into a depot", SIZE, prepare_full, act_put, AFTER_NOTHING, STEPS_POOL_FIXED },
	{ "pool: flush", SIZE, prepare_some, act_flush, AFTER_NOTHING, STEPS_POOL_FIXED },
	{ "pool: get, first", SIZE, prepare_found, act_get, AFTER_NOTHING, STEPS_POOL_FIXED },
	{ "pool: get from slabs", SIZE, prepare_empty, act_get, AFTER_NOTHING, STEPS_POOL_FIXED },
	{ "pool: get from a depot", SIZE, prepare_depot, act_get, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: get of external", SIZE, prepare_empty, act_get, AFTER_NOTHING,
		STEPS_POOL_EXTERNAL },
	{ "pool: get that grows", SIZE, prepare_found, act_get, AFTER_NOTHING,
		STEPS_POOL_GROWING },
	{ "pool: get that steals", SIZE, prepare_theft, act_steal, AFTER_HOARDING,
		STEPS_POOL_FIXED },
	{ "pool: get that steals from the dead", SIZE, prepare_theft, act_steal, AFTER_DEATH,
		STEPS_POOL_FIXED },
	{ "pool: get in bulk", SIZE, prepare_bulk_get, act_bulk_get, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: put, returned to slabs", SIZE, prepare_full_depot, act_put, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: put of external", SIZE, prepare_full, act_put, AFTER_NOTHING,
		STEPS_POOL_EXTERNAL },
	{ "pool: put in bulk", SIZE, prepare_bulk_put, act_bulk_put, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: get without a cache", SIZE, prepare_without_cache, act_get, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: get of external without a cache", SIZE, prepare_without_cache, act_get,
		AFTER_NOTHING, STEPS_POOL_EXTERNAL },
	{ "pool: put without a cache", SIZE, prepare_put_without_cache, act_put, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: put of external without a cache", SIZE, prepare_put_without_cache, act_put,
		AFTER_NOTHING, STEPS_POOL_EXTERNAL },
	{ "pool: put deferred", SIZE, prepare_deferred, act_put_deferred, AFTER_NOTHING,
		STEPS_POOL_READ },
	{ "pool: reclaim", SIZE, prepare_deferred, act_reclaim, AFTER_NOTHING, STEPS_POOL_READ },
	{ "pool: grow", SIZE, prepare_found, act_grow, AFTER_NOTHING, STEPS_POOL_GROWING },
	{ "pool: trim", SIZE, prepare_unused, act_trim, AFTER_NOTHING, STEPS_POOL_SHRINKING },
	{ "pool: detach", SIZE, prepare_some, act_detach, AFTER_NOTHING, STEPS_POOL_FIXED },
	{ "pool: objects in use visited", SIZE, prepare_some, act_iterate, AFTER_NOTHING,
		STEPS_POOL_FIXED },
	{ "pool: create", SIZE, prepare_found, act_create, AFTER_NOTHING, STEPS_POOL_FIXED },
	{ "pool: free", SIZE, prepare_found, act_free, AFTER_HOARDING, STEPS_POOL_FIXED },
	{ NULL, 0, NULL, NULL, AFTER_NOTHING, STEPS_NO_POOL }
};
