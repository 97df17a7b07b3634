/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Call stacks: the same one has the same number, in print it names functions, files and
 * lines, in any process, and nothing that is wrong with a stack does harm.
 *
 * This file is compiled with debug information, in all builds.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastmem_stack_private.h"
#include "fastmem_unwind.h"
#include "test_calls.h"
#include "test_fastmem.h"

/* Neither inlined, nor left by a jump, nor made into several functions. */
#ifdef __clang__
#define A_FRAME __rte_noinline
#define ONE_COPY __attribute__((optnone, noinline))
#else
#define A_FRAME __attribute__((noinline, noclone, noipa))
#define ONE_COPY __attribute__((optimize("O0")))
#endif
#define STAY() asm volatile("" ::: "memory")
/* ONE_COPY is for loops: each of their calls is in one place of the code, not in several. */

static unsigned int site_line; /* of the last capture. Atomic: threads set it at once */
#define NOTE_LINE() rte_atomic_store_explicit(&site_line, __LINE__, rte_memory_order_relaxed)

static A_FRAME uint32_t
one_site(void)
{
	uint32_t id = fastmem_stack_capture(); NOTE_LINE();

	STAY();
	return id;
}

static A_FRAME uint32_t
other_site(void)
{
	uint32_t id = fastmem_stack_capture(); NOTE_LINE();

	STAY();
	return id;
}

static A_FRAME uint32_t
through_here(uint32_t (*site)(void))
{
	uint32_t id = site();

	STAY();
	return id;
}

static A_FRAME uint32_t
through_there(uint32_t (*site)(void))
{
	uint32_t id = site();

	STAY();
	return id;
}

/* What is printed of a stack. */
static char text[16384];

static const char *
printed(uint32_t id)
{
	FILE *f = fmemopen(text, sizeof(text), "w");

	fastmem_stack_print(f, id, "> ");
	fclose(f);
	return text;
}

/* The line of frame number n in text, without its end; "" if there is none. */
static const char *
printed_frame(unsigned int n)
{
	static char line[1024];
	char begin[16];
	const char *found;

	snprintf(begin, sizeof(begin), "> #%u ", n);
	found = strstr(text, begin);
	if (found == NULL)
		return "";
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(found, "\n"), found);
	return line;
}

/* A line names function, file and line; and also the module, unless it is inlined. */
static bool
names(const char *printed, const char *function, unsigned int line)
{
	char begin[128], place[64];

	snprintf(begin, sizeof(begin), " %s ", function);
	snprintf(place, sizeof(place), "test_fastmem_stack.c:%u (", line);
	return strstr(printed, begin) != NULL && strstr(printed, place) != NULL;
}

/* Numbers. */

static ONE_COPY int
a_stack_has_one_number(void)
{
	uint32_t first = 0, id;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		id = through_here(one_site);
		TEST_ASSERT(id != FASTMEM_STACK_NONE && id != FASTMEM_STACK_MANY);
		TEST_ASSERT(id <= UINT16_MAX);
		if (i == 0)
			first = id;
		TEST_ASSERT_EQUAL(id, first, "at the %uth time", i);
	}
	return TEST_SUCCESS;
}

static int
other_stacks_have_other_numbers(void)
{
	uint32_t ids[4];
	unsigned int round, i, k;

	for (round = 0; round < 3; round++) {
		ids[0] = through_here(one_site);
		ids[1] = through_here(other_site);
		ids[2] = through_there(one_site);
		ids[3] = through_here(one_site); /* called from elsewhere */
		for (i = 0; i < RTE_DIM(ids); i++)
			for (k = 0; k < i; k++)
				TEST_ASSERT(ids[i] != ids[k], "%u and %u", i, k);
	}
	return TEST_SUCCESS;
}

