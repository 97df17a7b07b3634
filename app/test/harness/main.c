/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * dpdk-fastmem-test: the functional tests of fastmem.
 */

#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "suites.h"
#include "test_calls.h"
#include "test_fastmem.h"
#include "test_kill.h"
#include "test_mempools.h"
#include "test_steps.h"

static const struct test_suite *const suites[] = {
#define SUITE(name) &suite_##name,
	TEST_SUITES(SUITE)
#undef SUITE
};

const remote_t *const remote_functions[] = { calls, kill_calls, steps_calls, mempool_calls,
	pool_calls, peer_calls, stack_calls, alive_calls, ends_calls, kill_pools_calls,
	mp_calls, processes_calls, NULL };

static bool
suite_only_when_named(const struct test_suite *suite)
{
	return suite->on_request || suite->with_secondaries || suite->long_run;
}

static void
list(void)
{
	const struct test_case *c;
	unsigned int i;

	for (i = 0; i < RTE_DIM(suites); i++) {
		printf("%s: %s%s\n", suites[i]->name, suites[i]->about,
			suite_only_when_named(suites[i]) ? " (only when named)" : "");
		for (c = suites[i]->cases; c->name != NULL; c++)
			printf("  %s.%s\n", suites[i]->name, c->name);
	}
}

static void
usage(FILE *f)
{
	fprintf(f,
		"usage: dpdk-fastmem-test [EAL option...] [-- [option...] [suite[.case]...]]\n"
		"\n"
		"Runs the suites that are named, or all but those that run only when named.\n"
		"\n"
		"  --secondaries  run the suites with secondary processes\n"
		"  --deaths       run those whose processes die at any time\n"
		"  --long         run the suites that take minutes\n"
		"  --list         list suites and cases\n"
		"  --help         this text; EAL's own comes before \"--\"\n"
		"\n"
		"Environment:\n"
		"  FASTMEM_TEST_SEED=N   repeats the random tests of a run\n"
		"  FASTMEM_TEST_KILLS=N  processes that suite \"kill\" kills (50)\n"
		"  FASTMEM_TEST_STEPS=N  deaths that suite \"steps\" tries in each operation (3)\n");
}

static bool
suite_is_short(const struct test_suite *suite)
{
	return !suite_only_when_named(suite);
}

static bool
suite_is_with_secondaries(const struct test_suite *suite)
{
	return suite->with_secondaries && !suite->deaths && !suite->long_run && !suite->on_request;
}

static bool
suite_is_of_deaths(const struct test_suite *suite)
{
	return suite->deaths;
}

static bool
suite_is_long(const struct test_suite *suite)
{
	return suite->long_run && suite_cannot_run(suite) == NULL;
}

static void
run_all(bool (*wanted)(const struct test_suite *suite))
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(suites); i++)
		if (wanted(suites[i]))
			suite_run(suites[i], NULL);
}

static unsigned int
suites_tried(void)
{
	return suite_totals.passed + suite_totals.failed + suite_totals.skipped;
}

/* Returns false when there is no such suite or case. */
static bool
run_named(const char *name)
{
	const char *dot = strchr(name, '.');
	size_t len = dot != NULL ? (size_t)(dot - name) : strlen(name);
	unsigned int i, before = suites_tried();

	for (i = 0; i < RTE_DIM(suites); i++)
		if (strlen(suites[i]->name) == len && strncmp(suites[i]->name, name, len) == 0)
			suite_run(suites[i], dot != NULL ? dot + 1 : NULL);
	return suites_tried() != before;
}

static int
run(int argc, char **argv)
{
	int arg;

	printf("seed %" PRIu64 " (FASTMEM_TEST_SEED), IOVA as %s, %s, %u lcores\n", test_seed(),
		rte_eal_iova_mode() == RTE_IOVA_PA ? "PA" : "VA",
		rte_eal_has_hugepages() ? "huge pages" : "no huge pages", rte_lcore_count());
	if (argc == 0)
		run_all(suite_is_short);
	for (arg = 0; arg < argc; arg++) {
		if (strcmp(argv[arg], "--secondaries") == 0) {
			run_all(suite_is_with_secondaries);
		} else if (strcmp(argv[arg], "--deaths") == 0) {
			run_all(suite_is_of_deaths);
		} else if (strcmp(argv[arg], "--long") == 0) {
			run_all(suite_is_long);
		} else if (!run_named(argv[arg])) {
			fprintf(stderr, "no suite or case '%s': see --list\n", argv[arg]);
			suite_totals.failed++;
		}
	}
	if (suite_totals.skipped > 0)
		printf("%u skipped\n", suite_totals.skipped);
	printf("%u passed, %u failed\n", suite_totals.passed, suite_totals.failed);
	return suite_totals.failed > 0;
}

/* What comes after "--" can ask for something that needs no EAL. */
static bool
asked_for(int argc, char **argv, const char *option)
{
	bool mine = false;
	int i;

	for (i = 1; i < argc; i++) {
		if ((mine || argc == 2) && strcmp(argv[i], option) == 0)
			return true;
		if (strcmp(argv[i], "--") == 0)
			mine = true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	int used, ret;

	if (asked_for(argc, argv, "--help")) {
		usage(stdout);
		return 0;
	}
	if (asked_for(argc, argv, "--list")) {
		list();
		return 0;
	}
	processes_remember(argc, argv);
	used = rte_eal_init(argc, argv);
	if (used < 0) {
		fprintf(stderr, "EAL did not start: %s. Without huge pages: --no-huge -m 512\n",
			rte_strerror(rte_errno));
		return 1;
	}
	argc -= used + 1;
	argv += used + 1;
	if (process_is_secondary(argc, argv)) {
		ret = process_serve(argc, argv);
		rte_eal_cleanup();
		return ret;
	}
	if (argc > 0 && argv[0][0] == '-' && strcmp(argv[0], "--secondaries") != 0 &&
			strcmp(argv[0], "--deaths") != 0 && strcmp(argv[0], "--long") != 0) {
		usage(stderr);
		rte_eal_cleanup();
		return 2;
	}
	ret = run(argc < 0 ? 0 : argc, argv);
	rte_eal_cleanup();
	return ret;
}
