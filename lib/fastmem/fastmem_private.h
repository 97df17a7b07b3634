/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PRIVATE_H
#define FASTMEM_PRIVATE_H

/*
 * What the files of fastmem share. Which layer each is of, what may call what, and what does so
 * although it should not: lib/layers.
 *
 *   fastmem_init.c           the begin and the end, and how a secondary attaches
 *   process/process_fork.c   children of fork(), and which of them goes on
 *   process/process_unload.c   a plug-in that has the library is closed
 *   process/process_cleanup.c  EAL ends before fastmem
 *   fastmem_alloc.c          the interface: arguments, sockets, fallback
 *   fastmem_realloc.c        objects that change their size
 *   fastmem_control.c        memory that is reserved, limited, given back
 *   fastmem_class.c          size classes: sizes to bins
 *   pool/pool.c              typed pools: bins that users make
 *   pool/pool_get.c          a pool's objects, when a cache has none or no room
 *   pool/pool_grow.c         slabs of pools come and go
 *   pool/pool_iter.c         reads all of a pool: iterators, figures
 *   pool/pool_defer.c        objects of pools that wait for a grace period
 *   pool/pool_steal.c        objects of pools in other threads' caches
 *   fastmem_thread.c         which thread has which caches: their begin and end
 *   fastmem_cache.c          thread caches: magazines are loaded, swapped, given back
 *   fastmem_reclaim.c        memory is short: what depots and others' caches hold
 *   fastmem_depot.c          per bin: queues of full and of empty magazines, lock-free
 *   fastmem_drain.c          per arena: whether depots, spare magazines, empty slabs hold anything
 *   fastmem_failure.h        what a thread has tried to allocate in vain
 *   fastmem_slab.c           per bin: slabs, whose free slots are bits outside of them
 *   fastmem_bin.c            per bin: lists and counts of slabs, and their repair
 *   pool/pool_external.c     the same for objects whose memory is not fastmem's
 *   fastmem_arena.c          per socket: chunks (memzones), growth
 *   fastmem_run.c            runs of granules in chunks
 *   fastmem_refusal.c        what EAL or the limit has refused
 *   fastmem_magazine.c       where magazines come from
 *   fastmem_map.c            an address to its bin and slab
 *   fastmem_meta.c           the memory of all of the above
 *   fastmem_eal.c            memzones
 *   fastmem_debug_api.c      the functions of rte_fastmem_debug.h
 *   fastmem_hooks.c          whether this process checks
 *   fastmem_tools.c          which sanitizers and checkers it runs under
 *   fastmem_state.c          what this process knows of fastmem
 *   fastmem_mutex.c          robust mutexes
 *   fastmem_log.c            lines that wait until no lock is held
 *   fastmem_parse.c          sizes and words of environment variables
 *   fastmem_export.c         inline functions, for those who cannot include them
 *   fastmem_lock.c           checks the order of locks, in builds with assertions
 *   process/process_mp.c     what a secondary process asks of the primary: growth
 *   process/process.c        which processes there are, and what dead ones leave behind
 *   process/process_alive.c  which of them live
 *   fastmem_stats.c          reads all of the above, for the statistics and the dump
 *   fastmem_kept.c           the same: what keeps memory
 *   fastmem_telemetry.c      the same: for DPDK's telemetry
 *   fastmem_verify.c         reads all of the above, for tests
 *
 * Checking is in lib/fastmem_debug, of which fastmem_debug.h tells: it plugs into the hooks of
 * fastmem_hooks.h, where objects and slabs come and go. Drop-in names are in lib/fastmem_replace.
 *
 * All structures here lie in shared memory, at the same address in each
 * process, and are never unmapped before deinit: a pointer to one never
 * dangles, it may only be stale.
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

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <rte_atomic.h>
#include <rte_debug.h>
#include <rte_log.h>
#include <rte_memzone.h>
#include <rte_reciprocal.h>

#ifndef RTE_FASTMEM_INLINE
#define RTE_FASTMEM_INLINE /* the functions themselves, not what analysers are told */
#endif
#include "rte_fastmem.h"
#include "rte_fastmem_pool.h"
#include "fastmem_cancel.h"
#include "fastmem_compat.h"
#include "fastmem_lock.h"

/*
 * Changes with the layout of anything that processes share: in this file, rte_fastmem_core.h,
 * fastmem_debug.h, fastmem_stack.h and fastmem_stack_private.h, and in messages; with how it is
 * found; and with struct fastmem_hooks, by which two libraries of different builds are told apart.
 */
#define FASTMEM_LAYOUT_VERSION 13

#define FASTMEM_GRANULE ((size_t)1 << RTE_FASTMEM_GRANULE_SHIFT)

/* Flag of allocations, beside the public ones: EAL is not asked for memory for objects. */
#define FASTMEM_F_NO_CHUNK UINT32_C(0x80000000)

/* Slots of a slab whose bits fit into its granule descriptor. */
#define FASTMEM_INLINE_WORDS 16
#define FASTMEM_TINY_WORDS 128 /* a granule of 8-byte slots */

/* Bins for alignments above a granule: 1..8 x 128K, 1..4 x 256K, 1..2 x 512K, 1M. */
#define FASTMEM_N_OVERALIGNED 15
/* Bins for sampled objects, of no thread's caches: 256 bytes to 1 MiB, by factors of 4. */
#define FASTMEM_N_SAMPLED 7
#define FASTMEM_FIRST_SAMPLED (RTE_FASTMEM_N_CLASSES + FASTMEM_N_OVERALIGNED)
#define FASTMEM_BINS_PER_SOCKET (FASTMEM_FIRST_SAMPLED + FASTMEM_N_SAMPLED)
#define FASTMEM_OPEN_WORDS ((FASTMEM_BINS_PER_SOCKET + 63) / 64)
#define FASTMEM_FAILURES 4 /* sizes that a thread knows to be exhausted */

