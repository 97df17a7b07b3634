# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=bash

# Completion of the options of fastmem's commands, as their --help has them.

_fastmem_options() { "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u; }

# Values of an option: of those that have a few.
_fastmem_values() {
	case "$1 $2" in
	'fastmem-run --check') echo 'light full sample=' ;;
	'fastmem-run --mempools') echo 'on grow' ;;
	fastmem-top\ -v|fastmem-top\ --view) echo 'sizes pools threads processes' ;;
	esac
}

# Whether the words before the last one are options of fastmem-run, and no program yet.
_fastmem_run_has_program() {
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case "${COMP_WORDS[i]}" in
		--trace|--library) i=$((i + 1)) ;;
		-*|=) ;;
		*) [ "${COMP_WORDS[i - 1]}" = = ] || return 0 ;;
		esac
	done
	return 1
}

_fastmem_tool() {
	local command=$1 word=$2 before=${COMP_WORDS[COMP_CWORD - 1]}

	# Bash takes "=" for a word of its own, or not, as COMP_WORDBREAKS has it.
	[ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
	[[ "$word" != --*=* ]] || { before=${word%%=*}; word=${word#*=}; }
	[ "$word" != = ] || word=
	if [ -n "$(_fastmem_values "$(basename "$command")" "$before")" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_fastmem_values "$(basename "$command")" "$before")" -- "$word")
	elif [ "$(basename "$command")" = fastmem-run ] && _fastmem_run_has_program; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	elif [[ "$word" == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_fastmem_options "$command")" -- "$word")
	elif [ "$(basename "$command")" = fastmem-run ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}

complete -o filenames -F _fastmem_tool fastmem-run fastmem-top fastmem-map dpdk-fastmem-perf \
	dpdk-fastmem-perf-plot dpdk-fastmem-record dpdk-fastmem-trace
