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

#include <stdlib.h>
#include <string.h>

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
		fastmem_bin_list_push_head(bin, slab);
	if (slab->n_free == slab->n_slots) {
		fastmem_bin_count_empty(bin, 1);
		fastmem_bin_list_remove(bin, slab);
		fastmem_bin_list_push_tail(bin, slab);
	}
	return PUT_DONE;
}

/*
 * Move up to n free slots of a slab that has some to the end of an array in
 * shared memory. Returns how many.
 */
static unsigned int
slab_claim(struct fastmem_bin *bin, struct fastmem_granule *slab, void **objs, uint32_t *n_objs,
		unsigned int n)
{
	char *base = fastmem_granule_addr(slab->head) + bin->header;
	uint32_t w = slab->first_word;
	uint32_t first = *n_objs;
	uint64_t bits = slab->bits[w];
	unsigned int got = 0;

	n = RTE_MIN(n, slab->n_free);
	for (;;) {
		for (; bits != 0 && got < n; bits &= bits - 1) {
			uint32_t i = w * 64 + __builtin_ctzll(bits);

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
one_begin(struct fastmem_bin *bin, uint64_t *count, uint64_t count_free)
{
	bin->one_count = count;
	bin->one_count_free = count_free;
}

/*
 * An object for a thread that has no cache; NULL: no slab has one. *count, in shared memory, is one
 * more if and only if the object has left the slabs, also if this process is killed.
 */
void *
fastmem_slab_alloc_one(struct fastmem_bin *bin, uint64_t *count)
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
		MOVE(*count, *count + 1);
		MOVE(bin->n_one, 0);
	}
	fastmem_mutex_unlock(&bin->lock);
	return obj;
}

static void
slab_set_bins(const struct fastmem_granule *slab, uint16_t bin)
{
	uint32_t i;

	for (i = slab->head; i < slab->head + slab->n; i++)
		__atomic_store_n(&fastmem_process.bins[i], bin, __ATOMIC_RELAXED);
}

static void
slab_set_state(struct fastmem_granule *slab, enum fastmem_granule_state state)
{
	uint32_t i;

	/* The first one last, as it speaks for the slab. */
	for (i = slab->n; i-- > 0;)
		fastmem_set_state(fastmem_granule(slab->head + i), state);
}

/* Give a slab without a slot in use back to the arena. Under bin.lock. */
static void
slab_release(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	RTE_ASSERT(slab->n_free == slab->n_slots);
	slab->taker = fastmem_process.peer;
	fastmem_set_state(slab, FASTMEM_TAKEN);
	slab_set_state(slab, FASTMEM_TAKEN);
	fastmem_slab_uncount(bin, slab);
	bin->releases++;
	slab_set_bins(slab, 0);
	FASTMEM_HOOK(slab_end, slab);
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
	fastmem_bin_lock(bin);
	FASTMEM_HOOK(slabs_hold);
	for (head = bin->last_slab; head != 0 && bin->n_empty > 0; head = before) {
		struct fastmem_granule *slab = fastmem_granule(head);

		before = slab->prev;
		if (slab->n_free == slab->n_slots)
			slab_release(bin, slab);
	}
	FASTMEM_HOOK(slabs_release);
	fastmem_mutex_unlock(&bin->lock);
}

static bool
needs_tiny_bits(const struct fastmem_bin *bin)
{
	return bin->slab_slots > FASTMEM_INLINE_WORDS * 64 && bin->big_words == 0;
}

static uint64_t *
slab_bits(const struct fastmem_bin *bin, struct fastmem_granule *slab, uint32_t *most)
{
	if (bin->big_words != 0) {
		*most = bin->big_words * 64;
		return bin->big_bits;
	}
	if (needs_tiny_bits(bin) && slab->tiny_bits != NULL) {
		*most = FASTMEM_TINY_WORDS * 64;
		return slab->tiny_bits;
	}
	*most = FASTMEM_INLINE_WORDS * 64;
	return slab->inline_bits;
}

/*
 * A slab has as many slots as its bit array has room for. Without memory for an
 * array of its own, a slab of tiny slots uses part of its memory only.
 */
static void
slab_format(struct fastmem_bin *bin, struct fastmem_granule *slab, uint32_t max_slots)
{
	uint32_t most;
	uint64_t *bits = slab_bits(bin, slab, &most);
	uint32_t room = slab->n == bin->slab_granules ? bin->slab_slots :
			(slab->n << RTE_FASTMEM_GRANULE_SHIFT) / bin->slot_size;
	uint32_t fitting = RTE_MIN(room, most), n = RTE_MIN(fitting, max_slots);
	uint32_t words = (n + 63) / 64;

	slab->bin = bin->id;
	/* Atomic for those who go through all records. */
	__atomic_store_n(&slab->n_slots, n, __ATOMIC_RELAXED);
	slab->n_free = n;
	slab->first_word = 0;
	slab->limbo = 0;
	slab->bits = bits;
	memset(bits, 0xff, words * sizeof(bits[0]));
	if (n % 64 != 0)
		bits[words - 1] = (UINT64_C(1) << n % 64) - 1;
	slab_set_bins(slab, bin->id);
}

/* Of a bin's next slab. The slabs of a pool are alike. */
static uint32_t
next_granules(const struct fastmem_bin *bin)
{
	/* Others may add to it: no harm, as all slabs are of one or the other size. */
	return bin->pool == NULL && __atomic_load_n(&bin->n_granules, __ATOMIC_RELAXED) <
			bin->slab_granules ? bin->small_granules : bin->slab_granules;
}

/* Whether its arena may grow for another slab. now: cycles of EAL's timer. */
bool
fastmem_slab_may_grow(const struct fastmem_bin *bin, uint64_t now)
{
	return fastmem_arena_may_grow(&fastmem_ctl()->arenas[bin->socket],
			next_granules(bin), bin->slab_align, now);
}

/* A run for a slab of the bin, from the arena as it is, or, unless flags forbid it, grown. */
static uint32_t
slab_run(const struct fastmem_bin *bin, unsigned int flags)
{
	struct fastmem_arena *arena = &fastmem_ctl()->arenas[bin->socket];
	const uint32_t n = next_granules(bin);
	uint32_t head;

	for (;;) {
		head = fastmem_run_alloc(arena, n, bin->slab_align);
		if (head != 0 || (flags & (RTE_FASTMEM_F_NOGROW | FASTMEM_F_NO_CHUNK)) != 0)
			return head;
		/* Another thread may be faster to take what growth brings; then again. */
		if (fastmem_arena_grow(arena, n, bin->slab_align) != 0)
			return 0;
	}
}

/* Of a slab that nobody has entered. */
static void
slab_undo(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	fastmem_bin_lock(bin);
	slab_set_bins(slab, 0);
	fastmem_mutex_unlock(&bin->lock);
	fastmem_run_free(&fastmem_ctl()->arenas[bin->socket], slab->head);
}

/*
 * Make a slab of up to so many slots, which the map then says is the bin's, and nobody
 * can get objects of yet. NULL: no memory.
 */
struct fastmem_granule *
fastmem_slab_make(struct fastmem_bin *bin, unsigned int flags, uint32_t max_slots)
{
	struct fastmem_granule *slab;
	uint32_t head = slab_run(bin, flags);

	if (head == 0)
		return NULL;
	slab = fastmem_granule(head);
	if (needs_tiny_bits(bin) && slab->tiny_bits == NULL)
		slab->tiny_bits = fastmem_meta_alloc(FASTMEM_TINY_WORDS * sizeof(uint64_t),
				(flags & RTE_FASTMEM_F_NOGROW) == 0);
	fastmem_bin_lock(bin);
	slab_format(bin, slab, max_slots);
	fastmem_mutex_unlock(&bin->lock);
	if (FASTMEM_HOOK_OR(0, slab_make, slab, (flags & RTE_FASTMEM_F_NOGROW) == 0) != 0) {
		slab_undo(bin, slab);
		return NULL;
	}
	return slab;
}

/* Memory of the bookkeeping that another slab of a bin may take. */
size_t
fastmem_slab_meta_bytes(const struct fastmem_bin *bin)
{
	return FASTMEM_HOOK_OR((size_t)0, slab_bytes, bin) +
		(needs_tiny_bits(bin) ? FASTMEM_TINY_WORDS * sizeof(uint64_t) : 0);
}

/* Let the bin have a slab that was made for it. */
void
fastmem_slab_enter(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	FASTMEM_HOOK(slab_enter, slab);
	fastmem_bin_lock(bin);
	slab_set_state(slab, FASTMEM_SLAB);
	fastmem_bin_list_push_tail(bin, slab);
	fastmem_bin_pool_list_push(bin, slab);
	fastmem_bin_count_slab(bin, slab);
	fastmem_bin_count_empty(bin, 1);
	bin->acquires++;
	fastmem_mutex_unlock(&bin->lock);
}

/* Give the bin another slab. Returns 0 or -ENOMEM. */
int
fastmem_slab_acquire(struct fastmem_bin *bin, unsigned int flags)
{
	struct fastmem_granule *slab = fastmem_slab_make(bin, flags, UINT32_MAX);

	if (slab == NULL)
		return -ENOMEM;
	fastmem_slab_enter(bin, slab);
	return 0;
}

/*
 * Of a pool, under pool.grow: a slab without a slot in use leaves if so many slots are
 * left then. It can still be read as what it was until fastmem_slab_end(). NULL: there
 * is none.
 */
struct fastmem_granule *
fastmem_slab_leave(struct fastmem_bin *bin, uint32_t keep_slots)
{
	struct fastmem_granule *slab = NULL;

	fastmem_bin_lock(bin);
	if (bin->n_empty > 0) {
		/* Empty ones are at the end, but for those that have been filled once. */
		uint32_t head = bin->last_slab;

		while (head != 0 && fastmem_granule(head)->n_free != fastmem_granule(head)->n_slots)
			head = fastmem_granule(head)->prev;
		slab = fastmem_granule(head);
		if (bin->n_slots - slab->n_slots < keep_slots)
			slab = NULL;
	}
	if (slab != NULL) {
		slab->token = FASTMEM_NO_TOKEN;
		MOVE(slab->limbo, 1);
		fastmem_slab_uncount(bin, slab);
		bin->n_limbo++;
	}
	fastmem_mutex_unlock(&bin->lock);
	return slab;
}

/* The end of a slab that has left, or of any when the pool is freed. */
void
fastmem_slab_end(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	fastmem_bin_lock(bin);
	FASTMEM_HOOK(slabs_hold);
	slab->taker = fastmem_process.peer;
	fastmem_set_state(slab, FASTMEM_TAKEN);
	slab_set_state(slab, FASTMEM_TAKEN);
	fastmem_bin_pool_list_remove(bin, slab);
	if (slab->limbo)
		bin->n_limbo--;
	else
		fastmem_slab_uncount(bin, slab);
	bin->releases++;
	slab_set_bins(slab, 0);
	FASTMEM_HOOK(slab_end, slab);
	FASTMEM_HOOK(slabs_release);
	fastmem_mutex_unlock(&bin->lock);
	fastmem_run_free(&fastmem_ctl()->arenas[bin->socket], slab->head);
}

/*
 * All slabs of a pool, those that leave included, in an array for the caller to free().
 * They stay while the caller sees to it that the pool does not shrink. Returns how many
 * there are; 0 also if there is no memory for the array.
 */
unsigned int
fastmem_slabs(struct fastmem_bin *bin, struct fastmem_granule ***slabs)
{
	unsigned int n, room = 0;
	uint32_t head;

	*slabs = NULL;
	do {
		room = bin->n_slabs + bin->n_limbo + 16;
		free(*slabs);
		*slabs = malloc(room * sizeof((*slabs)[0]));
		if (*slabs == NULL)
			return 0;
		n = 0;
		fastmem_bin_lock(bin);
		for (head = bin->pool_slabs; head != 0; head = fastmem_granule(head)->pool_next) {
			if (n < room)
				(*slabs)[n] = fastmem_granule(head);
			n++;
		}
		fastmem_mutex_unlock(&bin->lock);
	} while (n > room); /* it has grown meanwhile */
	return n;
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

/* A pointer that was freed, and should not have been. */
struct wrong {
	const void *obj;
	enum put_result why;
	uint32_t slot_size;
};

/* Not under a lock, as a log may take its time. */
static void
report_wrong(const struct wrong *wrong, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (wrong[i].why == PUT_INSIDE)
			FASTMEM_LOG(ERR, "free of %p, which is inside an object of %u bytes; "
				"ignored", wrong[i].obj, wrong[i].slot_size);
		else if (wrong[i].why == PUT_TWICE)
			FASTMEM_LOG(ERR, "double free of %p, an object of %u bytes; ignored",
				wrong[i].obj, wrong[i].slot_size);
		else
			FASTMEM_LOG(ERR, "double or invalid free of %p; ignored", wrong[i].obj);
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
put_batch(struct fastmem_bin *from, struct fastmem_bin *bin, void **objs, uint32_t *n_objs,
		struct wrong *wrong)
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
			slab_release(bin, fastmem_granule(bin->last_slab));
		FASTMEM_HOOK(slabs_release);
	}
	return n_wrong;
}

/* The same for a bin that has a store. */
static void
store_free(struct fastmem_bin *bin, void **objs, uint32_t *n_objs)
{
	unsigned int n_wrong;

	fastmem_bin_lock(bin);
	n_wrong = fastmem_store_free(bin, objs, n_objs);
	fastmem_mutex_unlock(&bin->lock);
	__atomic_fetch_add(&bin->misfreed, n_wrong, __ATOMIC_RELAXED);
	if (n_wrong > 0)
		FASTMEM_LOG(ERR, "pool %s: %u more objects were put than got; ignored",
			bin->pool->name, n_wrong);
}

/*
 * Give the objects of an array of bin from, in shared memory, back to their slabs.
 * By mistakes of the application they may be of other bins, or no objects: the
 * latter are reported and ignored. NULL stands for an object that was taken away.
 */
void
fastmem_slab_free_array(struct fastmem_bin *from, void **objs, uint32_t *n_objs)
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
			MOVE(*n_objs, *n_objs - 1);
			continue;
		}
		if (id == 0) {
			wrong[0] = (struct wrong){ objs[*n_objs - 1], PUT_NO_OBJECT, 0 };
			MOVE(*n_objs, *n_objs - 1);
			n_wrong = 1;
		} else {
			fastmem_bin_lock(bin);
			n_wrong = put_batch(from, bin, objs, n_objs, wrong);
			fastmem_mutex_unlock(&bin->lock);
		}
		for (i = 0; i < n_wrong; i++)
			count_misfreed(from, NULL);
		report_wrong(wrong, n_wrong);
	}
}

