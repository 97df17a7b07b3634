/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a real program asked of its allocator, asked of each allocator. Only the calls and a table
 * of live objects are touched in the loop: replay_input.c has made the trace ready for that.
 *
 * A trace of several threads is replayed by as many lcores, as far as there are; each runs its part
 * freely and waits only for objects that another one has still to hand over. That time does not
 * count.
 */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

/* The names behind the names: those of EAL stay what they are. */
#define RTE_FASTMEM_REPLACE_MALLOC
#define RTE_FASTMEM_REPLACE_NO_NAMES
#include <rte_fastmem_replace.h>

#include "perf.h"
#include "replay_input.h"

/* What stands in the table for an object that could not be allocated. */
#define FAILED ((void *)(uintptr_t)1)
#define N_LOOKS 256 /* at the memory, while it is measured */

struct replay_ops {
	void *(*alloc)(size_t size, size_t align);
	void *(*zalloc)(size_t size, size_t align);
	void *(*realloc)(void *ptr, size_t size, size_t align);
	void (*free)(void *ptr);
};

static __rte_always_inline void *
fastmem_replay_alloc(size_t size, size_t align)
{
	return rte_fastmem_alloc(size, align, 0);
}

static __rte_always_inline void *
fastmem_replay_zalloc(size_t size, size_t align)
{
	return rte_fastmem_alloc(size, align, RTE_FASTMEM_F_ZERO);
}

static __rte_always_inline void *
fastmem_replay_realloc(void *ptr, size_t size, size_t align)
{
	return rte_fastmem_realloc(ptr, size, align);
}

static __rte_always_inline void
fastmem_replay_free(void *ptr)
{
	rte_fastmem_free(ptr);
}

static __rte_always_inline void *
rte_malloc_replay_alloc(size_t size, size_t align)
{
	return rte_malloc(NULL, size, align);
}

static __rte_always_inline void *
rte_malloc_replay_zalloc(size_t size, size_t align)
{
	return rte_zmalloc(NULL, size, align);
}

static __rte_always_inline void *
rte_malloc_replay_realloc(void *ptr, size_t size, size_t align)
{
	return rte_realloc(ptr, size, align);
}

static __rte_always_inline void
rte_malloc_replay_free(void *ptr)
{
	rte_free(ptr);
}

static __rte_always_inline void *
rte_malloc_eal_replay_alloc(size_t size, size_t align)
{
	return perf_eal_heap->malloc_socket(NULL, size, align, SOCKET_ID_ANY);
}

static __rte_always_inline void *
rte_malloc_eal_replay_zalloc(size_t size, size_t align)
{
	return perf_eal_heap->zmalloc_socket(NULL, size, align, SOCKET_ID_ANY);
}

static __rte_always_inline void *
rte_malloc_eal_replay_realloc(void *ptr, size_t size, size_t align)
{
	return perf_eal_heap->realloc_socket(ptr, size, align, SOCKET_ID_ANY);
}

static __rte_always_inline void
rte_malloc_eal_replay_free(void *ptr)
{
	perf_eal_heap->free(ptr);
}

/* The alignment that the others give by default is no default of libc's. */
static __rte_always_inline size_t
libc_align(size_t align)
{
	return align == 0 ? RTE_CACHE_LINE_SIZE : align;
}

static __rte_always_inline bool
libc_aligns(size_t align)
{
	return libc_align(align) <= __alignof__(max_align_t);
}

static __rte_always_inline void *
libc_replay_alloc(size_t size, size_t align)
{
	if (libc_aligns(align))
		return malloc(size);
	return aligned_alloc(libc_align(align), RTE_ALIGN_CEIL(size, libc_align(align)));
}

static __rte_always_inline void *
libc_replay_zalloc(size_t size, size_t align)
{
	void *ptr;

	if (libc_aligns(align))
		return calloc(1, size);
	ptr = libc_replay_alloc(size, align);
	return ptr != NULL ? memset(ptr, 0, size) : NULL;
}

