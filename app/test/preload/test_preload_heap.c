/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* What stays EAL's heap's, and finds its way back there. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "test_preload.h"

#define MIB ((size_t)1 << 20)

typedef int (*get_stats_t)(int socket, struct rte_malloc_socket_stats *stats);
typedef void *(*malloc_t)(const char *type, size_t size, unsigned int align);
typedef void *(*malloc_socket_t)(const char *type, size_t size, unsigned int align, int socket);
typedef void (*free_t)(void *ptr);

/* Elements of EAL's own heap, as EAL tells. */
static unsigned int
heap_count(void)
{
	get_stats_t get_stats = (get_stats_t)eal_function("rte_malloc_get_socket_stats");
	struct rte_malloc_socket_stats stats = { 0 };

	get_stats(rte_socket_id(), &stats);
	return stats.alloc_count;
}

static int
large_objects_are_the_heaps(void)
{
	unsigned int before = heap_count();
	size_t usable = 0;
	char *p = rte_zmalloc(NULL, 2 * MIB, 4096);

	TEST_ASSERT(p != NULL && (uintptr_t)p % 4096 == 0);
	TEST_ASSERT(!is_fastmems(p));
	TEST_ASSERT_EQUAL(heap_count(), before + 1);
	TEST_ASSERT_EQUAL(rte_malloc_validate(p, &usable), 0);
	TEST_ASSERT(usable >= 2 * MIB);
	TEST_ASSERT(rte_malloc_virt2iova(p) == rte_mem_virt2iova(p));
	rte_free(p);
	TEST_ASSERT_EQUAL(heap_count(), before);
	return 0;
}

/* rte_zmalloc() of EAL's calls rte_malloc_socket(), and looks for its header in what it gets. */
static int
zeroed_memory_of_the_heap_is_zeroed(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		char *p = rte_zmalloc_socket(NULL, 2 * MIB, 0, rte_socket_id());
		size_t k;

		TEST_ASSERT(p != NULL);
		for (k = 0; k < 2 * MIB; k++)
			TEST_ASSERT_EQUAL(p[k], 0);
		memset(p, 0xff, 2 * MIB);
		rte_free(p);
	}
	return 0;
}

/* What EAL has allocated before, or by a call that was not preloaded. */
static int
an_object_of_the_heap_is_freed_there(void)
{
	unsigned int before = heap_count();
	void *p = ((malloc_t)eal_function("rte_malloc"))(NULL, 2 * MIB, 0);
	void *small = ((malloc_socket_t)eal_function("rte_malloc_socket"))(NULL, 100, 0,
		rte_socket_id());
	size_t usable = 0;

	TEST_ASSERT(p != NULL && small != NULL && !is_fastmems(small));
	TEST_ASSERT_EQUAL(heap_count(), before + 2);
	TEST_ASSERT_EQUAL(rte_malloc_validate(small, &usable), 0);
	TEST_ASSERT(usable >= 100 && usable < 1000, "%zu", usable);
	TEST_ASSERT(rte_malloc_virt2iova(small) == rte_mem_virt2iova(small));
	small = rte_realloc(small, 200, 0);
	TEST_ASSERT(small != NULL);
	rte_free(small);
	rte_free(p);
	TEST_ASSERT_EQUAL(heap_count(), before);
	return 0;
}

/* 4 MiB of ordinary memory in a heap of its own. */
struct external {
	void *memory;
	int socket;
};
#define EXTERNAL_BYTES (4 * MIB)
#define EXTERNAL_NAME "test_preload"

