/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Backing memory moves between sizes, stays small, and is given back.
 */

#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define LIMIT (32 * MIB)
#define MAX_OBJECTS 140000

static void *ptrs[MAX_OBJECTS];

/* At least 95 % of the limit holds objects of one size, each time another. */
static int
memory_moves_between_sizes(void)
{
	size_t sizes[] = { 256, 4096, 1024, 256, 64 * KIB, 1536, 300 };
	unsigned int i, j, n;

	TEST_CALL(limit_in_all(LIMIT));
	for (i = 0; i < RTE_DIM(sizes); i++) {
		n = fill_up(ptrs, MAX_OBJECTS, sizes[i]);
		TEST_ASSERT(n < MAX_OBJECTS);
		TEST_ASSERT(n * (sizes[i] == 300 ? 320 : sizes[i]) >=
			LIMIT / 100 * 95, "round %u: %u objects of %zu", i, n, sizes[i]);
		for (j = 0; j < n; j++)
			pattern_fill(ptrs[j], 64, j);
		for (j = 0; j < n; j++)
			TEST_ASSERT(pattern_holds(ptrs[j], 64, j), "object %u of %zu", j, sizes[i]);
		TEST_CALL(check_live(n));
		for (j = 0; j < n; j++)
			rte_fastmem_free(ptrs[j]);
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

/* The same for the largest objects, which need long runs. */
static int
memory_of_small_objects_becomes_large_ones(void)
{
	unsigned int n;

	TEST_CALL(limit_in_all(LIMIT));
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT, SOCKET_ID_ANY), 0);
	n = fill_up(ptrs, MAX_OBJECTS, 512);
	TEST_ASSERT(n < MAX_OBJECTS);
	rte_fastmem_free_bulk(ptrs, n);
	n = fill_up(ptrs, MAX_OBJECTS, MIB);
	TEST_ASSERT(n >= LIMIT / MIB * 3 / 4, "%u of 1 MiB", n);
	rte_fastmem_free_bulk(ptrs, n);
	n = fill_up(ptrs, MAX_OBJECTS, 512);
	TEST_ASSERT(n >= LIMIT / 512 / 100 * 95, "%u of 512 bytes", n);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* Memory freed here and there, and not only all at once. */
static int
half_of_the_memory_moves_when_half_is_freed(void)
{
	unsigned int i, n, m;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, LIMIT), 0);
	n = fill_up(ptrs, MAX_OBJECTS, 4096);
	TEST_ASSERT(n < MAX_OBJECTS);
	for (i = 0; i < n; i++)
		pattern_fill(ptrs[i], 4096, i);
	rte_fastmem_free_bulk(ptrs, n / 2);
	m = fill_up(ptrs + n, MAX_OBJECTS - n, 1024);
	TEST_ASSERT(m >= n / 2 * 4 / 100 * 90, "%u of 4096 bytes became %u of 1024", n / 2, m);
	for (i = n / 2; i < n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], 4096, i), "object %u", i);
	rte_fastmem_free_bulk(ptrs + n / 2, n - n / 2 + m);
	return TEST_SUCCESS;
}

static int
one_object_of_each_size_takes_little(void)
{
	unsigned int n = 0;
	size_t size;

	for (size = 8; size <= MIB; size *= 2) {
		ptrs[n] = rte_fastmem_alloc(size, 0, 0);
		TEST_ASSERT(ptrs[n++] != NULL, "size %zu", size);
	}
	TEST_ASSERT(stats_backing() <= 12 * MIB, "%" PRIu64, stats_backing());
	for (size = 8; size <= 32; size *= 2) {
		ptrs[n] = rte_fastmem_alloc(size, 8, 0);
		TEST_ASSERT(ptrs[n++] != NULL, "size %zu", size);
	}
	TEST_ASSERT(stats_backing() <= 12 * MIB, "%" PRIu64, stats_backing());
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* The slabs of many are of no use to few. */
static int
the_first_object_of_a_size_takes_no_slab_for_many(void)
{
	struct rte_fastmem_class_stats stats;
	size_t sizes[MAX_CLASSES];
	unsigned int i, classes = rte_fastmem_classes(sizes);

	for (i = 0; i < classes; i++) {
		void *obj = rte_fastmem_alloc(sizes[i], sizes[i] < 64 ? 8 : 0, 0);

		TEST_ASSERT(obj != NULL);
		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[i], &stats), 0);
		TEST_ASSERT(stats.bytes_backing >= sizes[i]);
		TEST_ASSERT(stats.bytes_backing <= RTE_MAX(3 * 64 * KIB, sizes[i] * 3 / 2),
			"size %zu: %" PRIu64, sizes[i], stats.bytes_backing);
		rte_fastmem_free(obj);
	}
	return TEST_SUCCESS;
}

