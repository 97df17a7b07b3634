#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests what librte_fastmem_malloc.so says to programs whose calls it does not see.

case "${1:-}" in
-h|--help) echo 'usage: test_preload_static.sh STATIC_PROGRAM PROGRAM LIBRARY'; exit ;;
esac
[ $# = 3 ] || { echo 'usage: test_preload_static.sh STATIC_PROGRAM PROGRAM LIBRARY' >&2; exit 2; }
program=$(realpath "$1") shared=$(realpath "$2") library=$(realpath "$3")

suite=preload_static
. "$(dirname "$0")/../../../tools/promise.sh"

said='librte_fastmem_malloc.so: DPDK is linked into test-preload-static statically: nothing is replaced'

# run PROGRAM [argument...]
run() {
	RTE_FASTMEM_MEMPOOL=on LD_PRELOAD=$library "$@" --no-huge -m 64 --no-pci --no-shconf -l 0 -- plain \
		>"$scratch/out" 2>"$scratch/err"
}

names_a_static_program() {
	run "$program" || { cat "$scratch/err"; return 1; }
	cat "$scratch/err"
	[ "$(grep -cxF "$said" "$scratch/err")" = 1 ] && grep -qx EAL "$scratch/out"
}

says_nothing_to_others() {
	run "$shared" || { cat "$scratch/err"; return 1; }
	! grep 'nothing is replaced' "$scratch/err" && LD_PRELOAD=$library sh -c true 2>"$scratch/err" &&
		[ ! -s "$scratch/err" ]
}

promise a_static_program_is_told names_a_static_program
promise a_program_with_shared_libraries_is_not says_nothing_to_others
promises_end
