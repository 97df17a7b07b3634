/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* What one who measures does, and how it is asked to. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include "perf.h"
#include "seat.h"

#define TIMEOUT_MS 30000 /* far beyond any start or round: only who hangs takes longer */
#define MAX_SLICES 2048
#define CALIBRATION_SLICES 100

const char *const seat_pattern_names[SEAT_N_PATTERNS] = { "tight", "batch" };

/* The very loops of the scenarios of one lcore. */
static const struct {
	const perf_round_fn *rounds;
	double units;
} patterns[SEAT_N_PATTERNS] = {
	[SEAT_TIGHT] = { single_tight_rounds, 1 },
	[SEAT_BATCH] = { single_batch_fifo_rounds, SINGLE_BATCH },
};

static uint64_t
slice_cycles(void)
{
	return rte_get_tsc_hz() / PERF_SLICES_PER_SECOND;
}

static int
run_slice(const struct seat_request *req, const struct contender *c, uint64_t n, uint64_t *cycles)
{
	rte_errno = 0;
	*cycles = patterns[req->pattern].rounds[req->id](c, n);
	if (*cycles != 0)
		return 0;
	return rte_errno != 0 ? -rte_errno : -ENOMEM;
}

/*
 * The first run is not counted: it makes what is made on first use. Of the last two the shorter
 * counts, should something have got in between.
 */
static int
calibrate(const struct seat_request *req, const struct contender *c, struct seat_answer *answer)
{
	uint64_t n = 16, cycles, again;
	int ret;

	ret = run_slice(req, c, n, &cycles);
	for (cycles = 0; ret == 0 && cycles < CALIBRATION_SLICES * slice_cycles(); n *= 2)
		ret = run_slice(req, c, n, &cycles);
	n /= 2;
	if (ret == 0)
		ret = run_slice(req, c, n, &again);
	if (ret != 0)
		return ret;
	answer->per_slice = RTE_MAX(UINT64_C(1), n * slice_cycles() / RTE_MIN(cycles, again));
	return 0;
}

static int
run(const struct seat_request *req, const struct contender *c, struct seat_answer *answer)
{
	unsigned int i, n = RTE_MIN(req->n_slices, (unsigned int)MAX_SLICES);
	double slices[MAX_SLICES];
	uint64_t cycles;
	int ret;

	/* Fills the cache that leave_cache() has left empty. */
	ret = run_slice(req, c, req->per_slice, &cycles);
	if (ret != 0)
		return ret;
	for (i = 0; i < n; i++) {
		ret = run_slice(req, c, req->per_slice, &cycles);
		if (ret != 0)
			return ret;
		slices[i] = (double)cycles / req->per_slice;
	}
	answer->cycles = perf_median(slices, n) / patterns[req->pattern].units;
	return 0;
}

/*
 * Which objects a cache holds, and where their addresses lie to each other, makes up to a factor
 * of two in these loops. It is threads that are compared, so each leaves its objects to the next.
 */
static void
leave_cache(enum perf_allocator_id id)
{
	if ((PERF_FASTMEM_ALLOCATORS & 1u << id) != 0)
		rte_fastmem_cache_flush();
}

void
seat_do(const struct seat_request *req, struct instance *instances, struct seat_answer *answer)
{
	const struct contender c = { .id = req->id, .in = instances[req->id] };

	memset(answer, 0, sizeof(*answer));
	switch (req->op) {
	case SEAT_OPEN:
		answer->error = perf_allocators[req->id].create(&instances[req->id],
				&req->instance);
		break;
	case SEAT_CALIBRATE:
		answer->error = calibrate(req, &c, answer);
		leave_cache(req->id);
		break;
	case SEAT_RUN:
		answer->error = run(req, &c, answer);
		leave_cache(req->id);
		break;
	case SEAT_CLOSE:
		perf_allocators[req->id].destroy(&instances[req->id]);
		break;
	}
}

void
seat_serve(int fd, struct instance *instances)
{
	struct seat_request req;
	struct seat_answer answer;

	while (recv(fd, &req, sizeof(req), 0) == sizeof(req)) {
		seat_do(&req, instances, &answer);
		if (seat_answer_send(fd, &answer) != 0)
			break;
	}
}

int
seat_answer_send(int fd, const struct seat_answer *answer)
{
	return send(fd, answer, sizeof(*answer), MSG_NOSIGNAL) == sizeof(*answer) ? 0 : -EPIPE;
}

int
seat_await(int fd, struct seat_answer *answer)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&poll_fd, 1, TIMEOUT_MS);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	return recv(fd, answer, sizeof(*answer), 0) == sizeof(*answer) ? 0 : -EPIPE;
}

int
seat_ask(int fd, const struct seat_request *req, struct seat_answer *answer)
{
	if (send(fd, req, sizeof(*req), MSG_NOSIGNAL) != sizeof(*req))
		return -EPIPE;
	return seat_await(fd, answer);
}
