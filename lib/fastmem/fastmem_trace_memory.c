/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The memory that a thread needs for its events: see fastmem_trace.h.
 */

#include "fastmem_private.h"
#include "fastmem_trace.h"

/* Not under a lock of fastmem's. Without tracing, EAL does nothing. */
void
fastmem_trace_begin(void)
{
	__rte_trace_mem_per_thread_alloc();
}

/* Whether an event can be noted; else the thread gets what it needs as soon as it holds no lock. */
bool
fastmem_trace_ready(void)
{
	if (RTE_PER_LCORE(trace_mem) != NULL)
		return true;
	if (fastmem_log_pending != NULL)
		fastmem_log_pending->wants_trace = true;
	else
		fastmem_trace_begin();
	return RTE_PER_LCORE(trace_mem) != NULL;
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_trace_report)
void
fastmem_trace_report(uint32_t error, const void *ptr, const void *object, uint64_t size,
		const char *pool)
{
	FASTMEM_TRACE(error, error, ptr, object, size, pool != NULL ? pool : "");
}
