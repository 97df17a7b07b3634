/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Limits and reservations.
 */

#include <rte_lcore.h>

#include "fastmem_log.h"
#include "test_fastmem.h"

#define MAX_OBJECTS 40000

static void *ptrs[MAX_OBJECTS];

static int
the_default_is_no_limit(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), SIZE_MAX);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(rte_socket_id_by_idx(0)), SIZE_MAX);
	return TEST_SUCCESS;
}

static int
a_limit_can_be_read_back(void)
{
	int socket = rte_socket_id_by_idx(0);
	size_t limits[] = { 0, 1, 64 * KIB, 10 * MIB, SIZE_MAX - 1, SIZE_MAX };
	unsigned int i;

	for (i = 0; i < RTE_DIM(limits); i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(socket, limits[i]), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_get_limit(socket), limits[i]);
	}
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, MIB), 0);
	for (i = 0; i < rte_socket_count(); i++)
		TEST_ASSERT_EQUAL(rte_fastmem_get_limit(rte_socket_id_by_idx(i)), MIB);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), MIB * rte_socket_count());
	return TEST_SUCCESS;
}

static int
a_limit_reached_is_enomem_and_nothing_else(void)
{
	unsigned int i, n, again;

	TEST_CALL(limit_in_all(8 * MIB));
	rte_errno = 0;
	n = fill_up(ptrs, MAX_OBJECTS, 1024);
	TEST_ASSERT(n < MAX_OBJECTS);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT(n >= 8 * MIB / 1024 * 95 / 100, "only %u objects", n);
	TEST_ASSERT(stats_backing() <= 8 * MIB);
	for (i = 0; i < n; i++)
		pattern_fill(ptrs[i], 1024, i);
	TEST_ASSERT_EQUAL(stats_nomem(), 1);
	for (i = 0; i < 10; i++)
		TEST_ASSERT(rte_fastmem_alloc(1024, 0, 0) == NULL);
	TEST_ASSERT(rte_fastmem_alloc(100 * KIB, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(stats_nomem(), 12);
	TEST_CALL(check_live(n));
	for (i = 0; i < n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], 1024, i), "object %u", i);

	/* One freed is one to be had. */
	rte_fastmem_free(ptrs[0]);
	ptrs[0] = rte_fastmem_alloc(1024, 0, 0);
	TEST_ASSERT(ptrs[0] != NULL);
	TEST_ASSERT(rte_fastmem_alloc(1024, 0, 0) == NULL);
	rte_fastmem_free_bulk(ptrs, n);
	again = fill_up(ptrs, MAX_OBJECTS, 1024);
	TEST_ASSERT_EQUAL(again, n);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static int
a_raised_limit_lets_growth_go_on(void)
{
	unsigned int n, more;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 2 * MIB), 0);
	n = fill_up(ptrs, MAX_OBJECTS, 2048);
	TEST_ASSERT(n < MAX_OBJECTS);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 4 * MIB), 0);
	more = fill_up(ptrs + n, MAX_OBJECTS - n, 2048);
	TEST_ASSERT(more >= n * 9 / 10, "%u, then %u", n, more);
	TEST_ASSERT(n + more < MAX_OBJECTS);
	rte_fastmem_free_bulk(ptrs, n + more);
	return TEST_SUCCESS;
}

static int
a_limit_below_what_is_reserved_only_stops_growth(void)
{
	uint64_t backing;
	unsigned int n, again;

	n = 2000;
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 4096, 0, 0), 0);
	backing = stats_backing();
	TEST_CALL(limit_in_all(MIB));
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	rte_fastmem_free_bulk(ptrs, n);
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	again = fill_up(ptrs, MAX_OBJECTS, 4096);
	TEST_ASSERT(again >= n, "what is reserved stays usable: %u of %u", again, n);
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	rte_fastmem_free_bulk(ptrs, again);
	return TEST_SUCCESS;
}

static int
a_limit_of_0_serves_nothing(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 0), 0);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc(8, 8, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(1, SOCKET_ID_ANY), -ENOMEM);
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	TEST_ASSERT_EQUAL(zones_chunks(), 0);
	return TEST_SUCCESS;
}

static int
reserve_is_a_total(void)
{
	int socket = rte_socket_id_by_idx(0);
	uint64_t backing;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(0, socket), 0);
	TEST_ASSERT_EQUAL(stats_backing(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(5 * MIB, socket), 0);
	backing = stats_backing();
	TEST_ASSERT(backing >= 5 * MIB && backing <= 10 * MIB, "%" PRIu64, backing);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(5 * MIB, socket), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(5 * MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(1, socket), 0);
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(backing + 1, socket), 0);
	TEST_ASSERT(stats_backing() > backing);
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	return TEST_SUCCESS;
}

