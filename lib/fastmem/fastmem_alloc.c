/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The interface: what is asked for becomes a bin, and a bin that has nothing
 * becomes a fallback to other sockets, or an errno.
 *
 * When nothing else is left, an allocation takes back what lies in its thread's
 * caches, in the depots, in other threads' spare magazines and in the caches of
 * dead processes, of all sizes, and tries once more.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "fastmem_debug.h"
#include "fastmem_private.h"
#include "fastmem_track.h"

#define BULK_ON_STACK 512 /* objects; a larger bulk takes memory from libc */

/* Of handles, with checking only: how many sockets; and bytes of the slot that were not asked for. */
#define HANDLE_ONE_SOCKET UINT32_C(0x20000)
#define HANDLE_ALL_SOCKETS UINT32_C(0x40000)
#define HANDLE_SLACK_SHIFT 19
#define HANDLE_SLACK_MAX (UINT32_MAX >> HANDLE_SLACK_SHIFT)

/* Backing memory. */

static struct fastmem_arena *
arena_of(struct fastmem_ctl *ctl, int socket_id)
{
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if (ctl->arenas[i].socket_id == socket_id)
			return &ctl->arenas[i];
	return NULL;
}

/* The calling thread's socket first, then the others. */
static struct fastmem_arena *
arena_near(struct fastmem_ctl *ctl, const struct fastmem_tcache *t, unsigned int i)
{
	return &ctl->arenas[((t != NULL ? t->home : ctl->first_socket) + i) % ctl->n_sockets];
}

static int
reserve_any(struct fastmem_ctl *ctl, const struct fastmem_tcache *t, size_t size)
{
	uint64_t have = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		have += fastmem_arena_bytes(&ctl->arenas[i]);
	for (i = 0; i < ctl->n_sockets; i++) {
		struct fastmem_arena *arena = arena_near(ctl, t, i);

		have -= fastmem_arena_bytes(arena);
		if (fastmem_arena_reserve(arena, size > have ? size - have : 0) == 0)
			return 0;
		have += fastmem_arena_bytes(arena);
	}
	return -ENOMEM;
}

int
rte_fastmem_reserve(size_t size, int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_arena *arena = NULL;
	struct fastmem_tcache *t;
	int ret;

	if (ctl == NULL)
		return -EINVAL;
	if (socket_id != SOCKET_ID_ANY && (arena = arena_of(ctl, socket_id)) == NULL)
		return -EINVAL;
	t = fastmem_tcache_self(true);
	ret = arena != NULL ? fastmem_arena_reserve(arena, size) : reserve_any(ctl, t, size);
	/* Last: the memory has taken descriptors from it. */
	fastmem_meta_stock();
	return ret;
}

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
		__atomic_store_n(&ctl->arenas[i].limit, max_bytes, __ATOMIC_RELAXED);
		/* What was held back of a zone may join now. */
		fastmem_refusal_end(&ctl->arenas[i].refusal);
		found = true;
	}
	return found ? 0 : -EINVAL;
}

size_t
rte_fastmem_get_limit(int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	size_t sum = 0;
	unsigned int i;

	if (ctl == NULL)
		return 0;
	for (i = 0; i < ctl->n_sockets; i++) {
		size_t limit = __atomic_load_n(&ctl->arenas[i].limit, __ATOMIC_RELAXED);

		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		sum = limit > SIZE_MAX - sum ? SIZE_MAX : sum + limit;
	}
	return sum;
}

void
rte_fastmem_cache_flush(void)
{
	struct fastmem_tcache *t;

	if (fastmem_ctl_get() != NULL && (t = fastmem_tcache_self(false)) != NULL)
		fastmem_tcache_flush(t, false);
}

void
rte_fastmem_thread_idle(void)
{
	struct fastmem_tcache *t;

	if (fastmem_ctl_get() != NULL && (t = fastmem_tcache_self(false)) != NULL)
		fastmem_tcache_flush(t, true);
}

size_t
rte_fastmem_trim(size_t keep_bytes, int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	size_t given = 0;
	unsigned int i;

	if (ctl == NULL)
		return 0;
	fastmem_quarantine_flush(NULL);
	rte_fastmem_cache_flush();
	fastmem_peers_take_back(ctl);
	fastmem_pools_shrink(ctl, socket_id, NULL);
	for (i = 0; i < ctl->n_sockets; i++) {
		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		fastmem_depots_drain(&ctl->arenas[i]);
		given += fastmem_arena_trim(&ctl->arenas[i], keep_bytes, true);
	}
	return given;
}

