/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The interface: what is asked for becomes a bin, and a bin that has nothing
 * becomes a fallback to other sockets, or an errno.
 *
 * When nothing else is left, an allocation takes back what lies in its thread's
 * caches, in the depots, in other threads' spare magazines and in the caches of
 * dead processes, of all sizes, and tries once more.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "fastmem_debug.h"
#include "fastmem_layout.h"
#include "fastmem_private.h"
#include "fastmem_track.h"

#define BULK_ON_STACK 512 /* objects; a larger bulk takes memory from libc */

/* Of handles, with checking only: how many sockets; and bytes of the slot that were not asked for. */
#define HANDLE_ONE_SOCKET UINT32_C(0x20000)
#define HANDLE_ALL_SOCKETS UINT32_C(0x40000)
#define HANDLE_SLACK_SHIFT 19
#define HANDLE_SLACK_MAX (UINT32_MAX >> HANDLE_SLACK_SHIFT)

struct fastmem_process fastmem_process = { .layout = &fastmem_layout, .peers_fd = -1 };
struct rte_fastmem_map rte_fastmem_map;

/* Init and deinit. */

static size_t
overaligned_size(unsigned int i, size_t *align)
{
	size_t n;

	/* 8 of 128 KiB, 4 of 256 KiB, 2 of 512 KiB, 1 of 1 MiB. */
	*align = (size_t)128 << 10;
	for (n = 8; i >= n; n /= 2) {
		i -= n;
		*align *= 2;
	}
	return (i + 1) * *align;
}

static unsigned int
overaligned_index(size_t size, size_t align)
{
	unsigned int first = 0, n = 8;
	size_t a;

	for (a = (size_t)128 << 10; a < align; a *= 2) {
		first += n;
		n /= 2;
	}
	return first + size / align - 1;
}

static size_t
class_size(unsigned int i)
{
	static const uint16_t tiny[RTE_FASTMEM_N_TINY] = { 8, 16, 32, 48 };
	unsigned int lines, log2;

	if (i < RTE_FASTMEM_N_TINY)
		return tiny[i];
	i -= RTE_FASTMEM_N_TINY;
	if (i < 8)
		return (i + 1) * 64;
	/* Eight to a doubling: 9/8 .. 16/8 of the power of two below. */
	log2 = i / 8 - 1;
	lines = 8 + i % 8 + 1;
	return ((size_t)lines * 64) << log2;
}

static void
socket_init(struct fastmem_ctl *ctl, unsigned int socket)
{
	struct fastmem_arena *arena = &ctl->arenas[socket];
	unsigned int i;

	fastmem_arena_init(arena, rte_socket_id_by_idx(socket));
	arena->first_bin = 1 + socket * FASTMEM_BINS_PER_SOCKET;
	for (i = 0; i < FASTMEM_BINS_PER_SOCKET; i++) {
		size_t align = FASTMEM_GRANULE;
		size_t size = i < RTE_FASTMEM_N_CLASSES ? class_size(i) :
			i < FASTMEM_FIRST_SAMPLED ?
				overaligned_size(i - RTE_FASTMEM_N_CLASSES, &align) :
				(size_t)256 << 2 * (i - FASTMEM_FIRST_SAMPLED);

		fastmem_bin_init(&ctl->bins[arena->first_bin + i], arena->first_bin + i, socket,
			size, align >> RTE_FASTMEM_GRANULE_SHIFT);
		ctl->bins[arena->first_bin + i].sampled = i >= FASTMEM_FIRST_SAMPLED;
	}
}

static void
peers_init(struct fastmem_ctl *ctl)
{
	int64_t *held = (int64_t *)&ctl->bins[ctl->n_bins];
	unsigned int i;

	for (i = 0; i < FASTMEM_MAX_PEERS; i++)
		ctl->peers[i].held = held + i * ctl->n_bins;
}

static void destroy(struct fastmem_ctl *ctl);

static int
primary_init(const struct fastmem_settings *settings)
{
	unsigned int n_sockets = RTE_MIN(rte_socket_count(),
			(RTE_FASTMEM_MAX_BINS - RTE_FASTMEM_MAX_POOLS - 1u) /
				FASTMEM_BINS_PER_SOCKET);
	unsigned int first_pool_bin = 1 + n_sockets * FASTMEM_BINS_PER_SOCKET, i;
	unsigned int n_bins = first_pool_bin + RTE_FASTMEM_MAX_POOLS;
	size_t size = sizeof(struct fastmem_ctl) + n_bins * sizeof(struct fastmem_bin) +
		FASTMEM_MAX_PEERS * n_bins * sizeof(int64_t);
	const struct rte_memzone *mz;
	struct fastmem_ctl *ctl;
	uintptr_t first_granule;
	uint64_t n_granules;

	if (fastmem_map_span(&first_granule, &n_granules) != 0) {
		FASTMEM_LOG(ERR, "EAL has no memory: call rte_eal_init() first");
		return -ENOMEM;
	}
	/* The rest of its memory serves the first thread, leaf and magazines. */
	mz = rte_memzone_reserve_aligned(FASTMEM_CTL_NAME, size + (256 << 10), SOCKET_ID_ANY, 0,
			RTE_CACHE_LINE_SIZE);
	if (mz == NULL)
		mz = rte_memzone_reserve_aligned(FASTMEM_CTL_NAME, size, SOCKET_ID_ANY, 0,
				RTE_CACHE_LINE_SIZE);
	if (mz == NULL) {
		FASTMEM_LOG(ERR, "no memory for the bookkeeping (%zu bytes): %s. "
			"Give EAL more memory (-m, huge pages)", size, rte_strerror(rte_errno));
		return -ENOMEM;
	}
	memset(mz->addr, 0, mz->len);
	ctl = mz->addr;
	ctl->version = FASTMEM_LAYOUT_VERSION;
	ctl->size_of_ctl = sizeof(*ctl);
	ctl->n_sockets = n_sockets;
	ctl->n_bins = n_bins;
	ctl->first_pool_bin = first_pool_bin;
	fastmem_meta_init(&ctl->meta, mz, size);
	peers_init(ctl);
	ctl->first_granule = first_granule;
	ctl->n_granules = n_granules;
	if (fastmem_peers_create(ctl) != 0) {
		rte_memzone_free(mz);
		return -ENOMEM;
	}
	if (fastmem_map_create(ctl) != 0) {
		fastmem_peers_destroy();
		rte_memzone_free(mz);
		return -ENOMEM;
	}
	for (i = 0; i < n_sockets; i++)
		socket_init(ctl, i);
	fastmem_pools_init(ctl);
	fastmem_steal_init();
	fastmem_process.ctl_zone = mz;
	fastmem_process.iova_is_va = rte_eal_iova_mode() == RTE_IOVA_VA;
	fastmem_process.ctl = ctl;
	if (fastmem_debug_create(ctl, settings) != 0) {
		FASTMEM_LOG(ERR, "no memory for what checking needs");
		destroy(ctl);
		return -ENOMEM;
	}
	fastmem_debug_attach(ctl, settings);
	fastmem_set_process_state(FASTMEM_PROCESS_OPEN);
	if (fastmem_mp_start() != 0)
		FASTMEM_LOG(WARNING, "no secondary process can ask for memory: %s",
			rte_strerror(rte_errno));
	/* Pairs with the acquire in secondary_attach(). */
	__atomic_store_n(&ctl->ready, 1, __ATOMIC_RELEASE);
	return 0;
}

