/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The end of a thread: beside destructors of the application that use fastmem after the
 * library's own, beside the end of fastmem, and where nobody tells the library of it.
 */

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include <rte_fastmem_pool.h>
#include <rte_log.h>

#include "fastmem_private.h"
#include "test_fastmem.h"

#define THREADS 20
#define OBJECTS 64

/* Threads of this process that have caches. */
static unsigned int
threads_with_caches(void)
{
	struct rte_fastmem_process p = { 0 };

	return rte_fastmem_processes(&p, 1) == 1 ? p.n_threads : UINT_MAX;
}

/* Objects that this process has allocated and not freed, as others are told if it dies. */
static int64_t
objects_held(void)
{
	struct rte_fastmem_process p = { 0 };

	return rte_fastmem_processes(&p, 1) == 1 ? p.n_objects : INT64_MIN;
}

/* A destructor of the application, younger than the library's: the last of each round. */
static pthread_key_t late;
static __thread unsigned int n_rounds;

struct estate {
	void *objs[OBJECTS]; /* to be freed */
	void *left[OBJECTS]; /* allocated in exchange */
	bool early; /* in all rounds, not only in the last one */
};

static void
settle(void *arg)
{
	struct estate *e = arg;
	unsigned int i;

	n_rounds++;
	if (n_rounds < LAST_ROUND) {
		pthread_setspecific(late, e);
		if (!e->early)
			return;
		rte_fastmem_free(rte_fastmem_alloc(1000, 0, 0));
		return;
	}
	for (i = 0; i < OBJECTS; i++) {
		rte_fastmem_free(e->objs[i]);
		e->left[i] = rte_fastmem_alloc(500, 0, 0);
	}
}

static void *
die_with_estate(void *arg)
{
	rte_fastmem_free(rte_fastmem_alloc(64, 0, 0)); /* it has caches */
	pthread_setspecific(late, arg);
	return NULL;
}

/* Threads that end one after the other; what each leaves is freed here. */
static int
run_estates(bool early)
{
	static struct estate estates[THREADS];
	unsigned int i, t, before;
	int64_t held;
	pthread_t id;

	before = threads_with_caches();
	for (t = 0; t < THREADS; t++) {
		estates[t].early = early;
		for (i = 0; i < OBJECTS; i++) {
			estates[t].objs[i] = rte_fastmem_alloc(256, 0, 0);
			TEST_ASSERT(estates[t].objs[i] != NULL);
		}
	}
	before = RTE_MAX(before, threads_with_caches());
	held = objects_held();
	TEST_ASSERT_EQUAL(pthread_key_create(&late, settle), 0);
	for (t = 0; t < THREADS; t++) {
		TEST_ASSERT_EQUAL(pthread_create(&id, NULL, die_with_estate, &estates[t]), 0);
		TEST_ASSERT_EQUAL(pthread_join(id, NULL), 0);
	}
	pthread_key_delete(late);
	TEST_ASSERT_EQUAL(threads_with_caches(), before);
	TEST_ASSERT_EQUAL(objects_held(), held);
	TEST_CALL(check_live(THREADS * OBJECTS));
	for (t = 0; t < THREADS; t++)
		for (i = 0; i < OBJECTS; i++)
			rte_fastmem_free(estates[t].left[i]);
	TEST_ASSERT_EQUAL(objects_held(), held - THREADS * OBJECTS);
	TEST_CALL(check_live(0));
	/* All threads that are in a list of the library's are visited here. */
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	return TEST_SUCCESS;
}

static int
a_thread_may_use_objects_in_its_last_round_of_destructors(void)
{
	return run_estates(false);
}

static int
a_thread_may_use_objects_in_every_round_of_destructors(void)
{
	return run_estates(true);
}

/* Fastmem ends between a thread's first look and its taking of caches. */
static int
join_late(void *arg)
{
	RTE_SET_USED(arg);
	TEST_ASSERT(fastmem_tcache_self(true) == NULL);
	TEST_ASSERT(fastmem_tcache_current() == NULL);
	return TEST_SUCCESS;
}

static int
a_thread_takes_no_caches_once_the_end_is_announced(void)
{
	struct worker worker = { .kind = WORKER_PTHREAD, .run = join_late };
	unsigned int before = threads_with_caches();
	int ret;

	fastmem_set_process_state(FASTMEM_PROCESS_CLOSED);
	ret = workers_run(&worker, 1);
	fastmem_set_process_state(FASTMEM_PROCESS_OPEN);
	TEST_CALL(ret);
	TEST_ASSERT_EQUAL(threads_with_caches(), before);
	return TEST_SUCCESS;
}

