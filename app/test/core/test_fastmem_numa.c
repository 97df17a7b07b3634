/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Two sockets that both have memory: what lies where, by fastmem's word and by the kernel's. On a
 * machine with one socket, nothing of this can run: tools/test-numa.sh boots one that has more.
 */

#include <sys/syscall.h>
#include <unistd.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>
#include <rte_memory.h>
#include <rte_mempool.h>
#include <rte_thread.h>

#include "fastmem_private.h"
#include "mempool_calls.h"
#include "test_fastmem.h"

#define SIZE 192
#define MANY 20000
#define MAGAZINE FASTMEM_MAGAZINE_LARGE_CAPACITY
#define LARGE (64 * KIB)
#define LIMIT (4 * MIB)

static void *ptrs[2 * MANY];
static int home, away; /* the first two sockets with memory on which an lcore runs */
static rte_cpuset_t before; /* where this thread ran */

static unsigned int
lcore_of(int socket)
{
	unsigned int lcore;

	RTE_LCORE_FOREACH(lcore)
		if ((int)rte_lcore_to_socket_id(lcore) == socket)
			return lcore;
	return RTE_MAX_LCORE;
}

static void
go_to(int socket)
{
	rte_cpuset_t set = rte_lcore_cpuset(lcore_of(socket));

	rte_thread_set_affinity(&set);
}

static int
two_sockets(void)
{
	unsigned int i, n = 0;
	int sockets[2];

	if (rte_eal_has_hugepages() == 0)
		return test_skip("EAL's ordinary pages are of no socket");
	for (i = 0; i < rte_socket_count() && n < RTE_DIM(sockets); i++) {
		int socket = rte_socket_id_by_idx(i);

		if (lcore_of(socket) != RTE_MAX_LCORE && socket_has_memory(socket))
			sockets[n++] = socket;
	}
	if (n < RTE_DIM(sockets))
		return test_skip("there are no two NUMA sockets with memory and lcores");
	home = sockets[0];
	away = sockets[1];
	go_to(home);
	return TEST_SUCCESS;
}

static int
numa_up(void)
{
	int ret;

	rte_thread_get_affinity(&before);
	TEST_CALL(fastmem_up());
	ret = two_sockets();
	if (ret != TEST_SUCCESS)
		rte_fastmem_deinit();
	return ret;
}

static int
numa_down(void)
{
	rte_thread_set_affinity(&before);
	return fastmem_down();
}

static void
numa_rescue(void)
{
	rte_thread_set_affinity(&before);
	fastmem_rescue();
}

static const struct fastmem_arena *
arena_of(int socket)
{
	return fastmem_arena_of(fastmem_ctl(), socket);
}

static int
socket_of(const void *obj)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();

	return ctl->arenas[ctl->bins[rte_fastmem_bin_of(obj)].socket].socket_id;
}

/* The node that the kernel has a page of on, or a negative errno. */
static int
node_of(void *addr)
{
	int node = -1;

	*(volatile char *)addr = *(volatile char *)addr; /* it is there */
	if (syscall(SYS_move_pages, 0, 1UL, &addr, NULL, &node, 0) != 0)
		return -errno;
	return node;
}

static int
all_lie_on(void **objs, unsigned int n, int socket)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		TEST_ASSERT_EQUAL(socket_of(objs[i]), socket, "object %u of %u", i, n);
	return TEST_SUCCESS;
}

static int
objects_lie_on_the_node_of_their_socket(void)
{
	static const size_t sizes[] = { 8, SIZE, 4096, LARGE, MIB };
	unsigned int i;
	int socket;

	for (i = 0; i < 2 * RTE_DIM(sizes); i++) {
		socket = i % 2 == 0 ? home : away;
		ptrs[0] = rte_fastmem_alloc_socket(sizes[i / 2], 0, 0, socket);
		TEST_ASSERT(ptrs[0] != NULL);
		TEST_ASSERT_EQUAL(socket_of(ptrs[0]), socket);
		TEST_ASSERT_EQUAL(node_of(ptrs[0]), socket);
		rte_fastmem_free(ptrs[0]);
	}
	return TEST_SUCCESS;
}

