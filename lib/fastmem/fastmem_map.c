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
 * The primary maps the bins by parts, as chunks come. Of the rest it reads zeroes, which take no
 * memory, even where a program calls mlockall(): that makes resident what is mapped of a file. Other
 * processes, forked children included, map all, as they do not hear of chunks.
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
	rte_atomic_store_explicit(&rte_fastmem_map.first, ctl->first_granule,
			rte_memory_order_relaxed);
	rte_fastmem_map.bins = fastmem_process.bins;
	rte_atomic_store_explicit(&rte_fastmem_map.n_sockets,
		rte_atomic_load_explicit(&ctl->stayed, rte_memory_order_relaxed) ? 0 :
		ctl->n_sockets, rte_memory_order_relaxed);
	/* Last, as other threads may call. Pairs with the acquire in rte_fastmem_bin_of(). */
	rte_atomic_store_explicit(&rte_fastmem_map.n_granules, ctl->n_granules,
			rte_memory_order_release);
}

static size_t
map_bytes(const struct fastmem_ctl *ctl)
{
	return map_bins_bytes(ctl->n_granules) + map_leaves_bytes(ctl->n_granules) +
		(size_t)FASTMEM_MAX_PEERS * ctl->n_bins * sizeof(fastmem_process.held[0]);
}

/*
 * Map the pages of a part in their place, in one step, as other threads may read them. They are
 * those of a hidden mapping, once more: the program may have given up the right to open the file.
 * Of a part that is there already, this changes nothing. Returns 0 or a negative errno.
 */
static int
map_part(const void *part, size_t bytes)
{
	size_t page = RTE_MAX((size_t)sysconf(_SC_PAGESIZE), (size_t)MAP_PAGE);
	uintptr_t begin = RTE_ALIGN_FLOOR((uintptr_t)part, page);
	size_t n = RTE_ALIGN_CEIL((uintptr_t)part + bytes, page) - begin;
	void *copy;
	int ret;

	if (fastmem_process.map_hidden == NULL)
		return 0;
	/* 0 bytes of a mapping: a second one of its pages. */
	copy = mremap(RTE_PTR_ADD(fastmem_process.map_hidden,
			begin - (uintptr_t)fastmem_process.map), 0, n, MREMAP_MAYMOVE);
	if (copy == MAP_FAILED)
		return -errno;
	if (mprotect(copy, n, PROT_READ | PROT_WRITE) == 0 && mremap(copy, n, n,
			MREMAP_MAYMOVE | MREMAP_FIXED, (void *)begin) != MAP_FAILED)
		return 0;
	ret = -errno;
	munmap(copy, n);
	return ret;
}

/* Map all. Returns 0 or a negative errno. */
int
fastmem_map_whole(void)
{
	int ret = map_part(fastmem_process.map, fastmem_process.map_bytes);

	if (ret == 0 && fastmem_process.map_hidden != NULL) {
		munmap(fastmem_process.map_hidden, fastmem_process.map_bytes);
		fastmem_process.map_hidden = NULL;
	}
	return ret;
}

