/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_KILL_H
#define TEST_KILL_H

/*
 * Traffic that stands being killed: what each worker holds is written down in
 * memory that survives it.
 *
 * An object is in the table of one worker, or in the mailbox, or in a call that
 * has not returned. For the latter, the worker has written down how many they
 * are: that many at most can be lost with it.
 */

#include <stdint.h>

#include "test_processes.h"

#define KILL_ZONE "test_kill"
#define KILL_WORKERS 12
#define KILL_TABLE 128
#define KILL_MAILBOX 64
#define KILL_BULK 32u
#define KILL_NICE 10 /* of workers: they would share the CPUs with each process that starts */

/* What lies at the start of each object; the rest is a pattern of tag. */
struct parcel {
	uint64_t size;
	uint64_t tag;
	uint64_t resized; /* by rte_fastmem_realloc(): another process cannot free it by its size */
};

/* A word of a table: an address; this bit while nothing is in the object yet. */
#define KILL_UNFILLED ((uintptr_t)1)
/* A word of the mailbox: an address, and which worker is about to put or take it. */
#define KILL_HANDS_SHIFT 48
#define KILL_ADDRESS(word) ((void *)((word) & ((UINT64_C(1) << KILL_HANDS_SHIFT) - 1)))
#define KILL_HANDS(word) ((word) >> KILL_HANDS_SHIFT)

struct kill_worker {
	uint64_t n_ops; /* atomic */
	uint64_t n_refused; /* ENOMEM */
	uint64_t seed;
	uint32_t wrong; /* contents that had changed, errors that cannot be */
	/* Objects of the call under way: that it allocates, that it frees. */
	uint32_t allocating, freeing;
	uint64_t table[KILL_TABLE];
} __rte_aligned(128);

struct kill_state {
	uint32_t stop;
	/* What workers do; the supervisor changes it now and then. Atomic. */
	uint32_t size_log2; /* sizes are below this power of two */
	uint32_t flush_every; /* operations; 0: never */
	uint64_t mailbox[KILL_MAILBOX];
	struct kill_worker workers[KILL_WORKERS];
};

struct kill_state *kill_state_get(void);
int kill_work(void *worker_number); /* until stop */
bool parcel_holds(const void *ptr); /* what it says it holds */

int64_t kill_begin(const uint64_t *args); /* first worker, number of workers */
int64_t kill_end(const uint64_t *args);
bool kill_workers_end(unsigned int seconds);

/* In the supervisor: EAL itself does not survive the death of a process at a growth. */
int kill_between_growths(struct process *p);

extern const remote_t kill_calls[];
extern const remote_t kill_pools_calls[]; /* test_fastmem_kill_pools.c */

#endif /* TEST_KILL_H */
