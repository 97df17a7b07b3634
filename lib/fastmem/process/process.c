/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The processes that share fastmem, and what dead ones leave behind.
 *
 * A process has a number; process_alive.c tells which of them live. What a dead process owned
 * carries its number: thread caches, magazines (by the ids of these caches) and runs of
 * granules. Taking it back can be interrupted by the death of whoever does it, and is begun
 * anew by the next.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "fastmem_private.h"
#include "fastmem_trace.h"

#define NUMBER_TRIES 1000 /* of 100 us, for a number that is being given back */

/* Under peers_lock, but in the primary: the calling process has number i. */
static void
peer_enter(struct fastmem_ctl *ctl, unsigned int i)
{
	struct fastmem_peer *peer = &ctl->peers[i];

	fastmem_alive_describe(peer);
	peer->closed = 0;
	peer->nonce = ++ctl->n_attached;
	fastmem_process.peer = i;
	fastmem_process.nonce = peer->nonce;
	FASTMEM_MOVE(peer->state, FASTMEM_PEER_ATTACHED);
}

/* In the primary. Returns 0 or -ENOMEM. */
int
fastmem_peers_create(struct fastmem_ctl *ctl)
{
	fastmem_mutex_init(&ctl->peers_lock);
	peer_enter(ctl, 0);
	return fastmem_alive_create(ctl);
}

/* Taking back. */

/* Figures: read while others change them. */
static int64_t
get(const RTE_ATOMIC(int64_t) *figure)
{
	return rte_atomic_load_explicit(figure, rte_memory_order_relaxed);
}

static bool
is_of(const struct fastmem_tcache *t, unsigned int peer)
{
	/* Pairs with whoever made it the owner. */
	return rte_atomic_load_explicit(&t->owner, rte_memory_order_acquire) >> 32 == peer + 1;
}

/* Empty all magazines of an owner that is no more. Returns the bytes of their objects. */
static uint64_t
magazines_take_back(struct fastmem_ctl *ctl, uint32_t owner)
{
	uint64_t bytes = 0;
	/* Pairs with the release in magazine_add_block(). */
	uint32_t id, n = rte_atomic_load_explicit(&ctl->meta.n_magazines, rte_memory_order_acquire);

	for (id = 1; id <= n; id++) {
		struct fastmem_magazine *m = fastmem_magazine_by_id(id);

		/* It may be half-way into a depot, and another thread may complete that. */
		if (!fastmem_magazine_seize(m, owner))
			continue;
		bytes += (uint64_t)m->n * ctl->bins[m->bin].slot_size;
		fastmem_magazine_discard(m);
	}
	return bytes;
}

static int64_t
held_bytes(const struct fastmem_ctl *ctl, const RTE_ATOMIC(int64_t) *held, int64_t *n_objects)
{
	int64_t bytes = 0;
	uint32_t i;

	*n_objects = 0;
	for (i = 1; i < ctl->n_bins; i++) {
		int64_t n = get(&held[i]);

		*n_objects += n;
		bytes += n * ctl->bins[i].slot_size;
	}
	return bytes;
}

/*
 * Under peers_lock: take back all that the threads of a dead process had. Returns the bytes of the
 * objects that they had cached.
 */
static uint64_t
threads_take_back(struct fastmem_ctl *ctl, unsigned int i)
{
	struct fastmem_tcache *t;
	uint64_t bytes = 0;
	uint32_t socket;

	/* First, as that may put objects into its magazines, or take them out. */
	fastmem_bins_repair(ctl);
	FASTMEM_FOREACH_TCACHE(t, ctl) {
		if (!is_of(t, i))
			continue;
		fastmem_tcache_close(t);
		bytes += magazines_take_back(ctl, t->id);
		fastmem_peer_count_held(ctl, t, i);
		/* Pairs with the acquire in tcache_reuse(). */
		FASTMEM_MOVE(t->owner, 0);
	}
	bytes += magazines_take_back(ctl, FASTMEM_OWNER_PEER + i);
	for (socket = 0; socket < ctl->n_sockets; socket++)
		fastmem_runs_take_back(&ctl->arenas[socket], i);
	fastmem_process.up->pools_take_back(ctl, i);
	return bytes;
}

/*
 * cached: bytes that its caches had, and others can use now. n, bytes: what it has allocated, less
 * what it has freed. Processes may come and die by the second: one line in a while says so.
 */
static void
tell_taken_back(uint32_t pid, uint64_t cached, int64_t n, int64_t bytes)
{
	const bool all_freed = n <= 0 && bytes <= 0; /* less than 0: also of others' objects */
	static RTE_ATOMIC(uint64_t) last[2]; /* two, as the first line is not shown by default */

	if (!fastmem_log_due(&last[all_freed]))
		return;
	if (all_freed)
		FASTMEM_LOG(INFO, "process %u has ended: %" PRIu64 " bytes of its caches are taken "
			"back. It has freed no less than it has allocated", pid, cached);
	else
		FASTMEM_LOG(NOTICE, "process %u has ended: %" PRIu64 " bytes of its caches are taken "
			"back. It has allocated %" PRId64 " objects, %" PRId64 " bytes, more than it has "
			"freed. Free those that others do not use", pid, cached, n, bytes);
}

