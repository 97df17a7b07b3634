/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: frees a local variable. */

#include <rte_eal.h>
#include <rte_fastmem.h>

static void
free_stack(void)
{
	char text[64] = "";

	rte_fastmem_free(text); /* WRONG */
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	free_stack();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
