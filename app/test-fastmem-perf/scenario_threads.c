/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What an alloc and a free cost each kind of thread: an lcore, a pthread that EAL does not know,
 * one that registered, a control thread, and an lcore of a secondary process. All of them are
 * there from the start, on the CPU of the lcore, and take turns; none runs beside another.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

#include "perf.h"
#include "seat.h"

#define N_OBJECTS 4095 /* as in the scenarios of one lcore */
#define DEFAULT_SIZE 256

enum kind { LCORE, PTHREAD, REGISTERED, CONTROL, SECONDARY, N_KINDS };

static const char *const kind_names[N_KINDS] = {
	"lcore", "pthread", "registered", "control", "secondary",
};

/* A mempool that another process has made is another instance: it would need another protocol. */
#define SECONDARY_ALLOCATORS (PERF_HANDLE_ALLOCATORS | PERF_BIT(rte_malloc))

/* One who measures. */
struct party {
	enum kind kind;
	uint32_t allocators;
	pthread_t thread; /* of a party in this process that is not the lcore */
	int fd, far_fd; /* of its thread */
	struct peer peer; /* of a party in another process */
	bool present;
	const char *why; /* it is not */
};

/* One party with one allocator in one pattern. */
struct entry {
	bool measured;
	bool refused; /* an allocation failed: said, and left out from then on */
	char why[PERF_WHY_LEN];
	uint64_t per_slice;
	double *samples; /* by round */
};

struct threads {
	const struct perf_scenario *scenario;
	uint32_t allocators;
	struct party parties[N_KINDS];
	struct entry entries[SEAT_N_PATTERNS][PERF_N_ALLOCATORS][N_KINDS];
	double *samples;
	size_t size;
	int error; /* of who was there and failed */
};

/* Of this process; its threads share them. */
static struct instance instances[PERF_N_ALLOCATORS];

static void *
serve(void *arg)
{
	const struct party *party = arg;

	seat_serve(party->far_fd, instances);
	return NULL;
}

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
static uint32_t
serve_control(void *party)
{
	serve(party);
	return 0;
}

static int
create_control(struct party *party)
{
	rte_thread_t thread;
	int ret = rte_thread_create_control(&thread, "perf-control", serve_control, party);

	party->thread = (pthread_t)thread.opaque_id;
	return ret;
}
#else
static int
create_control(struct party *party)
{
	return rte_ctrl_thread_create(&party->thread, "perf-control", NULL, serve, party);
}
#endif

static int
start_thread(struct party *party, unsigned int cpu)
{
	cpu_set_t set;
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	party->fd = fds[0];
	party->far_fd = fds[1];
	ret = party->kind == CONTROL ? create_control(party) :
		-pthread_create(&party->thread, NULL, serve, party);
	if (ret != 0) {
		close(fds[0]);
		close(fds[1]);
		return ret < 0 ? ret : -ret;
	}
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(party->thread, sizeof(set), &set);
	return 0;
}

static void
stop_thread(struct party *party)
{
	close(party->fd); /* the end of its input */
	pthread_join(party->thread, NULL);
	close(party->far_fd);
}

static bool
is_peer(const struct party *party)
{
	return party->kind == SECONDARY || party->kind == REGISTERED;
}

static void
set_absent(struct threads *t, struct party *party, const char *why)
{
	perf_warn("%s, %s: %s", t->scenario->name, kind_names[party->kind], why);
	party->why = why;
	party->present = false;
	t->error = -ECHILD;
}

static void
start_party(struct threads *t, struct party *party, unsigned int cpu)
{
	const char *why = party->kind == SECONDARY ? peer_no_secondary() : NULL;
	int ret;

	party->present = true;
	if (why != NULL) {
		party->why = why;
		party->present = false;
	} else if (is_peer(party)) {
		ret = peer_start(&party->peer, party->kind == SECONDARY ? PEER_SECONDARY :
				PEER_REGISTERED, cpu);
		if (ret != 0)
			set_absent(t, party, party->peer.why);
	} else if (party->kind != LCORE) {
		ret = start_thread(party, cpu);
		if (ret != 0)
			set_absent(t, party, strerror(-ret));
	}
}

