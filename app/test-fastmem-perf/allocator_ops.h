/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_ALLOCATOR_OPS_H
#define FASTMEM_PERF_ALLOCATOR_OPS_H

/*
 * The calls that are measured, as a user of each allocator writes them.
 *
 * A scenario's loop is an always-inline function that takes a `const struct alloc_ops *`, and is
 * instantiated once for each allocator with the address of a constant (PERF_INSTANTIATE). The
 * compiler so turns every call below into the allocator's own code in the loop: no indirect call
 * is measured.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_fastmem_pool.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

/* The names behind the names: those of EAL stay what they are. */
#define RTE_FASTMEM_REPLACE_MALLOC
#define RTE_FASTMEM_REPLACE_NO_NAMES
#include <rte_fastmem_replace.h>

#include "perf.h"

struct alloc_ops {
	void *(*alloc)(const struct instance *in, size_t size);
	void (*free)(const struct instance *in, void *ptr);
	/* All or nothing; 0 when it succeeded. */
	int (*alloc_bulk)(const struct instance *in, void **ptrs, unsigned int n, size_t size);
	void (*free_bulk)(const struct instance *in, void **ptrs, unsigned int n);
};

#define PERF_OPS(name) \
	static const struct alloc_ops name##_ops = { \
		.alloc = name##_alloc, \
		.free = name##_free, \
		.alloc_bulk = name##_alloc_bulk, \
		.free_bulk = name##_free_bulk, \
	}

/*
 * The object is used by someone the compiler cannot see, and so is all other memory: it can neither
 * drop an allocation nor keep an allocator's state in registers from one call to the next.
 */
#define PERF_USE(ptr) __asm__ volatile("" : "+r"(ptr) : : "memory")
#define PERF_BARRIER() __asm__ volatile("" : : : "memory")

/* A size that the compiler does not know, as in most callers. */
#define PERF_RUNTIME_SIZE(in) (*(const volatile size_t *)&(in)->size)

/*
 * fastmem: any size, one call.
 */

static __rte_always_inline void *
fastmem_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(in);
	return rte_fastmem_alloc(size, 0, 0);
}

static __rte_always_inline void
fastmem_free(const struct instance *in, void *ptr)
{
	RTE_SET_USED(in);
	rte_fastmem_free(ptr);
}

static __rte_always_inline int
fastmem_alloc_bulk(const struct instance *in, void **ptrs, unsigned int n, size_t size)
{
	RTE_SET_USED(in);
	return rte_fastmem_alloc_bulk(ptrs, n, size, 0, 0);
}

static __rte_always_inline void
fastmem_free_bulk(const struct instance *in, void **ptrs, unsigned int n)
{
	RTE_SET_USED(in);
	rte_fastmem_free_bulk(ptrs, n);
}

PERF_OPS(fastmem);

/*
 * fastmem_sized: the caller says the size again, so that it need not be looked up.
 */

static __rte_always_inline void
fastmem_sized_free(const struct instance *in, void *ptr)
{
	rte_fastmem_free_sized(ptr, PERF_RUNTIME_SIZE(in), 0);
}

#define fastmem_sized_alloc fastmem_alloc
#define fastmem_sized_alloc_bulk fastmem_alloc_bulk
#define fastmem_sized_free_bulk fastmem_free_bulk

PERF_OPS(fastmem_sized);

/*
 * fastmem_handle: the size was looked up before.
 */

static __rte_always_inline void *
fastmem_handle_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(size);
	return rte_fastmem_halloc(in->handle, 0);
}

static __rte_always_inline void
fastmem_handle_free(const struct instance *in, void *ptr)
{
	rte_fastmem_hfree(in->handle, ptr);
}

static __rte_always_inline int
fastmem_handle_alloc_bulk(const struct instance *in, void **ptrs, unsigned int n, size_t size)
{
	RTE_SET_USED(size);
	return rte_fastmem_halloc_bulk(in->handle, ptrs, n, 0);
}

static __rte_always_inline void
fastmem_handle_free_bulk(const struct instance *in, void **ptrs, unsigned int n)
{
	rte_fastmem_hfree_bulk(in->handle, ptrs, n);
}

PERF_OPS(fastmem_handle);

/*
 * fastmem_pool: all objects are of one type.
 */

static __rte_always_inline void *
fastmem_pool_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(size);
	return rte_fastmem_pool_get(in->pool);
}

static __rte_always_inline void
fastmem_pool_free(const struct instance *in, void *ptr)
{
	rte_fastmem_pool_put(in->pool, ptr);
}

static __rte_always_inline int
fastmem_pool_alloc_bulk(const struct instance *in, void **ptrs, unsigned int n, size_t size)
{
	RTE_SET_USED(size);
	return rte_fastmem_pool_get_bulk(in->pool, ptrs, n);
}

static __rte_always_inline void
fastmem_pool_free_bulk(const struct instance *in, void **ptrs, unsigned int n)
{
	rte_fastmem_pool_put_bulk(in->pool, ptrs, n);
}

PERF_OPS(fastmem_pool);

/*
 * floor: an array used as a stack, without a check for its ends. No allocator that keeps free
 * objects in memory can be faster. The stack's address is made opaque in a register, because
 * recent cores forward a store to a load with the same base register and offset at no cost: that
 * takes 5 cycles for a pair where an address that the compiler knows takes 11.
 */

static __rte_always_inline struct floor_stack *
floor_stack_of(const struct instance *in)
{
	struct floor_stack *stack = in->floor;

	__asm__ volatile("" : "+r"(stack));
	return stack;
}

