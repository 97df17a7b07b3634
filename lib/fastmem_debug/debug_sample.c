/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Sampling: one in N objects is checked as on level FULL, the others take the fast path.
 *
 * A sampled object has a slot of a bin that is only for such objects, and of which no thread
 * has a cache: so to free it takes the slow path by itself, whichever way, and the fast path
 * has no test for it. To allocate one takes a visit to the slow path, which a thread that
 * frees what it allocates never makes by itself. So a timer of EAL takes its caches from each
 * thread once in a millisecond; its next allocations are slow, one of them may be checked, and
 * puts the caches back. Which one is drawn: the first one after a pause is always at the same place
 * of a program.
 *
 * That also bounds the cost: a thread has at most a thousand objects checked in a second,
 * however many it allocates. With a small N, cost is not the point, but that it is one of each N
 * in a row: then threads have no caches at all. Which one is drawn, too: places that take turns may
 * do so in step with N.
 */

#include <rte_alarm.h>
#include <rte_errno.h>

#include "fastmem_debug.h"

#define TICK_US 1000
#define EXACT_MAX 100u /* the largest N with which it is one of each N in a row */
/* Slow allocations to choose from. Those who free as many in between get their caches back. */
#define CHOICE 8u

/* Slow allocations of this thread until one may be checked; 0: to be drawn. */
static __thread unsigned int to_skip;
static RTE_ATOMIC(bool) has_timer; /* else threads go by what comes to the slow path by itself */

bool
fastmem_sample_is_exact(void)
{
	return fastmem_checking.sample != 0 && fastmem_checking.sample <= EXACT_MAX;
}

static void tick(void *arg);

static void
set_timer(void)
{
	int ret = rte_eal_alarm_set(TICK_US, tick, NULL);

	rte_atomic_store_explicit(&has_timer, ret == 0, rte_memory_order_relaxed);
	if (ret != 0)
		FASTMEM_LOG(WARNING, "no timer for sampling: %s. What is checked is what threads "
			"allocate as they come to the slow path by themselves; sample=%u or less "
			"needs none", rte_strerror(-ret), EXACT_MAX);
}

/* In EAL's interrupt thread. */
static void
tick(void *arg __rte_unused)
{
	/* Pairs with the release in fastmem_sample_stop(). */
	if (rte_atomic_load_explicit(&fastmem_checking.sample, rte_memory_order_acquire) == 0)
		return;
	fastmem_threads_disarm();
	set_timer();
}

void
fastmem_sample_start(void)
{
	/* Sizes and handles do not tell the bin of an object: it is looked up. */
	rte_fastmem_map.n_sockets = 0;
	if (fastmem_process.is_fork)
		FASTMEM_LOG(NOTICE, "no timer for sampling in a forked process: what is checked is "
			"what threads allocate as they come to the slow path by themselves; "
			"sample=%u or less needs none", EXACT_MAX);
	else if (fastmem_tools() & FASTMEM_TOOL_TSAN) /* the fast path reads what it writes */
		FASTMEM_LOG(NOTICE, "no timer for sampling with ThreadSanitizer: what is checked is "
			"what threads allocate as they come to the slow path by themselves");
	else if (!fastmem_sample_is_exact())
		set_timer();
}

/* Not from EAL's interrupt thread. */
void
fastmem_sample_stop(void)
{
	if (fastmem_checking.sample == 0)
		return;
	/* Pairs with the acquire in tick(). */
	rte_atomic_store_explicit(&fastmem_checking.sample, 0, rte_memory_order_release);
	/*
	 * A forked process has none. EAL would wait for ever for one that ran at the fork, or for
	 * the lock of its alarms.
	 */
	if (fastmem_process.is_fork)
		return;
	/* Waits for one that is running; that may have set another one just before. */
	rte_eal_alarm_cancel(tick, (void *)-1);
	rte_eal_alarm_cancel(tick, (void *)-1);
}

