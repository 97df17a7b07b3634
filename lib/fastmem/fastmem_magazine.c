/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Where magazines come from, and go to: lists of empty ones, by kind. None is given back before
 * deinit, so a stale id is that of a magazine.
 */

#include <errno.h>

#include "fastmem_private.h"

size_t
fastmem_magazine_bytes(uint32_t kind)
{
	size_t n = fastmem_magazine_capacity(kind);

	return RTE_ALIGN_CEIL(sizeof(struct fastmem_magazine) + n * sizeof(void *),
			(size_t)RTE_CACHE_LINE_SIZE);
}

struct fastmem_magazine *
fastmem_magazine_by_id(uint32_t id)
{
	const struct fastmem_meta *meta = &fastmem_ctl()->meta;
	uint32_t i = (id - 1) / FASTMEM_MAGAZINES_PER_BLOCK;
	/* Both were set before anybody could learn this id. */
	char *block = rte_atomic_load_explicit(&meta->blocks[i], rte_memory_order_relaxed);
	/* Not that of a magazine there, whose line its owners write. */
	uint32_t kind = rte_atomic_load_explicit(&meta->block_kinds[i], rte_memory_order_relaxed);

	return (struct fastmem_magazine *)(block +
		(id - 1) % FASTMEM_MAGAZINES_PER_BLOCK * fastmem_magazine_bytes(kind));
}

/* Make a block of unused magazines. */
static int
magazine_add_block(uint32_t kind, bool may_grow)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	size_t bytes = fastmem_magazine_bytes(kind);
	char *block = fastmem_meta_alloc(FASTMEM_MAGAZINES_PER_BLOCK * bytes, may_grow);
	uint32_t i, first;

	if (block == NULL)
		return -ENOMEM;
	fastmem_meta_lock(meta);
	first = meta->n_magazines;
	if (first == FASTMEM_MAX_MAGAZINE_BLOCKS * FASTMEM_MAGAZINES_PER_BLOCK) {
		fastmem_mutex_unlock(&meta->lock);
		return -ENOMEM; /* the memory is lost, once per this many magazines */
	}
	for (i = 0; i < FASTMEM_MAGAZINES_PER_BLOCK; i++) {
		struct fastmem_magazine *m = (struct fastmem_magazine *)(block + i * bytes);

		m->kind = kind;
		m->id = first + i + 1;
		m->owner = fastmem_magazine_owner(0, FASTMEM_OWNER_UNUSED);
		m->next = i + 1 < FASTMEM_MAGAZINES_PER_BLOCK ? m->id + 1 : meta->unused[kind];
	}
	rte_atomic_store_explicit(&meta->block_kinds[first / FASTMEM_MAGAZINES_PER_BLOCK], kind,
			rte_memory_order_relaxed);
	rte_atomic_store_explicit(&meta->blocks[first / FASTMEM_MAGAZINES_PER_BLOCK], block,
			rte_memory_order_relaxed);
	/*
	 * All of them exist, or none; and then there is a way to them. Pairs with the acquire of
	 * whoever goes through all.
	 */
	FASTMEM_MOVE(meta->n_magazines, first + FASTMEM_MAGAZINES_PER_BLOCK);
	FASTMEM_MOVE(meta->unused[kind], first + 1);
	fastmem_mutex_unlock(&meta->lock);
	return 0;
}

/* Another thread may still try, in vain, to take it from a depot that it has left. */
static uint64_t
magazine_tag(const struct fastmem_magazine *m)
{
	return rte_atomic_load_explicit(&m->owner, rte_memory_order_relaxed) >> FASTMEM_OWNER_BITS;
}

/* An unused magazine, empty, for the bin and this owner. NULL: no memory. */
struct fastmem_magazine *
fastmem_magazine_get(const struct fastmem_bin *bin, uint32_t owner, bool may_grow)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	uint32_t kind = bin->magazine_kind;
	struct fastmem_magazine *m = NULL;

	do {
		fastmem_meta_lock(meta);
		if (meta->unused[kind] != 0) {
			m = fastmem_magazine_by_id(meta->unused[kind]);
			rte_atomic_store_explicit(&m->n, 0, rte_memory_order_relaxed);
			rte_atomic_store_explicit(&m->bin, bin->id, rte_memory_order_relaxed);
			FASTMEM_MOVE(meta->unused[kind], m->next);
			/* A tag of its own, as in a take: see fastmem_depot.c. */
			FASTMEM_MOVE(m->owner, fastmem_magazine_owner(magazine_tag(m) + 1, owner));
		}
		fastmem_mutex_unlock(&meta->lock);
	} while (m == NULL && magazine_add_block(kind, may_grow) == 0);
	return m;
}

void
fastmem_magazine_put(struct fastmem_magazine *m)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;

	RTE_ASSERT(m->n == 0);
	fastmem_meta_lock(meta);
	/* In this order: what looks owned is not in the list. */
	FASTMEM_MOVE(m->owner, fastmem_magazine_owner(magazine_tag(m) + 1, FASTMEM_OWNER_UNUSED));
	m->next = meta->unused[m->kind];
	FASTMEM_MOVE(meta->unused[m->kind], m->id);
	fastmem_mutex_unlock(&meta->lock);
}

/* The magazine of that id if it is one of the bin; else NULL. */
struct fastmem_magazine *
fastmem_magazine_of_bin(uint32_t id, const struct fastmem_bin *bin)
{
	struct fastmem_magazine *m = fastmem_magazine_by_id(id);
	/* Acquire: an owner came after the bin. Pairs with fastmem_magazine_get(). */
	uint64_t owner = rte_atomic_load_explicit(&m->owner, rte_memory_order_acquire);

	return (owner & FASTMEM_OWNER_MASK) != FASTMEM_OWNER_UNUSED &&
		rte_atomic_load_explicit(&m->bin, rte_memory_order_relaxed) == bin->id ? m : NULL;
}
