/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * One free page of 2 MiB is enough to start with. This suite takes all memory
 * that EAL has, so EAL must have little: --socket-limit 64, or --no-huge -m 64.
 */

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define MAX_ZONES 400
#define MUCH (256 * MIB)

static const struct rte_memzone *zones[MAX_ZONES];
static unsigned int n_zones;
static const struct rte_memzone *the_page;

static const struct rte_memzone *
zone_take(size_t len)
{
	char name[RTE_MEMZONE_NAMESIZE];

	snprintf(name, sizeof(name), "test_taken_%u", n_zones);
	return rte_memzone_reserve_aligned(name, len, SOCKET_ID_ANY, 0, 64);
}

/* Returns false when there is more memory than this suite may take. */
static bool
take_all_memory(void)
{
	size_t len, taken = 0;

	n_zones = 0;
	/* With EAL's own header, all of a page. */
	the_page = rte_memzone_reserve_aligned("test_page", 2 * MIB - 256, SOCKET_ID_ANY, 0, 64);
	if (the_page == NULL)
		return false;
	for (len = 16 * MIB; len >= 1024; len /= 2) {
		while (n_zones < MAX_ZONES && taken < MUCH &&
				(zones[n_zones] = zone_take(len)) != NULL) {
			n_zones++;
			taken += len;
		}
	}
	return taken < MUCH && n_zones < MAX_ZONES;
}

static void
give_all_memory_back(void)
{
	while (n_zones > 0)
		rte_memzone_free(zones[--n_zones]);
	if (the_page != NULL)
		rte_memzone_free(the_page);
	the_page = NULL;
}

static int
setup(void)
{
	bool little = take_all_memory();

	if (!little) {
		give_all_memory_back();
		return test_skip("EAL has too much memory, or none: it needs --socket-limit 64, "
			"or --no-huge -m 64");
	}
	return TEST_SUCCESS;
}

static int
teardown(void)
{
	rte_fastmem_deinit();
	give_all_memory_back();
	return TEST_SUCCESS;
}

static void
rescue(void)
{
	teardown();
}

static int
without_memory_init_is_enomem(void)
{
	log_begin();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -ENOMEM);
	TEST_ASSERT(log_end("no memory") > 0);
	TEST_ASSERT_EQUAL(zones_fastmem(), 0);
	return TEST_SUCCESS;
}

static int
one_page_serves_objects(void)
{
	static void *ptrs[4000];
	unsigned int i, n, round;
	void *large;

	rte_memzone_free(the_page);
	the_page = NULL;
	for (round = 0; round < 2; round++) {
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
		n = fill_up(ptrs, RTE_DIM(ptrs), 512);
		TEST_ASSERT(n > 0, "the first object: errno %d", rte_errno);
		TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
		TEST_ASSERT(n >= 768 * KIB / 512, "%u objects of 512 bytes", n);
		for (i = 0; i < n; i++)
			pattern_fill(ptrs[i], 512, i);
		for (i = 0; i < n; i++)
			TEST_ASSERT(pattern_holds(ptrs[i], 512, i));
		TEST_CALL(check_live(n));
		rte_fastmem_free_bulk(ptrs, n);
		large = rte_fastmem_alloc(256 * KIB, 0, 0);
		TEST_ASSERT(large != NULL, "the memory moves to other sizes");
		rte_fastmem_free(large);
		TEST_CALL(check_live(0));
		rte_fastmem_deinit();
	}
	return TEST_SUCCESS;
}

/* Which would map another page for its own, and for zones of the program's. */
static int
the_first_objects_leave_eal_a_part_of_the_page(void)
{
	const struct rte_memzone *zone;
	struct rte_fastmem_stats stats;
	void *obj;

	rte_memzone_free(the_page);
	the_page = NULL;
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	obj = rte_fastmem_alloc(64, 0, 0);
	TEST_ASSERT(obj != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&stats), 0);
	TEST_ASSERT(stats.bytes_metadata <= 704 * KIB, "%" PRIu64, stats.bytes_metadata);
	zone = rte_memzone_reserve("test_rest", 512 * KIB, SOCKET_ID_ANY, 0);
	TEST_ASSERT(zone != NULL, "%" PRIu64 " KiB are fastmem's", stats.bytes_backing / KIB);
	rte_memzone_free(zone);
	rte_fastmem_free(obj);
	return check_live(0);
}

static int
memory_that_comes_free_later_is_used(void)
{
	static void *ptrs[40000];
	unsigned int n, more, given;
	uint64_t refused_until;
	bool last;

	rte_memzone_free(the_page);
	the_page = NULL;
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	n = fill_up(ptrs, RTE_DIM(ptrs), 1024);
	TEST_ASSERT(n > 0 && n < RTE_DIM(ptrs));
	for (given = 0; given < 2 && n_zones > 1; given++) {
		/* The largest: reserved first. */
		rte_memzone_free(zones[0]);
		zones[0] = zones[--n_zones];
	}
	/* What others give back to EAL is noticed when the last refusal is over. */
	refused_until = rte_get_timer_cycles() + fastmem_refusal_max_us * rte_get_timer_hz() / US_PER_S;
	do {
		last = rte_get_timer_cycles() > refused_until;
		more = fill_up(ptrs + n, RTE_DIM(ptrs) - n, 1024);
	} while (more == 0 && !last);
	TEST_ASSERT(more > 4 * MIB / 1024, "%u more", more);
	TEST_CALL(check_live(n + more));
	rte_fastmem_free_bulk(ptrs, n + more);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(without_memory_init_is_enomem),
	TEST_CASE(one_page_serves_objects),
	TEST_CASE(the_first_objects_leave_eal_a_part_of_the_page),
	TEST_CASE(memory_that_comes_free_later_is_used),
	TEST_CASES_END
};

const struct test_suite suite_one_page = {
	.name = "one_page",
	.about = "a single free page of 2 MiB; wants --socket-limit 64, or --no-huge -m 64",
	.setup = setup,
	.teardown = teardown,
	.rescue = rescue,
	.cases = cases,
	.on_request = true,
};
