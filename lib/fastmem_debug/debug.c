/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What is checked when an object comes and goes.
 *
 * Between the interface and the thread caches: the interface asks here how large a slot
 * an object needs, gets the slot from the layers below, and has it made an object; and
 * what is freed is checked here before it goes back. A slot's record says what it is; who
 * changes its state from LIVE to BUSY, by one atomic exchange, is the one who frees it.
 */

#include <sched.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "debug_zone.h"
#include "fastmem_debug.h"
#include "fastmem_stack.h"
#include "fastmem_track.h"

#define ZONE_LIGHT 8u /* least bytes behind an object */
#define ZONE_FULL 16u
#define PATIENCE_SECONDS 2

/* A red zone in front takes as much as the alignment: not worth it above. */
#define FRONT_MAX 4096u

static void
set_state(struct fastmem_record *r, enum fastmem_record_state state)
{
	/*
	 * Pairs with the acquires in fastmem_debug_state_of() and claim(): the record is complete.
	 */
	rte_atomic_store_explicit(&r->state, state, rte_memory_order_release);
}

/*
 * The state, once no other thread is about to change it: that is a matter of microseconds, or of
 * a report of damage. BUSY: whoever was about to has died, or still reports.
 */
static uint32_t
settled_state(const struct fastmem_record *r)
{
	uint32_t state = fastmem_debug_state_of(r);
	uint64_t end;

	if (likely(state != FASTMEM_RECORD_BUSY))
		return state; /* without the cycles that the clock takes */
	end = rte_rdtsc() + PATIENCE_SECONDS * rte_get_tsc_hz();
	while ((state = fastmem_debug_state_of(r)) == FASTMEM_RECORD_BUSY && rte_rdtsc() < end)
		sched_yield();
	return state;
}

/* From a state to BUSY, for one thread only. */
static bool
try_claim(struct fastmem_record *r, uint32_t state)
{
	/* Pairs with the release in set_state(). As a release, it comes after what was read. */
	return rte_atomic_compare_exchange_strong_explicit(&r->state, &state, FASTMEM_RECORD_BUSY,
		rte_memory_order_acq_rel, rte_memory_order_relaxed);
}

/* The same, once no other thread has claimed it. Returns the state before. */
static uint32_t
claim(struct fastmem_record *r, uint32_t from)
{
	uint32_t state = from;

	/* Pairs with the release in set_state(). */
	while (!rte_atomic_compare_exchange_strong_explicit(&r->state, &state, FASTMEM_RECORD_BUSY,
			rte_memory_order_acquire, rte_memory_order_acquire)) {
		if (state == FASTMEM_RECORD_BUSY)
			state = settled_state(r);
		if (state != from)
			break;
	}
	return state;
}

/*
 * From any state to BUSY, of a slot that is this thread's alone, but for those who look at it.
 * Returns the state before; BUSY: whoever had it has died within.
 */
static uint32_t
seize(struct fastmem_record *r)
{
	uint32_t state;

	do
		state = settled_state(r);
	while (claim(r, state) != state);
	return state;
}

/* As rte_gettid(), without the call that its variable takes from a shared object. */
static int
own_tid(void)
{
	static __thread int tid __rte_tls_initial_exec;

	if (unlikely(tid == 0))
		tid = rte_gettid();
	return tid;
}

static uint32_t
own_pid(void)
{
	return fastmem_ctl()->peers[fastmem_process.peer].pid;
}

/* A field of a record, which others may read meanwhile for what it is worth: relaxed. */
#define NOTE(field, value) rte_atomic_store_explicit(&(field), value, rte_memory_order_relaxed)

/* How an object is to lie in its slot. */

static size_t
round_up(size_t size, size_t align)
{
	return (size + align - 1) & ~(align - 1);
}

/* 0 is another name of the default. */
static size_t
real_align(size_t align)
{
	return align != 0 ? align : RTE_FASTMEM_ALIGN_DEFAULT;
}

/*
 * The slot for an object: what to ask of the layers below. An object that has no room for
 * zones beside it goes without.
 */
