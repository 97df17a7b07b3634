/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Mempools that start small and grow up to their size: RTE_FASTMEM_MEMPOOL=grow.
 *
 * rte_mempool has all objects of a mempool from the beginning: what it does to each of them then is
 * done here to those that come later, when the typed pool constructs them. Who looks at all objects
 * or at all memory of a mempool finds all of them: such functions let it grow whole first. So does
 * the set-up of a device's queue, which may keep addresses.
 *
 * The function that initialises objects is known if rte_mempool_create() or rte_pktmbuf_pool_create()
 * calls it, and can be called later if it has no argument: an argument may be on the creator's stack.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include "fastmem_lock.h"
#include "fastmem_malloc.h"

#define FEW 64 /* objects to begin with; the typed pool makes no less than a slab of them */

/*
 * Of a mempool that this process has made, which is the primary: the functions of a typed pool are
 * called in its creator, or for it in the primary, and rte_mempool's lists have no lock.
 *
 * The lock is held while an object is added. So once fastmem_malloc_grow_end() has had it, nobody
 * adds objects to a mempool that is being freed; for a typed pool that is still there, the next
 * mempool with this place is not its own.
 */
struct growing {
	struct growing *next; /* never changes */
	RTE_ATOMIC(struct rte_mempool *) mp; /* NULL: of none. Written under lock */
	struct mempool_fastmem_grow how;
	pthread_mutex_t lock;
	uint32_t size; /* of the mempool */
	bool live; /* its first objects are there. Under lock */
	rte_mempool_obj_cb_t *init; /* written before others know of the mempool */
};

static RTE_ATOMIC(struct growing *) all_growing; /* pushed to, never popped from */
static pthread_mutex_t growing_lock = PTHREAD_MUTEX_INITIALIZER;

static void
insert_object(const struct growing *g, void *obj, rte_iova_t iova, uint32_t index)
{
	struct rte_mempool_objhdr *hdr = RTE_PTR_SUB(obj, sizeof(*hdr));
	struct rte_mempool *mp = g->mp;

	hdr->mp = mp;
	hdr->iova = mp->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG ? RTE_BAD_IOVA : iova;
	STAILQ_INSERT_TAIL(&mp->elt_list, hdr, next);
	/* Read by reports. */
	rte_atomic_store_explicit((RTE_ATOMIC(uint32_t) *)&mp->populated_size,
			mp->populated_size + 1, rte_memory_order_relaxed);
	if (g->init != NULL)
		g->init(mp, NULL, obj, index);
}

/* Under pool.grow: nobody else adds objects. The first ones rte_mempool adds itself. */
static void
add_object(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	struct growing *g = arg;

	fastmem_local_lock(&g->lock, FASTMEM_LOCK_GROWING);
	if (g->live && mempool_fastmem_is_of(g->mp, pool))
		insert_object(g, obj, iova, index);
	fastmem_local_unlock(&g->lock);
}

static struct growing *
growing_of(const struct rte_mempool *mp)
{
	/* Pairs with the release in growing_make(). */
	struct growing *g = rte_atomic_load_explicit(&all_growing, rte_memory_order_acquire);

	while (g != NULL && rte_atomic_load_explicit(&g->mp, rte_memory_order_relaxed) != mp)
		g = g->next;
	return g;
}

static void
growing_set(struct growing *g, struct rte_mempool *mp)
{
	fastmem_local_lock(&g->lock, FASTMEM_LOCK_GROWING);
	g->live = false;
	g->init = NULL;
	g->size = mp != NULL ? mp->size : 0;
	rte_atomic_store_explicit(&g->mp, mp, rte_memory_order_relaxed);
	fastmem_local_unlock(&g->lock);
}

/* It does not grow, or not any more. */
void
fastmem_malloc_grow_end(struct rte_mempool *mp)
{
	struct growing *g = growing_of(mp);

	if (g != NULL)
		growing_set(g, NULL);
}

static struct growing *
growing_make(void)
{
	struct growing *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->how = (struct mempool_fastmem_grow){ FEW, add_object, g };
	pthread_mutex_init(&g->lock, NULL);
	g->next = all_growing;
	rte_atomic_store_explicit(&all_growing, g, rte_memory_order_release);
	return g;
}

/*
 * How a mempool that is about to be populated grows. NULL: not at all, as this is a secondary
 * process or there is no memory to note it.
 */
const struct mempool_fastmem_grow *
fastmem_malloc_grow_begin(struct rte_mempool *mp)
{
	struct growing *g;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return NULL;
	fastmem_local_lock(&growing_lock, FASTMEM_LOCK_RECORDS);
	fastmem_malloc_grow_end(mp); /* one that another process has freed was here */
	g = growing_of(NULL);
	if (g == NULL)
		g = growing_make();
	if (g != NULL)
		growing_set(g, mp);
	fastmem_local_unlock(&growing_lock);
	return g != NULL ? &g->how : NULL;
}

/* Its first objects are there. Others are told of it next, and may look at all. */
void
fastmem_malloc_grow_ready(struct rte_mempool *mp)
{
	struct growing *g = growing_of(mp);

	if (g == NULL)
		return;
	fastmem_local_lock(&g->lock, FASTMEM_LOCK_GROWING);
	mp->size = g->size;
	g->live = true;
	fastmem_local_unlock(&g->lock);
}

