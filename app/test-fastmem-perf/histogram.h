/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_HISTOGRAM_H
#define FASTMEM_PERF_HISTOGRAM_H

/*
 * How many calls took how many cycles: to the cycle below HISTOGRAM_EXACT, to 1/64 from there. Few
 * lines of it are in use at a time, however many calls there are.
 */

#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#define HISTOGRAM_EXACT_LOG2 10
#define HISTOGRAM_EXACT (1u << HISTOGRAM_EXACT_LOG2)
#define HISTOGRAM_STEPS_LOG2 6 /* of each doubling */
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEPS_LOG2)
#define HISTOGRAM_BUCKETS \
	(HISTOGRAM_EXACT + ((64 - HISTOGRAM_EXACT_LOG2) << HISTOGRAM_STEPS_LOG2))

struct histogram {
	uint64_t n;
	uint32_t calls[HISTOGRAM_BUCKETS];
};

static __rte_always_inline unsigned int
histogram_bucket(uint64_t cycles)
{
	unsigned int log2;

	if (likely(cycles < HISTOGRAM_EXACT))
		return cycles;
	log2 = 63 - __builtin_clzll(cycles);
	return HISTOGRAM_EXACT + ((log2 - HISTOGRAM_EXACT_LOG2) << HISTOGRAM_STEPS_LOG2) +
		((cycles >> (log2 - HISTOGRAM_STEPS_LOG2)) & (HISTOGRAM_STEPS - 1));
}

static __rte_always_inline void
histogram_add(struct histogram *h, uint64_t cycles)
{
	h->calls[histogram_bucket(cycles)]++;
	h->n++;
}

/* The most that a call counted there has taken. */
static inline double
histogram_limit(unsigned int bucket)
{
	unsigned int log2, step;

	if (bucket < HISTOGRAM_EXACT)
		return RTE_MAX(bucket, 1u); /* no figure is 0 */
	log2 = ((bucket - HISTOGRAM_EXACT) >> HISTOGRAM_STEPS_LOG2) + HISTOGRAM_EXACT_LOG2;
	step = (bucket - HISTOGRAM_EXACT) & (HISTOGRAM_STEPS - 1);
	return (double)(UINT64_C(1) << (log2 - HISTOGRAM_STEPS_LOG2)) * (HISTOGRAM_STEPS + step + 1);
}

/* What this share of the calls did not exceed. */
static inline double
histogram_quantile(const struct histogram *h, double share)
{
	uint64_t rank = (uint64_t)(share * (h->n - 1)), seen = 0;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->calls[i];
		if (seen > rank)
			break;
	}
	return histogram_limit(i);
}

#endif /* FASTMEM_PERF_HISTOGRAM_H */
