/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Chunks: the memzones that an arena consists of.
 *
 * A chunk is a memzone, a multiple of a granule in size and alignment. Within a
 * chunk, granules are in slabs or in free runs (fastmem_run.c).
 *
 * The states of the granules are what is true; free runs, their lists and the
 * counts follow from them, and are made anew when the holder of arena.lock dies.
 *
 * Chunks come and go under arena.grow, in the primary process; arena.lock is held for a bounded
 * time.
 */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "fastmem_chunk.h"
#include "fastmem_eal.h"
#include "fastmem_growth.h"
#include "fastmem_hooks.h"
#include "fastmem_trace.h"

/* All from here to the next comment of this kind: under arena.lock. */

/* Also under arena.grow, and read by the statistics without either. */
static void
set_size(struct fastmem_arena *arena, uint64_t n)
{
	RTE_ATOMIC(uint64_t) *n_times = n > arena->n_granules ?
		&arena->n_growths : &arena->n_shrinks;

	if (n == arena->n_granules)
		return; /* a repair has found it right */
	rte_atomic_store_explicit(n_times, *n_times + 1, rte_memory_order_relaxed);
	if (n > arena->n_granules) {
		arena->n_missed = 0;
		arena->missed_run = 0;
	}
	rte_atomic_store_explicit(&arena->n_granules, n, rte_memory_order_relaxed);
}

static void
count_chunks(struct fastmem_arena *arena, uint32_t n)
{
	rte_atomic_store_explicit(&arena->n_chunks, n, rte_memory_order_relaxed);
}

/* Enter the free runs of a chunk. Returns the number of granules in them. */
static uint32_t
chunk_insert_runs(struct fastmem_arena *arena, uint32_t first)
{
	uint32_t end = first + fastmem_granule(first)->chunk_n;
	uint32_t i, n, n_free = 0;

	for (i = first; i < end; i += n) {
		n = 1;
		if (fastmem_state(fastmem_granule(i)) != FASTMEM_FREE)
			continue;
		while (i + n < end && !fastmem_granule(i + n)->breaks &&
				fastmem_state(fastmem_granule(i + n)) == FASTMEM_FREE)
			n++;
		fastmem_run_insert(arena, i, n);
		n_free += n;
	}
	return n_free;
}

static void
chunk_insert(struct fastmem_arena *arena, uint32_t first)
{
	fastmem_granule(first)->chunk_next = arena->chunks;
	FASTMEM_MOVE(arena->chunks, first);
	set_size(arena, arena->n_granules + fastmem_granule(first)->chunk_n);
	count_chunks(arena, arena->n_chunks + 1);
	arena->n_free += chunk_insert_runs(arena, first);
}

/* The last holder of arena.lock has died. */
static void
arena_repair(struct fastmem_arena *arena)
{
	uint64_t n_granules = 0;
	uint32_t n_chunks = 0;
	uint32_t first, i;

	for (i = 0; arena->moving != 0 && i < arena->moving_n; i++)
		fastmem_set_state(fastmem_granule(arena->moving + i), FASTMEM_FREE);
	memset(arena->runs, 0, sizeof(arena->runs));
	arena->nonempty = 0;
	arena->n_free = 0;
	FASTMEM_FOREACH_CHUNK(first, arena) {
		struct fastmem_granule *chunk = fastmem_granule(first);
		uint32_t n_free = chunk_insert_runs(arena, first);

		chunk->chunk_used = chunk->chunk_n - n_free;
		n_granules += chunk->chunk_n;
		n_chunks++;
		arena->n_free += n_free;
	}
	set_size(arena, n_granules);
	count_chunks(arena, n_chunks);
	arena->min_free = RTE_MIN(arena->min_free, arena->n_free);
	FASTMEM_MOVE(arena->moving, 0);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_arena_lock)
void
fastmem_arena_lock(struct fastmem_arena *arena)
{
	if (fastmem_mutex_lock(&arena->lock, FASTMEM_LOCK_ARENA)) {
		arena_repair(arena);
		fastmem_mutex_repaired(&arena->lock);
	}
}

static void
chunk_remove(struct fastmem_arena *arena, RTE_ATOMIC(uint32_t) *link)
{
	uint32_t first = *link;
	struct fastmem_granule *chunk = fastmem_granule(first);
	uint32_t i;

	RTE_ASSERT(chunk->chunk_used == 0);
	FASTMEM_MOVE(*link, chunk->chunk_next);
	for (i = first; i < first + chunk->chunk_n; i++) {
		if (i == first || fastmem_granule(i)->breaks)
			fastmem_run_remove(arena, i);
		fastmem_set_state(fastmem_granule(i), FASTMEM_NONE);
	}
	set_size(arena, arena->n_granules - chunk->chunk_n);
	count_chunks(arena, arena->n_chunks - 1);
	arena->n_free -= chunk->chunk_n;
	arena->min_free = RTE_MIN(arena->min_free, arena->n_free);
}

