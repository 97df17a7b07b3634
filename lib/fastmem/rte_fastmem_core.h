/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_CORE_H_
#define _RTE_FASTMEM_CORE_H_

/**
 * @file
 * RTE fastmem: from a call to the cache that serves it
 *
 * Everything in this file is internal to fastmem; only the functions of
 * rte_fastmem.h are its interface. What is here is compiled into applications,
 * so any change to it changes the layout version in fastmem_shared.h.
 *
 * A bin is a set of equal slots on one NUMA socket. Each thread has, for each
 * bin, a cache: a stack of free objects. A pop or a push on it is the fast
 * path (rte_fastmem_cache.h). When it is empty or full, and in every case that is out of the
 * ordinary, the functions named *_slow do the work:
 *  - a thread that has no caches yet uses caches that are shared by all such threads, whose stacks
 *    are empty and full at the same time;
 *  - an address that is not fastmem's belongs to bin 0, whose cache has no
 *    room in any thread.
 * So the fast path has no test for either.
 *
 * The functions are defined "extern inline" in the GNU sense: the library has a
 * copy of each for callers that do not inline, and for checkers, which know the
 * functions by name when RTE_FASTMEM_NO_INLINE is defined.
 */

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_config.h>

#include "rte_fastmem_cache.h"

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

#define RTE_FASTMEM_GRANULE_SHIFT 16 /* 64 KiB: the unit of the granule map */
#define RTE_FASTMEM_N_TINY 4 /* classes of 8, 16, 32 and 48 bytes */
#define RTE_FASTMEM_N_CLASSES 100
#define RTE_FASTMEM_ALIGN_DEFAULT 64
#define RTE_FASTMEM_MAX_SIZE ((size_t)1 << 20)
#define RTE_FASTMEM_MAX_BINS 4096
#define RTE_FASTMEM_HANDLE_BIN UINT32_C(0xffff) /* the bin of a handle */
#define RTE_FASTMEM_HANDLE_ANY UINT32_C(0x10000) /* objects may be of other bins, too */

/*
 * A core takes a load for dependent on an earlier store to the same offset in another page, and
 * waits for it (4 KiB aliasing). Caches lie at every multiple of 64 bytes, and the fast path
 * stores to their top, n_alloc and popping. So what it loads next, from the two structures below,
 * lies at other offsets in its line: fastmem_thread.c asserts it.
 */
#define __rte_fastmem_line __rte_aligned(64)

/* Where the calling thread's caches are. */
struct rte_fastmem_tls {
	uint64_t reserved0; /* where caches have top */
	RTE_ATOMIC(struct rte_fastmem_cache *) caches; /* by bin */
	RTE_ATOMIC(struct rte_fastmem_cache *) classes; /* by class, on this thread's socket */
	uint64_t reserved1; /* where caches have n_alloc */
	struct rte_fastmem_cache *bulk; /* of the last bulk that was freed: see rte_fastmem_bulk_cache() */
	int socket_id; /* of classes; SOCKET_ID_ANY until there are caches */
} __rte_fastmem_line;

extern __thread struct rte_fastmem_tls rte_fastmem_tls
	__rte_tls_initial_exec;

/* The bin of each granule: each process's view of a map in shared memory. */
struct rte_fastmem_map {
	uint64_t reserved0; /* where caches have top */
	RTE_ATOMIC(uintptr_t) first; /* granule number of bins[0]: its address / 64 KiB */
	RTE_ATOMIC(uintptr_t) n_granules; /* written last, with release; 0: none */
	uint64_t reserved1; /* where caches have n_alloc */
	const RTE_ATOMIC(uint16_t) *bins; /* 0: not fastmem's. Written under the bin's lock */
	/* 1: a size tells the bin. Set to 0 where objects may be in larger slots. */
	RTE_ATOMIC(uint32_t) n_sockets;
} __rte_fastmem_line;

extern struct rte_fastmem_map rte_fastmem_map;

