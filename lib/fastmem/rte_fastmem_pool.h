/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_POOL_H_
#define _RTE_FASTMEM_POOL_H_

/**
 * @file
 * RTE fastmem: typed pools
 *
 * A pool is a set of objects of one type, with memory of its own: what a mempool
 * is, by the fast path of fastmem. Its objects are not mixed with those of other
 * pools or with rte_fastmem_alloc(), keep their contents while they are free, and
 * can be constructed once, bounded in number, enumerated, and returned after a
 * grace period of RCU. rte_fastmem_free() takes them as well.
 *
 * Threads keep free objects in caches of their own, as they do for all of
 * fastmem. A pool that cannot grow takes them out of other threads' caches when it
 * has nothing else left: an object that nobody uses can be had by anybody.
 *
 * Unless a function says otherwise, it may be called by any number of threads and
 * processes at once, but not from a signal handler. The functions that a pool is given at
 * creation run under its lock: they must not call fastmem, but for
 * rte_fastmem_pool_contig_index(). What an object needs of fastmem it can get in
 * rte_fastmem_pool_obj_iter().
 *
 * @warning
 * @b EXPERIMENTAL: all functions in this file may change or be removed without
 * prior notice.
 */

#include <rte_fastmem.h>

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

struct rte_rcu_qsbr;

/** Most bytes in a pool's name, the terminating null byte included. */
#define RTE_FASTMEM_POOL_NAMESIZE 64

/** Most pools at once. */
#define RTE_FASTMEM_MAX_POOLS 256

/**
 * All objects in one piece that is contiguous in virtual and in IO address space,
 * with one stride between them. Needs min == max. Less than 4 GiB.
 */
#define RTE_FASTMEM_POOL_F_CONTIG RTE_BIT32(0)

/**
 * Memory that holds no object in use may leave the pool, above its min: in
 * rte_fastmem_pool_trim(), rte_fastmem_trim() and rte_fastmem_maintain(), and where
 * another pool grows. Without this flag, it stays the pool's as long as the pool lives.
 */
#define RTE_FASTMEM_POOL_F_SHRINK RTE_BIT32(1)

/** The pool gets no objects but those of rte_fastmem_pool_add(), which need max. */
#define RTE_FASTMEM_POOL_F_EXTERNAL RTE_BIT32(2)

/**
 * Do not add a cache line to objects of an even number of lines, from four on. Without this
 * flag, it is added, so that the first lines of objects fall into all sets of the caches;
 * a mempool does the same for memory channels.
 */
#define RTE_FASTMEM_POOL_F_NO_SPREAD RTE_BIT32(3)

/**
 * A pool. It lies in shared memory; all fields are internal.
 */
struct rte_fastmem_pool {
	uint32_t cache; /**< Offset of its caches in those of a thread. */
	uint32_t stride; /**< Bytes from an object to the next. */
	uint64_t magic; /**< 2^32 / stride, rounded up: for objects in one piece. */
	char *base; /**< The first object, if they are in one piece. */
} __rte_aligned(64);

/**
 * Construct or destroy an object.
 *
 * @param pool
 *   The pool.
 * @param arg
 *   The argument given at creation.
 * @param obj
 *   The object. Its memory is not zeroed.
 * @param iova
 *   Its IO address, or RTE_BAD_IOVA.
 * @param index
 *   Its number: from 0 on in the order in which objects are made. Without
 *   RTE_FASTMEM_POOL_F_SHRINK there are no gaps.
 *
 * It must not call fastmem: see the head of this file.
 */
typedef void (*rte_fastmem_pool_obj_cb)(struct rte_fastmem_pool *pool, void *arg, void *obj,
		rte_iova_t iova, uint32_t index);

/** A range of memory that a pool's objects lie in. */
struct rte_fastmem_pool_mem {
	void *addr; /**< Virtual address. */
	rte_iova_t iova; /**< IO address of the same, contiguous; or RTE_BAD_IOVA. */
	size_t len; /**< Bytes; a multiple of 64 KiB. */
};

/** Visit a range of memory. */
typedef void (*rte_fastmem_pool_mem_cb)(struct rte_fastmem_pool *pool, void *arg,
		const struct rte_fastmem_pool_mem *mem);