static void
stop_party(struct threads *t, struct party *party)
{
	if (!party->present || party->kind == LCORE)
		return;
	if (!is_peer(party)) {
		stop_thread(party);
		return;
	}
	peer_stop(&party->peer);
	if (party->peer.why[0] != '\0')
		set_absent(t, party, party->peer.why);
}

/* 0 when there is an answer, whatever it says. */
static int
ask(struct threads *t, enum kind kind, const struct seat_request *req, struct seat_answer *answer)
{
	struct party *party = &t->parties[kind];
	int ret;

	if (!party->present)
		return -ENOENT;
	if (kind == LCORE) {
		seat_do(req, instances, answer);
		return 0;
	}
	if (!is_peer(party))
		return seat_ask(party->fd, req, answer);
	ret = peer_ask(&party->peer, req, answer);
	if (ret != 0)
		set_absent(t, party, party->peer.why);
	return ret;
}

static void
refuse(struct threads *t, enum kind kind, enum perf_allocator_id id, struct entry *e, int error)
{
	e->refused = true;
	snprintf(e->why, sizeof(e->why), "it fails: %s", strerror(-error));
	perf_warn("%s, %zu B, %s: %s left out, it fails: %s", t->scenario->name, t->size,
		kind_names[kind], perf_allocators[id].name, strerror(-error));
}

static void
open_instance(struct threads *t, enum kind kind, enum perf_allocator_id id)
{
	const struct seat_request req = {
		.op = SEAT_OPEN,
		.id = id,
		.instance = {
			.size = t->size,
			.n_objects = N_OBJECTS,
			.cache_size = PERF_CACHE_SIZE,
		},
	};
	struct seat_answer answer;
	unsigned int pattern;

	if (ask(t, kind, &req, &answer) != 0 || answer.error == 0)
		return;
	for (pattern = 0; pattern < SEAT_N_PATTERNS; pattern++)
		refuse(t, kind, id, &t->entries[pattern][id][kind], answer.error);
}

static void
close_instance(struct threads *t, enum kind kind, enum perf_allocator_id id)
{
	const struct seat_request req = { .op = SEAT_CLOSE, .id = id };
	struct seat_answer answer;

	if (!t->entries[0][id][kind].refused)
		ask(t, kind, &req, &answer);
}

/* A thread uses its process's instance. */
static bool
owns_instance(enum kind kind)
{
	return kind == LCORE || kind == REGISTERED || kind == SECONDARY;
}

static void
for_each_instance(struct threads *t,
	void (*act)(struct threads *t, enum kind kind, enum perf_allocator_id id))
{
	enum perf_allocator_id id;
	enum kind kind;

	for (kind = 0; kind < N_KINDS; kind++)
		for (id = 0; id < PERF_N_ALLOCATORS; id++)
			if (owns_instance(kind) && (t->parties[kind].allocators & 1u << id) != 0)
				act(t, kind, id);
}

static bool
takes_part(const struct threads *t, enum seat_pattern pattern, enum perf_allocator_id id,
		enum kind kind)
{
	/* Where the process has no instance, its threads have none. */
	enum kind owner = owns_instance(kind) ? kind : LCORE;

	return t->parties[kind].present && (t->parties[kind].allocators & 1u << id) != 0 &&
		!t->entries[pattern][id][owner].refused && !t->entries[pattern][id][kind].refused;
}

