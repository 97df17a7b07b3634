/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Mempools of an unmodified program, by RTE_FASTMEM_MEMPOOL.
 *
 * A mempool that is populated in the default way has its ops by then, and no memory yet. If those
 * ops keep objects in software, they are replaced by those of the mempool driver of fastmem, which
 * this library contains. So all of rte_mempool's functions stay as they are, and so do mempools with
 * ops of hardware or of the program's, or with memory that the program brings along.
 *
 * In an unmodified secondary process the ops have to have the same number, whatever drivers it has
 * loaded. DPDK numbers drivers from 0 as they are loaded, so these ops take the last place of the
 * table. Where DPDK has that many drivers, and the plug-in of fastmem's is one of them, they take its.
 */

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include "mempool_fastmem.h"

#include "fastmem_malloc.h"

/* The number of the ops. Written while EAL starts. */
static uint32_t ops_index = RTE_MEMPOOL_MAX_OPS_IDX - 1;

/* RTE_FASTMEM_MEMPOOL. Written while the environment is read; later on, found only. */
static enum { MEMPOOLS_OFF, MEMPOOLS_ON, MEMPOOLS_GROW, MEMPOOLS_LISTED } mode;
static RTE_ATOMIC(bool) has_mempools;
static struct pattern {
	struct pattern *next;
	RTE_ATOMIC(bool) found; /* a mempool has such a name */
	char glob[];
} *patterns;

/* The environment. */

static bool
is_word(const char *text)
{
	return strcmp(text, "on") == 0 || strcmp(text, "off") == 0 || strcmp(text, "grow") == 0;
}

/* What is in a list of names, n characters of it: not empty, and not one of the words. */
static bool
add_pattern(const char *text, size_t n)
{
	struct pattern *pattern;

	if (n == 0 || n >= RTE_MEMPOOL_NAMESIZE)
		return false;
	pattern = calloc(1, sizeof(*pattern) + n + 1);
	if (pattern == NULL)
		return false;
	memcpy(pattern->glob, text, n);
	pattern->next = patterns;
	patterns = pattern;
	return !is_word(pattern->glob);
}

/*
 * A list has a comma, or a character by which a pattern differs from a name: so a misspelt word is
 * no list. A comma may end it.
 */
static bool
read_list(const char *text)
{
	if (strpbrk(text, ",*?[") == NULL)
		return false;
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		if (!add_pattern(text, n))
			return false;
		text += n + (text[n] == ',');
	}
	return true;
}

/* Returns whether it makes sense. NULL: not set. */
bool
fastmem_malloc_read_mempools(const char *text)
{
	if (text == NULL || strcmp(text, "off") == 0)
		return true;
	mode = strcmp(text, "on") == 0 ? MEMPOOLS_ON :
		strcmp(text, "grow") == 0 ? MEMPOOLS_GROW : MEMPOOLS_LISTED;
	return mode != MEMPOOLS_LISTED || read_list(text);
}

/* Whether mempools are to be fastmem's. */
bool
fastmem_malloc_serves_mempools(void)
{
	return mode != MEMPOOLS_OFF;
}

