/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_SUITES_H
#define TEST_SUITES_H

/*
 * The suites of dpdk-fastmem-test, in the order in which they run: to add one, add a line here and
 * its file to meson.build. suite_NAME is a struct test_suite in that file.
 *
 * In DPDK's tree, each group but the last is a test of dpdk-test: see tree/test_fastmem.c.
 */
#define TEST_SUITES_CORE(SUITE) \
	SUITE(api) \
	SUITE(errors) \
	SUITE(sizes) \
	SUITE(contents) \
	SUITE(handles) \
	SUITE(bulk) \
	SUITE(model) \
	SUITE(memory) \
	SUITE(limits) \
	SUITE(growth) \
	SUITE(zones) \
	SUITE(sockets) \
	SUITE(numa) \
	SUITE(big_pages) \
	SUITE(stats) \
	SUITE(shared_stats) \
	SUITE(figures) \
	SUITE(depot) \
	SUITE(iova) \
	SUITE(wild) \
	SUITE(one_page)

#define TEST_SUITES_THREADS(SUITE) \
	SUITE(threads) \
	SUITE(thread_end) \
	SUITE(life) \
	SUITE(lock) \
	SUITE(idle)

#define TEST_SUITES_POOL(SUITE) \
	SUITE(pool) \
	SUITE(pool_promises) \
	SUITE(pool_readers) \
	SUITE(pool_growth) \
	SUITE(pool_steal)

#define TEST_SUITES_MEMPOOL(SUITE) \
	SUITE(mempool) \
	SUITE(mempool_memory)

#define TEST_SUITES_DEBUG(SUITE) \
	SUITE(debug_light) \
	SUITE(debug_full) \
	SUITE(debug_model) \
	SUITE(debug_reports) \
	SUITE(debug_sample) \
	SUITE(leaks)

/* They need dpdk-fastmem-test itself: as a secondary process, to fork, or for its lines and plug-ins. */
#define TEST_SUITES_PROGRAM(SUITE) \
	SUITE(parse) \
	SUITE(stack) \
	SUITE(stack_shapes) \
	SUITE(stack_cost) \
	SUITE(ends_alone) \
	SUITE(ends_alone_long) \
	SUITE(processes) \
	SUITE(mp) \
	SUITE(departure) \
	SUITE(alive) \
	SUITE(reclaim) \
	SUITE(ends_at_random) \
	SUITE(ends_at_random_long) \
	SUITE(kill) \
	SUITE(kill_pools) \
	SUITE(steps) \
	SUITE(mempool_processes) \
	SUITE(pool_processes) \
	SUITE(pool_peers) \
	SUITE(stack_processes)

#define TEST_SUITES(SUITE) \
	TEST_SUITES_CORE(SUITE) \
	TEST_SUITES_THREADS(SUITE) \
	TEST_SUITES_POOL(SUITE) \
	TEST_SUITES_MEMPOOL(SUITE) \
	TEST_SUITES_DEBUG(SUITE) \
	TEST_SUITES_PROGRAM(SUITE)

#endif /* TEST_SUITES_H */
