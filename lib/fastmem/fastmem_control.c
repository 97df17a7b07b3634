/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What an application controls: memory that is reserved, limited, given back.
 */

#include <errno.h>

#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "fastmem_request.h"

/* Two functions have size and socket in opposite orders: who swaps them is told. */
static int
no_such_socket(const char *function, int socket_id)
{
	FASTMEM_LOG_SOME(ERR, "%s(): there is no socket %d", function, socket_id);
	return -EINVAL;
}

/* The calling thread's socket first, then the others. */
static struct fastmem_arena *
arena_near(struct fastmem_ctl *ctl, const struct fastmem_tcache *t, unsigned int i)
{
	return &ctl->arenas[((t != NULL ? t->home : ctl->first_socket) + i) % ctl->n_sockets];
}

/* What is there counts, on whatever socket, and from now on stays; the rest comes from the nearest. */
static int
reserve_any(struct fastmem_ctl *ctl, const struct fastmem_tcache *t, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++) {
		struct fastmem_arena *arena = arena_near(ctl, t, i);
		uint64_t have = RTE_MIN(fastmem_arena_bytes(arena), size);
		int ret = have > 0 ? fastmem_arena_reserve(arena, have) : 0;

		if (ret != 0)
			return ret;
		size -= have;
	}
	for (i = 0; i < ctl->n_sockets && size > 0; i++) {
		struct fastmem_arena *arena = arena_near(ctl, t, i);
		uint64_t had = fastmem_arena_bytes(arena), has;

		if (fastmem_arena_reserve(arena, size > UINT64_MAX - had ? UINT64_MAX :
				had + size) == 0)
			return 0;
		has = fastmem_arena_bytes(arena);
		if (has > had) /* another thread may trim it */
			size -= RTE_MIN(has - had, size);
	}
	return size == 0 ? 0 : -ENOMEM;
}

/* Whether a limit is set for a socket; NULL: for any. */
static bool
is_limited(struct fastmem_ctl *ctl, const struct fastmem_arena *arena)
{
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if ((arena == NULL || arena == &ctl->arenas[i]) &&
				rte_atomic_load_explicit(&ctl->arenas[i].limit,
					rte_memory_order_relaxed) != SIZE_MAX)
			return true;
	return false;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_reserve, 26.11)
int
rte_fastmem_reserve(size_t size, int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_arena *arena = NULL;
	struct fastmem_tcache *t;
	int ret;

	if (ctl == NULL)
		return -EINVAL;
	if (socket_id != SOCKET_ID_ANY && (arena = fastmem_arena_of(ctl, socket_id)) == NULL)
		return no_such_socket(__func__, socket_id);
	t = fastmem_tcache_self(true);
	ret = arena != NULL ? fastmem_arena_reserve(arena, size) : reserve_any(ctl, t, size);
	/* Last: the memory has taken descriptors from it. */
	fastmem_meta_stock();
	if (ret == -ENOMEM)
		FASTMEM_LOG_SOME(WARNING, "rte_fastmem_reserve(): not all of %zu KiB, as %s; what there is, is kept",
			size >> 10, is_limited(ctl, arena) ? "a limit or EAL's memory forbids it" :
			"EAL has no more memory");
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_set_limit, 26.11)
int
rte_fastmem_set_limit(int socket_id, size_t max_bytes)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	bool found = false;
	unsigned int i;

	if (ctl == NULL)
		return -EINVAL;
	for (i = 0; i < ctl->n_sockets; i++) {
		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		/* Read under arena.grow or without it: a limit is no synchronisation. */
		rte_atomic_store_explicit(&ctl->arenas[i].limit, max_bytes,
				rte_memory_order_relaxed);
		/* Growth is tried again: what was held back of a zone may join now. */
		fastmem_refusal_end(&ctl->arenas[i].refusal);
		found = true;
	}
	return found ? 0 : no_such_socket(__func__, socket_id);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_get_limit, 26.11)
size_t
rte_fastmem_get_limit(int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	size_t sum = 0;
	unsigned int i;

	if (ctl == NULL)
		return 0;
	for (i = 0; i < ctl->n_sockets; i++) {
		size_t limit = rte_atomic_load_explicit(&ctl->arenas[i].limit,
				rte_memory_order_relaxed);

		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		sum = limit > SIZE_MAX - sum ? SIZE_MAX : sum + limit;
	}
	return sum;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_cache_flush, 26.11)
