/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Whether a control thread's allocations hold up an lcore's. Four threads allocate and free objects
 * of random sizes as fast as they can: an lcore, each of whose calls is timed, two threads beside
 * it, and a control thread, in five conditions that take turns:
 *
 *   without  the control thread sleeps
 *   busy     it is as busy, but with an array used as a stack instead of the allocator
 *   with     it uses the allocator as the others do
 *   polled   1,000 times a second, it asks this process by telemetry for nothing of fastmem
 *   asked    the same for one size after the other
 *
 * The lcore has a CPU of its own, as on a data plane, and the other three share what CPUs are left:
 * so what preempts it is not one of them, while a thread that holds a lock may well be preempted.
 * What "busy" has over "without" is the machine's doing (caches, memory, the other hyper-thread),
 * what "with" has over "busy" is the allocator's. What "polled" has over "without" is that a client
 * and EAL's thread that answers wake up and preempt the other threads, what "asked" has over "polled"
 * is that fastmem answers. EAL would have its thread on the first lcore's CPU. The allocator "floor",
 * whose calls share nothing, shows what the clock, interrupts and the hypervisor leave in these
 * figures.
 */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

#include "allocator_ops.h"
#include "call_clock.h"
#include "histogram.h"
#include "perf.h"
#include "rng.h"

#define N_WORKERS 4
#define CONTROL (N_WORKERS - 1) /* 0: the lcore */
#define MAX_LIVE 512 /* of each thread */
#define N_SIZES 4096 /* random ones, drawn beforehand */
#define FLOOR_SIZE 64

enum condition { WITHOUT, BUSY, WITH, POLLED, ASKED, N_CONDITIONS };

static const char *const condition_names[N_CONDITIONS] = {
	"without", "busy", "with", "polled", "asked"
};

static const struct {
	const char *name;
	double share;
} quantiles[] = {
	{ "p50", 0.5 },
	{ "p99_9", 0.999 },
	{ "max", 1 },
};

#define N_QUANTILES RTE_DIM(quantiles)
#define P99_9 1

struct worker {
	struct load *load;
	unsigned int index;
	pthread_t thread;
	struct rng rng;
	struct instance floor;
	bool failed; /* an allocation, in this round */
	enum perf_allocator_id used; /* in this round; PERF_N_ALLOCATORS: none */
	unsigned int n_live;
	void *live[MAX_LIVE];
} __rte_cache_aligned;

typedef void (*work_fn)(struct worker *w);

/* One allocator. */
struct side {
	enum perf_allocator_id id;
	bool failed;
	double *samples[N_CONDITIONS][N_QUANTILES]; /* by round */
};

struct load {
	const struct perf_scenario *scenario;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* for the other workers: there is a new round, or the end */
	pthread_cond_t done; /* for the lcore: n_busy is 0 */
	unsigned int round, n_busy;
	bool end;
	/* Set by the lcore between rounds; NULL: the worker sits the round out. */
	work_fn work[N_WORKERS];
	unsigned int n_running; /* of the other workers, in the round; written by each of them */
	int socket; /* of telemetry; -1: there is none */
	pid_t answers; /* EAL's thread for it; 0: unknown */
	unsigned int n_asked; /* in this round, by the control thread */
	uint64_t n_all_asked, asking_cycles; /* in all rounds */
	bool stop __rte_cache_aligned; /* the round */
	uint64_t clock_cycles;
	uint32_t sizes[N_SIZES];
	/* Of the lcore's calls in this round: by the lcore only, so on lines of its own. */
	struct histogram times __rte_cache_aligned;
	struct side sides[PERF_N_ALLOCATORS];
	unsigned int n_sides;
	struct worker workers[N_WORKERS];
};

/*
 * What a worker does in a round.
 */

static __rte_always_inline void
note(struct load *load, uint64_t cycles)
{
	cycles -= RTE_MIN(cycles, load->clock_cycles);
	histogram_add(&load->times, cycles);
}