/* Under peers_lock: take back all that a process has that ended without saying so. */
static void
peer_take_back(struct fastmem_ctl *ctl, unsigned int i)
{
	struct fastmem_peer *peer = &ctl->peers[i];
	unsigned int socket;
	uint64_t cached = threads_take_back(ctl, i);
	int64_t bytes, n;

	for (socket = 0; socket < ctl->n_sockets; socket++) /* it may have died as it put something */
		fastmem_drain_undo(&ctl->arenas[socket]);
	bytes = held_bytes(ctl, fastmem_held(ctl, i), &n);
	FASTMEM_MOVE(peer->state, FASTMEM_PEER_GONE);
	FASTMEM_TRACE(process_ended, peer->pid, n, bytes);
	tell_taken_back(peer->pid, cached, n, bytes);
}

void
fastmem_peers_lock(struct fastmem_ctl *ctl)
{
	/* Whatever the last holder did is done once more. */
	if (fastmem_mutex_lock(&ctl->peers_lock, FASTMEM_LOCK_PEERS))
		fastmem_mutex_repaired(&ctl->peers_lock);
}

/* Under peers_lock. */
static void
take_back_all(struct fastmem_ctl *ctl)
{
	unsigned int i;

	for (i = 0; i < FASTMEM_MAX_PEERS; i++)
		if (ctl->peers[i].state == FASTMEM_PEER_ATTACHED && !fastmem_peer_alive(i))
			peer_take_back(ctl, i);
}

/* Take back all that dead processes have left. */
void
fastmem_peers_take_back(struct fastmem_ctl *ctl)
{
	FASTMEM_LOG_LATER;

	if (!fastmem_process.is_shared)
		return;
	fastmem_peers_lock(ctl);
	take_back_all(ctl);
	fastmem_mutex_unlock(&ctl->peers_lock);
}

/* Under peers_lock: whether process i is there, or ended with something to its account. */
static bool
is_remembered(const struct fastmem_ctl *ctl, unsigned int i)
{
	int64_t n;

	return ctl->peers[i].state == FASTMEM_PEER_ATTACHED ||
		(ctl->peers[i].state == FASTMEM_PEER_GONE &&
			(held_bytes(ctl, fastmem_held(ctl, i), &n) != 0 || n != 0));
}

/*
 * Under peers_lock. Lock a number for a new secondary, from 1 on: first one that nothing is
 * remembered of, then one of a process that is gone, then one that a dead process still has.
 * Returns a negative errno: -EAGAIN if one is about to become free, -ENOSPC if none is.
 */
static int
take_number(struct fastmem_ctl *ctl)
{
	int ret = -ENOSPC;
	unsigned int i;

	for (i = 1; i < FASTMEM_MAX_PEERS; i++)
		if (!is_remembered(ctl, i) && fastmem_alive_take(i) == 0)
			return i;
	for (i = 1; i < FASTMEM_MAX_PEERS; i++) {
		if (ctl->peers[i].state == FASTMEM_PEER_ATTACHED)
			continue;
		if (fastmem_alive_take(i) == 0)
			return i;
		ret = -EAGAIN; /* its process has still to unlock it, as the last it does */
	}
	for (i = 1; i < FASTMEM_MAX_PEERS; i++)
		if (!fastmem_peer_alive(i) && fastmem_alive_take(i) == 0)
			return i;
	return ret;
}

static int
join(struct fastmem_ctl *ctl)
{
	FASTMEM_LOG_LATER;
	int i;

	fastmem_peers_lock(ctl);
	i = take_number(ctl);
	if (i < 0) {
		fastmem_mutex_unlock(&ctl->peers_lock);
		return i;
	}
	/* If this process dies now, others find that the number's is dead. */
	fastmem_process.peer = i;
	if (ctl->peers[i].state == FASTMEM_PEER_ATTACHED)
		peer_take_back(ctl, i);
	if (fastmem_map_add_held(ctl, i) != 0) {
		fastmem_mutex_unlock(&ctl->peers_lock);
		return -ENOMEM;
	}
	peer_enter(ctl, i);
	take_back_all(ctl);
	fastmem_mutex_unlock(&ctl->peers_lock);
	return 0;
}

/* In a secondary. Returns 0, -ENOSPC or -ENOMEM. */
int
fastmem_peers_join(struct fastmem_ctl *ctl)
{
	static bool told;
	unsigned int tries = NUMBER_TRIES;
	int ret;

	fastmem_process.peer = FASTMEM_MAX_PEERS;
	while ((ret = join(ctl)) == -EAGAIN && tries-- > 0)
		rte_delay_us_sleep(100);
	if (ret == 0)
		return 0;
	if (!told && ret == -ENOMEM) /* each call comes here, and one line will do */
		FASTMEM_LOG(ERR, "no room in %s for another process. Make room there",
			rte_eal_get_runtime_dir());
	else if (!told)
		FASTMEM_LOG(ERR, "no more than %u processes can share fastmem",
			FASTMEM_MAX_PEERS);
	told = true;
	return ret == -ENOMEM ? -ENOMEM : -ENOSPC;
}

