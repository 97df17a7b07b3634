/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Call stacks: taken, and kept as numbers.
 *
 * A stack is kept in shared memory, as (module, offset) for each frame, so that any process
 * can tell what it was, also when that which took it is gone. Its number is its place in a
 * hash table, to which entries are only added, each by one compare and exchange: whoever
 * dies before that has lost some memory and nothing else.
 *
 * To come from return addresses to (module, offset) takes some microseconds, once for each
 * stack in each process, which then knows the number (backtrace_cache.c).
 *
 * When shared objects are unloaded, others may take their place. Before a walk, the dynamic linker
 * is asked whether that was so: then all that was known before is forgotten. A stack that is
 * found without a walk, being the same in all words, is taken for what it was until then.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "fastmem_known.h"
#include "fastmem_layout.h"
#include "fastmem_private.h"
#include "fastmem_stack_private.h"
#include "fastmem_unwind.h"

#define BLOCK_SLOTS 256u
#define N_SLOTS (2 * FASTMEM_STACK_MAX)
#define N_BLOCKS (N_SLOTS / BLOCK_SLOTS)
#define OFFSET_BITS 48

/* A stack. Does not change. */
struct stack {
	uint64_t hash; /* of the frames */
	uint32_t n;
	uint64_t frames[]; /* number of the module << OFFSET_BITS | offset */
};

/* All of them. Pointers are set once. */
struct fastmem_stacks {
	uint64_t token; /* tells one life of fastmem from the next. Does not change */
	RTE_ATOMIC(uint32_t) n; /* stacks, or some more */
	RTE_ATOMIC(struct fastmem_module *) modules[FASTMEM_STACK_MODULES]; /* number i + 1 */
	RTE_ATOMIC(RTE_ATOMIC(struct stack *) *) blocks[N_BLOCKS]; /* of BLOCK_SLOTS each */
};

static RTE_ATOMIC(unsigned int) depth = FASTMEM_STACK_DEPTH; /* synchronises nothing */
static RTE_ATOMIC(uint64_t) unloads; /* of shared objects, up to which all known is right */

/* In a capture; what it calls may call fastmem. */
static __thread bool capturing __rte_tls_initial_exec;

/* Set a pointer once. Returns what it is then; for readers with acquire, all behind it is there. */
static void *
set_once(void *place, void *value)
{
	RTE_ATOMIC(void *) *p = place;
	void *old = NULL;

	return rte_atomic_compare_exchange_strong_explicit(p, &old, value, rte_memory_order_acq_rel,
			rte_memory_order_acquire) ? value : old;
}

/* Pairs with set_once(). */
#define get_once(p) rte_atomic_load_explicit(&(p), rte_memory_order_acquire)

static struct fastmem_stacks *
stacks_get(struct fastmem_ctl *ctl)
{
	struct fastmem_stacks *s = get_once(ctl->stacks);

	if (likely(s != NULL))
		return s;
	s = fastmem_meta_alloc(sizeof(*s), true);
	if (s == NULL)
		return NULL;
	s->token = rte_rdtsc() * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)getpid() << 32;
	return set_once(&ctl->stacks, s);
}

/* Modules. */

/* The path of a file as it is seen from anywhere. Without malloc, so without realpath(). */
static void
absolute_path(const char *name, char *path, size_t len)
{
	FASTMEM_UNCANCELLABLE;
	char link[32] = "/proc/self/exe";
	int fd = -1;
	ssize_t n;

	if (name[0] != '\0') {
		fd = open(name, O_PATH | O_CLOEXEC);
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	}
	n = readlink(link, path, len - 1);
	if (n < 0 || (name[0] != '\0' && fd < 0))
		n = snprintf(path, len, "%s", name);
	path[RTE_MIN((size_t)n, len - 1)] = '\0';
	if (fd >= 0)
		close(fd);
}

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* Whether there is nothing in it but fastmem. */
static bool
is_library(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	return begins(name, "librte_fastmem.so") || begins(name, "librte_fastmem_debug.so") ||
		begins(name, "librte_fastmem_malloc.so") ||
		begins(name, "librte_fastmem_replace.so") ||
		begins(name, "librte_mempool_fastmem.so");
}

