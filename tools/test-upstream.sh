#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests the mempool driver and the preloaded rte_malloc with DPDK's own tests, and with programs of
# DPDK, as Debian has built them.

list=app/test/upstream/suites.txt
programs='replace-testpmd replace-eventdev-order replace-eventdev-perf
	  replace-eventdev-timer replace-pipeline-none replace-pipeline-stub
	  replace-pipeline-lpm replace-pipeline-acl replace-crypto-perf replace-bbdev replace-fib replace-fib-rib replace-fib6
	  replace-proc-info replace-proc-info-primary replace-proc-info-secondary
	  replace-openvswitch'

usage() {
	cat <<-END
	usage: tools/test-upstream.sh BUILD_DIR [option of with-eal.sh...] [-- name...]

	Runs the suites of $list by dpdk-test (package dpdk-dev), in these ways:
	  default      as it is
	  mbuf         with fastmem as the mempool driver of mbufs
	  all          with all mempools replaced by librte_fastmem_malloc.so, which is preloaded
	  malloc       with rte_malloc replaced by it
	  malloc+all   with both
	Each must have the verdict that the list says, and pass the same cases, in all of them.
	Then dpdk-testpmd forwards packets with the driver, and with its mempools replaced; and programs
	must say the same with rte_malloc and mempools replaced as without. BUILD_DIR has the plug-in and the library.

	Names are those of suites, "testpmd" (it forwards), and of programs:
	  $programs

	Environment: DPDK_TEST_PROGRAM (dpdk-test), DPDK_TESTPMD (dpdk-testpmd), PATIENCE (seconds
	that a suite may take: 300), WAYS (other than default, that suites run in: those that suit each),
	LONG (no; "yes" to run the suites that the list calls long, too; "only" to run no others).
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
suite=upstream
. tools/promise.sh

split_eal "$@"
only=" ${names[*]-} "
[ "$only" != "  " ] || only=

# What those tests find without the driver is listed for that version only.
version=$(pkg-config --modversion libdpdk)
if [[ "$version" != 22.11.* ]]; then
	echo "DPDK is $version, not 22.11"
	exit 77
fi

dpdk_test=$(command -v "${DPDK_TEST_PROGRAM:-dpdk-test}") || die "no dpdk-test: apt-get install dpdk-dev"
testpmd=$(command -v "${DPDK_TESTPMD:-dpdk-testpmd}") || die "no dpdk-testpmd: apt-get install dpdk-dev"
all_mempools=$build/app/test/upstream/libfastmem_all_mempools.so
malloc=$build/lib/fastmem_malloc/librte_fastmem_malloc.so
for f in "$build/drivers/librte_mempool_fastmem.so" "$all_mempools" "$malloc"; do
	[ -e "$f" ] || die "not built: $f"
done
patience=${PATIENCE:-300}
long=${LONG:-no}
[[ "$long" =~ ^(no|yes|only)$ ]] || die "LONG=$long: no, yes or only"
# EAL looks for a plug-in without a path where the linker does.
export LD_LIBRARY_PATH=$build/drivers${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
driver=(-d librte_mempool_fastmem.so --mbuf-pool-ops-name=fastmem
	--log-level=pmd.mempool.fastmem:debug)
export no_huge=
[[ " ${eal[*]-} " != *" --no-huge "* ]] || no_huge=yes

# The lcores that the options ask for, as in lcores=5.
lcores_of() {
	case " $* " in
	*" lcores="*) echo "$*" | grep -o 'lcores=[0-9]*' | cut -d= -f2 ;;
	*) echo 2 ;;
	esac
}

