/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The interface: life cycle, what each function returns before init, and the
 * small functions that answer questions.
 */

#include <rte_lcore.h>
#include <rte_memzone.h>

#include "test_fastmem.h"

static int
init_twice_is_ebusy(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -EBUSY);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0, "after deinit");
	rte_fastmem_deinit();
	return TEST_SUCCESS;
}

static int
deinit_without_init_is_harmless(void)
{
	unsigned int zones = zones_all();

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	rte_fastmem_deinit();
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_all(), zones);
	return TEST_SUCCESS;
}

static int
deinit_gives_every_memzone_back(void)
{
	unsigned int zones = zones_all(), round;
	void *ptr;

	for (round = 0; round < 3; round++) {
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
		ptr = rte_fastmem_alloc(100 * KIB, 0, 0);
		TEST_ASSERT(ptr != NULL);
		TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
		TEST_ASSERT(zones_chunks() > 0);
		rte_fastmem_deinit(); /* with the object live */
		TEST_ASSERT_EQUAL(zones_all(), zones, "round %u", round);
	}
	return TEST_SUCCESS;
}

static int
deinit_makes_all_threads_forget(void)
{
	size_t sizes[] = { 8, 64, 4000, 100000 };
	unsigned int round, i;
	void *ptr;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < RTE_DIM(sizes); i++) {
			TEST_ASSERT(rte_fastmem_alloc(sizes[i], 8, 0) == NULL);
			TEST_ASSERT_EQUAL(rte_errno, ENODEV);
		}
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
		for (i = 0; i < RTE_DIM(sizes); i++) {
			ptr = rte_fastmem_alloc(sizes[i], 8, 0);
			TEST_ASSERT(ptr != NULL);
			rte_fastmem_free(ptr);
		}
		TEST_CALL(check_live(0));
		rte_fastmem_deinit();
	}
	return TEST_SUCCESS;
}

static int
before_init_nothing_is_allocated(void)
{
	void *ptrs[4] = { &ptrs, &ptrs, &ptrs, &ptrs };
	rte_fastmem_handle_t handle;
	char foreign[64];

	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc(8, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_alloc_socket(8, 0, 0, SOCKET_ID_ANY) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_realloc(NULL, 8, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_realloc(foreign, 8, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 4, 8, 0, 0), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs, 4, 8, 0, 0, SOCKET_ID_ANY),
		-ENODEV);
	TEST_ASSERT(ptrs[0] == &ptrs && ptrs[3] == &ptrs);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(8, 0, SOCKET_ID_ANY, &handle), -EINVAL);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_halloc(1, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(1, ptrs, 4, 0), -ENODEV);
	TEST_ASSERT(ptrs[0] == &ptrs && ptrs[3] == &ptrs);
	return TEST_SUCCESS;
}

static int
before_init_nothing_is_known(void)
{
	struct rte_fastmem_lcore_class_stats lcore_class_stats;
	struct rte_fastmem_class_stats class_stats;
	struct rte_fastmem_lcore_stats lcore_stats;
	struct rte_fastmem_stats stats;
	char foreign[64];

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(1, SOCKET_ID_ANY), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 1), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_trim(0, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(foreign), RTE_BAD_IOVA);
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(foreign), 0);
	TEST_ASSERT(!rte_fastmem_contains(foreign));
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&stats), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(64, &class_stats), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore(rte_lcore_id(), &lcore_stats), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_lcore_class(rte_lcore_id(), 64, &lcore_class_stats),
		-ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared(&lcore_stats), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_shared_class(64, &lcore_class_stats), -ENODEV);
	return TEST_SUCCESS;
}

static int
before_init_frees_are_harmless(void)
{
	char foreign[64];
	void *ptrs[2] = { NULL, foreign };

	log_begin();
	rte_fastmem_free(NULL);
	rte_fastmem_free_sized(NULL, 8, 0);
	rte_fastmem_hfree(1, NULL);
	rte_fastmem_free_bulk(NULL, 0);
	rte_fastmem_cache_flush();
	rte_fastmem_stats_reset();
	TEST_ASSERT_EQUAL(log_end("FASTMEM"), 0);
	log_begin();
	rte_fastmem_free(foreign);
	rte_fastmem_free_sized(foreign, 64, 0);
	rte_fastmem_free_bulk(ptrs, 2);
	TEST_ASSERT_EQUAL(log_end("while fastmem is not initialised"), 3);
	return TEST_SUCCESS;
}

static int
classes_are_known_without_init(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, n;

	n = rte_fastmem_classes(NULL);
	TEST_ASSERT(n > 0 && n <= MAX_CLASSES);
	TEST_ASSERT_EQUAL(rte_fastmem_classes(sizes), n);
	TEST_ASSERT_EQUAL(sizes[0], 8);
	for (i = 1; i < n; i++)
		TEST_ASSERT(sizes[i] > sizes[i - 1], "class %u", i);
	TEST_ASSERT_EQUAL(sizes[n - 1], rte_fastmem_max_size());
	TEST_ASSERT_EQUAL(rte_fastmem_max_size(), MIB);
	return TEST_SUCCESS;
}

static int
dump_tells_what_is_there(void)
{
	char text[4096];
	FILE *f = tmpfile();
	size_t len;
	void *ptr;

	TEST_ASSERT(f != NULL);
	rte_fastmem_dump(NULL);
	rte_fastmem_dump(f);
	rewind(f);
	TEST_ASSERT(fgets(text, sizeof(text), f) != NULL);
	TEST_ASSERT(strstr(text, "not initialised") != NULL);

	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	ptr = rte_fastmem_alloc(777, 0, 0);
	TEST_ASSERT(ptr != NULL);
	rewind(f);
	rte_fastmem_dump(f);
	fflush(f);
	rewind(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	fclose(f);
	TEST_ASSERT(strstr(text, "socket") != NULL);
	TEST_ASSERT(strstr(text, " 832 ") != NULL, "the class of 777 bytes");
	rte_fastmem_free(ptr);
	TEST_CALL(check_live(0));
	rte_fastmem_deinit();
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(init_twice_is_ebusy),
	TEST_CASE(deinit_without_init_is_harmless),
	TEST_CASE(deinit_gives_every_memzone_back),
	TEST_CASE(deinit_makes_all_threads_forget),
	TEST_CASE(before_init_nothing_is_allocated),
	TEST_CASE(before_init_nothing_is_known),
	TEST_CASE(before_init_frees_are_harmless),
	TEST_CASE(classes_are_known_without_init),
	TEST_CASE_UNCHECKED(dump_tells_what_is_there),
	TEST_CASES_END
};

const struct test_suite suite_api = {
	.name = "api",
	.about = "life cycle, and every function before init",
	.rescue = fastmem_rescue,
	.cases = cases,
};