static ONE_COPY int
frames_go_from_the_caller_outwards(void)
{
	struct fastmem_stack_frame a[FASTMEM_STACK_MAX_DEPTH], b[FASTMEM_STACK_MAX_DEPTH];
	uint32_t ids[2];
	unsigned int i, n;

	for (i = 0; i < 2; i++)
		ids[i] = (i == 0 ? through_here : through_there)(one_site);
	n = fastmem_stack_frames(ids[0], a, RTE_DIM(a));
	TEST_ASSERT(n >= 4, "%u", n);
	TEST_ASSERT_EQUAL(fastmem_stack_frames(ids[1], b, RTE_DIM(b)), n);
	for (i = 0; i < n; i++) {
		TEST_ASSERT(a[i].module != NULL);
		TEST_ASSERT(strcmp(a[i].module, b[i].module) == 0);
		/* They differ in where they have come through; and they were called in one place. */
		TEST_ASSERT((a[i].offset == b[i].offset) == (i != 1), "frame %u", i);
	}
	/* As many as there is room for are written. */
	memset(b, 0, sizeof(b));
	TEST_ASSERT_EQUAL(fastmem_stack_frames(ids[0], b, 2), n);
	TEST_ASSERT(b[1].offset == a[1].offset && b[2].module == NULL);
	return TEST_SUCCESS;
}

static int
the_depth_can_be_set(void)
{
	static const unsigned int depths[] = { 3, 1, 0, 5, 100 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(depths); i++) {
		unsigned int d = depths[i] == 0 ? 1 : depths[i], n;

		fastmem_stack_set_depth(depths[i]);
		n = fastmem_stack_frames(through_here(one_site), NULL, 0);
		fastmem_stack_set_depth(FASTMEM_STACK_DEPTH);
		/* There are more than five frames, and how many more depends on the C library. */
		TEST_ASSERT(d <= 5 ? n == d : n > 5 && n <= FASTMEM_STACK_MAX_DEPTH, "%u", n);
	}
	return TEST_SUCCESS;
}

static ONE_COPY int
there_is_no_stack_without_fastmem(void)
{
	unsigned int i;
	uint32_t id;
	char line[64];

	for (i = 0; i < 3; i++) {
		id = one_site();
		/* What this process knew of before is not taken for what there is. */
		TEST_ASSERT(fastmem_stack_frames(id, NULL, 0) > 2);
		TEST_ASSERT(names(printed(id), "one_site", site_line), "%s", text);
		rte_fastmem_deinit();
		TEST_ASSERT_EQUAL(one_site(), FASTMEM_STACK_NONE);
		TEST_ASSERT_EQUAL(fastmem_stack_frames(id, NULL, 0), 0);
		printed(id);
		TEST_ASSERT(fastmem_stack_site(id, line, sizeof(line)) > 0);
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
		TEST_ASSERT_EQUAL(fastmem_stack_frames(id, NULL, 0), 0);
	}
	return TEST_SUCCESS;
}

/* 2^n ways to come here. */
static A_FRAME uint32_t
many_ways(unsigned int n, unsigned int way)
{
	uint32_t id;

	if (n == 0) {
		id = fastmem_stack_capture();
		STAY();
	} else if (way & 1) {
		asm volatile("/* the one */" ::: "memory");
		id = many_ways(n - 1, way >> 1);
		asm volatile("/* the one */" ::: "memory");
	} else {
		asm volatile("/* the other */" ::: "memory");
		id = many_ways(n - 1, way >> 1);
		asm volatile("/* the other */" ::: "memory");
	}
	return id;
}

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static ONE_COPY int
too_many_stacks_are_no_failure(void)
{
	const unsigned int log2 = 15, n = 1u << log2;
	uint32_t *ids = calloc(n, sizeof(ids[0]));
	unsigned int i, kept = 0, same = 0, changed = 0;
	char line[64];

	TEST_ASSERT(ids != NULL);
	fastmem_stack_set_depth(FASTMEM_STACK_MAX_DEPTH);
	for (i = 0; i < n; i++)
		ids[i] = many_ways(log2, i);
	for (i = 0; i < n; i++)
		changed += many_ways(log2, i) != ids[i];
	fastmem_stack_set_depth(FASTMEM_STACK_DEPTH);
	for (i = 0; i < n && ids[i] != FASTMEM_STACK_MANY; i++)
		kept++;
	qsort(ids, n, sizeof(ids[0]), compare_ids);
	for (i = 1; i < kept; i++)
		same += ids[i] == ids[i - 1];
	free(ids);
	TEST_ASSERT_EQUAL(kept, FASTMEM_STACK_MAX);
	TEST_ASSERT_EQUAL(same, 0);
	TEST_ASSERT_EQUAL(changed, 0);
	TEST_ASSERT_EQUAL(through_there(other_site), FASTMEM_STACK_MANY);
	TEST_ASSERT_EQUAL(fastmem_stack_frames(FASTMEM_STACK_MANY, NULL, 0), 0);
	TEST_ASSERT(fastmem_stack_site(FASTMEM_STACK_MANY, line, sizeof(line)) > 0);
	TEST_ASSERT(strstr(line, "too many") != NULL, "%s", line);
	return TEST_SUCCESS;
}

