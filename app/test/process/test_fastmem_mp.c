/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What secondary processes ask of the primary.
 */

#include <dlfcn.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_log.h>

#include "fastmem_private.h"
#include "fastmem_replace_heap.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define GROWTH 64 /* granules */
#define ASK_NAME "fastmem_ask"
#define OBJECTS 8 /* of 1 MiB: more than is there before growth */

static struct process second;

static uint32_t n_asked; /* questions of this process to the primary. Atomic */

static bool asks_in_vain; /* and EAL says so in the log */

/* This program's comes before that of EAL, and counts. */
int
rte_mp_request_sync(struct rte_mp_msg *req, struct rte_mp_reply *reply, const struct timespec *ts)
{
	typedef int (*request_t)(struct rte_mp_msg *, struct rte_mp_reply *,
			const struct timespec *);
	request_t request = (request_t)(uintptr_t)dlsym(RTLD_NEXT, "rte_mp_request_sync");

	if (strcmp(req->name, ASK_NAME) == 0)
		rte_atomic_fetch_add_explicit(&n_asked, 1, rte_memory_order_relaxed);
	if (strcmp(req->name, ASK_NAME) == 0 && asks_in_vain) {
		rte_log(RTE_LOG_ERR, RTE_LOGTYPE_USER1, "no answer\n");
		rte_errno = ETIMEDOUT;
		return -1;
	}
	return request(req, reply, ts);
}

static int
mp_up(void)
{
	TEST_CALL(shared_make());
	TEST_CALL(fastmem_up());
	return process_start(&second);
}

static int
mp_down(void)
{
	TEST_CALL(process_stop(&second));
	TEST_CALL(fastmem_down());
	shared_free();
	return TEST_SUCCESS;
}

static void
mp_rescue(void)
{
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
	shared_free();
}

/* In the second process. */

static int64_t
call_patience(const uint64_t *args)
{
	const unsigned int before = fastmem_mp_ask_seconds;

	fastmem_mp_ask_seconds = args[0];
	return before;
}

static int64_t
call_grow_by(const uint64_t *args)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	return fastmem_arena_grow_by(&ctl->arenas[ctl->first_socket], args[0]);
}

/* How many questions there have been since the last call. */
static int64_t
call_asked(const uint64_t *args)
{
	RTE_SET_USED(args);
	return rte_atomic_exchange_explicit(&n_asked, 0, rte_memory_order_relaxed);
}

static int64_t
call_meta_grow(const uint64_t *args)
{
	uint64_t i;

	for (i = 0; i < args[1]; i++) {
		int ret = fastmem_meta_grow(args[0]);

		if (ret != 0)
			return ret;
	}
	return 0;
}

#define HEAR_NAME "test_hear"

/* What a callback does, of the process that sets it while there is none. */
static enum { HEAR_ALLOC, HEAR_RESERVE, HEAR_ROOM } hear_mode;
static int heard; /* 1: what a callback needs was refused; -1: it was served. Atomic */

static bool
make_room(void)
{
	struct rte_fastmem_replace_room room = { .size = MIB, .socket_id = SOCKET_ID_ANY };

	return rte_fastmem_replace_make_room(&room);
}

/* The message says how much bookkeeping memory is needed; 0: an object. */
static int
hear(const struct rte_mp_msg *msg, const void *peer)
{
	uint64_t bytes;
	bool served;

	RTE_SET_USED(peer);
	memcpy(&bytes, msg->param, sizeof(bytes));
	if (hear_mode == HEAR_RESERVE) {
		served = rte_fastmem_reserve(bytes, SOCKET_ID_ANY) == 0;
	} else if (hear_mode == HEAR_ROOM) {
		served = make_room();
	} else if (bytes == 0) {
		void *obj = rte_fastmem_alloc(MIB, 0, 0);

		served = obj != NULL;
		rte_fastmem_free(obj);
	} else {
		served = fastmem_meta_grow(bytes) == 0;
	}
	rte_atomic_store_explicit(&heard, served ? -1 : 1, rte_memory_order_release);
	return 0;
}

static int
say(uint64_t bytes)
{
	struct rte_mp_msg msg = { .name = HEAR_NAME, .len_param = sizeof(bytes) };

	memcpy(msg.param, &bytes, sizeof(bytes));
	return rte_mp_sendmsg(&msg);
}

static int64_t
call_say(const uint64_t *args)
{
	return say(args[0]);
}

static int64_t
call_hear_begin(const uint64_t *args)
{
	RTE_SET_USED(args);
	heard = 0;
	return rte_mp_action_register(HEAR_NAME, hear);
}

