/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The results as a picture: gnuplot draws one panel for each scenario and kind of unit, from a
 * file of figures beside the picture.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

#define COLUMNS 3
#define PANEL_WIDTH 520
#define PANEL_HEIGHT 340
#define MAX_PANELS 64
#define LABEL_LEN 96
#define MAX_LABELS_LEN 56 /* of all groups together, to stand side by side */

/* What a panel's axis counts. */
enum unit { CYCLES, MEBIBYTES, RATIO, NANOSECONDS };

static const char *const unit_names[] = { "cycles", "MiB", "ratio", "ns" };

struct panel {
	const struct perf_scenario *scenario;
	enum unit unit;
};

static enum unit
unit_of(const struct perf_result *r)
{
	if (strncmp(r->metric, "bytes_", 6) == 0)
		return MEBIBYTES;
	if (strncmp(r->metric, "ns_", 3) == 0)
		return NANOSECONDS;
	return strcmp(r->metric, "backing_over_live") == 0 ? RATIO : CYCLES;
}

static bool
belongs(const struct panel *p, const struct perf_result *r)
{
	return p->scenario == r->scenario && p->unit == unit_of(r);
}

static unsigned int
find_panels(struct panel *panels)
{
	unsigned int n = 0, j;
	size_t i;

	for (i = 0; i < perf_n_results; i++) {
		for (j = 0; j < n && !belongs(&panels[j], &perf_results[i]); j++)
			;
		if (j < n || n == MAX_PANELS)
			continue;
		panels[n].scenario = perf_results[i].scenario;
		panels[n++].unit = unit_of(&perf_results[i]);
	}
	return n;
}

int
perf_plot_check(void)
{
	/* The shell says 127 when there is no such command. */
	if (system("gnuplot --version >/dev/null 2>&1") == 0)
		return 0;
	fprintf(stderr, "--plot needs gnuplot, which does not run here "
		"(on Debian: apt-get install gnuplot-nox)\n");
	return -ENOENT;
}

/* What differs between the bars' groups of a panel. */
struct differences {
	bool input, metric;
};

static struct differences
find_differences(const struct panel *p)
{
	const struct perf_result *first = NULL;
	struct differences d = { false, false };
	size_t i;

	for (i = 0; i < perf_n_results; i++) {
		const struct perf_result *r = &perf_results[i];

		if (!belongs(p, r))
			continue;
		if (first == NULL)
			first = r;
		d.input |= r->size != first->size || strcmp(r->input, first->input) != 0;
		d.metric |= strcmp(r->metric, first->metric) != 0;
	}
	return d;
}

static void
make_label(const struct panel *p, const struct perf_result *cell, char *label)
{
	struct differences d = find_differences(p);
	char input[LABEL_LEN / 2];

	perf_result_input(cell, input, sizeof(input));
	if (d.input && d.metric)
		snprintf(label, LABEL_LEN, "%s %s", input, cell->metric);
	else if (d.metric || input[0] == '\0')
		snprintf(label, LABEL_LEN, "%s", cell->metric);
	else
		snprintf(label, LABEL_LEN, "%s", input);
}

/* Labels of many groups, or long ones, do not fit side by side. */
static bool
wants_slanted_labels(const struct panel *p)
{
	size_t i, len = 0;
	char label[LABEL_LEN];

	for (i = 0; i < perf_n_results; i++) {
		if (!belongs(p, &perf_results[i]) || !perf_result_opens_cell(&perf_results[i]))
			continue;
		make_label(p, &perf_results[i], label);
		len += strlen(label) + 2;
	}
	return len > MAX_LABELS_LEN;
}

static void
write_row(FILE *f, const struct panel *p, const struct perf_result *cell)
{
	const struct perf_result *r;
	enum perf_allocator_id id;
	char label[LABEL_LEN];

	make_label(p, cell, label);
	fprintf(f, "\"%s\"", label);
	for (id = 0; id < PERF_N_ALLOCATORS; id++) {
		r = perf_result_of(cell, id);
		if (r == NULL || r->why[0] != '\0')
			fprintf(f, " ?");
		else
			fprintf(f, " %.6g", r->median / (p->unit == MEBIBYTES ? 1 << 20 : 1));
	}
	fprintf(f, "\n");
}

