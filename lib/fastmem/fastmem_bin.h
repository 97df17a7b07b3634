/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_BIN_H
#define FASTMEM_BIN_H

/*
 * What fastmem_bin.c, fastmem_slab.c and fastmem_slab_make.c share: lists and counts of a bin,
 * all under bin.lock.
 */

#include "fastmem_private.h"

enum put_result {
	PUT_DONE,
	PUT_NO_OBJECT, /* of any bin: freed twice, and its slab has gone; or a wild pointer */
	PUT_INSIDE,
	PUT_TWICE,
};

/* fastmem_slab_make.c */
void fastmem_slab_release(struct fastmem_bin *bin, struct fastmem_granule *slab);

/* fastmem_bin.c */
enum put_result fastmem_slab_put(struct fastmem_bin *bin, struct fastmem_granule *slab,
		const void *obj);
void fastmem_bin_count_slab(struct fastmem_bin *bin, const struct fastmem_granule *slab);
void fastmem_bin_count_out(struct fastmem_bin *bin, int64_t n);
void fastmem_bin_list_remove(struct fastmem_bin *bin, struct fastmem_granule *slab);
void fastmem_bin_list_push_tail(struct fastmem_bin *bin, struct fastmem_granule *slab);
void fastmem_bin_pool_list_push(struct fastmem_bin *bin, struct fastmem_granule *slab);
void fastmem_bin_pool_list_remove(struct fastmem_bin *bin, struct fastmem_granule *slab);
void fastmem_bin_count_empty(struct fastmem_bin *bin, int n);
void fastmem_slab_uncount(struct fastmem_bin *bin, struct fastmem_granule *slab);
void fastmem_bin_transfer_begin(struct fastmem_bin *bin, enum fastmem_transfer_op op, void **objs,
		RTE_ATOMIC(uint32_t) *n_objs, uint32_t first, uint32_t n, uint32_t count);
void fastmem_bin_transfer_end(struct fastmem_bin *bin);

#endif /* FASTMEM_BIN_H */
