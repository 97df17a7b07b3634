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
 * A fresh cache holds a few objects; each visit to the depot or the slabs
 * doubles that, up to the bin's magazine size. So a thread only hoards objects
 * of the sizes that it really uses. Threads that are no lcores, of which there may be
 * hundreds, share a bound on what their loaded magazines may hold of all sizes together.
 *
 * The owner writes everything in its caches; tcache.seq is odd while magazines
 * move, so that readers of the statistics can tell. A thread without a cache
 * (no memory for the bookkeeping, or the bound leaves no object) goes to the slabs for
 * each object.
 *
 * Where memory is short, other threads may take the spare magazine away: who
 * changes the magazine's owner word has it. Modelled in models/steal.pml.
 *
 * Magazines of pools move under a lock, pool.caches, because there the objects of the
 * loaded magazine can be taken away as well: pool_steal.c. It is taken by those who
 * call this file, and here where all bins are gone through. Nothing grows under it.
 */

#include <errno.h>

#include <rte_prefetch.h>

#include "fastmem_reclaim.h"

/*
 * A thread that waits keeps what its loaded magazines hold. There may be hundreds of threads that
 * are no lcores: together they have this much. One may add at most this part of what is left,
 * beside what each of them has in any case.
 */
#define SHARED_BYTES (3 << 20)
#define SHARED_PART 8
#define OWN_BYTES (8 << 10)
#define LEAST_BYTES (1u << 10) /* of each size; without room for an object, there is no cache */

/*
 * A move of magazines by the owner of a cache, for readers of the statistics, and
 * for whoever takes the cache back if this process is killed within it: a sequence
 * lock without fences. A change of a field is a release, so whoever reads the new
 * value (with acquire, in cache_read_fields()) also reads seq as odd, or as of
 * later. Meanwhile, move_live tells what holds before and after.
 */
static void
move_begin(struct fastmem_tcache *t, const struct rte_fastmem_cache *c)
{
	__atomic_store_n(&t->move_bin, c - t->caches, __ATOMIC_RELAXED);
	__atomic_store_n(&t->move_live, c->n_in - fastmem_cache_len(c) - c->spare_n,
			__ATOMIC_RELAXED);
	MOVE(t->seq, t->seq + 1);
}

static void
move_end(struct fastmem_tcache *t)
{
	/* Pairs with the acquire load of seq in cache_read(). */
	MOVE(t->seq, t->seq + 1);
}

static void
count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static void
count_in(struct rte_fastmem_cache *c, int64_t n)
{
	MOVE(c->n_in, c->n_in + n);
}

static void
magazine_set_n(struct fastmem_magazine *m, uint32_t n)
{
	MOVE(m->n, n);
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

/* Within a move: make a magazine the loaded one, in place of one that is kept elsewhere. */
static void
load_magazine(struct rte_fastmem_cache *c, struct fastmem_magazine *m)
{
	MOVE(c->loaded, m);
	MOVE(c->base, m->objs);
	MOVE(c->end, m->objs + RTE_MAX(c->capacity, m->n));
	MOVE(c->top, m->objs + m->n);
	magazine_set_n(m, 0);
}

static void
unload_magazine(struct rte_fastmem_cache *c)
{
	magazine_set_n(c->loaded, fastmem_cache_len(c));
}

uint64_t *
fastmem_cache_spare_owned(struct fastmem_tcache *t, const struct rte_fastmem_cache *c)
{
	return &fastmem_counts_opened(t, c - t->caches)->spare_owned;
}

/* Within a move, of which the spare magazine is a part. */
void
fastmem_cache_put_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c,
		struct fastmem_magazine *m)
{
	MOVE(c->spare_n, m->n);
	count_in(c, m->n);
	/* Pairs with the acquires in fastmem_steal_spare(). */
	MOVE(*fastmem_cache_spare_owned(t, c), __atomic_load_n(&m->owner, __ATOMIC_RELAXED));
	MOVE(c->spare, m);
}

/*
 * Within a move: take the spare magazine out of the cache. NULL: there is none, or
 * none any more, as another thread has stolen it. It may even be this thread's
 * again, from the pool and for another cache: then the owner word has a new tag.
 */
