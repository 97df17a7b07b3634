/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Drop-in names: what rte_fastmem_replace.h does not do inline for the rte_malloc family. The
 * library that is preloaded (lib/fastmem_malloc) serves its callers by the same functions.
 *
 * An object is fastmem's or that of EAL's heap: its address tells. What is EAL's stays EAL's.
 * EAL's functions are called by fastmem_eal_heap only, as their names may be that library's.
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
#include "fastmem_replace.h"
#include "fastmem_hooks.h"

RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_check_env)
int
rte_fastmem_replace_check_env(void)
{
	struct fastmem_settings settings;
	int ret;

	do
		ret = fastmem_checking_conf(NULL, &settings);
	while (fastmem_hooks_retry(ret));
	return ret;
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_shrink)
void
rte_fastmem_replace_shrink(void)
{
	fastmem_maintain(false);
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_hold_growth)
unsigned int
rte_fastmem_replace_hold_growth(int change)
{
	fastmem_growth_held += change;
	return fastmem_growth_held;
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_forget)
void
rte_fastmem_replace_forget(enum rte_fastmem_replace_end end)
{
	if (end == RTE_FASTMEM_REPLACE_BEGINS)
		fastmem_end_serving();
	else if (end == RTE_FASTMEM_REPLACE_ENDING)
		fastmem_end();
	else
		fastmem_forget();
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
	return flags & RTE_FASTMEM_F_ZERO ? fastmem_eal_heap.zmalloc_socket(type, size, align, socket_id) :
		fastmem_eal_heap.malloc_socket(type, size, align, socket_id);
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
		fastmem_eal_heap.free(ptr);
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
	} else if (fastmem_eal_heap.free_sensitive != NULL) {
		fastmem_eal_heap.free_sensitive(ptr);
	} else {
		if (fastmem_eal_heap.validate(ptr, &size) == 0)
			wipe(ptr, size);
		fastmem_eal_heap.free(ptr);
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
	void *moved = fastmem_eal_heap.realloc_socket(ptr, size, align, socket_id);
	size_t old_size;

	align = RTE_CACHE_LINE_ROUNDUP(align);
	if (moved != NULL || (align & (align - 1)) != 0 || fastmem_eal_heap.validate(ptr, &old_size) != 0)
		return moved;
	if (size <= rte_fastmem_max_size())
		moved = move(ptr, old_size, size, align, socket_id);
	while (moved == NULL && rte_fastmem_replace_make_room(&room))
		moved = fastmem_eal_heap.realloc_socket(ptr, size, align, socket_id);
	return moved;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_realloc_socket, 26.11)
void *
rte_fastmem_replace_realloc_socket(void *ptr, size_t size, unsigned int align, int socket_id)
{
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
		moved = rte_fastmem_realloc(ptr, size, at_least_a_line(align));
		if (moved != NULL || rte_errno == EINVAL) /* it is no object, which was reported */
			return moved;
	}
	return move(ptr, size_of(ptr), size, align, socket_id);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_validate, 26.11)
int
rte_fastmem_replace_malloc_validate(const void *ptr, size_t *size)
{
	if (!is_ours(ptr))
		return fastmem_eal_heap.validate(ptr, size);
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
	return is_ours(ptr) ? rte_fastmem_virt2iova(ptr) : fastmem_eal_heap.virt2iova(ptr);
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
	int ret = fastmem_eal_heap.get_socket_stats(socket_id, stats);
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
	fastmem_eal_heap.dump_stats(f, type);
	rte_fastmem_dump(f);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_replace_malloc_dump_heaps, 26.11)
void
rte_fastmem_replace_malloc_dump_heaps(FILE *f)
{
	fastmem_eal_heap.dump_heaps(f);
	rte_fastmem_dump(f);
}
