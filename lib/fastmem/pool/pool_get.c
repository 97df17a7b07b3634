/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A pool's objects when a cache has none, or no room: from depots, slabs, growth, and other caches.
 */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"
#include "pool_private.h"

#define BULK_ON_STACK 1024 /* objects; a larger bulk takes memory from libc */

/* Times to look for objects in caches whose owners are within a call at that moment. */
#define TRIES 4

/* A hint: only fastmem_bin_extent() is right also after a death. */
static uint32_t
pool_slots(const struct fastmem_bin *bin)
{
	return rte_atomic_load_explicit(&bin->n_slots, rte_memory_order_relaxed);
}

/* n objects from caches, the depot and slabs as they are. Under pool.caches. */
static bool
take(struct fastmem_tcache *t, struct fastmem_bin *bin, void **objs, unsigned int n)
{
	if (n > 1)
		return fastmem_cache_alloc_bulk(t, bin, objs, n, RTE_FASTMEM_F_NOGROW);
	objs[0] = fastmem_cache_alloc(t, bin, RTE_FASTMEM_F_NOGROW);
	return objs[0] != NULL;
}

/* The same; and, of a pool that has all it may have, from wherever they are. */
static bool
take_anywhere(struct fastmem_tcache *t, struct fastmem_bin *bin, void **objs, unsigned int n,
		bool all_made, bool *popping)
{
	FASTMEM_LOG_LATER;
	bool done;

	*popping = false;
	fastmem_caches_lock(bin);
	done = take(t, bin, objs, n);
	if (!done && all_made && fastmem_bin_gather(t, bin))
		done = take(t, bin, objs, n);
	if (!done && all_made && fastmem_steal(bin, t, popping))
		done = take(t, bin, objs, n);
	fastmem_caches_unlock(bin);
	return done;
}

/* Let a pool grow for n more objects. */
static bool
grow_for(struct fastmem_pool *pool, uint32_t n_slots, unsigned int n)
{
	return n_slots < pool->max && (pool->flags & RTE_FASTMEM_POOL_F_EXTERNAL) == 0 &&
		fastmem_pool_grow(pool, fastmem_pool_generation(pool),
			RTE_MIN((uint64_t)n_slots + n, pool->max)) == 0;
}

/* Get at what others have no use for: dead processes, and sizes other than this one. */
static void
pool_reclaim(struct fastmem_ctl *ctl, struct fastmem_pool *pool, struct fastmem_tcache *t,
		uint32_t n_slots)
{
	struct fastmem_bin *bin = fastmem_pool_bin(pool);

	fastmem_peers_take_back(ctl);
	if (n_slots >= pool->max || bin->store != NULL)
		return;
	if (t != NULL)
		fastmem_tcache_flush(t, false);
	fastmem_depots_drain(t, &ctl->arenas[bin->socket]);
}

/* Neither has the pool memory for the calling thread's caches, nor may the call take some. */
static __rte_noinline void
tell_without_caches(const struct fastmem_pool *pool)
{
	static RTE_ATOMIC(uint64_t) last;

	if (fastmem_log_due(&last))
		FASTMEM_LOG(NOTICE, "thread %u has no caches, and gets and puts of pool %s are slow: it "
			"has all its objects, so a get takes no memory. rte_fastmem_maintain() takes "
			"some, as does an allocation by the thread", fastmem_eal_tid(), pool->name);
}

/* fixed: the call takes no memory. NULL: the thread has none. */
static struct fastmem_tcache *
own_caches(const struct fastmem_pool *pool, bool fixed)
{
	struct fastmem_tcache *t = fastmem_tcache_self(!fixed);

	if (unlikely(t == NULL) && fixed && !fastmem_thread_is_past_its_end())
		tell_without_caches(pool);
	return t;
}

