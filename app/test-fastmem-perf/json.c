/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The results for machines. No string in them needs escaping: names are the benchmark's own, and
 * those of traces keep only letters, digits and a few marks.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "perf.h"

static void
write_result(FILE *f, const struct perf_result *r, bool last)
{
	fprintf(f, "  {\"scenario\": \"%s\", \"allocator\": \"%s\", \"size\": %" PRIu64 ", "
		"\"lcores\": %u, \"metric\": \"%s\", \"median\": %.10g, \"min\": %.10g, "
		"\"max\": %.10g, \"rounds\": %u",
		r->scenario->name, perf_allocators[r->id].name, r->size, r->lcores, r->metric,
		r->median, r->min, r->max, r->rounds);
	if (r->input[0] != '\0')
		fprintf(f, ", \"trace\": \"%s\"", r->input);
	fprintf(f, "}%s\n", last ? "" : ",");
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
	fprintf(f, "{\"results\": [\n");
	for (i = 0; i < perf_n_results; i++)
		write_result(f, &perf_results[i], i + 1 == perf_n_results);
	fprintf(f, "]}\n");
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		fprintf(stderr, "cannot write %s completely: %s\n", path, strerror(errno));
		return -EIO;
	}
	return 0;
}
