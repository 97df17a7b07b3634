/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Memory that joins and leaves typed pools: what they tell of it, what they do when there
 * is no more, and what is found again by number.
 */

#include <semaphore.h>
#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define N 2000u
#define SIZE 600u
#define MAX_RANGES 512u

static void *objs[4 * N];

/* What the functions of a pool have told. */
static struct {
	struct rte_fastmem_pool_mem ranges[MAX_RANGES]; /* that have joined and not left */
	unsigned int n_ranges, n_made, n_ended, n_joined, n_left, wrong;
} told;

static bool
overlap(const struct rte_fastmem_pool_mem *a, const struct rte_fastmem_pool_mem *b)
{
	return (char *)a->addr < (char *)b->addr + b->len &&
		(char *)b->addr < (char *)a->addr + a->len;
}

static void
on_join(struct rte_fastmem_pool *pool, void *arg, const struct rte_fastmem_pool_mem *mem)
{
	unsigned int i;

	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	told.n_joined++;
	for (i = 0; i < told.n_ranges; i++)
		told.wrong += overlap(&told.ranges[i], mem);
	if (told.n_ranges == MAX_RANGES)
		told.wrong++;
	else
		told.ranges[told.n_ranges++] = *mem;
}

/* By the address. NULL: no range that is there. */
static struct rte_fastmem_pool_mem *
find_range(const void *addr)
{
	unsigned int i;

	for (i = 0; i < told.n_ranges; i++) {
		struct rte_fastmem_pool_mem *range = &told.ranges[i];

		if ((const char *)addr >= (char *)range->addr &&
				(const char *)addr < (char *)range->addr + range->len)
			return range;
	}
	return NULL;
}

static void
on_leave(struct rte_fastmem_pool *pool, void *arg, const struct rte_fastmem_pool_mem *mem)
{
	struct rte_fastmem_pool_mem *range = find_range(mem->addr);

	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	told.n_left++;
	if (range == NULL || range->addr != mem->addr || range->len != mem->len ||
			range->iova != mem->iova)
		told.wrong++;
	else
		*range = told.ranges[--told.n_ranges];
}

/* An object with its end lies in a range that has joined, and has an IO address as that has. */
static bool
lies_right(const void *obj, rte_iova_t iova)
{
	const struct rte_fastmem_pool_mem *range = find_range(obj);

	return range != NULL && find_range(RTE_PTR_ADD(obj, SIZE - 1)) == range &&
		iova == (range->iova == RTE_BAD_IOVA ? RTE_BAD_IOVA :
			range->iova + RTE_PTR_DIFF(obj, range->addr));
}

static void
on_make(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(index);
	told.n_made++;
	told.wrong += !lies_right(obj, iova);
	memset(obj, 0xa5, SIZE);
}

static void
on_end(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(index);
	told.n_ended++;
	told.wrong += !lies_right(obj, iova);
	memset(obj, 0, SIZE);
}

static struct rte_fastmem_pool *
make(uint32_t min, uint32_t max, size_t max_bytes, uint32_t flags)
{
	const struct rte_fastmem_pool_params params = {
		.name = "growing",
		.size = SIZE,
		.socket_id = SOCKET_ID_ANY,
		.min = min,
		.max = max,
		.max_bytes = max_bytes,
		.flags = flags,
		.ctor = on_make,
		.dtor = on_end,
		.mem_added = on_join,
		.mem_removed = on_leave,
	};

	memset(&told, 0, sizeof(told));
	return rte_fastmem_pool_create(&params);
}

/* Nothing is left of a pool, but for calls of its functions: in pairs. */
static int
check_all_told(void)
{
	TEST_ASSERT_EQUAL(told.wrong, 0);
	TEST_ASSERT_EQUAL(told.n_ranges, 0);
	TEST_ASSERT_EQUAL(told.n_joined, told.n_left);
	TEST_ASSERT_EQUAL(told.n_made, told.n_ended);
	return TEST_SUCCESS;
}

static unsigned int
get_all(struct rte_fastmem_pool *pool, void **array, unsigned int most)
{
	unsigned int n = 0;

	while (n < most && (array[n] = rte_fastmem_pool_get(pool)) != NULL)
		n++;
	return n;
}

static void
count_range(struct rte_fastmem_pool *pool, void *arg, const struct rte_fastmem_pool_mem *mem)
{
	const struct rte_fastmem_pool_mem *range = find_range(mem->addr);

	RTE_SET_USED(pool);
	if (range == NULL || range->addr != mem->addr || range->len != mem->len ||
			range->iova != mem->iova)
		told.wrong++;
	++*(unsigned int *)arg;
}