static int
attach_to(struct fastmem_ctl *ctl, const struct rte_fastmem_conf *conf)
{
	static bool refused, unreadable; /* each call comes here, and one line in the log will do */
	struct fastmem_settings settings;
	int ret;

	/* Pairs with the release in primary_init(). */
	if (__atomic_load_n(&ctl->ready, __ATOMIC_ACQUIRE) == 0)
		return -ENODEV;
	if (unreadable || fastmem_conf_read(conf, &settings) != 0) {
		unreadable = true;
		return -EINVAL;
	}
	if (ctl->version != FASTMEM_LAYOUT_VERSION || ctl->size_of_ctl != sizeof(*ctl)) {
		if (!refused)
			FASTMEM_LOG(ERR, "the primary process has fastmem of layout %u (%u bytes), "
				"this process has %u (%zu bytes): build both against the same "
				"fastmem", ctl->version, ctl->size_of_ctl, FASTMEM_LAYOUT_VERSION,
				sizeof(*ctl));
		refused = true;
		return -ENODEV;
	}
	fastmem_process.iova_is_va = rte_eal_iova_mode() == RTE_IOVA_VA;
	ret = fastmem_map_attach(ctl);
	if (ret != 0)
		return ret;
	fastmem_steal_init();
	/* To join, it already takes back what others left. */
	fastmem_process.ctl = ctl;
	ret = fastmem_peers_join(ctl);
	if (ret != 0) {
		fastmem_process.ctl = NULL;
		fastmem_map_detach();
		return ret;
	}
	if (fastmem_mp_start() != 0)
		FASTMEM_LOG(WARNING, "the primary cannot tell this process of its deinit: %s",
			rte_strerror(rte_errno));
	/*
	 * The primary's deinit clears ready, and then tells those that have joined. Both
	 * read and write it, so one comes first: either this sees that it is cleared, or the
	 * primary sees (acquire) that this process has joined (release), and its message waits.
	 */
	if (__atomic_fetch_add(&ctl->ready, 0, __ATOMIC_ACQ_REL) == 0) {
		fastmem_mp_stop();
		fastmem_peers_leave(ctl);
		fastmem_process.ctl = NULL;
		fastmem_map_detach();
		return -ENODEV;
	}
	fastmem_debug_attach(ctl, &settings);
	/* ThreadSanitizer is told of this process only, as before. */
	if (ctl->debug != NULL && (ctl->debug->tools & ~FASTMEM_TOOL_TSAN) != 0)
		fastmem_mp_share();
	fastmem_set_process_state(FASTMEM_PROCESS_OPEN);
	return 0;
}

/* In a secondary: held while it attaches, detaches, or learns that the primary has ended. */
static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;

static int
secondary_attach(const struct rte_fastmem_conf *conf)
{
	int ret = 0;

	pthread_mutex_lock(&attach_lock);
	if (fastmem_process_state() == FASTMEM_PROCESS_NONE) {
		struct fastmem_ctl *ctl = fastmem_peers_open();

		ret = ctl != NULL ? attach_to(ctl, conf) : -ENODEV;
		if (ctl != NULL && fastmem_process.ctl == NULL)
			fastmem_peers_leave(NULL);
	}
	pthread_mutex_unlock(&attach_lock);
	return ret;
}

/* In a secondary: the primary has ended fastmem. */
void
fastmem_close_attached(void)
{
	pthread_mutex_lock(&attach_lock);
	/* A process that has attached by now is open; another has seen that it is late. */
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN)
		fastmem_close_here(fastmem_ctl());
	pthread_mutex_unlock(&attach_lock);
}

/* Give back all that the primary has set up. */
static void
destroy(struct fastmem_ctl *ctl)
{
	struct fastmem_meta *meta = &ctl->meta;
	uint32_t i;

	/* Until now, a secondary that asked for memory had an answer. */
	fastmem_mp_stop();
	fastmem_track_stop();
	for (i = 0; i < ctl->n_sockets; i++)
		fastmem_arena_destroy(&ctl->arenas[i]);
	fastmem_debug_detach();
	fastmem_set_process_state(FASTMEM_PROCESS_NONE);
	fastmem_process.ctl = NULL;
	fastmem_map_detach();
	fastmem_peers_destroy();
	for (i = 0; i < meta->n_zones; i++)
		rte_memzone_free(meta->zones[i]);
	rte_memzone_free(fastmem_process.ctl_zone);
	fastmem_process.ctl_zone = NULL;
}

