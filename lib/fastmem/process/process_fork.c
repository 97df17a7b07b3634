/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Children of fork() that do not exec.
 *
 * A child shares the objects and the caches with its parent, and has copies of what leads to
 * them. So fastmem stays the parent's: in the child, a handler of pthread_atfork() takes the
 * thread's caches away before anything else runs, and calls are refused.
 *
 * daemon(3) is a fork as well, of which the parent ends at once. When the parent is dead, and has
 * not ended fastmem before, a child succeeds it with its first call. Of several, it is the one
 * that writes its name first to a page that forked processes share. The first call in a
 * child waits for a moment, as the parent may be about to end.
 *
 * In the primary, the child takes the parent's number with all that is written there. In a
 * secondary it attaches as any other process, and so takes back what the parent had cached.
 *
 * Handlers do not run in vfork(), in _Fork(), and where a program calls clone(2) itself.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>

#include "fastmem_eal.h"
#include "fastmem_private.h"

#define WAIT_MS 1000

/* Shared by the processes that were forked from one another since one of them began. */
struct succession {
	RTE_ATOMIC(uint64_t) name; /* of the process that has fastmem; 0: it has ended fastmem */
};

static struct succession *succession; /* NULL: nobody succeeds. Under life_lock */
static struct fastmem_peer holder; /* who has fastmem here: this process, or the one before it */
static unsigned int waited_ms; /* by this process, for the end of its parent. Under life_lock */

/* A pid is used again. */
static uint64_t
name_of(const struct fastmem_peer *process)
{
	return process->start << 32 | process->pid;
}

static void
in_child(void)
{
	waited_ms = 0;
	/* Empty before rte_eal_init(). */
	if (rte_eal_get_runtime_dir()[0] != '\0')
		fastmem_process.is_fork = true;
	fastmem_process.up->forked();
}

RTE_INIT(watch_forks)
{
	if (pthread_atfork(fastmem_alive_fork_begins, fastmem_alive_fork_ends, in_child) != 0)
		FASTMEM_LOG(ERR, "no memory to learn of forks: a child that does not exec must not "
			"call fastmem, and must end by _exit()");
}

