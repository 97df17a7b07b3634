/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The rounds of a cell: contenders are made, calibrated, run in turn, and their samples become
 * results. Used by each scenario whose round is one timed loop.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_version.h>

#include "perf.h"

#define OTHER_CACHE_SIZE 256
#define MAX_SLICES 2048

struct contenders {
	struct contender list[PERF_MAX_CONTENDERS];
	unsigned int n;
	double *samples;
};

uint32_t
perf_selected(const struct perf_scenario *scenario)
{
	return perf_options.allocators & scenario->allocators;
}

unsigned int
perf_turn(unsigned int round, unsigned int i, unsigned int n)
{
	return (round + i) % n;
}

uint64_t
perf_round_cycles(void)
{
	return rte_get_tsc_hz() / 1000 * (perf_options.quick ? 2 : 20);
}

static void
enter(struct contenders *cs, const struct cell *cell, enum perf_allocator_id id,
		const struct instance_request *req)
{
	struct contender *c = &cs->list[cs->n];

	memset(c, 0, sizeof(*c));
	/* A scenario with sizes of its own makes its instances itself. */
	if (req->size != 0 && perf_allocators[id].create(&c->in, req) != 0)
		return;
	c->id = id;
	c->samples = &cs->samples[cs->n * cell->n_metrics * perf_options.rounds];
	c->state = calloc(1, cell->state_bytes + 1);
	cs->n++;
}

static void
leave(struct contender *c, const struct cell *cell)
{
	if (cell->end != NULL && c->state != NULL)
		cell->end[c->id](c, 0);
	if (c->in.size != 0)
		perf_allocators[c->id].destroy(&c->in);
	free(c->state);
	free(c->series);
	free(c->live);
}

static int
gather(struct contenders *cs, const struct cell *cell, size_t size, unsigned int n_objects)
{
	struct instance_request req = { .size = size, .n_objects = n_objects };
	uint32_t selected = perf_selected(cell->scenario) & ~cell->skipped;
	enum perf_allocator_id id;
	unsigned int i;

	cs->n = 0;
	cs->samples = calloc(PERF_MAX_CONTENDERS * cell->n_metrics * perf_options.rounds,
			sizeof(*cs->samples));
	if (cs->samples == NULL)
		return -ENOMEM;
	if (perf_fastmem_start(selected) != 0)
		selected &= ~PERF_FASTMEM_ALLOCATORS;
	for (i = 0; i < perf_options.n_order; i++) {
		id = perf_options.order[i];
		if ((selected & 1u << id) == 0)
			continue;
		req.cache_size = PERF_CACHE_SIZE;
		enter(cs, cell, id, &req);
		req.cache_size = OTHER_CACHE_SIZE;
		if (cell->both_caches && (id == PERF_mempool || id == PERF_mempool_stack ||
				id == PERF_mempool_fastmem))
			enter(cs, cell, id, &req);
	}
	return cs->n > 0 ? 0 : -ENOMEM;
}

static void
dismiss(struct contenders *cs, const struct cell *cell)
{
	unsigned int i;

	for (i = 0; i < cs->n; i++)
		leave(&cs->list[i], cell);
	perf_fastmem_stop();
	free(cs->samples);
}

static int
prepare(struct contender *c, const struct cell *cell)
{
	if (c->state == NULL)
		return -ENOMEM;
	return cell->begin == NULL || cell->begin[c->id](c, 0) != 0 ? 0 : -ENOMEM;
}

/*
 * Find the repetitions that fill a round. A first run is discarded: it makes what is made on first
 * use, caches and slabs of huge pages that are touched for the first time, which takes longer than
 * a round. Of the last two runs the shorter one counts, should something have got in between.
 */