static int
reserved_memory_serves_without_growth(void)
{
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(16 * MIB, SOCKET_ID_ANY), 0);
	refuse_named("fastmem_"); /* bookkeeping, too, is there: of one thread */
	for (i = 0; i < 14 * MIB / 4096; i++) {
		ptrs[i] = rte_fastmem_alloc(4096, 0, RTE_FASTMEM_F_NOGROW);
		TEST_ASSERT(ptrs[i] != NULL, "object %u", i);
	}
	TEST_ASSERT_EQUAL(refuse_seen(), 0);
	rte_fastmem_free_bulk(ptrs, i);
	TEST_ASSERT_EQUAL(refuse_seen(), 0);
	return TEST_SUCCESS;
}

static int
reserve_that_fails_keeps_what_it_got(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 4 * MIB), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(4 * MIB * rte_socket_count() + 1, SOCKET_ID_ANY),
		-ENOMEM);
	TEST_ASSERT(stats_backing() <= 4 * MIB * rte_socket_count());
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(SIZE_MAX, SOCKET_ID_ANY), -ENOMEM);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(SIZE_MAX - 65535, rte_socket_id_by_idx(0)), -ENOMEM);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(4 * MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	return TEST_SUCCESS;
}

static int
nogrow_never_reserves(void)
{
	rte_fastmem_handle_t handle;
	void *some[4];

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(100, 0, SOCKET_ID_ANY, &handle), 0);
	refuse_nothing();
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc(100, 0, RTE_FASTMEM_F_NOGROW) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT(rte_fastmem_alloc_socket(100, 0, RTE_FASTMEM_F_NOGROW,
		rte_socket_id_by_idx(0)) == NULL);
	TEST_ASSERT(rte_fastmem_halloc(handle, RTE_FASTMEM_F_NOGROW) == NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(some, 4, 100, 0, RTE_FASTMEM_F_NOGROW), -ENOMEM);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(handle, some, 4, RTE_FASTMEM_F_NOGROW), -ENOMEM);
	TEST_ASSERT_EQUAL(refuse_seen(), 0, "calls into EAL");
	TEST_ASSERT_EQUAL(stats_backing(), 0);

	some[0] = rte_fastmem_alloc(100, 0, 0);
	TEST_ASSERT(some[0] != NULL);
	some[1] = rte_fastmem_alloc(100, 0, RTE_FASTMEM_F_NOGROW | RTE_FASTMEM_F_ZERO);
	TEST_ASSERT(some[1] != NULL, "there is memory now");
	TEST_ASSERT(is_zero(some[1], 100));
	rte_fastmem_free_bulk(some, 2);
	return TEST_SUCCESS;
}

/* Allocate as long as there is memory, so many times. */
static void
fill_again(unsigned int times)
{
	static void *objects[4096];
	unsigned int n;

	while (times-- > 0) {
		n = fill_up(objects, RTE_DIM(objects), 65536);
		rte_fastmem_free_bulk(objects, n);
		rte_fastmem_trim(0, SOCKET_ID_ANY);
	}
}

static int
a_limit_reached_is_logged_once_in_a_while(void)
{
	unsigned int seldom, often;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 1 << 20), 0);
	log_begin();
	fill_again(3);
	often = log_end("rte_fastmem_set_limit()");
	log_begin();
	fastmem_log_every_ms = 3600 * 1000;
	fill_again(3);
	seldom = log_end("rte_fastmem_set_limit()");
	TEST_ASSERT(often >= 3, "%u lines", often);
	TEST_ASSERT_EQUAL(seldom, 0);
	return TEST_SUCCESS;
}

static int
memory_that_eal_refuses_is_logged_with_what_to_do(void)
{
	unsigned int n, success;

	log_begin();
	rte_fastmem_free(rte_fastmem_alloc(65536, 0, 0));
	success = log_end("");
	refuse_from(0);
	log_begin();
	fill_again(1);
	n = log_end("Give it more");
	refuse_nothing();
	TEST_ASSERT_EQUAL(success, 0, "growth is no news");
	TEST_ASSERT(n > 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(the_default_is_no_limit),
	TEST_CASE(a_limit_can_be_read_back),
	TEST_CASE_UNCHECKED(a_limit_reached_is_enomem_and_nothing_else),
	TEST_CASE(a_raised_limit_lets_growth_go_on),
	TEST_CASE_UNCHECKED(a_limit_below_what_is_reserved_only_stops_growth),
	TEST_CASE(a_limit_of_0_serves_nothing),
	TEST_CASE(reserve_is_a_total),
	TEST_CASE_UNCHECKED(reserved_memory_serves_without_growth),
	TEST_CASE(reserve_that_fails_keeps_what_it_got),
	TEST_CASE(nogrow_never_reserves),
	TEST_CASE_UNCHECKED(a_limit_reached_is_logged_once_in_a_while),
	TEST_CASE_UNCHECKED(memory_that_eal_refuses_is_logged_with_what_to_do),
	TEST_CASES_END
};

const struct test_suite suite_limits = {
	.name = "limits",
	.about = "limits, reservations, and calls that may not grow",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
