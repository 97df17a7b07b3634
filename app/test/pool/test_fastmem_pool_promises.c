/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What typed pools promise beside the bound: identity and contents, safe use after free,
 * known addresses, exact accounts, a dense and enumerable set.
 */

#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define N 2000u
#define SIZE 300u /* 320 with padding */

/* What the functions of a pool have seen. */
static struct {
	unsigned int made[4 * N]; /* by index */
	unsigned int ended[4 * N];
	void *addr[4 * N];
	rte_iova_t iova[4 * N];
	unsigned int wrong;
	uint64_t added, removed; /* bytes */
} seen;

static void
made(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	seen.wrong += arg != &seen || pool == NULL || index >= RTE_DIM(seen.made);
	index %= RTE_DIM(seen.made);
	seen.wrong += seen.made[index]++ != 0;
	seen.addr[index] = obj;
	seen.iova[index] = iova;
	pattern_fill(obj, SIZE, index);
}

static void
ended(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	seen.wrong += arg != &seen || pool == NULL || index >= RTE_DIM(seen.made);
	index %= RTE_DIM(seen.made);
	seen.wrong += seen.made[index] != 1 || seen.ended[index]++ != 0 || seen.addr[index] != obj ||
		seen.iova[index] != iova || !pattern_holds(obj, SIZE, index);
}

static void
added(struct rte_fastmem_pool *pool, void *arg, const struct rte_fastmem_pool_mem *mem)
{
	seen.wrong += pool == NULL || arg != &seen || mem->len % (64 * KIB) != 0;
	seen.added += mem->len;
}

static void
removed(struct rte_fastmem_pool *pool, void *arg, const struct rte_fastmem_pool_mem *mem)
{
	seen.wrong += pool == NULL || arg != &seen || mem->len % (64 * KIB) != 0;
	seen.removed += mem->len;
}

static struct rte_fastmem_pool *
make(uint32_t min, uint32_t max, uint32_t flags, struct rte_rcu_qsbr *qsbr)
{
	const struct rte_fastmem_pool_params params = {
		.name = "pool",
		.size = SIZE,
		.socket_id = SOCKET_ID_ANY,
		.min = min,
		.max = max,
		.flags = flags,
		.ctor = made,
		.dtor = ended,
		.mem_added = added,
		.mem_removed = removed,
		.arg = &seen,
		.qsbr = qsbr,
	};

	memset(&seen, 0, sizeof(seen));
	return rte_fastmem_pool_create(&params);
}

static unsigned int
count(const unsigned int *array)
{
	unsigned int i, n = 0;

	for (i = 0; i < RTE_DIM(seen.made); i++)
		n += array[i];
	return n;
}

static void *objs[4 * N];

/* All of these objects have what their constructor wrote, by their numbers. */
static int
check_contents(struct rte_fastmem_pool *pool, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t index = rte_fastmem_pool_index(pool, objs[i]);

		TEST_ASSERT(index < RTE_DIM(seen.made) && seen.addr[index] == objs[i]);
		TEST_ASSERT(pattern_holds(objs[i], SIZE, index), "object %u", index);
	}
	return TEST_SUCCESS;
}

static int
use_all(void *arg)
{
	struct rte_fastmem_pool *pool = arg;
	void *mine[N];
	unsigned int i, n;

	for (n = 0; n < N; n++) {
		mine[n] = rte_fastmem_pool_get(pool);
		TEST_ASSERT(mine[n] != NULL && pattern_holds(mine[n], SIZE,
				rte_fastmem_pool_index(pool, mine[n])), "object %u", n);
	}
	for (i = 0; i < n; i++)
		rte_fastmem_pool_put(pool, mine[i]);
	return TEST_SUCCESS;
}

