/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_REPLACE_H_
#define _RTE_FASTMEM_REPLACE_H_

/**
 * @file
 * RTE fastmem: drop-in names
 *
 * Lets an application that is written for rte_mempool or rte_malloc use fastmem, to
 * compare the two, without a change to its source. What is replaced is named by macros:
 *  - RTE_FASTMEM_REPLACE_MEMPOOL: rte_mempool_*() calls go to typed pools;
 *  - RTE_FASTMEM_REPLACE_MALLOC: rte_malloc() and its family go to rte_fastmem_alloc().
 *
 * Without either, this file declares nothing. Include it where the application includes
 * DPDK's headers, or compile all of it with
 * @code
 * -DALLOW_EXPERIMENTAL_API -DRTE_FASTMEM_REPLACE_MEMPOOL -include rte_fastmem_replace.h
 * @endcode
 * and -D_GNU_SOURCE= on the command line as well, if the source defines it. Link with
 * librte_fastmem_replace: pkg-config has its name.
 *
 * A replaced mempool is a struct rte_mempool still, which DPDK's libraries take. What
 * differs:
 *  - Its objects are a typed pool's. A get that finds nothing at hand takes what other
 *    threads have cached; so does -ENOBUFS mean that all objects are in use.
 *  - Threads of any kind have caches in fastmem. The mempool has none: cache_size is 0, and
 *    rte_mempool_default_cache() NULL. Caches that the application makes do what they do.
 *  - SP_PUT and SC_GET change nothing: any number of threads may get and put.
 *  - There can be RTE_FASTMEM_MAX_POOLS of them.
 *  - A secondary process calls rte_mempool_lookup() or rte_mempool_walk() before others.
 *
 * Mempools of mbufs are replaced as well, unless ops of hardware are asked for; those with external
 * buffers are not. Mempools that libraries make work with the same calls.
 *
 * Calls that cannot be replaced stop the compiler with a message that says what to write.
 * The first call that needs fastmem calls rte_fastmem_init(), if the application does not.
 */

#ifdef RTE_FASTMEM_REPLACE_MEMPOOL
#include <errno.h>
#include <sys/types.h> /* rte_ring.h counts on it */

#include <rte_mempool.h>

#include <rte_fastmem_pool.h>

#ifdef RTE_LIBRTE_MEMPOOL_DEBUG
#error "typed pools have no cookies: build without RTE_LIBRTE_MEMPOOL_DEBUG"
#endif
#endif

#ifdef RTE_FASTMEM_REPLACE_MALLOC
#include <rte_malloc.h>

#include <rte_fastmem.h>
#endif

#include "rte_fastmem_attr.h"

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

/** @cond */
#ifdef RTE_FASTMEM_REPLACE_MEMPOOL

__rte_experimental
struct rte_mempool *
rte_fastmem_replace_mempool_create(const char *name, unsigned int n, unsigned int elt_size,
		unsigned int cache_size, unsigned int private_data_size,
		rte_mempool_ctor_t *mp_init, void *mp_init_arg,
		rte_mempool_obj_cb_t *obj_init, void *obj_init_arg,
		int socket_id, unsigned int flags);
__rte_experimental
struct rte_mempool *
rte_fastmem_replace_mempool_create_empty(const char *name, unsigned int n, unsigned int elt_size,
		unsigned int cache_size, unsigned int private_data_size, int socket_id,
		unsigned int flags);
__rte_experimental
int
rte_fastmem_replace_mempool_populate_default(struct rte_mempool *mp);
__rte_experimental
int
rte_fastmem_replace_mempool_set_ops_byname(struct rte_mempool *mp, const char *name,
		void *pool_config);
__rte_experimental
struct rte_mempool *
rte_fastmem_replace_pktmbuf_pool_create(const char *name, unsigned int n, unsigned int cache_size,
		uint16_t priv_size, uint16_t data_room_size, int socket_id);
__rte_experimental
struct rte_mempool *
rte_fastmem_replace_pktmbuf_pool_create_by_ops(const char *name, unsigned int n,
		unsigned int cache_size, uint16_t priv_size, uint16_t data_room_size,
		int socket_id, const char *ops_name);
__rte_experimental
void
rte_fastmem_replace_mempool_free(struct rte_mempool *mp);
__rte_experimental
struct rte_mempool *
rte_fastmem_replace_mempool_lookup(const char *name);
__rte_experimental
void
rte_fastmem_replace_mempool_walk(void (*cb)(struct rte_mempool *mp, void *arg), void *arg);
__rte_experimental
void
rte_fastmem_replace_mempool_list_dump(FILE *f);
__rte_experimental
int
rte_fastmem_replace_mempool_get_other(struct rte_mempool *mp, void **objs, unsigned int n);
__rte_experimental
void
rte_fastmem_replace_mempool_put_other(struct rte_mempool *mp, void *const *objs, unsigned int n);

