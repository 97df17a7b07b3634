/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is told of an error: what happened, to which object, who has allocated and freed it,
 * and the bytes around the damage.
 *
 * A report is put together in memory of libc, and then written, or given to the user's
 * callback. One at a time in a process; an error within a report is not reported.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "fastmem_debug.h"
#include "fastmem_stack.h"
#include "fastmem_track.h"

#define BYTES_BEFORE 16 /* of damage, that are shown */
#define BYTES_SHOWN 64

static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread bool reporting;
static uint64_t report_time; /* of the one that is being made. Under report_lock */

FILE *
fastmem_report_stream(void)
{
	FILE *f = fastmem_debug.report_file != NULL ? fastmem_debug.report_file :
			rte_log_get_stream();

	return f != NULL ? f : stderr;
}

/* False: this thread is at it already. */
static bool
report_begin(void)
{
	if (reporting)
		return false;
	reporting = true;
	pthread_mutex_lock(&report_lock);
	report_time = rte_rdtsc(); /* to look up names takes its time */
	return true;
}

static void
report_end(void)
{
	pthread_mutex_unlock(&report_lock);
	reporting = false;
}

/* A report in the making. */
struct text {
	struct rte_fastmem_report report;
	FILE *f; /* stderr if there is no memory: what is known goes straight out */
	char *buf;
	size_t len;
};

/* Returns where to write to; NULL: this thread is at it already. */
static FILE *
text_begin(struct text *t, enum rte_fastmem_error error, const void *ptr)
{
	if (!report_begin())
		return NULL;
	memset(t, 0, sizeof(*t));
	t->report.error = error;
	t->report.ptr = ptr;
	t->f = open_memstream(&t->buf, &t->len);
	if (t->f == NULL)
		t->f = stderr;
	return t->f;
}

static void
text_end(struct text *t)
{
	FILE *out = fastmem_report_stream();
	uint32_t stack;

	fprintf(t->f, "  found by thread %d of process %d:\n", rte_gettid(), (int)getpid());
	/* More of the innermost frames than elsewhere are the library's. */
	fastmem_stack_set_depth(FASTMEM_STACK_MAX_DEPTH);
	stack = fastmem_stack_capture();
	fastmem_stack_set_depth(fastmem_debug.depth);
	fastmem_stack_print(t->f, stack, "    ");
	if (t->f != stderr)
		fclose(t->f);
	t->report.text = t->buf != NULL ? t->buf : "";
	if (fastmem_debug.report != NULL) {
		fastmem_track_wrote(&t->report, sizeof(t->report));
		fastmem_track_wrote(t->report.text, strlen(t->report.text) + 1);
		fastmem_track_calls();
		fastmem_debug.report(&t->report, fastmem_debug.report_arg);
	} else {
		fputs(t->report.text, out);
		fflush(out);
		if (!fastmem_debug.keep_running)
			abort();
	}
	free(t->buf);
	report_end();
}

static const char *
state_name(uint32_t state)
{
	static const char *const names[] = {
		[FASTMEM_RECORD_NEW] = "never allocated",
		[FASTMEM_RECORD_LIVE] = "live",
		[FASTMEM_RECORD_BUSY] = "being freed",
		[FASTMEM_RECORD_FREED] = "free",
	};

	return state < RTE_DIM(names) ? names[state] : "damaged record";
}

static double
seconds_ago(uint64_t then)
{
	return report_time > then ? (double)(report_time - then) / rte_get_tsc_hz() : 0;
}

static void
write_history(FILE *f, const char *what, int tid, uint32_t pid, uint64_t time, uint32_t stack)
{
	fprintf(f, "  %s ", what);
	if (time != 0)
		fprintf(f, "%.3f s ago ", seconds_ago(time));
	fprintf(f, "by thread %d of process %u%s\n", tid, pid, stack != 0 ? ":" : "");
	if (stack != 0)
		fastmem_stack_print(f, stack, "    ");
}

/* Where an address lies that is none of fastmem's: the kernel knows what is mapped there. */
static void
write_mapping(FILE *f, const void *ptr)
{
	uintptr_t from, to, p = (uintptr_t)ptr;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		int name = 0;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &from, &to,
				&name) != 2 || p < from || p >= to)
			continue;
		line[strcspn(line, "\n")] = '\0';
		fprintf(f, "  %p lies in %s\n", ptr, name != 0 && line[name] != '\0' ? &line[name] :
			"memory without a name, such as a thread's stack or a large malloc()");
		fclose(maps);
		return;
	}
	if (maps != NULL)
		fclose(maps);
	fprintf(f, "  nothing is mapped at %p\n", ptr);
}

