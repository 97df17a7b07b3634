/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: a secondary process loses an object. */

#include <stdio.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

#include "second_process.h"

static void
secondary(void)
{
	char *obj = rte_fastmem_alloc(100, 0, RTE_FASTMEM_F_ZERO);

	if (obj != NULL)
		printf("%d\n", obj[0]);
} /* WRONG */

int
main(int argc, char **argv)
{
	second_process_remember(argc, argv);
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		second_process_run(NULL);
	else
		secondary();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
