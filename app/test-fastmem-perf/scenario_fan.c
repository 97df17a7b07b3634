/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * All lcores: the main one allocates and writes objects, all others read and free them; and the
 * reverse. Each of the others has a ring of its own, which the main lcore serves in turn. What it
 * takes is what counts: it is the one that more lcores have to wait for.
 */

#include <errno.h>
#include <stdio.h>

#include <rte_debug.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "burst.h"

#define RING_SIZE 256
/* What can be in a ring, in an overfull cache of 512 and in hand. */
#define OBJECTS_PER_LCORE (RING_SIZE + 512 * 3 / 2 + 2 * BURST)

/* Another lcore than the main one. */
struct worker {
	const struct contender *c;
	struct rte_ring *ring;
	uint64_t n_bursts; /* to produce */
	uint64_t sum; /* of what it has written or read */
	bool failed; /* to allocate */
	bool ended; /* its last burst has come; for the main lcore */
} __rte_cache_aligned;

static struct worker workers[RTE_MAX_LCORE]; /* by number, not by lcore */
static unsigned int n_workers;

static __rte_always_inline int
consume(const struct alloc_ops *ops, struct worker *w)
{
	const struct instance in = w->c->in;
	void *array[BURST];
	void **ptrs = array;
	uint64_t sum = 0;

	for (;;) {
		take_over(w->ring, ptrs);
		if (unlikely(ptrs[0] == NULL))
			break;
		sum += read_burst(ptrs);
		PERF_USE(ptrs);
		free_burst(ops, &in, ptrs, false);
		PERF_BARRIER();
	}
	w->sum = sum;
	return 0;
}

static __rte_always_inline int
produce(const struct alloc_ops *ops, struct worker *w)
{
	const struct instance in = w->c->in;
	size_t size = PERF_RUNTIME_SIZE(&w->c->in);
	uint64_t i, value = 0;
	void *array[BURST];
	void **ptrs = array;

	for (i = 0; i < w->n_bursts; i++) {
		if (unlikely(alloc_burst(ops, &in, size, ptrs, false) != 0)) {
			w->failed = true;
			break;
		}
		PERF_USE(ptrs);
		write_burst(ptrs, &value);
		hand_over(w->ring, ptrs);
	}
	hand_over_end(w->ring);
	w->sum = value * (value - 1) / 2;
	return 0;
}

/* Start all workers; together they produce n bursts, if that is what they do. */
static void
start(const struct contender *c, uint64_t n, lcore_function_t *run)
{
	unsigned int i = 0, lcore;

	RTE_LCORE_FOREACH_WORKER(lcore) {
		struct worker *w = &workers[i++];

		w->c = c;
		w->n_bursts = n / n_workers + (i <= n % n_workers);
		w->sum = 0;
		w->failed = false;
		w->ended = false;
		if (rte_eal_remote_launch(run, w, lcore) != 0)
			rte_panic("lcore %u is busy\n", lcore);
	}
}

/* Wait for all workers. Returns what they have written or read; false: one could not allocate. */
static bool
finish(uint64_t *sum)
{
	bool done = true;
	unsigned int i;

	rte_eal_mp_wait_lcore();
	*sum = 0;
	for (i = 0; i < n_workers; i++) {
		*sum += workers[i].sum;
		done = done && !workers[i].failed;
	}
	return done;
}

static void
check_sum(const struct contender *c, uint64_t written, uint64_t read)
{
	if (written != read)
		rte_panic("%s: objects arrived with other contents than they were sent with\n",
			perf_allocators[c->id].name);
}

static __rte_always_inline uint64_t
fan_out(const struct alloc_ops *ops, const struct contender *c, uint64_t n, lcore_function_t *run)
{
	const struct instance in = c->in;
	size_t size = PERF_RUNTIME_SIZE(&c->in);
	uint64_t i, begin, value = 0, sum;
	unsigned int to = 0;
	struct slices slices;
	void *array[BURST];
	void **ptrs = array;

	slices_begin(&slices, 2 * RING_SIZE / BURST * n_workers);
	start(c, 0, run);
	begin = rte_rdtsc_precise();
	for (i = 0; i < n; i++) {
		slices_note(&slices, i);
		if (unlikely(alloc_burst(ops, &in, size, ptrs, false) != 0))
			break;
		PERF_USE(ptrs);
		write_burst(ptrs, &value);
		hand_over(workers[to].ring, ptrs);
		to = to + 1 < n_workers ? to + 1 : 0;
	}
	for (to = 0; to < n_workers; to++)
		hand_over_end(workers[to].ring);
	finish(&sum);
	begin = rte_rdtsc_precise() - begin;
	check_sum(c, value * (value - 1) / 2, sum);
	return i < n ? 0 : slices_cycles(&slices, n, begin);
}

