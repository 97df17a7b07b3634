/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What Coverity Scan is told of fastmem: cov-make-library, or "Modeling file" in a project's settings.
 *
 * Models can include no header. They are of the functions that are called, not inlined: with
 * __COVERITY__ the headers of fastmem have them so. Of a typed pool whose address is lost nothing is
 * said, as it can be looked up.
 */

typedef unsigned long size_t;
typedef unsigned int uint32_t;
typedef uint32_t rte_fastmem_handle_t;
struct rte_fastmem_pool;

#define NULL ((void *)0)
#define F_ZERO 1u
#define AFM_FASTMEM "rte_fastmem_free"
#define AFM_POOL "rte_fastmem_pool_put"
#define AFM_MALLOC "rte_free"

void *__coverity_alloc__(size_t size);
void *__coverity_alloc_nosize__(void);
void __coverity_free__(void *ptr);
void __coverity_mark_as_afm_allocated__(void *ptr, const char *family);
void __coverity_mark_as_afm_freed__(void *ptr, const char *family);
void __coverity_mark_as_uninitialized_buffer__(void *ptr);
void __coverity_negative_sink__(size_t size);
void __coverity_writeall__(void *ptr);
void __coverity_writeall0__(void *ptr);

static void *
allocate(size_t size, int zeroed, const char *family)
{
	int fails;
	void *ptr;

	__coverity_negative_sink__(size);
	if (fails)
		return NULL;
	ptr = __coverity_alloc__(size);
	if (zeroed)
		__coverity_writeall0__(ptr);
	else
		__coverity_mark_as_uninitialized_buffer__(ptr);
	__coverity_mark_as_afm_allocated__(ptr, family);
	return ptr;
}

static void
release(void *ptr, const char *family)
{
	__coverity_free__(ptr);
	__coverity_mark_as_afm_freed__(ptr, family);
}

static void *
resize(void *ptr, size_t size, const char *family)
{
	void *moved = NULL;

	if (size != 0) {
		moved = allocate(size, 0, family);
		if (moved == NULL)
			return NULL;
		__coverity_writeall__(moved);
	}
	if (ptr != NULL)
		release(ptr, family);
	return moved;
}

void *
rte_fastmem_alloc(size_t size, size_t align, unsigned int flags)
{
	return allocate(size, flags & F_ZERO, AFM_FASTMEM);
}

void *
rte_fastmem_alloc_socket(size_t size, size_t align, unsigned int flags, int socket_id)
{
	return allocate(size, flags & F_ZERO, AFM_FASTMEM);
}

void *
rte_fastmem_halloc(rte_fastmem_handle_t handle, unsigned int flags)
{
	int fails;
	void *ptr;

	if (fails)
		return NULL;
	ptr = __coverity_alloc_nosize__();
	if (flags & F_ZERO)
		__coverity_writeall0__(ptr);
	__coverity_mark_as_afm_allocated__(ptr, AFM_FASTMEM);
	return ptr;
}

void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
{
	return resize(ptr, size, AFM_FASTMEM);
}

void
rte_fastmem_free(void *ptr)
{
	release(ptr, AFM_FASTMEM);
}

void
rte_fastmem_free_sized(void *ptr, size_t size, size_t align)
{
	release(ptr, AFM_FASTMEM);
}

void
rte_fastmem_hfree(rte_fastmem_handle_t handle, void *ptr)
{
	release(ptr, AFM_FASTMEM);
}

/* It has the contents that it was left with. rte_fastmem_free() takes it as well: so no mark. */
void *
rte_fastmem_pool_get(struct rte_fastmem_pool *pool)
{
	int fails;
	void *obj;

	if (fails)
		return NULL;
	obj = __coverity_alloc_nosize__();
	__coverity_writeall__(obj);
	return obj;
}

void
rte_fastmem_pool_put(struct rte_fastmem_pool *pool, void *obj)
{
	release(obj, AFM_POOL);
}

int
rte_fastmem_pool_free(struct rte_fastmem_pool *pool)
{
	__coverity_free__(pool);
	return 0;
}

/* The names of rte_fastmem_replace.h, where RTE_FASTMEM_REPLACE_MALLOC is defined. */

void *
rte_fastmem_replace_malloc(const char *type, size_t size, unsigned int align)
{
	return allocate(size, 0, AFM_MALLOC);
}

void *
rte_fastmem_replace_malloc_socket(const char *type, size_t size, unsigned int align,
		int socket_id)
{
	return allocate(size, 0, AFM_MALLOC);
}

void *
rte_fastmem_replace_zmalloc(const char *type, size_t size, unsigned int align)
{
	return allocate(size, 1, AFM_MALLOC);
}

void *
rte_fastmem_replace_zmalloc_socket(const char *type, size_t size, unsigned int align,
		int socket_id)
{
	return allocate(size, 1, AFM_MALLOC);
}

void *
rte_fastmem_replace_calloc(const char *type, size_t num, size_t size, unsigned int align)
{
	return allocate(num * size, 1, AFM_MALLOC);
}

void *
rte_fastmem_replace_calloc_socket(const char *type, size_t num, size_t size, unsigned int align,
		int socket_id)
{
	return allocate(num * size, 1, AFM_MALLOC);
}

void *
rte_fastmem_replace_realloc(void *ptr, size_t size, unsigned int align)
{
	return resize(ptr, size, AFM_MALLOC);
}

void *
rte_fastmem_replace_realloc_socket(void *ptr, size_t size, unsigned int align, int socket_id)
{
	return resize(ptr, size, AFM_MALLOC);
}

void
rte_free(void *ptr)
{
	release(ptr, AFM_MALLOC);
}

void
rte_free_sensitive(void *ptr)
{
	release(ptr, AFM_MALLOC);
}
