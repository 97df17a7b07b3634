/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PRIVATE_H
#define FASTMEM_PRIVATE_H

/*
 * What the files of fastmem share. lib/layers lists which layer each is of: what may call what.
 * Granules have a header of their own, fastmem_map.h, and so have pools and processes: pool/pool.h,
 * process/process.h.
 *
 *   fastmem_init.c           the begin and the end, and how a secondary attaches
 *   fastmem_create.c         the shared state: made and given back
 *   process/process_fork.c   children of fork(), and which of them goes on
 *   process/process_unload.c   a plug-in that has the library is closed
 *   process/process_eal_cleanup.c  EAL ends before fastmem
 *   fastmem_alloc.c          the interface: what its inline functions leave to the library
 *   fastmem_request.c        the same: what is asked for becomes a bin; sockets, fallback
 *   fastmem_realloc.c        objects that change their size
 *   fastmem_control.c        memory that is reserved, limited, given back
 *   fastmem_class.c          size classes: sizes to bins
 *   pool/pool_state.c        which places of pools are taken
 *   pool/pool.c              typed pools: bins that users make
 *   pool/pool_get.c          a pool's objects, when a cache has none or no room
 *   pool/pool_grow.c         slabs of pools come and go
 *   pool/pool_iter.c         reads all of a pool: iterators, figures
 *   pool/pool_defer.c        objects of pools that wait for a grace period
 *   pool/pool_steal.c        objects of pools in other threads' caches
 *   fastmem_thread.c         which thread has which caches: their begin and end
 *   fastmem_cache.c          thread caches that are empty or full: magazines are loaded, swapped
 *   fastmem_cache_open.c     the begin and the end of a cache, and how much it may hold
 *   fastmem_cache_lock.c     a pool's magazines move under a lock; what dead owners leave
 *   fastmem_reclaim.c        memory is short: what depots and others' caches hold
 *   fastmem_depot.c          per bin: queues of full and of empty magazines, lock-free
 *   fastmem_drain.c          per arena: whether depots, spare magazines, empty slabs hold anything
 *   fastmem_failure.h        what a thread has tried to allocate in vain
 *   fastmem_slab.c           per bin: slabs, whose free slots are bits outside of them
 *   fastmem_slab_make.c      slabs come and go
 *   fastmem_bin.c            per bin: sizes of slabs, magazines and depots; lists and counts of
 *                            slabs, and their repair
 *   pool/pool_external.c     the same for objects whose memory is not fastmem's
 *   fastmem_arena.c          per socket: growth, and how large chunks are
 *   fastmem_chunk.c          chunks (memzones) come and go
 *   fastmem_run.c            runs of granules in chunks
 *   fastmem_refusal.c        what EAL or the limit has refused
 *   fastmem_magazine.c       where magazines come from
 *   fastmem_map.c            an address to its bin and slab
 *   fastmem_meta.c           the memory of all of the above
 *   fastmem_eal.c            what fastmem takes from EAL
 *   fastmem_debug_api.c      the functions of rte_fastmem_debug.h
 *   fastmem_hooks.c          whether this process checks
 *   fastmem_tools.c          which sanitizers and checkers it runs under
 *   fastmem_state.c          what this process knows of fastmem
 *   fastmem_log.c            lines that wait until no lock is held
 *   fastmem_parse.c          sizes in environment variables
 *   fastmem_env.c            which variables there are, and which are misspelt
 *   fastmem_export.c         inline functions, for those who cannot include them
 *   fastmem_lock.c           robust mutexes; checks the order of locks, in builds with assertions
 *   process/process_mp.c     what a secondary process asks of the primary: growth
 *   process/process.c        which processes there are, and what dead ones leave behind
 *   process/process_alive.c  which of them live, by locks of a file
 *   process/process_pid.c    the same by their pids
 *   fastmem_tally.c          reads what was done with bins, and what there is
 *   fastmem_stats.c          the same summed up, for the statistics and the dump
 *   fastmem_kept.c           the same: what keeps memory
 *   app/test/harness/fastmem_verify.c  reads all of the above, for tests
 *
 * DPDK's telemetry is in lib/fastmem/telemetry, and is registered by fastmem_server_register().
 *
 * Checking is in lib/fastmem_debug, of which fastmem_debug.h tells: it plugs into the hooks of
 * fastmem_hooks.h, where objects and slabs come and go. Drop-in names are in lib/fastmem_replace,
 * a library that is built on this one.
 *
 * What DPDK's releases lack of its dialect: rte_fastmem_compat.h, fastmem_compat.h.
 *
 * Structures in shared memory: fastmem_shared.h. What a process has for itself: fastmem_process.h.
 *
 * Locks, and their order: fastmem_lock.h. Only arena.grow and meta.grow are held across calls
 * into EAL, and only by the primary process: a secondary asks it to grow, so that the death of a
 * secondary leaves no lock of EAL behind, and holds no lock meanwhile that the primary may wait
 * for.
 *
 * Any process may be killed between any two instructions. What it did until then
 * is in memory, in program order: that is what the order of stores here is for,
 * beside other threads. Whatever a process owns names it as the owner, and can be
 * taken back by any other (process.c).
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_debug.h>

#include "fastmem_cancel.h"
#include "fastmem_lock.h"
#include "fastmem_log.h"
#include "fastmem_map.h"
#include "fastmem_process.h"
#include "fastmem_shared.h"
#include "pool/pool.h"
#include "process/process.h"

static inline uint64_t
fastmem_arena_bytes(const struct fastmem_arena *arena)
{
	return rte_atomic_load_explicit(&arena->n_granules,
		rte_memory_order_relaxed) << RTE_FASTMEM_GRANULE_SHIFT;
}

/* Bytes that the program has reserved, and maintenance leaves. */
static inline uint64_t
fastmem_arena_reserved(const struct fastmem_arena *arena)
{
	return rte_atomic_load_explicit(&arena->n_reserved,
		rte_memory_order_relaxed) << RTE_FASTMEM_GRANULE_SHIFT;
}

