/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Bins: their shape, and bits, lists and counts of the slabs of a size or pool, all under bin.lock.
 *
 * The bits of slabs are what is true, and the state of granules: lists and counts follow
 * from them, and are made anew when the holder of bin.lock dies. For objects on
 * their way between bits and a magazine, see struct fastmem_transfer; this is
 * modelled in models/repair.pml.
 */

#include <string.h>

#include "fastmem_bin.h"

#define MAGAZINE_BYTES_MAX (1u << 20) /* of the objects in one */
#define DEPOT_BYTES_MAX (4u << 20)
#define DEPOT_OBJECTS 64u /* that a depot holds in any case */
#define FIRST_BYTES (64u << 10) /* in a thread's first magazine */
#define FIRST_OBJECTS 8u

/*
 * A slab's tail that holds no slot: at most 1/20 of it. Of the first slabs of a size, which may
 * need no more than an object or two: at most a quarter.
 */
#define TAIL_SHARE 20
#define SMALL_TAIL_SHARE 4

static uint32_t
granules_of_slab(uint32_t slot_size, uint32_t tail_share)
{
	uint32_t n = (slot_size + FASTMEM_GRANULE - 1) >> RTE_FASTMEM_GRANULE_SHIFT;

	while ((n << RTE_FASTMEM_GRANULE_SHIFT) % slot_size >
			(n << RTE_FASTMEM_GRANULE_SHIFT) / tail_share)
		n++;
	return n;
}

static void
set_counts(struct fastmem_bin *bin, uint32_t n_slabs, uint64_t n_granules, uint64_t n_slots)
{
	bin->n_slabs = n_slabs;
	/* Atomic for fastmem_slab_next_granules(). */
	rte_atomic_store_explicit(&bin->n_granules, n_granules, rte_memory_order_relaxed);
	/* Atomic for those who ask whether a pool has all it may have. */
	rte_atomic_store_explicit(&bin->n_slots, n_slots, rte_memory_order_relaxed);
}

void
fastmem_bin_count_slab(struct fastmem_bin *bin, const struct fastmem_granule *slab)
{
	set_counts(bin, bin->n_slabs + 1, bin->n_granules + slab->n, bin->n_slots + slab->n_slots);
}

void
fastmem_bin_count_out(struct fastmem_bin *bin, int64_t n)
{
	/* Atomic for the statistics, which need no lock for it. */
	rte_atomic_store_explicit(&bin->n_out, bin->n_out + n, rte_memory_order_relaxed);
}

/* Slots of slot_size bytes on slabs that are aligned to slab_align granules. */
void
fastmem_bin_init(struct fastmem_bin *bin, uint16_t id, uint16_t socket, uint32_t slot_size,
		uint32_t slab_align)
{
	memset(bin, 0, sizeof(*bin));
	fastmem_mutex_init(&bin->lock);
	bin->id = id;
	bin->socket = socket;
	fastmem_bin_shape(bin, slot_size, slab_align);
}

/* Of a pool that is no more, and that has no slabs: the bin is as if it was never used. */
void
fastmem_bin_clear(struct fastmem_bin *bin)
{
	RTE_ATOMIC(uint64_t) *const figures[] = {
		&bin->direct_alloc, &bin->direct_free, &bin->direct_nomem, &bin->misfreed,
		&bin->exchanges_seen, &bin->base_alloc, &bin->base_free, &bin->base_nomem,
		&bin->base_misfreed, &bin->base_quarantined, &bin->base_acquires,
		&bin->base_releases, &bin->n_out,
	};
	unsigned int i;

	fastmem_bin_lock(bin);
	RTE_ASSERT(bin->n_slabs == 0 && bin->n_limbo == 0);
	bin->store = NULL;
	bin->n_stored = 0;
	bin->big_words = 0;
	bin->header = 0;
	bin->acquires = 0;
	bin->releases = 0;
	set_counts(bin, 0, 0, 0);
	for (i = 0; i < RTE_DIM(figures); i++)
		rte_atomic_store_explicit(figures[i], 0, rte_memory_order_relaxed);
	FASTMEM_MOVE(bin->pool, NULL);
	fastmem_mutex_unlock(&bin->lock);
}

