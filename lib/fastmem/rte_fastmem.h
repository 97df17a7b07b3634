/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_H_
#define _RTE_FASTMEM_H_

/**
 * @file
 * RTE fastmem: a small-object allocator
 *
 * fastmem serves objects of 1 byte to 1 MiB from memzones, on a chosen NUMA
 * socket, to any thread of any process. An allocation or a free is a pop or a
 * push on an array that belongs to the calling thread: no lock and no atomic
 * instruction while that array serves. Its backing memory grows on demand,
 * moves between sizes, and can be limited, reserved up front and given back.
 *
 * The design follows Bonwick's slab allocator (USENIX Summer 1994) with the
 * magazines of Bonwick and Adams (USENIX 2001); the programmer's guide tells
 * where and why it departs from them.
 *
 * Unless a function says otherwise:
 *  - it may be called by any number of threads at once, by lcores and by any
 *    other thread, but not from a signal handler that may have interrupted a
 *    fastmem call, nor from a callback of EAL's memory events;
 *  - it is no cancellation point, nor are the callbacks that it makes. A thread must not be
 *    cancelled asynchronously (PTHREAD_CANCEL_ASYNCHRONOUS) within a call;
 *  - the first one that a thread calls takes 36 KiB of bookkeeping, 19 KiB more for each socket
 *    beyond the first, and the first for a pool 1.5 KiB, which do for 16 pools; threads that
 *    end leave that to others;
 *  - sizes are bytes; socket ids are EAL's;
 *  - an object belongs to whoever holds its address, and any thread may free
 *    it. fastmem neither reads nor writes an object, live or free, other than
 *    to honour RTE_FASTMEM_F_ZERO and to copy in rte_fastmem_realloc().
 *
 * @warning
 * @b EXPERIMENTAL: all functions in this file may change or be removed without
 * prior notice.
 */

#if defined(__SIZEOF_POINTER__) && __SIZEOF_POINTER__ != 8 /* analysers may not define it */
#error "fastmem needs a 64-bit machine"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_common.h>
#include <rte_compat.h>
#include <rte_memory.h>

#include "rte_fastmem_attr.h"

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

/** Zero the first @e size bytes of the object. */
#define RTE_FASTMEM_F_ZERO RTE_BIT32(0)

/**
 * Never reserve backing memory in this call: take what the caches, the slabs
 * and the memory already reserved can give, or fail with ENOMEM.
 */
#define RTE_FASTMEM_F_NOGROW RTE_BIT32(1)

/**
 * A size class on a socket, resolved once by rte_fastmem_hlookup(). It is valid
 * on every thread, until rte_fastmem_deinit().
 */
typedef uint32_t rte_fastmem_handle_t;

/** No handle: what a variable can hold before rte_fastmem_hlookup(). */
#define RTE_FASTMEM_HANDLE_INVALID UINT32_C(0)

/** @name Life cycle and backing memory */
/**@{*/

/**
 * Set up fastmem in the primary process.
 *
 * Call it after rte_eal_init(). It reserves the memory for fastmem's own
 * bookkeeping; memory for objects is reserved on demand, or by
 * rte_fastmem_reserve(). In a secondary process it attaches to what the primary
 * has set up; calling it there is optional, as the first call of any other
 * function does the same.
 *
 * The environment variable RTE_FASTMEM_DEBUG has the use of objects checked: see
 * rte_fastmem_debug.h.
 *
 * Thread-safe: of several calls at once, one succeeds, and the others return -EBUSY when it has.
 *
 * @return
 *   - 0: success
 *   - -EINVAL: the value of RTE_FASTMEM_DEBUG is invalid: the log names it
 *   - -ENOENT: checking is asked for, and librte_fastmem_debug cannot be loaded: the log tells why
 *   - -EBUSY: one of these:
 *     - already initialised, by this function
 *     - called from a callback of such a call, or of a report
 *     - a forked child of a process that uses fastmem, or rte_eal_cleanup() was called
 *     - in the primary: secondary processes are still attached to what an earlier
 *       rte_fastmem_deinit() could not give back
 *     - in a secondary: the primary has called that, and this process not yet
 *   - -ENOMEM: no memory for the bookkeeping, or rte_eal_init() was not called
 *   - -ENODEV: secondary process, and the primary has not initialised fastmem,
 *     or has done so with another version of it
 *   - -ENOSPC: secondary process, and 64 processes are attached
 */
