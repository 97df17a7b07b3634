/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Red zones around an object, and the contents of freed ones: written, compared, mended.
 */

#include <string.h>

#include "debug_zone.h"
#include "fastmem_debug.h"
#include "fastmem_track.h"

/* Reads what nobody may access, for tools that this library may be built with. */
#define UNCHECKED __rte_noinline __rte_no_sanitize("address", "thread", "undefined")

/*
 * The first byte of an area that is not as it was left; n: none. Not for tools to object
 * to: nobody may access this memory, but for this.
 */
UNCHECKED static size_t
first_changed(const uint8_t *p, size_t n, uint8_t byte)
{
	typedef uint64_t words __rte_vector_size(16) __rte_aligned(1) __rte_may_alias;
	const uint64_t word = UINT64_C(0x0101010101010101) * byte;
	const words want = { word, word };
	words differ = { 0, 0 };
	uint8_t rest = 0;
	size_t i = 0;

	/* Almost always nothing has: so there is one test, at the end. */
	for (; i + 64 <= n; i += 64) {
		const words *w = (const words *)(p + i);

		differ |= (w[0] ^ want) | (w[1] ^ want) | (w[2] ^ want) | (w[3] ^ want);
	}
	for (; i + 16 <= n; i += 16)
		differ |= *(const words *)(p + i) ^ want;
	for (; i < n; i++)
		rest |= p[i] ^ byte;
	if (likely((differ[0] | differ[1] | rest) == 0))
		return n;
	/* It may have been put right since, and then there is none. */
	for (i = 0; i < n && *(const volatile uint8_t *)&p[i] == byte; i++)
		;
	return i;
}

/* A sum that a changed byte changes, but for chance (FNV-1a by words, of Fowler, Noll and Vo). */
UNCHECKED uint64_t
fastmem_debug_sum_of(const uint8_t *p, size_t n)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 32;
	}
	for (; i < n; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static size_t
back_of(const struct place *p)
{
	return p->end - p->obj - p->size;
}

/* Fill what nobody may access. */
static void
rewrite_area(const struct fastmem_bin *bin, uint8_t *area, size_t len, uint8_t byte)
{
	if (len == 0)
		return;
	if (fastmem_debug_is_tracked(bin))
		fastmem_track_peek(area, len);
	memset(area, byte, len);
	if (fastmem_debug_is_tracked(bin))
		fastmem_track_unpeek(area, len);
}

/* The zones beside an object, and the object if it is freed. */
void
fastmem_debug_rewrite(const struct place *p, bool freed)
{
	rewrite_area(p->bin, p->obj - p->front, p->front, FASTMEM_ZONE_BYTE);
	rewrite_area(p->bin, p->obj + p->size, back_of(p), FASTMEM_ZONE_BYTE);
	if (freed)
		rewrite_area(p->bin, p->obj, p->size, FASTMEM_FREED_BYTE);
}

bool
fastmem_debug_zones_are_damaged(const struct place *p, struct damage *d)
{
	size_t front = p->front, back = back_of(p), at;

	if (!fastmem_debug.zones)
		return false;
	at = front == 0 ? 0 : first_changed(p->obj - front, front, FASTMEM_ZONE_BYTE);
	if (at < front) {
		*d = (struct damage){ RTE_FASTMEM_ERROR_UNDERFLOW, p->obj - front + at };
		return true;
	}
	at = first_changed(p->obj + p->size, back, FASTMEM_ZONE_BYTE);
	if (likely(at == back))
		return false;
	*d = (struct damage){ RTE_FASTMEM_ERROR_OVERFLOW, p->obj + p->size + at };
	return true;
}

/* Whether somebody has written to an object since it was freed. */
bool
fastmem_debug_freed_is_damaged(const struct place *p, struct damage *d)
{
	size_t at;

	if (!fastmem_debug.zones)
		return false;
	if (p->bin->pool != NULL) {
		*d = (struct damage){ RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, NULL };
		return fastmem_debug_is_full_level() && p->r->sum != fastmem_debug_sum_of(p->obj,
				p->size);
	}
	at = first_changed(p->obj, p->size, FASTMEM_FREED_BYTE);
	if (at < p->size) {
		*d = (struct damage){ RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, p->obj + at };
		return true;
	}
	/* Those of level LIGHT were checked when it was freed. */
	return fastmem_debug_is_full_level() && fastmem_debug_zones_are_damaged(p, d);
}

/*
 * A pool has no zone in front of its objects, but the one behind the slot before, of objects
 * that are all alike. If it is damaged, that is reported, and mended.
 */
void
fastmem_debug_check_zone_before(const struct place *p)
{
	size_t back = back_of(p), at;
	uint8_t *zone = p->slot - back;
	struct fastmem_finding finding;
	struct fastmem_record *before;
	uint32_t state;

	if (p->r == p->slab->records || !fastmem_debug.zones)
		return;
	before = p->r - 1; /* another thread may write to it */
	state = fastmem_debug_state_of(before);
	/* Until it is handed out for the first time, there is no zone. */
	if (state != FASTMEM_RECORD_LIVE && state != FASTMEM_RECORD_FREED)
		return;
	at = first_changed(zone, back, FASTMEM_ZONE_BYTE);
	if (at == back)
		return;
	/* Whose damage it is, is not known: more likely that of the nearer one. */
	if (at < back / 2)
		fastmem_finding_damage(&finding, RTE_FASTMEM_ERROR_OVERFLOW, p->bin, p->slab,
			before, state, zone + at);
	else
		fastmem_finding_damage(&finding, RTE_FASTMEM_ERROR_UNDERFLOW, p->bin, p->slab,
			p->r, p->state, zone + at);
	fastmem_report(&finding);
	rewrite_area(p->bin, zone, back, FASTMEM_ZONE_BYTE);
}

/* Damage is told once. Of a slot that is this thread's alone. */
void
fastmem_debug_mend(const struct place *p)
{
	if (p->bin->pool != NULL)
		p->r->sum = fastmem_debug_sum_of(p->obj, p->size);
	fastmem_debug_rewrite(p, p->bin->pool == NULL && p->state == FASTMEM_RECORD_FREED);
}

void
fastmem_debug_find_damage(struct fastmem_finding *finding, const struct place *p,
		const struct damage *d)
{
	fastmem_finding_damage(finding, d->error, p->bin, p->slab, p->r, p->state, d->first);
}

/* The damage is still there when it is told: a core file has it. */
void
fastmem_debug_report_and_mend(const struct place *p, const struct damage *d)
{
	struct fastmem_finding finding;

	fastmem_debug_find_damage(&finding, p, d);
	fastmem_report(&finding);
	fastmem_debug_mend(p);
}
