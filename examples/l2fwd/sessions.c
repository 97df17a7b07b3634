/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_fastmem.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_timer.h>

#include "sessions.h"

struct key {
	struct rte_ether_addr from, to;
};

struct session {
	struct key key;
	struct sessions *table;
	struct rte_timer *timer;
	uint64_t packets, bytes;
	uint64_t last; /* rte_get_timer_cycles() of the last packet */
};

struct sessions {
	struct rte_hash *hash; /* struct key -> struct session */
	unsigned int lcore;
	uint64_t timeout;
	struct sessions_counts counts;
};

struct sessions *
sessions_create(unsigned int lcore, unsigned int max, uint64_t timeout)
{
	char name[RTE_HASH_NAMESIZE];
	const struct rte_hash_parameters params = {
		.name = name,
		.entries = max,
		.key_len = sizeof(struct key),
		.hash_func = rte_jhash,
		.socket_id = rte_lcore_to_socket_id(lcore),
	};
	struct sessions *t;

	snprintf(name, sizeof(name), "sessions_%u", lcore);
	t = rte_fastmem_alloc(sizeof(*t), 0, RTE_FASTMEM_F_ZERO);
	if (t == NULL)
		return NULL;
	t->lcore = lcore;
	t->timeout = timeout;
	t->hash = rte_hash_create(&params);
	if (t->hash == NULL) {
		rte_fastmem_free(t);
		return NULL;
	}
	return t;
}

static void
session_end(struct session *s)
{
	struct sessions_counts *counts = &s->table->counts;

	/* In its callback, too: else rte_timer_manage() writes to the timer after that. */
	rte_timer_stop(s->timer);
	rte_hash_del_key(s->table->hash, &s->key);
	counts->ended++;
	counts->now--;
	counts->packets += s->packets;
	counts->bytes += s->bytes;
	rte_fastmem_free(s->timer);
	rte_fastmem_free(s);
}

/* Packets do not move the timer: it looks when it expires. */
static void
session_timer(struct rte_timer *timer, void *arg)
{
	struct session *s = arg;
	uint64_t idle = rte_get_timer_cycles() - s->last;

	if (idle >= s->table->timeout)
		session_end(s);
	else
		rte_timer_reset(timer, s->table->timeout - idle, SINGLE, s->table->lcore,
			session_timer, s);
}

static struct session *
session_begin(struct sessions *t, const struct key *key)
{
	struct session *s = rte_fastmem_alloc(sizeof(*s), 0, RTE_FASTMEM_F_ZERO);
	struct rte_timer *timer = rte_fastmem_alloc(sizeof(*timer), 0, 0);

	if (s == NULL || timer == NULL)
		goto fail;
	s->key = *key;
	s->table = t;
	s->timer = timer;
	s->last = rte_get_timer_cycles();
	if (rte_hash_add_key_data(t->hash, key, s) != 0)
		goto fail;
	rte_timer_init(timer);
	rte_timer_reset(timer, t->timeout, SINGLE, t->lcore, session_timer, s);
	t->counts.made++;
	t->counts.now++;
	t->counts.most = RTE_MAX(t->counts.most, t->counts.now);
	return s;
fail:
	rte_fastmem_free(timer);
	rte_fastmem_free(s);
	t->counts.refused++;
	return NULL;
}

void
sessions_packet(struct sessions *t, const struct rte_ether_hdr *ether, uint32_t bytes)
{
	const struct key key = { .from = ether->src_addr, .to = ether->dst_addr };
	struct session *s;
	void *data;

	if (rte_hash_lookup_data(t->hash, &key, &data) >= 0)
		s = data;
	else
		s = session_begin(t, &key);
	if (s == NULL)
		return;
	s->packets++;
	s->bytes += bytes;
	s->last = rte_get_timer_cycles();
}

void
sessions_end_all(struct sessions *t)
{
	const void *key;
	uint32_t at = 0;
	void *data;

	while (rte_hash_iterate(t->hash, &key, &data, &at) >= 0)
		session_end(data);
}

const struct sessions_counts *
sessions_counts(const struct sessions *t)
{
	return &t->counts;
}

void
sessions_free(struct sessions *t)
{
	rte_hash_free(t->hash);
	rte_fastmem_free(t);
}
