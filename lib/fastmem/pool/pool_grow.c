/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Slabs of pools come and go.
 *
 * Objects are constructed before their slab is entered, and destroyed after it has left.
 */

#include <errno.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_hooks.h"
#include "fastmem_trace.h"
#include "pool_private.h"

#define GROW_TRIES 16 /* to take memory that other threads take as well */

void
fastmem_pool_grow_lock(struct fastmem_pool *pool)
{
	struct fastmem_extent extent;

	if (!fastmem_mutex_lock(&pool->grow, FASTMEM_LOCK_POOL_GROW))
		return;
	/* What the dead one was making is no slab yet, but has its numbers. */
	if ((pool->flags & RTE_FASTMEM_POOL_F_SHRINK) == 0) {
		fastmem_bin_extent(fastmem_pool_bin(pool), &extent);
		pool->next_index = extent.n_slots;
	}
	fastmem_mutex_repaired(&pool->grow);
}

static bool
has_functions(const struct fastmem_pool *pool)
{
	return pool->ctor != NULL || pool->dtor != NULL || pool->mem_added != NULL ||
		pool->mem_removed != NULL;
}

/* Whether this process can call the functions of a pool. */
bool
fastmem_pool_is_creator(const struct fastmem_pool *pool)
{
	return pool->creator_nonce == fastmem_process.nonce;
}

/* Whether this process can read the RCU variable that a pool has. */
bool
fastmem_pool_can_read_qsbr(const struct fastmem_pool *pool)
{
	return pool->qsbr_shared || fastmem_pool_is_creator(pool);
}

