/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_CHUNK_H
#define FASTMEM_CHUNK_H

/*
 * What fastmem_arena.c, which decides how large chunks are, needs of fastmem_chunk.c. Under
 * arena.grow, in the primary process.
 */

#include "fastmem_private.h"

int fastmem_chunk_add(struct fastmem_arena *arena, uint32_t n, uint32_t n_zone, bool is_short,
		unsigned int flags, bool populate);
uint32_t fastmem_chunk_extend(struct fastmem_arena *arena, bool populate);
unsigned int fastmem_chunks_short(struct fastmem_arena *arena);
bool fastmem_chunk_give_empty(struct fastmem_arena *arena, uint64_t keep);

#endif /* FASTMEM_CHUNK_H */