/* After a deinit: give back what others still used then. Returns 0 or -EBUSY. */
static int
destroy_closed(struct fastmem_ctl *ctl)
{
	if (fastmem_peers_others(ctl))
		return -EBUSY;
	destroy(ctl);
	return 0;
}

/* A call before this one may have attached already: that is no reason to fail. */
static int
secondary_init(const struct rte_fastmem_conf *conf)
{
	int ret;

	if (fastmem_process.init_called || fastmem_process_state() >= FASTMEM_PROCESS_CLOSED)
		return -EBUSY;
	ret = secondary_attach(conf);
	fastmem_process.init_called = ret == 0;
	return ret;
}

int
rte_fastmem_init_conf(const struct rte_fastmem_conf *conf)
{
	enum fastmem_process_state state = fastmem_process_state();
	struct fastmem_settings settings;
	int ret = fastmem_conf_read(conf, &settings);

	if (ret != 0)
		return ret;
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return secondary_init(conf);
	if (state == FASTMEM_PROCESS_OPEN || state == FASTMEM_PROCESS_FORGOTTEN ||
			(state == FASTMEM_PROCESS_CLOSED && destroy_closed(fastmem_ctl()) != 0))
		return -EBUSY;
	return primary_init(&settings);
}

int
rte_fastmem_init(void)
{
	return rte_fastmem_init_conf(NULL);
}

/* The shared state, if there is one for this process. */
struct fastmem_ctl *
fastmem_ctl_get(void)
{
	enum fastmem_process_state state = fastmem_process_state();

	if (unlikely(state == FASTMEM_PROCESS_NONE) &&
			rte_eal_process_type() == RTE_PROC_SECONDARY && secondary_attach(NULL) == 0)
		state = FASTMEM_PROCESS_OPEN;
	return state == FASTMEM_PROCESS_OPEN ? fastmem_ctl() : NULL;
}

static void
secondary_deinit(struct fastmem_ctl *ctl)
{
	fastmem_mp_stop();
	/* The primary waits for this, or for this process to know, before it unmaps anything. */
	pthread_mutex_lock(&attach_lock);
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN)
		fastmem_threads_leave();
	fastmem_set_process_state(FASTMEM_PROCESS_NONE);
	fastmem_debug_detach();
	fastmem_peers_leave(ctl);
	fastmem_process.ctl = NULL;
	fastmem_process.init_called = false;
	fastmem_map_detach();
	pthread_mutex_unlock(&attach_lock);
}

void
rte_fastmem_deinit(void)
{
	enum fastmem_process_state state = fastmem_process_state();
	struct fastmem_ctl *ctl = fastmem_ctl();

	if (state == FASTMEM_PROCESS_NONE || state == FASTMEM_PROCESS_FORGOTTEN)
		return;
	fastmem_defer_end_all();
	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		secondary_deinit(ctl);
		return;
	}
	if (state == FASTMEM_PROCESS_OPEN) {
		/* What was written to after its end is not found otherwise, if nobody needs the memory. */
		rte_fastmem_debug_check();
		fastmem_leaks_at_end();
		/* Nobody comes after this, and those who are there, fail from now on. */
		__atomic_exchange_n(&ctl->ready, 0, __ATOMIC_ACQ_REL); /* see attach_to() */
		fastmem_set_process_state(FASTMEM_PROCESS_CLOSED);
		fastmem_debug_close();
		fastmem_threads_forget();
		if (fastmem_peers_others(ctl))
			fastmem_mp_close(ctl);
	}
	if (destroy_closed(ctl) != 0)
		FASTMEM_LOG(NOTICE, "secondary processes are attached: the memory stays until they "
			"have ended, or called rte_fastmem_deinit(), and this process calls it or "
			"rte_fastmem_init() again");
}

/*
 * The shared state is gone, or belongs to the process that this one was forked from. What was an
 * object, the map still tells, for frees to be ignored.
 */
void
fastmem_forget(bool forked)
{
	if (fastmem_process_state() == FASTMEM_PROCESS_NONE)
		return;
	fastmem_set_process_state(FASTMEM_PROCESS_FORGOTTEN);
	if (forked) {
		fastmem_debug_forked();
		pthread_mutex_init(&attach_lock, NULL);
		fastmem_threads_forget_forked();
		fastmem_peers_leave(NULL); /* the lock stays the other's */
	} else {
		fastmem_debug_close();
		fastmem_threads_forget();
		if (rte_eal_process_type() == RTE_PROC_PRIMARY)
			fastmem_peers_destroy();
		else
			fastmem_peers_leave(NULL);
	}
}

/*
 * EAL is about to end here, and takes the memory with it. As rte_fastmem_deinit(), but without a
 * word to secondaries, which EAL's end leaves with the memory they have.
 */
void
fastmem_end(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	if (fastmem_process_state() != FASTMEM_PROCESS_OPEN)
		return;
	fastmem_defer_end_all();
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		fastmem_leaks_at_end();
	else
		secondary_deinit(ctl);
	fastmem_forget(false);
	/* A secondary has detached, and is not to attach to what is about to go. */
	fastmem_set_process_state(FASTMEM_PROCESS_FORGOTTEN);
}

/* Backing memory. */

static struct fastmem_arena *
arena_of(struct fastmem_ctl *ctl, int socket_id)
{
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		if (ctl->arenas[i].socket_id == socket_id)
			return &ctl->arenas[i];
	return NULL;
}

/* The calling thread's socket first, then the others. */
static struct fastmem_arena *
arena_near(struct fastmem_ctl *ctl, const struct fastmem_tcache *t, unsigned int i)
{
	return &ctl->arenas[((t != NULL ? t->socket : 0) + i) % ctl->n_sockets];
}