static int
trim_leaves_at_most_a_chunk(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, n, classes = rte_fastmem_classes(sizes);
	uint64_t before, given;

	for (n = 0, i = 0; i < classes; i++) {
		unsigned int k = RTE_MAX(200 * KIB / sizes[i], (size_t)2);

		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs + n, RTE_MIN(k, 1000u), sizes[i], 8,
			0), 0);
		n += RTE_MIN(k, 1000u);
	}
	rte_fastmem_free_bulk(ptrs, n);
	before = stats_backing();
	TEST_ASSERT(zones_chunks() > rte_socket_count());
	given = rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(zones_chunks() <= rte_socket_count(), "%u chunks", zones_chunks());
	TEST_ASSERT_EQUAL(stats_backing(), before - given);
	TEST_CALL(check_live(0));
	ptrs[0] = rte_fastmem_alloc(100, 0, 0);
	TEST_ASSERT(ptrs[0] != NULL, "after trim");
	rte_fastmem_free(ptrs[0]);
	return TEST_SUCCESS;
}

/* Without trim: what the caches and the depot cannot hold does not stay with the size. */
static int
empty_slabs_go_back_by_themselves(void)
{
	struct rte_fastmem_class_stats stats;
	unsigned int n = 16 * MIB / 256;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 256, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(256, &stats), 0);
	TEST_ASSERT(stats.slabs_full >= n / 256 - 1);
	rte_fastmem_free_bulk(ptrs, n);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(256, &stats), 0);
	TEST_ASSERT(stats.slab_releases > 0);
	TEST_ASSERT(stats.slabs_partial + stats.slabs_full <= n / 256 / 2, "%u and %u of %u",
		stats.slabs_partial, stats.slabs_full, n / 256);
	return TEST_SUCCESS;
}

/* Each is a slab, which takes longer to make than all else that a call does. */
static int
freed_large_objects_stay_with_their_size(void)
{
	static const size_t sizes[] = { 128 * KIB, 256 * KIB, 640 * KIB, MIB };
	struct rte_fastmem_class_stats before, after;
	unsigned int i, round;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		for (round = 0; round < 3; round++) {
			TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[i], &before), 0);
			TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 64, sizes[i], 0, 0), 0);
			rte_fastmem_free_bulk(ptrs, 64);
		}
		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[i], &after), 0);
		TEST_ASSERT(after.slab_acquires >= 64);
		TEST_ASSERT_EQUAL(after.slab_acquires, before.slab_acquires, "%zu bytes", sizes[i]);
	}
	return check_live(0);
}

/* Before the arena grows, and before this thread's caches lose what they have of yet other sizes. */
static int
freed_large_objects_serve_other_sizes_first(void)
{
	struct rte_fastmem_class_stats before, after;
	uint64_t backing;
	unsigned int n = 128;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 48, MIB, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs + 48, n, 4096, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs + 48, n);
	backing = stats_backing();
	rte_fastmem_free_bulk(ptrs, 48);
	n = 40 * MIB / (64 * KIB);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 64 * KIB, 0, 0), 0);
	TEST_ASSERT(stats_backing() <= backing, "%" PRIu64 " after %" PRIu64, stats_backing(),
		backing);
	rte_fastmem_free_bulk(ptrs, n);

	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(4096, &before), 0);
	ptrs[0] = rte_fastmem_alloc(4096, 0, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(4096, &after), 0);
	TEST_ASSERT_EQUAL(after.alloc_cache_hits, before.alloc_cache_hits + 1);
	rte_fastmem_free(ptrs[0]);
	return check_live(0);
}

