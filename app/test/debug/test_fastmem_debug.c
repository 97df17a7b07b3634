/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Each kind of error is reported, with what there is to know of it, and changes nothing for
 * who is right. At two levels: the cases are the same, and some tell more at one.
 */

#include <stdlib.h>
#include <unistd.h>

#include <rte_memzone.h>

#include "fastmem_stack_private.h"
#include "test_debug.h"

static const struct {
	size_t size, align;
} shapes[] = {
	{ 1, 0 }, { 7, 8 }, { 8, 8 }, { 24, 8 }, { 48, 16 }, { 63, 0 }, { 64, 0 }, { 65, 0 },
	{ 100, 0 }, { 100, 1 }, { 1000, 32 }, { 4096, 4096 }, { 5000, 0 }, { 65536, 0 },
	{ 70000, 128 }, { 300000, 0 }, { 1000, 65536 }, { 900000, 0 },
};

static bool
is_full(void)
{
	return debug_level() == RTE_FASTMEM_DEBUG_FULL;
}

static char *
make(unsigned int i)
{
	char *obj = rte_fastmem_alloc(shapes[i].size, shapes[i].align, 0);

	if (obj != NULL)
		pattern_fill(obj, shapes[i].size, i);
	return obj;
}

/* Overruns. */

static int
check_overflow(unsigned int i, size_t at)
{
	char *obj = make(i);

	TEST_ASSERT(obj != NULL);
	spoil(obj + at);
	/* Found while it is live, and mended, so that it is not told again. */
	TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 1, "%zu of %zu", at, shapes[i].size);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_OVERFLOW, obj + at, obj, shapes[i].size, NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 0);
	spoil(obj + at);
	rte_fastmem_free(obj);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_OVERFLOW, obj + at, obj, shapes[i].size, NULL);
	return check_live(0);
}

static int
a_write_behind_an_object_is_found(void)
{
	unsigned int i;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	for (i = 0; i < RTE_DIM(shapes); i++) {
		TEST_CALL(check_overflow(i, shapes[i].size));
		TEST_CALL(check_overflow(i, shapes[i].size + 1));
		TEST_CALL(check_overflow(i, shapes[i].size + 7));
		if (is_full())
			TEST_CALL(check_overflow(i, shapes[i].size + 15));
	}
	return TEST_SUCCESS;
}

static int
a_write_in_front_of_an_object_is_found(void)
{
	static const unsigned int before[] = { 1, 2, 8, 16 };
	unsigned int i, j;

	if (HAS_MEMORY_CHECKER || !is_full())
		return test_skip(is_full() ? SANITIZER_CHECKS : FULL_CHECKS);
	for (i = 0; i < RTE_DIM(shapes); i++) {
		/* Alignment this large has no zone in front. */
		if (shapes[i].align > 4096)
			continue;
		for (j = 0; j < RTE_DIM(before); j++) {
			char *obj = make(i);

			TEST_ASSERT(obj != NULL);
			spoil(obj - before[j]);
			rte_fastmem_free(obj);
			EXPECT_REPORT(RTE_FASTMEM_ERROR_UNDERFLOW, obj - before[j], obj,
				shapes[i].size, NULL);
		}
	}
	return check_live(0);
}

/* What was asked for is the application's, to the last byte, and no byte more. */
static int
an_object_is_as_large_as_was_asked_for(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		char *obj = make(i);

		TEST_ASSERT(obj != NULL);
		TEST_ASSERT_EQUAL(rte_fastmem_usable_size(obj), shapes[i].size);
		memset(obj, 0xff, shapes[i].size);
		rte_fastmem_free(obj);
		EXPECT_NO_REPORT();
	}
	return TEST_SUCCESS;
}

/* Writes after free. */

static int
a_write_after_free_is_found(void)
{
	static const unsigned int permille[] = { 0, 500, 999 };
	unsigned int i, j;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	for (i = 0; i < RTE_DIM(shapes); i++) {
		for (j = 0; j < RTE_DIM(permille); j++) {
			char *obj = make(i);
			size_t at = shapes[i].size * permille[j] / 1000;

			TEST_ASSERT(obj != NULL);
			rte_fastmem_free(obj);
			EXPECT_NO_REPORT();
			spoil(obj + at);
			TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 1);
			EXPECT_REPORT(RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, obj + at, obj,
				shapes[i].size, NULL);
			TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 0);
		}
	}
	return check_live(0);
}

