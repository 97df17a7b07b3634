/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * All lcores do the same: more objects than their caches hold, then all freed. What caches exchange
 * goes through what lcores share. The main lcore is the one that is timed, while the others go on.
 */

#include <rte_debug.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "burst.h"

#define BATCH 2048
#define SLICE_BATCHES 1

/* One of the other lcores. */
struct worker {
	const struct contender *c;
	bool failed; /* to allocate */
} __rte_cache_aligned;

static struct worker workers[RTE_MAX_LCORE];
static bool stop; /* atomic: read by workers until the main lcore sets it */
static unsigned int n_ready; /* atomic: workers that have begun */

static __rte_always_inline bool
run_batch(const struct alloc_ops *ops, const struct instance *in, size_t size, void **ptrs)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		void *ptr = ops->alloc(in, size);

		PERF_USE(ptr);
		if (unlikely(ptr == NULL)) {
			while (i-- > 0)
				ops->free(in, ptrs[i]);
			return false;
		}
		ptrs[i] = ptr;
	}
	for (i = 0; i < BATCH; i++) {
		ops->free(in, ptrs[i]);
		PERF_BARRIER();
	}
	return true;
}

static __rte_always_inline int
work(const struct alloc_ops *ops, struct worker *w)
{
	const struct instance in = w->c->in;
	size_t size = PERF_RUNTIME_SIZE(&w->c->in);
	void *ptrs[BATCH];

	w->failed = !run_batch(ops, &in, size, ptrs);
	/* pairs with the acquire in start_workers() */
	rte_atomic_fetch_add_explicit(&n_ready, 1, rte_memory_order_release);
	while (!w->failed && !rte_atomic_load_explicit(&stop, rte_memory_order_relaxed))
		w->failed = !run_batch(ops, &in, size, ptrs);
	return 0;
}

static void
start_workers(const struct contender *c, lcore_function_t *run)
{
	unsigned int lcore, n = 0;

	rte_atomic_store_explicit(&stop, false, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&n_ready, 0, rte_memory_order_relaxed);
	RTE_LCORE_FOREACH_WORKER(lcore) {
		workers[lcore].c = c;
		if (rte_eal_remote_launch(run, &workers[lcore], lcore) != 0)
			rte_panic("lcore %u is busy\n", lcore);
	}
	/* pairs with the release in work() */
	while (rte_atomic_load_explicit(&n_ready, rte_memory_order_acquire) != rte_lcore_count() -
			1)
		wait_for_lcore(&n);
}

static bool
end_workers(void)
{
	unsigned int lcore;
	bool done = true;

	rte_atomic_store_explicit(&stop, true, rte_memory_order_relaxed);
	rte_eal_mp_wait_lcore();
	RTE_LCORE_FOREACH_WORKER(lcore)
		done = done && !workers[lcore].failed;
	return done;
}

static __rte_always_inline uint64_t
exchange(const struct alloc_ops *ops, const struct contender *c, uint64_t n, lcore_function_t *run)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	struct slices slices;
	uint64_t i, start;
	void *ptrs[BATCH];
	bool done;

	start_workers(c, run);
	slices_begin(&slices, SLICE_BATCHES);
	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		slices_note(&slices, i);
		if (!run_batch(ops, &in, size, ptrs))
			break;
	}
	start = rte_rdtsc_precise() - start;
	done = end_workers() && i == n;
	return done ? slices_cycles(&slices, n, start) : 0;
}

/* Main and other lcores, for one allocator. */
#define EXCHANGE(prefix, allocator) \
	static __rte_noinline int \
	prefix##_work_##allocator(void *worker) \
	{ \
		return work(&allocator##_ops, worker); \
	} \
\
	static __rte_noinline uint64_t \
	prefix##_##allocator(const struct contender *c, uint64_t n) \
	{ \
		return exchange(&allocator##_ops, c, n, prefix##_work_##allocator); \
	}

PERF_FOR_EACH_ALLOCATOR(EXCHANGE, exchange)

static int
run_exchange(const struct perf_scenario *scenario)
{
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, exchange)
	};
	static const char *const metric = "cycles_per_pair";
	const struct cell cell = {
		.scenario = scenario,
		.rounds = rounds,
		.metrics = &metric,
		.n_metrics = 1,
		.units = BATCH,
		.lcores = rte_lcore_count(),
		.both_caches = true,
	};

	/* As many as are live, and as can be in overfull caches of 512. */
	return cell_run_sizes(&cell, rte_align32pow2((BATCH + 768) * rte_lcore_count()) - 1);
}

/* One array has no meaning for two lcores. */
#define ALLOCATORS (PERF_ALL_ALLOCATORS & ~PERF_BIT(floor))

const struct perf_scenario scenario_exchange = {
	.name = "exchange",
	.what = "all lcores at once, each 2048 objects, then all freed, oldest first",
	.allocators = ALLOCATORS,
	.lcores = 2,
	.run = run_exchange,
};