__rte_experimental
int
rte_fastmem_init(void);

/**
 * Give back everything that fastmem holds, live objects included.
 *
 * With checking (rte_fastmem_debug.h), live objects are listed first, and all are checked.
 *
 * Every memzone of fastmem is freed, on all sockets; all addresses and handles
 * obtained from it become invalid. rte_fastmem_init() works again afterwards,
 * for all threads. Harmless when not initialised. In a secondary process it
 * gives back the caches of that process's threads and detaches.
 *
 * No other thread of this process may be inside a fastmem call, nor start one
 * before this function has returned; a thread may end at any time. In the callback of a report
 * (rte_fastmem_debug.h) it is ignored.
 *
 * While secondary processes are attached, the primary's call ends fastmem for
 * them as well: their allocations then fail with ENODEV, and what they free is
 * ignored. As their threads may be anywhere, the memory itself stays until all of
 * them have ended or called this function; the primary's next call of it, or of
 * rte_fastmem_init(), then gives it back.
 */
__rte_experimental
void
rte_fastmem_deinit(void);

/**
 * Make sure that at least @p size bytes of backing memory are reserved.
 *
 * The amount is the total, not an addition: calling it twice with the same
 * size reserves once. Memory reserved here is not trimmed by
 * rte_fastmem_maintain(). The calling thread's bookkeeping is made as well.
 *
 * @param size
 *   Total amount in bytes, rounded up to fastmem's granule of 64 KiB.
 * @param socket_id
 *   Socket to reserve on. SOCKET_ID_ANY: the caller's socket first, then what
 *   is missing on the others.
 * @return
 *   - 0: success
 *   - -EINVAL: no such socket, which is logged, or fastmem is not initialised
 *   - -ENOMEM: not enough memory, or the limit forbids it, which is logged; what could be
 *     reserved is kept
 */
__rte_experimental
int
rte_fastmem_reserve(size_t size, int socket_id);

/**
 * Limit the backing memory of a socket.
 *
 * The limit counts memory for objects, not fastmem's own bookkeeping. A limit
 * below what is already reserved only stops growth. A limit that is raised in many small
 * steps makes fastmem reserve more from EAL than it uses, 2 MiB or 1/20 at most, so as not to use
 * up EAL's memzones; objects get it as the limit rises.
 *
 * @param socket_id
 *   Socket to limit. SOCKET_ID_ANY: set the same limit on each socket.
 * @param max_bytes
 *   Most bytes of backing memory; SIZE_MAX (the default) for no limit.
 * @code{.c}
 * rte_fastmem_reserve(256 << 20, SOCKET_ID_ANY)     // bytes, socket
 * rte_fastmem_set_limit(SOCKET_ID_ANY, 512 << 20)   // socket, bytes
 * @endcode
 *
 * @return
 *   - 0: success
 *   - -EINVAL: no such socket, which is logged, or fastmem is not initialised: there is no limit
 *     then, so compilers warn where the result is not used
 */
__rte_experimental
int
rte_fastmem_set_limit(int socket_id, size_t max_bytes)
	__rte_warn_unused_result;

/**
 * Get the limit of a socket's backing memory.
 *
 * @param socket_id
 *   Socket to ask for. SOCKET_ID_ANY: the sum over all sockets.
 * @return
 *   The limit in bytes, SIZE_MAX when there is none, 0 when there is no such
 *   socket or fastmem is not initialised.
 */
__rte_experimental
size_t
rte_fastmem_get_limit(int socket_id);

