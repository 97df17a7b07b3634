/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* The benchmark's own options: those behind "--". */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "perf.h"

#define DEFAULT_ROUNDS 11

struct perf_options perf_options;

const struct perf_scenario *const perf_scenarios[] = {
	&scenario_tight,
	&scenario_batch_fifo,
	&scenario_batch_lifo,
	&scenario_bulk8,
	&scenario_bulk32,
	&scenario_alternate,
	&scenario_large,
	&scenario_pipeline,
	&scenario_pipeline_bulk32,
	&scenario_fan,
	&scenario_exchange,
	&scenario_mixed,
	&scenario_latency,
	&scenario_types,
	&scenario_churn,
	&scenario_replay,
	&scenario_debug,
	&scenario_threads,
	&scenario_oversubscribed,
	&scenario_load,
	&scenario_exhausted,
	&scenario_survivors,
	&scenario_waiting,
};

const unsigned int perf_n_scenarios = RTE_DIM(perf_scenarios);

static_assert(RTE_DIM(perf_scenarios) <= RTE_DIM(perf_options.scenarios), "one flag each");

enum {
	OPT_SCENARIO = 256,
	OPT_ALLOCATOR,
	OPT_SIZE,
	OPT_ROUNDS,
	OPT_QUICK,
	OPT_JSON,
	OPT_TABLE,
	OPT_GOALS,
	OPT_TRACE,
	OPT_LIST,
	OPT_PEER,
	OPT_VERSION,
	OPT_HELP = 'h',
};

static const struct option long_options[] = {
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "allocator", required_argument, NULL, OPT_ALLOCATOR },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ "goals", no_argument, NULL, OPT_GOALS },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "peer", required_argument, NULL, OPT_PEER }, /* not for users */
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
print_help(void)
{
	printf("usage: dpdk-fastmem-perf [EAL options] -- [options]\n"
		"\n"
		"Compares fastmem with other allocators, side by side in one run.\n"
		"\n"
		"  --scenario A[,B...]   run only these scenarios (all)\n"
		"  --allocator A[,B...]  compare only these allocators, made ready in this order (all)\n"
		"  --size N[,N...]       object sizes in bytes (64,256,1024,4096; quick: 64,1024)\n"
		"  --rounds N            rounds of each comparison, at least %u (%u; quick: %u)\n"
		"  --quick               short rounds: all of it in less than 20 seconds\n"
		"  --trace F[,F...]      traces for the scenario replay (those shipped)\n"
		"  --table FILE          write all figures there; one screen of them is printed\n"
		"  --goals               say what fastmem is to reach, and whether it does\n"
		"  --json FILE           write the results for machines, and dpdk-fastmem-perf-plot\n"
		"  --list                list scenarios and allocators\n"
		"  --version             the version\n"
		"  -h, --help            this text\n"
		"\n"
		"Cycles are those of the time stamp counter. EAL options that help:\n"
		"  --no-pci              no look at devices\n"
		"  --no-huge -m 1024     run without huge pages\n"
		"  -l 0,1                the lcores to use; scenarios of two lcores need two\n",
		PERF_MIN_ROUNDS, DEFAULT_ROUNDS, PERF_MIN_ROUNDS);
}

static void
print_list(void)
{
	unsigned int i;

	printf("scenarios:\n");
	for (i = 0; i < perf_n_scenarios; i++)
		printf("  %-16s %s\n", perf_scenarios[i]->name, perf_scenarios[i]->what);
	printf("\nallocators:\n");
	for (i = 0; i < PERF_N_ALLOCATORS; i++)
		printf("  %-16s %s\n", perf_allocators[i].name, perf_allocators[i].what);
}

static int
select_scenario(const char *name)
{
	unsigned int i;

	for (i = 0; i < perf_n_scenarios; i++) {
		if (strcmp(perf_scenarios[i]->name, name) == 0) {
			perf_options.scenarios[i] = true;
			return 0;
		}
	}
	fprintf(stderr, "no scenario '%s': --list shows them\n", name);
	return -EINVAL;
}

static int
select_allocator(const char *name)
{
	int id = perf_allocator_find(name);

	if (id < 0) {
		fprintf(stderr, "no allocator '%s': --list shows them\n", name);
		return -EINVAL;
	}
	if ((perf_options.allocators & 1u << id) == 0)
		perf_options.order[perf_options.n_order++] = id;
	perf_options.allocators |= 1u << id;
	return 0;
}

static int
parse_number(const char *text, unsigned long min, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || *value < min ||
			*value > max)
		return -EINVAL;
	return 0;
}

