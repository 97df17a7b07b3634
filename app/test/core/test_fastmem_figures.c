/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Figures that are read while other threads allocate and free: exact at rest, and within
 * what is possible at any time.
 */

#include <sched.h>

#include <rte_fastmem_pool.h>

#include "test_debug.h"

#define OBJECTS 8192
#define BATCH 32
#define PLACES 32 /* of the pipeline; as many batches are in use, and one for each thread */
#define PASSED 100000 /* batches, while figures are read */
#define SIZE 192

struct batch {
	void *objs[BATCH];
	uint32_t full; /* whose it is: 0 the producer's, 1 the consumer's */
};

/* One thread gets objects, the other gives them back. */
static struct {
	struct rte_fastmem_pool *pool; /* NULL: objects of a size class */
	struct batch batches[PLACES];
	bool resets; /* the consumer also resets the statistics */
	uint32_t n_passed;
	uint32_t stop;
} pipeline;

/* On any CPU: so that a reader is preempted, and the figures move while it is. */
static void
unpin(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

static bool
stopped(void)
{
	return rte_atomic_load_explicit(&pipeline.stop, rte_memory_order_relaxed) != 0;
}

static uint32_t
passed(void)
{
	return rte_atomic_load_explicit(&pipeline.n_passed, rte_memory_order_relaxed);
}

static int
produce(void *arg)
{
	unsigned int i = 0;

	RTE_SET_USED(arg);
	unpin();
	while (!stopped()) {
		struct batch *b = &pipeline.batches[i % PLACES];

		if (rte_atomic_load_explicit(&b->full, rte_memory_order_acquire) != 0)
			continue;
		TEST_ASSERT_EQUAL(pipeline.pool != NULL ?
			rte_fastmem_pool_get_bulk(pipeline.pool, b->objs, BATCH) :
			rte_fastmem_alloc_bulk(b->objs, BATCH, SIZE, 0, 0), 0);
		rte_atomic_store_explicit(&b->full, 1, rte_memory_order_release);
		i++;
	}
	return TEST_SUCCESS;
}

static void
give_back(struct batch *b)
{
	if (pipeline.pool != NULL)
		rte_fastmem_pool_put_bulk(pipeline.pool, b->objs, BATCH);
	else
		rte_fastmem_free_bulk(b->objs, BATCH);
	rte_atomic_store_explicit(&b->full, 0, rte_memory_order_release);
}

static int
consume(void *arg)
{
	unsigned int i = 0;

	RTE_SET_USED(arg);
	unpin();
	while (!stopped()) {
		struct batch *b = &pipeline.batches[i % PLACES];

		if (rte_atomic_load_explicit(&b->full, rte_memory_order_acquire) == 0)
			continue;
		give_back(b);
		if (pipeline.resets)
			rte_fastmem_stats_reset();
		rte_atomic_store_explicit(&pipeline.n_passed, ++i, rte_memory_order_relaxed);
	}
	return TEST_SUCCESS;
}

/* Take readings while a pipeline is at work. */
static int
read_beside(struct rte_fastmem_pool *pool, int (*reading)(void))
{
	struct worker workers[] = {
		{ .kind = WORKER_PTHREAD, .run = produce },
		{ .kind = WORKER_PTHREAD, .run = consume },
	};
	int ret = TEST_SUCCESS;
	unsigned int i;

	pipeline.pool = pool;
	pipeline.n_passed = 0;
	pipeline.stop = 0;
	TEST_CALL(workers_start(workers, RTE_DIM(workers)));
	while (ret == TEST_SUCCESS && passed() < (pipeline.resets ? PASSED / 50 : PASSED))
		ret = reading();
	rte_atomic_store_explicit(&pipeline.stop, 1, rte_memory_order_relaxed);
	TEST_CALL(workers_join(workers, RTE_DIM(workers)));
	for (i = 0; i < PLACES; i++)
		if (pipeline.batches[i].full != 0)
			give_back(&pipeline.batches[i]);
	return ret;
}

static struct rte_fastmem_pool *
make_pool(const char *name, unsigned int n)
{
	const struct rte_fastmem_pool_params params = {
		.name = name, .size = 64, .socket_id = SOCKET_ID_ANY, .min = n, .max = n,
	};

	return rte_fastmem_pool_create(&params);
}

static int
pool_reading(void)
{
	struct rte_fastmem_pool_stats s;
	uint32_t n = rte_fastmem_pool_avail_count(pipeline.pool);

	/* What threads have in hand between slabs and their caches may look like in use. */
	TEST_ASSERT(n >= OBJECTS / 2 && n <= OBJECTS, "%u available", n);
	n = rte_fastmem_pool_in_use_count(pipeline.pool);
	TEST_ASSERT(n <= OBJECTS / 2, "%u in use", n);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pipeline.pool, &s), 0);
	TEST_ASSERT(s.in_use <= OBJECTS / 2, "%u in use", s.in_use);
	TEST_ASSERT(s.put_total <= s.get_total, "%" PRIu64 " put, %" PRIu64 " got",
		s.put_total, s.get_total);
	return TEST_SUCCESS;
}

