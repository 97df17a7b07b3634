/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_WHOLE 2048 /* larger objects are sampled: both ends, and each page */

/* What an object holds: bytes that depend on tag, none of them 0. */
void pattern_fill(void *ptr, size_t size, uint64_t tag);
bool pattern_holds(const void *ptr, size_t size, uint64_t tag);
bool is_zero(const void *ptr, size_t size);

#endif /* PATTERN_H */
