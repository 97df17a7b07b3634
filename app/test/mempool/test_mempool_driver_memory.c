/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The mempool driver: whose memory the objects lie in.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "mempool_calls.h"
#include "test_fastmem.h"
#include "test_mempools.h"

#define N_OBJECTS 500

/* How objects lie in ranges of memory. */
struct cover {
	const void *objs[N_OBJECTS]; /* in the order of rte_mempool_obj_iter() */
	unsigned int n, covered, outside; /* outside: of fastmem's memory */
};

static void
cover_note(struct rte_mempool *mp __rte_unused, void *arg, void *obj, unsigned int i)
{
	struct cover *cover = arg;

	cover->objs[i] = obj;
	cover->n++;
	cover->outside += !rte_fastmem_contains(obj);
}

static void
cover_count(struct rte_mempool *mp, void *arg, struct rte_mempool_memhdr *mem,
		unsigned int number __rte_unused)
{
	struct cover *cover = arg;
	unsigned int i;

	for (i = 0; i < cover->n; i++) {
		char *begin = RTE_PTR_SUB(cover->objs[i], mp->header_size);
		char *end = begin + mp->header_size + mp->elt_size + mp->trailer_size;
		rte_iova_t iova = rte_mempool_virt2iova(cover->objs[i]);

		if (begin >= (char *)mem->addr && end <= (char *)mem->addr + mem->len)
			cover->covered += mem->iova == RTE_BAD_IOVA ? iova == RTE_BAD_IOVA :
				iova == mem->iova + RTE_PTR_DIFF(cover->objs[i], mem->addr);
	}
}

static struct cover *
cover_get(struct rte_mempool *mp)
{
	static struct cover cover;

	memset(&cover, 0, sizeof(cover));
	rte_mempool_obj_iter(mp, cover_note, &cover);
	rte_mempool_mem_iter(mp, cover_count, &cover);
	return &cover;
}

/* Each object, header and padding included, is in one range of memory with its IO address. */
static int
memory_covers_objects(struct rte_mempool *mp)
{
	struct cover *cover = cover_get(mp);

	TEST_ASSERT_EQUAL(cover->n, mp->populated_size);
	TEST_ASSERT_EQUAL(cover->covered, cover->n);
	return TEST_SUCCESS;
}

static int
memory_is_fastmems_and_goes_back_to_it(void)
{
	const unsigned int all_sizes[] = { 16, 64, 2048, 40000, MIB - 1024 };
	struct rte_mempool *mp;
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(all_sizes); i++) {
		n = RTE_MIN(32 * MIB / all_sizes[i], (size_t)N_OBJECTS);
		mp = mempool_make("own", n, all_sizes[i], 0, 0);
		TEST_ASSERT(mp != NULL, "size %u", all_sizes[i]);
		TEST_ASSERT_EQUAL(cover_get(mp)->outside, 0);
		TEST_CALL(memory_covers_objects(mp));
		TEST_ASSERT(stats_backing() >= (uint64_t)n * all_sizes[i]);
		rte_mempool_free(mp);
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		TEST_ASSERT_EQUAL(stats_backing(), 0);
		TEST_CALL(check_live(0));
	}
	return TEST_SUCCESS;
}