/* Print. */

static int
print_names_function_and_line(void)
{
	uint32_t id = through_here(one_site);

	printed(id);
	TEST_ASSERT(names(printed_frame(0), "one_site", site_line), "%s", text);
	TEST_ASSERT(strstr(printed_frame(1), " through_here ") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed_frame(2), " print_names_function_and_line ") != NULL,
		"%s", text);
	return TEST_SUCCESS;
}

static unsigned int inner_line, outer_line;

static __rte_always_inline uint32_t
inner(void)
{
	uint32_t id = fastmem_stack_capture(); inner_line = __LINE__;

	STAY();
	return id;
}

static __rte_always_inline uint32_t
outer(void)
{
	uint32_t id = inner(); outer_line = __LINE__;

	STAY();
	return id;
}

static int
inlined_calls_are_lines_of_their_own(void)
{
	uint32_t id = outer(); unsigned int line = __LINE__;

	printed(id);
	TEST_ASSERT(names(printed_frame(0), "inner", inner_line), "%s", text);
	TEST_ASSERT(strstr(printed_frame(0), "(inlined)") != NULL, "%s", text);
	TEST_ASSERT(names(printed_frame(1), "outer", outer_line), "%s", text);
	TEST_ASSERT(names(printed_frame(2), __func__, line), "%s", text);
	return TEST_SUCCESS;
}

static int
a_site_is_one_line(void)
{
	char line[256], wanted[64];
	uint32_t id = one_site();
	int n = fastmem_stack_site(id, line, sizeof(line));

	TEST_ASSERT_EQUAL(n, strlen(line));
	TEST_ASSERT(strchr(line, '\n') == NULL);
	snprintf(wanted, sizeof(wanted), "test_fastmem_stack.c:%u", site_line);
	TEST_ASSERT(strncmp(line, "one_site ", 9) == 0, "%s", line);
	TEST_ASSERT(strcmp(line + n - strlen(wanted), wanted) == 0, "%s", line);
	/* As snprintf(). */
	TEST_ASSERT_EQUAL(fastmem_stack_site(id, line, 5), n);
	TEST_ASSERT(strcmp(line, "one_") == 0, "%s", line);
	return TEST_SUCCESS;
}

static A_FRAME uint32_t
fastmem_inside(void)
{
	uint32_t id = fastmem_stack_capture();

	STAY();
	return id;
}

static A_FRAME uint32_t
rte_fastmem_entry(void)
{
	uint32_t id = fastmem_inside();

	STAY();
	return id;
}

static __rte_always_inline uint32_t
rte_fastmem_inlined(void)
{
	uint32_t id = rte_fastmem_entry();

	STAY();
	return id;
}

/* Known by their names, where the library is a part of the program. */
static int
functions_of_the_library_are_left_out(void)
{
	uint32_t id = rte_fastmem_inlined(); unsigned int line = __LINE__;
	char site[256], wanted[64];

	printed(id);
	TEST_ASSERT(names(printed_frame(0), __func__, line), "%s", text);
	TEST_ASSERT(strstr(text, "rte_fastmem_") == NULL, "%s", text);
	fastmem_stack_site(id, site, sizeof(site));
	snprintf(wanted, sizeof(wanted), "test_fastmem_stack.c:%u", line);
	TEST_ASSERT(strncmp(site, __func__, strlen(__func__)) == 0, "%s", site);
	TEST_ASSERT(strstr(site, wanted) != NULL, "%s", site);
	return TEST_SUCCESS;
}

#define N_SITES 700

struct sites {
	unsigned int n, wrong;
	char lines[2][64]; /* their ends, by turns */
};

