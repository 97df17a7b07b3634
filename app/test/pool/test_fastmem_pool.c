/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Typed pools: making and freeing them, wrong arguments, objects that come back the wrong
 * way, and the bound.
 */

#include <semaphore.h>
#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>

#include "test_fastmem.h"

#define N 3000u
#define SOCKET SOCKET_ID_ANY

static void *objs[2 * N];

static struct rte_fastmem_pool *
make(const char *name, size_t size, uint32_t min, uint32_t max)
{
	const struct rte_fastmem_pool_params params = {
		.name = name,
		.size = size,
		.socket_id = SOCKET,
		.min = min,
		.max = max,
	};

	return rte_fastmem_pool_create(&params);
}

static unsigned int
get_all(struct rte_fastmem_pool *pool, void **array, unsigned int most)
{
	unsigned int n;

	for (n = 0; n < most; n++) {
		array[n] = rte_fastmem_pool_get(pool);
		if (array[n] == NULL)
			break;
	}
	return n;
}

static void
put_all(struct rte_fastmem_pool *pool, void **array, unsigned int n)
{
	while (n > 0)
		rte_fastmem_pool_put(pool, array[--n]);
}

static int
check_refused(struct rte_fastmem_pool_params *params, int error)
{
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_pool_create(params) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, error);
	return TEST_SUCCESS;
}

/* After these changes to what is possible. */
#define REFUSED(error, ...) do { \
	struct rte_fastmem_pool_params p = { .name = "refused", .size = 64, .socket_id = SOCKET }; \
	__VA_ARGS__; \
	TEST_CALL(check_refused(&p, error)); \
} while (0)

static void
never_called(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(obj);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
	abort();
}

static int
wrong_params_are_refused(void)
{
	static char long_name[RTE_FASTMEM_POOL_NAMESIZE + 1];

	memset(long_name, 'x', RTE_FASTMEM_POOL_NAMESIZE);
	rte_errno = 0;
	TEST_ASSERT(rte_fastmem_pool_create(NULL) == NULL && rte_errno == EINVAL);
	REFUSED(EINVAL, p.size = 0);
	REFUSED(EINVAL, p.name = NULL);
	REFUSED(EINVAL, p.name = "");
	REFUSED(ENAMETOOLONG, p.name = long_name);
	REFUSED(EINVAL, p.align = 96);
	REFUSED(EINVAL, p.header = 8);
	REFUSED(EINVAL, p.min = 2, p.max = 1);
	REFUSED(EINVAL, p.flags = RTE_BIT32(31));
	REFUSED(EINVAL, p.socket_id = RTE_MAX_NUMA_NODES);
	REFUSED(E2BIG, p.size = rte_fastmem_max_size() + 1);
	REFUSED(E2BIG, p.size = SIZE_MAX);
	REFUSED(E2BIG, p.size = rte_fastmem_max_size(), p.header = 64);
	REFUSED(E2BIG, p.header = SIZE_MAX - 63);
	REFUSED(E2BIG, p.align = 128 * KIB);
	REFUSED(E2BIG, p.flags = RTE_FASTMEM_POOL_F_EXTERNAL, p.max = 4, p.align = (size_t)1 << 33);
	REFUSED(EINVAL, p.flags = RTE_FASTMEM_POOL_F_CONTIG, p.max = 4);
	REFUSED(EINVAL, p.flags = RTE_FASTMEM_POOL_F_CONTIG);
	REFUSED(E2BIG, p.flags = RTE_FASTMEM_POOL_F_CONTIG, p.size = MIB, p.min = 4096,
		p.max = 4096);
	REFUSED(EINVAL, p.flags = RTE_FASTMEM_POOL_F_EXTERNAL);
	REFUSED(EINVAL, p.flags = RTE_FASTMEM_POOL_F_EXTERNAL, p.max = 4,
		p.ctor = never_called);
	REFUSED(ENOMEM, p.size = MIB, p.min = UINT32_MAX);
	TEST_ASSERT(rte_fastmem_pool_lookup("refused") == NULL && rte_errno == ENOENT);
	TEST_ASSERT_EQUAL(stats_backing(), 0, "memory that was got in vain goes back");
	return TEST_SUCCESS;
}

