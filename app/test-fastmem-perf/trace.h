/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_TRACE_H
#define FASTMEM_TRACE_H

/*
 * Allocation traces: what a real program asked of its allocator, in order.
 *
 * In memory a trace is an array of operations. Objects have small reused ids below n_ids, so a
 * replayer keeps them in a table of n_ids pointers. A loaded trace is always consistent, however
 * damaged the file: an id is allocated while it is dead, and freed or reallocated while it lives,
 * every thread is below n_threads, every size is at least 1. Objects that still live after the
 * last operation are those the program never freed (or had not when the recording stopped).
 *
 * The file (all of it little endian; "varint" is LEB128):
 *
 *	8 bytes   magic "FMTRACE1"
 *	varints   n_ops, n_allocs, n_threads, n_ids, peak_live_bytes
 *	2 strings program, command (varint length, bytes)
 *	bytes     operations, one to three bytes each as a rule, see trace_codec.c
 *	8 bytes   checksum of everything before it
 *
 * Only the program that reads a trace needs this: no DPDK, no other library.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRACE_PROGRAM_LEN 64
#define TRACE_COMMAND_LEN 512
#define TRACE_ERROR_LEN 192
#define TRACE_MAX_THREADS 65535u
#define TRACE_MAX_ALIGN_LOG2 30

enum trace_op_type {
	TRACE_ALLOC,	/* id comes to life; contents undefined */
	TRACE_ZALLOC,	/* id comes to life; contents zero */
	TRACE_REALLOC,	/* id stays the same, its size becomes `size` */
	TRACE_FREE,	/* id dies; size and align_log2 are 0 */
};

struct trace_op {
	uint8_t op;		/* enum trace_op_type */
	uint8_t align_log2;	/* 0: the allocator's default (rte_malloc's align 0) */
	uint16_t thread;	/* who called, below n_threads */
	uint32_t id;		/* below n_ids */
	uint32_t size;		/* as asked for, at least 1 */
};

struct trace {
	struct trace_op *ops;	/* in the order in which the program made the calls */
	size_t n_ops;
	size_t n_allocs;	/* TRACE_ALLOC and TRACE_ZALLOC among them */
	unsigned int n_threads;
	uint32_t n_ids;		/* most objects alive at once */
	uint64_t peak_live_bytes;	/* largest sum of sizes of live objects */
	char program[TRACE_PROGRAM_LEN];
	char command[TRACE_COMMAND_LEN];
	char error[TRACE_ERROR_LEN];	/* after a failed call: what was wrong */
};

/**
 * Load a trace file, or the log that the recorder leaves (see recorder/record_log.h).
 *
 * @return
 *   0; or a negative errno with trace->error set and nothing to free.
 */
int trace_load(const char *path, struct trace *trace);

/** Decode a trace file that is in memory; as trace_load(). */
int trace_decode(const void *data, size_t len, struct trace *trace);

/* What became of the calls in a recorder's log that are no operations of the trace. */
struct trace_log_stats {
	uint64_t n_entries;		/* in the log */
	uint64_t n_beyond;		/* calls the program made after the log was full */
	uint64_t n_unfinished;		/* the program ended within the call */
	uint64_t n_unknown_frees;	/* of objects from before or outside the recording */
	uint64_t n_unseen_frees;	/* address handed out again, its free not seen: put in */
	uint64_t n_too_large;		/* allocations of 4 GiB and more, left out */
};

/**
 * Make a trace of a recorder's log that is in memory, of its first @p max_ops operations or of
 * all (0). As trace_decode().
 */
int trace_from_log(const void *data, size_t len, size_t max_ops, struct trace *trace,
	struct trace_log_stats *stats);

/** Read a whole file into memory that the caller frees; errors as trace_load(). */
int trace_read_file(const char *path, void **data, size_t *len, struct trace *trace);

/** True when the bytes are a recorder's log. */
bool trace_is_log(const void *data, size_t len);

/** Write the trace to a file. 0, or a negative errno with trace->error set. */
int trace_save(struct trace *trace, const char *path);

/** Encode into memory that the caller frees with free(). 0, -ENOMEM, or -EINVAL (bad trace). */
int trace_encode(struct trace *trace, void **data, size_t *len);

/** Free what a trace owns; harmless on a zeroed or freed one. */
void trace_free(struct trace *trace);

/** The file's checksum over @p len bytes. */
uint64_t trace_checksum(const void *data, size_t len);

/*
 * Builder: makes a trace call by call and gives out the ids. A dead id is reused last in, first
 * out, which is why the file need not hold the ids of allocations.
 */
struct trace_builder {
	struct trace *trace;
	uint32_t *size_of;	/* by id: current size, 0 when dead */
	uint32_t *dead;		/* stack of dead ids */
	uint32_t n_dead;
	uint32_t ids_room;	/* allocated length of size_of and dead */
	size_t ops_room;
	size_t max_ops;		/* refuse more: -ENOSPC. 0: no bound */
	uint64_t live_bytes;
};

/** Start an empty trace. The trace is zeroed; free it with trace_free(). */
void trace_build_begin(struct trace_builder *b, struct trace *trace);

/** Add an allocation; 0 and its id, -EINVAL, -ENOMEM or -ENOSPC. Size 0 counts as 1. */
int trace_build_alloc(struct trace_builder *b, unsigned int thread, uint32_t size,
	unsigned int align_log2, bool zero, uint32_t *id);

/** Add a reallocation of a live id; -EINVAL when it is not alive. */
int trace_build_realloc(struct trace_builder *b, unsigned int thread, uint32_t id, uint32_t size,
	unsigned int align_log2);

/** Add a free of a live id; -EINVAL when it is not alive. */
int trace_build_free(struct trace_builder *b, unsigned int thread, uint32_t id);

/** Release what only building needed; the trace stays. */
void trace_build_end(struct trace_builder *b);

#ifdef __cplusplus
}
#endif

#endif /* FASTMEM_TRACE_H */
