/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * libFuzzer harness: bytes become operations on fastmem, and what comes of them
 * is checked against a model (app/test/fastmem_model.c). Each input starts with
 * a fresh fastmem, so an input that fails, fails again.
 */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <rte_fastmem.h>

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

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct model *model;
	int ret;

	if (rte_fastmem_init() != 0)
		abort();
	model = model_create();
	if (model == NULL)
		abort();
	ret = model_run(model, bytes, n);
	if (model_destroy(model) != 0 || ret != 0)
		abort();
	rte_fastmem_deinit();
	return 0;
}
