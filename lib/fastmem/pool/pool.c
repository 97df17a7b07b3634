/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Typed pools: bins that users make.
 *
 * A pool has the bin of its place in ctl.pools, so that thread caches have room for it.
 * Its slabs hold as many slots as it may ever have, and no more: so nothing counts
 * objects on the way in or out. Objects are constructed before their slab is entered,
 * and destroyed after it has left.
 *
 * Functions that the user gives are called by the process that has created the pool,
 * or not at all. Where the primary has, others ask it to let the pool grow.
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_hooks.h"
#include "fastmem_trace.h"
#include "pool_private.h"

#define KNOWN_FLAGS (RTE_FASTMEM_POOL_F_CONTIG | RTE_FASTMEM_POOL_F_SHRINK | \
		RTE_FASTMEM_POOL_F_EXTERNAL | RTE_FASTMEM_POOL_F_NO_SPREAD)

/* From this stride on, one of an even number of lines is made a line larger. */
#define SPREAD_LINES 4
#define LCORE_MAGAZINES 3 /* that an lcore has or exchanges */
#define CACHE_SHARE 4 /* a thread caches at most this part of a bounded pool, unless told */

void
fastmem_pools_init(struct fastmem_ctl *ctl)
{
	unsigned int i;

	fastmem_mutex_init(&ctl->pools_lock);
	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		struct fastmem_pool *pool = &ctl->pools[i];

		pool->bin = ctl->first_pool_bin + i;
		fastmem_mutex_init(&pool->grow);
		fastmem_mutex_init(&pool->caches);
		fastmem_bin_init(&ctl->bins[pool->bin], pool->bin, 0, RTE_CACHE_LINE_SIZE, 1);
	}
}

/* What EAL has is in all processes; what else there is, in that of the creator. */
static bool
is_shared(const void *addr)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(addr);

	return list != NULL && list->external == 0;
}

/* Making and freeing. */

/* From one object to the next. */
static size_t
stride_of(const struct rte_fastmem_pool_params *p, size_t align)
{
	size_t stride = RTE_ALIGN_CEIL(RTE_MAX(p->header + p->size, (size_t)8), align);
	size_t with_zone = RTE_ALIGN_CEIL(p->header + p->size + FASTMEM_POOL_ZONE, align);

	/* With checking, there is a zone behind each object, if there is room for one. */
	if (fastmem_checks_all() && with_zone <= RTE_FASTMEM_MAX_SIZE)
		stride = with_zone;

	if ((p->flags & RTE_FASTMEM_POOL_F_NO_SPREAD) == 0 && align <= RTE_CACHE_LINE_SIZE &&
			stride >= SPREAD_LINES * RTE_CACHE_LINE_SIZE &&
			stride % (2 * RTE_CACHE_LINE_SIZE) == 0 && stride < RTE_FASTMEM_MAX_SIZE)
		stride += RTE_CACHE_LINE_SIZE;
	return stride;
}

static bool
wants_functions(const struct rte_fastmem_pool_params *p)
{
	return p->ctor != NULL || p->dtor != NULL || p->mem_added != NULL ||
		p->mem_removed != NULL;
}

static int
refuse(const struct rte_fastmem_pool_params *p, int error, const char *why)
{
	FASTMEM_LOG_SOME(ERR, "pool %.*s: %s", RTE_FASTMEM_POOL_NAMESIZE,
		p->name != NULL ? p->name : "(no name)", why);
	return -error;
}

