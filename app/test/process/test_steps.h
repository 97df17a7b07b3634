/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_STEPS_H
#define TEST_STEPS_H

/*
 * Processes that are killed at a known instruction of a known operation.
 *
 * A secondary that itself never calls fastmem, the nursery, forks children. To
 * fastmem each of them is a process of its own, as it attaches at its first call:
 * huge pages are shared by parent and child, and locks on files are not
 * inherited. To EAL they are nothing: no memory may be added while one lives.
 * This is about a hundred times as fast as starting a secondary.
 */

#include <stdint.h>

#include <rte_fastmem_pool.h>

#include "test_fastmem.h"
#include "test_processes.h"

#define STEPS_ZONE "test_steps"
#define STEPS_HELD 8192
#define STEPS_IN_CALL 1024

/* Of pools: see test_steps_pool_child.c. */
#define STEPS_POOL "steps"
#define STEPS_NEW_POOL "steps_new" /* that a child creates */
#define STEPS_POOL_MAX 800u
#define STEPS_POOL_DEATHS 3 /* the first operations: of those that die before another one */

enum steps_pool_kind {
	STEPS_NO_POOL,
	STEPS_POOL_FIXED, /* all objects are there */
	STEPS_POOL_GROWING, /* none is */
	STEPS_POOL_SHRINKING, /* the same, and empty memory leaves */
	STEPS_POOL_READ, /* as the first, with an RCU variable that has no reader */
	STEPS_POOL_EXTERNAL,
};

/* Written by the child before the operation, and read when it is dead. */
struct steps_state {
	uint32_t pid;
	uint32_t flags; /* of its allocations */
	uint32_t n_held; /* objects that it surely has */
	uint32_t allocating; /* that it may get */
	uint32_t freeing; /* that it may have freed, or not */
	uint64_t stepped; /* instructions so far: written while the child is stepped */
	void *held[STEPS_HELD];
	void *in_call[STEPS_IN_CALL]; /* those */
	uint8_t readers[1024] __rte_aligned(64); /* an RCU variable */
	uint64_t external[STEPS_POOL_MAX][8]; /* objects of an external pool */
};

/* What happens just before the child is born. */
enum steps_before {
	AFTER_NOTHING,
	AFTER_DEATH, /* of another child: it has left something to be taken back */
	AFTER_HOARDING, /* by the primary: what is not in use is in its thread's magazines */
};

struct steps_operation {
	const char *name;
	size_t size;
	/* Both run in the child; what the first one does is not counted. */
	void (*prepare)(const struct steps_operation *op, struct steps_state *state);
	void (*act)(const struct steps_operation *op, struct steps_state *state);
	enum steps_before before;
	enum steps_pool_kind pool; /* that it works on */
};

extern const struct steps_operation steps_operations[]; /* up to name NULL */
extern const struct steps_operation steps_pool_operations[]; /* the same */

struct steps_state *steps_state_get(void);

/* Instead of so many instructions: to the end, not counted, and counted. */
#define STEPS_END UINT64_MAX
#define STEPS_ALL UINT64_C(2000000) /* more than any operation has */

/* Objects that know their address. */
void steps_mark(void *obj, size_t size);
bool steps_is_marked(const void *obj, size_t size);

/*
 * Whether the operation is one of pools, its number, instructions: run a child so far, and
 * kill it. Returns how far it has got, which is less when the operation has ended, and more when
 * it went another way than before; or a negative errno.
 */
int64_t steps_run(const uint64_t *args);

/*
 * The same of a child that waits before its operation, and stays. Where an operation has been
 * counted, others of it get there by its path: see test_steps_path.c.
 */
int64_t steps_walk(const struct steps_operation *op, pid_t pid, struct steps_state *s,
		uint64_t point);

/* Whether it stops by this signal, after whatever it does now. */
bool steps_stopped(pid_t pid, int signal, int *status);

/* So many children at once. Returns how many of them could attach. */
int64_t steps_crowd(const uint64_t *args);

extern const remote_t steps_calls[];

/* In the primary. */

/* A child runs so far, and dies. Returns as a case does. */
int steps_die(const struct steps_operation *op, uint64_t step, int64_t *reached);

/* The same, and all that it may have left behind is as it should be. */
typedef int (*steps_death_t)(const struct steps_operation *op, uint64_t step, struct rng *rng,
		uint64_t *lost, int64_t *reached);

/* At points of the operation that are chosen at random, evenly spread. */
int steps_die_everywhere(const struct steps_operation *op, steps_death_t die);

/* Begin with memory of which nothing is in use, and to which none is added. */
int steps_memory_renew(void);

/* Does nothing. */
void steps_see(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova,
		uint32_t index);

/* A case of suite "steps": test_fastmem_steps_pool.c. */
int death_at_any_instruction_of_a_pool_is_repaired(void);

#endif /* TEST_STEPS_H */
