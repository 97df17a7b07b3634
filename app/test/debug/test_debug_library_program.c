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

/* The library is missing at first. */
static int
begin_again(const char *library, const char *missing)
{
	printf("init: %d\n", rte_fastmem_init());
	if (symlink(library, missing) != 0)
		return 1;
	printf("init again: %d\n", rte_fastmem_init());
	printf("level: %d\n", rte_fastmem_debug_level());
	return 0;
}

/* A plug-in that contains checking, which is closed again. */
static void *plugin;

static void
plugin_open(const char *path)
{
	plugin = dlopen(path, RTLD_NOW);
	printf("plugin: %s\n", plugin != NULL ? "loaded" : dlerror());
}

static void
plugin_close(const char *path)
{
	dlclose(plugin);
	printf("plugin: %s\n", is_mapped(path) ? "still there" : "unloaded");
}

/* Who has plugged in first stays, whatever comes and goes. */
static int
plugin_between(const char *path)
{
	int ret = rte_fastmem_init();

	if (ret == 0) {
		plugin_open(path);
		rte_fastmem_deinit();
		ret = rte_fastmem_init();
		plugin_close(path);
	}
	return ret;
}

/* Begins in a constructor, if the last argument says so. */
__attribute__((constructor)) static void
begin_early(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[argc - 1], "constructor") != 0)
		return;
	printf("early: %d\n", rte_eal_init(argc, argv) < 0 ? -1 : rte_fastmem_init());
	printf("level: %d\n", rte_fastmem_debug_level());
	exit(0);
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
	if (strcmp(how, "again") == 0)
		return begin_again(argv[n + 2], argv[n + 3]);
	if (strcmp(how, "folder") == 0 && chdir(argv[n + 2]) != 0)
		return 1;
	if (strcmp(how, "closed") == 0) {
		plugin_open(argv[n + 2]);
		plugin_close(argv[n + 2]);
	}
	if (strcmp(how, "between") == 0)
		ret = plugin_between(argv[n + 2]);
	else
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
