/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_CALLS_H
#define TEST_CALLS_H

/*
 * What the primary asks of secondaries (ASK), or does itself (HERE): with
 * objects that all processes of a test know by their number.
 */

#include "test_processes.h"

#define SHARED_ITEMS 20000
#define SHARED_ZONE "test_shared"

/* An object, and what is in it. */
struct item {
	void *ptr;
	size_t size;
	uint64_t tag;
};

struct shared {
	uint32_t stop; /* for threads that run until then. Atomic */
	uint32_t n_rounds; /* that these have made so far. Atomic */
	struct item items[SHARED_ITEMS];
};

#define HERE(function, ...) function((const uint64_t[PROCESS_ARGS + 1]){ __VA_ARGS__, 0 })

int shared_make(void); /* in the primary */
void shared_free(void);
struct shared *shared_get(void); /* everywhere; NULL: not made */

enum how {
	HOW_SINGLE,
	HOW_SIZED,
	HOW_BULK,
	HOW_HANDLE,
	HOW_HANDLE_BULK,
};
#define HOW_ALL (HOW_HANDLE_BULK + 1)

/* first, n, size, how, flags. Number of objects that could be had; they are filled in. */
int64_t call_alloc(const uint64_t *args);
/* first, n, how, size if all are of it. Number of objects with wrong contents; all are freed. */
int64_t call_free(const uint64_t *args);
/* first, n. Number of objects with wrong contents. */
int64_t call_check(const uint64_t *args);
/* first, n, size. Number of objects that could be made this size; contents are kept. */
int64_t call_realloc(const uint64_t *args);
int64_t call_iova(const uint64_t *args); /* number */
int64_t call_usable_size(const uint64_t *args); /* number */

int64_t call_init(const uint64_t *args);
int64_t call_deinit(const uint64_t *args);
int64_t call_maintain(const uint64_t *args);
int64_t call_reserve(const uint64_t *args); /* bytes */
int64_t call_trim(const uint64_t *args);
int64_t call_flush(const uint64_t *args);

int64_t call_errno(const uint64_t *args); /* rte_errno of the last call */
int64_t call_backing(const uint64_t *args);
int64_t call_metadata(const uint64_t *args);
int64_t call_check_live(const uint64_t *args); /* objects: check_live() */
int64_t call_log_begin(const uint64_t *args);
int64_t call_log_end(const uint64_t *args); /* lines with LOG_TEXT of this number */
enum log_text { LOG_ANY, LOG_LAYOUT, LOG_TEXTS };

/* Threads that allocate and free until shared.stop; number, kind. */
int64_t call_hammer_begin(const uint64_t *args);
int64_t call_hammer_end(const uint64_t *args); /* how many had results that cannot be */
/* Threads at once, rounds of them, kind: each allocates and frees. TEST_SUCCESS or not. */
int64_t call_short_threads(const uint64_t *args);
/* Number, size, idle: a thread that allocates and frees these, is idle or not, and waits. */
int64_t call_sleeper_begin(const uint64_t *args);
int64_t call_sleeper_end(const uint64_t *args);

/*
 * The thread of the primary that serves others is held up until the end, which is false if it has
 * lost patience; await: until so many questions wait for it.
 */
int hold_up_begin(void);
int hold_up_await(unsigned int n);
bool hold_up_end(void);

extern const remote_t calls[];
extern const remote_t pool_calls[]; /* test_fastmem_pool_processes.c */
extern const remote_t alive_calls[]; /* test_fastmem_alive.c */
extern const remote_t peer_calls[]; /* test_fastmem_pool_peers.c */
extern const remote_t stack_calls[]; /* test_fastmem_stack.c */
extern const remote_t ends_calls[]; /* test_fastmem_ends.c */
extern const remote_t mp_calls[]; /* test_fastmem_mp.c */
extern const remote_t processes_calls[]; /* test_fastmem_processes.c */

#endif /* TEST_CALLS_H */