static int
calls_without_fastmem_fail(void)
{
	struct rte_fastmem_pool *pool = make("gone", 64, 1, 1);
	struct rte_fastmem_pool_stats stats;
	void *obj = NULL;

	TEST_ASSERT(pool != NULL);
	rte_fastmem_deinit();
	TEST_ASSERT(make("gone", 64, 1, 1) == NULL && rte_errno == ENODEV);
	TEST_ASSERT(rte_fastmem_pool_lookup("gone") == NULL && rte_errno == ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(NULL, &obj, 1), -ENODEV);
	rte_fastmem_pool_free(NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT(rte_fastmem_pool_lookup("gone") == NULL && rte_errno == ENOENT);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_stats(NULL, &stats), -EINVAL);
	return TEST_SUCCESS;
}

static int
pools_are_found_by_their_names(void)
{
	struct rte_fastmem_pool *a = make("a", 64, 1, 0), *b = make("b", 64, 1, 0);

	TEST_ASSERT(a != NULL && b != NULL && a != b);
	TEST_ASSERT(make("a", 128, 1, 0) == NULL && rte_errno == EEXIST);
	TEST_ASSERT(rte_fastmem_pool_lookup("a") == a && rte_fastmem_pool_lookup("b") == b);
	TEST_ASSERT_EQUAL(strcmp(rte_fastmem_pool_name(a), "a"), 0);
	rte_fastmem_pool_free(a);
	TEST_ASSERT(rte_fastmem_pool_lookup("a") == NULL && rte_errno == ENOENT);
	TEST_ASSERT(rte_fastmem_pool_lookup(NULL) == NULL && rte_errno == ENOENT);
	a = make("a", 128, 1, 0);
	TEST_ASSERT(a != NULL && rte_fastmem_pool_lookup("a") == a);
	log_begin();
	rte_fastmem_pool_free(a);
	rte_fastmem_pool_free(a);
	TEST_ASSERT_EQUAL(log_end("freed before"), 1);
	TEST_ASSERT(rte_fastmem_pool_get(a) == NULL && rte_errno == ENODEV);
	log_begin();
	rte_fastmem_pool_put(a, objs);
	TEST_ASSERT_EQUAL(log_end("no pool"), 1);
	rte_fastmem_pool_free(b);
	return TEST_SUCCESS;
}

static void
count_pool(struct rte_fastmem_pool *pool, void *n)
{
	RTE_SET_USED(pool);
	++*(unsigned int *)n;
}

static int
there_can_be_256_pools(void)
{
	struct rte_fastmem_pool *pools[RTE_FASTMEM_MAX_POOLS];
	unsigned int i, walked = 0;
	char name[16];

	for (i = 0; i < RTE_DIM(pools); i++) {
		snprintf(name, sizeof(name), "%u", i);
		pools[i] = make(name, 64 + i, 0, 0);
		TEST_ASSERT(pools[i] != NULL, "pool %u: %d", i, rte_errno);
	}
	TEST_ASSERT(make("more", 64, 0, 0) == NULL && rte_errno == ENOSPC);
	rte_fastmem_pool_walk(count_pool, &walked);
	TEST_ASSERT_EQUAL(walked, RTE_DIM(pools));
	rte_fastmem_pool_free(pools[100]);
	pools[100] = make("more", 64, 0, 0);
	TEST_ASSERT(pools[100] != NULL);
	for (i = 0; i < RTE_DIM(pools); i++)
		rte_fastmem_pool_free(pools[i]);
	return TEST_SUCCESS;
}

