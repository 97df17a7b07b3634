/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Caches that are not their owner's alone: the lock under which magazines of a pool move, and
 * what a dead thread leaves.
 *
 * Magazines of pools move under pool.caches, because there the objects of the loaded magazine
 * can be taken away as well: pool_steal.c. Whoever finds that the holder of the lock has died
 * puts right what it was about to do.
 */

#include "fastmem_cache.h"

/*
 * Whether a thread is within a move of magazines of this bin. For a pool, under pool.caches, it
 * has died then, as its moves are under that, too.
 */
static bool
is_moving(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	/* In this order: move_bin is of that move, or a later one. Pairs with fastmem_move_begin(). */
	return (rte_atomic_load_explicit(&t->seq, rte_memory_order_acquire) & 1) != 0 &&
		rte_atomic_load_explicit(&t->move_bin, rte_memory_order_relaxed) == bin->id;
}

/*
 * Make the cache of a dead thread one that nobody uses, under pool.caches if it is of a pool:
 * whatever it had is in magazines then, whose n is true. Whoever does this may die as well, and
 * the next begins again.
 */
static void
cache_close(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *m = c->loaded;
	void **top = c->top;

	if ((t->seq & 1) == 0)
		fastmem_move_begin(t, c);
	if (m != NULL && top >= m->objs && top <= m->objs + fastmem_magazine_capacity(m->kind))
		fastmem_magazine_set_n(m, RTE_MAX(m->n, (uint32_t)(top - m->objs)));
	c->capacity = 0;
	FASTMEM_MOVE(c->top, NULL);
	FASTMEM_MOVE(c->base, NULL);
	FASTMEM_MOVE(c->end, NULL);
	FASTMEM_MOVE(c->loaded, NULL);
	FASTMEM_MOVE(c->spare, NULL);
	FASTMEM_MOVE(c->spare_n, 0);
	FASTMEM_MOVE(c->popping, 0);
	FASTMEM_MOVE(c->n_in, t->move_live);
	fastmem_move_end(t);
}

/*
 * The place of a bin's pool, be there one or not: it may be freed while a thread that
 * does not use it gives back all its caches. NULL: the bin is a size class.
 */
static struct fastmem_pool *
place_of(const struct fastmem_bin *bin)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	return bin->id < ctl->first_pool_bin ? NULL :
		&ctl->pools[bin->id - ctl->first_pool_bin];
}

/* What a thread took out of a cache before it died is no more there. */
static void
stolen_repair(struct fastmem_pool *pool)
{
	uint32_t i;

	for (i = pool->stolen_n; i < pool->stolen_total; i++)
		pool->stolen[i] = NULL;
	FASTMEM_MOVE(pool->stolen_total, 0);
}

/*
 * Of all threads' caches of a bin, at most one is not as others may read it: that of the dead
 * owner, within a move, or that which a dead thief was about to forbid.
 */
static void
caches_repair(struct fastmem_bin *bin)
{
	struct fastmem_tcache *t;

	FASTMEM_FOREACH_TCACHE(t, fastmem_ctl()) {
		struct rte_fastmem_cache *c = &t->caches[bin->id];

		if (is_moving(t, bin))
			cache_close(t, bin);
		else if (c->loaded != NULL && c->base == c->end)
			fastmem_cache_forbid_pop(c, c->end);
	}
}

/* The thread that held pool.caches has died. Whoever does this may die as well: the next again. */
static void
repair(struct fastmem_bin *bin, struct fastmem_pool *pool)
{
	/* First this: what was on its way into magazines, or out of them and of caches. */
	fastmem_bins_repair(fastmem_ctl());
	stolen_repair(pool);
	caches_repair(bin);
}

/* Before magazines of a bin move. A size class needs no lock for that. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_caches_lock)
void
fastmem_caches_lock(struct fastmem_bin *bin)
{
	struct fastmem_pool *pool = place_of(bin);

	if (pool != NULL && fastmem_mutex_lock(&pool->caches, FASTMEM_LOCK_CACHES)) {
		repair(bin, pool);
		fastmem_mutex_repaired(&pool->caches);
	}
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_caches_unlock)
void
fastmem_caches_unlock(struct fastmem_bin *bin)
{
	struct fastmem_pool *pool = place_of(bin);

	if (pool != NULL)
		fastmem_mutex_unlock(&pool->caches);
}

static void
close_locked(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	fastmem_caches_lock(bin); /* which may close it */
	if (fastmem_cache_is_open(t, bin) || t->caches[bin->id].spare != NULL ||
			is_moving(t, bin))
		cache_close(t, bin);
	fastmem_caches_unlock(bin);
}

/* Close all caches of a thread of a dead process. */
void
fastmem_tcache_close(struct fastmem_tcache *t)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t bytes;
	uint32_t i;

	/* It may have died within a move, which comes to its end first. */
	if (t->seq & 1)
		close_locked(t, &ctl->bins[t->move_bin]);
	for (i = 1; i < ctl->n_bins; i++)
		if (fastmem_cache_is_open(t, &ctl->bins[i]) || t->caches[i].spare != NULL)
			close_locked(t, &ctl->bins[i]);
	/* Whoever dies between both leaves the sum to the next maintain. */
	bytes = rte_atomic_exchange_explicit(&t->bytes, 0, rte_memory_order_relaxed);
	if (t->lcore < 0)
		rte_atomic_fetch_sub_explicit(&ctl->shared_bytes, bytes, rte_memory_order_relaxed);
}

/*
 * Of a pool that is being freed, and that nobody uses, under pool.caches: the cache is as
 * if it had never been. Atomic, as the statistics go on; its magazines are found by their
 * bin.
 */
void
fastmem_cache_forget(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	RTE_ATOMIC(uint64_t) *counts = (RTE_ATOMIC(uint64_t) *)fastmem_counts(t, bin->id);
	unsigned int i;

	/* First, if killed: what is not open is not flushed. */
	FASTMEM_MOVE(c->loaded, NULL);
	FASTMEM_MOVE(c->top, NULL);
	FASTMEM_MOVE(c->base, NULL);
	FASTMEM_MOVE(c->end, NULL);
	FASTMEM_MOVE(c->spare, NULL);
	FASTMEM_MOVE(c->spare_n, 0);
	FASTMEM_MOVE(c->n_in, 0);
	FASTMEM_MOVE(c->n_alloc, 0);
	FASTMEM_MOVE(c->popping, 0);
	c->capacity = 0;
	for (i = 0; counts != NULL && i < sizeof(struct fastmem_counts) / sizeof(counts[0]); i++)
		FASTMEM_MOVE(counts[i], 0);
}
