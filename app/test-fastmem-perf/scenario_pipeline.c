/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Two lcores: one allocates and writes objects, the other reads and frees them. They are handed
 * over in bursts of 32 through a ring of one producer and one consumer, for all allocators alike.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_debug.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "burst.h"

#define RING_SIZE 1024
/* What can be in the ring, in two overfull caches of 512 and in hand, and a good deal more. */
#define N_OBJECTS 4095

static struct rte_ring *ring;

struct consumer {
	const struct contender *c;
	bool ready; /* set by the consumer with release, awaited by start_consumer() */
	uint64_t sum; /* of what was read, so that it must be read */
};

static __rte_always_inline int
consume(const struct alloc_ops *ops, struct consumer *consumer, bool by_bulk)
{
	const struct instance in = consumer->c->in;
	void *array[BURST];
	void **ptrs = array;
	uint64_t sum = 0;

	/* pairs with the acquire in start_consumer() */
	rte_atomic_store_explicit(&consumer->ready, true, rte_memory_order_release);
	for (;;) {
		take_over(ring, ptrs);
		if (unlikely(ptrs[0] == NULL))
			break;
		sum += read_burst(ptrs);
		PERF_USE(ptrs);
		free_burst(ops, &in, ptrs, by_bulk);
		PERF_BARRIER();
	}
	consumer->sum = sum;
	return 0;
}

/* Twice as long as the ring. */
#define SLICE_BURSTS (2 * RING_SIZE / BURST)

static int
start_consumer(lcore_function_t *run, struct consumer *consumer, unsigned int worker)
{
	int ret = rte_eal_remote_launch(run, consumer, worker);

	if (ret != 0)
		return ret;
	/* pairs with the release in consume() */
	while (!rte_atomic_load_explicit(&consumer->ready, rte_memory_order_acquire))
		rte_pause();
	return 0;
}

static __rte_always_inline uint64_t
produce(const struct alloc_ops *ops, const struct contender *c, uint64_t n, lcore_function_t *run,
		bool by_bulk)
{
	unsigned int worker = rte_get_next_lcore(-1, 1, 0);
	struct consumer consumer = { .c = c };
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	uint64_t i, start, cycles, value = 0;
	struct slices slices;
	void *array[BURST];
	void **ptrs = array;

	if (start_consumer(run, &consumer, worker) != 0)
		return 0;
	slices_begin(&slices, SLICE_BURSTS);
	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		slices_note(&slices, i);
		if (unlikely(alloc_burst(ops, &in, size, ptrs, by_bulk) != 0))
			break;
		PERF_USE(ptrs);
		write_burst(ptrs, &value);
		hand_over(ring, ptrs);
	}
	hand_over_end(ring);
	rte_eal_wait_lcore(worker);
	cycles = rte_rdtsc_precise() - start;
	if (consumer.sum != value * (value - 1) / 2)
		rte_panic("%s: objects arrived with other contents than they were sent with\n",
			perf_allocators[c->id].name);
	return i < n ? 0 : slices_cycles(&slices, n, cycles);
}

/* Both ends of the pipeline, for one allocator. */
#define PIPELINE(loop, allocator, by_bulk) \
	static __rte_noinline int \
	loop##_consume_##allocator(void *consumer) \
	{ \
		return consume(&allocator##_ops, consumer, by_bulk); \
	} \
\
	static __rte_noinline uint64_t \
	loop##_##allocator(const struct contender *c, uint64_t n) \
	{ \
		return produce(&allocator##_ops, c, n, loop##_consume_##allocator, by_bulk); \
	}

#define PIPELINE_SINGLE(loop, allocator) PIPELINE(loop, allocator, false)
#define PIPELINE_BULK(loop, allocator) PIPELINE(loop, allocator, true)

PERF_FOR_EACH_ALLOCATOR(PIPELINE_SINGLE, pipeline)
PERF_FOR_EACH_ALLOCATOR(PIPELINE_BULK, pipeline_bulk32)

static int
run(const struct perf_scenario *scenario, const perf_round_fn *rounds)
{
	static const char *const metric = "cycles_per_object";
	const struct cell cell = {
		.scenario = scenario,
		.rounds = rounds,
		.metrics = &metric,
		.n_metrics = 1,
		.units = BURST,
		.both_caches = true,
	};
	int ret;

	ring = rte_ring_create("perf_pipeline", RING_SIZE, rte_socket_id(),
			RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (ring == NULL) {
		perf_warn("%s: no ring: %s", scenario->name, rte_strerror(rte_errno));
		return -rte_errno;
	}
	ret = cell_run_sizes(&cell, N_OBJECTS);
	rte_ring_free(ring);
	return ret;
}

static int
run_pipeline(const struct perf_scenario *scenario)
{
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, pipeline)
	};

	return run(scenario, rounds);
}

static int
run_pipeline_bulk32(const struct perf_scenario *scenario)
{
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, pipeline_bulk32)
	};

	return run(scenario, rounds);
}

/* One array has no meaning for two lcores. */
#define ALLOCATORS (PERF_ALL_ALLOCATORS & ~PERF_BIT(floor))

const struct perf_scenario scenario_pipeline = {
	.name = "pipeline",
	.what = "one lcore allocates and writes, a second reads and frees, one by one",
	.allocators = ALLOCATORS,
	.lcores = 2,
	.run = run_pipeline,
};

const struct perf_scenario scenario_pipeline_bulk32 = {
	.name = "pipeline_bulk32",
	.what = "one lcore allocates and writes, a second reads and frees, 32 by one call",
	.allocators = ALLOCATORS,
	.lcores = 2,
	.run = run_pipeline_bulk32,
};
