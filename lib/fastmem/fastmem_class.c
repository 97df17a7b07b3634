/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Size classes: from a size and an alignment to a bin, and back.
 *
 * Classes are 8, 16, 32 and 48 bytes, then 64 to 512 in steps of 64, then eight to each doubling:
 * what a size wastes is at most 1/8 of it, or a line. rte_fastmem_class() (rte_fastmem_core.h) is
 * the inverse of fastmem_class_size(): who changes the rule changes both, and
 * RTE_FASTMEM_N_CLASSES.
 *
 * A socket's bins are those of the classes, then those for alignments above a granule, each a
 * multiple of its alignment, then those for sampled objects (FASTMEM_BINS_PER_SOCKET).
 */

#include <errno.h>

#include "fastmem_hooks.h"
#include "fastmem_private.h"

/* The size and the alignment, in bytes, of one of the bins for alignments above a granule. */
size_t
fastmem_overaligned_size(unsigned int i, size_t *align)
{
	size_t n;

	/* 8 of 128 KiB, 4 of 256 KiB, 2 of 512 KiB, 1 of 1 MiB. */
	*align = (size_t)128 << 10;
	for (n = 8; i >= n; n /= 2) {
		i -= n;
		*align *= 2;
	}
	return (i + 1) * *align;
}

static unsigned int
overaligned_index(size_t size, size_t align)
{
	unsigned int first = 0, n = 8;
	size_t a;

	for (a = (size_t)128 << 10; a < align; a *= 2) {
		first += n;
		n /= 2;
	}
	return first + size / align - 1;
}

/* Bytes of a class, of RTE_FASTMEM_N_CLASSES. */
size_t
fastmem_class_size(unsigned int i)
{
	static const uint16_t tiny[RTE_FASTMEM_N_TINY] = { 8, 16, 32, 48 };
	unsigned int lines, log2;

	if (i < RTE_FASTMEM_N_TINY)
		return tiny[i];
	i -= RTE_FASTMEM_N_TINY;
	if (i < 8)
		return (i + 1) * 64;
	/* Eight to a doubling: 9/8 .. 16/8 of the power of two below. */
	log2 = i / 8 - 1;
	lines = 8 + i % 8 + 1;
	return ((size_t)lines * 64) << log2;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_max_size, 26.11)
size_t
rte_fastmem_max_size(void)
{
	return RTE_FASTMEM_MAX_SIZE;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_classes, 26.11)
unsigned int
rte_fastmem_classes(size_t *sizes)
{
	unsigned int i;

	for (i = 0; sizes != NULL && i < RTE_FASTMEM_N_CLASSES; i++)
		sizes[i] = fastmem_class_size(i);
	if (sizes != NULL)
		FASTMEM_HOOK(wrote, sizes, RTE_FASTMEM_N_CLASSES * sizeof(sizes[0]));
	return RTE_FASTMEM_N_CLASSES;
}

/* The class of the size that a bin's slots have. */
unsigned int
fastmem_bin_class(const struct fastmem_bin *bin)
{
	unsigned int offset = (bin->id - 1) % FASTMEM_BINS_PER_SOCKET;

	return offset < RTE_FASTMEM_N_CLASSES ? offset : rte_fastmem_class(bin->slot_size, 0);
}

/*
 * The bin of a request, counted from the first bin of a socket. Returns 0, or
 * the negative errno for what is wrong with the request.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_bin_offset)
int
fastmem_bin_offset(size_t size, size_t align, unsigned int *offset)
{
	if (align != 0 && (align & (align - 1)) != 0)
		return -EINVAL;
	if (size > RTE_FASTMEM_MAX_SIZE || align > RTE_FASTMEM_MAX_SIZE)
		return -E2BIG;
	if (align <= FASTMEM_GRANULE) {
		*offset = rte_fastmem_class(size, align);
		return *offset < RTE_FASTMEM_N_CLASSES ? 0 : -E2BIG;
	}
	size = RTE_ALIGN_CEIL(RTE_MAX(size, (size_t)1), align);
	*offset = RTE_FASTMEM_N_CLASSES + overaligned_index(size, align);
	return 0;
}
