/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_DEBUG_H
#define FASTMEM_DEBUG_H

/*
 * Checking at run time: what the files of it share.
 *
 *   debug.c               levels; what is checked when an object comes and goes
 *   debug_alloc.c         calls while checking is on
 *   debug_zone.c          red zones, and the contents of freed objects
 *   debug_slab.c          records come and go with their slab
 *   debug_hooks.c         where the allocator calls all this: see fastmem_hooks.h
 *   debug_conf.c          the environment and rte_fastmem_init_conf()
 *   debug_record.c        a record for each slot, outside of what applications write to
 *   debug_quarantine.c    freed objects that wait
 *   debug_finding.c       what is known of an error, copied where it was found
 *   debug_report.c        tells of it, once no lock is held
 *   debug_sample.c        one in N objects
 *   debug_leaks.c         what is live, by place of allocation
 *   debug_leaks_write.c   the text of that
 *   debug_state.c         what this process knows of checking, and locks
 *   debug_tools.c         what sanitizers and Valgrind are told
 *   backtrace.c           backtraces: numbers of stacks
 *   backtrace_cache.c     those that this process has walked before
 *   unwind.c              walks up a stack
 *   symbolize.c           functions, files and lines of stacks
 *   debug_layout.c        layouts of this library's structures, for debuggers
 *   gdb/layout.c          the same of librte_fastmem, which it is linked into
 *
 * The level is the primary's, in shared memory, and does not change between init and
 * deinit. All state of objects is shared as well: any process can check what another
 * has allocated.
 *
 * With a level of LIGHT or above, an object lies in its slot like this:
 *
 *	slot                object                        end of slot
 *	| front: red zone   | size: the application's     | back: red zone or canary |
 *
 * front is 0 on level LIGHT and for pools. An object of a pool begins bin.header bytes into
 * its slot, and what is before it is the application's as well.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "rte_fastmem_debug.h"

/* Bytes of red zones and of freed memory: none that programs write often. */
#define FASTMEM_ZONE_BYTE 0xb7
#define FASTMEM_FREED_BYTE 0xd5

enum fastmem_record_state {
	FASTMEM_RECORD_NEW, /* never handed out */
	FASTMEM_RECORD_LIVE,
	FASTMEM_RECORD_BUSY, /* a thread is about to free it, or to hand it out */
	FASTMEM_RECORD_FREED, /* in quarantine, or free in a cache or slab */
};

/*
 * What is known of a slot. In shared memory. Written by whoever has set state to BUSY, or
 * has the slot from the layers below; who reads it without that, for a report or for leaks,
 * finds what may be half of an old and half of a new story, but no invalid pointer.
 */
struct fastmem_record {
	RTE_ATOMIC(uint32_t) state; /* enum fastmem_record_state */
	RTE_ATOMIC(uint32_t) front; /* bytes from the slot to its object */
	RTE_ATOMIC(uint32_t) size; /* of the object, as asked for */
	/* As asked for; of an object by handle: that of the slots of its bin, and this: */
	RTE_ATOMIC(uint32_t) align;
#define FASTMEM_BY_HANDLE UINT32_C(0x80000000)
	RTE_ATOMIC(uint16_t) alloc_stack; /* see fastmem_stack.h; 0: not known */
	RTE_ATOMIC(uint16_t) free_stack;
	RTE_ATOMIC(uint32_t) turn; /* counts the objects that the slot was: readers compare it */
	RTE_ATOMIC(int32_t) alloc_tid;
	RTE_ATOMIC(int32_t) free_tid;
	RTE_ATOMIC(uint32_t) alloc_pid;
	RTE_ATOMIC(uint32_t) free_pid;
	RTE_ATOMIC(uint64_t) alloc_time; /* cycles of the time stamp counter */
	RTE_ATOMIC(uint64_t) free_time;
	/* Of a pool, once put: of what is in the object, which nobody may change. */
	RTE_ATOMIC(uint64_t) sum;
};