/* What its caches hold of its old socket goes first. */
static int
a_thread_that_migrates_takes_memory_of_its_new_socket(void)
{
	unsigned int i, n, cached;

	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs, MANY, SIZE, 0, 0), 0);
	TEST_CALL(all_lie_on(ptrs, MANY, home));
	rte_fastmem_free_bulk(ptrs, MANY);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(2 * MANY * SIZE, away), 0);

	go_to(away);
	for (cached = 0; cached < MANY; cached++) {
		ptrs[cached] = rte_fastmem_alloc(SIZE, 0, 0);
		TEST_ASSERT(ptrs[cached] != NULL);
		if (socket_of(ptrs[cached]) == away)
			break;
	}
	TEST_ASSERT(cached <= 2 * MAGAZINE, "%u of the old socket", cached);
	for (n = cached + 1; n < MANY; n++) {
		ptrs[n] = rte_fastmem_alloc(SIZE, 0, 0);
		TEST_ASSERT(ptrs[n] != NULL);
	}
	TEST_CALL(all_lie_on(ptrs + cached, MANY - cached, away));
	TEST_ASSERT_EQUAL(node_of(ptrs[MANY - 1]), away);

	/* And back. What it frees goes to where it came from. */
	go_to(home);
	rte_fastmem_free_bulk(ptrs, MANY);
	rte_fastmem_cache_flush();
	for (i = 0; i < MANY; i++) {
		ptrs[i] = rte_fastmem_alloc(SIZE, 0, 0);
		TEST_ASSERT(ptrs[i] != NULL);
	}
	TEST_CALL(all_lie_on(ptrs, MANY, home));
	rte_fastmem_free_bulk(ptrs, MANY);
	return TEST_SUCCESS;
}

struct on_socket {
	int socket;
	void *objs[100];
};

static int
take_here(void *arg)
{
	struct on_socket *on = arg;

	go_to(on->socket);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(on->objs, RTE_DIM(on->objs), SIZE, 0, 0), 0);
	return all_lie_on(on->objs, RTE_DIM(on->objs), on->socket);
}

static int
free_there(void *arg)
{
	struct on_socket *on = arg;

	go_to(on->socket);
	rte_fastmem_free_bulk(on->objs, RTE_DIM(on->objs));
	return TEST_SUCCESS;
}

/* Each thread frees what one of the other socket has taken. */
static int
threads_of_each_socket_take_its_memory_and_free_that_of_others(void)
{
	struct on_socket on[2] = { { .socket = home }, { .socket = away } };
	struct worker workers[2] = {
		{ .kind = WORKER_PTHREAD, .run = take_here, .arg = &on[0] },
		{ .kind = WORKER_PTHREAD, .run = take_here, .arg = &on[1] },
	};
	uint64_t backing;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MIB, home), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MIB, away), 0);
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	backing = stats_backing();
	TEST_CALL(check_live(2 * RTE_DIM(on[0].objs)));
	on[0].socket = away;
	on[1].socket = home;
	workers[0].run = free_there;
	workers[1].run = free_there;
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	TEST_CALL(check_live(0));
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	return TEST_SUCCESS;
}

/* The others have no memory, and may have none. */
static int
two_sockets_are_limited(size_t limit)
{
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(home, limit), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(away, limit), 0);
	return TEST_SUCCESS;
}

static int
take_all_from(int first, int second)
{
	unsigned int i, n;

	go_to(first);
	rte_fastmem_cache_flush();
	n = fill_up(ptrs, MANY, LARGE);
	TEST_ASSERT_EQUAL(n, 2 * LIMIT / LARGE);
	TEST_CALL(all_lie_on(ptrs, n / 2, first));
	TEST_CALL(all_lie_on(ptrs + n / 2, n / 2, second));
	/* What comes back at home is taken there at once. */
	rte_fastmem_free(ptrs[0]);
	ptrs[0] = rte_fastmem_alloc(LARGE, 0, 0);
	TEST_ASSERT(ptrs[0] != NULL);
	TEST_ASSERT_EQUAL(socket_of(ptrs[0]), first);
	for (i = 0; i < n; i++)
		rte_fastmem_free(ptrs[i]);
	TEST_ASSERT(rte_fastmem_trim(0, SOCKET_ID_ANY) >= 2 * LIMIT);
	return TEST_SUCCESS;
}

static int
the_own_socket_is_used_up_before_another_grows(void)
{
	TEST_CALL(two_sockets_are_limited(LIMIT));
	TEST_CALL(take_all_from(home, away));
	return take_all_from(away, home);
}

