/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The coding of a trace file.
 *
 * Each alloc or realloc gives its object the next birth number. An object to be freed or
 * reallocated is named by its birth: counted back from the newest (short lives), or from the birth
 * freed before (lists torn down). A request's shape, that is size, alignment and zeroing, is a
 * position in a move-to-front list. So most operations take one or two bytes:
 *
 *	00vvvvvv  alloc, shape v; v = 63: a new shape follows
 *	01vvvvvv  free, v births before the newest
 *	10vvvvvv  free, zigzag v births from the one after the last freed
 *	110vvvvv  realloc, v births before the newest; a shape byte follows (255: a new shape)
 *	1110vvvv  the operations that follow are thread v's; to begin with they are thread 0's
 *	11111111  end
 *
 * where an all-ones v means that v is a varint in the following bytes plus that all-ones number.
 * A new shape is a byte (bits 0-5 log2 of the alignment, bit 7 zeroing) and the size as a varint.
 *
 * The decoder trusts nothing: it reads within bounds and builds with trace_build_*(), which
 * refuses whatever would make the trace inconsistent.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"
#include "trace_private.h"

#define MAGIC "FMTRACE1"
#define MAGIC_LEN 8
#define CHECKSUM_LEN 8

#define CODE_ALLOC 0x00u
#define CODE_FREE_BACK 0x40u
#define CODE_FREE_STEP 0x80u
#define CODE_REALLOC 0xc0u
#define CODE_THREAD 0xe0u
#define CODE_END 0xffu

#define SHAPES 255u		/* a shape byte of 255 says that the shape is new */
#define SHAPE_ZERO 0x80u
#define SHAPE_ALIGN 0x3fu

#define BIRTH_DEAD UINT32_MAX

struct shape {
	uint32_t size;
	uint8_t flags;
};

/* What both sides keep, in step. */
struct codec {
	struct shape shapes[SHAPES];	/* most recent first */
	uint32_t n_shapes;
	uint32_t thread;
	uint32_t births;
	uint32_t last_freed;		/* birth */
};

struct sink {
	uint8_t *data;
	size_t len, room;
	bool failed;
};

struct source {
	const uint8_t *data;
	size_t at, len;
	bool failed;
};

uint64_t
trace_checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Shapes */

static void
move_to_front(struct codec *c, uint32_t from, struct shape shape)
{
	memmove(&c->shapes[1], &c->shapes[0], from * sizeof(shape));
	c->shapes[0] = shape;
}

static void
add_shape(struct codec *c, struct shape shape)
{
	if (c->n_shapes < SHAPES)
		c->n_shapes++;
	move_to_front(c, c->n_shapes - 1, shape);
}

/* Its position, or SHAPES when it is not in the first `limit`. */
static uint32_t
find_shape(const struct codec *c, struct shape shape, uint32_t limit)
{
	for (uint32_t i = 0; i < c->n_shapes && i < limit; i++)
		if (c->shapes[i].size == shape.size && c->shapes[i].flags == shape.flags)
			return i;
	return SHAPES;
}

/* Writing */

static void
put_byte(struct sink *out, uint8_t byte)
{
	if (out->failed)
		return;
	if (out->len == out->room) {
		size_t room = out->room == 0 ? 65536 : out->room * 2;
		uint8_t *data = realloc(out->data, room);

		if (data == NULL) {
			out->failed = true;
			return;
		}
		out->data = data;
		out->room = room;
	}
	out->data[out->len++] = byte;
}

