/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Which thread has which caches: their begin and end.
 *
 * A thread takes caches at its first call, those of an ended thread with the same lcore id
 * if there are any, and a destructor of thread-specific data gives them back. Destructors of
 * the application may run later, in the same round or in another: from there on the thread
 * works without caches, to its end, and each object goes to or comes from the slabs.
 *
 * The shared list of all thread caches only grows. This process keeps a list of its own threads,
 * under threads_lock, to take their caches away. Its nodes are not in the threads' TLS, and one
 * leads to the TLS of its thread only until the destructor has run. Whoever takes a thread's
 * caches away, the thread itself included, removes them from the node before it drops the
 * lock, so they are given back once; a thread enters caches only where it finds, under the
 * lock, that fastmem has not ended.
 */

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"
#include "fastmem_trace.h"

/*
 * Both full and empty: any call on it goes to the slow path. Only popping of the places of pools
 * ever changes: each get of a thread without caches writes it, and nobody reads it. That the
 * threads share its lines is of no weight beside the locks that such a get takes.
 */
static struct rte_fastmem_cache no_cache[RTE_FASTMEM_MAX_BINS];

static_assert(sizeof(struct rte_fastmem_cache) == 64, "a cache is found by a shift, in one line");

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_tls, 26.11)
__thread struct rte_fastmem_tls rte_fastmem_tls = {
	.caches = no_cache,
	.classes = no_cache,
	.socket_id = SOCKET_ID_ANY,
};

/* What the fast path loads is not at an offset in its line that it stores to in a cache. */
#define LINE_OFFSET(type, field) (offsetof(struct rte_fastmem_ ## type, field) % 64)
#define STORED_TO(offset) ((offset) == LINE_OFFSET(cache, top) || \
	(offset) == LINE_OFFSET(cache, n_alloc) || \
	(offset) == RTE_ALIGN_FLOOR(LINE_OFFSET(cache, popping), 8))
#define APART(type, field) static_assert( \
	sizeof(void *) != 8 || !STORED_TO(LINE_OFFSET(type, field)), \
	#type "." #field " and a store to a cache alias in 4 KiB")
APART(map, first);
APART(map, n_granules);
APART(map, bins);
APART(map, n_sockets);
APART(tls, caches);
APART(tls, classes);
APART(tls, socket_id);
static_assert(_Alignof(struct rte_fastmem_map) == 64 && _Alignof(struct rte_fastmem_tls) == 64,
	"offsets are those in a line");

/* A thread of this process that has made a call and has not ended. */
struct thread {
	LIST_ENTRY(thread) entry; /* under threads_lock */
	struct rte_fastmem_tls *tls; /* written by others under threads_lock */
	/* NULL: none. Written under threads_lock; the thread itself reads it. */
	RTE_ATOMIC(struct fastmem_tcache *) tcache;
	uint32_t frees; /* since its caches were taken from it, for sampling. Owner only */
};

#define DISARMED_FREES 8 /* until a thread that does nothing but free has its caches back */

static __thread struct thread *self; /* NULL: no call yet, or past its end */
static __thread bool stays_without; /* no caches: it is past its end, or about to enter the list */
static LIST_HEAD(thread_list, thread) threads; /* under threads_lock */
/* In a forked process: what has been the list. For checkers, which look for lost memory. */
static struct thread *volatile threads_of_parent;
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool have_exit_key;

static inline struct fastmem_tcache *
tcache_current(void)
{
	/* Relaxed: others only ever write NULL, when the thread's caches are gone. */
	return self != NULL ? rte_atomic_load_explicit(&self->tcache, rte_memory_order_relaxed) :
		NULL;
}

/* The calling thread's caches; NULL: it has none, or not yet. */
struct fastmem_tcache *
fastmem_tcache_current(void)
{
	return tcache_current();
}

/* The calling thread has no caches any more: its destructors run. */
bool
fastmem_thread_is_past_its_end(void)
{
	return stays_without;
}

