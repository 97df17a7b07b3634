/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* The results: one for each scenario, allocator, size and metric. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_debug.h>

#include "perf.h"

struct perf_result *perf_results;
size_t perf_n_results;

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median_of_sorted(const double *samples, unsigned int n)
{
	return n % 2 != 0 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

double
perf_median(double *samples, unsigned int n)
{
	qsort(samples, n, sizeof(*samples), compare);
	return median_of_sorted(samples, n);
}

static struct perf_result *
add(const struct perf_result *what)
{
	struct perf_result *r;

	r = realloc(perf_results, (perf_n_results + 1) * sizeof(*r));
	if (r == NULL)
		rte_panic("no memory for results\n");
	perf_results = r;
	r = &perf_results[perf_n_results++];
	*r = *what;
	return r;
}

void
perf_result_add_absent(const struct perf_result *what, const char *why)
{
	struct perf_result *r = add(what);

	snprintf(r->why, sizeof(r->why), "%s", why);
}

void
perf_result_add(const struct perf_result *what, double *samples, unsigned int n)
{
	struct perf_result *r = add(what);

	r->rounds = n;
	r->median = perf_median(samples, n);
	r->min = samples[0];
	r->max = samples[n - 1];
}

bool
perf_result_same_cell(const struct perf_result *a, const struct perf_result *b)
{
	return a->scenario == b->scenario && strcmp(a->input, b->input) == 0 && a->size == b->size &&
		strcmp(a->metric, b->metric) == 0;
}

const struct perf_result *
perf_result_of(const struct perf_result *cell, enum perf_allocator_id id)
{
	size_t i;

	for (i = 0; i < perf_n_results; i++)
		if (perf_results[i].id == id && perf_result_same_cell(&perf_results[i], cell))
			return &perf_results[i];
	return NULL;
}

double
perf_result_ops_per_second(const struct perf_result *r)
{
	return strncmp(r->metric, "ns_per_op", 9) == 0 && r->median > 0 ? 1e9 / r->median : 0;
}

bool
perf_result_opens_cell(const struct perf_result *r)
{
	const struct perf_result *other;

	for (other = perf_results; other < r; other++)
		if (perf_result_same_cell(other, r))
			return false;
	return true;
}

void
perf_result_input(const struct perf_result *r, char *text, size_t len)
{
	if (r->input[0] != '\0')
		snprintf(text, len, "%s", r->input);
	else if (r->size != 0)
		snprintf(text, len, "%" PRIu64 " B", r->size);
	else
		text[0] = '\0';
}
