/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * How much is checked: the environment, what the program says, and what it runs under.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_string_fns.h>

#include "fastmem_debug.h"
#include "fastmem_parse.h"
#include "fastmem_stack.h"
#include "fastmem_track.h"

#define VARIABLE FASTMEM_DEBUG_ENV
#define SAMPLE_DEFAULT 1000u
#define QUARANTINE_DEFAULT ((size_t)8 << 20)
#define DEPTH_DEFAULT 8u

static bool
is_level(const char *name)
{
	return strcmp(name, "off") == 0 || strcmp(name, "light") == 0 ||
		strcmp(name, "full") == 0 || strcmp(name, "sample") == 0;
}

/* Returns NULL, or what would be right in its place. */
static const char *
parse_setting(const char *name, const char *value, struct fastmem_settings *s)
{
	uint64_t number;

	if (is_level(name)) {
		if (s->level_said)
			return "one level";
		s->level_said = true;
	}
	if (strcmp(name, "off") == 0 && value == NULL) {
		s->conf.debug = RTE_FASTMEM_DEBUG_OFF;
	} else if (strcmp(name, "light") == 0 && value == NULL) {
		s->conf.debug = RTE_FASTMEM_DEBUG_LIGHT;
	} else if (strcmp(name, "full") == 0 && value == NULL) {
		s->conf.debug = RTE_FASTMEM_DEBUG_FULL;
	} else if (strcmp(name, "sample") == 0) {
		if (fastmem_parse_size(value, UINT32_MAX, &number) != 0 || number == 0)
			return "sample=N, for one object in N";
		s->conf.debug = RTE_FASTMEM_DEBUG_SAMPLE;
		s->conf.sample = number;
	} else if (strcmp(name, "on-error") == 0) {
		if (value == NULL || (strcmp(value, "abort") != 0 && strcmp(value, "continue") != 0))
			return "on-error=abort or on-error=continue";
		s->conf.keep_running = strcmp(value, "continue") == 0;
	} else if (strcmp(name, "leaks") == 0) {
		if (value == NULL || (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0))
			return "leaks=yes or leaks=no";
		s->conf.no_leaks = strcmp(value, "no") == 0;
	} else if (strcmp(name, "quarantine") == 0) {
		if (fastmem_parse_size(value, SIZE_MAX, &number) != 0 || number == 0)
			return "quarantine=BYTES, such as 16M, and not 0";
		s->conf.quarantine = number;
	} else if (strcmp(name, "depth") == 0) {
		if (fastmem_parse_size(value, FASTMEM_DEPTH_MAX, &number) != 0 || number == 0)
			return "depth=FRAMES, from 1 to 16";
		s->conf.depth = number;
	} else if (strcmp(name, "report") == 0) {
		if (value == NULL || *value == '\0' ||
				strlcpy(s->report_file, value, sizeof(s->report_file)) >=
					sizeof(s->report_file))
			return "report=FILE";
		if (strcmp(value, "-") == 0) /* as for other programs: no file */
			s->report_file[0] = '\0';
	} else {
		return "off, light, full or sample=N, and after a comma on-error=, leaks=, "
			"quarantine=, depth= or report=";
	}
	return NULL;
}

/* Returns 0, or a negative errno. */
static int
parse_environment(const char *text, struct fastmem_settings *s)
{
	char *copy = strdup(text), *rest = copy, *setting;
	const char *expected = NULL;

	if (copy == NULL)
		return -ENOMEM;
	while (expected == NULL && (setting = strsep(&rest, ",")) != NULL) {
		char *value = strchr(setting, '=');

		if (value != NULL)
			*value++ = '\0';
		if (*setting == '\0' && value == NULL)
			continue;
		expected = parse_setting(setting, value, s);
		if (expected != NULL)
			FASTMEM_LOG(ERR, "Invalid " VARIABLE "=%s: '%s%s%s': expected %s", text,
				setting, value != NULL ? "=" : "", value != NULL ? value : "",
				expected);
	}
	free(copy);
	return expected == NULL ? 0 : -EINVAL;
}

/* s: the application's wishes, which the environment overrides. Returns 0 or a negative errno. */
int
fastmem_conf_read(const char *environment, struct fastmem_settings *s)
{
	unsigned int tools = fastmem_tools();
	int ret;

	ret = environment != NULL ? parse_environment(environment, s) : 0;
	if (ret != 0)
		return ret;
	if (s->conf.debug == RTE_FASTMEM_DEBUG_DEFAULT)
		s->conf.debug = tools == 0 ? RTE_FASTMEM_DEBUG_OFF :
			tools == FASTMEM_TOOL_TSAN ? RTE_FASTMEM_DEBUG_LIGHT :
			RTE_FASTMEM_DEBUG_FULL;
	if (s->conf.sample == 0)
		s->conf.sample = SAMPLE_DEFAULT;
	if (s->conf.quarantine == 0)
		s->conf.quarantine = QUARANTINE_DEFAULT;
	if (s->conf.depth == 0)
		s->conf.depth = DEPTH_DEFAULT;
	return 0;
}

