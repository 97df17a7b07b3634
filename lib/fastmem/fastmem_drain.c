/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Whether an arena is drained: there is nothing in its depots, in spare magazines and in empty
 * slabs. Where memory is exhausted, each call that fails would look through all bins and threads
 * again, to find what the last one has found: nothing.
 *
 * arena.drain is 0 when there may be something; odd while a thread drains it: its ticket; and
 * the ticket + 1 when that thread has found nothing more. Only the last thread that began can
 * complete it, and only if nothing has been put meanwhile.
 *
 * Who puts something writes it, and then looks at arena.drain; who drains writes that, and then
 * looks for what was put. A full fence on both sides makes one of them see the other.
 */

#include <rte_atomic.h>

#include "fastmem_private.h"

uint32_t
fastmem_drain_begin(struct fastmem_arena *arena)
{
	/* Odd, and for a long time no other thread's. */
	uint32_t ticket = (rte_atomic_fetch_add_explicit(&arena->n_drains, 2,
			rte_memory_order_relaxed) + 2) | 1;

	rte_atomic_store_explicit(&arena->drain, ticket, rte_memory_order_relaxed);
	/* Pairs with the fence in fastmem_drain_undo(). */
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
	return ticket;
}

void
fastmem_drain_end(struct fastmem_arena *arena, uint32_t ticket)
{
	uint32_t expected = ticket;

	/*
	 * 0 would say that it is not drained, which does no harm. Pairs with the acquires in
	 * fastmem_is_drained() and fastmem_failure_epoch().
	 */
	rte_atomic_compare_exchange_strong_explicit(&arena->drain, &expected, ticket + 1,
			rte_memory_order_release, rte_memory_order_relaxed);
}

/* There is something to drain, which the calling thread has just put. */
void
fastmem_drain_undo(struct fastmem_arena *arena)
{
	/* Pairs with the fence in fastmem_drain_begin(). */
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
	/* Rarely written, so that threads that put share the line. */
	if (rte_atomic_load_explicit(&arena->drain, rte_memory_order_relaxed) != 0)
		rte_atomic_store_explicit(&arena->drain, 0, rte_memory_order_relaxed);
}

bool
fastmem_is_drained(const struct fastmem_arena *arena)
{
	/* Pairs with the release in fastmem_drain_end(). */
	uint32_t drain = rte_atomic_load_explicit(&arena->drain, rte_memory_order_acquire);

	return drain != 0 && (drain & 1) == 0;
}
