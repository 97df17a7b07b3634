/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The smallest program that uses fastmem: start EAL, start fastmem, keep a list
 * of objects of different sizes, and give all of it back.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fastmem.h>

struct message {
	struct message *next;
	size_t length;
	char text[];
};

static struct message *
message_create(const char *text, struct message *next)
{
	size_t length = strlen(text);
	struct message *m;

	/* 0: aligned to a cache line; no flags. Any thread may call this, and any may free. */
	m = rte_fastmem_alloc(sizeof(*m) + length + 1, 0, 0);
	if (m == NULL)
		rte_exit(EXIT_FAILURE, "no memory for a message: %s\n", rte_strerror(rte_errno));
	m->next = next;
	m->length = length;
	memcpy(m->text, text, length + 1);
	return m;
}

static void
messages_free(struct message *m)
{
	while (m != NULL) {
		struct message *next = m->next;

		rte_fastmem_free(m);
		m = next;
	}
}

static void
print_use(const char *when)
{
	struct rte_fastmem_stats stats;

	if (rte_fastmem_stats(&stats) == 0)
		printf("%s: %zu bytes in use, %zu bytes of backing memory\n", when,
			(size_t)stats.bytes_in_use, (size_t)stats.bytes_backing);
}

int
main(int argc, char **argv)
{
	struct message *messages = NULL, *m;
	int i, used;

	used = rte_eal_init(argc, argv);
	if (used < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start: %s\n", rte_strerror(rte_errno));
	if (rte_fastmem_init() < 0)
		rte_exit(EXIT_FAILURE, "fastmem does not start\n");

	/* EAL leaves the program's name where its own arguments end. */
	for (i = argc - 1; i > used; i--)
		messages = message_create(argv[i], messages);
	messages = message_create("hello from fastmem", messages);

	for (m = messages; m != NULL; m = m->next)
		printf("%s (%zu bytes)\n", m->text, m->length);
	print_use("with the messages");
	messages_free(messages);
	print_use("without them");

	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
