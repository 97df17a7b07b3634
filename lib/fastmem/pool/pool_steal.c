/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Taking the free objects of a pool out of other threads' caches.
 *
 * A pool that cannot grow promises an object to whoever asks as long as one is free,
 * wherever it is. The caches of other threads are arrays that their owners pop from and
 * push to without a lock or a fence; so this is arranged such that all the effort is the
 * thief's:
 *
 *   owner, to pop:   popping = where top will be     thief:  base = above any top
 *                    (compiler barrier)                      end = below any top
 *                    if top <= base: slow path               membarrier(2)
 *                    top = where it said                     read popping, then top
 *                    popping = 0
 *
 * The owner stores before it loads, and so does the thief; membarrier() puts a fence
 * between the thief's two, and between those of every running thread. So either the
 * owner sees base, and goes to its slow path, which waits for the thief; or the thief
 * sees popping, and leaves the objects from there up to top alone: they are in use.
 * (Dekker's algorithm with an asymmetric fence, as in Dice, Huang and Yang, "Asymmetric
 * Dekker synchronization", 2001.) An owner that is about to push may still do so, above
 * what is taken.
 *
 * The thief gives what it takes to the slabs and writes NULL in its place. The owner
 * sorts that out in its slow path: cache_restore(), fastmem_cache.c. Thieves exclude each
 * other, and the slow path, by pool.caches. Modelled in models/take.pml.
 */

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include "fastmem_private.h"

static int
membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0);
}

static pid_t registered; /* this process, or the one that it was forked from */

/*
 * A process that has threads already waits for the kernel's grace period here, 10 ms or more:
 * when this library is loaded there is most often one.
 */
RTE_INIT(steal_register)
{
	if (membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0)
		registered = getpid();
}

/* Let others steal from this process's threads. */
void
fastmem_steal_init(void)
{
	fastmem_process.can_steal = registered == getpid() ||
		membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
	if (!fastmem_process.can_steal)
		FASTMEM_LOG(NOTICE, "membarrier() is not to be had: %s. Typed pools work without "
			"thread caches", strerror(errno));
}

/*
 * The place of a bin's pool, be there one or not: it may be freed while a thread that
 * does not use it gives back all its caches. NULL: the bin is a size class.
 */
static struct fastmem_pool *
place_of(const struct fastmem_bin *bin)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	return bin->id < ctl->first_pool_bin ? NULL :
		&ctl->pools[bin->id - ctl->first_pool_bin];
}

static struct fastmem_tcache *
first_tcache(void)
{
	/* Pairs with the release in tcache_make(). */
	return __atomic_load_n(&fastmem_ctl()->tcaches, __ATOMIC_ACQUIRE);
}

static bool
is_forbidden(const struct rte_fastmem_cache *c)
{
	return c->base > c->end;
}

/* Forbid the owner to pop, when it cannot push any more: see forbid(). */
static void
forbid_pop(struct rte_fastmem_cache *c, void **objs)
{
	MOVE(c->base, objs + fastmem_magazine_capacity(c->loaded->kind) + 1);
}

/* What a thread took out of a cache before it died is no more there. */
static void
stolen_repair(struct fastmem_pool *pool)
{
	uint32_t i;

	for (i = pool->stolen_n; i < pool->stolen_total; i++)
		pool->stolen[i] = NULL;
	MOVE(pool->stolen_total, 0);
}

/*
 * Of all threads' caches of a bin, at most one is not as others may read it: that of the dead
 * owner, within a move, or that which a dead thief was about to forbid.
 */
static void
caches_repair(struct fastmem_bin *bin)
{
	struct fastmem_tcache *t;

	for (t = first_tcache(); t != NULL; t = t->next) {
		struct rte_fastmem_cache *c = &t->caches[bin->id];

		if (fastmem_cache_is_moving(t, bin))
			fastmem_cache_close(t, bin);
		else if (c->loaded != NULL && c->base == c->end)
			forbid_pop(c, c->end);
	}
}

/* The thread that held pool.caches has died. Whoever does this may die as well: the next again. */
static void
repair(struct fastmem_bin *bin, struct fastmem_pool *pool)
{
	/* First this: what was on its way into magazines, or out of them and of caches. */
	fastmem_bins_repair(fastmem_ctl());
	stolen_repair(pool);
	caches_repair(bin);
}

