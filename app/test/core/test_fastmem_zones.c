/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * EAL's memzones are shared by all libraries: fastmem takes few, however it grows, and leaves
 * few pages to a few live objects.
 */

#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define MANY 262144u
#define FEW_ZONES 256u /* for up to 16 GiB */

static void *ptrs[MANY];

/* Each step is served, and none goes beyond the limit. */
static int
a_limit_that_rises_in_small_steps_takes_few_zones(void)
{
	unsigned int i, n = 3000, sockets = rte_socket_count();
	const size_t step = 64 * KIB;

	for (i = 0; i < n; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, (i + 1) * step), 0);
		ptrs[i] = rte_fastmem_alloc(step, 0, 0);
		TEST_ASSERT(ptrs[i] != NULL, "step %u: %s", i, rte_strerror(rte_errno));
		pattern_fill(ptrs[i], 64, i);
		if (i % 100 == 0)
			TEST_ASSERT(stats_backing() <= (i + 1) * step * sockets);
	}
	TEST_ASSERT(zones_fastmem() <= 128, "%u memzones", zones_fastmem());
	TEST_CALL(check_live(n));
	for (i = 0; i < n; i++)
		TEST_ASSERT(pattern_holds(ptrs[i], 64, i));
	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(zones_chunks() <= sockets);
	return TEST_SUCCESS;
}

/* What joins a chunk later is one with what is free before it. */
static int
a_limit_that_rises_in_small_steps_serves_large_objects(void)
{
	unsigned int i, n = 0;

	for (i = 1; i <= 40 * 16; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, i * 64 * KIB), 0);
		ptrs[n] = rte_fastmem_alloc(256 * KIB, 0, 0);
		n += ptrs[n] != NULL;
		TEST_ASSERT(stats_backing() <= i * 64 * KIB * rte_socket_count());
	}
	TEST_ASSERT(n >= 40 * 4 * 80 / 100, "%u objects of 256 KiB in 40 MiB", n);
	TEST_CALL(check_live(n));
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

static int
a_reservation_that_rises_in_small_steps_takes_few_zones(void)
{
	unsigned int i, n = 2000;

	for (i = 1; i <= n; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_reserve(i * 64 * KIB, rte_socket_id_by_idx(0)), 0);
	TEST_ASSERT(zones_fastmem() <= 90, "%u memzones", zones_fastmem());
	return TEST_SUCCESS;
}

/* EAL has but small pieces: others get the rest of its memzones. */
static int
memory_in_small_pieces_leaves_memzones_to_others(void)
{
	unsigned int n;

	refuse_above(64 * KIB);
	log_begin();
	n = fill_up(ptrs, MANY, 4096);
	TEST_ASSERT(log_end("takes no more of EAL's") > 0, "the log says so");
	TEST_ASSERT(n > 0 && n < MANY);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT(zones_fastmem() <= FEW_ZONES, "%u memzones", zones_fastmem());
	TEST_CALL(check_live(n));
	rte_fastmem_free_bulk(ptrs, n);
	return TEST_SUCCESS;
}

#define BOOKKEEPING (100 * MIB)

/*
 * There are so many of them, and no more: with zones that grow, there is bookkeeping memory for as
 * many records of checked objects as EAL has memory for.
 */
static int
zones_of_bookkeeping_grow_with_it(void)
{
	const struct fastmem_meta *meta = &fastmem_ctl()->meta;
	const struct rte_memzone *last;

	while (meta->bytes < BOOKKEEPING)
		TEST_ASSERT(fastmem_meta_alloc(MIB, true) != NULL);
	last = meta->zones[meta->n_zones - 1];
	TEST_ASSERT(last->len >= meta->bytes / 10, "the last of %u zones has %zu of %" PRIu64
		" bytes", meta->n_zones, last->len, meta->bytes);
	TEST_ASSERT(meta->n_zones <= 40, "%u zones", meta->n_zones);
	return TEST_SUCCESS;
}

static int
no_memzone_left_is_enomem_and_said(void)
{
	const unsigned int max = fastmem_memzone_max();
	const struct rte_memzone **others = calloc(max, sizeof(*others));
	char name[RTE_MEMZONE_NAMESIZE];
	unsigned int i, n = 0;
	uint64_t end;
	void *obj;

	TEST_ASSERT(others != NULL);
	do {
		snprintf(name, sizeof(name), "other_%u", n);
		others[n] = rte_memzone_reserve(name, 64, SOCKET_ID_ANY, 0);
	} while (others[n] != NULL && ++n < max);
	log_begin();
	for (i = 0; i < 3; i++) {
		rte_errno = 0;
		obj = rte_fastmem_alloc(100, 0, 0);
		if (obj != NULL || rte_errno != ENOMEM)
			break;
	}
	while (n > 0)
		rte_memzone_free(others[--n]);
	free(others);
	TEST_ASSERT_EQUAL(log_end("EAL has no memzone left"), 1, "once, not for each call");
	TEST_ASSERT_EQUAL(i, 3, "it is ENOMEM");
	/* It is remembered for a while, and not for ever. */
	end = rte_get_timer_cycles() + 30 * rte_get_timer_hz();
	do {
		obj = rte_fastmem_alloc(100, 0, 0);
	} while (obj == NULL && rte_get_timer_cycles() < end);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	return TEST_SUCCESS;
}

