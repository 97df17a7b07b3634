#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Runs Open vSwitch as the recorder of traces does (see app/test-fastmem-perf/record), and prints
# what it says of its state at each step, and what it has logged. Left out, or replaced, is what
# varies from run to run: numbers of packets, bytes, seconds and datapath flows, identifiers,
# addresses, and how busy it was.

set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

usage()
{
	cat <<-END
	usage: openvswitch.sh [--no-huge] [--preload LIBRARY --report FILE] [--trace FOLDER] [--steps]

	LIBRARY is librte_fastmem_malloc.so, which writes its report to FILE. EAL's trace of fastmem goes
	to a folder below FOLDER when the daemon is told to save it. With --steps, it says at each
	step "step NAME PREFIX", with EAL's file prefix, and goes on when it has read a line.
	END
}

die()
{
	echo "openvswitch.sh: $*" >&2
	cat "$work/out" >&2
	exit 1
}

# record TRACE [option...] -- PROGRAM...: here, run it, with what is to be preloaded.
record()
{
	while [ "$1" != -- ]; do
		shift
	done
	shift
	if [ -n "$library" ]; then
		export LD_PRELOAD="$library" RTE_FASTMEM_MALLOC="${RTE_FASTMEM_MALLOC:-on}" \
			RTE_FASTMEM_MALLOC_REPORT="$report"
	fi
	exec "$@" >"$work/out" 2>&1
}

ovs_ofctl()
{
	ovs-ofctl -O OpenFlow14 "$@" "$ovs_dir/br0.mgmt" | grep -v '^OFPST_'
}

ovs_note()
{
	if $steps; then
		echo "step $1 fastmem-$$" >&3
		read -r _ <&4
	fi
	echo "== $1"
	ovs_vsctl show | sort
	ovs_ofctl dump-ports-desc
	ovs_ofctl dump-flows | sed 's/.*priority=/priority=/' | sort
	ovs-appctl "$ovs_ctl" dpif-netdev/pmd-rxq-show | sed 's/\(usage\|overhead\):.*/\1/'
	ovs-appctl "$ovs_ctl" dpctl/dump-flows | sed 's/.*actions:/datapath flows with actions:/' |
		sort -u
}

# What it has done, and what went wrong.
ovs_log()
{
	echo "== log"
	sed 's/^[^|]*|[^|]*|//' "$ovs_dir/vswitchd.log" |
		grep -E '^[^|]*\|(WARN|ERR|EMER)\||^(dpdk|netdev_dpdk|bridge)\|' |
		grep -vE '^(timeval|ovs_rcu)[(|]|datapath ID|FASTMEM(_MALLOC)?: ' | sort -u
}

same()
{
	sed -E -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' \
		-e 's/fastmem-[0-9]+|fastmem\.[A-Za-z0-9]+/SCRATCH/g' \
		-e 's/0x[0-9a-f]{6,}/ADDRESS/g' \
		-e 's/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/g'
}

huge=true
library=
report=
trace=
steps=false
while [ $# -gt 0 ]; do
	case $1 in
	--no-huge) huge=false ;;
	--preload) library=$2; shift ;;
	--report) report=$2; shift ;;
	--trace) trace=$2; shift ;;
	--steps) steps=true ;;
	*) usage; exit 2 ;;
	esac
	shift
done
eal="--no-pci --file-prefix=fastmem-$$"
if $huge; then eal="$eal -m 128"; else eal="$eal -m 1024 --no-huge"; fi
[ -z "$trace" ] || eal="$eal --trace=lib.fastmem.* --trace-dir=$trace"
trap 'exit 1' INT TERM
work=$(mktemp -d "${TMPDIR:-/tmp}/fastmem.XXXXXX")
exec 3>&1 4<&0 </dev/null
. "$here/../../test-fastmem-perf/record/programs/openvswitch.sh" >"$work/states"
{ cat "$work/states"; ovs_log; } | same