static __rte_always_inline void *
floor_alloc(const struct instance *in, size_t size)
{
	struct floor_stack *stack = floor_stack_of(in);

	RTE_SET_USED(size);
	return *--stack->top;
}

static __rte_always_inline void
floor_free(const struct instance *in, void *ptr)
{
	struct floor_stack *stack = floor_stack_of(in);

	*stack->top++ = ptr;
}

static __rte_always_inline int
floor_alloc_bulk(const struct instance *in, void **ptrs, unsigned int n, size_t size)
{
	struct floor_stack *stack = floor_stack_of(in);

	RTE_SET_USED(size);
	stack->top -= n;
	memcpy(ptrs, stack->top, n * sizeof(*ptrs));
	return 0;
}

static __rte_always_inline void
floor_free_bulk(const struct instance *in, void **ptrs, unsigned int n)
{
	struct floor_stack *stack = floor_stack_of(in);

	memcpy(stack->top, ptrs, n * sizeof(*ptrs));
	stack->top += n;
}

PERF_OPS(floor);

/*
 * Mempools: they differ in how the pool was made.
 */

static __rte_always_inline void *
mempool_alloc(const struct instance *in, size_t size)
{
	void *ptr;

	RTE_SET_USED(size);
	return likely(rte_mempool_get(in->mp, &ptr) == 0) ? ptr : NULL;
}

static __rte_always_inline void
mempool_free(const struct instance *in, void *ptr)
{
	rte_mempool_put(in->mp, ptr);
}

static __rte_always_inline int
mempool_alloc_bulk(const struct instance *in, void **ptrs, unsigned int n, size_t size)
{
	RTE_SET_USED(size);
	return rte_mempool_get_bulk(in->mp, ptrs, n);
}

static __rte_always_inline void
mempool_free_bulk(const struct instance *in, void **ptrs, unsigned int n)
{
	rte_mempool_put_bulk(in->mp, ptrs, n);
}

PERF_OPS(mempool);

#define mempool_stack_ops mempool_ops
#define mempool_fastmem_ops mempool_ops
#define mempool_uncached_ops mempool_ops
#define mempool_fastmem_uncached_ops mempool_ops

/*
 * Allocators without bulk calls: a loop, as their users write it.
 */

#define PERF_BULK_BY_SINGLES(name) \
	static __rte_always_inline void \
	name##_free_bulk(const struct instance *in, void **ptrs, unsigned int n) \
	{ \
		unsigned int i; \
\
		for (i = 0; i < n; i++) \
			name##_free(in, ptrs[i]); \
	} \
\
	static __rte_always_inline int \
	name##_alloc_bulk(const struct instance *in, void **ptrs, unsigned int n, size_t size) \
	{ \
		unsigned int i; \
\
		for (i = 0; i < n; i++) { \
			ptrs[i] = name##_alloc(in, size); \
			if (unlikely(ptrs[i] == NULL)) { \
				name##_free_bulk(in, ptrs, i); \
				return -1; \
			} \
		} \
		return 0; \
	}

static __rte_always_inline void *
rte_malloc_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(in);
	return rte_malloc(NULL, size, 0);
}

static __rte_always_inline void
rte_malloc_free(const struct instance *in, void *ptr)
{
	RTE_SET_USED(in);
	rte_free(ptr);
}

PERF_BULK_BY_SINGLES(rte_malloc)
PERF_OPS(rte_malloc);

/*
 * rte_malloc_header: what rte_malloc() is to a program that is compiled with the drop-in names.
 */

static __rte_always_inline void *
rte_malloc_header_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(in);
	return rte_fastmem_replace_malloc(NULL, size, 0);
}

static __rte_always_inline void
rte_malloc_header_free(const struct instance *in, void *ptr)
{
	RTE_SET_USED(in);
	rte_fastmem_replace_free(ptr);
}

PERF_BULK_BY_SINGLES(rte_malloc_header)
PERF_OPS(rte_malloc_header);

/*
 * rte_malloc_eal: where a preloaded library has the names, what they were.
 */

static __rte_always_inline void *
rte_malloc_eal_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(in);
	return perf_eal_heap->malloc_socket(NULL, size, 0, SOCKET_ID_ANY);
}

static __rte_always_inline void
rte_malloc_eal_free(const struct instance *in, void *ptr)
{
	RTE_SET_USED(in);
	perf_eal_heap->free(ptr);
}

PERF_BULK_BY_SINGLES(rte_malloc_eal)
PERF_OPS(rte_malloc_eal);

static __rte_always_inline void *
libc_alloc(const struct instance *in, size_t size)
{
	RTE_SET_USED(in);
	/* C11 wants a size that is a multiple of the alignment. */
	return aligned_alloc(64, RTE_ALIGN_CEIL(size, 64));
}

static __rte_always_inline void
libc_free(const struct instance *in, void *ptr)
{
	RTE_SET_USED(in);
	free(ptr);
}

PERF_BULK_BY_SINGLES(libc)
PERF_OPS(libc);

/*
 * For a loop `uint64_t loop(const struct alloc_ops *, const struct contender *, uint64_t n)`,
 * PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, loop) makes loop_<allocator>() for each allocator.
 */
#define PERF_INSTANTIATE(loop, allocator) \
	static __rte_noinline __rte_unused uint64_t \
	loop##_##allocator(const struct contender *c, uint64_t n) \
	{ \
		return loop(&allocator##_ops, c, n); \
	}

/* The same for an array of perf_round_fn by allocator: PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, loop) */
#define PERF_ENTRY(loop, allocator) [PERF_##allocator] = loop##_##allocator,

#endif /* FASTMEM_PERF_ALLOCATOR_OPS_H */
