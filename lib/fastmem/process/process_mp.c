/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Messages between processes, by EAL's multi-process channel.
 *
 * A secondary asks the primary to grow or to shrink: EAL maps the memory in all
 * processes, and its locks, which do not survive the death of their holder, are
 * only ever held by the primary. The primary does it in EAL's interrupt thread, by
 * way of an alarm: the thread that receives messages must be free to receive what
 * EAL's own growth needs to hear from the secondaries.
 *
 * When the primary ends fastmem while secondaries are attached, it tells them, and
 * they note in shared memory that they know.
 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_string_fns.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"

#define ASK_NAME "fastmem_ask"
#define CLOSE_NAME "fastmem_close"
#define CLOSE_SECONDS 1

/* EAL itself waits for up to 5 for each process that does not answer. Tests wait for less. */
unsigned int fastmem_mp_ask_seconds = 20;

struct answer {
	uint64_t question;
	int64_t value; /* a negative errno, or bytes */
};

static_assert(sizeof(struct fastmem_ask) <= RTE_MP_MAX_PARAM_LEN, "fits into a message");

/* A request on its way from the thread that receives to the one that serves. */
struct bundle {
	struct fastmem_ask ask;
	char peer[];
};

static RTE_ATOMIC(uint32_t) n_bundles; /* on their way */
static RTE_ATOMIC(uint32_t) n_callbacks; /* of messages, that run */
static RTE_ATOMIC(uint32_t) refusing; /* what is asked is refused at once, as its end has begun */

/* EAL refuses a request while one of this name is on its way from this process. */
static pthread_mutex_t ask_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t silent; /* when the last question that had no answer ended. Under ask_lock */

/* By process: the last question that was served. EAL's interrupt thread only, once started. */
static struct answer answers[FASTMEM_MAX_PEERS];

