/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that are killed while they allocate, free and pass objects on.
 *
 * The primary and its secondaries run random traffic (test_kill_worker.c). This
 * is the supervisor: time and again it kills a secondary, takes over what that
 * one held, checks that all others go on, and starts a new one. At the end, each
 * slot of fastmem must be where it should be.
 */

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <rte_log.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"
#include "test_kill.h"

#define SECONDARIES 4
#define PER_SECONDARY 2 /* workers */
#define HERE_WORKERS 2
#define FIRST_HERE (SECONDARIES * PER_SECONDARY) /* the workers of this process */
#define KILLS 50
#define KILLS_PER_LINE 100
#define MAX_ESTATE 100000

#define PATIENCE_MS 20000 /* after a kill, until the others are at their rate again: beside other load */
#define RATE_SHARE 5 /* that is, at least 1/5 of it */
#define SAMPLE_MS 20

static struct process secondaries[SECONDARIES];
static struct kill_state *state;
static struct rng rng;
static uint64_t reached_ms_max;

static struct {
	uint64_t kills;
	uint64_t ops; /* of workers that are gone */
	uint64_t refused;
	uint64_t inherited; /* objects of the dead that were found */
	uint64_t in_calls; /* objects that were in a call of the dead: lost, at most */
	unsigned int dead_with_objects; /* as fastmem reports it */
} sum;

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000) + t.tv_nsec / 1000000;
}

static void
pause_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

/* Whole numbers from the environment: for the long run. */
static unsigned int
setting(const char *name, unsigned int otherwise)
{
	const char *env = getenv(name);

	return env != NULL ? strtoul(env, NULL, 0) : otherwise;
}

/* What is killed in different ways. */
static int
set_mode(void)
{
	static const unsigned int size_log2[] = { 8, 11, 13, 16, 20 };
	static const unsigned int flush_every[] = { 0, 3, 30, 1000 };
	static const unsigned int limit_mb[] = { 6, 16, 64 };

	rte_atomic_store_explicit(&state->size_log2, size_log2[rng_below(&rng, RTE_DIM(size_log2))],
		rte_memory_order_release);
	rte_atomic_store_explicit(&state->flush_every, flush_every[rng_below(&rng,
		RTE_DIM(flush_every))], rte_memory_order_release);
	return rte_fastmem_set_limit(SOCKET_ID_ANY,
		limit_mb[rng_below(&rng, RTE_DIM(limit_mb))] * MIB);
}

/* The rate of all but one process. */

static bool
is_of(unsigned int worker, unsigned int secondary)
{
	return worker / PER_SECONDARY == secondary;
}

static uint64_t
ops_of_others(unsigned int victim)
{
	uint64_t ops = 0;
	unsigned int i;

	for (i = 0; i < FIRST_HERE + HERE_WORKERS; i++)
		if (!is_of(i, victim))
			ops += rte_atomic_load_explicit(&state->workers[i].n_ops,
					rte_memory_order_acquire);
	return ops;
}

/* Operations in a second; takes ms. */
static uint64_t
rate_of_others(unsigned int victim, unsigned int ms)
{
	uint64_t ops = ops_of_others(victim), from = now_ms();

	pause_ms(ms);
	return (ops_of_others(victim) - ops) * 1000 / RTE_MAX(now_ms() - from, UINT64_C(1));
}

static int
check_others_go_on(unsigned int victim, uint64_t rate, uint64_t killed)
{
	uint64_t before[KILL_WORKERS], reached;
	unsigned int i, stuck;

	for (i = 0; i < FIRST_HERE + HERE_WORKERS; i++)
		before[i] = rte_atomic_load_explicit(&state->workers[i].n_ops,
				rte_memory_order_acquire);
	while (rate_of_others(victim, SAMPLE_MS) < rate / RATE_SHARE)
		TEST_ASSERT(now_ms() - killed < PATIENCE_MS,
			"the others do not reach 1/%u of %" PRIu64 " operations a second",
			RATE_SHARE, rate);
	reached = now_ms() - killed;
	reached_ms_max = RTE_MAX(reached_ms_max, reached);
	for (;;) {
		stuck = 0;
		for (i = 0; i < FIRST_HERE + HERE_WORKERS; i++)
			if (!is_of(i, victim) && before[i] == rte_atomic_load_explicit(
					&state->workers[i].n_ops, rte_memory_order_acquire))
				stuck = i + 1;
		if (stuck == 0)
			return TEST_SUCCESS;
		TEST_ASSERT(now_ms() - killed < PATIENCE_MS, "worker %u is stuck", stuck);
		pause_ms(1);
	}
}

/* What the dead held. */

static void *estate[MAX_ESTATE];
static unsigned int n_estate;

static int
inherit(uint64_t word)
{
	void *ptr = (void *)(uintptr_t)(word & ~KILL_UNFILLED);

	TEST_ASSERT(n_estate < MAX_ESTATE);
	TEST_ASSERT(rte_fastmem_contains(ptr), "%p", ptr);
	if ((word & KILL_UNFILLED) == 0)
		TEST_ASSERT(parcel_holds(ptr), "%p, of the dead, has changed", ptr);
	estate[n_estate++] = ptr;
	sum.inherited++;
	return TEST_SUCCESS;
}

