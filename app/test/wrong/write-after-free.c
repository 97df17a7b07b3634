/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: writes to an object that is freed. */

#include <rte_eal.h>
#include <rte_fastmem.h>

struct session {
	unsigned int id;
	unsigned int packets;
};

static void
write_after_free(void)
{
	struct session *s = rte_fastmem_alloc(sizeof(*s), 0, RTE_FASTMEM_F_ZERO);

	if (s == NULL)
		return;
	rte_fastmem_free(s);
	s->packets = 1; /* WRONG */
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
