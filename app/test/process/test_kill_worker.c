/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A worker of the kill test: random operations, each of which may be its last.
 *
 * The order of each two stores here is what the supervisor relies on when it
 * takes over a dead worker's objects: release stores, which x86 and any other
 * CPU keep in order for who sees them all after a death.
 */

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_memzone.h>

#include "test_fastmem.h"
#include "test_kill.h"

struct kill_state *
kill_state_get(void)
{
	static struct kill_state *state;
	const struct rte_memzone *mz;

	if (state == NULL) {
		mz = rte_memzone_lookup(KILL_ZONE);
		state = mz != NULL ? mz->addr : NULL;
	}
	return state;
}

#define SET(word, value) rte_atomic_store_explicit(&(word), value, rte_memory_order_release)
#define GET(word) rte_atomic_load_explicit(&(word), rte_memory_order_acquire)

struct hands {
	struct kill_state *state;
	struct kill_worker *me;
	uint64_t number; /* from 1 on */
	struct rng rng;
};

static void
parcel_fill(void *ptr, size_t size, uint64_t tag)
{
	struct parcel *parcel = ptr;

	parcel->size = size;
	parcel->tag = tag;
	parcel->resized = 0;
	pattern_fill(parcel + 1, size - sizeof(*parcel), tag);
}

bool
parcel_holds(const void *ptr)
{
	const struct parcel *parcel = ptr;

	return parcel->size >= sizeof(*parcel) && parcel->size <= MIB &&
		pattern_holds(parcel + 1, parcel->size - sizeof(*parcel), parcel->tag);
}

static size_t
random_size(struct hands *h)
{
	unsigned int log2 = GET(h->state->size_log2);

	return sizeof(struct parcel) +
		rng_below(&h->rng, ((uint64_t)16 << rng_below(&h->rng, log2 - 4)));
}

static void
note_wrong(struct hands *h, const char *what, const void *ptr)
{
	const struct parcel *parcel = ptr;

	h->me->wrong++;
	fprintf(stderr, "worker %" PRIu64 ": %s, %p", h->number, what, ptr);
	if (ptr != NULL)
		fprintf(stderr, " of %#" PRIx64 ", tag %#" PRIx64, parcel->size, parcel->tag);
	fprintf(stderr, "\n");
}

/* Up to n places of the table that are in use, or are not. */
static unsigned int
find_places(struct hands *h, bool used, unsigned int *places, unsigned int n)
{
	unsigned int i, k, found = 0, start = rng_below(&h->rng, KILL_TABLE);

	for (k = 0; k < KILL_TABLE && found < n; k++) {
		i = (start + k) % KILL_TABLE;
		if ((h->me->table[i] != 0) == used)
			places[found++] = i;
	}
	return found;
}

static void
fill_places(struct hands *h, const unsigned int *places, unsigned int n, size_t size, bool resized)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		void *ptr = (void *)(uintptr_t)(h->me->table[places[i]] & ~KILL_UNFILLED);

		parcel_fill(ptr, size, rng_next(&h->rng));
		((struct parcel *)ptr)->resized = resized;
		SET(h->me->table[places[i]], (uintptr_t)ptr);
	}
}

/* One object, or several, by any of the functions. */
static void
do_alloc(struct hands *h)
{
	unsigned int places[KILL_BULK], i, flags = 0;
	unsigned int n = rng_below(&h->rng, 4) == 0 ? 1 + rng_below(&h->rng, KILL_BULK) : 1;
	rte_fastmem_handle_t handle;
	size_t size = random_size(h);
	void *ptrs[KILL_BULK];
	int ret = 0;

	if (size > 4096)
		n = RTE_MIN(n, 4u);
	n = find_places(h, false, places, n);
	if (n == 0)
		return;
	if (rng_below(&h->rng, 8) == 0)
		flags = RTE_FASTMEM_F_NOGROW;
	SET(h->me->allocating, n);
	if (rng_below(&h->rng, 2) == 0) {
		ret = rte_fastmem_hlookup(size, 8, SOCKET_ID_ANY, &handle);
		if (ret == 0)
			ret = rte_fastmem_halloc_bulk(handle, ptrs, n, flags);
	} else if (n > 1) {
		ret = rte_fastmem_alloc_bulk(ptrs, n, size, 8, flags);
	} else {
		ptrs[0] = rte_fastmem_alloc(size, 8, flags);
		ret = ptrs[0] != NULL ? 0 : -rte_errno;
	}
	for (i = 0; ret == 0 && i < n; i++)
		SET(h->me->table[places[i]], (uintptr_t)ptrs[i] | KILL_UNFILLED);
	SET(h->me->allocating, 0);
	if (ret == 0)
		fill_places(h, places, n, size, false);
	else if (ret == -ENOMEM)
		h->me->n_refused++;
	else
		note_wrong(h, rte_strerror(-ret), NULL);
}

static void
do_free(struct hands *h)
{
	unsigned int n = rng_below(&h->rng, 4) == 0 ? 1 + rng_below(&h->rng, KILL_BULK) : 1, i;
	unsigned int places[KILL_BULK];
	void *ptrs[KILL_BULK];

	n = find_places(h, true, places, n);
	if (n == 0)
		return;
	for (i = 0; i < n; i++) {
		ptrs[i] = (void *)(uintptr_t)h->me->table[places[i]];
		if (!parcel_holds(ptrs[i]))
			note_wrong(h, "contents have changed", ptrs[i]);
	}
	SET(h->me->freeing, n);
	for (i = 0; i < n; i++)
		SET(h->me->table[places[i]], 0);
	if (n > 1)
		rte_fastmem_free_bulk(ptrs, n);
	else if (((struct parcel *)ptrs[0])->resized || rng_below(&h->rng, 2) == 0)
		rte_fastmem_free(ptrs[0]);
	else
		rte_fastmem_free_sized(ptrs[0], ((struct parcel *)ptrs[0])->size, 8);
	SET(h->me->freeing, 0);
}

