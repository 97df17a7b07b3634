/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Uses each function of rte_malloc's family. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_version.h>

#include "test_replace_program.h"

static bool
is_filled(const void *ptr, int byte, size_t size)
{
	const unsigned char *p = ptr;
	size_t i;

	for (i = 0; i < size && p[i] == byte; i++)
		;
	return i == size;
}

static void
print_object(const char *what, const void *ptr, size_t size)
{
	size_t usable = 0;
	int valid;

	if (ptr == NULL) {
		printf("%s: none\n", what);
		return;
	}
	if (size <= 1 << 20)
		seen(ptr);
	valid = rte_malloc_validate(ptr, &usable);
	printf("%s: aligned to a line %d, valid %d, as large as asked for %d, "
		"IO address right %d\n", what, (uintptr_t)ptr % RTE_CACHE_LINE_SIZE == 0, valid,
		usable >= size,
		rte_malloc_virt2iova(ptr) == rte_mem_virt2iova(ptr));
}

static void
refuse(void)
{
	print_object("no bytes", rte_malloc(NULL, 0, 0), 0);
	print_object("no zeroed bytes", rte_zmalloc("type", 0, 64), 0);
	print_object("none of ten bytes", rte_calloc(NULL, 0, 10, 0), 0);
	print_object("alignment of 48", rte_malloc(NULL, 100, 48), 0);
	print_object("alignment of 3", rte_zmalloc_socket(NULL, 100, 3, SOCKET_ID_ANY), 0);
	print_object("too much", rte_malloc(NULL, (size_t)1 << 46, 0), 0);
	print_object("no such socket", rte_malloc_socket(NULL, (size_t)1 << 46, 0, 7), 0);
}

static void
allocate(size_t size, unsigned int align)
{
	void *p = rte_malloc("type", size, align);

	printf("%zu bytes, alignment %u: %d\n", size, align,
		align == 0 || (uintptr_t)p % align == 0);
	print_object("malloc", p, size);
	memset(p, 0xa5, size);
	rte_free(p);
	p = rte_zmalloc(NULL, size, align);
	print_object("zmalloc", p, size);
	printf("zeroed %d\n", is_filled(p, 0, size));
	memset(p, 0xa5, size);
	rte_free(p);
	p = rte_calloc(NULL, size, 3, align);
	print_object("calloc", p, 3 * size);
	printf("zeroed %d\n", is_filled(p, 0, 3 * size));
	rte_free(p);
}

static void
on_socket(int socket_id)
{
	void *p[4];
	unsigned int i;

	p[0] = rte_malloc_socket(NULL, 1000, 0, socket_id);
	p[1] = rte_zmalloc_socket(NULL, 1000, 128, socket_id);
	p[2] = rte_calloc_socket(NULL, 10, 100, 0, socket_id);
	p[3] = rte_realloc_socket(NULL, 1000, 256, socket_id);
	for (i = 0; i < 4; i++) {
		print_object("on a socket", p[i], 1000);
		p[i] = rte_realloc_socket(p[i], 5000, 512, socket_id);
		print_object("moved on a socket", p[i], 5000);
		rte_free(p[i]);
	}
}

static void
resize(void)
{
	static const size_t sizes[] = {
		10, 100, 5000, 60, 300000, 2000, 5 << 20, 6 << 20, 700, 64
	};
	size_t before = 0;
	char *p = NULL;
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		p = rte_realloc(p, sizes[i], i % 2 != 0 ? 1024 : 0);
		/* What has been as large once may be EAL's and stay there. */
		print_object("realloc", p, i < 6 ? sizes[i] : 2 << 20);
		printf("kept %d\n", is_filled(p, 0x5a, RTE_MIN(before, sizes[i])));
		memset(p, 0x5a, sizes[i]);
		before = sizes[i];
	}
	rte_free(p);
}

static void
resize_strangely(void)
{
	static const unsigned int aligns[] = { 77, 128, 3 };
	char *p = rte_malloc(NULL, 100, 0), *moved;
	unsigned int i;

	memset(p, 0x3c, 100);
	for (i = 0; i < RTE_DIM(aligns); i++) {
		moved = rte_realloc(p, 200, aligns[i]);
		printf("realloc with an alignment of %u: %s\n", aligns[i],
			moved != NULL ? "done" : "not done");
		p = moved != NULL ? moved : p;
		printf("kept %d\n", is_filled(p, 0x3c, 100));
	}
	rte_free(p);
}

#define MAX_REST 20000

/* Until there is nothing left, neither of fastmem's nor of EAL's. Returns how many. */
static unsigned int
take_all(void **rest)
{
	static const size_t sizes[] = { 1 << 20, 64 << 10, 4 << 10, 512 };
	unsigned int i, n = 0;

	for (i = 0; i < RTE_DIM(sizes); i++)
		while (n < MAX_REST && (rest[n] = rte_malloc(NULL, sizes[i], 0)) != NULL)
			n++;
	return n;
}

