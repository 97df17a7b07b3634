/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The log. Its stream is EAL's or the program's, which may allocate from fastmem to write a line,
 * or wait: no line is written under a lock that such a call would need.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_log.h>

#include "fastmem_private.h"
#include "fastmem_trace.h"

RTE_LOG_REGISTER_DEFAULT(fastmem_logtype, NOTICE);

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_log_pending)
__thread struct fastmem_later *fastmem_log_pending;

/* Where lines go, for what writes by itself. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_log_stream)
FILE *
fastmem_log_stream(void)
{
	FILE *f = rte_log_get_stream();

	return f != NULL ? f : stderr;
}

static void __rte_format_printf(3, 0)
keep(struct fastmem_later *later, uint32_t level, const char *format, va_list ap)
{
	size_t room = sizeof(later->text) - later->n_bytes;
	char *line = later->text + later->n_bytes;
	int n = -1;

	if (room > 1)
		n = vsnprintf(line + 1, room - 1, format, ap);
	if (n < 0 || (size_t)n >= room - 1) {
		later->n_lost++;
		return;
	}
	line[0] = level;
	later->n_bytes += 1 + n + 1;
}

/* Do what was kept back. No lock is held, and other lines may come from within. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_log_write)
void
fastmem_log_write(const struct fastmem_later *later)
{
	FASTMEM_UNCANCELLABLE;
	const char *line;

	for (line = later->text; line < later->text + later->n_bytes;
			line += 1 + strlen(line + 1) + 1)
		rte_log(line[0], fastmem_logtype, "%s", line + 1);
	if (later->n_lost != 0)
		FASTMEM_LOG(ERR, "%u more lines are not shown", later->n_lost);
	if (later->wants_trace)
		fastmem_trace_begin();
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_log)
void
fastmem_log(uint32_t level, const char *format, ...)
{
	FASTMEM_UNCANCELLABLE;
	va_list ap;

	if (!rte_log_can_log(fastmem_logtype, level))
		return;
	va_start(ap, format);
	if (fastmem_log_pending != NULL)
		keep(fastmem_log_pending, level, format, ap);
	else
		rte_vlog(level, fastmem_logtype, format, ap);
	va_end(ap);
}

uint32_t fastmem_log_every_ms = 10000;

/* Whether a line is due that is written once in a while. last: of this line alone, and 0 at first. */
bool
fastmem_log_due(RTE_ATOMIC(uint64_t) *last)
{
	uint64_t now = rte_get_timer_cycles(),
			then = rte_atomic_load_explicit(last, rte_memory_order_relaxed);

	if (then != 0 && now - then < fastmem_log_every_ms * rte_get_timer_hz() / 1000)
		return false;
	/* A number and no more: of several threads, one writes the line. */
	return rte_atomic_compare_exchange_strong_explicit(last, &then, now,
		rte_memory_order_relaxed, rte_memory_order_relaxed);
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_log_allowed)
bool
fastmem_log_allowed(struct fastmem_log_rate *rate)
{
	uint32_t n;

	/* All relaxed, as above: at worst, threads that begin at once write some lines more. */
	if (fastmem_log_due(&rate->last))
		rte_atomic_store_explicit(&rate->n, 0, rte_memory_order_relaxed);
	n = rte_atomic_fetch_add_explicit(&rate->n, 1, rte_memory_order_relaxed);
	if (n == FASTMEM_LOG_BURST)
		FASTMEM_LOG(NOTICE, "more lines like the last ones are left out, for %u s at most",
			fastmem_log_every_ms / 1000);
	return n < FASTMEM_LOG_BURST;
}

/* An object is freed without fastmem. Where EAL has ended first, the program is told, once. */
void
fastmem_log_ignored(void)
{
	static RTE_ATOMIC(uint32_t) told;

	if (fastmem_process_state() == FASTMEM_PROCESS_FORGOTTEN &&
			rte_atomic_exchange_explicit(&told, 1, rte_memory_order_relaxed) == 0)
		FASTMEM_LOG(ERR, "an object is freed after rte_eal_cleanup(): ignored, and so are "
			"all others. Free them and call rte_fastmem_deinit() before");
}
