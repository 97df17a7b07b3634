/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * A runtime directory without room, as small ones of containers get: fastmem's file there grows
 * while it is mapped. test_full_directory.sh runs this where that directory is a small tmpfs.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_fastmem.h>
#include <rte_log.h>

#include "test.h"

#define MOST_PAGES 10 /* free ones that are tried: more than fastmem takes at first */
#define PAGE 4096

static char log_text[1 << 16];
static FILE *log_file;
static int fill_fd;

void
test_report(const char *file, int line, const char *function, const char *what,
		const char *format, ...)
{
	(void)format;
	fprintf(stderr, "%s:%d: %s(): not so: %s\n", file, line, function, what);
}

static void
log_clear(void)
{
	fflush(log_file);
	rewind(log_file);
	memset(log_text, 0, sizeof(log_text));
}

/* Whether fastmem's lines name the directory. */
static bool
log_names_directory(void)
{
	fflush(log_file);
	return strstr(log_text, "FASTMEM: ") != NULL &&
		strstr(log_text, rte_eal_get_runtime_dir()) != NULL;
}

static int
leave_pages(unsigned int n)
{
	static const char page[PAGE];
	off_t size = 0;

	TEST_ASSERT_EQUAL(ftruncate(fill_fd, 0), 0);
	while (pwrite(fill_fd, page, sizeof(page), size) == (ssize_t)sizeof(page)) {
		size += sizeof(page);
		TEST_ASSERT(size < 64 << 20, "the directory is not small");
	}
	TEST_ASSERT_EQUAL(errno, ENOSPC);
	TEST_ASSERT_EQUAL(ftruncate(fill_fd, size - (off_t)n * PAGE), 0);
	return TEST_SUCCESS;
}

/* Use what there is of the map, or be refused. */
static int
init_refuses_or_growth_does(void)
{
	unsigned int pages, i, no_init = 0, no_growth = 0;

	for (pages = 0; pages <= MOST_PAGES; pages++) {
		bool refused = false;
		int ret;

		TEST_CALL(leave_pages(pages));
		log_clear();
		ret = rte_fastmem_init();
		if (ret != 0) {
			TEST_ASSERT_EQUAL(ret, -ENOMEM);
			TEST_ASSERT(log_names_directory());
			no_init++;
			continue;
		}
		for (i = 0; i <= 20; i++) {
			void *obj = rte_fastmem_alloc((size_t)1 << i, 0, 0);

			refused = refused || obj == NULL;
			rte_fastmem_free(obj);
		}
		if (refused) {
			TEST_ASSERT(log_names_directory());
			no_growth++;
			/* With room again, it grows; for up to 64 ms it would believe the refusal. */
			TEST_ASSERT_EQUAL(ftruncate(fill_fd, 0), 0);
			TEST_ASSERT_EQUAL(rte_fastmem_set_limit(SOCKET_ID_ANY, SIZE_MAX), 0);
			for (i = 0; i <= 20; i++) {
				void *obj = rte_fastmem_alloc((size_t)1 << i, 0, 0);

				TEST_ASSERT(obj != NULL);
				rte_fastmem_free(obj);
			}
		}
		rte_fastmem_deinit();
	}
	TEST_ASSERT(no_init > 0);
	TEST_ASSERT(no_growth > 0);
	TEST_ASSERT(no_init + no_growth < pages, "never enough");
	return TEST_SUCCESS;
}

int
main(int argc, char **argv)
{
	char path[PATH_MAX];
	bool good;

	if (rte_eal_init(argc, argv) < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/fill", rte_eal_get_runtime_dir());
	fill_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	log_file = fmemopen(log_text, sizeof(log_text), "w");
	if (fill_fd < 0 || log_file == NULL)
		return 1;
	rte_openlog_stream(log_file);
	good = init_refuses_or_growth_does() == TEST_SUCCESS;
	rte_openlog_stream(NULL);
	unlink(path);
	printf("full_directory.init_refuses_or_growth_does: %s\n", good ? "ok" : "FAILED");
	printf("%d passed, %d failed\n", good, !good);
	rte_eal_cleanup();
	return good ? 0 : 1;
}
