/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Thread caches: what happens when a cache is empty or full.
 *
 * A cache has a loaded magazine, which the fast path pops from and pushes to,
 * and a spare one, which is full or empty, so that a thread whose use goes up
 * and down by less than a magazine never leaves its cache (Bonwick and Adams,
 * USENIX 2001). When both are empty, one is exchanged for a full one of the
 * depot, or the loaded one is filled from slabs; when both are full, one is
 * exchanged for an empty one, or emptied into slabs.
 *
 * The owner writes everything in its caches; tcache.seq is odd while magazines
 * move, so that readers of the statistics can tell. A thread without a cache
 * (no memory for the bookkeeping, or the bound leaves no object) goes to the slabs for
 * each object.
 *
 * Where memory is short, other threads may take the spare magazine away: who
 * changes the magazine's owner word has it. Modelled in models/steal.pml.
 *
 * Magazines of pools move under pool.caches: see fastmem_cache_lock.c. Those who call this file
 * take it. Nothing grows under it.
 */

#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "fastmem_cache.h"
#include "fastmem_growth.h"
#include "fastmem_trace.h"

#define LEAST_BYTES (1u << 10) /* of each size; without room for an object, there is no cache */

static void
count(RTE_ATOMIC(uint64_t) *counter, uint64_t n)
{
	rte_atomic_store_explicit(counter, *counter + n, rte_memory_order_relaxed);
}

/*
 * A magazine from the depot was last written by another core: fetch its lines at
 * once, not one by one as the fast path comes to them.
 */
static void
prefetch_magazine(const struct fastmem_magazine *m, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i += RTE_CACHE_LINE_SIZE / sizeof(m->objs[0]))
		rte_prefetch0(&m->objs[i]);
}

/* Load the spare magazine, and keep the loaded one as that. False: there is none. */
static bool
swap_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c)
{
	struct fastmem_magazine *m, *old = c->loaded;

	fastmem_move_begin(t, c);
	m = fastmem_cache_take_spare(t, c);
	if (m != NULL) {
		fastmem_cache_unload(c);
		fastmem_cache_count_in(c, m->n);
		fastmem_cache_count_in(c, -(int64_t)old->n);
		fastmem_cache_load(c, m);
		fastmem_cache_put_spare(t, c, old);
	}
	fastmem_move_end(t);
	return m != NULL;
}

/*
 * Give the bin a slab, and grow its arena if flags allow. Returns false if there is none.
 * reclaimed: whether others' memory was reclaimed in this refill. That is done once, and by one of
 * two ways: first from large objects, and if there is still no slab, from other sizes.
 */
static bool
slab_more(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags, bool *reclaimed)
{
	if (bin->pool != NULL) /* grows elsewhere, and not under this lock */
		return false;
	/* Where the arena cannot grow, no long run is cut up while what would join it is held back. */
	if (fastmem_bin_is_large(bin) && !fastmem_slab_may_grow(bin_arena(bin), bin,
			rte_get_timer_cycles()))
		fastmem_reclaim_large(t, bin_arena(bin));
	/* The bookkeeping may grow: a slab of tiny objects without all its bits wastes the run. */
	if (fastmem_slab_acquire(bin, flags | FASTMEM_F_NO_CHUNK) == 0)
		return true;
	if (!*reclaimed) {
		*reclaimed = fastmem_reclaim_large(t, bin_arena(bin));
		if (*reclaimed && fastmem_slab_acquire(bin, flags | FASTMEM_F_NO_CHUNK) == 0)
			return true;
		if (fastmem_reclaim_hoard(t, bin)) {
			*reclaimed = true;
			return true;
		}
	}
	return (flags & (RTE_FASTMEM_F_NOGROW | FASTMEM_F_NO_CHUNK)) == 0 &&
		fastmem_slab_acquire(bin, flags) == 0;
}

