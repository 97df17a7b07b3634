/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The processes that share fastmem, and what dead ones leave behind.
 *
 * A process has a number, and holds a lock on the byte of that number in a file
 * in EAL's runtime directory. The kernel drops it when the process ends, however
 * it does, after its last thread has stopped. Unlike a process id, such a lock is
 * not reused, and is seen from other PID namespaces. The file also says where the
 * shared state is, as looking for a memzone would take a lock of EAL's that does
 * not survive its holder.
 *
 * What a dead process owned carries its number: thread caches, magazines (by the
 * ids of these caches) and runs of granules. Taking it back can be interrupted by
 * the death of whoever does it, and is begun anew by the next.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_memory.h>

#include "fastmem_private.h"

#define PEERS_FILE "fastmem_peers"
#define PEERS_MAGIC UINT64_C(0x315245455046)

/*
 * The start of the file; the granule map follows (fastmem_meta.c). The lock of process i is on
 * the byte at LOCKS + i, which is never written.
 */
struct peers_file {
	uint64_t magic;
	uint64_t ctl; /* address */
};
#define LOCKS 4096

static void
peers_path(char *path, size_t n)
{
	snprintf(path, n, "%s/" PEERS_FILE, rte_eal_get_runtime_dir());
}

static int
lock_op(int fd, int op, unsigned int i, struct flock *lock)
{
	*lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCKS + i,
		.l_len = 1 };
	return fcntl(fd, op, lock);
}

/* Whether process i lives. Without a file there is only this one. */
static bool
lock_is_held(int fd, unsigned int i)
{
	struct flock lock;

	/* If the kernel does not tell, better wait for its memory than take it from it. */
	return lock_op(fd, F_GETLK, i, &lock) != 0 || lock.l_type != F_UNLCK;
}

bool
fastmem_peer_alive(unsigned int i)
{
	return i == fastmem_process.peer ||
		(fastmem_process.peers_fd >= 0 && lock_is_held(fastmem_process.peers_fd, i));
}

/*
 * Whether the file is of another primary, which lives: EAL shares nothing of this
 * process then (--in-memory, --no-shconf), though it has the same --file-prefix.
 */
static bool
file_is_taken(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool taken;

	if (fd < 0)
		return false;
	taken = lock_is_held(fd, 0);
	close(fd);
	return taken;
}

/*
 * In the primary. A file of before is left to those who still have it open.
 * Returns 0; also without a file, which then nobody needs: in a process without
 * shared configuration, which EAL lets no other attach to.
 */
int
fastmem_peers_create(struct fastmem_ctl *ctl)
{
	struct peers_file head = { PEERS_MAGIC, (uintptr_t)ctl };
	struct flock lock;
	char path[PATH_MAX];
	int fd;

	fastmem_mutex_init(&ctl->peers_lock);
	fastmem_process.peers_fd = -1;
	fastmem_process.peer = 0;
	ctl->peers[0].pid = getpid();
	ctl->peers[0].state = FASTMEM_PEER_ATTACHED;
	peers_path(path, sizeof(path));
	if (file_is_taken(path))
		return 0;
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	fastmem_process.peers_fd = fd;
	if (fd < 0) {
		FASTMEM_LOG(DEBUG, "no file %s: %s; no other process can attach", path,
			strerror(errno));
		return 0;
	}
	/* Locked before it says anything. */
	if (lock_op(fd, F_SETLK, 0, &lock) != 0 ||
			pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head)) {
		FASTMEM_LOG(ERR, "cannot write %s: %s", path, strerror(errno));
		fastmem_peers_destroy();
		return -ENOMEM;
	}
	return 0;
}

/* In the primary, at deinit. */
void
fastmem_peers_destroy(void)
{
	char path[PATH_MAX];

	if (fastmem_process.peers_fd < 0)
		return;
	peers_path(path, sizeof(path));
	unlink(path);
	close(fastmem_process.peers_fd);
	fastmem_process.peers_fd = -1;
}

/*
 * In a secondary: find the shared state of a living primary. NULL: there is none.
 * The file stays open for fastmem_peers_join() or fastmem_peers_leave().
 */
