/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Creates mempools in the usual ways and gets, puts and counts objects. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "test_replace_program.h"

#define N 512u
#define SIZE 200

struct object {
	uint64_t id;
	uint64_t got;
};

struct private_area {
	char text[32];
};

static void *objs[N + 1];

static struct rte_mempool *
make(const char *name, unsigned int cache, unsigned int flags)
{
	struct rte_mempool *mp = rte_mempool_create(name, N, SIZE, cache, 0, NULL, NULL, NULL, NULL,
		SOCKET_ID_ANY, flags);

	if (mp == NULL)
		printf("%s: not made: %d\n", name, rte_errno);
	return mp;
}

static void
print_counts(const char *when, const struct rte_mempool *mp)
{
	printf("%s: %u to be had, %u in use, full %d, empty %d\n", when,
		rte_mempool_avail_count(mp), rte_mempool_in_use_count(mp), rte_mempool_full(mp),
		rte_mempool_empty(mp));
}

static void
try_create(const char *what, const char *name, unsigned int n, unsigned int cache,
		unsigned int flags)
{
	struct rte_mempool *mp;

	rte_errno = 0;
	mp = rte_mempool_create(name, n, SIZE, cache, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY,
		flags);
	printf("create with %s: %s, errno %d\n", what, mp != NULL ? "made" : "not made", rte_errno);
	rte_mempool_free(mp);
}

