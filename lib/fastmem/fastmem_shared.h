/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_SHARED_H
#define FASTMEM_SHARED_H

/*
 * The structures in shared memory, from the bottom up. Comments say who writes which fields: their
 * owner alone, whoever has a lock, or nobody after init. What is RTE_ATOMIC() is read by others
 * meanwhile, or by whoever takes over; if no comment tells, any thread writes it.
 *
 * They lie at the same address in each process, and are never unmapped before deinit: a pointer
 * to one never dangles, it may only be stale.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_atomic.h>
#include <rte_memzone.h>
#include <rte_reciprocal.h>

#ifndef RTE_FASTMEM_INLINE
#define RTE_FASTMEM_INLINE /* the functions themselves, not what analysers are told */
#endif
#include "rte_fastmem.h"
#include "rte_fastmem_pool.h"
#include "fastmem_compat.h"

/*
 * Write a field in program order. Other threads that read it (with acquire) find
 * all that this one wrote before; whoever takes over if this process is killed
 * also finds nothing written that comes after.
 */
#define FASTMEM_MOVE(field, value) do { \
	rte_atomic_store_explicit(&(field), value, rte_memory_order_release); \
	rte_compiler_barrier(); \
} while (0)

/*
 * Changes with the layout of anything that processes share: in this file, rte_fastmem_core.h,
 * rte_fastmem_cache.h, rte_fastmem_pool.h, fastmem_debug.h, fastmem_stack.h and
 * fastmem_stack_private.h, and in messages (struct fastmem_ask, fastmem_process.h); with how it is
 * found; and with struct fastmem_hooks, by which two libraries of different builds are told apart.
 * Test "layout" compares structures with app/test/layout.txt, which check_layout.py --record writes.
 */
#define FASTMEM_LAYOUT_VERSION 14

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
	RTE_ATOMIC(uint64_t) owner; /* see fastmem_depot.c */
	uint32_t id; /* never changes; from 1 on */
	/*
	 * Objects in it. 0 while it is loaded, but for the moment that it is filled
	 * from slabs; then top tells. So the larger of both is always true.
	 */
	RTE_ATOMIC(uint32_t) n; /* owner only */
	uint32_t next; /* id in the list of unused ones. Under meta.lock */
	uint16_t kind; /* never changes */
	RTE_ATOMIC(uint16_t) bin; /* while not unused. Others look for those of a bin */
	void *objs[] __rte_aligned(RTE_CACHE_LINE_MIN_SIZE);
};

/*
 * A queue of magazines: see fastmem_depot.c. Each operation needs both positions, so they share a
 * line.
 */
struct fastmem_depot {
	RTE_ATOMIC(uint64_t) head;
	RTE_ATOMIC(uint64_t) tail;
	RTE_ATOMIC(uint64_t) slots[FASTMEM_DEPOT_SLOTS];
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
	 * Of the slab, while in one: does not change. For those who look without a lock: see
	 * fastmem_is_slab_head().
	 */
	RTE_ATOMIC(uint32_t) head;
	/*
	 * Between TAKEN and SLAB it changes under bin.lock alone, and whoever has arena.lock only
	 * wants to know whether it is FREE.
	 */
	RTE_ATOMIC(uint8_t) state; /* enum fastmem_granule_state */
	uint8_t taker; /* number of the process; written before state becomes TAKEN */
	uint8_t breaks; /* not contiguous in IOVA space with the granule before */
	uint8_t chunk_short; /* of a chunk: its zone is smaller than it should be. Does not change */

	/* Of the first granule of a free run or slab; n of a run's last one, too. */
	uint16_t bin; /* of a slab: does not change */
	uint32_t n; /* granules */
	uint32_t prev; /* run: under arena.lock. slab: list of those with a free */
	uint32_t next; /*   slot, under bin.lock */

	/* Of a slab. Under bin.lock. */
	RTE_ATOMIC(uint32_t) n_slots;
	uint32_t n_free;
	uint32_t first_word; /* no word below has a set bit */
	uint32_t first_index; /* of a pool: the number of its first object */
	RTE_ATOMIC(uint32_t) limbo; /* of a pool: whether it leaves when the grace period is over */
	uint64_t token; /* of RCU, for that grace period; under pool.grow */
#define FASTMEM_NO_TOKEN UINT64_MAX /* the period has not begun */
	uint32_t pool_next; /* of a pool: list of all its slabs */
	uint64_t *bits; /* set: free. A cached slot is not free */
	uint64_t *tiny_bits; /* for tiny slots; once made, it stays with the granule */
	/* By slot: see fastmem_debug.h; NULL: nothing is checked. */
	RTE_ATOMIC(struct fastmem_record *) records;

