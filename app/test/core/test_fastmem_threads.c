/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Many threads: objects that are freed elsewhere, threads that come and go.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <rte_fastmem_pool.h>
#include <rte_lcore.h>
#include <rte_ring.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define MAX_PEERS 6
#define RING_SIZE 256

/* An object on its way: what is in it. */
struct parcel {
	void *ptr;
	size_t size;
	uint64_t tag;
};

/* A thread that gives objects to the next one and takes those of the one before. */
struct peer {
	struct rte_ring *in, *out; /* of pointers to parcels, which are objects, too */
	unsigned int n_ops;
	uint64_t stream;
	uint64_t allocated, freed;
};

static struct parcel *
parcel_make(struct peer *p, struct rng *rng)
{
	size_t size = 1 + rng_below(rng, (uint64_t)16 << rng_below(rng, 12));
	struct parcel *parcel = rte_fastmem_alloc(sizeof(*parcel), 8, 0);

	if (parcel == NULL)
		return NULL;
	parcel->size = size;
	parcel->tag = rng_next(rng);
	parcel->ptr = rte_fastmem_alloc(size, rng_below(rng, 3) == 0 ? 8 : 0, 0);
	if (parcel->ptr == NULL) {
		rte_fastmem_free(parcel);
		return NULL;
	}
	pattern_fill(parcel->ptr, size, parcel->tag);
	p->allocated += 2;
	return parcel;
}

static int
parcel_open(struct peer *p, struct parcel *parcel)
{
	TEST_ASSERT(pattern_holds(parcel->ptr, parcel->size, parcel->tag), "%p of %zu",
		parcel->ptr, parcel->size);
	rte_fastmem_free(parcel->ptr);
	rte_fastmem_free_sized(parcel, sizeof(*parcel), 8);
	p->freed += 2;
	return TEST_SUCCESS;
}

/* Open what has come. Returns through end whether the last one has. */
static int
take_parcels(struct peer *p, bool *end)
{
	void *got[32];
	unsigned int i, n;

	n = rte_ring_sc_dequeue_burst(p->in, got, RTE_DIM(got), NULL);
	for (i = 0; i < n; i++) {
		if (got[i] == p->in) /* no more will come */
			*end = true;
		else
			TEST_CALL(parcel_open(p, got[i]));
	}
	return TEST_SUCCESS;
}

static int
exchange_parcels(struct peer *p)
{
	struct parcel *kept[64] = { NULL };
	bool end = false, sent = false;
	unsigned int i;
	struct rng rng;

	rng_init(&rng, p->stream);
	for (i = 0; i < p->n_ops; i++) {
		struct parcel **slot = &kept[rng_below(&rng, RTE_DIM(kept))];

		if (*slot != NULL) {
			/* Here, or over there. */
			if (rng_below(&rng, 3) == 0 ||
					rte_ring_sp_enqueue(p->out, *slot) != 0)
				TEST_CALL(parcel_open(p, *slot));
			*slot = NULL;
		} else {
			*slot = parcel_make(p, &rng);
			TEST_ASSERT(*slot != NULL);
		}
		if (i % 16 == 0)
			TEST_CALL(take_parcels(p, &end));
		if (i % 4096 == 4095)
			rte_fastmem_cache_flush();
	}
	for (i = 0; i < RTE_DIM(kept); i++)
		if (kept[i] != NULL)
			TEST_CALL(parcel_open(p, kept[i]));
	while (!sent || !end) {
		if (!sent && rte_ring_sp_enqueue(p->out, p->out) == 0)
			sent = true;
		TEST_CALL(take_parcels(p, &end));
		sched_yield();
	}
	return TEST_SUCCESS;
}

static int
peer_main(void *arg)
{
	struct peer *p = arg;
	int ret = exchange_parcels(p);

	if (ret != TEST_SUCCESS) /* let the others come to an end */
		while (rte_ring_sp_enqueue(p->out, p->out) != 0)
			sched_yield();
	return ret;
}

