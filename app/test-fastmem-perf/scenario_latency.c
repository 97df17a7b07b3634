/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * How long single calls take, each timed by itself, while the number of live objects wanders
 * between none and 4095, so that every cache runs empty and full again and again. Memory is
 * reserved up front. What reading the clock takes is subtracted; floor shows what is left of it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>

#include "allocator_ops.h"
#include "call_clock.h"
#include "perf.h"
#include "rng.h"

#define MAX_LIVE 4095
#define N_OBJECTS 8191
#define DEFAULT_SIZE 256

enum { ALLOC, FREE, N_CALLS };

static const char *const call_names[N_CALLS] = { "alloc", "free" };

static const struct {
	const char *name;
	double share;
} quantiles[] = {
	{ "p50", 0.5 },
	{ "p99", 0.99 },
	{ "p99_9", 0.999 },
	{ "p99_99", 0.9999 },
	{ "max", 1 },
};

#define N_QUANTILES RTE_DIM(quantiles)

/* The time of each call of one round, in cycles. */
struct times {
	uint32_t *cycles;
	size_t n;
};

struct latency {
	struct rng rng;
	struct times times[N_CALLS];
	uint64_t clock_cycles; /* what the clock itself takes */
	unsigned int head, tail; /* of the queue of live objects */
	void *queue[MAX_LIVE + 1];
};

static __rte_always_inline void
note(struct latency *l, unsigned int call, uint64_t cycles)
{
	struct times *t = &l->times[call];

	cycles -= RTE_MIN(cycles, l->clock_cycles);
	t->cycles[t->n++] = RTE_MIN(cycles, (uint64_t)UINT32_MAX);
}

static __rte_always_inline bool
time_alloc(const struct alloc_ops *ops, const struct instance *in, size_t size, struct latency *l)
{
	uint64_t start = call_clock_read();
	void *ptr = ops->alloc(in, size);

	PERF_USE(ptr);
	note(l, ALLOC, call_clock_read() - start);
	l->queue[l->tail++ & MAX_LIVE] = ptr;
	return ptr != NULL;
}

static __rte_always_inline void
time_free(const struct alloc_ops *ops, const struct instance *in, struct latency *l)
{
	void *ptr = l->queue[l->head++ & MAX_LIVE];
	uint64_t start;

	PERF_USE(ptr);
	start = call_clock_read();
	ops->free(in, ptr);
	note(l, FREE, call_clock_read() - start);
}

/* n allocations and, in the end, as many frees. */
static __rte_always_inline uint64_t
latency(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	struct latency *l = c->state;

	l->times[ALLOC].n = 0;
	l->times[FREE].n = 0;
	while (l->times[ALLOC].n < n) {
		unsigned int want = rng_below(&l->rng, MAX_LIVE + 1);

		for (; l->tail - l->head < want && l->times[ALLOC].n < n;)
			if (!time_alloc(ops, &in, size, l)) {
				l->tail--;
				n = 0;
			}
		for (; l->tail - l->head > want;)
			time_free(ops, &in, l);
	}
	while (l->tail != l->head)
		time_free(ops, &in, l);
	return n;
}

PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, latency)

static uint64_t
repetitions(void)
{
	return perf_options.quick ? 100000 : 500000;
}

static uint64_t
begin(const struct contender *c, uint64_t n)
{
	/* Twice what can be live, for what is cached and for slabs that are half used. */
	size_t reserve = 2 * N_OBJECTS * RTE_ALIGN_CEIL(c->in.size, RTE_CACHE_LINE_SIZE);
	struct latency *l = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	l->rng.state = UINT64_C(0x9e3779b97f4a7c15);
	l->clock_cycles = call_clock_cost();
	for (i = 0; i < N_CALLS; i++) {
		l->times[i].cycles = calloc(repetitions(), sizeof(uint32_t));
		if (l->times[i].cycles == NULL)
			return 0;
	}
	if ((1u << c->id) & PERF_FASTMEM_ALLOCATORS &&
			rte_fastmem_reserve(reserve, rte_socket_id()) != 0) {
		perf_warn("latency, %zu B: cannot reserve %zu MiB for fastmem", c->in.size,
			reserve >> 20);
		return 0;
	}
	return 1;
}

static uint64_t
end(const struct contender *c, uint64_t n)
{
	struct latency *l = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	for (i = 0; i < N_CALLS; i++)
		free(l->times[i].cycles);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
take_quantiles(struct contender *c, unsigned int round)
{
	struct latency *l = c->state;
	double *samples = &c->samples[round];
	unsigned int i, j;

	for (i = 0; i < N_CALLS; i++) {
		const struct times *t = &l->times[i];

		qsort(t->cycles, t->n, sizeof(*t->cycles), compare);
		for (j = 0; j < N_QUANTILES; j++) {
			size_t rank = (size_t)(quantiles[j].share * t->n);

			*samples = t->cycles[RTE_MIN(rank, t->n - 1)];
			samples += perf_options.rounds;
		}
	}
}

static int
run_latency(const struct perf_scenario *scenario)
{
	static char names[N_CALLS * N_QUANTILES][40];
	const char *metrics[N_CALLS * N_QUANTILES];
	static const perf_round_fn begins[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = begin,
	};
	static const perf_round_fn ends[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = end,
	};
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, latency)
	};
	const struct cell cell = {
		.scenario = scenario,
		.begin = begins,
		.rounds = rounds,
		.end = ends,
		.after = take_quantiles,
		.repetitions = repetitions(),
		.state_bytes = sizeof(struct latency),
		.metrics = metrics,
		.n_metrics = RTE_DIM(metrics),
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(metrics); i++) {
		snprintf(names[i], sizeof(names[i]), "%s_cycles_%s", call_names[i / N_QUANTILES],
			quantiles[i % N_QUANTILES].name);
		metrics[i] = names[i];
	}
	return perf_options.default_sizes ? cell_run(&cell, DEFAULT_SIZE, N_OBJECTS) :
		cell_run_sizes(&cell, N_OBJECTS);
}

const struct perf_scenario scenario_latency = {
	.name = "latency",
	.what = "single calls, each timed, 0 to 4095 live objects; the clock's own time taken off",
	.allocators = PERF_ALL_ALLOCATORS,
	.lcores = 1,
	.run = run_latency,
};