/* The arena of one of EAL's sockets; NULL: there is none. */
static inline struct fastmem_arena *
fastmem_arena_of(struct fastmem_ctl *ctl, int socket_id)
{
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if (ctl->arenas[i].socket_id == socket_id)
			return &ctl->arenas[i];
	return NULL;
}

/* Whether it is known that EAL has no n units. now: cycles of EAL's timer. */
static inline bool
fastmem_refusal_holds(const struct fastmem_refusal *r, uint64_t n, uint64_t now)
{
	const uint64_t refused = rte_atomic_load_explicit(&r->n, rte_memory_order_relaxed);

	return refused != 0 && n >= refused &&
		now < rte_atomic_load_explicit(&r->until, rte_memory_order_relaxed);
}

/* The list of all thread caches, which only grows. */
static inline struct fastmem_tcache *
fastmem_first_tcache(const struct fastmem_ctl *ctl)
{
	/* Pairs with the release in tcache_make(). */
	return rte_atomic_load_explicit(&ctl->tcaches, rte_memory_order_acquire);
}

#define FASTMEM_FOREACH_TCACHE(t, ctl) \
	for ((t) = fastmem_first_tcache(ctl); (t) != NULL; (t) = (t)->next)

static inline struct fastmem_counts *
fastmem_counts_block(const struct fastmem_tcache *t, unsigned int pool)
{
	/* Pairs with the release in counts_make(). */
	return rte_atomic_load_explicit(&t->pool_counts[pool / FASTMEM_COUNTS_PER_BLOCK],
		rte_memory_order_acquire);
}

