/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is known of an error, copied where it is found.
 *
 * That may be under locks that all processes share, and where other threads wait for the
 * object: so this takes no lock, looks up no name and calls nobody. debug_report.c tells
 * of it later. Whoever finds has made sure that the slab does not end meanwhile.
 */

#include <string.h>

#include "fastmem_debug.h"

#define BYTES_BEFORE 16 /* of damage, that are shown */

/* Another thread may write to it. */
#define COPY(to, from, field) ((to)->field = \
	rte_atomic_load_explicit(&(from)->field, rte_memory_order_relaxed))

static void
record_copy(struct fastmem_record *to, const struct fastmem_record *from)
{
	COPY(to, from, front);
	COPY(to, from, size);
	COPY(to, from, alloc_stack);
	COPY(to, from, free_stack);
	COPY(to, from, alloc_tid);
	COPY(to, from, free_tid);
	COPY(to, from, alloc_pid);
	COPY(to, from, free_pid);
	COPY(to, from, alloc_time);
	COPY(to, from, free_time);
}

static void
bin_copy(struct fastmem_slot_copy *copy, const struct fastmem_bin *bin)
{
	copy->bin = bin->id;
	copy->slot_size = bin->slot_size;
	copy->socket_id = fastmem_ctl()->arenas[bin->socket].socket_id;
	if (bin->pool != NULL)
		memcpy(copy->pool, bin->pool->name, sizeof(copy->pool));
}

void
fastmem_slot_copy(struct fastmem_slot_copy *copy, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r, uint32_t state)
{
	memset(copy, 0, sizeof(*copy));
	bin_copy(copy, bin);
	record_copy(&copy->record, r);
	copy->record.state = state;
	copy->object = fastmem_record_slot(bin, slab, r) + bin->header + copy->record.front;
	copy->end = fastmem_record_slot(bin, slab, r) + bin->slot_size;
}

static void
finding_begin(struct fastmem_finding *f, enum rte_fastmem_error error, const void *ptr)
{
	memset(f, 0, sizeof(*f));
	f->error = error;
	f->ptr = ptr;
}

static void
finding_slot(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r, uint32_t state)
{
	fastmem_slot_copy(&f->slot, bin, slab, r, state);
	f->has_slot = true;
}

/* Damage behind an object may as well be in front of the next one. */
static void
finding_next(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r)
{
	const char *first = f->ptr, *behind = f->slot.object + f->slot.record.size;

	if (first - behind < f->slot.end - first || r + 1 == slab->records + slab->n_slots)
		return;
	/* Pairs with the release in set_state(), debug.c. */
	fastmem_slot_copy(&f->next, bin, slab, r + 1,
		rte_atomic_load_explicit(&r[1].state, rte_memory_order_acquire));
	f->has_next = true;
}

/* The bytes around the damage, within the slots of the slab. No tool is to see it. */
__rte_noinline __rte_no_sanitize("address", "thread", "undefined")
static void
finding_bytes(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab)
{
	const uint8_t *from = (const uint8_t *)fastmem_granule_addr(slab->head);
	const uint8_t *to = from + (size_t)slab->n_slots * bin->slot_size;
	const uint8_t *p = RTE_PTR_ALIGN_FLOOR((const uint8_t *)f->ptr - BYTES_BEFORE, 16);
	uint32_t i;

	if (p < from)
		p += RTE_ALIGN_CEIL(from - p, 16);
	f->bytes_at = p;
	f->n_bytes = RTE_MIN(FASTMEM_BYTES_SHOWN, to - p);
	for (i = 0; i < f->n_bytes; i++)
		f->bytes[i] = p[i];
}

/*
 * Memory was written to that is no live object's. first: the first byte that has changed;
 * NULL: not known.
 */
void
fastmem_finding_damage(struct fastmem_finding *f, enum rte_fastmem_error error,
		const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r, uint32_t state, const void *first)
{
	finding_begin(f, error, first);
	finding_slot(f, bin, slab, r, state);
	f->first_known = first != NULL;
	if (first == NULL) {
		f->ptr = f->slot.object;
		return;
	}
	if (error == RTE_FASTMEM_ERROR_OVERFLOW)
		finding_next(f, bin, slab, r);
	finding_bytes(f, bin, slab);
}

/*
 * An address was freed or resized that is not to be. bin NULL: it is none of fastmem's. r NULL:
 * its slot was never handed out.
 */
void
fastmem_finding_pointer(struct fastmem_finding *f, enum rte_fastmem_error error,
		const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		const struct fastmem_record *r, const void *ptr)
{
	finding_begin(f, error, ptr);
	if (r != NULL)
		/* Pairs with the release in set_state(), debug.c. */
		finding_slot(f, bin, slab, r,
				rte_atomic_load_explicit(&r->state, rte_memory_order_acquire));
	else if (bin != NULL)
		bin_copy(&f->slot, bin);
}

/* Freed with a size, or a handle, that is not its own. */
void
fastmem_finding_size(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r, size_t said)
{
	finding_begin(f, RTE_FASTMEM_ERROR_WRONG_SIZE, NULL);
	finding_slot(f, bin, slab, r, FASTMEM_RECORD_LIVE);
	f->ptr = f->slot.object;
	f->said = said;
}

/* Put to a pool that it was not got from. */
void
fastmem_finding_pool(struct fastmem_finding *f, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r,
		const char *said)
{
	finding_begin(f, RTE_FASTMEM_ERROR_WRONG_POOL, NULL);
	finding_slot(f, bin, slab, r, FASTMEM_RECORD_LIVE);
	f->ptr = f->slot.object;
	f->said_pool = said;
}
