/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Mempool ops "fastmem": a mempool whose objects are those of a typed pool of fastmem.
 *
 * The typed pool is made when the mempool is populated, as only then it is known whose
 * memory its objects lie in:
 *
 *  - fastmem's, where the application leaves that to rte_mempool. This asks the driver for
 *    the bytes that it is to reserve, and hands them over to be populated. The answer is a
 *    token: a memzone of one cache line, from which populate() knows that the memory is to
 *    be fastmem's own. All objects are made, and free, when the typed pool has been created.
 *
 *  - the application's, in rte_mempool_populate_iova() and the like. The typed pool is one of
 *    external objects then, to which populate() adds those that lie in the memory given.
 *
 * pool_data is the typed pool, which has the same address in each process, and whether it is
 * closed. Everything else that there is to know is in the mempool: the driver has no state of
 * its own.
 *
 * Typed pools serve any number of producers and consumers at once, at no cost, so the flags
 * for fewer of them change nothing. There is no dequeue_contig_blocks(): objects travel one
 * by one through the caches of threads, and neighbours do not stay together. A driver that
 * gathers them again, such as "bucket", makes each put pay for that.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fastmem_debug.h>
#include <rte_fastmem_pool.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include "fastmem_compat.h"
#include "fastmem_mempool.h"
#include "mempool_fastmem.h"

/* EAL reserves whole cache lines; no mempool of default alignment has an object this small. */
#define TOKEN_SIZE RTE_CACHE_LINE_SIZE
/* Objects that a thread holds: most mempool caches ask for less at once. */
#define THREAD_OBJECTS 256

RTE_LOG_REGISTER_DEFAULT(mempool_fastmem_logtype, NOTICE);
#define RTE_LOGTYPE_MEMPOOL_FASTMEM mempool_fastmem_logtype
#define DRIVER_LOG(level, ...) RTE_LOG_LINE(level, MEMPOOL_FASTMEM, __VA_ARGS__)

/* The name that the memory of a mempool has in EAL: no two of them have the same. */
struct name {
	char text[RTE_FASTMEM_POOL_NAMESIZE];
};

static struct name
pool_name(const struct rte_mempool *mp)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), RTE_MEMPOOL_MZ_FORMAT, mp->name);
	return name;
}

static size_t
object_bytes(const struct rte_mempool *mp)
{
	return (size_t)mp->header_size + mp->elt_size + mp->trailer_size;
}

static size_t
object_align(const struct rte_mempool *mp)
{
	return mp->flags & RTE_MEMPOOL_F_NO_CACHE_ALIGN ? sizeof(uint64_t) : RTE_MEMPOOL_ALIGN;
}

/*
 * A bit of pool_data: there is nothing to be had from the typed pool, or no typed pool. Objects
 * can be put back.
 */
#define CLOSED ((uintptr_t)1)

/* pool_config of a mempool that does not have all of its objects yet; NULL of others. */
#define GROWS ((void *)1)

static struct rte_fastmem_pool *
pool_of(const struct rte_mempool *mp)
{
	return (struct rte_fastmem_pool *)((uintptr_t)mp->pool_data & ~CLOSED);
}

static void
set_pool(struct rte_mempool *mp, struct rte_fastmem_pool *pool)
{
	mp->pool_data = pool != NULL ? pool : (void *)CLOSED;
}

/* Data path. */

static int
fastmem_enqueue(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	struct rte_fastmem_pool *pool = mp->pool_data;

	if (n == 1)
		rte_fastmem_pool_put(pool, objs[0]);
	else
		rte_fastmem_pool_put_bulk(pool, objs, n);
	return 0;
}

/* Nothing is written when it fails: rte_mempool may ask for more than it needs, into its cache. */
static int
fastmem_dequeue(struct rte_mempool *mp, void **objs, unsigned int n)
{
	struct rte_fastmem_pool *pool = mp->pool_data;

	if (unlikely((uintptr_t)pool & CLOSED))
		return -ENOBUFS;
	if (n == 1) {
		void *obj = rte_fastmem_pool_get(pool);

		if (unlikely(obj == NULL))
			return -ENOBUFS;
		objs[0] = obj;
		return 0;
	}
	return likely(rte_fastmem_pool_get_bulk(pool, objs, n) == 0) ? 0 : -ENOBUFS;
}

static unsigned int
fastmem_get_count(const struct rte_mempool *mp)
{
	const struct rte_fastmem_pool *pool = pool_of(mp);

	if (pool == NULL)
		return 0;
	/* What it may still grow by is there to be got. */
	if (mempool_fastmem_grows(mp))
		return mp->size - RTE_MIN(rte_fastmem_pool_in_use_count(pool), mp->size);
	return rte_fastmem_pool_avail_count(pool);
}

