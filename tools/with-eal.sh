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

# What follows starts no other program, as it runs hundreds of times in "make test".

# CPUs that this process may use, as in 0,1,4. The kernel writes 0-1,4.
cpus=
find_cpus() {
	local key list part cpu

	while read -r key list; do
		[ "$key" != Cpus_allowed_list: ] || break
	done </proc/self/status
	for part in ${list//,/ }; do
		for ((cpu = ${part%-*}; cpu <= ${part#*-}; cpu++)); do
			cpus+=${cpus:+,}$cpu
		done
	done
}

# Each of the first two CPUs for one lcore, or all of them for all lcores.
lcore_map=()
find_lcore_map() {
	find_cpus
	if [ -n "$lcores" ]; then
		lcore_map=("--lcores=(0-$((lcores - 1)))@($cpus)")
	elif [[ $cpus =~ ^[0-9]+(,[0-9]+)? ]]; then
		lcore_map=(-l "${BASH_REMATCH[0]}")
	fi
}
find_lcore_map

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
if [ "$EUID" != 0 ]; then
	export XDG_RUNTIME_DIR
	XDG_RUNTIME_DIR=$(mktemp -d)
	runtime=$XDG_RUNTIME_DIR
fi
prefix=fastmem-$$

clean_up() {
	local dir kind file files=()

	while read -r _ dir kind _; do
		[ "$kind" = hugetlbfs ] || continue
		for file in "$dir/${prefix}map_"*; do
			[ ! -e "$file" ] || files+=("$file")
		done
	done </proc/mounts
	[ ! -e "$runtime/dpdk/$prefix" ] || files+=("$runtime/dpdk/$prefix")
	[ "$EUID" = 0 ] || files+=("$runtime")
	[ ${#files[@]} = 0 ] || rm -rf "${files[@]}"
}
trap clean_up EXIT

set -- --no-pci "${lcore_map[@]}" --file-prefix "$prefix" "$@"
[ -z "$pa" ] || set -- --iova-mode=pa "$@"
# A size that the caller gives wins.
if [ $pages = no-huge ]; then
	[[ " $* " == *" -m "* ]] || set -- -m "$memory" "$@"
	set -- --no-huge "$@"
elif [[ " $* " != *" --socket-limit"* ]]; then
	set -- --socket-limit="$memory" "$@"
fi
"$program" "$@"
