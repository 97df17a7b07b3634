/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_EAL_H
#define FASTMEM_EAL_H

/* What fastmem takes from EAL: memzones, of which there are few for all libraries. */

#include <stddef.h>

#include <rte_memzone.h>

/* Zones that fastmem has, on all sockets. Others may add to them meanwhile. */
unsigned int fastmem_zones(void);

/*
 * Reserve one. NULL: rte_errno is ENOSPC if EAL has none left, or fastmem has its share, and
 * ENOMEM if there is no memory. May call back into the application. Of the primary process.
 */
const struct rte_memzone *fastmem_zone_reserve(const char *name, size_t len, int socket_id,
		unsigned int flags, size_t align);

#endif /* FASTMEM_EAL_H */
