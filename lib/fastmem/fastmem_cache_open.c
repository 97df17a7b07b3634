/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The begin and the end of a thread's cache of a bin, and how much it may hold.
 *
 * A fresh cache holds a few objects; each visit to the depot or the slabs
 * doubles that, up to the bin's magazine size. So a thread only hoards objects
 * of the sizes that it really uses. Threads that are no lcores, of which there may be
 * hundreds, share a bound on what their loaded magazines may hold of all sizes together.
 */

#include <errno.h>

#include "fastmem_cache.h"

/*
 * A thread that waits keeps what its loaded magazines hold. There may be hundreds of threads that
 * are no lcores: together they have this much. One may add at most this part of what is left,
 * beside what each of them has in any case.
 */
#define SHARED_BYTES (3 << 20)
#define SHARED_PART 8
#define OWN_BYTES (8 << 10)

static void
set_capacity(struct fastmem_tcache *t, const struct fastmem_bin *bin, uint16_t capacity)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	int64_t more = ((int64_t)capacity - c->capacity) * bin->slot_size;

	c->capacity = capacity;
	/* What threads hold of a pool can be taken from them: pool_steal.c. */
	if (bin->pool != NULL)
		return;
	rte_atomic_store_explicit(&t->bytes, t->bytes + more, rte_memory_order_relaxed);
	if (t->lcore < 0)
		rte_atomic_fetch_add_explicit(&fastmem_ctl()->shared_bytes, more,
				rte_memory_order_relaxed);
}

/*
 * How many of n objects a thread's loaded magazine of a bin may hold more. Even, if more than one:
 * the fast path moves addresses by twos.
 */
unsigned int
fastmem_cache_may_hold(const struct fastmem_tcache *t, const struct fastmem_bin *bin,
		unsigned int n)
{
	int64_t left, own = OWN_BYTES - (int64_t)t->bytes;

	if (bin->pool != NULL || t->lcore >= 0)
		return n;
	left = SHARED_BYTES - rte_atomic_load_explicit(&fastmem_ctl()->shared_bytes,
			rte_memory_order_relaxed);
	left = RTE_MAX(left / SHARED_PART, own);
	if (left < 0)
		return 0;
	n = RTE_MIN(n, (uint64_t)left / bin->slot_size);
	return n > 1 ? n & ~1u : n;
}

/* Whether it is to hold few, as all threads hold enough. */
bool
fastmem_cache_holds_few(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	unsigned int capacity = t->caches[bin->id].capacity;

	return capacity < bin->magazine_size && fastmem_cache_may_hold(t, bin, capacity) == 0;
}

/* Within a move: the capacity doubles up to the magazine's size, if the thread may have that. */
void
fastmem_cache_grow(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	unsigned int more = RTE_MIN(c->capacity, bin->magazine_size - c->capacity);

	set_capacity(t, bin, c->capacity + fastmem_cache_may_hold(t, bin, more));
	if (c->end < c->base + c->capacity)
		FASTMEM_MOVE(c->end, c->base + c->capacity);
}

int
fastmem_bin_make_depots(struct fastmem_bin *bin, bool may_grow)
{
	struct fastmem_depot *depots;

	/* Pairs with the release below. */
	if (rte_atomic_load_explicit(&bin->empty, rte_memory_order_acquire) != NULL)
		return 0;
	depots = fastmem_meta_alloc(2 * sizeof(*depots), may_grow);
	if (depots == NULL)
		return -ENOMEM;
	fastmem_depot_init(&depots[0]);
	fastmem_depot_init(&depots[1]);
	fastmem_bin_lock(bin);
	if (bin->empty == NULL) { /* else another thread was first, and this pair is lost */
		/* Pairs with the acquire in fastmem_full_depot(). */
		rte_atomic_store_explicit(&bin->full, &depots[0], rte_memory_order_release);
		/* Pairs with the acquire above: who sees one sees both, initialised. */
		rte_atomic_store_explicit(&bin->empty, &depots[1], rte_memory_order_release);
	}
	fastmem_mutex_unlock(&bin->lock);
	return 0;
}

struct fastmem_magazine *
fastmem_cache_get_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, bool may_grow)
{
	struct fastmem_magazine *m = fastmem_depot_take(bin->empty, t->id);

	return m != NULL ? m : fastmem_magazine_get(bin, t->id, may_grow);
}

void
fastmem_cache_put_empty(struct fastmem_tcache *t, struct fastmem_bin *bin,
		struct fastmem_magazine *m)
{
	fastmem_magazine_set_n(m, 0);
	if (!fastmem_depot_put(bin->empty, m, t->id, FASTMEM_DEPOT_SLOTS))
		fastmem_magazine_put(m);
}

