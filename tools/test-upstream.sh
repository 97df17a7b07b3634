#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests the mempool driver with DPDK's own tests, and with testpmd, as Debian has built them.

list=app/test/upstream/suites.txt

usage() {
	cat <<-END
	usage: tools/test-upstream.sh BUILD_DIR [option of with-eal.sh...] [-- suite...]

	Runs the suites of $list, or those named, by dpdk-test (package dpdk-dev):
	with the default mempool driver, with fastmem as the driver of mbufs, and as that of all
	mempools. Each must have the verdict that the list says, and pass the same cases, in all
	three. Then dpdk-testpmd forwards packets. BUILD_DIR has the plug-in.

	Environment: DPDK_TEST_PROGRAM (dpdk-test), DPDK_TESTPMD (dpdk-testpmd).
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
. tools/promise.sh

eal=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	eal+=("$1")
	shift
done
[ $# = 0 ] || shift
only=" $* "
[ "$only" != "  " ] || only=

dpdk_test=$(command -v "${DPDK_TEST_PROGRAM:-dpdk-test}") || die "no dpdk-test: apt-get install dpdk-dev"
testpmd=$(command -v "${DPDK_TESTPMD:-dpdk-testpmd}") || die "no dpdk-testpmd: apt-get install dpdk-dev"
preload=$build/app/test/upstream/libfastmem_all_mempools.so
for f in "$build/drivers/librte_mempool_fastmem.so" "$preload"; do
	[ -e "$f" ] || die "not built: $f"
done
# EAL looks for a plug-in without a path where the linker does.
export LD_LIBRARY_PATH=$build/drivers${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
driver=(-d librte_mempool_fastmem.so --mbuf-pool-ops-name=fastmem
	--log-level=pmd.mempool.fastmem:info)
export no_huge=
[[ " ${eal[*]-} " != *" --no-huge "* ]] || no_huge=yes

# run SUITE HOW [EAL option...]: by dpdk-test. Prints the verdict; the output goes to a file.
run() {
	local suite=$1 how=$2 status=0 extra=()

	shift 2
	[ "$how" = default ] || extra=("${driver[@]}")
	(
		export DPDK_TEST=$suite
		[ "$how" != all ] || export FASTMEM_PRELOAD=$preload
		timeout 120 tools/with-eal.sh ${eal[@]+"${eal[@]}"} --lcores 2 --memory 3072 \
			"$scratch/dpdk-test" ${extra[@]+"${extra[@]}"} "$@"
	) >"$scratch/$suite.$how" 2>&1 </dev/null || status=$?
	case $status in
	0) echo pass ;;
	77) echo skip ;;
	*) echo fail ;;
	esac
}

# preloading NAME PROGRAM: only for the program itself, not for what starts it.
preloading() {
	cat >"$scratch/$1" <<-END
	#!/bin/sh
	export LD_PRELOAD="\$FASTMEM_PRELOAD"
	exec "$2" "\$@"
	END
	chmod +x "$scratch/$1"
}
preloading dpdk-test "$dpdk_test"
preloading dpdk-testpmd "$testpmd"

# The cases of a suite, if it names them, and what became of each.
cases() { grep -aoE 'TestCase \[ *[0-9]+\] : .* (succeeded|failed|skipped|unsupported)' "$1" || true; }

has_mempools() { grep -aq 'MEMPOOL_FASTMEM: mempool ' "$1"; }

# suite_holds SUITE VERDICT USES [EAL option...]
suite_holds() {
	local suite=$1 verdict=$2 uses=$3 how result ret=0

	shift 3
	for how in default mbuf all; do
		result=$(run "$suite" $how "$@")
		echo "$how: $result"
		if [ "$result" != "$verdict" ]; then
			echo "instead of $verdict:"
			tail -20 "$scratch/$suite.$how"
			ret=1
		fi
		cases "$scratch/$suite.$how" >"$scratch/cases.$how"
		diff "$scratch/cases.default" "$scratch/cases.$how" || ret=1
	done
	for how in mbuf all; do
		case $uses in
		mbuf) has_mempools "$scratch/$suite.$how" ;;
		all) [ $how = mbuf ] || has_mempools "$scratch/$suite.$how" ;;
		none) ! has_mempools "$scratch/$suite.$how" ;;
		esac || { echo "$how: not as said: mempools of the driver: $uses"; ret=1; }
	done
	return $ret
}

is_asked_for() { [ -z "$only" ] || [[ "$only" == *" $1 "* ]]; }

while read -r suite verdict uses args; do
	[[ "$suite" != '#'* && -n "$suite" ]] || continue
	is_asked_for "$suite" || continue
	if [[ "$args" == huge* ]]; then
		args=${args#huge}
		[ -z "$no_huge" ] || { echo "  $suite: left out without huge pages"; continue; }
	fi
	# shellcheck disable=SC2086 # options
	promise "$suite: $verdict, as with the default driver" \
		suite_holds "$suite" "$verdict" "$uses" ${args%%#*}
done <"$list"

forward() {
	timeout 120 app/test/upstream/forward.py --testpmd "$scratch/dpdk-testpmd" --scratch "$scratch" "$@" -- \
		tools/with-eal.sh ${eal[@]+"${eal[@]}"} --lcores 2 --memory 1024
}

if is_asked_for testpmd; then
	for from in null ring pcap; do
		for to in null ring pcap; do
			promise "testpmd forwards from $from to $to" forward "$from" "$to"
		done
	done
	if [ -z "$no_huge" ]; then
		# testpmd does not ask for mempool ops here.
		FASTMEM_PRELOAD=$preload \
			promise 'testpmd forwards in anonymous memory' forward --mp-alloc anon null null
		promise 'testpmd forwards in a heap of its own' forward --mp-alloc xmem null null
		promise 'testpmd forwards in buffers of its own' forward --mp-alloc xbuf null null
	fi
fi

promises_end