/*
 * By as much as the use has grown since the last call, it may grow until the
 * next: that shall be there. What was free all the time, beyond that, may go. The first
 * call, however late, does not know of any growth. Without grow nothing is added, and the
 * growth between two calls with it stays known.
 */
/*
 * Granules that maintain is to have free: as many as the use has grown by, or what was asked for
 * in vain, as with RTE_FASTMEM_F_NOGROW. Such calls may be many for the same memory, so that is
 * at most a quarter of what is used, or 2 MiB. Under arena.lock.
 */
static uint64_t
arena_demand(struct fastmem_arena *arena, uint64_t used)
{
	uint64_t growth = used - RTE_MIN(used, arena->n_used_seen);
	uint64_t missed = RTE_MIN(arena->n_missed, RTE_MAX(used / 4, UINT64_C(32)));

	arena->n_used_seen = used;
	arena->n_missed = 0;
	return RTE_MAX(growth, missed);
}

static int
arena_maintain(struct fastmem_arena *arena, bool grow)
{
	uint64_t used, growth, idle, keep, n_free;

	fastmem_depots_drain_idle(arena);

	fastmem_arena_lock(arena);
	n_free = arena->n_free;
	used = arena->n_granules - n_free;
	growth = grow ? arena_demand(arena, used) : 0;
	idle = arena->min_free;
	keep = arena->n_granules - idle + growth;
	arena->min_free = n_free;
	fastmem_mutex_unlock(&arena->lock);

	if (n_free < growth)
		return fastmem_arena_grow_by(arena, growth - n_free);
	if (idle > growth)
		fastmem_arena_trim(arena, keep << RTE_FASTMEM_GRANULE_SHIFT, false);
	return 0;
}

int
fastmem_maintain(bool grow)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int i;
	int ret = 0;

	if (ctl == NULL)
		return -ENODEV;
	fastmem_tcache_self(true);
	fastmem_peers_take_back(ctl);
	fastmem_pools_shrink(ctl, SOCKET_ID_ANY, NULL);
	fastmem_tcaches_maintain();
	if (grow && fastmem_meta_stock() != 0)
		ret = -ENOMEM;
	for (i = 0; i < ctl->n_sockets; i++)
		if (arena_maintain(&ctl->arenas[i], grow) != 0)
			ret = -ENOMEM;
	return ret;
}

int
rte_fastmem_maintain(void)
{
	return fastmem_maintain(true);
}

/* Objects. */

/*
 * Where an allocation may take place: n bins, at the same offset on each socket
 * from the first one on.
 */
struct request {
	struct fastmem_ctl *ctl;
	struct fastmem_tcache *t;
	unsigned int offset;
	unsigned int first_socket;
	unsigned int n_sockets;
	bool moves; /* the thread's fast path goes to the socket that serves */
};

static struct fastmem_bin *
request_bin(const struct request *r, unsigned int i)
{
	unsigned int socket = r->first_socket + i;

	RTE_ASSERT(r->first_socket < r->ctl->n_sockets && i < r->ctl->n_sockets);
	if (socket >= r->ctl->n_sockets)
		socket -= r->ctl->n_sockets; /* a division would take longer than all else here */
	return &r->ctl->bins[r->ctl->arenas[socket].first_bin + r->offset];
}

/* Fill in a request. Returns 0 or a negative errno. */
static int
request_init(struct request *r, size_t size, size_t align, unsigned int flags, int socket_id)
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
		struct fastmem_arena *arena = arena_of(r->ctl, socket_id);

		if (arena == NULL)
			return -EINVAL;
		r->first_socket = arena - r->ctl->arenas;
		r->n_sockets = 1;
	}
	return 0;
}

/* A request for what a handle stands for. */
static int
request_by_handle(struct request *r, rte_fastmem_handle_t handle, unsigned int flags)
{
	unsigned int bin = handle & RTE_FASTMEM_HANDLE_BIN;

	r->ctl = fastmem_ctl_get();
	if (r->ctl == NULL)
		return -ENODEV;
	if (bin == 0 || bin >= r->ctl->first_pool_bin)
		return -EINVAL;
	r->t = fastmem_tcache_self((flags & RTE_FASTMEM_F_NOGROW) == 0);
	r->moves = false;
	r->first_socket = (bin - 1) / FASTMEM_BINS_PER_SOCKET;
	r->offset = (bin - 1) % FASTMEM_BINS_PER_SOCKET;
	r->n_sockets = (handle & (RTE_FASTMEM_HANDLE_ANY | HANDLE_ALL_SOCKETS)) != 0 &&
		(handle & HANDLE_ONE_SOCKET) == 0 ? r->ctl->n_sockets : 1;
	return 0;
}

