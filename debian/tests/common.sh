# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors
# shellcheck shell=sh

# What the tests of the packages share: source it.

set -eu

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
RUNTIME_DIRECTORY=$scratch
export RUNTIME_DIRECTORY
# Neither huge pages nor devices. Two lcores on one CPU: dpdk-testpmd forwards on another than its main one.
eal='--no-huge -m 256 --no-pci --no-telemetry --lcores=(0,1)@0'
export eal

failed()
{
	cat "$scratch/log"
	echo "FAILED: $*"
	exit 1
}

# ends STATUS PATTERN COMMAND...: so it ends, and says that; else the output is shown.
ends()
{
	expected=$1
	pattern=$2
	shift 2
	status=0
	"$@" >"$scratch/log" 2>&1 </dev/null || status=$?
	[ $status = "$expected" ] || failed "status $status, not $expected, of: $*"
	grep -q -- "$pattern" "$scratch/log" || failed "no '$pattern' of: $*"
	echo "ok: $*"
}

shows() { ends 0 "$@"; }
