/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is live is listed by place, pool and process, with how much it is; and two lists can
 * be compared.
 */

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "fastmem_stack_private.h"
#include "test_debug.h"

#define MANY 50000

static void *many[MANY];
static char *text; /* the last list */

static int
leaks_up(enum rte_fastmem_debug_level level, uint32_t sample)
{
	const struct rte_fastmem_conf conf = { .debug = level, .sample = sample };

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(debug_init(&conf), 0);
	return TEST_SUCCESS;
}

static int
leaks_up_full(void)
{
	return debug_up_full();
}

static int
leaks_down(void)
{
	free(text);
	text = NULL;
	return debug_down();
}

/* Each is a place of its own. */

__rte_noinline static void
place_one(void **objs, unsigned int n, size_t size)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		objs[i] = rte_fastmem_alloc(size, 0, 0);
	__asm__ volatile("# no tail call");
}

__rte_noinline static void
place_two(void **objs, unsigned int n, size_t size)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		objs[i] = rte_fastmem_alloc(size, 0, 0);
	__asm__ volatile("# no tail call either");
}

static void
free_all(void **objs, unsigned int n)
{
	rte_fastmem_free_bulk(objs, n);
}

static int64_t
list(const struct rte_fastmem_leaks *before, const struct rte_fastmem_leaks *after)
{
	FILE *f;
	size_t len;
	int64_t n;

	free(text);
	f = open_memstream(&text, &len);
	if (f == NULL)
		return INT64_MIN;
	n = after != NULL ? rte_fastmem_leaks_diff_dump(f, before, after) :
		rte_fastmem_leaks_dump(f);
	fclose(f);
	return n;
}

/* Lines that tell of a group, but for those of stacks. */
static unsigned int
groups(void)
{
	unsigned int n = 0;
	const char *at;

	for (at = text; (at = strstr(at, " bytes in ")) != NULL; at++)
		n++;
	return n;
}

#define LISTS(...) do { \
	char what_[256]; \
	snprintf(what_, sizeof(what_), __VA_ARGS__); \
	TEST_ASSERT(strstr(text, what_) != NULL, "'%s' is not in: %s", what_, text); \
} while (0)

static int
what_is_live_is_listed_by_place_most_bytes_first(void)
{
	void *ones[5], *twos[3], *of_pool[2];
	struct rte_fastmem_pool *pool = debug_pool("leaky", 150, 0, 0, 0);
	const char *one, *two;

	TEST_ASSERT(pool != NULL);
	place_one(ones, 5, 100);
	place_two(twos, 3, 1000);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, of_pool, 2), 0);
	fastmem_symbol_patience_ms = 20000;
	TEST_ASSERT_EQUAL(list(NULL, NULL), 10);
	fastmem_symbol_patience_ms = 0;
	LISTS("live: 3800 bytes in 10 objects");
	LISTS("  3000 bytes in 3 objects of 1000, process %d, ", getpid());
	LISTS("  500 bytes in 5 objects of 100, process %d, ", getpid());
	LISTS("  300 bytes in 2 objects of 150, pool leaky, process %d, ", getpid());
	TEST_ASSERT_EQUAL(groups(), 4, "%s", text);
	one = strstr(text, "place_one");
	two = strstr(text, "place_two");
	TEST_ASSERT(one != NULL && two != NULL && two < one, "%s", text);
	free_all(ones, 5);
	free_all(twos, 3);
	rte_fastmem_pool_put_bulk(pool, of_pool, 2);
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 0);
	LISTS("live: 0 bytes in 0 objects");
	TEST_ASSERT_EQUAL(groups(), 1, "what is freed, or waits, is not live: %s", text);
	return TEST_SUCCESS;
}

static int
objects_of_one_place_may_differ_in_size(void)
{
	void *objs[2];

	place_one(&objs[0], 1, 40);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 1);
	LISTS("  40 bytes in 1 object of 40,");
	place_one(&objs[1], 1, 4000);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 2);
	free_all(objs, 2);
	return TEST_SUCCESS;
}

