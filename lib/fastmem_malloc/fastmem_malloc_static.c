/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A program that DPDK is linked into statically calls its own functions, and never those of this
 * library. It has a text of EAL's in it, which a program that loads EAL's library has not.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <link.h>
#include <string.h>

#include "fastmem_malloc.h"

/* The name of a trace point, in whatever uses rte_malloc. */
static const char text_of_eal[] = "lib.eal.mem.zmalloc";

static int
look_at_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	bool *found = arg;
	unsigned int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum && !*found; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		*found = part->p_type == PT_LOAD && (part->p_flags & PF_R) != 0 &&
			memmem((const void *)(info->dlpi_addr + part->p_vaddr), part->p_filesz,
				text_of_eal, sizeof(text_of_eal)) != NULL;
	}
	return 1; /* the program comes first; no other is looked at */
}

void
fastmem_malloc_look_for_static(void)
{
	bool found = false;

	dl_iterate_phdr(look_at_program, &found);
	if (found)
		fprintf(stderr, "librte_fastmem_malloc.so: DPDK is linked into %s statically: nothing "
			"is replaced\n", program_invocation_short_name);
}
