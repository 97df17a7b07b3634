/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_TRACE_H
#define FASTMEM_TRACE_H

/*
 * Trace points: lib.fastmem.*, which EAL's --trace enables. There are none in the inline fast path.
 *
 * For the first event of a thread, EAL takes memory for it, under locks of its heap, and may call
 * the application back. So a thread gets that when it makes its first call of fastmem, or, if
 * tracing begins later, when it next holds no lock of fastmem's; what it does before is not traced.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_compat.h>
#include <rte_trace_point.h>

#include "rte_fastmem_compat.h"

/* An event, which costs one load and one branch while its trace point is disabled. */
#define FASTMEM_TRACE(point, ...) do { \
	if (unlikely(FASTMEM_TRACED(point)) && fastmem_trace_ready()) \
		fastmem_trace_##point(__VA_ARGS__); \
} while (0)

#ifdef FASTMEM_NO_TRACE /* to count what trace points cost: see the guide */
#define FASTMEM_TRACED(point) false
#else
#define FASTMEM_TRACED(point) ((rte_atomic_load_explicit(&__fastmem_trace_##point, \
		rte_memory_order_relaxed) & \
	__RTE_TRACE_FIELD_ENABLE_MASK) != 0)
#endif

bool fastmem_trace_ready(void);
void fastmem_trace_begin(void);

RTE_TRACE_POINT(
	fastmem_trace_init,
	RTE_TRACE_POINT_ARGS(uint32_t debug_level, uint32_t n_sockets),
	rte_trace_point_emit_u32(debug_level);
	rte_trace_point_emit_u32(n_sockets);
)

/* n_attached: how many processes there have been. */
RTE_TRACE_POINT(
	fastmem_trace_deinit,
	RTE_TRACE_POINT_ARGS(uint64_t n_attached),
	rte_trace_point_emit_u64(n_attached);
)

/* EAL is asked for memory of a socket; it gives it, or refuses, after so long. */
RTE_TRACE_POINT(
	fastmem_trace_growth_asked,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t bytes),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(bytes);
)

RTE_TRACE_POINT(
	fastmem_trace_growth_granted,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t bytes, uint64_t us),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(bytes);
	rte_trace_point_emit_u64(us);
)

RTE_TRACE_POINT(
	fastmem_trace_growth_refused,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t bytes, uint64_t us),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(bytes);
	rte_trace_point_emit_u64(us);
)

/* Growth by so much is not asked for, as the limit forbids it. */
RTE_TRACE_POINT(
	fastmem_trace_limit,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t bytes, uint64_t bytes_limit),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(bytes);
	rte_trace_point_emit_u64(bytes_limit);
)

RTE_TRACE_POINT(
	fastmem_trace_trim,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t bytes_keep, uint64_t bytes_given),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(bytes_keep);
	rte_trace_point_emit_u64(bytes_given);
)

/* size: of a slot. reason: flags, pool, limit, EAL, or fragmented. */
RTE_TRACE_POINT(
	fastmem_trace_alloc_failed,
	RTE_TRACE_POINT_ARGS(uint64_t size, uint32_t n, uint32_t flags, int socket_id,
		const char *reason),
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_u32(n);
	rte_trace_point_emit_u32(flags);
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_string(reason);
)

RTE_TRACE_POINT(
	fastmem_trace_slab_acquired,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t size, const void *slab, uint64_t bytes),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_ptr(slab);
	rte_trace_point_emit_u64(bytes);
)

RTE_TRACE_POINT(
	fastmem_trace_slab_released,
	RTE_TRACE_POINT_ARGS(int socket_id, uint64_t size, const void *slab, uint64_t bytes),
	rte_trace_point_emit_int(socket_id);
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_ptr(slab);
	rte_trace_point_emit_u64(bytes);
)

/* n: objects in the thread's cache after it was empty, or was full. */
RTE_TRACE_POINT(
	fastmem_trace_cache_refilled,
	RTE_TRACE_POINT_ARGS(uint32_t bin, uint64_t size, uint32_t n),
	rte_trace_point_emit_u32(bin);
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_u32(n);
)

RTE_TRACE_POINT(
	fastmem_trace_cache_spilled,
	RTE_TRACE_POINT_ARGS(uint32_t bin, uint64_t size, uint32_t n),
	rte_trace_point_emit_u32(bin);
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_u32(n);
)

/* The spare magazine, or a pool's cache, of another thread: lcore is -1 if that is none. */
RTE_TRACE_POINT(
	fastmem_trace_recycled,
	RTE_TRACE_POINT_ARGS(uint32_t bin, uint64_t size, uint32_t n, int lcore),
	rte_trace_point_emit_u32(bin);
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_u32(n);
	rte_trace_point_emit_int(lcore);
)

/* A dead process: objects and bytes that it allocated less those that it freed. */
RTE_TRACE_POINT(
	fastmem_trace_process_ended,
	RTE_TRACE_POINT_ARGS(uint32_t pid, int64_t objects, int64_t bytes),
	rte_trace_point_emit_u32(pid);
	rte_trace_point_emit_i64(objects);
	rte_trace_point_emit_i64(bytes);
)

RTE_TRACE_POINT(
	fastmem_trace_pool_created,
	RTE_TRACE_POINT_ARGS(const char *name, uint32_t size, uint32_t min, uint32_t max),
	rte_trace_point_emit_string(name);
	rte_trace_point_emit_u32(size);
	rte_trace_point_emit_u32(min);
	rte_trace_point_emit_u32(max);
)

RTE_TRACE_POINT(
	fastmem_trace_pool_grown,
	RTE_TRACE_POINT_ARGS(const char *name, uint32_t objects),
	rte_trace_point_emit_string(name);
	rte_trace_point_emit_u32(objects);
)

RTE_TRACE_POINT(
	fastmem_trace_pool_shrunk,
	RTE_TRACE_POINT_ARGS(const char *name, uint64_t bytes),
	rte_trace_point_emit_string(name);
	rte_trace_point_emit_u64(bytes);
)

RTE_TRACE_POINT(
	fastmem_trace_pool_freed,
	RTE_TRACE_POINT_ARGS(const char *name, int64_t in_use),
	rte_trace_point_emit_string(name);
	rte_trace_point_emit_i64(in_use);
)

/* Checking reports an error: enum rte_fastmem_error. pool: empty if the object is of none. */
RTE_TRACE_POINT(
	fastmem_trace_error,
	RTE_TRACE_POINT_ARGS(uint32_t error, const void *ptr, const void *object, uint64_t size,
		const char *pool),
	rte_trace_point_emit_u32(error);
	rte_trace_point_emit_ptr(ptr);
	rte_trace_point_emit_ptr(object);
	rte_trace_point_emit_u64(size);
	rte_trace_point_emit_string(pool);
)

/* The same, of lib/fastmem_debug: EAL enables only trace points that are there when it begins. */
__rte_internal
void fastmem_trace_report(uint32_t error, const void *ptr, const void *object, uint64_t size,
		const char *pool);

#endif /* FASTMEM_TRACE_H */
