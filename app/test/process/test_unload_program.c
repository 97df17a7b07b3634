/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A plug-in that has the static library in it is closed, while threads that have used it live.
 * With PLUGIN defined, this is the plug-in; else the program, which does not have the library.
 */

#include <stdbool.h>

#include <stddef.h>
#include <stdint.h>

int plugin_start(void);
bool plugin_use(void);
void plugin_stop(void);
void *plugin_alloc(size_t size);
void plugin_free(void *obj);
uint64_t plugin_live(void); /* objects */

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

void *
plugin_alloc(size_t size)
{
	return rte_fastmem_alloc(size, 8, 0);
}

void
plugin_free(void *obj)
{
	rte_fastmem_free(obj);
}

uint64_t
plugin_live(void)
{
	struct rte_fastmem_class_stats s;
	size_t sizes[256];
	unsigned int i, n = rte_fastmem_classes(sizes);
	uint64_t sum = 0;

	for (i = 0; i < n; i++)
		sum += rte_fastmem_stats_class(sizes[i], &s) == 0 ? s.in_use : UINT64_MAX / 2;
	return sum;
}

#else

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <rte_memzone.h>

#include "test.h"

#define THREADS 4
#define CASE_SECONDS 60

static struct plugin {
	void *so;
	int (*start)(void);
	bool (*use)(void);
	void (*stop)(void);
	void *(*alloc)(size_t size);
	void (*free)(void *obj);
	uint64_t (*live)(void);
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
	plugin.alloc = (void *(*)(size_t))dlsym(plugin.so, "plugin_alloc");
	plugin.free = (void (*)(void *))dlsym(plugin.so, "plugin_free");
	plugin.live = (uint64_t (*)(void))dlsym(plugin.so, "plugin_live");
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
	bool first = plugin.use();

	pthread_barrier_wait(&used);
	while (first && go_on && plugin.use())
		;
	return arg;
}

/*
 * As lcores often do. It exits when each thread has memory: who dies within a reservation leaves
 * EAL's lock of memzones taken, for the other processes, too.
 */
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
		pthread_barrier_init(&used, NULL, THREADS + 1);
		for (i = 0; i < THREADS; i++)
			if (pthread_create(&id, NULL, use_all_the_time, NULL) != 0)
				_exit(1);
		pthread_barrier_wait(&used);
		exit(0);
	}
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQUAL(status, 0);
	/* EAL's memory is this process's, too: nothing of it was given back below the threads. */
	TEST_ASSERT(rte_memzone_lookup("fastmem_ctl") != NULL);
	return TEST_SUCCESS;
}

/* What plug-ins have EAL call when a message comes. */
static unsigned int n_actions;
static rte_mp_t asked; /* what is called when a secondary asks for something */

int
rte_mp_action_register(const char *name, rte_mp_t action)
{
	int (*do_register)(const char *, rte_mp_t) = (int (*)(const char *, rte_mp_t))
		dlsym(RTLD_NEXT, __func__);

	n_actions += strncmp(name, "fastmem_", 8) == 0; /* EAL has some as well */
	if (strcmp(name, "fastmem_ask") == 0)
		asked = action;
	return do_register(name, action);
}

void
rte_mp_action_unregister(const char *name)
{
	void (*unregister)(const char *) = (void (*)(const char *))dlsym(RTLD_NEXT, __func__);

	n_actions -= strncmp(name, "fastmem_", 8) == 0;
	unregister(name);
}

/* As a process that is attached has it. */
static int
lock_number(unsigned int i)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 4096 + i,
		.l_len = 1 };
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/fastmem_peers", rte_eal_get_runtime_dir());
	fd = open(path, O_RDWR);
	return fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -1;
}

static int
close_while_others_are_attached(void)
{
	TEST_CALL(plugin_open());
	TEST_ASSERT_EQUAL(plugin.start(), 0);
	TEST_ASSERT(plugin.use());
	TEST_ASSERT_EQUAL(n_actions, 1);
	TEST_ASSERT_EQUAL(lock_number(1), 0);
	plugin.stop();
	TEST_ASSERT(rte_memzone_lookup("fastmem_ctl") != NULL, "nobody is attached");
	TEST_ASSERT_EQUAL(dlclose(plugin.so), 0);
	TEST_ASSERT_EQUAL(n_actions, 0);
	return TEST_SUCCESS;
}

