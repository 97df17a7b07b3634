/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Right: what programs do with pools. No checker may object to any of it. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>

#define N_FLOWS 64

struct flow {
	unsigned int index;
	unsigned int packets;
	char name[24];
};

static void
flow_construct(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova,
		uint32_t index)
{
	struct flow *f = obj;

	(void)pool;
	(void)iova;
	f->index = index;
	f->packets = 0;
	snprintf(f->name, sizeof(f->name), "%s", (const char *)arg);
}

/* What the constructor has written is there, and stays while objects are free. */
static unsigned int
read_what_is_constructed(struct rte_fastmem_pool *flows)
{
	struct flow *f = rte_fastmem_pool_get(flows), *all[N_FLOWS];
	unsigned int sum, i;

	if (f == NULL)
		return 0;
	sum = f->packets + (f->index < N_FLOWS) + (strcmp(f->name, "flow") == 0);
	f->packets = 3;
	rte_fastmem_pool_put(flows, f);
	if (rte_fastmem_pool_get_bulk(flows, (void **)all, N_FLOWS) < 0)
		return 0;
	for (i = 0; i < N_FLOWS; i++) {
		sum += all[i]->packets;
		all[i]->packets = 0;
	}
	rte_fastmem_pool_put_bulk(flows, (void **)all, N_FLOWS);
	return sum;
}

static unsigned int
take_them_all(struct rte_fastmem_pool *flows)
{
	struct flow *all[N_FLOWS], *one_more;
	unsigned int sum = 0, i;

	if (rte_fastmem_pool_get_bulk(flows, (void **)all, N_FLOWS) < 0)
		return 0;
	for (i = 0; i < N_FLOWS; i++)
		sum += all[i]->index;
	one_more = rte_fastmem_pool_get(flows);
	if (one_more != NULL) {
		rte_fastmem_pool_put(flows, one_more);
		sum = 0;
	}
	rte_fastmem_pool_put_bulk(flows, (void **)all, N_FLOWS);
	return sum;
}

/* rte_fastmem_free() finds out whose an object is. */
static unsigned int
free_instead_of_put(struct rte_fastmem_pool *flows)
{
	struct flow *f = rte_fastmem_pool_get(flows);

	rte_fastmem_free(f);
	rte_fastmem_pool_put(flows, NULL);
	return rte_fastmem_pool_in_use_count(flows) == 0;
}

/* A pool can be looked up: nobody needs to keep its address. */
static unsigned int
create_and_look_up(void)
{
	const struct rte_fastmem_pool_params params = { .name = "named", .size = 100 };

	if (rte_fastmem_pool_create(&params) == NULL)
		return 0;
	rte_fastmem_pool_free(rte_fastmem_pool_lookup("named"));
	rte_fastmem_pool_free(NULL);
	return 1;
}

int
main(int argc, char **argv)
{
	static char name[] = "flow";
	const struct rte_fastmem_pool_params params = {
		.name = "flows",
		.size = sizeof(struct flow),
		.min = N_FLOWS,
		.max = N_FLOWS,
		.ctor = flow_construct,
		.arg = name,
	};
	struct rte_fastmem_pool *flows;
	bool ok = true;

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	flows = rte_fastmem_pool_create(&params);
	if (flows == NULL)
		return 2;
	ok &= read_what_is_constructed(flows) == 5;
	ok &= take_them_all(flows) == N_FLOWS * (N_FLOWS - 1) / 2;
	ok &= free_instead_of_put(flows) == 1;
	rte_fastmem_pool_free(flows);
	ok &= create_and_look_up() == 1;
	rte_fastmem_deinit();
	rte_eal_cleanup();
	printf("%s\n", ok ? "right" : "not as expected");
	return ok ? 0 : 1;
}