/* Whether params are possible. Returns 0 or a negative errno. */
static int
params_check(const struct rte_fastmem_pool_params *p, size_t align, size_t *stride)
{
	if (p->name == NULL || p->name[0] == '\0')
		return refuse(p, EINVAL, "a pool needs a name");
	if (strnlen(p->name, RTE_FASTMEM_POOL_NAMESIZE) == RTE_FASTMEM_POOL_NAMESIZE)
		return refuse(p, ENAMETOOLONG, "the name is too long");
	if ((p->flags & ~KNOWN_FLAGS) != 0)
		return refuse(p, EINVAL, "unknown flags");
	if ((align & (align - 1)) != 0)
		return refuse(p, EINVAL, "the alignment is no power of two");
	if (align > FASTMEM_GRANULE)
		return refuse(p, E2BIG, "the alignment is above 64 KiB");
	if (p->header % align != 0)
		return refuse(p, EINVAL, "the header is no multiple of the alignment "
			"(by default a cache line)");
	if (p->flags & RTE_FASTMEM_POOL_F_EXTERNAL) {
		*stride = align;
		/* Whoever has the memory has the objects, too. */
		return p->max == 0 || p->min != 0 || p->max_bytes != 0 || wants_functions(p) ||
			(p->flags & (RTE_FASTMEM_POOL_F_CONTIG | RTE_FASTMEM_POOL_F_SHRINK)) != 0 ?
			refuse(p, EINVAL, "external objects need max, and go with nothing "
				"that is about memory") : 0;
	}
	if (p->size == 0)
		return refuse(p, EINVAL, "size 0");
	if (p->max != 0 && p->min > p->max)
		return refuse(p, EINVAL, "min is above max");
	if (p->size > RTE_FASTMEM_MAX_SIZE || p->header > RTE_FASTMEM_MAX_SIZE - p->size)
		return refuse(p, E2BIG, "an object with its header is above 1 MiB");
	*stride = stride_of(p, align);
	if ((p->flags & RTE_FASTMEM_POOL_F_CONTIG) == 0)
		return 0;
	if (p->max == 0 || p->min != p->max || (p->flags & RTE_FASTMEM_POOL_F_SHRINK) != 0)
		return refuse(p, EINVAL, "objects in one piece need min equal to max, and stay");
	return (uint64_t)p->max * *stride > UINT32_MAX - FASTMEM_GRANULE ?
		refuse(p, E2BIG, "objects in one piece are above 4 GiB") : 0;
}

/* Index of the arena; -1: there is no such socket. */
static int
socket_index(struct fastmem_ctl *ctl, int socket_id)
{
	const struct fastmem_arena *arena;

	if (socket_id == SOCKET_ID_ANY)
		return fastmem_home_socket(ctl, fastmem_socket_of_thread());
	arena = fastmem_arena_of(ctl, socket_id);
	return arena != NULL ? arena - ctl->arenas : -1;
}

/* Memory for the arrays of a bin, if what it has is too small. Returns 0 or -ENOMEM. */
static int
make_arrays(struct fastmem_bin *bin, uint32_t n_external, uint32_t n_words)
{
	/* There is no power of two above that. */
	if (n_external > RTE_BIT32(31))
		return -ENOMEM;
	if (n_external > bin->store_size) {
		uint32_t n = rte_align32pow2(n_external);
		void **store = fastmem_meta_alloc((size_t)n * sizeof(store[0]), true);

		if (store == NULL)
			return -ENOMEM;
		bin->spare_store = store;
		bin->store_size = n;
	}
	if (n_words > bin->big_size) {
		uint32_t n = rte_align32pow2(n_words);
		uint64_t *bits = fastmem_meta_alloc((size_t)n * sizeof(bits[0]), true);

		if (bits == NULL)
			return -ENOMEM;
		bin->big_bits = bits;
		bin->big_size = n;
	}
	return 0;
}

/*
 * A pool that has all its objects takes no memory from EAL later: so what the lcores need
 * for their caches is to be there. Without that, they have none, and are slower.
 */