static int
pool_get_slots(struct rte_fastmem_pool *user, void **objs, unsigned int n)
{
	struct rte_fastmem_cache *own = rte_fastmem_pool_cache(user);
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_tcache *t;
	struct fastmem_bin *bin;
	unsigned int tries = 0;
	bool popping, fixed;

	/* Pairs with the acquire in cache_limit(): the fast path has popped nothing. */
	rte_atomic_store_explicit(&own->popping, 0, rte_memory_order_release);
	if (ctl == NULL || !fastmem_pool_is_live(pool)) {
		if (ctl != NULL && fastmem_checks_all())
			fastmem_hooks()->pool_freed(pool);
		return -ENODEV;
	}
	bin = fastmem_pool_bin(pool);
	fixed = pool->min == pool->max || bin->store != NULL;
	t = own_caches(pool, fixed);
	if (fastmem_checks_some() && t != NULL) {
		/*
		 * Where the fast path has told, if its caches were taken from it just then. Pairs
		 * with the acquire in cache_limit().
		 */
		rte_atomic_store_explicit(&t->caches[pool->bin].popping, 0,
				rte_memory_order_release);
		fastmem_thread_rearm(t);
	}
	if (n > pool->max) {
		fastmem_cache_nomem(t, bin, n, 0);
		return -ENOBUFS;
	}
	/* A thread's first magazine: it may take memory from EAL here, and not under the lock. */
	if (!fixed && t != NULL && t->caches[pool->bin].loaded == NULL)
		fastmem_meta_stock();
	for (;;) {
		uint32_t n_slots = pool_slots(bin);
		bool all_made = n_slots >= pool->max || bin->store != NULL || tries > 0;

		if (n == 0 || take_anywhere(t, bin, objs, n, all_made, &popping))
			return 0;
		if (n_slots >= pool->max && FASTMEM_HOOK_OR(false, flush, bin))
			continue;
		if (fastmem_defer_take_back(pool) || grow_for(pool, n_slots, n))
			continue;
		if (tries++ == TRIES)
			break;
		/* What dead processes had; or what an owner had in its hands a moment ago. */
		if (tries == 1)
			pool_reclaim(ctl, pool, t, n_slots);
		else if (popping)
			sched_yield();
		else
			break;
	}
	fastmem_cache_nomem(t, bin, n, 0);
	return pool_slots(bin) >= pool->max || bin->store != NULL ? -ENOBUFS : -ENOMEM;
}

static int
pool_get(struct rte_fastmem_pool *user, void **objs, unsigned int n)
{
	int ret = pool_get_slots(user, objs, n);

	if (ret == 0 && fastmem_checks_all() &&
			(fastmem_pool(user)->flags & RTE_FASTMEM_POOL_F_EXTERNAL) == 0)
		fastmem_hooks()->pool_take(fastmem_pool(user), objs, n);
	return ret;
}

/* More than there can be, or than there is memory to note. */
static int
pool_get_nothing(struct rte_fastmem_pool *user, unsigned int n)
{
	struct rte_fastmem_cache *own = rte_fastmem_pool_cache(user);
	const struct fastmem_pool *pool = fastmem_pool(user);

	/* as in pool_get_slots() */
	rte_atomic_store_explicit(&own->popping, 0, rte_memory_order_release);
	if (fastmem_ctl_get() == NULL)
		return -ENODEV;
	fastmem_cache_nomem(fastmem_tcache_self(false), fastmem_pool_bin(pool), n, 0);
	return n > pool->max ? -ENOBUFS : -ENOMEM;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_get_slow, 26.11)
void *
rte_fastmem_pool_get_slow(struct rte_fastmem_pool *pool)
{
	void *obj;
	int ret = pool_get(pool, &obj, 1);

	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	return obj;
}

/* The caller's array is written to when all objects are there, not before: mempools rely on it. */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_get_bulk_slow, 26.11)
int
rte_fastmem_pool_get_bulk_slow(struct rte_fastmem_pool *pool, void **objs, unsigned int n)
{
	void *few[BULK_ON_STACK];
	void **array = few;
	int ret;

	if (n > RTE_DIM(few)) {
		/* No memory is taken for more than the pool can have. */
		array = n <= fastmem_pool(pool)->max ? malloc(n * sizeof(array[0])) : NULL;
		if (array == NULL)
			return pool_get_nothing(pool, n);
	}
	ret = pool_get(pool, array, n);
	if (ret == 0) {
		memcpy(objs, array, n * sizeof(array[0]));
		FASTMEM_HOOK(wrote, objs, n * sizeof(objs[0]));
	}
	if (array != few)
		free(array);
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_put_slow, 26.11)
void
rte_fastmem_pool_put_slow(struct rte_fastmem_pool *user, void *const *objs, unsigned int n)
{
	FASTMEM_LOG_LATER;
	struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_tcache *t;
	struct fastmem_bin *bin;

	if (n == 0 || (n == 1 && objs[0] == NULL))
		return;
	if (fastmem_ctl_get() == NULL) {
		fastmem_log_ignored();
		return;
	}
	if (!fastmem_pool_is_live(pool)) {
		if (fastmem_checks_all())
			fastmem_hooks()->pool_freed(pool);
		else
			FASTMEM_LOG_SOME(ERR, "put of %u objects to %p, which is no pool; ignored", n,
				(void *)user);
		return;
	}
	if (fastmem_checks_all() && (pool->flags & RTE_FASTMEM_POOL_F_EXTERNAL) == 0) {
		fastmem_hooks()->pool_put(pool, objs, n);
		return;
	}
	if (fastmem_checks_some())
		fastmem_thread_freed();
	bin = fastmem_pool_bin(pool);
	t = fastmem_tcache_self(false);
	fastmem_caches_lock(bin);
	if (n == 1)
		fastmem_cache_free(t, bin, objs[0]);
	else
		fastmem_cache_free_bulk(t, bin, objs, n);
	fastmem_caches_unlock(bin);
}
