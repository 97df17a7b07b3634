/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_MODEL_PRIVATE_H
#define FASTMEM_MODEL_PRIVATE_H

/* Between fastmem_model.c, right operations, and fastmem_model_faults.c, wrong ones. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_fastmem.h>

#include "fastmem_model.h"

#define MODEL_MAX_LIVE 4096u

struct object {
	char *ptr;
	size_t size, align; /* as asked for */
	size_t usable;
	uint64_t tag;
	rte_fastmem_handle_t handle; /* of its class */
	bool by_handle; /* allocated so: then usable may be more than size */
	bool resized; /* where it is: it may have a larger slot than its class has */
};

struct model {
	struct object objects[MODEL_MAX_LIVE];
	unsigned int n;
	size_t bytes; /* usable */
	bool limited; /* ENOMEM is an answer */
	bool checked; /* each object has more of a slot than it may use */
	bool faults; /* bytes stand for wrong operations as well */
	unsigned int n_faults; /* planted so far */
	uint64_t allocated, freed, refused;
	uint64_t next_tag;
	unsigned int n_classes;
	size_t classes[256];
	/* The bytes. */
	const uint8_t *in;
	size_t left;
};

#define FAULT(...) (fprintf(stderr, "model: " __VA_ARGS__), fputc('\n', stderr), -1)

/* The number that the next bytes stand for; 0 after the last one. */
unsigned int model_take(struct model *m, unsigned int n_bytes);

/* The object is not the caller's any more. */
void model_forget(struct model *m, unsigned int i);

/* One wrong operation, which must be reported, and change nothing. Needs an object. 0 or -1. */
int model_fault(struct model *m);

/* What was reported since the last call. 0 or -1: something was. */
int model_no_report(void);

#endif /* FASTMEM_MODEL_PRIVATE_H */
