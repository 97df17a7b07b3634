/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Drop-in names: what rte_fastmem_replace.h does not do inline for mempools.
 *
 * A replaced mempool is one of rte_mempool with ops of our own, so that all of
 * rte_mempool and of DPDK's libraries can work on it. Its objects are a typed pool's,
 * which the inline functions get and put without a look at the ops:
 *  - pool_data is the typed pool; NULL before the mempool is populated;
 *  - pool_config is the same, by which the inline functions know. Before, it is the size of
 *    cache that the application has asked for, made odd; while the mempool is freed, NULL.
 *
 * But for fastmem_mempool.h and the log, this file calls fastmem by its public functions only.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "fastmem_replace.h"
#include "fastmem_mempool.h"

#define OPS_NAME "fastmem_replace"
#define DRIVER_NAME "fastmem" /* the mempool driver, which may be loaded */
#define MAX_CACHE 256 /* of a typed pool */

/* Make sure that fastmem is up. Returns 0 or a negative errno. */
int
fastmem_replace_start(void)
{
	int ret = 0;

	if (rte_fastmem_pool_lookup("") == NULL && rte_errno == ENODEV)
		ret = rte_fastmem_init();
	/* Another thread may have been faster. */
	if (ret == -EBUSY && (rte_fastmem_pool_lookup("") != NULL || rte_errno != ENODEV))
		ret = 0;
	return ret;
}

static struct rte_fastmem_pool *
pool_of(const struct rte_mempool *mp)
{
	return mp->pool_data;
}

/* What is being done to a mempool by this thread, for the ops below it in the call. */
static __thread struct rte_fastmem_pool *populating; /* its objects are there already */
static __thread bool adding; /* objects that come in are new */

/* The typed pool is made when it is known whose memory it is. */
static int
replace_alloc(struct rte_mempool *mp __rte_unused)
{
	return 0;
}

static void
replace_free(struct rte_mempool *mp)
{
	rte_fastmem_pool_free(pool_of(mp));
	mp->pool_data = NULL;
}

static int
replace_enqueue(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	if (adding)
		return rte_fastmem_pool_add(pool_of(mp), objs, n);
	rte_fastmem_pool_put_bulk(pool_of(mp), objs, n);
	return 0;
}

static int
replace_dequeue(struct rte_mempool *mp, void **objs, unsigned int n)
{
	if (mp->pool_config != mp->pool_data)
		return -ENOBUFS;
	return rte_fastmem_pool_get_bulk(pool_of(mp), objs, n) == 0 ? 0 : -ENOBUFS;
}

static unsigned int
replace_get_count(const struct rte_mempool *mp)
{
	return rte_fastmem_pool_avail_count(pool_of(mp));
}

static bool
is_replaced(const struct rte_mempool *mp)
{
	const struct rte_mempool_ops *ops = rte_mempool_get_ops(mp->ops_index);

	return ops->get_count == replace_get_count;
}

static uint32_t
cache_size(const struct rte_mempool *mp)
{
	return RTE_MIN((uint32_t)((uintptr_t)mp->pool_config >> 1), (uint32_t)MAX_CACHE);
}

static void *
cache_size_config(unsigned int size)
{
	return (void *)((uintptr_t)size << 1 | 1);
}

/* A typed pool for a mempool without objects. flags: RTE_FASTMEM_POOL_F_EXTERNAL. */
static struct rte_fastmem_pool *
make_pool(struct rte_mempool *mp, uint32_t flags)
{
	bool external = flags != 0;
	char name[RTE_FASTMEM_POOL_NAMESIZE];
	struct rte_fastmem_pool *pool;
	struct rte_fastmem_pool_params params = {
		.name = name,
		.size = RTE_MAX(mp->elt_size, 1u),
		.align = mp->flags & RTE_MEMPOOL_F_NO_CACHE_ALIGN ? sizeof(uint64_t) :
			RTE_MEMPOOL_ALIGN,
		.header = external ? 0 : mp->header_size,
		.socket_id = external ? SOCKET_ID_ANY : mp->socket_id,
		.min = external ? 0 : mp->size,
		.max = mp->size,
		.cache_size = cache_size(mp),
		.flags = flags,
	};

	snprintf(name, sizeof(name), RTE_MEMPOOL_MZ_FORMAT, mp->name);
	if (mp->flags & RTE_MEMPOOL_F_NO_SPREAD)
		params.flags |= RTE_FASTMEM_POOL_F_NO_SPREAD;
	pool = rte_fastmem_pool_create(&params);
	if (pool == NULL)
		FASTMEM_LOG_SOME(ERR, "no typed pool for mempool %s (%u objects of %u bytes): %s",
			mp->name, mp->size, mp->elt_size, rte_strerror(rte_errno));
	return pool;
}

