/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * One lcore that needs several sizes, in turn or at random: what a call costs when the one before it
 * was of another size. Mempools and handles are chosen by the caller, who knows what it wants; a
 * plain free has to find out.
 */

#include <rte_cycles.h>

#include "allocator_ops.h"
#include "perf.h"
#include "rng.h"

#define BATCH 32
#define MAX_SIZES 8
#define N_ORDER 4096 /* more than a branch predictor learns */
#define N_OBJECTS 1023 /* of each size: what a cache of 512 holds when it overflows, and a batch */

static const size_t sizes[MAX_SIZES] = { 64, 1024, 128, 256, 512, 192, 2048, 320 };

static const struct variant {
	const char *name;
	unsigned int n_sizes;
	bool at_random;
} variants[] = {
	{ "2 in turn", 2, false },
	{ "8 in turn", 8, false },
	{ "2 at random", 2, true },
	{ "8 at random", 8, true },
};

static const struct variant *variant; /* being measured */

struct alternate {
	struct instance instances[MAX_SIZES];
	unsigned int n_instances;
	unsigned int at; /* in the order */
	uint8_t order[N_ORDER];
};

static void
make_order(struct alternate *a)
{
	struct rng rng = { .state = UINT64_C(0x9e3779b97f4a7c15) };
	unsigned int i;

	for (i = 0; i < N_ORDER; i++)
		a->order[i] = variant->at_random ? rng_below(&rng, variant->n_sizes) :
			i % variant->n_sizes;
}

static uint64_t
begin(const struct contender *c, uint64_t n)
{
	struct instance_request req = { .n_objects = N_OBJECTS, .cache_size = PERF_CACHE_SIZE };
	struct alternate *a = c->state;

	RTE_SET_USED(n);
	make_order(a);
	while (a->n_instances < variant->n_sizes) {
		req.size = sizes[a->n_instances];
		if (perf_allocators[c->id].create(&a->instances[a->n_instances], &req) != 0)
			return 0;
		a->n_instances++;
	}
	return 1;
}

static uint64_t
end(const struct contender *c, uint64_t n)
{
	struct alternate *a = c->state;

	RTE_SET_USED(n);
	while (a->n_instances > 0)
		perf_allocators[c->id].destroy(&a->instances[--a->n_instances]);
	return 0;
}

static __rte_always_inline const struct instance *
next(const struct alternate *a, unsigned int at)
{
	return &a->instances[a->order[at % N_ORDER]];
}

/* One object, freed at once. */
static __rte_always_inline uint64_t
tight(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	struct alternate *a = c->state;
	unsigned int at = a->at;
	uint64_t i, start;

	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		const struct instance *in = next(a, at++);
		void *ptr = ops->alloc(in, in->size);

		PERF_USE(ptr);
		if (unlikely(ptr == NULL))
			return 0;
		ops->free(in, ptr);
		PERF_BARRIER();
	}
	start = rte_rdtsc_precise() - start;
	a->at = at;
	return start;
}

/* A batch of objects, then all freed, oldest first. */
static __rte_always_inline uint64_t
batch(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	struct alternate *a = c->state;
	unsigned int at = a->at, j;
	void *ptrs[BATCH];
	uint64_t i, start;

	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		for (j = 0; j < BATCH; j++) {
			const struct instance *in = next(a, at + j);
			void *ptr = ops->alloc(in, in->size);

			PERF_USE(ptr);
			if (unlikely(ptr == NULL))
				goto fail;
			ptrs[j] = ptr;
		}
		for (j = 0; j < BATCH; j++) {
			ops->free(next(a, at + j), ptrs[j]);
			PERF_BARRIER();
		}
		at += BATCH;
	}
	start = rte_rdtsc_precise() - start;
	a->at = at;
	return start;
fail:
	while (j-- > 0)
		ops->free(next(a, at + j), ptrs[j]);
	return 0;
}

PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, tight)
PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, batch)

static int
run_variant(const struct perf_scenario *scenario, const char *metric, const perf_round_fn *rounds,
		unsigned int units)
{
	static const perf_round_fn begins[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = begin,
	};
	static const perf_round_fn ends[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = end,
	};
	const struct cell cell = {
		.scenario = scenario,
		.begin = begins,
		.rounds = rounds,
		.end = ends,
		.state_bytes = sizeof(struct alternate),
		.metrics = &metric,
		.n_metrics = 1,
		.is_steady = true,
		.units = units,
		.input = variant->name,
	};

	return cell_run(&cell, 0, 0);
}

static int
run_alternate(const struct perf_scenario *scenario)
{
	static const perf_round_fn tight_rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, tight)
	};
	static const perf_round_fn batch_rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, batch)
	};
	int ret = 0;

	for (variant = variants; variant < variants + RTE_DIM(variants); variant++)
		if (run_variant(scenario, "tight_cycles_per_pair", tight_rounds, 1) != 0)
			ret = -1;
	for (variant = variants; variant < variants + RTE_DIM(variants); variant++)
		if (run_variant(scenario, "batch32_cycles_per_pair", batch_rounds, BATCH) != 0)
			ret = -1;
	return ret;
}

const struct perf_scenario scenario_alternate = {
	.name = "alternate",
	.what = "2 and 8 sizes, in turn and at random: one object, and batches of 32",
	.allocators = PERF_ALL_ALLOCATORS,
	.lcores = 1,
	.run = run_alternate,
};
