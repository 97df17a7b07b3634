/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A request for objects: what is asked for becomes a bin, and a bin that has nothing becomes a
 * fallback to other sockets, or an errno.
 *
 * When nothing else is left, an allocation takes back what lies in its thread's
 * caches, in the depots, in other threads' spare magazines and in the caches of
 * dead processes, of all sizes, and tries once more.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "fastmem_failure.h"
#include "fastmem_growth.h"
#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "fastmem_request.h"

#define BULK_ON_STACK 512 /* objects; a larger bulk takes memory from libc */

static inline int
request_init(struct fastmem_request *r, size_t size, size_t align, unsigned int flags,
		int socket_id)
{
	int ret;

	r->ctl = fastmem_ctl_get();
	if (r->ctl == NULL)
		return -ENODEV;
	ret = fastmem_bin_offset(size, align, &r->offset);
	if (ret != 0)
		return ret;
	r->t = fastmem_tcache_self((flags & RTE_FASTMEM_F_NOGROW) == 0);
	r->moves = socket_id == SOCKET_ID_ANY && r->t != NULL;
	if (socket_id == SOCKET_ID_ANY) {
		r->first_socket = r->t != NULL ? r->t->home : r->ctl->first_socket;
		r->n_sockets = r->ctl->n_sockets;
	} else {
		struct fastmem_arena *arena = fastmem_arena_of(r->ctl, socket_id);

		if (arena == NULL)
			return -EINVAL;
		r->first_socket = arena - r->ctl->arenas;
		r->n_sockets = 1;
	}
	return 0;
}

/* Fill in a request. Returns 0 or a negative errno. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_request_init)
int
fastmem_request_init(struct fastmem_request *r, size_t size, size_t align, unsigned int flags,
		int socket_id)
{
	return request_init(r, size, align, flags, socket_id);
}

/* Whether the last reclaim of these sockets has left nothing, and nothing has come since. */
static bool
request_is_reclaimed(const struct fastmem_request *r)
{
	unsigned int i;

	if (r->ctl->debug != NULL) /* objects may wait */
		return false;
	for (i = 0; i < r->n_sockets; i++) {
		const struct fastmem_arena *arena = &r->ctl->arenas[fastmem_request_bin(r,
				i)->socket];

		if (!fastmem_is_drained(arena) ||
				(r->t != NULL && fastmem_tcache_holds(r->t, arena)))
			return false;
	}
	return true;
}

/*
 * Take back what waits, what the caches and depots of these sockets hold, and dead processes.
 * Returns false if there is nothing of all this.
 */
static bool
request_reclaim(const struct fastmem_request *r)
{
	unsigned int i;

	/* The order of locks: this thread may have that of an arena's growth. */
	if (fastmem_growth_held == 0)
		fastmem_peers_take_back(r->ctl);
	if (request_is_reclaimed(r))
		return false;
	FASTMEM_HOOK(flush, NULL);
	if (r->t != NULL)
		fastmem_tcache_flush(r->t, false);
	for (i = 0; i < r->n_sockets; i++)
		fastmem_depots_drain(r->t, &r->ctl->arenas[fastmem_request_bin(r, i)->socket]);
	return true;
}

/*
 * Of several sockets, before one is tried for n objects: its epoch. 0: it is known to have nothing
 * of this size, or in the thread's cache too few. A socket without memory needs no note of that, and
 * gets no caches and depots.
 */
static uint64_t
request_socket_epoch(const struct fastmem_request *r, const struct fastmem_bin *bin, unsigned int n)
{
	const struct fastmem_arena *arena = &r->ctl->arenas[bin->socket];
	const struct rte_fastmem_cache *c = r->t != NULL ? &r->t->caches[bin->id] : NULL;
	const uint64_t epoch = fastmem_vain_epoch(bin);

	if (fastmem_arena_bytes(arena) == 0)
		return 0;
	if (c != NULL && fastmem_cache_len(c) + c->spare_n >= n)
		return epoch;
	return fastmem_is_vain(bin, epoch) ? 0 : epoch;
}

