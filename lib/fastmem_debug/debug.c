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
#include <rte_lcore.h>

#include "fastmem_debug.h"
#include "fastmem_stack.h"
#include "fastmem_track.h"

#define ZONE_LIGHT 8u /* least bytes behind an object */
#define ZONE_FULL 16u
#define PATIENCE_SECONDS 2
/* A red zone in front takes as much as the alignment: not worth it above. */
#define FRONT_MAX 4096u

struct fastmem_debug_process fastmem_debug;

static uint32_t
state_of(const struct fastmem_record *r)
{
	/* Pairs with the release in set_state(). */
	return __atomic_load_n(&r->state, __ATOMIC_ACQUIRE);
}

static void
set_state(struct fastmem_record *r, enum fastmem_record_state state)
{
	/* Pairs with the acquires in state_of() and claim(): the record is complete. */
	__atomic_store_n(&r->state, state, __ATOMIC_RELEASE);
}

/*
 * The state, once no other thread is about to change it: that is a matter of microseconds, or of
 * a report of damage. BUSY: whoever was about to has died, or still reports.
 */
static uint32_t
settled_state(const struct fastmem_record *r)
{
	uint32_t state = state_of(r);
	uint64_t end;

	if (likely(state != FASTMEM_RECORD_BUSY))
		return state; /* without the cycles that the clock takes */
	end = rte_rdtsc() + PATIENCE_SECONDS * rte_get_tsc_hz();
	while ((state = state_of(r)) == FASTMEM_RECORD_BUSY && rte_rdtsc() < end)
		sched_yield();
	return state;
}