/* The word of tcache.open that a bin of a size class has its bit in. */
static uint64_t *
open_word(struct fastmem_tcache *t, const struct fastmem_bin *bin, uint64_t *bit)
{
	unsigned int i = bin->id - fastmem_ctl()->arenas[bin->socket].first_bin;

	*bit = UINT64_C(1) << i % 64;
	return &t->open[bin->socket * FASTMEM_OPEN_WORDS + i / 64];
}

/* Whether the bin is among those that may have magazines here. For tests. */
bool
fastmem_tcache_is_open(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	uint64_t bit, *word = open_word(t, bin, &bit);

	return (*word & bit) != 0;
}

static void
note_open(struct fastmem_tcache *t, const struct fastmem_bin *bin, bool open)
{
	uint64_t bit, *word;

	if (bin->pool != NULL)
		return;
	word = open_word(t, bin, &bit);
	*word = open ? *word | bit : *word & ~bit;
}

/* Give a cache its first magazine. False: no memory for it, or all threads hold enough. */
bool
fastmem_cache_open(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int capacity,
		bool may_grow)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *m;

	if (capacity == 0 || fastmem_bin_make_depots(bin, may_grow) != 0)
		return false;
	m = fastmem_cache_get_empty(t, bin, may_grow);
	if (m == NULL)
		return false;
	note_open(t, bin, true);
	fastmem_move_begin(t, c);
	set_capacity(t, bin, capacity);
	fastmem_cache_load(c, m);
	fastmem_move_end(t);
	return true;
}

/* Return a magazine's objects to their slabs, and the magazine to its kind. */
void
fastmem_magazine_discard(struct fastmem_magazine *m)
{
	fastmem_slab_free(&fastmem_ctl()->bins[m->bin], m);
	fastmem_magazine_put(m);
}

/* Give a magazine to other threads, or its objects to the slabs. */
static void
magazine_offer(struct fastmem_tcache *t, struct fastmem_bin *bin, struct fastmem_magazine *m)
{
	if (m->n == 0 || !fastmem_depot_put(bin->full, m, t->id, bin->max_full))
		fastmem_magazine_discard(m);
	else
		fastmem_drain_undo(bin_arena(bin));
}

/*
 * Another thread has taken the objects of this cache away. What is left, or was freed at
 * that moment, goes to the slabs, and the cache begins anew.
 */
void
fastmem_cache_begin_anew(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *m = c->loaded;

	fastmem_move_begin(t, c);
	fastmem_cache_unload(c);
	fastmem_cache_count_in(c, -(int64_t)m->n);
	set_capacity(t, bin, bin->first_capacity);
	FASTMEM_MOVE(c->top, m->objs);
	FASTMEM_MOVE(c->base, m->objs);
	FASTMEM_MOVE(c->end, m->objs + c->capacity);
	fastmem_move_end(t);
	fastmem_slab_free(bin, m);
}

void
fastmem_cache_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, bool to_depot)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *loaded = c->loaded, *spare;

	fastmem_cache_restore(t, bin);
	fastmem_move_begin(t, c);
	spare = fastmem_cache_take_spare(t, c);
	fastmem_cache_unload(c);
	fastmem_cache_count_in(c, -(int64_t)loaded->n);
	set_capacity(t, bin, 0);
	FASTMEM_MOVE(c->top, NULL);
	FASTMEM_MOVE(c->base, NULL);
	FASTMEM_MOVE(c->end, NULL);
	FASTMEM_MOVE(c->loaded, NULL);
	fastmem_move_end(t);
	note_open(t, bin, false);
	if (to_depot) {
		magazine_offer(t, bin, loaded);
		if (spare != NULL)
			magazine_offer(t, bin, spare);
	} else {
		fastmem_magazine_discard(loaded);
		if (spare != NULL)
			fastmem_magazine_discard(spare);
	}
}

/* Give the calling thread's objects of a bin back. Not under pool.caches. */
void
fastmem_cache_flush(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	FASTMEM_LOG_LATER;

	if (t == NULL || !fastmem_cache_is_open(t, bin))
		return;
	fastmem_caches_lock(bin);
	fastmem_cache_empty(t, bin, false);
	fastmem_caches_unlock(bin);
}

/*
 * Give all objects and magazines of the calling thread's caches back: to the
 * slabs, or to the depots, where other threads find them sooner.
 */
void
fastmem_tcache_flush(struct fastmem_tcache *t, bool to_depots)
{
	FASTMEM_LOG_LATER;
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint32_t i;

	for (i = 1; i < ctl->n_bins; i++) {
		if (!fastmem_cache_is_open(t, &ctl->bins[i]))
			continue;
		fastmem_caches_lock(&ctl->bins[i]);
		/* If it is of a pool, that may have been freed meanwhile. */
		if (fastmem_cache_is_open(t, &ctl->bins[i]))
			fastmem_cache_empty(t, &ctl->bins[i], to_depots);
		fastmem_caches_unlock(&ctl->bins[i]);
	}
}
