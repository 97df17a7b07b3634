/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is asked for wrongly is refused with the errno that the header names,
 * and leaves everything as it was.
 */

#include <rte_lcore.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define NO_SOCKET 4242

/* All calls that allocate answer a wrong request alike. */
static int
refused_by_all(size_t size, size_t align, int socket_id, int error)
{
	void *ptrs[3] = { &ptrs, &ptrs, &ptrs };
	rte_fastmem_handle_t handle = 4711;
	void *old;

	if (socket_id == SOCKET_ID_ANY) {
		rte_errno = 0;
		TEST_ASSERT(rte_fastmem_alloc(size, align, 0) == NULL);
		TEST_ASSERT_EQUAL(rte_errno, error);
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 3, size, align, 0), -error);
		rte_errno = 0;
		TEST_ASSERT(rte_fastmem_realloc(NULL, size, align) == NULL);
		TEST_ASSERT_EQUAL(rte_errno, error);
		old = rte_fastmem_alloc(100, 0, 0);
		TEST_ASSERT(old != NULL);
		pattern_fill(old, 100, 1);
		rte_errno = 0;
		TEST_ASSERT(rte_fastmem_realloc(old, size, align) == NULL);
		TEST_ASSERT_EQUAL(rte_errno, error);
		TEST_ASSERT(pattern_holds(old, 100, 1), "a failed realloc keeps the object");
		rte_fastmem_free(old);
	}
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc_socket(size, align, 0, socket_id) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, error);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc_socket(size, align, RTE_FASTMEM_F_ZERO, socket_id) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, error);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs, 3, size, align, 0, socket_id),
		-error);
	TEST_ASSERT(ptrs[0] == &ptrs && ptrs[1] == &ptrs && ptrs[2] == &ptrs);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(size, align, socket_id, &handle), -error);
	TEST_ASSERT_EQUAL(handle, 4711);
	return TEST_SUCCESS;
}

static int
a_size_above_the_largest_is_e2big(void)
{
	size_t sizes[] = { MIB + 1, MIB + 64, 2 * MIB, (size_t)1 << 32, ((size_t)1 << 32) + 8,
		SIZE_MAX / 2, SIZE_MAX - 64, SIZE_MAX - 63, SIZE_MAX - 7, SIZE_MAX - 1, SIZE_MAX };
	size_t aligns[] = { 0, 1, 8, 64, 4096, 65536, 131072, MIB };
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(sizes); i++)
		for (j = 0; j < RTE_DIM(aligns); j++)
			TEST_CALL(refused_by_all(sizes[i], aligns[j], SOCKET_ID_ANY, E2BIG));
	return TEST_SUCCESS;
}

static int
an_alignment_that_needs_more_than_the_largest_is_e2big(void)
{
	TEST_CALL(refused_by_all(1, 2 * MIB, SOCKET_ID_ANY, E2BIG));
	TEST_CALL(refused_by_all(0, (size_t)1 << 63, SOCKET_ID_ANY, E2BIG));
	TEST_CALL(refused_by_all(MIB, (size_t)1 << 32, SOCKET_ID_ANY, E2BIG));
	return TEST_SUCCESS;
}

static int
an_alignment_that_is_no_power_of_two_is_einval(void)
{
	size_t aligns[] = { 3, 5, 6, 7, 9, 12, 24, 48, 63, 65, 96, 127, 4095, 4097, 65535, 65537,
		100000, 3 * MIB, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(aligns); i++) {
		TEST_CALL(refused_by_all(8, aligns[i], SOCKET_ID_ANY, EINVAL));
		TEST_CALL(refused_by_all(0, aligns[i], SOCKET_ID_ANY, EINVAL));
		TEST_CALL(refused_by_all(MIB, aligns[i], SOCKET_ID_ANY, EINVAL));
	}
	return TEST_SUCCESS;
}

static int
a_socket_that_does_not_exist_is_einval(void)
{
	int sockets[] = { NO_SOCKET, -2, -3, INT32_MAX, INT32_MIN, 200 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(sockets); i++) {
		TEST_CALL(refused_by_all(8, 0, sockets[i], EINVAL));
		TEST_ASSERT_EQUAL(rte_fastmem_reserve(1, sockets[i]), -EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(sockets[i], 1), -EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_get_limit(sockets[i]), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_trim(0, sockets[i]), 0);
	}
	return TEST_SUCCESS;
}