static int
without_io_addresses_there_are_none(void)
{
	struct rte_mempool *mp = mempool_make("no_io", N_OBJECTS, 1000, 0,
			RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT((mp->flags & RTE_MEMPOOL_F_NON_IO) != 0);
	TEST_CALL(memory_covers_objects(mp));
	TEST_ASSERT_EQUAL(rte_mempool_virt2iova(cover_get(mp)->objs[0]), RTE_BAD_IOVA);
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

/* Larger than any object of fastmem. */
static int
large_objects_lie_in_memzones(void)
{
	struct rte_mempool *mp = mempool_make("large", 3, MIB + MIB / 4, 0, 0);

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(cover_get(mp)->outside, 3);
	TEST_CALL(memory_covers_objects(mp));
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

/* What the application gives is used as the default driver would use it. */

static unsigned int memory_frees;

static void
memory_free(struct rte_mempool_memhdr *mem __rte_unused, void *opaque __rte_unused)
{
	memory_frees++;
}

/* Where objects lie if this memory is given to a mempool in these pieces. */
static int
places_with(const char *ops, unsigned int size, unsigned int flags, char *addr,
		const size_t *pieces, unsigned int n_pieces, struct cover *cover)
{
	struct rte_mempool *mp = mempool_empty("given", ops, N_OBJECTS, size, 0, flags);
	unsigned int i, n = 0;
	size_t off = 0;

	TEST_ASSERT(mp != NULL);
	for (i = 0; i < n_pieces; off += pieces[i++]) {
		int ret = rte_mempool_populate_iova(mp, addr + off, rte_mem_virt2iova(addr + off),
				pieces[i], memory_free, NULL);

		if (ret > 0)
			n += ret;
	}
	*cover = *cover_get(mp);
	TEST_ASSERT_EQUAL(cover->n, n);
	TEST_CALL(memory_covers_objects(mp));
	if (n == mp->size)
		TEST_CALL(mempool_is_whole(mp));
	i = mp->nb_mem_chunks;
	memory_frees = 0;
	rte_mempool_free(mp);
	TEST_ASSERT_EQUAL(memory_frees, i);
	return TEST_SUCCESS;
}

static int
given_memory_is_used_as_by_the_default_driver(void)
{
	const unsigned int all_sizes[] = { 1, 64, 1000, 2048, 5000 };
	const unsigned int flags[] = { 0, RTE_MEMPOOL_F_NO_CACHE_ALIGN, RTE_MEMPOOL_F_NO_SPREAD,
		RTE_MEMPOOL_F_NO_IOVA_CONTIG };
	/* Too small for any object, odd, enough for all small ones, and the rest. */
	const size_t pieces[] = { 30, 64, 10001, 4096, 300000, MIB };
	const struct rte_memzone *mz = rte_memzone_reserve("test_given", 3 * MIB / 2,
			SOCKET_ID_ANY, RTE_MEMZONE_IOVA_CONTIG);
	static struct cover ring, own;
	unsigned int s, f, i;

	TEST_ASSERT(mz != NULL);
	for (s = 0; s < RTE_DIM(all_sizes); s++) {
		for (f = 0; f < RTE_DIM(flags); f++) {
			TEST_CALL(places_with("ring_mp_mc", all_sizes[s], flags[f], mz->addr,
				pieces, RTE_DIM(pieces), &ring));
			TEST_CALL(places_with(DRIVER_OPS, all_sizes[s], flags[f], mz->addr,
				pieces, RTE_DIM(pieces), &own));
			TEST_ASSERT(ring.n > 0);
			TEST_ASSERT_EQUAL(own.n, ring.n, "size %u", all_sizes[s]);
			TEST_ASSERT_EQUAL(own.outside, own.n);
			for (i = 0; i < ring.n; i++)
				TEST_ASSERT(own.objs[i] == ring.objs[i], "object %u", i);
		}
	}
	rte_memzone_free(mz);
	return TEST_SUCCESS;
}

/* Memory that EAL does not know, page by page. */
static int
virtual_memory_can_be_given(void)
{
	size_t page = sysconf(_SC_PAGESIZE), len = 4 * MIB;
	struct rte_mempool *mp = mempool_empty("virtual", DRIVER_OPS, N_OBJECTS, 1500, 0, 0);
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			MAP_POPULATE, -1, 0);
	struct cover *cover;
	unsigned int i;

	TEST_ASSERT(mp != NULL && mem != MAP_FAILED);
	TEST_ASSERT_EQUAL(rte_mempool_populate_virt(mp, mem, len, page, NULL, NULL), N_OBJECTS);
	cover = cover_get(mp);
	TEST_ASSERT_EQUAL(cover->outside, N_OBJECTS);
	for (i = 0; i < N_OBJECTS; i++)
		TEST_ASSERT(RTE_PTR_DIFF(cover->objs[i], mem) < len);
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	munmap(mem, len);
	return TEST_SUCCESS;
}

/* With huge pages, memory that is not EAL's is what the application asks for. */
static int
anonymous_memory_is_anonymous(void)
{
	const unsigned int flags[] = { 0, RTE_MEMPOOL_F_NO_IOVA_CONTIG,
		RTE_MEMPOOL_F_NO_CACHE_ALIGN };
	struct rte_mempool *mp;
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(flags); i++) {
		for (j = 0; j < 2; j++) {
			mp = mempool_empty("anon", DRIVER_OPS, N_OBJECTS, j == 0 ? 8 : 2048, 0, flags[i]);
			TEST_ASSERT(mp != NULL);
			TEST_ASSERT_EQUAL(rte_mempool_populate_anon(mp), N_OBJECTS);
			TEST_ASSERT_EQUAL(cover_get(mp)->outside,
				rte_eal_has_hugepages() ? N_OBJECTS : 0);
			TEST_CALL(memory_covers_objects(mp));
			TEST_CALL(mempool_is_whole(mp));
			rte_mempool_free(mp);
		}
	}
	return TEST_SUCCESS;
}

/* One line of the application's, of which the driver could think that it is its own token. */
static int
a_cache_line_of_the_applications_is_the_applications(void)
{
	struct rte_mempool *mp = mempool_empty("line", DRIVER_OPS, 10, 8, 0,
			RTE_MEMPOOL_F_NO_CACHE_ALIGN);
	char *mem = rte_malloc(NULL, 2 * RTE_CACHE_LINE_SIZE, RTE_CACHE_LINE_SIZE);

	TEST_ASSERT(mp != NULL && mem != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_populate_iova(mp, mem + RTE_CACHE_LINE_SIZE, RTE_BAD_IOVA,
		RTE_CACHE_LINE_SIZE, NULL, NULL), RTE_CACHE_LINE_SIZE / 32);
	TEST_ASSERT_EQUAL(cover_get(mp)->outside, RTE_CACHE_LINE_SIZE / 32);
	rte_mempool_free(mp);
	rte_free(mem);
	return TEST_SUCCESS;
}

/* Failure. */

/* Whatever memzone of fastmem is the first that cannot be had: the mempool fails, and nothing is left. */
static int
a_mempool_that_gets_no_memory_can_be_given_some(void)
{
	unsigned int n_before = zones_all(), refused = 0, round;
	struct rte_mempool *mp;
	char *mem = rte_malloc(NULL, 2 * MIB, 0);

	TEST_ASSERT(mem != NULL);
	for (round = 0; round < 100; round++) {
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		mp = mempool_empty("short", DRIVER_OPS, N_OBJECTS, 2000, 0, 0);
		TEST_ASSERT(mp != NULL);
		refuse_from(round);
		log_begin();
		if (rte_mempool_populate_default(mp) == N_OBJECTS) {
			log_end("");
			break;
		}
		TEST_ASSERT(refuse_refused() > 0);
		TEST_ASSERT_EQUAL(log_end("no pool of fastmem for mempool short"), 1);
		refuse_nothing();
		refused++;
		TEST_ASSERT_EQUAL(mp->nb_mem_chunks, 0);
		TEST_ASSERT_EQUAL(mempool_get(mp, (void **)&(void *){ NULL }), -ENOBUFS);
		TEST_ASSERT_EQUAL(rte_mempool_populate_iova(mp, mem, RTE_BAD_IOVA, 2 * MIB, NULL,
			NULL), N_OBJECTS);
		TEST_CALL(mempool_is_whole(mp));
		rte_mempool_free(mp);
	}
	refuse_nothing();
	TEST_ASSERT(refused > 0 && round < 100);
	rte_mempool_free(mp);
	rte_free(mem);
	rte_fastmem_deinit();
	TEST_ASSERT(zones_all() < n_before);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	return TEST_SUCCESS;
}

/* rte_mempool populates it as far as it can, and forgets the objects, which then nobody has. */
static int
a_mempool_that_does_not_fit_has_no_objects_in_use(void)
{
	struct rte_mempool *mp;

	if (rte_eal_has_hugepages() != 0)
		return test_skip("all huge pages would be taken, which others need");
	mp = mempool_empty("vast", DRIVER_OPS, 10000, 2 * MIB, 0, 0);
	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_populate_default(mp), -ENOMEM);
	TEST_ASSERT_EQUAL(mp->populated_size, 0);
	log_begin();
	TEST_ASSERT_EQUAL(rte_mempool_populate_default(mp), -ENOMEM);
	rte_mempool_free(mp);
	TEST_ASSERT_EQUAL(log_end("in use"), 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(memory_is_fastmems_and_goes_back_to_it),
	TEST_CASE(without_io_addresses_there_are_none),
	TEST_CASE(large_objects_lie_in_memzones),
	TEST_CASE(given_memory_is_used_as_by_the_default_driver),
	TEST_CASE(virtual_memory_can_be_given),
	TEST_CASE(anonymous_memory_is_anonymous),
	TEST_CASE(a_cache_line_of_the_applications_is_the_applications),
	TEST_CASE(a_mempool_that_gets_no_memory_can_be_given_some),
	TEST_CASE(a_mempool_that_does_not_fit_has_no_objects_in_use),
	TEST_CASES_END,
};

const struct test_suite suite_mempool_memory = {
	.name = "mempool_memory",
	.about = "whose memory the objects of such mempools lie in",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
