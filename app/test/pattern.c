/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What the tests write into objects, and find again.
 */

#include <string.h>

#include <rte_common.h>

#include "pattern.h"

#define SAMPLE_ABOVE 8192
#define SAMPLE_ENDS 1024
#define SAMPLE_STEP 4096

/* The next offset to look at: all of a small object; both ends and each page of a large one. */
static size_t
sample_next(size_t offset, size_t size)
{
	offset++;
	if (size <= SAMPLE_ABOVE || offset < SAMPLE_ENDS || offset >= size - SAMPLE_ENDS)
		return offset;
	return RTE_MIN(RTE_ALIGN_CEIL(offset, (size_t)SAMPLE_STEP), size - SAMPLE_ENDS);
}

static uint8_t
pattern_byte(uint64_t tag, size_t offset)
{
	return (uint8_t)((tag + offset / 8 * 0x9e3779b97f4a7c15) >> offset % 8 * 8) | 1;
}

void
pattern_fill(void *ptr, size_t size, uint64_t tag)
{
	size_t i;

	for (i = 0; i < size; i = sample_next(i, size))
		((uint8_t *)ptr)[i] = pattern_byte(tag, i);
}

bool
pattern_holds(const void *ptr, size_t size, uint64_t tag)
{
	size_t i;

	for (i = 0; i < size; i = sample_next(i, size))
		if (((const uint8_t *)ptr)[i] != pattern_byte(tag, i))
			return false;
	return true;
}

bool
is_zero(const void *ptr, size_t size)
{
	const uint8_t *bytes = ptr;

	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}