/* Objects too large for a typed pool, as many as fit. Nothing of it is left, nor told. */
static void
try_create_vast(void)
{
	struct rte_mempool *mp;

	if (rte_eal_has_hugepages() != 0) /* others need them */
		return;
	rte_errno = 0;
	mp = rte_mempool_create("vast", 10000, 2 << 20, 0, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
	printf("create with vast objects: %s, errno %d\n", mp != NULL ? "made" : "not made", rte_errno);
}

static void
refuse(void)
{
	struct rte_mempool *mp = make("twice", 0, 0);

	try_create("no objects", "none", 0, 0, 0);
	try_create("a large cache", "cache", N, RTE_MEMPOOL_CACHE_MAX_SIZE + 1, 0);
	try_create("a cache for all", "all", 32, 32, 0);
	try_create("a cache that fits", "fits", 48, 32, 0);
	try_create("strange flags", "flags", N, 0, 1u << 20);
	try_create("a long name", "a-name-that-is-longer-than-a-mempool-may-have", N, 0, 0);
	try_create("a name that is taken", "twice", N, 0, 0);
	try_create_vast();
	rte_mempool_free(mp);
}

static void
init_pool(struct rte_mempool *mp, void *arg)
{
	struct private_area *area = rte_mempool_get_priv(mp);

	snprintf(area->text, sizeof(area->text), "%s of %u", (const char *)arg, mp->size);
}

static void
init_object(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	struct object *o = obj;
	uint64_t *sum = arg;

	memset(o, 0, mp->elt_size);
	o->id = i;
	*sum += i;
}

static void
check_object(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	unsigned int *good = arg;

	seen(obj);
	*good += ((struct object *)obj)->id == i && rte_mempool_from_obj(obj) == mp &&
		(uintptr_t)obj % RTE_CACHE_LINE_SIZE == 0 &&
		rte_mempool_virt2iova(obj) == rte_mem_virt2iova(obj);
}

static void
construct(void)
{
	static char arg[] = "private area";
	uint64_t sum = 0;
	unsigned int good = 0, n;
	struct rte_mempool *mp = rte_mempool_create("built", N, SIZE, 32,
		sizeof(struct private_area), init_pool, arg, init_object, &sum, SOCKET_ID_ANY, 0);
	struct private_area *area = rte_mempool_get_priv(mp);

	n = rte_mempool_obj_iter(mp, check_object, &good);
	printf("built: %s, %u of %u objects are good, sum %" PRIu64 "\n", area->text, good, n, sum);
	printf("built: name %s, size %u, of %u, populated %u, object %u, private %u, flags %#x\n",
		mp->name, mp->size, N, mp->populated_size, mp->elt_size, mp->private_data_size,
		mp->flags);
	print_counts("built", mp);
	rte_mempool_free(mp);
}

/* Take objects until there are none: how many, and the error. */
static unsigned int
take_all(struct rte_mempool *mp)
{
	unsigned int n = 0;
	int ret;

	while ((ret = rte_mempool_get(mp, &objs[n])) == 0) {
		seen(objs[n]);
		((struct object *)objs[n++])->got++;
	}
	printf("%s: got %u, then %d\n", mp->name, n, ret);
	return n;
}

static void
exhaust(const char *name, unsigned int cache, unsigned int flags)
{
	struct rte_mempool *mp = make(name, cache, flags);
	uint64_t sum = 0, got = 0;
	unsigned int i, n;

	rte_mempool_obj_iter(mp, init_object, &sum);
	print_counts(name, mp);
	n = take_all(mp);
	print_counts(name, mp);
	for (i = 0; i < n; i++)
		rte_mempool_put(mp, objs[i]);
	n = take_all(mp);
	for (i = 0, sum = 0; i < n; i++) {
		sum += ((struct object *)objs[i])->id;
		got += ((struct object *)objs[i])->got;
	}
	rte_mempool_put_bulk(mp, objs, n);
	print_counts(name, mp);
	printf("%s: ids %" PRIu64 ", got %" PRIu64 " times, flags %#x, IO address %s\n", name, sum,
		got, mp->flags, rte_mempool_virt2iova(objs[0]) == RTE_BAD_IOVA ? "none" : "known");
	rte_mempool_free(mp);
}

static void
move_bulks(void)
{
	struct rte_mempool *mp = make("bulk", 64, 0);
	unsigned int i, same = 0;

	for (i = 0; i < RTE_DIM(objs); i++)
		objs[i] = objs;
	printf("bulk of all and one more: %d\n", rte_mempool_get_bulk(mp, objs, N + 1));
	print_counts("bulk refused", mp);
	printf("bulk of none: %d\n", rte_mempool_get_bulk(mp, objs, 0));
	printf("bulk of three: %d\n", rte_mempool_get_bulk(mp, objs, 3));
	print_counts("bulk of three", mp);
	printf("bulk of the rest: %d\n", rte_mempool_get_bulk(mp, objs + 3, N - 3));
	print_counts("bulk of the rest", mp);
	for (i = 0; i < N; i++) {
		seen(objs[i]);
		((struct object *)objs[i])->id = i;
	}
	for (i = 0; i < N; i++)
		same += ((struct object *)objs[i])->id == i;
	printf("bulk: %u different objects\n", same);
	rte_mempool_put_bulk(mp, objs, 0);
	rte_mempool_put_bulk(mp, objs, 5);
	rte_mempool_put_bulk(mp, objs + 5, N - 5);
	print_counts("bulk put", mp);
	rte_mempool_audit(mp);
	rte_mempool_free(mp);
}

static void
try_cache(uint32_t size)
{
	struct rte_mempool_cache *cache = rte_mempool_cache_create(size, SOCKET_ID_ANY);

	printf("cache of %u: %s\n", size, cache != NULL ? "made" : "not made");
	if (cache != NULL)
		rte_mempool_cache_free(cache);
}

static void
own_caches(void)
{
	struct rte_mempool_cache *cache = rte_mempool_cache_create(32, SOCKET_ID_ANY);
	struct rte_mempool *mp = make("caches", 0, 0);

	try_cache(0);
	try_cache(RTE_MEMPOOL_CACHE_MAX_SIZE);
	try_cache(RTE_MEMPOOL_CACHE_MAX_SIZE + 1);
	printf("default cache: %s\n", rte_mempool_default_cache(mp, rte_lcore_id()) != NULL ?
		"there" : "none");
	printf("generic get without a cache: %d\n", rte_mempool_generic_get(mp, objs, 10, NULL));
	print_counts("generic get", mp);
	printf("generic get with a cache: %d\n", rte_mempool_generic_get(mp, objs + 10, 2, cache));
	printf("the cache has %u\n", cache->len);
	print_counts("generic get with a cache", mp);
	rte_mempool_generic_put(mp, objs, 12, cache);
	printf("the cache has %u\n", cache->len);
	rte_mempool_generic_put(mp, objs, 0, NULL);
	printf("generic get of too many: %d", rte_mempool_generic_get(mp, objs, N + 1, cache));
	printf(", the cache has %u\n", cache->len);
	rte_mempool_cache_flush(cache, mp);
	rte_mempool_cache_flush(NULL, mp);
	printf("flushed, the cache has %u\n", cache->len);
	print_counts("flushed", mp);
	rte_mempool_cache_free(cache);
	rte_mempool_free(mp);
}

static void
print_name(struct rte_mempool *mp, void *arg)
{
	printf("%s %s of %u\n", (const char *)arg, mp->name, mp->size);
}

static bool
dump_has(void (*dump)(FILE *f, struct rte_mempool *mp), struct rte_mempool *mp, const char *text)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	bool found;

	dump(f, mp);
	fclose(f);
	found = strstr(out, text) != NULL;
	free(out);
	return found;
}

