/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_MAP_H
#define FASTMEM_MAP_H

/*
 * Granules: from an index or an address to what is known of it. The index of a granule is that of
 * its entry in the granule map.
 */

#include "fastmem_process.h"
#include "fastmem_shared.h"

static inline uint8_t
fastmem_state(const struct fastmem_granule *g)
{
	return rte_atomic_load_explicit(&g->state, rte_memory_order_relaxed);
}

static inline void
fastmem_set_state(struct fastmem_granule *g, enum fastmem_granule_state state)
{
	FASTMEM_MOVE(g->state, state);
}

/*
 * For pointers to which the granule map gave a bin: their leaf exists. Relaxed: what is read depends
 * on the pointer, which fastmem_map_add_leaves() releases.
 */
static inline struct fastmem_granule *
fastmem_granule(uint32_t index)
{
	struct fastmem_leaf *leaf = rte_atomic_load_explicit(
		&fastmem_process.leaves[index >> FASTMEM_LEAF_SHIFT], rte_memory_order_relaxed);

	return &leaf->granules[index & ((1 << FASTMEM_LEAF_SHIFT) - 1)];
}

/* Under arena.lock, or where nobody else is at work. chunk: the first granule of one. */
#define FASTMEM_FOREACH_CHUNK(chunk, arena) \
	for ((chunk) = (arena)->chunks; (chunk) != 0; \
			(chunk) = fastmem_granule(chunk)->chunk_next)

static inline uint32_t
fastmem_granule_index(const void *ptr)
{
	return ((uintptr_t)ptr >> RTE_FASTMEM_GRANULE_SHIFT) - rte_fastmem_map.first;
}

/* The slab that a pointer of some bin points into. */
static inline struct fastmem_granule *
fastmem_slab_of(const void *obj)
{
	uint32_t index = fastmem_granule_index(obj);
	struct fastmem_granule *g = fastmem_granule(index);

	return g->head == index ? g : fastmem_granule(g->head);
}

/* Whether a slab begins here: without arena.lock it may come or go meanwhile. */
static inline bool
fastmem_is_slab_head(uint32_t index)
{
	const struct fastmem_granule *g = fastmem_granule(index);

	return fastmem_state(g) == FASTMEM_SLAB &&
		rte_atomic_load_explicit(&g->head, rte_memory_order_relaxed) == index;
}

static inline char *
fastmem_granule_addr(uint32_t index)
{
	return (char *)((rte_fastmem_map.first + index) << RTE_FASTMEM_GRANULE_SHIFT);
}

/* fastmem_map.c */
int fastmem_map_create(struct fastmem_ctl *ctl);
int fastmem_map_whole(void);
int fastmem_map_attach(const struct fastmem_ctl *ctl);
void fastmem_map_hide(void);
void fastmem_map_detach(void);
int fastmem_map_add_leaves(uint32_t first, uint32_t n);
int fastmem_map_add_held(const struct fastmem_ctl *ctl, unsigned int peer);

#endif /* FASTMEM_MAP_H */
