/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What this process tells by DPDK's telemetry socket: /fastmem/... The figures are those of the
 * statistics, of all processes; nothing is counted here. EAL calls in threads of its own, one for
 * each client. It opens no socket in secondaries, by itself: one that does so has the same answers.
 *
 * A command cannot be taken back from EAL. So there are none where this code may be unloaded, as in
 * a plug-in with the static library. The shared ones are linked with -z nodelete.
 */

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "fastmem_tally.h"
#include "telemetry.h"

#define AT_ONCE FASTMEM_TELEMETRY_AT_ONCE
#define add fastmem_telemetry_add
#define add_container fastmem_telemetry_add_container
#define refuse fastmem_telemetry_refuse
#define refuse_first fastmem_telemetry_refuse_first
#define next_number fastmem_telemetry_number
#define first_of_list fastmem_telemetry_first
#define MAX_THREADS 65536

/* In DPDK's tree, it is DPDK's. */
#ifndef FASTMEM_VERSION
#define FASTMEM_VERSION rte_version()
#endif

/* The unsigned type is "u64" in 22.11 and "uint" since 23.03; "int" has 32 bits there, and 64 since. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define TEL_UINT RTE_TEL_UINT_VAL
#define tel_array_uint rte_tel_data_add_array_uint
#define tel_int(value) (value)
#else
#define TEL_UINT RTE_TEL_U64_VAL
#define tel_array_uint rte_tel_data_add_array_u64
#define tel_int(value) ((int)RTE_MAX(value, (int64_t)INT32_MIN))
#endif

/* Set once, before the first command is registered. */
static RTE_ATOMIC(const struct fastmem_life_guard *) life_guard;
static bool ended; /* under life_lock */

static void
add_signed(struct rte_tel_data *d, const char *name, int64_t value)
{
	if (value >= 0)
		add(d, name, value);
	else
		rte_tel_data_add_dict_int(d, name, tel_int(value));
}

static const char *
level_name(void)
{
	if (!fastmem_checks_all())
		return fastmem_checks_some() ? "sample" : "off";
	return fastmem_checking.level == RTE_FASTMEM_DEBUG_FULL ? "full" : "light";
}

/* Of a bin, in all threads. */
static uint64_t
objects_in_caches(const struct fastmem_ctl *ctl, unsigned int bin)
{
	const struct fastmem_tcache *t;
	uint64_t n = 0;

	FASTMEM_FOREACH_TCACHE(t, ctl)
		n += fastmem_cache_objects(t, bin);
	return n;
}

/* A socket's part of what rte_fastmem_stats() and rte_fastmem_kept() sum up. */
static void
add_parts(struct rte_tel_data *socket, struct fastmem_arena *arena)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t in_use = 0, cached = 0, n_free;
	unsigned int i;

	for (i = 1; i < ctl->n_bins; i++) {
		const struct fastmem_bin *bin = &ctl->bins[i];
		uint64_t size = rte_atomic_load_explicit(&bin->slot_size, rte_memory_order_relaxed);
		struct fastmem_bin_figures figures;

		if (&ctl->arenas[bin->socket] != arena)
			continue;
		fastmem_bin_read(ctl, i, &figures);
		in_use += tally_positive(figures.in_use) * size;
		if (i < ctl->first_pool_bin)
			cached += objects_in_caches(ctl, i) * size;
	}
	fastmem_arena_lock(arena);
	n_free = arena->n_free;
	fastmem_mutex_unlock(&arena->lock);
	add(socket, "bytes_in_use", in_use);
	add(socket, "bytes_free", n_free << RTE_FASTMEM_GRANULE_SHIFT);
	add(socket, "bytes_cached", cached);
}

static void
add_socket(struct rte_tel_data *d, struct fastmem_arena *arena)
{
	struct fastmem_socket_figures figures;
	struct rte_tel_data *socket = rte_tel_data_alloc();
	uint64_t limit = rte_atomic_load_explicit(&arena->limit, rte_memory_order_relaxed);
	char name[32];

	if (socket == NULL)
		return;
	snprintf(name, sizeof(name), "socket_%d", arena->socket_id);
	rte_tel_data_start_dict(socket);
	fastmem_socket_read(arena->socket_id, &figures);
	add(socket, "bytes_backing", fastmem_arena_bytes(arena));
	add_parts(socket, arena);
	add(socket, "bytes_used", figures.used_bytes);
	add(socket, "n_chunks", rte_atomic_load_explicit(&arena->n_chunks,
			rte_memory_order_relaxed));
	add(socket, "n_growths", rte_atomic_load_explicit(&arena->n_growths,
			rte_memory_order_relaxed));
	add(socket, "n_shrinks", rte_atomic_load_explicit(&arena->n_shrinks,
			rte_memory_order_relaxed));
	if (limit != SIZE_MAX)
		add(socket, "bytes_limit", limit);
	add_container(d, name, socket);
}