static void
build_id_of_notes(const uint8_t *notes, size_t size, size_t align, struct fastmem_build_id *id)
{
	while (size >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) head;
		size_t name, desc, all;

		memcpy(&head, notes, sizeof(head));
		name = sizeof(head);
		desc = name + RTE_ALIGN_CEIL((size_t)head.n_namesz, (size_t)4);
		desc = RTE_ALIGN_CEIL(desc, align);
		all = desc + RTE_ALIGN_CEIL((size_t)head.n_descsz, align);
		if (desc + head.n_descsz > size)
			return;
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
				memcmp(notes + name, "GNU", 4) == 0) {
			id->size = RTE_MIN((size_t)head.n_descsz, sizeof(id->bytes));
			memcpy(id->bytes, notes + desc, id->size);
			return;
		}
		if (all >= size)
			return;
		notes += all;
		size -= all;
	}
}

static size_t
note_align(const ElfW(Phdr) *ph)
{
	return ph->p_align == 8 ? 8 : 4;
}

static void
build_id_loaded(const struct dl_phdr_info *info, struct fastmem_build_id *id)
{
	unsigned int i;

	memset(id, 0, sizeof(*id));
	for (i = 0; i < info->dlpi_phnum && id->size == 0; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_NOTE)
			build_id_of_notes((const uint8_t *)(info->dlpi_addr + ph->p_vaddr),
				ph->p_memsz, note_align(ph), id);
	}
}

/* The number of a module; 0: there are too many, or there is no memory. */
static unsigned int
module_number(struct fastmem_stacks *s, const char *path, const struct fastmem_build_id *id)
{
	struct fastmem_module *new = NULL, *m;
	unsigned int i;

	for (i = 0; i < FASTMEM_STACK_MODULES; i++) {
		m = get_once(s->modules[i]);
		if (m == NULL) {
			if (new == NULL)
				new = fastmem_meta_alloc(sizeof(*new) + strlen(path) + 1, true);
			if (new == NULL)
				return 0;
			new->build_id = *id;
			new->is_library = is_library(path);
			strcpy(new->path, path);
			m = set_once(&s->modules[i], new);
		}
		if (strcmp(m->path, path) == 0 &&
				memcmp(&m->build_id, id, sizeof(*id)) == 0)
			return i + 1;
	}
	return 0;
}

const struct fastmem_module *
fastmem_module(unsigned int number)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_stacks *s = ctl != NULL ? get_once(ctl->stacks) : NULL;

	return s != NULL && number > 0 && number <= FASTMEM_STACK_MODULES ?
		get_once(s->modules[number - 1]) : NULL;
}

struct loaded {
	const struct fastmem_module *module;
	uintptr_t base;
	bool found;
};

static int
is_loaded(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct loaded *l = arg;
	struct fastmem_build_id id;
	const char *name = strrchr(info->dlpi_name, '/');
	const char *wanted = strrchr(l->module->path, '/');

	RTE_SET_USED(size);
	build_id_loaded(info, &id);
	if (memcmp(&id, &l->module->build_id, sizeof(id)) != 0)
		return 0;
	if (id.size == 0 && (name == NULL || wanted == NULL || strcmp(name, wanted) != 0))
		return 0;
	l->base = info->dlpi_addr;
	l->found = true;
	return 1;
}

bool
fastmem_module_is_loaded(const struct fastmem_module *m, uintptr_t *base)
{
	struct loaded l = { .module = m };

	dl_iterate_phdr(is_loaded, &l);
	*base = l.base;
	return l.found;
}

/* From return addresses to frames. */
struct resolve {
	struct fastmem_stacks *stacks;
	const struct fastmem_walk *walk;
	uint64_t frames[FASTMEM_UNWIND_MAX];
};

static bool
module_contains(const struct dl_phdr_info *info, uintptr_t addr)
{
	unsigned int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && addr - info->dlpi_addr - ph->p_vaddr < ph->p_memsz)
			return true;
	}
	return false;
}

static int
resolve_in_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct resolve *r = arg;
	struct fastmem_build_id id;
	unsigned int number = 0, i;
	char path[PATH_MAX];

	RTE_SET_USED(size);
	for (i = 0; i < r->walk->n; i++) {
		/* The call, which is before the return address. */
		if (!module_contains(info, r->walk->frames[i] - 1))
			continue;
		if (number == 0) {
			absolute_path(info->dlpi_name, path, sizeof(path));
			build_id_loaded(info, &id);
			number = module_number(r->stacks, path, &id);
			if (number == 0)
				return 0;
		}
		r->frames[i] = (uint64_t)number << OFFSET_BITS |
			(r->walk->frames[i] - info->dlpi_addr);
	}
	return 0;
}