static int
rings_make(struct rte_ring **rings, unsigned int n)
{
	char name[RTE_RING_NAMESIZE];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "test_ring_%u", i);
		rings[i] = rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY,
				RING_F_SP_ENQ | RING_F_SC_DEQ);
		TEST_ASSERT(rings[i] != NULL);
	}
	return TEST_SUCCESS;
}

static int
run_peers(const enum worker_kind *kinds, unsigned int n, unsigned int n_ops)
{
	struct rte_fastmem_stats s;
	struct worker workers[MAX_PEERS];
	struct rte_ring *rings[MAX_PEERS];
	struct peer peers[MAX_PEERS];
	uint64_t allocated = 0, freed = 0;
	unsigned int i;
	int ret;

	TEST_CALL(rings_make(rings, n));
	for (i = 0; i < n; i++) {
		peers[i] = (struct peer){ .in = rings[i], .out = rings[(i + 1) % n],
			.n_ops = n_ops, .stream = i + 100 };
		workers[i] = (struct worker){ .kind = kinds[i], .run = peer_main,
			.arg = &peers[i] };
	}
	ret = workers_run(workers, n);
	for (i = 0; i < n; i++) {
		allocated += peers[i].allocated;
		freed += peers[i].freed;
		rte_ring_free(rings[i]);
	}
	TEST_CALL(ret);
	TEST_ASSERT_EQUAL(allocated, freed);
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT_EQUAL(s.alloc_total, allocated);
	TEST_ASSERT_EQUAL(s.free_total, freed);
	return check_live(0);
}

static int
lcores_free_what_others_allocated(void)
{
	enum worker_kind kinds[] = { WORKER_LCORE, WORKER_LCORE };

	if (workers_lcores() < 2)
		return test_skip("too few lcores");
	return run_peers(kinds, RTE_DIM(kinds), 60000);
}

static int
pthreads_free_what_others_allocated(void)
{
	enum worker_kind kinds[] = { WORKER_PTHREAD, WORKER_PTHREAD, WORKER_PTHREAD };

	return run_peers(kinds, RTE_DIM(kinds), 40000);
}

static int
threads_of_all_kinds_share_objects(void)
{
	enum worker_kind kinds[] = { WORKER_PTHREAD, WORKER_REGISTERED, WORKER_CONTROL,
		WORKER_PTHREAD, WORKER_LCORE, WORKER_LCORE };

	return run_peers(kinds, RTE_DIM(kinds) - 2 + RTE_MIN(workers_lcores(), 2u), 25000);
}

static uint32_t stop;

/* What a control thread may do at any time. */
static int
administer(void *arg)
{
	unsigned int rounds = 0;
	FILE *f = tmpfile();

	RTE_SET_USED(arg);
	TEST_ASSERT(f != NULL);
	while (rte_atomic_load_explicit(&stop, rte_memory_order_acquire) == 0) {
		struct rte_fastmem_stats s;
		void *ptr = rte_fastmem_alloc(3000, 0, 0);

		rte_fastmem_maintain();
		rte_fastmem_trim(0, SOCKET_ID_ANY);
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY,
			rounds % 2 != 0 ? SIZE_MAX : 1024 * MIB), 0);
		rte_fastmem_reserve(rounds % 3 * MIB, SOCKET_ID_ANY);
		TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
		if (rounds++ % 16 == 0) {
			rewind(f);
			rte_fastmem_dump(f);
		}
		rte_fastmem_free(ptr);
		sched_yield();
	}
	fclose(f);
	TEST_ASSERT(rounds > 0);
	return TEST_SUCCESS;
}

