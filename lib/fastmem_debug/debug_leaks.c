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

#include "debug_leaks.h"
#include "fastmem_stack.h"

#define FIRST_ROOM 64 /* groups */

/* Groups. */

static uint32_t
place_hash(const struct fastmem_place *place)
{
	uint64_t h = (uint64_t)place->stack << 32 | place->pid;

	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	h ^= (uint64_t)place->slot_size << 32 | place->pool_bin << 16 | place->pool_generation;
	h = (h ^ h >> 32) * UINT64_C(0x94d049bb133111eb);
	return h >> 32;
}

/* The entry of a place in the table, or the free one that is to be its own. Needs room. */
static uint32_t *
groups_entry(const struct fastmem_groups *gs, const struct fastmem_place *place)
{
	uint32_t mask = 2 * gs->room - 1;
	uint32_t i = place_hash(place) & mask;

	while (gs->table[i] != 0 &&
			memcmp(&gs->list[gs->table[i] - 1].place, place, sizeof(*place)) != 0)
		i = (i + 1) & mask;
	return &gs->table[i];
}

const struct fastmem_group *
fastmem_groups_find(const struct fastmem_groups *gs, const struct fastmem_place *place)
{
	uint32_t number = gs->room != 0 ? *groups_entry(gs, place) : 0;

	return number != 0 ? &gs->list[number - 1] : NULL;
}

/* The table follows from the list. */
static void
groups_index(struct fastmem_groups *gs)
{
	uint32_t i;

	memset(gs->table, 0, 2 * (size_t)gs->room * sizeof(gs->table[0]));
	for (i = 0; i < gs->n; i++)
		*groups_entry(gs, &gs->list[i].place) = i + 1;
}

