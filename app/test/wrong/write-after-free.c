/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: writes to an object that is freed. */

#include <rte_eal.h>
#include <rte_fastmem.h>

static void
write_after_free(void)
{
	unsigned int *count = rte_fastmem_alloc(sizeof(*count), 0, 0);

	if (count == NULL)
		return;
	*count = 0;
	rte_fastmem_free(count);
	*count = 1; /* WRONG */
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	write_after_free();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
