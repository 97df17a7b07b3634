/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Records of slabs: they come and go with their slab.
 */

#include "debug_zone.h"
#include "fastmem_debug.h"
#include "fastmem_track.h"

static size_t
slab_bytes(const struct fastmem_granule *slab)
{
	return (size_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT;
}

/* A slab is made. Returns 0 or -ENOMEM. */
int
fastmem_debug_slab(struct fastmem_granule *slab, bool may_grow)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	/* Unpoison the slab: constructors are about to run in it. */
	if (fastmem_debug.tools != 0)
		fastmem_track_plain(fastmem_granule_addr(slab->head), slab_bytes(slab));
	if (!fastmem_debug_has_records(&ctl->bins[slab->bin])) {
		slab->records = NULL; /* of a slab whose process died as it gave it back */
		return 0;
	}
	return fastmem_records_make(slab, may_grow);
}

/*
 * Its objects are constructed: from now on, who has none may not access it. Objects with a
 * header are those of a mempool: DPDK links the headers, and lets applications initialise
 * the objects by rte_mempool_obj_iter(), so there it takes a free to forbid an object.
 */
void
fastmem_debug_slab_enter(const struct fastmem_granule *slab)
{
	const struct fastmem_bin *bin = &fastmem_ctl()->bins[slab->bin];
	char *addr = fastmem_granule_addr(slab->head);

	if (fastmem_debug.tools == 0)
		return;
	fastmem_track_slab(addr, slab_bytes(slab));
	if (bin->header != 0 || !fastmem_debug_is_tracked(bin))
		fastmem_track_plain(addr, slab_bytes(slab));
}

/* Its objects are to be destroyed: the functions of the pool may access it. */
void
fastmem_debug_slab_leave(const struct fastmem_granule *slab)
{
	if (fastmem_debug.tools != 0)
		fastmem_track_plain(fastmem_granule_addr(slab->head), slab_bytes(slab));
}

/*
 * It is no slab any more. Under bin.lock, between fastmem_debug_slabs_hold() and
 * fastmem_debug_slabs_release().
 */
void
fastmem_debug_slab_end(struct fastmem_granule *slab)
{
	fastmem_records_drop(slab);
	if (fastmem_debug.tools != 0)
		fastmem_track_unslab(fastmem_granule_addr(slab->head), slab_bytes(slab));
}

/* Memory is EAL's again. */
void
fastmem_debug_memory_leaves(void *addr, size_t len)
{
	if (fastmem_debug.tools != 0)
		fastmem_track_plain(addr, len);
}

/*
 * From one to the other, a function of the user may look at an object of a pool, in use or
 * not. Returns whether it could not before: only then the other one is to follow.
 */
bool
fastmem_debug_look(const struct fastmem_bin *bin, const struct fastmem_granule *slab, void *obj)
{
	const struct fastmem_record *r;
	uint32_t state;

	if (fastmem_debug.tools == 0)
		return false;
	r = fastmem_record_of(bin, slab, obj);
	state = r != NULL ? fastmem_debug_state_of(r) : FASTMEM_RECORD_LIVE;
	/* As for the latter, see fastmem_debug_slab_enter(). */
	if (state == FASTMEM_RECORD_LIVE || (state == FASTMEM_RECORD_NEW && bin->header != 0))
		return false;
	fastmem_track_peek(obj, bin->pool->size);
	return true;
}

void
fastmem_debug_look_end(const struct fastmem_bin *bin, const struct fastmem_granule *slab, void *obj)
{
	const struct fastmem_record *r = fastmem_record_of(bin, slab, obj);
	/* Somebody may have got it meanwhile. */
	bool live = r != NULL && fastmem_debug_state_of(r) == FASTMEM_RECORD_LIVE;

	fastmem_track_unpeek(obj, live ? 0 : bin->pool->size);
}