/**
 * Give empty backing memory back to EAL.
 *
 * Returns the calling thread's caches, other threads' spare magazines, the depots'
 * objects, and what dead processes had cached to the slabs first. Memory is given
 * back in units of the chunks it was reserved in, those
 * without a live or cached object.
 *
 * @param keep_bytes
 *   Stop before less than this many bytes of backing memory would be left on a
 *   socket.
 * @param socket_id
 *   Socket to trim. SOCKET_ID_ANY: each socket.
 * @return
 *   Bytes given back; 0 also when there is no such socket. rte_fastmem_kept() tells what keeps
 *   the rest.
 */
__rte_experimental
size_t
rte_fastmem_trim(size_t keep_bytes, int socket_id);

/**
 * Do the work that the data path should not have to do.
 *
 * A control thread calls this every now and then, say each 100 ms. It reserves memory so that the
 * use can grow until the next call by as much as it has grown since the last (the first call has
 * none to compare with), or for calls that were refused since then, as with RTE_FASTMEM_F_NOGROW;
 * it moves the objects of depots that were not used in that time, and of spare magazines of
 * threads that were not, back to their slabs, gives memory back that was free all that time, and
 * takes back what processes that have died since had cached.
 *
 * @return
 *   - 0: success
 *   - -ENODEV: not initialised
 *   - -ENOMEM: memory is about to run out on some socket and could not be grown; others were.
 *     A refused call for SOCKET_ID_ANY counts on each socket, also one that EAL has no memory of
 */
__rte_experimental
int
rte_fastmem_maintain(void);

/**
 * Give the calling thread's cached objects back to their slabs.
 *
 * Statistics are kept. The caches fill again when used.
 */
__rte_experimental
void
rte_fastmem_cache_flush(void);

/**
 * Tell that the calling thread will not allocate or free for a while.
 *
 * Its cached objects go to the depots, where the other threads that use these
 * sizes find them first, or to their slabs. The caches fill again when used.
 */
__rte_experimental
void
rte_fastmem_thread_idle(void);
/**@}*/

/** @name Size classes */
/**@{*/

/**
 * Get the largest size that can be allocated.
 *
 * @return
 *   1 MiB.
 */
__rte_experimental
size_t
rte_fastmem_max_size(void);

/**
 * Get the size classes. Needs no initialisation.
 *
 * Classes below 64 bytes serve only requests with an alignment below 64.
 *
 * @param sizes
 *   Filled with the size of each class in bytes, ascending; may be NULL.
 * @return
 *   The number of classes.
 */
__rte_experimental
unsigned int
rte_fastmem_classes(size_t *sizes);
/**@}*/

/** @name Objects */
/**@{*/

/** @cond */ /* declared first, for the attributes below */
#ifdef RTE_FASTMEM_HAS_PAIRS
void rte_fastmem_free_sized_unmodelled(void *ptr, size_t size, size_t align)
	__asm__("rte_fastmem_free_sized");
#endif
__rte_experimental
void
rte_fastmem_hfree(rte_fastmem_handle_t handle, void *ptr)
	__rte_ownership_takes(2);
__rte_experimental
void
rte_fastmem_free(void *ptr) __rte_ownership_takes(1);
__rte_experimental
void
rte_fastmem_free_sized(void *ptr, size_t size, size_t align)
	__rte_ownership_takes(1);
/* Does nothing: see rte_fastmem_model.h. */
__rte_experimental
void
rte_fastmem_moved(void *ptr);
/** @endcond */

/**
 * Allocate an object on the caller's socket, or on another one if that fails.
 *
 * @param size
 *   Size in bytes, up to rte_fastmem_max_size(). 0 gives a distinct object of
 *   the smallest size that has the alignment.
 * @param align
 *   Alignment in bytes, a power of two. 0: a cache line (64 bytes). The sum of
 *   padding and size must not exceed rte_fastmem_max_size().
 * @param flags
 *   0, or RTE_FASTMEM_F_* flags. Other bits are reserved and must be 0; this is
 *   not checked.
 * @return
 *   The object, or NULL with rte_errno set:
 *   - E2BIG: larger than rte_fastmem_max_size()
 *   - EINVAL: @p align is not a power of two
 *   - ENOMEM: no memory, or a limit forbids growth
 *   - ENODEV: not initialised
 */