/* Before anybody gets the memory again. */
static int
a_write_after_free_is_found_on_reuse(void)
{
	unsigned int i, n;
	char *obj, *other = NULL;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	for (i = 0; i < 3; i++) {
		obj = rte_fastmem_alloc(200, 0, 0);
		TEST_ASSERT(obj != NULL);
		rte_fastmem_free(obj);
		spoil(obj + 50 * i);
		for (n = 0; report_seen.n == 0 && n < 100000; n++) {
			other = rte_fastmem_alloc(200, 0, 0);
			TEST_ASSERT(other != NULL);
			/* Found by now, or not to be had yet. */
			TEST_ASSERT(other != obj || report_seen.n == 1);
			rte_fastmem_free(other);
		}
		EXPECT_REPORT(RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, obj + 50 * i, obj, 200, NULL);
	}
	return TEST_SUCCESS;
}

static int
freed_memory_does_not_keep_its_contents(void)
{
	char *obj;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	obj = rte_fastmem_alloc(1000, 0, 0);
	TEST_ASSERT(obj != NULL);
	pattern_fill(obj, 1000, 1);
	rte_fastmem_free(obj);
	TEST_ASSERT(!pattern_holds(obj, 8, 1));
	TEST_ASSERT_EQUAL((uint8_t)obj[0], (uint8_t)obj[999]);
	return TEST_SUCCESS;
}

/* Wrong frees: the object stays what it was. */

static int
a_double_free_is_found(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		void *obj = make(i);

		TEST_ASSERT(obj != NULL);
		rte_fastmem_free(obj);
		rte_fastmem_free(obj);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, shapes[i].size, NULL);
		rte_fastmem_free_bulk(&obj, 1);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, shapes[i].size, NULL);
		rte_fastmem_free_sized(obj, shapes[i].size, shapes[i].align);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, shapes[i].size, NULL);
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static int
a_double_free_within_a_bulk_is_found(void)
{
	void *objs[20];

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(objs, 20, 300, 0, 0), 0);
	objs[13] = objs[4];
	rte_fastmem_free_bulk(objs, 20);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, objs[4], objs[4], 300, NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 0);
	TEST_ASSERT_EQUAL(stats_live(), 1, "of 20, 19 were freed");
	return debug_again(0); /* of the one that is left, there is no address any more */
}

/* The quarantine is what makes that possible. */
static int
a_double_free_after_other_allocations_is_found(void)
{
	void *obj, *others[100];
	unsigned int i;

	if (!is_full())
		return test_skip(FULL_CHECKS);
	obj = rte_fastmem_alloc(500, 0, 0);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	for (i = 0; i < RTE_DIM(others); i++) {
		others[i] = rte_fastmem_alloc(500, 0, 0);
		TEST_ASSERT(others[i] != NULL && others[i] != obj);
	}
	rte_fastmem_free(obj);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, 500, NULL);
	TEST_CALL(check_live(RTE_DIM(others)));
	rte_fastmem_free_bulk(others, RTE_DIM(others));
	return TEST_SUCCESS;
}

static int
a_free_of_an_address_within_an_object_is_found(void)
{
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		size_t size = shapes[i].size;
		const size_t at[] = { 1, size / 2, size - 1 };
		char *obj = make(i);

		TEST_ASSERT(obj != NULL);
		for (j = 0; j < RTE_DIM(at); j++) {
			if (at[j] == 0)
				continue;
			rte_fastmem_free(obj + at[j]);
			EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_INTERIOR, obj + at[j], obj, size,
				NULL);
		}
		if (is_full() && shapes[i].align <= 4096) {
			rte_fastmem_free(obj - 1);
			EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_INTERIOR, obj - 1, obj, size, NULL);
		}
		TEST_CALL(check_live(1));
		TEST_ASSERT(pattern_holds(obj, size, i));
		rte_fastmem_free(obj);
		EXPECT_NO_REPORT();
	}
	return TEST_SUCCESS;
}

