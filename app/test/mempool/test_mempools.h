/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_MEMPOOLS_H
#define TEST_MEMPOOLS_H

/* What the tests of the mempool driver share. */

#include <rte_mempool.h>

#include "test_processes.h"

#define DRIVER_OPS "fastmem"

/* A mempool that is not populated yet, with these ops. NULL: a case has failed. */
struct rte_mempool *mempool_empty(const char *name, const char *ops, unsigned int n,
		unsigned int size, unsigned int cache, unsigned int flags);
/* A mempool of the driver, populated in the default way. */
struct rte_mempool *mempool_make(const char *name, unsigned int n, unsigned int size,
		unsigned int cache, unsigned int flags);

/* Objects by one, until there are none: how many. At most max. */
unsigned int mempool_take(struct rte_mempool *mp, void **objs, unsigned int max);

/* All objects are free, and can be had: each once, and no more than that. */
int mempool_is_whole(struct rte_mempool *mp);

extern const remote_t mempool_calls[];

#endif /* TEST_MEMPOOLS_H */
