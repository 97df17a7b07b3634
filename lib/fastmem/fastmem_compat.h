/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_COMPAT_H
#define FASTMEM_COMPAT_H

/* What differs between the DPDK versions that fastmem builds with, 22.11 to 25.11. */

#include <rte_common.h>
#include <rte_config.h>

/*
 * __rte_cache_aligned stands behind a structure until 23.11 and before its name
 * since 24.03; the plain attribute stands anywhere.
 */
#define __rte_fastmem_aligned __attribute__((aligned(RTE_CACHE_LINE_MIN_SIZE)))

#endif /* FASTMEM_COMPAT_H */