struct fastmem_magazine *
fastmem_cache_take_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c)
{
	struct fastmem_magazine *m = c->spare;

	if (m == NULL)
		return NULL;
	/* First, as a thief looks here once more after it has seen the owner word. */
	MOVE(c->spare, NULL);
	count_in(c, -(int64_t)c->spare_n);
	MOVE(c->spare_n, 0);
	return fastmem_magazine_change(m, *fastmem_cache_spare_owned(t, c), t->id) ? m : NULL;
}

/* Load the spare magazine, and keep the loaded one as that. False: there is none. */
static bool
swap_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c)
{
	struct fastmem_magazine *m, *old = c->loaded;

	move_begin(t, c);
	m = fastmem_cache_take_spare(t, c);
	if (m != NULL) {
		unload_magazine(c);
		count_in(c, m->n);
		count_in(c, -(int64_t)old->n);
		load_magazine(c, m);
		fastmem_cache_put_spare(t, c, old);
	}
	move_end(t);
	return m != NULL;
}

static void
set_capacity(struct fastmem_tcache *t, const struct fastmem_bin *bin, uint16_t capacity)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	int64_t more = ((int64_t)capacity - c->capacity) * bin->slot_size;

	c->capacity = capacity;
	/* What threads hold of a pool can be taken from them: pool_steal.c. */
	if (bin->pool != NULL)
		return;
	__atomic_store_n(&t->bytes, t->bytes + more, __ATOMIC_RELAXED);
	if (t->lcore < 0)
		__atomic_fetch_add(&fastmem_ctl()->shared_bytes, more, __ATOMIC_RELAXED);
}

/* Up to so many objects that a thread's loaded magazine of a bin may hold more. */
static unsigned int
may_hold_more(const struct fastmem_tcache *t, const struct fastmem_bin *bin, unsigned int n)
{
	int64_t left, own = OWN_BYTES - (int64_t)t->bytes;

	if (bin->pool != NULL || t->lcore >= 0)
		return n;
	left = SHARED_BYTES - __atomic_load_n(&fastmem_ctl()->shared_bytes, __ATOMIC_RELAXED);
	left = RTE_MAX(left / SHARED_PART, own);
	if (left < 0)
		return 0;
	n = RTE_MIN(n, (uint64_t)left / bin->slot_size);
	return n > 1 ? n & ~1u : n;
}

/* Whether it is to hold few, as all threads hold enough. */
static bool
holds_few(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	unsigned int capacity = t->caches[bin->id].capacity;

	return capacity < bin->magazine_size && may_hold_more(t, bin, capacity) == 0;
}

/* Within a move: the capacity doubles up to the magazine's size, if the thread may have that. */
static void
grow_capacity(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	unsigned int more = RTE_MIN(c->capacity, bin->magazine_size - c->capacity);

	set_capacity(t, bin, c->capacity + may_hold_more(t, bin, more));
	if (c->end < c->base + c->capacity)
		MOVE(c->end, c->base + c->capacity);
}

int
fastmem_bin_make_depots(struct fastmem_bin *bin, bool may_grow)
{
	struct fastmem_depot *depots;

	/* Pairs with the release below. */
	if (__atomic_load_n(&bin->empty, __ATOMIC_ACQUIRE) != NULL)
		return 0;
	depots = fastmem_meta_alloc(2 * sizeof(*depots), may_grow);
	if (depots == NULL)
		return -ENOMEM;
	fastmem_depot_init(&depots[0]);
	fastmem_depot_init(&depots[1]);
	fastmem_bin_lock(bin);
	if (bin->empty == NULL) { /* else another thread was first, and this pair is lost */
		/* Pairs with the acquire in full_depot(), fastmem_reclaim.c. */
		__atomic_store_n(&bin->full, &depots[0], __ATOMIC_RELEASE);
		/* Pairs with the acquire above: who sees one sees both, initialised. */
		__atomic_store_n(&bin->empty, &depots[1], __ATOMIC_RELEASE);
	}
	fastmem_mutex_unlock(&bin->lock);
	return 0;
}

