/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_REPLACE_H
#define FASTMEM_REPLACE_H

/*
 * What the files behind rte_fastmem_replace.h share: they need the names that it replaces
 * as well as what it replaces them by.
 */

#ifndef RTE_FASTMEM_INLINE
#define RTE_FASTMEM_INLINE /* the functions themselves, not what analysers are told */
#endif
#define RTE_FASTMEM_REPLACE_MEMPOOL
#define RTE_FASTMEM_REPLACE_MALLOC
#define RTE_FASTMEM_REPLACE_NO_NAMES
#include "fastmem_compat.h"
#include "fastmem_log.h"
#include "fastmem_replace_heap.h"
#include "rte_fastmem_replace.h"

int fastmem_replace_start(void);
bool fastmem_replace_is_any_socket(int socket_id);

#endif /* FASTMEM_REPLACE_H */