/* The memory stays for them. */
static int
no_message_leads_into_a_plugin_that_is_closed(void)
{
	int status;
	pid_t pid;

	TEST_CALL(run_plugin(true));
	TEST_ASSERT_EQUAL(n_actions, 0);
	pid = fork();
	if (pid == 0)
		_exit(close_while_others_are_attached() == TEST_SUCCESS ? 0 : 1);
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQUAL(status, 0);
	/* That process shared EAL's list of memzones. */
	return rte_memzone_free(rte_memzone_lookup("fastmem_ctl"));
}

/*
 * EAL calls back as the plug-in is closed: the test does so in its place. The callback cannot set an
 * alarm, says so to who asked, and is held there until it is waited for.
 */

#define ASK_BYTES 48

static bool callback_is_held; /* atomic */
static sem_t replying, waited_for;

int
rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback callback, void *arg)
{
	int (*set)(uint64_t, rte_eal_alarm_callback, void *) =
		(int (*)(uint64_t, rte_eal_alarm_callback, void *))dlsym(RTLD_NEXT, __func__);

	return __atomic_load_n(&callback_is_held, __ATOMIC_RELAXED) ? -ENOMEM :
		set(us, callback, arg);
}

int
rte_mp_reply(struct rte_mp_msg *msg, const char *peer)
{
	int (*reply)(struct rte_mp_msg *, const char *) =
		(int (*)(struct rte_mp_msg *, const char *))dlsym(RTLD_NEXT, __func__);

	if (!__atomic_load_n(&callback_is_held, __ATOMIC_RELAXED))
		return reply(msg, peer);
	sem_post(&replying);
	sem_wait(&waited_for);
	return 0;
}

void
rte_delay_us_sleep(unsigned int us)
{
	void (*sleep)(unsigned int) = (void (*)(unsigned int))dlsym(RTLD_NEXT, __func__);

	if (__atomic_load_n(&callback_is_held, __ATOMIC_RELAXED))
		sem_post(&waited_for);
	sleep(us);
}

static void *
call_back(void *arg)
{
	struct rte_mp_msg msg = { .name = "fastmem_ask", .len_param = ASK_BYTES };

	asked(&msg, "peer");
	return arg;
}

static int
close_within_a_callback(void)
{
	pthread_t id;

	TEST_CALL(plugin_open());
	TEST_ASSERT_EQUAL(plugin.start(), 0);
	TEST_ASSERT(asked != NULL);
	sem_init(&replying, 0, 0);
	sem_init(&waited_for, 0, 0);
	__atomic_store_n(&callback_is_held, true, __ATOMIC_RELAXED);
	TEST_ASSERT_EQUAL(pthread_create(&id, NULL, call_back, NULL), 0);
	sem_wait(&replying);
	TEST_ASSERT_EQUAL(dlclose(plugin.so), 0);
	sem_post(&waited_for); /* if nobody has waited, it returns into nothing */
	TEST_ASSERT_EQUAL(pthread_join(id, NULL), 0);
	return TEST_SUCCESS;
}

static int
a_plugin_is_closed_when_callbacks_have_left_it(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(close_within_a_callback() == TEST_SUCCESS ? 0 : 1);
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQUAL(status, 0);
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

/*
 * At random: threads exchange objects by places that all processes share, some of them end, the
 * others live on, and the plug-in is closed. In secondaries that goes on beside each other, and beside
 * the primary; what lies in the places when all have ended, is what is live.
 */

#define PLACES_ZONE "test_unload"
#define PLACES 256
#define MAX_THREADS 6
#define SECONDARIES 2
#define TAG UINT64_C(0x5ca1ab1e0ddba11)

struct places {
	uint64_t *objs[PLACES]; /* atomic */
	uint32_t wrong; /* objects that were not what their last user had left. Atomic */
	uint32_t ignored; /* atomic: writes to the log that tell of a free that was none */
};

static struct places *places;
static FILE *log_of_places;

static ssize_t
write_log(void *cookie, const char *text, size_t size)
{
	RTE_SET_USED(cookie);
	if (memmem(text, size, "ignored", strlen("ignored")) != NULL)
		__atomic_fetch_add(&places->ignored, 1, __ATOMIC_RELAXED);
	return fwrite(text, 1, size, stderr);
}

/* From here on, the log is looked at. */
static int
places_use(const struct rte_memzone *mz)
{
	TEST_ASSERT(mz != NULL);
	places = mz->addr;
	log_of_places = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_log });
	TEST_ASSERT(log_of_places != NULL);
	return rte_openlog_stream(log_of_places);
}

