/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Before EAL, after it, in a forked process, and beside a program that knows fastmem. And what a
 * program does a known number of times, for the report.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_interrupts.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "test_preload.h"

/* A constructor of the program runs before main(), and maybe before the library's. */
static void *from_constructor = &from_constructor;

__attribute__((constructor))
static void
allocate_early(void)
{
	rte_free(NULL);
	from_constructor = rte_malloc(NULL, 0, 0);
}

/* EAL has no memory yet: it says so, and its word is passed on. */
int
preload_before_eal(void)
{
	TEST_ASSERT(from_constructor == NULL);
	TEST_ASSERT(rte_malloc(NULL, 0, 0) == NULL);
	TEST_ASSERT(rte_realloc(NULL, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_malloc_validate(NULL, NULL), -1);
	rte_free(NULL);
	return 0;
}

/* Forks. */

static int
wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* In the child: 0, or the number of what is wrong. */
static int
use_in_child(char *inherited)
{
	char *p = rte_malloc(NULL, 200, 0), *q;

	if (p == NULL || is_fastmems(p))
		return 1; /* its parent's caches would give it */
	memset(p, 1, 200);
	q = rte_realloc(inherited, 3000, 0);
	if (q == NULL || is_fastmems(q) || q[0] != 0x42 || q[99] != 0x42)
		return 2;
	rte_free(q);
	rte_free(p);
	rte_free(inherited); /* is ignored: the parent has it still */
	p = rte_zmalloc_socket(NULL, 2 << 20, 0, rte_socket_id());
	if (p == NULL || p[0] != 0 || p[(2 << 20) - 1] != 0)
		return 3;
	rte_free(p);
	return 0;
}

static int
a_forked_process_leaves_its_parents_objects(void)
{
	char *p = rte_malloc(NULL, 100, 0), *next[64];
	unsigned int i;
	pid_t pid;

	TEST_ASSERT(p != NULL);
	memset(p, 0x42, 100);
	rte_free(rte_malloc(NULL, 200, 0)); /* something in the cache */
	pid = fork();
	if (pid == 0)
		_exit(use_in_child(p));
	TEST_ASSERT_EQUAL(wait_for(pid), 0);
	for (i = 0; i < RTE_DIM(next); i++) {
		next[i] = rte_malloc(NULL, 100, 0);
		TEST_ASSERT(next[i] != NULL && next[i] != p);
	}
	TEST_ASSERT_EQUAL(p[99], 0x42);
	for (i = 0; i < RTE_DIM(next); i++)
		rte_free(next[i]);
	rte_free(p);
	return 0;
}

static void *
allocate_in_thread(void *arg)
{
	void *p = rte_malloc(NULL, 77, 0);
	bool *got = arg;

	*got = p != NULL;
	rte_free(p);
	return NULL;
}

/* A thread's end in a forked process gives nothing back that is not its own. */
static int
a_forked_process_may_have_threads(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		bool got = false;
		pthread_t thread;

		if (pthread_create(&thread, NULL, allocate_in_thread, &got) != 0 ||
				pthread_join(thread, NULL) != 0)
			_exit(1);
		_exit(!got);
	}
	TEST_ASSERT_EQUAL(wait_for(pid), 0);
	return 0;
}

/* The program's own fastmem. */

static int
a_program_may_start_and_end_fastmem_itself(void)
{
	int (*init)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "rte_fastmem_init");
	void (*deinit)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "rte_fastmem_deinit");
	char *p = rte_malloc(NULL, 100, 0);

	TEST_ASSERT(init != NULL && deinit != NULL);
	memset(p, 0x24, 100);
	TEST_ASSERT_EQUAL(init(), 0);
	TEST_ASSERT_EQUAL(init(), -EBUSY);
	deinit();
	TEST_ASSERT(is_fastmems(p));
	TEST_ASSERT_EQUAL(p[99], 0x24);
	rte_free(p);
	TEST_ASSERT_EQUAL(init(), 0);
	deinit();
	return 0;
}

/* The end. */

static sem_t ready, ended; /* posted by the thread, and by main() */

static void *
outlive_eal(void *arg)
{
	*(void **)arg = rte_malloc(NULL, 300, 0);
	rte_free(rte_malloc(NULL, 400, 0));
	sem_post(&ready);
	/* Its caches are in memory that is gone when it ends. */
	sem_wait(&ended);
	rte_free(*(void **)arg);
	return rte_malloc(NULL, 500, 0);
}

/* After rte_eal_cleanup(), calls do no harm. */
int
preload_end(void)
{
	void *p = rte_malloc(NULL, 100, 0), *of_thread = NULL, *got = &got;
	void *large = rte_malloc(NULL, 2 << 20, 0);
	pthread_t thread;

	sem_init(&ready, 0, 0);
	sem_init(&ended, 0, 0);
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, outlive_eal, &of_thread), 0);
	sem_wait(&ready);
	TEST_ASSERT(of_thread != NULL);
	TEST_ASSERT_EQUAL(rte_eal_cleanup(), 0);
	sem_post(&ended);
	pthread_join(thread, &got);
	TEST_ASSERT(got == NULL);
	TEST_ASSERT(rte_malloc(NULL, 100, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_malloc_validate(p, NULL), -1);
	TEST_ASSERT(rte_malloc_virt2iova(p) == RTE_BAD_IOVA);
	TEST_ASSERT(rte_realloc(large, 100, 0) == NULL);
	rte_free(p);
	rte_free(large);
	rte_free(NULL);
	TEST_ASSERT_EQUAL(rte_eal_cleanup(), -1);
	return 0;
}