void
rte_fastmem_cache_flush(void)
{
	struct fastmem_tcache *t;

	if (fastmem_ctl_get() != NULL && (t = fastmem_tcache_self(false)) != NULL)
		fastmem_tcache_flush(t, false);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_thread_idle, 26.11)
void
rte_fastmem_thread_idle(void)
{
	struct fastmem_tcache *t;

	if (fastmem_ctl_get() != NULL && (t = fastmem_tcache_self(false)) != NULL)
		fastmem_tcache_flush(t, true);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_trim, 26.11)
size_t
rte_fastmem_trim(size_t keep_bytes, int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	size_t given = 0;
	unsigned int i;

	if (ctl == NULL)
		return 0;
	FASTMEM_HOOK(flush, NULL);
	rte_fastmem_cache_flush();
	fastmem_peers_take_back(ctl);
	fastmem_pools_shrink(ctl, socket_id, NULL);
	for (i = 0; i < ctl->n_sockets; i++) {
		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		fastmem_depots_drain(fastmem_tcache_current(), &ctl->arenas[i]);
		given += fastmem_arena_trim(&ctl->arenas[i], keep_bytes, true);
	}
	return given;
}

/*
 * Granules that maintain is to have free: as many as the use has grown by, or what was asked for
 * in vain, as with RTE_FASTMEM_F_NOGROW. Such calls may be many for the same memory, so that is
 * at most a quarter of what is used, or 2 MiB. Likewise the longest run that was asked for in vain,
 * as free granules may be in shorter ones; *run is 0 if there was none. Under arena.lock.
 */
static uint64_t
arena_demand(struct fastmem_arena *arena, uint64_t used, uint32_t *run, uint32_t *align)
{
	uint64_t growth = used - RTE_MIN(used, arena->n_used_seen);
	uint64_t most = RTE_MAX(used / 4, UINT64_C(32));
	uint64_t missed = RTE_MIN(arena->n_missed, most);

	*align = arena->missed_align;
	*run = arena->missed_run + (uint64_t)*align <= most ? arena->missed_run : 0;
	arena->n_used_seen = used;
	arena->n_missed = 0;
	arena->missed_run = 0;
	return RTE_MAX(growth, missed);
}

/*
 * By as much as the use has grown since the last call, it may grow until the
 * next: that shall be there. What was free all the time, beyond that, may go. The first
 * call, however late, does not know of any growth. Without grow nothing is added, and the
 * growth between two calls with it stays known.
 */
static int
arena_maintain(struct fastmem_arena *arena, bool grow)
{
	uint64_t used, growth, idle, keep, n_free;
	uint32_t run = 0, align = 0;
	int ret;

	fastmem_depots_drain_idle(fastmem_tcache_current(), arena);

	fastmem_arena_lock(arena);
	n_free = arena->n_free;
	used = arena->n_granules - n_free;
	growth = grow ? arena_demand(arena, used, &run, &align) : 0;
	idle = arena->min_free;
	keep = arena->n_granules - idle + growth;
	arena->min_free = n_free;
	fastmem_mutex_unlock(&arena->lock);

	if (n_free < growth) {
		ret = fastmem_arena_grow_by(arena, growth - n_free);
		if (ret != 0)
			return ret;
	}
	if (run != 0 && !fastmem_has_run(arena, run, align))
		return fastmem_arena_grow(arena, run, align);
	if (n_free >= growth && idle > growth)
		fastmem_arena_trim(arena, keep << RTE_FASTMEM_GRANULE_SHIFT, false);
	return 0;
}

/* Without growth, memory is only given back: what was free since the last call. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_maintain)
int
fastmem_maintain(bool grow)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_tcache *t;
	unsigned int i;
	int ret = 0;

	if (ctl == NULL)
		return -ENODEV;
	t = fastmem_tcache_self(true);
	fastmem_peers_take_back(ctl);
	fastmem_pools_shrink(ctl, SOCKET_ID_ANY, NULL);
	fastmem_tcaches_maintain(t);
	if (grow && fastmem_meta_stock() != 0)
		ret = -ENOMEM;
	for (i = 0; i < ctl->n_sockets; i++)
		if (arena_maintain(&ctl->arenas[i], grow) != 0)
			ret = -ENOMEM;
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_maintain, 26.11)
int
rte_fastmem_maintain(void)
{
	return fastmem_maintain(true);
}
