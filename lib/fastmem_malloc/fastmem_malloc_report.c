/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Counts of calls, and the report of them when the process exits.
 *
 * Each thread counts for itself, in memory of libc's; a thread that ends leaves its counts to the
 * next one. What is live, and its peak, is of the process. Sizes are those of what an object
 * really takes, but for EAL's header, and are known of each object without a table: so what the
 * process frees for others counts as well, and live can be below zero.
 *
 * The report has lines "key value", in the same form whoever serves, so that two can be compared.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>

#include "fastmem_lock.h"
#include "fastmem_malloc.h"
#include "fastmem_process.h"

#define N_SIZES 44 /* by powers of two */
#define N_MODULES 64 /* the last one stands for all beyond */
#define N_CACHED 256 /* callers */
#define SAMPLE_STEP (64u << 10)

struct count {
	RTE_ATOMIC(uint64_t) calls;
	RTE_ATOMIC(uint64_t) cycles;
};

/* A place that calls, and the module that it is in. */
struct caller {
	const void *address;
	unsigned int module;
};

/* Written by the owner only; the report reads what other threads write. */
struct counts {
	struct counts *next; /* never changes */
	RTE_ATOMIC(uint32_t) used; /* by a thread that lives */
	struct count calls[N_CALLS];
	struct count small; /* of calls, those for objects that fastmem can serve */
	struct count modules[N_MODULES];
	RTE_ATOMIC(uint64_t) sizes[N_SIZES];
	RTE_ATOMIC(uint64_t) asked; /* bytes */
	RTE_ATOMIC(uint64_t) failed;
	RTE_ATOMIC(uint64_t) by_fastmem; /* allocations */
	struct caller callers[N_CACHED]; /* by address */
};

static __thread struct counts *self __rte_tls_initial_exec;
static RTE_ATOMIC(struct counts *) all_counts; /* pushed to, never popped from */
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;

static RTE_ATOMIC(int64_t) live_bytes, live_objects;
static RTE_ATOMIC(int64_t) peak_bytes, peak_objects;

/* Modules: name and address never change once n_modules says that they are there. */
static struct module {
	const void *base;
	char name[64];
} modules[N_MODULES];
static RTE_ATOMIC(uint32_t) n_modules; /* grows under modules_lock */
static pthread_mutex_t modules_lock = PTHREAD_MUTEX_INITIALIZER;

/* Memory as it was when it was looked at. Under samples_lock, but for sampled_bytes. */
static struct sample {
	uint64_t heap_total, heap_alloc; /* of EAL's heap, memzones included */
	uint64_t backing, metadata, in_use; /* of fastmem */
} peak;
static uint64_t start_cycles; /* what it took fastmem to start; written once */
static RTE_ATOMIC(int64_t) sampled_bytes; /* the highest peak that was looked at */
static pthread_mutex_t samples_lock = PTHREAD_MUTEX_INITIALIZER;

static void
add(RTE_ATOMIC(uint64_t) *counter, uint64_t n)
{
	rte_atomic_store_explicit(counter, *counter + n, rte_memory_order_relaxed);
}

static uint64_t
get(const RTE_ATOMIC(uint64_t) *counter)
{
	return rte_atomic_load_explicit(counter, rte_memory_order_relaxed);
}

/* Threads. */

static void
thread_ends(void *arg)
{
	struct counts *counts = arg;

	self = NULL;
	/* Pairs with the acquire in counts_reuse(). */
	rte_atomic_store_explicit(&counts->used, 0, rte_memory_order_release);
}

static void
make_exit_key(void)
{
	if (pthread_key_create(&exit_key, thread_ends) != 0)
		fprintf(stderr, "librte_fastmem_malloc.so: no thread-specific data key is left\n");
}

static struct counts *
counts_reuse(void)
{
	struct counts *counts;

	/* Pairs with the release in counts_make(). */
	for (counts = rte_atomic_load_explicit(&all_counts, rte_memory_order_acquire);
			counts != NULL; counts = counts->next) {
		uint32_t unused = 0;

		if (rte_atomic_compare_exchange_strong_explicit(&counts->used, &unused, 1,
				rte_memory_order_acquire, rte_memory_order_relaxed))
			return counts;
	}
	return NULL;
}

static struct counts *
counts_make(void)
{
	struct counts *counts = calloc(1, sizeof(*counts));

	if (counts == NULL)
		return NULL;
	counts->used = 1;
	counts->next = rte_atomic_load_explicit(&all_counts, rte_memory_order_relaxed);
	/* Release: who finds it in the list finds it complete. */
	while (!rte_atomic_compare_exchange_strong_explicit(&all_counts, &counts->next, counts,
			rte_memory_order_release, rte_memory_order_relaxed))
		;
	return counts;
}