/**
 * What a pool is to be. Fields that are zero mean the default.
 */
struct rte_fastmem_pool_params {
	/** Name, unique among the pools. */
	const char *name;
	/** Bytes of an object, up to 1 MiB with its header. */
	size_t size;
	/** Alignment of objects: a power of two, up to 64 KiB. 0: a cache line. */
	size_t align;
	/** Bytes in front of each object that belong to it; a multiple of the alignment. */
	size_t header;
	/** Socket of the memory. SOCKET_ID_ANY: the caller's. */
	int socket_id;
	/** Objects that are made at creation, and stay. */
	uint32_t min;
	/** Objects that the pool ever has. 0: only memory bounds it. */
	uint32_t max;
	/** Bytes of memory that the pool ever has. 0: no limit. */
	size_t max_bytes;
	/** Objects that a thread may keep in a magazine; above 256: 256. 0: by size. */
	uint32_t cache_size;
	/** RTE_FASTMEM_POOL_F_*. */
	uint32_t flags;
	/**
	 * Called once for each object, before anybody can get it. Functions are called
	 * in the process that has created the pool; other processes cannot make it
	 * grow or shrink if there are any, unless the primary has created it.
	 */
	rte_fastmem_pool_obj_cb ctor;
	/** Called once for each object when its memory leaves the pool. */
	rte_fastmem_pool_obj_cb dtor;
	/** Called after memory has joined the pool, before its objects are constructed. */
	rte_fastmem_pool_mem_cb mem_added;
	/** Called before memory leaves the pool, after its objects are destroyed. */
	rte_fastmem_pool_mem_cb mem_removed;
	/** Argument of all of these. */
	void *arg;
	/**
	 * RCU variable of the readers. Memory leaves the pool only after a grace period,
	 * and rte_fastmem_pool_put_deferred() works. It must live longer than the pool. If it
	 * is not in memory of EAL, which all processes share, only the process that creates
	 * the pool uses it: others can neither shrink the pool nor put deferred.
	 */
	struct rte_rcu_qsbr *qsbr;
};

/** Figures of a pool. Exact while no other thread uses it. */
struct rte_fastmem_pool_stats {
	uint32_t objects; /**< Objects that there are, in use or not. */
	uint32_t in_use; /**< Objects got and not put. */
	uint32_t deferred; /**< Among them: those put by this process, in a grace period. */
	uint64_t get_total; /**< Objects got since creation or rte_fastmem_stats_reset(). */
	uint64_t put_total; /**< Objects put, likewise. */
	uint64_t get_failed; /**< Objects that a get could not have, likewise. */
	uint64_t bytes_backing; /**< Memory held, of no other user. */
	uint64_t bytes_in_use; /**< Of objects in use, with header and padding. */
	uint64_t bytes_wasted; /**< Held, and not usable for objects. */
	uint64_t bytes_metadata; /**< Bookkeeping outside of the memory held. */
};

/** @cond */
#if defined(RTE_FASTMEM_NO_INLINE) || defined(RTE_FASTMEM_EXPORT)
#define __rte_fastmem_pool_inline \
__rte_experimental
#else
#define __rte_fastmem_pool_inline static inline
#endif

/* Declared first, for attributes. */
__rte_experimental
int
rte_fastmem_pool_free(struct rte_fastmem_pool *pool)
	__rte_ownership_takes(1);
__rte_fastmem_pool_inline void rte_fastmem_pool_put(struct rte_fastmem_pool *pool, void *obj)
	__rte_ownership_takes(2);
/*
 * Is not there. It makes rte_fastmem_pool_free() known to free something; what creates a pool
 * cannot do so, as a pool whose address is lost is no leak: it can be looked up.
 */
struct rte_fastmem_pool *rte_fastmem_pool_model(void)
	__rte_fastmem_dealloc(rte_fastmem_pool_free, 1);
/** @endcond */

/** @name Pools */
/**@{*/

