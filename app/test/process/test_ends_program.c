/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Ends of processes and of EAL that a program cannot survive, or go back from: each case is in a
 * process of its own, which starts EAL and fastmem.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fastmem.h>
#include <rte_fastmem_debug.h>
#include <rte_fastmem_pool.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "test.h"

#define OBJECTS 500
#define CASE_SECONDS 60

static sem_t ready, go_on; /* posted by a thread, and by the one that has started it */

static int
wait_for(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static uint64_t
bytes_in_use(void)
{
	struct rte_fastmem_stats s;

	return rte_fastmem_stats(&s) == 0 ? s.bytes_in_use : UINT64_MAX;
}

static unsigned int
threads_with_caches(void)
{
	struct rte_fastmem_process p = { 0 };

	return rte_fastmem_processes(&p, 1) == 1 ? p.n_threads : UINT32_MAX;
}

/* The log, of this process and its children from here on. */

static FILE *log_file;

static void
log_begin(void)
{
	log_file = tmpfile();
	if (log_file != NULL)
		rte_openlog_stream(log_file);
}

static unsigned int
log_lines(const char *text)
{
	unsigned int n = 0;
	char line[512];

	if (log_file == NULL)
		return UINT32_MAX;
	fflush(log_file);
	rewind(log_file);
	while (fgets(line, sizeof(line), log_file) != NULL)
		n += strstr(line, text) != NULL;
	return n;
}

/* Forks. */

static void *objs[OBJECTS], *more[OBJECTS];

static int
allocate(void **array, uint8_t value)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		array[i] = rte_fastmem_alloc(256, 0, 0);
		TEST_ASSERT(array[i] != NULL);
		memset(array[i], value + i, 256);
	}
	return TEST_SUCCESS;
}

static bool
hold(void *const *array, uint8_t value)
{
	unsigned int i, k;

	for (i = 0; i < OBJECTS; i++)
		for (k = 0; k < 256; k++)
			if (((uint8_t *)array[i])[k] != (uint8_t)(value + i))
				return false;
	return true;
}

static void
free_all(void *const *array)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		rte_fastmem_free(array[i]);
}

/* Its caches are its parent's, when the child's only thread ends. */
static void *
fork_and_end(void *arg)
{
	int *status = arg;
	pid_t pid;

	free_all(objs);
	pid = fork();
	if (pid == 0)
		return NULL;
	*status = wait_for(pid);
	sem_post(&ready);
	sem_wait(&go_on);
	return NULL;
}

static int
a_forked_child_that_ends_leaves_its_parents_caches(void)
{
	unsigned int before;
	int status = -1;
	pthread_t id;

	TEST_CALL(allocate(objs, 1));
	before = threads_with_caches();
	TEST_ASSERT_EQUAL(pthread_create(&id, NULL, fork_and_end, &status), 0);
	sem_wait(&ready);
	TEST_ASSERT_EQUAL(status, 0);
	TEST_ASSERT_EQUAL(threads_with_caches(), before + 1);
	TEST_ASSERT_EQUAL(bytes_in_use(), 0);
	sem_post(&go_on);
	pthread_join(id, NULL);
	TEST_ASSERT_EQUAL(threads_with_caches(), before);
	return TEST_SUCCESS;
}

/* In the child. Returns the number of what is wrong. */
static int
be_refused(struct rte_fastmem_pool *pool, void *of_pool)
{
	struct rte_fastmem_stats s;
	void *bulk[4];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		rte_errno = 0;
		if (rte_fastmem_alloc(256, 0, 0) != NULL || rte_errno != ENODEV)
			return 1;
		if (rte_fastmem_alloc_bulk(bulk, 4, 256, 0, 0) != -ENODEV)
			return 2;
		rte_errno = 0;
		if (rte_fastmem_pool_get(pool) != NULL || rte_errno != ENODEV)
			return 3;
		rte_fastmem_pool_put(pool, of_pool);
		if (rte_fastmem_stats(&s) != -ENODEV)
			return 4;
		if (rte_fastmem_init() != -EBUSY)
			return 5;
	}
	free_all(objs);
	rte_fastmem_deinit();
	return hold(objs, 1) ? 0 : 6; /* it may look */
}

