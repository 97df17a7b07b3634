/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Records: what is known of each slot, in the memory of the bookkeeping.
 *
 * A slab has an array of them from before its first slot is handed out until its memory
 * goes back. Arrays are kept for reuse by powers of two. Their memory stays what it is until
 * deinit, so that whoever reads a record of a slab that has gone reads an old story.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_debug.h"

/* Arrays in the lists are linked by their first word. */
struct unused_records {
	struct fastmem_record *next;
};

static unsigned int
records_log2(const struct fastmem_granule *slab)
{
	return rte_log2_u32(slab->n_slots);
}

size_t
fastmem_records_bytes(uint32_t n_slots)
{
	return sizeof(struct fastmem_record) << rte_log2_u32(n_slots);
}

/* Before the slab is entered. Returns 0 or -ENOMEM. */
int
fastmem_records_make(struct fastmem_granule *slab, bool may_grow)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	unsigned int log2 = records_log2(slab);
	size_t bytes = sizeof(struct fastmem_record) << log2;
	struct fastmem_record *records;

	fastmem_debug_lock(debug);
	records = debug->unused[log2];
	if (records != NULL)
		FASTMEM_MOVE(debug->unused[log2], ((struct unused_records *)records)->next);
	fastmem_mutex_unlock(&debug->lock);
	if (records != NULL)
		memset(records, 0, bytes);
	else
		records = fastmem_meta_alloc(bytes, may_grow);
	/* Pairs with the acquire in fastmem_record_of(): they are zeroed. */
	rte_atomic_store_explicit(&slab->records, records, rte_memory_order_release);
	return records != NULL ? 0 : -ENOMEM;
}

/* No slot of the slab is in use any more. Under bin.lock, or before anybody knows the slab. */
void
fastmem_records_drop(struct fastmem_granule *slab)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	unsigned int log2 = records_log2(slab);
	struct fastmem_record *records = slab->records;

	if (records == NULL)
		return;
	/* Readers find no slab here from now on, or records that are about to be others'. */
	rte_atomic_store_explicit(&slab->records, NULL, rte_memory_order_relaxed);
	fastmem_debug_lock(debug);
	((struct unused_records *)records)->next = debug->unused[log2];
	FASTMEM_MOVE(debug->unused[log2], records);
	fastmem_mutex_unlock(&debug->lock);
}

struct span {
	uint32_t first;
	uint32_t n;
};

/* The chunks of an arena, for the caller to free(). NULL: none, or no memory. */
static struct span *
chunks_of(struct fastmem_arena *arena, unsigned int *n)
{
	struct span *spans = NULL;
	unsigned int room;
	uint32_t first;

	do {
		room = *n = 0;
		fastmem_arena_lock(arena);
		FASTMEM_FOREACH_CHUNK(first, arena)
			room++;
		fastmem_mutex_unlock(&arena->lock);
		free(spans);
		spans = calloc(room + 1, sizeof(spans[0]));
		if (spans == NULL)
			return NULL;
		fastmem_arena_lock(arena);
		FASTMEM_FOREACH_CHUNK(first, arena) {
			if (*n < room)
				spans[*n] = (struct span){ first, fastmem_granule(first)->chunk_n };
			(*n)++;
		}
		fastmem_mutex_unlock(&arena->lock);
	} while (*n > room); /* it has grown meanwhile */
	return spans;
}

/* A part of a walk's way through a slab. */
struct walk_slab {
	uint32_t head;
	struct fastmem_record *records; /* when it began; NULL: it has not */
	uint32_t next; /* slot */
};

/* The records of a slab, if it is one; and the one that it was. Under debug.walking. */
static bool
is_there(struct walk_slab *at, unsigned int *bin)
{
	const struct fastmem_granule *slab = fastmem_granule(at->head);
	/* Pairs with the release in fastmem_records_make(). */
	struct fastmem_record *records =
			rte_atomic_load_explicit(&slab->records, rte_memory_order_acquire);

	*bin = rte_atomic_load_explicit(&rte_fastmem_map.bins[at->head], rte_memory_order_relaxed);
	if (!fastmem_is_slab_head(at->head) || records == NULL || *bin == 0 ||
			(at->records != NULL && at->records != records))
		return false;
	at->records = records;
	return true;
}

/* Visit the next few records of a slab. False: there are no more. Under debug.walking. */
static bool
walk_records(const struct fastmem_records_visit *walk, struct walk_slab *at)
{
	struct fastmem_granule *slab = fastmem_granule(at->head);
	unsigned int bin;
	uint32_t n, end;

	if (!is_there(at, &bin))
		return false;
	n = rte_atomic_load_explicit(&slab->n_slots, rte_memory_order_relaxed);
	end = RTE_MIN(n, at->next + FASTMEM_WALK_AT_ONCE);
	for (; at->next < end; at->next++) {
		struct fastmem_record *r = &at->records[at->next];

		/* Pairs with the release in set_state(), debug.c. */
		if (rte_atomic_load_explicit(&r->state, rte_memory_order_acquire) !=
				FASTMEM_RECORD_NEW)
			walk->record(&fastmem_ctl()->bins[bin], slab, r, walk->arg);
	}
	return at->next < n;
}

static void
walk_slab(const struct fastmem_records_visit *walk, uint32_t head)
{
	struct walk_slab at = { .head = head };
	bool more;

	/* Most granules are none of a slab's first: save the lock. */
	if (!fastmem_is_slab_head(head))
		return;
	do {
		fastmem_debug_slabs_hold();
		more = walk_records(walk, &at);
		fastmem_debug_slabs_release();
		if (walk->between != NULL)
			walk->between(walk->arg);
	} while (more);
}

/*
 * Visit the records of slots that were ever handed out. Slabs that come or go meanwhile may be
 * missed; none goes while one of its records is visited.
 */
void
fastmem_records_walk(const struct fastmem_records_visit *walk)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	unsigned int socket, i, n;
	uint32_t g;

	if (ctl->debug == NULL)
		return;
	for (socket = 0; socket < ctl->n_sockets; socket++) {
		struct span *spans = chunks_of(&ctl->arenas[socket], &n);

		for (i = 0; spans != NULL && i < n; i++)
			for (g = spans[i].first; g < spans[i].first + spans[i].n; g++)
				walk_slab(walk, g);
		free(spans);
	}
}