/**
 * Create a pool.
 *
 * In the primary or a secondary process; rte_fastmem_init() must have been called
 * in the primary. The pool belongs to no process: it lives until
 * rte_fastmem_pool_free() or rte_fastmem_deinit().
 *
 * @param params
 *   What it is to be. Not needed after the call.
 * @return
 *   The pool, or NULL with rte_errno set:
 *   - EINVAL: no name or size, no such socket, alignment is no power of two, min above
 *     max, unknown flags, or flags that do not go together
 *   - ENAMETOOLONG: the name is too long
 *   - EEXIST: there is a pool of that name
 *   - E2BIG: an object, or the objects in one piece, are too large
 *   - ENODEV: not initialised
 *   - ENOSPC: there are RTE_FASTMEM_MAX_POOLS pools
 *   - ENOMEM: no memory for min objects
 */
__rte_experimental
struct rte_fastmem_pool *
rte_fastmem_pool_create(const struct rte_fastmem_pool_params *params);

/**
 * Free a pool and its memory.
 *
 * Objects in use, of which there should be none, become invalid; a warning in the log
 * tells how many. Readers of memory that has left and of what was put with
 * rte_fastmem_pool_put_deferred() are waited for, but for no longer than 10 seconds: a reader
 * that was killed while it was online never passes. The pool stays as it is then, and the log
 * shows the readers: unregister that one, and call this again. The caller must not be a reader
 * that is online, as it would wait for itself that long: an RCU variable knows its readers by
 * numbers that do not tell their threads, so this cannot be noticed earlier.
 * Destructors run, if this process has created the pool.
 *
 * No other thread of any process may use the pool any more.
 *
 * @param pool
 *   The pool. NULL: nothing is done.
 * @return
 *   - 0: done
 *   - -EBUSY: a reader has not passed; the pool is as it was
 *   - -EINVAL: that is no pool, or it was freed before
 *   - -ENODEV: not initialised
 */
__rte_experimental
int
rte_fastmem_pool_free(struct rte_fastmem_pool *pool);

/**
 * Find a pool by its name.
 *
 * @param name
 *   Its name.
 * @return
 *   The pool, the same address in each process; NULL with rte_errno set to ENOENT: there
 *   is none, or ENODEV: not initialised.
 */
__rte_experimental
struct rte_fastmem_pool *
rte_fastmem_pool_lookup(const char *name);

/**
 * Make a pool grow.
 *
 * @param pool
 *   The pool.
 * @param n
 *   Objects that it shall have at least, up to max.
 * @return
 *   - 0: success
 *   - -EINVAL: more than max, or the objects are external
 *   - -ENOTSUP: its functions are another process's
 *   - -ENOMEM: not enough memory, or above max_bytes; what could be made is kept
 *   - -ENODEV: not initialised, or the pool was freed
 */
__rte_experimental
int
rte_fastmem_pool_grow(struct rte_fastmem_pool *pool, uint32_t n);

/**
 * Let memory leave a pool in which no object is in use, down to min objects.
 *
 * Objects in the calling thread's cache and in the depot go back first. With an RCU
 * variable this begins a grace period for what is to leave, and gives up what an earlier
 * call has begun with if that is over; it does not wait.
 *
 * @param pool
 *   The pool.
 * @return
 *   Bytes that have left. 0 without RTE_FASTMEM_POOL_F_SHRINK.
 */
__rte_experimental
size_t
rte_fastmem_pool_trim(struct rte_fastmem_pool *pool);

/**
 * Give a pool of external objects some.
 *
 * @param pool
 *   A pool with RTE_FASTMEM_POOL_F_EXTERNAL.
 * @param objs
 *   Addresses of objects. Their memory is the caller's, and must stay until the pool is
 *   freed.
 * @param n
 *   How many.
 * @return
 *   - 0: success
 *   - -EINVAL: not such a pool
 *   - -ENOBUFS: there would be more than max
 *   - -ENODEV: not initialised, or the pool has been freed
 */
__rte_experimental
int
rte_fastmem_pool_add(struct rte_fastmem_pool *pool, void *const *objs, unsigned int n);
/**@}*/

/** @name Objects */
/**@{*/

/**
 * Get an object.
 *
 * @param pool
 *   The pool.
 * @return
 *   The object, with the contents that its last user has left, or NULL with rte_errno set:
 *   - ENOBUFS: max objects are in use
 *   - ENOMEM: no memory for more objects, or max_bytes are in use
 *   - ENODEV: fastmem is not initialised, or the pool was freed
 */
