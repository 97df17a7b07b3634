/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: reads what nobody has written. */

#include <stdio.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

struct session {
	unsigned int id;
	unsigned int packets;
};

static void
uninitialised_read(void)
{
	struct session *s = rte_fastmem_alloc(sizeof(*s), 0, 0);

	if (s == NULL)
		return;
	s->id = 1;
	if (s->packets > 0) /* WRONG */
		printf("active\n");
	rte_fastmem_free(s);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	uninitialised_read();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