# run SUITE HOW [lcores=N] [EAL option...]: by dpdk-test. Prints the verdict; the output goes to a
# file, the library's report to one for each process.
run() {
	local suite=$1 how=$2 status=0 extra=() lcores

	shift 2
	lcores=$(lcores_of "$@")
	[[ "${1:-}" != lcores=* ]] || shift
	case $how in
	mbuf) extra=("${driver[@]}") ;;
	*all) extra=(--log-level=pmd.mempool.fastmem:debug) ;;
	esac
	(
		export DPDK_TEST=$suite FASTMEM_PRELOAD=
		export RTE_FASTMEM_MALLOC=on RTE_FASTMEM_MALLOC_REPORT=$scratch/$suite.$how.%p.report
		case $how in
		all) export FASTMEM_PRELOAD=$malloc RTE_FASTMEM_MALLOC=off RTE_FASTMEM_MEMPOOL=on ;;
		malloc) FASTMEM_PRELOAD=$malloc ;;
		malloc+all) export FASTMEM_PRELOAD=$malloc RTE_FASTMEM_MEMPOOL=on ;;
		esac
		timeout "$patience" tools/with-eal.sh ${eal[@]+"${eal[@]}"} --lcores "$lcores" --memory 3072 \
			"$scratch/dpdk-test" ${extra[@]+"${extra[@]}"} "$@"
	) >"$scratch/$suite.$how" 2>&1 </dev/null || status=$?
	# A status that is a multiple of 256 is 0 as well.
	! grep -aq '^Test Failed' "$scratch/$suite.$how" || status=1
	case $status in
	0) echo pass ;;
	77) echo skip ;;
	124) echo late ;;
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

# Allocations that fastmem has served in all processes of a run, says the library.
n_served() {
	cat "$scratch/$1.$2".*.report 2>/dev/null |
		awk '$1 == "allocations_by_fastmem" { n += $2 } END { print n + 0 }'
}

# try_hard SUITE HOW [option...]: again, where it had too little time; as the list says, or as
# threads that poll for each other take the time that other load of the machine lets them
try_hard() {
	local result left=$attempts

	result=$(run "$@")
	if [ "$result" = late ] && [ "$2" != default ]; then
		result=$(run "$@")
	fi
	while [ "$result" = fail ] && [ $((left -= 1)) -gt 0 ]; do
		result=$(run "$@")
	done
	echo "$result"
}

# as_by_default SUITE HOW VERDICT [option...]: same verdict, same cases
as_by_default() {
	local suite=$1 how=$2 verdict=$3 result ret=0

	shift 3
	result=$(try_hard "$suite" "$how" "$@")
	echo "$how: $result"
	if [ "$result" != "$verdict" ]; then
		echo "instead of $verdict:"
		tail -20 "$scratch/$suite.$how"
		echo
		ret=1
	fi
	cases "$scratch/$suite.$how" >"$scratch/cases.$how"
	diff "$scratch/cases.default" "$scratch/cases.$how" || ret=1
	if [ "$result" = pass ] && [[ $how == malloc* ]] && [ "$(n_served "$suite" "$how")" = 0 ]; then
		echo "$how: the library has served nothing"
		ret=1
	fi
	return $ret
}

# uses_mempools SUITE HOW USES: it does, or does not, use those of the driver, as the list says
uses_mempools() {
	case "$3.$2" in
	mbuf.*|all.*all) has_mempools "$scratch/$1.$2" && return ;;
	none.*) has_mempools "$scratch/$1.$2" || return 0 ;;
	*) return 0 ;;
	esac
	echo "$2: not as said: mempools of the driver: $3"
	return 1
}

# suite_holds SUITE VERDICT USES [option...]: after it has run by default
suite_holds() {
	local suite=$1 verdict=$2 uses=$3 how ways ret=0

	shift 3
	# What uses no mempool need not run with the driver alone.
	[ "$uses" = none ] && ways='malloc malloc+all' || ways='mbuf all malloc malloc+all'
	cases "$scratch/$suite.default" >"$scratch/cases.default"
	for how in ${WAYS:-$ways}; do
		as_by_default "$suite" $how "$verdict" "$@" || ret=1
		[ $how = malloc ] || uses_mempools "$suite" $how "$uses" || ret=1
	done
	return $ret
}

is_as_listed() {
	echo "default: $2 instead of $3"
	tail -20 "$scratch/$1.default"
	echo
	[ "$2" = "$3" ]
}