/* n objects of the first socket that has them, or can grow if flags allow. */
static __rte_always_inline bool
request_try(const struct fastmem_request *r, void **objs, unsigned int n, unsigned int flags)
{
	FASTMEM_LOG_LATER; /* a stream that allocates would change the cache that is at work */
	const bool passes = (flags & FASTMEM_F_NO_CHUNK) != 0; /* others are tried, and then growth */
	uint64_t epoch = 0;
	unsigned int i;

	for (i = 0; i < r->n_sockets; i++) {
		struct fastmem_bin *bin = fastmem_request_bin(r, i);

		if (passes && (epoch = request_socket_epoch(r, bin, n)) == 0)
			continue;
		if (n == 1)
			objs[0] = fastmem_cache_alloc(r->t, bin, flags);
		if (n == 1 ? objs[0] != NULL :
				fastmem_cache_alloc_bulk(r->t, bin, objs, n, flags)) {
			if (r->moves && unlikely(r->t->socket != bin->socket))
				fastmem_thread_use(r->t, bin->socket);
			return true;
		}
		if (passes)
			fastmem_vain_note(bin, epoch);
	}
	return false;
}

/* Whether a socket may grow, as far as is known. */
static bool
request_may_grow(const struct fastmem_request *r, unsigned int flags)
{
	const uint64_t now = rte_get_timer_cycles();
	unsigned int i;

	if ((flags & RTE_FASTMEM_F_NOGROW) != 0)
		return false;
	for (i = 0; i < r->n_sockets; i++) {
		const struct fastmem_bin *bin = fastmem_request_bin(r, i);

		if (fastmem_slab_may_grow(&r->ctl->arenas[bin->socket], bin, now))
			return true;
	}
	return false;
}

/* Rare, and so not inline as a first try is. */
static __rte_noinline bool
request_retry(const struct fastmem_request *r, void **objs, unsigned int n, unsigned int flags)
{
	return request_try(r, objs, n, flags);
}

/* After a first try without growth, or, of one socket only, with it. */
static __rte_noinline bool
request_try_harder(const struct fastmem_request *r, void **objs, unsigned int n, unsigned int flags)
{
	const bool passes = r->n_sockets > 1; /* the first try may have passed some by */
	const bool grows = passes && request_may_grow(r, flags);

	if (grows && request_retry(r, objs, n, flags))
		return true;
	return (request_reclaim(r) || (passes && !grows)) && request_retry(r, objs, n, flags);
}

/*
 * n objects into an array of the caller. What another socket has is better than growth, which takes
 * long, and longest where it is refused.
 */
static __rte_always_inline bool
request_try_all(const struct fastmem_request *r, void **objs, unsigned int n, unsigned int flags)
{
	const unsigned int first_flags = r->n_sockets == 1 ? flags : flags | FASTMEM_F_NO_CHUNK;

	return likely(request_try(r, objs, n, first_flags)) ||
		request_try_harder(r, objs, n, flags);
}

/*
 * The epoch of all sockets of the request; 0: not known, or the thread's own caches have something
 * there. may_grow: whether one of them may grow, as far as is known. now: cycles of EAL's timer.
 */
static uint64_t
request_epoch(const struct fastmem_request *r, uint64_t now, bool *may_grow)
{
	uint64_t epoch, sum = 0;
	unsigned int i;

	*may_grow = false;
	for (i = 0; i < r->n_sockets; i++) {
		const struct fastmem_bin *bin = fastmem_request_bin(r, i);
		const struct fastmem_arena *arena = &r->ctl->arenas[bin->socket];

		epoch = fastmem_failure_epoch(arena, bin);
		if (epoch == 0 ||
				(fastmem_arena_bytes(arena) != 0 && fastmem_tcache_holds(r->t, arena)))
			return 0;
		sum += epoch;
		*may_grow |= fastmem_slab_may_grow(arena, bin, now);
	}
	return sum;
}