static void
check_site(void *arg, unsigned int i, const char *site)
{
	struct sites *s = arg;
	const char *function = i % 7 == 6 ? "(not known)" : i % 2 ? "other_site " : "one_site ";

	s->wrong += i != s->n++ || strncmp(site, function, strlen(function)) != 0 ||
		(i % 7 != 6 && strstr(site, s->lines[i % 2]) == NULL);
}

static int
many_sites_are_found_at_once(void)
{
	const int patience = fastmem_symbol_patience_ms;
	uint32_t ids[N_SITES], both[2];
	struct sites s = { 0 };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		both[i] = i == 0 ? through_there(one_site) : through_there(other_site);
		snprintf(s.lines[i], sizeof(s.lines[i]), "test_fastmem_stack.c:%u", site_line);
	}
	for (i = 0; i < N_SITES; i++)
		ids[i] = i % 7 == 6 ? FASTMEM_STACK_NONE : both[i % 2];
	fastmem_symbol_patience_ms = 20000;
	fastmem_stack_sites(ids, N_SITES, check_site, &s);
	fastmem_symbol_patience_ms = patience;
	TEST_ASSERT_EQUAL(s.n, N_SITES);
	TEST_ASSERT_EQUAL(s.wrong, 0);
	return TEST_SUCCESS;
}

static int
no_number_is_printed_as_such(void)
{
	TEST_ASSERT(strcmp(printed(FASTMEM_STACK_NONE), "> (not known)\n") == 0, "%s", text);
	TEST_ASSERT(strstr(printed(FASTMEM_STACK_MANY), "too many") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed(1u << 20), "not there") != NULL, "%s", text);
	return TEST_SUCCESS;
}

/* As where the time is up, or the file is gone. */
static int
without_the_file_there_are_exported_functions(void)
{
	const int patience = fastmem_symbol_patience_ms;
	uint32_t id = one_site();

	fastmem_symbol_patience_ms = 0;
	printed(id);
	fastmem_symbol_patience_ms = patience;
	TEST_ASSERT(strstr(printed_frame(0), "fastmem-test") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed_frame(0), "+0x") != NULL, "%s", text);
	/* Some frame is of the C library, whose functions the dynamic linker knows. */
	TEST_ASSERT(strstr(text, "__libc_start_main") != NULL, "%s", text);
	return TEST_SUCCESS;
}

/* Threads. */

static int
stack_of_thread(void *arg)
{
	*(uint32_t *)arg = one_site();
	return TEST_SUCCESS;
}

static int
any_thread_has_stacks(void)
{
	enum worker_kind kinds[] = { WORKER_LCORE, WORKER_PTHREAD, WORKER_REGISTERED,
		WORKER_CONTROL };
	unsigned int i;

	for (i = 0; i < RTE_DIM(kinds); i++) {
		uint32_t id = FASTMEM_STACK_NONE;
		struct worker w = { .kind = kinds[i], .run = stack_of_thread, .arg = &id };

		if (kinds[i] == WORKER_LCORE && workers_lcores() == 0)
			continue;
		TEST_CALL(workers_run(&w, 1));
		printed(id);
		TEST_ASSERT(names(printed_frame(0), "one_site", site_line), "%s", text);
		TEST_ASSERT(strstr(printed_frame(1), " stack_of_thread ") != NULL, "%s", text);
	}
	return TEST_SUCCESS;
}

static A_FRAME uint32_t
from_many_sites(unsigned int i)
{
	uint32_t id;

	switch (i % 4) {
	case 0: id = through_here(one_site); break;
	case 1: id = through_there(one_site); break;
	case 2: id = through_here(other_site); break;
	default: id = through_there(other_site); break;
	}
	STAY();
	return id;
}

static ONE_COPY int
stacks_of_thread(void *arg)
{
	uint32_t *ids = arg;
	unsigned int i, round;

	for (round = 0; round < 200; round++) {
		for (i = 0; i < 4; i++) {
			uint32_t id = from_many_sites(i);

			TEST_ASSERT(id != FASTMEM_STACK_NONE);
			if (round == 0)
				ids[i] = id;
			TEST_ASSERT_EQUAL(id, ids[i]);
		}
	}
	return TEST_SUCCESS;
}

