/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_fastmem.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "backend.h"

unsigned int
backend_size(size_t size)
{
	return size <= VALUE_MIN ? 0 : rte_log2_u32(size) - rte_log2_u32(VALUE_MIN);
}

/* fastmem: any size, memory as it is needed. */

static int
fastmem_start(const unsigned int n[VALUE_SIZES] __rte_unused)
{
	return rte_fastmem_init();
}

static void *
fastmem_alloc(size_t size)
{
	return rte_fastmem_alloc(size, 0, 0);
}

static void
fastmem_free(void *value, size_t size)
{
	rte_fastmem_free_sized(value, size, 0);
}

static void
fastmem_maintain(void)
{
	rte_fastmem_maintain();
}

/* Mempools: one for each power of two, made for as many as there will ever be at once. */

#define POOL_CACHE 32u

static struct rte_mempool *pools[VALUE_SIZES];

static void
mempool_end(void)
{
	unsigned int i;

	for (i = 0; i < VALUE_SIZES; i++) {
		rte_mempool_free(pools[i]);
		pools[i] = NULL;
	}
}

static int
mempool_start(const unsigned int n[VALUE_SIZES])
{
	/* What lies in caches serves one lcore only. */
	const unsigned int spare = rte_lcore_count() * POOL_CACHE * 3 / 2 + 2 * POOL_CACHE;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int i;

	for (i = 0; i < VALUE_SIZES; i++) {
		snprintf(name, sizeof(name), "values_%u", VALUE_MIN << i);
		pools[i] = rte_mempool_create(name, n[i] + spare, VALUE_MIN << i, POOL_CACHE, 0,
			NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
		if (pools[i] == NULL) {
			int ret = -rte_errno;

			mempool_end();
			return ret;
		}
	}
	return 0;
}

static void *
mempool_alloc(size_t size)
{
	void *value;

	return rte_mempool_get(pools[backend_size(size)], &value) == 0 ? value : NULL;
}

static void
mempool_free(void *value, size_t size)
{
	rte_mempool_put(pools[backend_size(size)], value);
}

/* rte_malloc: any size, under a lock. */

static int
malloc_start(const unsigned int n[VALUE_SIZES] __rte_unused)
{
	return 0;
}

static void
malloc_end(void)
{
}

static void *
malloc_alloc(size_t size)
{
	return rte_malloc("value", size, 0);
}

static void
malloc_free(void *value, size_t size __rte_unused)
{
	rte_free(value);
}

static const struct backend backends[] = {
	{
		.name = "fastmem",
		.start = fastmem_start,
		.end = rte_fastmem_deinit,
		.alloc = fastmem_alloc,
		.free = fastmem_free,
		.maintain = fastmem_maintain,
		.idle = rte_fastmem_cache_flush,
	},
	{
		.name = "mempool",
		.start = mempool_start,
		.end = mempool_end,
		.alloc = mempool_alloc,
		.free = mempool_free,
	},
	{
		.name = "malloc",
		.start = malloc_start,
		.end = malloc_end,
		.alloc = malloc_alloc,
		.free = malloc_free,
	},
};

const struct backend *
backend_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(backends); i++)
		if (strcmp(backends[i].name, name) == 0)
			return &backends[i];
	return NULL;
}
