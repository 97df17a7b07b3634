/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* What rte_malloc.h says of each function, of memory that fastmem serves. */

#include <stdint.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_version.h>

#include "test_preload.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static bool
is_filled(const void *ptr, int byte, size_t size)
{
	const unsigned char *p = ptr;
	size_t i;

	for (i = 0; i < size && p[i] == byte; i++)
		;
	return i == size;
}

/* Each way to ask for memory; all but the first three zero it. */
static void *
ask(unsigned int way, size_t size, unsigned int align)
{
	int socket = rte_socket_id();

	switch (way) {
	case 0: return rte_malloc("test", size, align);
	case 1: return rte_malloc_socket(NULL, size, align, socket);
	case 2: return rte_malloc_socket(NULL, size, align, SOCKET_ID_ANY);
	case 3: return rte_zmalloc("test", size, align);
	case 4: return rte_zmalloc_socket(NULL, size, align, socket);
	case 5: return rte_calloc("test", 1, size, align);
	case 6: return rte_calloc_socket(NULL, size, 1, align, socket);
	default: return NULL;
	}
}
#define WAYS 7
#define FIRST_ZEROED 3

static int
check_object(void *p, size_t size, unsigned int align)
{
	size_t usable = 0;

	TEST_ASSERT(p != NULL, "%zu bytes, alignment %u", size, align);
	TEST_ASSERT(is_fastmems(p), "%zu bytes, alignment %u", size, align);
	TEST_ASSERT_EQUAL((uintptr_t)p % RTE_MAX(align, 64u), 0, "%zu, %u", size, align);
	TEST_ASSERT_EQUAL(rte_malloc_validate(p, &usable), 0);
	TEST_ASSERT_EQUAL(rte_malloc_validate(p, NULL), 0);
	TEST_ASSERT(usable >= size, "%zu of %zu", usable, size);
	TEST_ASSERT(rte_malloc_virt2iova(p) == rte_mem_virt2iova(p));
	return 0;
}

static int
each_function_gives_what_is_asked_for(void)
{
	static const size_t sizes[] = { 1, 8, 63, 64, 65, 200, 1000, 4096, 10000, 65536, 100000,
		300 * KIB, MIB };
	static const unsigned int aligns[] = { 0, 1, 2, 8, 64, 128, 1024, 4096, 65536, 262144 };
	unsigned int way, s, a;

	for (way = 0; way < WAYS; way++)
		for (s = 0; s < RTE_DIM(sizes); s++)
			for (a = 0; a < RTE_DIM(aligns); a++) {
				void *p = ask(way, sizes[s], aligns[a]);

				TEST_CALL(check_object(p, sizes[s], aligns[a]));
				TEST_ASSERT(way < FIRST_ZEROED || is_filled(p, 0, sizes[s]),
					"%u: %zu bytes", way, sizes[s]);
				memset(p, 0xa5, sizes[s]);
				rte_free(p);
			}
	return 0;
}

/* Bytes of a new object that are not zero. Fills it, and frees it in one of several ways. */
static unsigned int
use_carelessly(size_t size, unsigned int way)
{
	unsigned char *volatile p = rte_malloc(NULL, size, 0);
	unsigned char *volatile q;
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		n += p[i] != 0;
	memset(p, 0xa5, size);
	if (way == 0) {
		rte_free(p);
	} else if (way == 1) {
		rte_realloc(p, 0, 0);
	} else {
		/* To less and to more again: the rest is new. */
		q = rte_realloc(p, size / 2 + 1, 0);
		p = rte_realloc(q, 3 * size, 0);
		for (i = size / 2 + 1; i < 3 * size; i++)
			n += p[i] != 0;
		memset(p, 0xa5, 3 * size);
		rte_free(p);
	}
	return n;
}

int
preload_rely_on_zeroes(void)
{
	static const size_t sizes[] = { 1, 64, 100, 3000, 70000 };
	unsigned int s, i, n = 0;

	for (s = 0; s < RTE_DIM(sizes); s++)
		for (i = 0; i < 300; i++)
			n += use_carelessly(sizes[s], i % 3);
	printf("not zero: %u\n", n);
	return 0;
}

static int
no_bytes_are_null(void)
{
	unsigned int way;

	for (way = 0; way < WAYS; way++)
		TEST_ASSERT(ask(way, 0, 0) == NULL, "%u", way);
	TEST_ASSERT(rte_calloc(NULL, 0, 10, 0) == NULL);
	TEST_ASSERT(rte_calloc(NULL, 10, 0, 0) == NULL);
	TEST_ASSERT(rte_realloc(NULL, 0, 0) == NULL);
	return 0;
}

static int
an_alignment_that_is_no_power_of_two_is_null(void)
{
	unsigned int way;

	for (way = 0; way < WAYS; way++) {
		TEST_ASSERT(ask(way, 100, 3) == NULL, "%u", way);
		TEST_ASSERT(ask(way, 100, 96) == NULL, "%u", way);
		TEST_ASSERT(ask(way, 3 * MIB, 96) == NULL, "%u", way);
	}
	return 0;
}