static int
answer_info(const char *params, struct rte_tel_data *d)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct rte_fastmem_stats s;
	struct rte_fastmem_kept kept;
	unsigned int i;

	if (params != NULL)
		return refuse(d, "no parameter is known: '%s'", params);
	if (rte_fastmem_stats(&s) != 0 || rte_fastmem_kept(&kept) != 0)
		return -ENODEV;
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "version", FASTMEM_VERSION);
	add(d, "layout_version", FASTMEM_LAYOUT_VERSION);
	rte_tel_data_add_dict_string(d, "debug_level", level_name());
	add(d, "bytes_backing", s.bytes_backing);
	add(d, "bytes_in_use", s.bytes_in_use);
	add(d, "bytes_free", s.bytes_free);
	add(d, "bytes_cached", kept.bytes_cached);
	add(d, "bytes_pools", kept.bytes_pools);
	add(d, "bytes_metadata", s.bytes_metadata);
	add(d, "alloc_total", s.alloc_total);
	add(d, "free_total", s.free_total);
	add(d, "alloc_nomem", s.alloc_nomem);
	add(d, "n_classes", s.n_classes);
	for (i = 0; i < ctl->n_sockets; i++)
		add_socket(d, &ctl->arenas[i]);
	return 0;
}

static int
answer_classes(const char *params, struct rte_tel_data *d)
{
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);

	if (params != NULL)
		return refuse(d, "no parameter is known: '%s'", params);
	rte_tel_data_start_array(d, TEL_UINT);
	for (i = 0; i < n; i++)
		tel_array_uint(d, sizes[i]);
	return 0;
}

/* Objects of a size, or of the pool of a bin, that threads and depots have. */
static void
add_cached(struct rte_tel_data *d, size_t size, unsigned int bin)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	uint64_t in_caches = 0, in_depots = 0;
	unsigned int i;

	for (i = 1; i < ctl->n_bins; i++) {
		const struct fastmem_depot *full;

		if (bin != 0 ? i != bin : i >= ctl->first_pool_bin || ctl->bins[i].slot_size != size)
			continue;
		full = fastmem_full_depot(&ctl->bins[i]);
		in_depots += full != NULL ? fastmem_depot_objects(full) : 0;
		in_caches += objects_in_caches(ctl, i);
	}
	add(d, "in_caches", in_caches);
	add(d, "in_depots", in_depots);
}

static int
answer_class(const char *params, struct rte_tel_data *d)
{
	const char *rest = params;
	struct rte_fastmem_class_stats s;
	uint64_t size;

	if (!next_number(&rest, &size) || rest != NULL || rte_fastmem_stats_class(size, &s) != 0)
		return refuse(d, "'%s' is no size of a class: see /fastmem/classes", params);
	rte_tel_data_start_dict(d);
	add(d, "class_size", s.class_size);
	add(d, "in_use", s.in_use);
	add_cached(d, size, 0);
	add(d, "bytes_backing", s.bytes_backing);
	add(d, "slabs_partial", s.slabs_partial);
	add(d, "slabs_full", s.slabs_full);
	add(d, "slab_acquires", s.slab_acquires);
	add(d, "slab_releases", s.slab_releases);
	add(d, "alloc_cache_hits", s.alloc_cache_hits);
	add(d, "alloc_cache_misses", s.alloc_cache_misses);
	add(d, "alloc_nomem", s.alloc_nomem);
	add(d, "free_cache_hits", s.free_cache_hits);
	add(d, "free_cache_misses", s.free_cache_misses);
	return 0;
}

struct pool_list {
	struct rte_tel_data *d;
	uint64_t skip;
	unsigned int n;
};

static void
add_name(struct rte_fastmem_pool *pool, void *arg)
{
	struct pool_list *list = arg;

	if (list->skip > 0)
		list->skip--;
	else if (list->n++ < AT_ONCE)
		rte_tel_data_add_array_string(list->d, rte_fastmem_pool_name(pool));
}

static int
answer_pools(const char *params, struct rte_tel_data *d)
{
	struct pool_list list = { .d = d };

	if (!first_of_list(params, &list.skip))
		return refuse_first(d, params);
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	rte_fastmem_pool_walk(add_name, &list);
	return 0;
}