/* From a state to BUSY, for one thread only. */
static bool
try_claim(struct fastmem_record *r, uint32_t state)
{
	/* Pairs with the release in set_state(). As a release, it comes after what was read. */
	return __atomic_compare_exchange_n(&r->state, &state, FASTMEM_RECORD_BUSY, false,
			__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The same, once no other thread has claimed it. Returns the state before. */
static uint32_t
claim(struct fastmem_record *r, uint32_t from)
{
	uint32_t state = from;

	/* Pairs with the release in set_state(). */
	while (!__atomic_compare_exchange_n(&r->state, &state, FASTMEM_RECORD_BUSY, false,
			__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
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

static bool
is_full_level(void)
{
	return fastmem_debug.level != RTE_FASTMEM_DEBUG_LIGHT;
}

/* As rte_gettid(), without the call that its variable takes from a shared object. */
static int
own_tid(void)
{
	static __thread int tid __attribute__((tls_model("initial-exec")));

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
#define NOTE(field, value) __atomic_store_n(&(field), value, __ATOMIC_RELAXED)

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
	size_t back = is_full_level() ? ZONE_FULL : ZONE_LIGHT;

	if (is_full_level() && a <= FRONT_MAX)
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

/* Reads what nobody may access, for tools that this library may be built with. */
#define UNCHECKED __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

/*
 * The first byte of an area that is not as it was left; n: none. Not for tools to object
 * to: nobody may access this memory, but for this.
 */
UNCHECKED static size_t
first_changed(const uint8_t *p, size_t n, uint8_t byte)
{
	typedef uint64_t words __attribute__((vector_size(16), aligned(1), may_alias));
	const uint64_t word = UINT64_C(0x0101010101010101) * byte;
	const words want = { word, word };
	words differ = { 0, 0 };
	uint8_t rest = 0;
	size_t i = 0;

	/* Almost always nothing has: so there is one test, at the end. */
	for (; i + 64 <= n; i += 64) {
		const words *w = (const words *)(p + i);

		differ |= (w[0] ^ want) | (w[1] ^ want) | (w[2] ^ want) | (w[3] ^ want);
	}
	for (; i + 16 <= n; i += 16)
		differ |= *(const words *)(p + i) ^ want;
	for (; i < n; i++)
		rest |= p[i] ^ byte;
	if (likely((differ[0] | differ[1] | rest) == 0))
		return n;
	/* It may have been put right since, and then there is none. */
	for (i = 0; i < n && *(const volatile uint8_t *)&p[i] == byte; i++)
		;
	return i;
}

/* A sum that a changed byte changes, but for chance (FNV-1a by words, of Fowler, Noll and Vo). */
UNCHECKED static uint64_t
sum_of(const uint8_t *p, size_t n)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t word;

		__builtin_memcpy(&word, p + i, 8);
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 32;
	}
	for (; i < n; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/*
 * What there is around an object, by its record as it was at one time: others may change that
 * while this thread looks. All of it lies within the slot, whatever the record says.
 */
struct place {
	struct fastmem_bin *bin;
	struct fastmem_granule *slab;
	struct fastmem_record *r;
	uint32_t state;
	uint32_t front; /* bytes of the slot before the object */
	uint32_t size;
	uint8_t *slot;
	uint8_t *obj;
	uint8_t *end; /* of the slot */
};

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
	return place_shape(p, __atomic_load_n(&r->front, __ATOMIC_RELAXED),
			__atomic_load_n(&r->size, __ATOMIC_RELAXED));
}

static size_t
back_of(const struct place *p)
{
	return p->end - p->obj - p->size;
}

/*
 * Whether tools are told of the objects of a bin. Not of pools with an RCU variable: their
 * readers may read what was put, as long as they like.
 */
static bool
is_tracked(const struct fastmem_bin *bin)
{
	return unlikely(fastmem_debug.tools != 0) && (fastmem_debug.tools == FASTMEM_TOOL_TSAN ||
		bin->pool == NULL || bin->pool->qsbr == NULL);
}

/* Fill what nobody may access. */
static void
rewrite_area(const struct fastmem_bin *bin, uint8_t *area, size_t len, uint8_t byte)
{
	if (len == 0)
		return;
	if (is_tracked(bin))
		fastmem_track_peek(area, len);
	memset(area, byte, len);
	if (is_tracked(bin))
		fastmem_track_unpeek(area, len);
}

/* The zones beside an object, and the object if it is freed. */
static void
rewrite(const struct place *p, bool freed)
{
	rewrite_area(p->bin, p->obj - p->front, p->front, FASTMEM_ZONE_BYTE);
	rewrite_area(p->bin, p->obj + p->size, back_of(p), FASTMEM_ZONE_BYTE);
	if (freed)
		rewrite_area(p->bin, p->obj, p->size, FASTMEM_FREED_BYTE);
}

/* What is not as it was left. */
struct damage {
	enum rte_fastmem_error error;
	const void *first; /* byte; NULL: not known */
};

static bool
zones_are_damaged(const struct place *p, struct damage *d)
{
	size_t front = p->front, back = back_of(p), at;

	if (!fastmem_debug.zones)
		return false;
	at = first_changed(p->obj - front, front, FASTMEM_ZONE_BYTE);
	if (at < front) {
		*d = (struct damage){ RTE_FASTMEM_ERROR_UNDERFLOW, p->obj - front + at };
		return true;
	}
	at = first_changed(p->obj + p->size, back, FASTMEM_ZONE_BYTE);
	*d = (struct damage){ RTE_FASTMEM_ERROR_OVERFLOW, p->obj + p->size + at };
	return at < back;
}

/* Whether somebody has written to an object since it was freed. */
static bool
freed_is_damaged(const struct place *p, struct damage *d)
{
	size_t at;

	if (!fastmem_debug.zones)
		return false;
	*d = (struct damage){ RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, NULL };
	if (p->bin->pool != NULL)
		return is_full_level() && p->r->sum != sum_of(p->obj, p->size);
	at = first_changed(p->obj, p->size, FASTMEM_FREED_BYTE);
	if (at < p->size) {
		d->first = p->obj + at;
		return true;
	}
	/* Those of level LIGHT were checked when it was freed. */
	return is_full_level() && zones_are_damaged(p, d);
}

/*
 * A pool has no zone in front of its objects, but the one behind the slot before, of objects
 * that are all alike. If it is damaged, that is reported, and mended.
 */
static void
check_zone_before(const struct place *p)
{
	size_t back = back_of(p), at;
	uint8_t *zone = p->slot - back;
	struct fastmem_finding finding;
	struct fastmem_record *before;
	uint32_t state;

	if (p->bin->pool == NULL || p->r == p->slab->records || !fastmem_debug.zones)
		return;
	before = p->r - 1; /* another thread may write to it */
	state = state_of(before);
	/* Until it is handed out for the first time, there is no zone. */
	if (state != FASTMEM_RECORD_LIVE && state != FASTMEM_RECORD_FREED)
		return;
	at = first_changed(zone, back, FASTMEM_ZONE_BYTE);
	if (at == back)
		return;
	/* Whose damage it is, is not known: more likely that of the nearer one. */
	if (at < back / 2)
		fastmem_finding_damage(&finding, RTE_FASTMEM_ERROR_OVERFLOW, p->bin, p->slab,
			before, state, zone + at);
	else
		fastmem_finding_damage(&finding, RTE_FASTMEM_ERROR_UNDERFLOW, p->bin, p->slab,
			p->r, p->state, zone + at);
	fastmem_report(&finding);
	rewrite_area(p->bin, zone, back, FASTMEM_ZONE_BYTE);
}

/* Damage is told once. Of a slot that is this thread's alone. */
static void
mend(const struct place *p)
{
	if (p->bin->pool != NULL)
		p->r->sum = sum_of(p->obj, p->size);
	rewrite(p, p->bin->pool == NULL && p->state == FASTMEM_RECORD_FREED);
}

static void
find_damage(struct fastmem_finding *finding, const struct place *p, const struct damage *d)
{
	fastmem_finding_damage(finding, d->error, p->bin, p->slab, p->r, p->state, d->first);
}

/* The damage is still there when it is told: a core file has it. */
static void
report_and_mend(const struct place *p, const struct damage *d)
{
	struct fastmem_finding finding;

	find_damage(&finding, p, d);
	fastmem_report(&finding);
	mend(p);
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
		if (freed_is_damaged(&p, &damage))
			report_and_mend(&p, &damage);
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
	if (is_full_level()) {
		fastmem_growth_held += nogrow; /* a new stack takes memory of the bookkeeping */
		NOTE(r->alloc_stack, fastmem_stack_capture());
		fastmem_growth_held -= nogrow;
		NOTE(r->alloc_time, rte_rdtsc());
	}
	/* What is not zeroed is to look like that, so that programs do not rely on luck. */
	if (fastmem_debug.zones && !same)
		rewrite(&p, bin->pool == NULL && (flags & RTE_FASTMEM_F_ZERO) == 0);
	if (is_tracked(bin))
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
	FASTMEM_LOG_LATER;
	struct fastmem_tcache *t = fastmem_tcache_self(bin->pool == NULL);

	fastmem_caches_lock(bin);
	fastmem_cache_free(t, bin, slot);
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
		damaged = freed_is_damaged(&p, &damage);
	if (damaged) {
		find_damage(finding, &p, &damage);
		mend(&p);
	}
	slot_back(bin, slot);
	return damaged;
}

static void
report_pointer(enum rte_fastmem_error error, const struct place *p, const void *ptr)
{
	struct fastmem_finding finding;

	fastmem_finding_pointer(&finding, error, p->bin, p->slab, p->r, ptr);
	fastmem_report(&finding);
}

/*
 * What an address that is to be freed points to. NULL: to nothing that could be, which was
 * reported; then the caller does nothing.
 */
static struct fastmem_record *
find_live(const void *ptr, enum rte_fastmem_error wrong, struct place *p)
{
	const bool resized = wrong == RTE_FASTMEM_ERROR_REALLOC;
	unsigned int id = rte_fastmem_bin_of(ptr);
	struct fastmem_record *r;
	uint32_t state;

	if (id == 0) {
		fastmem_report_foreign(resized ? wrong : RTE_FASTMEM_ERROR_FREE_FOREIGN, ptr);
		return NULL;
	}
	*p = (struct place){ .bin = &fastmem_ctl()->bins[id], .slab = fastmem_slab_of(ptr) };
	r = fastmem_record_of(p->bin, p->slab, ptr);
	state = r != NULL ? state_of(r) : FASTMEM_RECORD_NEW;
	if (state == FASTMEM_RECORD_NEW) {
		report_pointer(resized ? wrong : RTE_FASTMEM_ERROR_FREE_FOREIGN, p, ptr);
		return NULL;
	}
	place_read(p, p->bin, p->slab, r, state);
	if (ptr != p->obj) {
		report_pointer(resized ? wrong : RTE_FASTMEM_ERROR_FREE_INTERIOR, p, ptr);
		return NULL;
	}
	if (resized) {
		if (state == FASTMEM_RECORD_LIVE)
			return r;
	} else if (claim(r, FASTMEM_RECORD_LIVE) == FASTMEM_RECORD_LIVE) {
		/* It may be another object by now that begins here. */
		place_read(p, p->bin, p->slab, r, FASTMEM_RECORD_BUSY);
		return r;
	}
	report_pointer(wrong, p, ptr);
	return NULL;
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
	if (is_full_level()) {
		NOTE(r->free_stack, fastmem_stack_capture());
		NOTE(r->free_time, rte_rdtsc());
	}
	if (fastmem_debug.zones) {
		if (p->bin->pool == NULL)
			memset(p->obj, FASTMEM_FREED_BYTE, p->size);
		else if (is_full_level())
			NOTE(r->sum, sum_of(p->obj, p->size));
	}
	if (is_tracked(p->bin))
		fastmem_track_free(p->obj, p->size);
}

/* Free an object, if it is one, and one that may be freed like this. */
void
fastmem_debug_free(void *ptr, const struct fastmem_expect *expect)
{
	struct fastmem_finding finding;
	struct damage damage;
	struct place p;
	struct fastmem_record *r = find_live(ptr, RTE_FASTMEM_ERROR_DOUBLE_FREE, &p);

	if (r == NULL)
		return;
	if (!as_expected(&p, expect, &finding)) {
		/* First: who frees it rightly does not wait for the report. */
		set_state(r, FASTMEM_RECORD_LIVE);
		fastmem_report(&finding);
		return;
	}
	if (zones_are_damaged(&p, &damage))
		report_and_mend(&p, &damage);
	check_zone_before(&p);
	note_free(&p);
	set_state(r, FASTMEM_RECORD_FREED);
	if (is_full_level())
		fastmem_quarantine_put(p.bin, p.slot + p.bin->header);
	else
		slot_back(p.bin, p.slot + p.bin->header);
}

/* The size of a live object that is to be resized. False: it is none, which was reported. */
bool
fastmem_debug_resize(void *ptr, size_t *size)
{
	struct place p;
	struct fastmem_record *r = find_live(ptr, RTE_FASTMEM_ERROR_REALLOC, &p);

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
	struct fastmem_record *r = find_live(ptr, RTE_FASTMEM_ERROR_DOUBLE_FREE, &p);

	if (r == NULL)
		return false;
	if (zones_are_damaged(&p, &damage))
		report_and_mend(&p, &damage);
	if (is_tracked(p.bin))
		fastmem_track_free(p.obj, p.size);
	p.size = size;
	NOTE(r->size, size);
	NOTE(r->align, align);
	/* Before it is LIVE again: pairs with the acquires of state in check_one(). */
	NOTE(r->turn, r->turn + 1);
	if (fastmem_debug.zones)
		rewrite(&p, false);
	if (is_tracked(p.bin))
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

	if (r != NULL && state_of(r) == FASTMEM_RECORD_LIVE)
		return r->size;
	/* Of what is no live object, as much as there is to the end of the slot. */
	end = r != NULL ? fastmem_record_slot(bin, slab, r) + bin->slot_size : ptr;
	return end - (const char *)ptr;
}

/* Slabs come and go. */

static size_t
slab_bytes(const struct fastmem_granule *slab)
{
	return (size_t)slab->n << RTE_FASTMEM_GRANULE_SHIFT;
}

/* When sampling, most objects are not checked. */
static bool
has_records(const struct fastmem_bin *bin)
{
	const struct fastmem_debug *debug = fastmem_ctl()->debug;

	return debug != NULL && (debug->level != RTE_FASTMEM_DEBUG_SAMPLE || bin->sampled);
}

/* Of the bookkeeping, for the records of a slab of the bin. */
size_t
fastmem_debug_slab_bytes(const struct fastmem_bin *bin)
{
	return has_records(bin) ? fastmem_records_bytes(bin->slab_slots) : 0;
}

/* A slab is made. Returns 0 or -ENOMEM. */
int
fastmem_debug_slab(struct fastmem_granule *slab, bool may_grow)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	/* What was a slab before is nobody's, and functions of a pool are to make objects in it. */
	if (fastmem_debug.tools != 0)
		fastmem_track_plain(fastmem_granule_addr(slab->head), slab_bytes(slab));
	if (!has_records(&ctl->bins[slab->bin])) {
		slab->records = NULL; /* of a slab whose process died as it gave it back */
		return 0;
	}
	return fastmem_records_make(slab, may_grow);
}

/*
 * Its objects are constructed: from now on, who has none may not access it. Objects with a
 * header are those of a mempool: DPDK links the headers, and lets applications initialise
 * the objects by rte_mempool_obj_iter(), so there it takes a free to forbid an object.
 */
void
fastmem_debug_slab_enter(const struct fastmem_granule *slab)
{
	const struct fastmem_bin *bin = &fastmem_ctl()->bins[slab->bin];
	char *addr = fastmem_granule_addr(slab->head);

	if (fastmem_debug.tools == 0)
		return;
	fastmem_track_slab(addr, slab_bytes(slab));
	if (bin->header != 0 || !is_tracked(bin))
		fastmem_track_plain(addr, slab_bytes(slab));
}

/* Its objects are to be destroyed: the functions of the pool may access it. */
void
fastmem_debug_slab_leave(const struct fastmem_granule *slab)
{
	if (fastmem_debug.tools != 0)
		fastmem_track_plain(fastmem_granule_addr(slab->head), slab_bytes(slab));
}

/* No slab ends while a thread holds them. Before they end; and while records are read. */
void
fastmem_debug_slabs_hold(void)
{
	struct fastmem_debug *debug = fastmem_ctl()->debug;

	/* Who only reads leaves nothing to repair, and for who ends a slab bin.lock is repaired. */
	if (debug != NULL && fastmem_mutex_lock(&debug->walking, FASTMEM_LOCK_WALKING))
		fastmem_mutex_repaired(&debug->walking);
}

void
fastmem_debug_slabs_release(void)
{
	if (fastmem_ctl()->debug != NULL)
		fastmem_mutex_unlock(&fastmem_ctl()->debug->walking);
}

/* It is no slab any more. Under bin.lock, between one of these and the last. */
void
fastmem_debug_slab_end(struct fastmem_granule *slab)
{
	fastmem_records_drop(slab);
	if (fastmem_debug.tools != 0)
		fastmem_track_unslab(fastmem_granule_addr(slab->head), slab_bytes(slab));
}

/* Memory is EAL's again. */
void
fastmem_debug_memory_leaves(void *addr, size_t len)
{
	if (fastmem_debug.tools != 0)
		fastmem_track_plain(addr, len);
}

/*
 * From one to the other, a function of the user may look at an object of a pool, in use or
 * not. Returns whether it could not before: only then the other one is to follow.
 */
bool
fastmem_debug_look(const struct fastmem_bin *bin, const struct fastmem_granule *slab, void *obj)
{
	const struct fastmem_record *r;
	uint32_t state;

	if (fastmem_debug.tools == 0)
		return false;
	r = fastmem_record_of(bin, slab, obj);
	state = r != NULL ? state_of(r) : FASTMEM_RECORD_LIVE;
	/* As for the latter, see fastmem_debug_slab_enter(). */
	if (state == FASTMEM_RECORD_LIVE || (state == FASTMEM_RECORD_NEW && bin->header != 0))
		return false;
	fastmem_track_peek(obj, bin->pool->size);
	return true;
}

void
fastmem_debug_look_end(const struct fastmem_bin *bin, const struct fastmem_granule *slab, void *obj)
{
	const struct fastmem_record *r = fastmem_record_of(bin, slab, obj);
	/* Somebody may have got it meanwhile. */
	bool live = r != NULL && state_of(r) == FASTMEM_RECORD_LIVE;

	fastmem_track_unpeek(obj, live ? 0 : bin->pool->size);
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
	return p->state == FASTMEM_RECORD_LIVE ? zones_are_damaged(p, d) :
		p->state == FASTMEM_RECORD_FREED && freed_is_damaged(p, d);
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
	uint32_t state = state_of(r), turn = __atomic_load_n(&r->turn, __ATOMIC_RELAXED);
	struct check *check = arg;
	struct damage damage;
	struct place p;

	if (!place_read(&p, bin, slab, r, state) || !is_damaged(&p, &damage))
		return;
	/* Without waiting for others, which this is not to do under debug.walking. */
	if (!try_claim(r, state))
		return;
	if (__atomic_load_n(&r->turn, __ATOMIC_RELAXED) == turn) {
		find_damage(&check->found[check->n++], &p, &damage);
		mend(&p);
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
rte_fastmem_debug_check(void)
{
	struct check check = { .n = 0 };

	if (fastmem_ctl_get() != NULL)
		fastmem_records_walk(&(struct fastmem_walk){ .record = check_one,
			.between = check_report, .arg = &check });
	return check.n_wrong;
}
