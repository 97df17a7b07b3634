/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * 32 types of objects, as an application with many tables has them. Each is mostly far below its
 * worst case, which it reaches at times of its own. Mempools must each be sized for the worst;
 * allocators that share memory between sizes need not.
 */

#include <stdlib.h>

#include <rte_common.h>

#include "demand.h"
#include "rng.h"

#define N_TYPES 32
#define MAX_OBJECTS 8192
#define MAX_BYTES (2u << 20)
#define BURST 32

/* From small list nodes to pages, not chosen to fit anyone's size classes. */
static const uint16_t sizes[N_TYPES] = {
	40, 56, 72, 88, 104, 120, 136, 152, 176, 200, 216, 240, 264, 312, 360, 408,
	456, 504, 600, 712, 824, 968, 1080, 1200, 1400, 1544, 1720, 2048, 2304, 2880, 3400, 4000,
};

static unsigned int
worst_case(unsigned int type)
{
	return RTE_MIN((unsigned int)MAX_OBJECTS, MAX_BYTES / sizes[type]);
}

/* A type's objects at the end of the epoch: a quarter of the types change, of these one surges. */
static unsigned int
next_target(struct rng *rng, unsigned int type, unsigned int now)
{
	unsigned int worst = worst_case(type);

	if (rng_below(rng, 4) != 0)
		return now;
	if (rng_below(rng, 4) == 0)
		return worst / 2 + rng_below(rng, worst / 2 + 1);
	return rng_below(rng, worst / 5);
}

struct plan {
	unsigned int target;
	unsigned int turnover; /* objects still to be replaced in this epoch */
};

/* One step of a type towards its plan; false when there is none. */
static bool
step(struct demand *d, unsigned int type, struct plan *plan)
{
	unsigned int live = d->kinds[type].live, n;

	if (plan->turnover > 0 && live > 0) {
		n = RTE_MIN(RTE_MIN(plan->turnover, live), (unsigned int)BURST);
		demand_step(d, type, -(int)n);
		demand_step(d, type, n);
		plan->turnover -= n;
	} else if (live < plan->target) {
		demand_step(d, type, RTE_MIN(plan->target - live, (unsigned int)BURST));
	} else if (live > plan->target) {
		demand_step(d, type, -(int)RTE_MIN(live - plan->target, (unsigned int)BURST));
	} else {
		return false;
	}
	return true;
}

static void
add_epoch(struct demand *d, struct rng *rng)
{
	unsigned int order[N_TYPES], n = N_TYPES, i;
	struct plan plans[N_TYPES];

	for (i = 0; i < N_TYPES; i++) {
		order[i] = i;
		plans[i].turnover = d->kinds[i].live / 4;
		plans[i].target = next_target(rng, i, d->kinds[i].live);
	}
	while (n > 0) {
		i = rng_below(rng, n);
		if (!step(d, order[i], &plans[order[i]]))
			order[i] = order[--n];
	}
	demand_end_epoch(d);
}

static int
run_types(const struct perf_scenario *scenario)
{
	unsigned int i, n_epochs = perf_options.quick ? 16 : 96;
	struct rng rng = { .state = 88172645463325252 };
	struct demand_kind kinds[N_TYPES] = { 0 };
	struct demand d = { .kinds = kinds, .n_kinds = N_TYPES };
	int ret;

	for (i = 0; i < N_TYPES; i++)
		kinds[i].size = sizes[i];
	for (i = 0; i < n_epochs; i++)
		add_epoch(&d, &rng);
	/* A pool's user knows the worst case, not when and whether it comes. */
	for (i = 0; i < N_TYPES; i++)
		kinds[i].most = worst_case(i);
	ret = demand_run(scenario, &d, 0);
	demand_free(&d);
	return ret;
}

const struct perf_scenario scenario_types = {
	.name = "types",
	.what = "32 types with shifting demand; mempools sized for each type's worst case",
	.allocators = PERF_ALL_ALLOCATORS & ~PERF_BIT(floor),
	.lcores = 1,
	.run = run_types,
};
