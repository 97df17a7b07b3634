/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Pages of 1 GiB: how many EAL takes from the kernel for fastmem, and gives back. On a machine without
 * them, nothing of this can run: tools/test-numa.sh boots one that has some.
 */

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define PAGE (1024 * MIB)
#define MANY (1300 * MIB / MIB) /* objects of 1 MiB, more than a page of them */

static void *ptrs[MANY];
static uint64_t pages_before;

static int
is_smaller(const struct rte_memseg_list *list, void *arg __rte_unused)
{
	return list->page_sz < PAGE;
}

/* EAL may also have a list of lists that external memory is in, of any page size: it has none here. */
static uint64_t
pages_of_eal(void)
{
	return rte_eal_get_physmem_size() / PAGE;
}

static int
big_pages_up(void)
{
	pages_before = pages_of_eal();
	TEST_CALL(fastmem_up());
	if (rte_eal_has_hugepages() != 0 && rte_memseg_list_walk(is_smaller, NULL) == 0)
		return TEST_SUCCESS;
	rte_fastmem_deinit();
	return test_skip("there are no pages of 1 GiB, or smaller ones, too");
}

static int
a_first_object_takes_no_second_page(void)
{
	void *obj = rte_fastmem_alloc(64, 0, 0);

	TEST_ASSERT(obj != NULL);
	pattern_fill(obj, 64, 1);
	TEST_ASSERT(stats_backing() <= 2 * MIB, "%" PRIu64, stats_backing());
	TEST_ASSERT(pages_of_eal() <= RTE_MAX(pages_before, UINT64_C(1)), "%" PRIu64 " after %" PRIu64,
		pages_of_eal(), pages_before);
	TEST_ASSERT(pattern_holds(obj, 64, 1));
	TEST_CALL(check_live(1));
	rte_fastmem_free(obj);
	return TEST_SUCCESS;
}

static int
objects_beyond_a_page(unsigned int *n)
{
	for (*n = 0; *n < MANY; (*n)++) {
		ptrs[*n] = rte_fastmem_alloc(MIB, 0, 0);
		TEST_ASSERT(ptrs[*n] != NULL, "object %u", *n);
		pattern_fill(ptrs[*n], 64, *n);
		pattern_fill(RTE_PTR_ADD(ptrs[*n], MIB - 64), 64, *n);
	}
	return TEST_SUCCESS;
}

static int
growth_goes_on_in_a_second_page_and_trim_gives_it_back(void)
{
	unsigned int i, n;
	uint64_t most;

	TEST_CALL(objects_beyond_a_page(&n));
	most = pages_of_eal();
	TEST_ASSERT(most >= 2 && stats_backing() >= PAGE, "%" PRIu64 " pages", most);
	for (i = 0; i < n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], 64, i) &&
			pattern_holds(RTE_PTR_ADD(ptrs[i], MIB - 64), 64, i), "object %u", i);
	TEST_CALL(check_live(n));
	rte_fastmem_free_bulk(ptrs, n);
	TEST_ASSERT(rte_fastmem_trim(0, SOCKET_ID_ANY) > 0);
	TEST_ASSERT(stats_backing() <= 2 * MIB, "%" PRIu64, stats_backing());
	TEST_ASSERT(pages_of_eal() < most, "%" PRIu64 " of %" PRIu64 " pages are left", pages_of_eal(),
		most);
	return TEST_SUCCESS;
}

/* What is not aligned to a page, and longer than what is left of the first, is one chunk of the next. */
static int
a_reservation_of_more_than_a_page_is_served_without_growth(void)
{
	unsigned int i, n;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(PAGE + 100 * MIB, SOCKET_ID_ANY), 0);
	refuse_all();
	for (n = 0; n < MANY; n++) {
		ptrs[n] = rte_fastmem_alloc(MIB, 0, 0);
		if (ptrs[n] == NULL)
			break;
		pattern_fill(ptrs[n], 64, n);
	}
	refuse_nothing();
	/* A chunk may keep a part for itself, which is less than an object. */
	TEST_ASSERT(n >= 1024 + 100 - 2 * zones_chunks(), "%u in %u chunks", n, zones_chunks());
	for (i = 0; i < n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], 64, i), "object %u", i);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* An object does not reach over the end of a page, whose neighbour lies anywhere: devices see it whole. */
static int
large_objects_are_contiguous_for_devices(void)
{
	unsigned int i, n;

	TEST_CALL(objects_beyond_a_page(&n));
	for (i = 0; i < n; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(RTE_PTR_ADD(ptrs[i], MIB - 1)) -
			rte_fastmem_virt2iova(ptrs[i]), (rte_iova_t)MIB - 1, "object %u", i);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_first_object_takes_no_second_page),
	TEST_CASE(growth_goes_on_in_a_second_page_and_trim_gives_it_back),
	TEST_CASE(a_reservation_of_more_than_a_page_is_served_without_growth),
	TEST_CASE(large_objects_are_contiguous_for_devices),
	TEST_CASES_END
};

const struct test_suite suite_big_pages = {
	.name = "big_pages",
	.about = "huge pages of 1 GiB",
	.on_request = true,
	.setup = big_pages_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
