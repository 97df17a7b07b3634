/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * How a traced child gets to an instruction of its operation.
 *
 * A single step costs some 20 microseconds, most of it in the hypervisor of a virtual machine, and
 * operations have up to 300,000 instructions. So each is stepped through once, to its end, which
 * gives the path: the address of each instruction. Even then, instructions that were met before are
 * stepped again only where they may go elsewhere than to the next one; the others are counted.
 * Children after that one follow the path from breakpoint to breakpoint. Each is at an address that
 * the path meets for the first time from here on, so that it is not hit in vain: the furthest of
 * those that are not behind the point where the child is to die. The nursery forks them all, so
 * addresses are the same.
 *
 * A child may leave the path, as others have left behind slots, or a lock, that were not there. So
 * some of the addresses behind that have breakpoints as well, and the child goes on, or dies, there.
 * The next one is stepped all the way, and makes a new path.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_steps.h"

struct traced {
	pid_t pid;
	int status; /* as it has stopped */
	int memory; /* of the process */
	struct steps_state *state;
	uint64_t i; /* instructions so far */
};

bool
steps_stopped(pid_t pid, int signal, int *status)
{
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return WIFSTOPPED(*status) && WSTOPSIG(*status) == signal;
}

/* Lets it go on, up to a trap. */
static bool
is_trapped(struct traced *t, int request)
{
	return ptrace(request, t->pid, NULL, NULL) == 0 &&
		steps_stopped(t->pid, SIGTRAP, &t->status);
}

static void
advanced(struct traced *t, uint64_t i)
{
	t->i = i;
	/* Pairs with the load in run_steps(). */
	rte_atomic_store_explicit(&t->state->stepped, i, rte_memory_order_relaxed);
}

/* The operation has come to its end, or to a bad one. */
static int64_t
ended(const struct traced *t)
{
	if (WIFSTOPPED(t->status) && WSTOPSIG(t->status) == SIGSTOP)
		return t->i;
	fprintf(stderr, "process %d: status %#x after %" PRIu64 " instructions\n", t->pid,
		t->status, t->i);
	return -EFAULT;
}

#ifdef RTE_ARCH_X86_64

#define INT3 0xcc
#define BREAKPOINTS 9u /* at once: where to, and for those that miss it */
/* How far ahead to look: far, as one costs half of a step, but a child that strays does it so far. */
#define WINDOW 1024u

static struct {
	const struct steps_operation *op;
	uint32_t n, room;
	uintptr_t *at; /* of the instruction that is the next one after so many */
	uint32_t *before; /* when that was met before, plus one; 0: never */
	bool *goes_on; /* to the instruction behind it, always */
	uint32_t *last; /* a hash table of addresses: when one was met, plus one */
} path;

struct breakpoint {
	uint32_t i; /* where on the path */
	uint8_t was; /* there */
};

struct breakpoints {
	unsigned int n;
	struct breakpoint of[BREAKPOINTS];
};

static uintptr_t
address(pid_t pid)
{
	return ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
}

static void
path_hash(uint32_t i)
{
	const uint32_t mask = 2 * path.room - 1;
	uint32_t slot = path.at[i] * UINT64_C(0x9e3779b97f4a7c15) >> 40 & mask;

	while (path.last[slot] != 0 && path.at[path.last[slot] - 1] != path.at[i])
		slot = (slot + 1) & mask;
	path.before[i] = path.last[slot];
	path.last[slot] = i + 1;
}

static void *
enlarged(void *old, size_t size)
{
	void *new = realloc(old, size);

	if (new == NULL)
		rte_panic("no memory for the path of an operation\n");
	return new;
}

static void
path_grow(void)
{
	uint32_t i;

	path.room = path.room != 0 ? 2 * path.room : 1 << 16;
	path.at = enlarged(path.at, path.room * sizeof(*path.at));
	path.before = enlarged(path.before, path.room * sizeof(*path.before));
	path.goes_on = enlarged(path.goes_on, path.room * sizeof(*path.goes_on));
	path.last = enlarged(path.last, 2 * path.room * sizeof(*path.last));
	memset(path.last, 0, 2 * path.room * sizeof(*path.last));
	for (i = 0; i < path.n; i++)
		path_hash(i);
}

