/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program that makes it hard to look up names for a report: test_debug.sh looks at what is
 * reported. Its argument says what it does.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

/* Those of the C library, behind the ones below. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
extern void __libc_free(void *ptr);

static __thread char much[3 << 20]; /* which the C library takes from the stack of each thread */
static bool malloc_is_fastmem;
static __thread bool within_malloc; /* what fastmem allocates itself is the C library's */

void *
malloc(size_t size)
{
	void *ptr = NULL;

	if (malloc_is_fastmem && !within_malloc) {
		within_malloc = true;
		ptr = rte_fastmem_alloc(size != 0 ? size : 1, 16, 0);
		within_malloc = false;
	}
	return ptr != NULL ? ptr : __libc_malloc(size);
}

void
free(void *ptr)
{
	if (malloc_is_fastmem && ptr != NULL && rte_fastmem_contains(ptr))
		rte_fastmem_free(ptr);
	else
		__libc_free(ptr);
}

void *
calloc(size_t n, size_t size)
{
	void *ptr;

	if (!malloc_is_fastmem || within_malloc)
		return __libc_calloc(n, size);
	ptr = malloc(n * size);
	return ptr != NULL ? memset(ptr, 0, n * size) : NULL;
}

void *
realloc(void *ptr, size_t size)
{
	size_t before;
	void *moved;

	if (ptr == NULL)
		return malloc(size);
	if (!malloc_is_fastmem || !rte_fastmem_contains(ptr))
		return __libc_realloc(ptr, size);
	moved = malloc(size);
	if (moved == NULL)
		return NULL;
	before = rte_fastmem_usable_size(ptr);
	memcpy(moved, ptr, before < size ? before : size);
	free(ptr);
	return moved;
}

__rte_noinline static void
free_twice(void)
{
	void *obj = rte_fastmem_alloc(64, 0, 0), *same = obj;

	__asm__ volatile("" : "+r"(same));
	rte_fastmem_free(obj);
	rte_fastmem_free(same);
}

/* The oldest object in quarantine is damaged: what a look-up frees has it leave. */
static void
damage_what_malloc_finds(void)
{
	char *obj = rte_fastmem_alloc(64, 0, 0), *same = obj;

	if (obj == NULL)
		exit(3);
	__asm__ volatile("" : "+r"(same));
	rte_fastmem_free(obj);
	same[3] = 'x';
	malloc_is_fastmem = true;
}

int
main(int argc, char **argv)
{
	const char *what = argv[argc - 1];

	__asm__ volatile("" : : "r"(much) : "memory");
	alarm(60); /* a deadlock is a failure */
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() != 0)
		return 2;
	if (strcmp(what, "malloc_is_fastmem") == 0)
		damage_what_malloc_finds();
	free_twice();
	malloc_is_fastmem = false;
	printf("the end\n");
	fflush(stdout);
	/* Some of what was allocated meanwhile is freed no more. */
	_exit(0);
}
