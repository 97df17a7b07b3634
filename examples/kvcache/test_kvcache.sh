#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests kvcache: with each backend all that is read is right, and no value is lost; fastmem's memory
# follows the load.

usage() {
	cat <<-END
	usage: test_kvcache.sh PROGRAM [RUNNER...]

	Runs PROGRAM, with a RUNNER if given: a command that is given PROGRAM and its arguments,
	such as "tools/with-eal.sh --no-huge --lcores 4".
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
program=$1
shift
runner=("$@")
suite=kvcache
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
here=$(dirname "$0")
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

# Rows end by what was done in them: a busy machine takes its time.
# runs BACKEND OPTION...: what kvcache prints goes to BACKEND, its table to BACKEND.txt.
runs() {
	local backend=$1

	shift
	"${runner[@]}" "$program" -- --backend "$backend" --keys 800 --rows 25 \
		--row-ms 20 --row-gets 8000 --table "$scratch/$backend.txt" "$@" >"$scratch/$backend" 2>"$scratch/err" ||
		{ cat "$scratch/$backend" "$scratch/err"; return 1; }
	cat "$scratch/$backend"
	grep -E "^$backend: [1-9][0-9]* gets, [1-9][0-9]* hits, 0 damaged, 0 refused$" "$scratch/$backend" &&
		[ "$(grep -vc '^#' "$scratch/$backend.txt")" = 25 ]
}

# largest TABLE COLUMN, last TABLE COLUMN
largest() { awk -v c="$2" '!/^#/ && $c > m { m = $c } END { print m }' "$scratch/$1.txt"; }
last() { awk -v c="$2" 'END { print $c }' "$scratch/$1.txt"; }

is_less() { echo "$1 < $2"; awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }

load_falls() { is_less "$(last fastmem 3)" "$(awk -v a="$(largest fastmem 3)" 'BEGIN { print a / 3 }')"; }

# Memory goes back in large pieces, and values that stay keep some of these.
memory_follows() {
	cat "$scratch/fastmem.txt"
	is_less "$(awk '!/^#/ { if ($4 > most) { most = $4; least = $4 } else if ($4 < least) least = $4 }
		END { print least / most }' "$scratch/fastmem.txt")" 0.85
}

mempools_stay() { is_less "$(largest fastmem 4)" "$(last mempool 4)"; }

draws() {
	command -v gnuplot >/dev/null || { echo 'no gnuplot'; return 1; }
	"$here/plot.sh" "$scratch/kvcache.svg" "$scratch"/{fastmem,mempool,malloc}.txt &&
		grep -q 'million a second' "$scratch/kvcache.svg"
}

names_wrong_options() {
	! runs none && grep -q -- "--backend: fastmem, mempool or malloc, not 'none'" "$scratch/err"
}

promise all_that_fastmem_keeps_is_read_as_written runs fastmem
promise all_that_mempools_keep_is_read_as_written runs mempool
promise all_that_rte_malloc_keeps_is_read_as_written runs malloc
promise the_load_falls load_falls
promise memory_of_fastmem_follows_the_load memory_follows
promise mempools_hold_more_than_fastmem_at_its_peak mempools_stay
promise draws_a_picture draws
promise names_wrong_options names_wrong_options

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
