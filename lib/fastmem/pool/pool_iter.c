/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Looking at a pool: figures, and what objects and memory there are.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_hooks.h"
#include "pool_private.h"

static void
figures(const struct fastmem_pool *pool, struct fastmem_bin_figures *out)
{
	fastmem_bin_read(fastmem_ctl(), pool->bin, out);
}

static uint32_t
slots(const struct fastmem_pool *pool)
{
	return rte_atomic_load_explicit(&fastmem_pool_bin(pool)->n_slots, rte_memory_order_relaxed);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_in_use_count, 26.11)
uint32_t
rte_fastmem_pool_in_use_count(const struct rte_fastmem_pool *user)
{
	struct fastmem_bin_figures f;

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	figures(fastmem_pool(user), &f);
	return RTE_MAX(f.in_use, 0);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_avail_count, 26.11)
uint32_t
rte_fastmem_pool_avail_count(const struct rte_fastmem_pool *user)
{
	struct fastmem_bin_figures f;
	int64_t n;

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	figures(fastmem_pool(user), &f);
	n = slots(fastmem_pool(user));
	/* The pool may have shrunk in between. */
	return n - RTE_MIN(RTE_MAX(f.in_use, 0), n);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_name, 26.11)
const char *
rte_fastmem_pool_name(const struct rte_fastmem_pool *user)
{
	return user != NULL ? fastmem_pool(user)->name : "";
}

/* What there is of bookkeeping for a pool outside of its place in ctl, and there. */
static uint64_t
metadata_bytes(const struct fastmem_ctl *ctl, const struct fastmem_pool *pool,
		const struct fastmem_bin *bin, uint64_t n_granules)
{
	uint32_t n_tcaches = rte_atomic_load_explicit(&ctl->n_tcaches, rte_memory_order_relaxed);
	/* Pairs with the release in magazine_add_block(). */
	uint32_t id, n = rte_atomic_load_explicit(&ctl->meta.n_magazines, rte_memory_order_acquire);
	const struct fastmem_tcache *t;
	uint64_t bytes = sizeof(*pool) + sizeof(*bin) + 2 * sizeof(struct fastmem_depot);

	bytes += n_tcaches * sizeof(struct rte_fastmem_cache);
	FASTMEM_FOREACH_TCACHE(t, ctl)
		if (fastmem_counts(t, bin->id) != NULL)
			bytes += sizeof(struct fastmem_counts);
	bytes += n_granules * (sizeof(struct fastmem_granule) + sizeof(uint16_t));
	bytes += bin->big_words * sizeof(uint64_t) + bin->store_size * sizeof(void *);
	for (id = 1; id <= n; id++)
		if (fastmem_magazine_of_bin(id, bin) != NULL)
			bytes += sizeof(struct fastmem_magazine) +
				fastmem_magazine_capacity(bin->magazine_kind) * sizeof(void *);
	return bytes;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_stats, 26.11)