/* A mapping of the map: of the file, or without one, of memory that forked children share. */
static void *
map_new(void *place, size_t bytes, int prot)
{
	int fixed = place != NULL ? MAP_FIXED : 0;

	return fastmem_process.is_shared ?
		mmap(place, bytes, prot, MAP_SHARED | fixed, fastmem_alive_fd(),
			FASTMEM_MAP_OFFSET) :
		mmap(place, bytes, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
}

/* Map what does not come with chunks. False: all has to be mapped at once. */
static bool
map_begin_parts(const struct fastmem_ctl *ctl)
{
	size_t bytes = map_bytes(ctl), bins_bytes = map_bins_bytes(ctl->n_granules);
	void *hidden = map_new(NULL, bytes, PROT_NONE);
	void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	fastmem_process.map = map;
	fastmem_process.map_bytes = bytes;
	fastmem_process.map_hidden = hidden;
	/* Valgrind, for one, does not know second mappings. */
	if (hidden != MAP_FAILED && map != MAP_FAILED &&
			map_part(RTE_PTR_ADD(map, bins_bytes), bytes - bins_bytes) == 0)
		return true;
	if (map != MAP_FAILED)
		munmap(map, bytes);
	if (hidden != MAP_FAILED)
		munmap(hidden, bytes);
	fastmem_process.map = NULL;
	fastmem_process.map_hidden = NULL;
	return false;
}

/*
 * Map all. A map that fastmem_map_hide() has left is replaced in its place, in one step: other
 * threads may still read it.
 */
static int
map_memory(const struct fastmem_ctl *ctl)
{
	size_t bytes = map_bytes(ctl);
	void *before = fastmem_process.map_bytes == bytes ? fastmem_process.map : NULL;
	void *map = map_new(before, bytes, PROT_READ | PROT_WRITE);

	if (map == MAP_FAILED) {
		fastmem_process.map = NULL; /* the kernel may have unmapped what was there */
		FASTMEM_LOG_SOME(ERR, "cannot map the granule map of %zu bytes: %s", bytes,
			strerror(errno));
		return -ENOMEM;
	}
	fastmem_process.map = map;
	fastmem_process.map_bytes = bytes;
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
	RTE_ATOMIC(int64_t) *held = fastmem_held(ctl, peer);
	uint32_t bin;

	if (fastmem_process.is_shared && map_populate(held, ctl->n_bins * sizeof(held[0])) != 0)
		return -ENOMEM;
	for (bin = 0; bin < ctl->n_bins; bin++)
		rte_atomic_store_explicit(&held[bin], 0, rte_memory_order_relaxed);
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
	if (!map_begin_parts(ctl) && map_memory(ctl) != 0)
		return -ENOMEM;
	map_use(ctl);
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
	if (map_memory(ctl) != 0)
		return -ENOMEM;
	map_use(ctl);
	return 0;
}

/*
 * No address is in the map from now on. It stays mapped: other threads may be within
 * rte_fastmem_bin_of(), and have found an index in range before.
 */
void
fastmem_map_hide(void)
{
	/* Pairs with the acquire in rte_fastmem_bin_of(). */
	rte_atomic_store_explicit(&rte_fastmem_map.n_granules, 0, rte_memory_order_release);
	rte_atomic_store_explicit(&rte_fastmem_map.n_sockets, 0, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&rte_fastmem_map.first, FASTMEM_NO_MAP, rte_memory_order_relaxed);
}

/* The program has ended fastmem here: no other thread is in a call. */
void
fastmem_map_detach(void)
{
	fastmem_map_hide();
	rte_fastmem_map.bins = NULL;
	munmap(fastmem_process.map, fastmem_process.map_bytes);
	if (fastmem_process.map_hidden != NULL)
		munmap(fastmem_process.map_hidden, fastmem_process.map_bytes);
	fastmem_process.map_hidden = NULL;
	fastmem_process.map = NULL;
	fastmem_process.bins = NULL;
	fastmem_process.leaves = NULL;
	fastmem_process.held = NULL;
}

/* Map the bins of n granules from first on: a part is there if there is one of its leaves. */
static int
map_bins(uint32_t first, uint32_t n)
{
	static RTE_ATOMIC(bool) told; /* as below */
	const uint32_t last_leaf = (first + n - 1) >> FASTMEM_LEAF_SHIFT;
	uint32_t i;
	int ret = 0;

	for (i = first >> FASTMEM_LEAF_SHIFT; ret == 0 && i <= last_leaf; i++)
		if (rte_atomic_load_explicit(&fastmem_process.leaves[i],
				rte_memory_order_relaxed) == NULL)
			ret = map_part(&fastmem_process.bins[i << FASTMEM_LEAF_SHIFT],
				sizeof(fastmem_process.bins[0]) << FASTMEM_LEAF_SHIFT);
	if (!rte_atomic_exchange_explicit(&told, ret != 0, rte_memory_order_relaxed) && ret != 0)
		FASTMEM_LOG_SOME(ERR, "cannot grow: cannot map the granule map: %s. Raise "
			"vm.max_map_count, or what the process may lock", strerror(-ret));
	return ret;
}

/*
 * Map and allocate what of the map tells of n granules from first on. Leaves first: those that are
 * there tell which bins are mapped.
 */
static int
map_allocate(uint32_t first, uint32_t n)
{
	static RTE_ATOMIC(bool) told; /* of all sockets; each call that needs memory comes here */
	uint32_t first_leaf = first >> FASTMEM_LEAF_SHIFT;
	uint32_t n_leaves = ((first + n - 1) >> FASTMEM_LEAF_SHIFT) - first_leaf + 1;
	int ret = 0;

	if (fastmem_process.is_shared)
		ret = map_populate(&fastmem_process.leaves[first_leaf],
				n_leaves * sizeof(fastmem_process.leaves[0]));
	if (ret == 0 && map_bins(first, n) != 0)
		return -ENOMEM;
	if (ret == 0 && fastmem_process.is_shared)
		ret = map_populate(&fastmem_process.bins[first],
				n * sizeof(fastmem_process.bins[0]));
	if (!rte_atomic_exchange_explicit(&told, ret != 0, rte_memory_order_relaxed) && ret != 0)
		FASTMEM_LOG_SOME(ERR, "cannot grow: no room in %s for the granule map: %s. "
			"Make room there", fastmem_eal_runtime_dir(), strerror(-ret));
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
		RTE_ATOMIC(struct fastmem_leaf *) *slot = &fastmem_process.leaves[i];
		struct fastmem_leaf *leaf, *none = NULL;

		if (rte_atomic_load_explicit(slot, rte_memory_order_relaxed) != NULL)
			continue;
		leaf = fastmem_meta_alloc(sizeof(*leaf), true);
		if (leaf == NULL)
			return -ENOMEM;
		/*
		 * Two sockets may want the same leaf at once: then one is wasted.
		 * Release: whoever sees the pointer sees the zeroes behind it.
		 * fastmem_granule() reads it by the pointer, with no acquire.
		 */
		rte_atomic_compare_exchange_strong_explicit(slot, &none, leaf,
				rte_memory_order_release, rte_memory_order_relaxed);
	}
	return 0;
}
