/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_CACHE_H
#define FASTMEM_CACHE_H

/*
 * How magazines of a cache move, and what the files that move them share.
 */

#include "fastmem_private.h"

/*
 * A move of magazines by the owner of a cache, for readers of the statistics, and
 * for whoever takes the cache back if this process is killed within it: a sequence
 * lock without fences. A change of a field is a release, so whoever reads the new
 * value (with acquire, in cache_read_fields()) also reads seq as odd, or as of
 * later. Meanwhile, move_live tells what holds before and after.
 */
static inline void
fastmem_move_begin(struct fastmem_tcache *t, const struct rte_fastmem_cache *c)
{
	rte_atomic_store_explicit(&t->move_bin, c - t->caches, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&t->move_live, c->n_in - fastmem_cache_len(c) - c->spare_n,
			rte_memory_order_relaxed);
	FASTMEM_MOVE(t->seq, t->seq + 1);
}

static inline void
fastmem_move_end(struct fastmem_tcache *t)
{
	/* Pairs with the acquire load of seq in fastmem_cache_read(). */
	FASTMEM_MOVE(t->seq, t->seq + 1);
}

static inline void
fastmem_cache_count_in(struct rte_fastmem_cache *c, int64_t n)
{
	FASTMEM_MOVE(c->n_in, c->n_in + n);
}

static inline void
fastmem_magazine_set_n(struct fastmem_magazine *m, uint32_t n)
{
	FASTMEM_MOVE(m->n, n);
}

/* Within a move: make a magazine the loaded one, in place of one that is kept elsewhere. */
static inline void
fastmem_cache_load(struct rte_fastmem_cache *c, struct fastmem_magazine *m)
{
	FASTMEM_MOVE(c->loaded, m);
	FASTMEM_MOVE(c->base, m->objs);
	FASTMEM_MOVE(c->end, m->objs + RTE_MAX(c->capacity, m->n));
	FASTMEM_MOVE(c->top, m->objs + m->n);
	fastmem_magazine_set_n(m, 0);
}

static inline void
fastmem_cache_unload(struct rte_fastmem_cache *c)
{
	fastmem_magazine_set_n(c->loaded, fastmem_cache_len(c));
}

static inline RTE_ATOMIC(uint64_t) *
fastmem_cache_spare_owned(struct fastmem_tcache *t, const struct rte_fastmem_cache *c)
{
	return &fastmem_counts_opened(t, c - t->caches)->spare_owned;
}

/* Within a move, of which the spare magazine is a part. */
static inline void
fastmem_cache_put_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c,
		struct fastmem_magazine *m)
{
	FASTMEM_MOVE(c->spare_n, m->n);
	fastmem_cache_count_in(c, m->n);
	/* Pairs with the acquires in steal_spare(). */
	FASTMEM_MOVE(*fastmem_cache_spare_owned(t, c),
			rte_atomic_load_explicit(&m->owner, rte_memory_order_relaxed));
	FASTMEM_MOVE(c->spare, m);
}

/*
 * Within a move: take the spare magazine out of the cache. NULL: there is none, or
 * none any more, as another thread has stolen it. It may even be this thread's
 * again, from the pool and for another cache: then the owner word has a new tag.
 */
static inline struct fastmem_magazine *
fastmem_cache_take_spare(struct fastmem_tcache *t, struct rte_fastmem_cache *c)
{
	struct fastmem_magazine *m = c->spare;

	if (m == NULL)
		return NULL;
	/* First, as a thief looks here once more after it has seen the owner word. */
	FASTMEM_MOVE(c->spare, NULL);
	fastmem_cache_count_in(c, -(int64_t)c->spare_n);
	FASTMEM_MOVE(c->spare_n, 0);
	return fastmem_magazine_change(m, *fastmem_cache_spare_owned(t, c), t->id) ? m : NULL;
}

/* Whether a thread has magazines of a bin. Atomic, as a pool that is freed takes them. */
static inline bool
fastmem_cache_is_open(const struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return rte_atomic_load_explicit(&t->caches[bin->id].loaded, rte_memory_order_relaxed) !=
		NULL;
}

static inline struct fastmem_arena *
bin_arena(const struct fastmem_bin *bin)
{
	return &fastmem_ctl()->arenas[bin->socket];
}

/* Forbid the owner to pop, when it cannot push any more: see forbid(). */
static inline void
fastmem_cache_forbid_pop(struct rte_fastmem_cache *c, void **objs)
{
	FASTMEM_MOVE(c->base, objs + fastmem_magazine_capacity(c->loaded->kind) + 1);
}

/* fastmem_cache_open.c */
bool fastmem_cache_open(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int capacity,
		bool may_grow);
void fastmem_cache_begin_anew(struct fastmem_tcache *t, struct fastmem_bin *bin);
void fastmem_cache_empty(struct fastmem_tcache *t, struct fastmem_bin *bin, bool to_depot);
unsigned int fastmem_cache_may_hold(const struct fastmem_tcache *t, const struct fastmem_bin *bin,
		unsigned int n);
bool fastmem_cache_holds_few(const struct fastmem_tcache *t, const struct fastmem_bin *bin);
void fastmem_cache_grow(struct fastmem_tcache *t, const struct fastmem_bin *bin);
struct fastmem_magazine *fastmem_cache_get_empty(struct fastmem_tcache *t, struct fastmem_bin *bin,
		bool may_grow);
void fastmem_cache_put_empty(struct fastmem_tcache *t, struct fastmem_bin *bin,
		struct fastmem_magazine *m);

/* If another thread has taken objects out of the cache of a pool, it begins anew. */
static inline void
fastmem_cache_restore(struct fastmem_tcache *t, struct fastmem_bin *bin)
{
	const struct rte_fastmem_cache *c = &t->caches[bin->id];

	if (unlikely(c->base > c->end))
		fastmem_cache_begin_anew(t, bin);
}

/* fastmem_reclaim.c */
bool fastmem_reclaim_hoard(struct fastmem_tcache *t, const struct fastmem_bin *keep);
bool fastmem_depot_drain_one(const struct fastmem_tcache *t, struct fastmem_bin *bin);

#endif /* FASTMEM_CACHE_H */
