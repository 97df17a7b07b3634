/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * malloc's family. Until the real functions are known (dlsym() itself may allocate, and the
 * loader does so before libc is ready) a small arena serves; what it gave out is never given
 * back and never seen by the real allocator.
 */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recorder.h"

#define PUBLIC __attribute__((visibility("default")))
#define ARENA_BYTES (1u << 20)
#define ARENA_ALIGN 16u
#define LIBC_ALIGN 16u		/* what malloc promises, and its callers may count on */

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void (*free)(void *);
	size_t (*usable_size)(void *);
} next;

static _Atomic bool resolved;

static _Alignas(ARENA_ALIGN) char arena[ARENA_BYTES];
static _Atomic size_t arena_used;

static bool
is_in_arena(const void *ptr)
{
	return (uintptr_t)ptr - (uintptr_t)arena < sizeof(arena);
}

/* Zeroed. The size lies in front of the object, for realloc. */
static void *
arena_alloc(size_t size, size_t align)
{
	size_t room, at;
	char *ptr;

	if (align < ARENA_ALIGN)
		align = ARENA_ALIGN;
	if (size > ARENA_BYTES || align > ARENA_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	room = (size + align + ARENA_ALIGN + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	at = atomic_fetch_add_explicit(&arena_used, room, memory_order_relaxed);
	if (at + room > ARENA_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	ptr = (char *)(((uintptr_t)&arena[at] + ARENA_ALIGN + align - 1) & ~(uintptr_t)(align - 1));
	((size_t *)ptr)[-1] = size;
	return ptr;
}

static void
start_if_wanted(void)
{
	if (recorder_wants_libc())
		recorder_start();
}

__attribute__((constructor))
static void
start_at_load(void)
{
	start_if_wanted();
}

static bool
resolve(void)
{
	if (atomic_load_explicit(&resolved, memory_order_acquire))
		return true;
	if (recorder_thread.resolving || environ == NULL)
		return false;
	next.malloc = (void *(*)(size_t))recorder_next("malloc");
	next.calloc = (void *(*)(size_t, size_t))recorder_next("calloc");
	next.realloc = (void *(*)(void *, size_t))recorder_next("realloc");
	next.memalign = (void *(*)(size_t, size_t))recorder_next("memalign");
	next.aligned_alloc = (void *(*)(size_t, size_t))recorder_next("aligned_alloc");
	next.posix_memalign = (int (*)(void **, size_t, size_t))recorder_next("posix_memalign");
	next.free = (void (*)(void *))recorder_next("free");
	next.usable_size = (size_t (*)(void *))recorder_next("malloc_usable_size");
	/* two threads at once find the same; pairs with the acquire above */
	atomic_store_explicit(&resolved, true, memory_order_release);
	start_if_wanted();
	return true;
}

static void *
log_alloc(enum record_kind kind, void *ptr, size_t size, size_t align)
{
	if (ptr != NULL && recorder_is_on_libc())
		recorder_log(kind, ptr, size, align > LIBC_ALIGN ? align : LIBC_ALIGN);
	return ptr;
}

PUBLIC void *
malloc(size_t size)
{
	if (!resolve())
		return arena_alloc(size, ARENA_ALIGN);
	return log_alloc(RECORD_ALLOC, next.malloc(size), size, 0);
}

PUBLIC void *
calloc(size_t num, size_t size)
{
	size_t bytes;

	if (resolve())
		return log_alloc(RECORD_ZALLOC, next.calloc(num, size), num * size, 0);
	if (__builtin_mul_overflow(num, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return arena_alloc(bytes, ARENA_ALIGN);
}

static void *
realloc_from_arena(void *old, size_t size)
{
	size_t old_size = ((size_t *)old)[-1];
	void *ptr = malloc(size);

	if (ptr != NULL)
		memcpy(ptr, old, old_size < size ? old_size : size);
	return ptr;
}

PUBLIC void *
realloc(void *old, size_t size)
{
	bool logged;
	void *ptr;

	if (is_in_arena(old))
		return realloc_from_arena(old, size);
	if (!resolve())
		return arena_alloc(size, ARENA_ALIGN); /* old is NULL: nobody else allocated yet */
	logged = old != NULL && recorder_is_on_libc();
	if (logged)
		recorder_log(size == 0 ? RECORD_FREE : RECORD_REALLOC_FROM, old, 0, 0);
	ptr = next.realloc(old, size);
	if (!logged)
		return log_alloc(RECORD_ALLOC, ptr, size, 0);
	if (size != 0)
		recorder_log(RECORD_REALLOC_TO, ptr, size, LIBC_ALIGN);
	else
		log_alloc(RECORD_ALLOC, ptr, size, 0); /* an allocator that gives a new object */
	return ptr;
}

PUBLIC void
free(void *ptr)
{
	if (ptr == NULL || is_in_arena(ptr) || !resolve())
		return;
	if (recorder_is_on_libc())
		recorder_log(RECORD_FREE, ptr, 0, 0);
	next.free(ptr);
}

PUBLIC void *
memalign(size_t align, size_t size)
{
	if (!resolve())
		return arena_alloc(size, align);
	return log_alloc(RECORD_ALLOC, next.memalign(align, size), size, align);
}

PUBLIC void *
aligned_alloc(size_t align, size_t size)
{
	if (!resolve())
		return arena_alloc(size, align);
	return log_alloc(RECORD_ALLOC, next.aligned_alloc(align, size), size, align);
}

PUBLIC int
posix_memalign(void **ptr, size_t align, size_t size)
{
	int ret;

	if (!resolve()) {
		*ptr = arena_alloc(size, align);
		return *ptr == NULL ? ENOMEM : 0;
	}
	ret = next.posix_memalign(ptr, align, size);
	if (ret == 0)
		log_alloc(RECORD_ALLOC, *ptr, size, align);
	return ret;
}

PUBLIC size_t
malloc_usable_size(void *ptr)
{
	if (is_in_arena(ptr))
		return ((size_t *)ptr)[-1];
	return resolve() ? next.usable_size(ptr) : 0;
}