/* In a secondary, whose threads have no caches any more: nothing of ctl is accessed after this. */
void
fastmem_peers_leave(struct fastmem_ctl *ctl)
{
	fastmem_peers_lock(ctl);
	FASTMEM_MOVE(ctl->peers[fastmem_process.peer].state, FASTMEM_PEER_GONE);
	fastmem_mutex_unlock(&ctl->peers_lock);
	fastmem_alive_leave();
}

/*
 * In a forked child of the primary, which is dead. Its number is this process's now, with all that
 * it held; what its threads had in caches goes back. Returns 0 or a negative errno.
 */
int
fastmem_peers_succeed(struct fastmem_ctl *ctl)
{
	FASTMEM_LOG_LATER;
	struct fastmem_peer *peer = &ctl->peers[fastmem_process.peer];
	int ret;

	fastmem_peers_lock(ctl);
	ret = fastmem_alive_succeed();
	if (ret == 0) {
		/* Others may have done so already. */
		if (peer->state == FASTMEM_PEER_ATTACHED)
			threads_take_back(ctl, fastmem_process.peer);
		fastmem_alive_describe(peer);
		FASTMEM_MOVE(peer->state, FASTMEM_PEER_ATTACHED);
	}
	fastmem_mutex_unlock(&ctl->peers_lock);
	return ret;
}

/* The interface. */

static void
peer_held(const struct fastmem_ctl *ctl, unsigned int i, RTE_ATOMIC(int64_t) *held,
		uint32_t *n_threads)
{
	const RTE_ATOMIC(int64_t) *booked = fastmem_held(ctl, i);
	const struct fastmem_tcache *t;
	const uint32_t n_bins = ctl->n_bins;
	uint32_t bin;

	*n_threads = 0;
	for (bin = 0; bin < n_bins; bin++)
		held[bin] = get(&booked[bin]);
	FASTMEM_FOREACH_TCACHE(t, ctl) {
		if (!is_of(t, i))
			continue;
		++*n_threads;
		for (bin = 1; bin < n_bins; bin++) {
			const struct fastmem_counts *counts = fastmem_counts(t, bin);

			if (counts != NULL)
				held[bin] += fastmem_cache_in_use(t, bin) -
					get(&counts->held_before);
		}
	}
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_processes, 26.11)
unsigned int
rte_fastmem_processes(struct rte_fastmem_process *list, unsigned int n)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	RTE_ATOMIC(int64_t) held[RTE_FASTMEM_MAX_BINS]; /* as held_bytes() reads shared ones */
	unsigned int i, found = 0;

	if (ctl == NULL)
		return 0;
	fastmem_peers_take_back(ctl);
	fastmem_peers_lock(ctl);
	for (i = 0; i < FASTMEM_MAX_PEERS; i++) {
		const struct fastmem_peer *peer = &ctl->peers[i];
		struct rte_fastmem_process p = { .pid = peer->pid };

		if (!is_remembered(ctl, i))
			continue;
		peer_held(ctl, i, held, &p.n_threads);
		p.alive = peer->state == FASTMEM_PEER_ATTACHED;
		p.n_bytes = held_bytes(ctl, held, &p.n_objects);
		if (found < n)
			list[found] = p;
		found++;
	}
	fastmem_mutex_unlock(&ctl->peers_lock);
	return found;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_process_classes, 26.11)
int
rte_fastmem_process_classes(uint32_t pid, int64_t *objects)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	RTE_ATOMIC(int64_t) held[RTE_FASTMEM_MAX_BINS]; /* as held_bytes() reads shared ones */
	unsigned int i, bin;
	uint32_t n_threads;
	int ret = -ENOENT;

	if (objects == NULL)
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	memset(objects, 0, RTE_FASTMEM_N_CLASSES * sizeof(objects[0]));
	fastmem_peers_take_back(ctl);
	fastmem_peers_lock(ctl);
	/* A number may be of a dead process and a living one, in turn: both count. */
	for (i = 0; i < FASTMEM_MAX_PEERS; i++) {
		if (!is_remembered(ctl, i) || ctl->peers[i].pid != pid)
			continue;
		ret = 0;
		peer_held(ctl, i, held, &n_threads);
		for (bin = 1; bin < ctl->first_pool_bin; bin++)
			/* NOLINTNEXTLINE(clang-analyzer-core*): pools have the last of n_bins. */
			objects[fastmem_bin_class(&ctl->bins[bin])] += held[bin];
	}
	fastmem_mutex_unlock(&ctl->peers_lock);
	return ret;
}
