/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: uses a pool that is freed. */

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>

static void
pool_after_free(void)
{
	const struct rte_fastmem_pool_params flow = { .name = "flow", .size = 100 };
	struct rte_fastmem_pool *flows = rte_fastmem_pool_create(&flow);
	void *obj;

	if (flows == NULL)
		return;
	rte_fastmem_pool_free(flows);
	obj = rte_fastmem_pool_get(flows); /* WRONG */
	rte_fastmem_free(obj);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	pool_after_free();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