static int
administration_disturbs_no_one(void)
{
	struct worker admin = { .kind = WORKER_CONTROL, .run = administer };
	enum worker_kind kinds[] = { WORKER_PTHREAD, WORKER_PTHREAD, WORKER_LCORE, WORKER_LCORE };
	unsigned int n = 2 + RTE_MIN(workers_lcores(), 2u), i;
	struct rte_ring *rings[RTE_DIM(kinds)];
	struct worker workers[RTE_DIM(kinds)];
	struct peer peers[RTE_DIM(kinds)];
	int ret, ret_admin;

	stop = 0;
	TEST_CALL(rings_make(rings, n));
	TEST_CALL(workers_start(&admin, 1));
	for (i = 0; i < n; i++) {
		peers[i] = (struct peer){ .in = rings[i], .out = rings[(i + 1) % n],
			.n_ops = 20000, .stream = i + 200 };
		workers[i] = (struct worker){ .kind = kinds[i], .run = peer_main,
			.arg = &peers[i] };
	}
	ret = workers_run(workers, n);
	rte_atomic_store_explicit(&stop, 1, rte_memory_order_release);
	ret_admin = workers_join(&admin, 1);
	for (i = 0; i < n; i++)
		rte_ring_free(rings[i]);
	TEST_CALL(ret);
	TEST_CALL(ret_admin);
	return check_live(0);
}

/* One only allocates, the other only frees: magazines flow through the depot. */
struct pipe {
	struct rte_ring *ring;
	unsigned int n_bulks;
};

#define BULK 32u

static int
pipe_in(void *arg)
{
	struct pipe *pipe = arg;
	uint64_t *objs[BULK];
	unsigned int i, j;

	for (i = 0; i < pipe->n_bulks; i++) {
		TEST_ASSERT_EQUAL(rte_fastmem_alloc_bulk((void **)objs, BULK, 256, 0, 0), 0);
		for (j = 0; j < BULK; j++)
			objs[j][0] = objs[j][31] = i * BULK + j;
		while (rte_ring_sp_enqueue_bulk(pipe->ring, (void **)objs, BULK, NULL) == 0)
			sched_yield();
	}
	return TEST_SUCCESS;
}

static int
pipe_out(void *arg)
{
	struct pipe *pipe = arg;
	unsigned int i, j, wrong = 0;
	uint64_t *objs[BULK];

	for (i = 0; i < pipe->n_bulks; i++) {
		while (rte_ring_sc_dequeue_bulk(pipe->ring, (void **)objs, BULK, NULL) == 0)
			sched_yield();
		for (j = 0; j < BULK; j++)
			wrong += objs[j][0] != i * BULK + j || objs[j][31] != i * BULK + j;
		if (i % 2 == 0)
			rte_fastmem_free_bulk((void **)objs, BULK);
		else
			for (j = 0; j < BULK; j++)
				rte_fastmem_free(objs[j]);
	}
	TEST_ASSERT_EQUAL(wrong, 0);
	return TEST_SUCCESS;
}

static int
a_pipeline_needs_a_bounded_amount_of_memory(void)
{
	enum worker_kind kind = workers_lcores() >= 2 ? WORKER_LCORE : WORKER_PTHREAD;
	struct pipe pipe = { .n_bulks = 20000 };
	struct worker workers[2] = {
		{ .kind = kind, .run = pipe_in, .arg = &pipe },
		{ .kind = kind, .run = pipe_out, .arg = &pipe },
	};
	struct rte_fastmem_class_stats c;
	int ret;

	TEST_CALL(rings_make(&pipe.ring, 1));
	ret = workers_run(workers, 2);
	rte_ring_free(pipe.ring);
	TEST_CALL(ret);
	TEST_ASSERT_EQUAL(rte_fastmem_stats_class(256, &c), 0);
	TEST_ASSERT_EQUAL(c.in_use, 0);
	TEST_ASSERT_EQUAL(c.alloc_cache_hits + c.alloc_cache_misses, 20000 * BULK);
	/* The ring, both caches and the depot: not the 160 MB that went through. */
	TEST_ASSERT(stats_backing() <= 16 * MIB, "%" PRIu64, stats_backing());
	return check_live(0);
}

