/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that measure beside this one: this program again, with a hidden option.
 *
 * EAL registers no thread where there was a secondary process, and takes no secondary where there
 * was a registered thread. So the registered thread lives in a process of its own, which is a
 * primary one that shares nothing.
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "perf.h"
#include "seat.h"

#define PEER_FD 3 /* of a peer's end of the socket */
#define EXIT_TIMEOUT_MS 10000

extern char **environ;

static const char *const role_names[PEER_N_ROLES] = {
	[PEER_SECONDARY] = "secondary",
	[PEER_REGISTERED] = "registered",
};

static bool
is_open_here(const char *path)
{
	DIR *fds = opendir("/proc/self/fd");
	struct stat wanted, other;
	struct dirent *entry;
	bool found = false;

	if (fds == NULL)
		return false;
	if (stat(path, &wanted) == 0)
		while (!found && (entry = readdir(fds)) != NULL)
			found = fstatat(dirfd(fds), entry->d_name, &other, 0) == 0 &&
				other.st_dev == wanted.st_dev && other.st_ino == wanted.st_ino;
	closedir(fds);
	return found;
}

/*
 * EAL does not tell its options. What it shares with secondary processes, it shares through a file
 * that it keeps open and locked; where it shares nothing, one may lie there from an earlier run.
 * To open and close it here would unlock it.
 */
const char *
peer_no_secondary(void)
{
	char path[PATH_MAX];

	if (!rte_eal_has_hugepages())
		return "not possible here: no huge pages (--no-huge)";
	snprintf(path, sizeof(path), "%s/config", rte_eal_get_runtime_dir());
	if (!is_open_here(path))
		return "not possible here: EAL shares nothing (--in-memory, --no-shconf)";
	return NULL;
}

/*
 * Where EAL of a peer keeps its files. A secondary shares those of this process. A process that
 * shares nothing gets a folder nevertheless, which must be another one.
 */
static const char *
runtime_dir(enum peer_role role, char *path)
{
	snprintf(path, PATH_MAX, "%s%s", rte_eal_get_runtime_dir(),
		role == PEER_SECONDARY ? "" : "-registered");
	return path;
}

static const char *
file_prefix(const char *runtime_dir)
{
	const char *slash = strrchr(runtime_dir, '/');

	return slash != NULL ? slash + 1 : runtime_dir;
}

#define MAX_ARGS 24

static void
make_args(enum peer_role role, const char *prefix, const char *lcores, const char **args)
{
	unsigned int n = 0;

	args[n++] = "dpdk-fastmem-perf";
	args[n++] = "--no-pci";
	args[n++] = "--no-telemetry";
	args[n++] = "--log-level=error";
	args[n++] = "--lcores";
	args[n++] = lcores;
	args[n++] = "--file-prefix";
	args[n++] = prefix;
	if (role == PEER_SECONDARY) {
		args[n++] = "--proc-type=secondary";
	} else if (rte_eal_has_hugepages()) {
		args[n++] = "--in-memory";
		args[n++] = rte_eal_iova_mode() == RTE_IOVA_PA ? "--iova-mode=pa" :
			"--iova-mode=va";
	} else {
		args[n++] = "--no-shconf";
		args[n++] = "--no-huge";
		args[n++] = "-m";
		args[n++] = "128";
	}
	args[n++] = "--";
	args[n++] = "--peer";
	args[n++] = role_names[role];
	args[n] = NULL;
}

/* Standard output is for the results, so what a peer writes goes to standard error. */
static int
spawn(struct peer *peer, int far_end, unsigned int cpu)
{
	char lcores[32], dir[PATH_MAX];
	posix_spawn_file_actions_t actions;
	const char *args[MAX_ARGS];
	int ret;

	snprintf(lcores, sizeof(lcores), "0@%u", cpu);
	make_args(peer->role, file_prefix(runtime_dir(peer->role, dir)), lcores, args);
	ret = posix_spawn_file_actions_init(&actions);
	if (ret != 0)
		return -ret;
	ret = posix_spawn_file_actions_adddup2(&actions, far_end, PEER_FD);
	if (ret == 0)
		ret = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (ret == 0)
		ret = posix_spawn(&peer->pid, "/proc/self/exe", &actions, NULL,
				(char *const *)(uintptr_t)args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret != 0)
		peer->pid = 0;
	return -ret;
}