static void
path_begin(const struct steps_operation *op)
{
	path.op = op;
	path.n = 0;
	if (path.room != 0)
		memset(path.last, 0, 2 * path.room * sizeof(*path.last));
}

/*
 * Whether the instruction is known to be followed by the one behind it. One that is repeated (rep)
 * takes several steps, a prefix that is not known here may be before anything.
 */
static bool
goes_on(const uint8_t *code)
{
	while (*code == 0x66 || (*code & 0xf0) == 0x40) /* size of operands; REX */
		code++;
	switch (*code) {
	case 0x0f: /* but for system calls, undefined ones and conditional jumps */
		return code[1] != 0x05 && code[1] != 0x0b && code[1] != 0x34 &&
			(code[1] & 0xf0) != 0x80;
	case 0x63: /* movsxd */
	case 0x69: case 0x6b: /* imul */
	case 0xa8: case 0xa9: /* test */
	case 0xc0: case 0xc1: case 0xd0: case 0xd1: case 0xd2: case 0xd3: /* shifts */
	case 0xc6: case 0xc7: /* mov */
		return true;
	case 0xff: /* inc, dec, push; but for calls and jumps */
		return (code[1] >> 3 & 7) < 2 || (code[1] >> 3 & 7) == 6;
	default: /* arithmetic; push, pop; test, xchg, mov, lea; mov of constants */
		return (*code < 0x40 && (*code & 7) < 6) || (*code & 0xf0) == 0x50 ||
			(*code >= 0x80 && *code <= 0x8d) || (*code & 0xf0) == 0xb0;
	}
}

/* Where the child is now, if that is news. */
static void
path_note(const struct steps_operation *op, const struct traced *t)
{
	uint8_t code[16] = { 0 }; /* of which none is longer */

	if (path.op != op || path.n != t->i)
		return;
	if (path.n == path.room)
		path_grow();
	path.at[path.n] = address(t->pid);
	path_hash(path.n);
	if (path.before[path.n] != 0)
		path.goes_on[path.n] = path.goes_on[path.before[path.n] - 1];
	else
		path.goes_on[path.n] = pread(t->memory, code, sizeof(code), path.at[path.n]) > 0 &&
			goes_on(code);
	path.n++;
}

/* Whether the path meets the address of k for the first time from i on. */
static bool
is_new(uint32_t k, uint32_t i)
{
	return path.before[k] <= i;
}

/* Not all memory can be written to. */
static void
breakpoint_set(const struct traced *t, struct breakpoints *b, uint32_t i)
{
	const uint8_t trap = INT3;

	b->of[b->n].i = i;
	if (pread(t->memory, &b->of[b->n].was, 1, path.at[i]) == 1 &&
			pwrite(t->memory, &trap, 1, path.at[i]) == 1)
		b->n++;
}

/* At k, and further and further on, as a child that goes another way misses what is near. */
static void
breakpoints_set(const struct traced *t, struct breakpoints *b, uint32_t k)
{
	uint32_t distance = 1, end;

	while (b->n < BREAKPOINTS && k < path.n) {
		breakpoint_set(t, b, k);
		k += distance;
		distance *= 4;
		for (end = k + WINDOW; k < path.n && !is_new(k, t->i); k++)
			if (k == end)
				return;
	}
}

/* The child has met one of them, if all is well. Returns that one's place on the path, or -1. */
static int64_t
breakpoints_clear(const struct traced *t, struct breakpoints *b)
{
	const uintptr_t at = address(t->pid) - 1;
	int64_t met = -1;

	while (b->n > 0) {
		const struct breakpoint *p = &b->of[--b->n];

		if (pwrite(t->memory, &p->was, 1, path.at[p->i]) != 1)
			return -1;
		if (path.at[p->i] == at)
			met = p->i;
	}
	return met < 0 || ptrace(PTRACE_POKEUSER, t->pid, offsetof(struct user, regs.rip), at) != 0 ?
		-1 : met;
}

static bool
step(struct traced *t)
{
	if (!is_trapped(t, PTRACE_SINGLESTEP))
		return false;
	advanced(t, t->i + 1);
	return true;
}