#define FASTMEM_MAX_META_ZONES 256
#define FASTMEM_DEPOT_SLOTS 64
#define FASTMEM_MAGAZINES_PER_BLOCK 16 /* 33 KiB at most */
#define FASTMEM_MAX_MAGAZINE_BLOCKS 8192
#define FASTMEM_RUN_LISTS 64 /* list i: runs of i + 1 granules; the last: longer too */

#define FASTMEM_MAX_PEERS 64 /* processes */
/* The granule map's place in the file of process_alive.c: on a page of any size. */
#define FASTMEM_MAP_OFFSET (64 << 10)

/* rte_fastmem_map.first without a map: no address has an index that is in range. */
#define FASTMEM_NO_MAP (UINTPTR_MAX / 2)

/* Bytes of that file which are locked and never written: see process_alive.c. */
#define FASTMEM_LOCKS 4096
#define FASTMEM_GATE (FASTMEM_LOCKS + FASTMEM_MAX_PEERS)

/* Below a tag: of the owner's id in a magazine's word, and of the magazine's in a depot's slot. */
#define FASTMEM_OWNER_BITS 24
#define FASTMEM_OWNER_MASK ((UINT32_C(1) << FASTMEM_OWNER_BITS) - 1)

/* Owner ids of magazines, beside those of thread caches. */
#define FASTMEM_OWNER_DEPOT 0u
#define FASTMEM_OWNER_UNUSED FASTMEM_OWNER_MASK
/* Plus the number of a process: its threads that have no thread cache. */
#define FASTMEM_OWNER_PEER 0xff0000u

struct fastmem_debug;
struct fastmem_layout;
struct fastmem_record;
struct fastmem_stacks;
struct fastmem_tcache;

/* Magazine capacities: large objects need few places, and many bins are large. */
enum fastmem_magazine_kind {
	FASTMEM_MAGAZINE_SMALL,
	FASTMEM_MAGAZINE_LARGE,
	FASTMEM_MAGAZINE_KINDS
};
#define FASTMEM_MAGAZINE_SMALL_CAPACITY 24
#define FASTMEM_MAGAZINE_LARGE_CAPACITY 256

static inline unsigned int
fastmem_magazine_capacity(unsigned int kind)
{
	return kind == FASTMEM_MAGAZINE_SMALL ? FASTMEM_MAGAZINE_SMALL_CAPACITY :
			FASTMEM_MAGAZINE_LARGE_CAPACITY;
}

/*
 * A magazine: an array of free objects of one bin. It is owned by a thread
 * cache, which alone touches it, or by a depot, or by the pool of unused ones.
 */
struct fastmem_magazine {
	uint64_t owner; /* atomic: see fastmem_depot.c */
	uint32_t id; /* never changes; from 1 on */
	/*
	 * Objects in it. 0 while it is loaded, but for the moment that it is filled
	 * from slabs; then top tells. So the larger of both is always true.
	 */
	uint32_t n; /* owner only */
	uint32_t next; /* id in the list of unused ones. Under meta.lock */
	uint16_t kind; /* never changes */
	uint16_t bin; /* while not unused. Atomic: others look for those of a bin */
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
	FASTMEM_TAKEN, /* a process is about to make a slab of it, or to give it back */
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
	/*
	 * Of the slab, while in one: does not change. Stored atomically, for those who look
	 * without a lock: see fastmem_is_slab_head().
	 */
	uint32_t head;
	/*
	 * Atomic: between TAKEN and SLAB it changes under bin.lock alone, and whoever
	 * has arena.lock only wants to know whether it is FREE.
	 */
	uint8_t state; /* enum fastmem_granule_state */
	uint8_t taker; /* number of the process; written before state becomes TAKEN */
	uint8_t breaks; /* not contiguous in IOVA space with the granule before */
	uint8_t chunk_short; /* of a chunk: its zone is smaller than it should be. Does not change */

	/* Of the first granule of a free run or slab; n of a run's last one, too. */
	uint16_t bin; /* of a slab: does not change */
	uint32_t n; /* granules */
	uint32_t prev; /* run: under arena.lock. slab: list of those with a free */
	uint32_t next; /*   slot, under bin.lock */

	/* Of a slab. Under bin.lock. */
	uint32_t n_slots;
	uint32_t n_free;
	uint32_t first_word; /* no word below has a set bit */
	uint32_t first_index; /* of a pool: the number of its first object */
	uint32_t limbo; /* of a pool: whether it leaves when the grace period is over */
	uint64_t token; /* which one; under pool.grow */
#define FASTMEM_NO_TOKEN UINT64_MAX /* it has not begun */
	uint32_t pool_next; /* of a pool: list of all its slabs */
	uint64_t *bits; /* set: free. A cached slot is not free */
	uint64_t *tiny_bits; /* for tiny slots; once made, it stays with the granule */
	struct fastmem_record *records; /* by slot: see fastmem_debug.h; NULL: nothing is checked */

	/* Of a chunk. Under arena.lock. */
	const struct rte_memzone *zone;
	uint32_t chunk_n; /* granules; more of the zone may be held back. Written under grow, too */
	uint32_t chunk_used; /* granules in slabs */
	uint32_t chunk_next;

	uint64_t inline_bits[FASTMEM_INLINE_WORDS];
};

#define FASTMEM_LEAF_SHIFT 8
/* Descriptors of 16 MiB of address space. */
struct fastmem_leaf {
	struct fastmem_granule granules[1 << FASTMEM_LEAF_SHIFT];
};

/* What EAL has refused: see fastmem_refusal.c. All atomic. */
struct fastmem_refusal {
	uint64_t n; /* granules or bytes; 0: nothing */
	uint64_t until; /* cycles of EAL's timer */
	uint64_t wait_us;
};