static int64_t
call_hear_end(const uint64_t *args)
{
	RTE_SET_USED(args);
	while (rte_atomic_load_explicit(&heard, rte_memory_order_acquire) == 0)
		rte_delay_us_sleep(100);
	rte_mp_action_unregister(HEAR_NAME);
	return heard;
}

/* Callbacks in EAL's interrupt thread. */

static struct {
	struct rte_intr_handle *handle;
	int fd;
	unsigned int await; /* questions of others, before it allocates */
	int n_served; /* of OBJECTS; -1: it has not come yet. Atomic */
} interrupt = { .n_served = -1 };

static void
interrupted(void *arg)
{
	void *objs[OBJECTS];
	uint64_t value;
	int n;

	RTE_SET_USED(arg);
	if (interrupt.handle != NULL && read(interrupt.fd, &value, sizeof(value)) < 0)
		return;
	while (fastmem_mp_pending() < interrupt.await)
		rte_delay_us_sleep(100);
	n = fill_up(objs, OBJECTS, MIB);
	rte_fastmem_free_bulk(objs, n);
	rte_atomic_store_explicit(&interrupt.n_served, n, rte_memory_order_release);
}

static int
interrupt_by_alarm(unsigned int await)
{
	interrupt.await = await;
	interrupt.n_served = -1;
	return rte_eal_alarm_set(1, interrupted, NULL);
}

static int
interrupt_by_event(void)
{
	uint64_t one = 1;

	interrupt.await = 0;
	interrupt.n_served = -1;
	interrupt.fd = eventfd(0, EFD_CLOEXEC);
	interrupt.handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	TEST_ASSERT(interrupt.fd >= 0 && interrupt.handle != NULL);
	rte_intr_fd_set(interrupt.handle, interrupt.fd);
	rte_intr_type_set(interrupt.handle, RTE_INTR_HANDLE_EXT);
	TEST_ASSERT_EQUAL(rte_intr_callback_register(interrupt.handle, interrupted, NULL), 0);
	TEST_ASSERT_EQUAL(write(interrupt.fd, &one, sizeof(one)), sizeof(one));
	return 0;
}

/* 1: an event; 0: an alarm. */
static int64_t
call_interrupt_begin(const uint64_t *args)
{
	return args[0] != 0 ? interrupt_by_event() : interrupt_by_alarm(0);
}

/* How many objects the callback has got. */
static int64_t
call_interrupt_end(const uint64_t *args)
{
	RTE_SET_USED(args);
	while (rte_atomic_load_explicit(&interrupt.n_served, rte_memory_order_acquire) < 0)
		rte_delay_us_sleep(100);
	if (interrupt.handle != NULL) {
		while (rte_intr_callback_unregister(interrupt.handle, interrupted, NULL) == -EAGAIN)
			rte_delay_us_sleep(100);
		rte_intr_instance_free(interrupt.handle);
		close(interrupt.fd);
		interrupt.handle = NULL;
	}
	return interrupt.n_served;
}

static unsigned int n_lines;

static ssize_t
write_with_growth(void *cookie, const char *text, size_t n)
{
	static bool within;

	RTE_SET_USED(cookie);
	RTE_SET_USED(text);
	n_lines++;
	if (!within) {
		within = true;
		rte_fastmem_free(rte_fastmem_alloc(MIB, 0, 0));
		within = false;
	}
	return n;
}

/* Whether an allocation that is refused comes back, and lines were written meanwhile. */
static int64_t
call_ask_and_log(const uint64_t *args)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_with_growth });
	void *obj, *there[64];
	unsigned int n = 0;

	RTE_SET_USED(args);
	if (f == NULL)
		return REMOTE_FAILED;
	/* What is there, as EAL's pages had room for it, would be given without a question. */
	while (n < RTE_DIM(there) &&
			(there[n] = rte_fastmem_alloc(MIB, 0, RTE_FASTMEM_F_NOGROW)) != NULL)
		n++;
	setvbuf(f, NULL, _IONBF, 0);
	n_lines = 0;
	rte_openlog_stream(f);
	asks_in_vain = true;
	obj = rte_fastmem_alloc(MIB, 0, 0);
	asks_in_vain = false;
	rte_openlog_stream(NULL);
	fclose(f);
	rte_fastmem_free(obj);
	rte_fastmem_free_bulk(there, n);
	return obj == NULL && n_lines > 0;
}

#define N_ASKERS 3

static int
ask_in_vain(void *arg)
{
	RTE_SET_USED(arg);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MIB, SOCKET_ID_ANY), -ENOMEM);
	return TEST_SUCCESS;
}