static int
places_leave(void)
{
	TEST_ASSERT_EQUAL(rte_openlog_stream(NULL), 0);
	return fclose(log_of_places);
}

enum end { END_RETURN, END_EXIT, END_CANCEL, END_OUTLIVE, ENDS };

struct mortal {
	pthread_t id;
	enum end end;
	unsigned int seed;
};

static void
put_away(uint64_t *obj)
{
	if (obj == NULL)
		return;
	if (__atomic_exchange_n(obj, 0, __ATOMIC_RELAXED) != ((uintptr_t)obj ^ TAG))
		__atomic_fetch_add(&places->wrong, 1, __ATOMIC_RELAXED);
	plugin.free(obj);
}

static void
exchange_objects(unsigned int *seed, unsigned int n)
{
	while (n-- > 0) {
		uint64_t *obj = plugin.alloc(8 + rand_r(seed) % ((size_t)8 << rand_r(seed) % 10));

		if (obj != NULL)
			__atomic_store_n(obj, (uintptr_t)obj ^ TAG, __ATOMIC_RELAXED);
		put_away(__atomic_exchange_n(&places->objs[rand_r(seed) % PLACES], obj,
			__ATOMIC_ACQ_REL));
	}
}

static void *
exchange_and_end(void *arg)
{
	struct mortal *m = arg;

	exchange_objects(&m->seed, 200);
	if (m->end == END_EXIT)
		pthread_exit(NULL);
	while (m->end == END_CANCEL) {
		exchange_objects(&m->seed, 10);
		pthread_testcancel();
	}
	if (m->end == END_OUTLIVE) {
		pthread_barrier_wait(&used);
		pthread_barrier_wait(&closed);
	}
	return NULL;
}

/* The plug-in is open, and closed when this returns. */
static int
close_at_random(unsigned int *seed)
{
	struct mortal mortals[MAX_THREADS];
	unsigned int i, n_outlive = 1;

	for (i = 0; i < MAX_THREADS; i++) {
		mortals[i] = (struct mortal){ .seed = rand_r(seed), .end = rand_r(seed) % ENDS };
		n_outlive += mortals[i].end == END_OUTLIVE;
	}
	pthread_barrier_init(&used, NULL, n_outlive);
	pthread_barrier_init(&closed, NULL, n_outlive);
	for (i = 0; i < MAX_THREADS; i++)
		TEST_ASSERT_EQUAL(pthread_create(&mortals[i].id, NULL, exchange_and_end,
			&mortals[i]), 0);
	exchange_objects(seed, 100);
	for (i = 0; i < MAX_THREADS; i++) {
		if (mortals[i].end == END_OUTLIVE)
			continue;
		if (mortals[i].end == END_CANCEL)
			pthread_cancel(mortals[i].id);
		pthread_join(mortals[i].id, NULL);
	}
	pthread_barrier_wait(&used);
	if (rand_r(seed) % 2 == 0)
		plugin.stop();
	TEST_ASSERT_EQUAL(dlclose(plugin.so), 0);
	pthread_barrier_wait(&closed);
	for (i = 0; i < MAX_THREADS; i++)
		if (mortals[i].end == END_OUTLIVE)
			pthread_join(mortals[i].id, NULL);
	pthread_barrier_destroy(&used);
	pthread_barrier_destroy(&closed);
	return TEST_SUCCESS;
}

static unsigned int
seconds(void)
{
	const char *s = getenv("UNLOAD_SECONDS");

	return s != NULL ? atoi(s) : 2;
}

static int
close_for_some_time(unsigned int seed, bool secondary)
{
	uint64_t until = rte_get_timer_cycles() + seconds() * rte_get_timer_hz();

	do {
		TEST_CALL(plugin_open());
		if (!secondary)
			memset(places->objs, 0, sizeof(places->objs));
		if (!secondary || rand_r(&seed) % 2 == 0)
			TEST_ASSERT_EQUAL(plugin.start(), 0);
		TEST_CALL(close_at_random(&seed));
		TEST_ASSERT(secondary || rte_memzone_lookup("fastmem_ctl") == NULL);
	} while (rte_get_timer_cycles() < until);
	return TEST_SUCCESS;
}

static int
places_make(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve(PLACES_ZONE, sizeof(*places),
		SOCKET_ID_ANY, 0);

	TEST_ASSERT(mz != NULL);
	memset(mz->addr, 0, sizeof(*places));
	return places_use(mz);
}