static void
forget_pool(struct rte_mempool *mp, unsigned int cache)
{
	fastmem_mempool_drop_forgotten(mp, pool_of(mp));
	rte_fastmem_pool_free(pool_of(mp));
	mp->pool_data = NULL;
	mp->pool_config = cache_size_config(cache);
}

static void
use_pool(struct rte_mempool *mp, struct rte_fastmem_pool *pool)
{
	mp->pool_data = pool;
	mp->pool_config = pool;
}

/*
 * Memory for objects, from rte_mempool_populate_iova(). Returns 0 when it fails: after a
 * negative number rte_mempool keeps what its caller then frees as well.
 */
static int
replace_populate(struct rte_mempool *mp, unsigned int max, void *addr, rte_iova_t iova, size_t len,
		rte_mempool_populate_obj_cb_t *obj_cb, void *arg)
{
	struct fastmem_mempool_teller t = { .mp = mp, .obj_cb = obj_cb, .arg = arg,
		.io = iova != RTE_BAD_IOVA };
	struct rte_fastmem_pool *pool;
	int n;

	if (populating != NULL)
		return rte_fastmem_pool_obj_iter(populating, fastmem_mempool_tell_object, &t);
	if (mp->populated_size == 0) {
		/* An attempt that has failed may have left one. */
		if (pool_of(mp) != NULL)
			forget_pool(mp, 0);
		pool = make_pool(mp, RTE_FASTMEM_POOL_F_EXTERNAL);
		if (pool == NULL)
			return 0;
		use_pool(mp, pool);
	}
	adding = true;
	n = rte_mempool_op_populate_default(mp, max, addr, iova, len, obj_cb, arg);
	adding = false;
	return RTE_MAX(n, 0);
}

static const struct rte_mempool_ops replace_ops = {
	.name = OPS_NAME,
	.alloc = replace_alloc,
	.free = replace_free,
	.enqueue = replace_enqueue,
	.dequeue = replace_dequeue,
	.get_count = replace_get_count,
	.populate = replace_populate,
};

static int ops_index;

static void
register_ops_once(void)
{
	ops_index = rte_mempool_register_ops(&replace_ops);
	if (ops_index < 0)
		FASTMEM_LOG(NOTICE, "mempools cannot be typed pools: DPDK has no room for more mempool "
			"drivers; they have ops %s, or those of a ring", DRIVER_NAME);
}

/*
 * Done by the first call that needs the ops, when all drivers are loaded: so those keep their
 * numbers, by which processes know each other's. Returns the number or a negative errno.
 */
static int
register_ops(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_ops_once);
	return ops_index;
}

/* DPDK's table of drivers is full: the mempool stays one of rte_mempool. */
static struct rte_mempool *
create_unreplaced(const char *name, unsigned int n, unsigned int elt_size, unsigned int cache,
		unsigned int private_data_size, int socket_id, unsigned int flags)
{
	struct rte_mempool *mp = rte_mempool_create_empty(name, n, elt_size, cache,
		private_data_size, socket_id, flags);
	int ret;

	if (mp == NULL || rte_mempool_set_ops_byname(mp, DRIVER_NAME, NULL) == 0)
		return mp;
	ret = rte_mempool_set_ops_byname(mp, "ring_mp_mc", NULL);
	if (ret == 0)
		return mp;
	rte_mempool_free(mp);
	rte_errno = -ret;
	return NULL;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_create_empty, 26.11)
struct rte_mempool *
rte_fastmem_replace_mempool_create_empty(const char *name, unsigned int n, unsigned int elt_size,
		unsigned int cache, unsigned int private_data_size, int socket_id,
		unsigned int flags)
{
	struct rte_mempool *mp;
	int ret;

	/* What rte_mempool asks of a cache; it does not get to know of this one. */
	if (cache > RTE_MEMPOOL_CACHE_MAX_SIZE || cache + cache / 2 > n) {
		rte_errno = EINVAL;
		return NULL;
	}
	if (register_ops() < 0)
		return create_unreplaced(name, n, elt_size, cache, private_data_size, socket_id,
			flags);
	ret = fastmem_replace_start();
	if (ret < 0) {
		FASTMEM_LOG_SOME(ERR, "mempool %s cannot be a typed pool: %s", name, rte_strerror(-ret));
		rte_errno = -ret;
		return NULL;
	}
	mp = rte_mempool_create_empty(name, n, elt_size, 0, private_data_size, socket_id, flags);
	if (mp == NULL)
		return NULL;
	ret = rte_mempool_set_ops_byname(mp, OPS_NAME, cache_size_config(cache));
	if (ret < 0) {
		rte_mempool_free(mp);
		rte_errno = -ret;
		return NULL;
	}
	return mp;
}

