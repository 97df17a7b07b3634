/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program calls rte_eal_cleanup() and has not called rte_fastmem_deinit(). EAL has no hook for
 * libraries there, and unmaps all memory: the fast path would access caches that are gone. So
 * this function is called in place of EAL's, where a program is linked with this library before
 * EAL, and EAL is a shared library. (In a DPDK tree, EAL can call fastmem_forget() itself.)
 *
 * Other processes are refused from the beginning, as the thread that serves them would meet memory
 * that goes. Drivers and other threads may use fastmem until the memory is gone. Then this process
 * has no fastmem any more. All that is accessed here is the process's own. What the fast path
 * reads of a pool, by the address that its users have, is put in place once more: zeroes, by
 * which the pool's caches are such as are empty and full at the same time.
 *
 * A weak symbol: EAL's own comes before it in a program that is linked statically.
 */

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "fastmem_hooks.h"

static int
eal_cleanup(void)
{
	void *found = dlsym(RTLD_NEXT, "rte_eal_cleanup");
	int (*cleanup)(void);

	if (found == NULL) {
		rte_errno = ENOSYS;
		return -1;
	}
	memcpy(&cleanup, &found, sizeof(cleanup));
	return cleanup();
}

static void
pools_put_in_place(const struct fastmem_ctl *ctl)
{
	uintptr_t page = getpagesize();
	uintptr_t first = RTE_ALIGN_FLOOR((uintptr_t)ctl->pools, page);
	uintptr_t end = RTE_ALIGN_CEIL((uintptr_t)(ctl->pools + RTE_DIM(ctl->pools)), page);

	/* Whatever else is there by now, stays. */
	if (mmap((void *)first, end - first, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
			MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		FASTMEM_LOG(DEBUG, "the place of pools is taken: %s", strerror(errno));
}

__rte_weak_symbol
int
rte_eal_cleanup(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	int ret;

	fastmem_end_serving();
	ret = eal_cleanup();
	/* EAL keeps its memory with --in-memory; then calls go on. */
	if (ctl == NULL || fastmem_is_mapped(ctl))
		return ret;
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN)
		FASTMEM_HOOK(leaks_unknown);
	fastmem_forget();
	pools_put_in_place(ctl);
	return ret;
}
