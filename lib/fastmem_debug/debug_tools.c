/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What sanitizers and Valgrind are told of objects.
 *
 * This owns the list of slabs that were made known to the tools of this process. How these are
 * reached: fastmem_tools.h.
 *
 * Tools keep what they know by process, while objects are passed between processes. So no
 * tool is told anything once a second process has joined: it would object to an object that
 * another process has allocated.
 *
 * The tools' names for things: memory that must not be accessed is "poisoned" (ASan) or
 * "noaccess" (memcheck); contents that mean nothing are "poisoned" (MSan) or "undefined"
 * (memcheck).
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "fastmem_debug.h"
#include "fastmem_tools.h"
#include "fastmem_track.h"

static struct {
	/* Read by all calls, which must not overlap with start and stop. Not used for TSan alone. */
	pthread_rwlock_t lock;
	unsigned int memory_tools; /* those that know which memory is good. Under lock */
	/* A bit by granule: the first one of a slab. Set and reset atomically under a shared lock. */
	RTE_ATOMIC(uint64_t) *slabs;
	uint64_t n_words;
	/* Memcheck: objects that were not freed, which it is to tell of when the process ends. */
	void **left;
	uint32_t n_left;
} track = {
	.lock = PTHREAD_RWLOCK_INITIALIZER,
};

/* To it, slabs are released, and by objects of slabs acquired, that were made or taken apart. */
static char slabs_sync;

bool
fastmem_track_allows_zones(void)
{
	return (fastmem_tools() & FASTMEM_TOOL_VALGRIND) == 0;
}

/* Of an access, or of a free(), which is only in the text. */
static const void *
reported_address(const char *report)
{
	const void *addr = __asan_get_report_address();
	const char *error = strstr(report, "ERROR: AddressSanitizer");

	if (addr == NULL && error != NULL)
		error = strstr(error, " 0x");
	return addr == NULL && error != NULL ? (void *)(uintptr_t)strtoull(error, NULL, 16) : addr;
}

/* ASan has written its report, and ends the process after this. */
static void
add_to_report(const char *report)
{
	const void *addr = reported_address(report);

	if (addr != NULL && rte_fastmem_bin_of(addr) != 0)
		fastmem_report_object(stderr, addr);
}

/* Returns the tools to tell; to be followed by end_telling(). */
static unsigned int
begin_telling(void)
{
	fastmem_lock_expect(FASTMEM_LOCK_TRACK);
	fastmem_lock_hold(&track.lock, FASTMEM_LOCK_TRACK);
	pthread_rwlock_rdlock(&track.lock);
	return track.memory_tools;
}

static void
end_telling(void)
{
	fastmem_lock_drop(&track.lock);
	pthread_rwlock_unlock(&track.lock);
}

/* Change what is told; to be followed by end_telling(), too. */
static void
lock_to_change(void)
{
	fastmem_lock_expect(FASTMEM_LOCK_TRACK);
	fastmem_lock_hold(&track.lock, FASTMEM_LOCK_TRACK);
	pthread_rwlock_wrlock(&track.lock);
}

/* Nobody may access it. */
static void
forbid(unsigned int tools, void *addr, size_t len)
{
	if (tools & FASTMEM_TOOL_ASAN)
		__asan_poison_memory_region(addr, len);
	if (tools & FASTMEM_TOOL_MSAN)
		__msan_poison(addr, len);
#ifdef HAVE_MEMCHECK
	if (tools & FASTMEM_TOOL_VALGRIND)
		VALGRIND_MAKE_MEM_NOACCESS(addr, len);
#endif
}

/* It is memory as any other, and its contents mean something. */
static void
allow(unsigned int tools, void *addr, size_t len)
{
	if (tools & FASTMEM_TOOL_ASAN)
		__asan_unpoison_memory_region(addr, len);
	if (tools & FASTMEM_TOOL_MSAN)
		__msan_unpoison(addr, len);
#ifdef HAVE_MEMCHECK
	if (tools & FASTMEM_TOOL_VALGRIND)
		VALGRIND_MAKE_MEM_DEFINED(addr, len);
#endif
}

/*
 * LeakSanitizer comes with ASan: objects may be the only ones to point to memory of
 * malloc(), which otherwise would count as lost.
 */
static void
add_root(unsigned int tools, void *addr, size_t len)
{
	if ((tools & FASTMEM_TOOL_ASAN) && __lsan_register_root_region != NULL &&
			__lsan_unregister_root_region != NULL)
		__lsan_register_root_region(addr, len);
}

static void
remove_root(unsigned int tools, void *addr, size_t len)
{
	if ((tools & FASTMEM_TOOL_ASAN) && __lsan_register_root_region != NULL &&
			__lsan_unregister_root_region != NULL)
		__lsan_unregister_root_region(addr, len);
}