#define SHORT_LIVES 1000
#define PER_LIFE 60

static void *heritage[SHORT_LIVES][PER_LIFE];

/* Frees half of what it allocates, and what an earlier thread has left. */
static int
live_shortly(void *arg)
{
	unsigned int life = *(unsigned int *)arg, i;

	for (i = 0; i < PER_LIFE; i++) {
		size_t size = 16 + (life * 37 + i * 101) % 3000;

		heritage[life][i] = rte_fastmem_alloc(size, 8, 0);
		TEST_ASSERT(heritage[life][i] != NULL);
		pattern_fill(heritage[life][i], size, life * PER_LIFE + i);
	}
	for (i = 0; i < PER_LIFE / 2; i++)
		rte_fastmem_free(heritage[life][i]);
	for (i = PER_LIFE / 2; life >= 10 && i < PER_LIFE; i++) {
		unsigned int before = life - 10;
		size_t size = 16 + (before * 37 + i * 101) % 3000;

		TEST_ASSERT(pattern_holds(heritage[before][i], size, before * PER_LIFE + i));
		rte_fastmem_free(heritage[before][i]);
	}
	return TEST_SUCCESS;
}

static int
a_thousand_short_lived_threads_leave_nothing_behind(void)
{
	unsigned int life, i, at_once, numbers[4];
	uint64_t metadata = 0, backing = 0;
	struct rte_fastmem_stats s;
	struct worker workers[4];

	for (life = 0; life < SHORT_LIVES; life += at_once) {
		at_once = RTE_MIN(1 + life % 4, SHORT_LIVES - life);
		for (i = 0; i < at_once; i++) {
			numbers[i] = life + i;
			workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .arg = &numbers[i],
				.run = live_shortly };
		}
		TEST_CALL(workers_run(workers, at_once));
		if (life < SHORT_LIVES / 2) {
			TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
			metadata = s.bytes_metadata;
			backing = s.bytes_backing;
		}
	}
	TEST_CALL(check_live(10 * PER_LIFE / 2));
	TEST_ASSERT_EQUAL(rte_fastmem_stats(&s), 0);
	TEST_ASSERT(s.bytes_metadata <= metadata + MIB, "grew with the number of threads");
	TEST_ASSERT(s.bytes_backing <= backing + backing / 4, "grew with the number of threads");
	for (life = SHORT_LIVES - 10; life < SHORT_LIVES; life++)
		rte_fastmem_free_bulk(heritage[life] + PER_LIFE / 2, PER_LIFE / 2);
	TEST_CALL(check_live(0));
	/* Nothing is left in a cache of theirs. */
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(zones_chunks() <= rte_socket_count());
	return TEST_SUCCESS;
}

/* Threads that fight for too little memory. */
static int
go_hungry(void *arg)
{
	static const size_t sizes[] = { 64, 500, 4096, 30000, 200000 };
	unsigned int i, n = 0, refused = 0;
	void *mine[400];
	struct rng rng;

	rng_init(&rng, *(unsigned int *)arg);
	for (i = 0; i < 8000; i++) {
		size_t size = sizes[rng_below(&rng, RTE_DIM(sizes))];

		if (n < RTE_DIM(mine) && rng_below(&rng, 100) < 60) {
			mine[n] = rte_fastmem_alloc(size, 0, 0);
			if (mine[n] != NULL) {
				memset(mine[n], n, 64);
				n++;
			} else {
				TEST_ASSERT_EQUAL(rte_errno, ENOMEM);
				refused++;
			}
		} else if (n > 0) {
			rte_fastmem_free(mine[--n]);
		}
		if (refused > 0 && rng_below(&rng, 200) == 0) {
			rte_fastmem_free_bulk(mine, n);
			n = 0;
		}
	}
	rte_fastmem_free_bulk(mine, n);
	return TEST_SUCCESS;
}

