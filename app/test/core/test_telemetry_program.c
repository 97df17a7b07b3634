/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * For test_telemetry.py: has objects of known sizes, and does what it is told line by line:
 *
 *   stats | class SIZE | pool NAME   prints the statistics as an object of JSON
 *   dump                             prints rte_fastmem_dump(), and a line "end"
 *   pools N                          makes N pools more, named "extra-0", ...
 *   limit BYTES                      sets the limit of all sockets
 *   take SIZE N | give               allocates N objects, or as many as there are; frees them
 *   trim                             gives memory back
 *   elastic N                        gets N objects of a pool that shrinks, puts them, frees it
 *   defer N                          gets N objects of a pool, puts them when readers are quiescent
 *   twice                            frees an object twice
 *   idle                             has a thread wait that has cached objects of 128 bytes
 *   deinit | init                    ends fastmem, begins it again
 *   cleanup                          ends EAL, with fastmem in it
 *   telemetry FOLDER                 opens a socket of telemetry there, as EAL does in primaries
 *
 * Each is answered by one line; the end of its input ends it. A secondary has a few objects only.
 */

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <rte_version.h>

#define SMALL 1000 /* objects of 64 bytes */
#define LARGE 10 /* of 4096 */
#define POOLED 7 /* got from a pool of 100 */

static void *objs[SMALL + LARGE];
#define MOST 10000u
static void *taken[MOST];
static unsigned int n_taken;
static bool has_ended;

static int
allocate_few(void)
{
	static void *few[5];

	return rte_fastmem_alloc_bulk(few, RTE_DIM(few), 256, 0, 0);
}

static int
allocate(void)
{
	const struct rte_fastmem_pool_params params = {
		.name = "sessions", .size = 200, .socket_id = SOCKET_ID_ANY, .min = 100, .max = 500,
	};
	static void *sessions[POOLED];
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	unsigned int i;

	for (i = 0; i < SMALL + LARGE; i++) {
		objs[i] = rte_fastmem_alloc(i < SMALL ? 64 : 4096, 0, 0);
		if (objs[i] == NULL)
			return -1;
	}
	return pool != NULL ? rte_fastmem_pool_get_bulk(pool, sessions, POOLED) : -1;
}

static void
print_object(const char *const *names, const uint64_t *values, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		printf("%s\"%s\": %" PRIu64, i == 0 ? "{" : ", ", names[i], values[i]);
	printf("}\n");
}

static void
print_stats(void)
{
	static const char *const names[] = { "bytes_backing", "bytes_in_use", "bytes_free",
		"bytes_metadata", "alloc_total", "free_total", "alloc_nomem" };
	struct rte_fastmem_stats s;

	rte_fastmem_stats(&s);
	print_object(names, (const uint64_t[]){ s.bytes_backing, s.bytes_in_use, s.bytes_free,
		s.bytes_metadata, s.alloc_total, s.free_total, s.alloc_nomem }, RTE_DIM(names));
}

static void
print_class(size_t size)
{
	static const char *const names[] = { "class_size", "in_use", "bytes_backing",
		"slabs_partial", "slabs_full", "alloc_cache_hits", "alloc_cache_misses",
		"free_cache_hits", "free_cache_misses" };
	struct rte_fastmem_class_stats s;

	rte_fastmem_stats_class(size, &s);
	print_object(names, (const uint64_t[]){ s.class_size, s.in_use, s.bytes_backing,
		s.slabs_partial, s.slabs_full, s.alloc_cache_hits, s.alloc_cache_misses,
		s.free_cache_hits, s.free_cache_misses }, RTE_DIM(names));
}

static void
print_pool(const char *name)
{
	static const char *const names[] = { "objects", "in_use", "deferred", "get_total",
		"put_total", "get_failed", "bytes_backing", "bytes_in_use", "bytes_wasted",
		"bytes_metadata" };
	struct rte_fastmem_pool_stats s;

	rte_fastmem_pool_stats(rte_fastmem_pool_lookup(name), &s);
	print_object(names, (const uint64_t[]){ s.objects, s.in_use, s.deferred, s.get_total,
		s.put_total, s.get_failed, s.bytes_backing, s.bytes_in_use, s.bytes_wasted,
		s.bytes_metadata }, RTE_DIM(names));
}

static unsigned int
make_pools(unsigned int n)
{
	struct rte_fastmem_pool_params params = { .size = 64, .socket_id = SOCKET_ID_ANY };
	char name[32];
	unsigned int i;

	params.name = name;
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "extra-%u", i);
		if (rte_fastmem_pool_create(&params) == NULL)
			break;
	}
	return i;
}

static unsigned int
take(size_t size, unsigned int n)
{
	for (n_taken = 0; n_taken < RTE_MIN(n, MOST); n_taken++) {
		taken[n_taken] = rte_fastmem_alloc(size, 0, 0);
		if (taken[n_taken] == NULL)
			break;
	}
	return n_taken;
}

static size_t
give(void)
{
	rte_fastmem_free_bulk(taken, n_taken);
	n_taken = 0;
	return 0;
}

static int
use_elastic(unsigned int n)
{
	const struct rte_fastmem_pool_params params = {
		.name = "elastic", .size = 1024, .socket_id = SOCKET_ID_ANY, .max = MOST,
		.flags = RTE_FASTMEM_POOL_F_SHRINK,
	};
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);

	if (pool == NULL || rte_fastmem_pool_get_bulk(pool, taken, n) != 0)
		return -1;
	rte_fastmem_pool_put_bulk(pool, taken, n);
	rte_fastmem_pool_trim(pool);
	return rte_fastmem_pool_free(pool);
}

