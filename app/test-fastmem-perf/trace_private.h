/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_TRACE_PRIVATE_H
#define FASTMEM_TRACE_PRIVATE_H

/* What the trace_*.c files share among themselves. */

#include "trace.h"

/* Set trace->error and return err. */
int trace_fail(struct trace *trace, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* FASTMEM_TRACE_PRIVATE_H */
