/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * librte_fastmem_record.so, preloaded, logs what a program asks of rte_malloc and, if wanted, of
 * malloc. This file owns the log; the hooks are in hooks_rte.c and hooks_libc.c.
 *
 * Recording begins with the first call of rte_malloc or, if malloc is recorded, of that; in
 * librte_fastmem_malloc.so with rte_eal_init(). So a program that only starts another, as taskset
 * or timeout, leaves the log to it.
 *
 * Environment, unless the program has more rights than the user who has started it:
 *	FASTMEM_RECORD=FILE       log file; %p in it becomes the process id; unset: record nothing
 *	FASTMEM_RECORD_LIBC=1     malloc and its family as well
 *	FASTMEM_RECORD_MAX=N      log at most N entries (default 4 million of 16 bytes)
 *	FASTMEM_RECORD_SKIP=N     leave out the first N
 *
 * Nothing here allocates, locks or waits: an entry is one atomic addition and one store into the
 * mapped file. The program sees FASTMEM_RECORD removed from its environment, so that programs it
 * starts do not write over its log; with %p it stays and they write logs of their own.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fastmem_parse.h"
#include "recorder.h"

/* Also part of librte_fastmem_malloc.so, which has names of its own for the environment. */
#ifndef RECORDER_ENV
#define RECORDER_ENV "FASTMEM_RECORD"
#endif

#define DEFAULT_MAX (4u << 20)
#define MAX_THREAD 65534u	/* all threads beyond share this number */

enum { NOT_STARTED, STARTING, STARTED };

__thread struct recorder_thread recorder_thread;
_Atomic(struct recorder_switch *) recorder_switch;

static struct record_log *log_file;
static struct record_entry *log_entries;
static _Atomic unsigned int n_threads;
static _Atomic int start_state;

static void
say(const char *line, int len)
{
	if (len > 0 && write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere to say so */
}

static void
complain(const char *what, const char *path)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "fastmem recorder: %s %.300s: %s; not recording\n",
		what, path, strerror(errno));

	say(line, len);
}

/*
 * The environment is read and edited by hand: programs such as bash bring their own getenv() and
 * unsetenv(), which do not work before main().
 */
static char **
find_in_env(const char *name)
{
	size_t len = strlen(name);

	for (char **entry = environ; *entry != NULL; entry++)
		if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
			return entry;
	return NULL;
}

static const char *
value_in_env(const char *name)
{
	char **entry = find_in_env(name);

	return entry == NULL ? NULL : *entry + strlen(name) + 1;
}

static void
remove_from_env(const char *name)
{
	char **entry = find_in_env(name);

	for (; entry != NULL && *entry != NULL; entry++)
		entry[0] = entry[1];
}

/* *number stays as it is if the variable is not set. False: it is no number, or a smaller one. */
static bool
number_from_env(const char *name, uint64_t least, uint64_t *number)
{
	const char *text = value_in_env(name);
	char line[512];
	int len;

	if (text == NULL || *text == '\0' ||
			(fastmem_parse_size(text, UINT32_MAX, number) == 0 && *number >= least))
		return true;
	len = snprintf(line, sizeof(line), "fastmem recorder: invalid %s=%.100s: expected "
		FASTMEM_SIZE_SYNTAX "%s; not recording\n", name, text,
		least != 0 ? ", and not 0" : "");
	say(line, len);
	return false;
}

/* Expand %p; true when there was one. */
static bool
expand_path(const char *pattern, char *path, size_t room)
{
	const char *mark = strstr(pattern, "%p");

	if (mark == NULL)
		snprintf(path, room, "%s", pattern);
	else
		snprintf(path, room, "%.*s%d%s", (int)(mark - pattern), pattern, (int)getpid(),
			mark + 2);
	return mark != NULL;
}

static void
note_command(struct record_log *log)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	snprintf(log->program, sizeof(log->program), "%s", program_invocation_short_name);
	if (fd < 0)
		return;
	len = read(fd, log->command, sizeof(log->command) - 1);
	close(fd);
	for (ssize_t i = 0; i + 1 < len; i++)
		if (log->command[i] == '\0')
			log->command[i] = ' ';
}

/*
 * The lock lasts as long as this process has the file open, which it leaves open. A child does not
 * inherit it.
 */
static bool
lock_log(int fd, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char line[512];

	if (fcntl(fd, F_SETLK, &lock) == 0)
		return true;
	if ((errno != EACCES && errno != EAGAIN) || fcntl(fd, F_GETLK, &lock) != 0) {
		complain("cannot lock", path);
		return false;
	}
	say(line, snprintf(line, sizeof(line), "fastmem recorder: process %d writes to %.300s: put "
		"%%p into the name, for a log of each process; not recording\n", (int)lock.l_pid,
		path));
	return false;
}

