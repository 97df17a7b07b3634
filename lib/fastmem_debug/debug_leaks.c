/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is live, by place of allocation.
 *
 * A snapshot visits all records and counts the live ones in groups: of one place, pool and
 * process. It lies in memory of libc, and points at nothing of fastmem's: it can be read
 * when all that it tells of has gone, even fastmem. Where there are no records, groups are
 * made of what the statistics know: of one size or pool.
 *
 * No object is locked while records are read, so one that comes or goes meanwhile may be
 * missed, or counted with the size, age or place of the object that was there before it. All
 * of these are values of some record: numbers, none of which is followed as an address.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "fastmem_debug.h"
#include "fastmem_stack.h"

#define FIRST_ROOM 64 /* groups */
/* Places whose lines of source are looked up, which takes long: those with most bytes. */
#define MAX_RESOLVED 100

/* What the objects of a group have in common. No padding: compared as bytes. */
struct place {
	uint32_t stack; /* 0: not known */
	uint32_t pid; /* 0: of all processes */
	uint32_t slot_size; /* 0: any, as the stack is known */
	uint32_t pool_bin; /* 0: no pool */
	uint32_t pool_generation; /* bins are used again */
};

struct group {
	struct place place;
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
struct groups {
	struct group *list;
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
	struct groups by_place; /* what has records */
	struct groups by_size; /* what has none; of RTE_FASTMEM_DEBUG_SAMPLE: everything */
	unsigned int n_processes;
	struct rte_fastmem_process processes[FASTMEM_MAX_PEERS];
};

/* Groups. */

static uint32_t
place_hash(const struct place *place)
{
	uint64_t h = (uint64_t)place->stack << 32 | place->pid;

	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	h ^= (uint64_t)place->slot_size << 32 | place->pool_bin << 16 | place->pool_generation;
	h = (h ^ h >> 32) * UINT64_C(0x94d049bb133111eb);
	return h >> 32;
}

/* The entry of a place in the table, or the free one that is to be its own. Needs room. */
static uint32_t *
groups_entry(const struct groups *gs, const struct place *place)
{
	uint32_t mask = 2 * gs->room - 1;
	uint32_t i = place_hash(place) & mask;

	while (gs->table[i] != 0 &&
			memcmp(&gs->list[gs->table[i] - 1].place, place, sizeof(*place)) != 0)
		i = (i + 1) & mask;
	return &gs->table[i];
}

static const struct group *
groups_find(const struct groups *gs, const struct place *place)
{
	uint32_t number = gs->room != 0 ? *groups_entry(gs, place) : 0;

	return number != 0 ? &gs->list[number - 1] : NULL;
}

/* The table follows from the list. */
static void
groups_index(struct groups *gs)
{
	uint32_t i;

	memset(gs->table, 0, 2 * (size_t)gs->room * sizeof(gs->table[0]));
	for (i = 0; i < gs->n; i++)
		*groups_entry(gs, &gs->list[i].place) = i + 1;
}

static bool
groups_grow(struct groups *gs)
{
	uint32_t room = gs->room != 0 ? 2 * gs->room : FIRST_ROOM;
	struct group *list = realloc(gs->list, room * sizeof(list[0]));
	uint32_t *table;

	if (list == NULL)
		return false;
	gs->list = list;
	table = realloc(gs->table, 2 * (size_t)room * sizeof(table[0]));
	if (table == NULL)
		return false;
	gs->table = table;
	gs->room = room;
	groups_index(gs);
	return true;
}

/* The group of a place, which may be new; NULL: no memory. */
static struct group *
groups_get(struct groups *gs, const struct place *place)
{
	uint32_t *entry;

	if (gs->n == gs->room && !groups_grow(gs)) {
		gs->failed = true;
		return NULL;
	}
	entry = groups_entry(gs, place);
	if (*entry == 0) {
		memset(&gs->list[gs->n], 0, sizeof(gs->list[0]));
		gs->list[gs->n].place = *place;
		*entry = ++gs->n;
	}
	return &gs->list[*entry - 1];
}

static void
groups_free(struct groups *gs)
{
	free(gs->list);
	free(gs->table);
}

static int64_t
groups_objects(const struct groups *gs, int64_t *bytes)
{
	int64_t n = 0;
	uint32_t i;

	*bytes = 0;
	for (i = 0; i < gs->n; i++) {
		n += gs->list[i].n;
		*bytes += gs->list[i].bytes;
	}
	return n;
}

/* Most first. */
static int
descending(int64_t a, int64_t b)
{
	return a > b ? -1 : a < b;
}

static int
by_bytes(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int order = descending(x->bytes, y->bytes);

	if (order == 0)
		order = descending(x->n, y->n);
	return order != 0 ? order : memcmp(&x->place, &y->place, sizeof(x->place));
}

static int
by_difference(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int order = descending(imaxabs(x->more_bytes), imaxabs(y->more_bytes));

	if (order == 0)
		order = descending(imaxabs(x->more_n), imaxabs(y->more_n));
	return order != 0 ? order : memcmp(&x->place, &y->place, sizeof(x->place));
}

static void
groups_sort(struct groups *gs, int (*order)(const void *, const void *))
{
	if (gs->n == 0)
		return;
	qsort(gs->list, gs->n, sizeof(gs->list[0]), order);
	groups_index(gs);
}

/* A snapshot. */

/* Records change while they are read. */
#define READ(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* The pool of a bin, which may be freed, or another one's, at any time: its number and name. */
static void
place_set_pool(struct place *place, const struct fastmem_bin *bin,
		const struct fastmem_pool **pool)
{
	/* Pairs with the release in pool_create() and fastmem_bin_clear(). */
	*pool = __atomic_load_n(&bin->pool, __ATOMIC_ACQUIRE);
	if (*pool == NULL)
		return;
	place->pool_bin = bin->id;
	place->pool_generation = READ((*pool)->generation);
}

static void
group_set_pool(struct group *g, const struct fastmem_pool *pool)
{
	if (pool != NULL && g->n == 0)
		snprintf(g->pool, sizeof(g->pool), "%.*s", (int)sizeof(g->pool) - 1, pool->name);
}

/* A sampled object has a slot of its own kind: count it where it would be without. */
static void
note_sampled(struct rte_fastmem_leaks *leaks, const struct fastmem_record *r)
{
	const struct fastmem_record copy = { .size = READ(r->size), .align = READ(r->align) };
	struct place place = { .slot_size = fastmem_debug_class_size(&copy) };
	struct group *g = groups_get(&leaks->by_size, &place);

	if (g == NULL)
		return;
	g->n++;
	g->bytes += place.slot_size;
}

static void
note_record(struct fastmem_bin *bin, struct fastmem_granule *slab, struct fastmem_record *r,
		void *arg)
{
	struct rte_fastmem_leaks *leaks = arg;
	struct place place = { .stack = READ(r->alloc_stack), .pid = READ(r->alloc_pid) };
	uint64_t time = READ(r->alloc_time);
	uint32_t size = READ(r->size);
	const struct fastmem_pool *pool;
	struct group *g;

	RTE_SET_USED(slab);
	/* Pairs with the release in set_state(), debug.c. */
	if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != FASTMEM_RECORD_LIVE ||
			(leaks->only != NULL && leaks->only != bin))
		return;
	if (bin->sampled)
		note_sampled(leaks, r);
	if (place.stack == FASTMEM_STACK_NONE || place.stack == FASTMEM_STACK_MANY)
		place.slot_size = READ(bin->slot_size);
	place_set_pool(&place, bin, &pool);
	g = groups_get(&leaks->by_place, &place);
	if (g == NULL)
		return;
	group_set_pool(g, pool);
	g->min_size = g->n == 0 ? size : RTE_MIN(g->min_size, size);
	g->max_size = RTE_MAX(g->max_size, size);
	g->oldest = g->n == 0 ? time : RTE_MIN(g->oldest, time);
	g->youngest = RTE_MAX(g->youngest, time);
	g->n++;
	g->bytes += size;
}

