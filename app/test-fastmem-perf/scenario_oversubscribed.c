/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * More threads than CPUs: 1 to 32 pthreads that EAL does not know share the lcores' CPUs, and are
 * preempted anywhere. Each allocates and frees bursts of four sizes, so that stacks of objects grow
 * and shrink beyond what a cache holds, and swaps objects with the others, so that much is freed by
 * another thread than has allocated it. What counts is the operations of all of them in a time.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "allocator_ops.h"
#include "perf.h"
#include "rng.h"

#define MAX_THREADS 32
#define N_KINDS 4 /* of objects */
#define MAX_BURST 64
#define MAX_LIVE 512 /* of a kind, for each thread */
#define N_SWAPS 64 /* places where objects change hands, for each kind */
/* All that can be live, and a good deal more: what other threads' caches keep. */
#define N_OBJECTS 32767
#define MAX_ROUND_NS 1e9 /* to wait for a first operation */

static const size_t sizes[N_KINDS] = { 64, 128, 256, 512 };
static const unsigned int thread_counts[] = { 1, 2, 4, 8, 16, 32 };

#define N_COUNTS RTE_DIM(thread_counts)

struct worker {
	uint64_t n_ops; /* allocs and frees of this round; read by the one who measures */
	bool failed; /* an allocation, in this round */
	struct rng rng;
	struct crew *crew;
	unsigned int index;
	pthread_t thread;
	unsigned int live[N_KINDS];
	void *objects[N_KINDS][MAX_LIVE];
} __rte_cache_aligned;

typedef void (*work_fn)(struct worker *w, const struct instance *in);

/* The threads, and what they do now. */
struct crew {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* for workers: there is a new round, or the end */
	pthread_cond_t changed; /* for the one who measures: n_started, n_busy */
	unsigned int round, n_active, n_started, n_busy;
	bool end;
	work_fn work;
	const struct instance *in;
	bool stop __rte_cache_aligned; /* the round */
	void *swaps[N_KINDS][N_SWAPS] __rte_cache_aligned;
	unsigned int n_workers;
	struct worker workers[MAX_THREADS];
};

/* One allocator. */
struct side {
	enum perf_allocator_id id;
	unsigned int n_instances;
	struct instance in[N_KINDS];
	double *samples[N_COUNTS]; /* by round */
	bool failed;
};

/*
 * Threads that wait for one that the scheduler has stopped take seconds for a few operations, so
 * the short run leaves the worst out.
 */
#define QUICK_MAX_THREADS 4

static bool
takes_part(const struct side *side, unsigned int n_threads)
{
	return !perf_options.quick || side->id == PERF_fastmem || n_threads <= QUICK_MAX_THREADS;
}

struct oversubscribed {
	const struct perf_scenario *scenario;
	struct crew *crew;
	struct side sides[PERF_N_ALLOCATORS];
	unsigned int n_sides;
};

/*
 * What a worker does in a round.
 */

/*
 * With an allocator that waits for threads which the scheduler has stopped, a single call can take
 * as long as all threads' time slices. So each call is counted at once, and may be the last one.
 */
static __rte_always_inline bool
count_op(struct worker *w)
{
	rte_atomic_store_explicit(&w->n_ops, w->n_ops + 1, rte_memory_order_relaxed);
	return rte_atomic_load_explicit(&w->crew->stop, rte_memory_order_relaxed);
}

static __rte_always_inline void
grow(const struct alloc_ops *ops, struct worker *w, const struct instance *in, unsigned int kind,
		unsigned int n)
{
	void **objects = w->objects[kind];

	for (n = RTE_MIN(n, MAX_LIVE - w->live[kind]); n > 0; n--) {
		void *ptr = ops->alloc(&in[kind], sizes[kind]);

		if (unlikely(ptr == NULL)) {
			w->failed = true;
			break;
		}
		*(volatile uint64_t *)ptr = n; /* as its user would */
		objects[w->live[kind]++] = ptr;
		if (unlikely(count_op(w)))
			break;
	}
}

static __rte_always_inline void
shrink(const struct alloc_ops *ops, struct worker *w, const struct instance *in, unsigned int kind,
		unsigned int n)
{
	void **objects = w->objects[kind];

	for (n = RTE_MIN(n, w->live[kind]); n > 0; n--) {
		ops->free(&in[kind], objects[--w->live[kind]]);
		if (unlikely(count_op(w)))
			break;
	}
}