/* All memory that there is for objects. */
static void
allow_chunks(unsigned int tools)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint32_t socket, first;

	for (socket = 0; socket < ctl->n_sockets; socket++) {
		struct fastmem_arena *arena = &ctl->arenas[socket];

		fastmem_arena_lock(arena);
		FASTMEM_FOREACH_CHUNK(first, arena)
			allow(tools, fastmem_granule_addr(first),
				(size_t)fastmem_granule(first)->chunk_n <<
					RTE_FASTMEM_GRANULE_SHIFT);
		fastmem_mutex_unlock(&arena->lock);
	}
}

#ifdef HAVE_MEMCHECK

static void
note_left(struct fastmem_bin *bin, struct fastmem_granule *slab, struct fastmem_record *r,
		void *arg)
{
	uint32_t n = track.n_left;

	RTE_SET_USED(arg);
	if (rte_atomic_load_explicit(&r->state, rte_memory_order_relaxed) != FASTMEM_RECORD_LIVE)
		return;
	/* Room is made whenever the number is a power of two. */
	if ((n & (n - 1)) == 0) {
		void **more = realloc(track.left, (n == 0 ? 1 : 2 * n) * sizeof(more[0]));

		if (more == NULL)
			return;
		track.left = more;
	}
	track.left[track.n_left++] = fastmem_record_object(bin, slab, r);
}

/* Memcheck rejects blocks that overlap. */
static void
forget_left(void)
{
	uint32_t i;

	for (i = 0; i < track.n_left; i++)
		VALGRIND_FREELIKE_BLOCK(track.left[i], 0);
	free(track.left);
	track.left = NULL;
	track.n_left = 0;
}

#else

static void
forget_left(void)
{
}

#endif

