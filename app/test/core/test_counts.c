/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What calls execute, counted: a process runs them one instruction at a time, and its parent reads
 * each instruction. Counts do not depend on how busy a machine is, and are those of the code as it
 * was compiled.
 *
 * - Instructions of an allocation and its free: at most as many as today, by the compilers that
 *   are named below.
 * - Atomic read-modify-writes (locked instructions, and xchg with memory): none in these.
 * - Those of an exchange: a magazine that goes from one cache by way of the depot to another, full,
 *   and comes back, empty. They count by where they write: in the depot, whose lines all lcores
 *   share, they wait for each other; in the magazines and a pool's lock they may; on the thread's
 *   own stack and in its control block they do not. At most as many as today.
 * - Instructions of a miss that another socket serves, as the thread's own has no memory or is at
 *   its limit: at most twice those of a miss that its own socket serves.
 * - Instructions of a call that no socket can serve: at most as many as today, and none is locked.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_fastmem_pool.h>
#include <rte_lcore.h>

#include "fastmem_private.h"

#define SIZE 256
#define BULK 32
#define SKIPPED 77

/* Ends of what is counted; the parent continues the process after each. */
#define MARK() __asm__ volatile("int3" : : : "memory")
#define INT3 0xcc
#define USE(value) __asm__ volatile("" : "+r"(value) : : "memory")

struct range {
	uint64_t from, to;
};

/* Of both processes: the child says what is to be counted, the parent what it has counted. */
static struct shared {
	bool counting; /* else what is between two marks just runs */
	struct range depots[2];
	uint64_t instructions;
	uint64_t locked;
	uint64_t in_depots; /* of the locked ones */
	uint64_t in_thread;
	unsigned int failed, passed;
} *shared;

/* At most so many instructions; 0: not known of this compiler. */
#if defined(__clang__) && __clang_major__ == 14
#define AT_MOST(gcc, clang) (clang)
#elif !defined(__clang__) && __GNUC__ == 12
#define AT_MOST(gcc, clang) (gcc)
#else
#define AT_MOST(gcc, clang) 0
#endif

static rte_fastmem_handle_t handle;
static struct rte_fastmem_pool *pool;

static __rte_noinline void
tight_plain(void)
{
	size_t size = SIZE;
	void *ptr;

	USE(size);
	MARK();
	ptr = rte_fastmem_alloc(size, 0, 0);
	USE(ptr);
	rte_fastmem_free(ptr);
	MARK();
}

static __rte_noinline void
tight_sized(void)
{
	size_t size = SIZE;
	void *ptr;

	USE(size);
	MARK();
	ptr = rte_fastmem_alloc(size, 0, 0);
	USE(ptr);
	rte_fastmem_free_sized(ptr, size, 0);
	MARK();
}

static __rte_noinline void
tight_handle(void)
{
	rte_fastmem_handle_t h = handle;
	void *ptr;

	USE(h);
	MARK();
	ptr = rte_fastmem_halloc(h, 0);
	USE(ptr);
	rte_fastmem_hfree(h, ptr);
	MARK();
}

static __rte_noinline void
tight_pool(void)
{
	struct rte_fastmem_pool *p = pool;
	void *ptr;

	USE(p);
	MARK();
	ptr = rte_fastmem_pool_get(p);
	USE(ptr);
	rte_fastmem_pool_put(p, ptr);
	MARK();
}

static __rte_noinline void
bulk32_plain(void)
{
	void *array[BULK], **ptrs = array;
	size_t size = SIZE;
	int ret;

	USE(size);
	USE(ptrs);
	MARK();
	ret = rte_fastmem_alloc_bulk(ptrs, BULK, size, 0, 0);
	USE(ret);
	rte_fastmem_free_bulk(ptrs, BULK);
	MARK();
}

static __rte_noinline void
bulk32_handle(void)
{
	rte_fastmem_handle_t h = handle;
	void *array[BULK], **ptrs = array;
	int ret;

	USE(h);
	USE(ptrs);
	MARK();
	ret = rte_fastmem_halloc_bulk(h, ptrs, BULK, 0);
	USE(ret);
	rte_fastmem_hfree_bulk(h, ptrs, BULK);
	MARK();
}

static __rte_noinline void
bulk32_pool(void)
{
	struct rte_fastmem_pool *p = pool;
	void *array[BULK], **ptrs = array;
	int ret;

	USE(p);
	USE(ptrs);
	MARK();
	ret = rte_fastmem_pool_get_bulk(p, ptrs, BULK);
	USE(ret);
	rte_fastmem_pool_put_bulk(p, ptrs, BULK);
	MARK();
}

