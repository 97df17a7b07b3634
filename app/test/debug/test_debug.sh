#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests what RTE_FASTMEM_DEBUG makes of a program that is wrong: how it ends, and what it leaves
# in print.

usage() {
	echo 'usage: test_debug.sh WITH_EAL PROGRAM LOOK_UP_PROGRAM [option of WITH_EAL...]'
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
[ $# -ge 3 ] || { usage >&2; exit 2; }
with_eal=$1
program=$2
look_up_program=$3
shift 3
eal=("$@")

suite=debug_program
. "$(dirname "$0")/../../../tools/promise.sh"

# run SETTING WHAT: 0 if it comes to its end.
run() {
	local status=0

	RTE_FASTMEM_DEBUG=$1 "$with_eal" "${eal[@]}" "$program" -- "$2" >"$scratch/out" 2>&1 || status=$?
	cat "$scratch/out"
	return $status
}

# A shell says 128 more than the signal.
aborts() { run "$1" "$2"; [ $? -eq 134 ] && ! prints 'the end'; }
ends() { run "$1" "$2" && prints 'the end'; }
# It leaves without a word.
leaves() { run "$1" "$2" && ! prints 'the end'; }
prints() { grep -qE -- "$1" "$scratch/out"; }
prints_once() { [ "$(grep -cE -- "$1" "$scratch/out")" -eq 1 ]; }
listed='FASTMEM: live: 8638 bytes in 7 objects'

is_aborted_with_a_report() {
	aborts "$1" "$2" && prints_once "FASTMEM: ERROR: $3" && prints "$4"
}

goes_on_with_a_report() {
	ends "$1,on-error=continue" "$2" && prints_once "FASTMEM: ERROR: $3"
}

goes_on_without() { ends "$1" "$2" && ! prints 'FASTMEM: ERROR'; }

tells_how() { ends "$1" "$2" && prints_once "$3; ignored. RTE_FASTMEM_DEBUG=full tells where"; }
says_it_has_ended() {
	ends off free_late && prints_once 'free of 0x[0-9a-f]+ while fastmem is not initialised' && ! prints 'not an object'
}

reports_to_a_file() {
	rm -f "$scratch/report"
	aborts "full,report=$scratch/report" double_free && ! prints 'FASTMEM: ERROR' &&
		grep -q 'FASTMEM: ERROR: double free' "$scratch/report" &&
		grep -q 'freed .* by thread' "$scratch/report"
}

lists_once() { ends "$1" "$2" && prints_once "$listed" && prints '8638 bytes in 7 objects of 1234'; }
lists_nothing() { "$3" "$1" "$2" && ! prints 'FASTMEM: live'; }

says_that_it_is_too_late() {
	ends full lose_and_clean_up && ! prints 'FASTMEM: live' &&
		prints_once 'rte_fastmem_deinit\(\) before rte_eal_cleanup'
}

# is_refused SETTING: init fails, and the log names the whole value, and what of it is wrong.
is_refused() {
	run "$1" nothing && prints '^init -22 level 0$' &&
		grep -qF "Invalid RTE_FASTMEM_DEBUG=$1: '${1##*,}': expected " "$scratch/log"
}

# looks_up SETTING WHAT: in the other program.
looks_up() {
	local program=$look_up_program

	ends "$1,on-error=continue" "$2" && prints_once 'FASTMEM: ERROR: double free' &&
		prints 'free_twice .*test_look_up_program.c'
}

is_level() { run "$1" "$2" && prints "^init 0 level $3\$"; }

promise overflow_is_fatal_at_level_light is_aborted_with_a_report light overflow 'write behind an object of 100 bytes: to the first byte behind it' 'by thread'
promise overflow_is_fatal_at_level_full is_aborted_with_a_report full overflow 'write behind an object of 100 bytes: to the first byte behind it' 'test_debug_program.c'
promise double_free_is_fatal_at_level_light is_aborted_with_a_report light double_free 'double free' 'by thread'
promise double_free_is_fatal_at_level_full is_aborted_with_a_report full double_free 'double free' 'double_free .*test_debug_program.c'
promise programs_can_go_on_at_level_light goes_on_with_a_report light double_free 'double free'
promise programs_can_go_on_at_level_full goes_on_with_a_report full overflow 'write behind an object'
promise without_checking_nothing_is_reported goes_on_without off overflow
promise without_checking_the_log_says_how_to_know_more tells_how off free_inside 'inside an object of 256 bytes'
promise a_free_after_the_end_is_called_that says_it_has_ended
promise reports_can_go_to_a_file reports_to_a_file

step what_is_lost_is_listed_at_exit lists_once full lose
promise the_list_names_the_place prints 'lose_some.* .*test_debug_program.c'
promise what_is_lost_is_listed_at_level_light lists_once light lose
promise what_is_lost_is_listed_at_deinit_only lists_once full lose_and_deinit
promise a_child_that_exits_lists_nothing lists_once full lose_and_fork
promise nothing_is_listed_where_it_is_not_wanted lists_nothing full,leaks=no lose ends
promise nothing_is_listed_without_checking lists_nothing off lose ends
promise nothing_is_listed_where_nothing_is_lost lists_nothing full nothing ends
promise nothing_is_listed_without_exit lists_nothing full lose_and_leave leaves
promise after_eal_it_is_too_late_and_no_crash says_that_it_is_too_late

for setting in fast full=1 sample sample=0 sample=x sample=5000000000 on-error on-error=maybe leaks=perhaps \
		quarantine= quarantine=1X quarantine=-1 'quarantine=16M ' 'quarantine= 16M' quarantine=0x100000 \
		quarantine=16Mi quarantine=+16M quarantine=17179869184G sample=0x10 'sample=10 ' depth=0x8 =16M depth=0 depth=17 report= full,unknown=1; do
	promise "the_setting_${setting// /_}_is_refused" is_refused "$setting"
done
# Once, however often fastmem begins.
a_misspelt_variable_is_named() {
	RTE_FASTMEM_DBG=full run off init_again && prints_once RTE_FASTMEM_DBG &&
		prints 'No such environment variable: RTE_FASTMEM_DBG; is RTE_FASTMEM_DEBUG meant\?'
}
# run() sets the one in upper case.
a_variable_in_lower_case_is_named() {
	rte_fastmem_debug=full run off nothing &&
		prints 'No such environment variable: rte_fastmem_debug; is RTE_FASTMEM_DEBUG meant\?'
}
# The one that has a word more is nearer than what needs fewer characters.
a_word_left_out_is_found() {
	RTE_FASTMEM_REPORT=- run off nothing && prints 'RTE_FASTMEM_REPORT; is RTE_FASTMEM_MALLOC_REPORT meant\?'
}
# What is for the library to be preloaded is that one's, and is right.
right_variables_are_not_named() {
	RTE_FASTMEM_MALLOC=off RTE_FASTMEM_MEMPOOL=on run off nothing && ! prints 'No such environment variable'
}
promise a_misspelt_variable_is_named a_misspelt_variable_is_named
promise a_variable_in_lower_case_is_named a_variable_in_lower_case_is_named
promise a_word_left_out_is_found a_word_left_out_is_found
promise right_variables_are_not_named right_variables_are_not_named
promise off_is_a_level is_level off nothing 1
promise light_is_a_level is_level light nothing 2
promise full_is_a_level is_level full,depth=16,quarantine=1M,leaks=yes nothing 3
promise sample_is_a_level is_level sample=100 nothing 4
promise the_environment_wins_over_the_program is_level full conf_light 3
promise settings_without_a_level_leave_the_programs_level is_level leaks=no conf_light 2
unknown_levels_are_refused() { run '' "$1" && prints '^init -22 level 0$'; }
promise a_depth_that_is_too_much_is_refused unknown_levels_are_refused conf_deep
promise an_unknown_level_is_refused unknown_levels_are_refused conf_unknown

promise what_a_look_up_allocates_and_frees_may_be_fastmems looks_up full,quarantine=4K malloc_is_fastmem
promise names_are_found_in_a_program_with_much_thread_local_memory looks_up full nothing

promises_end
