/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * EAL's own heap, for a comparison within one process: where a preloaded library has its names, it
 * is asked for it. (EAL's functions call each other by these names, so that looking for them behind
 * the library is not enough.)
 */

#include <dlfcn.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "allocator_ops.h"
#include "perf.h"

static bool is_replaced;

static struct rte_fastmem_replace_heap own = {
	.malloc_socket = rte_malloc_socket,
	.zmalloc_socket = rte_zmalloc_socket,
	.realloc_socket = rte_realloc_socket,
	.free = rte_free,
};

const struct rte_fastmem_replace_heap *const perf_eal_heap = &own;

/* This program has fastmem linked in, so another one is the preloaded library's. */
RTE_INIT(find_eal_heap)
{
	const struct rte_fastmem_replace_heap *(*get)(void);
	void *found = dlsym(RTLD_DEFAULT, "rte_fastmem_replace_get_heap");

	if (found == NULL)
		return;
	memcpy(&get, &found, sizeof(get));
	own = *get();
	is_replaced = own.malloc_socket != rte_malloc_socket;
}

bool
perf_malloc_is_replaced(void)
{
	return is_replaced;
}