struct fastmem_shape
fastmem_debug_shape(size_t size, size_t align)
{
	struct fastmem_shape shape = { .size = size, .align = align };
	size_t a = real_align(align);
	size_t back = fastmem_debug_is_full_level() ? ZONE_FULL : ZONE_LIGHT;

	if (fastmem_debug_is_full_level() && a <= FRONT_MAX)
		shape.front = RTE_MAX(a, (size_t)ZONE_FULL);
	if (round_up(shape.front + size + back, a) > RTE_FASTMEM_MAX_SIZE) {
		shape.front = 0;
		back = RTE_MIN(back, RTE_FASTMEM_MAX_SIZE - size);
	}
	shape.slot = shape.front + size + back;
	/* A slot of the next larger class may do what rounding up would not. */
	if (round_up(shape.slot, a) > RTE_FASTMEM_MAX_SIZE)
		shape.slot = size;
	return shape;
}

/* Bytes that programs are not to write to. */

/* An object of that shape in the slot. False: it has no room there, as a record half old says. */
static bool
place_shape(struct place *p, uint32_t front, uint32_t size)
{
	p->obj = p->slot + p->bin->header + front;
	p->front = front;
	p->size = size;
	return (uint64_t)p->bin->header + front + size <= p->bin->slot_size;
}

static bool
place_read(struct place *p, struct fastmem_bin *bin, struct fastmem_granule *slab,
		struct fastmem_record *r, uint32_t state)
{
	RTE_ASSERT(r != NULL); /* slabs have records where objects are checked */
	p->bin = bin;
	p->slab = slab;
	p->r = r;
	p->state = state;
	p->slot = (uint8_t *)fastmem_record_slot(bin, slab, r);
	p->end = p->slot + bin->slot_size;
	return place_shape(p, rte_atomic_load_explicit(&r->front, rte_memory_order_relaxed),
			rte_atomic_load_explicit(&r->size, rte_memory_order_relaxed));
}

/* Objects come. */

/*
 * A slot from the layers below becomes an object. flags: RTE_FASTMEM_F_*. The slot is
 * this thread's alone.
 */
void *
fastmem_debug_take(void *slot, const struct fastmem_shape *shape, unsigned int flags)
{
	struct fastmem_bin *bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(slot)];
	struct fastmem_granule *slab = fastmem_slab_of(slot);
	struct fastmem_record *r = fastmem_record_of(bin, slab, slot);
	const unsigned int nogrow = (flags & RTE_FASTMEM_F_NOGROW) != 0;
	bool same = false; /* where the zones are, and what is in them */
	struct damage damage;
	struct place p;

	if (place_read(&p, bin, slab, r, seize(r)) && p.state == FASTMEM_RECORD_FREED) {
		if (fastmem_debug_freed_is_damaged(&p, &damage))
			fastmem_debug_report_and_mend(&p, &damage);
		same = bin->pool == NULL && p.front == shape->front && p.size == shape->size;
	}
	place_shape(&p, shape->front, shape->size);
	NOTE(r->front, shape->front);
	NOTE(r->size, shape->size);
	NOTE(r->align, shape->align);
	/* Before it is LIVE again: pairs with the acquires of state in check_one(). */
	NOTE(r->turn, r->turn + 1);
	NOTE(r->alloc_tid, own_tid());
	NOTE(r->alloc_pid, own_pid());
	if (fastmem_debug_is_full_level()) {
		fastmem_growth_held += nogrow; /* a new stack takes memory of the bookkeeping */
		NOTE(r->alloc_stack, fastmem_stack_capture());
		fastmem_growth_held -= nogrow;
		NOTE(r->alloc_time, rte_rdtsc());
	}
	/* What is not zeroed is to look like that, so that programs do not rely on luck. */
	if (fastmem_debug.zones && !same)
		fastmem_debug_rewrite(&p, bin->pool == NULL && (flags & RTE_FASTMEM_F_ZERO) == 0);
	if (fastmem_debug_is_tracked(bin))
		fastmem_track_alloc(p.obj, p.size, (flags & RTE_FASTMEM_F_ZERO) != 0 ||
			bin->pool != NULL);
	if (flags & RTE_FASTMEM_F_ZERO)
		memset(p.obj, 0, p.size);
	set_state(r, FASTMEM_RECORD_LIVE);
	return p.obj;
}

/* Objects go. */

