/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PRIVATE_H
#define FASTMEM_PRIVATE_H

/*
 * The layers of fastmem, and what they share. From top to bottom, a layer calls
 * only those below it:
 *
 *   rte_fastmem.c    the interface: arguments, sockets, fallback
 *   fastmem_cache.c  thread caches: magazines are loaded, swapped, given back
 *   fastmem_depot.c  per bin: queues of full and of empty magazines, lock-free
 *   fastmem_slab.c   per bin: slabs, whose free slots are bits outside of them
 *   fastmem_arena.c  per socket: chunks (memzones), runs of granules, growth
 *   fastmem_meta.c   the memory of all bookkeeping, magazines, the granule map
 *   fastmem_stats.c  reads all of the above, for the statistics and the dump
 *   fastmem_verify.c reads all of the above, for tests
 *
 * All structures here lie in shared memory, at the same address in each
 * process, and are never unmapped before deinit: a pointer to one never
 * dangles, it may only be stale.
 *
 * Locks are robust process-shared mutexes: the kernel tells the next one to
 * take a lock that its holder has died. Order: grow, bin, arena, meta. Only
 * arena.grow and meta.grow are held across calls into EAL.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_debug.h>
#include <rte_fbarray.h>
#include <rte_log.h>
#include <rte_memzone.h>
#include <rte_reciprocal.h>

#include "rte_fastmem.h"
#include "fastmem_compat.h"

/* Changes with the layout of anything in this file or in rte_fastmem_core.h. */
#define FASTMEM_LAYOUT_VERSION 1

#define FASTMEM_GRANULE ((size_t)1 << RTE_FASTMEM_GRANULE_SHIFT)

/* Slots of a slab whose bits fit into its granule descriptor. */
#define FASTMEM_INLINE_WORDS 16
#define FASTMEM_TINY_WORDS 128 /* a granule of 8-byte slots */

/* Bins for alignments above a granule: 1..8 x 128K, 1..4 x 256K, 1..2 x 512K, 1M. */
#define FASTMEM_N_OVERALIGNED 15
#define FASTMEM_BINS_PER_SOCKET (RTE_FASTMEM_N_CLASSES + FASTMEM_N_OVERALIGNED)

#define FASTMEM_MAX_META_ZONES 256
#define FASTMEM_DEPOT_SLOTS 64
#define FASTMEM_MAGAZINES_PER_BLOCK 32
#define FASTMEM_MAX_MAGAZINE_BLOCKS 8192
#define FASTMEM_RUN_LISTS 64 /* list i: runs of i + 1 granules; the last: longer too */

/* The owner id of whoever has no thread cache, and takes magazines to empty them. */
#define FASTMEM_OWNER_OTHER 0xffffffu

struct fastmem_tcache;

/* Magazine capacities: large objects need few places, and many bins are large. */
enum fastmem_magazine_kind {
	FASTMEM_MAGAZINE_SMALL,
	FASTMEM_MAGAZINE_LARGE,
	FASTMEM_MAGAZINE_KINDS
};
#define FASTMEM_MAGAZINE_SMALL_CAPACITY 24
#define FASTMEM_MAGAZINE_LARGE_CAPACITY 256

/*
 * A magazine: an array of free objects of one bin. It is owned by a thread
 * cache, which alone touches it, or by a depot, or by the pool of unused ones.
 */
struct fastmem_magazine {
	uint64_t owner; /* atomic: see fastmem_depot.c */
	uint32_t id; /* never changes; from 1 on */
	uint32_t n; /* number of objects; not kept while loaded. Owner only */
	uint32_t next; /* id in the list of unused ones. Under meta.lock */
	uint32_t kind; /* never changes */
	void *objs[] __attribute__((aligned(RTE_CACHE_LINE_MIN_SIZE)));
};

/*
 * A queue of magazines: see fastmem_depot.c. All fields are atomic. Each
 * operation needs both positions, so they share a line.
 */
struct fastmem_depot {
	uint64_t head;
	uint64_t tail;
	uint64_t slots[FASTMEM_DEPOT_SLOTS];
};

enum fastmem_granule_state {
	FASTMEM_NONE, /* not fastmem's */
	FASTMEM_FREE, /* in a free run */
	FASTMEM_SLAB,
};

