/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The interface's slow paths: what the inline functions leave to the library.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "fastmem_request.h"

/* A request for what a handle stands for. */
static int
request_by_handle(struct fastmem_request *r, rte_fastmem_handle_t handle, unsigned int flags)
{
	unsigned int bin = handle & RTE_FASTMEM_HANDLE_BIN;

	r->ctl = fastmem_ctl_get();
	if (r->ctl == NULL)
		return -ENODEV;
	if (bin == 0 || bin >= r->ctl->first_pool_bin)
		return -EINVAL;
	r->t = fastmem_tcache_self((flags & RTE_FASTMEM_F_NOGROW) == 0);
	r->moves = false;
	r->first_socket = (bin - 1) / FASTMEM_BINS_PER_SOCKET;
	r->offset = (bin - 1) % FASTMEM_BINS_PER_SOCKET;
	r->n_sockets = (handle & (RTE_FASTMEM_HANDLE_ANY | FASTMEM_HANDLE_ALL_SOCKETS)) != 0 &&
		(handle & FASTMEM_HANDLE_ONE_SOCKET) == 0 ? r->ctl->n_sockets : 1;
	return 0;
}

static void *
request_one(const struct fastmem_request *r, size_t zero, unsigned int flags)
{
	void *obj;

	if (fastmem_request_serve(r, &obj, 1, flags) != 0) {
		rte_errno = ENOMEM;
		return NULL;
	}
	if (flags & RTE_FASTMEM_F_ZERO)
		memset(obj, 0, zero);
	return obj;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_alloc_slow, 26.11)
void *
rte_fastmem_alloc_slow(size_t size, size_t align, unsigned int flags, int socket_id)
{
	struct fastmem_request r;
	void *obj;
	int ret;

	/* In a secondary's first call, the level comes with this. */
	if (fastmem_ctl_get() != NULL && fastmem_checks_all())
		return fastmem_hooks()->alloc(size, align, flags, socket_id);
	ret = fastmem_request_init(&r, size, align, flags, socket_id);
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	obj = fastmem_checks_some() ? fastmem_hooks()->sample(&r, size, align, flags) : NULL;
	return obj != NULL ? obj : request_one(&r, size, flags);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_alloc_bulk_slow, 26.11)
int
rte_fastmem_alloc_bulk_slow(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id)
{
	struct fastmem_request r;
	int ret;

	if (fastmem_ctl_get() != NULL && fastmem_checks_all())
		return fastmem_hooks()->alloc_bulk(ptrs, n, size, align, flags, socket_id);
	ret = fastmem_request_init(&r, size, align, flags, socket_id);
	if (ret == 0)
		ret = fastmem_request_bulk(&r, ptrs, n, size, flags);
	if (ret == 0 && fastmem_checks_some())
		fastmem_hooks()->sample_bulk(&r, ptrs, n, size, align, flags);
	return ret;
}

/* Objects that are all of one bin, which is not bin 0. */
static void
free_to_bin(struct fastmem_ctl *ctl, unsigned int bin, void *const *ptrs, unsigned int n)
{
	FASTMEM_LOG_LATER;
	struct fastmem_tcache *t;

	if (rte_fastmem_push_bulk(&rte_fastmem_tls.caches[bin], ptrs, n))
		return;
	RTE_ASSERT(ctl != NULL); /* without, the map that the bin is from is empty */
	t = fastmem_tcache_self(bin < ctl->first_pool_bin);
	fastmem_caches_lock(&ctl->bins[bin]);
	if (n == 1)
		fastmem_cache_free(t, &ctl->bins[bin], ptrs[0]);
	else
		fastmem_cache_free_bulk(t, &ctl->bins[bin], ptrs, n);
	fastmem_caches_unlock(&ctl->bins[bin]);
}

/* Whether all objects are of one bin. Neighbours often share a granule: one look-up then. */
RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_same_bin_slow, 26.11)
bool
rte_fastmem_same_bin_slow(void *const *ptrs, unsigned int n)
{
	unsigned int bin = rte_fastmem_bin_of(ptrs[0]);
	unsigned int i = 0;

	for (; i + 4 <= n; i += 4) {
		uintptr_t p = (uintptr_t)ptrs[i];
		uintptr_t differ = (p ^ (uintptr_t)ptrs[i + 1]) | (p ^ (uintptr_t)ptrs[i + 2]) |
			(p ^ (uintptr_t)ptrs[i + 3]);

		if (rte_fastmem_bin_of(ptrs[i]) != bin)
			return false;
		if (differ >> RTE_FASTMEM_GRANULE_SHIFT != 0 && (
				rte_fastmem_bin_of(ptrs[i + 1]) != bin ||
				rte_fastmem_bin_of(ptrs[i + 2]) != bin ||
				rte_fastmem_bin_of(ptrs[i + 3]) != bin))
			return false;
	}
	for (; i < n; i++)
		if (rte_fastmem_bin_of(ptrs[i]) != bin)
			return false;
	return true;
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_free_bulk_one_by_one)
void
fastmem_free_bulk_one_by_one(struct fastmem_ctl *ctl, void *const *ptrs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned int bin = rte_fastmem_bin_of(ptrs[i]);

		if (bin != 0)
			free_to_bin(ctl, bin, &ptrs[i], 1);
		else if (ptrs[i] != NULL && ctl == NULL)
			FASTMEM_LOG_SOME(ERR, "free of %p while fastmem is not initialised, before "
				"rte_fastmem_init() or after rte_fastmem_deinit(); ignored", ptrs[i]);
		else if (ptrs[i] != NULL)
			FASTMEM_LOG_SOME(ERR, "free of %p, which is not an object of fastmem; ignored. "
				"RTE_FASTMEM_DEBUG=full tells where", ptrs[i]);
	}
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_free_bulk_slow, 26.11)
void
rte_fastmem_free_bulk_slow(void **ptrs, unsigned int n)
{
	/* In a secondary's first call, the map comes with this. */
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int bin;

	if (n == 0)
		return;
	if (ctl != NULL && (fastmem_checks_all() || fastmem_checks_some())) {
		fastmem_hooks()->free_bulk(ptrs, n);
		return;
	}
	/*
	 * After the primary's deinit, the map still knows what was an object. In this order: if that
	 * has come meanwhile, what was allocated with checking is an address inside a slot.
	 */
	if (fastmem_process_state() >= FASTMEM_PROCESS_CLOSED) {
		fastmem_log_ignored();
		return;
	}
	bin = rte_fastmem_bin_of(ptrs[0]);
	if (bin != 0 && rte_fastmem_same_bin_slow(ptrs, n))
		free_to_bin(ctl, bin, ptrs, n);
	else
		fastmem_free_bulk_one_by_one(ctl, ptrs, n);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_free_slow, 26.11)
