/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Threads of all kinds that fastmem serves.
 *
 * How EAL tells an lcore to start, and learns that it has ended, is not visible
 * to ThreadSanitizer; the fields started and done repeat it.
 */

#include <pthread.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#include <rte_thread.h>
#endif

#include "test_fastmem.h"

static int
worker_main(void *arg)
{
	struct worker *w = arg;

	/* Pairs with the release in workers_start(). */
	if (rte_atomic_load_explicit(&w->started, rte_memory_order_acquire) == 1)
		w->result = w->run(w->arg);
	/* Pairs with the acquire in workers_join(). */
	rte_atomic_store_explicit(&w->done, 1, rte_memory_order_release);
	return 0;
}

static void *
worker_pthread(void *arg)
{
	worker_main(arg);
	return NULL;
}

/* One at a time: EAL has a lock for that, too, but ThreadSanitizer does not see it. */
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;

static void *
worker_registered(void *arg)
{
	struct worker *w = arg;
	int ret;

	pthread_mutex_lock(&registering);
	ret = rte_thread_register();
	pthread_mutex_unlock(&registering);
	if (ret == 0) {
		worker_main(w);
		pthread_mutex_lock(&registering);
		rte_thread_unregister();
		pthread_mutex_unlock(&registering);
	}
	return NULL;
}

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
static uint32_t
worker_control(void *arg)
{
	worker_main(arg);
	return 0;
}

static int
control_start(struct worker *w)
{
	rte_thread_t thread;
	int ret = rte_thread_create_control(&thread, "fm-control", worker_control, w);

	w->thread = (uint64_t)thread.opaque_id;
	return ret;
}
#else
static int
control_start(struct worker *w)
{
	pthread_t thread;
	int ret = rte_ctrl_thread_create(&thread, "fm-control", NULL, worker_pthread, w);

	w->thread = (uint64_t)thread;
	return ret;
}
#endif

static int
pthread_start(struct worker *w, void *(*function)(void *))
{
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, function, w);

	w->thread = (uint64_t)thread;
	return ret;
}

unsigned int
workers_lcores(void)
{
	return rte_lcore_count() - 1;
}

static int
worker_start(struct worker *w, unsigned int *lcore)
{
	w->result = TEST_FAILED;
	w->done = 0;
	rte_atomic_store_explicit(&w->started, 1, rte_memory_order_release);
	switch (w->kind) {
	case WORKER_LCORE:
		*lcore = rte_get_next_lcore(*lcore, 1, 0);
		w->lcore = *lcore;
		return w->lcore < RTE_MAX_LCORE ?
			rte_eal_remote_launch(worker_main, w, w->lcore) : -1;
	case WORKER_PTHREAD:
		return pthread_start(w, worker_pthread);
	case WORKER_REGISTERED:
		return pthread_start(w, worker_registered);
	case WORKER_CONTROL:
		return control_start(w);
	}
	return -1;
}

static void *
register_once(void *arg)
{
	int *ret = arg;

	*ret = rte_thread_register();
	if (*ret == 0)
		rte_thread_unregister();
	return NULL;
}

/* EAL registers no thread once it has seen a secondary process: others would wait for it for ever. */
static int
can_register(const struct worker *workers, unsigned int n)
{
	pthread_t thread;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && workers[i].kind != WORKER_REGISTERED; i++)
		;
	if (i == n)
		return TEST_SUCCESS;
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, register_once, &ret), 0);
	pthread_join(thread, NULL);
	return ret == 0 ? TEST_SUCCESS :
		test_skip("EAL registers no thread any more: a secondary process was there");
}

int
workers_start(struct worker *workers, unsigned int n)
{
	unsigned int i, lcore = -1;

	TEST_CALL(can_register(workers, n));
	for (i = 0; i < n; i++)
		TEST_ASSERT_EQUAL(worker_start(&workers[i], &lcore), 0, "worker %u", i);
	return TEST_SUCCESS;
}

int
workers_join(struct worker *workers, unsigned int n)
{
	unsigned int i, failed = 0;

	for (i = 0; i < n; i++) {
		struct worker *w = &workers[i];

		if (w->kind == WORKER_LCORE)
			rte_eal_wait_lcore(w->lcore);
		else
			pthread_join((pthread_t)w->thread, NULL);
		if (rte_atomic_load_explicit(&w->done, rte_memory_order_acquire) != 1 ||
				w->result != TEST_SUCCESS)
			failed++;
	}
	TEST_ASSERT_EQUAL(failed, 0, "of %u workers have failed", n);
	return TEST_SUCCESS;
}

int
workers_run(struct worker *workers, unsigned int n)
{
	TEST_CALL(workers_start(workers, n));
	return workers_join(workers, n);
}
