/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_HOOKS_H
#define FASTMEM_HOOKS_H

/*
 * What checking plugs into: the allocator calls lib/fastmem_debug through these functions, and
 * by no other way.
 *
 * fastmem_checking.hooks is set once, under life_lock, before the first request is served, in a
 * process that checks or runs under a tool; from then on it stays. Elsewhere it is NULL, and a
 * hook costs the slow path one test.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "fastmem_private.h"
#include "rte_fastmem_debug.h"

struct fastmem_request;

/* How much to check: of the program, the environment, and the tools that the process runs under. */
struct fastmem_settings {
	struct rte_fastmem_conf conf;
	char report_file[256]; /* empty: none */
	bool level_said; /* by the environment */
};

/* Unless it says otherwise, a hook of an object or slab may be called while nothing is checked. */
struct fastmem_hooks {
	/* Of the build, for two libraries that do not belong together to be told. */
	uint32_t version; /* FASTMEM_LAYOUT_VERSION */
	uint32_t size; /* of this structure */

	/* Calls while fastmem_checks_all(). They return what the call of the application does. */
	void *(*alloc)(size_t size, size_t align, unsigned int flags, int socket_id);
	int (*alloc_bulk)(void **objs, unsigned int n, size_t size, size_t align,
		unsigned int flags, int socket_id);
	int (*halloc)(struct fastmem_request *r, rte_fastmem_handle_t handle, void **objs,
		unsigned int n, unsigned int flags);
	void (*realloc_foreign)(const void *ptr);
	void (*pool_take)(const struct fastmem_pool *pool, void **objs, unsigned int n);
	void (*pool_put)(const struct fastmem_pool *pool, void *const *objs, unsigned int n);
	void (*pool_freed)(const struct fastmem_pool *pool); /* used, and is none any more */
	void (*pool_in_use)(struct fastmem_bin *bin, int64_t n);
	void (*free)(void *ptr);

	/* The same, or while fastmem_checks_some(). */
	void (*free_bulk)(void *const *ptrs, unsigned int n);
	void (*free_sized)(void *ptr, size_t size, size_t align);
	void (*hfree_bulk)(rte_fastmem_handle_t handle, void *const *ptrs, unsigned int n);
	rte_fastmem_handle_t (*handle)(const struct fastmem_bin *bin, size_t size,
		unsigned int n_sockets);

	/* Of an object for which fastmem_is_checked(). */
	void *(*realloc)(const struct fastmem_bin *bin, void *ptr, size_t size, size_t align);
	size_t (*usable)(const struct fastmem_bin *bin, const void *ptr);

	/* While fastmem_checks_some(): a sampled object, NULL if none is due; those due of many. */
	void *(*sample)(struct fastmem_request *r, size_t size, size_t align, unsigned int flags);
	void *(*sample_handle)(struct fastmem_request *r, rte_fastmem_handle_t handle,
		unsigned int flags);
	void (*sample_bulk)(struct fastmem_request *r, void **objs, unsigned int n, size_t size,
		size_t align, unsigned int flags);
	void (*sample_handle_bulk)(struct fastmem_request *r, rte_fastmem_handle_t handle,
		void **objs, unsigned int n, unsigned int flags);

	/* Objects that wait, of a bin or, with NULL, of all. */
	bool (*flush)(const struct fastmem_bin *bin);
	void (*forget)(const struct fastmem_bin *bin);
	uint32_t (*n_waiting)(unsigned int bin);

	/* Slabs come and go. No slab ends while a thread holds them, which it does for that. */
	size_t (*slab_bytes)(const struct fastmem_bin *bin);
	int (*slab_make)(struct fastmem_granule *slab, bool may_grow);
	void (*slab_enter)(const struct fastmem_granule *slab);
	void (*slab_leave)(const struct fastmem_granule *slab);
	void (*slab_end)(struct fastmem_granule *slab);
	void (*slabs_hold)(void);
	void (*slabs_release)(void);
	void (*memory_leaves)(void *addr, size_t len);
	bool (*look)(const struct fastmem_bin *bin, const struct fastmem_granule *slab, void *obj);
	void (*look_end)(const struct fastmem_bin *bin, const struct fastmem_granule *slab,
		void *obj);

	/* What MemorySanitizer does not see. */
	void (*wrote)(const void *addr, size_t len); /* to memory of the caller */
	void (*calls)(void); /* a function of the application is about to be called */
	void (*enter_eal)(void);
	void (*leave_eal)(void);