	/* Of a chunk. Under arena.lock. */
	const struct rte_memzone *zone;
	/* Granules; more of the zone may be held back. Written under grow, too. */
	RTE_ATOMIC(uint32_t) chunk_n;
	uint32_t chunk_used; /* granules in slabs */
	RTE_ATOMIC(uint32_t) chunk_next;

	uint64_t inline_bits[FASTMEM_INLINE_WORDS];
};

#define FASTMEM_LEAF_SHIFT 8
/* Descriptors of 16 MiB of address space. */
struct fastmem_leaf {
	struct fastmem_granule granules[1 << FASTMEM_LEAF_SHIFT];
};

/* What EAL has refused: see fastmem_refusal.c. */
struct fastmem_refusal {
	RTE_ATOMIC(uint64_t) n; /* granules or bytes; 0: nothing */
	RTE_ATOMIC(uint64_t) until; /* cycles of EAL's timer */
	RTE_ATOMIC(uint64_t) wait_us;
};

/* Backing memory of a socket. */
struct fastmem_arena {
	pthread_mutex_t grow; /* held while the arena grows or shrinks; may sleep */
	pthread_mutex_t lock;
	int socket_id;
	uint16_t first_bin;
	RTE_ATOMIC(uint64_t) limit; /* bytes */
	RTE_ATOMIC(uint64_t) n_reserved; /* granules that maintain must leave */
	struct fastmem_refusal refusal; /* of granules */
	RTE_ATOMIC(uint32_t) drain; /* whether it is drained: see fastmem_drain.c */
	RTE_ATOMIC(uint32_t) n_drains; /* tickets so far */
	RTE_ATOMIC(uint64_t) n_granules; /* written under grow and lock */
	RTE_ATOMIC(uint64_t) n_growths; /* times that it became more, and less. The same */
	RTE_ATOMIC(uint64_t) n_shrinks;
	/* Under lock. */
	uint64_t n_free;
	uint64_t min_free; /* since the last maintain */
	uint64_t n_used_seen; /* at the last maintain; UINT64_MAX: there was none */
	uint64_t n_missed; /* granules of runs that were not there since then, and since it grew */
	uint32_t missed_run; /* the longest of these; 0: none */
	uint32_t missed_align; /* of that one, in granules */
	RTE_ATOMIC(uint32_t) chunks;
	RTE_ATOMIC(uint32_t) n_chunks; /* written under grow and lock */
	uint64_t nonempty; /* bit i: runs[i] is not empty */
	uint32_t runs[FASTMEM_RUN_LISTS];
	/* The run that is being taken or given; 0: none. It is free if its holder dies. */
	RTE_ATOMIC(uint32_t) moving;
	uint32_t moving_n;
	RTE_ATOMIC(uint32_t) n_given; /* times that a run was made free */
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
	RTE_ATOMIC(uint32_t) op; /* written last, and first reset */
	uint32_t first; /* the batch is objs[first], ... */
	uint32_t n;
	uint32_t count; /* of the array, when it is done */
	uint32_t n_stored; /* the same of the bin's store */
	void **objs;
	RTE_ATOMIC(uint32_t) *n_objs;
};

