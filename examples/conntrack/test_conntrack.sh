#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests conntrack: it finds what there is in a pcap file, the same with mempools and with pools of
# fastmem, and the latter take less memory.

usage() {
	cat <<-END
	usage: test_conntrack.sh PROGRAM [RUNNER...]

	Runs PROGRAM, with a RUNNER if given: a command that is given PROGRAM and its arguments,
	such as "tools/with-eal.sh --no-huge".
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
program=$1
shift
runner=("$@")
suite=conntrack
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

promise() {
	local name=$1

	shift
	if "$@" >"$scratch/log" 2>&1; then
		echo "$suite.$name: ok"
		passed=$((passed + 1))
	else
		cat "$scratch/log"
		echo "$suite.$name: FAILED"
		failed=$((failed + 1))
	fi
}

# runs NAME OPTION...: what conntrack prints goes to NAME, without and with footprints.
runs() {
	local name=$scratch/$1

	shift
	"${runner[@]}" "$program" --vdev="net_pcap0,rx_pcap=$scratch/flows.pcap" -- "$@" \
		>"$name.out" 2>"$name.err" || { cat "$name.out" "$name.err"; return 1; }
	grep -E '^(packets|flows|at once|TCP|UDP|expected|expired|refused|fingerprint): ' "$name.out" \
		>"$name"
	grep -q '^fingerprint: ' "$name"
}

same() { [ -s "$scratch/$1" ] && diff -u "$scratch/$1" "$scratch/$2"; }

finds_all() {
	local line

	[ -s "$scratch/expected" ] || return 1
	while read -r line; do
		grep -Fx "$line" "$scratch/$1" || { echo "not found: $line"; cat "$scratch/$1"; return 1; }
	done <"$scratch/expected"
	grep -Fx 'refused: 0' "$scratch/$1"
}

footprint() { sed -nE "s/^footprint: ([0-9]+) bytes $2.*/\1/p" "$scratch/$1.out"; }

takes_less() {
	local mempool fastmem

	mempool=$(footprint mempool "$1")
	fastmem=$(footprint fastmem "$1")
	echo "mempool $mempool, fastmem $fastmem"
	[ -n "$mempool" ] && [ -n "$fastmem" ] && [ $((fastmem * 4)) -lt "$mempool" ]
}

refuses_some() { grep -E '^refused: [1-9]' "$scratch/$1"; }

refuses_option() {
	! runs wrong "$@" && cat "$scratch/wrong.err" "$scratch/wrong.out" &&
		grep -q -- '--objects' "$scratch/wrong.err"
}

makes_pcap() { "$(dirname "$0")/make_pcap.py" "$scratch/flows.pcap" >"$scratch/expected"; }

promise 'makes_a_pcap_file' makes_pcap
promise 'runs_with_mempools' runs mempool --objects mempool
promise 'runs_with_fastmem' runs fastmem --objects fastmem
promise 'mempools_find_what_there_is' finds_all mempool
promise 'both_find_the_same' same mempool fastmem
promise 'fastmem_holds_a_quarter_of_the_memory_or_less' takes_less in
promise 'fastmem_takes_a_quarter_from_EAL_or_less' takes_less taken
promise 'runs_with_few_objects_in_mempools' runs few_mempool --objects mempool --max-flows 100
promise 'runs_with_few_objects_in_fastmem' runs few_fastmem --objects fastmem --max-flows 100
promise 'refuses_what_is_too_much' refuses_some few_mempool
promise 'both_refuse_the_same' same few_mempool few_fastmem
promise 'refuses_other_allocators' refuses_option --objects malloc

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
