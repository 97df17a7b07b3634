/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Forwards packets between pairs of ports, as DPDK's example of that name, and keeps a session with
 * a timer for each two stations that talk. Mbufs, sessions and timers come from one allocator:
 * memory that ended sessions leave serves mbufs, and the reverse.
 *
 * A port is polled by one lcore, which owns the sessions of what the port receives.
 */

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* rte_pktmbuf_pool_create() and the calls for mbufs are those of fastmem from here on. */
#define RTE_FASTMEM_REPLACE_MEMPOOL
#include <rte_fastmem.h>
#include <rte_fastmem_replace.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_timer.h>

#include "sessions.h"

#define BURST 32
#define QUEUE 512
#define MBUFS 8191
#define EMPTY_POLLS 1000 /* after so many a port has nothing more */

struct port {
	uint64_t received, sent, dropped;
};

static struct port ports[RTE_MAX_ETHPORTS];
static struct sessions *tables[RTE_MAX_LCORE];
static volatile sig_atomic_t quit;

static struct {
	unsigned int timeout_ms, max_sessions;
	bool until_idle;
} options = { .timeout_ms = 1000, .max_sessions = 65536 };

static void
on_signal(int number __rte_unused)
{
	quit = 1;
}

static void
usage(FILE *f)
{
	fprintf(f,
		"usage: l2fwd [EAL option...] -- [option...]\n"
		"\n"
		"  --timeout-ms N    sessions end after that time without a packet (1000)\n"
		"  --max-sessions N  at once, on each lcore (65536)\n"
		"  --until-idle      end when no port has a packet and no session is left, not by a signal\n"
		"  --help            this text; EAL's own comes before \"--\"\n");
}

static unsigned int
parse_number(const char *name, const char *text, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n == 0 || n > max)
		rte_exit(EXIT_FAILURE, "--%s: 1 to %u, not '%s'\n", name, max, text);
	return n;
}

static void
parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "timeout-ms", required_argument, NULL, 't' },
		{ "max-sessions", required_argument, NULL, 'm' },
		{ "until-idle", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 't':
			options.timeout_ms = parse_number("timeout-ms", optarg, 3600000);
			break;
		case 'm':
			options.max_sessions = parse_number("max-sessions", optarg, 1 << 24);
			break;
		case 'i':
			options.until_idle = true;
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_SUCCESS : EXIT_FAILURE);
		}
	}
}

static void
start_port(uint16_t port, struct rte_mempool *mbufs)
{
	const struct rte_eth_conf conf = { .rxmode = { .mq_mode = RTE_ETH_MQ_RX_NONE } };
	int ret;

	ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, QUEUE, SOCKET_ID_ANY, NULL, mbufs);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, QUEUE, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "port %u does not start: %s\n", port, rte_strerror(-ret));
	rte_eth_promiscuous_enable(port); /* some have no other mode */
}

/* The packet goes on as from the port that it leaves by. */
static void
rewrite(struct rte_mbuf *m, uint16_t to, const struct rte_ether_addr *own)
{
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	const struct rte_ether_addr next = { .addr_bytes = { 2, 0, 0, 0, 0, to } };

	rte_ether_addr_copy(&next, &ether->dst_addr);
	rte_ether_addr_copy(own, &ether->src_addr);
}

/* Returns the number of packets that have come. */
static unsigned int
forward(uint16_t from, struct sessions *sessions)
{
	uint16_t to = from ^ 1, i, n, sent;
	struct rte_mbuf *burst[BURST];
	struct rte_ether_addr own;

	n = rte_eth_rx_burst(from, 0, burst, BURST);
	if (n == 0)
		return 0;
	rte_eth_macaddr_get(to, &own);
	for (i = 0; i < n; i++) {
		sessions_packet(sessions, rte_pktmbuf_mtod(burst[i], const struct rte_ether_hdr *),
			rte_pktmbuf_pkt_len(burst[i]));
		rewrite(burst[i], to, &own);
	}
	/* No other lcore sends by this port, as no other receives by its peer. */
	sent = rte_eth_tx_burst(to, 0, burst, n);
	rte_pktmbuf_free_bulk(burst + sent, n - sent);
	ports[from].received += n;
	ports[to].sent += sent;
	ports[to].dropped += n - sent;
	return n;
}

