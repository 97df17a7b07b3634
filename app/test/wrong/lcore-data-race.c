/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/* Wrong: two threads write to an object, and nothing says who is first. */

#include <pthread.h>

#include <rte_eal.h>
#include <rte_fastmem.h>

static void *
count(void *counter)
{
	*(volatile unsigned int *)counter += 1; /* WRONG */
	return NULL;
}

static void
data_race(void)
{
	unsigned int *counter = rte_fastmem_alloc(sizeof(*counter), 0, RTE_FASTMEM_F_ZERO);
	pthread_t threads[2];

	if (counter == NULL)
		return;
	if (pthread_create(&threads[0], NULL, count, counter) == 0) {
		if (pthread_create(&threads[1], NULL, count, counter) == 0)
			pthread_join(threads[1], NULL);
		pthread_join(threads[0], NULL);
	}
	rte_fastmem_free(counter);
}

int
main(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) < 0 || rte_fastmem_init() < 0)
		return 2;
	data_race();
	rte_fastmem_deinit();
	rte_eal_cleanup();
	return 0;
}
