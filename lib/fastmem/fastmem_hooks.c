/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Whether this process checks, and the library that does it.
 *
 * librte_fastmem_debug is there already if the program is linked with it, or contains it; else it is
 * loaded from the folder of librte_fastmem, or from where the loader looks. A program that contains
 * librte_fastmem would load a second one with it, so that must contain both.
 */

#include <dlfcn.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_env.h"
#include "fastmem_hooks.h"

#define CORE "librte_fastmem"
#define LIBRARY "librte_fastmem_debug"

static RTE_ATOMIC(const struct fastmem_hooks *) plugged; /* NULL: the library is not there yet */
static RTE_ATOMIC(const char *) wanted; /* by whom, where it is not there */
static RTE_ATOMIC(bool) in_vain; /* it could not be loaded, which the log has told */
static __thread bool loading; /* the library, or what that needs, calls from within */

/* The first one stays: a plug-in of the program may contain one as well. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_hooks_register)
void
fastmem_hooks_register(const struct fastmem_hooks *hooks)
{
	const struct fastmem_hooks *none = NULL;

	/* Pairs with the acquires in hooks_look() and fastmem_hooks_load(). */
	rte_atomic_compare_exchange_strong_explicit(&plugged, &none, hooks,
			rte_memory_order_release, rte_memory_order_relaxed);
}

/* Who has them is unloaded, or the process exits. */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_hooks_unregister)
void
fastmem_hooks_unregister(const struct fastmem_hooks *hooks)
{
	const struct fastmem_hooks *mine = hooks;

	/* Pairs with the acquires in hooks_look() and fastmem_hooks_load(). */
	rte_atomic_compare_exchange_strong_explicit(&plugged, &mine, NULL, rte_memory_order_release,
			rte_memory_order_relaxed);
}

/*
 * The library beside this one, of the same version; without a folder if that is relative, as the
 * program may be in another one by now. False: this is part of a program.
 */
static bool
path_beside(char *path, size_t size)
{
	const char *name;
	Dl_info info;

	if (dladdr(&fastmem_checking, &info) == 0 || info.dli_fname == NULL)
		return false;
	name = strrchr(info.dli_fname, '/');
	name = name != NULL ? name + 1 : info.dli_fname;
	if (strncmp(name, CORE ".so", strlen(CORE ".so")) != 0)
		return false;
	snprintf(path, size, "%.*s" LIBRARY "%s",
		info.dli_fname[0] == '/' ? (int)(name - info.dli_fname) : 0, info.dli_fname,
		name + strlen(CORE));
	return true;
}

/*
 * When a process ends under Valgrind, glibc closes libgcc_s, which it has opened to cancel threads,
 * and unloads what nobody has open any more, as if what plug-ins of DPDK got from malloc() was lost.
 * It does not close what is open twice; nor what the program is linked with, as it is with libgcc_s
 * where it has librte_fastmem_debug.
 */
