/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* One screen of the results: a row for each pattern, and how far fastmem is ahead of the mempool. */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "perf.h"

#define INPUT "256 B" /* if it was measured */
#define BAR_WIDTH 24
#define MIB (1024.0 * 1024)

static const struct row {
	const char *scenario;
	const char *metric;
	const char *what;
	const char *unit;
	double scale;
	const char *input; /* NULL: INPUT */
	unsigned int lcores; /* with fewer it is another row once more */
} rows[] = {
	{ "tight", "cycles_per_pair", "alloc, free", "cycles", 1, NULL, 0 },
	{ "batch_fifo", "cycles_per_pair", "256 objects, freed oldest first", "cycles", 1, NULL, 0 },
	{ "alternate", "tight_cycles_per_pair", "alloc, free, 8 sizes at random", "cycles", 1,
		"8 at random", 0 },
	{ "bulk32", "cycles_per_object", "32 objects by one call", "cycles", 1, NULL, 0 },
	{ "pipeline", "cycles_per_object", "one core allocates, another frees", "cycles", 1, NULL, 0 },
	{ "pipeline_bulk32", "cycles_per_object", "the same, 32 by one call", "cycles", 1, NULL, 0 },
	{ "fan", "one_to_all_cycles_per_object", "one core allocates, all others free", "cycles", 1,
		NULL, 3 },
	{ "mixed", "cycles_per_pair", "100 000 objects of random sizes", "cycles", 1, NULL, 0 },
	{ "large", "cycles_per_pair", "64 objects of 256 KiB", "cycles", 1, "262144 B", 0 },
	{ "latency", "alloc_cycles_p99_99", "p99.99 of an allocation", "cycles", 1, NULL, 0 },
	{ "oversubscribed", "ns_per_op_16_threads", "16 threads that share the CPUs", "ns", 1, NULL, 0 },
	{ "types", "cycles_per_pair", "32 types, shifting demand", "cycles", 1, NULL, 0 },
	{ "types", "bytes_backing", "memory for these 32 types", "MiB", MIB, NULL, 0 },
	{ "churn", "bytes_backing", "memory where sizes come and go", "MiB", MIB, NULL, 0 },
};

static const enum perf_allocator_id columns[] = {
	PERF_fastmem, PERF_mempool, PERF_rte_malloc, PERF_libc,
};

static bool
has_input(const struct perf_result *r, const struct row *row)
{
	char input[64];

	perf_result_input(r, input, sizeof(input));
	return strcmp(input, row->input != NULL ? row->input : INPUT) == 0;
}

/* The cell of a row: that of its input, or the first one. NULL: it was not measured. */
static const struct perf_result *
cell_of(const struct row *row)
{
	const struct perf_result *found = NULL;
	size_t i;

	for (i = 0; i < perf_n_results; i++) {
		const struct perf_result *r = &perf_results[i];

		if (strcmp(r->scenario->name, row->scenario) == 0 &&
				strcmp(r->metric, row->metric) == 0 && r->lcores >= row->lcores &&
				(found == NULL || (has_input(r, row) && !has_input(found, row))))
			found = r;
	}
	return found;
}

static double
median_of(const struct perf_result *cell, enum perf_allocator_id id)
{
	const struct perf_result *r = perf_result_of(cell, id);

	return r != NULL && r->why[0] == '\0' ? r->median : 0;
}

static void
print_figure(double figure)
{
	if (figure <= 0)
		printf(" %10s", "");
	else
		printf(" %10.*f", figure < 10 ? 2 : figure < 100 ? 1 : 0, figure);
}

/* A full bar is 4 times fastmem's figure, or more. The shortest is seen as well. */
static void
print_bar(double ratio)
{
	unsigned int i, n = RTE_MIN(RTE_MAX(ratio / 4 * BAR_WIDTH, 1.0), BAR_WIDTH) + 0.5;

	if (ratio <= 0)
		return;
	printf("  %6.2f ", ratio);
	for (i = 0; i < n; i++)
		printf(i == BAR_WIDTH / 4 - 1 ? "|" : "#");
}

static void
print_row(const struct row *row)
{
	const struct perf_result *cell = cell_of(row);
	double fastmem, mempool;
	unsigned int i;

	if (cell == NULL)
		return;
	printf("  %-35s %-6s", row->what, row->unit);
	for (i = 0; i < RTE_DIM(columns); i++)
		print_figure(median_of(cell, columns[i]) / row->scale);
	fastmem = median_of(cell, PERF_fastmem);
	mempool = median_of(cell, PERF_mempool);
	print_bar(fastmem > 0 ? mempool / fastmem : 0);
	printf("\n");
}

void
perf_summary_print(void)
{
	unsigned int i;

	printf("\n  %-35s %-6s", "medians, less is better", "");
	for (i = 0; i < RTE_DIM(columns); i++)
		printf(" %10s", perf_allocators[columns[i]].name);
	printf("  mempool / fastmem ('|': 1.0)\n");
	for (i = 0; i < RTE_DIM(rows); i++)
		print_row(&rows[i]);
	printf("\n");
}
