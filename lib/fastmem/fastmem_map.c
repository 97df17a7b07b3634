/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The granule map: an address to its bin, and to its slab.
 *
 * It is a sparse part of the file of process_alive.c, or memory of this
 * process where there is none: it spans all memory that EAL may ever map, and costs a
 * page where there are chunks. (An fbarray of EAL's would be written to as a whole.) It is written
 * when slabs come and go, under bin.lock, and leaves are added under arena.grow
 * of their socket.
 *
 * Behind it lies what each process holds by bin (process.c): memory of EAL's would be taken for as
 * many processes as there may be.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fastmem_eal.h"
#include "fastmem_private.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MAP_PAGE 4096u /* bytes; each part begins on a page of its own */

static size_t
map_bins_bytes(uint64_t n_granules)
{
	return RTE_ALIGN_CEIL(n_granules * sizeof(uint16_t), (size_t)MAP_PAGE);
}

static size_t
map_leaves_bytes(uint64_t n_granules)
{
	return RTE_ALIGN_CEIL(((n_granules >> FASTMEM_LEAF_SHIFT) + 1) *
			sizeof(struct fastmem_leaf *), (size_t)MAP_PAGE);
}

static void
map_use(const struct fastmem_ctl *ctl)
{
	fastmem_process.bins = fastmem_process.map;
	fastmem_process.leaves = RTE_PTR_ADD(fastmem_process.map,
			map_bins_bytes(ctl->n_granules));
	fastmem_process.held = RTE_PTR_ADD(fastmem_process.leaves,
			map_leaves_bytes(ctl->n_granules));
	__atomic_store_n(&rte_fastmem_map.first, ctl->first_granule, __ATOMIC_RELAXED);
	rte_fastmem_map.bins = fastmem_process.bins;
	__atomic_store_n(&rte_fastmem_map.n_sockets,
		__atomic_load_n(&ctl->stayed, __ATOMIC_RELAXED) ? 0 : ctl->n_sockets,
		__ATOMIC_RELAXED);
	/* Last, as other threads may call. Pairs with the acquire in rte_fastmem_bin_of(). */
	__atomic_store_n(&rte_fastmem_map.n_granules, ctl->n_granules, __ATOMIC_RELEASE);
}

static size_t
map_bytes(const struct fastmem_ctl *ctl)
{
	return map_bins_bytes(ctl->n_granules) + map_leaves_bytes(ctl->n_granules) +
		(size_t)FASTMEM_MAX_PEERS * ctl->n_bins * sizeof(fastmem_process.held[0]);
}

/*
 * Without a file there is no other process, but a child that goes on where this one ends: it shares
 * EAL's memory, and so the map. A map that fastmem_map_hide() has left is replaced in
 * its place, in one step: other threads may still read it.
 */
static int
map_memory(const struct fastmem_ctl *ctl)
{
	int fd = fastmem_alive_fd();
	size_t bytes = map_bytes(ctl);
	void *before = fastmem_process.map_bytes == bytes ? fastmem_process.map : NULL;
	int fixed = before != NULL ? MAP_FIXED : 0;
	void *map = fastmem_process.is_shared ?
		mmap(before, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd,
			FASTMEM_MAP_OFFSET) :
		mmap(before, bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);

	if (map == MAP_FAILED) {
		fastmem_process.map = NULL; /* the kernel may have unmapped what was there */
		FASTMEM_LOG(ERR, "cannot map the granule map of %zu bytes: %s", bytes,
			strerror(errno));
		return -ENOMEM;
	}
	fastmem_process.map = map;
	fastmem_process.map_bytes = bytes;
	map_use(ctl);
	return 0;
}

/*
 * Have the file system allocate a part of the map: where there is no room, the first write would
 * end the process by SIGBUS. Returns 0 or a negative errno.
 */
static int
map_populate(const void *part, size_t bytes)
{
	uintptr_t begin = RTE_ALIGN_FLOOR((uintptr_t)part, MAP_PAGE);
	uintptr_t end = RTE_ALIGN_CEIL((uintptr_t)part + bytes, MAP_PAGE);
	size_t page = sysconf(_SC_PAGESIZE);
	int ret;

	begin = RTE_ALIGN_FLOOR(begin, page);
	end = RTE_ALIGN_CEIL(end, page);
	if (madvise((void *)begin, end - begin, MADV_POPULATE_WRITE) == 0)
		return 0;
	/* Linux before 5.14 does not know that. Not every file system can do the other. */
	ret = errno == EFAULT ? ENOSPC : errno;
	if (ret == EINVAL)
		ret = fallocate(fastmem_alive_fd(), 0, FASTMEM_MAP_OFFSET + begin -
				(uintptr_t)fastmem_process.map, end - begin) == 0 ? 0 : errno;
	return ret == ENOSPC || ret == EDQUOT || ret == ENOMEM ? -ret : 0;
}

/* A process with that number begins: it holds nothing yet. Returns 0 or a negative errno. */
int
fastmem_map_add_held(const struct fastmem_ctl *ctl, unsigned int peer)
{
	int64_t *held = fastmem_held(ctl, peer);
	uint32_t bin;

	if (fastmem_process.is_shared && map_populate(held, ctl->n_bins * sizeof(held[0])) != 0)
		return -ENOMEM;
	for (bin = 0; bin < ctl->n_bins; bin++)
		__atomic_store_n(&held[bin], 0, __ATOMIC_RELAXED);
	return 0;
}

/* After fastmem_peers_create(). */
int
fastmem_map_create(struct fastmem_ctl *ctl)
{
	int fd = fastmem_alive_fd();
	size_t bytes = map_bytes(ctl);

	if (fd >= 0 && ftruncate(fd, FASTMEM_MAP_OFFSET + bytes) != 0) {
		FASTMEM_LOG(ERR, "cannot make the granule map of %zu bytes: %s", bytes,
			strerror(errno));
		return -ENOMEM;
	}
	if (map_memory(ctl) != 0)
		return -ENOMEM;
	if (fastmem_map_add_held(ctl, 0) == 0)
		return 0;
	fastmem_map_detach();
	FASTMEM_LOG(ERR, "no room in %s. Make room there", fastmem_eal_runtime_dir());
	return -ENOMEM;
}

/* After fastmem_alive_enter(). */
int
fastmem_map_attach(const struct fastmem_ctl *ctl)
{
	return map_memory(ctl);
}

/*
 * No address is in the map from now on. It stays mapped: other threads may be within
 * rte_fastmem_bin_of(), and have found an index in range before.
 */
void
fastmem_map_hide(void)
{
	/* Pairs with the acquire in rte_fastmem_bin_of(). */
	__atomic_store_n(&rte_fastmem_map.n_granules, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&rte_fastmem_map.n_sockets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&rte_fastmem_map.first, FASTMEM_NO_MAP, __ATOMIC_RELAXED);
}

/* The program has ended fastmem here: no other thread is in a call. */
void
fastmem_map_detach(void)
{
	fastmem_map_hide();
	rte_fastmem_map.bins = NULL;
	munmap(fastmem_process.map, fastmem_process.map_bytes);
	fastmem_process.map = NULL;
	fastmem_process.bins = NULL;
	fastmem_process.leaves = NULL;
	fastmem_process.held = NULL;
}

/* Allocate what of the map tells of n granules from first on. */
static int
map_allocate(uint32_t first, uint32_t n)
{
	static bool told; /* under arena.grow; each call that needs memory comes here */
	uint32_t first_leaf = first >> FASTMEM_LEAF_SHIFT;
	uint32_t n_leaves = ((first + n - 1) >> FASTMEM_LEAF_SHIFT) - first_leaf + 1;
	int ret;

	if (!fastmem_process.is_shared)
		return 0;
	ret = map_populate(&fastmem_process.bins[first], n * sizeof(fastmem_process.bins[0]));
	if (ret == 0)
		ret = map_populate(&fastmem_process.leaves[first_leaf],
				n_leaves * sizeof(fastmem_process.leaves[0]));
	if (ret != 0 && !told)
		FASTMEM_LOG(ERR, "cannot grow: no room in %s for the granule map: %s. "
			"Make room there", fastmem_eal_runtime_dir(), strerror(-ret));
	told = ret != 0;
	return ret;
}

/* Make descriptors for n granules from first on. Under arena.grow. */
int
fastmem_map_add_leaves(uint32_t first, uint32_t n)
{
	uint32_t i;

	if (map_allocate(first, n) != 0)
		return -ENOMEM;
	for (i = first >> FASTMEM_LEAF_SHIFT; i <= (first + n - 1) >> FASTMEM_LEAF_SHIFT; i++) {
		struct fastmem_leaf **slot = &fastmem_process.leaves[i];
		struct fastmem_leaf *leaf, *none = NULL;

		if (__atomic_load_n(slot, __ATOMIC_RELAXED) != NULL)
			continue;
		leaf = fastmem_meta_alloc(sizeof(*leaf), true);
		if (leaf == NULL)
			return -ENOMEM;
		/*
		 * Two sockets may want the same leaf at once: then one is wasted.
		 * Release: whoever sees the pointer sees the zeroes behind it.
		 * fastmem_granule() reads it by the pointer, with no acquire.
		 */
		__atomic_compare_exchange_n(slot, &none, leaf, false, __ATOMIC_RELEASE,
				__ATOMIC_RELAXED);
	}
	return 0;
}
