/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Walking up the stack of the calling thread.
 *
 * The compiler leaves a table for exceptions (.eh_frame), in all programs, also without debug
 * information: it tells for each instruction where the caller's frame begins and where the
 * frame pointer is saved. What it tells for a return address is looked up once, by a small
 * interpreter of that table, and kept as a word in a table of this process. From then on a
 * frame costs a look-up there and two loads.
 *
 * A walk never reads outside of the mapping that the stack pointer is in, only goes upwards,
 * and ends where the table has no entry, or one that is beyond this interpreter (signal
 * frames, hand-written code). So a damaged stack makes it shorter, or wrong, never crash.
 *
 * This is for x86-64. On arm64, compilers keep a chain of frame pointers, unless they are told not to,
 * beside which the return addresses are: that is followed, within the same bounds. Elsewhere the C
 * library's backtrace() does it, at a hundred times the cost; a damaged stack may crash that.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "fastmem_cancel.h"
#include "fastmem_unwind.h"

#define WORD sizeof(uintptr_t)

#ifdef RTE_ARCH_X86_64

#define REG_FP 6 /* rbp, in DWARF's numbers */
#define REG_SP 7
#define REG_RA 16

enum base {
	BASE_SP, /* the caller's frame begins at the stack pointer + offset */
	BASE_FP, /* at the frame pointer + offset */
	BASE_AT_FP, /* at the address that is in memory there */
	BASE_NONE, /* not known, or there is no caller */
};

enum saved {
	SAVED_NOT, /* the frame pointer is still the caller's */
	SAVED_IN_FRAME, /* the caller's is at the beginning of its frame + offset */
	SAVED_AT_FP, /* it is at the frame pointer + offset */
};

/* How to get from a frame to that of its caller. */
struct rule {
	enum base base;
	enum saved saved;
	int32_t offset;
	int32_t saved_offset;
};

/* Rules as words. */

/*
 * Bits 63-16 are the return address. Bits 15-14 are the base, 13-3 the offset / 8, 2-0 where
 * the frame pointer is: 0 not saved, k at -8 * (k + 1) from the beginning of the caller's
 * frame. With base BASE_AT_FP, the offset is the place of a rule in rare_rules.
 */
typedef uint64_t rule_word;

#define MAX_PLACE (1u << 11)
#define RULES_LOG2 13
#define N_RULES (1u << RULES_LOG2)
#define N_PROBES 8u

/* A word is an entry as a whole: it is right whoever wrote it last. */
static RTE_ATOMIC(rule_word) rules[N_RULES] __rte_aligned(64);

/* The few that a word has no room for. Places are taken in order, and filled in once. */
#define N_RARE 256u
static struct rare {
	struct rule rule;
	RTE_ATOMIC(uint32_t) ready; /* set last */
} rare_rules[N_RARE];
static RTE_ATOMIC(uint32_t) n_rare;

static inline rule_word
word_make(uintptr_t pc, unsigned int base, unsigned int place, unsigned int saved)
{
	return (rule_word)pc << 16 | base << 14 | place << 3 | saved;
}

static rule_word
word_of_rare(uintptr_t pc, const struct rule *rule)
{
	uint32_t i, n = RTE_MIN(rte_atomic_load_explicit(&n_rare, rte_memory_order_relaxed),
			N_RARE);

	for (i = 0; i < n; i++)
		/* Pairs with the release below. */
		if (rte_atomic_load_explicit(&rare_rules[i].ready, rte_memory_order_acquire) &&
				memcmp(&rare_rules[i].rule, rule, sizeof(*rule)) == 0)
			return word_make(pc, BASE_AT_FP, i, 0);
	i = rte_atomic_fetch_add_explicit(&n_rare, n < N_RARE, rte_memory_order_relaxed);
	if (i >= N_RARE)
		return word_make(pc, BASE_NONE, 0, 0);
	rare_rules[i].rule = *rule;
	/* Pairs with the acquire above. */
	rte_atomic_store_explicit(&rare_rules[i].ready, 1, rte_memory_order_release);
	return word_make(pc, BASE_AT_FP, i, 0);
}