static int
objects_are_made_once_and_keep_their_contents(void)
{
	struct rte_fastmem_pool *pool = make(N, N, 0, NULL);
	struct worker worker = { .kind = WORKER_PTHREAD, .run = use_all, .arg = pool };
	unsigned int i, round;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(count(seen.made), N);
	for (i = 0; i < N; i++)
		TEST_ASSERT_EQUAL(seen.made[i], 1, "number %u", i);
	for (round = 0; round < 3; round++) {
		TEST_CALL(workers_run(&worker, 1));
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, N), 0);
		TEST_CALL(check_contents(pool, N));
		rte_fastmem_pool_put_bulk(pool, objs, N);
		rte_fastmem_cache_flush();
		rte_fastmem_trim(0, SOCKET_ID_ANY);
	}
	TEST_ASSERT_EQUAL(count(seen.made), N);
	TEST_ASSERT_EQUAL(count(seen.ended), 0);
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(count(seen.ended), N);
	TEST_ASSERT_EQUAL(seen.added, seen.removed);
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	return TEST_SUCCESS;
}

static int
a_pool_grows_and_shrinks(void)
{
	struct rte_fastmem_pool *pool = make(10, 0, RTE_FASTMEM_POOL_F_SHRINK, NULL);
	struct rte_fastmem_pool_stats stats;
	unsigned int n;
	size_t given;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), 0);
	TEST_ASSERT(count(seen.made) >= N);
	for (n = 0; n < 3 * N; n++)
		TEST_ASSERT((objs[n] = rte_fastmem_pool_get(pool)) != NULL);
	TEST_CALL(check_contents(pool, n));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &stats), 0);
	TEST_ASSERT_EQUAL(stats.bytes_backing, seen.added);
	TEST_ASSERT_EQUAL(stats.in_use, 3 * N);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_trim(pool), 0);
	rte_fastmem_pool_put_bulk(pool, objs + 1, n - 1);
	given = rte_fastmem_pool_trim(pool);
	TEST_ASSERT(given > 0 && given == seen.removed);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &stats), 0);
	TEST_ASSERT_EQUAL(stats.bytes_backing, seen.added - seen.removed);
	TEST_ASSERT(stats.objects >= 10 && stats.objects < 3 * 64 * KIB / SIZE);
	TEST_ASSERT_EQUAL(count(seen.ended), count(seen.made) - stats.objects);
	TEST_CALL(check_contents(pool, 1));
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	rte_fastmem_pool_put(pool, objs[0]);
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	rte_fastmem_pool_trim(pool);
	TEST_ASSERT(rte_fastmem_pool_avail_count(pool) >= 10, "min objects stay");
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(seen.added, seen.removed);
	TEST_ASSERT_EQUAL(count(seen.ended), count(seen.made));
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	return TEST_SUCCESS;
}

static int
a_pool_keeps_its_memory_and_its_limits(void)
{
	struct rte_fastmem_pool_params params = { .name = "limited", .size = 1000,
		.socket_id = SOCKET_ID_ANY, .max_bytes = 4 * 64 * KIB };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	struct rte_fastmem_pool_stats stats;
	unsigned int n = 0, again = 0;

	TEST_ASSERT(pool != NULL);
	while ((objs[n] = rte_fastmem_pool_get(pool)) != NULL)
		n++;
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT_EQUAL(n, 4 * (64 * KIB / (1024 + RTE_CACHE_LINE_SIZE)));
	rte_fastmem_pool_put_bulk(pool, objs, n);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_trim(pool), 0);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &stats), 0);
	TEST_ASSERT_EQUAL(stats.bytes_backing, 4 * 64 * KIB);
	/* Nor does EAL have more. */
	refuse_all();
	while ((objs[again] = rte_fastmem_pool_get(pool)) != NULL)
		again++;
	TEST_ASSERT_EQUAL(again, n);
	rte_fastmem_pool_put_bulk(pool, objs, n);
	params.name = "other";
	params.min = 1 << 20;
	params.max_bytes = 0;
	TEST_ASSERT(rte_fastmem_pool_create(&params) == NULL && rte_errno == ENOMEM);
	refuse_nothing();
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* Grace periods: this thread is the reader, and says when it is quiescent. */

