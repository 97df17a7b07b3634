/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* A program with EAL in it: nothing that is preloaded can take the place of its functions. */

#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_malloc.h>

int
main(int argc, char **argv)
{
	void *p;

	if (rte_eal_init(argc, argv) < 0)
		return 3;
	p = rte_zmalloc("static", 100, 0);
	printf("%s\n", p != NULL ? "EAL" : "none");
	rte_free(p);
	return rte_eal_cleanup() == 0 && p != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
