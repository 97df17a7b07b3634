/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Memory is short: what depots, and the caches of other threads, hold goes back to slabs.
 */

#include "fastmem_cache.h"
#include "fastmem_trace.h"

/*
 * What is worth reclaiming before an arena grows: this many bytes, of a small arena this part, and
 * of a large one that part. Below HOARD_ARENA_BYTES, where little is much of what there is, a
 * thread may do so once in so many allocations, and so many times in a row.
 */
#define HOARD_BYTES (UINT64_C(512) << 10)
#define HOARD_SMALL_SHARE 8
#define HOARD_SHARE 64
#define HOARD_ARENA_BYTES (16u << 20)
#define RECLAIM_EVERY 256u
#define RECLAIM_BURST 64u

/* Who takes magazines for the calling thread. */
static uint32_t
owner_id(const struct fastmem_tcache *t)
{
	return t != NULL ? t->id : FASTMEM_OWNER_PEER + fastmem_process.peer;
}

/* Return the objects of a magazine of the depot to their slabs. False: there is none. */
bool
fastmem_depot_drain_one(const struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct fastmem_depot *full = fastmem_full_depot(bin);
	struct fastmem_magazine *m = full != NULL ? fastmem_depot_take(full, owner_id(t)) : NULL;

	if (m != NULL)
		fastmem_magazine_discard(m);
	return m != NULL;
}

/* Return a bin's full magazines from its depot to the slabs. Returns how many there were. */
static unsigned int
bin_drain(const struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	unsigned int n = 0;

	/* Others may go on putting. */
	while (n < FASTMEM_DEPOT_SLOTS && fastmem_depot_drain_one(t, bin))
		n++;
	return n;
}

/*
 * Take another thread's spare magazine away if there are objects in it. NULL: there
 * are none, or that thread was faster to use it.
 */
static struct fastmem_magazine *
steal_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c, uint32_t thief)
{
	/*
	 * This and the other acquires pair with the releases in fastmem_cache_put_spare() and
	 * fastmem_cache_take_spare().
	 */
	struct fastmem_magazine *m = rte_atomic_load_explicit(&c->spare, rte_memory_order_acquire);
	uint64_t owned;

	if (m == NULL || rte_atomic_load_explicit(&c->spare_n, rte_memory_order_relaxed) == 0)
		return NULL;
	/*
	 * The owner clears spare before it writes the owner word of the next one. So
	 * if spare is still m then, this was the word of m; and if m has another one
	 * by now, it was taken since, and the change fails.
	 */
	owned = rte_atomic_load_explicit(fastmem_cache_spare_owned(t, c), rte_memory_order_acquire);
	if (rte_atomic_load_explicit(&c->spare, rte_memory_order_acquire) != m ||
			!fastmem_magazine_change(m, owned, thief))
		return NULL;
	FASTMEM_TRACE(recycled, m->bin, fastmem_ctl()->bins[m->bin].slot_size, m->n, t->lcore);
	return m;
}

/* Return the objects in spare magazines of other threads to the slabs. */
static bool
bin_steal(const struct fastmem_tcache *self_t, struct fastmem_bin *bin)
{
	struct fastmem_tcache *t;
	bool any = false;

	FASTMEM_FOREACH_TCACHE(t, fastmem_ctl()) {
		struct fastmem_magazine *m;

		if (t == self_t)
			continue;
		m = steal_spare(t, &t->caches[bin->id], owner_id(self_t));
		if (m != NULL) {
			fastmem_magazine_discard(m);
			any = true;
		}
	}
	return any;
}

/*
 * Of a pool, which can get objects from nowhere else: return what lies in the depot and
 * in spare magazines of other threads to the slabs. Returns whether there was any.
 */
bool
fastmem_bin_gather(const struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	bool any = bin_drain(t, bin) > 0;

	return bin_steal(t, bin) || any;
}

