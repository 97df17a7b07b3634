/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Every call of the allocator into EAL, but for the log, errno, the clock and what is inline. Who
 * brings fastmem to another environment writes this file. Messages and threads of EAL: process/.
 *
 * EAL has a fixed number of memzones for all libraries (2560 by default). fastmem takes at most a
 * tenth of them for up to 16 GiB, and a quarter beyond. The sizes of chunks (fastmem_arena.c)
 * keep it far below that, unless EAL's memory is in small pieces.
 */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "fastmem_compat.h"
#include "fastmem_eal.h"
#include "fastmem_private.h"

#define MUCH_MEMORY (UINT64_C(16) << 30)
#define CTL_ROOM (256 << 10)

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_eal_heap_stats)
int (*fastmem_eal_heap_stats)(int socket_id, struct rte_malloc_socket_stats *stats) =
	rte_malloc_get_socket_stats;

/* Also before EAL has begun. */
bool
fastmem_is_primary(void)
{
	return rte_eal_process_type() == RTE_PROC_PRIMARY;
}

bool
fastmem_is_secondary(void)
{
	return rte_eal_process_type() == RTE_PROC_SECONDARY;
}

bool
fastmem_eal_has_hugepages(void)
{
	return rte_eal_has_hugepages() != 0;
}

bool
fastmem_eal_iova_is_va(void)
{
	return rte_eal_iova_mode() == RTE_IOVA_VA;
}

const char *
fastmem_eal_runtime_dir(void)
{
	return rte_eal_get_runtime_dir();
}

bool
fastmem_eal_has_lcore(unsigned int lcore_id)
{
	return !rte_lcore_has_role(lcore_id, ROLE_OFF);
}

uint32_t
fastmem_eal_tid(void)
{
	return rte_sys_gettid();
}

int
fastmem_eal_socket(void)
{
	return (int)rte_socket_id();
}

/* For tests: so many sockets more than EAL has, which have no memory. */
unsigned int fastmem_absent_sockets;

unsigned int
fastmem_eal_sockets(void)
{
	return rte_socket_count() + fastmem_absent_sockets;
}

/* Of the i-th socket. */
int
fastmem_eal_socket_id(unsigned int i)
{
	unsigned int n = rte_socket_count();

	return i < n ? rte_socket_id_by_idx(i) : rte_socket_id_by_idx(n - 1) + (int)(i - n) + 1;
}

/*
 * Where threads without a socket allocate. As EAL's heap does it: the first socket that has
 * memory, or else the main lcore's.
 */
unsigned int
fastmem_eal_first_socket(struct fastmem_ctl *ctl)
{
	const struct fastmem_arena *arena;
	struct rte_malloc_socket_stats stats;
	unsigned int i;
	int main_socket;

	for (i = 0; i < ctl->n_sockets; i++)
		if (fastmem_eal_heap_stats(ctl->arenas[i].socket_id, &stats) == 0 &&
				stats.heap_totalsz_bytes > 0)
			return i;
	main_socket = (int)rte_lcore_to_socket_id(rte_get_main_lcore());
	arena = fastmem_arena_of(ctl, main_socket);
	return arena != NULL ? arena - ctl->arenas : 0;
}

struct span {
	uintptr_t start, end;
};

static int
span_of_list(const struct rte_memseg_list *msl, void *arg)
{
	struct span *s = arg;

	if (msl->external || msl->base_va == NULL)
		return 0;
	s->start = RTE_MIN(s->start, (uintptr_t)msl->base_va);
	s->end = RTE_MAX(s->end, (uintptr_t)msl->base_va + msl->len);
	return 0;
}

/* The granules that EAL may ever map memory in; one before them names none. */
int
fastmem_eal_span(uintptr_t *first, uint64_t *n_granules)
{
	struct span s = { UINTPTR_MAX, 0 };

	rte_memseg_list_walk(span_of_list, &s);
	if (s.end == 0)
		return -ENOMEM;
	*first = (s.start >> RTE_FASTMEM_GRANULE_SHIFT) - 1;
	*n_granules = ((s.end - 1) >> RTE_FASTMEM_GRANULE_SHIFT) - *first + 1;
	return *n_granules < UINT32_MAX ? 0 : -ENOMEM;
}

/* From EAL's own tables: a look into the kernel's would take a system call each. */
rte_iova_t
fastmem_eal_iova(const void *addr)
{
	const struct rte_memseg *ms;

	if (fastmem_process.iova_is_va)
		return (uintptr_t)addr;
	ms = rte_mem_virt2memseg(addr, NULL);
	if (ms == NULL || ms->iova == RTE_BAD_IOVA)
		return RTE_BAD_IOVA;
	return ms->iova + RTE_PTR_DIFF(addr, ms->addr);
}

