/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef BACKEND_H
#define BACKEND_H

/* Where values come from: all that differs between the allocators is in backend.c. */

#include <stddef.h>

#define VALUE_MIN 64u
#define VALUE_MAX (64u << 10)
#define VALUE_SIZES 11 /* powers of two from VALUE_MIN to VALUE_MAX */

struct backend {
	const char *name;
	/* n[i]: the most values of up to VALUE_MIN << i bytes that will be there at once. 0 or -errno. */
	int (*start)(const unsigned int n[VALUE_SIZES]);
	void (*end)(void);
	void *(*alloc)(size_t size); /* NULL: exhausted */
	void (*free)(void *value, size_t size);
	void (*maintain)(void); /* NULL, or what a control thread calls each now and then */
	void (*idle)(void); /* NULL, or for a thread that will not alloc or free for a while */
};

/* NULL: there is none of that name. */
const struct backend *backend_find(const char *name);

/* The index of the smallest of the sizes that is enough. */
unsigned int backend_size(size_t size);

#endif /* BACKEND_H */
