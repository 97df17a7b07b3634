/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What was done, and what there is: read from where things are done.
 *
 * The fast path counts allocations only. As
 *
 *   objects in a cache = moved in - allocated + freed
 *
 * the frees follow. The objects in use are the slots that are free nowhere: neither in
 * slabs, nor in depots, nor in caches.
 *
 * Nothing stops while it is read, and objects move from one place to another that was read
 * before, or will be read later. A sum of counters would be wrong by all that move meanwhile,
 * which has no bound if the reader is preempted. What the places hold is wrong by no more than
 * they can hold.
 */

#include <string.h>

#include <rte_pause.h>

#include "fastmem_hooks.h"
#include "fastmem_tally.h"

#define READ_TRIES 1000

/* Pairs with the release in FASTMEM_MOVE() of moves, fastmem_cache.h. */
#define READ(field) rte_atomic_load_explicit(&(field), rte_memory_order_acquire)

/* Of a pool that the thread has not used, all are 0. */
static const struct fastmem_counts *
counts_of(const struct fastmem_tcache *t, unsigned int bin)
{
	static const struct fastmem_counts none;
	const struct fastmem_counts *counts = fastmem_counts(t, bin);

	return counts != NULL ? counts : &none;
}

/* 0 if a reset has come in between. */
static uint64_t
since(uint64_t now, uint64_t base)
{
	return tally_positive(now - base);
}

/* Objects in the loaded magazine, of which top and base tell n. */
static uint64_t
loaded_objects(const struct rte_fastmem_cache *c, uint64_t n)
{
	const struct fastmem_magazine *m = READ(c->loaded);
	uint64_t i, taken = 0;

	n = m != NULL ? RTE_MIN(n, fastmem_magazine_capacity(m->kind)) : 0;
	/* Others have taken objects away, and left holes: see pool_steal.c. */
	for (i = 0; READ(c->base) > READ(c->end) && i < n; i++)
		taken += rte_atomic_load_explicit((RTE_ATOMIC(void *) const *)&m->objs[i],
			rte_memory_order_relaxed) == NULL;
	return n - taken;
}

/* Objects in the spare magazine, of which the owner knows n. */
static uint64_t
spare_objects(const struct fastmem_tcache *t, unsigned int bin, uint64_t n)
{
	const struct fastmem_magazine *m = READ(t->caches[bin].spare);

	/* With another owner it is stolen. */
	if (m == NULL || READ(m->owner) != READ(counts_of(t, bin)->spare_owned))
		return 0;
	return RTE_MIN(n, fastmem_magazine_capacity(m->kind));
}

static void
cache_read_fields(const struct fastmem_tcache *t, unsigned int bin, struct fastmem_tally *out)
{
	const struct rte_fastmem_cache *c = &t->caches[bin];
	uint64_t loaded, spare;

	out->alloc = READ(c->n_alloc);
	/* Stolen objects count until the owner knows: n_in has them, too. */
	loaded = fastmem_cache_len(c);
	spare = READ(c->spare_n);
	out->in_use = READ(c->n_in) - loaded - spare;
	out->cached = loaded_objects(c, loaded) + spare_objects(t, bin, spare);
	out->misfreed = 0; /* known of a bin only */
}

/* The figures of one cache, not torn by a move of magazines. */
void
fastmem_cache_read(const struct fastmem_tcache *t, unsigned int bin, struct fastmem_tally *out)
{
	const struct fastmem_counts *counts = counts_of(t, bin);
	unsigned int tries;

	for (tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the release in fastmem_move_end(). */
		uint32_t seq = rte_atomic_load_explicit(&t->seq, rte_memory_order_acquire);

		cache_read_fields(t, bin, out);
		/* Nobody waits for the owner to end its move: it may have died. */
		if ((seq & 1) != 0 && READ(t->move_bin) == bin)
			out->in_use = READ(t->move_live);
		if (rte_atomic_load_explicit(&t->seq, rte_memory_order_relaxed) == seq)
			break;
		rte_pause(); /* and after many times: the owner is busy */
	}
	/* What was allocated since alloc was read is not freed before it was allocated. */
	out->free = tally_positive(out->alloc - out->in_use);
	out->alloc_misses = tally_get(&counts->alloc_misses);
	out->free_misses = tally_get(&counts->free_misses);
	out->nomem = tally_get(&counts->nomem);
}

