/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Populates mempools in each of the ways that there are. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memzone.h>
#include <rte_mempool.h>

#include "test_replace_program.h"

#define N 100u
#define SIZE 256

static void *objs[N];

static struct rte_mempool *
make_empty(const char *name, unsigned int size, unsigned int flags)
{
	struct rte_mempool *mp = rte_mempool_create_empty(name, N, size, 16, 0, SOCKET_ID_ANY,
		flags);

	if (mp == NULL)
		printf("%s: not made: %d\n", name, rte_errno);
	return mp;
}

/* Whether objects lie in the memory that the mempool tells of. */
struct memory {
	char *from[64];
	char *to[64];
	unsigned int n, out, ranges;
	size_t len;
};

static void
note_memory(struct rte_mempool *mp __rte_unused, void *arg, struct rte_mempool_memhdr *memhdr,
		unsigned int i)
{
	struct memory *m = arg;

	m->ranges += i == m->n;
	m->len += memhdr->len;
	if (m->n < RTE_DIM(m->from)) {
		m->from[m->n] = memhdr->addr;
		m->to[m->n++] = (char *)memhdr->addr + memhdr->len;
	}
}

static void
find_object(struct rte_mempool *mp, void *arg, void *obj, unsigned int i __rte_unused)
{
	struct memory *m = arg;
	char *at = obj;
	unsigned int r;

	for (r = 0; r < m->n; r++)
		if (at >= m->from[r] && at + mp->elt_size <= m->to[r])
			return;
	m->out++;
}

static void
print_state(const char *what, struct rte_mempool *mp)
{
	struct memory m = { .n = 0 };
	unsigned int n, i;

	n = rte_mempool_mem_iter(mp, note_memory, &m);
	printf("%s: populated %u, memory %s, for IO %d", what, mp->populated_size,
		n == 0 ? "none" : n == m.ranges && n == mp->nb_mem_chunks ? "there" : "strange",
		(mp->flags & RTE_MEMPOOL_F_NON_IO) == 0);
	n = rte_mempool_obj_iter(mp, find_object, &m);
	printf(", objects %u, out of it %u", n, m.out);
	if (mp->populated_size != 0) {
		for (i = 0; i < N && rte_mempool_get(mp, &objs[i]) == 0; i++)
			;
		printf(", got %u of %u", i, mp->size);
		rte_mempool_put_bulk(mp, objs, i);
		printf(", %u to be had", rte_mempool_avail_count(mp));
	}
	printf("\n");
}

static void
by_default(void)
{
	struct rte_mempool *mp = make_empty("default", SIZE, 0);

	print_state("empty", mp);
	printf("populated: %d\n", rte_mempool_populate_default(mp));
	print_state("populated", mp);
	printf("again: %d\n", rte_mempool_populate_default(mp));
	rte_mempool_free(mp);

	mp = make_empty("no_iova", SIZE, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	printf("populated: %d\n", rte_mempool_populate_default(mp));
	print_state("without IO addresses", mp);
	rte_mempool_free(mp);

	/*
	 * Whether there were IO addresses for some, before memory for all was missing, depends on
	 * which physical pages there are.
	 */
	mp = make_empty("large", 3 << 20, 0);
	mp->size = 3;
	printf("populated: %d\n", rte_mempool_populate_default(mp));
	mp->flags |= RTE_MEMPOOL_F_NON_IO;
	print_state("objects of 3 MiB", mp);
	rte_mempool_free(mp);

	rte_mempool_free(make_empty("never", SIZE, 0));
}

static unsigned int n_freed;

static void
count_free(struct rte_mempool_memhdr *memhdr __rte_unused, void *opaque)
{
	++*(unsigned int *)opaque;
}

static void
by_hand(const struct rte_memzone *mz)
{
	struct rte_mempool *mp = make_empty("by_hand", SIZE, 0);
	char *at = mz->addr;

	printf("too little memory: %d\n",
		rte_mempool_populate_iova(mp, at, mz->iova, SIZE, count_free, &n_freed));
	printf("memory for some: %d\n",
		rte_mempool_populate_iova(mp, at, mz->iova, 16384, count_free, &n_freed) > 0);
	print_state("some", mp);
	printf("by default as well: %d\n", rte_mempool_populate_default(mp));
	printf("memory for all: %d\n", rte_mempool_populate_iova(mp, at + 16384, mz->iova + 16384,
		mz->len - 16384, count_free, &n_freed) > 0);
	print_state("all", mp);
	printf("more memory: %d\n",
		rte_mempool_populate_iova(mp, at, mz->iova, 16384, count_free, &n_freed));
	rte_mempool_free(mp);
	printf("freed %u times\n", n_freed);
}

static void
by_address(const struct rte_memzone *mz)
{
	struct rte_mempool *mp = make_empty("by_address", SIZE, 0);

	printf("virtual memory: %d\n", rte_mempool_populate_virt(mp, mz->addr, mz->len,
		mz->hugepage_sz, count_free, &n_freed));
	print_state("virtual", mp);
	rte_mempool_free(mp);
	printf("freed %u times\n", n_freed);
}

static void
by_mapping(void)
{
	struct rte_mempool *mp = make_empty("mapped", SIZE, 0);

	rte_errno = 0;
	printf("anonymous memory: %d\n", rte_mempool_populate_anon(mp));
	print_state("anonymous", mp);
	printf("again: %d", rte_mempool_populate_anon(mp));
	printf(", errno %d\n", rte_errno);
	rte_mempool_free(mp);
}

void
populate_mempools(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve_aligned("for objects", 128 << 10,
		SOCKET_ID_ANY, RTE_MEMZONE_IOVA_CONTIG, 128 << 10);

	if (mz == NULL)
		rte_exit(EXIT_FAILURE, "no memory to populate with: %s\n", rte_strerror(rte_errno));
	by_default();
	by_hand(mz);
	by_address(mz);
	by_mapping();
	rte_memzone_free(mz);
}
