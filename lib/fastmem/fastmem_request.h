/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_REQUEST_H
#define FASTMEM_REQUEST_H

/*
 * A request, on its way from the interface to the caches.
 */

#include "fastmem_private.h"

/* Of handles, with checking only: how many sockets. */
#define FASTMEM_HANDLE_ONE_SOCKET UINT32_C(0x20000)
#define FASTMEM_HANDLE_ALL_SOCKETS UINT32_C(0x40000)

/*
 * Where an allocation may take place: n bins, at the same offset on each socket
 * from the first one on.
 */
struct fastmem_request {
	struct fastmem_ctl *ctl;
	struct fastmem_tcache *t;
	unsigned int offset;
	unsigned int first_socket;
	unsigned int n_sockets;
	bool moves; /* the thread's fast path goes to the socket that serves */
};

static inline struct fastmem_bin *
fastmem_request_bin(const struct fastmem_request *r, unsigned int i)
{
	unsigned int socket = r->first_socket + i;

	RTE_ASSERT(r->first_socket < r->ctl->n_sockets && i < r->ctl->n_sockets);
	if (socket >= r->ctl->n_sockets)
		socket -= r->ctl->n_sockets; /* a division would take longer than all else here */
	return &r->ctl->bins[r->ctl->arenas[socket].first_bin + r->offset];
}

/* fastmem_request.c */
__rte_internal
int fastmem_request_init(struct fastmem_request *r, size_t size, size_t align, unsigned int flags,
		int socket_id);
__rte_internal
int fastmem_request_serve(const struct fastmem_request *r, void **objs, unsigned int n,
		unsigned int flags);
__rte_internal
int fastmem_request_alloc(void **obj, size_t size, size_t align, unsigned int flags,
		int socket_id);
__rte_internal
int fastmem_request_bulk(const struct fastmem_request *r, void **ptrs, unsigned int n, size_t zero,
		unsigned int flags);

/* fastmem_alloc.c */
__rte_internal
void fastmem_free_bulk_one_by_one(struct fastmem_ctl *ctl, void *const *ptrs, unsigned int n);

/* fastmem_realloc.c */
__rte_internal
void *fastmem_realloc_move(void *old, size_t old_size, size_t size, size_t align, int socket_id);
__rte_internal
bool fastmem_slot_holds(const struct fastmem_bin *bin, const void *ptr, size_t size, size_t align);

#endif /* FASTMEM_REQUEST_H */
