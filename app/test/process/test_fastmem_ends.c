/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * All ends at random, in the primary and two secondaries at once: threads return, exit, are
 * cancelled, use objects in their last round of destructors, fork, and end as fastmem ends;
 * processes detach, end, are killed and become daemons; fastmem ends and begins. Objects go
 * from thread to thread, in all processes, by way of places in shared memory. When all is quiet,
 * what lies there is what is live, and not one object was given out twice.
 */

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_memzone.h>

#include "test_calls.h"
#include "test_fastmem.h"

#define ENDS_ZONE "test_ends"
#define PLACES 512
#define MAX_THREADS 6
#define ROUND_MS 500
#define SHORT_MS 4000
#define LONG_MS 60000
#define BACKING (64 * MIB)
#define TAG UINT64_C(0x5ca1ab1e0ddba11)

struct ends {
	uint64_t *places[PLACES]; /* objects. Atomic */
	uint32_t wrong; /* objects that were not what their last user had left. Atomic */
};

static struct ends *
ends_get(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup(ENDS_ZONE);

	return mz != NULL ? mz->addr : NULL;
}

static struct ends *ends;

static void
put_away(uint64_t *obj)
{
	if (obj == NULL)
		return;
	if (rte_atomic_exchange_explicit(obj, 0, rte_memory_order_relaxed) !=
			((uintptr_t)obj ^ TAG))
		rte_atomic_fetch_add_explicit(&ends->wrong, 1, rte_memory_order_relaxed);
	rte_fastmem_free(obj);
}

/* Exchange objects. Without memory, or without fastmem, there are none. */
static void
use_objects(struct rng *rng, unsigned int n)
{
	while (n-- > 0) {
		uint64_t *obj = rte_fastmem_alloc(8 + rng_below(rng, (uint64_t)8 <<
			rng_below(rng, 10)), 8, 0);

		if (obj != NULL)
			rte_atomic_store_explicit(obj, (uintptr_t)obj ^ TAG,
					rte_memory_order_relaxed);
		/* Acquire and release: an object goes from one thread to another. */
		put_away(rte_atomic_exchange_explicit(&ends->places[rng_below(rng, PLACES)], obj,
			rte_memory_order_acq_rel));
	}
}

/* What meets cancellation points: files are read, locks waited for, EAL is called. */
static void
call_what_has_points(struct rng *rng)
{
	switch (rng_below(rng, 100)) {
	case 0:
		rte_fastmem_processes(NULL, 0);
		break;
	case 1:
		rte_fastmem_maintain();
		break;
	case 2:
		rte_fastmem_init(); /* in vain */
		break;
	default:
		break;
	}
}

/* Threads. */

enum end { END_RETURN, END_EXIT, END_CANCEL, END_LATE, END_FORK, END_WITH_FASTMEM, ENDS };

struct mortal {
	pthread_t id;
	enum end end;
	struct rng rng;
	unsigned int n_rounds; /* of destructors */
	bool failed;
};

static pthread_key_t late;
static sem_t at_rest, end_now;

/*
 * What sanitizers do at the end of a thread, in the last round of destructors, a forked child does
 * not survive: AddressSanitizer may wait for a lock of its malloc() that another thread had when the
 * child was made, and ThreadSanitizer does not expect that the process ends by exit() after it.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FORKS_SEE_THE_LAST_ROUND 0
#else
#define FORKS_SEE_THE_LAST_ROUND 1
#endif

static void
exit_before_the_last_round(struct mortal *m)
{
	if (m->n_rounds == PTHREAD_DESTRUCTOR_ITERATIONS - 1)
		_exit(0);
	pthread_setspecific(late, m);
}

static void
use_objects_late(void *arg)
{
	struct mortal *m = arg;

	m->n_rounds++;
	if (m->end == END_FORK) {
		exit_before_the_last_round(m);
		return;
	}
	if (m->n_rounds < LAST_ROUND)
		pthread_setspecific(late, m);
	use_objects(&m->rng, 20);
}

static void *
live_and_die(void *arg)
{
	struct mortal *m = arg;
	int status = -1;
	pid_t pid;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	use_objects(&m->rng, 100);
	switch (m->end) {
	case END_EXIT:
		pthread_exit(NULL);
	case END_CANCEL:
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		for (;;) {
			/* It goes on when it is cancelled in here: or it would lose objects. */
			use_objects(&m->rng, 10);
			call_what_has_points(&m->rng);
			pthread_testcancel();
		}
	case END_LATE:
		pthread_setspecific(late, m);
		break;
	case END_FORK:
		pid = fork();
		if (pid == 0 && rng_below(&m->rng, 2) == 0)
			_exit(0);
		if (pid == 0) {
			if (!FORKS_SEE_THE_LAST_ROUND)
				pthread_setspecific(late, m);
			return NULL; /* the child's only thread */
		}
		m->failed = pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
		if (m->failed)
			fprintf(stderr, "child %d of a thread: status %#x\n", pid, status);
		break;
	case END_WITH_FASTMEM:
		sem_post(&at_rest);
		sem_wait(&end_now);
		break;
	default:
		break;
	}
	return NULL;
}

