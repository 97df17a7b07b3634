/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: errors with the other functions that allocate and free. For static analysers only. */

#include <stdlib.h>

#include <rte_fastmem.h>

void overflow_on_a_socket(void);
void overflow_after_realloc(void);
int read_after_sized_free(void);
void double_free_by_size(void);
void double_free_by_handle(rte_fastmem_handle_t handle);
void double_free_mixed(rte_fastmem_handle_t handle);
void free_interior_by_handle(rte_fastmem_handle_t handle);
void free_stack_by_size(void);
void free_foreign_by_handle(rte_fastmem_handle_t handle);
void realloc_of_foreign(void);
void wrong_size(void);
void leak_of_handle(rte_fastmem_handle_t handle);
void leak_of_realloc(void);
void leak_where_realloc_fails(void);
int uninitialised_on_a_socket(void);
void double_free_after_realloc(void);
void free_by_libc_after_realloc(void);

void
overflow_on_a_socket(void)
{
	char *obj = rte_fastmem_alloc_socket(10, 0, 0, 0);

	if (obj == NULL)
		return;
	obj[10] = 1; /* WRONG: overflow-after */
	rte_fastmem_free(obj);
}

void
overflow_after_realloc(void)
{
	char *obj = rte_fastmem_realloc(NULL, 10, 0);

	if (obj == NULL)
		return;
	obj[10] = 1; /* WRONG: overflow-after, not cppcheck */
	rte_fastmem_free(obj);
}

int
read_after_sized_free(void)
{
	int *obj = rte_fastmem_alloc(sizeof(*obj), 0, 0), seen;

	if (obj == NULL)
		return 0;
	*obj = 1;
	rte_fastmem_free_sized(obj, sizeof(*obj), 0);
	seen = *obj; /* WRONG: read-after-free */
	return seen;
}

void
double_free_by_size(void)
{
	void *obj = rte_fastmem_alloc_socket(100, 0, 0, SOCKET_ID_ANY);

	rte_fastmem_free_sized(obj, 100, 0);
	rte_fastmem_free_sized(obj, 100, 0); /* WRONG: double-free, not gcc-fanalyzer */
}

void
double_free_by_handle(rte_fastmem_handle_t handle)
{
	void *obj = rte_fastmem_halloc(handle, 0);

	rte_fastmem_hfree(handle, obj);
	rte_fastmem_hfree(handle, obj); /* WRONG: double-free */
}

void
double_free_mixed(rte_fastmem_handle_t handle)
{
	void *obj = rte_fastmem_halloc(handle, 0);

	rte_fastmem_free(obj);
	rte_fastmem_hfree(handle, obj); /* WRONG: double-free, not gcc-fanalyzer */
}

void
free_interior_by_handle(rte_fastmem_handle_t handle)
{
	char *obj = rte_fastmem_halloc(handle, 0);

	if (obj == NULL)
		return;
	rte_fastmem_hfree(handle, obj + 8); /* WRONG: free-interior */
}

void
free_stack_by_size(void)
{
	int count = 0;

	rte_fastmem_free_sized(&count, sizeof(count), 0); /* WRONG: free-stack, not gcc-fanalyzer, cppcheck */
}

void
free_foreign_by_handle(rte_fastmem_handle_t handle)
{
	void *obj = malloc(100);

	rte_fastmem_hfree(handle, obj); /* WRONG: free-foreign */
}

void
realloc_of_foreign(void)
{
	void *obj = malloc(100);

	obj = rte_fastmem_realloc(obj, 200, 0); /* WRONG: free-foreign, not gcc-fanalyzer, cppcheck */
	rte_fastmem_free(obj);
}

void
wrong_size(void)
{
	void *obj = rte_fastmem_realloc(NULL, 100, 0);

	rte_fastmem_free_sized(obj, 10, 0); /* WRONG: wrong-size-free */
}

void
leak_of_handle(rte_fastmem_handle_t handle)
{
	int *obj = rte_fastmem_halloc(handle, 0);

	if (obj == NULL)
		return;
	*obj = 1;
} /* WRONG: leak */

void
leak_of_realloc(void)
{
	int *obj = rte_fastmem_realloc(NULL, 100, 0);

	if (obj == NULL)
		return;
	*obj = 1;
} /* WRONG: leak, not cppcheck */

void
leak_where_realloc_fails(void)
{
	int *obj = rte_fastmem_alloc(100, 0, 0), *more;

	if (obj == NULL)
		return;
	more = rte_fastmem_realloc(obj, 200, 0);
	if (more == NULL)
		return; /* WRONG: leak, not cppcheck */
	rte_fastmem_free(more);
}

int
uninitialised_on_a_socket(void)
{
	int *obj = rte_fastmem_alloc_socket(2 * sizeof(*obj), 0, 0, 0), is_set = 0;

	if (obj == NULL)
		return 0;
	obj[0] = 1;
	if (obj[1] > 0) /* WRONG: uninitialised-read */
		is_set = 1;
	rte_fastmem_free(obj);
	return is_set;
}

void
double_free_after_realloc(void)
{
	void *obj = rte_fastmem_alloc(100, 0, 0), *more;

	if (obj == NULL)
		return;
	more = rte_fastmem_realloc(obj, 200, 0);
	if (more != NULL)
		rte_fastmem_free(more);
	rte_fastmem_free(obj); /* WRONG: double-free, not gcc-warnings, gcc-fanalyzer, cppcheck */
}

void
free_by_libc_after_realloc(void)
{
	void *obj = rte_fastmem_realloc(NULL, 100, 0);

	free(obj); /* WRONG: wrong-deallocator, not cppcheck */
}
