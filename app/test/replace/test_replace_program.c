/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program for rte_mempool and rte_malloc that knows nothing of fastmem. test_replace.sh has
 * it compiled as it is, and with rte_fastmem_replace.h, and compares what the two print.
 *
 * On stderr it tells how many of its objects are fastmem's.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#if defined(RTE_FASTMEM_REPLACE_MEMPOOL) || defined(RTE_FASTMEM_REPLACE_MALLOC)
#include <rte_fastmem.h>
#endif

#include "full_drivers.h"
#include "test_replace_program.h"

static unsigned int n_seen, n_fastmem;

void
seen(const void *obj)
{
	n_seen++;
#if defined(RTE_FASTMEM_REPLACE_MEMPOOL) || defined(RTE_FASTMEM_REPLACE_MALLOC)
	n_fastmem += rte_fastmem_contains(obj);
#else
	RTE_SET_USED(obj);
#endif
}

/* Run this program as a secondary process, to its end. args: a copy of what EAL was given. */
static void
run_secondary(int argc, char **args)
{
	static char secondary[] = "--proc-type=secondary";
	int status = -1;
	pid_t pid;

	fflush(stdout);
	args[argc] = secondary;
	pid = fork();
	if (pid == 0) {
		execv("/proc/self/exe", args);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		rte_exit(EXIT_FAILURE, "the secondary process failed: status %#x\n", status);
}

/* What another process sees of a mempool, and leaves of it. */
static void
share_mempool(int argc, char **args)
{
	struct rte_mempool *mp = rte_mempool_create("shared", 100, 64, 0, 32, NULL, NULL, NULL,
		NULL, SOCKET_ID_ANY, 0);

	if (mp == NULL)
		rte_exit(EXIT_FAILURE, "no mempool to share: %s\n", rte_strerror(rte_errno));
	snprintf(rte_mempool_get_priv(mp), 32, "written by the primary");
	run_secondary(argc, args);
	printf("after the secondary: %u to be had\n", rte_mempool_avail_count(mp));
	rte_mempool_free(mp);
}

int
main(int argc, char **argv)
{
	char **args = calloc(argc + 2, sizeof(*args));

	/* EAL changes the order of its arguments. */
	memcpy(args, argv, argc * sizeof(*args));
	full_drivers();
	if (rte_eal_init(argc, argv) < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start: %s\n", rte_strerror(rte_errno));
	if (rte_eal_process_type() == RTE_PROC_SECONDARY) {
		look_from_secondary();
	} else {
		use_mempools();
		populate_mempools();
		use_malloc();
		/* EAL shares only huge pages with other processes. */
		if (rte_eal_has_hugepages() != 0)
			share_mempool(argc, args);
		fprintf(stderr, "objects of fastmem: %u of %u\n", n_fastmem, n_seen);
	}
	rte_eal_cleanup();
	free(args);
	return 0;
}
