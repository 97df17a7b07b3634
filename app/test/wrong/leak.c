/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: loses the last pointer to an object. */

#include <stdio.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

struct session {
	unsigned int id;
	unsigned int packets;
};

static void
leak(void)
{
	struct session *s = rte_fastmem_alloc(sizeof(*s), 0, RTE_FASTMEM_F_ZERO);

	if (s == NULL)
		return;
	s->id = 1;
	printf("%u\n", s->id);
} /* WRONG */

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	leak();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