/* The one reader is never quiescent: so they stay deferred. */
static int
defer(unsigned int n)
{
	struct rte_rcu_qsbr *qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1),
			RTE_CACHE_LINE_SIZE);
	const struct rte_fastmem_pool_params params = {
		.name = "deferred", .size = 256, .socket_id = SOCKET_ID_ANY, .qsbr = qsbr,
	};
	struct rte_fastmem_pool *pool;

	if (qsbr == NULL)
		return -1;
	rte_rcu_qsbr_init(qsbr, 1);
	rte_rcu_qsbr_thread_register(qsbr, 0);
	rte_rcu_qsbr_thread_online(qsbr, 0);
	pool = rte_fastmem_pool_create(&params);
	if (pool == NULL || rte_fastmem_pool_get_bulk(pool, taken, n) != 0)
		return -1;
	return rte_fastmem_pool_put_deferred(pool, taken, n);
}

static void *
have_cached(void *arg)
{
	static void *objects[2000];

	rte_fastmem_alloc_bulk(objects, RTE_DIM(objects), 128, 0, 0);
	for (unsigned int i = 0; i < RTE_DIM(objects); i++)
		rte_fastmem_free(objects[i]);
	pthread_barrier_wait(arg);
	pause(); /* to the end of the process */
	return NULL;
}

static int
start_idle(void)
{
	static pthread_barrier_t has_cached;
	pthread_t thread;
	int ret;

	pthread_barrier_init(&has_cached, NULL, 2);
	ret = pthread_create(&thread, NULL, have_cached, &has_cached);
	if (ret == 0)
		pthread_barrier_wait(&has_cached);
	return ret;
}

/* A function of EAL's own. Since 23.11 it has three parameters; what comes after them is not read. */
static int
open_telemetry(const char *folder)
{
	typedef int (*init_fn)(const char *folder, const char *version, rte_cpuset_t *cpus,
		int (*log)(uint32_t, uint32_t, const char *, ...), uint32_t type);
	init_fn init = (init_fn)(uintptr_t)dlsym(RTLD_DEFAULT, "rte_telemetry_init");
	rte_cpuset_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	return init != NULL ? init(folder, rte_version(), &cpus, rte_log, RTE_LOGTYPE_EAL) : -1;
}

static void
obey(char *line)
{
	char *argument = strchr(line, ' ');
	size_t n;

	line[strcspn(line, " \n")] = '\0';
	if (argument != NULL) {
		argument++;
		argument[strcspn(argument, "\n")] = '\0';
	}
	if (strcmp(line, "stats") == 0) {
		print_stats();
	} else if (strcmp(line, "class") == 0) {
		print_class(atoi(argument));
	} else if (strcmp(line, "pool") == 0) {
		print_pool(argument);
	} else if (strcmp(line, "dump") == 0) {
		rte_fastmem_dump(stdout);
		printf("end\n");
	} else if (strcmp(line, "pools") == 0) {
		printf("%u\n", make_pools(atoi(argument)));
	} else if (strcmp(line, "limit") == 0) {
		printf("%d\n", rte_fastmem_set_limit(SOCKET_ID_ANY, strtoull(argument, NULL, 10)));
	} else if (strcmp(line, "take") == 0) {
		n = strtoul(argument, &argument, 10);
		printf("%u\n", take(n, strtoul(argument, NULL, 10)));
	} else if (strcmp(line, "give") == 0) {
		printf("%zu\n", give());
	} else if (strcmp(line, "trim") == 0) {
		printf("%zu\n", rte_fastmem_trim(0, SOCKET_ID_ANY));
	} else if (strcmp(line, "elastic") == 0) {
		printf("%d\n", use_elastic(atoi(argument)));
	} else if (strcmp(line, "defer") == 0) {
		printf("%d\n", defer(atoi(argument)));
	} else if (strcmp(line, "twice") == 0) {
		taken[0] = rte_fastmem_alloc(100, 0, 0);
		rte_fastmem_free(taken[0]);
		rte_fastmem_free(taken[0]);
		printf("0\n");
	} else if (strcmp(line, "idle") == 0) {
		printf("%d\n", start_idle());
	} else if (strcmp(line, "deinit") == 0) {
		rte_fastmem_deinit();
		printf("0\n");
	} else if (strcmp(line, "init") == 0) {
		printf("%d\n", rte_fastmem_init());
	} else if (strcmp(line, "cleanup") == 0) {
		printf("%d\n", rte_eal_cleanup());
		has_ended = true;
	} else if (strcmp(line, "telemetry") == 0) {
		printf("%d\n", open_telemetry(argument));
	} else {
		printf("unknown: %s\n", line);
	}
}

int
main(int argc, char **argv)
{
	char line[256];

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() != 0)
		return 1;
	if ((rte_eal_process_type() == RTE_PROC_PRIMARY ? allocate() : allocate_few()) != 0)
		return 1;
	printf("%d %s\n", (int)getpid(), rte_eal_get_runtime_dir());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		obey(line);
		fflush(stdout);
	}
	rte_fastmem_deinit();
	return has_ended || rte_eal_cleanup() == 0 ? 0 : 1;
}
