/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Runs: sequences of free granules of a chunk, in lists by length. The list of the shortest that
 * suffice serves, by the run that was entered last; the last list has all of FASTMEM_RUN_LISTS
 * granules and more, and the first of these that suffices serves.
 *
 * A run never crosses a border of two chunks, nor a place where IO addresses are not
 * contiguous, and two free runs that could be one are one. The first and the last granule
 * of a run know its length.
 *
 * All under arena.lock: the functions of the interface take it, those that are said to be
 * under it have a caller that holds it. If its holder dies, fastmem_chunk.c makes the lists
 * anew from the states of the granules.
 */

#include "fastmem_private.h"

static unsigned int
run_list(uint32_t n)
{
	RTE_ASSERT(n > 0);
	return RTE_MIN(n, (uint32_t)FASTMEM_RUN_LISTS) - 1;
}

/* All from here to the next comment of this kind: under arena.lock. */

void
fastmem_run_insert(struct fastmem_arena *arena, uint32_t head, uint32_t n)
{
	struct fastmem_granule *g = fastmem_granule(head);
	unsigned int list = run_list(n);

	fastmem_granule(head + n - 1)->n = n;
	g->n = n;
	g->prev = 0;
	g->next = arena->runs[list];
	if (g->next != 0)
		fastmem_granule(g->next)->prev = head;
	arena->runs[list] = head;
	arena->nonempty |= UINT64_C(1) << list;
	/* Pairs with the load in fastmem_failure_epoch(), by way of the lock. */
	rte_atomic_store_explicit(&arena->n_given, arena->n_given + 1, rte_memory_order_relaxed);
}

void
fastmem_run_remove(struct fastmem_arena *arena, uint32_t head)
{
	struct fastmem_granule *g = fastmem_granule(head);
	unsigned int list = run_list(g->n);

	if (g->prev != 0)
		fastmem_granule(g->prev)->next = g->next;
	else
		arena->runs[list] = g->next;
	if (g->next != 0)
		fastmem_granule(g->next)->prev = g->prev;
	if (arena->runs[list] == 0)
		arena->nonempty &= ~(UINT64_C(1) << list);
}

/* Granules to skip so that a run at head is aligned. */
static uint32_t
run_padding(uint32_t head, uint32_t align)
{
	return -(uint32_t)(rte_fastmem_map.first + head) & (align - 1);
}

static uint32_t
run_find(const struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	unsigned int list;

	for (list = run_list(n); list < FASTMEM_RUN_LISTS; list++) {
		uint64_t above = arena->nonempty >> list;
		uint32_t head;

		if (above == 0)
			break;
		list += rte_ctz64(above);
		for (head = arena->runs[list]; head != 0; head = fastmem_granule(head)->next)
			if (fastmem_granule(head)->n >= n + run_padding(head, align))
				return head;
	}
	return 0;
}

static void
moving_begin(struct fastmem_arena *arena, uint32_t head, uint32_t n)
{
	arena->moving_n = n;
	FASTMEM_MOVE(arena->moving, head);
}

static void
moving_end(struct fastmem_arena *arena)
{
	FASTMEM_MOVE(arena->moving, 0);
}

static uint32_t
run_take(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	uint32_t head = run_find(arena, n, align);
	uint32_t padding, total, i;

	if (head == 0)
		return 0;
	total = fastmem_granule(head)->n;
	padding = run_padding(head, align);
	moving_begin(arena, head + padding, n);
	fastmem_run_remove(arena, head);
	if (padding > 0)
		fastmem_run_insert(arena, head, padding);
	head += padding;
	total -= padding;
	if (total > n)
		fastmem_run_insert(arena, head + n, total - n);

	for (i = 0; i < n; i++) {
		struct fastmem_granule *g = fastmem_granule(head + i);

		RTE_ASSERT(fastmem_state(g) == FASTMEM_FREE);
		rte_atomic_store_explicit(&g->head, head, rte_memory_order_relaxed);
		g->taker = fastmem_process.peer;
		fastmem_set_state(g, FASTMEM_TAKEN);
	}
	fastmem_granule(head)->n = n;
	fastmem_granule(fastmem_granule(head)->chunk)->chunk_used += n;
	arena->n_free -= n;
	arena->min_free = RTE_MIN(arena->min_free, arena->n_free);
	moving_end(arena);
	return head;
}

void
fastmem_run_give(struct fastmem_arena *arena, uint32_t head)
{
	struct fastmem_granule *g = fastmem_granule(head);
	struct fastmem_granule *chunk = fastmem_granule(g->chunk);
	uint32_t end = g->chunk + chunk->chunk_n;
	uint32_t n = g->n, i;

	moving_begin(arena, head, n);
	chunk->chunk_used -= n;
	arena->n_free += n;
	for (i = 0; i < n; i++)
		fastmem_set_state(fastmem_granule(head + i), FASTMEM_FREE);

	if (head + n < end && fastmem_state(fastmem_granule(head + n)) == FASTMEM_FREE &&
			!fastmem_granule(head + n)->breaks) {
		fastmem_run_remove(arena, head + n);
		n += fastmem_granule(head + n)->n;
	}
	if (!g->breaks && fastmem_state(fastmem_granule(head - 1)) == FASTMEM_FREE) {
		uint32_t before = fastmem_granule(head - 1)->n;

		head -= before;
		fastmem_run_remove(arena, head);
		n += before;
	}
	fastmem_run_insert(arena, head, n);
	moving_end(arena);
}

/* For maintain. */
static void
run_missed(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	arena->n_missed += n;
	if (arena->missed_run == 0 || n + align > arena->missed_run + arena->missed_align) {
		arena->missed_align = align;
		arena->missed_run = n;
	}
}

/* From here on: take the lock. */

/* A run of n granules, aligned to align granules, in state TAKEN; 0: there is none. */
uint32_t
fastmem_run_alloc(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	uint32_t head;

	fastmem_arena_lock(arena);
	head = run_take(arena, n, align);
	if (head == 0)
		run_missed(arena, n, align);
	fastmem_mutex_unlock(&arena->lock);
	return head;
}

/* Give a run in state TAKEN back. */
void
fastmem_run_free(struct fastmem_arena *arena, uint32_t head)
{
	fastmem_arena_lock(arena);
	fastmem_run_give(arena, head);
	fastmem_mutex_unlock(&arena->lock);
}

bool
fastmem_has_run(struct fastmem_arena *arena, uint32_t n, uint32_t align)
{
	uint32_t head;

	fastmem_arena_lock(arena);
	head = run_find(arena, n, align);
	fastmem_mutex_unlock(&arena->lock);
	return head != 0;
}
