/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PROCESS_H
#define FASTMEM_PROCESS_H

/*
 * What each process keeps for itself, what layers call above them, and what a process asks another.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <rte_branch_prediction.h>
#include <rte_compat.h>

#include "fastmem_shared.h"

enum fastmem_process_state {
	FASTMEM_PROCESS_NONE,
	FASTMEM_PROCESS_OPEN,
	FASTMEM_PROCESS_CLOSED, /* by the primary's deinit, while others were attached */
	FASTMEM_PROCESS_FORGOTTEN, /* the shared state is gone, or another's: as CLOSED, for good */
	FASTMEM_PROCESS_FORKED, /* it is the parent's while that lives: see process_fork.c */
};

/*
 * The number of reasons why the calling thread must not call into EAL for memory: it holds locks of
 * EAL's, by a walk, in a callback of EAL's, or by a call for memory that is under way. Unless it is
 * 0, growth is refused with -ENOMEM.
 * Internal, as fastmem_process.
 */
extern __thread unsigned int fastmem_growth_held __rte_tls_initial_exec;

/* The messages by which a secondary asks the primary: see process_mp.c. */
enum fastmem_ask_op {
	FASTMEM_ASK_GROW,
	FASTMEM_ASK_RESERVE,
	FASTMEM_ASK_GROW_BY,
	FASTMEM_ASK_TRIM, /* leaves what is reserved */
	FASTMEM_ASK_TRIM_ALL,
	FASTMEM_ASK_META_GROW,
	FASTMEM_ASK_POOL_GROW,
	FASTMEM_ASK_SHARE,
};

struct fastmem_ask {
	uint64_t question; /* its number: no process asks two of the same */
	uint32_t peer; /* number of the process that asks */
	uint32_t op; /* enum fastmem_ask_op */
	uint32_t socket; /* index */
	uint64_t n; /* granules or bytes */
	uint32_t align; /* granules */
	uint32_t pool; /* index */
	uint32_t generation; /* of that pool */
};

/*
 * What layers call above them. fastmem_state.c refers to it, so that a static program that never
 * calls rte_fastmem_init() is linked with it.
 */
struct fastmem_upcalls {
	/* The shared state, if a process that is not OPEN can attach to it: see fastmem_ctl_get(). */
	struct fastmem_ctl *(*attach)(void);
	/* Returns what the primary answers, or a negative errno. */
	int64_t (*ask)(struct fastmem_ask *ask);
	/* Take back the pools that a dead process was making or freeing. Under peers_lock. */
	void (*pools_take_back)(struct fastmem_ctl *ctl, unsigned int peer);
	/* In a forked child, whose only thread calls this before anything else. */
	void (*forked)(void);
	/* In a secondary, in the thread that receives messages: the primary has ended fastmem. */
	void (*primary_ended)(void);
};
extern const struct fastmem_upcalls fastmem_upcalls;

/*
 * What each process keeps for itself. Internal, as what is marked so; the mark is for functions
 * only, as it puts them into a section of code.
 */
struct fastmem_process {
	const struct fastmem_upcalls *up;
	const struct fastmem_layout *layout; /* so that it is linked in, too */
	RTE_ATOMIC(uint32_t) state; /* enum fastmem_process_state: what calls go by */
	struct fastmem_ctl *ctl; /* valid unless state is NONE. Set first, cleared last */
	unsigned int peer; /* number of this process */
	bool init_called; /* by a secondary, which may attach without that */
	bool is_fork; /* since EAL has started: its threads are the parent's, and hear no answer */
	uint64_t nonce; /* of this attachment */
	bool is_shared; /* there is a file of process_alive.c; else no other process */
	RTE_ATOMIC(int) peers_fd; /* of that file, unless the program has closed it */
	dev_t peers_dev; /* which file that is */
	ino_t peers_ino;
	const struct rte_memzone *ctl_zone;
	RTE_ATOMIC(uint16_t) *bins; /* rte_fastmem_map.bins, to write to */
	RTE_ATOMIC(struct fastmem_leaf *) *leaves; /* NULL: no chunk there yet */
	RTE_ATOMIC(int64_t) *held; /* see fastmem_held() */
	void *map; /* bins by granule, then leaves, then held */
	size_t map_bytes;
	void *map_hidden; /* all of it, inaccessible, while bins are mapped by parts; or NULL */
	bool iova_is_va;
	bool can_steal; /* by membarrier(2); if not, threads have no caches of pools */
};
extern struct fastmem_process fastmem_process;

/* Within a call that has found the state to be OPEN, even if it is CLOSED meanwhile. */
static inline struct fastmem_ctl *
fastmem_ctl(void)
{
	return fastmem_process.ctl;
}

static inline enum fastmem_process_state
fastmem_process_state(void)
{
	/* Pairs with the release in fastmem_set_process_state(). */
	return rte_atomic_load_explicit(&fastmem_process.state, rte_memory_order_acquire);
}

static inline void
fastmem_set_process_state(enum fastmem_process_state state)
{
	/* Pairs with the acquire in fastmem_process_state(). */
	rte_atomic_store_explicit(&fastmem_process.state, state, rte_memory_order_release);
}

/* The shared state, in a secondary attached to if need be; NULL: none. */
static inline struct fastmem_ctl *
fastmem_ctl_get(void)
{
	return likely(fastmem_process_state() == FASTMEM_PROCESS_OPEN) ? fastmem_ctl() :
		fastmem_process.up->attach();
}

#endif /* FASTMEM_PROCESS_H */