/* Objects of other owners' memory have no records. */
static bool
has_records(enum rte_fastmem_debug_level level, const struct fastmem_bin *bin)
{
	return bin->sampled || ((level == RTE_FASTMEM_DEBUG_LIGHT ||
			level == RTE_FASTMEM_DEBUG_FULL) && READ(bin->store) == NULL);
}

static void
note_figures(struct rte_fastmem_leaks *leaks, const struct fastmem_ctl *ctl, unsigned int id)
{
	const struct fastmem_bin *bin = &ctl->bins[id];
	struct place place = { .slot_size = READ(bin->slot_size) };
	const struct fastmem_pool *pool;
	struct fastmem_bin_figures f;
	struct group *g;

	fastmem_bin_read(ctl, id, &f);
	/* Below 0: something was freed twice. */
	if (f.in_use <= 0)
		return;
	place_set_pool(&place, bin, &pool);
	g = groups_get(&leaks->by_size, &place);
	if (g == NULL)
		return;
	group_set_pool(g, pool);
	g->n += f.in_use;
	/* How large objects are that their owner has brought, is not known. */
	if (READ(bin->store) == NULL)
		g->bytes += f.in_use * place.slot_size;
}

static struct rte_fastmem_leaks *
leaks_take(const struct fastmem_ctl *ctl)
{
	struct rte_fastmem_leaks *leaks = calloc(1, sizeof(*leaks));
	unsigned int i;

	if (leaks == NULL)
		return NULL;
	leaks->level = ctl->debug != NULL ?
		(enum rte_fastmem_debug_level)ctl->debug->level : RTE_FASTMEM_DEBUG_OFF;
	leaks->sample = ctl->debug != NULL ? ctl->debug->sample : 0;
	/* First: it takes back what dead processes have cached. */
	leaks->n_processes = RTE_MIN(rte_fastmem_processes(leaks->processes,
			RTE_DIM(leaks->processes)), RTE_DIM(leaks->processes));
	fastmem_records_walk(&(struct fastmem_records_visit){ .record = note_record, .arg = leaks });
	leaks->time = rte_rdtsc();
	for (i = 1; i < ctl->n_bins; i++)
		if (!has_records(leaks->level, &ctl->bins[i]))
			note_figures(leaks, ctl, i);
	if (leaks->by_place.failed || leaks->by_size.failed) {
		fastmem_leaks_free(leaks);
		return NULL;
	}
	groups_sort(&leaks->by_place, by_bytes);
	groups_sort(&leaks->by_size, by_bytes);
	return leaks;
}