static int
threads_agree_on_numbers(void)
{
	struct worker workers[8];
	uint32_t ids[RTE_DIM(workers)][4];
	unsigned int i, k;

	memset(workers, 0, sizeof(workers));
	for (i = 0; i < RTE_DIM(workers); i++)
		workers[i] = (struct worker){ .kind = WORKER_PTHREAD, .run = stacks_of_thread,
			.arg = ids[i] };
	TEST_CALL(workers_run(workers, RTE_DIM(workers)));
	for (i = 1; i < RTE_DIM(workers); i++)
		for (k = 0; k < 4; k++)
			TEST_ASSERT_EQUAL(ids[i][k], ids[0][k]);
	return TEST_SUCCESS;
}

static void *
print_in_thread(void *arg)
{
	printed(*(uint32_t *)arg);
	return NULL;
}

static int
a_small_stack_is_enough_to_print(void)
{
	const size_t size = RTE_MAX((size_t)64 << 10, (size_t)PTHREAD_STACK_MIN);
	uint32_t id = one_site();
	pthread_attr_t attr;
	pthread_t thread;

	TEST_ASSERT_EQUAL(pthread_attr_init(&attr), 0);
	TEST_ASSERT_EQUAL(pthread_attr_setstacksize(&attr, size), 0);
	TEST_ASSERT_EQUAL(pthread_create(&thread, &attr, print_in_thread, &id), 0);
	TEST_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	TEST_ASSERT(names(printed_frame(0), "one_site", site_line), "%s", text);
	return TEST_SUCCESS;
}

/* Code that comes and goes. */

/* The path of what is built beside this program. */
static int
beside_program(char *path, size_t size, const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, size);

	TEST_ASSERT(n > 0 && n + strlen(name) < size);
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	return TEST_SUCCESS;
}

/* The stack of a call through a plugin, which is unloaded again. */
static ONE_COPY int
stack_through_plugin(const char *path, uint32_t *id)
{
	uint32_t (*plugin)(uint32_t (*)(void));
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	TEST_ASSERT(handle != NULL, "%s", dlerror());
	*(void **)&plugin = dlsym(handle, "plugin");
	TEST_ASSERT(plugin != NULL);
	*id = plugin(one_site);
	TEST_ASSERT_EQUAL(dlclose(handle), 0);
	return TEST_SUCCESS;
}

static ONE_COPY int
code_in_the_place_of_other_code_is_not_mistaken_for_it(void)
{
	static const char *const names[] = { "one", "two" };
	struct fastmem_stack_frame frames[3];
	uint32_t ids[6];
	unsigned int i;

	for (i = 0; i < RTE_DIM(ids); i++) {
		char file[64], function[64], path[PATH_MAX];

		snprintf(file, sizeof(file), "test_stack_plugin_%s.so", names[i % 2]);
		snprintf(function, sizeof(function), " in_plugin_%s ", names[i % 2]);
		TEST_CALL(beside_program(path, sizeof(path), file));
		TEST_CALL(stack_through_plugin(path, &ids[i]));
		TEST_ASSERT(fastmem_stack_frames(ids[i], frames, RTE_DIM(frames)) > 4);
		TEST_ASSERT(strstr(frames[1].module, file) != NULL, "%s", frames[1].module);
		printed(ids[i]);
		TEST_ASSERT(strstr(printed_frame(1), function) != NULL, "%s", text);
		TEST_ASSERT(strstr(printed_frame(2), " plugin ") != NULL, "%s", text);
		TEST_ASSERT(strstr(printed_frame(3), " stack_through_plugin ") != NULL,
			"%s", text);
		if (i >= 2)
			TEST_ASSERT_EQUAL(ids[i], ids[i - 2], "in another life");
	}
	return TEST_SUCCESS;
}

#ifndef __clang__
/* Where an inlined function is defined is told in another unit than where it is inlined. */
static ONE_COPY int
inlined_calls_are_found_after_link_time_optimisation(void)
{
	char path[PATH_MAX];
	uint32_t id;

	TEST_CALL(beside_program(path, sizeof(path), "test_stack_plugin_lto.so"));
	TEST_CALL(stack_through_plugin(path, &id));
	printed(id);
	TEST_ASSERT(strstr(printed_frame(1), " inlined_in_plugin /") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed_frame(1), "/test_stack_plugin.c:") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed_frame(1), " (inlined)") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed_frame(2), " in_plugin_lto /") != NULL, "%s", text);
	TEST_ASSERT(strstr(printed_frame(2), "/test_stack_plugin.c:") != NULL, "%s", text);
	return TEST_SUCCESS;
}
#endif

