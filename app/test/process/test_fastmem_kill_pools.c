/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that are killed while they share pools: objects are stolen from each other's caches,
 * pools grow and shrink, are made and freed, and processes attach and leave.
 *
 * What a worker has is written down in memory that survives it, as in test_kill.h. This is the
 * supervisor, too: it kills a secondary or has it leave, takes over what that one had, and starts
 * it again. At the end, each object of each pool must be where it should be.
 */

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_fastmem_pool.h>
#include <rte_log.h>
#include <rte_memzone.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"
#include "test_kill.h"

#define ZONE "test_kill_pools"
#define SECONDARIES 3
#define PER_SECONDARY 2 /* workers */
#define WORKERS (SECONDARIES * PER_SECONDARY + 2) /* the last ones in this process */
#define TABLE 40 /* objects of a pool that a worker has */
#define BULK 20u
#define DEFERRED_BATCH 14 /* objects in the hands of a thread that reclaims */
#define KILLS 15
#define LEAVES 4 /* one in so many leaves, and is not killed */
#define PATIENCE_S 20

enum { FIXED, GROWING, SHRINKING, READ, POOLS };

/* Fewer objects than workers would have: whoever gets one may have to steal it. */
static const struct rte_fastmem_pool_params kinds[POOLS] = {
	[FIXED] = { .name = "fixed", .size = 200, .min = 150, .max = 150, .cache_size = 16 },
	[GROWING] = { .name = "growing", .size = 3000, .max = 200 },
	[SHRINKING] = { .name = "shrinking", .size = 1000, .max = 250,
		.flags = RTE_FASTMEM_POOL_F_SHRINK },
	[READ] = { .name = "read", .size = 100, .min = 200, .max = 200,
		.flags = RTE_FASTMEM_POOL_F_SHRINK },
};

struct pool_worker {
	uint64_t n_ops; /* atomic */
	uint64_t seed;
	uint64_t n_refused;
	uint32_t wrong; /* contents that had changed, errors that cannot be */
	uint32_t in_call[POOLS]; /* objects of the call under way */
	uint64_t table[POOLS][TABLE]; /* addresses; KILL_UNFILLED as in test_kill.h */
} __rte_aligned(128);

struct pools_state {
	uint32_t stop[SECONDARIES + 1]; /* by process. Atomic */
	struct pool_worker workers[WORKERS];
	uint8_t readers[1024] __rte_aligned(64); /* an RCU variable, of none */
};

#define SET(word, value) rte_atomic_store_explicit(&(word), value, rte_memory_order_release)
#define GET(word) rte_atomic_load_explicit(&(word), rte_memory_order_acquire)

static struct pools_state *
state_get(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup(ZONE);

	return mz != NULL ? mz->addr : NULL;
}

/* Workers. */

struct hands {
	struct pool_worker *me;
	unsigned int number;
	struct rte_fastmem_pool *pools[POOLS];
	struct rng rng;
};

static void
note_wrong(struct hands *h, const char *what, unsigned int k)
{
	h->me->wrong++;
	fprintf(stderr, "worker %u, pool %s: %s\n", h->number, kinds[k].name, what);
}

/* Up to n places of the table that are in use, or are not. */
static unsigned int
find_places(struct hands *h, unsigned int k, bool used, unsigned int *places, unsigned int n)
{
	unsigned int i, found = 0, start = rng_below(&h->rng, TABLE);

	for (i = start; i < start + TABLE && found < n; i++)
		if ((h->me->table[k][i % TABLE] != 0) == used)
			places[found++] = i % TABLE;
	return found;
}

static unsigned int
how_many(struct hands *h)
{
	return rng_below(&h->rng, 3) == 0 ? 1 + rng_below(&h->rng, BULK) : 1;
}

