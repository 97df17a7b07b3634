/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Growth that fails on demand: this program's rte_memzone_reserve_aligned()
 * comes before that of EAL, and refuses what the tests tell it to. Only
 * memzones of fastmem are refused, or counted. The same for giving them back,
 * for the sake of ThreadSanitizer alone.
 */

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>

#include <rte_debug.h>
#include <rte_memzone.h>

#include "test_fastmem.h"

/* Written while no other thread calls fastmem, but for the counts: atomic. */
static struct {
	const char *prefix;
	unsigned int nth, from;
	size_t above;
	unsigned int seen, refused;
} refuse = { "fastmem_", UINT_MAX, UINT_MAX, SIZE_MAX, 0, 0 };

static void
refuse_set(const char *prefix, unsigned int nth, unsigned int from, size_t above)
{
	refuse.prefix = prefix;
	refuse.nth = nth;
	refuse.from = from;
	refuse.above = above;
	refuse.seen = 0;
	refuse.refused = 0;
}

void
refuse_all(void)
{
	refuse_set("fastmem_", UINT_MAX, 0, SIZE_MAX);
}

void
refuse_nth(unsigned int n)
{
	refuse_set("fastmem_", n, UINT_MAX, SIZE_MAX);
}

void
refuse_from(unsigned int n)
{
	refuse_set("fastmem_", UINT_MAX, n, SIZE_MAX);
}

void
refuse_above(size_t bytes)
{
	refuse_set("fastmem_", UINT_MAX, UINT_MAX, bytes);
}

void
refuse_named(const char *prefix)
{
	refuse_set(prefix, UINT_MAX, 0, SIZE_MAX);
}

void
refuse_nothing(void)
{
	refuse_set("fastmem_", UINT_MAX, UINT_MAX, SIZE_MAX);
}

unsigned int
refuse_seen(void)
{
	return __atomic_load_n(&refuse.seen, __ATOMIC_RELAXED);
}

unsigned int
refuse_refused(void)
{
	return __atomic_load_n(&refuse.refused, __ATOMIC_RELAXED);
}

static void *
eal_function(void **cached, const char *name)
{
	void *function = __atomic_load_n(cached, __ATOMIC_RELAXED);

	if (function == NULL) {
		function = dlsym(RTLD_NEXT, name);
		if (function == NULL)
			rte_panic("EAL has no %s()\n", name);
		__atomic_store_n(cached, function, __ATOMIC_RELAXED);
	}
	return function;
}

/*
 * Memory that one thread gave back is another's after that: EAL's own lock sees
 * to it, but EAL is not built with ThreadSanitizer, to which this one says it again.
 */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static bool
is_refused(const char *name, size_t len)
{
	unsigned int n;

	if (strncmp(name, refuse.prefix, strlen(refuse.prefix)) != 0)
		return false;
	n = __atomic_fetch_add(&refuse.seen, 1, __ATOMIC_RELAXED);
	if (n != refuse.nth && n < refuse.from && len <= refuse.above)
		return false;
	__atomic_fetch_add(&refuse.refused, 1, __ATOMIC_RELAXED);
	return true;
}

const struct rte_memzone *
rte_memzone_reserve_aligned(const char *name, size_t len, int socket_id, unsigned int flags,
		unsigned int align)
{
	typedef const struct rte_memzone *(*reserve_t)(const char *, size_t, int, unsigned int,
			unsigned int);
	static void *next;
	const struct rte_memzone *mz;
	reserve_t reserve;

	if (is_refused(name, len)) {
		rte_errno = ENOMEM;
		return NULL;
	}
	reserve = (reserve_t)(uintptr_t)eal_function(&next, "rte_memzone_reserve_aligned");
	pthread_mutex_lock(&order);
	mz = reserve(name, len, socket_id, flags, align);
	pthread_mutex_unlock(&order);
	return mz;
}

int
rte_memzone_free(const struct rte_memzone *mz)
{
	typedef int (*free_t)(const struct rte_memzone *);
	static void *next;
	free_t give_back = (free_t)(uintptr_t)eal_function(&next, "rte_memzone_free");
	int ret;

	pthread_mutex_lock(&order);
	ret = give_back(mz);
	pthread_mutex_unlock(&order);
	return ret;
}
