/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a trace file promises: it holds exactly what was recorded, and a file that is damaged in
 * whatever way is refused with a reason, never believed and never a crash.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

#define N_OPS 20000
#define N_THREADS 5

#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: not true: %s\n", __func__, __LINE__, #condition); \
		return -1; \
	} \
} while (0)

static uint64_t random_state = 1;

static uint32_t
random_below(uint32_t bound)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 33) % bound);
}

static uint32_t
random_size(void)
{
	switch (random_below(8)) {
	case 0:
		return UINT32_MAX - random_below(3);
	case 1:
		return random_below(1 << 20) + 1;
	default:
		return (random_below(40) + 1) * 16;
	}
}

/* Random calls, with the live ids kept in a list of the test's own. */
static int
make_random_trace(struct trace *trace, unsigned int n_ops)
{
	uint32_t *alive = calloc(n_ops, sizeof(*alive));
	struct trace_builder b;
	uint32_t n_alive = 0;
	int ret = alive == NULL ? -ENOMEM : 0;

	trace_build_begin(&b, trace);
	snprintf(trace->program, sizeof(trace->program), "random");
	snprintf(trace->command, sizeof(trace->command), "random --ops %u", n_ops);
	for (unsigned int i = 0; i < n_ops && ret == 0; i++) {
		unsigned int thread = random_below(N_THREADS);
		uint32_t what = random_below(100), pick = n_alive ? random_below(n_alive) : 0;

		if (n_alive == 0 || what < 52) {
			ret = trace_build_alloc(&b, thread, random_size(), random_below(13),
				what % 2, &alive[n_alive]);
			n_alive++;
		} else if (what < 60) {
			ret = trace_build_realloc(&b, thread, alive[pick], random_size(), 0);
		} else {
			ret = trace_build_free(&b, thread, alive[pick]);
			alive[pick] = alive[--n_alive];
		}
	}
	trace_build_end(&b);
	free(alive);
	return ret;
}

static bool
are_equal(const struct trace *a, const struct trace *b)
{
	if (a->n_ops != b->n_ops || a->n_allocs != b->n_allocs || a->n_threads != b->n_threads ||
			a->n_ids != b->n_ids || a->peak_live_bytes != b->peak_live_bytes ||
			strcmp(a->program, b->program) != 0 || strcmp(a->command, b->command) != 0)
		return false;
	for (size_t i = 0; i < a->n_ops; i++) {
		const struct trace_op *x = &a->ops[i], *y = &b->ops[i];

		if (x->op != y->op || x->align_log2 != y->align_log2 || x->thread != y->thread ||
				x->id != y->id || x->size != y->size)
			return false;
	}
	return true;
}

/* Refused, with a reason, and nothing left to free. */
static bool
is_refused(const void *data, size_t len)
{
	struct trace trace;
	int ret = trace_decode(data, len, &trace);

	if (ret == 0) {
		trace_free(&trace);
		return false;
	}
	return trace.ops == NULL && trace.error[0] != '\0';
}

static void
fix_checksum(uint8_t *data, size_t len)
{
	uint64_t checksum = trace_checksum(data, len - 8);

	for (unsigned int i = 0; i < 8; i++)
		data[len - 8 + i] = (uint8_t)(checksum >> (8 * i));
}

static int
a_trace_survives_encoding_unchanged(void)
{
	struct trace trace, copy;
	void *data;
	size_t len;

	for (unsigned int n_ops = 0; n_ops <= N_OPS; n_ops = n_ops * 3 + 1) {
		CHECK(make_random_trace(&trace, n_ops) == 0);
		CHECK(trace_encode(&trace, &data, &len) == 0);
		CHECK(trace_decode(data, len, &copy) == 0);
		CHECK(are_equal(&trace, &copy));
		trace_free(&trace);
		trace_free(&copy);
		free(data);
	}
	return 0;
}