__rte_fastmem_pool_inline void *
rte_fastmem_pool_get(struct rte_fastmem_pool *pool)
	__rte_warn_unused_result
	__rte_fastmem_deallocs
	__rte_fastmem_dealloc(rte_fastmem_pool_put, 2);

/**
 * Get n objects, or none.
 *
 * @param pool
 *   The pool.
 * @param objs
 *   Array that the objects are written to.
 * @param n
 *   How many.
 * @return
 *   - 0: success
 *   - -ENOBUFS, -ENOMEM, -ENODEV: as for rte_fastmem_pool_get(); the array is not
 *     written to
 */
__rte_fastmem_pool_inline int
rte_fastmem_pool_get_bulk(struct rte_fastmem_pool *pool, void **objs, unsigned int n);

/**
 * Put an object back.
 *
 * @param pool
 *   The pool that it is of.
 * @param obj
 *   The object, got from this pool and not put since. This is not checked here:
 *   rte_fastmem_free() finds out whose an object is. NULL: nothing is done.
 */
__rte_fastmem_pool_inline void
rte_fastmem_pool_put(struct rte_fastmem_pool *pool, void *obj);

/**
 * Put n objects back, none of which is NULL.
 *
 * @param pool
 *   The pool that all of them are of.
 * @param objs
 *   The objects.
 * @param n
 *   How many.
 */
__rte_fastmem_pool_inline void
rte_fastmem_pool_put_bulk(struct rte_fastmem_pool *pool, void *const *objs, unsigned int n);

/**
 * Put objects back after a grace period.
 *
 * Returns at once: readers that may still have a reference are not waited for. Until they go
 * back, objects count as in use. Those whose grace period is over go back in this and later calls
 * by this process, in batches, in rte_fastmem_pool_reclaim(), and when a get of this process finds
 * no object in caches and slabs: never by themselves.
 *
 * If the process is killed, the objects on their way are lost with it, also for a forked child
 * that goes on in its place.
 *
 * @param pool
 *   The pool that all of them are of, with an RCU variable.
 * @param objs
 *   The objects.
 * @param n
 *   How many.
 * @return
 *   - 0: success
 *   - -EINVAL: the pool has no RCU variable
 *   - -ENOTSUP: it has one that is in the memory of another process
 *   - -ENOSPC: too many are on their way: the caller still has the objects
 *   - -ENOMEM: no memory for the queue, at this process's first call
 *   - -ENODEV: not initialised, or the pool was freed
 */
__rte_experimental
int
rte_fastmem_pool_put_deferred(struct rte_fastmem_pool *pool, void *const *objs, unsigned int n);

/**
 * Put those objects back whose grace period is over. Does not wait.
 *
 * @param pool
 *   The pool.
 * @return
 *   Objects of this process that are still on their way.
 */
__rte_experimental
unsigned int
rte_fastmem_pool_reclaim(struct rte_fastmem_pool *pool);

/**
 * The number of an object, from 0 on.
 *
 * @param pool
 *   The pool.
 * @param obj
 *   The object.
 * @return
 *   The index that its constructor got; UINT32_MAX: it is no object of this pool.
 */
__rte_experimental
uint32_t
rte_fastmem_pool_index(const struct rte_fastmem_pool *pool, const void *obj);

/**
 * The number of an object of a pool with RTE_FASTMEM_POOL_F_CONTIG, without a check: a few
 * instructions.
 *
 * @param pool
 *   The pool.
 * @param obj
 *   One of its objects.
 * @return
 *   Its index.
 */
__rte_fastmem_pool_inline uint32_t
rte_fastmem_pool_contig_index(const struct rte_fastmem_pool *pool, const void *obj);

/**
 * The object of a number, in a pool with RTE_FASTMEM_POOL_F_CONTIG, without a check.
 *
 * The first one is the base for rte_ptr_compress.h, the alignment of objects its shift.
 *
 * @param pool
 *   The pool.
 * @param index
 *   Its index, below the number of objects.
 * @return
 *   The object.
 */
