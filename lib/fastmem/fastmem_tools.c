/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Which tools this process runs under: they ask for checking. */

#include "fastmem_hooks.h"
#include "fastmem_tools.h"

static bool
on_memcheck(void)
{
#ifdef HAVE_MEMCHECK
	uint64_t word = 0, bits = 0;

	/* Only memcheck knows this request, and answers 1 to it. */
	return RUNNING_ON_VALGRIND && VALGRIND_GET_VBITS(&word, &bits, sizeof(word)) == 1;
#else
	return false;
#endif
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_tools)
unsigned int
fastmem_tools(void)
{
	unsigned int tools = 0;

	if (__asan_poison_memory_region != NULL && __asan_unpoison_memory_region != NULL)
		tools |= FASTMEM_TOOL_ASAN;
	if (__msan_allocated_memory != NULL && __msan_poison != NULL && __msan_unpoison != NULL)
		tools |= FASTMEM_TOOL_MSAN;
	if (__tsan_acquire != NULL && __tsan_release != NULL)
		tools |= FASTMEM_TOOL_TSAN;
	if (on_memcheck())
		tools |= FASTMEM_TOOL_VALGRIND;
	return tools;
}
