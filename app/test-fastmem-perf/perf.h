/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_H
#define FASTMEM_PERF_H

/*
 * What the benchmark's parts share: options, allocators, scenarios, results.
 *
 * A scenario measures contenders, one per allocator, side by side: each round runs every contender
 * once, so that what disturbs the machine disturbs them alike. A cell is what one such run of
 * rounds compares: one scenario at one object size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_fastmem.h>

#include "fastmem_replace_heap.h" /* EAL's own functions, if others have their names */

struct rte_fastmem_pool;
struct rte_mempool;

#define PERF_CACHE_SIZE 512 /* of mempools, where nothing else is said */
#define PERF_MIN_ROUNDS 7
#define PERF_SLICES_PER_SECOND 100000 /* of rounds that are medians of slices */
#define PERF_WHY_LEN 128
#define PERF_MAX_SIZES 16
#define PERF_MAX_TRACES 16
#define PERF_MAX_CONTENDERS 20

/*
 * The allocators, in the order of the tables. Each is a row of perf_allocators[] in allocators.c,
 * and, where its calls are timed, a `struct alloc_ops` in allocator_ops.h.
 */
#define PERF_FOR_EACH_ALLOCATOR(X, arg) \
	X(arg, floor) \
	X(arg, fastmem) \
	X(arg, fastmem_sized) \
	X(arg, fastmem_handle) \
	X(arg, fastmem_pool) \
	X(arg, mempool) \
	X(arg, mempool_stack) \
	X(arg, mempool_fastmem) \
	X(arg, mempool_uncached) \
	X(arg, mempool_fastmem_uncached) \
	X(arg, rte_malloc) \
	X(arg, rte_malloc_header) \
	X(arg, rte_malloc_eal) \
	X(arg, libc)

enum perf_allocator_id {
#define PERF_ALLOCATOR_ID(prefix, name) prefix##name,
	PERF_FOR_EACH_ALLOCATOR(PERF_ALLOCATOR_ID, PERF_)
#undef PERF_ALLOCATOR_ID
	PERF_N_ALLOCATORS
};

#define PERF_BIT(name) (1u << PERF_##name)
#define PERF_HANDLE_ALLOCATORS (PERF_BIT(fastmem) | PERF_BIT(fastmem_handle))
/* Those that need rte_fastmem_init(). */
#define PERF_FASTMEM_ALLOCATORS (PERF_HANDLE_ALLOCATORS | PERF_BIT(fastmem_sized) | \
		PERF_BIT(fastmem_pool) | \
		PERF_BIT(rte_malloc_header) | PERF_BIT(mempool_fastmem) | PERF_BIT(mempool_fastmem_uncached))
/* Mempools without a cache, as they are where threads are no lcores. */
#define PERF_UNCACHED_ALLOCATORS (PERF_BIT(mempool_uncached) | \
		PERF_BIT(mempool_fastmem_uncached))
/* Other names of those that are there anyway: they run only if the user names them. */
#define PERF_NAMED_ALLOCATORS (PERF_BIT(rte_malloc_header) | PERF_BIT(rte_malloc_eal))
#define PERF_ALL_ALLOCATORS ((1u << PERF_N_ALLOCATORS) - 1)

struct perf_options {
	bool scenarios[32]; /* by position in perf_scenarios[] */
	uint32_t allocators; /* bit mask of enum perf_allocator_id */
	uint8_t order[PERF_N_ALLOCATORS]; /* these, as they are made ready and calibrated */
	unsigned int n_order;
	size_t sizes[PERF_MAX_SIZES];
	unsigned int n_sizes;
	bool default_sizes; /* the user did not choose */
	unsigned int rounds;
	bool quick;
	const char *json;
	const char *table; /* where all of the figures go; NULL: standard output */
	bool goals;
	const char *command; /* for whoever reads the results */
	char *traces[PERF_MAX_TRACES]; /* owned */
	unsigned int n_traces;
	const char *peer; /* what to be instead, for another process: see seat.h */
};

extern struct perf_options perf_options;

/** What to do instead of running. */
enum perf_action { PERF_RUN, PERF_EXIT_OK, PERF_EXIT_USAGE };

enum perf_action perf_options_parse(int argc, char **argv);

/* An array used as a stack: see floor_alloc(). */
struct floor_stack {
	void **top;
	void *slots[];
};

