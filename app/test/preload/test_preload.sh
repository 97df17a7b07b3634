#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests librte_fastmem_malloc.so, preloaded into a program that is linked with plain DPDK.

usage() {
	echo 'usage: test_preload.sh WITH_EAL PROGRAM LIBRARY TRACE_TOOL --huge|--no-huge'
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
[ $# = 5 ] || { usage >&2; exit 2; }
with_eal=$1 program=$2 library=$(realpath "$3") trace_tool=$4 pages=$5

here=$(dirname "$(realpath "$0")")
suite=malloc_preload
. "$(dirname "$0")/../../../tools/promise.sh"

# run OUTPUT PART [VARIABLE=VALUE...]: the program with the library; LIBRARY= goes without.
run() {
	local output=$1 part=$2

	shift 2
	env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" "$@" \
		"$with_eal" $pages --memory 160 "$here/with_preload.sh" $memory -- "$part" \
		>"$output.out" 2>"$output.err"
}
memory=
[ $pages = --no-huge ] || memory='--socket-limit=160'

shown() { cat "$1.out" "$1.err"; }

# All cases of the program count as promises of this script: suites NAME [VARIABLE=VALUE...]
# cases: served.* cleared.* counted.*
suites() {
	local name=$1 status=0 n_failed

	shift
	[ -z "${FASTMEM_TEST_ONLY:-}" ] || grep -q "^$name\." <<<"$FASTMEM_TEST_ONLY" || return 0
	run "$scratch/suites" suites RTE_FASTMEM_MALLOC_RESERVE=12M "$@" || status=$?
	sed -n "s/^preload_\(.*: \)/$suite.$name.\1/p" "$scratch/suites.out"
	passed=$((passed + $(grep -c '^preload_.*: ok$' "$scratch/suites.out")))
	n_failed=$(grep -c '^preload_.*: FAILED$' "$scratch/suites.out")
	failed=$((failed + n_failed))
	if [ $status != 0 ]; then
		shown "$scratch/suites"
		[ "$n_failed" != 0 ] || failed=$((failed + 1))
	fi
}

# serves WHO [VARIABLE=VALUE...]
serves() {
	local who=$1

	shift
	run "$scratch/plain" plain "$@" && grep -qx "$who" "$scratch/plain.out" && return
	shown "$scratch/plain"
	return 1
}

# EAL's own messages do not change, nor does the library say anything of its own accord.
says_nothing() {
	run "$scratch/plain" plain || return 1
	! grep FASTMEM "$scratch/plain.err"
}

# refuses NAME VALUE TEXT: a wrong value is named, and the program does not start.
refuses() {
	local status=0

	run "$scratch/wrong" plain "$1=$2" || status=$?
	shown "$scratch/wrong"
	[ $status = 3 ] && grep -qF "librte_fastmem_malloc.so: invalid $1=$2: expected $3" "$scratch/wrong.err"
}

not_started_by_a_wrong_value() { refuses RTE_FASTMEM_MALLOC yes 'on, off or count'; }
not_started_by_a_wrong_size() {
	local value

	for value in 12X K -5 1GG 99999999999999999999 20000000000G '64 ' ' 64' 0x40 +64 64KB '64 M' 1T; do
		refuses RTE_FASTMEM_MALLOC_RESERVE "$value" 'a number, such as' || return 1
	done
	refuses RTE_FASTMEM_MALLOC_TRACE_MAX '64 ' 'a number, such as' &&
		refuses RTE_FASTMEM_MALLOC_TRACE_MAX 0 'at least one entry' &&
		refuses RTE_FASTMEM_MALLOC_TRACE_SKIP 5G 'a number, such as'
}

# Not started either: it would run without the checks that were asked for.
not_started_by_a_wrong_check() {
	local status=0

	run "$scratch/wrong" plain RTE_FASTMEM_DEBUG=nonsense || status=$?
	shown "$scratch/wrong"
	[ $status = 3 ] && grep -qF "Invalid RTE_FASTMEM_DEBUG=nonsense: 'nonsense': expected off," \
		"$scratch/wrong.err" && serves EAL RTE_FASTMEM_DEBUG=nonsense RTE_FASTMEM_MALLOC=off
}

# takes VALUE...
takes_sizes() {
	local value

	for value; do
		serves fastmem RTE_FASTMEM_MALLOC_RESERVE="$value" || return 1
	done
}

# Checking is fastmem's own, by its own variable.
checking_is_passed_on() {
	run "$scratch/debug" plain RTE_FASTMEM_DEBUG=full && serves fastmem RTE_FASTMEM_DEBUG=light
}

# EAL itself ends in order; what the program has not freed is listed then.
leaks_are_listed() {
	run "$scratch/debug" leak RTE_FASTMEM_DEBUG=full
	cat "$scratch/debug.err"
	grep -E '(^|[^0-9])12345 bytes' "$scratch/debug.err" && grep -E '#0 +leak(\+0x[0-9a-f]+)? ' "$scratch/debug.err"
}

# Nor are the library's own functions, which have no debug information, shown as those that allocate.
leaks_are_listed_beside_a_report() {
	run "$scratch/debug" leak RTE_FASTMEM_DEBUG=full RTE_FASTMEM_MALLOC_REPORT="$scratch/debug.report"
	cat "$scratch/debug.err"
	[ -s "$scratch/debug.report" ] && grep -E '#0 +leak(\+0x[0-9a-f]+)? ' "$scratch/debug.err" &&
		! grep -E '#[0-9]+ .*\(librte_fastmem' "$scratch/debug.err"
}

# peak [VARIABLE=VALUE...]: sets most and end, in bytes
peak() {
	run "$scratch/peak" peak "$@" || { shown "$scratch/peak"; return 1; }
	read -r most end < <(sed -nE 's/^peak ([0-9]+) end ([0-9]+)$/\1 \2/p' "$scratch/peak.out")
	echo "of $most bytes $end are left"
	[ -n "$end" ] && [ "$most" -ge $((64 << 20)) ]
}
gives_a_peak_back() { peak && [ "$end" -le $((most / 2)) ]; }
keeps_the_reservation() {
	peak RTE_FASTMEM_MALLOC_RESERVE=48M && [ "$end" -lt "$most" ] && [ "$end" -ge $((48 << 20)) ]
}
keeps_a_peak_if_told_to() { peak RTE_FASTMEM_MALLOC_MAINTAIN=off && [ "$end" = "$most" ]; }
names_a_variable_that_is_none() {
	serves fastmem RTE_FASTMEM_MALLOC_RESERV=8M || return 1
	grep -qF 'no such variable: RTE_FASTMEM_MALLOC_RESERV; is RTE_FASTMEM_MALLOC_RESERVE meant?' "$scratch"/*.err
}
not_started_by_a_wrong_switch() { refuses RTE_FASTMEM_MALLOC_MAINTAIN 10 'on or off'; }

# Whoever asks is answered while EAL still can.
ends_after_an_answer() {
	run "$scratch/busy" busy && return
	shown "$scratch/busy"
	return 1
}

# Without it, a careless program finds what others have left.
clears_what_is_freed() {
	run "$scratch/clear" careless RTE_FASTMEM_MALLOC_CLEAR=on || { shown "$scratch/clear"; return 1; }
	cat "$scratch/clear.out"
	grep -qx 'not zero: 0' "$scratch/clear.out" &&
		run "$scratch/clear" careless && grep -qE '^not zero: [1-9]' "$scratch/clear.out"
}

# value REPORT KEY
value() { sed -n "s/^$2 //p" "$1"; }

# has REPORT KEY VALUE
has() {
	[ "$(value "$1" "$2")" = "$3" ] && return
	echo "$2 is '$(value "$1" "$2")' instead of '$3'"
	return 1
}

# counts MODE WHO REPORT: a constructor of the program has made two calls; those of EAL are few.
counts() {
	local report=$3 me

	me=$(basename "$program")
	[ -s "$report" ] || { echo 'no report'; shown "$scratch/count"; return 1; }
	has "$report" program "$me" && has "$report" process primary && has "$report" served_by "$2" &&
		has "$report" calls.malloc 102 && has "$report" calls.realloc 21 &&
		has "$report" calls.zmalloc 30 && has "$report" "caller_calls.$me" 299 &&
		has "$report" calls_failed 2 && has "$report" sizes_up_to.8388608 7 &&
		[ "$(value "$report" calls.calloc)" -ge 7 ] && [ "$(value "$report" cycles)" -gt 0 ] &&
		[ "$(value "$report" peak_bytes)" -ge $((6 << 20)) ] &&
		[ "$(value "$report" peak_objects)" -ge 100 ] || { cat "$report"; return 1; }
	# Whoever serves, what is in use is what has not been freed, to the byte.
	[ "$(value "$report" live_objects)" -ge 0 ] && [ "$(value "$report" live_objects)" -lt 60 ] &&
		[ "$(value "$report" live_bytes)" -ge 0 ] || { cat "$report"; return 1; }
}

reports_what_fastmem_serves() {
	run "$scratch/count" count RTE_FASTMEM_MALLOC_REPORT="$scratch/report.on" &&
		counts on fastmem "$scratch/report.on" &&
		[ "$(value "$scratch/report.on" peak_fastmem_backing_bytes)" -gt 0 ]
}

reports_what_eal_serves() {
	run "$scratch/count" count RTE_FASTMEM_MALLOC=off \
		RTE_FASTMEM_MALLOC_REPORT="$scratch/report.off" &&
		counts off eal "$scratch/report.off" && has "$scratch/report.off" allocations_by_fastmem 0
}

counts_to_stderr() {
	run "$scratch/count" count RTE_FASTMEM_MALLOC=count &&
		grep -E '^[a-z_.0-9A-Z-]+ [^ ]+$' "$scratch/count.err" >"$scratch/report.count" &&
		counts count eal "$scratch/report.count"
}

names_a_report_after_the_process() {
	run "$scratch/count" plain RTE_FASTMEM_MALLOC_REPORT="$scratch/a-%p-z" || return 1
	set -- "$scratch"/a-*-z
	[ -e "$1" ] && [ "$1" = "$scratch/a-$(value "$1" pid)-z" ]
}

says_that_a_report_cannot_be_written() {
	run "$scratch/count" plain RTE_FASTMEM_MALLOC_REPORT="$scratch/none/report" &&
		grep -F "librte_fastmem_malloc.so: cannot write $scratch/none/report" "$scratch/count.err"
}

# The library is also in the shell, which is none of its programs.
makes_no_report_of_other_programs() {
	RTE_FASTMEM_MALLOC_REPORT="$scratch/shell" LD_PRELOAD=$library \
		sh -c 'grep -m1 librte_fastmem_malloc /proc/$$/maps' && [ ! -e "$scratch/shell" ]
}

# The trace has the program's calls, in a form that the benchmark replays.
writes_a_trace() {
	rm -f "$scratch/recorded"
	run "$scratch/count" count RTE_FASTMEM_MALLOC_TRACE="$scratch/recorded" "$@" &&
		"$trace_tool" pack "$scratch/recorded" "$scratch/trace" &&
		"$trace_tool" dump "$scratch/trace" >"$scratch/dump" || return 1
	# EAL's are not many; each line is an operation.
	"$trace_tool" info "$scratch/trace"
	[ "$(wc -l <"$scratch/dump")" -ge 290 ] && [ "$(wc -l <"$scratch/dump")" -lt 400 ]
}

# A program that starts the program has the library and the variable as well.
writes_a_trace_behind_a_wrapper() {
	writes_a_trace PRELOAD_WRAPPER="timeout 120 nice"
}

# A program that never starts EAL makes no log.
leaves_the_trace_alone_without_eal() {
	RTE_FASTMEM_MALLOC_TRACE="$scratch/shell.log" LD_PRELOAD=$library sh -c \
		'grep -m1 librte_fastmem_malloc /proc/$$/maps' && [ ! -e "$scratch/shell.log" ]
}

# The first process writes until its input ends; the second one is to leave the log alone.
does_not_truncate_a_log_in_use() {
	local status=0 line

	mkfifo "$scratch/in" "$scratch/out" || return 1
	env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" \
		RTE_FASTMEM_MALLOC_TRACE="$scratch/in_use" "$with_eal" $pages --memory 160 \
		"$here/with_preload.sh" $memory -- primary <"$scratch/in" >"$scratch/out" \
		2>"$scratch/first.err" &
	first=$!
	exec 7>"$scratch/in" 8<"$scratch/out"
	while read -r -t 60 line <&8 && [ "$line" != ready ]; do :; done
	[ "$line" = ready ] || status=1
	run "$scratch/second" count RTE_FASTMEM_MALLOC_TRACE="$scratch/in_use" || status=1
	exec 7>&-
	cat <&8 >/dev/null
	exec 8<&-
	wait $first || status=1
	rm -f "$scratch/in" "$scratch/out"
	cat "$scratch/first.err" "$scratch/second.err"
	[ $status = 0 ] && "$trace_tool" pack "$scratch/in_use" "$scratch/trace" &&
		"$trace_tool" dump "$scratch/trace" >"$scratch/dump" &&
		[ "$(wc -l <"$scratch/dump")" -ge 400 ] &&
		grep -E "process [0-9]+ writes to $scratch/in_use: put %p into the name" \
			"$scratch/second.err"
}

# What is written tells of the program's memory.
writes_for_the_user_alone() {
	(umask 0; run "$scratch/count" count RTE_FASTMEM_MALLOC_TRACE="$scratch/private.log" \
		RTE_FASTMEM_MALLOC_REPORT="$scratch/private.report") || return 1
	stat -c '%a %n' "$scratch"/private.*
	[ "$(stat -c %a "$scratch/private.log")" = 600 ] &&
		[ "$(stat -c %a "$scratch/private.report")" = 600 ]
}

does_not_follow_symbolic_links() {
	echo precious >"$scratch/precious"
	ln -sf precious "$scratch/link"
	run "$scratch/count" count RTE_FASTMEM_MALLOC_TRACE="$scratch/link" \
		RTE_FASTMEM_MALLOC_REPORT="$scratch/link" || return 1
	cat "$scratch/count.err"
	[ "$(cat "$scratch/precious")" = precious ] &&
		grep -F "cannot write symbolic link $scratch/link" "$scratch/count.err" &&
		grep -F "librte_fastmem_malloc.so: cannot write $scratch/link" "$scratch/count.err"
}

# Two processes. start_primary VARIABLE=VALUE...: waits until a secondary may come.
start_primary() {
	mkfifo "$scratch/in" "$scratch/out" || return 1
	env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" "$@" \
		"$here/with_preload.sh" --no-pci --file-prefix "$prefix" --socket-limit=160 -l 0 \
		-- primary <"$scratch/in" >"$scratch/out" 2>"$scratch/primary.err" &
	primary=$!
	exec 7>"$scratch/in" 8<"$scratch/out"
	while read -r -t 60 line <&8; do
		echo "$line"
		[ "$line" != ready ] || return 0
	done
	return 1
}

# run_secondary PART VARIABLE=VALUE...
run_secondary() {
	local part=$1

	shift
	env PRELOAD_LIBRARY="$library" PRELOAD_PROGRAM="$program" "$@" "$here/with_preload.sh" \
		--no-pci --file-prefix "$prefix" --proc-type=secondary -l 0 -- "$part" \
		>"$scratch/secondary.out" 2>"$scratch/secondary.err"
}
secondary() { run_secondary secondary "$@"; }

# Returns the primary's exit status; what it has printed is in primary.out.
end_primary() {
	local status=0

	exec 7>&-
	cat <&8 >"$scratch/primary.out"
	exec 8<&-
	wait $primary || status=$?
	rm -f "$scratch/in" "$scratch/out"
	rm -rf "/var/run/dpdk/$prefix"
	rm -f /dev/hugepages/"${prefix}"map_*
	return $status
}

# wait_for FILE TEXT: until a line holds it, for at most 20 s
wait_for() {
	local _

	for _ in $(seq 200); do
		! grep -F "$2" "$1" || return 0
		sleep 0.1
	done
	cat "$1"
	return 1
}

no_more_objects() { grep -qx '0 objects more than before' "$scratch/primary.out"; }

shares_with_a_secondary() {
	local status=0

	start_primary || status=1
	secondary || status=$?
	end_primary || status=$?
	cat "$scratch/primary.err" "$scratch/primary.out" "$scratch/secondary.err"
	[ $status = 0 ] && grep -qx fastmem "$scratch/secondary.out" && no_more_objects &&
		! grep 'has no librte_fastmem_malloc' "$scratch/primary.err" &&
		! grep 'cannot ask the primary' "$scratch/secondary.err"
}

# It may be told not to serve: what others have allocated, it frees nevertheless.
shares_with_a_secondary_that_is_off() {
	local status=0

	start_primary || status=1
	secondary RTE_FASTMEM_MALLOC=off || status=$?
	end_primary || status=$?
	cat "$scratch/primary.err" "$scratch/primary.out" "$scratch/secondary.err"
	[ $status = 0 ] && grep -qx EAL "$scratch/secondary.out" && no_more_objects &&
		! grep 'has no librte_fastmem_malloc' "$scratch/primary.err"
}

# Nobody has objects of fastmem then: all is as without the library.
serves_eals_heap_in_a_secondary_of_a_primary_without_it() {
	local status=0

	start_primary PRELOAD_LIBRARY= || status=1
	secondary || status=$?
	end_primary || status=$?
	cat "$scratch/primary.err" "$scratch/primary.out" "$scratch/secondary.err"
	[ $status = 0 ] && grep -qx EAL "$scratch/secondary.out" && no_more_objects &&
		grep 'the primary process has no fastmem: preload the library there' "$scratch/secondary.err"
}

# callbacks VALUE LIBRARY: RTE_FASTMEM_MALLOC of a secondary, and what its primary preloads.
callbacks() {
	local status=0

	start_primary PRELOAD_LIBRARY="$2" || status=1
	run_secondary callbacks RTE_FASTMEM_MALLOC="$1" || status=$?
	end_primary || status=$?
	cat "$scratch/primary.err" "$scratch/primary.out" "$scratch/secondary.err"
	[ $status = 0 ] && no_more_objects && ! grep 'cannot ask the primary' "$scratch/secondary.err"
}
callbacks_wait_for_no_answer() {
	callbacks on "$library" && callbacks off "$library" && callbacks on ''
}

# A secondary that ends at once, as well as one that stays. Any program of DPDK will do.
names_a_secondary_without_it() {
	local status=0 me

	me=$(basename "$program" | cut -c1-15)
	start_primary || return 1
	# It does not touch what it is given.
	"$program" --no-pci --file-prefix "$prefix" --proc-type=secondary -l 0 -- plain \
		>"$scratch/secondary.out" 2>&1 || status=$?
	wait_for "$scratch/primary.err" "($me) has no librte_fastmem_malloc.so" || status=1
	end_primary || status=$?
	[ $status = 0 ] && grep -qx EAL "$scratch/secondary.out"
}

# One report each, though both are told the same file.
reports_of_two_processes() {
	local status=0

	start_primary RTE_FASTMEM_MALLOC_REPORT="$scratch/two" || status=1
	secondary RTE_FASTMEM_MALLOC_REPORT="$scratch/two" || status=$?
	end_primary || status=$?
	set -- "$scratch"/two.*
	[ $status = 0 ] && has "$scratch/two" process primary && has "$1" process secondary &&
		[ "$1" = "$scratch/two.$(value "$1" pid)" ] && [ $# = 1 ]
}

# What is built on EAL's heap could not take its place. So fastmem calls none of EAL's functions by
# its name: it has a pointer to the one that it asks, which this library sets anew.
is_independent_of_the_heap() {
	local archive uses

	archive=$(dirname "$library")/../../librte_fastmem.a
	uses=$(objdump -r "$archive" | awk '
		/^RELOCATION RECORDS FOR/ { use = /text/ ? "call" : "table" }
		$3 ~ /^rte_(z?malloc|calloc|realloc|free|malloc_[a-z0-9_]+)(_socket)?([-+@].*)?$/ {
			print use, $3
		}')
	echo "$uses"
	[ -n "$uses" ] && ! grep '^call' <<<"$uses"
}

suites served
# The same off the fast path.
suites cleared RTE_FASTMEM_MALLOC_CLEAR=on
suites counted RTE_FASTMEM_MALLOC_REPORT="$scratch/report.suites"
promise fastmem_serves_unless_told_otherwise serves fastmem
promise on_is_on serves fastmem RTE_FASTMEM_MALLOC=on
promise off_is_off serves EAL RTE_FASTMEM_MALLOC=off
promise nothing_is_said says_nothing
promise a_reserve_is_reserved serves fastmem RTE_FASTMEM_MALLOC_RESERVE=8M
promise fastmem_itself_does_not_use_the_heap is_independent_of_the_heap
promise a_wrong_value_is_named not_started_by_a_wrong_value
promise a_wrong_size_is_named not_started_by_a_wrong_size
promise a_size_has_one_unit_in_either_case takes_sizes 1048576 1024K 1024k 1M 1m
promise a_wrong_switch_is_named not_started_by_a_wrong_switch
promise a_misspelt_variable_is_named names_a_variable_that_is_none
promise what_is_freed_can_be_cleared clears_what_is_freed
promise the_memory_of_a_peak_is_given_back gives_a_peak_back
promise what_is_reserved_is_not_given_back keeps_the_reservation
promise a_peak_stays_where_that_is_wanted keeps_a_peak_if_told_to
promise a_wrong_check_is_named not_started_by_a_wrong_check
promise checking_is_fastmems checking_is_passed_on
promise leaks_are_listed_at_the_end leaks_are_listed
promise leaks_are_listed_beside_a_report leaks_are_listed_beside_a_report
promise eal_ends_when_what_was_asked_is_answered ends_after_an_answer
promise a_report_counts_what_fastmem_serves reports_what_fastmem_serves
promise a_report_counts_what_eal_serves reports_what_eal_serves
promise count_counts_to_stderr counts_to_stderr
promise a_report_may_be_named_after_the_process names_a_report_after_the_process
promise a_report_that_cannot_be_written_is_an_error says_that_a_report_cannot_be_written
promise other_programs_make_no_report makes_no_report_of_other_programs
promise a_trace_can_be_replayed writes_a_trace
promise a_wrapper_leaves_the_trace_to_the_program writes_a_trace_behind_a_wrapper
promise a_program_without_eal_makes_no_trace leaves_the_trace_alone_without_eal
promise a_log_in_use_is_not_truncated does_not_truncate_a_log_in_use
promise traces_and_reports_are_for_the_user_alone writes_for_the_user_alone
promise symbolic_links_are_not_followed does_not_follow_symbolic_links
# EAL shares only huge pages with other processes.
if [ $pages = --huge ]; then
	prefix=fastmem-preload-$$
	promise a_secondary_shares_objects shares_with_a_secondary
	promise callbacks_of_a_secondary_wait_for_no_answer callbacks_wait_for_no_answer
	promise a_secondary_that_is_off_frees_objects shares_with_a_secondary_that_is_off
	promise a_primary_without_it_has_eals_heap_alone \
		serves_eals_heap_in_a_secondary_of_a_primary_without_it
	promise a_secondary_without_it_is_named names_a_secondary_without_it
	promise processes_report_to_files_of_their_own reports_of_two_processes
fi

promises_end
