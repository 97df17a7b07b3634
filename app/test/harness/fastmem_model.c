/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Operations on fastmem, read from bytes, and checked against a model.
 *
 * The model is a list of the objects that must be live, each with what it was
 * asked for and what was written into it, and a count of what must have been
 * counted. Whatever the bytes say, there is an answer that fastmem must give.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_fastmem_debug.h>
#include <rte_lcore.h>

#include "fastmem_model_private.h"
#include "fastmem_verify.h"
#include "pattern.h"

#define MAX_BULK 700u
#define MAX_BYTES ((size_t)40 << 20) /* of live objects */
#define MAX_SIZE ((size_t)1 << 20)
#define BY_HANDLE 4u /* beside fastmem's flags */

unsigned int
model_take(struct model *m, unsigned int n_bytes)
{
	unsigned int value = 0;

	for (; n_bytes > 0; n_bytes--) {
		value <<= 8;
		if (m->left > 0) {
			value |= *m->in++;
			m->left--;
		}
	}
	return value;
}

static size_t
take_size(struct model *m)
{
	static const size_t special[] = { 0, MAX_SIZE, MAX_SIZE - 1, MAX_SIZE + 1, SIZE_MAX,
		SIZE_MAX - 62, (size_t)1 << 32, SIZE_MAX / 2 };
	unsigned int kind = model_take(m, 1), i;

	switch (kind % 8) {
	case 0:
	case 1:
	case 2:
		return 1 + model_take(m, 1);
	case 3:
		return model_take(m, 2) % 4097;
	case 4:
		i = model_take(m, 1);
		return m->classes[i % m->n_classes] + kind / 8 % 3 - 1;
	case 5:
		return model_take(m, 2);
	case 6:
		return model_take(m, 3) % (MAX_SIZE + 1);
	default:
		return special[kind / 8 % RTE_DIM(special)];
	}
}

static size_t
take_align(struct model *m)
{
	unsigned int kind = model_take(m, 1);

	switch (kind % 8) {
	case 0:
	case 1:
	case 2:
		return 0;
	case 3:
		return 64;
	case 4:
	case 5:
		return (size_t)1 << kind / 8 % 7;
	case 6:
		return (size_t)1 << kind / 8 % 22;
	default:
		return kind == 7 ? 3 : kind == 15 ? SIZE_MAX : kind == 23 ? (size_t)1 << 63 :
			(size_t)1 << kind / 8 % 13;
	}
}

/* What must be answered to a request, but for lack of memory. */
static int
request_error(size_t size, size_t align)
{
	if ((align & (align - 1)) != 0)
		return EINVAL;
	if (size > MAX_SIZE || align > MAX_SIZE || RTE_ALIGN_CEIL(RTE_MAX(size, (size_t)1),
			RTE_MAX(align, (size_t)1)) > MAX_SIZE)
		return E2BIG;
	return 0;
}

/* A new object: is it what was asked for? */
static int
object_add(struct model *m, void *ptr, size_t size, size_t align, unsigned int flags)
{
	struct object *o = &m->objects[m->n];
	size_t zero = size;

	o->ptr = ptr;
	o->size = size;
	o->align = align;
	o->usable = rte_fastmem_usable_size(ptr);
	o->tag = ++m->next_tag;
	o->by_handle = (flags & BY_HANDLE) != 0;
	o->resized = false;
	if (((uintptr_t)ptr & ((align != 0 ? align : 64) - 1)) != 0)
		return FAULT("%p is not aligned to %zu", ptr, align);
	if (o->usable < size || o->usable > RTE_MAX(MAX_SIZE, size))
		return FAULT("%p of %zu bytes has %zu", ptr, size, o->usable);
	if (!rte_fastmem_contains(ptr) || rte_fastmem_virt2iova(ptr) == RTE_BAD_IOVA)
		return FAULT("%p is not known", ptr);
	if (rte_fastmem_hlookup(size, align, SOCKET_ID_ANY, &o->handle) != 0)
		return FAULT("no handle for %zu bytes", size);
	if (flags & RTE_FASTMEM_F_ZERO && !is_zero(ptr, zero))
		return FAULT("%p of %zu bytes is not zeroed", ptr, size);
	pattern_fill(ptr, size, o->tag);
	m->n++;
	m->bytes += o->usable;
	return 0;
}

