/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Right: threads that get the memory which another has freed, and have nothing else in common. That
 * one has done with it is what the allocator says. No checker may object to any of it.
 */

#include <pthread.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

#define N_THREADS 3
#define N_OBJECTS 8
#define N_ROUNDS 100

struct session {
	unsigned int id;
	unsigned int packets;
};

/* Objects of all sizes, so that slabs go from one size to another as well. */
static void *
work(void *arg)
{
	struct session *sessions[N_OBJECTS];
	unsigned int *wrong = arg, round, i;

	for (round = 0; round < N_ROUNDS; round++) {
		size_t size = sizeof(struct session) << round % 12;

		for (i = 0; i < N_OBJECTS; i++) {
			sessions[i] = rte_fastmem_alloc(size, 0, RTE_FASTMEM_F_ZERO);
			if (sessions[i] == NULL)
				*wrong += 1;
			else
				sessions[i]->id = i;
		}
		for (i = 0; i < N_OBJECTS; i++) {
			if (sessions[i] != NULL)
				*wrong += sessions[i]->id != i || sessions[i]->packets != 0;
			rte_fastmem_free(sessions[i]);
		}
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned int wrong[N_THREADS] = { 0 }, all_wrong = 0, i;
	pthread_t threads[N_THREADS];

	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	for (i = 0; i < N_THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, &wrong[i]) != 0)
			return 2;
	for (i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		all_wrong += wrong[i];
	}
	rte_fastmem_deinit();
	rte_eal_cleanup();
	printf("%s\n", all_wrong == 0 ? "right" : "not as expected");
	return all_wrong == 0 ? 0 : 1;
}