static int
figures_of_a_pool_are_possible_at_any_time(void)
{
	struct rte_fastmem_pool *pool = make_pool("figures", OBJECTS);
	struct rte_fastmem_pool_stats s;

	TEST_ASSERT(pool != NULL);
	TEST_CALL(read_beside(pool, pool_reading));
	/* And at rest, exact, wherever the objects lie. */
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), OBJECTS);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &s), 0);
	TEST_ASSERT_EQUAL(s.in_use, 0);
	TEST_ASSERT_EQUAL(s.get_total, s.put_total);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static int
class_reading(void)
{
	struct rte_fastmem_class_stats c;
	struct rte_fastmem_stats s;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(SIZE, &c), 0);
		TEST_ASSERT(c.in_use <= OBJECTS / 2, "%" PRIu64 " in use", c.in_use);
	}
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT(s.bytes_in_use <= s.bytes_backing, "%" PRIu64 " bytes in use of %" PRIu64,
		s.bytes_in_use, s.bytes_backing);
	TEST_ASSERT(s.free_total <= s.alloc_total, "%" PRIu64 " freed, %" PRIu64 " allocated",
		s.free_total, s.alloc_total);
	return TEST_SUCCESS;
}

static int
figures_of_a_class_are_possible_at_any_time(void)
{
	struct rte_fastmem_class_stats c;

	TEST_CALL(read_beside(NULL, class_reading));
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(SIZE, &c), 0);
	TEST_ASSERT_EQUAL(c.in_use, 0);
	return check_live(0);
}

static int
reset_reading(void)
{
	struct rte_fastmem_class_stats c;

	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(SIZE, &c), 0);
	TEST_ASSERT(c.alloc_cache_hits < UINT32_MAX && c.free_cache_hits < UINT32_MAX &&
		c.alloc_cache_misses < UINT32_MAX && c.free_cache_misses < UINT32_MAX,
		"%" PRIu64 " allocated, %" PRIu64 " freed, %" PRIu64 " and %" PRIu64 " by a miss",
		c.alloc_cache_hits, c.free_cache_hits, c.alloc_cache_misses,
		c.free_cache_misses);
	return TEST_SUCCESS;
}

static int
counters_beside_a_reset_are_not_below_0(void)
{
	int ret;

	pipeline.resets = true;
	ret = read_beside(NULL, reset_reading);
	pipeline.resets = false;
	TEST_CALL(ret);
	return check_live(0);
}

/* A thread that leaves n objects in its cache, and does not end before it is told to. */
struct hoarder {
	struct rte_fastmem_pool *pool;
	unsigned int n;
	uint32_t state; /* 1: they are there. 2: end */
};

static int
hoard(void *arg)
{
	struct hoarder *h = arg;
	void *objs[16];

	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(h->pool, objs, h->n), 0);
	rte_fastmem_pool_put_bulk(h->pool, objs, h->n);
	/* Pairs with the acquire in objects_taken_... */
	rte_atomic_store_explicit(&h->state, 1, rte_memory_order_release);
	while (rte_atomic_load_explicit(&h->state, rte_memory_order_acquire) != 2)
		sched_yield();
	return TEST_SUCCESS;
}

