/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_FASTMEM_H
#define TEST_FASTMEM_H

/* What the suites share: fixtures, figures, patterns, random numbers, the log. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_fastmem.h>

#include "fastmem_verify.h"
#include "pattern.h"
#include "test.h"

/*
 * Of destructors of thread-specific data. In the last one ThreadSanitizer forgets the thread, before
 * the program's destructors are called: none must meet it after that.
 */
#ifdef __SANITIZE_THREAD__
#define LAST_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - 1)
#else
#define LAST_ROUND PTHREAD_DESTRUCTOR_ITERATIONS
#endif

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define MAX_CLASSES 256

/* Fixtures of a suite whose cases find fastmem initialised, and leave nothing behind. */
int fastmem_up(void);
int fastmem_down(void);
void fastmem_rescue(void);

/* All structures are consistent, and this many objects of all sizes live. */
int check_live(uint64_t n);

/*
 * The threads that the work makes leave nothing behind in the bookkeeping. More of them may be
 * inside fastmem at once the next time, and what they need then is kept: so the work is repeated
 * until it takes less than a cache line for each.
 */
int check_metadata_stays(int (*work)(void), unsigned int n_threads);

/* No magazine is lost: see test_magazines.c. */
int check_magazines(void);

/* Whether EAL has memory of a socket's. Gives back what of fastmem's is free there. */
bool socket_has_memory(int socket_id);
/* The thread's own socket, or else any: one that fastmem has memory of, or could have. */
int socket_with_memory(void);
/* So much memory for objects in all, however many sockets there are: on one that has some. */
int limit_in_all(size_t bytes);

uint64_t stats_in_use(void); /* bytes */
uint64_t stats_live(void); /* objects */
uint64_t stats_backing(void);
uint64_t stats_nomem(void);

/* Memzones of EAL: all, those of fastmem, those of fastmem for objects. */
unsigned int zones_all(void);
unsigned int zones_fastmem(void);
unsigned int zones_chunks(void);
size_t zones_largest_chunk(void);

struct rng {
	uint64_t state;
};
uint64_t test_seed(void);
void rng_init(struct rng *rng, uint64_t stream);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t n);

/* Allocate until it fails. Returns the number of objects put into ptrs. */
unsigned int fill_up(void **ptrs, unsigned int max, size_t size);

#if defined(__x86_64__)
/*
 * Call a function, and between any two of its instructions the handler of SIGTRAP. That ends the
 * steps early by clearing the flag in the registers that it is given.
 */
#define TRAP_FLAG 0x100ull
void call_in_steps(void (*function)(void), void (*on_step)(int signal, siginfo_t *info, void *arg));
#endif

/* What is logged between begin and end, without a limit. Returns the number of lines that contain text. */
void log_begin(void);
unsigned int log_end(const char *text);

/* Refuse memzones of fastmem: see test_refuse.c. */
void refuse_all(void);
void refuse_nth(unsigned int n); /* the n-th from now on, counted from 0; once */
void refuse_from(unsigned int n); /* the n-th and all that follow */
void refuse_above(size_t bytes);
void refuse_named(const char *prefix); /* only those of this name are meant */
void refuse_nothing(void);
void refuse_no_more(void); /* after refuse_all(), and fastmem does not know */
void refuse_socket(int socket_id); /* all requests for its memory */
unsigned int refuse_seen(void); /* reservations since the last refuse_...() */
unsigned int refuse_refused(void);

/*
 * Until refuse_nothing(): memory for objects is not EAL's, but some that nobody may touch, up to
 * so many bytes, live or not. False: not here. And how many such zones there are.
 */
bool pretend_zones(uint64_t bytes);
unsigned int zones_pretended(void);

/* Threads of all kinds: see test_workers.c. */
enum worker_kind {
	WORKER_LCORE,
	WORKER_PTHREAD,
	WORKER_REGISTERED, /* a pthread that rte_thread_register() gave an lcore id */
	WORKER_CONTROL,
};

struct worker {
	enum worker_kind kind;
	int (*run)(void *arg); /* returns as a case does */
	void *arg;
	/* Internal. */
	int result;
	unsigned int lcore;
	uint64_t thread;
	uint32_t started, done;
};

unsigned int workers_lcores(void); /* how many workers may be lcores */
int workers_start(struct worker *workers, unsigned int n);
int workers_join(struct worker *workers, unsigned int n);
int workers_run(struct worker *workers, unsigned int n);

#endif /* TEST_FASTMEM_H */