static bool
groups_grow(struct fastmem_groups *gs)
{
	uint32_t room = gs->room != 0 ? 2 * gs->room : FIRST_ROOM;
	struct fastmem_group *list = realloc(gs->list, room * sizeof(list[0]));
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
struct fastmem_group *
fastmem_groups_get(struct fastmem_groups *gs, const struct fastmem_place *place)
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

void
fastmem_groups_free(struct fastmem_groups *gs)
{
	free(gs->list);
	free(gs->table);
}

static int64_t
groups_objects(const struct fastmem_groups *gs, int64_t *bytes)
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

static int
by_bytes(const void *a, const void *b)
{
	const struct fastmem_group *x = a, *y = b;
	int order = fastmem_descending(x->bytes, y->bytes);

	if (order == 0)
		order = fastmem_descending(x->n, y->n);
	return order != 0 ? order : memcmp(&x->place, &y->place, sizeof(x->place));
}

void
fastmem_groups_sort(struct fastmem_groups *gs, int (*order)(const void *, const void *))
{
	if (gs->n == 0)
		return;
	qsort(gs->list, gs->n, sizeof(gs->list[0]), order);
	groups_index(gs);
}

/* A snapshot. */

/* Records change while they are read. */
#define READ(field) rte_atomic_load_explicit(&(field), rte_memory_order_relaxed)

/* The pool of a bin, which may be freed, or another one's, at any time: its number and name. */
static void
place_set_pool(struct fastmem_place *place, const struct fastmem_bin *bin,
		const struct fastmem_pool **pool)
{
	/* Pairs with the release in pool_setup() and fastmem_bin_clear(). */
	*pool = rte_atomic_load_explicit(&bin->pool, rte_memory_order_acquire);
	if (*pool == NULL)
		return;
	place->pool_bin = bin->id;
	place->pool_generation = READ((*pool)->generation);
}

static void
group_set_pool(struct fastmem_group *g, const struct fastmem_pool *pool)
{
	if (pool != NULL && g->n == 0)
		snprintf(g->pool, sizeof(g->pool), "%.*s", (int)sizeof(g->pool) - 1, pool->name);
}

/* A sampled object has a slot of its own kind: count it where it would be without. */
static void
note_sampled(struct rte_fastmem_leaks *leaks, const struct fastmem_record *r)
{
	const struct fastmem_record copy = { .size = READ(r->size), .align = READ(r->align) };
	struct fastmem_place place = { .slot_size = fastmem_debug_class_size(&copy) };
	struct fastmem_group *g = fastmem_groups_get(&leaks->by_size, &place);

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
	struct fastmem_place place = { .stack = READ(r->alloc_stack), .pid = READ(r->alloc_pid) };
	uint64_t time = READ(r->alloc_time);
	uint32_t size = READ(r->size);
	const struct fastmem_pool *pool;
	struct fastmem_group *g;

	RTE_SET_USED(slab);
	/* Pairs with the release in set_state(), debug.c. */
	if (rte_atomic_load_explicit(&r->state, rte_memory_order_acquire) != FASTMEM_RECORD_LIVE ||
			(leaks->only != NULL && leaks->only != bin))
		return;
	if (bin->sampled)
		note_sampled(leaks, r);
	if (place.stack == FASTMEM_STACK_NONE || place.stack == FASTMEM_STACK_MANY)
		place.slot_size = READ(bin->slot_size);
	place_set_pool(&place, bin, &pool);
	g = fastmem_groups_get(&leaks->by_place, &place);
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
	struct fastmem_place place = { .slot_size = READ(bin->slot_size) };
	const struct fastmem_pool *pool;
	struct fastmem_bin_figures f;
	struct fastmem_group *g;

	fastmem_bin_read(ctl, id, &f);
	/* Below 0: something was freed twice. */
	if (f.in_use <= 0)
		return;
	place_set_pool(&place, bin, &pool);
	g = fastmem_groups_get(&leaks->by_size, &place);
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
	fastmem_groups_sort(&leaks->by_place, by_bytes);
	fastmem_groups_sort(&leaks->by_size, by_bytes);
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
	fastmem_groups_free(&leaks->by_place);
	fastmem_groups_free(&leaks->by_size);
	free(leaks);
}

/* All that is live. Of a sample, the statistics know it. */
int64_t
fastmem_leaks_total(const struct rte_fastmem_leaks *leaks, int64_t *bytes)
{
	int64_t n = groups_objects(&leaks->by_size, bytes);
	int64_t place_bytes, place_n;

	if (leaks->level == RTE_FASTMEM_DEBUG_SAMPLE)
		return n;
	place_n = groups_objects(&leaks->by_place, &place_bytes);
	*bytes += place_bytes;
	return n + place_n;
}

/* A pool's objects in use, in the form of all lists. Those of external memory have no records. */
static void
write_pool(FILE *f, const struct fastmem_bin *bin)
{
	struct rte_fastmem_leaks *leaks = calloc(1, sizeof(*leaks));

	if (leaks == NULL)
		return;
	leaks->only = bin;
	leaks->n_processes = RTE_MIN(rte_fastmem_processes(leaks->processes,
			RTE_DIM(leaks->processes)), RTE_DIM(leaks->processes));
	fastmem_records_walk(&(struct fastmem_records_visit){ .record = note_record, .arg = leaks });
	leaks->time = rte_rdtsc();
	fastmem_groups_sort(&leaks->by_place, by_bytes);
	fastmem_leaks_write_groups(f, leaks, &leaks->by_place);
	fastmem_leaks_free(leaks);
}

/* A pool is freed with n objects in use, or below 0: after more puts than gets. */
void
fastmem_leaks_pool_in_use(struct fastmem_bin *bin, int64_t n)
{
	fastmem_report_pool_in_use(bin, n, write_pool);
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
	n = fastmem_leaks_write(f, leaks);
	fastmem_leaks_free(leaks);
	return n;
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
	else if (fastmem_leaks_total(leaks, &bytes) > 0)
		fastmem_leaks_write(fastmem_report_stream(), leaks);
	fastmem_leaks_free(leaks);
}

static pid_t at_exit_pid; /* 0: nothing is to be done */

/* EAL has ended before fastmem: what is to be listed is gone. */
void
fastmem_leaks_unknown(void)
{
	/* The program may have closed the stream of EAL's log. */
	FILE *out = fastmem_debug.report_file != NULL ? fastmem_debug.report_file : stderr;

	if (getpid() == at_exit_pid)
		fprintf(out, "FASTMEM: what is live is not known any more: call "
			"rte_fastmem_deinit() before rte_eal_cleanup(), which rte_exit calls, too\n");
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
