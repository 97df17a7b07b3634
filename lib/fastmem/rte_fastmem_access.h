/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_ACCESS_H_
#define _RTE_FASTMEM_ACCESS_H_

/**
 * @file
 * RTE fastmem: how the fast path accesses caches
 *
 * Internal to fastmem: what compilers must do, or must not do, for rte_fastmem_cache.h to be as
 * fast as it is, and to be right beside other threads.
 */

#include <stdint.h>
#include <string.h>

#include "rte_fastmem_attr.h"

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

#define __rte_fastmem_always_inline \
	__rte_extern_inline

/*
 * A field that another thread may write to, say to forbid a pop or push. Compilers do not
 * make an atomic load an operand of the comparison; and RTE_FASTMEM_IN_REGISTER() keeps
 * them from using a value for more than one call.
 */
#ifdef RTE_FASTMEM_TSAN
#define RTE_FASTMEM_LIMIT(field) rte_atomic_load_explicit(&(field), rte_memory_order_relaxed)
#else
#define RTE_FASTMEM_LIMIT(field) (field)
#endif

/*
 * Keep the address of a cache in one register, so that its fields are accessed
 * as register plus offset. Recent cores forward a store to a later load of the
 * same register and offset at no cost: a pop and a push take 5 cycles, and 11
 * where the compiler uses an index. No instruction comes from this.
 */
#define RTE_FASTMEM_IN_REGISTER(cache) __asm__("" : "+r"(cache))

/*
 * Counters and stack tops are read by other threads for the statistics: see
 * cache_read_fields() in fastmem_tally.c.
 */
#define RTE_FASTMEM_SET(field, value) rte_atomic_store_explicit(&(field), value, \
	rte_memory_order_relaxed)

/*
 * If this process is killed, and also if objects of a pool are taken away, others find
 * what is below top, and nothing else: so it must be there before top says so. Pairs
 * with the acquires in cache_limit(), pool_steal.c, and fastmem_cache_len().
 */
#define RTE_FASTMEM_SET_TOP(c, value) rte_atomic_store_explicit(&(c)->top, value, \
	rte_memory_order_release)

/* As RTE_FASTMEM_SET(field, field + n), by one instruction where compilers take three. */
#if defined(__x86_64__)
#define RTE_FASTMEM_ADD(field, n) __asm__("addq %1, %0" : "+m"(field) : "er"((uint64_t)(n)) : "cc")
#else
#define RTE_FASTMEM_ADD(field, n) RTE_FASTMEM_SET(field, (field) + (n))
#endif

/*
 * Pops and pushes move two addresses at a time, and compilers must not merge two such moves into a
 * wider one: a load that spans two earlier stores waits until both are in the cache, where one
 * that finds all it loads in a single store is served from it. No instruction comes from this.
 */
#define RTE_FASTMEM_PAIR_STORED(dst) \
	__asm__("" : "+m"(*(char (*)[2 * sizeof(void *)])(dst)))

/*
 * The statistics look into the places of a cache while its owner overwrites them: see
 * loaded_objects() in fastmem_tally.c. The wide moves store each place whole, which
 * ThreadSanitizer does not believe.
 */
#ifdef RTE_FASTMEM_TSAN
__rte_fastmem_always_inline void
rte_fastmem_copy(void **dst, void *const *src, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		RTE_FASTMEM_SET(*(RTE_ATOMIC(void *) *)&dst[i], src[i]);
}
#else
__rte_fastmem_always_inline void
rte_fastmem_copy(void **dst, void *const *src, unsigned int n)
{
	void **last = dst + (n & ~3u);

	/* A loop, also where n is known: unrolled, it is slower (AMD), and larger everywhere. */
	RTE_FASTMEM_IN_REGISTER(last);
	for (; dst != last; dst += 4, src += 4) {
		memcpy(dst, src, 2 * sizeof(*dst));
		RTE_FASTMEM_PAIR_STORED(dst);
		memcpy(dst + 2, src + 2, 2 * sizeof(*dst));
		RTE_FASTMEM_PAIR_STORED(dst + 2);
	}
	if (n & 2) {
		memcpy(dst, src, 2 * sizeof(*dst));
		dst += 2;
		src += 2;
	}
	if (n & 1)
		*dst = *src;
}
#endif /* RTE_FASTMEM_TSAN */

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#endif /* _RTE_FASTMEM_ACCESS_H_ */
