/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_RECORDER_H
#define FASTMEM_RECORDER_H

/* Between the recorder's hooks (hooks_*.c) and its log (recorder.c). */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record_log.h"

/* What this thread is doing. Static TLS: the first access must not call malloc. */
struct recorder_thread {
	unsigned int depth;	/* hooks entered: calls of an allocator to itself do not count */
	unsigned int number;	/* in the log, plus one; 0 until the first call */
	bool resolving;		/* in dlsym(), which may call malloc */
};

extern __thread struct recorder_thread recorder_thread
	__attribute__((tls_model("initial-exec")));

/*
 * 1 while this process records. The page is wiped on fork, so that a child, however it was made,
 * finds 0 and writes nothing.
 */
struct recorder_switch {
	_Atomic uint8_t on;
	_Atomic uint8_t libc;
};

extern _Atomic(struct recorder_switch *) recorder_switch;

/* Read the environment and open the log. Idempotent; false: too early, try again. */
bool recorder_start(void);

/* Whether malloc and its family are recorded as well. False also before libc is initialised. */
bool recorder_wants_libc(void);

/* Append one entry. */
void recorder_log(enum record_kind kind, const void *address, size_t size, size_t align);

/* The function of this name that the program would have called without us. */
void *recorder_next(const char *name);

static inline bool
recorder_is_on(void)
{
	struct recorder_switch *s = atomic_load_explicit(&recorder_switch, memory_order_acquire);

	return s != NULL && atomic_load_explicit(&s->on, memory_order_relaxed) != 0 &&
		recorder_thread.depth == 0;
}

static inline bool
recorder_is_on_libc(void)
{
	struct recorder_switch *s = atomic_load_explicit(&recorder_switch, memory_order_acquire);

	return recorder_is_on() && atomic_load_explicit(&s->libc, memory_order_relaxed) != 0;
}

#endif /* FASTMEM_RECORDER_H */
