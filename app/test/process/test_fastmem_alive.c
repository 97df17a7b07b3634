/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Who lives, whatever processes do with their descriptors; and processes that attach and
 * leave while others do, or while the primary gives fastmem up.
 */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_fastmem_pool.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define CHILD_FD 3 /* of test_processes.c: what a secondary needs */
#define PATIENCE 20 /* s */

static struct process second;

static int
alive_up(void)
{
	TEST_CALL(shared_make());
	TEST_CALL(fastmem_up());
	return process_start(&second);
}

static int
alive_down(void)
{
	if (second.pid != 0)
		TEST_CALL(process_stop(&second));
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
alive_end(void)
{
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

static bool
is_alive(pid_t pid)
{
	struct rte_fastmem_process list[80];
	unsigned int i, n = rte_fastmem_processes(list, RTE_DIM(list));

	for (i = 0; i < n; i++)
		if (list[i].pid == (uint32_t)pid && list[i].alive)
			return true;
	return false;
}

/* In secondaries. */

static int64_t
call_is_alive(const uint64_t *args)
{
	return is_alive(args[0]);
}

/* All but the one that the test asks by; and their numbers become other files'. */
static int64_t
call_close_all(const uint64_t *args)
{
	unsigned int i;

	RTE_SET_USED(args);
	for (i = 0; i < 3; i++)
		close(i);
	if (syscall(SYS_close_range, CHILD_FD + 1, ~0u, 0) != 0)
		return -errno;
	for (i = 0; i < 200; i++)
		if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
			return -errno;
	return 0;
}

/* A child that does nothing. Returns its pid. */
static int64_t
call_fork(const uint64_t *args)
{
	pid_t pid = fork();

	RTE_SET_USED(args);
	while (pid == 0)
		pause();
	return pid;
}

static int64_t
call_exec(const uint64_t *args)
{
	RTE_SET_USED(args);
	execl("/bin/sleep", "sleep", "600", NULL);
	return -errno;
}

static int64_t
call_pool_grow(const uint64_t *args)
{
	struct rte_fastmem_pool *pool = rte_fastmem_pool_lookup("alive");

	return pool != NULL ? rte_fastmem_pool_grow(pool, args[0]) : -ENOENT;
}

static void
construct(struct rte_fastmem_pool *pool, void *arg, void *obj, rte_iova_t iova, uint32_t index)
{
	RTE_SET_USED(pool);
	RTE_SET_USED(arg);
	RTE_SET_USED(iova);
	RTE_SET_USED(index);
	*(uint32_t *)obj = getpid();
}

static int64_t
call_pool_make(const uint64_t *args)
{
	const struct rte_fastmem_pool_params params = { .name = "alive", .size = 64,
		.min = 1, .ctor = construct, .socket_id = SOCKET_ID_ANY };

	RTE_SET_USED(args);
	return rte_fastmem_pool_create(&params) != NULL ? 0 : -rte_errno;
}

/* ms: attach, allocate and leave for so long. Returns how often, or a negative errno. */
static int64_t
call_come_and_go(const uint64_t *args)
{
	uint64_t end = rte_get_timer_cycles() + args[0] * rte_get_timer_hz() / 1000;
	int64_t n = 0;

	rte_log_set_level(fastmem_logtype, RTE_LOG_CRIT);
	while (rte_get_timer_cycles() < end) {
		int ret = rte_fastmem_init();

		if (ret == -EBUSY) { /* it has seen the primary's deinit */
			rte_fastmem_deinit();
			continue;
		}
		if (ret == -ENODEV)
			continue; /* between deinit and init */
		if (ret != 0)
			return ret;
		rte_fastmem_free(rte_fastmem_alloc(100, 0, 0));
		rte_fastmem_deinit();
		n++;
	}
	rte_log_set_level(fastmem_logtype, RTE_LOG_NOTICE);
	return n;
}

const remote_t alive_calls[] = { call_is_alive, call_close_all, call_fork, call_exec,
	call_pool_make, call_pool_grow, call_come_and_go, NULL };

/* Who lives. */

static int
a_process_that_closes_its_descriptors_lives(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 100, 256), 100);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 50), 0);
	/* EAL waits for an answer of each process when it grows: no more of that. */
	TEST_ASSERT_EQUAL(HERE(call_alloc, 100, 200, 256), 200);
	TEST_ASSERT_EQUAL(ASK(&second, call_close_all), 0);
	TEST_ASSERT(is_alive(second.pid));
	TEST_ASSERT(is_alive(getpid()));
	/* Its own view as well, with its numbers being others'. */
	TEST_ASSERT_EQUAL(ASK(&second, call_is_alive, getpid()), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_is_alive, second.pid), 1);
	/* What it has cached is its own. */
	TEST_ASSERT_EQUAL(HERE(call_alloc, 300, 100, 256), 100);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 50, 256), 50);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 100), 0);
	TEST_ASSERT_EQUAL(HERE(call_free, 100, 300), 0);
	TEST_CALL(check_live(0));
	TEST_CALL(process_kill(&second));
	TEST_ASSERT_EQUAL(rte_fastmem_processes(NULL, 0), 1);
	return TEST_SUCCESS;
}

