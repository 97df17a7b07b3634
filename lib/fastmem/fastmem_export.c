/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The library's own copies of the functions that are inline in applications:
 * for callers that do not inline them, take their address, or are not C.
 */

#define RTE_FASTMEM_EXPORT
#define __rte_fastmem_inline

#include "fastmem_replace.h"

/* Where analysers are told that an object has moved, this is called. */
void
rte_fastmem_moved(void *ptr)
{
	(void)ptr;
}
