/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef MEMPOOL_FASTMEM_H
#define MEMPOOL_FASTMEM_H

/*
 * Mempools whose objects are those of typed pools. Registered as a mempool driver by
 * mempool_fastmem_driver.c; librte_fastmem_malloc.so has them for programs that name no driver.
 */

#include <rte_fastmem_pool.h>
#include <rte_mempool.h>

/* Of a mempool that gets its objects as they are needed. */
struct mempool_fastmem_grow {
	uint32_t min; /* objects that it has at first, if not more */
	rte_fastmem_pool_obj_cb ctor; /* is told of all, of those as well */
	void *arg;
};

extern const struct rte_mempool_ops mempool_fastmem_ops;

/* What each process with these ops is to be told of its mempools. */
void mempool_fastmem_event(enum rte_mempool_event event, struct rte_mempool *mp, void *arg);

/*
 * Make the typed pool of a mempool that is about to be populated by default, with these ops: so
 * it is known in time if that cannot be. Returns 0 or a negative errno; -ENOTSUP: its objects are
 * too large, or are to lie in memory that is not EAL's own.
 *
 * With grow, the mempool grows up to its size, in whatever process. While it is populated,
 * mp->size has to be what mempool_fastmem_objects() says.
 */
int mempool_fastmem_take(struct rte_mempool *mp, const struct mempool_fastmem_grow *grow);
uint32_t mempool_fastmem_objects(const struct rte_mempool *mp);

/* Whether it is one of those that do not have all of their objects. */
bool mempool_fastmem_grows(const struct rte_mempool *mp);

/* Let it have all. Returns 0 or a negative errno. */
int mempool_fastmem_grow_objects(struct rte_mempool *mp);
/* The same, in the process that has made it; it is none of those from then on. */
int mempool_fastmem_grow_whole(struct rte_mempool *mp);

/* Whether a typed pool is that of the mempool. */
bool mempool_fastmem_is_of(const struct rte_mempool *mp, const struct rte_fastmem_pool *pool);

#endif /* MEMPOOL_FASTMEM_H */
