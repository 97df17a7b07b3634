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
 *
 * The granule map is a sparse part of the file of process_alive.c, or memory of this
 * process where there is none: it spans all memory that EAL may ever map, and costs a
 * page where there are chunks. (An fbarray of EAL's would be written to as a whole.) It is written
 * when slabs come and go, under bin.lock, and leaves are added under arena.grow
 * of their socket.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "fastmem_eal.h"
#include "fastmem_private.h"
#include "fastmem_replace_heap.h"

#define META_ZONE_MIN (256 << 10)
#define META_ZONE_MAX (8 << 20) /* or an eighth of what is there, if that is more */
#define MAPPED_ZONES 4u /* of the bookkeeping, that take what EAL has left over */
#define EAL_HEADER_BYTES ((size_t)1 << 10)
#define META_STOCK (128 << 10)
#define MAP_PAGE 4096u /* bytes; leaves begin on a page of their own */
#define SPINS 200

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

__thread unsigned int fastmem_growth_held;

void
fastmem_mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* Of fastmem_mutex_lock(). */
bool
fastmem_mutex_wait(pthread_mutex_t *mutex)
{
	unsigned int i;
	int ret;

	/* Most are held for less than it takes to fall asleep and wake up. */
	for (i = 0; i < SPINS; i++) {
		ret = pthread_mutex_trylock(mutex);
		if (ret != EBUSY)
			break;
		rte_pause();
	}
	if (ret == EBUSY)
		ret = pthread_mutex_lock(mutex);
	RTE_ASSERT(ret == 0 || ret == EOWNERDEAD);
	return ret == EOWNERDEAD;
}

void
fastmem_mutex_repaired(pthread_mutex_t *mutex)
{
	pthread_mutex_consistent(mutex);
}

void
fastmem_mutex_unlock(pthread_mutex_t *mutex)
{
	fastmem_lock_drop(mutex);
	pthread_mutex_unlock(mutex);
}

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

		if ((__atomic_load_n(&m->owner, __ATOMIC_RELAXED) & FASTMEM_OWNER_MASK) !=
				FASTMEM_OWNER_UNUSED)
			continue;
		m->next = meta->unused[m->kind];
		meta->unused[m->kind] = id;
	}
}

static void
meta_lock(struct fastmem_meta *meta)
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
		if (rte_fastmem_replace_get_heap()->get_socket_stats(ctl->arenas[i].socket_id,
				&heap) == 0)
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
	/* The first ones take no page of the machine if what is mapped is enough. */
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

	meta_lock(meta);
	meta->zones[meta->n_zones] = mz;
	__atomic_store_n(&meta->n_zones, meta->n_zones + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&meta->bytes, meta->bytes + mz->len, __ATOMIC_RELAXED);
	/* In between, there is nothing to take. */
	MOVE(meta->end, NULL);
	MOVE(meta->cur, mz->addr);
	MOVE(meta->end, RTE_PTR_ADD(mz->addr, mz->len));
	fastmem_mutex_unlock(&meta->lock);
	return 0;
}

static bool
is_low(struct fastmem_meta *meta, size_t size)
{
	bool low;

	meta_lock(meta);
	low = meta->cur > meta->end || (size_t)(meta->end - meta->cur) < size;
	fastmem_mutex_unlock(&meta->lock);
	return low;
}

/* See to it that size bytes can be taken. Not from a thread that has a lock. */
int
fastmem_meta_grow(size_t size)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	int ret = 0;

	if (!is_low(meta, size))
		return 0;
	if (fastmem_refusal_holds(&meta->refusal, size, rte_get_timer_cycles()) ||
			!fastmem_may_call_eal())
		return -ENOMEM;
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return fastmem_mp_meta_grow(size);
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
	MOVE(meta->cur, p + size);
	return p;
}

/*
 * Zeroed memory that is never given back, aligned to a cache line. With
 * may_grow, this may call into EAL.
 */
void *
fastmem_meta_alloc(size_t size, bool may_grow)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	void *p;

	/* Whatever growth brings, another thread may be faster to take. */
	do {
		meta_lock(meta);
		p = meta_take(meta, size);
		fastmem_mutex_unlock(&meta->lock);
	} while (p == NULL && may_grow &&
		fastmem_meta_grow(RTE_ALIGN_CEIL(size, (size_t)RTE_CACHE_LINE_SIZE)) == 0);
	return p;
}

static bool
is_on_socket(const void *addr, int socket_id)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(addr);

	return list != NULL && list->socket_id == socket_id;
}

