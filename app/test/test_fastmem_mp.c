/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What secondary processes ask of the primary.
 */

#include <rte_cycles.h>
#include <rte_eal.h>

#include "fastmem_private.h"
#include "test_calls.h"
#include "test_fastmem.h"

#define GROWTH 64 /* granules */

static struct process second;

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

#define HEAR_NAME "test_hear"

static int heard; /* 1: an allocation in a callback was refused; -1: it was served. Atomic */

static int
hear(const struct rte_mp_msg *msg, const void *peer)
{
	void *obj = rte_fastmem_alloc(MIB, 0, 0);

	RTE_SET_USED(msg);
	RTE_SET_USED(peer);
	rte_fastmem_free(obj);
	__atomic_store_n(&heard, obj == NULL ? 1 : -1, __ATOMIC_RELEASE);
	return 0;
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
	while (__atomic_load_n(&heard, __ATOMIC_ACQUIRE) == 0)
		rte_delay_us_sleep(100);
	rte_mp_action_unregister(HEAR_NAME);
	return heard;
}

const remote_t mp_calls[] = {
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
	struct rte_mp_msg msg = { .name = HEAR_NAME };
	int64_t before = ASK(&second, call_patience, 1);

	TEST_ASSERT_EQUAL(ASK(&second, call_hear_begin), 0);
	ASK(&second, call_log_begin);
	TEST_ASSERT_EQUAL(rte_mp_sendmsg(&msg), 0);
	TEST_ASSERT_EQUAL(ASK(&second, call_hear_end), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_log_end, LOG_ANY), 0, "it asked, and waited in vain");
	ASK(&second, call_patience, before);
	TEST_ASSERT_EQUAL(ASK(&second, call_alloc, 0, 1, MIB), 1);
	TEST_ASSERT_EQUAL(ASK(&second, call_free, 0, 1), 0);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_message_callback_asks_for_nothing),
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