static int
a_descriptor_that_is_another_files_is_left_alone(void)
{
	int fd = fastmem_process.peers_fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat before, after;

	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 256), 1);
	TEST_ASSERT(fd >= 0 && null >= 0);
	TEST_ASSERT_EQUAL(dup2(null, fd), fd);
	TEST_ASSERT_EQUAL(fstat(fd, &before), 0);
	rte_fastmem_maintain();
	TEST_ASSERT(is_alive(second.pid));
	TEST_ASSERT_EQUAL(ASK(&second, call_is_alive, getpid()), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	TEST_CALL(process_kill(&second));
	rte_fastmem_maintain();
	TEST_ASSERT_EQUAL(rte_fastmem_processes(NULL, 0), 1);
	TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(ASK(&second, call_init), 0);
	TEST_CALL(process_stop(&second));
	rte_fastmem_deinit();
	TEST_ASSERT_EQUAL(fstat(fd, &after), 0, "fastmem has closed it");
	TEST_ASSERT_EQUAL(after.st_ino, before.st_ino);
	close(fd);
	close(null);
	return rte_fastmem_init();
}

static int
a_zombie_is_dead(void)
{
	pid_t pid = second.pid;
	siginfo_t info;

	TEST_ASSERT_EQUAL(ASK(&second, call_init), 0);
	TEST_ASSERT(is_alive(pid));
	TEST_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	TEST_ASSERT_EQUAL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	rte_fastmem_maintain();
	TEST_ASSERT(!is_alive(pid));
	return process_kill(&second);
}

static int
a_forked_child_does_not_keep_its_parent_alive(void)
{
	pid_t pid = second.pid, child;
	bool alive;

	TEST_ASSERT_EQUAL(ASK(&second, call_init), 0);
	child = ASK(&second, call_fork);
	TEST_ASSERT(child > 0);
	TEST_ASSERT(is_alive(pid));
	TEST_CALL(process_kill(&second));
	rte_fastmem_maintain();
	alive = is_alive(pid);
	kill(child, SIGKILL);
	TEST_ASSERT(!alive);
	return TEST_SUCCESS;
}

static int
a_process_that_executes_another_program_is_dead(void)
{
	uint64_t end = rte_get_timer_cycles() + PATIENCE * rte_get_timer_hz();
	char path[64], name[16] = "";
	pid_t pid = second.pid;
	FILE *comm;

	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 256), 1);
	TEST_CALL(process_send(&second, call_exec, (const uint64_t[PROCESS_ARGS]){ 0 }));
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	while (strcmp(name, "sleep\n") != 0 && rte_get_timer_cycles() < end) {
		comm = fopen(path, "re");
		TEST_ASSERT(comm != NULL);
		if (fgets(name, sizeof(name), comm) == NULL)
			name[0] = '\0';
		fclose(comm);
		sched_yield();
	}
	/* The kernel closes what the other program has not, when that has its name already. */
	while (is_alive(pid) && rte_get_timer_cycles() < end)
		sched_yield();
	TEST_ASSERT(!is_alive(pid));
	TEST_CALL(process_kill(&second));
	TEST_ASSERT_EQUAL(HERE(call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

/* Who attaches and leaves. */

static int
lock_byte(int fd, short type, off_t byte)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static int
peers_open(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/fastmem_peers", rte_eal_get_runtime_dir());
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Its process has said that it leaves, and has still to drop the lock. */
static int
a_number_that_is_being_given_back_is_passed_over(void)
{
	int fd = peers_open();

	TEST_ASSERT(fd >= 0);
	TEST_ASSERT_EQUAL(lock_byte(fd, F_WRLCK, FASTMEM_LOCKS + 1), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_init), 0);
	TEST_ASSERT(is_alive(second.pid));
	close(fd);
	return TEST_SUCCESS;
}

static int
nothing_is_destroyed_while_a_process_attaches(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	int fd = peers_open();

	TEST_ASSERT(fd >= 0);
	TEST_ASSERT_EQUAL(lock_byte(fd, F_RDLCK, FASTMEM_GATE), 0);
	log_begin();
	rte_fastmem_deinit();
	log_end("");
	TEST_ASSERT(fastmem_process.ctl == ctl);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), -EBUSY);
	close(fd);
	rte_fastmem_deinit();
	TEST_ASSERT(fastmem_process.ctl == NULL);
	return rte_fastmem_init();
}

#define LOOK_MS 10

/* As a secondary does in each call while there is nothing to attach to, but for longer. */
static void *
look_for_fastmem(void *arg)
{
	int fd = peers_open();

	lock_byte(fd, F_RDLCK, FASTMEM_GATE);
	rte_atomic_store_explicit((RTE_ATOMIC(uint32_t) *)arg, 1, rte_memory_order_release);
	rte_delay_us_sleep(LOOK_MS * 1000);
	close(fd);
	return NULL;
}

