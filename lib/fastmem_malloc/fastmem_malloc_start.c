/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * When fastmem serves: from the first allocation on that EAL's heap could serve, and at the
 * latest from the end of rte_eal_init(), until rte_eal_cleanup() has returned. In between, it is
 * neither started nor ended by the program's own rte_fastmem_init() and rte_fastmem_deinit().
 *
 * This file also reads the environment, before anything is called.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fastmem_debug.h>
#include <rte_fastmem_pool.h>

#include "recorder.h"

#include "fastmem_env.h"
#include "fastmem_hooks.h"
#include "fastmem_malloc.h"
#include "fastmem_parse.h"

RTE_LOG_REGISTER_DEFAULT(fastmem_malloc_logtype, NOTICE);

struct fastmem_malloc_config fastmem_malloc_config;

static RTE_ATOMIC(uint32_t) stage; /* enum fastmem_malloc_stage */
static RTE_ATOMIC(bool) program_has_init; /* rte_fastmem_init() was called */

/* The environment. */

static void
complain(const char *name, const char *value, const char *want)
{
	fprintf(stderr, "librte_fastmem_malloc.so: invalid %s=%s: expected %s\n", name, value, want);
	fastmem_malloc_config.wrong = true;
}

/* NULL: not there, or empty, or of a user with fewer rights than this program. */
static const char *
from_env(const char *name)
{
	const char *value = secure_getenv(name);

	if (value == NULL && getenv(name) != NULL)
		fprintf(stderr, "librte_fastmem_malloc.so: %s is ignored, as this program has more "
			"rights than the user who has started it\n", name);
	return value != NULL && *value != '\0' ? value : NULL;
}

static void
read_mode(struct fastmem_malloc_config *config)
{
	const char *mode = from_env("RTE_FASTMEM_MALLOC");

	if (mode == NULL || strcmp(mode, "on") == 0) {
		config->serve = true;
	} else if (strcmp(mode, "count") == 0) {
		config->count = true;
		config->report = "-";
	} else if (strcmp(mode, "off") != 0) {
		complain("RTE_FASTMEM_MALLOC", mode, "on, off or count");
	}
}

/* A number in the environment; otherwise: it is not there. */
static uint64_t
size_from_env(const char *name, uint64_t max, uint64_t otherwise)
{
	const char *value = from_env(name);
	uint64_t size = otherwise;

	if (value != NULL && fastmem_parse_size(value, max, &size) != 0)
		complain(name, value, FASTMEM_SIZE_SYNTAX);
	return size;
}

static bool
is_on(const char *name, bool otherwise)
{
	const char *value = from_env(name);

	if (value == NULL)
		return otherwise;
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		complain(name, value, "on or off");
	return strcmp(value, "on") == 0;
}

static void
name_unknown(const char *name, int length, const char *nearest)
{
	fprintf(stderr, "librte_fastmem_malloc.so: no such variable: %.*s; is %s meant?\n", length, name,
		nearest);
}

static void
read_env(void)
{
	struct fastmem_malloc_config *config = &fastmem_malloc_config;
	const char *report = from_env("RTE_FASTMEM_MALLOC_REPORT");
	const char *mempools = from_env("RTE_FASTMEM_MEMPOOL");

	fastmem_env_unknown(true, name_unknown);
	read_mode(config);
	if (report != NULL) {
		config->count = true;
		config->report = report;
	}
	config->clear = is_on("RTE_FASTMEM_MALLOC_CLEAR", false);
	config->maintain = is_on("RTE_FASTMEM_MALLOC_MAINTAIN", true);
	config->reserve = size_from_env("RTE_FASTMEM_MALLOC_RESERVE", SIZE_MAX, 0);
	if (!fastmem_malloc_read_mempools(mempools))
		complain("RTE_FASTMEM_MEMPOOL", mempools, "on, off, grow, or a list of names with a "
			"comma or a pattern, such as mbuf_pool,sess*");
	/* The recorder's own; it would only leave the trace out. */
	if (size_from_env(RECORDER_ENV "_MAX", UINT32_MAX, 1) == 0)
		complain(RECORDER_ENV "_MAX", "0", "at least one entry");
	size_from_env(RECORDER_ENV "_SKIP", UINT32_MAX, 0);
}

/* Stages. */

