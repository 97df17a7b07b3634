/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_COMPAT_H_
#define _RTE_FASTMEM_COMPAT_H_

/**
 * @file
 * RTE fastmem: DPDK's dialect where DPDK lacks it
 *
 * Internal to fastmem. All other files are written in the dialect of DPDK's development tree:
 * rte_atomic_*_explicit(), RTE_ATOMIC(), __rte_* macros, the functions of rte_bitops.h. Here is what
 * releases from 22.11 on lack of it, and no other file of the library uses an attribute, a built-in
 * function or a pragma of compilers by its own name.
 *
 * DPDK's own definition is taken wherever there is one.
 */

#include <rte_common.h>
#include <rte_config.h>
#include <rte_version.h>

/* rte_stdatomic.h, and rte_clz64() and its like, came with 23.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)

#include <rte_bitops.h>
#include <rte_stdatomic.h>

#else

#define RTE_ATOMIC(type) type
#define __rte_atomic

typedef int rte_memory_order;

#define rte_memory_order_relaxed __ATOMIC_RELAXED
#define rte_memory_order_acquire __ATOMIC_ACQUIRE
#define rte_memory_order_release __ATOMIC_RELEASE
#define rte_memory_order_acq_rel __ATOMIC_ACQ_REL
#define rte_memory_order_seq_cst __ATOMIC_SEQ_CST

#define rte_atomic_load_explicit(ptr, order) __atomic_load_n(ptr, order)
#define rte_atomic_store_explicit(ptr, val, order) __atomic_store_n(ptr, val, order)
#define rte_atomic_exchange_explicit(ptr, val, order) __atomic_exchange_n(ptr, val, order)
#define rte_atomic_compare_exchange_strong_explicit(ptr, expected, desired, order, failed) \
	__atomic_compare_exchange_n(ptr, expected, desired, 0, order, failed)
#define rte_atomic_compare_exchange_weak_explicit(ptr, expected, desired, order, failed) \
	__atomic_compare_exchange_n(ptr, expected, desired, 1, order, failed)
#define rte_atomic_fetch_add_explicit(ptr, val, order) __atomic_fetch_add(ptr, val, order)
#define rte_atomic_fetch_sub_explicit(ptr, val, order) __atomic_fetch_sub(ptr, val, order)
#define rte_atomic_fetch_and_explicit(ptr, val, order) __atomic_fetch_and(ptr, val, order)
#define rte_atomic_fetch_or_explicit(ptr, val, order) __atomic_fetch_or(ptr, val, order)
#define rte_atomic_fetch_xor_explicit(ptr, val, order) __atomic_fetch_xor(ptr, val, order)

#define rte_clz32(v) ((unsigned int)__builtin_clz(v))
#define rte_clz64(v) ((unsigned int)__builtin_clzll(v))
#define rte_ctz32(v) ((unsigned int)__builtin_ctz(v))
#define rte_ctz64(v) ((unsigned int)__builtin_ctzll(v))
#define rte_popcount32(v) ((unsigned int)__builtin_popcount(v))
#define rte_popcount64(v) ((unsigned int)__builtin_popcountll(v))

#endif

/* What rte_common.h got between 22.11 and 25.11. */
#ifndef __rte_constant
#define __rte_constant(e) __extension__(__builtin_constant_p(e))
#endif
#ifndef __rte_unreachable
#define __rte_unreachable() __extension__(__builtin_unreachable())
#endif
#ifndef __rte_section
#define __rte_section(name) __attribute__((section(name)))
#endif
#ifndef __rte_malloc
#define __rte_malloc __attribute__((__malloc__))
#endif
#ifndef __rte_alloc_align
#ifdef __clang__ /* it warns of 0 */
#define __rte_alloc_align(argno)
#else
#define __rte_alloc_align(argno) __attribute__((alloc_align(argno)))
#endif
#endif
#ifndef __rte_dealloc
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define __rte_dealloc(dealloc, argno) __attribute__((malloc(dealloc, argno)))
#else
#define __rte_dealloc(dealloc, argno)
#endif
#endif
#ifndef __rte_diagnostic_push
#define __rte_diagnostic_push _Pragma("GCC diagnostic push")
#define __rte_diagnostic_pop _Pragma("GCC diagnostic pop")
#endif

/* What rte_common.h of no DPDK has, down to the end of this file. */

/** A thread-local variable at a fixed offset: no call finds it. Of libraries loaded at start. */
#define __rte_tls_initial_exec __attribute__((tls_model("initial-exec")))

/** At the end of its scope, the variable's address is passed to the function. */
#define __rte_cleanup(func) __attribute__((cleanup(func)))

/** NULL unless something else in the program defines it; what else defines it takes its place. */
#define __rte_weak_symbol __attribute__((weak))

/** Exported from a library that hides its symbols. */
#define __rte_visible __attribute__((visibility("default")))

/** Sanitizers leave the function alone. */
#define __rte_no_sanitize(...) __attribute__((no_sanitize(__VA_ARGS__)))

/** Inlined wherever it is called; there is a copy of it elsewhere for who takes its address. */
#define __rte_extern_inline \
	extern __inline__ __attribute__((gnu_inline, always_inline, artificial))

/** A type of so many bytes, of which operators take one element after the other. */
#define __rte_vector_size(bytes) __attribute__((vector_size(bytes)))

/** The function uses the address that the argument is, and not what is there. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define __rte_access_none(argno) __attribute__((access(none, argno)))
#else
#define __rte_access_none(argno)
#endif

/** clang's analyser: the function frees its argument. */
#if defined(__clang__) && __has_attribute(ownership_takes)
#define __rte_ownership_takes(argno) __attribute__((ownership_takes(malloc, argno)))
#else
#define __rte_ownership_takes(argno)
#endif

/** A call that is left when the compiler is done is warned of. */
#define __rte_call_warning(message) __attribute__((warning(message)))

/** rte_clz64() is static, and inline functions that are not must not call one that is. */
#define __rte_clz64(v) __builtin_clzll(v)

#define __rte_return_address() __builtin_return_address(0)
#define __rte_frame_address() __builtin_frame_address(0)
#define __rte_object_size(ptr, type) __builtin_object_size(ptr, type)
#define __rte_mul_overflow(a, b, product) __builtin_mul_overflow(a, b, product)

#define __rte_diagnostic_ignored_wold_style_cast _Pragma("GCC diagnostic ignored \"-Wold-style-cast\"")
#define __rte_diagnostic_ignored_wshadow _Pragma("GCC diagnostic ignored \"-Wshadow\"")

/** Where the macro is expanded, compilation fails with the message. */
#define __rte_refuse(message) __rte_do_pragma(GCC error message)
#define __rte_do_pragma(words) _Pragma(#words)

#endif /* _RTE_FASTMEM_COMPAT_H_ */