/* The calling thread's. NULL: no memory. */
static struct counts *
counts_self(void)
{
	if (likely(self != NULL))
		return self;
	pthread_once(&exit_key_once, make_exit_key);
	self = counts_reuse();
	if (self == NULL)
		self = counts_make();
	if (self != NULL)
		pthread_setspecific(exit_key, self);
	return self;
}

/* Callers. */

static void
set_name(struct module *module, const char *path)
{
	const char *base = strrchr(path, '/');
	char *p;

	snprintf(module->name, sizeof(module->name), "%s", base != NULL ? base + 1 : path);
	/* A name is one word. */
	for (p = module->name; *p != '\0'; p++)
		if (*p == ' ' || *p == '\t' || *p == '\n')
			*p = '_';
}

static unsigned int
module_by_base(const void *base, const char *path)
{
	uint32_t i;

	fastmem_local_lock(&modules_lock, FASTMEM_LOCK_MODULES);
	for (i = 0; i < n_modules && modules[i].base != base; i++)
		;
	if (i == n_modules && n_modules < N_MODULES) {
		modules[i].base = base;
		set_name(&modules[i], i + 1 < N_MODULES ? path : "others");
		/* Pairs with the acquire in report_modules(). */
		rte_atomic_store_explicit(&n_modules, i + 1, rte_memory_order_release);
	}
	fastmem_local_unlock(&modules_lock);
	return RTE_MIN(i, N_MODULES - 1u);
}

static unsigned int
module_of(struct counts *counts, const void *address)
{
	struct caller *caller = &counts->callers[((uintptr_t)address >> 2) % N_CACHED];
	Dl_info info;

	if (likely(caller->address == address))
		return caller->module;
	caller->module = dladdr(address, &info) != 0 && info.dli_fname != NULL ?
		module_by_base(info.dli_fbase, info.dli_fname) : module_by_base(NULL, "unknown");
	caller->address = address;
	return caller->module;
}

/* Memory. */

/* What an object takes, but for EAL's header. */
size_t
fastmem_malloc_size(const void *ptr)
{
	size_t size = 0;

	if (rte_malloc_validate(ptr, &size) != 0)
		return 0;
	return size;
}

static void
look_at_heap(struct sample *sample)
{
	struct rte_malloc_socket_stats stats;
	unsigned int i;

	for (i = 0; i < rte_socket_count(); i++) {
		if (fastmem_malloc_eal()->heap.get_socket_stats(rte_socket_id_by_idx(i),
				&stats) != 0)
			continue;
		sample->heap_total += stats.heap_totalsz_bytes;
		sample->heap_alloc += stats.heap_allocsz_bytes;
	}
}

/* See how much memory is in use: not from a thread that has a lock of EAL's. */
void
fastmem_malloc_sample(void)
{
	struct sample now = { 0 };
	struct rte_fastmem_stats stats;

	if (fastmem_growth_held != 0 || fastmem_malloc_stage() == STAGE_ENDED ||
			fastmem_malloc_stage() == STAGE_WAIT ||
			fastmem_malloc_stage() == STAGE_START ||
			!fastmem_local_trylock(&samples_lock, FASTMEM_LOCK_SAMPLES))
		return;
	look_at_heap(&now);
	if (fastmem_malloc_stage() == STAGE_SERVE && rte_fastmem_stats(&stats) == 0) {
		now.backing = stats.bytes_backing;
		now.metadata = stats.bytes_metadata;
		now.in_use = stats.bytes_in_use;
	}
	peak.heap_total = RTE_MAX(peak.heap_total, now.heap_total);
	peak.heap_alloc = RTE_MAX(peak.heap_alloc, now.heap_alloc);
	peak.backing = RTE_MAX(peak.backing, now.backing);
	peak.metadata = RTE_MAX(peak.metadata, now.metadata);
	peak.in_use = RTE_MAX(peak.in_use, now.in_use);
	fastmem_local_unlock(&samples_lock);
}

/* In a forked process: a thread that is not here may have had the locks. */
void
fastmem_malloc_report_forked(void)
{
	pthread_mutex_init(&modules_lock, NULL);
	pthread_mutex_init(&samples_lock, NULL);
}

/* Returns whether it is a new peak. */
static bool
raise_peak(RTE_ATOMIC(int64_t) *highest, int64_t value)
{
	int64_t before = rte_atomic_load_explicit(highest, rte_memory_order_relaxed);

	while (value > before)
		if (rte_atomic_compare_exchange_strong_explicit(highest, &before, value,
				rte_memory_order_relaxed, rte_memory_order_relaxed))
			return true;
	return false;
}

