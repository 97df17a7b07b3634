/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FULL_DRIVERS_H
#define FULL_DRIVERS_H

/*
 * Fill DPDK's table of mempool drivers, as a DPDK with many plug-ins does, if the environment has
 * TEST_MEMPOOL_DRIVERS: "full", or "fastmem", where one of them has this name. Before rte_eal_init().
 */
void full_drivers(void);

#endif /* FULL_DRIVERS_H */
