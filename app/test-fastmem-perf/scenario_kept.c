/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * How much memory stays where little is live: after a burst of which a few objects survive, far from
 * each other, and in threads that have freed what others allocated, and wait.
 *
 * The allocator is asked to give back what it can, as its user would. libc, or what is preloaded in
 * its place, is measured by the pages of the process.
 */

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "allocator_ops.h"

#define SURVIVORS_SIZE 1024u
#define SURVIVORS_BURST (200u << 10)
#define SURVIVORS 16u
#define WAITING_SIZE (32u << 10)
#define WAITING_BATCH 32u
#define WAITING_THREADS 400u
#define WAITING_TURNS 3u /* of each thread; 1 in quick mode */
#define PAGE 4096u

/* A contender's part: of its last round. */
struct kept {
	uint64_t cycles;
	uint64_t bytes;
};

static uint64_t live_bytes; /* of the scenario that is run, when memory is looked at */

static uint64_t
resident_bytes(void)
{
	unsigned long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	if (f != NULL)
		fclose(f);
	return (uint64_t)resident * sysconf(_SC_PAGESIZE);
}

static void
sem_wait_uninterrupted(sem_t *sem)
{
	while (sem_wait(sem) != 0 && errno == EINTR)
		;
}

static uint64_t
held_bytes(const struct contender *c)
{
	return c->id == PERF_libc ? resident_bytes() : perf_allocators[c->id].backing(&c->in, 1);
}

/* Only one of these is there, if anything is preloaded. */
static void
give_back_preloaded(void)
{
	void (*tcmalloc)(void) = dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
	int (*jemalloc)(const char *, void *, size_t *, void *, size_t) =
		dlsym(RTLD_DEFAULT, "mallctl");
	void (*mimalloc)(bool) = dlsym(RTLD_DEFAULT, "mi_collect");

	if (tcmalloc != NULL)
		tcmalloc();
	if (jemalloc != NULL)
		jemalloc("arena.4096.purge", NULL, NULL, NULL, 0); /* MALLCTL_ARENAS_ALL */
	if (mimalloc != NULL)
		mimalloc(true);
}

static void
give_back(const struct contender *c)
{
	if (c->id == PERF_libc) {
		malloc_trim(0);
		give_back_preloaded();
	} else if ((1u << c->id) & PERF_FASTMEM_ALLOCATORS) {
		rte_fastmem_maintain();
		rte_fastmem_maintain();
		rte_fastmem_trim(0, SOCKET_ID_ANY);
	}
}

static void
look(const struct contender *c, uint64_t base, uint64_t start)
{
	struct kept *kept = c->state;
	uint64_t now;

	kept->cycles = rte_rdtsc() - start;
	give_back(c);
	now = held_bytes(c);
	kept->bytes = now - RTE_MIN(base, now);
}

static uint64_t
survivors(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	static void *objs[SURVIVORS_BURST];
	const unsigned int part = SURVIVORS_BURST / SURVIVORS;
	const struct kept *kept = c->state;
	uint64_t base, start;
	unsigned int i, got;

	RTE_SET_USED(n);
	give_back(c);
	base = held_bytes(c);
	start = rte_rdtsc();
	for (got = 0; got < SURVIVORS_BURST; got++) {
		objs[got] = ops->alloc(&c->in, SURVIVORS_SIZE);
		if (objs[got] == NULL)
			break;
		*(volatile char *)objs[got] = 1;
	}
	for (i = 0; i < got; i++)
		if (i % part != part / 2)
			ops->free(&c->in, objs[i]);
	look(c, base, start);
	for (i = part / 2; i < got; i += part)
		ops->free(&c->in, objs[i]);
	return got == SURVIVORS_BURST ? kept->cycles : 0;
}

/* One thread at a time has the objects: it is woken alone, and wakes who feeds. The others wait. */
static struct {
	const struct alloc_ops *ops;
	const struct contender *c;
	void *objs[WAITING_BATCH];
	sem_t turns[WAITING_THREADS];
	sem_t done; /* of a thread: its start, and each of its turns */
	bool stop; /* read after a thread's semaphore */
} waiting;

static void *
free_and_wait(void *arg)
{
	sem_t *turn = arg;
	unsigned int i;

	sem_post(&waiting.done);
	for (;;) {
		sem_wait_uninterrupted(turn);
		if (waiting.stop)
			return NULL;
		for (i = 0; i < WAITING_BATCH; i++)
			waiting.ops->free(&waiting.c->in, waiting.objs[i]);
		sem_post(&waiting.done);
	}
}