static int
make_external(struct external *e)
{
	size_t page = sysconf(_SC_PAGESIZE);

	e->memory = mmap(NULL, EXTERNAL_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(e->memory != MAP_FAILED);
	TEST_ASSERT_EQUAL(rte_malloc_heap_create(EXTERNAL_NAME), 0);
	TEST_ASSERT_EQUAL(rte_malloc_heap_memory_add(EXTERNAL_NAME, e->memory, EXTERNAL_BYTES,
		NULL, EXTERNAL_BYTES / page, page), 0);
	e->socket = rte_malloc_heap_get_socket(EXTERNAL_NAME);
	TEST_ASSERT_EQUAL(rte_malloc_heap_socket_is_external(e->socket), 1);
	return 0;
}

static int
remove_external(const struct external *e)
{
	/* Fails if anything is left in it. */
	TEST_ASSERT_EQUAL(rte_malloc_heap_memory_remove(EXTERNAL_NAME, e->memory,
		EXTERNAL_BYTES), 0);
	TEST_ASSERT_EQUAL(rte_malloc_heap_destroy(EXTERNAL_NAME), 0);
	munmap(e->memory, EXTERNAL_BYTES);
	return 0;
}

static bool
is_within(const struct external *e, const void *p)
{
	return (const char *)p >= (char *)e->memory &&
		(const char *)p < (char *)e->memory + EXTERNAL_BYTES;
}

static int
an_external_heap_serves_its_own(void)
{
	struct rte_malloc_socket_stats stats;
	struct external e;
	void *p, *q, *moved;

	TEST_CALL(make_external(&e));
	p = rte_malloc_socket(NULL, 1000, 0, e.socket);
	q = rte_zmalloc_socket(NULL, 1000, 256, e.socket);
	TEST_ASSERT(is_within(&e, p) && is_within(&e, q));
	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(e.socket, &stats), 0);
	TEST_ASSERT_EQUAL(stats.alloc_count, 2);
	TEST_ASSERT_EQUAL(stats.heap_totalsz_bytes, EXTERNAL_BYTES);
	memset(p, 0x77, 1000);
	moved = rte_realloc_socket(p, 2000, 0, e.socket);
	TEST_ASSERT(is_within(&e, moved));
	TEST_ASSERT_EQUAL(((char *)moved)[999], 0x77);
	rte_free(moved);
	rte_free(q);
	TEST_CALL(remove_external(&e));
	return 0;
}

static int
realloc_moves_into_an_external_heap(void)
{
	struct external e;
	char *p, *moved;

	TEST_CALL(make_external(&e));
	p = rte_malloc(NULL, 500, 0);
	TEST_ASSERT(is_fastmems(p));
	memset(p, 0x66, 500);
	moved = rte_realloc_socket(p, 600, 0, e.socket);
	TEST_ASSERT(is_within(&e, moved));
	TEST_ASSERT_EQUAL(moved[0], 0x66);
	TEST_ASSERT_EQUAL(moved[499], 0x66);
	rte_free(moved);
	TEST_CALL(remove_external(&e));
	return 0;
}

/* EAL frees a zone by rte_free(), and that is not an object of anyone's. */
static int
zones_come_and_go(void)
{
	unsigned int before = heap_count();
	const struct rte_memzone *mz = rte_memzone_reserve("test_preload", 100000,
		SOCKET_ID_ANY, 0);

	TEST_ASSERT(mz != NULL && !is_fastmems(mz->addr));
	TEST_ASSERT_EQUAL(rte_memzone_free(mz), 0);
	TEST_ASSERT_EQUAL(heap_count(), before);
	return 0;
}

/* Fill memory with objects of a size, up to the last one. Returns how many there were. */
static unsigned int
fill(void ***list, size_t size)
{
	unsigned int n = 0, room = 1 << 16;

	*list = malloc(room * sizeof(**list));
	while (*list != NULL && n < room && ((*list)[n] = rte_malloc(NULL, size, 0)) != NULL)
		n++;
	return n;
}

