#! /bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Record the traces in ../traces again, from the programs of the machine it runs on.

set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

usage()
{
	cat <<-END
	usage: record.sh [options] [NAME...]

	Records the traces in ../traces, all of them or those that are named:

	$(list_programs)

	  --build DIR    meson build directory, or prefix, that has the recorder (default: build)
	  --output DIR   where to write the traces (default: ../traces)
	  --max-bytes N  cut each trace to N bytes (default 1100000)
	  --no-huge      run DPDK without huge pages, even if there are some
	  --install      apt-get install the programs first
	  -h, --help     this text

	Needs root for DPDK's huge pages; without any it runs DPDK with --no-huge. Traces differ a
	little from one recording to the next, as the programs' timing does.
	END
}

list_programs()
{
	sed -n 's/^# what: /  /p' "$here"/programs/*.sh
}

die()
{
	echo "record.sh: $*" >&2
	exit 1
}

find_build()
{
	for dir in "$build/app/test-fastmem-perf/recorder" "$build/bin"; do
		if [ -x "$dir/dpdk-fastmem-trace" ]; then
			tools=$dir
			return
		fi
	done
	die "no dpdk-fastmem-trace in $build: build first, or name the directory with --build"
}

# For the programs' scripts: record TRACE [options of dpdk-fastmem-record] -- PROGRAM...
# What the program prints goes to a file that is shown if the recording fails.
record()
{
	name=$1
	shift
	echo "recording $name"
	if ! FASTMEM_RECORD_LIBRARY=${FASTMEM_RECORD_LIBRARY:-$tools/librte_fastmem_record.so} \
			FASTMEM_TRACE_TOOL=$tools/dpdk-fastmem-trace \
			"$here/../recorder/dpdk-fastmem-record" -o "$work/$name.trace" \
			--max-bytes "$max_bytes" "$@" >"$work/$name.out" 2>&1; then
		tail -30 "$work/$name.out" >&2
		die "$name could not be recorded"
	fi
	sed -n '/cut to/p' "$work/$name.out"
	"$tools/dpdk-fastmem-trace" info "$work/$name.trace" | tail -n +2
	mv "$work/$name.trace" "$output/$name.trace"
}

build=build
output=$here/../traces
max_bytes=1100000
install=false
huge=true
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--build | --output | --max-bytes)
		[ $# -ge 2 ] || die "$1 needs a value"
		case $1 in
		--build) build=$2 ;;
		--output) output=$2 ;;
		--max-bytes) max_bytes=$2 ;;
		esac
		shift
		;;
	--install) install=true ;;
	--no-huge) huge=false ;;
	-*) die "unknown option $1; see --help" ;;
	*) break ;;
	esac
	shift
done
for name; do
	[ -f "$here/programs/$name.sh" ] || die "no $name; see --help"
done
if $install; then
	apt-get update
	apt-get install -y --no-install-recommends dpdk dpdk-dev openvswitch-switch \
		openvswitch-switch-dpdk sqlite3
fi
find_build
mkdir -p "$output"
output=$(CDPATH='' cd -- "$output" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/fastmem-record.XXXXXX")
trap 'rm -rf "$work"' EXIT

eal="--no-pci --file-prefix=fastmem_record"
free_pages=/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages
if $huge && [ "$(cat $free_pages 2>/dev/null || echo 0)" -ge 192 ]; then
	eal="$eal -m 256"
else
	huge=false
	eal="$eal -m 1024 --no-huge" # all the memory there will be
fi

if [ $# -eq 0 ]; then
	for script in "$here"/programs/*.sh; do
		set -- "$@" "$(basename "$script" .sh)"
	done
fi
for name; do
	. "$here/programs/$name.sh"
done
