/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * No magazine is lost, and none is in two places: each one is among the unused
 * ones, in a depot, or in the thread cache that it says it belongs to. To be
 * called when no other thread is inside fastmem.
 */

#include "fastmem_private.h"
#include "test_fastmem.h"

struct census {
	unsigned int unused, in_depots, owned; /* by the magazines' own words */
	unsigned int listed, queued, cached; /* by what they are found in */
};

static void
ask_magazines(const struct fastmem_ctl *ctl, struct census *c)
{
	uint32_t id;

	for (id = 1; id <= ctl->meta.n_magazines; id++) {
		switch (fastmem_magazine_by_id(id)->owner & FASTMEM_OWNER_MASK) {
		case FASTMEM_OWNER_UNUSED:
			c->unused++;
			break;
		case 0:
			c->in_depots++;
			break;
		default:
			c->owned++;
		}
	}
}

static void
search_pool(const struct fastmem_ctl *ctl, struct census *c)
{
	unsigned int kind;
	uint32_t id;

	for (kind = 0; kind < FASTMEM_MAGAZINE_KINDS; kind++)
		for (id = ctl->meta.unused[kind]; id != 0 && c->listed <= ctl->meta.n_magazines;
				id = fastmem_magazine_by_id(id)->next)
			c->listed++;
}

static void
search_caches(const struct fastmem_ctl *ctl, struct census *c)
{
	const struct fastmem_tcache *t;
	unsigned int i;

	for (i = 1; i < ctl->n_bins; i++) {
		if (ctl->bins[i].empty != NULL)
			c->queued += fastmem_depot_count(ctl->bins[i].full) +
				fastmem_depot_count(ctl->bins[i].empty);
		for (t = ctl->tcaches; t != NULL; t = t->next) {
			const struct fastmem_magazine *spare = t->caches[i].spare;

			c->cached += t->caches[i].loaded != NULL;
			/* Another thread may have stolen it. */
			c->cached += spare != NULL &&
				spare->owner == fastmem_counts(t, i)->spare_owned;
		}
	}
}

/* If a process has died with the lock of the pool, the next one to take it repairs that. */
static int
use_pool(struct fastmem_ctl *ctl)
{
	struct fastmem_tcache *t = fastmem_tcache_self(true);
	struct fastmem_magazine *m;

	TEST_ASSERT(t != NULL);
	m = fastmem_magazine_get(&ctl->bins[1], t->id, true);
	TEST_ASSERT(m != NULL);
	fastmem_magazine_put(m);
	return TEST_SUCCESS;
}

int
check_magazines(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	struct census c = { 0 };

	TEST_CALL(use_pool(ctl));
	ask_magazines(ctl, &c);
	search_pool(ctl, &c);
	search_caches(ctl, &c);
	TEST_ASSERT_EQUAL(c.listed, c.unused, "magazines in the pool");
	TEST_ASSERT_EQUAL(c.queued, c.in_depots, "magazines in depots");
	TEST_ASSERT_EQUAL(c.cached, c.owned, "magazines of threads");
	return TEST_SUCCESS;
}