static void
set_stage(enum fastmem_malloc_stage to)
{
	const struct fastmem_malloc_config *config = &fastmem_malloc_config;
	bool plain = to == STAGE_SERVE && !config->count && !config->clear && !recorder_is_on();

	/* Pairs with the acquire in fastmem_malloc_stage(): what was set up comes with it. */
	rte_atomic_store_explicit(&stage, to, rte_memory_order_release);
	rte_atomic_store_explicit(&fastmem_malloc_plain, plain, rte_memory_order_relaxed);
}

static bool is_forked;

/*
 * The caches are the parent's: EAL's heap serves, which both can use. What is freed of
 * fastmem's, that knows what to do with.
 */
static void
forked_child(void)
{
	is_forked = true;
	uint32_t at = rte_atomic_load_explicit(&stage, rte_memory_order_relaxed);

	fastmem_malloc_maintain_forked();
	fastmem_malloc_grow_forked();
	fastmem_malloc_report_forked();
	fastmem_malloc_mempools_forked();
	fastmem_malloc_callbacks_forked();
	if (at == STAGE_START) /* by a thread that is not here */
		set_stage(STAGE_WAIT);
	else if (at == STAGE_SERVE)
		set_stage(STAGE_PASS);
}

/* Whether this process was forked from one that has the library, and has not executed another. */
bool
fastmem_malloc_is_forked(void)
{
	return is_forked;
}

static void
begin(void)
{
	read_env();
	fastmem_malloc_register_mempools();
	if (fastmem_malloc_config.count)
		fastmem_malloc_watch_mempools();
	if (pthread_atfork(NULL, NULL, forked_child) != 0)
		fprintf(stderr, "librte_fastmem_malloc.so: no memory to watch forks\n");
	set_stage(STAGE_WAIT);
}

static void
begin_once(void)
{
	static pthread_once_t begun = PTHREAD_ONCE_INIT;

	pthread_once(&begun, begin);
}

/* Other libraries' constructors may call before ours has run. */
enum fastmem_malloc_stage
fastmem_malloc_stage(void)
{
	/* Pairs with the release in set_stage(). */
	enum fastmem_malloc_stage at = rte_atomic_load_explicit(&stage, rte_memory_order_acquire);

	if (unlikely(at == STAGE_UNREAD)) {
		begin_once();
		at = rte_atomic_load_explicit(&stage, rte_memory_order_acquire);
	}
	return at;
}

RTE_INIT(begin_at_load)
{
	fastmem_malloc_look_for_static();
	fastmem_malloc_eal();
	begin_once();
}

/* Start. */

static enum fastmem_malloc_stage
start_primary(void)
{
	const struct fastmem_malloc_config *config = &fastmem_malloc_config;
	int ret;

	if (!config->serve)
		return STAGE_PASS;
	ret = fastmem_malloc_eal()->fastmem_init();
	/* The program may have done so itself. */
	if (ret == -EBUSY) {
		rte_atomic_store_explicit(&program_has_init, true, rte_memory_order_relaxed);
		ret = 0;
	}
	if (ret != 0) {
		MALLOC_LOG(WARNING, "fastmem cannot start: %s; EAL's heap serves",
			rte_strerror(-ret));
		return STAGE_PASS;
	}
	if (config->reserve != 0 && rte_fastmem_reserve(config->reserve, SOCKET_ID_ANY) != 0)
		MALLOC_LOG(WARNING, "RTE_FASTMEM_MALLOC_RESERVE: EAL has no %zu bytes; what there "
			"is, is reserved", config->reserve);
	return STAGE_SERVE;
}

/* Also where it shall not serve, this attaches: it may be given objects to free. */
static enum fastmem_malloc_stage
start_secondary(void)
{
	bool attached = rte_fastmem_pool_lookup("") != NULL || rte_errno != ENODEV;

	if (!fastmem_malloc_config.serve)
		return STAGE_PASS;
	if (attached)
		return STAGE_SERVE;
	MALLOC_LOG(NOTICE, "the primary process has no fastmem: preload the library there as well; "
		"EAL's heap serves");
	return STAGE_PASS;
}