static __rte_always_inline void
alloc_one(const struct alloc_ops *ops, struct worker *w, bool timed)
{
	size_t size = w->load->sizes[rng_below(&w->rng, N_SIZES)];
	uint64_t start = timed ? call_clock_read() : 0;
	void *ptr = ops->alloc(&w->floor, size);

	PERF_USE(ptr);
	if (timed)
		note(w->load, call_clock_read() - start);
	if (unlikely(ptr == NULL)) {
		w->failed = true;
		return;
	}
	*(volatile uint64_t *)ptr = size; /* as its user would */
	w->live[w->n_live++] = ptr;
}

static __rte_always_inline void
free_one(const struct alloc_ops *ops, struct worker *w, bool timed)
{
	void **place = &w->live[rng_below(&w->rng, w->n_live)];
	void *ptr = *place;
	uint64_t start;

	*place = w->live[--w->n_live];
	PERF_USE(ptr);
	start = timed ? call_clock_read() : 0;
	ops->free(&w->floor, ptr);
	PERF_BARRIER();
	if (timed)
		note(w->load, call_clock_read() - start);
}

/* One call at most; the number of live objects goes up and down between none and all. */
static __rte_always_inline void
call(const struct alloc_ops *ops, struct worker *w, unsigned int *want, bool timed)
{
	if (w->n_live == *want)
		*want = rng_below(&w->rng, MAX_LIVE + 1);
	if (w->n_live < *want)
		alloc_one(ops, w, timed);
	else if (w->n_live > *want)
		free_one(ops, w, timed);
}

static __rte_always_inline void
drain(const struct alloc_ops *ops, struct worker *w)
{
	while (w->n_live > 0)
		free_one(ops, w, false);
}

static __rte_always_inline void
hammer(const struct alloc_ops *ops, struct worker *w, enum perf_allocator_id id)
{
	struct load *load = w->load;
	unsigned int want = 0;

	w->used = id;
	rte_atomic_fetch_add_explicit(&load->n_running, 1, rte_memory_order_relaxed);
	while (!rte_atomic_load_explicit(&load->stop, rte_memory_order_relaxed) && !w->failed)
		call(ops, w, &want, false);
	drain(ops, w);
}

static unsigned int
count_others(const struct load *load)
{
	unsigned int i, n = 0;

	for (i = 1; i < N_WORKERS; i++)
		n += load->work[i] != NULL;
	return n;
}

/* By the lcore, which also says when the round ends; only while all are at work. */
static __rte_always_inline void
measure(const struct alloc_ops *ops, struct worker *w)
{
	uint64_t cycles = rte_get_tsc_hz() / 1000 * (perf_options.quick ? 10 : 50), end;
	struct load *load = w->load;
	unsigned int want = 0, others = count_others(load);

	while (rte_atomic_load_explicit(&load->n_running, rte_memory_order_relaxed) < others &&
			!w->failed)
		call(ops, w, &want, false);
	end = rte_rdtsc() + cycles;
	while (rte_rdtsc() < end && !w->failed)
		call(ops, w, &want, true);
	rte_atomic_store_explicit(&load->stop, true, rte_memory_order_relaxed);
	drain(ops, w);
}