static int
a_limit_shared_by_threads_loses_nothing(void)
{
	struct worker workers[4];
	unsigned int i, numbers[4];
	void *ptr;

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 8 * MIB), 0);
	for (i = 0; i < 4; i++) {
		numbers[i] = i;
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = go_hungry,
			.arg = &numbers[i] };
	}
	TEST_CALL(workers_run(workers, 4));
	TEST_CALL(check_live(0));
	TEST_ASSERT(stats_nomem() > 0, "nobody went hungry");
	TEST_ASSERT(stats_backing() <= 8 * MIB * rte_socket_count());
	ptr = rte_fastmem_alloc(MIB, 0, 0);
	TEST_ASSERT(ptr != NULL, "the threads have left it all");
	rte_fastmem_free(ptr);
	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT(zones_chunks() <= rte_socket_count());
	return TEST_SUCCESS;
}

static int
use_all_sizes(void *arg)
{
	unsigned int i;
	size_t size;

	RTE_SET_USED(arg);
	for (i = 0; i < 20; i++) {
		for (size = 8; size <= MIB; size *= 2) {
			void *ptr = rte_fastmem_alloc(size, 8, 0);

			TEST_ASSERT(ptr != NULL);
			pattern_fill(ptr, size, i);
			TEST_ASSERT(pattern_holds(ptr, size, i));
			rte_fastmem_free(ptr);
		}
	}
	return TEST_SUCCESS;
}

