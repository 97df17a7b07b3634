#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Builds all variants and runs all tests in each.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/test.sh [variant...]

	Variants (all of them, unless some are named):
	  gcc       release build; also: install, link as a user does, quick benchmark,
	            documentation
	  clang     release build with assertions
	  asan      AddressSanitizer, UndefinedBehaviorSanitizer and assertions
	  tsan      ThreadSanitizer and assertions
	  fuzz      libFuzzer harness, a fixed number of runs
	  static    static analysers look at the library
	  models    models of the protocols, all states of them
	  ab        the quick comparison of programs with and without the rte_malloc replacement
	  upstream  some of DPDK's own tests, and programs, with the mempool driver and the
	            preloaded rte_malloc, on DPDK 22.11

	Only if named:
	  upstream_all  all of those: 2 GiB of huge pages or 3 of others, half an hour or more

	Environment: HUGE=auto|yes|no (huge pages), BUILD=dir, FUZZ_RUNS=N.
	The last line is the sum over all: N passed, N failed.
	END
}

all_variants=(gcc clang asan tsan fuzz static models ab upstream)
case "${1:-}" in
-h|--help) usage; exit ;;
esac
variants=("$@")
[ $# -gt 0 ] || variants=("${all_variants[@]}")

tools/setup.sh test
mkdir -p "$BUILD/test"

skipped=()
# Of these, one needs far more than the others.
[[ " ${variants[*]} " == *" upstream_all "* ]] && pages=1024 || pages=256
if huge_setup $pages; then
	has_huge=yes
	eal=(--huge)
else
	[ "$HUGE" != yes ] || die "huge pages were asked for (HUGE=yes)"
	say "the tests run on ordinary pages only"
	has_huge=no
	eal=(--no-huge)
	skipped+=(--no-suite huge)
fi

passed=0
failed=0
failures=$BUILD/test/failures.txt
: >"$failures"

# Add the last "N passed, N failed" of a log; one that has none counts as a failure.
add_summary() {
	local line

	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -1) || line='0 passed, 1 failed'
	set -- $line
	passed=$((passed + $1))
	failed=$((failed + $3))
}

fail() {
	printf '  %s: FAILED\n' "$*" | tee -a "$failures"
	failed=$((failed + 1))
}

# Run a command that prints its own summary: its output is shown and counted.
run() {
	local log=$BUILD/test/run.log status=0 before=$failed

	"$@" >"$log" 2>&1 </dev/null || status=$?
	sed '$d' "$log"
	add_summary "$log"
	if [ $status != 0 ] && [ "$failed" = "$before" ]; then
		tail -3 "$log"
		fail "$1 (status $status)"
	elif [ "$failed" != "$before" ]; then
		{ echo "$*:"; grep -E 'FAILED|[1-9][0-9]* failed|[Ee]rror: ' "$log" | head -20; } \
			>>"$failures" || true
	fi
}

# Build a variant and run the tests that meson knows of: variant NAME MULTIPLIER [meson option...]
variant() {
	local name=$1 dir=$BUILD/test/$1 patience=$2

	shift 2
	say "$name: build"
	if ! build_in "$dir" "$@"; then
		fail "$name does not build"
		return 1
	fi
	say "$name: tests"
	# Its verdict is taken from its log, case by case.
	meson test -C "$dir" --no-rebuild --num-processes 1 --timeout-multiplier "$patience" \
		${skipped[@]+"${skipped[@]}"} >"$dir.meson.log" 2>&1 </dev/null || true
	if [ -s "$dir/meson-logs/testlog.json" ]; then
		run tools/count-tests.py "$dir/meson-logs/testlog.json"
	else
		cat "$dir.meson.log"
		fail "$name ran no test"
	fi
}

# ThreadSanitizer of older compilers does not start where addresses are randomised widely.
fixed_addresses() {
	if setarch "$(uname -m)" -R true 2>/dev/null; then
		setarch "$(uname -m)" -R "$@"
	else
		"$@"
	fi
}

