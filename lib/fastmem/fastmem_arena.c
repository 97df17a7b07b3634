/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Arenas: the backing memory of each socket.
 *
 * An arena consists of chunks, which are memzones (fastmem_chunk.c). The size of a chunk follows
 * from the number of zones that fastmem has, so that few are enough for much memory, and a few
 * live objects keep little: see chunk_size(). Where EAL refuses, any size that holds what is
 * asked for will do. Where a limit leaves less than a chunk, the rest of the zone is held back,
 * and joins when the limit rises. A small arena takes of what EAL has left over in its pages, by
 * halves. EAL gives a zone that is one granule short of a page in just that page, next to EAL's
 * header.
 *
 * arena.lock is held for a bounded time; arena.grow serialises growth and
 * trimming and is held across calls into EAL. Growth and trimming are done by the
 * primary process: the others ask it (process_mp.c).
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_cycles.h>

#include "fastmem_chunk.h"
#include "fastmem_eal.h"
#include "fastmem_growth.h"
#include "fastmem_trace.h"

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

/* Under arena.grow from here on, and not under arena.lock. Of the primary process. */

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

/* Granules that so many bytes take. */
static uint64_t
granules_of(uint64_t bytes)
{
	return (bytes >> RTE_FASTMEM_GRANULE_SHIFT) + ((bytes & (FASTMEM_GRANULE - 1)) != 0);
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

/* The limit keeps the arena from growing by so many granules. */
static void
tell_limit(const struct fastmem_arena *arena, uint32_t n)
{
	static RTE_ATOMIC(uint64_t) last;
	const uint64_t limit = rte_atomic_load_explicit(&arena->limit, rte_memory_order_relaxed);
	const uint64_t bytes = (uint64_t)n << RTE_FASTMEM_GRANULE_SHIFT;

	FASTMEM_TRACE(limit, arena->socket_id, bytes, limit);
	if (fastmem_log_due(&last))
		FASTMEM_LOG(NOTICE, "socket %d: no more memory (%" PRIu64 " KiB), as its limit is %"
			PRIu64 " KiB and it has %" PRIu64 " KiB. Raise it by rte_fastmem_set_limit(), "
			"or see who has them: rte_fastmem_dump(), fastmem-top", arena->socket_id,
			bytes >> 10, limit >> 10, fastmem_arena_bytes(arena) >> 10);
}

/* EAL refuses so many granules, which the limit allows. */
static void
tell_refused(const struct fastmem_arena *arena, uint32_t n)
{
	static RTE_ATOMIC(uint64_t) last;

	if (fastmem_log_due(&last))
		FASTMEM_LOG(WARNING, "socket %d: EAL has no more memory (%" PRIu64 " KiB) beside the %"
			PRIu64 " KiB of fastmem. Give it more (huge pages, -m, --socket-mem, "
			"--socket-limit), or see who has them: rte_fastmem_dump(), fastmem-top",
			arena->socket_id, (uint64_t)n << (RTE_FASTMEM_GRANULE_SHIFT - 10),
			fastmem_arena_bytes(arena) >> 10);
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
	uint64_t most = fastmem_arena_room(arena);
	uint32_t n;
	int ret;

	if (most < min) {
		tell_limit(arena, min);
		return -ENOMEM;
	}
	n = whole_pages(RTE_MAX(want, (uint64_t)least));
	if (n > most)
		n = most >= least || fastmem_chunks_short(arena) < SHORT_CHUNKS ? most : least;
	while ((ret = fastmem_chunk_add(arena, RTE_MIN(n, most), n, n < least, flags, populate)) != 0) {
		if (n <= min || ret == -ENOSPC)
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
	const uint32_t least = RTE_MAX(min, PAGE_GRANULES / 8);
	struct rte_malloc_socket_stats heap;
	uint64_t n;

	/* What a limit leaves is to be in one piece, for the largest objects. */
	if (arena->n_granules >= SMALL_ARENA || fastmem_arena_room(arena) < SMALL_ARENA)
		return -ENOMEM;
	/* EAL's own, also in a process where rte_malloc() is fastmem. */
	if (fastmem_eal_heap_stats(arena->socket_id, &heap) != 0)
		return -ENOMEM;
	/* One granule is lost to the alignment and EAL's header. Many small chunks are of no use. */
	n = heap.greatest_free_size >> RTE_FASTMEM_GRANULE_SHIFT;
	n -= n > 0;
	if (n < least || least >= PAGE_GRANULES)
		return -ENOMEM;
	/* A large object is not to fill it alone. */
	n = RTE_MAX(n / MAPPED_SHARE, RTE_MIN(n, (uint64_t)least * 2));
	n = RTE_MIN(n, (uint64_t)PAGE_GRANULES - 1);
	return fastmem_chunk_add(arena, n, n, false, 0, false);
}

/* The interface: takes the locks that it needs, and asks the primary to do its part. */

static int64_t
ask_primary(const struct fastmem_arena *arena, enum fastmem_ask_op op, uint64_t n, uint32_t align)
{
	struct fastmem_ask ask = {
		.op = op,
		.socket = arena - fastmem_ctl()->arenas,
		.n = n,
		.align = align,
	};

	return fastmem_process.up->ask(&ask);
}

/* Use what is held back, which takes nothing of EAL's, where EAL must not be called. */
static void
extend_without_eal(struct fastmem_arena *arena)
{
	if (fastmem_growth_held != 0 || !fastmem_is_primary() || !grow_trylock(arena))
		return;
	fastmem_chunk_extend(arena, false);
	fastmem_mutex_unlock(&arena->grow);
}

/* Granules that maintain must leave: at least, and at most so many. With or without arena.grow. */
static void
bound_reserved(struct fastmem_arena *arena, uint64_t least, uint64_t most)
{
	uint64_t old = rte_atomic_load_explicit(&arena->n_reserved, rte_memory_order_relaxed);

	/* A number and no more: nothing is read by way of it. */
	while (!rte_atomic_compare_exchange_strong_explicit(&arena->n_reserved, &old,
			RTE_MIN(RTE_MAX(old, least), most), rte_memory_order_relaxed,
			rte_memory_order_relaxed))
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
	if (ret != 0 && fastmem_arena_room(arena) >= min)
		tell_refused(arena, min);
	return ret;
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

	if (!fastmem_arena_may_grow(arena, n, align, rte_get_timer_cycles())) {
		if (fastmem_has_run(arena, n, align))
			return 0;
		if (fastmem_arena_room(arena) < min)
			tell_limit(arena, min);
		return -ENOMEM;
	}
	if (!fastmem_may_call_eal()) {
		extend_without_eal(arena);
		return fastmem_has_run(arena, n, align) ? 0 : -ENOMEM;
	}
	if (!fastmem_is_primary())
		return ask_primary(arena, FASTMEM_ASK_GROW, n, align);
	grow_lock(arena);
	fastmem_chunk_extend(arena, false);
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
	if (rte_atomic_load_explicit(&arena->n_granules, rte_memory_order_relaxed) < n)
		extend_without_eal(arena);
	if (rte_atomic_load_explicit(&arena->n_granules, rte_memory_order_relaxed) < n)
		return -ENOMEM;
	bound_reserved(arena, n, UINT64_MAX);
	return 0;
}

/* Grow to at least this many bytes in all. */
int
fastmem_arena_reserve(struct fastmem_arena *arena, uint64_t bytes)
{
	FASTMEM_LOG_LATER;
	uint64_t n = granules_of(bytes);
	int ret = 0;

	if (!fastmem_may_call_eal())
		return reserve_without_eal(arena, n);
	if (!fastmem_is_primary())
		return ask_primary(arena, FASTMEM_ASK_RESERVE, bytes, 0);
	grow_lock(arena);
	if (arena->n_granules < n)
		fastmem_chunk_extend(arena, true);
	while (ret == 0 && arena->n_granules < n)
		ret = chunk_add_between(arena, 1, n - arena->n_granules, 0, true);
	bound_reserved(arena, RTE_MIN(n, arena->n_granules), UINT64_MAX);
	if (ret == 0)
		fastmem_refusal_end(&arena->refusal);
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/* Grow by about n granules. */
int
fastmem_arena_grow_by(struct fastmem_arena *arena, uint64_t n)
{
	FASTMEM_LOG_LATER;
	int ret = 0;

	if (!fastmem_may_call_eal())
		return -ENOMEM;
	if (!fastmem_is_primary())
		return ask_primary(arena, FASTMEM_ASK_GROW_BY, n, 0);
	grow_lock(arena);
	n -= RTE_MIN(n, (uint64_t)fastmem_chunk_extend(arena, true));
	if (n > 0)
		ret = chunk_add_between(arena, 1, n, 0, true);
	if (n > 0 && ret == 0)
		fastmem_refusal_end(&arena->refusal);
	fastmem_mutex_unlock(&arena->grow);
	return ret;
}

/*
 * Give empty chunks back as long as keep_bytes are left, and, unless reserved_too,
 * what was reserved. Returns the bytes given back.
 */
size_t
fastmem_arena_trim(struct fastmem_arena *arena, size_t keep_bytes, bool reserved_too)
{
	uint64_t keep = granules_of(keep_bytes);
	uint64_t before;

	if (!fastmem_may_call_eal())
		return 0;
	if (!fastmem_is_primary())
		return RTE_MAX(ask_primary(arena, reserved_too ? FASTMEM_ASK_TRIM_ALL :
				FASTMEM_ASK_TRIM, keep_bytes, 0), 0);
	grow_lock(arena);
	if (!reserved_too)
		keep = RTE_MAX(keep, rte_atomic_load_explicit(&arena->n_reserved,
				rte_memory_order_relaxed));
	before = fastmem_arena_bytes(arena);
	while (fastmem_chunk_give_empty(arena, keep))
		;
	bound_reserved(arena, 0, arena->n_granules);
	before -= fastmem_arena_bytes(arena);
	if (before > 0)
		fastmem_refusals_end(fastmem_ctl());
	fastmem_mutex_unlock(&arena->grow);
	FASTMEM_TRACE(trim, arena->socket_id, keep_bytes, before);
	return before;
}
