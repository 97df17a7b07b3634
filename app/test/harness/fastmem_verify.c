/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * For tests: does everything agree with everything else? See fastmem_verify.h.
 *
 * A slot that is in a magazine is marked in a copy of its slab's bits; a slot
 * found twice, or found and free as well, is a fault.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_private.h"
#include "fastmem_verify.h"

struct verify {
	FILE *f;
	struct fastmem_ctl *ctl;
	uint64_t **seen; /* by granule: the slots found in magazines */
	uint64_t *slabs; /* by bin: slabs found */
	uint64_t *granules; /* by bin: of these */
	uint64_t *limbo; /* by bin: slabs found that wait to leave */
	uint64_t *slots; /* by bin: slots of these */
	uint64_t *free_slots; /* by bin */
	uint64_t *cached; /* by bin: slots found in magazines */
	int faults;
};

static void
__rte_format_printf(2, 3)
fault(struct verify *v, const char *format, ...)
{
	va_list ap;

	v->faults++;
	va_start(ap, format);
	fprintf(v->f, "fastmem_verify: ");
	vfprintf(v->f, format, ap);
	fprintf(v->f, "\n");
	va_end(ap);
}

static unsigned int
count_bits(const uint64_t *bits, uint32_t n)
{
	unsigned int sum = 0;
	uint32_t i;

	for (i = 0; i < (n + 63) / 64; i++)
		sum += rte_popcount64(bits[i]);
	return sum;
}

