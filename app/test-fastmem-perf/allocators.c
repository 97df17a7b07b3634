/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The table of allocators: how each is made ready for a scenario, and what memory it holds. Their
 * measured calls are in allocator_ops.h.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_fastmem_pool.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "perf.h"

static int
create_nothing(struct instance *in, const struct instance_request *req)
{
	in->size = req->size;
	return 0;
}

static void
destroy_nothing(struct instance *in)
{
	RTE_SET_USED(in);
}

static int
floor_create(struct instance *in, const struct instance_request *req)
{
	size_t slot = RTE_ALIGN_CEIL(req->size, RTE_CACHE_LINE_SIZE);
	size_t head = RTE_ALIGN_CEIL(sizeof(*in->floor) + req->n_objects * sizeof(void *),
			RTE_CACHE_LINE_SIZE);
	unsigned int i;

	in->size = req->size;
	in->floor = rte_malloc(NULL, head + req->n_objects * slot, 0);
	if (in->floor == NULL) {
		perf_warn("floor, %zu B: no memory for %u objects", req->size, req->n_objects);
		return -ENOMEM;
	}
	for (i = 0; i < req->n_objects; i++)
		in->floor->slots[i] = RTE_PTR_ADD(in->floor, head + i * slot);
	in->floor->top = &in->floor->slots[req->n_objects];
	return 0;
}

static void
floor_destroy(struct instance *in)
{
	rte_free(in->floor);
	in->floor = NULL;
}

static int
fastmem_handle_create(struct instance *in, const struct instance_request *req)
{
	int ret;

	in->size = req->size;
	ret = rte_fastmem_hlookup(req->size, 0, rte_socket_id(), &in->handle);
	if (ret != 0)
		perf_warn("fastmem_handle, %zu B: no handle: %s", req->size, strerror(-ret));
	return ret;
}

static void
add_pool_bytes(struct rte_fastmem_pool *pool, void *sum)
{
	struct rte_fastmem_pool_stats stats;

	if (rte_fastmem_pool_stats(pool, &stats) == 0)
		*(uint64_t *)sum += stats.bytes_backing;
}

/* But for typed pools, which are a contender of their own. */
static uint64_t
fastmem_backing(const struct instance *in, unsigned int n)
{
	struct rte_fastmem_stats stats;
	uint64_t pools = 0;

	RTE_SET_USED(in);
	RTE_SET_USED(n);
	rte_fastmem_pool_walk(add_pool_bytes, &pools);
	return rte_fastmem_stats(&stats) == 0 ? stats.bytes_backing - pools : 0;
}

/* As large as it has to be at any time, where a mempool is as large as it ever has to be. */
static int
fastmem_pool_create(struct instance *in, const struct instance_request *req)
{
	static unsigned int serial;
	char name[RTE_FASTMEM_POOL_NAMESIZE];
	const struct rte_fastmem_pool_params params = {
		.name = name,
		.size = req->size,
		.socket_id = rte_socket_id(),
		.flags = RTE_FASTMEM_POOL_F_SHRINK,
	};

	snprintf(name, sizeof(name), "perf%u", serial++);
	in->size = req->size;
	in->pool = rte_fastmem_pool_create(&params);
	if (in->pool != NULL)
		return 0;
	perf_warn("fastmem_pool, %zu B: no pool: %s", req->size, rte_strerror(rte_errno));
	return -rte_errno;
}

static uint64_t
fastmem_pool_backing(const struct instance *in, unsigned int n)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		add_pool_bytes(in[i].pool, &bytes);
	return bytes;
}

static void
fastmem_pool_destroy(struct instance *in)
{
	rte_fastmem_pool_free(in->pool);
	in->pool = NULL;
}

static int
create_pool(struct instance *in, const struct instance_request *req, const char *ops,
		unsigned int cache_size)
{
	/* A pool refuses a cache that, when it overflows, holds more than the pool has. */
	unsigned int cache = RTE_MIN(cache_size, req->n_objects * 2 / 3);
	static unsigned int serial;
	char name[RTE_MEMPOOL_NAMESIZE];
	int ret;

	snprintf(name, sizeof(name), "perf%u", serial++);
	in->size = req->size;
	in->mp = rte_mempool_create_empty(name, req->n_objects, req->size, cache, 0,
			rte_socket_id(), 0);
	if (in->mp == NULL) {
		ret = -rte_errno;
	} else {
		ret = rte_mempool_set_ops_byname(in->mp, ops, NULL);
		if (ret == 0)
			ret = rte_mempool_populate_default(in->mp);
		if (ret >= 0)
			return 0;
		rte_mempool_free(in->mp);
		in->mp = NULL;
	}
	perf_warn("mempool with ops '%s', %u objects of %zu B: %s%s", ops, req->n_objects,
			req->size, strerror(-ret),
			ret == -EINVAL || ret == -EEXIST ? " (is its driver loaded?)" : "");
	return ret;
}

static int
mempool_create(struct instance *in, const struct instance_request *req)
{
	return create_pool(in, req, "ring_mp_mc", req->cache_size);
}

static int
mempool_uncached_create(struct instance *in, const struct instance_request *req)
{
	return create_pool(in, req, "ring_mp_mc", 0);
}

static int
mempool_fastmem_create(struct instance *in, const struct instance_request *req)
{
	return create_pool(in, req, "fastmem", req->cache_size);
}

static int
mempool_fastmem_uncached_create(struct instance *in, const struct instance_request *req)
{
	return create_pool(in, req, "fastmem", 0);
}