/* A bin: a set of equal slots on a socket. */
struct fastmem_bin {
	/* Never change after init, or while the pool lives. */
	RTE_ATOMIC(uint32_t) slot_size;
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
	RTE_ATOMIC(struct fastmem_pool *) pool; /* NULL: a size class */
	/* Set once, under lock; read with acquire. */
	RTE_ATOMIC(struct fastmem_depot *) full;
	RTE_ATOMIC(struct fastmem_depot *) empty;
	/* Under lock. */
	pthread_mutex_t lock __rte_fastmem_aligned;
	uint32_t slabs; /* those with a free slot: fullest first, roughly */
	uint32_t last_slab;
	uint32_t n_slabs;
	RTE_ATOMIC(uint32_t) n_joined; /* times that a slab joined the list */
	RTE_ATOMIC(uint64_t) n_granules; /* in these */
	RTE_ATOMIC(uint64_t) n_slots; /* in these */
	RTE_ATOMIC(uint64_t) n_out; /* among these: in use or cached */
	uint32_t n_partial; /* in the list */
	RTE_ATOMIC(uint32_t) n_empty; /* among those: without a slot in use */
	uint64_t acquires;
	uint64_t releases;
	uint32_t pool_slabs; /* of a pool: list of all */
	uint32_t n_limbo; /* among them: those that wait to leave; not in n_slabs */
	uint64_t *big_bits; /* for pools in one piece. Stays with the bin */
	uint32_t big_size; /* words there */
	uint32_t big_words; /* of these, used. 0: the pool is not in one piece */
	void **spare_store; /* for pools of external objects. Stays with the bin */
	uint32_t store_size; /* room there */
	RTE_ATOMIC(uint32_t) n_stored;
	RTE_ATOMIC(void **) store; /* the same, while the pool is one of such objects; or NULL */
	struct fastmem_transfer transfer;
	void *one; /* the array of a thread without a cache */
	RTE_ATOMIC(uint32_t) n_one;
	/* What that thread counts by, and what it is to be if the object is free in the end. */
	RTE_ATOMIC(uint64_t) *one_count;
	uint64_t one_count_free;
	/* What was done without a thread cache, the first two under lock; the exchanges. */
	RTE_ATOMIC(uint64_t) direct_alloc __rte_fastmem_aligned;
	RTE_ATOMIC(uint64_t) direct_free;
	RTE_ATOMIC(uint64_t) direct_nomem;
	/* Frees counted here that freed nothing, or a slot of another bin. */
	RTE_ATOMIC(uint64_t) misfreed;
	RTE_ATOMIC(uint64_t) exchanges_seen; /* depot positions at the last maintain. A hint */
	/* When the last allocation in vain began, and how long that holds: see fastmem_failure.h. */
	RTE_ATOMIC(uint64_t) vain_epoch;
	RTE_ATOMIC(uint64_t) vain_until; /* cycles of EAL's timer */
	/* Counters at the last reset. */
	RTE_ATOMIC(uint64_t) base_alloc;
	RTE_ATOMIC(uint64_t) base_free;
	RTE_ATOMIC(uint64_t) base_nomem;
	RTE_ATOMIC(uint64_t) base_misfreed;
	RTE_ATOMIC(uint64_t) base_quarantined;
	RTE_ATOMIC(uint64_t) base_acquires;
	RTE_ATOMIC(uint64_t) base_releases;
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
	RTE_ATOMIC(uint32_t) state; /* enum fastmem_pool_state. Under pools_lock */
	uint32_t maker; /* number of the process that makes or frees it. Under pools_lock */
	/* Of pools in this place; not 0. Under pools_lock, before MAKING. */
	RTE_ATOMIC(uint32_t) generation;
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
	/* Iterators by process. Grows under grow. */
	RTE_ATOMIC(uint32_t) looking[FASTMEM_MAX_PEERS];
	/*
	 * Held where magazines of the bin move, and where a thread takes objects out of
	 * the caches of others.
	 */
	pthread_mutex_t caches;
	/* Under caches: objects of a cache that are being taken, of which [n, total) are gone. */
	void **stolen;
	RTE_ATOMIC(uint32_t) stolen_n;
	RTE_ATOMIC(uint32_t) stolen_total; /* written last, and first reset */
} __rte_fastmem_aligned;

/*
 * What is counted for a thread and a bin beside rte_fastmem_cache. Written by
 * the owner, but for the counters at the last reset, which its caller writes.
 */
