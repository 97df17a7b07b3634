/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_LOG_H
#define FASTMEM_LOG_H

/*
 * The log, and lines that wait until no lock is held.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_compat.h>
#include <rte_log.h>

#include "rte_fastmem_compat.h"

extern int fastmem_logtype;
#define FASTMEM_LOG(level, fmt, ...) \
	fastmem_log(RTE_LOG_ ## level, "FASTMEM: " fmt "\n", ## __VA_ARGS__)
__rte_internal
FILE *fastmem_log_stream(void);
__rte_internal
void fastmem_log(uint32_t level, const char *format, ...) __rte_format_printf(2, 3);
void fastmem_log_ignored(void);

/* Of lines that each call may come to: one in so many milliseconds. Tests set it. */
extern uint32_t fastmem_log_every_ms;
bool fastmem_log_due(RTE_ATOMIC(uint64_t) *last);

/*
 * Of lines that each wrong call leads to, and that tell different mistakes: so many in that time. A
 * line more says that others are left out.
 */
#define FASTMEM_LOG_BURST 10
struct fastmem_log_rate {
	RTE_ATOMIC(uint64_t) last;
	RTE_ATOMIC(uint32_t) n; /* since then */
};
__rte_internal
bool fastmem_log_allowed(struct fastmem_log_rate *rate);
#define FASTMEM_LOG_SOME(level, ...) do { \
	static struct fastmem_log_rate log_rate; \
	if (fastmem_log_allowed(&log_rate)) \
		FASTMEM_LOG(level, __VA_ARGS__); \
} while (0)

#define FASTMEM_LATER_BYTES 1000

/* What is done when no lock is held: lines of the log are written. Of the calling thread only. */
struct fastmem_later {
	bool is_outer; /* not within another one, which has all lines */
	bool wants_trace; /* an event came, and EAL has no memory yet for those of this thread */
	uint16_t n_bytes; /* of text: for each line its level and a string */
	uint32_t n_lost; /* lines for which there was no room */
	char text[FASTMEM_LATER_BYTES];
};

/* The outermost one; NULL: lines are written at once. Internal, as fastmem_growth_held. */
extern __thread struct fastmem_later *fastmem_log_pending
	__rte_tls_initial_exec;
__rte_internal
void fastmem_log_write(const struct fastmem_later *later);

/* Start to keep lines back. Those that are within another call of this are left to that. */
static inline void
fastmem_log_later(struct fastmem_later *later)
{
	struct fastmem_later *outer = later;

	/* gcc 15 does not see that fastmem_log_now() takes it back in any case, and would warn. */
	asm("" : "+r"(outer));
	later->is_outer = fastmem_log_pending == NULL;
	later->wants_trace = false;
	later->n_bytes = 0;
	later->n_lost = 0;
	if (likely(later->is_outer))
		fastmem_log_pending = outer;
}

static inline void
fastmem_log_now(struct fastmem_later *later)
{
	if (unlikely(!later->is_outer))
		return;
	fastmem_log_pending = NULL;
	if (unlikely(later->n_bytes != 0 || later->n_lost != 0 || later->wants_trace))
		fastmem_log_write(later);
}

/*
 * To the end of a function that takes a lock: what is logged meanwhile is written then. The log's
 * stream may be the program's, take its time, and use fastmem itself.
 */
#ifdef __clang_analyzer__ /* sees no cleanup, and objects to an address of the stack that stays */
#define FASTMEM_LOG_LATER static_assert(true, "")
#else
#define FASTMEM_LOG_LATER \
	struct fastmem_later log_later __rte_cleanup(fastmem_log_now); \
	fastmem_log_later(&log_later)
#endif

#endif /* FASTMEM_LOG_H */