__rte_fastmem_pool_inline void *
rte_fastmem_pool_contig_obj(const struct rte_fastmem_pool *pool, uint32_t index);
/**@}*/

/** @name Looking at a pool */
/**@{*/

/**
 * Count the objects in use: got, and not put. Exact while no other thread uses the pool.
 * Otherwise objects on their way between a thread and its slabs may count as in use.
 *
 * @param pool
 *   The pool.
 * @return
 *   Objects in use.
 */
__rte_experimental
uint32_t
rte_fastmem_pool_in_use_count(const struct rte_fastmem_pool *pool);

/**
 * Count the objects that can be got without growth, from wherever they are. Exact while
 * no other thread uses the pool; see rte_fastmem_pool_in_use_count().
 *
 * @param pool
 *   The pool.
 * @return
 *   Objects that can be got.
 */
__rte_experimental
uint32_t
rte_fastmem_pool_avail_count(const struct rte_fastmem_pool *pool);

/**
 * Read a pool's figures.
 *
 * @param pool
 *   The pool.
 * @param stats
 *   Where they are written to.
 * @return
 *   - 0: success
 *   - -EINVAL: no pool, or nowhere to write to
 *   - -ENODEV: not initialised
 */
__rte_experimental
int
rte_fastmem_pool_stats(const struct rte_fastmem_pool *pool, struct rte_fastmem_pool_stats *stats);

/**
 * The name of a pool.
 *
 * @param pool
 *   The pool.
 * @return
 *   The name; an empty string if pool is NULL.
 */
__rte_experimental
const char *
rte_fastmem_pool_name(const struct rte_fastmem_pool *pool);

/**
 * Print a pool's figures.
 *
 * @param f
 *   Where to print.
 * @param pool
 *   The pool.
 */
__rte_experimental
void
rte_fastmem_pool_dump(FILE *f, const struct rte_fastmem_pool *pool);

/**
 * Call a function for each pool. It must not create or free pools.
 *
 * @param cb
 *   The function.
 * @param arg
 *   Its last argument.
 */
__rte_experimental
void
rte_fastmem_pool_walk(void (*cb)(struct rte_fastmem_pool *pool, void *arg), void *arg);

/**
 * Call a function for each object, in use or not.
 *
 * The pool must not be freed meanwhile, and does not shrink. Of an external pool, the
 * objects in use are not visited.
 *
 * @param pool
 *   The pool.
 * @param cb
 *   The function.
 * @param arg
 *   Its second argument.
 * @return
 *   Objects visited.
 */
__rte_experimental
uint32_t
rte_fastmem_pool_obj_iter(struct rte_fastmem_pool *pool, rte_fastmem_pool_obj_cb cb, void *arg);

/**
 * Call a function for each object in use.
 *
 * @param pool
 *   The pool.
 * @param cb
 *   The function.
 * @param arg
 *   Its second argument.
 * @return
 *   Objects visited. Exact while no other thread uses the pool; -ENOMEM: no memory to note
 *   which are; -ENOTSUP: the objects are external; -ENODEV: not initialised.
 */
__rte_experimental
int64_t
rte_fastmem_pool_used_iter(struct rte_fastmem_pool *pool, rte_fastmem_pool_obj_cb cb, void *arg);

/**
 * Call a function for each range of memory. The pool must not be freed meanwhile, and does
 * not shrink.
 *
 * @param pool
 *   The pool.
 * @param cb
 *   The function.
 * @param arg
 *   Its second argument.
 * @return
 *   Ranges visited.
 */
__rte_experimental
uint32_t
rte_fastmem_pool_mem_iter(struct rte_fastmem_pool *pool, rte_fastmem_pool_mem_cb cb, void *arg);
/**@}*/

/** @cond */
__rte_experimental
void *
rte_fastmem_pool_get_slow(struct rte_fastmem_pool *pool);
__rte_experimental
int
rte_fastmem_pool_get_bulk_slow(struct rte_fastmem_pool *pool, void **objs, unsigned int n);
__rte_experimental
void
rte_fastmem_pool_put_slow(struct rte_fastmem_pool *pool, void *const *objs, unsigned int n);

