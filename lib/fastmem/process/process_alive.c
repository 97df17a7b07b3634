/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Which processes live: what a process owns is taken back only when it is certainly dead.
 *
 * Process i holds a write lock on byte FASTMEM_LOCKS + i of a file in EAL's runtime directory. It
 * is a lock of an open file description, of which the process keeps a mapping and no descriptor.
 * So the lock lasts as long as the address space: the kernel drops it at exit or exec, after the
 * last thread has stopped, and nothing else does. Closing all descriptors, as daemons do, does
 * not; a forked child does not inherit it (MADV_DONTFORK). Other PID namespaces see it.
 *
 * A lock that is free does not prove a death by itself: file systems lose locks. A process
 * whose pid still has the same start time, and still maps the file, lives. Where that cannot
 * be known, as the process is in another PID namespace, the lock decides. Where the lock cannot
 * be read, the process is taken to live.
 *
 * Whoever attaches holds a read lock on the byte FASTMEM_GATE until it has a number. The primary
 * takes that byte for writing before it destroys the shared state, and looks for locked
 * numbers then. A process that leaves drops its lock when it has made its last access. So
 * destruction and attaching or leaving exclude each other without memory that goes away.
 * Modelled in models/attach.pml.
 *
 * The file also says where the shared state is, as looking for a memzone would take a lock of
 * EAL's that does not survive its holder. The granule map follows in it (fastmem_map.c).
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_memory.h>

#include "fastmem_private.h"

#define PEERS_MAGIC UINT64_C(0x325245455046)

struct peers_file {
	uint64_t magic;
	uint64_t ctl; /* address; 0: destroyed */
};

#define FILE_PAGE 4096
#define GATE_TRIES 1000 /* 100 us apart */

/* The locked open file description. Of this process alone: see fastmem_alive_forked(). */
static int holder_fd = -1; /* while attaching */
static void *holder; /* a mapping of it; after that */

/* Held while both change, and by forks: a child must not inherit what it does not know of. */
static pthread_mutex_t holder_lock = PTHREAD_MUTEX_INITIALIZER;

static void
peers_path(char *path, size_t n)
{
	snprintf(path, n, "%s/" FASTMEM_PEERS_FILE, rte_eal_get_runtime_dir());
}

static int
lock_op(int fd, int op, short type, off_t start, off_t n, struct flock *lock)
{
	*lock = (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = start,
		.l_len = n };
	return fcntl(fd, op, lock);
}

static int
lock_set(int fd, short type, off_t byte)
{
	struct flock lock;

	return lock_op(fd, F_OFD_SETLK, type, byte, 1, &lock);
}

/* Whether one of n processes from i on has its lock. If the kernel does not tell: yes. */
static bool
locks_are_held(int fd, unsigned int i, unsigned int n)
{
	struct flock lock;

	return lock_op(fd, F_OFD_GETLK, F_WRLCK, FASTMEM_LOCKS + i, n, &lock) != 0 ||
		lock.l_type != F_UNLCK;
}

/* Descriptors. */

static bool
is_peers_file(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == fastmem_process.peers_dev &&
		st.st_ino == fastmem_process.peers_ino;
}

static void
remember_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return;
	fastmem_process.peers_dev = st.st_dev;
	fastmem_process.peers_ino = st.st_ino;
	fastmem_process.peers_fd = fd;
	fastmem_process.is_shared = true;
}

/*
 * The descriptor of the file. The program may have closed it, and its number may be that of
 * another file by now: then it is left alone, and the file is opened again. -1: in vain.
 */
static int
peers_fd(void)
{
	int fd = rte_atomic_load_explicit(&fastmem_process.peers_fd, rte_memory_order_relaxed),
			again;
	char path[PATH_MAX];

	if (is_peers_file(fd))
		return fd;
	peers_path(path, sizeof(path));
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again < 0)
		return -1;
	/* Another thread may have done the same. */
	if (!is_peers_file(again) ||
			!rte_atomic_compare_exchange_strong_explicit(&fastmem_process.peers_fd, &fd,
			again, rte_memory_order_relaxed, rte_memory_order_relaxed)) {
		close(again);
		return is_peers_file(fd) ? fd : -1;
	}
	return again;
}

int
fastmem_alive_fd(void)
{
	return fastmem_process.is_shared ? peers_fd() : -1;
}

static void
holder_drop(void)
{
	fastmem_local_lock(&holder_lock, FASTMEM_LOCK_HOLDER);
	if (holder_fd >= 0)
		close(holder_fd);
	holder_fd = -1;
	if (holder != NULL)
		munmap(holder, FILE_PAGE);
	holder = NULL;
	fastmem_local_unlock(&holder_lock);
}

