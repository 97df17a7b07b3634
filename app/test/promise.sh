# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# The frame of test programs in shell, which prints as dpdk-fastmem-test does: source it, with the
# name of the suite in $suite. Each case is a promise that a command keeps.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# promise NAME COMMAND...: the command's output is shown when it fails.
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

# The last thing a test program does.
promises_end() {
	echo "$passed passed, $failed failed"
	[ $failed = 0 ] && [ $passed -gt 0 ]
}
