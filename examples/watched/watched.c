/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program with two faults, for the chapter "Watching fastmem", which finds them from outside:
 *
 * - A session that is refused is never freed, and of a thousand one is.
 * - The pool of timers is sized for half of what a burst takes.
 *
 * With --fixed it has neither. It runs until its standard input ends.
 */

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>

#define SESSIONS 1000 /* in a round */
#define BURST 128 /* timers that are running at once */

struct session {
	uint32_t id;
	char state[300];
};

struct timer {
	uint64_t due;
	uint32_t session;
};

static bool fixed;

static struct session *
session_begin(uint32_t id)
{
	struct session *s = rte_fastmem_alloc(sizeof(*s), 0, RTE_FASTMEM_F_ZERO);

	if (s == NULL)
		rte_exit(EXIT_FAILURE, "no memory for a session\n");
	s->id = id;
	return s;
}

/* Returns false if the session is refused. */
static bool
session_serve(struct session *s)
{
	if (s->id % SESSIONS == 0)
		return false;
	s->state[0] = 1;
	return true;
}

static void
session_handle(uint32_t id)
{
	struct session *s = session_begin(id);

	if (!session_serve(s) && !fixed)
		return; /* and the session is lost */
	rte_fastmem_free(s);
}

/* Timers of a burst; those that there is no object for, are late, which nobody tells. */
static void
timers_run(struct rte_fastmem_pool *pool)
{
	struct timer *timers[BURST];
	unsigned int i, n = 0;

	for (i = 0; i < BURST; i++) {
		timers[n] = rte_fastmem_pool_get(pool);
		if (timers[n] != NULL)
			timers[n++]->session = i;
	}
	for (i = 0; i < n; i++)
		rte_fastmem_pool_put(pool, timers[i]);
}

static bool
input_ends(int timeout_ms)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char text[64];

	return poll(&input, 1, timeout_ms) > 0 && fgets(text, sizeof(text), stdin) == NULL;
}

int
main(int argc, char **argv)
{
	struct rte_fastmem_pool_params params = {
		.name = "timers", .size = sizeof(struct timer), .socket_id = SOCKET_ID_ANY,
		.max = BURST / 2,
	};
	struct rte_fastmem_pool *pool;
	uint32_t id = 0;
	int used;

	used = rte_eal_init(argc, argv);
	if (used < 0 || rte_fastmem_init() < 0)
		rte_exit(EXIT_FAILURE, "EAL or fastmem does not start\n");
	fixed = argc - used > 1 && strcmp(argv[used + 1], "--fixed") == 0;
	if (fixed)
		params.max = BURST;
	pool = rte_fastmem_pool_create(&params);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for timers\n");
	printf("%d %s\n", (int)getpid(), rte_eal_get_runtime_dir());
	fflush(stdout);
	do {
		uint32_t end = id + SESSIONS;

		while (id < end)
			session_handle(id++);
		timers_run(pool);
	} while (!input_ends(1));
	rte_fastmem_pool_free(pool);
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
