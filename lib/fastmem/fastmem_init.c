/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The begin and the end of the shared state. The primary makes it and gives it back; a secondary
 * attaches to it by a call of its own or by its first use.
 */

#include <errno.h>
#include <string.h>

#include "fastmem_eal.h"
#include "fastmem_hooks.h"
#include "fastmem_private.h"
#include "fastmem_trace.h"

/*
 * Held while this process begins, attaches, ends, or learns that the primary has ended. The thread
 * that receives EAL's messages never waits for it: others wait for an answer while they hold it.
 */
static pthread_mutex_t life_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct fastmem_server *server; /* set before main(), or while this is loaded */
static __thread bool has_life_lock;
/* The message that tells so came while another had the lock. */
static RTE_ATOMIC(uint32_t) close_due;

void
fastmem_server_register(const struct fastmem_server *s)
{
	server = s;
}

/* In a secondary, under life_lock. ctl.ready tells whether the primary has ended. */
static void
close_if_ended(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();

	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN &&
			rte_atomic_load_explicit(&ctl->ready, rte_memory_order_acquire) == 0)
		fastmem_close_here(ctl);
}

/* Who has the lock may wait for the report within which this is called. */
static bool
life_lock_take(void)
{
	if (FASTMEM_HOOK_OR(false, is_reporting))
		return fastmem_local_trylock(&life_lock, FASTMEM_LOCK_LIFE);
	fastmem_local_lock(&life_lock, FASTMEM_LOCK_LIFE);
	return true;
}

/* False: this is called from within, by a callback of the program's. */
static bool
life_begin(struct fastmem_life *life)
{
	if (has_life_lock)
		return false;
	life->cancel_state = fastmem_cancel_disable();
	has_life_lock = life_lock_take();
	if (!has_life_lock)
		fastmem_cancel_restore(&life->cancel_state);
	return has_life_lock;
}

static void
life_end(const struct fastmem_life *life)
{
	fastmem_local_unlock(&life_lock);
	/*
	 * Pairs with the exchange in fastmem_close_attached(): if that came first, this sees it;
	 * else the lock was free there, or another thread's, which comes here as well.
	 */
	while (rte_atomic_fetch_or_explicit(&close_due, 0, rte_memory_order_acq_rel) != 0 &&
			fastmem_local_trylock(&life_lock, FASTMEM_LOCK_LIFE)) {
		/* Relaxed: under life_lock, and only the fetch-or above reads it. */
		rte_atomic_store_explicit(&close_due, 0, rte_memory_order_relaxed);
		close_if_ended();
		fastmem_local_unlock(&life_lock);
	}
	has_life_lock = false;
	fastmem_cancel_restore(&life->cancel_state);
}

/* In a secondary, in the thread that receives messages: the primary has ended fastmem. */
void
fastmem_close_attached(void)
{
	/* Pairs with the fetch-or in life_end(). */
	rte_atomic_exchange_explicit(&close_due, 1, rte_memory_order_acq_rel);
	if (!fastmem_local_trylock(&life_lock, FASTMEM_LOCK_LIFE))
		return;
	close_if_ended();
	fastmem_local_unlock(&life_lock);
}

static void
serve(void)
{
	static const struct fastmem_life_guard guard = { life_begin, life_end };

	if (server != NULL)
		server->start(&guard);
}

static int
primary_init(const struct fastmem_settings *settings)
{
	int ret = fastmem_create(settings);

	if (ret != 0)
		return ret;
	fastmem_fork_begin();
	fastmem_unload_watch();
	serve();
	fastmem_set_process_state(FASTMEM_PROCESS_OPEN);
	ret = fastmem_mp_start();
	if (ret != 0)
		FASTMEM_LOG(WARNING, "no secondary process can ask for memory: %s",
			strerror(-ret));
	/* Pairs with the acquire in check_shared(). */
	rte_atomic_store_explicit(&fastmem_ctl()->ready, 1, rte_memory_order_release);
	FASTMEM_TRACE(init, settings->conf.debug, fastmem_ctl()->n_sockets);
	return 0;
}

