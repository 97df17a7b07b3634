/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_mempool.h>

#include "full_drivers.h"

/* Mempools of these drivers cannot be made. */

static int
no_alloc(struct rte_mempool *mp __rte_unused)
{
	return -ENOTSUP;
}

static int
no_enqueue(struct rte_mempool *mp __rte_unused, void *const *objs __rte_unused, unsigned int n __rte_unused)
{
	return -ENOTSUP;
}

static int
no_dequeue(struct rte_mempool *mp __rte_unused, void **objs __rte_unused, unsigned int n __rte_unused)
{
	return -ENOTSUP;
}

static unsigned int
no_count(const struct rte_mempool *mp __rte_unused)
{
	return 0;
}

static int
add(const char *name)
{
	struct rte_mempool_ops ops = {
		.alloc = no_alloc, .enqueue = no_enqueue, .dequeue = no_dequeue, .get_count = no_count,
	};

	snprintf(ops.name, sizeof(ops.name), "%s", name);
	return rte_mempool_register_ops(&ops);
}

void
full_drivers(void)
{
	static const char *const used[] = { "ring", "stack", "bucket" };
	const char *how = getenv("TEST_MEMPOOL_DRIVERS");
	char name[RTE_MEMPOOL_OPS_NAMESIZE];
	unsigned int i;

	if (how == NULL)
		return;
	/* Those that mempools ask for. EAL finds them loaded. */
	for (i = 0; i < RTE_DIM(used); i++) {
		char library[64];

		snprintf(library, sizeof(library), "librte_mempool_%s.so", used[i]);
		if (dlopen(library, RTLD_NOW) == NULL)
			fprintf(stderr, "%s\n", dlerror());
	}
	if (strcmp(how, "fastmem") == 0)
		add("fastmem");
	for (i = 0; rte_mempool_ops_table.num_ops < RTE_MEMPOOL_MAX_OPS_IDX; i++) {
		snprintf(name, sizeof(name), "full_%u", i);
		add(name);
	}
}