/* Life cycle. */

/*
 * Make sure that fastmem is up. Applications that use it themselves initialise it; for others
 * the first mempool does. Returns 0 or a negative errno.
 */
static int
start_fastmem(void)
{
	int ret = 0;

	if (rte_fastmem_pool_lookup("") == NULL && rte_errno == ENODEV)
		ret = rte_fastmem_init();
	/* Another thread may have been faster. */
	if (ret == -EBUSY && (rte_fastmem_pool_lookup("") != NULL || rte_errno != ENODEV))
		ret = 0;
	if (ret == -ENODEV)
		DRIVER_LOG(ERR, "the primary process has not started fastmem: call rte_fastmem_init(), "
			"or create a first mempool with ops \"fastmem\", there");
	else if (ret != 0)
		DRIVER_LOG(ERR, "fastmem cannot be started: %s", rte_strerror(-ret));
	return ret;
}

/* The typed pool comes with the memory: see above. mempool_fastmem_take() may have made it. */
static int
fastmem_alloc(struct rte_mempool *mp)
{
	if (mp->pool_data != NULL)
		return 0;
	set_pool(mp, NULL);
	return start_fastmem();
}

static void
fastmem_free(struct rte_mempool *mp)
{
	rte_fastmem_pool_free(pool_of(mp));
	set_pool(mp, NULL);
}

/*
 * Before a mempool is freed.
 *
 * rte_mempool takes all objects out before it calls free(). Then nobody could tell those
 * that the application has lost, which fastmem warns of. So from here on there is nothing to
 * be had; and what the mempool's caches hold is put back.
 */
void
mempool_fastmem_event(enum rte_mempool_event event, struct rte_mempool *mp, void *arg __rte_unused)
{
	unsigned int i;

	if (event != RTE_MEMPOOL_EVENT_DESTROY ||
			rte_mempool_get_ops(mp->ops_index)->free != fastmem_free ||
			pool_of(mp) == NULL)
		return;
	for (i = 0; mp->cache_size != 0 && i < RTE_MAX_LCORE; i++)
		rte_mempool_cache_flush(&mp->local_cache[i], mp);
	fastmem_mempool_drop_forgotten(mp, pool_of(mp));
	mp->pool_data = (void *)((uintptr_t)mp->pool_data | CLOSED);
}

/* Memory. */

/*
 * The same at any time in a mempool's life: rte_mempool_populate_anon() has the size calculated again
 * when it unmaps.
 */
static bool
fits_fastmem(const struct rte_mempool *mp)
{
	return fastmem_mempool_fits(mp, object_bytes(mp));
}

/*
 * Whether the application has asked for anonymous memory: it tells by the size of a page, which
 * is that of the system. Without huge pages all pages are of that size; and as EAL's memory is
 * then anonymous as well, fastmem's will do.
 */
static bool
wants_anonymous(uint32_t pg_shift)
{
	return rte_eal_has_hugepages() != 0 && pg_shift == rte_bsf64(sysconf(_SC_PAGESIZE));
}

static ssize_t
fastmem_calc_mem_size(const struct rte_mempool *mp, uint32_t n, uint32_t pg_shift,
		size_t *min_chunk_size, size_t *align)
{
	if (!fits_fastmem(mp) || wants_anonymous(pg_shift))
		return rte_mempool_op_calc_mem_size_default(mp, n, pg_shift, min_chunk_size, align);
	/* Not less of it, so in one piece. */
	*min_chunk_size = TOKEN_SIZE;
	*align = RTE_MEMPOOL_ALIGN;
	return TOKEN_SIZE;
}

/* Whether memory to be populated is what fastmem_calc_mem_size() has given a token for. */
static bool
is_token(const struct rte_mempool *mp, const void *addr, size_t len)
{
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;

	if (len != TOKEN_SIZE || mp->populated_size != 0 || !fits_fastmem(mp))
		return false;
	/* As rte_mempool_populate_default() names its first one. */
	snprintf(name, sizeof(name), RTE_MEMPOOL_MZ_FORMAT "_%d", mp->name, 0);
	mz = rte_memzone_lookup(name);
	if (mz != NULL && mz->addr == addr)
		return true;
	/* rte_mempool_populate_anon() has mapped a page for it. */
	return rte_eal_has_hugepages() == 0 &&
		((uintptr_t)addr & (sysconf(_SC_PAGESIZE) - 1)) == 0;
}

/* Whether the use of each object is checked. */
static bool
checks_objects(void)
{
	enum rte_fastmem_debug_level level = rte_fastmem_debug_level();

	return level == RTE_FASTMEM_DEBUG_LIGHT || level == RTE_FASTMEM_DEBUG_FULL;
}

