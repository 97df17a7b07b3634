/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef POOL_PRIVATE_H
#define POOL_PRIVATE_H

/*
 * What the files of typed pools share.
 */

#include "fastmem_private.h"

/* pool_state.c */
void fastmem_pools_lock(struct fastmem_ctl *ctl);
struct fastmem_pool *fastmem_pool_find(struct fastmem_ctl *ctl, const char *name);
uint32_t fastmem_pool_external(const struct rte_fastmem_pool_params *p);
uint32_t fastmem_pool_contig_words(const struct rte_fastmem_pool_params *p);
struct fastmem_pool *fastmem_pool_take_place(struct fastmem_ctl *ctl,
		const struct rte_fastmem_pool_params *p);
void fastmem_pool_set_state(struct fastmem_ctl *ctl, struct fastmem_pool *pool,
		enum fastmem_pool_state state);
uint32_t fastmem_pool_generation(const struct fastmem_pool *pool);

/* pool_grow.c */
void fastmem_pool_grow_lock(struct fastmem_pool *pool);
bool fastmem_pool_is_creator(const struct fastmem_pool *pool);
bool fastmem_pool_can_read_qsbr(const struct fastmem_pool *pool);
void fastmem_pool_call_mem(struct fastmem_pool *pool, const struct fastmem_granule *slab,
		rte_fastmem_pool_mem_cb cb, void *arg);
void fastmem_pool_look_begin(struct fastmem_pool *pool);
void fastmem_pool_look_end(struct fastmem_pool *pool);
void fastmem_pool_slab_finish(struct fastmem_pool *pool, struct fastmem_granule *slab,
		bool functions);
size_t fastmem_pool_shrink(struct fastmem_pool *pool, bool grows);

/* pool_defer.c */
void fastmem_defer_end(struct fastmem_pool *pool);
bool fastmem_defer_take_back(struct fastmem_pool *pool);

/* pool_steal.c */
bool fastmem_steal(struct fastmem_bin *bin, const struct fastmem_tcache *self, bool *popping);

#endif /* POOL_PRIVATE_H */