/* A name that is misspelt would have no effect. Not of a program that has not started EAL. */
RTE_FINI(name_unfound)
{
	const struct pattern *pattern;

	if (patterns == NULL || fastmem_malloc_config.wrong || fastmem_malloc_stage() <= STAGE_WAIT ||
			fastmem_malloc_is_forked() || rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	for (pattern = patterns; pattern != NULL; pattern = pattern->next)
		if (!rte_atomic_load_explicit(&pattern->found, rte_memory_order_relaxed))
			fprintf(stderr, "librte_fastmem_malloc.so: RTE_FASTMEM_MEMPOOL: there was no "
				"mempool '%s' that can be replaced\n", pattern->glob);
}

static bool
is_listed(const char *name)
{
	struct pattern *pattern;
	bool found = false;

	for (pattern = patterns; pattern != NULL; pattern = pattern->next)
		if (fnmatch(pattern->glob, name, 0) == 0) {
			rte_atomic_store_explicit(&pattern->found, true, rte_memory_order_relaxed);
			found = true;
		}
	return found;
}

/* Mempools. */

/*
 * Ops of DPDK's that keep objects in memory, and nothing else. Not so "bucket": it has blocks of
 * neighbours, and a program that names it may ask for some.
 */
static bool
is_software(const char *name)
{
	static const char *const names[] = { "ring_mp_mc", "ring_sp_sc", "ring_mp_sc", "ring_sp_mc",
		"ring_mt_rts", "ring_mt_hts", "stack", "lf_stack" };
	unsigned int i;

	for (i = 0; i < RTE_DIM(names) && strcmp(name, names[i]) != 0; i++)
		;
	return i < RTE_DIM(names);
}

static bool
is_wanted(const struct rte_mempool *mp)
{
	return mode != MEMPOOLS_OFF && (mp->flags & RTE_MEMPOOL_F_POOL_CREATED) == 0 &&
		mp->nb_mem_chunks == 0 && is_software(rte_mempool_get_ops(mp->ops_index)->name) &&
		(mode != MEMPOOLS_LISTED || is_listed(mp->name));
}

static bool
is_registered(void)
{
	return rte_mempool_ops_table.ops[ops_index].dequeue == mempool_fastmem_ops.dequeue ||
		fastmem_malloc_counts_mempools(ops_index, mempool_fastmem_ops.dequeue);
}

/* Whether there has been a mempool of fastmem's, which may still be there. */
bool
fastmem_malloc_has_mempools(void)
{
	return rte_atomic_load_explicit(&has_mempools, rte_memory_order_relaxed);
}

/* Give it the ops of fastmem's; where that cannot be, it stays what it is. */
static void
take(struct rte_mempool *mp)
{
	int32_t before = mp->ops_index;
	int ret = -ENOSPC;

	if (fastmem_malloc_stage() == STAGE_WAIT)
		fastmem_malloc_try_start();
	if (is_registered()) {
		mp->ops_index = ops_index;
		ret = mempool_fastmem_take(mp, mode == MEMPOOLS_GROW ?
			fastmem_malloc_grow_begin(mp) : NULL);
	}
	if (ret == 0) {
		/* Relaxed: who calls rte_fastmem_deinit() meanwhile ends what it may not. */
		rte_atomic_store_explicit(&has_mempools, true, rte_memory_order_relaxed);
		return;
	}
	fastmem_malloc_grow_end(mp);
	mp->ops_index = before;
	/* Of what nobody can do anything about, the report tells. */
	MALLOC_LOG_AS(ret == -ENOTSUP ? RTE_LOG_DEBUG : RTE_LOG_NOTICE,
		"mempool %s stays one of ops %s: %s", mp->name, rte_mempool_get_ops(before)->name,
		is_registered() ? rte_strerror(-ret) : "DPDK has no room for more mempool drivers");
}

PUBLIC int
rte_mempool_populate_default(struct rte_mempool *mp)
{
	fastmem_malloc_stage();
	if (is_wanted(mp))
		take(mp);
	return fastmem_malloc_grow_populate(mp);
}

/* Whether it has the ops of fastmem's that are registered here. */
bool
fastmem_malloc_is_replaced(const struct rte_mempool *mp)
{
	return mp->ops_index == (int32_t)ops_index && is_registered();
}

static void
on_event(enum rte_mempool_event event, struct rte_mempool *mp, void *arg)
{
	if (event == RTE_MEMPOOL_EVENT_READY)
		fastmem_malloc_grow_ready(mp);
	else if (event == RTE_MEMPOOL_EVENT_DESTROY)
		fastmem_malloc_grow_end(mp);
	mempool_fastmem_event(event, mp, arg);
}

/* Also where no mempool is to be replaced: other processes may have some. */
void
fastmem_malloc_register_mempools(void)
{
	if (rte_mempool_ops_table.num_ops <= ops_index)
		rte_mempool_ops_table.ops[ops_index] = mempool_fastmem_ops;
	if (rte_mempool_event_callback_register(on_event, NULL) != 0)
		fprintf(stderr, "librte_fastmem_malloc.so: no memory to watch mempools\n");
}

/*
 * EAL has loaded its plug-ins, one of which may have got the place of these ops. What the driver does,
 * these do as well, so that its mempools, of other processes, are served as before.
 */
void
fastmem_malloc_settle_mempools(void)
{
	uint32_t i;

	for (i = 0; !is_registered() && i < rte_mempool_ops_table.num_ops; i++)
		if (strcmp(rte_mempool_ops_table.ops[i].name, mempool_fastmem_ops.name) == 0) {
			rte_mempool_ops_table.ops[i] = mempool_fastmem_ops;
			ops_index = i;
		}
}