/* Ops of DPDK's that keep objects in memory: what they do, a typed pool does. */
static bool
is_software(const char *ops_name)
{
	static const char *const names[] = { "ring_mp_mc", "ring_sp_sc", "ring_mp_sc", "ring_sp_mc",
		"ring_mt_rts", "ring_mt_hts", "stack", "lf_stack", "bucket", DRIVER_NAME, OPS_NAME };
	unsigned int i;

	for (i = 0; i < RTE_DIM(names) && strcmp(ops_name, names[i]) != 0; i++)
		;
	return i < RTE_DIM(names);
}

/*
 * With ops of hardware, a replaced mempool becomes what was asked for, but for the caches of lcores,
 * for which there is no memory behind it.
 */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_set_ops_byname, 26.11)
int
rte_fastmem_replace_mempool_set_ops_byname(struct rte_mempool *mp, const char *name,
		void *pool_config)
{
	if (is_replaced(mp) && (mp->flags & RTE_MEMPOOL_F_POOL_CREATED) == 0 && is_software(name))
		return 0;
	return rte_mempool_set_ops_byname(mp, name, pool_config);
}

/*
 * Tell rte_mempool of the objects and the memory of a typed pool. The last range goes the way
 * of memory that is given to a mempool, which has it told of all objects, and ready.
 */
static int
tell_mempool(struct rte_mempool *mp, struct rte_fastmem_pool *pool)
{
	struct fastmem_mempool_teller t = { .mp = mp,
		.io = (mp->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG) == 0 };
	struct rte_mempool_memhdr last;
	int ret = -ENOMEM;

	rte_fastmem_pool_mem_iter(pool, fastmem_mempool_tell_memory, &t);
	if (!t.failed && t.last != NULL) {
		last = *t.last;
		STAILQ_REMOVE(&mp->mem_list, t.last, rte_mempool_memhdr, next);
		mp->nb_mem_chunks--;
		rte_free(t.last);
		populating = pool;
		ret = rte_mempool_populate_iova(mp, last.addr, last.iova, last.len, NULL, NULL);
		populating = NULL;
	}
	if (ret < 0)
		fastmem_mempool_forget_memory(mp);
	return ret;
}

/* The line is for spreading. */
static bool
fits_fastmem(const struct rte_mempool *mp)
{
	return fastmem_mempool_fits(mp, (size_t)mp->header_size + mp->elt_size + RTE_CACHE_LINE_SIZE);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_populate_default, 26.11)
int
rte_fastmem_replace_mempool_populate_default(struct rte_mempool *mp)
{
	struct rte_fastmem_pool *pool;
	unsigned int cache;
	int ret;

	if (!is_replaced(mp) || !fits_fastmem(mp))
		return rte_mempool_populate_default(mp);
	if (mp->nb_mem_chunks != 0)
		return -EEXIST;
	if (pool_of(mp) != NULL)
		forget_pool(mp, 0);
	cache = cache_size(mp);
	pool = make_pool(mp, 0);
	if (pool == NULL)
		return -rte_errno;
	use_pool(mp, pool);
	ret = tell_mempool(mp, pool);
	if (ret < 0)
		forget_pool(mp, cache);
	else
		mp->trailer_size = pool->stride - mp->header_size - mp->elt_size;
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_create, 26.11)
struct rte_mempool *
rte_fastmem_replace_mempool_create(const char *name, unsigned int n, unsigned int elt_size,
		unsigned int cache, unsigned int private_data_size,
		rte_mempool_ctor_t *mp_init, void *mp_init_arg,
		rte_mempool_obj_cb_t *obj_init, void *obj_init_arg,
		int socket_id, unsigned int flags)
{
	struct rte_mempool *mp = rte_fastmem_replace_mempool_create_empty(name, n, elt_size, cache,
		private_data_size, socket_id, flags);
	int ret;

	if (mp == NULL)
		return NULL;
	if (mp_init != NULL)
		mp_init(mp, mp_init_arg);
	ret = rte_fastmem_replace_mempool_populate_default(mp);
	if (ret < 0) {
		rte_fastmem_replace_mempool_free(mp);
		rte_errno = -ret;
		return NULL;
	}
	if (obj_init != NULL)
		rte_mempool_obj_iter(mp, obj_init, obj_init_arg);
	return mp;
}

