/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * From a recorder's log to a trace: addresses become ids, threads are numbered in the order in
 * which they appear, and what cannot be replayed (a free of an object that was there before the
 * recording) is left out and counted.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/record_log.h"
#include "trace.h"
#include "trace_private.h"

#define LOG_THREADS 65536u
#define NO_THREAD UINT16_MAX
#define NO_ID UINT32_MAX

/* Live objects by address: open addressing, at most half full. Address 0 is an empty place. */
struct live_table {
	struct live {
		uint64_t address;
		uint32_t id;
	} *places;
	size_t mask;
	size_t n_used;
};

struct import {
	struct trace_builder builder;
	struct trace_log_stats *stats;
	struct live_table live;
	uint16_t threads[LOG_THREADS];	/* number in the log -> number in the trace */
	uint16_t n_threads;
	/* by number in the trace: the object it is reallocating, NO_ID if none */
	uint32_t moving[LOG_THREADS];
	uint64_t moving_from[LOG_THREADS];
};

static size_t
place_of(const struct live_table *t, uint64_t address)
{
	size_t at = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 20;

	for (at &= t->mask; t->places[at].address != 0; at = (at + 1) & t->mask)
		if (t->places[at].address == address)
			break;
	return at;
}

static int
grow_table(struct live_table *t)
{
	struct live_table bigger = { .mask = t->places == NULL ? 4095 : t->mask * 2 + 1 };

	bigger.places = calloc(bigger.mask + 1, sizeof(*bigger.places));
	if (bigger.places == NULL)
		return -ENOMEM;
	for (size_t i = 0; t->places != NULL && i <= t->mask; i++)
		if (t->places[i].address != 0)
			bigger.places[place_of(&bigger, t->places[i].address)] = t->places[i];
	bigger.n_used = t->n_used;
	free(t->places);
	*t = bigger;
	return 0;
}

static int
insert_live(struct live_table *t, uint64_t address, uint32_t id)
{
	if (t->places == NULL || t->n_used * 2 > t->mask) {
		int ret = grow_table(t);

		if (ret != 0)
			return ret;
	}
	t->places[place_of(t, address)] = (struct live) { .address = address, .id = id };
	t->n_used++;
	return 0;
}

/* Take the object out of the table; NO_ID when it is not there. */
static uint32_t
remove_live(struct live_table *t, uint64_t address)
{
	size_t hole, at;
	uint32_t id;

	if (t->places == NULL)
		return NO_ID;
	hole = place_of(t, address);
	if (t->places[hole].address == 0)
		return NO_ID;
	id = t->places[hole].id;
	t->places[hole].address = 0;
	t->n_used--;
	/* whatever follows may have been pushed there by it: enter it again */
	for (at = (hole + 1) & t->mask; t->places[at].address != 0; at = (at + 1) & t->mask) {
		struct live moved = t->places[at];

		t->places[at].address = 0;
		t->places[place_of(t, moved.address)] = moved;
	}
	return id;
}

/* An address that comes again while it is live was freed where the recorder does not see. */
static int
free_unseen(struct import *im, unsigned int thread, uint64_t address)
{
	uint32_t id = remove_live(&im->live, address);

	if (id == NO_ID)
		return 0;
	im->stats->n_unseen_frees++;
	return trace_build_free(&im->builder, thread, id);
}

static int
import_alloc(struct import *im, unsigned int thread, const struct record_entry *entry, bool zero)
{
	uint32_t id;
	int ret = free_unseen(im, thread, entry->address);

	if (ret != 0)
		return ret;
	if (entry->size == UINT32_MAX) {
		im->stats->n_too_large++;
		return 0;
	}
	ret = trace_build_alloc(&im->builder, thread, entry->size, entry->align_log2, zero, &id);
	return ret != 0 ? ret : insert_live(&im->live, entry->address, id);
}

static int
import_free(struct import *im, unsigned int thread, uint64_t address)
{
	uint32_t id = remove_live(&im->live, address);

	if (id == NO_ID) {
		im->stats->n_unknown_frees++;
		return 0;
	}
	return trace_build_free(&im->builder, thread, id);
}

static void
import_realloc_from(struct import *im, unsigned int thread, uint64_t address)
{
	im->moving[thread] = remove_live(&im->live, address);
	im->moving_from[thread] = address;
	if (im->moving[thread] == NO_ID)
		im->stats->n_unknown_frees++;
}