/* Forget the file, and unlock what this process has locked. */
static void
let_go(void)
{
	if (!fastmem_process.is_shared)
		return;
	/* Last: the primary may destroy the shared state from here on. */
	if (is_peers_file(fastmem_process.peers_fd))
		close(fastmem_process.peers_fd);
	fastmem_process.peers_fd = -1;
	fastmem_process.is_shared = false;
	holder_drop();
}

/* Under holder_lock. */
static int
open_and_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *page;

	if (fd < 0)
		return -errno;
	if (!is_peers_file(fd)) {
		close(fd);
		return -ENOENT;
	}
	page = mmap(NULL, FILE_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || madvise(page, FILE_PAGE, MADV_DONTFORK) != 0) {
		int ret = -errno;

		if (page != MAP_FAILED)
			munmap(page, FILE_PAGE);
		close(fd);
		return ret;
	}
	holder_fd = fd;
	holder = page;
	return 0;
}

/*
 * Open the file once more, for locks. A mapping will keep them, which children do not inherit.
 * Returns 0 or a negative errno.
 */
static int
holder_open(const char *path)
{
	int ret;

	fastmem_local_lock(&holder_lock, FASTMEM_LOCK_HOLDER);
	ret = open_and_map(path);
	fastmem_local_unlock(&holder_lock);
	return ret;
}

/* From here on, the mapping keeps the locks. */
static void
holder_close_fd(void)
{
	fastmem_local_lock(&holder_lock, FASTMEM_LOCK_HOLDER);
	close(holder_fd);
	holder_fd = -1;
	fastmem_local_unlock(&holder_lock);
}

bool
fastmem_peer_alive(unsigned int i)
{
	FASTMEM_UNCANCELLABLE;
	int fd;

	if (i == fastmem_process.peer)
		return true;
	if (!fastmem_process.is_shared)
		return false;
	fd = peers_fd();
	return fd < 0 || locks_are_held(fd, i, 1) || fastmem_alive_has_pid(&fastmem_ctl()->peers[i]);
}

/* The primary. */

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
	taken = locks_are_held(fd, 0, 1);
	close(fd);
	return taken;
}

static void
log_no_file(const char *path, int error)
{
	if (error == ENOSPC || error == EDQUOT)
		FASTMEM_LOG(ERR, "cannot write %s: %s. Make room in %s", path, strerror(error),
			rte_eal_get_runtime_dir());
	else
		FASTMEM_LOG(ERR, "cannot write %s: %s", path, strerror(error));
}

static int
file_create(const struct fastmem_ctl *ctl)
{
	struct peers_file head = { PEERS_MAGIC, (uintptr_t)ctl };
	char path[PATH_MAX];
	int fd, ret;

	peers_path(path, sizeof(path));
	if (file_is_taken(path))
		return 0;
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == ENOSPC || errno == EDQUOT)) {
		log_no_file(path, errno);
		return -ENOMEM;
	}
	if (fd < 0) {
		FASTMEM_LOG(DEBUG, "no file %s: %s; no other process can attach", path,
			strerror(errno));
		return 0;
	}
	remember_file(fd);
	/* Locked before it says anything. */
	ret = holder_open(path);
	if (ret == 0 && lock_set(holder_fd, F_WRLCK, FASTMEM_LOCKS) != 0)
		ret = -errno;
	if (ret == 0 && pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		ret = -errno;
	if (ret != 0) {
		log_no_file(path, -ret);
		fastmem_alive_remove();
		return -ENOMEM;
	}
	holder_close_fd();
	return 0;
}

/*
 * A file of before is left to those who still have it open. Returns 0; also without a
 * file, which then nobody needs: in a process without shared configuration, which EAL
 * lets no other attach to. Without room for it, -ENOMEM.
 */
int
fastmem_alive_create(struct fastmem_ctl *ctl)
{
	/* One process at a time: a file that is not locked yet would be taken for one of before. */
	int dir = open(rte_eal_get_runtime_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	while (dir >= 0 && flock(dir, LOCK_EX) != 0 && errno == EINTR)
		;
	ret = file_create(ctl);
	if (dir >= 0)
		close(dir);
	return ret;
}

/* A process that only looks whether there is something to attach to holds it for microseconds. */
static int
gate_shut(int fd)
{
	unsigned int tries = 0;

	while (lock_set(fd, F_WRLCK, FASTMEM_GATE) != 0) {
		if (++tries == GATE_TRIES)
			return -EBUSY;
		rte_delay_us_sleep(100);
	}
	return 0;
}

/*
 * Before the shared state is destroyed. Returns 0 if no other process is attached or attaching;
 * none can do so from then on. Else -EBUSY.
 */
int
fastmem_alive_shut(void)
{
	struct peers_file head = { PEERS_MAGIC, 0 };
	int fd;

	if (!fastmem_process.is_shared)
		return 0;
	fd = peers_fd();
	if (fd < 0 || gate_shut(fd) != 0)
		return -EBUSY;
	if (fastmem_alive_others() || pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head)) {
		lock_set(fd, F_UNLCK, FASTMEM_GATE);
		return -EBUSY;
	}
	return 0;
}

