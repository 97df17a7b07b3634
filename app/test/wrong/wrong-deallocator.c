/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: gives an object to free() of the C library. */

#include <stdlib.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

static void
wrong_deallocator(void)
{
	void *obj = rte_fastmem_alloc(100, 0, 0);

	free(obj); /* WRONG */
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	wrong_deallocator();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
