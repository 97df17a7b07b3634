/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Drop-in names: what rte_fastmem_replace.h does not do inline for the rte_malloc family. The
 * library that is preloaded (lib/fastmem_malloc) serves its callers by the same functions.
 *
 * An object is fastmem's or that of EAL's heap: its address tells. What is EAL's stays EAL's.
 * EAL's functions are called by eal_heap only, as their names may be that library's.
 */

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_version.h>

#include "fastmem_eal.h"
#include "fastmem_private.h"
#include "fastmem_hooks.h"
#include "fastmem_replace.h"

/* Changed before there is a second thread, if at all. */
static struct rte_fastmem_replace_heap eal_heap = {
	.malloc_socket = rte_malloc_socket,
	.zmalloc_socket = rte_zmalloc_socket,
	.realloc_socket = rte_realloc_socket,
	.free = rte_free,
#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
	.free_sensitive = rte_free_sensitive,
#endif
	.validate = rte_malloc_validate,
	.virt2iova = rte_malloc_virt2iova,
	.get_socket_stats = rte_malloc_get_socket_stats,
	.dump_stats = rte_malloc_dump_stats,
	.dump_heaps = rte_malloc_dump_heaps,
};

RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_set_heap)
void
rte_fastmem_replace_set_heap(const struct rte_fastmem_replace_heap *heap)
{
	eal_heap = *heap;
	fastmem_eal_heap_stats = heap->get_socket_stats;
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_get_heap)
const struct rte_fastmem_replace_heap *
rte_fastmem_replace_get_heap(void)
{
	return &eal_heap;
}

/*
 * Whether it is an object of fastmem's, also after the primary's deinit, when EAL's heap knows
 * no more of it than before. The second look attaches a secondary in its first call.
 */
static bool
is_ours(const void *ptr)
{
	return rte_fastmem_bin_of(ptr) != 0 || rte_fastmem_contains(ptr);
}

/* Of an object of ours, which may be one of before the end of fastmem here. */
static size_t
size_of(const void *ptr)
{
	size_t size = rte_fastmem_usable_size(ptr);
	const struct fastmem_bin *bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(ptr)];

	return size != 0 ? size : bin->slot_size - bin->header;
}

static size_t
at_least_a_line(unsigned int align)
{
	return RTE_MAX(align, (unsigned int)RTE_CACHE_LINE_SIZE);
}

static void *
heap_try(const char *type, size_t size, unsigned int align, unsigned int flags, int socket_id)
{
	return flags & RTE_FASTMEM_F_ZERO ? eal_heap.zmalloc_socket(type, size, align, socket_id) :
		eal_heap.malloc_socket(type, size, align, socket_id);
}

/* Memory that fastmem holds and has no object in, EAL's heap may have. */
static void *
heap_alloc(const char *type, size_t size, unsigned int align, unsigned int flags, int socket_id)
{
	struct rte_fastmem_replace_room room = { .size = size, .socket_id = socket_id };
	void *ptr = heap_try(type, size, align, flags, socket_id);

	if (size == 0 || (align & (align - 1)) != 0)
		return ptr;
	while (ptr == NULL && rte_fastmem_replace_make_room(&room))
		ptr = heap_try(type, size, align, flags, socket_id);
	return ptr;
}

/* What the thread has not at hand: of fastmem, of any socket if that is meant, of EAL's heap. */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_slow, 26.11)
void *
rte_fastmem_replace_malloc_slow(const char *type, size_t size, unsigned int align,
		unsigned int flags, int socket_id)
{
	size_t line = at_least_a_line(align);
	int before = rte_errno;
	void *ptr = rte_fastmem_alloc_slow(size, line, flags, socket_id);
	bool started;

	if (likely(ptr != NULL))
		return ptr;
	started = rte_errno == ENODEV && fastmem_replace_start() == 0;
	if (size <= rte_fastmem_max_size()) {
		bool any = fastmem_replace_is_any_socket(socket_id);

		if (started || (any && socket_id != SOCKET_ID_ANY))
			ptr = rte_fastmem_alloc_slow(size, line, flags,
				any ? SOCKET_ID_ANY : socket_id);
	}
	rte_errno = before; /* as rte_malloc() leaves it */
	return ptr != NULL ? ptr : heap_alloc(type, size, align, flags, socket_id);
}

static_assert(offsetof(struct fastmem_magazine, objs) >=
	offsetof(struct fastmem_magazine, bin) + sizeof(uint16_t) + sizeof(void *),
	"rte_fastmem_replace_free() finds no object before the first place");

/* Whether it is the object that the thread has freed last. EAL ignores a second free as well. */
static bool
is_freed_again(const void *ptr)
{
	const struct rte_fastmem_cache *c = &rte_fastmem_tls.caches[rte_fastmem_bin_of(ptr)];

	/* Beyond base: of a pool, and objects may have been taken away from here. */
	if (c->top <= c->base || c->top[-1] != ptr)
		return false;
	FASTMEM_LOG_SOME(ERR, "rte_free() of %p, which this thread has just freed; ignored. "
		"RTE_FASTMEM_DEBUG=full tells where", ptr);
	return true;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_free_slow, 26.11)
void
rte_fastmem_replace_free_slow(void *ptr)
{
	if (!is_ours(ptr))
		eal_heap.free(ptr);
	else if (!is_freed_again(ptr))
		rte_fastmem_free(ptr);
}

