/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: a secondary process writes one byte behind an object of the primary's. */

#include <rte_eal.h>
#include <rte_fastmem.h>

#include "second_process.h"

static void
primary(void)
{
	char *obj = rte_fastmem_alloc(100, 0, 0);

	if (obj == NULL)
		return;
	second_process_run(obj);
	rte_fastmem_free(obj);
}

static void
secondary(char *obj)
{
	obj[100] = 1; /* WRONG */
}

int
main(int argc, char **argv)
{
	second_process_remember(argc, argv);
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		primary();
	else
		secondary(*shown_object());
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