static struct fastmem_magazine *
get_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, bool may_grow)
{
	struct fastmem_magazine *m = fastmem_depot_take(bin->empty, t->id);

	return m != NULL ? m : fastmem_magazine_get(bin, t->id, may_grow);
}

static void
put_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, struct fastmem_magazine *m)
{
	magazine_set_n(m, 0);
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

/* Whether the bin is among those that may have magazines here. For fastmem_verify.c. */
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
static bool
cache_open(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int capacity, bool may_grow)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *m;

	if (capacity == 0 || fastmem_bin_make_depots(bin, may_grow) != 0)
		return false;
	m = get_empty(t, bin, may_grow);
	if (m == NULL)
		return false;
	note_open(t, bin, true);
	move_begin(t, c);
	set_capacity(t, bin, capacity);
	load_magazine(c, m);
	move_end(t);
	return true;
}

/* Whether a thread has magazines of a bin. Atomic, as a pool that is freed takes them. */
static bool
is_open(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return __atomic_load_n(&t->caches[bin->id].loaded, __ATOMIC_RELAXED) != NULL;
}

static struct fastmem_arena *
arena_of(const struct fastmem_bin *bin)
{
	return &fastmem_ctl()->arenas[bin->socket];
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
		fastmem_drain_undo(arena_of(bin));
}

/*
 * Another thread has taken the objects of this cache away. What is left, or was freed at
 * that moment, goes to the slabs, and the cache begins anew.
 */
static __rte_noinline void
cache_begin_anew(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *m = c->loaded;

	move_begin(t, c);
	unload_magazine(c);
	count_in(c, -(int64_t)m->n);
	set_capacity(t, bin, bin->first_capacity);
	MOVE(c->top, m->objs);
	MOVE(c->base, m->objs);
	MOVE(c->end, m->objs + c->capacity);
	move_end(t);
	fastmem_slab_free(bin, m);
}

static inline void
cache_restore(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	const struct rte_fastmem_cache *c = &t->caches[bin->id];

	if (unlikely(c->base > c->end))
		cache_begin_anew(t, bin);
}

void
fastmem_cache_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, bool to_depot)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *loaded = c->loaded, *spare;

	cache_restore(t, bin);
	move_begin(t, c);
	spare = fastmem_cache_take_spare(t, c);
	unload_magazine(c);
	count_in(c, -(int64_t)loaded->n);
	set_capacity(t, bin, 0);
	MOVE(c->top, NULL);
	MOVE(c->base, NULL);
	MOVE(c->end, NULL);
	MOVE(c->loaded, NULL);
	move_end(t);
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

/*
 * Whether a thread is within a move of magazines of this bin. For a pool, under pool.caches, it
 * has died then, as its moves are under that, too.
 */
bool
fastmem_cache_is_moving(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	/* In this order: move_bin is of that move, or of a later one. Pairs with move_begin(). */
	return (__atomic_load_n(&t->seq, __ATOMIC_ACQUIRE) & 1) != 0 &&
		__atomic_load_n(&t->move_bin, __ATOMIC_RELAXED) == bin->id;
}

/*
 * Make the cache of a dead thread one that nobody uses, under pool.caches if it is of a pool:
 * whatever it had is in magazines then, whose n is true. Whoever does this may die as well, and
 * the next begins again.
 */
void
fastmem_cache_close(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	struct fastmem_magazine *m = c->loaded;
	void **top = c->top;

	if ((t->seq & 1) == 0)
		move_begin(t, c);
	if (m != NULL && top >= m->objs && top <= m->objs + fastmem_magazine_capacity(m->kind))
		magazine_set_n(m, RTE_MAX(m->n, (uint32_t)(top - m->objs)));
	c->capacity = 0;
	MOVE(c->top, NULL);
	MOVE(c->base, NULL);
	MOVE(c->end, NULL);
	MOVE(c->loaded, NULL);
	MOVE(c->spare, NULL);
	MOVE(c->spare_n, 0);
	MOVE(c->popping, 0);
	MOVE(c->n_in, t->move_live);
	move_end(t);
}

