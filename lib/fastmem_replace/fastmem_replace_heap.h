/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_REPLACE_HEAP_H
#define FASTMEM_REPLACE_HEAP_H

/*
 * What the library that is preloaded needs of this one, and nobody else: it has the names of
 * EAL's functions for itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <rte_compat.h>
#include <rte_malloc.h>
#include <rte_memory.h>

/*
 * EAL's own functions, for what is not fastmem's. A library that has their names for itself, as
 * the one that is preloaded, says where they are before any drop-in name is called.
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

#endif /* FASTMEM_REPLACE_HEAP_H */