struct fastmem_counts {
	RTE_ATOMIC(uint64_t) alloc_misses;
	RTE_ATOMIC(uint64_t) free_misses;
	RTE_ATOMIC(uint64_t) nomem;
	/* Objects allocated, when one was checked last: see debug_sample.c. */
	RTE_ATOMIC(uint64_t) sampled_at;
	RTE_ATOMIC(uint64_t) n_sampled;
	RTE_ATOMIC(uint64_t) spare_owned; /* owner word of the spare magazine when it became that */
	/* What former users of this cache have got from it, less returned. */
	RTE_ATOMIC(int64_t) held_before;
	RTE_ATOMIC(uint64_t) base_alloc;
	RTE_ATOMIC(uint64_t) base_free;
	RTE_ATOMIC(uint64_t) base_alloc_misses;
	RTE_ATOMIC(uint64_t) base_free_misses;
	RTE_ATOMIC(uint64_t) base_nomem;
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
	RTE_ATOMIC(uint64_t) owner; /* number of the process + 1 << 32 | tid, 0: unused */
	uint32_t id; /* never changes; from 1 on */
	int32_t lcore; /* lcore id, -1: any thread without one. Never changes */
	struct fastmem_tcache *next; /* never changes */
	/* Owner only. Indices of arenas: */
	uint16_t home; /* of the thread's own socket */
	uint16_t socket; /* where its fast path allocates: elsewhere while home has no memory */
	int32_t eal_socket; /* what EAL said when home was chosen */
	/* Owner only, or whoever takes it back from a dead one. The statistics read it. */
	RTE_ATOMIC(uint32_t) seq; /* odd while the owner moves magazines */
	RTE_ATOMIC(uint32_t) move_bin; /* meanwhile: of this bin, and so many of */
	RTE_ATOMIC(int64_t) move_live; /*   its objects are in use through this cache */
	/* Of size classes: what the loaded magazines may hold. Owner only; maintain reads it. */
	RTE_ATOMIC(uint64_t) bytes;
	/* seq at the last maintain; its upper half: swept since. Of maintain. */
	RTE_ATOMIC(uint64_t) idle_seq;
	uint64_t reclaim_due; /* of may_reclaim(), in allocations. Owner only */
	struct fastmem_counts *counts; /* by bin, of size classes; never changes */
	/* By pool, a block for so many; NULL: all are 0. Set once, by the owner. */
	RTE_ATOMIC(struct fastmem_counts *)
		pool_counts[RTE_FASTMEM_MAX_POOLS / FASTMEM_COUNTS_PER_BLOCK];
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
	RTE_ATOMIC(char *) cur;
	RTE_ATOMIC(char *) end;
	RTE_ATOMIC(uint32_t) n_zones;
	RTE_ATOMIC(uint32_t) n_magazines; /* others go through all without the lock */
	RTE_ATOMIC(uint32_t) unused[FASTMEM_MAGAZINE_KINDS]; /* lists of magazines */
	RTE_ATOMIC(uint64_t) bytes; /* for the statistics */
	const struct rte_memzone *zones[FASTMEM_MAX_META_ZONES];
	/* Entries are set under lock, before a magazine of the block is known. */
	RTE_ATOMIC(char *) blocks[FASTMEM_MAX_MAGAZINE_BLOCKS];
	RTE_ATOMIC(uint8_t) block_kinds[FASTMEM_MAX_MAGAZINE_BLOCKS]; /* of all in a block */
};

enum fastmem_peer_state {
	FASTMEM_PEER_NONE,
	FASTMEM_PEER_ATTACHED, /* whether it lives, the kernel knows: see process_alive.c */
	FASTMEM_PEER_GONE, /* nothing is left of it but pid and fastmem_held() */
};

/* A process. Written under peers_lock, but for closed. */
struct fastmem_peer {
	uint32_t pid; /* also read without the lock, to be shown */
	RTE_ATOMIC(uint32_t) state; /* enum fastmem_peer_state */
	RTE_ATOMIC(uint32_t) closed; /* it has seen the primary's deinit */
	uint64_t start; /* of the process, as /proc/PID/stat tells */
	uint64_t pid_ns; /* where pid is known; 0: nobody can look */
	uint64_t nonce; /* which attachment: numbers and pids are used again. From 1 on */
};

/* The root of all that is shared, in memzone FASTMEM_CTL_NAME. */
#define FASTMEM_CTL_NAME "fastmem_ctl"
struct fastmem_ctl {
	uint32_t version; /* FASTMEM_LAYOUT_VERSION */
	uint32_t size_of_ctl; /* a second check of the layout */
	RTE_ATOMIC(uint32_t) ready; /* set last, with release; read with acquire */
	uint32_t n_sockets;
	uint32_t n_bins;
	uint32_t first_pool_bin; /* before it: size classes */
	RTE_ATOMIC(uint32_t) n_chunk_names;
	uint32_t first_socket; /* of threads that have none: as in EAL's heap. Never changes */
	RTE_ATOMIC(uint32_t) n_tcaches;
	/* Sum of tcache.bytes of threads that are no lcores. Maintain puts it right. */
	RTE_ATOMIC(int64_t) shared_bytes;
	RTE_ATOMIC(uint32_t) serves_nobody; /* the primary ends EAL, and answers nobody any more */
	RTE_ATOMIC(uint32_t) stayed; /* objects may be in larger slots than their sizes tell */
	uintptr_t first_granule;
	uint64_t n_granules;
	RTE_ATOMIC(struct fastmem_tcache *) tcaches; /* pushed to, never popped from */
	RTE_ATOMIC(struct fastmem_stacks *) stacks; /* set once, by the first capture */
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

#endif /* FASTMEM_SHARED_H */