static int
free_memory_elsewhere_is_taken_before_the_own_socket_grows(void)
{
	uint64_t backing;
	unsigned int n = MIB / LARGE;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(2 * MIB, away), 0);
	ptrs[0] = rte_fastmem_alloc_socket(LARGE, 0, 0, away);
	TEST_ASSERT(ptrs[0] != NULL);
	backing = stats_backing();
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk(ptrs + 1, n, LARGE, 0, 0), 0);
	TEST_CALL(all_lie_on(ptrs + 1, n, away));
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	rte_fastmem_free_bulk(ptrs, n + 1);
	return TEST_SUCCESS;
}

static int
a_socket_that_is_named_is_the_only_one(void)
{
	unsigned int n = 0;

	TEST_CALL(two_sockets_are_limited(LIMIT));
	while (n < MANY && (ptrs[n] = rte_fastmem_alloc_socket(LARGE, 0, 0, away)) != NULL)
		n++;
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT_EQUAL(n, LIMIT / LARGE);
	TEST_CALL(all_lie_on(ptrs, n, away));
	TEST_ASSERT_EQUAL(arena_of(home)->n_granules, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs + n, 2, LARGE, 0, 0, away), -ENOMEM);
	/* The other one has enough. */
	TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs + n, 2, LARGE, 0, 0, home), 0);
	TEST_CALL(all_lie_on(ptrs + n, 2, home));
	rte_fastmem_free_bulk(ptrs, n + 2);
	return TEST_SUCCESS;
}

static int
a_limit_is_of_its_socket(void)
{
	unsigned int i, n = rte_socket_count();

	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), SIZE_MAX);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(away, LIMIT), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(away), LIMIT);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(home), SIZE_MAX);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), SIZE_MAX);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, LIMIT), 0);
	for (i = 0; i < n; i++)
		TEST_ASSERT_EQUAL(rte_fastmem_get_limit(rte_socket_id_by_idx(i)), LIMIT);
	TEST_ASSERT_EQUAL(rte_fastmem_get_limit(SOCKET_ID_ANY), n * LIMIT);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT, away), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT + 1, away), -ENOMEM);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT, home), 0);
	return TEST_SUCCESS;
}

static int
realloc_stays_on_its_socket(void)
{
	static const size_t sizes[] = { 200, 4096, LARGE, MIB, 3000, 64 };
	char *obj = rte_fastmem_alloc_socket(64, 0, 0, away), *more;
	unsigned int i;

	TEST_ASSERT(obj != NULL);
	pattern_fill(obj, 64, 1);
	for (i = 0; i < RTE_DIM(sizes); i++) {
		obj = rte_fastmem_realloc(obj, sizes[i], 0);
		TEST_ASSERT(obj != NULL);
		TEST_ASSERT_EQUAL(socket_of(obj), away, "%zu bytes", sizes[i]);
		TEST_ASSERT(pattern_holds(obj, 64, 1));
	}
	/* Nor does it leave when there is nothing. */
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(away, 0), 0);
	while (i < MANY && (ptrs[i] = rte_fastmem_alloc_socket(LARGE, 0, 0, away)) != NULL)
		i++;
	more = rte_fastmem_realloc(obj, LARGE, 0);
	TEST_ASSERT(more == NULL && rte_errno == ENOMEM);
	TEST_ASSERT(pattern_holds(obj, 64, 1));
	rte_fastmem_free_bulk(ptrs + RTE_DIM(sizes), i - RTE_DIM(sizes));
	rte_fastmem_free(obj);
	return TEST_SUCCESS;
}

static int
a_handle_of_a_socket_serves_that_one(void)
{
	rte_fastmem_handle_t at_home, far;

	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(SIZE, 0, home, &at_home), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(SIZE, 0, away, &far), 0);
	TEST_ASSERT(at_home != far);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(at_home, ptrs, 1000, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_halloc_bulk(far, ptrs + 1000, 1000, 0), 0);
	TEST_CALL(all_lie_on(ptrs, 1000, home));
	TEST_CALL(all_lie_on(ptrs + 1000, 1000, away));
	/* Wherever the thread is. */
	go_to(away);
	rte_fastmem_hfree_bulk(at_home, ptrs, 1000);
	rte_fastmem_hfree_bulk(far, ptrs + 1000, 1000);
	ptrs[0] = rte_fastmem_halloc(at_home, 0);
	ptrs[1] = rte_fastmem_halloc(far, 0);
	TEST_ASSERT(ptrs[0] != NULL && ptrs[1] != NULL);
	TEST_CALL(all_lie_on(ptrs, 1, home));
	TEST_CALL(all_lie_on(ptrs + 1, 1, away));
	rte_fastmem_hfree(at_home, ptrs[0]);
	rte_fastmem_hfree(far, ptrs[1]);
	return TEST_SUCCESS;
}