/* What rte_pktmbuf_pool_create_by_ops() does, for a mempool of this file's. */
static int
make_mbufs(struct rte_mempool *mp, uint16_t priv_size, uint16_t data_room_size)
{
	struct rte_pktmbuf_pool_private area = {
		.mbuf_data_room_size = data_room_size, .mbuf_priv_size = priv_size,
	};
	int ret;

	rte_pktmbuf_pool_init(mp, &area);
	ret = rte_fastmem_replace_mempool_populate_default(mp);
	if (ret >= 0)
		rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_pktmbuf_pool_create_by_ops, 26.11)
struct rte_mempool *
rte_fastmem_replace_pktmbuf_pool_create_by_ops(const char *name, unsigned int n,
		unsigned int cache, uint16_t priv_size, uint16_t data_room_size, int socket_id,
		const char *ops_name)
{
	struct rte_mempool *mp;
	int ret;

	if (ops_name == NULL)
		ops_name = rte_mbuf_best_mempool_ops();
	if (!is_software(ops_name))
		return rte_pktmbuf_pool_create_by_ops(name, n, cache, priv_size, data_room_size,
			socket_id, ops_name);
	if (RTE_ALIGN(priv_size, RTE_MBUF_PRIV_ALIGN) != priv_size) {
		FASTMEM_LOG_SOME(ERR, "mbufs of %s: %u bytes of private area are no multiple of %u", name,
			priv_size, RTE_MBUF_PRIV_ALIGN);
		rte_errno = EINVAL;
		return NULL;
	}
	mp = rte_fastmem_replace_mempool_create_empty(name, n,
		sizeof(struct rte_mbuf) + priv_size + data_room_size, cache,
		sizeof(struct rte_pktmbuf_pool_private), socket_id, 0);
	if (mp == NULL)
		return NULL;
	ret = make_mbufs(mp, priv_size, data_room_size);
	if (ret < 0) {
		rte_fastmem_replace_mempool_free(mp);
		rte_errno = -ret;
		return NULL;
	}
	return mp;
}

/* EAL's option --mbuf-pool-ops-name, and the platform's own ops, count here as well. */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_pktmbuf_pool_create, 26.11)
struct rte_mempool *
rte_fastmem_replace_pktmbuf_pool_create(const char *name, unsigned int n, unsigned int cache,
		uint16_t priv_size, uint16_t data_room_size, int socket_id)
{
	return rte_fastmem_replace_pktmbuf_pool_create_by_ops(name, n, cache, priv_size,
		data_room_size, socket_id, NULL);
}

/*
 * rte_mempool_free() takes all objects out first. The typed pool would then warn of objects that
 * are in use, and could not tell those that are; so there is nothing to be had any more.
 */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_free, 26.11)
void
rte_fastmem_replace_mempool_free(struct rte_mempool *mp)
{
	if (mp != NULL && is_replaced(mp)) {
		fastmem_mempool_drop_forgotten(mp, pool_of(mp));
		mp->pool_config = NULL;
	}
	rte_mempool_free(mp);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_lookup, 26.11)
struct rte_mempool *
rte_fastmem_replace_mempool_lookup(const char *name)
{
	int index = register_ops();
	struct rte_mempool *mp = rte_mempool_lookup(name);

	if (mp != NULL && mp->pool_data != NULL && mp->pool_data == mp->pool_config &&
			mp->ops_index != index)
		FASTMEM_LOG_SOME(ERR, "mempool %s: this process has loaded other mempool drivers "
			"than the one that has made it", name);
	return mp;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_walk, 26.11)
void
rte_fastmem_replace_mempool_walk(void (*cb)(struct rte_mempool *mp, void *arg), void *arg)
{
	register_ops();
	rte_mempool_walk(cb, arg);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_list_dump, 26.11)
void
rte_fastmem_replace_mempool_list_dump(FILE *f)
{
	register_ops();
	rte_mempool_list_dump(f);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_get_other, 26.11)
int
rte_fastmem_replace_mempool_get_other(struct rte_mempool *mp, void **objs, unsigned int n)
{
	return rte_mempool_get_bulk(mp, objs, n);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_mempool_put_other, 26.11)
void
rte_fastmem_replace_mempool_put_other(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	rte_mempool_put_bulk(mp, objs, n);
}