/* Call a function of the application for the memory of a slab. */
void
fastmem_pool_call_mem(struct fastmem_pool *pool, const struct fastmem_granule *slab,
		rte_fastmem_pool_mem_cb cb, void *arg)
{
	struct rte_fastmem_pool_mem mem = {
		.addr = fastmem_granule_addr(slab->head),
		.iova = slab->iova,
		.len = (size_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT,
	};

	FASTMEM_HOOK(wrote, &mem, sizeof(mem));
	FASTMEM_HOOK(calls);
	cb(&pool->user, arg, &mem);
}

static void
slab_for_each(struct fastmem_pool *pool, const struct fastmem_granule *slab,
		rte_fastmem_pool_obj_cb cb)
{
	const struct fastmem_bin *bin = fastmem_pool_bin(pool);
	char *base = fastmem_granule_addr(slab->head);
	uint32_t i;

	for (i = 0; i < slab->n_slots; i++) {
		size_t offset = (size_t)i * bin->slot_size + bin->header;

		FASTMEM_HOOK(calls);
		cb(&pool->user, pool->arg, base + offset, slab->iova == RTE_BAD_IOVA ?
			RTE_BAD_IOVA : slab->iova + offset, slab->first_index + i);
	}
}

/*
 * Give the pool, which has that much, a slab of memory that is there. Returns 0, -ENOBUFS: it has
 * all it may have, or -ENOMEM.
 */
static int
pool_add_slab(struct fastmem_pool *pool, const struct fastmem_extent *extent)
{
	struct fastmem_bin *bin = fastmem_pool_bin(pool);
	struct fastmem_granule *slab;

	if (extent->n_slots >= pool->max ||
			extent->n_granules + bin->slab_granules > pool->max_granules)
		return -ENOBUFS;
	slab = fastmem_slab_make(bin, RTE_FASTMEM_F_NOGROW, pool->max - extent->n_slots);
	if (slab == NULL)
		return -ENOMEM;
	slab->first_index = pool->next_index;
	pool->next_index += slab->n_slots;
	if (pool->flags & RTE_FASTMEM_POOL_F_CONTIG)
		pool->user.base = fastmem_granule_addr(slab->head) + bin->header;
	if (pool->mem_added != NULL)
		fastmem_pool_call_mem(pool, slab, pool->mem_added, pool->arg);
	if (pool->ctor != NULL)
		slab_for_each(pool, slab, pool->ctor);
	fastmem_slab_enter(bin, slab);
	return 0;
}

void
fastmem_pool_slab_finish(struct fastmem_pool *pool, struct fastmem_granule *slab, bool functions)
{
	FASTMEM_HOOK(slab_leave, slab);
	if (functions && pool->dtor != NULL)
		slab_for_each(pool, slab, pool->dtor);
	if (functions && pool->mem_removed != NULL)
		fastmem_pool_call_mem(pool, slab, pool->mem_removed, pool->arg);
	fastmem_slab_end(fastmem_pool_bin(pool), slab);
}

static bool
is_looked_at(const struct fastmem_pool *pool)
{
	unsigned int i;

	for (i = 0; i < FASTMEM_MAX_PEERS; i++)
		/* Pairs with the release in fastmem_pool_look_end(). */
		if (rte_atomic_load_explicit(&pool->looking[i], rte_memory_order_acquire) != 0)
			return true;
	return false;
}

/* End those slabs that have left and that nobody reads any more. Returns the bytes. */
static size_t
pool_end_limbo(struct fastmem_pool *pool)
{
	struct fastmem_bin *bin = fastmem_pool_bin(pool);
	uint64_t checked = FASTMEM_NO_TOKEN;
	bool over = true;
	uint64_t token = FASTMEM_NO_TOKEN; /* one for all that have left since the last time */
	struct fastmem_granule **slabs;
	unsigned int n, i;
	size_t given = 0;

	/* Without bin.lock: it changes under pool.grow, but for a repair. The next call looks again. */
	if (bin->n_limbo == 0 || is_looked_at(pool))
		return 0;
	n = fastmem_slabs(bin, &slabs);
	for (i = 0; i < n; i++) {
		struct fastmem_granule *slab = slabs[i];

		if (!slab->limbo)
			continue;
		if (pool->qsbr != NULL && slab->token == FASTMEM_NO_TOKEN) {
			/* After they have left: from now on nobody can get to them. */
			if (token == FASTMEM_NO_TOKEN)
				token = rte_rcu_qsbr_start(pool->qsbr);
			slab->token = token;
			continue;
		}
		/* Once for each grace period: what has left together ends together. */
		if (pool->qsbr != NULL && slab->token != checked) {
			checked = slab->token;
			over = rte_rcu_qsbr_check(pool->qsbr, checked, false) != 0;
		}
		if (!over)
			continue;
		given += (size_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_pool_slab_finish(pool, slab, true);
	}
	free(slabs);
	return given;
}

/*
 * From one to the other, no memory leaves the pool: for iterators. Another pool's growth
 * would have it leave at any time.
 */
void
fastmem_pool_look_begin(struct fastmem_pool *pool)
{
	fastmem_pool_grow_lock(pool);
	/* Read under the same lock. */
	rte_atomic_fetch_add_explicit(&pool->looking[fastmem_process.peer], 1,
			rte_memory_order_relaxed);
	fastmem_mutex_unlock(&pool->grow);
}

void
fastmem_pool_look_end(struct fastmem_pool *pool)
{
	/* Pairs with the acquire in is_looked_at(). */
	rte_atomic_fetch_sub_explicit(&pool->looking[fastmem_process.peer], 1,
			rte_memory_order_release);
}

/*
 * End the memory that has left, and unless the pool is about to grow, let what is empty
 * leave. Returns the bytes that have left for good.
 */
size_t
fastmem_pool_shrink(struct fastmem_pool *pool, bool grows)
{
	FASTMEM_UNCANCELLABLE;
	FASTMEM_LOG_LATER;
	struct fastmem_bin *bin = fastmem_pool_bin(pool);
	size_t given;

	if ((pool->flags & RTE_FASTMEM_POOL_F_SHRINK) == 0 ||
			(has_functions(pool) && !fastmem_pool_is_creator(pool)) ||
			(pool->qsbr != NULL && !fastmem_pool_can_read_qsbr(pool)))
		return 0;
	if (!grows) {
		fastmem_caches_lock(bin);
		fastmem_bin_gather(fastmem_tcache_current(), bin);
		fastmem_caches_unlock(bin);
	}
	fastmem_pool_grow_lock(pool);
	given = pool_end_limbo(pool);
	while (!grows && !is_looked_at(pool) && fastmem_slab_leave(bin, pool->min) != NULL)
		;
	given += pool_end_limbo(pool);
	fastmem_mutex_unlock(&pool->grow);
	if (given > 0)
		FASTMEM_TRACE(pool_shrunk, pool->name, given);
	return given;
}

/*
 * Let empty memory leave all pools of a socket, but for the one that grows, if not NULL: it
 * would lose what it has just got. Not under a lock. Returns the bytes.
 */
size_t
fastmem_pools_shrink(struct fastmem_ctl *ctl, int socket_id, const struct fastmem_pool *growing)
{
	FASTMEM_LOG_LATER;
	size_t given = 0;
	unsigned int i;

	fastmem_pools_lock(ctl);
	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		struct fastmem_pool *pool = &ctl->pools[i];

		if (pool->state == FASTMEM_POOL_LIVE && (socket_id == SOCKET_ID_ANY ||
				ctl->arenas[ctl->bins[pool->bin].socket].socket_id == socket_id))
			given += fastmem_pool_shrink(pool, pool == growing);
	}
	fastmem_mutex_unlock(&ctl->pools_lock);
	return given;
}

/*
 * Whether the pool is still the one that is meant: a request for growth may come late. Under
 * pool.grow, which whoever frees a pool takes when the state says so.
 */
static bool
is_same(const struct fastmem_pool *pool, uint32_t generation)
{
	/* Pairs with the releases in fastmem_pool_set_state() and fastmem_pool_take_place(). */
	uint32_t state = rte_atomic_load_explicit(&pool->state, rte_memory_order_acquire);

	return rte_atomic_load_explicit(&pool->generation, rte_memory_order_relaxed) ==
		generation && (state == FASTMEM_POOL_LIVE || (state == FASTMEM_POOL_MAKING &&
			pool->maker == fastmem_process.peer));
}

/* Grow to n objects, from what the arena has. made: what the pool had, and has. */
static int
pool_grow_to(struct fastmem_pool *pool, uint32_t generation, uint32_t n,
		struct fastmem_extent *made)
{
	FASTMEM_UNCANCELLABLE;
	int ret;

	fastmem_pool_grow_lock(pool);
	ret = is_same(pool, generation) ? 0 : -ENODEV;
	while (ret == 0) {
		fastmem_bin_extent(fastmem_pool_bin(pool), made);
		if (made->n_slots >= n)
			break;
		ret = pool_add_slab(pool, made);
		if (ret == 0)
			FASTMEM_TRACE(pool_grown, pool->name, pool->next_index);
	}
	fastmem_mutex_unlock(&pool->grow);
	return ret;
}

/*
 * Have memory for another slab of a pool, for any thread to take. Not under a lock: EAL may take
 * its time, and in a secondary the primary, which may wait for that lock itself.
 */
static int
pool_make_room(const struct fastmem_pool *pool)
{
	const struct fastmem_bin *bin = fastmem_pool_bin(pool);
	size_t bytes = fastmem_slab_meta_bytes(bin);

	if (bytes > 0 && fastmem_meta_grow(bytes) != 0)
		return -ENOMEM;
	return fastmem_arena_grow(&fastmem_ctl()->arenas[bin->socket], bin->slab_granules,
		bin->slab_align);
}

/*
 * Grow to n objects, unless the pool of that generation is no more. Returns 0, -ENOMEM, -ENODEV:
 * it is no more, or -ENOTSUP.
 */
int
fastmem_pool_grow(struct fastmem_pool *pool, uint32_t generation, uint32_t n)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	int socket_id = ctl->arenas[fastmem_pool_bin(pool)->socket].socket_id;
	struct fastmem_extent made = { 0 };
	unsigned int vain = 0;
	uint32_t before;
	int ret;

	if (has_functions(pool) && !fastmem_pool_is_creator(pool)) {
		if (pool->creator != 0 || rte_eal_process_type() == RTE_PROC_PRIMARY)
			return -ENOTSUP;
		return fastmem_process.up->ask(&(struct fastmem_ask){
			.op = FASTMEM_ASK_POOL_GROW, .pool = pool - ctl->pools,
			.generation = generation, .n = n });
	}
	ret = pool_grow_to(pool, generation, n, &made);
	/* What is about to leave this pool, or of no use to others, is better than EAL's. */
	if ((ret == -ENOMEM || ret == -ENOBUFS) &&
			fastmem_pools_shrink(ctl, socket_id, pool) > 0)
		ret = pool_grow_to(pool, generation, n, &made);
	if (ret == -ENOMEM &&
			fastmem_reclaim_large(fastmem_tcache_current(),
				&ctl->arenas[fastmem_pool_bin(pool)->socket]))
		ret = pool_grow_to(pool, generation, n, &made);
	/* Other threads may be faster to take what there is room for, but not for ever. */
	while (ret == -ENOMEM && vain < GROW_TRIES && pool_make_room(pool) == 0) {
		before = made.n_slots;
		ret = pool_grow_to(pool, generation, n, &made);
		vain = made.n_slots > before ? 0 : vain + 1;
	}
	return ret == -ENOBUFS ? -ENOMEM : ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_add, 26.11)
