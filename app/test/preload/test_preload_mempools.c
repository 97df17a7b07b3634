/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Mempools of each kind that DPDK has, of a program that knows nothing of fastmem. They are used to
 * the last object; for each a line tells whose ops it has then.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_crypto.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
#include <rte_mempool.h>

#include "mempool_calls.h"
#include "test_preload.h"

#define N 500
#define SIZE 200
#define MANY 300
#define SHARED "shared"

/* Ops of the program's own. */

struct own {
	unsigned int n;
	void *objs[N];
};

static int
own_alloc(struct rte_mempool *mp)
{
	mp->pool_data = calloc(1, sizeof(struct own));
	return mp->pool_data != NULL ? 0 : -ENOMEM;
}

static void
own_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int
own_enqueue(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	struct own *own = mp->pool_data;

	if (own->n + n > N)
		return -ENOBUFS;
	memcpy(&own->objs[own->n], objs, n * sizeof(*objs));
	own->n += n;
	return 0;
}

static int
own_dequeue(struct rte_mempool *mp, void **objs, unsigned int n)
{
	struct own *own = mp->pool_data;

	if (n > own->n)
		return -ENOBUFS;
	own->n -= n;
	memcpy(objs, &own->objs[own->n], n * sizeof(*objs));
	return 0;
}

static unsigned int
own_get_count(const struct rte_mempool *mp)
{
	return ((const struct own *)mp->pool_data)->n;
}

static const struct rte_mempool_ops own_ops = {
	.name = "own",
	.alloc = own_alloc,
	.free = own_free,
	.enqueue = own_enqueue,
	.dequeue = own_dequeue,
	.get_count = own_get_count,
};

RTE_MEMPOOL_REGISTER_OPS(own_ops);

/* Use. */

static int
by_address(const void *a, const void *b)
{
	const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/* Each object can be got once, is the mempool's, and apart from the others. */
static int
use_all(struct rte_mempool *mp)
{
	void **objs = calloc(mp->size, sizeof(*objs)), *none;
	unsigned int i, n = mp->size;

	TEST_ASSERT(objs != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), n, "%s", mp->name);
	for (i = 0; i < n; i++) {
		TEST_ASSERT_EQUAL(mempool_get(mp, &objs[i]), 0, "%s %u", mp->name, i);
		TEST_ASSERT(rte_mempool_from_obj(objs[i]) == mp);
	}
	TEST_ASSERT(mempool_get(mp, &none) != 0);
	qsort(objs, n, sizeof(*objs), by_address);
	for (i = 1; i < n; i++)
		TEST_ASSERT((uintptr_t)objs[i] - (uintptr_t)objs[i - 1] >= mp->elt_size);
	mempool_put_bulk(mp, objs, n);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), n, "%s", mp->name);
	free(objs);
	return 0;
}

static const char *
ops_of(const struct rte_mempool *mp)
{
	return rte_mempool_get_ops(mp->ops_index)->name;
}

static int
use(struct rte_mempool *mp, const char *kind)
{
	TEST_ASSERT(mp != NULL, "%s: %s", kind, rte_strerror(rte_errno));
	TEST_CALL(use_all(mp));
	printf("%s: %s\n", kind, ops_of(mp));
	rte_mempool_free(mp);
	return 0;
}

static struct rte_mempool *
empty(const char *name, unsigned int size, const char *ops)
{
	struct rte_mempool *mp = rte_mempool_create_empty(name, size > SIZE ? 2 : N, size, 0, 0,
		rte_socket_id(), 0);

	if (mp != NULL && rte_mempool_set_ops_byname(mp, ops, NULL) != 0) {
		rte_mempool_free(mp);
		mp = NULL;
	}
	return mp;
}

static int
use_default(const char *name, unsigned int size, const char *ops, const char *kind)
{
	struct rte_mempool *mp = empty(name, size, ops);

	TEST_ASSERT(mp != NULL, "%s", kind);
	TEST_ASSERT(rte_mempool_populate_default(mp) > 0, "%s", kind);
	return use(mp, kind);
}

/* How many of its objects it gives depends on their size, and that of pages. */
static int
use_bucket(void)
{
	struct rte_mempool *mp = empty("bucket", SIZE, "bucket");
	void *obj;

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT(rte_mempool_populate_default(mp) > 0);
	TEST_ASSERT_EQUAL(mempool_get(mp, &obj), 0);
	mempool_put(mp, obj);
	printf("ops bucket: %s\n", ops_of(mp));
	rte_mempool_free(mp);
	return 0;
}