/* Of 300 KiB: with every second of the objects of 512 KiB that fill a limit freed, or with all. */
static unsigned int
fit_after_large_ones(bool all, bool trim)
{
	unsigned int i, n, kept = 0, fit;

	n = fill_up(ptrs, MAX_OBJECTS, 512 * KIB);
	for (i = 0; i < n; i++) {
		if (all || i % 2 != 0)
			rte_fastmem_free(ptrs[i]);
		else
			ptrs[kept++] = ptrs[i];
	}
	if (trim) /* what caches and depots hold, and no chunk */
		rte_fastmem_trim(SIZE_MAX, SOCKET_ID_ANY);
	fit = fill_up(ptrs + kept, MAX_OBJECTS - kept, 300 * KIB);
	rte_fastmem_free_bulk(ptrs, kept + fit);
	rte_fastmem_trim(SIZE_MAX, SOCKET_ID_ANY);
	return fit;
}

static int
freed_large_objects_take_no_room_from_others_at_a_limit(void)
{
	unsigned int all, fit;

	TEST_CALL(limit_in_all(64 * MIB));
	for (all = 0; all < 2; all++) {
		unsigned int most = fit_after_large_ones(all, true);

		fit = fit_after_large_ones(all, false);
		/* The thread's own caches may hold some. */
		TEST_ASSERT(fit + 2 >= most, "%u of %u", fit, most);
	}
	return check_live(0);
}

static int
freed_large_objects_serve_pools_before_memory_grows(void)
{
	const struct rte_fastmem_pool_params params = {
		.name = "large", .size = 64 * KIB, .socket_id = rte_socket_id(),
	};
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	unsigned int n = 36 * MIB / (64 * KIB);
	uint64_t backing;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 48, MIB, 0, 0), 0);
	backing = stats_backing();
	rte_fastmem_free_bulk(ptrs, 48);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, ptrs, n), 0);
	TEST_ASSERT(stats_backing() <= backing, "%" PRIu64 " after %" PRIu64, stats_backing(),
		backing);
	rte_fastmem_pool_put_bulk(pool, ptrs, n);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_free(pool), 0);
	return check_live(0);
}

/* Also if their size is in use all the time. */
static int
maintain_gives_freed_large_objects_back(void)
{
	unsigned int i, j;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 64, MIB, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs, 64);
	TEST_ASSERT(stats_backing() >= 64 * MIB);
	for (i = 0; i < 4; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
		for (j = 0; j < 4; j++) {
			TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, 4, MIB, 0, 0), 0);
			rte_fastmem_free_bulk(ptrs, 4);
		}
	}
	TEST_ASSERT(stats_backing() <= 12 * MIB, "%" PRIu64, stats_backing());
	return check_live(0);
}

static int
trim_leaves_live_objects_alone(void)
{
	unsigned int i, n = 6000;
	uint64_t before;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 4096, 0, 0), 0);
	for (i = 0; i < n; i++)
		pattern_fill(ptrs[i], 4096, i);
	rte_fastmem_free_bulk(ptrs, n - 10);
	before = stats_backing();
	TEST_ASSERT(rte_fastmem_trim(0, SOCKET_ID_ANY) > 0);
	TEST_ASSERT(stats_backing() < before);
	TEST_CALL(check_live(10));
	for (i = n - 10; i < n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], 4096, i), "object %u", i);
	rte_fastmem_free_bulk(ptrs + n - 10, 10);
	return TEST_SUCCESS;
}

static int
trim_keeps_what_it_is_told_to_keep(void)
{
	int socket = rte_socket_id_by_idx(0);
	uint64_t before, given;

	refuse_above(2 * MIB); /* so that there are many chunks */
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(20 * MIB, socket), 0);
	before = stats_backing();
	TEST_ASSERT_EQUAL(rte_fastmem_trim(before, socket), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_trim(SIZE_MAX, socket), 0);
	given = rte_fastmem_trim(9 * MIB, socket);
	TEST_ASSERT(stats_backing() >= 9 * MIB && stats_backing() < 12 * MIB, "%" PRIu64,
		stats_backing());
	TEST_ASSERT_EQUAL(stats_backing(), before - given);
	rte_fastmem_trim(0, socket);
	TEST_ASSERT(stats_backing() <= 2 * MIB);
	return TEST_SUCCESS;
}

