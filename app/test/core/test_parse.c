/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Sizes in environment variables. */

#include <errno.h>

#include "fastmem_parse.h"
#include "test_fastmem.h"

static int
a_size_is_digits_and_at_most_one_unit(void)
{
	static const struct {
		const char *text;
		uint64_t size;
	} right[] = {
		{ "0", 0 }, { "1", 1 }, { "007", 7 }, { "4096", 4096 }, { "16K", 16384 },
		{ "16k", 16384 }, { "2M", 2 << 20 }, { "2m", 2 << 20 }, { "1G", 1 << 30 },
		{ "1g", 1 << 30 }, { "0G", 0 }, { "18446744073709551615", UINT64_MAX },
		{ "17179869183G", UINT64_MAX >> 30 << 30 },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(right); i++) {
		uint64_t size = 12345;

		TEST_ASSERT_EQUAL(fastmem_parse_size(right[i].text, UINT64_MAX, &size), 0, "%s",
			right[i].text);
		TEST_ASSERT_EQUAL(size, right[i].size, "%s", right[i].text);
	}
	return 0;
}

static int
anything_else_is_no_size(void)
{
	static const char * const wrong[] = {
		"", " ", "K", "64 ", " 64", "64\n", "\t64", "+64", "-64", "-0", "0x40", "64KB",
		"64Ki", "64KK", "64 K", "64K ", "1T", "1.5M", "1e3", "12X", "64`", "64\x2b",
		"18446744073709551616", "99999999999999999999", "17179869184G",
		"18014398509481984K",
	};
	uint64_t size = 12345;
	unsigned int i;

	for (i = 0; i < RTE_DIM(wrong); i++)
		TEST_ASSERT_EQUAL(fastmem_parse_size(wrong[i], UINT64_MAX, &size), -EINVAL, "'%s'",
			wrong[i]);
	TEST_ASSERT_EQUAL(fastmem_parse_size(NULL, UINT64_MAX, &size), -EINVAL);
	TEST_ASSERT_EQUAL(size, 12345);
	return 0;
}

static int
a_size_above_the_maximum_is_refused(void)
{
	uint64_t size = 12345;

	TEST_ASSERT_EQUAL(fastmem_parse_size("17", 16, &size), -EINVAL);
	TEST_ASSERT_EQUAL(fastmem_parse_size("4G", UINT32_MAX, &size), -EINVAL);
	TEST_ASSERT_EQUAL(fastmem_parse_size("1K", 1023, &size), -EINVAL);
	TEST_ASSERT_EQUAL(size, 12345);
	TEST_ASSERT_EQUAL(fastmem_parse_size("16", 16, &size), 0);
	TEST_ASSERT_EQUAL(size, 16);
	TEST_ASSERT_EQUAL(fastmem_parse_size("1K", 1024, &size), 0);
	TEST_ASSERT_EQUAL(size, 1024);
	return 0;
}

static const struct test_case cases[] = {
	TEST_CASE(a_size_is_digits_and_at_most_one_unit),
	TEST_CASE(anything_else_is_no_size),
	TEST_CASE(a_size_above_the_maximum_is_refused),
	TEST_CASES_END
};

const struct test_suite suite_parse = {
	.name = "parse",
	.about = "sizes in environment variables",
	.cases = cases,
};