/* In a secondary: open this process, in which the calling thread has found ctl. */
static int
join(struct fastmem_ctl *ctl)
{
	int ret = fastmem_peers_join(ctl);

	if (ret != 0) {
		fastmem_alive_leave();
		return ret;
	}
	fastmem_alive_entered();
	ret = fastmem_mp_start();
	if (ret != 0)
		FASTMEM_LOG(WARNING, "the primary cannot tell this process of its deinit: %s",
			strerror(-ret));
	/*
	 * The primary's deinit clears ready, and then tells those that have joined. Both
	 * read and write it, so one comes first: either this sees that it is cleared, or the
	 * primary sees (acquire) that this process has joined (release), and its message waits.
	 */
	if (rte_atomic_fetch_add_explicit(&ctl->ready, 0, rte_memory_order_acq_rel) == 0) {
		fastmem_mp_stop();
		fastmem_peers_leave(ctl);
		return -ENODEV;
	}
	return 0;
}

/*
 * In a secondary: whether it can use the shared state, as conf wants it. -EAGAIN: the hooks are to
 * be loaded first, see fastmem_hooks_retry().
 */
static int
check_shared(const struct fastmem_ctl *ctl, const struct rte_fastmem_conf *conf,
		struct fastmem_settings *settings)
{
	static bool refused; /* each call comes here, and one line in the log will do */
	static bool invalid; /* the same of what is asked for */
	int ret;

	/* Pairs with the release in primary_init(). */
	if (rte_atomic_load_explicit(&ctl->ready, rte_memory_order_acquire) == 0)
		return -ENODEV;
	ret = invalid ? -EINVAL : fastmem_checking_conf(conf, settings);
	invalid = ret == -EINVAL;
	if (ret != 0)
		return ret;
	if (ctl->version != FASTMEM_LAYOUT_VERSION || ctl->size_of_ctl != sizeof(*ctl)) {
		if (!refused)
			FASTMEM_LOG(ERR, "the primary process has fastmem of layout %u (%u bytes), "
				"this process has %u (%zu bytes): build both against the same "
				"fastmem", ctl->version, ctl->size_of_ctl, FASTMEM_LAYOUT_VERSION,
				sizeof(*ctl));
		refused = true;
		return -ENODEV;
	}
	return fastmem_checking_attach(ctl);
}

/* In a secondary, which then is within fastmem_alive_enter(); also if this fails. */
static int
attach_to(struct fastmem_ctl *ctl, const struct rte_fastmem_conf *conf)
{
	struct fastmem_settings settings;
	int ret = check_shared(ctl, conf, &settings);

	if (ret == 0)
		ret = fastmem_map_attach(ctl);
	if (ret != 0) {
		fastmem_alive_leave();
		return ret;
	}
	fastmem_process.iova_is_va = fastmem_eal_iova_is_va();
	fastmem_steal_init();
	/* To join, it already takes back what others left. */
	fastmem_process.ctl = ctl;
	ret = join(ctl);
	if (ret != 0) {
		fastmem_process.ctl = NULL;
		fastmem_map_hide();
		return ret;
	}
	FASTMEM_HOOK(attach, ctl, &settings);
	if (FASTMEM_HOOK_OR(false, wants_share, ctl))
		fastmem_mp_ask(&(struct fastmem_ask){ .op = FASTMEM_ASK_SHARE });
	fastmem_fork_begin();
	fastmem_unload_watch();
	serve();
	fastmem_set_process_state(FASTMEM_PROCESS_OPEN);
	return 0;
}

static int
secondary_attach(const struct rte_fastmem_conf *conf)
{
	struct fastmem_ctl *ctl;

	if (fastmem_process_state() != FASTMEM_PROCESS_NONE)
		return 0;
	ctl = fastmem_alive_enter();
	return ctl != NULL ? attach_to(ctl, conf) : -ENODEV;
}

/* In a forked child, under life_lock: it is what its parent was, if that is dead. */
static void
succeed(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl();
	int ret;

	if (fastmem_fork_succeed() != 0)
		return;
	if (fastmem_is_primary()) {
		/* The kernel may still be at taking the parent apart. */
		do {
			ret = fastmem_map_whole();
			if (ret == 0)
				ret = fastmem_peers_succeed(ctl);
		} while (ret == -EAGAIN && fastmem_fork_wait());
		fastmem_fork_settle(ret);
		if (ret != 0)
			return;
		fastmem_steal_init();
		fastmem_set_process_state(FASTMEM_PROCESS_OPEN);
		return;
	}
	fastmem_fork_settle(0);
	fastmem_set_process_state(FASTMEM_PROCESS_NONE);
	fastmem_fork_end();
	FASTMEM_HOOK(detach);
	fastmem_process.ctl = NULL;
	fastmem_map_hide();
	fastmem_alive_leave();
	secondary_attach(NULL);
}