/* rte_mempool_create(): its flags say which ring. */
static int
use_created(const char *name, unsigned int cache, unsigned int flags, const char *kind)
{
	return use(rte_mempool_create(name, N, SIZE, cache, 0, NULL, NULL, NULL, NULL,
		rte_socket_id(), flags), kind);
}

static int
use_given_memory(void)
{
	struct rte_mempool *mp = empty("given", SIZE, "ring_mp_mc");
	size_t bytes = 1 << 20;
	void *memory = rte_malloc(NULL, bytes, 4096);

	TEST_ASSERT(mp != NULL && memory != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_populate_iova(mp, memory, RTE_BAD_IOVA, bytes, NULL, NULL), N);
	TEST_CALL(use(mp, "memory of the program's"));
	rte_free(memory);
	return 0;
}

static int
use_anonymous_memory(void)
{
	struct rte_mempool *mp = empty("anon", SIZE, "ring_mp_mc");

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_populate_anon(mp), N);
	return use(mp, "rte_mempool_populate_anon()");
}

#define BUFFERS (N * 2048u) /* within a huge page */

static int
use_buffers(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve("buffers", BUFFERS, SOCKET_ID_ANY,
		RTE_MEMZONE_IOVA_CONTIG);
	struct rte_pktmbuf_extmem area = { .elt_size = 2048 };

	TEST_ASSERT(mz != NULL);
	area.buf_ptr = mz->addr;
	area.buf_iova = mz->iova;
	area.buf_len = mz->len;
	TEST_CALL(use(rte_pktmbuf_pool_create_extbuf("extbuf", N, 0, 0, 2048, rte_socket_id(),
		&area, 1), "rte_pktmbuf_pool_create_extbuf()"));
	rte_memzone_free(mz);
	return 0;
}

/* Of what other libraries make. */
static int
use_of_libraries(void)
{
	struct rte_mempool *mp = rte_cryptodev_sym_session_pool_create("sessions", N, 0, 0, 0,
		rte_socket_id());

	TEST_CALL(use(mp, "rte_cryptodev_sym_session_pool_create()"));
	mp = rte_crypto_op_pool_create("ops", RTE_CRYPTO_OP_TYPE_SYMMETRIC, N, 0, 0,
		rte_socket_id());
	return use(mp, "rte_crypto_op_pool_create()");
}

int
preload_use_mempools(void)
{
	TEST_CALL(use(rte_pktmbuf_pool_create("mbufs", N, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		rte_socket_id()), "rte_pktmbuf_pool_create()"));
	TEST_CALL(use_created("create", 32, 0, "rte_mempool_create()"));
	TEST_CALL(use_created("sp_sc", 0, RTE_MEMPOOL_F_SP_PUT | RTE_MEMPOOL_F_SC_GET,
		"rte_mempool_create(), single producer and consumer"));
	TEST_CALL(use_default("rts", SIZE, "ring_mt_rts", "ops ring_mt_rts"));
	TEST_CALL(use_default("stack", SIZE, "stack", "ops stack"));
	TEST_CALL(use_default("lf_stack", SIZE, "lf_stack", "ops lf_stack"));
	TEST_CALL(use_of_libraries());
	TEST_CALL(use_buffers());
	TEST_CALL(use_bucket());
	TEST_CALL(use_default("own", SIZE, "own", "ops of the program's or of hardware"));
	TEST_CALL(use_given_memory());
	TEST_CALL(use_anonymous_memory());
	return use_default("large", 1 << 20, "ring_mp_mc", "objects of more than 1 MiB");
}

/* A mempool of which a known number of objects is in use at once; and one that stays to the end. */
int
preload_count_mempools(void)
{
	struct rte_mempool *kept = rte_mempool_create("kept for ever", N, SIZE, 0, 0, NULL, NULL,
		NULL, NULL, rte_socket_id(), 0);
	struct rte_mempool *mp;
	unsigned int i, round;
	void *objs[N];

	TEST_ASSERT(kept != NULL);
	for (round = 1; round <= 2; round++) {
		mp = rte_pktmbuf_pool_create("counted", N, 0, 0, 512, rte_socket_id());
		TEST_ASSERT(mp != NULL);
		for (i = 0; i < round * 100; i++)
			TEST_ASSERT_EQUAL(mempool_get(mp, &objs[i]), 0);
		mempool_put_bulk(mp, objs, i);
		rte_mempool_free(mp);
	}
	TEST_ASSERT_EQUAL(mempool_get_bulk(kept, objs, 7), 0);
	return EXIT_SUCCESS;
}

