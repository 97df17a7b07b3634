#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests the drop-in names of rte_fastmem_replace.h: a program that was compiled without and with
# them prints the same, and what they cannot replace does not compile.

usage() {
	cat <<-END
	usage: test_replace.sh run WITH_EAL PLAIN REPLACED WITH_DRIVER --huge|--no-huge [EAL option...]
	       test_replace.sh compile INCLUDE_DIR...

	  run       runs these programs by WITH_EAL and compares what they print
	  compile   compiles calls that cannot be replaced, with each compiler that is installed
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
run) [ $# -ge 6 ] || { usage >&2; exit 2; } ;;
compile) [ $# -ge 2 ] || { usage >&2; exit 2; } ;;
*) usage >&2; exit 2 ;;
esac
what=$1
shift

suite=replace
here=$(realpath "$(dirname "$0")")
. "$(dirname "$0")/../../../tools/promise.sh"

# Where EAL, or a device, reports on stdout, it is not what the program prints.
runs() {
	"$with_eal" "$pages" "$1" "${eal[@]}" >"$2.out" 2>"$2.err" || { cat "$2.out" "$2.err"; return 1; }
	[ -s "$2.out" ] || { echo "$1 has printed nothing"; return 1; }
}

# prints_the_same [PROGRAM_RUN]
prints_the_same() { [ -s "$scratch/plain.out" ] && diff -u "$scratch/plain.out" "${1:-$scratch/replaced}.out"; }

# stays PROGRAM PROGRAM_RUN: where DPDK has all the drivers that it can have. Fails if it takes no notice of that.
stays() {
	TEST_MEMPOOL_DRIVERS=full runs "$1" "$2" && prints_the_same "$2" &&
		grep 'mempools cannot be typed pools: DPDK has no room for more mempool drivers' "$2.err"
}

# Objects of rte_malloc() are fastmem's in any case.
stays_with_rings() { stays "$1" "$scratch/rings" && ! owns_most "$scratch/rings"; }
stays_with_the_driver() {
	stays "$1" "$scratch/driver" && cat "$scratch"/{rings,driver}.err | grep 'objects of fastmem' &&
		[ "$(owned "$scratch/rings")" -lt "$(owned "$scratch/driver")" ]
}
owned() { sed -n 's/^objects of fastmem: \([0-9]*\) of .*/\1/p' "$1.err"; }

# owns PROGRAM_RUN PATTERN
owns() { grep -xE "objects of fastmem: $2" "$1.err" || { cat "$1.err"; return 1; }; }

# All objects but the few of three mebibytes, and those in memory that the program provides.
owns_most() {
	local own all

	read -r own all < <(sed -nE 's/^objects of fastmem: ([0-9]+) of ([0-9]+)$/\1 \2/p' "$1.err")
	[ -n "$all" ] && [ "$all" -gt 1000 ] && [ "$own" = "$all" ] || { cat "$1.err"; return 1; }
}

run_all() {
	step the_plain_program_runs runs "$1" "$scratch/plain"
	step the_replaced_program_runs runs "$2" "$scratch/replaced"
	promise both_print_the_same prints_the_same
	promise 'no_object_of_the_plain_program_is_of_fastmem' owns "$scratch/plain" '0 of [1-9][0-9]*'
	promise 'all_objects_of_the_replaced_program_are_of_fastmem' owns_most "$scratch/replaced"
	promise 'without_room_for_a_driver_mempools_are_rings' stays_with_rings "$2"
	promise 'without_room_for_another_driver_mempools_have_the_one_of_fastmem' stays_with_the_driver "$3"
}

# Compile stdin: compile COMPILER LANGUAGE OPTION...
compile() {
	local compiler=$1 language=$2

	shift 2
	# shellcheck disable=SC2086 # lists of options
	"$compiler" -x "$language" -fsyntax-only -Wall -Wextra -Werror -DALLOW_EXPERIMENTAL_API -D_GNU_SOURCE \
		$dpdk $include "$@" - 2>"$scratch/errors"
}

replaced=(-DRTE_FASTMEM_REPLACE_MEMPOOL -DRTE_FASTMEM_REPLACE_MALLOC -include rte_fastmem_replace.h)

# Calls that are refused: name, message, call. What DPDK has no longer, only the message tells.
refused() {
	cat <<-'END'
	get_contig_blocks|rte_mempool_get_contig_blocks().*Write rte_mempool_get_bulk()|(void)rte_mempool_get_contig_blocks(mp, objs, 1)
	END
	local call

	for call in 'register_ops((const struct rte_mempool_ops *)objs)' 'ops_alloc(mp)' 'ops_free(mp)' \
			'ops_populate(mp, 1, objs, 0, 0, 0, 0)' \
			'ops_calc_mem_size(mp, 1, 0, (size_t *)objs, (size_t *)objs)' \
			'ops_dequeue_contig_blocks(mp, objs, 1)' \
			'op_populate_helper(mp, 0, 1, objs, 0, 0, 0, 0)' \
			'op_populate_default(mp, 1, objs, 0, 0, 0, 0)' \
			'op_calc_mem_size_helper(mp, 1, 0, 0, (size_t *)objs, (size_t *)objs)' \
			'op_calc_mem_size_default(mp, 1, 0, (size_t *)objs, (size_t *)objs)'; do
		echo "rte_mempool_${call%%(*}|a mempool driver is what typed pools replace: compile this file without|(void)rte_mempool_$call"
	done
}
gone='DPDK has no rte_mempool_xmem.*write rte_mempool_create_empty() and rte_mempool_populate_iova()'
all_refused() {
	refused
	for call in create size usage; do
		echo "mempool_xmem_$call|$gone|(void)rte_mempool_xmem_$call()"
	done
}

