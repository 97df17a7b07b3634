/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef SESSIONS_H
#define SESSIONS_H

/* Who talks to whom: a table that belongs to one lcore. Only that lcore calls this, but for the
 * first and the last two functions.
 */

#include <stdint.h>

#include <rte_ether.h>

struct sessions;

struct sessions_counts {
	uint64_t made, ended, refused; /* refused: the table is full, or memory is exhausted */
	uint64_t now, most;
	uint64_t packets, bytes; /* of sessions that have ended */
};

/* A session ends after that many cycles of rte_get_timer_cycles() without a packet.
 * Returns NULL, with rte_errno set, if there is no memory.
 */
struct sessions *sessions_create(unsigned int lcore, unsigned int max, uint64_t timeout);

/* Count a packet for its session. Begins one if there is none. */
void sessions_packet(struct sessions *t, const struct rte_ether_hdr *ether, uint32_t bytes);

/* End all sessions now. */
void sessions_end_all(struct sessions *t);

const struct sessions_counts *sessions_counts(const struct sessions *t);

/* All sessions have ended. */
void sessions_free(struct sessions *t);

#endif /* SESSIONS_H */
