/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Sizes and alignments: each request gets an object that is large enough, as
 * aligned as asked for, and not much larger.
 */

#include "test_fastmem.h"

static bool
is_aligned(const void *ptr, size_t align)
{
	return ((uintptr_t)ptr & ((align != 0 ? align : 64) - 1)) == 0;
}

/* Two objects at once, as the first of a slab is aligned by chance. */
static int
check_request(size_t size, size_t align)
{
	void *ptrs[3];
	unsigned int i;

	for (i = 0; i < RTE_DIM(ptrs); i++) {
		ptrs[i] = rte_fastmem_alloc(size, align, 0);
		TEST_ASSERT(ptrs[i] != NULL, "size %zu align %zu: errno %d", size, align,
			rte_errno);
		TEST_ASSERT(is_aligned(ptrs[i], align), "%p: size %zu align %zu", ptrs[i], size,
			align);
		TEST_ASSERT(rte_fastmem_usable_size(ptrs[i]) >= size, "size %zu align %zu", size,
			align);
		pattern_fill(ptrs[i], size, i);
	}
	for (i = 0; i < RTE_DIM(ptrs); i++) {
		TEST_ASSERT(pattern_holds(ptrs[i], size, i), "size %zu align %zu", size, align);
		rte_fastmem_free_sized(ptrs[i], size, align);
	}
	return TEST_SUCCESS;
}

static int
each_power_of_two_is_an_alignment(void)
{
	size_t align, size;

	for (align = 1; align <= MIB; align *= 2) {
		for (size = 1; size < 2 * align && size <= MIB; size = size * 3 / 2 + 1) {
			if (RTE_ALIGN_CEIL(size, align) <= MIB)
				TEST_CALL(check_request(size, align));
		}
		TEST_CALL(check_request(0, align));
		TEST_CALL(check_request(align, align));
		if (align < MIB)
			TEST_CALL(check_request(align + 1, align));
		TEST_CALL(check_request(RTE_ALIGN_FLOOR(MIB - 1, align) + (align == MIB) * MIB,
			align));
		TEST_CALL(check_request(MIB, align));
		rte_fastmem_cache_flush();
	}
	return TEST_SUCCESS;
}

static int
around_each_class_border_objects_fit(void)
{
	size_t aligns[] = { 0, 1, 8, 16, 32, 64, 128, 256, 4096 };
	size_t sizes[MAX_CLASSES];
	unsigned int i, j, n = rte_fastmem_classes(sizes);
	size_t size;

	for (i = 0; i < n; i++) {
		for (size = sizes[i] - 1; size <= sizes[i] + 1 && size <= MIB; size++)
			for (j = 0; j < RTE_DIM(aligns); j++)
				TEST_CALL(check_request(size, aligns[j]));
		rte_fastmem_cache_flush();
	}
	return TEST_SUCCESS;
}