static int
run(void *arg __rte_unused)
{
	unsigned int lcore = rte_lcore_id(), empty = 0;
	struct sessions *sessions = tables[lcore];
	uint16_t port;

	while (!quit) {
		unsigned int n = 0;

		RTE_ETH_FOREACH_DEV(port)
			if (port % rte_lcore_count() == (unsigned int)rte_lcore_index(lcore))
				n += forward(port, sessions);
		rte_timer_manage();
		empty = n == 0 ? empty + 1 : 0;
		if (options.until_idle && empty > EMPTY_POLLS && sessions_counts(sessions)->now == 0)
			break;
	}
	sessions_end_all(sessions);
	rte_fastmem_cache_flush(); /* this thread needs its cache no more */
	return 0;
}

static void
print_memory(const char *when)
{
	struct rte_fastmem_stats stats;

	if (rte_fastmem_stats(&stats) == 0)
		printf("memory %s: %" PRIu64 " bytes for objects, %" PRIu64 " of them free, %" PRIu64
			" bookkeeping\n", when, stats.bytes_backing, stats.bytes_free,
			stats.bytes_metadata);
}

static void
print_result(void)
{
	struct sessions_counts sum = { 0 };
	unsigned int lcore;
	uint16_t port;

	RTE_ETH_FOREACH_DEV(port)
		printf("port %u: %" PRIu64 " received, %" PRIu64 " sent, %" PRIu64 " dropped\n", port,
			ports[port].received, ports[port].sent, ports[port].dropped);
	RTE_LCORE_FOREACH(lcore) {
		const struct sessions_counts *c = sessions_counts(tables[lcore]);

		sum.made += c->made;
		sum.ended += c->ended;
		sum.most += c->most;
		sum.refused += c->refused;
		sum.packets += c->packets;
		sum.bytes += c->bytes;
	}
	printf("sessions: %" PRIu64 " made, %" PRIu64 " ended, %" PRIu64 " refused, at most %" PRIu64
		" at once\n", sum.made, sum.ended, sum.refused, sum.most);
	printf("sessions: %" PRIu64 " packets, %" PRIu64 " bytes\n", sum.packets, sum.bytes);
}

int
main(int argc, char **argv)
{
	struct rte_mempool *mbufs;
	unsigned int lcore;
	uint16_t port;
	int used;

	used = rte_eal_init(argc, argv);
	if (used < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start: %s\n", rte_strerror(rte_errno));
	parse_options(argc - used, argv + used);
	if (rte_eth_dev_count_avail() == 0 || rte_eth_dev_count_avail() % 2 != 0)
		rte_exit(EXIT_FAILURE, "%u ports are no pairs: see README.md\n",
			rte_eth_dev_count_avail());
	if (rte_fastmem_init() != 0 || rte_timer_subsystem_init() != 0)
		rte_exit(EXIT_FAILURE, "fastmem or timers do not start\n");

	mbufs = rte_pktmbuf_pool_create("mbufs", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	if (mbufs == NULL)
		rte_exit(EXIT_FAILURE, "no memory for mbufs: %s\n", rte_strerror(rte_errno));
	RTE_LCORE_FOREACH(lcore) {
		tables[lcore] = sessions_create(lcore, options.max_sessions,
			options.timeout_ms * rte_get_timer_hz() / 1000);
		if (tables[lcore] == NULL)
			rte_exit(EXIT_FAILURE, "no memory for a table: %s\n",
				rte_strerror(rte_errno));
	}
	RTE_ETH_FOREACH_DEV(port)
		start_port(port, mbufs);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);

	print_memory("at the start");
	rte_eal_mp_remote_launch(run, NULL, CALL_MAIN);
	rte_eal_mp_wait_lcore();
	print_memory("at the end");
	print_result();

	RTE_ETH_FOREACH_DEV(port) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	printf("mbufs: %u in use\n", rte_mempool_in_use_count(mbufs));
	RTE_LCORE_FOREACH(lcore)
		sessions_free(tables[lcore]);
	rte_mempool_free(mbufs);
	rte_timer_subsystem_finalize();
	rte_fastmem_cache_flush();
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	print_memory("given back");
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
