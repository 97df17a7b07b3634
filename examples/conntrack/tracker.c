/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_tcp.h>

#include "tracker.h"

#define BUCKETS 4096u
#define WHEEL 1024u /* seconds: more than any timeout */
#define FTP 21

/* Timeouts in seconds. */
#define TIMEOUT_HANDSHAKE 60
#define TIMEOUT_ESTABLISHED 600
#define TIMEOUT_CLOSED 10
#define TIMEOUT_FIRST 30 /* not TCP, and no reply yet */
#define TIMEOUT_REPLIED 120
#define TIMEOUT_EXPECTED 120

enum tcp_phase { SYN_SENT, SYN_ANSWERED, ESTABLISHED, CLOSING, CLOSED };

struct tcp {
	enum tcp_phase phase;
	unsigned int opener; /* the direction of the first packet */
	bool fin[2]; /* by direction */
	uint64_t packets_in_phase[CLOSED + 1];
};

/*
 * Stays in the wheel when its owner's deadline moves, and looks for it again when it is due.
 * When its owner goes, it stays as well, without one.
 */
struct timer {
	struct timer *next;
	struct flow *flow; /* its owner is one of these two, or gone */
	struct expectation *expectation;
};

struct flow {
	struct flow *next; /* of its bucket */
	struct flow_key key;
	uint64_t deadline;
	struct timer *timer;
	struct tcp *tcp; /* NULL: not TCP */
	uint64_t packets[2]; /* by direction */
	uint64_t bytes[2];
	uint64_t begun;
	bool replied;
	bool related;
};

/* A connection to be, to this address and port. */
struct expectation {
	struct expectation *next; /* of its bucket */
	uint32_t addr;
	uint16_t port;
	uint64_t deadline;
	struct timer *timer;
	struct flow_key announcer;
};

enum { FLOWS, TCPS, TIMERS, EXPECTATIONS };

struct tracker {
	struct objects objects[TRACKER_TYPES];
	struct flow *flows[BUCKETS];
	struct expectation *expectations[BUCKETS];
	struct timer *wheel[WHEEL];
	uint64_t now; /* seconds; the wheel has turned this far */
	uint64_t n_flows;
	struct tracker_result result;
};

struct tracker *
tracker_create(enum objects_kind kind, unsigned int max)
{
	static const struct {
		const char *name;
		size_t size;
	} types[TRACKER_TYPES] = {
		[FLOWS] = { "flow", sizeof(struct flow) },
		[TCPS] = { "tcp", sizeof(struct tcp) },
		[TIMERS] = { "timer", sizeof(struct timer) },
		[EXPECTATIONS] = { "expectation", sizeof(struct expectation) },
	};
	struct tracker *t = calloc(1, sizeof(*t));
	unsigned int i;
	int ret = t != NULL ? 0 : -ENOMEM;

	/* Flows and expectations have a timer each. */
	for (i = 0; ret == 0 && i < TRACKER_TYPES; i++)
		ret = objects_create(&t->objects[i], kind, types[i].name, types[i].size,
			i == TIMERS ? 2 * max : max);
	if (ret == 0)
		return t;
	for (; t != NULL && i-- > 0;)
		if (t->objects[i].pool != NULL)
			objects_free(&t->objects[i]);
	free(t);
	rte_errno = -ret;
	return NULL;
}

/* Timers. */

static void
timer_insert(struct tracker *t, struct timer *timer, uint64_t deadline)
{
	struct timer **slot = &t->wheel[deadline % WHEEL];

	timer->next = *slot;
	*slot = timer;
}

static struct timer *
timer_create_for(struct tracker *t, struct flow *flow, struct expectation *e, uint64_t deadline)
{
	struct timer *timer = objects_get(&t->objects[TIMERS]);

	if (timer == NULL)
		return NULL;
	timer->flow = flow;
	timer->expectation = e;
	timer_insert(t, timer, deadline);
	return timer;
}

