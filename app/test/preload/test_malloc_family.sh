#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests that a DPDK with functions of rte_malloc's family that fastmem does not know stops the build.

usage() {
	echo 'usage: test_malloc_family.sh MALLOC_FAMILY RTE_MALLOC_H RTE_FASTMEM_REPLACE_H EXPORTED...'
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
[ $# -ge 4 ] || { usage >&2; exit 2; }
check=$1 header=$2 replace=$3
shift 3
exported=("$@")

suite=malloc_family
. "$(dirname "$0")/../../../tools/promise.sh"

# refuses TEXT HEADER REPLACE_HEADER EXPORTED...
refuses() {
	local text=$1

	shift
	! "$check" "$@" 2>"$scratch/errors" || { echo 'it is accepted'; return 1; }
	cat "$scratch/errors"
	grep -qF "$text" "$scratch/errors"
}

# with DECLARATION: the header of this DPDK and one more function
with() { { cat "$header"; printf '\n%s\n' "$1"; } >"$scratch/rte_malloc.h"; }

names_what_is_new() {
	with 'void rte_free_quickly(void *ptr);' &&
		refuses 'rte_free_quickly() is not replaced by rte_fastmem_replace.h' \
			"$scratch/rte_malloc.h" "$replace" "${exported[@]}" &&
		refuses 'rte_free_quickly() is not replaced by the preloaded library' \
			"$scratch/rte_malloc.h" "$replace" "${exported[@]}"
}

# As DPDK writes it.
names_what_is_new_over_several_lines() {
	with $'__rte_experimental\nvoid *\nrte_malloc_near(const void *ptr,\n\tsize_t size)\n\t__rte_alloc_size(2);' &&
		refuses 'rte_malloc_near() is not replaced by rte_fastmem_replace.h' \
			"$scratch/rte_malloc.h" "$replace" "${exported[@]}"
}

names_what_is_not_exported() {
	refuses 'rte_zmalloc() is not replaced by the preloaded library' "$header" "$replace" \
		"${exported[@]/%rte_zmalloc/}"
}

names_what_has_no_macro() {
	grep -v '^#define rte_calloc ' "$replace" >"$scratch/replace.h" &&
		refuses 'rte_calloc() is not replaced by rte_fastmem_replace.h' "$header" \
			"$scratch/replace.h" "${exported[@]}"
}

refuses_a_header_that_it_cannot_read() {
	echo '#define rte_malloc(type, size, align) something' >"$scratch/rte_malloc.h" &&
		refuses 'does not declare rte_malloc() and rte_free()' "$scratch/rte_malloc.h" \
			"$replace" "${exported[@]}"
}

promise this_dpdk_has_no_function_that_is_not_replaced "$check" "$header" "$replace" "${exported[@]}"
promise a_new_function_stops_the_build names_what_is_new
promise a_new_function_over_several_lines_stops_the_build names_what_is_new_over_several_lines
promise a_function_that_is_not_exported_stops_the_build names_what_is_not_exported
promise a_function_without_a_macro_stops_the_build names_what_has_no_macro
promise a_header_that_cannot_be_read_stops_the_build refuses_a_header_that_it_cannot_read

promises_end
