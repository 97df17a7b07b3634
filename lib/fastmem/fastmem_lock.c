/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Robust mutexes in shared memory; and in builds with assertions the check of the order of locks,
 * for which each thread notes what it holds.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_log.h>
#include <rte_pause.h>

#include "fastmem_export.h"
#include "fastmem_lock.h"
#include "rte_fastmem_attr.h"

#define SPINS 200
#define SLEEP_MS 50

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_mutex_init)
void
fastmem_mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

/*
 * A process that is killed between its wake-up and its note that others wait, too, leaves them
 * asleep if another thread has the lock by then: the kernel looks after a lock that is free. So
 * nobody sleeps for long without a look at the lock.
 */
static int
lock_within(pthread_mutex_t *mutex)
{
#ifdef RTE_FASTMEM_TSAN
	return pthread_mutex_lock(mutex); /* it knows of dead holders here only */
#else
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SLEEP_MS * 1000000;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	return pthread_mutex_timedlock(mutex, &until);
#endif
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_mutex_wait)
bool
fastmem_mutex_wait(pthread_mutex_t *mutex)
{
	unsigned int i;
	int ret;

	/* Most are held for less than it takes to fall asleep and wake up. */
	for (i = 0; i < SPINS; i++) {
		ret = pthread_mutex_trylock(mutex);
		if (ret != EBUSY)
			break;
		rte_pause();
	}
	while (ret == EBUSY || ret == ETIMEDOUT)
		ret = lock_within(mutex);
	RTE_ASSERT(ret == 0 || ret == EOWNERDEAD);
	return ret == EOWNERDEAD;
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_mutex_repaired)
void
fastmem_mutex_repaired(pthread_mutex_t *mutex)
{
	pthread_mutex_consistent(mutex);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_mutex_unlock)
void
fastmem_mutex_unlock(pthread_mutex_t *mutex)
{
	fastmem_lock_drop(mutex);
	pthread_mutex_unlock(mutex);
}

#ifdef RTE_ENABLE_ASSERT

static __thread struct {
	const void *lock;
	enum fastmem_lock_rank rank;
} held[FASTMEM_LOCK_RANKS];
static __thread unsigned int n_held;

#define LOCK_NAME(name) #name,
static const char *const names[] = { FASTMEM_LOCK_ORDER(LOCK_NAME) };

static void
misordered(const char *held_name, const char *taken)
{
	rte_log(RTE_LOG_CRIT, RTE_LOGTYPE_EAL,
		"FASTMEM: lock %s is taken by a thread that holds %s: see fastmem_lock.h\n", taken,
		held_name);
	abort();
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_misordered)
void (*fastmem_lock_misordered)(const char *held, const char *taken) = misordered;

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_expect)
void
fastmem_lock_expect(enum fastmem_lock_rank rank)
{
	unsigned int i;

	for (i = 0; i < n_held; i++)
		if (held[i].rank >= rank)
			fastmem_lock_misordered(names[held[i].rank], names[rank]);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_hold)
void
fastmem_lock_hold(const void *lock, enum fastmem_lock_rank rank)
{
	RTE_VERIFY(n_held < RTE_DIM(held));
	held[n_held].lock = lock;
	held[n_held++].rank = rank;
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_lock_drop)
void
fastmem_lock_drop(const void *lock)
{
	unsigned int i = n_held;

	while (i > 0 && held[i - 1].lock != lock)
		i--;
	RTE_VERIFY(i > 0);
	for (n_held--; i <= n_held; i++)
		held[i - 1] = held[i];
}

#endif
