/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The depot's queues of magazines: bounded, first in first out, lock-free.
 *
 * A bin has two: full, whose magazines hold objects, and empty. A thread whose cache is empty takes
 * a full magazine and puts its empty one; one whose cache is full does the reverse. First in first
 * out, because a magazine that was just put holds objects whose cache lines another core still owns.
 *
 * Two things are to be known, and each has a word of its own: which magazines are in the queue (the
 * slots), and who owns a magazine (the word in the magazine, which decides). Both words carry the
 * magazine's tag, a count of its puts and takes; comparing them tells how far a put or a take has
 * come, so anybody can complete it.
 *
 * A slot is one word: {tag, magazine id}, or 0 when it is vacant. Positions head and tail,
 * of slot position % SLOTS, tell where to look first, and no more: they are plain stores, of which
 * a late one may set them back. Then who comes next passes slots that are vacant, or filled, and
 * sets them right. So the order is exact but for threads at work at the same time.
 *
 * The queue does not decide who owns a magazine; the magazine's own word {tag, owner} does:
 *
 *   slot tag == magazine tag, owner 0    in the queue, for anyone to take
 *   slot tag == magazine tag + 1         being put: its publication can be
 *                                        completed by anyone who sees it
 *   else                                 already taken: its slot can be vacated
 *                                        by anyone who sees it
 *
 * put:  slot  0           -> {tag+1, m}   the magazine is now in the queue
 *       owner {tag, me}   -> {tag+1, 0}
 * take: owner {tag, 0}    -> {tag+1, me}  the magazine is now mine
 *       slot  {tag, m}    -> 0
 *
 * Each step is one compare-and-swap, one of each two on a line that all threads share; whoever
 * finds the second one missing does it. So a thread that stops anywhere, for good or for a while,
 * holds up nobody, and at each instant a magazine is in the queue or has exactly one owner whose
 * id is in it: what a dead owner held can be found. Tags are 40 bits and grow
 * with every put and take of that magazine, which rules out ABA. A vacant slot is as good as any
 * other one, whatever it held before.
 *
 * Modelled in models/depot.pml.
 *
 * Helping is as in Michael and Scott's queue (PODC 1996).
 */

#include <string.h>

#include "fastmem_private.h"

#define TAG_MASK (UINT64_MAX >> FASTMEM_OWNER_BITS)

static inline bool
cas(RTE_ATOMIC(uint64_t) *word, uint64_t expected, uint64_t desired)
{
	/* Release: all that this thread knows of the magazine. Acquire: the same of others. */
	return rte_atomic_compare_exchange_strong_explicit(word, &expected, desired,
		rte_memory_order_acq_rel, rte_memory_order_acquire);
}

static inline uint64_t
load(const RTE_ATOMIC(uint64_t) *word)
{
	/* Pairs with the release in cas(). */
	return rte_atomic_load_explicit(word, rte_memory_order_acquire);
}

/* Where to look next: a hint, by way of which nothing is read. */
static inline uint64_t
position(const RTE_ATOMIC(uint64_t) *word)
{
	return rte_atomic_load_explicit(word, rte_memory_order_relaxed);
}

static inline void
set_position(RTE_ATOMIC(uint64_t) *word, uint64_t value)
{
	rte_atomic_store_explicit(word, value, rte_memory_order_relaxed);
}

/* The number of magazines, as positions tell. */
static inline uint64_t
between(uint64_t head, uint64_t tail)
{
	return tail > head ? RTE_MIN(tail - head, (uint64_t)FASTMEM_DEPOT_SLOTS) : 0;
}

/* Whether so many slots are filled, where positions say so, too: head may be set back. */
static bool
is_full(const struct fastmem_depot *depot, uint64_t head, uint64_t tail, uint32_t limit)
{
	unsigned int i, n = 0;

	if (between(head, tail) < limit)
		return false;
	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++)
		n += load(&depot->slots[i]) != 0;
	return n >= limit;
}

/* Nobody uses it. */
void
fastmem_depot_init(struct fastmem_depot *depot)
{
	memset(depot, 0, sizeof(*depot));
}

/*
 * Put a magazine that owner has, unless limit magazines are in the queue.
 * Returns false, and the magazine stays owner's, when the queue is full.
 */
bool
fastmem_depot_put(struct fastmem_depot *depot, struct fastmem_magazine *m, uint32_t owner,
		uint32_t limit)
{
	uint64_t tag = load(&m->owner) >> FASTMEM_OWNER_BITS;
	uint64_t in_slot = fastmem_magazine_owner(tag + 1, m->id);
	uint64_t tail = position(&depot->tail);
	uint64_t head = position(&depot->head);
	unsigned int i;

	RTE_ASSERT(load(&m->owner) == fastmem_magazine_owner(tag, owner));
	if (is_full(depot, head, tail, limit))
		return false;
	tail = RTE_MAX(tail, head);
	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++, tail++) {
		RTE_ATOMIC(uint64_t) *slot = &depot->slots[tail % FASTMEM_DEPOT_SLOTS];

		if (load(slot) != 0 || !cas(slot, 0, in_slot))
			continue;
		cas(&m->owner, fastmem_magazine_owner(tag, owner),
			fastmem_magazine_owner(tag + 1, FASTMEM_OWNER_DEPOT));
		set_position(&depot->tail, tail + 1);
		return true;
	}
	return false;
}

