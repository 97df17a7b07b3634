/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * For test_debug_library.py: begins fastmem as its argument says, and tells what has become of it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