/* libc has no memory to note that a thread wants to be told of its end. */

static __thread unsigned int specific_refused; /* so many calls to come */

/* In place of libc's. ThreadSanitizer calls it before it knows of the thread. */
__rte_no_sanitize("thread")
int
pthread_setspecific(pthread_key_t key, const void *value)
{
	static int (*real)(pthread_key_t key, const void *value);

	if (specific_refused > 0) {
		specific_refused--;
		return ENOMEM;
	}
	if (real == NULL)
		real = (int (*)(pthread_key_t, const void *))dlsym(RTLD_NEXT,
				"pthread_setspecific");
	return real(key, value);
}

static int
be_refused(void *arg)
{
	void *objs[OBJECTS];
	unsigned int i;

	RTE_SET_USED(arg);
	specific_refused = 3;
	for (i = 0; i < 3; i++) {
		rte_fastmem_free(rte_fastmem_alloc(64, 0, 0));
		TEST_ASSERT(specific_refused == 0 || fastmem_tcache_current() == NULL);
	}
	for (i = 0; i < OBJECTS; i++) {
		objs[i] = rte_fastmem_alloc(64, 0, 0);
		TEST_ASSERT(objs[i] != NULL);
	}
	TEST_ASSERT_EQUAL(specific_refused, 0);
	TEST_ASSERT(fastmem_tcache_current() != NULL);
	for (i = 0; i < OBJECTS; i++)
		rte_fastmem_free(objs[i]);
	return TEST_SUCCESS;
}

static int
a_thread_whose_end_would_go_unnoticed_has_no_caches(void)
{
	struct worker worker = { .kind = WORKER_PTHREAD, .run = be_refused };
	unsigned int before = threads_with_caches();

	TEST_CALL(workers_run(&worker, 1));
	TEST_ASSERT_EQUAL(threads_with_caches(), before);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	return TEST_SUCCESS;
}

/*
 * All caches of a process are given back, while one of its threads ends and another one begins:
 * before, after, or where the library drops its lock on the way.
 */

static struct {
	sem_t ready, end, begin, over;
	pthread_t ends, begins;
	struct fastmem_tcache *of_new; /* caches of the thread that has begun */
	const pthread_mutex_t *first; /* mutex that the calling thread locks while watched */
	bool watched;
} change;

static void *
end_on_request(void *arg)
{
	rte_fastmem_free(rte_fastmem_alloc(64, 0, 0));
	sem_post(&change.ready);
	sem_wait(&change.end);
	return arg;
}

static void *
begin_on_request(void *arg)
{
	sem_wait(&change.begin);
	rte_fastmem_free(rte_fastmem_alloc(64, 0, 0));
	change.of_new = fastmem_tcache_current();
	sem_post(&change.ready);
	sem_wait(&change.over);
	return arg;
}

static void
change_threads(void)
{
	sem_post(&change.begin);
	sem_wait(&change.ready);
	sem_post(&change.end);
	pthread_join(change.ends, NULL);
}

/* In place of libc's. */
int
pthread_mutex_lock(pthread_mutex_t *mutex)
{
	static int (*real)(pthread_mutex_t *mutex);

	if (real == NULL)
		real = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	if (change.watched && change.first == NULL) {
		change.first = mutex;
	} else if (change.watched && change.first == mutex) {
		change.watched = false;
		change_threads();
	}
	return real(mutex);
}

static int
caches_that_all_go_back_go_back_once(void)
{
	uint64_t owner;

	memset(&change, 0, sizeof(change));
	sem_init(&change.ready, 0, 0);
	sem_init(&change.end, 0, 0);
	sem_init(&change.begin, 0, 0);
	sem_init(&change.over, 0, 0);
	TEST_ASSERT_EQUAL(pthread_create(&change.ends, NULL, end_on_request, NULL), 0);
	TEST_ASSERT_EQUAL(pthread_create(&change.begins, NULL, begin_on_request, NULL), 0);
	sem_wait(&change.ready);
	/* Now, or within the next call where that drops its lock. */
	change.watched = true;
	fastmem_threads_leave();
	if (change.watched) {
		change.watched = false;
		change_threads();
	}
	TEST_ASSERT(change.of_new != NULL);
	owner = rte_atomic_load_explicit(&change.of_new->owner, rte_memory_order_relaxed);
	sem_post(&change.over);
	TEST_ASSERT_EQUAL(pthread_join(change.begins, NULL), 0);
	TEST_ASSERT(owner != 0, "the caches of one thread are free for another");
	return TEST_SUCCESS;
}