struct rte_fastmem_leaks *
fastmem_leaks_snapshot(void)
{
	FASTMEM_UNCANCELLABLE;
	struct rte_fastmem_leaks *leaks = leaks_take(fastmem_ctl());

	if (leaks == NULL)
		rte_errno = ENOMEM;
	return leaks;
}

void
fastmem_leaks_free(struct rte_fastmem_leaks *leaks)
{
	if (leaks == NULL)
		return;
	groups_free(&leaks->by_place);
	groups_free(&leaks->by_size);
	free(leaks);
}

/* All that is live. Of a sample, the statistics know it. */
static int64_t
leaks_total(const struct rte_fastmem_leaks *leaks, int64_t *bytes)
{
	int64_t n = groups_objects(&leaks->by_size, bytes);
	int64_t place_bytes, place_n;

	if (leaks->level == RTE_FASTMEM_DEBUG_SAMPLE)
		return n;
	place_n = groups_objects(&leaks->by_place, &place_bytes);
	*bytes += place_bytes;
	return n + place_n;
}

/* What is written of it. */

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
write_sizes(FILE *f, const struct group *g)
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
write_owner(FILE *f, const struct rte_fastmem_leaks *leaks, const struct group *g)
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

/* The stacks of the first groups of a list, looked up together. */
struct stacks {
	uint32_t ids[MAX_RESOLVED];
	struct fastmem_symbols *symbols; /* NULL: nothing is looked up */
};

/* Of a list of which n groups are shown. */
static void
stacks_look_up(struct stacks *stacks, const struct groups *gs, uint32_t n)
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