/* The typed pool is pool_data and pool_config: no other mempool has both alike. */
static __rte_always_inline bool
rte_fastmem_replace_mempool_is_typed(const struct rte_mempool *mp)
{
	return likely(mp->pool_data == mp->pool_config);
}

static __rte_always_inline int
rte_fastmem_replace_mempool_get_bulk(struct rte_mempool *mp, void **objs, unsigned int n)
{
	if (!rte_fastmem_replace_mempool_is_typed(mp))
		return rte_fastmem_replace_mempool_get_other(mp, objs, n);
	return likely(rte_fastmem_pool_get_bulk((struct rte_fastmem_pool *)mp->pool_data,
		objs, n) == 0) ? 0 : -ENOBUFS;
}

static __rte_always_inline int
rte_fastmem_replace_mempool_get(struct rte_mempool *mp, void **obj_p)
{
	void *obj;

	if (!rte_fastmem_replace_mempool_is_typed(mp))
		return rte_fastmem_replace_mempool_get_other(mp, obj_p, 1);
	obj = rte_fastmem_pool_get((struct rte_fastmem_pool *)mp->pool_data);
	if (unlikely(obj == NULL))
		return -ENOBUFS;
	*obj_p = obj;
	return 0;
}

static __rte_always_inline void
rte_fastmem_replace_mempool_put_bulk(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	if (rte_fastmem_replace_mempool_is_typed(mp))
		rte_fastmem_pool_put_bulk((struct rte_fastmem_pool *)mp->pool_data, objs, n);
	else
		rte_fastmem_replace_mempool_put_other(mp, objs, n);
}

static __rte_always_inline void
rte_fastmem_replace_mempool_put(struct rte_mempool *mp, void *obj)
{
	if (rte_fastmem_replace_mempool_is_typed(mp))
		rte_fastmem_pool_put((struct rte_fastmem_pool *)mp->pool_data, obj);
	else
		rte_fastmem_replace_mempool_put_other(mp, &obj, 1);
}

/* A cache that the application has made holds objects of which only its owner knows. */
static __rte_always_inline int
rte_fastmem_replace_mempool_generic_get(struct rte_mempool *mp, void **objs, unsigned int n,
		struct rte_mempool_cache *cache)
{
	if (cache != NULL || !rte_fastmem_replace_mempool_is_typed(mp))
		return rte_mempool_generic_get(mp, objs, n, cache);
	return rte_fastmem_replace_mempool_get_bulk(mp, objs, n);
}

static __rte_always_inline void
rte_fastmem_replace_mempool_generic_put(struct rte_mempool *mp, void *const *objs, unsigned int n,
		struct rte_mempool_cache *cache)
{
	if (cache != NULL || !rte_fastmem_replace_mempool_is_typed(mp))
		rte_mempool_generic_put(mp, objs, n, cache);
	else
		rte_fastmem_replace_mempool_put_bulk(mp, objs, n);
}

#ifndef RTE_FASTMEM_REPLACE_NO_NAMES /* the library, which needs both */
/*
 * All other calls on mempools work on a replaced one as they are: what a mempool knows of its
 * objects and its memory, a replaced one knows as well.
 */
#define rte_mempool_create rte_fastmem_replace_mempool_create
#define rte_mempool_create_empty rte_fastmem_replace_mempool_create_empty
#define rte_mempool_populate_default rte_fastmem_replace_mempool_populate_default
#define rte_mempool_free rte_fastmem_replace_mempool_free
#define rte_mempool_lookup rte_fastmem_replace_mempool_lookup
#define rte_mempool_walk rte_fastmem_replace_mempool_walk
#define rte_mempool_list_dump rte_fastmem_replace_mempool_list_dump
#define rte_mempool_get rte_fastmem_replace_mempool_get
#define rte_mempool_get_bulk rte_fastmem_replace_mempool_get_bulk
#define rte_mempool_put rte_fastmem_replace_mempool_put
#define rte_mempool_put_bulk rte_fastmem_replace_mempool_put_bulk
#define rte_mempool_generic_get rte_fastmem_replace_mempool_generic_get
#define rte_mempool_generic_put rte_fastmem_replace_mempool_generic_put
#define rte_mempool_do_generic_get rte_fastmem_replace_mempool_generic_get
#define rte_mempool_do_generic_put rte_fastmem_replace_mempool_generic_put
#define rte_mempool_set_ops_byname rte_fastmem_replace_mempool_set_ops_byname
#define rte_pktmbuf_pool_create rte_fastmem_replace_pktmbuf_pool_create
#define rte_pktmbuf_pool_create_by_ops rte_fastmem_replace_pktmbuf_pool_create_by_ops

