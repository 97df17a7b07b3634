/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Growth that fails on demand: this program's rte_memzone_reserve_aligned()
 * comes before that of EAL, and refuses what the tests tell it to. Only
 * memzones of fastmem are refused, or counted.
 */

#include <dlfcn.h>
#include <limits.h>

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

const struct rte_memzone *
rte_memzone_reserve_aligned(const char *name, size_t len, int socket_id, unsigned int flags,
		unsigned int align)
{
	static const struct rte_memzone *(*next)(const char *, size_t, int, unsigned int,
			unsigned int);

	if (strncmp(name, refuse.prefix, strlen(refuse.prefix)) == 0) {
		unsigned int n = __atomic_fetch_add(&refuse.seen, 1, __ATOMIC_RELAXED);

		if (n == refuse.nth || n >= refuse.from || len > refuse.above) {
			__atomic_fetch_add(&refuse.refused, 1, __ATOMIC_RELAXED);
			rte_errno = ENOMEM;
			return NULL;
		}
	}
	if (__atomic_load_n(&next, __ATOMIC_RELAXED) == NULL) {
		void *symbol = dlsym(RTLD_NEXT, "rte_memzone_reserve_aligned");

		if (symbol == NULL)
			rte_panic("EAL has no rte_memzone_reserve_aligned()\n");
		/* ISO C knows no conversion of one kind of pointer to the other. */
		__atomic_store_n((void **)(uintptr_t)&next, symbol, __ATOMIC_RELAXED);
	}
	return __atomic_load_n(&next, __ATOMIC_RELAXED)(name, len, socket_id, flags, align);
}