/*
 * A secondary has asked, and EAL ends before its interrupt thread has come to the alarm in which the
 * answer is made: that thread is in the callback of a device until somebody waits for it. The message
 * is the test's.
 */

#define ASK_BYTES 48 /* all zeroes, it is the question that has been answered before: by 0 */

static rte_mp_t asked;
static uint32_t n_answers, device_is_busy; /* atomic */
static int device = -1; /* an eventfd */

int
rte_mp_action_register(const char *name, rte_mp_t action)
{
	int (*do_register)(const char *, rte_mp_t) =
		(int (*)(const char *, rte_mp_t))dlsym(RTLD_NEXT, __func__);

	if (strcmp(name, "fastmem_ask") == 0)
		asked = action;
	return do_register(name, action);
}

int
rte_mp_reply(struct rte_mp_msg *msg, const char *peer)
{
	int (*do_reply)(struct rte_mp_msg *, const char *) =
		(int (*)(struct rte_mp_msg *, const char *))dlsym(RTLD_NEXT, __func__);

	if (strcmp(peer, "test") != 0)
		return do_reply(msg, peer);
	__atomic_fetch_add(&n_answers, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Whoever waits has seen what there is to be seen. */
void
rte_delay_us_sleep(unsigned int us)
{
	void (*sleep)(unsigned int) = (void (*)(unsigned int))dlsym(RTLD_NEXT, __func__);

	if (__atomic_exchange_n(&device_is_busy, 0, __ATOMIC_RELAXED) != 0)
		sem_post(&ended);
	sleep(us);
}

static void
serve_device(void *arg)
{
	uint64_t n;

	RTE_SET_USED(arg);
	if (read(device, &n, sizeof(n)) != sizeof(n))
		return;
	sem_post(&ready);
	sem_wait(&ended);
}

/* At exit(): EAL has ended. */
static void
check_answers(void)
{
	if (__atomic_load_n(&n_answers, __ATOMIC_RELAXED) != 1) {
		fprintf(stderr, "%u answers\n", n_answers);
		_exit(EXIT_FAILURE);
	}
}

int
preload_keep_eal_busy(void)
{
	struct rte_mp_msg msg = { .name = "fastmem_ask", .len_param = ASK_BYTES };
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	uint64_t one = 1;

	sem_init(&ready, 0, 0);
	sem_init(&ended, 0, 0);
	rte_free(rte_malloc(NULL, 100, 0));
	TEST_ASSERT(asked != NULL && handle != NULL);
	device = eventfd(0, 0);
	TEST_ASSERT_EQUAL(rte_intr_fd_set(handle, device), 0);
	TEST_ASSERT_EQUAL(rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT), 0);
	TEST_ASSERT_EQUAL(rte_intr_callback_register(handle, serve_device, NULL), 0);
	TEST_ASSERT_EQUAL(write(device, &one, sizeof(one)), (ssize_t)sizeof(one));
	sem_wait(&ready);
	TEST_ASSERT_EQUAL(asked(&msg, "test"), 0);
	TEST_ASSERT_EQUAL(n_answers, 0);
	TEST_ASSERT_EQUAL(atexit(check_answers), 0);
	__atomic_store_n(&device_is_busy, 1, __ATOMIC_RELAXED);
	alarm(30);
	return EXIT_SUCCESS;
}

/* What test_preload.sh expects to be counted, beside EAL's own calls. */
int
preload_call_a_known_number(void)
{
	void *p[100], *moved;
	unsigned int i;

	for (i = 0; i < 100; i++)
		p[i] = rte_malloc(NULL, 1000, 0);
	for (i = 0; i < 20; i++)
		p[i] = rte_realloc(p[i], 3000, 0);
	for (i = 0; i < 100; i++)
		rte_free(p[i]);
	for (i = 0; i < 30; i++)
		p[i] = rte_zmalloc_socket(NULL, 100, 0, rte_socket_id());
	for (i = 0; i < 30; i++)
		rte_free(p[i]);
	for (i = 0; i < 7; i++)
		rte_free(rte_calloc(NULL, 3, 2 << 20, 0)); /* EAL's */
	moved = rte_realloc(NULL, 5000, 0);
	rte_free(moved);
	/* EAL frees it by rte_free(). */
	rte_memzone_free(rte_memzone_reserve("test_preload", 50000, SOCKET_ID_ANY, 0));
	return rte_malloc(NULL, (size_t)1 << 46, 0) == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct test_case cases[] = {
	TEST_CASE(a_forked_process_leaves_its_parents_objects),
	TEST_CASE(a_forked_process_may_have_threads),
	TEST_CASE(a_program_may_start_and_end_fastmem_itself),
	TEST_CASES_END
};

const struct test_suite preload_suite_life = {
	.name = "life",
	.about = "forks, and the program's own fastmem",
	.cases = cases,
};