/* A slot that nobody has is the layers' below again. Not under a lock. */
static void
slot_back(struct fastmem_bin *bin, void *slot)
{
	const bool of_pool = bin->id >= fastmem_ctl()->first_pool_bin;
	FASTMEM_LOG_LATER;
	struct fastmem_tcache *t = fastmem_tcache_to_free(bin->pool == NULL);

	/* A size class has no such lock. */
	if (of_pool)
		fastmem_caches_lock(bin);
	fastmem_cache_free(t, bin, slot);
	if (of_pool)
		fastmem_caches_unlock(bin);
}

/*
 * The same, of an object that has waited in quarantine. Returns whether somebody has written to
 * it meanwhile: then there is a finding, and no trace of it left.
 */
bool
fastmem_debug_give_back(void *slot, struct fastmem_finding *finding)
{
	struct fastmem_bin *bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(slot)];
	struct fastmem_granule *slab = fastmem_slab_of(slot);
	struct fastmem_record *r = fastmem_record_of(bin, slab, slot);
	bool damaged = false;
	struct damage damage;
	struct place p;

	if (place_read(&p, bin, slab, r, FASTMEM_RECORD_FREED))
		damaged = fastmem_debug_freed_is_damaged(&p, &damage);
	if (damaged) {
		fastmem_debug_find_damage(finding, &p, &damage);
		fastmem_debug_mend(&p);
	}
	slot_back(bin, slot);
	return damaged;
}

static void
fastmem_report_pointer(enum rte_fastmem_error error, const struct fastmem_bin *bin,
		const struct fastmem_granule *slab, const struct fastmem_record *r,
		const void *ptr)
{
	struct fastmem_finding finding;

	fastmem_finding_pointer(&finding, error, bin, slab, r, ptr);
	fastmem_report(&finding);
}

/*
 * What an address that is to be freed points to. NULL: to nothing that could be, which was
 * reported; then the caller does nothing.
 */
static inline struct fastmem_record *
fastmem_debug_find_live(const void *ptr, enum rte_fastmem_error wrong, struct place *p)
{
	const bool resized = wrong == RTE_FASTMEM_ERROR_REALLOC;
	unsigned int id = rte_fastmem_bin_of(ptr);
	struct fastmem_granule *slab;
	struct fastmem_record *r;
	struct fastmem_bin *bin;
	uint32_t state;

	if (id == 0) {
		fastmem_report_foreign(resized ? wrong : RTE_FASTMEM_ERROR_FREE_FOREIGN, ptr);
		return NULL;
	}
	bin = &fastmem_ctl()->bins[id];
	slab = fastmem_slab_of(ptr);
	r = fastmem_record_of(bin, slab, ptr);
	state = r != NULL ? fastmem_debug_state_of(r) : FASTMEM_RECORD_NEW;
	if (state == FASTMEM_RECORD_NEW) {
		fastmem_report_pointer(resized ? wrong : RTE_FASTMEM_ERROR_FREE_FOREIGN, bin, slab,
			NULL, ptr);
		return NULL;
	}
	if (ptr != fastmem_record_object(bin, slab, r)) {
		fastmem_report_pointer(resized ? wrong : RTE_FASTMEM_ERROR_FREE_INTERIOR, bin,
			slab, r, ptr);
		return NULL;
	}
	if ((resized ? state : claim(r, FASTMEM_RECORD_LIVE)) != FASTMEM_RECORD_LIVE) {
		fastmem_report_pointer(wrong, bin, slab, r, ptr);
		return NULL;
	}
	/* Not before: it may be another object by now that begins here. */
	place_read(p, bin, slab, r, resized ? state : (uint32_t)FASTMEM_RECORD_BUSY);
	return r;
}

/* The size of the slots of which one would be had for that without checking; 0: none. */
static size_t
class_size(size_t size, size_t align)
{
	const struct fastmem_ctl *ctl = fastmem_ctl();
	size_t i = rte_fastmem_class(size, align);

	if (align > FASTMEM_GRANULE && (align & (align - 1)) == 0)
		return RTE_ALIGN_CEIL(RTE_MAX(size, (size_t)1), align);
	return i < RTE_FASTMEM_N_CLASSES ? ctl->bins[ctl->arenas[0].first_bin + i].slot_size : 0;
}