/*
 * The shape of a bin that has no slabs: its slots, and how much its slabs, magazines, depots and
 * fresh caches hold.
 */
void
fastmem_bin_shape(struct fastmem_bin *bin, uint32_t slot_size, uint32_t slab_align)
{
	uint32_t magazine, first, full;

	/* Atomic for the statistics: a pool's bin is used again. */
	rte_atomic_store_explicit(&bin->slot_size, slot_size, rte_memory_order_relaxed);
	bin->slot_recip = rte_reciprocal_value(slot_size);
	bin->slab_align = slab_align;
	/* With a special alignment, only the first slot would surely have it. */
	bin->slab_granules = slab_align > 1 ? slot_size >> RTE_FASTMEM_GRANULE_SHIFT :
			granules_of_slab(slot_size, TAIL_SHARE);
	bin->small_granules = slab_align > 1 ? bin->slab_granules :
			granules_of_slab(slot_size, SMALL_TAIL_SHARE);
	bin->slab_slots = (bin->slab_granules << RTE_FASTMEM_GRANULE_SHIFT) / slot_size;
	magazine = RTE_MIN(MAGAZINE_BYTES_MAX / slot_size,
			(uint32_t)FASTMEM_MAGAZINE_LARGE_CAPACITY);
	bin->magazine_kind = magazine > FASTMEM_MAGAZINE_SMALL_CAPACITY ?
			FASTMEM_MAGAZINE_LARGE : FASTMEM_MAGAZINE_SMALL;
	bin->magazine_size = magazine;
	first = RTE_MIN(FIRST_BYTES / slot_size, FIRST_OBJECTS);
	bin->first_capacity = RTE_MAX(first, 1u);
	full = RTE_MAX(DEPOT_BYTES_MAX / slot_size, DEPOT_OBJECTS) / magazine;
	bin->max_full = RTE_MIN(full, (uint32_t)FASTMEM_DEPOT_SLOTS);
}

/* The list. prev and next of a slab that is not in it mean nothing. */
void
fastmem_bin_list_remove(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	if (slab->prev != 0)
		fastmem_granule(slab->prev)->next = slab->next;
	else
		bin->slabs = slab->next;
	if (slab->next != 0)
		fastmem_granule(slab->next)->prev = slab->prev;
	else
		bin->last_slab = slab->prev;
	bin->n_partial--;
}

/* Pairs with the load in fastmem_failure_epoch(), by way of the lock. */
static void
count_joined(struct fastmem_bin *bin)
{
	rte_atomic_store_explicit(&bin->n_joined, bin->n_joined + 1, rte_memory_order_relaxed);
}

static void
list_push_head(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	slab->prev = 0;
	slab->next = bin->slabs;
	if (bin->slabs != 0)
		fastmem_granule(bin->slabs)->prev = slab->head;
	else
		bin->last_slab = slab->head;
	bin->slabs = slab->head;
	bin->n_partial++;
	count_joined(bin);
}

void
fastmem_bin_list_push_tail(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	slab->next = 0;
	slab->prev = bin->last_slab;
	if (bin->last_slab != 0)
		fastmem_granule(bin->last_slab)->next = slab->head;
	else
		bin->slabs = slab->head;
	bin->last_slab = slab->head;
	bin->n_partial++;
	count_joined(bin);
}

static void
list_insert(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	if (slab->n_free == slab->n_slots)
		fastmem_bin_list_push_tail(bin, slab);
	else if (slab->n_free > 0)
		list_push_head(bin, slab);
}

void
fastmem_bin_pool_list_push(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	if (bin->pool == NULL)
		return;
	slab->pool_next = bin->pool_slabs;
	bin->pool_slabs = slab->head;
}

