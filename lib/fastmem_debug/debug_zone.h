/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef DEBUG_ZONE_H
#define DEBUG_ZONE_H

/*
 * What debug.c, debug_zone.c and debug_slab.c share.
 */

#include "fastmem_debug.h"

/*
 * What there is around an object, by its record as it was at one time: others may change that
 * while this thread looks. All of it lies within the slot, whatever the record says.
 */
struct place {
	struct fastmem_bin *bin;
	struct fastmem_granule *slab;
	struct fastmem_record *r;
	uint32_t state;
	uint32_t front; /* bytes of the slot before the object */
	uint32_t size;
	uint8_t *slot;
	uint8_t *obj;
	uint8_t *end; /* of the slot */
};

/* What is not as it was left. */
struct damage {
	enum rte_fastmem_error error;
	const void *first; /* byte; NULL: not known */
};

static inline bool
fastmem_debug_is_full_level(void)
{
	return fastmem_checking.level != RTE_FASTMEM_DEBUG_LIGHT;
}

static inline uint32_t
fastmem_debug_state_of(const struct fastmem_record *r)
{
	/* Pairs with the release in set_state(). */
	return rte_atomic_load_explicit(&r->state, rte_memory_order_acquire);
}

/*
 * Whether tools are told of the objects of a bin. Not of pools with an RCU variable: their
 * readers may read what was put, as long as they like.
 */
static inline bool
fastmem_debug_is_tracked(const struct fastmem_bin *bin)
{
	return unlikely(fastmem_debug.tools != 0) && (fastmem_debug.tools == FASTMEM_TOOL_TSAN ||
		bin->pool == NULL || bin->pool->qsbr == NULL);
}

/* debug.c */
void fastmem_debug_find_damage(struct fastmem_finding *finding, const struct place *p,
		const struct damage *d);
bool fastmem_debug_has_records(const struct fastmem_bin *bin);

/* debug_zone.c */
uint64_t fastmem_debug_sum_of(const uint8_t *p, size_t n);
void fastmem_debug_rewrite(const struct place *p, bool freed);
bool fastmem_debug_zones_are_damaged(const struct place *p, struct damage *d);
bool fastmem_debug_freed_is_damaged(const struct place *p, struct damage *d);
void fastmem_debug_check_zone_before(const struct place *p);
void fastmem_debug_mend(const struct place *p);
void fastmem_debug_report_and_mend(const struct place *p, const struct damage *d);

#endif /* DEBUG_ZONE_H */