static __rte_always_inline void *
libc_replay_realloc(void *ptr, size_t size, size_t align)
{
	void *moved;

	if (ptr == NULL || libc_aligns(align))
		return realloc(ptr, size);
	if (size <= malloc_usable_size(ptr))
		return ptr;
	moved = libc_replay_alloc(size, align);
	if (moved != NULL) {
		memcpy(moved, ptr, RTE_MIN(size, malloc_usable_size(ptr)));
		free(ptr);
	}
	return moved;
}

static __rte_always_inline void
libc_replay_free(void *ptr)
{
	free(ptr);
}

#define REPLAY_OPS(name) \
	static const struct replay_ops name##_replay_ops = { \
		.alloc = name##_replay_alloc, \
		.zalloc = name##_replay_zalloc, \
		.realloc = name##_replay_realloc, \
		.free = name##_replay_free, \
	}

REPLAY_OPS(fastmem);
REPLAY_OPS(rte_malloc);
REPLAY_OPS(rte_malloc_eal);
REPLAY_OPS(libc);

/* What the lcores of one round share. */
struct round {
	void **handed; /* by slot: objects that more than one lcore deals with */
	unsigned int n_waiting; /* lcores that have still to reach the start */
	bool failed;
};

struct part {
	const struct replay_stream *stream;
	struct round *round;
	void **own; /* by slot: objects that only this lcore deals with */
	uint64_t cycles; /* without waited */
	uint64_t waited;
};

struct replay {
	struct round round;
	struct part parts[REPLAY_MAX_LCORES];
	uint64_t cycles; /* of all lcores, for one replay, of the last round */
	uint64_t peak_backing;
};

static struct replay_input input;

/* Wait for the lcore that has the object: time that the allocator is not to blame for. */
static __rte_noinline void *
wait_for(void **place, struct part *part)
{
	uint64_t start = rte_rdtsc();
	void *ptr;

	do {
		rte_pause();
		/* pairs with the release in hand() */
		ptr = rte_atomic_load_explicit(place, rte_memory_order_acquire);
	} while (ptr == NULL);
	part->waited += rte_rdtsc() - start;
	return ptr;
}

/* A place in the table is used once in a replay. */
static __rte_always_inline void *
take(void **place, struct part *part)
{
	/* pairs with the release in hand() */
	void *ptr = rte_atomic_load_explicit(place, rte_memory_order_acquire);

	if (unlikely(ptr == NULL))
		ptr = wait_for(place, part);
	*place = NULL;
	return ptr == FAILED ? NULL : ptr;
}

static __rte_always_inline void
hand(void **place, void *ptr)
{
	/* pairs with the acquire in take() */
	rte_atomic_store_explicit(place, ptr == NULL ? FAILED : ptr, rte_memory_order_release);
}

static __rte_always_inline void *
replay_one(const struct replay_ops *ops, const struct replay_op *op, void *ptr)
{
	size_t align = op->align_log2 == 0 ? 0 : (size_t)1 << op->align_log2;

	switch (op->op) {
	case TRACE_ALLOC:
		ptr = ops->alloc(op->size, align);
		break;
	case TRACE_ZALLOC:
		ptr = ops->zalloc(op->size, align);
		break;
	case TRACE_REALLOC:
		ptr = ops->realloc(ptr, op->size, align);
		break;
	default:
		ops->free(ptr);
		ptr = NULL;
		break;
	}
	__asm__ volatile("" : "+r"(ptr) : : "memory");
	return ptr;
}

static __rte_always_inline bool
makes_object(const struct replay_op *op)
{
	return op->op != TRACE_FREE;
}

static __rte_always_inline void
replay_shared(const struct replay_ops *ops, const struct replay_op *op, struct part *part)
{
	struct round *round = part->round;
	void *ptr = NULL;

	if (op->op == TRACE_REALLOC || op->op == TRACE_FREE)
		ptr = take(&round->handed[op->old_slot], part);
	ptr = replay_one(ops, op, ptr);
	if (makes_object(op)) {
		if (unlikely(ptr == NULL))
			round->failed = true;
		hand(&round->handed[op->slot], ptr);
	}
}

static __rte_always_inline void
replay_own(const struct replay_ops *ops, const struct replay_op *op, struct part *part)
{
	void **place = &part->own[op->slot];
	void *ptr = replay_one(ops, op, *place);

	if (unlikely(ptr == NULL && makes_object(op))) {
		part->round->failed = true;
		if (op->op == TRACE_REALLOC)
			return; /* the old object stays */
	}
	*place = ptr;
}