/* Of a chunk: n granules behind it, which are TAKEN and of its zone, join it as free runs. */
static void
chunk_widen(struct fastmem_arena *arena, uint32_t first, uint32_t n)
{
	struct fastmem_granule *chunk = fastmem_granule(first);
	uint32_t i = first + chunk->chunk_n, end = i + n;

	chunk->chunk_used += n;
	FASTMEM_MOVE(chunk->chunk_n, chunk->chunk_n + n);
	set_size(arena, arena->n_granules + n);
	for (; i < end; i += n) {
		n = fastmem_granule(i)->n;
		fastmem_run_give(arena, i);
	}
}

/* Under arena.grow from here on, and not under arena.lock. Of the primary process. */

/* n granules of a chunk, from one on, become runs in a state. */
static void
granules_describe(uint32_t chunk, uint32_t from, uint32_t n, enum fastmem_granule_state state)
{
	rte_iova_t expected = RTE_BAD_IOVA;
	uint32_t head = from, i;

	if (from != chunk)
		expected = fastmem_granule(from - 1)->iova + FASTMEM_GRANULE;
	for (i = from; i < from + n; i++) {
		struct fastmem_granule *g = fastmem_granule(i);

		g->iova = fastmem_eal_iova(fastmem_granule_addr(i));
		/* Without IO addresses, contiguous is what is contiguous to the CPU. */
		g->breaks = i == chunk || (g->iova != RTE_BAD_IOVA && g->iova != expected);
		expected = g->iova + FASTMEM_GRANULE;
		if (g->breaks)
			head = i;
		g->chunk = chunk;
		g->head = head;
		fastmem_granule(head)->n = i - head + 1;
		g->taker = fastmem_process.peer;
		fastmem_set_state(g, state);
	}
}

/* Huge pages are there; others come at first touch, which need not be later. */
static void
populate_granules(uint32_t first, uint32_t n)
{
	size_t i, page = sysconf(_SC_PAGESIZE);
	volatile char *addr = fastmem_granule_addr(first);

	if (fastmem_eal_has_hugepages())
		return;
	for (i = 0; i < (size_t)n << RTE_FASTMEM_GRANULE_SHIFT; i += page)
		addr[i] = 0;
}

/* Of a chunk's zone. */
static uint32_t
zone_granules(const struct fastmem_granule *chunk)
{
	return chunk->zone->len >> RTE_FASTMEM_GRANULE_SHIFT;
}

static const struct rte_memzone *
zone_reserve(const struct fastmem_arena *arena, size_t bytes, unsigned int flags)
{
	const uint64_t begin = rte_get_timer_cycles();
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;
	uint64_t us;

	snprintf(name, sizeof(name), "fastmem_%u",
		rte_atomic_fetch_add_explicit(&fastmem_ctl()->n_chunk_names, 1,
		rte_memory_order_relaxed));
	FASTMEM_TRACE(growth_asked, arena->socket_id, bytes);
	mz = fastmem_zone_reserve(name, bytes, arena->socket_id, flags, FASTMEM_GRANULE);
	us = (rte_get_timer_cycles() - begin) * 1000000 / rte_get_timer_hz();
	if (mz != NULL)
		FASTMEM_TRACE(growth_granted, arena->socket_id, bytes, us);
	else
		FASTMEM_TRACE(growth_refused, arena->socket_id, bytes, us);
	return mz;
}

/*
 * Add a chunk of n granules, of a zone of that many or more. is_short: the zone is smaller than
 * it should be.
 */
int
fastmem_chunk_add(struct fastmem_arena *arena, uint32_t n, uint32_t n_zone, bool is_short,
		unsigned int flags, bool populate)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_ctl *ctl = fastmem_ctl();
	const struct rte_memzone *mz;
	uint32_t first;

	mz = zone_reserve(arena, (size_t)n_zone << RTE_FASTMEM_GRANULE_SHIFT, flags);
	if (mz == NULL)
		return -rte_errno;
	first = fastmem_granule_index(mz->addr);
	if (first + (uint64_t)n_zone > ctl->n_granules ||
			fastmem_map_add_leaves(first, n_zone) != 0) {
		fastmem_eal_zone_free(mz);
		return -ENOMEM;
	}
	if (populate)
		populate_granules(first, n);
	granules_describe(first, first, n, FASTMEM_FREE);
	fastmem_granule(first)->zone = mz;
	fastmem_granule(first)->chunk_n = n;
	fastmem_granule(first)->chunk_used = 0;
	fastmem_granule(first)->chunk_short = is_short;

	fastmem_arena_lock(arena);
	chunk_insert(arena, first);
	fastmem_mutex_unlock(&arena->lock);
	FASTMEM_LOG(DEBUG, "socket %d: grown by %u KiB to %" PRIu64 " KiB", arena->socket_id,
			n * 64, arena->n_granules * 64);
	return 0;
}

