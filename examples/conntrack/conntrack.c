/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A connection tracker that reads a pcap file, with its objects in mempools or in pools of
 * fastmem: prints what it has found, and the memory that took.
 */

#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_fastmem.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "tracker.h"

#define BURST 32
#define MBUFS 1023

struct options {
	enum objects_kind kind;
	unsigned int max_flows;
};

static void
usage(FILE *f)
{
	fprintf(f,
		"usage: conntrack --vdev=net_pcap0,rx_pcap=FILE [EAL option...] -- [option...]\n"
		"\n"
		"  --objects mempool|fastmem  what objects are allocated from (fastmem)\n"
		"  --max-flows N              flows at once (65536)\n"
		"  --help                     this text; EAL's own comes before \"--\"\n");
}

static enum objects_kind
parse_kind(const char *name)
{
	if (strcmp(name, "mempool") == 0)
		return OBJECTS_MEMPOOL;
	if (strcmp(name, "fastmem") != 0)
		rte_exit(EXIT_FAILURE, "--objects: mempool or fastmem, not '%s'\n", name);
	return OBJECTS_FASTMEM;
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "objects", required_argument, NULL, 'o' },
		{ "max-flows", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	long n;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->kind = parse_kind(optarg);
			break;
		case 'm':
			n = strtol(optarg, &end, 0);
			if (*end != '\0' || n < 2 || n > 1 << 24)
				rte_exit(EXIT_FAILURE, "--max-flows: 2 to %d, not '%s'\n", 1 << 24,
					optarg);
			o->max_flows = n;
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(EXIT_FAILURE);
		}
	}
	if (optind != argc) {
		usage(stderr);
		exit(EXIT_FAILURE);
	}
}

static void
start_port(uint16_t port, struct rte_mempool *mbufs)
{
	struct rte_eth_conf conf = { .rxmode = { .mq_mode = RTE_ETH_MQ_RX_NONE } };
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(port, &info);
	if (ret == 0) {
		conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP;
		ret = rte_eth_dev_configure(port, 1, 1, &conf);
	}
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, BURST, SOCKET_ID_ANY, NULL, mbufs);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, BURST, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret < 0)
		rte_exit(EXIT_FAILURE, "port %u does not start: %s\n", port, rte_strerror(-ret));
}

/* A header of a packet, if it is there as a whole. */
static const void *
header(const struct rte_mbuf *m, size_t offset, size_t size)
{
	return offset + size <= rte_pktmbuf_data_len(m) ?
		rte_pktmbuf_mtod_offset(m, const void *, offset) : NULL;
}

static bool
parse_tcp(const struct rte_mbuf *m, size_t offset, size_t end, struct packet *p)
{
	const struct rte_tcp_hdr *tcp = header(m, offset, sizeof(*tcp));

	if (tcp == NULL)
		return false;
	p->key.port[0] = tcp->src_port;
	p->key.port[1] = tcp->dst_port;
	p->tcp_flags = tcp->tcp_flags;
	offset += (tcp->data_off >> 4) * 4;
	p->payload_len = offset < end ? end - offset : 0;
	p->payload = header(m, offset, p->payload_len);
	return p->payload != NULL;
}

static bool
parse_udp(const struct rte_mbuf *m, size_t offset, struct packet *p)
{
	const struct rte_udp_hdr *udp = header(m, offset, sizeof(*udp));

	if (udp == NULL)
		return false;
	p->key.port[0] = udp->src_port;
	p->key.port[1] = udp->dst_port;
	return true;
}

static void
order_ends(struct packet *p)
{
	struct flow_key *k = &p->key;

	p->direction = k->addr[0] > k->addr[1] ||
		(k->addr[0] == k->addr[1] && k->port[0] > k->port[1]);
	if (p->direction == 0)
		return;
	RTE_SWAP(k->addr[0], k->addr[1]);
	RTE_SWAP(k->port[0], k->port[1]);
}

/* IPv4, TCP and UDP, no fragments. */
static bool
parse(const struct rte_mbuf *m, struct packet *p)
{
	const struct rte_ether_hdr *ether = header(m, 0, sizeof(*ether));
	const struct rte_ipv4_hdr *ip = header(m, sizeof(*ether), sizeof(*ip));
	size_t offset, end;

	if (ip == NULL || ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
			(ip->fragment_offset & rte_cpu_to_be_16(0x3fff)) != 0)
		return false;
	offset = sizeof(*ether) + (ip->version_ihl & 0xf) * 4;
	/* What is behind is padding. */
	end = RTE_MIN(sizeof(*ether) + rte_be_to_cpu_16(ip->total_length),
		(size_t)rte_pktmbuf_data_len(m));
	memset(p, 0, sizeof(*p));
	p->key.addr[0] = ip->src_addr;
	p->key.addr[1] = ip->dst_addr;
	p->key.proto = ip->next_proto_id;
	p->bytes = end - sizeof(*ether);
	if (ip->next_proto_id != IPPROTO_TCP && ip->next_proto_id != IPPROTO_UDP)
		return false;
	if (!(ip->next_proto_id == IPPROTO_TCP ? parse_tcp(m, offset, end, p) :
			parse_udp(m, offset, p)))
		return false;
	order_ends(p);
	return true;
}