int
rte_fastmem_pool_stats(const struct rte_fastmem_pool *user, struct rte_fastmem_pool_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	const struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_bin_figures f;
	struct fastmem_bin *bin;
	uint64_t n_granules, n_slots;

	if (user == NULL || stats == NULL)
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	bin = fastmem_pool_bin(pool);
	figures(pool, &f);
	fastmem_bin_lock(bin);
	n_granules = (uint64_t)(bin->n_slabs + bin->n_limbo) * bin->slab_granules;
	n_slots = bin->n_slots;
	fastmem_mutex_unlock(&bin->lock);

	memset(stats, 0, sizeof(*stats));
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	stats->objects = n_slots;
	/* Below 0 if objects were put twice, or are not this pool's. */
	stats->in_use = RTE_MAX(f.in_use, 0);
	stats->deferred = fastmem_defer_count(pool);
	stats->get_total = f.alloc;
	stats->put_total = f.free;
	stats->get_failed = f.nomem;
	stats->bytes_backing = n_granules << RTE_FASTMEM_GRANULE_SHIFT;
	stats->bytes_metadata = metadata_bytes(ctl, pool, bin, n_granules);
	if (bin->store != NULL)
		return 0;
	stats->bytes_in_use = (uint64_t)stats->in_use * bin->slot_size;
	stats->bytes_wasted = stats->bytes_backing - n_slots * bin->slot_size;
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_dump, 26.11)
void
rte_fastmem_pool_dump(FILE *f, const struct rte_fastmem_pool *user)
{
	FASTMEM_UNCANCELLABLE;
	const struct fastmem_pool *pool = fastmem_pool(user);
	struct rte_fastmem_pool_stats s;
	const struct fastmem_bin *bin;

	if (f == NULL)
		return;
	if (user == NULL || rte_fastmem_pool_stats(user, &s) != 0) {
		fprintf(f, "fastmem pool: none, or fastmem is not initialised\n");
		return;
	}
	bin = fastmem_pool_bin(pool);
	fprintf(f, "fastmem pool %s: %u of %u objects in use, min %u, max ", pool->name, s.in_use,
		s.objects, pool->min);
	if (pool->max == UINT32_MAX)
		fprintf(f, "none\n");
	else
		fprintf(f, "%u\n", pool->max);
	fprintf(f, "  stride %u, header %u, cache %u, socket %d, flags %#x, created by process %u\n",
		user->stride, bin->header, bin->magazine_size,
		fastmem_ctl()->arenas[bin->socket].socket_id, pool->flags, pool->creator_pid);
	fprintf(f, "  got %" PRIu64 ", put %" PRIu64 ", refused %" PRIu64 ", deferred %u\n",
		s.get_total, s.put_total, s.get_failed, s.deferred);
	if (s.put_total > s.get_total)
		fprintf(f, "  put more often than got: objects put twice, or not this pool's\n");
	fprintf(f, "  bytes: %" PRIu64 " held, %" PRIu64 " in use, %" PRIu64 " wasted, %" PRIu64
		" of bookkeeping\n", s.bytes_backing, s.bytes_in_use, s.bytes_wasted,
		s.bytes_metadata);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_walk, 26.11)
void
rte_fastmem_pool_walk(void (*cb)(struct rte_fastmem_pool *pool, void *arg), void *arg)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int i;

	for (i = 0; ctl != NULL && i < RTE_FASTMEM_MAX_POOLS; i++) {
		/* Pairs with the release in fastmem_pool_set_state(). */
		if (rte_atomic_load_explicit(&ctl->pools[i].state, rte_memory_order_acquire) !=
				FASTMEM_POOL_LIVE)
			continue;
		FASTMEM_HOOK(calls);
		cb(&ctl->pools[i].user, arg);
	}
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_index, 26.11)
uint32_t
rte_fastmem_pool_index(const struct rte_fastmem_pool *user, const void *obj)
{
	const struct fastmem_pool *pool = fastmem_pool(user);
	const struct fastmem_granule *slab;
	uint32_t slot;

	if (user == NULL || fastmem_ctl_get() == NULL || rte_fastmem_bin_of(obj) != pool->bin)
		return UINT32_MAX;
	slab = fastmem_slab_of(obj);
	slot = fastmem_slab_slot(fastmem_pool_bin(pool), slab, obj);
	return slot != UINT32_MAX ? slab->first_index + slot : slot;
}

/* Slabs by number. */

static int
by_index(const void *a, const void *b)
{
	const struct fastmem_granule *x = *(struct fastmem_granule *const *)a;
	const struct fastmem_granule *y = *(struct fastmem_granule *const *)b;

	return x->first_index < y->first_index ? -1 : x->first_index > y->first_index;
}

static unsigned int
slabs_by_index(const struct fastmem_pool *pool, struct fastmem_granule ***slabs)
{
	unsigned int n = fastmem_slabs(fastmem_pool_bin(pool), slabs);

	qsort(*slabs, n, sizeof((*slabs)[0]), by_index);
	return n;
}

