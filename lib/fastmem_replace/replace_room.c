/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Memory that fastmem holds without an object in it, for EAL's heap when that runs short.
 *
 * Without fastmem that memory would be the heap's. First goes what fastmem has kept for later, then
 * what the program has reserved. If the heap cannot serve the request even then, the
 * reservation is made again: a request that nobody can serve must not cost it.
 */

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "fastmem_eal.h"
#include "fastmem_private.h"
#include "fastmem_replace.h"

enum step { STEP_IDLE, STEP_RESERVED, STEP_END };

/* The last request that failed although the heap had everything. */
static RTE_ATOMIC(uint64_t) refused_size, refused_until; /* bytes; cycles of the timer */

bool
fastmem_replace_is_any_socket(int socket_id)
{
	/* Without huge pages EAL takes any of its own sockets for any other. */
	return socket_id == SOCKET_ID_ANY || (rte_eal_has_hugepages() == 0 &&
		rte_malloc_heap_socket_is_external(socket_id) != 1);
}

struct capacity {
	int socket_id; /* or SOCKET_ID_ANY */
	uint64_t bytes;
};

static int
add_list(const struct rte_memseg_list *list, void *arg)
{
	struct capacity *capacity = arg;

	if (list->external == 0 && (capacity->socket_id == SOCKET_ID_ANY ||
			capacity->socket_id == list->socket_id))
		capacity->bytes += list->len;
	return 0;
}

/* Whether EAL has as many addresses, let alone memory. */
static bool
may_fit(const struct rte_fastmem_replace_room *room)
{
	struct capacity capacity = { .socket_id = room->socket_id };

	rte_memseg_list_walk(add_list, &capacity);
	return room->size <= capacity.bytes;
}

/* It takes long to give pages and to get them again. */
static bool
was_refused(const struct rte_fastmem_replace_room *room)
{
	return room->size >= rte_atomic_load_explicit(&refused_size, rte_memory_order_relaxed) &&
		rte_get_timer_cycles() < rte_atomic_load_explicit(&refused_until,
		rte_memory_order_relaxed);
}

static bool
has_arena(const struct rte_fastmem_replace_room *room, unsigned int i)
{
	return room->socket_id == SOCKET_ID_ANY ||
		room->socket_id == fastmem_ctl()->arenas[i].socket_id;
}

/* Returns the bytes that the heap has got. */
static size_t
give(struct rte_fastmem_replace_room *room, bool reserved_too)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	size_t given = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++) {
		if (!has_arena(room, i))
			continue;
		room->reserved[i] = fastmem_arena_reserved(&ctl->arenas[i]);
		given += rte_fastmem_trim(reserved_too ? 0 : room->reserved[i],
			ctl->arenas[i].socket_id);
	}
	return given;
}

static void
take_back(const struct rte_fastmem_replace_room *room)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if (has_arena(room, i))
			rte_fastmem_reserve(room->reserved[i], ctl->arenas[i].socket_id);
	rte_atomic_store_explicit(&refused_size, room->size, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&refused_until, rte_get_timer_cycles() + rte_get_timer_hz(),
		rte_memory_order_relaxed);
}

static bool
make_room(struct rte_fastmem_replace_room *room)
{
	if (!fastmem_may_call_eal() || fastmem_ctl_get() == NULL)
		return false;
	if (room->step == STEP_IDLE) {
		if (fastmem_replace_is_any_socket(room->socket_id))
			room->socket_id = SOCKET_ID_ANY;
		if (!may_fit(room))
			return false;
		room->step = STEP_RESERVED;
		if (give(room, false) > 0)
			return true;
	}
	if (room->step == STEP_RESERVED && !was_refused(room)) {
		room->step = STEP_END;
		if (give(room, true) > 0)
			return true;
	}
	if (room->step == STEP_END)
		take_back(room);
	return false;
}

/* Leaves rte_errno as it is: rte_mempool goes by ENOMEM of a zone, and rte_malloc() sets none. */
RTE_EXPORT_INTERNAL_SYMBOL(rte_fastmem_replace_make_room)
bool
rte_fastmem_replace_make_room(struct rte_fastmem_replace_room *room)
{
	int before = rte_errno;
	bool made = make_room(room);

	rte_errno = before;
	return made;
}
