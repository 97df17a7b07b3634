/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The store of a pool of external objects: what slabs are to other bins, where the
 * memory of the objects is not fastmem's. It is an array of addresses, last in first
 * out, with room for all of them.
 *
 * All under bin.lock. Addresses are copied first; then both counts change, for which
 * there is the bin's transfer if the holder of the lock dies.
 */

#include <string.h>

#include "fastmem_private.h"

static void
set_counts(struct fastmem_bin *bin, RTE_ATOMIC(uint32_t) *n_objs, uint32_t count, uint32_t n_stored)
{
	struct fastmem_transfer *tr = &bin->transfer;

	tr->n_objs = n_objs;
	tr->count = count;
	tr->n_stored = n_stored;
	FASTMEM_MOVE(tr->op, FASTMEM_TRANSFER_STORE);
	fastmem_store_repair(bin);
}

/* Do the second half of a transfer, or do it once more. */
void
fastmem_store_repair(struct fastmem_bin *bin)
{
	FASTMEM_MOVE(*bin->transfer.n_objs, bin->transfer.count);
	FASTMEM_MOVE(bin->n_stored, bin->transfer.n_stored);
	FASTMEM_MOVE(bin->transfer.op, FASTMEM_TRANSFER_NONE);
}

/* Move up to n addresses to the end of an array in shared memory. Returns how many. */
unsigned int
fastmem_store_alloc(struct fastmem_bin *bin, void **objs, RTE_ATOMIC(uint32_t) *n_objs,
		unsigned int n)
{
	uint32_t first = *n_objs;

	n = RTE_MIN(n, bin->n_stored);
	if (n == 0)
		return 0;
	memcpy(objs + first, bin->store + bin->n_stored - n, n * sizeof(objs[0]));
	set_counts(bin, n_objs, first + n, bin->n_stored - n);
	return n;
}

/*
 * Take all addresses of an array in shared memory, where NULL stands for none. Returns
 * how many there is no room for: some were put twice.
 */
unsigned int
fastmem_store_free(struct fastmem_bin *bin, void **objs, RTE_ATOMIC(uint32_t) *n_objs)
{
	uint32_t n_stored = bin->n_stored, i;
	unsigned int n_wrong = 0;

	for (i = 0; i < *n_objs; i++) {
		if (objs[i] == NULL)
			continue;
		if (n_stored < bin->n_slots)
			bin->store[n_stored++] = objs[i];
		else
			n_wrong++;
	}
	set_counts(bin, n_objs, 0, n_stored);
	return n_wrong;
}