static void
measure(struct threads *t, enum seat_pattern pattern, enum perf_allocator_id id, enum kind kind,
		unsigned int round)
{
	struct entry *e = &t->entries[pattern][id][kind];
	struct seat_request req = {
		.op = e->per_slice == 0 ? SEAT_CALIBRATE : SEAT_RUN,
		.id = id,
		.pattern = pattern,
		.per_slice = e->per_slice,
		.n_slices = perf_round_cycles() / (rte_get_tsc_hz() / PERF_SLICES_PER_SECOND),
	};
	struct seat_answer answer;

	if (!takes_part(t, pattern, id, kind) || ask(t, kind, &req, &answer) != 0)
		return;
	if (answer.error != 0) {
		refuse(t, kind, id, e, answer.error);
	} else if (req.op == SEAT_CALIBRATE) {
		e->per_slice = answer.per_slice;
	} else {
		e->samples[round] = answer.cycles;
		e->measured = round + 1 == perf_options.rounds;
	}
}

/* Kinds of threads run one right after the other, as it is them that are compared. */
static void
run_round(struct threads *t, unsigned int round)
{
	enum seat_pattern pattern;
	enum perf_allocator_id id;
	char detail[32];
	unsigned int i;

	snprintf(detail, sizeof(detail), "%zu B", t->size);
	for (pattern = 0; pattern < SEAT_N_PATTERNS; pattern++) {
		for (id = 0; id < PERF_N_ALLOCATORS; id++) {
			if ((t->allocators & 1u << id) == 0)
				continue;
			perf_progress(t->scenario, detail, round, perf_options.rounds,
				perf_allocators[id].name);
			for (i = 0; i < N_KINDS; i++)
				measure(t, pattern, id, perf_turn(round, i, N_KINDS), round);
		}
	}
}

static void
add_result(const struct threads *t, enum seat_pattern pattern, enum perf_allocator_id id,
		enum kind kind)
{
	const struct entry *e = &t->entries[pattern][id][kind];
	const struct party *party = &t->parties[kind];
	struct perf_result r = {
		.scenario = t->scenario,
		.id = id,
		.size = t->size,
		.lcores = t->scenario->lcores,
	};

	if ((party->allocators & 1u << id) == 0)
		return;
	snprintf(r.metric, sizeof(r.metric), "%s_cycles_%s", seat_pattern_names[pattern],
		kind_names[kind]);
	if (e->measured)
		perf_result_add(&r, e->samples, perf_options.rounds);
	else if (!party->present)
		perf_result_add_absent(&r, party->why);
	else if (e->refused)
		perf_result_add_absent(&r, e->why);
}

/* The one entry's cycles over the other's in the same round. */
static void
add_goal(const struct perf_goal *goal, const struct entry *e,
		const struct entry *base, const char *why)
{
	double *ratios;
	unsigned int i;

	if (!e->measured || !base->measured) {
		if (why[0] != '\0')
			perf_goal_add_absent(goal, why);
		return;
	}
	ratios = calloc(perf_options.rounds, sizeof(*ratios));
	if (ratios == NULL)
		return;
	for (i = 0; i < perf_options.rounds; i++)
		ratios[i] = e->samples[i] / base->samples[i];
	perf_goal_add(goal, ratios, perf_options.rounds);
	free(ratios);
}

static void
add_kind_goal(struct threads *t, enum seat_pattern pattern, enum kind kind, double at_most)
{
	const struct entry *e = t->entries[pattern][PERF_fastmem];
	const struct party *party = &t->parties[kind];
	struct perf_goal goal = {
		.scenario = t->scenario,
		.size = t->size,
		.bound = at_most,
	};

	snprintf(goal.name, sizeof(goal.name), "%s_%s_over_lcore", seat_pattern_names[pattern],
		kind_names[kind]);
	add_goal(&goal, &e[kind], &e[LCORE], party->present ? e[kind].why : party->why);
}

static void
add_mempool_goal(struct threads *t, enum seat_pattern pattern)
{
	struct perf_goal goal = {
		.scenario = t->scenario,
		.size = t->size,
		.bound = 3,
		.at_least = true,
	};

	snprintf(goal.name, sizeof(goal.name), "%s_pthread_mempool_over_fastmem",
		seat_pattern_names[pattern]);
	add_goal(&goal, &t->entries[pattern][PERF_mempool][PTHREAD],
		&t->entries[pattern][PERF_fastmem][PTHREAD], "");
}