/* Threads ask the primary, which does not answer. */
static int64_t
call_ask_together(const uint64_t *args)
{
	struct worker askers[N_ASKERS];
	unsigned int i;

	RTE_SET_USED(args);
	for (i = 0; i < N_ASKERS; i++)
		askers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = ask_in_vain };
	return workers_run(askers, N_ASKERS);
}

const remote_t mp_calls[] = {
	call_ask_together,
	call_ask_and_log,
	call_say,
	call_asked,
	call_meta_grow,
	call_interrupt_begin,
	call_interrupt_end,
	call_hear_begin,
	call_hear_end,
	call_patience,
	call_grow_by,
	NULL,
};

/* The second process gives a question up whose answer is to come, and has another on its way. */
static int
ask_after_one_in_vain(remote_t function, uint64_t arg)
{
	int64_t before = ASK(&second, call_patience, 1);

	TEST_ASSERT(before > 0);
	TEST_CALL(hold_up_begin());
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), -ENOMEM);
	TEST_ASSERT_EQUAL(ASK(&second, call_patience, before), 1);
	TEST_CALL(process_send(&second, function, (const uint64_t[PROCESS_ARGS]){ arg }));
	TEST_CALL(hold_up_await(2));
	TEST_ASSERT(hold_up_end());
	return TEST_SUCCESS;
}

/* Each would have waited for as long, one after the other. */
static int
threads_wait_together_for_a_primary_that_is_silent(void)
{
	int64_t before = ASK(&second, call_patience, 3);

	TEST_CALL(hold_up_begin());
	ASK(&second, call_asked);
	TEST_ASSERT_EQUAL(ASK(&second, call_ask_together), TEST_SUCCESS);
	TEST_ASSERT_EQUAL(ASK(&second, call_asked), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_patience, before), 3);
	TEST_ASSERT(hold_up_end());
	return TEST_SUCCESS;
}

static int
a_late_answer_is_not_taken_for_that_of_the_next_question(void)
{
	uint64_t full;

	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), 0);
	full = stats_backing();
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, full), 0);
	TEST_CALL(ask_after_one_in_vain(call_reserve, 64 * MIB));
	TEST_ASSERT_EQUAL(process_receive(&second), -ENOMEM);
	TEST_ASSERT_EQUAL(stats_backing(), full);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, 64 * MIB), 0);
	TEST_ASSERT(stats_backing() >= 64 * MIB);
	return TEST_SUCCESS;
}

static int
a_question_that_is_asked_again_is_served_once(void)
{
	uint64_t before, more;

	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), 0);
	before = stats_backing();
	TEST_ASSERT_EQUAL(ASK(&second, call_grow_by, GROWTH), 0);
	more = stats_backing() - before;
	TEST_ASSERT(more > 0);
	before += more;
	TEST_CALL(ask_after_one_in_vain(call_grow_by, GROWTH));
	TEST_ASSERT_EQUAL(process_receive(&second), 0);
	/* Served after all that was asked before. */
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), 0);
	TEST_ASSERT_EQUAL(stats_backing(), before + more);
	return TEST_SUCCESS;
}

/* The answer would come to the thread that waits for it. */
static int
a_message_callback_asks_for_nothing(void)
{
	int64_t before = ASK(&second, call_patience, 1);

	TEST_ASSERT_EQUAL(ASK(&second, call_hear_begin), 0);
	ASK(&second, call_log_begin);
	TEST_ASSERT_EQUAL(say(0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_hear_end), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_ANY), 0, "it asked, and waited in vain");
	ASK(&second, call_patience, before);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, MIB), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

/* What a message callback of the second process has heard. */
static int64_t
told(uint64_t bytes)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_hear_begin), 0);
	TEST_ASSERT_EQUAL(say(bytes), 0);
	return ASK(&second, call_hear_end);
}

static int
bookkeeping_memory_that_is_there_costs_no_message(void)
{
	uint64_t before;

	/* Which makes some. */
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), 0);
	ASK(&second, call_asked);
	TEST_ASSERT_EQUAL(ASK(&second, call_meta_grow, KIB, 1000), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_asked), 0);
	before = HERE(call_metadata, 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_meta_grow, 4 * MIB, 1), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_asked), 1, "something is short");
	TEST_ASSERT(HERE(call_metadata, 0) >= (int64_t)(before + 4 * MIB));
	TEST_ASSERT_EQUAL(ASK(&second, call_meta_grow, 4 * MIB, 1000), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_asked), 0);
	return TEST_SUCCESS;
}

