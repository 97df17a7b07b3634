/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The rte_malloc family of an unmodified program. This file owns the names, with the versions
 * that they have in EAL, and decides who serves a call.
 *
 * A call on the fast path is a test of fastmem_malloc_plain and fastmem's own inline code.
 * All else is behind the other outcome of that test: before there is fastmem, after it, where
 * EAL's heap shall serve, and where calls are counted or recorded.
 */

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_memory.h>

#include "recorder.h"

#include "fastmem_malloc.h"

RTE_ATOMIC(bool) fastmem_malloc_plain;

static inline bool
is_plain(void)
{
	return likely(rte_atomic_load_explicit(&fastmem_malloc_plain, rte_memory_order_relaxed));
}

/* What is asked for, and by whom. */
struct request {
	enum fastmem_malloc_call call;
	const void *caller;
	const char *type;
	size_t size;
	unsigned int align;
	int socket_id;
};

typedef void free_t(void *ptr);

static const struct rte_fastmem_replace_heap *
heap(void)
{
	return &fastmem_malloc_eal()->heap;
}

static bool
wants_zeroes(const struct request *r)
{
	return r->call == CALL_ZMALLOC || r->call == CALL_CALLOC;
}

static void *
heap_alloc(const struct request *r)
{
	return wants_zeroes(r) ?
		heap()->zmalloc_socket(r->type, r->size, r->align, r->socket_id) :
		heap()->malloc_socket(r->type, r->size, r->align, r->socket_id);
}

/*
 * Whether what is done with an object is fastmem's to find out. A process that does not serve
 * may still be given objects of others, if it has attached.
 */
static bool
may_be_ours(const void *ptr)
{
	return fastmem_malloc_stage() == STAGE_SERVE || rte_fastmem_bin_of(ptr) != 0;
}

static void *
serve_alloc(const struct request *r)
{
	switch (fastmem_malloc_stage()) {
	case STAGE_SERVE:
		return rte_fastmem_replace_alloc(r->type, r->size, r->align,
			wants_zeroes(r) ? RTE_FASTMEM_F_ZERO : 0, r->socket_id);
	case STAGE_ENDED:
		return NULL;
	default:
		return heap_alloc(r);
	}
}

/* Without memory for another one, an object that is large enough stays; its rest is zeroed. */
static void *
realloc_stay(void *ptr, const struct request *r)
{
	const unsigned int align = RTE_CACHE_LINE_ROUNDUP(RTE_MAX(r->align, 1u));
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(ptr);
	size_t size = fastmem_malloc_size(ptr);

	if (r->size > size || !rte_is_power_of_2(align) || ((uintptr_t)ptr & (align - 1)) != 0)
		return NULL;
	if (r->socket_id != SOCKET_ID_ANY && (list == NULL || list->socket_id != r->socket_id))
		return NULL;
	memset(RTE_PTR_ADD(ptr, r->size), 0, size - r->size);
	return ptr;
}

/* Into another object: what is left of the old one, and what is new of this one, is zero. */
static void *
realloc_cleared(void *ptr, const struct request *r)
{
	void *moved = rte_fastmem_replace_alloc(r->type, r->size,
		RTE_CACHE_LINE_ROUNDUP(r->align), RTE_FASTMEM_F_ZERO, r->socket_id);

	if (moved == NULL && r->size != 0)
		return realloc_stay(ptr, r);
	if (moved != NULL)
		memcpy(moved, ptr, RTE_MIN(r->size, fastmem_malloc_size(ptr)));
	rte_fastmem_replace_free_sensitive(ptr);
	return moved;
}

static void *
serve_realloc(void *ptr, const struct request *r)
{
	if (fastmem_malloc_stage() == STAGE_ENDED)
		return NULL;
	if (fastmem_malloc_config.clear && ptr != NULL && may_be_ours(ptr))
		return realloc_cleared(ptr, r);
	if (may_be_ours(ptr))
		return rte_fastmem_replace_realloc_socket(ptr, r->size, r->align, r->socket_id);
	if (ptr == NULL)
		return serve_alloc(r);
	return heap()->realloc_socket(ptr, r->size, r->align, r->socket_id);
}

static void
serve_free(void *ptr, free_t *ours, free_t *heaps)
{
	if (fastmem_malloc_stage() == STAGE_ENDED)
		return; /* it is unmapped */
	if (may_be_ours(ptr))
		ours(ptr);
	else
		heaps(ptr);
}

