/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * For test_debug_library.py: begins fastmem as its argument says, and tells what has become of it.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_debug.h>

/* Whether a file of that name is mapped. */
static bool
is_mapped(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	bool found = false;

	while (maps != NULL && !found && fgets(line, sizeof(line), maps) != NULL)
		found = strstr(line, name) != NULL;
	if (maps != NULL)
		fclose(maps);
	return found;
}

/* Loads a plug-in, whose constructor writes to a pipe, waits for this thread's, and begins fastmem. */
static void *
load(void *path)
{
	return dlopen(path, RTLD_NOW);
}

static int
begin_beside_a_plugin(char *path)
{
	char tid[16], fd[16], byte;
	void *plugin = NULL;
	pthread_t id;
	int ends[2], ret;

	if (pipe(ends) != 0)
		return 1;
	snprintf(tid, sizeof(tid), "%d", (int)gettid());
	snprintf(fd, sizeof(fd), "%d", ends[1]);
	setenv("WAIT_FOR_TID", tid, 1);
	setenv("WRITE_TO_FD", fd, 1);
	if (pthread_create(&id, NULL, load, path) != 0 || read(ends[0], &byte, 1) != 1)
		return 1;
	ret = rte_fastmem_init();
	pthread_join(id, &plugin);
	printf("plugin: %s\ninit: %d\n", plugin != NULL ? "loaded" : dlerror(), ret);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct rte_fastmem_conf full = { .debug = RTE_FASTMEM_DEBUG_FULL, .keep_running = true };
	int n = rte_eal_init(argc, argv);
	const char *how = n >= 0 && n + 1 < argc ? argv[n + 1] : "";
	char *obj;
	int ret;

	if (n < 0)
		return 2;
	if (strcmp(how, "plugin") == 0)
		return begin_beside_a_plugin(argv[n + 2]);
	ret = strcmp(how, "conf") == 0 ? rte_fastmem_init_conf(&full) : rte_fastmem_init();
	printf("init: %d\n", ret);
	if (ret == 0) {
		printf("level: %d\n", rte_fastmem_debug_level());
		obj = rte_fastmem_alloc(100, 0, 0);
		if (obj == NULL)
			return 1;
		obj[100] = 1;
		rte_fastmem_free(obj);
		obj = rte_fastmem_alloc(100, 0, 0);
		if (strcmp(how, "leaks") == 0)
			printf("leaks: %d\n", (int)rte_fastmem_leaks_dump(stdout));
		rte_fastmem_object_dump(stdout, obj);
		rte_fastmem_free(obj);
		rte_fastmem_deinit();
	}
	printf("library: %s\n", is_mapped("/librte_fastmem_debug.so") ? "loaded" : "not loaded");
	rte_eal_cleanup();
	return 0;
}
