/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The library's own copies of the functions that are inline in applications:
 * for callers that do not inline them, take their address, or are not C.
 */

#define __rte_fastmem_inline

#include "rte_fastmem.h"