/* Bytes of a bin in its depot, at most, in this thread's cache, and in empty slabs. */
static uint64_t
bin_hoard(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	const struct rte_fastmem_cache *c = t != NULL ? &t->caches[bin->id] : NULL;
	const struct fastmem_depot *full = fastmem_full_depot(bin);
	uint64_t n = c != NULL ? fastmem_cache_len(c) + c->spare_n : 0;

	if (full != NULL)
		n += (uint64_t)fastmem_depot_guess(full) * bin->magazine_size;
	/* The first slabs have fewer slots. */
	n += RTE_MIN((uint64_t)rte_atomic_load_explicit(&bin->n_empty,
			rte_memory_order_relaxed) * bin->slab_slots,
			rte_atomic_load_explicit(&bin->n_slots, rte_memory_order_relaxed));
	return n * bin->slot_size;
}

/* What there must be of other sizes so that it is worth the time to look for it. */
static uint64_t
hoard_worth(const struct fastmem_arena *arena)
{
	uint64_t bytes = fastmem_arena_bytes(arena);
	uint64_t worth = RTE_MIN(bytes / HOARD_SMALL_SHARE, HOARD_BYTES);

	return RTE_MAX(worth, bytes / HOARD_SHARE);
}

/*
 * Whether a thread may reclaim once more, which its caches need some time to recover from. Where
 * sizes take turns in taking each other's objects, an arena is to grow in the end.
 */
static bool
may_reclaim(struct fastmem_tcache *t)
{
	const uint32_t n = fastmem_ctl()->first_pool_bin;
	uint64_t now = 0;
	uint32_t i;

	if (t == NULL)
		return false;
	for (i = 1; i < n; i++)
		now += t->caches[i].n_alloc;
	if (t->reclaim_due > now + RECLAIM_BURST * RECLAIM_EVERY)
		return false;
	t->reclaim_due = RTE_MAX(t->reclaim_due, now) + RECLAIM_EVERY;
	return true;
}

/*
 * What this thread's caches, the depots and the empty slabs of its arena hoard
 * of other sizes is better used than memory from EAL, if it is enough: it goes
 * back to the arena. Returns whether it did.
 */
bool
fastmem_reclaim_hoard(struct fastmem_tcache *t, const struct fastmem_bin *keep)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_arena *arena = &ctl->arenas[keep->socket];
	struct fastmem_bin *bins = &ctl->bins[arena->first_bin];
	uint64_t hoard = 0;
	unsigned int i;

	if (fastmem_is_drained(arena))
		return false;
	for (i = 0; i < FASTMEM_BINS_PER_SOCKET; i++)
		if (&bins[i] != keep)
			hoard += bin_hoard(t, &bins[i]);
	if (hoard < hoard_worth(arena) ||
			(fastmem_arena_bytes(arena) < HOARD_ARENA_BYTES && !may_reclaim(t)))
		return false;
	for (i = 0; i < FASTMEM_BINS_PER_SOCKET; i++) {
		if (&bins[i] == keep)
			continue;
		if (t != NULL && t->caches[bins[i].id].loaded != NULL)
			fastmem_cache_empty(t, &bins[i], false);
		bin_drain(t, &bins[i]);
		fastmem_slab_release_empty(&bins[i]);
	}
	return true;
}

/*
 * Whether a bin's depot may hold more bytes than those of others: up to 64 objects, each of which
 * takes a run of granules that is long in making. So they are the first to go.
 */
bool
fastmem_bin_is_large(const struct fastmem_bin *bin)
{
	return bin->slot_size > FASTMEM_GRANULE;
}

/*
 * What depots and empty slabs have of large objects goes back to the arena, before that grows.
 * Returns whether there was any.
 */
bool
fastmem_reclaim_large(const struct fastmem_tcache *t, struct fastmem_arena *arena)
{
	struct fastmem_bin *bins = &fastmem_ctl()->bins[arena->first_bin];
	unsigned int i, n = 0;

	if (fastmem_is_drained(arena))
		return false;
	for (i = 0; i < FASTMEM_BINS_PER_SOCKET; i++) {
		if (!fastmem_bin_is_large(&bins[i]))
			continue;
		n += bin_drain(t, &bins[i]);
		n += rte_atomic_load_explicit(&bins[i].n_empty, rte_memory_order_relaxed);
		fastmem_slab_release_empty(&bins[i]);
	}
	return n > 0;
}

/*
 * Return all objects of an arena's depots and of other threads' spare magazines,
 * and then its empty slabs.
 */