static int
a_message_callback_does_not_wait_for_bookkeeping_memory(void)
{
	int64_t before = ASK(&second, call_patience, 1);

	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, MIB), 0);
	ASK(&second, call_asked);
	TEST_ASSERT_EQUAL(told(KIB), -1, "what is there is refused");
	TEST_ASSERT_EQUAL(told(4 * MIB), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_asked), 0, "it asked, and waited in vain");
	ASK(&second, call_patience, before);
	/* Elsewhere there is more. */
	TEST_ASSERT_EQUAL(ASK(&second, call_meta_grow, 4 * MIB, 1), 0);
	return TEST_SUCCESS;
}

/* EAL hears the answer, and what growth tells this process, in another thread. */
static int
an_interrupt_callback_of_a_secondary_grows(void)
{
	unsigned int by_event;

	for (by_event = 0; by_event <= 1; by_event++) {
		ASK(&second, call_trim);
		ASK(&second, call_asked);
		ASK(&second, call_log_begin);
		TEST_ASSERT_EQUAL(ASK(&second, call_interrupt_begin, by_event), 0);
		TEST_ASSERT_EQUAL(ASK(&second, call_interrupt_end), OBJECTS);
		TEST_ASSERT(ASK(&second, call_asked) > 0, "there was enough");
		TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_ANY), 0, "it waited in vain");
		ASK(&second, call_trim);
	}
	return TEST_SUCCESS;
}

/*
 * The primary's thread grows, for which the secondary has to map memory, while it has yet to serve
 * the secondary's callback, which waits for that.
 */
static int
interrupt_callbacks_of_two_processes_grow_at_once(void)
{
	ASK(&second, call_log_begin);
	log_begin();
	TEST_ASSERT_EQUAL(interrupt_by_alarm(1), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_interrupt_begin, 0), 0);
	TEST_ASSERT_EQUAL(HERE(call_interrupt_end, 0), OBJECTS);
	TEST_ASSERT_EQUAL(ASK(&second, call_interrupt_end), OBJECTS);
	TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_ANY), 0);
	TEST_ASSERT_EQUAL(log_end(""), 0);
	return TEST_SUCCESS;
}

/* Of the primary, EAL would have the secondary map the memory, and wait for 5 s for each zone. */
static int
a_message_callback_of_the_primary_does_not_grow(void)
{
	void *obj;

	TEST_ASSERT_EQUAL(HERE(call_hear_begin, 0), 0);
	refuse_nothing(); /* counts */
	TEST_ASSERT_EQUAL(ASK(&second, call_say, 0), 0);
	TEST_ASSERT_EQUAL(HERE(call_hear_end, 0), 1);
	TEST_ASSERT_EQUAL(HERE(call_hear_begin, 0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_say, 4 * MIB), 0);
	TEST_ASSERT_EQUAL(HERE(call_hear_end, 0), 1);
	TEST_ASSERT_EQUAL(refuse_seen(), 0, "zones were reserved, or tried to");

	/* What is there is given, and another thread gets more. */
	obj = rte_fastmem_alloc(MIB, 0, 0);
	TEST_ASSERT(obj != NULL);
	rte_fastmem_free(obj);
	rte_fastmem_cache_flush();
	TEST_ASSERT_EQUAL(HERE(call_hear_begin, 0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_say, 0), 0);
	TEST_ASSERT_EQUAL(HERE(call_hear_end, 0), -1);
	return TEST_SUCCESS;
}

/* What a message callback of the primary has heard. */
static int64_t
told_here(uint64_t bytes, int mode)
{
	int64_t ret;

	hear_mode = mode;
	TEST_ASSERT_EQUAL(HERE(call_hear_begin, 0), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_say, bytes), 0);
	ret = HERE(call_hear_end, 0);
	hear_mode = HEAR_ALLOC;
	return ret;
}

static int
a_message_callback_of_the_primary_reserves_what_is_there(void)
{
	struct rte_fastmem_kept kept;
	uint64_t backing;

	TEST_ASSERT_EQUAL(rte_fastmem_reserve(MIB, SOCKET_ID_ANY), 0);
	backing = stats_backing();
	TEST_ASSERT(backing > MIB);
	refuse_nothing(); /* counts */
	TEST_ASSERT_EQUAL(told_here(backing, HEAR_RESERVE), -1);
	TEST_ASSERT_EQUAL(rte_fastmem_kept(&kept), 0);
	TEST_ASSERT(kept.bytes_reserved >= backing);
	TEST_ASSERT_EQUAL(told_here(backing + MIB, HEAR_RESERVE), 1);
	TEST_ASSERT_EQUAL(refuse_seen(), 0);
	return TEST_SUCCESS;
}

