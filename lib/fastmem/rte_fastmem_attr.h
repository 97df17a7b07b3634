/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_ATTR_H_
#define _RTE_FASTMEM_ATTR_H_

/**
 * @file
 * RTE fastmem: what compilers and static analysers are told
 *
 * Internal to fastmem. Attributes, where they are known:
 *  - GCC 11 and later: which function frees what another has allocated. GCC does not inline such
 *    functions, so they are told where RTE_FASTMEM_NO_INLINE is defined.
 *  - clang: ownership. Its analyser looks at these attributes if it is told to: by
 *    -analyzer-config unix.DynamicMemoryModeling:Optimistic=true.
 * What attributes cannot say is in rte_fastmem_model.h.
 *
 * RTE_FASTMEM_NO_INLINE: functions are called, not inlined. Whoever wants GCC's warnings
 * defines it. It is defined here where speed is of no concern: for analysers, and in what GCC
 * compiles without optimisation. RTE_FASTMEM_INLINE forbids that, as the library itself does,
 * and tests that make errors on purpose.
 */

#include "rte_fastmem_compat.h"

#if !defined(RTE_FASTMEM_NO_INLINE) && !defined(RTE_FASTMEM_INLINE)
#if defined(__clang_analyzer__) || defined(__COVERITY__)
#define RTE_FASTMEM_NO_INLINE
#elif defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE__)
#define RTE_FASTMEM_NO_INLINE
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define RTE_FASTMEM_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RTE_FASTMEM_TSAN
#endif
#endif

/*
 * A load that no later load of the CPU overtakes. x86 does not reorder loads: a plain one can be an
 * operand of the instruction that uses it. Compilers may reorder plain loads, so what relies on
 * this has to bear any order of those in one call. ThreadSanitizer needs to know.
 */
#if (defined(__x86_64__) || defined(__i386__)) && !defined(RTE_FASTMEM_TSAN)
#define RTE_FASTMEM_LOAD_ACQUIRE(p) (*(p))
#else
#define RTE_FASTMEM_LOAD_ACQUIRE(p) rte_atomic_load_explicit(p, rte_memory_order_acquire)
#endif

/*
 * Between these is C, also for C++ compilers that warn of C's casts, and of a function with the
 * name of a struct.
 */
#if defined(__cplusplus) && defined(__GNUC__)
#define RTE_FASTMEM_BEGIN_C \
	__rte_diagnostic_push \
	__rte_diagnostic_ignored_wold_style_cast \
	__rte_diagnostic_ignored_wshadow
#define RTE_FASTMEM_END_C __rte_diagnostic_pop
#else
#define RTE_FASTMEM_BEGIN_C
#define RTE_FASTMEM_END_C
#endif

/* fn frees, by its argument of that number, what the function declared allocates. */
#if defined(RTE_FASTMEM_NO_INLINE) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define RTE_FASTMEM_HAS_PAIRS
#define __rte_fastmem_dealloc(fn, arg) __rte_dealloc(fn, arg)
#else
#define __rte_fastmem_dealloc(fn, arg)
#endif

/* An object that rte_fastmem_free() frees. */
#define __rte_fastmem_deallocs \
	__rte_fastmem_dealloc(rte_fastmem_free, 1) \
	__rte_fastmem_dealloc(rte_fastmem_free_sized_unmodelled, 1) \
	__rte_fastmem_dealloc(rte_fastmem_moved, 1)
#define __rte_fastmem_malloc \
	__rte_malloc __rte_warn_unused_result \
	__rte_fastmem_deallocs

#endif /* _RTE_FASTMEM_ATTR_H_ */
