/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Places of pools: which are taken, by whom, in what state. Under pools_lock.
 */

#include <string.h>

#include <rte_string_fns.h>

#include "pool_private.h"

void
fastmem_pools_lock(struct fastmem_ctl *ctl)
{
	/* Each state is one store; what was half made has a maker, who is dead. */
	if (fastmem_mutex_lock(&ctl->pools_lock, FASTMEM_LOCK_POOLS))
		fastmem_mutex_repaired(&ctl->pools_lock);
}

/* Under pools_lock. */
struct fastmem_pool *
fastmem_pool_find(struct fastmem_ctl *ctl, const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		struct fastmem_pool *pool = &ctl->pools[i];

		if (pool->state != FASTMEM_POOL_NONE && strcmp(pool->name, name) == 0)
			return pool;
	}
	return NULL;
}

uint32_t
fastmem_pool_external(const struct rte_fastmem_pool_params *p)
{
	return p->flags & RTE_FASTMEM_POOL_F_EXTERNAL ? p->max : 0;
}

uint32_t
fastmem_pool_contig_words(const struct rte_fastmem_pool_params *p)
{
	return p->flags & RTE_FASTMEM_POOL_F_CONTIG ? (p->max + 63) / 64 : 0;
}

/*
 * Under pools_lock: take a place for a pool, if possible one whose bin still has arrays that are
 * large enough, as metadata is not given back. NULL: all are taken.
 */
struct fastmem_pool *
fastmem_pool_take_place(struct fastmem_ctl *ctl, const struct rte_fastmem_pool_params *p)
{
	struct fastmem_pool *best = NULL;
	unsigned int i;

	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		struct fastmem_pool *pool = &ctl->pools[i];
		const struct fastmem_bin *bin = &ctl->bins[pool->bin];

		if (pool->state != FASTMEM_POOL_NONE)
			continue;
		if (best == NULL)
			best = pool;
		if (bin->store_size >= fastmem_pool_external(p) &&
				bin->big_size >= fastmem_pool_contig_words(p)) {
			best = pool;
			break;
		}
	}
	if (best != NULL) {
		strlcpy(best->name, p->name, sizeof(best->name));
		best->maker = fastmem_process.peer;
		/* Atomic: a late request may compare. */
		rte_atomic_store_explicit(&best->generation, RTE_MAX(best->generation + 1, 1u),
			rte_memory_order_relaxed);
		FASTMEM_MOVE(best->state, FASTMEM_POOL_MAKING);
	}
	return best;
}

void
fastmem_pool_set_state(struct fastmem_ctl *ctl, struct fastmem_pool *pool,
		enum fastmem_pool_state state)
{
	fastmem_pools_lock(ctl);
	FASTMEM_MOVE(pool->state, state);
	fastmem_mutex_unlock(&ctl->pools_lock);
}

uint32_t
fastmem_pool_generation(const struct fastmem_pool *pool)
{
	return rte_atomic_load_explicit(&pool->generation, rte_memory_order_relaxed);
}