/* Run a command. Returns whether it has succeeded. */
static int __rte_format_printf(1, 2)
shell(const char *format, ...)
{
	char *command;
	va_list args;
	int ret;

	va_start(args, format);
	ret = vasprintf(&command, format, args);
	va_end(args);
	TEST_ASSERT(ret >= 0);
	ret = system(command);
	TEST_ASSERT_EQUAL(ret, 0, "%s", command);
	free(command);
	return TEST_SUCCESS;
}

/*
 * Its debug information is in a file of its own, and is not there at last. Another file is where it
 * was first.
 */
static ONE_COPY int
a_stripped_file_has_lines_if_its_debug_file_is_found(void)
{
	static const char *const places[] = { "p.debug", ".debug/p.debug", "away" };
	char folder[] = "/tmp/fastmem-test-XXXXXX", from[PATH_MAX], path[64];
	char other[PATH_MAX];
	uint32_t id;
	unsigned int i;

	TEST_CALL(beside_program(from, sizeof(from), "test_stack_plugin_one.so"));
	TEST_CALL(beside_program(other, sizeof(other), "test_stack_plugin_two.so"));
	TEST_ASSERT(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/p.so", folder);
	TEST_CALL(shell("cd %s && mkdir .debug && objcopy --only-keep-debug %s p.debug && "
		"objcopy --strip-all --add-gnu-debuglink=p.debug %s p.so", folder, from, from));
	TEST_CALL(stack_through_plugin(path, &id));
	for (i = 0; i < RTE_DIM(places); i++) {
		bool found = i + 1 < RTE_DIM(places);

		if (i > 0)
			TEST_CALL(shell("cd %s && mv %s %s", folder, places[i - 1], places[i]));
		if (i == 1)
			TEST_CALL(shell("cd %s && objcopy --only-keep-debug %s p.debug", folder,
				other));
		printed(id);
		TEST_ASSERT((strstr(printed_frame(1), " in_plugin_one /") != NULL) == found,
			"%s", text);
		TEST_ASSERT((strstr(printed_frame(1), "/test_stack_plugin.c:") != NULL) == found,
			"%s", text);
		TEST_ASSERT(strstr(printed_frame(1), "p.so+0x") != NULL, "%s", text);
		TEST_ASSERT(strstr(printed_frame(2), found ? " plugin /" : " plugin+0x") != NULL,
			"%s", text);
	}
	return shell("rm -r %s", folder);
}

/* What programs that are executed meanwhile have nothing of. */
static ONE_COPY int
files_that_names_are_read_from_are_closed_on_exec(void)
{
	uint32_t id = one_site();
	struct fastmem_symbols *s = fastmem_symbols_make(&id, 1);
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		char link[64], path[PATH_MAX];
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, path, sizeof(path) - 1);
		if (len < 0)
			continue;
		path[len] = '\0';
		if (strstr(path, "/dpdk-fastmem-test") == NULL && strstr(path, "/libc.so") == NULL &&
				strncmp(path, "/usr/lib/debug/", 15) != 0)
			continue;
		n++;
		TEST_ASSERT(fcntl(fd, F_GETFD) == FD_CLOEXEC, "%s", path);
	}
	fastmem_symbols_free(s);
	TEST_ASSERT(n > 0);
	return TEST_SUCCESS;
}