/* Whether another process is attached. */
bool
fastmem_alive_others(void)
{
	const unsigned int self = fastmem_process.peer;
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int i;
	int fd;

	if (!fastmem_process.is_shared)
		return false;
	fd = peers_fd();
	if (fd < 0 || locks_are_held(fd, self + 1, FASTMEM_MAX_PEERS - 1 - self) ||
			(self > 0 && locks_are_held(fd, 0, self)))
		return true;
	for (i = 0; i < FASTMEM_MAX_PEERS; i++)
		/* Pairs with the release when it joined. */
		if (rte_atomic_load_explicit(&ctl->peers[i].state, rte_memory_order_acquire) ==
				FASTMEM_PEER_ATTACHED && i != self && fastmem_alive_has_pid(&ctl->peers[i]))
			return true;
	return false;
}

void
fastmem_alive_remove(void)
{
	char path[PATH_MAX];

	if (!fastmem_process.is_shared)
		return;
	peers_path(path, sizeof(path));
	unlink(path);
	let_go();
}

/* A secondary. */

/*
 * Find the shared state of a living primary, which stays until fastmem_alive_entered(), and, once
 * a number was taken, until fastmem_alive_leave(). NULL: there is none.
 */
struct fastmem_ctl *
fastmem_alive_enter(void)
{
	struct peers_file head;
	char path[PATH_MAX];
	int fd;

	peers_path(path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	remember_file(fd);
	/* What a primary left behind that was killed points nowhere. */
	if (holder_open(path) != 0 || lock_set(holder_fd, F_RDLCK, FASTMEM_GATE) != 0 ||
			pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
			head.magic != PEERS_MAGIC || !locks_are_held(fd, 0, 1) ||
			rte_mem_virt2memseg((void *)(uintptr_t)head.ctl, NULL) == NULL) {
		let_go();
		return NULL;
	}
	return (struct fastmem_ctl *)(uintptr_t)head.ctl;
}

/* Returns 0, or -EAGAIN if that number is still somebody's. */
int
fastmem_alive_take(unsigned int i)
{
	return lock_set(holder_fd, F_WRLCK, FASTMEM_LOCKS + i) == 0 ? 0 : -EAGAIN;
}

/* The number that was taken keeps the shared state from now on. */
void
fastmem_alive_entered(void)
{
	lock_set(holder_fd, F_UNLCK, FASTMEM_GATE);
	holder_close_fd();
}

/* Nothing of the shared state is accessed after this. */
void
fastmem_alive_leave(void)
{
	let_go();
}

/* Forks. */

void
fastmem_alive_fork_begins(void)
{
	fastmem_local_lock(&holder_lock, FASTMEM_LOCK_HOLDER);
}

/* In the parent. */
void
fastmem_alive_fork_ends(void)
{
	fastmem_local_unlock(&holder_lock);
}

/* In the child. The locks stay with the parent, and so does the mapping, which is not here. */
void
fastmem_alive_forked(void)
{
	if (holder_fd >= 0)
		close(holder_fd);
	holder_fd = -1;
	holder = NULL;
	fastmem_local_unlock(&holder_lock);
}

/* The process may have another root directory by now; a descriptor needs none but for /proc. */
static int
holder_open_again(void)
{
	int fd = fastmem_process.peers_fd, ret = -ENOENT;
	char path[PATH_MAX];

	if (is_peers_file(fd)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ret = holder_open(path);
	}
	if (ret != 0) {
		peers_path(path, sizeof(path));
		ret = holder_open(path);
	}
	return ret;
}

/* In a child: lock the number that the parent had. Returns 0 or a negative errno. */
int
fastmem_alive_succeed(void)
{
	int ret;

	if (!fastmem_process.is_shared)
		return 0;
	ret = holder_open_again();
	if (ret == 0)
		ret = fastmem_alive_take(fastmem_process.peer);
	if (ret == 0)
		holder_close_fd();
	else
		holder_drop();
	return ret;
}
