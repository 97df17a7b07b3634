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

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "allocator_ops.h"
#include "perf.h"

#define BURST 32
#define RING_SIZE 1024
/* What can be in the ring, in two overfull caches of 512 and in hand, and a good deal more. */
#define N_OBJECTS 4095

static struct rte_ring *ring;

struct consumer {
	const struct contender *c;
	bool ready; /* set by the consumer with release, awaited by start_consumer() */
	uint64_t sum; /* of what was read, so that it must be read */
};

static __rte_always_inline void
hand_over(void **ptrs)
{
	while (rte_ring_sp_enqueue_bulk(ring, ptrs, BURST, NULL) == 0)
		rte_pause();
}

static __rte_always_inline void
take_over(void **ptrs)
{
	while (rte_ring_sc_dequeue_bulk(ring, ptrs, BURST, NULL) == 0)
		rte_pause();
}

/* A burst without objects is the last one. */
static void
hand_over_end(void)
{
	void *ptrs[BURST] = { NULL };

	hand_over(ptrs);
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

static __rte_always_inline int
consume(const struct alloc_ops *ops, struct consumer *consumer, bool by_bulk)
{
	const struct instance in = consumer->c->in;
	void *array[BURST];
	void **ptrs = array;
	uint64_t sum = 0;
	unsigned int i;

	/* pairs with the acquire in start_consumer() */
	__atomic_store_n(&consumer->ready, true, __ATOMIC_RELEASE);
	for (;;) {
		take_over(ptrs);
		if (unlikely(ptrs[0] == NULL))
			break;
		for (i = 0; i < BURST; i++)
			sum += *(const volatile uint64_t *)ptrs[i];
		PERF_USE(ptrs);
		free_burst(ops, &in, ptrs, by_bulk);
		PERF_BARRIER();
	}
	consumer->sum = sum;
	return 0;
}

/*
 * The producer notes the time now and then, and the median counts: two lcores are stopped by the
 * hypervisor or the scheduler twice as often as one, and then wait for each other. A slice is
 * twice as long as the ring, so that it takes as long as the slower side.
 */
#define SLICE_BURSTS (2 * RING_SIZE / BURST)
#define MIN_SLICES 8
#define MAX_SLICES 2048

struct slices {
	uint64_t last;
	unsigned int n;
	double bursts[MAX_SLICES]; /* cycles of one burst, for each slice */
};

static __rte_always_inline void
slices_note(struct slices *s, uint64_t burst)
{
	uint64_t now;

	if (likely(burst % SLICE_BURSTS != 0 || s->n == MAX_SLICES))
		return;
	now = rte_rdtsc();
	/* The first one fills the ring. */
	if (burst > SLICE_BURSTS)
		s->bursts[s->n++] = (double)(now - s->last) / SLICE_BURSTS;
	s->last = now;
}

static double
slices_median(struct slices *s)
{
	return perf_median(s->bursts, s->n);
}

static int
start_consumer(lcore_function_t *run, struct consumer *consumer, unsigned int worker)
{
	int ret = rte_eal_remote_launch(run, consumer, worker);

	if (ret != 0)
		return ret;
	/* pairs with the release in consume() */
	while (!__atomic_load_n(&consumer->ready, __ATOMIC_ACQUIRE))
		rte_pause();
	return 0;
}

static __rte_always_inline uint64_t
produce(const struct alloc_ops *ops, const struct contender *c, uint64_t n, lcore_function_t *run,
		bool by_bulk)
{
	unsigned int j, worker = rte_get_next_lcore(-1, 1, 0);
	struct consumer consumer = { .c = c };
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	uint64_t i, start, cycles, value = 0;
	struct slices slices;
	void *array[BURST];
	void **ptrs = array;

	if (start_consumer(run, &consumer, worker) != 0)
		return 0;
	slices.n = 0;
	start = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		slices_note(&slices, i);
		if (unlikely(alloc_burst(ops, &in, size, ptrs, by_bulk) != 0))
			break;
		PERF_USE(ptrs);
		for (j = 0; j < BURST; j++)
			*(volatile uint64_t *)ptrs[j] = value++;
		hand_over(ptrs);
	}
	hand_over_end();
	rte_eal_wait_lcore(worker);
	cycles = rte_rdtsc_precise() - start;
	if (consumer.sum != value * (value - 1) / 2)
		rte_panic("%s: objects arrived with other contents than they were sent with\n",
			perf_allocators[c->id].name);
	if (i < n)
		return 0;
	return slices.n < MIN_SLICES ? cycles : slices_median(&slices) * n;
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
