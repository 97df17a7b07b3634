/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_MODEL_H_
#define _RTE_FASTMEM_MODEL_H_

/**
 * @file
 * RTE fastmem: what attributes cannot tell static analysers, told by function bodies
 *
 * Internal to fastmem, part of rte_fastmem_core.h and of rte_fastmem_pool.h where
 * RTE_FASTMEM_NO_INLINE is defined.
 *
 * To GCC: that a realloc frees an object only if it succeeds. The function itself takes a
 * pointer to what is constant here, or it would be thought to keep the object somewhere. And
 * that the size with which an object is freed is its own. This is compiled and runs; functions,
 * as GCC does not warn of what is in a macro of a system header.
 *
 * To clang's analyser: that an object has no contents yet unless RTE_FASTMEM_F_ZERO is
 * given, and an object of a pool has those that it was left with. By the names that the analyser
 * knows; this never runs.
 */

#if defined(__clang_analyzer__)
#include <stdlib.h>
#include <string.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

#if defined(RTE_FASTMEM_HAS_PAIRS)

__rte_experimental
void *
rte_fastmem_realloc_unmodelled(const void *ptr, size_t size, size_t align)
	__asm__("rte_fastmem_realloc")
	__rte_warn_unused_result __rte_alloc_size(2) __rte_alloc_align(3) __rte_access_none(1)
	__rte_fastmem_deallocs
	__rte_fastmem_dealloc(rte_fastmem_hfree, 2);

__rte_fastmem_always_inline void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
{
	void *moved = rte_fastmem_realloc_unmodelled(ptr, size, align);

	if (size == 0 && moved != NULL)
		__rte_unreachable();
	if (size == 0 || moved != NULL)
		rte_fastmem_moved(ptr);
	return moved;
}

void rte_fastmem_wrong_size(void *ptr) __asm__("rte_fastmem_moved")
	__rte_call_warning("object is freed with a size that it was not allocated with");

/* What the compiler knows of a size is the least and the most that it may be. */
__rte_fastmem_always_inline void
rte_fastmem_free_sized(void *ptr, size_t size, size_t align)
{
	size_t least = __rte_object_size(ptr, 2), most = __rte_object_size(ptr, 0);

	if (__rte_constant(size < least || size > most) && (size < least || size > most))
		rte_fastmem_wrong_size(ptr);
	rte_fastmem_free_sized_unmodelled(ptr, size, align);
}

#elif defined(__clang_analyzer__)

/* Of these values nothing is known. */
extern const unsigned char rte_fastmem_model_byte;
extern const size_t rte_fastmem_model_size;

__rte_fastmem_always_inline void *
rte_fastmem_alloc(size_t size, size_t align, unsigned int flags)
{
	(void)align;
	return flags & RTE_FASTMEM_F_ZERO ? calloc(1, size) : malloc(size);
}

__rte_fastmem_always_inline void *
rte_fastmem_alloc_socket(size_t size, size_t align, unsigned int flags, int socket_id)
{
	(void)socket_id;
	return rte_fastmem_alloc(size, align, flags);
}

__rte_fastmem_always_inline void *
rte_fastmem_realloc(void *ptr, size_t size, size_t align)
{
	(void)align;
	return realloc(ptr, size);
}

/* Of a handle's size class. */
__rte_fastmem_always_inline void *
rte_fastmem_halloc(rte_fastmem_handle_t handle, unsigned int flags)
{
	(void)handle;
	return rte_fastmem_alloc(rte_fastmem_model_size, 0, flags);
}

/* Of a pool. */
__rte_fastmem_always_inline void *
rte_fastmem_model_object(void)
{
	void *obj = malloc(rte_fastmem_model_size);

	if (obj != NULL)
		memset(obj, rte_fastmem_model_byte, rte_fastmem_model_size);
	return obj;
}

#endif

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#endif /* _RTE_FASTMEM_MODEL_H_ */
