/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that are killed after each so many instructions of an operation.
 *
 * See test_steps.h for how. After each death, the primary uses the same sizes,
 * takes back what the dead had, and accounts for each slot.
 */

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_log.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"
#include "test_steps.h"

#define MEMORY (16 * MIB) /* none may be added while a child lives */
#define TRIES 3 /* to have a death where it is meant */
#define POINTS 2 /* in make check more: see long_steps */
#define EACH_WITHIN 2 /* if there are no more instructions to a point, each of them is one */
#define PATIENCE 60 /* seconds, for what the primary does after a death */

static struct process nursery;
static struct steps_state *state;

static int
steps_up(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve(STEPS_ZONE, sizeof(*state),
			SOCKET_ID_ANY, 0);
	int ret;

	TEST_ASSERT(mz != NULL);
	state = mz->addr;
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_WARNING); /* not of each death */
	/* Else each child looks up the same symbols, step by step. */
	setenv("LD_BIND_NOW", "1", 1);
	ret = process_start(&nursery);
	unsetenv("LD_BIND_NOW");
	TEST_CALL(ret);
	return fastmem_up();
}

static void
steps_zone_free(void)
{
	rte_memzone_free(rte_memzone_lookup(STEPS_ZONE));
	state = NULL;
}

static int
steps_down(void)
{
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_NOTICE);
	TEST_CALL(process_stop(&nursery));
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_fastmem(), 0);
	steps_zone_free();
	return TEST_SUCCESS;
}

static void
steps_rescue(void)
{
	processes_rescue();
	fastmem_rescue();
	steps_zone_free();
}

static const char *current_name;
static uint64_t current_step;

static void
on_alarm(int signal)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "after a death at instruction %llu of '%s', the "
			"primary hangs: the tests end here\n", (unsigned long long)current_step,
			current_name);

	RTE_SET_USED(signal);
	if (write(STDERR_FILENO, text, n) != n)
		_exit(2);
	_exit(1);
}

/* Whether an object's slot is in use: all magazines are empty now. */
static bool
is_live(const void *obj)
{
	const struct fastmem_granule *slab = fastmem_granule(fastmem_granule_index(obj));
	const struct fastmem_bin *bin;
	uint32_t slot;

	if (rte_fastmem_bin_of(obj) == 0)
		return false;
	slab = fastmem_granule(slab->head);
	bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(obj)];
	slot = ((uintptr_t)obj - (uintptr_t)fastmem_granule_addr(slab->head)) / bin->slot_size;
	return (slab->bits[slot / 64] >> slot % 64 & 1) == 0;
}

/* All objects that are not live go to the slabs; no memory goes back to EAL. */
static void
empty_all_caches(void)
{
	rte_fastmem_cache_flush();
	rte_fastmem_trim(SIZE_MAX, SOCKET_ID_ANY);
}

/* The primary needs what the dead one has just used: locks, lists, magazines. */
static int
check_primary_goes_on(const struct steps_operation *op)
{
	size_t sizes[] = { op->size != 0 ? op->size : 64, 1000, 200000 };
	void *objs[40];
	unsigned int i, k, n;

	for (k = 0; k < RTE_DIM(sizes); k++) {
		n = fill_up(objs, sizes[k] > 10000 ? 2 : RTE_DIM(objs), sizes[k]);
		for (i = 0; i < n; i++)
			steps_mark(objs[i], sizes[k]);
		for (i = 0; i < n; i++)
			TEST_ASSERT(steps_is_marked(objs[i], sizes[k]), "given out twice");
		rte_fastmem_free_bulk(objs, n);
	}
	return TEST_SUCCESS;
}

/* What the dead one surely had is there, unchanged; and goes. */
static int
free_held(void)
{
	unsigned int i;

	for (i = 0; i < state->n_held; i++) {
		void *obj = state->held[i];

		TEST_ASSERT(is_live(obj), "%p was held", obj);
		TEST_ASSERT(steps_is_marked(obj, rte_fastmem_usable_size(obj)), "%p", obj);
		rte_fastmem_free(obj);
	}
	return TEST_SUCCESS;
}

