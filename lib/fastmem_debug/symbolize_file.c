/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The files that names of stacks are read from: the program, its libraries, and what there is of
 * debug information beside them. A file that is not the one a stack was taken in is not read.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include <rte_common.h>

#include "fastmem_stack_private.h"

/* With one file. NULL: it is no such file. libdw itself would leave it open in what is executed. */
static Dwfl *
session_open(const char *path, const Dwfl_Callbacks *callbacks, Dwfl_Module **mod)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Dwfl *session = fd >= 0 ? dwfl_begin(callbacks) : NULL;

	*mod = session != NULL ? dwfl_report_elf(session, path, path, fd, 0, true) : NULL;
	if (*mod == NULL && fd >= 0)
		close(fd);
	if (*mod != NULL && dwfl_report_end(session, NULL, NULL) == 0)
		return session;
	dwfl_end(session);
	return NULL;
}

static bool
file_has_build_id(const char *path, const unsigned char *id, int size)
{
	static const Dwfl_Callbacks none = { 0 };
	const unsigned char *its;
	GElf_Addr address;
	Dwfl_Module *mod;
	Dwfl *session = session_open(path, &none, &mod);
	bool same = session != NULL && dwfl_module_build_id(mod, &its, &address) == size &&
			memcmp(its, id, size) == 0;

	dwfl_end(session);
	return same;
}

/*
 * Beside the file, by the name that objcopy --add-gnu-debuglink has left in it. Another file may
 * have that name: its lines would be wrong.
 */
static int
open_debug_link(const char *file, const char *link, const unsigned char *id, int size,
		char **found)
{
	static const char *const folders[] = { "", ".debug/" };
	const char *slash = strrchr(file, '/');
	unsigned int i;
	int fd;

	for (i = 0; slash != NULL && i < RTE_DIM(folders); i++) {
		if (asprintf(found, "%.*s/%s%s", (int)(slash - file), file, folders[i], link) < 0)
			break;
		fd = file_has_build_id(*found, id, size) ? open(*found, O_RDONLY | O_CLOEXEC) : -1;
		if (fd >= 0)
			return fd;
		free(*found);
	}
	*found = NULL;
	return -1;
}

/*
 * As dwfl_standard_find_debuginfo(), without the servers that DEBUGINFOD_URLS names: a report does
 * not wait for a network, and the environment chooses no files for a set-user-ID program. Servers
 * go by build ID: without one, none is asked, and files are known by their checksum.
 */
static int
find_debuginfo(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base, const char *file,
		const char *link, GElf_Word crc, char **found)
{
	const unsigned char *id;
	GElf_Addr address;
	int fd, size = dwfl_module_build_id(mod, &id, &address);

	fd = (size > 0 ? dwfl_build_id_find_debuginfo : dwfl_standard_find_debuginfo)(mod, data,
			name, base, file, link, crc, found);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	else if (size > 0 && file != NULL && link != NULL)
		fd = open_debug_link(file, link, id, size, found);
	return fd;
}

static const Dwfl_Callbacks session_callbacks = { .find_debuginfo = find_debuginfo };

/* Whether the file is still the one that the stack was taken in. */
static bool
file_is_same(Dwfl_Module *mod, const struct fastmem_module *m)
{
	const unsigned char *id;
	GElf_Addr address;
	int size = RTE_MIN(dwfl_module_build_id(mod, &id, &address), (int)sizeof(m->build_id.bytes));

	return size == m->build_id.size && (size == 0 || memcmp(id, m->build_id.bytes, size) == 0);
}

Dwfl *
fastmem_module_open(const struct fastmem_module *m, Dwfl_Module **mod)
{
	Dwfl *session = session_open(m->path, &session_callbacks, mod);

	if (session != NULL && file_is_same(*mod, m))
		return session;
	dwfl_end(session);
	return NULL;
}
