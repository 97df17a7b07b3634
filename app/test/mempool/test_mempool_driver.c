/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The mempool driver: mempools promise with it what they promise with any other.
 */

#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include "mempool_calls.h"
#include "test_fastmem.h"
#include "test_mempools.h"

struct rte_mempool *
mempool_empty(const char *name, const char *ops, unsigned int n, unsigned int size,
		unsigned int cache, unsigned int flags)
{
	struct rte_mempool *mp = rte_mempool_create_empty(name, n, size, cache, 0,
			SOCKET_ID_ANY, flags);

	if (mp != NULL && rte_mempool_set_ops_byname(mp, ops, NULL) != 0) {
		fprintf(stderr, "there are no mempool ops '%s'\n", ops);
		rte_mempool_free(mp);
		return NULL;
	}
	return mp;
}

struct rte_mempool *
mempool_make(const char *name, unsigned int n, unsigned int size, unsigned int cache,
		unsigned int flags)
{
	struct rte_mempool *mp = mempool_empty(name, DRIVER_OPS, n, size, cache, flags);
	int ret = mp != NULL ? rte_mempool_populate_default(mp) : -rte_errno;

	if (ret == (int)n)
		return mp;
	fprintf(stderr, "mempool %s of %u objects: %d\n", name, n, ret);
	rte_mempool_free(mp);
	return NULL;
}

unsigned int
mempool_take(struct rte_mempool *mp, void **objs, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && mempool_get(mp, &objs[n]) == 0)
		n++;
	return n;
}

static int
pointers_compare(const void *a, const void *b)
{
	void *const *pa = a, *const *pb = b;

	return (*pa > *pb) - (*pa < *pb);
}

static int
is_whole(struct rte_mempool *mp, void **objs)
{
	unsigned int i;

	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), mp->size);
	TEST_ASSERT_EQUAL(mempool_take(mp, objs, mp->size + 1), mp->size);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), 0);
	TEST_ASSERT_EQUAL(rte_mempool_in_use_count(mp), mp->size);
	mempool_put_bulk(mp, objs, mp->size);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), mp->size);
	qsort(objs, mp->size, sizeof(objs[0]), pointers_compare);
	for (i = 0; i < mp->size; i++) {
		TEST_ASSERT(i == 0 || objs[i] != objs[i - 1], "%p was had twice", objs[i]);
		TEST_ASSERT(rte_mempool_from_obj(objs[i]) == mp);
	}
	return TEST_SUCCESS;
}

int
mempool_is_whole(struct rte_mempool *mp)
{
	void **objs = calloc(mp->size + 1, sizeof(objs[0]));
	int ret;

	TEST_ASSERT(objs != NULL);
	ret = is_whole(mp, objs);
	free(objs);
	return ret;
}

/* The numbers of objects, and of those in a cache: none, few, most there can be. */
static const unsigned int counts[] = { 1, 2, 63, 1000, 5000 };
static const unsigned int caches[] = { 0, 8, RTE_MEMPOOL_CACHE_MAX_SIZE };

static int
all_objects_can_be_had_and_no_more(void)
{
	struct rte_mempool *mp;
	unsigned int i, c;

	for (i = 0; i < RTE_DIM(counts); i++) {
		for (c = 0; c < RTE_DIM(caches); c++) {
			if (caches[c] * 3 / 2 > counts[i])
				continue;
			mp = mempool_make("whole", counts[i], 100, caches[c], 0);
			TEST_ASSERT(mp != NULL);
			TEST_CALL(mempool_is_whole(mp));
			TEST_CALL(mempool_is_whole(mp));
			rte_mempool_free(mp);
		}
	}
	return TEST_SUCCESS;
}