__rte_experimental
void *
rte_fastmem_alloc(size_t size, size_t align, unsigned int flags)
	__rte_fastmem_malloc __rte_alloc_size(1) __rte_alloc_align(2);

/**
 * Allocate an object on a given socket.
 *
 * @param size
 *   As in rte_fastmem_alloc().
 * @param align
 *   As in rte_fastmem_alloc().
 * @param flags
 *   As in rte_fastmem_alloc().
 * @param socket_id
 *   The only socket to allocate on. SOCKET_ID_ANY: as rte_fastmem_alloc().
 * @return
 *   As rte_fastmem_alloc(), with EINVAL also for a socket that does not exist.
 */
__rte_experimental
void *
rte_fastmem_alloc_socket(size_t size, size_t align, unsigned int flags, int socket_id)
	__rte_fastmem_malloc __rte_alloc_size(1) __rte_alloc_align(2);

/**
 * Change the size of an object.
 *
 * The object may move; it stays on its socket. The contents up to the lesser
 * of both sizes are kept.
 *
 * A size that the object's slot already holds (rte_fastmem_usable_size()), with an alignment
 * that its address has, never fails: not at a limit, nor without memory. The object moves to
 * a slot that is smaller by at least a fifth if one is free, and stays where it is otherwise.
 *
 * @param ptr
 *   An object of fastmem, or NULL to allocate a new one.
 * @param size
 *   New size in bytes. 0 frees @p ptr and returns NULL with rte_errno 0, if
 *   @p align is valid.
 * @param align
 *   Alignment of the result, as in rte_fastmem_alloc().
 * @return
 *   The object, or NULL with rte_errno set as in rte_fastmem_alloc(), and EINVAL
 *   also when @p ptr is no object of fastmem. On failure the old object stays
 *   as it was, and stays the caller's.
 */
__rte_experimental
void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
	__rte_warn_unused_result __rte_alloc_size(2) __rte_alloc_align(3);

/**
 * Free an object.
 *
 * An address that is not within fastmem's slabs is reported in the log and
 * otherwise ignored. Freeing an address inside an object, or freeing twice, is
 * noticed only when the thread's cache is returned to the slabs. With checking
 * (rte_fastmem_debug.h), all of this is reported at once, and is the end of the process
 * unless told otherwise.
 *
 * @param ptr
 *   Object to free. NULL does nothing.
 */
__rte_experimental
void
rte_fastmem_free(void *ptr);

/**
 * Free an object whose size the caller knows. On systems with one NUMA socket,
 * this saves the look-up of its class, until rte_fastmem_realloc() has left an object
 * in a slot that is larger than its class.
 *
 * An object that rte_fastmem_realloc() has made smaller can be freed like this by the
 * process that did so, and by those that attach later; others call rte_fastmem_free(): if they do
 * not, the object counts as one of its new size until it comes back to its slab.
 *
 * @param ptr
 *   Object to free. NULL does nothing.
 * @param size
 *   The size that it was allocated with, or that rte_fastmem_realloc() has given it.
 * @param align
 *   The alignment that it was allocated with.
 */
__rte_experimental
void
rte_fastmem_free_sized(void *ptr, size_t size, size_t align);

/**
 * Allocate several objects of one size: all of them or none.
 *
 * @param ptrs
 *   Where to store the @p n addresses; not written to on failure.
 * @param n
 *   Number of objects. 0 is allowed.
 * @param size
 *   As in rte_fastmem_alloc().
 * @param align
 *   As in rte_fastmem_alloc().
 * @param flags
 *   As in rte_fastmem_alloc().
 * @return
 *   0, or the negative of an errno of rte_fastmem_alloc().
 */
__rte_experimental
int
rte_fastmem_alloc_bulk(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags);