/* That of the thread that looked it up comes first; each object is freed to where it came from. */
static int
a_handle_of_any_socket_serves_all(void)
{
	rte_fastmem_handle_t any, far;
	unsigned int n = 0, i;

	TEST_CALL(two_sockets_are_limited(LIMIT));
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(LARGE, 0, SOCKET_ID_ANY, &any), 0);
	while (n < MANY && (ptrs[n] = rte_fastmem_halloc(any, 0)) != NULL)
		n++;
	TEST_ASSERT_EQUAL(n, 2 * LIMIT / LARGE);
	TEST_CALL(all_lie_on(ptrs, n / 2, home));
	TEST_CALL(all_lie_on(ptrs + n / 2, n / 2, away));
	for (i = 0; i < n / 4; i++)
		rte_fastmem_hfree(any, ptrs[i]);
	rte_fastmem_hfree_bulk(any, ptrs + n / 4, n - n / 4);
	TEST_CALL(check_live(0));
	go_to(away);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(rte_fastmem_hlookup(LARGE, 0, SOCKET_ID_ANY, &far), 0);
	ptrs[0] = rte_fastmem_halloc(any, 0);
	ptrs[1] = rte_fastmem_halloc(far, 0);
	TEST_ASSERT(ptrs[0] != NULL && ptrs[1] != NULL);
	TEST_CALL(all_lie_on(ptrs, 1, home));
	TEST_CALL(all_lie_on(ptrs + 1, 1, away));
	rte_fastmem_hfree(any, ptrs[0]);
	rte_fastmem_hfree(far, ptrs[1]);
	return TEST_SUCCESS;
}

/* Its size does not tell its socket. */
static int
a_free_by_size_finds_the_socket(void)
{
	uint64_t backing;
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs, MANY, SIZE, 0, 0, home), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk_socket(ptrs + MANY, MANY, SIZE, 0, 0,
				away), 0);
		if (round == 0)
			backing = stats_backing();
		TEST_ASSERT_EQUAL(stats_backing(), backing);
		for (i = 0; i < MANY; i++) {
			rte_fastmem_free_sized(ptrs[i], SIZE, 0);
			rte_fastmem_free_sized(ptrs[MANY + i], SIZE, 0);
		}
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static uint64_t
backing_of(int socket)
{
	return fastmem_arena_bytes(arena_of(socket));
}

static int
reserve_and_trim_are_of_their_socket(void)
{
	uint64_t all;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(4 * MIB, away), 0);
	TEST_ASSERT(backing_of(away) >= 4 * MIB);
	TEST_ASSERT_EQUAL(backing_of(home), 0);
	/* What others have counts, and the rest comes from where the thread is. */
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT(backing_of(home) >= 8 * MIB - backing_of(away));
	TEST_ASSERT(backing_of(home) + backing_of(away) >= 8 * MIB);
	all = stats_backing();
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(stats_backing(), all, "it is a total");
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	TEST_ASSERT_EQUAL(stats_backing(), all, "what is reserved stays");

	all = backing_of(home);
	TEST_ASSERT(rte_fastmem_trim(0, away) >= 4 * MIB);
	TEST_ASSERT_EQUAL(backing_of(away), 0);
	TEST_ASSERT_EQUAL(backing_of(home), all);
	TEST_ASSERT_EQUAL(rte_fastmem_trim(0, away), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_trim(0, SOCKET_ID_ANY), all);
	return TEST_SUCCESS;
}

/* The bookkeeping of a socket lies wherever; its objects do not. */
static int
reserve_falls_back_at_a_limit(void)
{
	TEST_CALL(two_sockets_are_limited(LIMIT));
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(LIMIT + MIB, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(backing_of(home), LIMIT);
	TEST_ASSERT(backing_of(away) >= MIB);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(2 * LIMIT + 1, SOCKET_ID_ANY), -ENOMEM);
	TEST_ASSERT_EQUAL(backing_of(away), LIMIT);
	return TEST_SUCCESS;
}