static void
do_realloc(struct hands *h)
{
	size_t size = random_size(h);
	unsigned int place;
	void *old, *new;
	uint64_t tag;

	if (find_places(h, true, &place, 1) == 0)
		return;
	old = (void *)(uintptr_t)h->me->table[place];
	tag = ((struct parcel *)old)->tag;
	SET(h->me->freeing, 1);
	SET(h->me->allocating, 1);
	SET(h->me->table[place], 0);
	new = rte_fastmem_realloc(old, size, 8);
	SET(h->me->table[place], (uintptr_t)(new != NULL ? new : old) | KILL_UNFILLED);
	SET(h->me->freeing, 0);
	SET(h->me->allocating, 0);
	if (new != NULL && ((struct parcel *)new)->tag != tag)
		note_wrong(h, "contents have not moved", new);
	if (new == NULL)
		size = ((struct parcel *)old)->size;
	fill_places(h, &place, 1, size, true);
}

static void
do_put(struct hands *h)
{
	uint64_t *slot = &h->state->mailbox[rng_below(&h->rng, KILL_MAILBOX)];
	uint64_t none = 0, word;
	unsigned int place;

	if (GET(*slot) != 0 || find_places(h, true, &place, 1) == 0)
		return;
	word = h->me->table[place];
	if (!rte_atomic_compare_exchange_strong_explicit(slot, &none,
			word | h->number << KILL_HANDS_SHIFT, rte_memory_order_acq_rel,
			rte_memory_order_relaxed))
		return;
	SET(h->me->table[place], 0);
	SET(*slot, word);
}

static void
do_take(struct hands *h)
{
	uint64_t *slot = &h->state->mailbox[rng_below(&h->rng, KILL_MAILBOX)];
	uint64_t word = GET(*slot);
	unsigned int place;

	if (word == 0 || KILL_HANDS(word) != 0 || find_places(h, false, &place, 1) == 0)
		return;
	if (!rte_atomic_compare_exchange_strong_explicit(slot, &word,
			word | h->number << KILL_HANDS_SHIFT, rte_memory_order_acq_rel,
			rte_memory_order_relaxed))
		return;
	SET(h->me->table[place], word);
	SET(*slot, 0);
	if (!parcel_holds(KILL_ADDRESS(word)))
		note_wrong(h, "contents have changed", KILL_ADDRESS(word));
}

static void
do_something(struct hands *h)
{
	unsigned int flush_every = GET(h->state->flush_every);
	unsigned int what = rng_below(&h->rng, 100);
	struct rte_fastmem_stats s;

	if (flush_every != 0 && rng_below(&h->rng, flush_every) == 0) {
		if (what % 2 == 0)
			rte_fastmem_cache_flush();
		else
			rte_fastmem_thread_idle();
	}
	if (what < 38)
		do_alloc(h);
	else if (what < 73)
		do_free(h);
	else if (what < 77)
		do_realloc(h);
	else if (what < 88)
		do_put(h);
	else if (what < 99)
		do_take(h);
	else if (rng_below(&h->rng, 20) == 0 && rte_fastmem_stats(&s) != 0)
		note_wrong(h, "no statistics", NULL);
}

int
kill_work(void *worker_number)
{
	struct hands h = { .state = kill_state_get(), .number = (uintptr_t)worker_number };

	setpriority(PRIO_PROCESS, 0, KILL_NICE); /* of this thread */
	h.me = &h.state->workers[h.number - 1];
	rng_init(&h.rng, h.me->seed);
	while (GET(h.state->stop) == 0) {
		do_something(&h);
		SET(h.me->n_ops, h.me->n_ops + 1);
	}
	TEST_ASSERT_EQUAL(h.me->wrong, 0);
	return TEST_SUCCESS;
}

static struct worker workers[KILL_WORKERS];
static unsigned int n_workers;

/* Returns when all of them work. */
int64_t
kill_begin(const uint64_t *args)
{
	struct kill_state *state = kill_state_get();
	unsigned int i;

	n_workers = args[1];
	for (i = 0; i < n_workers; i++)
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = kill_work,
			.arg = (void *)(uintptr_t)(args[0] + i + 1) };
	TEST_CALL(workers_start(workers, n_workers));
	for (i = 0; i < n_workers; i++)
		while (GET(state->workers[args[0] + i].n_ops) < 100)
			usleep(1000); /* a thread that yields leaves little to a nice one */
	return TEST_SUCCESS;
}

int64_t
kill_end(const uint64_t *args)
{
	unsigned int n = n_workers;

	RTE_SET_USED(args);
	n_workers = 0;
	return workers_join(workers, n);
}

/* Whether the workers of this process end within so many seconds. */
bool
kill_workers_end(unsigned int seconds)
{
	struct timespec until;
	unsigned int i;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	for (i = 0; i < n_workers; i++)
		if (pthread_timedjoin_np((pthread_t)workers[i].thread, NULL, &until) == ETIMEDOUT)
			return false;
	n_workers = 0;
	return true;
}

const remote_t kill_calls[] = { kill_begin, kill_end, NULL };