/**
 * Allocate several objects of one size on a given socket: all of them or none.
 *
 * @param ptrs
 *   Where to store the @p n addresses; not written to on failure.
 * @param n
 *   Number of objects. 0 is allowed.
 * @param size
 *   As in rte_fastmem_alloc().
 * @param align
 *   As in rte_fastmem_alloc().
 * @param flags
 *   As in rte_fastmem_alloc().
 * @param socket_id
 *   As in rte_fastmem_alloc_socket().
 * @return
 *   0, or the negative of an errno of rte_fastmem_alloc_socket().
 */
__rte_experimental
int
rte_fastmem_alloc_bulk_socket(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id);

/**
 * Free several objects, which may differ in size, alignment and socket.
 *
 * @param ptrs
 *   Objects to free, as in rte_fastmem_free().
 * @param n
 *   Number of objects. 0 is allowed.
 */
__rte_experimental
void
rte_fastmem_free_bulk(void **ptrs, unsigned int n);

/**
 * Get the number of bytes that an object's holder may use.
 *
 * @param ptr
 *   Object of fastmem.
 * @return
 *   Size of the object's slot in bytes, at least the size it was allocated
 *   with, and with checking just that; 0 when @p ptr is not an address of fastmem.
 */
__rte_experimental
size_t
rte_fastmem_usable_size(const void *ptr);

/**
 * Tell whether an address lies in a slab of fastmem.
 *
 * @param ptr
 *   Any address.
 * @return
 *   true when memory at @p ptr is fastmem's and divided into objects.
 */
__rte_experimental
bool
rte_fastmem_contains(const void *ptr);

/**
 * Get the IO address of an object, or of a byte of one.
 *
 * Takes constant time. An object is contiguous in IOVA space.
 *
 * @param ptr
 *   Address within an object of fastmem.
 * @return
 *   The IO address; RTE_BAD_IOVA when not initialised, when @p ptr is not an
 *   address of fastmem, or when EAL knows no IO address for it.
 */
__rte_experimental
rte_iova_t
rte_fastmem_virt2iova(const void *ptr);
/**@}*/

/** @name Handles: a size class resolved once */
/**@{*/

/**
 * Look up the handle for a size, an alignment and a socket.
 *
 * @param size
 *   As in rte_fastmem_alloc().
 * @param align
 *   As in rte_fastmem_alloc().
 * @param socket_id
 *   Socket to allocate on. SOCKET_ID_ANY: that of the thread which calls this, whoever uses the
 *   handle later and wherever; allocations by that handle fall back to other sockets.
 * @param handle
 *   Where to store the handle.
 * @return
 *   - 0: success
 *   - -EINVAL: @p align is not a power of two, no such socket, @p handle is
 *     NULL, or fastmem is not initialised
 *   - -E2BIG: larger than rte_fastmem_max_size()
 */
__rte_experimental
int
rte_fastmem_hlookup(size_t size, size_t align, int socket_id, rte_fastmem_handle_t *handle);

/**
 * Allocate an object by handle.
 *
 * @param handle
 *   From rte_fastmem_hlookup().
 * @param flags
 *   As in rte_fastmem_alloc(). RTE_FASTMEM_F_ZERO zeroes the whole slot.
 * @return
 *   The object, or NULL with rte_errno ENOMEM or ENODEV, or EINVAL for
 *   RTE_FASTMEM_HANDLE_INVALID. Other values that are not from
 *   rte_fastmem_hlookup() have undefined results.
 */
__rte_experimental
void *
rte_fastmem_halloc(rte_fastmem_handle_t handle, unsigned int flags)
	__rte_fastmem_malloc
	__rte_fastmem_dealloc(rte_fastmem_hfree, 2);

/**
 * Allocate several objects by handle: all of them or none.
 *
 * @param handle
 *   From rte_fastmem_hlookup().
 * @param ptrs
 *   Where to store the @p n addresses; not written to on failure.
 * @param n
 *   Number of objects. 0 is allowed.
 * @param flags
 *   As in rte_fastmem_halloc().
 * @return
 *   0, or the negative of an errno of rte_fastmem_halloc().
 */
