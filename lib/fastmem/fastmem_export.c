/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The library's own copies of the functions that are inline in applications:
 * for callers that do not inline them, take their address, or are not C.
 */

#define RTE_FASTMEM_EXPORT
#define RTE_FASTMEM_INLINE
#define __rte_fastmem_inline

#include "fastmem_export.h"
#include "rte_fastmem.h"
#include "rte_fastmem_pool.h"

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_alloc, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_alloc_bulk, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_alloc_bulk_socket, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_alloc_socket, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_free, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_free_bulk, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_free_sized, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_halloc, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_halloc_bulk, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_hfree, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_hfree_bulk, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_contig_index, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_contig_obj, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_get, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_get_bulk, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_put, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_put_bulk, 26.11)

/* Where analysers are told that an object has moved, this is called. */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_moved, 26.11)
void
rte_fastmem_moved(void *ptr)
{
	(void)ptr;
}
