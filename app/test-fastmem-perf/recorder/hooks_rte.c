/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * rte_malloc's family. The names carry no ABI version on purpose: the dynamic linker then takes
 * them for whichever version (DPDK_23, DPDK_24, ...) the program asks for, so one recorder serves
 * the binaries of every DPDK. Nothing of DPDK is needed to build it.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "recorder.h"

#define PUBLIC __attribute__((visibility("default")))
#define SOCKET_ANY (-1)

typedef void *(*malloc_socket_t)(const char *, size_t, unsigned int, int);
typedef void *(*calloc_socket_t)(const char *, size_t, size_t, unsigned int, int);
typedef void *(*realloc_socket_t)(void *, size_t, unsigned int, int);
typedef void (*free_t)(void *);

PUBLIC void *rte_malloc(const char *type, size_t size, unsigned int align);
PUBLIC void *rte_zmalloc(const char *type, size_t size, unsigned int align);
PUBLIC void *rte_calloc(const char *type, size_t num, size_t size, unsigned int align);
PUBLIC void *rte_realloc(void *ptr, size_t size, unsigned int align);
PUBLIC void *rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket);
PUBLIC void *rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket);
PUBLIC void *rte_calloc_socket(const char *type, size_t num, size_t size, unsigned int align,
	int socket);
PUBLIC void *rte_realloc_socket(void *ptr, size_t size, unsigned int align, int socket);
PUBLIC void rte_free(void *ptr);
PUBLIC void rte_free_sensitive(void *ptr);

static _Atomic(void *) next_malloc, next_zmalloc, next_calloc, next_realloc, next_free,
	next_free_sensitive;

/*
 * EAL may have been loaded by dlopen(), out of RTLD_NEXT's sight: then it is the caller's. Two
 * threads that come here at once find the same.
 */
static void *
resolve(_Atomic(void *) *next, const char *name)
{
	void *function = atomic_load_explicit(next, memory_order_relaxed);

	if (function != NULL)
		return function;
	recorder_start();
	function = recorder_next(name);
	for (unsigned int abi = 23; function == NULL && abi < 64; abi++) {
		char file[32];
		void *eal;

		snprintf(file, sizeof(file), "librte_eal.so.%u", abi);
		eal = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
		if (eal != NULL)
			function = dlsym(eal, name);
	}
	if (function == NULL) {
		fprintf(stderr, "fastmem recorder: no %s to be found: is librte_eal loaded?\n",
			name);
		abort();
	}
	atomic_store_explicit(next, function, memory_order_relaxed);
	return function;
}

static void *
log_alloc(enum record_kind kind, void *ptr, size_t size, unsigned int align)
{
	if (ptr != NULL && recorder_is_on())
		recorder_log(kind, ptr, size, align);
	return ptr;
}

void *
rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	malloc_socket_t next = (malloc_socket_t)resolve(&next_malloc, "rte_malloc_socket");
	void *ptr;

	recorder_thread.depth++;
	ptr = next(type, size, align, socket);
	recorder_thread.depth--;
	return log_alloc(RECORD_ALLOC, ptr, size, align);
}

void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	malloc_socket_t next = (malloc_socket_t)resolve(&next_zmalloc, "rte_zmalloc_socket");
	void *ptr;

	recorder_thread.depth++;
	ptr = next(type, size, align, socket);
	recorder_thread.depth--;
	return log_alloc(RECORD_ZALLOC, ptr, size, align);
}

void *
rte_calloc_socket(const char *type, size_t num, size_t size, unsigned int align, int socket)
{
	calloc_socket_t next = (calloc_socket_t)resolve(&next_calloc, "rte_calloc_socket");
	void *ptr;

	recorder_thread.depth++;
	ptr = next(type, num, size, align, socket);
	recorder_thread.depth--;
	return log_alloc(RECORD_ZALLOC, ptr, num * size, align);
}

void *
rte_realloc_socket(void *old, size_t size, unsigned int align, int socket)
{
	realloc_socket_t next = (realloc_socket_t)resolve(&next_realloc, "rte_realloc_socket");
	bool logged = old != NULL && recorder_is_on();
	void *ptr;

	if (logged)
		recorder_log(size == 0 ? RECORD_FREE : RECORD_REALLOC_FROM, old, 0, 0);
	recorder_thread.depth++;
	ptr = next(old, size, align, socket);
	recorder_thread.depth--;
	if (!logged)
		return log_alloc(RECORD_ALLOC, ptr, size, align);
	if (size != 0)
		recorder_log(RECORD_REALLOC_TO, ptr, size, align);
	return ptr;
}

static void
log_and_free(void *ptr, free_t next)
{
	if (ptr != NULL && recorder_is_on())
		recorder_log(RECORD_FREE, ptr, 0, 0);
	recorder_thread.depth++;
	next(ptr);
	recorder_thread.depth--;
}

void
rte_free(void *ptr)
{
	log_and_free(ptr, (free_t)resolve(&next_free, "rte_free"));
}

/* Of DPDK 25.07 and later; a program of an older one does not call it. */
void
rte_free_sensitive(void *ptr)
{
	log_and_free(ptr, (free_t)resolve(&next_free_sensitive, "rte_free_sensitive"));
}

/* Those without a socket are those with any, in every DPDK there has been. */

void *
rte_malloc(const char *type, size_t size, unsigned int align)
{
	return rte_malloc_socket(type, size, align, SOCKET_ANY);
}

void *
rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	return rte_zmalloc_socket(type, size, align, SOCKET_ANY);
}

void *
rte_calloc(const char *type, size_t num, size_t size, unsigned int align)
{
	return rte_calloc_socket(type, num, size, align, SOCKET_ANY);
}

void *
rte_realloc(void *ptr, size_t size, unsigned int align)
{
	return rte_realloc_socket(ptr, size, align, SOCKET_ANY);
}
