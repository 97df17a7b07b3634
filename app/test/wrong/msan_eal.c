/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a program with MemorySanitizer needs as long as DPDK is built without: link it with this
 * file and -Wl,--wrap=rte_eal_init,--wrap=rte_eal_cleanup. MSan does not see what DPDK writes to
 * memory of malloc(), and would object where DPDK passes it to functions of libc.
 */

#include <sanitizer/msan_interface.h>

int __real_rte_eal_init(int argc, char **argv);
int __wrap_rte_eal_init(int argc, char **argv);
int __real_rte_eal_cleanup(void);
int __wrap_rte_eal_cleanup(void);

int
__wrap_rte_eal_init(int argc, char **argv)
{
	int ret;

	__msan_scoped_disable_interceptor_checks();
	ret = __real_rte_eal_init(argc, argv);
	__msan_scoped_enable_interceptor_checks();
	return ret;
}

int
__wrap_rte_eal_cleanup(void)
{
	int ret;

	__msan_scoped_disable_interceptor_checks();
	ret = __real_rte_eal_cleanup();
	__msan_scoped_enable_interceptor_checks();
	return ret;
}