/* Another file is at the path of a module meanwhile: its lines would be wrong. */
static ONE_COPY int
a_file_that_has_changed_is_not_read(void)
{
	char folder[] = "/tmp/fastmem-test-XXXXXX", one[PATH_MAX], two[PATH_MAX], path[64];
	uint32_t id;

	TEST_CALL(beside_program(one, sizeof(one), "test_stack_plugin_one.so"));
	TEST_CALL(beside_program(two, sizeof(two), "test_stack_plugin_two.so"));
	TEST_ASSERT(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/p.so", folder);
	TEST_CALL(shell("cp %s %s", one, path));
	TEST_CALL(stack_through_plugin(path, &id));
	TEST_ASSERT(strstr(printed(id), " in_plugin_one ") != NULL, "%s", text);
	TEST_CALL(shell("cp %s %s", two, path));
	printed(id);
	TEST_ASSERT(strncmp(printed_frame(1), "> #1 p.so+0x", 12) == 0, "%s", text);
	return shell("rm -r %s", folder);
}

static void
do_nothing(void *arg)
{
	RTE_SET_USED(arg);
}

/* ThreadSanitizer lets no child of fork() start a thread: there it looks up no names. */
static int
a_look_up_in_a_forked_child_does_no_harm(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		alarm(20); /* it may wait for good rather than end */
		fastmem_look_up_in_thread(do_nothing, NULL);
		_exit(0);
	}
	TEST_ASSERT(pid > 0);
	TEST_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	TEST_ASSERT_EQUAL(status, 0);
	return TEST_SUCCESS;
}

static int
print_in_linker(struct dl_phdr_info *info, size_t size, void *arg)
{
	RTE_SET_USED(info);
	RTE_SET_USED(size);
	printed(*(uint32_t *)arg);
	return 1;
}

