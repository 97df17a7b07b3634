/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Statistics and the dump: what fastmem_tally.c reads, summed up when asked for.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"
#include "fastmem_tally.h"

static bool
is_class_size(size_t class_size)
{
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);

	for (i = 0; i < n && sizes[i] != class_size; i++)
		;
	return i < n;
}

/* The figures of all classes with slots of that size; of all bins if it is 0. */
static struct fastmem_tally
size_tally(const struct fastmem_ctl *ctl, size_t slot_size, int key)
{
	struct fastmem_tally sum = { 0 };
	unsigned int i;

	for (i = 1; i < (slot_size == 0 ? ctl->n_bins : ctl->first_pool_bin); i++) {
		struct fastmem_tally t = { 0 };

		if (slot_size != 0 && ctl->bins[i].slot_size != slot_size)
			continue;
		if (key == FASTMEM_KEY_EVERYONE)
			fastmem_bin_tally_all(ctl, i, &t);
		else
			fastmem_bin_tally(ctl, i, key, &t);
		t.in_use = tally_positive(t.in_use);
		fastmem_tally_add(&sum, &t);
	}
	return sum;
}

static bool
lcore_exists(const struct fastmem_ctl *ctl, unsigned int lcore_id)
{
	const struct fastmem_tcache *t;

	if (lcore_id >= RTE_MAX_LCORE)
		return false;
	if (fastmem_eal_has_lcore(lcore_id))
		return true;
	/* A thread that was registered once has left its figures. */
	FASTMEM_FOREACH_TCACHE(t, ctl)
		if (t->lcore == (int)lcore_id)
			return true;
	return false;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats, 26.11)
int
rte_fastmem_stats(struct rte_fastmem_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	int64_t n_free = 0;
	unsigned int i;

	if (stats == NULL)
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	memset(stats, 0, sizeof(*stats));
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_tally t;

		fastmem_bin_tally_all(ctl, i, &t);
		stats->bytes_in_use += tally_positive(t.in_use) *
			rte_atomic_load_explicit(&ctl->bins[i].slot_size, rte_memory_order_relaxed);
		stats->alloc_total += t.alloc;
		n_free += t.free - t.misfreed;
		stats->alloc_nomem += t.nomem;
	}
	/* A reset may have come between the free and its discovery. */
	stats->free_total = tally_positive(n_free);
	for (i = 0; i < ctl->n_sockets; i++) {
		struct fastmem_arena *arena = &ctl->arenas[i];

		stats->bytes_backing += fastmem_arena_bytes(arena);
		fastmem_arena_lock(arena);
		stats->bytes_free += arena->n_free << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_mutex_unlock(&arena->lock);
	}
	stats->bytes_metadata = tally_get(&ctl->meta.bytes);
	stats->n_classes = RTE_FASTMEM_N_CLASSES;
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats_class, 26.11)
int
rte_fastmem_stats_class(size_t class_size, struct rte_fastmem_class_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_tally t;
	unsigned int i;

	if (stats == NULL || !is_class_size(class_size))
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	memset(stats, 0, sizeof(*stats));
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	t = size_tally(ctl, class_size, FASTMEM_KEY_EVERYONE);
	stats->class_size = class_size;
	stats->in_use = t.in_use;
	stats->alloc_cache_hits = t.alloc - t.alloc_misses;
	stats->alloc_cache_misses = t.alloc_misses;
	stats->alloc_nomem = t.nomem;
	stats->free_cache_hits = t.free - t.free_misses;
	stats->free_cache_misses = t.free_misses;
	for (i = 1; i < ctl->first_pool_bin; i++) {
		struct fastmem_bin *bin = &ctl->bins[i];

		if (bin->slot_size != class_size)
			continue;
		fastmem_bin_lock(bin);
		stats->slab_acquires += bin->acquires - tally_get(&bin->base_acquires);
		stats->slab_releases += bin->releases - tally_get(&bin->base_releases);
		stats->slabs_partial += bin->n_partial;
		stats->slabs_full += bin->n_slabs - bin->n_partial;
		stats->bytes_backing += bin->n_granules << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_mutex_unlock(&bin->lock);
	}
	return 0;
}