/* Whether the last reclaim of these sockets has left nothing, and nothing has come since. */
static bool
request_is_reclaimed(const struct request *r)
{
	unsigned int i;

	if (r->ctl->debug != NULL) /* objects may wait */
		return false;
	for (i = 0; i < r->n_sockets; i++) {
		const struct fastmem_arena *arena = &r->ctl->arenas[request_bin(r, i)->socket];

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
request_reclaim(const struct request *r)
{
	unsigned int i;

	/* The order of locks: this thread may have that of an arena's growth. */
	if (fastmem_growth_held == 0)
		fastmem_peers_take_back(r->ctl);
	if (request_is_reclaimed(r))
		return false;
	fastmem_quarantine_flush(NULL);
	if (r->t != NULL)
		fastmem_tcache_flush(r->t, false);
	for (i = 0; i < r->n_sockets; i++)
		fastmem_depots_drain(&r->ctl->arenas[request_bin(r, i)->socket]);
	return true;
}

/* n objects of the first socket that has them, or can grow if flags allow. */
static bool
request_try(const struct request *r, void **objs, unsigned int n, unsigned int flags)
{
	unsigned int i;

	for (i = 0; i < r->n_sockets; i++) {
		struct fastmem_bin *bin = request_bin(r, i);

		if (n == 1)
			objs[0] = fastmem_cache_alloc(r->t, bin, flags);
		if (n == 1 ? objs[0] != NULL :
				fastmem_cache_alloc_bulk(r->t, bin, objs, n, flags)) {
			if (r->moves)
				fastmem_thread_use(r->t, bin->socket);
			return true;
		}
	}
	return false;
}

/* Whether a socket may grow, as far as is known. now: cycles of EAL's timer. */
static bool
request_may_grow(const struct request *r, unsigned int flags, uint64_t now)
{
	unsigned int i;

	if ((flags & RTE_FASTMEM_F_NOGROW) != 0)
		return false;
	for (i = 0; i < r->n_sockets; i++)
		if (fastmem_slab_may_grow(request_bin(r, i), now))
			return true;
	return false;
}

/*
 * n objects into an array of the caller. What another socket has is better than growth, which takes
 * long, and longest where it is refused.
 */
static bool
request_try_all(const struct request *r, void **objs, unsigned int n, unsigned int flags)
{
	const bool only_here = r->n_sockets == 1;

	if (!only_here && request_try(r, objs, n, flags | FASTMEM_F_NO_CHUNK))
		return true;
	if ((only_here || request_may_grow(r, flags, rte_get_timer_cycles())) &&
			request_try(r, objs, n, flags))
		return true;
	return request_reclaim(r) && request_try(r, objs, n, flags);
}

/* Of all sockets of the request; 0: not known, or the thread's own caches have something there. */
static uint64_t
request_epoch(const struct request *r)
{
	uint64_t epoch, sum = 0;
	unsigned int i;

	for (i = 0; i < r->n_sockets; i++) {
		const struct fastmem_bin *bin = request_bin(r, i);

		epoch = fastmem_failure_epoch(bin);
		if (epoch == 0 || fastmem_tcache_holds(r->t, &r->ctl->arenas[bin->socket]))
			return 0;
		sum += epoch;
	}
	return sum;
}

/* A call of a thread that has failed to get one object of this size before. 0 or -ENOMEM. */
static int
request_again(const struct request *r, struct fastmem_failure *failure, void **objs,
		unsigned int n, unsigned int flags)
{
	const uint64_t epoch = request_epoch(r); /* before it tries */
	const uint64_t now = rte_get_timer_cycles();

	if (fastmem_failure_holds(failure, epoch, now) && !request_may_grow(r, flags, now))
		return -ENOMEM;
	if (request_try_all(r, objs, n, flags)) {
		failure->bin = 0;
		return 0;
	}
	if (n == 1)
		fastmem_failure_note(failure, epoch);
	return -ENOMEM;
}

/* 0 or -ENOMEM, as all that follow. */
static int
request_serve(const struct request *r, void **objs, unsigned int n, unsigned int flags)
{
	struct fastmem_failure *failure = NULL;
	int ret;

	/* With checking, objects may wait. */
	if (likely(r->t != NULL && r->ctl->debug == NULL))
		failure = fastmem_failure_find(r->t, request_bin(r, 0), r->n_sockets);
	if (failure != NULL)
		ret = request_again(r, failure, objs, n, flags);
	else
		ret = request_try_all(r, objs, n, flags) ? 0 : -ENOMEM;
	if (likely(ret == 0))
		return 0;
	if (failure == NULL && r->t != NULL && n == 1)
		fastmem_failure_begin(r->t, request_bin(r, 0), r->n_sockets);
	fastmem_cache_nomem(r->t, request_bin(r, 0), n);
	return ret;
}

static void *
request_one(const struct request *r, size_t zero, unsigned int flags)
{
	void *obj;

	if (request_serve(r, &obj, 1, flags) != 0) {
		rte_errno = ENOMEM;
		return NULL;
	}
	if (flags & RTE_FASTMEM_F_ZERO)
		memset(obj, 0, zero);
	return obj;
}

/* Whether so many objects could be there at all: if not, no memory is grown in vain. */
static bool
request_is_possible(const struct request *r, unsigned int n)
{
	return (uint64_t)n * request_bin(r, 0)->slot_size <=
		r->ctl->n_granules << RTE_FASTMEM_GRANULE_SHIFT;
}

/* The caller's array is written to when all objects are there, not before. */
static int
request_bulk(const struct request *r, void **ptrs, unsigned int n, size_t zero,
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
		fastmem_cache_nomem(r->t, request_bin(r, 0), n);
		return -ENOMEM;
	}
	ret = request_serve(r, objs, n, flags);
	if (ret == 0) {
		if (flags & RTE_FASTMEM_F_ZERO)
			rte_fastmem_zero_bulk(objs, n, zero);
		memcpy(ptrs, objs, n * sizeof(objs[0]));
	}
	if (objs != few)
		free(objs);
	return ret;
}

/* Checked calls: the slot that an object needs of the layers below, made an object. */

/* Bytes and alignment that a handle stands for: or more than was asked for, if that is not known. */
static void
handle_size(const struct fastmem_ctl *ctl, rte_fastmem_handle_t handle, size_t *size,
		size_t *align)
{
	const struct fastmem_bin *bin = &ctl->bins[handle & RTE_FASTMEM_HANDLE_BIN];
	size_t slot_size = bin->slot_size;

	*align = bin->slab_align > 1 ? bin->slab_align * FASTMEM_GRANULE :
		RTE_MIN(slot_size & -slot_size, FASTMEM_GRANULE);
	*size = slot_size - (handle >> HANDLE_SLACK_SHIFT);
}

static int
checked_serve(struct request *r, const struct fastmem_shape *shape, void **objs, unsigned int n,
		unsigned int flags)
{
	const unsigned int wanted = flags;
	unsigned int i;
	void *one; /* objs is written to on success only */
	int ret;

	flags &= ~RTE_FASTMEM_F_ZERO;
	ret = n == 1 ? request_serve(r, &one, 1, flags) : request_bulk(r, objs, n, 0, flags);
	if (ret == 0 && n == 1)
		objs[0] = one;
	for (i = 0; ret == 0 && i < n; i++)
		objs[i] = fastmem_debug_take(objs[i], shape, wanted);
	if (ret == 0)
		fastmem_track_wrote(objs, n * sizeof(objs[0]));
	return ret;
}

static int
checked_alloc(void **objs, unsigned int n, size_t size, size_t align, unsigned int flags,
		int socket_id)
{
	struct fastmem_shape shape;
	struct request r;
	unsigned int offset;
	/* What is wrong with the request is so without the zones. */
	int ret = size <= RTE_FASTMEM_MAX_SIZE ? 0 : fastmem_bin_offset(size, align, &offset);

	if (ret == 0) {
		shape = fastmem_debug_shape(size, align);
		ret = request_init(&r, shape.slot, align, flags, socket_id);
	}
	return ret != 0 ? ret : checked_serve(&r, &shape, objs, n, flags);
}

static void *
checked_alloc_one(size_t size, size_t align, unsigned int flags, int socket_id)
{
	void *obj;
	int ret = checked_alloc(&obj, 1, size, align, flags, socket_id);

	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	return obj;
}

/* By handle: r is made for it. */
static int
checked_halloc(struct request *r, rte_fastmem_handle_t handle, void **objs, unsigned int n,
		unsigned int flags)
{
	struct fastmem_shape shape;
	size_t size, align;
	int ret;

	handle_size(r->ctl, handle, &size, &align);
	shape = fastmem_debug_shape(size, align);
	shape.align = FASTMEM_BY_HANDLE | request_bin(r, 0)->slot_size;
	ret = fastmem_bin_offset(shape.slot, align, &r->offset);
	return ret != 0 ? ret : checked_serve(r, &shape, objs, n, flags);
}

/* A checked object of what r is for. NULL: memory is exhausted. */
static void *
sampled_take(struct request *r, size_t size, size_t align, bool by_handle, unsigned int flags)
{
	struct fastmem_shape shape = fastmem_debug_shape(size, align);
	struct fastmem_bin *bin;
	void *slot;

	if (by_handle)
		shape.align = FASTMEM_BY_HANDLE | request_bin(r, 0)->slot_size;
	bin = fastmem_sample_bin(request_bin(r, 0)->socket, shape.slot, align);
	slot = bin != NULL ? fastmem_cache_alloc(r->t, bin, flags) : NULL;
	return slot != NULL ? fastmem_debug_take(slot, &shape, flags) : NULL;
}

/* Allocate a sampled object; NULL if none is due or memory is exhausted. */
static void *
sampled_alloc(struct request *r, size_t size, size_t align, bool by_handle, unsigned int flags)
{
	if (!fastmem_sampling() || !fastmem_sample_due(r->t, request_bin(r, 0)))
		return NULL;
	return sampled_take(r, size, align, by_handle, flags);
}

/* Put a sampled object in place of one that the caller has not seen yet. */
static void
sampled_exchange(struct request *r, void **obj, size_t size, size_t align, bool by_handle,
		unsigned int flags)
{
	void *sampled = sampled_take(r, size, align, by_handle, flags);
	struct rte_fastmem_cache *c;

	if (sampled == NULL)
		return;
	c = &r->t->caches[rte_fastmem_bin_of(*obj)];
	rte_fastmem_free_slow(*obj);
	/* It was never the caller's: with this, it is counted neither as allocated nor as freed. */
	RTE_FASTMEM_ADD(c->n_alloc, -1);
	*obj = sampled;
}

/* Put sampled objects in place of those that are due of many. */
static void
sampled_exchange_bulk(struct request *r, void **objs, unsigned int n, size_t size, size_t align,
		bool by_handle, unsigned int flags)
{
	const struct fastmem_bin *bin = request_bin(r, 0);
	unsigned int i = 0;

	if (!fastmem_sampling())
		return;
	while ((i = fastmem_sample_next(r->t, bin, i, n)) < n)
		sampled_exchange(r, &objs[i++], size, align, by_handle, flags);
}

/* Whether an object is checked. */
static bool
is_checked(const struct fastmem_ctl *ctl, const void *ptr)
{
	return fastmem_debug_on() ||
		(fastmem_sampling() && ctl->bins[rte_fastmem_bin_of(ptr)].sampled);
}

static void free_bulk_one_by_one(struct fastmem_ctl *ctl, void *const *ptrs, unsigned int n);

static void
checked_free_bulk(void *const *ptrs, unsigned int n, const struct fastmem_expect *expect)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (ptrs[i] == NULL)
			continue;
		if (is_checked(fastmem_ctl(), ptrs[i]))
			fastmem_debug_free(ptrs[i], expect);
		else
			free_bulk_one_by_one(fastmem_ctl(), &ptrs[i], 1);
	}
	if (fastmem_sampling())
		fastmem_thread_freed();
}

