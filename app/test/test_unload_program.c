/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A plug-in that has the static library in it is closed, while threads that have used it live.
 * With PLUGIN defined, this is the plug-in; else the program, which does not have the library.
 */

#include <stdbool.h>

int plugin_start(void);
bool plugin_use(void);
void plugin_stop(void);

#ifdef PLUGIN

#include <rte_fastmem.h>

int
plugin_start(void)
{
	return rte_fastmem_init();
}

bool
plugin_use(void)
{
	void *p = rte_fastmem_alloc(100, 0, 0);

	rte_fastmem_free(p);
	return p != NULL;
}

void
plugin_stop(void)
{
	rte_fastmem_deinit();
}

#else

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_memzone.h>

#include "test.h"

#define THREADS 4
#define CASE_SECONDS 60

static struct plugin {
	void *so;
	int (*start)(void);
	bool (*use)(void);
	void (*stop)(void);
} plugin;

static pthread_barrier_t used, closed;

static int
plugin_open(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);

	TEST_ASSERT(n > 0);
	path[n] = '\0';
	strcat(dirname(path), "/test_unload_plugin.so");
	plugin.so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	TEST_ASSERT(plugin.so != NULL, "%s", dlerror());
	plugin.start = (int (*)(void))dlsym(plugin.so, "plugin_start");
	plugin.use = (bool (*)(void))dlsym(plugin.so, "plugin_use");
	plugin.stop = (void (*)(void))dlsym(plugin.so, "plugin_stop");
	return TEST_SUCCESS;
}

static void *
use_and_outlive(void *arg)
{
	bool *ok = arg;

	*ok = plugin.use();
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&closed);
	return NULL; /* destructors of thread-specific data run now */
}

/* Open, use by threads, close, let the threads end. */
static int
run_plugin(bool stop)
{
	pthread_t ids[THREADS];
	bool ok[THREADS];
	unsigned int i;

	TEST_CALL(plugin_open());
	TEST_ASSERT_EQUAL(plugin.start(), 0);
	pthread_barrier_init(&used, NULL, THREADS + 1);
	pthread_barrier_init(&closed, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		TEST_ASSERT_EQUAL(pthread_create(&ids[i], NULL, use_and_outlive, &ok[i]), 0);
	TEST_ASSERT(plugin.use());
	pthread_barrier_wait(&used);
	if (stop)
		plugin.stop();
	TEST_ASSERT_EQUAL(dlclose(plugin.so), 0);
	TEST_ASSERT(rte_memzone_lookup("fastmem_ctl") == NULL);
	pthread_barrier_wait(&closed);
	for (i = 0; i < THREADS; i++) {
		TEST_ASSERT_EQUAL(pthread_join(ids[i], NULL), 0);
		TEST_ASSERT(ok[i]);
	}
	pthread_barrier_destroy(&used);
	pthread_barrier_destroy(&closed);
	return TEST_SUCCESS;
}

static int
threads_may_outlive_a_plugin(void)
{
	TEST_CALL(run_plugin(true));
	return run_plugin(true);
}

static int
a_plugin_that_is_closed_gives_its_memory_back(void)
{
	TEST_CALL(run_plugin(false));
	return run_plugin(false);
}

static volatile bool go_on = true;

static void *
use_all_the_time(void *arg)
{
	while (go_on && plugin.use())
		;
	return arg;
}

/* As lcores often do. */
static int
a_process_may_exit_while_threads_are_at_work(void)
{
	unsigned int i;
	pthread_t id;
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		TEST_CALL(plugin_open());
		if (plugin.start() != 0)
			_exit(1);
		for (i = 0; i < THREADS; i++)
			if (pthread_create(&id, NULL, use_all_the_time, NULL) != 0)
				_exit(1);
		exit(0);
	}
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQUAL(status, 0);
	/* EAL's memory is this process's, too: nothing of it was given back below the threads. */
	TEST_ASSERT(rte_memzone_lookup("fastmem_ctl") != NULL);
	return TEST_SUCCESS;
}

static int
forks_are_nothing_to_a_plugin_that_is_closed(void)
{
	int status;
	pid_t pid;

	TEST_CALL(run_plugin(true));
	pid = fork();
	if (pid == 0)
		_exit(0);
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQUAL(status, 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(threads_may_outlive_a_plugin),
	TEST_CASE(a_plugin_that_is_closed_gives_its_memory_back),
	TEST_CASE(forks_are_nothing_to_a_plugin_that_is_closed),
	TEST_CASE(a_process_may_exit_while_threads_are_at_work), /* last: leaves its memory */
	TEST_CASES_END
};

void
test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...)
{
	RTE_SET_USED(format);
	fprintf(stderr, "%s:%d: %s(): not so: %s\n", file, line, function, what);
}

int
main(int argc, char **argv)
{
	const struct test_case *c;
	unsigned int passed = 0, failed = 0;
	bool up = rte_eal_init(argc, argv) >= 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (c = cases; c->name != NULL; c++) {
		bool ok;

		alarm(CASE_SECONDS);
		ok = up && c->run() == TEST_SUCCESS;
		printf("unload.%s: %s\n", c->name, ok ? "ok" : "FAILED");
		passed += ok;
		failed += !ok;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

#endif
