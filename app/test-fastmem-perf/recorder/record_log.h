/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_RECORD_LOG_H
#define FASTMEM_RECORD_LOG_H

/*
 * The log that the recorder writes while the recorded program runs: a file mapped shared, one
 * entry per call in the order of a counter that lies in its header. So there is nothing to flush:
 * however the program ends, by exit, _exit or a signal, what it did is in the file. The file is
 * sparse and as long as the most calls it may hold.
 *
 * An allocation takes its place in the order after the allocator returned, a free before the
 * allocator is called. So no address is handed out again in the log before it was freed in it.
 * For the same reason a realloc is two entries: the old object goes, the new one comes.
 *
 * Trace files are made from it by trace_load(); it names addresses and is many times their size.
 * Byte order is the machine's.
 */

#include <stdatomic.h>
#include <stdint.h>

#define RECORD_LOG_MAGIC "FMRECLOG"
#define RECORD_LOG_MAGIC_LEN 8
#define RECORD_LOG_VERSION 1u

enum record_kind {
	RECORD_NONE,		/* a call that never came to its end */
	RECORD_ALLOC,
	RECORD_ZALLOC,
	RECORD_FREE,
	RECORD_REALLOC_FROM,	/* address: the old object */
	RECORD_REALLOC_TO,	/* same thread; address 0: it failed, the old object lives on */
};

struct record_entry {
	uint64_t address;
	uint32_t size;		/* UINT32_MAX stands for any size above it */
	uint16_t thread;	/* in the order in which threads made their first call */
	uint8_t align_log2;	/* 0: default */
	_Atomic uint8_t kind;	/* enum record_kind; written last */
};

struct record_log {
	char magic[RECORD_LOG_MAGIC_LEN];
	uint32_t version;
	uint32_t entry_size;
	uint64_t capacity;	/* entries that follow the header */
	uint64_t skip;		/* calls that went before the first entry */
	_Atomic uint64_t n_calls;	/* counts on past skip + capacity */
	char program[64];
	char command[512];
	char reserved[4096 - 104 - 512];
};

_Static_assert(sizeof(struct record_entry) == 16, "entries are packed");
_Static_assert(sizeof(struct record_log) == 4096, "entries start on a page");

#endif /* FASTMEM_RECORD_LOG_H */