static int
a_free_of_what_is_no_object_is_found(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve("test_wild", 100, SOCKET_ID_ANY, 0);
	static char in_data[64];
	char on_stack[64], *on_heap = malloc(64), *obj = rte_fastmem_alloc(5000, 0, 0);
	unsigned int i;

	TEST_ASSERT(mz != NULL && on_heap != NULL && obj != NULL);
	{
		void *wild[] = { on_stack, on_heap, in_data, mz->addr, (void *)(uintptr_t)1,
			(void *)UINTPTR_MAX, (void *)(uintptr_t)0x123456789abcdef0 };

		for (i = 0; i < RTE_DIM(wild); i++) {
			rte_fastmem_free(wild[i]);
			EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_FOREIGN, wild[i], NULL, 0, NULL);
			rte_fastmem_free_sized(wild[i], 64, 0);
			EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_FOREIGN, wild[i], NULL, 0, NULL);
		}
		rte_fastmem_free_bulk(wild, RTE_DIM(wild));
		TEST_ASSERT_EQUAL(reports_of(RTE_FASTMEM_ERROR_FREE_FOREIGN), RTE_DIM(wild));
		TEST_ASSERT_EQUAL(reports_take(), RTE_DIM(wild));
	}
	/* The next slot of the slab was never anybody's. */
	rte_fastmem_free(obj + rte_fastmem_usable_size(obj) + 3000);
	TEST_ASSERT_EQUAL(report_seen.error, RTE_FASTMEM_ERROR_FREE_FOREIGN);
	TEST_ASSERT_EQUAL(reports_take(), 1);
	rte_fastmem_free(NULL);
	EXPECT_NO_REPORT();
	TEST_CALL(check_live(1));
	rte_fastmem_free(obj);
	free(on_heap);
	rte_memzone_free(mz);
	return TEST_SUCCESS;
}

/* Where an address lies, the report says. */
static int
a_report_names_the_mapping_of_a_foreign_address(void)
{
	char on_stack[64];
	void *on_heap = malloc(64);

	TEST_ASSERT(on_heap != NULL);
	rte_fastmem_free(on_stack);
	TEST_ASSERT(HAS_OWN_HEAP || strstr(report_seen.text, "[stack]") != NULL, "%s",
		report_seen.text);
	rte_fastmem_free(on_heap);
	TEST_ASSERT(HAS_OWN_HEAP || strstr(report_seen.text, "[heap]") != NULL, "%s",
		report_seen.text);
	rte_fastmem_free((void *)(uintptr_t)64);
	TEST_ASSERT(strstr(report_seen.text, "nothing is mapped") != NULL, "%s",
		report_seen.text);
	TEST_ASSERT_EQUAL(reports_take(), 3);
	free(on_heap);
	return TEST_SUCCESS;
}

static int
a_wrong_size_is_found(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		size_t size = shapes[i].size, align = shapes[i].align;
		char *obj = make(i);

		TEST_ASSERT(obj != NULL);
		rte_fastmem_free_sized(obj, size + 1, align);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_SIZE, obj, obj, size, NULL);
		rte_fastmem_free_sized(obj, size - 1, align);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_SIZE, obj, obj, size, NULL);
		rte_fastmem_free_sized(obj, size, align == 512 ? 0 : 512);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_SIZE, obj, obj, size, NULL);
		TEST_CALL(check_live(1));
		TEST_ASSERT(pattern_holds(obj, size, i));
		rte_fastmem_free_sized(obj, size, align);
		EXPECT_NO_REPORT();
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

/* An alignment of 0 is the default one, whoever says which. */
static int
the_default_alignment_can_be_said_in_two_ways(void)
{
	char *obj = rte_fastmem_alloc(100, 0, 0);

	TEST_ASSERT(obj != NULL);
	rte_fastmem_free_sized(obj, 100, 64);
	EXPECT_NO_REPORT();
	obj = rte_fastmem_alloc(100, 64, 0);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free_sized(obj, 100, 0);
	EXPECT_NO_REPORT();
	return TEST_SUCCESS;
}