/* The zones of the bookkeeping that lie on a socket. The first one holds the shared state. */
void
fastmem_meta_read(int socket_id, struct fastmem_socket_figures *out)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_meta *meta = &ctl->meta;
	uint64_t first_bytes;
	uint32_t i;

	meta_lock(meta);
	first_bytes = meta->bytes;
	for (i = 0; i < meta->n_zones; i++) {
		first_bytes -= meta->zones[i]->len;
		if (!is_on_socket(meta->zones[i]->addr, socket_id))
			continue;
		out->n_zones++;
		out->meta_bytes += meta->zones[i]->len;
	}
	fastmem_mutex_unlock(&meta->lock);
	if (is_on_socket(ctl, socket_id)) {
		out->n_zones++;
		out->meta_bytes += first_bytes;
	}
}

/* See to it that threads and sizes which come up next find bookkeeping memory. */
int
fastmem_meta_stock(void)
{
	return fastmem_meta_grow(META_STOCK);
}

size_t
fastmem_magazine_bytes(uint32_t kind)
{
	size_t n = fastmem_magazine_capacity(kind);

	return RTE_ALIGN_CEIL(sizeof(struct fastmem_magazine) + n * sizeof(void *),
			(size_t)RTE_CACHE_LINE_SIZE);
}

struct fastmem_magazine *
fastmem_magazine_by_id(uint32_t id)
{
	char *block = __atomic_load_n(
		&fastmem_ctl()->meta.blocks[(id - 1) / FASTMEM_MAGAZINES_PER_BLOCK],
		__ATOMIC_RELAXED); /* set before anybody could learn this id */
	/* All magazines of a block are of one kind; the first one tells which. */
	uint32_t kind = ((struct fastmem_magazine *)block)->kind;

	return (struct fastmem_magazine *)(block +
		(id - 1) % FASTMEM_MAGAZINES_PER_BLOCK * fastmem_magazine_bytes(kind));
}

/* Make a block of unused magazines. */
static int
magazine_add_block(uint32_t kind, bool may_grow)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	size_t bytes = fastmem_magazine_bytes(kind);
	char *block = fastmem_meta_alloc(FASTMEM_MAGAZINES_PER_BLOCK * bytes, may_grow);
	uint32_t i, first;

	if (block == NULL)
		return -ENOMEM;
	meta_lock(meta);
	first = meta->n_magazines;
	if (first == FASTMEM_MAX_MAGAZINE_BLOCKS * FASTMEM_MAGAZINES_PER_BLOCK) {
		fastmem_mutex_unlock(&meta->lock);
		return -ENOMEM; /* the memory is lost, once per this many magazines */
	}
	for (i = 0; i < FASTMEM_MAGAZINES_PER_BLOCK; i++) {
		struct fastmem_magazine *m = (struct fastmem_magazine *)(block + i * bytes);

		m->kind = kind;
		m->id = first + i + 1;
		m->owner = fastmem_magazine_owner(0, FASTMEM_OWNER_UNUSED);
		m->next = i + 1 < FASTMEM_MAGAZINES_PER_BLOCK ? m->id + 1 : meta->unused[kind];
	}
	__atomic_store_n(&meta->blocks[first / FASTMEM_MAGAZINES_PER_BLOCK], block,
			__ATOMIC_RELAXED);
	/* All of them exist, or none; and then there is a way to them. */
	MOVE(meta->n_magazines, first + FASTMEM_MAGAZINES_PER_BLOCK);
	MOVE(meta->unused[kind], first + 1);
	fastmem_mutex_unlock(&meta->lock);
	return 0;
}

/* Another thread may still try, in vain, to take it from a depot that it has left. */
static uint64_t
magazine_tag(const struct fastmem_magazine *m)
{
	return __atomic_load_n(&m->owner, __ATOMIC_RELAXED) >> 24;
}

/* An unused magazine, empty, for the bin and this owner. NULL: no memory. */
struct fastmem_magazine *
fastmem_magazine_get(const struct fastmem_bin *bin, uint32_t owner, bool may_grow)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	uint32_t kind = bin->magazine_kind;
	struct fastmem_magazine *m = NULL;

	do {
		meta_lock(meta);
		if (meta->unused[kind] != 0) {
			m = fastmem_magazine_by_id(meta->unused[kind]);
			__atomic_store_n(&m->n, 0, __ATOMIC_RELAXED);
			__atomic_store_n(&m->bin, bin->id, __ATOMIC_RELAXED);
			MOVE(meta->unused[kind], m->next);
			/* A tag of its own, as in a take: see fastmem_depot.c. */
			MOVE(m->owner, fastmem_magazine_owner(magazine_tag(m) + 1, owner));
		}
		fastmem_mutex_unlock(&meta->lock);
	} while (m == NULL && magazine_add_block(kind, may_grow) == 0);
	return m;
}

