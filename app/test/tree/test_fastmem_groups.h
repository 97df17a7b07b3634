/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_FASTMEM_GROUPS_H
#define TEST_FASTMEM_GROUPS_H

/*
 * Groups of suites. 0; -1: a case has failed, as it says; 77: none could run. The headers of fastmem's
 * tests and test.h of dpdk-test define the same names.
 */
int test_fastmem_core(void);
int test_fastmem_threads(void);
int test_fastmem_pool(void);
int test_fastmem_mempool(void);
int test_fastmem_debug(void);

#endif /* TEST_FASTMEM_GROUPS_H */
