/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PARSE_H
#define FASTMEM_PARSE_H

/*
 * Sizes and numbers in environment variables: the one form that all of fastmem's libraries take.
 * fastmem_parse.c is compiled into each of them, and needs nothing of DPDK.
 */

#include <stdint.h>

#ifdef ALLOW_INTERNAL_API
#include <rte_compat.h>
#endif

/* What fastmem_parse_size() takes, for messages. */
#define FASTMEM_SIZE_SYNTAX "a number, such as 4096, 16K, 2M or 1G"

/*
 * Decimal digits, and at most one of K, M and G, in either case, behind them; nothing before,
 * between or behind. Returns 0, or -EINVAL: the text is NULL, is anything else, or means more
 * than max. *size is written only with success.
 */
#ifdef ALLOW_INTERNAL_API
/* called by librte_fastmem_debug */
__rte_internal
#endif
int fastmem_parse_size(const char *text, uint64_t max, uint64_t *size);

#endif /* FASTMEM_PARSE_H */