static struct rte_rcu_qsbr *
qsbr_make(void)
{
	struct rte_rcu_qsbr *v = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(8),
			RTE_CACHE_LINE_SIZE);

	if (v == NULL || rte_rcu_qsbr_init(v, 8) != 0 ||
			rte_rcu_qsbr_thread_register(v, 0) != 0)
		return NULL;
	rte_rcu_qsbr_thread_online(v, 0);
	return v;
}

static int
deferred_objects_come_back_after_a_grace_period(void)
{
	struct rte_rcu_qsbr *v = qsbr_make();
	struct rte_fastmem_pool *pool;
	struct rte_fastmem_pool_stats stats;

	TEST_ASSERT(v != NULL);
	pool = make(100, 100, 0, v);
	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, 100), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, objs, 1), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, objs + 1, 49), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(pool), 50);
	TEST_ASSERT(rte_fastmem_pool_get(pool) == NULL && rte_errno == ENOBUFS);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &stats), 0);
	TEST_ASSERT(stats.deferred == 50 && stats.in_use == 100);
	rte_rcu_qsbr_quiescent(v, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, objs + 50, 50), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(pool), 50);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), 50);
	rte_rcu_qsbr_quiescent(v, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, 100), 0);
	TEST_CALL(check_contents(pool, 100));
	/* What is on its way when the pool is freed is waited for. */
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, objs, 100), 0);
	rte_rcu_qsbr_thread_offline(v, 0);
	log_begin();
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(log_end("in use"), 0);
	TEST_ASSERT(seen.wrong == 0 && count(seen.ended) == 100);
	rte_free(v);
	return TEST_SUCCESS;
}

static int
too_many_deferred_objects_are_refused(void)
{
	struct rte_rcu_qsbr *v = qsbr_make();
	const struct rte_fastmem_pool_params params = { .name = "many", .size = SIZE,
		.socket_id = SOCKET_ID_ANY, .qsbr = v };
	struct rte_fastmem_pool *pool, *plain;
	unsigned int n = 0;
	void *obj;

	TEST_ASSERT(v != NULL);
	pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(pool != NULL);
	while ((obj = rte_fastmem_pool_get(pool)) != NULL &&
			rte_fastmem_pool_put_deferred(pool, &obj, 1) == 0)
		TEST_ASSERT(++n < 1000000);
	TEST_ASSERT(obj != NULL && n > 1000);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, &obj, 1), -ENOSPC);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), n + 1);
	rte_rcu_qsbr_quiescent(v, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, &obj, 1), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(pool), 1);
	rte_rcu_qsbr_quiescent(v, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), 0);
	rte_rcu_qsbr_thread_offline(v, 0);
	rte_fastmem_pool_free(pool);
	plain = make(1, 1, 0, NULL);
	TEST_ASSERT(plain != NULL && (obj = rte_fastmem_pool_get(plain)) != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(plain, &obj, 1), -EINVAL);
	rte_fastmem_pool_put(plain, obj);
	rte_fastmem_pool_free(plain);
	rte_free(v);
	return TEST_SUCCESS;
}

static int
memory_leaves_after_a_grace_period(void)
{
	struct rte_rcu_qsbr *v = qsbr_make();
	struct rte_fastmem_pool *pool;
	struct rte_fastmem_pool_stats stats;
	unsigned int i;

	TEST_ASSERT(v != NULL);
	pool = make(0, 0, RTE_FASTMEM_POOL_F_SHRINK, v);
	TEST_ASSERT(pool != NULL);
	for (i = 0; i < N; i++)
		TEST_ASSERT((objs[i] = rte_fastmem_pool_get(pool)) != NULL);
	rte_fastmem_pool_put_bulk(pool, objs, N);
	for (i = 0; i < 3; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_trim(pool), 0);
	TEST_CALL(check_live(0));
	TEST_ASSERT_EQUAL(count(seen.ended), 0);
	TEST_CALL(check_contents(pool, N)); /* as a late reader does */
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(pool, &stats), 0);
	TEST_ASSERT(stats.objects == 0 && stats.bytes_backing == seen.added);
	rte_rcu_qsbr_quiescent(v, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_trim(pool), seen.added);
	TEST_ASSERT_EQUAL(count(seen.ended), count(seen.made));
	TEST_ASSERT_EQUAL(seen.removed, seen.added);
	rte_rcu_qsbr_thread_offline(v, 0);
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	rte_free(v);
	return TEST_SUCCESS;
}

