/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_BURST_H
#define FASTMEM_PERF_BURST_H

/*
 * What scenarios of several lcores are made of: bursts of objects, which are handed over through
 * rings of one producer and one consumer, for all allocators alike.
 */

#include <sched.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "allocator_ops.h"
#include "perf.h"

#define BURST 32

/*
 * Within a loop that waits for another lcore. After some 20 us, which none takes that runs, the
 * CPU is left to it: it may be the same one.
 */
static __rte_always_inline void
wait_for_lcore(unsigned int *n)
{
	rte_pause();
	if (unlikely(++*n % 512 == 0))
		sched_yield();
}

static __rte_always_inline void
hand_over(struct rte_ring *ring, void **ptrs)
{
	unsigned int n = 0;

	while (rte_ring_sp_enqueue_bulk(ring, ptrs, BURST, NULL) == 0)
		wait_for_lcore(&n);
}

static __rte_always_inline void
take_over(struct rte_ring *ring, void **ptrs)
{
	unsigned int n = 0;

	while (rte_ring_sc_dequeue_bulk(ring, ptrs, BURST, NULL) == 0)
		wait_for_lcore(&n);
}

/* A burst without objects is the last one. */
static inline void
hand_over_end(struct rte_ring *ring)
{
	void *ptrs[BURST] = { NULL };

	hand_over(ring, ptrs);
}

static __rte_always_inline int
alloc_burst(const struct alloc_ops *ops, const struct instance *in, size_t size, void **ptrs,
		bool by_bulk)
{
	unsigned int i;

	if (by_bulk)
		return ops->alloc_bulk(in, ptrs, BURST, size);
	for (i = 0; i < BURST; i++) {
		void *ptr = ops->alloc(in, size);

		PERF_USE(ptr);
		if (unlikely(ptr == NULL)) {
			while (i-- > 0)
				ops->free(in, ptrs[i]);
			return -1;
		}
		ptrs[i] = ptr;
	}
	return 0;
}

static __rte_always_inline void
free_burst(const struct alloc_ops *ops, const struct instance *in, void **ptrs, bool by_bulk)
{
	unsigned int i;

	if (by_bulk) {
		ops->free_bulk(in, ptrs, BURST);
		return;
	}
	for (i = 0; i < BURST; i++) {
		ops->free(in, ptrs[i]);
		PERF_BARRIER();
	}
}

static __rte_always_inline void
write_burst(void **ptrs, uint64_t *value)
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		*(volatile uint64_t *)ptrs[i] = (*value)++;
}

static __rte_always_inline uint64_t
read_burst(void **ptrs)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < BURST; i++)
		sum += *(const volatile uint64_t *)ptrs[i];
	return sum;
}

/*
 * The lcore that measures notes the time now and then, and the median counts: several lcores are
 * stopped by the hypervisor or the scheduler more often than one, and then wait for each other. A
 * slice is twice as long as the rings, so that it takes as long as the slower side.
 */
#define MIN_SLICES 8
#define MAX_SLICES 2048

struct slices {
	uint64_t last;
	unsigned int n;
	unsigned int slice_bursts;
	uint64_t next; /* the burst to note the time at */
	double bursts[MAX_SLICES]; /* cycles of one burst, for each slice */
};

static inline void
slices_begin(struct slices *s, unsigned int slice_bursts)
{
	s->n = 0;
	s->slice_bursts = slice_bursts;
	s->next = 0;
}

static __rte_always_inline void
slices_note(struct slices *s, uint64_t burst)
{
	uint64_t now;

	if (likely(burst < s->next || s->n == MAX_SLICES))
		return;
	s->next += s->slice_bursts;
	now = rte_rdtsc();
	/* The first one fills the rings. */
	if (burst > s->slice_bursts)
		s->bursts[s->n++] = (double)(now - s->last) / s->slice_bursts;
	s->last = now;
}

/* Cycles of so many bursts, if there were enough slices; else @p cycles, which they took in all. */
static inline uint64_t
slices_cycles(struct slices *s, uint64_t n, uint64_t cycles)
{
	return s->n < MIN_SLICES ? cycles : (uint64_t)(perf_median(s->bursts, s->n) * n);
}

#endif /* FASTMEM_PERF_BURST_H */
