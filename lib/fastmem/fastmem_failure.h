/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_FAILURE_H
#define FASTMEM_FAILURE_H

/*
 * What has been tried in vain.
 *
 * A failure is of a thread, and of all sockets that its call could take.
 * Where memory is exhausted, each call that fails would take all locks again, to find what the last
 * one has found: nothing. So a thread remembers the sizes that it could not have, and when it began
 * to try: the epoch. It fails at once as long as the epoch is the same, its own caches are empty
 * and nothing can grow. After some time it looks again, as processes may have died.
 *
 * The epoch of a bin and its arena changes when anything comes to where an allocation looks: to
 * depots, spare magazines and empty slabs (arena.drain), free runs (arena.n_given) and slots of the
 * bin's slabs (bin.n_joined). It is read before the call tries. The last two are changed under the
 * locks under which it tries: what is entered before the try is found, and what comes later changes
 * the epoch. For the first see fastmem_drain.c: what comes makes arena.drain 0, until a thread has
 * drained the arena again. That thread has counted itself in arena.n_drains since; or earlier, if
 * it was delayed, but then it has found what came, and its moves change the last two.
 *
 * Where another socket can serve, a bin notes that it has nothing: then a call passes it by, as a
 * look takes locks and goes through all sizes for memory to spare. That holds until a slot comes
 * to a slab that had none (bin.n_joined) or a magazine to the bin's depot. What other sizes give
 * back, which they may do all the time, is found when some time is over. Only the first round of
 * a call passes by, so that nothing fails for it.
 *
 * Inline, as a call that fails is to cost no more than one of rte_malloc(), and one that another
 * socket serves little more than a miss.
 */

#include <rte_cycles.h>

#include "fastmem_private.h"

/*
 * 0: there may be something in depots, spare magazines or empty slabs. Else the sum of counters
 * that only grow, so that sums over several bins are also the same only if each counter is.
 * arena.drain is none: a delayed thread completes it with a lower ticket than others before.
 */
static inline uint64_t
fastmem_failure_epoch(const struct fastmem_arena *arena, const struct fastmem_bin *bin)
{
	/* Pairs with the release in fastmem_drain_end(): the counters are read after it. */
	uint32_t drain = rte_atomic_load_explicit(&arena->drain, rte_memory_order_acquire);

	if (drain == 0 || (drain & 1) != 0)
		return 0;
	return (uint64_t)rte_atomic_load_explicit(&arena->n_drains, rte_memory_order_relaxed) +
		rte_atomic_load_explicit(&arena->n_given, rte_memory_order_relaxed) +
		rte_atomic_load_explicit(&bin->n_joined, rte_memory_order_relaxed);
}

/* When what is tried in vain now is to be tried again: cycles of EAL's timer. */
static inline uint64_t
fastmem_failure_end(void)
{
	return rte_get_timer_cycles() + fastmem_refusal_min_us * rte_get_timer_hz() / 1000000;
}

/* Before a look at a bin: what is passed to fastmem_vain_note() if it has nothing. Not 0. */
static inline uint64_t
fastmem_vain_epoch(const struct fastmem_bin *bin)
{
	return UINT64_C(1) + rte_atomic_load_explicit(&bin->n_joined, rte_memory_order_relaxed);
}

/* A hint: others may note at the same time, and each field is of one of them. */
static inline void
fastmem_vain_note(struct fastmem_bin *bin, uint64_t epoch)
{
	rte_atomic_store_explicit(&bin->vain_until, fastmem_failure_end(), rte_memory_order_relaxed);
	rte_atomic_store_explicit(&bin->vain_epoch, epoch, rte_memory_order_relaxed);
}

/* Whether a bin is known to have nothing, but for what is in the calling thread's cache. */
static inline bool
fastmem_is_vain(const struct fastmem_bin *bin, uint64_t epoch)
{
	const struct fastmem_depot *full = fastmem_full_depot(bin);

	return rte_atomic_load_explicit(&bin->vain_epoch, rte_memory_order_relaxed) == epoch &&
		(full == NULL || fastmem_depot_guess(full) == 0) &&
		rte_get_timer_cycles() < rte_atomic_load_explicit(&bin->vain_until,
		rte_memory_order_relaxed);
}

static inline struct fastmem_failure *
fastmem_failure_place(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	return &t->failures[bin->id % FASTMEM_FAILURES];
}

/* The last failure of a call for this bin and those like it on so many sockets; NULL: none. */
static inline struct fastmem_failure *
fastmem_failure_find(struct fastmem_tcache *t, const struct fastmem_bin *bin,
		unsigned int n_sockets)
{
	struct fastmem_failure *f = fastmem_failure_place(t, bin);

	return f->bin == bin->id && f->n_sockets == n_sockets ? f : NULL;
}

/* It has failed again, since that epoch. */
static inline void
fastmem_failure_note(struct fastmem_failure *f, uint64_t epoch)
{
	f->epoch = epoch;
	f->until = fastmem_failure_end();
}

/* It has failed for the first time. */
static inline void
fastmem_failure_begin(struct fastmem_tcache *t, const struct fastmem_bin *bin,
		unsigned int n_sockets)
{
	*fastmem_failure_place(t, bin) = (struct fastmem_failure){
		.bin = bin->id, .n_sockets = n_sockets,
	};
}

/* Whether it would fail again in this epoch, as far as that tells. now: cycles of EAL's timer. */
static inline bool
fastmem_failure_holds(const struct fastmem_failure *f, uint64_t epoch, uint64_t now)
{
	return epoch != 0 && epoch == f->epoch && now < f->until;
}

#endif /* FASTMEM_FAILURE_H */