/*
 * The log's stream is the program's, and allocates from fastmem itself, as it does if that is in
 * place of malloc(): also where fastmem finds what it logs.
 */

#define LOG_SECONDS 20

static struct {
	struct rte_fastmem_pool *pool; /* NULL: the stream allocates an object */
	const char *name; /* of a pool that it looks up; NULL: none */
	size_t size; /* of that object; 0: that of the line */
	unsigned int n_lines;
} log_of_ours;

static ssize_t
write_with_fastmem(void *cookie, const char *text, size_t n)
{
	void *p;

	RTE_SET_USED(cookie);
	if (log_of_ours.name != NULL) {
		rte_fastmem_pool_lookup(log_of_ours.name);
	} else if (log_of_ours.size != 0) {
		void *more;

		rte_log_set_level(fastmem_logtype, RTE_LOG_NOTICE); /* no line from within */
		p = rte_fastmem_alloc(log_of_ours.size, 0, 0);
		more = rte_fastmem_alloc(log_of_ours.size, 0, 0);
		rte_fastmem_free(p);
		rte_fastmem_free(more);
	} else if (log_of_ours.pool != NULL) {
		rte_fastmem_pool_put(log_of_ours.pool, rte_fastmem_pool_get(log_of_ours.pool));
	} else {
		p = rte_fastmem_alloc(n, 0, 0);
		if (p != NULL)
			memcpy(p, text, n);
		rte_fastmem_free(p);
	}
	log_of_ours.n_lines++;
	return n;
}

static void *
free_twice_and_end(void *arg)
{
	void *p = rte_fastmem_alloc(64, 0, 0);

	rte_fastmem_free(p);
	rte_fastmem_free(p); /* found when the thread's caches go back */
	return arg;
}

static void *
put_twice_and_flush(void *arg)
{
	struct rte_fastmem_pool *pool = arg;
	void *p = rte_fastmem_pool_get(pool);

	rte_fastmem_pool_put(pool, p);
	rte_fastmem_pool_put(pool, p);
	rte_fastmem_cache_flush();
	return NULL;
}

static void *
free_once(void *arg)
{
	rte_fastmem_free(rte_fastmem_alloc(64, 0, 0));
	return arg;
}

static int
end_within_time(pthread_t id)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += LOG_SECONDS;
	TEST_ASSERT_EQUAL(pthread_timedjoin_np(id, NULL, &end), 0);
	return TEST_SUCCESS;
}

/* A thread that logs one line, and another one that is to come through beside it. */
static int
log_by_thread(void *(*run)(void *), void *arg)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_with_fastmem });
	pthread_t first, second;
	int ret;

	TEST_ASSERT(f != NULL);
	setvbuf(f, NULL, _IOLBF, BUFSIZ);
	log_of_ours.n_lines = 0;
	rte_openlog_stream(f);
	TEST_ASSERT_EQUAL(pthread_create(&first, NULL, run, arg), 0);
	ret = end_within_time(first);
	if (ret == TEST_SUCCESS && pthread_create(&second, NULL, free_once, NULL) == 0)
		ret = end_within_time(second);
	rte_openlog_stream(NULL);
	if (ret == TEST_SUCCESS)
		fclose(f);
	TEST_CALL(ret);
	TEST_ASSERT_EQUAL(log_of_ours.n_lines, 1);
	return TEST_SUCCESS;
}

static int
a_thread_that_ends_logs_to_a_stream_that_allocates(void)
{
	log_of_ours.pool = NULL;
	return log_by_thread(free_twice_and_end, NULL);
}

static int
a_pool_logs_to_a_stream_that_uses_the_pool(void)
{
	struct rte_fastmem_pool_params params = { .name = "log", .size = 64, .max = 100,
		.socket_id = SOCKET_ID_ANY };

	log_of_ours.pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(log_of_ours.pool != NULL);
	TEST_CALL(log_by_thread(put_twice_and_flush, log_of_ours.pool));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_free(log_of_ours.pool), 0);
	return TEST_SUCCESS;
}

/* An arena that has grown for this has too little for two more. */
static void *
grow_once(void *arg)
{
	rte_fastmem_free(rte_fastmem_alloc(1 << 20, 0, 0));
	return arg;
}

