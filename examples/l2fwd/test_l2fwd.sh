#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# Tests l2fwd: the packets of two pcap files come out of the other ports, and each session ends.

usage() {
	cat <<-END
	usage: test_l2fwd.sh PROGRAM [RUNNER...]

	Runs PROGRAM, with a RUNNER if given: a command that is given PROGRAM and its arguments,
	such as "tools/with-eal.sh --no-huge".
	END
}

case "${1:-}" in
-h|--help) usage; exit ;;
''|-*) usage >&2; exit 2 ;;
esac
program=$1
shift
runner=("$@")
suite=l2fwd
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pcap=$(dirname "$0")/make_pcap.py
passed=0
failed=0

promise() {
	local name=$1

	shift
	if "$@" >"$scratch/log" 2>&1; then
		echo "$suite.$name: ok"
		passed=$((passed + 1))
	else
		cat "$scratch/log"
		echo "$suite.$name: FAILED"
		failed=$((failed + 1))
	fi
}

makes_packets() {
	"$pcap" make "$scratch/in0" 3000 64 >"$scratch/made0" &&
		"$pcap" make "$scratch/in1" 1000 16 >"$scratch/made1"
}

# forwards NAME OPTION...: what l2fwd prints goes to NAME, what it sends to NAME.0 and NAME.1.
forwards() {
	local name=$scratch/$1

	shift
	"${runner[@]}" "$program" --vdev="net_pcap0,rx_pcap=$scratch/in0,tx_pcap=$name.0" \
		--vdev="net_pcap1,rx_pcap=$scratch/in1,tx_pcap=$name.1" -- --until-idle "$@" \
		>"$name" 2>"$name.err" || { cat "$name" "$name.err"; return 1; }
}

says() { grep -Fx -- "$2" "$scratch/$1" || { echo "does not say: $2"; cat "$scratch/$1"; return 1; }; }

same_packets() {
	"$pcap" compare "$scratch/in0" "$scratch/plain.1" 1 &&
		"$pcap" compare "$scratch/in1" "$scratch/plain.0" 0
}

counts_packets() {
	says plain 'port 0: 3000 received, 1000 sent, 0 dropped' &&
		says plain 'port 1: 1000 received, 3000 sent, 0 dropped'
}

# Those of one port may end before the last packet, and begin again.
sessions_end() {
	local n0 pairs0 bytes0 n1 pairs1 bytes1 made

	read -r n0 pairs0 bytes0 <"$scratch/made0"
	read -r n1 pairs1 bytes1 <"$scratch/made1"
	made=$(sed -n 's/^sessions: \([0-9]*\) made, .*/\1/p' "$scratch/plain")
	says plain "sessions: $((n0 + n1)) packets, $((bytes0 + bytes1)) bytes" &&
		grep "^sessions: $made made, $made ended, 0 refused, " "$scratch/plain" &&
		[ "$made" -ge $((pairs0 > pairs1 ? pairs0 : pairs1)) ]
}

memory() { sed -n "s/^memory $1: \([0-9]*\) bytes.*/\1/p" "$scratch/plain"; }

gives_memory_back() {
	cat "$scratch/plain"
	[ "$(memory 'at the start')" -gt 0 ] && [ "$(memory 'at the end')" -gt 0 ] &&
		[ "$(memory 'given back')" = 0 ]
}

refuses_what_is_too_much() {
	forwards few --max-sessions 10 && grep -E '^sessions: .* [1-9][0-9]* refused' "$scratch/few" &&
		says few 'port 0: 3000 received, 1000 sent, 0 dropped'
}

names_wrong_options() {
	! forwards wrong --timeout-ms 0 && grep -q -- '--timeout-ms: 1 to' "$scratch/wrong.err"
}

promise makes_packets makes_packets
promise forwards_until_it_is_idle forwards plain --timeout-ms 50
promise counts_packets_at_both_ports counts_packets
promise sends_what_it_has_received same_packets
promise each_session_ends_by_its_timer sessions_end
promise all_mbufs_are_back says plain 'mbufs: 0 in use'
promise all_memory_is_given_back gives_memory_back
promise forwards_what_has_no_session refuses_what_is_too_much
promise names_wrong_options names_wrong_options

echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
