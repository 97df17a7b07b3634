/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_MEMPOOL_H
#define FASTMEM_MEMPOOL_H

/*
 * A mempool whose objects are those of a typed pool: how rte_mempool learns of them and of their
 * memory. For drop-in names and for the mempool driver, neither of which needs the other.
 */

#include <stdbool.h>

#include <rte_fastmem_pool.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "pool/pool.h"

/* What is told of a typed pool while it becomes that of a mempool. */
struct fastmem_mempool_teller {
	struct rte_mempool *mp;
	rte_mempool_populate_obj_cb_t *obj_cb;
	void *arg; /* of obj_cb */
	bool io; /* the mempool wants to know IO addresses */
	struct rte_mempool_memhdr *last; /* of mp->mem_list; NULL: none yet */
	bool failed; /* there is no memory to describe the rest */
};

/* For rte_fastmem_pool_obj_iter(). */
static inline void
fastmem_mempool_tell_object(struct rte_fastmem_pool *pool __rte_unused, void *arg, void *obj,
		rte_iova_t iova, uint32_t index __rte_unused)
{
	const struct fastmem_mempool_teller *t = arg;

	t->obj_cb(t->mp, t->arg, obj, t->io ? iova : RTE_BAD_IOVA);
}

static inline bool
fastmem_mempool_continues(const struct rte_mempool_memhdr *last,
		const struct rte_fastmem_pool_mem *mem, rte_iova_t iova)
{
	return last != NULL && RTE_PTR_ADD(last->addr, last->len) == mem->addr &&
		(iova == RTE_BAD_IOVA ? last->iova == RTE_BAD_IOVA :
		last->iova != RTE_BAD_IOVA && last->iova + last->len == iova);
}

/*
 * For rte_fastmem_pool_mem_iter(): rte_mempool_mem_iter() is to show this memory. Nobody frees it but
 * the typed pool.
 */
static inline void
fastmem_mempool_tell_memory(struct rte_fastmem_pool *pool __rte_unused, void *arg,
		const struct rte_fastmem_pool_mem *mem)
{
	struct fastmem_mempool_teller *t = arg;
	rte_iova_t iova = t->io ? mem->iova : RTE_BAD_IOVA;
	struct rte_mempool_memhdr *memhdr;

	if (t->failed)
		return;
	if (fastmem_mempool_continues(t->last, mem, iova)) {
		t->last->len += mem->len;
		return;
	}
	memhdr = rte_zmalloc("MEMPOOL_MEMHDR", sizeof(*memhdr), 0);
	if (memhdr == NULL) {
		t->failed = true;
		return;
	}
	memhdr->mp = t->mp;
	memhdr->addr = mem->addr;
	memhdr->iova = iova;
	memhdr->len = mem->len;
	STAILQ_INSERT_TAIL(&t->mp->mem_list, memhdr, next);
	t->mp->nb_mem_chunks++;
	t->last = memhdr;
}

/* But for what rte_mempool has reserved itself, which it gives back with the mempool. */
static inline void
fastmem_mempool_forget_memory(struct rte_mempool *mp)
{
	struct rte_mempool_memhdr_list kept = STAILQ_HEAD_INITIALIZER(kept);
	struct rte_mempool_memhdr *memhdr;

	while ((memhdr = STAILQ_FIRST(&mp->mem_list)) != NULL) {
		STAILQ_REMOVE_HEAD(&mp->mem_list, next);
		if (memhdr->free_cb != NULL) {
			STAILQ_INSERT_TAIL(&kept, memhdr, next);
			continue;
		}
		rte_free(memhdr);
		mp->nb_mem_chunks--;
	}
	STAILQ_CONCAT(&mp->mem_list, &kept);
}

/*
 * Where rte_mempool cannot populate a mempool, it takes out all objects that there are, and forgets
 * them. So the application has none of a mempool that has none.
 */
static inline void
fastmem_mempool_drop_forgotten(const struct rte_mempool *mp, struct rte_fastmem_pool *pool)
{
	if (mp->populated_size == 0)
		fastmem_pool_drop(pool);
}

/* Whether objects can lie in fastmem's memory, which is that of EAL's own sockets. bytes: of each. */
static inline bool
fastmem_mempool_fits(const struct rte_mempool *mp, size_t bytes)
{
	return bytes <= rte_fastmem_max_size() &&
		rte_malloc_heap_socket_is_external(mp->socket_id) == 0;
}

#endif /* FASTMEM_MEMPOOL_H */