static void
timer_forget_owner(struct timer *timer)
{
	timer->flow = NULL;
	timer->expectation = NULL;
}

/* Expectations. */

static struct expectation **
expectation_bucket(struct tracker *t, uint32_t addr, uint16_t port)
{
	return &t->expectations[rte_jhash_2words(addr, port, 0) % BUCKETS];
}

static void
expectation_delete(struct tracker *t, struct expectation *e)
{
	struct expectation **at = expectation_bucket(t, e->addr, e->port);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	timer_forget_owner(e->timer);
	objects_put(&t->objects[EXPECTATIONS], e);
}

static struct expectation *
expectation_find(struct tracker *t, uint32_t addr, uint16_t port)
{
	struct expectation *e = *expectation_bucket(t, addr, port);

	while (e != NULL && (e->addr != addr || e->port != port))
		e = e->next;
	return e;
}

static void
expectation_create(struct tracker *t, const struct flow_key *announcer, uint32_t addr,
		uint16_t port)
{
	struct expectation **bucket = expectation_bucket(t, addr, port);
	struct expectation *e;

	if (expectation_find(t, addr, port) != NULL)
		return;
	e = objects_get(&t->objects[EXPECTATIONS]);
	if (e == NULL) {
		t->result.refused++;
		return;
	}
	e->addr = addr;
	e->port = port;
	e->announcer = *announcer;
	e->deadline = t->now + TIMEOUT_EXPECTED;
	e->timer = timer_create_for(t, NULL, e, e->deadline);
	if (e->timer == NULL) {
		objects_put(&t->objects[EXPECTATIONS], e);
		t->result.refused++;
		return;
	}
	e->next = *bucket;
	*bucket = e;
	t->result.expected++;
}

/* Flows. */

static struct flow **
flow_bucket(struct tracker *t, const struct flow_key *key)
{
	return &t->flows[rte_jhash(key, sizeof(*key), 0) % BUCKETS];
}

static struct flow *
flow_find(struct tracker *t, const struct flow_key *key)
{
	struct flow *flow = *flow_bucket(t, key);

	while (flow != NULL && memcmp(&flow->key, key, sizeof(*key)) != 0)
		flow = flow->next;
	return flow;
}

static uint64_t
mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 32);
}

/* What a flow was goes into the fingerprint when it ends. */
static void
flow_note(struct tracker *t, const struct flow *flow)
{
	uint64_t sum = rte_jhash(&flow->key, sizeof(flow->key), 1);
	unsigned int i;

	for (i = 0; i < 2; i++)
		sum = mix(mix(sum, flow->packets[i]), flow->bytes[i]);
	for (i = 0; flow->tcp != NULL && i <= CLOSED; i++)
		sum = mix(sum, flow->tcp->packets_in_phase[i]);
	sum = mix(sum, flow->begun * 4 + flow->replied * 2 + flow->related);
	t->result.fingerprint = mix(t->result.fingerprint, sum);
}

static void
flow_delete(struct tracker *t, struct flow *flow)
{
	struct flow **at = flow_bucket(t, &flow->key);

	flow_note(t, flow);
	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
	timer_forget_owner(flow->timer);
	if (flow->tcp != NULL)
		objects_put(&t->objects[TCPS], flow->tcp);
	objects_put(&t->objects[FLOWS], flow);
	t->n_flows--;
}

/* Objects of a flow: all, or none. */
static struct flow *
flow_get_objects(struct tracker *t, bool is_tcp, uint64_t deadline)
{
	struct flow *flow = objects_get(&t->objects[FLOWS]);

	if (flow == NULL)
		return NULL;
	memset(flow, 0, sizeof(*flow));
	if (is_tcp) {
		flow->tcp = objects_get(&t->objects[TCPS]);
		if (flow->tcp == NULL)
			goto put_flow;
		memset(flow->tcp, 0, sizeof(*flow->tcp));
	}
	flow->deadline = deadline;
	flow->timer = timer_create_for(t, flow, NULL, deadline);
	if (flow->timer != NULL)
		return flow;
	if (is_tcp)
		objects_put(&t->objects[TCPS], flow->tcp);
put_flow:
	objects_put(&t->objects[FLOWS], flow);
	return NULL;
}