int
rte_fastmem_pool_add(struct rte_fastmem_pool *user, void *const *objs, unsigned int n)
{
	struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_bin *bin;
	int ret = 0;

	if (fastmem_ctl_get() == NULL)
		return -ENODEV;
	if (user == NULL || (objs == NULL && n > 0))
		return -EINVAL;
	if (!fastmem_pool_is_live(pool))
		return -ENODEV;
	if ((pool->flags & RTE_FASTMEM_POOL_F_EXTERNAL) == 0)
		return -EINVAL;
	bin = fastmem_pool_bin(pool);
	fastmem_bin_lock(bin);
	if (n > pool->max - bin->n_slots) {
		ret = -ENOBUFS;
	} else if (n > 0) {
		/* In this order, if killed: more than there are is what nobody has got. */
		memcpy(bin->store + bin->n_stored, objs, n * sizeof(objs[0]));
		rte_atomic_store_explicit(&bin->n_slots, bin->n_slots + n,
				rte_memory_order_relaxed);
		FASTMEM_MOVE(bin->n_stored, bin->n_stored + n);
	}
	fastmem_mutex_unlock(&bin->lock);
	return ret;
}

/*
 * Objects of a pool of external ones, which were got, are nobody's any more: their memory is gone.
 * The pool has no other user meanwhile.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_pool_drop)
void
fastmem_pool_drop(struct rte_fastmem_pool *user)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_bin_figures figures;
	struct fastmem_bin *bin;

	if (user == NULL || ctl == NULL || !fastmem_pool_is_live(fastmem_pool(user)))
		return;
	bin = fastmem_pool_bin(fastmem_pool(user));
	fastmem_caches_lock(bin);
	fastmem_bin_read(ctl, bin->id, &figures);
	fastmem_bin_lock(bin);
	if (bin->store != NULL && figures.in_use > 0)
		rte_atomic_store_explicit(&bin->n_slots, bin->n_slots - figures.in_use,
				rte_memory_order_relaxed);
	fastmem_mutex_unlock(&bin->lock);
	fastmem_caches_unlock(bin);
}