static int
a_wrong_handle_is_found(void)
{
	rte_fastmem_handle_t handle, near, other;
	void *objs[3];

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(300, 0, SOCKET_ID_ANY, &handle), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(290, 0, SOCKET_ID_ANY, &near), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(2000, 0, SOCKET_ID_ANY, &other), 0);
	objs[0] = rte_fastmem_halloc(handle, 0);
	objs[1] = rte_fastmem_alloc(300, 0, 0);
	objs[2] = rte_fastmem_alloc(2000, 0, 0);
	TEST_ASSERT(objs[0] != NULL && objs[1] != NULL && objs[2] != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_usable_size(objs[0]), 300);
	rte_fastmem_hfree(other, objs[0]);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_SIZE, objs[0], objs[0], 300, NULL);
	rte_fastmem_hfree_bulk(handle, objs, 3);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_SIZE, objs[2], objs[2], 2000, NULL);
	TEST_CALL(check_live(1));
	rte_fastmem_hfree(other, objs[2]);
	EXPECT_NO_REPORT();
	/* Of the same class. */
	objs[0] = rte_fastmem_halloc(handle, 0);
	rte_fastmem_hfree(near, objs[0]);
	EXPECT_NO_REPORT();
	return check_live(0);
}

/* Realloc. */

static int
realloc_of_what_is_no_live_object_is_found(void)
{
	char *obj = rte_fastmem_alloc(100, 0, 0), *on_heap = malloc(100);

	TEST_ASSERT(obj != NULL && on_heap != NULL);
	pattern_fill(obj, 100, 1);
	TEST_ASSERT(rte_fastmem_realloc(obj + 8, 200, 0) == NULL && rte_errno == EINVAL);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_REALLOC, obj + 8, obj, 100, NULL);
	TEST_ASSERT(rte_fastmem_realloc(on_heap, 200, 0) == NULL && rte_errno == EINVAL);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_REALLOC, on_heap, NULL, 0, NULL);
	TEST_CALL(check_live(1));
	TEST_ASSERT(pattern_holds(obj, 100, 1));
	rte_fastmem_free(obj);
	TEST_ASSERT(rte_fastmem_realloc(obj, 200, 0) == NULL && rte_errno == EINVAL);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_REALLOC, obj, obj, 100, NULL);
	/* To the size of 0, it is a free. */
	TEST_ASSERT(rte_fastmem_realloc(obj, 0, 0) == NULL);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, 100, NULL);
	free(on_heap);
	return check_live(0);
}

/* What it has moved from, is freed. */
static int
the_old_address_of_a_realloc_is_freed(void)
{
	char *old = rte_fastmem_alloc(100, 0, 0), *new;

	TEST_ASSERT(old != NULL);
	new = rte_fastmem_realloc(old, 5000, 0);
	TEST_ASSERT(new != NULL && new != old);
	rte_fastmem_free(old);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, old, old, 100, NULL);
	if (!HAS_MEMORY_CHECKER) {
		spoil(new + 5000);
		old = rte_fastmem_realloc(new, 6000, 0);
		TEST_ASSERT(old != NULL);
		EXPECT_REPORT(RTE_FASTMEM_ERROR_OVERFLOW, new + 5000, new, 5000, NULL);
		new = old;
	}
	rte_fastmem_free(new);
	return check_live(0);
}

/* Pools. */

static int
the_wrong_pool_is_found(void)
{
	struct rte_fastmem_pool *a = debug_pool("a", 200, 0, 0, 0);
	struct rte_fastmem_pool *b = debug_pool("b", 200, 0, 0, 0);
	void *of_a = rte_fastmem_pool_get(a), *of_none = rte_fastmem_alloc(200, 0, 0);

	TEST_ASSERT(of_a != NULL && of_none != NULL);
	rte_fastmem_pool_put(b, of_a);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_POOL, of_a, of_a, 200, "a");
	TEST_ASSERT(strstr(report_seen.text, "to b") != NULL, "%s", report_seen.text);
	rte_fastmem_pool_put(b, of_none);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_WRONG_POOL, of_none, of_none, 200, NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(a), 1);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(b), 0);
	rte_fastmem_pool_put(a, of_a);
	rte_fastmem_free(of_none);
	/* It finds out whose an object is. */
	of_a = rte_fastmem_pool_get(a);
	rte_fastmem_free(of_a);
	EXPECT_NO_REPORT();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(a), 0);
	rte_fastmem_pool_free(a);
	rte_fastmem_pool_free(b);
	EXPECT_NO_REPORT();
	return TEST_SUCCESS;
}