void
fastmem_bin_pool_list_remove(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	uint32_t *link = &bin->pool_slabs;

	while (*link != slab->head)
		link = &fastmem_granule(*link)->pool_next;
	*link = slab->pool_next;
}

void
fastmem_bin_count_empty(struct fastmem_bin *bin, int n)
{
	/* Atomic for the hint in fastmem_slab_release_empty(). */
	rte_atomic_store_explicit(&bin->n_empty, bin->n_empty + n, rte_memory_order_relaxed);
	if (n > 0)
		fastmem_drain_undo(&fastmem_ctl()->arenas[bin->socket]);
}

/* The number of an object's slot; UINT32_MAX: that is no object. */
uint32_t
fastmem_slab_slot(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const void *obj)
{
	uint32_t offset = (uintptr_t)obj - bin->header -
			(uintptr_t)fastmem_granule_addr(slab->head);
	uint32_t i = rte_reciprocal_divide(offset, bin->slot_recip);

	return i * bin->slot_size == offset && i < slab->n_slots ? i : UINT32_MAX;
}

/* Set the bit of an object of a slab of the bin. Under bin.lock. */
enum put_result
fastmem_slab_put(struct fastmem_bin *bin, struct fastmem_granule *slab, const void *obj)
{
	uint32_t i = fastmem_slab_slot(bin, slab, obj);
	uint64_t bit = UINT64_C(1) << i % 64;

	if (i == UINT32_MAX)
		return PUT_INSIDE;
	if (slab->bits[i / 64] & bit)
		return PUT_TWICE;
	slab->bits[i / 64] |= bit;
	slab->first_word = RTE_MIN(slab->first_word, i / 64);
	fastmem_bin_count_out(bin, -1);
	if (slab->n_free++ == 0)
		list_push_head(bin, slab);
	if (slab->n_free == slab->n_slots) {
		fastmem_bin_count_empty(bin, 1);
		fastmem_bin_list_remove(bin, slab);
		fastmem_bin_list_push_tail(bin, slab);
	}
	return PUT_DONE;
}

void
fastmem_slab_uncount(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	if (slab->n_free > 0)
		fastmem_bin_list_remove(bin, slab);
	if (slab->n_free == slab->n_slots)
		fastmem_bin_count_empty(bin, -1);
	fastmem_bin_count_out(bin, -(int64_t)(slab->n_slots - slab->n_free));
	set_counts(bin, bin->n_slabs - 1, bin->n_granules - slab->n, bin->n_slots - slab->n_slots);
}

/* A batch of n objects from first on, after which the array has count objects. */
void
fastmem_bin_transfer_begin(struct fastmem_bin *bin, enum fastmem_transfer_op op, void **objs,
		RTE_ATOMIC(uint32_t) *n_objs, uint32_t first, uint32_t n, uint32_t count)
{
	struct fastmem_transfer *tr = &bin->transfer;

	tr->objs = objs;
	tr->n_objs = n_objs;
	tr->first = first;
	tr->n = n;
	tr->count = count;
	FASTMEM_MOVE(tr->op, op);
}

void
fastmem_bin_transfer_end(struct fastmem_bin *bin)
{
	FASTMEM_MOVE(*bin->transfer.n_objs, bin->transfer.count);
	FASTMEM_MOVE(bin->transfer.op, FASTMEM_TRANSFER_NONE);
}

