#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Builds, and runs tests.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/test.sh [test | check | NAME...]
	       tools/test.sh --list

	  test    each kind of test once, some minutes: one release build, and the functional suites
	          with AddressSanitizer and UndefinedBehaviorSanitizer (the default)
	  check   that, and then all the rest: other compilers, pages, IO addresses and levels of
	          checking, all of the sanitizers and Valgrind, gdb's script at each step of a call,
	          fuzzing, static analysers, models, the benchmark, long runs, and DPDK's own tests
	          and programs on fastmem
	  NAME    a build (gcc, asan, clang, tsan, fuzz), a test of meson's, a suite, or SUITE.CASE, and
	          what is only run on request: upstream_all. What several have to fit is joined by
	          ":", as in asan:functional_no_huge:pool or clang:processes_huge_va.
	  --list  lists what can be named

	Tests run side by side, each on an EAL of its own. Environment: HUGE=auto|yes|no (huge pages),
	BUILD=dir, FUZZ_RUNS=N, MINUTES=N (what has not ended by then is ended, and listed as not run).
	Output of each test is kept in BUILD/test/logs.
	The last line is the sum over all: N passed, N failed.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
--list) exec tools/run-tests.py --list ;;
-*) usage >&2; exit 2 ;;
esac

arguments=()
[ -z "${MINUTES:-}" ] || arguments=(--minutes "$MINUTES")
# What is wrong is said before anything is installed or built.
! command -v python3 >/dev/null || tools/run-tests.py --check-names ${arguments[@]+"${arguments[@]}"} "$@"

setup=check
[[ " $* " == *" check "* ]] || setup='test'
tools/setup.sh $setup

mkdir -p "$BUILD/test"
# Enough for as many tests side by side as there may be, or for one at least.
each=256
[[ " $* " != *" upstream_all "* ]] || each=1024
if huge_setup $((each * ($(nproc) + 1))) $each; then
	arguments+=(--huge-pages "$(huge_free)")
elif [ "$HUGE" = yes ]; then
	die "huge pages were asked for (HUGE=yes)"
else
	arguments+=(--not-run "everything on huge pages: there are none (see above)")
fi

# Huge pages are given back at the end, also if that is told to stop: it is waited for.
tools/run-tests.py --build "$BUILD" ${arguments[@]+"${arguments[@]}"} "$@" &
runner=$!
trap 'kill -TERM $runner 2>/dev/null' INT TERM HUP
status=0
wait $runner || status=$?
while kill -0 $runner 2>/dev/null; do
	status=0
	wait $runner || status=$?
done
exit $status
