/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Arenas: the backing memory of each socket.
 *
 * A chunk is a memzone, a multiple of a granule in size and alignment. Within a
 * chunk, granules are in slabs or in free runs (fastmem_run.c).
 *
 * Chunks start small and grow with the arena, and shrink again when EAL or the
 * limit refuses: any size that holds what is asked for will do. A small arena takes
 * what EAL has left over in its pages. EAL gives a zone that is one granule short of a
 * page in just that page, next to EAL's header.
 *
 * arena.lock is held for a bounded time; arena.grow serialises growth and
 * trimming and is held across calls into EAL. Growth and trimming are done by the
 * primary process: the others ask it (fastmem_mp.c).
 *
 * The states of the granules are what is true; free runs, their lists and the
 * counts follow from them, and are made anew when the holder of arena.lock dies.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "fastmem_debug.h"
#include "fastmem_replace_heap.h"

#define PAGE_GRANULES 32u /* of a 2 MiB page */
#define SMALL_ARENA (4 * PAGE_GRANULES) /* granules: 8 MiB */
#define CHUNK_MAX (1024u) /* granules: 64 MiB, or 1/32 of the arena if that is more */
#define CHUNK_HARD_MAX (1u << 16) /* granules: 4 GiB */

void
fastmem_arena_init(struct fastmem_arena *arena, int socket_id)
{
	memset(arena, 0, sizeof(*arena));
	fastmem_mutex_init(&arena->grow);
	fastmem_mutex_init(&arena->lock);
	arena->socket_id = socket_id;
	arena->limit = SIZE_MAX;
}

/* All from here to the next comment of this kind: under arena.lock. */

/* Also under arena.grow, and read by the statistics without either. */
static void
set_size(struct fastmem_arena *arena, uint64_t n)
{
	__atomic_store_n(&arena->n_granules, n, __ATOMIC_RELAXED);
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
	MOVE(arena->chunks, first);
	set_size(arena, arena->n_granules + fastmem_granule(first)->chunk_n);
	arena->n_free += chunk_insert_runs(arena, first);
}

/* The last holder of arena.lock has died. */
static void
arena_repair(struct fastmem_arena *arena)
{
	uint64_t n_granules = 0;
	uint32_t first, i;

	for (i = 0; arena->moving != 0 && i < arena->moving_n; i++)
		fastmem_set_state(fastmem_granule(arena->moving + i), FASTMEM_FREE);
	memset(arena->runs, 0, sizeof(arena->runs));
	arena->nonempty = 0;
	arena->n_free = 0;
	for (first = arena->chunks; first != 0; first = fastmem_granule(first)->chunk_next) {
		struct fastmem_granule *chunk = fastmem_granule(first);
		uint32_t n_free = chunk_insert_runs(arena, first);

		chunk->chunk_used = chunk->chunk_n - n_free;
		n_granules += chunk->chunk_n;
		arena->n_free += n_free;
	}
	set_size(arena, n_granules);
	arena->min_free = RTE_MIN(arena->min_free, arena->n_free);
	MOVE(arena->moving, 0);
}

static void
chunk_remove(struct fastmem_arena *arena, uint32_t *link)
{
	uint32_t first = *link;
	struct fastmem_granule *chunk = fastmem_granule(first);
	uint32_t i;

	RTE_ASSERT(chunk->chunk_used == 0);
	MOVE(*link, chunk->chunk_next);
	for (i = first; i < first + chunk->chunk_n; i++) {
		if (i == first || fastmem_granule(i)->breaks)
			fastmem_run_remove(arena, i);
		fastmem_set_state(fastmem_granule(i), FASTMEM_NONE);
	}
	set_size(arena, arena->n_granules - chunk->chunk_n);
	arena->n_free -= chunk->chunk_n;
	arena->min_free = RTE_MIN(arena->min_free, arena->n_free);
}

/* Under arena.grow from here on, and not under arena.lock. Of the primary process. */

void
fastmem_arena_lock(struct fastmem_arena *arena)
{
	if (fastmem_mutex_lock(&arena->lock)) {
		arena_repair(arena);
		fastmem_mutex_repaired(&arena->lock);
	}
}

static void
grow_lock(struct fastmem_arena *arena)
{
	/* What is done under it is entered by one store; memory that is not yet, is lost. */
	if (fastmem_mutex_lock(&arena->grow))
		fastmem_mutex_repaired(&arena->grow);
}

/* From EAL's own tables: a look into the kernel's would take a system call each. */
static rte_iova_t
iova_of(const void *addr)
{
	const struct rte_memseg *ms;

	if (fastmem_process.iova_is_va)
		return (uintptr_t)addr;
	ms = rte_mem_virt2memseg(addr, NULL);
	if (ms == NULL || ms->iova == RTE_BAD_IOVA)
		return RTE_BAD_IOVA;
	return ms->iova + RTE_PTR_DIFF(addr, ms->addr);
}