/* What an object has behind its header. */
static size_t
body_bytes(const struct rte_mempool *mp, bool checked)
{
#ifdef RTE_LIBRTE_MEMPOOL_DEBUG
	checked = false; /* rte_mempool writes to the trailer */
#endif
	/* The trailer is nobody's: who writes to it has written behind the object. */
	return mp->elt_size + (checked ? 0 : mp->trailer_size);
}

/*
 * Have lcores' caches keep nothing. What lies there is neither checked nor free: errors would be found
 * elsewhere, later, or not at all. No object is in one yet. mp->cache_size stays, as it tells where
 * the private area is.
 */
static void
close_caches(struct rte_mempool *mp)
{
	unsigned int i;

	for (i = 0; mp->cache_size != 0 && i < RTE_MAX_LCORE; i++) {
		mp->local_cache[i].size = 0;
		mp->local_cache[i].flushthresh = 0;
	}
}

/*
 * A typed pool for a mempool that has no objects, or none any more. grow: how it gets more than a few;
 * NULL: all at once. Returns NULL if that is not possible.
 */
static struct rte_fastmem_pool *
make_pool(struct rte_mempool *mp, uint32_t flags, const struct mempool_fastmem_grow *grow)
{
	struct rte_fastmem_pool *pool;
	bool external = (flags & RTE_FASTMEM_POOL_F_EXTERNAL) != 0;
	bool checked = !external && checks_objects();
	struct name name = pool_name(mp);
	struct rte_fastmem_pool_params params = {
		.name = name.text,
		/* There are mempools for the sake of their headers. */
		.size = RTE_MAX(body_bytes(mp, checked), (size_t)1),
		.align = object_align(mp),
		.header = external ? 0 : mp->header_size,
		.socket_id = external ? SOCKET_ID_ANY : mp->socket_id,
		.min = external ? 0 : mp->size,
		.max = mp->size,
		.cache_size = RTE_MIN(mp->size, (uint32_t)THREAD_OBJECTS),
		/* The trailer of objects is what spreads them, if the application wants that. */
		.flags = flags | RTE_FASTMEM_POOL_F_NO_SPREAD,
	};

	if (grow != NULL) {
		params.min = RTE_MIN(grow->min, mp->size);
		params.ctor = grow->ctor;
		params.arg = grow->arg;
	}
	/* An attempt to populate that has failed may have left one. */
	fastmem_mempool_drop_forgotten(mp, pool_of(mp));
	rte_fastmem_pool_free(pool_of(mp));
	pool = rte_fastmem_pool_create(&params);
	set_pool(mp, pool);
	if (pool == NULL)
		DRIVER_LOG(ERR, "no pool of fastmem for mempool %s (%u objects of %zu bytes): %s",
			mp->name, mp->size, object_bytes(mp), rte_strerror(rte_errno));
	else
		DRIVER_LOG(DEBUG, "mempool %s: %u objects of %zu bytes, in %s memory", mp->name,
			mp->size, object_bytes(mp), external ? "given" : "fastmem's");
	if (pool != NULL && checked)
		close_caches(mp);
	return pool;
}

/* The typed pool that mempool_fastmem_take() has made for so many objects; NULL: it was not that. */
static struct rte_fastmem_pool *
taken_pool(const struct rte_mempool *mp)
{
	struct rte_fastmem_pool *pool = pool_of(mp);
	struct rte_fastmem_pool_stats stats;

	/* One for external objects has none before the mempool is populated. */
	return pool != NULL && rte_fastmem_pool_stats(pool, &stats) == 0 &&
		stats.objects == mp->size ? pool : NULL;
}

/* All objects, in fastmem's memory. */
static int
populate_own(struct fastmem_mempool_teller *t)
{
	struct rte_fastmem_pool *pool = taken_pool(t->mp);

	if (pool == NULL)
		pool = make_pool(t->mp, 0, NULL);
	if (pool == NULL)
		return 0;
	if (rte_fastmem_pool_mem_iter(pool, fastmem_mempool_tell_memory, t) == 0 || t->failed) {
		DRIVER_LOG(ERR, "no memory to describe that of mempool %s", t->mp->name);
		fastmem_mempool_forget_memory(t->mp);
		rte_fastmem_pool_free(pool);
		set_pool(t->mp, NULL);
		rte_errno = ENOMEM;
		return 0;
	}
	return rte_fastmem_pool_obj_iter(pool, fastmem_mempool_tell_object, t);
}

