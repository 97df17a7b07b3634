#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Writes a linker version script that gives symbols the versions they have in a library."""

import re
import subprocess
import sys

USAGE = """usage: symbol_versions.py [--no-local] READELF LIBRARY MAP SYMBOL...

Writes MAP, a version script that exports each SYMBOL under the default version that LIBRARY
exports it under, or under the version that it names itself, as NAME@VERSION; nothing else, or,
with --no-local, what another script says. LIBRARY may be several, with commas between them.
NAME? is left out if LIBRARY does not export it.
"""


def default_versions(readelf, library):
    """The default version of each function that a library exports."""
    table = subprocess.run([readelf, "-W", "--dyn-syms", library], check=True,
                           capture_output=True, text=True).stdout
    return dict(re.findall(r"\sFUNC\s+GLOBAL\s+DEFAULT\s+\d+\s+(\w+)@@(\S+)", table))


def main(args):
    """Read the library, write the map. Returns an exit status."""
    local = args[:1] != ["--no-local"]
    args = args[0 if local else 1:]
    if len(args) < 4:
        sys.stderr.write(USAGE)
        return 2
    readelf, library, path, *names = args
    known = {}
    for path_of_library in library.split(","):
        known.update(default_versions(readelf, path_of_library))
    nodes = {}
    for name in names:
        name, _, version = name.partition("@")
        optional = name.endswith("?")
        name = name.rstrip("?")
        version = version or known.get(name)
        if version is None and optional:
            continue
        if version is None:
            sys.stderr.write(f"{library} does not export {name}\n")
            return 1
        nodes.setdefault(version, []).append(name)
    with open(path, "w", encoding="ascii") as script:
        for i, (version, members) in enumerate(sorted(nodes.items())):
            script.write(f"{version} {{\n\tglobal:\n\n")
            script.writelines(f"\t{name};\n" for name in sorted(members))
            script.write("\n\tlocal: *;\n};\n" if i == 0 and local else "};\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