static int
objects_taken_from_a_cache_are_no_longer_counted_there(void)
{
	struct hoarder h = { .pool = make_pool("taken", 8), .n = 8 };
	struct worker worker = { .kind = WORKER_PTHREAD, .run = hoard, .arg = &h };
	void *objs[8];

	TEST_ASSERT(h.pool != NULL);
	TEST_CALL(workers_start(&worker, 1));
	while (rte_atomic_load_explicit(&h.state, rte_memory_order_acquire) != 1)
		sched_yield();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(h.pool), 8);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(h.pool, objs, 8), 0);
	/* The other thread has not seen yet that its cache is empty. */
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(h.pool), 8);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(h.pool), 0);
	rte_fastmem_pool_put_bulk(h.pool, objs, 3);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(h.pool), 5);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(h.pool), 3);
	rte_atomic_store_explicit(&h.state, 2, rte_memory_order_release);
	TEST_CALL(workers_join(&worker, 1));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(h.pool), 5);
	rte_fastmem_pool_put_bulk(h.pool, objs + 3, 5);
	rte_fastmem_pool_free(h.pool);
	return TEST_SUCCESS;
}

static int
an_object_put_into_another_pool_is_counted_once_it_is_found(void)
{
	struct rte_fastmem_pool *own = make_pool("own", 64), *other = make_pool("other", 64);
	struct rte_fastmem_pool_stats s;
	void *objs[10];

	TEST_ASSERT(own != NULL && other != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(own, objs, 10), 0);
	rte_fastmem_pool_put_bulk(own, objs, 9);
	rte_fastmem_pool_put(other, objs[9]);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(own, &s), 0);
	TEST_ASSERT_EQUAL(s.get_total, 10);
	TEST_ASSERT_EQUAL(s.put_total, 10);
	TEST_ASSERT_EQUAL(s.in_use, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(other, &s), 0);
	TEST_ASSERT_EQUAL(s.put_total, 0);
	TEST_ASSERT_EQUAL(s.in_use, 0);
	rte_fastmem_pool_free(own);
	rte_fastmem_pool_free(other);
	return TEST_SUCCESS;
}

/* Objects in the quarantine have been freed, and go back at some later time. */
static int
a_reset_forgets_what_is_quarantined(void)
{
	const struct rte_fastmem_conf conf = { .debug = RTE_FASTMEM_DEBUG_FULL };
	struct rte_fastmem_stats s;
	void *objs[20];

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(debug_init(&conf), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(objs, 20, SIZE, 0, 0), 0);
	rte_fastmem_free_bulk(objs, 10);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.free_total, 10);
	rte_fastmem_stats_reset();
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.free_total, 0);
	rte_fastmem_free_bulk(objs + 10, 3);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.free_total, 3);
	rte_fastmem_trim(0, SOCKET_ID_ANY); /* flushes the quarantine */
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.free_total, 3);
	rte_fastmem_free_bulk(objs + 13, 7);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.free_total, 10);
	TEST_CALL(debug_down());
	return rte_fastmem_init();
}

/* What was quarantined at a reset comes back to caches later, where it may count as a miss. */
static int
frees_by_a_miss_after_a_reset_are_no_more_than_all_frees(void)
{
	const struct rte_fastmem_conf conf = { .debug = RTE_FASTMEM_DEBUG_FULL };
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	struct rte_fastmem_class_stats c;
	unsigned int i, n;
	void *objs[500];

	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(debug_init(&conf), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(objs, RTE_DIM(objs), SIZE, 0, 0), 0);
	rte_fastmem_free_bulk(objs, RTE_DIM(objs));
	rte_fastmem_stats_reset();
	rte_fastmem_trim(0, SOCKET_ID_ANY); /* flushes the quarantine */
	n = rte_fastmem_classes(sizes);
	for (i = 0; i < n; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[i], &c), 0);
		TEST_ASSERT_EQUAL(c.free_cache_hits, 0, "size %zu", sizes[i]);
		TEST_ASSERT_EQUAL(c.free_cache_misses, 0, "size %zu", sizes[i]);
	}
	TEST_CALL(debug_down());
	return rte_fastmem_init();
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(figures_of_a_pool_are_possible_at_any_time),
	TEST_CASE_UNCHECKED(figures_of_a_class_are_possible_at_any_time),
	TEST_CASE_UNCHECKED(counters_beside_a_reset_are_not_below_0),
	TEST_CASE_UNCHECKED(objects_taken_from_a_cache_are_no_longer_counted_there),
	TEST_CASE_UNCHECKED(an_object_put_into_another_pool_is_counted_once_it_is_found),
	TEST_CASE(a_reset_forgets_what_is_quarantined),
	TEST_CASE(frees_by_a_miss_after_a_reset_are_no_more_than_all_frees),
	TEST_CASES_END
};

const struct test_suite suite_figures = {
	.name = "figures",
	.about = "figures that are read while threads are at work",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
