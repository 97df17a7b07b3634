/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Memzones.
 *
 * EAL has a fixed number of them for all libraries (2560 by default). fastmem takes at most a
 * tenth of them for up to 16 GiB, and a quarter beyond. The sizes of chunks (fastmem_arena.c)
 * keep it far below that, unless EAL's memory is in small pieces.
 */

#include <errno.h>

#include <rte_errno.h>

#include "fastmem_compat.h"
#include "fastmem_eal.h"
#include "fastmem_private.h"

#define MUCH_MEMORY (UINT64_C(16) << 30)

unsigned int
fastmem_zones(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i, n = 1 + __atomic_load_n(&ctl->meta.n_zones, __ATOMIC_RELAXED);

	for (i = 0; i < ctl->n_sockets; i++)
		n += __atomic_load_n(&ctl->arenas[i].n_chunks, __ATOMIC_RELAXED);
	return n;
}

static unsigned int
zones_allowed(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		bytes += fastmem_arena_bytes(&ctl->arenas[i]);
	return fastmem_memzone_max() / (bytes <= MUCH_MEMORY ? 10 : 4);
}

/* Each reason is said once, and again when there have been zones in between. Atomic. */
static bool said_enough, said_none_left;

static void
report_no_zone(size_t len, unsigned int n, unsigned int allowed)
{
	bool enough = n >= allowed;

	if (__atomic_exchange_n(enough ? &said_enough : &said_none_left, true, __ATOMIC_RELAXED))
		return;
	if (enough)
		FASTMEM_LOG(ERR, "no memory for %zu KiB: EAL's free memory is in such small pieces "
			"that fastmem has %u memzones, and takes no more of EAL's %u; reserve "
			"memory earlier by rte_fastmem_reserve()", len >> 10, n,
			fastmem_memzone_max());
	else
		FASTMEM_LOG(ERR, "no memory for %zu KiB: EAL has no memzone left, all %u are in "
			"use, %u of them by fastmem; reserve memory earlier by "
			"rte_fastmem_reserve(), or raise EAL's limit of memzones", len >> 10,
			fastmem_memzone_max(), n);
}

const struct rte_memzone *
fastmem_zone_reserve(const char *name, size_t len, int socket_id, unsigned int flags, size_t align)
{
	unsigned int n = fastmem_zones(), allowed = zones_allowed();
	const struct rte_memzone *mz = NULL;

	rte_errno = ENOSPC;
	if (n < allowed) {
		/* EAL may call back, and what is called may allocate. */
		fastmem_growth_held++;
		mz = rte_memzone_reserve_aligned(name, len, socket_id, flags, align);
		fastmem_growth_held--;
	}
	if (mz != NULL) {
		__atomic_store_n(&said_enough, false, __ATOMIC_RELAXED);
		__atomic_store_n(&said_none_left, false, __ATOMIC_RELAXED);
	} else if (rte_errno == ENOSPC) {
		report_no_zone(len, n, allowed);
		rte_errno = ENOSPC; /* a log may have changed it */
	} else {
		rte_errno = ENOMEM;
	}
	return mz;
}
