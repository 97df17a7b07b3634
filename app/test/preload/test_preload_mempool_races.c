/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Mempools that several threads make and free at the same time, one that is freed while it grows,
 * and a fork meanwhile, in a program that knows nothing of fastmem.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include "mempool_calls.h"
#include "test_preload.h"

#define THREADS 4
#define ROUNDS 60
#define WORST 1500

/* An object tells which thread's mempool it is of. */
static void
mark(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	RTE_SET_USED(arg);
	RTE_SET_USED(i);
	*(uint64_t *)obj = mp->elt_size;
}

static void
count_own(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	RTE_SET_USED(i);
	*(unsigned int *)arg += rte_mempool_from_obj(obj) == mp && *(uint64_t *)obj == mp->elt_size;
}

/* Objects of its own, initialised, as many as it was made for, and no other's. */
static int
use_some(struct rte_mempool *mp, unsigned int n)
{
	static __thread void *objs[WORST];
	unsigned int i;

	for (i = 0; i < n; i++) {
		TEST_ASSERT_EQUAL(mempool_get(mp, &objs[i]), 0, "%s %u", mp->name, i);
		TEST_ASSERT(rte_mempool_from_obj(objs[i]) == mp, "%s %u", mp->name, i);
		TEST_ASSERT_EQUAL(*(uint64_t *)objs[i], mp->elt_size, "%s %u", mp->name, i);
	}
	mempool_put_bulk(mp, objs, n);
	TEST_ASSERT_EQUAL(rte_mempool_avail_count(mp), WORST, "%s", mp->name);
	return 0;
}

static int
make_use_and_free(unsigned int thread, unsigned int round)
{
	unsigned int n = 0;
	struct rte_mempool *mp;
	char name[32];

	snprintf(name, sizeof(name), "race_%u", thread);
	mp = rte_mempool_create(name, WORST, 64 * (thread + 1), 0, 0, NULL, NULL, mark, NULL,
		rte_socket_id(), 0);
	TEST_ASSERT(mp != NULL, "%s", name);
	TEST_CALL(use_some(mp, 1 + (round * 7 + thread) * 37 % WORST));
	if (round % 3 == 0) {
		TEST_ASSERT_EQUAL(rte_mempool_obj_iter(mp, count_own, &n), WORST, "%s", name);
		TEST_ASSERT_EQUAL(n, WORST, "%s", name);
	}
	rte_mempool_free(mp);
	return 0;
}

static pthread_barrier_t start;
static bool over; /* atomic */

static void *
race(void *arg)
{
	unsigned int thread = (uintptr_t)arg, round;
	int ret = 0;

	pthread_barrier_wait(&start);
	for (round = 0; round < ROUNDS && ret == 0; round++)
		ret = make_use_and_free(thread, round);
	return (void *)(intptr_t)ret;
}

/* Memory of pools comes and goes meanwhile. */
static void *
maintain(void *arg)
{
	int (*call)(void);

	RTE_SET_USED(arg);
	*(void **)&call = dlsym(RTLD_DEFAULT, "rte_fastmem_maintain");
	pthread_barrier_wait(&start);
	/* No more than a flag: what it was told by, nobody reads afterwards. */
	while (call != NULL && !__atomic_load_n(&over, __ATOMIC_RELAXED))
		call();
	return NULL;
}

