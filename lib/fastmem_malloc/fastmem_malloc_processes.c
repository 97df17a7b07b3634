/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#include "fastmem_malloc.h"

void
fastmem_malloc_watch(void)
{
}