#define WORK(arg, allocator) \
	static __rte_noinline __rte_unused void \
	hammer_##allocator(struct worker *w) \
	{ \
		hammer(&allocator##_ops, w, PERF_##allocator); \
	} \
\
	static __rte_noinline __rte_unused void \
	measure_##allocator(struct worker *w) \
	{ \
		measure(&allocator##_ops, w); \
	}

#define WORK_ENTRY(arg, allocator) \
	[PERF_##allocator] = { measure_##allocator, hammer_##allocator },

PERF_FOR_EACH_ALLOCATOR(WORK, )

static const struct {
	work_fn measure, hammer;
} works[PERF_N_ALLOCATORS] = {
	PERF_FOR_EACH_ALLOCATOR(WORK_ENTRY, )
};

/*
 * Telemetry.
 */

#define QUESTIONS_PER_SECOND 1000

#define MAX_TASKS 512

/* The threads of this process. */
static unsigned int
list_tasks(pid_t *tasks)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned int n = 0;

	while (dir != NULL && n < MAX_TASKS && (entry = readdir(dir)) != NULL)
		if (atoi(entry->d_name) > 0)
			tasks[n++] = atoi(entry->d_name);
	if (dir != NULL)
		closedir(dir);
	return n;
}

static pid_t
find_new_task(const pid_t *before, unsigned int n_before)
{
	pid_t tasks[MAX_TASKS];
	unsigned int i, j, n = list_tasks(tasks);

	for (i = 0; i < n; i++) {
		for (j = 0; j < n_before && before[j] != tasks[i]; j++)
			;
		if (j == n_before)
			return tasks[i];
	}
	return 0;
}

static int
ask_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), n;
	char info[1024];

	n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2",
			rte_eal_get_runtime_dir());
	if (fd >= 0 && n < (int)sizeof(addr.sun_path) &&
			connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
			recv(fd, info, sizeof(info), 0) > 0)
		return fd;
	perf_warn("load: conditions \"polled\" and \"asked\" left out, there is no telemetry: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
ask_begin(struct load *load)
{
	pid_t before[MAX_TASKS];
	unsigned int n = list_tasks(before);

	load->socket = ask_connect();
	if (load->socket >= 0)
		load->answers = find_new_task(before, n);
}

/* size: of a class; 0: of nothing of fastmem. */
static bool
ask_one(int fd, size_t size)
{
	char text[16 << 10];
	int n = size != 0 ? snprintf(text, sizeof(text), "/fastmem/class,%zu", size) :
		snprintf(text, sizeof(text), "/info");

	return send(fd, text, n, 0) == n && recv(fd, text, sizeof(text), 0) > 0;
}

static void
ask_for(struct worker *w, bool fastmem)
{
	struct timespec next;
	struct load *load = w->load;
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int n = rte_fastmem_classes(sizes);
	uint64_t start = rte_rdtsc();

	clock_gettime(CLOCK_MONOTONIC, &next);
	rte_atomic_fetch_add_explicit(&load->n_running, 1, rte_memory_order_relaxed);
	while (!rte_atomic_load_explicit(&load->stop, rte_memory_order_relaxed) && !w->failed) {
		w->failed = !ask_one(load->socket, fastmem ? sizes[load->n_asked % n] : 0);
		load->n_asked++;
		next.tv_nsec += 1000000000 / QUESTIONS_PER_SECOND;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	load->n_all_asked += load->n_asked;
	load->asking_cycles += rte_rdtsc() - start;
}

static void
poll_eal(struct worker *w)
{
	ask_for(w, false);
}

static void
ask(struct worker *w)
{
	ask_for(w, true);
}

/*
 * The other workers.
 */

static void *
serve(void *arg)
{
	struct worker *w = arg;
	struct load *load = w->load;
	unsigned int round = 0;

	pthread_mutex_lock(&load->lock);
	for (;;) {
		while (!load->end && load->round == round)
			pthread_cond_wait(&load->wake, &load->lock);
		if (load->end)
			break;
		round = load->round;
		pthread_mutex_unlock(&load->lock);
		if (load->work[w->index] != NULL)
			load->work[w->index](w);
		pthread_mutex_lock(&load->lock);
		if (--load->n_busy == 0)
			pthread_cond_signal(&load->done);
	}
	pthread_mutex_unlock(&load->lock);
	return NULL;
}

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
static uint32_t
serve_control(void *w)
{
	serve(w);
	return 0;
}

static int
create_control(struct worker *w)
{
	rte_thread_t thread;
	int ret = rte_thread_create_control(&thread, "perf-control", serve_control, w);

	w->thread = (pthread_t)thread.opaque_id;
	return ret;
}
#else
static int
create_control(struct worker *w)
{
	return rte_ctrl_thread_create(&w->thread, "perf-control", NULL, serve, w);
}
#endif

static void
pin(pthread_t thread, unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

/* The n-th of a set, beginning again at its end. */
static unsigned int
nth_cpu(const cpu_set_t *set, unsigned int n)
{
	unsigned int cpu = 0;

	n %= CPU_COUNT(set);
	while (!CPU_ISSET(cpu, set) || n-- > 0)
		cpu++;
	return cpu;
}

/* The CPUs that EAL's lcores have, but for one that is this lcore's. */
static unsigned int
deal_cpus(const struct load *load, cpu_set_t *others)
{
	cpu_set_t mine = rte_lcore_cpuset(rte_lcore_id());
	unsigned int lcore, own = nth_cpu(&mine, 0);

	CPU_ZERO(others);
	RTE_LCORE_FOREACH(lcore) {
		rte_cpuset_t one = rte_lcore_cpuset(lcore);

		CPU_OR(others, others, &one);
	}
	if (CPU_COUNT(others) > 1)
		CPU_CLR(own, others);
	else
		perf_warn("%s: all threads share one CPU, so the lcore is preempted by the others",
			load->scenario->name);
	return own;
}

static int
start_worker(struct load *load, unsigned int index, const cpu_set_t *cpus)
{
	struct worker *w = &load->workers[index];
	int ret = index == CONTROL ? create_control(w) :
		-pthread_create(&w->thread, NULL, serve, w);

	if (ret == 0)
		pin(w->thread, nth_cpu(cpus, index - 1));
	return ret;
}

/*
 * The rounds.
 */

static void
begin_round(struct load *load)
{
	pthread_mutex_lock(&load->lock);
	load->n_running = 0;
	load->stop = false;
	load->n_busy = N_WORKERS - 1;
	load->round++;
	pthread_cond_broadcast(&load->wake);
	pthread_mutex_unlock(&load->lock);
}

static void
await_others(struct load *load)
{
	pthread_mutex_lock(&load->lock);
	while (load->n_busy > 0)
		pthread_cond_wait(&load->done, &load->lock);
	pthread_mutex_unlock(&load->lock);
}

/* The control thread did what the condition is about. */
static bool
is_condition(const struct load *load, const struct side *side, enum condition condition)
{
	enum perf_allocator_id used = load->workers[CONTROL].used;

	switch (condition) {
	case WITHOUT:
		return used == PERF_N_ALLOCATORS;
	case BUSY:
		return used == PERF_floor;
	case POLLED:
	case ASKED:
		return load->n_asked > 0;
	default:
		return used == side->id;
	}
}

static bool
run_round(struct load *load, struct side *side, enum condition condition)
{
	bool failed = false;
	unsigned int i;

	memset(&load->times, 0, sizeof(load->times));
	for (i = 0; i < N_WORKERS; i++) {
		load->work[i] = works[side->id].hammer;
		load->workers[i].failed = false;
		load->workers[i].used = PERF_N_ALLOCATORS;
	}
	load->work[0] = works[side->id].measure;
	if (condition == WITHOUT)
		load->work[CONTROL] = NULL;
	else if (condition == BUSY)
		load->work[CONTROL] = works[PERF_floor].hammer;
	else if (condition == POLLED)
		load->work[CONTROL] = poll_eal;
	else if (condition == ASKED)
		load->work[CONTROL] = ask;
	load->n_asked = 0;
	begin_round(load);
	load->work[0](&load->workers[0]);
	await_others(load);
	for (i = 0; i < N_WORKERS; i++)
		failed |= load->workers[i].failed;
	RTE_VERIFY(is_condition(load, side, condition));
	return !failed && load->times.n > 0;
}

static void
measure_side(struct load *load, struct side *side, unsigned int round)
{
	enum condition condition;
	unsigned int i, q;

	for (i = 0; i < N_CONDITIONS && !side->failed; i++) {
		condition = perf_turn(round, i, N_CONDITIONS);
		if (condition >= POLLED && load->socket < 0)
			continue;
		perf_progress(load->scenario, condition_names[condition], round,
			perf_options.rounds, perf_allocators[side->id].name);
		side->failed = !run_round(load, side, condition);
		for (q = 0; q < N_QUANTILES && !side->failed; q++)
			side->samples[condition][q][round] =
				histogram_quantile(&load->times, quantiles[q].share);
	}
}

static void
run_rounds(struct load *load)
{
	unsigned int round, i;

	/* The first one makes the threads' caches and the memory for what can be live. */
	for (i = 0; i < load->n_sides; i++)
		load->sides[i].failed = !run_round(load, &load->sides[i], WITH);
	for (round = 0; round < perf_options.rounds; round++)
		for (i = 0; i < load->n_sides; i++)
			measure_side(load, &load->sides[perf_turn(round, i, load->n_sides)], round);
}

/*
 * The results.
 */

static bool
is_served_by_fastmem(enum perf_allocator_id id)
{
	return id == PERF_fastmem || id == PERF_rte_malloc_header ||
		(id == PERF_rte_malloc && perf_malloc_is_replaced());
}

static void
add_goal(const struct load *load, const struct side *side, enum condition condition,
		enum condition over, double bound)
{
	struct perf_goal goal = { .scenario = load->scenario, .bound = bound };
	double *ratios = calloc(perf_options.rounds, sizeof(*ratios));
	unsigned int i;

	if (ratios == NULL)
		return;
	snprintf(goal.name, sizeof(goal.name), "%s_p99_9_%s_over_%s", perf_allocators[side->id].name,
		condition_names[condition], condition_names[over]);
	for (i = 0; i < perf_options.rounds; i++)
		ratios[i] = side->samples[condition][P99_9][i] / side->samples[over][P99_9][i];
	perf_goal_add(&goal, ratios, perf_options.rounds);
	free(ratios);
}

static void
add_goals(const struct load *load, const struct side *side)
{
	if (side->failed)
		perf_warn("%s: %s left out, an allocation failed", load->scenario->name,
			perf_allocators[side->id].name);
	if (side->failed || !is_served_by_fastmem(side->id))
		return;
	add_goal(load, side, WITH, WITHOUT, 1.2);
	if (load->socket >= 0)
		add_goal(load, side, ASKED, POLLED, 1.05);
}

/* What a machine that has other things to do does not get done is not measured. */
static void
check_questions(const struct load *load)
{
	double rate = (double)load->n_all_asked * rte_get_tsc_hz() / load->asking_cycles;

	if (rate < 0.9 * QUESTIONS_PER_SECOND)
		perf_warn("%s: %.0f questions a second in place of %u", load->scenario->name, rate,
			QUESTIONS_PER_SECOND);
}

/* Goals are made of the samples by round, which results sort: so they come first. */
static void
add_results(struct load *load)
{
	struct perf_result r = { .scenario = load->scenario, .lcores = load->scenario->lcores };
	unsigned int i, q;
	enum condition c;

	if (load->asking_cycles != 0)
		check_questions(load);
	for (i = 0; i < load->n_sides; i++)
		add_goals(load, &load->sides[i]);
	for (q = 0; q < N_QUANTILES; q++) {
		for (c = 0; c < (load->socket >= 0 ? N_CONDITIONS : POLLED); c++) {
			snprintf(r.metric, sizeof(r.metric), "%s_cycles_%s", quantiles[q].name,
				condition_names[c]);
			for (i = 0; i < load->n_sides; i++) {
				r.id = load->sides[i].id;
				if (!load->sides[i].failed)
					perf_result_add(&r, load->sides[i].samples[c][q],
						perf_options.rounds);
			}
		}
	}
}

/*
 * The scenario.
 */

/* Each order of magnitude is as likely: 16 bytes to 16 KiB. */
static void
draw_sizes(struct load *load)
{
	struct rng rng = { .state = UINT64_C(0x9e3779b97f4a7c15) };
	unsigned int i;

	for (i = 0; i < N_SIZES; i++) {
		uint32_t half = 16u << rng_below(&rng, 10);

		load->sizes[i] = half + rng_below(&rng, half + 1);
	}
}

static int
add_side(struct load *load, enum perf_allocator_id id)
{
	struct side *side = &load->sides[load->n_sides];
	double *samples = calloc(N_CONDITIONS * N_QUANTILES * perf_options.rounds, sizeof(double));
	unsigned int c, q;

	if (samples == NULL)
		return -ENOMEM;
	side->id = id;
	for (c = 0; c < N_CONDITIONS; c++)
		for (q = 0; q < N_QUANTILES; q++)
			side->samples[c][q] = &samples[(c * N_QUANTILES + q) * perf_options.rounds];
	load->n_sides++;
	return 0;
}

static int
add_sides(struct load *load, uint32_t selected)
{
	enum perf_allocator_id id;
	int ret = 0;

	for (id = 0; id < PERF_N_ALLOCATORS && ret == 0; id++)
		if ((selected & 1u << id) != 0)
			ret = add_side(load, id);
	return ret;
}

static int
make_worker(struct load *load, unsigned int index)
{
	const struct instance_request req = { .size = FLOOR_SIZE, .n_objects = MAX_LIVE };
	struct worker *w = &load->workers[index];

	w->load = load;
	w->index = index;
	w->rng.state = UINT64_C(0x9e3779b97f4a7c15) * (index + 1);
	return perf_allocators[PERF_floor].create(&w->floor, &req);
}

static void
stop_workers(struct load *load, unsigned int n)
{
	pthread_mutex_lock(&load->lock);
	load->end = true;
	pthread_cond_broadcast(&load->wake);
	pthread_mutex_unlock(&load->lock);
	while (--n > 0)
		pthread_join(load->workers[n].thread, NULL);
}

static int
run_workers(struct load *load)
{
	cpu_set_t cpus, before;
	unsigned int own, n;
	int ret = 0;

	own = deal_cpus(load, &cpus);
	for (n = 1; n < N_WORKERS; n++) {
		ret = start_worker(load, n, &cpus);
		if (ret != 0)
			break;
	}
	pthread_getaffinity_np(pthread_self(), sizeof(before), &before);
	pin(pthread_self(), own);
	if (load->answers != 0 && sched_setaffinity(load->answers, sizeof(cpus), &cpus) != 0)
		perf_warn("%s: who answers shares the lcore's CPU: %s", load->scenario->name,
			strerror(errno));
	if (ret == 0)
		run_rounds(load);
	else
		perf_warn("%s: no thread: %s", load->scenario->name, strerror(-ret));
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	stop_workers(load, n);
	return ret;
}

static int
run_prepared(struct load *load)
{
	uint32_t selected = perf_selected(load->scenario);
	unsigned int n;
	int ret = 0;

	if (perf_fastmem_start(selected) != 0)
		selected &= ~PERF_FASTMEM_ALLOCATORS;
	for (n = 0; n < N_WORKERS && ret == 0; n++)
		ret = make_worker(load, n);
	if (ret == 0)
		ret = add_sides(load, selected);
	if (ret == 0)
		ret = run_workers(load);
	if (ret == 0)
		add_results(load);
	for (n = 0; n < N_WORKERS; n++)
		perf_allocators[PERF_floor].destroy(&load->workers[n].floor);
	perf_fastmem_stop();
	return ret;
}

static int
run_load(const struct perf_scenario *scenario)
{
	struct load *load = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*load));
	int ret;

	if (load == NULL)
		return -ENOMEM;
	memset(load, 0, sizeof(*load));
	load->scenario = scenario;
	load->clock_cycles = call_clock_cost();
	ask_begin(load);
	draw_sizes(load);
	pthread_mutex_init(&load->lock, NULL);
	pthread_cond_init(&load->wake, NULL);
	pthread_cond_init(&load->done, NULL);
	ret = run_prepared(load);
	pthread_cond_destroy(&load->done);
	pthread_cond_destroy(&load->wake);
	pthread_mutex_destroy(&load->lock);
	if (load->socket >= 0)
		close(load->socket);
	while (load->n_sides > 0)
		free(load->sides[--load->n_sides].samples[0][0]);
	free(load);
	return ret;
}

const struct perf_scenario scenario_load = {
	.name = "load",
	.what = "an lcore's calls, random sizes, beside 2 threads, with and without a control thread "
		"that allocates, or asks by telemetry",
	.allocators = PERF_BIT(floor) | PERF_BIT(fastmem) | PERF_BIT(rte_malloc) |
		PERF_NAMED_ALLOCATORS,
	.lcores = 1,
	.run = run_load,
};
