/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What the report says of mempools, whoever serves them: what their memory takes, and what of it was
 * ever in use.
 *
 * A mempool is noted when it has all of its objects, in the process that has made it. How many of
 * them are in use is looked at when some were taken out of it, by functions that take the place of
 * its ops in this process; what caches of lcores hold counts as in use, as rte_mempool has it.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_fastmem_pool.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "fastmem_lock.h"
#include "fastmem_malloc.h"

/* Mempools of the same name, one after the other, have one, if they are alike. */
struct record {
	struct record *next; /* never changes */
	RTE_ATOMIC(const struct rte_mempool *) mp; /* NULL: freed */
	char name[RTE_MEMPOOL_NAMESIZE]; /* this and all below: under records_lock, but for the peak */
	char served_by[RTE_MEMPOOL_OPS_NAMESIZE];
	uint32_t objects;
	uint32_t size; /* of an object */
	uint64_t bytes; /* of its memory */
	uint64_t bytes_without; /* with a ring behind it, and memory of rte_mempool's */
	RTE_ATOMIC(uint32_t) peak; /* objects in use */
	RTE_ATOMIC(uint32_t) populated; /* objects that there were when bytes were looked at */
};

static RTE_ATOMIC(struct record *) records; /* pushed to, never popped from */
static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;

/* The ops, as they were before they were counted. An entry is written before it is used. */
static struct rte_mempool_ops counted[RTE_MEMPOOL_MAX_OPS_IDX];

/* Pairs with the release in fastmem_malloc_note_mempool(). */
static struct record *
first_record(void)
{
	return rte_atomic_load_explicit(&records, rte_memory_order_acquire);
}

/* NULL: it is not known here. */
static struct record *
record_of(const struct rte_mempool *mp)
{
	struct record *r = first_record();

	/* Pairs with the release in fastmem_malloc_note_mempool(). */
	while (r != NULL && rte_atomic_load_explicit(&r->mp, rte_memory_order_acquire) != mp)
		r = r->next;
	return r;
}

static uint64_t
ring_bytes(uint32_t n)
{
	return RTE_CACHE_LINE_ROUNDUP(sizeof(struct rte_ring) +
		(uint64_t)rte_align32pow2(n + 1) * sizeof(void *));
}

/* As rte_mempool_populate_default() asks for it. */
static uint64_t
bytes_of_default(struct rte_mempool *mp)
{
	size_t page = 0, min_chunk, align;
	ssize_t bytes;

	if (rte_mempool_get_page_size(mp, &page) != 0)
		page = 0;
	bytes = rte_mempool_op_calc_mem_size_default(mp, mp->size,
		page != 0 ? rte_bsf64(page) : 0, &min_chunk, &align);
	return RTE_CACHE_LINE_ROUNDUP(RTE_MAX(bytes, 0));
}

static uint64_t
bytes_of_chunks(const struct rte_mempool *mp)
{
	const struct rte_mempool_memhdr *memhdr;
	uint64_t bytes = 0;

	STAILQ_FOREACH(memhdr, &mp->mem_list, next)
		bytes += memhdr->len;
	return bytes;
}

static void
fill(struct record *r, struct rte_mempool *mp)
{
	struct rte_fastmem_pool_stats stats;

	rte_atomic_store_explicit(&r->populated,
		rte_atomic_load_explicit((RTE_ATOMIC(uint32_t) *)&mp->populated_size,
			rte_memory_order_relaxed),
		rte_memory_order_relaxed);
	strcpy(r->served_by, rte_mempool_get_ops(mp->ops_index)->name);
	if (mempool_fastmem_ops.get_count == rte_mempool_get_ops(mp->ops_index)->get_count &&
			rte_fastmem_pool_stats(mp->pool_data, &stats) == 0) {
		r->bytes = stats.bytes_backing + stats.bytes_metadata;
		r->bytes_without = bytes_of_default(mp) + ring_bytes(mp->size);
	} else {
		r->bytes = bytes_of_chunks(mp) + ring_bytes(mp->size);
		r->bytes_without = r->bytes;
	}
}

/* It takes more memory than when it was looked at. */
static void
has_grown(struct record *r, struct rte_mempool *mp)
{
	fastmem_local_lock(&records_lock, FASTMEM_LOCK_RECORDS);
	fill(r, mp);
	fastmem_local_unlock(&records_lock);
}

static int
counted_dequeue(struct rte_mempool *mp, void **objs, unsigned int n)
{
	const struct rte_mempool_ops *ops = &counted[mp->ops_index];
	int ret = ops->dequeue(mp, objs, n);
	struct record *r;
	uint32_t used, peak;

	if (ret != 0)
		return ret;
	r = record_of(mp);
	if (r == NULL)
		return 0;
	if (unlikely(rte_atomic_load_explicit(&r->populated, rte_memory_order_relaxed) !=
			rte_atomic_load_explicit((RTE_ATOMIC(uint32_t) *)&mp->populated_size,
			rte_memory_order_relaxed)))
		has_grown(r, mp);
	used = mp->size - RTE_MIN(mp->size, ops->get_count(mp));
	peak = rte_atomic_load_explicit(&r->peak, rte_memory_order_relaxed);
	while (used > peak && !rte_atomic_compare_exchange_strong_explicit(&r->peak, &peak, used,
			rte_memory_order_relaxed, rte_memory_order_relaxed))
		;
	return 0;
}