static void
keep_libgcc(void)
{
	if (fastmem_tools() & FASTMEM_TOOL_VALGRIND)
		dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static void
library_load(const char *why)
{
	const int flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
	char path[PATH_MAX], error[512];
	const char *name;

	if (!path_beside(path, sizeof(path))) {
		FASTMEM_LOG(ERR, "%s asks for checking, and this program contains " CORE " without "
			LIBRARY ".a: link what \"pkg-config --libs " LIBRARY "\" says, with -l:libX.a for "
			"-lX of both, and -ldw -pthread", why);
		return;
	}
	name = strrchr(path, '/');
	name = name != NULL ? name + 1 : path;
	keep_libgcc();
	if (dlopen(path, flags) == NULL) {
		snprintf(error, sizeof(error), "%s", dlerror());
		if (name == path || dlopen(name, flags) == NULL) {
			FASTMEM_LOG(ERR, "%s asks for checking, and %s cannot be loaded: %s. "
				"Install it beside " CORE, why, name, error);
			return;
		}
	}
	/* Pairs with the release in fastmem_hooks_register(). */
	if (rte_atomic_load_explicit(&plugged, rte_memory_order_acquire) == NULL)
		FASTMEM_LOG(ERR, "%s asks for checking, and %s plugs into another " CORE " than this "
			"one: have only one in a process", why, name);
}

/* The hooks that are there. NULL: they are not of this build, which the log tells, or there are none. */
static const struct fastmem_hooks *
hooks_look(const char *why)
{
	/* Pairs with the release in fastmem_hooks_register(). */
	const struct fastmem_hooks *hooks =
			rte_atomic_load_explicit(&plugged, rte_memory_order_acquire);

	if (hooks != NULL && (hooks->version != FASTMEM_LAYOUT_VERSION ||
			hooks->size != sizeof(*hooks))) {
		FASTMEM_LOG(ERR, "%s asks for checking, and " LIBRARY " is of another build than " CORE
			": install both together", why);
		return NULL;
	}
	return hooks;
}

/*
 * The hooks, whether they are to be called for objects or not; why: who wants them. NULL: there are
 * none, which the log tells. Not under a lock of fastmem's: the loader has one of its own, under
 * which it runs constructors and calls malloc(), and both may lead here.
 */
const struct fastmem_hooks *
fastmem_hooks_load(const char *why)
{
	/* Pairs with the release in fastmem_hooks_register(). */
	if (rte_atomic_load_explicit(&plugged, rte_memory_order_acquire) == NULL && !loading) {
		loading = true;
		library_load(why);
		loading = false;
	}
	return hooks_look(why);
}

/*
 * What was tried under life_lock has returned ret, and the lock is free again. Whether to try once
 * more: the library was not there, and now it is, or cannot be had.
 */
bool
fastmem_hooks_retry(int ret)
{
	if (ret != -EAGAIN || loading)
		return false;
	if (fastmem_hooks_load(rte_atomic_load_explicit(&wanted, rte_memory_order_relaxed)) == NULL)
		rte_atomic_store_explicit(&in_vain, true, rte_memory_order_relaxed);
	return true;
}

/* The program begins by a call of its own: what could not be loaded before, may be there now. */
void
fastmem_hooks_again(void)
{
	rte_atomic_store_explicit(&in_vain, false, rte_memory_order_relaxed);
}

/*
 * From now on, all that happens is told to the hooks. Under life_lock. Returns 0; -EAGAIN: they are
 * to be fetched first; -ENOENT: they cannot be had.
 */
static int
hooks_set(const char *why)
{
	const struct fastmem_hooks *hooks = hooks_look(why);

	if (hooks == NULL) {
		rte_atomic_store_explicit(&wanted, why, rte_memory_order_relaxed);
		return rte_atomic_load_explicit(&plugged, rte_memory_order_relaxed) != NULL ||
			rte_atomic_load_explicit(&in_vain, rte_memory_order_relaxed) ? -ENOENT :
			-EAGAIN;
	}
	/* Pairs with the acquire in fastmem_hooks(). */
	rte_atomic_store_explicit(&fastmem_checking.hooks, hooks, rte_memory_order_release);
	return 0;
}

static void
name_unknown(const char *name, int length, const char *nearest)
{
	FASTMEM_LOG(WARNING, "No such environment variable: %.*s; is %s meant?", length, name, nearest);
}

/*
 * The environment is that of whoever has started the program. If the program has more rights, they
 * are not to choose what it writes to, nor to have it tell where its memory is.
 */
static const char *
environment_get(void)
{
	static bool names_are_known; /* under life_lock */
	const char *text = secure_getenv(FASTMEM_DEBUG_ENV);

	if (!names_are_known)
		fastmem_env_unknown(false, name_unknown);
	names_are_known = true;
	if (text == NULL && getenv(FASTMEM_DEBUG_ENV) != NULL)
		FASTMEM_LOG(WARNING, FASTMEM_DEBUG_ENV " is ignored, as this program has more rights "
			"than the user who has started it: rte_fastmem_init_conf() can ask for "
			"checking");
	return text;
}

/* Who asks for checking, or may do so: the hooks parse what is said. NULL: nobody. */
static const char *
who_asks(const struct rte_fastmem_conf *conf, const char *environment)
{
	if (environment != NULL && *environment != '\0')
		return strcmp(environment, "off") != 0 ? FASTMEM_DEBUG_ENV : NULL;
	if (conf->debug != RTE_FASTMEM_DEBUG_DEFAULT)
		return conf->debug != RTE_FASTMEM_DEBUG_OFF ? "rte_fastmem_init_conf()" : NULL;
	return fastmem_tools() != 0 ? "a sanitizer or Valgrind" : NULL;
}

/*
 * How much to check. The environment overrides the application's configuration. Under life_lock.
 * Returns 0 or a negative errno; -EAGAIN: see fastmem_hooks_retry().
 */
int
fastmem_checking_conf(const struct rte_fastmem_conf *conf, struct fastmem_settings *s)
{
	const char *environment = environment_get(), *why;
	int ret;

	memset(s, 0, sizeof(*s));
	if (conf != NULL)
		s->conf = *conf;
	if (s->conf.debug > RTE_FASTMEM_DEBUG_SAMPLE || s->conf.depth > FASTMEM_DEPTH_MAX)
		return -EINVAL;
	why = who_asks(&s->conf, environment);
	if (why != NULL) {
		ret = hooks_set(why);
		return ret == 0 ? fastmem_hooks()->read_conf(environment, s) : ret;
	}
	/* What a tool has to be told also where nothing is checked, it is told if that can be had. */
	if (fastmem_tools() != 0 && hooks_set("a sanitizer or Valgrind") == -EAGAIN)
		return -EAGAIN;
	s->conf.debug = RTE_FASTMEM_DEBUG_OFF;
	return 0;
}

/*
 * What the environment asks for, before EAL has begun and there is a second thread. Returns 0, or a
 * negative errno: fastmem could not begin, as the log tells.
 */
RTE_EXPORT_INTERNAL_SYMBOL(fastmem_hooks_check_env)
int
fastmem_hooks_check_env(void)
{
	struct fastmem_settings settings;
	int ret;

	do
		ret = fastmem_checking_conf(NULL, &settings);
	while (fastmem_hooks_retry(ret));
	return ret;
}

/* In a secondary, under life_lock: as the primary wants it. Returns as fastmem_checking_conf(). */
int
fastmem_checking_attach(const struct fastmem_ctl *ctl)
{
	return ctl->debug != NULL ? hooks_set("the primary process") : 0;
}