/* Shared state of checking, in struct fastmem_ctl. */
struct fastmem_debug {
	/* Do not change after init. */
	uint32_t level; /* enum rte_fastmem_debug_level */
	uint32_t sample;
	uint32_t depth;
	uint32_t leaks;
	uint32_t tools; /* FASTMEM_TOOL_*: what the primary runs under */
	uint32_t zones; /* whether red zones and freed memory have contents: not under Valgrind */
	uint64_t quarantine_max; /* bytes */
	/*
	 * Held by whoever reads a few records of a slab, and its objects: the slab does not end
	 * meanwhile. After bin.lock in the order of locks; a reader takes no lock of these.
	 */
	pthread_mutex_t walking;
	/*
	 * Held while a few objects leave the ring for their bins, so that none of a pool is on
	 * its way when the pool ends. Before caches in the order of locks.
	 */
	pthread_mutex_t leaving;
	/* Under lock, a leaf: nothing is locked or allocated under it. */
	pthread_mutex_t lock;
	/* Arrays of 2^i records, linked by their first word. */
	RTE_ATOMIC(struct fastmem_record *) unused[32];
	RTE_ATOMIC(void *) *ring; /* objects in quarantine: ring[head % size] came first */
	uint32_t ring_size; /* a power of two */
	RTE_ATOMIC(uint64_t) head;
	RTE_ATOMIC(uint64_t) tail;
	RTE_ATOMIC(uint64_t) bytes; /* in quarantine. For the statistics */
	/* By bin: objects in quarantine, which the layers below take for objects in use. */
	RTE_ATOMIC(uint32_t) quarantined[RTE_FASTMEM_MAX_BINS];
};

/*
 * What each process keeps for itself, beside struct fastmem_checking. Does not change between init
 * and deinit.
 */
struct fastmem_debug_process {
	unsigned int tools; /* FASTMEM_TOOL_*: what this process runs under */
	bool zones; /* as in struct fastmem_debug */
	bool keep_running;
	uint32_t depth; /* frames of a backtrace, those of the library included */
	rte_fastmem_report_cb report;
	void *report_arg;
	FILE *report_file; /* NULL: where DPDK logs to */
};
extern struct fastmem_debug_process fastmem_debug;

/* Of the slot that an address lies in. NULL: in none, or nothing is known of slots. */
static inline struct fastmem_record *
fastmem_record_of(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const void *ptr)
{
	/* Pairs with the release in fastmem_records_make(). */
	struct fastmem_record *records =
			rte_atomic_load_explicit(&slab->records, rte_memory_order_acquire);
	uint64_t offset = (uintptr_t)ptr - (uintptr_t)fastmem_granule_addr(slab->head);
	uint32_t i;

	if (records == NULL || offset > UINT32_MAX)
		return NULL;
	i = rte_reciprocal_divide(offset, bin->slot_recip);
	return i < slab->n_slots ? &records[i] : NULL;
}

/* Where the slot of a record begins. */
static inline char *
fastmem_record_slot(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r)
{
	return fastmem_granule_addr(slab->head) + (size_t)(r - slab->records) * bin->slot_size;
}

/* Where its object begins. */
static inline char *
fastmem_record_object(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r)
{
	return fastmem_record_slot(bin, slab, r) + bin->header +
		rte_atomic_load_explicit(&r->front, rte_memory_order_relaxed);
}

/* What an object needs of its slot. */
struct fastmem_shape {
	size_t slot; /* bytes to ask for */
	size_t size;
	size_t align; /* as asked for */
	size_t front;
};

/* What is told of a slot: a copy, for it may be another object's as soon as it is told. */
struct fastmem_slot_copy {
	const char *object;
	const char *end; /* of the slot */
	struct fastmem_record record;
	uint32_t slot_size;
	uint32_t bin;
	int socket_id;
	char pool[RTE_FASTMEM_POOL_NAMESIZE]; /* empty: of none */
};

/*
 * An error: made where it is found, under whatever lock, and told by fastmem_report() when the
 * thread has none that others wait for. It points to nothing that is read.
 */
#define FASTMEM_BYTES_SHOWN 64
struct fastmem_finding {
	enum rte_fastmem_error error;
	bool has_slot;
	bool has_next; /* the damage may be that of the slot behind it */
	const void *ptr; /* the first byte that has changed, or what the application has passed */
	bool first_known; /* of damage */
	size_t said; /* bytes; with the wrong size */
	const char *said_pool; /* name of the caller's; with the wrong pool */
	struct fastmem_slot_copy slot; /* without has_slot: bin and slot_size, 0 if it is in none */
	struct fastmem_slot_copy next;
	const uint8_t *bytes_at; /* where the bytes are from */
	uint32_t n_bytes;
	uint8_t bytes[FASTMEM_BYTES_SHOWN];
};

