/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: uses the old address of an object that has moved. */

#include <rte_eal.h>
#include <rte_fastmem.h>

#define MANY 1000

static void
realloc_misuse(void)
{
	unsigned int *ids, *more;

	ids = rte_fastmem_alloc(sizeof(*ids), 0, RTE_FASTMEM_F_ZERO);
	if (ids == NULL)
		return;
	more = rte_fastmem_realloc(ids, MANY * sizeof(*ids), 0);
	if (more == NULL) {
		rte_fastmem_free(ids);
		return;
	}
	ids[0] = 1; /* WRONG */
	rte_fastmem_free(more);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	realloc_misuse();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
