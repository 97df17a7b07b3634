/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * test-gdb-program: what test_gdb.py looks at with gdb.
 *
 * It brings fastmem into a state of which it knows everything, and tells it on stdout, a fact
 * a line: "fact NAME VALUE". Then it says "stage NAME", and goes on when it reads a line. With
 * the argument "step" it does not wait, and calls burst(), which is then stepped through.
 * Functions that are looked for in stacks are not inlined.
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_fastmem_pool.h>
#include <rte_lcore.h>
#include <rte_rcu_qsbr.h>

#define LIVE_SIZE 100 /* of class 128 */
#define N_LIVE 10
#define DEPOT_SIZE 64
#define N_DEPOT 2000
#define THREAD_SIZE 320
#define SLAB_SIZE 1024
#define N_EXTERNAL 8
#define N_DEFERRED 3
#define SECONDARY_SIZE 448
#define N_SECONDARY 5
#define BURST_SIZE 40000 /* small magazines: few objects for many moves */
#define BURST_POOL_SIZE 256
#define N_KEPT 40
#define N_BURST 300

#define REQUIRE(what) do { \
	if (!(what)) \
		rte_exit(EXIT_FAILURE, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
} while (0)

/* What the stepping looks at: see test_gdb_step.py. */
void *kept[N_KEPT];
void *hand[N_BURST];
uint64_t n_hand;
struct rte_fastmem_pool *burst_pool;

static void
fact(const char *name, const void *obj)
{
	printf("fact %s %p\n", name, obj);
}

static void
number(const char *name, unsigned long n)
{
	printf("fact %s %lu\n", name, n);
}

static void
stage(const char *name)
{
	char line[16];

	printf("stage %s\n", name);
	fflush(stdout);
	REQUIRE(fgets(line, sizeof(line), stdin) != NULL);
}

static void *
alloc(size_t size)
{
	void *obj = rte_fastmem_alloc(size, 0, 0);

	REQUIRE(obj != NULL);
	return obj;
}

/* A thread that has freed an object into its cache, and lives on. */

static pthread_barrier_t thread_is_ready, thread_may_end;
static void *thread_obj;
static pid_t thread_tid;

static void *
hoard(void *arg)
{
	void *objs[3];
	unsigned int i;

	for (i = 0; i < RTE_DIM(objs); i++)
		objs[i] = alloc(THREAD_SIZE);
	for (i = 0; i < RTE_DIM(objs); i++)
		rte_fastmem_free(objs[i]);
	thread_obj = objs[1];
	thread_tid = rte_sys_gettid();
	pthread_barrier_wait(&thread_is_ready);
	pthread_barrier_wait(&thread_may_end);
	return arg;
}

static __rte_noinline void
have_live(void)
{
	static void *objs[N_LIVE];
	volatile unsigned int n = N_LIVE; /* so it is one place: the loop is not unrolled */
	unsigned int i;

	for (i = 0; i < n; i++)
		objs[i] = alloc(LIVE_SIZE);
	fact("live", objs[3]);
	number("live_count", N_LIVE);
}

/* One in the cache of this thread, one in the depot, one that never was in either. */
static __rte_noinline void
have_free(void)
{
	static void *objs[N_DEPOT];
	char *obj;
	unsigned int i;

	for (i = 0; i < N_DEPOT; i++)
		objs[i] = alloc(DEPOT_SIZE);
	for (i = 0; i < N_DEPOT; i++)
		rte_fastmem_free(objs[i]);
	fact("cached", objs[N_DEPOT - 1]);
	fact("depot", objs[0]);
	obj = alloc(SLAB_SIZE);
	/* The slots of a fresh slab are handed out from its beginning on. */
	fact("slab", obj + 40 * SLAB_SIZE);
}

