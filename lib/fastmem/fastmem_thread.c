/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Which thread has which caches: their begin and end.
 *
 * A thread takes caches at its first call, those of an ended thread with the same lcore id
 * if there are any, and a destructor of thread-specific data gives them back. The shared
 * list of all thread caches only grows; this process keeps a list of its own threads.
 */

#include <assert.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_lcore.h>

#include "fastmem_debug.h"

/* Both full and empty: any call on it goes to the slow path. Not changed. */
static struct rte_fastmem_cache no_cache[RTE_FASTMEM_MAX_BINS];

static_assert(sizeof(struct rte_fastmem_cache) == 64, "a cache is found by a shift, in one line");

#define NO_CACHES { .caches = no_cache, .classes = no_cache, .socket_id = SOCKET_ID_ANY }

static const struct rte_fastmem_tls no_caches = NO_CACHES;

__thread struct rte_fastmem_tls rte_fastmem_tls = NO_CACHES;

/* What the fast path loads is not at an offset in its line that it stores to in a cache. */
#define LINE_OFFSET(type, field) (offsetof(struct rte_fastmem_ ## type, field) % 64)
#define STORED_TO(offset) ((offset) == LINE_OFFSET(cache, top) || \
	(offset) == LINE_OFFSET(cache, n_alloc) || (offset) == RTE_ALIGN_FLOOR(LINE_OFFSET(cache, popping), 8))
#define APART(type, field) static_assert(sizeof(void *) != 8 || !STORED_TO(LINE_OFFSET(type, field)), \
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

/* A thread of this process that has caches. */
struct thread {
	struct thread *next, *prev;
	struct rte_fastmem_tls *tls;
	struct fastmem_tcache *tcache; /* NULL: none, or forgotten by deinit */
	uint32_t frees; /* since its caches were taken from it, for sampling */
};

#define DISARMED_FREES 8 /* until a thread that does nothing but free has its caches back */

static __thread struct thread self;
static struct thread *threads; /* under threads_lock */
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool have_exit_key;

/* The calling thread's caches; NULL: it has none, or not yet. */
struct fastmem_tcache *
fastmem_tcache_current(void)
{
	return self.tcache;
}

static int32_t
lcore_key(void)
{
	unsigned int lcore = rte_lcore_id();

	return lcore < RTE_MAX_LCORE ? (int32_t)lcore : -1;
}

/* The socket of the calling thread, or the first one if it has none of EAL's. */
static uint16_t
socket_index(const struct fastmem_ctl *ctl)
{
	int socket = (int)rte_socket_id();
	unsigned int cpu, node;
	uint16_t i;

	if (socket == SOCKET_ID_ANY && syscall(SYS_getcpu, &cpu, &node, NULL) == 0)
		socket = node;
	for (i = 0; i < ctl->n_sockets; i++)
		if (ctl->arenas[i].socket_id == socket)
			return i;
	return 0;
}

static uint64_t
owner_word(void)
{
	return ((uint64_t)fastmem_process.peer + 1) << 32 | (uint32_t)rte_sys_gettid();
}

