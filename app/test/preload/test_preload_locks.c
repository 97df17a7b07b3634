/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Calls from where EAL holds its locks, and from many threads. What goes wrong here waits for
 * itself for ever, until the alarm of main().
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "test_preload.h"

#define KIB ((size_t)1 << 10)

/* More objects of many sizes than fastmem has at hand: it would grow, if it were let. */
#define MANY 300

struct walk {
	void *objs[MANY];
	unsigned int n, n_null, n_calls;
	pthread_t thread;
};

static void
allocate_many(struct walk *w)
{
	for (; w->n < MANY; w->n++) {
		w->objs[w->n] = rte_malloc(NULL, 20 * KIB + w->n * 64, 0);
		if (w->objs[w->n] == NULL)
			w->n_null++;
		else
			memset(w->objs[w->n], 1, 20 * KIB);
	}
}

static void
free_many(struct walk *w)
{
	unsigned int i;

	for (i = 0; i < w->n; i++)
		rte_free(w->objs[i]);
}

static void
in_zone_walk(const struct rte_memzone *mz, void *arg)
{
	struct walk *w = arg;

	RTE_SET_USED(mz);
	w->n_calls++;
	allocate_many(w);
}

static int
a_walk_over_zones_may_allocate(void)
{
	static struct walk w;

	rte_memzone_walk(in_zone_walk, &w);
	TEST_ASSERT(w.n_calls > 0);
	TEST_ASSERT_EQUAL(w.n, MANY);
	/* EAL's heap has what fastmem may not grow for. */
	TEST_ASSERT_EQUAL(w.n_null, 0);
	free_many(&w);
	return 0;
}

/* A thread whose caches are made in its first call. */
static void *
allocate_in_walk(void *arg)
{
	rte_memzone_walk(in_zone_walk, arg);
	free_many(arg);
	return NULL;
}

static int
a_threads_first_call_may_be_in_a_walk(void)
{
	static struct walk w;

	TEST_ASSERT_EQUAL(pthread_create(&w.thread, NULL, allocate_in_walk, &w), 0);
	pthread_join(w.thread, NULL);
	TEST_ASSERT_EQUAL(w.n_null, 0);
	return 0;
}

static void
free_in_zone_walk(const struct rte_memzone *mz, void *arg)
{
	RTE_SET_USED(mz);
	free_many(arg);
	((struct walk *)arg)->n = 0;
}

static void *
free_in_walk(void *arg)
{
	rte_memzone_walk(free_in_zone_walk, arg);
	return NULL;
}

static int
a_threads_first_free_may_be_in_a_walk(void)
{
	static struct walk w;

	allocate_many(&w);
	TEST_ASSERT_EQUAL(w.n_null, 0);
	TEST_ASSERT_EQUAL(pthread_create(&w.thread, NULL, free_in_walk, &w), 0);
	pthread_join(w.thread, NULL);
	return 0;
}

/* What EAL's heap itself can do under its lock of memory depends on what it has at hand. */
static void
allocate_some(struct walk *w)
{
	unsigned int i;

	w->n_calls++;
	for (i = 0; i < 20 && w->n < MANY; i++, w->n++) {
		w->objs[w->n] = rte_malloc(NULL, 7000 + 700 * i, 0);
		if (!is_fastmems(w->objs[w->n]))
			w->n_null++;
	}
}

static int
in_segment_walk(const struct rte_memseg_list *list, const struct rte_memseg *ms, void *arg)
{
	RTE_SET_USED(list);
	RTE_SET_USED(ms);
	allocate_some(arg);
	return 1;
}

static int
in_contig_walk(const struct rte_memseg_list *list, const struct rte_memseg *ms, size_t len,
		void *arg)
{
	RTE_SET_USED(len);
	return in_segment_walk(list, ms, arg);
}

static int
in_list_walk(const struct rte_memseg_list *list, void *arg)
{
	RTE_SET_USED(list);
	allocate_some(arg);
	return 1;
}

static int
a_walk_over_segments_may_allocate(void)
{
	static struct walk w;

	rte_memseg_walk(in_segment_walk, &w);
	rte_memseg_contig_walk(in_contig_walk, &w);
	rte_memseg_list_walk(in_list_walk, &w);
	rte_mcfg_mem_read_lock();
	allocate_some(&w);
	rte_mcfg_mem_read_unlock();
	rte_mcfg_mem_write_lock();
	allocate_some(&w);
	rte_mcfg_mem_write_unlock();
	TEST_ASSERT_EQUAL(w.n_calls, 5);
	TEST_ASSERT_EQUAL(w.n_null, 0);
	free_many(&w);
	return 0;
}

/* Growth is allowed again when the walks are over. */
static int
growth_goes_on_after_walks(void)
{
	static struct walk w;
	unsigned int i;

	allocate_many(&w);
	TEST_ASSERT_EQUAL(w.n_null, 0);
	for (i = 0; i < w.n; i++)
		TEST_ASSERT(is_fastmems(w.objs[i]), "%u", i);
	free_many(&w);
	return 0;
}

/* Memory events: where memory is added while the program runs. */

