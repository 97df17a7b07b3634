/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_CALL_CLOCK_H
#define FASTMEM_PERF_CALL_CLOCK_H

/* The clock for single calls. What reading it takes is known, and is to be subtracted. */

#include <stdint.h>

#include <rte_common.h>
#include <rte_cycles.h>

/* No instruction of what is timed may pass the clock. */
static __rte_always_inline uint64_t
call_clock_read(void)
{
#ifdef RTE_ARCH_X86
	uint64_t cycles;

	__asm__ volatile("lfence" : : : "memory");
	cycles = rte_rdtsc();
	__asm__ volatile("lfence" : : : "memory");
	return cycles;
#else
	return rte_rdtsc_precise();
#endif
}

/* What the clock itself takes, at least. */
static inline uint64_t
call_clock_cost(void)
{
	uint64_t cycles, least = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		cycles = call_clock_read();
		cycles = call_clock_read() - cycles;
		least = RTE_MIN(least, cycles);
	}
	return least;
}

#endif /* FASTMEM_PERF_CALL_CLOCK_H */
