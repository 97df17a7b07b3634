/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Memory is used up: what an allocation costs that another socket has to serve, as the thread's
 * own has no memory, and one that nobody can serve: of the machine's sockets, and of one more.
 *
 * The socket without memory is made up, so that a machine with one socket will do. For the other,
 * EAL's memory is taken first, so there should not be too much of it (--no-huge, or
 * --socket-limit).
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "fastmem_private.h"
#include "perf.h"

#define SIZE ((size_t)1 << 20) /* magazines hold one: almost every call is a miss */
#define LIVE 8
#define MAX_TAKEN ((size_t)2 << 30) /* bytes: more is not taken from other programs */
#define MAX_BLOCKS 65536
#define MAX_OBJECTS 256

enum mode { MISS, ELSEWHERE, REFUSED, REFUSED_OF_TWO, RTE_MALLOC, N_MODES };

static const struct {
	const char *name;
	enum perf_allocator_id id;
} modes[N_MODES] = {
	[MISS] = { "own socket", PERF_fastmem },
	[ELSEWHERE] = { "another socket", PERF_fastmem },
	[REFUSED] = { "nobody", PERF_fastmem },
	[REFUSED_OF_TWO] = { "nobody of two", PERF_fastmem },
	[RTE_MALLOC] = { "nobody ", PERF_rte_malloc },
};

static const struct {
	enum mode of, to;
	const char *name;
	double bound;
} goals[] = {
	{ ELSEWHERE, MISS, "another_socket_over_own_socket", 2 },
	{ REFUSED, RTE_MALLOC, "nobody fastmem_over_rte_malloc", 1 },
	{ REFUSED_OF_TWO, RTE_MALLOC, "nobody_of_two_sockets fastmem_over_rte_malloc", 1 },
};

static int absent_socket;

static int
on_absent_socket(void)
{
	return absent_socket;
}

/* Objects are allocated, and freed. Cycles of a pair; negative: it has failed. */
static double
measure_served(void)
{
	uint64_t end = rte_rdtsc() + perf_round_cycles();
	uint64_t cycles = 0, n = 0;
	void *objs[LIVE];
	unsigned int i;

	do {
		uint64_t start = rte_rdtsc();

		for (i = 0; i < LIVE; i++) {
			objs[i] = rte_fastmem_alloc(SIZE, 0, 0);
			if (objs[i] == NULL)
				return -1;
		}
		for (i = 0; i < LIVE; i++)
			rte_fastmem_free(objs[i]);
		cycles += rte_rdtsc() - start;
		n += LIVE;
	} while (rte_rdtsc() < end);
	return (double)cycles / n;
}

static void *
alloc_by(enum mode mode)
{
	return mode == RTE_MALLOC ? perf_eal_heap->malloc_socket(NULL, SIZE, 0, SOCKET_ID_ANY) :
		rte_fastmem_alloc(SIZE, 0, 0);
}

/* Cycles of a call that fails. */
static double
measure_refused(enum mode mode)
{
	uint64_t start = rte_rdtsc(), end = start + perf_round_cycles(), n = 0, now;

	do {
		if (alloc_by(mode) != NULL)
			return -1;
		n++;
		now = rte_rdtsc();
	} while (now < end);
	return (double)(now - start) / n;
}

/* EAL's memory, taken. */
static struct {
	void *blocks[MAX_BLOCKS];
	unsigned int n;
} taken;

static void
give_back(void)
{
	while (taken.n > 0)
		perf_eal_heap->free(taken.blocks[--taken.n]);
}

/* Take it, but for blocks too small for what is measured. */
static int
take_all(void)
{
	size_t size = 64 << 20, bytes = 0;

	while (size >= 16 << 10) {
		void *block = perf_eal_heap->malloc_socket(NULL, size, 0, SOCKET_ID_ANY);

		if (block == NULL) {
			size /= 2;
			continue;
		}
		taken.blocks[taken.n++] = block;
		bytes += size;
		if (taken.n == MAX_BLOCKS || bytes > MAX_TAKEN) {
			perf_warn("exhausted: left out, EAL has more than 2 GiB: bound it "
				"(--socket-limit), or use --no-huge");
			give_back();
			return -E2BIG;
		}
	}
	return 0;
}

