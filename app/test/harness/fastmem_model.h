/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_MODEL_H
#define FASTMEM_MODEL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Operations on fastmem, read from bytes, and checked against a model of what
 * must come of them: the random tests and the fuzzer share it. One thread.
 */
struct model;

/* fastmem must be initialised and without a live object. NULL: no memory. */
struct model *model_create(void);

/*
 * Do what the bytes say, until they end. Any bytes will do. Returns 0, or -1
 * when fastmem has not done what it promises: then stderr tells what.
 */
int model_run(struct model *model, const uint8_t *bytes, size_t n);

/*
 * From now on, bytes stand for wrong operations as well: overruns, writes after free, frees of
 * what is no object, and so on. fastmem must have been initialised with what model_conf() has
 * filled in: each of these must be reported, and nothing else.
 */
struct rte_fastmem_conf;
void model_conf(struct rte_fastmem_conf *conf);
void model_plant_faults(struct model *model);
unsigned int model_faults(const struct model *model); /* planted so far */

/* Check all live objects, the statistics and the structures of fastmem. 0 or -1. */
int model_check(struct model *model);

/* Free all objects, and check that nothing is left. 0 or -1. */
int model_destroy(struct model *model);

#endif /* FASTMEM_MODEL_H */