static int
what_is_wrong_with_objects_of_pools_is_found(void)
{
	struct rte_fastmem_pool *pool = debug_pool("wrong", 200, 0, 0, 0);
	void *two[2];
	char *obj, foreign[8];

	TEST_ASSERT(pool != NULL);
	obj = rte_fastmem_pool_get(pool);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_pool_put(pool, obj + 16);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_INTERIOR, obj + 16, obj, 200, "wrong");
	rte_fastmem_pool_put(pool, foreign);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_FREE_FOREIGN, foreign, NULL, 0, NULL);
	rte_fastmem_pool_put(pool, obj);
	EXPECT_NO_REPORT();
	rte_fastmem_pool_put(pool, obj);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, 200, "wrong");
	two[0] = rte_fastmem_pool_get(pool);
	two[1] = two[0];
	rte_fastmem_pool_put_bulk(pool, two, 2);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, two[0], two[0], 200, "wrong");
	rte_fastmem_pool_put(pool, NULL);
	EXPECT_NO_REPORT();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), 0);
	rte_fastmem_pool_free(pool);
	EXPECT_NO_REPORT();
	return TEST_SUCCESS;
}

static int
damage_around_objects_of_pools_is_found(void)
{
	struct rte_fastmem_pool *pool = debug_pool("zones", 200, 64, 64, 0);
	char *objs[64], *first;
	unsigned int i;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, (void **)objs, 64), 0);
	for (i = 0; i < 64; i++)
		pattern_fill(objs[i], 200, i);
	spoil(objs[7] + 200);
	rte_fastmem_pool_put(pool, objs[7]);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_OVERFLOW, objs[7] + 200, objs[7], 200, "zones");
	first = objs[0] < objs[1] ? objs[1] : objs[0]; /* one before which there is another */
	spoil(first - 1);
	i = rte_fastmem_debug_check();
	TEST_ASSERT_EQUAL(i, 1);
	TEST_ASSERT_EQUAL(reports_take(), 1);
	/* Whether it is behind one or in front of the other, nobody knows. */
	TEST_ASSERT(report_seen.error == RTE_FASTMEM_ERROR_UNDERFLOW ||
		report_seen.error == RTE_FASTMEM_ERROR_OVERFLOW);
	TEST_ASSERT(report_seen.ptr == first - 1);
	for (i = 0; i < 64; i++)
		TEST_ASSERT(i == 7 || pattern_holds(objs[i], 200, i), "%u", i);
	objs[7] = rte_fastmem_pool_get(pool);
	TEST_ASSERT(objs[7] != NULL);
	TEST_ASSERT(pattern_holds(objs[7], 200, 7), "what was put keeps its contents");
	rte_fastmem_pool_put_bulk(pool, (void **)objs, 64);
	EXPECT_NO_REPORT();
	if (is_full()) {
		spoil(objs[3] + 100);
		TEST_ASSERT_EQUAL(rte_fastmem_debug_check(), 1);
		/* Which byte it was, is not known: the contents are the application's. */
		EXPECT_REPORT(RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, objs[3], objs[3], 200, "zones");
	}
	rte_fastmem_pool_free(pool);
	EXPECT_NO_REPORT();
	return TEST_SUCCESS;
}

static int
use_of_a_freed_pool_is_found(void)
{
	struct rte_fastmem_pool *pool = debug_pool("gone", 100, 0, 0, 0);
	void *obj, *objs[4];

	TEST_ASSERT(pool != NULL);
	obj = rte_fastmem_pool_get(pool);
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_pool_free(pool);
	EXPECT_NO_REPORT();
	TEST_ASSERT(rte_fastmem_pool_get(pool) == NULL && rte_errno == ENODEV);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_POOL_FREED, pool, NULL, 0, "gone");
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, 4), -ENODEV);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_POOL_FREED, pool, NULL, 0, "gone");
	rte_fastmem_pool_put(pool, obj);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_POOL_FREED, pool, NULL, 0, "gone");
	rte_fastmem_pool_free(pool);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_POOL_FREED, pool, NULL, 0, "gone");
	return TEST_SUCCESS;
}

