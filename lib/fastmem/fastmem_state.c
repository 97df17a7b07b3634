/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What this process knows of fastmem: any layer may read it; each field is written by the layer that
 * owns it. Lower layers call upper ones by way of it: struct fastmem_upcalls.
 */

#include "fastmem_hooks.h"
#include "fastmem_private.h"

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_process)
struct fastmem_process fastmem_process = { .up = &fastmem_upcalls, .peers_fd = -1 };
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_checking)
struct fastmem_checking fastmem_checking;
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_map, 26.11)
struct rte_fastmem_map rte_fastmem_map = { .first = FASTMEM_NO_MAP };

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_growth_held)
__thread unsigned int fastmem_growth_held;
