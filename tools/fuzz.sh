#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs the libFuzzer harness of a build made with -Dfuzz=true.

usage() {
	cat <<-END
	usage: tools/fuzz.sh BUILD_DIR [libFuzzer option...]
	       tools/fuzz.sh BUILD_DIR --fixed

	--fixed: as many runs as FUZZ_RUNS says (10000), always the same, from no more than the seeds.

	For example, for an hour: tools/fuzz.sh build/test/fuzz -max_total_time=3600
	What it finds is kept in BUILD_DIR/fuzz-corpus. The input that fails is left in BUILD_DIR: see
	it again by BUILD_DIR/app/fuzz/dpdk-fastmem-fuzz-replay FILE.
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

# What it starts from: inputs that reach each operation. What it finds is added to them.
corpus=$build/fuzz-corpus
if [ "${1:-}" = --fixed ]; then
	corpus=$build/fuzz-corpus-fixed
	rm -rf "$corpus"
	set -- "-runs=${FUZZ_RUNS:-10000}"
fi
mkdir -p "$corpus"
"$build/app/fuzz/dpdk-fastmem-fuzz-replay" --seeds "$corpus" >/dev/null 2>&1

# Without a fixed seed each run would test something else, and a failure be hard to repeat.
if "$harness" -seed=1 -max_len=4096 -artifact_prefix="$build/" "$@" "$corpus" >"$build/fuzz.log" 2>&1; then
	grep '^Done' "$build/fuzz.log"
	echo '1 passed, 0 failed'
else
	tail -100 "$build/fuzz.log"
	echo '0 passed, 1 failed'
	exit 1
fi
