/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* What fastmem is to reach: ratios, of each round's figures, and their bounds. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_debug.h>

#include "perf.h"

struct perf_goal *perf_goals;
size_t perf_n_goals;

static struct perf_goal *
add(const struct perf_goal *goal)
{
	struct perf_goal *goals = realloc(perf_goals, (perf_n_goals + 1) * sizeof(*goals));

	if (goals == NULL)
		rte_panic("no memory for goals\n");
	perf_goals = goals;
	goals[perf_n_goals] = *goal;
	return &goals[perf_n_goals++];
}

void
perf_goal_add(const struct perf_goal *goal, double *ratios, unsigned int n)
{
	struct perf_goal *g = add(goal);

	g->rounds = n;
	g->median = perf_median(ratios, n);
	g->min = ratios[0];
	g->max = ratios[n - 1];
}

void
perf_goal_add_absent(const struct perf_goal *goal, const char *why)
{
	struct perf_goal *g = add(goal);

	snprintf(g->why, sizeof(g->why), "%s", why);
}

bool
perf_goal_is_met(const struct perf_goal *g)
{
	return g->at_least ? g->median >= g->bound : g->median <= g->bound;
}

void
perf_goals_print(FILE *f)
{
	const struct perf_goal *g;
	char what[40];

	if (perf_n_goals == 0)
		return;
	fprintf(f, "\nGoals: medians of each round's ratio\n\n");
	for (g = perf_goals; g < perf_goals + perf_n_goals; g++) {
		snprintf(what, sizeof(what), "%s", g->input);
		if (g->size != 0)
			snprintf(what, sizeof(what), "%" PRIu64 " B", g->size);
		fprintf(f, "  %-15s %-16s %-46s ", g->scenario->name, what, g->name);
		if (g->why[0] != '\0')
			fprintf(f, "%s\n", g->why);
		else
			fprintf(f, "%6.2f  goal: at %s %.2f: %s\n", g->median,
				g->at_least ? "least" : "most", g->bound,
				perf_goal_is_met(g) ? "met" : "missed");
	}
}