static void
verify_slab(struct verify *v, uint32_t head)
{
	struct fastmem_granule *slab = fastmem_granule(head);
	struct fastmem_bin *bin = &v->ctl->bins[slab->bin];
	uint32_t i, words = (slab->n_slots + 63) / 64;
	uint64_t *seen;

	if (slab->bin == 0 || slab->bin >= v->ctl->n_bins ||
			slab->n_slots > bin->slab_slots || (slab->n != bin->slab_granules &&
			(bin->pool != NULL || slab->n != bin->small_granules)) ||
			(uint64_t)slab->n_slots * bin->slot_size >
				(uint64_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT) {
		fault(v, "slab %u: bin %u, %u slots, %u granules", head, slab->bin,
			slab->n_slots, slab->n);
		return;
	}
	for (i = head; i < head + slab->n; i++)
		if (rte_fastmem_map.bins[i] != slab->bin || fastmem_granule(i)->head != head)
			fault(v, "slab %u: granule %u has bin %u, head %u", head, i,
				rte_fastmem_map.bins[i], fastmem_granule(i)->head);
	if (count_bits(slab->bits, slab->n_slots) != slab->n_free)
		fault(v, "slab %u: %u free slots, but %u bits", head, slab->n_free,
			count_bits(slab->bits, slab->n_slots));
	for (i = 0; i < slab->first_word && i < words; i++)
		if (slab->bits[i] != 0)
			fault(v, "slab %u: bits before the first word", head);
	if (slab->limbo) {
		if (slab->n_free != slab->n_slots)
			fault(v, "slab %u: leaves with %u of %u slots free", head, slab->n_free,
				slab->n_slots);
		v->limbo[slab->bin]++;
	} else {
		v->slabs[slab->bin]++;
		v->granules[slab->bin] += slab->n;
		v->slots[slab->bin] += slab->n_slots;
		v->free_slots[slab->bin] += slab->n_free;
	}
	seen = calloc(words, sizeof(*seen));
	if (seen == NULL)
		fault(v, "slab %u: no memory to verify it", head);
	v->seen[head] = seen;
}

static void
verify_chunk(struct verify *v, struct fastmem_arena *arena, uint32_t first, uint64_t *n_free)
{
	struct fastmem_granule *chunk = fastmem_granule(first);
	uint32_t i, used = 0, n;
	bool after_free = false;

	for (i = first; i < first + chunk->chunk_n; i += n) {
		struct fastmem_granule *g = fastmem_granule(i);

		n = g->n;
		if (g->chunk != first || n == 0 || i + n > first + chunk->chunk_n) {
			fault(v, "granule %u: chunk %u, %u granules", i, g->chunk, n);
			return;
		}
		if (g->state == FASTMEM_SLAB) {
			used += n;
			verify_slab(v, i);
		} else if (g->state == FASTMEM_FREE) {
			*n_free += n;
			if (after_free && !g->breaks)
				fault(v, "free runs before and at %u are not merged", i);
			if (fastmem_granule(i + n - 1)->n != n)
				fault(v, "free run %u: its end knows another length", i);
			if (rte_fastmem_map.bins[i] != 0)
				fault(v, "free run %u: is in the map", i);
		} else {
			fault(v, "granule %u: state %u in a chunk", i, g->state);
		}
		after_free = g->state == FASTMEM_FREE;
	}
	if (used != chunk->chunk_used)
		fault(v, "chunk %u of socket %d: %u granules used, %u counted", first,
			arena->socket_id, used, chunk->chunk_used);
}

static void
verify_arena(struct verify *v, struct fastmem_arena *arena)
{
	uint64_t n_free = 0, in_lists = 0, n = 0;
	unsigned int i;
	uint32_t head;

	FASTMEM_FOREACH_CHUNK(head, arena) {
		verify_chunk(v, arena, head, &n_free);
		n += fastmem_granule(head)->chunk_n;
	}
	for (i = 0; i < FASTMEM_RUN_LISTS; i++) {
		if ((arena->runs[i] != 0) != ((arena->nonempty >> i & 1) != 0))
			fault(v, "run list %u: wrong bit", i);
		for (head = arena->runs[i]; head != 0; head = fastmem_granule(head)->next) {
			in_lists += fastmem_granule(head)->n;
			if (fastmem_granule(head)->state != FASTMEM_FREE)
				fault(v, "run %u in a list is not free", head);
		}
	}
	if (n != arena->n_granules || n_free != arena->n_free || in_lists != n_free)
		fault(v, "socket %d: %" PRIu64 " granules, %" PRIu64 " counted; %" PRIu64
			" free, %" PRIu64 " counted, %" PRIu64 " in lists", arena->socket_id, n,
			arena->n_granules, n_free, arena->n_free, in_lists);
}

/* A slot in a magazine. */
static void
verify_cached(struct verify *v, unsigned int bin, const void *obj)
{
	uint32_t index = fastmem_granule_index(obj), slot;
	struct fastmem_granule *slab;

	if (v->ctl->bins[bin].store != NULL) {
		v->cached[bin]++;
		return;
	}
	if (rte_fastmem_bin_of(obj) != bin) {
		fault(v, "bin %u holds %p of bin %u", bin, obj, rte_fastmem_bin_of(obj));
		return;
	}
	slab = fastmem_granule(fastmem_granule(index)->head);
	slot = fastmem_slab_slot(&v->ctl->bins[bin], slab, obj);
	if (slot == UINT32_MAX) {
		fault(v, "bin %u: %p is no object", bin, obj);
		return;
	}
	if (slab->bits[slot / 64] & UINT64_C(1) << slot % 64)
		fault(v, "bin %u: %p is cached and free", bin, obj);
	if (v->seen[slab->head] == NULL)
		return; /* and that was a fault */
	if (v->seen[slab->head][slot / 64] & UINT64_C(1) << slot % 64)
		fault(v, "bin %u: %p is cached twice", bin, obj);
	v->seen[slab->head][slot / 64] |= UINT64_C(1) << slot % 64;
	v->cached[bin]++;
}

static void
verify_magazine(struct verify *v, unsigned int bin, const struct fastmem_magazine *m, uint32_t n,
		uint32_t owner)
{
	uint32_t i;

	if (m->bin != bin)
		fault(v, "bin %u: magazine %u is of bin %u", bin, m->id, m->bin);
	if ((m->owner & FASTMEM_OWNER_MASK) != owner)
		fault(v, "bin %u: magazine %u of %u, not of %u", bin, m->id,
			(uint32_t)(m->owner & FASTMEM_OWNER_MASK), owner);
	/* NULL: taken away. */
	for (i = 0; i < n; i++)
		if (m->objs[i] != NULL)
			verify_cached(v, bin, m->objs[i]);
}

static void
verify_caches(struct verify *v, struct fastmem_tcache *t)
{
	uint32_t i;

	if (t->seq & 1)
		fault(v, "thread cache %u: within a move", t->id);
	for (i = 0; i < v->ctl->n_bins; i++) {
		struct rte_fastmem_cache *c = &t->caches[i];

		/* Others may have forbidden to pop and push. */
		if ((c->base <= c->end && (c->base > c->top || c->top > c->end)) ||
				(c->base > c->end && v->ctl->bins[i].pool == NULL) ||
				(i == 0 && c->end != NULL))
			fault(v, "thread cache %u, bin %u: %p %p %p", t->id, i, (void *)c->base,
				(void *)c->top, (void *)c->end);
		if (c->loaded != NULL)
			verify_magazine(v, i, c->loaded, fastmem_cache_len(c), t->id);
		if (c->loaded != NULL && i < v->ctl->first_pool_bin &&
				!fastmem_tcache_is_open(t, &v->ctl->bins[i]))
			fault(v, "thread cache %u, bin %u: not among the open ones", t->id, i);
		if (c->loaded != NULL && c->loaded->n != 0)
			fault(v, "thread cache %u, bin %u: the loaded magazine counts, too", t->id, i);
		/* A stolen one is elsewhere. */
		if (c->spare != NULL && c->spare->owner == fastmem_counts_opened(t, i)->spare_owned)
			verify_magazine(v, i, c->spare, c->spare_n, t->id);
	}
}

static void
verify_depot(struct verify *v, unsigned int bin, const struct fastmem_depot *depot, bool full)
{
	unsigned int i;

	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++) {
		const struct fastmem_magazine *m = fastmem_depot_look(depot, i);

		if (m == NULL)
			continue;
		if ((m->n > 0) != full)
			fault(v, "bin %u: magazine %u in the wrong queue", bin, m->id);
		verify_magazine(v, bin, m, m->n, 0);
	}
}