static void
stock(const struct fastmem_bin *bin)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint32_t n_lcores = rte_lcore_count(), n_tcaches, n_magazines;

	n_tcaches = rte_atomic_load_explicit(&ctl->n_tcaches, rte_memory_order_relaxed);
	n_tcaches = n_lcores > n_tcaches ? n_lcores - n_tcaches : 1;
	n_magazines = FASTMEM_MAGAZINES_PER_BLOCK + n_lcores * LCORE_MAGAZINES;
	if (fastmem_meta_grow(n_tcaches * fastmem_tcache_bytes(ctl) +
			RTE_MAX(n_lcores, n_tcaches) * FASTMEM_COUNTS_BYTES +
			n_magazines * fastmem_magazine_bytes(bin->magazine_kind)) != 0)
		FASTMEM_LOG_SOME(NOTICE, "pool %s: little memory for bookkeeping is left: not all "
			"threads may have a cache", bin->pool->name);
}

/* Fill in pool and bin, of which nobody else knows. */
static int
pool_setup(struct fastmem_pool *pool, const struct rte_fastmem_pool_params *p, uint32_t stride,
		unsigned int socket)
{
	struct fastmem_bin *bin = fastmem_pool_bin(pool);
	uint32_t magazine;

	pool->creator = fastmem_process.peer;
	pool->creator_pid = getpid();
	pool->creator_nonce = fastmem_process.nonce;
	pool->flags = p->flags;
	pool->size = p->size;
	pool->min = p->min;
	pool->max = p->max != 0 ? p->max : UINT32_MAX;
	pool->max_granules = p->max_bytes != 0 ? p->max_bytes >> RTE_FASTMEM_GRANULE_SHIFT :
			UINT64_MAX;
	pool->ctor = p->ctor;
	pool->dtor = p->dtor;
	pool->mem_added = p->mem_added;
	pool->mem_removed = p->mem_removed;
	pool->arg = p->arg;
	pool->qsbr = p->qsbr;
	pool->qsbr_shared = is_shared(p->qsbr);
	pool->next_index = 0;
	pool->user.cache = pool->bin * sizeof(struct rte_fastmem_cache);
	pool->user.stride = stride;
	/* Exact for all offsets below 2^32: they are multiples of the stride. */
	pool->user.magic = (UINT64_C(1) << 32) / stride + 1;
	pool->user.base = NULL;

	if (make_arrays(bin, fastmem_pool_external(p), fastmem_pool_contig_words(p)) != 0)
		return -ENOMEM;
	fastmem_bin_lock(bin);
	bin->socket = socket;
	fastmem_bin_shape(bin, stride, 1);
	bin->header = p->header;
	bin->big_words = fastmem_pool_contig_words(p);
	if (bin->big_words != 0) {
		uint64_t bytes = (uint64_t)p->max * stride;

		bin->slab_slots = p->max;
		bin->slab_granules = (bytes + FASTMEM_GRANULE - 1) >> RTE_FASTMEM_GRANULE_SHIFT;
	}
	magazine = p->cache_size != 0 ? p->cache_size : bin->magazine_size;
	if (p->max != 0 && p->cache_size == 0)
		magazine = RTE_MIN(magazine, p->max / CACHE_SHARE);
	bin->magazine_size = RTE_MIN(RTE_MAX(magazine, 1u),
			(uint32_t)FASTMEM_MAGAZINE_LARGE_CAPACITY);
	bin->magazine_kind = bin->magazine_size > FASTMEM_MAGAZINE_SMALL_CAPACITY ?
			FASTMEM_MAGAZINE_LARGE : FASTMEM_MAGAZINE_SMALL;
	bin->first_capacity = RTE_MIN(bin->first_capacity, bin->magazine_size);
	bin->n_stored = 0;
	bin->store = fastmem_pool_external(p) != 0 ? bin->spare_store : NULL;
	FASTMEM_MOVE(bin->pool, pool);
	fastmem_mutex_unlock(&bin->lock);

	if (fastmem_bin_make_depots(bin, true) != 0)
		return -ENOMEM;
	stock(bin);
	return (p->flags & RTE_FASTMEM_POOL_F_EXTERNAL) != 0 ? 0 :
		fastmem_pool_grow(pool, pool->generation, p->min);
}

