/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef OBJECTS_H
#define OBJECTS_H

/*
 * Objects of one type, from a mempool or from a pool of fastmem: all that differs between
 * the two in this program is in objects.c.
 */

#include <stddef.h>

enum objects_kind {
	OBJECTS_MEMPOOL,
	OBJECTS_FASTMEM,
};

struct objects {
	enum objects_kind kind;
	const char *name;
	void *pool; /* struct rte_mempool or struct rte_fastmem_pool */
};

/* For up to max objects at once. Returns 0 or a negative errno. */
int objects_create(struct objects *o, enum objects_kind kind, const char *name, size_t size,
		unsigned int max);
void objects_free(struct objects *o);

/* NULL: max are in use, or there is no memory. The contents are those of its last user. */
void *objects_get(struct objects *o);
void objects_put(struct objects *o, void *obj);

unsigned int objects_in_use(const struct objects *o);

/* All memory that is held for them: objects, free ones as well, and bookkeeping. */
size_t objects_bytes(const struct objects *o);

#endif /* OBJECTS_H */
