/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: puts an object to a pool that it was not got from. */

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>

static void
wrong_pool(void)
{
	const struct rte_fastmem_pool_params flow = { .name = "flow", .size = 100 };
	const struct rte_fastmem_pool_params timer = { .name = "timer", .size = 200 };
	struct rte_fastmem_pool *flows = rte_fastmem_pool_create(&flow);
	struct rte_fastmem_pool *timers = rte_fastmem_pool_create(&timer);
	void *obj;

	if (flows != NULL && timers != NULL) {
		obj = rte_fastmem_pool_get(flows);
		rte_fastmem_pool_put(timers, obj); /* WRONG */
	}
	rte_fastmem_pool_free(timers);
	rte_fastmem_pool_free(flows);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	wrong_pool();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
