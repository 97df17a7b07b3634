/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * In DPDK's tree: the tests of fastmem that dpdk-test runs, each a group of suites.
 */

#include "test.h"

#include "fastmem/test_fastmem_groups.h"

#ifndef REGISTER_FAST_TEST /* before DPDK 23.11, meson.build has the list */
#define REGISTER_FAST_TEST(command, huge, asan, function) REGISTER_TEST_COMMAND(command, function)
#endif

REGISTER_FAST_TEST(fastmem_autotest, true, true, test_fastmem_core);
REGISTER_FAST_TEST(fastmem_threads_autotest, true, true, test_fastmem_threads);
REGISTER_FAST_TEST(fastmem_pool_autotest, true, true, test_fastmem_pool);
REGISTER_FAST_TEST(fastmem_mempool_autotest, true, true, test_fastmem_mempool);
REGISTER_FAST_TEST(fastmem_debug_autotest, true, true, test_fastmem_debug);