static int
key_class_stats(int key, size_t class_size, struct rte_fastmem_lcore_class_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_tally t;

	if (stats == NULL || (class_size != 0 &&
			!is_class_size(class_size)))
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	if (key != FASTMEM_KEY_SHARED && !lcore_exists(ctl, key))
		return -EINVAL;
	t = size_tally(ctl, class_size, key);
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	stats->class_size = class_size;
	stats->alloc_cache_hits = t.alloc - t.alloc_misses;
	stats->alloc_cache_misses = t.alloc_misses;
	stats->alloc_nomem = t.nomem;
	stats->free_cache_hits = t.free - t.free_misses;
	stats->free_cache_misses = t.free_misses;
	return 0;
}

static int
key_stats(int key, struct rte_fastmem_lcore_stats *stats)
{
	struct rte_fastmem_lcore_class_stats all;
	int ret = key_class_stats(key, 0, stats != NULL ? &all : NULL);

	if (ret != 0)
		return ret;
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	stats->alloc_cache_hits = all.alloc_cache_hits;
	stats->alloc_cache_misses = all.alloc_cache_misses;
	stats->alloc_nomem = all.alloc_nomem;
	stats->free_cache_hits = all.free_cache_hits;
	stats->free_cache_misses = all.free_cache_misses;
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats_lcore, 26.11)
int
rte_fastmem_stats_lcore(unsigned int lcore_id, struct rte_fastmem_lcore_stats *stats)
{
	return lcore_id < RTE_MAX_LCORE ? key_stats(lcore_id, stats) : -EINVAL;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats_lcore_class, 26.11)
int
rte_fastmem_stats_lcore_class(unsigned int lcore_id, size_t class_size,
		struct rte_fastmem_lcore_class_stats *stats)
{
	return lcore_id < RTE_MAX_LCORE && class_size != 0 ?
		key_class_stats(lcore_id, class_size, stats) : -EINVAL;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats_shared, 26.11)
int
rte_fastmem_stats_shared(struct rte_fastmem_lcore_stats *stats)
{
	return key_stats(FASTMEM_KEY_SHARED, stats);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats_shared_class, 26.11)
int
rte_fastmem_stats_shared_class(size_t class_size, struct rte_fastmem_lcore_class_stats *stats)
{
	return class_size != 0 ? key_class_stats(FASTMEM_KEY_SHARED, class_size, stats) : -EINVAL;
}

static void
set(RTE_ATOMIC(uint64_t) *counter, uint64_t value)
{
	rte_atomic_store_explicit(counter, value, rte_memory_order_relaxed);
}

/* Counters run on; what they were at a reset is taken off when they are read. */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_stats_reset, 26.11)
void
rte_fastmem_stats_reset(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_tcache *t;
	unsigned int i;

	if (ctl == NULL)
		return;
	FASTMEM_FOREACH_TCACHE(t, ctl) {
		for (i = 1; i < ctl->n_bins; i++) {
			struct fastmem_counts *counts = fastmem_counts(t, i);
			struct fastmem_tally now;

			if (counts == NULL)
				continue;
			fastmem_cache_read(t, i, &now);
			set(&counts->base_alloc, now.alloc);
			set(&counts->base_free, now.free);
			set(&counts->base_alloc_misses, now.alloc_misses);
			set(&counts->base_free_misses, now.free_misses);
			set(&counts->base_nomem, now.nomem);
		}
	}
	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_bin *bin = &ctl->bins[i];

		fastmem_bin_lock(bin);
		set(&bin->base_acquires, bin->acquires);
		set(&bin->base_releases, bin->releases);
		fastmem_mutex_unlock(&bin->lock);
		set(&bin->base_alloc, tally_get(&bin->direct_alloc));
		set(&bin->base_free, tally_get(&bin->direct_free));
		set(&bin->base_misfreed, tally_get(&bin->misfreed));
		set(&bin->base_nomem, tally_get(&bin->direct_nomem));
		set(&bin->base_quarantined, fastmem_bin_quarantined(ctl, i));
	}
}

static void
dump_processes(FILE *f)
{
	struct rte_fastmem_process list[FASTMEM_MAX_PEERS];
	unsigned int i, n = rte_fastmem_processes(list, RTE_DIM(list));

	for (i = 0; i < RTE_MIN(n, RTE_DIM(list)); i++)
		fprintf(f, "  process %u%s: %u threads, allocated less freed: %" PRId64 " objects, %"
			PRId64 " bytes\n", list[i].pid, list[i].alive ? "" : " (ended)",
			list[i].n_threads, list[i].n_objects, list[i].n_bytes);
}