__rte_experimental
void rte_fastmem_free_slow(void *ptr);
__rte_experimental
void *rte_fastmem_alloc_slow(size_t size, size_t align, unsigned int flags, int socket_id);
__rte_experimental
int rte_fastmem_alloc_bulk_slow(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id);
__rte_experimental
bool rte_fastmem_same_bin_slow(void *const *ptrs, unsigned int n);
__rte_experimental
void rte_fastmem_free_bulk_slow(void **ptrs, unsigned int n);
__rte_experimental
void rte_fastmem_free_sized_slow(void *ptr, size_t size, size_t align);
__rte_experimental
void rte_fastmem_hfree_slow(rte_fastmem_handle_t handle, void *ptr);
__rte_experimental
void rte_fastmem_hfree_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n);
__rte_experimental
void *rte_fastmem_halloc_slow(rte_fastmem_handle_t handle, unsigned int flags);
__rte_experimental
int rte_fastmem_halloc_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n,
		unsigned int flags);

/*
 * The classes: multiples of 64 bytes up to 512, then eight to a doubling, so
 * that a class is at most 12.5 % larger than what is put in it. The two rules
 * meet in one formula, as both have steps of 64 bytes from 512 to 1024.
 */
__rte_fastmem_always_inline size_t
rte_fastmem_class_by_line(size_t size)
{
	size_t last = size - (size != 0); /* offset of the last byte */
	/* "63 -" would cost two more instructions where the CPU counts from the other end. */
	unsigned int log2 = 63 ^ (unsigned int)__rte_clz64(last | 512);

	return RTE_FASTMEM_N_TINY + ((size_t)(log2 - 9) << 3) + (last >> (log2 - 3));
}

/*
 * The class that serves a request, or a number from RTE_FASTMEM_N_CLASSES on
 * when the slow path must sort it out. A multiple of a power of two not above
 * 64 KiB always fits a class whose size is such a multiple too, so rounding the
 * size up to the alignment is all that alignment takes.
 */
__rte_fastmem_always_inline size_t
rte_fastmem_class(size_t size, size_t align)
{
	if (align != 0 && align != RTE_FASTMEM_ALIGN_DEFAULT) {
		if (unlikely((align & (align - 1)) != 0 || size > RTE_FASTMEM_MAX_SIZE ||
				align > (size_t)1 << RTE_FASTMEM_GRANULE_SHIFT))
			return RTE_FASTMEM_N_CLASSES;
		size = (size + align - 1 + (size == 0)) & ~(align - 1);
		if (size <= 48) /* 8, 16, 32, 32 (for 24), 48: an aligned class each */
			return (0x332210u >> (4 * ((size - 1) >> 3))) & 0xf;
	}
	return rte_fastmem_class_by_line(size);
}

__rte_fastmem_always_inline unsigned int
rte_fastmem_bin_of(const void *ptr)
{
	/*
	 * A map may appear meanwhile. Pairs with the release in map_use(); and whichever of these
	 * two is loaded first, an old and a new value together have no index in range.
	 */
	uintptr_t n = RTE_FASTMEM_LOAD_ACQUIRE(&rte_fastmem_map.n_granules);
	uintptr_t i = ((uintptr_t)ptr >> RTE_FASTMEM_GRANULE_SHIFT) -
		RTE_FASTMEM_LIMIT(rte_fastmem_map.first);

	if (unlikely(i >= n))
		return 0;
	/* Whoever gave us the object made the slab's entry visible with it. */
	return rte_atomic_load_explicit(&rte_fastmem_map.bins[i], rte_memory_order_relaxed);
}

/* Copy, and tell in which bits any address differs from the first one. */
#ifdef RTE_FASTMEM_TSAN
__rte_fastmem_always_inline uintptr_t
rte_fastmem_copy_differ(void **dst, void *const *src, unsigned int n)
{
	uintptr_t differ = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		differ |= (uintptr_t)src[i] ^ (uintptr_t)src[0];
	rte_fastmem_copy(dst, src, n);
	return differ;
}
#else
typedef uintptr_t rte_fastmem_pair __rte_vector_size(2 * sizeof(uintptr_t));

__rte_fastmem_always_inline uintptr_t
rte_fastmem_copy_differ(void **dst, void *const *src, unsigned int n)
{
	const rte_fastmem_pair first = { (uintptr_t)src[0], (uintptr_t)src[0] };
	rte_fastmem_pair differ = { 0, 0 };

	for (; n >= 2; n -= 2, dst += 2, src += 2) {
		rte_fastmem_pair two;

		memcpy(&two, src, sizeof(two));
		memcpy(dst, &two, sizeof(two));
		differ |= two ^ first;
	}
	if (n != 0) {
		*dst = *src;
		differ[0] |= (uintptr_t)*src ^ first[0];
	}
	return differ[0] | differ[1];
}
#endif /* RTE_FASTMEM_TSAN */

