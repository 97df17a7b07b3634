/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Preloaded into examples of DPDK, lets them run on vdevs that lack offloads which they ask for: they
 * are configured without. What net_pcap does not offer are checksums, which the examples do not rely on,
 * and what it does in any case: it reads and writes packets of several mbufs. What a packet is, some of
 * them leave to the device: it is found out here.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_net.h>

#define NEXT(pointer, name) ((pointer) = (__typeof__(pointer))(uintptr_t)dlsym(RTLD_NEXT, name))

int
rte_eth_dev_configure(uint16_t port, uint16_t n_rx, uint16_t n_tx, const struct rte_eth_conf *conf)
{
	int (*next)(uint16_t, uint16_t, uint16_t, const struct rte_eth_conf *);
	struct rte_eth_conf local = *conf;
	struct rte_eth_dev_info info;

	if (NEXT(next, "rte_eth_dev_configure") == NULL || rte_eth_dev_info_get(port, &info) != 0)
		return -ENODEV;
	local.rxmode.offloads &= info.rx_offload_capa;
	local.txmode.offloads &= info.tx_offload_capa;
	return next(port, n_rx, n_tx, &local);
}

/* There is none. */
int
rte_eth_dev_set_mtu(uint16_t port, uint16_t mtu)
{
	RTE_SET_USED(port);
	RTE_SET_USED(mtu);
	return 0;
}

static uint16_t
set_types(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t n, uint16_t max, void *arg)
{
	uint16_t i;

	RTE_SET_USED(port);
	RTE_SET_USED(queue);
	RTE_SET_USED(max);
	RTE_SET_USED(arg);
	for (i = 0; i < n; i++)
		packets[i]->packet_type = rte_net_get_ptype(packets[i], NULL, RTE_PTYPE_ALL_MASK);
	return n;
}

int
rte_eth_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t n, unsigned int socket,
		const struct rte_eth_rxconf *conf, struct rte_mempool *mp)
{
	int (*next)(uint16_t, uint16_t, uint16_t, unsigned int, const struct rte_eth_rxconf *,
		struct rte_mempool *);
	struct rte_eth_rxconf local;
	struct rte_eth_dev_info info;

	if (NEXT(next, "rte_eth_rx_queue_setup") == NULL || rte_eth_dev_info_get(port, &info) != 0)
		return -ENODEV;
	if (rte_eth_add_rx_callback(port, queue, set_types, NULL) == NULL)
		return -ENOMEM;
	if (conf == NULL)
		return next(port, queue, n, socket, conf, mp);
	local = *conf;
	local.offloads &= info.rx_offload_capa;
	return next(port, queue, n, socket, &local, mp);
}

int
rte_eth_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t n, unsigned int socket,
		const struct rte_eth_txconf *conf)
{
	int (*next)(uint16_t, uint16_t, uint16_t, unsigned int, const struct rte_eth_txconf *);
	struct rte_eth_txconf local;
	struct rte_eth_dev_info info;

	if (NEXT(next, "rte_eth_tx_queue_setup") == NULL || rte_eth_dev_info_get(port, &info) != 0)
		return -ENODEV;
	if (conf == NULL)
		return next(port, queue, n, socket, conf);
	local = *conf;
	local.offloads &= info.tx_offload_capa;
	return next(port, queue, n, socket, &local);
}