struct fastmem_ctl *
fastmem_peers_open(void)
{
	struct peers_file head;
	char path[PATH_MAX];
	int fd;

	peers_path(path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	/* What a primary left behind that was killed points nowhere. */
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
			head.magic != PEERS_MAGIC || !lock_is_held(fd, 0) ||
			rte_mem_virt2memseg((void *)(uintptr_t)head.ctl, NULL) == NULL) {
		close(fd);
		return NULL;
	}
	fastmem_process.peers_fd = fd;
	return (struct fastmem_ctl *)(uintptr_t)head.ctl;
}

/* Taking back. */

/* Figures: read while others change them. */
static int64_t
get(const int64_t *figure)
{
	return __atomic_load_n(figure, __ATOMIC_RELAXED);
}

/* Book what an emptied thread cache has given out, less what came back, for its process. */
void
fastmem_peer_count_held(struct fastmem_ctl *ctl, struct fastmem_tcache *t, unsigned int peer)
{
	uint32_t i;

	for (i = 1; i < ctl->n_bins; i++) {
		int64_t live = t->caches[i].n_in;
		int64_t change = live - get(&t->counts[i].held_before);

		if (change == 0)
			continue;
		__atomic_store_n(&t->counts[i].held_before, live, __ATOMIC_RELAXED);
		__atomic_fetch_add(&ctl->peers[peer].held[i], change, __ATOMIC_RELAXED);
	}
}

static bool
is_of(const struct fastmem_tcache *t, unsigned int peer)
{
	/* Pairs with whoever made it the owner. */
	return __atomic_load_n(&t->owner, __ATOMIC_ACQUIRE) >> 32 == peer + 1;
}

/* Empty all magazines of an owner that is no more. */
static void
magazines_take_back(struct fastmem_ctl *ctl, uint32_t owner)
{
	uint32_t id, n = __atomic_load_n(&ctl->meta.n_magazines, __ATOMIC_ACQUIRE);

	for (id = 1; id <= n; id++) {
		struct fastmem_magazine *m = fastmem_magazine_by_id(id);

		/* It may be half-way into a depot, and another thread may complete that. */
		if (fastmem_magazine_seize(m, owner))
			fastmem_magazine_discard(m);
	}
}

static int64_t
held_bytes(const struct fastmem_ctl *ctl, const int64_t *held, int64_t *n_objects)
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

/* Under peers_lock: take back all that a process has that ended without saying so. */
static void
peer_take_back(struct fastmem_ctl *ctl, unsigned int i)
{
	struct fastmem_peer *peer = &ctl->peers[i];
	struct fastmem_tcache *t;
	int64_t bytes, n;
	uint32_t socket;

	/* First, as that may put objects into its magazines, or take them out. */
	fastmem_bins_repair(ctl);
	/* Pairs with the release in tcache_make(). */
	for (t = __atomic_load_n(&ctl->tcaches, __ATOMIC_ACQUIRE); t != NULL; t = t->next) {
		if (!is_of(t, i))
			continue;
		fastmem_tcache_close(t);
		magazines_take_back(ctl, t->id);
		fastmem_peer_count_held(ctl, t, i);
		/* Pairs with the acquire in tcache_reuse(). */
		MOVE(t->owner, 0);
	}
	magazines_take_back(ctl, FASTMEM_OWNER_PEER + i);
	for (socket = 0; socket < ctl->n_sockets; socket++)
		fastmem_runs_take_back(&ctl->arenas[socket], i);
	fastmem_pools_take_back(ctl, i);
	bytes = held_bytes(ctl, peer->held, &n);
	MOVE(peer->state, FASTMEM_PEER_GONE);
	if (n == 0 && bytes == 0)
		FASTMEM_LOG(INFO, "process %u has ended: its caches are taken back", peer->pid);
	else
		FASTMEM_LOG(NOTICE, "process %u has ended: its caches are taken back; allocated less "
			"freed: %" PRId64 " objects, %" PRId64 " bytes", peer->pid, n, bytes);
}

void
fastmem_peers_lock(struct fastmem_ctl *ctl)
{
	/* Whatever the last holder did is done once more. */
	if (fastmem_mutex_lock(&ctl->peers_lock))
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
	if (fastmem_process.peers_fd < 0)
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
			(held_bytes(ctl, ctl->peers[i].held, &n) != 0 || n != 0));
}

