#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The library and the mempool driver give static analysers nothing to object to: gcc -fanalyzer,
# clang-tidy with the checks of .clang-tidy (clang's analyser among them), clang's -Wthread-safety, and
# cppcheck. Assertions are on, as they tell analysers what holds.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/check-static.sh [file...]

	Files are those of the library and of the mempool driver, all of them unless some are named.
	Prints what is objected to, a line for each tool and file, and "N passed, N failed".
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
[ $# -gt 0 ] || set -- lib/fastmem/*.c lib/fastmem/*/*.c lib/fastmem_debug/*.c \
	lib/fastmem_debug/*/*.c lib/fastmem_replace/*.c drivers/mempool/fastmem/*.c

for tool in gcc clang clang-tidy cppcheck; do
	command -v $tool >/dev/null || die "no $tool: tools/setup.sh test installs it"
done

suite=check_static
# cases: *
export LC_ALL=C
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# As meson.build has them. What DPDK's headers do is theirs.
folders=(lib/fastmem lib/fastmem_debug lib/fastmem_debug/gdb lib/fastmem_replace)
cflags=(-std=gnu11 -DALLOW_EXPERIMENTAL_API -DALLOW_INTERNAL_API -D_GNU_SOURCE -DRTE_ENABLE_ASSERT
	-DRTE_LOG_DEFAULT_LOGTYPE=lib.fastmem "${folders[@]/#/-I}")
for flag in $(pkg-config --cflags libdpdk); do
	cflags+=("${flag/#-I/-isystem}")
done

analyse() {
	case "$1" in
	gcc)
		gcc -O2 -Wall -Wextra -fanalyzer "${cflags[@]}" -c "$2" -o /dev/null ;;
	thread-safety)
		clang -Wall -Wextra -Wthread-safety -fsyntax-only "${cflags[@]}" "$2" ;;
	clang-tidy)
		# What it says of headers it has looked at is no objection.
		clang-tidy --quiet "$2" -- "${cflags[@]}" 2>"$scratch/tidy.$BASHPID" ||
			cat "$scratch/tidy.$BASHPID" ;;
	cppcheck) # reads no header of DPDK's: macros that are no calls
		cppcheck --quiet --enable=warning,performance,portability --inline-suppr \
			--library=lib/fastmem/fastmem.cfg --suppress=missingInclude \
			--suppress=normalCheckLevelMaxBranches "${folders[@]/#/-I}" \
			-D__x86_64__ -D__GNUC__=12 '-DRTE_LOG_LINE(level,type,...)=' \
			'-DRTE_TRACE_POINT(...)=' '-DRTE_TRACE_POINT_REGISTER(...)=' \
			'-D__rte_aligned(n)=' -D__rte_may_alias= "$2" ;;
	esac
}

# One line for the sum, and what was objected to.
check() {
	local log=$scratch/$1.${2//\//_}

	if analyse "$1" "$2" >"$log" 2>&1 && [ ! -s "$log" ]; then
		echo "$suite.$1_$2: ok"
	else
		echo "$suite.$1_$2: FAILED"
		sed 's/^/  | /' "$log"
	fi
}

# Long ones first, as many at a time as there are CPUs.
for tool in clang-tidy gcc thread-safety cppcheck; do
	for file in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
			wait -n || true
		done
		check "$tool" "$file" >"$scratch/result.$tool.${file//\//_}" &
	done
done
wait
cat "$scratch"/result.*
failed=$(cat "$scratch"/result.* | grep -c "^$suite\..*: FAILED$" || true)
passed=$(cat "$scratch"/result.* | grep -c "^$suite\..*: ok$" || true)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
