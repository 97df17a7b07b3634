/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Preloaded into a program of DPDK, lets all of its mempools use the driver "fastmem" that
 * otherwise would use the default one: those that are not for mbufs, too.
 */

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <rte_mempool.h>

int
rte_mempool_set_ops_byname(struct rte_mempool *mp, const char *name, void *pool_config)
{
	int (*next)(struct rte_mempool *mp, const char *name, void *pool_config) =
		(__typeof__(next))(uintptr_t)dlsym(RTLD_NEXT, "rte_mempool_set_ops_byname");

	if (next == NULL)
		return -ENOSYS;
	return next(mp, strncmp(name, "ring_", 5) == 0 ? "fastmem" : name, pool_config);
}