static void
write_groups(FILE *f, const struct rte_fastmem_leaks *leaks, const struct groups *gs)
{
	struct stacks stacks;
	uint32_t i;

	stacks_look_up(&stacks, gs, gs->n);
	for (i = 0; i < gs->n; i++) {
		const struct group *g = &gs->list[i];

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

static int64_t
leaks_write(FILE *f, const struct rte_fastmem_leaks *leaks)
{
	int64_t bytes, n = leaks_total(leaks, &bytes);

	fprintf(f, "FASTMEM: live: %" PRId64 " bytes in %" PRId64 " object%s%s\n", bytes, n,
		plural(n), what_is_known(leaks->level));
	write_sample_heading(f, leaks);
	write_groups(f, leaks, &leaks->by_place);
	write_sizes_heading(f, leaks);
	write_groups(f, leaks, &leaks->by_size);
	if (counts_by_process(leaks))
		write_processes(f, leaks);
	fflush(f);
	return n;
}

/* A pool's objects in use, in the form of all lists. Those of external memory have no records. */
void
fastmem_leaks_write_pool(FILE *f, const struct fastmem_bin *bin)
{
	struct rte_fastmem_leaks *leaks = calloc(1, sizeof(*leaks));

	if (leaks == NULL)
		return;
	leaks->only = bin;
	leaks->n_processes = RTE_MIN(rte_fastmem_processes(leaks->processes,
			RTE_DIM(leaks->processes)), RTE_DIM(leaks->processes));
	fastmem_records_walk(&(struct fastmem_records_visit){ .record = note_record, .arg = leaks });
	leaks->time = rte_rdtsc();
	groups_sort(&leaks->by_place, by_bytes);
	write_groups(f, leaks, &leaks->by_place);
	fastmem_leaks_free(leaks);
}

int64_t
fastmem_leaks_dump(FILE *f)
{
	FASTMEM_UNCANCELLABLE;
	struct rte_fastmem_leaks *leaks;
	int64_t n;

	leaks = leaks_take(fastmem_ctl());
	if (leaks == NULL)
		return -ENOMEM;
	n = leaks_write(f, leaks);
	fastmem_leaks_free(leaks);
	return n;
}

/* The difference between two. */

/* Groups of which there is more than before, or less. Returns 0 or -ENOMEM. */
static int
groups_subtract(struct groups *more, const struct groups *after, const struct groups *before)
{
	struct group *g;
	uint32_t i;

	for (i = 0; i < after->n; i++) {
		g = groups_get(more, &after->list[i].place);
		if (g == NULL)
			return -ENOMEM;
		*g = after->list[i];
		g->more_n = g->n;
		g->more_bytes = g->bytes;
	}
	for (i = 0; i < before->n; i++) {
		const struct group *old = &before->list[i];
		bool gone = groups_find(after, &old->place) == NULL;

		g = groups_get(more, &old->place);
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
	groups_sort(more, by_difference);
	return 0;
}

/* Those that have not changed come last. */
static bool
has_changed(const struct group *g)
{
	return g->more_n != 0 || g->more_bytes != 0;
}

static void
write_difference(FILE *f, const struct rte_fastmem_leaks *leaks, const struct groups *more)
{
	struct stacks stacks;
	uint32_t i, n;

	for (n = 0; n < more->n && has_changed(&more->list[n]); n++)
		;
	stacks_look_up(&stacks, more, n);
	for (i = 0; i < n; i++) {
		const struct group *g = &more->list[i];

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
	struct groups by_place = { 0 }, by_size = { 0 };
	int64_t bytes, bytes_before, n, n_before;

	if (f == NULL || after == NULL)
		return INT64_MIN;
	if (before == NULL)
		before = &none;
	n = leaks_total(after, &bytes);
	n_before = leaks_total(before, &bytes_before);
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
	groups_free(&by_place);
	groups_free(&by_size);
	fflush(f);
	return n - n_before;
}

/* The end of a process. */

/*
 * In the primary, while fastmem still works: list what is live, if anything is. The primary
 * speaks for all processes, as it knows whether their objects are still of use to anybody.
 */
void
fastmem_leaks_at_end(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	struct rte_fastmem_leaks *leaks;
	int64_t bytes;

	if (ctl == NULL || ctl->debug == NULL || !ctl->debug->leaks)
		return;
	leaks = leaks_take(ctl);
	if (leaks == NULL)
		FASTMEM_LOG(ERR, "no memory to list what is live");
	else if (leaks_total(leaks, &bytes) > 0)
		leaks_write(fastmem_report_stream(), leaks);
	fastmem_leaks_free(leaks);
}

static pid_t at_exit_pid; /* 0: nothing is to be done */

/* EAL has ended before fastmem: what is to be listed is gone. */
void
fastmem_leaks_unknown(void)
{
	if (getpid() == at_exit_pid)
		fprintf(stderr, "FASTMEM: what is live is not known any more: call "
			"rte_fastmem_deinit() before rte_eal_cleanup() or rte_exit()\n");
}

/*
 * A process calls exit() without rte_fastmem_deinit(). Other threads may still run, and what
 * they hold of fastmem is waited for, so exit() must not be called by a signal handler that
 * has interrupted a call of fastmem. A child after fork() without exec() says nothing.
 */
static void
leaks_at_exit(void)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();

	if (getpid() != at_exit_pid || fastmem_process_state() != FASTMEM_PROCESS_OPEN)
		return;
	if (!fastmem_is_mapped(ctl) || ctl->version != FASTMEM_LAYOUT_VERSION)
		fastmem_leaks_unknown();
	else
		fastmem_leaks_at_end();
}

/* In the primary, at each init: whether to list what is live if this process just ends. */
void
fastmem_leaks_begin(bool wanted)
{
	static bool registered;

	at_exit_pid = wanted ? getpid() : 0;
	if (wanted && !registered)
		registered = atexit(leaks_at_exit) == 0;
}
