/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is written of a snapshot of what is live, and of the difference between two.
 */

#include <inttypes.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "debug_leaks.h"
#include "fastmem_stack.h"

/* Places whose lines of source are looked up, which takes long: those with most bytes. */
#define MAX_RESOLVED 100

/* The stacks of the first groups of a list, looked up together. */
struct stacks {
	uint32_t ids[MAX_RESOLVED];
	struct fastmem_symbols *symbols; /* NULL: nothing is looked up */
};

static bool
pid_lives(const struct rte_fastmem_leaks *leaks, uint32_t pid)
{
	unsigned int i;

	for (i = 0; i < leaks->n_processes; i++)
		if (leaks->processes[i].pid == pid && leaks->processes[i].alive)
			return true;
	return false;
}

static double
seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / rte_get_tsc_hz() : 0;
}

static const char *
plural(int64_t n)
{
	return n == 1 || n == -1 ? "" : "s";
}

static void
write_sizes(FILE *f, const struct fastmem_group *g)
{
	/* Of the statistics. */
	if (g->oldest == 0 && g->max_size == 0)
		fprintf(f, " in slots of %u", g->place.slot_size);
	else if (g->min_size == g->max_size)
		fprintf(f, " of %u", g->max_size);
	else
		fprintf(f, " of %u to %u", g->min_size, g->max_size);
}

/* The rest of the line that tells of a group. */
static void
write_owner(FILE *f, const struct rte_fastmem_leaks *leaks, const struct fastmem_group *g)
{
	if (g->place.pool_bin != 0)
		fprintf(f, ", pool %s", g->pool);
	if (g->place.pid != 0)
		fprintf(f, ", process %u%s", g->place.pid,
			pid_lives(leaks, g->place.pid) ? "" : " (ended)");
	if (g->oldest != 0 && g->n == 1)
		fprintf(f, ", %.1f s old", seconds(g->oldest, leaks->time));
	else if (g->oldest != 0 && g->n > 1)
		fprintf(f, ", %.1f to %.1f s old", seconds(g->youngest, leaks->time),
			seconds(g->oldest, leaks->time));
	fprintf(f, "\n");
}

/* Without a look at any file. */
static void
write_frames(FILE *f, uint32_t stack, const char *indent)
{
	struct fastmem_stack_frame frames[FASTMEM_STACK_MAX_DEPTH];
	unsigned int i, n = fastmem_stack_frames(stack, frames, RTE_DIM(frames));

	for (i = 0; i < RTE_MIN(n, RTE_DIM(frames)); i++)
		fprintf(f, "%s#%u %s+0x%" PRIx64 "\n", indent, i,
			frames[i].module != NULL ? frames[i].module : "", frames[i].offset);
}

/* Of a list of which n groups are shown. */
static void
stacks_look_up(struct stacks *stacks, const struct fastmem_groups *gs, uint32_t n)
{
	bool any = false;
	uint32_t i;

	n = RTE_MIN(n, (uint32_t)MAX_RESOLVED);
	for (i = 0; i < n; i++) {
		stacks->ids[i] = gs->list[i].place.stack;
		any |= stacks->ids[i] != FASTMEM_STACK_NONE;
	}
	/* A snapshot may be older than the last init, when nobody knows its stacks any more. */
	stacks->symbols = any && fastmem_ctl() != NULL ? fastmem_symbols_make(stacks->ids, n) : NULL;
}

static void
write_stack(FILE *f, const struct stacks *stacks, uint32_t stack, uint32_t number)
{
	if (stack == FASTMEM_STACK_NONE || fastmem_ctl() == NULL)
		return;
	if (number < MAX_RESOLVED && stacks->symbols != NULL)
		fastmem_symbols_print(stacks->symbols, number, f, "    ");
	else
		write_frames(f, stack, "    ");
}

void
fastmem_leaks_write_groups(FILE *f, const struct rte_fastmem_leaks *leaks,
		const struct fastmem_groups *gs)
{
	struct stacks stacks;
	uint32_t i;

	stacks_look_up(&stacks, gs, gs->n);
	for (i = 0; i < gs->n; i++) {
		const struct fastmem_group *g = &gs->list[i];

		fprintf(f, "  %" PRId64 " bytes in %" PRId64 " object%s", g->bytes, g->n,
			plural(g->n));
		write_sizes(f, g);
		write_owner(f, leaks, g);
		write_stack(f, &stacks, g->place.stack, i);
	}
	fastmem_symbols_free(stacks.symbols);
}

/* Where places are not known, at least that. */
static void
write_processes(FILE *f, const struct rte_fastmem_leaks *leaks)
{
	unsigned int i;

	for (i = 0; i < leaks->n_processes; i++) {
		const struct rte_fastmem_process *p = &leaks->processes[i];

		fprintf(f, "  process %u%s: allocated less freed: %" PRId64 " bytes in %" PRId64
			" object%s\n", p->pid, p->alive ? "" : " (ended)", p->n_bytes,
			p->n_objects, plural(p->n_objects));
	}
}

static const char *
what_is_known(enum rte_fastmem_debug_level level)
{
	switch (level) {
	case RTE_FASTMEM_DEBUG_FULL:
		return "";
	case RTE_FASTMEM_DEBUG_LIGHT:
		return " (by place with RTE_FASTMEM_DEBUG=full)";
	case RTE_FASTMEM_DEBUG_SAMPLE:
		return " (of places, there is a sample only)";
	default:
		return " (nothing is checked: by place with RTE_FASTMEM_DEBUG=full)";
	}
}

