#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

. "$(dirname "$0")/common.sh"
. tools/chroot.sh

usage() {
	cat <<-END
	usage: tools/debian-matrix.sh [suite...]

	Builds the working tree, runs all tests, the quick benchmark, and malloc_perf_autotest and
	the traces with and without the rte_malloc replacement, against the DPDK of each of these
	Debian releases, in a minimal system of its own (debootstrap). Needs root.
	Suites: bookworm (DPDK 22.11), trixie (24.11), sid (25.11); all, unless some are named.

	Environment: MIRROR ($MIRROR), CHROOTS ($CHROOTS), HUGE (auto), BUILD (for the results),
	TESTS (arguments of tools/test.sh; default: check).
	Results: BUILD/matrix/SUITE.log, .json and .svg, SUITE-ab.json.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
suites=("$@")
[ $# -gt 0 ] || suites=(bookworm trixie sid)

results=$(realpath -m "$BUILD/matrix")
mkdir -p "$results"
summary=()
failed=0

run_suite() {
	local suite=$1 root=$CHROOTS/matrix-$1 log=$results/$1.log version tests status=0

	# Kept between runs: what is installed in it need not be installed again.
	if [ ! -e "$root/.complete" ]; then
		chroot_copy "$suite" "$root"
	fi
	chroot_network "$root"
	rm -rf "$root/root/fastmem"
	copy_sources "$root/root/fastmem"
	chroot_run "$root" /root/fastmem bash -c \
		'apt-get update -qq && apt-get install -y -qq --no-install-recommends make \
		&& tools/setup.sh test' >"$log" 2>&1 </dev/null ||
		{ tail -20 "$log"; summary+=("$suite: cannot be set up"); return 1; }
	version=$(chroot_run "$root" / pkg-config --modversion libdpdk)

	say "$suite: tests with DPDK $version"
	# shellcheck disable=SC2086 # TESTS is a list
	chroot_run "$root" /root/fastmem tools/test.sh ${TESTS:-check} </dev/null 2>&1 |
		tee -a "$log" || status=1
	tests=$(tail -1 "$log")

	say "$suite: quick benchmark with DPDK $version"
	chroot_run "$root" /root/fastmem tools/demo.sh </dev/null 2>&1 | tee -a "$log" || status=1
	cp "$root/root/fastmem/build/fastmem.json" "$results/$suite.json" || status=1
	cp "$root/root/fastmem/build/fastmem.svg" "$results/$suite.svg" || status=1

	say "$suite: rte_malloc and traces with and without the replacement, DPDK $version"
	chroot_run "$root" /root/fastmem tools/ab.sh --section malloc_perf_autotest --section traces \
		</dev/null 2>&1 | tee -a "$log" || status=1
	cp "$root/root/fastmem/build/ab.json" "$results/$suite-ab.json" || status=1
	[ $status = 0 ] || tests="$tests, SOMETHING FAILED"
	summary+=("$suite, DPDK $version: $tests")
	return $status
}

chroot_check
for suite in "${suites[@]}"; do
	run_suite "$suite" || failed=1
done
say "matrix"
printf '  %s\n' "${summary[@]}"
exit $failed