/* Whether ops with this number and this function are those that are counted. */
bool
fastmem_malloc_counts_mempools(int32_t index, rte_mempool_dequeue_t dequeue)
{
	return rte_mempool_ops_table.ops[index].dequeue == counted_dequeue &&
		counted[index].dequeue == dequeue;
}

/* Under records_lock. */
static void
count_ops(int32_t index)
{
	struct rte_mempool_ops *ops = &rte_mempool_ops_table.ops[index];

	if (ops->dequeue == counted_dequeue)
		return;
	counted[index] = *ops;
	/* Release: who calls it finds what it has replaced, by the mempool's own publication. */
	rte_atomic_store_explicit((RTE_ATOMIC(rte_mempool_dequeue_t) *)&ops->dequeue,
		counted_dequeue, rte_memory_order_release);
}

/* Under records_lock. One of a mempool that was freed, and was like this one; or NULL. */
static struct record *
record_reuse(const struct rte_mempool *mp)
{
	struct record *r;

	for (r = first_record(); r != NULL; r = r->next)
		if (r->mp == NULL && strcmp(r->name, mp->name) == 0 && r->objects == mp->size &&
				r->size == mp->elt_size)
			break;
	return r;
}

/* Under records_lock. NULL: no memory. */
static struct record *
record_make(const struct rte_mempool *mp)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	strcpy(r->name, mp->name);
	r->objects = mp->size;
	r->size = mp->elt_size;
	r->next = records;
	rte_atomic_store_explicit(&records, r, rte_memory_order_release);
	return r;
}

/* A mempool is ready to be used. */
void
fastmem_malloc_note_mempool(struct rte_mempool *mp)
{
	struct record *r;

	fastmem_local_lock(&records_lock, FASTMEM_LOCK_RECORDS);
	r = record_reuse(mp);
	if (r == NULL)
		r = record_make(mp);
	if (r != NULL) {
		count_ops(mp->ops_index);
		fill(r, mp);
		rte_atomic_store_explicit(&r->mp, mp, rte_memory_order_release);
	}
	fastmem_local_unlock(&records_lock);
}

/* When a mempool is freed, all its objects are taken out first: they were not in use. */
static void
note_event(enum rte_mempool_event event, struct rte_mempool *mp, void *arg __rte_unused)
{
	struct record *r;

	if (event == RTE_MEMPOOL_EVENT_READY) {
		/* One that grows has not its size yet. */
		if (!fastmem_malloc_is_replaced(mp) || !mempool_fastmem_grows(mp))
			fastmem_malloc_note_mempool(mp);
	} else {
		r = record_of(mp);
		if (r != NULL)
			rte_atomic_store_explicit(&r->mp, NULL, rte_memory_order_relaxed);
	}
}

/* Once, before any mempool is made. */
void
fastmem_malloc_watch_mempools(void)
{
	if (rte_mempool_event_callback_register(note_event, NULL) != 0)
		fprintf(stderr, "librte_fastmem_malloc.so: no memory to count mempools\n");
}

/* In a forked process: a thread that is not here may have had the lock. */
void
fastmem_malloc_mempools_forked(void)
{
	pthread_mutex_init(&records_lock, NULL);
}

/* Of the bytes for the objects that there are, those for objects that were never in use. */
static uint64_t
unused_bytes(const struct record *r)
{
	uint32_t n = rte_atomic_load_explicit(&r->populated, rte_memory_order_relaxed);
	uint32_t peak = RTE_MIN(rte_atomic_load_explicit(&r->peak, rte_memory_order_relaxed), n);

	return n != 0 ? (unsigned __int128)r->bytes * (n - peak) / n : 0;
}

static void
report_record(FILE *f, const struct record *r)
{
	char name[sizeof(r->name)];
	char *p;

	strcpy(name, r->name);
	/* A name is one word. */
	for (p = name; *p != '\0'; p++)
		if (*p <= ' ')
			*p = '_';
	fprintf(f, "mempool.%s.objects %" PRIu32 "\nmempool.%s.size %" PRIu32 "\n"
		"mempool.%s.served_by %s\nmempool.%s.bytes %" PRIu64 "\n"
		"mempool.%s.bytes_without %" PRIu64 "\nmempool.%s.peak_in_use %" PRIu32 "\n"
		"mempool.%s.bytes_never_used %" PRIu64 "\n", name, r->objects, name, r->size, name,
		r->served_by, name, r->bytes, name, r->bytes_without, name,
		rte_atomic_load_explicit(&r->peak, rte_memory_order_relaxed), name,
		unused_bytes(r));
}

void
fastmem_malloc_report_mempools(FILE *f)
{
	uint64_t bytes = 0, without = 0, unused = 0;
	unsigned int n = 0, replaced = 0;
	const struct record *r;

	fastmem_local_lock(&records_lock, FASTMEM_LOCK_RECORDS);
	for (r = first_record(); r != NULL; r = r->next) {
		n++;
		replaced += strcmp(r->served_by, mempool_fastmem_ops.name) == 0;
		bytes += r->bytes;
		without += r->bytes_without;
		unused += unused_bytes(r);
	}
	fprintf(f, "mempools %u\nmempools_by_fastmem %u\nmempool_bytes %" PRIu64 "\n"
		"mempool_bytes_without %" PRIu64 "\nmempool_bytes_never_used %" PRIu64 "\n", n,
		replaced, bytes, without, unused);
	for (r = first_record(); r != NULL; r = r->next)
		report_record(f, r);
	fastmem_local_unlock(&records_lock);
}