static struct fastmem_tcache *
tcache_reuse(struct fastmem_ctl *ctl, int32_t lcore)
{
	struct fastmem_tcache *t;

	/* Pairs with the release in tcache_make(). */
	for (t = __atomic_load_n(&ctl->tcaches, __ATOMIC_ACQUIRE); t != NULL; t = t->next) {
		uint64_t unused = 0;

		/* Pairs with the release in thread_leave(): its caches are empty. */
		if (t->lcore == lcore && __atomic_load_n(&t->owner, __ATOMIC_RELAXED) == 0 &&
				__atomic_compare_exchange_n(&t->owner, &unused, owner_word(), false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return t;
	}
	return NULL;
}

size_t
fastmem_tcache_bytes(const struct fastmem_ctl *ctl)
{
	return sizeof(struct fastmem_tcache) + ctl->n_bins *
		(sizeof(struct rte_fastmem_cache) + sizeof(struct fastmem_counts));
}

static struct fastmem_tcache *
tcache_make(struct fastmem_ctl *ctl, int32_t lcore, bool may_grow)
{
	size_t caches = ctl->n_bins * sizeof(struct rte_fastmem_cache);
	struct fastmem_tcache *t = fastmem_meta_alloc(fastmem_tcache_bytes(ctl), may_grow);

	if (t == NULL)
		return NULL;
	t->id = __atomic_add_fetch(&ctl->n_tcaches, 1, __ATOMIC_RELAXED);
	t->lcore = lcore;
	t->owner = owner_word();
	t->counts = RTE_PTR_ADD(t, sizeof(*t) + caches);
	t->next = __atomic_load_n(&ctl->tcaches, __ATOMIC_RELAXED);
	/* Release: who finds it in the list finds it complete. */
	while (!__atomic_compare_exchange_n(&ctl->tcaches, &t->next, t, false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return t;
}

/* The calling thread's caches, or those of one that makes no calls any more, go back. */
static void
tcache_leave(struct fastmem_tcache *t)
{
	fastmem_tcache_flush(t, false);
	fastmem_peer_count_held(fastmem_ctl(), t, fastmem_process.peer);
	/* Pairs with the acquire in tcache_reuse(). */
	MOVE(t->owner, 0);
}

/* At the end of a thread: its caches go back. */
static void
thread_leave(void *arg)
{
	struct thread *thread = arg;
	struct fastmem_tcache *t;

	/* Held to the end: a deinit on another thread finds all of this done, or none. */
	pthread_mutex_lock(&threads_lock);
	t = thread->tcache;
	thread->tcache = NULL;
	*thread->tls = no_caches;
	if (thread->prev != NULL)
		thread->prev->next = thread->next;
	else
		threads = thread->next;
	if (thread->next != NULL)
		thread->next->prev = thread->prev;
	if (t != NULL)
		tcache_leave(t);
	pthread_mutex_unlock(&threads_lock);
}

static void
make_exit_key(void)
{
	have_exit_key = pthread_key_create(&exit_key, thread_leave) == 0;
	if (!have_exit_key)
		FASTMEM_LOG(ERR, "no thread-specific data key is left: threads have no caches");
}

/*
 * Let the fast path use the caches. Under threads_lock: if the primary's deinit comes now,
 * the slow path is to say so. With checking, that is to see each call.
 */
static void
thread_arm(struct fastmem_ctl *ctl, struct fastmem_tcache *t)
{
	if (fastmem_process_state() != FASTMEM_PROCESS_OPEN || fastmem_debug_on() ||
			fastmem_sample_is_exact())
		return;
	rte_fastmem_tls.caches = t->caches;
	rte_fastmem_tls.classes = &t->caches[ctl->arenas[t->socket].first_bin];
	rte_fastmem_tls.socket_id = ctl->arenas[t->socket].socket_id;
}

static void
thread_join(struct fastmem_ctl *ctl, struct fastmem_tcache *t)
{
	bool known = self.tls != NULL && pthread_getspecific(exit_key) != NULL;

	pthread_mutex_lock(&threads_lock);
	if (!known) { /* else from before a deinit, or a change of the lcore id */
		self.tls = &rte_fastmem_tls;
		self.prev = NULL;
		self.next = threads;
		if (threads != NULL)
			threads->prev = &self;
		threads = &self;
	}
	self.tcache = t;
	thread_arm(ctl, t);
	pthread_mutex_unlock(&threads_lock);
	if (!known)
		pthread_setspecific(exit_key, &self);
}

/*
 * The calling thread's caches, made at its first call. NULL: no memory for
 * them, or may_grow is not set and that would take more.
 */
struct fastmem_tcache *
fastmem_tcache_self(bool may_grow)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_tcache *t = self.tcache;
	int32_t lcore = lcore_key();

	if (likely(t != NULL && t->lcore == lcore))
		return t;
	if (t != NULL) { /* EAL has given it an lcore id since, or taken it away */
		self.tcache = NULL;
		rte_fastmem_tls = no_caches;
		tcache_leave(t);
	}
	pthread_once(&exit_key_once, make_exit_key);
	if (!have_exit_key) /* its caches would never come back */
		return NULL;
	t = tcache_reuse(ctl, lcore);
	if (t == NULL)
		t = tcache_make(ctl, lcore, may_grow);
	if (t == NULL)
		return NULL;
	t->socket = socket_index(ctl);
	thread_join(ctl, t);
	return t;
}

/*
 * For sampling: the next call of each thread takes the slow path. The owner may be within
 * the fast path, and then goes on with its caches once more.
 */
void
fastmem_threads_disarm(void)
{
	struct thread *thread;

	pthread_mutex_lock(&threads_lock);
	for (thread = threads; thread != NULL; thread = thread->next) {
		/* Relaxed: each of both, old or new, is a place with caches of this thread or none. */
		__atomic_store_n(&thread->tls->caches, no_cache, __ATOMIC_RELAXED);
		__atomic_store_n(&thread->tls->classes, no_cache, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&threads_lock);
}

/* Of the calling thread. Returns whether its caches had been taken from it. */
bool
fastmem_thread_rearm(struct fastmem_tcache *t)
{
	if (__atomic_load_n(&rte_fastmem_tls.caches, __ATOMIC_RELAXED) == t->caches &&
			__atomic_load_n(&rte_fastmem_tls.classes, __ATOMIC_RELAXED) != no_cache)
		return false;
	pthread_mutex_lock(&threads_lock);
	self.frees = 0;
	if (self.tcache == t)
		thread_arm(fastmem_ctl(), t);
	pthread_mutex_unlock(&threads_lock);
	return true;
}

/* The same, for a thread that has freed something: the next allocation is to come here first. */
void
fastmem_thread_freed(void)
{
	if (self.tcache != NULL && ++self.frees >= DISARMED_FREES)
		fastmem_thread_rearm(self.tcache);
}

/* For a secondary's deinit: the caches of all its threads go back. */
void
fastmem_threads_leave(void)
{
	struct thread *thread;

	pthread_mutex_lock(&threads_lock);
	for (thread = threads; thread != NULL; thread = thread->next) {
		struct fastmem_tcache *t = thread->tcache;

		if (t != NULL)
			tcache_leave(t);
	}
	pthread_mutex_unlock(&threads_lock);
	fastmem_threads_forget();
}

/*
 * The calling thread, the only one of a forked process, has no caches any more. Whoever held the
 * lock at the fork is not here to release it.
 */
void
fastmem_threads_forget_forked(void)
{
	pthread_mutex_init(&threads_lock, NULL);
	/* The others' structures are of threads that are not here; nothing leads to them. */
	threads = self.tls != NULL ? &self : NULL;
	self.prev = NULL;
	self.next = NULL;
	self.tcache = NULL;
	rte_fastmem_tls = no_caches;
}

/* For deinit: no thread of this process has caches any more. Each may be within a call. */
void
fastmem_threads_forget(void)
{
	struct thread *thread;

	pthread_mutex_lock(&threads_lock);
	for (thread = threads; thread != NULL; thread = thread->next) {
		thread->tcache = NULL;
		*thread->tls = no_caches;
	}
	pthread_mutex_unlock(&threads_lock);
}
