/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_SEAT_H
#define FASTMEM_PERF_SEAT_H

/*
 * Who measures in the scenario `threads`: threads of this process, and other processes (peers). Each
 * sits at the far end of a socket, and runs what it is asked to while the one that asks waits. So
 * they take turns on one CPU, and a process that has died shows as the end of its socket.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "perf.h"

enum seat_op {
	SEAT_OPEN, /* make an instance; asked of peers only, threads share those of their process */
	SEAT_CALIBRATE, /* find the repetitions that fill a slice */
	SEAT_RUN, /* a round: the median of many slices */
	SEAT_CLOSE,
};

enum seat_pattern { SEAT_TIGHT, SEAT_BATCH, SEAT_N_PATTERNS };

extern const char *const seat_pattern_names[SEAT_N_PATTERNS];

struct seat_request {
	enum seat_op op;
	enum perf_allocator_id id;
	enum seat_pattern pattern;
	struct instance_request instance; /* of SEAT_OPEN */
	uint64_t per_slice; /* of SEAT_RUN */
	unsigned int n_slices;
};

struct seat_answer {
	int error; /* 0 or a negative errno */
	uint64_t per_slice; /* of SEAT_CALIBRATE */
	double cycles; /* of SEAT_RUN: for an object allocated and freed */
};

/** Do on this thread what is asked for, with the instances of this process by allocator. */
void seat_do(const struct seat_request *req, struct instance *instances, struct seat_answer *answer);
/** Answer requests until the socket's other end is closed. */
void seat_serve(int fd, struct instance *instances);
/** Send a request, and wait for its answer. */
int seat_ask(int fd, const struct seat_request *req, struct seat_answer *answer);
/** Wait for an answer; -EPIPE when nobody is there any more, -ETIMEDOUT. */
int seat_await(int fd, struct seat_answer *answer);
int seat_answer_send(int fd, const struct seat_answer *answer);

/* peer.c: processes that measure. */
enum peer_role {
	PEER_SECONDARY, /* a secondary process of this one */
	PEER_REGISTERED, /* a thread that EAL knows, in a primary process of its own */
	PEER_N_ROLES
};

struct peer {
	enum peer_role role;
	pid_t pid; /* 0: none */
	int fd;
	char why[128]; /* what went wrong */
};

/** Start it on this CPU; fills peer->why when that fails. */
int peer_start(struct peer *peer, enum peer_role role, unsigned int cpu);
int peer_ask(struct peer *peer, const struct seat_request *req, struct seat_answer *answer);
void peer_stop(struct peer *peer);
/** NULL, or why this process cannot have a secondary. */
const char *peer_no_secondary(void);
/** Be a peer, as the hidden option says. The exit status. */
int peer_main(const char *role);

#endif /* FASTMEM_PERF_SEAT_H */