static int
many_objects_are_counted(void)
{
	place_one(many, MANY, 24);
	TEST_ASSERT(many[MANY - 1] != NULL);
	TEST_ASSERT_EQUAL(list(NULL, NULL), MANY);
	LISTS("  %u bytes in %u objects of 24,", MANY * 24, MANY);
	free_all(many, MANY);
	return TEST_SUCCESS;
}

/* What is not checked in full. */

static int
with_level_light_places_are_not_known(void)
{
	void *ones[5], *twos[3];

	TEST_CALL(leaks_up(RTE_FASTMEM_DEBUG_LIGHT, 0));
	place_one(ones, 5, 100);
	place_two(twos, 3, 1000);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 8);
	LISTS("live: 3500 bytes in 8 objects (by place with RTE_FASTMEM_DEBUG=full)");
	LISTS("  3000 bytes in 3 objects of 1000, process %d", getpid());
	LISTS("  500 bytes in 5 objects of 100, process %d", getpid());
	TEST_ASSERT(strchr(text, '#') == NULL, "%s", text);
	free_all(ones, 5);
	free_all(twos, 3);
	return TEST_SUCCESS;
}

static int
without_checking_objects_are_counted_by_size_and_pool(void)
{
	struct rte_fastmem_pool *pool;
	void *ones[5], *twos[3], *of_pool;

	TEST_CALL(leaks_up(RTE_FASTMEM_DEBUG_OFF, 0));
	pool = debug_pool("unchecked", 192, 0, 0, RTE_FASTMEM_POOL_F_NO_SPREAD);
	TEST_ASSERT(pool != NULL);
	of_pool = rte_fastmem_pool_get(pool);
	place_one(ones, 5, 100);
	place_two(twos, 3, 1000);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 9);
	LISTS("live: %u bytes in 9 objects (nothing is checked", 3 * 1024 + 5 * 128 + 192);
	LISTS("  3072 bytes in 3 objects in slots of 1024\n");
	LISTS("  640 bytes in 5 objects in slots of 128\n");
	LISTS("  192 bytes in 1 object in slots of 192, pool unchecked\n");
	LISTS("  process %d: allocated less freed: %u bytes in 9 objects", getpid(),
		3 * 1024 + 5 * 128 + 192);
	free_all(ones, 5);
	free_all(twos, 3);
	rte_fastmem_pool_put(pool, of_pool);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static int
a_sample_is_called_one(void)
{
	TEST_CALL(leaks_up(RTE_FASTMEM_DEBUG_SAMPLE, 10));
	place_one(many, 1000, 100);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 1000);
	LISTS("in 1000 objects (of places, there is a sample only)");
	LISTS(" by place, a sample of one in 10, without those of pools:\n"
		"  10000 bytes in 100 objects of 100, process %d", getpid());
	LISTS(" all, by size and pool:\n");
	LISTS("128000 bytes in 1000 objects in slots of 128\n");
	free_all(many, 1000);
	return TEST_SUCCESS;
}

static int
objects_that_others_have_brought_are_counted(void)
{
	static char objs[4][64];
	void *ptrs[] = { objs[0], objs[1], objs[2], objs[3] };
	struct rte_fastmem_pool *pool = debug_pool("brought", 64, 0, 4,
			RTE_FASTMEM_POOL_F_EXTERNAL);

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, ptrs, 4), 0);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, ptrs, 3), 0);
	TEST_ASSERT_EQUAL(list(NULL, NULL), 3);
	LISTS("in 3 objects");
	LISTS(", pool brought\n");
	rte_fastmem_pool_put_bulk(pool, ptrs, 3);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* Differences. */

