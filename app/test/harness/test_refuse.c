/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Growth that fails on demand: the linker has fastmem call the functions here in place of
 * rte_memzone_reserve_aligned() and rte_memzone_free() (--wrap, see meson.build). They refuse what
 * the tests tell them to. Only memzones of fastmem are refused, or counted. They also order what
 * EAL does, for the sake of ThreadSanitizer, and know zones that are only pretended.
 */

#include <ctype.h>
#include <limits.h>
#include <pthread.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

/* Written while no other thread calls fastmem, but for the counts: atomic. */
static struct {
	const char *prefix;
	unsigned int nth, from;
	size_t above;
	int socket; /* all of this one; SOCKET_ID_ANY: of none */
	unsigned int seen, refused;
} refuse = { "fastmem_", UINT_MAX, UINT_MAX, SIZE_MAX, SOCKET_ID_ANY, 0, 0 };

static void
refuse_set(const char *prefix, unsigned int nth, unsigned int from, size_t above)
{
	refuse.prefix = prefix;
	refuse.nth = nth;
	refuse.from = from;
	refuse.above = above;
	refuse.socket = SOCKET_ID_ANY;
	refuse.seen = 0;
	refuse.refused = 0;
	/* That a refusal is remembered is a promise of its own. */
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN)
		fastmem_refusals_end(fastmem_ctl());
}

/*
 * Zones for objects that nobody touches, of which there are as many as there are addresses: those
 * that EAL keeps for its own memory, the ends of its lists.
 */
static struct {
	bool on;
	struct rte_memzone zones[1024];
	unsigned int n_made, n_live;
	uint64_t wanted, left; /* bytes */
	struct {
		char *next, *end;
	} parts[64];
	unsigned int n_parts;
} pretend;

static int
pretend_part(const struct rte_memseg_list *msl, void *arg)
{
	RTE_SET_USED(arg);
	if (msl->external || msl->socket_id != (int)rte_socket_id_by_idx(0) ||
			pretend.left >= pretend.wanted ||
			pretend.n_parts == RTE_DIM(pretend.parts))
		return 0;
	pretend.parts[pretend.n_parts].next = RTE_PTR_ADD(msl->base_va, msl->len / 2);
	pretend.parts[pretend.n_parts++].end = RTE_PTR_ADD(msl->base_va, msl->len);
	pretend.left += msl->len / 2;
	return 0;
}

bool
pretend_zones(uint64_t bytes)
{
	memset(&pretend, 0, sizeof(pretend));
	pretend.wanted = bytes;
	if (rte_eal_has_hugepages() == 0 || rte_eal_iova_mode() != RTE_IOVA_VA)
		return false;
	rte_memseg_list_walk(pretend_part, NULL);
	pretend.on = pretend.left >= bytes;
	return pretend.on;
}

unsigned int
zones_pretended(void)
{
	return pretend.n_live;
}

static const struct rte_memzone *
pretend_zone(const char *name, size_t len)
{
	struct rte_memzone *mz = &pretend.zones[pretend.n_made];
	unsigned int i;

	for (i = 0; i < pretend.n_parts && pretend.n_made < RTE_DIM(pretend.zones); i++) {
		char *addr = RTE_PTR_ALIGN_CEIL(pretend.parts[i].next, 64 * KIB);

		if (addr + len > pretend.parts[i].end)
			continue;
		pretend.parts[i].next = addr + len;
		snprintf(mz->name, sizeof(mz->name), "%s", name);
		mz->addr = addr;
		mz->len = len;
		pretend.n_made++;
		pretend.n_live++;
		return mz;
	}
	rte_errno = ENOMEM;
	return NULL;
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
	pretend.on = false;
}

void
refuse_no_more(void)
{
	refuse.from = UINT_MAX;
}

void
refuse_socket(int socket_id)
{
	refuse_nothing();
	refuse.socket = socket_id;
}

unsigned int
refuse_seen(void)
{
	return rte_atomic_load_explicit(&refuse.seen, rte_memory_order_relaxed);
}

unsigned int
refuse_refused(void)
{
	return rte_atomic_load_explicit(&refuse.refused, rte_memory_order_relaxed);
}

/*
 * Memory that one thread gave back is another's after that: EAL's own lock sees
 * to it, but EAL is not built with ThreadSanitizer, to which this one says it again.
 */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static bool
is_refused(const char *name, size_t len, int socket_id)
{
	unsigned int n;

	if (strncmp(name, refuse.prefix, strlen(refuse.prefix)) != 0)
		return false;
	n = rte_atomic_fetch_add_explicit(&refuse.seen, 1, rte_memory_order_relaxed);
	if (n != refuse.nth && n < refuse.from && len <= refuse.above &&
			(socket_id == SOCKET_ID_ANY || socket_id != refuse.socket))
		return false;
	rte_atomic_fetch_add_explicit(&refuse.refused, 1, rte_memory_order_relaxed);
	return true;
}

/* The linker's names. */
__typeof__(rte_memzone_reserve_aligned) __wrap_rte_memzone_reserve_aligned,
		__real_rte_memzone_reserve_aligned;
__typeof__(rte_memzone_free) __wrap_rte_memzone_free, __real_rte_memzone_free;

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(const char *name, size_t len, int socket_id, unsigned int flags,
		unsigned int align)
{
	const struct rte_memzone *mz;

	if (is_refused(name, len, socket_id)) {
		rte_errno = ENOMEM;
		return NULL;
	}
	if (pretend.on && strncmp(name, "fastmem_", 8) == 0 && isdigit((unsigned char)name[8]))
		return pretend_zone(name, len);
	pthread_mutex_lock(&order);
	mz = __real_rte_memzone_reserve_aligned(name, len, socket_id, flags, align);
	pthread_mutex_unlock(&order);
	return mz;
}

int
__wrap_rte_memzone_free(const struct rte_memzone *mz)
{
	int ret;

	if (mz >= pretend.zones && mz < pretend.zones + RTE_DIM(pretend.zones)) {
		pretend.n_live--;
		return 0;
	}
	pthread_mutex_lock(&order);
	ret = __real_rte_memzone_free(mz);
	pthread_mutex_unlock(&order);
	return ret;
}