/* NULL: it is vacant, or another thread was faster; then it is vacated. */
static struct fastmem_magazine *
slot_take(RTE_ATOMIC(uint64_t) *slot, uint32_t owner)
{
	uint64_t in_slot = load(slot);
	uint64_t tag = in_slot >> FASTMEM_OWNER_BITS;
	const uint64_t in_depot = fastmem_magazine_owner(tag, FASTMEM_OWNER_DEPOT);
	struct fastmem_magazine *m;
	uint64_t owned;
	bool mine;

	if (in_slot == 0)
		return NULL;
	m = fastmem_magazine_by_id(in_slot & FASTMEM_OWNER_MASK);
	owned = load(&m->owner);
	if (owned >> FASTMEM_OWNER_BITS == ((tag - 1) & TAG_MASK)) {
		cas(&m->owner, owned, in_depot);
		owned = in_depot;
	}
	/* No atomic write in vain: each takes a line away from who is at work on it. */
	mine = owned == in_depot && cas(&m->owner, in_depot, fastmem_magazine_owner(tag + 1, owner));
	if (load(slot) == in_slot)
		cas(slot, in_slot, 0);
	return mine ? m : NULL;
}

/*
 * Take the magazine that is there longest. Returns NULL when there is none: each slot was looked
 * at, wherever head is.
 */
struct fastmem_magazine *
fastmem_depot_take(struct fastmem_depot *depot, uint32_t owner)
{
	uint64_t tail = position(&depot->tail);
	uint64_t first = position(&depot->head), head = first;
	unsigned int i;

	/* It is set back by more than a round. */
	if (tail > head + FASTMEM_DEPOT_SLOTS)
		head = tail - FASTMEM_DEPOT_SLOTS;
	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++, head++) {
		struct fastmem_magazine *m = slot_take(&depot->slots[head % FASTMEM_DEPOT_SLOTS],
				owner);

		if (m != NULL) {
			set_position(&depot->head, head + 1);
			return m;
		}
	}
	if (first < tail)
		set_position(&depot->head, tail);
	return NULL;
}

/*
 * Change the owner of a magazine that is in no depot. Returns false if its owner
 * word is another one by now. As with each change, the new tag turns down whoever
 * has seen the old one.
 */
bool
fastmem_magazine_change(struct fastmem_magazine *m, uint64_t owned, uint32_t to)
{
	return cas(&m->owner, owned, fastmem_magazine_owner((owned >> FASTMEM_OWNER_BITS) + 1, to));
}

/*
 * Make sure of a magazine of a dead owner. Returns false if it belongs to another:
 * so it does if another thread completes a put that the owner had begun.
 */
bool
fastmem_magazine_seize(struct fastmem_magazine *m, uint32_t owner)
{
	uint64_t owned = load(&m->owner);

	return (owned & FASTMEM_OWNER_MASK) == owner && fastmem_magazine_change(m, owned, owner);
}

/* Up to so many magazines are there; positions may be wrong. */
unsigned int
fastmem_depot_guess(const struct fastmem_depot *depot)
{
	return between(position(&depot->head), position(&depot->tail));
}

/* The magazine of a slot; NULL: there is none, or it is already taken. */
const struct fastmem_magazine *
fastmem_depot_look(const struct fastmem_depot *depot, unsigned int slot)
{
	uint64_t in_slot = load(&depot->slots[slot]), ahead;
	const struct fastmem_magazine *m;

	if (in_slot == 0)
		return NULL;
	m = fastmem_magazine_by_id(in_slot & FASTMEM_OWNER_MASK);
	ahead = (in_slot >> FASTMEM_OWNER_BITS) - (load(&m->owner) >> FASTMEM_OWNER_BITS);
	/* 0: in the queue; 1: being put; else already taken. */
	return (ahead & TAG_MASK) <= 1 ? m : NULL;
}

/* The number of magazines; a guess while others put and take. For tests. */
unsigned int
fastmem_depot_count(const struct fastmem_depot *depot)
{
	unsigned int i, n = 0;

	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++)
		n += fastmem_depot_look(depot, i) != NULL;
	return n;
}

/* The objects in the magazines; a guess while others put and take. */
uint64_t
fastmem_depot_objects(const struct fastmem_depot *depot)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++) {
		const struct fastmem_magazine *m = fastmem_depot_look(depot, i);

		if (m != NULL)
			n += rte_atomic_load_explicit(&m->n, rte_memory_order_relaxed);
	}
	return n;
}
