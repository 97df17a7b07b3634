/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The static library in a plug-in that the program closes by dlclose(): nothing may lead into it
 * from then on. No thread is in a call then, but threads that have made calls live, and end later.
 *
 * A destructor also runs at exit(), when other threads may still be at work: then all stays as
 * it is. EAL does not tell of callbacks of messages that it is about to call, or that are on their
 * way back: of these a few instructions are left that may meet code that is gone.
 *
 * Functions of atexit() run before destructors at exit(), and after them in dlclose(), if
 * they were registered when the program had started.
 */

#include <stdlib.h>

#include "fastmem_private.h"

static bool watching;
static bool exiting;

static void
note_exit(void)
{
	exiting = true;
}

/* Fastmem begins in this process. Under life_lock. */
void
fastmem_unload_watch(void)
{
	if (!watching)
		watching = atexit(note_exit) == 0;
}

RTE_FINI(unload)
{
	if (!watching || exiting)
		return;
	if (fastmem_process_state() != FASTMEM_PROCESS_FORKED)
		rte_fastmem_deinit();
	/* Others still have the memory, which stays. */
	if (fastmem_process_state() == FASTMEM_PROCESS_CLOSED)
		fastmem_mp_stop();
	fastmem_mp_await_callbacks();
	fastmem_threads_unload();
}