static void
write_object(FILE *f, struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r)
{
	const struct fastmem_pool *pool = bin->pool;
	uint32_t state = __atomic_load_n(&r->state, __ATOMIC_ACQUIRE);

	fprintf(f, "  object %p of %u bytes, %s; slot of %u bytes, ",
		(void *)fastmem_record_object(bin, slab, r), r->size, state_name(state),
		bin->slot_size);
	if (pool != NULL)
		fprintf(f, "pool %s, ", pool->name);
	fprintf(f, "bin %u, socket %d\n", bin->id,
		fastmem_ctl()->arenas[bin->socket].socket_id);
	if (state == FASTMEM_RECORD_NEW)
		return;
	write_history(f, "allocated", r->alloc_tid, r->alloc_pid, r->alloc_time, r->alloc_stack);
	if (state == FASTMEM_RECORD_FREED)
		write_history(f, "freed", r->free_tid, r->free_pid, r->free_time, r->free_stack);
}

/* Damage behind an object may as well be in front of the next one. */
static void
write_next(FILE *f, struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r, const char *first)
{
	const char *end = fastmem_record_slot(bin, slab, r) + bin->slot_size;
	const char *behind = fastmem_record_object(bin, slab, r) + r->size;

	if (first - behind < end - first || r + 1 == slab->records + slab->n_slots)
		return;
	fprintf(f, "  %td bytes in front of the next slot, which may be what was meant:\n",
		end - first);
	write_object(f, bin, slab, r + 1);
}

/* The bytes around a place, marked. Within the slots of the slab. */
__attribute__((no_sanitize("address", "thread")))
static void
write_bytes(FILE *f, const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const void *place)
{
	const char *from = fastmem_granule_addr(slab->head);
	const char *to = from + (size_t)slab->n_slots * bin->slot_size;
	const char *p = RTE_PTR_ALIGN_FLOOR((const char *)place - BYTES_BEFORE, 16);
	unsigned int i;

	for (i = 0; i < BYTES_SHOWN && p + i < to; i += 16) {
		unsigned int k;

		if (p + i < from)
			continue;
		fprintf(f, "    %p:", (const void *)(p + i));
		for (k = i; k < i + 16 && p + k < to; k++)
			fprintf(f, p + k == place ? " [%02x]" : " %02x", (uint8_t)p[k]);
		fputc('\n', f);
	}
}

static void
about_object(struct rte_fastmem_report *report, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r)
{
	report->object = fastmem_record_object(bin, slab, r);
	report->size = r->size;
	report->pool = bin->pool != NULL ? bin->pool->name : NULL;
}

/*
 * Memory was written to that is no live object's. first: the first byte that has changed;
 * NULL: not known.
 */
void
fastmem_report_damage(enum rte_fastmem_error error, struct fastmem_bin *bin,
		struct fastmem_granule *slab, struct fastmem_record *r, const void *first)
{
	const char *obj = fastmem_record_object(bin, slab, r);
	struct text t;
	FILE *f;

	f = text_begin(&t, error, first != NULL ? first : obj);
	if (f == NULL)
		return;
	about_object(&t.report, bin, slab, r);
	fprintf(f, "FASTMEM: ERROR: ");
	if (error == RTE_FASTMEM_ERROR_OVERFLOW)
		fprintf(f, "write behind an object: byte %td of %u\n",
			(const char *)first - obj, r->size);
	else if (error == RTE_FASTMEM_ERROR_UNDERFLOW)
		fprintf(f, "write in front of an object: %td bytes before it\n",
			obj - (const char *)first);
	else if (first == NULL)
		fprintf(f, "write after free: the contents have changed\n");
	else
		fprintf(f, "write after free: byte %td of %u\n", (const char *)first - obj,
			r->size);
	write_object(f, bin, slab, r);
	if (first != NULL && error == RTE_FASTMEM_ERROR_OVERFLOW)
		write_next(f, bin, slab, r, first);
	if (first != NULL)
		write_bytes(f, bin, slab, first);
	text_end(&t);
}

static const char *
pointer_message(enum rte_fastmem_error error)
{
	switch (error) {
	case RTE_FASTMEM_ERROR_DOUBLE_FREE:
		return "double free";
	case RTE_FASTMEM_ERROR_FREE_INTERIOR:
		return "free of an address that is not where its object begins";
	case RTE_FASTMEM_ERROR_REALLOC:
		return "realloc of an address that is no live object";
	default:
		return "free of an address that was never allocated by fastmem";
	}
}

/* An address was freed or resized that is not to be. bin NULL: it is none of fastmem's. */
void
fastmem_report_pointer(enum rte_fastmem_error error, struct fastmem_bin *bin,
		struct fastmem_granule *slab, struct fastmem_record *r, const void *ptr)
{
	struct text t;
	FILE *f;

	f = text_begin(&t, error, ptr);
	if (f == NULL)
		return;
	fprintf(f, "FASTMEM: ERROR: %s: %p\n", pointer_message(error), ptr);
	if (bin == NULL) {
		write_mapping(f, ptr);
	} else if (r == NULL) {
		fprintf(f, "  a slot of %u bytes that was never handed out, in bin %u\n",
			bin->slot_size, bin->id);
	} else {
		const char *obj = fastmem_record_object(bin, slab, r);

		about_object(&t.report, bin, slab, r);
		if ((const char *)ptr != obj)
			fprintf(f, "  %p is %td bytes %s\n", ptr, (const char *)ptr >= obj ?
				(const char *)ptr - obj : obj - (const char *)ptr,
				(const char *)ptr >= obj ? "into it:" : "in front of it:");
		write_object(f, bin, slab, r);
	}
	text_end(&t);
}