static int
places_end(void)
{
	TEST_CALL(places_leave());
	TEST_ASSERT_EQUAL(places->wrong, 0, "objects were given out twice");
	TEST_ASSERT_EQUAL(places->ignored, 0, "objects were given back twice");
	return rte_memzone_free(rte_memzone_lookup(PLACES_ZONE));
}

static int
a_plugin_is_closed_at_random(void)
{
	TEST_CALL(places_make());
	alarm(CASE_SECONDS + seconds());
	TEST_CALL(close_for_some_time(1, false));
	return places_end();
}

#define SEED_VARIABLE "UNLOAD_SECONDARY"

static char *eal_args[32]; /* of this process */

static pid_t
secondary_start(unsigned int seed)
{
	char *args[RTE_DIM(eal_args) + 3], type[] = "--proc-type=secondary", number[16];
	unsigned int n = 0, i;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (i = 0; eal_args[i] != NULL; i++) {
		args[n++] = eal_args[i];
		if (i == 0)
			args[n++] = type;
	}
	args[n] = NULL;
	snprintf(number, sizeof(number), "%u", seed);
	setenv(SEED_VARIABLE, number, 1);
	execv("/proc/self/exe", args);
	_exit(2);
}

static int
secondary_main(unsigned int seed)
{
	if (places_use(rte_memzone_lookup(PLACES_ZONE)) != TEST_SUCCESS ||
			close_for_some_time(seed, true) != TEST_SUCCESS || places_leave() != 0)
		return 1;
	return rte_eal_cleanup();
}

static int
plugins_of_several_processes_are_closed_at_random(void)
{
	unsigned int seed = 1, i, n = 0;
	pid_t pids[SECONDARIES];
	int status;

	if (!rte_eal_has_hugepages())
		return TEST_SKIPPED; /* EAL shares only huge pages */
	TEST_CALL(places_make());
	TEST_CALL(plugin_open());
	TEST_ASSERT_EQUAL(plugin.start(), 0);
	alarm(CASE_SECONDS + seconds());
	for (i = 0; i < SECONDARIES; i++)
		pids[i] = secondary_start(i + 2);
	for (i = 0; i < SECONDARIES; i++) {
		while (waitpid(pids[i], &status, WNOHANG) == 0)
			exchange_objects(&seed, 10);
		TEST_ASSERT_EQUAL(status, 0);
	}
	for (i = 0; i < PLACES; i++)
		n += places->objs[i] != NULL;
	TEST_ASSERT_EQUAL(plugin.live(), n);
	for (i = 0; i < PLACES; i++) /* and leave none to those who come below */
		put_away(__atomic_exchange_n(&places->objs[i], NULL, __ATOMIC_ACQ_REL));
	TEST_ASSERT_EQUAL(plugin.live(), 0);
	TEST_CALL(close_at_random(&seed));
	TEST_ASSERT(rte_memzone_lookup("fastmem_ctl") == NULL);
	return places_end();
}

static const struct test_case cases[] = {
	TEST_CASE(threads_may_outlive_a_plugin),
	TEST_CASE(a_plugin_that_is_closed_gives_its_memory_back),
	TEST_CASE(forks_are_nothing_to_a_plugin_that_is_closed),
	TEST_CASE(a_plugin_is_closed_at_random),
	TEST_CASE(plugins_of_several_processes_are_closed_at_random),
	TEST_CASE(no_message_leads_into_a_plugin_that_is_closed),
	TEST_CASE(a_plugin_is_closed_when_callbacks_have_left_it),
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
	const char *seed = getenv(SEED_VARIABLE);
	unsigned int passed = 0, failed = 0;
	bool up;
	int i;

	for (i = 0; i < argc && i + 1 < (int)RTE_DIM(eal_args); i++)
		eal_args[i] = argv[i];
	up = rte_eal_init(argc, argv) >= 0;
	if (seed != NULL)
		return up ? secondary_main(atoi(seed)) : 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (c = cases; c->name != NULL; c++) {
		int result;

		alarm(CASE_SECONDS);
		result = up ? c->run() : TEST_FAILED;
		printf("unload.%s: %s\n", c->name, result == TEST_SUCCESS ? "ok" :
			result == TEST_SKIPPED ? "skipped: EAL shares only huge pages" : "FAILED");
		passed += result == TEST_SUCCESS;
		failed += result != TEST_SUCCESS && result != TEST_SKIPPED;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

#endif