__rte_fastmem_always_inline struct rte_fastmem_cache *
rte_fastmem_pool_cache(const struct rte_fastmem_pool *pool)
{
	return (struct rte_fastmem_cache *)(void *)((char *)rte_fastmem_tls.caches + pool->cache);
}

/*
 * Before a pop, the owner of a cache tells where top will be. Another thread that wants
 * the objects first forbids pops by base, and then makes sure by membarrier(2) that the
 * owner either has seen that or has told: pool_steal.c. So neither needs a fence here.
 */
__rte_fastmem_always_inline void
rte_fastmem_pool_popping(struct rte_fastmem_cache *c, void **top, unsigned int n)
{
	RTE_FASTMEM_SET(c->popping, (uint32_t)((uintptr_t)top - n * sizeof(*top)) | 1);
	rte_compiler_barrier();
}

__rte_fastmem_always_inline void
rte_fastmem_pool_popped(struct rte_fastmem_cache *c)
{
	/* Pairs with the acquire in cache_limit(): then top is as said. */
	rte_atomic_store_explicit(&c->popping, 0, rte_memory_order_release);
}
#ifndef RTE_FASTMEM_NO_INLINE

__rte_fastmem_pool_inline uint32_t
rte_fastmem_pool_contig_index(const struct rte_fastmem_pool *pool, const void *obj)
{
	return (uint32_t)(((uint64_t)RTE_PTR_DIFF(obj, pool->base) * pool->magic) >> 32);
}

__rte_fastmem_pool_inline void *
rte_fastmem_pool_contig_obj(const struct rte_fastmem_pool *pool, uint32_t index)
{
	return pool->base + (size_t)index * pool->stride;
}

__rte_fastmem_pool_inline void *
rte_fastmem_pool_get(struct rte_fastmem_pool *pool)
{
	struct rte_fastmem_cache *c = rte_fastmem_pool_cache(pool);
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	rte_fastmem_pool_popping(c, top, 1);
	if (unlikely(top <= RTE_FASTMEM_LIMIT(c->base)))
		return rte_fastmem_pool_get_slow(pool);
	RTE_FASTMEM_ADD(c->n_alloc, 1);
	RTE_FASTMEM_SET(c->top, top - 1);
	rte_fastmem_pool_popped(c);
	return top[-1];
}

__rte_fastmem_pool_inline int
rte_fastmem_pool_get_bulk(struct rte_fastmem_pool *pool, void **objs, unsigned int n)
{
	struct rte_fastmem_cache *c = rte_fastmem_pool_cache(pool);
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	rte_fastmem_pool_popping(c, top, n);
	if (unlikely(n == 0 || (top - RTE_FASTMEM_LIMIT(c->base)) < (long)n))
		return rte_fastmem_pool_get_bulk_slow(pool, objs, n);
	rte_fastmem_copy(objs, top - n, n);
	RTE_FASTMEM_ADD(c->n_alloc, n);
	RTE_FASTMEM_SET(c->top, top - n);
	rte_fastmem_pool_popped(c);
	return 0;
}

__rte_fastmem_pool_inline void
rte_fastmem_pool_put(struct rte_fastmem_pool *pool, void *obj)
{
	if (unlikely(obj == NULL || !rte_fastmem_push(rte_fastmem_pool_cache(pool), obj))) {
		void *one = obj; /* so that obj itself has no address, and stays in a register */

		rte_fastmem_pool_put_slow(pool, &one, 1);
	}
}

__rte_fastmem_pool_inline void
rte_fastmem_pool_put_bulk(struct rte_fastmem_pool *pool, void *const *objs, unsigned int n)
{
	if (unlikely(!rte_fastmem_push_bulk(rte_fastmem_pool_cache(pool), objs, n)))
		rte_fastmem_pool_put_slow(pool, objs, n);
}

#elif defined(__clang_analyzer__)

__rte_fastmem_always_inline void *
rte_fastmem_pool_get(struct rte_fastmem_pool *pool)
{
	(void)pool;
	return rte_fastmem_model_object();
}

#endif /* RTE_FASTMEM_NO_INLINE */
/** @endcond */

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#endif /* _RTE_FASTMEM_POOL_H_ */