void
fastmem_depots_drain(const struct fastmem_tcache *t, struct fastmem_arena *arena)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint32_t ticket = fastmem_drain_begin(arena);
	unsigned int i;

	for (i = arena->first_bin; i < arena->first_bin + (unsigned int)FASTMEM_BINS_PER_SOCKET;
			i++) {
		bin_drain(t, &ctl->bins[i]);
		bin_steal(t, &ctl->bins[i]);
		fastmem_slab_release_empty(&ctl->bins[i]);
	}
	fastmem_drain_end(arena, ticket);
}

/* Whether the calling thread has objects of this arena in its caches. */
bool
fastmem_tcache_holds(const struct fastmem_tcache *t, const struct fastmem_arena *arena)
{
	const uint64_t *open = &t->open[(arena - fastmem_ctl()->arenas) * FASTMEM_OPEN_WORDS];
	unsigned int i;
	uint64_t bits;

	for (i = 0; i < FASTMEM_OPEN_WORDS; i++) {
		for (bits = open[i]; bits != 0; bits &= bits - 1) {
			const struct rte_fastmem_cache *c = &t->caches[arena->first_bin + i * 64 +
				rte_ctz64(bits)];

			if (c->top != c->base || c->spare_n > 0)
				return true;
		}
	}
	return false;
}

/*
 * As fastmem_depots_drain(), for bins whose depots have not moved since the last such call, and
 * for large objects: their use may have gone down, and what is still used is soon back.
 */
void
fastmem_depots_drain_idle(const struct fastmem_tcache *t, struct fastmem_arena *arena)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;

	for (i = arena->first_bin; i < arena->first_bin + (unsigned int)FASTMEM_BINS_PER_SOCKET;
			i++) {
		struct fastmem_bin *bin = &ctl->bins[i];
		struct fastmem_depot *full = fastmem_full_depot(bin);
		uint64_t moves;

		if (full == NULL)
			continue;
		moves = rte_atomic_load_explicit(&full->head, rte_memory_order_relaxed) +
			rte_atomic_load_explicit(&full->tail, rte_memory_order_relaxed);
		if (fastmem_bin_is_large(bin) ||
				moves == rte_atomic_load_explicit(&bin->exchanges_seen,
				rte_memory_order_relaxed)) {
			bin_drain(t, bin);
			fastmem_slab_release_empty(bin);
			moves = rte_atomic_load_explicit(&full->head, rte_memory_order_relaxed) +
				rte_atomic_load_explicit(&full->tail, rte_memory_order_relaxed);
		}
		rte_atomic_store_explicit(&bin->exchanges_seen, moves, rte_memory_order_relaxed);
	}
}

/* Take the spare magazine of each size. */
static void
tcache_sweep(const struct fastmem_tcache *self_t, struct fastmem_tcache *t)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_magazine *m;
	unsigned int i;

	for (i = 1; t != self_t && i < ctl->first_pool_bin; i++) {
		m = steal_spare(t, &t->caches[i], owner_id(self_t));
		if (m != NULL)
			fastmem_magazine_discard(m);
	}
}

/*
 * Sweep the threads that have not left the fast path since the last call, each once; and count
 * what threads may hold, as a process that was killed has not.
 */
void
fastmem_tcaches_maintain(const struct fastmem_tcache *self_t)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_tcache *t;
	int64_t shared = 0;

	FASTMEM_FOREACH_TCACHE(t, ctl) {
		uint32_t seq = rte_atomic_load_explicit(&t->seq, rte_memory_order_relaxed);
		uint64_t seen = rte_atomic_load_explicit(&t->idle_seq, rte_memory_order_relaxed);
		uint64_t swept = UINT64_C(1) << 32 | seq;

		if (t->lcore < 0)
			shared += rte_atomic_load_explicit(&t->bytes, rte_memory_order_relaxed);
		if ((uint32_t)seen == seq && seen != swept)
			tcache_sweep(self_t, t);
		if (seen != swept)
			rte_atomic_store_explicit(&t->idle_seq, (uint32_t)seen == seq ? swept : seq,
				rte_memory_order_relaxed);
	}
	rte_atomic_store_explicit(&ctl->shared_bytes, shared, rte_memory_order_relaxed);
}
