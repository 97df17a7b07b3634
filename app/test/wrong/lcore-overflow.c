/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: another lcore writes one byte behind an object. */

#include <stdlib.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_launch.h>
#include <rte_lcore.h>

static int
work(void *arg)
{
	char *obj = arg;

	obj[100] = 1; /* WRONG */
	return 0;
}

/* On another lcore, to its end. */
static void
have_done(void *obj)
{
	unsigned int lcore = rte_get_next_lcore(-1, 1, 0);

	if (lcore == RTE_MAX_LCORE || rte_eal_remote_launch(work, obj, lcore) != 0)
		exit(2);
	rte_eal_wait_lcore(lcore);
}

static void
lcore_overflow(void)
{
	char *obj = rte_fastmem_alloc(100, 0, RTE_FASTMEM_F_ZERO);

	if (obj == NULL)
		return;
	have_done(obj);
	rte_fastmem_free(obj);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	lcore_overflow();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