static int
maintain_gives_idle_memory_back(void)
{
	unsigned int i, n = 4000;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 4096, 0, 0), 0);
	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_cache_flush();
	for (i = 0; i < 5; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT(stats_backing() <= 2 * MIB, "%" PRIu64, stats_backing());
	TEST_CALL(check_live(0));
	return TEST_SUCCESS;
}

static int
maintain_keeps_what_was_reserved(void)
{
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(16 * MIB, SOCKET_ID_ANY), 0);
	for (i = 0; i < 5; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT(stats_backing() >= 16 * MIB, "%" PRIu64, stats_backing());
	return TEST_SUCCESS;
}

static int
maintain_grows_as_the_use_has_grown(void)
{
	unsigned int n = 1000, more;

	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 4096, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	for (more = 0; more < n; more++) {
		ptrs[n + more] = rte_fastmem_alloc(4096, 0, RTE_FASTMEM_F_NOGROW);
		TEST_ASSERT(ptrs[n + more] != NULL, "object %u", more);
	}
	rte_fastmem_free_bulk(ptrs, n + more);
	return TEST_SUCCESS;
}

/* It knows of no time to compare with, however much is in use. */
static int
the_first_maintain_does_not_grow(void)
{
	const unsigned int n = 4000;
	uint64_t backing;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 4096, 0, 0), 0);
	backing = stats_backing();
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT(stats_backing() <= backing, "%" PRIu64 " KiB more",
		(stats_backing() - backing) >> 10);
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/*
 * Calls for any socket were refused: maintain grows all sockets for them. One that EAL has no memory
 * of makes it -ENOMEM, and keeps none of the others from being grown.
 */
static int
maintain_grows_what_it_can(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	int ret = rte_fastmem_maintain(), expected = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if (fastmem_arena_bytes(&ctl->arenas[i]) == 0)
			expected = -ENOMEM;
	TEST_ASSERT(ret == 0 || ret == expected, "%d", ret);
	return TEST_SUCCESS;
}

/* Who must not grow sees to it by maintain alone: there is no use that could grow. */
static int
maintain_grows_for_what_was_refused(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < 20 && n < 1000; i++) {
		while (n < 1000 && (ptrs[n] = rte_fastmem_alloc(4096, 0, RTE_FASTMEM_F_NOGROW)) != NULL)
			n++;
		TEST_CALL(maintain_grows_what_it_can());
	}
	TEST_ASSERT_EQUAL(n, 1000);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, MIB), 0);
	while ((ptrs[n] = rte_fastmem_alloc(MIB, 0, RTE_FASTMEM_F_NOGROW)) != NULL)
		n++;
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), -ENOMEM);
	TEST_CALL(check_live(n));
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* However much is free in shorter runs. */
static int
maintain_grows_for_long_runs_that_were_refused(void)
{
	unsigned int i, n = 1000, more = n;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 64 * KIB, 0, 0), 0);
	for (i = 0; i < n; i++) {
		if (i % 8 != 0) {
			rte_fastmem_free(ptrs[i]);
			ptrs[i] = NULL;
		}
	}
	/* Slabs go to the arena, and no chunk to EAL. */
	rte_fastmem_trim(SIZE_MAX / 2, SOCKET_ID_ANY);
	while ((ptrs[more] = rte_fastmem_alloc(MIB, 0, RTE_FASTMEM_F_NOGROW)) != NULL)
		more++;
	TEST_CALL(maintain_grows_what_it_can());
	ptrs[more] = rte_fastmem_alloc(MIB, 0, RTE_FASTMEM_F_NOGROW);
	TEST_ASSERT(ptrs[more++] != NULL);
	/* It was asked for once. */
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	refuse_nothing(); /* counts */
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT_EQUAL(refuse_seen(), 0, "maintain grows for nothing");
	for (i = 0; i < more; i++)
		rte_fastmem_free(ptrs[i]);
	return TEST_SUCCESS;
}

