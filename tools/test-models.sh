#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Checks the models of the protocols exhaustively, and that an error in each of them is found.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/test-models.sh [model...]

	Checks models/*.pml, or those named (depot, steal, take, repair, attach, grow, book), with spin: as they
	are, no error may be found in any state; and once with each of the errors that a model has in
	store (BUG), which must be found.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
command -v spin >/dev/null || die "spin is missing: tools/setup.sh test installs it"

suite=models
# cases: *
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

# check MODEL BUG: leaves what spin found in $dir/log; fails if it could not be run to its end. An
# error is found sooner than compilers have optimised the search for it.
check() {
	cp "models/$1.pml" "$dir/"
	(
		cd "$dir"
		spin -DBUG="$2" -a "$1.pml"
		# Without the hash that only samples; with memory for all states.
		gcc "$([ "$2" = 0 ] && echo -O2 || echo -O0)" -w -DSAFETY -DCOLLAPSE -DMEMLIM=3000 -o pan pan.c
		./pan -m100000
	) >"$dir/log" 2>&1
}

verdict() {
	if [ "$2" = ok ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		tail -20 "$dir/log"
	fi
	echo "$suite.${1//[: ,]/_}: $2"
}

states() {
	sed -n 's/^ *\([0-9e+.]*\) states, stored.*/\1/p' "$dir/log"
}

models=("$@")
[ $# -gt 0 ] || models=(depot steal take repair attach grow book)
for model in "${models[@]}"; do
	[ -e "models/$model.pml" ] || die "no model '$model': see --help"
	if check "$model" 0 && grep -q 'errors: 0' "$dir/log" &&
		! grep -q -e 'not completed' -e 'too small' -e 'memory limit' "$dir/log"; then
		verdict "$model: no error in $(states) states" ok
	else
		verdict "$model: all states are good" FAILED
	fi
	while read -r bug what; do
		if check "$model" "$bug" && grep -q 'errors: 1' "$dir/log"; then
			verdict "$model: found that $what" ok
		else
			verdict "$model: finds that $what" FAILED
		fi
	done < <(sed -n 's/^ \* BUG \([0-9]*\): /\1 /p' "models/$model.pml")
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