static int
check_ranges(struct rte_fastmem_pool *pool, unsigned int in_use)
{
	struct rte_fastmem_pool_stats stats;
	unsigned int i, n = 0;
	size_t bytes = 0;

	rte_fastmem_pool_mem_iter(pool, count_range, &n);
	TEST_ASSERT_EQUAL(n, told.n_ranges);
	for (i = 0; i < n; i++)
		bytes += told.ranges[i].len;
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &stats), 0);
	TEST_ASSERT_EQUAL(stats.bytes_backing, bytes);
	TEST_ASSERT_EQUAL(stats.objects, told.n_made - told.n_ended);
	TEST_ASSERT_EQUAL(stats.in_use, in_use);
	for (i = 0; i < in_use; i++)
		TEST_ASSERT(lies_right(objs[i], rte_fastmem_virt2iova(objs[i])), "object %u", i);
	TEST_ASSERT_EQUAL(told.wrong, 0);
	return TEST_SUCCESS;
}

static int
ranges_are_told_as_they_come_and_go(void)
{
	struct rte_fastmem_pool *pool = make(5, 3 * N, 0, RTE_FASTMEM_POOL_F_SHRINK);
	unsigned int round, n = 0;
	struct rng rng;

	TEST_ASSERT(pool != NULL);
	rng_init(&rng, 300);
	for (round = 0; round < 60; round++) {
		unsigned int i, want = rng_below(&rng, round % 10 == 0 ? 3 * N : N);

		/* Any of them goes. */
		for (i = n; i > 1; i--) {
			unsigned int j = rng_below(&rng, i);

			RTE_SWAP(objs[i - 1], objs[j]);
		}
		if (want > n)
			n += get_all(pool, objs + n, want - n);
		while (n > want)
			rte_fastmem_pool_put(pool, objs[--n]);
		TEST_ASSERT_EQUAL(n, want);
		if (round % 3 == 0)
			rte_fastmem_pool_trim(pool);
		TEST_CALL(check_ranges(pool, n));
	}
	TEST_ASSERT(told.n_left > 10);
	rte_fastmem_pool_put_bulk(pool, objs, n);
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

/* At any reservation that fails. */
static int
min_objects_are_made_or_nothing_is(void)
{
	struct rte_fastmem_pool *pool;
	struct rte_fastmem_stats stats;
	unsigned int nth;

	for (nth = 0; ; nth++) {
		TEST_ASSERT(nth < 100);
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		refuse_from(nth);
		/* More than a chunk. */
		pool = make(16 * MIB / SIZE, 0, 0, 0);
		if (pool != NULL)
			break;
		TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
		TEST_ASSERT(refuse_refused() > 0);
		TEST_CALL(check_all_told());
		TEST_ASSERT_EQUAL(rte_fastmem_stats(&stats), 0);
		TEST_ASSERT_EQUAL(stats.bytes_free, stats.bytes_backing, "it has kept some");
		TEST_ASSERT(rte_fastmem_pool_lookup("growing") == NULL && rte_errno == ENOENT);
		TEST_CALL(check_live(0));
	}
	refuse_nothing();
	TEST_ASSERT(nth > 0);
	TEST_ASSERT(told.n_made >= 16 * MIB / SIZE);
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

static int
what_it_has_grown_to_can_be_had(void)
{
	struct rte_fastmem_pool *pool = make(0, N, 0, 0);
	unsigned int made;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(told.n_made, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N / 2), 0);
	made = told.n_made;
	TEST_ASSERT(made >= N / 2 && made < N);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), made);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N / 4), 0);
	TEST_ASSERT_EQUAL(get_all(pool, objs, made), made);
	TEST_ASSERT_EQUAL(told.n_made, made, "there was no need for more");
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N + 1), -EINVAL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), 0);
	TEST_ASSERT_EQUAL(told.n_made, N);
	TEST_ASSERT_EQUAL(get_all(pool, objs + made, N), N - made);
	rte_fastmem_pool_put_bulk(pool, objs, N);
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