static int
reserve_any(struct fastmem_ctl *ctl, const struct fastmem_tcache *t, size_t size)
{
	uint64_t have = 0;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		have += fastmem_arena_bytes(&ctl->arenas[i]);
	for (i = 0; i < ctl->n_sockets; i++) {
		struct fastmem_arena *arena = arena_near(ctl, t, i);

		have -= fastmem_arena_bytes(arena);
		if (fastmem_arena_reserve(arena, size > have ? size - have : 0) == 0)
			return 0;
		have += fastmem_arena_bytes(arena);
	}
	return -ENOMEM;
}

int
rte_fastmem_reserve(size_t size, int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_arena *arena = NULL;
	struct fastmem_tcache *t;
	int ret;

	if (ctl == NULL)
		return -EINVAL;
	if (socket_id != SOCKET_ID_ANY && (arena = arena_of(ctl, socket_id)) == NULL)
		return -EINVAL;
	t = fastmem_tcache_self(true);
	ret = arena != NULL ? fastmem_arena_reserve(arena, size) : reserve_any(ctl, t, size);
	/* Last: the memory has taken descriptors from it. */
	fastmem_meta_stock();
	return ret;
}

int
rte_fastmem_set_limit(int socket_id, size_t max_bytes)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	bool found = false;
	unsigned int i;

	if (ctl == NULL)
		return -EINVAL;
	for (i = 0; i < ctl->n_sockets; i++) {
		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		/* Read under arena.grow or without it: a limit is no synchronisation. */
		__atomic_store_n(&ctl->arenas[i].limit, max_bytes, __ATOMIC_RELAXED);
		found = true;
	}
	return found ? 0 : -EINVAL;
}

size_t
rte_fastmem_get_limit(int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	size_t sum = 0;
	unsigned int i;

	if (ctl == NULL)
		return 0;
	for (i = 0; i < ctl->n_sockets; i++) {
		size_t limit = __atomic_load_n(&ctl->arenas[i].limit, __ATOMIC_RELAXED);

		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		sum = limit > SIZE_MAX - sum ? SIZE_MAX : sum + limit;
	}
	return sum;
}

void
rte_fastmem_cache_flush(void)
{
	struct fastmem_tcache *t;

	if (fastmem_ctl_get() != NULL && (t = fastmem_tcache_self(false)) != NULL)
		fastmem_tcache_flush(t, false);
}

void
rte_fastmem_thread_idle(void)
{
	struct fastmem_tcache *t;

	if (fastmem_ctl_get() != NULL && (t = fastmem_tcache_self(false)) != NULL)
		fastmem_tcache_flush(t, true);
}

size_t
rte_fastmem_trim(size_t keep_bytes, int socket_id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	size_t given = 0;
	unsigned int i;

	if (ctl == NULL)
		return 0;
	fastmem_quarantine_flush(NULL);
	rte_fastmem_cache_flush();
	fastmem_peers_take_back(ctl);
	fastmem_pools_shrink(ctl, socket_id);
	for (i = 0; i < ctl->n_sockets; i++) {
		if (socket_id != SOCKET_ID_ANY && socket_id != ctl->arenas[i].socket_id)
			continue;
		fastmem_depots_drain(&ctl->arenas[i]);
		given += fastmem_arena_trim(&ctl->arenas[i], keep_bytes, true);
	}
	return given;
}

/*
 * By as much as the use has grown since the last call, it may grow until the
 * next: that shall be there. What was free all the time, beyond that, may go.
 */
static int
arena_maintain(struct fastmem_arena *arena)
{
	uint64_t used, growth, idle, keep, n_free;

	fastmem_depots_drain_idle(arena);

	fastmem_arena_lock(arena);
	n_free = arena->n_free;
	used = arena->n_granules - n_free;
	growth = used - RTE_MIN(used, arena->n_used_seen);
	idle = arena->min_free;
	keep = arena->n_granules - idle + growth;
	arena->n_used_seen = used;
	arena->min_free = n_free;
	fastmem_mutex_unlock(&arena->lock);

	if (n_free < growth)
		return fastmem_arena_grow_by(arena, growth - n_free);
	if (idle > growth)
		fastmem_arena_trim(arena, keep << RTE_FASTMEM_GRANULE_SHIFT, false);
	return 0;
}

int
rte_fastmem_maintain(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int i;
	int ret = 0;

	if (ctl == NULL)
		return -ENODEV;
	fastmem_tcache_self(true);
	fastmem_peers_take_back(ctl);
	fastmem_pools_shrink(ctl, SOCKET_ID_ANY);
	if (fastmem_meta_stock() != 0)
		ret = -ENOMEM;
	for (i = 0; i < ctl->n_sockets; i++)
		if (arena_maintain(&ctl->arenas[i]) != 0)
			ret = -ENOMEM;
	return ret;
}

/* Size classes. */

size_t
rte_fastmem_max_size(void)
{
	return RTE_FASTMEM_MAX_SIZE;
}

unsigned int
rte_fastmem_classes(size_t *sizes)
{
	unsigned int i;

	for (i = 0; sizes != NULL && i < RTE_FASTMEM_N_CLASSES; i++)
		sizes[i] = class_size(i);
	if (sizes != NULL)
		fastmem_track_wrote(sizes, RTE_FASTMEM_N_CLASSES * sizeof(sizes[0]));
	return RTE_FASTMEM_N_CLASSES;
}

/* The class of the size that a bin's slots have. */
unsigned int
fastmem_bin_class(const struct fastmem_bin *bin)
{
	unsigned int offset = (bin->id - 1) % FASTMEM_BINS_PER_SOCKET;

	return offset < RTE_FASTMEM_N_CLASSES ? offset : rte_fastmem_class(bin->slot_size, 0);
}

/*
 * The bin of a request, counted from the first bin of a socket. Returns 0, or
 * the negative errno for what is wrong with the request.
 */
