/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_RECLAIM_H
#define FASTMEM_RECLAIM_H

/*
 * What fastmem_cache.c and fastmem_reclaim.c share.
 */

#include "fastmem_private.h"

/* fastmem_cache.c */
uint64_t *fastmem_cache_spare_owned(struct fastmem_tcache *t, const struct rte_fastmem_cache *c);
void fastmem_cache_put_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c,
		struct fastmem_magazine *m);
struct fastmem_magazine *fastmem_cache_take_spare(struct fastmem_tcache *t,
		struct rte_fastmem_cache *c);
void fastmem_cache_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, bool to_depot);

/* fastmem_reclaim.c */
struct fastmem_magazine *fastmem_steal_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c,
		uint32_t thief);
bool fastmem_reclaim_hoard(struct fastmem_tcache *t, const struct fastmem_bin *keep);
bool fastmem_depot_drain_one(const struct fastmem_tcache *t, struct fastmem_bin *bin);

#endif /* FASTMEM_RECLAIM_H */