/* NULL: of a pool that the thread has not used, nor one beside it. Its cache is not open. */
static inline struct fastmem_counts *
fastmem_counts(const struct fastmem_tcache *t, unsigned int bin)
{
	unsigned int first = fastmem_ctl()->first_pool_bin, pool = bin - first;
	struct fastmem_counts *block;

	if (bin < first)
		return &t->counts[bin];
	block = fastmem_counts_block(t, pool);
	return block != NULL ? &block[pool % FASTMEM_COUNTS_PER_BLOCK] : NULL;
}

/* Of a cache that is open, or has been: there are some. */
static inline struct fastmem_counts *
fastmem_counts_opened(const struct fastmem_tcache *t, unsigned int bin)
{
	unsigned int first = fastmem_ctl()->first_pool_bin, pool = bin - first;

	if (bin < first)
		return &t->counts[bin];
	return &fastmem_counts_block(t, pool)[pool % FASTMEM_COUNTS_PER_BLOCK];
}

/* The first place for objects in a cache. Not base, if others have forbidden to pop. */
static inline void **
fastmem_cache_objs(const struct rte_fastmem_cache *c)
{
	/* Pair with the releases in fastmem_cache_load() and, of a thief, in forbid(). */
	void **base = rte_atomic_load_explicit(&c->base, rte_memory_order_acquire);
	void **end = rte_atomic_load_explicit(&c->end, rte_memory_order_acquire);

	return RTE_MIN(base, end);
}

static inline uint32_t
fastmem_cache_len(const struct rte_fastmem_cache *c)
{
	/* Pairs with the release in RTE_FASTMEM_SET_TOP(): what is below top is there. */
	return rte_atomic_load_explicit(&c->top, rte_memory_order_acquire) - fastmem_cache_objs(c);
}

/* The depot of a bin's full magazines. NULL: there is none yet. */
static inline struct fastmem_depot *
fastmem_full_depot(const struct fastmem_bin *bin)
{
	/* Pairs with the release in fastmem_bin_make_depots(). */
	return rte_atomic_load_explicit(&bin->full, rte_memory_order_acquire);
}

/* The word of a magazine's owner. */
static inline uint64_t
fastmem_magazine_owner(uint64_t tag, uint32_t owner)
{
	return tag << FASTMEM_OWNER_BITS | owner;
}

/* Bytes of a block of counts. */
#define FASTMEM_COUNTS_BYTES (FASTMEM_COUNTS_PER_BLOCK * sizeof(struct fastmem_counts))

/* What a pool has. */
struct fastmem_extent {
	uint32_t n_slots; /* objects */
	uint64_t n_granules; /* in slabs, also those that wait to leave */
	uint32_t n_limbo; /* those */
	uint32_t slabs; /* the first of all in the list */
};

/* What was done with a bin's objects. */
struct fastmem_bin_figures {
	uint64_t alloc, free, nomem;
	int64_t in_use; /* below 0: objects were freed twice, or while others are at work */
};

/* What fastmem has of a socket. */
struct fastmem_socket_figures {
	uint64_t n_zones; /* chunks, and of the bookkeeping */
	uint64_t meta_bytes; /* of the bookkeeping */
	uint64_t bytes; /* in chunks */
	uint64_t used_bytes; /* live objects of the size classes, slabs of pools */
	uint64_t n_used; /* such objects and slabs */
	uint64_t n_runs; /* free ones */
};

struct fastmem_settings;

/* fastmem_create.c */
int fastmem_create(const struct fastmem_settings *settings);
void fastmem_destroy(struct fastmem_ctl *ctl);

/* fastmem_init.c */
void fastmem_close_attached(void);
/*
 * The end of EAL: it begins, and its threads are still there; it is about to unmap all memory; it has
 * done so. From the second on nothing is allocated, and what is freed is ignored: no other thread may
 * be inside a call.
 */
__rte_internal
void fastmem_end_serving(void);
__rte_internal
void fastmem_end(void);
__rte_internal
void fastmem_forget(void);

struct fastmem_life {
	int cancel_state; /* as it was before */
};

