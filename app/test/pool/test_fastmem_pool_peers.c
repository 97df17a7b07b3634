/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a process must not do to a pool of another one: by dying as it grows, by a request that
 * comes late, by waiting for memory, or by reading what only the other one has.
 */

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_fastmem_pool.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define N 2000u
#define SIZE 200

static struct process second;

static struct rte_fastmem_pool *
find(void)
{
	return rte_fastmem_pool_lookup("peers");
}

static void
construct(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(iova);
	*(uint32_t *)obj = index;
}

static struct rte_fastmem_pool *
make(size_t size, uint32_t max, unsigned int flags, rte_fastmem_pool_obj_cb ctor)
{
	const struct rte_fastmem_pool_params params = {
		.name = "peers",
		.size = size,
		.socket_id = SOCKET_ID_ANY,
		.max = max,
		.flags = flags,
		.ctor = ctor,
	};

	return rte_fastmem_pool_create(&params);
}

/* In the second process. */

static int64_t
call_grow(const uint64_t *args)
{
	return rte_fastmem_pool_grow(find(), args[0]);
}

/*
 * Whether also growth is held: stop where the bin is counted anew, as a process may do that finds
 * another one dead; to be killed there.
 */
static int64_t
call_stop_counting(const uint64_t *args)
{
	struct fastmem_pool *pool = fastmem_pool(find());
	struct fastmem_bin *bin = fastmem_pool_bin(pool);

	if (args[0] != 0)
		fastmem_mutex_lock(&pool->grow, FASTMEM_LOCK_POOL_GROW);
	fastmem_bin_lock(bin);
	bin->n_slabs = 0;
	rte_atomic_store_explicit(&bin->n_slots, 0, rte_memory_order_relaxed);
	bin->pool_slabs = 0;
	bin->slabs = 0;
	rte_atomic_store_explicit(&shared_get()->n_rounds, 1, rte_memory_order_release);
	for (;;)
		pause();
	return 0;
}

/* A pool with an RCU variable in memory that only this process has; all of its objects are free. */
static int64_t
call_make_private(const uint64_t *args)
{
	struct rte_rcu_qsbr *qsbr = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct rte_fastmem_pool_params params = {
		.name = "peers",
		.size = SIZE,
		.socket_id = SOCKET_ID_ANY,
		.max = N,
		.flags = RTE_FASTMEM_POOL_F_SHRINK,
		.qsbr = qsbr,
	};

	RTE_SET_USED(args);
	if (qsbr == MAP_FAILED || rte_rcu_qsbr_init(qsbr, 1) != 0)
		return -ENOMEM;
	if (rte_fastmem_pool_create(&params) == NULL)
		return -rte_errno;
	return rte_fastmem_pool_grow(find(), N);
}

static int64_t
call_trim_pool(const uint64_t *args __rte_unused)
{
	return rte_fastmem_pool_trim(find());
}

/* n: objects got, and put deferred. */
static int64_t
call_defer(const uint64_t *args)
{
	struct rte_fastmem_pool *pool = find();
	unsigned int i;
	int ret = 0;

	for (i = 0; i < args[0] && ret == 0; i++) {
		void *obj = rte_fastmem_pool_get(pool);

		ret = obj == NULL ? -rte_errno : rte_fastmem_pool_put_deferred(pool, &obj, 1);
	}
	return ret;
}

/* The only reader there can be: it stays online. */
static int64_t
call_read(const uint64_t *args __rte_unused)
{
	struct rte_rcu_qsbr *qsbr = fastmem_pool(find())->qsbr;

	if (rte_rcu_qsbr_thread_register(qsbr, 0) != 0)
		return -EINVAL;
	rte_rcu_qsbr_thread_online(qsbr, 0);
	return 0;
}

const remote_t peer_calls[] = {
	call_grow,
	call_stop_counting,
	call_make_private,
	call_trim_pool,
	call_defer,
	call_read,
	NULL,
};

static int
peers_up(void)
{
	TEST_CALL(shared_make());
	TEST_CALL(fastmem_up());
	return process_start(&second);
}

