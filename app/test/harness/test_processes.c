/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Secondary processes: how they are started, asked, stopped and killed.
 *
 * A secondary is this program with EAL options of its own and, after "--", the
 * hidden option --secondary FD. It then serves requests from the socket FD until
 * its end is closed, or it is told to stop. Function pointers do not mean the
 * same in two processes, so functions travel as places in remote_functions.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "test_fastmem.h"
#include "test_processes.h"

#define MAX_PROCESSES 72
#define FIRST_LCORE 32 /* ids of the primary's own lcores are below */
#define STOP UINT32_MAX
#define CHILD_FD 3 /* PROCESS_SOCKET */

struct fastmem_request {
	uint32_t suite, function;
	uint64_t args[PROCESS_ARGS];
};

struct reply {
	int64_t result;
};

extern char **environ;

static char *eal_args[16]; /* what a secondary must have in common with this process */
static unsigned int n_eal_args;
static char lcores[1024]; /* "@(...)": the CPUs that this process may use */
static struct process running[MAX_PROCESSES]; /* by slot */

static void
remember_cpus(void)
{
	size_t used = snprintf(lcores, sizeof(lcores), "@(");
	unsigned int cpu;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (cpu = 0; cpu < CPU_SETSIZE && used < sizeof(lcores) - 8; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			used += snprintf(lcores + used, sizeof(lcores) - used, "%s%u",
				lcores[used - 1] == '(' ? "" : ",", cpu);
	snprintf(lcores + used, sizeof(lcores) - used, ")");
}

/* EAL reorders its arguments: this comes before it. */
void
processes_remember(int argc, char **argv)
{
	static const char *const kept[] = { "--file-prefix", "--iova-mode", "--huge-dir",
		"--base-virtaddr" };
	unsigned int k;
	int i;

	remember_cpus();
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		for (k = 0; k < RTE_DIM(kept); k++) {
			size_t len = strlen(kept[k]);

			if (strncmp(argv[i], kept[k], len) != 0 ||
					n_eal_args + 2 > RTE_DIM(eal_args))
				continue;
			if (argv[i][len] == '=')
				eal_args[n_eal_args++] = argv[i];
			else if (argv[i][len] == '\0' && i + 1 < argc) {
				eal_args[n_eal_args++] = argv[i];
				eal_args[n_eal_args++] = argv[++i];
			}
		}
	}
}

bool
process_wait_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ret;

	do
		ret = poll(&p, 1, timeout_ms);
	while (ret < 0 && errno == EINTR);
	return ret == 1;
}

/* The side of the secondary. */

bool
process_is_secondary(int argc, char **argv)
{
	return argc == 2 && strcmp(argv[0], "--secondary") == 0;
}

int
process_serve(int argc, char **argv)
{
	struct fastmem_request request;
	struct reply reply = { 0 };
	int fd = atoi(argv[argc - 1]);

	/* Whatever happens to the primary, this one must not stay. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do {
		/* The first one says that EAL is up. */
		if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			return 1;
		if (recv(fd, &request, sizeof(request), 0) != sizeof(request))
			return 1;
		if (request.suite != STOP)
			reply.result = remote_functions[request.suite][request.function](
					request.args);
	} while (request.suite != STOP);
	return 0;
}

/* The side of the primary. */

static pid_t
spawn(unsigned int slot, int fd)
{
	posix_spawn_file_actions_t actions;
	char number[16], lcore[1024 + 16];
	char *args[RTE_DIM(eal_args) + 12];
	unsigned int n = 0, i;
	pid_t pid;
	int ret;

	snprintf(number, sizeof(number), "%s", PROCESS_SOCKET);
	snprintf(lcore, sizeof(lcore), "--lcores=%u%s", FIRST_LCORE + slot, lcores);
	args[n++] = program_invocation_name;
	args[n++] = (char *)(uintptr_t)"--proc-type=secondary";
	args[n++] = (char *)(uintptr_t)"--no-pci";
	args[n++] = (char *)(uintptr_t)"--no-telemetry";
	args[n++] = (char *)(uintptr_t)"--log-level=lib.eal:error";
	args[n++] = lcore;
	for (i = 0; i < n_eal_args; i++)
		args[n++] = eal_args[i];
	args[n++] = (char *)(uintptr_t)"--";
	args[n++] = (char *)(uintptr_t)"--secondary";
	args[n++] = number;
	args[n] = NULL;
	/*
	 * Of all other files: while EAL adds memory in another thread, it has a lock on
	 * a file, which stays locked for as long as a child has that open as well.
	 */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
	posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + 1);
	ret = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	return ret == 0 ? pid : -1;
}

