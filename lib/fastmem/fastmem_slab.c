/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Slabs: runs of granules, divided into the slots of one bin.
 *
 * A free slot is a set bit in the slab's bit array, which lies in the granule's
 * descriptor and not in the slab. A slot that is live, or in a magazine, has a
 * clear bit. A fresh slab is all bits set: none of its memory is touched before
 * an object of it is used.
 *
 * A bin's slabs with a free slot are in its list. A slab that was full joins at
 * the head, and slots are taken from the head, so that slabs with few slots in
 * use are left to drain. One slab without a slot in use is kept, the others go
 * back to the arena.
 *
 * All under bin.lock, which is held for at most one magazine's worth of slots.
 */

#include <string.h>

#include <rte_errno.h>

#include "fastmem_private.h"

#define EMPTY_SLABS_KEPT 1
#define MAGAZINE_BYTES_MAX (1u << 20) /* of the objects in one */
#define DEPOT_BYTES_MAX (4u << 20)
#define FIRST_BYTES (64u << 10) /* in a thread's first magazine */
#define FIRST_OBJECTS 8u
/* A slab's tail that holds no slot: at most 1/20 of it. */
#define TAIL_SHARE 20

static uint32_t
slab_granules(uint32_t slot_size)
{
	uint32_t n = (slot_size + FASTMEM_GRANULE - 1) >> RTE_FASTMEM_GRANULE_SHIFT;

	while ((n << RTE_FASTMEM_GRANULE_SHIFT) % slot_size >
			(n << RTE_FASTMEM_GRANULE_SHIFT) / TAIL_SHARE)
		n++;
	return n;
}

/* Slots of slot_size bytes on slabs that are aligned to slab_align granules. */
void
fastmem_bin_init(struct fastmem_bin *bin, uint16_t id, uint16_t socket, uint32_t slot_size,
		uint32_t slab_align)
{
	uint32_t magazine;

	memset(bin, 0, sizeof(*bin));
	fastmem_mutex_init(&bin->lock);
	bin->id = id;
	bin->socket = socket;
	bin->slot_size = slot_size;
	bin->slot_recip = rte_reciprocal_value(slot_size);
	bin->slab_align = slab_align;
	/* With a special alignment, only the first slot would surely have it. */
	bin->slab_granules = slab_align > 1 ? slot_size >> RTE_FASTMEM_GRANULE_SHIFT :
			slab_granules(slot_size);
	bin->slab_slots = (bin->slab_granules << RTE_FASTMEM_GRANULE_SHIFT) / slot_size;
	magazine = RTE_MIN(MAGAZINE_BYTES_MAX / slot_size,
			(uint32_t)FASTMEM_MAGAZINE_LARGE_CAPACITY);
	bin->magazine_kind = magazine > FASTMEM_MAGAZINE_SMALL_CAPACITY ?
			FASTMEM_MAGAZINE_LARGE : FASTMEM_MAGAZINE_SMALL;
	bin->magazine_size = magazine;
	bin->first_capacity = RTE_MAX(RTE_MIN(FIRST_BYTES / slot_size, FIRST_OBJECTS), 1u);
	bin->max_full = RTE_MAX(RTE_MIN(DEPOT_BYTES_MAX / slot_size / magazine,
			(uint32_t)FASTMEM_DEPOT_SLOTS), 4u);
}

/* The list. prev and next of a slab that is not in it mean nothing. */

static void
list_remove(struct fastmem_bin *bin, struct fastmem_granule *slab)
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
}

static void
list_push_tail(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	slab->next = 0;
	slab->prev = bin->last_slab;
	if (bin->last_slab != 0)
		fastmem_granule(bin->last_slab)->next = slab->head;
	else
		bin->slabs = slab->head;
	bin->last_slab = slab->head;
	bin->n_partial++;
}

static void
count_empty(struct fastmem_bin *bin, int n)
{
	/* Atomic for the hint in fastmem_slab_release_empty(). */
	__atomic_store_n(&bin->n_empty, bin->n_empty + n, __ATOMIC_RELAXED);
}

