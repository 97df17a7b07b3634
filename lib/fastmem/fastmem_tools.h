/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_TOOLS_H
#define FASTMEM_TOOLS_H

/*
 * How sanitizers and Valgrind are reached. Sanitizers by weak references: they are there if the
 * program was built with them, whether this library was or not. Valgrind by client requests, which
 * do nothing elsewhere. Which of them this process runs under, fastmem_tools() tells.
 */

#include <stddef.h>

#include "rte_fastmem_compat.h"

#ifdef __has_include
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAVE_MEMCHECK
#endif
#endif

#define WEAK __rte_weak_symbol

/* As in sanitizer/asan_interface.h and its like, which are not everywhere. */
WEAK void __asan_poison_memory_region(const volatile void *addr, size_t len);
WEAK void __asan_unpoison_memory_region(const volatile void *addr, size_t len);
WEAK void __asan_set_error_report_callback(void (*callback)(const char *));
WEAK void *__asan_get_report_address(void);
WEAK void __lsan_register_root_region(const void *addr, size_t len);
WEAK void __lsan_unregister_root_region(const void *addr, size_t len);
WEAK void __msan_allocated_memory(const volatile void *addr, size_t len);
WEAK void __msan_poison(const volatile void *addr, size_t len);
WEAK void __msan_unpoison(const volatile void *addr, size_t len);
WEAK void __msan_unpoison_param(size_t n);
WEAK void __msan_scoped_disable_interceptor_checks(void);
WEAK void __msan_scoped_enable_interceptor_checks(void);
WEAK void __tsan_acquire(void *addr);
WEAK void __tsan_release(void *addr);
WEAK void AnnotateIgnoreReadsBegin(const char *file, int line);
WEAK void AnnotateIgnoreReadsEnd(const char *file, int line);
WEAK void AnnotateIgnoreWritesBegin(const char *file, int line);
WEAK void AnnotateIgnoreWritesEnd(const char *file, int line);

#undef WEAK

#endif /* FASTMEM_TOOLS_H */