void
fastmem_magazine_put(struct fastmem_magazine *m)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;

	RTE_ASSERT(m->n == 0);
	meta_lock(meta);
	/* In this order: what looks owned is not in the list. */
	MOVE(m->owner, fastmem_magazine_owner(magazine_tag(m) + 1, FASTMEM_OWNER_UNUSED));
	m->next = meta->unused[m->kind];
	MOVE(meta->unused[m->kind], m->id);
	fastmem_mutex_unlock(&meta->lock);
}

/* The magazine of that id if it is one of the bin; else NULL. */
struct fastmem_magazine *
fastmem_magazine_of_bin(uint32_t id, const struct fastmem_bin *bin)
{
	struct fastmem_magazine *m = fastmem_magazine_by_id(id);
	/* Acquire: an owner came after the bin. Pairs with fastmem_magazine_get(). */
	uint64_t owner = __atomic_load_n(&m->owner, __ATOMIC_ACQUIRE);

	return (owner & FASTMEM_OWNER_MASK) != FASTMEM_OWNER_UNUSED &&
		__atomic_load_n(&m->bin, __ATOMIC_RELAXED) == bin->id ? m : NULL;
}

struct span {
	uintptr_t start, end;
};

static int
span_of_list(const struct rte_memseg_list *msl, void *arg)
{
	struct span *s = arg;

	if (msl->external || msl->base_va == NULL)
		return 0;
	s->start = RTE_MIN(s->start, (uintptr_t)msl->base_va);
	s->end = RTE_MAX(s->end, (uintptr_t)msl->base_va + msl->len);
	return 0;
}

/* The granules that EAL may ever map memory in; one before them names none. */
int
fastmem_map_span(uintptr_t *first, uint64_t *n_granules)
{
	struct span s = { UINTPTR_MAX, 0 };

	rte_memseg_list_walk(span_of_list, &s);
	if (s.end == 0)
		return -ENOMEM;
	*first = (s.start >> RTE_FASTMEM_GRANULE_SHIFT) - 1;
	*n_granules = ((s.end - 1) >> RTE_FASTMEM_GRANULE_SHIFT) - *first + 1;
	return *n_granules < UINT32_MAX ? 0 : -ENOMEM;
}

static size_t
map_bins_bytes(uint64_t n_granules)
{
	return RTE_ALIGN_CEIL(n_granules * sizeof(uint16_t), (size_t)MAP_PAGE);
}

static void
map_use(const struct fastmem_ctl *ctl)
{
	fastmem_process.bins = fastmem_process.map;
	fastmem_process.leaves = RTE_PTR_ADD(fastmem_process.map,
			map_bins_bytes(ctl->n_granules));
	__atomic_store_n(&rte_fastmem_map.first, ctl->first_granule, __ATOMIC_RELAXED);
	rte_fastmem_map.bins = fastmem_process.bins;
	__atomic_store_n(&rte_fastmem_map.n_sockets,
		__atomic_load_n(&ctl->stayed, __ATOMIC_RELAXED) ? 0 : ctl->n_sockets,
		__ATOMIC_RELAXED);
	/* Last, as other threads may call. Pairs with the acquire in rte_fastmem_bin_of(). */
	__atomic_store_n(&rte_fastmem_map.n_granules, ctl->n_granules, __ATOMIC_RELEASE);
}

static size_t
map_bytes(const struct fastmem_ctl *ctl)
{
	size_t n_leaves = (ctl->n_granules >> FASTMEM_LEAF_SHIFT) + 1;

	return map_bins_bytes(ctl->n_granules) + n_leaves * sizeof(struct fastmem_leaf *);
}

/* Without a file there is no other process. */
static int
map_memory(const struct fastmem_ctl *ctl)
{
	int fd = fastmem_alive_fd();
	size_t bytes = map_bytes(ctl);
	void *map = fastmem_process.is_shared ?
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, FASTMEM_MAP_OFFSET) :
		mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED) {
		FASTMEM_LOG(ERR, "cannot map the granule map of %zu bytes: %s", bytes,
			strerror(errno));
		return -ENOMEM;
	}
	fastmem_process.map = map;
	fastmem_process.map_bytes = bytes;
	map_use(ctl);
	return 0;
}

