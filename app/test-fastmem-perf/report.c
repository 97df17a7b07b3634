/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The results for people: each figure with its spread and its ratio to fastmem's, then one line
 * for each comparison. All figures are such that less is better.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "perf.h"

#define MIB (1024.0 * 1024)
#define LABEL_WIDTH 12

static FILE *out; /* where the table goes */

static bool
is_bytes(const struct perf_result *r)
{
	return strncmp(r->metric, "bytes_", 6) == 0;
}

static double
scale(const struct perf_result *r)
{
	return is_bytes(r) ? MIB : 1;
}

static int
digits(const struct perf_result *r)
{
	return strcmp(r->metric, "backing_over_live") == 0 || r->median < 10 ? 2 : 1;
}

static void
print_row(const struct perf_result *r, const char *label)
{
	const struct perf_result *fastmem = perf_result_of(r, PERF_fastmem);
	double unit = scale(r);
	int d = digits(r);

	fprintf(out, "  %-*s %-15s ", LABEL_WIDTH, label, perf_allocators[r->id].name);
	if (r->why[0] != '\0') {
		fprintf(out, "%s\n", r->why);
		return;
	}
	fprintf(out, "%11.*f %11.*f %11.*f", d, r->median / unit, d, r->min / unit, d, r->max / unit);
	if (fastmem != NULL && fastmem->median > 0)
		fprintf(out, " %10.2f", r->median / fastmem->median);
	if (perf_result_ops_per_second(r) > 0)
		fprintf(out, "   %.6g million a second", perf_result_ops_per_second(r) / 1e6);
	fprintf(out, "\n");
}

static void
print_heading(const struct perf_result *r)
{
	fprintf(out, "\n%s: %s\n", r->scenario->name, r->scenario->what);
	fprintf(out, "  %-12s %-15s %11s %11s %11s %10s\n", "", "", "median", "min", "max",
		"x fastmem");
}

static void
print_subheading(const struct perf_result *r)
{
	fprintf(out, "  %s%s, %u lcore%s, %u rounds\n", r->metric, is_bytes(r) ? ", in MiB" : "",
		r->lcores, r->lcores == 1 ? "" : "s", perf_options.rounds);
}

static bool
same_table(const struct perf_result *a, const struct perf_result *b)
{
	return a != NULL && a->scenario == b->scenario;
}

static bool
same_block(const struct perf_result *a, const struct perf_result *b)
{
	return same_table(a, b) && a->lcores == b->lcores && strcmp(a->metric, b->metric) == 0;
}

/* All allocators of a cell. */
static void
print_cell(const struct perf_result *cell)
{
	const struct perf_result *r;
	enum perf_allocator_id id;
	char label[64];

	perf_result_input(cell, label, sizeof(label));
	if (strlen(label) > LABEL_WIDTH) {
		fprintf(out, "  %s\n", label);
		label[0] = '\0';
	}
	for (id = 0; id < PERF_N_ALLOCATORS; id++) {
		r = perf_result_of(cell, id);
		if (r == NULL)
			continue;
		print_row(r, label);
		label[0] = '\0';
	}
}

static void
print_details(void)
{
	const struct perf_result *last = NULL;
	size_t i;

	for (i = 0; i < perf_n_results; i++) {
		const struct perf_result *cell = &perf_results[i];

		if (!perf_result_opens_cell(cell))
			continue;
		if (!same_table(last, cell))
			print_heading(cell);
		if (!same_block(last, cell))
			print_subheading(cell);
		print_cell(cell);
		last = cell;
	}
}

static bool
was_measured(enum perf_allocator_id id)
{
	size_t i;

	for (i = 0; i < perf_n_results; i++)
		if (perf_results[i].id == id)
			return true;
	return false;
}

static void
print_overview_heading(void)
{
	enum perf_allocator_id id;

	fprintf(out, "\nIn short: fastmem's median, and the others' as a multiple of it\n\n");
	fprintf(out, "  %-24s %-22s %9s", "", "", "fastmem");
	for (id = 0; id < PERF_N_ALLOCATORS; id++)
		if (id != PERF_fastmem && was_measured(id))
			fprintf(out, " %9.9s", id == PERF_fastmem_handle ? "..handle" :
				id == PERF_fastmem_pool ? "..pool" :
				id == PERF_mempool_stack ? "..stack" :
				id == PERF_mempool_fastmem ? "..fastmem" :
				id == PERF_mempool_uncached ? "uncached" :
				id == PERF_mempool_fastmem_uncached ? "..fastmem" :
				id == PERF_rte_malloc_header ? "..header" :
				id == PERF_rte_malloc_eal ? "..eal" :
				perf_allocators[id].name);
	fprintf(out, "\n");
}

static void
print_overview_row(const struct perf_result *fastmem)
{
	const struct perf_result *other;
	enum perf_allocator_id id;
	char input[32], label[64];

	perf_result_input(fastmem, input, sizeof(input));
	snprintf(label, sizeof(label), "%s %s", fastmem->scenario->name, input);
	if (fastmem->why[0] != '\0') {
		fprintf(out, "  %-24s %-22s %s\n", label, fastmem->metric, fastmem->why);
		return;
	}
	fprintf(out, "  %-24s %-22s %9.*f", label, fastmem->metric, digits(fastmem),
		fastmem->median / scale(fastmem));
	for (id = 0; id < PERF_N_ALLOCATORS; id++) {
		if (id == PERF_fastmem || !was_measured(id))
			continue;
		other = perf_result_of(fastmem, id);
		if (other == NULL || other->why[0] != '\0' || fastmem->median <= 0)
			fprintf(out, " %9s", "");
		else
			fprintf(out, " %8.2fx", other->median / fastmem->median);
	}
	fprintf(out, "\n");
}

static void
print_overview(void)
{
	size_t i;

	if (!was_measured(PERF_fastmem))
		return;
	print_overview_heading();
	for (i = 0; i < perf_n_results; i++)
		if (perf_results[i].id == PERF_fastmem)
			print_overview_row(&perf_results[i]);
}

void
perf_report_print(FILE *f)
{
	out = f;
	print_details();
	print_overview();
	fprintf(out, "\nLess is better throughout. Bytes are shown in MiB.\n");
	if (perf_options.goals)
		perf_goals_print(out);
	fprintf(out, "\n");
}
