/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* The log. */

#include <stdarg.h>

#include <rte_log.h>

#include "fastmem_private.h"

RTE_LOG_REGISTER_DEFAULT(fastmem_logtype, NOTICE);

void
fastmem_log(uint32_t level, const char *format, ...)
{
	FASTMEM_UNCANCELLABLE;
	va_list ap;

	va_start(ap, format);
	rte_vlog(level, fastmem_logtype, format, ap);
	va_end(ap);
}