/* The same for what a record says. */
size_t
fastmem_debug_class_size(const struct fastmem_record *r)
{
	return r->align & FASTMEM_BY_HANDLE ? r->align & ~FASTMEM_BY_HANDLE :
		class_size(r->size, r->align);
}

/*
 * Whether an object was allocated with that size and alignment, as far as that is known: of
 * one by handle it is not known how it is aligned; and if it has the whole slot, it may be
 * smaller than that.
 */
static bool
size_is(const struct fastmem_record *r, size_t size, size_t align)
{
	if ((r->align & FASTMEM_BY_HANDLE) == 0)
		return r->size == size && real_align(r->align) == real_align(align);
	return r->size == size ||
		(r->size == fastmem_debug_class_size(r) && class_size(size, align) == r->size);
}

/* Whether what the caller says of the object is true of it. If not, there is a finding. */
static bool
as_expected(const struct place *p, const struct fastmem_expect *expect,
		struct fastmem_finding *finding)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	bool right = true;

	switch (expect->what) {
	case FASTMEM_EXPECT_SIZE:
		right = p->bin->pool == NULL && size_is(p->r, expect->size, expect->align);
		break;
	case FASTMEM_EXPECT_CLASS:
		right = p->bin->pool == NULL && fastmem_debug_class_size(p->r) == expect->size;
		break;
	case FASTMEM_EXPECT_POOL:
		right = p->bin == &ctl->bins[expect->pool->bin];
		break;
	default:
		break;
	}
	if (right)
		return true;
	if (expect->what == FASTMEM_EXPECT_POOL)
		fastmem_finding_pool(finding, p->bin, p->slab, p->r, expect->pool->name);
	else
		fastmem_finding_size(finding, p->bin, p->slab, p->r, expect->size);
	return false;
}

/* What is noted of the free of an object. */
static void
note_free(const struct place *p)
{
	struct fastmem_record *r = p->r;

	NOTE(r->free_tid, own_tid());
	NOTE(r->free_pid, own_pid());
	if (fastmem_debug_is_full_level()) {
		NOTE(r->free_stack, fastmem_stack_capture());
		NOTE(r->free_time, rte_rdtsc());
	}
	if (fastmem_debug.zones) {
		if (p->bin->pool == NULL)
			memset(p->obj, FASTMEM_FREED_BYTE, p->size);
		else if (fastmem_debug_is_full_level())
			NOTE(r->sum, fastmem_debug_sum_of(p->obj, p->size));
	}
	if (fastmem_debug_is_tracked(p->bin))
		fastmem_track_free(p->obj, p->size);
}

/* Free an object, if it is one, and one that may be freed like this. */
void
fastmem_debug_free(void *ptr, const struct fastmem_expect *expect)
{
	struct fastmem_finding finding;
	struct damage damage;
	struct place p;
	struct fastmem_record *r = fastmem_debug_find_live(ptr, RTE_FASTMEM_ERROR_DOUBLE_FREE, &p);

	if (r == NULL)
		return;
	if (!as_expected(&p, expect, &finding)) {
		/* First: who frees it rightly does not wait for the report. */
		set_state(r, FASTMEM_RECORD_LIVE);
		fastmem_report(&finding);
		return;
	}
	if (fastmem_debug_zones_are_damaged(&p, &damage))
		fastmem_debug_report_and_mend(&p, &damage);
	if (p.bin->pool != NULL)
		fastmem_debug_check_zone_before(&p);
	note_free(&p);
	set_state(r, FASTMEM_RECORD_FREED);
	if (fastmem_debug_is_full_level())
		fastmem_quarantine_put(p.bin, p.slot + p.bin->header);
	else
		slot_back(p.bin, p.slot + p.bin->header);
}

/* The size of a live object that is to be resized. False: it is none, which was reported. */
bool
fastmem_debug_resize(void *ptr, size_t *size)
{
	struct place p;
	struct fastmem_record *r = fastmem_debug_find_live(ptr, RTE_FASTMEM_ERROR_REALLOC, &p);

	if (r == NULL)
		return false;
	*size = p.size;
	return true;
}

/*
 * Change the size of a live object where it is. The slot holds that size. False: the object is
 * not live any more, as the application has freed it meanwhile.
 */