/* Bytes for 600 objects, and the limit of fastmem. What could be made is kept. */
static int
limits_of_memory_are_kept(void)
{
	struct rte_fastmem_pool *pool;
	unsigned int made;

	TEST_ASSERT(make(N, 0, 4 * 64 * KIB, 0) == NULL && rte_errno == ENOMEM);
	TEST_CALL(check_all_told());
	pool = make(0, N, 6 * 64 * KIB + 1, 0);
	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), -ENOMEM);
	made = told.n_made;
	TEST_ASSERT(made > 0 && made <= 6 * 64 * KIB / SIZE);
	TEST_ASSERT_EQUAL(told.n_ranges, 6);
	TEST_ASSERT_EQUAL(get_all(pool, objs, N), made);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	rte_fastmem_pool_put_bulk(pool, objs, made);
	rte_fastmem_pool_free(pool);
	TEST_CALL(check_all_told());

	rte_fastmem_trim(0, SOCKET_ID_ANY);
	pool = make(1, 0, 0, 0);
	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, stats_backing()), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, 1 << 20), -ENOMEM);
	made = rte_fastmem_pool_avail_count(pool);
	TEST_ASSERT(made > 0 && rte_fastmem_pool_avail_count(pool) == told.n_made);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, made + 1), 0);
	TEST_ASSERT(told.n_made > made);
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

/* A pool that could grow, if there were memory. */

struct idler {
	struct rte_fastmem_pool *pool;
	sem_t done, end;
	unsigned int n; /* objects it could get */
};

static int
use_and_idle(void *arg)
{
	struct idler *idler = arg;
	void *mine[N];
	unsigned int i;

	idler->n = get_all(idler->pool, mine, N);
	for (i = 0; i < idler->n; i++)
		rte_fastmem_pool_put(idler->pool, mine[i]);
	sem_post(&idler->done);
	sem_wait(&idler->end);
	return TEST_SUCCESS;
}

static int
where_there_is_no_memory_idle_threads_caches_have_some(void)
{
	struct rte_fastmem_pool *pool = make(0, 0, 8 * 64 * KIB, 0);
	struct idler idlers[3];
	struct worker workers[RTE_DIM(idlers)];
	unsigned int i, n, round;

	TEST_ASSERT(pool != NULL);
	n = get_all(pool, objs, N);
	TEST_ASSERT(n > 0 && n < N);
	rte_fastmem_pool_put_bulk(pool, objs, n);
	rte_fastmem_cache_flush();
	for (i = 0; i < RTE_DIM(idlers); i++) {
		idlers[i].pool = pool;
		sem_init(&idlers[i].done, 0, 0);
		sem_init(&idlers[i].end, 0, 0);
		workers[i] = (struct worker){ .kind = i == 0 ? WORKER_REGISTERED : WORKER_PTHREAD,
			.run = use_and_idle, .arg = &idlers[i] };
		TEST_CALL(workers_start(&workers[i], 1));
		sem_wait(&idlers[i].done);
		TEST_ASSERT_EQUAL(idlers[i].n, n);
	}
	for (round = 0; round < 2; round++) {
		TEST_ASSERT_EQUAL(get_all(pool, objs, N), n);
		TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
		rte_fastmem_pool_put_bulk(pool, objs, n);
	}
	for (i = 0; i < RTE_DIM(idlers); i++)
		sem_post(&idlers[i].end);
	TEST_CALL(workers_join(workers, RTE_DIM(workers)));
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

static int
use_some(void *arg)
{
	void *mine[N / 8];
	unsigned int i;

	for (i = 0; i < 20; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(arg, mine, RTE_DIM(mine)), 0);
		rte_fastmem_pool_put_bulk(arg, mine, RTE_DIM(mine));
		TEST_ASSERT_EQUAL(get_all(arg, mine, RTE_DIM(mine)), RTE_DIM(mine));
		rte_fastmem_pool_put_bulk(arg, mine, RTE_DIM(mine));
	}
	return TEST_SUCCESS;
}

/* Not for objects, nor for the caches of threads that come later. */
static int
a_pool_with_all_objects_asks_eal_for_nothing(void)
{
	static const enum worker_kind kinds[] = { WORKER_PTHREAD, WORKER_LCORE, WORKER_REGISTERED,
		WORKER_CONTROL };
	struct rte_fastmem_pool *pool = make(N, N, 0, 0);
	struct worker workers[RTE_DIM(kinds)];
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	if (workers_lcores() == 0)
		return test_skip("no lcore beside the main one");
	for (i = 0; i < RTE_DIM(kinds); i++)
		workers[i] = (struct worker){ .kind = kinds[i], .run = use_some, .arg = pool };
	refuse_all();
	TEST_CALL(workers_run(workers, RTE_DIM(kinds)));
	TEST_ASSERT_EQUAL(get_all(pool, objs, N + 1), N);
	TEST_ASSERT_EQUAL(rte_errno, ENOBUFS);
	TEST_ASSERT_EQUAL(refuse_seen(), 0);
	refuse_nothing();
	rte_fastmem_pool_put_bulk(pool, objs, N);
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

/* More threads than there is memory for caches of: those are told, and the pool serves them. */
static pthread_barrier_t all_have_got;

static int
hold_one(void *pool)
{
	void *obj = rte_fastmem_pool_get(pool);

	pthread_barrier_wait(&all_have_got);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_pool_put(pool, obj);
	return TEST_SUCCESS;
}

static int
a_thread_that_gets_no_caches_is_told(void)
{
	struct rte_fastmem_pool *pool = make(N, N, 0, 0);
	static struct worker workers[200];
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < RTE_DIM(workers); i++)
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = hold_one, .arg = pool };
	pthread_barrier_init(&all_have_got, NULL, RTE_DIM(workers));
	log_begin();
	refuse_all();
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	refuse_nothing();
	TEST_ASSERT(log_end("has no caches, and gets and puts of pool") > 0);
	pthread_barrier_destroy(&all_have_got);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* Numbers, of objects in one piece. */