/* The file of the plugin is gone, so that the dynamic linker is asked for its functions. */
static int
who_has_the_lock_of_the_dynamic_linker_can_print(void)
{
	char folder[] = "/tmp/fastmem-test-XXXXXX", one[PATH_MAX], path[64];
	uint32_t id;

	TEST_CALL(beside_program(one, sizeof(one), "test_stack_plugin_one.so"));
	TEST_ASSERT(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/p.so", folder);
	TEST_CALL(shell("cp %s %s", one, path));
	TEST_CALL(stack_through_plugin(path, &id));
	TEST_CALL(shell("rm -r %s", folder));
	dl_iterate_phdr(print_in_linker, &id);
	TEST_ASSERT(names(printed_frame(0), "one_site", site_line), "%s", text);
	TEST_ASSERT(strncmp(printed_frame(1), "> #1 p.so+0x", 12) == 0, "%s", text);
	return TEST_SUCCESS;
}

/* Damage. */

/* Another value for a word of this frame, or of those above it, while a stack is taken. */
FASTMEM_UNCHECKED static A_FRAME uint32_t
with_word(unsigned int n, uintptr_t value)
{
	uintptr_t *word = (uintptr_t *)__rte_frame_address() + n;
	uintptr_t old = rte_atomic_load_explicit(word, rte_memory_order_relaxed);
	uint32_t id;

	rte_atomic_store_explicit(word, value, rte_memory_order_relaxed);
	STAY();
	id = one_site();
	STAY();
	rte_atomic_store_explicit(word, old, rte_memory_order_relaxed);
	return id;
}

/*
 * The first words are the frame pointer of this function, which leads to the next frame, and
 * the return address into it; on arm64, its own registers follow. Those above are of the functions that
 * run the tests.
 */
static A_FRAME int
a_damaged_stack_does_no_harm(void)
{
	uintptr_t *frame = __rte_frame_address();
	uintptr_t values[] = { 0, 1, 8, 4096, UINTPTR_MAX, UINTPTR_MAX - 7, UINTPTR_MAX - 15,
		(uintptr_t)one_site + 8, (uintptr_t)frame, (uintptr_t)(frame - 100),
		(uintptr_t)frame + 4, (uintptr_t)frame + (64 << 20), (uintptr_t)&suite_stack,
		UINT64_C(0x7fffffffffff), UINT64_C(0x7ffffffffff8), UINT64_C(0xdeadbeefdeadbee8) };
	unsigned int i, k;

	for (i = 0; i < 80; i++) {
		for (k = 0; k < RTE_DIM(values); k++) {
			uint32_t id = with_word(i, values[k]);

			TEST_ASSERT(id != FASTMEM_STACK_NONE);
			/* This far there is no damage. */
			TEST_ASSERT(fastmem_stack_frames(id, NULL, 0) >= 2);
		}
	}
	return TEST_SUCCESS;
}

/* Processes. */

static int64_t
call_capture(const uint64_t *args)
{
	RTE_SET_USED(args);
	return through_there(one_site);
}

static int64_t
call_prints_well(const uint64_t *args)
{
	char function[32];

	snprintf(function, sizeof(function), "%s", args[2] ? "other_site" : "one_site");
	return names(printed(args[0]), function, args[1]);
}

static int64_t
call_site_line(const uint64_t *args)
{
	RTE_SET_USED(args);
	return site_line;
}

const remote_t stack_calls[] = { call_capture, call_prints_well, call_site_line, NULL };

static struct process second;

static int
processes_up(void)
{
	TEST_CALL(fastmem_up());
	return process_start(&second);
}

static int
processes_down(void)
{
	if (second.pid != 0)
		TEST_CALL(process_stop(&second));
	return fastmem_down();
}

static void
processes_end(void)
{
	processes_rescue();
	second.pid = 0;
	rte_fastmem_maintain();
	fastmem_rescue();
}

static int
a_stack_of_a_dead_process_is_printed_here(void)
{
	int64_t id = ASK(&second, call_capture), line = ASK(&second, call_site_line);

	TEST_ASSERT(id > 0 && id < FASTMEM_STACK_MANY, "%" PRId64, id);
	TEST_CALL(process_kill(&second));
	TEST_ASSERT(names(printed(id), "one_site", line), "%s", text);
	TEST_ASSERT(strstr(printed_frame(2), " call_capture ") != NULL, "%s", text);
	return TEST_SUCCESS;
}

static int
a_stack_of_the_primary_is_printed_there(void)
{
	uint32_t id = through_here(other_site);

	TEST_ASSERT_EQUAL(ASK(&second, call_prints_well, id, site_line, true), true);
	return TEST_SUCCESS;
}

static int
processes_at_other_addresses_have_the_same_numbers(void)
{
	struct process third;
	int64_t a, b;

	TEST_CALL(process_start(&third));
	a = ASK(&second, call_capture);
	b = ASK(&third, call_capture);
	TEST_CALL(process_stop(&third));
	TEST_ASSERT(a > 0);
	TEST_ASSERT_EQUAL(a, b);
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(a_stack_has_one_number),
	TEST_CASE(other_stacks_have_other_numbers),
	TEST_CASE(frames_go_from_the_caller_outwards),
	TEST_CASE(the_depth_can_be_set),
	TEST_CASE(there_is_no_stack_without_fastmem),
	TEST_CASE(too_many_stacks_are_no_failure),
	TEST_CASE(print_names_function_and_line),
	TEST_CASE(inlined_calls_are_lines_of_their_own),
	TEST_CASE(a_site_is_one_line),
	TEST_CASE(functions_of_the_library_are_left_out),
	TEST_CASE(many_sites_are_found_at_once),
	TEST_CASE(no_number_is_printed_as_such),
	TEST_CASE(without_the_file_there_are_exported_functions),
	TEST_CASE(any_thread_has_stacks),
	TEST_CASE(threads_agree_on_numbers),
	TEST_CASE(a_small_stack_is_enough_to_print),
	TEST_CASE(code_in_the_place_of_other_code_is_not_mistaken_for_it),
#ifndef __clang__
	TEST_CASE(inlined_calls_are_found_after_link_time_optimisation),
#endif
	TEST_CASE(a_stripped_file_has_lines_if_its_debug_file_is_found),
	TEST_CASE(files_that_names_are_read_from_are_closed_on_exec),
	TEST_CASE(a_file_that_has_changed_is_not_read),
	TEST_CASE(a_look_up_in_a_forked_child_does_no_harm),
	TEST_CASE(who_has_the_lock_of_the_dynamic_linker_can_print),
	TEST_CASE(a_damaged_stack_does_no_harm),
	TEST_CASES_END
};

const struct test_suite suite_stack = {
	.name = "stack",
	.about = "call stacks: taken, kept as numbers, printed",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};

static const struct test_case processes_cases[] = {
	TEST_CASE(a_stack_of_a_dead_process_is_printed_here),
	TEST_CASE(a_stack_of_the_primary_is_printed_there),
	TEST_CASE(processes_at_other_addresses_have_the_same_numbers),
	TEST_CASES_END
};

const struct test_suite suite_stack_processes = {
	.name = "stack_processes",
	.about = "call stacks of other processes",
	.setup = processes_up,
	.teardown = processes_down,
	.rescue = processes_end,
	.cases = processes_cases,
	.with_secondaries = true,
};