static void
close_locked(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	fastmem_caches_lock(bin); /* which may close it */
	if (is_open(t, bin) || t->caches[bin->id].spare != NULL || fastmem_cache_is_moving(t, bin))
		fastmem_cache_close(t, bin);
	fastmem_caches_unlock(bin);
}

/* Close all caches of a thread of a dead process. */
void
fastmem_tcache_close(struct fastmem_tcache *t)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t bytes;
	uint32_t i;

	/* It may have died within a move, which comes to its end first. */
	if (t->seq & 1)
		close_locked(t, &ctl->bins[t->move_bin]);
	for (i = 1; i < ctl->n_bins; i++)
		if (is_open(t, &ctl->bins[i]) || t->caches[i].spare != NULL)
			close_locked(t, &ctl->bins[i]);
	/* Whoever dies between both leaves the sum to the next maintain. */
	bytes = __atomic_exchange_n(&t->bytes, 0, __ATOMIC_RELAXED);
	if (t->lcore < 0)
		__atomic_fetch_sub(&ctl->shared_bytes, bytes, __ATOMIC_RELAXED);
}

/* Give the calling thread's objects of a bin back. Not under pool.caches. */
void
fastmem_cache_flush(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	FASTMEM_LOG_LATER;

	if (t == NULL || !is_open(t, bin))
		return;
	fastmem_caches_lock(bin);
	fastmem_cache_empty(t, bin, false);
	fastmem_caches_unlock(bin);
}

/*
 * Of a pool that is being freed, and that nobody uses, under pool.caches: the cache is as
 * if it had never been. Atomic, as the statistics go on; its magazines are found by their
 * bin.
 */
void
fastmem_cache_forget(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];
	uint64_t *counts = (uint64_t *)fastmem_counts(t, bin->id);
	unsigned int i;

	/* First, if killed: what is not open is not flushed. */
	MOVE(c->loaded, NULL);
	MOVE(c->top, NULL);
	MOVE(c->base, NULL);
	MOVE(c->end, NULL);
	MOVE(c->spare, NULL);
	MOVE(c->spare_n, 0);
	MOVE(c->n_in, 0);
	MOVE(c->n_alloc, 0);
	MOVE(c->popping, 0);
	c->capacity = 0;
	for (i = 0; counts != NULL && i < sizeof(struct fastmem_counts) / sizeof(counts[0]); i++)
		MOVE(counts[i], 0);
}

/*
 * Give the bin a slab, and grow its arena if flags allow. Returns false if there is none.
 * reclaimed: whether others' memory was reclaimed in this refill. That is done once, and by one of
 * two ways: first from large objects, then, if these had none, from other sizes.
 */
