/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_DEMAND_H
#define FASTMEM_PERF_DEMAND_H

/*
 * Demand for objects of several kinds that changes over time, played to each allocator: what does
 * it cost, and how much memory does the allocator hold at its peak?
 *
 * A demand is a list of steps in epochs. A step allocates or frees some objects of one kind. Frees
 * take objects about in order of age. Between epochs, the clock stands and memory is looked at.
 */

#include "perf.h"

struct demand_step {
	uint16_t kind;
	int16_t count; /* objects to allocate; to free when negative */
};

struct demand_kind {
	size_t size;
	unsigned int most; /* live objects at any time */
	unsigned int live; /* while steps are being added */
};

struct demand {
	struct demand_kind *kinds;
	unsigned int n_kinds;
	struct demand_step *steps;
	size_t n_steps, steps_room;
	size_t *epochs; /* where each ends in steps[] */
	uint64_t *live; /* bytes at the end of each */
	unsigned int n_epochs, epochs_room;
	uint64_t n_calls; /* of alloc and of free together, the objects left at the end freed */
	uint64_t live_bytes, peak_live_bytes;
};

/** Add a step; most, live and the totals follow. Panics without memory. */
void demand_step(struct demand *d, unsigned int kind, int count);
void demand_end_epoch(struct demand *d);
void demand_free(struct demand *d);

/** Measure a scenario with this demand, for all of its allocators but @p skipped. */
int demand_run(const struct perf_scenario *scenario, const struct demand *d, uint32_t skipped);

#endif /* FASTMEM_PERF_DEMAND_H */