static int
a_trace_survives_a_file_unchanged(void)
{
	char path[] = "test_trace.XXXXXX";
	struct trace trace, copy;
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	close(fd);
	CHECK(make_random_trace(&trace, N_OPS) == 0);
	CHECK(trace_save(&trace, path) == 0);
	CHECK(trace_load(path, &copy) == 0);
	CHECK(are_equal(&trace, &copy));
	trace_free(&copy);
	unlink(path);
	CHECK(trace_load(path, &copy) == -ENOENT);
	CHECK(strstr(copy.error, path) != NULL);
	trace_free(&trace);
	return 0;
}

static int
every_truncation_is_refused(void)
{
	struct trace trace;
	void *data;
	size_t len;

	CHECK(make_random_trace(&trace, 500) == 0);
	CHECK(trace_encode(&trace, &data, &len) == 0);
	for (size_t cut = 0; cut < len; cut++)
		CHECK(is_refused(data, cut));
	/* also when the checksum was made to fit what is left */
	for (size_t cut = len - 1; cut >= 16; cut--) {
		fix_checksum(data, cut);
		CHECK(is_refused(data, cut));
	}
	trace_free(&trace);
	free(data);
	return 0;
}

static int
every_changed_byte_is_refused(void)
{
	struct trace trace;
	uint8_t *bytes;
	void *data;
	size_t len;

	CHECK(make_random_trace(&trace, 500) == 0);
	CHECK(trace_encode(&trace, &data, &len) == 0);
	bytes = data;
	for (size_t at = 0; at < len; at++) {
		uint8_t change = (uint8_t)(random_below(255) + 1);

		bytes[at] ^= change;
		CHECK(is_refused(data, len));
		bytes[at] ^= change;
	}
	CHECK(!is_refused(data, len));
	trace_free(&trace);
	free(data);
	return 0;
}

/*
 * With a checksum that fits, a changed byte may make another valid trace; then it is one that
 * can be replayed safely: encoding it checks exactly that.
 */
static int
a_forged_file_is_refused_or_consistent(void)
{
	unsigned int refused = 0, n_forged = 4000;
	struct trace trace, forged;
	uint8_t *bytes, *copy;
	void *data, *again;
	size_t len, again_len;

	CHECK(make_random_trace(&trace, 500) == 0);
	CHECK(trace_encode(&trace, &data, &len) == 0);
	bytes = data;
	copy = malloc(len);
	CHECK(copy != NULL);
	for (unsigned int i = 0; i < n_forged; i++) {
		memcpy(copy, bytes, len);
		for (uint32_t n = random_below(3) + 1; n > 0; n--)
			copy[8 + random_below((uint32_t)len - 16)] = (uint8_t)random_below(256);
		fix_checksum(copy, len);
		if (trace_decode(copy, len, &forged) != 0) {
			CHECK(forged.ops == NULL && forged.error[0] != '\0');
			refused++;
			continue;
		}
		CHECK(trace_encode(&forged, &again, &again_len) == 0);
		free(again);
		trace_free(&forged);
	}
	CHECK(refused > 0 && refused < n_forged);
	trace_free(&trace);
	free(data);
	free(copy);
	return 0;
}

/* A hand-written file: what each operation may not be. */
static int
decode_ops(const char *ops, size_t len, struct trace *trace)
{
	/* 1 op, 1 alloc, 1 thread, 1 id, peak 16, no names */
	uint8_t file[64] = "FMTRACE1" "\x01\x01\x01\x01\x10\x00\x00";

	memcpy(file + 15, ops, len);
	fix_checksum(file, 15 + len + 8);
	return trace_decode(file, 15 + len + 8, trace);
}