/* What cannot be replaced. */
#define rte_mempool_get_contig_blocks \
	__rte_refuse("rte_mempool_get_contig_blocks(): objects are got one by one. Write rte_mempool_get_bulk(), or take a typed pool with RTE_FASTMEM_POOL_F_CONTIG") \
	rte_mempool_get_contig_blocks
#define RTE_FASTMEM_REPLACE_NO_DRIVER __rte_refuse("a mempool driver is what typed pools replace: compile this file without RTE_FASTMEM_REPLACE_MEMPOOL")
#define rte_mempool_register_ops RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_register_ops
#define rte_mempool_ops_alloc RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_ops_alloc
#define rte_mempool_ops_free RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_ops_free
#define rte_mempool_ops_populate RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_ops_populate
#define rte_mempool_ops_calc_mem_size RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_ops_calc_mem_size
#define rte_mempool_ops_dequeue_contig_blocks \
	RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_ops_dequeue_contig_blocks
#define rte_mempool_op_populate_helper \
	RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_op_populate_helper
#define rte_mempool_op_populate_default \
	RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_op_populate_default
#define rte_mempool_op_calc_mem_size_helper \
	RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_op_calc_mem_size_helper
#define rte_mempool_op_calc_mem_size_default \
	RTE_FASTMEM_REPLACE_NO_DRIVER rte_mempool_op_calc_mem_size_default
#define RTE_FASTMEM_REPLACE_NO_XMEM __rte_refuse("DPDK has no rte_mempool_xmem_*() any more: write rte_mempool_create_empty() and rte_mempool_populate_iova()")
#define rte_mempool_xmem_create RTE_FASTMEM_REPLACE_NO_XMEM rte_mempool_xmem_create
#define rte_mempool_xmem_size RTE_FASTMEM_REPLACE_NO_XMEM rte_mempool_xmem_size
#define rte_mempool_xmem_usage RTE_FASTMEM_REPLACE_NO_XMEM rte_mempool_xmem_usage
#endif /* RTE_FASTMEM_REPLACE_NO_NAMES */

#endif /* RTE_FASTMEM_REPLACE_MEMPOOL */

#ifdef RTE_FASTMEM_REPLACE_MALLOC

#if defined(RTE_FASTMEM_NO_INLINE) || defined(RTE_FASTMEM_EXPORT)
#define __rte_fastmem_replace_inline \
__rte_experimental
#else
#define __rte_fastmem_replace_inline static __rte_always_inline
#endif

/*
 * Declared first, for attributes: as in rte_fastmem.h. What analysers shall know is this function
 * under its own name: they do not tell of a call that comes from a macro of a system header.
 */
#ifdef RTE_FASTMEM_NO_INLINE
void rte_free(void *ptr) __asm__("rte_fastmem_replace_free") __rte_ownership_takes(1);
void rte_free_sensitive(void *ptr) __asm__("rte_fastmem_replace_free_sensitive")
	__rte_ownership_takes(1);
#else
__rte_fastmem_replace_inline void rte_fastmem_replace_free(void *ptr);
__rte_experimental
void
rte_fastmem_replace_free_sensitive(void *ptr);
#endif

#define __rte_fastmem_replace_deallocs \
	__rte_fastmem_dealloc(rte_free, 1) \
	__rte_fastmem_dealloc(rte_free_sensitive, 1) \
	__rte_fastmem_dealloc(rte_fastmem_moved, 1)

__rte_fastmem_replace_inline void *
rte_fastmem_replace_malloc(const char *type, size_t size, unsigned int align)
	__rte_alloc_size(2) __rte_fastmem_replace_deallocs;
__rte_fastmem_replace_inline void *
rte_fastmem_replace_malloc_socket(const char *type, size_t size, unsigned int align,
		int socket_id)
	__rte_alloc_size(2) __rte_fastmem_replace_deallocs;
__rte_fastmem_replace_inline void *
rte_fastmem_replace_zmalloc(const char *type, size_t size, unsigned int align)
	__rte_alloc_size(2) __rte_fastmem_replace_deallocs;
__rte_fastmem_replace_inline void *
rte_fastmem_replace_zmalloc_socket(const char *type, size_t size, unsigned int align,
		int socket_id)
	__rte_alloc_size(2) __rte_fastmem_replace_deallocs;