static int
peers_down(void)
{
	if (second.pid != 0)
		TEST_CALL(process_stop(&second));
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
peers_rescue(void)
{
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

/* Growth after a death. */

static void
number(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	uint8_t *seen = arg;

	RTE_SET_USED(pool);
	RTE_SET_USED(obj);
	RTE_SET_USED(iova);
	seen[RTE_MIN(index, N)]++;
}

static int
check_numbers(struct rte_fastmem_pool *pool)
{
	static uint8_t seen[N + 1];
	unsigned int i;

	memset(seen, 0, sizeof(seen));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_obj_iter(pool, number, seen), N);
	for (i = 0; i < N; i++)
		TEST_ASSERT_EQUAL(seen[i], 1, "number %u", i);
	return TEST_SUCCESS;
}

/* The second process is killed as it counts. */
static int
kill_counting(bool while_growing)
{
	struct shared *shared = shared_get();

	shared->n_rounds = 0;
	TEST_CALL(process_send(&second, call_stop_counting,
		(const uint64_t[PROCESS_ARGS]){ while_growing }));
	while (rte_atomic_load_explicit(&shared->n_rounds, rte_memory_order_acquire) == 0)
		sched_yield();
	return process_kill(&second);
}

static int
grow_after_death(bool while_growing)
{
	struct rte_fastmem_pool *pool = make(SIZE, N, 0, NULL);

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N - 200), 0);
	TEST_ASSERT(rte_fastmem_pool_avail_count(pool) < N, "part of a slab is left to grow");
	TEST_CALL(kill_counting(while_growing));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), N);
	TEST_CALL(check_numbers(pool));
	TEST_CALL(check_live(0));
	rte_fastmem_pool_free(pool);
	return process_start(&second);
}

static int
growth_after_a_death_counts_again(void)
{
	TEST_CALL(grow_after_death(false));
	return grow_after_death(true);
}

static uint64_t
granules_in_use(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		n += ctl->arenas[i].n_granules - ctl->arenas[i].n_free;
	return n;
}

static int
a_pool_is_freed_whole_after_a_death(void)
{
	uint64_t before = granules_in_use();
	struct rte_fastmem_pool *pool = make(SIZE, N, 0, NULL);

	TEST_ASSERT(pool != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(pool, N), 0);
	TEST_CALL(kill_counting(false));
	rte_fastmem_pool_free(pool);
	TEST_ASSERT_EQUAL(granules_in_use(), before);
	TEST_CALL(check_live(0));
	return process_start(&second);
}

/* The second process asks for growth to n, and waits for the answer. */
static int
ask_growth(unsigned int n)
{
	TEST_CALL(hold_up_begin());
	TEST_CALL(process_send(&second, call_grow, (const uint64_t[PROCESS_ARGS]){ n }));
	return hold_up_await(1);
}

static int
check_late_answer(void)
{
	TEST_ASSERT(hold_up_end());
	TEST_ASSERT_EQUAL(process_receive(&second), -ENODEV);
	return check_live(0);
}

static int
a_late_request_does_not_grow_what_came_after_its_pool(void)
{
	struct rte_fastmem_pool *pool = make(SIZE, N, 0, construct), *next;

	TEST_ASSERT(pool != NULL);
	TEST_CALL(ask_growth(N));
	rte_fastmem_pool_free(pool);
	TEST_CALL(check_late_answer());

	pool = make(SIZE, N, 0, construct);
	TEST_ASSERT(pool != NULL);
	TEST_CALL(ask_growth(N));
	rte_fastmem_pool_free(pool);
	next = make(5 * SIZE, 100, 0, construct);
	TEST_ASSERT(next == pool, "in the same place");
	TEST_CALL(check_late_answer());
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(next), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_grow(next, 100), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(next), 100);
	rte_fastmem_pool_free(next);
	return TEST_SUCCESS;
}

/* Its lock would be waited for by the thread that is to serve it. */
static int
who_waits_for_memory_holds_up_no_pool(void)
{
	struct rte_fastmem_pool *pool = make(MIB / 2, 64, RTE_FASTMEM_POOL_F_SHRINK, NULL);

	TEST_ASSERT(pool != NULL);
	TEST_CALL(ask_growth(64));
	rte_fastmem_maintain();
	rte_fastmem_trim(SIZE_MAX, SOCKET_ID_ANY);
	rte_fastmem_pool_trim(pool);
	TEST_ASSERT(find() == pool);
	TEST_ASSERT(hold_up_end(), "a lock was held until the answer came");
	TEST_ASSERT_EQUAL(process_receive(&second), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_avail_count(pool), 64);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/* RCU variables. */

static int
nobody_reads_a_private_rcu_variable_of_another_process(void)
{
	struct rte_fastmem_pool *pool;
	void *obj;

	TEST_ASSERT_EQUAL(ASK(&second, call_make_private), 0);
	pool = find();
	rte_fastmem_maintain();
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_trim(pool), 0);
	obj = rte_fastmem_pool_get(pool);
	TEST_ASSERT(obj != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(pool, &obj, 1), -ENOTSUP);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(pool), 0);
	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_cache_flush();
	/* Its owner does. */
	TEST_ASSERT_EQUAL(ASK(&second, call_defer, 10), 0);
	ASK(&second, call_trim_pool);
	ASK(&second, call_flush);
	TEST_ASSERT(ASK(&second, call_trim_pool) > 0);
	rte_fastmem_pool_free(pool);
	return check_live(0);
}

