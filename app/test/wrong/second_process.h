/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef SECOND_PROCESS_H
#define SECOND_PROCESS_H

/*
 * For programs whose error takes two processes: the program again, as a secondary process,
 * which finds the object that the primary shows it.
 */

#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_memzone.h>

#define MAX_ARGS 64

static char *second_args[MAX_ARGS + 2];

/* EAL reorders its arguments: this comes before it. */
static inline void
second_process_remember(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc && i < MAX_ARGS; i++)
		second_args[i] = argv[i];
	second_args[i] = strdup("--proc-type=secondary");
}

/* Where the primary puts the address of an object, for the other to find it. */
static inline void **
shown_object(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup("shown_object");

	if (mz == NULL)
		mz = rte_memzone_reserve("shown_object", sizeof(void *), SOCKET_ID_ANY, 0);
	if (mz == NULL)
		exit(2);
	return mz->addr;
}

/* Run it to its end. Exits with 1 if it was stopped, with 2 if it does not start. */
static inline void
second_process_run(void *object)
{
	extern char **environ;
	char path[PATH_MAX] = "";
	int status;
	pid_t pid;

	*shown_object() = object;
	/* Valgrind has a program of its own behind the link, and only reads it for us. */
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0 ||
			posix_spawn(&pid, path, NULL, NULL, second_args, environ) != 0 ||
			waitpid(pid, &status, 0) != pid)
		exit(2);
	if (status != 0)
		exit(WIFEXITED(status) && WEXITSTATUS(status) == 2 ? 2 : 1);
}

#endif /* SECOND_PROCESS_H */
