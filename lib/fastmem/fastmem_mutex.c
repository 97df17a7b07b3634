/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Robust mutexes in shared memory: who dies with one leaves it to the next, and says so.
 */

#include <errno.h>

#include <rte_pause.h>

#include "fastmem_private.h"

#define SPINS 200

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_growth_held)
__thread unsigned int fastmem_growth_held;

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

/* Of fastmem_mutex_lock(). */
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
	if (ret == EBUSY)
		ret = pthread_mutex_lock(mutex);
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