static int
maintain_that_cannot_grow_is_enomem(void)
{
	unsigned int n = 1000;

	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, n, 4096, 0, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, MIB), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), -ENOMEM);
	TEST_CALL(check_live(n));
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

/* Objects that a thread's cache keeps are bounded, whatever it frees. */
static int
memory_freed_here_serves_other_sizes_without_a_flush(void)
{
	unsigned int n, round;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 4 * MIB), 0);
	for (round = 0; round < 20; round++) {
		size_t size = (size_t)64 << (round % 12);

		n = fill_up(ptrs, MAX_OBJECTS, size);
		TEST_ASSERT(n * size >= 3 * MIB, "round %u: %u of %zu", round, n, size);
		rte_fastmem_free_bulk(ptrs, n);
	}
	return TEST_SUCCESS;
}

/* Whatever their size: a slab of tiny objects has a slot for each. */
static int
small_objects_fill_what_is_reserved(void)
{
	static const size_t sizes[] = { 8, 16, 48, 64 };
	const size_t bytes = 6 * MIB;
	void **objs = malloc(bytes / sizes[0] * sizeof(*objs));
	uint64_t backing;
	unsigned int i, n;

	TEST_ASSERT(objs != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
	backing = stats_backing();
	for (i = 0; i < RTE_DIM(sizes); i++) {
		for (n = 0; n < bytes / sizes[i]; n++) {
			objs[n] = rte_fastmem_alloc(sizes[i], 8, 0);
			TEST_ASSERT(objs[n] != NULL);
		}
		TEST_ASSERT_EQUAL(stats_backing(), backing, "objects of %zu bytes", sizes[i]);
		rte_fastmem_free_bulk(objs, n);
		rte_fastmem_trim(8 * MIB, SOCKET_ID_ANY);
	}
	free(objs);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(small_objects_fill_what_is_reserved),
	TEST_CASE_UNCHECKED(memory_moves_between_sizes),
	TEST_CASE_UNCHECKED(memory_of_small_objects_becomes_large_ones),
	TEST_CASE(half_of_the_memory_moves_when_half_is_freed),
	TEST_CASE(one_object_of_each_size_takes_little),
	TEST_CASE_UNCHECKED(the_first_object_of_a_size_takes_no_slab_for_many),
	TEST_CASE(trim_leaves_at_most_a_chunk),
	TEST_CASE_UNCHECKED(empty_slabs_go_back_by_themselves),
	TEST_CASE_UNCHECKED(freed_large_objects_stay_with_their_size),
	TEST_CASE_UNCHECKED(freed_large_objects_serve_other_sizes_first),
	TEST_CASE_UNCHECKED(freed_large_objects_take_no_room_from_others_at_a_limit),
	TEST_CASE_UNCHECKED(freed_large_objects_serve_pools_before_memory_grows),
	TEST_CASE_UNCHECKED(maintain_gives_freed_large_objects_back),
	TEST_CASE(trim_leaves_live_objects_alone),
	TEST_CASE(trim_keeps_what_it_is_told_to_keep),
	TEST_CASE_UNCHECKED(maintain_gives_idle_memory_back),
	TEST_CASE(maintain_keeps_what_was_reserved),
	TEST_CASE(maintain_grows_as_the_use_has_grown),
	TEST_CASE(the_first_maintain_does_not_grow),
	TEST_CASE(maintain_grows_for_what_was_refused),
	TEST_CASE_UNCHECKED(maintain_grows_for_long_runs_that_were_refused),
	TEST_CASE(maintain_that_cannot_grow_is_enomem),
	TEST_CASE_UNCHECKED(memory_freed_here_serves_other_sizes_without_a_flush),
	TEST_CASES_END
};

const struct test_suite suite_memory = {
	.name = "memory",
	.about = "memory moves between sizes and is given back",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
