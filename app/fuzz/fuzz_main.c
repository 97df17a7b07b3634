/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The harness without libFuzzer, for any compiler: replays inputs, tries random
 * ones, and writes the inputs that a fuzzer may start from.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "fuzz_fastmem.h"

#define INPUT_BYTES (1u << 20)

static uint8_t input[INPUT_BYTES];

static void
usage(FILE *f)
{
	fprintf(f,
		"usage: dpdk-fastmem-fuzz-replay FILE...\n"
		"       dpdk-fastmem-fuzz-replay --random N [SEED]\n"
		"       dpdk-fastmem-fuzz-replay --seeds DIR\n"
		"\n"
		"Runs the operations that each FILE, or each of N random inputs, stands for;\n"
		"aborts at the first that fastmem gets wrong. --seeds writes inputs for\n"
		"dpdk-fastmem-fuzz to start from.\n");
}

/* splitmix64 */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void
random_input(uint64_t seed, size_t n)
{
	uint64_t state = seed, word;
	size_t i;

	for (i = 0; i + sizeof(word) <= n; i += sizeof(word)) {
		word = next_random(&state);
		memcpy(input + i, &word, sizeof(word));
	}
}

static int
run_random(unsigned int n_inputs, uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < n_inputs; i++) {
		size_t n = 64 << i % 8;

		/* Known before it aborts. */
		fprintf(stderr, "\rinput %u, seed %" PRIu64, i, seed + i);
		random_input(seed + i, n);
		LLVMFuzzerTestOneInput(input, n);
	}
	fprintf(stderr, "\n");
	printf("%u passed, 0 failed\n", n_inputs);
	return 0;
}

static int
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL) {
		perror(path);
		return 1;
	}
	n = fread(input, 1, sizeof(input), f);
	fclose(f);
	fprintf(stderr, "%s: %zu bytes\n", path, n);
	LLVMFuzzerTestOneInput(input, n);
	return 0;
}

/* Beginnings of histories that random bytes seldom make; the model's codes of operations. */
static size_t
seed_input(unsigned int i)
{
	static const uint8_t patterns[][12] = {
		{ 0, 3, 1, 0, 0, 0 }, /* alloc of many sizes */
		{ 10, 3, 1, 0, 0, 4, 0x02, 0xbb }, /* bulks larger than a magazine */
		{ 0, 6, 8, 0, 0, 0, 0, 13, 0, 0, 0 }, /* large ones, allocated and freed */
		{ 10, 0, 100, 0, 4, 1, 0x00, 22, 1, 0x2c, 3 }, /* bulks in and out */
		{ 31, 3, 0x10, 0, 0, 10, 3, 7, 0, 0, 4, 0x01 }, /* with a limit */
		{ 0, 0, 64, 0, 0, 26, 5, 0x80, 0, 0, 0, 0 }, /* realloc */
		{ 10, 3, 8, 0, 0, 4, 0x02, 0x00, 22, 1, 0xff, 3 }, /* and all freed again */
		{ 0, 5, 0x40, 0, 6 * 8 + 6, 0, 13, 0, 0, 1, 31, 0 }, /* alignments, trim */
	};
	unsigned int repeat;
	size_t n = 0;

	if (i >= RTE_DIM(patterns))
		return 0;
	for (repeat = 0; repeat < 40; repeat++, n += sizeof(patterns[0])) {
		memcpy(input + n, patterns[i], sizeof(patterns[0]));
		input[n + 3] += repeat * 16;
	}
	return n;
}

static int
write_seeds(const char *dir)
{
	char path[4096];
	unsigned int i;
	size_t n;

	for (i = 0; (n = seed_input(i)) != 0; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/seed-%u", dir, i);
		f = fopen(path, "wb");
		if (f == NULL || fwrite(input, 1, n, f) != n || fclose(f) != 0) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char *self[] = { argv[0], NULL };
	char **eal_argv = self;
	int i, ret = 0, eal_argc = 1;

	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "--seeds") == 0 && argc == 3)
		return write_seeds(argv[2]);
	if (strcmp(argv[1], "--random") == 0 && argc >= 3) {
		LLVMFuzzerInitialize(&eal_argc, &eal_argv);
		return run_random(strtoul(argv[2], NULL, 0),
			argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
	}
	if (argv[1][0] == '-') {
		usage(stderr);
		return 2;
	}
	LLVMFuzzerInitialize(&eal_argc, &eal_argv);
	for (i = 1; i < argc; i++)
		ret |= replay(argv[i]);
	printf("%d inputs replayed\n", argc - 1);
	return ret;
}
