/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: frees what malloc() has allocated. */

#include <stdlib.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

static void
free_foreign(void)
{
	void *obj = malloc(100);

	rte_fastmem_free(obj); /* WRONG */
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	free_foreign();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