/* Its process ends with the socket; should it not, it is killed. */
static int
reap(struct peer *peer)
{
	struct pollfd end = { .fd = peer->fd, .events = POLLIN };
	char dir[PATH_MAX];
	int status = 0, n;

	shutdown(peer->fd, SHUT_WR);
	do {
		n = poll(&end, 1, EXIT_TIMEOUT_MS);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		kill(peer->pid, SIGKILL);
	while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(peer->fd);
	peer->pid = 0;
	if (peer->role != PEER_SECONDARY)
		rmdir(runtime_dir(peer->role, dir)); /* EAL leaves it */
	return status;
}

/* Say why, once it is known that a peer cannot go on. */
static void
give_up(struct peer *peer, int error)
{
	int status;

	if (error == -ETIMEDOUT)
		kill(peer->pid, SIGKILL);
	status = reap(peer);
	if (error == -ETIMEDOUT)
		snprintf(peer->why, sizeof(peer->why), "its process gave no answer");
	else if (error != -EPIPE)
		snprintf(peer->why, sizeof(peer->why), "its process failed: %s", strerror(-error));
	else if (WIFSIGNALED(status))
		snprintf(peer->why, sizeof(peer->why), "its process was ended by signal %d",
			WTERMSIG(status));
	else
		snprintf(peer->why, sizeof(peer->why), "its process ended with exit status %d",
			WEXITSTATUS(status));
}

int
peer_start(struct peer *peer, enum peer_role role, unsigned int cpu)
{
	struct seat_answer ready;
	int ends[2], ret;

	memset(peer, 0, sizeof(*peer));
	peer->role = role;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		snprintf(peer->why, sizeof(peer->why), "no socket: %s", strerror(errno));
		return -errno;
	}
	peer->fd = ends[0];
	ret = spawn(peer, ends[1], cpu);
	close(ends[1]);
	if (ret != 0) {
		close(peer->fd);
		snprintf(peer->why, sizeof(peer->why), "no process: %s", strerror(-ret));
		return ret;
	}
	ret = seat_await(peer->fd, &ready);
	if (ret == 0)
		ret = ready.error;
	if (ret != 0)
		give_up(peer, ret);
	return ret;
}

int
peer_ask(struct peer *peer, const struct seat_request *req, struct seat_answer *answer)
{
	int ret = seat_ask(peer->fd, req, answer);

	if (ret != 0)
		give_up(peer, ret);
	return ret;
}

void
peer_stop(struct peer *peer)
{
	int status;

	if (peer->pid == 0)
		return;
	status = reap(peer);
	if (status != 0)
		snprintf(peer->why, sizeof(peer->why), "its process ended badly, with status %#x",
			(unsigned int)status);
}

/*
 * The peer's side.
 */

static struct instance instances[PERF_N_ALLOCATORS];

static int
tell_ready(int fd, int error)
{
	const struct seat_answer answer = { .error = error };

	return seat_answer_send(fd, &answer);
}

static void *
serve_registered(void *arg)
{
	int fd = *(int *)arg;

	if (rte_thread_register() != 0) {
		tell_ready(fd, -rte_errno);
		return NULL;
	}
	if (tell_ready(fd, 0) == 0)
		seat_serve(fd, instances);
	rte_thread_unregister();
	return NULL;
}

static int
be_registered(int fd)
{
	pthread_t thread;
	int ret;

	/* Where it does not start, each of its calls says so. */
	perf_fastmem_start(PERF_FASTMEM_ALLOCATORS);
	ret = pthread_create(&thread, NULL, serve_registered, &fd);
	if (ret != 0)
		return tell_ready(fd, -ret);
	pthread_join(thread, NULL);
	perf_fastmem_stop();
	return 0;
}

static int
be_secondary(int fd)
{
	int ret = tell_ready(fd, 0);

	if (ret == 0)
		seat_serve(fd, instances);
	perf_fastmem_stop();
	return ret;
}

int
peer_main(const char *role)
{
	int ret;

	if (strcmp(role, role_names[PEER_SECONDARY]) == 0)
		ret = be_secondary(PEER_FD);
	else if (strcmp(role, role_names[PEER_REGISTERED]) == 0)
		ret = be_registered(PEER_FD);
	else
		ret = -EINVAL;
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
