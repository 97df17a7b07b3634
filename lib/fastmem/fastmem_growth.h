/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_GROWTH_H
#define FASTMEM_GROWTH_H

/*
 * Whether an arena may grow, as far as is known without a lock: a hint, as a limit, a refusal and
 * the arena may change at any time. Inline, as a call that fails asks for each socket.
 */

#include "fastmem_eal.h"
#include "fastmem_private.h"

/* Granules that the limit leaves. */
static inline uint64_t
fastmem_arena_room(const struct fastmem_arena *arena)
{
	uint64_t limit = rte_atomic_load_explicit(&arena->limit, rte_memory_order_relaxed) >>
			RTE_FASTMEM_GRANULE_SHIFT;
	uint64_t n = rte_atomic_load_explicit(&arena->n_granules, rte_memory_order_relaxed);

	return limit > n ? limit - n : 0;
}

/*
 * Whether it is worth while to try, which takes locks, and of a secondary a message. The primary
 * may make a run longer by less than is asked for. now: cycles of EAL's timer.
 */
static inline bool
fastmem_arena_may_grow(const struct fastmem_arena *arena, uint32_t n, uint32_t align, uint64_t now)
{
	const uint32_t min = n + align - 1;
	const uint64_t most = fastmem_arena_room(arena);

	if (most == 0 || fastmem_growth_held != 0 ||
			fastmem_refusal_holds(&arena->refusal, min, now))
		return false;
	return most >= min || fastmem_is_primary();
}

/* Granules of a bin's next slab. The slabs of a pool are alike. */
static inline uint32_t
fastmem_slab_next_granules(const struct fastmem_bin *bin)
{
	/* Others may add to it: no harm, as all slabs are of one or the other size. */
	return bin->pool == NULL &&
			rte_atomic_load_explicit(&bin->n_granules, rte_memory_order_relaxed) <
			bin->slab_granules ? bin->small_granules : bin->slab_granules;
}

/* Whether the arena of a bin may grow for another slab of it. */
static inline bool
fastmem_slab_may_grow(const struct fastmem_arena *arena, const struct fastmem_bin *bin, uint64_t now)
{
	return fastmem_arena_room(arena) != 0 && /* at a limit, no more is looked at */
		fastmem_arena_may_grow(arena, fastmem_slab_next_granules(bin), bin->slab_align, now);
}

#endif /* FASTMEM_GROWTH_H */