/*
 * Push objects of which the first is of this bin, if all are. Objects of one bulk
 * often share a granule, and to know it costs less than a look-up of each. What
 * is written above top is of no consequence until top moves.
 */
__rte_fastmem_always_inline bool
rte_fastmem_push_same(struct rte_fastmem_cache *c, void *const *ptrs, unsigned int n)
{
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	if (unlikely(RTE_FASTMEM_LIMIT(c->end) - top < (ptrdiff_t)n))
		return false;
	if (unlikely(rte_fastmem_copy_differ(top, ptrs, n) >> RTE_FASTMEM_GRANULE_SHIFT != 0) &&
			!rte_fastmem_same_bin_slow(ptrs, n))
		return false;
	RTE_FASTMEM_SET_TOP(c, top + n);
	return true;
}

__rte_fastmem_always_inline void
rte_fastmem_zero_bulk(void **ptrs, unsigned int n, size_t size)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		memset(ptrs[i], 0, size);
}

#ifndef RTE_FASTMEM_NO_INLINE

#ifndef __rte_fastmem_inline /* the library defines it as nothing, once */
#define __rte_fastmem_inline __rte_fastmem_always_inline
#endif

__rte_fastmem_inline void *
rte_fastmem_alloc_socket(size_t size, size_t align, unsigned int flags, int socket_id)
{
	size_t class_id = rte_fastmem_class(size, align);
	void *ptr = NULL;

	if (likely(class_id < RTE_FASTMEM_N_CLASSES &&
			(socket_id == SOCKET_ID_ANY || socket_id == rte_fastmem_tls.socket_id)))
		ptr = rte_fastmem_pop(&rte_fastmem_tls.classes[class_id]);
	if (unlikely(ptr == NULL))
		return rte_fastmem_alloc_slow(size, align, flags, socket_id);
	if (flags & RTE_FASTMEM_F_ZERO)
		memset(ptr, 0, size);
	return ptr;
}

__rte_fastmem_inline void *
rte_fastmem_alloc(size_t size, size_t align, unsigned int flags)
{
	return rte_fastmem_alloc_socket(size, align, flags, SOCKET_ID_ANY);
}

__rte_fastmem_inline void
rte_fastmem_free(void *ptr)
{
	if (unlikely(!rte_fastmem_push(&rte_fastmem_tls.caches[rte_fastmem_bin_of(ptr)], ptr)))
		rte_fastmem_free_slow(ptr);
}

__rte_fastmem_inline void
rte_fastmem_free_sized(void *ptr, size_t size, size_t align)
{
	size_t class_id = rte_fastmem_class(size, align);
	bool done;

	/* With several sockets the size alone does not tell the bin. */
	if (RTE_FASTMEM_LIMIT(rte_fastmem_map.n_sockets) != 1)
		done = rte_fastmem_push(&rte_fastmem_tls.caches[rte_fastmem_bin_of(ptr)], ptr);
	else
		done = ptr != NULL && class_id < RTE_FASTMEM_N_CLASSES &&
			rte_fastmem_push(&rte_fastmem_tls.classes[class_id], ptr);
	if (unlikely(!done))
		rte_fastmem_free_sized_slow(ptr, size, align);
}

__rte_fastmem_inline int
rte_fastmem_alloc_bulk_socket(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id)
{
	size_t class_id = rte_fastmem_class(size, align);

	if (unlikely(class_id >= RTE_FASTMEM_N_CLASSES ||
			(socket_id != SOCKET_ID_ANY && socket_id != rte_fastmem_tls.socket_id) ||
			!rte_fastmem_pop_bulk(&rte_fastmem_tls.classes[class_id], ptrs, n)))
		return rte_fastmem_alloc_bulk_slow(ptrs, n, size, align, flags, socket_id);
	if (flags & RTE_FASTMEM_F_ZERO)
		rte_fastmem_zero_bulk(ptrs, n, size);
	return 0;
}

