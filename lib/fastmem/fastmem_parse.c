/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Sizes in environment variables. No function of libc reads them: strtoull() takes spaces, signs,
 * and prefixes that change the base.
 */

#include <errno.h>
#include <stddef.h>

#include "fastmem_export.h"
#include "fastmem_parse.h"

/* Returns the character behind the digits; NULL: there are none, or their value overflows. */
static const char *
parse_digits(const char *text, uint64_t *value)
{
	const char *p;

	*value = 0;
	for (p = text; *p >= '0' && *p <= '9'; p++) {
		unsigned int digit = *p - '0';

		if (*value > (UINT64_MAX - digit) / 10)
			return NULL;
		*value = *value * 10 + digit;
	}
	return p != text ? p : NULL;
}

/* The power of two that a unit stands for; 0: it is none. */
static unsigned int
unit_shift(char unit)
{
	switch (unit) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	default:
		return 0;
	}
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_parse_size)
int
fastmem_parse_size(const char *text, uint64_t max, uint64_t *size)
{
	unsigned int shift;
	uint64_t value;

	if (text != NULL)
		text = parse_digits(text, &value);
	if (text == NULL)
		return -EINVAL;
	shift = unit_shift(*text);
	if (text[shift != 0] != '\0' || value > max >> shift)
		return -EINVAL;
	*size = value << shift;
	return 0;
}