/* The holder of the lock died during a transfer: do all of it, once more or for the first time. */
static void
transfer_repair(struct fastmem_bin *bin)
{
	struct fastmem_transfer *tr = &bin->transfer;
	uint32_t i;

	if (tr->op == FASTMEM_TRANSFER_NONE)
		return;
	if (tr->op == FASTMEM_TRANSFER_STORE) {
		fastmem_store_repair(bin);
		return;
	}
	for (i = tr->first; i < tr->first + tr->n; i++) {
		struct fastmem_granule *slab;
		uint32_t slot;

		if (rte_fastmem_bin_of(tr->objs[i]) != bin->id)
			continue; /* was no object then, either */
		slab = fastmem_slab_of(tr->objs[i]);
		slot = fastmem_slab_slot(bin, slab, tr->objs[i]);
		if (slot == UINT32_MAX)
			continue;
		if (tr->op == FASTMEM_TRANSFER_FREE)
			slab->bits[slot / 64] |= UINT64_C(1) << slot % 64;
		else
			slab->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	}
	fastmem_bin_transfer_end(bin);
}

static void
slab_recount(struct fastmem_granule *slab)
{
	uint32_t i;

	slab->n_free = 0;
	slab->first_word = 0;
	for (i = (slab->n_slots + 63) / 64; i-- > 0;) {
		slab->n_free += rte_popcount64(slab->bits[i]);
		if (slab->bits[i] != 0)
			slab->first_word = i;
	}
}

/*
 * The holder of the lock died with the object of a thread that has no cache: that was allocated,
 * but the thread has not lived to see it; or it was to be freed. Done twice, this is no other.
 */
static void
one_repair(struct fastmem_bin *bin)
{
	if (bin->n_one == 0)
		return;
	FASTMEM_MOVE(*bin->one_count, bin->one_count_free);
	if (bin->store != NULL) {
		fastmem_store_free(bin, &bin->one, &bin->n_one);
		return;
	}
	if (rte_fastmem_bin_of(bin->one) == bin->id)
		fastmem_slab_put(bin, fastmem_slab_of(bin->one), bin->one);
	FASTMEM_MOVE(bin->n_one, 0);
}

/* The last holder of bin.lock has died. */
static void
bin_repair(struct fastmem_bin *bin)
{
	struct fastmem_arena *arena = &fastmem_ctl()->arenas[bin->socket];
	uint32_t first, i;

	transfer_repair(bin);
	if (bin->store != NULL) {
		one_repair(bin);
		return;
	}
	bin->slabs = 0;
	bin->last_slab = 0;
	set_counts(bin, 0, 0, 0);
	fastmem_bin_count_out(bin, -(int64_t)bin->n_out);
	bin->n_limbo = 0;
	bin->pool_slabs = 0;
	bin->n_partial = 0;
	rte_atomic_store_explicit(&bin->n_empty, 0, rte_memory_order_relaxed);
	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena) {
		for (i = first; i < first + fastmem_granule(first)->chunk_n; i++) {
			struct fastmem_granule *slab = fastmem_granule(i);

			if (!fastmem_is_slab_head(i) || rte_fastmem_map.bins[i] != bin->id)
				continue;
			slab_recount(slab);
			fastmem_bin_pool_list_push(bin, slab);
			if (slab->limbo) {
				bin->n_limbo++;
				continue;
			}
			fastmem_bin_count_slab(bin, slab);
			fastmem_bin_count_out(bin, slab->n_slots - slab->n_free);
			if (slab->n_free == slab->n_slots)
				fastmem_bin_count_empty(bin, 1);
			list_insert(bin, slab);
		}
	}
	fastmem_mutex_unlock(&arena->lock);
	bin->acquires = bin->releases + bin->n_slabs + bin->n_limbo;
	one_repair(bin);
}

void
fastmem_bin_lock(struct fastmem_bin *bin)
{
	if (fastmem_mutex_lock(&bin->lock, FASTMEM_LOCK_BIN)) {
		bin_repair(bin);
		fastmem_mutex_repaired(&bin->lock);
	}
}

/* Complete what any dead process was about to do under a bin's lock. */
void
fastmem_bins_repair(struct fastmem_ctl *ctl)
{
	uint32_t i;

	for (i = 1; i < ctl->n_bins; i++) {
		fastmem_bin_lock(&ctl->bins[i]);
		fastmem_mutex_unlock(&ctl->bins[i].lock);
	}
}