/* Up to n objects from the bin's slabs into a magazine. Returns how many. */
static unsigned int
slab_refill(struct fastmem_tcache *t, struct fastmem_bin *bin, struct fastmem_magazine *m,
		unsigned int n, unsigned int flags)
{
	bool reclaimed = false;
	unsigned int got;

	/* Each time, another thread may take what was made available. */
	do {
		got = fastmem_slab_alloc(bin, m, n);
	} while (got == 0 && slab_more(t, bin, flags, &reclaimed));
	return got;
}

/* Load a full magazine of the depot in place of an empty one. False: there is none. */
static bool
refill_from_depot(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *unneeded, *old = c->loaded;
	struct fastmem_magazine *m = fastmem_depot_take(bin->full, t->id);

	if (m == NULL)
		return false;
	prefetch_magazine(m, m->n);
	fastmem_move_begin(t, c);
	unneeded = fastmem_cache_take_spare(t, c);
	fastmem_cache_unload(c);
	fastmem_cache_count_in(c, m->n);
	fastmem_cache_load(c, m);
	fastmem_cache_put_spare(t, c, old);
	fastmem_cache_grow(t, bin);
	fastmem_move_end(t);
	FASTMEM_TRACE(cache_refilled, bin->id, bin->slot_size, m->n);
	if (unneeded != NULL)
		fastmem_cache_put_empty(t, bin, unneeded);
	return true;
}

/* Put objects into an empty cache. Returns false if the bin is exhausted. */
static bool
cache_refill(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	unsigned int n = 0;

	RTE_ASSERT(c->loaded != NULL && c->top == c->base);
	if (c->spare_n > 0 && swap_spare(t, c))
		return true;
	if (fastmem_cache_holds_few(t, bin)) {
		do {
			n = fastmem_slab_alloc(bin, c->loaded, c->capacity);
		} while (n == 0 && fastmem_depot_drain_one(t, bin));
	} else if (refill_from_depot(t, bin)) {
		return true;
	}
	if (n == 0)
		n = slab_refill(t, bin, c->loaded, c->capacity, flags);
	if (n == 0)
		return false;
	fastmem_move_begin(t, c);
	FASTMEM_MOVE(c->top, c->base + n);
	fastmem_cache_count_in(c, n);
	fastmem_cache_grow(t, bin);
	fastmem_move_end(t);
	fastmem_magazine_set_n(c->loaded, 0);
	FASTMEM_TRACE(cache_refilled, bin->id, bin->slot_size, n);
	return true;
}

/* Make room in a full cache without another magazine: no memory for the bookkeeping. */
static void
cache_spill_to_slabs(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];

	FASTMEM_TRACE(cache_spilled, bin->id, bin->slot_size, fastmem_cache_len(c));
	fastmem_cache_unload(c);
	fastmem_move_begin(t, c);
	fastmem_cache_count_in(c, -(int64_t)fastmem_cache_len(c));
	FASTMEM_MOVE(c->top, c->base);
	fastmem_move_end(t);
	fastmem_slab_free(bin, c->loaded);
}

/* Make room in a full cache. */
static void
cache_spill(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *empty, *full, *old = c->loaded;

	RTE_ASSERT(c->loaded != NULL && c->top == c->end);
	if (c->capacity < bin->magazine_size &&
			c->end < c->base + bin->magazine_size) {
		fastmem_move_begin(t, c);
		fastmem_cache_grow(t, bin);
		fastmem_move_end(t);
		if (c->top < c->end)
			return;
	}
	if (c->spare != NULL && c->spare_n == 0 && swap_spare(t, c)) {
		fastmem_drain_undo(bin_arena(bin));
		return;
	}
	empty = fastmem_cache_get_empty(t, bin, bin->pool == NULL);
	if (empty == NULL) {
		cache_spill_to_slabs(t, bin);
		return;
	}
	fastmem_move_begin(t, c);
	full = fastmem_cache_take_spare(t, c);
	fastmem_cache_unload(c);
	fastmem_cache_count_in(c, -(int64_t)old->n);
	fastmem_cache_load(c, empty);
	fastmem_cache_put_spare(t, c, old);
	fastmem_move_end(t);
	FASTMEM_TRACE(cache_spilled, bin->id, bin->slot_size, full != NULL ? full->n : 0);
	if (full != NULL && !fastmem_depot_put(bin->full, full, t->id, bin->max_full)) {
		fastmem_slab_free(bin, full);
		fastmem_cache_put_empty(t, bin, full);
	}
	fastmem_drain_undo(bin_arena(bin)); /* there is a spare magazine in any case */
}