void
model_forget(struct model *m, unsigned int i)
{
	m->bytes -= m->objects[i].usable;
	m->objects[i] = m->objects[--m->n];
}

static int
object_check(const struct object *o)
{
	if (!pattern_holds(o->ptr, o->size, o->tag))
		return FAULT("%p of %zu bytes was written to", (void *)o->ptr, o->size);
	return 0;
}

/* An answer with error: was there a reason? */
static int
refusal_check(struct model *m, int error, int expected, unsigned int n, unsigned int flags)
{
	if (expected != 0 && error != expected)
		return FAULT("errno %d instead of %d", error, expected);
	if (expected == 0 && error == 0)
		return FAULT("refused without errno");
	if (expected == 0) {
		if (error != ENOMEM || (!m->limited && (flags & RTE_FASTMEM_F_NOGROW) == 0))
			return FAULT("errno %d without a reason: %u asked for, %zu bytes live",
				error, n, m->bytes);
		m->refused += n;
	}
	return 0;
}

/* Wrong requests always have room; right ones must not exhaust EAL. */
static bool
has_room(const struct model *m, size_t size, size_t align, unsigned int n)
{
	if (m->n + n > MODEL_MAX_LIVE)
		return false;
	return request_error(size, align) != 0 ||
		m->bytes + n * RTE_MAX(size, align) * 9 / 8 <= MAX_BYTES;
}

static int
do_alloc(struct model *m)
{
	size_t size = take_size(m), align = take_align(m);
	unsigned int how = model_take(m, 1), flags = how & 3;
	int expected = request_error(size, align);
	rte_fastmem_handle_t handle;
	void *ptr;
	int ret;

	if (!has_room(m, size, align, 1))
		return 0;
	rte_errno = 0;
	switch (how / 4 % 3) {
	case 0:
		ptr = rte_fastmem_alloc(size, align, flags);
		break;
	case 1:
		ptr = rte_fastmem_alloc_socket(size, align, flags, rte_socket_id_by_idx(0));
		break;
	default:
		ret = rte_fastmem_hlookup(size, align, SOCKET_ID_ANY, &handle);
		if (ret != -expected)
			return FAULT("hlookup() gives %d instead of %d", ret, -expected);
		if (ret != 0)
			return 0;
		ptr = rte_fastmem_halloc(handle, flags);
		flags |= BY_HANDLE;
	}
	if (ptr == NULL)
		return refusal_check(m, rte_errno, expected, 1, flags);
	m->allocated++;
	if (expected != 0)
		return FAULT("%zu bytes, align %zu: served", size, align);
	return object_add(m, ptr, size, align, flags);
}

static int
do_alloc_bulk(struct model *m)
{
	size_t size = take_size(m), align = take_align(m);
	unsigned int how = model_take(m, 1), flags = how & 3, n = model_take(m, 2), i;
	int expected = request_error(size, align), ret;
	void *ptrs[MAX_BULK];
	rte_fastmem_handle_t handle;

	n = how & 4 ? n % MAX_BULK : n % 40;
	if (!has_room(m, size, align, n))
		return 0;
	for (i = 0; i < n; i++)
		ptrs[i] = &ptrs[i];
	if (how / 8 % 3 == 0) {
		ret = rte_fastmem_alloc_bulk(ptrs, n, size, align, flags);
	} else if (how / 8 % 3 == 1) {
		ret = rte_fastmem_alloc_bulk_socket(ptrs, n, size, align, flags,
				rte_socket_id_by_idx(0));
	} else {
		ret = rte_fastmem_hlookup(size, align, SOCKET_ID_ANY, &handle);
		if (ret == 0)
			ret = rte_fastmem_halloc_bulk(handle, ptrs, n, flags);
		flags |= BY_HANDLE;
	}
	if (ret != 0) {
		for (i = 0; i < n; i++)
			if (ptrs[i] != &ptrs[i])
				return FAULT("a bulk of %u failed, and wrote to ptrs", n);
		return refusal_check(m, -ret, expected, n, flags);
	}
	m->allocated += n;
	if (expected != 0)
		return FAULT("%u of %zu bytes, align %zu: served", n, size, align);
	for (i = 0; i < n; i++)
		if (object_add(m, ptrs[i], size, align, flags) != 0)
			return -1;
	return 0;
}