static rule_word
word_of_rule(uintptr_t pc, const struct rule *rule)
{
	unsigned int saved = 0;

	if (rule->base == BASE_NONE)
		return word_make(pc, BASE_NONE, 0, 0);
	if (rule->base == BASE_AT_FP || rule->offset < 0 || rule->offset % 8 != 0 ||
			rule->offset / 8 >= (int)MAX_PLACE)
		return word_of_rare(pc, rule);
	if (rule->saved == SAVED_IN_FRAME) {
		if (rule->saved_offset % 8 != 0 || rule->saved_offset > -16 ||
				rule->saved_offset < -64)
			return word_of_rare(pc, rule);
		saved = -rule->saved_offset / 8 - 1;
	} else if (rule->saved == SAVED_AT_FP) {
		return word_of_rare(pc, rule);
	}
	return word_make(pc, rule->base, rule->offset / 8, saved);
}

/* The compiler's table. */

/* Of libgcc (and of LLVM's libunwind), which knows the tables of all code that is loaded. */
struct dwarf_eh_bases {
	void *tbase;
	void *dbase;
	void *func;
};
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

FASTMEM_UNCHECKED static uint64_t
read_fixed(struct reader *r, unsigned int size)
{
	uint64_t value = 0;
	unsigned int i;

	if ((size_t)(r->end - r->p) < size) {
		r->failed = true;
		r->p = r->end;
		return 0;
	}
	for (i = 0; i < size; i++)
		value |= (uint64_t)*r->p++ << 8 * i;
	return value;
}