static int
begin_fastmem(void)
{
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	/* A daemon has none of EAL's threads, which growth in the primary needs. */
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(BACKING, SOCKET_ID_ANY), 0);
	return rte_fastmem_set_limit(SOCKET_ID_ANY, stats_backing());
}

/* In the primary: of the objects, nothing is left. */
static int
begin_anew(void)
{
	memset(ends->places, 0, sizeof(ends->places));
	return begin_fastmem();
}

/* Some threads at once. Returns how many have failed. */
static unsigned int
run_threads(struct rng *rng, bool with_end)
{
	struct mortal mortals[MAX_THREADS] = { 0 };
	unsigned int n = 1 + rng_below(rng, MAX_THREADS), i, failed = 0;

	for (i = 0; i < n; i++) {
		mortals[i].end = with_end ? END_WITH_FASTMEM :
			(enum end)rng_below(rng, END_WITH_FASTMEM);
		mortals[i].rng.state = rng_next(rng);
		if (pthread_create(&mortals[i].id, NULL, live_and_die, &mortals[i]) != 0)
			return 1;
	}
	/* They are not in a call, but may be about to end: so may fastmem. */
	for (i = 0; with_end && i < n; i++)
		sem_wait(&at_rest);
	for (i = 0; with_end && i < n; i++)
		sem_post(&end_now);
	if (with_end)
		rte_fastmem_deinit();
	if (with_end && rte_eal_process_type() == RTE_PROC_PRIMARY)
		failed += begin_anew() != TEST_SUCCESS;
	for (i = 0; i < n; i++) {
		if (mortals[i].end == END_CANCEL)
			pthread_cancel(mortals[i].id);
		pthread_join(mortals[i].id, NULL);
		failed += mortals[i].failed;
	}
	return failed;
}

/* A child that makes calls: all are refused. Takes a second. */
static unsigned int
fork_and_call(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(rte_fastmem_alloc(64, 0, 0) == NULL && rte_errno == ENODEV ? 0 : 1);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
		return 0;
	fprintf(stderr, "child %d that makes a call: status %#x\n", pid, status);
	return 1;
}

/* Seed, whether fastmem ends now and then. Returns how often something was wrong. */
static int64_t
call_ends_round(const uint64_t *args)
{
	uint64_t until = rte_get_timer_cycles() + rte_get_timer_hz() * ROUND_MS / 1000;
	unsigned int failed = 0;
	struct rng rng;

	ends = ends_get();
	rte_fastmem_free(rte_fastmem_alloc(64, 0, 0)); /* it is attached */
	if (ends == NULL || pthread_key_create(&late, use_objects_late) != 0)
		return REMOTE_FAILED;
	sem_init(&at_rest, 0, 0);
	sem_init(&end_now, 0, 0);
	fflush(NULL); /* children that end by exit() write what is left */
	rng_init(&rng, args[0]);
	if (rng_below(&rng, 8) == 0)
		failed += fork_and_call();
	while (rte_get_timer_cycles() < until)
		failed += run_threads(&rng, args[1] != 0 && rng_below(&rng, 4) == 0);
	pthread_key_delete(late);
	return failed;
}

/*
 * The process that goes on is a child of the one that was asked, and serves in its place from here.
 * It cannot end EAL, of whose threads it has none.
 */
static int64_t
call_ends_daemon(const uint64_t *args)
{
	char socket[] = PROCESS_SOCKET, *argv[] = { socket };
	pid_t parent = getpid();

	RTE_SET_USED(args);
	fflush(NULL);
	if (fork() != 0)
		_exit(0);
	while (getppid() == parent)
		rte_delay_us_sleep(1000);
	if (process_serve(RTE_DIM(argv), argv) != 0)
		_exit(1);
	rte_fastmem_deinit();
	_exit(0);
}

const remote_t ends_calls[] = { call_ends_round, call_ends_daemon, NULL };

/* The primary. */

static struct process others[2];
static unsigned int n_others;

static int
check_account(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < PLACES; i++)
		n += ends->places[i] != NULL;
	TEST_ASSERT_EQUAL(ends->wrong, 0, "objects were given out twice");
	return check_live(n);
}

static int
run_round(struct rng *rng)
{
	unsigned int i;

	for (i = 0; i < n_others; i++)
		TEST_CALL(process_send(&others[i], call_ends_round,
			(const uint64_t[PROCESS_ARGS + 1]){ rng_next(rng), true }));
	TEST_ASSERT_EQUAL(HERE(call_ends_round, rng_next(rng), n_others == 0), 0);
	for (i = 0; i < n_others; i++)
		TEST_ASSERT_EQUAL(process_receive(&others[i]), 0);
	return check_account();
}