static int
a_forked_child_is_refused_with_one_line(void)
{
	struct rte_fastmem_pool_params params = { .name = "fork", .size = 100, .min = 100,
		.max = 100, .socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	uint64_t in_use;
	void *of_pool;
	pid_t pid;

	TEST_ASSERT(pool != NULL);
	of_pool = rte_fastmem_pool_get(pool);
	TEST_ASSERT(of_pool != NULL);
	TEST_CALL(allocate(objs, 1));
	in_use = bytes_in_use();
	log_begin();
	pid = fork();
	if (pid == 0)
		_exit(be_refused(pool, of_pool));
	TEST_ASSERT_EQUAL(wait_for(pid), 0);
	TEST_ASSERT_EQUAL(log_lines("was forked from"), 1);
	TEST_ASSERT_EQUAL(log_lines("FASTMEM"), 1);
	TEST_ASSERT_EQUAL(bytes_in_use(), in_use);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), 1);
	TEST_CALL(allocate(more, 100));
	TEST_ASSERT(hold(objs, 1));
	free_all(objs);
	free_all(more);
	rte_fastmem_pool_put(pool, of_pool);
	TEST_ASSERT_EQUAL(bytes_in_use(), 0);
	return TEST_SUCCESS;
}

/* What a successor does with what its parent has left. */
static int
go_on_where_the_parent_was(struct rte_fastmem_pool *pool, void **of_pool)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		rte_fastmem_pool_put(pool, of_pool[i]);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(pool), 0);
	for (i = 0; i < 200; i++) { /* what the parent had cached is there as well */
		of_pool[i] = rte_fastmem_pool_get(pool);
		TEST_ASSERT(of_pool[i] != NULL);
	}
	for (i = 0; i < 200; i++)
		rte_fastmem_pool_put(pool, of_pool[i]);
	TEST_ASSERT_EQUAL(threads_with_caches(), 1);
	TEST_CALL(allocate(more, 100));
	TEST_ASSERT(hold(objs, 1));
	TEST_ASSERT(rte_fastmem_reserve((size_t)32 << 20, SOCKET_ID_ANY) == 0);
	free_all(objs);
	free_all(more);
	TEST_ASSERT_EQUAL(bytes_in_use(), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_maintain(), 0);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_CALL(allocate(objs, 7));
	free_all(objs);
	rte_fastmem_deinit();
	return TEST_SUCCESS;
}

/* Ends this process; by how many forks, and whether by exit(). The last child returns. */
static void
become_daemon(unsigned int n_forks, bool by_exit)
{
	for (; n_forks > 0; n_forks--) {
		if (fork() == 0)
			continue;
		if (by_exit)
			exit(0);
		_exit(0);
	}
	alarm(CASE_SECONDS);
}

static int
check_daemon(unsigned int n_forks, bool by_exit)
{
	struct rte_fastmem_pool_params params = { .name = "daemon", .size = 100, .min = 200,
		.max = 200, .socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	void *of_pool[200];
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < 100; i++)
		of_pool[i] = rte_fastmem_pool_get(pool);
	TEST_CALL(allocate(objs, 1));
	become_daemon(n_forks, by_exit);
	return go_on_where_the_parent_was(pool, of_pool);
}

static int
a_daemon_goes_on_where_its_parent_was(void)
{
	return check_daemon(1, false);
}

static int
a_daemon_of_two_forks_goes_on(void)
{
	return check_daemon(2, false);
}

static int
a_daemon_whose_parent_calls_exit_goes_on(void)
{
	return check_daemon(1, true);
}

/* Fork, and end the process that was there. Returns in the child, when its parent has ended. */
static int
fork_and_wait_for_the_end(void (*last)(void))
{
	int ends[2];
	char c;

	TEST_ASSERT_EQUAL(pipe(ends), 0);
	if (fork() != 0) {
		if (last != NULL)
			last();
		_exit(0);
	}
	alarm(CASE_SECONDS);
	close(ends[1]);
	TEST_ASSERT_EQUAL(read(ends[0], &c, 1), 0);
	close(ends[0]);
	return TEST_SUCCESS;
}

static void
grow(void)
{
	unsigned int i;

	for (i = 0; i < 20 && rte_fastmem_alloc(1 << 20, 0, 0) != NULL; i++)
		;
}

/* With huge pages, EAL maps memory when it is needed. Else all is there from the beginning. */
static int
a_child_without_what_its_parent_took_after_the_fork_is_refused(void)
{
	void *obj;

	TEST_CALL(allocate(objs, 1));
	TEST_CALL(fork_and_wait_for_the_end(grow));
	obj = rte_fastmem_alloc(64, 0, 0);
	if (rte_eal_has_hugepages() == 0)
		TEST_ASSERT(obj != NULL);
	else
		TEST_ASSERT(obj == NULL && rte_errno == ENODEV);
	return TEST_SUCCESS;
}

