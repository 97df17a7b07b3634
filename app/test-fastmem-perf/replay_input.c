/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "perf.h"
#include "replay_input.h"

#define QUICK_OPS 250000
#define SHARED UINT8_MAX /* as an lcore: several of them */
#define NO_LIFE UINT32_MAX

/* What is known of an object of the trace, by its id there. */
struct object {
	uint32_t life; /* NO_LIFE: dead, or too large */
	uint32_t size;
};

/* How a life is dealt with. */
struct life {
	uint8_t lcore;
	uint32_t slot; /* while it lasts */
};

/* The file's name without its ending, of characters that tables, JSON and plots can hold. */
static void
set_name(struct replay_input *in, const char *path)
{
	const char *base = strrchr(path, '/');
	char *p;

	snprintf(in->name, sizeof(in->name), "%s", base != NULL ? base + 1 : path);
	for (p = in->name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.+", *p) == NULL)
			*p = '_';
	p = strrchr(in->name, '.');
	if (p != NULL && p != in->name)
		*p = '\0';
}

/* Threads go to lcores, the busiest first, each to the lcore that has the least to do so far. */
static int
place_threads(const struct trace *t, size_t n_ops, uint8_t *lcore_of, unsigned int n_lcores)
{
	size_t *load = calloc(t->n_threads, sizeof(*load));
	size_t sum[REPLAY_MAX_LCORES] = { 0 };
	unsigned int i, j, best, least;

	if (load == NULL)
		return -ENOMEM;
	for (size_t op = 0; op < n_ops; op++)
		load[t->ops[op].thread]++;
	for (i = 0; i < t->n_threads; i++) {
		best = 0;
		for (j = 0; j < t->n_threads; j++)
			if (load[j] != SIZE_MAX && (load[best] == SIZE_MAX || load[j] > load[best]))
				best = j;
		least = 0;
		for (j = 1; j < n_lcores; j++)
			if (sum[j] < sum[least])
				least = j;
		lcore_of[best] = least;
		sum[least] += load[best];
		load[best] = SIZE_MAX;
	}
	free(load);
	return 0;
}

/* Add an operation on a life, and note who deals with it. */
static void
add(struct replay_input *in, struct life *lives, const struct trace_op *op,
		enum trace_op_type type, uint32_t life, uint8_t lcore)
{
	struct replay_op *added = &in->ops[in->n_ops++];

	added->op = type;
	added->lcore = lcore;
	added->slot = life;
	if (type != TRACE_FREE) {
		added->align_log2 = op->align_log2;
		added->size = op->size;
	}
	if (type == TRACE_ALLOC || type == TRACE_ZALLOC)
		lives[life].lcore = lcore;
	else if (lives[life].lcore != lcore)
		lives[life].lcore = SHARED;
}

static bool
too_large(const struct trace_op *op)
{
	uint64_t align = op->align_log2 == 0 ? 1 : UINT64_C(1) << op->align_log2;

	return RTE_ALIGN_CEIL((uint64_t)op->size, align) > rte_fastmem_max_size();
}

/*
 * Take over an operation without objects that are larger than fastmem serves: an object that grows
 * out of that is freed there, and one that shrinks into it is allocated.
 */
static bool
take_over(struct replay_input *in, struct life *lives, struct object *o,
		const struct trace_op *op, uint8_t lcore)
{
	bool large = op->op != TRACE_FREE && too_large(op);
	bool alive = o->life != NO_LIFE;

	if (large || op->op == TRACE_FREE) {
		if (alive)
			add(in, lives, op, TRACE_FREE, o->life, lcore);
		o->life = NO_LIFE;
		o->size = 0;
	} else if (alive) {
		add(in, lives, op, TRACE_REALLOC, o->life, lcore);
		o->size = op->size;
	} else {
		o->life = in->n_lives++;
		o->size = op->size;
		add(in, lives, op, op->op == TRACE_ZALLOC ? TRACE_ZALLOC : TRACE_ALLOC, o->life,
			lcore);
	}
	return large;
}

static int
take_over_all(struct replay_input *in, struct life *lives, const struct trace *t, size_t n_ops,
		const uint8_t *lcore_of)
{
	struct object *objects = calloc((size_t)t->n_ids + 1, sizeof(*objects));
	size_t i, n_large = 0;
	uint64_t live = 0;

	if (objects == NULL)
		return -ENOMEM;
	for (i = 0; i < t->n_ids; i++)
		objects[i].life = NO_LIFE;
	for (i = 0; i < n_ops; i++) {
		const struct trace_op *op = &t->ops[i];
		struct object *o = &objects[op->id];

		live -= o->size;
		n_large += take_over(in, lives, o, op, lcore_of[op->thread]);
		live += o->size;
		if (live > in->peak_live_bytes) {
			in->peak_live_bytes = live;
			in->peak_op = in->n_ops - 1;
		}
	}
	free(objects);
	if (n_large > 0)
		perf_warn("replay %s: %zu of %zu calls left out, they are for more than %zu KiB",
			in->name, n_large, n_ops, rte_fastmem_max_size() >> 10);
	return 0;
}

/* Free places of an lcore's own table, last in, first out. */
struct places {
	uint32_t *free;
	size_t n_free;
};

static void
place_own(struct replay_stream *s, struct places *places, struct life *life, struct replay_op *op)
{
	if (op->op == TRACE_ALLOC || op->op == TRACE_ZALLOC)
		life->slot = places->n_free > 0 ? places->free[--places->n_free] : s->n_slots++;
	op->slot = life->slot;
	if (op->op == TRACE_FREE)
		places->free[places->n_free++] = life->slot;
}

static void
place_shared(struct replay_input *in, struct life *life, struct replay_op *op)
{
	op->shared = true;
	op->old_slot = life->slot;
	if (op->op != TRACE_FREE)
		life->slot = in->n_shared_slots++;
	op->slot = life->slot;
}

static int
make_streams(struct replay_input *in, struct life *lives)
{
	struct places places[REPLAY_MAX_LCORES] = { 0 };
	int ret = 0;
	unsigned int lcore;
	size_t i;

	for (i = 0; i < in->n_ops; i++)
		in->streams[in->ops[i].lcore].n_ops++;
	for (lcore = 0; lcore < in->n_streams; lcore++) {
		struct replay_stream *s = &in->streams[lcore];

		s->ops = calloc(s->n_ops + 1, sizeof(*s->ops));
		places[lcore].free = calloc(s->n_ops + 1, sizeof(uint32_t));
		if (s->ops == NULL || places[lcore].free == NULL)
			ret = -ENOMEM;
		s->n_ops = 0;
	}
	for (i = 0; ret == 0 && i < in->n_ops; i++) {
		struct replay_stream *s = &in->streams[in->ops[i].lcore];
		struct life *life = &lives[in->ops[i].slot];
		struct replay_op *op = &s->ops[s->n_ops++];

		*op = in->ops[i];
		if (life->lcore == SHARED)
			place_shared(in, life, op);
		else
			place_own(s, &places[op->lcore], life, op);
	}
	for (lcore = 0; lcore < in->n_streams; lcore++)
		free(places[lcore].free);
	return ret;
}

static int
prepare(struct replay_input *in, const struct trace *t)
{
	size_t n_ops = perf_options.quick ? RTE_MIN(t->n_ops, (size_t)QUICK_OPS) : t->n_ops;
	uint8_t *lcore_of = calloc((size_t)t->n_threads + 1, sizeof(*lcore_of));
	struct life *lives = calloc(n_ops + 1, sizeof(*lives));
	unsigned int n_lcores = RTE_MIN(rte_lcore_count(), (unsigned int)REPLAY_MAX_LCORES);
	int ret = -ENOMEM;

	in->ops = calloc(n_ops + 1, sizeof(*in->ops));
	in->n_streams = RTE_MAX(1u, RTE_MIN(t->n_threads, n_lcores));
	if (lcore_of != NULL && lives != NULL && in->ops != NULL)
		ret = place_threads(t, n_ops, lcore_of, in->n_streams);
	if (ret == 0)
		ret = take_over_all(in, lives, t, n_ops, lcore_of);
	if (ret == 0)
		ret = make_streams(in, lives);
	free(lcore_of);
	free(lives);
	if (ret == 0 && in->n_ops == 0)
		ret = -ENODATA;
	if (ret == 0 && in->n_streams < t->n_threads)
		perf_warn("replay %s: its %u threads are folded onto %u lcore(s)", in->name,
			t->n_threads, in->n_streams);
	if (ret == 0 && n_ops < t->n_ops)
		perf_warn("replay %s: --quick replays the first %zu of %zu calls", in->name, n_ops,
			t->n_ops);
	return ret;
}

int
replay_input_load(struct replay_input *in, const char *path)
{
	struct trace t = { 0 };
	int ret;

	memset(in, 0, sizeof(*in));
	ret = trace_load(path, &t);
	if (ret != 0) {
		perf_warn("replay %s: %s", path, t.error);
		return ret;
	}
	set_name(in, path);
	ret = prepare(in, &t);
	if (ret != 0) {
		perf_warn("replay %s: %s", path, strerror(-ret));
		replay_input_free(in);
	}
	trace_free(&t);
	return ret;
}

void
replay_input_free(struct replay_input *in)
{
	unsigned int i;

	for (i = 0; i < in->n_streams; i++)
		free(in->streams[i].ops);
	free(in->ops);
	in->n_streams = 0;
	in->ops = NULL;
}

static int
is_trace(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".trace") == 0;
}

static void
find_traces_in(const char *dir)
{
	struct dirent **entries;
	int i, n = scandir(dir, &entries, is_trace, alphasort);
	char *path;

	for (i = 0; i < n; i++) {
		if (perf_options.n_traces < PERF_MAX_TRACES &&
				asprintf(&path, "%s/%s", dir, entries[i]->d_name) >= 0)
			perf_options.traces[perf_options.n_traces++] = path;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

void
replay_find_traces(void)
{
	find_traces_in(PERF_SOURCE_TRACE_DIR);
	if (perf_options.n_traces == 0)
		find_traces_in(PERF_TRACE_DIR);
}