/* In the primary: the shared state of checking, if there is any. Returns 0 or -ENOMEM. */
int
fastmem_debug_create(struct fastmem_ctl *ctl, const struct fastmem_settings *s)
{
	struct fastmem_debug *debug;

	if (s->conf.debug == RTE_FASTMEM_DEBUG_OFF)
		return 0;
	debug = fastmem_meta_alloc(sizeof(*debug), true);
	if (debug == NULL)
		return -ENOMEM;
	fastmem_mutex_init(&debug->walking);
	fastmem_mutex_init(&debug->leaving);
	fastmem_mutex_init(&debug->lock);
	debug->level = s->conf.debug;
	debug->sample = s->conf.sample;
	debug->depth = s->conf.depth;
	debug->leaks = !s->conf.no_leaks;
	debug->tools = fastmem_tools();
	debug->zones = fastmem_track_allows_zones();
	debug->quarantine_max = s->conf.quarantine;
	if (fastmem_quarantine_init(debug) != 0)
		return -ENOMEM;
	ctl->debug = debug;
	fastmem_leaks_begin(debug->leaks);
	return 0;
}

/* Reports are appended to a file, which tells what lies in memory: for its owner alone. */
static FILE *
report_open(const char *path)
{
	/* A link may have been placed there by somebody else. */
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "a") : NULL;

	if (f == NULL)
		FASTMEM_LOG(ERR, "Cannot write reports to %s: %s. They go to the log", path,
			errno == ELOOP ? "it is a symbolic link, which is not followed" :
			strerror(errno));
	if (f == NULL && fd >= 0)
		close(fd);
	return f;
}

/* In each process that has the shared state: check what the primary wants checked. */
void
fastmem_debug_attach(const struct fastmem_ctl *ctl, const struct fastmem_settings *s)
{
	memset(&fastmem_debug, 0, sizeof(fastmem_debug));
	fastmem_debug.keep_running = s->conf.keep_running;
	fastmem_debug.report = s->conf.report;
	fastmem_debug.report_arg = s->conf.report_arg;
	if (ctl->debug == NULL) {
		if (s->conf.debug != RTE_FASTMEM_DEBUG_OFF)
			FASTMEM_LOG(WARNING, "nothing is checked, as the primary process decides: "
				"set " VARIABLE " there as well");
		return;
	}
	if (s->report_file[0] != '\0')
		fastmem_debug.report_file = report_open(s->report_file);
	/* Of these, some are the library's. */
	fastmem_debug.depth = ctl->debug->depth + FASTMEM_STACK_LIBRARY;
	fastmem_stack_set_depth(fastmem_debug.depth);
	/* What this process runs under does not matter: others have written zones, or not. */
	fastmem_debug.zones = ctl->debug->zones != 0;
	/* Last: from now on calls are checked. Of what is sampled, tools would know a part. */
	if (ctl->debug->level != RTE_FASTMEM_DEBUG_SAMPLE) {
		fastmem_debug.tools = fastmem_tools();
		fastmem_track_start();
		fastmem_checking.no_caches = true;
		fastmem_checking.level = ctl->debug->level;
		return;
	}
	fastmem_checking.sample = ctl->debug->sample;
	fastmem_checking.no_caches = fastmem_sample_is_exact();
	fastmem_sample_start();
}

/* After the end of fastmem: calls fail, or do nothing, as they do without checking. */
void
fastmem_debug_close(void)
{
	fastmem_sample_stop();
	/*
	 * The process has another state by now: pairs with the acquire in fastmem_checks_all(), for
	 * rte_fastmem_free_bulk_slow().
	 */
	rte_atomic_store_explicit(&fastmem_checking.level, 0, rte_memory_order_release);
	fastmem_checking.no_caches = false;
}

/* ThreadSanitizer is told of one process only, with others as without. */
bool
fastmem_debug_wants_share(const struct fastmem_ctl *ctl)
{
	return ctl->debug != NULL && (ctl->debug->tools & ~FASTMEM_TOOL_TSAN) != 0;
}

void
fastmem_debug_detach(void)
{
	fastmem_debug_close();
	if (fastmem_debug.report_file != NULL)
		fclose(fastmem_debug.report_file);
	fastmem_debug.report_file = NULL;
	fastmem_debug.report = NULL;
}
