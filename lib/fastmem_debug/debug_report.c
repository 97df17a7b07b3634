/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is told of an error: what happened, to which object, who has allocated and freed it,
 * and the bytes around the damage.
 *
 * A report is put together in memory of libc, and then written, or given to the user's
 * callback. One at a time in a process; an error within a report is not reported. All that
 * it tells of objects is a copy (struct fastmem_finding): names are looked up for seconds,
 * and callbacks and core dumps take what they like, while other threads and processes go on.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "fastmem_debug.h"
#include "fastmem_stack.h"
#include "fastmem_trace.h"
#include "fastmem_track.h"

static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int cancel_before; /* the state of cancellation before it */
static uint64_t report_time; /* of the one that is being made. Under report_lock */

FILE *
fastmem_report_stream(void)
{
	return fastmem_debug.report_file != NULL ? fastmem_debug.report_file :
		fastmem_log_stream();
}

/* False: this thread is at it already. */
static bool
report_begin(void)
{
	if (fastmem_reporting)
		return false;
	fastmem_reporting = true;
	cancel_before = fastmem_cancel_disable();
	fastmem_local_lock(&report_lock, FASTMEM_LOCK_REPORT);
	report_time = rte_rdtsc(); /* to look up names takes its time */
	return true;
}

static void
report_end(void)
{
	fastmem_local_unlock(&report_lock);
	fastmem_cancel_restore(&cancel_before);
	fastmem_reporting = false;
}

/* Whether the calling thread is within a report, as in its callback. */
bool
fastmem_is_reporting(void)
{
	return fastmem_reporting;
}