/* This process has fastmem. Under life_lock. */
void
fastmem_fork_begin(void)
{
	void *page = mmap(NULL, sizeof(*succession), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	fastmem_alive_describe(&holder);
	succession = page != MAP_FAILED ? page : NULL;
	/* Pairs with the exchange in claim(). */
	if (succession != NULL)
		rte_atomic_store_explicit(&succession->name, name_of(&holder),
				rte_memory_order_release);
}

/* This process ends fastmem, and no child may take over. Under life_lock. */
void
fastmem_fork_end(void)
{
	uint64_t self = name_of(&holder);

	if (succession == NULL)
		return;
	/* Pairs with the exchange in claim(). A child that ends has nothing to say here. */
	if (holder.pid == (uint32_t)getpid())
		rte_atomic_compare_exchange_strong_explicit(&succession->name, &self, 0,
			rte_memory_order_release, rte_memory_order_relaxed);
	munmap(succession, sizeof(*succession));
	succession = NULL;
}

static bool
holder_lives(void)
{
	return getppid() == (pid_t)holder.pid || fastmem_alive_pid(&holder);
}

/* Wait for a moment for the end of the parent. False: all calls together have waited enough. */
bool
fastmem_fork_wait(void)
{
	if (waited_ms == WAIT_MS)
		return false;
	waited_ms++;
	nanosleep(&(struct timespec){ .tv_nsec = 1000 * 1000 }, NULL);
	return true;
}

static int
claim(void)
{
	struct fastmem_peer self = { 0 };
	uint64_t before = name_of(&holder);

	if (succession == NULL)
		return -EBUSY;
	while (holder_lives())
		if (!fastmem_fork_wait())
			return -EBUSY;
	fastmem_alive_describe(&self);
	/*
	 * Acquire: what the one before has written. Pairs with the releases in this file; one that
	 * has ended fastmem wrote 0.
	 */
	if (!rte_atomic_compare_exchange_strong_explicit(&succession->name, &before, name_of(&self),
			rte_memory_order_acquire, rte_memory_order_relaxed))
		return -ENODEV;
	return 0;
}

/* Each call that fails comes here, and one line for each reason will do. */
static bool
is_told(int error)
{
	static uint32_t pid;
	static int last;
	bool told = pid == (uint32_t)getpid() && last == error;

	pid = getpid();
	last = error;
	return told;
}

/* Whether a byte of EAL's memory can be read here. If the kernel does not tell: so one assumes. */
static bool
is_readable(const void *addr)
{
	char byte;
	const struct iovec to = { &byte, 1 };
	const struct iovec from = { (void *)(uintptr_t)addr, 1 };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1 || errno != EFAULT;
}

static bool
is_here(const struct rte_memzone *zone)
{
	size_t step = RTE_MAX(zone->hugepage_sz, (uint64_t)getpagesize());
	size_t at;

	for (at = 0; at < zone->len; at += step)
		if (!is_readable(RTE_PTR_ADD(zone->addr, at)))
			return false;
	return is_readable(RTE_PTR_ADD(zone->addr, zone->len - 1));
}

/*
 * In a child whose parent has ended: EAL maps what it takes into the process that does so, and a
 * child has what was there at the fork. First the bookkeeping, as it has the descriptors of chunks.
 */
static bool
memory_is_here(struct fastmem_ctl *ctl)
{
	uint32_t i, first;

	for (i = 0; i < ctl->meta.n_zones; i++)
		if (!is_here(ctl->meta.zones[i]))
			return false;
	for (i = 0; i < ctl->n_sockets; i++)
		FASTMEM_FOREACH_CHUNK(first, &ctl->arenas[i])
			if (!is_here(fastmem_granule(first)->zone))
				return false;
	return true;
}

/*
 * In a child, under life_lock: 0 if it is to have fastmem from now on, to be followed by
 * fastmem_fork_settle(). Else a negative errno, of which a line in the log tells.
 */
int
fastmem_fork_succeed(void)
{
	int ret = claim();

	if (ret == 0 && fastmem_is_primary() && !memory_is_here(fastmem_ctl())) {
		/* For good. Pairs with the exchange in claim(). */
		rte_atomic_store_explicit(&succession->name, 0, rte_memory_order_release);
		is_told(-ENODEV);
		FASTMEM_LOG(ERR, "process %d was forked from %u, which has taken memory from EAL since "
			"then, and ended: that is not mapped here, and calls fail with ENODEV. Fork "
			"before fastmem is used, or rte_fastmem_reserve() what is needed before",
			(int)getpid(), holder.pid);
		return -ENODEV;
	}
	if (ret == 0 || is_told(ret))
		return ret;
	if (ret == -EBUSY)
		FASTMEM_LOG(ERR, "process %d was forked from %u, which lives and has fastmem: calls "
			"here fail with ENODEV. Call fastmem in one of both, or exec",
			(int)getpid(), holder.pid);
	else
		FASTMEM_LOG(ERR, "process %d was forked from %u, which has ended fastmem, or was "
			"succeeded by another child: calls here fail with ENODEV",
			(int)getpid(), holder.pid);
	return ret;
}

/* It has fastmem; or ret is the negative errno why not, and it, or another child, may try again. */
void
fastmem_fork_settle(int ret)
{
	struct fastmem_peer self = { 0 };

	if (ret == 0) {
		fastmem_alive_describe(&self);
		FASTMEM_LOG(INFO, "process %u goes on where its parent %u has ended", self.pid,
			holder.pid);
		holder = self;
		return;
	}
	/* Pairs with the exchange in claim(). */
	rte_atomic_store_explicit(&succession->name, name_of(&holder), rte_memory_order_release);
	if (!is_told(ret))
		FASTMEM_LOG(ERR, "process %d cannot go on where its parent %u has ended: %s. Calls "
			"here fail with ENODEV, and try again. Call fastmem before the process "
			"gives up rights or its root directory", (int)getpid(), holder.pid,
			strerror(-ret));
}