static int
nobody_succeeds_a_parent_that_has_ended_fastmem(void)
{
	TEST_CALL(allocate(objs, 1));
	TEST_CALL(fork_and_wait_for_the_end(rte_fastmem_deinit));
	TEST_ASSERT(rte_fastmem_alloc(256, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	rte_fastmem_free(objs[0]);
	rte_fastmem_deinit();
	return TEST_SUCCESS;
}

/* Of two, each of which has outlived its parent: the elder one is forked first, and asks first. */
static int
of_several_children_one_goes_on(void)
{
	int asked[2], go[2];
	pid_t younger;
	char got;

	TEST_CALL(allocate(objs, 1));
	TEST_CALL(fork_and_wait_for_the_end(NULL));
	TEST_ASSERT_EQUAL(pipe(asked), 0);
	TEST_ASSERT_EQUAL(pipe(go), 0);
	younger = fork(); /* before this one has asked: both are heirs of the same process */
	if (younger == 0) {
		if (read(go[0], &got, 1) != 1)
			_exit(1);
		got = rte_fastmem_alloc(256, 0, 0) == NULL && rte_errno == ENODEV ? 'n' : 'y';
		_exit(write(asked[1], &got, 1) == 1 ? 0 : 1);
	}
	TEST_ASSERT(rte_fastmem_alloc(256, 0, 0) != NULL);
	TEST_ASSERT_EQUAL(write(go[1], "g", 1), 1);
	TEST_ASSERT_EQUAL(read(asked[0], &got, 1), 1);
	TEST_ASSERT_EQUAL(wait_for(younger), 0);
	TEST_ASSERT_EQUAL(got, 'n');
	free_all(objs);
	return TEST_SUCCESS;
}

/* What waits in a process for its readers when it forks, stays its own. */

static void *deferred;
static struct rte_fastmem_pool *deferred_pool;

static void
get_all_of_the_pool(void)
{
	rte_fastmem_pool_reclaim(deferred_pool);
	while (rte_fastmem_pool_get(deferred_pool) != NULL)
		;
}

static int
an_object_that_the_parent_has_reclaimed_is_not_put_by_its_successor(void)
{
	struct rte_fastmem_pool_params params = { .name = "deferred", .size = 64, .min = 16,
		.max = 16, .socket_id = SOCKET_ID_ANY };
	struct rte_rcu_qsbr *qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), 64);

	TEST_ASSERT(qsbr != NULL);
	TEST_ASSERT_EQUAL(rte_rcu_qsbr_init(qsbr, 1), 0);
	params.qsbr = qsbr;
	deferred_pool = rte_fastmem_pool_create(&params);
	TEST_ASSERT(deferred_pool != NULL);
	deferred = rte_fastmem_pool_get(deferred_pool);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(deferred_pool, &deferred, 1), 0);
	TEST_CALL(fork_and_wait_for_the_end(get_all_of_the_pool));
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(deferred_pool), 16);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(deferred_pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(deferred_pool), 16);
	TEST_ASSERT(rte_fastmem_pool_get(deferred_pool) == NULL);
	rte_fastmem_pool_put(deferred_pool, deferred);
	deferred = rte_fastmem_pool_get(deferred_pool);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_put_deferred(deferred_pool, &deferred, 1), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_reclaim(deferred_pool), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_in_use_count(deferred_pool), 15);
	return TEST_SUCCESS;
}

/* By which other processes find the shared state. */
static void
peers_path(char *path, size_t n)
{
	snprintf(path, n, "%s/fastmem_peers", rte_eal_get_runtime_dir());
}

/* As the kernel has it for a moment when it takes a process apart. Returns a descriptor to close. */
static int
lock_all_numbers(void)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd;

	peers_path(path, sizeof(path));
	fd = open(path, O_RDWR);
	if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &all) != 0) {
		close(fd);
		return -EAGAIN;
	}
	return fd;
}