static int
a_bulk_is_all_or_nothing(void)
{
	void *objs[301] = { NULL };
	struct rte_mempool *mp = mempool_make("bulk", 300, 200, 0, 0);
	unsigned int n;

	TEST_ASSERT(mp != NULL);
	for (n = 1; n <= 300; n++) {
		TEST_ASSERT_EQUAL(mempool_get_bulk(mp, objs, n), 0);
		TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), 300 - n);
		TEST_ASSERT_EQUAL(mempool_get_bulk(mp, objs + n, 301 - n), -ENOBUFS);
		TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), 300 - n);
		mempool_put_bulk(mp, objs, n);
		TEST_ASSERT(rte_mempool_full(mp));
	}
	TEST_ASSERT_EQUAL(mempool_get_bulk(mp, objs, 301), -ENOBUFS);
	TEST_ASSERT_EQUAL(mempool_get_bulk(mp, objs, 0), 0);
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

/* rte_mempool asks for more than it needs, into its cache, and uses that as it was if it fails. */
static int
a_get_that_fails_writes_nothing(void)
{
	void *objs[300], *more[301], *mark = &mark;
	struct rte_mempool *mp = mempool_make("fails", RTE_DIM(objs), 200, 0, 0);
	unsigned int taken, n, i;

	TEST_ASSERT(mp != NULL);
	for (taken = 0; taken <= RTE_DIM(objs); taken += 50) {
		if (taken > 0)
			TEST_ASSERT_EQUAL(mempool_get_bulk(mp, objs, taken), 0);
		for (n = RTE_DIM(objs) - taken + 1; n <= RTE_DIM(more); n += 7) {
			for (i = 0; i < n; i++)
				more[i] = mark;
			TEST_ASSERT_EQUAL(mempool_get_bulk(mp, more, n), -ENOBUFS);
			for (i = 0; i < n; i++)
				TEST_ASSERT(more[i] == mark, "%u of %u, %u taken", i, n, taken);
		}
		if (taken > 0)
			mempool_put_bulk(mp, objs, taken);
	}
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static const unsigned int all_flags[] = {
	0,
	RTE_MEMPOOL_F_NO_SPREAD,
	RTE_MEMPOOL_F_NO_CACHE_ALIGN,
	RTE_MEMPOOL_F_SP_PUT,
	RTE_MEMPOOL_F_SC_GET,
	RTE_MEMPOOL_F_SP_PUT | RTE_MEMPOOL_F_SC_GET,
	RTE_MEMPOOL_F_NO_IOVA_CONTIG,
	RTE_MEMPOOL_F_NO_IOVA_CONTIG | RTE_MEMPOOL_F_NO_CACHE_ALIGN,
};
static const unsigned int sizes[] = { 0, 1, 8, 40, 64, 65, 2048 + 128, 9000, 70000 };

/* The object is aligned, its header says what it should, and it is written all over. */
static int
object_is_sound(struct rte_mempool *mp, void *obj, unsigned int i)
{
	size_t align = mp->flags & RTE_MEMPOOL_F_NO_CACHE_ALIGN ? 8 : RTE_MEMPOOL_ALIGN;
	bool no_io = (mp->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG) != 0;

	TEST_ASSERT_EQUAL((uintptr_t)obj % align, 0, "%p", obj);
	TEST_ASSERT(rte_mempool_from_obj(obj) == mp);
	TEST_ASSERT_EQUAL(rte_mempool_virt2iova(obj),
		no_io ? RTE_BAD_IOVA : rte_mem_virt2iova(obj));
	if (mp->elt_size > 0)
		pattern_fill(obj, mp->elt_size, i);
	return TEST_SUCCESS;
}

static int
objects_are_sound(struct rte_mempool *mp)
{
	void *objs[128];
	unsigned int i;

	TEST_ASSERT_EQUAL(mempool_take(mp, objs, RTE_DIM(objs)), mp->size);
	for (i = 0; i < mp->size; i++)
		TEST_CALL(object_is_sound(mp, objs[i], i));
	for (i = 0; i < mp->size; i++) {
		TEST_ASSERT(mp->elt_size == 0 || pattern_holds(objs[i], mp->elt_size, i));
		TEST_ASSERT(rte_mempool_from_obj(objs[i]) == mp, "overwritten");
	}
	mempool_put_bulk(mp, objs, mp->size);
	return TEST_SUCCESS;
}

static int
each_flag_and_size_gives_sound_objects(void)
{
	struct rte_mempool *mp;
	unsigned int f, s;

	for (f = 0; f < RTE_DIM(all_flags); f++) {
		for (s = 0; s < RTE_DIM(sizes); s++) {
			mp = mempool_make("sound", 100, sizes[s], 0, all_flags[f]);
			TEST_ASSERT(mp != NULL, "size %u, flags %x", sizes[s], all_flags[f]);
			TEST_CALL(objects_are_sound(mp));
			TEST_CALL(mempool_is_whole(mp));
			rte_mempool_free(mp);
		}
	}
	return TEST_SUCCESS;
}

static void
object_tag(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	unsigned int *calls = arg;

	pattern_fill(obj, mp->elt_size, i);
	*calls += 1;
}

static void
object_check(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	unsigned int *wrong = arg;

	*wrong += !pattern_holds(obj, mp->elt_size, i);
}

static int
objects_keep_what_their_constructor_has_written(void)
{
	void *objs[700];
	struct rte_mempool *mp = mempool_make("kept", RTE_DIM(objs), 300, 32, 0);
	unsigned int calls = 0, wrong = 0, i;

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_obj_iter(mp, object_tag, &calls), RTE_DIM(objs));
	TEST_ASSERT_EQUAL(calls, RTE_DIM(objs));
	for (i = 0; i < 4; i++) {
		TEST_ASSERT_EQUAL(mempool_take(mp, objs, RTE_DIM(objs)), RTE_DIM(objs));
		/* While none is free: AddressSanitizer is told that nobody may look at those. */
		rte_mempool_obj_iter(mp, object_check, &wrong);
		TEST_ASSERT_EQUAL(wrong, 0);
		mempool_put_bulk(mp, objs, RTE_DIM(objs));
	}
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static int
objects_are_put_and_got_by_any_cache(void)
{
	void *objs[400];
	struct rte_mempool *mp = mempool_make("caches", RTE_DIM(objs), 64, 0, 0);
	struct rte_mempool_cache *cache = rte_mempool_cache_create(32, SOCKET_ID_ANY);
	unsigned int i;

	TEST_ASSERT(mp != NULL && cache != NULL);
	for (i = 0; i + 20 <= RTE_DIM(objs); i += 20)
		TEST_ASSERT_EQUAL(rte_mempool_generic_get(mp, objs + i, 20, cache), 0);
	rte_mempool_generic_put(mp, objs, i, cache);
	rte_mempool_cache_flush(cache, mp);
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_cache_free(cache);
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

/* Threads. */

#define ROUNDS 3000
#define HELD 20
#define ROOM 64 /* gcc takes what rte_memcpy() does for more for an overrun */

struct contender {
	struct rte_mempool *mp;
	uint64_t stream;
};

/* Each object that a thread holds is its own: it says so in the object, and finds it unchanged. */
static int
contend(void *arg)
{
	const struct contender *self = arg;
	unsigned int i, n, round;
	void *objs[ROOM];
	struct rng rng;

	rng_init(&rng, self->stream);
	for (round = 0; round < ROUNDS; round++) {
		n = rng_below(&rng, HELD) + 1;
		if (mempool_get_bulk(self->mp, objs, n) != 0)
			continue;
		for (i = 0; i < n; i++)
			pattern_fill(objs[i], 64, self->stream << 32 | round);
		for (i = 0; i < n; i++)
			TEST_ASSERT(pattern_holds(objs[i], 64, self->stream << 32 | round));
		mempool_put_bulk(self->mp, objs, n);
	}
	return TEST_SUCCESS;
}

/* Fewer objects than the threads want at times, so that some fail, and steal. */
static int
threads_contend(unsigned int n, unsigned int cache)
{
	struct rte_mempool *mp = mempool_make("threads", n, 64, cache, 0);
	struct contender contenders[4];
	struct worker workers[4];
	unsigned int i;

	TEST_ASSERT(mp != NULL);
	for (i = 0; i < RTE_DIM(workers); i++) {
		contenders[i] = (struct contender){ mp, i + 1 };
		workers[i] = (struct worker){
			.kind = i % 2 != 0 ? WORKER_PTHREAD :
				i < workers_lcores() ? WORKER_LCORE : WORKER_CONTROL,
			.run = contend,
			.arg = &contenders[i],
		};
	}
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), n);
	if (cache == 0)
		TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static int
threads_never_have_the_same_object(void)
{
	TEST_CALL(threads_contend(50, 0));
	TEST_CALL(threads_contend(2000, 0));
	TEST_CALL(threads_contend(50, 8));
	TEST_CALL(threads_contend(2000, 256));
	return TEST_SUCCESS;
}

static int
take_and_put_all(void *arg)
{
	return mempool_is_whole(arg);
}

static int
what_other_threads_have_put_can_be_had(void)
{
	struct rte_mempool *mp = mempool_make("elsewhere", 1000, 128, 0, 0);
	struct worker worker = { .kind = WORKER_PTHREAD, .run = take_and_put_all, .arg = mp };
	unsigned int i;

	TEST_ASSERT(mp != NULL);
	for (i = 0; i < 5; i++) {
		TEST_CALL(workers_run(&worker, 1));
		TEST_CALL(mempool_is_whole(mp));
	}
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

/* Life cycle. */

static int
lost_objects_are_warned_of_and_cached_ones_are_not(void)
{
	unsigned int c, lost;
	void *objs[500];

	for (c = 0; c < RTE_DIM(caches); c++) {
		for (lost = 0; lost < 4; lost += 3) {
			struct rte_mempool *mp = mempool_make("lost", 1000, 64, caches[c], 0);

			TEST_ASSERT(mp != NULL);
			TEST_ASSERT_EQUAL(mempool_take(mp, objs, RTE_DIM(objs)), RTE_DIM(objs));
			mempool_put_bulk(mp, objs + lost, RTE_DIM(objs) - lost);
			log_begin();
			rte_mempool_free(mp);
			TEST_ASSERT_EQUAL(log_end("with 3 objects in use"), lost > 0,
				"%u lost, cache of %u", lost, caches[c]);
		}
	}
	return TEST_SUCCESS;
}

static int
what_goes_well_is_logged_at_level_debug_only(void)
{
	struct rte_mempool *mp;
	unsigned int n;

	TEST_ASSERT_EQUAL(rte_log_set_level_regexp(".*fastmem", RTE_LOG_INFO), 0);
	log_begin();
	mp = mempool_make("well", 1000, 64, 0, 0);
	rte_mempool_free(mp);
	n = log_end("");
	TEST_ASSERT_EQUAL(rte_log_set_level_regexp(".*fastmem", RTE_LOG_NOTICE), 0);
	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(n, 0);
	return TEST_SUCCESS;
}

static int
a_mempool_that_is_not_populated_is_empty(void)
{
	struct rte_mempool *mp = mempool_empty("empty", DRIVER_OPS, 10, 64, 0, 0);
	FILE *f = tmpfile();

	TEST_ASSERT(mp != NULL && f != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), 0);
	rte_mempool_dump(f, mp);
	TEST_ASSERT(ftell(f) > 0);
	fclose(f);
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static int
the_first_mempool_starts_fastmem(void)
{
	struct rte_mempool *mp;

	rte_fastmem_deinit();
	mp = mempool_make("first", 100, 64, 0, 0);
	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -EBUSY);
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static int
names_can_be_used_again_and_not_twice_at_once(void)
{
	struct rte_mempool *mp;
	unsigned int i;

	/* More often than there may be pools. */
	for (i = 0; i < RTE_FASTMEM_MAX_POOLS + 10; i++) {
		mp = mempool_make("again", 10, 64, 0, 0);
		TEST_ASSERT(mp != NULL, "number %u", i);
		TEST_ASSERT(mempool_empty("again", DRIVER_OPS, 10, 64, 0, 0) == NULL);
		rte_mempool_free(mp);
	}
	return TEST_SUCCESS;
}

/* mbufs. */

static int
mbufs_come_from_it(void)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create_by_ops("mbufs", 1023, 128, 16,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, DRIVER_OPS);
	struct rte_mbuf *mbufs[1024];
	unsigned int i;

	TEST_ASSERT(mp != NULL, "%s", rte_strerror(rte_errno));
	TEST_ASSERT_EQUAL(rte_pktmbuf_alloc_bulk(mp, mbufs, 1000), 0);
	for (i = 0; i < 1000; i++) {
		const char *reason = "";

		TEST_ASSERT(rte_fastmem_contains(mbufs[i]));
		TEST_ASSERT_EQUAL(rte_mbuf_check(mbufs[i], 1, &reason), 0, "%s", reason);
		TEST_ASSERT_EQUAL(rte_pktmbuf_tailroom(mbufs[i]),
			RTE_MBUF_DEFAULT_BUF_SIZE - RTE_PKTMBUF_HEADROOM);
		memset(rte_pktmbuf_append(mbufs[i], 1500), i, 1500);
	}
	rte_pktmbuf_free_bulk(mbufs, 1000);
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	return TEST_SUCCESS;
}

static int
mbufs_of_the_applications_buffers_come_from_it(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve("test_extbuf", MIB, SOCKET_ID_ANY,
			RTE_MEMZONE_IOVA_CONTIG);
	struct rte_pktmbuf_extmem mem;
	struct rte_mempool *mp;
	struct rte_mbuf *mbuf;

	TEST_ASSERT(mz != NULL);
	mem = (struct rte_pktmbuf_extmem){ mz->addr, mz->iova, mz->len, 2048 };
	TEST_ASSERT_EQUAL(rte_mbuf_set_user_mempool_ops(DRIVER_OPS), 0);
	mp = rte_pktmbuf_pool_create_extbuf("extbufs", 500, 0, 0, 2048, SOCKET_ID_ANY, &mem, 1);
	TEST_ASSERT_EQUAL(rte_mbuf_set_user_mempool_ops("ring_mp_mc"), 0);
	TEST_ASSERT(mp != NULL, "%s", rte_strerror(rte_errno));
	mbuf = rte_pktmbuf_alloc(mp);
	TEST_ASSERT(mbuf != NULL && rte_fastmem_contains(mbuf));
	TEST_ASSERT(RTE_PTR_DIFF(mbuf->buf_addr, mz->addr) < mz->len);
	rte_pktmbuf_free(mbuf);
	TEST_CALL(mempool_is_whole(mp));
	rte_mempool_free(mp);
	rte_memzone_free(mz);
	return TEST_SUCCESS;
}

/* EAL keeps what mbuf pools are to use in a memzone. */
static int
mempool_up(void)
{
	TEST_ASSERT_EQUAL(rte_mbuf_set_user_mempool_ops("ring_mp_mc"), 0);
	return fastmem_up();
}

static const struct test_case cases[] = {
	TEST_CASE(all_objects_can_be_had_and_no_more),
	TEST_CASE(a_bulk_is_all_or_nothing),
	TEST_CASE(a_get_that_fails_writes_nothing),
	TEST_CASE(each_flag_and_size_gives_sound_objects),
	TEST_CASE(objects_keep_what_their_constructor_has_written),
	TEST_CASE(objects_are_put_and_got_by_any_cache),
	TEST_CASE(threads_never_have_the_same_object),
	TEST_CASE(what_other_threads_have_put_can_be_had),
	TEST_CASE_UNCHECKED(lost_objects_are_warned_of_and_cached_ones_are_not),
	TEST_CASE(what_goes_well_is_logged_at_level_debug_only),
	TEST_CASE(a_mempool_that_is_not_populated_is_empty),
	TEST_CASE(the_first_mempool_starts_fastmem),
	TEST_CASE(names_can_be_used_again_and_not_twice_at_once),
	TEST_CASE(mbufs_come_from_it),
	TEST_CASE(mbufs_of_the_applications_buffers_come_from_it),
	TEST_CASES_END,
};

const struct test_suite suite_mempool = {
	.name = "mempool",
	.about = "mempools with the driver \"fastmem\"",
	.setup = mempool_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
