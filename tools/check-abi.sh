#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Compares the ABI of the libraries with that of an earlier version, by abidiff of libabigail.

usage() {
	cat <<-END
	usage: tools/check-abi.sh [OLD | --why-not]

	Builds the shared libraries of OLD and of the working tree, and compares what programs see of them:
	symbols, and types in public headers. OLD is a commit, or a folder with sources; the last tag,
	unless it is given. What is new is no change. A library with another soname is compared with nothing.

	Exit status: 0 if programs built for OLD work with the working tree, 1 if not (it says what has
	changed), 77 if it cannot be told: there is no tag, no abidiff (package abigail-tools), or no git.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
--why-not) ;;
-*) usage >&2; exit 2 ;;
esac
from=${1:-}
# A folder may be named from where this is called.
[ ! -d "$from" ] || from=$(realpath "$from")
why_not=
[ "$from" != --why-not ] || why_not=yes from=
. "$(dirname "$0")/common.sh"

not_run() { [ -n "$why_not" ] || printf 'left out: '; echo "$*"; exit 77; }

command -v abidiff >/dev/null || not_run 'no abidiff: package abigail-tools has it'
if [ -z "$from" ]; then
	git rev-parse --git-dir >/dev/null 2>&1 || not_run 'these sources are not in git'
	from=$(git describe --tags --abbrev=0 2>/dev/null) || not_run 'there is no tag to compare with'
fi
[ -z "$why_not" ] || exit 0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sources_of() {
	mkdir -p "$1"
	if [ -d "$from" ]; then
		cp -r "$from/." "$1"
	else
		git archive "$from" | tar -x -C "$1"
	fi
}

# libraries_of SOURCES TO: TO/lib has them, TO/include the public headers.
libraries_of() {
	local libraries

	mkdir -p "$2/lib" "$2/include"
	meson setup "$2/build" "$1" --buildtype=debug -Dwerror=false >"$2/log" 2>&1 ||
		{ tail -20 "$2/log" >&2; die "$1 cannot be configured"; }
	libraries=$(cd "$2/build" && ninja -t targets all | sed -n 's/^\(librte_fastmem\(_debug\|_replace\)\?\.so\.[0-9]*\): .*/\1/p')
	# shellcheck disable=SC2086 # several names
	ninja -C "$2/build" $libraries >"$2/log" 2>&1 || { tail -20 "$2/log" >&2; die "$1 cannot be built"; }
	(cd "$2/build" && cp $libraries "$2/lib")
	find "$1/lib" -name "rte_*.h" -exec cp -t "$2/include" {} +
}

sources_of "$scratch/old.src"
libraries_of "$scratch/old.src" "$scratch/old"
libraries_of "$PWD" "$scratch/new"
status=0
for new in "$scratch"/new/lib/*; do
	name=$(basename "$new")
	if [ ! -e "$scratch/old/lib/$name" ]; then
		echo "$name: has no forerunner of that name"
		continue
	fi
	changed=0
	abidiff --no-added-syms --headers-dir1 "$scratch/old/include" --headers-dir2 "$scratch/new/include" \
		--drop-private-types "$scratch/old/lib/$name" "$new" || changed=$?
	if [ $changed = 0 ]; then
		echo "$name: unchanged, or only more"
	else
		echo "$name: abidiff ends with status $changed"
		status=1
	fi
done
exit $status