/* Swapped, the arguments of both calls compile. */
static int
a_socket_that_does_not_exist_is_logged(void)
{
	log_begin();
	rte_fastmem_reserve(SOCKET_ID_ANY, 64 << 20);
	TEST_ASSERT_EQUAL(log_end("rte_fastmem_reserve(): there is no socket 67108864"), 1);
	log_begin();
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(64 << 20, SOCKET_ID_ANY), -EINVAL);
	TEST_ASSERT_EQUAL(log_end("rte_fastmem_set_limit(): there is no socket 67108864"), 1);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), SIZE_MAX);
	return TEST_SUCCESS;
}

static int
a_reservation_that_fails_is_logged(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 1 << 20), 0);
	log_begin();
	TEST_ASSERT_EQUAL(rte_fastmem_reserve((size_t)1 << 30, SOCKET_ID_ANY), -ENOMEM);
	TEST_ASSERT_EQUAL(log_end("rte_fastmem_reserve(): not all of 1048576 KiB, as a limit"), 1);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
	return TEST_SUCCESS;
}

/* The lines of so many calls of one kind, of which the first one begins the time that counts. */
static unsigned int
lines_of(void (*mistake)(void), unsigned int n, const char *text)
{
	log_begin();
	mistake();
	fastmem_log_every_ms = 3600 * 1000;
	while (--n > 0)
		mistake();
	rte_fastmem_cache_flush();
	return log_end(text);
}

static void
reserve_too_much(void)
{
	rte_fastmem_reserve((size_t)1 << 30, SOCKET_ID_ANY);
}

static void
free_a_foreign_address(void)
{
	static char foreign[64];

	rte_fastmem_free(foreign);
}

static void
create_an_impossible_pool(void)
{
	static const struct rte_fastmem_pool_params params = { .name = "impossible" };

	rte_fastmem_pool_create(&params);
}

/* A program may go on so for ever. */
static int
a_mistake_again_and_again_is_logged_some_times(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 1 << 20), 0);
	TEST_ASSERT_EQUAL(lines_of(reserve_too_much, 100, "not all of"), FASTMEM_LOG_BURST);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
	TEST_ASSERT_EQUAL(lines_of(free_a_foreign_address, 100, "free of"), FASTMEM_LOG_BURST);
	TEST_ASSERT_EQUAL(lines_of(create_an_impossible_pool, 100, "size 0"), FASTMEM_LOG_BURST);
	TEST_ASSERT_EQUAL(lines_of(create_an_impossible_pool, 100, "left out"), 1);
	TEST_ASSERT_EQUAL(lines_of(create_an_impossible_pool, FASTMEM_LOG_BURST, "left out"), 0);
	return TEST_SUCCESS;
}

static int
each_socket_of_eal_is_served(void)
{
	unsigned int i;

	for (i = 0; i < rte_socket_count(); i++) {
		int socket_id = rte_socket_id_by_idx(i);
		rte_fastmem_handle_t handle;
		void *ptr;

		TEST_ASSERT_EQUAL(rte_fastmem_hlookup(200, 0, socket_id, &handle), 0);
		ptr = rte_fastmem_alloc_socket(200, 0, 0, socket_id);
		TEST_ASSERT(ptr != NULL, "socket %d", socket_id);
		rte_fastmem_free(ptr);
		ptr = rte_fastmem_halloc(handle, 0);
		TEST_ASSERT(ptr != NULL, "socket %d", socket_id);
		rte_fastmem_hfree(handle, ptr);
	}
	return TEST_SUCCESS;
}

