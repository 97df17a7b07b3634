/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_debug.h>

#include "allocator_ops.h"
#include "demand.h"
#include "rng.h"

/* Of so many oldest objects any may be the next to be freed. */
#define AGE_WINDOW 64

/* The live objects of a kind, oldest first. */
struct queue {
	void **ptrs;
	uint32_t mask;
	uint32_t head, tail;
};

/* A contender's part. */
struct play {
	struct instance *instances; /* by kind; NULL until made */
	unsigned int n_instances;
	struct queue *queues;
	struct rng rng;
	uint64_t cycles; /* of the last round */
	uint64_t peak_backing;
	uint64_t peak_metadata;
	uint64_t *series; /* bytes at the end of each epoch, the first time it is played */
	bool played;
};

static const struct demand *demand; /* being played */

static void *
grown(void *array, size_t n, size_t elem)
{
	array = realloc(array, n * elem);
	if (array == NULL)
		rte_panic("no memory for a demand of %zu steps\n", n);
	return array;
}

static void
append(struct demand *d, unsigned int kind, int count)
{
	if (d->n_steps == d->steps_room) {
		d->steps_room = d->steps_room * 2 + 1024;
		d->steps = grown(d->steps, d->steps_room, sizeof(*d->steps));
	}
	d->steps[d->n_steps++] = (struct demand_step) { .kind = kind, .count = count };
}

void
demand_step(struct demand *d, unsigned int kind, int count)
{
	struct demand_kind *k = &d->kinds[kind];

	RTE_VERIFY(count >= -(int)k->live && count >= INT16_MIN && count <= INT16_MAX);
	append(d, kind, count);
	k->live += count;
	k->most = RTE_MAX(k->most, k->live);
	if (count > 0) /* each is freed once, at the latest in the end */
		d->n_calls += 2 * count;
	d->live_bytes += (int64_t)k->size * count;
	d->peak_live_bytes = RTE_MAX(d->peak_live_bytes, d->live_bytes);
}

void
demand_end_epoch(struct demand *d)
{
	if (d->n_epochs == d->epochs_room) {
		d->epochs_room = d->epochs_room * 2 + 64;
		d->epochs = grown(d->epochs, d->epochs_room, sizeof(*d->epochs));
		d->live = grown(d->live, d->epochs_room, sizeof(*d->live));
	}
	d->live[d->n_epochs] = d->live_bytes;
	d->epochs[d->n_epochs++] = d->n_steps;
}

void
demand_free(struct demand *d)
{
	free(d->steps);
	free(d->epochs);
	free(d->live);
}

static __rte_always_inline bool
play_alloc(const struct alloc_ops *ops, const struct instance *in, size_t size, struct queue *q,
		unsigned int n)
{
	for (; n > 0; n--) {
		void *ptr = ops->alloc(in, size);

		PERF_USE(ptr);
		if (unlikely(ptr == NULL))
			return false;
		q->ptrs[q->tail++ & q->mask] = ptr;
	}
	return true;
}

static __rte_always_inline void
play_free(const struct alloc_ops *ops, const struct instance *in, struct queue *q,
		unsigned int n, struct rng *rng)
{
	for (; n > 0; n--) {
		uint32_t age = rng_below(rng, RTE_MIN(q->tail - q->head, (uint32_t)AGE_WINDOW));
		void **oldest = &q->ptrs[q->head & q->mask];
		void **chosen = &q->ptrs[(q->head + age) & q->mask];
		void *ptr = *chosen;

		*chosen = *oldest;
		q->head++;
		ops->free(in, ptr);
		PERF_BARRIER();
	}
}

static __rte_always_inline bool
play_steps(const struct alloc_ops *ops, struct play *p, size_t from, size_t to)
{
	const struct demand_step *step;
	struct rng rng = p->rng;
	bool done = true;

	for (step = &demand->steps[from]; done && step < &demand->steps[to]; step++) {
		const struct instance *in = &p->instances[step->kind];
		struct queue *q = &p->queues[step->kind];

		if (step->count < 0)
			play_free(ops, in, q, -step->count, &rng);
		else
			done = play_alloc(ops, in, in->size, q, step->count);
	}
	p->rng = rng;
	return done;
}

static __rte_always_inline void
play_end(const struct alloc_ops *ops, struct play *p)
{
	unsigned int i;

	for (i = 0; i < demand->n_kinds; i++)
		play_free(ops, &p->instances[i], &p->queues[i],
			p->queues[i].tail - p->queues[i].head, &p->rng);
}

static uint64_t
backing(const struct contender *c, const struct play *p)
{
	return perf_allocators[c->id].backing(p->instances, demand->n_kinds);
}

/* At the end of an epoch. */
static void
look_at_memory(const struct contender *c, struct play *p, uint64_t base, unsigned int epoch)
{
	uint64_t bytes = backing(c, p) - base;
	struct rte_fastmem_stats stats;

	if (!p->played)
		p->series[epoch] = bytes;
	p->peak_backing = RTE_MAX(p->peak_backing, bytes);
	if ((1u << c->id) & PERF_FASTMEM_ALLOCATORS && rte_fastmem_stats(&stats) == 0)
		p->peak_metadata = RTE_MAX(p->peak_metadata, stats.bytes_metadata);
}