/* Only where EAL has an amount of memory that it was given at the start. */
static int
memory_without_objects_is_the_heaps_again(void)
{
	const struct rte_memzone *mz;
	unsigned int i, n;
	void **list, *large;

	if (rte_eal_has_hugepages() != 0)
		return 0;
	n = fill(&list, MIB / 2);
	TEST_ASSERT(n > 40, "%u", n);
	rte_errno = 0;
	TEST_ASSERT(rte_malloc(NULL, 16 * MIB, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, 0);
	TEST_ASSERT(rte_memzone_reserve("none", 16 * MIB, SOCKET_ID_ANY, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	for (i = 0; i < n; i++)
		rte_free(list[i]);
	free(list);
	large = rte_malloc(NULL, 16 * MIB, 0);
	TEST_ASSERT(large != NULL);
	rte_free(large);
	n = fill(&list, MIB / 2);
	for (i = 0; i < n; i++)
		rte_free(list[i]);
	free(list);
	mz = rte_memzone_reserve("large", 16 * MIB, SOCKET_ID_ANY, 0);
	TEST_ASSERT(mz != NULL);
	TEST_ASSERT_EQUAL(rte_memzone_free(mz), 0);
	return 0;
}

/* The reservation. */

static void
add_zone(const struct rte_memzone *mz, void *bytes)
{
	if (strncmp(mz->name, "fastmem", 7) == 0)
		*(size_t *)bytes += mz->len;
}

static size_t
bytes_of_fastmem(void)
{
	size_t bytes = 0;

	rte_memzone_walk(add_zone, &bytes);
	return bytes;
}

/* A peak, and what is left of it: waits for up to 20 s for fastmem to give half of it back. */
int
preload_peak(void)
{
	static void *objs[640];
	size_t before, most;
	unsigned int i;

	rte_free(rte_malloc(NULL, 100 << 10, 0));
	before = bytes_of_fastmem();
	for (i = 0; i < RTE_DIM(objs); i++)
		if ((objs[i] = rte_malloc(NULL, 100 << 10, 0)) == NULL)
			return EXIT_FAILURE;
	most = bytes_of_fastmem();
	for (i = 0; i < RTE_DIM(objs); i++)
		rte_free(objs[i]);
	for (i = 0; i < 200 && bytes_of_fastmem() > before + (most - before) / 2; i++)
		usleep(100000);
	printf("peak %zu end %zu\n", most, bytes_of_fastmem());
	return EXIT_SUCCESS;
}

/* Reserve 16 MiB more than there are, in a piece that has no object. Returns the new total. */
static size_t
reserve_more(void)
{
	int (*reserve)(size_t size, int socket_id);
	size_t total = bytes_of_fastmem() + 16 * MIB;

	reserve = (int (*)(size_t, int))dlsym(RTLD_DEFAULT, "rte_fastmem_reserve");
	return reserve != NULL && reserve(total, SOCKET_ID_ANY) == 0 ? total : 0;
}

static void
give_all_back(void)
{
	size_t (*trim)(size_t keep_bytes, int socket_id);

	trim = (size_t (*)(size_t, int))dlsym(RTLD_DEFAULT, "rte_fastmem_trim");
	trim(0, SOCKET_ID_ANY);
}

/* More than EAL has addresses for: nothing is given, not even for a moment. */
static int
an_absurd_request_takes_nothing_from_fastmem(void)
{
	void *p = rte_malloc(NULL, 2 * MIB, 0), *q = rte_malloc(NULL, 100, 0);
	size_t before;

	TEST_ASSERT(reserve_more() != 0);
	before = bytes_of_fastmem();
	TEST_ASSERT(rte_malloc(NULL, (size_t)1 << 50, 0) == NULL);
	TEST_ASSERT(rte_zmalloc_socket(NULL, (size_t)1 << 50, 0, rte_socket_id()) == NULL);
	TEST_ASSERT(rte_realloc(p, (size_t)1 << 50, 0) == NULL);
	TEST_ASSERT(rte_realloc(q, (size_t)1 << 50, 0) == NULL);
	TEST_ASSERT(rte_memzone_reserve("absurd", (size_t)1 << 50, SOCKET_ID_ANY, 0) == NULL);
	TEST_ASSERT_EQUAL(bytes_of_fastmem(), before);
	rte_free(q);
	rte_free(p);
	give_all_back();
	return 0;
}

/* What EAL could have, and has not, costs what fastmem does not use, but not the reservation. */
static int
a_request_that_fails_leaves_the_reservation(void)
{
	size_t size = (rte_eal_has_hugepages() != 0 ? 6000 : 158) * MIB;
	size_t reserved = reserve_more();
	unsigned int i;

	TEST_ASSERT(reserved != 0);
	/* rte_mempool takes smaller zones where it finds ENOMEM; and rte_malloc() sets no rte_errno. */
	for (i = 0; i < 3; i++) {
		rte_errno = 0;
		TEST_ASSERT(rte_malloc(NULL, size, 0) == NULL);
		TEST_ASSERT_EQUAL(rte_errno, 0);
		TEST_ASSERT(bytes_of_fastmem() >= reserved, "%u: %zu", i, bytes_of_fastmem());
	}
	TEST_ASSERT(rte_memzone_reserve("too_large", size, SOCKET_ID_ANY, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
	TEST_ASSERT(bytes_of_fastmem() >= reserved, "%zu", bytes_of_fastmem());
	give_all_back();
	return 0;
}

/* EAL's heap has nothing left; fastmem has its reservation. */
static int
realloc_moves_to_fastmem_if_the_heap_is_full(void)
{
	malloc_socket_t heap_malloc = (malloc_socket_t)eal_function("rte_malloc_socket");
	void **rest = malloc(100000 * sizeof(*rest)), *p;
	size_t size = 8 * MIB, before;
	unsigned int n = 0;
	char *moved;

	TEST_ASSERT(rest != NULL);
	p = heap_malloc(NULL, 100, 0, rte_socket_id());
	TEST_ASSERT(p != NULL && !is_fastmems(p));
	memset(p, 0x5c, 100);
	for (; size >= 64; size /= 2)
		while (n < 100000 && (rest[n] = heap_malloc(NULL, size, 0, SOCKET_ID_ANY)) != NULL)
			n++;
	TEST_ASSERT(n < 100000);
	before = bytes_of_fastmem();
	moved = rte_realloc(p, 100000, 0);
	TEST_ASSERT(is_fastmems(moved));
	TEST_ASSERT(moved[0] == 0x5c && moved[99] == 0x5c);
	TEST_ASSERT_EQUAL(bytes_of_fastmem(), before);
	rte_free(moved);
	while (n > 0)
		rte_free(rest[--n]);
	free(rest);
	return 0;
}

#define MAX_REST 20000

/* Neither fastmem nor EAL's heap has anything left. */
static int
realloc_to_less_never_fails(void)
{
	static const size_t sizes[] = { MIB, 64 << 10, 4 << 10, 512 };
	static const size_t smaller[] = { 500000, 60000, 5000, 200 };
	void **rest = malloc(MAX_REST * sizeof(*rest));
	char *p = rte_malloc(NULL, MIB, 0);
	unsigned int i, n = 0;

	TEST_ASSERT(rest != NULL && is_fastmems(p));
	memset(p, 0x3c, MIB);
	for (i = 0; i < RTE_DIM(sizes); i++)
		while (n < MAX_REST && (rest[n] = rte_malloc(NULL, sizes[i], 0)) != NULL)
			n++;
	TEST_ASSERT(n < MAX_REST);
	for (i = 0; i < RTE_DIM(smaller); i++) {
		p = rte_realloc(p, smaller[i], 0);
		TEST_ASSERT(p != NULL, "to %zu bytes", smaller[i]);
		TEST_ASSERT(p[0] == 0x3c && p[smaller[i] - 1] == 0x3c);
	}
	rte_free(p);
	while (n > 0)
		rte_free(rest[--n]);
	free(rest);
	return 0;
}

static const struct test_case cases[] = {
	TEST_CASE(large_objects_are_the_heaps),
	TEST_CASE(zeroed_memory_of_the_heap_is_zeroed),
	TEST_CASE(an_object_of_the_heap_is_freed_there),
	TEST_CASE(an_external_heap_serves_its_own),
	TEST_CASE(realloc_moves_into_an_external_heap),
	TEST_CASE(zones_come_and_go),
	TEST_CASE(an_absurd_request_takes_nothing_from_fastmem),
	TEST_CASE(a_request_that_fails_leaves_the_reservation),
	TEST_CASE(realloc_moves_to_fastmem_if_the_heap_is_full),
	TEST_CASE(realloc_to_less_never_fails),
	TEST_CASE(memory_without_objects_is_the_heaps_again),
	TEST_CASES_END
};

const struct test_suite preload_suite_heap = {
	.name = "heap",
	.about = "what stays EAL's heap's",
	.cases = cases,
};