/* Give an object, and take one that another thread has given. */
static __rte_always_inline void
swap(struct worker *w, unsigned int kind)
{
	void **place = &w->crew->swaps[kind][rng_below(&w->rng, N_SWAPS)];
	unsigned int n = w->live[kind];
	void **mine = &w->objects[kind][rng_below(&w->rng, n)];

	if (n == 0)
		return;
	/* Release what was written to the given object, acquire what was written to the taken one. */
	*mine = rte_atomic_exchange_explicit(place, *mine, rte_memory_order_acq_rel);
	if (*mine == NULL)
		*mine = w->objects[kind][--w->live[kind]];
}

static void
note_started(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->n_started++;
	pthread_cond_signal(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
}

static __rte_always_inline void
work(const struct alloc_ops *ops, struct worker *w, const struct instance *in)
{
	struct crew *crew = w->crew;
	unsigned int i;

	note_started(crew);
	while (!rte_atomic_load_explicit(&crew->stop, rte_memory_order_relaxed) && !w->failed) {
		unsigned int n = 1 + rng_below(&w->rng, MAX_BURST);
		unsigned int kind = rng_below(&w->rng, N_KINDS);

		if (rng_below(&w->rng, 2) != 0)
			grow(ops, w, in, kind, n);
		else
			shrink(ops, w, in, kind, n);
		for (i = 0; i < n / 8; i++)
			swap(w, kind);
	}
}

/* What is live after a round: freed by one thread, for whom no allocator waits. */
static __rte_always_inline void
drain(const struct alloc_ops *ops, struct crew *crew, const struct instance *in)
{
	unsigned int kind, i;

	for (kind = 0; kind < N_KINDS; kind++) {
		for (i = 0; i < crew->n_workers; i++) {
			struct worker *w = &crew->workers[i];

			while (w->live[kind] > 0)
				ops->free(&in[kind], w->objects[kind][--w->live[kind]]);
		}
		for (i = 0; i < N_SWAPS; i++) {
			if (crew->swaps[kind][i] != NULL)
				ops->free(&in[kind], crew->swaps[kind][i]);
			crew->swaps[kind][i] = NULL;
		}
	}
}

#define WORK(arg, allocator) \
	static __rte_noinline __rte_unused void \
	work_##allocator(struct worker *w, const struct instance *in) \
	{ \
		work(&allocator##_ops, w, in); \
	} \
\
	static __rte_noinline __rte_unused void \
	drain_##allocator(struct crew *crew, const struct instance *in) \
	{ \
		drain(&allocator##_ops, crew, in); \
	}

#define WORK_ENTRY(arg, allocator) \
	[PERF_##allocator] = { work_##allocator, drain_##allocator },

PERF_FOR_EACH_ALLOCATOR(WORK, )

static const struct {
	work_fn work;
	void (*drain)(struct crew *crew, const struct instance *in);
} loops[PERF_N_ALLOCATORS] = {
	PERF_FOR_EACH_ALLOCATOR(WORK_ENTRY, )
};

/*
 * The crew.
 */

static void *
serve(void *arg)
{
	struct worker *w = arg;
	struct crew *crew = w->crew;
	unsigned int round = 0;

	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while (!crew->end && (crew->round == round || w->index >= crew->n_active)) {
			round = crew->round;
			pthread_cond_wait(&crew->wake, &crew->lock);
		}
		if (crew->end)
			break;
		round = crew->round;
		pthread_mutex_unlock(&crew->lock);
		crew->work(w, crew->in);
		pthread_mutex_lock(&crew->lock);
		crew->n_busy--;
		pthread_cond_signal(&crew->changed);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/*
 * The CPUs that EAL's lcores have, dealt out to the threads in turn: in rounds this short, the
 * scheduler may leave all of them on one.
 */
static void
choose_cpu(unsigned int index, cpu_set_t *set)
{
	unsigned int lcore, cpu = 0;
	cpu_set_t all;

	CPU_ZERO(&all);
	RTE_LCORE_FOREACH(lcore) {
		rte_cpuset_t one = rte_lcore_cpuset(lcore);

		CPU_OR(&all, &all, &one);
	}
	index %= CPU_COUNT(&all);
	while (!CPU_ISSET(cpu, &all) || index-- > 0)
		cpu++;
	CPU_ZERO(set);
	CPU_SET(cpu, set);
}

static int
start_worker(struct crew *crew, unsigned int index)
{
	struct worker *w = &crew->workers[index];
	pthread_attr_t attr;
	cpu_set_t set;
	int ret;

	w->crew = crew;
	w->index = index;
	w->rng.state = UINT64_C(0x9e3779b97f4a7c15) * (index + 1);
	choose_cpu(index, &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	ret = pthread_create(&w->thread, &attr, serve, w);
	pthread_attr_destroy(&attr);
	return -ret;
}

static void
stop_crew(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->end = true;
	pthread_cond_broadcast(&crew->wake);
	pthread_mutex_unlock(&crew->lock);
	while (crew->n_workers > 0)
		pthread_join(crew->workers[--crew->n_workers].thread, NULL);
	pthread_cond_destroy(&crew->changed);
	pthread_cond_destroy(&crew->wake);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}

static struct crew *
start_crew(void)
{
	struct crew *crew = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*crew));

	if (crew == NULL)
		return NULL;
	memset(crew, 0, sizeof(*crew));
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->wake, NULL);
	pthread_cond_init(&crew->changed, NULL);
	for (; crew->n_workers < MAX_THREADS; crew->n_workers++) {
		int ret = start_worker(crew, crew->n_workers);

		if (ret != 0) {
			perf_warn("oversubscribed: no thread: %s", strerror(-ret));
			stop_crew(crew);
			return NULL;
		}
	}
	return crew;
}

/*
 * A round: so many threads, for a time.
 */

static void
start_round(struct crew *crew, unsigned int n_threads, const struct side *side)
{
	unsigned int i;

	pthread_mutex_lock(&crew->lock);
	for (i = 0; i < n_threads; i++) {
		crew->workers[i].n_ops = 0;
		crew->workers[i].failed = false;
	}
	crew->work = loops[side->id].work;
	crew->in = side->in;
	crew->stop = false;
	crew->n_active = n_threads;
	crew->n_started = 0;
	crew->n_busy = n_threads;
	crew->round++;
	pthread_cond_broadcast(&crew->wake);
	while (crew->n_started < n_threads)
		pthread_cond_wait(&crew->changed, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
}

static void
stop_round(struct crew *crew)
{
	rte_atomic_store_explicit(&crew->stop, true, rte_memory_order_relaxed);
	pthread_mutex_lock(&crew->lock);
	while (crew->n_busy > 0)
		pthread_cond_wait(&crew->changed, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
}

static uint64_t
count_ops(const struct crew *crew, unsigned int n_threads)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < n_threads; i++)
		n += rte_atomic_load_explicit(&crew->workers[i].n_ops, rte_memory_order_relaxed);
	return n;
}

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* Nanoseconds for an operation of any thread; 0 when an allocation failed. */
static double
run_round(struct crew *crew, unsigned int n_threads, const struct side *side)
{
	const struct timespec duration = {
		.tv_nsec = (perf_options.quick ? 10 : 50) * 1000000,
	};
	uint64_t before, n_ops;
	bool failed = false;
	double start, ns;
	unsigned int i;

	start_round(crew, n_threads, side);
	start = now_ns();
	before = count_ops(crew, n_threads);
	do {
		nanosleep(&duration, NULL);
		n_ops = count_ops(crew, n_threads) - before;
		ns = now_ns() - start;
	} while (n_ops == 0 && ns < MAX_ROUND_NS);
	stop_round(crew);
	loops[side->id].drain(crew, side->in);
	for (i = 0; i < n_threads; i++)
		failed |= crew->workers[i].failed;
	/* No operation at all counts as one. */
	return failed ? 0 : ns / RTE_MAX(n_ops, UINT64_C(1));
}

/*
 * The scenario.
 */

static void
remove_side(struct side *side)
{
	unsigned int i;

	while (side->n_instances > 0)
		perf_allocators[side->id].destroy(&side->in[--side->n_instances]);
	for (i = 0; i < N_COUNTS; i++)
		free(side->samples[i]);
}

static int
add_side(struct oversubscribed *o, enum perf_allocator_id id)
{
	struct side *side = &o->sides[o->n_sides];
	struct instance_request req = {
		.n_objects = N_OBJECTS,
		.cache_size = PERF_CACHE_SIZE,
	};
	unsigned int i;
	int ret = 0;

	memset(side, 0, sizeof(*side));
	side->id = id;
	for (i = 0; i < N_COUNTS && ret == 0; i++) {
		side->samples[i] = calloc(perf_options.rounds, sizeof(double));
		ret = side->samples[i] != NULL ? 0 : -ENOMEM;
	}
	while (ret == 0 && side->n_instances < N_KINDS) {
		req.size = sizes[side->n_instances];
		ret = perf_allocators[id].create(&side->in[side->n_instances], &req);
		side->n_instances += ret == 0;
	}
	if (ret != 0) {
		remove_side(side);
		return ret;
	}
	o->n_sides++;
	return 0;
}

static void
measure(const struct oversubscribed *o, struct side *side, unsigned int count, unsigned int round)
{
	double ns;

	if (side->failed || !takes_part(side, thread_counts[count]))
		return;
	perf_progress(o->scenario, "", round, perf_options.rounds,
		perf_allocators[side->id].name);
	ns = run_round(o->crew, thread_counts[count], side);
	side->failed = ns == 0;
	side->samples[count][round] = ns;
}

static void
run_rounds(struct oversubscribed *o)
{
	unsigned int round, count, i;
	struct side *side;

	/* The first one makes the threads' caches. */
	for (i = 0; i < o->n_sides; i++)
		run_round(o->crew, 1, &o->sides[i]);
	for (round = 0; round < perf_options.rounds; round++) {
		for (count = 0; count < N_COUNTS; count++) {
			for (i = 0; i < o->n_sides; i++) {
				side = &o->sides[perf_turn(round, i, o->n_sides)];
				measure(o, side, count, round);
			}
		}
	}
}

static unsigned int
count_index(unsigned int n_threads)
{
	unsigned int i = 0;

	while (thread_counts[i] != n_threads)
		i++;
	return i;
}

static void
add_goal(const struct oversubscribed *o, const struct side *side)
{
	const struct perf_goal goal = {
		.scenario = o->scenario,
		.name = "ns_per_op_16_threads_over_2_threads",
		.bound = 2,
	};
	const double *many = side->samples[count_index(16)], *few = side->samples[count_index(2)];
	double *ratios = calloc(perf_options.rounds, sizeof(*ratios));
	unsigned int i;

	if (ratios == NULL)
		return;
	for (i = 0; i < perf_options.rounds; i++)
		ratios[i] = many[i] / few[i];
	perf_goal_add(&goal, ratios, perf_options.rounds);
	free(ratios);
}

/* Goals are made of the samples by round, which results sort: so they come first. */
static void
add_results(const struct oversubscribed *o)
{
	struct perf_result r = { .scenario = o->scenario, .lcores = rte_lcore_count() };
	const struct side *side;
	unsigned int count;

	for (side = o->sides; side < o->sides + o->n_sides; side++) {
		if (side->failed)
			perf_warn("%s: %s left out, an allocation failed", o->scenario->name,
				perf_allocators[side->id].name);
		else if (side->id == PERF_fastmem)
			add_goal(o, side);
	}
	for (count = 0; count < N_COUNTS; count++) {
		snprintf(r.metric, sizeof(r.metric), "ns_per_op_%u_threads", thread_counts[count]);
		for (side = o->sides; side < o->sides + o->n_sides; side++) {
			r.id = side->id;
			if (!side->failed && takes_part(side, thread_counts[count]))
				perf_result_add(&r, side->samples[count], perf_options.rounds);
		}
	}
}

static int
run_oversubscribed(const struct perf_scenario *scenario)
{
	struct oversubscribed o = { .scenario = scenario };
	uint32_t selected = perf_selected(scenario);
	enum perf_allocator_id id;

	if (perf_fastmem_start(selected) != 0)
		selected &= ~PERF_FASTMEM_ALLOCATORS;
	for (id = 0; id < PERF_N_ALLOCATORS; id++)
		if ((selected & 1u << id) != 0)
			add_side(&o, id);
	o.crew = o.n_sides > 0 ? start_crew() : NULL;
	if (perf_options.quick)
		perf_warn("%s: --quick leaves all but fastmem out beyond %u threads, it would take "
			"most of the time", scenario->name, QUICK_MAX_THREADS);
	if (o.crew != NULL) {
		run_rounds(&o);
		stop_crew(o.crew);
		add_results(&o);
	}
	while (o.n_sides > 0)
		remove_side(&o.sides[--o.n_sides]);
	perf_fastmem_stop();
	return o.crew != NULL ? 0 : -ENOMEM;
}

const struct perf_scenario scenario_oversubscribed = {
	.name = "oversubscribed",
	.what = "1 to 32 threads on the lcores' CPUs, none an lcore (so mempools have no cache)",
	.allocators = PERF_BIT(fastmem) | PERF_BIT(mempool) | PERF_BIT(rte_malloc),
	.lcores = 1,
	.run = run_oversubscribed,
};