/* For a thread that serves others: fastmem neither begins nor ends here between these. */
struct fastmem_life_guard {
	bool (*begin)(struct fastmem_life *life); /* false: the thread is within such a pair */
	void (*end)(const struct fastmem_life *life);
};

/*
 * What serves others in threads of its own, and that the core does not know: lib/fastmem/telemetry.
 * Registered by a constructor. Both are called under life_lock.
 */
struct fastmem_server {
	void (*start)(const struct fastmem_life_guard *guard); /* fastmem begins in the primary */
	void (*end)(void); /* EAL is about to end */
};
void fastmem_server_register(const struct fastmem_server *server);

/* fastmem_control.c */
__rte_internal
int fastmem_maintain(bool grow);

/* fastmem_class.c */
size_t fastmem_class_size(unsigned int i);
size_t fastmem_overaligned_size(unsigned int i, size_t *align);
unsigned int fastmem_bin_class(const struct fastmem_bin *bin);
__rte_internal
int fastmem_bin_offset(size_t size, size_t align, unsigned int *offset);

/* fastmem_meta.c */
void fastmem_meta_lock(struct fastmem_meta *meta);
void fastmem_meta_init(struct fastmem_meta *meta, const struct rte_memzone *mz, size_t used);
__rte_internal
int fastmem_meta_grow(size_t size);
void fastmem_meta_read(int socket_id, struct fastmem_socket_figures *out);
__rte_internal
void *fastmem_meta_alloc(size_t size, bool may_grow);
int fastmem_meta_stock(void);

/* fastmem_magazine.c */
size_t fastmem_magazine_bytes(uint32_t kind);
struct fastmem_magazine *fastmem_magazine_by_id(uint32_t id);
struct fastmem_magazine *fastmem_magazine_get(const struct fastmem_bin *bin, uint32_t owner,
		bool may_grow);
void fastmem_magazine_put(struct fastmem_magazine *m);
struct fastmem_magazine *fastmem_magazine_of_bin(uint32_t id, const struct fastmem_bin *bin);

/* fastmem_refusal.c */
extern unsigned int fastmem_refusal_min_us, fastmem_refusal_max_us;
bool fastmem_refusal_is_known(const struct fastmem_refusal *r);
void fastmem_refusal_note(struct fastmem_refusal *r, uint64_t n);
void fastmem_refusal_end(struct fastmem_refusal *r);
void fastmem_refusals_end(struct fastmem_ctl *ctl);

/* fastmem_eal.c */
extern unsigned int fastmem_absent_sockets; /* for tests */

/* fastmem_arena.c */
void fastmem_arena_init(struct fastmem_arena *arena, int socket_id);
int fastmem_arena_grow(struct fastmem_arena *arena, uint32_t n, uint32_t align);
int fastmem_arena_reserve(struct fastmem_arena *arena, uint64_t bytes);
int fastmem_arena_grow_by(struct fastmem_arena *arena, uint64_t n);
size_t fastmem_arena_trim(struct fastmem_arena *arena, size_t keep_bytes, bool reserved_too);

/* fastmem_chunk.c */
void fastmem_runs_take_back(struct fastmem_arena *arena, unsigned int taker);
__rte_internal
void fastmem_arena_lock(struct fastmem_arena *arena);
void fastmem_arena_destroy(struct fastmem_arena *arena);
void fastmem_arena_read(struct fastmem_arena *arena, struct fastmem_socket_figures *out);

/* fastmem_run.c: the first three under arena.lock */
void fastmem_run_insert(struct fastmem_arena *arena, uint32_t head, uint32_t n);
void fastmem_run_remove(struct fastmem_arena *arena, uint32_t head);
void fastmem_run_give(struct fastmem_arena *arena, uint32_t head);
uint32_t fastmem_run_alloc(struct fastmem_arena *arena, uint32_t n, uint32_t align);
void fastmem_run_free(struct fastmem_arena *arena, uint32_t head);
bool fastmem_has_run(struct fastmem_arena *arena, uint32_t n, uint32_t align);