/* New peaks are looked at, but not each of them. */
static void
count_live(int64_t objects, int64_t bytes)
{
	int64_t seen, now = rte_atomic_fetch_add_explicit(&live_bytes, bytes,
			rte_memory_order_relaxed) + bytes;

	raise_peak(&peak_objects,
		rte_atomic_fetch_add_explicit(&live_objects, objects, rte_memory_order_relaxed) +
		objects);
	if (!raise_peak(&peak_bytes, now))
		return;
	seen = rte_atomic_load_explicit(&sampled_bytes, rte_memory_order_relaxed);
	if (now >= seen + RTE_MAX(seen / 32, (int64_t)SAMPLE_STEP) &&
			rte_atomic_compare_exchange_strong_explicit(&sampled_bytes, &seen, now,
			rte_memory_order_relaxed, rte_memory_order_relaxed))
		fastmem_malloc_sample();
}

/* Counting. */

static unsigned int
size_bucket(size_t size)
{
	return size <= 1 ? 0 : RTE_MIN(64 - (int)rte_clz64(size - 1), N_SIZES - 1);
}

static void
count_result(struct counts *counts, const struct fastmem_malloc_event *event)
{
	int64_t after;

	if (event->call == CALL_FREE || (event->call == CALL_REALLOC && event->asked == 0)) {
		if (event->before != 0)
			count_live(-1, -(int64_t)event->before);
		return;
	}
	add(&counts->sizes[size_bucket(event->asked)], 1);
	add(&counts->asked, event->asked);
	if (event->ptr == NULL) {
		add(&counts->failed, 1);
		return;
	}
	if (rte_fastmem_bin_of(event->ptr) != 0)
		add(&counts->by_fastmem, 1);
	after = fastmem_malloc_size(event->ptr);
	count_live(event->before == 0, after - (int64_t)event->before);
}

void
fastmem_malloc_count(const struct fastmem_malloc_event *event)
{
	struct counts *counts = counts_self();
	struct count *module;

	if (counts == NULL)
		return;
	module = &counts->modules[module_of(counts, event->caller)];
	add(&counts->calls[event->call].calls, 1);
	add(&counts->calls[event->call].cycles, event->cycles);
	add(&module->calls, 1);
	add(&module->cycles, event->cycles);
	/* All else is EAL's in any case. */
	if (RTE_MAX(event->asked, event->before) <= rte_fastmem_max_size()) {
		add(&counts->small.calls, 1);
		add(&counts->small.cycles, event->cycles);
	}
	count_result(counts, event);
}

/* The report. */

void
fastmem_malloc_count_start(uint64_t cycles)
{
	start_cycles = cycles;
}

/* What it takes to read the counter of cycles once, of two times: the other half is not seen. */
static uint64_t
cycles_of_measuring(void)
{
	uint64_t least = UINT64_MAX;
	unsigned int i, j;

	for (i = 0; i < 10; i++) {
		uint64_t start = rte_rdtsc(), took = 0;

		for (j = 0; j < 100; j++)
			took = rte_rdtsc() - start;
		least = RTE_MIN(least, took / 100);
	}
	return least;
}

static void
sum_up(struct counts *sum)
{
	const struct counts *counts;
	unsigned int i;

	memset(sum, 0, sizeof(*sum));
	for (counts = rte_atomic_load_explicit(&all_counts, rte_memory_order_acquire);
			counts != NULL; counts = counts->next) {
		for (i = 0; i < N_CALLS; i++) {
			sum->calls[i].calls += get(&counts->calls[i].calls);
			sum->calls[i].cycles += get(&counts->calls[i].cycles);
		}
		sum->small.calls += get(&counts->small.calls);
		sum->small.cycles += get(&counts->small.cycles);
		for (i = 0; i < N_MODULES; i++) {
			sum->modules[i].calls += get(&counts->modules[i].calls);
			sum->modules[i].cycles += get(&counts->modules[i].cycles);
		}
		for (i = 0; i < N_SIZES; i++)
			sum->sizes[i] += get(&counts->sizes[i]);
		sum->asked += get(&counts->asked);
		sum->failed += get(&counts->failed);
		sum->by_fastmem += get(&counts->by_fastmem);
	}
}

static uint64_t
net(const struct count *count, uint64_t measuring)
{
	return count->cycles - RTE_MIN(count->cycles, count->calls * measuring);
}

