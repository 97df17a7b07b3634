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
 * What a death leaves is repaired by fastmem_bin.c.
 */

#include "fastmem_bin.h"
#include "fastmem_hooks.h"

#define EMPTY_SLABS_KEPT 1
#define BATCH FASTMEM_MAGAZINE_LARGE_CAPACITY

/*
 * What a bin has. Under its lock, as counts are wrong without it: for good if whoever changed
 * them has died, and for the time that it takes to count again.
 */
void
fastmem_bin_extent(struct fastmem_bin *bin, struct fastmem_extent *out)
{
	fastmem_bin_lock(bin);
	out->n_slots = bin->n_slots;
	out->n_granules = (bin->n_slabs + bin->n_limbo) * (uint64_t)bin->slab_granules;
	out->n_limbo = bin->n_limbo;
	out->slabs = bin->pool_slabs;
	fastmem_mutex_unlock(&bin->lock);
}

/*
 * Move up to n free slots of a slab that has some to the end of an array in
 * shared memory. Returns how many.
 */
static unsigned int
slab_claim(struct fastmem_bin *bin, struct fastmem_granule *slab, void **objs,
		RTE_ATOMIC(uint32_t) *n_objs, unsigned int n)
{
	char *base = fastmem_granule_addr(slab->head) + bin->header;
	uint32_t w = slab->first_word;
	uint32_t first = *n_objs;
	uint64_t bits = slab->bits[w];
	unsigned int got = 0;

	n = RTE_MIN(n, slab->n_free);
	for (;;) {
		for (; bits != 0 && got < n; bits &= bits - 1) {
			uint32_t i = w * 64 + rte_ctz64(bits);

			objs[first + got++] = base + (size_t)i * bin->slot_size;
		}
		if (got == n)
			break;
		bits = slab->bits[++w];
	}
	fastmem_bin_transfer_begin(bin, FASTMEM_TRANSFER_CLAIM, objs, n_objs, first, n, first + n);
	/* From the first word on, these were all there are. */
	for (; slab->first_word < w; slab->first_word++)
		slab->bits[slab->first_word] = 0;
	slab->bits[w] = bits;
	fastmem_bin_transfer_end(bin);

	if (slab->n_free == slab->n_slots)
		fastmem_bin_count_empty(bin, -1);
	slab->n_free -= n;
	fastmem_bin_count_out(bin, n);
	if (slab->n_free == 0)
		fastmem_bin_list_remove(bin, slab);
	return n;
}

/* Add up to n objects from the slabs that are there to the magazine. Returns how many. */
unsigned int
fastmem_slab_alloc(struct fastmem_bin *bin, struct fastmem_magazine *m, unsigned int n)
{
	unsigned int got = 0;

	fastmem_bin_lock(bin);
	if (bin->store != NULL)
		got = fastmem_store_alloc(bin, m->objs, &m->n, n);
	while (got < n && bin->slabs != 0)
		got += slab_claim(bin, fastmem_granule(bin->slabs), m->objs, &m->n, n - got);
	fastmem_mutex_unlock(&bin->lock);
	return got;
}

/* Under bin.lock, before n_one changes: for one_repair() in fastmem_bin.c. */
static void
one_begin(struct fastmem_bin *bin, RTE_ATOMIC(uint64_t) *count, uint64_t count_free)
{
	bin->one_count = count;
	bin->one_count_free = count_free;
}

/*
 * An object for a thread that has no cache; NULL: no slab has one. *count, in shared memory, is one
 * more if and only if the object has left the slabs, also if this process is killed.
 */
void *
fastmem_slab_alloc_one(struct fastmem_bin *bin, RTE_ATOMIC(uint64_t) *count)
{
	void *obj = NULL;

	fastmem_bin_lock(bin);
	one_begin(bin, count, *count);
	if (bin->store != NULL)
		fastmem_store_alloc(bin, &bin->one, &bin->n_one, 1);
	else if (bin->slabs != 0)
		slab_claim(bin, fastmem_granule(bin->slabs), &bin->one, &bin->n_one, 1);
	if (bin->n_one != 0) {
		obj = bin->one;
		FASTMEM_MOVE(*count, *count + 1);
		FASTMEM_MOVE(bin->n_one, 0);
	}
	fastmem_mutex_unlock(&bin->lock);
	return obj;
}

/*
 * A free was counted for bin from, but what came back is a slot of bin to, or
 * none: the statistics are put right.
 */
static void
count_misfreed(struct fastmem_bin *from, struct fastmem_bin *to)
{
	rte_atomic_fetch_add_explicit(&from->misfreed, 1, rte_memory_order_relaxed);
	if (to != NULL)
		rte_atomic_fetch_sub_explicit(&to->misfreed, 1, rte_memory_order_relaxed);
}

/* A pointer that was freed, and should not have been. */
struct wrong {
	const void *obj;
	enum put_result why;
	uint32_t slot_size;
};

/* Here it is known only long after the call. */
#define TELLS "RTE_FASTMEM_DEBUG=full tells where"

/* Not under a lock, as a log may take its time. */
static void
tell_wrong(const struct wrong *wrong, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (wrong[i].why == PUT_INSIDE)
			FASTMEM_LOG_SOME(ERR, "free of %p, which is inside an object of %u bytes; "
				"ignored. " TELLS, wrong[i].obj, wrong[i].slot_size);
		else if (wrong[i].why == PUT_TWICE)
			FASTMEM_LOG_SOME(ERR, "double free of %p, an object of %u bytes; ignored. " TELLS,
				wrong[i].obj, wrong[i].slot_size);
		else
			FASTMEM_LOG_SOME(ERR, "double or invalid free of %p; ignored. " TELLS,
				wrong[i].obj);
	}
}

