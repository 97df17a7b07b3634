/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * 100 000 live objects of random sizes, of which a random one is replaced by one of another random
 * size, again and again. The objects stay untouched, so it is the allocator's own cache misses that
 * count.
 */

#include <stdlib.h>

#include <rte_cycles.h>

#include "allocator_ops.h"
#include "perf.h"
#include "rng.h"

#define N_LIVE 100000
#define MIN_SIZE 16
#define MAX_SIZE 4096

struct mixed {
	struct rng rng;
	void *live[N_LIVE];
};

static __rte_always_inline size_t
random_size(struct rng *rng)
{
	return MIN_SIZE + rng_below(rng, MAX_SIZE - MIN_SIZE + 1);
}

static __rte_always_inline uint64_t
mixed_begin(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	const struct instance in = c->in;
	struct mixed *m = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	m->rng.state = UINT64_C(0x9e3779b97f4a7c15);
	for (i = 0; i < N_LIVE; i++) {
		m->live[i] = ops->alloc(&in, random_size(&m->rng));
		if (m->live[i] == NULL)
			return 0;
	}
	return 1;
}

static __rte_always_inline uint64_t
mixed_end(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	const struct instance in = c->in;
	struct mixed *m = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	for (i = 0; i < N_LIVE; i++)
		if (m->live[i] != NULL)
			ops->free(&in, m->live[i]);
	return 0;
}

static __rte_always_inline uint64_t
mixed(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	const struct instance in = c->in;
	struct mixed *m = c->state;
	struct rng rng = m->rng;
	uint64_t i, start;

	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		void **place = &m->live[rng_below(&rng, N_LIVE)];
		void *ptr;

		ops->free(&in, *place);
		PERF_BARRIER();
		ptr = ops->alloc(&in, random_size(&rng));
		PERF_USE(ptr);
		*place = ptr;
		if (unlikely(ptr == NULL))
			return 0;
	}
	start = rte_rdtsc_precise() - start;
	m->rng = rng;
	return start;
}

PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, mixed_begin)
PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, mixed_end)
PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, mixed)

static int
run_mixed(const struct perf_scenario *scenario)
{
	static const perf_round_fn begin[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, mixed_begin)
	};
	static const perf_round_fn end[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, mixed_end)
	};
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, mixed)
	};
	static const char *const metric = "cycles_per_pair";
	const struct cell cell = {
		.scenario = scenario,
		.begin = begin,
		.rounds = rounds,
		.end = end,
		.state_bytes = sizeof(struct mixed),
		.metrics = &metric,
		.n_metrics = 1,
		.units = 1,
	};

	return cell_run(&cell, 0, 0);
}

const struct perf_scenario scenario_mixed = {
	.name = "mixed",
	.what = "sizes 16 B to 4 KiB and lifetimes at random, 100 000 live objects",
	.allocators = PERF_BIT(fastmem) | PERF_BIT(rte_malloc) | PERF_BIT(libc),
	.lcores = 1,
	.run = run_mixed,
};