/* Freed with a size, or a handle, that is not its own. */
void
fastmem_report_size(struct fastmem_bin *bin, struct fastmem_granule *slab,
		struct fastmem_record *r, size_t said)
{
	struct text t;
	FILE *f;

	f = text_begin(&t, RTE_FASTMEM_ERROR_WRONG_SIZE, fastmem_record_object(bin, slab, r));
	if (f == NULL)
		return;
	about_object(&t.report, bin, slab, r);
	fprintf(f, "FASTMEM: ERROR: free with the wrong size or alignment: %zu bytes were said\n",
		said);
	write_object(f, bin, slab, r);
	text_end(&t);
}

/* Put to a pool that it was not got from. */
void
fastmem_report_pool(struct fastmem_bin *bin, struct fastmem_granule *slab,
		struct fastmem_record *r, const char *said)
{
	struct text t;
	FILE *f;

	f = text_begin(&t, RTE_FASTMEM_ERROR_WRONG_POOL, fastmem_record_object(bin, slab, r));
	if (f == NULL)
		return;
	about_object(&t.report, bin, slab, r);
	fprintf(f, "FASTMEM: ERROR: put to the wrong pool: to %s\n", said);
	write_object(f, bin, slab, r);
	text_end(&t);
}

/* The first objects in use of a pool. */
#define OBJECTS_SHOWN 4
struct in_use {
	const struct fastmem_bin *bin;
	unsigned int n;
	struct fastmem_granule *slabs[OBJECTS_SHOWN];
	struct fastmem_record *records[OBJECTS_SHOWN];
};

static void
note_in_use(struct fastmem_bin *bin, struct fastmem_granule *slab, struct fastmem_record *r,
		void *arg)
{
	struct in_use *u = arg;

	/* Pairs with the release in set_state(), fastmem_debug.c. */
	if (bin != u->bin || u->n == OBJECTS_SHOWN ||
			__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != FASTMEM_RECORD_LIVE)
		return;
	u->slabs[u->n] = slab;
	u->records[u->n++] = r;
}

/* A pool is freed with n objects in use. Nobody else uses it. */
void
fastmem_report_pool_in_use(struct fastmem_bin *bin, uint64_t n)
{
	struct in_use u = { .bin = bin };
	struct text t;
	unsigned int i;
	FILE *f;

	fastmem_records_walk(note_in_use, &u);
	f = text_begin(&t, RTE_FASTMEM_ERROR_POOL_IN_USE, &bin->pool->user);
	if (f == NULL)
		return;
	t.report.pool = bin->pool->name;
	fprintf(f, "FASTMEM: ERROR: pool %s is freed with %" PRIu64 " objects in use%s\n",
		bin->pool->name, n, n > u.n && u.n > 0 ? ", among them:" : "");
	for (i = 0; i < u.n; i++)
		write_object(f, bin, u.slabs[i], u.records[i]);
	text_end(&t);
}

/* A pool was used that is none. */
void
fastmem_report_pool_freed(const struct fastmem_pool *pool)
{
	struct text t;
	FILE *f;

	f = text_begin(&t, RTE_FASTMEM_ERROR_POOL_FREED, &pool->user);
	if (f == NULL)
		return;
	t.report.pool = pool->name;
	fprintf(f, "FASTMEM: ERROR: use of %p, which is no pool, or was freed (last name: %s)\n",
		(const void *)&pool->user, pool->name);
	text_end(&t);
}

void
rte_fastmem_object_dump(FILE *f, const void *ptr)
{
	struct fastmem_granule *slab;
	struct fastmem_record *r;
	struct fastmem_bin *bin;
	unsigned int id;

	if (f == NULL)
		return;
	if (fastmem_ctl_get() == NULL) {
		fprintf(f, "fastmem is not initialised\n");
		return;
	}
	id = rte_fastmem_bin_of(ptr);
	if (id == 0) {
		fprintf(f, "%p is no address of fastmem's objects\n", ptr);
		return;
	}
	bin = &fastmem_ctl()->bins[id];
	slab = fastmem_slab_of(ptr);
	r = fastmem_record_of(bin, slab, ptr);
	if (r == NULL) {
		fprintf(f, "%p: slot of %u bytes, %s%s, bin %u, socket %d; nothing more is known "
			"without checking\n", ptr, bin->slot_size, bin->pool != NULL ? "pool " :
			"no pool", bin->pool != NULL ? bin->pool->name : "", bin->id,
			fastmem_ctl()->arenas[bin->socket].socket_id);
		return;
	}
	if (!report_begin())
		return;
	fprintf(f, "%p is %td bytes from where its object begins\n", ptr,
		(const char *)ptr - fastmem_record_object(bin, slab, r));
	write_object(f, bin, slab, r);
	report_end();
}
