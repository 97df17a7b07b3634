/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The results for machines. Names need no escaping: they are the benchmark's own, and those of
 * traces keep only letters, digits and a few marks.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "perf.h"

static void
write_series(FILE *f, const char *name, const uint64_t *values, unsigned int n)
{
	unsigned int i;

	fprintf(f, ", \"%s\": [", name);
	for (i = 0; i < n; i++)
		fprintf(f, "%s%" PRIu64, i == 0 ? "" : ", ", values[i]);
	fprintf(f, "]");
}

/* Of what comes from outside, marks that would have to be escaped become blanks. */
static void
write_string(FILE *f, const char *name, const char *text)
{
	fprintf(f, "\"%s\": \"", name);
	for (; *text != '\0'; text++)
		fputc(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? ' ' : *text, f);
	fprintf(f, "\", ");
}

static void
read_cpu(char *name, size_t room)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(name, room, "unknown CPU");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
			snprintf(name, room, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
			break;
		}
	}
	if (f != NULL)
		fclose(f);
}

static void
write_machine(FILE *f)
{
	char cpu[128];

	read_cpu(cpu, sizeof(cpu));
	fprintf(f, "\"machine\": {");
	write_string(f, "cpu", cpu);
	write_string(f, "dpdk", rte_version());
	write_string(f, "command", perf_options.command);
	write_string(f, "pages", rte_eal_has_hugepages() ? "huge pages" : "ordinary pages");
	fprintf(f, "\"ghz\": %.2f, \"lcores\": %u}, ", rte_get_tsc_hz() / 1e9, rte_lcore_count());
}

static void
write_result(FILE *f, const struct perf_result *r)
{
	fprintf(f, "  {\"scenario\": \"%s\", \"allocator\": \"%s\", \"size\": %" PRIu64 ", "
		"\"lcores\": %u, \"metric\": \"%s\", \"median\": %.10g, \"min\": %.10g, "
		"\"max\": %.10g, \"rounds\": %u",
		r->scenario->name, perf_allocators[r->id].name, r->size, r->lcores, r->metric,
		r->median, r->min, r->max, r->rounds);
	if (perf_result_ops_per_second(r) > 0)
		fprintf(f, ", \"ops_per_second\": %.10g", perf_result_ops_per_second(r));
	if (r->input[0] != '\0')
		fprintf(f, ", \"input\": \"%s\"", r->input);
	if (r->series != NULL) {
		write_series(f, "series", r->series, r->n_series);
		write_series(f, "live", r->live, r->n_series);
	}
	fprintf(f, "}");
}

/* Those without figures are left out. */
static void
write_results(FILE *f)
{
	const char *separator = "\n";
	size_t i;

	for (i = 0; i < perf_n_results; i++) {
		if (perf_results[i].why[0] != '\0')
			continue;
		fprintf(f, "%s", separator);
		write_result(f, &perf_results[i]);
		separator = ",\n";
	}
}

static void
write_goal(FILE *f, const struct perf_goal *g)
{
	fprintf(f, "  {\"scenario\": \"%s\", \"size\": %" PRIu64 ", \"goal\": \"%s\", "
		"\"%s\": %.10g, ", g->scenario->name, g->size, g->name,
		g->at_least ? "at_least" : "at_most", g->bound);
	if (g->input[0] != '\0')
		fprintf(f, "\"input\": \"%s\", ", g->input);
	if (g->why[0] != '\0')
		fprintf(f, "\"median\": null, \"met\": null, \"why\": \"%s\"}", g->why);
	else
		fprintf(f, "\"median\": %.10g, \"min\": %.10g, \"max\": %.10g, \"rounds\": %u, "
			"\"met\": %s}", g->median, g->min, g->max, g->rounds,
			perf_goal_is_met(g) ? "true" : "false");
}

int
perf_json_write(const char *path)
{
	FILE *f = fopen(path, "w");
	size_t i;
	int failed;

	if (f == NULL) {
		fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
		return -errno;
	}
	fprintf(f, "{");
	write_machine(f);
	fprintf(f, "\"results\": [");
	write_results(f);
	fprintf(f, "\n], \"goals\": [");
	for (i = 0; i < perf_n_goals; i++) {
		fprintf(f, i == 0 ? "\n" : ",\n");
		write_goal(f, &perf_goals[i]);
	}
	fprintf(f, "\n]}\n");
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		fprintf(stderr, "cannot write %s completely: %s\n", path, strerror(errno));
		return -EIO;
	}
	return 0;
}