/* After a deinit: give back what others still used then. Returns 0 or -EBUSY. */
static int
destroy_closed(struct fastmem_ctl *ctl)
{
	if (fastmem_alive_shut() != 0)
		return -EBUSY;
	fastmem_destroy(ctl);
	return 0;
}

/* A call before this one may have attached already: that is no reason to fail. */
static int
secondary_init(const struct rte_fastmem_conf *conf)
{
	int ret = secondary_attach(conf);

	fastmem_process.init_called = ret == 0;
	return ret;
}

static int
init(const struct rte_fastmem_conf *conf)
{
	enum fastmem_process_state state = fastmem_process_state();
	bool primary = fastmem_is_primary();
	struct fastmem_settings settings;
	int ret;

	/* First: while requests are served, no hooks are to be set for another configuration. */
	if (state == FASTMEM_PROCESS_FORKED || state == FASTMEM_PROCESS_FORGOTTEN ||
			(primary && state == FASTMEM_PROCESS_OPEN) ||
			(!primary && (fastmem_process.init_called || state == FASTMEM_PROCESS_CLOSED)))
		return -EBUSY;
	ret = fastmem_checking_conf(conf, &settings);
	if (ret != 0)
		return ret;
	if (!primary)
		return secondary_init(conf);
	if (state == FASTMEM_PROCESS_CLOSED && destroy_closed(fastmem_ctl()) != 0)
		return -EBUSY;
	return primary_init(&settings);
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_init_conf, 26.11)
int
rte_fastmem_init_conf(const struct rte_fastmem_conf *conf)
{
	struct fastmem_life life;
	int ret;

	fastmem_hooks_again();
	do {
		if (FASTMEM_HOOK_OR(false, is_reporting) || !life_begin(&life))
			return -EBUSY;
		ret = init(conf);
		life_end(&life);
	} while (fastmem_hooks_retry(ret));
	return ret != -EAGAIN ? ret : -EBUSY; /* that is from within the loading for another call */
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_init, 26.11)
int
rte_fastmem_init(void)
{
	return rte_fastmem_init_conf(NULL);
}

/* Of a process that has not attached, or not yet: NULL if it cannot. */
static struct fastmem_ctl *
attach(void)
{
	enum fastmem_process_state state = fastmem_process_state();
	struct fastmem_life life;
	int ret = 0;

	if (state == FASTMEM_PROCESS_FORKED || (state == FASTMEM_PROCESS_NONE &&
			fastmem_is_secondary())) {
		do {
			if (!life_begin(&life))
				break;
			if (fastmem_process_state() == FASTMEM_PROCESS_FORKED)
				succeed();
			else if (fastmem_is_secondary())
				ret = secondary_attach(NULL);
			life_end(&life);
		} while (fastmem_hooks_retry(ret));
	}
	return fastmem_process_state() == FASTMEM_PROCESS_OPEN ? fastmem_ctl() : NULL;
}

static void
secondary_deinit(struct fastmem_ctl *ctl)
{
	fastmem_fork_end();
	fastmem_mp_stop();
	/* The primary waits for this, or for this process to know, before it unmaps anything. */
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN)
		fastmem_threads_leave();
	fastmem_set_process_state(FASTMEM_PROCESS_NONE);
	FASTMEM_HOOK(detach);
	fastmem_process.ctl = NULL;
	fastmem_process.init_called = false;
	fastmem_map_detach();
	fastmem_peers_leave(ctl);
}

static void
primary_deinit(struct fastmem_ctl *ctl)
{
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN) {
		/* What was written to after its end is not found otherwise, if nobody needs the memory. */
		FASTMEM_HOOK(check);
		FASTMEM_HOOK(list_leaks);
		FASTMEM_TRACE(deinit, ctl->n_attached);
		fastmem_fork_end();
		/* Nobody comes after this, and those who are there, fail from now on. */
		/* see join() */
		rte_atomic_exchange_explicit(&ctl->ready, 0, rte_memory_order_acq_rel);
		fastmem_set_process_state(FASTMEM_PROCESS_CLOSED);
		FASTMEM_HOOK(close);
		fastmem_threads_forget();
		if (fastmem_alive_others())
			fastmem_mp_close(ctl);
	}
	if (destroy_closed(ctl) != 0)
		FASTMEM_LOG(NOTICE, "secondary processes are attached: the memory stays until they "
			"have ended, or called rte_fastmem_deinit(), and this process calls it or "
			"rte_fastmem_init() again");
}