static const struct fastmem_expect expect_nothing = { .what = FASTMEM_EXPECT_NOTHING };

/* What is to be freed if a handle is right. */
static struct fastmem_expect
expect_handle(const struct fastmem_ctl *ctl, rte_fastmem_handle_t handle)
{
	return (struct fastmem_expect){
		.what = FASTMEM_EXPECT_CLASS,
		.size = ctl->bins[handle & RTE_FASTMEM_HANDLE_BIN].slot_size,
	};
}

void *
rte_fastmem_alloc_slow(size_t size, size_t align, unsigned int flags, int socket_id)
{
	struct request r;
	void *obj;
	int ret;

	/* In a secondary's first call, the level comes with this. */
	if (fastmem_ctl_get() != NULL && fastmem_debug_on())
		return checked_alloc_one(size, align, flags, socket_id);
	ret = request_init(&r, size, align, flags, socket_id);
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	obj = sampled_alloc(&r, size, align, false, flags);
	return obj != NULL ? obj : request_one(&r, size, flags);
}

int
rte_fastmem_alloc_bulk_slow(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id)
{
	struct request r;
	int ret;

	if (fastmem_ctl_get() != NULL && fastmem_debug_on())
		return checked_alloc(ptrs, n, size, align, flags, socket_id);
	ret = request_init(&r, size, align, flags, socket_id);
	if (ret == 0)
		ret = request_bulk(&r, ptrs, n, size, flags);
	if (ret == 0)
		sampled_exchange_bulk(&r, ptrs, n, size, align, false, flags);
	return ret;
}

