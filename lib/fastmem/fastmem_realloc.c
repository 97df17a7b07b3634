/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Objects that change their size: in their slot where it is worth it, else by moving.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "fastmem_request.h"

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_realloc_move)
void *
fastmem_realloc_move(void *old, size_t old_size, size_t size, size_t align, int socket_id)
{
	void *new = rte_fastmem_alloc_slow(size, align, 0, socket_id);

	if (new == NULL)
		return NULL;
	memcpy(new, old, RTE_MIN(old_size, size));
	rte_fastmem_free_slow(old);
	return new;
}

/* Whether the slot of an object has room for that size, and the object the alignment. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_slot_holds)
bool
fastmem_slot_holds(const struct fastmem_bin *bin, const void *ptr, size_t size, size_t align)
{
	if (align == 0)
		align = RTE_FASTMEM_ALIGN_DEFAULT;
	return size <= bin->slot_size - bin->header && ((uintptr_t)ptr & (align - 1)) == 0;
}

/*
 * The object stays in a slot of another class than that of its size: from now on, frees by size
 * look the class up, in this process and in those that attach later.
 */
static void *
realloc_stay(void *ptr)
{
	/* Pairs with the load in map_use(): whoever gets the object from this thread finds it written. */
	rte_atomic_store_explicit(&fastmem_ctl()->stayed, 1, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&rte_fastmem_map.n_sockets, 0, rte_memory_order_relaxed);
	return ptr;
}

/*
 * To a size that the slot holds: the object stays, unless a slot that is smaller by at least a
 * fifth is free. That is no reason to grow, or to reclaim memory from others.
 */
static void *
realloc_within(const struct fastmem_bin *bin, void *ptr, size_t size, size_t align)
{
	FASTMEM_LOG_LATER; /* a stream that allocates would change the cache that is at work */
	int socket_id = fastmem_ctl()->arenas[bin->socket].socket_id;
	struct fastmem_bin *smaller;
	struct fastmem_request r;
	void *new;

	if (bin->pool != NULL ||
			fastmem_request_init(&r, size, align, RTE_FASTMEM_F_NOGROW, socket_id) != 0)
		return realloc_stay(ptr);
	smaller = fastmem_request_bin(&r, 0);
	if (smaller == bin)
		return ptr;
	if (smaller->slot_size > bin->slot_size - bin->slot_size / 5)
		return realloc_stay(ptr);
	new = fastmem_checks_some() ?
		fastmem_hooks()->sample(&r, size, align, RTE_FASTMEM_F_NOGROW) : NULL;
	if (new == NULL)
		new = fastmem_cache_alloc(r.t, smaller, RTE_FASTMEM_F_NOGROW);
	if (new == NULL)
		return realloc_stay(ptr);
	memcpy(new, ptr, size);
	rte_fastmem_free_slow(ptr);
	return new;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_realloc, 26.11)
void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	const struct fastmem_bin *bin;
	unsigned int offset, id;
	int ret;

	if (ptr == NULL)
		return rte_fastmem_alloc_slow(size, align, 0, SOCKET_ID_ANY);
	ret = ctl == NULL ? -ENODEV : fastmem_bin_offset(size, align, &offset);
	if (ret == 0) {
		id = rte_fastmem_bin_of(ptr);
		if (id == 0)
			ret = -EINVAL;
		if (id == 0 && fastmem_checks_all())
			fastmem_hooks()->realloc_foreign(ptr);
	}
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	if (size == 0) {
		rte_fastmem_free_slow(ptr);
		rte_errno = 0;
		return NULL;
	}
	bin = &ctl->bins[id];
	if (fastmem_is_checked(ctl, ptr))
		return fastmem_hooks()->realloc(bin, ptr, size, align);
	if (fastmem_slot_holds(bin, ptr, size, align))
		return realloc_within(bin, ptr, size, align);
	return fastmem_realloc_move(ptr, bin->slot_size - bin->header, size, align,
			ctl->arenas[bin->socket].socket_id);
}
