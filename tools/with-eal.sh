#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs a program on EAL with options that suit any machine, and leaves no file behind.

usage() {
	cat <<-END
	usage: tools/with-eal.sh [option...] PROGRAM [EAL option...] [-- argument...]

	  --huge          on huge pages (the default)
	  --no-huge       on ordinary pages
	  --pa            with physical addresses as IO addresses; exit status 77 where there are none
	  --lcores N      with N lcores, which share the CPUs there are (default: one for each of at
	                  most 2 CPUs)
	  --memory MB     with that much memory on ordinary pages, or on each socket's huge pages at
	                  most (default: 512), so that others find some beside it
	END
}

pages=huge
pa=
lcores=
memory=512
while [ $# -gt 0 ]; do
	case "$1" in
	--huge) pages=huge ;;
	--no-huge) pages=no-huge ;;
	--pa) pa=yes ;;
	--lcores) lcores=$2; shift ;;
	--memory) memory=$2; shift ;;
	-h|--help) usage; exit ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
program=$1
shift

# CPUs that this process may use, as in 0,1,4
cpus() {
	python3 -c 'import os; print(",".join(map(str, sorted(os.sched_getaffinity(0)))))'
}

# Each of the CPUs for one lcore, or all of them for all lcores.
lcore_map() {
	if [ -z "$lcores" ]; then
		echo "-l $(cpus | cut -d, -f1,2)"
	else
		echo "--lcores=(0-$((lcores - 1)))@($(cpus))"
	fi
}

# The kernel shows root the frame of a page; where it does not, EAL knows no physical address.
physical_addresses_known() {
	python3 - <<-'END'
	import ctypes, sys
	page = ctypes.create_string_buffer(b"x", 8192)
	try:
	    with open("/proc/self/pagemap", "rb") as pagemap:
	        pagemap.seek((ctypes.addressof(page) + 4095) // 4096 * 8)
	        entry = int.from_bytes(pagemap.read(8), "little")
	except OSError:
	    entry = 0
	sys.exit(entry & ((1 << 55) - 1) == 0)
	END
}

if [ -n "$pa" ] && ! physical_addresses_known; then
	echo 'left out: physical addresses are not known here'
	exit 77
fi

# Where EAL keeps its files: without root, a folder of this run's own.
runtime=/var/run
if [ "$(id -u)" != 0 ]; then
	export XDG_RUNTIME_DIR
	XDG_RUNTIME_DIR=$(mktemp -d)
	runtime=$XDG_RUNTIME_DIR
fi
prefix=fastmem-$$

clean_up() {
	local dir

	for dir in $(awk '$3 == "hugetlbfs" { print $2 }' /proc/mounts); do
		rm -f "$dir/${prefix}map_"*
	done
	rm -rf "$runtime/dpdk/$prefix"
	[ "$(id -u)" = 0 ] || rm -rf "$runtime"
}
trap clean_up EXIT

# shellcheck disable=SC2046 # lcore_map says one or two words
set -- --no-pci $(lcore_map) --file-prefix "$prefix" "$@"
[ -z "$pa" ] || set -- --iova-mode=pa "$@"
# A size that the caller gives wins.
if [ $pages = no-huge ]; then
	[[ " $* " == *" -m "* ]] || set -- -m "$memory" "$@"
	set -- --no-huge "$@"
elif [[ " $* " != *" --socket-limit"* ]]; then
	set -- --socket-limit="$memory" "$@"
fi
"$program" "$@"