/* The number for a new process: best one that nothing is remembered of. -1: none is free. */
static int
free_number(const struct fastmem_ctl *ctl)
{
	int best = -1;
	unsigned int i;

	for (i = 0; i < FASTMEM_MAX_PEERS; i++) {
		if (!is_remembered(ctl, i))
			return i;
		if (best < 0 && ctl->peers[i].state == FASTMEM_PEER_GONE)
			best = i;
	}
	return best;
}

/* In a secondary. Returns 0 or -ENOSPC. */
int
fastmem_peers_join(struct fastmem_ctl *ctl)
{
	static bool told;
	struct fastmem_peer *peer;
	struct flock lock;
	uint32_t bin;
	int i;

	fastmem_peers_lock(ctl);
	take_back_all(ctl);
	i = free_number(ctl);
	if (i < 0 || lock_op(fastmem_process.peers_fd, F_SETLK, i, &lock) != 0) {
		fastmem_mutex_unlock(&ctl->peers_lock);
		if (!told) /* each call comes here, and one line will do */
			FASTMEM_LOG(ERR, "no more than %u processes can share fastmem",
				FASTMEM_MAX_PEERS);
		told = true;
		return -ENOSPC;
	}
	peer = &ctl->peers[i];
	for (bin = 0; bin < ctl->n_bins; bin++)
		__atomic_store_n(&peer->held[bin], 0, __ATOMIC_RELAXED);
	peer->pid = getpid();
	peer->closed = 0;
	fastmem_process.peer = i;
	MOVE(peer->state, FASTMEM_PEER_ATTACHED);
	fastmem_mutex_unlock(&ctl->peers_lock);
	return 0;
}

/* In a secondary, whose threads have no caches any more; or before it has joined. ctl: NULL. */
void
fastmem_peers_leave(struct fastmem_ctl *ctl)
{
	if (ctl != NULL) {
		fastmem_peers_lock(ctl);
		MOVE(ctl->peers[fastmem_process.peer].state, FASTMEM_PEER_GONE);
		fastmem_mutex_unlock(&ctl->peers_lock);
	}
	if (fastmem_process.peers_fd >= 0)
		close(fastmem_process.peers_fd); /* and so unlocked */
	fastmem_process.peers_fd = -1;
}

/* Whether another process is attached, and lives. */
bool
fastmem_peers_others(struct fastmem_ctl *ctl)
{
	unsigned int i;

	if (fastmem_process.peers_fd < 0)
		return false;
	for (i = 0; i < FASTMEM_MAX_PEERS; i++)
		/* Pairs with the release when it joined. */
		if (i != fastmem_process.peer &&
				__atomic_load_n(&ctl->peers[i].state, __ATOMIC_ACQUIRE) ==
					FASTMEM_PEER_ATTACHED && fastmem_peer_alive(i))
			return true;
	return false;
}

/* The interface. */

static void
peer_held(const struct fastmem_ctl *ctl, unsigned int i, int64_t *held, uint32_t *n_threads)
{
	const struct fastmem_peer *peer = &ctl->peers[i];
	const struct fastmem_tcache *t;
	const uint32_t n_bins = ctl->n_bins;
	uint32_t bin;

	*n_threads = 0;
	for (bin = 0; bin < n_bins; bin++)
		held[bin] = get(&peer->held[bin]);
	for (t = __atomic_load_n(&ctl->tcaches, __ATOMIC_ACQUIRE); t != NULL; t = t->next) {
		if (!is_of(t, i))
			continue;
		++*n_threads;
		for (bin = 1; bin < n_bins; bin++)
			held[bin] += fastmem_cache_in_use(t, bin) - get(&t->counts[bin].held_before);
	}
}

unsigned int
rte_fastmem_processes(struct rte_fastmem_process *list, unsigned int n)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	int64_t held[RTE_FASTMEM_MAX_BINS];
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

int
rte_fastmem_process_classes(uint32_t pid, int64_t *objects)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	int64_t held[RTE_FASTMEM_MAX_BINS];
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