static void
do_get(struct hands *h, unsigned int k)
{
	unsigned int places[BULK], n = find_places(h, k, false, places, how_many(h)), i;
	void *objs[BULK];
	int ret = 0;

	if (n == 0)
		return;
	SET(h->me->in_call[k], n);
	if (n > 1) {
		ret = rte_fastmem_pool_get_bulk(h->pools[k], objs, n);
	} else {
		objs[0] = rte_fastmem_pool_get(h->pools[k]);
		ret = objs[0] != NULL ? 0 : -rte_errno;
	}
	for (i = 0; ret == 0 && i < n; i++)
		SET(h->me->table[k][places[i]], (uintptr_t)objs[i] | KILL_UNFILLED);
	SET(h->me->in_call[k], 0);
	for (i = 0; ret == 0 && i < n; i++) {
		pattern_fill(objs[i], kinds[k].size, (uintptr_t)objs[i] + h->number);
		SET(h->me->table[k][places[i]], (uintptr_t)objs[i]);
	}
	h->me->n_refused += ret != 0;
	if (ret != 0 && ret != -ENOBUFS && ret != -ENOMEM)
		note_wrong(h, rte_strerror(-ret), k);
}

/* A word of the table that is no object: what wrote it may be told by what is beside it. */
static void
note_word(struct hands *h, unsigned int k, unsigned int place)
{
	const uint64_t *words = h->me->table[k];
	unsigned int i;

	note_wrong(h, "no object", k);
	for (i = 0; i < TABLE; i++)
		fprintf(stderr, "%c%#" PRIx64 "%s", i == place ? '>' : ' ', words[i],
			i % 8 == 7 ? "\n" : "");
	fprintf(stderr, "at %p, %" PRIu64 " operations\n", (const void *)words, h->me->n_ops);
	abort();
}

static void
do_put(struct hands *h, unsigned int k)
{
	unsigned int places[BULK], n = find_places(h, k, true, places, how_many(h)), i;
	void *objs[BULK];

	for (i = 0; i < n; i++) {
		objs[i] = (void *)(uintptr_t)h->me->table[k][places[i]];
		if (!rte_fastmem_contains(objs[i]))
			note_word(h, k, places[i]);
		if (!pattern_holds(objs[i], kinds[k].size, (uintptr_t)objs[i] + h->number))
			note_wrong(h, "contents have changed", k);
	}
	SET(h->me->in_call[k], n);
	for (i = 0; i < n; i++)
		SET(h->me->table[k][places[i]], 0);
	if (k == READ && n > 0 && rte_fastmem_pool_put_deferred(h->pools[k], objs, n) == 0)
		rte_fastmem_pool_reclaim(h->pools[k]);
	else if (n == 1)
		rte_fastmem_pool_put(h->pools[k], objs[0]);
	else
		rte_fastmem_pool_put_bulk(h->pools[k], objs, n);
	SET(h->me->in_call[k], 0);
}

static void
own_name(char *name, unsigned int number)
{
	snprintf(name, RTE_FASTMEM_POOL_NAMESIZE, "of_%u", number);
}

/* A pool of its own; or that of a dead one of this number. */
static void
do_make(struct hands *h)
{
	struct rte_fastmem_pool_params params = kinds[FIXED];
	char name[RTE_FASTMEM_POOL_NAMESIZE];
	struct rte_fastmem_pool *pool;

	own_name(name, h->number);
	params.name = name;
	params.socket_id = SOCKET_ID_ANY;
	pool = rte_fastmem_pool_create(&params);
	if (pool == NULL && rte_errno == EEXIST)
		pool = rte_fastmem_pool_lookup(name);
	if (pool != NULL)
		rte_fastmem_pool_put(pool, rte_fastmem_pool_get(pool));
	rte_fastmem_pool_free(pool);
}

static void
count_one(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(obj);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
	++*(unsigned int *)arg;
}