void
fastmem_slab_free(struct fastmem_bin *from, struct fastmem_magazine *m)
{
	fastmem_slab_free_array(from, m->objs, &m->n);
}

/* The same for an object of a thread that has no cache, for which *count changes by change. */
void
fastmem_slab_free_one(struct fastmem_bin *from, void *obj, uint64_t *count, int change)
{
	struct wrong wrong;
	unsigned int n_wrong;

	fastmem_bin_lock(from);
	one_begin(from, count, *count + change);
	from->one = obj;
	MOVE(from->n_one, 1);
	MOVE(*count, from->one_count_free);
	if (from->store != NULL) {
		n_wrong = fastmem_store_free(from, &from->one, &from->n_one);
		wrong = (struct wrong){ obj, PUT_TWICE, from->slot_size };
	} else {
		n_wrong = put_batch(from, from, &from->one, &from->n_one, &wrong);
	}
	if (from->n_one != 0) { /* it was of this bin a moment ago */
		wrong = (struct wrong){ obj, PUT_NO_OBJECT, 0 };
		n_wrong = 1;
		MOVE(from->n_one, 0);
	}
	fastmem_mutex_unlock(&from->lock);
	if (n_wrong > 0) {
		count_misfreed(from, NULL);
		report_wrong(&wrong, n_wrong);
	}
}