bool
fastmem_eal_is_on_socket(const void *addr, int socket_id)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(addr);

	return list != NULL && list->socket_id == socket_id;
}

/*
 * Whether the calling thread is the one of EAL's that hears messages, in a callback of one. EAL
 * gives it a name, and no other sign.
 */
static bool
hears_messages(void)
{
	char name[16] = "";

	pthread_getname_np(pthread_self(), name, sizeof(name));
	return strcmp(name, "rte_mp_handle") == 0 || /* before DPDK 23.11 */
		strcmp(name, "dpdk-mp-msg") == 0;
}

/*
 * Whether the calling thread may have EAL map or unmap memory. In a callback of a message it would
 * wait for itself: in a secondary for the primary's answer, and in the primary for those of the
 * secondaries, which EAL has map and unmap the same.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_may_call_eal)
bool
fastmem_may_call_eal(void)
{
	return fastmem_growth_held == 0 && !hears_messages();
}

unsigned int
fastmem_zones(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i, n = 1 + rte_atomic_load_explicit(&ctl->meta.n_zones,
			rte_memory_order_relaxed);

	for (i = 0; i < ctl->n_sockets; i++)
		n += rte_atomic_load_explicit(&ctl->arenas[i].n_chunks, rte_memory_order_relaxed);
	return n;
}

static unsigned int
zones_allowed(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		bytes += fastmem_arena_bytes(&ctl->arenas[i]);
	return fastmem_memzone_max() / (bytes <= MUCH_MEMORY ? 10 : 4);
}

/* Each reason is said once, and again when there have been zones in between. */
static RTE_ATOMIC(bool) said_enough, said_none_left;

static void
tell_no_zone(size_t len, unsigned int n, unsigned int allowed)
{
	bool enough = n >= allowed;

	if (rte_atomic_exchange_explicit(enough ? &said_enough : &said_none_left, true,
			rte_memory_order_relaxed))
		return;
	if (enough)
		FASTMEM_LOG_SOME(ERR, "no memory for %zu KiB: EAL's free memory is in such small pieces "
			"that fastmem has %u memzones, and takes no more of EAL's %u; reserve "
			"memory earlier by rte_fastmem_reserve()", len >> 10, n,
			fastmem_memzone_max());
	else
		FASTMEM_LOG_SOME(ERR, "no memory for %zu KiB: EAL has no memzone left, all %u are in "
			"use, %u of them by fastmem; reserve memory earlier by "
			"rte_fastmem_reserve(), or raise EAL's limit of memzones", len >> 10,
			fastmem_memzone_max(), n);
}

/* The memzone of the shared state. NULL: there is none, which the log tells. */
const struct rte_memzone *
fastmem_eal_reserve_ctl(size_t size)
{
	const struct rte_memzone *mz;

	/* The rest of its memory serves the first thread, leaf and magazines. */
	mz = rte_memzone_reserve_aligned(FASTMEM_CTL_NAME, size + CTL_ROOM, SOCKET_ID_ANY, 0,
			RTE_CACHE_LINE_SIZE);
	if (mz == NULL)
		mz = rte_memzone_reserve_aligned(FASTMEM_CTL_NAME, size, SOCKET_ID_ANY, 0,
				RTE_CACHE_LINE_SIZE);
	if (mz == NULL && rte_errno == EEXIST) {
		FASTMEM_LOG(ERR, "another fastmem is in this process: the program, a plug-in or a "
			"preloaded library brings a second one");
	} else if (mz == NULL) {
		FASTMEM_LOG(ERR, "no memory for the bookkeeping (%zu bytes): %s. "
			"Give EAL more memory (-m, huge pages)", size, rte_strerror(rte_errno));
	}
	return mz;
}

void
fastmem_eal_zone_free(const struct rte_memzone *mz)
{
	FASTMEM_UNCANCELLABLE;

	rte_memzone_free(mz);
}

const struct rte_memzone *
fastmem_zone_reserve(const char *name, size_t len, int socket_id, unsigned int flags, size_t align)
{
	unsigned int n = fastmem_zones(), allowed = zones_allowed();
	const struct rte_memzone *mz = NULL;

	rte_errno = ENOSPC;
	if (n < allowed) {
		/* EAL may call back, and what is called may allocate. */
		fastmem_growth_held++;
		mz = rte_memzone_reserve_aligned(name, len, socket_id, flags, align);
		fastmem_growth_held--;
	}
	if (mz != NULL) {
		rte_atomic_store_explicit(&said_enough, false, rte_memory_order_relaxed);
		rte_atomic_store_explicit(&said_none_left, false, rte_memory_order_relaxed);
	} else if (rte_errno == ENOSPC) {
		tell_no_zone(len, n, allowed);
		rte_errno = ENOSPC; /* a log may have changed it */
	} else {
		rte_errno = ENOMEM;
	}
	return mz;
}
