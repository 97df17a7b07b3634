#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# The long run of the tests that kill processes: it takes some minutes.

. "$(dirname "$0")/common.sh"

usage() {
	cat <<-END
	usage: tools/kill-test.sh [KILLS [STEPS]]

	  KILLS  processes to kill at random moments (default: 1000)
	  STEPS  deaths at chosen instructions of each slow operation (default: 100)

	Environment: BUILD=dir, FASTMEM_TEST_SEED=N. Needs huge pages, which EAL needs to share memory.
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
-*) usage >&2; exit 2 ;;
esac

tools/setup.sh test
mkdir -p "$BUILD/test"
huge_setup 256 || die "secondary processes need huge pages"
say "building into $BUILD/test/kill"
build_in "$BUILD/test/kill" --buildtype=release -Dasserts=true

say "killing ${1:-1000} processes at random, and ${2:-100} in each slow operation"
export FASTMEM_TEST_KILLS=${1:-1000} FASTMEM_TEST_STEPS=${2:-100}
tools/with-eal.sh --huge --lcores 4 "$BUILD/test/kill/app/test/dpdk-fastmem-test" -- kill kill_pools steps