static void
verify_bin(struct verify *v, struct fastmem_bin *bin)
{
	uint64_t in_list = 0, empty = 0, live, direct;
	struct fastmem_tcache *t;
	uint32_t head, before = 0;

	for (head = bin->slabs; head != 0; head = fastmem_granule(head)->next) {
		struct fastmem_granule *slab = fastmem_granule(head);

		in_list++;
		empty += slab->n_free == slab->n_slots;
		if (slab->n_free == 0 || slab->prev != before)
			fault(v, "bin %u: slab %u in the list, %u free", bin->id, head,
				slab->n_free);
		before = head;
	}
	if (in_list != bin->n_partial || empty != bin->n_empty || before != bin->last_slab ||
			v->slabs[bin->id] != bin->n_slabs ||
			v->granules[bin->id] != bin->n_granules ||
			v->limbo[bin->id] != bin->n_limbo)
		fault(v, "bin %u: %" PRIu64 " slabs, %u counted; %" PRIu64 " listed, %u counted; %"
			PRIu64 " empty, %u counted", bin->id, v->slabs[bin->id], bin->n_slabs,
			in_list, bin->n_partial, empty, bin->n_empty);

	if (bin->n_out != v->slots[bin->id] - v->free_slots[bin->id])
		fault(v, "bin %u: %" PRIu64 " of %" PRIu64 " slots are free, %" PRIu64
			" are counted not to be", bin->id, v->free_slots[bin->id],
			v->slots[bin->id], bin->n_out);
	/* Each slot is free, cached or in use, and the statistics know the latter. */
	direct = bin->direct_alloc - bin->direct_free + bin->misfreed;
	live = direct;
	FASTMEM_FOREACH_TCACHE(t, v->ctl) {
		struct rte_fastmem_cache *c = &t->caches[bin->id];

		live += c->n_in - fastmem_cache_len(c) - c->spare_n;
	}
	if (bin->store != NULL) {
		v->slots[bin->id] = bin->n_slots;
		v->free_slots[bin->id] = bin->n_stored;
	}
	if (live + v->cached[bin->id] + v->free_slots[bin->id] !=
			v->slots[bin->id] || v->slots[bin->id] != bin->n_slots)
		fault(v, "bin %u: %" PRIu64 " in use, %" PRIu64 " cached, %" PRIu64
			" free of %" PRIu64, bin->id, live, v->cached[bin->id],
			v->free_slots[bin->id], v->slots[bin->id]);
}