/*
 * Make all magazines of a bin, in caches, depots or on their way, empty and unused: none of them
 * counts any more. Under pool.caches.
 */
static void
drop_magazines(struct fastmem_ctl *ctl, struct fastmem_bin *bin)
{
	/* Pairs with the release in magazine_add_block(). */
	uint32_t id, n = rte_atomic_load_explicit(&ctl->meta.n_magazines, rte_memory_order_acquire);

	for (id = 1; id <= n; id++) {
		struct fastmem_magazine *m = fastmem_magazine_of_bin(id, bin);

		if (m == NULL)
			continue;
		FASTMEM_MOVE(m->n, 0);
		fastmem_magazine_put(m);
	}
	if (bin->full != NULL) {
		fastmem_depot_init(bin->full);
		fastmem_depot_init(bin->empty);
	}
}

/*
 * Give back all that a pool has. Whoever does that may die, and the next does it again.
 * Under peers_lock, as taking back what a dead process had goes through all magazines.
 */
static void
pool_end(struct fastmem_ctl *ctl, struct fastmem_pool *pool, bool functions)
{
	struct fastmem_bin *bin = &ctl->bins[pool->bin];
	struct fastmem_extent extent;
	struct fastmem_tcache *t;
	unsigned int i;

	/* To whoever still uses it: a cache without room, and the slow path sees the rest. */
	pool->user.cache = 0;
	FASTMEM_HOOK(forget, bin);
	fastmem_caches_lock(bin);
	FASTMEM_FOREACH_TCACHE(t, ctl)
		fastmem_cache_forget(t, bin);
	drop_magazines(ctl, bin);
	fastmem_caches_unlock(bin);
	fastmem_pool_grow_lock(pool);
	for (fastmem_bin_extent(bin, &extent); extent.slabs != 0; fastmem_bin_extent(bin, &extent))
		fastmem_pool_slab_finish(pool, fastmem_granule(extent.slabs), functions);
	fastmem_mutex_unlock(&pool->grow);
	/* Of a number that no process has had, there is nothing, nor memory to write to. */
	for (i = 0; i < FASTMEM_MAX_PEERS; i++)
		if (rte_atomic_load_explicit(&ctl->peers[i].state, rte_memory_order_relaxed) !=
				FASTMEM_PEER_NONE)
			rte_atomic_store_explicit(&fastmem_held(ctl, i)[pool->bin], 0,
					rte_memory_order_relaxed);
	fastmem_bin_clear(bin);
}

/* Take back the pools that a dead process was making or freeing. Under peers_lock. */
void
fastmem_pools_take_back(struct fastmem_ctl *ctl, unsigned int peer)
{
	unsigned int i;

	fastmem_pools_lock(ctl);
	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		struct fastmem_pool *pool = &ctl->pools[i];

		rte_atomic_store_explicit(&pool->looking[peer], 0, rte_memory_order_relaxed);
		if (pool->maker != peer || (pool->state != FASTMEM_POOL_MAKING &&
				pool->state != FASTMEM_POOL_FREEING))
			continue;
		pool_end(ctl, pool, false);
		FASTMEM_MOVE(pool->state, FASTMEM_POOL_NONE);
	}
	fastmem_mutex_unlock(&ctl->pools_lock);
}

/* The interface. */

/* A pool of that name that is being made. NULL with rte_errno set: not possible. */
static struct fastmem_pool *
pool_begin(struct fastmem_ctl *ctl, const struct rte_fastmem_pool_params *params)
{
	struct fastmem_pool *pool = NULL;
	bool exists;

	fastmem_peers_take_back(ctl); /* they may have died making this one */
	fastmem_pools_lock(ctl);
	exists = fastmem_pool_find(ctl, params->name) != NULL;
	if (!exists)
		pool = fastmem_pool_take_place(ctl, params);
	fastmem_mutex_unlock(&ctl->pools_lock);
	if (exists)
		rte_errno = EEXIST;
	else if (pool == NULL)
		rte_errno = -refuse(params, ENOSPC, "there are as many pools as there can be");
	return pool;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_create, 26.11)
