/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_CACHE_H_
#define _RTE_FASTMEM_CACHE_H_

/**
 * @file
 * RTE fastmem: the fast path
 *
 * Internal to fastmem. A cache is a stack of free objects of one bin, of one thread: an allocation
 * pops from it, a free pushes to it. Where that fails, the slow path does the work.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "rte_fastmem_access.h"

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

/*
 * A thread's cache of one bin. All fields are written by the owner only, top,
 * n_alloc and popping on the fast path, the others between two changes of the
 * thread cache's sequence counter. Other threads read them for the statistics.
 *
 * Of a typed pool, another thread may forbid its owner to pop and to push, by a base
 * above any top and an end below: then base > end, and the objects that are gone are
 * NULL. See pool_steal.c.
 */
struct rte_fastmem_cache {
	RTE_ATOMIC(void **) top; /* top[-1] is the next object to hand out */
	RTE_ATOMIC(void **) base; /* top == base: empty */
	RTE_ATOMIC(void **) end; /* top == end: full */
	RTE_ATOMIC(uint64_t) n_alloc; /* objects handed out, ever */
	RTE_ATOMIC(struct fastmem_magazine *) loaded; /* holds base..end; NULL at first */
	RTE_ATOMIC(struct fastmem_magazine *) spare; /* empty or full; NULL at first */
	RTE_ATOMIC(int64_t) n_in; /* objects moved in from depot and slabs, less those moved out */
	RTE_ATOMIC(uint32_t) popping; /* of a pool: lower half of what top is about to be; or 0 */
	uint16_t capacity; /* end - base: grows up to the bin's magazine size */
	RTE_ATOMIC(uint16_t) spare_n; /* objects in spare when it became that */
} __rte_aligned(64);

__rte_fastmem_always_inline void *
rte_fastmem_pop(struct rte_fastmem_cache *c)
{
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	if (unlikely(top == c->base))
		return NULL;
	RTE_FASTMEM_ADD(c->n_alloc, 1);
	RTE_FASTMEM_SET(c->top, top - 1);
	if (top[-1] == NULL)
		__rte_unreachable(); /* saves the caller's test of what is in a cache */
	return top[-1];
}

__rte_fastmem_always_inline bool
rte_fastmem_push(struct rte_fastmem_cache *c, void *ptr)
{
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	if (unlikely(top >= RTE_FASTMEM_LIMIT(c->end)))
		return false;
	RTE_FASTMEM_SET(*(RTE_ATOMIC(void *) *)top, ptr);
	RTE_FASTMEM_SET_TOP(c, top + 1);
	return true;
}

__rte_fastmem_always_inline bool
rte_fastmem_pop_bulk(struct rte_fastmem_cache *c, void **ptrs, unsigned int n)
{
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	/* Not even for none: top of a cache that was never used is NULL. */
	if (unlikely((size_t)n - 1 >= (size_t)(top - c->base)))
		return false;
	rte_fastmem_copy(ptrs, top - n, n);
	RTE_FASTMEM_ADD(c->n_alloc, n);
	RTE_FASTMEM_SET(c->top, top - n);
	return true;
}

__rte_fastmem_always_inline bool
rte_fastmem_push_bulk(struct rte_fastmem_cache *c, void *const *ptrs, unsigned int n)
{
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	/* Not even for none: top of a cache that was never used is NULL. */
	if (unlikely(n == 0 || RTE_FASTMEM_LIMIT(c->end) - top < (ptrdiff_t)n))
		return false;
	rte_fastmem_copy(top, ptrs, n);
	RTE_FASTMEM_SET_TOP(c, top + n);
	return true;
}

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#endif /* _RTE_FASTMEM_CACHE_H_ */
