/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: reads an object that is freed. */

#include <stdio.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

struct session {
	volatile unsigned int id; /* or a compiler may know what it would read */
};

static void
read_after_free(void)
{
	struct session *s = rte_fastmem_alloc(sizeof(*s), 0, 0);
	unsigned int id;

	if (s == NULL)
		return;
	s->id = 1;
	rte_fastmem_free(s);
	id = s->id; /* WRONG */
	printf("%u\n", id);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	read_after_free();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