/* Backing memory of a socket. */
struct fastmem_arena {
	pthread_mutex_t grow; /* held while the arena grows or shrinks; may sleep */
	pthread_mutex_t lock;
	int socket_id;
	uint16_t first_bin;
	uint64_t limit; /* bytes; atomic */
	uint64_t n_reserved; /* granules that maintain must leave. Atomic */
	struct fastmem_refusal refusal; /* of granules */
	uint32_t drain; /* whether it is drained: see fastmem_drain.c. Atomic */
	uint32_t n_drains; /* tickets so far. Atomic */
	uint64_t n_granules; /* written under grow and lock; atomic for others to read */
	uint64_t n_growths; /* times that it became more, and less. The same */
	uint64_t n_shrinks;
	/* Under lock. */
	uint64_t n_free;
	uint64_t min_free; /* since the last maintain */
	uint64_t n_used_seen; /* at the last maintain; UINT64_MAX: there was none */
	uint64_t n_missed; /* granules of runs that were not there since then, and since it grew */
	uint32_t missed_run; /* the longest of these; 0: none */
	uint32_t missed_align; /* of that one, in granules */
	uint32_t chunks;
	uint32_t n_chunks; /* written under grow and lock; atomic for others to read */
	uint64_t nonempty; /* bit i: runs[i] is not empty */
	uint32_t runs[FASTMEM_RUN_LISTS];
	/* The run that is being taken or given; 0: none. It is free if its holder dies. */
	uint32_t moving;
	uint32_t moving_n;
	uint32_t n_given; /* times that a run was made free. Atomic: read without the lock */
} __rte_fastmem_aligned;

enum fastmem_transfer_op {
	FASTMEM_TRANSFER_NONE,
	FASTMEM_TRANSFER_CLAIM,
	FASTMEM_TRANSFER_FREE,
	FASTMEM_TRANSFER_STORE, /* between two arrays: only the counts change */
};

/*
 * A batch of objects on its way between an array in shared memory and the bits
 * of slabs: the bits are changed, then the array's count. Whoever finds that
 * the holder of bin.lock has died does both once more.
 */
struct fastmem_transfer {
	uint32_t op; /* written last, and first reset */
	uint32_t first; /* the batch is objs[first], ... */
	uint32_t n;
	uint32_t count; /* of the array, when it is done */
	uint32_t n_stored; /* the same of the bin's store */
	void **objs;
	uint32_t *n_objs;
};

/* A bin: a set of equal slots on a socket. */
struct fastmem_bin {
	/* Never change after init, or while the pool lives; slot_size is atomic. */
	uint32_t slot_size;
	uint32_t slab_granules;
	uint32_t slab_slots;
	uint32_t small_granules; /* of a size class's first slabs */
	uint32_t slab_align; /* granules */
	struct rte_reciprocal slot_recip;
	uint16_t id;
	uint16_t socket; /* index of its arena */
	uint16_t magazine_size; /* most objects in a magazine */
	uint16_t first_capacity; /* of a fresh cache */
	uint16_t max_full; /* magazines in the depot */
	uint16_t magazine_kind;
	bool sampled; /* for sampled objects: see debug_sample.c */
	uint32_t header; /* of a pool: bytes from a slot to its object */
	struct fastmem_pool *pool; /* NULL: a size class */
	/* Set once, under lock; read with acquire. */
	struct fastmem_depot *full;
	struct fastmem_depot *empty;
	/* Under lock. */
	pthread_mutex_t lock __rte_fastmem_aligned;
	uint32_t slabs; /* those with a free slot: fullest first, roughly */
	uint32_t last_slab;
	uint32_t n_slabs;
	uint32_t n_joined; /* times that a slab joined the list. Atomic: read without the lock */
	uint64_t n_granules; /* in these. Atomic: also read without the lock */
	uint64_t n_slots; /* in these. Atomic as well */
	uint64_t n_out; /* among these: in use or cached. Atomic for the statistics */
	uint32_t n_partial; /* in the list */
	uint32_t n_empty; /* among those: without a slot in use */
	uint64_t acquires;
	uint64_t releases;
	uint32_t pool_slabs; /* of a pool: list of all */
	uint32_t n_limbo; /* among them: those that wait to leave; not in n_slabs */
	uint64_t *big_bits; /* for pools in one piece. Stays with the bin */
	uint32_t big_size; /* words there */
	uint32_t big_words; /* of these, used. 0: the pool is not in one piece */
	void **spare_store; /* for pools of external objects. Stays with the bin */
	uint32_t store_size; /* room there */
	uint32_t n_stored;
	void **store; /* the same, while the pool is one of external objects; or NULL */
	struct fastmem_transfer transfer;
	void *one; /* the array of a thread without a cache */
	uint32_t n_one;
	/* What that thread counts by, and what it is to be if the object is free in the end. */
	uint64_t *one_count;
	uint64_t one_count_free;
	/* Atomic: what was done without a thread cache, the first two under lock; the exchanges. */
	uint64_t direct_alloc __rte_fastmem_aligned;
	uint64_t direct_free;
	uint64_t direct_nomem;
	uint64_t misfreed; /* frees counted here that freed nothing, or a slot of another bin */
	uint64_t exchanges_seen; /* depot positions at the last maintain. Atomic, a hint */
	/* When the last allocation in vain began, and how long that holds: see fastmem_failure.h. */
	uint64_t vain_epoch;
	uint64_t vain_until; /* cycles of EAL's timer */
	/* Counters at the last reset. Atomic. */
	uint64_t base_alloc;
	uint64_t base_free;
	uint64_t base_nomem;
	uint64_t base_misfreed;
	uint64_t base_quarantined;
	uint64_t base_acquires;
	uint64_t base_releases;
} __rte_fastmem_aligned;

enum fastmem_pool_state {
	FASTMEM_POOL_NONE,
	FASTMEM_POOL_MAKING,
	FASTMEM_POOL_LIVE,
	FASTMEM_POOL_FREEING,
};