static uint64_t
held_back(void)
{
	struct rte_fastmem_kept kept;

	return rte_fastmem_kept(&kept) == 0 ? kept.bytes_held_back : 0;
}

/* When the limit rises, it takes nothing of EAL. */
static int
a_message_callback_of_the_primary_gets_what_was_held_back(void)
{
	uint64_t limit;

	rte_fastmem_trim(0, SOCKET_ID_ANY);
	for (limit = stats_backing(); held_back() < 20 * FASTMEM_GRANULE;
			limit += FASTMEM_GRANULE) {
		TEST_ASSERT(limit < 64 * MIB, "nothing is held back");
		TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, limit), 0);
		TEST_ASSERT_EQUAL(rte_fastmem_reserve(limit, SOCKET_ID_ANY), 0);
	}
	TEST_ASSERT_EQUAL(told_here(0, HEAR_ALLOC), 1);
	TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, limit + 2 * MIB), 0);
	refuse_nothing(); /* counts */
	TEST_ASSERT_EQUAL(told_here(0, HEAR_ALLOC), -1);
	TEST_ASSERT_EQUAL(refuse_seen(), 0);
	return TEST_SUCCESS;
}

/* It could not give memory back, which does not mean that nobody can. */
static int
a_message_callback_makes_no_room_and_others_do(void)
{
	uint64_t backing;

	rte_fastmem_trim(0, SOCKET_ID_ANY);
	TEST_ASSERT_EQUAL(rte_fastmem_reserve(8 * MIB, SOCKET_ID_ANY), 0);
	backing = stats_backing();
	TEST_ASSERT_EQUAL(told_here(0, HEAR_ROOM), 1);
	TEST_ASSERT_EQUAL(stats_backing(), backing);
	TEST_ASSERT(make_room());
	TEST_ASSERT(stats_backing() < backing);
	return TEST_SUCCESS;
}

static int
a_question_in_vain_is_logged_to_a_stream_that_allocates(void)
{
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, 100), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_ask_and_log), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

/* It says so by a flag, and nobody would answer. */
static int
a_primary_that_ends_eal_is_asked_nothing(void)
{
	RTE_ATOMIC(uint32_t) *ends = &fastmem_ctl()->serves_nobody;
	uint64_t more = stats_backing() + 8 * MIB;
	int64_t ret, asked;

	TEST_ASSERT(ASK(&second, call_reserve, MIB) == 0 && ASK(&second, call_asked) >= 0);
	rte_atomic_store_explicit(ends, 1, rte_memory_order_relaxed);
	ret = ASK(&second, call_reserve, more);
	asked = ASK(&second, call_asked);
	rte_atomic_store_explicit(ends, 0, rte_memory_order_relaxed);
	TEST_ASSERT_EQUAL(ret, -ENOMEM);
	TEST_ASSERT_EQUAL(asked, 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_reserve, more), 0);
	TEST_ASSERT(ASK(&second, call_asked) > 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE_UNCHECKED(a_question_in_vain_is_logged_to_a_stream_that_allocates),
	TEST_CASE(a_primary_that_ends_eal_is_asked_nothing),
	TEST_CASE(bookkeeping_memory_that_is_there_costs_no_message),
	TEST_CASE(a_message_callback_asks_for_nothing),
	TEST_CASE(a_message_callback_does_not_wait_for_bookkeeping_memory),
	TEST_CASE(a_message_callback_of_the_primary_does_not_grow),
	TEST_CASE(a_message_callback_of_the_primary_reserves_what_is_there),
	TEST_CASE(a_message_callback_of_the_primary_gets_what_was_held_back),
	TEST_CASE(a_message_callback_makes_no_room_and_others_do),
	TEST_CASE(an_interrupt_callback_of_a_secondary_grows),
	TEST_CASE(interrupt_callbacks_of_two_processes_grow_at_once),
	TEST_CASE(threads_wait_together_for_a_primary_that_is_silent),
	TEST_CASE(a_late_answer_is_not_taken_for_that_of_the_next_question),
	TEST_CASE(a_question_that_is_asked_again_is_served_once),
	TEST_CASES_END
};

const struct test_suite suite_mp = {
	.name = "mp",
	.about = "what secondary processes ask of the primary",
	.setup = mp_up,
	.teardown = mp_down,
	.rescue = mp_rescue,
	.cases = cases,
	.with_secondaries = true,
};
