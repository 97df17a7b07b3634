/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_MALLOC_H
#define FASTMEM_MALLOC_H

/*
 * Between the files of librte_fastmem_malloc.so, which is preloaded into unmodified programs:
 *
 *   fastmem_malloc.c            the rte_malloc family: who serves a call
 *   fastmem_malloc_start.c      when: the program's start, end and fork; the environment
 *   fastmem_malloc_eal.c        EAL's own functions; which of its locks a thread holds
 *   fastmem_malloc_maintain.c   gives back what is not used any more
 *   fastmem_malloc_report.c     counts, and the report at exit
 *   fastmem_malloc_mempool.c    mempools: which ones become fastmem's
 *   fastmem_malloc_grow.c       those that start small
 *   fastmem_malloc_mempool_report.c  counts of them
 *   fastmem_malloc_static.c     programs that cannot be helped
 *   fastmem_malloc_pages.c      how much memory EAL has mapped
 *   fastmem_malloc_processes.c  other processes that do not have this library
 *
 * What the functions do is in lib/fastmem_replace/replace_malloc.c, shared with the names of
 * rte_fastmem_replace.h. The trace is written by the benchmark's recorder (recorder.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#define RTE_FASTMEM_REPLACE_MALLOC
#define RTE_FASTMEM_REPLACE_NO_NAMES
#include <rte_fastmem_replace.h>

#include "fastmem_replace_heap.h"
#include "mempool_fastmem.h"

struct rte_fastmem_conf;

#define PUBLIC __rte_visible

extern int fastmem_malloc_logtype;
#define MALLOC_LOG_AS(level, fmt, ...) \
	rte_log(level, fastmem_malloc_logtype, "FASTMEM_MALLOC: " fmt "\n", ## __VA_ARGS__)
#define MALLOC_LOG(level, ...) MALLOC_LOG_AS(RTE_LOG_ ## level, __VA_ARGS__)

/* Where this process stands. It only ever moves on, except to and from PASS by a fork. */
enum fastmem_malloc_stage {
	STAGE_UNREAD, /* the environment; EAL's functions are not known */
	STAGE_WAIT, /* EAL's memory is not known to be up: its heap serves, or not */
	STAGE_START, /* a thread starts fastmem; as before, for others and for calls from within */
	STAGE_SERVE, /* fastmem serves */
	STAGE_PASS, /* EAL's heap serves, for whatever reason; frees find the owner */
	STAGE_ENDED, /* after rte_eal_cleanup(): there is no memory of EAL's */
};

/*
 * The one thing that the fast path asks for: fastmem serves, and nobody counts, records or clears. False
 * at first. Relaxed: whoever sees it as true finds fastmem's state by fastmem's own means.
 */
extern RTE_ATOMIC(bool) fastmem_malloc_plain;

/* What the environment says. Not changed after STAGE_UNREAD. */
struct fastmem_malloc_config {
	bool serve; /* RTE_FASTMEM_MALLOC=on */
	bool count; /* for a report */
	bool wrong; /* something that is not understood: rte_eal_init() fails */
	bool clear; /* RTE_FASTMEM_MALLOC_CLEAR: off the fast path */
	bool maintain; /* RTE_FASTMEM_MALLOC_MAINTAIN */
	size_t reserve; /* bytes */
	const char *report; /* file, or "-" */
};
extern struct fastmem_malloc_config fastmem_malloc_config;