/* What this process holds, by threads without caches. */
static void
count_held(const struct fastmem_bin *bin, int64_t n)
{
	rte_atomic_fetch_add_explicit(&fastmem_held(fastmem_ctl(), fastmem_process.peer)[bin->id],
		n, rte_memory_order_relaxed);
}

/*
 * What a thread's objects of a bin that go past its cache are counted by. That is done with
 * bin.lock, so that it agrees with the slabs whenever this process is killed.
 */
static RTE_ATOMIC(uint64_t) *
n_in_of(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return (RTE_ATOMIC(uint64_t) *)&t->caches[bin->id].n_in;
}

/* A thread that has no cache for a bin gets an object from its slabs. */
static void *
direct_alloc(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags)
{
	bool reclaimed = false;
	void *obj;

	do {
		obj = fastmem_slab_alloc_one(bin, t != NULL ? n_in_of(t, bin) : &bin->direct_alloc);
	} while (obj == NULL && (fastmem_depot_drain_one(t, bin) ||
			slab_more(t, bin, flags, &reclaimed)));
	if (obj == NULL)
		return NULL;
	if (t == NULL) {
		count_held(bin, 1);
		return obj;
	}
	FASTMEM_MOVE(t->caches[bin->id].n_alloc, t->caches[bin->id].n_alloc + 1);
	count(&fastmem_counts_opened(t, bin->id)->alloc_misses, 1);
	return obj;
}

/* Return an object that was never handed out: neither an allocation nor a free. */
static void
direct_undo(struct fastmem_tcache *t, struct fastmem_bin *bin, void *obj)
{
	fastmem_slab_free_one(bin, obj, t != NULL ? n_in_of(t, bin) : &bin->direct_alloc, -1);
	if (t == NULL) {
		count_held(bin, -1);
		return;
	}
	FASTMEM_MOVE(t->caches[bin->id].n_alloc, t->caches[bin->id].n_alloc - 1);
	count(&fastmem_counts_opened(t, bin->id)->alloc_misses, -1);
}

static void
direct_free(struct fastmem_tcache *t, struct fastmem_bin *bin, void *obj)
{
	if (t == NULL) {
		fastmem_slab_free_one(bin, obj, &bin->direct_free, 1);
		count_held(bin, -1);
		return;
	}
	fastmem_slab_free_one(bin, obj, n_in_of(t, bin), -1);
	count(&fastmem_counts_opened(t, bin->id)->free_misses, 1);
}

static bool
has_cache(struct fastmem_tcache *t, struct fastmem_bin *bin, bool may_grow)
{
	unsigned int capacity, least;

	if (t == NULL || bin->sampled)
		return false;
	if (t->caches[bin->id].loaded != NULL) {
		fastmem_cache_restore(t, bin);
		return true;
	}
	if (bin->pool != NULL) {
		if (!fastmem_process.can_steal)
			return false;
		may_grow = false;
	}
	capacity = fastmem_cache_may_hold(t, bin, bin->first_capacity);
	least = RTE_MIN(LEAST_BYTES / bin->slot_size, bin->first_capacity + 0u);
	return fastmem_cache_open(t, bin, RTE_MAX(capacity, least), may_grow);
}

/*
 * A cache for one object of a thread that may hold none: what is on its way is in a magazine, and
 * so is accounted for if this process is killed. close_once() ends it. False: also without
 * memory for a magazine, and for bins that have no caches.
 */
static bool
open_once(struct fastmem_tcache *t, struct fastmem_bin *bin, bool may_grow)
{
	return t != NULL && !bin->sampled && bin->pool == NULL &&
		fastmem_cache_open(t, bin, 1, may_grow);
}

