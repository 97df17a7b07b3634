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
 * sorts that out in its slow path: fastmem_cache_restore(). Thieves exclude each
 * other, and the slow path, by pool.caches. Modelled in models/take.pml.
 */

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include "fastmem_cache.h"
#include "fastmem_trace.h"
#include "pool_private.h"

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
		FASTMEM_LOG(NOTICE, "membarrier(2) is not available: %s. Typed pools work without "
			"thread caches", strerror(errno));
}

static bool
is_forbidden(const struct rte_fastmem_cache *c)
{
	return c->base > c->end;
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
	FASTMEM_MOVE(c->end, objs);
	fastmem_cache_forbid_pop(c, objs);
}

/* How many objects at the bottom of a forbidden cache are not about to be popped. */
static uint32_t
cache_limit(const struct rte_fastmem_cache *c, bool *popping)
{
	/* Pairs with the release in rte_fastmem_pool_popped(): if it is 0, top is as popped. */
	uint32_t to = rte_atomic_load_explicit(&c->popping, rte_memory_order_acquire);
	/* Pairs with the release in RTE_FASTMEM_SET_TOP(). */
	void **top = rte_atomic_load_explicit(&c->top, rte_memory_order_acquire);
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
	FASTMEM_MOVE(pool->stolen_total, n);
	fastmem_slab_free_array(bin, pool->stolen, &pool->stolen_n);
	for (i = 0; i < n; i++)
		pool->stolen[i] = NULL;
	FASTMEM_MOVE(pool->stolen_total, 0);
	return true;
}

/*
 * Give the free objects of a pool that lie in the loaded magazines of other threads to the slabs.
 * Returns whether there were any. popping: whether a cache was in use at that moment.
 */
bool
fastmem_steal(struct fastmem_bin *bin, const struct fastmem_tcache *self, bool *popping)
{
	struct fastmem_tcache *t;
	bool any = false;

	FASTMEM_FOREACH_TCACHE(t, fastmem_ctl()) {
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
	FASTMEM_FOREACH_TCACHE(t, fastmem_ctl()) {
		struct rte_fastmem_cache *c = &t->caches[bin->id];
		uint32_t n;

		if (t == self || c->loaded == NULL || !is_forbidden(c))
			continue;
		n = cache_limit(c, popping);
		if (!cache_collect(bin, c, n))
			continue;
		FASTMEM_TRACE(recycled, bin->id, bin->slot_size, n, t->lcore);
		any = true;
	}
	return any;
}