static int
overaligned_objects_do_not_overlap(void)
{
	size_t align, size;
	void *ptrs[32];
	unsigned int i, n;

	for (align = 128 * KIB; align <= MIB; align *= 2) {
		for (size = 1; size <= MIB; size += align) {
			n = RTE_MIN(RTE_DIM(ptrs), 16 * MIB / RTE_ALIGN_CEIL(size, align));
			for (i = 0; i < n; i++) {
				ptrs[i] = rte_fastmem_alloc(size, align, 0);
				TEST_ASSERT(ptrs[i] != NULL, "size %zu align %zu", size, align);
				TEST_ASSERT(is_aligned(ptrs[i], align));
				pattern_fill(ptrs[i], size, i);
			}
			for (i = 0; i < n; i++)
				TEST_ASSERT(pattern_holds(ptrs[i], size, i), "size %zu align %zu",
					size, align);
			rte_fastmem_free_bulk(ptrs, n);
		}
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

/* The usable size of what a request gets; 0 on failure. */
static size_t
slot_of(size_t size, size_t align)
{
	void *ptr = rte_fastmem_alloc(size, align, 0);
	size_t usable = rte_fastmem_usable_size(ptr);

	rte_fastmem_free(ptr);
	return usable;
}

/*
 * Waste only changes at class borders: between them it falls by one with each
 * byte. So the sizes just above a border are the worst ones; those between are
 * looked at as well, in steps.
 */
static int
waste_is_bounded_for_each_size(void)
{
	size_t size, slot, last = 0;

	for (size = 1; size <= MIB; size += size < 70000 ? 1 : 61) {
		slot = slot_of(size, 0);
		TEST_ASSERT(slot >= size, "size %zu: slot %zu", size, slot);
		TEST_ASSERT(slot >= last, "size %zu: slot %zu", size, slot);
		if (size < 512)
			TEST_ASSERT(slot - size <= 64, "size %zu: slot %zu", size, slot);
		else
			TEST_ASSERT((slot - size) * 8 <= slot, "size %zu: slot %zu", size, slot);
		last = slot;
	}
	TEST_ASSERT_EQUAL(slot_of(MIB, 0), MIB);
	return TEST_SUCCESS;
}

static int
waste_is_bounded_above_each_class_border(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);

	for (i = 0; i < n; i++) {
		if (sizes[i] < 64)
			TEST_ASSERT_EQUAL(slot_of(sizes[i], 8), sizes[i]);
		else
			TEST_ASSERT_EQUAL(slot_of(sizes[i], 0), sizes[i]);
		if (sizes[i] >= 512 && i + 1 < n)
			TEST_ASSERT((sizes[i + 1] - sizes[i] - 1) * 8 <= sizes[i],
				"%zu after %zu", sizes[i + 1], sizes[i]);
	}
	return TEST_SUCCESS;
}

static int
tiny_objects_share_cache_lines_only_on_request(void)
{
	size_t size;

	for (size = 1; size <= 48; size++) {
		TEST_ASSERT_EQUAL(slot_of(size, 0), 64);
		TEST_ASSERT_EQUAL(slot_of(size, 64), 64);
		TEST_ASSERT(slot_of(size, 8) <= RTE_MAX(size * 2, (size_t)8), "size %zu", size);
	}
	TEST_ASSERT_EQUAL(slot_of(8, 8), 8);
	TEST_ASSERT_EQUAL(slot_of(1, 1), 8);
	TEST_ASSERT_EQUAL(slot_of(16, 16), 16);
	TEST_ASSERT_EQUAL(slot_of(48, 16), 48);
	return TEST_SUCCESS;
}

/* All of a slab's slots, its last one too, lie within memory that is fastmem's. */
static int
the_whole_of_each_object_is_writable(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, j, k, n = rte_fastmem_classes(sizes);
	void *ptrs[600];

	for (i = 0; i < n; i++) {
		/* More than a slab of it. */
		k = RTE_MIN(RTE_DIM(ptrs), 4 * MIB / sizes[i]);
		for (j = 0; j < k; j++) {
			ptrs[j] = rte_fastmem_alloc(sizes[i], sizes[i] < 64 ? 8 : 0, 0);
			TEST_ASSERT(ptrs[j] != NULL);
			TEST_ASSERT(rte_fastmem_contains(ptrs[j]));
			TEST_ASSERT(rte_fastmem_contains((char *)ptrs[j] + sizes[i] - 1));
			pattern_fill(ptrs[j], sizes[i], j);
		}
		for (j = 0; j < k; j++)
			TEST_ASSERT(pattern_holds(ptrs[j], sizes[i], j), "size %zu, %u", sizes[i],
				j);
		for (j = 0; j < k; j++)
			rte_fastmem_free(ptrs[j]);
		rte_fastmem_cache_flush();
	}
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(each_power_of_two_is_an_alignment),
	TEST_CASE(around_each_class_border_objects_fit),
	TEST_CASE(overaligned_objects_do_not_overlap),
	TEST_CASE_UNCHECKED(waste_is_bounded_for_each_size),
	TEST_CASE(waste_is_bounded_above_each_class_border),
	TEST_CASE_UNCHECKED(tiny_objects_share_cache_lines_only_on_request),
	TEST_CASE(the_whole_of_each_object_is_writable),
	TEST_CASES_END
};

const struct test_suite suite_sizes = {
	.name = "sizes",
	.about = "alignment, class borders and internal waste",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