/* A typed pool. Never changes while it lives, but for what is said. */
struct fastmem_pool {
	struct rte_fastmem_pool user; /* what its users have a pointer to */
	uint32_t state; /* enum fastmem_pool_state. Under pools_lock; atomic */
	uint32_t maker; /* number of the process that makes or frees it. Under pools_lock */
	uint32_t generation; /* of pools in this place; not 0. Under pools_lock, before MAKING; atomic */
	uint32_t creator; /* number of the process that the functions are of */
	uint32_t creator_pid;
	uint64_t creator_nonce; /* of its attachment, as numbers and pids are used again */
	char name[RTE_FASTMEM_POOL_NAMESIZE];
	uint16_t bin;
	uint32_t flags;
	size_t size; /* bytes of an object, as asked for */
	uint32_t min;
	uint32_t max; /* UINT32_MAX: none */
	uint64_t max_granules;
	rte_fastmem_pool_obj_cb ctor;
	rte_fastmem_pool_obj_cb dtor;
	rte_fastmem_pool_mem_cb mem_added;
	rte_fastmem_pool_mem_cb mem_removed;
	void *arg;
	struct rte_rcu_qsbr *qsbr;
	bool qsbr_shared; /* all processes can read it; else the creator alone */
	pthread_mutex_t grow; /* held while slabs join and leave; may sleep */
	uint32_t next_index; /* under grow */
	uint32_t looking[FASTMEM_MAX_PEERS]; /* iterators by process. Grows under grow; atomic */
	/*
	 * Held where magazines of the bin move, and where a thread takes objects out of
	 * the caches of others.
	 */
	pthread_mutex_t caches;
	/* Under caches: objects of a cache that are being taken, of which [n, total) are gone. */
	void **stolen;
	uint32_t stolen_n;
	uint32_t stolen_total; /* written last, and first reset */
} __rte_fastmem_aligned;

/*
 * What is counted for a thread and a bin beside rte_fastmem_cache. Written by
 * the owner, but for the counters at the last reset, which its caller writes.
 */
struct fastmem_counts {
	uint64_t alloc_misses;
	uint64_t free_misses;
	uint64_t nomem;
	uint64_t sampled_at; /* objects allocated, when one was checked last: see debug_sample.c */
	uint64_t n_sampled;
	uint64_t spare_owned; /* owner word of the spare magazine when it became that */
	/* What former users of this cache have got from it, less returned. Atomic. */
	int64_t held_before;
	uint64_t base_alloc;
	uint64_t base_free;
	uint64_t base_alloc_misses;
	uint64_t base_free_misses;
	uint64_t base_nomem;
};

/* Of pools, a thread has counts in such blocks, from its first use of a pool there on. */
#define FASTMEM_COUNTS_PER_BLOCK 16

/* What a thread has tried to allocate in vain: see fastmem_failure.h. Owner only. */
struct fastmem_failure {
	uint16_t bin; /* the first of those that were tried; 0: none */
	uint16_t n_sockets;
	uint64_t epoch; /* when it began to try; 0: not known */
	uint64_t until; /* cycles of EAL's timer */
};

/*
 * The caches of a thread. Once made, it stays in the list of all; a thread that
 * ends leaves it empty, with its counters, to the next with the same lcore id.
 */
struct fastmem_tcache {
	uint64_t owner; /* number of the process + 1 << 32 | tid, 0: unused. Atomic */
	uint32_t id; /* never changes; from 1 on */
	int32_t lcore; /* lcore id, -1: any thread without one. Never changes */
	struct fastmem_tcache *next; /* never changes */
	/* Owner only. Indices of arenas: */
	uint16_t home; /* of the thread's own socket */
	uint16_t socket; /* where its fast path allocates: elsewhere while home has no memory */
	int32_t eal_socket; /* what EAL said when home was chosen */
	/* Owner only, or whoever takes it back from a dead one. Atomic for the statistics. */
	uint32_t seq; /* odd while the owner moves magazines */
	uint32_t move_bin; /* meanwhile: of this bin */
	int64_t move_live; /*   and so many of its objects are in use through this cache */
	/* Of size classes: what the loaded magazines may hold. Owner only. Atomic for maintain */
	uint64_t bytes;
	uint64_t idle_seq; /* seq at the last maintain; its upper half: swept since. Of maintain */
	uint64_t reclaim_due; /* of may_reclaim(), in allocations. Owner only */
	struct fastmem_counts *counts; /* by bin, of size classes; never changes */
	/* By pool, a block for so many; NULL: all are 0. Set once, by the owner. Atomic. */
	struct fastmem_counts *pool_counts[RTE_FASTMEM_MAX_POOLS / FASTMEM_COUNTS_PER_BLOCK];
	struct fastmem_failure failures[FASTMEM_FAILURES]; /* by bin, modulo */
	/*
	 * So many words by arena: bit i: its i-th bin may have magazines here. All that have are
	 * among them. Owner only: what is set for a former one does no harm. Never changes itself.
	 */
	uint64_t *open;
	struct rte_fastmem_cache caches[]; /* by bin */
};

/* The memory of the bookkeeping. */
struct fastmem_meta {
	pthread_mutex_t grow;
	pthread_mutex_t lock;
	struct fastmem_refusal refusal; /* of bytes */
	/* Under lock. */
	char *cur;
	char *end;
	uint32_t n_zones;
	uint32_t n_magazines;
	uint32_t unused[FASTMEM_MAGAZINE_KINDS]; /* lists of magazines */
	uint64_t bytes; /* atomic for the statistics to read */
	const struct rte_memzone *zones[FASTMEM_MAX_META_ZONES];
	/* Entries are set under lock, before a magazine of the block is known. */
	char *blocks[FASTMEM_MAX_MAGAZINE_BLOCKS];
	uint8_t block_kinds[FASTMEM_MAX_MAGAZINE_BLOCKS]; /* of all magazines of a block */
};

enum fastmem_peer_state {
	FASTMEM_PEER_NONE,
	FASTMEM_PEER_ATTACHED, /* whether it lives, the kernel knows: see process_alive.c */
	FASTMEM_PEER_GONE, /* nothing is left of it but pid and fastmem_held() */
};