/* Objects of a pool with this header, size and alignment: each to its end. */
static int
check_shape(size_t header, size_t size, size_t align)
{
	const struct rte_fastmem_pool_params params = {
		.name = "shape",
		.header = header,
		.size = size,
		.align = align,
		.socket_id = SOCKET,
	};
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	unsigned int i, n = 2 * MIB / (size + header) > 40 ? 40 : 4;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < n; i++) {
		objs[i] = rte_fastmem_pool_get(pool);
		TEST_ASSERT(objs[i] != NULL, "%d", rte_errno);
		TEST_ASSERT_EQUAL((uintptr_t)objs[i] % (align != 0 ? align : 64), 0);
		TEST_ASSERT(rte_fastmem_usable_size(objs[i]) >= size);
		TEST_ASSERT(rte_fastmem_contains(objs[i]));
		pattern_fill(RTE_PTR_SUB(objs[i], header), header + size, i);
	}
	for (i = 0; i < n; i++)
		TEST_ASSERT(pattern_holds(RTE_PTR_SUB(objs[i], header), header + size, i),
			"object %u of %zu + %zu bytes", i, header, size);
	put_all(pool, objs, n);
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static int
objects_of_all_shapes_are_whole(void)
{
	static const size_t sizes[] = { 1, 7, 8, 64, 65, 100, 256, 1000, 4096, 10000, 70000 };
	unsigned int i;
	size_t align;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		TEST_CALL(check_shape(0, sizes[i], 0));
		TEST_CALL(check_shape(64, sizes[i], 0));
		TEST_CALL(check_shape(0, sizes[i], 8));
		TEST_CALL(check_shape(24, sizes[i], 8));
		for (align = 1; align <= 64 * KIB; align *= 16)
			TEST_CALL(check_shape(align, sizes[i], align));
	}
	TEST_CALL(check_shape(0, MIB, 0));
	return check_shape(64 * KIB, MIB - 64 * KIB, 64 * KIB);
}

static int
objects_come_back_by_any_free(void)
{
	struct rte_fastmem_pool *a = make("a", 100, N, N), *b = make("b", 100, N, N);
	void *other;
	unsigned int i;

	TEST_ASSERT(a != NULL && b != NULL);
	TEST_ASSERT_EQUAL(get_all(a, objs, N + 1), N);
	rte_fastmem_free(objs[0]);
	rte_fastmem_free_bulk(objs + 1, N / 2);
	rte_fastmem_free_sized(objs[N / 2 + 1], 100, 0);
	for (i = N / 2 + 2; i < N; i++)
		rte_fastmem_pool_put_bulk(a, &objs[i], 1);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(a), N);
	/* To the wrong pool: from its cache, they end up in their own. */
	TEST_ASSERT_EQUAL(get_all(a, objs, N), N);
	put_all(a, objs + 100, N - 100);
	for (i = 0; i < 100; i++)
		rte_fastmem_pool_put(b, objs[i]);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(a), N);
	TEST_ASSERT_EQUAL(get_all(a, objs, N + 1), N);
	rte_fastmem_pool_put(a, NULL);
	rte_fastmem_pool_put_bulk(a, objs, 0);
	/* realloc() takes it out of the pool. */
	other = rte_fastmem_realloc(objs[0], 500, 0);
	TEST_ASSERT(other != NULL);
	rte_fastmem_free(other);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(a), N - 1);
	rte_fastmem_pool_put_bulk(a, objs + 1, N - 1);
	rte_fastmem_pool_free(a);
	rte_fastmem_pool_free(b);
	return TEST_SUCCESS;
}