/* 0 or -ENOMEM, as all that follow. */
static __rte_noinline int
request_first(const struct fastmem_request *r, void **objs, unsigned int n, unsigned int flags)
{
	struct fastmem_bin *first = fastmem_request_bin(r, 0);

	if (likely(request_try_all(r, objs, n, flags)))
		return 0;
	/* With checking, objects may wait. */
	if (r->t != NULL && r->ctl->debug == NULL && n == 1)
		fastmem_failure_begin(r->t, first, r->n_sockets);
	fastmem_cache_nomem(r->t, first, n, flags);
	return -ENOMEM;
}

/* Of a thread that has failed to get one object of this size before. */
static __rte_noinline int
request_again(const struct fastmem_request *r, struct fastmem_failure *failure, void **objs,
		unsigned int n, unsigned int flags)
{
	const uint64_t now = rte_get_timer_cycles();
	bool may_grow;
	const uint64_t epoch = request_epoch(r, now, &may_grow); /* before it tries */

	if (fastmem_failure_holds(failure, epoch, now) &&
			(!may_grow || (flags & RTE_FASTMEM_F_NOGROW) != 0)) {
		fastmem_cache_nomem(r->t, fastmem_request_bin(r, 0), n, flags);
		return -ENOMEM;
	}
	if (request_first(r, objs, n, flags) == 0) {
		failure->bin = 0;
		return 0;
	}
	if (n == 1)
		fastmem_failure_note(failure, epoch);
	return -ENOMEM;
}

static __rte_always_inline int
request_serve(const struct fastmem_request *r, void **objs, unsigned int n, unsigned int flags)
{
	struct fastmem_failure *failure = NULL;

	if (likely(r->t != NULL && r->ctl->debug == NULL))
		failure = fastmem_failure_find(r->t, fastmem_request_bin(r, 0), r->n_sockets);
	return likely(failure == NULL) ? request_first(r, objs, n, flags) :
		request_again(r, failure, objs, n, flags);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_request_serve)
int
fastmem_request_serve(const struct fastmem_request *r, void **objs, unsigned int n,
		unsigned int flags)
{
	return request_serve(r, objs, n, flags);
}

/* One object, in one step. 0 or a negative errno. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_request_alloc)
int
fastmem_request_alloc(void **obj, size_t size, size_t align, unsigned int flags, int socket_id)
{
	struct fastmem_request r;
	int ret = request_init(&r, size, align, flags, socket_id);

	return ret != 0 ? ret : request_serve(&r, obj, 1, flags);
}

/* Whether so many objects could be there at all: if not, no memory is grown in vain. */
static bool
request_is_possible(const struct fastmem_request *r, unsigned int n)
{
	return (uint64_t)n * fastmem_request_bin(r, 0)->slot_size <=
		r->ctl->n_granules << RTE_FASTMEM_GRANULE_SHIFT;
}

/* The caller's array is written to when all objects are there, not before. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_request_bulk)
int
fastmem_request_bulk(const struct fastmem_request *r, void **ptrs, unsigned int n, size_t zero,
		unsigned int flags)
{
	void *few[BULK_ON_STACK];
	void **objs = few;
	int ret;

	if (n == 0)
		return 0;
	if (n > RTE_DIM(few))
		objs = request_is_possible(r, n) ? malloc(n * sizeof(objs[0])) : NULL;
	if (objs == NULL) {
		fastmem_cache_nomem(r->t, fastmem_request_bin(r, 0), n, flags);
		return -ENOMEM;
	}
	ret = fastmem_request_serve(r, objs, n, flags);
	if (ret == 0) {
		if (flags & RTE_FASTMEM_F_ZERO)
			rte_fastmem_zero_bulk(objs, n, zero);
		memcpy(ptrs, objs, n * sizeof(objs[0]));
	}
	if (objs != few)
		free(objs);
	return ret;
}
