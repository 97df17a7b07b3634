/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef _RTE_FASTMEM_DEBUG_H_
#define _RTE_FASTMEM_DEBUG_H_

/**
 * @file
 * RTE fastmem: checking at run time
 *
 * The same program finds errors in the use of memory when it is told to: by the environment
 * variable RTE_FASTMEM_DEBUG, by rte_fastmem_init_conf(), or by itself when the program runs
 * under Valgrind or has AddressSanitizer, MemorySanitizer or ThreadSanitizer linked in. Threads
 * then have caches without room, so that each call goes the way where the checks are; the fast
 * path has no test for it.
 *
 * RTE_FASTMEM_DEBUG is a level, and settings after commas:
 *
 *     off | light | full | sample=N
 *     ,on-error=abort|continue   ,leaks=yes|no   ,quarantine=BYTES   ,depth=FRAMES
 *     ,report=FILE
 *
 * It wins over rte_fastmem_init_conf(), and that over what the program runs under. The
 * primary process decides for all that attach to it.
 *
 * What checks is librte_fastmem_debug. librte_fastmem.so loads it when it is needed; programs that
 * contain librte_fastmem.a have to contain librte_fastmem_debug.a as well.
 *
 * Reports have functions and lines, which are read from the files of the program (by libdw), or
 * offsets in files without debug information. No program is started, and no network is used.
 * A program that has more rights than its user (AT_SECURE) ignores RTE_FASTMEM_DEBUG.
 *
 * Functions of this file may be called by any thread, but not from a signal handler.
 *
 * @warning
 * @b EXPERIMENTAL: all functions in this file may change or be removed without
 * prior notice.
 */

#include <rte_fastmem.h>