static int
bin_offset(size_t size, size_t align, unsigned int *offset)
{
	if (align != 0 && (align & (align - 1)) != 0)
		return -EINVAL;
	if (size > RTE_FASTMEM_MAX_SIZE || align > RTE_FASTMEM_MAX_SIZE)
		return -E2BIG;
	if (align <= FASTMEM_GRANULE) {
		*offset = rte_fastmem_class(size, align);
		return *offset < RTE_FASTMEM_N_CLASSES ? 0 : -E2BIG;
	}
	size = RTE_ALIGN_CEIL(RTE_MAX(size, (size_t)1), align);
	*offset = RTE_FASTMEM_N_CLASSES + overaligned_index(size, align);
	return 0;
}

/* Objects. */

/*
 * Where an allocation may take place: n bins, at the same offset on each socket
 * from the first one on.
 */
struct request {
	struct fastmem_ctl *ctl;
	struct fastmem_tcache *t;
	unsigned int offset;
	unsigned int first_socket;
	unsigned int n_sockets;
};

static struct fastmem_bin *
request_bin(const struct request *r, unsigned int i)
{
	unsigned int socket;

	RTE_ASSERT(r->ctl->n_sockets > 0);
	socket = (r->first_socket + i) % r->ctl->n_sockets;
	return &r->ctl->bins[r->ctl->arenas[socket].first_bin + r->offset];
}

/* Fill in a request. Returns 0 or a negative errno. */
static int
request_init(struct request *r, size_t size, size_t align, unsigned int flags, int socket_id)
{
	int ret;

	r->ctl = fastmem_ctl_get();
	if (r->ctl == NULL)
		return -ENODEV;
	ret = bin_offset(size, align, &r->offset);
	if (ret != 0)
		return ret;
	r->t = fastmem_tcache_self((flags & RTE_FASTMEM_F_NOGROW) == 0);
	if (socket_id == SOCKET_ID_ANY) {
		r->first_socket = r->t != NULL ? r->t->socket : 0;
		r->n_sockets = r->ctl->n_sockets;
	} else {
		struct fastmem_arena *arena = arena_of(r->ctl, socket_id);

		if (arena == NULL)
			return -EINVAL;
		r->first_socket = arena - r->ctl->arenas;
		r->n_sockets = 1;
	}
	return 0;
}

/* A request for what a handle stands for. */
static int
request_by_handle(struct request *r, rte_fastmem_handle_t handle, unsigned int flags)
{
	unsigned int bin = handle & RTE_FASTMEM_HANDLE_BIN;

	r->ctl = fastmem_ctl_get();
	if (r->ctl == NULL)
		return -ENODEV;
	if (bin == 0 || bin >= r->ctl->first_pool_bin)
		return -EINVAL;
	r->t = fastmem_tcache_self((flags & RTE_FASTMEM_F_NOGROW) == 0);
	r->first_socket = (bin - 1) / FASTMEM_BINS_PER_SOCKET;
	r->offset = (bin - 1) % FASTMEM_BINS_PER_SOCKET;
	r->n_sockets = (handle & (RTE_FASTMEM_HANDLE_ANY | HANDLE_ALL_SOCKETS)) != 0 &&
		(handle & HANDLE_ONE_SOCKET) == 0 ? r->ctl->n_sockets : 1;
	return 0;
}

/* Take back what waits, what the caches and depots of these sockets hold, and dead processes. */
static void
request_reclaim(const struct request *r)
{
	unsigned int i;

	fastmem_quarantine_flush(NULL);
	if (r->t != NULL)
		fastmem_tcache_flush(r->t, false);
	/* The order of locks: this thread may have that of an arena's growth. */
	if (fastmem_growth_held == 0)
		fastmem_peers_take_back(r->ctl);
	for (i = 0; i < r->n_sockets; i++)
		fastmem_depots_drain(&r->ctl->arenas[request_bin(r, i)->socket]);
}

/* n objects into an array of the callers; NULL array: not possible. 0 or -ENOMEM. */
static int
request_serve(const struct request *r, void **objs, unsigned int n, unsigned int flags)
{
	bool reclaimed = false;
	unsigned int i;

	for (;;) {
		for (i = 0; i < r->n_sockets; i++) {
			struct fastmem_bin *bin = request_bin(r, i);

			if (n == 1) {
				objs[0] = fastmem_cache_alloc(r->t, bin, flags);
				if (objs[0] != NULL)
					return 0;
			} else if (fastmem_cache_alloc_bulk(r->t, bin, objs, n, flags)) {
				return 0;
			}
		}
		if (reclaimed)
			break;
		request_reclaim(r);
		reclaimed = true;
	}
	fastmem_cache_nomem(r->t, request_bin(r, 0), n);
	return -ENOMEM;
}

static void *
request_one(const struct request *r, size_t zero, unsigned int flags)
{
	void *obj;

	if (request_serve(r, &obj, 1, flags) != 0) {
		rte_errno = ENOMEM;
		return NULL;
	}
	if (flags & RTE_FASTMEM_F_ZERO)
		memset(obj, 0, zero);
	return obj;
}

/* Whether so many objects could be there at all: if not, no memory is grown in vain. */
static bool
request_is_possible(const struct request *r, unsigned int n)
{
	return (uint64_t)n * request_bin(r, 0)->slot_size <=
		r->ctl->n_granules << RTE_FASTMEM_GRANULE_SHIFT;
}

