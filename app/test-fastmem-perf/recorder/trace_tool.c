/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* dpdk-fastmem-trace: makes trace files of recorder logs, and says what is in them. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define EXIT_USAGE 2
#define N_SIZES 33 /* by log2 of the size */

static void
print_usage(FILE *out)
{
	fputs("usage: dpdk-fastmem-trace pack LOG TRACE [options]\n"
		"       dpdk-fastmem-trace info TRACE...\n"
		"       dpdk-fastmem-trace dump TRACE\n"
		"\n"
		"pack  makes a trace file of the log that the recorder (librte_fastmem_record.so)\n"
		"      left; see dpdk-fastmem-record\n"
		"info  says what traces, or logs, hold\n"
		"dump  prints each operation on a line: number, thread, what, id, size, alignment\n"
		"\n"
		"options of pack:\n"
		"  --max-ops N      the first N operations only\n"
		"  --max-bytes N    as many operations as fit a file of N bytes\n"
		"  --command TEXT   what to call the recorded command, instead of its command line\n"
		"\n"
		"  --version        the version\n"
		"  -h, --help       this text\n",
		out);
}

static int
fail(const struct trace *trace)
{
	fprintf(stderr, "dpdk-fastmem-trace: %s\n", trace->error);
	return EXIT_FAILURE;
}

static const char *
name_of(uint8_t op)
{
	static const char *const names[] = { "alloc", "zalloc", "realloc", "free" };

	return names[op];
}

/* pack */

static int
encoded_size(struct trace *trace, size_t *len)
{
	void *data;
	int ret = trace_encode(trace, &data, len);

	if (ret == 0)
		free(data);
	return ret;
}

/* Keep halving the interval between what fits and what does not, to a percent. */
static int
fit(const void *log, size_t log_len, size_t max_ops, size_t max_bytes, struct trace *trace,
	struct trace_log_stats *stats)
{
	size_t fits = 0, too_many, all, len;
	int ret;

	ret = trace_from_log(log, log_len, max_ops, trace, stats);
	if (ret != 0 || max_bytes == 0)
		return ret;
	ret = encoded_size(trace, &len);
	if (ret != 0 || len <= max_bytes)
		return ret;
	all = trace->n_ops;
	too_many = all;
	while (too_many - fits > too_many / 100 + 1) {
		size_t middle = fits + (too_many - fits) / 2;

		trace_free(trace);
		ret = trace_from_log(log, log_len, middle, trace, stats);
		if (ret == 0)
			ret = encoded_size(trace, &len);
		if (ret != 0)
			return ret;
		if (len <= max_bytes)
			fits = middle;
		else
			too_many = middle;
	}
	trace_free(trace);
	if (fits == 0) {
		snprintf(trace->error, sizeof(trace->error), "nothing fits %zu bytes", max_bytes);
		return -ENOSPC;
	}
	printf("cut to the first %zu of %zu operations\n", fits, all);
	return trace_from_log(log, log_len, fits, trace, stats);
}

static void
print_left_out(const struct trace_log_stats *stats)
{
	static const char *const formats[] = {
		"  the log was full: %" PRIu64 " further calls are not in it\n",
		"  %" PRIu64 " calls had not ended when the program did\n",
		"  %" PRIu64 " frees of objects from before or outside the recording left out\n",
		"  %" PRIu64 " frees that were not seen put in\n",
		"  %" PRIu64 " allocations of 4 GiB or more left out\n",
	};
	const uint64_t counts[] = { stats->n_beyond, stats->n_unfinished, stats->n_unknown_frees,
		stats->n_unseen_frees, stats->n_too_large };

	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i] != 0)
			printf(formats[i], counts[i]);
}

static int
pack(const char *from, const char *to, size_t max_ops, size_t max_bytes, const char *command)
{
	struct trace_log_stats stats = {0};
	struct trace trace = {0};
	size_t len = 0;
	void *log = NULL;
	int ret;

	ret = trace_read_file(from, &log, &len, &trace);
	if (ret != 0)
		return fail(&trace);
	ret = fit(log, len, max_ops, max_bytes, &trace, &stats);
	free(log);
	if (ret == 0) {
		if (command != NULL)
			snprintf(trace.command, sizeof(trace.command), "%s", command);
		ret = trace_save(&trace, to);
	}
	if (ret != 0) {
		trace_free(&trace);
		return fail(&trace);
	}
	printf("%s: %zu operations of %s\n", to, trace.n_ops, trace.program);
	print_left_out(&stats);
	trace_free(&trace);
	return EXIT_SUCCESS;
}

static int
parse_count(const char *text, size_t *count)
{
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 0);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
		return 0;
	fprintf(stderr, "dpdk-fastmem-trace: %s is not a number\n", text);
	return -EINVAL;
}

