/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_PERF_RNG_H
#define FASTMEM_PERF_RNG_H

/* Random numbers cheap enough for measured loops, and the same in each run. */

#include <stdint.h>

#include <rte_common.h>

struct rng {
	uint64_t state; /* not 0 */
};

static __rte_always_inline uint32_t
rng_next(struct rng *r)
{
	/* Marsaglia's xorshift; its high half is the better one */
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state >> 32;
}

/* Below @p bound. */
static __rte_always_inline uint32_t
rng_below(struct rng *r, uint32_t bound)
{
	return ((uint64_t)rng_next(r) * bound) >> 32;
}

#endif /* FASTMEM_PERF_RNG_H */
