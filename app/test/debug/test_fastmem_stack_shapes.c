/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Call stacks of functions of all shapes that compilers make, in all orders, against what the C
 * library's backtrace() finds. And what a capture costs, against that.
 */

#include <alloca.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "fastmem_stack_private.h"
#include "fastmem_unwind.h"
#include "test_fastmem.h"

#ifdef __clang__
#define A_FRAME __rte_noinline
#else
#define A_FRAME __attribute__((noinline, noclone, noipa))
#endif
#define USE(p) asm volatile("" : : "r"(p) : "memory")

#define MAX_REF 40

/* A chain of calls, and what was found at its end. */
struct chain {
	struct rng rng;
	unsigned int left; /* calls */
	uint32_t id;
	void *caller; /* what the second frame is */
	int n_ref;
	void *ref[MAX_REF];
};

static void next(struct chain *c);

static A_FRAME void
plain(struct chain *c)
{
	next(c);
	USE(c);
}

static A_FRAME void
saves_many_registers(struct chain *c)
{
	uint64_t a = c->left, b = a * 3, d = a * 5, e = a * 7, f = a * 11, g = a * 13;

	asm volatile("" : "+r"(a), "+r"(b), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
	next(c);
	asm volatile("" : "+r"(a), "+r"(b), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
}

static A_FRAME void
large_frame(struct chain *c)
{
	char large[40000];

	USE(large);
	next(c);
	USE(large);
}

static A_FRAME void
frame_of_any_size(struct chain *c)
{
	char *p = alloca(16 + rng_below(&c->rng, 500));

	USE(p);
	next(c);
	USE(p);
}

static A_FRAME void
aligned_frame(struct chain *c)
{
	char aligned[64] __rte_aligned(64);

	USE(aligned);
	next(c);
	USE(aligned);
}

static A_FRAME void
aligned_frame_of_any_size(struct chain *c)
{
	char aligned[64] __rte_aligned(128);
	char *p = alloca(16 + rng_below(&c->rng, 500));

	USE(aligned);
	USE(p);
	next(c);
	USE(aligned);
}

static A_FRAME void
with_frame_pointer(struct chain *c)
{
	USE(__rte_frame_address());
	next(c);
	USE(c);
}

static A_FRAME void
arguments_on_the_stack(struct chain *c, uint64_t a, uint64_t b, uint64_t d, uint64_t e, uint64_t f,
		uint64_t g, uint64_t h, uint64_t i)
{
	next(c);
	USE(a + b + d + e + f + g + h + i);
}

static A_FRAME void
passes_many_arguments(struct chain *c)
{
	arguments_on_the_stack(c, 1, 2, 3, 4, 5, 6, 7, 8);
	USE(c);
}

static struct chain *compared; /* by the thread that runs this */

static int
compare(const void *a, const void *b)
{
	struct chain *c = compared;

	compared = NULL;
	if (c != NULL)
		next(c);
	USE(c);
	return (a > b) - (a < b);
}

static A_FRAME void
through_the_c_library(struct chain *c)
{
	uint64_t two[2] = { 2, 1 };

	compared = c;
	qsort(two, 2, sizeof(two[0]), compare);
	USE(two);
}

static A_FRAME void
returns_early(struct chain *c)
{
	if (c->left > 1000)
		return;
	next(c);
	USE(c);
	if (c->left == 0)
		return;
	USE(c);
}

static void (*const shapes[])(struct chain *) = { plain, saves_many_registers, large_frame,
	frame_of_any_size, aligned_frame, aligned_frame_of_any_size, with_frame_pointer,
	passes_many_arguments, through_the_c_library, returns_early };

static A_FRAME void
next(struct chain *c)
{
	if (c->left-- > 0) {
		shapes[rng_below(&c->rng, RTE_DIM(shapes))](c);
		USE(c);
		return;
	}
	c->id = fastmem_stack_capture();
	c->n_ref = backtrace(c->ref, MAX_REF);
	c->caller = __rte_return_address();
	USE(c);
}

/* From the second frame on: the innermost ones are of two calls, and of sanitizers' functions. */
static int
check_frames(const struct chain *c)
{
	struct fastmem_stack_frame frames[FASTMEM_STACK_MAX_DEPTH];
	unsigned int n = fastmem_stack_frames(c->id, frames, RTE_DIM(frames)), i;
	struct link_map *map;
	Dl_info info;
	int ref;

	for (ref = 0; ref < c->n_ref && c->ref[ref] != c->caller; ref++)
		;
	TEST_ASSERT(ref < c->n_ref);
	TEST_ASSERT_EQUAL(n, RTE_MIN((unsigned int)(c->n_ref - ref + 1), FASTMEM_STACK_MAX_DEPTH));
	for (i = 1; i < n; i++, ref++) {
		TEST_ASSERT(dladdr1((char *)c->ref[ref] - 1, &info, (void **)&map,
			RTLD_DL_LINKMAP) != 0);
		TEST_ASSERT_EQUAL(frames[i].offset, (uintptr_t)c->ref[ref] - map->l_addr,
			"frame %u", i);
	}
	return TEST_SUCCESS;
}

static int
check_chains(unsigned int n, uint64_t stream)
{
	struct chain c;
	unsigned int i, k;

	for (i = 0; i < n; i++) {
		/* The second time, the stack is known. */
		for (k = 0; k < 2; k++) {
			memset(&c, 0, sizeof(c));
			rng_init(&c.rng, stream + i);
			c.left = rng_below(&c.rng, 14);
			next(&c);
			TEST_CALL(check_frames(&c));
		}
	}
	return TEST_SUCCESS;
}

static int
a_walk_finds_what_backtrace_finds(void)
{
	int ret;

	fastmem_stack_set_depth(FASTMEM_STACK_MAX_DEPTH);
	ret = check_chains(4000, 0);
	fastmem_stack_set_depth(FASTMEM_STACK_DEPTH);
	return ret;
}

static int
chains_of_thread(void *arg)
{
	RTE_SET_USED(arg);
	return check_chains(500, 10000);
}

static int
so_it_does_in_a_thread(void)
{
	struct worker w = { .kind = WORKER_PTHREAD, .run = chains_of_thread };
	int ret;

	fastmem_stack_set_depth(FASTMEM_STACK_MAX_DEPTH);
	ret = workers_run(&w, 1);
	fastmem_stack_set_depth(FASTMEM_STACK_DEPTH);
	return ret;
}

/* Cost. */

enum what {
	NOTHING,
	CAPTURE,
	WALK,
	BACKTRACE,
	N_WHAT
};

static A_FRAME void
measured(enum what what)
{
	struct fastmem_walk walk;
	void *frames[FASTMEM_STACK_MAX_DEPTH];

	if (what == CAPTURE)
		fastmem_stack_capture();
	else if (what == WALK)
		fastmem_unwind(__rte_frame_address(), __rte_return_address(), 10,
			&walk);
	else if (what == BACKTRACE)
		backtrace(frames, 10);
	USE(frames);
	USE(&walk);
}

static A_FRAME void
measured_below(enum what what, unsigned int frames)
{
	if (frames > 0)
		measured_below(what, frames - 1);
	else
		measured(what);
	USE(frames);
}

static int
compare_cycles(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#define ROUNDS 101

/* They take turns; cycles of the time stamp counter, the median of slices. */
static int
a_capture_costs_a_tenth_of_backtrace(void)
{
	static const char *const names[] = { "calls alone", "capture", "walk", "backtrace" };
	static uint64_t cycles[N_WHAT][ROUNDS];
	unsigned int round, what, i;
	uint64_t median[N_WHAT];

	fastmem_stack_set_depth(10);
	for (round = 0; round < ROUNDS; round++) {
		for (what = 0; what < N_WHAT; what++) {
			uint64_t start = rte_rdtsc_precise();

			for (i = 0; i < 200; i++)
				measured_below(what, 8);
			cycles[what][round] = (rte_rdtsc_precise() - start) / 200;
		}
	}
	fastmem_stack_set_depth(FASTMEM_STACK_DEPTH);
	for (what = 0; what < N_WHAT; what++) {
		qsort(cycles[what], ROUNDS, sizeof(cycles[what][0]), compare_cycles);
		median[what] = cycles[what][ROUNDS / 2];
		printf("stack: 10 frames, %s: %" PRIu64 " cycles\n", names[what], median[what]);
	}
	TEST_ASSERT((median[CAPTURE] - median[NOTHING]) * 10 < median[BACKTRACE]);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_walk_finds_what_backtrace_finds),
	TEST_CASE(so_it_does_in_a_thread),
	TEST_CASES_END
};

const struct test_suite suite_stack_shapes = {
	.name = "stack_shapes",
	.about = "call stacks of functions of all shapes",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};

static const struct test_case cost_cases[] = {
	TEST_CASE(a_capture_costs_a_tenth_of_backtrace),
	TEST_CASES_END
};

const struct test_suite suite_stack_cost = {
	.name = "stack_cost",
	.about = "what a call stack costs",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cost_cases,
	.on_request = true,
};
