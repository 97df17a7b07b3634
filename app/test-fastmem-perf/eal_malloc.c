/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * EAL's own calls of the rte_malloc family, for a comparison within one process: a library that was
 * preloaded has taken their names, so they are asked for in the library that has rte_eal_init().
 */

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "perf.h"

void *(*perf_eal_malloc)(const char *type, size_t size, unsigned int align) = rte_malloc;
void *(*perf_eal_zmalloc)(const char *type, size_t size, unsigned int align) = rte_zmalloc;
void *(*perf_eal_realloc)(void *ptr, size_t size, unsigned int align) = rte_realloc;
void (*perf_eal_free)(void *ptr) = rte_free;

/* dlsym() gives a pointer to an object for a function: POSIX has it that they are alike. */
#define FIND(library, function, pointer) \
	do { \
		void *found = dlsym(library, function); \
\
		if (found != NULL) \
			memcpy(&(pointer), &found, sizeof(found)); \
	} while (0)

/* Where EAL is linked in, nothing can have taken its names. */
RTE_INIT(find_eal_malloc)
{
	Dl_info info;
	void *eal;

	if (dladdr((void *)(uintptr_t)rte_eal_init, &info) == 0)
		return;
	eal = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (eal == NULL)
		return;
	FIND(eal, "rte_malloc", perf_eal_malloc);
	FIND(eal, "rte_zmalloc", perf_eal_zmalloc);
	FIND(eal, "rte_realloc", perf_eal_realloc);
	FIND(eal, "rte_free", perf_eal_free);
	dlclose(eal);
}

bool
perf_malloc_is_replaced(void)
{
	return perf_eal_malloc != rte_malloc;
}