#ifdef __cplusplus
extern "C" {
#endif
RTE_FASTMEM_BEGIN_C

/** How much is checked. */
enum rte_fastmem_debug_level {
	/**
	 * What the program runs under decides: full under Valgrind's memcheck, AddressSanitizer
	 * and MemorySanitizer, light with ThreadSanitizer, else off.
	 */
	RTE_FASTMEM_DEBUG_DEFAULT,
	/** Nothing. */
	RTE_FASTMEM_DEBUG_OFF,
	/**
	 * Double free, free of what is no object, wrong size, wrong pool; a canary behind the
	 * object, checked when it is freed; freed memory is overwritten.
	 */
	RTE_FASTMEM_DEBUG_LIGHT,
	/**
	 * Also: red zones on both sides; freed memory is quarantined, and checked for writes
	 * before it is used again; who has allocated and freed each object.
	 */
	RTE_FASTMEM_DEBUG_FULL,
	/**
	 * As RTE_FASTMEM_DEBUG_FULL for one in so many objects of each thread and size, at most
	 * one in a millisecond: any of the first few after a tick, so allocations after a pause are
	 * checked more often than others. The others take the fast path. Objects of pools are not
	 * sampled. Below 101, it is one of each N in a row, and none takes the fast path.
	 */
	RTE_FASTMEM_DEBUG_SAMPLE,
};

/** What is wrong. */
enum rte_fastmem_error {
	RTE_FASTMEM_ERROR_OVERFLOW, /**< Written to behind the object. */
	RTE_FASTMEM_ERROR_UNDERFLOW, /**< Written to in front of the object. */
	RTE_FASTMEM_ERROR_WRITE_AFTER_FREE, /**< Written to after the object was freed. */
	RTE_FASTMEM_ERROR_DOUBLE_FREE, /**< Freed an object that was freed before. */
	RTE_FASTMEM_ERROR_FREE_INTERIOR, /**< Freed by an address within, or beside, an object. */
	RTE_FASTMEM_ERROR_FREE_FOREIGN, /**< Freed what is not fastmem's: stack, heap, nothing. */
	RTE_FASTMEM_ERROR_WRONG_SIZE, /**< Freed with a size or handle that is not its own. */
	RTE_FASTMEM_ERROR_WRONG_POOL, /**< Put to a pool that it was not got from. */
	RTE_FASTMEM_ERROR_REALLOC, /**< Resized what is no live object. */
	RTE_FASTMEM_ERROR_POOL_FREED, /**< A pool was used that is none, or not any more. */
	RTE_FASTMEM_ERROR_POOL_IN_USE, /**< A pool was freed with objects in use. */
};

/** An error that was found. Valid until the callback returns. */
struct rte_fastmem_report {
	enum rte_fastmem_error error; /**< What is wrong. */
	const void *ptr; /**< What the application has passed, or what is damaged. */
	const void *object; /**< The object that it belongs to; NULL: none. */
	size_t size; /**< Size of the object, as it was asked for. */
	const char *pool; /**< Name of its pool; NULL: none. */
	const char *text; /**< All that is known, in lines: what is written otherwise. */
};

/**
 * Called for each error, by the thread that finds it. It may take its time: other threads and
 * processes go on meanwhile. Reports come one at a time in a process, so it must not wait for a
 * thread that may find an error as well. Of fastmem, it may allocate and free, and errors of its
 * own are not reported. rte_fastmem_init() returns -EBUSY there, and rte_fastmem_deinit() is
 * ignored with a line in the log, as the call that is reported goes on. It must not call functions
 * for pools.
 */
typedef void (*rte_fastmem_report_cb)(const struct rte_fastmem_report *report, void *arg);

/** What fastmem is to be. Fields that are zero mean the default. */
struct rte_fastmem_conf {
	/** How much is checked. */
	enum rte_fastmem_debug_level debug;
	/** For RTE_FASTMEM_DEBUG_SAMPLE: one in so many. 0: 1000. */
	uint32_t sample;
	/** Called for errors, instead of writing a report and calling abort(). */
	rte_fastmem_report_cb report;
	/** Argument of report. */
	void *report_arg;
	/**
	 * Write reports and go on. A free that should not have been does nothing; an object whose
	 * surroundings were damaged is freed. The same goes for reports to a callback.
	 */
	bool keep_running;
	/** Do not list what is live in rte_fastmem_deinit(), or when the process ends without. */
	bool no_leaks;
	/** Most bytes in quarantine, which has at most 8192 objects. 0: 8 MiB. */
	size_t quarantine;
	/** Frames of a backtrace, up to 16, those of the library not counted if there is room. 0: 8. */
	uint32_t depth;
};

/**
 * Set up fastmem as rte_fastmem_init() does, and say how much is to be checked.
 *
 * @param conf
 *   What it is to be. NULL: as rte_fastmem_init(). In a secondary process only report,
 *   report_arg and keep_running matter.
 * @return
 *   As rte_fastmem_init(); -EINVAL: unknown level, or depth above 16. An invalid
 *   value of RTE_FASTMEM_DEBUG is named in the log, and is -EINVAL too.
 *   -ENOENT: checking is asked for, and librte_fastmem_debug cannot be loaded, which the log tells.
 */
__rte_experimental
int
rte_fastmem_init_conf(const struct rte_fastmem_conf *conf);

/**
 * Tell how much is checked.
 *
 * @return
 *   The level; RTE_FASTMEM_DEBUG_DEFAULT when not initialised.
 */
__rte_experimental
enum rte_fastmem_debug_level
rte_fastmem_debug_level(void);

/**
 * Check all objects now, live or in quarantine, of this and other processes.
 *
 * What other threads free or allocate meanwhile may be missed. A report is the end of the
 * process unless told otherwise, as it is anywhere.
 *
 * @return
 *   Errors found, each of which was reported; 0 also where nothing is checked.
 */
__rte_experimental
unsigned int
rte_fastmem_debug_check(void);

/**
 * Write what is known about an address: its object, size, state, who has allocated and
 * freed it.
 *
 * @param f
 *   A stream open for writing.
 * @param ptr
 *   Any address.
 */
__rte_experimental
void
rte_fastmem_object_dump(FILE *f, const void *ptr);

/** @name Leaks */
/**@{*/

/** What was live at some time, by place of allocation. */
struct rte_fastmem_leaks;

/**
 * Note what is live now: objects by place of allocation, pool and process.
 *
 * With RTE_FASTMEM_DEBUG_LIGHT places are not known, and with RTE_FASTMEM_DEBUG_SAMPLE
 * only those of objects that were sampled. Without checking, objects are counted by size
 * and pool.
 *
 * @return
 *   To be freed with rte_fastmem_leaks_free(). NULL with rte_errno set to ENOMEM; ENODEV: not
 *   initialised; or ENOENT: librte_fastmem_debug cannot be loaded.
 */
__rte_experimental
struct rte_fastmem_leaks *
rte_fastmem_leaks_snapshot(void);

/**
 * Free a snapshot.
 *
 * @param leaks
 *   From rte_fastmem_leaks_snapshot(). NULL: nothing is done.
 */
__rte_experimental
void
rte_fastmem_leaks_free(struct rte_fastmem_leaks *leaks);

/**
 * Write what is live now, most bytes first.
 *
 * @param f
 *   A stream open for writing.
 * @return
 *   Objects live; -EINVAL: @p f is NULL; -ENODEV: not initialised; -ENOENT: librte_fastmem_debug
 *   cannot be loaded; -ENOMEM.
 */
__rte_experimental
int64_t
rte_fastmem_leaks_dump(FILE *f);

/**
 * Write the difference between two snapshots: by place, what has come and what has gone.
 *
 * @param f
 *   A stream open for writing.
 * @param before
 *   The earlier one. NULL: when nothing was live.
 * @param after
 *   The later one.
 * @return
 *   Objects more than before; negative: less. INT64_MIN: @p f or @p after is NULL.
 */
__rte_experimental
int64_t
rte_fastmem_leaks_diff_dump(FILE *f, const struct rte_fastmem_leaks *before,
		const struct rte_fastmem_leaks *after);
/**@}*/

RTE_FASTMEM_END_C
#ifdef __cplusplus
}
#endif

#endif /* _RTE_FASTMEM_DEBUG_H_ */