static int
a_pool_on_a_socket(int socket)
{
	const struct rte_fastmem_pool_params params = {
		.name = "numa", .size = SIZE, .socket_id = socket, .min = 1000, .max = 3000,
	};
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	unsigned int n;

	TEST_ASSERT(pool != NULL);
	for (n = 0; n < MANY && (ptrs[n] = rte_fastmem_pool_get(pool)) != NULL; n++)
		TEST_ASSERT_EQUAL(node_of(ptrs[n]), socket);
	TEST_ASSERT_EQUAL(n, 3000);
	TEST_CALL(all_lie_on(ptrs, n, socket));
	while (n > 0)
		rte_fastmem_pool_put(pool, ptrs[--n]);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_free(pool), 0);
	return TEST_SUCCESS;
}

static int
a_pool_lies_on_its_socket(void)
{
	TEST_CALL(a_pool_on_a_socket(away));
	TEST_CALL(a_pool_on_a_socket(home));
	go_to(away);
	return a_pool_on_a_socket(home);
}

static int
a_mempool_on_a_socket(int socket)
{
	struct rte_mempool *mp = rte_mempool_create_empty("numa", 1000, SIZE, 32, 0, socket, 0);
	void *obj;

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_set_ops_byname(mp, "fastmem", NULL), 0);
	TEST_ASSERT_EQUAL(rte_mempool_populate_default(mp), 1000);
	TEST_ASSERT_EQUAL(mempool_get(mp, &obj), 0);
	TEST_ASSERT_EQUAL(node_of(obj), socket);
	mempool_put(mp, obj);
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static int
a_mempool_of_the_driver_lies_on_its_socket(void)
{
	TEST_CALL(a_mempool_on_a_socket(away));
	return a_mempool_on_a_socket(home);
}

/* EAL's numbers of sockets need not be 0 to n - 1. */
static int
a_socket_that_eal_lacks_is_refused(void)
{
	rte_fastmem_handle_t handle;
	unsigned int i, n = 0;
	int socket;

	for (socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		bool known = false;

		for (i = 0; i < rte_socket_count(); i++)
			known |= rte_socket_id_by_idx(i) == socket;
		n += known;
		TEST_ASSERT_EQUAL(rte_fastmem_hlookup(SIZE, 0, socket, &handle), known ? 0 : -EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(socket, LIMIT), known ? 0 : -EINVAL);
		if (known)
			continue;
		TEST_ASSERT(rte_fastmem_alloc_socket(SIZE, 0, 0, socket) == NULL);
		TEST_ASSERT_EQUAL(rte_errno, EINVAL);
		TEST_ASSERT_EQUAL(rte_fastmem_get_limit(socket), 0);
	}
	TEST_ASSERT_EQUAL(n, rte_socket_count());
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(objects_lie_on_the_node_of_their_socket),
	TEST_CASE_UNCHECKED(a_thread_that_migrates_takes_memory_of_its_new_socket),
	TEST_CASE_UNCHECKED(threads_of_each_socket_take_its_memory_and_free_that_of_others),
	TEST_CASE_UNCHECKED(the_own_socket_is_used_up_before_another_grows),
	TEST_CASE_UNCHECKED(free_memory_elsewhere_is_taken_before_the_own_socket_grows),
	TEST_CASE_UNCHECKED(a_socket_that_is_named_is_the_only_one),
	TEST_CASE_UNCHECKED(a_limit_is_of_its_socket),
	TEST_CASE_UNCHECKED(realloc_stays_on_its_socket),
	TEST_CASE_UNCHECKED(a_handle_of_a_socket_serves_that_one),
	TEST_CASE_UNCHECKED(a_handle_of_any_socket_serves_all),
	TEST_CASE_UNCHECKED(a_free_by_size_finds_the_socket),
	TEST_CASE_UNCHECKED(reserve_and_trim_are_of_their_socket),
	TEST_CASE_UNCHECKED(reserve_falls_back_at_a_limit),
	TEST_CASE_UNCHECKED(a_pool_lies_on_its_socket),
	TEST_CASE_UNCHECKED(a_mempool_of_the_driver_lies_on_its_socket),
	TEST_CASE_UNCHECKED(a_socket_that_eal_lacks_is_refused),
	TEST_CASES_END
};

const struct test_suite suite_numa = {
	.name = "numa",
	.about = "two NUMA sockets that both have memory",
	.setup = numa_up,
	.teardown = numa_down,
	.rescue = numa_rescue,
	.cases = cases,
};
