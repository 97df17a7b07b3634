/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Calls while checking is on: a request becomes that for a slot with room for red zones.
 *
 * Functions that are in a backtrace are called fastmem_*, static ones too: by that they are left
 * out of a program that contains the library, and has no debug information of it.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "fastmem_debug.h"
#include "fastmem_private.h"
#include "fastmem_request.h"
#include "fastmem_track.h"

/* Of handles, with checking only: bytes of the slot that were not asked for. */
#define HANDLE_SLACK_SHIFT 19
#define HANDLE_SLACK_MAX (UINT32_MAX >> HANDLE_SLACK_SHIFT)

/* Bytes and alignment that a handle stands for, or more than was asked for if that is unknown. */
static void
handle_size(const struct fastmem_ctl *ctl, rte_fastmem_handle_t handle, size_t *size,
		size_t *align)
{
	const struct fastmem_bin *bin = &ctl->bins[handle & RTE_FASTMEM_HANDLE_BIN];
	size_t slot_size = bin->slot_size;

	*align = bin->slab_align > 1 ? bin->slab_align * FASTMEM_GRANULE :
		RTE_MIN(slot_size & -slot_size, FASTMEM_GRANULE);
	*size = slot_size - (handle >> HANDLE_SLACK_SHIFT);
}

static int
fastmem_checked_serve(struct fastmem_request *r, const struct fastmem_shape *shape, void **objs,
		unsigned int n, unsigned int flags)
{
	const unsigned int wanted = flags;
	unsigned int i;
	void *one; /* objs is written to on success only */
	int ret;

	flags &= ~RTE_FASTMEM_F_ZERO;
	ret = n == 1 ? fastmem_request_serve(r, &one, 1, flags) : fastmem_request_bulk(r, objs, n,
			0, flags);
	if (ret == 0 && n == 1)
		objs[0] = one;
	for (i = 0; ret == 0 && i < n; i++)
		objs[i] = fastmem_debug_take(objs[i], shape, wanted);
	if (ret == 0)
		fastmem_track_wrote(objs, n * sizeof(objs[0]));
	return ret;
}

/* What is wrong with a request is so without the zones. 0: nothing. */
static inline int
request_error(size_t size, size_t align)
{
	unsigned int offset;

	return size <= RTE_FASTMEM_MAX_SIZE ? 0 : fastmem_bin_offset(size, align, &offset);
}

int
fastmem_checked_alloc(void **objs, unsigned int n, size_t size, size_t align, unsigned int flags,
		int socket_id)
{
	struct fastmem_shape shape;
	struct fastmem_request r;
	int ret = request_error(size, align);

	if (ret == 0) {
		shape = fastmem_debug_shape(size, align);
		ret = fastmem_request_init(&r, shape.slot, align, flags, socket_id);
	}
	return ret != 0 ? ret : fastmem_checked_serve(&r, &shape, objs, n, flags);
}

void *
fastmem_checked_alloc_one(size_t size, size_t align, unsigned int flags, int socket_id)
{
	struct fastmem_shape shape;
	void *slot;
	int ret = request_error(size, align);

	if (ret == 0) {
		shape = fastmem_debug_shape(size, align);
		ret = fastmem_request_alloc(&slot, shape.slot, align, flags & ~RTE_FASTMEM_F_ZERO,
			socket_id);
	}
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	return fastmem_debug_take(slot, &shape, flags);
}

/* By handle: r is made for it. */
int
fastmem_checked_halloc(struct fastmem_request *r, rte_fastmem_handle_t handle, void **objs,
		unsigned int n, unsigned int flags)
{
	struct fastmem_shape shape;
	size_t size, align;
	int ret;

	handle_size(r->ctl, handle, &size, &align);
	shape = fastmem_debug_shape(size, align);
	shape.align = FASTMEM_BY_HANDLE | fastmem_request_bin(r, 0)->slot_size;
	ret = fastmem_bin_offset(shape.slot, align, &r->offset);
	return ret != 0 ? ret : fastmem_checked_serve(r, &shape, objs, n, flags);
}

