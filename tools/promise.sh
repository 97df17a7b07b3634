# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# Tests in shell: source it after common.sh. Each test is a promise that a command keeps.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# promise NAME COMMAND...
promise() {
	local name=$1
	shift
	if "$@" >"$scratch/log" 2>&1; then
		passed=$((passed + 1))
		printf '  %-66s ok\n' "$name"
	else
		failed=$((failed + 1))
		printf '  %-66s FAILED\n' "$name"
		tail -60 "$scratch/log" | sed 's/^/    | /'
	fi
}

# The last thing a test program does.
promises_end() {
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
}
