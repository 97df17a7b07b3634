/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Random operations, checked against a model: see fastmem_model.c.
 */

#include <stdlib.h>

#include "fastmem_model.h"
#include "test_debug.h"

#define BATCH_BYTES 16384

/* One thread alone: ThreadSanitizer has nothing to find in more of it, and takes minutes. */
#if defined(__SANITIZE_THREAD__)
#define MANY(n) ((n) / 10)
#else
#define MANY(n) (n)
#endif

static unsigned int n_faults; /* of the last run */

/* Operations that have little in common, from one seed each. */
static int
run_model(struct model *model, unsigned int n_batches, uint64_t stream, size_t limit)
{
	static uint8_t bytes[BATCH_BYTES];
	unsigned int i, j;
	struct rng rng;
	int ret = 0;

	TEST_ASSERT(model != NULL);
	rng_init(&rng, stream);
	for (i = 0; i < n_batches && ret == 0; i++) {
		for (j = 0; j < BATCH_BYTES; j += sizeof(uint64_t)) {
			uint64_t word = rng_next(&rng);

			memcpy(bytes + j, &word, sizeof(word));
		}
		if (limit != 0) { /* as the bytes would say it */
			bytes[0] = 31;
			bytes[1] = 3;
			bytes[2] = limit >> 16;
		}
		ret = model_run(model, bytes, BATCH_BYTES);
		if (ret == 0)
			ret = model_check(model);
	}
	n_faults = model_faults(model);
	TEST_ASSERT_EQUAL(model_destroy(model) | ret, 0, "batch %u, FASTMEM_TEST_SEED=%" PRIu64,
		i - 1, test_seed());
	return TEST_SUCCESS;
}

static int
run_batches(unsigned int n_batches, uint64_t stream, size_t limit)
{
	return run_model(model_create(), n_batches, stream, limit);
}

static int
random_operations_do_what_the_model_does(void)
{
	return run_batches(MANY(60), 1, 0);
}

static int
random_operations_short_of_memory_do_so_too(void)
{
	return run_batches(MANY(40), 2, 12 * MIB);
}

static int
many_short_histories_do_so_too(void)
{
	unsigned int i;

	for (i = 0; i < 12; i++) {
		TEST_CALL(run_batches(1, 100 + i, i % 3 == 0 ? 2 * MIB : 0));
		rte_fastmem_deinit();
		TEST_ASSERT_EQUAL(rte_fastmem_init(), 0);
	}
	return TEST_SUCCESS;
}

static const struct test_case cases[] = {
	TEST_CASE(random_operations_do_what_the_model_does),
	TEST_CASE(random_operations_short_of_memory_do_so_too),
	TEST_CASE(many_short_histories_do_so_too),
	TEST_CASES_END
};

/* The same with checking: nothing is reported unless it is wrong. */

static int
model_up_checked(enum rte_fastmem_debug_level level)
{
	struct rte_fastmem_conf conf = { .debug = level, .sample = 10 };

	model_conf(&conf);
	unsetenv("RTE_FASTMEM_DEBUG");
	TEST_ASSERT_EQUAL(rte_fastmem_init_conf(&conf), 0);
	TEST_ASSERT_EQUAL(rte_fastmem_debug_level(), level);
	return TEST_SUCCESS;
}

static int
with_level(enum rte_fastmem_debug_level level, size_t limit, bool faults)
{
	struct model *model;

	TEST_CALL(model_up_checked(level));
	model = model_create();
	TEST_ASSERT(model != NULL);
	if (faults)
		model_plant_faults(model);
	TEST_CALL(run_model(model, MANY(6), 200 + level, limit));
	if (faults)
		TEST_ASSERT(n_faults > 1000, "%u planted", n_faults);
	return fastmem_down();
}

static int
right_operations_are_not_reported_at_level_light(void)
{
	return with_level(RTE_FASTMEM_DEBUG_LIGHT, 0, false);
}

static int
right_operations_are_not_reported_at_level_full(void)
{
	return with_level(RTE_FASTMEM_DEBUG_FULL, 0, false);
}

static int
right_operations_are_not_reported_at_level_sample(void)
{
	return with_level(RTE_FASTMEM_DEBUG_SAMPLE, 0, false);
}

static int
right_operations_short_of_memory_are_not_reported(void)
{
	TEST_CALL(with_level(RTE_FASTMEM_DEBUG_LIGHT, 12 * MIB, false));
	TEST_CALL(with_level(RTE_FASTMEM_DEBUG_FULL, 12 * MIB, false));
	return with_level(RTE_FASTMEM_DEBUG_SAMPLE, 12 * MIB, false);
}

static int
wrong_operations_are_reported_at_level_light(void)
{
	return with_level(RTE_FASTMEM_DEBUG_LIGHT, 0, true);
}

static int
wrong_operations_are_reported_at_level_full(void)
{
	return with_level(RTE_FASTMEM_DEBUG_FULL, 0, true);
}

static int
wrong_operations_short_of_memory_are_reported(void)
{
	TEST_CALL(with_level(RTE_FASTMEM_DEBUG_LIGHT, 12 * MIB, true));
	return with_level(RTE_FASTMEM_DEBUG_FULL, 12 * MIB, true);
}

static const struct test_case checked_cases[] = {
	TEST_CASE(right_operations_are_not_reported_at_level_light),
	TEST_CASE(right_operations_are_not_reported_at_level_full),
	TEST_CASE(right_operations_are_not_reported_at_level_sample),
	TEST_CASE(right_operations_short_of_memory_are_not_reported),
	TEST_CASE(wrong_operations_are_reported_at_level_light),
	TEST_CASE(wrong_operations_are_reported_at_level_full),
	TEST_CASE(wrong_operations_short_of_memory_are_reported),
	TEST_CASES_END
};

const struct test_suite suite_model = {
	.name = "model",
	.about = "random operations, checked against a model",
	.setup = fastmem_up,
	.teardown = fastmem_down,
	.rescue = fastmem_rescue,
	.cases = cases,
};

const struct test_suite suite_debug_model = {
	.name = "debug_model",
	.about = "random operations with checking, right and wrong ones",
	.on_request = true, /* once is enough */
	.rescue = fastmem_rescue,
	.cases = checked_cases,
};
