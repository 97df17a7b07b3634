/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Stacks in print: what functions, files and lines their frames are.
 *
 * elfutils' libdw reads symbol tables and debug information of the files, in this process: no
 * program is started, and no server is asked for debug information. If a file is gone or
 * has changed, there are the dynamic symbols of what this process has loaded. It all works for
 * stacks of other processes, as these are kept by module and offset.
 *
 * A session of libdw belongs to one list of stacks, and is used by one thread at a time. The names
 * that were found are in the sessions' memory, until the list is freed.
 */

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <rte_common.h>

#include "fastmem_private.h"
#include "fastmem_stack_private.h"

#define MAX_CALLS 8 /* in a frame: a function, and those that are inlined there */
#define MAX_SCOPES 32
#define SITE_FRAMES 6u /* in which the site is looked for */

struct call {
	const char *function; /* of C++, it is mangled */
	const char *folder; /* that the file's name starts from; NULL: it is a whole path */
	const char *file; /* NULL: not known */
	int line;
};

struct symbol {
	unsigned int n_calls; /* the innermost first */
	struct call calls[MAX_CALLS];
	uint64_t function_offset; /* into the function, if the file is not known */
};

struct frame {
	struct fastmem_stack_frame at;
	struct symbol symbol;
	bool looked_up; /* in the module's file */
};

/* Of some stacks, one behind the other. */
struct fastmem_symbols {
	int64_t deadline;
	const uint32_t *ids; /* the caller's */
	unsigned int *first; /* frame of each stack, and one behind the last */
	unsigned int n_sessions; /* one for each module */
	Dwfl *sessions[FASTMEM_STACK_MODULES];
	unsigned int n; /* frames */
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

/* MSan, where it is linked in, sees nothing of libdw but what that passes to functions of libc. */
extern void __msan_scoped_disable_interceptor_checks(void) __rte_weak_symbol;
extern void __msan_scoped_enable_interceptor_checks(void) __rte_weak_symbol;

static void
msan_look(bool again)
{
	if (__msan_scoped_disable_interceptor_checks != NULL)
		(again ? __msan_scoped_enable_interceptor_checks :
			__msan_scoped_disable_interceptor_checks)();
}

/* Debug information. */

/* Of an address. dwfl_module_addrdie() reads a table (.debug_aranges) that clang does not write. */
static Dwarf_Die *
unit_find(Dwfl_Module *mod, Dwarf_Addr pc, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(mod, pc, bias);

	if (unit != NULL)
		return unit;
	while ((unit = dwfl_module_nextcu(mod, unit, bias)) != NULL)
		if (dwarf_haspc(unit, pc - *bias) > 0)
			return unit;
	return NULL;
}

static const char *
function_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *linkage = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attr));

	return linkage != NULL ? linkage : dwarf_diename(die);
}

/* Where an address is: its compilation unit, and what is around it there. */
struct scopes {
	Dwarf_Die unit; /* has lines */
	Dwarf_Die tree; /* has functions: another one than the unit with -gsplit-dwarf */
	Dwarf_Addr pc;
	unsigned int n;
	Dwarf_Die calls[MAX_SCOPES]; /* a function, and what is inlined there; the innermost last */
};

/* dwarf_getscopes() finds nothing if an inlined function is defined in another unit (-flto). */
static bool /* NOLINTNEXTLINE(misc-no-recursion): as deep as blocks are nested in the source. */
scopes_find(struct scopes *s, Dwarf_Die *parent)
{
	Dwarf_Die die;
	int more;

	for (more = dwarf_child(parent, &die); more == 0; more = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
				tag == DW_TAG_lexical_block) {
			if (dwarf_haspc(&die, s->pc) <= 0)
				continue;
			if (tag != DW_TAG_lexical_block && s->n < MAX_SCOPES)
				s->calls[s->n++] = die;
			scopes_find(s, &die);
			return true;
		}
		if ((tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
				tag == DW_TAG_structure_type) && scopes_find(s, &die))
			return true;
	}
	return false;
}