/*
 * What is known of a granule of 64 KiB. Free runs, slabs and chunks are
 * described by their first granule, and named by its index; 0 names nothing.
 */
struct fastmem_granule {
	/* Of each granule of a chunk. Under arena.lock; iova and chunk do not change. */
	rte_iova_t iova;
	uint32_t chunk;
	uint32_t head; /* of the slab, while in one: does not change */
	uint8_t state; /* enum fastmem_granule_state */
	uint8_t breaks; /* not contiguous in IOVA space with the granule before */

	/* Of the first granule of a free run or slab; n of a run's last one, too. */
	uint16_t bin; /* of a slab: does not change */
	uint32_t n; /* granules */
	uint32_t prev; /* run: under arena.lock. slab: list of those with a free */
	uint32_t next; /*   slot, under bin.lock */

	/* Of a slab. Under bin.lock. */
	uint32_t n_slots;
	uint32_t n_free;
	uint32_t first_word; /* no word below has a set bit */
	uint64_t *bits; /* set: free. A cached slot is not free */

	/* Of a chunk. Under arena.lock. */
	const struct rte_memzone *zone;
	uint32_t chunk_n; /* granules */
	uint32_t chunk_used; /* granules in slabs */
	uint32_t chunk_next;

	uint64_t inline_bits[FASTMEM_INLINE_WORDS];
};

#define FASTMEM_LEAF_SHIFT 8
/* Descriptors of 16 MiB of address space. */
struct fastmem_leaf {
	struct fastmem_granule granules[1 << FASTMEM_LEAF_SHIFT];
};

/* Backing memory of a socket. */
struct fastmem_arena {
	pthread_mutex_t grow; /* held while the arena grows or shrinks; may sleep */
	pthread_mutex_t lock;
	int socket_id;
	uint16_t first_bin;
	uint64_t limit; /* bytes; atomic */
	uint64_t n_reserved; /* granules that maintain must leave. Under grow */
	uint64_t n_granules; /* written under grow and lock; atomic for others to read */
	/* Under lock. */
	uint64_t n_free;
	uint64_t min_free; /* since the last maintain */
	uint64_t n_used_seen; /* at the last maintain */
	uint32_t chunks;
	uint64_t nonempty; /* bit i: runs[i] is not empty */
	uint32_t runs[FASTMEM_RUN_LISTS];
} __rte_fastmem_aligned;

/* A bin: a set of equal slots on a socket. */
struct fastmem_bin {
	/* Never change after init. */
	uint32_t slot_size;
	uint32_t slab_granules;
	uint32_t slab_slots;
	uint32_t slab_align; /* granules */
	struct rte_reciprocal slot_recip;
	uint16_t id;
	uint16_t socket; /* index of its arena */
	uint16_t magazine_size; /* most objects in a magazine */
	uint16_t first_capacity; /* of a fresh cache */
	uint16_t max_full; /* magazines in the depot */
	uint16_t magazine_kind;
	/* Set once, under lock; read with acquire. */
	struct fastmem_depot *full;
	struct fastmem_depot *empty;
	/* Under lock. */
	pthread_mutex_t lock __rte_fastmem_aligned;
	uint32_t slabs; /* those with a free slot: fullest first, roughly */
	uint32_t last_slab;
	uint32_t n_slabs;
	uint64_t n_slots; /* in these */
	uint32_t n_partial; /* in the list */
	uint32_t n_empty; /* among those: without a slot in use */
	uint64_t acquires;
	uint64_t releases;
	/* Atomic: what was done without a thread cache, and the exchanges. */
	uint64_t direct_alloc __rte_fastmem_aligned;
	uint64_t direct_free;
	uint64_t direct_nomem;
	uint64_t misfreed; /* frees counted here that freed nothing, or a slot of another bin */
	uint64_t exchanges_seen; /* depot positions at the last maintain. Atomic, a hint */
	/* Counters at the last reset. Atomic. */
	uint64_t base_alloc;
	uint64_t base_free;
	uint64_t base_nomem;
	uint64_t base_misfreed;
	uint64_t base_acquires;
	uint64_t base_releases;
} __rte_fastmem_aligned;

/*
 * What is counted for a thread and a bin beside rte_fastmem_cache. Written by
 * the owner, but for the counters at the last reset, which its caller writes.
 */