/* The bin for a sampled object with a slot of so many bytes; NULL: there is none. */
struct fastmem_bin *
fastmem_sample_bin(unsigned int socket, size_t slot, size_t align)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	uint32_t i = ctl->arenas[socket].first_bin + FASTMEM_FIRST_SAMPLED;
	uint32_t end = i + FASTMEM_N_SAMPLED;

	/* Slots are as large as powers of two, and so aligned, up to a granule. */
	for (; i < end && align <= FASTMEM_GRANULE; i++)
		if (ctl->bins[i].slot_size >= RTE_MAX(slot, align))
			return &ctl->bins[i];
	return NULL;
}

/* One of n, from the number of an allocation: the same in each run. */
static uint64_t
draw(const struct fastmem_bin *bin, uint64_t number, uint64_t n)
{
	uint64_t x = (number << 16 | bin->id) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (x >> 32) % n;
}

/* The number of the next object to be checked: of an exact sample, any of the next N. */
static uint64_t
next_due(const struct fastmem_bin *bin, uint64_t sampled_at)
{
	const uint64_t n = fastmem_checking.sample; /* 0: sampling ends beside */
	uint64_t first; /* of these N, from 0 on */

	if (n == 0 || n > EXACT_MAX)
		return sampled_at + n;
	first = (sampled_at + n - 1) / n * n;
	return first + 1 + draw(bin, first, n);
}

/* Whether ticks take the threads' caches from them. A fork has no timer. */
static bool
ticks(void)
{
	return rte_atomic_load_explicit(&has_timer, rte_memory_order_relaxed) &&
		!fastmem_process.is_fork;
}

/*
 * Whether a slow allocation is the one that may be checked: each of an exact sample, else one of
 * some after a tick. It is counted on until it has come, however many ticks and pauses that takes.
 * Without a timer, one of some.
 */
static bool
has_turn(struct fastmem_tcache *t, const struct fastmem_bin *bin, uint64_t number)
{
	const bool by_ticks = ticks();

	if (fastmem_sample_is_exact())
		return true;
	if (by_ticks && !fastmem_thread_is_disarmed(t))
		return false;
	if (to_skip == 0)
		to_skip = 1 + draw(bin, number, CHOICE);
	to_skip--;
	return to_skip == 0 && (!by_ticks || fastmem_thread_rearm(t));
}

static void
note_sampled(struct fastmem_counts *counts, uint64_t number)
{
	counts->sampled_at = number;
	counts->n_sampled++;
}

/*
 * Whether the next object that the thread allocates of this bin is to be checked. t may be
 * NULL: a thread that has no caches.
 */
bool
fastmem_sample_due(struct fastmem_tcache *t, const struct fastmem_bin *bin)
{
	struct fastmem_counts *counts;
	uint64_t number;

	if (t == NULL)
		return false;
	counts = &t->counts[bin->id]; /* of a size class */
	number = t->caches[bin->id].n_alloc + counts->n_sampled + 1;
	if (!has_turn(t, bin, number) || number < next_due(bin, counts->sampled_at))
		return false;
	note_sampled(counts, number);
	return true;
}

/*
 * The next object to be checked of n that the thread has allocated of this bin, from one of them
 * on. n: none is. To be called again for those behind it.
 */
unsigned int
fastmem_sample_next(struct fastmem_tcache *t, const struct fastmem_bin *bin, unsigned int from,
		unsigned int n)
{
	const bool exact = fastmem_sample_is_exact();
	struct fastmem_counts *counts;
	uint64_t begin, due, i = from;

	/* But for an exact sample, one of a bulk at most. */
	if (t == NULL || from >= n || (!exact && from > 0))
		return n;
	counts = &t->counts[bin->id]; /* of a size class */
	begin = t->caches[bin->id].n_alloc + counts->n_sampled + 1 - n; /* the first one's number */
	if (!has_turn(t, bin, begin))
		return n;
	due = next_due(bin, counts->sampled_at);
	if ((int64_t)(due - begin) > from)
		i = due - begin;
	if (i >= n)
		return n;
	/* The timer brings one bulk in many here: each place in it has its turn. */
	if (!exact)
		i = counts->n_sampled % n;
	note_sampled(counts, begin + i);
	return i;
}
