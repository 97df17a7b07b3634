/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The functions of rte_fastmem_debug.h: what they do is behind the hooks.
 */

#include <errno.h>

#include <rte_errno.h>

#include "fastmem_hooks.h"

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_debug_level, 26.11)
enum rte_fastmem_debug_level
rte_fastmem_debug_level(void)
{
	if (fastmem_ctl_get() == NULL)
		return RTE_FASTMEM_DEBUG_DEFAULT;
	if (fastmem_checks_all())
		return fastmem_checking.level;
	return fastmem_checks_some() ? RTE_FASTMEM_DEBUG_SAMPLE : RTE_FASTMEM_DEBUG_OFF;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_debug_check, 26.11)
unsigned int
rte_fastmem_debug_check(void)
{
	return fastmem_ctl_get() != NULL ? FASTMEM_HOOK_OR(0, check) : 0;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_object_dump, 26.11)
void
rte_fastmem_object_dump(FILE *f, const void *ptr)
{
	FASTMEM_UNCANCELLABLE;
	const struct fastmem_bin *bin;
	unsigned int id;

	if (f == NULL)
		return;
	if (fastmem_ctl_get() == NULL) {
		fprintf(f, "fastmem is not initialised\n");
		return;
	}
	id = rte_fastmem_bin_of(ptr);
	if (id == 0) {
		fprintf(f, "%p is no address of fastmem's objects\n", ptr);
		return;
	}
	if (FASTMEM_HOOK_OR(false, object_dump, f, ptr))
		return;
	bin = &fastmem_ctl()->bins[id];
	fprintf(f, "%p: slot of %u bytes, %s%s, bin %u, socket %d; nothing more is known without "
		"checking\n", ptr, bin->slot_size, bin->pool != NULL ? "pool " : "no pool",
		bin->pool != NULL ? bin->pool->name : "", bin->id,
		fastmem_ctl()->arenas[bin->socket].socket_id);
}

/* Leaks are listed without checking as well. */
static const struct fastmem_hooks *
hooks_for_leaks(void)
{
	return fastmem_hooks_load("a list of what is live");
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_leaks_snapshot, 26.11)
struct rte_fastmem_leaks *
rte_fastmem_leaks_snapshot(void)
{
	const struct fastmem_hooks *hooks;

	if (fastmem_ctl_get() == NULL) {
		rte_errno = ENODEV;
		return NULL;
	}
	hooks = hooks_for_leaks();
	if (hooks == NULL) {
		rte_errno = ENOENT;
		return NULL;
	}
	return hooks->leaks_snapshot();
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_leaks_free, 26.11)
void
rte_fastmem_leaks_free(struct rte_fastmem_leaks *leaks)
{
	if (leaks != NULL)
		hooks_for_leaks()->leaks_free(leaks);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_leaks_dump, 26.11)
int64_t
rte_fastmem_leaks_dump(FILE *f)
{
	const struct fastmem_hooks *hooks;

	if (f == NULL)
		return -EINVAL;
	if (fastmem_ctl_get() == NULL)
		return -ENODEV;
	hooks = hooks_for_leaks();
	return hooks != NULL ? hooks->leaks_dump(f) : -ENOENT;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_leaks_diff_dump, 26.11)
int64_t
rte_fastmem_leaks_diff_dump(FILE *f, const struct rte_fastmem_leaks *before,
		const struct rte_fastmem_leaks *after)
{
	if (f == NULL || after == NULL)
		return INT64_MIN;
	return hooks_for_leaks()->leaks_diff_dump(f, before, after);
}
