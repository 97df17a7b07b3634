/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a child does until it is killed: see test_steps.h.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_log.h>
#include <rte_memzone.h>

#include "fastmem_private.h"
#include "test_fastmem.h"
#include "test_steps.h"

#define LARGE_BULK 300u /* more than a magazine */

struct steps_state *
steps_state_get(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup(STEPS_ZONE);

	return mz != NULL ? mz->addr : NULL;
}

void
steps_mark(void *obj, size_t size)
{
	pattern_fill(obj, RTE_MIN(size, (size_t)64), (uintptr_t)obj);
}

bool
steps_is_marked(const void *obj, size_t size)
{
	return pattern_holds(obj, RTE_MIN(size, (size_t)64), (uintptr_t)obj);
}

/* Building blocks. */

static struct rte_fastmem_cache *
cache_of(size_t size)
{
	return &rte_fastmem_tls.classes[rte_fastmem_class(size, 8)];
}

static const struct fastmem_bin *
bin_of(size_t size)
{
	return &fastmem_ctl()->bins[cache_of(size) - rte_fastmem_tls.caches];
}

static unsigned int
in_depot(size_t size)
{
	const struct fastmem_bin *bin = bin_of(size);

	return bin->full != NULL ? fastmem_depot_count(bin->full) : 0;
}

static bool
get_one(struct steps_state *s, size_t size)
{
	void *obj = s->n_held < STEPS_HELD ? rte_fastmem_alloc(size, 8, s->flags) : NULL;

	if (obj == NULL)
		return false;
	steps_mark(obj, size);
	s->held[s->n_held++] = obj;
	return true;
}

static void
get_many(struct steps_state *s, size_t size, unsigned int n)
{
	while (n-- > 0)
		if (!get_one(s, size))
			abort(); /* the supervisor sees how it ended */
}

static void
give_one(struct steps_state *s)
{
	rte_fastmem_free(s->held[--s->n_held]);
}

/* The next n objects are freed by the operation. */
static void
will_free(struct steps_state *s, unsigned int n)
{
	while (s->freeing < n)
		s->in_call[s->freeing++] = s->held[--s->n_held];
}

/* An allocation finds the loaded magazine empty, and the spare one if that is so as well. */
static void
empty_cache(struct steps_state *s, size_t size, bool spare_too)
{
	const struct rte_fastmem_cache *c = cache_of(size);

	while (c->top != c->base || (spare_too && c->spare_n > 0))
		get_many(s, size, 1);
}

/* A free finds both magazines full. */
static void
fill_cache(struct steps_state *s, size_t size)
{
	const struct rte_fastmem_cache *c = cache_of(size);
	const struct fastmem_bin *bin = bin_of(size);

	while (c->top != c->end || c->capacity < bin->magazine_size ||
			c->spare_n < bin->magazine_size)
		give_one(s);
}

/* Preparations. */

static void
prepare_nothing(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
}

static void
prepare_attached(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_init() != 0)
		abort();
}

static void
prepare_empty(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 10);
	empty_cache(s, op->size, true);
	s->allocating = 1;
}

static void
prepare_spare(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 1000);
	fill_cache(s, op->size);
	empty_cache(s, op->size, false);
	s->allocating = 1;
}

static void
prepare_depot(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 1500);
	fill_cache(s, op->size);
	while (in_depot(op->size) < 1)
		give_one(s);
	empty_cache(s, op->size, true);
	s->allocating = 1;
}

static void
prepare_full(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 1200);
	fill_cache(s, op->size);
	will_free(s, 1);
}

/* The next magazine goes back to its slabs. */
static void
prepare_full_depot(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, RTE_MIN(12 * MIB / op->size, (size_t)3000));
	while (in_depot(op->size) < bin_of(op->size)->max_full)
		give_one(s);
	fill_cache(s, op->size);
	will_free(s, 1);
}

static void
prepare_bulk_alloc(const struct steps_operation *op, struct steps_state *s)
{
	prepare_empty(op, s);
	s->allocating = LARGE_BULK;
}

static void
prepare_bulk_free(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 3 * LARGE_BULK);
	will_free(s, LARGE_BULK);
}

/* Something of several sizes in the caches. */
static void
prepare_mixed(const struct steps_operation *op, struct steps_state *s)
{
	size_t size;

	RTE_SET_USED(op);
	for (size = 64; size <= 64 * KIB; size *= 4) {
		get_many(s, size, 20);
		for (unsigned int i = 0; i < 12; i++)
			give_one(s);
	}
}

