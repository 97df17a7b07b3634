/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A look-aside cache under a load that rises and falls, with values of 64 bytes to 64 KiB: prints what
 * memory it takes over time, and how much it serves. All lcores but the main one read and, on a miss,
 * write; the main one removes what was not read for a while, and prints.
 */

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_random.h>

#include "backend.h"
#include "cache.h"

#define BATCH 32 /* reads between two quiescent states */
#define KEPT 2 /* rows that a value stays without being read */
#define PHASES 5

/* What is asked for in each phase: a part of the keys, and small values or large ones. */
static const struct phase {
	unsigned int percent;
	bool large;
} phases[PHASES] = { { 10, false }, { 100, false }, { 10, true }, { 100, true }, { 10, true } };

struct worker {
	uint64_t gets, hits, damaged; /* by the worker, read by the main lcore: relaxed, figures only */
} __rte_cache_aligned;

static struct {
	const struct backend *backend;
	unsigned int keys, rows, row_ms, row_gets;
	const char *table;
} options = { .keys = 4000, .rows = 40, .row_ms = 250 };

static struct worker workers[RTE_MAX_LCORE];
static struct cache *cache;
static unsigned int row; /* now. By the main lcore, read by all: relaxed, each value works */
static bool quit; /* the same */

static void
usage(FILE *f)
{
	fprintf(f,
		"usage: kvcache [EAL option...] -- [option...]\n"
		"\n"
		"  --backend fastmem|mempool|malloc  where values come from (fastmem)\n"
		"  --keys N      different keys at the highest load (4000)\n"
		"  --rows N      of the table, at least 10 (40)\n"
		"  --row-ms N    time between two of them (250)\n"
		"  --row-gets N  and gets of each worker, however long they take (0)\n"
		"  --table FILE  write the table there too, for plot.sh\n"
		"  --help        this text; EAL's own comes before \"--\"\n");
}

static unsigned int
parse_number(const char *name, const char *text, unsigned int min, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n < min || n > max)
		rte_exit(EXIT_FAILURE, "--%s: %u to %u, not '%s'\n", name, min, max, text);
	return n;
}

static void
parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "keys", required_argument, NULL, 'k' },
		{ "rows", required_argument, NULL, 'r' },
		{ "row-ms", required_argument, NULL, 'm' },
		{ "row-gets", required_argument, NULL, 'g' },
		{ "table", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	options.backend = backend_find("fastmem");
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'b':
			options.backend = backend_find(optarg);
			if (options.backend == NULL)
				rte_exit(EXIT_FAILURE, "--backend: fastmem, mempool or malloc, "
					"not '%s'\n", optarg);
			break;
		case 'k':
			options.keys = parse_number("keys", optarg, 100, 1 << 24);
			break;
		case 'r':
			options.rows = parse_number("rows", optarg, 2 * PHASES, 10000);
			break;
		case 'm':
			options.row_ms = parse_number("row-ms", optarg, 1, 60000);
			break;
		case 'g':
			options.row_gets = parse_number("row-gets", optarg, 0, UINT32_MAX);
			break;
		case 't':
			options.table = optarg;
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_SUCCESS : EXIT_FAILURE);
		}
	}
}

static unsigned int
phase_at(unsigned int at)
{
	return RTE_MIN(at * PHASES / options.rows, PHASES - 1u);
}

static unsigned int
phase_keys(unsigned int phase)
{
	return options.keys * phases[phase].percent / 100;
}

/* Keys of small values are others than those of large ones. */
static uint64_t
key_of(unsigned int phase, unsigned int i)
{
	return (uint64_t)phases[phase].large << 32 | i;
}

