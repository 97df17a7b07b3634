/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef CACHE_H
#define CACHE_H

/*
 * A look-aside cache on rte_hash. Readers take no lock: they look values up and read them, and say by
 * RCU when they hold none. Writers take a lock. A value is freed when no reader can hold it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"

struct cache;

struct cache_counts {
	uint64_t values, bytes; /* in the cache, or not freed yet */
	uint64_t refused; /* not kept, as memory was exhausted or the table full */
};

/* For up to max values. NULL: no memory. */
struct cache *cache_create(const struct backend *backend, unsigned int max);

/* Also frees all values; no reader is left. */
void cache_free(struct cache *c);

/* What a reader calls first and last, and between them now and then, while it holds no value. */
void cache_reader_begin(struct cache *c);
void cache_reader_end(struct cache *c);
void cache_quiescent(struct cache *c);

/*
 * Read the value of a key, which is damaged if its contents are wrong. Returns whether there is one.
 */
bool cache_get(struct cache *c, uint64_t key, uint32_t now, bool *damaged);

/* Keep a value for a key: size bytes that are made from the key. Another thread may be faster. */
void cache_put(struct cache *c, uint64_t key, uint32_t size, uint32_t now);

/* Remove what was not read since then. Returns how many that were. */
unsigned int cache_expire(struct cache *c, uint32_t since);

struct cache_counts cache_counts(struct cache *c);

#endif /* CACHE_H */