static int
check_numbers(struct rte_fastmem_pool *pool, uint32_t n, size_t size)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		char *obj = rte_fastmem_pool_contig_obj(pool, i);

		TEST_ASSERT_EQUAL(rte_fastmem_pool_contig_index(pool, obj), i, "size %zu", size);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_index(pool, obj), i, "size %zu", size);
		TEST_ASSERT(rte_fastmem_pool_index(pool, obj + 1) == UINT32_MAX);
	}
	TEST_ASSERT_EQUAL(rte_fastmem_pool_index(pool, rte_fastmem_pool_contig_obj(pool, n)),
		UINT32_MAX);
	return TEST_SUCCESS;
}

/* Each object comes once, and knows its number. */
static int
check_set(struct rte_fastmem_pool *pool, uint32_t n, rte_iova_t base)
{
	static uint8_t came[4 * N];
	uint32_t i;

	memset(came, 0, sizeof(came));
	TEST_ASSERT_EQUAL(get_all(pool, objs, n + 1), n);
	for (i = 0; i < n; i++) {
		uint32_t index = rte_fastmem_pool_contig_index(pool, objs[i]);

		TEST_ASSERT(index < n && came[index]++ == 0, "number %u", index);
		TEST_ASSERT(rte_fastmem_pool_contig_obj(pool, index) == objs[i]);
		TEST_ASSERT_EQUAL(rte_fastmem_virt2iova(objs[i]), base +
			RTE_PTR_DIFF(objs[i], rte_fastmem_pool_contig_obj(pool, 0)));
	}
	rte_fastmem_pool_put_bulk(pool, objs, n);
	return TEST_SUCCESS;
}

/* The stride of a pool; 0: there is no such pool. */
static size_t
stride_of(size_t size, size_t align, size_t header, uint32_t flags)
{
	const struct rte_fastmem_pool_params params = { .name = "stride", .size = size,
		.align = align, .header = header, .socket_id = SOCKET_ID_ANY, .max = 1,
		.flags = flags };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	size_t stride = pool != NULL ? pool->stride : 0;

	rte_fastmem_pool_free(pool);
	return stride;
}

/* From four lines on, unless the user says otherwise; and no more than a line is added. */
static int
strides_are_odd_numbers_of_lines(void)
{
	const size_t line = RTE_CACHE_LINE_SIZE;
	size_t lines, plain, spread, aligned;

	for (lines = 1; lines <= 160; lines += lines < 20 ? 1 : 7) {
		size_t header = lines > 4 ? line : 0, size = lines * line - header;

		plain = stride_of(size, 0, header, RTE_FASTMEM_POOL_F_NO_SPREAD);
		spread = stride_of(size, 0, header, 0);
		TEST_ASSERT(plain >= lines * line && plain % line == 0);
		TEST_ASSERT_EQUAL(spread, plain / line >= 4 && plain / line % 2 == 0 ?
			plain + line : plain, "%zu lines", lines);
	}
	aligned = stride_of(6 * line, 2 * line, 0, 0);
	TEST_ASSERT(aligned >= 6 * line && aligned % (2 * line) == 0);
	return TEST_SUCCESS;
}