static int32_t
lcore_key(void)
{
	unsigned int lcore = rte_lcore_id();

	return lcore < RTE_MAX_LCORE ? (int32_t)lcore : -1;
}

/* The socket of the calling thread, as EAL says. Tests on one socket set it. */
int (*fastmem_socket_of_thread)(void) = fastmem_eal_socket;

/* The arena of a thread that EAL says to be on this socket, or on none. */
uint16_t
fastmem_home_socket(struct fastmem_ctl *ctl, int socket_id)
{
	const struct fastmem_arena *arena = fastmem_arena_of(ctl, socket_id);

	return arena != NULL ? arena - ctl->arenas : ctl->first_socket;
}

static uint64_t
owner_word(void)
{
	return ((uint64_t)fastmem_process.peer + 1) << 32 | fastmem_eal_tid();
}

static struct fastmem_tcache *
tcache_reuse(struct fastmem_ctl *ctl, int32_t lcore)
{
	struct fastmem_tcache *t;

	FASTMEM_FOREACH_TCACHE(t, ctl) {
		uint64_t unused = 0;

		/* Pairs with the release in thread_give_back(): its caches are empty. */
		if (t->lcore == lcore && rte_atomic_load_explicit(&t->owner,
				rte_memory_order_relaxed) == 0 &&
				rte_atomic_compare_exchange_strong_explicit(&t->owner, &unused,
				owner_word(), rte_memory_order_acquire, rte_memory_order_relaxed))
			return t;
	}
	return NULL;
}

size_t
fastmem_tcache_bytes(const struct fastmem_ctl *ctl)
{
	return sizeof(struct fastmem_tcache) + ctl->n_bins * sizeof(struct rte_fastmem_cache) +
		ctl->first_pool_bin * sizeof(struct fastmem_counts) +
		ctl->n_sockets * FASTMEM_OPEN_WORDS * sizeof(uint64_t);
}

static struct fastmem_tcache *
tcache_make(struct fastmem_ctl *ctl, int32_t lcore, bool may_grow)
{
	size_t caches = ctl->n_bins * sizeof(struct rte_fastmem_cache);
	struct fastmem_tcache *t = fastmem_meta_alloc(fastmem_tcache_bytes(ctl), may_grow);

	if (t == NULL)
		return NULL;
	t->id = rte_atomic_fetch_add_explicit(&ctl->n_tcaches, 1, rte_memory_order_relaxed) + 1;
	t->lcore = lcore;
	t->owner = owner_word();
	t->counts = RTE_PTR_ADD(t, sizeof(*t) + caches);
	t->open = (uint64_t *)(t->counts + ctl->first_pool_bin);
	t->next = rte_atomic_load_explicit(&ctl->tcaches, rte_memory_order_relaxed);
	/* Pairs with the acquire of whoever walks the list: it is complete. */
	while (!rte_atomic_compare_exchange_strong_explicit(&ctl->tcaches, &t->next, t,
			rte_memory_order_release, rte_memory_order_relaxed))
		;
	return t;
}

/*
 * Under threads_lock: the thread's next call takes the slow path. It may be within the fast path,
 * and then goes on with its caches once more: so each field is written by one store. Relaxed: each
 * of both, old or new, is a place with caches of this thread or none.
 */
static void
thread_disarm(struct thread *thread)
{
	rte_atomic_store_explicit(&thread->tls->caches, no_cache, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&thread->tls->classes, no_cache, rte_memory_order_relaxed);
}

/* Under threads_lock: the thread has no caches from here on. Returns those that it had, or NULL. */
static struct fastmem_tcache *
thread_disown(struct thread *thread)
{
	struct fastmem_tcache *t = thread->tcache;

	rte_atomic_store_explicit(&thread->tcache, NULL, rte_memory_order_relaxed);
	thread_disarm(thread);
	return t;
}