static void
prepare_one(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 1);
}

static void
prepare_realloc(const struct steps_operation *op, struct steps_state *s)
{
	get_many(s, op->size, 3);
	will_free(s, 1);
	s->allocating = 1;
}

/* All memory is in use, or cached as objects of another size. */
static void
prepare_scarcity(const struct steps_operation *op, struct steps_state *s)
{
	unsigned int n, first, last;

	/* It cannot ask for memory: the answer would go to its parent. */
	s->flags = RTE_FASTMEM_F_NOGROW;
	while (get_one(s, op->size))
		;
	for (n = 0; n < 40; n++)
		give_one(s);
	rte_fastmem_cache_flush();
	first = s->n_held;
	while (get_one(s, 1000))
		;
	last = s->n_held;
	/* Slabs of this size may have had slots left. */
	while (get_one(s, op->size))
		;
	for (n = first; n < last; n++)
		rte_fastmem_free(s->held[n]);
	s->n_held -= last - first;
	memmove(&s->held[first], &s->held[last], (s->n_held - first) * sizeof(s->held[0]));
	s->allocating = 1;
}

/* A thread cache, but nothing in it. */
static void
prepare_thread(const struct steps_operation *op, struct steps_state *s)
{
	rte_fastmem_handle_t handle;

	s->flags = RTE_FASTMEM_F_NOGROW;
	s->allocating = 1;
	if (rte_fastmem_hlookup(op->size, 8, SOCKET_ID_ANY, &handle) != 0)
		abort();
}

/* Operations. */

static void
act_alloc(const struct steps_operation *op, struct steps_state *s)
{
	if (rte_fastmem_alloc(op->size, 8, s->flags) == NULL)
		abort();
}

static void
act_free(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	rte_fastmem_free(s->in_call[0]);
}

static void
act_alloc_large(const struct steps_operation *op, struct steps_state *s)
{
	s->allocating = 1;
	act_alloc(op, s);
}

static void
act_bulk_alloc(const struct steps_operation *op, struct steps_state *s)
{
	static void *objs[LARGE_BULK];

	RTE_SET_USED(s);
	if (rte_fastmem_alloc_bulk(objs, LARGE_BULK, op->size, 8, 0) != 0)
		abort();
}

static void
act_bulk_free(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	rte_fastmem_free_bulk(s->in_call, s->freeing);
}

static void
act_realloc(const struct steps_operation *op, struct steps_state *s)
{
	void *new = rte_fastmem_realloc(s->in_call[0], op->size * 3, 8);

	if (new == NULL)
		abort();
}

static void
act_flush(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	rte_fastmem_cache_flush();
}

static void
act_idle(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	rte_fastmem_thread_idle();
}

static void
act_deinit(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	rte_fastmem_deinit();
}

static void
act_attach(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_init() != 0)
		abort();
}

static void
act_list(const struct steps_operation *op, struct steps_state *s)
{
	RTE_SET_USED(op);
	RTE_SET_USED(s);
	if (rte_fastmem_processes(NULL, 0) < 2)
		abort();
}

const struct steps_operation steps_operations[] = {
	{ "refill from slabs", 4096, prepare_empty, act_alloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "refill of tiny objects", 8, prepare_empty, act_alloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "swap of magazines", 512, prepare_spare, act_alloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "take from a depot", 512, prepare_depot, act_alloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "put into a depot", 512, prepare_full, act_free, AFTER_NOTHING, STEPS_NO_POOL },
	{ "return to slabs", 4096, prepare_full_depot, act_free, AFTER_NOTHING, STEPS_NO_POOL },
	{ "bulk that allocates", 256, prepare_bulk_alloc, act_bulk_alloc, AFTER_NOTHING,
		STEPS_NO_POOL },
	{ "bulk that frees", 256, prepare_bulk_free, act_bulk_free, AFTER_NOTHING, STEPS_NO_POOL },
	{ "large object allocated", 200000, prepare_one, act_alloc_large, AFTER_NOTHING,
		STEPS_NO_POOL },
	{ "large object freed", 128 * KIB, prepare_full_depot, act_free, AFTER_NOTHING,
		STEPS_NO_POOL },
	{ "realloc", 5000, prepare_realloc, act_realloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "flush", 0, prepare_mixed, act_flush, AFTER_NOTHING, STEPS_NO_POOL },
	{ "idle", 0, prepare_mixed, act_idle, AFTER_NOTHING, STEPS_NO_POOL },
	{ "scarcity", 30000, prepare_scarcity, act_alloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "theft", 4096, prepare_thread, act_alloc, AFTER_HOARDING, STEPS_NO_POOL },
	{ "cache opened", 3000, prepare_thread, act_alloc, AFTER_NOTHING, STEPS_NO_POOL },
	{ "first allocation", 1000, prepare_attached, act_alloc_large, AFTER_NOTHING,
		STEPS_NO_POOL },
	{ "detach", 0, prepare_mixed, act_deinit, AFTER_NOTHING, STEPS_NO_POOL },
	{ "attach", 0, prepare_nothing, act_attach, AFTER_NOTHING, STEPS_NO_POOL },
	{ "attach after a death", 4096, prepare_nothing, act_attach, AFTER_DEATH, STEPS_NO_POOL },
	{ "taking back after a death", 4096, prepare_attached, act_list, AFTER_DEATH,
		STEPS_NO_POOL },
	{ NULL, 0, NULL, NULL, AFTER_NOTHING, STEPS_NO_POOL }
};