/* In a forked child: whoever held the lock is not here, unless it is a callback that forks. */
void
fastmem_report_forked(void)
{
	pthread_mutex_init(&report_lock, NULL);
	if (fastmem_reporting)
		pthread_mutex_lock(&report_lock);
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
fastmem_report_text_end(struct text *t)
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
	fastmem_trace_report(t->report.error, t->report.ptr, t->report.object, t->report.size,
		t->report.pool);
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
write_slot(FILE *f, const struct fastmem_slot_copy *slot)
{
	const struct fastmem_record *r = &slot->record;

	fprintf(f, "  object %p of %u bytes, %s; slot of %u bytes, ", (const void *)slot->object,
		r->size, state_name(r->state), slot->slot_size);
	if (slot->pool[0] != '\0')
		fprintf(f, "pool %s, ", slot->pool);
	fprintf(f, "bin %u, socket %d\n", slot->bin, slot->socket_id);
	if (r->state == FASTMEM_RECORD_NEW)
		return;
	write_history(f, "allocated", r->alloc_tid, r->alloc_pid, r->alloc_time, r->alloc_stack);
	if (r->state == FASTMEM_RECORD_FREED)
		write_history(f, "freed", r->free_tid, r->free_pid, r->free_time, r->free_stack);
}

/* The bytes around the damage, which is marked. */
static void
write_bytes(FILE *f, const struct fastmem_finding *finding)
{
	uint32_t i;

	for (i = 0; i < finding->n_bytes; i++) {
		const uint8_t *at = finding->bytes_at + i;

		if (i % 16 == 0)
			fprintf(f, "    %p:", (const void *)at);
		fprintf(f, at == finding->ptr ? " [%02x]" : " %02x", finding->bytes[i]);
		if (i % 16 == 15 || i + 1 == finding->n_bytes)
			fputc('\n', f);
	}
}

static void
write_overflow(FILE *f, uint32_t size, ptrdiff_t at)
{
	fprintf(f, "write behind an object of %u bytes: to ", size);
	if (at == size)
		fprintf(f, "the first byte behind it\n");
	else
		fprintf(f, "byte %td behind it\n", at - size + 1);
}

static void
write_damage(FILE *f, const struct fastmem_finding *finding)
{
	const struct fastmem_slot_copy *slot = &finding->slot;
	ptrdiff_t at = (const char *)finding->ptr - slot->object;

	if (finding->error == RTE_FASTMEM_ERROR_OVERFLOW)
		write_overflow(f, slot->record.size, at);
	else if (finding->error == RTE_FASTMEM_ERROR_UNDERFLOW)
		fprintf(f, "write in front of an object: %td bytes before it\n", -at);
	else if (!finding->first_known)
		fprintf(f, "write after free: the contents have changed\n");
	else
		fprintf(f, "write after free: byte %td of %u\n", at, slot->record.size);
	write_slot(f, slot);
	if (finding->has_next) {
		fprintf(f, "  %td bytes in front of the next slot, which may be what was meant:\n",
			slot->end - (const char *)finding->ptr);
		write_slot(f, &finding->next);
	}
	write_bytes(f, finding);
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

/* An address was freed or resized that is not to be. */
static void
write_pointer(FILE *f, const struct fastmem_finding *finding)
{
	const struct fastmem_slot_copy *slot = &finding->slot;
	const char *ptr = finding->ptr, *obj = slot->object;

	fprintf(f, "%s: %p\n", pointer_message(finding->error), (const void *)ptr);
	if (slot->bin == 0) {
		write_mapping(f, ptr);
		return;
	}
	if (!finding->has_slot) {
		fprintf(f, "  a slot of %u bytes that was never handed out, in bin %u\n",
			slot->slot_size, slot->bin);
		return;
	}
	if (ptr != obj)
		fprintf(f, "  %p is %td bytes %s\n", (const void *)ptr,
			ptr >= obj ? ptr - obj : obj - ptr,
			ptr >= obj ? "into it:" : "in front of it:");
	write_slot(f, slot);
}

static void
write_finding(FILE *f, const struct fastmem_finding *finding)
{
	fprintf(f, "FASTMEM: ERROR: ");
	switch (finding->error) {
	case RTE_FASTMEM_ERROR_OVERFLOW:
	case RTE_FASTMEM_ERROR_UNDERFLOW:
	case RTE_FASTMEM_ERROR_WRITE_AFTER_FREE:
		write_damage(f, finding);
		break;
	case RTE_FASTMEM_ERROR_WRONG_SIZE:
		fprintf(f, "free with the wrong size or alignment: %zu bytes were said\n",
			finding->said);
		write_slot(f, &finding->slot);
		break;
	case RTE_FASTMEM_ERROR_WRONG_POOL:
		fprintf(f, "put to the wrong pool: to %s\n", finding->said_pool);
		write_slot(f, &finding->slot);
		break;
	default:
		write_pointer(f, finding);
	}
}

void
fastmem_report(const struct fastmem_finding *finding)
{
	const struct fastmem_slot_copy *slot = &finding->slot;
	struct text t;
	FILE *f = text_begin(&t, finding->error, finding->ptr);

	if (f == NULL)
		return;
	if (finding->has_slot) {
		t.report.object = slot->object;
		t.report.size = slot->record.size;
		t.report.pool = slot->pool[0] != '\0' ? slot->pool : NULL;
	}
	write_finding(f, finding);
	fastmem_report_text_end(&t);
}

/* An address that is none of fastmem's was freed or resized. */
void
fastmem_report_foreign(enum rte_fastmem_error error, const void *ptr)
{
	struct fastmem_finding finding;

	fastmem_finding_pointer(&finding, error, NULL, NULL, NULL, ptr);
	fastmem_report(&finding);
}

/*
 * A pool is freed with n objects in use, which list writes; below 0: more were put than got.
 * Nobody else uses it.
 */
void
fastmem_report_pool_in_use(struct fastmem_bin *bin, int64_t n,
		void (*list)(FILE *f, const struct fastmem_bin *bin))
{
	struct text t;
	FILE *f = text_begin(&t, RTE_FASTMEM_ERROR_POOL_IN_USE, &bin->pool->user);

	if (f == NULL)
		return;
	t.report.pool = bin->pool->name;
	if (n < 0) {
		fprintf(f, "FASTMEM: ERROR: pool %s is freed after %" PRId64 " more puts than gets\n",
			bin->pool->name, -n);
	} else {
		fprintf(f, "FASTMEM: ERROR: pool %s is freed with %" PRId64 " objects in use:\n",
			bin->pool->name, n);
		list(f, bin);
	}
	fastmem_report_text_end(&t);
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
	fastmem_report_text_end(&t);
}

/* Of an address in a slab; false: nothing is known of its slot. */
bool
fastmem_report_object(FILE *f, const void *ptr)
{
	const struct fastmem_bin *bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(ptr)];
	struct fastmem_granule *slab = fastmem_slab_of(ptr);
	struct fastmem_record *r = fastmem_record_of(bin, slab, ptr);
	struct fastmem_slot_copy slot;

	if (r == NULL)
		return false;
	/* Pairs with the release in set_state(), debug.c. */
	fastmem_slot_copy(&slot, bin, slab, r,
			rte_atomic_load_explicit(&r->state, rte_memory_order_acquire));
	if (!report_begin())
		return true;
	fprintf(f, "%p is %td bytes from where its object begins\n", ptr,
		(const char *)ptr - slot.object);
	write_slot(f, &slot);
	report_end();
	return true;
}