static int64_t
serve(struct fastmem_ctl *ctl, const struct fastmem_ask *ask)
{
	struct fastmem_arena *arena = &ctl->arenas[ask->socket];

	if (ask->socket >= ctl->n_sockets)
		return -EINVAL;
	switch (ask->op) {
	case FASTMEM_ASK_GROW:
		return fastmem_arena_grow(arena, ask->n, ask->align);
	case FASTMEM_ASK_RESERVE:
		return fastmem_arena_reserve(arena, ask->n);
	case FASTMEM_ASK_GROW_BY:
		return fastmem_arena_grow_by(arena, ask->n);
	case FASTMEM_ASK_TRIM:
	case FASTMEM_ASK_TRIM_ALL:
		return fastmem_arena_trim(arena, ask->n, ask->op == FASTMEM_ASK_TRIM_ALL);
	case FASTMEM_ASK_META_GROW:
		return fastmem_meta_grow(ask->n);
	case FASTMEM_ASK_POOL_GROW:
		return ask->pool < RTE_FASTMEM_MAX_POOLS ?
			fastmem_pool_grow(&ctl->pools[ask->pool], ask->generation, ask->n) :
			-EINVAL;
	case FASTMEM_ASK_SHARE:
		/* Tools know what this process does with objects, and nothing of others. */
		FASTMEM_HOOK(share);
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * A process that has heard a late answer asks once more. The question is not served twice: it
 * would grow by twice as much.
 */
static int64_t
serve_once(struct fastmem_ctl *ctl, const struct fastmem_ask *ask)
{
	struct answer *last;

	if (ask->peer >= FASTMEM_MAX_PEERS)
		return -EINVAL;
	last = &answers[ask->peer];
	if (last->question != ask->question)
		*last = (struct answer){ ask->question, serve(ctl, ask) };
	return last->value;
}

static void
reply(const struct fastmem_ask *ask, int64_t value, const char *peer)
{
	struct rte_mp_msg msg = { .len_param = sizeof(struct answer) };
	struct answer answer = { ask->question, value };

	strlcpy(msg.name, ASK_NAME, sizeof(msg.name));
	memcpy(msg.param, &answer, sizeof(answer));
	/* Whoever asked may be dead by now. */
	if (rte_mp_reply(&msg, peer) != 0)
		FASTMEM_LOG(DEBUG, "no reply to %s: %s", peer, rte_strerror(rte_errno));
}

/* Requests that the primary has heard, and not answered yet. For tests. */
unsigned int
fastmem_mp_pending(void)
{
	return rte_atomic_load_explicit(&n_bundles, rte_memory_order_relaxed);
}

/* In EAL's interrupt thread. */
static void
serve_bundle(void *arg)
{
	struct bundle *bundle = arg;
	struct fastmem_ctl *ctl = fastmem_ctl_get();

	reply(&bundle->ask, ctl != NULL ? serve_once(ctl, &bundle->ask) : -ENODEV, bundle->peer);
	free(bundle);
	/* Pairs with the load in await_bundles(). */
	rte_atomic_fetch_sub_explicit(&n_bundles, 1, rte_memory_order_release);
}

static inline uint32_t
callback_begin(void)
{
	return rte_atomic_fetch_add_explicit(&n_callbacks, 1, rte_memory_order_relaxed);
}

static inline void
callback_end(const uint32_t *count __rte_unused)
{
	/* Pairs with the acquire in fastmem_mp_await_callbacks(). */
	rte_atomic_fetch_sub_explicit(&n_callbacks, 1, rte_memory_order_release);
}

/* To the end of the function. */
#define COUNTED_CALLBACK \
	__rte_cleanup(callback_end) __rte_unused const uint32_t count = callback_begin()

/* In EAL's thread that receives messages, which EAL's end cancels. */
static int
handle_ask(const struct rte_mp_msg *msg, const void *peer)
{
	FASTMEM_UNCANCELLABLE;
	COUNTED_CALLBACK;
	struct bundle *bundle;
	int ret = -ENODEV;
	struct fastmem_ask ask = { 0 };

	if (msg->len_param != sizeof(ask))
		return -1; /* of no process that has attached: the layout would differ */
	memcpy(&ask, msg->param, sizeof(ask));
	bundle = malloc(sizeof(*bundle) + strlen(peer) + 1);
	if (bundle == NULL) {
		reply(&ask, -ENOMEM, peer);
		return 0;
	}
	bundle->ask = ask;
	strcpy(bundle->peer, peer);
	/*
	 * Sequentially consistent, with fastmem_mp_refuse(): either this sees that it is refused,
	 * or that sees the bundle, and waits for it.
	 */
	rte_atomic_fetch_add_explicit(&n_bundles, 1, rte_memory_order_seq_cst);
	if (rte_atomic_load_explicit(&refusing, rte_memory_order_seq_cst) == 0)
		ret = rte_eal_alarm_set(1, serve_bundle, bundle) == 0 ? 0 : -ENOMEM;
	if (ret != 0) {
		/* pairs with await_bundles() */
		rte_atomic_fetch_sub_explicit(&n_bundles, 1, rte_memory_order_release);
		reply(&ask, ret, peer);
		free(bundle);
	}
	return 0;
}

/* Ask once. Returns 0, or a negative errno if nothing has been heard in time. */
static int
exchange(const struct fastmem_ask *ask, uint64_t end, struct answer *answer)
{
	const uint64_t hz = rte_get_timer_hz(), now = rte_get_timer_cycles();
	const uint64_t left = end > now ? end - now : 0;
	struct timespec patience = {
		.tv_sec = left / hz,
		.tv_nsec = left % hz * 1000000000 / hz,
	};
	struct rte_mp_msg msg = { .len_param = sizeof(*ask) };
	struct rte_mp_reply got = { 0 };
	int ret = -ENOMEM;

	strlcpy(msg.name, ASK_NAME, sizeof(msg.name));
	memcpy(msg.param, ask, sizeof(*ask));
	if (rte_mp_request_sync(&msg, &got, &patience) != 0) {
		FASTMEM_LOG_SOME(ERR, "cannot ask the primary process for memory: %s",
			rte_strerror(rte_errno));
	} else if (got.nb_received == 0) {
		FASTMEM_LOG_SOME(ERR, "cannot ask the primary process for memory: it has ended");
	} else if (got.msgs[0].len_param == sizeof(*answer)) {
		memcpy(answer, got.msgs[0].param, sizeof(*answer));
		ret = 0;
	}
	free(got.msgs);
	return ret;
}

/* The number of the next question. Also unlike those of a process that had this one's number. */
static uint64_t
next_question(void)
{
	static uint64_t last; /* under ask_lock */

	last = RTE_MAX(last + 1, fastmem_process.nonce << 32);
	return last;
}

/* Under ask_lock: ask until the answer is that to this question, or the time is over. */
static int
ask_in_time(const struct fastmem_ask *ask, struct answer *answer)
{
	uint64_t end = rte_get_timer_cycles() + fastmem_mp_ask_seconds * rte_get_timer_hz();
	int ret;

	fastmem_growth_held++; /* EAL writes to the log, whose stream may allocate */
	FASTMEM_HOOK(enter_eal);
	do
		ret = exchange(ask, end, answer);
	while (ret == 0 && answer->question != ask->question);
	FASTMEM_HOOK(leave_eal);
	fastmem_growth_held--;
	if (ret != 0)
		silent = rte_get_timer_cycles();
	return ret;
}

/*
 * Of a secondary. Returns what the primary answers, or a negative errno. EAL knows an answer by
 * the name of its question alone: one that comes late, when this process has asked the next, is
 * given for that. So answers carry the number of their question, and those of another are dropped.
 */
int64_t
fastmem_mp_ask(struct fastmem_ask *ask)
{
	FASTMEM_UNCANCELLABLE;
	FASTMEM_LOG_LATER;
	struct answer answer = { 0 };
	uint64_t begin;
	int ret;

	/* Number 0 is always the primary's. EAL would write two lines for each call in vain. */
	if (!fastmem_may_call_eal() || fastmem_process.is_fork || !fastmem_peer_alive(0) ||
			rte_atomic_load_explicit(&fastmem_ctl()->serves_nobody,
			rte_memory_order_relaxed) != 0)
		return -ENOMEM;
	begin = rte_get_timer_cycles();
	fastmem_local_lock(&ask_lock, FASTMEM_LOCK_ASK);
	/* Who has waited for the lock while there was no answer has waited long enough. */
	if (silent >= begin) {
		fastmem_local_unlock(&ask_lock);
		return -ENOMEM;
	}
	ask->peer = fastmem_process.peer;
	ask->question = next_question();
	ret = ask_in_time(ask, &answer);
	fastmem_local_unlock(&ask_lock);
	/* Not at once again, which would be lines in the log by each allocation. */
	if (ret != 0 && ask->op == FASTMEM_ASK_GROW)
		fastmem_refusal_note(&fastmem_ctl()->arenas[ask->socket].refusal,
			ask->n + ask->align - 1);
	if (ret != 0 && ask->op == FASTMEM_ASK_META_GROW)
		fastmem_refusal_note(&fastmem_ctl()->meta.refusal, ask->n);
	/*
	 * What has ended there has not ended here: to who calls here, there is no memory. Of a pool,
	 * it may be that which is gone.
	 */
	if (ret == 0 && answer.value == -ENODEV && ask->op != FASTMEM_ASK_POOL_GROW)
		ret = -ENOMEM;
	return ret == 0 ? answer.value : ret;
}

/* In a secondary: the primary has ended fastmem. */
void
fastmem_close_here(struct fastmem_ctl *ctl)
{
	fastmem_set_process_state(FASTMEM_PROCESS_CLOSED);
	FASTMEM_HOOK(close);
	fastmem_threads_forget();
	/* Pairs with the acquire in all_closed(). */
	rte_atomic_store_explicit(&ctl->peers[fastmem_process.peer].closed, 1,
			rte_memory_order_release);
}

static int
handle_close(const struct rte_mp_msg *msg __rte_unused, const void *peer __rte_unused)
{
	FASTMEM_UNCANCELLABLE;
	COUNTED_CALLBACK;

	fastmem_process.up->primary_ended();
	return 0;
}

static bool
all_closed(struct fastmem_ctl *ctl)
{
	unsigned int i;

	for (i = 0; i < FASTMEM_MAX_PEERS; i++) {
		const struct fastmem_peer *peer = &ctl->peers[i];

		/*
		 * The first pairs with the FASTMEM_MOVE() of a state in process.c, the second
		 * with the release in fastmem_close_here().
		 */
		if (i != fastmem_process.peer &&
				rte_atomic_load_explicit(&peer->state, rte_memory_order_acquire) ==
					FASTMEM_PEER_ATTACHED &&
				rte_atomic_load_explicit(&peer->closed, rte_memory_order_acquire) ==
				0 && fastmem_peer_alive(i))
			return false;
	}
	return true;
}

/* In the primary: tell all secondaries, and wait until they know. */
void
fastmem_mp_close(struct fastmem_ctl *ctl)
{
	struct rte_mp_msg msg = { 0 };
	uint64_t end = rte_get_timer_cycles() + CLOSE_SECONDS * rte_get_timer_hz();

	strlcpy(msg.name, CLOSE_NAME, sizeof(msg.name));
	if (rte_mp_sendmsg(&msg) != 0)
		FASTMEM_LOG(ERR, "cannot tell the secondary processes of the end: %s",
			rte_strerror(rte_errno));
	while (!all_closed(ctl)) {
		if (rte_get_timer_cycles() > end) {
			FASTMEM_LOG(WARNING, "a secondary process does not answer; it may go on "
				"with the memory it has");
			return;
		}
		rte_delay_us_sleep(100);
	}
}

/*
 * 0, or a negative errno. Without other processes, EAL has no channel, and none is needed. In a
 * forked process no thread of EAL's would hear anything, and EAL's locks may have stayed locked.
 */
int
fastmem_mp_start(void)
{
	bool primary = rte_eal_process_type() == RTE_PROC_PRIMARY;
	int ret;

	memset(answers, 0, sizeof(answers)); /* numbers begin anew */
	/* Relaxed: EAL calls nothing of this before it is registered below. */
	rte_atomic_store_explicit(&refusing, 0, rte_memory_order_relaxed);
	if (fastmem_process.is_fork)
		return 0;
	FASTMEM_HOOK(enter_eal);
	ret = primary ? rte_mp_action_register(ASK_NAME, handle_ask) :
			rte_mp_action_register(CLOSE_NAME, handle_close);
	FASTMEM_HOOK(leave_eal);
	return ret == 0 || rte_errno == ENOTSUP || rte_errno == EEXIST ? 0 : -rte_errno;
}

/*
 * What was asked before still finds the arenas there. In the thread that serves, it waits for the
 * caller: then fastmem has ended when it is served.
 */
static void
await_bundles(void)
{
	if (rte_thread_is_intr())
		return;
	/* Sequentially consistent: see handle_ask(). Pairs with the release in serve_bundle(). */
	while (rte_atomic_load_explicit(&n_bundles, rte_memory_order_seq_cst) != 0)
		rte_delay_us_sleep(100);
	/* The last one may still be on its way back into EAL, which waits for that here. */
	rte_eal_alarm_cancel(serve_bundle, (void *)-1);
}

/* Until no callback of a message runs. None begins, but for one that EAL has just found. */
void
fastmem_mp_await_callbacks(void)
{
	/* Pairs with the release in callback_end(). */
	while (rte_atomic_load_explicit(&n_callbacks, rte_memory_order_acquire) != 0)
		rte_delay_us_sleep(100);
}

/* In the primary: EAL is about to end, and with it what serves others. */
void
fastmem_mp_refuse(void)
{
	if (fastmem_process.is_fork || rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	rte_atomic_store_explicit(&refusing, 1, rte_memory_order_seq_cst); /* see handle_ask() */
	/* Relaxed: whoever does not see it yet asks in vain. */
	rte_atomic_store_explicit(&fastmem_ctl()->serves_nobody, 1, rte_memory_order_relaxed);
	await_bundles();
}

void
fastmem_mp_stop(void)
{
	bool primary = rte_eal_process_type() == RTE_PROC_PRIMARY;

	if (fastmem_process.is_fork)
		return;
	/* EAL may be about to call what is registered no more: see handle_ask(). */
	if (primary)
		rte_atomic_store_explicit(&refusing, 1, rte_memory_order_seq_cst);
	FASTMEM_HOOK(enter_eal);
	rte_mp_action_unregister(primary ? ASK_NAME : CLOSE_NAME);
	FASTMEM_HOOK(leave_eal);
	if (primary)
		await_bundles();
}

/* In a forked child: whoever held the lock, or served requests, is not here. */
void
fastmem_mp_forked(void)
{
	pthread_mutex_init(&ask_lock, NULL);
	n_bundles = 0;
	n_callbacks = 0;
}