/* A checked object of what r is for. NULL: memory is exhausted. */
static void *
fastmem_sampled_take(struct fastmem_request *r, size_t size, size_t align, bool by_handle,
		unsigned int flags)
{
	struct fastmem_shape shape = fastmem_debug_shape(size, align);
	struct fastmem_bin *bin;
	void *slot;

	if (by_handle)
		shape.align = FASTMEM_BY_HANDLE | fastmem_request_bin(r, 0)->slot_size;
	bin = fastmem_sample_bin(fastmem_request_bin(r, 0)->socket, shape.slot, align);
	slot = bin != NULL ? fastmem_cache_alloc(r->t, bin, flags) : NULL;
	return slot != NULL ? fastmem_debug_take(slot, &shape, flags) : NULL;
}

/* Allocate a sampled object; NULL if none is due or memory is exhausted. */
static void *
fastmem_sampled_one(struct fastmem_request *r, size_t size, size_t align, bool by_handle,
		unsigned int flags)
{
	if (!fastmem_sample_due(r->t, fastmem_request_bin(r, 0)))
		return NULL;
	return fastmem_sampled_take(r, size, align, by_handle, flags);
}

void *
fastmem_sampled_alloc(struct fastmem_request *r, size_t size, size_t align, unsigned int flags)
{
	return fastmem_sampled_one(r, size, align, false, flags);
}

void *
fastmem_sampled_halloc(struct fastmem_request *r, rte_fastmem_handle_t handle, unsigned int flags)
{
	size_t size, align;

	handle_size(r->ctl, handle, &size, &align);
	return fastmem_sampled_one(r, size, align, true, flags);
}

/* Put a sampled object in place of one that the caller has not seen yet. */
static void
fastmem_sampled_exchange(struct fastmem_request *r, void **obj, size_t size, size_t align,
		bool by_handle, unsigned int flags)
{
	void *sampled = fastmem_sampled_take(r, size, align, by_handle, flags);
	struct rte_fastmem_cache *c;

	if (sampled == NULL)
		return;
	c = &r->t->caches[rte_fastmem_bin_of(*obj)];
	rte_fastmem_free_slow(*obj);
	/* It was never the caller's: with this, it is counted neither as allocated nor as freed. */
	RTE_FASTMEM_ADD(c->n_alloc, -1);
	*obj = sampled;
}

/* Put sampled objects in place of those that are due of many. */
static void
fastmem_sampled_exchange_bulk(struct fastmem_request *r, void **objs, unsigned int n, size_t size,
		size_t align, bool by_handle, unsigned int flags)
{
	const struct fastmem_bin *bin = fastmem_request_bin(r, 0);
	unsigned int i = 0;

	while ((i = fastmem_sample_next(r->t, bin, i, n)) < n)
		fastmem_sampled_exchange(r, &objs[i++], size, align, by_handle, flags);
}

void
fastmem_sampled_bulk(struct fastmem_request *r, void **objs, unsigned int n, size_t size,
		size_t align, unsigned int flags)
{
	fastmem_sampled_exchange_bulk(r, objs, n, size, align, false, flags);
}

void
fastmem_sampled_halloc_bulk(struct fastmem_request *r, rte_fastmem_handle_t handle, void **objs,
		unsigned int n, unsigned int flags)
{
	size_t size, align;

	handle_size(r->ctl, handle, &size, &align);
	fastmem_sampled_exchange_bulk(r, objs, n, size, align, true, flags);
}

static void
fastmem_checked_free_many(void *const *ptrs, unsigned int n, const struct fastmem_expect *expect)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (ptrs[i] == NULL)
			continue;
		if (fastmem_is_checked(fastmem_ctl(), ptrs[i]))
			fastmem_debug_free(ptrs[i], expect);
		else
			fastmem_free_bulk_one_by_one(fastmem_ctl(), &ptrs[i], 1);
	}
	if (fastmem_checks_some())
		fastmem_thread_freed();
}

static const struct fastmem_expect expect_nothing = { .what = FASTMEM_EXPECT_NOTHING };

void
fastmem_checked_free(void *ptr)
{
	fastmem_debug_free(ptr, &expect_nothing);
}

void
fastmem_checked_free_bulk(void *const *ptrs, unsigned int n)
{
	fastmem_checked_free_many(ptrs, n, &expect_nothing);
}