/* A slot of the mailbox that the dead had its hands on: both know it, or only the mailbox. */
static int
take_from_hands(struct kill_worker *w, uint64_t *slot)
{
	uintptr_t ptr = (uintptr_t)KILL_ADDRESS(*slot);
	unsigned int i;

	for (i = 0; i < KILL_TABLE; i++)
		if (w->table[i] == ptr)
			break;
	if (i == KILL_TABLE)
		TEST_CALL(inherit(ptr));
	rte_atomic_store_explicit(slot, 0, rte_memory_order_release);
	return TEST_SUCCESS;
}

static int
inherit_from(unsigned int number)
{
	struct kill_worker *w = &state->workers[number];
	unsigned int i;

	for (i = 0; i < KILL_MAILBOX; i++)
		if (KILL_HANDS(state->mailbox[i]) == number + 1)
			TEST_CALL(take_from_hands(w, &state->mailbox[i]));
	for (i = 0; i < KILL_TABLE; i++)
		if (w->table[i] != 0)
			TEST_CALL(inherit(w->table[i]));
	TEST_ASSERT_EQUAL(w->wrong, 0);
	sum.in_calls += w->allocating + w->freeing;
	sum.ops += w->n_ops;
	sum.refused += w->n_refused;
	memset(w, 0, sizeof(*w));
	return TEST_SUCCESS;
}

static int
free_estate(void)
{
	unsigned int i;

	for (i = 0; i < n_estate; i++)
		rte_fastmem_free(estate[i]);
	n_estate = 0;
	return TEST_SUCCESS;
}

/* One after the other. */

static int
start_secondary(unsigned int i)
{
	unsigned int k;

	TEST_CALL(process_start(&secondaries[i]));
	for (k = 0; k < PER_SECONDARY; k++)
		state->workers[i * PER_SECONDARY + k].seed = rng_next(&rng);
	TEST_ASSERT_EQUAL(ASK(&secondaries[i], kill_begin, i * PER_SECONDARY, PER_SECONDARY), 0);
	return TEST_SUCCESS;
}

/*
 * EAL itself does not survive the death of a process to which it just makes new
 * memory known: see the guide. So there is no growth at that instant.
 */
int
kill_between_growths(struct process *p)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;
	int ret;

	for (i = 0; i < ctl->n_sockets; i++)
		fastmem_mutex_wait(&ctl->arenas[i].grow);
	fastmem_mutex_wait(&ctl->meta.grow);
	ret = process_kill(p);
	pthread_mutex_unlock(&ctl->meta.grow);
	while (i-- > 0)
		pthread_mutex_unlock(&ctl->arenas[i].grow);
	return ret;
}

static int
kill_one(void)
{
	unsigned int victim = rng_below(&rng, SECONDARIES), k;
	uint64_t rate, killed;

	/* At any time: this is what the delay is for. */
	rate = rate_of_others(victim, SAMPLE_MS + rng_below(&rng, 30));
	TEST_CALL(kill_between_growths(&secondaries[victim]));
	killed = now_ms();
	sum.kills++;
	TEST_CALL(check_others_go_on(victim, rate, killed));
	for (k = 0; k < PER_SECONDARY; k++)
		TEST_CALL(inherit_from(victim * PER_SECONDARY + k));
	/* Or scarcity, or the new process, finds what the dead had cached. */
	if (rng_below(&rng, 3) == 0)
		rte_fastmem_maintain();
	if (n_estate > MAX_ESTATE / 2 || rng_below(&rng, 3) == 0)
		TEST_CALL(free_estate());
	if (rng_below(&rng, 8) == 0)
		rte_fastmem_trim(0, SOCKET_ID_ANY);
	/* Now, so that the others have settled to it when the next one is killed. */
	if (rng_below(&rng, 4) == 0)
		TEST_ASSERT_EQUAL(set_mode(), 0);
	return start_secondary(victim);
}

/* At the end. */