/* Under pool.caches, if the bin is a pool's, which may just have been freed: then it is 0. */
static void
book_held(struct fastmem_ctl *ctl, struct fastmem_tcache *t, unsigned int peer, uint32_t bin)
{
	struct fastmem_counts *counts = fastmem_counts(t, bin);
	int64_t live = t->caches[bin].n_in;
	int64_t change = live - rte_atomic_load_explicit(&counts->held_before,
			rte_memory_order_relaxed);

	rte_atomic_store_explicit(&counts->held_before, live, rte_memory_order_relaxed);
	rte_atomic_fetch_add_explicit(&fastmem_held(ctl, peer)[bin], change,
			rte_memory_order_relaxed);
}

/* Book what an emptied thread cache has given out, less what came back, for its process. */
void
fastmem_peer_count_held(struct fastmem_ctl *ctl, struct fastmem_tcache *t, unsigned int peer)
{
	uint32_t i;

	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_counts *counts = fastmem_counts(t, i);

		/* A look, to save the lock: fastmem_cache_forget() may come in between, which makes both 0. */
		if (counts == NULL || (int64_t)rte_atomic_load_explicit(&t->caches[i].n_in,
				rte_memory_order_relaxed) ==
				rte_atomic_load_explicit(&counts->held_before,
				rte_memory_order_relaxed))
			continue;
		fastmem_caches_lock(&ctl->bins[i]);
		book_held(ctl, t, peer, i);
		fastmem_caches_unlock(&ctl->bins[i]);
	}
}

/*
 * Under threads_lock, which makes a deinit on another thread find all of this done, or none: the
 * caches of the calling thread, or of one that makes no calls any more, go back.
 */
static void
thread_give_back(struct thread *thread)
{
	struct fastmem_tcache *t = thread_disown(thread);

	if (t == NULL)
		return;
	fastmem_tcache_flush(t, false);
	fastmem_peer_count_held(fastmem_ctl(), t, fastmem_process.peer);
	/* Pairs with the acquire in tcache_reuse(). */
	FASTMEM_MOVE(t->owner, 0);
}

/*
 * Whether memory of EAL's is still there: rte_eal_cleanup() unmaps all of it, and a program may
 * have called that without rte_fastmem_deinit(). A system call: for threads and programs that end.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_is_mapped)
bool
fastmem_is_mapped(const void *ptr)
{
	unsigned char resident;
	uintptr_t page = (uintptr_t)ptr & ~((uintptr_t)getpagesize() - 1);

	return mincore((void *)page, 1, &resident) == 0;
}

/* At the end of a thread: its caches go back. */
static void
thread_end(void *arg)
{
	FASTMEM_LOG_LATER;
	struct thread *thread = arg;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	LIST_REMOVE(thread, entry);
	/* Whatever is mapped there by now, is not this thread's. */
	if (thread->tcache != NULL && fastmem_is_mapped(thread->tcache) &&
			rte_atomic_load_explicit(&thread->tcache->owner,
			rte_memory_order_relaxed) == owner_word())
		thread_give_back(thread);
	else
		thread_disown(thread);
	fastmem_local_unlock(&threads_lock);
	self = NULL;
	stays_without = true;
	free(thread);
}

static void
make_exit_key(void)
{
	have_exit_key = pthread_key_create(&exit_key, thread_end) == 0;
}

/* Put the calling thread into the list. False: its caches would never come back. */
static bool
thread_enter(void)
{
	static RTE_ATOMIC(uint32_t) told;
	struct thread *thread;

	if (self != NULL)
		return true;
	pthread_once(&exit_key_once, make_exit_key);
	/* Not within pthread_once(), which a stream of the log that allocates would call again. */
	if (!have_exit_key && rte_atomic_exchange_explicit(&told, 1, rte_memory_order_relaxed) == 0)
		FASTMEM_LOG(ERR, "no thread-specific data key is left: threads have no caches");
	if (!have_exit_key || stays_without)
		return false;
	stays_without = true; /* if malloc() comes here */
	thread = calloc(1, sizeof(*thread));
	if (thread != NULL && pthread_setspecific(exit_key, thread) != 0) {
		free(thread);
		thread = NULL;
	}
	stays_without = false;
	if (thread == NULL)
		return false;
	thread->tls = &rte_fastmem_tls;
	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	LIST_INSERT_HEAD(&threads, thread, entry);
	fastmem_local_unlock(&threads_lock);
	self = thread;
	fastmem_trace_begin();
	return true;
}