static void
wait_for_all(struct round *round)
{
	rte_atomic_fetch_sub_explicit(&round->n_waiting, 1, rte_memory_order_acq_rel);
	while (rte_atomic_load_explicit(&round->n_waiting, rte_memory_order_acquire) != 0)
		rte_pause();
}

static __rte_always_inline int
replay_part(const struct replay_ops *ops, struct part *part)
{
	const struct replay_op *op = part->stream->ops, *end = op + part->stream->n_ops;
	uint64_t start;

	part->waited = 0;
	wait_for_all(part->round);
	start = rte_rdtsc_precise();
	for (; op < end; op++) {
		if (unlikely(op->shared))
			replay_shared(ops, op, part);
		else
			replay_own(ops, op, part);
	}
	part->cycles = rte_rdtsc_precise() - start - part->waited;
	return 0;
}

/* Objects that the program never freed. */
static __rte_always_inline void
free_leftovers(const struct replay_ops *ops, struct replay *r)
{
	unsigned int i;
	size_t slot;

	for (i = 0; i < input.n_streams; i++) {
		for (slot = 0; slot < input.streams[i].n_slots; slot++) {
			ops->free(r->parts[i].own[slot]);
			r->parts[i].own[slot] = NULL;
		}
	}
	for (slot = 0; slot < input.n_shared_slots; slot++) {
		void *ptr = r->round.handed[slot];

		r->round.handed[slot] = NULL;
		if (ptr != FAILED)
			ops->free(ptr);
	}
}

static __rte_always_inline uint64_t
replay_once(const struct replay_ops *ops, const struct contender *c, lcore_function_t *run)
{
	struct replay *r = c->state;
	unsigned int i, lcore = -1;
	uint64_t cycles = 0;

	r->round.failed = false;
	r->round.n_waiting = input.n_streams;
	for (i = 1; i < input.n_streams; i++) {
		lcore = rte_get_next_lcore(lcore, 1, 0);
		if (rte_eal_remote_launch(run, &r->parts[i], lcore) != 0)
			rte_panic("lcore %u is busy\n", lcore);
	}
	run(&r->parts[0]);
	rte_eal_mp_wait_lcore();
	for (i = 0; i < input.n_streams; i++)
		cycles += r->parts[i].cycles;
	if (c->id != PERF_rte_malloc)
		r->peak_backing = perf_allocators[c->id].backing(&c->in, 1);
	free_leftovers(ops, r);
	return r->round.failed ? 0 : cycles;
}

static __rte_always_inline uint64_t
replay_round(const struct replay_ops *ops, const struct contender *c, uint64_t n,
		lcore_function_t *run)
{
	struct replay *r = c->state;
	uint64_t i, cycles, sum = 0;

	for (i = 0; i < n; i++) {
		cycles = replay_once(ops, c, run);
		if (cycles == 0)
			return 0;
		sum += cycles;
	}
	r->cycles = sum / n;
	return sum;
}

/*
 * The EAL heap gives memory back as it goes, so its peak has to be looked for: in an extra run
 * without a clock, all by this lcore. The other allocators keep what they have had.
 */
static uint64_t
find_heap_peak(const struct contender *c)
{
	void **objects = calloc(input.n_lives + 1, sizeof(*objects));
	uint64_t base = perf_allocators[c->id].backing(&c->in, 1), peak = 0;
	size_t i, look = input.n_ops / N_LOOKS + 1;

	for (i = 0; objects != NULL && i < input.n_ops; i++) {
		const struct replay_op *op = &input.ops[i];
		void *ptr = replay_one(&rte_malloc_replay_ops, op, objects[op->slot]);

		if (ptr != NULL || !makes_object(op))
			objects[op->slot] = ptr;
		if (i % look == 0 || i == input.peak_op)
			peak = RTE_MAX(peak, perf_allocators[c->id].backing(&c->in, 1) - base);
	}
	for (i = 0; objects != NULL && i < input.n_lives; i++)
		rte_free(objects[i]);
	free(objects);
	return peak;
}