static void
put_varint(struct sink *out, uint64_t value)
{
	while (value >= 0x80) {
		put_byte(out, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	put_byte(out, (uint8_t)value);
}

static void
put_string(struct sink *out, const char *string)
{
	size_t len = strlen(string);

	put_varint(out, len);
	for (size_t i = 0; i < len; i++)
		put_byte(out, (uint8_t)string[i]);
}

/* A code with a value in its low bits, or behind it when it does not fit there. */
static void
put_code(struct sink *out, uint8_t code, uint32_t all_ones, uint64_t value)
{
	if (value < all_ones) {
		put_byte(out, code | (uint8_t)value);
	} else {
		put_byte(out, code | (uint8_t)all_ones);
		put_varint(out, value - all_ones);
	}
}

static void
put_new_shape(struct codec *c, struct sink *out, struct shape shape)
{
	put_byte(out, shape.flags);
	put_varint(out, shape.size);
	add_shape(c, shape);
}

static struct shape
shape_of(const struct trace_op *op)
{
	return (struct shape) {
		.size = op->size,
		.flags = op->align_log2 | (op->op == TRACE_ZALLOC ? SHAPE_ZERO : 0),
	};
}

static void
put_alloc(struct codec *c, struct sink *out, struct shape shape)
{
	uint32_t at = find_shape(c, shape, 63);

	if (at == SHAPES) {
		put_byte(out, CODE_ALLOC | 63);
		put_new_shape(c, out, shape);
	} else {
		put_byte(out, CODE_ALLOC | (uint8_t)at);
		move_to_front(c, at, shape);
	}
}

static void
put_realloc(struct codec *c, struct sink *out, struct shape shape, uint32_t birth)
{
	uint32_t at = find_shape(c, shape, SHAPES);

	put_code(out, CODE_REALLOC, 31, c->births - 1 - birth);
	put_byte(out, (uint8_t)at);
	if (at == SHAPES)
		put_new_shape(c, out, shape);
	else
		move_to_front(c, at, shape);
}

static uint64_t
zigzag(int64_t value)
{
	return value < 0 ? (uint64_t)(-value) * 2 - 1 : (uint64_t)value * 2;
}

static int64_t
unzigzag(uint64_t code)
{
	return (code & 1) != 0 ? -(int64_t)(code / 2) - 1 : (int64_t)(code / 2);
}

static void
put_free(struct codec *c, struct sink *out, uint32_t birth)
{
	uint64_t back = c->births - 1 - birth;
	uint64_t step = zigzag((int64_t)birth - (int64_t)c->last_freed - 1);

	if (back <= step)
		put_code(out, CODE_FREE_BACK, 63, back);
	else
		put_code(out, CODE_FREE_STEP, 63, step);
	c->last_freed = birth;
}

static int
put_op(struct codec *c, struct sink *out, const struct trace_op *op, uint32_t *birth_of)
{
	bool dies = op->op == TRACE_FREE;
	bool is_born = op->op == TRACE_ALLOC || op->op == TRACE_ZALLOC;

	if (op->op > TRACE_FREE || op->align_log2 > TRACE_MAX_ALIGN_LOG2 ||
			(birth_of[op->id] == BIRTH_DEAD) != is_born || (!dies && op->size == 0))
		return -EINVAL;
	if (op->thread != c->thread) {
		put_code(out, CODE_THREAD, 15, op->thread);
		c->thread = op->thread;
	}
	if (dies) {
		put_free(c, out, birth_of[op->id]);
		birth_of[op->id] = BIRTH_DEAD;
		return 0;
	}
	if (is_born)
		put_alloc(c, out, shape_of(op));
	else
		put_realloc(c, out, shape_of(op), birth_of[op->id]);
	birth_of[op->id] = c->births++;
	return 0;
}

static int
put_ops(struct trace *trace, struct sink *out)
{
	struct codec codec = {0};
	uint32_t *birth_of = malloc((size_t)trace->n_ids * sizeof(*birth_of) + 1);
	int ret = 0;

	if (birth_of == NULL)
		return trace_fail(trace, -ENOMEM, "out of memory");
	memset(birth_of, 0xff, (size_t)trace->n_ids * sizeof(*birth_of));
	for (size_t i = 0; i < trace->n_ops && ret == 0; i++) {
		if (trace->ops[i].id < trace->n_ids)
			ret = put_op(&codec, out, &trace->ops[i], birth_of);
		else
			ret = -EINVAL;
		if (ret != 0)
			trace_fail(trace, ret, "operation %zu is inconsistent", i);
	}
	put_byte(out, CODE_END);
	free(birth_of);
	return ret;
}

int
trace_encode(struct trace *trace, void **data, size_t *len)
{
	struct sink out = {0};
	uint64_t checksum;
	int ret;

	if (trace->n_ops >= BIRTH_DEAD)
		return trace_fail(trace, -EINVAL, "%zu operations are too many", trace->n_ops);
	for (unsigned int i = 0; i < MAGIC_LEN; i++)
		put_byte(&out, MAGIC[i]);
	put_varint(&out, trace->n_ops);
	put_varint(&out, trace->n_allocs);
	put_varint(&out, trace->n_threads);
	put_varint(&out, trace->n_ids);
	put_varint(&out, trace->peak_live_bytes);
	put_string(&out, trace->program);
	put_string(&out, trace->command);
	ret = put_ops(trace, &out);
	checksum = trace_checksum(out.data, out.len);
	for (unsigned int i = 0; i < CHECKSUM_LEN; i++)
		put_byte(&out, (uint8_t)(checksum >> (8 * i)));
	if (ret == 0 && out.failed)
		ret = trace_fail(trace, -ENOMEM, "out of memory");
	if (ret != 0) {
		free(out.data);
		return ret;
	}
	*data = out.data;
	*len = out.len;
	return 0;
}

/* Reading */

static uint8_t
get_byte(struct source *in)
{
	if (in->at >= in->len) {
		in->failed = true;
		return 0;
	}
	return in->data[in->at++];
}

static uint64_t
get_varint(struct source *in)
{
	uint64_t value = 0;
	uint8_t byte;

	for (unsigned int shift = 0; shift < 56; shift += 7) {
		byte = get_byte(in);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	in->failed = true; /* longer than any number that is written */
	return 0;
}

static void
get_string(struct source *in, char *string, size_t room)
{
	uint64_t len = get_varint(in);

	if (in->failed || len >= room || len > in->len - in->at) {
		in->failed = true;
		return;
	}
	memcpy(string, in->data + in->at, len);
	string[len] = '\0';
	in->at += len;
}

static uint64_t
get_value(struct source *in, uint8_t code, uint32_t all_ones)
{
	uint64_t value = code & all_ones;

	return value == all_ones ? all_ones + get_varint(in) : value;
}

static struct shape
get_new_shape(struct codec *c, struct source *in)
{
	struct shape shape = { .flags = get_byte(in) };
	uint64_t size = get_varint(in);

	if (size == 0 || size > UINT32_MAX || (shape.flags & ~(SHAPE_ZERO | SHAPE_ALIGN)) != 0)
		in->failed = true;
	shape.size = (uint32_t)size;
	add_shape(c, shape);
	return shape;
}

static struct shape
get_shape(struct codec *c, struct source *in, uint32_t at)
{
	struct shape shape = {0};

	if (at >= c->n_shapes) {
		in->failed = true;
		return shape;
	}
	shape = c->shapes[at];
	move_to_front(c, at, shape);
	return shape;
}

/* Births as the decoder sees them: which id each one is, or BIRTH_DEAD. */
struct births {
	uint32_t *id_of;
	uint32_t room;
};

static int
record_birth(struct codec *c, struct births *births, uint32_t id)
{
	if (c->births == births->room) {
		uint32_t room = births->room == 0 ? 4096 : births->room * 2;
		uint32_t *id_of;

		if (room < births->room)
			return -ENOMEM;
		id_of = realloc(births->id_of, (size_t)room * sizeof(*id_of));
		if (id_of == NULL)
			return -ENOMEM;
		births->id_of = id_of;
		births->room = room;
	}
	births->id_of[c->births++] = id;
	return 0;
}

/* Ends the birth and says whose it was; BIRTH_DEAD when there is no such living object. */
static uint32_t
end_birth(const struct codec *c, struct births *births, int64_t birth)
{
	uint32_t id;

	if (birth < 0 || birth >= (int64_t)c->births)
		return BIRTH_DEAD;
	id = births->id_of[birth];
	births->id_of[birth] = BIRTH_DEAD;
	return id;
}

static int
get_alloc(struct codec *c, struct source *in, uint8_t code, struct births *births,
	struct trace_builder *b)
{
	uint32_t at = code & 63, id;
	struct shape shape = at == 63 ? get_new_shape(c, in) : get_shape(c, in, at);
	int ret;

	if (in->failed)
		return -EINVAL;
	ret = trace_build_alloc(b, c->thread, shape.size, shape.flags & SHAPE_ALIGN,
		(shape.flags & SHAPE_ZERO) != 0, &id);
	return ret != 0 ? ret : record_birth(c, births, id);
}

static int
get_realloc(struct codec *c, struct source *in, uint8_t code, struct births *births,
	struct trace_builder *b)
{
	int64_t birth = (int64_t)c->births - 1 - (int64_t)get_value(in, code, 31);
	uint32_t at = get_byte(in), id;
	struct shape shape = at == SHAPES ? get_new_shape(c, in) : get_shape(c, in, at);
	int ret;

	if (in->failed || (shape.flags & SHAPE_ZERO) != 0)
		return -EINVAL;
	id = end_birth(c, births, birth);
	if (id == BIRTH_DEAD)
		return -EINVAL;
	ret = trace_build_realloc(b, c->thread, id, shape.size, shape.flags & SHAPE_ALIGN);
	return ret != 0 ? ret : record_birth(c, births, id);
}

static int
get_free(struct codec *c, struct source *in, uint8_t code, struct births *births,
	struct trace_builder *b)
{
	uint64_t value = get_value(in, code, 63);
	int64_t birth;
	uint32_t id;

	if ((code & 0xc0) == CODE_FREE_BACK)
		birth = (int64_t)c->births - 1 - (int64_t)value;
	else
		birth = (int64_t)c->last_freed + 1 + unzigzag(value);
	if (in->failed)
		return -EINVAL;
	id = end_birth(c, births, birth);
	if (id == BIRTH_DEAD)
		return -EINVAL;
	c->last_freed = (uint32_t)birth;
	return trace_build_free(b, c->thread, id);
}

static int
get_thread(struct codec *c, struct source *in, uint8_t code)
{
	uint64_t thread = get_value(in, code, 15);

	if (in->failed || thread >= TRACE_MAX_THREADS)
		return -EINVAL;
	c->thread = (uint32_t)thread;
	return 0;
}

static int
get_op(struct codec *c, struct source *in, uint8_t code, struct births *births,
	struct trace_builder *b)
{
	switch (code & 0xc0) {
	case CODE_ALLOC:
		return get_alloc(c, in, code, births, b);
	case CODE_FREE_BACK:
	case CODE_FREE_STEP:
		return get_free(c, in, code, births, b);
	}
	if ((code & 0xe0) == CODE_REALLOC)
		return get_realloc(c, in, code, births, b);
	if ((code & 0xf0) == CODE_THREAD)
		return get_thread(c, in, code);
	return -EINVAL;
}

static int
get_ops(struct source *in, struct trace_builder *b)
{
	struct trace *trace = b->trace;
	struct codec codec = {0};
	struct births births = {0};
	size_t at;
	int ret = 0;

	while (ret == 0) {
		uint8_t code;

		at = in->at;
		code = get_byte(in);
		if (in->failed)
			ret = trace_fail(trace, -EINVAL, "truncated after operation %zu",
				trace->n_ops);
		else if (code == CODE_END)
			break;
		else
			ret = get_op(&codec, in, code, &births, b);
	}
	if (ret == -ENOMEM)
		trace_fail(trace, ret, "out of memory");
	else if (ret != 0 && trace->error[0] == '\0')
		trace_fail(trace, ret, "operation %zu, at byte %zu, is %s", trace->n_ops, at,
			in->failed ? "truncated or malformed" :
			"of an unknown kind or of an object that is not alive");
	free(births.id_of);
	return ret;
}

/* The header's figures, for what the operations themselves add up to. */
static int
check_totals(const struct trace *said, struct trace *trace)
{
	if (said->n_ops != trace->n_ops || said->n_allocs != trace->n_allocs ||
			said->n_threads != trace->n_threads || said->n_ids != trace->n_ids ||
			said->peak_live_bytes != trace->peak_live_bytes)
		return trace_fail(trace, -EINVAL, "header does not match the operations");
	memcpy(trace->program, said->program, sizeof(trace->program));
	memcpy(trace->command, said->command, sizeof(trace->command));
	return 0;
}

static int
check_frame(const uint8_t *bytes, size_t len, struct trace *trace)
{
	uint64_t checksum = 0;

	if (len < MAGIC_LEN || memcmp(bytes, MAGIC, MAGIC_LEN) != 0)
		return trace_fail(trace, -EINVAL, "not a fastmem trace");
	if (len < MAGIC_LEN + CHECKSUM_LEN)
		return trace_fail(trace, -EINVAL, "truncated");
	for (unsigned int i = 0; i < CHECKSUM_LEN; i++)
		checksum |= (uint64_t)bytes[len - CHECKSUM_LEN + i] << (8 * i);
	if (checksum != trace_checksum(bytes, len - CHECKSUM_LEN))
		return trace_fail(trace, -EINVAL, "truncated or corrupted: wrong checksum");
	return 0;
}

int
trace_decode(const void *data, size_t len, struct trace *trace)
{
	struct source in = { .data = data, .at = MAGIC_LEN };
	struct trace said = {0};
	struct trace_builder b;
	int ret;

	trace_build_begin(&b, trace);
	ret = check_frame(data, len, trace);
	if (ret != 0)
		return ret;
	in.len = len - CHECKSUM_LEN;
	said.n_ops = get_varint(&in);
	said.n_allocs = get_varint(&in);
	said.n_threads = (unsigned int)get_varint(&in);
	said.n_ids = (uint32_t)get_varint(&in);
	said.peak_live_bytes = get_varint(&in);
	get_string(&in, said.program, sizeof(said.program));
	get_string(&in, said.command, sizeof(said.command));
	if (in.failed)
		return trace_fail(trace, -EINVAL, "malformed header");
	ret = get_ops(&in, &b);
	if (ret == 0 && in.at != in.len)
		ret = trace_fail(trace, -EINVAL, "%zu bytes follow the end", in.len - in.at);
	if (ret == 0)
		ret = check_totals(&said, trace);
	trace_build_end(&b);
	if (ret != 0)
		trace_free(trace);
	return ret;
}
