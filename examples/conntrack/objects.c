/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <errno.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_fastmem_pool.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "objects.h"

#define MEMPOOL_CACHE 256u

/* A mempool has all objects from the start, whether they will be needed or not. */
static void *
mempool_create(const char *name, size_t size, unsigned int max)
{
	return rte_mempool_create(name, max, size, RTE_MIN(MEMPOOL_CACHE, max / 2), 0, NULL, NULL,
		NULL, NULL, SOCKET_ID_ANY, 0);
}

/* A pool of fastmem has as many as are in use, up to max; or all, if min is max as well. */
static void *
pool_create(const char *name, size_t size, unsigned int max)
{
	const struct rte_fastmem_pool_params params = {
		.name = name,
		.size = size,
		.socket_id = SOCKET_ID_ANY,
		.max = max,
	};

	return rte_fastmem_pool_create(&params);
}

int
objects_create(struct objects *o, enum objects_kind kind, const char *name, size_t size,
		unsigned int max)
{
	o->kind = kind;
	o->name = name;
	o->pool = kind == OBJECTS_MEMPOOL ? mempool_create(name, size, max) :
		pool_create(name, size, max);
	return o->pool != NULL ? 0 : -rte_errno;
}

void
objects_free(struct objects *o)
{
	if (o->kind == OBJECTS_MEMPOOL)
		rte_mempool_free(o->pool);
	else
		rte_fastmem_pool_free(o->pool);
}

void *
objects_get(struct objects *o)
{
	void *obj;

	if (o->kind == OBJECTS_FASTMEM)
		return rte_fastmem_pool_get(o->pool);
	return rte_mempool_get(o->pool, &obj) == 0 ? obj : NULL;
}

void
objects_put(struct objects *o, void *obj)
{
	if (o->kind == OBJECTS_FASTMEM)
		rte_fastmem_pool_put(o->pool, obj);
	else
		rte_mempool_put(o->pool, obj);
}

unsigned int
objects_in_use(const struct objects *o)
{
	return o->kind == OBJECTS_MEMPOOL ? rte_mempool_in_use_count(o->pool) :
		rte_fastmem_pool_in_use_count(o->pool);
}

static void
add_chunk(struct rte_mempool *mp __rte_unused, void *arg, struct rte_mempool_memhdr *memhdr,
		unsigned int i __rte_unused)
{
	*(size_t *)arg += memhdr->len;
}

size_t
objects_bytes(const struct objects *o)
{
	struct rte_fastmem_pool_stats stats;
	struct rte_mempool *mp = o->pool;
	size_t bytes;

	if (o->kind == OBJECTS_FASTMEM)
		return rte_fastmem_pool_stats(o->pool, &stats) == 0 ?
			stats.bytes_backing + stats.bytes_metadata : 0;
	/* Its caches, for each lcore there could be, and the ring of free objects. */
	bytes = mp->mz->len + rte_ring_get_memsize(rte_align32pow2(mp->size + 1));
	rte_mempool_mem_iter(mp, add_chunk, &bytes);
	return bytes;
}
