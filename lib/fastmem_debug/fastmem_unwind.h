/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_UNWIND_H
#define FASTMEM_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "rte_fastmem_compat.h"

#define FASTMEM_UNWIND_MAX 16 /* frames */

/*
 * A walk up a stack: the return addresses that it found, from the innermost one on, and
 * what it went by. Two walks from the same address that find the same values in all words
 * (in that order) are the same walk.
 */
struct fastmem_walk {
	unsigned int n;
	unsigned int n_words;
	uintptr_t frames[FASTMEM_UNWIND_MAX];
	const uintptr_t *words[3 * FASTMEM_UNWIND_MAX];
	uintptr_t values[3 * FASTMEM_UNWIND_MAX];
};

/*
 * Walk up the stack of the calling thread. It does not take a lock of fastmem's, and uses
 * malloc only where the C library's backtrace() has to serve.
 *
 * @param frame
 *   Of the function where it begins: its __rte_frame_address().
 * @param caller
 *   Its __rte_return_address(), which is the first frame.
 * @param max
 *   Most frames to find, up to FASTMEM_UNWIND_MAX.
 */
void fastmem_unwind(const uintptr_t *frame, const void *caller, unsigned int max,
		struct fastmem_walk *walk);

/* The mapping that the stack of this thread is in, as it was found last. */
struct fastmem_stack_span {
	uintptr_t low, high;
};
extern __thread struct fastmem_stack_span fastmem_stack_span
	__rte_tls_initial_exec;

/* Forget what is known of the code at any address, as some of it has been unloaded. */
void fastmem_unwind_forget(void);

/*
 * For functions that read the words of other functions' frames, and code: sanitizers know
 * nothing of either.
 */
#ifdef __clang__
#define FASTMEM_UNCHECKED __rte_no_sanitize("address", "memory", "thread", "undefined")
#else
#define FASTMEM_UNCHECKED __rte_no_sanitize("address", "thread", "undefined")
#endif

#endif /* FASTMEM_UNWIND_H */
