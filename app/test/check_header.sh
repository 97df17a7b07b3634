#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The public header compiles without a warning wherever a user may include it: each compiler that
# is installed, C and C++, old standards and new, inlined or not.

if [ $# -lt 1 ] || [ "$1" = --help ]; then
	echo "usage: check_header.sh INCLUDE_DIR..."
	exit 2
fi

passed=0
failed=0
flags='-fsyntax-only -Wall -Wextra -Wpointer-arith -Werror -DALLOW_EXPERIMENTAL_API'
# What DPDK's own headers do is theirs.
dpdk=$(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g')
for dir in "$@"; do
	flags="$flags -I$dir"
done

# check LANGUAGE COMPILER OPTION...
check() {
	language=$1
	shift
	command -v "$1" >/dev/null || return
	# shellcheck disable=SC2086 # lists of options
	if printf '#include <rte_fastmem.h>\nint (*init)(void) = rte_fastmem_init;\n' |
			"$@" $flags $dpdk -x "$language" -; then
		echo "header.$(echo "$*" | tr ' ' '_'): ok"
		passed=$((passed + 1))
	else
		echo "header.$(echo "$*" | tr ' ' '_'): FAILED"
		failed=$((failed + 1))
	fi
}

for cc in gcc clang; do
	for std in gnu99 gnu11 c11 gnu17; do
		check c $cc -std=$std -O2
	done
	check c $cc -std=gnu11 -O0
	check c $cc -std=gnu11 -O2 -DRTE_FASTMEM_NO_INLINE
done
for cxx in g++ clang++; do
	for std in c++11 c++17 c++20; do
		check c++ $cxx -std=$std -O2
	done
	check c++ $cxx -std=c++17 -O2 -DRTE_FASTMEM_NO_INLINE
done

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