/* Objects that are all of one bin, which is not bin 0. */
static void
free_to_bin(struct fastmem_ctl *ctl, unsigned int bin, void *const *ptrs, unsigned int n)
{
	FASTMEM_LOG_LATER;
	struct fastmem_tcache *t;

	if (rte_fastmem_push_bulk(&rte_fastmem_tls.caches[bin], ptrs, n))
		return;
	RTE_ASSERT(ctl != NULL); /* without, the map that the bin is from is empty */
	t = fastmem_tcache_self(bin < ctl->first_pool_bin);
	fastmem_caches_lock(&ctl->bins[bin]);
	if (n == 1)
		fastmem_cache_free(t, &ctl->bins[bin], ptrs[0]);
	else
		fastmem_cache_free_bulk(t, &ctl->bins[bin], ptrs, n);
	fastmem_caches_unlock(&ctl->bins[bin]);
}

/* Whether all objects are of one bin. Neighbours often share a granule: one look-up then. */
bool
rte_fastmem_same_bin_slow(void *const *ptrs, unsigned int n)
{
	unsigned int bin = rte_fastmem_bin_of(ptrs[0]);
	unsigned int i = 0;

	for (; i + 4 <= n; i += 4) {
		uintptr_t p = (uintptr_t)ptrs[i];
		uintptr_t differ = (p ^ (uintptr_t)ptrs[i + 1]) | (p ^ (uintptr_t)ptrs[i + 2]) |
			(p ^ (uintptr_t)ptrs[i + 3]);

		if (rte_fastmem_bin_of(ptrs[i]) != bin)
			return false;
		if (differ >> RTE_FASTMEM_GRANULE_SHIFT != 0 && (
				rte_fastmem_bin_of(ptrs[i + 1]) != bin ||
				rte_fastmem_bin_of(ptrs[i + 2]) != bin ||
				rte_fastmem_bin_of(ptrs[i + 3]) != bin))
			return false;
	}
	for (; i < n; i++)
		if (rte_fastmem_bin_of(ptrs[i]) != bin)
			return false;
	return true;
}

