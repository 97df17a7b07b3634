/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* dpdk-fastmem-perf: the A/B benchmark of fastmem. This file: start, run, report. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "perf.h"
#include "seat.h"

#define EXIT_WRONG_ARGUMENTS 2

/* The place of "--": EAL's options are before it. */
static int
count_eal_args(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return argc;
}

/* Without "--", all options are EAL's, except those that ask what there is. */
static bool
asks_only(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--list") == 0);
}

static int
check_output(const char *path)
{
	FILE *f;

	if (path == NULL)
		return 0;
	f = fopen(path, "a");
	if (f == NULL) {
		fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
		return -errno;
	}
	fclose(f);
	return 0;
}

/* Find out now what would otherwise be found out after a long run. */
static int
check_outputs(void)
{
	int ret = check_output(perf_options.json);

	return ret != 0 ? ret : check_output(perf_options.table);
}

static int
write_table(void)
{
	FILE *f = perf_options.table != NULL ? fopen(perf_options.table, "w") : stdout;
	int failed;

	if (f != NULL)
		perf_report_print(f);
	if (f == stdout)
		return 0;
	failed = f == NULL || ferror(f);
	if (f == NULL || fclose(f) != 0 || failed) {
		fprintf(stderr, "cannot write %s completely: %s\n", perf_options.table,
			strerror(errno));
		return -EIO;
	}
	perf_summary_print();
	return 0;
}

static int
start_eal(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) >= 0)
		return 0;
	fprintf(stderr, "EAL does not start: %s\n"
		"Without huge pages, start with: dpdk-fastmem-perf --no-huge -m 1024 --\n",
		rte_strerror(rte_errno));
	return -1;
}

static int
run_scenarios(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < perf_n_scenarios; i++) {
		const struct perf_scenario *s = perf_scenarios[i];

		if (!perf_options.scenarios[i])
			continue;
		if (perf_selected(s) == 0)
			perf_warn("%s: left out, it has no meaning for the allocators chosen",
				s->name);
		else if (rte_lcore_count() < s->lcores)
			perf_warn("%s: left out, it needs %u lcores and there is %u (EAL's -l)",
				s->name, s->lcores, rte_lcore_count());
		else if (s->run(s) != 0)
			ret = -1;
	}
	perf_progress_end();
	return ret;
}

static int
report(void)
{
	int ret = 0;

	if (perf_n_results == 0) {
		perf_warn_repeat();
		fprintf(stderr, "nothing was measured\n");
		return -1;
	}
	ret = write_table();
	perf_warn_repeat();
	if (perf_options.json != NULL) {
		if (perf_json_write(perf_options.json) == 0)
			printf("wrote %s\n", perf_options.json);
		else
			ret = -1;
	}
	return ret;
}

/* What was run, as it could be typed; argv is EAL's to change. */
static void
note_command(int argc, char **argv, char *text, size_t room)
{
	const char *name = strrchr(argv[0], '/');
	size_t n = snprintf(text, room, "%s", name != NULL ? name + 1 : argv[0]);
	int i;

	for (i = 1; i < argc && n < room; i++)
		n += snprintf(text + n, room - n, " %s", argv[i]);
}

int
main(int argc, char **argv)
{
	int n_eal = count_eal_args(argc, argv);
	char command[512];
	unsigned int i;
	int ret;

	note_command(argc, argv, command, sizeof(command));
	perf_options.command = command;
	if (asks_only(argc, argv))
		n_eal = 0;
	if (n_eal < argc) {
		argv[n_eal] = argv[0]; /* the name in messages about options */
		switch (perf_options_parse(argc - n_eal, argv + n_eal)) {
		case PERF_EXIT_OK:
			return EXIT_SUCCESS;
		case PERF_EXIT_USAGE:
			return EXIT_WRONG_ARGUMENTS;
		case PERF_RUN:
			break;
		}
	} else {
		perf_options_parse(1, argv);
	}
	if (check_outputs() != 0 || start_eal(n_eal, argv) != 0)
		return EXIT_FAILURE;
	if (perf_options.peer != NULL) {
		ret = peer_main(perf_options.peer);
		rte_eal_cleanup();
		return ret;
	}

	printf("%s, %u lcore(s), %s, time stamp counter at %.2f GHz\n", rte_version(),
		rte_lcore_count(), rte_eal_has_hugepages() ? "huge pages" : "no huge pages",
		rte_get_tsc_hz() / 1e9);
	fflush(stdout);
	ret = run_scenarios();
	if (report() != 0)
		ret = -1;

	for (i = 0; i < perf_options.n_traces; i++)
		free(perf_options.traces[i]);
	for (i = 0; i < perf_n_results; i++) {
		free(perf_results[i].series);
		free(perf_results[i].live);
	}
	free(perf_results);
	free(perf_goals);
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
