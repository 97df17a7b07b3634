/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What the tests write into objects, and find again.
 */

#include <string.h>

#include <rte_common.h>

#include "pattern.h"

#define WORD sizeof(uint64_t)
#define WORDS_WHOLE (PATTERN_WHOLE / WORD)
#define WORDS_AT_ENDS 16u
#define WORDS_STEP (4096 / WORD)

/* The next word to look at: all of a small object; both ends and each page of a large one. */
static size_t
next_word(size_t i, size_t n)
{
	i++;
	if (n <= WORDS_WHOLE || i < WORDS_AT_ENDS || i >= n - WORDS_AT_ENDS)
		return i;
	return RTE_MIN(RTE_ALIGN_CEIL(i, WORDS_STEP), n - WORDS_AT_ENDS);
}

/* No byte of it is 0. */
static uint64_t
pattern_word(uint64_t tag, size_t i)
{
	return (tag + i * UINT64_C(0x9e3779b97f4a7c15)) | UINT64_C(0x0101010101010101);
}

void
pattern_fill(void *ptr, size_t size, uint64_t tag)
{
	size_t i, n = size / WORD;
	char *bytes = ptr;
	uint64_t word;

	for (i = 0; i < n; i = next_word(i, n)) {
		word = pattern_word(tag, i);
		memcpy(bytes + i * WORD, &word, WORD);
	}
	word = pattern_word(tag, n);
	memcpy(bytes + n * WORD, &word, size % WORD);
}

bool
pattern_holds(const void *ptr, size_t size, uint64_t tag)
{
	size_t i, n = size / WORD;
	const char *bytes = ptr;
	uint64_t word, found;

	for (i = 0; i < n; i = next_word(i, n)) {
		memcpy(&found, bytes + i * WORD, WORD);
		if (found != pattern_word(tag, i))
			return false;
	}
	word = pattern_word(tag, n);
	return memcmp(bytes + n * WORD, &word, size % WORD) == 0;
}

bool
is_zero(const void *ptr, size_t size)
{
	const char *bytes = ptr;

	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}
