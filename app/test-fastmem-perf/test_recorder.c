/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What the recorder promises: each call of a program is in its log, once and in order, whatever
 * threads make the calls and however the program ends; and a child writes nothing.
 *
 * The program starts itself with the recorder preloaded and the name of something to do, then
 * looks for it in the log. What it does has sizes that nothing else in the process asks for.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "trace.h"

#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: not true: %s\n", __func__, __LINE__, #condition); \
		return -1; \
	} \
} while (0)

/* Sizes that mark the test's own objects. */
#define FIRST_SIZE 77001u
#define LAST_SIZE 77999u
#define N_THREADS 4
#define N_ROUNDS 20000

static char self[PATH_MAX];
static char log_path[] = "test_recorder.XXXXXX";
static const char *library;

/* Keeps the compiler from leaving out a pair of malloc and free. */
static void *volatile sink;

static void *
get(size_t size)
{
	void *ptr = malloc(size);

	sink = ptr;
	return ptr;
}

/* What a recorded process does */

static int
do_libc(void)
{
	void *a = get(77001), *b, *c = NULL;

	b = calloc(7, 11003);
	sink = b;
	a = realloc(a, 77003);
	sink = a;
	if (posix_memalign(&c, 256, 77004) != 0)
		return EXIT_FAILURE;
	free(b);
	b = aligned_alloc(4096, 77824);
	sink = b;
	free(c);
	a = realloc(a, PTRDIFF_MAX - 4096) == NULL ? a : NULL; /* fails: a lives on */
	free(a);
	free(b);
	return EXIT_SUCCESS;
}

