/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef DEBUG_LEAKS_H
#define DEBUG_LEAKS_H

/*
 * A snapshot of what is live: made by debug_leaks.c, written by debug_leaks_write.c.
 */

#include "fastmem_debug.h"

/* What the objects of a group have in common. No padding: compared as bytes. */
struct fastmem_place {
	uint32_t stack; /* 0: not known */
	uint32_t pid; /* 0: of all processes */
	uint32_t slot_size; /* 0: any, as the stack is known */
	uint32_t pool_bin; /* 0: no pool */
	uint32_t pool_generation; /* bins are used again */
};

struct fastmem_group {
	struct fastmem_place place;
	uint32_t min_size; /* as asked for */
	uint32_t max_size; /* 0: not known */
	uint64_t oldest; /* cycles of the time stamp counter; 0: not known */
	uint64_t youngest;
	int64_t n;
	int64_t bytes;
	/* Of a difference. */
	int64_t more_n;
	int64_t more_bytes;
	char pool[RTE_FASTMEM_POOL_NAMESIZE];
};

/* Groups, and a hash table of their numbers. */
struct fastmem_groups {
	struct fastmem_group *list;
	uint32_t n;
	uint32_t room; /* a power of two, or 0; the table has twice as many entries */
	uint32_t *table; /* number + 1; 0: free */
	bool failed; /* there was no memory for all */
};

struct rte_fastmem_leaks {
	enum rte_fastmem_debug_level level;
	uint32_t sample;
	uint64_t time; /* cycles of the time stamp counter */
	const struct fastmem_bin *only; /* while it is made; NULL: objects of all bins */
	struct fastmem_groups by_place; /* what has records */
	struct fastmem_groups by_size; /* what has none; of RTE_FASTMEM_DEBUG_SAMPLE: everything */
	unsigned int n_processes;
	struct rte_fastmem_process processes[FASTMEM_MAX_PEERS];
};

/* Most first. */
static inline int
fastmem_descending(int64_t a, int64_t b)
{
	return a > b ? -1 : a < b;
}

/* debug_leaks.c */
struct fastmem_group *fastmem_groups_get(struct fastmem_groups *gs,
		const struct fastmem_place *place);
const struct fastmem_group *fastmem_groups_find(const struct fastmem_groups *gs,
		const struct fastmem_place *place);
void fastmem_groups_sort(struct fastmem_groups *gs, int (*order)(const void *, const void *));
void fastmem_groups_free(struct fastmem_groups *gs);
int64_t fastmem_leaks_total(const struct rte_fastmem_leaks *leaks, int64_t *bytes);

/* debug_leaks_write.c */
int64_t fastmem_leaks_write(FILE *f, const struct rte_fastmem_leaks *leaks);
void fastmem_leaks_write_groups(FILE *f, const struct rte_fastmem_leaks *leaks,
		const struct fastmem_groups *gs);

#endif /* DEBUG_LEAKS_H */
