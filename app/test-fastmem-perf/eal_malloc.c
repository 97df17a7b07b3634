/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * EAL's own calls of the rte_malloc family, for a comparison within one process: a library that was
 * preloaded has taken their names, so they are asked for in the library that has rte_eal_init().
 */

#include <dlfcn.h>
#include <stddef.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "perf.h"

void *(*perf_eal_malloc)(const char *type, size_t size, unsigned int align) = rte_malloc;
void (*perf_eal_free)(void *ptr) = rte_free;

/* Where EAL is linked in, nothing can have taken its names. */
RTE_INIT(find_eal_malloc)
{
	void *eal, *alloc, *release;
	Dl_info info;

	if (dladdr((void *)(uintptr_t)rte_eal_init, &info) == 0)
		return;
	eal = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (eal == NULL)
		return;
	alloc = dlsym(eal, "rte_malloc");
	release = dlsym(eal, "rte_free");
	if (alloc != NULL && release != NULL) {
		perf_eal_malloc = (void *(*)(const char *, size_t, unsigned int))(uintptr_t)alloc;
		perf_eal_free = (void (*)(void *))(uintptr_t)release;
	}
	dlclose(eal);
}

bool
perf_malloc_is_replaced(void)
{
	return perf_eal_malloc != rte_malloc;
}