/* Take up to n free slots of a slab that has some. */
static unsigned int
slab_claim(struct fastmem_bin *bin, struct fastmem_granule *slab, void **objs, unsigned int n)
{
	char *base = fastmem_granule_addr(slab->head);
	uint32_t w = slab->first_word;
	unsigned int got = 0;

	if (slab->n_free == slab->n_slots)
		count_empty(bin, -1);
	while (got < n && slab->n_free > 0) {
		uint64_t bits = slab->bits[w];

		while (bits != 0 && got < n) {
			uint32_t i = w * 64 + __builtin_ctzll(bits);

			bits &= bits - 1;
			objs[got++] = base + (size_t)i * bin->slot_size;
			slab->n_free--;
		}
		slab->bits[w] = bits;
		if (bits == 0)
			w++;
	}
	slab->first_word = w;
	if (slab->n_free == 0)
		list_remove(bin, slab);
	return got;
}

/* Take up to n objects from the slabs that are there. */
unsigned int
fastmem_slab_alloc(struct fastmem_bin *bin, void **objs, unsigned int n)
{
	unsigned int got = 0;

	fastmem_mutex_lock(&bin->lock);
	while (got < n && bin->slabs != 0)
		got += slab_claim(bin, fastmem_granule(bin->slabs), objs + got, n - got);
	pthread_mutex_unlock(&bin->lock);
	return got;
}

static void
slab_set_bins(const struct fastmem_granule *slab, uint16_t bin)
{
	uint32_t i;

	for (i = slab->head; i < slab->head + slab->n; i++)
		__atomic_store_n(&fastmem_process.bins[i], bin, __ATOMIC_RELAXED);
}

/* Give a slab without a slot in use back to the arena. Under bin.lock. */
static void
slab_release(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	RTE_ASSERT(slab->n_free == slab->n_slots);
	list_remove(bin, slab);
	bin->n_slabs--;
	bin->n_slots -= slab->n_slots;
	count_empty(bin, -1);
	bin->releases++;
	slab_set_bins(slab, 0);
	if (slab->bits != slab->inline_bits)
		fastmem_tiny_bits_put(slab->bits);
	fastmem_run_free(&fastmem_ctl()->arenas[bin->socket], slab->head);
}

/* Give all slabs without a slot in use back. */
void
fastmem_slab_release_empty(struct fastmem_bin *bin)
{
	uint32_t head, before;

	/* Called for all bins, most of which have none: save the lock. */
	if (__atomic_load_n(&bin->n_empty, __ATOMIC_RELAXED) == 0)
		return;
	fastmem_mutex_lock(&bin->lock);
	for (head = bin->last_slab; head != 0 && bin->n_empty > 0; head = before) {
		struct fastmem_granule *slab = fastmem_granule(head);

		before = slab->prev;
		if (slab->n_free == slab->n_slots)
			slab_release(bin, slab);
	}
	pthread_mutex_unlock(&bin->lock);
}

/*
 * A slab has as many slots as its bit array has room for. Without memory for an
 * array of its own, a slab of tiny slots uses part of its memory only.
 */
static void
slab_format(struct fastmem_bin *bin, struct fastmem_granule *slab, uint64_t *tiny_bits)
{
	uint64_t *bits = tiny_bits != NULL ? tiny_bits : slab->inline_bits;
	uint32_t most = tiny_bits != NULL ? FASTMEM_TINY_WORDS * 64 : FASTMEM_INLINE_WORDS * 64;
	uint32_t n = RTE_MIN(bin->slab_slots, most);
	uint32_t words = (n + 63) / 64;

	slab->bin = bin->id;
	slab->n_slots = n;
	slab->n_free = n;
	slab->first_word = 0;
	slab->bits = bits;
	memset(bits, 0xff, words * sizeof(bits[0]));
	if (n % 64 != 0)
		bits[words - 1] = (UINT64_C(1) << n % 64) - 1;
	bin->n_slots += n;
	slab_set_bins(slab, bin->id);
}

/* A run for a slab of the bin, from the arena as it is, or, unless flags forbid it, grown. */
static uint32_t
slab_run(const struct fastmem_bin *bin, unsigned int flags)
{
	struct fastmem_arena *arena = &fastmem_ctl()->arenas[bin->socket];
	uint32_t head = fastmem_run_alloc(arena, bin->slab_granules, bin->slab_align);

	if (head == 0 && (flags & RTE_FASTMEM_F_NOGROW) == 0)
		head = fastmem_arena_grow(arena, bin->slab_granules, bin->slab_align);
	return head;
}