void
rte_fastmem_free_slow(void *ptr)
{
	if (ptr == NULL)
		return;
	if (fastmem_ctl_get() != NULL && fastmem_checks_all())
		fastmem_hooks()->free(ptr);
	else
		rte_fastmem_free_bulk_slow(&ptr, 1);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_free_sized_slow, 26.11)
void
rte_fastmem_free_sized_slow(void *ptr, size_t size, size_t align)
{
	if (fastmem_ctl_get() != NULL && (fastmem_checks_all() || fastmem_checks_some()))
		fastmem_hooks()->free_sized(ptr, size, align);
	else
		rte_fastmem_free_slow(ptr);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_hfree_slow, 26.11)
void
rte_fastmem_hfree_slow(rte_fastmem_handle_t handle, void *ptr)
{
	rte_fastmem_hfree_bulk_slow(handle, &ptr, 1);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_hfree_bulk_slow, 26.11)
void
rte_fastmem_hfree_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n)
{
	if (fastmem_ctl_get() != NULL && (fastmem_checks_all() || fastmem_checks_some()))
		fastmem_hooks()->hfree_bulk(handle, ptrs, n);
	else if (n != 1 || ptrs[0] != NULL)
		rte_fastmem_free_bulk_slow(ptrs, n);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_usable_size, 26.11)
size_t
rte_fastmem_usable_size(const void *ptr)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int id = rte_fastmem_bin_of(ptr);

	if (ctl == NULL || id == 0)
		return 0;
	if (fastmem_is_checked(ctl, ptr))
		return fastmem_hooks()->usable(&ctl->bins[id], ptr);
	return ctl->bins[id].slot_size - ctl->bins[id].header;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_contains, 26.11)
bool
rte_fastmem_contains(const void *ptr)
{
	return fastmem_ctl_get() != NULL && rte_fastmem_bin_of(ptr) != 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_virt2iova, 26.11)
rte_iova_t
rte_fastmem_virt2iova(const void *ptr)
{
	rte_iova_t iova;

	if (!rte_fastmem_contains(ptr))
		return RTE_BAD_IOVA;
	if (fastmem_process.iova_is_va)
		return (uintptr_t)ptr;
	iova = fastmem_granule(fastmem_granule_index(ptr))->iova;
	return iova != RTE_BAD_IOVA ? iova + ((uintptr_t)ptr & (FASTMEM_GRANULE - 1)) : iova;
}

/* Handles. */

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_hlookup, 26.11)
int
rte_fastmem_hlookup(size_t size, size_t align, int socket_id, rte_fastmem_handle_t *handle)
{
	struct fastmem_request r;
	int ret;

	if (handle == NULL)
		return -EINVAL;
	ret = fastmem_request_init(&r, size, align, 0, socket_id);
	if (ret != 0)
		return ret == -ENODEV ? -EINVAL : ret;
	*handle = fastmem_request_bin(&r, 0)->id;
	if (r.n_sockets > 1)
		*handle |= RTE_FASTMEM_HANDLE_ANY;
	if (fastmem_checks_all() || fastmem_checks_some())
		*handle = fastmem_hooks()->handle(fastmem_request_bin(&r, 0), size, r.n_sockets);
	FASTMEM_HOOK(wrote, handle, sizeof(*handle));
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_halloc_slow, 26.11)
void *
rte_fastmem_halloc_slow(rte_fastmem_handle_t handle, unsigned int flags)
{
	struct fastmem_request r;
	void *obj = NULL;
	int ret = request_by_handle(&r, handle, flags);

	if (ret == 0 && fastmem_checks_all())
		ret = fastmem_hooks()->halloc(&r, handle, &obj, 1, flags);
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	if (fastmem_checks_some())
		obj = fastmem_hooks()->sample_handle(&r, handle, flags);
	return obj != NULL ? obj : request_one(&r, fastmem_request_bin(&r, 0)->slot_size, flags);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_halloc_bulk_slow, 26.11)
int
rte_fastmem_halloc_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n,
		unsigned int flags)
{
	struct fastmem_request r;
	int ret = request_by_handle(&r, handle, flags);

	if (ret == 0 && fastmem_checks_all())
		return fastmem_hooks()->halloc(&r, handle, ptrs, n, flags);
	if (ret == 0)
		ret = fastmem_request_bulk(&r, ptrs, n, fastmem_request_bin(&r, 0)->slot_size,
				flags);
	if (ret == 0 && n > 0 && fastmem_checks_some())
		fastmem_hooks()->sample_handle_bulk(&r, handle, ptrs, n, flags);
	return ret;
}