/* Of the objects, nothing is left. The others detach before that, or after. */
static int
end_and_begin_fastmem(bool others_first)
{
	unsigned int i;

	for (i = 0; others_first && i < n_others; i++)
		ASK(&others[i], call_deinit);
	rte_fastmem_deinit();
	for (i = 0; !others_first && i < n_others; i++)
		ASK(&others[i], call_deinit);
	return begin_anew();
}

static int
end_others(struct rng *rng)
{
	if (n_others == 0)
		return TEST_SUCCESS;
	if (rng_below(rng, 2) == 0) {
		TEST_ASSERT_EQUAL(ASK(&others[0], call_ends_daemon), 0);
		TEST_CALL(run_round(rng));
		TEST_CALL(process_stop(&others[0]));
	} else if (rng_below(rng, 2) == 0) {
		TEST_CALL(process_kill(&others[0]));
	} else {
		TEST_CALL(process_stop(&others[0]));
	}
	return process_stop(&others[1]);
}

/* The others begin, and come to an end. */
static int
run_generation(struct rng *rng)
{
	unsigned int i;

	for (i = 0; i < n_others; i++)
		TEST_CALL(process_start(&others[i]));
	TEST_CALL(run_round(rng));
	if (rng_below(rng, 2) == 0) {
		TEST_CALL(end_and_begin_fastmem(rng_below(rng, 2) == 0));
		TEST_CALL(run_round(rng));
	}
	TEST_CALL(end_others(rng));
	rte_fastmem_maintain();
	return check_account();
}

static int
run_ends(unsigned int n, unsigned int ms)
{
	uint64_t until = rte_get_timer_cycles() + rte_get_timer_hz() * ms / 1000;
	unsigned int i, n_generations = 0;
	struct rng rng;

	n_others = n;
	rng_init(&rng, ms);
	do {
		TEST_CALL(run_generation(&rng));
		n_generations++;
	} while (rte_get_timer_cycles() < until);
	for (i = 0; i < PLACES; i++)
		put_away(ends->places[i]);
	TEST_ASSERT_EQUAL(ends->wrong, 0);
	printf("%u generations\n", n_generations);
	return check_live(0);
}

static int
all_ends_at_random_lose_nothing(void)
{
	return run_ends(RTE_DIM(others), SHORT_MS);
}

static int
all_ends_at_random_lose_nothing_for_a_minute(void)
{
	return run_ends(RTE_DIM(others), LONG_MS);
}

static int
all_ends_in_one_process_lose_nothing(void)
{
	return run_ends(0, SHORT_MS);
}

static int
all_ends_in_one_process_lose_nothing_for_a_minute(void)
{
	return run_ends(0, LONG_MS);
}

static int
ends_up(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve(ENDS_ZONE, sizeof(*ends),
		SOCKET_ID_ANY, 0);

	TEST_ASSERT(mz != NULL);
	memset(mz->addr, 0, sizeof(*ends));
	ends = mz->addr;
	return begin_fastmem();
}

static int
ends_down(void)
{
	rte_fastmem_deinit();
	return rte_memzone_free(rte_memzone_lookup(ENDS_ZONE));
}

static void
ends_rescue(void)
{
	processes_rescue();
	fastmem_rescue();
	rte_memzone_free(rte_memzone_lookup(ENDS_ZONE));
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(all_ends_at_random_lose_nothing),
	TEST_CASES_END
};

const struct test_suite suite_ends_at_random = {
	.name = "ends_at_random",
	.about = "threads and processes end at random, for some seconds",
	.setup = ends_up,
	.teardown = ends_down,
	.rescue = ends_rescue,
	.cases = cases,
	.with_secondaries = true,
};

static const struct test_case long_cases[] = {
	TEST_CASE_UNCHECKED(all_ends_at_random_lose_nothing_for_a_minute),
	TEST_CASES_END
};

const struct test_suite suite_ends_at_random_long = {
	.name = "ends_at_random_long",
	.about = "the same for a minute",
	.setup = ends_up,
	.teardown = ends_down,
	.rescue = ends_rescue,
	.cases = long_cases,
	.with_secondaries = true,
	.long_run = true,
};

static const struct test_case alone_cases[] = {
	TEST_CASE_UNCHECKED(all_ends_in_one_process_lose_nothing),
	TEST_CASES_END
};

const struct test_suite suite_ends_alone = {
	.name = "ends_alone",
	.about = "threads of one process and fastmem end at random, for some seconds",
	.setup = ends_up,
	.teardown = ends_down,
	.rescue = ends_rescue,
	.cases = alone_cases,
};

static const struct test_case alone_long_cases[] = {
	TEST_CASE_UNCHECKED(all_ends_in_one_process_lose_nothing_for_a_minute),
	TEST_CASES_END
};

const struct test_suite suite_ends_alone_long = {
	.name = "ends_alone_long",
	.about = "the same for a minute",
	.setup = ends_up,
	.teardown = ends_down,
	.rescue = ends_rescue,
	.cases = alone_long_cases,
	.long_run = true,
};