static void
resolve(struct resolve *r)
{
	unsigned int i;

	for (i = 0; i < r->walk->n; i++)
		r->frames[i] = r->walk->frames[i] & ((UINT64_C(1) << OFFSET_BITS) - 1);
	/*
	 * Not under the dynamic linker's lock, as growth waits for EAL's, and whoever has that
	 * may be about to capture a stack.
	 */
	fastmem_meta_grow(2 * (sizeof(struct fastmem_module) + PATH_MAX));
	fastmem_growth_held++;
	dl_iterate_phdr(resolve_in_module, r);
	fastmem_growth_held--;
}

/* Stacks. */

static RTE_ATOMIC(struct stack *) *
slot_get(struct fastmem_stacks *s, unsigned int slot, bool make)
{
	RTE_ATOMIC(struct stack *) *block = get_once(s->blocks[slot / BLOCK_SLOTS]);

	if (block == NULL && make) {
		block = fastmem_meta_alloc(BLOCK_SLOTS * sizeof(block[0]), true);
		if (block != NULL)
			block = set_once(&s->blocks[slot / BLOCK_SLOTS], block);
	}
	return block != NULL ? &block[slot % BLOCK_SLOTS] : NULL;
}

static struct stack *
stack_make(uint64_t hash, const uint64_t *frames, unsigned int n)
{
	struct stack *new = fastmem_meta_alloc(sizeof(*new) + n * sizeof(frames[0]), true);

	if (new == NULL)
		return NULL;
	new->hash = hash;
	new->n = n;
	memcpy(new->frames, frames, n * sizeof(frames[0]));
	return new;
}

static uint32_t
stack_intern(struct fastmem_stacks *s, const uint64_t *frames, unsigned int n)
{
	uint64_t hash = fastmem_hash(0, frames, n);
	struct stack *new = NULL;
	unsigned int i;

	/* At most half of the slots are taken, but for threads that add the last ones at once. */
	for (i = 0; i < N_SLOTS; i++) {
		unsigned int slot = (hash + i) % N_SLOTS;
		RTE_ATOMIC(struct stack *) *place = slot_get(s, slot, true);
		struct stack *have;

		if (place == NULL)
			return FASTMEM_STACK_NONE;
		have = get_once(*place);
		if (have == NULL) {
			if (rte_atomic_load_explicit(&s->n, rte_memory_order_relaxed) >=
					FASTMEM_STACK_MAX)
				return FASTMEM_STACK_MANY;
			if (new == NULL)
				new = stack_make(hash, frames, n);
			if (new == NULL)
				return FASTMEM_STACK_NONE;
			have = set_once(place, new);
			if (have == new)
				rte_atomic_fetch_add_explicit(&s->n, 1, rte_memory_order_relaxed);
		}
		if (have->hash == hash && have->n == n &&
				memcmp(have->frames, frames, n * sizeof(frames[0])) == 0)
			return slot + 1;
	}
	return FASTMEM_STACK_MANY;
}

static const struct stack *
stack_by_id(uint32_t id)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_stacks *s = ctl != NULL ? get_once(ctl->stacks) : NULL;
	RTE_ATOMIC(struct stack *) *place;

	if (s == NULL || id == FASTMEM_STACK_NONE || id > N_SLOTS)
		return NULL;
	place = slot_get(s, id - 1, false);
	return place != NULL ? get_once(*place) : NULL;
}

/* Captures. */

static int
get_unloads(struct dl_phdr_info *info, size_t size, void *arg)
{
	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs))
		*(uint64_t *)arg = info->dlpi_subs;
	return 1; /* the first module will do */
}

/*
 * See to it that nothing is known of code which has been unloaded. Whatever this thread has on
 * its stack stays loaded until it returns.
 */
static void
forget_unloaded(void)
{
	uint64_t now = 0;

	dl_iterate_phdr(get_unloads, &now);
	/* Pairs with the release below: whoever sees it also finds forgotten what had to be. */
	if (likely(rte_atomic_load_explicit(&unloads, rte_memory_order_acquire) == now))
		return;
	fastmem_unwind_forget();
	rte_atomic_store_explicit(&unloads, now, rte_memory_order_release);
}