static const struct call {
	const char *name;
	void (*run)(void);
	unsigned int at_most;
} calls[] = {
	{ "tight_plain", tight_plain, AT_MOST(38, 47) },
	{ "tight_sized", tight_sized, AT_MOST(39, 46) },
	{ "tight_handle", tight_handle, AT_MOST(25, 25) },
	{ "tight_pool", tight_pool, AT_MOST(24, 24) },
	{ "bulk32_plain", bulk32_plain, AT_MOST(184, 192) },
	{ "bulk32_handle", bulk32_handle, AT_MOST(166, 162) },
	{ "bulk32_pool", bulk32_pool, AT_MOST(165, 163) },
};

static bool
is_wanted(const char *name)
{
	const char *only = getenv("FASTMEM_TEST_ONLY");

	return only == NULL || only[0] == '\0' || strstr(only, name) != NULL;
}

static void
report(const char *name, bool ok)
{
	printf("counts.%s: %s\n", name, ok ? "ok" : "FAILED");
	shared->passed += ok;
	shared->failed += !ok;
}

static void
count_call(const struct call *call)
{
	unsigned int i;

	/* Whatever is made on first use is there. */
	shared->counting = false;
	for (i = 0; i < 4; i++)
		call->run();
	shared->counting = true;
	call->run();
	shared->counting = false;
	printf("  %s: %" PRIu64 " instructions", call->name, shared->instructions);
	if (call->at_most != 0)
		printf(" (at most %u)", call->at_most);
	printf(", %" PRIu64 " atomic\n", shared->locked);
	/* None would mean that nobody has counted. */
	report(call->name, shared->locked == 0 && shared->instructions >= 10 &&
		(call->at_most == 0 || shared->instructions <= call->at_most));
}

/* Objects of a few magazines: all allocated, then all freed. */
struct load {
	const char *name;
	void *(*alloc)(void);
	void (*free)(void *ptr);
	struct fastmem_bin *(*bin)(void);
	/* Atomic writes for an exchange. */
	unsigned int at_most_depot;
	unsigned int at_most_elsewhere;
};

#define FEW 4 /* magazines */
#define MANY 8
#define MAX_OBJECTS (MANY * 1024)

static void *
plain_alloc(void)
{
	return rte_fastmem_alloc(SIZE, 0, 0);
}

static struct fastmem_bin *
plain_bin(void)
{
	void *ptr = plain_alloc();
	struct fastmem_bin *bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(ptr)];

	rte_fastmem_free(ptr);
	return bin;
}

static void *
pool_alloc(void)
{
	return rte_fastmem_pool_get(pool);
}

static void
pool_free(void *ptr)
{
	rte_fastmem_pool_put(pool, ptr);
}

static struct fastmem_bin *
pool_bin(void)
{
	void *ptr = pool_alloc();
	struct fastmem_bin *bin = &fastmem_ctl()->bins[rte_fastmem_bin_of(ptr)];

	pool_free(ptr);
	return bin;
}

static const struct load loads[] = {
	{ "exchange_plain", plain_alloc, rte_fastmem_free, plain_bin, 4, 6 },
	{ "exchange_pool", pool_alloc, pool_free, pool_bin, 4, 10 },
};

static bool
run_load(const struct load *load, unsigned int n)
{
	static void *objects[MAX_OBJECTS];
	bool done = true;
	unsigned int i;

	MARK();
	for (i = 0; i < n; i++)
		objects[i] = load->alloc();
	for (i = 0; i < n; i++) {
		done = done && objects[i] != NULL;
		load->free(objects[i]);
	}
	MARK();
	return done;
}

static void
set_depot(struct range *range, const struct fastmem_depot *depot)
{
	range->from = (uintptr_t)depot;
	range->to = range->from + sizeof(*depot);
}

struct exchanges {
	uint64_t n;
	uint64_t instructions; /* of the calls for all objects, too */
	uint64_t in_depots;
	uint64_t in_thread;
	uint64_t elsewhere;
};

static bool
count_load(const struct load *load, const struct fastmem_bin *bin, unsigned int magazines,
		struct exchanges *e)
{
	unsigned int i, n = magazines * bin->magazine_size;
	uint64_t head;
	bool ok = true;