/* Give the bin another slab. Returns 0 or -ENOMEM. */
int
fastmem_slab_acquire(struct fastmem_bin *bin, unsigned int flags)
{
	struct fastmem_granule *slab;
	uint64_t *bits = NULL;
	uint32_t head;

	if (bin->slab_slots > FASTMEM_INLINE_WORDS * 64)
		bits = fastmem_tiny_bits_get((flags & RTE_FASTMEM_F_NOGROW) == 0);
	head = slab_run(bin, flags);
	if (head == 0) {
		if (bits != NULL)
			fastmem_tiny_bits_put(bits);
		return -ENOMEM;
	}

	slab = fastmem_granule(head);
	fastmem_mutex_lock(&bin->lock);
	slab_format(bin, slab, bits);
	list_push_tail(bin, slab);
	bin->n_slabs++;
	count_empty(bin, 1);
	bin->acquires++;
	pthread_mutex_unlock(&bin->lock);
	return 0;
}

/* Set an object's bit. Returns false if that is no object, or free. Under bin.lock. */
static bool
slab_put(struct fastmem_bin *bin, struct fastmem_granule *slab, const void *obj)
{
	uint32_t offset = (uintptr_t)obj - (uintptr_t)fastmem_granule_addr(slab->head);
	uint32_t i = rte_reciprocal_divide(offset, bin->slot_recip);
	uint64_t bit = UINT64_C(1) << i % 64;

	if (i * bin->slot_size != offset || i >= slab->n_slots) {
		FASTMEM_LOG(ERR, "free of %p, which is inside an object of %u bytes; ignored",
				obj, bin->slot_size);
		return false;
	}
	if (slab->bits[i / 64] & bit) {
		FASTMEM_LOG(ERR, "double free of %p, an object of %u bytes; ignored",
				obj, bin->slot_size);
		return false;
	}
	slab->bits[i / 64] |= bit;
	slab->first_word = RTE_MIN(slab->first_word, i / 64);
	if (slab->n_free++ == 0)
		list_push_head(bin, slab);
	if (slab->n_free < slab->n_slots)
		return true;
	count_empty(bin, 1);
	if (bin->n_empty > EMPTY_SLABS_KEPT) {
		slab_release(bin, slab);
	} else {
		list_remove(bin, slab);
		list_push_tail(bin, slab);
	}
	return true;
}

/*
 * A free was counted for bin from, but what came back is a slot of bin to, or
 * none: the statistics are put right.
 */
static void
count_misfreed(struct fastmem_bin *from, struct fastmem_bin *to)
{
	__atomic_fetch_add(&from->misfreed, 1, __ATOMIC_RELAXED);
	if (to != NULL)
		__atomic_fetch_sub(&to->misfreed, 1, __ATOMIC_RELAXED);
}

/*
 * Give the objects of a cache of bin from back to their slabs. By mistakes of
 * the application they may be of other bins, or no objects: the latter are
 * reported and ignored.
 */
void
fastmem_slab_free(struct fastmem_bin *from, void *const *objs, unsigned int n)
{
	struct fastmem_bin *bin = NULL;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t index = fastmem_granule_index(objs[i]);
		unsigned int id = rte_fastmem_bin_of(objs[i]);
		struct fastmem_granule *slab;

		if (id != 0 && (bin == NULL || bin->id != id)) {
			if (bin != NULL)
				pthread_mutex_unlock(&bin->lock);
			bin = &fastmem_ctl()->bins[id];
			fastmem_mutex_lock(&bin->lock);
		}
		/*
		 * After a double free, the slab may have gone at any time before: its
		 * entry in the map changes only under its bin's lock.
		 */
		if (id == 0 || rte_fastmem_bin_of(objs[i]) != id) {
			FASTMEM_LOG(ERR, "double or invalid free of %p; ignored", objs[i]);
			count_misfreed(from, NULL);
			continue;
		}
		slab = fastmem_granule(index);
		if (slab->head != index)
			slab = fastmem_granule(slab->head);
		if (!slab_put(bin, slab, objs[i]))
			count_misfreed(from, NULL);
		else if (bin != from)
			count_misfreed(from, bin);
	}
	if (bin != NULL)
		pthread_mutex_unlock(&bin->lock);
}