/* The caller's array is written to when all objects are there, not before. */
static int
request_bulk(const struct request *r, void **ptrs, unsigned int n, size_t zero,
		unsigned int flags)
{
	void *few[BULK_ON_STACK];
	void **objs = few;
	int ret;

	if (n == 0)
		return 0;
	if (n > RTE_DIM(few))
		objs = request_is_possible(r, n) ? malloc(n * sizeof(objs[0])) : NULL;
	if (objs == NULL) {
		fastmem_cache_nomem(r->t, request_bin(r, 0), n);
		return -ENOMEM;
	}
	ret = request_serve(r, objs, n, flags);
	if (ret == 0) {
		if (flags & RTE_FASTMEM_F_ZERO)
			rte_fastmem_zero_bulk(objs, n, zero);
		memcpy(ptrs, objs, n * sizeof(objs[0]));
	}
	if (objs != few)
		free(objs);
	return ret;
}

/* Checked calls: the slot that an object needs of the layers below, made an object. */

/* Bytes and alignment that a handle stands for: or more than was asked for, if that is not known. */
static void
handle_size(const struct fastmem_ctl *ctl, rte_fastmem_handle_t handle, size_t *size,
		size_t *align)
{
	const struct fastmem_bin *bin = &ctl->bins[handle & RTE_FASTMEM_HANDLE_BIN];
	size_t slot_size = bin->slot_size;

	*align = bin->slab_align > 1 ? bin->slab_align * FASTMEM_GRANULE :
		RTE_MIN(slot_size & -slot_size, FASTMEM_GRANULE);
	*size = slot_size - (handle >> HANDLE_SLACK_SHIFT);
}

static int
checked_serve(struct request *r, const struct fastmem_shape *shape, void **objs, unsigned int n,
		unsigned int flags)
{
	const unsigned int wanted = flags;
	unsigned int i;
	void *one; /* objs is written to on success only */
	int ret;

	flags &= ~RTE_FASTMEM_F_ZERO;
	ret = n == 1 ? request_serve(r, &one, 1, flags) : request_bulk(r, objs, n, 0, flags);
	if (ret == 0 && n == 1)
		objs[0] = one;
	for (i = 0; ret == 0 && i < n; i++)
		objs[i] = fastmem_debug_take(objs[i], shape, wanted);
	if (ret == 0)
		fastmem_track_wrote(objs, n * sizeof(objs[0]));
	return ret;
}

static int
checked_alloc(void **objs, unsigned int n, size_t size, size_t align, unsigned int flags,
		int socket_id)
{
	struct fastmem_shape shape;
	struct request r;
	unsigned int offset;
	/* What is wrong with the request is so without the zones. */
	int ret = size <= RTE_FASTMEM_MAX_SIZE ? 0 : bin_offset(size, align, &offset);

	if (ret == 0) {
		shape = fastmem_debug_shape(size, align);
		ret = request_init(&r, shape.slot, align, flags, socket_id);
	}
	return ret != 0 ? ret : checked_serve(&r, &shape, objs, n, flags);
}

static void *
checked_alloc_one(size_t size, size_t align, unsigned int flags, int socket_id)
{
	void *obj;
	int ret = checked_alloc(&obj, 1, size, align, flags, socket_id);

	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	return obj;
}

/* By handle: r is made for it. */
static int
checked_halloc(struct request *r, rte_fastmem_handle_t handle, void **objs, unsigned int n,
		unsigned int flags)
{
	struct fastmem_shape shape;
	size_t size, align;
	int ret;

	handle_size(r->ctl, handle, &size, &align);
	shape = fastmem_debug_shape(size, align);
	shape.align = FASTMEM_BY_HANDLE | request_bin(r, 0)->slot_size;
	ret = bin_offset(shape.slot, align, &r->offset);
	return ret != 0 ? ret : checked_serve(r, &shape, objs, n, flags);
}

/* A checked object in place of one that would not be. NULL: none is due, or to be had. */
static void *
sampled_alloc(struct request *r, size_t size, size_t align, bool by_handle, unsigned int flags)
{
	struct fastmem_shape shape;
	struct fastmem_bin *bin;
	void *slot;

	if (!fastmem_sampling() || !fastmem_sample_due(r->t, request_bin(r, 0)))
		return NULL;
	shape = fastmem_debug_shape(size, align);
	if (by_handle)
		shape.align = FASTMEM_BY_HANDLE | request_bin(r, 0)->slot_size;
	bin = fastmem_sample_bin(request_bin(r, 0)->socket, shape.slot, align);
	slot = bin != NULL ? fastmem_cache_alloc(r->t, bin, flags) : NULL;
	return slot != NULL ? fastmem_debug_take(slot, &shape, flags) : NULL;
}

/* The same in place of one of many that there are. */
static void
sampled_exchange(struct request *r, void **obj, size_t size, size_t align, bool by_handle,
		unsigned int flags)
{
	void *sampled = sampled_alloc(r, size, align, by_handle, flags);
	struct rte_fastmem_cache *c;

	if (sampled == NULL)
		return;
	c = &r->t->caches[rte_fastmem_bin_of(*obj)];
	rte_fastmem_free_slow(*obj);
	/* It was never the caller's: with this, it is counted neither as allocated nor as freed. */
	RTE_FASTMEM_ADD(c->n_alloc, -1);
	*obj = sampled;
}

/* Whether an object is checked. */
static bool
is_checked(const struct fastmem_ctl *ctl, const void *ptr)
{
	return fastmem_debug_on() ||
		(fastmem_sampling() && ctl->bins[rte_fastmem_bin_of(ptr)].sampled);
}

static void free_bulk_one_by_one(struct fastmem_ctl *ctl, void *const *ptrs, unsigned int n);

static void
checked_free_bulk(void *const *ptrs, unsigned int n, const struct fastmem_expect *expect)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (ptrs[i] == NULL)
			continue;
		if (is_checked(fastmem_ctl(), ptrs[i]))
			fastmem_debug_free(ptrs[i], expect);
		else
			free_bulk_one_by_one(fastmem_ctl(), &ptrs[i], 1);
	}
	if (fastmem_sampling())
		fastmem_thread_freed();
}

static const struct fastmem_expect expect_nothing = { .what = FASTMEM_EXPECT_NOTHING };