/* Offset of the first object at or behind off: one that fits into a page does not cross it. */
static size_t
place_object(const char *addr, size_t off, size_t bytes, size_t page)
{
	size_t in_page;

	if (page == 0 || bytes > page)
		return off;
	in_page = (uintptr_t)(addr + off) & (page - 1);
	return in_page + bytes > page ? off + page - in_page : off;
}

/*
 * Up to max objects, in memory that the application has given.
 *
 * rte_mempool_op_populate_helper() would do, but for its putting each object into the pool by
 * enqueue(): which then had to know whether an object is new.
 */
static int
populate_external(struct fastmem_mempool_teller *t, unsigned int max, char *addr, rte_iova_t iova,
		size_t len)
{
	struct rte_mempool *mp = t->mp;
	size_t page, off, bytes = object_bytes(mp);
	unsigned int n = 0;

	if (rte_mempool_get_page_size(mp, &page) != 0 || (mp->populated_size == 0 &&
			make_pool(mp, RTE_FASTMEM_POOL_F_EXTERNAL, NULL) == NULL))
		return 0;
	for (off = place_object(addr, 0, bytes, page); n < max && off + bytes <= len;
			off = place_object(addr, off + bytes, bytes, page)) {
		void *obj = addr + off + mp->header_size;

		t->obj_cb(mp, t->arg, obj, iova == RTE_BAD_IOVA ? RTE_BAD_IOVA :
			iova + off + mp->header_size);
		n++;
		/* Has room for all objects of the mempool. */
		if (rte_fastmem_pool_add(pool_of(mp), &obj, 1) != 0)
			DRIVER_LOG(ERR, "mempool %s has lost object %p", mp->name, obj);
	}
	return n;
}

/*
 * Returns 0 when it fails, as for memory that has no room for an object. After a negative
 * number, rte_mempool_populate_iova() keeps what its caller then frees as well.
 */
static int
fastmem_populate(struct rte_mempool *mp, unsigned int max, void *addr, rte_iova_t iova, size_t len,
		rte_mempool_populate_obj_cb_t *obj_cb, void *arg)
{
	struct fastmem_mempool_teller t = {
		.mp = mp,
		.obj_cb = obj_cb,
		.arg = arg,
		.io = iova != RTE_BAD_IOVA,
	};

	return is_token(mp, addr, len) ? populate_own(&t) :
		populate_external(&t, max, addr, iova, len);
}

int
mempool_fastmem_take(struct rte_mempool *mp, const struct mempool_fastmem_grow *grow)
{
	int ret;

	if (!fits_fastmem(mp))
		return -ENOTSUP;
	ret = start_fastmem();
	if (ret != 0)
		return ret;
	if (make_pool(mp, 0, grow) == NULL) {
		mp->pool_data = NULL;
		return -rte_errno;
	}
	mp->pool_config = grow != NULL ? GROWS : NULL;
	return 0;
}

bool
mempool_fastmem_grows(const struct rte_mempool *mp)
{
	return mp->pool_config == GROWS;
}

/* Objects that a mempool has by now, of those that it may have. */
uint32_t
mempool_fastmem_objects(const struct rte_mempool *mp)
{
	struct rte_fastmem_pool_stats stats;

	return rte_fastmem_pool_stats(pool_of(mp), &stats) == 0 ? stats.objects : 0;
}

bool
mempool_fastmem_is_of(const struct rte_mempool *mp, const struct rte_fastmem_pool *pool)
{
	return pool_of(mp) == pool;
}

/* Returns 0 or a negative errno. */
int
mempool_fastmem_grow_objects(struct rte_mempool *mp)
{
	return rte_fastmem_pool_grow(pool_of(mp), mp->size);
}

/* Returns 0 or a negative errno. */
int
mempool_fastmem_grow_whole(struct rte_mempool *mp)
{
	struct fastmem_mempool_teller t = {
		.mp = mp,
		.io = (mp->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG) == 0,
	};
	int ret = mempool_fastmem_grow_objects(mp);

	if (ret != 0)
		return ret;
	/* All of the memory, in place of what was there at first. */
	fastmem_mempool_forget_memory(mp);
	if (rte_fastmem_pool_mem_iter(pool_of(mp), fastmem_mempool_tell_memory, &t) == 0 || t.failed)
		return -ENOMEM;
	mp->pool_config = NULL;
	return 0;
}

const struct rte_mempool_ops mempool_fastmem_ops = {
	.name = "fastmem",
	.alloc = fastmem_alloc,
	.free = fastmem_free,
	.enqueue = fastmem_enqueue,
	.dequeue = fastmem_dequeue,
	.get_count = fastmem_get_count,
	.calc_mem_size = fastmem_calc_mem_size,
	.populate = fastmem_populate,
};