/* EAL's memory is up. One thread does it, once; others, and calls from within, do not wait. */
void
fastmem_malloc_try_start(void)
{
	bool primary = rte_eal_process_type() == RTE_PROC_PRIMARY;
	uint64_t start = rte_rdtsc();
	uint32_t from = STAGE_WAIT;
	int saved_errno = rte_errno;

	/* With a lock of EAL's it cannot: the next call will. */
	if (fastmem_growth_held != 0 || fastmem_malloc_stage() != STAGE_WAIT ||
			!rte_atomic_compare_exchange_strong_explicit(&stage, &from, STAGE_START,
			rte_memory_order_acquire, rte_memory_order_relaxed))
		return;
	if (fastmem_malloc_config.count)
		fastmem_malloc_watch_pages();
	set_stage(primary ? start_primary() : start_secondary());
	if (primary && fastmem_malloc_stage() == STAGE_SERVE)
		fastmem_malloc_watch();
	fastmem_malloc_count_start(rte_rdtsc() - start);
	rte_errno = saved_errno;
}

/* What the program does with EAL, and with fastmem if it knows it. */

PUBLIC int
rte_eal_init(int argc, char **argv)
{
	int ret;

	fastmem_malloc_stage();
	if (fastmem_malloc_config.wrong ||
			((fastmem_malloc_config.serve || fastmem_malloc_serves_mempools()) &&
			fastmem_hooks_check_env() != 0)) {
		fprintf(stderr, "librte_fastmem_malloc.so: rte_eal_init() fails because of the "
			"invalid environment variable\n");
		rte_errno = EINVAL;
		return -1;
	}
	/* Not before: programs that only start another, as timeout, leave the trace to it. */
	recorder_start();
	ret = fastmem_malloc_eal()->init(argc, argv);
	if (ret >= 0) {
		fastmem_malloc_settle_mempools();
		fastmem_malloc_try_start();
		fastmem_malloc_maintain_start();
	}
	return ret;
}

/*
 * The end. First drivers free what they have; then EAL saves its trace, and then it unmaps all
 * memory. That call of EAL's to itself is the moment to end fastmem as well.
 */

static __thread bool in_cleanup;

PUBLIC int
rte_trace_save(void)
{
	int ret = fastmem_malloc_eal()->trace_save();

	if (!in_cleanup)
		return ret;
	if (fastmem_malloc_config.count)
		fastmem_malloc_sample();
	if (fastmem_malloc_stage() == STAGE_SERVE)
		fastmem_end();
	set_stage(STAGE_ENDED);
	return ret;
}

PUBLIC int
rte_eal_cleanup(void)
{
	int ret;

	fastmem_malloc_maintain_stop();
	/* Not later: EAL first ends what would serve, and that would be waited for for ever. */
	fastmem_end_serving();
	in_cleanup = true;
	ret = fastmem_malloc_eal()->cleanup();
	in_cleanup = false;
	/* If it did not come by the function above. */
	if (ret == 0 && fastmem_malloc_stage() != STAGE_ENDED) {
		fastmem_forget();
		set_stage(STAGE_ENDED);
	}
	return ret;
}

/* The program's own start of fastmem, when it is up. */
static int
init_once_more(void)
{
	return rte_atomic_exchange_explicit(&program_has_init, true, rte_memory_order_relaxed) ?
		-EBUSY : 0;
}

PUBLIC int
rte_fastmem_init(void)
{
	return rte_fastmem_init_conf(NULL);
}

PUBLIC int
rte_fastmem_init_conf(const struct rte_fastmem_conf *conf)
{
	if (fastmem_malloc_stage() != STAGE_SERVE) {
		int ret = fastmem_malloc_eal()->fastmem_init_conf(conf);

		/* Another thread may have started it for rte_malloc() at that moment. */
		if (ret == -EBUSY && (fastmem_malloc_stage() == STAGE_START ||
				fastmem_malloc_stage() == STAGE_SERVE || fastmem_malloc_has_mempools()))
			ret = init_once_more();
		return ret;
	}
	if (conf != NULL)
		MALLOC_LOG(WARNING, "rte_fastmem_init_conf() comes too late, fastmem serves "
			"rte_malloc() already: use RTE_FASTMEM_DEBUG");
	return init_once_more();
}

/* What rte_malloc() has given, and mempools, are there as well, and stay. */
PUBLIC void
rte_fastmem_deinit(void)
{
	const bool serves = fastmem_malloc_stage() == STAGE_SERVE;

	rte_atomic_store_explicit(&program_has_init, false, rte_memory_order_relaxed);
	if (serves || fastmem_malloc_has_mempools())
		MALLOC_LOG(INFO, "rte_fastmem_deinit(): %s served by fastmem, which stays",
			serves ? "rte_malloc() is" : "mempools are");
	else
		fastmem_malloc_eal()->fastmem_deinit();
}