static int
pieces_of_all_strides_have_numbers(void)
{
	static const struct { size_t size, align, header; } shapes[] = {
		{ 1, 1, 0 }, { 9, 1, 0 }, { 12, 4, 4 }, { 24, 8, 0 }, { 64, 0, 0 }, { 65, 0, 64 },
		{ 256, 0, 0 }, { 1000, 8, 24 }, { 2048, 0, 128 }, { 5000, 0, 0 }, { 9000, 4096, 0 },
		{ 70000, 0, 0 }, { 64 * KIB, 64 * KIB, 64 * KIB },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(shapes); i++) {
		uint32_t n = RTE_MIN(MIB / (shapes[i].size + shapes[i].header),
				(size_t)4 * N - 1);
		const struct rte_fastmem_pool_params params = { .name = "piece",
			.size = shapes[i].size, .align = shapes[i].align,
			.header = shapes[i].header, .socket_id = SOCKET_ID_ANY, .min = n, .max = n,
			.flags = RTE_FASTMEM_POOL_F_CONTIG };
		struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);

		TEST_ASSERT(pool != NULL, "%u objects of %zu: %d", n, shapes[i].size, rte_errno);
		TEST_CALL(check_numbers(pool, n, shapes[i].size));
		TEST_CALL(check_set(pool, n,
			rte_fastmem_virt2iova(rte_fastmem_pool_contig_obj(pool, 0))));
		TEST_CALL(check_live(0));
		rte_fastmem_pool_free(pool);
	}
	return TEST_SUCCESS;
}

/* Places for external objects are memory, too. */
static int
places_that_there_is_no_memory_for_are_refused(void)
{
	struct rte_fastmem_pool_params params = { .name = "places", .socket_id = SOCKET_ID_ANY,
		.flags = RTE_FASTMEM_POOL_F_EXTERNAL };

	for (params.max = UINT32_MAX; params.max > RTE_BIT32(30); params.max /= 2) {
		TEST_ASSERT(rte_fastmem_pool_create(&params) == NULL, "%u places", params.max);
		TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	}
	return TEST_SUCCESS;
}

/* Figures, and how they are printed. */

static bool
dump_has(const struct rte_fastmem_pool *pool, const char *text)
{
	char *buffer = NULL;
	size_t size;
	FILE *f = open_memstream(&buffer, &size);
	bool has;

	rte_fastmem_pool_dump(f, pool);
	fclose(f);
	has = strstr(buffer, text) != NULL;
	free(buffer);
	return has;
}

static int
figures_add_up_and_are_printed(void)
{
	struct rte_fastmem_pool *pool = make(10, 1000, 0, 0);
	struct rte_fastmem_pool_stats s;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(get_all(pool, objs, 800), 800);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs + 800, 201), -ENOBUFS);
	rte_fastmem_pool_put_bulk(pool, objs + 500, 300);
	rte_fastmem_free(objs[499]);
	rte_fastmem_pool_put(pool, NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &s), 0);
	TEST_ASSERT_EQUAL(s.in_use, 499);
	TEST_ASSERT_EQUAL(s.get_total, 800);
	TEST_ASSERT_EQUAL(s.put_total, 301);
	TEST_ASSERT_EQUAL(s.get_failed, 201);
	TEST_ASSERT_EQUAL(s.bytes_in_use, 499 * pool->stride);
	TEST_ASSERT_EQUAL(s.bytes_in_use + s.bytes_wasted +
		(uint64_t)(s.objects - s.in_use) * pool->stride, s.bytes_backing);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), s.objects - 499);
	TEST_ASSERT(dump_has(pool, "pool growing: 499 of "));
	TEST_ASSERT(dump_has(pool, "min 10, max 1000\n"));
	TEST_ASSERT(dump_has(pool, "got 800, put 301, refused 201, deferred 0\n"));
	TEST_ASSERT(dump_has(NULL, "none"));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, NULL), -EINVAL);
	rte_fastmem_pool_put_bulk(pool, objs, 499);
	rte_fastmem_pool_free(pool);
	return check_all_told();
}

static const struct test_case cases[] = {
	TEST_CASE(ranges_are_told_as_they_come_and_go),
	TEST_CASE(min_objects_are_made_or_nothing_is),
	TEST_CASE(what_it_has_grown_to_can_be_had),
	TEST_CASE(limits_of_memory_are_kept),
	TEST_CASE_UNCHECKED(where_there_is_no_memory_idle_threads_caches_have_some),
	TEST_CASE_UNCHECKED(a_pool_with_all_objects_asks_eal_for_nothing),
	TEST_CASE_UNCHECKED(a_thread_that_gets_no_caches_is_told),
	TEST_CASE(pieces_of_all_strides_have_numbers),
	TEST_CASE(strides_are_odd_numbers_of_lines),
	TEST_CASE(places_that_there_is_no_memory_for_are_refused),
	TEST_CASE(figures_add_up_and_are_printed),
	TEST_CASES_END
};

const struct test_suite suite_pool_growth = {
	.name = "pool_growth",
	.about = "typed pools: memory that joins and leaves, limits, numbers, figures",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
