/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Traces in memory: the builder, through which every trace comes to be, whether recorded, decoded
 * or made up by a test, and which therefore is the one place that keeps a trace consistent; and
 * reading and writing of files as a whole. The coding of a file is trace_codec.c's.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"
#include "trace_private.h"

int
trace_fail(struct trace *trace, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(trace->error, sizeof(trace->error), format, args);
	va_end(args);
	return err;
}

void
trace_free(struct trace *trace)
{
	free(trace->ops);
	trace->ops = NULL;
	trace->n_ops = 0;
}

void
trace_build_begin(struct trace_builder *b, struct trace *trace)
{
	memset(b, 0, sizeof(*b));
	memset(trace, 0, sizeof(*trace));
	b->trace = trace;
}

void
trace_build_end(struct trace_builder *b)
{
	free(b->size_of);
	free(b->dead);
	b->size_of = NULL;
	b->dead = NULL;
}

static int
grow_ids(struct trace_builder *b)
{
	uint32_t room = b->ids_room == 0 ? 1024 : b->ids_room * 2;
	uint32_t *size_of, *dead;

	if (room < b->ids_room)
		return -ENOMEM;
	size_of = realloc(b->size_of, (size_t)room * sizeof(*size_of));
	if (size_of == NULL)
		return -ENOMEM;
	b->size_of = size_of;
	dead = realloc(b->dead, (size_t)room * sizeof(*dead));
	if (dead == NULL)
		return -ENOMEM;
	b->dead = dead;
	b->ids_room = room;
	return 0;
}

static int
append_op(struct trace_builder *b, const struct trace_op *op)
{
	struct trace *trace = b->trace;

	if (b->max_ops != 0 && trace->n_ops >= b->max_ops)
		return -ENOSPC;
	if (trace->n_ops == b->ops_room) {
		size_t room = b->ops_room == 0 ? 4096 : b->ops_room * 2;
		struct trace_op *ops = realloc(trace->ops, room * sizeof(*ops));

		if (ops == NULL)
			return -ENOMEM;
		trace->ops = ops;
		b->ops_room = room;
	}
	trace->ops[trace->n_ops++] = *op;
	if (op->thread >= trace->n_threads)
		trace->n_threads = op->thread + 1u;
	return 0;
}

static void
count_live(struct trace_builder *b, uint32_t id, uint32_t size)
{
	b->live_bytes += size;
	b->live_bytes -= b->size_of[id];
	b->size_of[id] = size;
	if (b->live_bytes > b->trace->peak_live_bytes)
		b->trace->peak_live_bytes = b->live_bytes;
}

static bool
is_alive(const struct trace_builder *b, uint32_t id)
{
	return id < b->trace->n_ids && b->size_of[id] != 0;
}

int
trace_build_alloc(struct trace_builder *b, unsigned int thread, uint32_t size,
	unsigned int align_log2, bool zero, uint32_t *id)
{
	struct trace *trace = b->trace;
	struct trace_op op = {
		.op = zero ? TRACE_ZALLOC : TRACE_ALLOC,
		.align_log2 = align_log2,
		.thread = thread,
		.size = size == 0 ? 1 : size,
	};
	int ret;

	if (thread >= TRACE_MAX_THREADS || align_log2 > TRACE_MAX_ALIGN_LOG2)
		return -EINVAL;
	if (b->n_dead == 0 && trace->n_ids == b->ids_room) {
		ret = grow_ids(b);
		if (ret != 0)
			return ret;
	}
	op.id = b->n_dead > 0 ? b->dead[b->n_dead - 1] : trace->n_ids;
	ret = append_op(b, &op);
	if (ret != 0)
		return ret;
	if (b->n_dead > 0) {
		b->n_dead--;
	} else {
		b->size_of[op.id] = 0;
		trace->n_ids++;
	}
	trace->n_allocs++;
	count_live(b, op.id, op.size);
	*id = op.id;
	return 0;
}

int
trace_build_realloc(struct trace_builder *b, unsigned int thread, uint32_t id, uint32_t size,
	unsigned int align_log2)
{
	struct trace_op op = {
		.op = TRACE_REALLOC,
		.align_log2 = align_log2,
		.thread = thread,
		.id = id,
		.size = size == 0 ? 1 : size,
	};
	int ret;

	if (thread >= TRACE_MAX_THREADS || align_log2 > TRACE_MAX_ALIGN_LOG2 || !is_alive(b, id))
		return -EINVAL;
	ret = append_op(b, &op);
	if (ret == 0)
		count_live(b, id, op.size);
	return ret;
}

int
trace_build_free(struct trace_builder *b, unsigned int thread, uint32_t id)
{
	struct trace_op op = {
		.op = TRACE_FREE,
		.thread = thread,
		.id = id,
	};
	int ret;

	if (thread >= TRACE_MAX_THREADS || !is_alive(b, id))
		return -EINVAL;
	ret = append_op(b, &op);
	if (ret != 0)
		return ret;
	count_live(b, id, 0);
	b->dead[b->n_dead++] = id;
	return 0;
}

/* Read a whole file; a pipe or a device is as good as a regular file. */
int
trace_read_file(const char *path, void **data, size_t *len, struct trace *trace)
{
	size_t room = 1 << 16, used = 0, got;
	char *buffer = NULL, *bigger;
	FILE *file;
	int ret;

	file = fopen(path, "rb");
	if (file == NULL) {
		ret = -errno;
		return trace_fail(trace, ret, "%s: %s", path, strerror(-ret));
	}
	do {
		room *= 2;
		bigger = realloc(buffer, room);
		if (bigger == NULL) {
			ret = trace_fail(trace, -ENOMEM, "%s: out of memory", path);
			goto out;
		}
		buffer = bigger;
		got = fread(buffer + used, 1, room - used, file);
		used += got;
	} while (used == room);
	if (ferror(file)) {
		ret = trace_fail(trace, -EIO, "%s: read error", path);
		goto out;
	}
	*data = buffer;
	*len = used;
	buffer = NULL;
	ret = 0;
out:
	free(buffer);
	fclose(file);
	return ret;
}

int
trace_load(const char *path, struct trace *trace)
{
	char reason[TRACE_ERROR_LEN];
	struct trace_log_stats stats;
	size_t len = 0;
	void *data = NULL;
	int ret;

	memset(trace, 0, sizeof(*trace));
	ret = trace_read_file(path, &data, &len, trace);
	if (ret != 0)
		return ret;
	if (trace_is_log(data, len))
		ret = trace_from_log(data, len, 0, trace, &stats);
	else
		ret = trace_decode(data, len, trace);
	free(data);
	if (ret != 0) {
		memcpy(reason, trace->error, sizeof(reason));
		trace_fail(trace, ret, "%.80s: %.100s", path, reason);
	}
	return ret;
}

int
trace_save(struct trace *trace, const char *path)
{
	size_t len;
	void *data;
	FILE *file;
	int ret;

	ret = trace_encode(trace, &data, &len);
	if (ret != 0)
		return ret;
	file = fopen(path, "wb");
	if (file == NULL) {
		ret = -errno;
		trace_fail(trace, ret, "%s: %s", path, strerror(-ret));
		goto out;
	}
	if (fwrite(data, 1, len, file) != len)
		ret = -EIO;
	if (fclose(file) != 0)
		ret = -EIO;
	if (ret != 0)
		trace_fail(trace, ret, "%s: write error", path);
out:
	free(data);
	return ret;
}
