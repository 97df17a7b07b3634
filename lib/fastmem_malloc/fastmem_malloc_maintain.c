/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Gives memory back to EAL that is not used any more, for the program does not know that it could:
 * once a second, in the interrupt thread of the primary. Nothing is reserved ahead, and what the
 * environment has reserved stays.
 *
 * A child after fork() has no interrupt thread, and needs none: EAL's heap serves it.
 */

#include <string.h>

#include <rte_alarm.h>
#include <rte_eal.h>

#include "fastmem_malloc.h"
#include "fastmem_private.h"

#define PERIOD_US 1000000

static bool has_alarm; /* in the thread that starts and ends EAL */

static void
maintain(void *arg)
{
	int ret;

	if (fastmem_malloc_stage() != STAGE_SERVE)
		return;
	fastmem_maintain(false);
	ret = rte_eal_alarm_set(PERIOD_US, maintain, arg);
	if (ret != 0)
		MALLOC_LOG(WARNING, "no memory is given back any more: EAL sets no alarm: %s",
			strerror(-ret));
}

/* After rte_eal_init(). */
void
fastmem_malloc_maintain_start(void)
{
	int ret;

	if (!fastmem_malloc_config.maintain || fastmem_malloc_stage() != STAGE_SERVE ||
			rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	ret = rte_eal_alarm_set(PERIOD_US, maintain, NULL);
	has_alarm = ret == 0;
	if (ret != 0)
		MALLOC_LOG(WARNING, "no memory is given back before the end: EAL sets no alarm: %s",
			strerror(-ret));
}

/* Returns when it is not running, and will not: EAL is about to unmap all memory. */
void
fastmem_malloc_maintain_stop(void)
{
	if (has_alarm)
		rte_eal_alarm_cancel(maintain, NULL);
	has_alarm = false;
}

/* In a child: EAL would wait for ever for an alarm that ran at the fork. */
void
fastmem_malloc_maintain_forked(void)
{
	has_alarm = false;
}