/* What the caller of a free says of the object. */
struct fastmem_expect {
	enum {
		FASTMEM_EXPECT_NOTHING,
		FASTMEM_EXPECT_SIZE, /* exactly size and align */
		FASTMEM_EXPECT_CLASS, /* size: of the slots of its class */
		FASTMEM_EXPECT_POOL,
	} what;
	size_t size;
	size_t align;
	const struct fastmem_pool *pool;
};

/* debug.c */
struct fastmem_shape fastmem_debug_shape(size_t size, size_t align);
void *fastmem_debug_take(void *slot, const struct fastmem_shape *shape, unsigned int flags);
void fastmem_debug_free(void *ptr, const struct fastmem_expect *expect);
bool fastmem_debug_give_back(void *slot, struct fastmem_finding *finding);
bool fastmem_debug_resize(void *ptr, size_t *size);
bool fastmem_debug_resize_in_place(void *ptr, size_t size, size_t align);
size_t fastmem_debug_class_size(const struct fastmem_record *r);
size_t fastmem_debug_usable(const struct fastmem_bin *bin, const void *ptr);
size_t fastmem_debug_slab_bytes(const struct fastmem_bin *bin);
unsigned int fastmem_debug_check(void);

/* debug_state.c */
void fastmem_debug_lock(struct fastmem_debug *debug);
void fastmem_debug_slabs_hold(void);
void fastmem_debug_slabs_release(void);
void fastmem_quarantine_count(struct fastmem_debug *debug, const struct fastmem_bin *bin, int n);

/* debug_slab.c */
int fastmem_debug_slab(struct fastmem_granule *slab, bool may_grow);
void fastmem_debug_slab_enter(const struct fastmem_granule *slab);
void fastmem_debug_slab_leave(const struct fastmem_granule *slab);
void fastmem_debug_slab_end(struct fastmem_granule *slab);
void fastmem_debug_memory_leaves(void *addr, size_t len);
bool fastmem_debug_look(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		void *obj);
void fastmem_debug_look_end(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		void *obj);

/* debug_hooks.c. Internal, without the mark, which is for functions: see fastmem_private.h. */
extern const struct fastmem_hooks fastmem_debug_hooks;

/* debug_alloc.c */
void *fastmem_checked_alloc_one(size_t size, size_t align, unsigned int flags, int socket_id);
int fastmem_checked_alloc(void **objs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id);
int fastmem_checked_halloc(struct fastmem_request *r, rte_fastmem_handle_t handle, void **objs,
		unsigned int n, unsigned int flags);
void *fastmem_sampled_alloc(struct fastmem_request *r, size_t size, size_t align,
		unsigned int flags);
void *fastmem_sampled_halloc(struct fastmem_request *r, rte_fastmem_handle_t handle,
		unsigned int flags);
void fastmem_sampled_bulk(struct fastmem_request *r, void **objs, unsigned int n, size_t size,
		size_t align, unsigned int flags);
void fastmem_sampled_halloc_bulk(struct fastmem_request *r, rte_fastmem_handle_t handle,
		void **objs, unsigned int n, unsigned int flags);
void fastmem_checked_free(void *ptr);
void fastmem_checked_free_bulk(void *const *ptrs, unsigned int n);
void fastmem_checked_free_sized(void *ptr, size_t size, size_t align);
void fastmem_checked_hfree_bulk(rte_fastmem_handle_t handle, void *const *ptrs, unsigned int n);
rte_fastmem_handle_t fastmem_checked_handle(const struct fastmem_bin *bin, size_t size,
		unsigned int n_sockets);
void *fastmem_checked_realloc(const struct fastmem_bin *bin, void *ptr, size_t size, size_t align);
void fastmem_checked_realloc_foreign(const void *ptr);
void fastmem_checked_pool_take(const struct fastmem_pool *pool, void **objs, unsigned int n);
void fastmem_checked_pool_put(const struct fastmem_pool *pool, void *const *objs, unsigned int n);