test_gcc() {
	CC=gcc variant gcc 1 --buildtype=release --prefix /usr/local || return 0
	say "gcc: install, link, run, uninstall"
	run tools/test-install.sh "$BUILD/test/gcc" "${eal[@]}"
	say "gcc: quick benchmark"
	run tools/test-perf.sh "$BUILD/test/gcc" "${eal[@]}"
	say "gcc: documentation"
	run tools/test-docs.sh
}

test_clang() {
	CC=clang variant clang 1 --buildtype=release -Dasserts=true || true
}

# Leaks of EAL are EAL's: the suppressions name no function of fastmem.
test_asan() {
	export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	export LSAN_OPTIONS=suppressions=$PWD/tools/lsan.supp:print_suppressions=0
	CC=gcc variant asan 5 --buildtype=debugoptimized -Dasserts=true \
		-Db_sanitize=address,undefined || true
}

test_tsan() {
	export TSAN_OPTIONS=suppressions=$PWD/tools/tsan.supp:second_deadlock_stack=1
	# The benchmark hands over by rte_ring and compares mempools: their order is made by fences, or
	# in libraries, that ThreadSanitizer does not see.
	skipped+=(--no-suite benchmark)
	CC=gcc variant tsan 10 --buildtype=debugoptimized -Dasserts=true -Db_sanitize=thread || true
}

test_fuzz() {
	local dir=$BUILD/test/fuzz

	say "fuzz: build"
	if ! CC=clang build_in "$dir" --buildtype=debugoptimized -Dasserts=true -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false; then
		fail "fuzz does not build"
		return
	fi
	say "fuzz: ${FUZZ_RUNS:-10000} runs"
	# The same inputs each time: nothing that an earlier run has found.
	rm -rf "$dir/fuzz-corpus"
	run tools/fuzz.sh "$dir" "-runs=${FUZZ_RUNS:-10000}"
}

test_static() {
	run tools/check-static.sh
}

test_models() {
	run tools/test-models.sh
}

test_ab() {
	if [ ! -e "$BUILD/test/gcc/lib/fastmem_malloc/librte_fastmem_malloc.so" ] &&
			! CC=gcc build_in "$BUILD/test/gcc" --buildtype=release --prefix /usr/local; then
		fail "gcc does not build"
		return
	fi
	say "ab: tests"
	run tools/test-ab.sh "$BUILD/test/gcc" "${eal[@]}"
}

# What those tests find without the driver is listed for that version only. Those here need
# little memory; "make test-upstream" runs all.
upstream() {
	if [[ "$(pkg-config --modversion libdpdk)" != 22.11.* ]]; then
		say "not run: upstream, as DPDK is not 22.11"
		return
	fi
	if [ ! -e "$BUILD/test/gcc/drivers/librte_mempool_fastmem.so" ] &&
			! CC=gcc build_in "$BUILD/test/gcc" --buildtype=release --prefix /usr/local; then
		fail "gcc does not build"
		return
	fi
	say "upstream: tests"
	run tools/test-upstream.sh "$BUILD/test/gcc" "${eal[@]}" "$@"
}

test_upstream() {
	upstream -- mempool_autotest mbuf_autotest ring_pmd_autotest distributor_autotest \
		reorder_autotest ipfrag_autotest malloc_autotest memzone_autotest hash_autotest \
		fib_autotest eventdev_selftest_sw replace-testpmd replace-eventdev-order \
		replace-pipeline-lpm replace-fib replace-proc-info replace-proc-info-primary \
		replace-openvswitch
}

test_upstream_all() {
	upstream
}

for v in "${variants[@]}"; do
	[[ " ${all_variants[*]} upstream_all " == *" $v "* ]] || die "no variant '$v': see --help"
done
for v in "${variants[@]}"; do
	SECONDS=0
	"test_$v"
	say "$v: took $SECONDS s"
done
[ $has_huge = yes ] || say "not run: the tests on huge pages, as there are none"
if [ -s "$failures" ]; then
	say "what failed"
	cat "$failures"
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