# try_suite SUITE VERDICT USES [option...]: where the verdict is "any", that of this machine
try_suite() {
	local suite=$1 verdict=$2 uses=$3 result

	shift 3
	result=$(try_hard "$suite" default "$@")
	if [ "$result" = late ]; then
		left_out "$suite" "it takes more than $patience s here without fastmem"
	elif [ "$verdict" = any ] && [ "$result" != pass ]; then
		left_out "$suite" "it is \"$result\" here without fastmem"
	elif [ "$verdict" != any ] && [ "$result" != "$verdict" ]; then
		promise "$suite: $verdict" is_as_listed "$suite" "$result" "$verdict"
	else
		promise "$suite: $result, as without fastmem" \
			suite_holds "$suite" "$result" "$uses" "$@"
	fi
	rm -f "$scratch/$suite".*
}

is_asked_for() { [ -z "$only" ] || [[ "$only" == *" $1 "* ]]; }

while read -r suite verdict uses args; do
	[[ "$suite" != '#'* && -n "$suite" ]] || continue
	is_asked_for "$suite" || continue
	if [[ "$args" == huge* ]]; then
		args=${args#huge}
		[ -z "$no_huge" ] || { left_out "$suite" "no huge pages"; continue; }
	fi
	attempts=1
	if [[ "$args" =~ ^\ *timed ]]; then
		args=${args#*timed}
		attempts=5
	fi
	case $verdict.$long in
	long.no) left_out "$suite" "it takes minutes without fastmem: LONG=yes"; continue ;;
	long.*) verdict=any ;;
	*.only) continue ;;
	esac
	args=${args## }
	# shellcheck disable=SC2086 # options
	try_suite "$suite" "$verdict" "$uses" ${args%%#*}
done <"$list"

[ "$long" != only ] || { promises_end; exit; }

# All that dpdk-test says it can run, it runs here.
list_is_complete() {
	printf '?\nquit\n' |
		tools/with-eal.sh ${eal[@]+"${eal[@]}"} --lcores 1 "$dpdk_test" 2>/dev/null |
		tr -d '\r' | sed -n 's/^ \([a-z0-9_]*\) .*: \(launch autotest\|dump status\)$/\1/p' | sort -u \
		>"$scratch/suites.there"
	grep -o '^[a-z0-9_]\+' "$list" | sort -u >"$scratch/suites.listed"
	[ -s "$scratch/suites.there" ] && diff "$scratch/suites.listed" "$scratch/suites.there"
}
[ -n "$only" ] || promise "the list has all suites of dpdk-test" list_is_complete

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
	for mode in io mac macswap csum 5tswap; do
		for to in null ring; do
			FASTMEM_PRELOAD=$malloc RTE_FASTMEM_MEMPOOL=on \
				promise "testpmd with mempools replaced forwards by $mode to $to" \
				forward --preloaded --fwd $mode null $to
		done
	done
	if [ -z "$no_huge" ]; then
		# testpmd does not ask for mempool ops here.
		FASTMEM_PRELOAD=$all_mempools \
			promise 'testpmd forwards in anonymous memory' forward --mp-alloc anon null null
		promise 'testpmd forwards in a heap of its own' forward --mp-alloc xmem null null
		promise 'testpmd forwards in buffers of its own' forward --mp-alloc xbuf null null
	fi
fi

# says_the_same PROGRAM: see app/test/upstream/programs.py
says_the_same() {
	timeout 300 app/test/upstream/programs.py --library "$malloc" --scratch "$scratch" "$1" -- \
		tools/with-eal.sh ${eal[@]+"${eal[@]}"} --memory 1024
}

for program in $programs; do
	is_asked_for "$program" || continue
	reason=$(app/test/upstream/programs.py --scratch "$scratch" --why-not "${program#replace-}" -- \
		tools/with-eal.sh ${eal[@]+"${eal[@]}"})
	if [ -n "$reason" ]; then
		left_out "$program" "$reason"
	else
		promise "$program: says the same" says_the_same "${program#replace-}"
	fi
done

promises_end
