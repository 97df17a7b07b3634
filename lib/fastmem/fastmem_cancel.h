/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_CANCEL_H
#define FASTMEM_CANCEL_H

/*
 * A call of fastmem is no cancellation point: a thread that ended in one would leave locks behind,
 * EAL's among them. Functions that may reach one, by a log line, a call into EAL, a file, by
 * waiting or by a callback, begin with FASTMEM_UNCANCELLABLE, which lasts until they return.
 */
#include <pthread.h>

#include "rte_fastmem_compat.h"

static inline int
fastmem_cancel_disable(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void
fastmem_cancel_restore(const int *before)
{
	pthread_setcancelstate(*before, NULL);
}

#define FASTMEM_UNCANCELLABLE \
	int cancel_state __rte_cleanup(fastmem_cancel_restore) __rte_unused = \
		fastmem_cancel_disable()

#endif /* FASTMEM_CANCEL_H */