/* Zero an object that is about to be freed. */
static void
wipe(void *ptr, size_t size)
{
	memset(ptr, 0, size);
	/* The compiler must not drop the stores although nobody reads what they write. */
	__asm__ volatile("" : : "r"(ptr) : "memory");
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_free_sensitive, 26.11)
void
rte_fastmem_replace_free_sensitive(void *ptr)
{
	size_t size = 0;

	if (is_ours(ptr)) {
		if (is_freed_again(ptr))
			return;
		/* 0 bytes in a forked child: what it frees stays its parent's. */
		wipe(ptr, rte_fastmem_usable_size(ptr));
		rte_fastmem_free(ptr);
	} else if (eal_heap.free_sensitive != NULL) {
		eal_heap.free_sensitive(ptr);
	} else {
		if (eal_heap.validate(ptr, &size) == 0)
			wipe(ptr, size);
		eal_heap.free(ptr);
	}
}

static bool
is_on_socket(const void *ptr, int socket_id)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(ptr);

	return list != NULL && list->socket_id == socket_id;
}

/* Move an object into a new one. NULL: there is no memory, and the old one stays. */
static void *
move(void *ptr, size_t old_size, size_t size, unsigned int align, int socket_id)
{
	void *moved = rte_fastmem_replace_malloc_socket(NULL, size, align, socket_id);

	if (moved == NULL)
		return NULL;
	memcpy(moved, ptr, RTE_MIN(size, old_size));
	rte_fastmem_replace_free(ptr);
	return moved;
}

/* An object of EAL's heap stays there, unless only fastmem has memory. */
static void *
heap_realloc(void *ptr, size_t size, unsigned int align, int socket_id)
{
	struct rte_fastmem_replace_room room = { .size = size, .socket_id = socket_id };
	void *moved = eal_heap.realloc_socket(ptr, size, align, socket_id);
	size_t old_size;

	align = RTE_CACHE_LINE_ROUNDUP(align);
	if (moved != NULL || (align & (align - 1)) != 0 || eal_heap.validate(ptr, &old_size) != 0)
		return moved;
	if (size <= rte_fastmem_max_size())
		moved = move(ptr, old_size, size, align, socket_id);
	while (moved == NULL && rte_fastmem_replace_make_room(&room))
		moved = eal_heap.realloc_socket(ptr, size, align, socket_id);
	return moved;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_realloc_socket, 26.11)
void *
rte_fastmem_replace_realloc_socket(void *ptr, size_t size, unsigned int align, int socket_id)
{
	int before = rte_errno;
	void *moved;

	if (ptr == NULL)
		return rte_fastmem_replace_malloc_socket(NULL, size, align, socket_id);
	/* As it is documented. */
	if (size == 0) {
		rte_fastmem_replace_free(ptr);
		return NULL;
	}
	if (!is_ours(ptr))
		return heap_realloc(ptr, size, align, socket_id);
	/* As EAL does, for objects that there are: 65 becomes a power of two. */
	align = RTE_CACHE_LINE_ROUNDUP(align);
	if (fastmem_replace_is_any_socket(socket_id) || is_on_socket(ptr, socket_id)) {
		bool is_object;

		rte_errno = 0;
		moved = rte_fastmem_realloc(ptr, size, at_least_a_line(align));
		is_object = rte_errno != EINVAL; /* else that was reported */
		rte_errno = before;
		if (moved != NULL || !is_object)
			return moved;
	}
	return move(ptr, size_of(ptr), size, align, socket_id);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_validate, 26.11)
int
rte_fastmem_replace_malloc_validate(const void *ptr, size_t *size)
{
	if (!is_ours(ptr))
		return eal_heap.validate(ptr, size);
	if (size != NULL) {
		*size = size_of(ptr);
		FASTMEM_HOOK(wrote, size, sizeof(*size));
	}
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_virt2iova, 26.11)
rte_iova_t
rte_fastmem_replace_malloc_virt2iova(const void *ptr)
{
	return is_ours(ptr) ? rte_fastmem_virt2iova(ptr) : eal_heap.virt2iova(ptr);
}

/*
 * As if fastmem's chunks were the heap's: what they have free is free, and what is allocated are
 * objects. The memory of its bookkeeping is no one's. EAL's own headers of both, some 100 bytes
 * of each zone, still count as allocated.
 */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_get_socket_stats, 26.11)
int
rte_fastmem_replace_malloc_get_socket_stats(int socket_id, struct rte_malloc_socket_stats *stats)
{
	struct fastmem_socket_figures ours;
	int ret = eal_heap.get_socket_stats(socket_id, stats);
	size_t n_free, n_meta;

	if (ret != 0 || !fastmem_socket_read(socket_id, &ours))
		return ret;
	/* The two were not read in one moment. */
	n_meta = RTE_MIN(ours.meta_bytes, stats->heap_allocsz_bytes);
	stats->heap_totalsz_bytes -= n_meta;
	stats->heap_allocsz_bytes -= n_meta;
	n_free = ours.bytes - RTE_MIN(ours.used_bytes, ours.bytes);
	n_free = RTE_MIN(n_free, stats->heap_allocsz_bytes);
	stats->heap_freesz_bytes += n_free;
	stats->heap_allocsz_bytes -= n_free;
	stats->alloc_count += ours.n_used;
	stats->alloc_count -= RTE_MIN(ours.n_zones, (uint64_t)stats->alloc_count);
	stats->free_count += ours.n_runs;
	/* The greatest free block stays EAL's: programs ask for a memzone of that size. */
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_dump_stats, 26.11)
void
rte_fastmem_replace_malloc_dump_stats(FILE *f, const char *type)
{
	eal_heap.dump_stats(f, type);
	rte_fastmem_dump(f);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_dump_heaps, 26.11)
void
rte_fastmem_replace_malloc_dump_heaps(FILE *f)
{
	eal_heap.dump_heaps(f);
	rte_fastmem_dump(f);
}