/* Before magazines of a bin move. A size class needs no lock for that. */
void
fastmem_caches_lock(struct fastmem_bin *bin)
{
	struct fastmem_pool *pool = place_of(bin);

	if (pool != NULL && fastmem_mutex_lock(&pool->caches, FASTMEM_LOCK_CACHES)) {
		repair(bin, pool);
		fastmem_mutex_repaired(&pool->caches);
	}
}

void
fastmem_caches_unlock(struct fastmem_bin *bin)
{
	struct fastmem_pool *pool = place_of(bin);

	if (pool != NULL)
		fastmem_mutex_unlock(&pool->caches);
}

/* All from here on: under pool.caches. */

/* Whether there is an object in a cache. */
static bool
has_objects(const struct rte_fastmem_cache *c)
{
	uint32_t i, n = fastmem_cache_len(c);

	if (!is_forbidden(c))
		return n > 0;
	for (i = 0; i < n; i++)
		if (c->loaded->objs[i] != NULL)
			return true;
	return false;
}

static void
forbid(struct rte_fastmem_cache *c)
{
	void **objs = fastmem_cache_objs(c);

	/* In this order, as the lower one is what the objects begin at. */
	MOVE(c->end, objs);
	forbid_pop(c, objs);
}

/* How many objects at the bottom of a forbidden cache are not about to be popped. */
static uint32_t
cache_limit(const struct rte_fastmem_cache *c, bool *popping)
{
	/* Pairs with the release in rte_fastmem_pool_popped(): if it is 0, top is as popped. */
	uint32_t to = __atomic_load_n(&c->popping, __ATOMIC_ACQUIRE);
	/* Pairs with the release in RTE_FASTMEM_SET_TOP(). */
	void **top = __atomic_load_n(&c->top, __ATOMIC_ACQUIRE);
	uint32_t n = top - fastmem_cache_objs(c);
	uint32_t about = ((uint32_t)(uintptr_t)top - (to & ~1u)) / sizeof(*top);

	/* What asks for more than there is will fail. */
	if (to == 0 || about == 0 || about > n)
		return n;
	*popping = true;
	return n - about;
}

/* Give the first n objects of a forbidden cache to the slabs. Returns whether there were any. */
static bool
cache_collect(struct fastmem_bin *bin, struct rte_fastmem_cache *c, uint32_t n)
{
	struct fastmem_pool *pool = bin->pool;
	uint32_t i;

	while (n > 0 && c->loaded->objs[n - 1] == NULL)
		n--;
	if (n == 0)
		return false;
	pool->stolen = c->loaded->objs;
	pool->stolen_n = n;
	MOVE(pool->stolen_total, n);
	fastmem_slab_free_array(bin, pool->stolen, &pool->stolen_n);
	for (i = 0; i < n; i++)
		pool->stolen[i] = NULL;
	MOVE(pool->stolen_total, 0);
	return true;
}

/* Returns whether it was worth it. popping: whether a cache was in use at that moment. */
static bool
sweep(struct fastmem_bin *bin, const struct fastmem_tcache *self, bool *popping)
{
	struct fastmem_tcache *t;
	bool any = false;

	for (t = first_tcache(); t != NULL; t = t->next) {
		struct rte_fastmem_cache *c = &t->caches[bin->id];

		if (t == self || c->loaded == NULL || !has_objects(c))
			continue;
		any = true;
		if (!is_forbidden(c))
			forbid(c);
	}
	if (!any || membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) != 0)
		return false;
	any = false;
	for (t = first_tcache(); t != NULL; t = t->next) {
		struct rte_fastmem_cache *c = &t->caches[bin->id];

		if (t == self || c->loaded == NULL || !is_forbidden(c))
			continue;
		if (cache_collect(bin, c, cache_limit(c, popping)))
			any = true;
	}
	return any;
}

/*
 * Give the free objects of a pool that lie in the depot and in other threads' caches to
 * the slabs. Returns whether there were any. popping: whether a cache was in use at that
 * moment.
 */
bool
fastmem_steal(struct fastmem_bin *bin, const struct fastmem_tcache *self, bool *popping)
{
	bool any = fastmem_bin_gather(bin);

	return sweep(bin, self, popping) || any;
}