bool
fastmem_debug_resize_in_place(void *ptr, size_t size, size_t align)
{
	struct damage damage;
	struct place p;
	struct fastmem_record *r = fastmem_debug_find_live(ptr, RTE_FASTMEM_ERROR_DOUBLE_FREE, &p);

	if (r == NULL)
		return false;
	if (fastmem_debug_zones_are_damaged(&p, &damage))
		fastmem_debug_report_and_mend(&p, &damage);
	if (fastmem_debug_is_tracked(p.bin))
		fastmem_track_free(p.obj, p.size);
	p.size = size;
	NOTE(r->size, size);
	NOTE(r->align, align);
	/* Before it is LIVE again: pairs with the acquires of state in check_one(). */
	NOTE(r->turn, r->turn + 1);
	if (fastmem_debug.zones)
		fastmem_debug_rewrite(&p, false);
	if (fastmem_debug_is_tracked(p.bin))
		fastmem_track_alloc(p.obj, size, true);
	set_state(r, FASTMEM_RECORD_LIVE);
	return true;
}

/* Bytes that an object's holder may use. */
size_t
fastmem_debug_usable(const struct fastmem_bin *bin, const void *ptr)
{
	const struct fastmem_granule *slab = fastmem_slab_of(ptr);
	const struct fastmem_record *r = fastmem_record_of(bin, slab, ptr);
	const char *end;

	if (r != NULL && fastmem_debug_state_of(r) == FASTMEM_RECORD_LIVE)
		return r->size;
	/* Of what is no live object, as much as there is to the end of the slot. */
	end = r != NULL ? fastmem_record_slot(bin, slab, r) + bin->slot_size : ptr;
	return end - (const char *)ptr;
}

/* Slabs come and go. */

/* When sampling, most objects are not checked. */
bool
fastmem_debug_has_records(const struct fastmem_bin *bin)
{
	const struct fastmem_debug *debug = fastmem_ctl()->debug;

	return debug != NULL && (debug->level != RTE_FASTMEM_DEBUG_SAMPLE || bin->sampled);
}

/* Of the bookkeeping, for the records of a slab of the bin. */
size_t
fastmem_debug_slab_bytes(const struct fastmem_bin *bin)
{
	return fastmem_debug_has_records(bin) ? fastmem_records_bytes(bin->slab_slots) : 0;
}

/* All objects there are. */

struct check {
	unsigned int n_wrong;
	unsigned int n; /* of these, not yet told */
	struct fastmem_finding found[FASTMEM_WALK_AT_ONCE];
};

static bool
is_damaged(const struct place *p, struct damage *d)
{
	return p->state == FASTMEM_RECORD_LIVE ? fastmem_debug_zones_are_damaged(p, d) :
		p->state == FASTMEM_RECORD_FREED && fastmem_debug_freed_is_damaged(p, d);
}

/*
 * Another thread may free the object meanwhile, and it may be another one by then: what was
 * seen counts only if the record says the same before and after. Who wants to free it, or to
 * hand it out, waits while its damage is noted.
 */
static void
check_one(struct fastmem_bin *bin, struct fastmem_granule *slab, struct fastmem_record *r,
		void *arg)
{
	uint32_t state = fastmem_debug_state_of(r), turn = rte_atomic_load_explicit(&r->turn,
			rte_memory_order_relaxed);
	struct check *check = arg;
	struct damage damage;
	struct place p;

	if (!place_read(&p, bin, slab, r, state) || !is_damaged(&p, &damage))
		return;
	/* Without waiting for others, which this is not to do under debug.walking. */
	if (!try_claim(r, state))
		return;
	if (rte_atomic_load_explicit(&r->turn, rte_memory_order_relaxed) == turn) {
		fastmem_debug_find_damage(&check->found[check->n++], &p, &damage);
		fastmem_debug_mend(&p);
	}
	set_state(r, state);
}

static void
check_report(void *arg)
{
	struct check *check = arg;
	unsigned int i;

	for (i = 0; i < check->n; i++)
		fastmem_report(&check->found[i]);
	check->n_wrong += check->n;
	check->n = 0;
}

unsigned int
fastmem_debug_check(void)
{
	struct check check = { .n = 0 };

	fastmem_records_walk(&(struct fastmem_records_visit){ .record = check_one,
		.between = check_report, .arg = &check });
	return check.n_wrong;
}
