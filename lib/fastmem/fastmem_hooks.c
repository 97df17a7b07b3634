/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Whether this process checks, and what it takes for that.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fastmem_hooks.h"

/* Under life_lock. Returns 0 or a negative errno, of which the log tells. */
static int
hooks_set(void)
{
	/* Pairs with the acquire in fastmem_hooks(). */
	__atomic_store_n(&fastmem_checking.hooks, &fastmem_debug_hooks, __ATOMIC_RELEASE);
	return 0;
}

/*
 * The environment is that of whoever has started the program. If the program has more rights, they
 * are not to choose what it writes to, nor to have it tell where its memory is.
 */
static const char *
environment_get(void)
{
	const char *text = secure_getenv(FASTMEM_DEBUG_ENV);

	if (text == NULL && getenv(FASTMEM_DEBUG_ENV) != NULL)
		FASTMEM_LOG(WARNING, FASTMEM_DEBUG_ENV " is ignored, as this program has more rights "
			"than the user who has started it: rte_fastmem_init_conf() can ask for "
			"checking");
	return text;
}

/* Whether anybody but a tool asks for checking, or may do so: the hooks parse what is said. */
static bool
is_asked_for(const struct rte_fastmem_conf *conf, const char *environment)
{
	if (environment != NULL && *environment != '\0')
		return strcmp(environment, "off") != 0;
	return conf != NULL && conf->debug > RTE_FASTMEM_DEBUG_OFF;
}

/*
 * How much to check. The environment overrides the application's configuration. Under life_lock.
 * Returns 0 or a negative errno.
 */
int
fastmem_checking_conf(const struct rte_fastmem_conf *conf, struct fastmem_settings *s)
{
	const char *environment = environment_get();
	int ret;

	memset(s, 0, sizeof(*s));
	if (conf != NULL)
		s->conf = *conf;
	if (s->conf.debug > RTE_FASTMEM_DEBUG_SAMPLE || s->conf.depth > FASTMEM_DEPTH_MAX)
		return -EINVAL;
	if (fastmem_tools() != 0 || is_asked_for(conf, environment)) {
		ret = hooks_set();
		return ret != 0 ? ret : fastmem_hooks()->read_conf(environment, s);
	}
	s->conf.debug = RTE_FASTMEM_DEBUG_OFF;
	return 0;
}

/* In a secondary, under life_lock: as the primary wants it. Returns 0 or a negative errno. */
int
fastmem_checking_attach(const struct fastmem_ctl *ctl)
{
	return ctl->debug != NULL ? hooks_set() : 0;
}
