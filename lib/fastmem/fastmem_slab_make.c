/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Slabs come and go: a run of granules of the arena becomes a bin's slab, and goes back.
 *
 * A slab is made, which needs no lock of the bin, and then entered. Until then its granules
 * are TAKEN, and name the process that has them.
 */

#include <stdlib.h>
#include <string.h>

#include "fastmem_bin.h"
#include "fastmem_growth.h"
#include "fastmem_hooks.h"
#include "fastmem_trace.h"

static void
slab_set_bins(const struct fastmem_granule *slab, uint16_t bin)
{
	uint32_t i;

	for (i = slab->head; i < slab->head + slab->n; i++)
		rte_atomic_store_explicit(&fastmem_process.bins[i], bin, rte_memory_order_relaxed);
}

static void
slab_set_state(struct fastmem_granule *slab, enum fastmem_granule_state state)
{
	uint32_t i;

	/* The first one last, as it speaks for the slab. */
	for (i = slab->n; i-- > 0;)
		fastmem_set_state(fastmem_granule(slab->head + i), state);
}

/* Begin the end of a slab. If this process is killed, bin_repair() finds all of it, or nothing. */
static void
slab_take(struct fastmem_granule *slab)
{
	slab->taker = fastmem_process.peer;
	fastmem_set_state(slab, FASTMEM_TAKEN); /* first, as it speaks for the slab */
	slab_set_state(slab, FASTMEM_TAKEN);
}

/* A slab whose granules are still taken. */
static void
trace_released(const struct fastmem_bin *bin, const struct fastmem_granule *slab)
{
	FASTMEM_TRACE(slab_released, fastmem_ctl()->arenas[bin->socket].socket_id, bin->slot_size,
		fastmem_granule_addr(slab->head), (uint64_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT);
}

/* Give a slab without a slot in use back to the arena. Under bin.lock. */
void
fastmem_slab_release(struct fastmem_bin *bin, struct fastmem_granule *slab)
{
	RTE_ASSERT(slab->n_free == slab->n_slots);
	slab_take(slab);
	fastmem_slab_uncount(bin, slab);
	bin->releases++;
	slab_set_bins(slab, 0);
	FASTMEM_HOOK(slab_end, slab);
	trace_released(bin, slab);
	fastmem_run_free(&fastmem_ctl()->arenas[bin->socket], slab->head);
}

/* Give all slabs without a slot in use back. */
void
fastmem_slab_release_empty(struct fastmem_bin *bin)
{
	FASTMEM_LOG_LATER;
	uint32_t head, before;

	/* Called for all bins, most of which have none: save the lock. */
	if (rte_atomic_load_explicit(&bin->n_empty, rte_memory_order_relaxed) == 0)
		return;
	fastmem_bin_lock(bin);
	FASTMEM_HOOK(slabs_hold);
	for (head = bin->last_slab; head != 0 && bin->n_empty > 0; head = before) {
		struct fastmem_granule *slab = fastmem_granule(head);

		before = slab->prev;
		if (slab->n_free == slab->n_slots)
			fastmem_slab_release(bin, slab);
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
	rte_atomic_store_explicit(&slab->n_slots, n, rte_memory_order_relaxed);
	slab->n_free = n;
	slab->first_word = 0;
	slab->limbo = 0;
	slab->bits = bits;
	memset(bits, 0xff, words * sizeof(bits[0]));
	if (n % 64 != 0)
		bits[words - 1] = (UINT64_C(1) << n % 64) - 1;
	slab_set_bins(slab, bin->id);
}

/* A run for a slab of the bin, from the arena as it is, or, unless flags forbid it, grown. */
static uint32_t
slab_run(const struct fastmem_bin *bin, unsigned int flags)
{
	struct fastmem_arena *arena = &fastmem_ctl()->arenas[bin->socket];
	const uint32_t n = fastmem_slab_next_granules(bin);
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
	void *addr = fastmem_granule_addr(slab->head); /* others may end it as soon as it is there */
	uint64_t bytes = (uint64_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT;

	FASTMEM_HOOK(slab_enter, slab);
	fastmem_bin_lock(bin);
	slab_set_state(slab, FASTMEM_SLAB);
	fastmem_bin_list_push_tail(bin, slab);
	fastmem_bin_pool_list_push(bin, slab);
	fastmem_bin_count_slab(bin, slab);
	fastmem_bin_count_empty(bin, 1);
	bin->acquires++;
	fastmem_mutex_unlock(&bin->lock);
	FASTMEM_TRACE(slab_acquired, fastmem_ctl()->arenas[bin->socket].socket_id, bin->slot_size,
		addr, bytes);
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
		FASTMEM_MOVE(slab->limbo, 1);
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
	slab_take(slab);
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
	trace_released(bin, slab);
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
		room = bin->n_slabs + bin->n_limbo + 16; /* a guess, without the lock */
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