static int
a_difference_tells_what_has_come_and_gone(void)
{
	struct rte_fastmem_leaks *before, *after;
	void *ones[5], *twos[4], *same[6];

	place_one(ones, 5, 100);
	place_one(same, 2, 300);
	place_two(&same[2], 4, 500);
	before = rte_fastmem_leaks_snapshot();
	free_all(ones, 3);
	place_two(twos, 4, 1000);
	after = rte_fastmem_leaks_snapshot();
	TEST_ASSERT(before != NULL && after != NULL);

	TEST_ASSERT_EQUAL(list(before, after), 1);
	LISTS("live: +3700 bytes in +1 object, now %u in 12", 200 + 600 + 2000 + 4000);
	LISTS("  +4000 bytes in +4 objects of 1000, now 4000 in 4, process %d", getpid());
	LISTS("  -300 bytes in -3 objects of 100, now 200 in 2, process %d", getpid());
	TEST_ASSERT_EQUAL(groups(), 3, "what has stayed is not listed: %s", text);

	TEST_ASSERT_EQUAL(list(after, before), -1);
	LISTS("  -4000 bytes in -4 objects of 1000, now none, process %d", getpid());
	LISTS("  +300 bytes in +3 objects of 100, now 500 in 5, process %d", getpid());

	TEST_ASSERT_EQUAL(list(after, after), 0);
	TEST_ASSERT_EQUAL(groups(), 1, "%s", text);
	TEST_ASSERT_EQUAL(list(NULL, after), 12);
	LISTS("  +4000 bytes in +4 objects of 1000, now 4000 in 4, process %d", getpid());

	free_all(&ones[3], 2);
	free_all(twos, 4);
	free_all(same, 6);
	rte_fastmem_leaks_free(before);
	rte_fastmem_leaks_free(after);
	return TEST_SUCCESS;
}

static int
pools_of_one_name_and_place_are_told_apart(void)
{
	struct rte_fastmem_pool *pool = debug_pool("again", 100, 0, 0, 0);
	struct rte_fastmem_leaks *before, *after;
	void *obj = rte_fastmem_pool_get(pool);

	before = rte_fastmem_leaks_snapshot();
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_pool_free(pool);
	pool = debug_pool("again", 100, 0, 0, 0);
	obj = rte_fastmem_pool_get(pool);
	after = rte_fastmem_leaks_snapshot();
	TEST_ASSERT(before != NULL && after != NULL);
	TEST_ASSERT_EQUAL(list(before, after), 0);
	LISTS("  -100 bytes in -1 object of 100, now none, pool again");
	LISTS("  +100 bytes in +1 object of 100, now 100 in 1, pool again");
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_pool_free(pool);
	rte_fastmem_leaks_free(before);
	rte_fastmem_leaks_free(after);
	return TEST_SUCCESS;
}

static int
a_snapshot_outlives_what_it_tells_of(void)
{
	struct rte_fastmem_leaks *leaks;
	void *objs[5];

	place_one(objs, 5, 100);
	leaks = rte_fastmem_leaks_snapshot();
	TEST_ASSERT(leaks != NULL);
	free_all(objs, 5);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(list(NULL, leaks), 5);
	LISTS("  +500 bytes in +5 objects of 100, now 500 in 5, process %d", getpid());
	rte_fastmem_leaks_free(leaks);
	return debug_again(0);
}

/* Errors. */

static int
wrong_arguments_are_refused(void)
{
	struct rte_fastmem_leaks *leaks = rte_fastmem_leaks_snapshot();

	TEST_ASSERT(leaks != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_leaks_dump(NULL), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_leaks_diff_dump(NULL, NULL, leaks), INT64_MIN);
	TEST_ASSERT_EQUAL(rte_fastmem_leaks_diff_dump(stderr, leaks, NULL), INT64_MIN);
	rte_fastmem_leaks_free(leaks);
	rte_fastmem_leaks_free(NULL);
	rte_fastmem_deinit();
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_leaks_snapshot() == NULL && rte_errno == ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_leaks_dump(stderr), -ENODEV);
	return debug_again(0);
}

/* Others at work. */

#define HAMMER_LIVE 20

struct hammer {
	uint64_t seed;
	uint32_t *stop;
	int result;
};

static int
hammer(void *arg)
{
	struct hammer *h = arg;
	void *objs[HAMMER_LIVE] = { NULL };
	struct rng rng;

	rng_init(&rng, h->seed);
	while (!rte_atomic_load_explicit(h->stop, rte_memory_order_relaxed)) {
		unsigned int i = rng_below(&rng, HAMMER_LIVE);

		rte_fastmem_free(objs[i]);
		if (rng_below(&rng, 2) == 0)
			place_one(&objs[i], 1, 1 + rng_below(&rng, 2000));
		else
			place_two(&objs[i], 1, 1 + rng_below(&rng, 20000));
		if (rng_below(&rng, 500) == 0)
			rte_fastmem_trim(0, SOCKET_ID_ANY);
	}
	rte_fastmem_free_bulk(objs, HAMMER_LIVE);
	return TEST_SUCCESS;
}

