/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* As fastmem_export.c: copies of the drop-in names that are inline in applications. */

#define RTE_FASTMEM_INLINE

#include "rte_fastmem.h"
#include "rte_fastmem_pool.h"

/* From here on: librte_fastmem has those of the headers above. */
#define RTE_FASTMEM_EXPORT

#include "fastmem_replace.h"

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_calloc, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_calloc_socket, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_free, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_socket, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_realloc, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_zmalloc, 26.11)
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_zmalloc_socket, 26.11)