static void
close_once(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	fastmem_cache_empty(t, bin, false);
}

/* An object of the bin for a thread that has no cache of it, and keeps none. NULL: no memory. */
static void *
once_alloc(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags)
{
	void *obj = NULL;

	if (!open_once(t, bin, (flags & RTE_FASTMEM_F_NOGROW) == 0))
		return direct_alloc(t, bin, flags);
	if (cache_refill(t, bin, flags)) {
		obj = rte_fastmem_pop(&t->caches[bin->id]);
		count(&fastmem_counts_opened(t, bin->id)->alloc_misses, 1);
	}
	close_once(t, bin);
	return obj;
}

static void
once_free(struct fastmem_tcache *t, struct fastmem_bin *bin, void *obj)
{
	if (!open_once(t, bin, true)) {
		direct_free(t, bin, obj);
		return;
	}
	rte_fastmem_push(&t->caches[bin->id], obj);
	count(&fastmem_counts_opened(t, bin->id)->free_misses, 1);
	close_once(t, bin);
}

/* Return an object that was never handed out: neither an allocation nor a free. */
static void
once_undo(struct fastmem_tcache *t, struct fastmem_bin *bin, void *obj)
{
	if (!open_once(t, bin, true)) {
		direct_undo(t, bin, obj);
		return;
	}
	rte_fastmem_push(&t->caches[bin->id], obj);
	FASTMEM_MOVE(t->caches[bin->id].n_alloc, t->caches[bin->id].n_alloc - 1);
	count(&fastmem_counts_opened(t, bin->id)->alloc_misses, -1);
	close_once(t, bin);
}

/*
 * Of the owner: a bin that has no counts has some from here on. False: there is no memory. If the
 * owner is killed in between, the block is lost, once.
 */
static __rte_noinline bool
counts_make(struct fastmem_tcache *t, unsigned int bin)
{
	struct fastmem_counts *block;

	/* As for the cache of a pool, EAL is not asked. */
	block = fastmem_meta_alloc(FASTMEM_COUNTS_BYTES, false);
	if (block == NULL)
		return false;
	/* Pairs with the acquire in fastmem_counts_block(): who sees it, sees zeroes. */
	FASTMEM_MOVE(t->pool_counts[(bin - fastmem_ctl()->first_pool_bin) /
			FASTMEM_COUNTS_PER_BLOCK], block);
	return true;
}

/* t, if the thread can count what it does with the bin; else NULL, as if it had no caches. */
static struct fastmem_tcache *
with_counts(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return t != NULL && (likely(fastmem_counts(t, bin->id) != NULL) ||
		counts_make(t, bin->id)) ? t : NULL;
}

/* An object of the bin; NULL: no memory. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_cache_alloc)
void *
fastmem_cache_alloc(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags)
{
	void *obj;

	t = with_counts(t, bin);
	if (!has_cache(t, bin, (flags & RTE_FASTMEM_F_NOGROW) == 0))
		return once_alloc(t, bin, flags);
	obj = rte_fastmem_pop(&t->caches[bin->id]);
	if (obj != NULL)
		return obj;
	if (!cache_refill(t, bin, flags))
		return NULL;
	count(&fastmem_counts_opened(t, bin->id)->alloc_misses, 1);
	return rte_fastmem_pop(&t->caches[bin->id]);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_cache_free)
void
fastmem_cache_free(struct fastmem_tcache *t, struct fastmem_bin *bin, void *ptr)
{
	t = with_counts(t, bin);
	if (!has_cache(t, bin, true)) {
		once_free(t, bin, ptr);
		return;
	}
	if (rte_fastmem_push(&t->caches[bin->id], ptr))
		return;
	cache_spill(t, bin);
	count(&fastmem_counts_opened(t, bin->id)->free_misses, 1);
	rte_fastmem_push(&t->caches[bin->id], ptr);
}

/* Free n objects into a cache, as many of them as need be by way of it. */
static void
cache_push_all(struct fastmem_tcache *t, struct fastmem_bin *bin, void *const *ptrs,
		unsigned int n)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	unsigned int put = 0;

	for (;;) {
		unsigned int k = RTE_MIN(n - put, (unsigned int)(c->end - c->top));

		rte_fastmem_push_bulk(c, ptrs + put, k);
		put += k;
		if (put == n)
			break;
		cache_spill(t, bin);
	}
}