void
fastmem_checked_free_sized(void *ptr, size_t size, size_t align)
{
	const struct fastmem_expect expect = {
		.what = FASTMEM_EXPECT_SIZE, .size = size, .align = align,
	};

	fastmem_checked_free_many(&ptr, 1, &expect);
}

/* Free; an object that is not of the handle's class is reported. */
void
fastmem_checked_hfree_bulk(rte_fastmem_handle_t handle, void *const *ptrs, unsigned int n)
{
	const struct fastmem_expect expect = {
		.what = FASTMEM_EXPECT_CLASS,
		.size = fastmem_ctl()->bins[handle & RTE_FASTMEM_HANDLE_BIN].slot_size,
	};

	fastmem_checked_free_many(ptrs, n, &expect);
}

/*
 * With checking, an object is to be as large as was asked for. When sampling, what is freed
 * by handle may be of another bin than that, so its bin is looked up; when all is checked,
 * the slow path is to see the handle.
 */
rte_fastmem_handle_t
fastmem_checked_handle(const struct fastmem_bin *bin, size_t size, unsigned int n_sockets)
{
	rte_fastmem_handle_t handle = bin->id;
	size_t slack = bin->slot_size - size;

	handle |= n_sockets > 1 ? FASTMEM_HANDLE_ALL_SOCKETS : FASTMEM_HANDLE_ONE_SOCKET;
	if (fastmem_checks_some())
		handle |= RTE_FASTMEM_HANDLE_ANY;
	return handle | (slack <= HANDLE_SLACK_MAX ? slack << HANDLE_SLACK_SHIFT : 0);
}

/*
 * To a size that the slot holds: the object moves whenever it can, so that who uses its old address
 * is found.
 */
static void *
fastmem_checked_within(void *ptr, size_t size, size_t align, int socket_id)
{
	const bool checked = fastmem_checks_all(); /* or a sampled object, unlike the next one */
	struct fastmem_shape shape = fastmem_debug_shape(size, align);
	struct fastmem_request r;
	void *new = NULL;

	if (fastmem_request_init(&r, checked ? shape.slot : size, align, RTE_FASTMEM_F_NOGROW,
			socket_id) == 0)
		new = fastmem_cache_alloc(r.t, fastmem_request_bin(&r, 0), RTE_FASTMEM_F_NOGROW);
	if (new == NULL)
		return fastmem_debug_resize_in_place(ptr, size, align) ? ptr : NULL;
	if (checked)
		new = fastmem_debug_take(new, &shape, RTE_FASTMEM_F_NOGROW);
	memcpy(new, ptr, size);
	rte_fastmem_free_slow(ptr);
	return new;
}

void *
fastmem_checked_realloc(const struct fastmem_bin *bin, void *ptr, size_t size, size_t align)
{
	int socket_id = fastmem_ctl()->arenas[bin->socket].socket_id;
	size_t old_size;
	void *new;

	if (!fastmem_debug_resize(ptr, &old_size)) {
		rte_errno = EINVAL;
		return NULL;
	}
	if (size > old_size || !fastmem_slot_holds(bin, ptr, size, align))
		return fastmem_realloc_move(ptr, old_size, size, align, socket_id);
	new = fastmem_checked_within(ptr, size, align, socket_id);
	if (new == NULL)
		rte_errno = EINVAL;
	return new;
}

void
fastmem_checked_realloc_foreign(const void *ptr)
{
	fastmem_report_foreign(RTE_FASTMEM_ERROR_REALLOC, ptr);
}

void
fastmem_checked_pool_take(const struct fastmem_pool *pool, void **objs, unsigned int n)
{
	const struct fastmem_shape shape = { .size = pool->size };
	unsigned int i;

	for (i = 0; i < n; i++)
		objs[i] = fastmem_debug_take(objs[i], &shape, 0);
}

void
fastmem_checked_pool_put(const struct fastmem_pool *pool, void *const *objs, unsigned int n)
{
	const struct fastmem_expect expect = { .what = FASTMEM_EXPECT_POOL, .pool = pool };
	unsigned int i;

	for (i = 0; i < n; i++)
		fastmem_debug_free(objs[i], &expect);
}
