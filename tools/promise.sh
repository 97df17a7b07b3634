# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# The frame of test programs in shell, which print as dpdk-fastmem-test does: source it, with the
# name of the suite in $suite. Each case is a promise that a command keeps. FASTMEM_TEST_ONLY names
# the cases to run, one a line; without it all run.

shopt -s extglob

readonly promises=$suite
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# A name is one word, whatever the text.
name_of() { echo "${1//+([^A-Za-z0-9+.=-])/_}"; }

wanted() { [ -z "${FASTMEM_TEST_ONLY:-}" ] || grep -qxF -- "$1" <<<"$FASTMEM_TEST_ONLY"; }

# promise NAME COMMAND...: the command's output is shown when it fails.
promise() {
	! wanted "$(name_of "$1")" || step "$@"
}

# A promise that later ones rest on: it is kept whatever was named.
step() {
	local name

	name=$(name_of "$1")
	shift
	if "$@" >"$scratch/log" 2>&1; then
		echo "$promises.$name: ok"
		passed=$((passed + 1))
	else
		cat "$scratch/log"
		echo "$promises.$name: FAILED"
		failed=$((failed + 1))
	fi
}

# left_out NAME WHY: a case that does not run here counts neither as passed nor as failed.
left_out() { echo "$promises.$(name_of "$1"): skipped: $2"; }

# The last thing a test program does.
promises_end() {
	echo "$passed passed, $failed failed"
	[ $failed = 0 ] && [ $passed -gt 0 ]
}
