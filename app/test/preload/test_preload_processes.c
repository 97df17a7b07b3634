/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A primary and a secondary process that share objects of rte_malloc(), by way of a memzone. Each
 * may have the library or not; test_preload.sh says what is to come out.
 *
 * The primary prints "ready" when a secondary may come, and checks when its input ends.
 */

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "test_preload.h"

#define ZONE "test_preload_shared"
#define N 200
#define POKE "test_preload_poke" /* to the primary, which sends EVENT to all secondaries */
#define EVENT "test_preload_event"
#define LARGE (600u << 10) /* EAL's heap has room for another one, when it has grown for one */
#define MOST_LARGE 100

struct shared {
	unsigned char *from_primary[N];
	unsigned char *from_secondary[N];
	uint32_t n_taken; /* of the primary's, by the secondary */
};

static size_t
size_of(unsigned int i)
{
	return 50 + i * 97;
}

static int
fill(unsigned char **objs, int byte)
{
	unsigned int i;

	for (i = 0; i < N; i++) {
		objs[i] = rte_malloc(NULL, size_of(i), 0);
		TEST_ASSERT(objs[i] != NULL);
		memset(objs[i], byte, size_of(i));
	}
	return 0;
}

static int
check_and_free(unsigned char **objs, int byte)
{
	unsigned int i;
	size_t k;

	for (i = 0; i < N; i++) {
		for (k = 0; k < size_of(i); k++)
			TEST_ASSERT_EQUAL(objs[i][k], byte, "%u", i);
		rte_free(objs[i]);
		objs[i] = NULL;
	}
	return 0;
}

static unsigned int
live_objects(void)
{
	struct rte_malloc_socket_stats stats = { 0 };

	rte_malloc_get_socket_stats(rte_socket_id(), &stats);
	return stats.alloc_count;
}

static int
on_poke(const struct rte_mp_msg *msg, const void *peer)
{
	struct rte_mp_msg event = { .name = EVENT };

	RTE_SET_USED(msg);
	RTE_SET_USED(peer);
	return rte_mp_sendmsg(&event);
}

int
preload_as_primary(void)
{
	const struct rte_memzone *mz = rte_memzone_reserve(ZONE, sizeof(struct shared),
		SOCKET_ID_ANY, 0);
	struct shared *shared;
	unsigned int before;
	char byte;

	TEST_ASSERT(mz != NULL);
	shared = mz->addr;
	memset(shared, 0, sizeof(*shared));
	before = live_objects();
	TEST_CALL(fill(shared->from_primary, 0x11));
	TEST_ASSERT_EQUAL(rte_mp_action_register(POKE, on_poke), 0);
	printf("%s\nready\n", is_fastmems(shared->from_primary[0]) ? "fastmem" : "EAL");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	if (shared->n_taken == 0)
		TEST_CALL(check_and_free(shared->from_primary, 0x11));
	if (shared->from_secondary[0] != NULL)
		TEST_CALL(check_and_free(shared->from_secondary, 0x22));
	printf("%d objects more than before\n", (int)(live_objects() - before));
	return EXIT_SUCCESS;
}

static uint32_t n_events, n_not_held; /* atomic */

/* In EAL's thread for messages, which could not hear the primary's answer. */
static void
on_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	const unsigned int *growth_held;

	RTE_SET_USED(event);
	RTE_SET_USED(addr);
	RTE_SET_USED(len);
	RTE_SET_USED(arg);
	growth_held = dlsym(RTLD_DEFAULT, "fastmem_growth_held");
	if (growth_held == NULL || *growth_held == 0)
		__atomic_fetch_add(&n_not_held, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&n_events, 1, __ATOMIC_RELAXED);
}

static int
hold_growth_in_callbacks(void)
{
	void *p;

	TEST_ASSERT_EQUAL(rte_mem_event_callback_register("test", on_event, NULL), 0);
	p = rte_malloc(NULL, 20 << 20, 0);
	TEST_ASSERT(p != NULL);
	rte_free(p);
	TEST_ASSERT_EQUAL(rte_mem_event_callback_unregister("test", NULL), 0);
	TEST_ASSERT(n_events > 0);
	TEST_ASSERT_EQUAL(n_not_held, 0);
	return 0;
}