/* Make a number for a walk. */
static uint32_t
walk_intern(struct fastmem_stacks *s, const struct fastmem_walk *walk)
{
	struct resolve r = { .stacks = s, .walk = walk };
	unsigned int first = 0;

	resolve(&r);
	while (first < walk->n) {
		const struct fastmem_module *m = fastmem_module(r.frames[first] >> OFFSET_BITS);

		if (m == NULL || !m->is_library)
			break;
		first++;
	}
	if (first == walk->n)
		first = 0;
	return stack_intern(s, r.frames + first, walk->n - first);
}

/*
 * Whatever the meaning of what is known depends on, other than the walk: it changes when
 * fastmem is begun anew, or anything is unloaded.
 */
static inline uint64_t
walk_tag(const struct fastmem_stacks *s, unsigned int max)
{
	return s->token + rte_atomic_load_explicit(&unloads, rte_memory_order_relaxed) * 64 + max;
}

static uint32_t
walk_number(struct fastmem_stacks *s, const uintptr_t *frame, const void *caller,
		unsigned int max)
{
	struct fastmem_walk walk;
	uint64_t tag;
	uint32_t id;

	forget_unloaded();
	fastmem_unwind(frame, caller, max, &walk);
	if (walk.n == 0)
		return FASTMEM_STACK_NONE;
	tag = walk_tag(s, max);
	id = fastmem_known_walk(tag, &walk);
	if (unlikely(id == FASTMEM_STACK_NONE))
		id = walk_intern(s, &walk);
	if (id != FASTMEM_STACK_NONE)
		fastmem_known_add(tag, frame, &walk, id);
	return id;
}

static uint32_t __rte_noinline
capture_slow(const uintptr_t *frame, const void *caller, unsigned int max)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	int saved_errno = errno, saved_rte_errno = rte_errno;
	struct fastmem_stacks *s;
	uint32_t id;

	if (ctl == NULL || capturing)
		return FASTMEM_STACK_NONE;
	capturing = true;
	s = stacks_get(ctl);
	id = s != NULL ? walk_number(s, frame, caller, max) : FASTMEM_STACK_NONE;
	capturing = false;
	errno = saved_errno;
	rte_errno = saved_rte_errno;
	return id;
}

/* In its own frame, and with it until the end: no jump to capture_slow() in place of a call. */
uint32_t __rte_noinline
fastmem_stack_capture(void)
{
	const uintptr_t *frame = __rte_frame_address();
	unsigned int max = rte_atomic_load_explicit(&depth, rte_memory_order_relaxed);
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_stacks *s = ctl != NULL ? get_once(ctl->stacks) : NULL;
	uint32_t id = FASTMEM_STACK_NONE;

	if (likely(s != NULL))
		id = fastmem_known_frame(walk_tag(s, max), frame);
	if (unlikely(id == FASTMEM_STACK_NONE))
		id = capture_slow(frame, __rte_return_address(), max);
	asm volatile("" ::: "memory");
	return id;
}

void
fastmem_stack_set_depth(unsigned int n)
{
	n = RTE_MIN(RTE_MAX(n, 1u), FASTMEM_STACK_MAX_DEPTH);
	rte_atomic_store_explicit(&depth, n, rte_memory_order_relaxed);
}

unsigned int
fastmem_stack_frames(uint32_t id, struct fastmem_stack_frame *frames, unsigned int n)
{
	const struct stack *stack = stack_by_id(id);
	unsigned int i;

	if (stack == NULL)
		return 0;
	for (i = 0; i < stack->n && i < n; i++) {
		const struct fastmem_module *m = fastmem_module(stack->frames[i] >> OFFSET_BITS);

		frames[i].module = m != NULL ? m->path : NULL;
		frames[i].offset = stack->frames[i] & ((UINT64_C(1) << OFFSET_BITS) - 1);
	}
	return stack->n;
}

/* For debuggers. */

#define FIELD(name, type, field) { #name "." #field, offsetof(type, field), \
		sizeof(((type *)NULL)->field) }

const struct fastmem_layout_entry fastmem_stack_entries[FASTMEM_STACK_ENTRIES] = {
	{ "stacks", sizeof(struct fastmem_stacks), 0 },
	FIELD(stacks, struct fastmem_stacks, modules),
	FIELD(stacks, struct fastmem_stacks, blocks),
	{ "stack", sizeof(struct stack), 0 },
	FIELD(stack, struct stack, n),
	{ "stack.frames", offsetof(struct stack, frames), 0 },
	{ "STACK_BLOCK_SLOTS", BLOCK_SLOTS, 0 },
	{ "STACK_OFFSET_BITS", OFFSET_BITS, 0 },
};
