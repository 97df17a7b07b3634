/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_TALLY_H
#define FASTMEM_TALLY_H

/*
 * What fastmem_tally.c reads from where things are done, for those who sum it up.
 */

#include "fastmem_private.h"

/* What a cache has done, or many; or since the last reset. */
struct fastmem_tally {
	uint64_t alloc;
	uint64_t free;
	uint64_t alloc_misses;
	uint64_t free_misses;
	uint64_t nomem;
	int64_t in_use; /* of one cache: through this cache, which others may have freed */
	int64_t misfreed; /* counted in free, but were not; below 0 where others were freed */
	uint64_t cached;
};

/* Whose figures, beside those of an lcore id. */
#define FASTMEM_KEY_EVERYONE (-2)
#define FASTMEM_KEY_SHARED (-1)

static inline uint64_t
tally_get(const RTE_ATOMIC(uint64_t) *counter)
{
	return rte_atomic_load_explicit(counter, rte_memory_order_relaxed);
}

static inline uint64_t
tally_positive(int64_t n)
{
	return n > 0 ? n : 0;
}

void fastmem_cache_read(const struct fastmem_tcache *t, unsigned int bin,
		struct fastmem_tally *out);
void fastmem_tally_add(struct fastmem_tally *sum, const struct fastmem_tally *t);
void fastmem_bin_tally(const struct fastmem_ctl *ctl, unsigned int bin, int key,
		struct fastmem_tally *sum);
void fastmem_bin_tally_all(const struct fastmem_ctl *ctl, unsigned int bin,
		struct fastmem_tally *out);
int64_t fastmem_bin_quarantined(const struct fastmem_ctl *ctl, unsigned int bin);

#endif /* FASTMEM_TALLY_H */