static __rte_noinline void
have_pool(void)
{
	static const struct rte_fastmem_pool_params params = { .name = "conns", .size = 200,
		.header = 64, .min = 100, .max = 500, .socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	void *objs[7];

	REQUIRE(pool != NULL);
	REQUIRE(rte_fastmem_pool_get_bulk(pool, objs, RTE_DIM(objs)) == 0);
	rte_fastmem_pool_put(pool, objs[2]);
	fact("pool_live", objs[5]);
	fact("pool_free", objs[2]);
	number("pool_number", rte_fastmem_pool_index(pool, objs[5]));
	number("pool_count", RTE_DIM(objs) - 1);
}

static __rte_noinline void
have_external(void)
{
	static const struct rte_fastmem_pool_params params = { .name = "mine", .size = 64,
		.max = N_EXTERNAL, .flags = RTE_FASTMEM_POOL_F_EXTERNAL,
		.socket_id = SOCKET_ID_ANY };
	static char memory[N_EXTERNAL][64];
	struct rte_fastmem_pool *pool = rte_fastmem_pool_create(&params);
	void *objs[N_EXTERNAL];
	unsigned int i;

	REQUIRE(pool != NULL);
	for (i = 0; i < N_EXTERNAL; i++)
		objs[i] = memory[i];
	REQUIRE(rte_fastmem_pool_add(pool, objs, N_EXTERNAL) == 0);
	REQUIRE(rte_fastmem_pool_get_bulk(pool, objs, 3) == 0);
	rte_fastmem_pool_put(pool, objs[1]);
	fact("external_free", objs[1]);
	fact("external_live", objs[0]);
	number("external_count", 2);
}

static __rte_noinline void
have_deferred(void)
{
	struct rte_fastmem_pool_params params = { .name = "readers", .size = 64, .max = 100,
		.socket_id = SOCKET_ID_ANY };
	struct rte_fastmem_pool *pool;
	void *objs[N_DEFERRED];

	params.qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE,
			RTE_ALIGN_CEIL(rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE));
	REQUIRE(params.qsbr != NULL && rte_rcu_qsbr_init(params.qsbr, 1) == 0);
	REQUIRE(rte_rcu_qsbr_thread_register(params.qsbr, 0) == 0);
	rte_rcu_qsbr_thread_online(params.qsbr, 0);
	pool = rte_fastmem_pool_create(&params);
	REQUIRE(pool != NULL);
	REQUIRE(rte_fastmem_pool_get_bulk(pool, objs, N_DEFERRED) == 0);
	REQUIRE(rte_fastmem_pool_put_deferred(pool, objs, N_DEFERRED) == 0);
	fact("deferred", objs[1]);
}

/* A secondary process: this program with the same EAL options. */

static FILE *secondary_says;
static int secondary_waits; /* for this to be closed */

static char **eal_args; /* with room for more */
static int n_eal_args;

/* Before EAL changes them. */
static void
save_args(int argc, char **argv)
{
	eal_args = calloc(argc + 4, sizeof(eal_args[0]));
	while (n_eal_args < argc && strcmp(argv[n_eal_args], "--") != 0) {
		eal_args[n_eal_args] = argv[n_eal_args];
		n_eal_args++;
	}
}