/*
 * Free the last objects of an array of bin from, as many as are of bin. Under
 * bin.lock, as the map's entries for the bin change only then: after a double
 * free, the slab may have gone at any time before. The array may also be what a
 * dead process was about to free: then that was done with the lock. Returns how
 * many were wrong.
 */
static unsigned int
put_batch(struct fastmem_bin *from, struct fastmem_bin *bin, void **objs,
		RTE_ATOMIC(uint32_t) *n_objs, struct wrong *wrong)
{
	uint32_t n = *n_objs, first = n, i;
	struct fastmem_granule *slab = NULL;
	uintptr_t granule = 0;
	unsigned int n_wrong = 0;

	while (first > 0 && n - first < BATCH &&
			rte_fastmem_bin_of(objs[first - 1]) == bin->id)
		first--;
	fastmem_bin_transfer_begin(bin, FASTMEM_TRANSFER_FREE, objs, n_objs, first, n - first,
			first);
	for (i = first; i < n; i++) {
		enum put_result ret;

		/* Neighbours often share a granule: one look-up then. */
		if ((uintptr_t)objs[i] >> RTE_FASTMEM_GRANULE_SHIFT != granule) {
			granule = (uintptr_t)objs[i] >> RTE_FASTMEM_GRANULE_SHIFT;
			slab = fastmem_slab_of(objs[i]);
		}
		RTE_ASSERT(slab != NULL); /* no object lies in granule 0 */
		ret = fastmem_slab_put(bin, slab, objs[i]);
		if (ret != PUT_DONE)
			wrong[n_wrong++] = (struct wrong){ objs[i], ret, bin->slot_size };
		else if (bin != from)
			count_misfreed(from, bin);
	}
	fastmem_bin_transfer_end(bin);
	if (bin->n_empty > EMPTY_SLABS_KEPT && bin->pool == NULL) {
		FASTMEM_HOOK(slabs_hold);
		while (bin->n_empty > EMPTY_SLABS_KEPT)
			fastmem_slab_release(bin, fastmem_granule(bin->last_slab));
		FASTMEM_HOOK(slabs_release);
	}
	return n_wrong;
}

/* The same for a bin that has a store. */
static void
store_free(struct fastmem_bin *bin, void **objs, RTE_ATOMIC(uint32_t) *n_objs)
{
	unsigned int n_wrong;

	fastmem_bin_lock(bin);
	n_wrong = fastmem_store_free(bin, objs, n_objs);
	fastmem_mutex_unlock(&bin->lock);
	rte_atomic_fetch_add_explicit(&bin->misfreed, n_wrong, rte_memory_order_relaxed);
	if (n_wrong > 0)
		FASTMEM_LOG_SOME(ERR, "pool %s: %u more objects were put than got; ignored",
			bin->pool->name, n_wrong);
}

/*
 * Give the objects of an array of bin from, in shared memory, back to their slabs.
 * By mistakes of the application they may be of other bins, or no objects: the
 * latter are reported and ignored. NULL stands for an object that was taken away.
 */
void
fastmem_slab_free_array(struct fastmem_bin *from, void **objs, RTE_ATOMIC(uint32_t) *n_objs)
{
	struct wrong wrong[BATCH];
	unsigned int n_wrong, i;

	if (from->store != NULL) {
		store_free(from, objs, n_objs);
		return;
	}
	while (*n_objs > 0) {
		unsigned int id = rte_fastmem_bin_of(objs[*n_objs - 1]);
		struct fastmem_bin *bin = &fastmem_ctl()->bins[id];

		if (objs[*n_objs - 1] == NULL) {
			FASTMEM_MOVE(*n_objs, *n_objs - 1);
			continue;
		}
		if (id == 0) {
			wrong[0] = (struct wrong){ objs[*n_objs - 1], PUT_NO_OBJECT, 0 };
			FASTMEM_MOVE(*n_objs, *n_objs - 1);
			n_wrong = 1;
		} else {
			fastmem_bin_lock(bin);
			n_wrong = put_batch(from, bin, objs, n_objs, wrong);
			fastmem_mutex_unlock(&bin->lock);
		}
		for (i = 0; i < n_wrong; i++)
			count_misfreed(from, NULL);
		tell_wrong(wrong, n_wrong);
	}
}

void
fastmem_slab_free(struct fastmem_bin *from, struct fastmem_magazine *m)
{
	fastmem_slab_free_array(from, m->objs, &m->n);
}

/* The same for an object of a thread that has no cache, for which *count changes by change. */
void
fastmem_slab_free_one(struct fastmem_bin *from, void *obj, RTE_ATOMIC(uint64_t) *count, int change)
{
	struct wrong wrong;
	unsigned int n_wrong;

	fastmem_bin_lock(from);
	one_begin(from, count, *count + change);
	from->one = obj;
	FASTMEM_MOVE(from->n_one, 1);
	FASTMEM_MOVE(*count, from->one_count_free);
	if (from->store != NULL) {
		n_wrong = fastmem_store_free(from, &from->one, &from->n_one);
		wrong = (struct wrong){ obj, PUT_TWICE, from->slot_size };
	} else {
		n_wrong = put_batch(from, from, &from->one, &from->n_one, &wrong);
	}
	if (from->n_one != 0) { /* it was of this bin a moment ago */
		wrong = (struct wrong){ obj, PUT_NO_OBJECT, 0 };
		n_wrong = 1;
		FASTMEM_MOVE(from->n_one, 0);
	}
	fastmem_mutex_unlock(&from->lock);
	if (n_wrong > 0) {
		count_misfreed(from, NULL);
		tell_wrong(&wrong, n_wrong);
	}
}
