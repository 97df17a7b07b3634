/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Telemetry: where the memory is. Chunks of a socket, and slabs and free runs of a chunk.
 */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_bin.h"
#include "fastmem_private.h"
#include "telemetry.h"

#define AT_ONCE FASTMEM_TELEMETRY_AT_ONCE

#define add fastmem_telemetry_add

static uint64_t
granules_to_bytes(uint64_t n)
{
	return n << RTE_FASTMEM_GRANULE_SHIFT;
}

/* What is told of a chunk. */
struct chunk {
	uint32_t first;
	uint32_t n;
	uint32_t n_used;
	uint64_t bytes_zone;
};

/* Chunks of an arena from a number on: returns how many, AT_ONCE at most. */
static unsigned int
read_chunks(struct fastmem_arena *arena, uint64_t skip, struct chunk *chunks)
{
	unsigned int n = 0;
	uint32_t first;

	fastmem_arena_lock(arena);
	FASTMEM_FOREACH_CHUNK(first, arena) {
		const struct fastmem_granule *g = fastmem_granule(first);

		if (n == AT_ONCE)
			break;
		if (skip > 0) {
			skip--;
			continue;
		}
		chunks[n] = (struct chunk){
			.first = first, .n = g->chunk_n, .n_used = g->chunk_used,
			.bytes_zone = g->zone->len,
		};
		n++;
	}
	fastmem_mutex_unlock(&arena->lock);
	return n;
}

int
fastmem_telemetry_chunks(const char *params, struct rte_tel_data *d)
{
	struct fastmem_arena *arena = NULL;
	struct chunk chunks[AT_ONCE];
	const char *rest = params;
	uint64_t socket_id, skip;
	unsigned int i, n;
	char text[32];

	if (fastmem_telemetry_number(&rest, &socket_id) && socket_id <= INT_MAX)
		arena = fastmem_arena_of(fastmem_ctl(), socket_id);
	if (arena == NULL)
		return fastmem_telemetry_refuse(d, "'%s' begins with no NUMA socket that has memory: "
			"see /fastmem/info", params);
	if (!fastmem_telemetry_first(rest, &skip))
		return fastmem_telemetry_refuse_first(d, rest);
	n = read_chunks(arena, skip, chunks);
	rte_tel_data_start_dict(d);
	for (i = 0; i < n; i++) {
		struct rte_tel_data *chunk = rte_tel_data_alloc();

		if (chunk == NULL)
			break;
		rte_tel_data_start_dict(chunk);
		fastmem_telemetry_add_address(chunk, fastmem_granule_addr(chunks[i].first));
		add(chunk, "bytes", granules_to_bytes(chunks[i].n));
		add(chunk, "bytes_used", granules_to_bytes(chunks[i].n_used));
		add(chunk, "bytes_held_back", chunks[i].bytes_zone - granules_to_bytes(chunks[i].n));
		snprintf(text, sizeof(text), "chunk_%" PRIu64, skip + i);
		fastmem_telemetry_add_container(d, text, chunk);
	}
	return 0;
}

/* A slab, a free run, or what is about to become the other. */
struct run {
	uint32_t head;
	uint32_t n;
	bool is_slab;
	uint16_t bin;
};

/* The chunk of an arena that has a granule; 0: none. Under arena.lock. */
static uint32_t
chunk_of(const struct fastmem_arena *arena, uint32_t granule)
{
	uint32_t first;

	FASTMEM_FOREACH_CHUNK(first, arena)
		if (granule >= first && granule - first < fastmem_granule(first)->chunk_n)
			break;
	return first;
}

