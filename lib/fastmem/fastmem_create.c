/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The shared state: the primary makes it and gives it back. Under life_lock.
 */

#include <errno.h>
#include <string.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"
#include "fastmem_layout.h"
#include "fastmem_private.h"

static void
socket_init(struct fastmem_ctl *ctl, unsigned int socket)
{
	struct fastmem_arena *arena = &ctl->arenas[socket];
	unsigned int i;

	fastmem_arena_init(arena, fastmem_eal_socket_id(socket));
	arena->first_bin = 1 + socket * FASTMEM_BINS_PER_SOCKET;
	for (i = 0; i < FASTMEM_BINS_PER_SOCKET; i++) {
		size_t align = FASTMEM_GRANULE;
		size_t size = i < RTE_FASTMEM_N_CLASSES ? fastmem_class_size(i) :
			i < FASTMEM_FIRST_SAMPLED ?
				fastmem_overaligned_size(i - RTE_FASTMEM_N_CLASSES, &align) :
				(size_t)256 << 2 * (i - FASTMEM_FIRST_SAMPLED);

		fastmem_bin_init(&ctl->bins[arena->first_bin + i], arena->first_bin + i, socket,
			size, align >> RTE_FASTMEM_GRANULE_SHIFT);
		ctl->bins[arena->first_bin + i].sampled = i >= FASTMEM_FIRST_SAMPLED;
	}
}

/* Give back all that the primary has set up. */
void
fastmem_destroy(struct fastmem_ctl *ctl)
{
	struct fastmem_meta *meta = &ctl->meta;
	uint32_t i;

	/* Until now, a secondary that asked for memory had an answer. */
	fastmem_mp_stop();
	FASTMEM_HOOK(memory_ends);
	for (i = 0; i < ctl->n_sockets; i++)
		fastmem_arena_destroy(&ctl->arenas[i]);
	FASTMEM_HOOK(detach);
	fastmem_set_process_state(FASTMEM_PROCESS_NONE);
	fastmem_process.ctl = NULL;
	fastmem_map_detach();
	fastmem_alive_remove();
	for (i = 0; i < meta->n_zones; i++)
		fastmem_eal_zone_free(meta->zones[i]);
	fastmem_eal_zone_free(fastmem_process.ctl_zone);
	fastmem_process.ctl_zone = NULL;
}

/* Returns 0 or -ENOMEM. */
int
fastmem_create(const struct fastmem_settings *settings)
{
	unsigned int n_sockets = RTE_MIN(fastmem_eal_sockets(),
			(RTE_FASTMEM_MAX_BINS - RTE_FASTMEM_MAX_POOLS - 1u) /
				FASTMEM_BINS_PER_SOCKET);
	unsigned int first_pool_bin = 1 + n_sockets * FASTMEM_BINS_PER_SOCKET, i;
	unsigned int n_bins = first_pool_bin + RTE_FASTMEM_MAX_POOLS;
	size_t size = sizeof(struct fastmem_ctl) + n_bins * sizeof(struct fastmem_bin);
	const struct rte_memzone *mz;
	struct fastmem_ctl *ctl;
	uintptr_t first_granule;
	uint64_t n_granules;

	if (fastmem_eal_span(&first_granule, &n_granules) != 0) {
		FASTMEM_LOG(ERR, "EAL has no memory: call rte_eal_init() first");
		return -ENOMEM;
	}
	mz = fastmem_eal_reserve_ctl(size);
	if (mz == NULL)
		return -ENOMEM;
	memset(mz->addr, 0, mz->len);
	ctl = mz->addr;
	ctl->version = FASTMEM_LAYOUT_VERSION;
	ctl->size_of_ctl = sizeof(*ctl);
	ctl->n_sockets = n_sockets;
	ctl->n_bins = n_bins;
	ctl->first_pool_bin = first_pool_bin;
	fastmem_meta_init(&ctl->meta, mz, size);
	ctl->first_granule = first_granule;
	ctl->n_granules = n_granules;
	if (fastmem_peers_create(ctl) != 0) {
		fastmem_eal_zone_free(mz);
		return -ENOMEM;
	}
	if (fastmem_map_create(ctl) != 0) {
		fastmem_alive_remove();
		fastmem_eal_zone_free(mz);
		return -ENOMEM;
	}
	for (i = 0; i < n_sockets; i++)
		socket_init(ctl, i);
	ctl->first_socket = fastmem_eal_first_socket(ctl);
	fastmem_pools_init(ctl);
	fastmem_steal_init();
	fastmem_process.ctl_zone = mz;
	fastmem_process.layout = &fastmem_layout;
	fastmem_process.iova_is_va = fastmem_eal_iova_is_va();
	fastmem_process.ctl = ctl;
	if (FASTMEM_HOOK_OR(0, create, ctl, settings) != 0) {
		FASTMEM_LOG(ERR, "no memory for what checking needs");
		fastmem_destroy(ctl);
		return -ENOMEM;
	}
	FASTMEM_HOOK(attach, ctl, settings);
	return 0;
}
