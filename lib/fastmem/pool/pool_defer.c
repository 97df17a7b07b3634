/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Objects of pools that go back when no reader can have a reference any more.
 *
 * They wait in queues that each process has for itself, in memory of libc: so nothing of
 * them is left when it dies. An entry is a batch of objects with one grace period. A queue
 * belongs to one pool: when another process has freed that, and made one in its place, the
 * pool's generation tells, and what waits is forgotten. DPDK's own defer queue cannot
 * forget: it would ask the first pool's RCU variable, and give its objects to the second.
 *
 * A forked child has copies of its parent's queues, which it forgets: what waits there the parent
 * puts back, also if the child succeeds it later. If the parent dies before, it is lost.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

#include "fastmem_layout.h"
#include "pool_private.h"

#define BATCH 14u
#define QUEUE_MIN 64u /* batches */
#define QUEUE_MAX (16u << 10)
#define EACH_CALL 16u /* batches that go back in a call of rte_fastmem_pool_put_deferred() */

struct batch {
	uint64_t token;
	uint64_t n;
	void *objs[BATCH];
};

/* Under lock, but for what is read without. */
struct queue {
	pthread_mutex_t lock;
	struct batch *batches;
	uint32_t size; /* a power of two */
	uint32_t head, tail; /* of all batches ever */
	RTE_ATOMIC(uint32_t) generation; /* of the pool; 0: none */
	RTE_ATOMIC(uint32_t) n_objs; /* on their way */
};

/* By the pool's place. */
static struct queue queues[RTE_FASTMEM_MAX_POOLS] = {
	[0 ... RTE_FASTMEM_MAX_POOLS - 1] = { .lock = PTHREAD_MUTEX_INITIALIZER },
};

static struct queue *
queue_of(const struct fastmem_pool *pool)
{
	return &queues[pool - fastmem_ctl()->pools];
}

static void
queue_forget(struct queue *q)
{
	q->head = 0;
	q->tail = 0;
	rte_atomic_store_explicit(&q->n_objs, 0, rte_memory_order_relaxed);
	rte_atomic_store_explicit(&q->generation, 0, rte_memory_order_relaxed);
}

static void
queue_reset(struct queue *q)
{
	struct batch *batches = q->batches;

	queue_forget(q);
	q->batches = NULL;
	/* After that: a child that is forked meanwhile has no pointer to what is free. */
	rte_compiler_barrier();
	free(batches);
}

/* Whether what is in a queue is of this pool: not of one that was in its place, or was freed. */
static bool
is_of_pool(const struct queue *q, const struct fastmem_pool *pool)
{
	return rte_atomic_load_explicit(&q->generation, rte_memory_order_relaxed) ==
		rte_atomic_load_explicit(&pool->generation, rte_memory_order_relaxed) &&
		fastmem_pool_is_live(pool);
}

/* Make the queue of this pool if there is none. Returns 0 or -ENOMEM. */
static int
queue_prepare(struct queue *q, const struct fastmem_pool *pool)
{
	struct batch *batches;

	if (is_of_pool(q, pool))
		return 0;
	queue_reset(q);
	/* One object to a batch, at worst. */
	q->size = RTE_MIN(RTE_MAX(pool->max, QUEUE_MIN), QUEUE_MAX);
	q->size = rte_align32pow2(q->size);
	batches = malloc(q->size * sizeof(batches[0]));
	if (batches == NULL)
		return -ENOMEM;
	q->batches = batches;
	rte_atomic_store_explicit(&q->generation, pool->generation, rte_memory_order_relaxed);
	return 0;
}

/* Take the oldest batch, if its grace period is over. */
static bool
take_batch(struct queue *q, const struct fastmem_pool *pool, struct batch *out)
{
	bool taken = false;

	fastmem_local_lock(&q->lock, FASTMEM_LOCK_QUEUE);
	if (is_of_pool(q, pool) && q->head != q->tail) {
		const struct batch *batch = &q->batches[q->head & (q->size - 1)];

		taken = rte_rcu_qsbr_check(pool->qsbr, batch->token, false) != 0;
		if (taken) {
			*out = *batch;
			q->head++;
		}
	}
	fastmem_local_unlock(&q->lock);
	return taken;
}

/* Put back what has waited long enough: up to n batches. Returns how many. */
static unsigned int
put_back(struct fastmem_pool *pool, unsigned int n)
{
	struct queue *q = queue_of(pool);
	struct batch batch;
	unsigned int i;

	for (i = 0; i < n && take_batch(q, pool, &batch); i++) {
		rte_fastmem_pool_put_bulk(&pool->user, batch.objs, batch.n);
		rte_atomic_fetch_sub_explicit(&q->n_objs, batch.n, rte_memory_order_relaxed);
	}
	return i;
}