static int
who_looks_whether_there_is_fastmem_does_not_keep_it(void)
{
	uint32_t looks = 0;
	pthread_t thread;
	bool ended;

	TEST_CALL(process_stop(&second));
	TEST_ASSERT_EQUAL(pthread_create(&thread, NULL, look_for_fastmem, &looks), 0);
	while (rte_atomic_load_explicit(&looks, rte_memory_order_acquire) == 0)
		sched_yield();
	rte_fastmem_deinit();
	ended = fastmem_process.ctl == NULL;
	pthread_join(thread, NULL);
	TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	TEST_ASSERT(ended, "it was taken for one that attaches");
	return TEST_SUCCESS;
}

static int
nothing_is_destroyed_while_a_process_leaves(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	int fd = peers_open();

	/* It has said so in shared memory, and may be about to release a lock there. */
	TEST_ASSERT(fd >= 0);
	TEST_ASSERT_EQUAL(lock_byte(fd, F_WRLCK, FASTMEM_LOCKS + 5), 0);
	log_begin();
	rte_fastmem_deinit();
	log_end("");
	TEST_ASSERT(fastmem_process.ctl == ctl);
	close(fd);
	rte_fastmem_deinit();
	TEST_ASSERT(fastmem_process.ctl == NULL);
	return rte_fastmem_init();
}

#define STRESS_MS 1500

static int
processes_come_and_go_while_the_primary_does(void)
{
	uint64_t end = rte_get_timer_cycles() + STRESS_MS * rte_get_timer_hz() / 1000;
	struct process third = { 0 };
	unsigned int n = 0;

	TEST_CALL(process_start(&third));
	TEST_CALL(process_send(&second, call_come_and_go, (uint64_t[PROCESS_ARGS]){ STRESS_MS }));
	TEST_CALL(process_send(&third, call_come_and_go, (uint64_t[PROCESS_ARGS]){ STRESS_MS }));
	rte_log_set_level(fastmem_logtype, RTE_LOG_CRIT);
	while (rte_get_timer_cycles() < end) {
		int ret = rte_fastmem_init();

		if (ret == 0)
			n++;
		else if (ret != -EBUSY)
			break;
		rte_fastmem_free(rte_fastmem_alloc(100, 0, 0));
		rte_fastmem_deinit();
	}
	rte_log_set_level(fastmem_logtype, RTE_LOG_NOTICE);
	TEST_ASSERT(process_receive(&second) >= 0);
	TEST_ASSERT(process_receive(&third) >= 0);
	TEST_CALL(process_stop(&third));
	rte_fastmem_deinit();
	TEST_ASSERT(fastmem_process.ctl == NULL);
	TEST_ASSERT(n > 0);
	return rte_fastmem_init();
}

/* Numbers and pids are used again, by containers that are restarted above all. */
static int
another_process_of_the_same_number_and_pid_is_not_the_creator(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct fastmem_pool *pool;

	TEST_ASSERT_EQUAL(ASK(&second, call_pool_make), 0);
	pool = fastmem_pool(rte_fastmem_pool_lookup("alive"));
	TEST_ASSERT_EQUAL(ASK(&second, call_pool_grow, 10000), 0);
	TEST_CALL(process_kill(&second));
	rte_fastmem_maintain();
	TEST_CALL(process_start(&second));
	TEST_ASSERT_EQUAL(ASK(&second, call_init), 0);
	TEST_ASSERT_EQUAL(ctl->peers[pool->creator].state, FASTMEM_PEER_ATTACHED);
	TEST_ASSERT_EQUAL(ctl->peers[pool->creator].pid, second.pid);
	pool->creator_pid = second.pid;
	/* Its constructor is of a program that is gone. */
	TEST_ASSERT(ASK(&second, call_pool_grow, 20000) < 0);
	rte_fastmem_pool_free(&pool->user);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_process_that_closes_its_descriptors_lives),
	TEST_CASE(a_descriptor_that_is_another_files_is_left_alone),
	TEST_CASE(a_zombie_is_dead),
	TEST_CASE(a_forked_child_does_not_keep_its_parent_alive),
	TEST_CASE(a_process_that_executes_another_program_is_dead),
	TEST_CASE(a_number_that_is_being_given_back_is_passed_over),
	TEST_CASE(nothing_is_destroyed_while_a_process_attaches),
	TEST_CASE(who_looks_whether_there_is_fastmem_does_not_keep_it),
	TEST_CASE(nothing_is_destroyed_while_a_process_leaves),
	TEST_CASE(processes_come_and_go_while_the_primary_does),
	TEST_CASE(another_process_of_the_same_number_and_pid_is_not_the_creator),
	TEST_CASES_END
};

const struct test_suite suite_alive = {
	.name = "alive",
	.about = "who lives, who attaches and who leaves",
	.setup = alive_up,
	.teardown = alive_down,
	.rescue = alive_end,
	.cases = cases,
	.with_secondaries = true,
};
