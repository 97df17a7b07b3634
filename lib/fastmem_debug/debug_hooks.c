/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Where checking plugs into the allocator: when this library is loaded, be it with the program, of
 * which it may be a part, or when checking is asked for.
 */

#include "fastmem_debug.h"
#include "fastmem_stack.h"
#include "fastmem_track.h"

static void
forked(void)
{
	fastmem_report_forked();
	fastmem_track_forked();
	fastmem_look_up_forked();
}

RTE_EXPORT_INTERNAL_SYMBOL(fastmem_debug_hooks)
const struct fastmem_hooks fastmem_debug_hooks = {
	.version = FASTMEM_LAYOUT_VERSION,
	.size = sizeof(struct fastmem_hooks),
	.alloc = fastmem_checked_alloc_one,
	.alloc_bulk = fastmem_checked_alloc,
	.halloc = fastmem_checked_halloc,
	.realloc_foreign = fastmem_checked_realloc_foreign,
	.pool_take = fastmem_checked_pool_take,
	.pool_put = fastmem_checked_pool_put,
	.pool_freed = fastmem_report_pool_freed,
	.pool_in_use = fastmem_leaks_pool_in_use,
	.free = fastmem_checked_free,
	.free_bulk = fastmem_checked_free_bulk,
	.free_sized = fastmem_checked_free_sized,
	.hfree_bulk = fastmem_checked_hfree_bulk,
	.handle = fastmem_checked_handle,
	.realloc = fastmem_checked_realloc,
	.usable = fastmem_debug_usable,
	.sample = fastmem_sampled_alloc,
	.sample_handle = fastmem_sampled_halloc,
	.sample_bulk = fastmem_sampled_bulk,
	.sample_handle_bulk = fastmem_sampled_halloc_bulk,
	.flush = fastmem_quarantine_flush,
	.forget = fastmem_quarantine_forget,
	.n_waiting = fastmem_quarantine_n,
	.slab_bytes = fastmem_debug_slab_bytes,
	.slab_make = fastmem_debug_slab,
	.slab_enter = fastmem_debug_slab_enter,
	.slab_leave = fastmem_debug_slab_leave,
	.slab_end = fastmem_debug_slab_end,
	.slabs_hold = fastmem_debug_slabs_hold,
	.slabs_release = fastmem_debug_slabs_release,
	.memory_leaves = fastmem_debug_memory_leaves,
	.look = fastmem_debug_look,
	.look_end = fastmem_debug_look_end,
	.wrote = fastmem_track_wrote,
	.calls = fastmem_track_calls,
	.enter_eal = fastmem_track_enter_eal,
	.leave_eal = fastmem_track_leave_eal,
	.read_conf = fastmem_conf_read,
	.create = fastmem_debug_create,
	.attach = fastmem_debug_attach,
	.wants_share = fastmem_debug_wants_share,
	.share = fastmem_track_share,
	.close = fastmem_debug_close,
	.memory_ends = fastmem_track_stop,
	.detach = fastmem_debug_detach,
	.list_leaks = fastmem_leaks_at_end,
	.leaks_unknown = fastmem_leaks_unknown,
	.forked = forked,
	.is_reporting = fastmem_is_reporting,
	.check = fastmem_debug_check,
	.object_dump = fastmem_report_object,
	.leaks_snapshot = fastmem_leaks_snapshot,
	.leaks_free = fastmem_leaks_free,
	.leaks_dump = fastmem_leaks_dump,
	.leaks_diff_dump = fastmem_leaks_diff_dump,
};

/* Before constructors of the program that contains it, which may call. */
RTE_INIT_PRIO(plug_in, LOG)
{
	fastmem_hooks_register(&fastmem_debug_hooks);
}

RTE_FINI(plug_out)
{
	fastmem_hooks_unregister(&fastmem_debug_hooks);
}