/* More than fastmem has typed pools for: the rest is as without it. */
int
preload_make_many_mempools(void)
{
	static struct rte_mempool *pools[MANY];
	unsigned int i, n_fastmem = 0;
	char name[32];

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many_%u", i);
		pools[i] = rte_mempool_create(name, 8, 64, 0, 0, NULL, NULL, NULL, NULL,
			rte_socket_id(), 0);
		TEST_ASSERT(pools[i] != NULL, "%u", i);
		TEST_CALL(use_all(pools[i]));
		n_fastmem += strcmp(ops_of(pools[i]), "fastmem") == 0;
	}
	printf("%u of %u\n", n_fastmem, MANY);
	for (i = 0; i < MANY; i++)
		rte_mempool_free(pools[i]);
	return EXIT_SUCCESS;
}

/* A program that starts and ends fastmem itself, while its mempools are fastmem's. */
int
preload_own_fastmem(void)
{
	struct rte_mempool *mp = rte_mempool_create("mempool", 1000, SIZE, 32, 0, NULL, NULL, NULL, NULL,
		rte_socket_id(), 0);
	int (*init)(void);
	void (*deinit)(void);

	*(void **)&init = dlsym(RTLD_DEFAULT, "rte_fastmem_init");
	*(void **)&deinit = dlsym(RTLD_DEFAULT, "rte_fastmem_deinit");
	TEST_ASSERT(mp != NULL && init != NULL && deinit != NULL);
	TEST_ASSERT(strcmp(ops_of(mp), "fastmem") == 0);
	TEST_ASSERT_EQUAL(init(), 0);
	TEST_ASSERT_EQUAL(init(), -EBUSY);
	deinit();
	TEST_CALL(use_all(mp));
	TEST_ASSERT_EQUAL(init(), 0);
	deinit();
	rte_mempool_free(mp);
	return EXIT_SUCCESS;
}

/* Mempools that are made for the worst case. */

#define WORST 5000

static bool mode_grows; /* RTE_FASTMEM_MEMPOOL=grow */

static int
told_has_grown(const struct rte_mempool *mp, const char *kind)
{
	printf("%s: %s at first, %u objects\n", kind, mp->populated_size < WORST ? "few" : "all", mp->size);
	TEST_ASSERT_EQUAL(mp->size, WORST);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), WORST);
	TEST_ASSERT(rte_mempool_full(mp));
	return 0;
}

static void
count_object(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	RTE_SET_USED(i);
	*(unsigned int *)arg += rte_mempool_from_obj(obj) == mp;
}

static void
count_bytes(struct rte_mempool *mp, void *arg, struct rte_mempool_memhdr *memhdr, unsigned int i)
{
	RTE_SET_USED(mp);
	RTE_SET_USED(i);
	*(size_t *)arg += memhdr->len;
}

static void
mark(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	RTE_SET_USED(mp);
	RTE_SET_USED(i);
	*(uint64_t *)obj = arg != NULL ? *(uint64_t *)arg : 4711;
}

/* Each object that is got has been initialised, when the mempool was made or later. */
static int
all_are_marked(struct rte_mempool *mp)
{
	static void *objs[WORST];
	unsigned int i;

	for (i = 0; i < WORST; i++) {
		TEST_ASSERT_EQUAL(mempool_get(mp, &objs[i]), 0, "%u", i);
		TEST_ASSERT_EQUAL(*(uint64_t *)objs[i], 4711, "%u", i);
	}
	mempool_put_bulk(mp, objs, WORST);
	return 0;
}

static int
all_are_mbufs(struct rte_mempool *mp)
{
	static struct rte_mbuf *mbufs[WORST];
	unsigned int i;

	for (i = 0; i < WORST; i++) {
		mbufs[i] = rte_pktmbuf_alloc(mp);
		TEST_ASSERT(mbufs[i] != NULL, "%u", i);
		TEST_ASSERT(mbufs[i]->pool == mp && mbufs[i]->buf_len == 512);
		TEST_ASSERT(rte_pktmbuf_append(mbufs[i], 100) != NULL);
	}
	TEST_ASSERT(rte_pktmbuf_alloc(mp) == NULL);
	for (i = 0; i < WORST; i++)
		rte_pktmbuf_free(mbufs[i]);
	return 0;
}

static struct rte_mempool *
make_mbufs(const char *name)
{
	return rte_pktmbuf_pool_create(name, WORST, 32, 0, 512, rte_socket_id());
}

static struct rte_mempool *
make_marked(const char *name, void *arg)
{
	return rte_mempool_create(name, WORST, SIZE, 32, 0, NULL, NULL, mark, arg, rte_socket_id(), 0);
}

