/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Wrong operations on fastmem, read from bytes: each must be reported once, for what it is,
 * and hurt nobody. With checking only.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_fastmem_debug.h>

#include "fastmem_model_private.h"
#include "fastmem_stack_private.h"

#define CHECK_EVERY 32

/* What was reported since the last look. */
static struct {
	unsigned int n;
	enum rte_fastmem_error error;
	const void *ptr;
	char text[4096];
} seen;

static void
note(const struct rte_fastmem_report *report, void *arg)
{
	RTE_SET_USED(arg);
	seen.n++;
	seen.error = report->error;
	seen.ptr = report->ptr;
	snprintf(seen.text, sizeof(seen.text), "%s", report->text);
}

void
model_conf(struct rte_fastmem_conf *conf)
{
	conf->report = note;
	fastmem_symbol_patience_ms = 0; /* for many reports, whose places do not matter */
	seen.n = 0;
}

void
model_plant_faults(struct model *model)
{
	model->faults = true;
}

unsigned int
model_faults(const struct model *model)
{
	return model->n_faults;
}

int
model_no_report(void)
{
	unsigned int n = seen.n;

	seen.n = 0;
	return n == 0 ? 0 : FAULT("%u reports of nothing; the last one: %s", n, seen.text);
}

static int
expect(enum rte_fastmem_error error, const void *ptr, const struct object *o, const char *what)
{
	unsigned int n = seen.n;

	seen.n = 0;
	if (n != 1)
		return FAULT("%s of %p, %zu bytes: %u reports", what, (void *)o->ptr, o->size, n);
	if (seen.error != error || seen.ptr != ptr)
		return FAULT("%s of %p, %zu bytes: error %d at %p instead of %d at %p: %s", what,
			(void *)o->ptr, o->size, seen.error, seen.ptr, error, ptr, seen.text);
	return 0;
}

__rte_noinline __rte_no_sanitize("address", "thread", "undefined")
static void
spoil(char *byte)
{
	*(volatile char *)byte ^= 0x5a;
}

/* The least of red zones: what there is depends on the class, and on how large it is at all. */
static bool
has_zone_behind(const struct object *o)
{
	return o->usable + 8 <= ((size_t)1 << 20) - RTE_MAX(o->align, (size_t)64);
}

static bool
has_zone_before(const struct object *o)
{
	/* Those by handle are as aligned as their class can be. */
	return rte_fastmem_debug_level() == RTE_FASTMEM_DEBUG_FULL && o->align <= 4096 &&
		(!o->by_handle || o->usable < 4096) &&
		o->usable + 16 + 2 * RTE_MAX(o->align, (size_t)64) <= ((size_t)1 << 20) - 4096;
}

/* Have damage found: by a look at all objects, which takes long, or when this one is freed. */
static void
find(struct model *m, unsigned int i)
{
	if (model_take(m, 1) % CHECK_EVERY == 0) {
		rte_fastmem_debug_check();
		return;
	}
	rte_fastmem_free(m->objects[i].ptr);
	m->freed++;
	model_forget(m, i);
}

static int
overrun(struct model *m, unsigned int i, bool behind)
{
	struct object o = m->objects[i];
	unsigned int distance = model_take(m, 1);
	char *at = behind ? o.ptr + o.usable + distance % 8 : o.ptr - 1 - distance % 16;

	if (behind ? !has_zone_behind(&o) : !has_zone_before(&o))
		return 0;
	m->n_faults++;
	spoil(at);
	find(m, i);
	return expect(behind ? RTE_FASTMEM_ERROR_OVERFLOW : RTE_FASTMEM_ERROR_UNDERFLOW, at, &o,
		"overrun");
}

static int
interior(struct model *m, struct object *o)
{
	char *at = o->ptr + 1 + model_take(m, 2) % RTE_MAX(o->usable, (size_t)2);

	if (at >= o->ptr + o->usable)
		return 0;
	m->n_faults++;
	rte_fastmem_free(at);
	if (expect(RTE_FASTMEM_ERROR_FREE_INTERIOR, at, o, "interior free") != 0)
		return -1;
	m->n_faults++;
	if (rte_fastmem_realloc(at, 100, 0) != NULL)
		return FAULT("realloc of an interior address");
	return expect(RTE_FASTMEM_ERROR_REALLOC, at, o, "interior realloc");
}

static int
foreign(struct model *m, struct object *o)
{
	char on_stack[64];
	void *ptr = on_stack + model_take(m, 1) % sizeof(on_stack);

	m->n_faults++;
	rte_fastmem_free(ptr);
	return expect(RTE_FASTMEM_ERROR_FREE_FOREIGN, ptr, o, "foreign free");
}

static int
wrong_size(struct model *m, struct object *o)
{
	size_t size = o->size ^ (1 + model_take(m, 2));

	/* Of those by handle, it is known for sure only whether their class is right. */
	if (o->by_handle && o->align > 4096)
		return 0;
	if (o->by_handle)
		size = o->size > 8192 ? o->size / 2 : o->size + 100000;
	m->n_faults++;
	rte_fastmem_free_sized(o->ptr, size, o->align);
	return expect(RTE_FASTMEM_ERROR_WRONG_SIZE, o->ptr, o, "wrong size");
}

static int
wrong_handle(struct model *m, struct object *o)
{
	rte_fastmem_handle_t handle;
	size_t size = model_take(m, 2) + 1;

	/* Far from its own class, whatever that is. */
	size += o->size < 40000 ? 100000 : 0;
	if (o->size >= 40000 && size + 4096 >= o->size)
		size = 100;
	if (rte_fastmem_hlookup(size, 0, SOCKET_ID_ANY, &handle) != 0)
		return FAULT("no handle for %zu", size);
	m->n_faults++;
	rte_fastmem_hfree(handle, o->ptr);
	return expect(RTE_FASTMEM_ERROR_WRONG_SIZE, o->ptr, o, "wrong handle");
}

/* What is freed for good, and then used. */
static int
after_free(struct model *m, struct object *o, unsigned int i)
{
	size_t at = o->usable > 0 ? model_take(m, 3) % o->usable : 0;
	struct object freed = *o;

	rte_fastmem_free(o->ptr);
	m->freed++;
	model_forget(m, i);
	m->n_faults++;
	rte_fastmem_free(freed.ptr);
	if (expect(RTE_FASTMEM_ERROR_DOUBLE_FREE, freed.ptr, &freed, "double free") != 0)
		return -1;
	m->n_faults++;
	if (rte_fastmem_realloc(freed.ptr, 100, 0) != NULL)
		return FAULT("realloc after free");
	if (expect(RTE_FASTMEM_ERROR_REALLOC, freed.ptr, &freed, "realloc after free") != 0)
		return -1;
	if (freed.usable == 0 || model_take(m, 1) % CHECK_EVERY != 0)
		return 0;
	m->n_faults++;
	spoil(freed.ptr + at);
	rte_fastmem_debug_check();
	return expect(RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, freed.ptr + at, &freed,
		"write after free");
}

int
model_fault(struct model *m)
{
	unsigned int what = model_take(m, 1), i = model_take(m, 2);
	struct object *o;

	if (m->n == 0)
		return 0;
	i %= m->n;
	o = &m->objects[i];
	switch (what % 7) {
	case 0:
	case 1:
		return overrun(m, i, what % 7 == 0);
	case 2:
		return interior(m, o);
	case 3:
		return foreign(m, o);
	case 4:
		return wrong_size(m, o);
	case 5:
		return wrong_handle(m, o);
	default:
		return after_free(m, o, i);
	}
}
