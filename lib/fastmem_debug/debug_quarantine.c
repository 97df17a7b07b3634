/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The quarantine: freed objects that wait before they can be had again, so that whoever
 * still writes to one is found out.
 *
 * A ring in shared memory, first in, first out, bounded in objects and in bytes. Whoever
 * puts an object into it gives those back that have waited for longest, also those of
 * other threads and processes: so no process has any for itself, but for the few that it
 * is giving back at that moment.
 */

#include "fastmem_debug.h"

#define RING_SIZE 8192
#define BATCH 4 /* on their way at once: lost if the process is killed */

/* Objects on their way, and what was found out of them: told when no lock is held. */
struct batch {
	unsigned int n;
	unsigned int n_found;
	void *slots[BATCH];
	struct fastmem_finding found[BATCH];
};

int
fastmem_quarantine_init(struct fastmem_debug *debug)
{
	debug->ring = fastmem_meta_alloc(RING_SIZE * sizeof(debug->ring[0]), true);
	debug->ring_size = debug->ring != NULL ? RING_SIZE : 0;
	return debug->ring != NULL ? 0 : -1;
}

static void
leaving_lock(struct fastmem_debug *debug)
{
	/* What a dead holder had taken out is lost, as all is that a process has in its hands. */
	if (fastmem_mutex_lock(&debug->leaving, FASTMEM_LOCK_LEAVING))
		fastmem_mutex_repaired(&debug->leaving);
}

static struct fastmem_bin *
bin_of(const void *slot)
{
	return &fastmem_ctl()->bins[rte_fastmem_bin_of(slot)];
}

/*
 * To the layers below, an object is freed when it goes back, by whoever does that. So the account
 * of the process that has freed it is corrected meanwhile, and then of that one. n: objects more.
 */
static void
book(const struct fastmem_bin *bin, int n)
{
	RTE_ATOMIC(int64_t) *held = fastmem_held(fastmem_ctl(), fastmem_process.peer);

	rte_atomic_fetch_sub_explicit(&held[bin->id], n, rte_memory_order_relaxed);
}

/*
 * Under debug.leaving, and so without growth: EAL calls functions of the application in
 * growth, which may free something, and come here.
 */
static void
give_back(struct batch *b)
{
	unsigned int i;

	fastmem_growth_held++;
	for (i = 0; i < b->n; i++)
		b->n_found += fastmem_debug_give_back(b->slots[i], &b->found[b->n_found]);
	fastmem_growth_held--;
}

static void
report(const struct batch *b)
{
	unsigned int i;

	for (i = 0; i < b->n_found; i++)
		fastmem_report(&b->found[i]);
}

/* Under debug.lock: take the oldest one out. NULL: its place was empty. */
static void *
take_oldest(struct fastmem_debug *debug)
{
	void *slot = debug->ring[debug->head % debug->ring_size];

	FASTMEM_MOVE(debug->head, debug->head + 1);
	if (slot != NULL) {
		fastmem_quarantine_count(debug, bin_of(slot), -1);
		book(bin_of(slot), -1);
	}
	return slot;
}

/* Under debug.lock: whether another one of so many bytes needs room first. */
static bool
is_full(const struct fastmem_debug *debug, size_t bytes)
{
	return debug->tail != debug->head && (debug->tail - debug->head == debug->ring_size ||
		debug->bytes + bytes > debug->quarantine_max);
}

/* Let an object wait, if there is room. Those that have waited for longest make room. */
static bool
put_or_take(struct fastmem_debug *debug, const struct fastmem_bin *bin, void *slot,
		struct batch *b)
{
	bool full;

	b->n = b->n_found = 0;
	fastmem_debug_lock(debug);
	while ((full = is_full(debug, bin->slot_size)) && b->n < BATCH) {
		b->slots[b->n] = take_oldest(debug);
		b->n += b->slots[b->n] != NULL;
	}
	if (!full) {
		/* The entry is there before the ring says so. */
		FASTMEM_MOVE(debug->ring[debug->tail % debug->ring_size], slot);
		FASTMEM_MOVE(debug->tail, debug->tail + 1);
		fastmem_quarantine_count(debug, bin, 1);
		book(bin, 1);
	}
	fastmem_mutex_unlock(&debug->lock);
	return !full;
}

/* Let an object wait. Not under a lock, for it may report what others have done. */
void
fastmem_quarantine_put(struct fastmem_bin *bin, void *slot)
{
	FASTMEM_LOG_LATER;
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	struct batch b;
	bool done;

	if (bin->slot_size > debug->quarantine_max) {
		if (fastmem_debug_give_back(slot, &b.found[0]))
			fastmem_report(&b.found[0]);
		return;
	}
	do {
		leaving_lock(debug);
		done = put_or_take(debug, bin, slot, &b);
		give_back(&b);
		fastmem_mutex_unlock(&debug->leaving);
		report(&b);
	} while (!done);
}

/* Take up to BATCH objects out, of the bin if there is one. */
static void
take_batch(struct fastmem_debug *debug, const struct fastmem_bin *bin, struct batch *b)
{
	uint64_t at;

	b->n = b->n_found = 0;
	fastmem_debug_lock(debug);
	for (at = debug->head; at != debug->tail && b->n < BATCH; at++) {
		RTE_ATOMIC(void *) *entry = &debug->ring[at % debug->ring_size];
		void *slot = *entry;

		if (slot == NULL || (bin != NULL && bin_of(slot) != bin))
			continue;
		FASTMEM_MOVE(*entry, NULL);
		fastmem_quarantine_count(debug, bin_of(slot), -1);
		book(bin_of(slot), -1);
		b->slots[b->n++] = slot;
	}
	while (debug->head != debug->tail && debug->ring[debug->head % debug->ring_size] == NULL)
		FASTMEM_MOVE(debug->head, debug->head + 1);
	fastmem_mutex_unlock(&debug->lock);
}

/*
 * Give all back at once that wait, of one bin or, with NULL, of all: memory is short, or a
 * pool has no other object left. Returns whether there were any. Not under a lock.
 */
bool
fastmem_quarantine_flush(const struct fastmem_bin *bin)
{
	FASTMEM_LOG_LATER;
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	struct batch b;
	bool any = false;

	if (debug == NULL)
		return false;
	do {
		leaving_lock(debug);
		take_batch(debug, bin, &b);
		give_back(&b);
		fastmem_mutex_unlock(&debug->leaving);
		report(&b);
		any |= b.n > 0;
	} while (b.n > 0);
	return any;
}

/* Objects of a bin that wait: the layers below take them for objects in use. */
uint32_t
fastmem_quarantine_n(unsigned int bin)
{
	const struct fastmem_debug *debug = fastmem_ctl()->debug;

	return debug == NULL ? 0 :
		rte_atomic_load_explicit(&debug->quarantined[bin], rte_memory_order_relaxed);
}

/* Of a pool that is freed: its objects go with it. */
void
fastmem_quarantine_forget(const struct fastmem_bin *bin)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	struct batch b;

	if (debug == NULL)
		return;
	leaving_lock(debug);
	do
		take_batch(debug, bin, &b);
	while (b.n > 0);
	fastmem_mutex_unlock(&debug->leaving);
}