/* Worker lcores outlive fastmem: their caches of before must not be used again. */
static int
init_works_again_for_threads_that_used_it_before(void)
{
	unsigned int i, round, n = workers_lcores();
	struct worker workers[RTE_MAX_LCORE];

	if (n == 0)
		return test_skip("no lcore beside the main one");
	for (round = 0; round < 4; round++) {
		for (i = 0; i < n; i++)
			workers[i] = (struct worker){ .kind = WORKER_LCORE, .run = use_all_sizes };
		TEST_CALL(workers_run(workers, n));
		TEST_CALL(check_live(0));
		rte_fastmem_deinit();
		TEST_ASSERT_EQUAL(zones_fastmem(), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	}
	return TEST_SUCCESS;
}

/* What a thread takes of the bookkeeping's memory: the guide has the figures. */

#define THREAD_BYTES (36 * KIB) /* with one socket; and of each further one: */
#define SOCKET_BYTES (20 * KIB)

static uint64_t
meta_taken(void)
{
	const struct fastmem_meta *meta = &fastmem_ctl()->meta;

	return meta->bytes - (meta->end - meta->cur);
}

static int
take_caches(void *arg)
{
	uint64_t before = meta_taken();
	struct fastmem_tcache *t = fastmem_tcache_self(false);

	RTE_SET_USED(arg);
	TEST_ASSERT(t != NULL);
	TEST_ASSERT(meta_taken() > before, "it has those of another thread");
	TEST_ASSERT(meta_taken() - before <= THREAD_BYTES +
		(fastmem_ctl()->n_sockets - 1) * SOCKET_BYTES);
	return TEST_SUCCESS;
}

static int
run_in_a_thread(int (*run)(void *), void *arg)
{
	struct worker worker = { .kind = WORKER_PTHREAD, .run = run, .arg = arg };

	return workers_run(&worker, 1);
}

static int
a_thread_takes_what_the_guide_says(void)
{
	TEST_ASSERT_EQUAL(fastmem_meta_grow(MIB), 0); /* no zone is begun meanwhile */
	return run_in_a_thread(take_caches, NULL);
}

static struct rte_fastmem_pool *
full_pool(const char *name, uint32_t n)
{
	const struct rte_fastmem_pool_params params = { .name = name, .size = 64, .min = n,
		.max = n, .socket_id = SOCKET_ID_ANY };

	return rte_fastmem_pool_create(&params);
}

static int
use_a_pool(void *arg)
{
	struct rte_fastmem_pool *pool = arg;
	struct fastmem_tcache *t = fastmem_tcache_self(true);
	unsigned int bin = fastmem_pool(pool)->bin;
	void *obj;

	TEST_ASSERT(t != NULL);
	TEST_ASSERT(fastmem_counts(t, bin) == NULL);
	obj = rte_fastmem_pool_get(pool);
	TEST_ASSERT(obj != NULL);
	TEST_ASSERT(fastmem_counts(t, bin) != NULL);
	rte_fastmem_pool_put(pool, obj);
	return TEST_SUCCESS;
}

static int
counts_of_pools_come_with_a_threads_first_use_of_one(void)
{
	struct rte_fastmem_pool *pool = full_pool("counts", 100);
	int ret;

	TEST_ASSERT(pool != NULL);
	ret = run_in_a_thread(use_a_pool, pool);
	rte_fastmem_pool_free(pool);
	return ret;
}

#define POOL_OBJECTS 100

static int
use_a_pool_without_memory_for_counts(void *arg)
{
	struct rte_fastmem_pool *pool = arg;
	struct fastmem_tcache *t = fastmem_tcache_self(true);
	struct rte_fastmem_process p;
	void *objs[POOL_OBJECTS];
	unsigned int i;

	TEST_ASSERT(t != NULL);
	while (fastmem_meta_alloc(RTE_CACHE_LINE_SIZE, false) != NULL)
		;
	for (i = 0; i < POOL_OBJECTS; i++) {
		objs[i] = rte_fastmem_pool_get(pool);
		TEST_ASSERT(objs[i] != NULL);
	}
	TEST_ASSERT(rte_fastmem_pool_get(pool) == NULL);
	TEST_ASSERT(fastmem_counts(t, fastmem_pool(pool)->bin) == NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), POOL_OBJECTS);
	TEST_ASSERT_EQUAL(rte_fastmem_processes(&p, 1), 1);
	TEST_ASSERT_EQUAL(p.n_objects, POOL_OBJECTS);
	for (i = 0; i < POOL_OBJECTS / 2; i++)
		rte_fastmem_pool_put(pool, objs[i]);
	rte_fastmem_pool_put_bulk(pool, objs + i, POOL_OBJECTS - i);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_processes(&p, 1), 1);
	TEST_ASSERT_EQUAL(p.n_objects, 0);
	rte_fastmem_stats_reset();
	return TEST_SUCCESS;
}

static int
a_thread_without_memory_for_counts_uses_pools(void)
{
	struct rte_fastmem_pool *pool = full_pool("uncounted", POOL_OBJECTS);
	int ret;

	TEST_ASSERT(pool != NULL);
	ret = run_in_a_thread(use_a_pool_without_memory_for_counts, pool);
	rte_fastmem_pool_free(pool);
	TEST_CALL(ret);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(lcores_free_what_others_allocated),
	TEST_CASE(pthreads_free_what_others_allocated),
	TEST_CASE(threads_of_all_kinds_share_objects),
	TEST_CASE(administration_disturbs_no_one),
	TEST_CASE_UNCHECKED(a_pipeline_needs_a_bounded_amount_of_memory),
	TEST_CASE(a_thousand_short_lived_threads_leave_nothing_behind),
	TEST_CASE(a_limit_shared_by_threads_loses_nothing),
	TEST_CASE(init_works_again_for_threads_that_used_it_before),
	TEST_CASE_UNCHECKED(a_thread_takes_what_the_guide_says),
	TEST_CASE_UNCHECKED(counts_of_pools_come_with_a_threads_first_use_of_one),
	TEST_CASE_UNCHECKED(a_thread_without_memory_for_counts_uses_pools),
	TEST_CASES_END
};

const struct test_suite suite_threads = {
	.name = "threads",
	.about = "lcores, pthreads, registered and control threads at once",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