/* They lie far from each other in what was 256 MiB: on 16 pages of 2 MiB. */
static int
few_survivors_keep_little_memory(void)
{
	const unsigned int n = 256 * MIB / KIB, keep = 16;
	unsigned int i, left = 0;
	uint64_t peak;

	for (i = 0; i < n; i++) {
		ptrs[i] = rte_fastmem_alloc(KIB, 0, 0);
		TEST_ASSERT(ptrs[i] != NULL, "object %u", i);
	}
	peak = stats_backing();
	for (i = 0; i < n; i++) {
		if (i % (n / keep) == n / keep / 2)
			ptrs[left++] = ptrs[i];
		else
			rte_fastmem_free(ptrs[i]);
	}
	TEST_ASSERT_EQUAL(left, keep);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(stats_backing() <= 64 * MIB, "%" PRIu64 " MiB of %" PRIu64,
		stats_backing() >> 20, peak >> 20);
	TEST_CALL(check_live(keep));
	rte_fastmem_free_bulk(ptrs, keep);
	return TEST_SUCCESS;
}

/* What caches, depots and empty slabs have of some sizes serves others, before EAL is asked. */
static int
sizes_that_follow_each_other_share_memory(void)
{
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);

	for (i = 0; i < n; i++) {
		void *obj = rte_fastmem_alloc(sizes[i], 8, 0);

		TEST_ASSERT(obj != NULL, "%zu bytes", sizes[i]);
		rte_fastmem_free(obj);
	}
	TEST_ASSERT(stats_backing() <= 5 * MIB, "%" PRIu64 " KiB", stats_backing() >> 10);
	return check_live(0);
}

/* Else each call would take from another size what that is about to need. */
static int
sizes_that_take_turns_get_memory_for_all_in_the_end(void)
{
	static const size_t sizes[] = { MIB, 896 * KIB, 768 * KIB, 640 * KIB, 576 * KIB };
	struct rte_fastmem_class_stats stats;
	unsigned int i, j;

	for (i = 0; i < 2000; i++) {
		for (j = 0; j < RTE_DIM(sizes); j++) {
			void *obj = rte_fastmem_alloc(sizes[j], 0, 0);

			TEST_ASSERT(obj != NULL);
			rte_fastmem_free(obj);
		}
	}
	for (j = 0; j < RTE_DIM(sizes); j++) {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[j], &stats), 0);
		TEST_ASSERT(stats.slab_acquires <= 100, "%zu bytes: %" PRIu64 " slabs", sizes[j],
			stats.slab_acquires);
	}
	return check_live(0);
}

/* With objects of 1 MiB, up to a limit that rises by steps; 0: there is none. */
static int
grow_to(uint64_t bytes, size_t step)
{
	size_t limit = step != 0 ? stats_backing() : SIZE_MAX;
	unsigned int n = 0;

	while (stats_backing() < bytes) {
		limit += step;
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, limit), 0);
		while (stats_backing() < bytes && (ptrs[n] = rte_fastmem_alloc(MIB, 0, 0)) != NULL)
			n++;
		TEST_ASSERT(step != 0 || stats_backing() >= bytes, "refused at %" PRIu64 " MiB",
			stats_backing() >> 20);
		TEST_ASSERT(limit < bytes + step + MIB || step == 0,
			"refused at %" PRIu64 " MiB, below the limit, with %u zones",
			stats_backing() >> 20, zones_pretended() + zones_fastmem());
	}
	TEST_ASSERT(zones_pretended() + zones_fastmem() <= FEW_ZONES, "%u zones for %" PRIu64
		" MiB", zones_pretended() + zones_fastmem(), stats_backing() >> 20);
	rte_fastmem_free_bulk(ptrs, n);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	return TEST_SUCCESS;
}

#define MUCH (UINT64_C(16) << 30)

static int
few_zones_are_enough_for_16_gib(void)
{
	if (!pretend_zones(MUCH * 3 / 2))
		return test_skip("EAL gives no VA that is IOVA, for addresses to pretend");
	return grow_to(MUCH, 0);
}

static int
few_zones_are_enough_for_16_gib_in_small_steps(void)
{
	if (!pretend_zones(MUCH * 3 / 2))
		return test_skip("EAL gives no VA that is IOVA, for addresses to pretend");
	return grow_to(MUCH, 3 * MIB);
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(a_limit_that_rises_in_small_steps_takes_few_zones),
	TEST_CASE_UNCHECKED(a_limit_that_rises_in_small_steps_serves_large_objects),
	TEST_CASE(a_reservation_that_rises_in_small_steps_takes_few_zones),
	TEST_CASE(memory_in_small_pieces_leaves_memzones_to_others),
	TEST_CASE_UNCHECKED(zones_of_bookkeeping_grow_with_it),
	TEST_CASE(no_memzone_left_is_enomem_and_said),
	TEST_CASE_UNCHECKED(few_survivors_keep_little_memory),
	TEST_CASE_UNCHECKED(few_zones_are_enough_for_16_gib),
	TEST_CASE_UNCHECKED(few_zones_are_enough_for_16_gib_in_small_steps),
	TEST_CASE_UNCHECKED(sizes_that_follow_each_other_share_memory),
	TEST_CASE_UNCHECKED(sizes_that_take_turns_get_memory_for_all_in_the_end),
	TEST_CASES_END
};

const struct test_suite suite_zones = {
	.name = "zones",
	.about = "few of EAL's memzones, and little memory for few objects",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