static void forget(void);

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_deinit, 26.11)
void
rte_fastmem_deinit(void)
{
	enum fastmem_process_state state;
	struct fastmem_life life;

	/* The call that is reported goes on, and needs what it has found. */
	if (FASTMEM_HOOK_OR(false, is_reporting)) {
		FASTMEM_LOG(ERR, "rte_fastmem_deinit() is called by the callback of a report: "
			"ignored. Call it when the callback has returned");
		return;
	}
	if (!life_begin(&life))
		return;
	if (fastmem_process_state() == FASTMEM_PROCESS_FORKED)
		succeed();
	/* Where process_eal_cleanup.c could not see EAL's end. */
	if (fastmem_ctl() != NULL && !fastmem_is_mapped(fastmem_ctl()))
		forget();
	state = fastmem_process_state();
	if (state == FASTMEM_PROCESS_OPEN || state == FASTMEM_PROCESS_CLOSED) {
		fastmem_defer_end_all();
		if (fastmem_is_primary())
			primary_deinit(fastmem_ctl());
		else
			secondary_deinit(fastmem_ctl());
	}
	life_end(&life);
}

/* Under life_lock. */
static void
forget(void)
{
	enum fastmem_process_state state = fastmem_process_state();

	if (state == FASTMEM_PROCESS_NONE || state == FASTMEM_PROCESS_FORGOTTEN)
		return;
	fastmem_fork_end();
	fastmem_set_process_state(FASTMEM_PROCESS_FORGOTTEN);
	FASTMEM_HOOK(close);
	fastmem_threads_forget();
	/* By the file others find the primary. A child that has not succeeded it is not that. */
	if (fastmem_is_primary() && state != FASTMEM_PROCESS_FORKED)
		fastmem_alive_remove();
	else
		fastmem_alive_leave();
}

/* The shared state is gone. What was an object, the map still tells, for frees to be ignored. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_forget)
void
fastmem_forget(void)
{
	struct fastmem_life life;

	if (!life_begin(&life))
		return;
	forget();
	life_end(&life);
}

/* In a forked child, whose only thread calls this before anything else. */
static void
forked(void)
{
	enum fastmem_process_state state = fastmem_process_state();

	pthread_mutex_init(&life_lock, NULL); /* whoever held it is not here */
	has_life_lock = false;
	fastmem_alive_forked();
	fastmem_map_whole(); /* if that fails, succeed() tries again */
	fastmem_threads_forget_forked();
	fastmem_defer_forked();
	fastmem_mp_forked();
	FASTMEM_HOOK(forked);
	if (state == FASTMEM_PROCESS_OPEN)
		fastmem_set_process_state(FASTMEM_PROCESS_FORKED);
	else if (state == FASTMEM_PROCESS_CLOSED) /* the end is left to the parent */
		fastmem_set_process_state(FASTMEM_PROCESS_FORGOTTEN);
}

/* EAL is about to end here: whatever it does for others in its threads, comes to an end before. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_end_serving)
void
fastmem_end_serving(void)
{
	enum fastmem_process_state state;
	struct fastmem_life life;

	if (!life_begin(&life))
		return;
	state = fastmem_process_state();
	if (state == FASTMEM_PROCESS_OPEN || state == FASTMEM_PROCESS_CLOSED)
		fastmem_mp_refuse();
	if (server != NULL)
		server->end();
	life_end(&life);
}

/*
 * EAL is about to end here, and takes the memory with it. As rte_fastmem_deinit(), but without a
 * word to secondaries, which EAL's end leaves with the memory they have. EAL runs no alarms any
 * more: fastmem_end_serving() has waited for those that serve others.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_end)
void
fastmem_end(void)
{
	struct fastmem_life life;

	if (!life_begin(&life))
		return;
	if (fastmem_process_state() == FASTMEM_PROCESS_OPEN) {
		fastmem_defer_end_all();
		if (fastmem_is_primary())
			FASTMEM_HOOK(list_leaks);
		else
			secondary_deinit(fastmem_ctl());
		forget();
		/* A secondary has detached, and is not to attach to what is about to go. */
		fastmem_set_process_state(FASTMEM_PROCESS_FORGOTTEN);
	}
	life_end(&life);
}

const struct fastmem_upcalls fastmem_upcalls = {
	.attach = attach,
	.ask = fastmem_mp_ask,
	.pools_take_back = fastmem_pools_take_back,
	.forked = forked,
	.primary_ended = fastmem_close_attached,
};