/* Objects that have come out of a thread's cache, less those that went in: may be below 0. */
int64_t
fastmem_cache_in_use(const struct fastmem_tcache *t, unsigned int bin)
{
	struct fastmem_tally now;

	fastmem_cache_read(t, bin, &now);
	return now.in_use;
}

/* Objects that lie in a thread's cache: without those that others have taken from there. */
uint64_t
fastmem_cache_objects(const struct fastmem_tcache *t, unsigned int bin)
{
	struct fastmem_tally now;

	fastmem_cache_read(t, bin, &now);
	return now.cached;
}

void
fastmem_tally_add(struct fastmem_tally *sum, const struct fastmem_tally *t)
{
	sum->alloc += t->alloc;
	sum->free += t->free;
	sum->alloc_misses += t->alloc_misses;
	sum->free_misses += t->free_misses;
	sum->nomem += t->nomem;
	sum->in_use += t->in_use;
	sum->misfreed += t->misfreed;
	sum->cached += t->cached;
}

/* A cache's figures since the last reset, which may come at any time: it is read first. */
static void
cache_tally(const struct fastmem_tcache *t, unsigned int bin, struct fastmem_tally *sum)
{
	const struct fastmem_counts *counts = counts_of(t, bin);
	const struct fastmem_tally base = {
		.alloc = READ(counts->base_alloc),
		.free = READ(counts->base_free),
		.alloc_misses = READ(counts->base_alloc_misses),
		.free_misses = READ(counts->base_free_misses),
		.nomem = READ(counts->base_nomem),
	};
	struct fastmem_tally now;

	fastmem_cache_read(t, bin, &now);
	now.alloc = since(now.alloc, base.alloc);
	now.free = since(now.free, base.free);
	now.nomem = since(now.nomem, base.nomem);
	/* A miss is counted before the object is: read in between, there is one more. */
	now.alloc_misses = RTE_MIN(since(now.alloc_misses, base.alloc_misses), now.alloc);
	now.free_misses = RTE_MIN(since(now.free_misses, base.free_misses), now.free);
	fastmem_tally_add(sum, &now);
}

/*
 * What threads without a cache did, all of which is a miss; and what the caches
 * counted as freed but was not. That stays in the figures of those who freed it,
 * which is when it was not known yet, but is no object less in use.
 */
static void
direct_tally(const struct fastmem_bin *bin, struct fastmem_tally *sum)
{
	const struct fastmem_tally base = {
		.alloc = READ(bin->base_alloc),
		.free = READ(bin->base_free),
		.nomem = READ(bin->base_nomem),
		.misfreed = READ(bin->base_misfreed),
	};
	struct fastmem_tally now = {
		.alloc = since(tally_get(&bin->direct_alloc), base.alloc),
		.free = since(tally_get(&bin->direct_free), base.free),
		.nomem = since(tally_get(&bin->direct_nomem), base.nomem),
		.misfreed = tally_get(&bin->misfreed) - base.misfreed,
	};

	now.alloc_misses = now.alloc;
	now.free_misses = now.free;
	fastmem_tally_add(sum, &now);
}

/* Allocations by everyone. Read after the frees: what is freed has been allocated. */
static uint64_t
bin_allocs(const struct fastmem_ctl *ctl, unsigned int bin)
{
	uint64_t base = READ(ctl->bins[bin].base_alloc);
	uint64_t sum = since(tally_get(&ctl->bins[bin].direct_alloc), base);
	const struct fastmem_tcache *t;

	FASTMEM_FOREACH_TCACHE(t, ctl) {
		base = READ(counts_of(t, bin)->base_alloc);
		sum += since(READ(t->caches[bin].n_alloc), base);
	}
	return sum;
}

