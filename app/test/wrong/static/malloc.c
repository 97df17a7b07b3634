/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: errors with the names of rte_malloc(). For static analysers only. */

#include <stdlib.h>

#define RTE_FASTMEM_REPLACE_MALLOC
#include <rte_fastmem_replace.h>

void overflow(void);
void overflow_of_several(void);
void underflow_of_zeroed(void);
int read_after_free(void);
void write_after_free(void);
void free_twice(void);
void free_interior(void);
void free_stack(void);
void free_foreign(void);
void free_by_libc(void);
void free_by_fastmem(void);
void lose_zeroed(void);
void lose_several(void);
int uninitialised(void);
void write_after_realloc(void);

void
overflow(void)
{
	char *obj = rte_malloc("name", 10, 0);

	if (obj == NULL)
		return;
	obj[10] = 1; /* WRONG: overflow-after */
	rte_free(obj);
}

void
overflow_of_several(void)
{
	int *several = rte_calloc_socket(NULL, 10, sizeof(*several), 0, 0);

	if (several == NULL)
		return;
	several[10] = 1; /* WRONG: overflow-after */
	rte_free(several);
}

void
underflow_of_zeroed(void)
{
	char *obj = rte_zmalloc(NULL, 10, 0);

	if (obj == NULL)
		return;
	obj[-1] = 1; /* WRONG: overflow-before */
	rte_free(obj);
}

int
read_after_free(void)
{
	int *obj = rte_zmalloc_socket(NULL, sizeof(*obj), 0, 0), seen;

	if (obj == NULL)
		return 0;
	rte_free(obj);
	seen = *obj; /* WRONG: read-after-free */
	return seen;
}

void
write_after_free(void)
{
	int *obj = rte_calloc(NULL, 1, sizeof(*obj), 0);

	if (obj == NULL)
		return;
	rte_free(obj);
	*obj = 1; /* WRONG: write-after-free */
}

void
free_twice(void)
{
	void *obj = rte_malloc_socket(NULL, 100, 0, SOCKET_ID_ANY);

	rte_free(obj);
	rte_free(obj); /* WRONG: double-free */
}

void
free_interior(void)
{
	char *obj = rte_malloc(NULL, 100, 0);

	if (obj == NULL)
		return;
	rte_free(obj + 8); /* WRONG: free-interior */
}

void
free_stack(void)
{
	int count = 0;

	rte_free(&count); /* WRONG: free-stack */
}

void
free_foreign(void)
{
	void *obj = malloc(100);

	rte_free(obj); /* WRONG: free-foreign */
}

void
free_by_libc(void)
{
	void *obj = rte_malloc(NULL, 100, 0);

	free(obj); /* WRONG: wrong-deallocator */
}

void
free_by_fastmem(void)
{
	void *obj = rte_malloc(NULL, 100, 0);

	rte_fastmem_free(obj); /* WRONG: wrong-deallocator */
}

void
lose_zeroed(void)
{
	int *obj = rte_zmalloc(NULL, sizeof(*obj), 0);

	if (obj == NULL)
		return;
	*obj = 1;
} /* WRONG: leak */

void
lose_several(void)
{
	int *several = rte_calloc(NULL, 10, sizeof(*several), 0);

	if (several == NULL)
		return;
	several[1] = 1;
} /* WRONG: leak */

int
uninitialised(void)
{
	int *obj = rte_malloc(NULL, 2 * sizeof(*obj), 0), is_set = 0;

	if (obj == NULL)
		return 0;
	obj[0] = 1;
	if (obj[1] > 0) /* WRONG: uninitialised-read */
		is_set = 1;
	rte_free(obj);
	return is_set;
}

void
write_after_realloc(void)
{
	int *obj = rte_malloc(NULL, sizeof(*obj), 0), *more;

	if (obj == NULL)
		return;
	more = rte_realloc(obj, 100 * sizeof(*obj), 0);
	if (more == NULL) {
		rte_free(obj);
		return;
	}
	*obj = 1; /* WRONG: realloc-misuse */
	rte_free(more);
}