static int
add_size(const char *text)
{
	unsigned long size;

	if (parse_number(text, sizeof(uint64_t), rte_fastmem_max_size(), &size) != 0) {
		fprintf(stderr, "--size: '%s' is not a number of bytes from %zu to %zu\n", text,
			sizeof(uint64_t), rte_fastmem_max_size());
		return -EINVAL;
	}
	if (perf_options.n_sizes == PERF_MAX_SIZES) {
		fprintf(stderr, "--size: more than %u sizes\n", PERF_MAX_SIZES);
		return -EINVAL;
	}
	perf_options.sizes[perf_options.n_sizes++] = size;
	return 0;
}

static int
add_trace(const char *path)
{
	char *copy;

	if (perf_options.n_traces == PERF_MAX_TRACES) {
		fprintf(stderr, "--trace: more than %u files\n", PERF_MAX_TRACES);
		return -EINVAL;
	}
	copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	perf_options.traces[perf_options.n_traces++] = copy;
	return 0;
}

static int
set_rounds(const char *text)
{
	unsigned long rounds;

	if (parse_number(text, PERF_MIN_ROUNDS, 100000, &rounds) != 0) {
		fprintf(stderr, "--rounds: '%s' is not a number from %u to 100000\n", text,
			PERF_MIN_ROUNDS);
		return -EINVAL;
	}
	perf_options.rounds = rounds;
	return 0;
}

static int
for_each_item(const char *list, int (*take)(const char *item))
{
	char *copy = strdup(list), *save = NULL, *item;
	int ret = 0;

	if (copy == NULL)
		return -ENOMEM;
	for (item = strtok_r(copy, ",", &save); item != NULL && ret == 0;
			item = strtok_r(NULL, ",", &save))
		ret = take(item);
	free(copy);
	return ret;
}

static int
parse_option(int opt, const char *arg)
{
	switch (opt) {
	case OPT_SCENARIO:
		return for_each_item(arg, select_scenario);
	case OPT_ALLOCATOR:
		return for_each_item(arg, select_allocator);
	case OPT_SIZE:
		return for_each_item(arg, add_size);
	case OPT_TRACE:
		return for_each_item(arg, add_trace);
	case OPT_ROUNDS:
		return set_rounds(arg);
	case OPT_QUICK:
		perf_options.quick = true;
		return 0;
	case OPT_JSON:
		perf_options.json = arg;
		return 0;
	case OPT_TABLE:
		perf_options.table = arg;
		return 0;
	case OPT_GOALS:
		perf_options.goals = true;
		return 0;
	case OPT_PEER:
		perf_options.peer = arg;
		return 0;
	default:
		return -EINVAL;
	}
}

static void
set_defaults(void)
{
	static const size_t sizes[] = { 64, 256, 1024, 4096 };
	static const size_t quick_sizes[] = { 64, 1024 };
	unsigned int i;
	bool any = false;

	for (i = 0; i < perf_n_scenarios; i++)
		any |= perf_options.scenarios[i];
	for (i = 0; !any && i < perf_n_scenarios; i++)
		perf_options.scenarios[i] = true;
	if (perf_options.allocators == 0) {
		perf_options.allocators = PERF_ALL_ALLOCATORS & ~PERF_NAMED_ALLOCATORS;
		for (i = 0; i < PERF_N_ALLOCATORS; i++)
			if (perf_options.allocators & 1u << i)
				perf_options.order[perf_options.n_order++] = i;
	}
	if (perf_options.rounds == 0)
		perf_options.rounds = perf_options.quick ? PERF_MIN_ROUNDS : DEFAULT_ROUNDS;
	if (perf_options.n_sizes == 0) {
		perf_options.default_sizes = true;
		perf_options.n_sizes = perf_options.quick ? RTE_DIM(quick_sizes) : RTE_DIM(sizes);
		memcpy(perf_options.sizes, perf_options.quick ? quick_sizes : sizes,
			perf_options.n_sizes * sizeof(sizes[0]));
	}
}

enum perf_action
perf_options_parse(int argc, char **argv)
{
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (opt == OPT_HELP) {
			print_help();
			return PERF_EXIT_OK;
		}
		if (opt == OPT_VERSION) {
			printf("dpdk-fastmem-perf %s\n", FASTMEM_VERSION);
			return PERF_EXIT_OK;
		}
		if (opt == OPT_LIST) {
			print_list();
			return PERF_EXIT_OK;
		}
		if (parse_option(opt, optarg) != 0) {
			fprintf(stderr, "see dpdk-fastmem-perf -- --help\n");
			return PERF_EXIT_USAGE;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "what is '%s'? See dpdk-fastmem-perf -- --help\n", argv[optind]);
		return PERF_EXIT_USAGE;
	}
	set_defaults();
	return PERF_RUN;
}