static void
do_seldom(struct hands *h)
{
	unsigned int k = rng_below(&h->rng, POOLS), n = 0;

	switch (rng_below(&h->rng, 6)) {
	case 0:
		rte_fastmem_cache_flush();
		break;
	case 1:
		rte_fastmem_pool_trim(h->pools[k]);
		break;
	case 2:
		rte_fastmem_pool_grow(h->pools[k], 1 + rng_below(&h->rng, kinds[k].max));
		break;
	case 3:
		rte_fastmem_pool_used_iter(h->pools[k], count_one, &n);
		if (n > kinds[k].max)
			note_wrong(h, "more in use than there can be", k);
		break;
	case 4:
		do_make(h);
		break;
	default:
		rte_fastmem_thread_idle();
	}
}

static int
work(void *arg)
{
	struct hands h = { .number = (uintptr_t)arg };
	struct pools_state *state = state_get();
	unsigned int k;

	setpriority(PRIO_PROCESS, 0, KILL_NICE); /* of this thread */
	h.me = &state->workers[h.number];
	rng_init(&h.rng, h.me->seed);
	for (k = 0; k < POOLS; k++) {
		h.pools[k] = rte_fastmem_pool_lookup(kinds[k].name);
		TEST_ASSERT(h.pools[k] != NULL);
	}
	while (GET(state->stop[h.number / PER_SECONDARY]) == 0) {
		k = rng_below(&h.rng, POOLS);
		if (rng_below(&h.rng, 300) == 0)
			do_seldom(&h);
		else if (rng_below(&h.rng, 2) == 0)
			do_get(&h, k);
		else
			do_put(&h, k);
		SET(h.me->n_ops, h.me->n_ops + 1);
		if (h.me->n_ops % 16 == 0)
			sched_yield();
	}
	TEST_ASSERT_EQUAL(h.me->wrong, 0);
	return TEST_SUCCESS;
}

static struct worker workers[PER_SECONDARY];

/* Process. Returns when all of its workers work. */
static int64_t
pools_begin(const uint64_t *args)
{
	struct pools_state *state = state_get();
	unsigned int i;

	/* Not of each death, nor that pools are freed with what was lost. */
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_ERR);
	SET(state->stop[args[0]], 0);
	for (i = 0; i < PER_SECONDARY; i++)
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = work,
			.arg = (void *)(uintptr_t)(args[0] * PER_SECONDARY + i) };
	TEST_CALL(workers_start(workers, PER_SECONDARY));
	for (i = 0; i < PER_SECONDARY; i++)
		while (GET(state->workers[args[0] * PER_SECONDARY + i].n_ops) < 100)
			usleep(1000);
	return TEST_SUCCESS;
}

/* Process. Its workers end, with what they have. */
static int64_t
pools_end(const uint64_t *args)
{
	SET(state_get()->stop[args[0]], 1);
	return workers_join(workers, PER_SECONDARY);
}

const remote_t kill_pools_calls[] = { pools_begin, pools_end, NULL };

/* The supervisor. */

static struct process secondaries[SECONDARIES];
static struct pools_state *state;
static struct rte_fastmem_pool *pools[POOLS];
static struct rng rng;

static struct {
	unsigned int kills, leaves;
	uint64_t ops, refused, inherited;
	uint64_t in_calls[POOLS]; /* objects that were in a call of the dead: lost, at most */
} sum;

static int
begin(unsigned int i)
{
	unsigned int k;

	for (k = 0; k < PER_SECONDARY; k++)
		state->workers[i * PER_SECONDARY + k].seed = rng_next(&rng);
	if (i == SECONDARIES)
		return HERE(pools_begin, i);
	TEST_ASSERT_EQUAL(ASK(&secondaries[i], pools_begin, i), TEST_SUCCESS);
	return TEST_SUCCESS;
}