static int
growth_is_logged_to_a_stream_that_grows(void)
{
	int ret;

	log_of_ours.pool = NULL;
	log_of_ours.size = 1 << 20;
	rte_log_set_level(fastmem_logtype, RTE_LOG_DEBUG);
	ret = log_by_thread(grow_once, NULL);
	rte_log_set_level(fastmem_logtype, RTE_LOG_NOTICE);
	log_of_ours.size = 0;
	return ret;
}

static void *
create_one_more(void *arg)
{
	struct rte_fastmem_pool_params params = { .name = "more", .size = 64,
		.socket_id = SOCKET_ID_ANY };

	return rte_fastmem_pool_create(&params) != NULL ? NULL : arg;
}

static int
a_pool_too_many_is_logged_to_a_stream_that_looks_up_pools(void)
{
	static struct rte_fastmem_pool *pools[RTE_FASTMEM_MAX_POOLS];
	struct rte_fastmem_pool_params params = { .size = 64, .socket_id = SOCKET_ID_ANY };
	unsigned int i;
	char name[16];
	int ret;

	params.name = name;
	for (i = 0; i < RTE_DIM(pools); i++) {
		snprintf(name, sizeof(name), "%u", i);
		pools[i] = rte_fastmem_pool_create(&params);
		TEST_ASSERT(pools[i] != NULL);
	}
	log_of_ours.name = "0";
	ret = log_by_thread(create_one_more, NULL);
	log_of_ours.name = NULL;
	TEST_CALL(ret); /* else a lock is held that the next lines need */
	for (i = 0; i < RTE_DIM(pools); i++)
		TEST_ASSERT_EQUAL(rte_fastmem_pool_free(pools[i]), 0);
	return TEST_SUCCESS;
}

struct shrinking {
	void *large; /* freed twice, and left in the depot */
	void *obj; /* to become smaller: of a size that has no slot but in the memory of the former */
};

static void *
free_twice_and_shrink(void *arg)
{
	struct shrinking *s = arg;

	rte_fastmem_free(s->large);
	rte_fastmem_free(s->large);
	rte_fastmem_thread_idle();
	s->obj = rte_fastmem_realloc(s->obj, 200, 0); /* finds it */
	return arg;
}

/* The stream allocates of the size, and so from the cache, that is at work. */
static int
realloc_logs_to_a_stream_that_allocates(void)
{
	enum { MAX = 1024 };
	static void *large[MAX], *rest[MAX];
	unsigned int n_large, n_rest;
	struct shrinking s;
	int ret;

	TEST_CALL(check_live(0));
	s.obj = rte_fastmem_alloc(1000, 0, 0);
	s.large = rte_fastmem_alloc(128 << 10, 0, 0);
	TEST_ASSERT(s.obj != NULL && s.large != NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, 4 << 20), 0);
	n_large = fill_up(large, MAX, 128 << 10);
	n_rest = fill_up(rest, MAX, 64 << 10);
	TEST_ASSERT(n_large < MAX && n_rest < MAX);
	log_of_ours.pool = NULL;
	log_of_ours.size = 200;
	ret = log_by_thread(free_twice_and_shrink, &s);
	log_of_ours.size = 0;
	rte_log_set_level(fastmem_logtype, RTE_LOG_NOTICE);
	rte_fastmem_free_bulk(large, n_large);
	rte_fastmem_free_bulk(rest, n_rest);
	rte_fastmem_free(s.obj);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
	rte_fastmem_cache_flush();
	TEST_CALL(ret);
	return check_live(0);
}

static const struct test_case cases[] = {
	TEST_CASE(a_thread_may_use_objects_in_its_last_round_of_destructors),
	TEST_CASE(a_thread_may_use_objects_in_every_round_of_destructors),
	TEST_CASE(a_thread_takes_no_caches_once_the_end_is_announced),
	TEST_CASE(a_thread_whose_end_would_go_unnoticed_has_no_caches),
	TEST_CASE(caches_that_all_go_back_go_back_once),
	TEST_CASE_UNCHECKED(a_thread_that_ends_logs_to_a_stream_that_allocates),
	TEST_CASE_UNCHECKED(a_pool_logs_to_a_stream_that_uses_the_pool),
	TEST_CASE_UNCHECKED(realloc_logs_to_a_stream_that_allocates),
	TEST_CASE_UNCHECKED(growth_is_logged_to_a_stream_that_grows),
	TEST_CASE_UNCHECKED(a_pool_too_many_is_logged_to_a_stream_that_looks_up_pools),
	TEST_CASES_END
};

const struct test_suite suite_thread_end = {
	.name = "thread_end",
	.about = "threads that end late, early, and unnoticed",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};