static void
set_place(struct call *call, const struct scopes *s, const char *file, int line)
{
	Dwarf_Die unit = s->unit;
	Dwarf_Attribute attr;

	if (file == NULL || line == 0)
		return;
	call->file = file;
	call->line = line;
	if (file[0] != '/')
		call->folder = dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &attr));
}

/* Where a function was inlined. */
static void
place_of_inlined(struct scopes *s, Dwarf_Die *die, struct call *call)
{
	Dwarf_Attribute attr;
	Dwarf_Word file, line;
	Dwarf_Files *files;

	if (dwarf_getsrcfiles(&s->tree, &files, NULL) == 0 &&
			dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attr), &file) == 0 &&
			dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attr), &line) == 0)
		set_place(call, s, dwarf_filesrc(files, file, NULL, NULL), line);
}

static void
ask_debug_information(struct symbol *symbol, Dwfl_Module *mod, Dwarf_Addr offset)
{
	struct call next = { 0 };
	struct scopes s;
	Dwarf_Addr bias;
	/* The call, which is before the return address. */
	Dwarf_Die *unit = unit_find(mod, offset - 1, &bias);
	Dwarf_Line *line;
	uint8_t type;
	int number;

	if (unit == NULL)
		return;
	s.pc = offset - 1 - bias;
	s.n = 0;
	s.unit = *unit;
	if (dwarf_cu_info(unit->cu, NULL, &type, NULL, &s.tree, NULL, NULL, NULL) != 0 ||
			type != DW_UT_skeleton || s.tree.cu == NULL)
		s.tree = *unit;
	scopes_find(&s, &s.tree);
	line = dwarf_getsrc_die(&s.unit, s.pc);
	if (line != NULL && dwarf_lineno(line, &number) == 0)
		set_place(&next, &s, dwarf_linesrc(line, NULL, NULL), number);
	while (s.n-- > 0 && symbol->n_calls < MAX_CALLS) {
		next.function = function_name(&s.calls[s.n]);
		if (next.function != NULL)
			symbol->calls[symbol->n_calls++] = next;
		memset(&next, 0, sizeof(next));
		place_of_inlined(&s, &s.calls[s.n], &next);
	}
}

static void
ask_symbol_table(struct symbol *symbol, Dwfl_Module *mod, Dwarf_Addr offset)
{
	GElf_Off into;
	GElf_Sym sym;
	const char *name = dwfl_module_addrinfo(mod, offset - 1, &into, &sym, NULL, NULL, NULL);

	if (name == NULL)
		return;
	symbol->calls[0].function = name;
	symbol->n_calls = 1;
	symbol->function_offset = into + 1;
}

/* Symbols of this process. */

static void
ask_linker(const struct fastmem_module *m, struct frame *frame)
{
	struct symbol *symbol = &frame->symbol;
	uintptr_t base, addr;
	Dl_info info;

	if (!fastmem_module_is_loaded(m, &base))
		return;
	addr = base + frame->at.offset;
	if (dladdr((void *)(addr - 1), &info) == 0 || info.dli_sname == NULL)
		return;
	symbol->calls[0] = (struct call){ .function = info.dli_sname };
	symbol->n_calls = 1;
	symbol->function_offset = addr - (uintptr_t)info.dli_saddr;
}

static const struct fastmem_module *
module_of(const struct frame *frame)
{
	return (const struct fastmem_module *)
		RTE_PTR_SUB(frame->at.module, offsetof(struct fastmem_module, path));
}

/* All frames of a module, from the frame `first' on. */
static void
look_up_module(struct fastmem_symbols *s, const struct fastmem_module *m, unsigned int first)
{
	Dwfl_Module *mod;
	Dwfl *session = fastmem_module_open(m, &mod);
	unsigned int i;

	if (session != NULL)
		s->sessions[s->n_sessions++] = session;
	for (i = first; i < s->n; i++) {
		struct frame *frame = &s->frames[i];

		if (frame->at.module != m->path)
			continue;
		frame->looked_up = true;
		if (session == NULL || now_ms() >= s->deadline)
			continue;
		ask_debug_information(&frame->symbol, mod, frame->at.offset);
		if (frame->symbol.n_calls == 0)
			ask_symbol_table(&frame->symbol, mod, frame->at.offset);
	}
}