static int
mempool_stack_create(struct instance *in, const struct instance_request *req)
{
	return create_pool(in, req, "stack", req->cache_size);
}

static void
mempool_destroy(struct instance *in)
{
	rte_mempool_free(in->mp);
	in->mp = NULL;
}

static uint64_t
mempool_backing(const struct instance *in, unsigned int n)
{
	const struct rte_mempool_memhdr *hdr;
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		STAILQ_FOREACH(hdr, &in[i].mp->mem_list, next)
			bytes += hdr->len;
	return bytes;
}

static uint64_t
rte_malloc_backing(const struct instance *in, unsigned int n)
{
	struct rte_malloc_socket_stats stats;
	uint64_t bytes = 0;
	unsigned int i;

	RTE_SET_USED(in);
	RTE_SET_USED(n);
	for (i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			bytes += stats.heap_allocsz_bytes;
	return bytes;
}

static uint64_t
backing_unknown(const struct instance *in, unsigned int n)
{
	RTE_SET_USED(in);
	RTE_SET_USED(n);
	return 0;
}

const struct perf_allocator perf_allocators[PERF_N_ALLOCATORS] = {
	[PERF_floor] = {
		.name = "floor",
		.what = "an array used as a stack: the limit",
		.create = floor_create,
		.destroy = floor_destroy,
		.backing = backing_unknown,
	},
	[PERF_fastmem] = {
		.name = "fastmem",
		.what = "rte_fastmem_alloc(size, 0, 0), rte_fastmem_free() and their bulk forms",
		.create = create_nothing,
		.destroy = destroy_nothing,
		.backing = fastmem_backing,
	},
	[PERF_fastmem_sized] = {
		.name = "fastmem_sized",
		.what = "the same, freed by rte_fastmem_free_sized()",
		.create = create_nothing,
		.destroy = destroy_nothing,
		.backing = fastmem_backing,
	},
	[PERF_fastmem_handle] = {
		.name = "fastmem_handle",
		.what = "rte_fastmem_halloc(), rte_fastmem_hfree() and their bulk forms",
		.create = fastmem_handle_create,
		.destroy = destroy_nothing,
		.backing = fastmem_backing,
	},
	[PERF_fastmem_pool] = {
		.name = "fastmem_pool",
		.what = "a typed pool that grows and shrinks: rte_fastmem_pool_get(), _put()",
		.create = fastmem_pool_create,
		.destroy = fastmem_pool_destroy,
		.backing = fastmem_pool_backing,
	},
	[PERF_mempool] = {
		.name = "mempool",
		.what = "rte_mempool with its default ring, cache of 512 objects per lcore",
		.create = mempool_create,
		.destroy = mempool_destroy,
		.backing = mempool_backing,
	},
	[PERF_mempool_stack] = {
		.name = "mempool_stack",
		.what = "rte_mempool with the stack driver, cache of 512 objects per lcore",
		.create = mempool_stack_create,
		.destroy = mempool_destroy,
		.backing = mempool_backing,
	},
	[PERF_mempool_fastmem] = {
		.name = "mempool_fastmem",
		.what = "rte_mempool with the fastmem driver, cache of 512 objects per lcore",
		.create = mempool_fastmem_create,
		.destroy = mempool_destroy,
		.backing = mempool_backing,
	},
	[PERF_mempool_uncached] = {
		.name = "mempool_uncached",
		.what = "rte_mempool with its default ring and no cache",
		.create = mempool_uncached_create,
		.destroy = mempool_destroy,
		.backing = mempool_backing,
	},
	[PERF_mempool_fastmem_uncached] = {
		.name = "mempool_fastmem_uncached",
		.what = "rte_mempool with the fastmem driver and no cache",
		.create = mempool_fastmem_uncached_create,
		.destroy = mempool_destroy,
		.backing = mempool_backing,
	},
	[PERF_rte_malloc] = {
		.name = "rte_malloc",
		.what = "rte_malloc(NULL, size, 0), rte_free()",
		.create = create_nothing,
		.destroy = destroy_nothing,
		.backing = rte_malloc_backing,
	},
	[PERF_rte_malloc_header] = {
		.name = "rte_malloc_header",
		.what = "if named: rte_malloc() as rte_fastmem_replace.h renames it",
		.create = create_nothing,
		.destroy = destroy_nothing,
		.backing = fastmem_backing,
	},
	[PERF_rte_malloc_eal] = {
		.name = "rte_malloc_eal",
		.what = "if named: EAL's own rte_malloc(), where a preloaded library replaces it",
		.create = create_nothing,
		.destroy = destroy_nothing,
		.backing = backing_unknown,
	},
	[PERF_libc] = {
		.name = "libc",
		.what = "aligned_alloc(64, size), free(): of libc, or of what is LD_PRELOADed",
		.create = create_nothing,
		.destroy = destroy_nothing,
		.backing = backing_unknown,
	},
};

int
perf_allocator_find(const char *name)
{
	int i;

	for (i = 0; i < PERF_N_ALLOCATORS; i++)
		if (strcmp(perf_allocators[i].name, name) == 0)
			return i;
	return -1;
}

int
perf_fastmem_start(uint32_t allocators)
{
	int ret;

	if ((allocators & PERF_FASTMEM_ALLOCATORS) == 0)
		return 0;
	ret = rte_fastmem_init();
	if (ret != 0)
		perf_warn("rte_fastmem_init: %s%s", strerror(-ret), perf_malloc_is_replaced() ?
			" (a preloaded library has fastmem already)" : "");
	return ret;
}

void
perf_fastmem_stop(void)
{
	rte_fastmem_deinit();
}