static void
report_calls(FILE *f, const struct counts *sum, uint64_t measuring)
{
	static const char * const names[N_CALLS] = { "malloc", "zmalloc", "calloc", "realloc",
		"free" };
	struct count all = { 0 };
	unsigned int i;

	for (i = 0; i < N_CALLS; i++) {
		all.calls += sum->calls[i].calls;
		all.cycles += net(&sum->calls[i], measuring);
	}
	fprintf(f, "calls %" PRIu64 "\ncycles %" PRIu64 "\n", all.calls, all.cycles);
	for (i = 0; i < N_CALLS; i++)
		fprintf(f, "calls.%s %" PRIu64 "\ncycles.%s %" PRIu64 "\n", names[i],
			sum->calls[i].calls, names[i], net(&sum->calls[i], measuring));
	fprintf(f, "calls.small %" PRIu64 "\ncycles.small %" PRIu64 "\n", sum->small.calls,
		net(&sum->small, measuring));
	fprintf(f, "start_cycles %" PRIu64 "\n", start_cycles);
	fprintf(f, "calls_failed %" PRIu64 "\nallocations_by_fastmem %" PRIu64 "\n"
		"bytes_asked %" PRIu64 "\n", sum->failed, sum->by_fastmem, sum->asked);
}

static void
report_memory(FILE *f)
{
	fprintf(f, "peak_bytes %" PRId64 "\npeak_objects %" PRId64 "\nlive_bytes %" PRId64 "\n"
		"live_objects %" PRId64 "\n", peak_bytes, peak_objects, live_bytes, live_objects);
	fastmem_malloc_report_pages(f);
	fprintf(f, "peak_heap_bytes %" PRIu64 "\npeak_heap_allocated_bytes %" PRIu64 "\n",
		peak.heap_total, peak.heap_alloc);
	fprintf(f, "peak_fastmem_backing_bytes %" PRIu64 "\npeak_fastmem_metadata_bytes %" PRIu64
		"\npeak_fastmem_in_use_bytes %" PRIu64 "\n", peak.backing, peak.metadata,
		peak.in_use);
}

static void
report_sizes(FILE *f, const struct counts *sum)
{
	unsigned int i;

	for (i = 0; i < N_SIZES; i++)
		if (sum->sizes[i] != 0)
			fprintf(f, "sizes_up_to.%" PRIu64 " %" PRIu64 "\n", UINT64_C(1) << i,
				sum->sizes[i]);
}

static void
report_modules(FILE *f, const struct counts *sum, uint64_t measuring)
{
	uint32_t i, n = rte_atomic_load_explicit(&n_modules, rte_memory_order_acquire);

	for (i = 0; i < n; i++)
		fprintf(f, "caller_calls.%s %" PRIu64 "\ncaller_cycles.%s %" PRIu64 "\n",
			modules[i].name, sum->modules[i].calls, modules[i].name,
			net(&sum->modules[i], measuring));
}

static void
report_to(FILE *f, const struct counts *sum)
{
	uint64_t measuring = cycles_of_measuring();

	fprintf(f, "program %s\npid %d\nprocess %s\nserved_by %s\ntsc_hz %" PRIu64 "\n"
		"cycles_of_measuring %" PRIu64 "\n", program_invocation_short_name, (int)getpid(),
		rte_eal_process_type() == RTE_PROC_SECONDARY ? "secondary" : "primary",
		sum->by_fastmem != 0 ? "fastmem" : "eal", rte_get_tsc_hz(), measuring);
	report_calls(f, sum, measuring);
	report_memory(f);
	fastmem_malloc_report_mempools(f);
	report_sizes(f, sum);
	report_modules(f, sum, measuring);
}

/*
 * %p becomes the process id. A secondary process, which may have inherited the environment, and a
 * forked child do not write over another's: they add their id to a name without %p.
 */
static void
report_path(const char *pattern, char *path, size_t room)
{
	const char *mark = strstr(pattern, "%p");

	if (mark != NULL)
		snprintf(path, room, "%.*s%d%s", (int)(mark - pattern), pattern, (int)getpid(),
			mark + 2);
	else if (rte_eal_process_type() == RTE_PROC_SECONDARY || fastmem_malloc_is_forked())
		snprintf(path, room, "%s.%d", pattern, (int)getpid());
	else
		snprintf(path, room, "%s", pattern);
}

static void
report_to_file(const char *pattern, const struct counts *sum)
{
	char path[4096];
	FILE *f;
	int fd;

	report_path(pattern, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f != NULL)
		report_to(f, sum);
	if (f == NULL || fclose(f) != 0)
		fprintf(stderr, "librte_fastmem_malloc.so: cannot write %s: %s\n", path,
			strerror(errno));
}

/* A program that has made no call is none of DPDK's, such as the shell that has started it. */
RTE_FINI(report_at_exit)
{
	const char *report = fastmem_malloc_config.report;
	static struct counts sum;

	if (!fastmem_malloc_config.count ||
			rte_atomic_load_explicit(&all_counts, rte_memory_order_acquire) == NULL)
		return;
	sum_up(&sum);
	if (strcmp(report, "-") == 0)
		report_to(stderr, &sum);
	else
		report_to_file(report, &sum);
}