static int
wrong_puts_are_reported(void)
{
	struct rte_fastmem_pool *pool = make("pool", 256, 64, 64);
	char *obj;
	int local;

	TEST_ASSERT(pool != NULL);
	obj = rte_fastmem_pool_get(pool);
	TEST_ASSERT(obj != NULL);
	log_begin();
	rte_fastmem_pool_put(pool, obj + 64);
	rte_fastmem_pool_put(pool, &local);
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(log_end("ignored"), 3);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), 64);
	TEST_ASSERT_EQUAL(get_all(pool, objs, N), 64, "each is there once");
	put_all(pool, objs, 64);
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static int
a_pool_is_freed_with_what_is_in_use(void)
{
	struct rte_fastmem_pool *pool = make("pool", 256, 0, 0);
	struct rte_fastmem_stats stats;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(get_all(pool, objs, N), N);
	log_begin();
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(log_end("3000 objects in use"), 1);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&stats), 0);
	TEST_ASSERT_EQUAL(stats.bytes_in_use, 0);
	TEST_ASSERT_EQUAL(stats.bytes_free, stats.bytes_backing);
	TEST_ASSERT(!rte_fastmem_contains(objs[0]));
	return check_live(0);
}

/* The bound. */

static int
max_objects_and_no_more(void)
{
	struct rte_fastmem_pool *pool = make("pool", 200, 0, N);
	unsigned int i, j;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_EQUAL(get_all(pool, objs, 2 * N), N);
		TEST_ASSERT_EQUAL(rte_errno, ENOBUFS);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs + N, 2), -ENOBUFS);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), 0);
		put_all(pool, objs, N);
		/* All or none, however many magazines it takes; none is not written. */
		memset(objs, 0, sizeof(objs));
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, N + 1), -ENOBUFS);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs + N, N / 2), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, N / 2 + 1), -ENOBUFS);
		rte_fastmem_pool_put_bulk(pool, objs + N, N / 2);
		for (j = 0; j < N; j++)
			TEST_ASSERT(objs[j] == NULL, "object %u", j);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, N - 1), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs + N, 2), -ENOBUFS);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs + N, 0), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs + N - 1, 1), 0);
		rte_fastmem_pool_put_bulk(pool, objs, N);
	}
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N + 1), -EINVAL);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static int
a_pool_of_one_object_works(void)
{
	struct rte_fastmem_pool *pool = make("one", 1, 1, 1);
	void *a, *b;

	TEST_ASSERT(pool != NULL);
	a = rte_fastmem_pool_get(pool);
	TEST_ASSERT(a != NULL && rte_fastmem_pool_get(pool) == NULL && rte_errno == ENOBUFS);
	rte_fastmem_pool_put(pool, a);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, &b, 1), 0);
	TEST_ASSERT(a == b);
	rte_fastmem_pool_put_bulk(pool, &b, 1);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* A thread that has used all objects, put them back, and does nothing more. */

struct hoarder {
	struct rte_fastmem_pool *pool;
	sem_t done, end;
	unsigned int n; /* objects it could get */
};

static int
hoard(void *arg)
{
	struct hoarder *h = arg;
	void *mine[N];

	h->n = get_all(h->pool, mine, N);
	put_all(h->pool, mine, h->n);
	sem_post(&h->done);
	sem_wait(&h->end);
	return TEST_SUCCESS;
}

static int
what_idle_threads_have_cached_can_be_had(void)
{
	static const enum worker_kind kinds[] = { WORKER_PTHREAD, WORKER_REGISTERED, WORKER_CONTROL,
		WORKER_PTHREAD };
	struct rte_fastmem_pool *pool = make("pool", 100, N, N);
	struct hoarder hoarders[RTE_DIM(kinds)];
	struct worker workers[RTE_DIM(kinds)];
	unsigned int i, round;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < RTE_DIM(kinds); i++) {
		hoarders[i].pool = pool;
		sem_init(&hoarders[i].done, 0, 0);
		sem_init(&hoarders[i].end, 0, 0);
		workers[i] = (struct worker){ .kind = kinds[i], .run = hoard, .arg = &hoarders[i] };
		TEST_CALL(workers_start(&workers[i], 1));
		sem_wait(&hoarders[i].done);
		TEST_ASSERT_EQUAL(hoarders[i].n, N, "thread %u", i);
	}
	TEST_ASSERT_EQUAL(rte_fastmem_pool_used_iter(pool, never_called, NULL), 0);
	for (round = 0; round < 2; round++) {
		TEST_ASSERT_EQUAL(get_all(pool, objs, N + 1), N);
		rte_fastmem_pool_put_bulk(pool, objs, N);
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, N), 0);
		put_all(pool, objs, N);
	}
	TEST_CALL(check_live(0));
	for (i = 0; i < RTE_DIM(kinds); i++)
		sem_post(&hoarders[i].end);
	TEST_CALL(workers_join(workers, RTE_DIM(kinds)));
	TEST_CALL(check_live(0));
	TEST_ASSERT_EQUAL(get_all(pool, objs, N + 1), N);
	put_all(pool, objs, N);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* Below the bound, whoever asks gets: with a ticket for each object. */