/* Calls off the fast path: counted and recorded, if so wanted. */

static void *
other_alloc(const struct request *r)
{
	struct fastmem_malloc_event event = { .call = r->call, .caller = r->caller,
		.asked = r->size };
	uint64_t start;
	void *ptr;

	if (fastmem_malloc_stage() == STAGE_UNREAD)
		fastmem_malloc_eal();
	start = rte_rdtsc();
	ptr = serve_alloc(r);
	event.cycles = rte_rdtsc() - start;
	event.ptr = ptr;
	if (fastmem_malloc_config.count)
		fastmem_malloc_count(&event);
	/* That it had something shows that EAL's memory is up. */
	if (ptr != NULL && unlikely(fastmem_malloc_stage() == STAGE_WAIT))
		fastmem_malloc_try_start();
	if (ptr != NULL && recorder_is_on())
		recorder_log(r->call == CALL_MALLOC ? RECORD_ALLOC : RECORD_ZALLOC, ptr, r->size,
			r->align);
	return ptr;
}

static void *
other_realloc(void *old, const struct request *r)
{
	struct fastmem_malloc_event event = { .call = CALL_REALLOC, .caller = r->caller,
		.asked = r->size };
	bool logged = old != NULL && recorder_is_on();
	uint64_t start;
	void *ptr;

	fastmem_malloc_eal();
	if (fastmem_malloc_config.count && old != NULL)
		event.before = fastmem_malloc_size(old);
	if (logged)
		recorder_log(r->size == 0 ? RECORD_FREE : RECORD_REALLOC_FROM, old, 0, 0);
	start = rte_rdtsc();
	ptr = serve_realloc(old, r);
	event.cycles = rte_rdtsc() - start;
	event.ptr = ptr;
	if (fastmem_malloc_config.count)
		fastmem_malloc_count(&event);
	if (logged && r->size != 0)
		recorder_log(RECORD_REALLOC_TO, ptr, r->size, r->align);
	else if (ptr != NULL && recorder_is_on())
		recorder_log(RECORD_ALLOC, ptr, r->size, r->align);
	return ptr;
}

/* ours: for objects of fastmem; heaps: for those of EAL's heap. */
static __rte_noinline void
other_free(void *ptr, free_t *ours, free_t *heaps, const void *caller)
{
	struct fastmem_malloc_event event = { .call = CALL_FREE, .caller = caller, .ptr = ptr };
	uint64_t start;

	fastmem_malloc_eal();
	if (fastmem_malloc_in_heap != 0) {
		heaps(ptr);
		return;
	}
	if (fastmem_malloc_config.count && ptr != NULL)
		event.before = fastmem_malloc_size(ptr);
	if (ptr != NULL && recorder_is_on())
		recorder_log(RECORD_FREE, ptr, 0, 0);
	start = rte_rdtsc();
	serve_free(ptr, ours, heaps);
	event.cycles = rte_rdtsc() - start;
	if (fastmem_malloc_config.count)
		fastmem_malloc_count(&event);
}

/* Not inlined, so that the names below need no stack. */

static __rte_noinline void *
within_heap(const char *type, size_t size, unsigned int align, int socket_id)
{
	return heap()->malloc_socket(type, size, align, socket_id);
}

static __rte_noinline void *
other_sized(enum fastmem_malloc_call call, const char *type, size_t size, unsigned int align,
		int socket_id, const void *caller)
{
	return other_alloc(&(struct request){ call, caller, type, size, align, socket_id });
}

static __rte_noinline void *
other_resized(void *ptr, size_t size, unsigned int align, int socket_id, const void *caller)
{
	return other_realloc(ptr,
		&(struct request){ CALL_REALLOC, caller, NULL, size, align, socket_id });
}

/* The names. */

#define CALLER __rte_return_address()

PUBLIC void *
rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket_id)
{
	if (unlikely(fastmem_malloc_in_heap != 0))
		return within_heap(type, size, align, socket_id);
	if (!is_plain())
		return other_sized(CALL_MALLOC, type, size, align, socket_id, CALLER);
	return rte_fastmem_replace_malloc_socket(type, size, align, socket_id);
}

PUBLIC void *
rte_malloc(const char *type, size_t size, unsigned int align)
{
	if (!is_plain())
		return other_sized(CALL_MALLOC, type, size, align, SOCKET_ID_ANY, CALLER);
	return rte_fastmem_replace_malloc(type, size, align);
}