/* Functions of DPDK's, and of fastmem's, that have a namesake here. */
struct fastmem_malloc_eal {
	struct rte_fastmem_replace_heap heap;
	int (*init)(int argc, char **argv);
	int (*cleanup)(void);
	int (*trace_save)(void);
	void (*memzone_walk)(void (*fn)(const struct rte_memzone *mz, void *arg), void *arg);
	const struct rte_memzone *(*memzone_reserve)(const char *name, size_t len, int socket_id,
		unsigned int flags);
	const struct rte_memzone *(*memzone_reserve_aligned)(const char *name, size_t len,
		int socket_id, unsigned int flags, unsigned int align);
	const struct rte_memzone *(*memzone_reserve_bounded)(const char *name, size_t len,
		int socket_id, unsigned int flags, unsigned int align, unsigned int bound);
	int (*memzone_free)(const struct rte_memzone *mz);
	int (*memseg_walk)(rte_memseg_walk_t fn, void *arg);
	int (*memseg_contig_walk)(rte_memseg_contig_walk_t fn, void *arg);
	int (*memseg_list_walk)(rte_memseg_list_walk_t fn, void *arg);
	void (*mem_read_lock)(void);
	void (*mem_read_unlock)(void);
	void (*mem_write_lock)(void);
	void (*mem_write_unlock)(void);
	int (*event_register)(const char *name, rte_mem_event_callback_t clb, void *arg);
	int (*event_unregister)(const char *name, void *arg);
	int (*mempool_populate_default)(struct rte_mempool *mp);
	uint32_t (*mempool_obj_iter)(struct rte_mempool *mp, rte_mempool_obj_cb_t *cb, void *arg);
	uint32_t (*mempool_mem_iter)(struct rte_mempool *mp, rte_mempool_mem_cb_t *cb, void *arg);
	int (*fastmem_init)(void);
	int (*fastmem_init_conf)(const struct rte_fastmem_conf *conf);
	void (*fastmem_deinit)(void);
};

/*
 * In a function of EAL's heap, which may call others of the family by their names: these calls
 * are the heap's own. (It would look for its header in front of an object of fastmem's.)
 */
extern __thread unsigned int fastmem_malloc_in_heap __rte_tls_initial_exec;

/* fastmem_malloc_eal.c */
const struct fastmem_malloc_eal *fastmem_malloc_eal(void);
void fastmem_malloc_callbacks_forked(void);

/* fastmem_malloc_start.c */
enum fastmem_malloc_stage fastmem_malloc_stage(void);
bool fastmem_malloc_is_forked(void);
void fastmem_malloc_try_start(void);

/* fastmem_malloc_maintain.c */
void fastmem_malloc_maintain_start(void);
void fastmem_malloc_maintain_stop(void);
void fastmem_malloc_maintain_forked(void);

/* fastmem_malloc_report.c */
enum fastmem_malloc_call {
	CALL_MALLOC,
	CALL_ZMALLOC,
	CALL_CALLOC,
	CALL_REALLOC,
	CALL_FREE,
	N_CALLS
};

/* A call that has been served. */
struct fastmem_malloc_event {
	enum fastmem_malloc_call call;
	const void *caller; /* return address */
	const void *ptr; /* what it has returned, or freed */
	size_t asked; /* bytes; 0: a free */
	size_t before; /* bytes of the object that it was given; 0: none */
	uint64_t cycles;
};
void fastmem_malloc_count(const struct fastmem_malloc_event *event);
size_t fastmem_malloc_size(const void *ptr);
void fastmem_malloc_sample(void);
void fastmem_malloc_count_start(uint64_t cycles);
void fastmem_malloc_report_forked(void);

/* fastmem_malloc_pages.c */
void fastmem_malloc_watch_pages(void);
void fastmem_malloc_report_pages(FILE *f);

/* fastmem_malloc_mempool.c */
bool fastmem_malloc_read_mempools(const char *text);
bool fastmem_malloc_serves_mempools(void);
bool fastmem_malloc_has_mempools(void);
bool fastmem_malloc_is_replaced(const struct rte_mempool *mp);
void fastmem_malloc_register_mempools(void);
void fastmem_malloc_settle_mempools(void);

/* fastmem_malloc_grow.c */
const struct mempool_fastmem_grow *fastmem_malloc_grow_begin(struct rte_mempool *mp);
void fastmem_malloc_grow_end(struct rte_mempool *mp);
void fastmem_malloc_grow_ready(struct rte_mempool *mp);
void fastmem_malloc_grow_forked(void);
int fastmem_malloc_grow_populate(struct rte_mempool *mp);

/* fastmem_malloc_mempool_report.c */
bool fastmem_malloc_counts_mempools(int32_t index, rte_mempool_dequeue_t dequeue);
void fastmem_malloc_watch_mempools(void);
void fastmem_malloc_note_mempool(struct rte_mempool *mp);
void fastmem_malloc_report_mempools(FILE *f);
void fastmem_malloc_mempools_forked(void);

/* fastmem_malloc_static.c */
void fastmem_malloc_look_for_static(void);

/* fastmem_malloc_processes.c */
void fastmem_malloc_watch(void);

#endif /* FASTMEM_MALLOC_H */
