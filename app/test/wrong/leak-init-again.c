/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Wrong: loses objects, and begins anew. What a tool knows of objects of before must not be in its
 * way when others lie in the same places.
 */

#include <rte_eal.h>
#include <rte_fastmem.h>

#define N_OBJECTS 500

static void
lose_objects(size_t size)
{
	unsigned int i;

	for (i = 0; i < N_OBJECTS; i++)
		rte_fastmem_alloc(size, 0, 0); /* leaks */
}

int
main(int argc, char **argv)
{
	size_t size;

	if (rte_eal_init(argc, argv) < 0)
		return 2;
	for (size = 100; size < 1000; size += 300) {
		if (rte_fastmem_init() < 0)
			return 2;
		lose_objects(size);
		rte_fastmem_deinit();
	}
	rte_eal_cleanup();
	return 0;
}
