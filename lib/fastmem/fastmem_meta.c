/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The memory of fastmem's bookkeeping.
 *
 * It lies in memzones of its own, out of reach of what is wrong with objects,
 * and is handed out from their start to their end. None of it is given back
 * before deinit; magazines are kept in lists for reuse. So whoever holds a stale
 * pointer still points at a structure of that type. What is handed out but not
 * yet entered anywhere when its process is killed is lost until deinit: that is
 * a matter of a few instructions.
 */

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "fastmem_eal.h"
#include "fastmem_private.h"

#define META_ZONE_MIN (256 << 10)
#define META_ZONE_MAX (8 << 20) /* or an eighth of what is there, if that is more */
#define MAPPED_ZONES 4u /* of the bookkeeping, that take what EAL has left over */
#define EAL_HEADER_BYTES ((size_t)1 << 10)
#define META_STOCK (128 << 10)

void
fastmem_meta_init(struct fastmem_meta *meta, const struct rte_memzone *mz, size_t used)
{
	fastmem_mutex_init(&meta->grow);
	fastmem_mutex_init(&meta->lock);
	meta->cur = RTE_PTR_ADD(mz->addr, RTE_ALIGN_CEIL(used, (size_t)RTE_CACHE_LINE_SIZE));
	meta->end = RTE_PTR_ADD(mz->addr, mz->len);
	meta->bytes = mz->len;
}

/*
 * Link all unused magazines anew. The other fields under this lock change by one
 * store each, in an order that leaves nothing handed out twice.
 */
static void
meta_repair(struct fastmem_meta *meta)
{
	uint32_t id;

	memset(meta->unused, 0, sizeof(meta->unused));
	for (id = 1; id <= meta->n_magazines; id++) {
		struct fastmem_magazine *m = fastmem_magazine_by_id(id);

		if ((rte_atomic_load_explicit(&m->owner,
				rte_memory_order_relaxed) & FASTMEM_OWNER_MASK) !=
				FASTMEM_OWNER_UNUSED)
			continue;
		m->next = meta->unused[m->kind];
		meta->unused[m->kind] = id;
	}
}

void
fastmem_meta_lock(struct fastmem_meta *meta)
{
	if (fastmem_mutex_lock(&meta->lock, FASTMEM_LOCK_META)) {
		meta_repair(meta);
		fastmem_mutex_repaired(&meta->lock);
	}
}

/*
 * Bytes of the largest piece of memory that EAL has mapped and makes no use of, but for what EAL
 * itself takes of it.
 */
static size_t
mapped_bytes(const struct fastmem_ctl *ctl)
{
	struct rte_malloc_socket_stats heap;
	size_t most = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if (fastmem_eal_heap_stats(ctl->arenas[i].socket_id, &heap) == 0)
			most = RTE_MAX(most, heap.greatest_free_size);
	most -= RTE_MIN(most, EAL_HEADER_BYTES);
	return RTE_ALIGN_FLOOR(most, (size_t)RTE_CACHE_LINE_SIZE);
}

/* Of the primary process only. Under meta.grow. */
static int
meta_add_zone(struct fastmem_meta *meta, size_t size)
{
	FASTMEM_UNCANCELLABLE;
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;
	size_t want, most, mapped;

	if (meta->n_zones == FASTMEM_MAX_META_ZONES)
		return -ENOMEM;
	most = RTE_MAX((size_t)META_ZONE_MAX, meta->bytes / 8);
	want = RTE_MAX((size_t)META_ZONE_MIN, meta->bytes / 2);
	want = RTE_MIN(want, most);
	/* The first ones take no page of the machine if what is mapped is enough, on one socket. */
	mapped = meta->n_zones < MAPPED_ZONES ? mapped_bytes(fastmem_ctl()) : 0;
	if (mapped >= size)
		want = RTE_MIN(want, mapped);
	want = RTE_MAX(want, size);
	snprintf(name, sizeof(name), "fastmem_meta_%u", meta->n_zones);
	mz = fastmem_zone_reserve(name, want, SOCKET_ID_ANY, 0, RTE_CACHE_LINE_SIZE);
	if (mz == NULL && want > size && rte_errno != ENOSPC)
		mz = fastmem_zone_reserve(name, size, SOCKET_ID_ANY, 0, RTE_CACHE_LINE_SIZE);
	if (mz == NULL)
		return -ENOMEM;
	memset(mz->addr, 0, mz->len);

	fastmem_meta_lock(meta);
	meta->zones[meta->n_zones] = mz;
	rte_atomic_store_explicit(&meta->n_zones, meta->n_zones + 1, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&meta->bytes, meta->bytes + mz->len, rte_memory_order_relaxed);
	/* In between, there is nothing to take. */
	FASTMEM_MOVE(meta->end, NULL);
	FASTMEM_MOVE(meta->cur, mz->addr);
	FASTMEM_MOVE(meta->end, RTE_PTR_ADD(mz->addr, mz->len));
	fastmem_mutex_unlock(&meta->lock);
	return 0;
}