static int
a_pool_freed_with_objects_in_use_is_found(void)
{
	struct rte_fastmem_pool *pool = debug_pool("busy", 100, 0, 0, 0);
	void *objs[5];

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, 5), 0);
	rte_fastmem_pool_put(pool, objs[4]);
	EXPECT_NO_REPORT();
	rte_fastmem_pool_free(pool);
	EXPECT_REPORT(RTE_FASTMEM_ERROR_POOL_IN_USE, pool, NULL, 0, "busy");
	TEST_ASSERT(strstr(report_seen.text, "with 4 objects") != NULL, "%s", report_seen.text);
	/* Of one place: in one line, as in the list at the end. */
	TEST_ASSERT(strstr(report_seen.text, "\n  400 bytes in 4 objects of 100, pool busy, ") != NULL,
		"%s", report_seen.text);
	/* Its objects are none any more. */
	rte_fastmem_free(objs[0]);
	TEST_ASSERT_EQUAL(reports_take(), 1);
	TEST_ASSERT_EQUAL(report_seen.error, RTE_FASTMEM_ERROR_FREE_FOREIGN);
	return TEST_SUCCESS;
}

/* What a report tells a person. */

__rte_noinline static void *
here_it_is_allocated(void)
{
	void *obj = rte_fastmem_alloc(123, 0, 0);

	__asm__ volatile("# no tail call" : "+r"(obj));
	return obj;
}

__rte_noinline static void
here_it_is_freed(void *obj)
{
	rte_fastmem_free(obj);
	__asm__ volatile("# no tail call");
}

/* Not the same instructions: compilers would make one function of both. */
__rte_noinline static void
here_it_is_freed_again(void *obj)
{
	rte_fastmem_free(obj);
	__asm__ volatile("# no tail call either");
}

/* Lines of source come from a tool that need not be there; tests need it. */
static int
a_report_names_who_allocated_and_freed(void)
{
	const char *text = report_seen.text, *allocated, *freed, *found;
	char pid[32];
	void *obj;

	if (!is_full())
		return test_skip(FULL_CHECKS);
	obj = here_it_is_allocated();
	TEST_ASSERT(obj != NULL);
	here_it_is_freed(obj);
	fastmem_symbol_patience_ms = 20000;
	here_it_is_freed_again(obj);
	fastmem_symbol_patience_ms = 0;
	EXPECT_REPORT(RTE_FASTMEM_ERROR_DOUBLE_FREE, obj, obj, 123, NULL);
	allocated = strstr(text, "here_it_is_allocated");
	freed = strstr(text, "here_it_is_freed ");
	found = strstr(text, "here_it_is_freed_again");
	TEST_ASSERT(allocated != NULL && freed != NULL && found != NULL, "%s", text);
	TEST_ASSERT(allocated < freed && freed < found, "%s", text);
	/* Functions of the library, which is in this program, are not shown: each is the first. */
	TEST_ASSERT(strstr(text, "#0 here_it_is_allocated ") != NULL, "%s", text);
	TEST_ASSERT(strstr(text, "#0 here_it_is_freed ") != NULL, "%s", text);
	TEST_ASSERT(strstr(text, "#0 here_it_is_freed_again ") != NULL, "%s", text);
	TEST_ASSERT(strstr(text, "test_fastmem_debug.c:") != NULL, "%s", text);
	snprintf(pid, sizeof(pid), "process %d", getpid());
	TEST_ASSERT(strstr(text, pid) != NULL, "%s", text);
	TEST_ASSERT(strstr(text, "double free") != NULL, "%s", text);
	return TEST_SUCCESS;
}

