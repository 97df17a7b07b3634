/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is shown while the benchmark runs, on standard error: one line that is written over on a
 * terminal, one line for each cell elsewhere.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "perf.h"

#define MAX_WARNINGS 64

static char *warnings[MAX_WARNINGS];
static unsigned int n_warnings;
static bool on_terminal;
static bool line_open;
static char last_cell[96];

static double
seconds_since_start(void)
{
	static struct timespec start;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (start.tv_sec == 0)
		start = now;
	return (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9;
}

void
perf_progress(const struct perf_scenario *scenario, const char *detail, unsigned int round,
		unsigned int rounds, const char *allocator)
{
	double seconds = seconds_since_start();
	char cell[sizeof(last_cell)];

	on_terminal = isatty(STDERR_FILENO);
	snprintf(cell, sizeof(cell), "%s%s%s", scenario->name, detail[0] != '\0' ? " " : "",
		detail);
	if (on_terminal) {
		fprintf(stderr, "\r\033[K%5.1f s  %-28s round %u of %u  %s", seconds, cell,
			round + 1, rounds, allocator);
		fflush(stderr);
		line_open = true;
	} else if (strcmp(cell, last_cell) != 0) {
		fprintf(stderr, "%5.1f s  %s, %u rounds\n", seconds, cell, rounds);
		memcpy(last_cell, cell, sizeof(cell));
	}
}

void
perf_progress_end(void)
{
	if (line_open)
		fputs("\r\033[K", stderr);
	line_open = false;
	last_cell[0] = '\0';
}

void
perf_warn(const char *format, ...)
{
	char text[512];
	va_list args;
	unsigned int i;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (i = 0; i < n_warnings; i++)
		if (strcmp(warnings[i], text) == 0)
			return;
	perf_progress_end();
	fprintf(stderr, "note: %s\n", text);
	if (n_warnings < MAX_WARNINGS && (warnings[n_warnings] = strdup(text)) != NULL)
		n_warnings++;
}

void
perf_warn_repeat(void)
{
	unsigned int i;

	for (i = 0; i < n_warnings; i++) {
		printf("note: %s\n", warnings[i]);
		free(warnings[i]);
	}
	if (n_warnings > 0)
		printf("\n");
	n_warnings = 0;
}
