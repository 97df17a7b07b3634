/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_EAL_H
#define FASTMEM_EAL_H

/* What fastmem takes from EAL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

/*
 * EAL's own rte_malloc_get_socket_stats(): a library whose function of that name tells of fastmem
 * as well sets it, before there is a second thread. Internal, as fastmem_process.
 */
extern int (*fastmem_eal_heap_stats)(int socket_id, struct rte_malloc_socket_stats *stats);

bool fastmem_is_primary(void);
bool fastmem_is_secondary(void);
__rte_internal
bool fastmem_may_call_eal(void);
uint32_t fastmem_eal_tid(void); /* of the calling thread */
bool fastmem_eal_has_lcore(unsigned int lcore_id);
const char *fastmem_eal_runtime_dir(void);

/* Sockets: how many, the id of the i-th, that of the calling thread, the index of a default. */
struct fastmem_ctl;
unsigned int fastmem_eal_sockets(void);
int fastmem_eal_socket_id(unsigned int i);
int fastmem_eal_socket(void);
unsigned int fastmem_eal_first_socket(struct fastmem_ctl *ctl);

/* Memory: where EAL may map any, and what it knows of an address. */
int fastmem_eal_span(uintptr_t *first, uint64_t *n_granules);
bool fastmem_eal_has_hugepages(void);
bool fastmem_eal_iova_is_va(void);
rte_iova_t fastmem_eal_iova(const void *addr);
bool fastmem_eal_is_on_socket(const void *addr, int socket_id);

/* Memzones, of which there are few for all libraries. */
const struct rte_memzone *fastmem_eal_reserve_ctl(size_t size);
void fastmem_eal_zone_free(const struct rte_memzone *mz);

/* Zones that fastmem has, on all sockets. Others may add to them meanwhile. */
unsigned int fastmem_zones(void);

/*
 * Reserve one. NULL: rte_errno is ENOSPC if EAL has none left, or fastmem has its share, and
 * ENOMEM if there is no memory. May call back into the application. Of the primary process.
 */
const struct rte_memzone *fastmem_zone_reserve(const char *name, size_t len, int socket_id,
		unsigned int flags, size_t align);

#endif /* FASTMEM_EAL_H */