static int
a_report_shows_the_bytes_around_the_damage(void)
{
	char *obj;

	if (HAS_MEMORY_CHECKER)
		return test_skip(SANITIZER_CHECKS);
	obj = rte_fastmem_alloc(200, 0, 0);
	TEST_ASSERT(obj != NULL);
	memset(obj, 0x11, 200);
	spoil(obj + 200);
	rte_fastmem_free(obj);
	TEST_ASSERT_EQUAL(reports_take(), 1);
	/* The last bytes of the object, and the first of the zone, which is marked. */
	TEST_ASSERT(strstr(report_seen.text, "11 11 11 [") != NULL, "%s", report_seen.text);
	TEST_ASSERT(strstr(report_seen.text, "200 bytes: to the first byte behind it") != NULL, "%s", report_seen.text);
	return TEST_SUCCESS;
}

static unsigned int
dump_tells(const void *ptr, const char *what)
{
	char text[REPORT_TEXT];
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (f == NULL)
		return 0;
	rte_fastmem_object_dump(f, ptr);
	fclose(f);
	text[sizeof(text) - 1] = '\0';
	if (strstr(text, what) == NULL)
		fprintf(stderr, "'%s' is not in: %s\n", what, text);
	return strstr(text, what) != NULL;
}

static int
an_address_is_explained(void)
{
	struct rte_fastmem_pool *pool = debug_pool("dumped", 100, 0, 0, 0);
	char *obj = rte_fastmem_alloc(345, 0, 0), *of_pool = rte_fastmem_pool_get(pool);

	TEST_ASSERT(obj != NULL && of_pool != NULL);
	TEST_ASSERT(dump_tells(obj, "of 345 bytes, live"));
	TEST_ASSERT(dump_tells(obj + 44, "44 bytes from where its object begins"));
	TEST_ASSERT(dump_tells(of_pool, "pool dumped"));
	TEST_ASSERT(dump_tells(&obj, "no address of fastmem"));
	TEST_ASSERT(dump_tells(NULL, "no address of fastmem"));
	rte_fastmem_free(obj);
	TEST_ASSERT(dump_tells(obj, "of 345 bytes, free"));
	rte_fastmem_pool_put(pool, of_pool);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_write_behind_an_object_is_found),
	TEST_CASE(a_write_in_front_of_an_object_is_found),
	TEST_CASE(an_object_is_as_large_as_was_asked_for),
	TEST_CASE(a_write_after_free_is_found),
	TEST_CASE(a_write_after_free_is_found_on_reuse),
	TEST_CASE(freed_memory_does_not_keep_its_contents),
	TEST_CASE(a_double_free_is_found),
	TEST_CASE(a_double_free_within_a_bulk_is_found),
	TEST_CASE(a_double_free_after_other_allocations_is_found),
	TEST_CASE(a_free_of_an_address_within_an_object_is_found),
	TEST_CASE(a_free_of_what_is_no_object_is_found),
	TEST_CASE(a_report_names_the_mapping_of_a_foreign_address),
	TEST_CASE(a_wrong_size_is_found),
	TEST_CASE(the_default_alignment_can_be_said_in_two_ways),
	TEST_CASE(a_wrong_handle_is_found),
	TEST_CASE(realloc_of_what_is_no_live_object_is_found),
	TEST_CASE(the_old_address_of_a_realloc_is_freed),
	TEST_CASE(the_wrong_pool_is_found),
	TEST_CASE(what_is_wrong_with_objects_of_pools_is_found),
	TEST_CASE(damage_around_objects_of_pools_is_found),
	TEST_CASE(use_of_a_freed_pool_is_found),
	TEST_CASE(a_pool_freed_with_objects_in_use_is_found),
	TEST_CASE(a_report_names_who_allocated_and_freed),
	TEST_CASE(a_report_shows_the_bytes_around_the_damage),
	TEST_CASE(an_address_is_explained),
	TEST_CASES_END
};

const struct test_suite suite_debug_light = {
	.name = "debug_light",
	.about = "errors, with RTE_FASTMEM_DEBUG_LIGHT",
	.setup = debug_up_light,
	.teardown = debug_down,
	.rescue = debug_rescue,
	.cases = cases,
};

const struct test_suite suite_debug_full = {
	.name = "debug_full",
	.about = "errors, with RTE_FASTMEM_DEBUG_FULL",
	.setup = debug_up_full,
	.teardown = debug_down,
	.rescue = debug_rescue,
	.cases = cases,
};