static int
calibrate(struct contender *c, const struct cell *cell)
{
	perf_round_fn run = cell->rounds[c->id];
	uint64_t cycles, again, want = perf_round_cycles();
	uint64_t n = cell->is_long ? 1 : 16;

	if (cell->repetitions != 0) {
		c->n = cell->repetitions;
		return run(c, c->n) != 0 ? 0 : -ENOMEM;
	}
	if (!cell->is_long && run(c, n) == 0)
		return -ENOMEM;
	for (;;) {
		cycles = run(c, n);
		if (cycles == 0)
			return -ENOMEM;
		if (cycles >= want / 4)
			break;
		n *= 2;
	}
	again = cell->is_long ? cycles : run(c, n);
	if (again == 0)
		return -ENOMEM;
	c->n = RTE_MAX(UINT64_C(1), (uint64_t)((double)n * want / RTE_MIN(cycles, again)));
	return 0;
}

static void
drop(struct contenders *cs, const struct cell *cell, unsigned int i)
{
	struct contender *c = &cs->list[i];

	if (c->in.size != 0)
		perf_warn("%s, %zu B: %s left out, an allocation failed", cell->scenario->name,
			c->in.size, perf_allocators[c->id].name);
	else
		perf_warn("%s: %s left out, an allocation failed", cell->scenario->name,
			perf_allocators[c->id].name);
	leave(c, cell);
	cs->n--;
	memmove(c, c + 1, (cs->n - i) * sizeof(*c));
}

static void
calibrate_all(struct contenders *cs, const struct cell *cell)
{
	unsigned int i = 0;

	while (i < cs->n) {
		struct contender *c = &cs->list[i];

		if (prepare(c, cell) == 0 && calibrate(c, cell) == 0)
			i++;
		else
			drop(cs, cell, i);
	}
}

static void
drop_failed(struct contenders *cs, const struct cell *cell)
{
	unsigned int i = 0;

	while (i < cs->n) {
		if (cs->list[i].failed)
			drop(cs, cell, i);
		else
			i++;
	}
}

/*
 * Cycles of a repetition when all are alike. A round is cut into slices of some 10 us, and their
 * median is taken: what the hypervisor or an interrupt takes away falls on few of them.
 */
static double
run_slices(struct contender *c, const struct cell *cell)
{
	/* c->n repetitions take perf_round_cycles() */
	uint64_t slice_cycles = rte_get_tsc_hz() / PERF_SLICES_PER_SECOND;
	uint64_t per_slice = RTE_MAX(UINT64_C(1), c->n * slice_cycles / perf_round_cycles());
	double slices[MAX_SLICES];
	uint64_t cycles;
	unsigned int i, n;

	n = RTE_MAX(1u, RTE_MIN((unsigned int)(c->n / per_slice), (unsigned int)MAX_SLICES));
	for (i = 0; i < n; i++) {
		cycles = cell->rounds[c->id](c, per_slice);
		c->failed |= cycles == 0;
		slices[i] = (double)cycles / per_slice;
	}
	return perf_median(slices, n);
}

static void
run_contender(struct contender *c, const struct cell *cell, unsigned int round)
{
	uint64_t cycles;

	if (cell->is_steady) {
		c->samples[round] = run_slices(c, cell) / cell->units;
		return;
	}
	cycles = cell->rounds[c->id](c, c->n);
	c->failed |= cycles == 0;
	if (cell->after != NULL)
		cell->after(c, round);
	else
		c->samples[round] = cycles / ((double)c->n * cell->units);
}

static void
run_round(struct contenders *cs, const struct cell *cell, size_t size, unsigned int round)
{
	char detail[32] = "";
	unsigned int i;

	if (cell->input != NULL)
		snprintf(detail, sizeof(detail), "%s", cell->input);
	else if (size != 0)
		snprintf(detail, sizeof(detail), "%zu B", size);
	for (i = 0; i < cs->n; i++) {
		struct contender *c = &cs->list[perf_turn(round, i, cs->n)];

		perf_progress(cell->scenario, detail, round, perf_options.rounds,
				perf_allocators[c->id].name);
		run_contender(c, cell, round);
	}
}

/* Of a pool's two cache sizes the better counts. */
static bool
is_beaten(const struct contenders *cs, unsigned int i)
{
	unsigned int j;

	for (j = 0; j < cs->n; j++) {
		double mine, other;

		if (j == i || cs->list[j].id != cs->list[i].id)
			continue;
		mine = perf_median(cs->list[i].samples, perf_options.rounds);
		other = perf_median(cs->list[j].samples, perf_options.rounds);
		if (other < mine || (other == mine && j < i))
			return true;
	}
	return false;
}