static bool
slab_more(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags, bool *reclaimed)
{
	if (bin->pool != NULL) /* grows elsewhere, and not under this lock */
		return false;
	/* Where the arena cannot grow, no long run is cut up while what would join it is held back. */
	if (fastmem_bin_is_large(bin) && !fastmem_slab_may_grow(bin, rte_get_timer_cycles()))
		fastmem_reclaim_large(arena_of(bin));
	/* The bookkeeping may grow: a slab of tiny objects without all its bits wastes the run. */
	if (fastmem_slab_acquire(bin, flags | FASTMEM_F_NO_CHUNK) == 0)
		return true;
	if (!*reclaimed) {
		*reclaimed = fastmem_reclaim_large(arena_of(bin));
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
	move_begin(t, c);
	unneeded = fastmem_cache_take_spare(t, c);
	unload_magazine(c);
	count_in(c, m->n);
	load_magazine(c, m);
	fastmem_cache_put_spare(t, c, old);
	grow_capacity(t, bin);
	move_end(t);
	if (unneeded != NULL)
		put_empty(t, bin, unneeded);
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
	if (holds_few(t, bin)) {
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
	move_begin(t, c);
	MOVE(c->top, c->base + n);
	count_in(c, n);
	grow_capacity(t, bin);
	move_end(t);
	magazine_set_n(c->loaded, 0);
	return true;
}

/* Make room in a full cache without another magazine: no memory for the bookkeeping. */
static void
cache_spill_to_slabs(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	struct rte_fastmem_cache *c = &t->caches[bin->id];

	unload_magazine(c);
	move_begin(t, c);
	count_in(c, -(int64_t)fastmem_cache_len(c));
	MOVE(c->top, c->base);
	move_end(t);
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
		move_begin(t, c);
		grow_capacity(t, bin);
		move_end(t);
		if (c->top < c->end)
			return;
	}
	if (c->spare != NULL && c->spare_n == 0 && swap_spare(t, c)) {
		fastmem_drain_undo(arena_of(bin));
		return;
	}
	empty = get_empty(t, bin, bin->pool == NULL);
	if (empty == NULL) {
		cache_spill_to_slabs(t, bin);
		return;
	}
	move_begin(t, c);
	full = fastmem_cache_take_spare(t, c);
	unload_magazine(c);
	count_in(c, -(int64_t)old->n);
	load_magazine(c, empty);
	fastmem_cache_put_spare(t, c, old);
	move_end(t);
	if (full != NULL && !fastmem_depot_put(bin->full, full, t->id, bin->max_full)) {
		fastmem_slab_free(bin, full);
		put_empty(t, bin, full);
	}
	fastmem_drain_undo(arena_of(bin)); /* there is a spare magazine in any case */
}

/* What this process holds, by threads without caches. */
static void
count_held(const struct fastmem_bin *bin, int64_t n)
{
	__atomic_fetch_add(&fastmem_held(fastmem_ctl(), fastmem_process.peer)[bin->id], n,
		__ATOMIC_RELAXED);
}

/*
 * What a thread's objects of a bin that go past its cache are counted by. That is done with
 * bin.lock, so that it agrees with the slabs whenever this process is killed.
 */
static uint64_t *
n_in_of(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return (uint64_t *)&t->caches[bin->id].n_in;
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
	MOVE(t->caches[bin->id].n_alloc, t->caches[bin->id].n_alloc + 1);
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
	MOVE(t->caches[bin->id].n_alloc, t->caches[bin->id].n_alloc - 1);
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
		cache_restore(t, bin);
		return true;
	}
	if (bin->pool != NULL) {
		if (!fastmem_process.can_steal)
			return false;
		may_grow = false;
	}
	capacity = may_hold_more(t, bin, bin->first_capacity);
	least = RTE_MIN(LEAST_BYTES / bin->slot_size, bin->first_capacity + 0u);
	return cache_open(t, bin, RTE_MAX(capacity, least), may_grow);
}

/*
 * A cache for one object of a thread that may hold none: what is on its way is in a magazine, and
 * so is accounted for if this process is killed. close_once() ends it. False: also without
 * memory for a magazine, and for bins that have no caches.
 */
static bool
open_once(struct fastmem_tcache *t, struct fastmem_bin *bin, bool may_grow)
{
	return t != NULL && !bin->sampled && bin->pool == NULL && cache_open(t, bin, 1, may_grow);
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
	MOVE(t->caches[bin->id].n_alloc, t->caches[bin->id].n_alloc - 1);
	count(&fastmem_counts_opened(t, bin->id)->alloc_misses, -1);
	close_once(t, bin);
}

/* t, if the thread can count what it does with the bin; else NULL, as if it had no caches. */
static struct fastmem_tcache *
with_counts(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return t != NULL && (likely(fastmem_counts(t, bin->id) != NULL) ||
		fastmem_counts_make(t, bin->id)) ? t : NULL;
}

/* An object of the bin; NULL: no memory. */
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
	MOVE(c->n_alloc, c->n_alloc - got);
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

/* Count n objects that could not be had. */
void
fastmem_cache_nomem(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int n)
{
	t = with_counts(t, bin);
	if (t == NULL)
		__atomic_fetch_add(&bin->direct_nomem, n, __ATOMIC_RELAXED);
	else
		count(&fastmem_counts_opened(t, bin->id)->nomem, n);
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
		if (!is_open(t, &ctl->bins[i]))
			continue;
		fastmem_caches_lock(&ctl->bins[i]);
		/* If it is of a pool, that may have been freed meanwhile. */
		if (is_open(t, &ctl->bins[i]))
			fastmem_cache_empty(t, &ctl->bins[i], to_depots);
		fastmem_caches_unlock(&ctl->bins[i]);
	}
}
