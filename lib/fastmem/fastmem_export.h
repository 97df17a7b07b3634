/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_EXPORT_H
#define FASTMEM_EXPORT_H

/*
 * What is exported, said where it is defined: version_map.py makes the version map of it. DPDK's
 * tree has these macros since 25.07, and does not install them. Needs nothing of DPDK otherwise.
 */

#ifdef __has_include
#if __has_include(<eal_export.h>)
#include <eal_export.h>
#endif
#endif

#ifndef RTE_EXPORT_EXPERIMENTAL_SYMBOL
#define RTE_EXPORT_EXPERIMENTAL_SYMBOL(symbol, version)
#define RTE_EXPORT_INTERNAL_SYMBOL(symbol)
#endif

#endif /* FASTMEM_EXPORT_H */