/* fastmem_bin.c */
void fastmem_bin_init(struct fastmem_bin *bin, uint16_t id, uint16_t socket,
		uint32_t slot_size, uint32_t slab_align);
void fastmem_bin_clear(struct fastmem_bin *bin);
void fastmem_bin_shape(struct fastmem_bin *bin, uint32_t slot_size, uint32_t slab_align);
void fastmem_bin_lock(struct fastmem_bin *bin);
uint32_t fastmem_slab_slot(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const void *obj);
void fastmem_bins_repair(struct fastmem_ctl *ctl);

/* fastmem_slab.c */
void fastmem_bin_extent(struct fastmem_bin *bin, struct fastmem_extent *out);
unsigned int fastmem_slab_alloc(struct fastmem_bin *bin, struct fastmem_magazine *m,
		unsigned int n);
void *fastmem_slab_alloc_one(struct fastmem_bin *bin, RTE_ATOMIC(uint64_t) *count);
void fastmem_slab_free_array(struct fastmem_bin *from, void **objs, RTE_ATOMIC(uint32_t) *n_objs);
void fastmem_slab_free(struct fastmem_bin *from, struct fastmem_magazine *m);
void fastmem_slab_free_one(struct fastmem_bin *from, void *obj, RTE_ATOMIC(uint64_t) *count,
		int change);

/* fastmem_slab_make.c */
size_t fastmem_slab_meta_bytes(const struct fastmem_bin *bin);
int fastmem_slab_acquire(struct fastmem_bin *bin, unsigned int flags);
struct fastmem_granule *fastmem_slab_make(struct fastmem_bin *bin, unsigned int flags,
		uint32_t max_slots);
void fastmem_slab_enter(struct fastmem_bin *bin, struct fastmem_granule *slab);
struct fastmem_granule *fastmem_slab_leave(struct fastmem_bin *bin, uint32_t keep_slots);
void fastmem_slab_end(struct fastmem_bin *bin, struct fastmem_granule *slab);
unsigned int fastmem_slabs(struct fastmem_bin *bin, struct fastmem_granule ***slabs);
void fastmem_slab_release_empty(struct fastmem_bin *bin);

/* pool_external.c: under bin.lock */
unsigned int fastmem_store_alloc(struct fastmem_bin *bin, void **objs, RTE_ATOMIC(uint32_t) *n_objs,
		unsigned int n);
unsigned int fastmem_store_free(struct fastmem_bin *bin, void **objs, RTE_ATOMIC(uint32_t) *n_objs);
void fastmem_store_repair(struct fastmem_bin *bin);

/* fastmem_drain.c */
uint32_t fastmem_drain_begin(struct fastmem_arena *arena);
void fastmem_drain_end(struct fastmem_arena *arena, uint32_t ticket);
void fastmem_drain_undo(struct fastmem_arena *arena);
bool fastmem_is_drained(const struct fastmem_arena *arena);

/* fastmem_depot.c */
void fastmem_depot_init(struct fastmem_depot *depot);
bool fastmem_depot_put(struct fastmem_depot *depot, struct fastmem_magazine *m,
		uint32_t owner, uint32_t limit);
struct fastmem_magazine *fastmem_depot_take(struct fastmem_depot *depot, uint32_t owner);
unsigned int fastmem_depot_guess(const struct fastmem_depot *depot);
const struct fastmem_magazine *fastmem_depot_look(const struct fastmem_depot *depot,
		unsigned int slot);
unsigned int fastmem_depot_count(const struct fastmem_depot *depot); /* for tests */
uint64_t fastmem_depot_objects(const struct fastmem_depot *depot);

bool fastmem_magazine_change(struct fastmem_magazine *m, uint64_t owned, uint32_t to);
bool fastmem_magazine_seize(struct fastmem_magazine *m, uint32_t owner);

