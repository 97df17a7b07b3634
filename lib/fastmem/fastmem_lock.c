/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Checks the order of locks, in builds with assertions: each thread knows what it holds.
 */

#include <stdlib.h>

#include <rte_common.h>
#include <rte_debug.h>
#include <rte_log.h>

#include "fastmem_export.h"
#include "fastmem_lock.h"

#ifdef RTE_ENABLE_ASSERT

static __thread struct {
	const void *lock;
	enum fastmem_lock_rank rank;
} held[FASTMEM_LOCK_RANKS];
static __thread unsigned int n_held;

#define LOCK_NAME(name) #name,
static const char *const names[] = { FASTMEM_LOCK_ORDER(LOCK_NAME) };

static void
misordered(const char *held_name, const char *taken)
{
	rte_log(RTE_LOG_CRIT, RTE_LOGTYPE_EAL,
		"FASTMEM: lock %s is taken by a thread that holds %s: see fastmem_lock.h\n", taken,
		held_name);
	abort();
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_misordered)
void (*fastmem_lock_misordered)(const char *held, const char *taken) = misordered;

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_expect)
void
fastmem_lock_expect(enum fastmem_lock_rank rank)
{
	unsigned int i;

	for (i = 0; i < n_held; i++)
		if (held[i].rank >= rank)
			fastmem_lock_misordered(names[held[i].rank], names[rank]);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_hold)
void
fastmem_lock_hold(const void *lock, enum fastmem_lock_rank rank)
{
	RTE_VERIFY(n_held < RTE_DIM(held));
	held[n_held].lock = lock;
	held[n_held++].rank = rank;
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_drop)
void
fastmem_lock_drop(const void *lock)
{
	unsigned int i = n_held;

	while (i > 0 && held[i - 1].lock != lock)
		i--;
	RTE_VERIFY(i > 0);
	for (n_held--; i <= n_held; i++)
		held[i - 1] = held[i];
}

#endif
