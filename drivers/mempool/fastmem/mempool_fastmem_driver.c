/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* The mempool driver "fastmem": what registers it. */

#include "mempool_fastmem.h"

RTE_MEMPOOL_REGISTER_OPS(mempool_fastmem_ops);

/* In each process, as any may free a mempool. Fails only without memory for a few bytes. */
RTE_INIT(mempool_fastmem_events)
{
	rte_mempool_event_callback_register(mempool_fastmem_event, NULL);
}