/* Between two powers of two, which are the lesser, or the greater, of two at random. */
static uint32_t
size_of(uint64_t key)
{
	uint32_t r = rte_hash_crc_8byte(key * 0x9e3779b97f4a7c15, 1);
	unsigned int a = (r & 0xff) % VALUE_SIZES, b = (r >> 8 & 0xff) % VALUE_SIZES;
	uint32_t most = VALUE_MIN << (key >> 32 != 0 ? RTE_MAX(a, b) : RTE_MIN(a, b));

	return most == VALUE_MIN ? most : most - (r >> 16) % (most / 2);
}

/*
 * The most values of each size at once: those of one phase, and of the one before while they are kept.
 * A mempool has to be made for that.
 */
static void
plan(unsigned int n[VALUE_SIZES])
{
	unsigned int now[PHASES][VALUE_SIZES] = { { 0 } }, p, i, s;

	for (p = 0; p < PHASES; p++)
		for (i = 0; i < phase_keys(p); i++)
			now[p][backend_size(size_of(key_of(p, i)))]++;
	for (s = 0; s < VALUE_SIZES; s++)
		for (n[s] = now[0][s], p = 1; p < PHASES; p++)
			n[s] = RTE_MAX(n[s], phases[p].large == phases[p - 1].large ?
				RTE_MAX(now[p][s], now[p - 1][s]) : now[p][s] + now[p - 1][s]);
}

/* What the thread's cache has of free values is of use to others. */
static void
idle(void)
{
	if (options.backend->idle != NULL)
		options.backend->idle();
}

static int
work(void *arg __rte_unused)
{
	struct worker *w = &workers[rte_lcore_id()];
	unsigned int i, last = 0;
	bool has_put = true;

	cache_reader_begin(cache);
	while (!__atomic_load_n(&quit, __ATOMIC_RELAXED)) {
		unsigned int now = __atomic_load_n(&row, __ATOMIC_RELAXED);
		unsigned int phase = phase_at(now), n = phase_keys(phase);

		if (now != last) {
			if (!has_put)
				idle();
			has_put = false;
			last = now;
		}
		for (i = 0; i < BATCH; i++) {
			uint64_t key = key_of(phase, rte_rand_max(n));
			bool damaged = false;

			if (cache_get(cache, key, now, &damaged)) {
				__atomic_store_n(&w->hits, w->hits + 1, __ATOMIC_RELAXED);
			} else {
				cache_put(cache, key, size_of(key), now);
				has_put = true;
			}
			w->damaged += damaged;
		}
		__atomic_store_n(&w->gets, w->gets + BATCH, __ATOMIC_RELAXED);
		cache_quiescent(cache);
	}
	cache_reader_end(cache);
	idle();
	return 0;
}

/* What EAL's memory has given to anybody. */
static size_t
heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			sum += stats.heap_allocsz_bytes;
	return sum;
}

static struct worker
sum_up(void)
{
	struct worker sum = { 0 };
	unsigned int lcore;

	RTE_LCORE_FOREACH_WORKER(lcore) {
		sum.gets += __atomic_load_n(&workers[lcore].gets, __ATOMIC_RELAXED);
		sum.hits += __atomic_load_n(&workers[lcore].hits, __ATOMIC_RELAXED);
		sum.damaged += workers[lcore].damaged;
	}
	return sum;
}

static void
print_row(FILE *f, double time, size_t heap, const struct worker *since, uint64_t refused, double s)
{
	struct cache_counts counts = cache_counts(cache);
	struct worker now = sum_up();
	uint64_t gets = now.gets - since->gets;

	fprintf(f, "%7.2f %8" PRIu64 " %10.1f %11.1f %9.2f %6.1f %8" PRIu64 "\n",
		time, counts.values, counts.bytes / 1048576., heap / 1048576.,
		gets / s / 1e6, gets != 0 ? 100. * (now.hits - since->hits) / gets : 0.,
		counts.refused - refused);
}