/* Runs of the chunk that has a granule, from there on: returns how many; 0: no such chunk. */
static unsigned int
read_runs(struct fastmem_arena *arena, uint32_t granule, struct run *runs)
{
	unsigned int n = 0;
	uint32_t first, end;

	fastmem_arena_lock(arena);
	first = chunk_of(arena, granule);
	end = first != 0 ? first + fastmem_granule(first)->chunk_n : 0;
	while (granule < end && n < AT_ONCE) {
		const struct fastmem_granule *g = fastmem_granule(granule);
		/* Of the granules of a slab, or of a run that is taken, each names the first. */
		bool is_free = fastmem_state(g) == FASTMEM_FREE;
		const struct fastmem_granule *head = is_free ? g : fastmem_granule(g->head);
		uint32_t next = is_free ? granule + 1 : g->head + head->n;
		/*
		 * Pairs with the release in fastmem_set_state(): it says whose slab it is. A slab
		 * may end meanwhile, but its granules are in no other before arena.lock is free.
		 */
		bool is_slab = rte_atomic_load_explicit(&head->state, rte_memory_order_acquire) ==
			FASTMEM_SLAB;

		while (is_free && next < end &&
				fastmem_state(fastmem_granule(next)) == FASTMEM_FREE)
			next++;
		next = RTE_MIN(RTE_MAX(next, granule + 1), end);
		runs[n] = (struct run){
			.head = granule, .n = next - granule, .is_slab = is_slab,
			.bin = is_slab ? head->bin : 0,
		};
		n++;
		granule = next;
	}
	fastmem_mutex_unlock(&arena->lock);
	return n;
}

/* What a slab is of. It may have ended since it was found: then nothing is said. */
static void
add_slab(struct rte_tel_data *d, const struct run *run)
{
	struct fastmem_bin *bin = &fastmem_ctl()->bins[run->bin];
	const struct fastmem_granule *slab = fastmem_granule(fastmem_granule(run->head)->head);
	char pool[RTE_FASTMEM_POOL_NAMESIZE] = "";
	uint32_t n_slots, n_free;
	bool stays;

	fastmem_bin_lock(bin);
	stays = fastmem_state(slab) == FASTMEM_SLAB && slab->bin == run->bin;
	n_slots = slab->n_slots;
	n_free = slab->n_free;
	if (bin->pool != NULL)
		memcpy(pool, bin->pool->name, sizeof(pool));
	fastmem_mutex_unlock(&bin->lock);
	if (!stays)
		return;
	add(d, "size", bin->slot_size);
	if (pool[0] != '\0')
		rte_tel_data_add_dict_string(d, "pool", pool);
	add(d, "slots", n_slots);
	add(d, "slots_free", n_free);
}

/* A run for each entry: without a size it is free. */
int
fastmem_telemetry_slabs(const char *params, struct rte_tel_data *d)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct run runs[AT_ONCE];
	uintptr_t address = 0;
	uint32_t granule;
	unsigned int i, n = 0;
	char *end = NULL;
	char text[32];

	if (params[0] == '0' && params[1] == 'x')
		address = strtoull(params, &end, 16);
	if (end == NULL || *end != '\0')
		return fastmem_telemetry_refuse(d, "'%s' is no address: see /fastmem/chunks", params);
	granule = fastmem_granule_index((const void *)address);
	/* Far off, a number is no granule's address, though it may have the index of one. */
	if (fastmem_granule_addr(granule) == (char *)RTE_ALIGN_FLOOR(address, FASTMEM_GRANULE))
		for (i = 0; i < ctl->n_sockets && n == 0; i++)
			n = read_runs(&ctl->arenas[i], granule, runs);
	if (n == 0)
		return fastmem_telemetry_refuse(d, "'%s' is in no chunk: see /fastmem/chunks", params);
	rte_tel_data_start_dict(d);
	for (i = 0; i < n; i++) {
		struct rte_tel_data *run = rte_tel_data_alloc();

		if (run == NULL)
			break;
		rte_tel_data_start_dict(run);
		fastmem_telemetry_add_address(run, fastmem_granule_addr(runs[i].head));
		add(run, "bytes", granules_to_bytes(runs[i].n));
		if (runs[i].is_slab)
			add_slab(run, &runs[i]);
		snprintf(text, sizeof(text), "run_%u", i);
		fastmem_telemetry_add_container(d, text, run);
	}
	return 0;
}