__rte_fastmem_replace_inline void *
rte_fastmem_replace_calloc(const char *type, size_t num, size_t size, unsigned int align)
	__rte_alloc_size(2, 3) __rte_fastmem_replace_deallocs;
__rte_fastmem_replace_inline void *
rte_fastmem_replace_calloc_socket(const char *type, size_t num, size_t size, unsigned int align,
		int socket_id)
	__rte_alloc_size(2, 3) __rte_fastmem_replace_deallocs;
__rte_fastmem_replace_inline void *
rte_fastmem_replace_realloc(void *ptr, size_t size, unsigned int align)
	__rte_alloc_size(2);

__rte_experimental
void *
rte_fastmem_replace_malloc_slow(const char *type, size_t size, unsigned int align,
		unsigned int flags, int socket_id);
__rte_experimental
void
rte_fastmem_replace_free_slow(void *ptr);
__rte_experimental
void *
rte_fastmem_replace_realloc_socket(void *ptr, size_t size, unsigned int align, int socket_id)
	__rte_alloc_size(2);
__rte_experimental
int
rte_fastmem_replace_malloc_validate(const void *ptr, size_t *size);
__rte_experimental
rte_iova_t
rte_fastmem_replace_malloc_virt2iova(const void *ptr);
__rte_experimental
int
rte_fastmem_replace_malloc_get_socket_stats(int socket_id, struct rte_malloc_socket_stats *stats);
__rte_experimental
void
rte_fastmem_replace_malloc_dump_stats(FILE *f, const char *type);
__rte_experimental
void
rte_fastmem_replace_malloc_dump_heaps(FILE *f);

#ifndef RTE_FASTMEM_NO_INLINE

/*
 * rte_malloc() never aligns to less than a cache line, so no two objects share one. What
 * fastmem cannot give, EAL's heap may.
 */