/* What fastmem has is in use, too. Objects that were taken. */
static unsigned int
fill(void **objs)
{
	unsigned int n = 0;

	while (n < MAX_OBJECTS - 1 && (objs[n] = rte_fastmem_alloc(SIZE, 0, 0)) != NULL)
		n++;
	return n;
}

static double
measure_exhausted(enum mode mode)
{
	static void *objs[MAX_OBJECTS];
	double cycles;
	unsigned int n;
	int ret;

	objs[0] = rte_fastmem_alloc(SIZE, 0, 0); /* so that it has memory */
	if (objs[0] == NULL)
		return -1;
	ret = take_all();
	if (ret != 0) {
		rte_fastmem_free(objs[0]);
		return ret;
	}
	n = 1 + fill(&objs[1]);
	cycles = measure_refused(mode);
	rte_fastmem_free_bulk(objs, n);
	give_back();
	return cycles;
}

/* Objects in the depots of the own socket, and for ELSEWHERE a thread of a socket without memory. */
static double
measure_with_absent(enum mode mode)
{
	absent_socket = fastmem_ctl()->arenas[fastmem_ctl()->n_sockets - 1].socket_id;
	/* Ordinary pages are of all sockets: a limit of 0 keeps this one without memory. */
	if (rte_fastmem_set_limit(absent_socket, 0) != 0)
		return -1;
	measure_served();
	if (mode == ELSEWHERE)
		fastmem_socket_of_thread = on_absent_socket;
	return measure_served();
}

/* EAL's heap has no socket that is made up: with one, fastmem looks at twice as many. */
static double
measure(enum mode mode)
{
	const bool served = mode == MISS || mode == ELSEWHERE;
	int (*own)(void) = fastmem_socket_of_thread;
	double cycles;

	fastmem_absent_sockets = served || mode == REFUSED_OF_TWO ? 1 : 0;
	if (rte_fastmem_init() != 0)
		return -1;
	cycles = served ? measure_with_absent(mode) : measure_exhausted(mode);
	fastmem_socket_of_thread = own;
	rte_fastmem_deinit();
	fastmem_absent_sockets = 0;
	return cycles;
}

static void
add_results(const struct perf_scenario *scenario, double *samples[N_MODES])
{
	unsigned int i, r, n = perf_options.rounds;
	double ratios[n];

	for (i = 0; i < RTE_DIM(goals); i++) {
		struct perf_goal goal = { .scenario = scenario, .size = SIZE,
			.bound = goals[i].bound };

		snprintf(goal.name, sizeof(goal.name), "%s", goals[i].name);
		for (r = 0; r < n; r++)
			ratios[r] = samples[goals[i].of][r] / samples[goals[i].to][r];
		perf_goal_add(&goal, ratios, n);
	}
	for (i = 0; i < N_MODES; i++) {
		struct perf_result result = { .scenario = scenario, .id = modes[i].id,
			.size = SIZE, .lcores = 1 };

		snprintf(result.input, sizeof(result.input), "%s", modes[i].name);
		snprintf(result.metric, sizeof(result.metric), "%s",
			i <= ELSEWHERE ? "cycles_per_pair" : "cycles_per_call");
		perf_result_add(&result, samples[i], n);
	}
}

static int
run_exhausted(const struct perf_scenario *scenario)
{
	unsigned int r, i, n = perf_options.rounds;
	double room[N_MODES][n], *samples[N_MODES];

	for (r = 0; r < n; r++) {
		for (i = 0; i < N_MODES; i++) {
			enum mode mode = perf_turn(r, i, N_MODES);

			perf_progress(scenario, "", r, n, modes[mode].name);
			room[mode][r] = measure(mode);
			if (room[mode][r] < 0) {
				perf_progress_end();
				/* With too much memory to take, it is left out, which was said. */
				return room[mode][r] == -E2BIG ? 0 : -ENOMEM;
			}
		}
	}
	perf_progress_end();
	for (i = 0; i < N_MODES; i++)
		samples[i] = room[i];
	add_results(scenario, samples);
	return 0;
}

const struct perf_scenario scenario_exhausted = {
	.name = "exhausted",
	.what = "misses that another socket has to serve, and allocations that nobody can serve",
	.allocators = PERF_BIT(fastmem) | PERF_BIT(rte_malloc),
	.lcores = 1,
	.run = run_exhausted,
};
