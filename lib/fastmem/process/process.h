/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PROCESS_PROCESS_H
#define FASTMEM_PROCESS_PROCESS_H

/*
 * Processes: which there are, which of them live, what they ask each other, forks. What other
 * folders call.
 */

#include "fastmem_process.h"
#include "fastmem_shared.h"

/*
 * By bin: objects that former threads of a process allocated, less those they freed. There is
 * memory for it as soon as a process has had that number.
 */
static inline RTE_ATOMIC(int64_t) *
fastmem_held(const struct fastmem_ctl *ctl, unsigned int peer)
{
	return fastmem_process.held + (size_t)peer * ctl->n_bins;
}

/* process_mp.c: 0 or a negative errno */
int fastmem_mp_start(void);
void fastmem_mp_stop(void);
void fastmem_mp_refuse(void);
void fastmem_mp_await_callbacks(void);
void fastmem_mp_forked(void);
void fastmem_mp_close(struct fastmem_ctl *ctl);
void fastmem_close_here(struct fastmem_ctl *ctl);
int64_t fastmem_mp_ask(struct fastmem_ask *ask);
unsigned int fastmem_mp_pending(void); /* for tests */
extern unsigned int fastmem_mp_ask_seconds;

/* process.c */
int fastmem_peers_create(struct fastmem_ctl *ctl);
int fastmem_peers_join(struct fastmem_ctl *ctl);
void fastmem_peers_leave(struct fastmem_ctl *ctl);
int fastmem_peers_succeed(struct fastmem_ctl *ctl);
void fastmem_peers_take_back(struct fastmem_ctl *ctl);
void fastmem_peers_lock(struct fastmem_ctl *ctl);

/* process_pid.c */
#define FASTMEM_PEERS_FILE "fastmem_peers" /* in EAL's runtime directory */
bool fastmem_alive_has_pid(const struct fastmem_peer *peer);
bool fastmem_alive_pid(const struct fastmem_peer *process);
void fastmem_alive_describe(struct fastmem_peer *peer);

/* process_alive.c */
int fastmem_alive_create(struct fastmem_ctl *ctl);
int fastmem_alive_shut(void);
void fastmem_alive_remove(void);
struct fastmem_ctl *fastmem_alive_enter(void);
int fastmem_alive_take(unsigned int i);
void fastmem_alive_entered(void);
void fastmem_alive_leave(void);
void fastmem_alive_fork_begins(void);
void fastmem_alive_fork_ends(void);
void fastmem_alive_forked(void);
int fastmem_alive_succeed(void);
bool fastmem_alive_others(void);
int fastmem_alive_fd(void);
bool fastmem_peer_alive(unsigned int i);

/* process_unload.c */
void fastmem_unload_watch(void);

/* process_fork.c */
void fastmem_fork_begin(void);
void fastmem_fork_end(void);
int fastmem_fork_succeed(void);
void fastmem_fork_settle(int ret);
bool fastmem_fork_wait(void);

#endif /* FASTMEM_PROCESS_PROCESS_H */
