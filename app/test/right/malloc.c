/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Right: a program of rte_malloc(), with the names that rte_fastmem_replace.h replaces. No
 * checker may object to any of it.
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#ifndef RTE_FASTMEM_REPLACE_MALLOC
#define RTE_FASTMEM_REPLACE_MALLOC
#endif
#include <rte_fastmem_replace.h>

static unsigned int
read_zeroes(void)
{
	unsigned int *one = rte_zmalloc(NULL, sizeof(*one), 0);
	unsigned int *many = rte_calloc_socket(NULL, 10, sizeof(*many), 0, SOCKET_ID_ANY);
	unsigned int seen = one != NULL && many != NULL && *one == 0 && many[9] == 0;

	rte_free(one);
	rte_free(many);
	return seen;
}

#define N_IDS 100

static unsigned int
grow_an_array(void)
{
	unsigned int *ids = rte_malloc("ids", N_IDS * sizeof(*ids), 0), *more, last;

	if (ids == NULL)
		return 0;
	memset(ids, 0, N_IDS * sizeof(*ids));
	ids[N_IDS - 1] = 1;
	more = rte_realloc(ids, 10 * N_IDS * sizeof(*ids), 0);
	if (more == NULL) {
		rte_free(ids);
		return 0;
	}
	last = more[N_IDS - 1];
	more[10 * N_IDS - 1] = last;
	rte_free(more);
	return last;
}

/* EAL's heap has it, and takes it back. */
static unsigned int
have_a_large_one(void)
{
	size_t size = 2 * rte_fastmem_max_size();
	char *obj = rte_malloc_socket(NULL, size, 0, SOCKET_ID_ANY);

	if (obj == NULL)
		return 0;
	obj[size - 1] = 1;
	rte_free(obj);
	rte_free(NULL);
	return 1;
}

int
main(int argc, char **argv)
{
	bool ok = true;

	if (rte_eal_init(argc, argv) < 0)
		return 2;
	ok &= read_zeroes() == 1;
	ok &= grow_an_array() == 1;
	ok &= have_a_large_one() == 1;
	rte_fastmem_deinit();
	rte_eal_cleanup();
	printf("%s\n", ok ? "right" : "not as expected");
	return ok ? 0 : 1;
}
