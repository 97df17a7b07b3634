/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Handles, and the small questions that can be asked of an address.
 */

#include <stdlib.h>

#include <rte_memzone.h>

#include "test_fastmem.h"

static int
a_handle_gives_what_its_size_would_give(void)
{
	size_t sizes[] = { 0, 1, 8, 64, 100, 1000, 5000, 70000, MIB };
	size_t aligns[] = { 0, 8, 64, 512, 65536, 131072 };
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		for (j = 0; j < RTE_DIM(aligns); j++) {
			rte_fastmem_handle_t handle;
			void *by_handle, *by_size;

			TEST_ASSERT_EQUAL(rte_fastmem_hlookup(sizes[i], aligns[j],
				SOCKET_ID_ANY, &handle), 0);
			by_handle = rte_fastmem_halloc(handle, 0);
			by_size = rte_fastmem_alloc(sizes[i], aligns[j], 0);
			TEST_ASSERT(by_handle != NULL && by_size != NULL);
			TEST_ASSERT_EQUAL(rte_fastmem_usable_size(by_handle),
				rte_fastmem_usable_size(by_size));
			TEST_ASSERT_EQUAL((uintptr_t)by_handle &
				((aligns[j] != 0 ? aligns[j] : 64) - 1), 0);
			/* Each may be freed the other way. */
			rte_fastmem_free(by_handle);
			rte_fastmem_hfree(handle, by_size);
			TEST_ASSERT_EQUAL(stats_live(), 0);
		}
	}
	return TEST_SUCCESS;
}

static int
requests_of_a_class_share_a_handle(void)
{
	rte_fastmem_handle_t a, b, c;

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(1000, 0, SOCKET_ID_ANY, &a), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(1024, 0, SOCKET_ID_ANY, &b), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(1025, 0, SOCKET_ID_ANY, &c), 0);
	TEST_ASSERT(a == b);
	TEST_ASSERT(a != c);
	return TEST_SUCCESS;
}

static int
a_handle_that_is_none_is_einval(void)
{
	void *ptrs[2] = { &ptrs, &ptrs };

	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_halloc(0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(0, ptrs, 2, 0), -EINVAL);
	TEST_ASSERT(ptrs[0] == &ptrs && ptrs[1] == &ptrs);
	return TEST_SUCCESS;
}

struct shared_handle {
	rte_fastmem_handle_t handle;
	void *ptr;
};

static int
use_shared_handle(void *arg)
{
	struct shared_handle *shared = arg;

	rte_fastmem_hfree(shared->handle, shared->ptr);
	shared->ptr = rte_fastmem_halloc(shared->handle, 0);
	TEST_ASSERT(shared->ptr != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(shared->ptr), 320);
	return TEST_SUCCESS;
}

static int
a_handle_is_valid_on_every_thread(void)
{
	enum worker_kind kinds[] = { WORKER_PTHREAD, WORKER_REGISTERED, WORKER_CONTROL,
		WORKER_LCORE };
	struct shared_handle shared;
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(300, 0, SOCKET_ID_ANY, &shared.handle), 0);
	shared.ptr = rte_fastmem_halloc(shared.handle, 0);
	TEST_ASSERT(shared.ptr != NULL);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		struct worker worker = { .kind = kinds[i], .run = use_shared_handle,
			.arg = &shared };

		if (kinds[i] == WORKER_LCORE && workers_lcores() == 0)
			continue;
		TEST_CALL(workers_run(&worker, 1));
		TEST_ASSERT_EQUAL(stats_live(), 1);
	}
	rte_fastmem_hfree(shared.handle, shared.ptr);
	return TEST_SUCCESS;
}

static int
usable_size_is_the_size_of_the_class(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);

	for (i = 0; i < n; i++) {
		void *ptr = rte_fastmem_alloc(sizes[i], 8, 0);

		TEST_ASSERT(ptr != NULL);
		TEST_ASSERT_EQUAL(rte_fastmem_usable_size(ptr), sizes[i]);
		rte_fastmem_free(ptr);
	}
	return TEST_SUCCESS;
}

static int
only_addresses_of_fastmem_are_contained(void)
{
	const struct rte_memzone *mz;
	char *ptr, *heap, *memzone;

	ptr = rte_fastmem_alloc(100, 0, 0);
	heap = malloc(100);
	mz = rte_memzone_reserve("test_foreign", 100, SOCKET_ID_ANY, 0);
	TEST_ASSERT(ptr != NULL && heap != NULL && mz != NULL);
	memzone = mz->addr;
	TEST_ASSERT(rte_fastmem_contains(ptr));
	TEST_ASSERT(rte_fastmem_contains(ptr + 99));
	TEST_ASSERT(!rte_fastmem_contains(heap));
	TEST_ASSERT(!rte_fastmem_contains(&ptr));
	TEST_ASSERT(!rte_fastmem_contains(memzone));
	TEST_ASSERT(!rte_fastmem_contains((void *)(uintptr_t)1));
	TEST_ASSERT(!rte_fastmem_contains((void *)UINTPTR_MAX));
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(heap), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(memzone), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(heap), RTE_BAD_IOVA);
	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(memzone), RTE_BAD_IOVA);
	free(heap);
	rte_memzone_free(mz);

	/* After its slab is gone, it is nobody's. */
	rte_fastmem_free(ptr);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(!rte_fastmem_contains(ptr));
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(ptr), 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(a_handle_gives_what_its_size_would_give),
	TEST_CASE_UNCHECKED(requests_of_a_class_share_a_handle),
	TEST_CASE(a_handle_that_is_none_is_einval),
	TEST_CASE_UNCHECKED(a_handle_is_valid_on_every_thread),
	TEST_CASE(usable_size_is_the_size_of_the_class),
	TEST_CASE(only_addresses_of_fastmem_are_contained),
	TEST_CASES_END
};

const struct test_suite suite_handles = {
	.name = "handles",
	.about = "handles, usable size, whose address it is",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