static __rte_always_inline void *
rte_fastmem_replace_alloc(const char *type, size_t size, unsigned int align, unsigned int flags,
		int socket_id)
{
	size_t class_id;
	void *ptr = NULL;

	if (unlikely(size == 0 || (align & (align - 1)) != 0))
		return NULL;
	/* As rte_fastmem_alloc_socket(), with one call for all that is not at hand. */
	class_id = rte_fastmem_class(size, align > RTE_CACHE_LINE_SIZE ? align :
		RTE_CACHE_LINE_SIZE);
	if (likely(class_id < RTE_FASTMEM_N_CLASSES &&
			(socket_id == SOCKET_ID_ANY || socket_id == rte_fastmem_tls.socket_id)))
		ptr = rte_fastmem_pop(&rte_fastmem_tls.classes[class_id]);
	if (unlikely(ptr == NULL))
		return rte_fastmem_replace_malloc_slow(type, size, align, flags, socket_id);
	if (flags & RTE_FASTMEM_F_ZERO)
		memset(ptr, 0, size);
	return ptr;
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_malloc_socket(const char *type, size_t size, unsigned int align,
		int socket_id)
{
	return rte_fastmem_replace_alloc(type, size, align, 0, socket_id);
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_malloc(const char *type, size_t size, unsigned int align)
{
	return rte_fastmem_replace_alloc(type, size, align, 0, SOCKET_ID_ANY);
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_zmalloc_socket(const char *type, size_t size, unsigned int align,
		int socket_id)
{
	return rte_fastmem_replace_alloc(type, size, align, RTE_FASTMEM_F_ZERO, socket_id);
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_zmalloc(const char *type, size_t size, unsigned int align)
{
	return rte_fastmem_replace_zmalloc_socket(type, size, align, SOCKET_ID_ANY);
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_calloc_socket(const char *type, size_t num, size_t size, unsigned int align,
		int socket_id)
{
	size_t bytes;

	if (unlikely(__rte_mul_overflow(num, size, &bytes)))
		return NULL;
	return rte_fastmem_replace_zmalloc_socket(type, bytes, align, socket_id);
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_calloc(const char *type, size_t num, size_t size, unsigned int align)
{
	return rte_fastmem_replace_calloc_socket(type, num, size, align, SOCKET_ID_ANY);
}

__rte_fastmem_replace_inline void *
rte_fastmem_replace_realloc(void *ptr, size_t size, unsigned int align)
{
	return rte_fastmem_replace_realloc_socket(ptr, size, align, SOCKET_ID_ANY);
}

/*
 * As rte_fastmem_free(), but the object that was freed last is noticed if it is freed again. What is
 * EAL's, or nobody's, has a cache without room. What lies before the first place of a magazine is no
 * object.
 */
__rte_fastmem_replace_inline void
rte_fastmem_replace_free(void *ptr)
{
	struct rte_fastmem_cache *c = &rte_fastmem_tls.caches[rte_fastmem_bin_of(ptr)];
	void **top;

	RTE_FASTMEM_IN_REGISTER(c);
	top = c->top;
	if (unlikely(top >= RTE_FASTMEM_LIMIT(c->end)) || unlikely(top[-1] == ptr)) {
		rte_fastmem_replace_free_slow(ptr);
		return;
	}
	*top = ptr;
	RTE_FASTMEM_SET_TOP(c, top + 1);
}

#elif defined(RTE_FASTMEM_HAS_PAIRS)

/* As in rte_fastmem_model.h. */
void *
rte_fastmem_replace_realloc_unmodelled(const void *ptr, size_t size, unsigned int align,
		int socket_id)
	__asm__("rte_fastmem_replace_realloc_socket")
	__rte_alloc_size(2) __rte_access_none(1) __rte_fastmem_replace_deallocs;

__rte_fastmem_always_inline void *
rte_fastmem_replace_realloc_socket(void *ptr, size_t size, unsigned int align, int socket_id)
{
	void *moved = rte_fastmem_replace_realloc_unmodelled(ptr, size, align, socket_id);

	if (size == 0 && moved != NULL)
		__rte_unreachable();
	if (size == 0 || moved != NULL)
		rte_fastmem_moved(ptr);
	return moved;
}

__rte_fastmem_always_inline void *
rte_fastmem_replace_realloc(void *ptr, size_t size, unsigned int align)
{
	return rte_fastmem_replace_realloc_socket(ptr, size, align, SOCKET_ID_ANY);
}

#elif defined(__clang_analyzer__)

#define rte_fastmem_replace_malloc(type, size, align) rte_fastmem_alloc(size, align, 0)
#define rte_fastmem_replace_malloc_socket(type, size, align, socket_id) \
	rte_fastmem_alloc_socket(size, align, 0, socket_id)
#define rte_fastmem_replace_zmalloc(type, size, align) \
	rte_fastmem_alloc(size, align, RTE_FASTMEM_F_ZERO)
#define rte_fastmem_replace_zmalloc_socket(type, size, align, socket_id) \
	rte_fastmem_alloc_socket(size, align, RTE_FASTMEM_F_ZERO, socket_id)
#define rte_fastmem_replace_calloc(type, num, size, align) \
	rte_fastmem_alloc((num) * (size), align, RTE_FASTMEM_F_ZERO)
#define rte_fastmem_replace_calloc_socket(type, num, size, align, socket_id) \
	rte_fastmem_alloc_socket((num) * (size), align, RTE_FASTMEM_F_ZERO, socket_id)
#define rte_fastmem_replace_realloc(ptr, size, align) rte_fastmem_realloc(ptr, size, align)
#define rte_fastmem_replace_realloc_socket(ptr, size, align, socket_id) \
	rte_fastmem_realloc(ptr, size, align)

#endif /* RTE_FASTMEM_NO_INLINE */

#ifndef RTE_FASTMEM_REPLACE_NO_NAMES
#define rte_malloc rte_fastmem_replace_malloc
#define rte_malloc_socket rte_fastmem_replace_malloc_socket
#define rte_zmalloc rte_fastmem_replace_zmalloc
#define rte_zmalloc_socket rte_fastmem_replace_zmalloc_socket
#define rte_calloc rte_fastmem_replace_calloc
#define rte_calloc_socket rte_fastmem_replace_calloc_socket
#define rte_realloc rte_fastmem_replace_realloc
#define rte_realloc_socket rte_fastmem_replace_realloc_socket
#ifndef RTE_FASTMEM_NO_INLINE
#define rte_free rte_fastmem_replace_free
#define rte_free_sensitive rte_fastmem_replace_free_sensitive
#endif
#define rte_malloc_validate rte_fastmem_replace_malloc_validate
#define rte_malloc_virt2iova rte_fastmem_replace_malloc_virt2iova
#define rte_malloc_get_socket_stats rte_fastmem_replace_malloc_get_socket_stats
#define rte_malloc_dump_stats rte_fastmem_replace_malloc_dump_stats
#define rte_malloc_dump_heaps rte_fastmem_replace_malloc_dump_heaps
#endif /* RTE_FASTMEM_REPLACE_NO_NAMES */

#endif /* RTE_FASTMEM_REPLACE_MALLOC */
/** @endcond */

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

/* Here, as its inline functions get mbufs from mempools and put them: by the names above. */
#ifdef RTE_FASTMEM_REPLACE_MEMPOOL
#include <rte_mbuf.h>
#endif

#endif /* _RTE_FASTMEM_REPLACE_H_ */