static int
do_free(struct model *m)
{
	unsigned int i = model_take(m, 2), how = model_take(m, 1) % 3;
	struct object *o;

	if (m->n == 0) {
		rte_fastmem_free(NULL);
		return 0;
	}
	o = &m->objects[i % m->n];
	if (object_check(o) != 0)
		return -1;
	if (how == 0)
		rte_fastmem_free(o->ptr);
	else if (how == 1 || o->resized)
		rte_fastmem_free_sized(o->ptr, o->size, o->align);
	else
		rte_fastmem_hfree(o->handle, o->ptr);
	m->freed++;
	model_forget(m, i % m->n);
	return 0;
}

static int
do_free_bulk(struct model *m)
{
	unsigned int n = model_take(m, 2), step = model_take(m, 1), i, at;
	void *ptrs[MAX_BULK];

	n = RTE_MIN(step & 1 ? n % MAX_BULK : n % 40, m->n);
	at = step;
	for (i = 0; i < n; i++) {
		/* The last ones, in order, or any. */
		at = step & 2 ? m->n - 1 : (at + step) % m->n;
		if (object_check(&m->objects[at]) != 0)
			return -1;
		ptrs[i] = m->objects[at].ptr;
		model_forget(m, at);
	}
	rte_fastmem_free_bulk(ptrs, n);
	m->freed += n;
	return 0;
}

static int
do_realloc(struct model *m)
{
	size_t size = take_size(m), align = take_align(m), kept;
	unsigned int i = model_take(m, 2);
	int expected = request_error(size, align);
	struct object old;
	void *ptr;

	if (!has_room(m, size, align, 1) || m->n == 0)
		return 0;
	i %= m->n;
	old = m->objects[i];
	if (object_check(&old) != 0)
		return -1;
	rte_errno = 0;
	ptr = rte_fastmem_realloc(old.ptr, size, align);
	if (ptr == NULL && size == 0 && expected == 0) {
		m->freed++;
		model_forget(m, i);
		return rte_errno == 0 ? 0 : FAULT("errno %d after a realloc to 0", rte_errno);
	}
	if (ptr == NULL) {
		if (object_check(&old) != 0)
			return -1;
		return refusal_check(m, rte_errno, expected, 1, 0);
	}
	if (expected != 0)
		return FAULT("%zu bytes, align %zu: reallocated", size, align);
	if (ptr != old.ptr) {
		m->allocated++;
		m->freed++;
	}
	/* The pattern is that of the old size, where this is sampled. */
	kept = RTE_MIN(old.size, size);
	if (old.size <= PATTERN_WHOLE && !pattern_holds(ptr, kept, old.tag))
		return FAULT("%zu bytes reallocated to %zu: contents lost", old.size, size);
	if (old.size <= size && !pattern_holds(ptr, old.size, old.tag))
		return FAULT("%zu bytes reallocated to %zu: contents lost", old.size, size);
	model_forget(m, i);
	if (object_add(m, ptr, size, align, 0) != 0)
		return -1;
	m->objects[m->n - 1].resized = ptr == old.ptr;
	return 0;
}