__rte_experimental
int
rte_fastmem_halloc_bulk(rte_fastmem_handle_t handle, void **ptrs, unsigned int n,
		unsigned int flags);

/**
 * Free an object that was allocated with the same handle, or with the same
 * size class and socket: not one that rte_fastmem_realloc() has resized without moving it,
 * whose slot may be larger.
 *
 * @param handle
 *   From rte_fastmem_hlookup().
 * @param ptr
 *   Object to free. NULL does nothing.
 */
__rte_experimental
void
rte_fastmem_hfree(rte_fastmem_handle_t handle, void *ptr);

/**
 * Free several objects that were all allocated with the same handle, or with
 * the same size class and socket.
 *
 * @param handle
 *   From rte_fastmem_hlookup().
 * @param ptrs
 *   Objects to free. None of them may be NULL.
 * @param n
 *   Number of objects. 0 is allowed.
 */
__rte_experimental
void
rte_fastmem_hfree_bulk(rte_fastmem_handle_t handle, void **ptrs, unsigned int n);
/**@}*/

/** @name Processes */
/**@{*/

/** A process that uses fastmem, or did. */
struct rte_fastmem_process {
	uint32_t pid; /**< Process id, in the PID namespace of that process. */
	uint32_t alive; /**< 1: attached. 0: it has ended. */
	uint32_t n_threads; /**< Threads that have caches. */
	/**
	 * Objects that it has allocated, less those that it has freed. Negative when
	 * it freed what others had allocated. When it has ended, and objects do not
	 * go from process to process: its leaks.
	 */
	int64_t n_objects;
	int64_t n_bytes; /**< The same in bytes, as rte_fastmem_usable_size(). */
};

/**
 * List the processes that use fastmem, and those that ended with something to
 * their account.
 *
 * Takes back first what dead processes had cached. A process that has ended is
 * remembered until its place is taken: there are 64.
 *
 * @param list
 *   Filled with up to @p n processes; may be NULL if @p n is 0.
 * @param n
 *   Number of elements of @p list.
 * @return
 *   The number of such processes, which may be larger than @p n; 0 when not
 *   initialised.
 */
__rte_experimental
unsigned int
rte_fastmem_processes(struct rte_fastmem_process *list, unsigned int n);

/**
 * Get by size class what rte_fastmem_process::n_objects is in sum.
 *
 * @param pid
 *   As in rte_fastmem_process. If several processes had that id: their sum.
 * @param objects
 *   Filled with a number for each class, in the order of rte_fastmem_classes().
 * @return
 *   0, -ENOENT when no such process is known, -EINVAL when @p objects is NULL,
 *   -ENODEV when not initialised.
 */
__rte_experimental
int
rte_fastmem_process_classes(uint32_t pid, int64_t *objects);
/**@}*/

/**
 * @name Statistics
 *
 * Always on. They count objects, also those moved in bulk, of all threads of
 * all processes, past threads included. Figures are exact whenever no other
 * thread is inside a fastmem call. Otherwise they may be a few operations old, and
 * objects on their way between a thread and its slabs may count as in use.
 */
/**@{*/

/** Totals. */
struct rte_fastmem_stats {
	uint64_t bytes_backing; /**< Memory reserved for objects. */
	uint64_t bytes_in_use; /**< Slots of live objects. */
	uint64_t alloc_total; /**< Objects allocated. */
	uint64_t free_total; /**< Objects freed. */
	uint64_t alloc_nomem; /**< Allocations refused for lack of memory. */
	unsigned int n_classes; /**< Number of size classes. */
	uint64_t bytes_metadata; /**< Memory reserved for bookkeeping. */
	/** Of bytes_backing: what no class and no pool (rte_fastmem_pool.h) has. */
	uint64_t bytes_free;
};

