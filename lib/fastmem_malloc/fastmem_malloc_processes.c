/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Other processes that do not have this library.
 *
 * A secondary process without it takes any object for EAL's heap's: if it frees one of fastmem's,
 * EAL reads a header that is not there. It cannot know better, so the primary looks out for it:
 * a process that takes part in EAL's multi-process support has a socket in the runtime directory
 * that is named after its process id. The kernel tells EAL's interrupt thread when one is made.
 *
 * A process is in order if it has this library, as its memory map tells, or has attached to
 * fastmem, as one does that is built with rte_fastmem_replace.h. That may take it a while.
 *
 * All but the first function runs in the interrupt thread, and owns what is here.
 */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>

#include "fastmem_malloc.h"

#define LIBRARY "librte_fastmem_malloc.so"
#define SOCKET "mp_socket_" /* %d_%x: process id, time */
#define PATIENCE_MS 3000 /* from the socket to the first call of fastmem */
#define LOOK_AGAIN_US 100000

/* A process whose socket was seen. */
struct process {
	struct process *next;
	char socket[64]; /* its name */
	char name[64]; /* of the program */
	int pid;
	bool judged;
	bool seen; /* in this look */
	uint64_t deadline; /* cycles of the timer */
};

static struct process *processes;
static int watch_fd = -1;

/* Whether a line of a file of /proc holds a text. False also if it cannot be read. */
static bool
file_has(int pid, const char *file, const char *text)
{
	char path[64], *line = NULL;
	size_t room = 0;
	bool has = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	while (!has && getline(&line, &room, f) > 0)
		has = strstr(line, text) != NULL;
	free(line);
	fclose(f);
	return has;
}

static void
name_of(int pid, char *name, size_t room)
{
	char path[64];
	FILE *f;

	snprintf(name, room, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	if (fgets(name, room, f) != NULL)
		name[strcspn(name, "\n")] = '\0';
	fclose(f);
}

static bool
has_attached(int pid)
{
	static struct rte_fastmem_process list[64];
	unsigned int i, n = rte_fastmem_processes(list, RTE_DIM(list));

	for (i = 0; i < RTE_MIN(n, RTE_DIM(list)); i++)
		if (list[i].pid == (uint32_t)pid && list[i].alive)
			return true;
	return false;
}

static bool
is_alive(int pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

/* Judge it if that is possible; if it is the last occasion, it is. */
static void
judge(struct process *p, bool last)
{
	if (p->judged)
		return;
	if (file_has(p->pid, "maps", LIBRARY) || has_attached(p->pid)) {
		p->judged = true;
	} else if (last || !is_alive(p->pid) || rte_get_timer_cycles() > p->deadline) {
		p->judged = true;
		MALLOC_LOG(WARNING, "secondary process %d (%s) has no " LIBRARY ": it must not free "
			"or reallocate what rte_malloc() has given to other processes. Preload the "
			"library there as well", p->pid, p->name);
	}
}

/* A process that has just come; what is left of one that was killed is of no interest. */
static struct process *
make(const char *socket)
{
	int pid = atoi(socket + strlen(SOCKET));
	struct process *p;

	if (strlen(socket) >= sizeof(p->socket) || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	strcpy(p->socket, socket);
	p->pid = pid;
	p->judged = !is_alive(pid);
	p->deadline = rte_get_timer_cycles() + PATIENCE_MS * rte_get_timer_hz() / 1000;
	name_of(pid, p->name, sizeof(p->name));
	p->next = processes;
	processes = p;
	return p;
}

static void
enter(const char *socket)
{
	struct process *p = processes;

	while (p != NULL && strcmp(p->socket, socket) != 0)
		p = p->next;
	if (p == NULL)
		p = make(socket);
	if (p != NULL)
		p->seen = true;
}

static void
forget_unseen(void)
{
	struct process **link = &processes, *p;

	while ((p = *link) != NULL) {
		if (p->seen) {
			link = &p->next;
			continue;
		}
		judge(p, true);
		*link = p->next;
		free(p);
	}
}

/* Enter those whose sockets are there, forget others. */
static void
read_sockets(void)
{
	DIR *dir = opendir(rte_eal_get_runtime_dir());
	struct dirent *entry;
	struct process *p;

	if (dir == NULL)
		return;
	for (p = processes; p != NULL; p = p->next)
		p->seen = false;
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, SOCKET, strlen(SOCKET)) == 0)
			enter(entry->d_name);
	closedir(dir);
	forget_unseen();
}

static void
look(void *arg __rte_unused)
{
	struct process *p;
	bool again = false;

	if (fastmem_malloc_stage() != STAGE_SERVE)
		return;
	read_sockets();
	for (p = processes; p != NULL; p = p->next) {
		judge(p, false);
		again = again || !p->judged;
	}
	if (again && rte_eal_alarm_set(LOOK_AGAIN_US, look, NULL) != 0)
		MALLOC_LOG(DEBUG, "no alarm: %s", strerror(errno));
}

/* The directory has changed; how, a look will tell. */
static void
changed(void *arg __rte_unused)
{
	char events[4096];

	while (read(watch_fd, events, sizeof(events)) > 0)
		;
	rte_eal_alarm_cancel(look, NULL);
	look(NULL);
}

/* Returns 0 or a negative errno. */
static int
listen_to(int fd)
{
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	int ret;

	if (handle == NULL)
		return -ENOMEM;
	if (rte_intr_fd_set(handle, fd) != 0 ||
			rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT) != 0)
		ret = -rte_errno;
	else
		ret = rte_intr_callback_register(handle, changed, NULL);
	/* EAL has made a copy. */
	rte_intr_instance_free(handle);
	return ret;
}

static int
ignore(const struct rte_mp_msg *msg, const void *peer)
{
	RTE_SET_USED(msg);
	RTE_SET_USED(peer);
	return 0;
}

/*
 * Whether others can take part: not with --no-shconf or --in-memory. Then the directory may even
 * be that of another primary, with the same --file-prefix.
 */
static bool
is_shared(void)
{
	if (rte_mp_action_register("fastmem_malloc", ignore) != 0)
		return false;
	rte_mp_action_unregister("fastmem_malloc");
	return true;
}

/* Of a primary process, once. */
void
fastmem_malloc_watch(void)
{
	int ret = 0;

	if (!is_shared())
		return;
	watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch_fd < 0 || inotify_add_watch(watch_fd, rte_eal_get_runtime_dir(),
			IN_CREATE | IN_DELETE) < 0)
		ret = -errno;
	if (ret == 0)
		ret = listen_to(watch_fd);
	if (ret == 0)
		return;
	MALLOC_LOG(DEBUG, "processes without " LIBRARY " will not be told of: %s", strerror(-ret));
	if (watch_fd >= 0)
		close(watch_fd);
	watch_fd = -1;
}