static __rte_always_inline uint64_t
play(const struct alloc_ops *ops, const struct contender *c, uint64_t n)
{
	/* The EAL heap serves the other contenders as well: what they hold does not count. */
	struct play *p = c->state;
	uint64_t base = c->id == PERF_rte_malloc ? backing(c, p) : 0;
	uint64_t start, cycles = 0;
	size_t from = 0;
	unsigned int i;

	RTE_SET_USED(n);
	p->peak_backing = 0;
	for (i = 0; i < demand->n_epochs; i++) {
		start = rte_rdtsc_precise();
		if (!play_steps(ops, p, from, demand->epochs[i]))
			break;
		cycles += rte_rdtsc_precise() - start;
		look_at_memory(c, p, base, i);
		from = demand->epochs[i];
	}
	p->played = true;
	start = rte_rdtsc_precise();
	play_end(ops, p);
	p->cycles = cycles + rte_rdtsc_precise() - start;
	return i == demand->n_epochs ? p->cycles : 0;
}

PERF_FOR_EACH_ALLOCATOR(PERF_INSTANTIATE, play)

static int
make_queue(struct queue *q, unsigned int most)
{
	q->mask = rte_align32pow2(most) - 1;
	q->ptrs = calloc((size_t)q->mask + 1, sizeof(*q->ptrs));
	return q->ptrs != NULL ? 0 : -ENOMEM;
}

/* Kinds that share one allocator have one instance each all the same. */
static uint64_t
begin(const struct contender *c, uint64_t n)
{
	struct play *p = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	p->rng.state = UINT64_C(0x9e3779b97f4a7c15);
	p->instances = calloc(demand->n_kinds, sizeof(*p->instances));
	p->queues = calloc(demand->n_kinds, sizeof(*p->queues));
	p->series = calloc(demand->n_epochs, sizeof(*p->series));
	if (p->instances == NULL || p->queues == NULL || p->series == NULL)
		return 0;
	for (i = 0; i < demand->n_kinds; i++) {
		struct instance_request req = {
			.size = demand->kinds[i].size,
			.n_objects = demand->kinds[i].most,
			.cache_size = PERF_CACHE_SIZE,
		};

		if (make_queue(&p->queues[i], req.n_objects) != 0 ||
				perf_allocators[c->id].create(&p->instances[i], &req) != 0)
			return 0;
		p->n_instances++;
	}
	return 1;
}

static uint64_t
end(const struct contender *c, uint64_t n)
{
	struct play *p = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	for (i = 0; i < p->n_instances; i++)
		perf_allocators[c->id].destroy(&p->instances[i]);
	for (i = 0; p->queues != NULL && i < demand->n_kinds; i++)
		free(p->queues[i].ptrs);
	free(p->queues);
	free(p->series);
	free(p->instances);
	return 0;
}

/* Hand the memory over time to the results. Without memory for that, they have none. */
static void
give_series(struct contender *c)
{
	struct play *p = c->state;

	if (p->peak_backing == 0) /* not known */
		return;
	c->live = calloc(demand->n_epochs, sizeof(*c->live));
	if (c->live == NULL)
		return;
	memcpy(c->live, demand->live, demand->n_epochs * sizeof(*c->live));
	c->series = p->series;
	c->n_series = demand->n_epochs;
	p->series = NULL;
}

/* The order of the metrics in demand_run(). */
static void
take_samples(struct contender *c, unsigned int round)
{
	const struct play *p = c->state;
	double *samples = &c->samples[round];
	unsigned int rounds = perf_options.rounds;
	bool known = p->peak_backing != 0;

	if (round == 0)
		give_series(c);
	samples[0] = p->cycles / (demand->n_calls / 2.0);
	samples[rounds] = known ? (double)p->peak_backing : -1;
	samples[2 * rounds] = p->peak_metadata != 0 ? (double)p->peak_metadata : -1;
	samples[3 * rounds] = known ? (double)p->peak_backing / demand->peak_live_bytes : -1;
}

int
demand_run(const struct perf_scenario *scenario, const struct demand *d, uint32_t skipped)
{
	static const char *const metrics[] = {
		"cycles_per_pair", "bytes_backing", "bytes_metadata", "backing_over_live",
	};
	static const perf_round_fn begins[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = begin,
	};
	static const perf_round_fn ends[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = end,
	};
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, play)
	};
	const struct cell cell = {
		.scenario = scenario,
		.skipped = skipped,
		.begin = begins,
		.rounds = rounds,
		.end = ends,
		.after = take_samples,
		.repetitions = 1,
		.state_bytes = sizeof(struct play),
		.metrics = metrics,
		.n_metrics = RTE_DIM(metrics),
	};

	demand = d;
	return cell_run(&cell, 0, 0);
}