/* debug_conf.c */
int fastmem_conf_read(const char *environment, struct fastmem_settings *s);
int fastmem_debug_create(struct fastmem_ctl *ctl, const struct fastmem_settings *s);
void fastmem_debug_attach(const struct fastmem_ctl *ctl, const struct fastmem_settings *s);
bool fastmem_debug_wants_share(const struct fastmem_ctl *ctl);
void fastmem_debug_close(void);
void fastmem_debug_detach(void);

/* debug_record.c */
size_t fastmem_records_bytes(uint32_t n_slots);
int fastmem_records_make(struct fastmem_granule *slab, bool may_grow);
void fastmem_records_drop(struct fastmem_granule *slab);
/*
 * Visit the records of all slots that were ever handed out, in all bins. record is called under
 * debug.walking, and takes no lock of fastmem's; between (NULL: nothing) without it, after at
 * most FASTMEM_WALK_AT_ONCE calls of record, and after the last.
 */
#define FASTMEM_WALK_AT_ONCE 32
struct fastmem_records_visit {
	void (*record)(struct fastmem_bin *bin, struct fastmem_granule *slab,
		struct fastmem_record *r, void *arg);
	void (*between)(void *arg);
	void *arg;
};
void fastmem_records_walk(const struct fastmem_records_visit *walk);

/* debug_quarantine.c */
int fastmem_quarantine_init(struct fastmem_debug *debug);
void fastmem_quarantine_put(struct fastmem_bin *bin, void *slot);
bool fastmem_quarantine_flush(const struct fastmem_bin *bin);
void fastmem_quarantine_forget(const struct fastmem_bin *bin);
uint32_t fastmem_quarantine_n(unsigned int bin);

/* debug_sample.c */
void fastmem_sample_start(void);
void fastmem_sample_stop(void);
bool fastmem_sample_is_exact(void);
struct fastmem_bin *fastmem_sample_bin(unsigned int socket, size_t slot, size_t align);
bool fastmem_sample_due(struct fastmem_tcache *t, const struct fastmem_bin *bin);
unsigned int fastmem_sample_next(struct fastmem_tcache *t, const struct fastmem_bin *bin,
		unsigned int from, unsigned int n);

/* debug_finding.c: each fills in what there is to tell. state: of the record, as it was found */
void fastmem_slot_copy(struct fastmem_slot_copy *copy, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r, uint32_t state);
void fastmem_finding_damage(struct fastmem_finding *f, enum rte_fastmem_error error,
		const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r, uint32_t state, const void *first);
void fastmem_finding_pointer(struct fastmem_finding *f, enum rte_fastmem_error error,
		const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r, const void *ptr);
void fastmem_finding_size(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r, size_t said);
void fastmem_finding_pool(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r,
		const char *said);

/*
 * debug_report.c: each tells of an error, and returns if the user wants to go on. It takes
 * seconds, or as long as a callback likes: not under a lock that is shared.
 */
void fastmem_report(const struct fastmem_finding *finding);
void fastmem_report_foreign(enum rte_fastmem_error error, const void *ptr);
void fastmem_report_pool_in_use(struct fastmem_bin *bin, int64_t n,
		void (*list)(FILE *f, const struct fastmem_bin *bin));
void fastmem_report_pool_freed(const struct fastmem_pool *pool);
FILE *fastmem_report_stream(void);
bool fastmem_report_object(FILE *f, const void *ptr);
void fastmem_report_forked(void);
bool fastmem_is_reporting(void);

/* debug_leaks.c */
struct rte_fastmem_leaks *fastmem_leaks_snapshot(void);
void fastmem_leaks_free(struct rte_fastmem_leaks *leaks);
int64_t fastmem_leaks_dump(FILE *f);
int64_t fastmem_leaks_diff_dump(FILE *f, const struct rte_fastmem_leaks *before,
		const struct rte_fastmem_leaks *after);
void fastmem_leaks_pool_in_use(struct fastmem_bin *bin, int64_t n);
/* In the primary, at init; and at deinit, before anything is given back. */
void fastmem_leaks_begin(bool wanted);
void fastmem_leaks_at_end(void);
void fastmem_leaks_unknown(void);

#endif /* FASTMEM_DEBUG_H */
