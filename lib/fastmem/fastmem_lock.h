/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_LOCK_H
#define FASTMEM_LOCK_H

/*
 * The locks of the library, and their order.
 *
 * Those in shared memory are robust process-shared mutexes: the kernel tells the next thread
 * that takes such a lock that its holder has died, and that thread repairs what the lock protects.
 * The others, called local below, are of one process.
 *
 * Builds with RTE_ENABLE_ASSERT check the order whenever a thread takes a lock, before it waits.
 * A lock that is only tried may be anywhere in the order, as nobody waits for it; what is taken
 * under it comes after it. A forked child goes on with the local locks that its thread held.
 */

#include <pthread.h>
#include <stdbool.h>

#include <rte_common.h>
#include <rte_compat.h>

/* A thread that holds a lock waits only for locks further down, and for no other of its kind. */
#define FASTMEM_LOCK_ORDER(LOCK) \
	LOCK(CALLBACKS) /* local, in the preloaded library: callbacks_lock */ \
	LOCK(SAMPLES) /* local, in the preloaded library: samples_lock */ \
	LOCK(RECORDS) /* local, in the preloaded library: records_lock */ \
	LOCK(LIFE) /* local: life_lock */ \
	LOCK(REPORT) /* local: report_lock */ \
	LOCK(PEERS) /* ctl.peers_lock */ \
	LOCK(POOLS) /* ctl.pools_lock */ \
	LOCK(QUEUE) /* local: of the objects of a pool that wait for a grace period */ \
	LOCK(POOL_GROW) /* pool.grow */ \
	LOCK(GROWING) /* local, in the preloaded library: of a mempool that grows */ \
	LOCK(LEAVING) /* debug.leaving */ \
	LOCK(THREADS) /* local: threads_lock */ \
	LOCK(CACHES) /* pool.caches */ \
	LOCK(ARENA_GROW) /* arena.grow: held across calls into EAL, by the primary only */ \
	LOCK(META_GROW) /* meta.grow: the same */ \
	LOCK(ASK) /* local: held while a secondary waits for an answer of the primary */ \
	LOCK(BIN) /* bin.lock */ \
	LOCK(WALKING) /* debug.walking */ \
	LOCK(TRACK) /* local, read or written: track.lock */ \
	LOCK(ARENA) /* arena.lock */ \
	LOCK(META) /* meta.lock */ \
	LOCK(DEBUG) /* debug.lock */ \
	LOCK(MODULES) /* local, in the preloaded library: modules_lock */ \
	LOCK(HOLDER) /* local: holder_lock, also held by forks */

#define FASTMEM_LOCK_RANK(name) FASTMEM_LOCK_##name,
enum fastmem_lock_rank {
	FASTMEM_LOCK_ORDER(FASTMEM_LOCK_RANK)
	FASTMEM_LOCK_RANKS
};
#undef FASTMEM_LOCK_RANK

#ifdef RTE_ENABLE_ASSERT
/* Called with the names of the lock that is held and of the one that is taken. For tests. */
extern void (*fastmem_lock_misordered)(const char *held, const char *taken);
/* Before the calling thread waits for a lock. */
__rte_internal
void fastmem_lock_expect(enum fastmem_lock_rank rank);
/* From here to fastmem_lock_drop() the calling thread holds it. */
__rte_internal
void fastmem_lock_hold(const void *lock, enum fastmem_lock_rank rank);
__rte_internal
void fastmem_lock_drop(const void *lock);
#else
/* Always inline: a copy would have the name of an exported function, and be none. */
static __rte_always_inline void
fastmem_lock_expect(enum fastmem_lock_rank rank)
{
	(void)rank;
}

static __rte_always_inline void
fastmem_lock_hold(const void *lock, enum fastmem_lock_rank rank)
{
	(void)lock;
	(void)rank;
}

static __rte_always_inline void
fastmem_lock_drop(const void *lock)
{
	(void)lock;
}
#endif

/* Locks in shared memory. */

__rte_internal
void fastmem_mutex_init(pthread_mutex_t *mutex);
__rte_internal
bool fastmem_mutex_wait(pthread_mutex_t *mutex); /* of fastmem_mutex_lock() */
__rte_internal
void fastmem_mutex_repaired(pthread_mutex_t *mutex);
__rte_internal
void fastmem_mutex_unlock(pthread_mutex_t *mutex);

/*
 * Take a lock. Returns true if the last holder has died: then the caller repairs what the lock
 * protects, and calls fastmem_mutex_repaired(). If this process dies before that, the next one is
 * told the same.
 */
static inline bool
fastmem_mutex_lock(pthread_mutex_t *mutex, enum fastmem_lock_rank rank)
{
	fastmem_lock_expect(rank);
	fastmem_lock_hold(mutex, rank);
	return fastmem_mutex_wait(mutex);
}

/* Local locks. */

static inline void
fastmem_local_lock(pthread_mutex_t *mutex, enum fastmem_lock_rank rank)
{
	fastmem_lock_expect(rank);
	fastmem_lock_hold(mutex, rank);
	pthread_mutex_lock(mutex);
}

static inline bool
fastmem_local_trylock(pthread_mutex_t *mutex, enum fastmem_lock_rank rank)
{
	if (pthread_mutex_trylock(mutex) != 0)
		return false;
	fastmem_lock_hold(mutex, rank);
	return true;
}

static inline void
fastmem_local_unlock(pthread_mutex_t *mutex)
{
	fastmem_lock_drop(mutex);
	pthread_mutex_unlock(mutex);
}

#endif /* FASTMEM_LOCK_H */
