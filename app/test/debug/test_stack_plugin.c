/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Shared objects that suite "stack" loads, one in the place of the other: their code has the
 * same addresses, and frames of different sizes.
 */

#include <stdint.h>

uint32_t plugin(uint32_t (*capture)(void));

#ifdef PLUGIN_INLINED
static inline __attribute__((always_inline)) uint32_t
inlined_in_plugin(uint32_t (*capture)(void))
{
	uint32_t id = capture();

	__asm__ volatile("" ::: "memory");
	return id;
}
#define CAPTURE(capture) inlined_in_plugin(capture)
#else
#define CAPTURE(capture) capture()
#endif

static __attribute__((noinline)) uint32_t
PLUGIN_FUNCTION(uint32_t (*capture)(void))
{
	char frame[PLUGIN_FRAME];
	uint32_t id;

	__asm__ volatile("" : : "r"(frame) : "memory");
	id = CAPTURE(capture);
	__asm__ volatile("" : : "r"(frame) : "memory");
	return id;
}

uint32_t
plugin(uint32_t (*capture)(void))
{
	uint32_t id = PLUGIN_FUNCTION(capture);

	__asm__ volatile("" ::: "memory");
	return id;
}