static void
look_up(void *arg)
{
	struct fastmem_symbols *s = arg;
	unsigned int i;

	msan_look(false);
	for (i = 0; i < s->n && now_ms() < s->deadline; i++)
		if (s->frames[i].at.module != NULL && !s->frames[i].looked_up)
			look_up_module(s, module_of(&s->frames[i]), i);
	msan_look(true);
}

/*
 * What the frames of these stacks are, up to max of each: those of a stack are behind those of
 * the one before. NULL: there is no memory.
 */
static struct fastmem_symbols *
symbols_make(const uint32_t *ids, unsigned int n_ids, unsigned int max)
{
	size_t first = sizeof(struct fastmem_symbols) + (size_t)n_ids * max * sizeof(struct frame);
	struct fastmem_stack_frame frames[FASTMEM_STACK_MAX_DEPTH];
	struct fastmem_symbols *s;
	unsigned int i, k, n;

	s = calloc(1, first + (n_ids + 1) * sizeof(s->first[0]));
	if (s == NULL)
		return NULL;
	s->ids = ids;
	s->first = RTE_PTR_ADD(s, first);
	s->deadline = now_ms() + fastmem_symbol_patience_ms;
	for (i = 0; i < n_ids; i++) {
		n = RTE_MIN(fastmem_stack_frames(ids[i], frames, max), max);
		for (k = 0; k < n; k++)
			s->frames[s->n++].at = frames[k];
		s->first[i + 1] = s->n;
	}
	if (s->n > 0 && fastmem_symbol_patience_ms > 0)
		fastmem_look_up_in_thread(look_up, s);
	for (i = 0; i < s->n; i++)
		if (s->frames[i].at.module != NULL && s->frames[i].symbol.n_calls == 0)
			ask_linker(module_of(&s->frames[i]), &s->frames[i]);
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
	unsigned int i;

	for (i = 0; s != NULL && i < s->n_sessions; i++)
		dwfl_end(s->sessions[i]);
	free(s);
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
	static const char *const folders[] = { "lib/fastmem/", "lib/fastmem_debug/" };
	const char *dot;
	unsigned int i;

	for (i = 0; i < RTE_DIM(names); i++)
		if (strncmp(call->function, names[i], strlen(names[i])) == 0)
			return true;
	/* In a header, it may be what has called an inline function that debug information lacks. */
	dot = call->file != NULL ? strrchr(call->file, '.') : NULL;
	if (dot == NULL || strcmp(dot, ".c") != 0)
		return false;
	for (i = 0; i < RTE_DIM(folders); i++)
		if (strstr(call->file, folders[i]) != NULL)
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

/* Of libstdc++, if the program has it. */
extern char *__cxa_demangle(const char *name, char *buf, size_t *len, int *status)
	__rte_weak_symbol;

static int
format_call(char *buf, size_t len, const struct symbol *symbol, unsigned int call)
{
	const struct call *c = &symbol->calls[call];
	char *demangled = __cxa_demangle != NULL && strncmp(c->function, "_Z", 2) == 0 ?
			__cxa_demangle(c->function, NULL, NULL, NULL) : NULL;
	const char *function = demangled != NULL ? demangled : c->function;
	int n;

	msan_look(false); /* from names that libdw has written */
	if (c->file != NULL && c->folder != NULL)
		n = snprintf(buf, len, "%s %s/%s:%d", function, c->folder, c->file, c->line);
	else if (c->file != NULL)
		n = snprintf(buf, len, "%s %s:%d", function, c->file, c->line);
	else if (symbol->function_offset != 0)
		n = snprintf(buf, len, "%s+0x%" PRIx64, function, symbol->function_offset);
	else
		n = snprintf(buf, len, "%s", function);
	msan_look(true);
	free(demangled);
	return n;
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