__rte_fastmem_inline int
rte_fastmem_alloc_bulk(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags)
{
	return rte_fastmem_alloc_bulk_socket(ptrs, n, size, align, flags, SOCKET_ID_ANY);
}

/*
 * The cache of the objects' bin. Its address comes from the object through the map, and a core may
 * not load the top of any cache before it knows to which one this call will store: the next
 * allocation would wait for all of that. Most often it is the cache of the last bulk. If a
 * branch that is predicted says so, the address is known at once.
 */
__rte_fastmem_always_inline struct rte_fastmem_cache *
rte_fastmem_bulk_cache(const void *ptr)
{
	struct rte_fastmem_cache *c = &rte_fastmem_tls.caches[rte_fastmem_bin_of(ptr)];
	struct rte_fastmem_cache *last = rte_fastmem_tls.bulk;

	if (unlikely(c != last)) {
		rte_fastmem_tls.bulk = c;
		return c;
	}
	/* Compilers must not take one for the other. */
	RTE_FASTMEM_IN_REGISTER(last);
	return last;
}

__rte_fastmem_inline void
rte_fastmem_free_bulk(void **ptrs, unsigned int n)
{
	if (unlikely(n == 0))
		return;
	if (unlikely(!rte_fastmem_push_same(rte_fastmem_bulk_cache(ptrs[0]), ptrs, n)))
		rte_fastmem_free_bulk_slow(ptrs, n);
}

__rte_fastmem_inline void *
rte_fastmem_halloc(rte_fastmem_handle_t handle, unsigned int flags)
{
	void *ptr = rte_fastmem_pop(&rte_fastmem_tls.caches[handle & RTE_FASTMEM_HANDLE_BIN]);

	if (unlikely(ptr == NULL || flags & RTE_FASTMEM_F_ZERO)) {
		if (ptr == NULL)
			return rte_fastmem_halloc_slow(handle, flags);
		memset(ptr, 0, rte_fastmem_usable_size(ptr));
	}
	return ptr;
}

__rte_fastmem_inline int
rte_fastmem_halloc_bulk(rte_fastmem_handle_t handle, void **ptrs, unsigned int n,
		unsigned int flags)
{
	struct rte_fastmem_cache *c = &rte_fastmem_tls.caches[handle & RTE_FASTMEM_HANDLE_BIN];

	if (unlikely(!rte_fastmem_pop_bulk(c, ptrs, n)))
		return rte_fastmem_halloc_bulk_slow(handle, ptrs, n, flags);
	if (unlikely(flags & RTE_FASTMEM_F_ZERO) && n > 0)
		rte_fastmem_zero_bulk(ptrs, n, rte_fastmem_usable_size(ptrs[0]));
	return 0;
}

__rte_fastmem_inline void
rte_fastmem_hfree(rte_fastmem_handle_t handle, void *ptr)
{
	/* A handle of any socket may have given an object of another bin. */
	unsigned int bin = handle & RTE_FASTMEM_HANDLE_BIN;

	if (unlikely(handle & RTE_FASTMEM_HANDLE_ANY))
		bin = rte_fastmem_bin_of(ptr);
	if (unlikely(ptr == NULL || !rte_fastmem_push(&rte_fastmem_tls.caches[bin], ptr)))
		rte_fastmem_hfree_slow(handle, ptr);
}

__rte_fastmem_inline void
rte_fastmem_hfree_bulk(rte_fastmem_handle_t handle, void **ptrs, unsigned int n)
{
	struct rte_fastmem_cache *c = &rte_fastmem_tls.caches[handle & RTE_FASTMEM_HANDLE_BIN];

	if (unlikely(handle & RTE_FASTMEM_HANDLE_ANY))
		rte_fastmem_free_bulk(ptrs, n);
	else if (unlikely(!rte_fastmem_push_bulk(c, ptrs, n)))
		rte_fastmem_hfree_bulk_slow(handle, ptrs, n);
}

#endif /* RTE_FASTMEM_NO_INLINE */

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#ifdef RTE_FASTMEM_NO_INLINE
#include "rte_fastmem_model.h"
#endif

#endif /* _RTE_FASTMEM_CORE_H_ */
