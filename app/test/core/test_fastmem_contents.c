/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Contents: zeroing, realloc, and that nobody writes to an object but its user.
 */

#include <stdlib.h>

#include "test_fastmem.h"

static const size_t some_sizes[] = {
	0, 1, 7, 8, 9, 15, 16, 33, 48, 49, 63, 64, 65, 100, 511, 512, 513, 1000, 4095, 4096,
	4097, 10000, 65535, 65536, 65537, 300000, 1000000, 1048575, 1048576
};

/* Leave dirt in slots of that size. */
static int
dirty(size_t size, size_t align)
{
	void *ptrs[4];
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, RTE_DIM(ptrs), size, align, 0), 0);
	for (i = 0; i < RTE_DIM(ptrs); i++)
		memset(ptrs[i], 0xee, rte_fastmem_usable_size(ptrs[i]));
	rte_fastmem_free_bulk(ptrs, RTE_DIM(ptrs));
	return TEST_SUCCESS;
}

static int
the_zero_flag_zeroes_the_bytes_asked_for(void)
{
	unsigned int i, j;
	void *ptrs[3];

	for (i = 0; i < RTE_DIM(some_sizes); i++) {
		size_t size = some_sizes[i];

		TEST_CALL(dirty(size, 0));
		ptrs[0] = rte_fastmem_alloc(size, 0, RTE_FASTMEM_F_ZERO);
		ptrs[1] = rte_fastmem_alloc_socket(size, 0, RTE_FASTMEM_F_ZERO, SOCKET_ID_ANY);
		rte_fastmem_cache_flush(); /* so that the next comes from the slow path */
		ptrs[2] = rte_fastmem_alloc(size, 0, RTE_FASTMEM_F_ZERO);
		for (j = 0; j < 3; j++) {
			TEST_ASSERT(ptrs[j] != NULL);
			TEST_ASSERT(is_zero(ptrs[j], size), "size %zu, call %u", size, j);
			rte_fastmem_free(ptrs[j]);
		}
	}
	return TEST_SUCCESS;
}

static int
the_zero_flag_zeroes_all_objects_of_a_bulk(void)
{
	unsigned int i, j, round;
	void *ptrs[4];

	for (i = 0; i < RTE_DIM(some_sizes); i++) {
		for (round = 0; round < 2; round++) {
			TEST_CALL(dirty(some_sizes[i], 0));
			if (round == 1)
				rte_fastmem_cache_flush();
			TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 4, some_sizes[i], 0,
				RTE_FASTMEM_F_ZERO), 0);
			for (j = 0; j < 4; j++)
				TEST_ASSERT(is_zero(ptrs[j], some_sizes[i]), "size %zu, %u of 4",
					some_sizes[i], j);
			rte_fastmem_free_bulk(ptrs, 4);
		}
	}
	return TEST_SUCCESS;
}

static int
the_zero_flag_zeroes_the_whole_slot_of_a_handle(void)
{
	rte_fastmem_handle_t handle;
	unsigned int i, j, round;
	void *ptrs[4];

	for (i = 0; i < RTE_DIM(some_sizes); i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_hlookup(some_sizes[i], 0, SOCKET_ID_ANY, &handle), 0);
		for (round = 0; round < 2; round++) {
			TEST_CALL(dirty(some_sizes[i], 0));
			if (round == 1)
				rte_fastmem_cache_flush();
			ptrs[0] = rte_fastmem_halloc(handle, RTE_FASTMEM_F_ZERO);
			TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(handle, ptrs + 1, 3,
				RTE_FASTMEM_F_ZERO), 0);
			for (j = 0; j < 4; j++) {
				TEST_ASSERT(ptrs[j] != NULL);
				TEST_ASSERT(is_zero(ptrs[j], rte_fastmem_usable_size(ptrs[j])),
					"size %zu, %u of 4", some_sizes[i], j);
			}
			rte_fastmem_hfree_bulk(handle, ptrs, 4);
		}
	}
	return TEST_SUCCESS;
}

static int
a_freed_slot_keeps_its_contents(void)
{
	unsigned int i, j, round;
	void *ptrs[8];

	for (i = 0; i < RTE_DIM(some_sizes); i++) {
		size_t size = some_sizes[i], usable;

		for (round = 0; round < 3; round++) {
			TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 8, size, 8, 0), 0);
			usable = rte_fastmem_usable_size(ptrs[0]);
			for (j = 0; j < 8; j++)
				pattern_fill(ptrs[j], usable, j);
			rte_fastmem_free_bulk(ptrs, 8);
			if (round == 1)
				rte_fastmem_cache_flush();
			/* Still fastmem's memory: nothing was trimmed. */
			for (j = 0; j < 8; j++)
				TEST_ASSERT(pattern_holds(ptrs[j], usable, j),
					"size %zu, round %u", size, round);
		}
	}
	return TEST_SUCCESS;
}