/* An RCU variable of all processes, with a reader that is online; and a pool with it. */
static int
make_read(struct rte_rcu_qsbr **qsbr, struct rte_fastmem_pool **pool)
{
	struct rte_fastmem_pool_params params = {
		.name = "peers",
		.size = SIZE,
		.socket_id = SOCKET_ID_ANY,
		.max = N,
	};

	*qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	TEST_ASSERT(*qsbr != NULL && rte_rcu_qsbr_init(*qsbr, 1) == 0);
	rte_rcu_qsbr_thread_register(*qsbr, 0);
	rte_rcu_qsbr_thread_online(*qsbr, 0);
	params.qsbr = *qsbr;
	*pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(*pool != NULL);
	return TEST_SUCCESS;
}

/* The pool is not freed, stays as it is, and the log says why. */
static int
check_stays(struct rte_fastmem_pool *pool)
{
	const uint32_t before = fastmem_readers_ms;
	const uint32_t waiting = fastmem_defer_count(fastmem_pool(pool));

	fastmem_readers_ms = 50;
	log_begin();
	TEST_ASSERT_EQUAL(rte_fastmem_pool_free(pool), -EBUSY);
	fastmem_readers_ms = before;
	TEST_ASSERT_EQUAL(log_end("a reader was not quiescent"), 1);
	TEST_ASSERT(find() == pool);
	TEST_ASSERT_EQUAL(fastmem_defer_count(fastmem_pool(pool)), waiting);
	return TEST_SUCCESS;
}

static int
a_pool_is_freed_when_a_reader_that_was_killed_is_unregistered(void)
{
	struct rte_rcu_qsbr *qsbr;
	struct rte_fastmem_pool *pool;

	TEST_CALL(make_read(&qsbr, &pool));
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	rte_rcu_qsbr_thread_unregister(qsbr, 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_read), 0);
	TEST_ASSERT_EQUAL(HERE(call_defer, 70), 0);
	TEST_CALL(process_kill(&second));
	rte_fastmem_maintain(); /* takes back what it had, but nothing tells whose reader it was */
	TEST_CALL(check_stays(pool));
	rte_rcu_qsbr_thread_unregister(qsbr, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_free(pool), 0);
	TEST_ASSERT(find() == NULL);
	rte_free(qsbr);
	TEST_CALL(check_live(0));
	return process_start(&second);
}

/* Nor if it is the caller. */
static int
a_pool_with_a_reader_that_never_passes_stays(void)
{
	struct rte_rcu_qsbr *qsbr;
	struct rte_fastmem_pool *pool;

	TEST_CALL(make_read(&qsbr, &pool));
	TEST_ASSERT_EQUAL(HERE(call_defer, 70), 0);
	TEST_CALL(check_stays(pool));
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_free(pool), 0);
	TEST_ASSERT(find() == NULL);
	rte_free(qsbr);
	return check_live(0);
}

static int
what_waits_is_forgotten_with_its_pool(void)
{
	struct rte_rcu_qsbr *qsbr;
	struct rte_fastmem_pool *pool;

	TEST_CALL(make_read(&qsbr, &pool));
	TEST_ASSERT_EQUAL(ASK(&second, call_defer, 70), 0);
	rte_rcu_qsbr_thread_offline(qsbr, 0);
	rte_fastmem_pool_free(pool);
	/* Whoever looks here now is told that all readers have passed. */
	memset(qsbr, 0, rte_rcu_qsbr_get_memsize(1));
	TEST_ASSERT_EQUAL(ASK(&second, call_log_begin), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_deinit), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_ANY), 0, "it puts to no pool");
	rte_free(qsbr);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(growth_after_a_death_counts_again),
	TEST_CASE(a_pool_is_freed_whole_after_a_death),
	TEST_CASE(a_late_request_does_not_grow_what_came_after_its_pool),
	TEST_CASE(who_waits_for_memory_holds_up_no_pool),
	TEST_CASE(nobody_reads_a_private_rcu_variable_of_another_process),
	TEST_CASE(a_pool_with_a_reader_that_never_passes_stays),
	TEST_CASE(a_pool_is_freed_when_a_reader_that_was_killed_is_unregistered),
	TEST_CASE(what_waits_is_forgotten_with_its_pool),
	TEST_CASES_END
};

const struct test_suite suite_pool_peers = {
	.name = "pool_peers",
	.about = "pools of processes that die, ask late, wait or free",
	.setup = peers_up,
	.teardown = peers_down,
	.rescue = peers_rescue,
	.cases = cases,
	.with_secondaries = true,
};