	/* Whatever is made on first use is there. */
	for (i = 0; i < 8; i++)
		ok = ok && run_load(load, n);
	set_depot(&shared->depots[0], bin->full);
	set_depot(&shared->depots[1], bin->empty);
	head = bin->full->head;
	shared->counting = true;
	ok = ok && run_load(load, n);
	shared->counting = false;
	e->n = bin->full->head - head;
	e->instructions = shared->instructions;
	e->in_depots = shared->in_depots;
	e->in_thread = shared->in_thread;
	e->elsewhere = shared->locked - shared->in_depots - shared->in_thread;
	return ok;
}

/* What more exchanges cost more, as the first and the last magazines are no exchanges. */
static void
count_exchange(const struct load *load)
{
	const struct fastmem_bin *bin = load->bin();
	struct exchanges few = { 0 }, many = { 0 };
	double n, depot, elsewhere;
	bool ok;

	ok = count_load(load, bin, FEW, &few) && count_load(load, bin, MANY, &many);
	if (ok && many.n == few.n + MANY - FEW) {
		n = many.n - few.n;
		depot = (many.in_depots - few.in_depots) / n;
		elsewhere = (many.elsewhere - few.elsewhere) / n;
		printf("  %s: %.2f atomic writes in depots (at most %u), %.2f elsewhere (at most %u), "
			"%.2f of the thread's own, %.1f instructions with those of %u objects\n",
			load->name, depot, load->at_most_depot, elsewhere, load->at_most_elsewhere,
			(many.in_thread - few.in_thread) / n,
			(many.instructions - few.instructions) / n, bin->magazine_size);
		ok = depot <= load->at_most_depot && elsewhere <= load->at_most_elsewhere;
	} else {
		printf("  %s: %" PRIu64 " exchanges by %u magazines, %" PRIu64 " by %u\n", load->name,
			few.n, FEW, many.n, MANY);
		ok = false;
	}
	report(load->name, ok);
}

/* Objects of which a cache holds one: almost every call is a miss. */
#define LARGE ((size_t)1 << 20)
#define LIVE 8
#define FILLER ((size_t)60000)
#define MAX_FILLERS 128

static int told;
static unsigned int bulk = 1; /* objects of a call */
static struct fastmem_arena *busy; /* of which other threads give memory back all the time */

static int
told_socket(void)
{
	return told;
}

static bool
run_misses(void)
{
	static void *objects[LIVE];
	bool done = true;
	unsigned int i;

	MARK();
	for (i = 0; i < LIVE; i += bulk) {
		if (busy != NULL)
			busy->n_given++;
		if (bulk == 1)
			done = (objects[i] = rte_fastmem_alloc(LARGE, 0, 0)) != NULL && done;
		else
			done = rte_fastmem_alloc_bulk(objects + i, bulk, LARGE, 0, 0) == 0 && done;
	}
	for (i = 0; done && i < LIVE; i++)
		rte_fastmem_free(objects[i]);
	MARK();
	return done;
}

/* Of a thread that EAL says to be on a socket. 0: one has failed. */
static uint64_t
count_misses(int socket_id)
{
	bool ok = true;
	unsigned int i;

	told = socket_id;
	/* Whatever is made on first use is there. */
	for (i = 0; i < 8; i++)
		ok = ok && run_misses();
	shared->counting = true;
	ok = ok && run_misses();
	shared->counting = false;
	return ok ? shared->instructions : 0;
}

static void
count_elsewhere(const char *name, int socket_id, uint64_t own)
{
	uint64_t n = count_misses(socket_id);

	printf("  %s: %" PRIu64 " instructions of a pair, on the own socket %" PRIu64
		" (at most 2 x)\n", name, n / LIVE, own / LIVE);
	report(name, n != 0 && own != 0 && n <= 2 * own);
}

/* All of both sockets is in use, and neither may grow. */
static void
count_nobody(void)
{
	const unsigned int at_most = AT_MOST(481, 496);
	static void *objects[MAX_FILLERS];
	unsigned int i, n = 0;
	bool ok = rte_fastmem_set_limit(SOCKET_ID_ANY, 1) == 0;

	while (n < MAX_FILLERS && (objects[n] = rte_fastmem_alloc(LARGE, 0, 0)) != NULL)
		n++;
	ok = ok && n > 0 && n < MAX_FILLERS;
	for (i = 0; i < 5; i++) {
		shared->counting = i == 4; /* the thread knows by then */
		MARK();
		objects[n] = rte_fastmem_alloc(LARGE, 0, 0);
		MARK();
		ok = ok && objects[n] == NULL;
	}
	shared->counting = false;
	printf("  nobody: %" PRIu64 " instructions (at most %u), %" PRIu64 " atomic\n",
		shared->instructions, at_most, shared->locked);
	report("nobody", ok && shared->locked == 0 && shared->instructions >= 10 &&
		(at_most == 0 || shared->instructions <= at_most));
	rte_fastmem_free_bulk(objects, n);
}

