#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs DPDK's examples on capture files, with and without fastmem's mempools: what comes out is the same.

case "${1:-}" in
-h|--help)
	cat <<-END
	usage: tools/test-examples-run.sh BUILD_DIR [option of with-eal.sh...] [-- name...]

	app/test/upstream/examples.py says what is run, and how; EXAMPLES is the folder of DPDK's
	examples (default: those of the package dpdk-doc).
	END
	exit ;;
''|-*) echo 'usage: tools/test-examples-run.sh BUILD_DIR [option of with-eal.sh...] [-- name...]' >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
suite=examples_run
. tools/promise.sh

split_eal "$@"

examples=${EXAMPLES:-}
if [ -z "$examples" ]; then
	fetch_examples "$scratch"
	examples=$scratch/usr/share/dpdk/examples
fi

run() {
	app/test/upstream/examples.py --examples "$examples" --build "$build" --scratch "$scratch" \
		--library "$build/lib/fastmem_malloc/librte_fastmem_malloc.so" \
		--launcher "tools/with-eal.sh ${eal[*]-}" "$@"
}

# shellcheck disable=SC2207 # names are words
[ ${#names[@]} -gt 0 ] || names=($(run --list))
for name in "${names[@]}"; do
	promise "$name" run "$name"
done
promises_end
