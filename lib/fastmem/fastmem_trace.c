/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The trace points, which EAL knows by name.
 */

#include <rte_trace_point_register.h>

#include "fastmem_trace.h"

/*
 * EAL does not start where a name is registered twice, as by a second fastmem in the process, that of
 * a plug-in or of a preloaded library. The first one has the events.
 */
static int
register_once(rte_trace_point_t *handle, const char *name, void (*describe)(void))
{
	if (rte_trace_point_lookup(name) != NULL)
		return 0;
	return __rte_trace_point_register(handle, name, describe);
}

/*
 * EAL's macro is kept, for what it passes differs: the trace point itself, or, in DPDK 25.11, a
 * function beside it.
 */
#define __rte_trace_point_register(handle, name, describe) register_once(handle, name, describe)

RTE_TRACE_POINT_REGISTER(fastmem_trace_init, lib.fastmem.init)
RTE_TRACE_POINT_REGISTER(fastmem_trace_deinit, lib.fastmem.deinit)
RTE_TRACE_POINT_REGISTER(fastmem_trace_growth_asked, lib.fastmem.growth.asked)
RTE_TRACE_POINT_REGISTER(fastmem_trace_growth_granted, lib.fastmem.growth.granted)
RTE_TRACE_POINT_REGISTER(fastmem_trace_growth_refused, lib.fastmem.growth.refused)
RTE_TRACE_POINT_REGISTER(fastmem_trace_limit, lib.fastmem.limit)
RTE_TRACE_POINT_REGISTER(fastmem_trace_trim, lib.fastmem.trim)
RTE_TRACE_POINT_REGISTER(fastmem_trace_alloc_failed, lib.fastmem.alloc.failed)
RTE_TRACE_POINT_REGISTER(fastmem_trace_slab_acquired, lib.fastmem.slab.acquired)
RTE_TRACE_POINT_REGISTER(fastmem_trace_slab_released, lib.fastmem.slab.released)
RTE_TRACE_POINT_REGISTER(fastmem_trace_cache_refilled, lib.fastmem.cache.refilled)
RTE_TRACE_POINT_REGISTER(fastmem_trace_cache_spilled, lib.fastmem.cache.spilled)
RTE_TRACE_POINT_REGISTER(fastmem_trace_recycled, lib.fastmem.recycled)
RTE_TRACE_POINT_REGISTER(fastmem_trace_process_ended, lib.fastmem.process.ended)
RTE_TRACE_POINT_REGISTER(fastmem_trace_pool_created, lib.fastmem.pool.created)
RTE_TRACE_POINT_REGISTER(fastmem_trace_pool_grown, lib.fastmem.pool.grown)
RTE_TRACE_POINT_REGISTER(fastmem_trace_pool_shrunk, lib.fastmem.pool.shrunk)
RTE_TRACE_POINT_REGISTER(fastmem_trace_pool_freed, lib.fastmem.pool.freed)
RTE_TRACE_POINT_REGISTER(fastmem_trace_error, lib.fastmem.error)
