/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: frees by an address within an object. */

#include <rte_eal.h>
#include <rte_fastmem.h>

struct message {
	unsigned int length;
	char text[60];
};

static void
free_interior(void)
{
	struct message *m = rte_fastmem_alloc(sizeof(*m), 0, 0);

	if (m == NULL)
		return;
	rte_fastmem_free(m->text); /* WRONG */
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	free_interior();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