/* Goals are made of the samples by round, which results sort: so they come first. */
static void
add_results(struct threads *t)
{
	enum seat_pattern pattern;
	enum perf_allocator_id id;
	enum kind kind;

	for (pattern = 0; pattern < SEAT_N_PATTERNS; pattern++) {
		if ((t->allocators & PERF_BIT(fastmem)) != 0) {
			add_kind_goal(t, pattern, PTHREAD, 1.05);
			add_kind_goal(t, pattern, SECONDARY, 1.10);
			add_mempool_goal(t, pattern);
		}
		for (kind = 0; kind < N_KINDS; kind++)
			for (id = 0; id < PERF_N_ALLOCATORS; id++)
				add_result(t, pattern, id, kind);
	}
}

static void
clear_entries(struct threads *t)
{
	struct entry *e = &t->entries[0][0][0];
	size_t i;

	memset(t->entries, 0, sizeof(t->entries));
	for (i = 0; i < sizeof(t->entries) / sizeof(*e); i++)
		e[i].samples = &t->samples[i * perf_options.rounds];
}

static void
run_size(struct threads *t, size_t size)
{
	unsigned int i;

	t->size = size;
	clear_entries(t);
	for_each_instance(t, open_instance);
	run_round(t, 0); /* calibrates */
	for (i = 0; i < perf_options.rounds; i++)
		run_round(t, i);
	for_each_instance(t, close_instance);
	add_results(t);
}

static void
run_sizes(struct threads *t)
{
	unsigned int i;

	if (perf_options.default_sizes) {
		run_size(t, DEFAULT_SIZE);
		return;
	}
	for (i = 0; i < perf_options.n_sizes; i++)
		run_size(t, perf_options.sizes[i]);
}

/* The lcore stays on one of its CPUs; all others are put there. */
static unsigned int
choose_cpu(const cpu_set_t *allowed)
{
	unsigned int cpu = 0;
	cpu_set_t set;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, allowed))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	return cpu;
}

static void
run_parties(struct threads *t)
{
	cpu_set_t allowed;
	unsigned int cpu;
	enum kind kind;

	pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	cpu = choose_cpu(&allowed);
	for (kind = 0; kind < N_KINDS; kind++) {
		t->parties[kind].kind = kind;
		t->parties[kind].allocators = t->allocators &
			(kind == SECONDARY ? SECONDARY_ALLOCATORS : PERF_ALL_ALLOCATORS);
		start_party(t, &t->parties[kind], cpu);
	}
	run_sizes(t);
	for (kind = 0; kind < N_KINDS; kind++)
		stop_party(t, &t->parties[kind]);
	pthread_setaffinity_np(pthread_self(), sizeof(allowed), &allowed);
}

static int
run_threads(const struct perf_scenario *scenario)
{
	struct threads *t = calloc(1, sizeof(*t));
	int ret = -ENOMEM;

	if (t == NULL)
		return -ENOMEM;
	t->scenario = scenario;
	t->allocators = perf_selected(scenario);
	t->samples = calloc(sizeof(t->entries) / sizeof(struct entry) * perf_options.rounds,
			sizeof(*t->samples));
	if (t->samples != NULL) {
		if (perf_fastmem_start(t->allocators) != 0)
			t->allocators &= ~PERF_FASTMEM_ALLOCATORS;
		run_parties(t);
		perf_fastmem_stop();
		ret = t->error;
	}
	free(t->samples);
	free(t);
	return ret;
}

const struct perf_scenario scenario_threads = {
	.name = "threads",
	.what = "tight and batch_fifo by each kind of thread and by a secondary process, in turn",
	.allocators = PERF_HANDLE_ALLOCATORS | PERF_BIT(mempool) | PERF_BIT(rte_malloc),
	.lcores = 1,
	.run = run_threads,
};