static int
compare_addresses(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/* Everything that is known to be held goes to the estate. */
static int
collect_all(void)
{
	unsigned int i;

	for (i = 0; i < FIRST_HERE + HERE_WORKERS; i++) {
		struct kill_worker *w = &state->workers[i];

		TEST_ASSERT_EQUAL(w->allocating + w->freeing, 0, "worker %u has ended", i);
		TEST_CALL(inherit_from(i));
	}
	for (i = 0; i < KILL_MAILBOX; i++) {
		TEST_ASSERT_EQUAL(KILL_HANDS(state->mailbox[i]), 0);
		if (state->mailbox[i] != 0)
			TEST_CALL(inherit(state->mailbox[i]));
	}
	qsort(estate, n_estate, sizeof(estate[0]), compare_addresses);
	for (i = 0; i + 1 < n_estate; i++)
		TEST_ASSERT((char *)estate[i] + rte_fastmem_usable_size(estate[i]) <=
			(char *)estate[i + 1], "two objects in one place: %p", estate[i]);
	return TEST_SUCCESS;
}

static int64_t
objects_of_all_processes(void)
{
	struct rte_fastmem_process list[256];
	unsigned int i, n = RTE_MIN(rte_fastmem_processes(list, RTE_DIM(list)),
			(unsigned int)RTE_DIM(list));
	int64_t objects = 0;

	sum.dead_with_objects = 0;
	for (i = 0; i < n; i++) {
		sum.dead_with_objects += !list[i].alive;
		objects += list[i].n_objects;
	}
	return objects;
}

static int
check_all_is_accounted_for(void)
{
	uint64_t live, known, lost;
	int64_t objects;

	rte_fastmem_maintain();
	TEST_CALL(collect_all());
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	TEST_CALL(check_magazines());
	live = stats_live();
	known = n_estate;
	TEST_ASSERT(live >= known && live <= known + sum.in_calls,
		"%" PRIu64 " live, %" PRIu64 " held, %" PRIu64 " were in calls of the dead",
		live, known, sum.in_calls);
	lost = live - known;
	/* A dead process is remembered until its place is needed. */
	objects = objects_of_all_processes();
	if (sum.kills + SECONDARIES < FASTMEM_MAX_PEERS)
		TEST_ASSERT_EQUAL(objects, live, "by process");

	log_begin();
	TEST_CALL(free_estate());
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(log_end("free of"), 0, "an object that was held was free");
	TEST_CALL(check_live(lost));
	printf("%" PRIu64 " kills, %" PRIu64 " operations, %" PRIu64 " refused; %" PRIu64
		" objects inherited, %" PRIu64 " lost of %" PRIu64 " in calls; %u dead processes "
		"with objects; memory was grown %u times; the others were at their rate after "
		"at most %" PRIu64 " ms\n", sum.kills, sum.ops, sum.refused, sum.inherited, lost,
		sum.in_calls, sum.dead_with_objects, fastmem_ctl()->n_chunk_names,
		reached_ms_max);
	return TEST_SUCCESS;
}

static int
stop_all(void)
{
	unsigned int i;

	rte_atomic_store_explicit(&state->stop, 1, rte_memory_order_release);
	for (i = 0; i < SECONDARIES; i++) {
		TEST_ASSERT_EQUAL(ASK(&secondaries[i], kill_end), TEST_SUCCESS);
		TEST_CALL(process_stop(&secondaries[i]));
	}
	return kill_end(NULL);
}

static int
begin_all(void)
{
	unsigned int i;

	for (i = 0; i < SECONDARIES; i++)
		TEST_CALL(start_secondary(i));
	return kill_begin((const uint64_t[]){ FIRST_HERE, HERE_WORKERS });
}

static int
survivors_go_on_and_nothing_is_lost(void)
{
	unsigned int kills = setting("FASTMEM_TEST_KILLS", KILLS), i;
	uint64_t from = now_ms();

	TEST_ASSERT_EQUAL(set_mode(), 0);
	TEST_CALL(begin_all());
	for (i = 1; i <= kills; i++) {
		TEST_CALL(kill_one());
		if (i % KILLS_PER_LINE == 0)
			fprintf(stderr, "%u of %u kills, %" PRIu64 " s, lost at most %" PRIu64
				", backing %" PRIu64 " KiB\n", i, kills, (now_ms() - from) / 1000,
				sum.in_calls, stats_backing() / KIB);
	}
	TEST_CALL(stop_all());
	return check_all_is_accounted_for();
}

static int
kill_up(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve_aligned(KILL_ZONE, sizeof(*state),
			SOCKET_ID_ANY, 0, RTE_CACHE_LINE_SIZE * 2);

	TEST_ASSERT(mz != NULL);
	memset(mz->addr, 0, mz->len);
	state = kill_state_get();
	n_estate = 0;
	memset(&sum, 0, sizeof(sum));
	rng_init(&rng, 4711);
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_WARNING); /* not of each death */
	return fastmem_up();
}

static void
kill_zone_free(void)
{
	rte_memzone_free(rte_memzone_lookup(KILL_ZONE));
	state = NULL;
}

/* What was in calls of the dead is live for good: until deinit. */
static int
kill_down(void)
{
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_NOTICE);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_fastmem(), 0);
	kill_zone_free();
	return TEST_SUCCESS;
}

/* Threads of this process that hang cannot be ended. */
static void
kill_rescue(void)
{
	rte_atomic_store_explicit(&state->stop, 1, rte_memory_order_release);
	processes_rescue();
	if (!kill_workers_end(10)) {
		fprintf(stderr, "threads of the primary hang: the tests end here\n");
		_exit(1);
	}
	fastmem_rescue();
	kill_zone_free();
}

static const struct test_case cases[] = {
	TEST_CASE(survivors_go_on_and_nothing_is_lost),
	TEST_CASES_END
};

const struct test_suite suite_kill = {
	.name = "kill",
	.about = "processes that are killed at any time (FASTMEM_TEST_KILLS times)",
	.setup = kill_up,
	.teardown = kill_down,
	.rescue = kill_rescue,
	.cases = cases,
	.with_secondaries = true,
	.deaths = true,
};