static int
do_rte(void)
{
	char *args[] = { self, (char *)(uintptr_t)"--no-huge", (char *)(uintptr_t)"--no-pci",
		(char *)(uintptr_t)"--no-shconf", (char *)(uintptr_t)"-m64",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--log-level=error" };
	void *a, *b, *c;

	if (rte_eal_init(7, args) < 0)
		return EXIT_FAILURE;
	a = rte_malloc("t", 77001, 0);
	b = rte_zmalloc_socket("t", 77002, 128, SOCKET_ID_ANY);
	c = rte_calloc("t", 7, 11003, 0);
	a = rte_realloc(a, 77003, 64);
	rte_free(b);
	rte_free(NULL);
	a = rte_realloc(a, 0, 0); /* frees */
	rte_free(c);
	rte_eal_cleanup();
	return a == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
do_fork(void)
{
	void *a = get(77001);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		free(get(77002));
		free(a);
		_exit(0);
	}
	free(get(77003));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return EXIT_FAILURE;
	free(a);
	return EXIT_SUCCESS;
}

static int
do_exec(void)
{
	char *args[] = { self, (char *)(uintptr_t)"libc", NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(self, args);
		_exit(1);
	}
	free(get(77003));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return EXIT_FAILURE;
	return getenv("FASTMEM_RECORD") == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
do_quick_exit(void)
{
	get(77001);
	_exit(0);
}

static int
do_killed(void)
{
	get(77001);
	raise(SIGKILL);
	return EXIT_SUCCESS;
}

/* Each thread hands every other object to the next, which frees it. */
static _Atomic(void *) handed[N_THREADS];

static void *
churn(void *arg)
{
	size_t me = (uintptr_t)arg;
	void *got;

	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		void *own = get(77010 + me);

		got = atomic_exchange(&handed[(me + 1) % N_THREADS], own);
		free(got);
		got = atomic_exchange(&handed[me], NULL);
		free(got);
	}
	return NULL;
}

static int
do_threads(void)
{
	pthread_t threads[N_THREADS];

	for (uintptr_t i = 0; i < N_THREADS; i++)
		if (pthread_create(&threads[i], NULL, churn, (void *)i) != 0)
			return EXIT_FAILURE;
	for (uintptr_t i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (uintptr_t i = 0; i < N_THREADS; i++)
		free(handed[i]);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(void);
} deeds[] = {
	{ "libc", do_libc },
	{ "rte", do_rte },
	{ "fork", do_fork },
	{ "exec", do_exec },
	{ "quick_exit", do_quick_exit },
	{ "killed", do_killed },
	{ "threads", do_threads },
};

/* Looking at what was recorded */

/* Run a deed under the recorder; its wait status. extra: one more environment variable. */
static int
run_recorded(const char *deed, const char *libc, const char *extra_name, const char *extra)
{
	char *args[] = { self, (char *)(uintptr_t)deed, NULL };
	int status = -1;
	pid_t pid;

	if (truncate(log_path, 0) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		setenv("LD_PRELOAD", library, 1);
		setenv("FASTMEM_RECORD", log_path, 1);
		setenv("FASTMEM_RECORD_LIBC", libc, 1);
		setenv("FASTMEM_RECORD_MAX", "1000000", 1);
		if (extra_name != NULL)
			setenv(extra_name, extra, 1);
		execv(self, args);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* Load the log and keep the operations on objects that begin with a marked size. */
static int
load_marked(struct trace *trace)
{
	size_t kept = 0;
	bool *marked;

	if (trace_load(log_path, trace) != 0) {
		fprintf(stderr, "%s\n", trace->error);
		return -1;
	}
	marked = calloc((size_t)trace->n_ids + 1, sizeof(*marked));
	if (marked == NULL)
		return -1;
	for (size_t i = 0; i < trace->n_ops; i++) {
		const struct trace_op *op = &trace->ops[i];

		if (op->op == TRACE_ALLOC || op->op == TRACE_ZALLOC)
			marked[op->id] = op->size >= FIRST_SIZE && op->size <= LAST_SIZE;
		if (marked[op->id])
			trace->ops[kept++] = *op;
	}
	trace->n_ops = kept;
	free(marked);
	return 0;
}

struct expected {
	enum trace_op_type op;
	uint32_t size;
	uint8_t align_log2;
	unsigned int object;	/* the same number for the same object */
};

static int
is_as_expected(const struct trace *trace, const struct expected *expected, size_t n)
{
	uint32_t id_of[16];

	CHECK(trace->n_ops == n);
	for (size_t i = 0; i < n; i++) {
		const struct expected *e = &expected[i];
		const struct trace_op *op = &trace->ops[i];

		CHECK(op->op == e->op);
		CHECK(op->size == e->size);
		CHECK(op->align_log2 == e->align_log2);
		CHECK(op->thread == trace->ops[0].thread);
		if (op->op == TRACE_ALLOC || op->op == TRACE_ZALLOC)
			id_of[e->object] = op->id;
		CHECK(op->id == id_of[e->object]);
	}
	return 0;
}

static int
expect(const char *deed, const char *libc, const struct expected *expected, size_t n)
{
	struct trace trace;
	int status = run_recorded(deed, libc, NULL, NULL), ret;

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(load_marked(&trace) == 0);
	ret = is_as_expected(&trace, expected, n);
	trace_free(&trace);
	return ret;
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int
every_call_of_malloc_and_its_family_is_recorded(void)
{
	static const struct expected expected[] = {
		{ TRACE_ALLOC, 77001, 4, 0 },
		{ TRACE_ZALLOC, 77021, 4, 1 },
		{ TRACE_REALLOC, 77003, 4, 0 },
		{ TRACE_ALLOC, 77004, 8, 2 },
		{ TRACE_FREE, 0, 0, 1 },
		{ TRACE_ALLOC, 77824, 12, 3 },
		{ TRACE_FREE, 0, 0, 2 },
		{ TRACE_FREE, 0, 0, 0 },
		{ TRACE_FREE, 0, 0, 3 },
	};

	return expect("libc", "1", expected, LENGTH(expected));
}

static int
every_call_of_rte_malloc_and_its_family_is_recorded(void)
{
	static const struct expected expected[] = {
		{ TRACE_ALLOC, 77001, 0, 0 },
		{ TRACE_ZALLOC, 77002, 7, 1 },
		{ TRACE_ZALLOC, 77021, 0, 2 },
		{ TRACE_REALLOC, 77003, 6, 0 },
		{ TRACE_FREE, 0, 0, 1 },
		{ TRACE_FREE, 0, 0, 0 },
		{ TRACE_FREE, 0, 0, 2 },
	};

	CHECK(expect("rte", "0", expected, LENGTH(expected)) == 0);
	return expect("rte", "1", expected, LENGTH(expected));
}

static int
malloc_is_recorded_only_on_request(void)
{
	int status = run_recorded("libc", "0", NULL, NULL);
	struct stat log;

	/* There is no call to begin with: another program could still have the log. */
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(stat(log_path, &log) == 0 && log.st_size == 0);
	return 0;
}

static int
a_forked_child_writes_nothing(void)
{
	static const struct expected expected[] = {
		{ TRACE_ALLOC, 77001, 4, 0 },
		{ TRACE_ALLOC, 77003, 4, 1 },
		{ TRACE_FREE, 0, 0, 1 },
		{ TRACE_FREE, 0, 0, 0 },
	};

	return expect("fork", "1", expected, LENGTH(expected));
}

static int
a_program_started_by_the_program_writes_nothing(void)
{
	static const struct expected expected[] = {
		{ TRACE_ALLOC, 77003, 4, 0 },
		{ TRACE_FREE, 0, 0, 0 },
	};

	return expect("exec", "1", expected, LENGTH(expected));
}

static int
no_way_to_end_loses_a_call(void)
{
	static const struct expected expected[] = { { TRACE_ALLOC, 77001, 4, 0 } };
	struct trace trace;
	int status;

	CHECK(expect("quick_exit", "1", expected, LENGTH(expected)) == 0);
	status = run_recorded("killed", "1", NULL, NULL);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(load_marked(&trace) == 0);
	CHECK(is_as_expected(&trace, expected, LENGTH(expected)) == 0);
	trace_free(&trace);
	return 0;
}

/*
 * Loading would count a free as unknown, or put one in, if an object's calls were out of order. One
 * arena for all, so that an address that one thread frees soon goes to another.
 */
static int
calls_of_threads_are_in_order(void)
{
	unsigned int allocs[N_THREADS] = {0}, frees = 0, by_other = 0;
	struct trace_log_stats stats;
	struct trace trace = {0};
	uint16_t *owner;
	void *data;
	size_t len;
	int status = run_recorded("threads", "1", "MALLOC_ARENA_MAX", "1");

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(trace_read_file(log_path, &data, &len, &trace) == 0);
	CHECK(trace_from_log(data, len, 0, &trace, &stats) == 0);
	CHECK(stats.n_unseen_frees == 0 && stats.n_unfinished == 0 && stats.n_beyond == 0);
	free(data);
	trace_free(&trace);

	CHECK(load_marked(&trace) == 0);
	owner = calloc((size_t)trace.n_ids + 1, sizeof(*owner));
	CHECK(owner != NULL);
	for (size_t i = 0; i < trace.n_ops; i++) {
		const struct trace_op *op = &trace.ops[i];

		if (op->op == TRACE_ALLOC) {
			CHECK(op->size >= 77010 && op->size < 77010 + N_THREADS);
			allocs[op->size - 77010]++;
			owner[op->id] = op->thread;
		} else {
			frees++;
			by_other += owner[op->id] != op->thread;
		}
	}
	for (unsigned int i = 0; i < N_THREADS; i++)
		CHECK(allocs[i] == N_ROUNDS);
	CHECK(frees == N_THREADS * N_ROUNDS);
	CHECK(by_other > 0);
	CHECK(trace.n_threads == N_THREADS + 1);
	free(owner);
	trace_free(&trace);
	return 0;
}

static int
a_full_log_ends_the_recording_and_not_the_program(void)
{
	struct trace_log_stats stats;
	struct trace trace = {0};
	void *data;
	size_t len;
	int status = run_recorded("threads", "1", "FASTMEM_RECORD_MAX", "500");

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(trace_read_file(log_path, &data, &len, &trace) == 0);
	CHECK(trace_from_log(data, len, 0, &trace, &stats) == 0);
	CHECK(stats.n_entries == 500 && stats.n_beyond > 0);
	CHECK(trace.n_ops > 0 && trace.n_ops <= 500);
	trace_free(&trace);
	CHECK(trace_from_log(data, len, 100, &trace, &stats) == 0);
	CHECK(trace.n_ops == 100);
	trace_free(&trace);
	/* a log that was cut short is no log */
	CHECK(trace_from_log(data, 4096 + 499 * 16, 0, &trace, &stats) == -EINVAL);
	CHECK(trace.error[0] != '\0' && trace.ops == NULL);
	CHECK(trace_from_log(data, 4095, 0, &trace, &stats) == -EINVAL);
	free(data);
	return 0;
}

static int
skipped_calls_are_left_out(void)
{
	struct trace all, rest;
	int status = run_recorded("libc", "1", NULL, NULL);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(trace_load(log_path, &all) == 0);
	status = run_recorded("libc", "1", "FASTMEM_RECORD_SKIP", "100000000");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(trace_load(log_path, &rest) == 0);
	CHECK(all.n_ops > 0 && rest.n_ops == 0);
	trace_free(&all);
	trace_free(&rest);
	return 0;
}

static int
run_tests(void)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} tests[] = {
#define TEST(name) { #name, name }
		TEST(every_call_of_malloc_and_its_family_is_recorded),
		TEST(every_call_of_rte_malloc_and_its_family_is_recorded),
		TEST(malloc_is_recorded_only_on_request),
		TEST(a_forked_child_writes_nothing),
		TEST(a_program_started_by_the_program_writes_nothing),
		TEST(no_way_to_end_loses_a_call),
		TEST(calls_of_threads_are_in_order),
		TEST(a_full_log_ends_the_recording_and_not_the_program),
		TEST(skipped_calls_are_left_out),
	};
	unsigned int failed = 0;

	for (size_t i = 0; i < LENGTH(tests); i++) {
		bool ok = tests[i].run() == 0;

		printf("recorder_autotest.%s: %s\n", tests[i].name, ok ? "ok" : "FAILED");
		failed += !ok;
	}
	printf("%zu passed, %u failed\n", LENGTH(tests) - failed, failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fd, ret;

	if (argc != 2 || len < 0) {
		fprintf(stderr, "usage: test_recorder LIBRARY (librte_fastmem_record.so)\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < LENGTH(deeds); i++)
		if (strcmp(argv[1], deeds[i].name) == 0)
			return deeds[i].run();
	library = argv[1];
	fd = mkstemp(log_path);
	if (fd < 0) {
		perror("test_recorder: cannot make a log file here");
		return EXIT_FAILURE;
	}
	close(fd);
	ret = run_tests();
	unlink(log_path);
	return ret;
}