static void
chunk_describe(const struct rte_memzone *mz, uint32_t first, uint32_t n)
{
	rte_iova_t expected = RTE_BAD_IOVA;
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct fastmem_granule *g = fastmem_granule(first + i);

		g->iova = iova_of(fastmem_granule_addr(first + i));
		/* Without IO addresses, contiguous is what is contiguous to the CPU. */
		g->breaks = i == 0 || (g->iova != RTE_BAD_IOVA && g->iova != expected);
		expected = g->iova + FASTMEM_GRANULE;
		g->chunk = first;
		fastmem_set_state(g, FASTMEM_FREE);
	}
	fastmem_granule(first)->zone = mz;
	fastmem_granule(first)->chunk_n = n;
	fastmem_granule(first)->chunk_used = 0;
}

/* Add a chunk of n granules. */
static int
chunk_add(struct fastmem_arena *arena, uint32_t n, unsigned int flags, bool populate)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;
	uint32_t first;

	snprintf(name, sizeof(name), "fastmem_%u",
		__atomic_fetch_add(&ctl->n_chunk_names, 1, __ATOMIC_RELAXED));
	/* EAL may call back, and what is called may allocate. */
	fastmem_growth_held++;
	mz = rte_memzone_reserve_aligned(name, (size_t)n << RTE_FASTMEM_GRANULE_SHIFT,
			arena->socket_id, flags, FASTMEM_GRANULE);
	fastmem_growth_held--;
	if (mz == NULL)
		return -ENOMEM;
	first = fastmem_granule_index(mz->addr);
	if (first + (uint64_t)n > ctl->n_granules || fastmem_map_add_leaves(first, n) != 0) {
		rte_memzone_free(mz);
		return -ENOMEM;
	}
	/* Huge pages are there; others come at first touch, which need not be later. */
	if (populate && rte_eal_has_hugepages() == 0) {
		size_t i, page = sysconf(_SC_PAGESIZE);

		for (i = 0; i < mz->len; i += page)
			((volatile char *)mz->addr)[i] = 0;
	}
	chunk_describe(mz, first, n);

	fastmem_arena_lock(arena);
	chunk_insert(arena, first);
	fastmem_mutex_unlock(&arena->lock);
	FASTMEM_LOG(DEBUG, "socket %d: grown by %u KiB to %" PRIu64 " KiB", arena->socket_id,
			n * 64, arena->n_granules * 64);
	return 0;
}

/* Granules that the limit leaves. */
static uint64_t
room(const struct fastmem_arena *arena)
{
	uint64_t limit = __atomic_load_n(&arena->limit, __ATOMIC_RELAXED) >>
			RTE_FASTMEM_GRANULE_SHIFT;
	uint64_t n = __atomic_load_n(&arena->n_granules, __ATOMIC_RELAXED);

	return limit > n ? limit - n : 0;
}

/* Fill the pages that this many granules take, but for EAL's header. */
static uint32_t
whole_pages(uint64_t n)
{
	return RTE_ALIGN_CEIL(RTE_MIN(n, (uint64_t)CHUNK_HARD_MAX) + 1, PAGE_GRANULES) - 1;
}

/* Add a chunk of at least min, and if possible of want granules. flags: of memzones. */
static int
chunk_add_between(struct fastmem_arena *arena, uint32_t min, uint64_t want, unsigned int flags,
		bool populate)
{
	uint64_t most = room(arena);
	uint32_t n;

	if (most < min)
		return -ENOMEM;
	n = RTE_MIN((uint64_t)whole_pages(want), most);
	while (chunk_add(arena, n, flags, populate) != 0) {
		if (n == min)
			return -ENOMEM;
		n = RTE_MAX(min, n / 2);
	}
	return 0;
}

/*
 * Add a chunk of at least min granules in pages that EAL has mapped and makes no use of. While
 * the arena is small this takes no page of the machine, nor the time that it takes to map one.
 */
static int
chunk_add_mapped(struct fastmem_arena *arena, uint32_t min)
{
	struct rte_malloc_socket_stats heap;
	uint64_t n;

	/* What a limit leaves is to be in one piece, for the largest objects. */
	if (arena->n_granules >= SMALL_ARENA || room(arena) < SMALL_ARENA)
		return -ENOMEM;
	/* EAL's own, also in a process where rte_malloc() is fastmem. */
	if (rte_fastmem_replace_get_heap()->get_socket_stats(arena->socket_id, &heap) != 0)
		return -ENOMEM;
	/* One granule is lost to the alignment and EAL's header. Many small chunks are of no use. */
	n = heap.greatest_free_size >> RTE_FASTMEM_GRANULE_SHIFT;
	n = RTE_MIN(n - (n > 0), (uint64_t)PAGE_GRANULES - 1);
	return n < RTE_MAX(min, PAGE_GRANULES / 8) ? -ENOMEM : chunk_add(arena, n, 0, false);
}

/* The interface: takes the locks that it needs, and asks the primary to do its part. */

static bool
is_primary(void)
{
	return rte_eal_process_type() == RTE_PROC_PRIMARY;
}

static unsigned int
arena_index(const struct fastmem_arena *arena)
{
	return arena - fastmem_ctl()->arenas;
}

