/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Right: objects are used up to their last byte, by calls that _FORTIFY_SOURCE checks. With
 * EXPECT_SIZES, does not compile unless the compiler knows the sizes that are constant.
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#ifndef RTE_FASTMEM_REPLACE_MALLOC
#define RTE_FASTMEM_REPLACE_MALLOC
#endif
#include <rte_fastmem_replace.h>

#ifdef EXPECT_SIZES
void size_is_not_known(void) __attribute__((error("the compiler does not know this size")));
#define EXPECT_SIZE(obj, size) do { \
	if (__builtin_object_size(obj, 0) != (size)) \
		size_is_not_known(); \
} while (0)
#else
#define EXPECT_SIZE(obj, size) RTE_SET_USED(obj)
#endif

static void
know_constant_sizes(void)
{
	char *obj = rte_fastmem_alloc(100, 0, 0);
	char *zeroed = rte_fastmem_alloc_socket(200, 8, RTE_FASTMEM_F_ZERO, SOCKET_ID_ANY);
	char *longer;

	EXPECT_SIZE(obj, 100);
	EXPECT_SIZE(zeroed, 200);
	rte_fastmem_free_sized(zeroed, 200, 8);
	longer = rte_fastmem_realloc(obj, 300, 0);
	EXPECT_SIZE(longer, 300);
	rte_fastmem_free(longer == NULL ? obj : longer);
}

static void
know_constant_sizes_of_rte_malloc(void)
{
	char *obj = rte_malloc(NULL, 100, 0), *longer;
	char *zeroed = rte_zmalloc_socket(NULL, 200, 0, SOCKET_ID_ANY);
	int *several = rte_calloc(NULL, 10, sizeof(*several), 0);

	EXPECT_SIZE(obj, 100);
	EXPECT_SIZE(zeroed, 200);
	EXPECT_SIZE(several, 10 * sizeof(*several));
	rte_free(several);
	rte_free(zeroed);
	longer = rte_realloc(obj, 300, 0);
	EXPECT_SIZE(longer, 300);
	rte_free(longer == NULL ? obj : longer);
}

/* The size is known when the program runs: then _FORTIFY_SOURCE=3 checks it. */
static __rte_noinline bool
fill(size_t size, size_t n, int byte)
{
	unsigned char *obj = rte_fastmem_alloc(size, 0, 0);
	bool ok;

	if (obj == NULL)
		return false;
	memset(obj, byte, n);
	ok = obj[n - 1] == byte;
	rte_fastmem_free(obj);
	return ok;
}

int
main(int argc, char **argv)
{
	bool ok;

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	know_constant_sizes();
	know_constant_sizes_of_rte_malloc();
	ok = fill(100 + argc, 100 + argc, argc & 0xff);
	rte_fastmem_deinit();
	rte_eal_cleanup();
	printf("%s\n", ok ? "right" : "not as expected");
	return ok ? 0 : 1;
}
