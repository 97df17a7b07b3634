/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_STACK_H
#define FASTMEM_STACK_H

/*
 * Call stacks as numbers of 16 bits, which mean the same in all processes that share
 * fastmem. See backtrace.c for how they are taken, symbolize.c for how they are
 * printed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FASTMEM_STACK_NONE 0u /* no memory for it, or nothing was captured */
#define FASTMEM_STACK_MANY UINT16_MAX /* there are too many stacks already */
#define FASTMEM_STACK_MAX 16384u /* different stacks */
#define FASTMEM_STACK_MAX_DEPTH 16u /* frames */
#define FASTMEM_STACK_DEPTH 12u /* unless another one is set */
/*
 * Frames to capture beside those that are asked for, as some are the library's own: in a release
 * build by gcc 12, two of a free, and up to five of an allocation.
 */
#define FASTMEM_STACK_LIBRARY 4u

/* A frame: the return address of a call, relative to where its module is loaded. */
struct fastmem_stack_frame {
	const char *module; /* path of the file; NULL: not known, offset is an address */
	uint64_t offset; /* the address that the file's symbol table has for it */
};

/**
 * The stack of the calling thread, from the caller of the library on. The frames of the
 * library itself are left out where it is a shared object; in programs that contain it,
 * they are there, and left out in print.
 *
 * Costs some tens of nanoseconds, unless the stack is new. Not to be called with a lock of
 * fastmem's, as a new stack may need memory. Within the caller's signal handlers, and within
 * itself, it captures nothing. Any thread may call it.
 *
 * @return
 *   Number of the stack, up to 65535: the same for the same stack, until deinit.
 *   FASTMEM_STACK_NONE or FASTMEM_STACK_MANY if there is none.
 */
uint32_t fastmem_stack_capture(void);

/**
 * How many frames this process captures: 1 to FASTMEM_STACK_MAX_DEPTH, others mean the
 * nearest of these. They include those of the library.
 */
void fastmem_stack_set_depth(unsigned int depth);

/**
 * Write a stack: a line for each frame, the innermost first, and for each inlined call.
 *
 *     #0 function at file.c:123 (module+0x1234)
 *
 * As much of it as can be found: by debug information and symbol tables of the files; by
 * dladdr() for what this process has loaded; else the module alone.
 * Takes up to some seconds if the program is large: for a list of stacks, there are
 * fastmem_symbols_make() and fastmem_symbols_print(). It uses malloc. Any thread may call it.
 *
 * @param f
 *   Where to write.
 * @param id
 *   What fastmem_stack_capture() has returned, in any process.
 * @param indent
 *   Begins each line.
 */
void fastmem_stack_print(FILE *f, uint32_t id, const char *indent);

/* The calling thread makes a report, or looks up names for one: debug_report.c sets it. */
extern __thread bool fastmem_reporting;

/**
 * Look up the names in n stacks at once: it takes as long as for one, and no longer.
 *
 * @param ids
 *   Stays until fastmem_symbols_free().
 * @return
 *   NULL if there is no memory.
 */
struct fastmem_symbols *fastmem_symbols_make(const uint32_t *ids, unsigned int n);

/** Write the stack ids[i] as fastmem_stack_print() does. */
void fastmem_symbols_print(const struct fastmem_symbols *s, unsigned int i, FILE *f,
		const char *indent);

/* In a forked child. */
void fastmem_look_up_forked(void);

/** NULL: nothing is done. */
void fastmem_symbols_free(struct fastmem_symbols *s);

/**
 * The frames of a stack.
 *
 * @return
 *   Number of frames, of which the first n are written to frames. 0: there is no such stack.
 */
unsigned int fastmem_stack_frames(uint32_t id, struct fastmem_stack_frame *frames,
		unsigned int n);

/**
 * For tests: the innermost frame that is not of fastmem, in a line without its end: "function
 * file.c:123" or "module+0x1234".
 *
 * @return
 *   As snprintf(). If there is no such stack, what is written says so.
 */
int fastmem_stack_site(uint32_t id, char *buf, size_t len);

/** Told of the site of ids[i], in the order of i. The line is valid in this call only. */
typedef void (*fastmem_stack_site_cb)(void *arg, unsigned int i, const char *site);

/**
 * For tests: the sites of many stacks, as fastmem_stack_site() has them, in little more time
 * than that of one.
 */
void fastmem_stack_sites(const uint32_t *ids, unsigned int n, fastmem_stack_site_cb cb, void *arg);

#endif /* FASTMEM_STACK_H */
