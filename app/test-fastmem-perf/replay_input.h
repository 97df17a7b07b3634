/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_REPLAY_INPUT_H
#define FASTMEM_PERF_REPLAY_INPUT_H

/*
 * A trace made ready for replay: one stream of operations for each lcore, in the order of the
 * trace, with a place in a table for each object.
 *
 * An object that only one lcore deals with has a place in that lcore's own table, which is reused
 * when the object is dead, and so stays small. An object that several lcores deal with gets a place
 * of its own each time it comes to life or is reallocated: who needs it next waits for that place
 * to be filled, and no place is ever filled twice. As each stream is in the order of the trace,
 * some lcore can always proceed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

#define REPLAY_MAX_LCORES 128

struct replay_op {
	uint8_t op; /* enum trace_op_type */
	uint8_t align_log2;
	bool shared;
	uint8_t lcore;
	uint32_t slot; /* of the result; in replay_input.ops: the number of the life */
	uint32_t old_slot; /* of what a shared object is reallocated from or freed */
	uint32_t size;
};

struct replay_stream {
	struct replay_op *ops;
	size_t n_ops;
	size_t n_slots; /* of the lcore's own table */
};

struct replay_input {
	char name[40];
	struct replay_op *ops; /* of all lcores */
	size_t n_ops;
	size_t n_lives; /* objects, as long as they live */
	size_t peak_op; /* where most is live */
	uint64_t peak_live_bytes;
	struct replay_stream streams[REPLAY_MAX_LCORES];
	unsigned int n_streams;
	size_t n_shared_slots;
};

/** 0; or a negative errno with nothing to free and the reason reported. */
int replay_input_load(struct replay_input *in, const char *path);
void replay_input_free(struct replay_input *in);

/** Use the traces that were installed, or those in the source tree. */
void replay_find_traces(void);

#endif /* FASTMEM_PERF_REPLAY_INPUT_H */