static int
a_product_that_overflows_is_null(void)
{
	volatile size_t all = SIZE_MAX; /* the compiler would object */

	TEST_ASSERT(rte_calloc(NULL, all / 2 + 1, 2, 0) == NULL);
	TEST_ASSERT(rte_calloc(NULL, all / 64 + 2, 64, 0) == NULL);
	TEST_ASSERT(rte_calloc_socket(NULL, 3, all / 3 + 2, 0, SOCKET_ID_ANY) == NULL);
	TEST_ASSERT(rte_calloc_socket(NULL, all, all, 0, rte_socket_id()) == NULL);
	return 0;
}

static int
more_than_there_is_is_null(void)
{
	TEST_ASSERT(rte_malloc(NULL, (size_t)1 << 46, 0) == NULL);
	TEST_ASSERT(rte_realloc(NULL, (size_t)1 << 46, 0) == NULL);
	TEST_ASSERT(rte_zmalloc(NULL, (size_t)1 << 45, 0) == NULL);
	return 0;
}

static int
null_can_be_freed(void)
{
	rte_free(NULL);
	TEST_ASSERT_EQUAL(rte_malloc_validate(NULL, NULL), -1);
	TEST_ASSERT(rte_malloc_virt2iova(NULL) == RTE_BAD_IOVA);
	return 0;
}

/* The first object is alone in its cache, and the last ones fill it. */
static int
an_object_freed_twice_in_a_row_is_given_out_once(void)
{
	static void *p[200];
	void *volatile again; /* compilers warn of what is done here */
	unsigned int i, k;

	for (i = 0; i < RTE_DIM(p); i++)
		TEST_ASSERT((p[i] = rte_malloc(NULL, 3000, 0)) != NULL);
	for (i = 0; i < RTE_DIM(p); i++) {
		again = p[i];
		rte_free(p[i]);
		rte_free(again);
	}
	for (i = 0; i < RTE_DIM(p); i++) {
		TEST_ASSERT((p[i] = rte_malloc(NULL, 3000, 0)) != NULL);
		memset(p[i], 0, 3000);
	}
	for (i = 0; i < RTE_DIM(p); i++)
		for (k = 0; k < i; k++)
			TEST_ASSERT(p[i] != p[k], "%u and %u", i, k);
	for (i = 0; i < RTE_DIM(p); i++)
		rte_free(p[i]);
	return 0;
}

#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
/* Sizes of fastmem's and, last, one of EAL's. What is freed stays mapped, and is looked at. */
static int
a_sensitive_free_wipes_its_object_and_no_other(void)
{
	static const size_t sizes[] = { 1, 64, 200, 5000, 100 * KIB, 3 * MIB };
	unsigned char *volatile p[3];
	unsigned int s, i;

	for (s = 0; s < RTE_DIM(sizes); s++) {
		for (i = 0; i < RTE_DIM(p); i++) {
			p[i] = rte_malloc(NULL, sizes[s], 0);
			TEST_ASSERT(p[i] != NULL);
			memset(p[i], 0xa5, sizes[s]);
		}
		rte_free_sensitive(p[1]);
		TEST_ASSERT(!is_fastmems(p[1]) || is_filled(p[1], 0, sizes[s]), "%zu", sizes[s]);
		TEST_ASSERT(is_filled(p[0], 0xa5, sizes[s]), "%zu", sizes[s]);
		TEST_ASSERT(is_filled(p[2], 0xa5, sizes[s]), "%zu", sizes[s]);
		p[1] = rte_malloc(NULL, sizes[s], 0);
		TEST_ASSERT(p[1] != NULL && p[1] != p[0] && p[1] != p[2]);
		for (i = 0; i < RTE_DIM(p); i++)
			rte_free_sensitive(p[i]);
	}
	rte_free_sensitive(NULL);
	return 0;
}
#endif

/* No object shares a byte with another. */
static int
objects_do_not_overlap(void)
{
	unsigned char *p[500];
	unsigned int i;

	for (i = 0; i < RTE_DIM(p); i++) {
		p[i] = rte_malloc(NULL, 1 + i * 7, 0);
		TEST_ASSERT(p[i] != NULL);
		memset(p[i], i & 0xff, 1 + i * 7);
	}
	for (i = 0; i < RTE_DIM(p); i++) {
		TEST_ASSERT(is_filled(p[i], i & 0xff, 1 + i * 7), "%u", i);
		rte_free(p[i]);
	}
	return 0;
}