/** An allocator made ready for objects of one size. */
struct instance {
	size_t size;
	rte_fastmem_handle_t handle;
	struct rte_fastmem_pool *pool;
	struct rte_mempool *mp;
	struct floor_stack *floor;
};

/** What a scenario needs of an instance. */
struct instance_request {
	size_t size;
	unsigned int n_objects; /* as many can be live at once, cached ones not counted */
	unsigned int cache_size; /* of a mempool, for each lcore */
};

struct perf_allocator {
	const char *name;
	const char *what;
	/* Negative errno, with the reason logged by perf_warn(). */
	int (*create)(struct instance *in, const struct instance_request *req);
	void (*destroy)(struct instance *in);
	/*
	 * Most bytes of memory held for these instances, at the time of the call. 0: cannot
	 * tell.
	 */
	uint64_t (*backing)(const struct instance *in, unsigned int n);
};

extern const struct perf_allocator perf_allocators[PERF_N_ALLOCATORS];

int perf_allocator_find(const char *name);

/** An allocator in a cell. */
struct contender {
	enum perf_allocator_id id;
	struct instance in;
	uint64_t n; /* repetitions that make a round last perf_round_cycles() */
	double *samples; /* by metric and round */
	uint64_t *series; /* of the metric bytes_backing; the results own it */
	uint64_t *live;
	unsigned int n_series;
	void *state; /* of the scenario: struct cell's state_bytes, zeroed */
	bool failed; /* an allocation failed in some round */
};

struct perf_scenario {
	const char *name;
	const char *what;
	uint32_t allocators; /* those that it has a meaning for */
	unsigned int lcores;
	/* 0, or a negative errno when nothing could be measured. */
	int (*run)(const struct perf_scenario *scenario);
};

extern const struct perf_scenario *const perf_scenarios[];
extern const unsigned int perf_n_scenarios;

/* scenario_*.c */
extern const struct perf_scenario scenario_tight, scenario_batch_fifo, scenario_batch_lifo;
extern const struct perf_scenario scenario_bulk8, scenario_bulk32;
extern const struct perf_scenario scenario_alternate, scenario_large;
extern const struct perf_scenario scenario_pipeline, scenario_pipeline_bulk32, scenario_fan;
extern const struct perf_scenario scenario_exchange;
extern const struct perf_scenario scenario_mixed, scenario_latency, scenario_types;
extern const struct perf_scenario scenario_churn, scenario_replay, scenario_debug;
extern const struct perf_scenario scenario_threads, scenario_oversubscribed, scenario_load;
extern const struct perf_scenario scenario_exhausted, scenario_survivors, scenario_waiting;

/* cell.c: the rounds of a cell. */

/**
 * Run a contender once.
 *
 * @param n
 *   How often to repeat what is measured.
 * @return
 *   Cycles of all n repetitions, 0 when the allocator failed.
 */
typedef uint64_t (*perf_round_fn)(const struct contender *c, uint64_t n);

/* scenario_single.c: its loops by allocator. */
#define SINGLE_BATCH 256
extern const perf_round_fn single_tight_rounds[PERF_N_ALLOCATORS];
extern const perf_round_fn single_batch_fifo_rounds[PERF_N_ALLOCATORS];

/** How long a round lasts. */
uint64_t perf_round_cycles(void);

struct cell {
	const struct perf_scenario *scenario;
	uint32_t skipped; /* allocators to leave out this time */
	const perf_round_fn *rounds; /* by allocator id */
	const perf_round_fn *begin; /* untimed, before the first round; returns 0 on failure */
	const perf_round_fn *end; /* untimed, after begin and the rounds, as far as they went */
	size_t state_bytes; /* for each contender */
	uint64_t repetitions; /* in a round; 0: as many as fill a round's time */
	bool is_long; /* a single repetition may fill a round */
	bool is_steady; /* all repetitions are alike: a round is the median of many slices */
	const char *const *metrics;
	unsigned int n_metrics;
	double units; /* what the one metric counts, in one repetition */
	/*
	 * Sets c->samples[metric * rounds + round] for each metric, where the one metric is not
	 * just cycles per unit. A negative sample: the metric has no meaning for this allocator.
	 */
	void (*after)(struct contender *c, unsigned int round);
	unsigned int lcores; /* 0: the scenario's */
	const char *input; /* a trace's name, or what else it is, or NULL */
	bool both_caches; /* mempools also at cache size 256, the better result counts */
};