# A function a line, of calls on stdin.
functions() {
	printf '#include <rte_mempool.h>\n#include <rte_malloc.h>\n#include <rte_mbuf.h>\n'
	local n=0 call

	while IFS='|' read -r _ _ call; do
		n=$((n + 1))
		echo "void *f$n(struct rte_mempool *mp, void **objs); void *f$n(struct rte_mempool *mp, void **objs) { (void)mp; (void)objs; $call; return 0; }"
	done
}
readonly BEFORE=3 # lines before the first function

body() { echo "||$1" | functions; }

# compiles_without COMPILER LANGUAGE: the calls are right where names are not replaced.
compiles_without() { refused | functions | compile "$1" "$2" || { cat "$scratch/errors"; return 1; }; }

# The guide has a list of them.
guide_lists_them() {
	local guide=$here/../../../doc/guides/prog_guide/fastmem_mempool.rst

	all_refused | sed 's/.*(void)\(rte_[a-z_]*\)(.*/* ``\1()``/' | sort >"$scratch/list"
	sed -n '/^\.\. refused calls$/,/^\.\. end of refused calls$/s/^\* /&/p' "$guide" | sort |
		diff - "$scratch/list"
}

# refuses NAME: its line has its error, in what the compiler has said of all of them.
refuses() {
	local line found

	found=$(all_refused | grep -n "^$1|")
	line=$((${found%%:*} + BEFORE))
	cat "$scratch/refused"
	grep -q "^<stdin>:$line:[0-9]*: error: $(cut -d'|' -f2 <<<"$found")" "$scratch/refused"
}

takes() {
	body "$3" | compile "$1" "$2" "${replaced[@]}" || { cat "$scratch/errors"; return 1; }
}

# Whatever of DPDK comes after the names is left as it is.
takes_all_headers() {
	local dir

	dir=$(pkg-config --variable=includedir libdpdk)
	[ -e "$dir/rte_mempool.h" ] || dir=$dir/dpdk
	(cd "$dir" && printf '#include <%s>\n' rte_crypto.h rte_comp.h rte_cryptodev.h rte_ethdev.h \
		rte_eventdev.h rte_bbdev_op.h rte_dmadev.h rte_ip_frag.h rte_hash.h rte_table.h \
		rte_port.h rte_graph.h rte_reorder.h rte_distributor.h rte_vhost.h rte_mbuf_pool_ops.h) |
		compile "$1" "$2" "${replaced[@]}" -Wno-error || { cat "$scratch/errors"; return 1; }
}

compile_with() {
	local cc=$1 lang=$2 name all_errors=()

	name=$(echo "$cc" | tr + x)
	[[ $cc != clang* ]] || all_errors=(-ferror-limit=0)

	promise "${name}_takes_what_can_be_replaced" takes "$cc" "$lang" \
		'if (rte_mempool_get(mp, objs) == 0) rte_mempool_put(mp, objs[0]); rte_free(rte_malloc("t", 9, 0)); return rte_zmalloc(0, 1, 0)'
	promise "${name}_takes_all_headers" takes_all_headers "$cc" "$lang"
	promise "${name}_takes_what_is_refused_without_the_names" compiles_without "$cc" "$lang"
	# All calls in one run of the compiler: each has its own line.
	all_refused | functions | compile "$cc" "$lang" "${replaced[@]}" "${all_errors[@]}" || true
	mv "$scratch/errors" "$scratch/refused"
	all_refused | cut -d'|' -f1 >"$scratch/names"
	while read -r call; do
		promise "${name}_refuses_$call" refuses "$call"
	done <"$scratch/names"
}

case $what in
run)
	with_eal=$1 plain=$2 own=$3 driver=$4 pages=$5
	shift 5
	eal=("$@")
	run_all "$plain" "$own" "$driver"
	;;
compile)
	# What DPDK's own headers do is theirs.
	dpdk=$(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g')
	include=
	for dir in "$@"; do
		include="$include -I$dir"
	done
	promise the_guide_lists_what_is_refused guide_lists_them
	for cc in gcc clang; do
		command -v $cc >/dev/null && compile_with $cc c
	done
	for cc in g++ clang++; do
		command -v $cc >/dev/null && compile_with $cc c++
	done
	;;
esac

promises_end