static void
flow_count(struct tracker *t, const struct flow *flow)
{
	struct tracker_result *r = &t->result;

	r->flows++;
	r->flows_tcp += flow->key.proto == IPPROTO_TCP;
	r->flows_udp += flow->key.proto == IPPROTO_UDP;
	r->flows_peak = RTE_MAX(r->flows_peak, ++t->n_flows);
}

static struct flow *
flow_create(struct tracker *t, const struct packet *p)
{
	bool is_tcp = p->key.proto == IPPROTO_TCP;
	struct flow *flow = flow_get_objects(t, is_tcp,
		t->now + (is_tcp ? TIMEOUT_HANDSHAKE : TIMEOUT_FIRST));
	struct flow **bucket = flow_bucket(t, &p->key);
	struct expectation *e;

	if (flow == NULL)
		return NULL;
	flow->key = p->key;
	flow->begun = t->now;
	if (is_tcp)
		flow->tcp->opener = p->direction;
	e = expectation_find(t, p->key.addr[!p->direction], p->key.port[!p->direction]);
	if (e != NULL) {
		flow->related = true;
		t->result.related++;
		expectation_delete(t, e);
	}
	flow->next = *bucket;
	*bucket = flow;
	flow_count(t, flow);
	return flow;
}

/* The phase that a packet brings a connection to. */
static enum tcp_phase
tcp_next_phase(struct tcp *tcp, const struct packet *p)
{
	bool syn = (p->tcp_flags & RTE_TCP_SYN_FLAG) != 0;
	bool ack = (p->tcp_flags & RTE_TCP_ACK_FLAG) != 0;

	if (p->tcp_flags & RTE_TCP_FIN_FLAG)
		tcp->fin[p->direction] = true;
	switch (tcp->phase) {
	case SYN_SENT:
		return syn && ack && p->direction != tcp->opener ? SYN_ANSWERED : SYN_SENT;
	case SYN_ANSWERED:
		return !syn && ack && p->direction == tcp->opener ? ESTABLISHED : SYN_ANSWERED;
	case ESTABLISHED:
		return tcp->fin[0] || tcp->fin[1] ? CLOSING : ESTABLISHED;
	case CLOSING:
		/* What acknowledges the second FIN has none. */
		return tcp->fin[0] && tcp->fin[1] && ack && !(p->tcp_flags & RTE_TCP_FIN_FLAG) ?
			CLOSED : CLOSING;
	case CLOSED:
		break;
	}
	return tcp->phase;
}

/* PORT h1,h2,h3,h4,p1,p2 announces a connection to that address and port. */
static void
ftp_command(struct tracker *t, const struct packet *p)
{
	char line[64];
	unsigned int b[6];

	if (p->key.port[!p->direction] != rte_cpu_to_be_16(FTP) || p->payload_len >= sizeof(line))
		return;
	memcpy(line, p->payload, p->payload_len);
	line[p->payload_len] = '\0';
	if (sscanf(line, "PORT %3u,%3u,%3u,%3u,%3u,%3u", &b[0], &b[1], &b[2], &b[3], &b[4],
			&b[5]) != 6)
		return;
	expectation_create(t, &p->key,
		rte_cpu_to_be_32((b[0] & 255) << 24 | (b[1] & 255) << 16 | (b[2] & 255) << 8 |
			(b[3] & 255)),
		rte_cpu_to_be_16((b[4] & 255) << 8 | (b[5] & 255)));
}

