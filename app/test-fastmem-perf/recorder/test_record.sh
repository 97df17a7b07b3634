#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# What dpdk-fastmem-record promises to who types it.
# usage: test_record.sh dpdk-fastmem-record librte_fastmem_record.so dpdk-fastmem-trace

set -u
suite=record_autotest
. "$(dirname "$0")/../../../tools/promise.sh"

record=$1
FASTMEM_RECORD_LIBRARY=$(realpath "$2")
FASTMEM_TRACE_TOOL=$(realpath "$3")
export FASTMEM_RECORD_LIBRARY FASTMEM_TRACE_TOOL
dir=$scratch

a_program_is_recorded()
{
	"$record" -o "$dir/a.trace" --libc -- sort /etc/passwd &&
		"$FASTMEM_TRACE_TOOL" info "$dir/a.trace" | tee "$dir/info" &&
		grep -q 'command  *sort /etc/passwd' "$dir/info" &&
		grep -q 'operations  *[1-9][0-9]*: [1-9]' "$dir/info"
}

a_dump_has_a_line_for_each_operation()
{
	lines=$("$FASTMEM_TRACE_TOOL" dump "$dir/a.trace" | wc -l)
	grep "operations  *$lines:" "$dir/info"
}

the_exit_status_is_the_programs()
{
	"$record" -o "$dir/b.trace" --libc -- sh -c 'exit 7'
	[ $? -eq 7 ] && [ -s "$dir/b.trace" ]
}

a_trace_is_no_larger_than_asked_for()
{
	"$record" -o "$dir/c.trace" --libc --max-bytes 300 -- sort /etc/passwd &&
		[ "$(wc -c <"$dir/c.trace")" -le 300 ] &&
		"$record" -o "$dir/c.trace" --libc --max-ops 5 -- sort /etc/passwd &&
		[ "$("$FASTMEM_TRACE_TOOL" dump "$dir/c.trace" | wc -l)" -eq 5 ]
}

a_program_that_is_not_there_is_an_error()
{
	"$record" -o "$dir/d.trace" -- "$dir/none"
	[ $? -eq 125 ] && [ ! -e "$dir/d.trace" ]
}

wrong_arguments_are_told_from_wrong_files()
{
	"$FASTMEM_TRACE_TOOL" --nonsense
	[ $? -eq 2 ] || return
	"$FASTMEM_TRACE_TOOL" pack --max-ops x "$dir/none" "$dir/e.trace"
	[ $? -eq 2 ] || return
	"$FASTMEM_TRACE_TOOL" info "$dir/none"
	[ $? -eq 1 ] || return
	for option in --nonsense '' --skip; do
		"$record" $option
		[ $? -eq 2 ] || return
	done
	"$record" -o "$dir/none/e.trace" --libc -- true
	[ $? -eq 125 ]
}

both_commands_say_their_version()
{
	"$FASTMEM_TRACE_TOOL" --version | grep -x 'dpdk-fastmem-trace [0-9]*\.[0-9]*' &&
		"$record" --version | grep -x 'dpdk-fastmem-record [0-9]*\.[0-9]*'
}

a_log_that_cannot_be_written_does_not_stop_the_program()
{
	LD_PRELOAD=$FASTMEM_RECORD_LIBRARY FASTMEM_RECORD=$dir/none/log FASTMEM_RECORD_LIBC=1 ls / \
		2>"$dir/err" &&
		grep 'fastmem recorder: cannot write' "$dir/err"
}

no_log_of_no_entries()
{
	LD_PRELOAD=$FASTMEM_RECORD_LIBRARY FASTMEM_RECORD=$dir/empty FASTMEM_RECORD_LIBC=1 \
		FASTMEM_RECORD_MAX=0 ls / 2>"$dir/err" &&
		grep 'invalid FASTMEM_RECORD_MAX=0: expected .*, and not 0; not recording' "$dir/err" &&
		[ ! -e "$dir/empty" ]
}

programs_it_starts_have_logs_of_their_own()
{
	LD_PRELOAD=$FASTMEM_RECORD_LIBRARY FASTMEM_RECORD=$dir/log.%p FASTMEM_RECORD_LIBC=1 \
		FASTMEM_RECORD_MAX=10000 sh -c 'sort /etc/passwd; sort /etc/group; true' &&
		[ "$(ls "$dir"/log.* | wc -l)" -eq 3 ] &&
		"$FASTMEM_TRACE_TOOL" info "$dir"/log.* | grep -c 'program  *sort' | grep -x 2
}

a_file_that_is_no_trace_is_refused()
{
	! "$FASTMEM_TRACE_TOOL" info /etc/passwd 2>"$dir/err" &&
		grep 'not a fastmem trace' "$dir/err"
}

step a_program_is_recorded a_program_is_recorded
for test in a_dump_has_a_line_for_each_operation \
		the_exit_status_is_the_programs a_trace_is_no_larger_than_asked_for \
		a_program_that_is_not_there_is_an_error \
		wrong_arguments_are_told_from_wrong_files both_commands_say_their_version \
		a_log_that_cannot_be_written_does_not_stop_the_program \
		no_log_of_no_entries \
		programs_it_starts_have_logs_of_their_own a_file_that_is_no_trace_is_refused; do
	promise $test $test
done
promises_end
