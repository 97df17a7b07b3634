# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# what: dpdk-test    DPDK's own tests of rte_malloc, and of hash tables and what uses them

# dpdk_test TRACE SUITE...
dpdk_test()
{
	trace=$1
	shift
	printf '%s\n' "$@" quit >"$work/suites"
	record "$trace" -- dpdk-test $eal -l 0,1 <"$work/suites"
	[ "$(grep -a -c '^Test OK' "$work/$trace.out")" -ge $# ] || die "not all of $* passed"
}

dpdk_test dpdk-test-malloc malloc_autotest
dpdk_test dpdk-test-hash hash_autotest thash_autotest rib_autotest \
	rib6_autotest mempool_autotest ring_autotest link_bonding_autotest