/* A step, or to a breakpoint. Returns whether that is where the child has stopped. */
static bool
advance(struct traced *t, uint32_t point)
{
	struct breakpoints b = { .n = 0 };
	uint32_t k = RTE_MIN(point, t->i + WINDOW);
	int64_t met;

	while (k > t->i + 1 && !is_new(k, t->i))
		k--;
	if (k > t->i + 1)
		breakpoints_set(t, &b, k);
	if (b.n == 0)
		return step(t);
	if (!is_trapped(t, PTRACE_CONT))
		return false;
	met = breakpoints_clear(t, &b);
	if (met >= 0)
		advanced(t, met);
	return met >= 0;
}

/* A step; or several, as far as it is known what the child is about to execute. */
static bool
explore(const struct steps_operation *op, struct traced *t, uint64_t point)
{
	struct breakpoints b = { .n = 0 };
	uint32_t first, known;

	path_note(op, t);
	if (path.op != op || path.n != t->i + 1 || path.before[t->i] == 0)
		return step(t);
	first = path.before[t->i] - 1;
	for (known = first; known < t->i && path.goes_on[known] && known - first < point - t->i;)
		known++;
	if (known > first + 1)
		breakpoint_set(t, &b, known);
	if (b.n == 0)
		return step(t);
	if (!is_trapped(t, PTRACE_CONT) || breakpoints_clear(t, &b) < 0)
		return false;
	while (++first < known) {
		if (path.n == path.room)
			path_grow();
		path.at[path.n] = path.at[first];
		path.goes_on[path.n] = true;
		path_hash(path.n++);
	}
	advanced(t, path.n);
	return true;
}

/*
 * As far as the path goes, up to the point. Returns whether that is where it is; if not, the child has
 * gone another way, and elsewhere is how far, as ended() says. The next one makes a new path.
 */
static bool
path_follow(const struct steps_operation *op, struct traced *t, uint64_t point, int64_t *elsewhere)
{
	bool met = true;

	if (path.op != op || path.n == 0)
		return true;
	point = RTE_MIN(point, path.n - 1);
	while (t->i < point && met)
		met = advance(t, point);
	if (met && t->i == point && address(t->pid) == path.at[point])
		return true;
	*elsewhere = met ? path.n : ended(t);
	path_begin(op);
	return false;
}

#else /* no breakpoints: each child is stepped all the way */

static void
path_begin(const struct steps_operation *op)
{
	RTE_SET_USED(op);
}

static bool
explore(const struct steps_operation *op, struct traced *t, uint64_t point)
{
	RTE_SET_USED(op);
	RTE_SET_USED(point);
	if (!is_trapped(t, PTRACE_SINGLESTEP))
		return false;
	advanced(t, t->i + 1);
	return true;
}

static bool
path_follow(const struct steps_operation *op, struct traced *t, uint64_t point, int64_t *elsewhere)
{
	RTE_SET_USED(op);
	RTE_SET_USED(t);
	RTE_SET_USED(point);
	RTE_SET_USED(elsewhere);
	return true;
}

#endif

static int64_t
walk(const struct steps_operation *op, struct traced *t, uint64_t point)
{
	int64_t elsewhere;

	if (point == STEPS_ALL)
		path_begin(op);
	if (!path_follow(op, t, point, &elsewhere))
		return elsewhere;
	while (t->i < point)
		if (!explore(op, t, point))
			return ended(t);
	return t->i;
}

int64_t
steps_walk(const struct steps_operation *op, pid_t pid, struct steps_state *s, uint64_t point)
{
	struct traced t = { .pid = pid, .state = s };
	char name[32];
	int64_t reached;

	if (point == STEPS_END) { /* without counting */
		ptrace(PTRACE_CONT, pid, NULL, NULL);
		steps_stopped(pid, SIGSTOP, &t.status);
		return ended(&t);
	}
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	t.memory = open(name, O_RDWR | O_CLOEXEC);
	if (t.memory < 0)
		return -errno;
	reached = walk(op, &t, point);
	close(t.memory);
	return reached;
}
