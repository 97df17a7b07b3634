#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The public headers compile without a warning wherever a user may include them: each compiler that
# is installed, C and C++, old standards and new, inlined or not, together and each one alone.

if [ $# -lt 1 ] || [ "$1" = --help ]; then
	echo "usage: check_header.sh INCLUDE_DIR..."
	exit 2
fi

passed=0
failed=0
flags='-fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-align -Wpointer-arith
	-Werror -DALLOW_EXPERIMENTAL_API'
# What DPDK's own headers do is theirs.
dpdk=$(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g')
for dir in "$@"; do
	flags="$flags -I$dir"
done
all='rte_fastmem.h rte_fastmem_pool.h rte_fastmem_debug.h rte_fastmem_replace.h'

# A program with these headers.
program() {
	for header in $1; do
		echo "#include <$header>"
	done
	echo 'extern int empty;'
}

# check LANGUAGE HEADERS COMPILER OPTION...
check() {
	language=$1
	headers=$2
	shift 2
	command -v "$1" >/dev/null || return
	name="header.$(echo "$*" | tr ' ' '_')"
	[ "$headers" = "$all" ] || name="$name.$headers"
	# shellcheck disable=SC2086 # lists of options
	if program "$headers" | "$@" $flags $dpdk -x "$language" -; then
		echo "$name: ok"
		passed=$((passed + 1))
	else
		echo "$name: FAILED"
		failed=$((failed + 1))
	fi
}

# The first of these standards that the compiler knows by this name.
newest() {
	compiler=$1
	shift
	for std in "$@"; do
		if echo | "$compiler" -std="$std" -fsyntax-only -x "${std%%[0-9]*}" - 2>/dev/null; then
			echo "$std"
			return
		fi
	done
}

for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	for std in c99 gnu11 c11 c17 $(newest $cc c23 c2x); do
		check c "$all" $cc -std="$std" -O2
	done
	check c "$all" $cc -std=gnu11 -O0
	check c "$all" $cc -std=gnu11 -O2 -DRTE_FASTMEM_NO_INLINE
	check c "$all" $cc -std=gnu11 -O2 -DRTE_FASTMEM_REPLACE_MALLOC -DRTE_FASTMEM_REPLACE_MEMPOOL
done
for cxx in g++ clang++; do
	command -v $cxx >/dev/null || continue
	for std in c++11 c++14 c++17 c++20 $(newest $cxx c++23 c++2b); do
		check c++ "$all" $cxx -std="$std" -O2 -Wold-style-cast
	done
	check c++ "$all" $cxx -std=c++17 -O2 -Wold-style-cast -DRTE_FASTMEM_NO_INLINE
	check c++ "$all" $cxx -std=c++17 -O2 -Wold-style-cast -DRTE_FASTMEM_REPLACE_MALLOC \
		-DRTE_FASTMEM_REPLACE_MEMPOOL
done
for header in $all; do
	check c "$header" gcc -std=c11 -O2
	check c++ "$header" g++ -std=c++17 -O2 -Wold-style-cast
done

# The first that a compiler for 32 bits says is that there is no such fastmem.
for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	# shellcheck disable=SC2086 # lists of options
	if program "$all" | LC_ALL=C $cc -m32 $flags $dpdk -x c - 2>&1 | grep -m 1 error: |
			grep 'fastmem needs a 64-bit machine'; then
		echo "header.${cc}_-m32_is_refused: ok"
		passed=$((passed + 1))
	else
		echo "header.${cc}_-m32_is_refused: FAILED"
		failed=$((failed + 1))
	fi
done

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
