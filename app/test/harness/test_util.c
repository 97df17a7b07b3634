/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What the suites share: fixtures, figures, patterns, random numbers, the log.
 */

#include <ctype.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define MAX_REPETITIONS 10

static unsigned int zones_before;

int
fastmem_up(void)
{
	zones_before = zones_all();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	return TEST_SUCCESS;
}

int
fastmem_down(void)
{
	refuse_nothing();
	TEST_CALL(check_live(0));
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(zones_all(), zones_before, "memzones are left behind");
	return TEST_SUCCESS;
}

void
fastmem_rescue(void)
{
	refuse_nothing();
	rte_log_set_level_pattern("lib.fastmem", RTE_LOG_NOTICE);
	rte_fastmem_deinit();
}

bool
socket_has_memory(int socket_id)
{
	bool has = rte_fastmem_reserve(1, socket_id) == 0;

	rte_fastmem_trim(0, socket_id);
	return has;
}

int
socket_with_memory(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	const struct fastmem_arena *own = fastmem_arena_of(ctl, (int)rte_socket_id());
	unsigned int i;

	if (own != NULL && (fastmem_arena_bytes(own) != 0 || socket_has_memory(own->socket_id)))
		return own->socket_id;
	for (i = 0; i < ctl->n_sockets; i++)
		if (fastmem_arena_bytes(&ctl->arenas[i]) != 0)
			return ctl->arenas[i].socket_id;
	return ctl->arenas[ctl->first_socket].socket_id;
}

int
limit_in_all(size_t bytes)
{
	int socket = socket_with_memory();

	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 0), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(socket, bytes), 0);
	return TEST_SUCCESS;
}

static struct rte_fastmem_stats
stats_get(void)
{
	struct rte_fastmem_stats stats;

	if (rte_fastmem_stats(&stats) != 0)
		memset(&stats, 0xff, sizeof(stats)); /* no figure that a test could expect */
	return stats;
}

uint64_t
stats_in_use(void)
{
	return stats_get().bytes_in_use;
}

uint64_t
stats_backing(void)
{
	return stats_get().bytes_backing;
}

uint64_t
stats_nomem(void)
{
	return stats_get().alloc_nomem;
}

uint64_t
stats_live(void)
{
	size_t sizes[MAX_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);
	uint64_t sum = 0;

	for (i = 0; i < n; i++) {
		struct rte_fastmem_class_stats stats;

		if (rte_fastmem_stats_class(sizes[i], &stats) != 0)
			return UINT64_MAX;
		sum += stats.in_use;
	}
	return sum;
}

int
check_live(uint64_t n)
{
	TEST_ASSERT_EQUAL(fastmem_verify(stderr), 0);
	TEST_ASSERT_EQUAL(stats_live(), n);
	if (n == 0)
		TEST_ASSERT_EQUAL(stats_in_use(), 0);
	return TEST_SUCCESS;
}

static size_t
metadata_used(void)
{
	struct fastmem_meta *meta = &fastmem_ctl()->meta;
	size_t used;

	fastmem_meta_lock(meta);
	used = meta->bytes - (meta->end - meta->cur);
	fastmem_mutex_unlock(&meta->lock);
	return used;
}

int
check_metadata_stays(int (*work)(void), unsigned int n_threads)
{
	size_t before, used = metadata_used();
	unsigned int i = 0;

	do {
		TEST_ASSERT(i < MAX_REPETITIONS, "%zu bytes are in use, and more each time",
				used);
		i++;
		before = used;
		TEST_CALL(work());
		used = metadata_used();
	} while (used - before >= (size_t)n_threads * RTE_CACHE_LINE_SIZE);
	return TEST_SUCCESS;
}

struct zone_count {
	unsigned int all, fastmem, chunks;
	size_t largest_chunk;
};

static void
zone_count(const struct rte_memzone *mz, void *arg)
{
	struct zone_count *count = arg;

	count->all++;
	if (strncmp(mz->name, "fastmem_", 8) != 0)
		return;
	count->fastmem++;
	if (!isdigit((unsigned char)mz->name[8]))
		return;
	count->chunks++;
	count->largest_chunk = RTE_MAX(count->largest_chunk, mz->len);
}

static struct zone_count
zones(void)
{
	struct zone_count count = { 0 };

	rte_memzone_walk(zone_count, &count);
	return count;
}

unsigned int
zones_all(void)
{
	return zones().all;
}

unsigned int
zones_fastmem(void)
{
	return zones().fastmem;
}

unsigned int
zones_chunks(void)
{
	return zones().chunks;
}

size_t
zones_largest_chunk(void)
{
	return zones().largest_chunk;
}

uint64_t
test_seed(void)
{
	static uint64_t seed;
	const char *env;

	if (seed == 0) {
		env = getenv("FASTMEM_TEST_SEED");
		seed = env != NULL ? strtoull(env, NULL, 0) : 20261123;
	}
	return seed;
}

/* splitmix64: any seed will do. */
uint64_t
rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void
rng_init(struct rng *rng, uint64_t stream)
{
	rng->state = test_seed();
	rng->state = rng_next(rng) ^ stream * 0xd1342543de82ef95;
}

uint64_t
rng_below(struct rng *rng, uint64_t n)
{
	return rng_next(rng) % n;
}

unsigned int
fill_up(void **ptrs, unsigned int max, size_t size)
{
	unsigned int n = 0;

	while (n < max && (ptrs[n] = rte_fastmem_alloc(size, 0, 0)) != NULL)
		n++;
	return n;
}

#if defined(__x86_64__)

void
call_in_steps(void (*function)(void), void (*on_step)(int signal, siginfo_t *info, void *arg))
{
	const struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	struct sigaction before;

	sigaction(SIGTRAP, &action, &before);
	__writeeflags(__readeflags() | TRAP_FLAG);
	function();
	__writeeflags(__readeflags() & ~TRAP_FLAG);
	sigaction(SIGTRAP, &before, NULL);
}

#endif

static FILE *log_file;
static uint32_t log_every_ms;

void
log_begin(void)
{
	log_every_ms = fastmem_log_every_ms;
	fastmem_log_every_ms = 0; /* however many there were before */
	log_file = tmpfile();
	if (log_file != NULL)
		rte_openlog_stream(log_file);
}

unsigned int
log_end(const char *text)
{
	unsigned int n = 0;
	char line[512];

	fastmem_log_every_ms = log_every_ms;
	if (log_file == NULL)
		return UINT32_MAX;
	rte_openlog_stream(NULL);
	rewind(log_file);
	while (fgets(line, sizeof(line), log_file) != NULL)
		n += strstr(line, text) != NULL;
	fclose(log_file);
	log_file = NULL;
	return n;
}
