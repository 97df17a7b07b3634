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
 *   deinit | init                    ends fastmem, begins it again
 *   cleanup                          ends EAL, with fastmem in it
 *
 * Each is answered by one line; the end of its input ends it. A secondary has a few objects only.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>

#define SMALL 1000 /* objects of 64 bytes */
#define LARGE 10 /* of 4096 */
#define POOLED 7 /* got from a pool of 100 */

static void *objs[SMALL + LARGE];
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

static void
obey(char *line)
{
	char *argument = strchr(line, ' ');

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
	} else if (strcmp(line, "deinit") == 0) {
		rte_fastmem_deinit();
		printf("0\n");
	} else if (strcmp(line, "init") == 0) {
		printf("%d\n", rte_fastmem_init());
	} else if (strcmp(line, "cleanup") == 0) {
		printf("%d\n", rte_eal_cleanup());
		has_ended = true;
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
