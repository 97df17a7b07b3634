/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fastmem_env.h"

#define PREFIX "RTE_FASTMEM_"
#define OF_MALLOC PREFIX "MALLOC_"
#define N_KNOWN (sizeof(known) / sizeof(known[0]))
#define LONGEST 64 /* of names that are compared and told: what follows is not looked at */

static const char *const known[] = {
	PREFIX "DEBUG", PREFIX "MALLOC", PREFIX "MALLOC_CLEAR", PREFIX "MALLOC_MAINTAIN",
	PREFIX "MALLOC_REPORT", PREFIX "MALLOC_RESERVE", PREFIX "MALLOC_TRACE",
	PREFIX "MALLOC_TRACE_LIBC", PREFIX "MALLOC_TRACE_MAX", PREFIX "MALLOC_TRACE_SKIP",
	PREFIX "MEMPOOL",
};

static unsigned int
least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* How many characters are to be added, left out or replaced to make one of the other, in upper case. */
static unsigned int
distance(const char *a, size_t n, const char *b)
{
	unsigned int row[LONGEST + 1], i, j;

	for (i = 0; i <= n; i++)
		row[i] = i;
	for (j = 0; b[j] != '\0'; j++) {
		unsigned int before = row[0];

		row[0] = j + 1;
		for (i = 1; i <= n; i++) {
			unsigned int replaced = before + (toupper((unsigned char)a[i - 1]) != b[j]);

			before = row[i];
			row[i] = least(replaced, least(row[i], row[i - 1]) + 1);
		}
	}
	return row[n];
}

static const char *
nearest(const char *name, size_t n)
{
	const char *found = known[0];
	unsigned int i, d, best = distance(name, n, found);

	/* The word in between was left out, as in RTE_FASTMEM_REPORT. */
	for (i = 0; i < N_KNOWN; i++)
		if (strncmp(known[i], OF_MALLOC, strlen(OF_MALLOC)) == 0 &&
				strlen(known[i]) - strlen(OF_MALLOC) == n - strlen(PREFIX) &&
				strncasecmp(known[i] + strlen(OF_MALLOC), name + strlen(PREFIX),
					n - strlen(PREFIX)) == 0)
			return known[i];
	for (i = 1; i < N_KNOWN; i++) {
		d = distance(name, n, known[i]);
		if (d < best) {
			best = d;
			found = known[i];
		}
	}
	return found;
}

/* In lower case, a name is as unknown as a misspelt one, and as likely to be meant. */
static bool
begins_with(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

void
fastmem_env_unknown(bool preloaded, void (*tell)(const char *name, int length, const char *nearest))
{
	char **variable;

	for (variable = environ; variable != NULL && *variable != NULL; variable++) {
		const char *name = *variable, *near;
		size_t length = strcspn(name, "=");
		size_t n = length < LONGEST ? length : LONGEST;

		if (!begins_with(name, PREFIX) || preloaded != (begins_with(name, PREFIX "MALLOC") ||
				begins_with(name, PREFIX "MEMPOOL")))
			continue;
		near = nearest(name, n);
		if (strlen(near) != length || strncmp(name, near, length) != 0)
			tell(name, (int)n, near);
	}
}
