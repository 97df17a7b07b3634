/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What replies to telemetry are made of, and parameters are read by.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_version.h>

#include "telemetry.h"

/* The unsigned type is "u64" in 22.11, and "uint" since 23.03. */
#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#endif

void
fastmem_telemetry_add_container(struct rte_tel_data *d, const char *name, struct rte_tel_data *value)
{
	if (rte_tel_data_add_dict_container(d, name, value, 0) != 0)
		rte_tel_data_free(value);
}

void
fastmem_telemetry_add(struct rte_tel_data *d, const char *name, uint64_t value)
{
	rte_tel_data_add_dict_uint(d, name, value);
}

void
fastmem_telemetry_add_address(struct rte_tel_data *d, const void *address)
{
	char text[32];

	snprintf(text, sizeof(text), "%p", address);
	rte_tel_data_add_dict_string(d, "address", text);
}

/* Before anything else is in d. Returns 0, as for EAL this is an answer. */
int
fastmem_telemetry_refuse(struct rte_tel_data *d, const char *format, ...)
{
	char text[RTE_TEL_MAX_STRING_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "error", text);
	return 0;
}

/* The number at *params, and what comes behind a comma. False: there is no number. */
bool
fastmem_telemetry_number(const char **params, uint64_t *n)
{
	const char *at = *params;
	char *end;

	if (at == NULL || *at < '0' || *at > '9')
		return false;
	errno = 0;
	*n = strtoull(at, &end, 10);
	if (errno != 0 || (*end != '\0' && *end != ','))
		return false;
	*params = *end == ',' ? end + 1 : NULL;
	return true;
}

/* The only parameter: a number, from which on a list goes. Without it: 0. */
bool
fastmem_telemetry_first(const char *params, uint64_t *first)
{
	*first = 0;
	return params == NULL || *params == '\0' || (fastmem_telemetry_number(&params, first) && params == NULL);
}

int
fastmem_telemetry_refuse_first(struct rte_tel_data *d, const char *params)
{
	return fastmem_telemetry_refuse(d, "'%s' is no number of a first entry", params);
}
