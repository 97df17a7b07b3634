/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_PRELOAD_H
#define TEST_PRELOAD_H

/*
 * Between the files of a program that knows nothing of fastmem, and is run with
 * librte_fastmem_malloc.so preloaded. What it asks the library for, it finds by dlsym().
 */

#include <stdbool.h>
#include <stddef.h>

#include "test.h"

/* Whether an address is an object of fastmem's. */
bool is_fastmems(const void *ptr);

/* A function of EAL's own, and not the one that was preloaded. */
void *eal_function(const char *name);

extern const struct test_suite preload_suite_family;
extern const struct test_suite preload_suite_heap;
extern const struct test_suite preload_suite_locks;
extern const struct test_suite preload_suite_life;

/* Parts that a secondary plays, and the primary's next to it. Return an exit status. */
int preload_before_eal(void);
int preload_as_primary(void);
int preload_as_secondary(void);
int preload_allocate_in_callbacks(void);
int preload_call_a_known_number(void);
int preload_end(void);
int preload_keep_eal_busy(void);
int preload_peak(void);
int preload_rely_on_zeroes(void);
int preload_use_mempools(void);
int preload_count_mempools(void);
int preload_make_many_mempools(void);
int preload_own_fastmem(void);
int preload_grow_mempools(void);
int preload_share_a_mempool(void);
int preload_use_a_shared_mempool(void);
int preload_race_mempools(void);
int preload_free_what_grows(void);
int preload_want_what_grows(void);
int preload_misuse_a_mempool(void);
int preload_fork_while_a_mempool_is_noted(void);

#endif /* TEST_PRELOAD_H */