/* The gets of the worker that has the fewest. */
static uint64_t
fewest_gets(const uint64_t *since)
{
	uint64_t fewest = UINT64_MAX;
	unsigned int lcore;

	RTE_LCORE_FOREACH_WORKER(lcore)
		fewest = RTE_MIN(fewest, __atomic_load_n(&workers[lcore].gets, __ATOMIC_RELAXED) -
			since[lcore]);
	return fewest;
}

/* For the end of a row that begins now. */
static void
wait_until(uint64_t when)
{
	uint64_t since[RTE_MAX_LCORE];
	unsigned int lcore;

	RTE_LCORE_FOREACH_WORKER(lcore)
		since[lcore] = __atomic_load_n(&workers[lcore].gets, __ATOMIC_RELAXED);
	while (rte_get_timer_cycles() < when || fewest_gets(since) < options.row_gets)
		rte_delay_us_sleep(200);
}

/* Each row of the table in turn. heap: what EAL had given before the values. */
static void
run(FILE *table, size_t heap)
{
	static const char head[] = "#  time   values values/MiB  memory/MiB  Mget/s   hit/%% refused\n";
	uint64_t hz = rte_get_timer_hz(), begin = rte_get_timer_cycles();
	unsigned int at;

	printf(head);
	if (table != NULL)
		fprintf(table, head);
	for (at = 0; at < options.rows; at++) {
		struct worker since = sum_up();
		uint64_t refused = cache_counts(cache).refused;
		uint64_t start = rte_get_timer_cycles();
		double seconds, time;

		__atomic_store_n(&row, at, __ATOMIC_RELAXED);
		cache_expire(cache, at > KEPT ? at - KEPT : 0);
		idle();
		if (options.backend->maintain != NULL)
			options.backend->maintain();
		wait_until(start + hz * options.row_ms / 1000);
		seconds = (double)(rte_get_timer_cycles() - start) / hz;
		time = (double)(rte_get_timer_cycles() - begin) / hz;
		print_row(stdout, time, heap_bytes() - heap, &since, refused, seconds);
		if (table != NULL)
			print_row(table, time, heap_bytes() - heap, &since, refused, seconds);
	}
}

static void
print_result(void)
{
	struct worker sum = sum_up();

	printf("%s: %" PRIu64 " gets, %" PRIu64 " hits, %" PRIu64 " damaged, %" PRIu64 " refused\n",
		options.backend->name, sum.gets, sum.hits, sum.damaged, cache_counts(cache).refused);
}

int
main(int argc, char **argv)
{
	unsigned int n[VALUE_SIZES];
	FILE *table = NULL;
	size_t heap;
	int used, ret;

	used = rte_eal_init(argc, argv);
	if (used < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start: %s\n", rte_strerror(rte_errno));
	parse_options(argc - used, argv + used);
	if (rte_lcore_count() < 2)
		rte_exit(EXIT_FAILURE, "one lcore only: -l 0,1 has two, --lcores='(0-3)@0' has four "
			"on one CPU\n");
	if (options.table != NULL) {
		table = fopen(options.table, "w");
		if (table == NULL)
			rte_exit(EXIT_FAILURE, "cannot write %s\n", options.table);
	}
	/* Those of one phase, and of one that differs before it. */
	cache = cache_create(options.backend, 2 * options.keys);
	if (cache == NULL)
		rte_exit(EXIT_FAILURE, "no memory for the table: %s\n", rte_strerror(rte_errno));
	heap = heap_bytes();
	plan(n);
	ret = options.backend->start(n);
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "%s does not start: %s; -m gives EAL more memory, fewer --keys "
			"need less\n", options.backend->name, rte_strerror(-ret));

	rte_eal_mp_remote_launch(work, NULL, SKIP_MAIN);
	run(table, heap);
	__atomic_store_n(&quit, true, __ATOMIC_RELAXED);
	rte_eal_mp_wait_lcore();
	print_result();

	cache_free(cache);
	options.backend->end();
	if (table != NULL)
		fclose(table);
	rte_eal_cleanup();
	return 0;
}
