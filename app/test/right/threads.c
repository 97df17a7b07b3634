/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Right: objects that go from thread to thread. No checker may object to any of it. */

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

#define N_MESSAGES 1000

struct message {
	struct message *next;
	unsigned int number;
};

/* Messages on their way: handed over under a lock. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct message *first;
} box = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL };

static void
send_message(struct message *m)
{
	pthread_mutex_lock(&box.lock);
	m->next = box.first;
	box.first = m;
	pthread_cond_signal(&box.filled);
	pthread_mutex_unlock(&box.lock);
}

static struct message *
receive_message(void)
{
	struct message *m;

	pthread_mutex_lock(&box.lock);
	while (box.first == NULL)
		pthread_cond_wait(&box.filled, &box.lock);
	m = box.first;
	box.first = m->next;
	pthread_mutex_unlock(&box.lock);
	return m;
}

static void *
consume(void *arg)
{
	unsigned int *sum = arg, i;

	for (i = 0; i < N_MESSAGES; i++) {
		struct message *m = receive_message();

		*sum += m->number;
		rte_fastmem_free(m);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned int sum = 0, i;
	pthread_t consumer;

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0 ||
			pthread_create(&consumer, NULL, consume, &sum) != 0)
		return 2;
	for (i = 0; i < N_MESSAGES; i++) {
		struct message *m = rte_fastmem_alloc(sizeof(*m), 0, 0);

		if (m == NULL)
			return 2;
		m->number = i;
		send_message(m);
	}
	pthread_join(consumer, NULL);
	rte_fastmem_deinit();
	rte_eal_cleanup();
	printf("%s\n", sum == N_MESSAGES * (N_MESSAGES - 1) / 2 ? "right" : "not as expected");
	return sum == N_MESSAGES * (N_MESSAGES - 1) / 2 ? 0 : 1;
}
