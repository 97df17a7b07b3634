/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Telemetry: what is live, by place of allocation, as rte_fastmem_leaks_dump() writes it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_hooks.h"
#include "telemetry.h"

#define AT_ONCE FASTMEM_TELEMETRY_AT_ONCE
#define LONGEST (RTE_TEL_MAX_STRING_LEN - 1)
#define GOES_ON "      "

/* Lines of a reply; those of former replies are left out. */
struct lines {
	struct rte_tel_data *d;
	uint64_t skip;
	unsigned int n;
};

static void
add_part(struct lines *lines, const char *indent, const char *text)
{
	char part[LONGEST + 1];

	if (lines->skip > 0) {
		lines->skip--;
		return;
	}
	if (lines->n++ >= AT_ONCE)
		return;
	snprintf(part, sizeof(part), "%s%s", indent, text);
	rte_tel_data_add_array_string(lines->d, part);
}

/* A line that is too long for EAL goes on in the next entry. */
static void
add_line(struct lines *lines, const char *line)
{
	const char *indent = "";

	for (;;) {
		size_t n = LONGEST - strlen(indent);

		add_part(lines, indent, line);
		if (strlen(line) <= n)
			break;
		line += n;
		indent = GOES_ON;
	}
}

int
fastmem_telemetry_leaks(const char *params, struct rte_tel_data *d)
{
	struct lines lines = { .d = d };
	char *text = NULL, *line, *rest;
	size_t len;
	FILE *f;

	if (!fastmem_telemetry_first(params, &lines.skip))
		return fastmem_telemetry_refuse_first(d, params);
	if (!fastmem_checks_all() && !fastmem_checks_some())
		return fastmem_telemetry_refuse(d, "nothing is checked: start the program with "
			FASTMEM_DEBUG_ENV "=sample=1000");
	f = open_memstream(&text, &len);
	if (f == NULL)
		return -ENOMEM;
	fastmem_hooks()->leaks_dump(f);
	fclose(f);
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		add_line(&lines, line);
	free(text);
	return 0;
}