static int
lists_can_be_made_while_threads_are_at_work(void)
{
	uint32_t stop = 0;
	struct hammer hammers[3];
	struct worker workers[3] = { 0 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(workers); i++) {
		hammers[i] = (struct hammer){ .seed = i, .stop = &stop };
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = hammer,
			.arg = &hammers[i] };
	}
	TEST_CALL(workers_start(workers, RTE_DIM(workers)));
	for (i = 0; i < 300; i++) {
		struct rte_fastmem_leaks *leaks = rte_fastmem_leaks_snapshot();
		int64_t n;

		TEST_ASSERT(leaks != NULL);
		n = list(NULL, leaks);
		rte_fastmem_leaks_free(leaks);
		/* Each object in a place at the time; one may be seen where it was, and where it is. */
		TEST_ASSERT(n >= 0 && n <= 2 * 3 * HAMMER_LIVE, "%" PRId64 ": %s", n, text);
	}
	rte_atomic_store_explicit(&stop, 1, rte_memory_order_relaxed);
	TEST_CALL(workers_join(workers, RTE_DIM(workers)));
	TEST_ASSERT_EQUAL(list(NULL, NULL), 0);
	return TEST_SUCCESS;
}

/* The end. */

static int
what_is_live_at_deinit_is_listed(void)
{
	const struct rte_fastmem_conf quiet = { .debug = RTE_FASTMEM_DEBUG_FULL, .no_leaks = true };
	void *objs[5];

	place_one(objs, 5, 100);
	log_begin();
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(log_end("500 bytes in 5 objects of 100, process"), 1);

	TEST_CALL(debug_again(0));
	log_begin();
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(log_end("live"), 0, "nothing was");

	TEST_ASSERT_EQUAL(debug_init(&quiet), 0);
	place_one(objs, 5, 100);
	log_begin();
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(log_end("live"), 0, "it was not wanted");
	return debug_again(0);
}

static int
a_sampled_object_is_listed_in_the_class_of_its_size(void)
{
	void *objs[12];

	TEST_CALL(leaks_up(RTE_FASTMEM_DEBUG_SAMPLE, 1));
	place_one(objs, RTE_DIM(objs), 256);
	TEST_ASSERT_EQUAL(list(NULL, NULL), RTE_DIM(objs));
	LISTS("3072 bytes in 12 objects of 256");
	LISTS("3072 bytes in 12 objects in slots of 256");
	TEST_ASSERT_EQUAL(groups(), 4, "%s", text); /* the sum, by place, by size, by process */
	free_all(objs, RTE_DIM(objs));
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(what_is_live_is_listed_by_place_most_bytes_first),
	TEST_CASE(objects_of_one_place_may_differ_in_size),
	TEST_CASE(many_objects_are_counted),
	TEST_CASE(with_level_light_places_are_not_known),
	TEST_CASE(without_checking_objects_are_counted_by_size_and_pool),
	TEST_CASE(a_sample_is_called_one),
	TEST_CASE(objects_that_others_have_brought_are_counted),
	TEST_CASE(a_difference_tells_what_has_come_and_gone),
	TEST_CASE(pools_of_one_name_and_place_are_told_apart),
	TEST_CASE(a_snapshot_outlives_what_it_tells_of),
	TEST_CASE(wrong_arguments_are_refused),
	TEST_CASE(lists_can_be_made_while_threads_are_at_work),
	TEST_CASE(what_is_live_at_deinit_is_listed),
	TEST_CASE(a_sampled_object_is_listed_in_the_class_of_its_size),
	TEST_CASES_END
};

const struct test_suite suite_leaks = {
	.name = "leaks",
	.about = "lists of what is live",
	.setup = leaks_up_full,
	.teardown = leaks_down,
	.rescue = debug_rescue,
	.cases = cases,
};