/* A process. Under peers_lock, but for what is said to be atomic. */
struct fastmem_peer {
	uint32_t pid;
	uint32_t state; /* enum fastmem_peer_state. Atomic */
	uint32_t closed; /* it has seen the primary's deinit. Atomic */
	uint64_t start; /* of the process, as /proc/PID/stat tells */
	uint64_t pid_ns; /* where pid is known; 0: nobody can look */
	uint64_t nonce; /* which attachment: numbers and pids are used again. From 1 on */
};

/* The root of all that is shared, in memzone FASTMEM_CTL_NAME. */
#define FASTMEM_CTL_NAME "fastmem_ctl"
struct fastmem_ctl {
	uint32_t version; /* FASTMEM_LAYOUT_VERSION */
	uint32_t size_of_ctl; /* a second check of the layout */
	uint32_t ready; /* set last, with release; read with acquire */
	uint32_t n_sockets;
	uint32_t n_bins;
	uint32_t first_pool_bin; /* before it: size classes */
	uint32_t n_chunk_names; /* atomic */
	uint32_t first_socket; /* of threads that have none: as in EAL's heap. Never changes */
	uint32_t n_tcaches; /* atomic */
	/* Sum of tcache.bytes of threads that are no lcores. Atomic: maintain puts it right */
	int64_t shared_bytes;
	uint32_t serves_nobody; /* atomic: the primary ends EAL, and answers no process any more */
	uint32_t stayed; /* objects may be in larger slots than their sizes tell. Atomic */
	uintptr_t first_granule;
	uint64_t n_granules;
	struct fastmem_tcache *tcaches; /* atomic: pushed to, never popped from */
	struct fastmem_stacks *stacks; /* atomic: set once, by the first capture */
	pthread_mutex_t peers_lock;
	uint64_t n_attached; /* ever. Under peers_lock */
	struct fastmem_peer peers[FASTMEM_MAX_PEERS];
	pthread_mutex_t pools_lock;
	struct fastmem_pool pools[RTE_FASTMEM_MAX_POOLS]; /* pool i: bin first_pool_bin + i */
	struct fastmem_meta meta;
	struct fastmem_debug *debug; /* set before ready; NULL: nothing is checked */
	struct fastmem_arena arenas[RTE_MAX_NUMA_NODES];
	struct fastmem_bin bins[];
};

enum fastmem_process_state {
	FASTMEM_PROCESS_NONE,
	FASTMEM_PROCESS_OPEN,
	FASTMEM_PROCESS_CLOSED, /* by the primary's deinit, while others were attached */
	FASTMEM_PROCESS_FORGOTTEN, /* the shared state is gone, or another's: as CLOSED, for good */
	FASTMEM_PROCESS_FORKED, /* it is the parent's while that lives: see process_fork.c */
};

/*
 * Why the calling thread must not call into EAL for memory: it holds locks of EAL's, by a walk,
 * in a callback of EAL's, or as it does so already. Not 0: growth is refused with -ENOMEM.
 * Internal, as fastmem_process.
 */
extern __thread unsigned int fastmem_growth_held __attribute__((tls_model("initial-exec")));

/*
 * What each process keeps for itself. Internal, as what is marked so; the mark is for functions
 * only, as it puts them into a section of code.
 */
struct fastmem_process {
	const struct fastmem_layout *layout; /* so that it is linked in, too */
	uint32_t state; /* enum fastmem_process_state. Atomic: what calls go by */
	struct fastmem_ctl *ctl; /* valid unless state is NONE. Set first, cleared last */
	unsigned int peer; /* number of this process */
	bool init_called; /* by a secondary, which may attach without that */
	bool is_fork; /* since EAL has started: its threads are the parent's, and hear no answer */
	uint64_t nonce; /* of this attachment */
	bool is_shared; /* there is a file of process_alive.c; else no other process */
	int peers_fd; /* of that file, unless the program has closed it. Atomic */
	dev_t peers_dev; /* which file that is */
	ino_t peers_ino;
	const struct rte_memzone *ctl_zone;
	uint16_t *bins; /* rte_fastmem_map.bins, to write to */
	struct fastmem_leaf **leaves; /* NULL: no chunk there yet */
	int64_t *held; /* see fastmem_held() */
	void *map; /* bins by granule, then leaves, then held */
	size_t map_bytes;
	bool iova_is_va;
	bool can_steal; /* by membarrier(2); if not, threads have no caches of pools */
};
extern struct fastmem_process fastmem_process;

/*
 * Write a field in program order. Other threads that read it (with acquire) find
 * all that this one wrote before; whoever takes over if this process is killed
 * also finds nothing written that comes after.
 */
#define MOVE(field, value) do { \
	__atomic_store_n(&(field), value, __ATOMIC_RELEASE); \
	rte_compiler_barrier(); \
} while (0)

