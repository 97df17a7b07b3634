/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * EAL's own functions, found behind those of the same name here; and which of EAL's locks the
 * calling thread holds.
 *
 * fastmem grows by memzones, for which EAL takes its locks of memzones and of memory. A thread
 * that holds one of them, in a walk or in a callback of a memory event, would wait for itself.
 * So the functions that take them are among those that are preloaded, and tell fastmem not to
 * grow: what it has, it gives; for the rest there is EAL's heap, as without fastmem. EAL's own
 * calls of these functions come here as well.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>

#include "fastmem_lock.h"
#include "fastmem_malloc.h"
#include "fastmem_process.h"

__thread unsigned int fastmem_malloc_in_heap;

static struct fastmem_malloc_eal eal;
static struct rte_fastmem_replace_heap found_heap; /* eal.heap, without the wrappers below */
static pthread_once_t resolved = PTHREAD_ONCE_INIT;

/* Returns whether EAL has it; NULL is written if not. */
static bool
resolve_optional(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

static void
resolve_one(void *function, const char *name)
{
	if (resolve_optional(function, name))
		return;
	fprintf(stderr, "librte_fastmem_malloc.so: no %s in the libraries behind it: preload it as "
		"the last library, into a program with the DPDK that it was built for\n", name);
	abort();
}

static void *
heap_zmalloc(const char *type, size_t size, unsigned int align, int socket_id)
{
	void *ptr;

	fastmem_malloc_in_heap++;
	ptr = found_heap.zmalloc_socket(type, size, align, socket_id);
	fastmem_malloc_in_heap--;
	return ptr;
}

static void *
heap_realloc(void *ptr, size_t size, unsigned int align, int socket_id)
{
	fastmem_malloc_in_heap++;
	ptr = found_heap.realloc_socket(ptr, size, align, socket_id);
	fastmem_malloc_in_heap--;
	return ptr;
}

static void
resolve(void)
{
	resolve_one(&eal.heap.malloc_socket, "rte_malloc_socket");
	resolve_one(&eal.heap.zmalloc_socket, "rte_zmalloc_socket");
	resolve_one(&eal.heap.realloc_socket, "rte_realloc_socket");
	resolve_one(&eal.heap.free, "rte_free");
	resolve_optional(&eal.heap.free_sensitive, "rte_free_sensitive");
	resolve_one(&eal.heap.validate, "rte_malloc_validate");
	resolve_one(&eal.heap.virt2iova, "rte_malloc_virt2iova");
	resolve_one(&eal.heap.get_socket_stats, "rte_malloc_get_socket_stats");
	resolve_one(&eal.heap.dump_stats, "rte_malloc_dump_stats");
	resolve_one(&eal.heap.dump_heaps, "rte_malloc_dump_heaps");
	resolve_one(&eal.init, "rte_eal_init");
	resolve_one(&eal.cleanup, "rte_eal_cleanup");
	resolve_one(&eal.trace_save, "rte_trace_save");
	resolve_one(&eal.memzone_walk, "rte_memzone_walk");
	resolve_one(&eal.memzone_reserve, "rte_memzone_reserve");
	resolve_one(&eal.memzone_reserve_aligned, "rte_memzone_reserve_aligned");
	resolve_one(&eal.memzone_reserve_bounded, "rte_memzone_reserve_bounded");
	resolve_one(&eal.memzone_free, "rte_memzone_free");
	resolve_one(&eal.memseg_walk, "rte_memseg_walk");
	resolve_one(&eal.memseg_contig_walk, "rte_memseg_contig_walk");
	resolve_one(&eal.memseg_list_walk, "rte_memseg_list_walk");
	resolve_one(&eal.mem_read_lock, "rte_mcfg_mem_read_lock");
	resolve_one(&eal.mem_read_unlock, "rte_mcfg_mem_read_unlock");
	resolve_one(&eal.mem_write_lock, "rte_mcfg_mem_write_lock");
	resolve_one(&eal.mem_write_unlock, "rte_mcfg_mem_write_unlock");
	resolve_one(&eal.event_register, "rte_mem_event_callback_register");
	resolve_one(&eal.event_unregister, "rte_mem_event_callback_unregister");
	resolve_one(&eal.mempool_populate_default, "rte_mempool_populate_default");
	resolve_one(&eal.mempool_obj_iter, "rte_mempool_obj_iter");
	resolve_one(&eal.mempool_mem_iter, "rte_mempool_mem_iter");
	resolve_one(&eal.fastmem_init, "rte_fastmem_init");
	resolve_one(&eal.fastmem_init_conf, "rte_fastmem_init_conf");
	resolve_one(&eal.fastmem_deinit, "rte_fastmem_deinit");
	found_heap = eal.heap;
	eal.heap.zmalloc_socket = heap_zmalloc;
	eal.heap.realloc_socket = heap_realloc;
	rte_fastmem_replace_set_heap(&eal.heap);
}

/* Other libraries' constructors may call before ours has run. */
const struct fastmem_malloc_eal *
fastmem_malloc_eal(void)
{
	pthread_once(&resolved, resolve);
	return &eal;
}

/* Locks. */

static void
hold(void)
{
	fastmem_growth_held++;
}

static void
let_go(void)
{
	fastmem_growth_held--;
}

PUBLIC void
rte_mcfg_mem_read_lock(void)
{
	fastmem_malloc_eal()->mem_read_lock();
	hold();
}

PUBLIC void
rte_mcfg_mem_read_unlock(void)
{
	let_go();
	fastmem_malloc_eal()->mem_read_unlock();
}

PUBLIC void
rte_mcfg_mem_write_lock(void)
{
	fastmem_malloc_eal()->mem_write_lock();
	hold();
}

PUBLIC void
rte_mcfg_mem_write_unlock(void)
{
	let_go();
	fastmem_malloc_eal()->mem_write_unlock();
}

/* The lock of memzones has no function of its own. */
PUBLIC void
rte_memzone_walk(void (*fn)(const struct rte_memzone *mz, void *arg), void *arg)
{
	hold();
	fastmem_malloc_eal()->memzone_walk(fn, arg);
	let_go();
}

/*
 * Memory that fastmem holds and has no object in would be EAL's without it: a zone that there is
 * no memory for is tried again with that. fastmem's own zones are not: it holds growth.
 */
static bool
make_room(const struct rte_memzone *mz, struct rte_fastmem_replace_room *room)
{
	return unlikely(mz == NULL && rte_errno == ENOMEM) &&
		fastmem_malloc_stage() == STAGE_SERVE && rte_fastmem_replace_make_room(room);
}

PUBLIC const struct rte_memzone *
rte_memzone_reserve(const char *name, size_t len, int socket_id, unsigned int flags)
{
	struct rte_fastmem_replace_room room = { .size = len, .socket_id = socket_id };
	const struct rte_memzone *mz;

	do
		mz = fastmem_malloc_eal()->memzone_reserve(name, len, socket_id, flags);
	while (make_room(mz, &room));
	return mz;
}

PUBLIC const struct rte_memzone *
rte_memzone_reserve_aligned(const char *name, size_t len, int socket_id, unsigned int flags,
		unsigned int align)
{
	struct rte_fastmem_replace_room room = { .size = len, .socket_id = socket_id };
	const struct rte_memzone *mz;

	do
		mz = fastmem_malloc_eal()->memzone_reserve_aligned(name, len, socket_id, flags,
			align);
	while (make_room(mz, &room));
	return mz;
}

PUBLIC const struct rte_memzone *
rte_memzone_reserve_bounded(const char *name, size_t len, int socket_id, unsigned int flags,
		unsigned int align, unsigned int bound)
{
	struct rte_fastmem_replace_room room = { .size = len, .socket_id = socket_id };
	const struct rte_memzone *mz;

	do
		mz = fastmem_malloc_eal()->memzone_reserve_bounded(name, len, socket_id, flags,
			align, bound);
	while (make_room(mz, &room));
	return mz;
}

/* It frees by rte_free() what was not allocated by rte_malloc(). */
PUBLIC int
rte_memzone_free(const struct rte_memzone *mz)
{
	int ret;

	fastmem_malloc_in_heap++;
	ret = fastmem_malloc_eal()->memzone_free(mz);
	fastmem_malloc_in_heap--;
	return ret;
}

/* These take the lock of memory, maybe not by the functions above. */

PUBLIC int
rte_memseg_walk(rte_memseg_walk_t fn, void *arg)
{
	int ret;

	hold();
	ret = fastmem_malloc_eal()->memseg_walk(fn, arg);
	let_go();
	return ret;
}

PUBLIC int
rte_memseg_contig_walk(rte_memseg_contig_walk_t fn, void *arg)
{
	int ret;

	hold();
	ret = fastmem_malloc_eal()->memseg_contig_walk(fn, arg);
	let_go();
	return ret;
}

PUBLIC int
rte_memseg_list_walk(rte_memseg_list_walk_t fn, void *arg)
{
	int ret;

	hold();
	ret = fastmem_malloc_eal()->memseg_list_walk(fn, arg);
	let_go();
	return ret;
}

/* Callbacks of memory events: EAL knows each by its name and its argument. */

struct callback {
	struct callback *next;
	char name[RTE_MEM_EVENT_CALLBACK_NAME_LEN];
	rte_mem_event_callback_t fn;
	void *arg;
};

static struct callback *callbacks; /* under callbacks_lock */
static pthread_mutex_t callbacks_lock = PTHREAD_MUTEX_INITIALIZER;

/* In a forked process: a thread that is not here may have had the lock. */
void
fastmem_malloc_callbacks_forked(void)
{
	pthread_mutex_init(&callbacks_lock, NULL);
}

static void
call_back(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	const struct callback *callback = arg;
	unsigned int in_heap = fastmem_malloc_in_heap;

	hold();
	fastmem_malloc_in_heap = 0; /* what it calls is the program's */
	callback->fn(event, addr, len, callback->arg);
	fastmem_malloc_in_heap = in_heap;
	let_go();
}

/* Under callbacks_lock. The place that leads to it; if there is none, to NULL. */
static struct callback **
find_callback(const char *name, const void *arg)
{
	struct callback **link = &callbacks;

	while (*link != NULL && ((*link)->arg != arg ||
			strncmp((*link)->name, name, sizeof((*link)->name)) != 0))
		link = &(*link)->next;
	return link;
}

/* Returns 0, or -1 with rte_errno set. */
static int
add_callback(struct callback **link, const char *name, rte_mem_event_callback_t fn, void *arg)
{
	struct callback *callback = calloc(1, sizeof(*callback));

	if (callback == NULL) {
		rte_errno = ENOMEM;
		return -1;
	}
	strcpy(callback->name, name);
	callback->fn = fn;
	callback->arg = arg;
	if (fastmem_malloc_eal()->event_register(name, call_back, callback) != 0) {
		free(callback);
		return -1;
	}
	*link = callback;
	return 0;
}

PUBLIC int
rte_mem_event_callback_register(const char *name, rte_mem_event_callback_t fn, void *arg)
{
	struct callback **link;
	int ret = -1;

	/* EAL says what is wrong. */
	if (name == NULL || fn == NULL || strnlen(name, RTE_MEM_EVENT_CALLBACK_NAME_LEN) ==
			RTE_MEM_EVENT_CALLBACK_NAME_LEN)
		return fastmem_malloc_eal()->event_register(name, fn, arg);
	fastmem_local_lock(&callbacks_lock, FASTMEM_LOCK_CALLBACKS);
	link = find_callback(name, arg);
	if (*link != NULL)
		rte_errno = EEXIST;
	else
		ret = add_callback(link, name, fn, arg);
	fastmem_local_unlock(&callbacks_lock);
	return ret;
}

PUBLIC int
rte_mem_event_callback_unregister(const char *name, void *arg)
{
	struct callback **link, *callback;
	int ret;

	if (name == NULL)
		return fastmem_malloc_eal()->event_unregister(name, arg);
	fastmem_local_lock(&callbacks_lock, FASTMEM_LOCK_CALLBACKS);
	link = find_callback(name, arg);
	callback = *link;
	ret = fastmem_malloc_eal()->event_unregister(name, callback != NULL ? callback : arg);
	/* EAL is in no callback of that name now. */
	if (ret == 0 && callback != NULL) {
		*link = callback->next;
		free(callback);
	}
	fastmem_local_unlock(&callbacks_lock);
	return ret;
}