static int
null_pointers_are_einval_or_nothing(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(8, 0, SOCKET_ID_ANY, NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(64, NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(rte_lcore_id(), NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(rte_lcore_id(), 64, NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared_class(64, NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(NULL), 0);
	TEST_ASSERT(!rte_fastmem_contains(NULL));
	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(NULL), RTE_BAD_IOVA);
	rte_fastmem_free(NULL);
	rte_fastmem_free_sized(NULL, 64, 0);
	rte_fastmem_free_sized(NULL, SIZE_MAX, 3);
	return TEST_SUCCESS;
}

static int
a_class_that_is_none_is_einval(void)
{
	struct rte_fastmem_lcore_class_stats lcore_class_stats;
	size_t sizes[] = { 0, 1, 7, 9, 24, 63, 65, 513, MIB - 1, MIB + 1, 2 * MIB, SIZE_MAX };
	struct rte_fastmem_class_stats stats;
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[i], &stats), -EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(rte_lcore_id(), sizes[i],
			&lcore_class_stats), -EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_stats_shared_class(sizes[i], &lcore_class_stats),
			-EINVAL);
	}
	return TEST_SUCCESS;
}

static int
an_lcore_that_is_none_is_einval(void)
{
	struct rte_fastmem_lcore_class_stats lcore_class_stats;
	struct rte_fastmem_lcore_stats stats;
	unsigned int lcores[] = { RTE_MAX_LCORE, RTE_MAX_LCORE - 1, LCORE_ID_ANY, 100000 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(lcores); i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(lcores[i], &stats), -EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(lcores[i], 64,
			&lcore_class_stats), -EINVAL);
	}
	RTE_LCORE_FOREACH(i)
		TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(i, &stats), 0, "lcore %u", i);
	return TEST_SUCCESS;
}

static int
size_0_gives_distinct_objects(void)
{
	void *ptrs[100];
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(ptrs); i++) {
		ptrs[i] = rte_fastmem_alloc(0, i % 2 != 0 ? 8 : 0, RTE_FASTMEM_F_ZERO);
		TEST_ASSERT(ptrs[i] != NULL);
		TEST_ASSERT(rte_fastmem_contains(ptrs[i]));
		TEST_ASSERT_EQUAL(rte_fastmem_usable_size(ptrs[i]), i % 2 != 0 ? 8 : 64);
		for (j = 0; j < i; j++)
			TEST_ASSERT(ptrs[j] != ptrs[i], "%u and %u", i, j);
	}
	for (i = 0; i < RTE_DIM(ptrs); i++)
		rte_fastmem_free(ptrs[i]);
	return TEST_SUCCESS;
}

static int
realloc_of_a_foreign_address_is_einval(void)
{
	char foreign[64];

	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_realloc(foreign, 8, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, EINVAL);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_realloc(foreign, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, EINVAL);
	return TEST_SUCCESS;
}

static int
an_error_is_not_counted_as_out_of_memory(void)
{
	void *ptrs[4];

	TEST_ASSERT(rte_fastmem_alloc(2 * MIB, 0, 0) == NULL);
	TEST_ASSERT(rte_fastmem_alloc(8, 3, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 4, 2 * MIB, 0, 0), -E2BIG);
	TEST_ASSERT_EQUAL(stats_nomem(), 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_size_above_the_largest_is_e2big),
	TEST_CASE(an_alignment_that_needs_more_than_the_largest_is_e2big),
	TEST_CASE(an_alignment_that_is_no_power_of_two_is_einval),
	TEST_CASE(a_socket_that_does_not_exist_is_einval),
	TEST_CASE(a_socket_that_does_not_exist_is_logged),
	TEST_CASE(a_reservation_that_fails_is_logged),
	TEST_CASE_UNCHECKED(a_mistake_again_and_again_is_logged_some_times),
	TEST_CASE(each_socket_of_eal_is_served),
	TEST_CASE(null_pointers_are_einval_or_nothing),
	TEST_CASE(a_class_that_is_none_is_einval),
	TEST_CASE(an_lcore_that_is_none_is_einval),
	TEST_CASE_UNCHECKED(size_0_gives_distinct_objects),
	TEST_CASE_UNCHECKED(realloc_of_a_foreign_address_is_einval),
	TEST_CASE(an_error_is_not_counted_as_out_of_memory),
	TEST_CASES_END
};

const struct test_suite suite_errors = {
	.name = "errors",
	.about = "wrong requests and what is answered to them",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