/* Under threads_lock: let the fast path use the caches. Checking is to see each call. */
static void
thread_arm(struct fastmem_ctl *ctl, struct fastmem_tcache *t)
{
	if (fastmem_checking.no_caches)
		return;
	rte_fastmem_tls.caches = t->caches;
	rte_fastmem_tls.classes = &t->caches[ctl->arenas[t->socket].first_bin];
	rte_fastmem_tls.socket_id = ctl->arenas[t->socket].socket_id;
}

/*
 * Let the fast path of the calling thread allocate on a socket. What its caches hold of other
 * sockets is found when it comes back.
 */
void
fastmem_thread_use(struct fastmem_tcache *t, uint16_t socket)
{
	if (t->socket == socket)
		return;
	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	t->socket = socket;
	if (fastmem_tcache_current() == t)
		thread_arm(fastmem_ctl(), t);
	fastmem_local_unlock(&threads_lock);
}

static void
thread_settle(struct fastmem_ctl *ctl, struct fastmem_tcache *t, int socket_id)
{
	t->eal_socket = socket_id;
	t->home = fastmem_home_socket(ctl, socket_id);
}

/*
 * Give the calling thread empty caches. NULL: fastmem has ended meanwhile. It may have others: what
 * was logged while they were made may have come here.
 */
static struct fastmem_tcache *
thread_own(struct fastmem_ctl *ctl, struct fastmem_tcache *t)
{
	struct fastmem_tcache *own;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	/* An end is announced before caches are taken away under the lock. */
	if (self->tcache == NULL && fastmem_process_state() == FASTMEM_PROCESS_OPEN) {
		rte_atomic_store_explicit(&self->tcache, t, rte_memory_order_relaxed);
		thread_arm(ctl, t);
	} else {
		FASTMEM_MOVE(t->owner, 0); /* pairs with the acquire in tcache_reuse() */
	}
	own = self->tcache;
	fastmem_local_unlock(&threads_lock);
	return own;
}

/* EAL has given the calling thread an lcore id since it has caches, or taken it away. */
static void
thread_change_lcore(void)
{
	FASTMEM_LOG_LATER;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	thread_give_back(self);
	fastmem_local_unlock(&threads_lock);
}

/* The caches of a thread that has none, or those of another lcore id: t. */
static __rte_noinline struct fastmem_tcache *
thread_begin(struct fastmem_tcache *t, int32_t lcore, int socket_id, bool may_grow)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	if (t != NULL)
		thread_change_lcore();
	if (!thread_enter())
		return NULL;
	t = tcache_reuse(ctl, lcore);
	if (t == NULL)
		t = tcache_make(ctl, lcore, may_grow);
	if (t == NULL)
		return NULL;
	thread_settle(ctl, t, socket_id);
	t->socket = t->home;
	return thread_own(ctl, t);
}

/*
 * The calling thread's caches, made at its first call. NULL: it has none, as there is no memory
 * for them, may_grow is not set and that would take more, or the thread is about to end.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_tcache_self)
struct fastmem_tcache *
fastmem_tcache_self(bool may_grow)
{
	struct fastmem_tcache *t = tcache_current();
	int socket_id = fastmem_socket_of_thread();
	int32_t lcore = lcore_key();

	if (unlikely(t == NULL || t->lcore != lcore))
		return thread_begin(t, lcore, socket_id, may_grow);
	if (unlikely(t->eal_socket != socket_id)) { /* it has moved */
		thread_settle(fastmem_ctl(), t, socket_id);
		fastmem_thread_use(t, t->home);
	}
	return t;
}