/* With a socket that is made up: ordinary pages are of all sockets. */
static void
count_sockets(void)
{
	static void *fillers[MAX_FILLERS];
	unsigned int n = 0;
	uint64_t own, own_in_bulk;
	struct fastmem_arena *arena;
	int here, absent;
	void *one;

	if (!is_wanted("elsewhere") && !is_wanted("nobody"))
		return;
	fastmem_absent_sockets = 1;
	fastmem_socket_of_thread = told_socket;
	/* Single steps take long. */
	fastmem_refusal_min_us = UINT32_C(3600000000);
	fastmem_refusal_max_us = UINT32_C(3600000000);
	here = (int)rte_socket_id();
	told = here;
	if (rte_fastmem_init() != 0) {
		report("elsewhere", false);
		return;
	}
	arena = &fastmem_ctl()->arenas[fastmem_ctl()->n_sockets - 1];
	absent = arena->socket_id;
	own = rte_fastmem_set_limit(absent, 0) == 0 ? count_misses(here) : 0;
	bulk = 2;
	own_in_bulk = count_misses(here);
	bulk = 1;
	count_elsewhere("elsewhere_without_memory", absent, own);
	if (rte_fastmem_set_limit(absent, 4 << 20) != 0)
		own = 0;
	one = rte_fastmem_alloc_socket(LARGE, 0, 0, absent);
	while (n < MAX_FILLERS &&
			(fillers[n] = rte_fastmem_alloc_socket(FILLER, 0, 0, absent)) != NULL)
		n++;
	/* Something has come back since the last look for memory to spare, and is in use again. */
	fastmem_drain_undo(arena);
	count_elsewhere("elsewhere_at_limit", absent, n > 0 && n < MAX_FILLERS ? own : 0);
	busy = arena;
	count_elsewhere("elsewhere_at_limit_where_others_work", absent, own);
	rte_fastmem_free(one); /* to the thread's cache: half of what a call asks for */
	bulk = 2;
	count_elsewhere("elsewhere_in_bulk_at_limit", absent, one != NULL ? own_in_bulk : 0);
	bulk = 1;
	count_nobody();
	rte_fastmem_free_bulk(fillers, n);
	rte_fastmem_deinit();
}

static int
be_counted(int argc, char **argv)
{
	const struct rte_fastmem_pool_params params = {
		.name = "counts", .size = SIZE, .socket_id = SOCKET_ID_ANY,
	};
	unsigned int i;

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() != 0)
		return EXIT_FAILURE;
	pool = rte_fastmem_pool_create(&params);
	if (pool == NULL || rte_fastmem_hlookup(SIZE, 0, rte_socket_id(), &handle) != 0)
		return EXIT_FAILURE;
	for (i = 0; i < RTE_DIM(calls); i++)
		if (is_wanted(calls[i].name))
			count_call(&calls[i]);
	for (i = 0; i < RTE_DIM(loads); i++)
		if (is_wanted(loads[i].name))
			count_exchange(&loads[i]);
	rte_fastmem_pool_free(pool);
	rte_fastmem_deinit();
	count_sockets();
	printf("%u passed, %u failed\n", shared->passed, shared->failed);
	return shared->failed == 0 && shared->passed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/*
 * The parent's part.
 */

struct instruction {
	uint8_t bytes[16];
	unsigned int at; /* to be read next */
};

static uint8_t
next_byte(struct instruction *in)
{
	return in->at < sizeof(in->bytes) ? in->bytes[in->at++] : 0;
}

static int32_t
next_number(struct instruction *in, unsigned int bytes)
{
	uint32_t number = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		number |= (uint32_t)next_byte(in) << 8 * i;
	return bytes == 1 ? (int8_t)number : (int32_t)number;
}

static uint64_t
register_value(const struct user_regs_struct *r, unsigned int n)
{
	const uint64_t values[16] = {
		r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	};

	return values[n];
}