/* What a worker had that has ended, is put. */
static int
inherit(unsigned int number)
{
	struct pool_worker *w = &state->workers[number];
	unsigned int k, i;

	TEST_ASSERT_EQUAL(w->wrong, 0);
	for (k = 0; k < POOLS; k++) {
		sum.in_calls[k] += w->in_call[k];
		for (i = 0; i < TABLE; i++) {
			void *obj = (void *)(uintptr_t)(w->table[k][i] & ~KILL_UNFILLED);

			if (obj == NULL)
				continue;
			TEST_ASSERT(rte_fastmem_pool_index(pools[k], obj) != UINT32_MAX);
			if ((w->table[k][i] & KILL_UNFILLED) == 0)
				TEST_ASSERT(pattern_holds(obj, kinds[k].size,
					(uintptr_t)obj + number), "of the dead");
			rte_fastmem_pool_put(pools[k], obj);
			sum.inherited++;
		}
	}
	sum.ops += w->n_ops;
	sum.refused += w->n_refused;
	memset(w, 0, sizeof(*w));
	return TEST_SUCCESS;
}

static int
check_others_go_on(unsigned int victim)
{
	uint64_t end = rte_get_timer_cycles() + PATIENCE_S * rte_get_timer_hz();
	uint64_t before[WORKERS];
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		before[i] = GET(state->workers[i].n_ops);
	for (i = 0; i < WORKERS; i++)
		while (i / PER_SECONDARY != victim &&
				GET(state->workers[i].n_ops) < before[i] + 20) {
			TEST_ASSERT(rte_get_timer_cycles() < end, "worker %u is stuck", i);
			usleep(1000);
		}
	return TEST_SUCCESS;
}

static int
end_one(unsigned int i, bool killed)
{
	unsigned int k;

	if (killed) {
		TEST_CALL(kill_between_growths(&secondaries[i]));
		TEST_CALL(check_others_go_on(i));
		sum.kills++;
	} else {
		TEST_ASSERT_EQUAL(ASK(&secondaries[i], pools_end, i), TEST_SUCCESS);
	}
	for (k = 0; k < PER_SECONDARY; k++)
		TEST_CALL(inherit(i * PER_SECONDARY + k));
	if (killed) {
		sum.in_calls[READ] += PER_SECONDARY * DEFERRED_BATCH;
		TEST_CALL(process_start(&secondaries[i]));
	} else {
		TEST_ASSERT_EQUAL(ASK(&secondaries[i], call_deinit), 0);
		sum.leaves++;
	}
	return TEST_SUCCESS;
}

static int
check_pool(unsigned int k)
{
	uint32_t lost = rte_fastmem_pool_in_use_count(pools[k]), n = 0;
	void *objs[512];
	unsigned int used = 0;

	TEST_ASSERT(lost <= sum.in_calls[k], "%s: %u objects lost, %" PRIu64 " were in calls",
		kinds[k].name, lost, sum.in_calls[k]);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_used_iter(pools[k], count_one, &used), lost);
	for (; n < RTE_DIM(objs) && (objs[n] = rte_fastmem_pool_get(pools[k])) != NULL; n++)
		pattern_fill(objs[n], kinds[k].size, n);
	TEST_ASSERT_EQUAL(n + lost, kinds[k].max, "%s", kinds[k].name);
	while (n-- > 0) {
		TEST_ASSERT(pattern_holds(objs[n], kinds[k].size, n), "two in one place");
		rte_fastmem_pool_put(pools[k], objs[n]);
	}
	return TEST_SUCCESS;
}

static int
check_all(void)
{
	char name[RTE_FASTMEM_POOL_NAMESIZE];
	unsigned int i;

	rte_fastmem_maintain();
	rte_fastmem_cache_flush();
	for (i = 0; i < POOLS; i++)
		TEST_CALL(check_pool(i));
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	TEST_CALL(check_magazines());
	for (i = 0; i < POOLS; i++)
		rte_fastmem_pool_free(pools[i]);
	for (i = 0; i < WORKERS; i++) {
		own_name(name, i);
		rte_fastmem_pool_free(rte_fastmem_pool_lookup(name));
	}
	rte_fastmem_cache_flush();
	rte_fastmem_trim(SIZE_MAX, SOCKET_ID_ANY);
	for (i = 0; i < fastmem_ctl()->n_sockets; i++)
		TEST_ASSERT_EQUAL(fastmem_ctl()->arenas[i].n_free,
			fastmem_ctl()->arenas[i].n_granules);
	printf("%u kills, %u left and came again, %" PRIu64 " operations, %" PRIu64
		" refused, %" PRIu64 " objects inherited\n", sum.kills, sum.leaves, sum.ops,
		sum.refused, sum.inherited);
	return TEST_SUCCESS;
}