static bool
is_low(struct fastmem_meta *meta, size_t size)
{
	bool low;

	fastmem_meta_lock(meta);
	low = meta->cur > meta->end || (size_t)(meta->end - meta->cur) < size;
	fastmem_mutex_unlock(&meta->lock);
	return low;
}

/* Make sure that size bytes can be taken. The caller holds no lock. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_meta_grow)
int
fastmem_meta_grow(size_t size)
{
	FASTMEM_LOG_LATER;
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	int ret = 0;

	if (!is_low(meta, size))
		return 0;
	if (fastmem_refusal_holds(&meta->refusal, size, rte_get_timer_cycles()) ||
			!fastmem_may_call_eal())
		return -ENOMEM;
	if (!fastmem_is_primary())
		return fastmem_process.up->ask(&(struct fastmem_ask){
			.op = FASTMEM_ASK_META_GROW, .n = size });
	if (fastmem_mutex_lock(&meta->grow, FASTMEM_LOCK_META_GROW))
		fastmem_mutex_repaired(&meta->grow); /* of a process that was the primary */
	if (is_low(meta, size)) { /* else another thread was faster */
		ret = meta_add_zone(meta, size);
		if (ret != 0)
			fastmem_refusal_note(&meta->refusal, size);
		else
			fastmem_refusal_end(&meta->refusal);
	}
	fastmem_mutex_unlock(&meta->grow);
	return ret;
}

/* Under meta.lock. */
static void *
meta_take(struct fastmem_meta *meta, size_t size)
{
	char *p = meta->cur;

	size = RTE_ALIGN_CEIL(size, (size_t)RTE_CACHE_LINE_SIZE);
	/* The primary may have died while it entered a zone: then end is NULL. */
	if (p > meta->end || (size_t)(meta->end - p) < size)
		return NULL;
	FASTMEM_MOVE(meta->cur, p + size);
	return p;
}

/*
 * Zeroed memory that is never given back, aligned to a cache line. With
 * may_grow, this may call into EAL.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_meta_alloc)
void *
fastmem_meta_alloc(size_t size, bool may_grow)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	void *p;

	/* Whatever growth brings, another thread may be faster to take. */
	do {
		fastmem_meta_lock(meta);
		p = meta_take(meta, size);
		fastmem_mutex_unlock(&meta->lock);
	} while (p == NULL && may_grow &&
		fastmem_meta_grow(RTE_ALIGN_CEIL(size, (size_t)RTE_CACHE_LINE_SIZE)) == 0);
	return p;
}

/* The zones of the bookkeeping that lie on a socket. The first one holds the shared state. */
void
fastmem_meta_read(int socket_id, struct fastmem_socket_figures *out)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_meta *meta = &ctl->meta;
	uint64_t first_bytes;
	uint32_t i;

	fastmem_meta_lock(meta);
	first_bytes = meta->bytes;
	for (i = 0; i < meta->n_zones; i++) {
		first_bytes -= meta->zones[i]->len;
		if (!fastmem_eal_is_on_socket(meta->zones[i]->addr, socket_id))
			continue;
		out->n_zones++;
		out->meta_bytes += meta->zones[i]->len;
	}
	fastmem_mutex_unlock(&meta->lock);
	if (fastmem_eal_is_on_socket(ctl, socket_id)) {
		out->n_zones++;
		out->meta_bytes += first_bytes;
	}
}

/* Reserve metadata for threads and sizes that come next. */
int
fastmem_meta_stock(void)
{
	return fastmem_meta_grow(META_STOCK);
}
