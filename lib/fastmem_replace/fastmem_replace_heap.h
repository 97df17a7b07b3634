/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_REPLACE_HEAP_H
#define FASTMEM_REPLACE_HEAP_H

/*
 * What the library that is preloaded needs of fastmem, and nobody else: it has the names of
 * EAL's functions for itself, and sees the end of EAL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <rte_compat.h>
#include <rte_malloc.h>
#include <rte_memory.h>

/*
 * EAL's own functions, for what is not fastmem's. A library that has their names for itself, as
 * the one that is preloaded, says where they are before any of the above is called.
 */
struct rte_fastmem_replace_heap {
	void *(*malloc_socket)(const char *type, size_t size, unsigned int align, int socket_id);
	void *(*zmalloc_socket)(const char *type, size_t size, unsigned int align, int socket_id);
	void *(*realloc_socket)(void *ptr, size_t size, unsigned int align, int socket_id);
	void (*free)(void *ptr);
	void (*free_sensitive)(void *ptr); /* NULL: this EAL has none */
	int (*validate)(const void *ptr, size_t *size);
	rte_iova_t (*virt2iova)(const void *ptr);
	int (*get_socket_stats)(int socket_id, struct rte_malloc_socket_stats *stats);
	void (*dump_stats)(FILE *f, const char *type);
	void (*dump_heaps)(FILE *f);
};

__rte_internal
void
rte_fastmem_replace_set_heap(const struct rte_fastmem_replace_heap *heap);
__rte_internal
const struct rte_fastmem_replace_heap *
rte_fastmem_replace_get_heap(void);

/* Returns 0, or a negative errno: fastmem could not start, as the log says. */
__rte_internal
int
rte_fastmem_replace_check_env(void);

/*
 * Add to the number of reasons why the calling thread must not call into EAL for memory: it
 * holds a lock of EAL's. Returns that number. Unless it is 0, calls take what there is, as with
 * RTE_FASTMEM_F_NOGROW.
 */
__rte_internal
unsigned int
rte_fastmem_replace_hold_growth(int change);

/* As rte_fastmem_maintain(), but memory is only given back: what was free since the last call. */
__rte_internal
void
rte_fastmem_replace_shrink(void);

/* A request that EAL's heap has no memory for: set size and socket_id, and the rest to 0. */
struct rte_fastmem_replace_room {
	size_t size;
	int socket_id; /* or SOCKET_ID_ANY */
	unsigned int step;
	uint64_t reserved[RTE_MAX_NUMA_NODES]; /* bytes, by index of the socket */
};

/*
 * Give EAL some of the memory that fastmem holds and has no object in. Returns true if there was
 * any: try again, and call this again if that fails, until it returns false. Then what the
 * program had reserved is reserved again.
 */
__rte_internal
bool
rte_fastmem_replace_make_room(struct rte_fastmem_replace_room *room);

/* How far the end of EAL, and of fastmem with it, has come. */
enum rte_fastmem_replace_end {
	RTE_FASTMEM_REPLACE_BEGINS, /* EAL's threads are still there: nobody else is served from now on */
	RTE_FASTMEM_REPLACE_ENDING, /* EAL is about to unmap all memory: objects are of no use */
	RTE_FASTMEM_REPLACE_GONE, /* it has done so */
};

/*
 * But for the beginning: from now on nothing is allocated, and what is freed is ignored. No other
 * thread may be inside a call.
 */
__rte_internal
void
rte_fastmem_replace_forget(enum rte_fastmem_replace_end end);

#endif /* FASTMEM_REPLACE_HEAP_H */
