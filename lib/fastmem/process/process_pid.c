/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Whether a process lives, by its pid: the second proof, see process_alive.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fastmem_private.h"

struct pid_stat {
	char state;
	int64_t n_threads;
	uint64_t start;
};

/* The PID namespace of this process, if /proc shows it; else 0. */
static uint64_t
pid_namespace(void)
{
	char self[32];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	struct stat st;

	if (n <= 0)
		return 0;
	self[n] = '\0';
	return atoi(self) == getpid() && stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* Returns 0 or a negative errno. */
static int
pid_read(uint32_t pid, struct pid_stat *out)
{
	char path[64], line[1024], *after;
	ssize_t n;
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, line, sizeof(line) - 1);
	ret = n < 0 ? -errno : -ESRCH;
	close(fd);
	if (n <= 0)
		return ret;
	line[n] = '\0';
	/* The name of the program, field 2, may have spaces and parentheses. */
	after = strrchr(line, ')');
	if (after == NULL || sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u "
			"%*u %*d %*d %*d %*d %" SCNd64 " %*d %" SCNu64, &out->state, &out->n_threads,
			&out->start) != 3)
		return -EINVAL;
	return 0;
}

/* Whether a process maps the file. One that has executed another program does not. */
static bool
maps_the_file(uint32_t pid)
{
	char path[64], line[PATH_MAX + 128];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
	maps = fopen(path, "re");
	if (maps == NULL)
		return errno != ENOENT && errno != ESRCH;
	while (!found && fgets(line, sizeof(line), maps) != NULL)
		found = strstr(line, "/" FASTMEM_PEERS_FILE) != NULL;
	if (ferror(maps) && errno != ESRCH)
		found = true;
	fclose(maps);
	return found;
}

/* Whether the pid still belongs to the process that was recorded. */
bool
fastmem_alive_pid(const struct fastmem_peer *process)
{
	struct pid_stat now = { 0 };

	if (pid_read(process->pid, &now) != 0) /* /proc may hide the processes of others */
		return kill(process->pid, 0) == 0 || errno != ESRCH;
	if (now.start != process->start)
		return false;
	/* A main thread that has ended is a zombie as well, while others go on. */
	return (now.state != 'Z' && now.state != 'X') || now.n_threads > 1;
}

bool
fastmem_alive_has_pid(const struct fastmem_peer *peer)
{
	if (peer->pid_ns == 0 || peer->pid_ns != pid_namespace())
		return false; /* of which nothing can be seen from here */
	if (!fastmem_alive_pid(peer))
		return false;
	/* This process knows its own number: another one was of a program before exec. */
	return peer->pid != (uint32_t)getpid() && maps_the_file(peer->pid);
}

/* Enter the calling process. */
void
fastmem_alive_describe(struct fastmem_peer *peer)
{
	struct pid_stat self = { 0 };

	peer->pid = getpid();
	peer->pid_ns = pid_namespace();
	if (peer->pid_ns != 0 && pid_read(peer->pid, &self) != 0)
		peer->pid_ns = 0;
	peer->start = self.start;
}