static __rte_always_inline uint64_t
fan_in(const struct alloc_ops *ops, const struct contender *c, uint64_t n, lcore_function_t *run)
{
	const struct instance in = c->in;
	unsigned int from = 0, n_ended = 0;
	uint64_t begin, sum = 0, written, n_read = 0;
	struct slices slices;
	void *array[BURST];
	void **ptrs = array;
	unsigned int n_waits = 0;
	bool done;

	slices_begin(&slices, 2 * RING_SIZE / BURST * n_workers);
	begin = rte_rdtsc_precise();
	start(c, n, run);
	while (n_ended < n_workers) {
		struct worker *w = &workers[from];

		from = from + 1 < n_workers ? from + 1 : 0;
		if (unlikely(w->ended))
			continue;
		if (rte_ring_sc_dequeue_bulk(w->ring, ptrs, BURST, NULL) == 0) {
			wait_for_lcore(&n_waits);
			continue;
		}
		if (unlikely(ptrs[0] == NULL)) {
			w->ended = true;
			n_ended++;
			continue;
		}
		slices_note(&slices, n_read++);
		sum += read_burst(ptrs);
		PERF_USE(ptrs);
		free_burst(ops, &in, ptrs, false);
		PERF_BARRIER();
	}
	begin = rte_rdtsc_precise() - begin;
	done = finish(&written);
	check_sum(c, written, sum);
	return done ? slices_cycles(&slices, n, begin) : 0;
}

/* All ends of a fan, for one allocator. */
#define FAN(prefix, allocator) \
	static __rte_noinline int \
	prefix##_consume_##allocator(void *worker) \
	{ \
		return consume(&allocator##_ops, worker); \
	} \
\
	static __rte_noinline int \
	prefix##_produce_##allocator(void *worker) \
	{ \
		return produce(&allocator##_ops, worker); \
	} \
\
	static __rte_noinline uint64_t \
	prefix##_out_##allocator(const struct contender *c, uint64_t n) \
	{ \
		return fan_out(&allocator##_ops, c, n, prefix##_consume_##allocator); \
	} \
\
	static __rte_noinline uint64_t \
	prefix##_in_##allocator(const struct contender *c, uint64_t n) \
	{ \
		return fan_in(&allocator##_ops, c, n, prefix##_produce_##allocator); \
	}

PERF_FOR_EACH_ALLOCATOR(FAN, fan)

static int
run(const struct perf_scenario *scenario, const char *metric, const perf_round_fn *rounds)
{
	const struct cell cell = {
		.scenario = scenario,
		.rounds = rounds,
		.metrics = &metric,
		.n_metrics = 1,
		.units = BURST,
		.lcores = n_workers + 1,
		.both_caches = true,
	};

	/* A ring is best filled by one less than a power of two. */
	return cell_run_sizes(&cell, rte_align32pow2(OBJECTS_PER_LCORE * (n_workers + 1)) - 1);
}

static int
make_rings(const struct perf_scenario *scenario)
{
	char name[RTE_RING_NAMESIZE];

	for (n_workers = 0; n_workers < rte_lcore_count() - 1; n_workers++) {
		snprintf(name, sizeof(name), "perf_fan%u", n_workers);
		workers[n_workers].ring = rte_ring_create(name, RING_SIZE, rte_socket_id(),
				RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (workers[n_workers].ring == NULL) {
			perf_warn("%s: no ring: %s", scenario->name, rte_strerror(rte_errno));
			return -rte_errno;
		}
	}
	return 0;
}

static int
run_fan(const struct perf_scenario *scenario)
{
	static const perf_round_fn out_rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, fan_out)
	};
	static const perf_round_fn in_rounds[PERF_N_ALLOCATORS] = {
		PERF_FOR_EACH_ALLOCATOR(PERF_ENTRY, fan_in)
	};
	int ret = make_rings(scenario);

	if (ret == 0)
		ret = run(scenario, "one_to_all_cycles_per_object", out_rounds);
	if (ret == 0)
		ret = run(scenario, "all_to_one_cycles_per_object", in_rounds);
	while (n_workers > 0)
		rte_ring_free(workers[--n_workers].ring);
	return ret;
}

/* One array has no meaning for two lcores. */
#define ALLOCATORS (PERF_ALL_ALLOCATORS & ~PERF_BIT(floor))

const struct perf_scenario scenario_fan = {
	.name = "fan",
	.what = "one lcore allocates and writes, all others read and free; and the reverse",
	.allocators = ALLOCATORS,
	.lcores = 2,
	.run = run_fan,
};