/* What is to be freed if a handle is right. */
static struct fastmem_expect
expect_handle(const struct fastmem_ctl *ctl, rte_fastmem_handle_t handle)
{
	return (struct fastmem_expect){
		.what = FASTMEM_EXPECT_CLASS,
		.size = ctl->bins[handle & RTE_FASTMEM_HANDLE_BIN].slot_size,
	};
}

void *
rte_fastmem_alloc_slow(size_t size, size_t align, unsigned int flags, int socket_id)
{
	struct request r;
	void *obj;
	int ret;

	/* In a secondary's first call, the level comes with this. */
	if (fastmem_ctl_get() != NULL && fastmem_debug_on())
		return checked_alloc_one(size, align, flags, socket_id);
	ret = request_init(&r, size, align, flags, socket_id);
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	obj = sampled_alloc(&r, size, align, false, flags);
	return obj != NULL ? obj : request_one(&r, size, flags);
}

int
rte_fastmem_alloc_bulk_slow(void **ptrs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id)
{
	struct request r;
	int ret;

	if (fastmem_ctl_get() != NULL && fastmem_debug_on())
		return checked_alloc(ptrs, n, size, align, flags, socket_id);
	ret = request_init(&r, size, align, flags, socket_id);
	if (ret == 0)
		ret = request_bulk(&r, ptrs, n, size, flags);
	if (ret == 0 && n > 0)
		sampled_exchange(&r, &ptrs[0], size, align, false, flags);
	return ret;
}

/* Objects that are all of one bin, which is not bin 0. */
static void
free_to_bin(struct fastmem_ctl *ctl, unsigned int bin, void *const *ptrs, unsigned int n)
{
	struct fastmem_tcache *t;

	if (rte_fastmem_push_bulk(&rte_fastmem_tls.caches[bin], ptrs, n))
		return;
	RTE_ASSERT(ctl != NULL); /* without, the map that the bin is from is empty */
	t = fastmem_tcache_self(bin < ctl->first_pool_bin);
	fastmem_caches_lock(&ctl->bins[bin]);
	if (n == 1)
		fastmem_cache_free(t, &ctl->bins[bin], ptrs[0]);
	else
		fastmem_cache_free_bulk(t, &ctl->bins[bin], ptrs, n);
	fastmem_caches_unlock(&ctl->bins[bin]);
}

/* Whether all objects are of one bin. Neighbours often share a granule: one look-up then. */
bool
rte_fastmem_same_bin_slow(void *const *ptrs, unsigned int n)
{
	unsigned int bin = rte_fastmem_bin_of(ptrs[0]);
	unsigned int i = 0;

	for (; i + 4 <= n; i += 4) {
		uintptr_t p = (uintptr_t)ptrs[i];
		uintptr_t differ = (p ^ (uintptr_t)ptrs[i + 1]) | (p ^ (uintptr_t)ptrs[i + 2]) |
			(p ^ (uintptr_t)ptrs[i + 3]);

		if (rte_fastmem_bin_of(ptrs[i]) != bin)
			return false;
		if (differ >> RTE_FASTMEM_GRANULE_SHIFT != 0 && (
				rte_fastmem_bin_of(ptrs[i + 1]) != bin ||
				rte_fastmem_bin_of(ptrs[i + 2]) != bin ||
				rte_fastmem_bin_of(ptrs[i + 3]) != bin))
			return false;
	}
	for (; i < n; i++)
		if (rte_fastmem_bin_of(ptrs[i]) != bin)
			return false;
	return true;
}

static void
free_bulk_one_by_one(struct fastmem_ctl *ctl, void *const *ptrs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned int bin = rte_fastmem_bin_of(ptrs[i]);

		if (bin != 0)
			free_to_bin(ctl, bin, &ptrs[i], 1);
		else if (ptrs[i] != NULL)
			FASTMEM_LOG(ERR, "free of %p, which is not an object of fastmem; ignored",
				ptrs[i]);
	}
}

void
rte_fastmem_free_bulk_slow(void **ptrs, unsigned int n)
{
	/* In a secondary's first call, the map comes with this. */
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int bin;

	if (n == 0)
		return;
	/* After the primary's deinit, the map still knows what was an object. */
	if (ctl == NULL && fastmem_process_state() >= FASTMEM_PROCESS_CLOSED)
		return;
	if (ctl != NULL && (fastmem_debug_on() || fastmem_sampling())) {
		checked_free_bulk(ptrs, n, &expect_nothing);
		return;
	}
	bin = rte_fastmem_bin_of(ptrs[0]);
	if (bin != 0 && rte_fastmem_same_bin_slow(ptrs, n))
		free_to_bin(ctl, bin, ptrs, n);
	else
		free_bulk_one_by_one(ctl, ptrs, n);
}

void
rte_fastmem_free_slow(void *ptr)
{
	if (ptr == NULL)
		return;
	if (fastmem_ctl_get() != NULL && fastmem_debug_on())
		fastmem_debug_free(ptr, &expect_nothing);
	else
		rte_fastmem_free_bulk_slow(&ptr, 1);
}

void
rte_fastmem_free_sized_slow(void *ptr, size_t size, size_t align)
{
	const struct fastmem_expect expect = {
		.what = FASTMEM_EXPECT_SIZE, .size = size, .align = align,
	};

	if (fastmem_ctl_get() != NULL && (fastmem_debug_on() || fastmem_sampling()))
		checked_free_bulk(&ptr, 1, &expect);
	else
		rte_fastmem_free_slow(ptr);
}

void
rte_fastmem_hfree_slow(rte_fastmem_handle_t handle, void *ptr)
{
	rte_fastmem_hfree_bulk_slow(handle, &ptr, 1);
}

void
rte_fastmem_hfree_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();

	if (ctl != NULL && (fastmem_debug_on() || fastmem_sampling())) {
		struct fastmem_expect expect = expect_handle(ctl, handle);

		checked_free_bulk(ptrs, n, &expect);
	} else if (n != 1 || ptrs[0] != NULL) {
		rte_fastmem_free_bulk_slow(ptrs, n);
	}
}