static void
free_bulk_one_by_one(struct fastmem_ctl *ctl, void *const *ptrs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned int bin = rte_fastmem_bin_of(ptrs[i]);

		if (bin != 0)
			free_to_bin(ctl, bin, &ptrs[i], 1);
		else if (ptrs[i] != NULL)
			FASTMEM_LOG(ERR, "free of %p, which is not an object of fastmem; ignored. "
				"RTE_FASTMEM_DEBUG=full tells where", ptrs[i]);
	}
}

void
rte_fastmem_free_bulk_slow(void **ptrs, unsigned int n)
{
	/* In a secondary's first call, the map comes with this. */
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int bin;

	if (n == 0)
		return;
	/* After the primary's deinit, the map still knows what was an object. */
	if (ctl == NULL && fastmem_process_state() >= FASTMEM_PROCESS_CLOSED) {
		fastmem_log_ignored();
		return;
	}
	if (ctl != NULL && (fastmem_debug_on() || fastmem_sampling())) {
		checked_free_bulk(ptrs, n, &expect_nothing);
		return;
	}
	bin = rte_fastmem_bin_of(ptrs[0]);
	if (bin != 0 && rte_fastmem_same_bin_slow(ptrs, n))
		free_to_bin(ctl, bin, ptrs, n);
	else
		free_bulk_one_by_one(ctl, ptrs, n);
}

void
rte_fastmem_free_slow(void *ptr)
{
	if (ptr == NULL)
		return;
	if (fastmem_ctl_get() != NULL && fastmem_debug_on())
		fastmem_debug_free(ptr, &expect_nothing);
	else
		rte_fastmem_free_bulk_slow(&ptr, 1);
}

void
rte_fastmem_free_sized_slow(void *ptr, size_t size, size_t align)
{
	const struct fastmem_expect expect = {
		.what = FASTMEM_EXPECT_SIZE, .size = size, .align = align,
	};

	if (fastmem_ctl_get() != NULL && (fastmem_debug_on() || fastmem_sampling()))
		checked_free_bulk(&ptr, 1, &expect);
	else
		rte_fastmem_free_slow(ptr);
}

void
rte_fastmem_hfree_slow(rte_fastmem_handle_t handle, void *ptr)
{
	rte_fastmem_hfree_bulk_slow(handle, &ptr, 1);
}