#define TICKETS 40u
#define TURNS 3000u
#define AT_ONCE 6u

struct player {
	struct rte_fastmem_pool *pool;
	uint32_t *tickets; /* given out. Atomic */
	unsigned int seed;
};

static bool
take_tickets(uint32_t *tickets, unsigned int n)
{
	if (rte_atomic_fetch_add_explicit(tickets, n, rte_memory_order_acq_rel) + n <= TICKETS)
		return true;
	rte_atomic_fetch_sub_explicit(tickets, n, rte_memory_order_acq_rel);
	return false;
}

static int
play_turn(struct player *p, struct rng *rng, unsigned int n)
{
	void *mine[AT_ONCE];
	unsigned int i;

	if (rng_below(rng, 2) != 0)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(p->pool, mine, n), 0);
	else
		TEST_ASSERT_EQUAL(get_all(p->pool, mine, n), n, "errno %d", rte_errno);
	for (i = 0; i < n; i++)
		TEST_ASSERT_EQUAL(rte_atomic_exchange_explicit((uint32_t *)mine[i], 1,
			rte_memory_order_acquire), 0, "an object is in two hands");
	for (i = 0; i < n; i++)
		rte_atomic_store_explicit((uint32_t *)mine[i], 0, rte_memory_order_release);
	if (rng_below(rng, 2) != 0)
		rte_fastmem_pool_put_bulk(p->pool, mine, n);
	else
		put_all(p->pool, mine, n);
	return TEST_SUCCESS;
}

static int
play(void *arg)
{
	struct player *p = arg;
	struct rng rng;
	unsigned int i;

	rng_init(&rng, p->seed);
	for (i = 0; i < TURNS; i++) {
		unsigned int n = 1 + rng_below(&rng, AT_ONCE);

		if (!take_tickets(p->tickets, n))
			continue;
		TEST_CALL(play_turn(p, &rng, n));
		rte_atomic_fetch_sub_explicit(p->tickets, n, rte_memory_order_acq_rel);
	}
	return TEST_SUCCESS;
}

static int
below_max_a_get_never_fails(void)
{
	struct rte_fastmem_pool *pool = make("pool", 64, TICKETS, TICKETS);
	struct player players[8];
	struct worker workers[RTE_DIM(players)];
	uint64_t backing = stats_backing();
	uint32_t tickets = 0;
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET, backing), 0);
	TEST_ASSERT_EQUAL(get_all(pool, objs, TICKETS), TICKETS);
	for (i = 0; i < TICKETS; i++)
		*(uint32_t *)objs[i] = 0;
	put_all(pool, objs, TICKETS);
	for (i = 0; i < RTE_DIM(players); i++) {
		players[i] = (struct player){ pool, &tickets, i };
		workers[i] = (struct worker){ .kind = i < workers_lcores() ? WORKER_LCORE :
			i % 2 != 0 ? WORKER_PTHREAD : WORKER_REGISTERED, .run = play,
			.arg = &players[i] };
	}
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), TICKETS);
	TEST_ASSERT_EQUAL(stats_backing(), backing, "it has grown");
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