static void
call_back(const struct fastmem_pool *pool, void *obj, rte_iova_t iova, uint32_t index,
		rte_fastmem_pool_obj_cb cb, void *arg)
{
	FASTMEM_HOOK(calls);
	cb((struct rte_fastmem_pool *)(uintptr_t)&pool->user, arg, obj, iova, index);
}

static void
visit(const struct fastmem_pool *pool, const struct fastmem_granule *slab, uint32_t slot,
		rte_fastmem_pool_obj_cb cb, void *arg)
{
	const struct fastmem_bin *bin = fastmem_pool_bin(pool);
	size_t offset = (size_t)slot * bin->slot_size + bin->header;
	char *obj = fastmem_granule_addr(slab->head) + offset;
	bool peeked;

	peeked = FASTMEM_HOOK_OR(false, look, bin, slab, obj);
	call_back(pool, obj, slab->iova == RTE_BAD_IOVA ? RTE_BAD_IOVA : slab->iova + offset,
		slab->first_index + slot, cb, arg);
	if (peeked)
		FASTMEM_HOOK(look_end, bin, slab, obj);
}

/* Of an external pool, those that are in no cache. */
static uint32_t
store_iter(const struct fastmem_pool *pool, rte_fastmem_pool_obj_cb cb, void *arg)
{
	struct fastmem_bin *bin = fastmem_pool_bin(pool);
	uint32_t i, n;

	fastmem_peers_take_back(fastmem_ctl()); /* what the dead have cached is free */
	fastmem_cache_flush(fastmem_tcache_self(false), bin);
	fastmem_caches_lock(bin);
	fastmem_bin_gather(fastmem_tcache_current(), bin);
	fastmem_caches_unlock(bin);
	n = bin->n_stored;
	for (i = 0; i < n; i++)
		call_back(pool, bin->store[i], RTE_BAD_IOVA, i, cb, arg);
	return n;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_obj_iter, 26.11)
uint32_t
rte_fastmem_pool_obj_iter(struct rte_fastmem_pool *user, rte_fastmem_pool_obj_cb cb, void *arg)
{
	FASTMEM_UNCANCELLABLE;
	const struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_granule **slabs;
	uint32_t i, slot, visited = 0;
	unsigned int n;

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	if (pool->flags & RTE_FASTMEM_POOL_F_EXTERNAL)
		return store_iter(pool, cb, arg);
	fastmem_pool_look_begin(fastmem_pool(user));
	n = slabs_by_index(pool, &slabs);
	for (i = 0; i < n; i++) {
		if (slabs[i]->limbo)
			continue;
		for (slot = 0; slot < slabs[i]->n_slots; slot++)
			visit(pool, slabs[i], slot, cb, arg);
		visited += slabs[i]->n_slots;
	}
	fastmem_pool_look_end(fastmem_pool(user));
	free(slabs);
	return visited;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_mem_iter, 26.11)
uint32_t
rte_fastmem_pool_mem_iter(struct rte_fastmem_pool *user, rte_fastmem_pool_mem_cb cb, void *arg)
{
	FASTMEM_UNCANCELLABLE;
	const struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_granule **slabs;
	unsigned int i, n;

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	fastmem_pool_look_begin(fastmem_pool(user));
	n = slabs_by_index(pool, &slabs);
	for (i = 0; i < n; i++)
		fastmem_pool_call_mem(fastmem_pool(user), slabs[i], cb, arg);
	fastmem_pool_look_end(fastmem_pool(user));
	free(slabs);
	return n;
}

/* Objects in use: neither in a slab's bits nor in a magazine. */

struct used {
	const struct fastmem_pool *pool;
	struct fastmem_granule **slabs; /* by index */
	unsigned int n;
	uint64_t **bits; /* a set bit: free. By slab */
};