static uint64_t
read_uleb(struct reader *r)
{
	unsigned int shift = 0;
	uint64_t value = 0, byte;

	do {
		byte = read_fixed(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

static int64_t
read_sleb(struct reader *r)
{
	unsigned int shift = 0;
	uint64_t value = 0, byte;

	do {
		byte = read_fixed(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && (byte & 0x40))
		value |= UINT64_MAX << shift;
	return value;
}

static void
skip(struct reader *r, uint64_t n)
{
	if (n > (size_t)(r->end - r->p)) {
		r->failed = true;
		n = r->end - r->p;
	}
	r->p += n;
}

/* Skip a pointer of that encoding (DW_EH_PE_...). */
static void
skip_encoded(struct reader *r, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case 0x00: case 0x04: case 0x0c:
		skip(r, 8);
		break;
	case 0x02: case 0x0a:
		skip(r, 2);
		break;
	case 0x03: case 0x0b:
		skip(r, 4);
		break;
	default:
		r->failed = true;
	}
}

/* An entry's contents; r->p is at its length. */
FASTMEM_UNCHECKED static void
enter(struct reader *r, const void *entry)
{
	uint32_t length;

	memcpy(&length, entry, sizeof(length));
	r->p = (const uint8_t *)entry + sizeof(length);
	r->failed = length == UINT32_MAX || length == 0; /* the 64-bit format: nobody writes it */
	r->end = r->failed ? r->p : r->p + length;
}

/* What several functions have in common. */
struct common {
	struct reader code;
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointers; /* their encoding */
	bool augmented;
};

FASTMEM_UNCHECKED static bool
common_read(struct common *c, const void *entry)
{
	struct reader r, data;
	const char *letters;
	unsigned int version;

	enter(&r, entry);
	skip(&r, 4);
	version = read_fixed(&r, 1);
	letters = (const char *)r.p;
	while (read_fixed(&r, 1) != 0)
		;
	c->code_align = read_uleb(&r);
	c->data_align = read_sleb(&r);
	if ((version == 1 ? read_fixed(&r, 1) : read_uleb(&r)) != REG_RA ||
			(version != 1 && version != 3))
		return false;
	c->pointers = 0;
	c->augmented = letters[0] == 'z';
	if (letters[0] != '\0' && !c->augmented)
		return false;
	if (c->augmented) {
		uint64_t n = read_uleb(&r);

		data = r;
		skip(&r, n);
		for (letters++; *letters != '\0'; letters++) {
			if (*letters == 'R')
				c->pointers = read_fixed(&data, 1);
			else if (*letters == 'P')
				skip_encoded(&data, read_fixed(&data, 1));
			else if (*letters == 'L')
				skip(&data, 1);
			else
				return false; /* S: a signal frame */
		}
		if (data.failed)
			return false;
	}
	c->code = r;
	return !r.failed;
}

/* What the table says at one place of a function. */
struct row {
	struct rule rule;
	uint64_t cfa_register;
	bool unusual; /* cfa_register does not tell, rule.base does */
	bool saved_unknown;
	bool outermost;
};

#define MAX_REMEMBERED 8

struct machine {
	struct row row;
	struct row initial; /* after the common part: what DW_CFA_restore goes back to */
	struct row remembered[MAX_REMEMBERED];
	unsigned int n_remembered;
	uint64_t at; /* bytes from the beginning of the function */
	const struct common *common;
};

/* "The frame pointer + offset", or what is in memory there. Nothing else is understood. */
static bool
read_expression(struct reader *r, int32_t *offset, bool *loaded)
{
	uint64_t n = read_uleb(r);
	struct reader e = *r;

	skip(r, n);
	if (r->failed)
		return false;
	e.end = r->p;
	if (read_fixed(&e, 1) != 0x76) /* DW_OP_breg6 */
		return false;
	*offset = read_sleb(&e);
	*loaded = e.p < e.end && read_fixed(&e, 1) == 0x06; /* DW_OP_deref */
	return !e.failed && e.p == e.end;
}

static void
set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	m->row.cfa_register = reg;
	m->row.rule.offset = offset;
	m->row.unusual = false;
}

static void
set_saved(struct machine *m, uint64_t reg, int64_t offset)
{
	if (reg == REG_FP) {
		m->row.rule.saved = SAVED_IN_FRAME;
		m->row.rule.saved_offset = offset;
		m->row.saved_unknown = false;
	} else if (reg == REG_RA) {
		/* It is always where the call put it. */
		m->row.outermost = offset != -(int64_t)WORD;
	}
}

static void
set_restored(struct machine *m, uint64_t reg)
{
	if (reg == REG_FP) {
		m->row.rule.saved = m->initial.rule.saved;
		m->row.rule.saved_offset = m->initial.rule.saved_offset;
		m->row.saved_unknown = m->initial.saved_unknown;
	} else if (reg == REG_RA) {
		m->row.outermost = m->initial.outermost;
	}
}

static void
set_unknown(struct machine *m, uint64_t reg)
{
	if (reg == REG_FP)
		m->row.saved_unknown = true;
	else if (reg == REG_RA)
		m->row.outermost = true;
}

static void
set_same(struct machine *m, uint64_t reg)
{
	if (reg == REG_FP) {
		m->row.rule.saved = SAVED_NOT;
		m->row.rule.saved_offset = 0;
		m->row.saved_unknown = false;
	}
}

static void
set_cfa_expression(struct machine *m, struct reader *r)
{
	int32_t offset;
	bool loaded;

	m->row.unusual = true;
	m->row.rule.base = BASE_NONE;
	if (!read_expression(r, &offset, &loaded) || !loaded)
		return;
	m->row.rule.base = BASE_AT_FP;
	m->row.rule.offset = offset;
}

static void
set_saved_expression(struct machine *m, struct reader *r)
{
	uint64_t reg = read_uleb(r);
	int32_t offset;
	bool loaded;

	if (!read_expression(r, &offset, &loaded) || loaded || reg != REG_FP) {
		set_unknown(m, reg);
		return;
	}
	m->row.rule.saved = SAVED_AT_FP;
	m->row.rule.saved_offset = offset;
	m->row.saved_unknown = false;
}

/* The rest of the instructions: see DWARF 4, 6.4.2. Returns false if one is not known. */
static bool
step_extended(struct machine *m, struct reader *r, uint8_t op)
{
	const int64_t unit = m->common->data_align;
	uint64_t reg;

	switch (op) {
	case 0x00: /* nop */
		return true;
	case 0x02: case 0x03: case 0x04: /* advance_loc1, 2, 4 */
		m->at += read_fixed(r, 1u << (op - 2)) * m->common->code_align;
		return true;
	case 0x05: /* offset_extended */
		reg = read_uleb(r);
		set_saved(m, reg, (int64_t)read_uleb(r) * unit);
		return true;
	case 0x06: /* restore_extended */
		set_restored(m, read_uleb(r));
		return true;
	case 0x07: /* undefined */
		set_unknown(m, read_uleb(r));
		return true;
	case 0x08: /* same_value */
		set_same(m, read_uleb(r));
		return true;
	case 0x09: /* register */
		set_unknown(m, read_uleb(r));
		read_uleb(r);
		return true;
	case 0x0a: /* remember_state */
		if (m->n_remembered == MAX_REMEMBERED)
			return false;
		m->remembered[m->n_remembered++] = m->row;
		return true;
	case 0x0b: /* restore_state */
		if (m->n_remembered == 0)
			return false;
		m->row = m->remembered[--m->n_remembered];
		return true;
	case 0x0c: /* def_cfa */
		reg = read_uleb(r);
		set_cfa(m, reg, read_uleb(r));
		return true;
	case 0x0d: /* def_cfa_register */
		set_cfa(m, read_uleb(r), m->row.rule.offset);
		return true;
	case 0x0e: /* def_cfa_offset */
		set_cfa(m, m->row.cfa_register, read_uleb(r));
		return true;
	case 0x0f: /* def_cfa_expression */
		set_cfa_expression(m, r);
		return true;
	case 0x10: /* expression */
		set_saved_expression(m, r);
		return true;
	case 0x11: /* offset_extended_sf */
		reg = read_uleb(r);
		set_saved(m, reg, read_sleb(r) * unit);
		return true;
	case 0x12: /* def_cfa_sf */
		reg = read_uleb(r);
		set_cfa(m, reg, read_sleb(r) * unit);
		return true;
	case 0x13: /* def_cfa_offset_sf */
		set_cfa(m, m->row.cfa_register, read_sleb(r) * unit);
		return true;
	case 0x14: case 0x15: /* val_offset, val_offset_sf */
		set_unknown(m, read_uleb(r));
		read_uleb(r);
		return true;
	case 0x16: /* val_expression */
		set_unknown(m, read_uleb(r));
		skip(r, read_uleb(r));
		return true;
	case 0x2e: /* GNU_args_size */
		read_uleb(r);
		return true;
	default:
		return false;
	}
}

/* Run up to the row for that many bytes from the beginning of the function. */
static bool
machine_run(struct machine *m, struct reader r, uint64_t until)
{
	while (r.p < r.end && m->at <= until && !r.failed) {
		uint8_t op = read_fixed(&r, 1), low = op & 0x3f;

		switch (op >> 6) {
		case 1: /* advance_loc */
			m->at += low * m->common->code_align;
			break;
		case 2: /* offset */
			set_saved(m, low, (int64_t)read_uleb(&r) * m->common->data_align);
			break;
		case 3: /* restore */
			set_restored(m, low);
			break;
		default:
			if (!step_extended(m, &r, op))
				return false;
		}
	}
	return !r.failed;
}

/* To the entry of its common part, a function's entry has the way back. */
FASTMEM_UNCHECKED static const void *
common_of(const void *entry)
{
	const uint8_t *p = (const uint8_t *)entry + 4;
	int32_t back;

	memcpy(&back, p, sizeof(back));
	return p - back;
}

/* What the table says of a return address. */
static struct rule
rule_find(uintptr_t pc)
{
	struct rule none;
	struct dwarf_eh_bases bases = { 0 }; /* MemorySanitizer does not see who writes it */
	struct common common;
	struct machine m;
	struct reader code;
	const void *entry;

	memset(&none, 0, sizeof(none)); /* rules are compared as bytes */
	none.base = BASE_NONE;
	/* The call is before the return address, which may be that of the next function. */
	entry = _Unwind_Find_FDE((void *)(pc - 1), &bases);
	if (entry == NULL || !common_read(&common, common_of(entry)))
		return none;
	enter(&code, entry);
	skip(&code, 4);
	skip_encoded(&code, common.pointers);
	skip_encoded(&code, common.pointers);
	if (common.augmented)
		skip(&code, read_uleb(&code));
	memset(&m, 0, sizeof(m));
	m.common = &common;
	if (code.failed || !machine_run(&m, common.code, UINT64_MAX))
		return none;
	m.initial = m.row;
	m.at = 0;
	if (!machine_run(&m, code, pc - 1 - (uintptr_t)bases.func) || m.row.outermost)
		return none;
	if (!m.row.unusual) {
		if (m.row.cfa_register != REG_SP && m.row.cfa_register != REG_FP)
			return none;
		m.row.rule.base = m.row.cfa_register == REG_SP ? BASE_SP : BASE_FP;
	}
	/* A frame pointer that is lost here is hardly ever needed above. */
	return m.row.saved_unknown ? none : m.row.rule;
}

static inline unsigned int
rule_place(uintptr_t pc)
{
	return pc * UINT64_C(0x9e3779b97f4a7c15) >> (64 - RULES_LOG2);
}

static rule_word __rte_noinline
rule_learn(uintptr_t pc)
{
	unsigned int place = rule_place(pc), i;
	struct rule rule;
	rule_word word;

	if (pc >> 48 != 0)
		return word_make(0, BASE_NONE, 0, 0);
	for (i = 0; i < N_PROBES; i++) {
		word = rte_atomic_load_explicit(&rules[place ^ i], rte_memory_order_acquire);
		if (word >> 16 == pc)
			return word;
		if (word == 0)
			break;
	}
	rule = rule_find(pc);
	word = word_of_rule(pc, &rule);
	/*
	 * With all places taken, the first one serves: that return address is learnt anew.
	 * Release: with its rare rule. Pairs with the acquire in rule_word_of().
	 */
	rte_atomic_store_explicit(&rules[i < N_PROBES ? place ^ i : place], word,
			rte_memory_order_release);
	return word;
}

static inline rule_word
rule_word_of(uintptr_t pc)
{
	/* Acquire: a rare rule is there before its word. Pairs with rule_learn(). */
	rule_word word = rte_atomic_load_explicit(&rules[rule_place(pc)], rte_memory_order_acquire);

	return likely(word >> 16 == pc) ? word : rule_learn(pc);
}

void
fastmem_unwind_forget(void)
{
	unsigned int i;

	for (i = 0; i < N_RULES; i++)
		rte_atomic_store_explicit(&rules[i], 0, rte_memory_order_relaxed);
}

#else

void
fastmem_unwind_forget(void)
{
}

#endif /* RTE_ARCH_X86_64 */

/* The walk. */

#if defined(RTE_ARCH_X86_64) || defined(RTE_ARCH_ARM64)

/* A thread that changes to another stack looks it up anew. */
__thread struct fastmem_stack_span fastmem_stack_span;

/* A number in hexadecimal digits. Returns what follows. */
static const char *
parse_hex(const char *s, const char *end, uintptr_t *value)
{
	for (*value = 0; s < end; s++) {
		unsigned int c = *s | 0x20;

		if (c - '0' < 10)
			*value = *value << 4 | (c - '0');
		else if (c - 'a' < 6)
			*value = *value << 4 | (c - 'a' + 10);
		else
			break;
	}
	return s;
}

/* Look for the mapping of this address in lines of the kernel's. Returns what is no whole line. */
static const char *
find_span(const char *line, const char *end, uintptr_t sp, struct fastmem_stack_span *span)
{
	const char *newline;

	while ((newline = memchr(line, '\n', end - line)) != NULL) {
		uintptr_t low, high = 0;
		const char *s = parse_hex(line, newline, &low);

		if (s < newline)
			parse_hex(s + 1, newline, &high);
		if (s < newline && low <= sp && sp < high) {
			span->low = low;
			span->high = high;
		}
		line = newline + 1;
	}
	return line;
}

/*
 * The mapping of this address, from what the kernel tells: pthread_getattr_np() would use
 * malloc, and knows nothing of stacks that a program has made itself.
 */
static bool __rte_noinline
stack_find(uintptr_t sp)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_stack_span *span = &fastmem_stack_span;
	char text[4096];
	size_t used = 0;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	span->low = span->high = 0;
	while (fd >= 0 && span->high == 0) {
		ssize_t n = read(fd, text + used, sizeof(text) - used);
		const char *rest;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		rest = find_span(text, text + used + n, sp, span);
		used = text + used + n - rest;
		/* So long is only the path of a file, which is of no interest. */
		if (used == sizeof(text))
			used = 0;
		memmove(text, rest, used);
	}
	if (fd >= 0)
		close(fd);
	return span->high != 0;
}

/* An empty walk from there. False: that is on no stack that is known. */
static inline bool
walk_begin(struct fastmem_walk *walk, uintptr_t from)
{
	const struct fastmem_stack_span *span = &fastmem_stack_span;

	walk->n = 0;
	walk->n_words = 0;
	return likely(from - span->low < span->high - span->low) || stack_find(from);
}

/* Whether a word is on the stack, above the walk's beginning. */
static inline bool
on_stack(uintptr_t word, uintptr_t from, uintptr_t high)
{
	return word >= from && word <= high - WORD && word % WORD == 0;
}

FASTMEM_UNCHECKED static inline uintptr_t
get(struct fastmem_walk *walk, uintptr_t word)
{
	uintptr_t value = *(const uintptr_t *)word;

	walk->words[walk->n_words] = (const uintptr_t *)word;
	walk->values[walk->n_words] = value;
	walk->n_words++;
	return value;
}

#endif

#ifdef RTE_ARCH_X86_64

static inline struct rule
rule_of_word(rule_word word)
{
	struct rule rule;

	if (unlikely((word >> 14 & 3) == BASE_AT_FP))
		return rare_rules[word >> 3 & (MAX_PLACE - 1)].rule;
	rule.base = word >> 14 & 3;
	rule.offset = word & 0x3ff8;
	rule.saved = word & 7 ? SAVED_IN_FRAME : SAVED_NOT;
	rule.saved_offset = -8 * ((int)(word & 7) + 1);
	return rule;
}

/* Of a frame: where it ends, and where the frame pointer that it was called with is. */
struct position {
	uintptr_t cfa;
	uintptr_t fp_word;
};

/* Up to the caller's frame. Returns false if there is no way. */
FASTMEM_UNCHECKED static inline bool
step_up(struct fastmem_walk *walk, struct position *at, const struct rule *rule,
		uintptr_t from, uintptr_t high)
{
	uintptr_t fp = 0, next = at->cfa + rule->offset;

	if (rule->base == BASE_NONE)
		return false;
	if (rule->base != BASE_SP || rule->saved == SAVED_AT_FP)
		fp = get(walk, at->fp_word);
	if (rule->base != BASE_SP)
		next = fp + rule->offset;
	if (rule->base == BASE_AT_FP) {
		if (!on_stack(next, from, high))
			return false;
		next = get(walk, next);
	}
	if (next <= at->cfa || !on_stack(next - WORD, from, high))
		return false;
	at->cfa = next;
	if (rule->saved == SAVED_NOT)
		return true;
	at->fp_word = (rule->saved == SAVED_AT_FP ? fp : next) + rule->saved_offset;
	return on_stack(at->fp_word, from, high);
}

FASTMEM_UNCHECKED void
fastmem_unwind(const uintptr_t *frame, const void *caller, unsigned int max,
		struct fastmem_walk *walk)
{
	const struct fastmem_stack_span *span = &fastmem_stack_span;
	const uintptr_t from = (uintptr_t)frame;
	struct position at = { from + 2 * WORD, from };
	struct rule rule;

	RTE_SET_USED(caller);
	if (!walk_begin(walk, from))
		return;
	do {
		uintptr_t pc = get(walk, at.cfa - WORD);

		if (pc == 0)
			return;
		walk->frames[walk->n++] = pc;
		if (walk->n == max)
			return;
		rule = rule_of_word(rule_word_of(pc));
	} while (step_up(walk, &at, &rule, from, span->high));
}

#elif defined(RTE_ARCH_ARM64)

/* Without the signature that it may carry, which a CPU that knows none leaves alone. */
static inline uintptr_t
strip(uintptr_t pc)
{
	register uintptr_t x30 asm("x30") = pc;

	asm("hint #7" : "+r"(x30)); /* xpaclri */
	return x30;
}

FASTMEM_UNCHECKED void
fastmem_unwind(const uintptr_t *frame, const void *caller, unsigned int max,
		struct fastmem_walk *walk)
{
	const struct fastmem_stack_span *span = &fastmem_stack_span;
	const uintptr_t from = (uintptr_t)frame;
	uintptr_t fp, next = from, pc;

	RTE_SET_USED(caller);
	if (!walk_begin(walk, from))
		return;
	do {
		fp = next;
		next = get(walk, fp);
		pc = strip(get(walk, fp + WORD));
		if (pc == 0)
			return;
		walk->frames[walk->n++] = pc;
	} while (walk->n < max && next > fp && on_stack(next, from, span->high) &&
		on_stack(next + WORD, from, span->high));
}

#else

#include <execinfo.h>

__thread struct fastmem_stack_span fastmem_stack_span; /* not known: empty */

#define MAX_INSIDE 8 /* functions from where it begins to this one */

void
fastmem_unwind(const uintptr_t *frame, const void *caller, unsigned int max,
		struct fastmem_walk *walk)
{
	void *frames[FASTMEM_UNWIND_MAX + MAX_INSIDE];
	int n = backtrace(frames, max + MAX_INSIDE), i;

	RTE_SET_USED(frame);
	walk->n_words = 0;
	walk->n = 0;
	for (i = 0; i < n && frames[i] != caller; i++)
		;
	for (; i < n && walk->n < max; i++)
		walk->frames[walk->n++] = (uintptr_t)frames[i];
}

#endif
