/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What EAL, or the limit, has refused. To be refused takes EAL a long time, under its locks, and a
 * secondary sends a message for it. So the size that was refused is remembered, and neither this
 * nor more is asked for again before some time has passed, fastmem has given memory back to EAL,
 * or rte_fastmem_set_limit() was called.
 * What the application frees in EAL's heap is found when the time is over.
 *
 * All fields are hints: at worst, EAL is asked once more, or a little later.
 */

#include <rte_cycles.h>

#include "fastmem_private.h"

/* Tests set them. */
unsigned int fastmem_refusal_min_us = 1000;
unsigned int fastmem_refusal_max_us = 64000;

static uint64_t
load(const RTE_ATOMIC(uint64_t) *field)
{
	return rte_atomic_load_explicit(field, rte_memory_order_relaxed);
}

static void
store(RTE_ATOMIC(uint64_t) *field, uint64_t value)
{
	rte_atomic_store_explicit(field, value, rte_memory_order_relaxed);
}

/* Whether the last that was asked for was refused, at whatever time. */
bool
fastmem_refusal_is_known(const struct fastmem_refusal *r)
{
	return load(&r->n) != 0;
}

/*
 * EAL has refused n units. Each time in a row, it is left alone for twice as long. A refusal of
 * less is prolonged only while it holds: else nobody knows that EAL still has not even that.
 */
void
fastmem_refusal_note(struct fastmem_refusal *r, uint64_t n)
{
	uint64_t now = rte_get_timer_cycles(), refused = load(&r->n);
	bool held = refused != 0 && now < load(&r->until);
	uint64_t wait = RTE_MAX(2 * load(&r->wait_us), (uint64_t)fastmem_refusal_min_us);

	wait = RTE_MIN(wait, (uint64_t)fastmem_refusal_max_us);
	store(&r->wait_us, wait);
	store(&r->until, now + wait * rte_get_timer_hz() / 1000000);
	store(&r->n, held ? RTE_MIN(refused, n) : n);
}

void
fastmem_refusal_end(struct fastmem_refusal *r)
{
	if (load(&r->n) == 0)
		return;
	store(&r->n, 0);
	store(&r->wait_us, 0);
}

/* EAL has memory again, perhaps. */
void
fastmem_refusals_end(struct fastmem_ctl *ctl)
{
	unsigned int i;

	for (i = 0; i < ctl->n_sockets; i++)
		fastmem_refusal_end(&ctl->arenas[i].refusal);
	fastmem_refusal_end(&ctl->meta.refusal);
}