struct crowd_result {
	int init;
	bool is_told, works;
};

static void
child_main(const struct steps_operation *op, struct steps_state *s)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(errno);
	op->prepare(op, s);
	raise(SIGSTOP);
	op->act(op, s);
	raise(SIGSTOP);
	_exit(0);
}

/* The parent steps a child several times as fast where it need not wake another CPU. */
static void
stay_on_a_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

int64_t
steps_run(const uint64_t *args)
{
	const struct steps_operation *op = args[0] != 0 ? &steps_pool_operations[args[1]] :
			&steps_operations[args[1]];
	struct steps_state *s = steps_state_get();
	int64_t reached;
	int status;
	pid_t pid;

	memset(s, 0, offsetof(struct steps_state, readers));
	/* Not of each death, nor what a pool is freed with. */
	rte_log_set_level_pattern("lib.fastmem", args[0] != 0 ? RTE_LOG_ERR : RTE_LOG_WARNING);
	stay_on_a_cpu();
	pid = fork();
	if (pid == 0)
		child_main(op, s);
	if (pid < 0)
		return -errno;
	s->pid = pid;
	if (!steps_stopped(pid, SIGSTOP, &status)) {
		if (WIFEXITED(status)) /* it may not be traced */
			return -WEXITSTATUS(status);
		fprintf(stderr, "%s: status %#x before it began\n", op->name, status);
		return -EFAULT;
	}
	reached = steps_walk(op, pid, s, args[2]);
	kill(pid, SIGKILL);
	steps_stopped(pid, SIGKILL, &status);
	return reached;
}

/* A child that attaches, says how that went, and stays until it is told to go. */
static void
crowd_child(int out, int in)
{
	struct crowd_result result;
	char end;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_begin();
	result.init = rte_fastmem_init();
	result.works = rte_fastmem_alloc(64, 0, RTE_FASTMEM_F_NOGROW) != NULL;
	result.is_told = log_end("no more than") > 0;
	if (write(out, &result, sizeof(result)) != sizeof(result) || read(in, &end, 1) != 0)
		_exit(1);
	rte_fastmem_deinit();
	_exit(0);
}

int64_t
steps_crowd(const uint64_t *args)
{
	unsigned int n = args[0], i, attached = 0, wrong = 0;
	struct crowd_result result;
	int results[2], ends[2];

	if (pipe(results) != 0 || pipe(ends) != 0)
		return -errno;
	for (i = 0; i < n; i++) {
		if (fork() == 0) {
			close(ends[1]);
			crowd_child(results[1], ends[0]);
		}
		/* One after the other: all that could attach are there. */
		if (!process_wait_readable(results[0], PROCESS_PATIENCE_MS) ||
				read(results[0], &result, sizeof(result)) != sizeof(result))
			break;
		attached += result.init == 0;
		wrong += result.works != (result.init == 0) ||
			result.is_told != (result.init != 0);
	}
	close(ends[1]);
	while (wait(NULL) > 0)
		;
	close(ends[0]);
	close(results[0]);
	close(results[1]);
	return i < n || wrong > 0 ? REMOTE_FAILED : (int64_t)attached;
}

const remote_t steps_calls[] = { steps_run, steps_crowd, NULL };
