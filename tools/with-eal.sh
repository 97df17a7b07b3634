#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs a program on EAL with options that suit any machine, and leaves no file behind.

usage() {
	cat <<-END
	usage: tools/with-eal.sh [option...] PROGRAM [EAL option...] [-- argument...]

	  --huge          on huge pages (the default)
	  --no-huge       on ordinary pages
	  --lcores N      with N lcores, which share the CPUs there are (default: one for each of at
	                  most 2 CPUs)
	  --memory MB     with that much memory, when on ordinary pages (default: 512)
	END
}

pages=huge
lcores=
memory=512
while [ $# -gt 0 ]; do
	case "$1" in
	--huge) pages=huge ;;
	--no-huge) pages=no-huge ;;
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
[ $pages = huge ] || set -- --no-huge -m "$memory" "$@"
"$program" "$@"
