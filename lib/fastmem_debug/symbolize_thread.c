/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The thread in which names of stacks are looked up.
 *
 * libdw takes some 200 KiB of stack, more than many threads have: it gets a thread of its own, in
 * which no handler of the application's runs. The caller may have the dynamic linker's lock, and
 * that of reports.
 */

#include <link.h>
#include <pthread.h>
#include <signal.h>

#include <rte_common.h>

#include "fastmem_hooks.h"
#include "fastmem_stack_private.h"

#define LOOK_UP_STACK ((size_t)1 << 20) /* beside thread-local variables */

__thread bool fastmem_reporting;

static bool forked; /* this process is a child of one that had fastmem */

void
fastmem_look_up_forked(void)
{
	forked = true;
}

struct look_up {
	void (*work)(void *arg);
	void *arg;
	bool reporting;
};

/* malloc() may lead into fastmem here: what that finds is within the caller's report. */
static void *
thread_main(void *arg)
{
	struct look_up *l = arg;

	fastmem_reporting = l->reporting;
	l->work(l->arg);
	return NULL;
}

/* The C library may take thread-local variables from the stack. */
static int
add_thread_local(struct dl_phdr_info *info, size_t len, void *sum)
{
	size_t *bytes = sum;
	unsigned int i;

	RTE_SET_USED(len);
	for (i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			*bytes += info->dlpi_phdr[i].p_memsz + info->dlpi_phdr[i].p_align;
	return 0;
}

void
fastmem_look_up_in_thread(void (*work)(void *arg), void *arg)
{
	struct look_up l = { .work = work, .arg = arg, .reporting = fastmem_reporting };
	size_t stack = LOOK_UP_STACK;
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	/* ThreadSanitizer ends a forked child that starts a thread. */
	if ((forked && (fastmem_tools() & FASTMEM_TOOL_TSAN) != 0) || pthread_attr_init(&attr) != 0)
		return;
	dl_iterate_phdr(add_thread_local, &stack);
	pthread_attr_setstacksize(&attr, stack);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&thread, &attr, thread_main, &l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (ret == 0)
		pthread_join(thread, NULL);
}