static void *
realloc_move(void *old, size_t old_size, size_t size, size_t align, int socket_id)
{
	void *new = rte_fastmem_alloc_slow(size, align, 0, socket_id);

	if (new == NULL)
		return NULL;
	memcpy(new, old, RTE_MIN(old_size, size));
	rte_fastmem_free_slow(old);
	return new;
}

void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	const struct fastmem_bin *bin;
	unsigned int offset, id;
	int ret;

	if (ptr == NULL)
		return rte_fastmem_alloc_slow(size, align, 0, SOCKET_ID_ANY);
	ret = ctl == NULL ? -ENODEV : bin_offset(size, align, &offset);
	if (ret == 0) {
		id = rte_fastmem_bin_of(ptr);
		if (id == 0)
			ret = -EINVAL;
		if (id == 0 && fastmem_debug_on())
			fastmem_report_pointer(RTE_FASTMEM_ERROR_REALLOC, NULL, NULL, NULL, ptr);
	}
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	if (size == 0) {
		rte_fastmem_free_slow(ptr);
		rte_errno = 0;
		return NULL;
	}
	bin = &ctl->bins[id];
	if (is_checked(ctl, ptr)) {
		size_t old_size;

		if (!fastmem_debug_resize(ptr, &old_size)) {
			rte_errno = EINVAL;
			return NULL;
		}
		return realloc_move(ptr, old_size, size, align,
			ctl->arenas[bin->socket].socket_id);
	}
	if (id == ctl->arenas[bin->socket].first_bin + offset)
		return ptr;
	return realloc_move(ptr, bin->slot_size - bin->header, size, align,
			ctl->arenas[bin->socket].socket_id);
}

size_t
rte_fastmem_usable_size(const void *ptr)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	unsigned int id = rte_fastmem_bin_of(ptr);

	if (ctl == NULL || id == 0)
		return 0;
	if (is_checked(ctl, ptr))
		return fastmem_debug_usable(&ctl->bins[id], ptr);
	return ctl->bins[id].slot_size - ctl->bins[id].header;
}

bool
rte_fastmem_contains(const void *ptr)
{
	return fastmem_ctl_get() != NULL && rte_fastmem_bin_of(ptr) != 0;
}

rte_iova_t
rte_fastmem_virt2iova(const void *ptr)
{
	rte_iova_t iova;

	if (!rte_fastmem_contains(ptr))
		return RTE_BAD_IOVA;
	if (fastmem_process.iova_is_va)
		return (uintptr_t)ptr;
	iova = fastmem_granule(fastmem_granule_index(ptr))->iova;
	return iova != RTE_BAD_IOVA ? iova + ((uintptr_t)ptr & (FASTMEM_GRANULE - 1)) : iova;
}

/* Handles. */

/*
 * With checking, an object is to be as large as was asked for. When sampling, what is freed
 * by handle may be of another bin than that, so its bin is looked up; when all is checked,
 * the slow path is to see the handle.
 */
static rte_fastmem_handle_t
checked_handle(const struct fastmem_bin *bin, size_t size, unsigned int n_sockets)
{
	rte_fastmem_handle_t handle = bin->id;
	size_t slack = bin->slot_size - size;

	handle |= n_sockets > 1 ? HANDLE_ALL_SOCKETS : HANDLE_ONE_SOCKET;
	if (fastmem_sampling())
		handle |= RTE_FASTMEM_HANDLE_ANY;
	return handle | (slack <= HANDLE_SLACK_MAX ? slack << HANDLE_SLACK_SHIFT : 0);
}

int
rte_fastmem_hlookup(size_t size, size_t align, int socket_id, rte_fastmem_handle_t *handle)
{
	struct request r;
	int ret;

	if (handle == NULL)
		return -EINVAL;
	ret = request_init(&r, size, align, 0, socket_id);
	if (ret != 0)
		return ret == -ENODEV ? -EINVAL : ret;
	*handle = request_bin(&r, 0)->id;
	if (r.n_sockets > 1)
		*handle |= RTE_FASTMEM_HANDLE_ANY;
	if (fastmem_debug_on() || fastmem_sampling())
		*handle = checked_handle(request_bin(&r, 0), size, r.n_sockets);
	fastmem_track_wrote(handle, sizeof(*handle));
	return 0;
}

void *
rte_fastmem_halloc_slow(rte_fastmem_handle_t handle, unsigned int flags)
{
	struct request r;
	size_t size, align;
	void *obj = NULL;
	int ret = request_by_handle(&r, handle, flags);

	if (ret == 0 && fastmem_debug_on())
		ret = checked_halloc(&r, handle, &obj, 1, flags);
	if (ret != 0) {
		rte_errno = -ret;
		return NULL;
	}
	if (fastmem_sampling()) {
		handle_size(r.ctl, handle, &size, &align);
		obj = sampled_alloc(&r, size, align, true, flags);
	}
	return obj != NULL ? obj : request_one(&r, request_bin(&r, 0)->slot_size, flags);
}

int
rte_fastmem_halloc_bulk_slow(rte_fastmem_handle_t handle, void **ptrs, unsigned int n,
		unsigned int flags)
{
	struct request r;
	int ret = request_by_handle(&r, handle, flags);

	if (ret == 0 && fastmem_debug_on())
		return checked_halloc(&r, handle, ptrs, n, flags);
	if (ret == 0)
		ret = request_bulk(&r, ptrs, n, request_bin(&r, 0)->slot_size, flags);
	if (ret == 0 && n > 0 && fastmem_sampling()) {
		size_t size, align;

		handle_size(r.ctl, handle, &size, &align);
		sampled_exchange(&r, &ptrs[0], size, align, true, flags);
	}
	return ret;
}