/* False: no memory. */
static bool
feed(unsigned int thread)
{
	unsigned int i, j;

	for (i = 0; i < WAITING_BATCH; i++) {
		char *obj = waiting.ops->alloc(&waiting.c->in, WAITING_SIZE);

		for (j = 0; obj != NULL && j < WAITING_SIZE; j += PAGE)
			((volatile char *)obj)[j] = 1;
		waiting.objs[i] = obj;
		if (obj == NULL)
			break;
	}
	if (i < WAITING_BATCH) {
		while (i > 0)
			waiting.ops->free(&waiting.c->in, waiting.objs[--i]);
		return false;
	}
	sem_post(&waiting.turns[thread]);
	sem_wait_uninterrupted(&waiting.done);
	return true;
}

/* Those that could be started: each has touched its stack. */
static unsigned int
start_waiting(pthread_t *threads)
{
	unsigned int n, i;

	waiting.stop = false;
	sem_init(&waiting.done, 0, 0);
	for (n = 0; n < WAITING_THREADS; n++) {
		sem_init(&waiting.turns[n], 0, 0);
		if (pthread_create(&threads[n], NULL, free_and_wait, &waiting.turns[n]) != 0)
			break;
	}
	for (i = 0; i < n; i++)
		sem_wait_uninterrupted(&waiting.done);
	return n;
}

static void
stop_waiting(const pthread_t *threads, unsigned int n)
{
	unsigned int i;

	waiting.stop = true;
	for (i = 0; i < n; i++)
		sem_post(&waiting.turns[i]);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static uint64_t
wait_round(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	pthread_t threads[WAITING_THREADS];
	const struct kept *kept = c->state;
	const unsigned int turns = perf_options.quick ? 1 : WAITING_TURNS;
	unsigned int n_threads, i;
	uint64_t base, start;
	bool fed = true;

	RTE_SET_USED(n);
	waiting.ops = ops;
	waiting.c = c;
	give_back(c);
	n_threads = start_waiting(threads);
	base = held_bytes(c);
	start = rte_rdtsc();
	for (i = 0; fed && i < turns * n_threads; i++)
		fed = feed(i % n_threads);
	look(c, base, start);
	stop_waiting(threads, n_threads);
	return fed && n_threads == WAITING_THREADS ? kept->cycles : 0;
}

PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, survivors)
PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, wait_round)

/* The order of the metrics in run_kept(). */
static void
take_samples(struct contender *c, unsigned int round)
{
	const struct kept *kept = c->state;
	double *samples = &c->samples[round];

	samples[0] = kept->bytes;
	samples[perf_options.rounds] = (double)kept->bytes / live_bytes;
}

static int
run_kept(const struct perf_scenario *scenario, const perf_round_fn *rounds, size_t size,
		unsigned int n_objects)
{
	static const char *const metrics[] = { "bytes_kept", "kept_over_live" };
	const struct cell cell = {
		.scenario = scenario,
		.rounds = rounds,
		.after = take_samples,
		.repetitions = 1,
		.state_bytes = sizeof(struct kept),
		.metrics = metrics,
		.n_metrics = RTE_DIM(metrics),
	};

	return cell_run(&cell, size, n_objects);
}

static int
run_survivors(const struct perf_scenario *scenario)
{
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, survivors)
	};

	live_bytes = SURVIVORS * SURVIVORS_SIZE;
	return run_kept(scenario, rounds, SURVIVORS_SIZE, SURVIVORS_BURST);
}

static int
run_waiting(const struct perf_scenario *scenario)
{
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, wait_round)
	};

	/* At most so much is live at any time; nothing is in the end. */
	live_bytes = WAITING_BATCH * WAITING_SIZE;
	return run_kept(scenario, rounds, WAITING_SIZE, WAITING_BATCH);
}

#define KEPT_ALLOCATORS (PERF_HANDLE_ALLOCATORS | PERF_BIT(rte_malloc) | \
		PERF_BIT(rte_malloc_header) | PERF_BIT(rte_malloc_eal) | PERF_BIT(libc))

const struct perf_scenario scenario_survivors = {
	.name = "survivors",
	.what = "bytes kept by 16 objects of 1 KiB that are left of 200 MiB",
	.allocators = KEPT_ALLOCATORS,
	.lcores = 1,
	.run = run_survivors,
};

const struct perf_scenario scenario_waiting = {
	.name = "waiting",
	.what = "bytes kept by 400 threads that wait, having freed what another one allocated",
	.allocators = KEPT_ALLOCATORS,
	.lcores = 1,
	.run = run_waiting,
};
