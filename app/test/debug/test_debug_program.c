/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program that is wrong in the way that its argument says: test_debug.sh looks at how it
 * ends, and what it leaves in print.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_fastmem_debug.h>

__rte_noinline static void *
lose_some(unsigned int n)
{
	void *obj = NULL;

	while (n-- > 0)
		obj = rte_fastmem_alloc(1234, 0, 0);
	return obj;
}

static void
overflow(void)
{
	char *obj = rte_fastmem_alloc(100, 0, 0);

	if (obj == NULL)
		exit(3);
	/* Not for the compiler to see. */
	__asm__ volatile("" : "+r"(obj));
	obj[100] = 1;
	rte_fastmem_free(obj);
}

static void
double_free(void)
{
	void *obj = rte_fastmem_alloc(100, 0, 0), *same = obj;

	__asm__ volatile("" : "+r"(same));
	rte_fastmem_free(obj);
	rte_fastmem_free(same);
}

/* Of a fastmem that has ended. */
static void
free_late(void)
{
	void *obj = rte_fastmem_alloc(100, 0, 0);

	rte_fastmem_deinit();
	rte_fastmem_free(obj);
}

/* Noticed when the cache goes back. */
static void
free_inside(void)
{
	char *obj = rte_fastmem_alloc(256, 0, 0);

	__asm__ volatile("" : "+r"(obj));
	rte_fastmem_free(obj + 64);
	rte_fastmem_cache_flush();
}

static void
child_exits(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		exit(0);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		exit(3);
}

static int
init(const char *what)
{
	const struct rte_fastmem_conf light = { .debug = RTE_FASTMEM_DEBUG_LIGHT };
	const struct rte_fastmem_conf full = {
		.debug = RTE_FASTMEM_DEBUG_FULL, .keep_running = true,
	};
	const struct rte_fastmem_conf deep = { .debug = RTE_FASTMEM_DEBUG_FULL, .depth = 17 };
	const struct rte_fastmem_conf unknown = { .debug = RTE_FASTMEM_DEBUG_SAMPLE + 1 };

	if (strcmp(what, "conf_light") == 0)
		return rte_fastmem_init_conf(&light);
	if (strcmp(what, "conf_full_double_free") == 0)
		return rte_fastmem_init_conf(&full);
	if (strcmp(what, "conf_deep") == 0)
		return rte_fastmem_init_conf(&deep);
	if (strcmp(what, "conf_unknown") == 0)
		return rte_fastmem_init_conf(&unknown);
	return rte_fastmem_init();
}

int
main(int argc, char **argv)
{
	const char *what = argv[argc - 1];
	int ret;

	if (rte_eal_init(argc, argv) < 0)
		return 2;
	ret = init(what);
	printf("init %d level %d\n", ret, rte_fastmem_debug_level());
	fflush(stdout);
	if (strcmp(what, "overflow") == 0)
		overflow();
	else if (strstr(what, "double_free") != NULL)
		double_free();
	else if (strcmp(what, "free_late") == 0)
		free_late();
	else if (strcmp(what, "free_inside") == 0)
		free_inside();
	else if (strncmp(what, "lose", 4) == 0 && lose_some(7) == NULL)
		return 3;
	if (strcmp(what, "lose_and_fork") == 0)
		child_exits();
	else if (strcmp(what, "lose_and_deinit") == 0 || strcmp(what, "init_again") == 0)
		rte_fastmem_deinit();
	else if (strcmp(what, "lose_and_clean_up") == 0)
		rte_eal_cleanup();
	else if (strcmp(what, "lose_and_leave") == 0)
		_exit(0);
	if (strcmp(what, "init_again") == 0 && rte_fastmem_init() != 0)
		return 3;
	printf("the end\n");
	return 0;
}