void
rte_fastmem_hfree_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();

	if (ctl != NULL && (fastmem_debug_on() || fastmem_sampling())) {
		struct fastmem_expect expect = expect_handle(ctl, handle);

		checked_free_bulk(ptrs, n, &expect);
	} else if (n != 1 || ptrs[0] != NULL) {
		rte_fastmem_free_bulk_slow(ptrs, n);
	}
}

/* Resizing. */

static void *
realloc_move(void *old, size_t old_size, size_t size, size_t align, int socket_id)
{
	void *new = rte_fastmem_alloc_slow(size, align, 0, socket_id);

	if (new == NULL)
		return NULL;
	memcpy(new, old, RTE_MIN(old_size, size));
	rte_fastmem_free_slow(old);
	return new;
}

/* Whether the slot of an object has room for that size, and the object the alignment. */
static bool
slot_holds(const struct fastmem_bin *bin, const void *ptr, size_t size, size_t align)
{
	if (align == 0)
		align = RTE_FASTMEM_ALIGN_DEFAULT;
	return size <= bin->slot_size - bin->header && ((uintptr_t)ptr & (align - 1)) == 0;
}

/*
 * The object stays in a slot of another class than that of its size: from now on, frees by size
 * look the class up, in this process and in those that attach later.
 */
static void *
realloc_stay(void *ptr)
{
	/* Whoever gets the object from this thread finds it written. */
	__atomic_store_n(&fastmem_ctl()->stayed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&rte_fastmem_map.n_sockets, 0, __ATOMIC_RELAXED);
	return ptr;
}

/*
 * To a size that the slot holds: the object stays, unless a slot that is smaller by at least a
 * fifth is free. That is no reason to grow, or to reclaim memory from others.
 */
static void *
realloc_within(const struct fastmem_bin *bin, void *ptr, size_t size, size_t align)
{
	int socket_id = fastmem_ctl()->arenas[bin->socket].socket_id;
	struct fastmem_bin *smaller;
	struct request r;
	void *new;

	if (bin->pool != NULL ||
			request_init(&r, size, align, RTE_FASTMEM_F_NOGROW, socket_id) != 0)
		return realloc_stay(ptr);
	smaller = request_bin(&r, 0);
	if (smaller == bin)
		return ptr;
	if (smaller->slot_size > bin->slot_size - bin->slot_size / 5)
		return realloc_stay(ptr);
	new = sampled_alloc(&r, size, align, false, RTE_FASTMEM_F_NOGROW);
	if (new == NULL)
		new = fastmem_cache_alloc(r.t, smaller, RTE_FASTMEM_F_NOGROW);
	if (new == NULL)
		return realloc_stay(ptr);
	memcpy(new, ptr, size);
	rte_fastmem_free_slow(ptr);
	return new;
}

/* The same for a checked object, which moves whenever it can: who uses its old address is found. */
static void *
checked_within(void *ptr, size_t size, size_t align, int socket_id)
{
	const bool checked = fastmem_debug_on(); /* or a sampled object, unlike the next one */
	struct fastmem_shape shape = fastmem_debug_shape(size, align);
	struct request r;
	void *new = NULL;

	if (request_init(&r, checked ? shape.slot : size, align, RTE_FASTMEM_F_NOGROW,
			socket_id) == 0)
		new = fastmem_cache_alloc(r.t, request_bin(&r, 0), RTE_FASTMEM_F_NOGROW);
	if (new == NULL)
		return fastmem_debug_resize_in_place(ptr, size, align) ? ptr : NULL;
	if (checked)
		new = fastmem_debug_take(new, &shape, RTE_FASTMEM_F_NOGROW);
	memcpy(new, ptr, size);
	rte_fastmem_free_slow(ptr);
	return new;
}

static void *
checked_realloc(const struct fastmem_bin *bin, void *ptr, size_t size, size_t align)
{
	int socket_id = fastmem_ctl()->arenas[bin->socket].socket_id;
	size_t old_size;
	void *new;

	if (!fastmem_debug_resize(ptr, &old_size)) {
		rte_errno = EINVAL;
		return NULL;
	}
	if (size > old_size || !slot_holds(bin, ptr, size, align))
		return realloc_move(ptr, old_size, size, align, socket_id);
	new = checked_within(ptr, size, align, socket_id);
	if (new == NULL)
		rte_errno = EINVAL;
	return new;
}