static int
external_objects_are_kept_apart(void)
{
	const struct rte_fastmem_pool_params params = {
		.name = "external",
		.socket_id = SOCKET,
		.max = 100,
		.flags = RTE_FASTMEM_POOL_F_EXTERNAL,
	};
	static uint64_t memory[101];
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT(rte_fastmem_pool_get(pool) == NULL && rte_errno == ENOBUFS);
	for (i = 0; i < 101; i++)
		objs[i] = &memory[i];
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, objs, 60), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, objs + 60, 41), -ENOBUFS);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, objs + 60, 40), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), 100);
	for (i = 0; i < 3; i++) {
		unsigned int j, n = get_all(pool, objs, N);

		TEST_ASSERT_EQUAL(n, 100);
		for (j = 0; j < n; j++) /* each once */
			TEST_ASSERT_EQUAL(++*(uint64_t *)objs[j], i + 1);
		put_all(pool, objs, n);
		rte_fastmem_cache_flush();
	}
	log_begin();
	for (i = 0; i < 40; i++) /* more than depot and store have room for */
		put_all(pool, objs, 100);
	rte_fastmem_cache_flush();
	TEST_ASSERT(log_end("more objects were put than got") > 0);
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, objs, 1), -ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(NULL, objs, 1), -EINVAL);
	pool = make("typed", 64, 1, 1);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_add(pool, objs, 1), -EINVAL);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* Gives back what it has cached of a pool, while that is freed. */
struct flusher {
	struct rte_fastmem_pool *pool;
	uint32_t step; /* atomic: of whoever waits for the other */
};

static int
flush_when_told(void *arg)
{
	struct flusher *f = arg;
	void *some[64];

	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(f->pool, some, RTE_DIM(some)), 0);
	rte_fastmem_pool_put_bulk(f->pool, some, RTE_DIM(some));
	rte_atomic_store_explicit(&f->step, 1, rte_memory_order_release);
	while (rte_atomic_load_explicit(&f->step, rte_memory_order_acquire) == 1)
		rte_pause();
	rte_fastmem_cache_flush();
	return TEST_SUCCESS;
}

static int
what_a_thread_is_about_to_give_back_is_not_in_use(void)
{
	const struct rte_fastmem_pool_params params = {
		.name = "flushed", .size = 64, .socket_id = SOCKET_ID_ANY, .min = 300, .max = 1000,
	};
	unsigned int i;

	log_begin();
	for (i = 0; i < 300; i++) {
		struct flusher f = { .pool = rte_fastmem_pool_create(&params) };
		struct worker w = { .kind = WORKER_PTHREAD, .run = flush_when_told, .arg = &f };

		TEST_ASSERT(f.pool != NULL);
		TEST_CALL(workers_start(&w, 1));
		while (rte_atomic_load_explicit(&f.step, rte_memory_order_acquire) == 0)
			sched_yield();
		rte_atomic_store_explicit(&f.step, 2, rte_memory_order_release);
		rte_fastmem_pool_free(f.pool);
		TEST_CALL(workers_join(&w, 1));
	}
	TEST_ASSERT_EQUAL(log_end("is freed with"), 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(what_a_thread_is_about_to_give_back_is_not_in_use),
	TEST_CASE(wrong_params_are_refused),
	TEST_CASE(calls_without_fastmem_fail),
	TEST_CASE_UNCHECKED(pools_are_found_by_their_names),
	TEST_CASE(there_can_be_256_pools),
	TEST_CASE(objects_of_all_shapes_are_whole),
	TEST_CASE_UNCHECKED(objects_come_back_by_any_free),
	TEST_CASE_UNCHECKED(wrong_puts_are_reported),
	TEST_CASE_UNCHECKED(a_pool_is_freed_with_what_is_in_use),
	TEST_CASE(max_objects_and_no_more),
	TEST_CASE(a_pool_of_one_object_works),
	TEST_CASE(what_idle_threads_have_cached_can_be_had),
	TEST_CASE(below_max_a_get_never_fails),
	TEST_CASE_UNCHECKED(external_objects_are_kept_apart),
	TEST_CASES_END
};

const struct test_suite suite_pool = {
	.name = "pool",
	.about = "typed pools: making, freeing, objects, the bound",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