/* Track all packets that a port has. Returns those that are none of ours. */
static uint64_t
track(uint16_t port, struct tracker *t)
{
	/* The driver's, in microseconds. */
	int time_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	struct rte_mbuf *burst[BURST];
	uint64_t others = 0;
	struct packet p;
	uint16_t i, n;

	if (time_offset < 0)
		rte_exit(EXIT_FAILURE, "the port does not tell when packets have come: "
			"is it net_pcap?\n");
	while ((n = rte_eth_rx_burst(port, 0, burst, BURST)) != 0) {
		for (i = 0; i < n; i++) {
			if (parse(burst[i], &p))
				tracker_packet(t, &p, *RTE_MBUF_DYNFIELD(burst[i], time_offset,
					rte_mbuf_timestamp_t *) / 1000000);
			else
				others++;
		}
		rte_pktmbuf_free_bulk(burst, n);
	}
	return others;
}

/* What EAL's memory has given to anybody. */
static size_t
heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			sum += stats.heap_allocsz_bytes;
	return sum;
}

/* heap: all memory that has been taken from EAL for it. */
static void
print_footprint(const struct tracker *t, size_t heap)
{
	const struct objects *o = tracker_objects(t);
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < TRACKER_TYPES; i++) {
		printf("footprint: %s: %zu bytes for %u in use\n", o[i].name, objects_bytes(&o[i]),
			objects_in_use(&o[i]));
		sum += objects_bytes(&o[i]);
	}
	printf("footprint: %zu bytes in %s\n", sum, o[0].kind == OBJECTS_MEMPOOL ?
		"mempools" : "pools of fastmem");
	printf("footprint: %zu bytes taken from EAL\n", heap);
}

static void
print_result(const struct tracker_result *r, uint64_t others)
{
	printf("packets: %" PRIu64 " tracked, %" PRIu64 " not\n", r->packets, others);
	printf("flows: %" PRIu64 ", %" PRIu64 " of TCP, %" PRIu64 " of UDP\n", r->flows,
		r->flows_tcp, r->flows_udp);
	printf("at once: %" PRIu64 "\n", r->flows_peak);
	printf("TCP: %" PRIu64 " established, %" PRIu64 " closed, %" PRIu64 " reset\n",
		r->established, r->closed, r->reset);
	printf("UDP: %" PRIu64 " replied\n", r->replied);
	printf("expected: %" PRIu64 ", %" PRIu64 " have come\n", r->expected, r->related);
	printf("expired: %" PRIu64 "\n", r->flows_expired);
	printf("refused: %" PRIu64 "\n", r->refused);
	printf("fingerprint: %016" PRIx64 "\n", r->fingerprint);
}

int
main(int argc, char **argv)
{
	struct options options = { .kind = OBJECTS_FASTMEM, .max_flows = 65536 };
	struct rte_mempool *mbufs;
	struct tracker *t;
	unsigned int left;
	size_t heap_before;
	uint64_t others;
	int used;

	used = rte_eal_init(argc, argv);
	if (used < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start: %s\n", rte_strerror(rte_errno));
	parse_options(argc - used, argv + used, &options);
	if (rte_eth_dev_count_avail() != 1)
		rte_exit(EXIT_FAILURE, "not one port, but %u: see --help\n",
			rte_eth_dev_count_avail());
	mbufs = rte_pktmbuf_pool_create("mbufs", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	if (mbufs == NULL)
		rte_exit(EXIT_FAILURE, "no memory for mbufs: %s\n", rte_strerror(rte_errno));
	start_port(0, mbufs);

	heap_before = heap_bytes();
	if (options.kind == OBJECTS_FASTMEM && rte_fastmem_init() < 0)
		rte_exit(EXIT_FAILURE, "fastmem does not start\n");
	t = tracker_create(options.kind, options.max_flows);
	if (t == NULL)
		rte_exit(EXIT_FAILURE, "no memory for objects: %s\n", rte_strerror(rte_errno));
	others = track(0, t);
	print_footprint(t, heap_bytes() - heap_before);
	left = tracker_end(t);
	print_result(tracker_result(t), others);
	if (left != 0)
		rte_exit(EXIT_FAILURE, "%u objects were not given back\n", left);

	tracker_free(t);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_mempool_free(mbufs);
	if (options.kind == OBJECTS_FASTMEM)
		rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