/* The same for what is freed, whatever the thread's socket is: EAL is not asked for it. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_tcache_to_free)
struct fastmem_tcache *
fastmem_tcache_to_free(bool may_grow)
{
	struct fastmem_tcache *t = tcache_current();

	return likely(t != NULL && t->lcore == lcore_key()) ? t : fastmem_tcache_self(may_grow);
}

/* For sampling: the next call of each thread takes the slow path. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_threads_disarm)
void
fastmem_threads_disarm(void)
{
	struct thread *thread;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	for (thread = LIST_FIRST(&threads); thread != NULL; thread = LIST_NEXT(thread, entry))
		thread_disarm(thread);
	fastmem_local_unlock(&threads_lock);
}

/* Whether its caches were taken from the calling thread. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_thread_is_disarmed)
bool
fastmem_thread_is_disarmed(const struct fastmem_tcache *t)
{
	return rte_atomic_load_explicit(&rte_fastmem_tls.caches, rte_memory_order_relaxed) !=
			t->caches || rte_atomic_load_explicit(&rte_fastmem_tls.classes,
			rte_memory_order_relaxed) == no_cache;
}

/* Of the calling thread. Returns whether its caches had been taken from it. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_thread_rearm)
bool
fastmem_thread_rearm(struct fastmem_tcache *t)
{
	if (!fastmem_thread_is_disarmed(t))
		return false;
	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	self->frees = 0;
	if (self->tcache == t)
		thread_arm(fastmem_ctl(), t);
	fastmem_local_unlock(&threads_lock);
	return true;
}

/* The same, for a thread that has freed something: the next allocation is to come here first. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_thread_freed)
void
fastmem_thread_freed(void)
{
	struct fastmem_tcache *t = fastmem_tcache_current();

	if (t != NULL && fastmem_thread_is_disarmed(t) && ++self->frees >= DISARMED_FREES)
		fastmem_thread_rearm(t);
}

/* For a secondary's deinit: the caches of all its threads go back. */
void
fastmem_threads_leave(void)
{
	FASTMEM_LOG_LATER;
	struct thread *thread;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	for (thread = LIST_FIRST(&threads); thread != NULL; thread = LIST_NEXT(thread, entry))
		thread_give_back(thread);
	fastmem_local_unlock(&threads_lock);
}

/* For deinit: no thread of this process has caches any more. Each may be within a call. */
void
fastmem_threads_forget(void)
{
	struct thread *thread;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	for (thread = LIST_FIRST(&threads); thread != NULL; thread = LIST_NEXT(thread, entry))
		thread_disown(thread);
	fastmem_local_unlock(&threads_lock);
}

/* This library is about to be unloaded: threads end without it. */
void
fastmem_threads_unload(void)
{
	struct thread *thread, *next;

	fastmem_local_lock(&threads_lock, FASTMEM_LOCK_THREADS);
	if (have_exit_key)
		pthread_key_delete(exit_key);
	have_exit_key = false;
	for (thread = LIST_FIRST(&threads); thread != NULL; thread = next) {
		next = LIST_NEXT(thread, entry);
		free(thread);
	}
	LIST_INIT(&threads);
	fastmem_local_unlock(&threads_lock);
}

/*
 * In a forked process, whose only thread this is: it has no caches any more. The list is not
 * gone through, as another thread may have been about to change it.
 */
void
fastmem_threads_forget_forked(void)
{
	pthread_mutex_init(&threads_lock, NULL);
	if (self != NULL)
		LIST_REMOVE(self, entry);
	threads_of_parent = LIST_FIRST(&threads);
	LIST_INIT(&threads);
	if (self == NULL)
		return;
	LIST_INSERT_HEAD(&threads, self, entry);
	thread_disown(self);
}
