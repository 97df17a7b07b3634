/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The same number of bytes is live all the time, but demand moves from one size to the next: does
 * the memory follow? Sizes are classes of fastmem, so that live bytes are live slots.
 */

#include <stdlib.h>

#include <rte_common.h>

#include "demand.h"

#define LIVE_BYTES (16u << 20)
#define UNIT_BYTES (16u << 10) /* moved by one step */
#define EPOCH_UNITS 32

/* The EAL heap's time per call grows with the number of free elements: seconds for a round. */
#define SLOW_ALLOCATORS PERF_BIT(rte_malloc)

static const size_t sizes[] = { 256, 4096, 64, 1024, 512, 2048 };

#define N_SIZES RTE_DIM(sizes)

/* Move all of it, unit by unit. @p from is @p to where there is nothing to free. */
static void
move(struct demand *d, unsigned int from, unsigned int to)
{
	unsigned int unit;

	for (unit = 0; unit < LIVE_BYTES / UNIT_BYTES; unit++) {
		if (from != to)
			demand_step(d, from, -(int)(UNIT_BYTES / sizes[from]));
		demand_step(d, to, UNIT_BYTES / sizes[to]);
		if (unit % EPOCH_UNITS == EPOCH_UNITS - 1)
			demand_end_epoch(d);
	}
}

static int
run_churn(const struct perf_scenario *scenario)
{
	struct demand_kind kinds[N_SIZES] = { 0 };
	struct demand d = { .kinds = kinds, .n_kinds = N_SIZES };
	uint32_t skipped = perf_options.quick ? SLOW_ALLOCATORS : 0;
	unsigned int i;
	int ret;

	for (i = 0; i < N_SIZES; i++)
		kinds[i].size = sizes[i];
	move(&d, 0, 0);
	for (i = 1; i <= N_SIZES; i++)
		move(&d, i - 1, i % N_SIZES);
	if (perf_selected(scenario) & skipped)
		perf_warn("churn: --quick leaves rte_malloc out, it would take most of the time");
	ret = demand_run(scenario, &d, skipped);
	demand_free(&d);
	return ret;
}

const struct perf_scenario scenario_churn = {
	.name = "churn",
	.what = "16 MiB are live all the time, while demand moves from size to size",
	.allocators = PERF_ALL_ALLOCATORS & ~PERF_BIT(floor),
	.lcores = 1,
	.run = run_churn,
};
