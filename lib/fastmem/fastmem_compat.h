/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_COMPAT_H
#define FASTMEM_COMPAT_H

/* What differs between the DPDK versions that fastmem builds with, 22.11 to 25.11. */

#include <rte_common.h>
#include <rte_config.h>
#include <rte_log.h>
#include <rte_memzone.h>
#include <rte_version.h>

#include "fastmem_export.h"
#include "rte_fastmem_compat.h"

/*
 * __rte_cache_aligned stands behind a structure until 23.11 and before its name
 * since 24.03; this one stands anywhere.
 */
#define __rte_fastmem_aligned __rte_aligned(RTE_CACHE_LINE_MIN_SIZE)

/* A constant until 23.03, and a setting since 23.07. */
static inline unsigned int
fastmem_memzone_max(void)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 7, 0, 0)
	return rte_memzone_max_get();
#else
	return RTE_MAX_MEMZONE;
#endif
}

/* A line of the log: the type is named as in RTE_LOG(), of which the line has the newline. */
#ifndef RTE_LOG_LINE
#define RTE_LOG_LINE(level, type, ...) \
	RTE_LOG(level, type, RTE_FMT(RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
		RTE_FMT_TAIL(__VA_ARGS__ ,)))
#endif

#endif /* FASTMEM_COMPAT_H */
