/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: frees an object, and once more when its memory may be another's. */

#include <rte_eal.h>
#include <rte_fastmem.h>

static void
double_free_after_reuse(void)
{
	void *first, *second;

	first = rte_fastmem_alloc(100, 0, 0);
	if (first == NULL)
		return;
	rte_fastmem_free(first);
	second = rte_fastmem_alloc(100, 0, 0);
	rte_fastmem_free(first); /* WRONG */
	rte_fastmem_free(second);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	double_free_after_reuse();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