void
fastmem_track_start(void)
{
	unsigned int tools = fastmem_tools() & ~FASTMEM_TOOL_TSAN;

	/* Others share the memory. */
	if (tools == 0 || rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	if ((tools & FASTMEM_TOOL_ASAN) && __asan_set_error_report_callback != NULL &&
			__asan_get_report_address != NULL)
		__asan_set_error_report_callback(add_to_report);
	lock_to_change();
	forget_left(); /* others take their places */
	track.n_words = rte_fastmem_map.n_granules / 64 + 1;
	track.slabs = calloc(track.n_words, sizeof(track.slabs[0]));
	if (track.slabs != NULL)
		track.memory_tools = tools;
	else
		FASTMEM_LOG(WARNING, "no memory to tell the sanitizer about objects");
	end_telling();
}

void
fastmem_track_share(void)
{
	fastmem_track_stop();
	/* Whether they are freed, memcheck will not learn. */
	lock_to_change();
	forget_left();
	end_telling();
}

void
fastmem_track_stop(void)
{
	uint64_t w;

#ifdef HAVE_MEMCHECK
	unsigned int tools = begin_telling();

	/* Not under track.lock, which whoever ends a slab takes after debug.walking. */
	end_telling();
	if (tools & FASTMEM_TOOL_VALGRIND)
		fastmem_records_walk(&(struct fastmem_records_visit){ .record = note_left });
#endif
	lock_to_change();
	if (track.memory_tools != 0)
		allow_chunks(track.memory_tools);
	for (w = 0; track.slabs != NULL && w < track.n_words; w++) {
		while (track.slabs[w] != 0) {
			uint32_t i = w * 64 + rte_ctz64(track.slabs[w]);

			remove_root(track.memory_tools, fastmem_granule_addr(i),
				(size_t)fastmem_granule(i)->n << RTE_FASTMEM_GRANULE_SHIFT);
			track.slabs[w] &= track.slabs[w] - 1;
		}
	}
	free(track.slabs);
	track.slabs = NULL;
	track.memory_tools = 0;
	end_telling();
}

/* In a forked child: whoever held the lock is not here. */
void
fastmem_track_forked(void)
{
	pthread_rwlock_init(&track.lock, NULL);
}

static uint64_t
slab_bit(const void *addr, RTE_ATOMIC(uint64_t) **word)
{
	uint32_t i = fastmem_granule_index(addr);

	*word = &track.slabs[i / 64];
	return UINT64_C(1) << i % 64;
}

void
fastmem_track_slab(void *addr, size_t len)
{
	unsigned int tools = begin_telling();
	RTE_ATOMIC(uint64_t) *word;
	uint64_t bit;

	if (tools != 0) {
		bit = slab_bit(addr, &word);
		/* Relaxed: slabs do not share bits, and track.lock orders it for stop. */
		rte_atomic_fetch_or_explicit(word, bit, rte_memory_order_relaxed);
		forbid(tools, addr, len);
		add_root(tools, addr, len);
	}
	end_telling();
}

/*
 * TSan: what was done to the objects of a slab that is taken apart came before what is done
 * to objects of other sizes in the same place. Frees are released to objects' addresses.
 */
static void
sync_slab(char *addr, size_t len)
{
	size_t i;

	for (i = 0; i < len; i += 8)
		__tsan_acquire(addr + i);
	__tsan_release(&slabs_sync);
}

void
fastmem_track_unslab(void *addr, size_t len)
{
	unsigned int tools;
	RTE_ATOMIC(uint64_t) *word;
	uint64_t bit;

	if (__tsan_acquire != NULL && __tsan_release != NULL)
		sync_slab(addr, len);
	tools = begin_telling();
	if (tools != 0) {
		bit = slab_bit(addr, &word);
		/* Slabs of before fastmem_track_start() are not known. */
		if (rte_atomic_fetch_and_explicit(word, ~bit, rte_memory_order_relaxed) & bit)
			remove_root(tools, addr, len);
		forbid(tools, addr, len);
	}
	end_telling();
}

void
fastmem_track_plain(void *addr, size_t len)
{
	unsigned int tools = begin_telling();

	if (tools != 0)
		allow(tools, addr, len);
	end_telling();
}

/* MSan: contents mean nothing from now on. */
static void
discard(void *obj, size_t size)
{
	__msan_poison(obj, size);
	/* Notes who did it, if origins are tracked; but does nothing with poison_in_malloc=0. */
	__msan_allocated_memory(obj, size);
}

static void
tell_alloc(unsigned int tools, void *obj, size_t size, bool has_contents)
{
	if (tools & FASTMEM_TOOL_ASAN)
		__asan_unpoison_memory_region(obj, size);
	if ((tools & FASTMEM_TOOL_MSAN) && has_contents)
		__msan_unpoison(obj, size);
	else if (tools & FASTMEM_TOOL_MSAN)
		discard(obj, size);
#ifdef HAVE_MEMCHECK
	if (tools & FASTMEM_TOOL_VALGRIND)
		VALGRIND_MALLOCLIKE_BLOCK(obj, size, 0, has_contents);
#endif
}

void
fastmem_track_alloc(void *obj, size_t size, bool has_contents)
{
	unsigned int tools;

	if (__tsan_acquire != NULL && __tsan_release != NULL) {
		/* Pair with the releases in fastmem_track_free() and in sync_slab(). */
		__tsan_acquire(obj);
		__tsan_acquire(&slabs_sync);
	}
	tools = begin_telling();
	if (tools != 0)
		tell_alloc(tools, obj, size, has_contents);
	end_telling();
}

static void
tell_free(unsigned int tools, void *obj, size_t size)
{
	if (tools & FASTMEM_TOOL_ASAN)
		__asan_poison_memory_region(obj, size);
	if (tools & FASTMEM_TOOL_MSAN)
		discard(obj, size);
#ifdef HAVE_MEMCHECK
	if (tools & FASTMEM_TOOL_VALGRIND)
		VALGRIND_FREELIKE_BLOCK(obj, 0);
#endif
}

void
fastmem_track_free(void *obj, size_t size)
{
	unsigned int tools = begin_telling();

	if (tools != 0)
		tell_free(tools, obj, size);
	end_telling();
	if (__tsan_acquire != NULL && __tsan_release != NULL)
		/* Pairs with the acquire in fastmem_track_alloc(). */
		__tsan_release(obj);
}

void
fastmem_track_peek(void *addr, size_t len)
{
	unsigned int tools = begin_telling();

	if (tools & FASTMEM_TOOL_ASAN)
		__asan_unpoison_memory_region(addr, len);
	if ((tools & FASTMEM_TOOL_MSAN) && __msan_scoped_disable_interceptor_checks != NULL)
		__msan_scoped_disable_interceptor_checks();
#ifdef HAVE_MEMCHECK
	if (tools & FASTMEM_TOOL_VALGRIND)
		VALGRIND_DISABLE_ERROR_REPORTING;
#endif
	end_telling();
	if (AnnotateIgnoreReadsBegin != NULL && AnnotateIgnoreWritesBegin != NULL) {
		AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
		AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	}
}

void
fastmem_track_unpeek(void *addr, size_t len)
{
	unsigned int tools;

	if (AnnotateIgnoreReadsEnd != NULL && AnnotateIgnoreWritesEnd != NULL) {
		AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
		AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	}
	tools = begin_telling();
	if (tools & FASTMEM_TOOL_ASAN)
		__asan_poison_memory_region(addr, len);
	if ((tools & FASTMEM_TOOL_MSAN) && __msan_scoped_enable_interceptor_checks != NULL)
		__msan_scoped_enable_interceptor_checks();
#ifdef HAVE_MEMCHECK
	if (tools & FASTMEM_TOOL_VALGRIND)
		VALGRIND_ENABLE_ERROR_REPORTING;
#endif
	end_telling();
}

void
fastmem_track_wrote(const void *addr, size_t len)
{
	if (__msan_unpoison != NULL)
		__msan_unpoison(addr, len);
}

void
fastmem_track_calls(void)
{
	if (__msan_unpoison_param != NULL)
		__msan_unpoison_param(6);
}

void
fastmem_track_enter_eal(void)
{
	if (__msan_scoped_disable_interceptor_checks != NULL)
		__msan_scoped_disable_interceptor_checks();
}

void
fastmem_track_leave_eal(void)
{
	if (__msan_scoped_enable_interceptor_checks != NULL)
		__msan_scoped_enable_interceptor_checks();
}
