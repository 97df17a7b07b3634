/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TELEMETRY_H
#define TELEMETRY_H

/* What the replies to telemetry have in common: see the table of commands in telemetry.c. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_telemetry.h>

/*
 * Entries of a list in one reply, of the 16 KiB that EAL sends at most. Lists of objects are
 * objects with a name for each: arrays cannot have them in 22.11.
 */
#define FASTMEM_TELEMETRY_AT_ONCE 64

/* telemetry_util.c */
void fastmem_telemetry_add(struct rte_tel_data *d, const char *name, uint64_t value);
void fastmem_telemetry_add_address(struct rte_tel_data *d, const void *address);
void fastmem_telemetry_add_container(struct rte_tel_data *d, const char *name,
		struct rte_tel_data *value);
int fastmem_telemetry_refuse(struct rte_tel_data *d, const char *format, ...)
		__rte_format_printf(2, 3);
int fastmem_telemetry_refuse_first(struct rte_tel_data *d, const char *params);
bool fastmem_telemetry_number(const char **params, uint64_t *n);
bool fastmem_telemetry_first(const char *params, uint64_t *first);

/* telemetry_chunks.c */
int fastmem_telemetry_chunks(const char *params, struct rte_tel_data *d);
int fastmem_telemetry_slabs(const char *params, struct rte_tel_data *d);

/* telemetry_leaks.c */
int fastmem_telemetry_leaks(const char *params, struct rte_tel_data *d);

#endif /* TELEMETRY_H */
