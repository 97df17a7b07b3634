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
 * To come from return addresses to (module, offset) takes some microseconds. So each
 * process has a table of its own from what it has walked to numbers. It goes by a hash of
 * 64 bits without comparing addresses, as AddressSanitizer does for the same purpose: among
 * all stacks there can be, that two have the same one is a chance of 10^-11.
 *
 * When a shared object is unloaded and another one takes its place, a walk finds return
 * addresses that it does not know, or the same that were there before. In the first case the
 * dynamic linker is asked, and all that was known before is forgotten.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>

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

/* All of them. Pointers are atomic, and set once. */
struct fastmem_stacks {
	uint64_t token; /* tells one life of fastmem from the next. Does not change */
	uint32_t n; /* stacks, or some more. Atomic */
	struct fastmem_module *modules[FASTMEM_STACK_MODULES]; /* number i + 1 */
	struct stack **blocks[N_BLOCKS]; /* of BLOCK_SLOTS each */
};

static unsigned int depth = FASTMEM_STACK_DEPTH; /* atomic, and synchronises nothing */
static uint64_t unloads; /* of shared objects, when that was last looked at. Atomic */

/* In a capture; what it calls may call fastmem. */
static __thread bool capturing __attribute__((tls_model("initial-exec")));

/* Set a pointer once. Returns what it is then; for readers with acquire, all behind it is there. */
static void *
set_once(void *place, void *value)
{
	void **p = place, *old = NULL;

	return __atomic_compare_exchange_n(p, &old, value, false, __ATOMIC_ACQ_REL,
			__ATOMIC_ACQUIRE) ? value : old;
}

/* Pairs with set_once(). */
#define get_once(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)

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