/* After fastmem_peers_create(). */
int
fastmem_map_create(struct fastmem_ctl *ctl)
{
	int fd = fastmem_alive_fd();
	size_t bytes = map_bytes(ctl);

	if (fd >= 0 && ftruncate(fd, FASTMEM_MAP_OFFSET + bytes) != 0) {
		FASTMEM_LOG(ERR, "cannot make the granule map of %zu bytes: %s", bytes,
			strerror(errno));
		return -ENOMEM;
	}
	return map_memory(ctl);
}

/* After fastmem_alive_enter(). */
int
fastmem_map_attach(const struct fastmem_ctl *ctl)
{
	return map_memory(ctl);
}

void
fastmem_map_detach(void)
{
	__atomic_store_n(&rte_fastmem_map.n_granules, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&rte_fastmem_map.n_sockets, 0, __ATOMIC_RELAXED);
	rte_fastmem_map.bins = NULL;
	__atomic_store_n(&rte_fastmem_map.first, FASTMEM_NO_MAP, __ATOMIC_RELAXED);
	munmap(fastmem_process.map, fastmem_process.map_bytes);
	fastmem_process.map = NULL;
	fastmem_process.bins = NULL;
	fastmem_process.leaves = NULL;
}

/*
 * Have the file system allocate a part of the map: where there is no room, the first write would
 * end the process by SIGBUS. Returns 0 or a negative errno.
 */
static int
map_populate(const void *part, size_t bytes)
{
	uintptr_t begin = RTE_ALIGN_FLOOR((uintptr_t)part, MAP_PAGE);
	uintptr_t end = RTE_ALIGN_CEIL((uintptr_t)part + bytes, MAP_PAGE);
	size_t page = sysconf(_SC_PAGESIZE);
	int ret;

	begin = RTE_ALIGN_FLOOR(begin, page);
	end = RTE_ALIGN_CEIL(end, page);
	if (madvise((void *)begin, end - begin, MADV_POPULATE_WRITE) == 0)
		return 0;
	/* Linux before 5.14 does not know that. Not every file system can do the other. */
	ret = errno == EFAULT ? ENOSPC : errno;
	if (ret == EINVAL)
		ret = fallocate(fastmem_alive_fd(), 0, FASTMEM_MAP_OFFSET + begin -
				(uintptr_t)fastmem_process.map, end - begin) == 0 ? 0 : errno;
	return ret == ENOSPC || ret == EDQUOT || ret == ENOMEM ? -ret : 0;
}

/* Allocate what of the map tells of n granules from first on. */
static int
map_allocate(uint32_t first, uint32_t n)
{
	static bool told; /* under arena.grow; each call that needs memory comes here */
	uint32_t first_leaf = first >> FASTMEM_LEAF_SHIFT;
	uint32_t n_leaves = ((first + n - 1) >> FASTMEM_LEAF_SHIFT) - first_leaf + 1;
	int ret;

	if (!fastmem_process.is_shared)
		return 0;
	ret = map_populate(&fastmem_process.bins[first], n * sizeof(fastmem_process.bins[0]));
	if (ret == 0)
		ret = map_populate(&fastmem_process.leaves[first_leaf],
				n_leaves * sizeof(fastmem_process.leaves[0]));
	if (ret != 0 && !told)
		FASTMEM_LOG(ERR, "cannot grow: no room in %s for the granule map: %s. "
			"Make room there", rte_eal_get_runtime_dir(), strerror(-ret));
	told = ret != 0;
	return ret;
}

/* Make descriptors for n granules from first on. Under arena.grow. */
int
fastmem_map_add_leaves(uint32_t first, uint32_t n)
{
	uint32_t i;

	if (map_allocate(first, n) != 0)
		return -ENOMEM;
	for (i = first >> FASTMEM_LEAF_SHIFT; i <= (first + n - 1) >> FASTMEM_LEAF_SHIFT; i++) {
		struct fastmem_leaf **slot = &fastmem_process.leaves[i];
		struct fastmem_leaf *leaf, *none = NULL;

		if (__atomic_load_n(slot, __ATOMIC_RELAXED) != NULL)
			continue;
		leaf = fastmem_meta_alloc(sizeof(*leaf), true);
		if (leaf == NULL)
			return -ENOMEM;
		/*
		 * Two sockets may want the same leaf at once: then one is wasted.
		 * Release: whoever sees the pointer sees the zeroes behind it.
		 */
		__atomic_compare_exchange_n(slot, &none, leaf, false, __ATOMIC_RELEASE,
				__ATOMIC_RELAXED);
	}
	return 0;
}
