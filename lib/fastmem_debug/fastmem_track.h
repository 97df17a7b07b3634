/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef FASTMEM_TRACK_H
#define FASTMEM_TRACK_H

/*
 * What sanitizers and Valgrind are told of objects.
 *
 * The library need not be built with a sanitizer: it finds out at run time whether the
 * program has one. Called on the checking path only, but for what is said of MSan at the end of
 * this file, which may be called anywhere.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * At init, in each process: from now on the other functions may be called, and reports be asked
 * for.
 */
void fastmem_track_start(void);

/*
 * At deinit, before memory goes: all slabs become plain memory, and the other functions do
 * nothing but for TSan.
 */
void fastmem_track_stop(void);
void fastmem_track_forked(void);

/* The same in a primary, before the first other process gets objects. */
void fastmem_track_share(void);

/*
 * Memory becomes a slab: nobody may access it but for objects. When it is none any more,
 * nobody may access it at all, until another slab or other memory is made of it.
 */
void fastmem_track_slab(void *addr, size_t len);
void fastmem_track_unslab(void *addr, size_t len);

/* It is memory as any other. */
void fastmem_track_plain(void *addr, size_t len);

/*
 * An object is handed out, of memory that nobody may access. has_contents: they are what the
 * last user has left (a pool's), or all zero; else there are none yet. Nobody else may have it.
 */
void fastmem_track_alloc(void *obj, size_t size, bool has_contents);

/* It is freed, and nobody may access it any more. Whatever the caller had to write is written. */
void fastmem_track_free(void *obj, size_t size);

/*
 * From one to the other, the caller may access this memory although nobody may. For memory that is
 * not handed out (canaries, freed objects). By the same thread, and not nested.
 */
void fastmem_track_peek(void *addr, size_t len);
void fastmem_track_unpeek(void *addr, size_t len);

/* Whether contents of red zones and freed memory can be read and written: not under Valgrind. */
bool fastmem_track_allows_zones(void);

/* The library has written to memory of its caller: MSan would take it for uninitialised. */
void fastmem_track_wrote(const void *addr, size_t len);

/*
 * From one to the other, the calling thread is in EAL, which MSan sees nothing of but what it
 * passes to functions of libc. Can be nested.
 */
void fastmem_track_enter_eal(void);
void fastmem_track_leave_eal(void);

/* The library is about to call a function of the application: MSan does not see what is passed. */
void fastmem_track_calls(void);

#endif /* FASTMEM_TRACK_H */