static int
realloc_keeps_the_contents(void)
{
	unsigned int i, j;

	for (i = 1; i < RTE_DIM(some_sizes); i++) {
		for (j = 1; j < RTE_DIM(some_sizes); j++) {
			size_t from = some_sizes[i], to = some_sizes[j];
			char *old = rte_fastmem_alloc(from, 0, 0), *new;

			TEST_ASSERT(old != NULL);
			memset(old, 0x11, from);
			pattern_fill(old, RTE_MIN(from, to), i * 100 + j);
			new = rte_fastmem_realloc(old, to, 0);
			TEST_ASSERT(new != NULL, "%zu to %zu", from, to);
			TEST_ASSERT(rte_fastmem_usable_size(new) >= to);
			TEST_ASSERT(pattern_holds(new, RTE_MIN(from, to), i * 100 + j),
				"%zu to %zu", from, to);
			memset(new, 0x22, to);
			TEST_ASSERT_EQUAL(stats_live(), 1);
			rte_fastmem_free(new);
		}
	}
	return TEST_SUCCESS;
}

static int
realloc_to_the_same_class_does_not_move(void)
{
	void *ptr = rte_fastmem_alloc(1000, 0, 0);

	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT(rte_fastmem_realloc(ptr, 1024, 0) == ptr);
	TEST_ASSERT(rte_fastmem_realloc(ptr, 961, 0) == ptr);
	TEST_ASSERT(rte_fastmem_realloc(ptr, 1000, 64) == ptr);
	rte_fastmem_free(ptr);
	return TEST_SUCCESS;
}

static int
realloc_gives_memory_back_when_it_shrinks(void)
{
	void *ptr;

	/* There is a smaller slot: for one, no call grows. */
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(2 * MIB, SOCKET_ID_ANY), 0);
	ptr = rte_fastmem_alloc(MIB, 0, 0);
	TEST_ASSERT(ptr != NULL);
	ptr = rte_fastmem_realloc(ptr, 64, 0);
	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(ptr), 64);
	TEST_ASSERT_EQUAL(stats_in_use(), 64);
	rte_fastmem_free(ptr);
	return TEST_SUCCESS;
}

static int
realloc_changes_the_alignment(void)
{
	char *ptr = rte_fastmem_alloc(100, 8, 0);
	size_t align;

	TEST_ASSERT(ptr != NULL);
	pattern_fill(ptr, 100, 5);
	for (align = 1; align <= MIB; align *= 2) {
		ptr = rte_fastmem_realloc(ptr, 100, align);
		TEST_ASSERT(ptr != NULL);
		TEST_ASSERT_EQUAL((uintptr_t)ptr & (align - 1), 0, "align %zu", align);
		TEST_ASSERT(pattern_holds(ptr, 100, 5), "align %zu", align);
	}
	rte_fastmem_free(ptr);
	return TEST_SUCCESS;
}

static int
realloc_of_null_allocates_and_to_0_frees(void)
{
	void *ptr = rte_fastmem_realloc(NULL, 500, 0);

	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT_EQUAL(stats_live(), 1);
	rte_errno = EIO;
	TEST_ASSERT(rte_fastmem_realloc(ptr, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, 0);
	TEST_ASSERT_EQUAL(stats_live(), 0);
	return TEST_SUCCESS;
}

static int
realloc_that_fails_keeps_the_object(void)
{
	char *ptr, *other;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, MIB), 0);
	ptr = rte_fastmem_alloc(300 * KIB, 0, 0);
	TEST_ASSERT(ptr != NULL);
	pattern_fill(ptr, 300 * KIB, 9);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_realloc(ptr, MIB, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT(rte_fastmem_contains(ptr));
	TEST_ASSERT(pattern_holds(ptr, 300 * KIB, 9));
	TEST_CALL(check_live(1));
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
	other = rte_fastmem_realloc(ptr, MIB, 0);
	TEST_ASSERT(other != NULL);
	TEST_ASSERT(pattern_holds(other, 300 * KIB, 9));
	rte_fastmem_free(other);
	return TEST_SUCCESS;
}

/* Take all memory, in objects of the sizes of which there are fewer and fewer left. */
static unsigned int
fill_all_sizes(void **ptrs, unsigned int max)
{
	static const size_t sizes[] = { MIB, 512 * KIB, 64 * KIB, 5000, 1000, 200, 64, 8 };
	unsigned int i, n = 0;

	for (i = 0; i < RTE_DIM(sizes); i++)
		n += fill_up(ptrs + n, max - n, sizes[i]);
	return n;
}

