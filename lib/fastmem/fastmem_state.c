/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What this process knows of fastmem: any layer may read it; each field is written by the layer that owns it. By way of
 * it, lower layers call upper ones: struct fastmem_upcalls.
 */

#include "fastmem_hooks.h"
#include "fastmem_private.h"

struct fastmem_process fastmem_process = { .up = &fastmem_upcalls, .peers_fd = -1 };
struct fastmem_checking fastmem_checking;
struct rte_fastmem_map rte_fastmem_map = { .first = FASTMEM_NO_MAP };
