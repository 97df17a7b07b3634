/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_ENV_H
#define FASTMEM_ENV_H

/*
 * The names of environment variables: a misspelt one would have no effect, and nobody would know.
 * fastmem_env.c is compiled into each library that reads some, and needs nothing of DPDK.
 */

#include <stdbool.h>

/*
 * Tells of each variable RTE_FASTMEM_* that does not exist, and which of those that do is the nearest:
 * of those for what is preloaded, RTE_FASTMEM_MALLOC* and RTE_FASTMEM_MEMPOOL*, or of all others. Each
 * library asks for its own, so that none is named twice. A name ends after so many characters.
 */
void fastmem_env_unknown(bool preloaded,
		void (*tell)(const char *name, int length, const char *nearest));

#endif /* FASTMEM_ENV_H */