static int
realloc_to_less_never_fails(void)
{
	static void *ptrs[40000];
	static const size_t to[] = { 1000000, 512 * KIB, 64 * KIB, 5000, 1000, 200, 64, 8 };
	uint64_t nomem;
	unsigned int i, n;
	char *ptr;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 4 * MIB), 0);
	n = fill_all_sizes(ptrs, RTE_DIM(ptrs));
	TEST_ASSERT(n < RTE_DIM(ptrs));
	TEST_ASSERT(rte_fastmem_usable_size(ptrs[0]) >= MIB);
	nomem = stats_nomem();
	refuse_all();
	ptr = ptrs[0];
	for (i = 0; i < RTE_DIM(to); i++) {
		pattern_fill(ptr, to[i], 7);
		ptr = rte_fastmem_realloc(ptr, to[i], 0);
		TEST_ASSERT(ptr != NULL, "to %zu: %s", to[i], rte_strerror(rte_errno));
		TEST_ASSERT(pattern_holds(ptr, to[i], 7), "to %zu", to[i]);
		TEST_ASSERT(rte_fastmem_usable_size(ptr) >= to[i]);
		TEST_CALL(check_live(n));
	}
	TEST_ASSERT(stats_nomem() == nomem || getenv("RTE_FASTMEM_DEBUG") != NULL);
	ptrs[0] = ptr;
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static int
realloc_to_what_the_slot_holds_never_fails(void)
{
	static void *ptrs[40000];
	unsigned int n, n_old;
	size_t size, usable;
	void *old;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 4 * MIB), 0);
	old = rte_fastmem_alloc(3000, 0, 0);
	TEST_ASSERT(old != NULL);
	n = fill_all_sizes(ptrs, RTE_DIM(ptrs));
	usable = rte_fastmem_usable_size(old);
	for (size = usable; size > 0; size -= RTE_MIN(size, (size_t)100)) {
		old = rte_fastmem_realloc(old, size, 0);
		TEST_ASSERT(old != NULL, "to %zu", size);
	}
	n_old = rte_fastmem_usable_size(old);
	for (; size <= n_old; size++) {
		void *same = size > 0 ? rte_fastmem_realloc(old, size, 0) : old;

		TEST_ASSERT(same != NULL, "to %zu of %u", size, n_old);
		old = same;
	}
	rte_fastmem_free(old);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* It would cost a copy, and give little back. */
static int
an_object_that_shrinks_a_little_stays(void)
{
	void *ptr = rte_fastmem_alloc(1000, 0, 0);

	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT(rte_fastmem_realloc(ptr, 850, 0) == ptr);
	TEST_ASSERT(rte_fastmem_realloc(ptr, 1024, 0) == ptr, "it has room for it");
	rte_fastmem_free_sized(ptr, 1024, 0);
	return TEST_SUCCESS;
}

/* What realloc gives is an object of the size it was asked for, as any other. */
static int
a_reallocated_object_can_be_freed_by_its_size(void)
{
	char *others[16];
	unsigned int i;
	char *ptr;

	/* All memory taken by an object: there is none for a smaller copy, so it stays. */
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, MIB), 0);
	ptr = rte_fastmem_alloc(MIB, 0, 0);
	TEST_ASSERT(ptr != NULL);
	pattern_fill(ptr, 1000, 3);
	ptr = rte_fastmem_realloc(ptr, 1000, 0);
	TEST_ASSERT(ptr != NULL);
	TEST_ASSERT(pattern_holds(ptr, 1000, 3));
	rte_fastmem_free_sized(ptr, 1000, 0);
	TEST_CALL(check_live(0));
	for (i = 0; i < RTE_DIM(others); i++) {
		others[i] = rte_fastmem_alloc(1000, 0, 0);
		TEST_ASSERT(others[i] != NULL);
		TEST_ASSERT(rte_fastmem_usable_size(others[i]) <= 1024);
	}
	for (i = 0; i < RTE_DIM(others); i++)
		rte_fastmem_free(others[i]);
	return TEST_SUCCESS;
}

static int
free_sized_frees_what_any_call_allocated(void)
{
	unsigned int i, j;
	void *ptrs[300];

	for (i = 0; i < RTE_DIM(some_sizes); i++) {
		unsigned int n = RTE_MIN(RTE_DIM(ptrs), 8 * MIB / (some_sizes[i] + 1));

		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, some_sizes[i], 0, 0), 0);
		for (j = 0; j < n; j++)
			rte_fastmem_free_sized(ptrs[j], some_sizes[i], 0);
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(the_zero_flag_zeroes_the_bytes_asked_for),
	TEST_CASE(the_zero_flag_zeroes_all_objects_of_a_bulk),
	TEST_CASE(the_zero_flag_zeroes_the_whole_slot_of_a_handle),
	TEST_CASE_UNCHECKED(a_freed_slot_keeps_its_contents),
	TEST_CASE(realloc_keeps_the_contents),
	TEST_CASE_UNCHECKED(realloc_to_the_same_class_does_not_move),
	TEST_CASE_UNCHECKED(realloc_gives_memory_back_when_it_shrinks),
	TEST_CASE(realloc_to_less_never_fails),
	TEST_CASE_UNCHECKED(realloc_to_what_the_slot_holds_never_fails),
	TEST_CASE_UNCHECKED(an_object_that_shrinks_a_little_stays),
	TEST_CASE(realloc_changes_the_alignment),
	TEST_CASE(realloc_of_null_allocates_and_to_0_frees),
	TEST_CASE(realloc_that_fails_keeps_the_object),
	TEST_CASE(a_reallocated_object_can_be_freed_by_its_size),
	TEST_CASE(free_sized_frees_what_any_call_allocated),
	TEST_CASES_END
};

const struct test_suite suite_contents = {
	.name = "contents",
	.about = "zeroing, realloc, and that nobody else writes to an object",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