/* In a forked process: a thread that is not here may have had the locks. */
void
fastmem_malloc_grow_forked(void)
{
	struct growing *g;

	pthread_mutex_init(&growing_lock, NULL);
	for (g = all_growing; g != NULL; g = g->next)
		pthread_mutex_init(&g->lock, NULL);
}

static bool
grows(const struct rte_mempool *mp)
{
	return mp != NULL && fastmem_malloc_is_replaced(mp) && mempool_fastmem_grows(mp);
}

/* With the objects that it has so far; the others are added to those. */
int
fastmem_malloc_grow_populate(struct rte_mempool *mp)
{
	uint32_t size = mp->size;
	int ret;

	if (!grows(mp))
		return fastmem_malloc_eal()->mempool_populate_default(mp);
	mp->size = mempool_fastmem_objects(mp);
	ret = fastmem_malloc_eal()->mempool_populate_default(mp);
	mp->size = size;
	if (ret < 0)
		return ret;
	if (fastmem_malloc_config.count)
		fastmem_malloc_note_mempool(mp);
	return size;
}

/*
 * Returns 0, or a negative errno if there is no memory for all objects. In a secondary process all
 * objects are made, by the primary, whose lists tell of memory when someone looks there.
 */
static int
grow_whole(struct rte_mempool *mp)
{
	int ret = 0;

	if (!grows(mp))
		return 0;
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return mempool_fastmem_grow_objects(mp);
	fastmem_local_lock(&growing_lock, FASTMEM_LOCK_RECORDS);
	if (grows(mp))
		ret = mempool_fastmem_grow_whole(mp);
	fastmem_local_unlock(&growing_lock);
	if (ret != 0)
		MALLOC_LOG(WARNING, "mempool %s has %u of %u objects: %s", mp->name,
			mp->populated_size, mp->size, rte_strerror(-ret));
	return ret;
}

/* Whether an address is in the library of a function. */
static bool
is_in_library_of(const void *address, const char *function)
{
	Dl_info caller, library;
	const void *known = dlsym(RTLD_NEXT, function);

	return known != NULL && dladdr(known, &library) != 0 && dladdr(address, &caller) != 0 &&
		caller.dli_fbase == library.dli_fbase;
}

/* Whether this initialises all objects of a mempool, and can do so later. */
static bool
note_init(const struct rte_mempool *mp, rte_mempool_obj_cb_t *cb, const void *arg,
		const void *caller)
{
	struct growing *g = growing_of(mp);

	if (g == NULL || g->init != NULL || arg != NULL ||
			(!is_in_library_of(caller, "rte_mempool_create") &&
			!is_in_library_of(caller, "rte_pktmbuf_pool_create")))
		return false;
	g->init = cb;
	return true;
}

PUBLIC uint32_t
rte_mempool_obj_iter(struct rte_mempool *mp, rte_mempool_obj_cb_t *cb, void *arg)
{
	if (grows(mp) && !note_init(mp, cb, arg, __rte_return_address()))
		grow_whole(mp);
	return fastmem_malloc_eal()->mempool_obj_iter(mp, cb, arg);
}

PUBLIC uint32_t
rte_mempool_mem_iter(struct rte_mempool *mp, rte_mempool_mem_cb_t *cb, void *arg)
{
	grow_whole(mp);
	return fastmem_malloc_eal()->mempool_mem_iter(mp, cb, arg);
}

/* Devices. */

typedef int rx_queue_setup_t(uint16_t port_id, uint16_t queue_id, uint16_t nb_desc,
		unsigned int socket_id, const struct rte_eth_rxconf *conf, struct rte_mempool *mp);

/* The library of ethernet devices may be there for the caller only. */
static rx_queue_setup_t *
find_rx_queue_setup(const void *caller)
{
	void *found = dlsym(RTLD_NEXT, "rte_eth_rx_queue_setup"), *handle;
	Dl_info info;

	if (found == NULL && dladdr(caller, &info) != 0) {
		handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
		found = handle != NULL ? dlsym(handle, "rte_eth_rx_queue_setup") : NULL;
		if (handle != NULL)
			dlclose(handle); /* the caller is in it, or needs it */
	}
	return (rx_queue_setup_t *)(uintptr_t)found;
}

/*
 * Without one mempool, a queue has one for each segment of a packet, or one for each size. Whether
 * it uses them depends on offloads of the port as well, which does not matter here.
 */
static int
grow_several(const struct rte_eth_rxconf *conf)
{
	unsigned int i;
	int ret = 0;

	if (conf == NULL)
		return 0;
	for (i = 0; conf->rx_seg != NULL && i < conf->rx_nseg && ret == 0; i++)
		ret = grow_whole(conf->rx_seg[i].split.mp);
	for (i = 0; conf->rx_mempools != NULL && i < conf->rx_nmempool && ret == 0; i++)
		ret = grow_whole(conf->rx_mempools[i]);
	return ret;
}

PUBLIC int
rte_eth_rx_queue_setup(uint16_t port_id, uint16_t queue_id, uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_rxconf *conf, struct rte_mempool *mp)
{
	rx_queue_setup_t *setup = find_rx_queue_setup(__rte_return_address());
	int ret = grow_whole(mp);

	if (ret == 0 && mp == NULL)
		ret = grow_several(conf);
	if (ret == 0 && setup == NULL)
		ret = -ENOTSUP;
	return ret == 0 ? setup(port_id, queue_id, nb_desc, socket_id, conf, mp) : ret;
}
