/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Stacks in print: what functions, files and lines their frames are.
 *
 * Debug information is read by addr2line, or by the one of elfutils, in a process of its
 * own: once for each module, for a bounded time, with a bare environment (no
 * preloaded library, no server to ask for debug information). PATH says where it is, so a program
 * that has more rights than its user starts none. Where that finds nothing, there are
 * the dynamic symbols of what this process has loaded. It all works for stacks of other
 * processes, as these are kept by module and offset.
 *
 * This runs when the application has damaged its memory: it uses no malloc, and what it needs
 * lies in pages of its own.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>

#include "fastmem_private.h"
#include "fastmem_stack_private.h"

#define MAX_CALLS 8 /* in a frame: a function, and those that are inlined there */
#define NOTE_SIZE 1024
#define SITE_FRAMES 6u /* in which the site is looked for */
#define MAX_ADDRESSES 2048u /* for one run of a tool */
#define TEXT_SIZE (64u << 10)
#define TEXT_OF_FRAME 512u /* beside that */

struct call {
	const char *function;
	const char *place; /* file:line; NULL: not known */
};

struct symbol {
	unsigned int n_calls; /* the innermost first */
	struct call calls[MAX_CALLS];
	unsigned long function_offset; /* into the function, if the place is not known */
	bool looked_up;
};

struct frame {
	struct fastmem_stack_frame at;
	struct symbol symbol;
};

/* Of some stacks, one behind the other. In pages of its own. */
struct fastmem_symbols {
	size_t size; /* of it all */
	int64_t deadline;
	unsigned int n; /* frames */
	const uint32_t *ids; /* the caller's */
	unsigned int *first; /* frame of each stack, and one behind the last */
	size_t text_size;
	size_t text_used;
	char *text;
	const char *args[7 + MAX_ADDRESSES + 1]; /* for one run of a tool */
	char addresses[MAX_ADDRESSES][20];
	struct frame *of[MAX_ADDRESSES];
	struct frame frames[];
};

int fastmem_symbol_patience_ms = 10000;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Build ids. */

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

void
fastmem_build_id_loaded(const struct dl_phdr_info *info, struct fastmem_build_id *id)
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

static void
build_id_of_file(int fd, struct fastmem_build_id *id)
{
	uint8_t notes[NOTE_SIZE];
	ElfW(Ehdr) eh;
	ElfW(Phdr) ph;
	unsigned int i;

	memset(id, 0, sizeof(*id));
	if (pread(fd, &eh, sizeof(eh), 0) != (ssize_t)sizeof(eh) ||
			memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_phentsize != sizeof(ph))
		return;
	for (i = 0; i < eh.e_phnum && id->size == 0; i++) {
		ssize_t n;

		if (pread(fd, &ph, sizeof(ph), eh.e_phoff + i * sizeof(ph)) !=
				(ssize_t)sizeof(ph))
			return;
		if (ph.p_type != PT_NOTE)
			continue;
		n = pread(fd, notes, RTE_MIN(sizeof(notes), (size_t)ph.p_filesz), ph.p_offset);
		if (n > 0)
			build_id_of_notes(notes, n, note_align(&ph), id);
	}
}