static bool
direct_alloc_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin, void **ptrs,
		unsigned int n, unsigned int flags)
{
	unsigned int got = 0;

	while (got < n && (ptrs[got] = once_alloc(t, bin, flags)) != NULL)
		got++;
	if (got == n)
		return true;
	while (got > 0)
		once_undo(t, bin, ptrs[--got]);
	return false;
}

/* n objects of the bin, or none. Writes to ptrs even then: the caller's own array. */
bool
fastmem_cache_alloc_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin, void **ptrs,
		unsigned int n, unsigned int flags)
{
	struct rte_fastmem_cache *c;
	unsigned int got = 0, hits;

	t = with_counts(t, bin);
	if (!has_cache(t, bin, (flags & RTE_FASTMEM_F_NOGROW) == 0))
		return direct_alloc_bulk(t, bin, ptrs, n, flags);
	c = &t->caches[bin->id];
	hits = RTE_MIN(n, fastmem_cache_len(c));
	do {
		unsigned int k = RTE_MIN(n - got, fastmem_cache_len(c));

		rte_fastmem_pop_bulk(c, ptrs + got, k);
		got += k;
	} while (got < n && cache_refill(t, bin, flags));
	if (got == n) {
		count(&fastmem_counts_opened(t, bin->id)->alloc_misses, n - hits);
		return true;
	}
	/* They were never handed out: neither an allocation nor a free. */
	cache_push_all(t, bin, ptrs, got);
	FASTMEM_MOVE(c->n_alloc, c->n_alloc - got);
	return false;
}

void
fastmem_cache_free_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin, void *const *ptrs,
		unsigned int n)
{
	struct rte_fastmem_cache *c;
	unsigned int put, hits;

	t = with_counts(t, bin);
	if (!has_cache(t, bin, true)) {
		for (put = 0; put < n; put++)
			once_free(t, bin, ptrs[put]);
		return;
	}
	c = &t->caches[bin->id];
	hits = RTE_MIN(n, (unsigned int)(c->end - c->top));
	cache_push_all(t, bin, ptrs, n);
	count(&fastmem_counts_opened(t, bin->id)->free_misses, n - hits);
}

/* Why there is nothing, as far as is known. */
static const char *
nomem_reason(const struct fastmem_bin *bin, unsigned int flags)
{
	const struct fastmem_arena *arena = bin_arena(bin);

	if ((flags & RTE_FASTMEM_F_NOGROW) != 0)
		return "flags";
	if (bin->pool != NULL && rte_atomic_load_explicit(&bin->n_slots,
			rte_memory_order_relaxed) >= bin->pool->max)
		return "pool";
	if (rte_atomic_load_explicit(&arena->limit, rte_memory_order_relaxed) <=
			fastmem_arena_bytes(arena))
		return "limit";
	return fastmem_refusal_is_known(&arena->refusal) ? "EAL" : "fragmented";
}

static __rte_noinline void
trace_failed(const struct fastmem_bin *bin, unsigned int n, unsigned int flags)
{
	FASTMEM_TRACE(alloc_failed, bin->slot_size, n, flags, bin_arena(bin)->socket_id,
		nomem_reason(bin, flags));
}

/* Count n objects that could not be had. */
void
fastmem_cache_nomem(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int n,
		unsigned int flags)
{
	if (unlikely(FASTMEM_TRACED(alloc_failed)))
		trace_failed(bin, n, flags);
	t = with_counts(t, bin);
	if (t == NULL)
		rte_atomic_fetch_add_explicit(&bin->direct_nomem, n, rte_memory_order_relaxed);
	else
		count(&fastmem_counts_opened(t, bin->id)->nomem, n);
}