/* Addresses, numbers, accounts. */

static unsigned int visited[4 * N];
static struct rte_fastmem_pool_mem mems[64];

static void
visit(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(arg);
	seen.wrong += index >= RTE_DIM(visited) || obj != seen.addr[index] ||
		iova != seen.iova[index] || rte_fastmem_pool_index(pool, obj) != index ||
		rte_fastmem_virt2iova(obj) != iova;
	visited[index]++;
}

static void
visit_mem(struct rte_fastmem_pool *pool, void *arg, const struct rte_fastmem_pool_mem *mem)
{
	unsigned int *n = arg;

	RTE_SET_USED(pool);
	seen.wrong += *n >= RTE_DIM(mems);
	mems[*n % RTE_DIM(mems)] = *mem;
	++*n;
}

static bool
lies_in_mems(const void *obj, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if ((const char *)obj >= (char *)mems[i].addr &&
				(const char *)obj + SIZE <= (char *)mems[i].addr + mems[i].len)
			return mems[i].iova == RTE_BAD_IOVA || rte_fastmem_virt2iova(obj) ==
				mems[i].iova + RTE_PTR_DIFF(obj, mems[i].addr);
	return false;
}

static int
check_enumeration(uint32_t flags)
{
	struct rte_fastmem_pool *pool = make(N, N, flags, NULL);
	unsigned int i, n_mems = 0;

	TEST_ASSERT(pool != NULL);
	memset(visited, 0, sizeof(visited));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_obj_iter(pool, visit, NULL), N);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_mem_iter(pool, visit_mem, &n_mems), n_mems);
	for (i = 0; i < N; i++) {
		TEST_ASSERT_EQUAL(visited[i], 1);
		TEST_ASSERT(lies_in_mems(seen.addr[i], n_mems));
		if (flags & RTE_FASTMEM_POOL_F_CONTIG) {
			TEST_ASSERT_EQUAL(rte_fastmem_pool_contig_index(pool, seen.addr[i]), i);
			TEST_ASSERT(rte_fastmem_pool_contig_obj(pool, i) == seen.addr[i]);
		}
	}
	if (flags & RTE_FASTMEM_POOL_F_CONTIG)
		TEST_ASSERT_EQUAL(n_mems, 1);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_index(pool, RTE_PTR_ADD(seen.addr[0], 8)), UINT32_MAX);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_index(pool, &pool), UINT32_MAX);

	/* Those in use, of which some were used before. */
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, N), 0);
	rte_fastmem_pool_put_bulk(pool, objs + 700, N - 700);
	memset(visited, 0, sizeof(visited));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_used_iter(pool, visit, NULL), 700);
	for (i = 0; i < N; i++)
		TEST_ASSERT_EQUAL(visited[rte_fastmem_pool_index(pool, objs[i])], i < 700);
	rte_fastmem_pool_put_bulk(pool, objs, 700);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_used_iter(pool, visit, NULL), 0);
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	return TEST_SUCCESS;
}

static int
objects_and_memory_are_enumerated(void)
{
	TEST_CALL(check_enumeration(0));
	return check_enumeration(RTE_FASTMEM_POOL_F_NO_SPREAD);
}

/* An object of a pool that grows, for each that is visited of another one. */
static void
grow_other(struct rte_fastmem_pool *pool, void *other, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(obj);
	RTE_SET_USED(iova);
	seen.wrong += rte_fastmem_pool_get(other) == NULL || seen.ended[index] != 0;
}