static int
a_succession_that_fails_is_told_with_its_reason_and_tried_again(void)
{
	int fd;

	TEST_CALL(allocate(objs, 1));
	log_begin();
	TEST_CALL(fork_and_wait_for_the_end(NULL));
	do
		fd = lock_all_numbers();
	while (fd == -EAGAIN); /* that moment of the parent's */
	TEST_ASSERT(fd >= 0);
	TEST_ASSERT(rte_fastmem_alloc(256, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	TEST_ASSERT(rte_fastmem_alloc(256, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(log_lines(strerror(EAGAIN)), 1);
	close(fd);
	free_all(objs);
	TEST_CALL(allocate(objs, 1));
	free_all(objs);
	return TEST_SUCCESS;
}

/* Of the map, which may be in several mappings. */
static uint64_t
resident_bytes_of_the_map(void)
{
	const uintptr_t begin = (uintptr_t)rte_fastmem_map.bins;
	const uintptr_t end = begin + rte_fastmem_map.n_granules * sizeof(uint16_t);
	uint64_t from, to, kib, sum = 0;
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool is_in = false;
	char line[512];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2)
			is_in = from < end && to > begin;
		else if (is_in && sscanf(line, "Rss: %" SCNu64 " kB", &kib) == 1)
			sum += kib << 10;
	}
	if (maps == NULL)
		return UINT64_MAX;
	fclose(maps);
	return sum;
}

/* As where a program calls mlockall(). With huge pages the map tells of some 64 GiB. */
static int
a_granule_map_that_is_locked_takes_memory_where_chunks_are_only(void)
{
	const size_t bytes = rte_fastmem_map.n_granules * sizeof(uint16_t);
	uintptr_t i, n = 0;

	TEST_CALL(allocate(objs, 1));
	TEST_ASSERT_EQUAL(mlock(rte_fastmem_map.bins, bytes), 0);
	TEST_CALL(allocate(more, 1));
	for (i = 0; i < rte_fastmem_map.n_granules; i++)
		n += rte_fastmem_map.bins[i] != 0;
	TEST_ASSERT(n > 0 && n < 1024);
	/* What lies behind the bins may be of the same mapping. */
	TEST_ASSERT(resident_bytes_of_the_map() <= 512 << 10);
	for (i = 0; i < OBJECTS; i++)
		TEST_ASSERT(rte_fastmem_bin_of(objs[i]) != 0 && rte_fastmem_bin_of(more[i]) != 0);
	free_all(objs);
	free_all(more);
	TEST_ASSERT_EQUAL(bytes_in_use(), 0);
	return TEST_SUCCESS;
}

/* In a child: whether what it is sent in a pipe is an object of its parent's. */
static bool
is_sent_an_object(const int *ends)
{
	void *obj;

	return read(ends[0], &obj, sizeof(obj)) == sizeof(obj) && rte_fastmem_bin_of(obj) != 0;
}

static int
a_child_knows_objects_that_its_parent_has_grown_for_since_the_fork(void)
{
	int ends[2];
	void *obj;
	pid_t pid;

	TEST_ASSERT_EQUAL(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		_exit(!is_sent_an_object(ends));
	obj = rte_fastmem_alloc(256, 0, 0);
	TEST_ASSERT(obj != NULL);
	TEST_ASSERT_EQUAL(write(ends[1], &obj, sizeof(obj)), sizeof(obj));
	TEST_ASSERT_EQUAL(wait_for(pid), 0);
	rte_fastmem_free(obj);
	return TEST_SUCCESS;
}

static void *(*shared_objs)[OBJECTS]; /* of a process and its children */

static void
allocate_shared(void)
{
	if (allocate(*shared_objs, 1) != TEST_SUCCESS)
		_exit(1);
}

/*
 * Another primary has the file of processes, to which this one shows nothing then, as with
 * --in-memory.
 */
static int
a_child_without_a_file_has_the_objects_of_its_parent_that_are_younger(void)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	struct stat file;
	int fd;

	rte_fastmem_deinit();
	peers_path(path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT, 0600);
	TEST_ASSERT(fd >= 0);
	TEST_ASSERT_EQUAL(fcntl(fd, F_OFD_SETLK, &all), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT_EQUAL(fstat(fd, &file), 0);
	TEST_ASSERT_EQUAL(file.st_size, 0);
	shared_objs = mmap(NULL, sizeof(*shared_objs), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(shared_objs != MAP_FAILED);
	/* With huge pages, EAL maps no more for the parent alone. */
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 << 20, SOCKET_ID_ANY), 0);
	TEST_CALL(fork_and_wait_for_the_end(allocate_shared));
	TEST_CALL(allocate(more, 2));
	TEST_ASSERT(hold(*shared_objs, 1));
	free_all(*shared_objs);
	free_all(more);
	TEST_ASSERT_EQUAL(bytes_in_use(), 0);
	return TEST_SUCCESS;
}

static bool
others_can_find_this_process(void)
{
	char path[PATH_MAX];

	peers_path(path, sizeof(path));
	return access(path, F_OK) == 0;
}

static int
a_forked_child_that_ends_eal_leaves_its_parents_file(void)
{
	pid_t pid;

	TEST_ASSERT(others_can_find_this_process());
	pid = fork();
	if (pid == 0)
		_exit(rte_eal_cleanup() == 0 ? 0 : 1);
	TEST_ASSERT_EQUAL(wait_for(pid), 0);
	TEST_ASSERT(others_can_find_this_process());
	rte_fastmem_deinit();
	TEST_ASSERT(!others_can_find_this_process());
	return TEST_SUCCESS;
}

/* Begin anew, with checking. */
static int
begin_checking(const struct rte_fastmem_conf *conf)
{
	rte_fastmem_deinit();
	unsetenv("RTE_FASTMEM_DEBUG"); /* which overrules it */
	TEST_ASSERT_EQUAL(rte_fastmem_init_conf(conf), 0);
	return TEST_SUCCESS;
}

/* A timer of fastmem's, which takes its time when it is made to. These come before EAL's functions. */

static rte_eal_alarm_callback timer;
static bool timer_is_slow;

static void
run_slowly(void *arg)
{
	timer(arg);
	sem_post(&ready);
	pause();
}

static bool timer_is_held;
static bool timer_lingers; /* until it is waited for */
static bool timer_has_returned; /* atomic */
static void *timer_arg;

static void
run_and_linger(void *arg)
{
	timer(arg);
	sem_wait(&go_on);
	rte_atomic_store_explicit(&timer_has_returned, true, rte_memory_order_release);
}

int
rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback callback, void *arg)
{
	int (*set)(uint64_t, rte_eal_alarm_callback, void *) = dlsym(RTLD_NEXT, __func__);

	timer = callback;
	timer_arg = arg;
	if (timer_is_held)
		return 0;
	if (timer_lingers)
		callback = run_and_linger;
	return set(us, timer_is_slow ? run_slowly : callback, arg);
}

int
rte_eal_alarm_cancel(rte_eal_alarm_callback callback, void *arg)
{
	int (*cancel)(rte_eal_alarm_callback, void *) = dlsym(RTLD_NEXT, __func__);

	if (timer_lingers) {
		sem_post(&go_on);
		callback = run_and_linger;
	}
	return cancel(timer_is_slow ? run_slowly : callback, arg);
}

static int
a_daemon_ends_sampling_after_a_fork_while_the_timer_ran(void)
{
	timer_is_slow = true;
	TEST_CALL(begin_checking(&(struct rte_fastmem_conf){ .debug = RTE_FASTMEM_DEBUG_SAMPLE }));
	sem_wait(&ready);
	TEST_CALL(fork_and_wait_for_the_end(NULL));
	TEST_CALL(allocate(objs, 1));
	free_all(objs);
	rte_fastmem_deinit();
	TEST_CALL(begin_checking(&(struct rte_fastmem_conf){ .debug = RTE_FASTMEM_DEBUG_SAMPLE }));
	TEST_CALL(allocate(objs, 1));
	free_all(objs);
	rte_fastmem_deinit();
	return TEST_SUCCESS;
}

static unsigned int n_reports;

/* Within the first report another thread forks, and ends this process. */
static void
report_once(const struct rte_fastmem_report *report, void *arg)
{
	const pid_t *parent = arg;

	RTE_SET_USED(report);
	n_reports++;
	if (getpid() == *parent) {
		sem_post(&ready);
		pause();
	}
}

static void *
free_twice(void *arg)
{
	void *p = rte_fastmem_alloc(100, 0, 0);

	rte_fastmem_free(p);
	rte_fastmem_free(p);
	return arg;
}

static int
a_daemon_reports_an_error_after_a_fork_within_a_report(void)
{
	static pid_t parent;
	pthread_t id;

	parent = getpid();
	TEST_CALL(begin_checking(&(struct rte_fastmem_conf){ .debug = RTE_FASTMEM_DEBUG_FULL,
		.report = report_once, .report_arg = &parent, .keep_running = true }));
	TEST_ASSERT_EQUAL(pthread_create(&id, NULL, free_twice, NULL), 0);
	sem_wait(&ready);
	TEST_CALL(fork_and_wait_for_the_end(NULL));
	TEST_ASSERT_EQUAL(n_reports, 1);
	free_twice(NULL);
	TEST_ASSERT_EQUAL(n_reports, 2);
	return TEST_SUCCESS;
}

/* rte_eal_cleanup() without rte_fastmem_deinit(). */

static void *
outlive_eal(void *arg)
{
	rte_fastmem_free(rte_fastmem_alloc(100, 0, 0));
	rte_fastmem_free(rte_fastmem_alloc(3000, 0, 0));
	sem_post(&ready);
	sem_wait(&go_on);
	return arg;
}

static int
a_thread_may_end_after_eal(void)
{
	pthread_t id;

	TEST_ASSERT_EQUAL(pthread_create(&id, NULL, outlive_eal, NULL), 0);
	sem_wait(&ready);
	TEST_ASSERT_EQUAL(rte_eal_cleanup(), 0);
	sem_post(&go_on);
	TEST_ASSERT_EQUAL(pthread_join(id, NULL), 0);
	return TEST_SUCCESS;
}

static int
objects_freed_after_eal_are_ignored_with_one_line(void)
{
	pthread_t id;

	TEST_CALL(allocate(objs, 1));
	TEST_ASSERT_EQUAL(pthread_create(&id, NULL, outlive_eal, NULL), 0);
	sem_wait(&ready);
	log_begin();
	TEST_ASSERT_EQUAL(rte_eal_cleanup(), 0);
	free_all(objs);
	TEST_ASSERT(rte_fastmem_alloc(256, 0, 0) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	TEST_ASSERT_EQUAL(log_lines("FASTMEM"), 1);
	TEST_ASSERT_EQUAL(log_lines("after rte_eal_cleanup()"), 1);
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -EBUSY);
	sem_post(&go_on);
	TEST_ASSERT_EQUAL(pthread_join(id, NULL), 0);
	return TEST_SUCCESS;
}

static int
objects_put_into_a_pool_after_eal_are_ignored_with_one_line(void)
{
	struct rte_fastmem_pool_params params = { .name = "late", .size = 100,
		.socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	unsigned int i;

	TEST_ASSERT(pool != NULL);
	for (i = 0; i < OBJECTS; i++) {
		objs[i] = rte_fastmem_pool_get(pool);
		TEST_ASSERT(objs[i] != NULL);
	}
	log_begin();
	TEST_ASSERT_EQUAL(rte_eal_cleanup(), 0);
	rte_fastmem_pool_put(pool, objs[0]);
	rte_fastmem_pool_put_bulk(pool, objs + 1, OBJECTS - 2);
	rte_fastmem_free(objs[OBJECTS - 1]);
	TEST_ASSERT_EQUAL(log_lines("FASTMEM"), 1);
	TEST_ASSERT(rte_fastmem_pool_get(pool) == NULL);
	TEST_ASSERT_EQUAL(rte_errno, ENODEV);
	TEST_ASSERT_EQUAL(rte_fastmem_pool_get_bulk(pool, objs, 10), -ENODEV);
	rte_fastmem_pool_free(pool);
	return TEST_SUCCESS;
}

/*
 * A secondary asks for something as EAL ends. Its message is handed to the callback that fastmem has
 * registered, by the test; the callback of the alarm, in which the answer is made, is called when
 * the end waits for it.
 */

#define ASK_BYTES 48 /* all zeroes, it is the question that has been answered before: by 0 */

static rte_mp_t asked;
static int64_t answers[2][2]; /* question, value */
static unsigned int n_answers;
static bool end_waits; /* is told by ready */

int
rte_mp_action_register(const char *name, rte_mp_t action)
{
	int (*do_register)(const char *, rte_mp_t) = dlsym(RTLD_NEXT, __func__);

	if (strcmp(name, "fastmem_ask") == 0)
		asked = action;
	return do_register(name, action);
}

int
rte_mp_reply(struct rte_mp_msg *msg, const char *peer)
{
	RTE_SET_USED(peer);
	if (n_answers < RTE_DIM(answers) && msg->len_param == (int)sizeof(answers[0]))
		memcpy(answers[n_answers++], msg->param, sizeof(answers[0]));
	return 0;
}

void
rte_delay_us_sleep(unsigned int us)
{
	void (*sleep)(unsigned int) = dlsym(RTLD_NEXT, __func__);

	if (rte_atomic_exchange_explicit(&end_waits, false, rte_memory_order_relaxed))
		sem_post(&ready);
	sleep(us);
}

static void *
end_eal(void *arg)
{
	int *ret = arg;

	*ret = rte_eal_cleanup();
	sem_post(&ready); /* it may not have waited */
	return NULL;
}

static int
ask(void)
{
	struct rte_mp_msg msg = { .name = "fastmem_ask", .len_param = ASK_BYTES };

	return asked(&msg, "peer");
}

static int
eal_ends_when_what_it_serves_is_answered(void)
{
	int ret = -1;
	pthread_t id;

	TEST_ASSERT(asked != NULL);
	timer_is_held = true;
	TEST_ASSERT_EQUAL(ask(), 0);
	TEST_ASSERT_EQUAL(n_answers, 0);
	rte_atomic_store_explicit(&end_waits, true, rte_memory_order_relaxed);
	TEST_ASSERT_EQUAL(pthread_create(&id, NULL, end_eal, &ret), 0);
	sem_wait(&ready);
	timer(timer_arg);
	TEST_ASSERT_EQUAL(n_answers, 1);
	TEST_ASSERT_EQUAL(answers[0][1], 0, "it was served by what was there");
	TEST_ASSERT_EQUAL(pthread_join(id, NULL), 0);
	TEST_ASSERT_EQUAL(ret, 0);
	return TEST_SUCCESS;
}

/* Of the primary's end all are told before; not of that of EAL. */
static int
who_asks_after_the_end_is_refused_at_once(void)
{
	timer_is_held = true;
	TEST_ASSERT_EQUAL(rte_eal_cleanup(), 0);
	timer = NULL;
	TEST_ASSERT_EQUAL(ask(), 0);
	TEST_ASSERT(timer == NULL);
	TEST_ASSERT_EQUAL(n_answers, 1);
	TEST_ASSERT_EQUAL(answers[0][1], -ENODEV);
	return TEST_SUCCESS;
}

/* In EAL's thread that serves: what is asked waits for it. */
static void
deinit_in_callback(void *arg)
{
	RTE_SET_USED(arg);
	rte_fastmem_deinit();
	sem_post(&ready);
}

static int
fastmem_may_end_in_the_thread_that_serves(void)
{
	rte_eal_alarm_callback serve;
	void *what;

	timer_is_held = true;
	TEST_ASSERT_EQUAL(ask(), 0);
	serve = timer;
	what = timer_arg;
	timer_is_held = false;
	TEST_ASSERT_EQUAL(rte_eal_alarm_set(1, deinit_in_callback, NULL), 0);
	sem_wait(&ready);
	TEST_ASSERT_EQUAL(n_answers, 0);
	serve(what);
	TEST_ASSERT_EQUAL(n_answers, 1);
	TEST_ASSERT_EQUAL(answers[0][1], -ENODEV);
	return TEST_SUCCESS;
}

/* EAL may have found the callback before it was registered no more. */
static int
who_is_heard_after_the_end_of_fastmem_is_refused_at_once(void)
{
	rte_fastmem_deinit();
	timer_is_held = true;
	timer = NULL;
	TEST_ASSERT_EQUAL(ask(), 0);
	TEST_ASSERT(timer == NULL);
	TEST_ASSERT_EQUAL(n_answers, 1);
	TEST_ASSERT_EQUAL(answers[0][1], -ENODEV);
	return TEST_SUCCESS;
}

/* The code may be unmapped then. */
static int
fastmem_ends_when_the_thread_that_serves_has_left_it(void)
{
	timer_lingers = true;
	TEST_ASSERT_EQUAL(ask(), 0);
	rte_fastmem_deinit();
	TEST_ASSERT(rte_atomic_load_explicit(&timer_has_returned, rte_memory_order_acquire));
	TEST_ASSERT_EQUAL(n_answers, 1);
	return TEST_SUCCESS;
}

/* The program. */

static const struct test_case cases[] = {
	TEST_CASE(a_forked_child_that_ends_leaves_its_parents_caches),
	TEST_CASE(a_forked_child_is_refused_with_one_line),
	TEST_CASE(a_daemon_goes_on_where_its_parent_was),
	TEST_CASE(a_daemon_of_two_forks_goes_on),
	TEST_CASE(a_daemon_whose_parent_calls_exit_goes_on),
	TEST_CASE(of_several_children_one_goes_on),
	TEST_CASE(a_child_without_what_its_parent_took_after_the_fork_is_refused),
	TEST_CASE(nobody_succeeds_a_parent_that_has_ended_fastmem),
	TEST_CASE(an_object_that_the_parent_has_reclaimed_is_not_put_by_its_successor),
	TEST_CASE(a_succession_that_fails_is_told_with_its_reason_and_tried_again),
	TEST_CASE(a_granule_map_that_is_locked_takes_memory_where_chunks_are_only),
	TEST_CASE(a_child_knows_objects_that_its_parent_has_grown_for_since_the_fork),
	TEST_CASE(a_child_without_a_file_has_the_objects_of_its_parent_that_are_younger),
	TEST_CASE(a_forked_child_that_ends_eal_leaves_its_parents_file),
	TEST_CASE(a_daemon_ends_sampling_after_a_fork_while_the_timer_ran),
	TEST_CASE(a_daemon_reports_an_error_after_a_fork_within_a_report),
	TEST_CASE(a_thread_may_end_after_eal),
	TEST_CASE(objects_freed_after_eal_are_ignored_with_one_line),
	TEST_CASE(objects_put_into_a_pool_after_eal_are_ignored_with_one_line),
	TEST_CASE(eal_ends_when_what_it_serves_is_answered),
	TEST_CASE(who_asks_after_the_end_is_refused_at_once),
	TEST_CASE(fastmem_may_end_in_the_thread_that_serves),
	TEST_CASE(who_is_heard_after_the_end_of_fastmem_is_refused_at_once),
	TEST_CASE(fastmem_ends_when_the_thread_that_serves_has_left_it),
	TEST_CASES_END
};

void
test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...)
{
	RTE_SET_USED(format);
	fprintf(stderr, "%s:%d: %s(): not so: %s\n", file, line, function, what);
}

/* In the process of a case, or in a child that it has become. */
static int
run_case(const struct test_case *c, int argc, char **argv)
{
	alarm(CASE_SECONDS);
	sem_init(&ready, 0, 0);
	sem_init(&go_on, 0, 0);
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() != 0)
		return TEST_FAILED;
	return c->run();
}