static int
a_bad_operation_is_refused_and_named(void)
{
	struct trace trace;

	CHECK(decode_ops("\x3f\x04\x10\xff", 4, &trace) == 0); /* alloc 16, align 16 */
	CHECK(trace.n_ops == 1 && trace.ops[0].size == 16 && trace.ops[0].align_log2 == 4);
	trace_free(&trace);

	CHECK(decode_ops("\x3f\x04\x10", 3, &trace) == -EINVAL); /* no end */
	CHECK(strstr(trace.error, "truncated") != NULL);
	CHECK(decode_ops("\x3f\x04\x10\xf5\xff", 5, &trace) == -EINVAL); /* no such code */
	CHECK(strstr(trace.error, "operation 1") != NULL);
	CHECK(decode_ops("\x3f\x04\x10\x41\xff", 5, &trace) == -EINVAL); /* never born */
	CHECK(strstr(trace.error, "not alive") != NULL);
	CHECK(decode_ops("\x3f\x04\x10\x40\x40\xff", 6, &trace) == -EINVAL); /* freed twice */
	CHECK(strstr(trace.error, "operation 2") != NULL);
	CHECK(decode_ops("\x00\xff", 2, &trace) == -EINVAL); /* no such shape */
	CHECK(decode_ops("\x3f\x04\x00\xff", 4, &trace) == -EINVAL); /* size 0 */
	CHECK(decode_ops("\x3f\x3f\x10\xff", 4, &trace) == -EINVAL); /* align 2^63 */
	CHECK(decode_ops("\x3f\x04\x10\xff\x00", 5, &trace) == -EINVAL); /* more behind the end */
	CHECK(strstr(trace.error, "follow the end") != NULL);
	CHECK(decode_ops("\x3f\x04\x10\x00\xff", 5, &trace) == -EINVAL); /* one op too many */
	CHECK(strstr(trace.error, "header") != NULL);
	return 0;
}

static int
the_builder_refuses_what_is_not_alive(void)
{
	struct trace_builder b;
	struct trace trace;
	uint32_t id, again;

	trace_build_begin(&b, &trace);
	CHECK(trace_build_free(&b, 0, 0) == -EINVAL);
	CHECK(trace_build_alloc(&b, 0, 0, 0, false, &id) == 0);
	CHECK(trace.ops[0].size == 1);
	CHECK(trace_build_alloc(&b, TRACE_MAX_THREADS, 8, 0, false, &again) == -EINVAL);
	CHECK(trace_build_alloc(&b, 0, 8, TRACE_MAX_ALIGN_LOG2 + 1, false, &again) == -EINVAL);
	CHECK(trace_build_free(&b, 0, id) == 0);
	CHECK(trace_build_free(&b, 0, id) == -EINVAL);
	CHECK(trace_build_realloc(&b, 0, id, 16, 0) == -EINVAL);
	b.max_ops = 3;
	CHECK(trace_build_alloc(&b, 1, 8, 0, false, &again) == 0 && again == id);
	CHECK(trace_build_free(&b, 0, again) == -ENOSPC);
	CHECK(trace.n_ops == 3 && trace.n_ids == 1 && trace.n_threads == 2);
	trace_build_end(&b);
	trace_free(&trace);
	return 0;
}

static int
an_inconsistent_trace_is_not_written(void)
{
	struct trace trace;
	void *data;
	size_t len;

	CHECK(make_random_trace(&trace, 100) == 0);
	trace.ops[50].id = trace.n_ids;
	CHECK(trace_encode(&trace, &data, &len) == -EINVAL);
	CHECK(strstr(trace.error, "operation 50") != NULL);
	trace_free(&trace);
	return 0;
}

int
main(void)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} tests[] = {
#define TEST(name) { #name, name }
		TEST(a_trace_survives_encoding_unchanged),
		TEST(a_trace_survives_a_file_unchanged),
		TEST(every_truncation_is_refused),
		TEST(every_changed_byte_is_refused),
		TEST(a_forged_file_is_refused_or_consistent),
		TEST(a_bad_operation_is_refused_and_named),
		TEST(the_builder_refuses_what_is_not_alive),
		TEST(an_inconsistent_trace_is_not_written),
	};
	unsigned int failed = 0;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		bool ok = tests[i].run() == 0;

		printf("trace_autotest.%s: %s\n", tests[i].name, ok ? "ok" : "FAILED");
		failed += !ok;
	}
	printf("%zu passed, %u failed\n", sizeof(tests) / sizeof(tests[0]) - failed, failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
