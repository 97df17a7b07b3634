/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <string.h>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <rte_spinlock.h>

#include "cache.h"

#define SLICE 512 /* values that are looked at while writers wait */

struct value {
	uint64_t key;
	uint32_t size;
	uint32_t used; /* time of the last read. Any reader, atomically: relaxed, an age only */
	unsigned char data[];
};

struct cache {
	const struct backend *backend;
	struct rte_hash *hash; /* key -> struct value */
	struct rte_rcu_qsbr *rcu;
	rte_spinlock_t lock; /* of who adds to the hash or deletes from it */
	struct cache_counts counts; /* any thread, atomically */
};

static void
count(uint64_t *counter, int64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

static struct rte_rcu_qsbr *
rcu_create(void)
{
	size_t size = rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE);
	struct rte_rcu_qsbr *rcu = rte_zmalloc("kvcache_rcu", size, RTE_CACHE_LINE_SIZE);

	if (rcu != NULL && rte_rcu_qsbr_init(rcu, RTE_MAX_LCORE) != 0) {
		rte_free(rcu);
		rcu = NULL;
	}
	return rcu;
}

struct cache *
cache_create(const struct backend *backend, unsigned int max)
{
	const struct rte_hash_parameters params = {
		.name = "kvcache",
		.entries = 2 * max, /* a bucket is full before the table is */
		.key_len = sizeof(uint64_t),
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	struct cache *c = rte_zmalloc("kvcache", sizeof(*c), 0);

	if (c == NULL)
		return NULL;
	c->backend = backend;
	rte_spinlock_init(&c->lock);
	c->rcu = rcu_create();
	c->hash = rte_hash_create(&params);
	if (c->rcu == NULL || c->hash == NULL) {
		rte_hash_free(c->hash);
		rte_free(c->rcu);
		rte_free(c);
		return NULL;
	}
	return c;
}

void
cache_free(struct cache *c)
{
	cache_expire(c, UINT32_MAX);
	rte_hash_free(c->hash);
	rte_free(c->rcu);
	rte_free(c);
}

void
cache_reader_begin(struct cache *c)
{
	rte_rcu_qsbr_thread_register(c->rcu, rte_lcore_id());
	rte_rcu_qsbr_thread_online(c->rcu, rte_lcore_id());
}

void
cache_reader_end(struct cache *c)
{
	rte_rcu_qsbr_thread_offline(c->rcu, rte_lcore_id());
	rte_rcu_qsbr_thread_unregister(c->rcu, rte_lcore_id());
}

void
cache_quiescent(struct cache *c)
{
	rte_rcu_qsbr_quiescent(c->rcu, rte_lcore_id());
}

static unsigned char
pattern(uint64_t key)
{
	return key * 31 + 7;
}

bool
cache_get(struct cache *c, uint64_t key, uint32_t now, bool *damaged)
{
	struct value *v;
	void *data;

	if (rte_hash_lookup_data(c->hash, &key, &data) < 0)
		return false;
	v = data;
	/* A line that readers share is written once for each time. */
	if (__atomic_load_n(&v->used, __ATOMIC_RELAXED) != now)
		__atomic_store_n(&v->used, now, __ATOMIC_RELAXED);
	*damaged = v->key != key || v->data[0] != pattern(key) ||
		v->data[v->size - sizeof(*v) - 1] != pattern(key);
	return true;
}

static struct value *
value_make(struct cache *c, uint64_t key, uint32_t size, uint32_t now)
{
	struct value *v = c->backend->alloc(size);

	if (v == NULL)
		return NULL;
	v->key = key;
	v->size = size;
	v->used = now;
	memset(v->data, pattern(key), size - sizeof(*v));
	return v;
}

void
cache_put(struct cache *c, uint64_t key, uint32_t size, uint32_t now)
{
	struct value *v = value_make(c, key, size, now);
	bool is_there;
	int ret = 0;

	if (v == NULL) {
		count(&c->counts.refused, 1);
		return;
	}
	rte_spinlock_lock(&c->lock);
	is_there = rte_hash_lookup(c->hash, &key) >= 0;
	if (!is_there)
		ret = rte_hash_add_key_data(c->hash, &key, v);
	if (!is_there && ret == 0) {
		count(&c->counts.values, 1);
		count(&c->counts.bytes, size);
	}
	rte_spinlock_unlock(&c->lock);
	if (is_there || ret != 0)
		c->backend->free(v, size); /* no reader has seen it */
	if (ret != 0)
		count(&c->counts.refused, 1);
}

/* What was deleted, with its place in the hash: readers may hold both still. */
struct removed {
	struct value *value;
	int32_t position;
};

/* Delete what was not read since then from a slice of the hash, and go on behind it. */
static unsigned int
slice_remove(struct cache *c, uint32_t since, uint32_t *at, struct removed removed[SLICE], bool *is_last)
{
	unsigned int i, n = 0;

	rte_spinlock_lock(&c->lock);
	for (i = 0; i < SLICE && !*is_last; i++) {
		const void *key;
		struct value *v;
		void *data;

		if (rte_hash_iterate(c->hash, &key, &data, at) < 0) {
			*is_last = true;
			break;
		}
		v = data;
		if (__atomic_load_n(&v->used, __ATOMIC_RELAXED) < since)
			removed[n++] = (struct removed) { v, rte_hash_del_key(c->hash, &v->key) };
	}
	rte_spinlock_unlock(&c->lock);
	return n;
}

/* All readers have been quiescent since these were deleted. */
static void
removed_free(struct cache *c, const struct removed *removed, unsigned int n)
{
	unsigned int i;

	rte_spinlock_lock(&c->lock);
	for (i = 0; i < n; i++)
		rte_hash_free_key_with_position(c->hash, removed[i].position);
	rte_spinlock_unlock(&c->lock);
	for (i = 0; i < n; i++) {
		struct value *v = removed[i].value;

		count(&c->counts.values, -1);
		count(&c->counts.bytes, -(int64_t)v->size);
		c->backend->free(v, v->size);
	}
}

unsigned int
cache_expire(struct cache *c, uint32_t since)
{
	struct removed removed[SLICE];
	unsigned int n, sum = 0;
	bool is_last = false;
	uint32_t at = 0;

	while (!is_last) {
		n = slice_remove(c, since, &at, removed, &is_last);
		if (n == 0)
			continue;
		rte_rcu_qsbr_synchronize(c->rcu, RTE_QSBR_THRID_INVALID);
		removed_free(c, removed, n);
		sum += n;
	}
	return sum;
}

struct cache_counts
cache_counts(struct cache *c)
{
	return (struct cache_counts) {
		.values = __atomic_load_n(&c->counts.values, __ATOMIC_RELAXED),
		.bytes = __atomic_load_n(&c->counts.bytes, __ATOMIC_RELAXED),
		.refused = __atomic_load_n(&c->counts.refused, __ATOMIC_RELAXED),
	};
}