static void
write_sample_heading(FILE *f, const struct rte_fastmem_leaks *leaks)
{
	if (leaks->level == RTE_FASTMEM_DEBUG_SAMPLE)
		fprintf(f, " by place, a sample of one in %u, without those of pools:\n",
			leaks->sample);
}

static void
write_sizes_heading(FILE *f, const struct rte_fastmem_leaks *leaks)
{
	if (leaks->level == RTE_FASTMEM_DEBUG_SAMPLE)
		fprintf(f, " all, by size and pool:\n");
}

static bool
counts_by_process(const struct rte_fastmem_leaks *leaks)
{
	return leaks->level != RTE_FASTMEM_DEBUG_LIGHT && leaks->level != RTE_FASTMEM_DEBUG_FULL;
}

int64_t
fastmem_leaks_write(FILE *f, const struct rte_fastmem_leaks *leaks)
{
	int64_t bytes, n = fastmem_leaks_total(leaks, &bytes);

	fprintf(f, "FASTMEM: live: %" PRId64 " bytes in %" PRId64 " object%s%s\n", bytes, n,
		plural(n), what_is_known(leaks->level));
	write_sample_heading(f, leaks);
	fastmem_leaks_write_groups(f, leaks, &leaks->by_place);
	write_sizes_heading(f, leaks);
	fastmem_leaks_write_groups(f, leaks, &leaks->by_size);
	if (counts_by_process(leaks))
		write_processes(f, leaks);
	fflush(f);
	return n;
}

static int
by_difference(const void *a, const void *b)
{
	const struct fastmem_group *x = a, *y = b;
	int order = fastmem_descending(imaxabs(x->more_bytes), imaxabs(y->more_bytes));

	if (order == 0)
		order = fastmem_descending(imaxabs(x->more_n), imaxabs(y->more_n));
	return order != 0 ? order : memcmp(&x->place, &y->place, sizeof(x->place));
}

/* Groups of which there is more than before, or less. Returns 0 or -ENOMEM. */
static int
groups_subtract(struct fastmem_groups *more, const struct fastmem_groups *after,
		const struct fastmem_groups *before)
{
	struct fastmem_group *g;
	uint32_t i;

	for (i = 0; i < after->n; i++) {
		g = fastmem_groups_get(more, &after->list[i].place);
		if (g == NULL)
			return -ENOMEM;
		*g = after->list[i];
		g->more_n = g->n;
		g->more_bytes = g->bytes;
	}
	for (i = 0; i < before->n; i++) {
		const struct fastmem_group *old = &before->list[i];
		bool gone = fastmem_groups_find(after, &old->place) == NULL;

		g = fastmem_groups_get(more, &old->place);
		if (g == NULL)
			return -ENOMEM;
		if (gone)
			*g = *old;
		g->more_n = (gone ? 0 : g->n) - old->n;
		g->more_bytes = (gone ? 0 : g->bytes) - old->bytes;
		if (gone) {
			g->n = 0;
			g->bytes = 0;
		}
	}
	fastmem_groups_sort(more, by_difference);
	return 0;
}

/* Those that have not changed come last. */
static bool
has_changed(const struct fastmem_group *g)
{
	return g->more_n != 0 || g->more_bytes != 0;
}

static void
write_difference(FILE *f, const struct rte_fastmem_leaks *leaks, const struct fastmem_groups *more)
{
	struct stacks stacks;
	uint32_t i, n;

	for (n = 0; n < more->n && has_changed(&more->list[n]); n++)
		;
	stacks_look_up(&stacks, more, n);
	for (i = 0; i < n; i++) {
		const struct fastmem_group *g = &more->list[i];

		fprintf(f, "  %+" PRId64 " bytes in %+" PRId64 " object%s", g->more_bytes,
			g->more_n, plural(g->more_n));
		write_sizes(f, g);
		if (g->n == 0)
			fprintf(f, ", now none");
		else
			fprintf(f, ", now %" PRId64 " in %" PRId64, g->bytes, g->n);
		write_owner(f, leaks, g);
		write_stack(f, &stacks, g->place.stack, i);
	}
	fastmem_symbols_free(stacks.symbols);
}

int64_t
fastmem_leaks_diff_dump(FILE *f, const struct rte_fastmem_leaks *before,
		const struct rte_fastmem_leaks *after)
{
	FASTMEM_UNCANCELLABLE;
	static const struct rte_fastmem_leaks none;
	struct fastmem_groups by_place = { 0 }, by_size = { 0 };
	int64_t bytes, bytes_before, n, n_before;

	if (f == NULL || after == NULL)
		return INT64_MIN;
	if (before == NULL)
		before = &none;
	n = fastmem_leaks_total(after, &bytes);
	n_before = fastmem_leaks_total(before, &bytes_before);
	fprintf(f, "FASTMEM: live: %+" PRId64 " bytes in %+" PRId64 " object%s, now %" PRId64
		" in %" PRId64 "%s\n", bytes - bytes_before, n - n_before, plural(n - n_before),
		bytes, n, what_is_known(after->level));
	if (groups_subtract(&by_place, &after->by_place, &before->by_place) != 0 ||
			groups_subtract(&by_size, &after->by_size, &before->by_size) != 0) {
		fprintf(f, "  no memory to tell more\n");
	} else {
		write_sample_heading(f, after);
		write_difference(f, after, &by_place);
		write_sizes_heading(f, after);
		write_difference(f, after, &by_size);
	}
	fastmem_groups_free(&by_place);
	fastmem_groups_free(&by_size);
	fflush(f);
	return n - n_before;
}