static int
a_pool_does_not_shrink_while_it_is_visited(void)
{
	const struct rte_fastmem_pool_params params = { .name = "other", .size = 10000,
		.socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool = make(0, 0, RTE_FASTMEM_POOL_F_SHRINK, NULL);
	struct rte_fastmem_pool *other = rte_fastmem_pool_create(&params);

	TEST_ASSERT(pool != NULL && other != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), 0);
	TEST_ASSERT(rte_fastmem_pool_obj_iter(pool, grow_other, other) >= N);
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	TEST_ASSERT_EQUAL(count(seen.ended), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(other, 10 * N), 0);
	TEST_ASSERT_EQUAL(count(seen.ended), count(seen.made), "it serves the other one now");
	rte_fastmem_pool_free(other);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* In PA mode a piece of this size may not be had. */
static int
objects_in_one_piece_have_numbers(void)
{
	struct rte_fastmem_pool *pool = make(N, N, RTE_FASTMEM_POOL_F_CONTIG, NULL);

	if (pool == NULL) {
		TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
		TEST_ASSERT(!fastmem_process.iova_is_va);
		return test_skip("no IO-contiguous memory of this size");
	}
	rte_fastmem_pool_free(pool);
	return check_enumeration(RTE_FASTMEM_POOL_F_CONTIG);
}

static void
add_backing(struct rte_fastmem_pool *pool, void *sum)
{
	struct rte_fastmem_pool_stats s;

	if (rte_fastmem_pool_stats(pool, &s) != 0 || s.bytes_metadata == 0 ||
			s.bytes_in_use + s.bytes_wasted > s.bytes_backing)
		seen.wrong++;
	else
		*(uint64_t *)sum += s.bytes_backing;
}

static int
bytes_add_up(void)
{
	struct rte_fastmem_pool *a = make(N, 0, 0, NULL), *b;
	struct rte_fastmem_pool_params params = { .name = "b", .size = 5000, .min = 100,
		.socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_stats stats;
	size_t sizes[MAX_CLASSES];
	unsigned int i, n;
	uint64_t sum;

	b = rte_fastmem_pool_create(&params);
	TEST_ASSERT(a != NULL && b != NULL);
	for (i = 0; i < N; i++)
		TEST_ASSERT((objs[i] = i % 3 == 0 ? rte_fastmem_pool_get(a) :
			i % 3 == 1 ? rte_fastmem_pool_get(b) :
			rte_fastmem_alloc(i * 7, 0, 0)) != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&stats), 0);
	sum = stats.bytes_free;
	rte_fastmem_pool_walk(add_backing, &sum);
	n = rte_fastmem_classes(sizes);
	for (i = 0; i < n; i++) {
		struct rte_fastmem_class_stats class_stats;

		TEST_ASSERT_EQUAL(rte_fastmem_stats_class(sizes[i], &class_stats), 0);
		sum += class_stats.bytes_backing;
	}
	TEST_ASSERT_EQUAL(sum, stats.bytes_backing);
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	rte_fastmem_free_bulk(objs, N);
	rte_fastmem_pool_free(a);
	rte_fastmem_pool_free(b);
	TEST_ASSERT_EQUAL(seen.wrong, 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(objects_are_made_once_and_keep_their_contents),
	TEST_CASE(a_pool_grows_and_shrinks),
	TEST_CASE(a_pool_keeps_its_memory_and_its_limits),
	TEST_CASE(deferred_objects_come_back_after_a_grace_period),
	TEST_CASE(too_many_deferred_objects_are_refused),
	TEST_CASE(memory_leaves_after_a_grace_period),
	TEST_CASE(objects_and_memory_are_enumerated),
	TEST_CASE(objects_in_one_piece_have_numbers),
	TEST_CASE(bytes_add_up),
	TEST_CASE_UNCHECKED(a_pool_does_not_shrink_while_it_is_visited),
	TEST_CASES_END
};

const struct test_suite suite_pool_promises = {
	.name = "pool_promises",
	.about = "typed pools: contents, grace periods, addresses, accounts, numbers",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