PUBLIC void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket_id)
{
	if (!is_plain())
		return other_sized(CALL_ZMALLOC, type, size, align, socket_id, CALLER);
	return rte_fastmem_replace_zmalloc_socket(type, size, align, socket_id);
}

PUBLIC void *
rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	if (!is_plain())
		return other_sized(CALL_ZMALLOC, type, size, align, SOCKET_ID_ANY, CALLER);
	return rte_fastmem_replace_zmalloc(type, size, align);
}

PUBLIC void *
rte_calloc_socket(const char *type, size_t num, size_t size, unsigned int align, int socket_id)
{
	size_t bytes;

	if (is_plain())
		return rte_fastmem_replace_calloc_socket(type, num, size, align, socket_id);
	/* EAL itself would multiply and give less than was asked for. */
	if (__rte_mul_overflow(num, size, &bytes))
		return NULL;
	return other_sized(CALL_CALLOC, type, bytes, align, socket_id, CALLER);
}

PUBLIC void *
rte_calloc(const char *type, size_t num, size_t size, unsigned int align)
{
	size_t bytes;

	if (is_plain())
		return rte_fastmem_replace_calloc(type, num, size, align);
	if (__rte_mul_overflow(num, size, &bytes))
		return NULL;
	return other_sized(CALL_CALLOC, type, bytes, align, SOCKET_ID_ANY, CALLER);
}

PUBLIC void *
rte_realloc_socket(void *ptr, size_t size, unsigned int align, int socket_id)
{
	if (!is_plain())
		return other_resized(ptr, size, align, socket_id, CALLER);
	return rte_fastmem_replace_realloc_socket(ptr, size, align, socket_id);
}

PUBLIC void *
rte_realloc(void *ptr, size_t size, unsigned int align)
{
	if (!is_plain())
		return other_resized(ptr, size, align, SOCKET_ID_ANY, CALLER);
	return rte_fastmem_replace_realloc(ptr, size, align);
}

PUBLIC void
rte_free(void *ptr)
{
	if (is_plain())
		rte_fastmem_replace_free(ptr);
	else
		other_free(ptr, fastmem_malloc_config.clear ? rte_fastmem_replace_free_sensitive :
			rte_fastmem_replace_free, heap()->free, CALLER);
}

/* Exported only if EAL has it. */
PUBLIC void
rte_free_sensitive(void *ptr)
{
	if (is_plain())
		rte_fastmem_replace_free_sensitive(ptr);
	else
		other_free(ptr, rte_fastmem_replace_free_sensitive, heap()->free_sensitive, CALLER);
}

PUBLIC int
rte_malloc_validate(const void *ptr, size_t *size)
{
	fastmem_malloc_eal();
	if (fastmem_malloc_stage() == STAGE_ENDED)
		return -1;
	return may_be_ours(ptr) ? rte_fastmem_replace_malloc_validate(ptr, size) :
		heap()->validate(ptr, size);
}

PUBLIC rte_iova_t
rte_malloc_virt2iova(const void *ptr)
{
	fastmem_malloc_eal();
	if (fastmem_malloc_stage() == STAGE_ENDED)
		return RTE_BAD_IOVA;
	return may_be_ours(ptr) ? rte_fastmem_replace_malloc_virt2iova(ptr) :
		heap()->virt2iova(ptr);
}

PUBLIC int
rte_malloc_get_socket_stats(int socket_id, struct rte_malloc_socket_stats *stats)
{
	fastmem_malloc_eal();
	if (fastmem_malloc_stage() == STAGE_ENDED)
		return -1;
	return fastmem_malloc_stage() == STAGE_SERVE ?
		rte_fastmem_replace_malloc_get_socket_stats(socket_id, stats) :
		heap()->get_socket_stats(socket_id, stats);
}

PUBLIC void
rte_malloc_dump_stats(FILE *f, const char *type)
{
	fastmem_malloc_eal();
	if (fastmem_malloc_stage() == STAGE_SERVE)
		rte_fastmem_replace_malloc_dump_stats(f, type);
	else if (fastmem_malloc_stage() != STAGE_ENDED)
		heap()->dump_stats(f, type);
}

PUBLIC void
rte_malloc_dump_heaps(FILE *f)
{
	fastmem_malloc_eal();
	if (fastmem_malloc_stage() == STAGE_SERVE)
		rte_fastmem_replace_malloc_dump_heaps(f);
	else if (fastmem_malloc_stage() != STAGE_ENDED)
		heap()->dump_heaps(f);
}
