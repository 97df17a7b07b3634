/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef MEMPOOL_CALLS_H
#define MEMPOOL_CALLS_H

/*
 * DPDK's calls on mempools, for tests that call them in many places: inlined in each, with the
 * copies of objects that are part of them, they would take compilers most of a build.
 */

#include <rte_mempool.h>

static __rte_noinline __rte_unused int
mempool_get(struct rte_mempool *mp, void **obj)
{
	return rte_mempool_get(mp, obj);
}

static __rte_noinline __rte_unused int
mempool_get_bulk(struct rte_mempool *mp, void **objs, unsigned int n)
{
	return rte_mempool_get_bulk(mp, objs, n);
}

static __rte_noinline __rte_unused void
mempool_put(struct rte_mempool *mp, void *obj)
{
	rte_mempool_put(mp, obj);
}

static __rte_noinline __rte_unused void
mempool_put_bulk(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	rte_mempool_put_bulk(mp, objs, n);
}

#endif /* MEMPOOL_CALLS_H */
