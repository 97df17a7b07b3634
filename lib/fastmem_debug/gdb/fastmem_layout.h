/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_LAYOUT_H
#define FASTMEM_LAYOUT_H

/* What debuggers go by: see layout.c. */

#include <stdint.h>

struct fastmem_process;

/* A name is "structure.field", "structure", or that of a constant. */
struct fastmem_layout_entry {
	char name[28];
	uint32_t value; /* offset of the field, size of the structure, or the constant */
	uint32_t size; /* of the field */
};

#define FASTMEM_LAYOUT_TABLES 2

/* Fields stay where they are. */
struct fastmem_layout {
	char magic[16];
	uint32_t entry_size;
	uint32_t n_tables;
	const struct fastmem_process *process;
	const void *const *defer_queues;
	struct {
		const struct fastmem_layout_entry *entries;
		uint64_t n;
	} tables[FASTMEM_LAYOUT_TABLES];
};

extern const struct fastmem_layout fastmem_layout, fastmem_debug_layout;

/* pool_defer.c */
#define FASTMEM_DEFER_ENTRIES 10
extern const struct fastmem_layout_entry fastmem_defer_entries[FASTMEM_DEFER_ENTRIES];
extern const void *const fastmem_defer_queues;

/* backtrace.c. In the table of librte_fastmem_debug: debug_layout.c */
#define FASTMEM_STACK_ENTRIES 8
extern const struct fastmem_layout_entry fastmem_stack_entries[FASTMEM_STACK_ENTRIES];

#endif /* FASTMEM_LAYOUT_H */