static void
secondary_start(void)
{
	static char type[] = "--proc-type=secondary", end[] = "--", role[] = "secondary";
	int in[2], out[2];

	REQUIRE(pipe(in) == 0 && pipe(out) == 0);
	eal_args[n_eal_args] = type;
	eal_args[n_eal_args + 1] = end;
	eal_args[n_eal_args + 2] = role;
	if (fork() == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		execv("/proc/self/exe", eal_args);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	secondary_waits = in[1];
	secondary_says = fdopen(out[0], "r");
}

/* Pass on what it says, up to its stage. */
static void
secondary_facts(void)
{
	char line[256];

	while (fgets(line, sizeof(line), secondary_says) != NULL) {
		if (strncmp(line, "stage ", 6) == 0)
			return;
		if (strncmp(line, "fact ", 5) == 0)
			fputs(line, stdout);
	}
	rte_exit(EXIT_FAILURE, "the secondary has ended\n");
}

static void
be_secondary(void)
{
	void *objs[N_SECONDARY + 1];
	unsigned int i;

	for (i = 0; i < RTE_DIM(objs); i++)
		objs[i] = alloc(SECONDARY_SIZE);
	rte_fastmem_free(objs[2]);
	number("secondary_pid", getpid());
	fact("secondary_free", objs[2]);
	fact("secondary_live", objs[4]);
	stage("ready");
}

static void
dump(void)
{
	printf("dump begins\n");
	rte_fastmem_dump(stdout);
	printf("dump ends\n");
}

static __rte_noinline void
be_looked_at(void)
{
	pthread_t thread;

	/* gdb need be no parent of this. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	number("pid", getpid());
	stage("uninitialised");
	REQUIRE(rte_fastmem_init() == 0);
	stage("initialised");
	have_live();
	have_free();
	have_pool();
	have_external();
	have_deferred();
	fact("stack", &thread);
	pthread_barrier_init(&thread_is_ready, NULL, 2);
	pthread_barrier_init(&thread_may_end, NULL, 2);
	REQUIRE(pthread_create(&thread, NULL, hoard, NULL) == 0);
	pthread_barrier_wait(&thread_is_ready);
	fact("thread_free", thread_obj);
	fact("tail", (char *)((uintptr_t)thread_obj | 0xffff));
	number("thread_tid", thread_tid);
	number("tid", rte_sys_gettid());
	if (rte_eal_has_hugepages()) {
		secondary_start();
		secondary_facts();
	}
	dump();
	stage("busy");
	pthread_barrier_wait(&thread_may_end);
	pthread_join(thread, NULL);
	if (secondary_says != NULL) {
		close(secondary_waits);
		wait(NULL);
	}
	rte_fastmem_deinit();
	stage("over");
}

/* Each object is in hand before it is counted there, and not any more when it is freed. */
static __rte_noinline void
burst(void)
{
	unsigned int i;

	for (i = 0; i < N_BURST; i++) {
		hand[i] = burst_pool != NULL ? rte_fastmem_pool_get(burst_pool) : alloc(BURST_SIZE);
		REQUIRE(hand[i] != NULL);
		rte_atomic_store_explicit(&n_hand, i + 1, rte_memory_order_relaxed);
	}
	while (i-- > 0) {
		rte_atomic_store_explicit(&n_hand, i, rte_memory_order_relaxed);
		if (burst_pool != NULL)
			rte_fastmem_pool_put(burst_pool, hand[i]);
		else
			rte_fastmem_free(hand[i]);
	}
	rte_fastmem_cache_flush();
}

static void
be_stepped(bool with_pool)
{
	static const struct rte_fastmem_pool_params params = { .name = "burst",
		.size = BURST_POOL_SIZE, .max = 2 * N_BURST, .cache_size = 32,
		.socket_id = SOCKET_ID_ANY };
	unsigned int i;

	REQUIRE(rte_fastmem_init() == 0);
	if (with_pool) {
		burst_pool = rte_fastmem_pool_create(&params);
		REQUIRE(burst_pool != NULL);
	}
	for (i = 0; i < N_KEPT; i++) {
		kept[i] = with_pool ? rte_fastmem_pool_get(burst_pool) : alloc(BURST_SIZE);
		REQUIRE(kept[i] != NULL);
	}
	burst();
}

int
main(int argc, char **argv)
{
	const char *role;
	int n;

	save_args(argc, argv);
	n = rte_eal_init(argc, argv);
	if (n < 0)
		return EXIT_FAILURE;
	role = n + 1 < argc ? argv[n + 1] : "";
	if (strcmp(role, "secondary") == 0)
		be_secondary();
	else if (strncmp(role, "step", 4) == 0)
		be_stepped(strcmp(role, "step_pool") == 0);
	else
		be_looked_at();
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