	/* Begin and end, under life_lock. create: fastmem_create.c; attach: also fastmem_init.c. */
	int (*read_conf)(const char *environment, struct fastmem_settings *s);
	int (*create)(struct fastmem_ctl *ctl, const struct fastmem_settings *s);
	void (*attach)(const struct fastmem_ctl *ctl, const struct fastmem_settings *s);
	bool (*wants_share)(const struct fastmem_ctl *ctl);
	void (*share)(void); /* in the primary: another process is about to get objects */
	void (*close)(void);
	void (*memory_ends)(void);
	void (*detach)(void);
	void (*list_leaks)(void); /* if that is wanted */
	void (*leaks_unknown)(void);
	void (*forked)(void);
	bool (*is_reporting)(void);

	/* fastmem_debug_api.c. Of a process that is attached, checked or not. */
	unsigned int (*check)(void);
	bool (*object_dump)(FILE *f, const void *ptr); /* false: nothing is known of its slot */
	struct rte_fastmem_leaks *(*leaks_snapshot)(void);
	void (*leaks_free)(struct rte_fastmem_leaks *leaks);
	int64_t (*leaks_dump)(FILE *f);
	int64_t (*leaks_diff_dump)(FILE *f, const struct rte_fastmem_leaks *before,
		const struct rte_fastmem_leaks *after);
};

/* What this process checks. Does not change between init and deinit, but as it is closed. */
struct fastmem_checking {
	RTE_ATOMIC(const struct fastmem_hooks *) hooks; /* NULL until something is to be called */
	/* RTE_FASTMEM_DEBUG_LIGHT or FULL: each call is checked; else 0. */
	RTE_ATOMIC(uint32_t) level;
	RTE_ATOMIC(uint32_t) sample; /* one in so many objects is checked; 0: none */
	bool no_caches; /* threads have no room in their caches: each call is slow */
};
extern struct fastmem_checking fastmem_checking;

/* Bytes behind an object of a pool, at least, if there is room for them. */
#define FASTMEM_POOL_ZONE 16

/* Whether all calls of this process are checked. */
static inline bool
fastmem_checks_all(void)
{
	/* Pairs with the release in fastmem_debug_close(). */
	return unlikely(rte_atomic_load_explicit(&fastmem_checking.level,
			rte_memory_order_acquire) != 0);
}

/* Whether some objects are. */
static inline bool
fastmem_checks_some(void)
{
	return unlikely(fastmem_checking.sample != 0);
}

/* Whether an object is. */
static inline bool
fastmem_is_checked(const struct fastmem_ctl *ctl, const void *ptr)
{
	return fastmem_checks_all() ||
		(fastmem_checks_some() && ctl->bins[rte_fastmem_bin_of(ptr)].sampled);
}

/* The hooks; NULL: there are none. */
static inline const struct fastmem_hooks *
fastmem_hooks(void)
{
	/* Pairs with the release in hooks_set(). */
	return rte_atomic_load_explicit(&fastmem_checking.hooks, rte_memory_order_acquire);
}

/* Call a hook that returns nothing, if there are any; or one that returns a value. */
#define FASTMEM_HOOK(name, ...) do { \
	const struct fastmem_hooks *hooks_ = fastmem_hooks(); \
	if (unlikely(hooks_ != NULL)) \
		hooks_->name(__VA_ARGS__); \
} while (0)
#define FASTMEM_HOOK_OR(otherwise, name, ...) __extension__ ({ \
	const struct fastmem_hooks *hooks_ = fastmem_hooks(); \
	unlikely(hooks_ != NULL) ? hooks_->name(__VA_ARGS__) : (otherwise); \
})

/* fastmem_tools.c: the tools that this process runs under. */
#define FASTMEM_TOOL_ASAN 0x1u
#define FASTMEM_TOOL_MSAN 0x2u
#define FASTMEM_TOOL_TSAN 0x4u
#define FASTMEM_TOOL_VALGRIND 0x8u /* memcheck; its other tools do not count */
__rte_internal
unsigned int fastmem_tools(void);

#define FASTMEM_DEBUG_ENV "RTE_FASTMEM_DEBUG"
#define FASTMEM_DEPTH_MAX 16u /* frames of a backtrace */

/* fastmem_hooks.c */
int fastmem_checking_conf(const struct rte_fastmem_conf *conf, struct fastmem_settings *s);
int fastmem_checking_attach(const struct fastmem_ctl *ctl);
const struct fastmem_hooks *fastmem_hooks_load(const char *why);
__rte_internal
void fastmem_hooks_register(const struct fastmem_hooks *hooks);
__rte_internal
void fastmem_hooks_unregister(const struct fastmem_hooks *hooks);
bool fastmem_hooks_retry(int ret);
__rte_internal
int fastmem_hooks_check_env(void);
void fastmem_hooks_again(void);

#endif /* FASTMEM_HOOKS_H */
