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

#include "test_processes.h"

#define STEPS_ZONE "test_steps"
#define STEPS_HELD 8192
#define STEPS_IN_CALL 1024

/* Written by the child before the operation, and read when it is dead. */
struct steps_state {
	uint32_t pid;
	uint32_t flags; /* of its allocations */
	uint32_t n_held; /* objects that it surely has */
	uint32_t allocating; /* that it may get */
	uint32_t freeing; /* that it may have freed, or not */
	void *held[STEPS_HELD];
	void *in_call[STEPS_IN_CALL]; /* those */
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
};

extern const struct steps_operation steps_operations[]; /* up to name NULL */

struct steps_state *steps_state_get(void);

#define STEPS_END UINT64_MAX

/* Objects that know their address. */
void steps_mark(void *obj, size_t size);
bool steps_is_marked(const void *obj, size_t size);

/*
 * Operation, instructions: run a child so far, and kill it. Returns how far it has
 * got, which is less when the operation has ended; or a negative errno.
 */
int64_t steps_run(const uint64_t *args);

/* So many children at once. Returns how many of them could attach. */
int64_t steps_crowd(const uint64_t *args);

extern const remote_t steps_calls[];

#endif /* TEST_STEPS_H */