int
preload_race_mempools(void)
{
	pthread_t threads[THREADS], maintainer;
	int status = EXIT_SUCCESS;
	unsigned int i;
	void *ret;

	pthread_barrier_init(&start, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		TEST_ASSERT_EQUAL(pthread_create(&threads[i], NULL, race, (void *)(uintptr_t)i), 0);
	TEST_ASSERT_EQUAL(pthread_create(&maintainer, NULL, maintain, NULL), 0);
	for (i = 0; i < THREADS; i++) {
		TEST_ASSERT_EQUAL(pthread_join(threads[i], &ret), 0);
		if (ret != NULL)
			status = EXIT_FAILURE;
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	TEST_ASSERT_EQUAL(pthread_join(maintainer, NULL), 0);
	return status;
}

/*
 * A mempool is freed while the primary adds objects to it, for a secondary that is killed as it
 * waits for them: the initialisation of an object comes to its end before the mempool does.
 */

#define FREED "freed"
#define ASKED_S 60 /* far more than it takes */
#define AHEAD_NS 500000000 /* what would not wait has come by then; on a busy machine, perhaps not */

static sem_t initialising, go_on_initialising, ending;
static bool stays_in_init, is_in_init, was_in_init; /* atomic */
static struct rte_mempool *freed;

static void
mark_slowly(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	if (__atomic_exchange_n(&stays_in_init, false, __ATOMIC_ACQ_REL)) {
		__atomic_store_n(&is_in_init, true, __ATOMIC_RELEASE);
		sem_post(&initialising);
		sem_wait(&go_on_initialising);
		__atomic_store_n(&is_in_init, false, __ATOMIC_RELEASE);
	}
	mark(mp, arg, obj, i);
}

/* As the library's function, and after it. */
static void
look_at_end(enum rte_mempool_event event, struct rte_mempool *mp, void *arg)
{
	RTE_SET_USED(arg);
	if (event != RTE_MEMPOOL_EVENT_DESTROY || mp != freed)
		return;
	if (__atomic_load_n(&is_in_init, __ATOMIC_ACQUIRE))
		__atomic_store_n(&was_in_init, true, __ATOMIC_RELEASE);
	sem_post(&ending);
}

static void *
free_it(void *mp)
{
	rte_mempool_free(mp);
	return NULL;
}

static int
wait_a_while(sem_t *sem, time_t seconds, long ns)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds + (until.tv_nsec + ns) / 1000000000;
	until.tv_nsec = (until.tv_nsec + ns) % 1000000000;
	return sem_timedwait(sem, &until);
}

static struct rte_mempool *
make_marked_slowly(void)
{
	return rte_mempool_create(FREED, WORST, 64, 0, 0, NULL, NULL, mark_slowly, NULL, rte_socket_id(),
		0);
}

int
preload_free_what_grows(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve(FREED, sizeof(pid_t), rte_socket_id(), 0);
	int (*watch)(void (*)(enum rte_mempool_event, struct rte_mempool *, void *), void *);
	pthread_t thread;

	*(void **)&watch = dlsym(RTLD_DEFAULT, "rte_mempool_event_callback_register");
	TEST_ASSERT(mz != NULL && watch != NULL && watch(look_at_end, NULL) == 0);
	sem_init(&initialising, 0, 0);
	sem_init(&go_on_initialising, 0, 0);
	sem_init(&ending, 0, 0);
	freed = make_marked_slowly();
	TEST_ASSERT(freed != NULL && freed->populated_size < WORST);
	__atomic_store_n(&stays_in_init, true, __ATOMIC_RELEASE);
	printf("ready\n");
	fflush(stdout);
	TEST_ASSERT_EQUAL(wait_a_while(&initialising, ASKED_S, 0), 0, "no secondary asks for objects");
	TEST_ASSERT_EQUAL(kill(*(volatile pid_t *)mz->addr, SIGKILL), 0);
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, free_it, freed), 0);
	wait_a_while(&ending, 0, AHEAD_NS);
	sem_post(&go_on_initialising);
	TEST_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	TEST_ASSERT(!__atomic_load_n(&was_in_init, __ATOMIC_ACQUIRE),
		"it was freed while an object was initialised");
	freed = make_marked_slowly();
	TEST_ASSERT(freed != NULL);
	TEST_CALL(use_some(freed, WORST));
	rte_mempool_free(freed);
	return EXIT_SUCCESS;
}

/* Asks for more objects than there are, until it is killed. */
int
preload_want_what_grows(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup(FREED);
	struct rte_mempool *mp = rte_mempool_lookup(FREED);
	void *obj;

	TEST_ASSERT(mz != NULL && mp != NULL);
	*(volatile pid_t *)mz->addr = getpid();
	for (;;)
		mempool_get(mp, &obj);
}

/* A fork while another thread holds the lock of the report. */

static __thread bool stays; /* where the library calls the function below */
static sem_t stayed, go_on;

/* In place of DPDK's: the library calls it with its lock, to tell what a mempool would take. */
ssize_t
rte_mempool_op_calc_mem_size_default(const struct rte_mempool *mp, uint32_t n, uint32_t page_shift,
		size_t *min_chunk, size_t *align)
{
	__typeof__(&rte_mempool_op_calc_mem_size_default) next =
		(__typeof__(next))(uintptr_t)dlsym(RTLD_NEXT, __func__);
	Dl_info info;

	if (stays && dladdr(__builtin_return_address(0), &info) != 0 &&
			strstr(info.dli_fname, "librte_fastmem_malloc") != NULL) {
		stays = false;
		sem_post(&stayed);
		sem_wait(&go_on);
	}
	return next(mp, n, page_shift, min_chunk, align);
}

static void *
make_slowly(void *arg)
{
	struct rte_mempool *mp;

	RTE_SET_USED(arg);
	stays = true;
	mp = rte_mempool_create("slow", WORST, 64, 0, 0, NULL, NULL, NULL, NULL, rte_socket_id(), 0);
	if (stays || mp == NULL) {
		fprintf(stderr, "the library has not asked for the size of the mempool\n");
		sem_post(&stayed);
	}
	rte_mempool_free(mp);
	return stays ? (void *)1 : NULL;
}

/* The child ends as any program does, and writes its report. */
int
preload_fork_while_a_mempool_is_noted(void)
{
	pthread_t thread;
	void *failed;
	int status;
	pid_t pid;

	rte_free(rte_malloc(NULL, 100, 0)); /* something to report */
	sem_init(&stayed, 0, 0);
	sem_init(&go_on, 0, 0);
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, make_slowly, NULL), 0);
	sem_wait(&stayed);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30); /* far more than it takes */
		exit(EXIT_SUCCESS);
	}
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	sem_post(&go_on);
	TEST_ASSERT_EQUAL(pthread_join(thread, &failed), 0);
	TEST_ASSERT_EQUAL(status, 0, "the child has waited for a thread of its parent");
	TEST_ASSERT(failed == NULL);
	printf("child %d\n", (int)pid);
	return EXIT_SUCCESS;
}
