#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs the libFuzzer harness of a build made with -Dfuzz=true.

usage() {
	cat <<-END
	usage: tools/fuzz.sh BUILD_DIR [libFuzzer option...]

	For example, for an hour: tools/fuzz.sh build/test/fuzz -max_total_time=3600
	The input that fails is left in BUILD_DIR: run the harness on that file to see it again.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"

harness=$build/app/fuzz/dpdk-fastmem-fuzz
[ -x "$harness" ] || die "no harness in $build: configure with CC=clang meson setup -Dfuzz=true"

# A seed of its own would make each run test something else, and a failure hard to repeat.
if "$harness" -seed=1 -max_len=4096 -artifact_prefix="$build/" -print_final_stats=1 "$@"; then
	echo '1 passed, 0 failed'
else
	echo '0 passed, 1 failed'
	exit 1
fi