/* Those it was about to free are there, or are not. Returns how many of them are. */
static unsigned int
free_in_call(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < state->freeing; i++) {
		if (!is_live(state->in_call[i]))
			continue;
		n++;
		rte_fastmem_free(state->in_call[i]);
	}
	return n;
}

static int64_t
held_by(uint32_t pid)
{
	int64_t objects[MAX_CLASSES], sum = 0;
	unsigned int i, n = rte_fastmem_classes(NULL);

	if (rte_fastmem_process_classes(pid, objects) != 0)
		return 0;
	for (i = 0; i < n; i++)
		sum += objects[i];
	return sum;
}

/* lost: live objects that nobody knows; grows by those of this death. */
static int
check_after_death(const struct steps_operation *op, uint64_t *lost)
{
	uint64_t live, known;

	TEST_CALL(check_primary_goes_on(op));
	rte_fastmem_maintain(); /* may say that memory is about to run out */
	empty_all_caches();
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	live = stats_live();
	TEST_ASSERT_EQUAL(held_by(state->pid), (int64_t)(live - *lost));

	known = state->n_held + free_in_call();
	TEST_CALL(free_held());
	TEST_ASSERT(live >= *lost + known && live <= *lost + known + state->allocating,
		"%" PRIu64 " live, %" PRIu64 " lost before, %" PRIu64 " known, %u in a call",
		live, *lost, known, state->allocating);
	*lost = live - known;
	empty_all_caches();
	TEST_CALL(check_magazines());
	return check_live(*lost);
}

/* To step takes as long as it takes, beside other load and with sanitizers, while it goes on. */
static int64_t
run_steps(bool of_pool, uint64_t op, uint64_t step)
{
	const uint64_t args[PROCESS_ARGS] = { of_pool, op, step };
	uint64_t stepped;

	if (process_send(&nursery, steps_run, args) != TEST_SUCCESS)
		return -EIO;
	do {
		/* Pairs with the store in steps_run(). */
		stepped = rte_atomic_load_explicit(&state->stepped, rte_memory_order_relaxed);
	} while (!process_wait_readable(nursery.fd, PROCESS_PATIENCE_MS) &&
			rte_atomic_load_explicit(&state->stepped, rte_memory_order_relaxed) !=
			stepped);
	return process_receive(&nursery);
}

int
steps_die(const struct steps_operation *op, uint64_t step, int64_t *reached)
{
	bool of_pool = op->pool != STEPS_NO_POOL;

	current_name = op->name;
	current_step = step;
	alarm(0);
	*reached = run_steps(of_pool, op - (of_pool ? steps_pool_operations : steps_operations), step);
	alarm(PATIENCE);
	if (*reached == -EPERM)
		return test_skip("processes must not be traced here");
	TEST_ASSERT(*reached >= 0, "%s", strerror(-*reached));
	return TEST_SUCCESS;
}

/* Leaves something to be taken back, and perhaps a lock to be repaired. */
static int
die_before(struct rng *rng, uint64_t *lost)
{
	int64_t reached;

	TEST_CALL(steps_die(&steps_operations[0], 200 + rng_below(rng, 3000), &reached));
	/* Nobody will know these, as the next child overwrites what is known. */
	*lost += state->n_held;
	return TEST_SUCCESS;
}

static void *hoarded[2 * MEMORY / 4096]; /* EAL gives whole pages */
static unsigned int n_hoarded;

/* All memory is in use, but for what is in both magazines of this thread. */
static void
hoard(size_t size)
{
	unsigned int i;

	n_hoarded = fill_up(hoarded, RTE_DIM(hoarded), size);
	for (i = 0; i < 2 * FASTMEM_MAGAZINE_LARGE_CAPACITY; i++)
		rte_fastmem_free(hoarded[--n_hoarded]);
}

