/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The layout of what only this library knows, for debuggers: beside that of librte_fastmem, see
 * gdb/layout.c. The two belong together if they are of the same process state.
 */

#include <rte_common.h>

#include "fastmem_debug.h"
#include "fastmem_layout.h"

const struct fastmem_layout fastmem_debug_layout
		__rte_section(".fastmem_debug_layout") __rte_used = {
	.magic = "fastmem layout",
	.entry_size = sizeof(fastmem_stack_entries[0]),
	.n_tables = 1,
	.process = &fastmem_process,
	.tables = { { fastmem_stack_entries, RTE_DIM(fastmem_stack_entries) } },
};
