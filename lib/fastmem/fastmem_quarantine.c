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
	if (fastmem_mutex_lock(&debug->leaving))
		fastmem_mutex_repaired(&debug->leaving);
}

static struct fastmem_bin *
bin_of(const void *slot)
{
	return &fastmem_ctl()->bins[rte_fastmem_bin_of(slot)];
}

static void
count(struct fastmem_debug *debug, const struct fastmem_bin *bin, int n)
{
	/* Atomic for the statistics. */
	__atomic_store_n(&debug->bytes, debug->bytes + (int64_t)n * bin->slot_size,
		__ATOMIC_RELAXED);
	__atomic_store_n(&debug->quarantined[bin->id], debug->quarantined[bin->id] + n,
		__ATOMIC_RELAXED);
}

/*
 * To the layers below, an object is freed when it goes back, by whoever does that. So the account
 * of the process that has freed it is corrected meanwhile, and then of that one. n: objects more.
 */
static void
book(const struct fastmem_bin *bin, int n)
{
	int64_t *held = fastmem_ctl()->peers[fastmem_process.peer].held;

	__atomic_fetch_sub(&held[bin->id], n, __ATOMIC_RELAXED);
}

/* The holder of the lock has died: entries are what is true, the counts follow from them. */
void
fastmem_quarantine_repair(struct fastmem_debug *debug)
{
	unsigned int i;
	uint64_t at;

	for (i = 0; i < RTE_FASTMEM_MAX_BINS; i++)
		__atomic_store_n(&debug->quarantined[i], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&debug->bytes, 0, __ATOMIC_RELAXED);
	for (at = debug->head; at != debug->tail; at++) {
		const void *slot = debug->ring[at % debug->ring_size];

		if (slot != NULL)
			count(debug, bin_of(slot), 1);
	}
}

/*
 * Under debug.leaving, and so without growth: EAL calls functions of the application in
 * growth, which may free something, and come here.
 */
static void
give_back(void *const *out, unsigned int n)
{
	unsigned int i;

	fastmem_growth_held++;
	for (i = 0; i < n; i++)
		fastmem_debug_give_back(out[i]);
	fastmem_growth_held--;
}

/* Under debug.lock: take the oldest one out. NULL: its place was empty. */
static void *
take_oldest(struct fastmem_debug *debug)
{
	void *slot = debug->ring[debug->head % debug->ring_size];

	MOVE(debug->head, debug->head + 1);
	if (slot != NULL) {
		count(debug, bin_of(slot), -1);
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

/*
 * Let an object wait; those that have waited for long enough go back. Not under a lock.
 */
void
fastmem_quarantine_put(struct fastmem_bin *bin, void *slot)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	void *out[BATCH];
	unsigned int n;
	bool full;

	if (bin->slot_size > debug->quarantine_max) {
		fastmem_debug_give_back(slot);
		return;
	}
	leaving_lock(debug);
	do {
		n = 0;
		fastmem_debug_lock(debug);
		while ((full = is_full(debug, bin->slot_size)) && n < BATCH) {
			out[n] = take_oldest(debug);
			n += out[n] != NULL;
		}
		if (!full) {
			/* The entry is there before the ring says so. */
			MOVE(debug->ring[debug->tail % debug->ring_size], slot);
			MOVE(debug->tail, debug->tail + 1);
			count(debug, bin, 1);
			book(bin, 1);
		}
		fastmem_mutex_unlock(&debug->lock);
		give_back(out, n);
	} while (full);
	fastmem_mutex_unlock(&debug->leaving);
}

/* Under debug.lock: take up to BATCH objects out, of the bin if there is one. */
static unsigned int
take_batch(struct fastmem_debug *debug, const struct fastmem_bin *bin, void **out)
{
	unsigned int n = 0;
	uint64_t at;

	for (at = debug->head; at != debug->tail && n < BATCH; at++) {
		void **entry = &debug->ring[at % debug->ring_size];
		void *slot = *entry;

		if (slot == NULL || (bin != NULL && bin_of(slot) != bin))
			continue;
		MOVE(*entry, NULL);
		count(debug, bin_of(slot), -1);
		book(bin_of(slot), -1);
		out[n++] = slot;
	}
	while (debug->head != debug->tail && debug->ring[debug->head % debug->ring_size] == NULL)
		MOVE(debug->head, debug->head + 1);
	return n;
}

/*
 * Give all back at once that wait, of one bin or, with NULL, of all: memory is short, or a
 * pool has no other object left. Returns whether there were any.
 */
bool
fastmem_quarantine_flush(const struct fastmem_bin *bin)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	void *out[BATCH];
	bool any = false;
	unsigned int n;

	if (debug == NULL)
		return false;
	leaving_lock(debug);
	do {
		fastmem_debug_lock(debug);
		n = take_batch(debug, bin, out);
		fastmem_mutex_unlock(&debug->lock);
		give_back(out, n);
		any |= n > 0;
	} while (n > 0);
	fastmem_mutex_unlock(&debug->leaving);
	return any;
}

/* Of a pool that is freed: its objects go with it. */
void
fastmem_quarantine_forget(const struct fastmem_bin *bin)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;
	void *out[BATCH];

	if (debug == NULL)
		return;
	leaving_lock(debug);
	fastmem_debug_lock(debug);
	while (take_batch(debug, bin, out) > 0)
		;
	fastmem_mutex_unlock(&debug->lock);
	fastmem_mutex_unlock(&debug->leaving);
}
