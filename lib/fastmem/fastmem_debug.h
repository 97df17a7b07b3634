/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_DEBUG_H
#define FASTMEM_DEBUG_H

/*
 * Checking at run time: what the files of it share, and where the others call it.
 *
 *   fastmem_debug.c       levels; what is checked when an object comes and goes
 *   fastmem_conf.c        the environment and rte_fastmem_init_conf()
 *   fastmem_record.c      a record for each slot, outside of what applications write to
 *   fastmem_quarantine.c  freed objects that wait
 *   fastmem_report.c      what is told of an error
 *   fastmem_sample.c      one in N objects
 *   fastmem_leaks.c       what is live, by place of allocation
 *   fastmem_stack.c       backtraces
 *   fastmem_track.c       what sanitizers and Valgrind are told
 *
 * The level is the primary's, in shared memory, and does not change between init and
 * deinit. All state of objects is shared as well: any process can check what another
 * has allocated.
 *
 * With a level of LIGHT or above, an object lies in its slot like this:
 *
 *	slot                object                        end of slot
 *	| front: red zone   | size: the application's     | back: red zone or canary |
 *
 * front is 0 on level LIGHT and for pools. An object of a pool begins bin.header bytes into
 * its slot, and what is before it is the application's as well.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fastmem_private.h"
#include "rte_fastmem_debug.h"

/* Bytes of red zones and of freed memory: none that programs write often. */
#define FASTMEM_ZONE_BYTE 0xb7
#define FASTMEM_FREED_BYTE 0xd5

enum fastmem_record_state {
	FASTMEM_RECORD_NEW, /* never handed out */
	FASTMEM_RECORD_LIVE,
	FASTMEM_RECORD_BUSY, /* a thread is about to free it, or to hand it out */
	FASTMEM_RECORD_FREED, /* in quarantine, or free in a cache or slab */
};

/*
 * What is known of a slot. In shared memory. Written by whoever has set state to BUSY, or
 * has the slot from the layers below; who reads it without that, for a report or for leaks,
 * finds what may be half of an old and half of a new story, but no invalid pointer.
 */
struct fastmem_record {
	uint32_t state; /* enum fastmem_record_state. Atomic */
	uint32_t front; /* bytes from the slot to its object */
	uint32_t size; /* of the object, as asked for */
	uint32_t align; /* as asked for */
	uint32_t alloc_stack; /* see fastmem_stack.h; 0: not known */
	uint32_t free_stack;
	int32_t alloc_tid;
	int32_t free_tid;
	uint32_t alloc_pid;
	uint32_t free_pid;
	uint64_t alloc_time; /* cycles of the time stamp counter */
	uint64_t free_time;
	uint64_t sum; /* of a pool, once put: of what is in the object, which nobody may change */
};

/* Shared state of checking, in struct fastmem_ctl. */
struct fastmem_debug {
	/* Do not change after init. */
	uint32_t level; /* enum rte_fastmem_debug_level */
	uint32_t sample;
	uint32_t depth;
	uint32_t leaks;
	uint64_t quarantine_max; /* bytes */
	/* Under lock, a leaf: nothing is locked or allocated under it. */
	pthread_mutex_t lock;
	struct fastmem_record *unused[32]; /* arrays of 2^i records, linked by their first word */
	void **ring; /* objects in quarantine: ring[head % size] came first */
	uint32_t ring_size; /* a power of two */
	uint64_t head;
	uint64_t tail;
	uint64_t bytes; /* in quarantine. Atomic for the statistics */
	/* By bin: objects in quarantine, which the layers below take for objects in use. Atomic. */
	uint32_t quarantined[RTE_FASTMEM_MAX_BINS];
};

/* What each process keeps for itself. Does not change between init and deinit. */
struct fastmem_debug_process {
	/* RTE_FASTMEM_DEBUG_OFF unless the caches of threads have no room: what the slow path asks. */
	uint32_t level;
	unsigned int tools; /* FASTMEM_TOOL_*: what this process runs under */
	bool keep_running;
	rte_fastmem_report_cb report;
	void *report_arg;
	FILE *report_file; /* NULL: where DPDK logs to */
};
extern struct fastmem_debug_process fastmem_debug;

/* Whether calls are checked in this process. */
static inline bool
fastmem_debug_on(void)
{
	return unlikely(fastmem_debug.level != 0);
}

/* fastmem_record.c */
int fastmem_records_make(struct fastmem_granule *slab, bool may_grow);
void fastmem_records_drop(struct fastmem_granule *slab);
struct fastmem_record *fastmem_record_of(const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const void *ptr);
char *fastmem_record_object(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r);
/* Visit the records of all slots that were ever handed out, in all bins. */
typedef void (*fastmem_record_cb)(struct fastmem_bin *bin, struct fastmem_granule *slab,
		struct fastmem_record *r, void *arg);
void fastmem_records_walk(fastmem_record_cb cb, void *arg);

/* fastmem_leaks.c: in the primary, at init; and at deinit, before anything is given back */
void fastmem_leaks_begin(bool wanted);
void fastmem_leaks_at_end(void);

#endif /* FASTMEM_DEBUG_H */