extern int fastmem_logtype;
#define FASTMEM_LOG(level, fmt, ...) \
	fastmem_log(RTE_LOG_ ## level, "FASTMEM: " fmt "\n", ## __VA_ARGS__)
__rte_internal
FILE *fastmem_log_stream(void);
__rte_internal
void fastmem_log(uint32_t level, const char *format, ...) __rte_format_printf(2, 3);

#define FASTMEM_LATER_BYTES 1000

/* Lines of the log that are written later. Of the calling thread only. */
struct fastmem_later {
	bool is_outer; /* not within another one, which has all lines */
	uint16_t n_bytes; /* of text: for each line its level and a string */
	uint32_t n_lost; /* lines for which there was no room */
	char text[FASTMEM_LATER_BYTES];
};

/* The outermost one; NULL: lines are written at once. Internal, as fastmem_growth_held. */
extern __thread struct fastmem_later *fastmem_log_pending
	__attribute__((tls_model("initial-exec")));
__rte_internal
void fastmem_log_write(const struct fastmem_later *later);

/* Start to keep lines back. Those that are within another call of this are left to that. */
static inline void
fastmem_log_later(struct fastmem_later *later)
{
	later->is_outer = fastmem_log_pending == NULL;
	later->n_bytes = 0;
	later->n_lost = 0;
	if (likely(later->is_outer))
		fastmem_log_pending = later;
}

static inline void
fastmem_log_now(struct fastmem_later *later)
{
	if (unlikely(!later->is_outer))
		return;
	fastmem_log_pending = NULL;
	if (unlikely(later->n_bytes != 0 || later->n_lost != 0))
		fastmem_log_write(later);
}

/*
 * To the end of a function that takes a lock: what is logged meanwhile is written then. The log's
 * stream may be the program's, take its time, and use fastmem itself.
 */
#define FASTMEM_LOG_LATER \
	struct fastmem_later log_later __attribute__((cleanup(fastmem_log_now))); \
	fastmem_log_later(&log_later)

static inline uint64_t
fastmem_arena_bytes(const struct fastmem_arena *arena)
{
	return __atomic_load_n(&arena->n_granules, __ATOMIC_RELAXED) << RTE_FASTMEM_GRANULE_SHIFT;
}

/* Whether it is known that EAL has no n units. now: cycles of EAL's timer. */
static inline bool
fastmem_refusal_holds(const struct fastmem_refusal *r, uint64_t n, uint64_t now)
{
	const uint64_t refused = __atomic_load_n(&r->n, __ATOMIC_RELAXED);

	return refused != 0 && n >= refused && now < __atomic_load_n(&r->until, __ATOMIC_RELAXED);
}

/* Within a call that has found the state to be OPEN, even if it is CLOSED meanwhile. */
static inline struct fastmem_ctl *
fastmem_ctl(void)
{
	return fastmem_process.ctl;
}

/*
 * By bin: objects that former threads of a process allocated, less those they freed. Atomic. There
 * is memory for it as soon as a process has had that number.
 */
static inline int64_t *
fastmem_held(const struct fastmem_ctl *ctl, unsigned int peer)
{
	return fastmem_process.held + (size_t)peer * ctl->n_bins;
}

static inline struct fastmem_counts *
fastmem_counts_block(const struct fastmem_tcache *t, unsigned int pool)
{
	/* Pairs with the release in fastmem_counts_make(). */
	return __atomic_load_n(&t->pool_counts[pool / FASTMEM_COUNTS_PER_BLOCK], __ATOMIC_ACQUIRE);
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

static inline enum fastmem_process_state
fastmem_process_state(void)
{
	/* Pairs with the release in fastmem_set_process_state(). */
	return __atomic_load_n(&fastmem_process.state, __ATOMIC_ACQUIRE);
}

static inline void
fastmem_set_process_state(enum fastmem_process_state state)
{
	/* Pairs with the acquire in fastmem_process_state(). */
	__atomic_store_n(&fastmem_process.state, state, __ATOMIC_RELEASE);
}

static inline uint8_t
fastmem_state(const struct fastmem_granule *g)
{
	return __atomic_load_n(&g->state, __ATOMIC_RELAXED);
}

static inline void
fastmem_set_state(struct fastmem_granule *g, enum fastmem_granule_state state)
{
	MOVE(g->state, state);
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

/* The slab that a pointer of some bin points into. */
static inline struct fastmem_granule *
fastmem_slab_of(const void *obj)
{
	uint32_t index = fastmem_granule_index(obj);
	struct fastmem_granule *g = fastmem_granule(index);

	return g->head == index ? g : fastmem_granule(g->head);
}

/* Whether a slab begins here: without arena.lock it may come or go meanwhile. */
static inline bool
fastmem_is_slab_head(uint32_t index)
{
	const struct fastmem_granule *g = fastmem_granule(index);

	return fastmem_state(g) == FASTMEM_SLAB &&
		__atomic_load_n(&g->head, __ATOMIC_RELAXED) == index;
}

static inline char *
fastmem_granule_addr(uint32_t index)
{
	return (char *)((rte_fastmem_map.first + index) << RTE_FASTMEM_GRANULE_SHIFT);
}

/* The first place for objects in a cache. Not base, if others have forbidden to pop. */
static inline void **
fastmem_cache_objs(const struct rte_fastmem_cache *c)
{
	/* Pair with the releases in load_magazine() and, of a thief, in forbid(). */
	void **base = __atomic_load_n(&c->base, __ATOMIC_ACQUIRE);
	void **end = __atomic_load_n(&c->end, __ATOMIC_ACQUIRE);

	return RTE_MIN(base, end);
}

static inline uint32_t
fastmem_cache_len(const struct rte_fastmem_cache *c)
{
	/* Pairs with the release in RTE_FASTMEM_SET_TOP(): what is below top is there. */
	return __atomic_load_n(&c->top, __ATOMIC_ACQUIRE) - fastmem_cache_objs(c);
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

/* fastmem_init.c */
__rte_internal
struct fastmem_ctl *fastmem_ctl_attach(void); /* see fastmem_ctl_get() */
void fastmem_close_attached(void);
void fastmem_forget(void);
void fastmem_log_ignored(void);
void fastmem_forked(void);
void fastmem_end_serving(void);

struct fastmem_life {
	int cancel_state; /* as it was before */
};

/* For a thread that serves others: fastmem neither begins nor ends here between these. */
struct fastmem_life_guard {
	bool (*begin)(struct fastmem_life *life); /* false: the thread is within such a pair */
	void (*end)(const struct fastmem_life *life);
};

/* fastmem_telemetry.c */
void fastmem_telemetry_start(const struct fastmem_life_guard *life_guard);
void fastmem_end(void);

/* The shared state, in a secondary attached to if need be; NULL: none. */
static inline struct fastmem_ctl *
fastmem_ctl_get(void)
{
	return likely(fastmem_process_state() == FASTMEM_PROCESS_OPEN) ? fastmem_ctl() :
		fastmem_ctl_attach();
}

/* process_unload.c */
void fastmem_unload_watch(void);

/* process_fork.c */
void fastmem_fork_begin(void);
void fastmem_fork_end(void);
int fastmem_fork_succeed(void);
void fastmem_fork_settle(int ret);
bool fastmem_fork_wait(void);

/* fastmem_control.c */
int fastmem_maintain(bool grow);

/* fastmem_class.c */
size_t fastmem_class_size(unsigned int i);
size_t fastmem_overaligned_size(unsigned int i, size_t *align);
unsigned int fastmem_bin_class(const struct fastmem_bin *bin);
__rte_internal
int fastmem_bin_offset(size_t size, size_t align, unsigned int *offset);

/* fastmem_mutex.c */
__rte_internal
void fastmem_mutex_init(pthread_mutex_t *mutex);
__rte_internal
void fastmem_mutex_repaired(pthread_mutex_t *mutex);
__rte_internal
void fastmem_mutex_unlock(pthread_mutex_t *mutex);

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

/* fastmem_map.c */
int fastmem_map_span(uintptr_t *first, uint64_t *n_granules);
int fastmem_map_create(struct fastmem_ctl *ctl);
int fastmem_map_attach(const struct fastmem_ctl *ctl);
void fastmem_map_hide(void);
void fastmem_map_detach(void);
int fastmem_map_add_leaves(uint32_t first, uint32_t n);
int fastmem_map_add_held(const struct fastmem_ctl *ctl, unsigned int peer);

/* fastmem_refusal.c */
extern unsigned int fastmem_refusal_min_us, fastmem_refusal_max_us;
bool fastmem_refusal_is_known(const struct fastmem_refusal *r); /* for tests */
void fastmem_refusal_note(struct fastmem_refusal *r, uint64_t n);
void fastmem_refusal_end(struct fastmem_refusal *r);
void fastmem_refusals_end(struct fastmem_ctl *ctl);

/* fastmem_arena.c */
void fastmem_arena_init(struct fastmem_arena *arena, int socket_id);
void fastmem_runs_take_back(struct fastmem_arena *arena, unsigned int taker);
__rte_internal
void fastmem_arena_lock(struct fastmem_arena *arena);
int fastmem_arena_grow(struct fastmem_arena *arena, uint32_t n, uint32_t align);
bool fastmem_arena_may_grow(const struct fastmem_arena *arena, uint32_t n, uint32_t align,
		uint64_t now);
int fastmem_arena_reserve(struct fastmem_arena *arena, uint64_t bytes);
uint64_t fastmem_arena_reserved(const struct fastmem_arena *arena);
int fastmem_arena_grow_by(struct fastmem_arena *arena, uint64_t n);
size_t fastmem_arena_trim(struct fastmem_arena *arena, size_t keep_bytes, bool reserved_too);
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
void fastmem_bins_repair(struct fastmem_ctl *ctl);

/* fastmem_slab.c */
void fastmem_bin_extent(struct fastmem_bin *bin, struct fastmem_extent *out);
unsigned int fastmem_slab_alloc(struct fastmem_bin *bin, struct fastmem_magazine *m,
		unsigned int n);
void *fastmem_slab_alloc_one(struct fastmem_bin *bin, uint64_t *count);
size_t fastmem_slab_meta_bytes(const struct fastmem_bin *bin);
int fastmem_slab_acquire(struct fastmem_bin *bin, unsigned int flags);
bool fastmem_slab_may_grow(const struct fastmem_bin *bin, uint64_t now);
struct fastmem_granule *fastmem_slab_make(struct fastmem_bin *bin, unsigned int flags,
		uint32_t max_slots);
void fastmem_slab_enter(struct fastmem_bin *bin, struct fastmem_granule *slab);
struct fastmem_granule *fastmem_slab_leave(struct fastmem_bin *bin, uint32_t keep_slots);
void fastmem_slab_end(struct fastmem_bin *bin, struct fastmem_granule *slab);
unsigned int fastmem_slabs(struct fastmem_bin *bin, struct fastmem_granule ***slabs);
uint32_t fastmem_slab_slot(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const void *obj);
void fastmem_slab_free_array(struct fastmem_bin *from, void **objs, uint32_t *n_objs);
void fastmem_slab_free(struct fastmem_bin *from, struct fastmem_magazine *m);
void fastmem_slab_free_one(struct fastmem_bin *from, void *obj, uint64_t *count, int change);
void fastmem_slab_release_empty(struct fastmem_bin *bin);

/* pool_external.c: under bin.lock */
unsigned int fastmem_store_alloc(struct fastmem_bin *bin, void **objs, uint32_t *n_objs,
		unsigned int n);
unsigned int fastmem_store_free(struct fastmem_bin *bin, void **objs, uint32_t *n_objs);
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
bool fastmem_counts_make(struct fastmem_tcache *t, unsigned int bin);
struct fastmem_tcache *fastmem_tcache_current(void);
__rte_internal
struct fastmem_tcache *fastmem_tcache_self(bool may_grow);
__rte_internal
struct fastmem_tcache *fastmem_tcache_to_free(bool may_grow);
__rte_internal
void fastmem_threads_disarm(void);
__rte_internal
bool fastmem_thread_rearm(struct fastmem_tcache *t);
__rte_internal
void fastmem_thread_freed(void);
void fastmem_threads_leave(void);
void fastmem_threads_forget_forked(void);
extern int (*fastmem_socket_of_thread)(void);
extern unsigned int fastmem_absent_sockets;
uint16_t fastmem_home_socket(const struct fastmem_ctl *ctl, int eal_socket);
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
void fastmem_cache_nomem(struct fastmem_tcache *t, struct fastmem_bin *bin, unsigned int n);
void fastmem_tcache_flush(struct fastmem_tcache *t, bool to_depots);
void fastmem_tcache_close(struct fastmem_tcache *t);
bool fastmem_cache_is_moving(const struct fastmem_tcache *t, const struct fastmem_bin *bin);
void fastmem_cache_close(struct fastmem_tcache *t, const struct fastmem_bin *bin);
void fastmem_magazine_discard(struct fastmem_magazine *m);
int fastmem_bin_make_depots(struct fastmem_bin *bin, bool may_grow);
void fastmem_cache_flush(struct fastmem_tcache *t, struct fastmem_bin *bin);
void fastmem_cache_forget(struct fastmem_tcache *t, struct fastmem_bin *bin);
bool fastmem_tcache_is_open(struct fastmem_tcache *t, const struct fastmem_bin *bin);

/* fastmem_reclaim.c */
bool fastmem_bin_gather(struct fastmem_bin *bin);
bool fastmem_bin_is_large(const struct fastmem_bin *bin);
bool fastmem_reclaim_large(struct fastmem_arena *arena);
void fastmem_depots_drain(struct fastmem_arena *arena);
bool fastmem_tcache_holds(const struct fastmem_tcache *t, const struct fastmem_arena *arena);
void fastmem_depots_drain_idle(struct fastmem_arena *arena);
void fastmem_tcaches_maintain(void);

/* pool_steal.c */
void fastmem_steal_init(void);
__rte_internal
void fastmem_caches_lock(struct fastmem_bin *bin);
__rte_internal
void fastmem_caches_unlock(struct fastmem_bin *bin);
bool fastmem_steal(struct fastmem_bin *bin, const struct fastmem_tcache *self, bool *popping);

/* pool.c */
void fastmem_pools_init(struct fastmem_ctl *ctl);
void fastmem_pools_take_back(struct fastmem_ctl *ctl, unsigned int peer);
void fastmem_pools_lock(struct fastmem_ctl *ctl);
bool fastmem_pool_can_read_qsbr(const struct fastmem_pool *pool);
extern uint32_t fastmem_readers_ms; /* that a pool is not freed for; tests set it */

static inline struct fastmem_pool *
fastmem_pool(const struct rte_fastmem_pool *user)
{
	return (struct fastmem_pool *)(uintptr_t)user;
}

static inline bool
fastmem_pool_is_live(const struct fastmem_pool *pool)
{
	/* Pairs with the release in fastmem_pool_set_state(): who has the pool has seen that. */
	return __atomic_load_n(&pool->state, __ATOMIC_RELAXED) == FASTMEM_POOL_LIVE;
}

static inline struct fastmem_bin *
fastmem_pool_bin(const struct fastmem_pool *pool)
{
	return &fastmem_ctl()->bins[pool->bin];
}

/* pool_grow.c */
void fastmem_pool_look_begin(struct fastmem_pool *pool);
void fastmem_pool_look_end(struct fastmem_pool *pool);
size_t fastmem_pools_shrink(struct fastmem_ctl *ctl, int socket_id,
		const struct fastmem_pool *growing);
int fastmem_pool_grow(struct fastmem_pool *pool, uint32_t generation, uint32_t n);

/* pool_defer.c */
unsigned int fastmem_defer_count(const struct fastmem_pool *pool);
void fastmem_defer_end(struct fastmem_pool *pool);
void fastmem_defer_end_all(void);
void fastmem_defer_forked(void);

/* fastmem_stats.c */
__rte_internal
void fastmem_bin_read(const struct fastmem_ctl *ctl, unsigned int bin,
		struct fastmem_bin_figures *out);
bool fastmem_socket_read(int socket_id, struct fastmem_socket_figures *out);
int64_t fastmem_cache_in_use(const struct fastmem_tcache *t, unsigned int bin);
uint64_t fastmem_cache_objects(const struct fastmem_tcache *t, unsigned int bin);

/* process_mp.c: 0 or a negative errno */
int fastmem_mp_start(void);
void fastmem_mp_stop(void);
void fastmem_mp_refuse(void);
void fastmem_mp_await_callbacks(void);
void fastmem_mp_forked(void);
void fastmem_mp_close(struct fastmem_ctl *ctl);
void fastmem_close_here(struct fastmem_ctl *ctl);
bool fastmem_may_call_eal(void);
int fastmem_mp_grow(unsigned int socket, uint32_t n, uint32_t align);
int fastmem_mp_reserve(unsigned int socket, uint64_t bytes);
int fastmem_mp_grow_by(unsigned int socket, uint64_t n);
size_t fastmem_mp_trim(unsigned int socket, size_t keep_bytes, bool reserved_too);
int fastmem_mp_meta_grow(size_t size);
int fastmem_mp_share(void);
int fastmem_mp_pool_grow(unsigned int pool, uint32_t generation, uint32_t n);
unsigned int fastmem_mp_pending(void); /* for tests */
extern unsigned int fastmem_mp_ask_seconds;

/* process.c */
int fastmem_peers_create(struct fastmem_ctl *ctl);
int fastmem_peers_join(struct fastmem_ctl *ctl);
void fastmem_peers_leave(struct fastmem_ctl *ctl);
int fastmem_peers_succeed(struct fastmem_ctl *ctl);
void fastmem_peers_take_back(struct fastmem_ctl *ctl);
void fastmem_peers_lock(struct fastmem_ctl *ctl);
void fastmem_peer_count_held(struct fastmem_ctl *ctl, struct fastmem_tcache *t, unsigned int peer);

/* process_alive.c */
int fastmem_alive_create(struct fastmem_ctl *ctl);
int fastmem_alive_shut(void);
void fastmem_alive_remove(void);
struct fastmem_ctl *fastmem_alive_enter(void);
int fastmem_alive_take(unsigned int i);
void fastmem_alive_entered(void);
void fastmem_alive_leave(void);
void fastmem_alive_fork_begins(void);
void fastmem_alive_fork_ends(void);
void fastmem_alive_forked(void);
int fastmem_alive_succeed(void);
bool fastmem_alive_pid(const struct fastmem_peer *process);
void fastmem_alive_describe(struct fastmem_peer *peer);
bool fastmem_alive_others(void);
int fastmem_alive_fd(void);
bool fastmem_peer_alive(unsigned int i);

#endif /* FASTMEM_PRIVATE_H */