static void
add_results(const struct cell *cell, size_t size, struct contender *c)
{
	struct perf_result r = {
		.scenario = cell->scenario,
		.id = c->id,
		.size = size,
		.lcores = cell->lcores != 0 ? cell->lcores : cell->scenario->lcores,
	};
	unsigned int i;

	if (cell->input != NULL)
		snprintf(r.input, sizeof(r.input), "%s", cell->input);
	for (i = 0; i < cell->n_metrics; i++) {
		double *samples = &c->samples[i * perf_options.rounds];

		if (samples[0] < 0)
			continue;
		snprintf(r.metric, sizeof(r.metric), "%s", cell->metrics[i]);
		if (strcmp(r.metric, "bytes_backing") == 0) {
			r.series = c->series;
			r.live = c->live;
			r.n_series = c->n_series;
			c->series = NULL;
			c->live = NULL;
		}
		perf_result_add(&r, samples, perf_options.rounds);
		r.series = NULL;
		r.live = NULL;
	}
}

/*
 * What is to be reached beside the ring's mempool. The mempool of 25.11 is far faster than those
 * before. What bulk calls gain depends on the width of moves that the compiler may use.
 */
#ifdef __AVX__
#define WIDE_OR(wide, narrow) wide
#else
#define WIDE_OR(wide, narrow) narrow
#endif
static const struct {
	const char *scenario;
	enum perf_allocator_id id;
	enum perf_allocator_id other;
	double bound;
	const char *metric; /* NULL: the first one */
} goals[] = {
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
	{ "tight", PERF_fastmem, PERF_mempool, 1.0, NULL },
	{ "tight", PERF_fastmem_handle, PERF_mempool, 0.7, NULL },
	{ "tight", PERF_fastmem_pool, PERF_mempool, 0.9, NULL },
	{ "batch_fifo", PERF_fastmem, PERF_mempool, 1.0, NULL },
	{ "batch_lifo", PERF_fastmem, PERF_mempool, 1.0, NULL },
	{ "bulk8", PERF_fastmem, PERF_mempool, WIDE_OR(0.6, 0.9), NULL },
	{ "bulk8", PERF_fastmem_handle, PERF_mempool, WIDE_OR(0.5, 0.85), NULL },
	{ "bulk8", PERF_fastmem_pool, PERF_mempool, WIDE_OR(0.5, 0.85), NULL },
	{ "bulk32", PERF_fastmem, PERF_mempool, WIDE_OR(1.1, 0.9), NULL },
	{ "bulk32", PERF_fastmem_handle, PERF_mempool, WIDE_OR(0.95, 0.8), NULL },
	{ "bulk32", PERF_fastmem_pool, PERF_mempool, WIDE_OR(0.95, 0.8), NULL },
	{ "pipeline", PERF_fastmem, PERF_mempool, 1.0, NULL },
	{ "pipeline", PERF_fastmem_handle, PERF_mempool, 0.9, NULL },
	{ "pipeline", PERF_fastmem_pool, PERF_mempool, 0.9, NULL },
	{ "pipeline_bulk32", PERF_fastmem, PERF_mempool, 1.0, NULL },
	{ "pipeline_bulk32", PERF_fastmem_handle, PERF_mempool, 0.9, NULL },
	{ "pipeline_bulk32", PERF_fastmem_pool, PERF_mempool, 0.9, NULL },
	{ "types", PERF_fastmem, PERF_mempool, 1.0, NULL },
	{ "types", PERF_fastmem, PERF_mempool, 0.5, "bytes_backing" },
	{ "latency", PERF_fastmem, PERF_mempool, 1.0, "alloc_cycles_p99_9" },
	{ "latency", PERF_fastmem, PERF_mempool, 1.0, "free_cycles_p99_9" },
#else
	{ "tight", PERF_fastmem_pool, PERF_mempool, 0.45, NULL },
	{ "bulk32", PERF_fastmem_pool, PERF_mempool, 0.7, NULL },
	{ "pipeline", PERF_fastmem_pool, PERF_mempool, 0.7, NULL },
#endif
	{ "tight", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "batch_fifo", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "batch_lifo", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "bulk8", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "bulk32", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "pipeline", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "pipeline_bulk32", PERF_mempool_fastmem, PERF_mempool, 1.0, NULL },
	{ "tight", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	{ "batch_fifo", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	{ "batch_lifo", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	{ "bulk8", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	{ "bulk32", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	{ "pipeline", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	{ "pipeline_bulk32", PERF_mempool_fastmem_uncached, PERF_mempool_uncached, 0.8, NULL },
	/* Where a preloaded library has the names. */
	{ "replay", PERF_rte_malloc, PERF_rte_malloc_eal, 0.1, NULL },
};

static const struct contender *
best_of(const struct contenders *cs, enum perf_allocator_id id)
{
	unsigned int i;

	for (i = 0; i < cs->n; i++)
		if (cs->list[i].id == id && !is_beaten(cs, i))
			return &cs->list[i];
	return NULL;
}

/* The samples of this metric, or NULL. */
static const double *
samples_of(const struct cell *cell, const struct contender *c, const char *metric)
{
	unsigned int i;

	for (i = 0; i < cell->n_metrics; i++)
		if (metric == NULL || strcmp(metric, cell->metrics[i]) == 0)
			return &c->samples[i * perf_options.rounds];
	return NULL;
}

static void
add_goals(const struct cell *cell, size_t size, const struct contenders *cs)
{
	double *ratios = calloc(perf_options.rounds, sizeof(*ratios));
	unsigned int i, round;

	for (i = 0; ratios != NULL && i < RTE_DIM(goals); i++) {
		const struct contender *c = best_of(cs, goals[i].id);
		const struct contender *other = best_of(cs, goals[i].other);
		struct perf_goal goal = {
			.scenario = cell->scenario,
			.size = size,
			.bound = goals[i].bound,
		};
		const double *mine, *others;

		if (strcmp(cell->scenario->name, goals[i].scenario) != 0 || c == NULL ||
				other == NULL)
			continue;
		if (other->id == PERF_rte_malloc_eal && !perf_malloc_is_replaced())
			continue;
		if (cell->input != NULL)
			snprintf(goal.input, sizeof(goal.input), "%s", cell->input);
		snprintf(goal.name, sizeof(goal.name), "%s_over_%s%s%s",
			perf_allocators[c->id].name, perf_allocators[other->id].name,
			goals[i].metric != NULL ? "_" : "",
			goals[i].metric != NULL ? goals[i].metric : "");
		mine = samples_of(cell, c, goals[i].metric);
		others = samples_of(cell, other, goals[i].metric);
		if (mine == NULL || others == NULL)
			continue;
		/* Of a call that is faster than its clock, the time is 0. */
		for (round = 0; round < perf_options.rounds; round++)
			ratios[round] = RTE_MAX(mine[round], 1e-3) / RTE_MAX(others[round], 1e-3);
		perf_goal_add(&goal, ratios, perf_options.rounds);
	}
	free(ratios);
}

int
cell_run(const struct cell *cell, size_t size, unsigned int n_objects)
{
	struct contenders cs;
	unsigned int i;
	int ret;

	ret = gather(&cs, cell, size, n_objects);
	if (ret == 0) {
		calibrate_all(&cs, cell);
		for (i = 0; cs.n > 0 && i < perf_options.rounds; i++)
			run_round(&cs, cell, size, i);
		drop_failed(&cs, cell);
		for (i = 0; i < cs.n; i++)
			if (!is_beaten(&cs, i))
				add_results(cell, size, &cs.list[i]);
		add_goals(cell, size, &cs);
	}
	dismiss(&cs, cell);
	return ret;
}

int
cell_run_sizes(const struct cell *cell, unsigned int n_objects)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < perf_options.n_sizes; i++)
		if (cell_run(cell, perf_options.sizes[i], n_objects) != 0)
			ret = -ENOMEM;
	return ret;
}
