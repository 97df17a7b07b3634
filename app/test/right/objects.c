/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Right: what programs do with objects. No checker may object to any of it. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

struct session {
	struct session *next;
	unsigned int id;
	unsigned int packets;
	char name[];
};

static struct session *
session_create(const char *name, struct session *next)
{
	size_t length = strlen(name) + 1;
	struct session *s = rte_fastmem_alloc(sizeof(*s) + length, 0, RTE_FASTMEM_F_ZERO);

	if (s == NULL)
		return next;
	memcpy(s->name, name, length);
	s->next = next;
	s->id = next == NULL ? 1 : next->id + 1;
	return s;
}

/* Objects that a list holds; what is zeroed is read. */
static unsigned int
keep_a_list(void)
{
	struct session *sessions = NULL, *next;
	unsigned int packets = 0;

	sessions = session_create("first", sessions);
	sessions = session_create("second", sessions);
	for (; sessions != NULL; sessions = next) {
		next = sessions->next;
		packets += sessions->packets + sessions->id;
		rte_fastmem_free(sessions);
	}
	return packets;
}

/* All bytes of an object, the first and the last among them. */
static unsigned int
use_all_bytes(size_t size, size_t align)
{
	unsigned char *obj = rte_fastmem_alloc(size, align, 0);
	unsigned int sum;

	if (obj == NULL)
		return 0;
	memset(obj, 1, size);
	obj[0] = 2;
	obj[size - 1] = 3;
	sum = obj[0] + obj[size - 1];
	rte_fastmem_free_sized(obj, size, align);
	return sum;
}

static unsigned int
free_nothing(void)
{
	rte_fastmem_free(NULL);
	rte_fastmem_free_sized(NULL, 100, 0);
	rte_fastmem_free_bulk(NULL, 0);
	return 1;
}

/* Objects of no bytes are objects. */
static unsigned int
have_nothing(void)
{
	void *one = rte_fastmem_alloc(0, 0, 0), *other = rte_fastmem_alloc(0, 8, 0);
	bool differ = one != other;

	rte_fastmem_free(one);
	rte_fastmem_free(other);
	return differ;
}

/* On failure the old array is there still. */
static unsigned int *
grow(unsigned int *ids, size_t n)
{
	unsigned int *more = rte_fastmem_realloc(ids, n * sizeof(*ids), 0);

	if (more == NULL)
		rte_fastmem_free(ids);
	return more;
}

static unsigned int
grow_an_array(unsigned int n)
{
	unsigned int *ids = rte_fastmem_alloc(n * sizeof(*ids), 0, 0), sum = 0, i;

	if (ids == NULL)
		return 0;
	for (i = 0; i < n; i++)
		ids[i] = i;
	ids = grow(ids, 10 * n);
	if (ids == NULL)
		return 0;
	for (i = n; i < 10 * n; i++)
		ids[i] = i;
	for (i = 0; i < 10 * n; i++)
		sum += ids[i];
	rte_fastmem_free(ids);
	return sum;
}

/* What nobody has written may be moved. */
static unsigned int
grow_what_is_not_written(void)
{
	unsigned int *ids = rte_fastmem_alloc(10 * sizeof(*ids), 0, 0), id;

	ids = ids == NULL ? NULL : grow(ids, 20);
	if (ids == NULL)
		return 0;
	ids[19] = 4;
	id = ids[19];
	rte_fastmem_free(ids);
	return id;
}

/* From nothing, back to nothing. */
static unsigned int
realloc_from_and_to_nothing(void)
{
	unsigned int *id = rte_fastmem_realloc(NULL, sizeof(*id), 0), seen;

	if (id == NULL)
		return 0;
	*id = 7;
	seen = *id;
	id = rte_fastmem_realloc(id, 0, 0);
	return id == NULL ? seen : 0;
}

static unsigned int
use_a_socket(void)
{
	unsigned int *id = rte_fastmem_alloc_socket(sizeof(*id), 0, 0, SOCKET_ID_ANY), seen;

	if (id == NULL)
		return 0;
	*id = 5;
	seen = *id;
	rte_fastmem_free(id);
	return seen;
}

static unsigned int
use_a_handle(void)
{
	rte_fastmem_handle_t handle;
	struct session *s;
	unsigned int id;

	if (rte_fastmem_hlookup(sizeof(*s) + 10, 0, SOCKET_ID_ANY, &handle) < 0)
		return 0;
	s = rte_fastmem_halloc(handle, RTE_FASTMEM_F_ZERO);
	if (s == NULL)
		return 0;
	s->id++;
	id = s->id + s->packets;
	rte_fastmem_hfree(handle, s);
	s = rte_fastmem_halloc(handle, 0);
	rte_fastmem_free(s); /* may take it as well */
	return id;
}

static unsigned int
use_bulk(void)
{
	unsigned int *ids[32], n = RTE_DIM(ids), sum = 0, i;

	if (rte_fastmem_alloc_bulk((void **)ids, n, sizeof(*ids[0]), 0, RTE_FASTMEM_F_ZERO) < 0)
		return 0;
	for (i = 0; i < n; i++)
		sum += (*ids[i])++;
	for (i = 0; i < n; i++)
		sum += *ids[i];
	/* Some one by one, the others together. */
	for (i = 0; i < n / 2; i++)
		rte_fastmem_free(ids[i]);
	rte_fastmem_free_bulk((void **)&ids[n / 2], n - n / 2);
	return sum;
}

int
main(int argc, char **argv)
{
	bool ok = true;

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	ok &= keep_a_list() == 3;
	ok &= use_all_bytes(13, 0) == 5;
	ok &= use_all_bytes(4096, 4096) == 5;
	ok &= use_all_bytes(100000, 0) == 5;
	ok &= free_nothing() == 1;
	ok &= have_nothing() == 1;
	ok &= grow_an_array(100) == 499500;
	ok &= grow_what_is_not_written() == 4;
	ok &= realloc_from_and_to_nothing() == 7;
	ok &= use_a_socket() == 5;
	ok &= use_a_handle() == 1;
	ok &= use_bulk() == 32;
	rte_fastmem_deinit();
	rte_eal_cleanup();
	printf("%s\n", ok ? "right" : "not as expected");
	return ok ? 0 : 1;
}
