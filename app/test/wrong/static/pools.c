/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: errors with the objects of pools. For static analysers only. */

#include <stdlib.h>

#include <rte_fastmem_pool.h>

int read_after_put(struct rte_fastmem_pool *pool);
void put_twice(struct rte_fastmem_pool *pool);
void put_and_free(struct rte_fastmem_pool *pool);
void put_interior(struct rte_fastmem_pool *pool);
void put_stack(struct rte_fastmem_pool *pool);
void put_foreign(struct rte_fastmem_pool *pool);
void put_what_is_of_no_pool(struct rte_fastmem_pool *pool);
void free_by_libc(struct rte_fastmem_pool *pool);
void lose_object(struct rte_fastmem_pool *pool);
void free_pool_twice(const struct rte_fastmem_pool_params *params);

int
read_after_put(struct rte_fastmem_pool *pool)
{
	int *obj = rte_fastmem_pool_get(pool), seen;

	if (obj == NULL)
		return 0;
	*obj = 1;
	rte_fastmem_pool_put(pool, obj);
	seen = *obj; /* WRONG: read-after-free */
	return seen;
}

void
put_twice(struct rte_fastmem_pool *pool)
{
	void *obj = rte_fastmem_pool_get(pool);

	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_pool_put(pool, obj); /* WRONG: double-free */
}

void
put_and_free(struct rte_fastmem_pool *pool)
{
	void *obj = rte_fastmem_pool_get(pool);

	rte_fastmem_pool_put(pool, obj);
	rte_fastmem_free(obj); /* WRONG: double-free, not gcc-fanalyzer */
}

void
put_interior(struct rte_fastmem_pool *pool)
{
	char *obj = rte_fastmem_pool_get(pool);

	if (obj == NULL)
		return;
	rte_fastmem_pool_put(pool, obj + 8); /* WRONG: free-interior */
}

void
put_stack(struct rte_fastmem_pool *pool)
{
	int count = 0;

	rte_fastmem_pool_put(pool, &count); /* WRONG: free-stack, not cppcheck */
}

void
put_foreign(struct rte_fastmem_pool *pool)
{
	void *obj = malloc(100);

	rte_fastmem_pool_put(pool, obj); /* WRONG: free-foreign */
}

void
put_what_is_of_no_pool(struct rte_fastmem_pool *pool)
{
	void *obj = rte_fastmem_alloc(100, 0, 0);

	rte_fastmem_pool_put(pool, obj); /* WRONG: wrong-deallocator, not cppcheck */
}

void
free_by_libc(struct rte_fastmem_pool *pool)
{
	void *obj = rte_fastmem_pool_get(pool);

	free(obj); /* WRONG: wrong-deallocator */
}

void
lose_object(struct rte_fastmem_pool *pool)
{
	int *obj = rte_fastmem_pool_get(pool);

	if (obj == NULL)
		return;
	*obj = 1;
} /* WRONG: leak */

void
free_pool_twice(const struct rte_fastmem_pool_params *params)
{
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(params);

	rte_fastmem_pool_free(pool);
	rte_fastmem_pool_free(pool); /* WRONG: double-free, not cppcheck */
}