static void
dump_list(FILE *f, struct rte_mempool *mp __rte_unused)
{
	rte_mempool_list_dump(f);
}

static void
find(void)
{
	static char visited[] = "visited";
	struct rte_mempool *one = make("one", 0, 0), *two = make("two", 16, 0);

	printf("found: %d %d\n", rte_mempool_lookup("one") == one,
		rte_mempool_lookup("two") == two);
	printf("dumped: %d %d %d\n", dump_has(rte_mempool_dump, one, "mempool <one>"),
		dump_has(rte_mempool_dump, one, "size=512"),
		dump_has(dump_list, NULL, "mempool <two>"));
	rte_mempool_walk(print_name, visited);
	rte_mempool_free(one);
	rte_errno = 0;
	printf("found what is gone: %d", rte_mempool_lookup("one") != NULL);
	printf(", errno %d\n", rte_errno);
	rte_mempool_walk(print_name, visited);
	rte_mempool_free(two);
	rte_mempool_free(NULL);
}

/* A mempool that was not made by these names, of mbufs with memory of the program. */
static void
foreign(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve("data", N * 256, SOCKET_ID_ANY, 0);
	const struct rte_pktmbuf_extmem memory = { mz->addr, mz->iova, mz->len, 256 };
	struct rte_mempool *mp = rte_pktmbuf_pool_create_extbuf("mbufs", N, 32, 0, 256,
		SOCKET_ID_ANY, &memory, 1);
	struct rte_mbuf *m;

	print_counts("mbufs", mp);
	printf("mbufs: %d %d\n", rte_mempool_get(mp, &objs[0]),
		rte_mempool_get_bulk(mp, objs + 1, 9));
	m = rte_pktmbuf_alloc(mp);
	print_counts("mbufs", mp);
	rte_pktmbuf_free(m);
	rte_mempool_put(mp, objs[0]);
	rte_mempool_put_bulk(mp, objs + 1, 4);
	rte_mempool_generic_put(mp, objs + 5, 5, rte_mempool_default_cache(mp, rte_lcore_id()));
	print_counts("mbufs", mp);
	printf("mbufs: %d\n", rte_mempool_generic_get(mp, objs, N + 1, NULL));
	rte_mempool_free(mp);
	rte_memzone_free(mz);
}

static void
see_any(struct rte_mempool *mp __rte_unused, void *arg __rte_unused, void *obj,
		unsigned int i __rte_unused)
{
	seen(obj);
}

static void
see_mbuf(struct rte_mempool *mp, void *arg, void *obj, unsigned int i __rte_unused)
{
	const struct rte_mbuf *m = obj;
	unsigned int *n = arg;

	seen(obj);
	*n += m->pool == mp && m->buf_len == 2048 + RTE_PKTMBUF_HEADROOM && m->priv_size == 64 &&
		m->buf_addr == RTE_PTR_ADD(m, sizeof(*m) + 64) &&
		rte_mbuf_iova_get(m) == rte_mempool_virt2iova(m) + sizeof(*m) + 64;
}

