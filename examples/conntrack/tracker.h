/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TRACKER_H
#define TRACKER_H

/*
 * Tracks connections: what packets belong together, and what state they are in.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "objects.h"

/* An address or port is as in the packet. The lesser end comes first. */
struct flow_key {
	uint32_t addr[2];
	uint16_t port[2];
	uint32_t proto;
};

/* What the tracker needs to know of a packet. */
struct packet {
	struct flow_key key;
	unsigned int direction; /* 1: from the greater end to the lesser */
	uint8_t tcp_flags;
	size_t bytes;
	const char *payload;
	size_t payload_len;
};

struct tracker_result {
	uint64_t packets;
	uint64_t flows; /* ever */
	uint64_t flows_tcp;
	uint64_t flows_udp;
	uint64_t flows_peak; /* at once */
	uint64_t flows_expired;
	uint64_t established; /* TCP handshakes that were completed */
	uint64_t closed; /* TCP connections that both ends have closed */
	uint64_t reset;
	uint64_t replied; /* other flows with packets both ways */
	uint64_t expected; /* connections announced by another */
	uint64_t related; /* announced, and come */
	uint64_t refused; /* packets of flows for which there were no objects */
	uint64_t fingerprint; /* of all flows and what they have carried, in the order they end */
};

enum { TRACKER_TYPES = 4 };

struct tracker;

/* For up to max flows at once. Returns NULL with rte_errno set. */
struct tracker *tracker_create(enum objects_kind kind, unsigned int max);

/* Forget all flows, and free the tracker. */
void tracker_free(struct tracker *t);

/* Track a packet that came at a time in seconds. */
void tracker_packet(struct tracker *t, const struct packet *p, uint64_t now);

/* End all flows that there are. The objects that were not given back, which there should not be. */
unsigned int tracker_end(struct tracker *t);

const struct tracker_result *tracker_result(const struct tracker *t);

/* The types of objects: TRACKER_TYPES of them. */
const struct objects *tracker_objects(const struct tracker *t);

#endif /* TRACKER_H */
