/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_KNOWN_H
#define FASTMEM_KNOWN_H

/* The stacks that this process has walked before. */

#include <stdint.h>

#include "fastmem_unwind.h"

/*
 * The number of the stack that begins at this frame, if it is, word for word, one that has
 * been walked from there; 0 if not. The tag is the one that it was added with.
 */
uint32_t fastmem_known_frame(uint64_t tag, const uintptr_t *frame);

/* The number of a walk that was made before, from wherever; 0 if it was not. */
uint32_t fastmem_known_walk(uint64_t tag, const struct fastmem_walk *walk);

/* Remember a walk that began at this frame, and its number, of 16 bits. */
void fastmem_known_add(uint64_t tag, const uintptr_t *frame, const struct fastmem_walk *walk,
		uint32_t id);

uint64_t fastmem_hash(uint64_t seed, const uint64_t *words, unsigned int n);

#endif /* FASTMEM_KNOWN_H */
