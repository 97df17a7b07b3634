/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * libFuzzer harness: bytes become operations on fastmem, and what comes of them
 * is checked against a model (app/test/harness/fastmem_model.c). Each input starts with
 * a fresh fastmem, so an input that fails, fails again. With FASTMEM_FUZZ_LEVEL=light or full in
 * the environment, errors are among the operations, and each must be reported.
 */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <rte_fastmem_debug.h>

#include "fastmem_model.h"
#include "fuzz_fastmem.h"

static unsigned int
first_cpu(void)
{
	unsigned int cpu = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
			cpu++;
	return cpu;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char lcore[16];
	char *eal_argv[] = { (*argv)[0], (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"-m",
		(char *)(uintptr_t)"256", (char *)(uintptr_t)"--no-pci",
		(char *)(uintptr_t)"--no-shconf", (char *)(uintptr_t)"--no-telemetry",
		(char *)(uintptr_t)"--log-level=error", (char *)(uintptr_t)"-l", lcore, NULL };

	RTE_SET_USED(argc);
	snprintf(lcore, sizeof(lcore), "%u", first_cpu());
	if (rte_eal_init(RTE_DIM(eal_argv) - 1, eal_argv) < 0) {
		fprintf(stderr, "EAL did not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	return 0;
}

/* With checking, bytes stand for wrong operations as well: all of these must be reported. */
static enum rte_fastmem_debug_level
level(void)
{
	const char *name = getenv("FASTMEM_FUZZ_LEVEL");

	if (name == NULL)
		return RTE_FASTMEM_DEBUG_DEFAULT;
	if (strcmp(name, "light") != 0 && strcmp(name, "full") != 0) {
		fprintf(stderr, "FASTMEM_FUZZ_LEVEL is light or full\n");
		exit(2);
	}
	return strcmp(name, "light") == 0 ? RTE_FASTMEM_DEBUG_LIGHT : RTE_FASTMEM_DEBUG_FULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rte_fastmem_conf conf = { .debug = level() };
	struct model *model;
	int ret;

	model_conf(&conf);
	if (rte_fastmem_init_conf(&conf) != 0)
		abort();
	model = model_create();
	if (model == NULL)
		abort();
	if (conf.debug != RTE_FASTMEM_DEBUG_DEFAULT)
		model_plant_faults(model);
	ret = model_run(model, bytes, n);
	if (model_destroy(model) != 0 || ret != 0)
		abort();
	rte_fastmem_deinit();
	return 0;
}