static uint64_t
mix(uint64_t h)
{
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

/* A sum of products: they do not wait for each other. */
static uint64_t
hash_words(uint64_t seed, const uint64_t *words, unsigned int n)
{
	/* Random, and odd. */
	static const uint64_t factors[FASTMEM_STACK_MAX_DEPTH] = {
		UINT64_C(0xea8ff5f8d837115f), UINT64_C(0x50a74cff026f4c85),
		UINT64_C(0x8f8de0e973e1d037), UINT64_C(0xf11fc8de3eb459c9),
		UINT64_C(0x856980bb0977e471), UINT64_C(0x2e7abed5658ef30d),
		UINT64_C(0x7ad367d4ab3e1d35), UINT64_C(0xf99e6ae5c3c79559),
		UINT64_C(0x4c1d5c6a1f99f50d), UINT64_C(0x9fddb5fef1217709),
		UINT64_C(0xd7bfc82d73d9c869), UINT64_C(0x0dd6a32cc059f535),
		UINT64_C(0x9c86269bdefda9ab), UINT64_C(0xd9f0b7c0e6f6dabf),
		UINT64_C(0xc1ace0d9a2729d41), UINT64_C(0xdd1c84e44fa930d7),
	};
	uint64_t h = seed + n;
	unsigned int i;

	for (i = 0; i < n; i++)
		h += words[i] * factors[i];
	return mix(h);
}

/* Modules. */

/* The path of a file as it is seen from anywhere. Without malloc, so without realpath(). */
static void
absolute_path(const char *name, char *path, size_t len)
{
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

	return begins(name, "librte_fastmem.so") || begins(name, "librte_mempool_fastmem.so");
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

/* From return addresses to frames. */
struct resolve {
	struct fastmem_stacks *stacks;
	const struct fastmem_walk *walk;
	uint64_t frames[FASTMEM_UNWIND_MAX];
	uint64_t unloads;
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

	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs))
		r->unloads = info->dlpi_subs;
	for (i = 0; i < r->walk->n; i++) {
		/* The call, which is before the return address. */
		if (!module_contains(info, r->walk->frames[i] - 1))
			continue;
		if (number == 0) {
			absolute_path(info->dlpi_name, path, sizeof(path));
			fastmem_build_id_loaded(info, &id);
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
	dl_iterate_phdr(resolve_in_module, r);
}

/* Stacks. */

static struct stack **
slot_get(struct fastmem_stacks *s, unsigned int slot, bool make)
{
	struct stack **block = get_once(s->blocks[slot / BLOCK_SLOTS]);

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
	uint64_t hash = hash_words(0, frames, n);
	struct stack *new = NULL;
	unsigned int i;

	/* At most half of the slots are taken, but for threads that add the last ones at once. */
	for (i = 0; i < N_SLOTS; i++) {
		unsigned int slot = (hash + i) % N_SLOTS;
		struct stack **place = slot_get(s, slot, true), *have;

		if (place == NULL)
			return FASTMEM_STACK_NONE;
		have = get_once(*place);
		if (have == NULL) {
			if (__atomic_load_n(&s->n, __ATOMIC_RELAXED) >= FASTMEM_STACK_MAX)
				return FASTMEM_STACK_MANY;
			if (new == NULL)
				new = stack_make(hash, frames, n);
			if (new == NULL)
				return FASTMEM_STACK_NONE;
			have = set_once(place, new);
			if (have == new)
				__atomic_fetch_add(&s->n, 1, __ATOMIC_RELAXED);
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
	struct stack **place;

	if (s == NULL || id == FASTMEM_STACK_NONE || id > N_SLOTS)
		return NULL;
	place = slot_get(s, id - 1, false);
	return place != NULL ? get_once(*place) : NULL;
}

/* What this process knows already. */

/*
 * Bits 63-16 are those of a hash, 15-0 the number of its stack. The hash depends on the
 * token and on unloads: what was before these changed is never found.
 */
static uint64_t known[N_SLOTS]; /* atomic */
#define N_PROBES 8u

static uint32_t
known_find(uint64_t hash)
{
	unsigned int i;

	for (i = 0; i < N_PROBES; i++) {
		uint64_t word = __atomic_load_n(&known[(hash + i) % N_SLOTS], __ATOMIC_RELAXED);

		/* Whoever has this number uses it in shared memory, or by a read with acquire. */
		if ((word ^ hash) >> 16 == 0 && word != 0)
			return word & UINT16_MAX;
	}
	return FASTMEM_STACK_NONE;
}

static void
known_add(uint64_t hash, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < N_PROBES; i++)
		if (__atomic_load_n(&known[(hash + i) % N_SLOTS], __ATOMIC_RELAXED) == 0)
			break;
	__atomic_store_n(&known[(hash + i % N_PROBES) % N_SLOTS],
			(hash & ~(uint64_t)UINT16_MAX) | id, __ATOMIC_RELAXED);
}

static uint64_t
walk_hash(const struct fastmem_stacks *s, const struct fastmem_walk *walk)
{
	return hash_words(s->token + __atomic_load_n(&unloads, __ATOMIC_RELAXED), walk->frames,
			walk->n);
}

/* The number of a walk that is not known. Returns false if it may be wrong. */
static bool __attribute__((noinline))
walk_intern(struct fastmem_stacks *s, const struct fastmem_walk *walk, uint32_t *id)
{
	struct resolve r = { .stacks = s, .walk = walk };
	unsigned int first = 0;

	resolve(&r);
	if (__atomic_exchange_n(&unloads, r.unloads, __ATOMIC_RELAXED) != r.unloads) {
		fastmem_unwind_forget();
		return false;
	}
	while (first < walk->n) {
		const struct fastmem_module *m = fastmem_module(r.frames[first] >> OFFSET_BITS);

		if (m == NULL || !m->is_library)
			break;
		first++;
	}
	if (first == walk->n)
		first = 0;
	*id = stack_intern(s, r.frames + first, walk->n - first);
	if (*id != FASTMEM_STACK_NONE)
		known_add(walk_hash(s, walk), *id);
	return true;
}

static uint32_t
capture(struct fastmem_ctl *ctl, const uintptr_t *frame)
{
	struct fastmem_stacks *s = stacks_get(ctl);
	unsigned int max = __atomic_load_n(&depth, __ATOMIC_RELAXED);
	struct fastmem_walk walk;
	uint32_t id;

	if (s == NULL)
		return FASTMEM_STACK_NONE;
	do {
		fastmem_unwind(frame, max, &walk);
		if (walk.n == 0)
			return FASTMEM_STACK_NONE;
		id = known_find(walk_hash(s, &walk));
	} while (unlikely(id == FASTMEM_STACK_NONE) && !walk_intern(s, &walk, &id));
	return id;
}

uint32_t
fastmem_stack_capture(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	int saved_errno = errno, saved_rte_errno = rte_errno;
	uint32_t id;

	if (ctl == NULL || capturing)
		return FASTMEM_STACK_NONE;
	capturing = true;
	id = capture(ctl, __builtin_frame_address(0));
	capturing = false;
	errno = saved_errno;
	rte_errno = saved_rte_errno;
	return id;
}

void
fastmem_stack_set_depth(unsigned int n)
{
	n = RTE_MIN(RTE_MAX(n, 1u), FASTMEM_STACK_MAX_DEPTH);
	__atomic_store_n(&depth, n, __ATOMIC_RELAXED);
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