/* Whether the file is still the one that the stack was taken in. */
static bool
file_is_same(const struct fastmem_module *m)
{
	struct fastmem_build_id id;
	int fd = open(m->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	build_id_of_file(fd, &id);
	close(fd);
	return memcmp(&id, &m->build_id, sizeof(id)) == 0;
}

/* addr2line. */

/* PATH may be the choice of somebody with fewer rights. */
static bool
path_is_trusted(void)
{
	static bool told;

	if (getauxval(AT_SECURE) == 0)
		return true;
	if (!__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		FASTMEM_LOG(WARNING, "no addr2line is started from PATH, as this program has more "
			"rights than the user who has started it: reports have offsets in files, "
			"which addr2line can look up later");
	return false;
}

static pid_t
tool_spawn(const char *const *args, int output)
{
	static const char *const environment[] = { "LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t signals;
	pid_t pid;
	int ret;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
	/* Locks of EAL's on open files would last as long as the child has them. */
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
#endif
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attr, &signals);
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(&attr, &signals);
	ret = posix_spawnp(&pid, args[0], &actions, &attr, (char **)(uintptr_t)args,
			(char **)(uintptr_t)environment);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return ret == 0 ? pid : -1;
}

/* All that it writes, up to size. Returns false if it takes too long. */
static bool
tool_read(int fd, char *out, size_t size, size_t *n, int64_t deadline)
{
	*n = 0;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		char rest[256];
		ssize_t got;

		if (left <= 0)
			return false;
		if (poll(&p, 1, left) <= 0)
			continue; /* by a signal, or time is up */
		got = *n < size ? read(fd, out + *n, size - *n) : read(fd, rest, sizeof(rest));
		if (got == 0)
			return true;
		if (got < 0 && errno != EINTR)
			return true;
		if (got > 0 && *n < size)
			*n += got;
	}
}

/*
 * Wait for the end of the child, which comes soon, or else bring it about. If an application
 * that waits for any child has been faster, its number may be that of another process: which
 * is not killed, as it is no child of ours. Returns false if it has failed.
 */
static bool
tool_end(pid_t pid, int64_t deadline)
{
	bool killed = false;
	int status = 0;

	for (;;) {
		pid_t ret = waitpid(pid, &status, killed ? 0 : WNOHANG);

		if (ret == pid || (ret < 0 && errno != EINTR))
			return !killed && status == 0;
		if (ret == 0 && now_ms() >= deadline) {
			kill(pid, SIGKILL);
			killed = true;
		} else if (ret == 0) {
			poll(NULL, 0, 1);
		}
	}
}

/* Run a command. Returns false if it does not exist or has failed. */
static bool
tool_run(const char *const *args, char *out, size_t size, size_t *n, int64_t deadline)
{
	int ends[2];
	pid_t pid;
	bool done;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = tool_spawn(args, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	done = tool_read(ends[0], out, size, n, deadline);
	close(ends[0]);
	return tool_end(pid, done ? deadline : 0) && done;
}

/* Cut the first line off. Returns NULL after the last one. */
static char *
line_take(char **text, const char *end)
{
	char *line = *text, *newline;

	if (line >= end)
		return NULL;
	newline = memchr(line, '\n', end - line);
	if (newline == NULL)
		return NULL; /* it was cut short */
	*newline = '\0';
	*text = newline + 1;
	return line;
}

static bool
is_known(const char *s)
{
	return s[0] != '?' && s[0] != '\0';
}

static void
cut_at(char *s, const char *at)
{
	char *found = strstr(s, at);

	if (found != NULL)
		*found = '\0';
}

/* Of "file:line:column", which eu-addr2line writes. */
static void
cut_column(char *place)
{
	char *last = strrchr(place, ':'), *line;

	if (last == NULL)
		return;
	*last = '\0';
	line = strrchr(place, ':');
	if (line == NULL || line[1] < '0' || line[1] > '9' || strchr(line, '/') != NULL)
		*last = ':';
}

static void
call_add(struct symbol *symbol, char *function, char *place)
{
	const char *colon;

	cut_at(function, " inlined at ");
	cut_at(place, " (discriminator");
	cut_column(place);
	if (!is_known(function) || symbol->n_calls == MAX_CALLS)
		return;
	colon = strrchr(place, ':');
	/* A file without a line is but the name of a source file in the symbol table. */
	if (colon == NULL || !is_known(place) || colon[1] == '?' || strcmp(colon, ":0") == 0)
		place = NULL;
	symbol->calls[symbol->n_calls].function = function;
	symbol->calls[symbol->n_calls].place = place;
	symbol->n_calls++;
}

/* For each address, a line with it, and then a function and its place by turns. */
static void
parse(struct fastmem_symbols *s, unsigned int n, char *text, const char *end)
{
	struct symbol *symbol = NULL;
	unsigned int next = 0;
	char *line, *place;

	while ((line = line_take(&text, end)) != NULL) {
		if (strncmp(line, "0x", 2) == 0) {
			if (next == n)
				return;
			symbol = &s->of[next++]->symbol;
			continue;
		}
		place = line_take(&text, end);
		if (symbol == NULL || place == NULL)
			return;
		call_add(symbol, line, place);
	}
}

/* The n frames s->of are all of one module, which is a file that can be read. */
static void
ask_tools(struct fastmem_symbols *s, const char *path, unsigned int n)
{
	/* Binutils', as of 2.40, sees no inlined calls in what clang has compiled. */
	static const char *const tools[] = { "llvm-addr2line", "addr2line", "eu-addr2line" };
	static const char *const options[] = { "-C", "-f", "-i", "-a", "-e" };
	unsigned int i;

	memcpy(s->args + 1, options, sizeof(options));
	s->args[6] = path;
	for (i = 0; i < n; i++) {
		/* The call, which is before the return address. */
		snprintf(s->addresses[i], sizeof(s->addresses[i]), "0x%" PRIx64,
			s->of[i]->at.offset - 1);
		s->args[7 + i] = s->addresses[i];
	}
	s->args[7 + n] = NULL;
	for (i = 0; i < RTE_DIM(tools) && now_ms() < s->deadline; i++) {
		char *out = s->text + s->text_used;
		size_t used;

		s->args[0] = tools[i];
		if (!tool_run(s->args, out, s->text_size - s->text_used, &used, s->deadline))
			continue;
		s->text_used += used;
		parse(s, n, out, out + used);
		return;
	}
}

/* Symbols of this process. */

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
	fastmem_build_id_loaded(info, &id);
	if (memcmp(&id, &l->module->build_id, sizeof(id)) != 0)
		return 0;
	if (id.size == 0 && (name == NULL || wanted == NULL || strcmp(name, wanted) != 0))
		return 0;
	l->base = info->dlpi_addr;
	l->found = true;
	return 1;
}

static void
ask_linker(const struct fastmem_module *m, struct frame *frame)
{
	struct symbol *symbol = &frame->symbol;
	struct loaded l = { .module = m };
	Dl_info info;
	uintptr_t addr;

	dl_iterate_phdr(is_loaded, &l);
	if (!l.found)
		return;
	addr = l.base + frame->at.offset;
	if (dladdr((void *)(addr - 1), &info) == 0 || info.dli_sname == NULL)
		return;
	symbol->calls[0] = (struct call){ .function = info.dli_sname };
	symbol->n_calls = 1;
	symbol->function_offset = addr - (uintptr_t)info.dli_saddr;
}

/* The next frames of a module, from the frame `first' on: as many as a tool can take. */
static void
look_up_module(struct fastmem_symbols *s, const struct fastmem_module *m, unsigned int first)
{
	unsigned int n = 0, i;

	for (i = first; i < s->n && n < MAX_ADDRESSES; i++) {
		struct frame *frame = &s->frames[i];

		if (frame->at.module != m->path || frame->symbol.looked_up)
			continue;
		frame->symbol.looked_up = true;
		s->of[n++] = frame;
	}
	if (path_is_trusted() && file_is_same(m))
		ask_tools(s, m->path, n);
	for (i = 0; i < n; i++)
		if (s->of[i]->symbol.n_calls == 0)
			ask_linker(m, s->of[i]);
}

static const struct fastmem_module *
module_of(const struct frame *frame)
{
	return (const struct fastmem_module *)
		RTE_PTR_SUB(frame->at.module, offsetof(struct fastmem_module, path));
}

/*
 * What the frames of these stacks are, up to max of each: those of a stack are behind those of
 * the one before. NULL: there is no memory.
 */
static struct fastmem_symbols *
symbols_make(const uint32_t *ids, unsigned int n_ids, unsigned int max)
{
	size_t text = TEXT_SIZE + (size_t)n_ids * max * TEXT_OF_FRAME;
	size_t first = sizeof(struct fastmem_symbols) + (size_t)n_ids * max * sizeof(struct frame);
	size_t size = first + (n_ids + 1) * sizeof(unsigned int) + text;
	struct fastmem_stack_frame frames[FASTMEM_STACK_MAX_DEPTH];
	struct fastmem_symbols *s;
	unsigned int i, k, n;

	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return NULL;
	s->size = size;
	s->ids = ids;
	s->first = RTE_PTR_ADD(s, first);
	s->text_size = text;
	s->text = (char *)&s->first[n_ids + 1];
	s->deadline = now_ms() + fastmem_symbol_patience_ms;
	for (i = 0; i < n_ids; i++) {
		n = RTE_MIN(fastmem_stack_frames(ids[i], frames, max), max);
		for (k = 0; k < n; k++)
			s->frames[s->n++].at = frames[k];
		s->first[i + 1] = s->n;
	}
	for (i = 0; i < s->n; i++)
		if (s->frames[i].at.module != NULL && !s->frames[i].symbol.looked_up)
			look_up_module(s, module_of(&s->frames[i]), i);
	return s;
}

struct fastmem_symbols *
fastmem_symbols_make(const uint32_t *ids, unsigned int n)
{
	return symbols_make(ids, n, FASTMEM_STACK_MAX_DEPTH);
}

void
fastmem_symbols_free(struct fastmem_symbols *s)
{
	if (s != NULL)
		munmap(s, s->size);
}

/* Lines. */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
is_of_library(const struct call *call)
{
	static const char *const names[] = { "rte_fastmem_", "fastmem_" };
	static const char *const folders[] = { "lib/fastmem/", "lib/fastmem_debug/",
		"lib/fastmem_replace/" };
	unsigned int i;

	for (i = 0; i < RTE_DIM(names); i++)
		if (strncmp(call->function, names[i], strlen(names[i])) == 0)
			return true;
	/* In a header, it may be what has called an inline function that the tool does not see. */
	if (call->place == NULL || strstr(call->place, ".c:") == NULL)
		return false;
	for (i = 0; i < RTE_DIM(folders); i++)
		if (strstr(call->place, folders[i]) != NULL)
			return true;
	return false;
}

/* The first call to show. Library functions that are in the program itself come before it. */
static void
skip_library(const struct frame *frames, unsigned int n, unsigned int *frame, unsigned int *call)
{
	for (*frame = 0; *frame < n; (*frame)++) {
		const struct symbol *symbol = &frames[*frame].symbol;

		for (*call = 0; *call < symbol->n_calls; (*call)++)
			if (!is_of_library(&symbol->calls[*call]))
				return;
		if (symbol->n_calls == 0)
			return;
	}
	*frame = *call = 0; /* there is nothing else */
}

static int
format_module(char *buf, size_t len, const struct frame *frame)
{
	return snprintf(buf, len, "%s+0x%" PRIx64,
		frame->at.module != NULL ? base_name(frame->at.module) : "", frame->at.offset);
}

static int
format_call(char *buf, size_t len, const struct symbol *symbol, unsigned int call)
{
	const struct call *c = &symbol->calls[call];

	if (c->place != NULL)
		return snprintf(buf, len, "%s %s", c->function, c->place);
	if (symbol->function_offset != 0)
		return snprintf(buf, len, "%s+0x%lx", c->function, symbol->function_offset);
	return snprintf(buf, len, "%s", c->function);
}

static void
print_frame(FILE *f, const char *indent, unsigned int *number, const struct frame *frame,
		unsigned int call)
{
	const struct symbol *symbol = &frame->symbol;
	char module[256], text[1024];

	format_module(module, sizeof(module), frame);
	if (symbol->n_calls == 0) {
		fprintf(f, "%s#%u %s\n", indent, (*number)++, module);
		return;
	}
	for (; call < symbol->n_calls; call++) {
		format_call(text, sizeof(text), symbol, call);
		fprintf(f, "%s#%u %s (%s)\n", indent, (*number)++, text,
			call + 1 < symbol->n_calls ? "inlined" : module);
	}
}

static const char *
why_no_stack(uint32_t id)
{
	if (id == FASTMEM_STACK_MANY)
		return "not kept: there are too many different stacks";
	return id == FASTMEM_STACK_NONE ? "not known" : "not there any more";
}

void
fastmem_symbols_print(const struct fastmem_symbols *s, unsigned int i, FILE *f,
		const char *indent)
{
	unsigned int n = s->first[i + 1] - s->first[i], frame, call, number = 0;
	const struct frame *frames = &s->frames[s->first[i]];

	if (n == 0) {
		fprintf(f, "%s(%s)\n", indent, why_no_stack(s->ids[i]));
		return;
	}
	skip_library(frames, n, &frame, &call);
	for (; frame < n; frame++, call = 0)
		print_frame(f, indent, &number, &frames[frame], call);
}

void
fastmem_stack_print(FILE *f, uint32_t id, const char *indent)
{
	struct fastmem_symbols *s = fastmem_symbols_make(&id, 1);

	if (s != NULL)
		fastmem_symbols_print(s, 0, f, indent);
	else
		fprintf(f, "%s(%s)\n", indent, why_no_stack(id));
	fastmem_symbols_free(s);
}

/* Of a stack with n frames. */
static int
format_site(char *buf, size_t len, uint32_t id, const struct frame *frames, unsigned int n)
{
	unsigned int frame, call;

	if (n == 0)
		return snprintf(buf, len, "(%s)", why_no_stack(id));
	skip_library(frames, n, &frame, &call);
	return frames[frame].symbol.n_calls == 0 ? format_module(buf, len, &frames[frame]) :
		format_call(buf, len, &frames[frame].symbol, call);
}

int
fastmem_stack_site(uint32_t id, char *buf, size_t len)
{
	struct fastmem_symbols *s = symbols_make(&id, 1, SITE_FRAMES);
	int ret = format_site(buf, len, id, s != NULL ? s->frames : NULL, s != NULL ? s->n : 0);

	fastmem_symbols_free(s);
	return ret;
}

void
fastmem_stack_sites(const uint32_t *ids, unsigned int n, fastmem_stack_site_cb cb, void *arg)
{
	struct fastmem_symbols *s = symbols_make(ids, n, SITE_FRAMES);
	char site[1024];
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned int first = s != NULL ? s->first[i] : 0;

		format_site(site, sizeof(site), ids[i], s != NULL ? &s->frames[first] : NULL,
			s != NULL ? s->first[i + 1] - first : 0);
		cb(arg, i, site);
	}
	fastmem_symbols_free(s);
}