/* Who looks at all objects, or all of their memory, finds them. */
static int
all_are_found(void)
{
	struct rte_mempool *mp = make_marked("objects", NULL);
	unsigned int n = 0;
	size_t bytes = 0;

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_mempool_obj_iter(mp, count_object, &n), WORST);
	TEST_ASSERT_EQUAL(n, WORST);
	TEST_CALL(all_are_marked(mp));
	rte_mempool_free(mp);
	mp = make_marked("memory", NULL);
	TEST_ASSERT(mp != NULL);
	rte_mempool_mem_iter(mp, count_bytes, &bytes);
	TEST_ASSERT(bytes >= (size_t)WORST * SIZE, "%zu", bytes);
	TEST_CALL(all_are_marked(mp));
	rte_mempool_free(mp);
	return 0;
}

/* One of the same name can be made again, and none of EAL's memzones is lost. */
static int
names_can_be_used_again(void)
{
	struct rte_mempool *mp;
	unsigned int round;
	size_t bytes;

	for (round = 0; round < 3; round++) {
		mp = make_marked("again", NULL);
		TEST_ASSERT(mp != NULL, "%u: %s", round, rte_strerror(rte_errno));
		bytes = 0;
		rte_mempool_mem_iter(mp, count_bytes, &bytes);
		rte_mempool_free(mp);
		TEST_ASSERT(rte_memzone_lookup("MP_again_0") == NULL);
	}
	return 0;
}

/* As drivers that register the memory of all mempools. */
static void
look_at_memory(enum rte_mempool_event event, struct rte_mempool *mp, void *arg)
{
	if (event == RTE_MEMPOOL_EVENT_READY)
		rte_mempool_mem_iter(mp, count_bytes, arg);
}

/* For drivers only, so not by name. */
static int
watch_mempools(const char *function, size_t *bytes)
{
	int (*call)(void (*)(enum rte_mempool_event, struct rte_mempool *, void *), void *);

	*(void **)&call = dlsym(RTLD_DEFAULT, function);
	TEST_ASSERT(call != NULL);
	return call(look_at_memory, bytes);
}

static int
who_is_told_of_mempools_finds_all(void)
{
	struct rte_mempool *mp;
	size_t bytes = 0;

	TEST_CALL(watch_mempools("rte_mempool_event_callback_register", &bytes));
	mp = make_mbufs("told");
	TEST_CALL(watch_mempools("rte_mempool_event_callback_unregister", &bytes));
	TEST_ASSERT(mp != NULL);
	TEST_ASSERT(bytes >= (size_t)WORST * 512, "%zu", bytes);
	TEST_ASSERT_EQUAL(mp->populated_size, WORST);
	TEST_CALL(all_are_mbufs(mp));
	rte_mempool_free(mp);
	return 0;
}

/*
 * A queue without one mempool has several: for sizes of packets, or for their segments. This device
 * knows neither and refuses: others may keep addresses by then.
 */
static int
queues_with_several_mempools_find_all(uint16_t port)
{
	struct rte_mempool *mps[4] = { make_mbufs("size 1"), make_mbufs("size 2"),
		make_mbufs("segment 1"), make_mbufs("segment 2") };
	union rte_eth_rxseg segments[] = {
		{ .split = { .mp = mps[2], .length = 100 } }, { .split = { .mp = mps[3] } },
	};
	struct rte_eth_rxconf by_size = { .rx_mempools = mps, .rx_nmempool = 2 };
	struct rte_eth_rxconf by_segment = { .rx_seg = segments, .rx_nseg = RTE_DIM(segments) };
	unsigned int i;

	for (i = 0; i < RTE_DIM(mps); i++)
		TEST_ASSERT(mps[i] != NULL && mps[i]->populated_size < WORST, "%u", i);
	rte_eth_rx_queue_setup(port, 0, 128, rte_socket_id(), &by_size, NULL);
	for (i = 0; i < RTE_DIM(mps); i++)
		TEST_ASSERT_EQUAL(mps[i]->populated_size == WORST, i < 2, "%u", i);
	rte_eth_rx_queue_setup(port, 0, 128, rte_socket_id(), &by_segment, NULL);
	for (i = 0; i < RTE_DIM(mps); i++) {
		TEST_ASSERT_EQUAL(mps[i]->populated_size, WORST, "%u", i);
		TEST_CALL(all_are_mbufs(mps[i]));
		rte_mempool_free(mps[i]);
	}
	return 0;
}

