/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: frees an object twice. */

#include <rte_eal.h>
#include <rte_fastmem.h>

static void
double_free(void)
{
	void *obj = rte_fastmem_alloc(100, 0, 0);

	if (obj == NULL)
		return;
	rte_fastmem_free(obj);
	rte_fastmem_free(obj); /* WRONG */
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	double_free();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
