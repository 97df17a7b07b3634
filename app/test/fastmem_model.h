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

/* Check all live objects, the statistics and the structures of fastmem. 0 or -1. */
int model_check(struct model *model);

/* Free all objects, and check that nothing is left. 0 or -1. */
int model_destroy(struct model *model);

#endif /* FASTMEM_MODEL_H */