/* Note that an object is free. */
static void
note_free(struct used *u, const void *obj)
{
	struct fastmem_granule *slab;
	uint32_t slot;
	unsigned int i;

	if (obj == NULL || rte_fastmem_bin_of(obj) != u->pool->bin)
		return;
	slab = fastmem_slab_of(obj);
	slot = fastmem_slab_slot(fastmem_pool_bin(u->pool), slab, obj);
	for (i = 0; i < u->n && slot != UINT32_MAX; i++) {
		if (u->slabs[i] != slab)
			continue;
		u->bits[i][slot / 64] |= UINT64_C(1) << slot % 64;
		break;
	}
}

static void
note_cached(struct used *u)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_bin *bin = fastmem_pool_bin(u->pool);
	const struct fastmem_tcache *t;
	uint32_t i;

	FASTMEM_FOREACH_TCACHE(t, ctl) {
		const struct rte_fastmem_cache *c = &t->caches[bin->id];

		for (i = 0; c->loaded != NULL && i < fastmem_cache_len(c); i++)
			note_free(u, c->loaded->objs[i]);
	}
}

static int
used_begin(struct used *u)
{
	unsigned int i;

	u->bits = calloc(u->n, sizeof(u->bits[0]));
	for (i = 0; u->bits != NULL && i < u->n; i++) {
		size_t bytes = (u->slabs[i]->n_slots + 63) / 64 * sizeof(uint64_t);

		u->bits[i] = malloc(bytes);
		if (u->bits[i] == NULL)
			return -ENOMEM;
		memcpy(u->bits[i], u->slabs[i]->bits, bytes);
	}
	return u->bits != NULL ? 0 : -ENOMEM;
}

static void
used_end(struct used *u)
{
	unsigned int i;

	for (i = 0; u->bits != NULL && i < u->n; i++)
		free(u->bits[i]);
	free(u->bits);
	free(u->slabs);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_used_iter, 26.11)
int64_t
rte_fastmem_pool_used_iter(struct rte_fastmem_pool *user, rte_fastmem_pool_obj_cb cb, void *arg)
{
	FASTMEM_UNCANCELLABLE;
	const struct fastmem_pool *pool = fastmem_pool(user);
	struct used u = { .pool = pool };
	struct fastmem_bin *bin;
	int64_t visited = 0;
	uint32_t slot;
	unsigned int i;
	int ret;

	if (user == NULL || fastmem_ctl_get() == NULL)
		return -ENODEV;
	if (pool->flags & RTE_FASTMEM_POOL_F_EXTERNAL)
		return -ENOTSUP;
	bin = fastmem_pool_bin(pool);
	fastmem_peers_take_back(fastmem_ctl()); /* what the dead have cached is free */
	fastmem_pool_look_begin(fastmem_pool(user));
	u.n = slabs_by_index(pool, &u.slabs);
	if (u.n == 0) {
		fastmem_pool_look_end(fastmem_pool(user));
		used_end(&u);
		return 0;
	}
	FASTMEM_HOOK(flush, bin);
	/* Loaded magazines stay where they are; all others go to the slabs first. */
	fastmem_cache_flush(fastmem_tcache_self(false), bin);
	fastmem_caches_lock(bin);
	fastmem_bin_gather(fastmem_tcache_current(), bin);
	fastmem_bin_lock(bin);
	ret = used_begin(&u);
	fastmem_mutex_unlock(&bin->lock);
	if (ret == 0)
		note_cached(&u);
	fastmem_caches_unlock(bin);
	for (i = 0; ret == 0 && i < u.n; i++) {
		for (slot = 0; slot < u.slabs[i]->n_slots; slot++) {
			if (u.bits[i][slot / 64] & UINT64_C(1) << slot % 64)
				continue;
			visit(pool, u.slabs[i], slot, cb, arg);
			visited++;
		}
	}
	fastmem_pool_look_end(fastmem_pool(user));
	used_end(&u);
	return ret == 0 ? visited : ret;
}
