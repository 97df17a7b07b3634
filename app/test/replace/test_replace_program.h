/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_REPLACE_PROGRAM_H
#define TEST_REPLACE_PROGRAM_H

/* Count an object, and whether it is fastmem's. */
void seen(const void *obj);

/* Each prints what it finds, which must not depend on the allocator. */
void use_mempools(void);
void populate_mempools(void);
void use_malloc(void);
void look_from_secondary(void);

#endif /* TEST_REPLACE_PROGRAM_H */