/* What a callback of EAL's has allocated. */
static struct {
	void *objs[MOST_LARGE];
	unsigned int n;
	uint32_t done; /* atomic */
} called_back;

static void
allocate_large(unsigned int n)
{
	for (called_back.n = 0; called_back.n < n; called_back.n++)
		called_back.objs[called_back.n] = rte_malloc(NULL, LARGE, 0);
	__atomic_store_n(&called_back.done, 1, __ATOMIC_RELEASE);
}

static void
await_called_back(void)
{
	while (__atomic_exchange_n(&called_back.done, 0, __ATOMIC_ACQUIRE) == 0)
		rte_delay_us_sleep(100);
}

static void
free_large(void **objs, unsigned int n)
{
	while (n > 0)
		rte_free(objs[--n]);
}

static int
on_message(const struct rte_mp_msg *msg, const void *peer)
{
	RTE_SET_USED(msg);
	RTE_SET_USED(peer);
	allocate_large(1);
	return 0;
}

/* It would wait for itself if fastmem asked the primary: EAL's heap has room. */
static int
allocate_in_a_message_callback(void)
{
	unsigned int *growth_held = dlsym(RTLD_DEFAULT, "fastmem_growth_held");
	struct rte_mp_msg msg = { .name = POKE };
	void *objs[MOST_LARGE];
	unsigned int n = 0;

	/* All that fastmem has, and one that EAL's heap grows for. */
	if (growth_held != NULL)
		(*growth_held)++;
	do {
		objs[n] = rte_malloc(NULL, LARGE, 0);
		TEST_ASSERT(objs[n] != NULL && n + 1 < MOST_LARGE);
	} while (is_fastmems(objs[n++]));
	if (growth_held != NULL)
		(*growth_held)--;

	TEST_ASSERT_EQUAL(rte_mp_action_register(EVENT, on_message), 0);
	TEST_ASSERT_EQUAL(rte_mp_sendmsg(&msg), 0);
	await_called_back();
	TEST_ASSERT(called_back.objs[0] != NULL);
	TEST_ASSERT(!is_fastmems(called_back.objs[0]));
	free_large(called_back.objs, called_back.n);
	rte_mp_action_unregister(EVENT);
	free_large(objs, n);
	return 0;
}

static void
on_alarm(void *arg)
{
	RTE_SET_USED(arg);
	allocate_large(MOST_LARGE / 5);
}

/* EAL hears the primary's answer in another thread: fastmem grows. */
static int
allocate_in_an_interrupt_callback(void)
{
	void *obj = rte_malloc(NULL, LARGE, 0);
	bool served = is_fastmems(obj);
	unsigned int i;

	rte_free(obj);
	TEST_ASSERT_EQUAL(rte_eal_alarm_set(1, on_alarm, NULL), 0);
	await_called_back();
	for (i = 0; i < called_back.n; i++) {
		TEST_ASSERT(called_back.objs[i] != NULL, "%u", i);
		TEST_ASSERT_EQUAL(is_fastmems(called_back.objs[i]), served, "%u", i);
	}
	free_large(called_back.objs, called_back.n);
	return 0;
}

/* Takes the primary's objects, and leaves as many. */
int
preload_as_secondary(void)
{
	const struct rte_memzone *mz = rte_memzone_lookup(ZONE);
	struct shared *shared;
	unsigned char *moved;

	TEST_ASSERT(mz != NULL);
	shared = mz->addr;
	TEST_CALL(fill(shared->from_secondary, 0x22));
	printf("%s\n", is_fastmems(shared->from_secondary[0]) ? "fastmem" : "EAL");
	moved = rte_realloc(shared->from_primary[0], 100000, 0);
	TEST_ASSERT(moved != NULL);
	TEST_ASSERT_EQUAL(moved[0], 0x11);
	shared->from_primary[0] = moved;
	shared->n_taken = N;
	TEST_CALL(check_and_free(shared->from_primary, 0x11));
	return EXIT_SUCCESS;
}

/* Allocates where EAL could not hear the primary's answer, and where it could. */
int
preload_allocate_in_callbacks(void)
{
	TEST_CALL(hold_growth_in_callbacks());
	TEST_CALL(allocate_in_a_message_callback());
	TEST_CALL(allocate_in_an_interrupt_callback());
	return EXIT_SUCCESS;
}