static int
die_at(const struct steps_operation *op, uint64_t step, struct rng *rng, uint64_t *lost,
		int64_t *reached)
{
	uint64_t unknown = *lost;

	if (op->before == AFTER_DEATH)
		TEST_CALL(die_before(rng, &unknown));
	if (op->before == AFTER_HOARDING)
		hoard(op->size);
	TEST_CALL(steps_die(op, step, reached));
	rte_fastmem_free_bulk(hoarded, n_hoarded);
	n_hoarded = 0;
	if (op->before == AFTER_DEATH) {
		/* Whether the first one had got what it was about to is only known now. */
		rte_fastmem_maintain();
		empty_all_caches();
		unknown = stats_live() - held_by(state->pid);
	}
	*lost = unknown;
	return check_after_death(op, lost);
}

static int
die_in_time(const struct steps_operation *op, steps_death_t die, uint64_t step, struct rng *rng,
		uint64_t *lost, int64_t *reached)
{
	int ret;

	alarm(PATIENCE);
	ret = die(op, step, rng, lost, reached);
	if (ret == TEST_FAILED)
		fprintf(stderr, "after a death at instruction %" PRIu64 " of '%s'\n", step,
			op->name);
	alarm(0);
	return ret;
}

int
steps_die_everywhere(const struct steps_operation *op, steps_death_t die)
{
	const char *env = getenv("FASTMEM_TEST_STEPS");
	uint64_t points = env != NULL ? strtoull(env, NULL, 0) : POINTS, i, lost = 0, elsewhere = 0;
	int64_t all, reached;
	struct rng rng;

	signal(SIGALRM, on_alarm);
	rng_init(&rng, op - (op->pool != STEPS_NO_POOL ? steps_pool_operations :
		steps_operations));
	/* To its end, so that all bookkeeping is there that it takes. */
	TEST_CALL(die_in_time(op, die, STEPS_END, &rng, &lost, &all));
	TEST_CALL(die_in_time(op, die, STEPS_ALL, &rng, &lost, &all));
	TEST_ASSERT(all > 0 && all < (int64_t)STEPS_ALL);
	if ((uint64_t)all <= points * EACH_WITHIN)
		points = all;
	for (i = 0; i < points; i++) {
		uint64_t from = all * i / points, to = all * (i + 1) / points;
		uint64_t point = from + rng_below(&rng, to - from);
		unsigned int tries = 0;

		/* One that goes another way dies elsewhere, and the next one is stepped all the way. */
		do
			TEST_CALL(die_in_time(op, die, point, &rng, &lost, &reached));
		while ((uint64_t)reached != point && ++tries < TRIES);
		elsewhere += (uint64_t)reached != point;
	}
	TEST_ASSERT(elsewhere < points, "no death of '%s' was where it was meant", op->name);
	printf("%s: %" PRIu64 " deaths within %" PRId64 " instructions, %" PRIu64 " of them "
		"elsewhere than meant, %" PRIu64 " objects lost\n", op->name, points, all,
		elsewhere, lost);
	fflush(stdout);
	return TEST_SUCCESS;
}

int
steps_memory_renew(void)
{
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MEMORY, SOCKET_ID_ANY), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, MEMORY), 0);
	return TEST_SUCCESS;
}

static int
death_at_any_instruction_is_repaired(void)
{
	const struct steps_operation *op;

	for (op = steps_operations; op->name != NULL; op++) {
		TEST_CALL(steps_memory_renew());
		TEST_CALL(steps_die_everywhere(op, die_at));
	}
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(death_at_any_instruction_is_repaired),
	TEST_CASE(death_at_any_instruction_of_a_pool_is_repaired),
	TEST_CASES_END
};

const struct test_suite suite_steps = {
	.name = "steps",
	.about = "death at chosen instructions (FASTMEM_TEST_STEPS of each operation)",
	.setup = steps_up,
	.teardown = steps_down,
	.rescue = steps_rescue,
	.cases = cases,
	.with_secondaries = true,
	.deaths = true,
};
