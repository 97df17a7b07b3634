/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What lines cost that two cores share, in cycles of the time stamp counter: the input of
 * contention.py, on the machine that it runs on. Prints one "name value" on a line.
 *
 *   cc -O2 -pthread contention_costs.c -o costs && ./costs [CPU CPU]
 *
 * Two threads take turns on an array of lines. What one has done to them is known, and how long the
 * other takes is measured; the median of many turns counts. Streams are measured as they are in a
 * pipeline: one thread writes objects while the other reads those that were written before, of
 * which there are more than a first-level cache holds.
 */

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#define CLOCK() __rdtsc()
#define PAUSE() _mm_pause()
#else
static inline uint64_t
CLOCK(void)
{
	uint64_t t;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(t));
	return t;
}
#define PAUSE() __asm__ volatile("yield")
#endif

#define N_LINES 256 /* which a first-level cache holds */
#define N_OBJECTS 1024 /* in a stream at once; as many are on their way back */
#define N_TURNS 401
#define N_HAMMER 200000

struct line {
	uint64_t word;
	struct line *next; /* of a cycle through all, in random order */
	char rest[48];
} __attribute__((aligned(64)));

static struct line lines[N_LINES];
static struct line common, turn, arrived;
static volatile uint64_t sink;

static struct {
	uint64_t word;
	char rest[248];
} __attribute__((aligned(64))) objects[2][N_OBJECTS];

static void
stream_read(int half)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < N_OBJECTS; i++)
		sum += __atomic_load_n(&objects[half][i].word, __ATOMIC_RELAXED);
	sink = sum;
}

static void
stream_write(int half)
{
	int i;

	for (i = 0; i < N_OBJECTS; i++)
		__atomic_store_n(&objects[half][i].word, i, __ATOMIC_RELAXED);
}

static void
work_write(void)
{
	int i;

	for (i = 0; i < N_LINES; i++)
		__atomic_store_n(&lines[i].word, i, __ATOMIC_RELAXED);
}

static void
work_chase(void)
{
	const struct line *l = lines;
	int i;

	for (i = 0; i < N_LINES; i++)
		l = l->next;
	sink = (uintptr_t)l;
}

static void
work_cas(void)
{
	struct line *l = lines;
	int i;

	for (i = 0; i < N_LINES; i++) {
		uint64_t seen = l->word;

		__atomic_compare_exchange_n(&l->word, &seen, seen + 1, 0, __ATOMIC_ACQ_REL,
			__ATOMIC_ACQUIRE);
		l = l->next;
	}
}

static void
work_none(void)
{
}

/* What the other one does first, what is timed, and whether it is done twice, the second timed. */
static const struct {
	const char *name;
	void (*other)(void), (*timed)(void);
	int again;
} costs[] = {
	{ "load_remote", work_write, work_chase, 0 },
	{ "cas_remote", work_write, work_cas, 0 },
	{ "load_local", work_none, work_chase, 1 },
	{ "cas_local", work_none, work_cas, 1 },
};

#define N_COSTS (int)(sizeof(costs) / sizeof(costs[0]))

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		fprintf(stderr, "no CPU %d here\n", cpu);
		exit(1);
	}
}

static void
await_turn(uint64_t which)
{
	while (__atomic_load_n(&turn.word, __ATOMIC_ACQUIRE) != which)
		PAUSE();
}

static void
give_turn(uint64_t which)
{
	__atomic_store_n(&turn.word, which, __ATOMIC_RELEASE);
}

/* Both come here, as often as each other. */
static void
meet(uint64_t round)
{
	__atomic_fetch_add(&arrived.word, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived.word, __ATOMIC_ACQUIRE) < 2 * round)
		PAUSE();
}

/* Both at once. Returns how many times they have met. */
static uint64_t
stream(void (*work)(int half), int first, uint64_t cycles[])
{
	uint64_t round = 0;
	int t;

	for (t = 0; t < N_TURNS; t++) {
		uint64_t start;

		meet(++round);
		start = CLOCK();
		work((t + first) % 2);
		cycles[t] = CLOCK() - start;
	}
	return round;
}

static uint64_t hammer_cycles[2];
static uint64_t stream_cycles[2][N_TURNS];

static void
hammer(int me, uint64_t round)
{
	uint64_t start;
	int i;

	meet(round);
	start = CLOCK();
	for (i = 0; i < N_HAMMER; i++) {
		uint64_t seen = __atomic_load_n(&common.word, __ATOMIC_RELAXED);

		while (!__atomic_compare_exchange_n(&common.word, &seen, seen + 1, 0,
				__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			;
	}
	hammer_cycles[me] = CLOCK() - start;
}

static void *
other(void *cpu)
{
	uint64_t at = 0;
	int c, t;

	pin(*(int *)cpu);
	for (c = 0; c < N_COSTS; c++) {
		for (t = 0; t < N_TURNS; t++) {
			await_turn(at + 1);
			costs[c].other();
			at += 2;
			give_turn(at);
		}
	}
	hammer(1, stream(stream_read, 1, stream_cycles[1]) + 1);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
print_median(const char *name, uint64_t cycles[], int n)
{
	qsort(cycles, N_TURNS, sizeof(cycles[0]), compare);
	printf("%s %.1f\n", name, (double)cycles[N_TURNS / 2] / n);
}

static void
shuffle(void)
{
	static struct line *order[N_LINES];
	int i;

	srand(1);
	for (i = 0; i < N_LINES; i++)
		order[i] = &lines[i];
	for (i = N_LINES - 1; i > 1; i--) { /* the first stays */
		int j = 1 + rand() % i;
		struct line *swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (i = 0; i < N_LINES; i++)
		order[i]->next = order[(i + 1) % N_LINES];
}

int
main(int argc, char **argv)
{
	int cpus[2] = { argc > 2 ? atoi(argv[1]) : 0, argc > 2 ? atoi(argv[2]) : 1 };
	static uint64_t turns[N_TURNS];
	uint64_t at = 0, start;
	pthread_t thread;
	int c, t;

	shuffle();
	pin(cpus[0]);
	if (pthread_create(&thread, NULL, other, &cpus[1]) != 0)
		return 1;
	for (c = 0; c < N_COSTS; c++) {
		for (t = 0; t < N_TURNS; t++) {
			/* Written or read by this one before. */
			costs[c].timed();
			give_turn(at + 1);
			at += 2;
			await_turn(at);
			if (costs[c].again)
				costs[c].timed();
			start = CLOCK();
			costs[c].timed();
			turns[t] = CLOCK() - start;
		}
		print_median(costs[c].name, turns, N_LINES);
	}
	hammer(0, stream(stream_write, 0, stream_cycles[0]) + 1);
	pthread_join(thread, NULL);
	print_median("write_stream", stream_cycles[0], N_OBJECTS);
	print_median("read_stream", stream_cycles[1], N_OBJECTS);
	/* Of one of the two, for each that either has done. */
	printf("cas_contended %.1f\n", (double)(hammer_cycles[0] + hammer_cycles[1]) / 2 / (2 * N_HAMMER));
	return 0;
}