static int
do_other(struct model *m)
{
	unsigned int what = model_take(m, 1), bytes = model_take(m, 3);
	int ret;

	switch (what % 8) {
	case 0:
		rte_fastmem_trim(bytes, SOCKET_ID_ANY);
		return 0;
	case 1:
		ret = rte_fastmem_maintain();
		return ret == 0 || (ret == -ENOMEM && m->limited) ? 0 :
			FAULT("maintain() gives %d", ret);
	case 2:
		ret = rte_fastmem_reserve(bytes, SOCKET_ID_ANY);
		return ret == 0 || (ret == -ENOMEM && m->limited) ? 0 :
			FAULT("reserve() gives %d", ret);
	case 3:
		m->limited = true;
		return rte_fastmem_set_limit(SOCKET_ID_ANY, bytes);
	case 4:
		m->limited = false;
		return rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX);
	case 5:
		return model_check(m);
	default:
		rte_fastmem_cache_flush();
		return 0;
	}
}

struct model *
model_create(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m != NULL) {
		enum rte_fastmem_debug_level level = rte_fastmem_debug_level();

		m->checked = level != RTE_FASTMEM_DEBUG_OFF;
		m->n_classes = rte_fastmem_classes(m->classes);
		rte_fastmem_stats_reset();
	}
	return m;
}

int
model_run(struct model *m, const uint8_t *bytes, size_t n)
{
	int ret = 0;

	m->in = bytes;
	m->left = n;
	while (m->left > 0 && ret == 0) {
		unsigned int op = model_take(m, 1) % (m->faults ? 36 : 32);

		if (op >= 32)
			ret = model_fault(m);
		else if (op < 10)
			ret = do_alloc(m);
		else if (op < 13)
			ret = do_alloc_bulk(m);
		else if (op < 22)
			ret = do_free(m);
		else if (op < 26)
			ret = do_free_bulk(m);
		else if (op < 31)
			ret = do_realloc(m);
		else
			ret = do_other(m);
		if (ret == 0)
			ret = model_no_report();
	}
	return ret;
}

static int
compare_address(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return x->ptr < y->ptr ? -1 : x->ptr > y->ptr;
}

int
model_check(struct model *m)
{
	struct rte_fastmem_stats s;
	unsigned int i;

	qsort(m->objects, m->n, sizeof(m->objects[0]), compare_address);
	for (i = 0; i < m->n; i++) {
		if (object_check(&m->objects[i]) != 0)
			return -1;
		if (i > 0 && m->objects[i - 1].ptr + m->objects[i - 1].usable >
				m->objects[i].ptr)
			return FAULT("%p and %p overlap", (void *)m->objects[i - 1].ptr,
				(void *)m->objects[i].ptr);
	}
	if (rte_fastmem_stats(&s) != 0)
		return FAULT("no statistics");
	if (m->checked ? s.bytes_in_use < m->bytes : s.bytes_in_use != m->bytes)
		return FAULT("%" PRIu64 " bytes in use instead of %zu", s.bytes_in_use, m->bytes);
	if (s.alloc_total != m->allocated || s.free_total != m->freed)
		return FAULT("%" PRIu64 " allocated instead of %" PRIu64 ", %" PRIu64
			" freed instead of %" PRIu64, s.alloc_total, m->allocated, s.free_total,
			m->freed);
	if (s.alloc_nomem != m->refused)
		return FAULT("%" PRIu64 " refused instead of %" PRIu64, s.alloc_nomem,
			m->refused);
	if (rte_fastmem_debug_check() != 0)
		return FAULT("objects are damaged");
	return fastmem_verify(stderr) == 0 && model_no_report() == 0 ? 0 : -1;
}

int
model_destroy(struct model *m)
{
	int ret = model_check(m);

	while (m->n > 0) {
		rte_fastmem_free(m->objects[m->n - 1].ptr);
		m->freed++;
		model_forget(m, m->n - 1);
	}
	if (ret == 0)
		ret = model_check(m);
	if (rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX) != 0)
		ret = -1;
	free(m);
	return ret;
}