/* Mbufs, by the functions of applications and of DPDK's libraries. */
static void
mbufs_of(struct rte_mempool *mp)
{
	struct rte_mbuf *m, *many[32];
	unsigned int n = 0;

	if (mp == NULL) {
		printf("no mbufs: %d\n", rte_errno);
		return;
	}
	rte_mempool_obj_iter(mp, see_mbuf, &n);
	printf("%u of %u mbufs as they should be, room %u, private %u\n", n, mp->size,
		rte_pktmbuf_data_room_size(mp), rte_pktmbuf_priv_size(mp));
	m = rte_pktmbuf_alloc(mp);
	printf("appended: %d\n", rte_pktmbuf_append(m, 60) != NULL);
	m->next = rte_pktmbuf_alloc(mp);
	m->nb_segs = 2;
	print_counts("a chain", mp);
	rte_pktmbuf_free(m);
	printf("bulk: %d\n", rte_pktmbuf_alloc_bulk(mp, many, RTE_DIM(many)));
	print_counts("bulk", mp);
	m = rte_pktmbuf_clone(many[0], mp);
	printf("clone: %d, references %u\n", m != NULL, rte_mbuf_refcnt_read(many[0]));
	rte_pktmbuf_free(m);
	rte_pktmbuf_free_bulk(many, RTE_DIM(many));
	print_counts("freed", mp);
	rte_mempool_free(mp);
}

static void
mbufs(void)
{
	struct rte_mempool *mp;

	mbufs_of(rte_pktmbuf_pool_create("mbufs", N, 32, 64, 2048 + RTE_PKTMBUF_HEADROOM,
		SOCKET_ID_ANY));
	mbufs_of(rte_pktmbuf_pool_create_by_ops("by_ops", N, 32, 64, 2048 + RTE_PKTMBUF_HEADROOM,
		SOCKET_ID_ANY, "ring_sp_sc"));
	/* Private areas are multiples of 8 bytes; ops have names. */
	mbufs_of(rte_pktmbuf_pool_create("odd", N, 32, 63, 2048, SOCKET_ID_ANY));
	mbufs_of(rte_pktmbuf_pool_create_by_ops("none", N, 32, 64, 2048, SOCKET_ID_ANY, "none"));

	mp = rte_mempool_create_empty("ops", N, SIZE, 0, 0, SOCKET_ID_ANY, 0);
	printf("ops: %d", rte_mempool_set_ops_byname(mp, "none", NULL));
	printf(" %d", rte_mempool_set_ops_byname(mp, "ring_mp_mc", NULL));
	printf(" %d", rte_mempool_populate_default(mp));
	printf(" %d\n", rte_mempool_set_ops_byname(mp, "ring_mp_mc", NULL));
	rte_mempool_obj_iter(mp, see_any, NULL);
	rte_mempool_free(mp);
}

static void
count_object(struct rte_mempool *mp __rte_unused, void *arg, void *obj __rte_unused,
		unsigned int i __rte_unused)
{
	++*(unsigned int *)arg;
}

void
look_from_secondary(void)
{
	struct rte_mempool *mp = rte_mempool_lookup("shared");
	unsigned int n = 0;

	if (mp == NULL)
		rte_exit(EXIT_FAILURE, "no mempool \"shared\": %s\n", rte_strerror(rte_errno));
	rte_mempool_obj_iter(mp, count_object, &n);
	printf("secondary: %u objects, %d, %s\n", n, rte_mempool_get_bulk(mp, objs, 10),
		(const char *)rte_mempool_get_priv(mp));
	print_counts("secondary", mp);
	rte_mempool_put_bulk(mp, objs, 10);
}

void
use_mempools(void)
{
	struct rte_mempool_objsz size;

	printf("%u", rte_mempool_calc_obj_size(100, 0, &size));
	printf(" = %u + %u + %u\n", size.header_size, size.elt_size, size.trailer_size);
	refuse();
	construct();
	exhaust("plain", 0, 0);
	exhaust("cached", 100, 0);
	exhaust("no_spread", 0, RTE_MEMPOOL_F_NO_SPREAD);
	exhaust("no_align", 0, RTE_MEMPOOL_F_NO_CACHE_ALIGN);
	exhaust("sp_sc", 0, RTE_MEMPOOL_F_SP_PUT | RTE_MEMPOOL_F_SC_GET);
	exhaust("no_iova", 0, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	move_bulks();
	own_caches();
	find();
	foreign();
	mbufs();
}
