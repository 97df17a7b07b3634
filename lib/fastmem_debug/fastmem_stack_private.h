/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_STACK_PRIVATE_H
#define FASTMEM_STACK_PRIVATE_H

/*
 * Between backtrace.c, which keeps stacks, symbolize.c, which prints them, the files that this reads
 * (symbolize_file.c), and the thread in which it does so (symbolize_thread.c).
 */

#include <stdbool.h>
#include <stdint.h>

#include "fastmem_stack.h"

#define FASTMEM_STACK_MODULES 256u

struct Dwfl;
struct Dwfl_Module;

/* What the linker has marked a file with, so that another one at its path is not taken for it. */
struct fastmem_build_id {
	uint8_t size; /* 0: it has none */
	uint8_t bytes[31];
};

/* A program or a shared object, in shared memory. Does not change. */
struct fastmem_module {
	struct fastmem_build_id build_id;
	bool is_library; /* it is fastmem, and nothing else */
	char path[];
};

/* By its number in a frame; NULL: not known. */
const struct fastmem_module *fastmem_module(unsigned int number);

/* For how long names are looked up, for however many stacks at once. Tests are less patient. */
extern int fastmem_symbol_patience_ms;

/*
 * Its file, in a session of libdw, in which addresses are those of the file. NULL: the file is not
 * there, or is another one.
 */
struct Dwfl *fastmem_module_open(const struct fastmem_module *m, struct Dwfl_Module **mod);

/*
 * Calls work(arg) in a thread of its own, and returns when that has ended. If there can be no such
 * thread, it is not called.
 */
void fastmem_look_up_in_thread(void (*work)(void *arg), void *arg);

/* Whether this process has loaded it, and where. */
bool fastmem_module_is_loaded(const struct fastmem_module *m, uintptr_t *base);

#endif /* FASTMEM_STACK_PRIVATE_H */
