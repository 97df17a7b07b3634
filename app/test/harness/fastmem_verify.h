/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_VERIFY_H
#define FASTMEM_VERIFY_H

#include <stdio.h>

/*
 * For tests: walk every structure of fastmem and check that they agree with
 * each other: granules and runs, slabs and their bits, bins' counts, depots,
 * magazines and caches, no slot in two places. No other thread may be inside a
 * fastmem call. Writes what is wrong to f.
 *
 * Returns the number of faults found, 0 when all is well or not initialised.
 */
int fastmem_verify(FILE *f);

#endif /* FASTMEM_VERIFY_H */