static struct record_log *
open_log(const char *path, uint64_t capacity, uint64_t skip)
{
	size_t len = sizeof(struct record_log) + capacity * sizeof(struct record_entry);
	struct record_log *log;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		complain(errno == ELOOP ? "cannot write symbolic link" : "cannot write", path);
		return NULL;
	}
	log = MAP_FAILED;
	if (!lock_log(fd, path)) {
		close(fd);
		return NULL;
	}
	if (ftruncate(fd, 0) == 0 && ftruncate(fd, len) == 0)
		log = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED) {
		complain("cannot map", path);
		close(fd);
		return NULL;
	}
	log->version = RECORD_LOG_VERSION;
	log->entry_size = sizeof(struct record_entry);
	log->capacity = capacity;
	log->skip = skip;
	note_command(log);
	memcpy(log->magic, RECORD_LOG_MAGIC, RECORD_LOG_MAGIC_LEN);
	return log;
}

static struct recorder_switch *
make_switch(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *s = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED || madvise(s, page, MADV_WIPEONFORK) != 0) {
		complain("cannot set up", "the fork guard");
		return NULL;
	}
	return s;
}

static void
start(const char *pattern)
{
	uint64_t capacity = DEFAULT_MAX, skip = 0;
	struct recorder_switch *s;
	char path[4096];

	if (!number_from_env(RECORDER_ENV "_MAX", 1, &capacity) ||
			!number_from_env(RECORDER_ENV "_SKIP", 0, &skip))
		return;
	if (!expand_path(pattern, path, sizeof(path)))
		remove_from_env(RECORDER_ENV);
	s = make_switch();
	if (s == NULL)
		return;
	log_file = open_log(path, capacity, skip);
	if (log_file == NULL)
		return;
	log_entries = (struct record_entry *)(log_file + 1);
	atomic_store_explicit(&s->libc, recorder_wants_libc(), memory_order_relaxed);
	atomic_store_explicit(&s->on, 1, memory_order_relaxed);
	/* pairs with the acquire in recorder_is_on(): whoever sees the switch sees the log */
	atomic_store_explicit(&recorder_switch, s, memory_order_release);
}

/* The log file, or NULL. The user of a program with more rights does not choose what it writes. */
static const char *
wanted_log(void)
{
	static const char refused[] = "fastmem recorder: " RECORDER_ENV " is ignored, as this "
		"program has more rights than the user who has started it\n";
	const char *pattern = value_in_env(RECORDER_ENV);

	if (pattern == NULL || *pattern == '\0')
		return NULL;
	if (getauxval(AT_SECURE) == 0)
		return pattern;
	say(refused, sizeof(refused) - 1);
	return NULL;
}

bool
recorder_wants_libc(void)
{
	const char *libc = environ != NULL ? value_in_env(RECORDER_ENV "_LIBC") : NULL;

	return libc != NULL && strcmp(libc, "1") == 0;
}

bool
recorder_start(void)
{
	int expected = NOT_STARTED, saved_errno = errno;
	const char *pattern;

	if (environ == NULL) /* the loader's own calls, before libc is initialised */
		return false;
	if (!atomic_compare_exchange_strong(&start_state, &expected, STARTING))
		return true; /* done; or under way, and this call goes unrecorded */
	recorder_thread.depth++; /* what libc allocates in here is not the program's */
	pattern = wanted_log();
	if (pattern != NULL)
		start(pattern);
	recorder_thread.depth--;
	atomic_store(&start_state, STARTED);
	errno = saved_errno;
	return true;
}

static unsigned int
thread_number(void)
{
	if (recorder_thread.number == 0)
		recorder_thread.number =
			atomic_fetch_add_explicit(&n_threads, 1, memory_order_relaxed) + 1;
	return recorder_thread.number <= MAX_THREAD ? recorder_thread.number - 1 : MAX_THREAD;
}

void
recorder_log(enum record_kind kind, const void *address, size_t size, size_t align)
{
	struct record_entry *entry;
	uint64_t at;

	/*
	 * Acquire and release: if an address passes from one thread to another through the
	 * allocator, the two entries are in the order of the two calls.
	 */
	at = atomic_fetch_add_explicit(&log_file->n_calls, 1, memory_order_acq_rel);
	if (at < log_file->skip)
		return;
	at -= log_file->skip;
	if (at >= log_file->capacity) {
		atomic_store_explicit(&recorder_switch->on, 0, memory_order_relaxed);
		return;
	}
	entry = &log_entries[at];
	entry->address = (uintptr_t)address;
	entry->size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	entry->thread = (uint16_t)thread_number();
	entry->align_log2 = align > 1 ? (uint8_t)(63 - __builtin_clzll(align)) : 0;
	/* pairs with the reader's look at kind: a program killed here leaves RECORD_NONE */
	atomic_store_explicit(&entry->kind, (uint8_t)kind, memory_order_release);
}

void *
recorder_next(const char *name)
{
	void *function;

	recorder_thread.resolving = true;
	recorder_thread.depth++;
	function = dlsym(RTLD_NEXT, name);
	recorder_thread.depth--;
	recorder_thread.resolving = false;
	return function;
}