static int
import_realloc_to(struct import *im, unsigned int thread, const struct record_entry *entry)
{
	uint32_t id = im->moving[thread];
	int ret;

	im->moving[thread] = NO_ID;
	if (entry->address == 0)
		return id == NO_ID ? 0 : insert_live(&im->live, im->moving_from[thread], id);
	if (id == NO_ID)
		return import_alloc(im, thread, entry, false);
	ret = free_unseen(im, thread, entry->address);
	if (ret != 0)
		return ret;
	if (entry->size == UINT32_MAX) {
		im->stats->n_too_large++;
		return trace_build_free(&im->builder, thread, id);
	}
	ret = trace_build_realloc(&im->builder, thread, id, entry->size, entry->align_log2);
	return ret != 0 ? ret : insert_live(&im->live, entry->address, id);
}

static unsigned int
thread_of(struct import *im, uint16_t number)
{
	if (im->threads[number] == NO_THREAD)
		im->threads[number] = im->n_threads++;
	return im->threads[number];
}

static int
import_entry(struct import *im, const struct record_entry *entry)
{
	uint8_t kind = atomic_load_explicit(&entry->kind, memory_order_acquire);
	unsigned int thread;

	if (kind == RECORD_NONE) {
		im->stats->n_unfinished++;
		return 0;
	}
	if (kind > RECORD_REALLOC_TO || (entry->address == 0 && kind != RECORD_REALLOC_TO) ||
			entry->thread == NO_THREAD)
		return -EINVAL;
	thread = thread_of(im, entry->thread);
	switch (kind) {
	case RECORD_FREE:
		return import_free(im, thread, entry->address);
	case RECORD_REALLOC_FROM:
		import_realloc_from(im, thread, entry->address);
		return 0;
	case RECORD_REALLOC_TO:
		return import_realloc_to(im, thread, entry);
	default:
		return import_alloc(im, thread, entry, kind == RECORD_ZALLOC);
	}
}

bool
trace_is_log(const void *data, size_t len)
{
	return len >= RECORD_LOG_MAGIC_LEN &&
		memcmp(data, RECORD_LOG_MAGIC, RECORD_LOG_MAGIC_LEN) == 0;
}

/* How many entries there are; bounded by the file, whatever its header says. */
static int
count_entries(const struct record_log *log, size_t len, struct trace_log_stats *stats,
	struct trace *trace)
{
	uint64_t calls, n;

	if (len < sizeof(*log) || !trace_is_log(log, len))
		return trace_fail(trace, -EINVAL, "not a recorder's log, or truncated");
	if (log->version != RECORD_LOG_VERSION || log->entry_size != sizeof(struct record_entry))
		return trace_fail(trace, -EINVAL, "log of another version (%" PRIu32 ")",
			log->version);
	calls = atomic_load_explicit(&log->n_calls, memory_order_acquire);
	n = calls > log->skip ? calls - log->skip : 0;
	if (n > log->capacity) {
		stats->n_beyond = n - log->capacity;
		n = log->capacity;
	}
	if (n > (len - sizeof(*log)) / sizeof(struct record_entry))
		return trace_fail(trace, -EINVAL, "log is truncated");
	stats->n_entries = n;
	return 0;
}

static struct import *
make_import(struct trace *trace, struct trace_log_stats *stats, size_t max_ops)
{
	struct import *im = calloc(1, sizeof(*im));

	if (im == NULL)
		return NULL;
	memset(im->threads, 0xff, sizeof(im->threads));
	memset(im->moving, 0xff, sizeof(im->moving));
	trace_build_begin(&im->builder, trace);
	im->builder.max_ops = max_ops;
	im->stats = stats;
	return im;
}

static void
copy_name(char *to, const char *from, size_t room)
{
	memcpy(to, from, room);
	to[room - 1] = '\0';
}

int
trace_from_log(const void *data, size_t len, size_t max_ops, struct trace *trace,
	struct trace_log_stats *stats)
{
	const struct record_log *log = data;
	const struct record_entry *entries = (const void *)(log + 1);
	struct import *im;
	int ret;

	memset(trace, 0, sizeof(*trace));
	memset(stats, 0, sizeof(*stats));
	ret = count_entries(log, len, stats, trace);
	if (ret != 0)
		return ret;
	im = make_import(trace, stats, max_ops);
	if (im == NULL)
		return trace_fail(trace, -ENOMEM, "out of memory");
	for (uint64_t i = 0; i < stats->n_entries && ret == 0; i++) {
		ret = import_entry(im, &entries[i]);
		if (ret == -EINVAL)
			trace_fail(trace, ret, "entry %" PRIu64 " of the log is malformed", i);
	}
	if (ret == -ENOSPC)
		ret = 0;
	if (ret == -ENOMEM)
		trace_fail(trace, ret, "out of memory");
	copy_name(trace->program, log->program, sizeof(trace->program));
	copy_name(trace->command, log->command, sizeof(trace->command));
	trace_build_end(&im->builder);
	free(im->live.places);
	free(im);
	if (ret != 0)
		trace_free(trace);
	return ret;
}
