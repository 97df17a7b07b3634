/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Objects of 16 KiB to 1 MiB, of which thread caches hold few or none; untouched. */

#include <rte_cycles.h>

#include "allocator_ops.h"
#include "perf.h"

#define BATCH 64

static const size_t sizes[] = { 16 << 10, 64 << 10, 256 << 10, 1 << 20 };

/* A batch of objects, then all freed, oldest first. */
static __rte_always_inline uint64_t
large(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	void *ptrs[BATCH];
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
			ops->free(&in, ptrs[j]);
			PERF_BARRIER();
		}
	}
	return rte_rdtsc_precise() - start;
fail:
	while (j-- > 0)
		ops->free(&in, ptrs[j]);
	return 0;
}

PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, large)

static int
run_large(const struct perf_scenario *scenario)
{
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, large)
	};
	static const char *const metric = "cycles_per_pair";
	const struct cell cell = {
		.scenario = scenario,
		.rounds = rounds,
		.metrics = &metric,
		.n_metrics = 1,
		.is_steady = true,
		.units = BATCH,
	};
	unsigned int i;
	int ret = 0;

	if (!perf_options.default_sizes)
		return cell_run_sizes(&cell, BATCH);
	for (i = 0; i < RTE_DIM(sizes); i++)
		if (cell_run(&cell, sizes[i], BATCH) != 0)
			ret = -1;
	return ret;
}

/* A mempool for each of them has 64 MiB where objects have 1 MiB. */
#define ALLOCATORS (PERF_HANDLE_ALLOCATORS | PERF_BIT(fastmem_pool) | PERF_BIT(mempool) | \
		PERF_BIT(rte_malloc) | PERF_BIT(libc))

const struct perf_scenario scenario_large = {
	.name = "large",
	.what = "64 objects of 16 KiB to 1 MiB (or of --size), then all freed, oldest first",
	.allocators = ALLOCATORS,
	.lcores = 1,
	.run = run_large,
};