/** A size class, on all sockets. */
struct rte_fastmem_class_stats {
	size_t class_size; /**< Slot size in bytes. */
	uint64_t in_use; /**< Live objects. */
	uint64_t alloc_cache_hits; /**< Objects served by the thread's loaded magazine. */
	uint64_t alloc_cache_misses; /**< Objects that needed the slow path. */
	uint64_t alloc_nomem; /**< Objects refused for lack of memory. */
	uint64_t free_cache_hits; /**< Objects taken by the thread's loaded magazine. */
	uint64_t free_cache_misses; /**< Objects that needed the slow path. */
	uint64_t slab_acquires; /**< Slabs taken from the arena. */
	uint64_t slab_releases; /**< Slabs given back to the arena. */
	uint32_t slabs_partial; /**< Slabs with a free slot now. */
	uint32_t slabs_full; /**< Slabs without one now. */
	uint64_t bytes_backing; /**< Memory of these slabs. */
};

/** An lcore, or all threads without an lcore id. */
struct rte_fastmem_lcore_stats {
	uint64_t alloc_cache_hits; /**< As in struct rte_fastmem_class_stats. */
	uint64_t alloc_cache_misses; /**< As in struct rte_fastmem_class_stats. */
	uint64_t alloc_nomem; /**< As in struct rte_fastmem_class_stats. */
	uint64_t free_cache_hits; /**< As in struct rte_fastmem_class_stats. */
	uint64_t free_cache_misses; /**< As in struct rte_fastmem_class_stats. */
};

/** A size class on an lcore, or on all threads without an lcore id. */
struct rte_fastmem_lcore_class_stats {
	size_t class_size; /**< Slot size in bytes. */
	uint64_t alloc_cache_hits; /**< As in struct rte_fastmem_class_stats. */
	uint64_t alloc_cache_misses; /**< As in struct rte_fastmem_class_stats. */
	uint64_t alloc_nomem; /**< As in struct rte_fastmem_class_stats. */
	uint64_t free_cache_hits; /**< As in struct rte_fastmem_class_stats. */
	uint64_t free_cache_misses; /**< As in struct rte_fastmem_class_stats. */
};

/**
 * Get the totals.
 *
 * @param stats
 *   Filled in.
 * @return
 *   0, -EINVAL when @p stats is NULL, -ENODEV when not initialised.
 */
__rte_experimental
int
rte_fastmem_stats(struct rte_fastmem_stats *stats);

/**
 * Get the figures of one size class.
 *
 * @param class_size
 *   Exact size of a class, as from rte_fastmem_classes().
 * @param stats
 *   Filled in.
 * @return
 *   0, -EINVAL when @p stats is NULL or there is no such class, -ENODEV when
 *   not initialised.
 */
__rte_experimental
int
rte_fastmem_stats_class(size_t class_size, struct rte_fastmem_class_stats *stats);

/**
 * Get the figures of one lcore.
 *
 * @param lcore_id
 *   An lcore, or the id of a thread registered with rte_thread_register().
 * @param stats
 *   Filled in.
 * @return
 *   0, -EINVAL when @p stats is NULL or there is no such lcore, -ENODEV when
 *   not initialised.
 */
__rte_experimental
int
rte_fastmem_stats_lcore(unsigned int lcore_id, struct rte_fastmem_lcore_stats *stats);

/**
 * Get the figures of one size class on one lcore.
 *
 * @param lcore_id
 *   As in rte_fastmem_stats_lcore().
 * @param class_size
 *   As in rte_fastmem_stats_class().
 * @param stats
 *   Filled in.
 * @return
 *   0, -EINVAL when @p stats is NULL or there is no such lcore or class,
 *   -ENODEV when not initialised.
 */
__rte_experimental
int
rte_fastmem_stats_lcore_class(unsigned int lcore_id, size_t class_size,
		struct rte_fastmem_lcore_class_stats *stats);

/**
 * Get the figures of all threads without an lcore id, in all processes.
 *
 * @param stats
 *   Filled in.
 * @return
 *   0, -EINVAL when @p stats is NULL, -ENODEV when not initialised.
 */
