#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The ABI is that of the last tag; and a change of it would be found.

case "${1:-}" in
-h|--help) echo "usage: tools/test-abi.sh"; exit ;;
esac
. "$(dirname "$0")/common.sh"
suite=abi
. tools/promise.sh


if ! command -v abidiff >/dev/null; then
	echo 'left out: no abidiff: package abigail-tools has it'
	exit 77
fi

old() {
	rm -rf "$scratch/src"
	mkdir -p "$scratch/src"
	cp -r app drivers lib tools usertools doc examples meson.build meson_options.txt "$scratch/src"
}

# plant FILE EXPRESSION...: of sed; that it changes the file is part of the test.
plant() {
	local file=$scratch/src/$1

	shift
	cp "$file" "$scratch/before"
	sed -i "$@" "$file"
	! cmp -s "$scratch/before" "$file"
}

# A program for the old one finds all that it knows.
more_is_no_change() {
	old
	plant lib/fastmem/fastmem_kept.c '/^RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_kept,/d'
	tools/check-abi.sh "$scratch/src"
}

changes_are_found() {
	local status=0

	old
	plant lib/fastmem/rte_fastmem.h 's/^\tuint64_t bytes_held_back;/\tuint32_t is_not_there;\n&/'
	printf '%s\n' 'void rte_fastmem_is_gone(void);' \
		'RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_fastmem_is_gone, 26.11)' 'void rte_fastmem_is_gone(void) {}' \
		>>"$scratch/src/lib/fastmem/fastmem_control.c"
	tools/check-abi.sh "$scratch/src" >"$scratch/found" || status=$?
	cat "$scratch/found"
	[ $status = 1 ] && grep -q 'is_not_there' "$scratch/found" && grep -q 'rte_fastmem_is_gone' "$scratch/found"
}

promise 'more is no change' more_is_no_change
promise 'changes are found' changes_are_found
if why=$(tools/check-abi.sh --why-not); then
	promise 'it is that of the last tag' tools/check-abi.sh
else
	left_out 'it is that of the last tag' "$why"
fi
promises_end