/* Programs take it for granted. With an alignment of 0, EAL's heap moves what it could leave. */
static void
shrink_without_memory(void)
{
	static const size_t sizes[] = { 500000, 60000, 5000, 200 };
	char *p = rte_malloc(NULL, 1 << 20, 0), *moved;
	static void *rest[MAX_REST];
	unsigned int i, n;

	memset(p, 0x3c, 1 << 20);
	n = take_all(rest);
	printf("all is taken %d\n", n < MAX_REST);
	for (i = 0; i < RTE_DIM(sizes); i++) {
		moved = rte_realloc(p, sizes[i], RTE_CACHE_LINE_SIZE);
		printf("realloc to %zu without memory: %s\n", sizes[i],
			moved != NULL ? "done" : "not done");
		p = moved != NULL ? moved : p;
		printf("kept %d\n", is_filled(p, 0x3c, sizes[i]));
	}
	while (n > 0)
		rte_free(rest[--n]);
	rte_free(p);
}

/* Of all sockets; false: they do not add up. */
static bool
sum_stats(struct rte_malloc_socket_stats *sum)
{
	struct rte_malloc_socket_stats stats;
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < rte_socket_count(); i++) {
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) != 0 ||
				stats.heap_totalsz_bytes !=
				stats.heap_allocsz_bytes + stats.heap_freesz_bytes)
			return false;
		sum->heap_allocsz_bytes += stats.heap_allocsz_bytes;
		sum->alloc_count += stats.alloc_count;
	}
	return true;
}

static void
count(void)
{
	struct rte_malloc_socket_stats before, with, after;
	void *first, *p[10];
	unsigned int i, round;
	bool sums = true;

	first = rte_malloc(NULL, 5000, 0);
	/* What the first ones take beside them, and checking for them, is not counted. */
	for (round = 0; round < 2; round++) {
		sums = sum_stats(&before) && sums;
		for (i = 0; i < RTE_DIM(p); i++)
			p[i] = rte_malloc(NULL, 5000, 0);
		sums = sum_stats(&with) && sums;
		for (i = 0; i < RTE_DIM(p); i++)
			rte_free(p[i]);
		sums = sum_stats(&after) && sums;
	}
	rte_free(first);
	printf("statistics: add up %d, %d more objects, %d after\n", sums,
		(int)(with.alloc_count - before.alloc_count),
		(int)(after.alloc_count - before.alloc_count));
	printf("as many bytes as asked for %d, all back %d\n",
		with.heap_allocsz_bytes - before.heap_allocsz_bytes >= 50000,
		after.heap_allocsz_bytes == before.heap_allocsz_bytes);
	printf("no statistics of a socket that is not there: %d\n",
		rte_malloc_get_socket_stats(1000, &after));
}

/* The drop-in name is there with each DPDK. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0) || defined(RTE_FASTMEM_REPLACE_MALLOC)
#define free_sensitive rte_free_sensitive
#else
static void
free_sensitive(void *ptr)
{
	if (ptr != NULL)
		memset(ptr, 0, 200);
	rte_free(ptr);
}
#endif

/* Whether no byte of what was there is left: not zeroes where checking marks what is freed. */
static bool
is_wiped(const void *ptr, int byte, size_t size)
{
#ifdef __SANITIZE_ADDRESS__ /* it knows that it is freed */
	return ptr != NULL && byte != 0 && size != 0;
#else
	return memchr(ptr, byte, size) == NULL;
#endif
}

static void
free_secrets(void)
{
	unsigned char *volatile p[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		p[i] = rte_malloc(NULL, 200, 0);
		memset(p[i], 0xa5, 200);
	}
	free_sensitive(p[1]);
	printf("wiped %d, others kept %d %d\n", is_wiped(p[1], 0xa5, 200), is_filled(p[0], 0xa5, 200),
		is_filled(p[2], 0xa5, 200));
	free_sensitive(p[0]);
	free_sensitive(p[2]);
	free_sensitive(rte_malloc(NULL, 3 << 20, 0));
	free_sensitive(NULL);
}

void
use_malloc(void)
{
	void (*give_back)(void *) = rte_free;

	refuse();
	allocate(1, 0);
	allocate(24, 8);
	allocate(64, 64);
	allocate(1000, 4096);
	allocate(100000, 0);
	allocate(4 << 20, 2048);
	on_socket(SOCKET_ID_ANY);
	on_socket(rte_socket_id());
	resize();
	resize_strangely();
	shrink_without_memory();
	count();
	free_secrets();
	rte_free(NULL);
	give_back(rte_malloc(NULL, 10, 0));
	give_back(rte_malloc(NULL, 3 << 20, 0));
}