static int
survivors_share_pools_and_nothing_is_lost(void)
{
	const char *env = getenv("FASTMEM_TEST_KILLS");
	unsigned int kills = env != NULL ? strtoul(env, NULL, 0) : KILLS, i, k;

	for (i = 0; i < SECONDARIES; i++)
		TEST_CALL(process_start(&secondaries[i]));
	for (i = 0; i <= SECONDARIES; i++)
		TEST_CALL(begin(i));
	while (sum.kills < kills) {
		unsigned int victim = rng_below(&rng, SECONDARIES);

		/* At any time: this is what the delay is for. */
		rte_delay_us_sleep(rng_below(&rng, 20000));
		TEST_CALL(end_one(victim, rng_below(&rng, LEAVES) != 0));
		TEST_CALL(begin(victim));
		if (sum.kills % 100 == 99)
			fprintf(stderr, "%u of %u kills\n", sum.kills, kills);
	}
	for (i = 0; i < SECONDARIES; i++) {
		TEST_ASSERT_EQUAL(ASK(&secondaries[i], pools_end, i), TEST_SUCCESS);
		TEST_CALL(process_stop(&secondaries[i]));
	}
	TEST_CALL(HERE(pools_end, SECONDARIES));
	for (k = 0; k < WORKERS; k++)
		TEST_CALL(inherit(k));
	return check_all();
}

static int
pools_up(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve_aligned(ZONE, sizeof(*state),
			SOCKET_ID_ANY, 0, 128);
	struct rte_rcu_qsbr *readers;
	unsigned int k;

	TEST_ASSERT(mz != NULL);
	memset(mz->addr, 0, mz->len);
	state = mz->addr;
	memset(&sum, 0, sizeof(sum));
	rng_init(&rng, 815);
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_ERR);
	TEST_CALL(fastmem_up());
	readers = (void *)state->readers;
	TEST_ASSERT(rte_rcu_qsbr_get_memsize(1) <= sizeof(state->readers));
	TEST_ASSERT_EQUAL(rte_rcu_qsbr_init(readers, 1), 0);
	for (k = 0; k < POOLS; k++) {
		struct rte_fastmem_pool_params params = kinds[k];

		params.socket_id = SOCKET_ID_ANY;
		params.qsbr = k == READ ? readers : NULL;
		pools[k] = rte_fastmem_pool_create(&params);
		TEST_ASSERT(pools[k] != NULL);
	}
	return TEST_SUCCESS;
}

static int
pools_down(void)
{
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_NOTICE);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_fastmem(), 0);
	rte_memzone_free(rte_memzone_lookup(ZONE));
	return TEST_SUCCESS;
}

/* Threads of this process that hang cannot be ended. */
static void
pools_rescue(void)
{
	processes_rescue();
	fprintf(stderr, "threads of the primary may hang: the tests end here\n");
	_exit(1);
}

static const struct test_case cases[] = {
	TEST_CASE(survivors_share_pools_and_nothing_is_lost),
	TEST_CASES_END
};

const struct test_suite suite_kill_pools = {
	.name = "kill_pools",
	.about = "the same of processes that share pools (FASTMEM_TEST_KILLS times)",
	.setup = pools_up,
	.teardown = pools_down,
	.rescue = pools_rescue,
	.cases = cases,
	.with_secondaries = true,
	.deaths = true,
};