struct fastmem_counts {
	uint64_t alloc_misses;
	uint64_t free_misses;
	uint64_t nomem;
	uint64_t base_alloc;
	uint64_t base_free;
	uint64_t base_alloc_misses;
	uint64_t base_free_misses;
	uint64_t base_nomem;
};

/*
 * The caches of a thread. Once made, it stays in the list of all; a thread that
 * ends leaves it empty, with its counters, to the next with the same lcore id.
 */
struct fastmem_tcache {
	uint64_t owner; /* pid << 32 | tid, 0: unused. Atomic */
	uint32_t id; /* never changes; from 1 on */
	int32_t lcore; /* lcore id, -1: any thread without one. Never changes */
	struct fastmem_tcache *next; /* never changes */
	uint16_t socket; /* index. Owner only */
	uint32_t seq; /* odd while the owner moves magazines. Written by the owner only */
	struct fastmem_counts *counts; /* by bin; never changes */
	struct rte_fastmem_cache caches[]; /* by bin */
};

/* The memory of the bookkeeping. */
struct fastmem_meta {
	pthread_mutex_t grow;
	pthread_mutex_t lock;
	/* Under lock. */
	char *cur;
	char *end;
	uint32_t n_zones;
	uint32_t n_magazines;
	uint32_t unused[FASTMEM_MAGAZINE_KINDS]; /* lists of magazines */
	uint64_t *tiny_bits; /* list of unused bit arrays, linked by their first word */
	uint64_t bytes; /* atomic for the statistics to read */
	const struct rte_memzone *zones[FASTMEM_MAX_META_ZONES];
	/* Entries are set under lock, before a magazine of the block is known. */
	char *blocks[FASTMEM_MAX_MAGAZINE_BLOCKS];
};

/* The root of all that is shared, in memzone FASTMEM_CTL_NAME. */
#define FASTMEM_CTL_NAME "fastmem_ctl"
struct fastmem_ctl {
	uint32_t version; /* FASTMEM_LAYOUT_VERSION */
	uint32_t size_of_ctl; /* a second check of the layout */
	uint32_t ready; /* set last, with release; read with acquire */
	uint32_t n_sockets;
	uint32_t n_bins;
	uint32_t n_chunk_names; /* atomic */
	uint32_t n_tcaches; /* atomic */
	uintptr_t first_granule;
	uint64_t n_granules;
	struct rte_fbarray map; /* bins by granule, then leaves */
	struct fastmem_tcache *tcaches; /* atomic: pushed to, never popped from */
	struct fastmem_meta meta;
	struct fastmem_arena arenas[RTE_MAX_NUMA_NODES];
	struct fastmem_bin bins[];
};

/* What each process keeps for itself. */
struct fastmem_process {
	struct fastmem_ctl *ctl; /* NULL: not initialised. Read with acquire */
	const struct rte_memzone *ctl_zone;
	uint16_t *bins; /* rte_fastmem_map.bins, to write to */
	struct fastmem_leaf **leaves; /* NULL: no chunk there yet */
	struct rte_fbarray map;
	bool iova_is_va;
};
extern struct fastmem_process fastmem_process;

extern int fastmem_logtype;
#define FASTMEM_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, fastmem_logtype, "FASTMEM: " fmt "\n", ## __VA_ARGS__)

static inline uint64_t
fastmem_arena_bytes(const struct fastmem_arena *arena)
{
	return __atomic_load_n(&arena->n_granules, __ATOMIC_RELAXED) << RTE_FASTMEM_GRANULE_SHIFT;
}

static inline struct fastmem_ctl *
fastmem_ctl(void)
{
	/* Pairs with the release when init or attach is done. */
	return __atomic_load_n(&fastmem_process.ctl, __ATOMIC_ACQUIRE);
}

/* For pointers to which the granule map gave a bin: their leaf exists. */
static inline struct fastmem_granule *
fastmem_granule(uint32_t index)
{
	struct fastmem_leaf *leaf = __atomic_load_n(
		&fastmem_process.leaves[index >> FASTMEM_LEAF_SHIFT], __ATOMIC_RELAXED);

	return &leaf->granules[index & ((1 << FASTMEM_LEAF_SHIFT) - 1)];
}