#define REPLAY(allocator) \
	static __rte_noinline int \
	replay_part_##allocator(void *part) \
	{ \
		return replay_part(&allocator##_replay_ops, part); \
	} \
\
	static __rte_noinline uint64_t \
	replay_##allocator(const struct contender *c, uint64_t n) \
	{ \
		return replay_round(&allocator##_replay_ops, c, n, replay_part_##allocator); \
	}

REPLAY(fastmem)
REPLAY(rte_malloc)
REPLAY(rte_malloc_eal)
REPLAY(libc)

static uint64_t
begin(const struct contender *c, uint64_t n)
{
	struct replay *r = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	r->round.handed = calloc(input.n_shared_slots + 1, sizeof(void *));
	if (r->round.handed == NULL)
		return 0;
	for (i = 0; i < input.n_streams; i++) {
		r->parts[i].stream = &input.streams[i];
		r->parts[i].round = &r->round;
		r->parts[i].own = calloc(input.streams[i].n_slots + 1, sizeof(void *));
		if (r->parts[i].own == NULL)
			return 0;
	}
	if (c->id == PERF_rte_malloc)
		r->peak_backing = find_heap_peak(c);
	return 1;
}

static uint64_t
end(const struct contender *c, uint64_t n)
{
	struct replay *r = c->state;
	unsigned int i;

	RTE_SET_USED(n);
	for (i = 0; i < input.n_streams; i++)
		free(r->parts[i].own);
	free(r->round.handed);
	return 0;
}

/* The order of the metrics in replay_trace(). */
static void
take_samples(struct contender *c, unsigned int round)
{
	const struct replay *r = c->state;
	double *samples = &c->samples[round];
	unsigned int rounds = perf_options.rounds;

	samples[0] = (double)r->cycles / input.n_ops;
	samples[rounds] = r->peak_backing != 0 ? (double)r->peak_backing : -1;
	samples[2 * rounds] = r->peak_backing != 0 ?
		(double)r->peak_backing / input.peak_live_bytes : -1;
}

static int
replay_trace(const struct perf_scenario *scenario, const char *path)
{
	static const char *const metrics[] = {
		"cycles_per_op", "bytes_backing", "backing_over_live",
	};
	static const perf_round_fn begins[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = begin,
	};
	static const perf_round_fn ends[PERF_N_ALLOCATORS] = {
		[0 ... PERF_N_ALLOCATORS - 1] = end,
	};
	static const perf_round_fn rounds[PERF_N_ALLOCATORS] = {
		[PERF_fastmem] = replay_fastmem,
		[PERF_rte_malloc] = replay_rte_malloc,
		[PERF_rte_malloc_eal] = replay_rte_malloc_eal,
		[PERF_libc] = replay_libc,
	};
	struct cell cell = {
		.scenario = scenario,
		.begin = begins,
		.rounds = rounds,
		.end = ends,
		.after = take_samples,
		.is_long = true,
		.state_bytes = sizeof(struct replay),
		.metrics = metrics,
		.n_metrics = RTE_DIM(metrics),
	};
	int ret;

	ret = replay_input_load(&input, path);
	if (ret != 0)
		return ret;
	cell.input = input.name;
	cell.lcores = input.n_streams;
	ret = cell_run(&cell, 0, 0);
	replay_input_free(&input);
	return ret;
}

static int
run_replay(const struct perf_scenario *scenario)
{
	unsigned int i;
	int ret = 0;

	if (perf_options.n_traces == 0)
		replay_find_traces();
	if (perf_options.n_traces == 0) {
		perf_warn("replay: left out, there are no traces (--trace)");
		return 0;
	}
	for (i = 0; i < perf_options.n_traces; i++)
		if (replay_trace(scenario, perf_options.traces[i]) != 0)
			ret = -1;
	return ret;
}

const struct perf_scenario scenario_replay = {
	.name = "replay",
	.what = "recorded calls of real programs, on as many lcores as they had threads",
	/* A mempool has one size. */
	.allocators = PERF_BIT(fastmem) | PERF_BIT(rte_malloc) | PERF_BIT(rte_malloc_eal) |
		PERF_BIT(libc),
	.lcores = 1,
	.run = run_replay,
};