static int
run_pack(int argc, char **argv)
{
	static const struct option options[] = {
		{ "max-ops", required_argument, NULL, 'o' },
		{ "max-bytes", required_argument, NULL, 'b' },
		{ "command", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	size_t max_ops = 0, max_bytes = 0;
	const char *command = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'o' && parse_count(optarg, &max_ops) != 0)
			return EXIT_USAGE;
		if (option == 'b' && parse_count(optarg, &max_bytes) != 0)
			return EXIT_USAGE;
		if (option == 'c')
			command = optarg;
		if (option == '?')
			return EXIT_USAGE;
	}
	if (argc - optind != 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	return pack(argv[optind], argv[optind + 1], max_ops, max_bytes, command);
}

/* info */

struct summary {
	uint64_t of_op[4];
	uint64_t of_size[N_SIZES];	/* allocations of at most 2^i bytes, more than 2^(i-1) */
	uint64_t live;			/* at the end */
	uint64_t by_other;		/* frees by another thread than the one that allocated */
};

static unsigned int
log2_ceil(uint32_t size)
{
	return size <= 1 ? 0 : 32 - (unsigned int)__builtin_clz(size - 1);
}

static int
summarise(const struct trace *trace, struct summary *s)
{
	uint16_t *owner = calloc((size_t)trace->n_ids + 1, sizeof(*owner));

	memset(s, 0, sizeof(*s));
	if (owner == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < trace->n_ops; i++) {
		const struct trace_op *op = &trace->ops[i];

		s->of_op[op->op]++;
		if (op->op == TRACE_ALLOC || op->op == TRACE_ZALLOC) {
			s->of_size[log2_ceil(op->size)]++;
			owner[op->id] = op->thread;
		} else if (op->op == TRACE_FREE && owner[op->id] != op->thread) {
			s->by_other++;
		}
	}
	s->live = trace->n_allocs - s->of_op[TRACE_FREE];
	free(owner);
	return 0;
}

static void
print_info(const char *path, const struct trace *trace, const struct summary *s)
{
	printf("%s\n", path);
	printf("  program     %s\n", trace->program);
	printf("  command     %s\n", trace->command);
	printf("  operations  %zu:", trace->n_ops);
	for (unsigned int op = 0; op < 4; op++)
		printf(" %" PRIu64 " %s%s", s->of_op[op], name_of(op), op < 3 ? "," : "\n");
	printf("  threads     %u; %" PRIu64 " frees by another thread than allocated\n",
		trace->n_threads, s->by_other);
	printf("  peak        %" PRIu32 " objects, %" PRIu64 " bytes; %" PRIu64
		" objects alive at the end\n", trace->n_ids, trace->peak_live_bytes, s->live);
	printf("  sizes      ");
	for (unsigned int i = 0; i < N_SIZES; i++)
		if (s->of_size[i] != 0)
			printf(" <=%" PRIu64 ":%" PRIu64, UINT64_C(1) << i, s->of_size[i]);
	printf("\n");
}

static int
info(const char *path)
{
	struct summary summary;
	struct trace trace;

	if (trace_load(path, &trace) != 0)
		return fail(&trace);
	if (summarise(&trace, &summary) != 0) {
		trace_free(&trace);
		fprintf(stderr, "dpdk-fastmem-trace: out of memory\n");
		return EXIT_FAILURE;
	}
	print_info(path, &trace, &summary);
	trace_free(&trace);
	return EXIT_SUCCESS;
}

static int
dump(const char *path)
{
	struct trace trace;

	if (trace_load(path, &trace) != 0)
		return fail(&trace);
	for (size_t i = 0; i < trace.n_ops; i++) {
		const struct trace_op *op = &trace.ops[i];

		printf("%zu %" PRIu16 " %s %" PRIu32, i, op->thread, name_of(op->op), op->id);
		if (op->op == TRACE_FREE)
			printf("\n");
		else
			printf(" %" PRIu32 " %u\n", op->size,
				op->align_log2 == 0 ? 0 : 1u << op->align_log2);
	}
	trace_free(&trace);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	int ret = EXIT_SUCCESS;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("dpdk-fastmem-trace %s\n", FASTMEM_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc >= 3 && strcmp(argv[1], "pack") == 0)
		return run_pack(argc - 1, argv + 1);
	if (argc == 3 && strcmp(argv[1], "dump") == 0)
		return dump(argv[2]);
	if (argc >= 3 && strcmp(argv[1], "info") == 0) {
		for (int i = 2; i < argc && ret == EXIT_SUCCESS; i++)
			ret = info(argv[i]);
		return ret;
	}
	print_usage(stderr);
	return EXIT_USAGE;
}