/* Whoever comes to the end of the case writes to a pipe: it may not be the process that began. */
static bool
case_holds(const struct test_case *c, int argc, char **argv)
{
	char verdict = 'n', rest;
	int result[2];
	pid_t pid;

	if (pipe(result) != 0)
		return false;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		verdict = run_case(c, argc, argv) == TEST_SUCCESS ? 'y' : 'n';
		if (write(result[1], &verdict, 1) != 1)
			_exit(2);
		_exit(0);
	}
	close(result[1]);
	/* All that have the pipe have ended when there is nothing more to read. */
	if (read(result[0], &verdict, 1) != 1)
		verdict = 'n';
	while (read(result[0], &rest, 1) > 0)
		if (rest != 'y')
			verdict = 'n';
	close(result[0]);
	return waitpid(pid, NULL, 0) == pid && verdict == 'y';
}

/*
 * It crashes where a thread of a forked child ends, waits where one of the parent's is joined, and has
 * no timer for sampling.
 */
static bool
tsan_cannot(const struct test_case *c)
{
#ifdef RTE_FASTMEM_TSAN
	return c->run == a_forked_child_that_ends_leaves_its_parents_caches ||
		c->run == a_forked_child_that_ends_eal_leaves_its_parents_file ||
		c->run == a_daemon_ends_sampling_after_a_fork_while_the_timer_ran;
#else
	RTE_SET_USED(c);
	return false;
#endif
}

int
main(int argc, char **argv)
{
	const char *wanted = getenv("ENDS_CASE");
	const struct test_case *c;
	unsigned int passed = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (c = cases; c->name != NULL; c++) {
		bool ok;

		if (wanted != NULL && strcmp(wanted, c->name) != 0)
			continue;
		if (tsan_cannot(c)) {
			printf("ends.%s: skipped: ThreadSanitizer cannot run this\n", c->name);
			continue;
		}
		ok = case_holds(c, argc, argv);
		printf("ends.%s: %s\n", c->name, ok ? "ok" : "FAILED");
		passed += ok;
		failed += !ok;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
