/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Why memory cannot be given back: what is in the chunks, and which threads cache it.
 *
 * A chunk goes back to EAL when nothing is in it. Reads the layers below without stopping
 * anyone: exact while no other thread is inside a fastmem call.
 */

#include <errno.h>
#include <string.h>

#include "fastmem_private.h"
#include "fastmem_hooks.h"

static uint64_t
granules_to_bytes(uint64_t n)
{
	return n << RTE_FASTMEM_GRANULE_SHIFT;
}

/* Slabs of a pool, and of these what its minimum holds. */
static void
add_pool(struct fastmem_bin *bin, struct rte_fastmem_kept *kept)
{
	uint64_t n = 0, least = 0;

	fastmem_bin_lock(bin);
	if (bin->pool != NULL && bin->slab_slots != 0) {
		n = bin->n_granules + (uint64_t)bin->n_limbo * bin->slab_granules;
		least = ((uint64_t)bin->pool->min + bin->slab_slots - 1) / bin->slab_slots *
			bin->slab_granules;
	}
	fastmem_mutex_unlock(&bin->lock);
	kept->bytes_pools += granules_to_bytes(n);
	kept->bytes_pools_min += granules_to_bytes(RTE_MIN(n, least));
}

static void
add_arena(struct fastmem_arena *arena, struct rte_fastmem_kept *kept)
{
	uint32_t first;

	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena) {
		const struct fastmem_granule *chunk = fastmem_granule(first);

		kept->n_chunks++;
		kept->bytes_backing += granules_to_bytes(chunk->chunk_n);
		kept->bytes_held_back += chunk->zone->len - granules_to_bytes(chunk->chunk_n);
		if (chunk->chunk_used == 0)
			kept->bytes_empty += granules_to_bytes(chunk->chunk_n);
	}
	fastmem_mutex_unlock(&arena->lock);
	kept->bytes_reserved += fastmem_arena_reserved(arena);
}

/* Bytes of objects of size classes in a thread's caches. */
static uint64_t
bytes_cached(const struct fastmem_ctl *ctl, const struct fastmem_tcache *t)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 1; i < ctl->first_pool_bin; i++)
		sum += fastmem_cache_objects(t, i) * ctl->bins[i].slot_size;
	return sum;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_kept, 26.11)
int
rte_fastmem_kept(struct rte_fastmem_kept *kept)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	const struct fastmem_tcache *t;
	uint64_t in_chunks;
	unsigned int i;

	if (kept == NULL)
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	memset(kept, 0, sizeof(*kept));
	FASTMEM_HOOK(wrote, kept, sizeof(*kept));
	for (i = 0; i < ctl->n_sockets; i++)
		add_arena(&ctl->arenas[i], kept);
	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_bin_figures figures;

		if (i >= ctl->first_pool_bin) {
			add_pool(&ctl->bins[i], kept);
			continue;
		}
		fastmem_bin_read(ctl, i, &figures);
		if (figures.in_use > 0)
			kept->bytes_live += figures.in_use * ctl->bins[i].slot_size;
	}
	FASTMEM_FOREACH_TCACHE(t, ctl)
		kept->bytes_cached += bytes_cached(ctl, t);
	in_chunks = kept->bytes_live + kept->bytes_cached + kept->bytes_pools + kept->bytes_empty;
	kept->bytes_around = kept->bytes_backing - RTE_MIN(in_chunks, kept->bytes_backing);
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_threads, 26.11)
unsigned int
rte_fastmem_threads(struct rte_fastmem_thread *list, unsigned int n)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	const struct fastmem_tcache *t;
	unsigned int found = 0;

	if (ctl == NULL)
		return 0;
	FASTMEM_FOREACH_TCACHE(t, ctl) {
		uint64_t owner = rte_atomic_load_explicit(&t->owner, rte_memory_order_relaxed);

		if (owner == 0)
			continue;
		if (list != NULL && found < n)
			list[found] = (struct rte_fastmem_thread){
				.pid = ctl->peers[((owner >> 32) - 1) % FASTMEM_MAX_PEERS].pid,
				.tid = (uint32_t)owner,
				.lcore_id = t->lcore,
				.bytes_cached = bytes_cached(ctl, t),
			};
		found++;
	}
	return found;
}