/* Beyond fastmem's largest object and back, and with alignments on the way. */
static int
realloc_keeps_contents(void)
{
	static const size_t sizes[] = { 10, 100, 5000, 60, 300 * KIB, 2000, 3 * MIB, 4 * MIB,
		700, 64 };
	size_t before = 0;
	char *p = NULL;
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		p = rte_realloc(p, sizes[i], i % 2 != 0 ? 1024 : 0);
		TEST_ASSERT(p != NULL);
		TEST_ASSERT(is_filled(p, 0x5a, RTE_MIN(before, sizes[i])), "%zu", sizes[i]);
		TEST_ASSERT(i % 2 == 0 || (uintptr_t)p % 1024 == 0);
		memset(p, 0x5a, sizes[i]);
		before = sizes[i];
	}
	rte_free(p);
	return 0;
}

static int
realloc_stays_on_its_socket(void)
{
	int socket = rte_socket_id();
	const struct rte_memseg_list *list;
	void *p = rte_malloc_socket(NULL, 100, 0, socket);

	p = rte_realloc_socket(p, 100 * KIB, 0, socket);
	TEST_CALL(check_object(p, 100 * KIB, 0));
	list = rte_mem_virt2memseg_list(p);
	TEST_ASSERT(list != NULL && list->socket_id == socket);
	p = rte_realloc_socket(p, 50, 0, SOCKET_ID_ANY);
	TEST_CALL(check_object(p, 50, 0));
	rte_free(p);
	return 0;
}

static int
realloc_to_nothing_frees(void)
{
	struct rte_malloc_socket_stats before, after;
	void *p;

	rte_free(rte_malloc(NULL, 3000, 0));
	rte_malloc_get_socket_stats(rte_socket_id(), &before);
	p = rte_malloc_socket(NULL, 3000, 0, rte_socket_id());
	TEST_ASSERT(rte_realloc(p, 0, 0) == NULL);
	rte_malloc_get_socket_stats(rte_socket_id(), &after);
	TEST_ASSERT_EQUAL(after.alloc_count, before.alloc_count);
	return 0;
}

static int
a_realloc_that_fails_leaves_the_object(void)
{
	char *p = rte_malloc(NULL, 100, 0);

	memset(p, 0x3c, 100);
	TEST_ASSERT(rte_realloc(p, (size_t)1 << 46, 0) == NULL);
	TEST_ASSERT(is_filled(p, 0x3c, 100));
	rte_free(p);
	return 0;
}

/* As EAL does for its own: total is what is allocated and what is free. */
static int
statistics_tell_of_objects(void)
{
	struct rte_malloc_socket_stats before, with, after;
	int socket = rte_socket_id();
	void *first, *p[20];
	unsigned int i;

	first = rte_malloc_socket(NULL, 2500, 0, socket);
	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(socket, &before), 0);
	for (i = 0; i < RTE_DIM(p); i++)
		p[i] = rte_malloc_socket(NULL, 2500, 0, socket);
	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(socket, &with), 0);
	for (i = 0; i < RTE_DIM(p); i++)
		rte_free(p[i]);
	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(socket, &after), 0);
	rte_free(first);
	TEST_ASSERT_EQUAL(with.alloc_count, before.alloc_count + RTE_DIM(p));
	TEST_ASSERT_EQUAL(after.alloc_count, before.alloc_count);
	TEST_ASSERT(with.heap_allocsz_bytes >= before.heap_allocsz_bytes + RTE_DIM(p) * 2500);
	TEST_ASSERT_EQUAL(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
	TEST_ASSERT_EQUAL(with.heap_allocsz_bytes + with.heap_freesz_bytes,
		with.heap_totalsz_bytes);
	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(12345, &after), -1);
	return 0;
}

static int
dumps_tell_of_fastmem(void)
{
	char text[65536] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	TEST_ASSERT(f != NULL);
	rte_malloc_dump_stats(f, NULL);
	fclose(f);
	TEST_ASSERT(strstr(text, "Heap id:0") != NULL);
	TEST_ASSERT(strstr(text, "fastmem") != NULL, "%s", text);
	return 0;
}

static const struct test_case cases[] = {
	TEST_CASE(each_function_gives_what_is_asked_for),
	TEST_CASE(no_bytes_are_null),
	TEST_CASE(an_alignment_that_is_no_power_of_two_is_null),
	TEST_CASE(a_product_that_overflows_is_null),
	TEST_CASE(more_than_there_is_is_null),
	TEST_CASE(null_can_be_freed),
	TEST_CASE(objects_do_not_overlap),
	TEST_CASE(an_object_freed_twice_in_a_row_is_given_out_once),
#if RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
	TEST_CASE(a_sensitive_free_wipes_its_object_and_no_other),
#endif
	TEST_CASE(realloc_keeps_contents),
	TEST_CASE(realloc_stays_on_its_socket),
	TEST_CASE(realloc_to_nothing_frees),
	TEST_CASE(a_realloc_that_fails_leaves_the_object),
	TEST_CASE(statistics_tell_of_objects),
	TEST_CASE(dumps_tell_of_fastmem),
	TEST_CASES_END
};

const struct test_suite preload_suite_family = {
	.name = "family",
	.about = "the functions of rte_malloc.h",
	.cases = cases,
};