static void
on_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	RTE_SET_USED(event);
	RTE_SET_USED(addr);
	RTE_SET_USED(len);
	allocate_some(arg);
}

/* EAL's heap grows, and so do both counts of calls. */
static int
grow_heap(void)
{
	void *large[8];
	unsigned int i;

	for (i = 0; i < RTE_DIM(large); i++) {
		large[i] = rte_malloc(NULL, 5000 * KIB, 0);
		TEST_ASSERT(large[i] != NULL);
	}
	for (i = 0; i < RTE_DIM(large); i++)
		rte_free(large[i]);
	return 0;
}

/* fastmem grows: it has not as much as this. */
static int
grow_fastmem(const struct walk *w)
{
	unsigned int calls = w->n_calls, n = 0, i;
	void *objs[64];

	while (n < RTE_DIM(objs) && w->n_calls == calls)
		objs[n++] = rte_malloc(NULL, 1000 * KIB, 0);
	for (i = 0; i < n; i++)
		rte_free(objs[i]);
	TEST_ASSERT(w->n_calls > calls, "fastmem has not grown");
	return 0;
}

static int
a_callback_of_memory_events_may_allocate(void)
{
	static struct walk w, other;
	unsigned int calls;

	if (rte_eal_has_hugepages() == 0)
		return 0;
	TEST_ASSERT_EQUAL(rte_mem_event_callback_register("test", on_event, &w), 0);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_register("test", on_event, &other), 0);
	TEST_CALL(grow_heap());
	TEST_ASSERT_EQUAL(rte_mem_event_callback_unregister("test", &other), 0);
	TEST_ASSERT(w.n_calls > 0 && other.n_calls > 0);
	calls = other.n_calls;
	TEST_CALL(grow_fastmem(&w));
	TEST_ASSERT_EQUAL(other.n_calls, calls);
	TEST_ASSERT_EQUAL(w.n_null, 0);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_unregister("test", &w), 0);
	free_many(&w);
	free_many(&other);
	return 0;
}

static int
callbacks_are_known_by_name_and_argument(void)
{
	int here;

	if (rte_eal_has_hugepages() == 0)
		return 0;
	rte_errno = 0;
	TEST_ASSERT_EQUAL(rte_mem_event_callback_unregister("nobody", NULL), -1);
	TEST_ASSERT_EQUAL(rte_errno, ENOENT);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_register("one", on_event, &here), 0);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_register("one", on_event, &here), -1);
	TEST_ASSERT_EQUAL(rte_errno, EEXIST);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_unregister("one", NULL), -1);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_unregister("one", &here), 0);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_register(NULL, on_event, &here), -1);
	TEST_ASSERT_EQUAL(rte_errno, EINVAL);
	return 0;
}

/* Threads. */

#define THREADS 4
#define ROUNDS 20000
#define SLOTS 256

static void *slots[SLOTS]; /* atomic: whoever takes an object out frees it */

static void *
exchange(void *arg)
{
	unsigned int seed = (uintptr_t)arg, i;
	bool *wrong = NULL;

	for (i = 0; i < ROUNDS; i++) {
		size_t size = 16 + rand_r(&seed) % 5000;
		unsigned char *new = rte_zmalloc(NULL, size, 0), *old;

		if (new == NULL || new[0] != 0 || new[size - 1] != 0)
			wrong = (bool *)1;
		else
			memset(new, 0xee, size);
		old = __atomic_exchange_n(&slots[rand_r(&seed) % SLOTS], new, __ATOMIC_ACQ_REL);
		if (old != NULL && old[15] != 0xee)
			wrong = (bool *)1;
		rte_free(old);
	}
	return wrong;
}

static int
threads_free_what_others_allocate(void)
{
	struct rte_malloc_socket_stats before, after;
	pthread_t threads[THREADS];
	unsigned int i;
	void *wrong;

	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(rte_socket_id(), &before), 0);
	for (i = 0; i < THREADS; i++)
		TEST_ASSERT_EQUAL(pthread_create(&threads[i], NULL, exchange,
			(void *)(uintptr_t)(i + 1)), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		TEST_ASSERT(wrong == NULL);
	}
	for (i = 0; i < SLOTS; i++)
		rte_free(slots[i]);
	/* What these threads had cached, is no more in use. */
	TEST_ASSERT_EQUAL(rte_malloc_get_socket_stats(rte_socket_id(), &after), 0);
	TEST_ASSERT_EQUAL(after.alloc_count, before.alloc_count);
	return 0;
}

static const struct test_case cases[] = {
	TEST_CASE(a_walk_over_zones_may_allocate),
	TEST_CASE(a_threads_first_call_may_be_in_a_walk),
	TEST_CASE(a_threads_first_free_may_be_in_a_walk),
	TEST_CASE(a_walk_over_segments_may_allocate),
	TEST_CASE(growth_goes_on_after_walks),
	TEST_CASE(a_callback_of_memory_events_may_allocate),
	TEST_CASE(callbacks_are_known_by_name_and_argument),
	TEST_CASE(threads_free_what_others_allocate),
	TEST_CASES_END
};

const struct test_suite preload_suite_locks = {
	.name = "locks",
	.about = "calls from where EAL holds locks, and from threads",
	.cases = cases,
};