static int
answer_pool(const char *params, struct rte_tel_data *d)
{
	struct rte_fastmem_pool *user = rte_fastmem_pool_lookup(params);
	const struct fastmem_pool *pool = fastmem_pool(user);
	struct rte_fastmem_pool_stats s;

	if (user == NULL || rte_fastmem_pool_stats(user, &s) != 0)
		return refuse(d, "'%s' is no name of a pool: see /fastmem/pools", params);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", params);
	add(d, "size", pool->size);
	add(d, "min", pool->min);
	if (pool->max != UINT32_MAX)
		add(d, "max", pool->max);
	add(d, "objects", s.objects);
	add(d, "in_use", s.in_use);
	add_cached(d, 0, pool->bin);
	add(d, "deferred", s.deferred);
	add(d, "get_total", s.get_total);
	add(d, "put_total", s.put_total);
	add(d, "get_failed", s.get_failed);
	add(d, "bytes_backing", s.bytes_backing);
	add(d, "bytes_in_use", s.bytes_in_use);
	add(d, "bytes_wasted", s.bytes_wasted);
	add(d, "bytes_metadata", s.bytes_metadata);
	return 0;
}

static int
answer_threads(const char *params, struct rte_tel_data *d)
{
	struct rte_fastmem_thread *list;
	unsigned int n;
	uint64_t i;

	if (!first_of_list(params, &i))
		return refuse_first(d, params);
	n = RTE_MIN(rte_fastmem_threads(NULL, 0), (unsigned int)MAX_THREADS);
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	n = RTE_MIN(rte_fastmem_threads(list, n), n);
	rte_tel_data_start_array(d, TEL_UINT);
	for (n = RTE_MIN(n, i + AT_ONCE); i < n; i++)
		tel_array_uint(d, list[i].tid);
	free(list);
	return 0;
}

static int
answer_thread(const char *params, struct rte_tel_data *d)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	const struct fastmem_tcache *t;
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i, bin, n = rte_fastmem_classes(sizes);
	const char *rest = params;
	uint64_t tid, owner = 0, bytes = 0, allocs = 0, frees = 0;

	if (!next_number(&rest, &tid) || rest != NULL || tid == 0 || tid > UINT32_MAX)
		return refuse(d, "'%s' is no id of a thread: see /fastmem/threads", params);
	FASTMEM_FOREACH_TCACHE(t, ctl) {
		owner = rte_atomic_load_explicit(&t->owner, rte_memory_order_relaxed);
		if ((uint32_t)owner == tid)
			break;
	}
	if (t == NULL)
		return refuse(d, "thread %" PRIu64 " has no caches: see /fastmem/threads", tid);
	rte_tel_data_start_dict(d);
	add(d, "tid", tid);
	add(d, "pid", ctl->peers[((owner >> 32) - 1) % FASTMEM_MAX_PEERS].pid);
	if (t->lcore >= 0)
		add(d, "lcore_id", t->lcore);
	for (i = 0; i < n; i++) {
		uint64_t objects = 0;
		char name[32];

		for (bin = 1; bin < ctl->first_pool_bin; bin++) {
			struct fastmem_tally tally;

			if (ctl->bins[bin].slot_size != sizes[i])
				continue;
			fastmem_cache_read(t, bin, &tally);
			objects += tally.cached;
			allocs += tally.alloc;
			frees += tally.free;
		}
		snprintf(name, sizeof(name), "objects_of_%zu", sizes[i]);
		if (objects != 0)
			add(d, name, objects);
		bytes += objects * sizes[i];
	}
	add(d, "bytes_cached", bytes);
	add(d, "alloc_total", allocs);
	add(d, "free_total", frees);
	return 0;
}

static int
answer_processes(const char *params, struct rte_tel_data *d)
{
	struct rte_fastmem_process list[FASTMEM_MAX_PEERS];
	unsigned int i, n = rte_fastmem_processes(list, RTE_DIM(list));

	if (params != NULL)
		return refuse(d, "no parameter is known: '%s'", params);
	rte_tel_data_start_dict(d);
	for (i = 0; i < RTE_MIN(n, RTE_DIM(list)); i++) {
		struct rte_tel_data *process = rte_tel_data_alloc();
		char name[32];

		if (process == NULL)
			break;
		rte_tel_data_start_dict(process);
		add(process, "pid", list[i].pid);
		add(process, "alive", list[i].alive);
		add(process, "n_threads", list[i].n_threads);
		add_signed(process, "n_objects", list[i].n_objects);
		add_signed(process, "n_bytes", list[i].n_bytes);
		snprintf(name, sizeof(name), "process_%u", i);
		add_container(d, name, process);
	}
	return 0;
}

