/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * IO addresses: those that EAL knows, and contiguous within an object.
 */

#include <rte_eal.h>
#include <rte_memory.h>

#include "test_fastmem.h"

#define PAGE 4096

/* Each page of an object, and the last byte. */
static int
check_iova(const char *ptr, size_t size)
{
	rte_iova_t first = rte_fastmem_virt2iova(ptr);
	size_t i;

	TEST_ASSERT(first != RTE_BAD_IOVA, "%p of %zu", (const void *)ptr, size);
	for (i = 0; i < size; i = i + 1 == size ? size : RTE_MIN(i + PAGE, size - 1)) {
		rte_iova_t iova = rte_fastmem_virt2iova(ptr + i);

		TEST_ASSERT_EQUAL(iova, first + i, "offset %zu of %p of %zu", i,
			(const void *)ptr, size);
		if (rte_eal_iova_mode() == RTE_IOVA_VA)
			TEST_ASSERT_EQUAL(iova, (uintptr_t)ptr + i);
		else
			TEST_ASSERT_EQUAL(iova, rte_mem_virt2iova(ptr + i));
	}
	return TEST_SUCCESS;
}

static int
iova_known(void)
{
	static char here[2];

	*(volatile char *)here = 1; /* a page that was never written to has no address */
	/* Without access to the page map, EAL knows no IO address in PA mode. */
	return rte_eal_iova_mode() == RTE_IOVA_VA || rte_mem_virt2iova(here) != RTE_BAD_IOVA;
}

static int
objects_of_all_sizes_are_contiguous(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, j, n = rte_fastmem_classes(sizes);
	void *ptrs[40];

	if (!iova_known())
		return test_skip("EAL knows no IO addresses here");
	for (i = 0; i < n; i++) {
		for (j = 0; j < RTE_DIM(ptrs); j++) {
			ptrs[j] = rte_fastmem_alloc(sizes[i], 8, 0);
			TEST_ASSERT(ptrs[j] != NULL);
			TEST_CALL(check_iova(ptrs[j], sizes[i]));
		}
		rte_fastmem_free_bulk(ptrs, RTE_DIM(ptrs));
	}
	return TEST_SUCCESS;
}

/* Slabs that come from chunks of any size, wherever EAL found them. */
static int
no_object_crosses_a_discontinuity(void)
{
	size_t most[] = { SIZE_MAX, 16 * MIB, 5 * MIB, 2 * MIB };
	unsigned int i, j, n;
	void *ptrs[64];

	if (!iova_known())
		return test_skip("EAL knows no IO addresses here");
	for (i = 0; i < RTE_DIM(most); i++) {
		refuse_above(most[i]);
		for (n = 0; n < RTE_DIM(ptrs); n++) {
			size_t size = n % 2 == 0 ? MIB : 300 * KIB;

			ptrs[n] = rte_fastmem_alloc(size, 0, 0);
			TEST_ASSERT(ptrs[n] != NULL);
			TEST_CALL(check_iova(ptrs[n], size));
		}
		for (j = 0; j < n; j++)
			TEST_CALL(check_iova(ptrs[j], rte_fastmem_usable_size(ptrs[j])));
		rte_fastmem_free_bulk(ptrs, n);
		rte_fastmem_trim(0, SOCKET_ID_ANY);
	}
	return TEST_SUCCESS;
}

static int
a_foreign_address_has_none(void)
{
	char foreign[64];
	void *ptr = rte_fastmem_alloc(64, 0, 0);

	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(foreign), RTE_BAD_IOVA);
	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(NULL), RTE_BAD_IOVA);
	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova((void *)UINTPTR_MAX), RTE_BAD_IOVA);
	rte_fastmem_free(ptr);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(objects_of_all_sizes_are_contiguous),
	TEST_CASE(no_object_crosses_a_discontinuity),
	TEST_CASE(a_foreign_address_has_none),
	TEST_CASES_END
};

const struct test_suite suite_iova = {
	.name = "iova",
	.about = "IO addresses",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
