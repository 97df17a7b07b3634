/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program that is linked with plain DPDK and run with librte_fastmem_malloc.so preloaded, by
 * test_preload.sh.
 *
 * usage: test-preload [EAL option...] -- PART
 *
 *   suites     what a program may rely on; prints "N passed, N failed"
 *   count      a known number of calls, for the report and the trace
 *   primary    shares objects with those who come, until its standard input ends
 *   secondary  uses objects of the primary's
 *   leak       frees not all that it has
 *   peak       uses 64 MiB more than at its end; prints how much fastmem had then, and has after a while
 *   careless   reads what it has not written; prints how much of that was not zero
 *   mempools, count_mempools, many_mempools, own_fastmem, grow_mempools, mempool_primary,
 *   mempool_secondary
 *              use mempools: see test_preload_mempools.c
 *   plain      nothing but what any program does
 *   busy       as plain; EAL ends while it has not come to what another process has asked for
 */

#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "full_drivers.h"
#include "test_preload.h"

static const struct test_suite * const suites[] = {
	&preload_suite_family,
	&preload_suite_heap,
	&preload_suite_locks,
	&preload_suite_life,
};

void
test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...)
{
	const char *base = strrchr(file, '/');
	va_list args;

	fprintf(stderr, "%s:%d: %s(): %s", base != NULL ? base + 1 : file, line, function, what);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

bool
is_fastmems(const void *ptr)
{
	bool (*contains)(const void *ptr);

	contains = (bool (*)(const void *))dlsym(RTLD_DEFAULT, "rte_fastmem_contains");
	return contains != NULL && contains(ptr);
}

void *
eal_function(const char *name)
{
	Dl_info info;
	void *eal, *function = NULL;

	/* It is in EAL, and in no other library. */
	if (dladdr(dlsym(RTLD_DEFAULT, "rte_eal_get_runtime_dir"), &info) != 0) {
		eal = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
		function = eal != NULL ? dlsym(eal, name) : NULL;
	}
	if (function == NULL) {
		fprintf(stderr, "EAL has no %s\n", name);
		abort();
	}
	return function;
}

static int
run_suites(void)
{
	const struct test_case *c;
	unsigned int i, passed = 0, failed = 0;

	for (i = 0; i < RTE_DIM(suites); i++)
		for (c = suites[i]->cases; c->name != NULL; c++) {
			int ret = c->run();

			printf("preload_%s.%s: %s\n", suites[i]->name, c->name,
				ret == 0 ? "ok" : "FAILED");
			fflush(stdout);
			if (ret == 0)
				passed++;
			else
				failed++;
		}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 && passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Allocate and free some, as any program does. */
static int
do_little(void)
{
	void *p = rte_zmalloc("little", 1000, 0);
	bool ours = is_fastmems(p);

	rte_free(p);
	printf("%s\n", ours ? "fastmem" : "EAL");
	return p != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
leak(void)
{
	return rte_zmalloc("left", 12345, 0) != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
play(const char *part)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} parts[] = {
		{ "suites", run_suites },
		{ "count", preload_call_a_known_number },
		{ "primary", preload_as_primary },
		{ "secondary", preload_as_secondary },
		{ "callbacks", preload_allocate_in_callbacks },
		{ "leak", leak },
		{ "peak", preload_peak },
		{ "careless", preload_rely_on_zeroes },
		{ "plain", do_little },
		{ "busy", preload_keep_eal_busy },
		{ "mempools", preload_use_mempools },
		{ "count_mempools", preload_count_mempools },
		{ "many_mempools", preload_make_many_mempools },
		{ "own_fastmem", preload_own_fastmem },
		{ "grow_mempools", preload_grow_mempools },
		{ "mempool_primary", preload_share_a_mempool },
		{ "mempool_secondary", preload_use_a_shared_mempool },
		{ "mempool_races", preload_race_mempools },
		{ "mempool_freed", preload_free_what_grows },
		{ "mempool_wanted", preload_want_what_grows },
		{ "mempool_misused", preload_misuse_a_mempool },
		{ "mempool_fork", preload_fork_while_a_mempool_is_noted },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(parts); i++)
		if (strcmp(parts[i].name, part) == 0)
			return parts[i].run();
	fprintf(stderr, "no part %s\n", part);
	return 2;
}

int
main(int argc, char **argv)
{
	bool suites_asked = strcmp(argv[argc - 1], "suites") == 0;
	const char *part = argv[argc - 1];
	int status, ret;

	/* A lock that is waited for for ever is a failure, too. EAL waits for others' starts. */
	alarm(180);
	if (suites_asked && preload_before_eal() != 0)
		return EXIT_FAILURE;
	full_drivers();
	ret = rte_eal_init(argc, argv);
	if (ret < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		rte_eal_cleanup(); /* as dpdk-test and others do all the same */
		return 3;
	}
	status = play(part);
	fflush(stdout);
	if (suites_asked)
		return preload_end() == 0 ? status : EXIT_FAILURE;
	rte_eal_cleanup();
	return status;
}
