/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The depot's queues of magazines: bounded, first in first out, lock-free.
 *
 * First in first out, because a magazine that was just put holds objects whose
 * cache lines another core still owns.
 *
 * Positions head and tail only grow; position p is slot p % SLOTS. A slot is
 * one word: either {tag, magazine id}, or {p, 0} when it is vacant for position
 * p. The queue does not decide who owns a magazine; the magazine's own word
 * {tag, owner} does:
 *
 *   slot tag == magazine tag, owner 0    in the queue, for anyone to take
 *   slot tag == magazine tag + 1         being put: its publication can be
 *                                        completed by anyone who sees it
 *   else                                 already taken: its slot can be vacated
 *                                        by anyone who sees it
 *
 * put:  slot  {p, 0}     -> {tag+1, m}    the magazine is now in the queue
 *       owner {tag, me}  -> {tag+1, 0}
 *       tail  p          -> p + 1
 * take: owner {tag, 0}   -> {tag+1, me}   the magazine is now mine
 *       slot  {tag, m}   -> {p+SLOTS, 0}
 *       head  p          -> p + 1
 *
 * Each step is one compare-and-swap; whoever finds a later one missing does it.
 * So a thread that stops anywhere, for good or for a while, holds up nobody,
 * and at each instant a magazine is in the queue or has exactly one owner whose
 * id is in it: what a dead owner held can be found. Tags are 40 bits and grow
 * with every put and take of that magazine, which rules out ABA.
 *
 * Modelled in models/depot.pml.
 *
 * Helping is as in Michael and Scott's queue (PODC 1996); vacant slots that
 * carry their position are as in Tsigas and Zhang's array queue (SPAA 2001).
 */

#include "fastmem_private.h"

#define ID_BITS 24
#define ID_MASK ((UINT64_C(1) << ID_BITS) - 1)
#define TAG_MASK (UINT64_MAX >> ID_BITS)

static inline uint64_t
vacant(uint64_t position)
{
	return position << ID_BITS;
}

static inline bool
cas(uint64_t *word, uint64_t expected, uint64_t desired)
{
	/* Release: all that this thread knows of the magazine. Acquire: the same of others. */
	return __atomic_compare_exchange_n(word, &expected, desired, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline uint64_t
load(const uint64_t *word)
{
	/* Pairs with the release in cas(). */
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

void
fastmem_depot_init(struct fastmem_depot *depot)
{
	unsigned int i;

	depot->head = 0;
	depot->tail = 0;
	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++)
		depot->slots[i] = vacant(i);
}

/*
 * Put a magazine that owner has, unless limit magazines are in the queue.
 * Returns false, and the magazine stays owner's, when the queue is full.
 */
bool
fastmem_depot_put(struct fastmem_depot *depot, struct fastmem_magazine *m, uint32_t owner,
		uint32_t limit)
{
	uint64_t tag = load(&m->owner) >> ID_BITS;

	RTE_ASSERT(load(&m->owner) == fastmem_magazine_owner(tag, owner));
	for (;;) {
		uint64_t tail = load(&depot->tail);
		uint64_t head = load(&depot->head);
		uint64_t *slot = &depot->slots[tail % FASTMEM_DEPOT_SLOTS];

		/* head may be ahead of a stale tail: then try again below. */
		if ((int64_t)(tail - head) >= (int64_t)limit)
			return false;
		if (cas(slot, vacant(tail), fastmem_magazine_owner(tag + 1, m->id))) {
			cas(&m->owner, fastmem_magazine_owner(tag, owner),
				fastmem_magazine_owner(tag + 1, FASTMEM_OWNER_DEPOT));
			cas(&depot->tail, tail, tail + 1);
			return true;
		}
		/* Someone has filled the slot, and tail may not be moved yet. */
		cas(&depot->tail, tail, tail + 1);
	}
}

/* Take the magazine that is there longest. Returns NULL when there is none. */
struct fastmem_magazine *
fastmem_depot_take(struct fastmem_depot *depot, uint32_t owner)
{
	for (;;) {
		uint64_t head = load(&depot->head);
		uint64_t *slot = &depot->slots[head % FASTMEM_DEPOT_SLOTS];
		uint64_t in_slot = load(slot);
		uint64_t tag = in_slot >> ID_BITS;
		struct fastmem_magazine *m;
		uint64_t owned;
		bool mine;

		/* While head is unmoved, the slot is of position head, or just vacated. */
		if (load(&depot->head) != head)
			continue;
		if (in_slot == vacant(head))
			return NULL;
		if ((in_slot & ID_MASK) == 0) {
			cas(&depot->head, head, head + 1);
			continue;
		}
		/* Keeps head from passing tail: whoever filled the slot may not have moved it. */
		if (load(&depot->tail) == head)
			cas(&depot->tail, head, head + 1);

		m = fastmem_magazine_by_id(in_slot & ID_MASK);
		owned = load(&m->owner);
		if (owned >> ID_BITS == ((tag - 1) & TAG_MASK)) {
			cas(&m->owner, owned, fastmem_magazine_owner(tag, FASTMEM_OWNER_DEPOT));
			continue;
		}
		mine = cas(&m->owner, fastmem_magazine_owner(tag, FASTMEM_OWNER_DEPOT),
				fastmem_magazine_owner(tag + 1, owner));
		cas(slot, in_slot, vacant(head + FASTMEM_DEPOT_SLOTS));
		cas(&depot->head, head, head + 1);
		if (mine)
			return m;
	}
}

/*
 * Change the owner of a magazine that is in no depot. Returns false if its owner
 * word is another one by now. As with each change, the new tag turns down whoever
 * has seen the old one.
 */
bool
fastmem_magazine_change(struct fastmem_magazine *m, uint64_t owned, uint32_t to)
{
	return cas(&m->owner, owned, fastmem_magazine_owner((owned >> ID_BITS) + 1, to));
}

/*
 * Make sure of a magazine of a dead owner. Returns false if it belongs to another:
 * so it does if another thread completes a put that the owner had begun.
 */
bool
fastmem_magazine_seize(struct fastmem_magazine *m, uint32_t owner)
{
	uint64_t owned = load(&m->owner);

	return (owned & ID_MASK) == owner && fastmem_magazine_change(m, owned, owner);
}

/* The number of magazines; a guess while others put and take. */
unsigned int
fastmem_depot_count(const struct fastmem_depot *depot)
{
	uint64_t tail = load(&depot->tail);
	uint64_t head = load(&depot->head);

	return tail > head ? tail - head : 0;
}

/* The objects in the magazines; a guess while others put and take. */
uint64_t
fastmem_depot_objects(const struct fastmem_depot *depot)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < FASTMEM_DEPOT_SLOTS; i++) {
		uint64_t in_slot = load(&depot->slots[i]);
		const struct fastmem_magazine *m;
		uint64_t age;

		if ((in_slot & ID_MASK) == 0)
			continue;
		m = fastmem_magazine_by_id(in_slot & ID_MASK);
		age = ((in_slot >> ID_BITS) - (load(&m->owner) >> ID_BITS)) & TAG_MASK;
		/* 0: in the queue; 1: being put; else already taken. */
		if (age <= 1)
			n += __atomic_load_n(&m->n, __ATOMIC_RELAXED);
	}
	return n;
}
