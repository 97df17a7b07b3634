/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: writes one byte in front of an object. */

#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

#define NAME_LENGTH 13

static void
overflow_before(void)
{
	char *name = rte_fastmem_alloc(NAME_LENGTH, 0, 0);

	if (name == NULL)
		return;
	memset(name, 0, NAME_LENGTH);
	name[-1] = 'x'; /* WRONG */
	printf("%s\n", name);
	rte_fastmem_free(name);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	overflow_before();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
