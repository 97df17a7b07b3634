/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What this process knows of checking, and the locks of what all processes share of it.
 */

#include "fastmem_debug.h"

struct fastmem_debug_process fastmem_debug;

/* n more objects of a bin wait. Under debug.lock. */
void
fastmem_quarantine_count(struct fastmem_debug *debug, const struct fastmem_bin *bin, int n)
{
	/* Atomic for the statistics. */
	rte_atomic_store_explicit(&debug->bytes, debug->bytes + (int64_t)n * bin->slot_size,
		rte_memory_order_relaxed);
	rte_atomic_store_explicit(&debug->quarantined[bin->id], debug->quarantined[bin->id] + n,
		rte_memory_order_relaxed);
}

/* The holder of the lock has died: entries are what is true, the counts follow from them. */
static void
quarantine_repair(struct fastmem_debug *debug)
{
	unsigned int i;
	uint64_t at;

	for (i = 0; i < RTE_FASTMEM_MAX_BINS; i++)
		rte_atomic_store_explicit(&debug->quarantined[i], 0, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&debug->bytes, 0, rte_memory_order_relaxed);
	for (at = debug->head; at != debug->tail; at++) {
		const void *slot = debug->ring[at % debug->ring_size];

		if (slot != NULL)
			fastmem_quarantine_count(debug,
				&fastmem_ctl()->bins[rte_fastmem_bin_of(slot)], 1);
	}
}

void
fastmem_debug_lock(struct fastmem_debug *debug)
{
	if (fastmem_mutex_lock(&debug->lock, FASTMEM_LOCK_DEBUG)) {
		/* A list of arrays changes by one store. */
		quarantine_repair(debug);
		fastmem_mutex_repaired(&debug->lock);
	}
}

/* No slab ends while a thread holds them. Before they end; and while records are read. */
void
fastmem_debug_slabs_hold(void)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;

	/* Who only reads leaves nothing to repair, and for who ends a slab bin.lock is repaired. */
	if (debug != NULL && fastmem_mutex_lock(&debug->walking, FASTMEM_LOCK_WALKING))
		fastmem_mutex_repaired(&debug->walking);
}

void
fastmem_debug_slabs_release(void)
{
	if (fastmem_ctl()->debug != NULL)
		fastmem_mutex_unlock(&fastmem_ctl()->debug->walking);
}