struct rte_fastmem_pool *
rte_fastmem_pool_create(const struct rte_fastmem_pool_params *params)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_pool *pool;
	size_t align, stride = 0;
	uint64_t before;
	int ret, socket;

	if (params == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	align = params->align != 0 ? params->align : RTE_FASTMEM_ALIGN_DEFAULT;
	ret = params_check(params, align, &stride);
	if (ret == 0 && ctl == NULL)
		ret = refuse(params, ENODEV, "rte_fastmem_init() was not called");
	socket = ret == 0 ? socket_index(ctl, params->socket_id) : 0;
	if (socket < 0)
		ret = refuse(params, EINVAL, "no such socket");
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	pool = pool_begin(ctl, params);
	if (pool == NULL)
		return NULL;
	before = fastmem_arena_bytes(&ctl->arenas[socket]);
	ret = pool_setup(pool, params, stride, socket);
	if (ret != 0) {
		fastmem_peers_lock(ctl);
		pool_end(ctl, pool, true);
		fastmem_pool_set_state(ctl, pool, FASTMEM_POOL_NONE);
		fastmem_mutex_unlock(&ctl->peers_lock);
		/* Return the memory that was reserved for the pool that could not be made. */
		fastmem_arena_trim(&ctl->arenas[socket], before, false);
		rte_errno = -refuse(params, ENOMEM, "not enough memory");
		return NULL;
	}
	fastmem_pool_set_state(ctl, pool, FASTMEM_POOL_LIVE);
	FASTMEM_TRACE(pool_created, pool->name, pool->size, pool->min, pool->max);
	return &pool->user;
}

/* n: objects in use; below 0, more were put than got. */
static void
tell_in_use(const struct fastmem_pool *pool, int64_t n)
{
	if (fastmem_checks_all())
		FASTMEM_HOOK(pool_in_use, fastmem_pool_bin(pool), n);
	else if (n > 0)
		FASTMEM_LOG_SOME(WARNING, "pool %s is freed with %" PRId64 " object%s in use: "
			"RTE_FASTMEM_DEBUG=full tells where they were got", pool->name, n,
			n == 1 ? "" : "s");
	else
		FASTMEM_LOG_SOME(WARNING, "pool %s is freed after %" PRId64 " more puts than gets: "
			"RTE_FASTMEM_DEBUG=full finds an object that is put twice", pool->name, -n);
}

uint32_t fastmem_readers_ms = 10000;

/* Whether readers may see what has left the pool, or is about to be put; if they can be asked. */
static bool
has_for_readers(const struct fastmem_pool *pool)
{
	struct fastmem_extent extent;

	if (pool->qsbr == NULL || !fastmem_pool_can_read_qsbr(pool))
		return false;
	fastmem_bin_extent(fastmem_pool_bin(pool), &extent);
	return extent.n_limbo != 0 || fastmem_defer_count(pool) != 0;
}

/*
 * The pool is about to be freed. A reader that was killed never passes, and nor does the calling
 * thread if it is one that is online: so there is an end to this. Returns 0 or -EBUSY.
 */
