#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests that the environment does not choose programs or files for a program that has more rights
# than its user: a copy of test-debug-program that belongs to root, has the set-user-ID bit, and is
# started by somebody else.

usage() {
	echo 'usage: test_secure.sh PROGRAM [PROGRAM_WITH_THE_MALLOC_LIBRARY]'
}

case "${1:-}" in
-h|--help) usage; exit ;;
esac
[ $# -eq 1 ] || [ $# -eq 2 ] || { usage >&2; exit 2; }
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
	echo 'left out: needs root, and setpriv'
	exit 77
fi

user=65534 # nobody
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -m 1777 "$scratch/theirs" # theirs: of whoever starts the program
mkdir -m 0755 "$scratch/bin"
chmod 0755 "$scratch"
cp "$1" "$scratch/plain"
cp "$1" "$scratch/secure"
chmod 4755 "$scratch/secure"
if [ $# -eq 2 ]; then
	cp "$2" "$scratch/plain_malloc"
	cp "$2" "$scratch/secure_malloc"
	chmod 4755 "$scratch/secure_malloc"
fi
passed=0
failed=0

# Tools that only say that they were started.
for tool in llvm-addr2line addr2line eu-addr2line; do
	printf '#!/bin/sh\n: >%s/theirs/started\n' "$scratch" >"$scratch/bin/$tool"
	chmod 0755 "$scratch/bin/$tool"
done

promise() {
	local name=$1

	shift
	if "$@"; then
		echo "secure.$name: ok"
		passed=$((passed + 1))
	else
		cat "$scratch/log"
		echo "secure.$name: FAILED"
		failed=$((failed + 1))
	fi
}

# run PROGRAM WHAT [VARIABLE=VALUE...]
run() {
	local program=$1 what=$2

	shift 2
	rm -rf "${scratch:?}/theirs/"*
	(umask 0; setpriv --reuid $user --regid $user --clear-groups \
		env "XDG_RUNTIME_DIR=$scratch/theirs" "PATH=$scratch/bin:/usr/bin:/bin" "$@" \
		"$scratch/$program" --no-huge -m 64 --no-pci --no-telemetry -l 0 \
		--file-prefix "fastmem-secure-$$" -- "$what" >"$scratch/log" 2>&1)
	rm -rf "/var/run/dpdk/fastmem-secure-$$"
}
prints() { grep -qE -- "$1" "$scratch/log"; }

ignores_the_environment() {
	run secure nothing "RTE_FASTMEM_DEBUG=full,report=$scratch/theirs/report" &&
		prints '^init 0 level 1$' && prints 'RTE_FASTMEM_DEBUG is ignored' &&
		[ ! -e "$scratch/theirs/report" ]
}

obeys_it_otherwise() {
	run plain nothing "RTE_FASTMEM_DEBUG=full,report=$scratch/theirs/report" &&
		prints '^init 0 level 3$' && ! prints 'is ignored' &&
		[ -f "$scratch/theirs/report" ]
}

names_lines() {
	run "$1" conf_full_double_free && prints 'FASTMEM: ERROR: double free' &&
		prints 'test_debug_program\.c:[0-9]+' && [ ! -e "$scratch/theirs/started" ]
}

follows_no_link() {
	echo precious >"$scratch/theirs_not"
	chmod 0666 "$scratch/theirs_not"
	ln -sf "$scratch/theirs_not" "$scratch/link"
	run plain conf_full_double_free "RTE_FASTMEM_DEBUG=full,report=$scratch/link,on-error=continue" &&
		prints "annot write reports to $scratch/link: it is a symbolic link" &&
		prints 'FASTMEM: ERROR: double free' && [ "$(cat "$scratch/theirs_not")" = precious ]
}

keeps_reports_private() {
	run plain double_free "RTE_FASTMEM_DEBUG=full,report=$scratch/theirs/report,on-error=continue" &&
		grep -q 'double free' "$scratch/theirs/report" &&
		[ "$(stat -c %a "$scratch/theirs/report")" = 600 ]
}

# use_malloc PROGRAM: with all files that the environment of the preloaded library can name
use_malloc() {
	run "$1" count "RTE_FASTMEM_MALLOC_REPORT=$scratch/theirs/report" \
		"RTE_FASTMEM_MALLOC_TRACE=$scratch/theirs/trace"
}
makes_no_files() {
	use_malloc secure_malloc && prints 'RTE_FASTMEM_MALLOC_REPORT is ignored' &&
		prints 'RTE_FASTMEM_MALLOC_TRACE is ignored' &&
		[ ! -e "$scratch/theirs/report" ] && [ ! -e "$scratch/theirs/trace" ]
}
makes_them_otherwise() {
	use_malloc plain_malloc && ! prints 'is ignored' && [ -s "$scratch/theirs/report" ] &&
		[ -s "$scratch/theirs/trace" ]
}

promise a_set_user_id_program_ignores_the_environment ignores_the_environment
promise an_ordinary_program_obeys_it obeys_it_otherwise
promise a_set_user_id_program_names_lines_and_starts_no_program names_lines secure
promise so_does_an_ordinary_program names_lines plain
promise reports_follow_no_symbolic_link follows_no_link
promise reports_are_for_their_owner_alone keeps_reports_private
if [ -e "$scratch/secure_malloc" ]; then
	promise the_malloc_library_makes_no_files_for_a_set_user_id_program makes_no_files
	promise it_does_for_an_ordinary_program makes_them_otherwise
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