unsigned int
fastmem_chunks_short(struct fastmem_arena *arena)
{
	unsigned int n = 0;
	uint32_t first;

	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena)
		n += fastmem_granule(first)->chunk_short;
	fastmem_mutex_unlock(&arena->lock);
	return n;
}

/* The chunk of whose zone a part is held back; 0: none. There is at most one. */
static uint32_t
chunk_with_rest(struct fastmem_arena *arena)
{
	uint32_t first;

	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena)
		if (fastmem_granule(first)->chunk_n < zone_granules(fastmem_granule(first)))
			break;
	fastmem_mutex_unlock(&arena->lock);
	return first;
}

/* Use what is held back, as far as the limit permits. Returns the number of granules. */
uint32_t
fastmem_chunk_extend(struct fastmem_arena *arena, bool populate)
{
	uint64_t n = fastmem_arena_room(arena);
	uint32_t first, end;

	if (n == 0 || (first = chunk_with_rest(arena)) == 0)
		return 0;
	n = RTE_MIN(n, (uint64_t)zone_granules(fastmem_granule(first)) -
			fastmem_granule(first)->chunk_n);
	end = first + fastmem_granule(first)->chunk_n;
	if (populate)
		populate_granules(end, n);
	granules_describe(first, end, n, FASTMEM_TAKEN);
	fastmem_arena_lock(arena);
	chunk_widen(arena, first, n);
	fastmem_mutex_unlock(&arena->lock);
	return n;
}

/* The first chunk without a slab that can go; NULL: none. */
static const struct rte_memzone *
take_empty(struct fastmem_arena *arena, uint64_t keep)
{
	const struct rte_memzone *mz = NULL;
	RTE_ATOMIC(uint32_t) *link;

	fastmem_arena_lock(arena);
	for (link = &arena->chunks; *link != 0; link = &fastmem_granule(*link)->chunk_next) {
		struct fastmem_granule *chunk = fastmem_granule(*link);

		if (chunk->chunk_used == 0 && arena->n_granules - chunk->chunk_n >= keep) {
			mz = chunk->zone;
			chunk_remove(arena, link);
			break;
		}
	}
	fastmem_mutex_unlock(&arena->lock);
	return mz;
}

static void
zone_free(const struct rte_memzone *mz)
{
	FASTMEM_HOOK(memory_leaves, mz->addr, mz->len);
	fastmem_eal_zone_free(mz);
}

/* Give the first empty chunk back as long as keep granules are left. False: there is none. */
bool
fastmem_chunk_give_empty(struct fastmem_arena *arena, uint64_t keep)
{
	const struct rte_memzone *mz = take_empty(arena, keep);

	if (mz == NULL)
		return false;
	fastmem_growth_held++;
	zone_free(mz);
	fastmem_growth_held--;
	return true;
}

/* With or without arena.grow. */

/* Give all runs back that a dead process has taken, and not made a slab of. */
void
fastmem_runs_take_back(struct fastmem_arena *arena, unsigned int taker)
{
	uint32_t first, i, j;

	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena) {
		uint32_t end = first + fastmem_granule(first)->chunk_n;

		for (i = first; i < end; i++) {
			struct fastmem_granule *g = fastmem_granule(i);

			if (fastmem_state(g) != FASTMEM_TAKEN || g->taker != taker || g->head != i)
				continue;
			for (j = i; j < i + g->n; j++)
				rte_atomic_store_explicit(&fastmem_process.bins[j], 0,
						rte_memory_order_relaxed);
			fastmem_run_give(arena, i);
		}
	}
	fastmem_mutex_unlock(&arena->lock);
}

/* Chunks and free runs, as they are now. */
void
fastmem_arena_read(struct fastmem_arena *arena, struct fastmem_socket_figures *out)
{
	uint32_t first, head, i;

	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena) {
		out->n_zones++;
		out->bytes += (uint64_t)fastmem_granule(first)->chunk_n <<
			RTE_FASTMEM_GRANULE_SHIFT;
	}
	for (i = 0; i < FASTMEM_RUN_LISTS; i++)
		for (head = arena->runs[i]; head != 0; head = fastmem_granule(head)->next)
			out->n_runs++;
	fastmem_mutex_unlock(&arena->lock);
}

/* Give all chunks back, whatever is in them. For deinit: nothing is used after it. */
void
fastmem_arena_destroy(struct fastmem_arena *arena)
{
	uint32_t first = arena->chunks;

	while (first != 0) {
		struct fastmem_granule *chunk = fastmem_granule(first);

		first = chunk->chunk_next;
		zone_free(chunk->zone);
	}
	arena->chunks = 0;
	pthread_mutex_destroy(&arena->lock);
	pthread_mutex_destroy(&arena->grow);
}