static int
a_device_finds_all(void)
{
	struct rte_mempool *mp = make_mbufs("device");
	struct rte_eth_conf conf = { 0 };
	uint16_t port;

	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(rte_eal_hotplug_add("vdev", "net_null_grow", ""), 0);
	TEST_ASSERT_EQUAL(rte_eth_dev_get_port_by_name("net_null_grow", &port), 0);
	TEST_ASSERT_EQUAL(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	TEST_ASSERT_EQUAL(rte_eth_rx_queue_setup(port, 0, 128, rte_socket_id(), NULL, mp), 0);
	TEST_ASSERT_EQUAL(mp->populated_size, WORST);
	if (mode_grows)
		TEST_CALL(queues_with_several_mempools_find_all(port));
	rte_eth_dev_close(port);
	TEST_CALL(all_are_mbufs(mp));
	rte_mempool_free(mp);
	return 0;
}

int
preload_grow_mempools(void)
{
	uint64_t word = 4711;
	struct rte_mempool *mp;
	void *objs[100];

	mp = make_mbufs("mbufs");
	TEST_ASSERT(mp != NULL);
	mode_grows = mp->populated_size < WORST;
	TEST_CALL(told_has_grown(mp, "mbufs"));
	TEST_CALL(all_are_mbufs(mp));
	TEST_CALL(use_all(mp));
	rte_mempool_free(mp);
	mp = make_marked("marked", NULL);
	TEST_ASSERT(mp != NULL);
	TEST_CALL(told_has_grown(mp, "initialised without an argument"));
	TEST_CALL(all_are_marked(mp));
	rte_mempool_free(mp);
	mp = make_marked("argument", &word);
	TEST_ASSERT(mp != NULL);
	TEST_CALL(told_has_grown(mp, "initialised with an argument"));
	word = 0;
	TEST_CALL(all_are_marked(mp));
	rte_mempool_free(mp);
	TEST_CALL(all_are_found());
	TEST_CALL(names_can_be_used_again());
	TEST_CALL(who_is_told_of_mempools_finds_all());
	TEST_CALL(a_device_finds_all());
	/* For the report. */
	mp = make_mbufs("worst");
	TEST_ASSERT(mp != NULL);
	TEST_ASSERT_EQUAL(mempool_get_bulk(mp, objs, RTE_DIM(objs)), 0);
	mempool_put_bulk(mp, objs, RTE_DIM(objs));
	return EXIT_SUCCESS;
}

/* Waits until its input ends; others use the mempool meanwhile. */
int
preload_share_a_mempool(void)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create(SHARED, N, 32, 0, 512, rte_socket_id());
	char byte;

	TEST_ASSERT(mp != NULL);
	TEST_CALL(use_all(mp));
	printf("%s\nready\n", ops_of(mp));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	TEST_CALL(use_all(mp));
	rte_mempool_free(mp);
	return EXIT_SUCCESS;
}

int
preload_use_a_shared_mempool(void)
{
	struct rte_mempool *mp = rte_mempool_lookup(SHARED);
	struct rte_mbuf *m;

	TEST_ASSERT(mp != NULL);
	m = rte_pktmbuf_alloc(mp);
	TEST_ASSERT(m != NULL);
	TEST_ASSERT(rte_pktmbuf_append(m, 100) != NULL);
	rte_pktmbuf_free(m);
	TEST_CALL(use_all(mp));
	printf("%s\n", ops_of(mp));
	return EXIT_SUCCESS;
}

/* What is wrong is to be found where it is done, although lcores have caches. */

static __rte_noinline void
put_twice(struct rte_mempool *mp)
{
	void *obj;

	if (rte_mempool_get(mp, &obj) != 0)
		return;
	rte_mempool_put(mp, obj);
	rte_mempool_put(mp, obj);
	rte_compiler_barrier();
}

static __rte_noinline void
write_behind(struct rte_mempool *mp)
{
	void *obj;

	if (rte_mempool_get(mp, &obj) != 0)
		return;
	memset(obj, 1, mp->elt_size + 1);
	rte_mempool_put(mp, obj);
	rte_compiler_barrier();
}

static __rte_noinline void
keep(struct rte_mempool *mp)
{
	void *obj;

	if (rte_mempool_get(mp, &obj) != 0)
		return;
	rte_compiler_barrier();
}

int
preload_misuse_a_mempool(void)
{
	/* Of a size that has a trailer: two cache lines with the header. */
	struct rte_mempool *mp = rte_mempool_create("misused", 255, 64, 32, 0, NULL, NULL, NULL,
			NULL, SOCKET_ID_ANY, 0);

	if (mp == NULL)
		return EXIT_FAILURE;
	put_twice(mp);
	write_behind(mp);
	keep(mp);
	return EXIT_SUCCESS;
}