__rte_experimental
int
rte_fastmem_stats_shared(struct rte_fastmem_lcore_stats *stats);

/**
 * Get the figures of one size class of all threads without an lcore id.
 *
 * @param class_size
 *   As in rte_fastmem_stats_class().
 * @param stats
 *   Filled in.
 * @return
 *   0, -EINVAL when @p stats is NULL or there is no such class, -ENODEV when
 *   not initialised.
 */
__rte_experimental
int
rte_fastmem_stats_shared_class(size_t class_size, struct rte_fastmem_lcore_class_stats *stats);

/** What the backing memory of all sockets holds. */
struct rte_fastmem_kept {
	/** As in struct rte_fastmem_stats: the sum of these five while no thread is at work. */
	uint64_t bytes_backing;
	uint64_t bytes_live; /**< Slots of live objects of the size classes. */
	/** Objects of the size classes that threads have cached: see rte_fastmem_threads(). */
	uint64_t bytes_cached;
	uint64_t bytes_pools; /**< Slabs of pools (rte_fastmem_pool.h). */
	/**
	 * Free, but in chunks in which something of the above lies; and what depots have, as
	 * long as it is not trimmed.
	 */
	uint64_t bytes_around;
	uint64_t bytes_empty; /**< Chunks with nothing in them: what was told to be kept. */
	uint64_t bytes_pools_min; /**< Of bytes_pools: what the pools' minima hold. */
	uint64_t bytes_reserved; /**< What rte_fastmem_maintain() leaves: rte_fastmem_reserve(). */
	uint64_t bytes_held_back; /**< Beside bytes_backing: reserved from EAL, above a limit. */
	unsigned int n_chunks; /**< Memzones for objects. */
};

/**
 * Tell what keeps memory. After rte_fastmem_trim() or rte_fastmem_maintain(): why it did not
 * give more back.
 *
 * @param kept
 *   Filled in.
 * @return
 *   0, -EINVAL when @p kept is NULL, -ENODEV when not initialised.
 */
__rte_experimental
int
rte_fastmem_kept(struct rte_fastmem_kept *kept);

/** A thread that has caches. */
struct rte_fastmem_thread {
	uint32_t pid; /**< Process id, in the PID namespace of that process. */
	uint32_t tid; /**< Thread id, likewise. */
	int32_t lcore_id; /**< -1: the thread has none. */
	uint64_t bytes_cached; /**< Objects of the size classes in its caches. */
};

/**
 * List the threads that have caches, of all processes.
 *
 * What a thread has cached, it gives back by rte_fastmem_thread_idle() or at its end.
 *
 * @param list
 *   Filled with up to @p n threads; may be NULL if @p n is 0.
 * @param n
 *   Number of elements of @p list.
 * @return
 *   The number of such threads, which may be larger than @p n; 0 when not initialised.
 */
__rte_experimental
unsigned int
rte_fastmem_threads(struct rte_fastmem_thread *list, unsigned int n);

/**
 * Start all counters anew, those of pools (rte_fastmem_pool_stats()) included. What describes
 * the present (bytes_*, in_use, slabs_*) is not touched.
 */
__rte_experimental
void
rte_fastmem_stats_reset(void);

/**
 * Write a report to a stream, as text for people, in KiB and objects: memory by socket, each size
 * class in use, pools, processes, and what keeps memory that rte_fastmem_trim() could not give back.
 * Its form may change.
 *
 * Any thread may call it, of any process, while others allocate; each figure is of the moment at
 * which it was read. It takes locks, and so is not for a signal handler. Not initialised: one line
 * says so.
 *
 * @param f
 *   A stream open for writing, which stays the caller's. Whether all was written tells ferror().
 */
__rte_experimental
void
rte_fastmem_dump(FILE *f);
/**@}*/

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#include "rte_fastmem_core.h"

#endif /* _RTE_FASTMEM_H_ */
