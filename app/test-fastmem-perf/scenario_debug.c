/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What run-time checking costs: tight and batch_fifo on each level, and by rte_malloc().
 *
 * A level is fixed from init to deinit, so each round starts fastmem anew for each level, in
 * turn, and warms it up. A round's figure is the median of slices of 10 us, as in tight.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_fastmem_debug.h>

#include "perf.h"

#define DEFAULT_SIZE 256
#define N_OBJECTS 4095
#define SAMPLE 1000
#define MAX_SLICES 4096

enum mode { OFF, SAMPLED, LIGHT, FULL, RTE_MALLOC, N_MODES };

static const struct {
	const char *name;
	enum rte_fastmem_debug_level level;
	enum perf_allocator_id id;
} modes[N_MODES] = {
	[OFF] = { "off", RTE_FASTMEM_DEBUG_OFF, PERF_fastmem },
	[SAMPLED] = { "sample=1000", RTE_FASTMEM_DEBUG_SAMPLE, PERF_fastmem },
	[LIGHT] = { "light", RTE_FASTMEM_DEBUG_LIGHT, PERF_fastmem },
	[FULL] = { "full", RTE_FASTMEM_DEBUG_FULL, PERF_fastmem },
	[RTE_MALLOC] = { "rte_malloc", RTE_FASTMEM_DEBUG_OFF, PERF_rte_malloc },
};

static const struct load {
	const char *name;
	const perf_round_fn *rounds;
	unsigned int pairs; /* in one repetition */
} loads[] = {
	{ "tight", single_tight_rounds, 1 },
	{ "batch_fifo", single_batch_fifo_rounds, SINGLE_BATCH },
};

static const struct {
	enum mode of, to;
	double bound;
} goals[] = {
	{ SAMPLED, OFF, 1.02 },
	{ LIGHT, RTE_MALLOC, 1 },
	{ FULL, RTE_MALLOC, 3 },
};

/* A level, ready to be used. */
static int
start(enum mode mode, struct contender *c, size_t size)
{
	const struct rte_fastmem_conf conf = {
		.debug = modes[mode].level,
		.sample = SAMPLE,
		.no_leaks = true,
	};
	const struct instance_request req = { .size = size, .n_objects = N_OBJECTS };
	int ret = rte_fastmem_init_conf(&conf);

	if (ret != 0)
		return ret;
	memset(c, 0, sizeof(*c));
	c->id = modes[mode].id;
	c->in.size = size;
	ret = perf_allocators[c->id].create(&c->in, &req);
	if (ret != 0)
		rte_fastmem_deinit();
	return ret;
}

static void
stop(struct contender *c)
{
	perf_allocators[c->id].destroy(&c->in);
	rte_fastmem_deinit();
}

/* Cycles of a pair; negative: it has failed. */
static double
measure(const struct load *load, const struct contender *c)
{
	static double slices[MAX_SLICES];
	uint64_t slice = rte_get_tsc_hz() / PERF_SLICES_PER_SECOND;
	uint64_t end, reps = 1, cycles;
	unsigned int n = 0;

	/* Calibrates, and fills caches and quarantine. */
	end = rte_rdtsc() + perf_round_cycles() / 4;
	do {
		cycles = load->rounds[c->id](c, reps);
		if (cycles == 0)
			return -1;
		if (cycles < slice)
			reps = RTE_MAX(reps * slice / cycles, reps + 1);
	} while (rte_rdtsc() < end);
	end = rte_rdtsc() + perf_round_cycles();
	do {
		cycles = load->rounds[c->id](c, reps);
		if (cycles == 0)
			return -1;
		slices[n++] = (double)cycles / reps / load->pairs;
	} while (n < MAX_SLICES && rte_rdtsc() < end);
	return perf_median(slices, n);
}

static void
add_results(const struct perf_scenario *scenario, const struct load *load, size_t size,
		double *samples[N_MODES])
{
	unsigned int i, r, n = perf_options.rounds;
	double ratios[n];

	for (i = 0; i < RTE_DIM(goals); i++) {
		struct perf_goal goal = { .scenario = scenario, .size = size,
			.bound = goals[i].bound };

		snprintf(goal.name, sizeof(goal.name), "%s %s_over_%s", load->name,
			modes[goals[i].of].name, modes[goals[i].to].name);
		for (r = 0; r < n; r++)
			ratios[r] = samples[goals[i].of][r] / samples[goals[i].to][r];
		perf_goal_add(&goal, ratios, n);
	}
	for (i = 0; i < N_MODES; i++) {
		struct perf_result result = { .scenario = scenario, .id = modes[i].id,
			.size = size, .lcores = 1 };

		snprintf(result.input, sizeof(result.input), "%s %s", load->name,
			i == RTE_MALLOC ? "" : modes[i].name);
		snprintf(result.metric, sizeof(result.metric), "cycles_per_pair");
		perf_result_add(&result, samples[i], n);
	}
}

static int
run_load(const struct perf_scenario *scenario, const struct load *load, size_t size)
{
	unsigned int r, i, n = perf_options.rounds;
	double room[N_MODES][n], *samples[N_MODES];
	struct contender c;
	int ret = 0;

	for (r = 0; r < n && ret == 0; r++) {
		for (i = 0; i < N_MODES && ret == 0; i++) {
			enum mode mode = perf_turn(r, i, N_MODES);

			perf_progress(scenario, load->name, r, n, modes[mode].name);
			ret = start(mode, &c, size);
			if (ret != 0)
				break;
			room[mode][r] = measure(load, &c);
			if (room[mode][r] < 0)
				ret = -ENOMEM;
			stop(&c);
		}
	}
	perf_progress_end();
	if (ret != 0)
		return ret;
	for (i = 0; i < N_MODES; i++)
		samples[i] = room[i];
	add_results(scenario, load, size, samples);
	return 0;
}

static int
run_debug(const struct perf_scenario *scenario)
{
	static const size_t default_size = DEFAULT_SIZE;
	const size_t *sizes = perf_options.default_sizes ? &default_size : perf_options.sizes;
	unsigned int n = perf_options.default_sizes ? 1 : perf_options.n_sizes, i, k;
	int ret = 0;

	if (getenv("RTE_FASTMEM_DEBUG") != NULL) {
		perf_warn("debug: RTE_FASTMEM_DEBUG is set, which would overrule the levels to compare");
		return -EINVAL;
	}
	for (i = 0; i < n && ret == 0; i++)
		for (k = 0; k < RTE_DIM(loads) && ret == 0; k++)
			ret = run_load(scenario, &loads[k], sizes[i]);
	return ret;
}

const struct perf_scenario scenario_debug = {
	.name = "debug",
	.what = "tight and batch_fifo with run-time checking: off, sample=1000, light, full",
	.allocators = PERF_BIT(fastmem) | PERF_BIT(rte_malloc),
	.lcores = 1,
	.run = run_debug,
};