static void
dump_arena(FILE *f, struct fastmem_arena *arena)
{
	uint64_t limit = rte_atomic_load_explicit(&arena->limit, rte_memory_order_relaxed);
	uint64_t n_granules, n_free;
	unsigned int chunks;

	fastmem_arena_lock(arena);
	chunks = arena->n_chunks;
	n_granules = arena->n_granules;
	n_free = arena->n_free;
	fastmem_mutex_unlock(&arena->lock);

	fprintf(f, "  socket %d: %" PRIu64 " KiB in %u chunks, %" PRIu64 " KiB free, limit ",
		arena->socket_id, n_granules * 64, chunks, n_free * 64);
	if (limit == SIZE_MAX)
		fprintf(f, "none\n");
	else
		fprintf(f, "%" PRIu64 " KiB\n", limit >> 10);
}

static void
dump_kept(FILE *f)
{
	struct rte_fastmem_thread list[64];
	struct rte_fastmem_kept kept;
	unsigned int i, n;

	if (rte_fastmem_kept(&kept) != 0)
		return;
	fprintf(f, "  kept: %" PRIu64 " KiB live, %" PRIu64 " KiB cached by threads, %" PRIu64
		" KiB by pools (%" PRIu64 " by their minima), %" PRIu64 " KiB free around these, %"
		PRIu64 " KiB in empty chunks (%" PRIu64 " reserved), %" PRIu64
		" KiB above a limit\n", kept.bytes_live >> 10, kept.bytes_cached >> 10,
		kept.bytes_pools >> 10, kept.bytes_pools_min >> 10, kept.bytes_around >> 10,
		kept.bytes_empty >> 10, kept.bytes_reserved >> 10, kept.bytes_held_back >> 10);
	n = RTE_MIN(rte_fastmem_threads(list, RTE_DIM(list)), RTE_DIM(list));
	for (i = 0; i < n; i++)
		if (list[i].bytes_cached != 0)
			fprintf(f, "  thread %u of process %u, lcore %d: %" PRIu64 " KiB cached\n",
				list[i].tid, list[i].pid, list[i].lcore_id,
				list[i].bytes_cached >> 10);
}

static void
dump_pool(struct rte_fastmem_pool *pool, void *f)
{
	rte_fastmem_pool_dump(f, pool);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_dump, 26.11)
void
rte_fastmem_dump(FILE *f)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct rte_fastmem_stats all;
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i;

	if (f == NULL)
		return;
	if (rte_fastmem_stats(&all) != 0) {
		fprintf(f, "fastmem: not initialised\n");
		return;
	}
	fprintf(f, "fastmem: %" PRIu64 " KiB in use, %" PRIu64 " KiB backing, %" PRIu64
		" KiB bookkeeping, %" PRIu64 " allocated, %" PRIu64 " freed, %" PRIu64
		" refused\n", all.bytes_in_use >> 10, all.bytes_backing >> 10,
		all.bytes_metadata >> 10, all.alloc_total, all.free_total, all.alloc_nomem);
	for (i = 0; i < ctl->n_sockets; i++)
		dump_arena(f, &ctl->arenas[i]);
	dump_kept(f);
	dump_processes(f);
	fprintf(f, "  %8s %10s %10s %14s %10s %12s %8s %8s\n", "size", "in use", "cached",
		"allocated", "misses", "freed", "partial", "full");
	for (i = 0; i < rte_fastmem_classes(sizes); i++) {
		struct fastmem_tally t = size_tally(ctl, sizes[i], FASTMEM_KEY_EVERYONE);
		struct rte_fastmem_class_stats class_stats;

		/* The primary's deinit may be at work in another process. */
		if (rte_fastmem_stats_class(sizes[i], &class_stats) != 0)
			return;
		if (class_stats.slabs_partial + class_stats.slabs_full + t.alloc == 0)
			continue;
		fprintf(f, "  %8zu %10" PRIu64 " %10" PRIu64 " %14" PRIu64 " %10" PRIu64
			" %12" PRIu64 " %8u %8u\n", sizes[i], t.in_use, t.cached, t.alloc,
			t.alloc_misses, t.free, class_stats.slabs_partial,
			class_stats.slabs_full);
	}
	rte_fastmem_pool_walk(dump_pool, f);
}
