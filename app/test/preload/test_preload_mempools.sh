#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests RTE_FASTMEM_MEMPOOL: mempools of a program that is linked with plain DPDK.

usage() {
	echo 'usage: test_preload_mempools.sh WITH_EAL PROGRAM LIBRARY --huge|--no-huge'
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
[ $# = 4 ] || { usage >&2; exit 2; }
with_eal=$1 program=$2 library=$(realpath "$3") pages=$4

here=$(dirname "$(realpath "$0")")
guide=$here/../../../doc/guides/prog_guide/fastmem_malloc.rst
suite=mempool_preload
. "$(dirname "$0")/../../../tools/promise.sh"

# run OUTPUT PART [VARIABLE=VALUE...]
run() {
	local output=$1 part=$2

	shift 2
	env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" "$@" \
		"$with_eal" $pages --memory 160 "$here/with_preload.sh" -- "$part" \
		>"$scratch/$output.out" 2>"$scratch/$output.err" && return
	cat "$scratch/$output.out" "$scratch/$output.err"
	return 1
}

# value REPORT KEY
value() { sed -n "s/^$2 //p" "$scratch/$1"; }

# has REPORT KEY VALUE
has() {
	[ "$(value "$1" "$2")" = "$3" ] && return
	echo "$1: $2 is '$(value "$1" "$2")' instead of '$3'"
	return 1
}

# The kinds of mempools whose ops are these: by OUTPUT OPS
by() { sed -n "s/: $2\$//p" "$scratch/$1.out"; }

uses_all_kinds() {
	run off mempools && run on mempools RTE_FASTMEM_MEMPOOL=on || return 1
	cat "$scratch/on.out"
	[ -z "$(by off fastmem)" ] && [ "$(by on fastmem | wc -l)" -ge 9 ] &&
		diff <(sed 's/: [a-z_]*$//' "$scratch/off.out") <(sed 's/: [a-z_]*$//' "$scratch/on.out")
}

# The guide's lists are what the program finds, in its order.
guide_lists_them() {
	run on mempools RTE_FASTMEM_MEMPOOL=on &&
		diff <(by on fastmem) <(sed '1,/^\.\. replaced mempools$/d;/^\.\. end/,$d' "$guide" |
			sed -n 's/^\* ``\(.*\)``$/\1/p') &&
		diff <(grep -v ': fastmem$' "$scratch/on.out" | sed 's/: [a-z_]*$//') <(sed \
			'1,/^\.\. other mempools$/d;/^\.\. end/,$d' "$guide" | sed -n 's/^\* ``\(.*\)``: .*/\1/p')
}

checks_them() {
	run full mempools RTE_FASTMEM_MEMPOOL=on RTE_FASTMEM_DEBUG=full || return 1
	cat "$scratch/full.err"
	[ "$(by full fastmem | wc -l)" -ge 9 ] && ! grep -E 'FASTMEM.*(leak|in use|damaged)' "$scratch/full.err"
}

# Each report names the function that is wrong, and what a cache of an lcore might hold is no leak.
finds_what_is_wrong() {
	local err=$scratch/misused.err

	run misused mempool_misused RTE_FASTMEM_MEMPOOL=on RTE_FASTMEM_DEBUG=full,on-error=continue || return 1
	cat "$err"
	[ "$(grep -c 'FASTMEM: ERROR' "$err")" = 2 ] &&
		sed -n '/ERROR: double free/,/ERROR: write/p' "$err" | sed '1,/found by/d' | grep -q ' put_twice[+ ]' &&
		sed -n '/ERROR: write behind an object of 64 bytes/,/live:/p' "$err" | sed '1,/found by/d' |
			grep -q ' write_behind[+ ]' &&
		grep -qE '^ *64 bytes in 1 object of 64, pool MP_misused' "$err" &&
		sed -n '/live:/,$p' "$err" | grep -q ' keep[+ ]'
}

# As a plug-in, the driver takes the last place of DPDK's table that the library had been given.
serves_in_place_of_the_plug_in() {
	run on mempools RTE_FASTMEM_MEMPOOL=on &&
		run full mempools RTE_FASTMEM_MEMPOOL=on TEST_MEMPOOL_DRIVERS=fastmem &&
		diff "$scratch/on.out" "$scratch/full.out" &&
		run full grow_mempools RTE_FASTMEM_MEMPOOL=grow TEST_MEMPOOL_DRIVERS=fastmem \
			RTE_FASTMEM_MALLOC_REPORT="$scratch/full.report" &&
		has full.report mempool.worst.served_by fastmem
}

says_that_there_is_no_place() {
	run full mempools RTE_FASTMEM_MEMPOOL=on TEST_MEMPOOL_DRIVERS=full && [ -z "$(by full fastmem)" ] &&
		grep 'stays one of ops .*: DPDK has no room for more mempool drivers' "$scratch/full.err"
}

# Then fastmem has nothing else to serve.
serves_them_alone() {
	run alone mempools RTE_FASTMEM_MEMPOOL=on RTE_FASTMEM_MALLOC=off &&
		[ "$(by alone fastmem | wc -l)" -ge 9 ]
}

lets_the_program_have_fastmem() {
	run own own_fastmem RTE_FASTMEM_MEMPOOL=on RTE_FASTMEM_MALLOC=off &&
		run own own_fastmem RTE_FASTMEM_MEMPOOL=on
}

serves_some() {
	run some mempools RTE_FASTMEM_MEMPOOL='mbufs,s?_sc,*stack,nosuch,own' || return 1
	cat "$scratch/some.out" "$scratch/some.err"
	diff <(by some fastmem) - <<-'END' && grep -qF "no mempool 'nosuch' that can be replaced" "$scratch/some.err" &&
		rte_pktmbuf_pool_create()
		rte_mempool_create(), single producer and consumer
		ops stack
		ops lf_stack
	END
	grep -qF "no mempool 'own' that can be replaced" "$scratch/some.err" &&
		! grep "'mbufs'" "$scratch/some.err"
}

serves_one() {
	run one mempools RTE_FASTMEM_MEMPOOL=create, && [ "$(by one fastmem)" = 'rte_mempool_create()' ]
}

refuses_what_is_no_word() {
	local value status

	for value in yes ON On 1 'on ' ' on' on,x x,grow GROW grow, x,,y ,x , mbufs 12345678901234567890123456789,; do
		status=0
		run wrong mempools RTE_FASTMEM_MEMPOOL="$value" >"$scratch/log" || status=$?
		cat "$scratch/wrong.err"
		[ $status != 0 ] && [ ! -s "$scratch/wrong.out" ] &&
			grep -qF "invalid RTE_FASTMEM_MEMPOOL=$value: expected on, off, grow" "$scratch/wrong.err" &&
			! grep -qF 'there was no mempool' "$scratch/wrong.err" || return 1
	done
}

names_a_variable_that_is_none() {
	run other mempools RTE_FASTMEM_MEMPOOLS=on && [ -z "$(by other fastmem)" ] &&
		grep -qF 'no such variable: RTE_FASTMEM_MEMPOOLS' "$scratch/other.err"
}

# The rest is as without it.
has_a_limit() {
	local n

	run many many_mempools RTE_FASTMEM_MEMPOOL=on || return 1
	n=$(sed -n 's/ of 300$//p' "$scratch/many.out")
	echo "$n are fastmem's"
	[ "$n" -ge 200 ] && [ "$n" -lt 300 ] &&
		grep -q 'FASTMEM_MALLOC: mempool many_[0-9]* stays one of ops ring_mp_mc' "$scratch/many.err"
}

# reports MODE SERVED_BY
reports() {
	local r=report.$1

	run count count_mempools RTE_FASTMEM_MEMPOOL="$1" RTE_FASTMEM_MALLOC_REPORT="$scratch/$r" || return 1
	grep mempool "$scratch/$r"
	# What rte_mempool_free() takes out of a mempool is not in use.
	! grep 'is freed with' "$scratch/count.err" || return 1
	# The second one of the same name had 200 objects in use, of 500.
	has "$r" mempools 2 && has "$r" mempool.counted.objects 500 && has "$r" mempool.counted.size 640 &&
		has "$r" mempool.counted.served_by "$2" && has "$r" mempool.counted.peak_in_use 200 &&
		has "$r" mempool.kept_for_ever.peak_in_use 7 && has "$r" mempool.counted.bytes_never_used \
			$(($(value "$r" mempool.counted.bytes) * 300 / 500))
}

# The bytes without it are those of a run without it.
reports_both() {
	local key

	reports on fastmem && reports off ring_mp_mc && has report.on mempools_by_fastmem 2 &&
		has report.off mempools_by_fastmem 0 || return 1
	for key in mempool_bytes_without mempool.counted.bytes_without mempool.kept_for_ever.bytes_without; do
		has report.on $key "$(value report.off $key)" || return 1
	done
	has report.off mempool_bytes "$(value report.on mempool_bytes_without)" &&
		[ "$(value report.on mempool_bytes)" -gt 0 ]
}

# grown MODE: the program's lines on stdout, its report
grown() {
	run "grown.$1" grow_mempools RTE_FASTMEM_MEMPOOL="$1" RTE_FASTMEM_MALLOC_REPORT="$scratch/grow.$1" &&
		cat "$scratch/grown.$1.out"
}

# Those whose objects may be initialised later.
grows_as_needed() {
	local few all

	grown on && grown grow || return 1
	grep 'mempool.worst' "$scratch/grow.on" "$scratch/grow.grow"
	[ "$(grep -c ': all at first' "$scratch/grown.on.out")" = 3 ] &&
		grep -q '^mbufs: few at first' "$scratch/grown.grow.out" &&
		grep -q '^initialised without an argument: few' "$scratch/grown.grow.out" &&
		grep -q '^initialised with an argument: all' "$scratch/grown.grow.out" || return 1
	few=$(value grow.grow mempool.worst.bytes)
	all=$(value grow.on mempool.worst.bytes)
	# 100 that were used, and the cache of an lcore.
	has grow.grow mempool.worst.objects 5000 && has grow.grow mempool.worst.peak_in_use 132 &&
		has grow.grow mempool.worst.bytes_without "$(value grow.on mempool.worst.bytes_without)" &&
		[ "$few" -gt 0 ] && [ $((few * 5)) -lt "$all" ]
}

grows_all_kinds() {
	run grow mempools RTE_FASTMEM_MEMPOOL=grow && run full grow_mempools RTE_FASTMEM_MEMPOOL=grow \
		RTE_FASTMEM_DEBUG=full && run on mempools RTE_FASTMEM_MEMPOOL=on &&
		diff "$scratch/on.out" "$scratch/grow.out"
}

# In two modes, and with all calls checked.
bears_races() {
	run races mempool_races RTE_FASTMEM_MEMPOOL=on && run races mempool_races RTE_FASTMEM_MEMPOOL=grow &&
		run races mempool_races RTE_FASTMEM_MEMPOOL=grow RTE_FASTMEM_DEBUG=full || return 1
	cat "$scratch/races.err"
	! grep -E 'FASTMEM.*(leak|in use|damaged)' "$scratch/races.err"
}

# The child's report is there, beside its parent's.
bears_forks() {
	local mode child

	for mode in on grow; do
		run fork mempool_fork RTE_FASTMEM_MEMPOOL=$mode RTE_FASTMEM_MALLOC_REPORT="$scratch/fork.$mode" ||
			return 1
		child=$(sed -n 's/^child //p' "$scratch/fork.out")
		has "fork.$mode" mempools 1 && has "fork.$mode.$child" mempools 1 || return 1
	done
}

# Two processes. together PART MODE OTHER VARIABLE=VALUE...: the primary's part and mode, and the
# secondary's part and variables. Returns the status of the primary; the secondary's is in "second".
together() {
	local part=$1 mode=$2 other=$3 status=0 line

	shift 3
	second=none
	mkfifo "$scratch/in" "$scratch/primary.out" || return 1
	env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" RTE_FASTMEM_MEMPOOL="$mode" \
		"$here/with_preload.sh" --no-pci --file-prefix "$prefix" --socket-limit=160 -l 0 \
		-- "$part" <"$scratch/in" >"$scratch/primary.out" 2>"$scratch/primary.err" &
	primary=$!
	exec 7>"$scratch/in" 8<"$scratch/primary.out"
	while read -r -t 60 line <&8 && [ "$line" != ready ]; do echo "$line"; done
	if [ "$line" = ready ]; then
		second=0
		env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" "$@" "$here/with_preload.sh" \
			--no-pci --file-prefix "$prefix" --proc-type=secondary -l 0 -- "$other" \
			>"$scratch/secondary.out" 2>"$scratch/secondary.err" || second=$?
	fi
	exec 7>&-
	cat <&8
	exec 8<&-
	wait $primary || status=$?
	rm -rf "$scratch/in" "$scratch/primary.out" "/var/run/dpdk/$prefix"
	rm -f /dev/hugepages/"${prefix}"map_*
	cat "$scratch/primary.err" "$scratch/secondary.out" "$scratch/secondary.err"
	return $status
}

# shares OPS PRIMARY_VALUE VARIABLE=VALUE...: the latter of the secondary
shares() {
	local ops=$1 mode=$2

	shift 2
	together mempool_primary "$mode" mempool_secondary "$@" && [ "$second" = 0 ] &&
		grep -qx "$ops" "$scratch/secondary.out"
}

# The secondary is killed.
frees_what_grows() {
	together mempool_freed grow mempool_wanted RTE_FASTMEM_MEMPOOL=grow && [ "$second" = 137 ]
}

shares_with_secondaries() {
	shares fastmem on RTE_FASTMEM_MEMPOOL=on && shares fastmem on RTE_FASTMEM_MEMPOOL=off &&
		shares fastmem on RTE_FASTMEM_MALLOC=off && shares fastmem grow RTE_FASTMEM_MEMPOOL=grow &&
		shares fastmem grow RTE_FASTMEM_MEMPOOL=off
}

shares_in_place_of_the_plug_in() {
	local -x TEST_MEMPOOL_DRIVERS=fastmem

	shares fastmem on RTE_FASTMEM_MEMPOOL=off && shares fastmem grow RTE_FASTMEM_MEMPOOL=on
}

promise mempools_of_each_kind_are_used_alike uses_all_kinds
promise the_guide_lists_what_is_replaced_and_what_is_not guide_lists_them
promise checking_finds_nothing checks_them
promise finds_what_is_wrong finds_what_is_wrong
promise a_plug_in_of_fastmem_leaves_its_place serves_in_place_of_the_plug_in
promise without_a_place_mempools_stay says_that_there_is_no_place
promise mempools_are_served_without_rte_malloc serves_them_alone
promise a_program_may_start_and_end_fastmem_itself lets_the_program_have_fastmem
promise some_are_chosen_by_name serves_some
promise one_is_chosen_by_a_list_of_one serves_one
promise a_wrong_word_is_named refuses_what_is_no_word
promise a_misspelt_variable_is_named names_a_variable_that_is_none
promise mempools_beyond_the_limit_stay has_a_limit
promise the_report_says_what_they_take_with_and_without reports_both
promise mempools_grow_as_they_are_needed grows_as_needed
promise mempools_of_each_kind_grow grows_all_kinds
promise mempools_are_made_and_freed_by_threads_at_once bears_races
promise a_forked_child_waits_for_no_thread_of_its_parent bears_forks
# EAL shares only huge pages with other processes.
if [ $pages = --huge ]; then
	prefix=fastmem-mempools-$$
	promise secondaries_look_them_up shares_with_secondaries
	promise secondaries_look_them_up_in_the_place_of_the_plug_in shares_in_place_of_the_plug_in
	promise a_mempool_is_freed_while_objects_are_added frees_what_grows
fi

promises_end