static int
process_gone(struct process *p)
{
	int status = -1;

	close(p->fd);
	/* SIGKILL, or the end of what it waits for, has been sent: this does not take long. */
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	running[p->slot].pid = 0;
	p->pid = 0;
	return status;
}

int
process_start(struct process *p)
{
	int ends[2];

	for (p->slot = 0; p->slot < MAX_PROCESSES && running[p->slot].pid != 0;
			p->slot++)
		;
	TEST_ASSERT(p->slot < MAX_PROCESSES);
	TEST_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	p->pid = spawn(p->slot, ends[1]);
	close(ends[1]);
	p->fd = ends[0];
	TEST_ASSERT(p->pid > 0, "%s", strerror(errno));
	running[p->slot] = *p;
	TEST_ASSERT_EQUAL(process_receive(p), 0, "secondary %u did not start", p->slot);
	return TEST_SUCCESS;
}

static bool
find_function(struct fastmem_request *request, remote_t function)
{
	for (request->suite = 0; remote_functions[request->suite] != NULL; request->suite++) {
		const remote_t *functions = remote_functions[request->suite];

		for (request->function = 0; functions[request->function] != NULL;
				request->function++)
			if (functions[request->function] == function)
				return true;
	}
	return false;
}

int
process_send(struct process *p, remote_t function, const uint64_t *args)
{
	struct fastmem_request request = { 0 };

	TEST_ASSERT(find_function(&request, function), "not in remote_functions");
	memcpy(request.args, args, sizeof(request.args));
	TEST_ASSERT_EQUAL(send(p->fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request),
		"process %d", p->pid);
	return TEST_SUCCESS;
}

static void
print_stacks(const struct process *p)
{
	char command[256];

	snprintf(command, sizeof(command), "for p in %d %d; do timeout 60 gdb -batch "
		"-ex 'set pagination off' -ex 'thread apply all backtrace 20' -p $p; done >&2",
		p->pid, getpid());
	if (system(command) != 0)
		fprintf(stderr, "no stacks of processes %d and %d\n", p->pid, getpid());
}

void
process_tell(const struct process *p, bool ended)
{
	siginfo_t info = { 0 };

	/* Its end of the socket may be closed a little before it is gone. */
	waitid(P_PID, p->pid, &info, WEXITED | WNOWAIT | (ended ? 0 : WNOHANG));
	fprintf(stderr, "process %d does not answer: %s %d\n", p->pid,
		info.si_pid == 0 ? "it runs" : info.si_code == CLD_EXITED ? "exit status" :
		"signal", info.si_status);
	if (info.si_pid == 0)
		print_stacks(p);
}

int64_t
process_receive(struct process *p)
{
	bool readable = process_wait_readable(p->fd, PROCESS_PATIENCE_MS);
	struct reply reply;

	if (readable && recv(p->fd, &reply, sizeof(reply), 0) == sizeof(reply))
		return reply.result;
	process_tell(p, readable);
	return REMOTE_FAILED;
}

int64_t
process_call(struct process *p, remote_t function, const uint64_t *args)
{
	return process_send(p, function, args) == TEST_SUCCESS ? process_receive(p) :
		REMOTE_FAILED;
}

int
process_stop(struct process *p)
{
	struct fastmem_request stop = { .suite = STOP };
	pid_t pid = p->pid;
	int status;
	char end;

	TEST_ASSERT_EQUAL(send(p->fd, &stop, sizeof(stop), MSG_NOSIGNAL), sizeof(stop));
	/* Its end of the socket is closed when it has ended. */
	if (!process_wait_readable(p->fd, PROCESS_PATIENCE_MS) ||
			recv(p->fd, &end, sizeof(end), 0) > 0)
		kill(pid, SIGKILL);
	status = process_gone(p);
	TEST_ASSERT_EQUAL(status, 0, "status of process %d: exit %d, signal %d", pid,
		WEXITSTATUS(status), WTERMSIG(status));
	return TEST_SUCCESS;
}

int
process_kill(struct process *p)
{
	int status;

	TEST_ASSERT_EQUAL(kill(p->pid, SIGKILL), 0);
	status = process_gone(p);
	TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
	return TEST_SUCCESS;
}

void
processes_rescue(void)
{
	unsigned int i;

	for (i = 0; i < MAX_PROCESSES; i++) {
		if (running[i].pid == 0)
			continue;
		kill(running[i].pid, SIGKILL);
		process_gone(&running[i]);
	}
}