/* Returns 0, -ENOMEM, or -ENOSPC. */
static int
enqueue(struct fastmem_pool *pool, void *const *objs, unsigned int n)
{
	struct queue *q = queue_of(pool);
	unsigned int done;
	uint64_t token;
	int ret;

	fastmem_local_lock(&q->lock, FASTMEM_LOCK_QUEUE);
	ret = queue_prepare(q, pool);
	if (ret == 0 && ((uint64_t)n + BATCH - 1) / BATCH > q->size - (q->tail - q->head))
		ret = -ENOSPC;
	if (ret == 0 && n > 0) {
		token = rte_rcu_qsbr_start(pool->qsbr);
		rte_atomic_fetch_add_explicit(&q->n_objs, n, rte_memory_order_relaxed);
		for (done = 0; done < n; done += BATCH, q->tail++) {
			struct batch *batch = &q->batches[q->tail & (q->size - 1)];

			batch->token = token;
			batch->n = RTE_MIN(n - done, BATCH);
			memcpy(batch->objs, objs + done, batch->n * sizeof(objs[0]));
		}
	}
	fastmem_local_unlock(&q->lock);
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_put_deferred, 26.11)
int
rte_fastmem_pool_put_deferred(struct rte_fastmem_pool *user, void *const *objs, unsigned int n)
{
	struct fastmem_pool *pool = fastmem_pool(user);
	int ret;

	if (fastmem_ctl_get() == NULL)
		return -ENODEV;
	if (user == NULL || pool->qsbr == NULL || (objs == NULL && n > 0))
		return -EINVAL;
	if (!fastmem_pool_is_live(pool))
		return -ENODEV;
	if (!fastmem_pool_can_read_qsbr(pool))
		return -ENOTSUP;
	put_back(pool, EACH_CALL);
	ret = enqueue(pool, objs, n);
	if (ret == -ENOSPC) {
		put_back(pool, UINT32_MAX);
		ret = enqueue(pool, objs, n);
	}
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_pool_reclaim, 26.11)
unsigned int
rte_fastmem_pool_reclaim(struct rte_fastmem_pool *user)
{
	struct fastmem_pool *pool = fastmem_pool(user);

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	put_back(pool, UINT32_MAX);
	return fastmem_defer_count(pool);
}

/*
 * For a get that has found nothing: put back what this process has on its way, if its grace period is
 * over. Returns whether that was any. Not under a lock of the pool's.
 */
bool
fastmem_defer_take_back(struct fastmem_pool *pool)
{
	/* Where readers are another process's to know, nothing is on its way from here. */
	return fastmem_defer_count(pool) > 0 && put_back(pool, UINT32_MAX) > 0;
}

/* Objects of this process on their way. */
unsigned int
fastmem_defer_count(const struct fastmem_pool *pool)
{
	const struct queue *q = queue_of(pool);

	return is_of_pool(q, pool) ?
		rte_atomic_load_explicit(&q->n_objs, rte_memory_order_relaxed) : 0;
}

static void
queue_end(struct queue *q)
{
	fastmem_local_lock(&q->lock, FASTMEM_LOCK_QUEUE);
	queue_reset(q);
	fastmem_local_unlock(&q->lock);
}

/* The pool is about to be freed, and its readers have been waited for. */
void
fastmem_defer_end(struct fastmem_pool *pool)
{
	put_back(pool, UINT32_MAX);
	queue_end(queue_of(pool));
}

/*
 * The same batch by batch for a pool that another process may free meanwhile, with which its RCU
 * variable ends: not while the state is under the lock.
 */
static bool
take_batch_if_live(struct queue *q, const struct fastmem_pool *pool, struct batch *out)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	bool taken;

	fastmem_pools_lock(ctl);
	taken = take_batch(q, pool, out);
	fastmem_mutex_unlock(&ctl->pools_lock);
	return taken;
}

/*
 * At deinit: no reader is waited for. After the primary's, all objects have ceased to be, and RCU
 * variables may have.
 */
void
fastmem_defer_end_all(void)
{
	bool open = fastmem_process_state() == FASTMEM_PROCESS_OPEN;
	struct batch batch;
	unsigned int i;

	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		struct fastmem_pool *pool = &fastmem_ctl()->pools[i];

		if (queues[i].batches == NULL)
			continue;
		while (open && take_batch_if_live(&queues[i], pool, &batch))
			rte_fastmem_pool_put_bulk(&pool->user, batch.objs, batch.n);
		queue_end(&queues[i]);
	}
}

/* In a forked child. Whoever held the locks is not here. */
void
fastmem_defer_forked(void)
{
	unsigned int i;

	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++) {
		pthread_mutex_init(&queues[i].lock, NULL);
		queue_forget(&queues[i]);
	}
}

/* For debuggers. */

#define FIELD(name, field) { #name "." #field, offsetof(struct name, field), \
		sizeof(((struct name *)NULL)->field) }

const struct fastmem_layout_entry fastmem_defer_entries[FASTMEM_DEFER_ENTRIES] = {
	{ "queue", sizeof(struct queue), 0 },
	FIELD(queue, batches),
	FIELD(queue, size),
	FIELD(queue, head),
	FIELD(queue, tail),
	FIELD(queue, generation),
	FIELD(queue, n_objs),
	{ "batch", sizeof(struct batch), 0 },
	FIELD(batch, n),
	FIELD(batch, objs),
};

const void *const fastmem_defer_queues = queues;