static const struct command {
	const char *name;
	const char *needs; /* a parameter; NULL: none, though it may have some */
	int (*answer)(const char *params, struct rte_tel_data *d);
	const char *help;
} commands[] = {
	{ "/fastmem/info", NULL, answer_info,
		"Totals and sockets of fastmem. Takes no parameters" },
	{ "/fastmem/classes", NULL, answer_classes,
		"Sizes of fastmem's classes, in bytes. Takes no parameters" },
	{ "/fastmem/class", "size", answer_class,
		"Figures of a size class. Parameters: size" },
	{ "/fastmem/pools", NULL, answer_pools,
		"Names of fastmem's pools, 64 at most. Parameters: number of the first (default 0)" },
	{ "/fastmem/pool", "name", answer_pool,
		"Figures of a pool. Parameters: name" },
	{ "/fastmem/threads", NULL, answer_threads,
		"Ids of threads with caches, 64 at most. Parameters: number of the first (default 0)" },
	{ "/fastmem/thread", "thread id", answer_thread,
		"What a thread has cached, by size. Parameters: thread id" },
	{ "/fastmem/processes", NULL, answer_processes,
		"Processes that use fastmem, and their accounts. Takes no parameters" },
	{ "/fastmem/chunks", "socket", fastmem_telemetry_chunks,
		"Chunks of a socket, 64 at most. Parameters: socket, number of the first (default 0)" },
	{ "/fastmem/slabs", "address", fastmem_telemetry_slabs,
		"Slabs and free runs of a chunk, 64 at most. Parameters: address of the first" },
	{ "/fastmem/leaks", NULL, fastmem_telemetry_leaks,
		"Live objects by place of allocation, 64 lines at most. "
		"Parameters: number of the first (default 0)" },
};

static const struct command *
command_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(commands) - 1 && strcmp(name, commands[i].name) != 0; i++)
		;
	return &commands[i];
}

/* In a thread of EAL's. While it is at work, fastmem does not end. */
static int
serve(const char *name, const char *params, struct rte_tel_data *d)
{
	/* Pairs with the release in serving_start(): EAL's lock between them is not seen by TSan. */
	const struct fastmem_life_guard *guard = rte_atomic_load_explicit(&life_guard,
			rte_memory_order_acquire);
	const struct command *command = command_of(name);
	struct fastmem_life life;
	int ret;

	if (params != NULL && *params == '\0')
		params = NULL;
	if (!guard->begin(&life))
		return -EBUSY;
	/* Where EAL's end could not be seen, its memory tells. */
	if (fastmem_process_state() != FASTMEM_PROCESS_OPEN || ended ||
			!fastmem_is_mapped(fastmem_ctl()))
		ret = refuse(d, "fastmem is not initialised in this process");
	else if (command->needs != NULL && params == NULL)
		ret = refuse(d, "parameter '%s' is missing: %s,...", command->needs, name);
	else
		ret = command->answer(params, d);
	guard->end(&life);
	return ret;
}

static bool stays; /* loaded, as long as the process lives */

/* When this code is loaded, as the loader has a lock for what it tells. */
RTE_INIT(find_whether_it_stays)
{
	struct link_map *map;
	const ElfW(Dyn) *entry;
	Dl_info info;

	stays = dladdr1((void *)(uintptr_t)serve, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 ||
		map->l_name[0] == '\0'; /* the program itself */
	for (entry = stays ? NULL : map->l_ld; entry != NULL && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_FLAGS_1)
			stays = (entry->d_un.d_val & DF_1_NODELETE) != 0;
}

/* EAL is about to end: it does not end the threads that serve. Under life_lock. */
static void
serving_end(void)
{
	ended = true;
}

/* At each begin of fastmem. Under life_lock. */
static void
serving_start(const struct fastmem_life_guard *guard)
{
	static bool started;
	unsigned int i;

	if (started)
		return;
	started = true;
	rte_atomic_store_explicit(&life_guard, guard, rte_memory_order_release); /* pairs with serve() */
	if (!stays) {
		FASTMEM_LOG(DEBUG, "no telemetry: this code may be unloaded");
		return;
	}
	for (i = 0; i < RTE_DIM(commands); i++)
		if (rte_telemetry_register_cmd(commands[i].name, serve, commands[i].help) != 0)
			FASTMEM_LOG(DEBUG, "%s is not served", commands[i].name);
}

/* A static program names it to the linker, as nothing else refers to this file: see meson.build. */
const struct fastmem_server fastmem_telemetry = {
	.start = serving_start,
	.end = serving_end,
};

RTE_INIT(serving_register)
{
	fastmem_server_register(&fastmem_telemetry);
}