static inline uint32_t
fastmem_granule_index(const void *ptr)
{
	return ((uintptr_t)ptr >> RTE_FASTMEM_GRANULE_SHIFT) - rte_fastmem_map.first;
}

static inline char *
fastmem_granule_addr(uint32_t index)
{
	return (char *)((rte_fastmem_map.first + index) << RTE_FASTMEM_GRANULE_SHIFT);
}

/* rte_fastmem.c: the shared state, in a secondary attached to if need be; NULL: none */
struct fastmem_ctl *fastmem_ctl_get(void);

/* fastmem_meta.c */
void fastmem_mutex_init(pthread_mutex_t *mutex);
void fastmem_mutex_lock(pthread_mutex_t *mutex);
void *fastmem_meta_alloc(size_t size, bool may_grow);
int fastmem_meta_stock(void);
uint64_t *fastmem_tiny_bits_get(bool may_grow);
void fastmem_tiny_bits_put(uint64_t *bits);
struct fastmem_magazine *fastmem_magazine_get(uint32_t kind, uint32_t owner, bool may_grow);
void fastmem_magazine_put(struct fastmem_magazine *m);
struct fastmem_magazine *fastmem_magazine_by_id(uint32_t id);
int fastmem_map_span(uintptr_t *first, uint64_t *n_granules);
int fastmem_map_create(struct fastmem_ctl *ctl);
int fastmem_map_attach(const struct fastmem_ctl *ctl);
void fastmem_map_detach(bool destroy);
int fastmem_map_add_leaves(uint32_t first, uint32_t n);

/* fastmem_arena.c */
void fastmem_arena_init(struct fastmem_arena *arena, int socket_id);
uint32_t fastmem_run_alloc(struct fastmem_arena *arena, uint32_t n, uint32_t align);
void fastmem_run_free(struct fastmem_arena *arena, uint32_t head);
uint32_t fastmem_arena_grow(struct fastmem_arena *arena, uint32_t n, uint32_t align);
int fastmem_arena_reserve(struct fastmem_arena *arena, uint64_t bytes);
int fastmem_arena_grow_by(struct fastmem_arena *arena, uint64_t n);
size_t fastmem_arena_trim(struct fastmem_arena *arena, size_t keep_bytes, bool reserved_too);
void fastmem_arena_destroy(struct fastmem_arena *arena);

/* fastmem_slab.c */
void fastmem_bin_init(struct fastmem_bin *bin, uint16_t id, uint16_t socket,
		uint32_t slot_size, uint32_t slab_align);
unsigned int fastmem_slab_alloc(struct fastmem_bin *bin, void **objs, unsigned int n);
int fastmem_slab_acquire(struct fastmem_bin *bin, unsigned int flags);
void fastmem_slab_free(struct fastmem_bin *from, void *const *objs, unsigned int n);
void fastmem_slab_release_empty(struct fastmem_bin *bin);

/* fastmem_depot.c */
void fastmem_depot_init(struct fastmem_depot *depot);
bool fastmem_depot_put(struct fastmem_depot *depot, struct fastmem_magazine *m,
		uint32_t owner, uint32_t limit);
struct fastmem_magazine *fastmem_depot_take(struct fastmem_depot *depot, uint32_t owner);
unsigned int fastmem_depot_count(const struct fastmem_depot *depot);

static inline uint64_t
fastmem_magazine_owner(uint64_t tag, uint32_t owner)
{
	return tag << 24 | owner;
}

/* fastmem_cache.c */
struct fastmem_tcache *fastmem_tcache_self(bool may_grow);
void *fastmem_cache_alloc(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int flags);
void fastmem_cache_free(struct fastmem_tcache *t, struct fastmem_bin *bin, void *ptr);
bool fastmem_cache_alloc_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin, void **ptrs,
		unsigned int n, unsigned int flags);
void fastmem_cache_free_bulk(struct fastmem_tcache *t, struct fastmem_bin *bin,
		void *const *ptrs, unsigned int n);
void fastmem_cache_nomem(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int n);
void fastmem_tcache_flush(struct fastmem_tcache *t);
void fastmem_depots_drain(struct fastmem_arena *arena);
void fastmem_depots_drain_idle(struct fastmem_arena *arena);
void fastmem_threads_forget(void);
void fastmem_threads_leave(void);

#endif /* FASTMEM_PRIVATE_H */