/** Measure a cell for each size; 0 or a negative errno. */
int cell_run_sizes(const struct cell *cell, unsigned int n_objects);
/** Measure a cell whose scenario has sizes of its own. */
int cell_run(const struct cell *cell, size_t size, unsigned int n_objects);

/** EAL's own heap, whoever has the names of its calls. */
extern const struct rte_fastmem_replace_heap *const perf_eal_heap;
/** The names of rte_malloc() are those of a library that was preloaded. */
bool perf_malloc_is_replaced(void);

/** Start fastmem anew when a contender needs it, so that no cell inherits another's memory. */
int perf_fastmem_start(uint32_t allocators);
void perf_fastmem_stop(void);

/** Which of the scenario's allocators the user wants. */
uint32_t perf_selected(const struct perf_scenario *scenario);

/** Position of the contender to run as the i-th of a round: none is always first. */
unsigned int perf_turn(unsigned int round, unsigned int i, unsigned int n);

/* results.c */
struct perf_result {
	const struct perf_scenario *scenario;
	char input[40]; /* a trace's name, or what else, or empty */
	enum perf_allocator_id id;
	uint64_t size; /* of the objects; 0 where the scenario has sizes of its own */
	unsigned int lcores;
	char metric[40];
	double median, min, max;
	unsigned int rounds;
	uint64_t *series; /* the metric over time, or NULL. Owned */
	uint64_t *live; /* with it: the bytes that were live. Owned */
	unsigned int n_series;
	char why[PERF_WHY_LEN]; /* not empty: there are no figures, for this reason */
};

extern struct perf_result *perf_results;
extern size_t perf_n_results;

/** Samples are sorted in place; the figures of @p what are made from them. */
void perf_result_add(const struct perf_result *what, double *samples, unsigned int n);
/** A result without figures. */
void perf_result_add_absent(const struct perf_result *what, const char *why);
double perf_median(double *samples, unsigned int n);
/** What is compared side by side: all but the allocator is the same. */
bool perf_result_same_cell(const struct perf_result *a, const struct perf_result *b);
/** The result of this allocator in the same cell, or NULL. */
const struct perf_result *perf_result_of(const struct perf_result *cell,
	enum perf_allocator_id id);
/** Operations in a second, where the metric is the time of one by all threads together; or 0. */
double perf_result_ops_per_second(const struct perf_result *r);
/** The first result of its cell: an iteration over cells visits these. */
bool perf_result_opens_cell(const struct perf_result *r);
/** "256 B", or the name of a trace, or nothing. */
void perf_result_input(const struct perf_result *r, char *text, size_t len);

/* goals.c */
struct perf_goal {
	const struct perf_scenario *scenario;
	char input[40]; /* a trace's name, or empty */
	uint64_t size; /* of the objects; 0 where the scenario has sizes of its own */
	char name[64]; /* "a_over_b" */
	double bound;
	bool at_least; /* a bound from below */
	double median, min, max; /* of the rounds' ratios */
	unsigned int rounds;
	char why[PERF_WHY_LEN]; /* not empty: there are no figures, for this reason */
};

extern struct perf_goal *perf_goals;
extern size_t perf_n_goals;

/** Ratios are sorted in place; the figures of @p goal are made from them. */
void perf_goal_add(const struct perf_goal *goal, double *ratios, unsigned int n);
void perf_goal_add_absent(const struct perf_goal *goal, const char *why);
bool perf_goal_is_met(const struct perf_goal *g);
void perf_goals_print(FILE *f);

/* report.c: all figures; and one screen of them. */
void perf_report_print(FILE *f);
void perf_summary_print(void);

/* json.c */
int perf_json_write(const char *path);

/* progress.c */
void perf_progress(const struct perf_scenario *scenario, const char *detail, unsigned int round,
	unsigned int rounds, const char *allocator);
void perf_progress_end(void);
/** A line that stays on screen, and is repeated under the table. */
void perf_warn(const char *format, ...) __rte_format_printf(1, 2);
void perf_warn_repeat(void);

#endif /* FASTMEM_PERF_H */