/* Bytes of what follows the address in the instructions that can be locked. */
static unsigned int
immediate_bytes(unsigned int opcode, bool is_short)
{
	switch (opcode) {
	case 0x80:
	case 0x83:
	case 0x0fba:
		return 1;
	case 0x81:
		return is_short ? 2 : 4;
	default:
		return 0;
	}
}

/*
 * The address that the instruction at r->rip reads, changes and writes in one step; 0 for all
 * others.
 */
static uint64_t
atomic_address(const struct user_regs_struct *r, struct instruction *in)
{
	unsigned int opcode, modrm, mod, rm, rex = 0;
	bool locked = false, is_short = false;
	uint64_t address = 0;

	for (;;) {
		opcode = next_byte(in);
		if (opcode == 0xf0)
			locked = true;
		else if (opcode == 0x66)
			is_short = true;
		else if (opcode == 0x64)
			address = r->fs_base;
		else if (opcode != 0xf2 && opcode != 0xf3 && opcode != 0x2e && opcode != 0x3e)
			break;
	}
	if ((opcode & 0xf0) == 0x40) {
		rex = opcode;
		opcode = next_byte(in);
	}
	if (!locked && opcode != 0x86 && opcode != 0x87)
		return 0;
	if (opcode == 0x0f)
		opcode = 0x0f00 | next_byte(in);
	modrm = next_byte(in);
	mod = modrm >> 6;
	rm = modrm & 7;
	if (mod == 3)
		return 0; /* xchg of two registers */
	if (rm == 4) {
		unsigned int sib = next_byte(in);
		unsigned int index = (sib >> 3 & 7) | (rex & 2) << 2;

		if (index != 4)
			address += register_value(r, index) << (sib >> 6);
		rm = sib & 7;
		if (rm == 5 && mod == 0)
			return address + next_number(in, 4);
	} else if (rm == 5 && mod == 0) {
		address += next_number(in, 4);
		return address + r->rip + in->at + immediate_bytes(opcode, is_short);
	}
	address += register_value(r, rm | (rex & 1) << 3);
	return address + (mod == 1 ? next_number(in, 1) : mod == 2 ? next_number(in, 4) : 0);
}

static bool
read_instruction(pid_t pid, uint64_t address, struct instruction *in)
{
	unsigned int i;

	in->at = 0;
	for (i = 0; i < sizeof(in->bytes); i += sizeof(long)) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKTEXT, pid, address + i, NULL);
		if (errno != 0 && i == 0)
			return false;
		memcpy(in->bytes + i, &word, sizeof(word));
	}
	return true;
}

static void
count_instruction(const struct user_regs_struct *r, struct instruction *in)
{
	uint64_t address = atomic_address(r, in);
	unsigned int i;

	shared->instructions++;
	if (address == 0)
		return;
	shared->locked++;
	/* pthread_setcancelstate() writes to the control block; a fence may be a write to the stack. */
	if ((address > r->rsp - 4096 && address < r->rsp + 4096) ||
			(address >= r->fs_base && address < r->fs_base + 4096))
		shared->in_thread++;
	for (i = 0; i < RTE_DIM(shared->depots); i++)
		if (address >= shared->depots[i].from && address < shared->depots[i].to)
			shared->in_depots++;
}

/* From one mark to the next. False: the process has ended. */
static bool
count_to_mark(pid_t pid)
{
	struct user_regs_struct r;
	struct instruction in;
	int status;

	shared->instructions = 0;
	shared->locked = 0;
	shared->in_depots = 0;
	shared->in_thread = 0;
	for (;;) {
		if (ptrace(PTRACE_GETREGS, pid, NULL, &r) != 0 || !read_instruction(pid, r.rip, &in))
			return false;
		if (in.bytes[0] == INT3)
			break;
		count_instruction(&r, &in);
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 ||
				waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			return false;
	}
	r.rip++; /* over the mark */
	return ptrace(PTRACE_SETREGS, pid, NULL, &r) == 0;
}

static int
count(pid_t pid)
{
	int status, sig;

	while (waitpid(pid, &status, __WALL) == pid) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return EXIT_FAILURE;
		sig = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		if (sig == 0 && shared->counting && !count_to_mark(pid))
			break;
		ptrace(PTRACE_CONT, pid, NULL, sig);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, __WALL);
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	pid_t pid;
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return EXIT_FAILURE;
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(SKIPPED);
		exit(be_counted(argc, argv));
	}
	ret = count(pid);
	if (ret == SKIPPED)
		printf("left out: processes cannot be traced here\n");
	return ret;
}