static void
write_data(FILE *f, const struct panel *panels, unsigned int n)
{
	enum perf_allocator_id id;
	unsigned int i;
	size_t j;

	for (i = 0; i < n; i++) {
		fprintf(f, "# %s, %s:", panels[i].scenario->name, unit_names[panels[i].unit]);
		for (id = 0; id < PERF_N_ALLOCATORS; id++)
			fprintf(f, " %s", perf_allocators[id].name);
		fprintf(f, "\n");
		for (j = 0; j < perf_n_results; j++)
			if (belongs(&panels[i], &perf_results[j]) &&
					perf_result_opens_cell(&perf_results[j]))
				write_row(f, &panels[i], &perf_results[j]);
		fprintf(f, "\n\n");
	}
}

/* As a string of gnuplot's in single quotes. */
static void
write_quoted(FILE *f, const char *text)
{
	fputc('\'', f);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputc('\'', f);
		fputc(*text, f);
	}
	fputc('\'', f);
}

/* Only allocators that have a figure in this panel get bars, and so a place in it. */
static void
write_bars(FILE *f, const struct panel *p, unsigned int index)
{
	enum perf_allocator_id id;
	const char *separator = "plot ";
	size_t i;

	for (id = 0; id < PERF_N_ALLOCATORS; id++) {
		for (i = 0; i < perf_n_results; i++)
			if (perf_results[i].id == id && belongs(p, &perf_results[i]))
				break;
		if (i == perf_n_results)
			continue;
		fprintf(f, "%sdata index %u using %u:xtic(1) title '%s' linetype %u", separator,
			index, id + 2, perf_allocators[id].name, id + 1);
		separator = ", ";
	}
	fprintf(f, "\n");
}

static void
write_script(FILE *f, const struct panel *panels, unsigned int n, const char *path,
		const char *data)
{
	unsigned int i, rows = (n + COLUMNS - 1) / COLUMNS;

	fprintf(f, "set terminal svg size %u,%u noenhanced font 'sans,11' background 'white'\n",
		COLUMNS * PANEL_WIDTH, rows * PANEL_HEIGHT);
	fprintf(f, "set output ");
	write_quoted(f, path);
	fprintf(f, "\ndata = ");
	write_quoted(f, data);
	fprintf(f, "\nset datafile missing '?'\n"
		"set style data histograms\n"
		"set style histogram clustered gap 1\n"
		"set style fill solid 0.8 border -1\n"
		"set boxwidth 0.9 relative\n"
		"set grid ytics\n"
		"set key above maxrows 2 samplen 1 font ',9'\n"
		"set multiplot layout %u,%u title 'fastmem beside other allocators: medians, "
		"less is better'\n", rows, COLUMNS);
	for (i = 0; i < n; i++) {
		/* Allocators differ by orders of magnitude in time, not in memory. */
		fprintf(f, panels[i].unit == CYCLES || panels[i].unit == NANOSECONDS ?
			"set logscale y\nset yrange [*:*]\n" :
			"unset logscale y\nset yrange [0:*]\n");
		fprintf(f, "set xtics nomirror %s\n", wants_slanted_labels(&panels[i]) ?
			"rotate by -35 left font ',8'" : "norotate font ',10'");
		fprintf(f, "set title '%s'\nset ylabel '%s'\n", panels[i].scenario->name,
			unit_names[panels[i].unit]);
		write_bars(f, &panels[i], i);
	}
	fprintf(f, "unset multiplot\n");
}

static int
write_data_file(const char *path, const struct panel *panels, unsigned int n)
{
	FILE *f = fopen(path, "w");
	int failed;

	if (f == NULL) {
		fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
		return -errno;
	}
	write_data(f, panels, n);
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		fprintf(stderr, "cannot write %s completely: %s\n", path, strerror(errno));
		return -EIO;
	}
	return 0;
}

int
perf_plot_write(const char *path)
{
	struct panel panels[MAX_PANELS];
	unsigned int n = find_panels(panels);
	char data[4096];
	FILE *f;
	int ret;

	snprintf(data, sizeof(data), "%s.dat", path);
	ret = write_data_file(data, panels, n);
	if (ret != 0)
		return ret;
	f = popen("gnuplot", "w");
	if (f == NULL) {
		fprintf(stderr, "cannot start gnuplot: %s\n", strerror(errno));
		return -errno;
	}
	write_script(f, panels, n, path, data);
	if (pclose(f) != 0) {
		fprintf(stderr, "gnuplot could not draw %s from %s\n", path, data);
		return -EIO;
	}
	return 0;
}