static void
tcp_packet(struct tracker *t, struct flow *flow, const struct packet *p)
{
	struct tcp *tcp = flow->tcp;
	enum tcp_phase before = tcp->phase;

	tcp->phase = tcp_next_phase(tcp, p);
	tcp->packets_in_phase[tcp->phase]++;
	t->result.established += before != ESTABLISHED && tcp->phase == ESTABLISHED;
	t->result.closed += before != CLOSED && tcp->phase == CLOSED;
	flow->deadline = t->now + (tcp->phase == CLOSED ? TIMEOUT_CLOSED :
		tcp->phase >= ESTABLISHED ? TIMEOUT_ESTABLISHED : TIMEOUT_HANDSHAKE);
	if (p->payload_len != 0)
		ftp_command(t, p);
	if (p->tcp_flags & RTE_TCP_RST_FLAG) {
		t->result.reset++;
		flow_delete(t, flow);
	}
}

static void
other_packet(struct tracker *t, struct flow *flow)
{
	if (!flow->replied && flow->packets[0] != 0 && flow->packets[1] != 0) {
		flow->replied = true;
		t->result.replied++;
	}
	flow->deadline = t->now + (flow->replied ? TIMEOUT_REPLIED : TIMEOUT_FIRST);
}

/* Time. */

static void
timer_due(struct tracker *t, struct timer *timer, uint64_t now)
{
	uint64_t deadline = timer->flow != NULL ? timer->flow->deadline :
		timer->expectation != NULL ? timer->expectation->deadline : 0;

	if (deadline > now) {
		timer_insert(t, timer, deadline);
		return;
	}
	if (timer->flow != NULL) {
		t->result.flows_expired++;
		flow_delete(t, timer->flow);
	} else if (timer->expectation != NULL) {
		expectation_delete(t, timer->expectation);
	}
	objects_put(&t->objects[TIMERS], timer);
}

static void
turn_wheel(struct tracker *t, uint64_t now)
{
	struct timer *timer, *next;

	/* A whole turn meets each timer. */
	if (t->now + WHEEL < now)
		t->now = now - WHEEL;
	while (t->now < now) {
		t->now++;
		timer = t->wheel[t->now % WHEEL];
		t->wheel[t->now % WHEEL] = NULL;
		for (; timer != NULL; timer = next) {
			next = timer->next;
			timer_due(t, timer, t->now);
		}
	}
}

void
tracker_packet(struct tracker *t, const struct packet *p, uint64_t now)
{
	struct flow *flow;

	turn_wheel(t, now);
	t->result.packets++;
	flow = flow_find(t, &p->key);
	/* The same ports once more. */
	if (flow != NULL && flow->tcp != NULL && flow->tcp->phase == CLOSED &&
			(p->tcp_flags & RTE_TCP_SYN_FLAG) != 0) {
		flow_delete(t, flow);
		flow = NULL;
	}
	if (flow == NULL)
		flow = flow_create(t, p);
	if (flow == NULL) {
		t->result.refused++;
		return;
	}
	flow->packets[p->direction]++;
	flow->bytes[p->direction] += p->bytes;
	if (flow->tcp != NULL)
		tcp_packet(t, flow, p);
	else
		other_packet(t, flow);
}

unsigned int
tracker_end(struct tracker *t)
{
	struct timer *timer;
	unsigned int i, left = 0;

	for (i = 0; i < BUCKETS; i++) {
		while (t->flows[i] != NULL)
			flow_delete(t, t->flows[i]);
		while (t->expectations[i] != NULL)
			expectation_delete(t, t->expectations[i]);
	}
	for (i = 0; i < WHEEL; i++) {
		while ((timer = t->wheel[i]) != NULL) {
			t->wheel[i] = timer->next;
			objects_put(&t->objects[TIMERS], timer);
		}
	}
	for (i = 0; i < TRACKER_TYPES; i++)
		left += objects_in_use(&t->objects[i]);
	return left;
}

void
tracker_free(struct tracker *t)
{
	unsigned int i;

	for (i = 0; i < TRACKER_TYPES; i++)
		objects_free(&t->objects[i]);
	free(t);
}

const struct tracker_result *
tracker_result(const struct tracker *t)
{
	return &t->result;
}

const struct objects *
tracker_objects(const struct tracker *t)
{
	return t->objects;
}
