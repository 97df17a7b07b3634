/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Drop-in names: what rte_fastmem_replace.h does not do inline for the rte_malloc family.
 *
 * An object is fastmem's or that of EAL's heap: its address tells. What is EAL's stays EAL's.
 */

#include <errno.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "fastmem_replace.h"
#include "fastmem_track.h"

static size_t
at_least_a_line(unsigned int align)
{
	return RTE_MAX(align, (unsigned int)RTE_CACHE_LINE_SIZE);
}

/* Without huge pages EAL takes any of its own sockets for any other. */
static bool
is_any_socket(int socket_id)
{
	return socket_id == SOCKET_ID_ANY || (rte_eal_has_hugepages() == 0 &&
		rte_malloc_heap_socket_is_external(socket_id) != 1);
}

/* After an attempt by the fast path, which has set rte_errno. */
void *
rte_fastmem_replace_malloc_slow(const char *type, size_t size, unsigned int align,
		unsigned int flags, int socket_id)
{
	bool started = rte_errno == ENODEV && fastmem_replace_start() == 0;
	bool any = is_any_socket(socket_id);
	void *ptr = NULL;

	if (started || (any && socket_id != SOCKET_ID_ANY))
		ptr = rte_fastmem_alloc_socket(size, at_least_a_line(align), flags,
			any ? SOCKET_ID_ANY : socket_id);
	if (ptr != NULL)
		return ptr;
	return flags & RTE_FASTMEM_F_ZERO ? rte_zmalloc_socket(type, size, align, socket_id) :
		rte_malloc_socket(type, size, align, socket_id);
}

void
rte_fastmem_replace_free_slow(void *ptr)
{
	if (rte_fastmem_contains(ptr))
		rte_fastmem_free(ptr);
	else
		rte_free(ptr);
}

static bool
is_on_socket(const void *ptr, int socket_id)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(ptr);

	return list != NULL && list->socket_id == socket_id;
}

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
	if (!rte_fastmem_contains(ptr))
		return rte_realloc_socket(ptr, size, align, socket_id);
	/* As EAL does, for objects that there are: 65 becomes a power of two. */
	align = RTE_CACHE_LINE_ROUNDUP(align);
	if (is_any_socket(socket_id) || is_on_socket(ptr, socket_id)) {
		moved = rte_fastmem_realloc(ptr, size, at_least_a_line(align));
		if (moved != NULL)
			return moved;
	}
	moved = rte_fastmem_replace_malloc_socket(NULL, size, align, socket_id);
	if (moved == NULL)
		return NULL;
	memcpy(moved, ptr, RTE_MIN(size, rte_fastmem_usable_size(ptr)));
	rte_fastmem_free(ptr);
	return moved;
}

int
rte_fastmem_replace_malloc_validate(const void *ptr, size_t *size)
{
	if (!rte_fastmem_contains(ptr))
		return rte_malloc_validate(ptr, size);
	if (size != NULL) {
		*size = rte_fastmem_usable_size(ptr);
		fastmem_track_wrote(size, sizeof(*size));
	}
	return 0;
}

rte_iova_t
rte_fastmem_replace_malloc_virt2iova(const void *ptr)
{
	return rte_fastmem_contains(ptr) ? rte_fastmem_virt2iova(ptr) : rte_malloc_virt2iova(ptr);
}

void
rte_fastmem_replace_malloc_dump_stats(FILE *f, const char *type)
{
	rte_malloc_dump_stats(f, type);
	rte_fastmem_dump(f);
}