void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	const struct fastmem_bin *bin;
	unsigned int offset, id;
	int ret;

	if (ptr == NULL)
		return rte_fastmem_alloc_slow(size, align, 0, SOCKET_ID_ANY);
	ret = ctl == NULL ? -ENODEV : fastmem_bin_offset(size, align, &offset);
	if (ret == 0) {
		id = rte_fastmem_bin_of(ptr);
		if (id == 0)
			ret = -EINVAL;
		if (id == 0 && fastmem_debug_on())
			fastmem_report_foreign(RTE_FASTMEM_ERROR_REALLOC, ptr);
	}
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	if (size == 0) {
		rte_fastmem_free_slow(ptr);
		rte_errno = 0;
		return NULL;
	}
	bin = &ctl->bins[id];
	if (is_checked(ctl, ptr))
		return checked_realloc(bin, ptr, size, align);
	if (slot_holds(bin, ptr, size, align))
		return realloc_within(bin, ptr, size, align);
	return realloc_move(ptr, bin->slot_size - bin->header, size, align,
			ctl->arenas[bin->socket].socket_id);
}

size_t
rte_fastmem_usable_size(const void *ptr)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int id = rte_fastmem_bin_of(ptr);

	if (ctl == NULL || id == 0)
		return 0;
	if (is_checked(ctl, ptr))
		return fastmem_debug_usable(&ctl->bins[id], ptr);
	return ctl->bins[id].slot_size - ctl->bins[id].header;
}

bool
rte_fastmem_contains(const void *ptr)
{
	return fastmem_ctl_get() != NULL && rte_fastmem_bin_of(ptr) != 0;
}

rte_iova_t
rte_fastmem_virt2iova(const void *ptr)
{
	rte_iova_t iova;

	if (!rte_fastmem_contains(ptr))
		return RTE_BAD_IOVA;
	if (fastmem_process.iova_is_va)
		return (uintptr_t)ptr;
	iova = fastmem_granule(fastmem_granule_index(ptr))->iova;
	return iova != RTE_BAD_IOVA ? iova + ((uintptr_t)ptr & (FASTMEM_GRANULE - 1)) : iova;
}

/* Handles. */

/*
 * With checking, an object is to be as large as was asked for. When sampling, what is freed
 * by handle may be of another bin than that, so its bin is looked up; when all is checked,
 * the slow path is to see the handle.
 */
static rte_fastmem_handle_t
checked_handle(const struct fastmem_bin *bin, size_t size, unsigned int n_sockets)
{
	rte_fastmem_handle_t handle = bin->id;
	size_t slack = bin->slot_size - size;

	handle |= n_sockets > 1 ? HANDLE_ALL_SOCKETS : HANDLE_ONE_SOCKET;
	if (fastmem_sampling())
		handle |= RTE_FASTMEM_HANDLE_ANY;
	return handle | (slack <= HANDLE_SLACK_MAX ? slack << HANDLE_SLACK_SHIFT : 0);
}

int
rte_fastmem_hlookup(size_t size, size_t align, int socket_id, rte_fastmem_handle_t *handle)
{
	struct request r;
	int ret;

	if (handle == NULL)
		return -EINVAL;
	ret = request_init(&r, size, align, 0, socket_id);
	if (ret != 0)
		return ret == -ENODEV ? -EINVAL : ret;
	*handle = request_bin(&r, 0)->id;
	if (r.n_sockets > 1)
		*handle |= RTE_FASTMEM_HANDLE_ANY;
	if (fastmem_debug_on() || fastmem_sampling())
		*handle = checked_handle(request_bin(&r, 0), size, r.n_sockets);
	fastmem_track_wrote(handle, sizeof(*handle));
	return 0;
}

void *
rte_fastmem_halloc_slow(rte_fastmem_handle_t handle, unsigned int flags)
{
	struct request r;
	size_t size, align;
	void *obj = NULL;
	int ret = request_by_handle(&r, handle, flags);

	if (ret == 0 && fastmem_debug_on())
		ret = checked_halloc(&r, handle, &obj, 1, flags);
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	if (fastmem_sampling()) {
		handle_size(r.ctl, handle, &size, &align);
		obj = sampled_alloc(&r, size, align, true, flags);
	}
	return obj != NULL ? obj : request_one(&r, request_bin(&r, 0)->slot_size, flags);
}

int
rte_fastmem_halloc_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n,
		unsigned int flags)
{
	struct request r;
	int ret = request_by_handle(&r, handle, flags);

	if (ret == 0 && fastmem_debug_on())
		return checked_halloc(&r, handle, ptrs, n, flags);
	if (ret == 0)
		ret = request_bulk(&r, ptrs, n, request_bin(&r, 0)->slot_size, flags);
	if (ret == 0 && n > 0 && fastmem_sampling()) {
		size_t size, align;

		handle_size(r.ctl, handle, &size, &align);
		sampled_exchange_bulk(&r, ptrs, n, size, align, true, flags);
	}
	return ret;
}
