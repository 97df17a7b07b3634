#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests that DPDK's examples compile with both drop-in names wherever they compile without.

. "$(dirname "$0")/common.sh"
suite=examples
. tools/promise.sh

case "${1:-}" in
-h|--help) echo 'usage: tools/test-examples.sh [FOLDER of examples; default: those of the package dpdk-doc]'; exit ;;
esac

if [ $# -gt 0 ]; then
	examples=$(realpath "$1")
else
	fetch_examples "$scratch"
	examples=$scratch/usr/share/dpdk/examples
fi

export examples
dpdk=$(pkg-config --cflags libdpdk)
export dpdk
export both='-D_GNU_SOURCE= -DRTE_FASTMEM_REPLACE_MALLOC -DRTE_FASTMEM_REPLACE_MEMPOOL -Ilib/fastmem
	-Ilib/fastmem_replace -Ilib/fastmem_debug -include rte_fastmem_replace.h'

# try FILE: prints whether it compiles with the names; or what the errors are, if it does without them.
try() {
	local dir=$1 folders=(-I"$examples/common") errors

	# Its own folder and those above it, as the makefiles of the examples have it.
	while [ "$dir" != "$examples" ]; do
		dir=$(dirname "$dir")
		folders+=(-I"$dir")
	done
	# shellcheck disable=SC2086 # lists of options
	set -- "$1" gcc -fsyntax-only -w -DALLOW_EXPERIMENTAL_API $dpdk "${folders[@]}"
	# shellcheck disable=SC2086
	if errors=$("${@:2}" $both "$1" 2>&1); then
		echo "compiles: ${1#"$examples"/}"
	elif "${@:2}" "$1" 2>/dev/null; then
		echo "does not compile: ${1#"$examples"/}: $(grep -m1 error <<<"$errors")"
	else # some need libraries that are not here
		echo "left out: ${1#"$examples"/}"
	fi
}
export -f try

find "$examples" -name '*.c' -print0 | sort -z | xargs -0 -P "$(nproc)" -I{} bash -c 'try {}' | sort >"$scratch/found"

most_compile() {
	local n all

	n=$(grep -c '^compiles: ' "$scratch/found")
	all=$(wc -l <"$scratch/found")
	grep '^left out' "$scratch/found"
	echo "$n of $all"
	[ "$n" -gt 0 ] && [ "$n" -gt $((all * 3 / 4)) ]
}

none_does_not() { ! grep '^does not compile' "$scratch/found"; }

promise most_examples_compile_with_both_names most_compile
promise all_that_compile_without_do_so_with_them none_does_not
promises_end
