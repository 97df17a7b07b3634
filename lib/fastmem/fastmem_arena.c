/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Arenas: the backing memory of each socket.
 *
 * A chunk is a memzone, a multiple of a granule in size and alignment. Within a
 * chunk, granules are in slabs or in free runs (fastmem_run.c).
 *
 * The size of a chunk follows from the number of zones that fastmem has, so that few are
 * enough for much memory, and a few live objects keep little: see chunk_size(). Where EAL
 * refuses, any size that holds what is asked for will do. Where a limit leaves less than a
 * chunk, the rest of the zone is held back, and joins when the limit rises. A small arena
 * takes of what EAL has left over in its pages, by halves. EAL gives a zone that is one
 * granule short of a page in just that page, next to EAL's header.
 *
 * arena.lock is held for a bounded time; arena.grow serialises growth and
 * trimming and is held across calls into EAL. Growth and trimming are done by the
 * primary process: the others ask it (process_mp.c).
 *
 * The states of the granules are what is true; free runs, their lists and the
 * counts follow from them, and are made anew when the holder of arena.lock dies.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"
#include "fastmem_replace_heap.h"

#define PAGE_GRANULES 32u /* of a 2 MiB page */
#define SMALL_ARENA (4 * PAGE_GRANULES) /* granules: 8 MiB */
#define CHUNK_HARD_MAX (1u << 16) /* granules: 4 GiB */
/* Of what EAL has left over in its pages, a chunk takes this part: the program needs some, too. */
#define MAPPED_SHARE 2u
/*
 * All zones share EAL's: so many of them begin as chunks of a page, then it takes so many more
 * until they are twice as large. That makes 200 MiB of some 95 zones, and 16 GiB of some 210.
 */
#define ZONES_OF_A_PAGE 72u
#define ZONES_TO_DOUBLE 16u
/*
 * Where a limit rises in small steps, each zone is at least as large as that so many zones
 * before; but for the first few, which take no more memory than the limit leaves.
 */
#define ZONES_BEHIND 12u
#define SHORT_CHUNKS 16u
#define LONG_RUNS 8u /* of the length that is asked for: what a chunk is to hold at least */

void
fastmem_arena_init(struct fastmem_arena *arena, int socket_id)
{
	memset(arena, 0, sizeof(*arena));
	fastmem_mutex_init(&arena->grow);
	fastmem_mutex_init(&arena->lock);
	arena->socket_id = socket_id;
	arena->limit = SIZE_MAX;
	arena->n_used_seen = UINT64_MAX;
}

/* All from here to the next comment of this kind: under arena.lock. */

/* Also under arena.grow, and read by the statistics without either. */
static void
set_size(struct fastmem_arena *arena, uint64_t n)
{
	uint64_t *n_times = n > arena->n_granules ? &arena->n_growths : &arena->n_shrinks;

	__atomic_store_n(n_times, *n_times + 1, __ATOMIC_RELAXED);
	if (n > arena->n_granules) {
		arena->n_missed = 0;
		arena->missed_run = 0;
	}
	__atomic_store_n(&arena->n_granules, n, __ATOMIC_RELAXED);
}

