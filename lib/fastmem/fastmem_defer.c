/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Objects of pools that go back when no reader can have a reference any more.
 *
 * They wait in a defer queue of DPDK's RCU library. As that has a function pointer, each
 * process has queues of its own, made when a pool is first used so. An entry is a batch
 * of objects with one grace period.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ring.h>
#include <rte_rcu_qsbr.h>

#include "fastmem_private.h"

#define BATCH 15
#define QUEUE_MIN 64u /* batches */
#define QUEUE_MAX (16u << 10)

struct batch {
	uint64_t n;
	void *objs[BATCH];
};

struct queue {
	struct rte_rcu_qsbr_dq *dq; /* atomic: set under queues_lock */
	uint32_t size; /* batches; written before dq */
	uint32_t n_batches; /* on their way. Atomic */
	uint32_t n_objs; /* in these. Atomic */
};

/* By the pool's place. */
static struct queue queues[RTE_FASTMEM_MAX_POOLS];
static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;

static struct queue *
queue_of(const struct fastmem_pool *pool)
{
	return &queues[pool - fastmem_ctl()->pools];
}

/* By the queue: the grace period of these batches is over. */
static void
put_batches(void *arg, void *entries, unsigned int n)
{
	struct fastmem_pool *pool = arg;
	const struct batch *batch = entries;
	struct queue *q = queue_of(pool);
	unsigned int i;

	for (i = 0; i < n; i++) {
		rte_fastmem_pool_put_bulk(&pool->user, batch[i].objs, batch[i].n);
		__atomic_fetch_sub(&q->n_objs, batch[i].n, __ATOMIC_RELAXED);
	}
	/* Pairs with the acquire in take_room(): these places of the queue are vacant. */
	__atomic_fetch_sub(&q->n_batches, n, __ATOMIC_RELEASE);
}

/* Under queues_lock. */
static struct rte_rcu_qsbr_dq *
dq_make(struct fastmem_pool *pool, uint32_t size)
{
	struct rte_rcu_qsbr_dq_parameters params = {
		.esize = sizeof(struct batch),
		.size = size,
		/* Few enough batches wait for the next call, and few enough are done in one. */
		.trigger_reclaim_limit = 16,
		.max_reclaim_size = 16,
		.free_fn = put_batches,
		.p = pool,
		.v = pool->qsbr,
	};
	char name[RTE_RCU_QSBR_DQ_NAMESIZE];
	struct rte_ring *old;

	snprintf(name, sizeof(name), "fm%u_%u", pool->bin, fastmem_process.peer);
	params.name = name;
	/* Of a process that had this number, and has died. */
	old = rte_ring_lookup(name);
	if (old != NULL)
		rte_ring_free(old);
	return rte_rcu_qsbr_dq_create(&params);
}

/* The queue of a pool in this process. NULL: no memory. */
static struct rte_rcu_qsbr_dq *
dq_get(struct fastmem_pool *pool)
{
	struct queue *q = queue_of(pool);
	/* Pairs with the release below. */
	struct rte_rcu_qsbr_dq *dq = __atomic_load_n(&q->dq, __ATOMIC_ACQUIRE);

	if (dq != NULL)
		return dq;
	pthread_mutex_lock(&queues_lock);
	dq = q->dq;
	if (dq == NULL) {
		/* One object to a batch, at worst. */
		q->size = RTE_MIN(RTE_MAX(pool->max, QUEUE_MIN), QUEUE_MAX);
		dq = dq_make(pool, q->size);
		__atomic_store_n(&q->dq, dq, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&queues_lock);
	return dq;
}

/* Make sure of places for n batches. */
static bool
take_room(struct queue *q, struct rte_rcu_qsbr_dq *dq, uint32_t n)
{
	unsigned int tries;

	for (tries = 0; tries < 2 && n <= q->size; tries++) {
		/* Acquire pairs with the release in put_batches(). */
		if (__atomic_add_fetch(&q->n_batches, n, __ATOMIC_ACQUIRE) <= q->size)
			return true;
		__atomic_fetch_sub(&q->n_batches, n, __ATOMIC_RELAXED);
		rte_rcu_qsbr_dq_reclaim(dq, UINT32_MAX, NULL, NULL, NULL);
	}
	return false;
}

int
rte_fastmem_pool_put_deferred(struct rte_fastmem_pool *user, void *const *objs, unsigned int n)
{
	struct fastmem_pool *pool = fastmem_pool(user);
	struct rte_rcu_qsbr_dq *dq;
	unsigned int done;
	struct queue *q;

	if (fastmem_ctl_get() == NULL)
		return -ENODEV;
	if (user == NULL || pool->qsbr == NULL || (objs == NULL && n > 0))
		return -EINVAL;
	dq = dq_get(pool);
	if (dq == NULL)
		return -ENOMEM;
	q = queue_of(pool);
	if (!take_room(q, dq, (n + BATCH - 1) / BATCH))
		return -ENOSPC;
	__atomic_fetch_add(&q->n_objs, n, __ATOMIC_RELAXED);
	for (done = 0; done < n; done += BATCH) {
		struct batch batch = { .n = RTE_MIN(n - done, (unsigned int)BATCH) };

		memcpy(batch.objs, objs + done, batch.n * sizeof(objs[0]));
		if (rte_rcu_qsbr_dq_enqueue(dq, &batch) != 0)
			rte_panic("fastmem: a queue with room is full\n");
	}
	return 0;
}

unsigned int
rte_fastmem_pool_reclaim(struct rte_fastmem_pool *user)
{
	struct fastmem_pool *pool = fastmem_pool(user);
	struct rte_rcu_qsbr_dq *dq;

	if (user == NULL || fastmem_ctl_get() == NULL)
		return 0;
	/* Pairs with the release in dq_get(). */
	dq = __atomic_load_n(&queue_of(pool)->dq, __ATOMIC_ACQUIRE);
	if (dq != NULL)
		rte_rcu_qsbr_dq_reclaim(dq, UINT32_MAX, NULL, NULL, NULL);
	return fastmem_defer_count(pool);
}

/* Objects of this process on their way. */
unsigned int
fastmem_defer_count(const struct fastmem_pool *pool)
{
	return __atomic_load_n(&queue_of(pool)->n_objs, __ATOMIC_RELAXED);
}

static void
defer_end(struct fastmem_pool *pool, bool wait)
{
	struct queue *q = queue_of(pool);

	pthread_mutex_lock(&queues_lock);
	if (q->dq != NULL) {
		if (wait)
			rte_rcu_qsbr_synchronize(pool->qsbr, RTE_QSBR_THRID_INVALID);
		if (rte_rcu_qsbr_dq_delete(q->dq) != 0)
			FASTMEM_LOG(ERR, "pool %s: %u deferred objects are lost: %s", pool->name,
				fastmem_defer_count(pool), rte_strerror(rte_errno));
		__atomic_store_n(&q->dq, NULL, __ATOMIC_RELAXED);
		__atomic_store_n(&q->n_objs, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&q->n_batches, 0, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&queues_lock);
}

/* The pool is about to be freed: wait for the grace period of what this process has put. */
void
fastmem_defer_end(struct fastmem_pool *pool)
{
	defer_end(pool, true);
}

/* At deinit, when all objects cease to be: no reader is waited for. */
void
fastmem_defer_end_all(void)
{
	unsigned int i;

	for (i = 0; i < RTE_FASTMEM_MAX_POOLS; i++)
		if (queues[i].dq != NULL)
			defer_end(&fastmem_ctl()->pools[i], false);
}