/* fastmem_thread.c */
__rte_internal
bool fastmem_is_mapped(const void *ptr);
size_t fastmem_tcache_bytes(const struct fastmem_ctl *ctl);
void fastmem_peer_count_held(struct fastmem_ctl *ctl, struct fastmem_tcache *t, unsigned int peer);
struct fastmem_tcache *fastmem_tcache_current(void);
__rte_internal
struct fastmem_tcache *fastmem_tcache_self(bool may_grow);
bool fastmem_thread_is_past_its_end(void);
__rte_internal
struct fastmem_tcache *fastmem_tcache_to_free(bool may_grow);
__rte_internal
void fastmem_threads_disarm(void);
__rte_internal
bool fastmem_thread_is_disarmed(const struct fastmem_tcache *t);
__rte_internal
bool fastmem_thread_rearm(struct fastmem_tcache *t);
__rte_internal
void fastmem_thread_freed(void);
void fastmem_threads_leave(void);
void fastmem_threads_forget_forked(void);
extern int (*fastmem_socket_of_thread)(void);
uint16_t fastmem_home_socket(struct fastmem_ctl *ctl, int socket_id);
void fastmem_thread_use(struct fastmem_tcache *t, uint16_t socket);
void fastmem_threads_forget(void);
void fastmem_threads_unload(void);

/* fastmem_cache.c */
__rte_internal
void *fastmem_cache_alloc(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags);
__rte_internal
void fastmem_cache_free(struct fastmem_tcache *t, struct fastmem_bin *bin, void *ptr);
bool fastmem_cache_alloc_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin, void **ptrs,
		unsigned int n, unsigned int flags);
void fastmem_cache_free_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin,
		void *const *ptrs, unsigned int n);
void fastmem_cache_nomem(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int n,
		unsigned int flags);

/* fastmem_cache_open.c */
void fastmem_tcache_flush(struct fastmem_tcache *t, bool to_depots);
bool fastmem_tcache_is_open(struct fastmem_tcache *t, const struct fastmem_bin *bin);
void fastmem_cache_flush(struct fastmem_tcache *t, struct fastmem_bin *bin);
void fastmem_magazine_discard(struct fastmem_magazine *m);
int fastmem_bin_make_depots(struct fastmem_bin *bin, bool may_grow);

/* fastmem_cache_lock.c */
void fastmem_tcache_close(struct fastmem_tcache *t);
void fastmem_cache_forget(struct fastmem_tcache *t, struct fastmem_bin *bin);
__rte_internal
void fastmem_caches_lock(struct fastmem_bin *bin);
__rte_internal
void fastmem_caches_unlock(struct fastmem_bin *bin);

/* fastmem_reclaim.c: with the calling thread's caches, NULL if it has none */
bool fastmem_bin_gather(const struct fastmem_tcache *t, struct fastmem_bin *bin);
bool fastmem_bin_is_large(const struct fastmem_bin *bin);
bool fastmem_reclaim_large(const struct fastmem_tcache *t, struct fastmem_arena *arena);
void fastmem_depots_drain(const struct fastmem_tcache *t, struct fastmem_arena *arena);
bool fastmem_tcache_holds(const struct fastmem_tcache *t, const struct fastmem_arena *arena);
void fastmem_depots_drain_idle(const struct fastmem_tcache *t, struct fastmem_arena *arena);
void fastmem_tcaches_maintain(const struct fastmem_tcache *t);

/* fastmem_tally.c */
__rte_internal
void fastmem_bin_read(const struct fastmem_ctl *ctl, unsigned int bin,
		struct fastmem_bin_figures *out);
__rte_internal
bool fastmem_socket_read(int socket_id, struct fastmem_socket_figures *out);
int64_t fastmem_cache_in_use(const struct fastmem_tcache *t, unsigned int bin);
uint64_t fastmem_cache_objects(const struct fastmem_tcache *t, unsigned int bin);

#endif /* FASTMEM_PRIVATE_H */