static int
wait_for_readers(struct fastmem_pool *pool)
{
	uint64_t token = rte_rcu_qsbr_start(pool->qsbr);
	uint64_t end = rte_get_timer_cycles() + fastmem_readers_ms * rte_get_timer_hz() / 1000;

	while (rte_rcu_qsbr_check(pool->qsbr, token, false) == 0) {
		if (rte_get_timer_cycles() > end) {
			FASTMEM_LOG_SOME(ERR, "pool %s is not freed: a reader was not quiescent for %u ms. Take "
				"it offline if it is the caller, or unregister it if it was killed, "
				"and free the pool again", pool->name, fastmem_readers_ms);
			rte_rcu_qsbr_dump(fastmem_log_stream(), pool->qsbr);
			return -EBUSY;
		}
		sched_yield();
	}
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_free, 26.11)
int
rte_fastmem_pool_free(struct rte_fastmem_pool *user)
{
	FASTMEM_UNCANCELLABLE;
	FASTMEM_LOG_LATER;
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_pool *pool = fastmem_pool(user);
	struct fastmem_bin_figures figures;
	bool live;

	if (user == NULL || ctl == NULL)
		return user == NULL ? 0 : -ENODEV;
	if (fastmem_pool_is_live(pool) && has_for_readers(pool) && wait_for_readers(pool) != 0)
		return -EBUSY;
	fastmem_defer_end(pool);
	fastmem_pools_lock(ctl);
	live = pool->state == FASTMEM_POOL_LIVE;
	if (live) {
		pool->maker = fastmem_process.peer;
		FASTMEM_MOVE(pool->state, FASTMEM_POOL_FREEING);
	}
	fastmem_mutex_unlock(&ctl->pools_lock);
	if (!live) {
		if (fastmem_checks_all())
			fastmem_hooks()->pool_freed(pool);
		else
			FASTMEM_LOG_SOME(ERR, "%p is no pool, or was freed before", (void *)user);
		return -EINVAL;
	}
	/* What waits is not in use, and nor is what others are about to give back. */
	FASTMEM_HOOK(flush, &ctl->bins[pool->bin]);
	/* Nor is what a thread has in hand while its cache is emptied, which is under this lock. */
	fastmem_caches_lock(&ctl->bins[pool->bin]);
	fastmem_bin_read(ctl, pool->bin, &figures);
	fastmem_caches_unlock(&ctl->bins[pool->bin]);
	if (figures.in_use != 0)
		tell_in_use(pool, figures.in_use);
	FASTMEM_TRACE(pool_freed, pool->name, figures.in_use);
	fastmem_peers_lock(ctl);
	pool_end(ctl, pool, fastmem_pool_is_creator(pool));
	fastmem_pool_set_state(ctl, pool, FASTMEM_POOL_NONE);
	fastmem_mutex_unlock(&ctl->peers_lock);
	return 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_lookup, 26.11)
struct rte_fastmem_pool *
rte_fastmem_pool_lookup(const char *name)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_pool *pool;

	if (ctl == NULL) {
		rte_errno = ENODEV;
		return NULL;
	}
	fastmem_pools_lock(ctl);
	pool = name != NULL ? fastmem_pool_find(ctl, name) : NULL;
	if (pool != NULL && pool->state != FASTMEM_POOL_LIVE)
		pool = NULL;
	fastmem_mutex_unlock(&ctl->pools_lock);
	if (pool == NULL)
		rte_errno = ENOENT;
	return pool != NULL ? &pool->user : NULL;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_grow, 26.11)
int
rte_fastmem_pool_grow(struct rte_fastmem_pool *user, uint32_t n)
{
	struct fastmem_pool *pool = fastmem_pool(user);

	if (fastmem_ctl_get() == NULL)
		return -ENODEV;
	if (user == NULL || n > pool->max || pool->flags & RTE_FASTMEM_POOL_F_EXTERNAL)
		return -EINVAL;
	return fastmem_pool_grow(pool, fastmem_pool_generation(pool), n);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_trim, 26.11)
size_t
rte_fastmem_pool_trim(struct rte_fastmem_pool *user)
{
	struct fastmem_pool *pool = fastmem_pool(user);

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	if (pool->flags & RTE_FASTMEM_POOL_F_SHRINK) {
		FASTMEM_HOOK(flush, fastmem_pool_bin(pool));
		fastmem_cache_flush(fastmem_tcache_self(false), fastmem_pool_bin(pool));
	}
	return fastmem_pool_shrink(pool, false);
}