/* Give all runs back that a dead process has taken, and not made a slab of. */
void
fastmem_runs_take_back(struct fastmem_arena *arena, unsigned int taker)
{
	uint32_t first, i, j;

	fastmem_arena_lock(arena);
	for (first = arena->chunks; first != 0; first = fastmem_granule(first)->chunk_next) {
		uint32_t end = first + fastmem_granule(first)->chunk_n;

		for (i = first; i < end; i++) {
			struct fastmem_granule *g = fastmem_granule(i);

			if (fastmem_state(g) != FASTMEM_TAKEN || g->taker != taker || g->head != i)
				continue;
			for (j = i; j < i + g->n; j++)
				__atomic_store_n(&fastmem_process.bins[j], 0, __ATOMIC_RELAXED);
			fastmem_run_give(arena, i);
		}
	}
	fastmem_mutex_unlock(&arena->lock);
}

/*
 * Grow until there is a run of n granules, aligned to align granules, for the
 * fastest to take. -ENOMEM: EAL or the limit refuses.
 */
int
fastmem_arena_grow(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	uint32_t min = n + align - 1;
	uint64_t want;
	int ret = 0;

	if (fastmem_growth_held != 0)
		return -ENOMEM;
	if (!is_primary()) /* which takes a while, and at the limit would take it in vain */
		return room(arena) >= min ? fastmem_mp_grow(arena_index(arena), n, align) :
				-ENOMEM;
	grow_lock(arena);
	/* Another thread may have grown it while this one waited. */
	if (!fastmem_has_run(arena, n, align)) {
		want = RTE_MIN(arena->n_granules / 8,
				RTE_MAX((uint64_t)CHUNK_MAX, arena->n_granules / 32));
		ret = chunk_add_mapped(arena, min);
		if (ret != 0)
			ret = chunk_add_between(arena, min, RTE_MAX(want, min), 0, false);
		/* Pages that are small or far from each other may not hold it: EAL knows more. */
		if (ret == 0 && n > 1 && !fastmem_has_run(arena, n, align))
			ret = chunk_add_between(arena, min, min, RTE_MEMZONE_IOVA_CONTIG, false);
	}
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/* Grow to at least this many bytes in all. */
int
fastmem_arena_reserve(struct fastmem_arena *arena, uint64_t bytes)
{
	uint64_t n = (bytes >> RTE_FASTMEM_GRANULE_SHIFT) + ((bytes & (FASTMEM_GRANULE - 1)) != 0);
	int ret = 0;

	if (fastmem_growth_held != 0)
		return -ENOMEM;
	if (!is_primary())
		return fastmem_mp_reserve(arena_index(arena), bytes);
	grow_lock(arena);
	while (ret == 0 && arena->n_granules < n)
		ret = chunk_add_between(arena, 1, n - arena->n_granules, 0, true);
	arena->n_reserved = RTE_MAX(arena->n_reserved, RTE_MIN(n, arena->n_granules));
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/* Grow by about n granules. */
int
fastmem_arena_grow_by(struct fastmem_arena *arena, uint64_t n)
{
	int ret;

	if (fastmem_growth_held != 0)
		return -ENOMEM;
	if (!is_primary())
		return fastmem_mp_grow_by(arena_index(arena), n);
	grow_lock(arena);
	ret = chunk_add_between(arena, 1, n, 0, true);
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/* The first chunk without a slab that can go; NULL: none. */
static const struct rte_memzone *
arena_take_empty_chunk(struct fastmem_arena *arena, uint64_t keep)
{
	const struct rte_memzone *mz = NULL;
	uint32_t *link;

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
	fastmem_debug_memory_leaves(mz->addr, mz->len);
	rte_memzone_free(mz);
}

/*
 * Give empty chunks back as long as keep_bytes are left, and, unless reserved_too,
 * what was reserved. Returns the bytes given back.
 */
size_t
fastmem_arena_trim(struct fastmem_arena *arena, size_t keep_bytes, bool reserved_too)
{
	uint64_t keep = (keep_bytes >> RTE_FASTMEM_GRANULE_SHIFT) +
			((keep_bytes & (FASTMEM_GRANULE - 1)) != 0);
	const struct rte_memzone *mz;
	size_t given = 0;

	if (fastmem_growth_held != 0)
		return 0;
	if (!is_primary())
		return fastmem_mp_trim(arena_index(arena), keep_bytes, reserved_too);
	grow_lock(arena);
	if (!reserved_too)
		keep = RTE_MAX(keep, arena->n_reserved);
	while ((mz = arena_take_empty_chunk(arena, keep)) != NULL) {
		given += mz->len;
		fastmem_growth_held++;
		zone_free(mz);
		fastmem_growth_held--;
	}
	arena->n_reserved = RTE_MIN(arena->n_reserved, arena->n_granules);
	fastmem_mutex_unlock(&arena->grow);
	return given;
}

/* Chunks and free runs, as they are now. */
void
fastmem_arena_read(struct fastmem_arena *arena, struct fastmem_socket_figures *out)
{
	uint32_t first, head, i;

	fastmem_arena_lock(arena);
	for (first = arena->chunks; first != 0; first = fastmem_granule(first)->chunk_next) {
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