/* Each magazine is unused, in a depot, or in the thread cache whose id it has. */
static void
verify_owners(struct verify *v)
{
	uint32_t *owned = calloc(v->ctl->n_tcaches + 1, sizeof(owned[0]));
	struct fastmem_tcache *t;
	uint32_t id, i;

	for (id = 1; owned != NULL && id <= v->ctl->meta.n_magazines; id++) {
		uint32_t owner = fastmem_magazine_by_id(id)->owner & FASTMEM_OWNER_MASK;

		if (owner != 0 && owner <= v->ctl->n_tcaches)
			owned[owner]++;
		else if (owner != 0 && owner != FASTMEM_OWNER_UNUSED)
			fault(v, "magazine %u belongs to %#x", id, owner);
	}
	for (t = v->ctl->tcaches; owned != NULL && t != NULL; t = t->next) {
		for (i = 0; i < v->ctl->n_bins; i++) {
			struct rte_fastmem_cache *c = &t->caches[i];

			owned[t->id] -= c->loaded != NULL;
			owned[t->id] -= c->spare != NULL &&
				c->spare->owner == fastmem_counts_opened(t, i)->spare_owned;
		}
		if (owned[t->id] != 0)
			fault(v, "thread cache %u: %u magazines are in none of its bins", t->id,
				owned[t->id]);
	}
	free(owned);
}

static void
verify_all(struct verify *v)
{
	struct fastmem_ctl *ctl = v->ctl;
	struct fastmem_tcache *t;
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		verify_arena(v, &ctl->arenas[i]);
	FASTMEM_FOREACH_TCACHE(t, ctl)
		verify_caches(v, t);
	for (i = 1; i < ctl->n_bins; i++) {
		if (ctl->bins[i].empty != NULL) {
			verify_depot(v, i, ctl->bins[i].full, true);
			verify_depot(v, i, ctl->bins[i].empty, false);
		}
		verify_bin(v, &ctl->bins[i]);
	}
	verify_owners(v);
}

int
fastmem_verify(FILE *f)
{
	struct verify v = { .f = f, .ctl = fastmem_ctl_get() };
	uint64_t i;

	if (v.ctl == NULL)
		return 0;
	v.seen = calloc(v.ctl->n_granules, sizeof(v.seen[0]));
	v.slabs = calloc(v.ctl->n_bins, sizeof(v.slabs[0]));
	v.granules = calloc(v.ctl->n_bins, sizeof(v.granules[0]));
	v.limbo = calloc(v.ctl->n_bins, sizeof(v.limbo[0]));
	v.slots = calloc(v.ctl->n_bins, sizeof(v.slots[0]));
	v.free_slots = calloc(v.ctl->n_bins, sizeof(v.free_slots[0]));
	v.cached = calloc(v.ctl->n_bins, sizeof(v.cached[0]));
	if (v.seen == NULL || v.slabs == NULL || v.granules == NULL || v.limbo == NULL ||
			v.slots == NULL || v.free_slots == NULL || v.cached == NULL)
		fault(&v, "no memory to verify with");
	else
		verify_all(&v);
	for (i = 0; v.seen != NULL && i < v.ctl->n_granules; i++)
		free(v.seen[i]);
	free(v.seen);
	free(v.slabs);
	free(v.granules);
	free(v.limbo);
	free(v.slots);
	free(v.free_slots);
	free(v.cached);
	return v.faults;
}
