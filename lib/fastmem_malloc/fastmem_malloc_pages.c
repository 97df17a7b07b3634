/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * How many bytes EAL has mapped for its heaps, and the most there have been: what the process takes
 * from the machine, whoever serves and whatever for. EAL tells of each change; external memory is
 * not the machine's. Only where there is a report to be made.
 *
 * In memory that EAL never gives back, as with --no-huge, all that there is counts from the start.
 */

#include <inttypes.h>
#include <stdio.h>

#include <rte_common.h>

#include "fastmem_malloc.h"

/* Written under EAL's lock of memory. */
static RTE_ATOMIC(uint64_t) mapped, most_mapped;

static void
change(int64_t bytes)
{
	uint64_t now = rte_atomic_fetch_add_explicit(&mapped, bytes, rte_memory_order_relaxed) +
			bytes;

	if (now > rte_atomic_load_explicit(&most_mapped, rte_memory_order_relaxed))
		rte_atomic_store_explicit(&most_mapped, now, rte_memory_order_relaxed);
}

static bool
is_external(const void *addr)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(addr);

	return list != NULL && list->external != 0;
}

static void
memory_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	RTE_SET_USED(arg);
	if (!is_external(addr))
		change(event == RTE_MEM_EVENT_ALLOC ? (int64_t)len : -(int64_t)len);
}

static int
add_segment(const struct rte_memseg_list *list, const struct rte_memseg *segment, void *arg)
{
	RTE_SET_USED(arg);
	if (list->external == 0)
		change(segment->len);
	return 0;
}

/* Where memory does not change, EAL has no callbacks. */
void
fastmem_malloc_watch_pages(void)
{
	const struct fastmem_malloc_eal *eal = fastmem_malloc_eal();

	/* What came between the two would be missed. Nothing does: EAL starts. */
	eal->memseg_walk(add_segment, NULL);
	eal->event_register("fastmem_malloc_pages", memory_event, NULL);
}

/* The most ordinary memory that the process had; 0: the kernel does not say. */
static uint64_t
peak_rss(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	uint64_t kib = 0;
	char line[256];

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmHWM: %" SCNu64, &kib) == 1)
			break;
	fclose(f);
	return kib << 10;
}

void
fastmem_malloc_report_pages(FILE *f)
{
	fprintf(f, "peak_pages_bytes %" PRIu64 "\npeak_rss_bytes %" PRIu64 "\n",
		rte_atomic_load_explicit(&most_mapped, rte_memory_order_relaxed), peak_rss());
}