/* Objects that were freed and are not back yet. */
int64_t
fastmem_bin_quarantined(const struct fastmem_ctl *ctl, unsigned int bin)
{
	return ctl->debug == NULL ? 0 : FASTMEM_HOOK_OR(0, n_waiting, bin);
}

/* Slots of a bin that are not in its slabs, or store. */
static int64_t
bin_out(const struct fastmem_bin *bin)
{
	if (READ(bin->store) == NULL)
		return tally_get(&bin->n_out);
	return tally_get(&bin->n_slots) - READ(bin->n_stored);
}

/* Objects in use, where so many are in caches. */
static int64_t
bin_in_use(const struct fastmem_ctl *ctl, unsigned int bin, uint64_t cached)
{
	const struct fastmem_depot *full = fastmem_full_depot(&ctl->bins[bin]);
	uint64_t n_free = cached + fastmem_bin_quarantined(ctl, bin);

	if (full != NULL)
		n_free += fastmem_depot_objects(full);
	return bin_out(&ctl->bins[bin]) - n_free;
}

/* Add what the threads of one lcore id, of none, or all threads did with a bin. */
void
fastmem_bin_tally(const struct fastmem_ctl *ctl, unsigned int bin, int key,
		struct fastmem_tally *sum)
{
	const struct fastmem_tcache *t;

	FASTMEM_FOREACH_TCACHE(t, ctl)
		if (key == FASTMEM_KEY_EVERYONE || key == t->lcore)
			cache_tally(t, bin, sum);
	if (key == FASTMEM_KEY_EVERYONE || key == FASTMEM_KEY_SHARED)
		direct_tally(&ctl->bins[bin], sum);
}

/* What everyone did with a bin, and what there is of it. */
void
fastmem_bin_tally_all(const struct fastmem_ctl *ctl, unsigned int bin, struct fastmem_tally *out)
{
	int64_t quarantined = -READ(ctl->bins[bin].base_quarantined);

	memset(out, 0, sizeof(*out));
	fastmem_bin_tally(ctl, bin, FASTMEM_KEY_EVERYONE, out);
	/* What was quarantined at a reset was freed before it, and is counted when it leaves. */
	quarantined += fastmem_bin_quarantined(ctl, bin);
	out->free = tally_positive(out->free + quarantined);
	/* After a reset there may be fewer than misses, which do not know of it. */
	out->alloc = RTE_MAX(out->alloc, bin_allocs(ctl, bin));
	out->free_misses = RTE_MIN(out->free_misses, out->free);
	out->in_use = bin_in_use(ctl, bin, out->cached);
}

/* What is done with a bin, by everyone. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_bin_read)
void
fastmem_bin_read(const struct fastmem_ctl *ctl, unsigned int bin,
		struct fastmem_bin_figures *out)
{
	struct fastmem_tally t;

	fastmem_bin_tally_all(ctl, bin, &t);
	out->alloc = t.alloc;
	out->free = tally_positive(t.free - t.misfreed);
	out->nomem = t.nomem;
	out->in_use = t.in_use;
}

/* What fastmem has of a socket. False: it has none of that number. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_socket_read)
bool
fastmem_socket_read(int socket_id, struct fastmem_socket_figures *out)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_bin_figures figures;
	struct fastmem_arena *arena = ctl != NULL ? fastmem_arena_of(ctl, socket_id) : NULL;
	unsigned int i;

	memset(out, 0, sizeof(*out));
	if (arena == NULL)
		return false;
	fastmem_arena_read(arena, out);
	fastmem_meta_read(socket_id, out);
	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_bin *bin = &ctl->bins[i];
		uint64_t n;

		if (&ctl->arenas[bin->socket] != arena)
			continue;
		if (i < ctl->first_pool_bin) {
			fastmem_bin_read(ctl, i, &figures);
			n = tally_positive(figures.in_use);
			out->n_used += n;
			out->used_bytes += n * bin->slot_size;
			continue;
		}
		fastmem_bin_lock(bin);
		n = bin->n_slabs + bin->n_limbo;
		out->n_used += n;
		out->used_bytes += n * bin->slab_granules << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_mutex_unlock(&bin->lock);
	}
	return true;
}
