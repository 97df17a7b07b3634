/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_POOL_POOL_H
#define FASTMEM_POOL_POOL_H

/*
 * Typed pools: what other folders call. What the files of pools share: pool_private.h.
 */

#include "fastmem_process.h"
#include "fastmem_shared.h"

/* pool_steal.c */
void fastmem_steal_init(void);

/* pool.c */
void fastmem_pools_init(struct fastmem_ctl *ctl);
void fastmem_pools_take_back(struct fastmem_ctl *ctl, unsigned int peer);
extern uint32_t fastmem_readers_ms; /* that a pool is not freed for; tests set it */

/* pool_grow.c */
__rte_internal
void fastmem_pool_drop(struct rte_fastmem_pool *user);

static inline struct fastmem_pool *
fastmem_pool(const struct rte_fastmem_pool *user)
{
	return (struct fastmem_pool *)(uintptr_t)user;
}

static inline bool
fastmem_pool_is_live(const struct fastmem_pool *pool)
{
	/* Pairs with the release in fastmem_pool_set_state(): who has the pool has seen that. */
	return rte_atomic_load_explicit(&pool->state, rte_memory_order_relaxed) ==
		FASTMEM_POOL_LIVE;
}

static inline struct fastmem_bin *
fastmem_pool_bin(const struct fastmem_pool *pool)
{
	return &fastmem_ctl()->bins[pool->bin];
}

/* pool_grow.c */
size_t fastmem_pools_shrink(struct fastmem_ctl *ctl, int socket_id,
		const struct fastmem_pool *growing);
int fastmem_pool_grow(struct fastmem_pool *pool, uint32_t generation, uint32_t n);

/* pool_defer.c */
unsigned int fastmem_defer_count(const struct fastmem_pool *pool);
void fastmem_defer_end_all(void);
void fastmem_defer_forked(void);

#endif /* FASTMEM_POOL_POOL_H */
