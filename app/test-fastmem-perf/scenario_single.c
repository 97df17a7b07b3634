/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Scenarios of one lcore and one size, whose objects stay untouched: what the calls alone cost.
 */

#include <rte_cycles.h>

#include "allocator_ops.h"
#include "perf.h"

#define BATCH SINGLE_BATCH
#define N_OBJECTS 4095 /* a ring is best filled by one less than a power of two */

/* One object, freed at once. */
static __rte_always_inline uint64_t
tight(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	uint64_t i, start;

	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		void *ptr = ops->alloc(&in, size);

		PERF_USE(ptr);
		if (unlikely(ptr == NULL))
			return 0;
		ops->free(&in, ptr);
		PERF_BARRIER();
	}
	return rte_rdtsc_precise() - start;
}

/*
 * A core takes a load for dependent on an earlier store when their addresses have the same offset
 * in a page. So that this does not hit one allocator by chance, and all through its rounds, the
 * array of the caller lies elsewhere in each slice. It begins with a line, as where the stack does
 * is chance, too.
 */
#define PAGE_POINTERS (4096 / sizeof(void *))

static size_t
next_offset(void)
{
	static size_t line;

	line = (line + 5 * RTE_CACHE_LINE_SIZE) % 4096;
	return line / sizeof(void *);
}

/* A batch of objects, freed in the order given: oldest first, or newest first. */
static __rte_always_inline uint64_t
batch(const struct alloc_ops *ops, const struct contender *c, uint64_t n, bool newest_first)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	void *room[BATCH + PAGE_POINTERS] __rte_cache_aligned;
	void **ptrs = room + next_offset();
	unsigned int j;
	uint64_t i, start;

	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		for (j = 0; j < BATCH; j++) {
			void *ptr = ops->alloc(&in, size);

			PERF_USE(ptr);
			if (unlikely(ptr == NULL))
				goto fail;
			ptrs[j] = ptr;
		}
		for (j = 0; j < BATCH; j++) {
			ops->free(&in, ptrs[newest_first ? BATCH - 1 - j : j]);
			PERF_BARRIER();
		}
	}
	return rte_rdtsc_precise() - start;
fail:
	while (j-- > 0)
		ops->free(&in, ptrs[j]);
	return 0;
}

static __rte_always_inline uint64_t
batch_fifo(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	return batch(ops, c, n, false);
}

static __rte_always_inline uint64_t
batch_lifo(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	return batch(ops, c, n, true);
}

/* Several objects by one call, freed at once by one call. The count is known when compiling. */
static __rte_always_inline uint64_t
bulk(const struct alloc_ops *ops, const struct contender *c, uint64_t n, unsigned int count)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	void *room[BATCH + PAGE_POINTERS] __rte_cache_aligned;
	void **ptrs = room + next_offset();
	uint64_t i, start;

	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		if (unlikely(ops->alloc_bulk(&in, ptrs, count, size) != 0))
			return 0;
		PERF_USE(ptrs);
		ops->free_bulk(&in, ptrs, count);
		PERF_BARRIER();
	}
	return rte_rdtsc_precise() - start;
}

static __rte_always_inline uint64_t
bulk8(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	return bulk(ops, c, n, 8);
}

static __rte_always_inline uint64_t
bulk32(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	return bulk(ops, c, n, 32);
}

#define SCENARIO(loop, description, metric_name, units_per_repetition) \
	PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, loop) \
\
	const perf_round_fn single_##loop##_rounds[PERF_N_ALLOCATORS] = { \
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, loop) \
	}; \
\
	static int \
	run_##loop(const struct perf_scenario *scenario) \
	{ \
		static const char *const metric = metric_name; \
		const struct cell cell = { \
			.scenario = scenario, \
			.rounds = single_##loop##_rounds, \
			.metrics = &metric, \
			.n_metrics = 1, \
			.is_steady = true, \
			.units = units_per_repetition, \
		}; \
\
		return cell_run_sizes(&cell, N_OBJECTS); \
	} \
\
	const struct perf_scenario scenario_##loop = { \
		.name = #loop, \
		.what = description, \
		.allocators = PERF_ALL_ALLOCATORS, \
		.lcores = 1, \
		.run = run_##loop, \
	}

SCENARIO(tight, "one object, freed at once", "cycles_per_pair", 1);
SCENARIO(batch_fifo, "256 objects, then all freed, oldest first", "cycles_per_pair", BATCH);
SCENARIO(batch_lifo, "256 objects, then all freed, newest first", "cycles_per_pair", BATCH);
SCENARIO(bulk8, "8 objects by one call, freed by one call", "cycles_per_object", 8);
SCENARIO(bulk32, "32 objects by one call, freed by one call", "cycles_per_object", 32);