static void
count_chunks(struct fastmem_arena *arena, uint32_t n)
{
	__atomic_store_n(&arena->n_chunks, n, __ATOMIC_RELAXED);
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
	for (first = arena->chunks; first != 0; first = fastmem_granule(first)->chunk_next) {
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
	MOVE(chunk->chunk_n, chunk->chunk_n + n);
	set_size(arena, arena->n_granules + n);
	for (; i < end; i += n) {
		n = fastmem_granule(i)->n;
		fastmem_run_give(arena, i);
	}
}

/* Under arena.grow from here on, and not under arena.lock. Of the primary process. */

void
fastmem_arena_lock(struct fastmem_arena *arena)
{
	if (fastmem_mutex_lock(&arena->lock, FASTMEM_LOCK_ARENA)) {
		arena_repair(arena);
		fastmem_mutex_repaired(&arena->lock);
	}
}

static void
grow_lock(struct fastmem_arena *arena)
{
	/* What is done under it is entered by one store; memory that is not yet, is lost. */
	if (fastmem_mutex_lock(&arena->grow, FASTMEM_LOCK_ARENA_GROW))
		fastmem_mutex_repaired(&arena->grow);
}

/*
 * For who must not wait for it, as a callback of a message of the primary: its holder may wait for
 * EAL, and EAL for what the same thread hears.
 */
static bool
grow_trylock(struct fastmem_arena *arena)
{
	int ret = pthread_mutex_trylock(&arena->grow);

	if (ret == EOWNERDEAD)
		fastmem_mutex_repaired(&arena->grow);
	else if (ret != 0)
		return false;
	fastmem_lock_hold(&arena->grow, FASTMEM_LOCK_ARENA_GROW);
	return true;
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

		g->iova = iova_of(fastmem_granule_addr(i));
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

	if (rte_eal_has_hugepages() != 0)
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

/*
 * Add a chunk of n granules, of a zone of that many or more. is_short: the zone is smaller than
 * it should be.
 */
static int
chunk_add(struct fastmem_arena *arena, uint32_t n, uint32_t n_zone, bool is_short,
		unsigned int flags, bool populate)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_ctl *ctl = fastmem_ctl();
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;
	uint32_t first;

	snprintf(name, sizeof(name), "fastmem_%u",
		__atomic_fetch_add(&ctl->n_chunk_names, 1, __ATOMIC_RELAXED));
	mz = fastmem_zone_reserve(name, (size_t)n_zone << RTE_FASTMEM_GRANULE_SHIFT,
			arena->socket_id, flags, FASTMEM_GRANULE);
	if (mz == NULL)
		return -rte_errno;
	first = fastmem_granule_index(mz->addr);
	if (first + (uint64_t)n_zone > ctl->n_granules ||
			fastmem_map_add_leaves(first, n_zone) != 0) {
		rte_memzone_free(mz);
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

/* Granules of a chunk whose zone is the n-th; one less than pages hold, for EAL's header. */
static uint32_t
chunk_size(unsigned int n)
{
	unsigned int doubled, rest;
	uint64_t size;

	if (n < ZONES_OF_A_PAGE)
		return PAGE_GRANULES - 1;
	doubled = (n - ZONES_OF_A_PAGE) / ZONES_TO_DOUBLE;
	rest = (n - ZONES_OF_A_PAGE) % ZONES_TO_DOUBLE;
	size = ((uint64_t)PAGE_GRANULES * (ZONES_TO_DOUBLE + rest) << RTE_MIN(doubled, 16u)) /
			ZONES_TO_DOUBLE;
	return RTE_ALIGN_FLOOR(RTE_MIN(size, (uint64_t)CHUNK_HARD_MAX), PAGE_GRANULES) - 1;
}

/* The least size, unless the limit or EAL leaves less. */
static uint32_t
chunk_least(unsigned int n)
{
	return chunk_size(n - RTE_MIN(n, ZONES_BEHIND));
}

static unsigned int
short_chunks(struct fastmem_arena *arena)
{
	unsigned int n = 0;
	uint32_t first;

	fastmem_arena_lock(arena);
	for (first = arena->chunks; first != 0; first = fastmem_granule(first)->chunk_next)
		n += fastmem_granule(first)->chunk_short;
	fastmem_mutex_unlock(&arena->lock);
	return n;
}

/*
 * Add a chunk of at least min, and if possible of want granules. flags: of memzones. A chunk
 * that is smaller than the number of zones suggests counts as short. Few may be, so that a
 * limit is not exceeded; from then on, zones are reserved in full, and what the limit forbids
 * is held back.
 */
static int
chunk_add_between(struct fastmem_arena *arena, uint32_t min, uint64_t want, unsigned int flags,
		bool populate)
{
	uint32_t least = chunk_least(fastmem_zones());
	uint64_t most = room(arena);
	uint32_t n;
	int ret;

	if (most < min)
		return -ENOMEM;
	n = whole_pages(RTE_MAX(want, (uint64_t)least));
	if (n > most)
		n = most >= least || short_chunks(arena) < SHORT_CHUNKS ? most : least;
	while ((ret = chunk_add(arena, RTE_MIN(n, most), n, n < least, flags, populate)) != 0) {
		if (n <= min || ret == -ENOSPC)
			return -ENOMEM;
		n = RTE_MAX(min, n / 2);
	}
	return 0;
}

/* The chunk of whose zone a part is held back; 0: none. There is at most one. */
static uint32_t
chunk_with_rest(struct fastmem_arena *arena)
{
	uint32_t first;

	fastmem_arena_lock(arena);
	for (first = arena->chunks; first != 0; first = fastmem_granule(first)->chunk_next)
		if (fastmem_granule(first)->chunk_n < zone_granules(fastmem_granule(first)))
			break;
	fastmem_mutex_unlock(&arena->lock);
	return first;
}

/* Use what is held back, as far as the limit permits. Returns the number of granules. */
static uint32_t
arena_extend(struct fastmem_arena *arena, bool populate)
{
	uint64_t n = room(arena);
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

/*
 * Add a chunk of at least min granules in pages that EAL has mapped and makes no use of. While
 * the arena is small this takes no page of the machine, nor the time that it takes to map one.
 */
static int
chunk_add_mapped(struct fastmem_arena *arena, uint32_t min)
{
	const uint32_t least = RTE_MAX(min, PAGE_GRANULES / 8);
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
	n -= n > 0;
	if (n < least || least >= PAGE_GRANULES)
		return -ENOMEM;
	n = RTE_MIN(n / MAPPED_SHARE, (uint64_t)PAGE_GRANULES - 1);
	n = RTE_MAX(n, (uint64_t)least);
	return chunk_add(arena, n, n, false, 0, false);
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

/* Use what is held back, which takes nothing of EAL's, where EAL must not be called. */
static void
extend_without_eal(struct fastmem_arena *arena)
{
	if (fastmem_growth_held != 0 || !is_primary() || !grow_trylock(arena))
		return;
	arena_extend(arena, false);
	fastmem_mutex_unlock(&arena->grow);
}

/* Granules that maintain must leave: at least, and at most so many. With or without arena.grow. */
static void
bound_reserved(struct fastmem_arena *arena, uint64_t least, uint64_t most)
{
	uint64_t old = __atomic_load_n(&arena->n_reserved, __ATOMIC_RELAXED);

	/* A number and no more: nothing is read by way of it. */
	while (!__atomic_compare_exchange_n(&arena->n_reserved, &old,
			RTE_MIN(RTE_MAX(old, least), most), false, __ATOMIC_RELAXED,
			__ATOMIC_RELAXED))
		;
}

/* Under arena.grow. */
static int
grow_for(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	const uint32_t min = n + align - 1;
	uint64_t want;
	int ret;

	/* Long runs leave a part of each chunk unused: of a larger one, a smaller part. */
	want = RTE_MIN(arena->n_granules / 8, LONG_RUNS * (uint64_t)n);
	want = RTE_MAX(want, (uint64_t)chunk_size(fastmem_zones()));
	ret = chunk_add_mapped(arena, min);
	if (ret != 0)
		ret = chunk_add_between(arena, min, RTE_MAX(want, min), 0, false);
	/* Pages that are small or far from each other may not hold it: EAL knows more. */
	if (ret == 0 && n > 1 && !fastmem_has_run(arena, n, align))
		ret = chunk_add_between(arena, min, min, RTE_MEMZONE_IOVA_CONTIG, false);
	if (ret == 0)
		fastmem_refusal_end(&arena->refusal);
	else
		fastmem_refusal_note(&arena->refusal, min);
	return ret;
}

/*
 * Whether it is worth while to try, which takes locks, and of a secondary a message. The primary
 * may make a run longer by less than is asked for.
 */
bool
fastmem_arena_may_grow(const struct fastmem_arena *arena, uint32_t n, uint32_t align, uint64_t now)
{
	const uint32_t min = n + align - 1;
	const uint64_t most = room(arena);

	if (most == 0 || fastmem_growth_held != 0 ||
			fastmem_refusal_holds(&arena->refusal, min, now))
		return false;
	return most >= min || is_primary();
}

/*
 * Grow until there is a run of n granules, aligned to align granules, which any thread may
 * take. -ENOMEM: EAL or the limit refuses, or EAL has done so a short time ago.
 */
int
fastmem_arena_grow(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	FASTMEM_LOG_LATER;
	const uint32_t min = n + align - 1;
	int ret = 0;

	if (!fastmem_arena_may_grow(arena, n, align, rte_get_timer_cycles()))
		return fastmem_has_run(arena, n, align) ? 0 : -ENOMEM;
	if (!fastmem_may_call_eal()) {
		extend_without_eal(arena);
		return fastmem_has_run(arena, n, align) ? 0 : -ENOMEM;
	}
	if (!is_primary())
		return fastmem_mp_grow(arena_index(arena), n, align);
	grow_lock(arena);
	arena_extend(arena, false);
	/* Another thread may have grown it while this one waited, or have been refused. */
	if (!fastmem_has_run(arena, n, align))
		ret = fastmem_refusal_holds(&arena->refusal, min, rte_get_timer_cycles()) ?
			-ENOMEM : grow_for(arena, n, align);
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/* Of fastmem_arena_reserve(), where EAL must not be called: a trim that is under way may go on. */
static int
reserve_without_eal(struct fastmem_arena *arena, uint64_t n)
{
	if (__atomic_load_n(&arena->n_granules, __ATOMIC_RELAXED) < n)
		extend_without_eal(arena);
	if (__atomic_load_n(&arena->n_granules, __ATOMIC_RELAXED) < n)
		return -ENOMEM;
	bound_reserved(arena, n, UINT64_MAX);
	return 0;
}

/* Grow to at least this many bytes in all. */
int
fastmem_arena_reserve(struct fastmem_arena *arena, uint64_t bytes)
{
	FASTMEM_LOG_LATER;
	uint64_t n = (bytes >> RTE_FASTMEM_GRANULE_SHIFT) + ((bytes & (FASTMEM_GRANULE - 1)) != 0);
	int ret = 0;

	if (!fastmem_may_call_eal())
		return reserve_without_eal(arena, n);
	if (!is_primary())
		return fastmem_mp_reserve(arena_index(arena), bytes);
	grow_lock(arena);
	if (arena->n_granules < n)
		arena_extend(arena, true);
	while (ret == 0 && arena->n_granules < n)
		ret = chunk_add_between(arena, 1, n - arena->n_granules, 0, true);
	bound_reserved(arena, RTE_MIN(n, arena->n_granules), UINT64_MAX);
	if (ret == 0)
		fastmem_refusal_end(&arena->refusal);
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/* Bytes that the program has reserved, and maintenance leaves. */
uint64_t
fastmem_arena_reserved(const struct fastmem_arena *arena)
{
	return __atomic_load_n(&arena->n_reserved, __ATOMIC_RELAXED) << RTE_FASTMEM_GRANULE_SHIFT;
}

/* Grow by about n granules. */
int
fastmem_arena_grow_by(struct fastmem_arena *arena, uint64_t n)
{
	FASTMEM_LOG_LATER;
	int ret = 0;

	if (!fastmem_may_call_eal())
		return -ENOMEM;
	if (!is_primary())
		return fastmem_mp_grow_by(arena_index(arena), n);
	grow_lock(arena);
	n -= RTE_MIN(n, (uint64_t)arena_extend(arena, true));
	if (n > 0)
		ret = chunk_add_between(arena, 1, n, 0, true);
	if (n > 0 && ret == 0)
		fastmem_refusal_end(&arena->refusal);
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
	FASTMEM_UNCANCELLABLE;
	FASTMEM_HOOK(memory_leaves, mz->addr, mz->len);
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
	uint64_t before;

	if (!fastmem_may_call_eal())
		return 0;
	if (!is_primary())
		return fastmem_mp_trim(arena_index(arena), keep_bytes, reserved_too);
	grow_lock(arena);
	if (!reserved_too)
		keep = RTE_MAX(keep, __atomic_load_n(&arena->n_reserved, __ATOMIC_RELAXED));
	before = fastmem_arena_bytes(arena);
	while ((mz = arena_take_empty_chunk(arena, keep)) != NULL) {
		fastmem_growth_held++;
		zone_free(mz);
		fastmem_growth_held--;
	}
	bound_reserved(arena, 0, arena->n_granules);
	before -= fastmem_arena_bytes(arena);
	if (before > 0)
		fastmem_refusals_end(fastmem_ctl());
	fastmem_mutex_unlock(&arena->grow);
	return before;
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
